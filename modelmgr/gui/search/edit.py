"""The search field: it searches as one types, completes, and says what it understood."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from PySide6.QtCore import QEvent, QObject, QSize, Qt, Signal, Slot
from PySide6.QtGui import (
    QFocusEvent,
    QInputMethodEvent,
    QKeyEvent,
    QMouseEvent,
)
from PySide6.QtWidgets import QApplication, QWidget

from modelmgr import search
from modelmgr.catalog import Catalog
from modelmgr.gui import theme, timers
from modelmgr.gui.measures import scaled
from modelmgr.gui.search.kept import TEXT_LIMIT
from modelmgr.gui.search.popup import SearchPopup
from modelmgr.gui.search.suggest import (
    Offer,
    accepted,
    counted_offers,
    offers,
    recent_offers,
    sentences,
)
from modelmgr.gui.search.words import searched_text
from modelmgr.gui.search_field import SearchField
from modelmgr.gui.tasks import Tasks
from modelmgr.gui.text import plain_tip
from modelmgr.values import ModelQuery

SEARCH_DELAY_MS = 150
OFFER_DELAY_MS = 250
MOST_REMEMBERED = 30
_SHORTEST_REMEMBERED = 3
_WIDTH, _LEAST_WIDTH = 720, 160


class SearchEdit(SearchField):
    """The search field: tells what was typed once the typing rests for a moment.

    While words are typed no key means anything else than ever. The down key goes into the list of what is offered if
    there is one, else to the table; only a marked offer, or the value of a field, is taken by Tab.

    Signals:
        searched(str): the text to search for.
        left_downwards(): Enter or the down key: to the table.
        left_back(): Escape in an empty field: back to the table, whatever is selected there.
        remembered(): a search joined those of before.
    """

    searched = Signal(str)
    left_downwards = Signal()
    left_back = Signal()
    remembered = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("searchEdit")
        self.setAccessibleName(self.tr("Search the library"))
        self.setPlaceholderText(self.tr('Search: words, type:lora, base:"Flux.1 D", tag:ink'))
        self.setClearButtonEnabled(True)
        self.setMaxLength(TEXT_LIMIT)
        self.setMaximumWidth(scaled(self, _WIDTH))
        # A file dropped here means what it means anywhere in the window.
        self.setAcceptDrops(False)
        self._catalog: Catalog | None = None
        self._tasks: Tasks | None = None
        self._query: Callable[[], ModelQuery] = ModelQuery
        self._popup: SearchPopup | None = None
        self._history: list[str] = []
        self._is_composing = False
        self._colored = ""
        self.lead.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents, False)
        self.lead.setAccessibleName(self.tr("What can be searched for"))
        self.lead.setToolTip(plain_tip(self.tr("What can be searched for")))
        self.lead.clicked.connect(self.offer_all)
        self._delay = timers.after(SEARCH_DELAY_MS, self._tell, self)
        self._offer_soon = timers.after(OFFER_DELAY_MS, self._offer, self)
        self.textChanged.connect(self._on_text_changed)
        self.textEdited.connect(self._on_text_edited)
        self.cursorPositionChanged.connect(self._on_cursor_moved)
        self.returnPressed.connect(self._on_return)

    def offer_from(self, catalog: Catalog, tasks: Tasks, query: Callable[[], ModelQuery]) -> None:
        """Offer values of the catalog, with how many models of what `query` returns have them."""
        self._catalog, self._tasks, self._query = catalog, tasks, query

    # --- searching --------------------------------------------------------------------------------------

    def show_text(self, text: str) -> None:
        """Show the text of a query without searching for it again."""
        if searched_text(self.text()) != text:
            self.setText(text)
            self._delay.stop()
            self._close()

    @Slot()
    def _on_text_changed(self) -> None:
        self._delay.start()
        self._color()

    @Slot()
    def _tell(self) -> None:
        self._delay.stop()
        self.searched.emit(searched_text(self.text()))

    @Slot()
    def _on_return(self) -> None:
        self._leave(self.left_downwards.emit)

    def _leave(self, go: Callable[[], None]) -> None:
        self._close()
        self._tell()
        self.remember(self.text())
        go()

    # --- searches of before -----------------------------------------------------------------------------

    @property
    def history(self) -> Sequence[str]:
        """The searches of before, the last one first."""
        return self._history

    def remember(self, text: str) -> None:
        """Let a search join those of before; one that it goes on from makes room for it."""
        text = text.strip()
        if len(text) < _SHORTEST_REMEMBERED or self._history[:1] == [text]:
            return
        rest = [each for each in self._history if each != text]
        if rest and text.startswith(rest[0]):
            del rest[0]
        self._history = [text, *rest][:MOST_REMEMBERED]
        self.remembered.emit()

    def restore_history(self, state: object) -> None:
        """Take the searches of the last session; odd entries are left out."""
        found = state if isinstance(state, list) else []
        self._history = [text[:TEXT_LIMIT] for text in found if isinstance(text, str) and text.strip()]
        del self._history[MOST_REMEMBERED:]

    # --- offers -----------------------------------------------------------------------------------------

    @property
    def popup(self) -> SearchPopup:
        """The list below the field."""
        if self._popup is None:
            self._popup = SearchPopup(self)
            self._popup.chosen.connect(self._accept)
            self.window().installEventFilter(self)
        return self._popup

    @property
    def _is_open(self) -> bool:
        return self._popup is not None and self._popup.isVisible()

    def _close(self) -> None:
        self._offer_soon.stop()
        if self._popup is not None:
            self._popup.hide()

    @Slot()
    def _on_text_edited(self) -> None:
        if self._is_open or search.complete(self.text(), self.cursorPosition()).what == "value":
            self._offer()
        else:
            # Not for each letter of a word: a list that comes and goes would be a nuisance.
            self._offer_soon.start()

    @Slot()
    def _on_cursor_moved(self) -> None:
        self._color()
        if self._is_open and not self._delay.isActive():
            self._offer_soon.start()

    @Slot()
    def offer_all(self) -> None:
        """Show what can be searched for, and the searches of before."""
        self.setFocus(Qt.FocusReason.OtherFocusReason)
        self._offer(asked=True)

    @Slot()
    def _offer(self, *, asked: bool = False) -> None:
        self._offer_soon.stop()
        text, cursor = self.text(), self.cursorPosition()
        if not self.hasFocus() or (not text.strip() and not asked):
            self._close()
            return
        found, known = offers(text, cursor)
        if found.what == "field" and not found.prefix:
            # Between two parts: only who asks is shown everything.
            known = [*recent_offers(self._history, text), *known] if asked and not text.strip() else known
            known = known if asked else []
        if found.what == "value" and self._catalog is not None and self._tasks is not None:
            key = (id(self), "offers")
            self._tasks.drop(key)
            question = partial(counted_offers, self._catalog, self._query(), text, cursor)
            self._tasks.ask(question, self._on_counted_offers, key=key)
            if self._is_open:
                return  # the answer is here in a moment; what stands there stays so long
        self._show_offers(known)

    @Slot(object)
    def _on_counted_offers(self, found: tuple[str, int, Sequence[Offer]]) -> None:
        text, cursor, live = found
        if text == self.text() and cursor == self.cursorPosition() and self.hasFocus():
            self._show_offers(live)

    def _show_offers(self, known: Sequence[Offer]) -> None:
        text = self.text()
        if len(known) == 1 and known[0].is_whole and text[known[0].start : known[0].end] == known[0].text:
            known = ()  # it stands there already
        means, wrong = sentences(text)
        is_typing = [token for token in search.parse(text).tokens if token.end == self.cursorPosition()]
        if known and is_typing and not is_typing[0].ok:
            wrong = wrong[:-1]  # it is just being typed, and what it could be is in the list
        self.popup.show_offers(known, means, wrong)

    @Slot(object)
    def _accept(self, offer: Offer) -> None:
        if not offer.is_recent:
            # Letters may have been typed since it was offered: it takes the place of these too.
            found = search.complete(self.text(), self.cursorPosition())
            offer = replace(offer, start=found.start, end=found.end)
        text, cursor = accepted(self.text(), offer)
        self.setFocus(Qt.FocusReason.OtherFocusReason)
        # By way of the selection, so that Ctrl+Z brings back what was typed.
        self.selectAll()
        self.insert(text)
        self.setCursorPosition(cursor)
        if offer.is_whole:
            self._tell()
            self.remember(self.text())
            self._offer() if not offer.is_recent else self._close()
        else:
            self._offer(asked=True)

    # --- colours ----------------------------------------------------------------------------------------

    def _color(self) -> None:
        """Mark quietly what was understood: names of fields in the accent's colour, what wasn't with dots below."""
        if self._is_composing or not (self.text() or self._colored):
            return
        from PySide6.QtGui import QTextCharFormat

        text, colors = self.text(), theme.colors()
        marks: list[QInputMethodEvent.Attribute] = []
        cursor = self.cursorPosition()

        def mark(start: int, end: int, look: QTextCharFormat) -> None:
            # Places of an input method count from the cursor, in UTF-16 units as Qt counts everywhere.
            kind = QInputMethodEvent.AttributeType.TextFormat
            marks.append(QInputMethodEvent.Attribute(kind, start - cursor, end - start, look))

        for token in search.parse(text).tokens:
            look = QTextCharFormat()
            start, end = _units(text, token.start), _units(text, token.end)
            if not token.ok and token.end == self.cursorPosition() and self.hasFocus():
                continue  # it is just being typed
            if not token.ok:
                look.setUnderlineStyle(QTextCharFormat.UnderlineStyle.DotLine)
                look.setUnderlineColor(colors.problem)
                mark(start, end, look)
            elif token.kind == "or":
                look.setForeground(colors.accent_on_base)
                mark(start, end, look)
            elif token.field:
                look.setForeground(colors.accent_on_base)
                name = token.text.find(":") + 1 or len(token.field) + token.negated
                mark(start, start + name, look)
        said = f"{cursor} {[(each.start, each.length) for each in marks]}" if marks else ""
        if said or self._colored:
            self._colored = said
            QApplication.sendEvent(self, QInputMethodEvent("", marks))

    # --- Qt ---------------------------------------------------------------------------------------------

    def sizeHint(self) -> QSize:
        # In a bar it takes what room there is before a spacer gets any.
        return QSize(self.maximumWidth(), super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:
        return QSize(_LEAST_WIDTH, super().minimumSizeHint().height())

    def inputMethodEvent(self, event: QInputMethodEvent) -> None:
        self._is_composing = bool(event.preeditString())
        super().inputMethodEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if not self._take_key(event):
            super().keyPressEvent(event)

    def _step(self, popup: SearchPopup, by: int) -> None:
        """Mark another offer, and say it to whoever doesn't see it: the keyboard itself stays here."""
        popup.step(by)
        offer = popup.current
        if offer is not None:
            words = f"{offer.shown}, {offer.help}" if offer.help else offer.shown
            from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent

            QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self, words))

    def _take_key(self, event: QKeyEvent) -> bool:
        key, mods = event.key(), event.modifiers()
        popup = self._popup if self._is_open else None
        marked = popup.current if popup is not None else None
        asks = (key == Qt.Key.Key_Space and mods == Qt.KeyboardModifier.ControlModifier) or (
            key == Qt.Key.Key_Down and mods & Qt.KeyboardModifier.AltModifier
        )
        if asks:
            self._offer(asked=True)
        elif key == Qt.Key.Key_Escape:
            self._on_escape()
        elif key == Qt.Key.Key_Down:
            if popup is not None and popup.has_offers:
                self._step(popup, 1)
            else:
                self._on_return()
        elif key == Qt.Key.Key_Up and popup is not None:
            self._step(popup, -1)
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and marked is not None:
            self._accept(marked)
        else:
            return False
        return True

    def _on_escape(self) -> None:
        if self._is_open:
            self._close()
        elif self.text():
            self.clear()
            self._tell()
        else:
            self.left_back.emit()

    def event(self, event: QEvent) -> bool:
        # Tab comes here before it is a key press; it is ours only where a value is being completed.
        is_tab = isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_Tab
        if is_tab and event.type() == QEvent.Type.KeyPress and self._popup is not None and self._is_open:
            offer = self._popup.current
            if offer is None and search.complete(self.text(), self.cursorPosition()).what == "value":
                offer = self._popup.first()
            if offer is not None:
                self._accept(offer)
                return True
        return super().event(event)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if self._is_open and event.type() == QEvent.Type.Resize:
            self.popup.place()
        elif self._is_open and event.type() == QEvent.Type.WindowDeactivate:
            self._close()
        return super().eventFilter(watched, event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        super().mousePressEvent(event)
        if event.button() == Qt.MouseButton.LeftButton and not self.text():
            self.offer_all()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self._close()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "_colored"):
            self._color()


def _units(text: str, place: int) -> int:
    """Return a place in a text as Qt counts: characters beyond the first 65,536 are two."""
    return place if text.isascii() else len(text[:place].encode("utf-16-le", "surrogatepass")) // 2
