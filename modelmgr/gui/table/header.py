"""The header of the library table: what the rows are sorted by, and by what next."""

from collections.abc import Mapping, Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from modelmgr.gui.headers import ArrowHeader, Mark
from modelmgr.gui.table.columns import COLUMNS

_PLACES = "¹²³⁴⁵⁶⁷⁸⁹"


class SortHeader(ArrowHeader):
    """Shows an arrow for each column of the order; with several of them, small numerals say which goes first."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._marks: Mapping[int, tuple[Mark, str]] = {}

    def show_order(self, order: Sequence[tuple[str, bool]]) -> None:
        """Show by which light columns the rows are sorted, and which of them descend."""
        known = [(column, down) for column, down in order if column in _SECTIONS]
        self._marks = {
            _SECTIONS[column]: (
                Mark.SortUp if down else Mark.SortDown,
                f"{_PLACES[place]} " if len(known) > 1 and place < len(_PLACES) else "",
            )
            for place, (column, down) in enumerate(known)
        }
        if known:
            ways = Qt.SortOrder
            section, down = _SECTIONS[known[0][0]], known[0][1]
            self.setSortIndicator(section, ways.DescendingOrder if down else ways.AscendingOrder)
        for section in range(self.count()):
            self.updateSection(section)

    def mark_of(self, section: int) -> Mark:
        mark = self._marks.get(section)
        return Mark.None_ if mark is None else mark[0]

    def title_of(self, section: int, title: str) -> str:
        # Before the title: what is cut is cut at its end.
        mark = self._marks.get(section)
        return title if mark is None else mark[1] + title


_SECTIONS = {column.sort: number for number, column in enumerate(COLUMNS)}
