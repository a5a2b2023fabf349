"""Finding words in a payload: what is looked for, where it was found, and the field that goes from place to place."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from PySide6.QtCore import QEvent, QObject, Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QLineEdit, QToolButton, QWidget

from modelmgr import payload
from modelmgr.gui import boxes, theme, timers
from modelmgr.gui.tasks import Tasks
from modelmgr.gui.text import count_text, plain_tip
from modelmgr.progress import Progress

HITS = 1000
"""So many places are remembered; of more the field says "1,000+"."""
_REST_MS = 120
_CHECK_EVERY = 512


@dataclass(frozen=True, slots=True)
class Found:
    """Where words stand in a value.

    Attributes:
        words: what was looked for.
        places: the rows that lead to each, from the root; in a text its first byte and the one after its last.
        is_more: whether there are more than `HITS`.
    """

    words: str
    places: tuple[tuple[int, ...], ...]
    is_more: bool = False


Search = Callable[[str, Progress], Found]
"""Words and who may cancel -> where they stand; in a worker."""


def find_in(value: Any, words: str, progress: Progress, *, masks: bool = False) -> Found:
    """Find words in the keys and values of a parsed payload, in document order, whatever their case.

    What is shown as dots is not found.

    Raises:
        Cancelled: something else is looked for now.
    """
    wanted = words.casefold()
    places: list[tuple[int, ...]] = []
    if not isinstance(value, dict | list):
        value = {"": value}
    walks: list[Iterator[tuple[int, tuple[Any, Any]]]] = [_members(value)]
    rows: list[int] = [0]
    steps = 0
    while walks:
        entry = next(walks[-1], None)
        if entry is None:
            walks.pop()
            rows.pop()
            continue
        steps += 1
        if steps % _CHECK_EVERY == 0:
            progress.check()
        rows[-1], (key, inner) = entry
        is_inside = isinstance(inner, dict | list)
        shown = payload.masked_value(str(key or ""), inner) if masks and isinstance(inner, str) else inner
        if (key is not None and wanted in key.casefold()) or (
            not is_inside and wanted in _written(shown).casefold()
        ):
            if len(places) == HITS:
                return Found(words, tuple(places), is_more=True)
            places.append(tuple(rows))
        if is_inside and inner:
            walks.append(_members(inner))
            rows.append(0)
    return Found(words, tuple(places))


def _members(value: Any) -> Iterator[tuple[int, tuple[Any, Any]]]:
    if isinstance(value, dict):
        return enumerate(value.items())
    return enumerate((None, entry) for entry in value)


def _written(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and value.bit_length() > 10_000:
        return ""
    return str(value)


class FindBar(QWidget):
    """A field for words, how often they occur, and two arrows; Enter and Shift+Enter do as the arrows.

    Signals:
        place_wanted(object): the rows of the place to show.
    """

    place_wanted = Signal(object)

    def __init__(self, tasks: Tasks, parent: QWidget | None = None, *, name: str = "metadataFind") -> None:
        super().__init__(parent)
        self._tasks = tasks
        self._search: Search | None = None
        self._found: Found | None = None
        self._place = -1
        self._progress = Progress()
        self._field = QLineEdit(self)
        self._field.setObjectName(name)
        self._field.setPlaceholderText(self.tr("Find in the metadata"))
        self._field.setAccessibleName(self.tr("Find in the metadata"))
        self._field.setClearButtonEnabled(True)
        self._field.setMaxLength(200)
        self._field.installEventFilter(self)
        self._count = theme.plain_label("", "secondary", self, name=f"{name}Count")
        layout = boxes.row((self._field, 1), self._count, on=self, margins=0, spacing=theme.XS)
        self._ways: list[QToolButton] = []
        for way_name, icon, words, step in (
            ("Previous", "chevron-up", self.tr("Previous place (Shift+Enter)"), -1),
            ("Next", "chevron-down", self.tr("Next place (Enter)"), 1),
        ):
            way = QToolButton(self)
            way.setObjectName(f"{name}{way_name}")
            way.setToolTip(plain_tip(words))
            way.setAccessibleName(words)
            theme.set_icon(way, icon)
            way.clicked.connect(partial(self._go, step))
            layout.addWidget(way)
            self._ways.append(way)
        self._rest = timers.after(_REST_MS, self._ask, self)
        self._field.textChanged.connect(self._on_text)
        self._say()

    def look_in(self, value: Any, *, masks: bool = False) -> None:
        """Look in another value from now on; what is in the field is looked for in it."""
        self.look_with(None if value is None else partial(find_in, value, masks=masks))

    def look_with(self, search: Search | None) -> None:
        """Look elsewhere from now on, in a worker; nowhere without a search."""
        self._search = search
        self._on_text()

    @Slot()
    def _on_text(self) -> None:
        self._progress.cancel()
        self._found = None
        self._place = -1
        self._say()
        if self._field.text().strip() and self._search is not None:
            self._rest.start()
        else:
            self._rest.stop()

    @Slot()
    def _ask(self) -> None:
        if self._search is not None:
            self._progress = Progress()
            question = partial(self._search, self._field.text().strip(), self._progress)
            self._tasks.ask(question, self._on_found, key=(id(self), "find"))

    @Slot(object)
    def _on_found(self, found: Found) -> None:
        if found.words != self._field.text().strip() or self._progress.is_cancelled:
            return
        self._found = found
        self._go(1)

    def _go(self, step: int) -> None:
        found = self._found
        if found is not None and found.places:
            self._place = (self._place + step) % len(found.places)
            self.place_wanted.emit(found.places[self._place])
        self._say()

    def _say(self) -> None:
        found = self._found
        words = ""
        if found is not None:
            of = count_text(len(found.places)) + ("+" if found.is_more else "")
            words = (
                self.tr("{} of {}").format(count_text(self._place + 1), of)
                if found.places
                else self.tr("Not found")
            )
        self._count.setText(words)
        self._count.setVisible(bool(words))
        for way in self._ways:
            way.setVisible(found is not None and len(found.places) > 1)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self._go(-1 if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 1)
                return True
            if event.key() == Qt.Key.Key_Escape and self._field.text():
                self._field.clear()
                return True
        return super().eventFilter(watched, event)
