"""Previews: pictures of strangers (see `modelmgr.pictures`), decoded off the GUI thread, and kept small."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QObject, QRect, QSize, Qt, Signal, Slot
from PySide6.QtGui import QImage, QImageReader, QPainter, QPainterPath, QPixmap

from modelmgr.gui.tasks import Tasks
from modelmgr.pictures import PIXEL_LIMIT, image_format, read_bounded
from modelmgr.values import ModelRow

ALLOCATION_LIMIT_MB = 256
KEPT_PICTURES = 400
WAITING_PICTURES = 64
_CORNER_PX = 4.0


@dataclass(frozen=True, slots=True)
class _Wish:
    """A picture and how it is wanted: within, or (`fills`) covering `width` x `height` device pixels."""

    path: str
    width: int
    height: int
    fills: bool


def decode(data: bytes, width: int, height: int, *, fills: bool = False) -> QImage | None:
    """Decode a picture into `width` x `height` device pixels, in any thread.

    It keeps its proportions: the whole of it fits in, or, with `fills`, its middle covers all.

    Returns:
        The picture, or None if it is no picture that is decoded, or one beyond the bounds.
    """
    kind = image_format(data[:16])
    if kind is None:
        return None
    device = QBuffer()
    device.setData(QByteArray(data))
    device.open(QIODevice.OpenModeFlag.ReadOnly)
    reader = QImageReader(device, QByteArray(kind.encode()))
    reader.setAutoDetectImageFormat(False)
    reader.setAutoTransform(True)
    QImageReader.setAllocationLimit(ALLOCATION_LIMIT_MB)
    size = reader.size()
    if not size.isValid() or size.isEmpty() or size.width() * size.height() > PIXEL_LIMIT:
        return None
    bounds = QSize(width, height)
    mode = Qt.AspectRatioMode.KeepAspectRatioByExpanding if fills else Qt.AspectRatioMode.KeepAspectRatio
    scaled = size.scaled(bounds, mode).expandedTo(QSize(1, 1))
    # A line of a million pixels by one would be scaled up to a giant on its other side.
    if scaled.width() > size.width() or scaled.width() * scaled.height() > 4 * width * height:
        scaled = (
            size
            if size.width() * size.height() <= 4 * width * height
            else size.scaled(bounds, Qt.AspectRatioMode.KeepAspectRatio).expandedTo(QSize(1, 1))
        )
    reader.setScaledSize(scaled)
    image = reader.read()
    if image.isNull():
        return None
    if fills and (image.width() > width or image.height() > height):
        image = image.copy(
            QRect(
                max(0, (image.width() - width) // 2), max(0, (image.height() - height) // 2), width, height
            ).intersected(image.rect())
        )
    return image


def load(wish: _Wish, roots: Sequence[str]) -> tuple[_Wish, QImage | None]:
    """Read and decode one picture."""
    data = read_bounded(wish.path, roots)
    return wish, None if data is None else decode(data, wish.width, wish.height, fills=wish.fills)


class Previews(QObject):
    """Pictures by path and size. What isn't here yet is asked for, newest first, and announced.

    Signals:
        arrived(): some picture that was asked for is here, or is known to be none.

    Attributes:
        roots: folders below which pictures may lie, beside the model's own folder.
        is_on: False shows none in the table.
    """

    arrived = Signal()

    def __init__(self, tasks: Tasks, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.roots: tuple[str, ...] = ()
        self.is_on = True
        self._tasks = tasks
        self._kept: OrderedDict[tuple[_Wish, float], QPixmap | None] = OrderedDict()
        self._wanted: OrderedDict[tuple[_Wish, float], tuple[str, ...]] = OrderedDict()
        self._asked: tuple[_Wish, float] | None = None

    def thumbnail(self, row: ModelRow, side: int, ratio: float) -> QPixmap | None:
        """Return the row's square picture if it is here; else ask for it and return None."""
        if not self.is_on or not row.preview:
            return None
        pixels = round(side * ratio)
        return self._find(_Wish(row.preview, pixels, pixels, True), ratio, _folders_of(row))

    def picture(
        self, row: ModelRow, size: QSize, ratio: float, more_roots: Sequence[str] = ()
    ) -> QPixmap | None:
        """Return the row's whole picture within `size`, if it is here; else ask for it and return None."""
        if not row.preview:
            return None
        wish = _Wish(row.preview, round(size.width() * ratio), round(size.height() * ratio), False)
        return self._find(wish, ratio, (*_folders_of(row), *more_roots))

    def forget(self) -> None:
        """Look at every file again when it is wanted next."""
        self._kept.clear()
        self.arrived.emit()

    def _find(self, wish: _Wish, ratio: float, roots: tuple[str, ...]) -> QPixmap | None:
        key = (wish, ratio)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        self._wanted[key] = roots
        self._wanted.move_to_end(key)
        while len(self._wanted) > WAITING_PICTURES:
            self._wanted.popitem(last=False)
        self._ask()
        return None

    def _ask(self) -> None:
        if self._asked is not None or not self._wanted:
            return
        key, roots = self._wanted.popitem()
        self._asked = key
        self._tasks.look(
            partial(load, key[0], (*self.roots, *roots)), self._on_loaded, failed=self._on_failed
        )

    @Slot(object)
    def _on_loaded(self, answer: tuple[_Wish, QImage | None]) -> None:
        _wish, image = answer
        key, self._asked = self._asked, None
        if key is not None:
            self._kept[key] = None if image is None else _finished(image, key)
            while len(self._kept) > KEPT_PICTURES:
                self._kept.popitem(last=False)
            self.arrived.emit()
        self._ask()

    def _on_failed(self, error: Exception) -> None:
        # A decoder that gave up says nothing about the next picture.
        if self._asked is not None:
            self._on_loaded((self._asked[0], None))


def _folders_of(row: ModelRow) -> tuple[str, ...]:
    return (row.folder,) if row.folder else ()


def _finished(image: QImage, key: tuple[_Wish, float]) -> QPixmap:
    """Return the pixmap for an image; thumbnails get soft corners."""
    wish, ratio = key
    plain = QPixmap.fromImage(image)
    if not wish.fills:
        plain.setDevicePixelRatio(ratio)
        return plain
    drawn = QPixmap(wish.width, wish.height)
    drawn.fill(Qt.GlobalColor.transparent)
    painter = QPainter(drawn)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    area = QRect(
        (wish.width - plain.width()) // 2, (wish.height - plain.height()) // 2, plain.width(), plain.height()
    )
    path = QPainterPath()
    path.addRoundedRect(area, _CORNER_PX * ratio, _CORNER_PX * ratio)
    painter.setClipPath(path)
    painter.drawPixmap(area.topLeft(), plain)
    painter.end()
    drawn.setDevicePixelRatio(ratio)
    return drawn
