"""Small pictures that were made of large ones, kept on disk so that they are decoded once.

Nothing in the folder is needed or believed: it may be deleted at any time, and what is read there is decoded as any
stranger's picture. A thumbnail is found by a digest of the picture's path, size and mtime, so that it is never one
of another state of the file. The oldest unused ones make room for new ones.
"""

import hashlib
import os
import re
import stat
import tempfile
import time
from collections.abc import Iterator

LIMIT_BYTES = 512 * 1024 * 1024
ONE_LIMIT_BYTES = 4 * 1024 * 1024
SHRINKS_TO = 0.8
USED_AGAIN_AFTER_S = 24 * 3600
"""A thumbnail's own mtime says when it was last used, no finer than this."""

_NAME = re.compile(r"[0-9a-f]{38}")
_SHELF = re.compile(r"[0-9a-f]{2}")
_FLAGS = (
    os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
)


def thumbnail_key(path: str, size_bytes: int, mtime_ns: int, side: int) -> str:
    """Return the name of the thumbnail of a picture in this state, `side` pixels on its shorter side."""
    words = f"{size_bytes}\0{mtime_ns}\0{side}\0".encode() + os.fsencode(path)
    return hashlib.blake2b(words, digest_size=20).hexdigest()


class Thumbnails:
    """A folder of thumbnails. Used by one thread; other processes may use the same folder.

    Args:
        folder: made when the first thumbnail is written.
        limit_bytes: what all of them may take.
    """

    def __init__(self, folder: str | os.PathLike[str], limit_bytes: int = LIMIT_BYTES) -> None:
        self._folder = os.fspath(folder)
        self._limit = limit_bytes
        self._total: int | None = None

    def read(self, key: str) -> bytes | None:
        """Return what is kept under `key`; None if nothing is, or nothing that may be read."""
        path = self._path(key)
        try:
            with os.fdopen(os.open(path, _FLAGS), "rb") as file:
                found = os.fstat(file.fileno())
                if not stat.S_ISREG(found.st_mode) or not 0 < found.st_size <= ONE_LIMIT_BYTES:
                    return None
                data = file.read(ONE_LIMIT_BYTES)
            if time.time() - found.st_mtime > USED_AGAIN_AFTER_S:
                os.utime(path)
        except OSError:
            return None
        return data

    def write(self, key: str, data: bytes) -> None:
        """Keep a thumbnail, in one step; a folder that can't be written keeps none."""
        if len(data) > ONE_LIMIT_BYTES:
            return
        path = self._path(key)
        try:
            os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
            handle, temporary = tempfile.mkstemp(prefix=".", dir=os.path.dirname(path))
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(data)
                os.replace(temporary, path)
            except BaseException:
                os.unlink(temporary)
                raise
        except OSError:
            return
        if self._total is None:
            self._total = sum(size for _used, size, _path in self._kept())
        else:
            self._total += len(data)
        if self._total > self._limit:
            self._make_room()

    def _path(self, key: str) -> str:
        return os.path.join(self._folder, key[:2], key[2:])

    def _kept(self) -> Iterator[tuple[float, int, str]]:
        """Yield when each was last used, its size and path; files of ours alone."""
        try:
            with os.scandir(self._folder) as shelves:
                names = [shelf.path for shelf in shelves if _is_shelf(shelf)]
        except OSError:
            return
        for name in names:
            try:
                with os.scandir(name) as files:
                    for file in files:
                        # What a crash left half-written goes with the rest.
                        if not (_NAME.fullmatch(file.name) or file.name.startswith(".")):
                            continue
                        if file.is_file(follow_symlinks=False):
                            found = file.stat(follow_symlinks=False)
                            yield found.st_mtime, found.st_size, file.path
            except OSError:
                continue

    def _make_room(self) -> None:
        kept = sorted(self._kept())
        self._total = sum(size for _used, size, _path in kept)
        for _used, size, path in kept:
            if self._total <= self._limit * SHRINKS_TO:
                return
            try:
                os.unlink(path)
            except OSError:
                continue
            self._total -= size


def _is_shelf(entry: "os.DirEntry[str]") -> bool:
    return bool(_SHELF.fullmatch(entry.name)) and entry.is_dir(follow_symlinks=False)
