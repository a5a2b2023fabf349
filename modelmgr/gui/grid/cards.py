"""How the cards of the grid are measured and painted, and where a name is edited.

A frame has up to some hundred cards, so a card is a handful of calls: icons, marks and the tiles that stand for
pictures are pixmaps made once, and words, cut to the card's width, are kept as long as their row.
"""

from PySide6.QtCore import QRect, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPen, QPixmap
from PySide6.QtWidgets import QAbstractItemView, QStyleOptionViewItem, QWidget

from modelmgr.gui import theme
from modelmgr.gui.previews import Previews
from modelmgr.gui.table.columns import is_absent, state_of, state_text
from modelmgr.gui.table.model import Index
from modelmgr.gui.table.naming import NameDelegate
from modelmgr.gui.text import cut_text, foreign_text, type_label
from modelmgr.lazily import dataclass
from modelmgr.values import ModelRow

MIN_SIZE, MAX_SIZE, START_SIZE = 96, 320, 160
"""How wide a picture is, in pixels at 100 %."""

KEPT_TEXTS = 2000
KEPT_TILES = 512
_HEIGHT_SHARE = 1.25
_CORNER_PX = 4
_ICON_PX, _MARK_PX, _STAR_PX, _TILE_ICON_PX = 14, 9, 10, 28
_PILL_PX = 18
_LINE_GAP = 6
_WORDS_FROM = 150
"""From this size on there is room for the word beside the mark of a state."""

_LEFT = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)


@dataclass(frozen=True, slots=True)
class Measures:
    """Where things stand on a card, in pixels from its upper left corner.

    Attributes:
        size: width of the picture; `picture`: its height.
        width, height: of the whole card.
        name, line: heights of the two lines of text.
    """

    size: int
    picture: int
    width: int
    height: int
    name: int
    line: int


@dataclass(frozen=True, slots=True)
class Face:
    """How a card is seen just now."""

    selected: bool = False
    hovered: bool = False
    focused: bool = False
    revealed: bool = False


