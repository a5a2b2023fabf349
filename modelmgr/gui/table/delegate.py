"""How the cells of the library table are painted, and where a name is edited."""

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QFont, QFontMetrics, QPainter, QPen, QPixmap
from PySide6.QtWidgets import (
    QStyle,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from modelmgr.gui import theme
from modelmgr.gui.table.columns import COLUMN_OF_NAME, COLUMNS, NAME_COLUMN, Look, is_absent, state_of
from modelmgr.gui.table.model import Index, LibraryModel
from modelmgr.gui.table.naming import NameDelegate
from modelmgr.gui.text import cut_text
from modelmgr.values import FileState, ModelRow

if TYPE_CHECKING:
    from modelmgr.gui.previews import Previews

KEPT_TEXTS = 2000
MIN_CELL_WIDTH = 40
_ICON_PX = 16
_THUMB_PX = 20
_COMFORTABLE_THUMB_PX = 36
_DOT_PX = 9
_BADGE_PX = 14
_STATE_GAP = 5

_SELECTED = QStyle.StateFlag.State_Selected.value
_HOVERED = QStyle.StateFlag.State_MouseOver.value
_FOCUSED = QStyle.StateFlag.State_HasFocus.value
_LEFT = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
_LEFT_BOTTOM = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignBottom)
_LEFT_TOP = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
_RIGHT = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
_ABSENT = (str(FileState.MISSING), str(FileState.OFFLINE))
_BAR_COLUMNS = (NAME_COLUMN, COLUMN_OF_NAME["type"])
_TYPE_COLUMN = COLUMN_OF_NAME["type"]
_AGING = ("added_at", "modified_at")
"""Columns whose words grow older by themselves; they are not kept."""


