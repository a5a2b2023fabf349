"""Thumbnails: pictures of strangers made small and written anew, with bounds on time and memory.

Of a file only what its pixels need reaches a decoder, in at most so many parts: no texts, profiles, comments, further
frames or pictures within the picture. What those could do to a parser (a compressed text that grows, a million empty
parts, a directory whose every entry claims all of the file) can't happen then, and nothing but pixels comes out.
The number of pixels is read before any is made.
"""

import contextlib
import io
import os
import re
import struct
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence

from PIL import GifImagePlugin, Image, JpegImagePlugin, PngImagePlugin, WebPImagePlugin

from modelmgr.pictures import FILE_LIMIT_BYTES, PIXEL_LIMIT, image_format, open_bounded, read_open

SIDES = (16, 1024)
"""The least and the largest side that may be asked for, pixels."""

_PLUGINS = (
    GifImagePlugin,
    JpegImagePlugin,
    PngImagePlugin,
    WebPImagePlugin,
)  # they register what `Image.open` needs
_KEPT_THUMBNAILS = 512
_KEPT_BYTES = 16 * 1024 * 1024
_JPEG_QUALITY = 85
_LARGE_PIXELS = 8_000_000
_large_ones = threading.Lock()  # the largest takes up to 1 GiB; two of them wait for each other

# Far more than any encoder writes; a file of 64 MiB could hold millions.
_PARTS = 65_536
_GIF_PARTS = FILE_LIMIT_BYTES // 256 + _PARTS
_JPEG_SCANS = 100
_JPEG_HEAD_BYTES = 256 * 1024

