"""A payload as text: its odd marks visible, its secrets dots, and copied as it is."""

import re
from bisect import bisect_left

from PySide6.QtCore import QMimeData, Qt
from PySide6.QtGui import QFont, QShowEvent, QTextCursor, QTextOption
from PySide6.QtWidgets import QPlainTextEdit, QWidget

from modelmgr import payload as payloads
from modelmgr.gui import theme
from modelmgr.gui.text import foreign_text

LATE_CHARS = 2000
"""A longer text is laid out when it is to be seen."""
PIECE_CHARS = 10_000
"""Longer lines are laid out in pieces, of which only those in view take time: 1 ms for a line of any length."""
_SHAPED = "[\u0300-\u036f\u0590-\u1cff\ua800-\uabff\ufe00-\ufe0f\U00010000-\U0010ffff]"
"""Combining marks, and scripts and signs whose letters change with what stands beside them."""


class RawView(QPlainTextEdit):
    """A payload as text, its odd marks visible; what is copied from it is what stands in the payload."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._exact = self._visible = ""
        self._cuts: list[int] = []
        self._is_late = False
        self.setReadOnly(True)
        self.setUndoRedoEnabled(False)
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        # Measured: breaking at words takes 1.3 s for 200,000 letters without a space, anywhere 20 ms.
        self.setWordWrapMode(QTextOption.WrapMode.WrapAnywhere)
        self.setAcceptDrops(False)
        self.setFont(theme.mono_font(self.font()))
        self.setProperty("framed", True)

    def show_text(self, exact: str, *, masks: bool = False) -> None:
        """Show the text of a payload; with `masks`, dots where a key or a token stands."""
        self._exact = exact
        shown = payloads.masked(exact) if masks else exact
        self._visible = foreign_text(shown, len(shown), lines=True)
        self._is_late = len(self._visible) > LATE_CHARS and not self.isVisible()
        if not self._is_late:
            self._fill()

    def toPlainText(self) -> str:
        """Return what is shown, or will be as soon as this is to be seen."""
        return self._visible

    def selectAll(self) -> None:
        """Select all of it."""
        self._fill_late()
        super().selectAll()

    def showEvent(self, event: QShowEvent) -> None:
        self._fill_late()
        super().showEvent(event)

    def _fill_late(self) -> None:
        if self._is_late:
            self._is_late = False
            self._fill()

    def _fill(self) -> None:
        # Letters are joined where the script needs it; where none does, laying out takes half the time without.
        is_shaped = re.search(_SHAPED, self._visible) is not None
        kind = QFont.StyleStrategy
        strategy = kind.PreferDefault if is_shaped else kind.PreferNoShaping
        font = self.font()
        if font.styleStrategy() != strategy:
            self.setPlainText("")
            font.setStyleStrategy(strategy)
            self.setFont(font)
        self.setPlainText(self._in_pieces())

    def _in_pieces(self) -> str:
        """Return what is shown with its long lines cut, and note where: the places of the cuts in Qt's count."""
        self._cuts = []
        pieces: list[str] = []
        place = 0
        for line in self._visible.split("\n"):
            for start in range(0, len(line) or 1, PIECE_CHARS):
                if start:
                    self._cuts.append(place - 1)
                pieces.append(line[start : start + PIECE_CHARS])
                place += _units(pieces[-1]) + 1
        return "\n".join(pieces)

    def _to_document(self, place: int) -> int:
        """Return where a character of the visible text stands in the document."""
        place = _units(self._visible[:place])
        for cut in self._cuts:
            if cut >= place:
                break
            place += 1
        return place

    def _from_document(self, place: int) -> int:
        """Return which character of the visible text stands somewhere in the document."""
        units = place - bisect_left(self._cuts, place)
        return len(self._visible.encode("utf-16-le")[: 2 * units].decode("utf-16-le", "replace"))

    def select(self, first: int, last: int) -> None:
        """Select some characters and bring them into view."""
        self._fill_late()
        cursor = self.textCursor()
        for place, mode in (
            (first, QTextCursor.MoveMode.MoveAnchor),
            (last, QTextCursor.MoveMode.KeepAnchor),
        ):
            cursor.setPosition(self._to_document(place), mode)
        self.setTextCursor(cursor)
        self.centerCursor()

    def exact_selection(self) -> str:
        """Return what is selected as it stands in the payload."""
        cursor = self.textCursor()
        first, last = (
            self._from_document(place) for place in (cursor.selectionStart(), cursor.selectionEnd())
        )
        return self._exact[first:last]

    def createMimeDataFromSelection(self) -> QMimeData:
        # Qt's own object, not one made here: the clipboard may keep it until after the interpreter has gone.
        data = super().createMimeDataFromSelection()
        data.text()  # filled at the first question only
        for kind in data.formats():
            data.removeFormat(kind)
        data.setText(self.exact_selection().encode("utf-8", "replace").decode("utf-8"))
        return data


def _units(text: str) -> int:
    """Return how long Qt takes a text to be: units of UTF-16, not characters."""
    return len(text.encode("utf-16-le", "replace")) // 2
