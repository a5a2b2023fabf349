"""How plain tables and lists paint their cells: the first column in full colour, the others quiet, all on one grid."""

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPen
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from modelmgr.gui import theme

STATE_ROLE = int(Qt.ItemDataRole.UserRole) + 1
"""Under this role a model says the state whose mark stands before the text."""

Index = QModelIndex | QPersistentModelIndex

_DISPLAY, _DECORATION, _ALIGNMENT, _FOREGROUND = 0, 1, 7, 9
_LEFT = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
_SELECTED = QStyle.StateFlag.State_Selected
_FOCUSED = QStyle.StateFlag.State_HasFocus
_DOT_PX = 9
_ICON_PX = 16


class QuietDelegate(QStyledItemDelegate):
    """Paints text with an icon or a state's mark before it, eight pixels from the edge of the cell."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        colors = theme.colors()
        selected = bool(option.state & _SELECTED)
        rect = QRect(option.rect)
        if selected:
            painter.fillRect(rect, colors.accent)
        painter.save()
        painter.setFont(option.font)
        if selected:
            painter.setPen(colors.accent_text)
        else:
            own = index.data(_FOREGROUND)
            quiet = colors.text if index.column() == 0 else colors.secondary
            painter.setPen(own if isinstance(own, QColor) else quiet)
        rect.adjust(theme.S, 0, -theme.S, 0)
        state, icon = index.data(STATE_ROLE), index.data(_DECORATION)
        if isinstance(state, str):
            dot = QRectF(rect.left(), rect.center().y() - _DOT_PX / 2 + 0.5, _DOT_PX, _DOT_PX)
            theme.draw_state_mark(painter, dot, state, colors.accent_text if selected else None)
            rect.setLeft(rect.left() + _DOT_PX + 7)
        elif isinstance(icon, QIcon):
            place = QRect(rect.left(), rect.center().y() - _ICON_PX // 2 + 1, _ICON_PX, _ICON_PX)
            mode = QIcon.Mode.Selected if selected else QIcon.Mode.Normal
            icon.paint(painter, place, Qt.AlignmentFlag.AlignCenter, mode)
            rect.setLeft(rect.left() + _ICON_PX + theme.S)
        alignment = index.data(_ALIGNMENT)
        text = option.fontMetrics.elidedText(
            str(index.data(_DISPLAY) or ""), option.textElideMode, rect.width()
        )
        painter.drawText(rect, _LEFT if alignment is None else int(alignment), text)
        if option.state & _FOCUSED:
            ring = colors.accent_text if selected else colors.accent_on_base
            painter.setPen(QPen(ring, 1, Qt.PenStyle.DotLine))
            painter.drawRect(option.rect.adjusted(1, 1, -2, -2))
        painter.restore()

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        width = option.fontMetrics.horizontalAdvance(str(index.data(_DISPLAY) or ""))
        # A few pixels more than the text: rounding up and down would cut it otherwise.
        return QSize(width + 2 * theme.S + theme.XS, theme.ROW_HEIGHT)