class CardDelegate(NameDelegate):
    """Paints cards and opens the editor of their names."""

    def __init__(self, previews: Previews, parent: QAbstractItemView) -> None:
        super().__init__(parent)
        self._previews = previews
        self._view = parent
        self._size = START_SIZE
        self.take_palette()

    def fit(self, size: int) -> None:
        """Take another width of the pictures."""
        if size != self._size:
            self._size = size
            self._measure()

    def take_palette(self) -> None:
        """Take colours, fonts and icons for the palette and font of now."""
        self._colors = theme.colors()
        self._ratio = self._view.devicePixelRatioF()
        self._mirrored = self._view.isRightToLeft()
        font = self._view.font()
        self._font = QFont(font)
        self._metrics = QFontMetrics(self._font)
        self._small = QFont(font)
        if font.pointSizeF() > 0:
            self._small.setPointSizeF(font.pointSizeF() * 0.92)
        self._small_metrics = QFontMetrics(self._small)
        self._tiny = QFont(font)
        if font.pointSizeF() > 0:
            self._tiny.setPointSizeF(font.pointSizeF() * 0.85)
        self._pixmaps: dict[tuple[object, ...], QPixmap] = {}
        self._icon_px, self._mark_px, self._star_px, self._tile_icon_px = (
            theme.grown(pixels, font) for pixels in (_ICON_PX, _MARK_PX, _STAR_PX, _TILE_ICON_PX)
        )
        self._measure()

    def _measure(self) -> None:
        self._texts: dict[int, tuple[ModelRow, str, str]] = {}
        size, name, line = self._size, self._metrics.height(), self._small_metrics.height()
        picture = round(size * _HEIGHT_SHARE)
        self.measures = Measures(
            size=size,
            picture=picture,
            width=size + 2 * theme.S,
            height=theme.S + picture + _LINE_GAP + name + line + theme.S,
            name=name,
            line=line,
        )

    # --- pieces made once -------------------------------------------------------------------------------

    def _kept(self, *key: object) -> QPixmap:
        found = self._pixmaps.get(key)
        if found is None:
            if len(self._pixmaps) >= KEPT_TILES:
                self._pixmaps.clear()
            found = self._pixmaps[key] = self._make(key)
        return found

    def _make(self, key: tuple[object, ...]) -> QPixmap:
        colors = self._colors
        match key:
            case ("icon", str(name), bool(selected)):
                return theme.pixmap(
                    name, self._icon_px, colors.accent_text if selected else colors.secondary, self._ratio
                )
            case ("tile", str(icon), int(width), int(height)):
                return self._tile(icon, width, height)
            case ("pill", str(state), str(word)):
                return self._pill(self._mark(state), word)
            case ("stars", int(rating)):
                return self._stars(rating)
        raise ValueError(key)

    def _blank(self, width: int, height: int) -> QPixmap:
        drawn = QPixmap(round(width * self._ratio), round(height * self._ratio))
        drawn.setDevicePixelRatio(self._ratio)
        drawn.fill(Qt.GlobalColor.transparent)
        return drawn

    def _ground(self, painter: QPainter, width: int, height: int, radius: float, color: QColor) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color)
        painter.drawRoundedRect(QRectF(0, 0, width, height), radius, radius)

    def _tile(self, icon: str, width: int, height: int) -> QPixmap:
        """Return what stands for a picture that isn't there."""
        colors = self._colors
        drawn = self._blank(width, height)
        painter = QPainter(drawn)
        self._ground(painter, width, height, _CORNER_PX, colors.tile)
        drawing = theme.pixmap(icon, self._tile_icon_px, colors.absent, self._ratio)
        painter.drawPixmap((width - self._tile_icon_px) // 2, (height - self._tile_icon_px) // 2, drawing)
        painter.end()
        return drawn

    def _mark(self, name: str) -> QPixmap:
        colors = self._colors
        if name == "star":
            return theme.pixmap("star-filled", self._star_px + 2, colors.busy, self._ratio)
        if name == "veil":
            return theme.pixmap("eye-off", self._icon_px, colors.text, self._ratio)
        if name in ("dangerous", "unscanned"):
            color = colors.problem if name == "dangerous" else colors.busy
            return theme.pixmap("triangle-alert", self._star_px + 2, color, self._ratio)
        return theme.state_pixmap(name, self._mark_px, None, self._ratio)

    def _pill(self, mark: QPixmap, word: str) -> QPixmap:
        """Return a mark, with its word if there is room for one, on a ground that is read on any picture."""
        side = round(mark.deviceIndependentSize().width())
        metrics = QFontMetrics(self._tiny)
        height = max(_PILL_PX, metrics.height() + 2)
        room = metrics.horizontalAdvance(word) + theme.XS if word else 0
        width = max(height, side + room + 2 * 5)
        drawn = self._blank(width, height)
        painter = QPainter(drawn)
        self._ground(painter, width, height, height / 2, self._scrim())
        left = (width - side - room) // 2
        place = width - left - side if self._mirrored else left
        painter.drawPixmap(place, (height - side) // 2, mark)
        if word:
            painter.setFont(self._tiny)
            painter.setPen(self._colors.text)
            start = left if self._mirrored else left + side + theme.XS
            painter.drawText(
                QRect(start, 0, room - theme.XS + 1, height), int(Qt.AlignmentFlag.AlignCenter), word
            )
        painter.end()
        return drawn

    def _stars(self, rating: int) -> QPixmap:
        height = max(_PILL_PX, QFontMetrics(self._tiny).height() + 2)
        width = rating * (self._star_px + 1) + 9
        width = max(width, height)
        drawn = self._blank(width, height)
        painter = QPainter(drawn)
        self._ground(painter, width, height, height / 2, self._scrim())
        star = theme.pixmap("star-filled", self._star_px, self._colors.text, self._ratio)
        left = (width - rating * (self._star_px + 1) + 1) // 2
        for number in range(rating):
            painter.drawPixmap(left + number * (self._star_px + 1), (height - self._star_px) // 2, star)
        painter.end()
        return drawn

    def _scrim(self) -> QColor:
        color = QColor(self._colors.base)
        color.setAlphaF(0.88)
        return color

    def _words(self, row: ModelRow) -> tuple[str, str]:
        """Return the two lines of a card, cut to its width."""
        kept = self._texts.get(row.id)
        if kept is None or kept[0] is not row:
            if len(self._texts) >= KEPT_TEXTS:
                self._texts.clear()
            mode = Qt.TextElideMode.ElideRight
            name = cut_text(self._metrics.elidedText(foreign_text(row.name), mode, self._size))
            kind = type_label(row.type)
            if row.base_model:
                kind = f"{kind} · {foreign_text(row.base_model, 80)}"
            room = self._size - self._icon_px - theme.XS
            kind = cut_text(self._small_metrics.elidedText(kind, mode, room))
            kept = self._texts[row.id] = (row, name, kind)
        return kept[1], kept[2]

    # --- painting ---------------------------------------------------------------------------------------

    def paint_card(self, painter: QPainter, x: int, y: int, row: ModelRow | None, face: Face) -> None:
        """Paint one card; a quiet tile where the row is not known yet."""
        m = self.measures
        colors = self._colors
        left, top = x + theme.S, y + theme.S
        if row is None:
            painter.drawPixmap(left, top, self._kept("tile", "image", m.size, m.picture))
            bar = top + m.picture + _LINE_GAP + m.name // 2 - 4
            painter.fillRect(left, bar, m.size // 2, 8, colors.line)
            return
        if face.selected or face.hovered:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colors.accent if face.selected else colors.hover)
            painter.drawRoundedRect(x, y, m.width, m.height, 6, 6)
        absent = is_absent(row)
        self._paint_picture(painter, left, top, row, face, absent)
        self._paint_marks(painter, left, top, row, face)
        name, kind = self._words(row)
        line = top + m.picture + _LINE_GAP
        painter.setFont(self._font)
        if face.selected:
            painter.setPen(colors.accent_text)
        else:
            painter.setPen(colors.greyed if absent else colors.text)
        painter.drawText(left, line, m.size, m.name, _LEFT, name)
        line += m.name
        painter.setFont(self._small)
        if not face.selected:
            painter.setPen(colors.greyed if absent else colors.secondary)
        icon = self._kept("icon", theme.type_icon_name(row.type), face.selected)
        room = m.size - self._icon_px - theme.XS
        painter.drawPixmap(
            left + m.size - self._icon_px if self._mirrored else left,
            line + (m.line - self._icon_px) // 2,
            icon,
        )
        painter.drawText(
            left if self._mirrored else left + self._icon_px + theme.XS, line, room, m.line, _LEFT, kind
        )
        if face.focused:
            ring = colors.accent_text if face.selected else colors.accent_on_base
            painter.setPen(QPen(ring, 1, Qt.PenStyle.DotLine))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(x + 2, y + 2, m.width - 5, m.height - 5, 5, 5)

    def _paint_picture(
        self, painter: QPainter, left: int, top: int, row: ModelRow, face: Face, absent: bool
    ) -> None:
        m, colors = self.measures, self._colors
        picture = self._previews.cover(row, m.size, m.picture, self._ratio, revealed=face.revealed)
        if picture is None:
            name = "eye-off" if self._previews.is_hidden(row) else theme.type_icon_name(row.type)
            picture = self._kept("tile", name, m.size, m.picture)
        if absent:
            # It fades on the ground of the page, not on that of the selection.
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colors.base)
            painter.drawRoundedRect(left, top, m.size, m.picture, _CORNER_PX, _CORNER_PX)
            painter.setOpacity(0.5)
        if picture.width() == round(m.size * self._ratio):
            painter.drawPixmap(left, top, picture)
        else:
            painter.drawPixmap(QRect(left, top, m.size, m.picture), picture)
        if absent:
            painter.setOpacity(1.0)

    def _paint_marks(self, painter: QPainter, left: int, top: int, row: ModelRow, face: Face) -> None:
        m = self.measures
        right, bottom = left + m.size - theme.XS, top + m.picture - theme.XS
        left, top = left + theme.XS, top + theme.XS
        if row.favorite:
            self._put(painter, self._kept("pill", "star", ""), left, right, top, at_end=True)
        if row.danger:
            self._put(painter, self._kept("pill", row.danger, ""), left, right, top)
        state = state_of(row)
        if state != "present":
            pill = self._kept("pill", state, state_text(row) if m.size >= _WORDS_FROM else "")
            self._put(painter, pill, left, right, bottom - _height(pill))
        if row.rating:
            pill = self._kept("stars", max(1, min(5, row.rating)))
            self._put(painter, pill, left, right, bottom - _height(pill), at_end=True)
        if not face.revealed and row.preview and self._previews.is_veiled(row):
            pill = self._kept("pill", "veil", "")
            width = round(pill.deviceIndependentSize().width())
            painter.drawPixmap((left + right - width) // 2, (top + bottom - _height(pill)) // 2, pill)

    def _put(
        self, painter: QPainter, pill: QPixmap, left: int, right: int, top: int, *, at_end: bool = False
    ) -> None:
        width = round(pill.deviceIndependentSize().width())
        painter.drawPixmap(right - width if at_end is not self._mirrored else left, top, pill)

    # --- Qt ---------------------------------------------------------------------------------------------

    def updateEditorGeometry(self, editor: QWidget, option: QStyleOptionViewItem, index: Index) -> None:
        m = self.measures
        card = self._view.visualRect(index)
        height = m.name + theme.S
        top = card.top() + theme.S + m.picture + _LINE_GAP + m.name // 2 - height // 2
        editor.setGeometry(card.left() + 2, top, m.width - 4, height)


def _height(pill: QPixmap) -> int:
    return round(pill.deviceIndependentSize().height())
