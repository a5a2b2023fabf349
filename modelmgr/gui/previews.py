"""Previews: pictures of strangers (see `modelmgr.pictures`), decoded off the GUI thread, and kept small.

What is decoded once is kept as a thumbnail on disk (`modelmgr.thumbnails`), in one of a few sizes; the pixmaps of
what is looked at now are kept in memory, within a bound of bytes. Rated pictures are blurred until the user looks.
"""

import os
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial

from PySide6.QtCore import (
    QBuffer,
    QByteArray,
    QIODevice,
    QObject,
    QPoint,
    QRect,
    QRectF,
    QSize,
    Qt,
    Signal,
    Slot,
)
from PySide6.QtGui import QImage, QImageReader, QPainter, QPainterPath, QPixmap

from modelmgr.gui.tasks import Tasks
from modelmgr.lazily import dataclass
from modelmgr.pictures import PIXEL_LIMIT, image_format, open_bounded, read_open
from modelmgr.settings import RatedPictures
from modelmgr.thumbnails import Thumbnails, thumbnail_key
from modelmgr.values import ModelRow

ALLOCATION_LIMIT_MB = 256
KEPT_BYTES = 96 * 1024 * 1024
"""More than a screen of 5,120 x 2,880 pixels needs: what is seen must fit, or it would be decoded for ever."""
KEPT_PICTURES = 4000
WAITING_PICTURES = 512
PICTURES_A_QUESTION = 4
SIDES = (64, 128, 256, 512)
"""The shorter sides of thumbnails on disk; what is wanted larger is decoded from the picture."""

_LONGEST = 2
"""How many times as long as its shorter side a thumbnail's longer one is at most."""
_QUALITY = 88
_CORNER_PX = 4.0
_BLURRED_PX = 7
_SMOOTH = Qt.TransformationMode.SmoothTransformation


@dataclass(frozen=True, slots=True)
class _Wish:
    """A picture and how it is wanted: within, or (`fills`) covering `width` x `height` device pixels."""

    path: str
    width: int
    height: int
    fills: bool
    ratio: float
    veiled: bool = False


def _read(data: bytes, scaled: Callable[[QSize], QSize]) -> QImage | None:
    """Decode a picture of a known format into the size that `scaled` makes of its own; None as of `decode`."""
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
    reader.setScaledSize(scaled(size).expandedTo(QSize(1, 1)))
    image = reader.read()
    return None if image.isNull() else image


def decode(data: bytes, width: int, height: int, *, fills: bool = False) -> QImage | None:
    """Decode a picture into `width` x `height` device pixels, in any thread.

    It keeps its proportions: the whole of it fits in, or, with `fills`, its middle covers all.

    Returns:
        The picture, or None if it is no picture that is decoded, or one beyond the bounds.
    """
    bounds = QSize(width, height)
    mode = Qt.AspectRatioMode.KeepAspectRatioByExpanding if fills else Qt.AspectRatioMode.KeepAspectRatio

    def scaled(size: QSize) -> QSize:
        found = size.scaled(bounds, mode)
        # A line of a million pixels by one would be scaled up to a giant on its other side.
        if found.width() <= size.width() and found.width() * found.height() <= 4 * width * height:
            return found
        if size.width() * size.height() <= 4 * width * height:
            return size
        return size.scaled(bounds, Qt.AspectRatioMode.KeepAspectRatio)

    image = _read(data, scaled)
    return image if image is None or not fills else _middle(image, width, height)


def shrink(data: bytes, side: int) -> QImage | None:
    """Decode a picture so that its shorter side has `side` pixels, in any thread; never larger than it is.

    A very long one is made smaller still, so that its longer side stays below twice that.

    Returns:
        The picture, or None as of `decode`.
    """

    def scaled(size: QSize) -> QSize:
        share = min(1.0, side / min(size.width(), size.height()))
        share = min(share, side * _LONGEST / max(size.width(), size.height()))
        return QSize(round(size.width() * share), round(size.height() * share))

    return _read(data, scaled)


def blurred(image: QImage) -> QImage:
    """Return a picture of which colours and light are left and nothing else."""
    tiny = image.scaled(
        QSize(_BLURRED_PX, _BLURRED_PX), Qt.AspectRatioMode.KeepAspectRatioByExpanding, _SMOOTH
    )
    # By and by: one step alone shows the corners of the few pixels that there are.
    for _ in range(4):
        tiny = tiny.scaled(tiny.size() * 2, Qt.AspectRatioMode.IgnoreAspectRatio, _SMOOTH)
    return tiny.scaled(image.size(), Qt.AspectRatioMode.IgnoreAspectRatio, _SMOOTH)


