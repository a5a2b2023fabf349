"""The header of the library table: what the rows are sorted by, and by what next."""

from collections.abc import Mapping, Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHeaderView, QStyleOptionHeader, QWidget

from modelmgr.gui.table.columns import COLUMNS, Look

_Mark = QStyleOptionHeader.SortIndicator
_ROOM = "\u00a0" * 4
"""Words on the right leave the arrow its place."""

_PLACES = "¹²³⁴⁵⁶⁷⁸⁹"


class SortHeader(QHeaderView):
    """Shows an arrow for each column of the order; with several of them, small numerals say which goes first."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self._marks: Mapping[int, tuple[_Mark, str]] = {}

    def show_order(self, order: Sequence[tuple[str, bool]]) -> None:
        """Show by which light columns the rows are sorted, and which of them descend."""
        known = [(column, down) for column, down in order if column in _SECTIONS]
        self._marks = {
            _SECTIONS[column]: (
                # The style's "down" is the arrow of an ascending order.
                _Mark.SortUp if down else _Mark.SortDown,
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

    def initStyleOptionForIndex(self, option: QStyleOptionHeader, logicalIndex: int) -> None:
        super().initStyleOptionForIndex(option, logicalIndex)
        mark = self._marks.get(logicalIndex)
        if mark is not None:
            option.sortIndicator = mark[0]
            # Before the title: what is cut is cut at its end.
            option.text = mark[1] + option.text
            if COLUMNS[logicalIndex].look is Look.NUMBER:
                option.text += _ROOM


_SECTIONS = {column.sort: number for number, column in enumerate(COLUMNS)}
