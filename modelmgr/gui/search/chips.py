"""What is on, as chips to take off."""

from functools import partial

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QFontMetrics, QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QLineEdit, QMenu, QSizePolicy, QToolButton, QWidget

from modelmgr import search
from modelmgr.gui import theme
from modelmgr.gui.flow import FlowLayout, count_lines
from modelmgr.gui.search.filters import Filters
from modelmgr.gui.search.parts import Part, is_plain
from modelmgr.gui.search.saved import NAME_LIMIT, SavedFilters
from modelmgr.gui.search.suggest import explained
from modelmgr.gui.search.words import say, value_label
from modelmgr.gui.text import count_text, foreign_text, plain_tip
from modelmgr.values import ModelQuery

_CHIP_WIDTH, _NAME_WIDTH = 260, 200
MOST_CHIPS, MOST_LISTED = 12, 100
MOST_LINES = 2
"""Above a table the chips take so many lines; the others are in the menu of a button."""


class Chip(QToolButton):
    """One thing that is on. A click, Space, Delete or Backspace takes it off; the arrow keys go to its neighbours.

    Signals:
        taken_off(Part): it is to go.
        stepped(int): to the next chip, or the one before.
    """

    taken_off = Signal(object)
    stepped = Signal(int)

    def __init__(self, part: Part, label: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.part = part
        self.setObjectName("filterChip")
        self.setProperty("role", "chip")
        self.setProperty("excluded", part.excluded)
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        theme.set_icon(self, "x")
        theme.give_icon_size(self, 12)
        # The style sheet's font counts, for the words and for the size that the button remembers.
        self.ensurePolished()
        shown = QFontMetrics(self.font()).elidedText(label, Qt.TextElideMode.ElideMiddle, _CHIP_WIDTH)
        # An ampersand in a name is no mnemonic.
        self.setText(shown.replace("&", "&&"))
        self.setToolTip(plain_tip(self.tr("Take off “{}”").format(label)))
        self.setAccessibleName(self.tr("Take off the filter {}").format(label))
        self.clicked.connect(self._on_clicked)

    def sizeHint(self) -> QSize:
        # Qt holds room for a menu's mark behind the words.
        hint = super().sizeHint()
        return QSize(hint.width() - theme.S, hint.height())

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    @Slot()
    def _on_clicked(self) -> None:
        self.taken_off.emit(self.part)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = event.key()
        forward = Qt.Key.Key_Left if self.isRightToLeft() else Qt.Key.Key_Right
        if key in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace, Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._on_clicked()
        elif key in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            self.stepped.emit(1 if key == forward else -1)
        else:
            super().keyPressEvent(event)


class FilterChips(QWidget):
    """All that is on, as chips to take off; hidden while nothing is.

    What has no room is in the menu of a button, where it is taken off too: the table below keeps its place.

    Words that are searched for stand in the search field already: alone they make no row.

    Signals:
        emptied(): the last chip was taken off by hand; the keyboard wants a new place.
        shown_changed(bool): whether there is anything to show.

    Args:
        filters: what is on.
        saved: the saved filters; with them the row offers to save what is on.
        is_centred: the chips of a page, in the middle; words alone are shown too.
    """

    emptied = Signal()
    shown_changed = Signal(bool)

    def __init__(
        self,
        filters: Filters,
        parent: QWidget | None = None,
        *,
        saved: SavedFilters | None = None,
        is_centred: bool = False,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("filterChips")
        self.setAccessibleName(self.tr("Filters that are on"))
        self._filters = filters
        self._saved = saved
        self._is_page = is_centred
        self._made: list[Chip] = []
        self._rest: tuple[Part, ...] = ()
        self._more: QToolButton | None = None
        self._is_filling = False
        self._name: QLineEdit | None = None
        self._shown: tuple[object, ...] | None = None
        self._flow = FlowLayout(self, is_centred=is_centred)
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        filters.changed.connect(self._on_query_changed)
        if saved is not None:
            saved.current_changed.connect(self._show)
        self._show()

    @property
    def has_chips(self) -> bool:
        """Whether there is anything to show."""
        return bool(self._parts())

    def _parts(self) -> list[Part]:
        parts = self._filters.active()
        only_words = all(part.group == "search" for part in parts) and is_plain(self._filters.query.search)
        return [] if only_words and not self._is_page else parts

    @Slot(object)
    def _on_query_changed(self, _query: ModelQuery) -> None:
        self._show()

    @Slot()
    def _show(self) -> None:
        parts = self._parts()
        current = self._saved.current if self._saved is not None else None
        is_edited = self._saved.is_edited if self._saved is not None else False
        state = (tuple(parts), current, is_edited, self._name is not None)
        if state == self._shown:
            return
        self._shown = state
        focused = self._focused_place()
        had_focus = focused is not None
        self._is_filling = True
        self._flow.clear()
        self._name = None
        self._made = [Chip(part, chip_label(part), self) for part in parts[:MOST_CHIPS]]
        for chip in self._made:
            chip.taken_off.connect(self._filters.take_off)
            chip.stepped.connect(self._on_stepped)
            self._flow.addWidget(chip)
            chip.show()  # at once, so that it can take the keyboard
        self._more = self._link("moreFiltersButton", "", self._on_more)
        if len(parts) > 1 and not self._is_page:
            self._link("clearFiltersButton", self.tr("Clear all"), self._filters.clear)
        if parts and self._saved is not None:
            self._offer_saving(current, is_edited)
        self.setVisible(bool(parts))
        self._is_filling = False
        self._fit()
        self.updateGeometry()
        self.shown_changed.emit(bool(parts))
        if had_focus:
            self._focus_chip(focused or 0)

    # --- what has room ----------------------------------------------------------------------------------

    def _fit(self) -> None:
        """Show the chips that have room; the button for the others says how many they are."""
        more, parts = self._more, self._parts()
        # To show a widget lays out what is around it at once: it must not be hidden in the middle of that.
        if more is None or self._is_filling:
            return
        self._is_filling = True
        behind = [widget for widget in self._widgets() if not isinstance(widget, Chip) and widget is not more]
        tail = [widget.sizeHint().width() for widget in behind if not widget.isHidden()]
        widths = [chip.sizeHint().width() for chip in self._made]
        shown = len(self._made)
        while True:
            rest = len(parts) - shown
            more.setText(self.tr("+{} more").format(count_text(rest)) if rest else "")
            row = [*widths[:shown], *([more.sizeHint().width()] if rest else []), *tail]
            if self._is_page or shown <= 1 or count_lines(row, self.width()) <= MOST_LINES:
                break
            shown -= 1
        had_focus = any(chip.hasFocus() for chip in self._made[shown:])
        for place, chip in enumerate(self._made):
            chip.setHidden(place >= shown)
        more.setHidden(not rest)
        self._rest = tuple(parts[shown:])
        words = self.tr("Show what else is on, to take it off")
        more.setToolTip(plain_tip(words))
        more.setAccessibleDescription(words)
        self._is_filling = False
        if had_focus:
            more.setFocus(Qt.FocusReason.OtherFocusReason)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    @Slot()
    def _on_more(self) -> None:
        """Offer the others in a menu: whoever takes one off finds the next at its place."""
        if self._more is None:
            return
        menu = QMenu(self)
        menu.setObjectName("moreFiltersMenu")
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for part in self._rest[:MOST_LISTED]:
            label = menu.fontMetrics().elidedText(
                chip_label(part), Qt.TextElideMode.ElideMiddle, 2 * _CHIP_WIDTH
            )
            action = menu.addAction(theme.icon("x"), label.replace("&", "&&"))
            action.setToolTip(plain_tip(self.tr("Take off “{}”").format(chip_label(part))))
            action.triggered.connect(partial(self._filters.take_off, part))
        if len(self._rest) > MOST_LISTED:
            words = self.tr("and {} more").format(count_text(len(self._rest) - MOST_LISTED))
            menu.addAction(words).setEnabled(False)
        menu.setToolTipsVisible(True)
        menu.popup(self._more.mapToGlobal(self._more.rect().bottomLeft()))

    # --- focus ------------------------------------------------------------------------------------------

    def _widgets(self) -> list[QWidget]:
        items = (self._flow.itemAt(place) for place in range(self._flow.count()))
        return [widget for item in items if item is not None and (widget := item.widget()) is not None]

    def _chips(self) -> list[Chip]:
        return [chip for chip in self._made if not chip.isHidden()]

    def _focused_place(self) -> int | None:
        return next((place for place, chip in enumerate(self._chips()) if chip.hasFocus()), None)

    def _focus_chip(self, place: int) -> None:
        chips = self._chips()
        if chips:
            chips[max(0, min(place, len(chips) - 1))].setFocus(Qt.FocusReason.OtherFocusReason)
        else:
            self.emptied.emit()

    @Slot(int)
    def _on_stepped(self, by: int) -> None:
        self._focus_chip((self._focused_place() or 0) + by)

    # --- saving -----------------------------------------------------------------------------------------

    def _link(self, name: str, text: str, slot: object) -> QToolButton:
        button = QToolButton(self)
        button.setObjectName(name)
        button.setText(text.replace("&", "&&"))
        button.setProperty("role", "chip-clear")
        button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        button.clicked.connect(slot)
        self._flow.addWidget(button)
        button.show()
        return button

    def _offer_saving(self, current: str | None, is_edited: bool) -> None:
        if current is not None and not is_edited:
            return  # it is saved as it is
        if current is not None:
            words = self.tr("Save “{}”").format(foreign_text(current, 24))
            self._link("saveChangesButton", words, self._on_save_changes)
            self._link("saveFilterButton", self.tr("Save as…"), self.begin_saving)
        else:
            self._link("saveFilterButton", self.tr("Save…"), self.begin_saving)

    @Slot()
    def _on_save_changes(self) -> None:
        if self._saved is not None and self._saved.current is not None:
            self._saved.save(self._saved.current)

    @Slot()
    def begin_saving(self) -> None:
        """Ask for a name, in the row itself; Enter saves, Escape doesn't."""
        if self._saved is None or self._name is not None or not self.has_chips:
            return
        edit = _NameEdit(self)
        edit.setText(self._suggested_name())
        edit.selectAll()
        edit.named.connect(self._on_named)
        edit.given_up.connect(self._on_given_up)
        self._name = edit
        for widget in self._widgets():
            if widget.objectName() in ("saveFilterButton", "saveChangesButton"):
                widget.hide()
        self._flow.addWidget(edit)
        edit.show()
        edit.setFocus(Qt.FocusReason.OtherFocusReason)
        self._fit()
        self.updateGeometry()

    def _suggested_name(self) -> str:
        assert self._saved is not None
        name = ", ".join(chip_label(part, bare=True) for part in self._parts())
        name = name if len(name) <= 48 else name[:47].rstrip(", ") + "…"
        taken, number, made = self._saved.names, 1, name
        while made in taken:
            number += 1
            made = f"{name} {number}"
        return made

    @Slot(str)
    def _on_named(self, name: str) -> None:
        self._drop_name()
        if self._saved is not None:
            self._saved.save(name)
        self._focus_chip(0)

    @Slot()
    def _on_given_up(self) -> None:
        self._drop_name()
        self._focus_chip(0)

    def _drop_name(self) -> None:
        self._name = None
        self._shown = None
        self._show()


class _NameEdit(QLineEdit):
    """Takes the name of a filter that is to be saved.

    Signals:
        named(str): Enter. given_up(): Escape, or the keyboard went elsewhere.
    """

    named = Signal(str)
    given_up = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("saveFilterName")
        self.setProperty("role", "find")
        self.setAccessibleName(self.tr("Name of the saved filter"))
        self.setPlaceholderText(self.tr("Name, then Enter"))
        self.setMaxLength(NAME_LIMIT)
        self.setAcceptDrops(False)
        self.setFixedWidth(QFontMetrics(self.font()).averageCharWidth() * 30 or _NAME_WIDTH)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.given_up.emit()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            if self.text().strip():
                self.named.emit(self.text())
        else:
            super().keyPressEvent(event)


def chip_label(part: Part, *, bare: bool = False) -> str:
    """Return what a chip says: ``Type: LoRA``, ``Not tag: wip``, ``larger than 2 GB``; `bare` without the group."""
    if part.group == "search":
        return _search_label(part.value, bare=bare)
    if part.group == "favorite":
        return say("Not favourites") if part.excluded else say("Favourites")
    label = value_label(part.group, part.value)
    if part.group == "folders" and bare:
        label = label.replace("\\", "/").rsplit("/", 1)[-1]
    return _group_label(part.group, label, excluded=part.excluded, bare=bare)


def _group_label(group: str, label: str, *, excluded: bool, bare: bool) -> str:
    if bare:
        return say("not {}").format(label) if excluded else label
    name = {
        "types": say("Type"),
        "base_models": say("Base"),
        "tags": say("Tag"),
        "folders": say("Folder"),
        "states": say("State"),
    }[group]
    if excluded:
        return say("Not {}: {}").format(name.lower(), label)
    return f"{name}: {label}"


def _search_label(text: str, *, bare: bool) -> str:
    tokens = search.parse(text).tokens
    if len(tokens) == 1 and tokens[0].ok and tokens[0].term is not None:
        token, term = tokens[0], tokens[0].term
        field = search.field_of(token.field) if token.field else None
        if (
            field is not None
            and field.group
            and all(value.match is search.Match.IS and value.words for value in term.values)
        ):
            # The same words as for the same value of a facet.
            label = ", ".join(value_label(field.group, value.text) for value in term.values)
            return _group_label(field.group, label, excluded=token.negated, bare=bare)
    if not all(token.ok for token in tokens):
        return foreign_text(text, 200)
    if all(not token.field and not token.negated for token in tokens):
        shown = foreign_text(tokens[0].value if len(tokens) == 1 else text, 200)
        return f"“{shown}”" if len(tokens) == 1 else shown
    sentence = foreign_text("; ".join(explained(text)), 200)
    return sentence[:1].upper() + sentence[1:]