def load(wish: _Wish, roots: Sequence[str], store: Thumbnails | None = None) -> QImage | None:
    """Read one picture, or the thumbnail of it, and make of it what is wanted."""
    file = open_bounded(wish.path, roots)
    if file is None:
        return None
    found = os.fstat(file.fileno())
    side = _side_for(wish) if store is not None else None
    if store is None or side is None:
        data = read_open(file)
        image = None if data is None else decode(data, wish.width, wish.height, fills=wish.fills)
    else:
        key = thumbnail_key(wish.path, found.st_size, found.st_mtime_ns, side)
        kept = store.read(key)
        image = None if kept is None else shrink(kept, side)
        if image is None:
            data = read_open(file)
            image = None if data is None else shrink(data, side)
            if image is not None:
                store.write(key, _encoded(image))
        file.close()
    return None if image is None else _finished(image, wish)


def _side_for(wish: _Wish) -> int | None:
    """Return the size of thumbnail that is large enough, None if none is."""
    shorter, longer = sorted((wish.width, wish.height))
    for side in SIDES:
        if side >= longer if wish.fills else side >= shorter and side * _LONGEST >= longer:
            return side
    return None


def _encoded(image: QImage) -> bytes:
    data = QByteArray()
    buffer = QBuffer(data)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    image.save(buffer, "PNG" if image.hasAlphaChannel() else "JPEG", _QUALITY)  # type: ignore[call-overload]
    return bytes(data.data())


