"""Pictures of strangers, as files: what may be read at all, and what their first bytes say they are.

A picture is read once, at most 64 MiB of it, from below a folder that the user named. Its first bytes say what it is
(PNG, JPEG, WebP, GIF), whatever its name; nothing else is decoded, no SVG above all. Whoever decodes looks at its
size before a pixel is made.
"""

import os
import stat
from collections.abc import Sequence
from typing import BinaryIO

from modelmgr.values import is_below_any

FILE_LIMIT_BYTES = 64 * 1024 * 1024
PIXEL_LIMIT = 64_000_000

_OPEN_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)


_SUFFIXES = (".png", ".jpg", ".jpeg", ".jfif", ".webp", ".gif")


def has_picture_name(path: str) -> bool:
    """Tell whether a name ends as those of the pictures do that are decoded."""
    return path.lower().endswith(_SUFFIXES)


def image_format(head: bytes) -> str | None:
    """Return the format that the first 12 bytes tell (``png jpeg webp gif``), None for all that isn't decoded."""
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head[:6] in (b"GIF87a", b"GIF89a"):
        return "gif"
    return None


def open_bounded(path: str, roots: Sequence[str]) -> BinaryIO | None:
    """Open a picture; None if it is no regular file below `roots`, or too large.

    A FIFO or a device is opened without waiting for it, and left.
    """
    try:
        real = os.path.realpath(path)
        if not is_below_any(real, [os.path.realpath(root) for root in roots if root]):
            return None
        file = os.fdopen(os.open(real, _OPEN_FLAGS), "rb")
    except (OSError, ValueError):
        return None
    found = os.fstat(file.fileno())
    if not stat.S_ISREG(found.st_mode) or found.st_size > FILE_LIMIT_BYTES:
        file.close()
        return None
    return file


def read_open(file: BinaryIO) -> bytes | None:
    """Return the bytes of a picture that `open_bounded` opened, and close it; None if it can't be read."""
    with file:
        try:
            data = file.read(FILE_LIMIT_BYTES + 1)
        except OSError:
            return None
    return data if len(data) <= FILE_LIMIT_BYTES else None
