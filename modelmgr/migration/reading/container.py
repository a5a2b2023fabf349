"""Reading other tools' files without hanging, without trusting their size, and without touching their folder.

A sidecar is read once, as one state of the file. A database is read from a private copy only: opening one in
place, even for reading, may leave a ``-shm`` file beside it or fold its log in (sqlite.org/wal.html, "Read-Only
Databases"). This module opens no database.
"""

import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from modelmgr.errors import Unreadable
from modelmgr.lazily import dataclass
from modelmgr.progress import Progress
from modelmgr.values import MIB

CONTAINER_LIMIT_BYTES = 256 * MIB
SQLITE_MAGIC = b"SQLite format 3\0"

_TRIES = 3
_BLOCK_BYTES = 4 * MIB
_SPARE_BYTES = 64 * MIB
_COMPANIONS = ("", "-wal", "-journal")  # never -shm: it is the memory of running programs, and made anew

# O_NONBLOCK: a pipe with no writer would block for ever; O_NOCTTY: nor may a terminal become ours.
_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_BINARY", 0)
)


@dataclass(frozen=True, slots=True)
class _Facts:
    """What must stay the same while a file is read."""

    size_bytes: int
    mtime_ns: int
    inode: int
    device: int


def read_container(path: str, limit_bytes: int = CONTAINER_LIMIT_BYTES) -> bytes:
    """Return the bytes of a regular file as they were at one moment.

    A file that changes while it is read is read again, three times in all.

    Raises:
        Unreadable: it is gone (``not_found``), too large (``too_large``, then not a byte was read), no regular
            file or not readable (``unreadable``), or it kept changing (``changed_while_reading``).
    """
    for _ in range(_TRIES):
        with _opened(path) as (file, before):
            if before.size_bytes > limit_bytes:
                raise _too_large(path, before.size_bytes, limit_bytes)
            content = _read_all(path, file, before.size_bytes)
            if len(content) > limit_bytes:
                raise _too_large(path, len(content), limit_bytes)
            if len(content) == before.size_bytes and _facts(os.fstat(file)) == before:
                return content
    raise Unreadable("The file kept changing while it was read.", code="changed_while_reading", path=path)


def read_beginning(path: str, size_bytes: int) -> bytes:
    """Return at most the first `size_bytes` of a regular file, to see what it is.

    Raises:
        Unreadable: as `read_container`, but never for size or change.
    """
    with _opened(path) as (file, before):
        try:
            return os.read(file, min(size_bytes, before.size_bytes))
        except OSError as error:
            raise _unreadable(path, error) from error


class Ranges:
    """An open regular file of which parts are read.

    Attributes:
        size_bytes: at the time of opening.
    """

    def __init__(self, path: str, file: int, facts: _Facts) -> None:
        self.size_bytes = facts.size_bytes
        self._path = path
        self._file = file
        self._facts = facts

    def at(self, offset: int, size_bytes: int) -> bytes:
        """Return the bytes of a range, fewer only where the file ends.

        Raises:
            Unreadable: it can't be read.
        """
        pieces: list[bytes] = []
        left = min(size_bytes, self.size_bytes - offset)
        try:
            os.lseek(self._file, offset, os.SEEK_SET)
            while left > 0 and (piece := os.read(self._file, left)):
                pieces.append(piece)
                left -= len(piece)
        except OSError as error:
            raise _unreadable(self._path, error) from error
        return b"".join(pieces)

    def check_unchanged(self) -> None:
        """Raise Unreadable (``changed_while_reading``) if the parts may be those of two states of the file."""
        if _facts(os.fstat(self._file)) != self._facts:
            raise Unreadable(
                "The file was changed while it was being read.", code="changed_while_reading", path=self._path
            )


@contextmanager
def opened_ranges(path: str) -> Iterator[Ranges]:
    """Give a regular file of any size, for the `with` block, to read a few parts of it.

    Raises:
        Unreadable: as `read_container`, but never for size.
    """
    with _opened(path) as (file, facts):
        yield Ranges(path, file, facts)


@contextmanager
def copy_database(path: str, progress: Progress | None = None, folder: str | None = None) -> Iterator[str]:
    """Give the path of a private copy of an SQLite database, with its log and journal, for the `with` block.

    All files are copied as one set: if one of them changes meanwhile, the copy starts again, three times in all.
    The copy lies in a folder that only this user can enter, and is gone afterwards, whatever happened.

    Args:
        path: the database; a link is resolved, for SQLite keeps the log beside the file it leads to.
        progress: told of the bytes copied, and asked whether to stop.
        folder: where to make the private folder; the system's place for temporary files if not given.

    Raises:
        Unreadable: it is no SQLite 3 database (``not_sqlite``), in use (``in_use``), there is not enough room for
            a copy (``no_space``), it is gone or can't be read (``not_found``, ``unreadable``).
        Cancelled: `progress` was asked to stop.
    """
    if read_beginning(path, len(SQLITE_MAGIC)) != SQLITE_MAGIC:
        raise Unreadable("This is no SQLite 3 database.", code="not_sqlite", path=path)
    real_path = os.path.realpath(path)
    try:
        private = tempfile.mkdtemp(prefix="modelmgr-", dir=folder)
    except OSError as error:
        raise _no_copy(path, error) from error
    try:
        copy = os.path.join(private, "copy.db")
        _copy_set(path, real_path, copy, progress or Progress())
        yield copy
    finally:
        shutil.rmtree(private, ignore_errors=True)


