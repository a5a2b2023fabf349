"""The token: one word in a file that only the user can read; whoever knows it is the user.

The file is looked at with every request, so that a new token counts at once, whoever wrote it.
"""

import contextlib
import hmac
import logging
import os
import re
import secrets
import stat
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from typing import Self

from modelmgr.durable import sync_folder
from modelmgr.errors import ModelmgrError

log = logging.getLogger(__name__)

FILE_LIMIT_BYTES = 4096
TOKEN_BYTES = 32
# A file system may tell no two writes apart that lie closer together (FAT: two seconds).
SETTLED_S = 2.0

_VISIBLE = re.compile(rb"[\x21-\x7e]+")

_Stamp = tuple[int, int, int, int, int]


class TokenFile:
    """The token of one catalog. Any thread.

    Args:
        path: of the file; it is not touched before it is asked for. `open` also makes it.
        settled_s: how old its last change must be for its stamp to tell of the next one; until then it is read anew
            each time.
    """

    def __init__(self, path: str | os.PathLike[str], *, settled_s: float = SETTLED_S) -> None:
        self._path = os.fspath(path)
        self._settled_ns = int(settled_s * 1_000_000_000)
        self._lock = threading.Lock()
        self._token = b""
        self._stamp: _Stamp | None = None

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, settled_s: float = SETTLED_S) -> Self:
        """Use the file, or make it with a new token if there is none.

        Raises:
            ModelmgrError: ``token_file``: it can't be made or read, or is no file that only the user can write.
        """
        found = cls(path, settled_s=settled_s)
        if not os.path.lexists(found._path):
            with _said(found._path, "made"):
                _make(found._path)
        found.value()
        return found

    @property
    def path(self) -> str:
        """Where it lies."""
        return self._path

    def holds(self, presented: bytes) -> bool:
        """Tell whether this is the token; a file that is gone or can't be used holds none.

        How long it takes says nothing about how much of it was right.
        """
        try:
            with self._lock:
                token = self._current()
        except ModelmgrError as error:
            log.debug("No token counts: %s", error.message)
            return False
        return hmac.compare_digest(presented, token)

    def value(self) -> str:
        """Return the token.

        Raises:
            ModelmgrError: ``token_file``, as with `open`.
        """
        with self._lock:
            return self._current().decode("ascii")

    def renew(self) -> None:
        """Put a new token into the file, in one step; the old one counts no more.

        Raises:
            ModelmgrError: ``token_file``: it can't be written; the old one stays.
        """
        with self._lock, _said(self._path, "written"):
            part = _write_beside(self._path)
            try:
                os.replace(part, self._path)
            except BaseException:
                os.unlink(part)
                raise
            sync_folder(self._path)
            self._stamp = None

    def _current(self) -> bytes:
        """Return what the file says now; the caller holds the lock."""
        with _said(self._path, "read"):
            if self._stamp is None or self._stamp != _stamp(os.lstat(self._path)):
                self._stamp = None
                self._token, self._stamp = _read(self._path, self._settled_ns)
        return self._token


def default_token_path(catalog_path: str | os.PathLike[str]) -> str:
    """Return where the token of a catalog lies unless the user says otherwise: beside it."""
    return os.path.realpath(catalog_path) + ".token"


@contextlib.contextmanager
def _said(path: str, deed: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ModelmgrError(
            f"The token file {path} can't be {deed}: {error.strerror}.", code="token_file", path=path
        ) from error


def _refuse(path: str, reason: str) -> ModelmgrError:
    return ModelmgrError(f"The token file {path} can't be used: {reason}.", code="token_file", path=path)


def _make(path: str) -> None:
    """Make the file whole or not at all; one that another program has made meanwhile stays."""
    part = _write_beside(path)
    try:
        with contextlib.suppress(FileExistsError):
            if sys.platform == "win32":
                os.rename(part, path)  # replaces nothing there
            else:
                try:
                    os.link(part, path)
                except FileExistsError:
                    raise
                except OSError:  # a file system without hard links
                    _write_new(path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(part)
    sync_folder(path)


def _write_beside(path: str) -> str:
    """Write a new token to a file of its own (0600, made with O_EXCL) in the same folder; return its path."""
    folder, name = os.path.split(os.path.abspath(path))
    handle, part = tempfile.mkstemp(prefix=f".{name}.", dir=folder)
    try:
        _fill(handle)
    except BaseException:
        os.unlink(part)
        raise
    return part


def _write_new(path: str) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        _fill(handle)
    except BaseException:
        os.unlink(path)
        raise


def _fill(handle: int) -> None:
    """Write a new token and close the file."""
    with os.fdopen(handle, "wb") as file:
        file.write(secrets.token_urlsafe(TOKEN_BYTES).encode("ascii") + b"\n")
        file.flush()
        os.fsync(file.fileno())


def _read(path: str, settled_ns: int) -> tuple[bytes, _Stamp | None]:
    """Return the token in the file, and the stamp by which it stays known (None: look again next time).

    A link is not followed: another user could have laid it to a file of ours of which he knows the words.
    A fifo does not stop us, and a device is not read.

    Raises:
        OSError: it can't be opened or read.
        ModelmgrError: it is no token file.
    """
    now_ns = time.time_ns()
    flags = os.O_RDONLY
    for name in ("O_NONBLOCK", "O_NOFOLLOW", "O_CLOEXEC", "O_BINARY"):
        flags |= getattr(os, name, 0)
    if stat.S_ISLNK(os.lstat(path).st_mode):
        raise _refuse(path, "it is a link")
    handle = os.open(path, flags)
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise _refuse(path, "it is no regular file")
        if sys.platform != "win32":
            if found.st_uid != os.geteuid():
                raise _refuse(path, "it belongs to another user")
            if found.st_mode & 0o077:
                found = _close_to_others(path, handle)
        if found.st_size > FILE_LIMIT_BYTES:
            raise _refuse(path, f"it is larger than {FILE_LIMIT_BYTES} bytes")
        said = os.read(handle, FILE_LIMIT_BYTES)
    finally:
        os.close(handle)
    token = said.removesuffix(b"\n").removesuffix(b"\r")
    if _VISIBLE.fullmatch(token) is None:
        raise _refuse(path, "it must hold one line of visible ASCII characters, and nothing else")
    settled = now_ns - max(found.st_mtime_ns, found.st_ctime_ns) > settled_ns
    return token, _stamp(found) if settled else None


def _close_to_others(path: str, handle: int) -> os.stat_result:
    try:
        os.fchmod(handle, 0o600)
    except OSError as error:
        log.warning("The token file %s is open to other users: %s", path, error.strerror)
    else:
        log.warning("The token file %s was open to other users; a new token may be wise", path)
    return os.fstat(handle)


def _stamp(found: os.stat_result) -> _Stamp:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