class RowDelegate(NameDelegate):
    """Paints the cells.

    A frame has some four hundred of them, so a cell is a handful of calls: rectangles are integers, marks and
    icons are pixmaps made once, and the words of a cell, cut to its width, are kept as long as its row.

    Attributes:
        previews: the pictures; None as long as nobody may ask for one.
    """

    def __init__(self, model: LibraryModel, parent: QTableView) -> None:
        super().__init__(parent)
        self._model = model
        self.previews: Previews | None = None
        self._view = parent
        self.comfortable = False
        self.take_palette()

    def take_palette(self) -> None:
        """Take colours, fonts and icons for the palette and font of now."""
        self._colors = theme.colors()
        self._tile = self._colors.tile
        self._ratio = self._view.devicePixelRatioF()
        self._mirrored = self._view.isRightToLeft()
        self._pictures: dict[tuple[str, bool], QPixmap] = {}
        self._texts: dict[int, tuple[ModelRow, dict[tuple[int, int], str]]] = {}
        font = self._view.font()
        self._font = QFont(font)
        self._metrics = QFontMetrics(font)
        self._small = QFont(font)
        if font.pointSizeF() > 0:
            self._small.setPointSizeF(font.pointSizeF() * 0.92)
        self._small_metrics = QFontMetrics(self._small)
        self._mono: QFont | None = None
        self._icon_px = theme.grown(_ICON_PX, font)
        self._dot_px = theme.grown(_DOT_PX, font)
        self._badge_px = theme.grown(_BADGE_PX, font)
        self._thumb_px = theme.grown(_THUMB_PX, font)
        self._comfortable_thumb_px = theme.grown(_COMFORTABLE_THUMB_PX, font)

    @property
    def thumbnail_side(self) -> int:
        """How large the pictures beside the names are, in logical pixels."""
        return self._comfortable_thumb_px if self.comfortable else self._thumb_px

    def _picture(self, name: str, selected: bool) -> QPixmap:
        """Return the icon of a type (``lora``), the mark of a state (``state:missing``) or of danger, or a star."""
        found = self._pictures.get((name, selected))
        if found is None:
            colors = self._colors
            if name.startswith("state:"):
                color = colors.accent_text if selected else None
                found = theme.state_pixmap(name[6:], self._dot_px, color, self._ratio)
            elif name.startswith("danger:"):
                color = self._colors.problem if name == "danger:dangerous" else self._colors.busy
                found = theme.pixmap(
                    "triangle-alert",
                    self._badge_px,
                    self._colors.accent_text if selected else color,
                    self._ratio,
                )
            elif name == "star":
                found = theme.pixmap(
                    "star-filled", self._icon_px, colors.accent_text if selected else colors.busy, self._ratio
                )
            else:
                color = colors.accent_text if selected else colors.secondary
                found = theme.pixmap(theme.type_icon_name(name), self._icon_px, color, self._ratio)
            self._pictures[name, selected] = found
        return found

    def _mark(self, name: str, selected: bool) -> QPixmap | None:
        """Return the mark of a cell; types have none before there are pictures: the first of them takes 5 ms."""
        if self.previews is None and not name.startswith("state:"):
            return None
        return self._picture(name, selected)

    def _set_mono(self, painter: QPainter) -> QFontMetrics:
        """Give the painter the font of hashes, which is looked for when the first is seen."""
        if self._mono is None:
            self._mono = theme.mono_font(self._font)
            self._mono_metrics = QFontMetrics(self._mono)
        painter.setFont(self._mono)
        return self._mono_metrics

    def _tile_of(self, side: int) -> QPixmap:
        """Return the tile that stands for a picture while it is read."""
        # Drawn, not filled: for the first rectangle that Python fills PySide loads all gradients that Qt has names for.
        found = self._pictures.get((f"tile:{side}", False))
        if found is None:
            found = self._pictures[f"tile:{side}", False] = QPixmap(QSize(side, side) * self._ratio)
            found.fill(self._tile)
            found.setDevicePixelRatio(self._ratio)
        return found

    def _text(self, row: ModelRow, number: int, width: int, metrics: QFontMetrics) -> str:
        """Return the words of a cell, cut to `width`."""
        kept = self._texts.get(row.id)
        if kept is None or kept[0] is not row:
            if len(self._texts) >= KEPT_TEXTS:
                self._texts.clear()
            kept = self._texts[row.id] = (row, {})
        text = kept[1].get((number, width))
        if text is None:
            column = COLUMNS[number]
            mode = Qt.TextElideMode.ElideMiddle if column.elide_middle else Qt.TextElideMode.ElideRight
            text = cut_text(metrics.elidedText(column.text(row), mode, width))
            if column.name in _AGING:
                return text
            kept[1][number, width] = text
        return text

    def _paint_name(
        self,
        painter: QPainter,
        x: int,
        y: int,
        width: int,
        height: int,
        row: ModelRow,
        selected: bool,
        revealed: bool,
    ) -> None:
        side = self.thumbnail_side
        end = x + width
        x += theme.S
        place = end - theme.S - side if self._mirrored else x
        picture = None
        if row.preview and self.previews is not None:
            picture = self.previews.thumbnail(row, side, self._ratio, revealed=revealed)
        if picture is not None:
            painter.drawPixmap(place, y + (height - side) // 2, picture)
        else:
            self._paint_tile(painter, place, y + (height - side) // 2, side, row, selected)
        width -= side + 2 * theme.S + theme.XS
        x = x - theme.XS if self._mirrored else x + side + theme.S
        if row.danger:
            width -= self._badge_px + theme.XS
            badge = x if self._mirrored else x + width + theme.XS
            x += self._badge_px + theme.XS if self._mirrored else 0
            painter.drawPixmap(
                badge, y + (height - self._badge_px) // 2, self._picture(f"danger:{row.danger}", selected)
            )
        if not self.comfortable or not row.file_name:
            painter.drawText(x, y, width, height, _LEFT, self._text(row, NAME_COLUMN, width, self._metrics))
            return
        half = height // 2
        painter.drawText(x, y, width, half, _LEFT_BOTTOM, self._text(row, NAME_COLUMN, width, self._metrics))
        painter.setFont(self._small)
        if not selected:
            painter.setPen(self._colors.greyed if is_absent(row) else self._colors.secondary)
        file_name = self._text(row, COLUMN_OF_NAME["file_name"], width, self._small_metrics)
        painter.drawText(x, y + half, width, height - half, _LEFT_TOP, file_name)

    def _paint_tile(
        self, painter: QPainter, x: int, y: int, side: int, row: ModelRow, selected: bool
    ) -> None:
        """Paint what stands for a picture: a tile while it is read; the type's icon if the type has no column."""
        has_picture = row.preview and not (self.previews is not None and self.previews.is_broken(row.preview))
        if has_picture and not selected:
            painter.drawPixmap(x, y, self._tile_of(side))
        elif not has_picture and self._view.isColumnHidden(_TYPE_COLUMN):
            inset = (side - self._icon_px) // 2
            painter.drawPixmap(x + inset, y + inset, self._picture(row.type, selected))

    # --- Qt ---------------------------------------------------------------------------------------------

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        colors = self._colors
        number = index.column()
        look = COLUMNS[number].look
        rect = option.rect
        state = option.state.value
        selected = bool(state & _SELECTED)
        row = self._model.row_at(index.row())
        if selected:
            painter.fillRect(rect, colors.accent)
        x, y, width, height = rect.x(), rect.y(), rect.width(), rect.height()
        if row is None:
            if number in _BAR_COLUMNS and self._model.is_slow:
                painter.fillRect(x + theme.S, y + height // 2 - 4, width // 2, 8, colors.line)
            return
        painter.setFont(self._font)
        if selected:
            painter.setPen(colors.accent_text)
        elif row.file_state in _ABSENT:
            painter.setPen(colors.greyed)
        else:
            painter.setPen(colors.text if look is Look.NAME else colors.secondary)
        if look is Look.NAME:
            self._paint_name(painter, x, y, width, height, row, selected, bool(state & _HOVERED))
        elif look is Look.FAVORITE:
            if row.favorite:
                top = y + (height - self._icon_px) // 2
                painter.drawPixmap(x + theme.S, top, self._picture("star", selected))
        else:
            left, room, metrics = x + theme.S, width - 2 * theme.S, self._metrics
            if look is Look.STATE or look is Look.TYPE:
                is_state = look is Look.STATE
                side = self._dot_px if is_state else self._icon_px
                gap = _STATE_GAP if is_state else theme.S - 1
                mark = self._mark(f"state:{state_of(row)}" if is_state else row.type, selected)
                place = x + width - theme.S - side if self._mirrored else left
                if mark is not None:
                    painter.drawPixmap(place, y + (height - side) // 2, mark)
                # A state's word may go up to the edge, for nothing stands behind it.
                room -= side + gap - (theme.XS if is_state else 0)
                if not self._mirrored:
                    left += side + gap
                elif is_state:
                    left -= theme.XS
                if is_state:
                    painter.setFont(self._small)
                    metrics = self._small_metrics
                    if state_of(row) == "present":
                        room = 0  # what is as it should be needs no word in each row
            elif look is Look.MONO:
                metrics = self._set_mono(painter)
            text = self._text(row, number, room, metrics) if room > 0 else ""
            if text:
                painter.drawText(left, y, room, height, _RIGHT if look is Look.NUMBER else _LEFT, text)
        if state & _FOCUSED:
            ring = colors.accent_text if selected else colors.accent_on_base
            painter.setPen(QPen(ring, 1, Qt.PenStyle.DotLine))
            painter.drawRect(rect.adjusted(1, 1, -2, -2))

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(MIN_CELL_WIDTH, theme.ROW_HEIGHT)

    def updateEditorGeometry(self, editor: QWidget, option: QStyleOptionViewItem, index: Index) -> None:
        inset = theme.S + self.thumbnail_side + theme.XS
        left, right = (1, -inset) if self._mirrored else (inset, -1)
        place = option.rect.adjusted(left, 1, right, -1)
        # A long name may reach over the next columns, as far as there is something to see.
        row = self._model.row_at(index.row())
        needed = self._metrics.horizontalAdvance(row.name[:500]) + theme.XL if row is not None else 0
        if self._mirrored:
            place.setLeft(min(place.left(), max(0, place.right() - needed)))
        else:
            place.setRight(max(place.right(), min(self._view.viewport().width(), place.left() + needed)))
        editor.setGeometry(place)
