"""The header of a table that can be sorted: its arrow is one of our icons, and grows with the letters."""

from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QFont, QFontMetrics, QPainter
from PySide6.QtWidgets import QHeaderView, QStyle, QStyleOptionHeader, QWidget

from modelmgr.gui import theme

Mark = QStyleOptionHeader.SortIndicator

_ARROW_PX = 12
_SPACE = "\u00a0"


class ArrowHeader(QHeaderView):
    """Shows by which column rows are sorted; the style's own arrow has one size, whatever the letters have."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)

    def mark_of(self, section: int) -> Mark:
        """Return the arrow of a column, in the style's terms: its "down" is the arrow of an ascending order."""
        if not self.isSortIndicatorShown() or section != self.sortIndicatorSection():
            return Mark.None_
        return Mark.SortUp if self.sortIndicatorOrder() == Qt.SortOrder.DescendingOrder else Mark.SortDown

    def title_of(self, section: int, title: str) -> str:
        """Return what stands above a column that has an arrow."""
        return title

    def width_of_title(self, section: int) -> int:
        """Return how wide a column has to be for its title to be read, with its arrow if it has one, in pixels."""
        title = str(self.model().headerData(section, Qt.Orientation.Horizontal) or "")
        arrow = 0 if self.mark_of(section) is Mark.None_ else self._arrow_room()
        return self._metrics().horizontalAdvance(title) + 2 * theme.S + arrow + 1

    def _metrics(self) -> QFontMetrics:
        font = QFont(self.font())
        if font.pointSizeF() > 0:
            font.setPointSizeF(font.pointSizeF() * 0.92)  # as the style sheet says
        return QFontMetrics(font)

    def _side(self) -> int:
        return theme.grown(_ARROW_PX, self.font())

    def _arrow_room(self) -> int:
        return self._side() + theme.XS // 2

    def initStyleOptionForIndex(self, option: QStyleOptionHeader, logicalIndex: int) -> None:
        super().initStyleOptionForIndex(option, logicalIndex)
        option.sortIndicator = Mark.None_
        if self.mark_of(logicalIndex) is Mark.None_:
            return
        metrics = self._metrics()
        room = self.sectionSize(logicalIndex) - 2 * theme.S - self._arrow_room()
        title = self.title_of(logicalIndex, option.text)
        option.text = metrics.elidedText(title, Qt.TextElideMode.ElideRight, room)
        if option.textAlignment & Qt.AlignmentFlag.AlignRight:
            option.text += _SPACE * (1 + self._side() // max(1, metrics.horizontalAdvance(_SPACE)))

    def paintSection(self, painter: QPainter, rect: QRect, logicalIndex: int) -> None:
        super().paintSection(painter, rect, logicalIndex)
        mark = self.mark_of(logicalIndex)
        if mark is Mark.None_:
            return
        side = self._side()
        place = QRect(rect.right() - theme.XS - side + 1, rect.center().y() - side // 2, side, side)
        name = "chevron-up" if mark is Mark.SortUp else "chevron-down"
        drawn = theme.sign(self, name, _ARROW_PX, theme.colors().secondary)
        painter.drawPixmap(QStyle.visualRect(self.layoutDirection(), rect, place).topLeft(), drawn)
