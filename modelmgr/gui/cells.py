"""How plain tables, lists and check boxes are painted: the first column in full colour, the others quiet, one grid."""

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPalette, QPen
from PySide6.QtWidgets import (
    QAbstractScrollArea,
    QCheckBox,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionButton,
    QStyleOptionViewItem,
    QWidget,
)

from modelmgr.gui import theme

STATE_ROLE = int(Qt.ItemDataRole.UserRole) + 1
"""Under this role a model says the state whose mark stands before the text."""

Index = QModelIndex | QPersistentModelIndex


def give_viewport(view: QAbstractScrollArea) -> None:
    """Give a view a viewport that Python has made, like its own in all else.

    The first time that Python is handed a plain widget of Qt's making, PySide loads every class of widgets to find
    out what it is: a tenth of the time to the first paint.
    """
    viewport = QWidget(view)
    viewport.setBackgroundRole(QPalette.ColorRole.Base)
    viewport.setAutoFillBackground(True)
    view.setViewport(viewport)


_DISPLAY, _DECORATION, _ALIGNMENT, _FOREGROUND = 0, 1, 7, 9
_LEFT = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
_SELECTED = QStyle.StateFlag.State_Selected
_FOCUSED = QStyle.StateFlag.State_HasFocus
_DOT_PX = 9
_SHORTEST, _LONGEST = 2, 12
"""How many letters the suffix of a file has."""
_ICON_PX = 16


def elide_mode(text: str) -> Qt.TextElideMode:
    """Return where to cut: a path or a file's name in its middle, for its end tells as much; other text at its end."""
    is_path = text.startswith(("/", "\\\\")) or text[1:3] in (":\\", ":/")
    if not is_path:
        dot = text.rfind(".") + 1
        is_path = dot > 1 and _SHORTEST <= len(text) - dot <= _LONGEST and text[dot:].isalpha()
    return Qt.TextElideMode.ElideMiddle if is_path else Qt.TextElideMode.ElideRight


class QuietDelegate(QStyledItemDelegate):
    """Paints text with an icon or a state's mark before it, eight pixels from the edge of the cell."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        colors = theme.colors()
        selected = bool(option.state & _SELECTED)
        ground, ink = self.chosen(colors)
        rect = QRect(option.rect)
        if selected:
            painter.fillRect(rect, ground)
        painter.save()
        painter.setFont(option.font)
        if selected:
            painter.setPen(ink)
        else:
            own = index.data(_FOREGROUND)
            quiet = colors.text if index.column() == 0 else colors.secondary
            painter.setPen(own if isinstance(own, QColor) else quiet)
        rect.adjust(theme.S, 0, -theme.S, 0)
        state, icon = index.data(STATE_ROLE), index.data(_DECORATION)
        if isinstance(state, str):
            dot = QRectF(self._take_mark(rect, option, theme.grown(_DOT_PX, option.font))).translated(0, 0.5)
            theme.draw_state_mark(painter, dot, state, ink if selected else None)
        elif isinstance(icon, QIcon):
            mode = QIcon.Mode.Selected if selected else QIcon.Mode.Normal
            place = self._take_mark(rect, option, theme.grown(_ICON_PX, option.font))
            icon.paint(painter, place, Qt.AlignmentFlag.AlignCenter, mode)
        full = str(index.data(_DISPLAY) or "")
        mode_of_cut = elide_mode(full)
        text = option.fontMetrics.elidedText(full, mode_of_cut, rect.width())
        alignment = index.data(_ALIGNMENT)
        flags = _LEFT if alignment is None else int(alignment)
        if mode_of_cut == Qt.TextElideMode.ElideMiddle:
            # A path reads from left to right in every language.
            flags |= int(Qt.TextFlag.TextForceLeftToRight)
        painter.setLayoutDirection(option.direction)
        painter.drawText(rect, flags, text)
        if option.state & _FOCUSED:
            ring = ink if selected else colors.accent_on_base
            painter.setPen(QPen(ring, 1, Qt.PenStyle.DotLine))
            painter.drawRect(option.rect.adjusted(1, 1, -2, -2))
        painter.restore()

    def chosen(self, colors: theme.Colors) -> tuple[QColor, QColor]:
        """Return ground and ink of what is selected."""
        return colors.accent, colors.accent_text

    def _take_mark(self, rect: QRect, option: QStyleOptionViewItem, side: int) -> QRect:
        """Cut the place of a mark off the beginning of a cell: its left, or its right where one reads so."""
        top = rect.center().y() - side // 2 + 1
        if option.direction == Qt.LayoutDirection.RightToLeft:
            place = QRect(rect.right() - side + 1, top, side, side)
            rect.setRight(place.left() - theme.S)
        else:
            place = QRect(rect.left(), top, side, side)
            rect.setLeft(place.right() + theme.S)
        return place

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        width = option.fontMetrics.horizontalAdvance(str(index.data(_DISPLAY) or ""))
        # A few pixels more than the text: rounding up and down would cut it otherwise.
        height = max(theme.ROW_HEIGHT, option.fontMetrics.height() + theme.XS)
        return QSize(width + 2 * theme.S + theme.XS, height)


class SoftDelegate(QuietDelegate):
    """Paints what is selected softly: for a list that says where one is, beside a table that says what is meant."""

    def chosen(self, colors: theme.Colors) -> tuple[QColor, QColor]:
        return colors.chosen, colors.text


class CheckBox(QCheckBox):
    """A check box whose frame is seen in the dark too.

    Fusion draws it in the window's colour made darker, which on a dark ground is next to nothing.
    """

    def initStyleOption(self, option: QStyleOptionButton) -> None:
        super().initStyleOption(option)
        palette = option.palette
        # What Fusion makes 140 % darker (qfusionstyle.cpp, outline) must end as our colour for marks.
        palette.setColor(QPalette.ColorRole.Window, theme.colors().absent.lighter(140))
        option.palette = palette
