"""How a row of the filter panel looks: mark or icon, word, number; a tick where it is on, a minus where excluded."""

from enum import IntEnum
from typing import NamedTuple

from PySide6.QtCore import QModelIndex, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter
from PySide6.QtWidgets import QLineEdit, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from modelmgr.gui import theme
from modelmgr.gui.search.saved import NAME_LIMIT
from modelmgr.gui.text import count_text

FACET_ROLE, COUNT_ROLE, MODE_ROLE, NOTE_ROLE = (Qt.ItemDataRole.UserRole + n for n in range(1, 5))
ICON = 16
_SMALL_ICON = 12
STEP = 14
ROW = 26
HEADER_GAP = 6


class Kind(IntEnum):
    """What a row is for."""

    ALL = 0
    FAVORITE = 1
    HEADER = 2
    VALUE = 3
    MORE = 4
    FIND = 5
    SAVED = 6


class Mode(IntEnum):
    """What a row does to the query."""

    OFF = 0
    ON = 1
    EXCLUDED = 2


class Facet(NamedTuple):
    """What a row stands for.

    Attributes:
        group: one of `GROUPS`, or ``all``, ``favorite``, ``saved``.
        value: what a query says for it; of a saved filter its name.
        depth: how many folders of the tree are above it.
        is_branch: it can be opened.
    """

    kind: Kind
    group: str
    value: str = ""
    depth: int = 0
    is_branch: bool = False


def search_place(row: QRect, direction: Qt.LayoutDirection) -> QRect:
    """Return where a header has the button that opens its search."""
    return QStyle.visualRect(direction, row, QRect(row.right() - theme.M - 40, row.top(), 24, row.height()))


def chevron_place(row: QRect, depth: int, direction: Qt.LayoutDirection) -> QRect:
    """Return where a folder has the mark that opens it."""
    left = row.left() + depth * STEP
    return QStyle.visualRect(direction, row, QRect(left, row.top(), theme.M + 4, row.height()))