def _middle(image: QImage, width: int, height: int) -> QImage:
    if image.width() <= width and image.height() <= height:
        return image
    left, top = max(0, (image.width() - width) // 2), max(0, (image.height() - height) // 2)
    return image.copy(QRect(left, top, width, height).intersected(image.rect()))


def _finished(image: QImage, wish: _Wish) -> QImage:
    """Return an image of the size that is wanted; one that fills gets soft corners."""
    if wish.veiled:
        image = blurred(image)
    wanted = QSize(wish.width, wish.height)
    if not wish.fills:
        if image.width() > wish.width or image.height() > wish.height:
            image = image.scaled(wanted, Qt.AspectRatioMode.KeepAspectRatio, _SMOOTH)
        return image
    size = image.size().scaled(wanted, Qt.AspectRatioMode.KeepAspectRatioByExpanding)
    if size.width() * size.height() <= 8 * wish.width * wish.height:
        image = image.scaled(size, Qt.AspectRatioMode.IgnoreAspectRatio, _SMOOTH)
    image = _middle(image, wish.width, wish.height)
    drawn = QImage(wanted, QImage.Format.Format_ARGB32_Premultiplied)
    drawn.fill(Qt.GlobalColor.transparent)
    painter = QPainter(drawn)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    corner = QPoint((wish.width - image.width()) // 2, (wish.height - image.height()) // 2)
    path = QPainterPath()
    path.addRoundedRect(QRectF(QRect(corner, image.size())), _CORNER_PX * wish.ratio, _CORNER_PX * wish.ratio)
    painter.setClipPath(path)
    painter.drawImage(corner, image)
    painter.end()
    return drawn


_Answers = list[tuple[_Wish, QImage | None]]


def _load_all(
    wishes: Sequence[tuple[_Wish, tuple[str, ...]]], roots: tuple[str, ...], store: Thumbnails | None
) -> _Answers:
    answers: _Answers = []
    for wish, more in wishes:
        try:
            answers.append((wish, load(wish, (*roots, *more), store)))
        except Exception:  # noqa: BLE001 a decoder that gave up says nothing about the next picture
            answers.append((wish, None))
    return answers


class Previews(QObject):
    """Pictures by path and size. What isn't here yet is asked for and announced.

    Signals:
        arrived(): some picture that was asked for is here, or is known to be none; or rated ones are shown
            otherwise from now on.

    Attributes:
        roots: folders below which pictures may lie, beside the model's own folder.
        is_on: False shows none in the table.
    """

    arrived = Signal()

    def __init__(self, tasks: Tasks, *, store: Thumbnails | None = None) -> None:
        super().__init__()
        self.roots: tuple[str, ...] = ()
        self.is_on = True
        self._rated: RatedPictures = "blur"
        self._uncovered = False
        self._tasks = tasks
        self._store = store
        self._kept: OrderedDict[_Wish, QPixmap | None] = OrderedDict()
        self._kept_bytes = 0
        self._latest: dict[tuple[str, bool], _Wish] = {}
        self._wanted: OrderedDict[_Wish, tuple[str, ...]] = OrderedDict()
        self._asked: frozenset[_Wish] = frozenset()
        self._broken: OrderedDict[tuple[str, bool], None] = OrderedDict()

    # --- rated pictures ---------------------------------------------------------------------------------

    def show_rated(self, how: RatedPictures, *, uncovered: bool = False) -> None:
        """Say what becomes of rated pictures; `uncovered` shows them for now, whatever is set."""
        if (how, uncovered) != (self._rated, self._uncovered):
            self._rated, self._uncovered = how, uncovered
            self.arrived.emit()

    def is_veiled(self, row: ModelRow) -> bool:
        """Tell whether the row's picture is blurred until the user looks."""
        return bool(row.nsfw) and self._rated == "blur" and not self._uncovered

    def is_hidden(self, row: ModelRow) -> bool:
        """Tell whether the row's picture is not to be shown at all."""
        return bool(row.nsfw) and self._rated == "hide" and not self._uncovered

    # --- pictures ---------------------------------------------------------------------------------------

    def thumbnail(self, row: ModelRow, side: int, ratio: float, *, revealed: bool = False) -> QPixmap | None:
        """Return the row's square picture if it is here; else ask for it and return None."""
        if not self.is_on or not row.preview or self.is_hidden(row):
            return None
        veiled = not revealed and self.is_veiled(row)
        pixels = round(side * ratio)
        return self._find(_Wish(row.preview, pixels, pixels, True, ratio, veiled), _folders_of(row))

    def cover(
        self, row: ModelRow, width: int, height: int, ratio: float, *, revealed: bool = False
    ) -> QPixmap | None:
        """Return the middle of the row's picture, covering an area, if it is here; else ask for it.

        While it is on its way, one of another size may come in its place.
        """
        if not row.preview or self.is_hidden(row):
            return None
        veiled = not revealed and self.is_veiled(row)
        wish = _Wish(row.preview, round(width * ratio), round(height * ratio), True, ratio, veiled)
        found = self._find(wish, _folders_of(row))
        if found is None and wish not in self._kept:
            other = self._latest.get((row.preview, veiled))
            found = None if other is None else self._kept.get(other)
        return found

    def picture(
        self,
        row: ModelRow,
        size: QSize,
        ratio: float,
        more_roots: Sequence[str] = (),
        *,
        revealed: bool = False,
    ) -> QPixmap | None:
        """Return the row's whole picture within `size`, if it is here; else ask for it and return None."""
        if not row.preview or self.is_hidden(row):
            return None
        veiled = not revealed and self.is_veiled(row)
        width, height = round(size.width() * ratio), round(size.height() * ratio)
        wish = _Wish(row.preview, width, height, False, ratio, veiled)
        return self._find(wish, (*_folders_of(row), *more_roots))

    def is_broken(self, path: str | None, *, whole: bool = False) -> bool:
        """Tell whether a picture was looked at and can't be shown; `whole` as of `picture`, else as of the others."""
        return (path, not whole) in self._broken

    def drop_wishes(self) -> bool:
        """Forget the thumbnails that were asked for and have not come: others are seen now. True if there were any."""
        dropped = [wish for wish in self._wanted if wish.fills]
        for wish in dropped:
            del self._wanted[wish]
        return bool(dropped)

    def forget(self) -> None:
        """Look at every file again when it is wanted next."""
        self._kept.clear()
        self._latest.clear()
        self._broken.clear()
        self._kept_bytes = 0
        self.arrived.emit()

    def _find(self, wish: _Wish, roots: tuple[str, ...]) -> QPixmap | None:
        if wish in self._kept:
            self._kept.move_to_end(wish)
            return self._kept[wish]
        if wish not in self._wanted and wish not in self._asked:
            self._wanted[wish] = roots
            if not wish.fills:
                # A whole picture is one that somebody has chosen.
                self._wanted.move_to_end(wish, last=False)
            while len(self._wanted) > WAITING_PICTURES:
                self._wanted.popitem(last=False)
            self._ask()
        return None

    def _ask(self) -> None:
        if self._asked or not self._wanted:
            return
        count = min(PICTURES_A_QUESTION, len(self._wanted))
        wishes = [self._wanted.popitem(last=False) for _ in range(count)]
        self._asked = frozenset(wish for wish, _roots in wishes)
        self._tasks.look(partial(_load_all, wishes, self.roots, self._store), self._on_loaded)

    @Slot(object)
    def _on_loaded(self, answers: _Answers) -> None:
        self._asked = frozenset()
        for wish, image in answers:
            pixmap = None if image is None else QPixmap.fromImage(image)
            if pixmap is None:
                self._broken[wish.path, wish.fills] = None
            else:
                self._broken.pop((wish.path, wish.fills), None)
            if pixmap is not None:
                pixmap.setDevicePixelRatio(wish.ratio)
                if wish.fills:
                    self._latest[wish.path, wish.veiled] = wish
            self._kept[wish] = pixmap
            self._kept_bytes += _bytes_of(pixmap)
        while self._kept_bytes > KEPT_BYTES or len(self._kept) > KEPT_PICTURES:
            wish, pixmap = self._kept.popitem(last=False)
            self._kept_bytes -= _bytes_of(pixmap)
            if pixmap is None:
                self._broken.pop((wish.path, wish.fills), None)
            if self._latest.get((wish.path, wish.veiled)) == wish:
                del self._latest[wish.path, wish.veiled]
        self._ask()
        self.arrived.emit()


def _bytes_of(pixmap: QPixmap | None) -> int:
    return 0 if pixmap is None else pixmap.width() * pixmap.height() * 4


def _folders_of(row: ModelRow) -> tuple[str, ...]:
    return (row.folder,) if row.folder else ()