_JPEG_MARKER = re.compile(rb"\xff([^\xff\x00])")
_JPEG_ALONE = frozenset([0x01, *range(0xD0, 0xD8)])
_JPEG_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_KEPT = _JPEG_FRAME | {0xC4, 0xCC, 0xDB, 0xDD, 0xE0, 0xEE}  # tables, and what tells the colours
_PNG_KEPT = frozenset([b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"])
_WEBP_KEPT = frozenset([b"VP8X", b"ALPH", b"VP8 ", b"VP8L", b"ANIM"])
_WEBP_FLAGS = 0x12  # of a VP8X: has alpha, is animated; not: profile, Exif, XMP

_ORIENTATION = 0x0112
_SHORT = 3
_TURNS: Mapping[int, Image.Transpose] = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

Thumbnail = tuple[bytes, str]


def thumbnail(path: str, roots: Sequence[str], side_px: int) -> Thumbnail | None:
    """Return a picture as a thumbnail, in any thread.

    It keeps its proportions and is never made larger; Exif's orientation is applied, of an animation the first frame
    is shown. What was made last is kept in memory as long as the file is the same.

    Args:
        path: of the picture.
        roots: the folders below which it may really lie.
        side_px: the longest side, within `SIDES`.

    Returns:
        The bytes and their media type: PNG for a picture with transparent pixels, else JPEG. None if it isn't there, is
        no PNG, JPEG, WebP or GIF, is damaged, or is beyond the bounds.
    """
    file = open_bounded(path, roots)
    if file is None:
        return None
    found = os.fstat(file.fileno())
    key = (path, found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size, side_px)
    known = _kept.get(key)
    if known is not None:
        file.close()
        return known[0]
    data = read_open(file)
    if data is None or len(data) != found.st_size:
        return None  # it is being written
    made = _made(data, side_px)
    _kept.keep(key, made)
    return made


def _made(data: bytes, side_px: int) -> Thumbnail | None:
    kind = image_format(data[:16])
    if kind is None:
        return None
    try:
        bare, (width, height), turn = _BARE[kind](data)
        if not 0 < width * height <= PIXEL_LIMIT:
            return None
        queue = _large_ones if width * height > _LARGE_PIXELS else contextlib.nullcontext()
        with queue, Image.open(io.BytesIO(bare), formats=[kind]) as image:
            if image.size != (width, height):
                return None
            return _written(_small(image, side_px), turn)
    except Exception:  # noqa: BLE001 - in whichever way a decoder gives up: it is no picture
        return None


def _small(image: Image.Image, side_px: int) -> Image.Image:
    """Return it in one of the modes L, RGB, RGBA and CMYK, no larger than wanted."""
    if image.mode.startswith("I"):
        # Grey of 16 bits; a conversion as such would cut values instead of scaling them.
        image = image.convert("I").point(lambda value: value * (1 / 257) + 0).convert("L")
    elif image.has_transparency_data and image.mode != "RGBA":
        image = image.convert("RGBA")
    elif image.mode not in ("L", "RGB", "RGBA", "CMYK"):
        image = image.convert("RGB")
    image.thumbnail((side_px, side_px))
    return image


def _written(image: Image.Image, turn: int) -> Thumbnail:
    if turn in _TURNS:
        image = image.transpose(_TURNS[turn])
    image.info.clear()
    out = io.BytesIO()
    if image.mode == "RGBA":
        if image.getchannel("A").getextrema() != (255, 255):
            image.save(out, "PNG")
            return out.getvalue(), "image/png"
        image = image.convert("RGB")
    elif image.mode == "CMYK":
        image = image.convert("RGB")
    image.save(out, "JPEG", quality=_JPEG_QUALITY)
    return out.getvalue(), "image/jpeg"


# --- what the pixels need ---------------------------------------------------------------------------------

Bare = tuple[bytes, tuple[int, int], int]
"""A file of the same format with nothing but one picture, its width and height, Exif's orientation (1: as it is)."""


def _bare_jpeg(data: bytes) -> Bare:
    kept = [data[:2]]
    size, turn, at = None, 1, 2
    for _ in range(_PARTS):
        marker = _JPEG_MARKER.search(data, at)
        if marker is None:
            break
        code, at = marker[1][0], marker.end()
        if code in _JPEG_ALONE:
            continue
        (length,) = struct.unpack_from(">H", data, at)
        part = data[at : at + length]
        if code == 0xDA:
            # A scan holds no marker of its own, so what looks like the end is it; pictures and films may follow.
            end = data.find(b"\xff\xd9", at)
            scans = data[marker.start() : end + 2 if end >= 0 else len(data)]
            head = b"".join(kept)
            if size is None or len(head) > _JPEG_HEAD_BYTES or scans.count(b"\xff\xda") > _JPEG_SCANS:
                break
            return head + scans, size, turn
        if code in _JPEG_FRAME:
            if size is not None:
                break
            height, width = struct.unpack_from(">HH", part, 3)
            size = (width, height)
        elif code == 0xE1 and part[2:8] == b"Exif\0\0" and turn == 1:
            turn = _orientation(part[8:])
        if code in _JPEG_KEPT:
            kept += [bytes([0xFF, code]), part]
        at += length
    raise ValueError("no picture in it, or too many parts")


def _bare_png(data: bytes) -> Bare:
    kept = [data[:8]]
    turn, at = 1, 8
    for _ in range(_PARTS):
        if at + 8 > len(data):
            break
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if kind in _PNG_KEPT:
            kept.append(data[at:end])
        elif kind == b"eXIf":
            turn = _orientation(data[at + 8 : end - 4])
        at = end
        if kind == b"IEND":
            break
    else:
        raise ValueError("too many parts")
    width, height = struct.unpack_from(">II", data, 16)
    return b"".join(kept), (width, height), turn


def _bare_webp(data: bytes) -> Bare:
    kept = [b"WEBP"]
    size, turn, at, has_frame = None, 1, 12, False
    for _ in range(_PARTS):
        if at + 8 > len(data):
            break
        kind, length = struct.unpack_from("<4sI", data, at)
        start, at = at, at + 8 + length + length % 2
        body = data[start + 8 : at]
        if size is None:
            size = _webp_size(kind, body)
        if kind == b"VP8X":
            kept += [data[start : start + 8], bytes([body[0] & _WEBP_FLAGS]), body[1:]]
        elif kind in _WEBP_KEPT or (kind == b"ANMF" and not has_frame):
            kept.append(data[start:at])
        elif kind == b"EXIF":
            turn = _orientation(body.removeprefix(b"Exif\0\0"))
        has_frame = has_frame or kind == b"ANMF"
    else:
        raise ValueError("too many parts")
    if size is None:
        raise ValueError("no picture in it")
    bare = b"".join(kept)
    return b"RIFF" + struct.pack("<I", len(bare)) + bare, size, turn


def _webp_size(kind: bytes, body: bytes) -> tuple[int, int]:
    """Return width and height as the first part of a WebP tells them."""
    if kind == b"VP8X":
        return (int.from_bytes(body[4:7], "little") + 1, int.from_bytes(body[7:10], "little") + 1)
    if kind == b"VP8L" and body[:1] == b"\x2f":
        (bits,) = struct.unpack_from("<I", body, 1)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 " and body[3:6] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", body, 6)
        return width & 0x3FFF, height & 0x3FFF
    raise ValueError("no picture in it")


def _bare_gif(data: bytes) -> Bare:
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    at = 13 + _gif_colours(flags)
    kept, parts = [data[:at]], _GIF_PARTS

    def after_blocks(at: int) -> int:
        nonlocal parts
        while data[at]:
            at += 1 + data[at]
            parts -= 1
            if parts < 0:
                raise ValueError("too many parts")
        return at + 1

    while data[at] == 0x21:
        start, at = at, after_blocks(at + 2)
        parts -= 1
        if (
            data[start + 1] == 0xF9
        ):  # of what comes before the picture, it alone matters: the transparent colour
            see_through, colour = data[start + 3] & 1, data[start + 6]
            kept[1:] = [bytes([0x21, 0xF9, 4, see_through, 0, 0, colour, 0])]
    if data[at] != 0x2C:
        raise ValueError("no picture in it")
    left, top, wide, high, flags = struct.unpack_from("<HHHHB", data, at + 1)
    end = after_blocks(at + 11 + _gif_colours(flags))
    kept += [data[at:end], b";"]
    return b"".join(kept), (max(width, left + wide), max(height, top + high)), 1


def _gif_colours(flags: int) -> int:
    """Return the bytes that a table of colours takes."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


_BARE: Mapping[str, Callable[[bytes], Bare]] = {
    "jpeg": _bare_jpeg,
    "png": _bare_png,
    "webp": _bare_webp,
    "gif": _bare_gif,
}


def _orientation(exif: bytes) -> int:
    """Return how Exif says the picture is turned, 1 to 8; 1 if it says nothing that makes sense."""
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    if order is None:
        return 1
    try:
        (at,) = struct.unpack_from(order + "I", exif, 4)
        (count,) = struct.unpack_from(order + "H", exif, at)
        for number in range(count):
            tag, kind, _, value = struct.unpack_from(order + "HHIH", exif, at + 2 + 12 * number)
            if tag == _ORIENTATION:
                return value if kind == _SHORT and 1 <= value <= 8 else 1
    except struct.error:
        pass
    return 1


# --- what was made last -----------------------------------------------------------------------------------


class _Kept:
    """The thumbnails that were asked for last, with a bound on their number and bytes; for any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: OrderedDict[tuple[object, ...], Thumbnail | None] = OrderedDict()
        self._bytes = 0

    def get(self, key: tuple[object, ...]) -> tuple[Thumbnail | None] | None:
        """Return what was made, which may be nothing; None if it isn't known."""
        with self._lock:
            if key not in self._made:
                return None
            self._made.move_to_end(key)
            return (self._made[key],)

    def keep(self, key: tuple[object, ...], made: Thumbnail | None) -> None:
        """Remember what was made, and forget what was not asked for the longest."""
        with self._lock:
            self._drop(key)
            self._made[key] = made
            self._bytes += _weight(made)
            while len(self._made) > _KEPT_THUMBNAILS or self._bytes > _KEPT_BYTES:
                self._drop(next(iter(self._made)))

    def _drop(self, key: tuple[object, ...]) -> None:
        self._bytes -= _weight(self._made.pop(key, None))


def _weight(made: Thumbnail | None) -> int:
    return 0 if made is None else len(made[0])


_kept = _Kept()