class FacetDelegate(QStyledItemDelegate):
    """Paints the rows of the panel."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex) -> None:  # type: ignore[override]
        facet: Facet = index.data(FACET_ROLE)
        if facet.kind == Kind.FIND:
            return
        colors = theme.colors()
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        rect = QRect(option.rect)
        mode = Mode(index.data(MODE_ROLE) or 0)
        self._paint_ground(painter, option, facet, mode)
        font = QFont(option.font)
        left = rect.left() + theme.M + facet.depth * STEP
        right = rect.right() - theme.M
        count = index.data(COUNT_ROLE)
        if facet.kind == Kind.HEADER:
            rect.setTop(rect.top() + HEADER_GAP)
            right = self._paint_header_marks(painter, rect, option, index)
            font = header_font(font)
        else:
            self._paint_mark(painter, option, facet, mode, left, count == 0)
            left += theme.grown(ICON, option.font) + theme.S
            if mode == Mode.EXCLUDED:
                font.setStrikeOut(True)
        painter.setFont(font)
        metrics = QFontMetrics(font)
        note = index.data(NOTE_ROLE) or (
            count_text(count) if count is not None and facet.kind != Kind.HEADER else ""
        )
        if note:
            plain = QFont(font)
            plain.setStrikeOut(False)
            painter.setFont(plain)
            painter.setPen(colors.secondary)
            width = QFontMetrics(plain).horizontalAdvance(note)
            room = QRect(right - width, rect.top(), width + 1, rect.height())
            painter.drawText(
                QStyle.visualRect(option.direction, rect, room),
                int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter),
                note,
            )
            painter.setFont(font)
            right -= width + theme.S
        is_faint = facet.kind in (Kind.HEADER, Kind.MORE) or (count == 0 and mode == Mode.OFF)
        painter.setPen(colors.secondary if is_faint or mode == Mode.EXCLUDED else colors.text)
        room = QStyle.visualRect(
            option.direction, rect, QRect(left, rect.top(), max(0, right - left), rect.height())
        )
        elide = Qt.TextElideMode.ElideMiddle if facet.group == "folders" else Qt.TextElideMode.ElideRight
        painter.drawText(
            room,
            int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter),
            metrics.elidedText(str(index.data(Qt.ItemDataRole.DisplayRole)), elide, room.width()),
        )
        painter.restore()

    @staticmethod
    def _paint_ground(painter: QPainter, option: QStyleOptionViewItem, facet: Facet, mode: Mode) -> None:
        colors = theme.colors()
        area = QRectF(option.rect.adjusted(theme.XS, 1, -theme.XS, -1))
        ground: QColor | None = None
        if facet.kind != Kind.HEADER:
            if mode == Mode.ON:
                ground = colors.chosen
            elif mode == Mode.EXCLUDED or option.state & QStyle.StateFlag.State_MouseOver:
                ground = colors.hover
        if ground is not None:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(ground)
            painter.drawRoundedRect(area, 5, 5)
        if option.state & QStyle.StateFlag.State_HasFocus:
            painter.setPen(colors.accent_on_base)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(area.adjusted(0.5, 0.5, -0.5, -0.5), 5, 5)

    @staticmethod
    def _paint_header_marks(
        painter: QPainter, rect: QRect, option: QStyleOptionViewItem, index: QModelIndex
    ) -> int:
        """Draw the marks at the end of a header's row; return where its words must end."""
        colors = theme.colors()
        ratio = painter.device().devicePixelRatioF()
        name = "chevron-down" if option.state & QStyle.StateFlag.State_Open else "chevron-right"
        side = theme.grown(_SMALL_ICON, option.font)
        place = QRect(rect.right() - theme.M - side, rect.center().y() - side // 2 + 1, side, side)
        painter.drawPixmap(
            QStyle.visualRect(option.direction, rect, place).topLeft(),
            theme.pixmap(name, side, colors.secondary, ratio),
        )
        right = rect.right() - theme.M - side - theme.S
        if index.data(MODE_ROLE):
            # Many values: they can be searched.
            middle = search_place(rect, option.direction).center()
            painter.drawPixmap(
                middle.x() - side // 2,
                middle.y() - side // 2 + 1,
                theme.pixmap("search", side, colors.secondary, ratio),
            )
            right -= side + theme.L
        return right

    @staticmethod
    def _paint_mark(
        painter: QPainter, option: QStyleOptionViewItem, facet: Facet, mode: Mode, left: int, is_empty: bool
    ) -> None:
        colors, rect = theme.colors(), option.rect
        ratio = painter.device().devicePixelRatioF()
        if facet.is_branch:
            is_open = bool(option.state & QStyle.StateFlag.State_Open)
            mirrored = option.direction == Qt.LayoutDirection.RightToLeft
            name = "chevron-down" if is_open else "chevron-left" if mirrored else "chevron-right"
            middle = chevron_place(rect, facet.depth, option.direction).center()
            side = theme.grown(10, option.font)
            painter.drawPixmap(
                middle.x() - side // 2 - 1,
                middle.y() - side // 2 + 1,
                theme.pixmap(name, side, colors.secondary, ratio),
            )
        side = theme.grown(ICON, option.font)
        place = QStyle.visualRect(
            option.direction, rect, QRect(left, rect.center().y() - side // 2 + 1, side, side)
        )
        if facet.group == "states" and mode == Mode.OFF and facet.value not in ("dangerous", "unscanned"):
            dot = place.adjusted(side // 5, side // 5, -side // 4, -side // 4)
            # What no model has is no news: its mark is as quiet as its word.
            color = colors.absent if is_empty else None
            theme.draw_state_mark(painter, QRectF(dot), facet.value, color)
            return
        icon = icon_of(facet)
        if mode == Mode.ON and facet.kind != Kind.SAVED:
            icon = "check"
        elif mode == Mode.EXCLUDED:
            icon = "minus"
        if icon is not None:
            color = colors.accent_on_base if mode == Mode.ON else colors.secondary
            painter.drawPixmap(place.topLeft(), theme.pixmap(icon, side, color, ratio))

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex) -> QSize:  # type: ignore[override]
        facet: Facet = index.data(FACET_ROLE)
        lines = max(ROW, option.fontMetrics.height() + theme.S)
        if facet.kind == Kind.HEADER:
            lines += HEADER_GAP
        elif facet.kind == Kind.FIND:
            lines = option.fontMetrics.height() + theme.M + theme.S
        return QSize(60, lines)

    # --- renaming a saved filter ------------------------------------------------------------------------

    def createEditor(
        self,
        parent: QWidget,
        option: QStyleOptionViewItem,
        index: QModelIndex,  # type: ignore[override]
    ) -> QWidget:
        edit = QLineEdit(parent)
        edit.setObjectName("savedNameEdit")
        edit.setAccessibleName(self.tr("Name of the saved filter"))
        edit.setMaxLength(NAME_LIMIT)
        return edit

    def setEditorData(self, editor: QWidget, index: QModelIndex) -> None:  # type: ignore[override]
        # Once: numbers that change meanwhile are no reason to take away what is being typed.
        if not editor.property("isFilled"):
            super().setEditorData(editor, index)
            editor.setProperty("isFilled", True)

    def updateEditorGeometry(
        self,
        editor: QWidget,
        option: QStyleOptionViewItem,
        index: QModelIndex,  # type: ignore[override]
    ) -> None:
        editor.setGeometry(option.rect.adjusted(theme.XS, 0, -theme.XS, 0))


def header_font(font: QFont) -> QFont:
    """Return the font of a facet's title."""
    made = QFont(font)
    made.setWeight(QFont.Weight.DemiBold)
    if made.pointSizeF() > 0:
        made.setPointSizeF(made.pointSizeF() * 0.85)
    made.setCapitalization(QFont.Capitalization.AllUppercase)
    made.setLetterSpacing(QFont.SpacingType.AbsoluteSpacing, 0.5)
    return made


def icon_of(facet: Facet) -> str | None:
    """Return the icon of a row that is neither on nor excluded."""
    if facet.kind == Kind.VALUE and facet.group == "types":
        return theme.type_icon_name(facet.value)
    if facet.group == "states":
        return "triangle-alert" if facet.value == "dangerous" else "shield-question-mark"
    return {
        (Kind.ALL, "all"): "library",
        (Kind.FAVORITE, "favorite"): "star",
        (Kind.SAVED, "saved"): "bookmark",
        (Kind.VALUE, "folders"): "folder",
        (Kind.VALUE, "tags"): "tag",
    }.get((facet.kind, facet.group))