def _copy_set(path: str, real_path: str, copy: str, progress: Progress) -> None:
    for _ in range(_TRIES):
        before = _set_facts(path, real_path)
        total = sum(facts.size_bytes for facts in before.values())
        _check_room(path, os.path.dirname(copy), total)
        done = 0
        for ending, facts in before.items():
            # The journal may be gone in the next moment: then the set has changed, which the facts below tell.
            with suppress(_Vanished):
                done = _copy_file(real_path + ending, copy + ending, facts, progress, done, total)
        if _set_facts(path, real_path) == before:
            return
        for ending in _COMPANIONS:
            with suppress(FileNotFoundError):
                os.unlink(copy + ending)
    raise Unreadable(
        "The database is in use by another program; close that and try again.", code="in_use", path=path
    )


class _Vanished(Exception):
    """A companion of a database is gone."""


def _set_facts(path: str, real_path: str) -> dict[str, _Facts]:
    found: dict[str, _Facts] = {}
    for ending in _COMPANIONS:
        try:
            facts = os.stat(real_path + ending)
        except FileNotFoundError as error:
            if ending:
                continue
            raise _unreadable(path, error) from error
        except OSError as error:
            raise _unreadable(real_path + ending, error) from error
        if not stat.S_ISREG(facts.st_mode):
            raise _not_regular(real_path + ending)
        found[ending] = _facts(facts)
    return found


def _copy_file(source: str, target: str, facts: _Facts, progress: Progress, done: int, total: int) -> int:
    """Copy at most the known size, and return the bytes of the whole set that are done now."""
    try:
        with _opened(source) as (file, _):
            copy = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
            try:
                left = facts.size_bytes
                while left > 0:
                    block = _read_block(source, file, min(left, _BLOCK_BYTES))
                    if not block:
                        break  # it has shrunk, as the facts will tell
                    _write_block(source, copy, block)
                    left -= len(block)
                    done += len(block)
                    progress.step(done, total, os.path.basename(source), "bytes")
            finally:
                os.close(copy)
    except Unreadable as error:
        if error.code == "not_found":
            raise _Vanished from error
        raise
    return done


def _read_block(source: str, file: int, size_bytes: int) -> bytes:
    try:
        return os.read(file, size_bytes)
    except OSError as error:
        raise _unreadable(source, error) from error


def _write_block(source: str, copy: int, block: bytes) -> None:
    view = memoryview(block)
    while view:
        try:
            view = view[os.write(copy, view) :]
        except OSError as error:
            raise _no_copy(source, error) from error


def _check_room(path: str, folder: str, needed_bytes: int) -> None:
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes < needed_bytes + _SPARE_BYTES:
        raise Unreadable(
            "There is not enough room for temporary files to copy the database.",
            code="no_space",
            path=path,
            needed_bytes=needed_bytes + _SPARE_BYTES,
            free_bytes=free_bytes,
        )


@contextmanager
def _opened(path: str) -> Iterator[tuple[int, _Facts]]:
    """Open a regular file, and nothing else: looking comes first, for opening some devices is a deed already."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise _not_regular(path)
        file = os.open(path, _FLAGS)
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the path
        raise _unreadable(path, error) from error
    try:
        facts = os.fstat(file)
        if not stat.S_ISREG(facts.st_mode):
            raise _not_regular(path)
        yield file, _facts(facts)
    finally:
        os.close(file)


def _read_all(path: str, file: int, size_bytes: int) -> bytes:
    """Read one byte more than there should be, to notice a file that grows (or a false size, as in /proc)."""
    try:
        content = os.read(file, size_bytes + 1)
        if len(content) == size_bytes:
            return content + os.read(file, 1)
        if not content or len(content) > size_bytes:
            return content
        pieces, left = [content], size_bytes + 1 - len(content)
        while left > 0 and (piece := os.read(file, left)):
            pieces.append(piece)
            left -= len(piece)
    except OSError as error:
        raise _unreadable(path, error) from error
    return b"".join(pieces)


def _facts(found: os.stat_result) -> _Facts:
    return _Facts(found.st_size, found.st_mtime_ns, found.st_ino, found.st_dev)


def _too_large(path: str, size_bytes: int, limit_bytes: int) -> Unreadable:
    return Unreadable(
        f"The file is larger than {limit_bytes // MIB} MiB; it was not read."
        if limit_bytes >= MIB
        else f"The file is larger than {limit_bytes} bytes; it was not read.",
        code="too_large",
        path=path,
        size_bytes=size_bytes,
    )


def _not_regular(path: str) -> Unreadable:
    return Unreadable("This is no regular file; it was not opened.", path=path)


def _unreadable(path: str, error: OSError | ValueError) -> Unreadable:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return Unreadable("The file isn't there any more.", code="not_found", path=path)
    reason = error.strerror if isinstance(error, OSError) and error.strerror else "bad path"
    return Unreadable(f"The file can't be read: {reason}.", path=path)


def _no_copy(path: str, error: OSError) -> Unreadable:
    return Unreadable(
        f"No private copy of the database could be made: {error.strerror or error}.",
        code="no_space" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "unreadable",
        path=path,
    )
