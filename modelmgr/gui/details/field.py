"""One light column that is read and edited at the same place.

A field is text until it is clicked (or Enter is pressed on it); then it is an editor, until Enter, or until something
else is clicked. What several models do not have in common is shown as "different" and left alone unless it is typed.
"""

from collections.abc import Sequence
from dataclasses import replace

from PySide6.QtCore import QEvent, QObject, QSize, QStringListModel, Qt, Signal, Slot
from PySide6.QtGui import (
    QContextMenuEvent,
    QEnterEvent,
    QFocusEvent,
    QGuiApplication,
    QKeyEvent,
    QMouseEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import (
    QApplication,
    QComboBox,
    QFrame,
    QLineEdit,
    QMenu,
    QPlainTextEdit,
    QSizePolicy,
    QToolButton,
    QWidget,
)

from modelmgr.errors import Usage
from modelmgr.gui import boxes, theme
from modelmgr.gui.details.chips import ChipsEdit
from modelmgr.gui.details.editor import CORRECTED
from modelmgr.gui.details.facts import FRAME_PX, label_width, why_words
from modelmgr.gui.details.field_editors import Value, Ways, make_editor, put_text, text_in, told
from modelmgr.gui.labels import WrappingLabel
from modelmgr.gui.reasons import origin_text, source_label
from modelmgr.gui.sentences import spoken
from modelmgr.gui.text import column_label, column_text, foreign_text, plain_tip
from modelmgr.values import Origin, Provenance

_LINES = 6
_MARK_PX = 14
_ENTRY_CHARS = 32


class Field(QFrame):
    """One column.

    Signals:
        edited(str, object): column and its new value, as `modelmgr.edits.checked` takes it.
        entries_edited(str, object, object): of a list: column, the entries that came, those that went.
        reset(str): the user wants the imported value back.
        typed(str, str): column and what is in its editor, for the case of a crash.
        given_up(str): what was typed is not wanted.
        began(str): it became an editor; words to complete with may be given to it.
        origin_wanted(str): where the value comes from is wanted; `show_provenance` tells it.
        compare_wanted(): the user wants to see what each source says.
        why_wanted(): the user wants to see what in the file decided.
    """

    edited = Signal(str, object)
    entries_edited = Signal(str, object, object)
    reset = Signal(str)
    typed = Signal(str, str)
    given_up = Signal(str)
    began = Signal(str)
    origin_wanted = Signal(str)
    compare_wanted = Signal()
    why_wanted = Signal()

    def __init__(self, column: str, parent: QWidget | None = None, *, prefix: str = "") -> None:
        super().__init__(parent)
        self.column = column
        self._prefix = prefix
        self.setObjectName(f"{prefix}{column}Field")
        self.setProperty("role", "field")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self._value = Value()
        self._editor: QWidget | None = None
        self._known: Sequence[str] = ()
        label = self._label = theme.plain_label(column_label(column), "secondary", self)
        label.setFixedWidth(label_width(self))
        label.setContentsMargins(0, 1, 0, 0)
        # Both ends of an address tell more than its middle.
        is_address = column == "source_url"
        mode = Qt.TextElideMode.ElideMiddle if is_address else Qt.TextElideMode.ElideRight
        self._shown = WrappingLabel(1 if is_address else _LINES, self, mode=mode)
        name = "triggerWords" if column == "trigger_words" else f"{column}Value"
        self._shown.setObjectName(f"{prefix}{name}")
        self._origin = QToolButton(self)
        self._origin.setObjectName(f"{prefix}{column}Origin")
        self._origin.setProperty("role", "origin")
        theme.give_icon_size(self._origin, _MARK_PX)
        policy = self._origin.sizePolicy()
        policy.setRetainSizeWhenHidden(not prefix)
        self._origin.setSizePolicy(policy)
        # One stop a field: the menu key, or Alt and the arrow down, opens what the mark opens.
        self._origin.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._origin.clicked.connect(self._on_origin)
        self._problem = theme.paragraph("", "problem", self, name=f"{prefix}{column}Problem")
        self._problem.hide()
        self._body = boxes.column(margins=0, spacing=2)
        # Trigger words may be whole prompts, and are what most people come for: they have the width to themselves.
        self._caption = label if column == "trigger_words" and not prefix else None
        self._head = boxes.row()
        self._body.addLayout(self._head)
        if self._caption is not None:
            self._head.addWidget(self._caption)
            self._head.addStretch(1)
        self._body.addWidget(self._shown)
        self._body.addWidget(self._problem)
        layout = boxes.row(on=self, margins=(FRAME_PX, 2, theme.XS, 2), spacing=theme.S)
        if self._caption is None:
            layout.addWidget(label, 0, Qt.AlignmentFlag.AlignTop)
        layout.addLayout(self._body, 1)
        self._copy = QToolButton(self)
        self._copy.setProperty("role", "origin")
        theme.give_icon_size(self._copy, _MARK_PX)
        self._copy.hide()
        if column == "trigger_words":
            self._copy.setObjectName(f"{prefix}copyTriggerWords")
            words = self.tr("Copy the trigger words")
            self._copy.setToolTip(plain_tip(words))
            self._copy.setAccessibleName(words)
            theme.set_icon(self._copy, "copy")
            self._copy.clicked.connect(self.copy)
            place = layout if self._caption is None else self._head
            place.addWidget(self._copy, 0, Qt.AlignmentFlag.AlignTop)
        layout.addWidget(self._origin, 0, Qt.AlignmentFlag.AlignTop)

    # --- showing ----------------------------------------------------------------------------------------

    def show_value(self, value: Value) -> None:
        """Show another value; what is just being typed stays."""
        self._value = value
        if self._editor is not None:
            return
        # An entry that is a whole prompt has commas of its own: then each entry has a line of its own.
        full = text = column_text(self.column, value.shown, lines=True)
        if self.column == "source_url":
            text = _address_text(text)
        elif self.column == "tags":
            text = ", ".join(foreign_text(tag, _ENTRY_CHARS) for tag in value.shown or ())
        if value.is_mixed:
            text = f"{text}, …" if text else self.tr("different")
        is_quiet = not text or (value.is_mixed and not value.shown)
        if self._shown.property("quiet") != is_quiet:
            # No role: the style sheet would have its letters smaller from the next change of looks on.
            self._shown.setProperty("quiet", is_quiet)
            self._shown.update()
        if self._caption is not None:
            # Where there are none, the value says what it would be.
            self._caption.setVisible(bool(text))
            text = text or self.tr("No trigger words")
        self._shown.setText(text or "–")
        self._shown.updateGeometry()
        self._shown.setToolTip(plain_tip(full, 4000) if len(full) > 24 else "")
        said = self.tr("different") if value.is_mixed else full or self.tr("empty")
        self.setAccessibleName(f"{column_label(self.column)}: {said}")
        self.setAccessibleDescription(
            self.tr("Press Enter to edit, the menu key to learn where it comes from")
        )
        self._copy.setVisible(self.column == "trigger_words" and bool(value.shown))
        self._show_origin()

    def _show_origin(self) -> None:
        found = self._value.provenance
        origin = found.origin if found is not None else self._value.said_by
        is_users = origin is not None and origin.source == "user"
        is_near = self.underMouse() or self.hasFocus()
        # A mark on each line all the time would be louder than it is important.
        self._origin.setVisible(is_users or (origin is not None and is_near))
        theme.set_icon(self._origin, "pencil" if is_users else "info")
        if origin is not None:
            said = self.tr("According to: {}").format(origin_text(origin.source, origin.rank))
            self._origin.setToolTip(plain_tip(said))
            self._origin.setAccessibleName(f"{column_label(self.column)}, {said}")

    def origin_menu(self) -> QMenu:
        """Return what can be said and done about where the value comes from; it goes when it is closed."""
        menu = QMenu(self)
        menu.setObjectName("originMenu")
        menu.aboutToHide.connect(menu.deleteLater)
        found = self._value.provenance
        if found is not None and found.origin is not None:
            said = origin_text(found.origin.source, found.origin.rank)
            menu.addAction(self.tr("According to: {}").format(said)).setEnabled(False)
        if found is not None and found.is_edited:
            imported = column_text(self.column, found.imported)[:60] or self.tr("nothing")
            by = found.imported_origin
            who = f" ({_origin_word(by)})" if by is not None else ""
            menu.addAction(self.tr("Imported: {}").format(imported + who)).setEnabled(False)
            menu.addSeparator()
            back = menu.addAction(self.tr("Back to the imported value"), self._on_reset)
            back.setObjectName("backToImported")
        menu.addSeparator()
        menu.addAction(self.tr("Edit"), self.start)
        menu.addAction(self.tr("Compare sources…"), self.compare_wanted.emit)
        if self.column in CORRECTED and self._value.shown:
            words = column_text(self.column, self._value.shown)[:60]
            why = menu.addAction(why_words(words), self.why_wanted.emit)
            why.setObjectName("whyAction")
        return menu

    @Slot()
    def _on_origin(self) -> None:
        self.origin_wanted.emit(self.column)

    def show_provenance(self, found: Provenance) -> None:
        """Open the menu that says where the value comes from."""
        self._value = replace(self._value, provenance=found)
        self.origin_menu().popup(self._origin.mapToGlobal(self._origin.rect().bottomLeft()))

    @Slot()
    def copy(self) -> None:
        """Copy the value, entries with commas between them."""
        shown = self._value.shown
        text = ", ".join(shown) if isinstance(shown, list | tuple) else str(shown or "")
        QGuiApplication.clipboard().setText(text.encode("utf-8", "replace").decode("utf-8"))

    @Slot()
    def _on_reset(self) -> None:
        self.reset.emit(self.column)

    # --- editing ----------------------------------------------------------------------------------------

    @property
    def is_editing(self) -> bool:
        """Whether it is an editor now."""
        return self._editor is not None

    @Slot()
    def start(self, text: str | None = None) -> None:
        """Become an editor; with `text`, one that holds what was typed before."""
        if self._editor is None:
            self._editor = self._make_editor()
            self._body.insertWidget(self._body.indexOf(self._shown), self._editor)
            self._shown.hide()
            if self._caption is not None:
                self._caption.show()
            self.began.emit(self.column)
            QApplication.instance().focusChanged.connect(self._on_focus)  # type: ignore[union-attr]
        if text is not None:
            put_text(self._editor, text)
        self._editor.show()
        self._editor.setFocus(Qt.FocusReason.OtherFocusReason)
        if isinstance(self._editor, QComboBox) and self._editor.isVisible():
            self._editor.showPopup()

    def set_known(self, words: Sequence[str]) -> None:
        """Offer words while the user types."""
        self._known = words
        editor = self._editor
        if isinstance(editor, ChipsEdit):
            editor.set_known(words)
        elif isinstance(editor, QLineEdit) and (completer := editor.completer()) is not None:
            completer.setModel(QStringListModel(list(words), completer))
            if editor.hasFocus() and not editor.isModified():
                # What is likeliest stands there before anything is typed.
                completer.setCompletionPrefix("")
                completer.complete()

    def finish(self) -> bool:
        """Take what was typed; False if the column does not take it, then the editor stays and says why."""
        editor = self._editor
        if editor is None:
            return True
        try:
            found = told(self.column, self._value, editor)
        except Usage as error:
            self._problem.setText(foreign_text(spoken(error.message), 300))
            self._problem.show()
            return False
        self._close()
        if found is None:
            self.given_up.emit(self.column)
        elif len(found) == 1:
            self.edited.emit(self.column, found[0])
        else:
            self.entries_edited.emit(self.column, *found)
        return True

    @Slot()
    def give_up(self) -> None:
        """Be text again, and forget what was typed."""
        if self._editor is not None:
            self._close()
            self.given_up.emit(self.column)

    def text_typed(self) -> str:
        """Return what is in the editor, as `start` takes it."""
        return text_in(self._editor)

    def _make_editor(self) -> QWidget:
        ways = Ways(self._on_typed, self._on_settled, self.give_up)
        editor = make_editor(self.column, self._value, self._known, self, ways)
        editor.setObjectName(f"{self._prefix}{self.column}Editor")
        editor.setAccessibleName(column_label(self.column))
        editor.setSizePolicy(QSizePolicy.Policy.Ignored, editor.sizePolicy().verticalPolicy())
        editor.installEventFilter(self)
        return editor

    def _close(self) -> None:
        editor, self._editor = self._editor, None
        if editor is not None:
            QApplication.instance().focusChanged.disconnect(self._on_focus)  # type: ignore[union-attr]
            focused = QApplication.focusWidget()
            had_focus = focused is editor or (focused is not None and editor.isAncestorOf(focused))
            editor.removeEventFilter(self)
            editor.hide()
            editor.deleteLater()
            if had_focus:
                self.setFocus(Qt.FocusReason.OtherFocusReason)
        self._problem.hide()
        self._shown.show()
        self.show_value(self._value)

    @Slot()
    def _on_settled(self) -> None:
        self.finish()

    @Slot()
    def _on_typed(self) -> None:
        self._problem.hide()
        self.typed.emit(self.column, self.text_typed())

    @Slot(QWidget, QWidget)
    def _on_focus(self, _old: QWidget | None, now: QWidget | None) -> None:
        # None: another window has it, or a popup of the editor itself.
        if now is None or self._editor is None or now is self._editor or self._editor.isAncestorOf(now):
            return
        if QApplication.activePopupWidget() is None:
            self.finish()

    # --- Qt ---------------------------------------------------------------------------------------------

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent) and watched is self._editor:
            if event.key() == Qt.Key.Key_Escape:
                self.give_up()
                return True
            is_enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
            takes_lines = isinstance(watched, QPlainTextEdit)
            if is_enter and (not takes_lines or event.modifiers() & Qt.KeyboardModifier.ControlModifier):
                self.finish()
                return True
        return super().eventFilter(watched, event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self._editor is None:
            self.start()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        keys = (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_F2, Qt.Key.Key_Space)
        is_alt = bool(event.modifiers() & Qt.KeyboardModifier.AltModifier)
        if self._editor is None and event.key() in keys:
            self.start()
        elif self._editor is None and is_alt and event.key() == Qt.Key.Key_Down:
            self._on_origin()
        elif (
            self._editor is None
            and event.key() == Qt.Key.Key_C
            and event.modifiers() & (Qt.KeyboardModifier.ControlModifier)
        ):
            self.copy()
        else:
            super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        if self._editor is None:
            self._on_origin()

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self._show_origin()
        if self._editor is not None:
            self._editor.setFocus()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self._show_origin()

    def enterEvent(self, event: QEnterEvent) -> None:
        super().enterEvent(event)
        self._show_origin()

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self._show_origin()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self._caption is None:
            width = label_width(self, self.width())
            if width != self._label.width():
                self._label.setWordWrap(width < label_width(self))
                self._label.setFixedWidth(width)

    def minimumSizeHint(self) -> QSize:
        return QSize(120, super().minimumSizeHint().height())


def _address_text(address: str) -> str:
    """Return the place that an address names, without what only a server reads."""
    return address.split("://", 1)[-1].split("?", 1)[0].split("#", 1)[0].removeprefix("www.")


def _origin_word(origin: Origin) -> str:
    if origin.source == "user":
        return "you"
    return origin.source if origin.source in ("header", "file") else source_label(origin.source)
