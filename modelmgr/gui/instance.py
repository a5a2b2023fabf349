"""One window for one catalog: a second start hands what it was given to the first, and ends.

Who holds the lock has the window. It listens on a socket of this user, named by the catalog; a start that does not
get the lock tells it there what was dropped. Both lie in a folder that nobody else may enter. A message is one line
of JSON, bounded in size and time; what does not fit is dropped without an answer.
"""

import json
import logging
import os
import stat
import sys
import tempfile
import time
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from PySide6.QtCore import QLockFile, QObject, QTimer, Signal, Slot

from modelmgr.errors import CatalogError

if TYPE_CHECKING:
    from PySide6.QtNetwork import QLocalServer, QLocalSocket

log = logging.getLogger(__name__)

MESSAGE_BYTES = 256 * 1024
MOST_PATHS = 1000
MOST_GUESTS = 8
GUEST_MS = 2000
ANSWER = b"taken\n"
SOCKET_PATH_BYTES = 103
"""A longer path is no socket's on macOS; on Linux it may have 107 (`sun_path` of sys/un.h)."""
_NAME = "modelmgr-{}.socket"
_DIGITS = 20
_TRY_S, _EACH_MS, _ANSWER_MS = 5.0, 100, 3000


def private_folder() -> Path:
    """Return the folder of this user for sockets; nobody else may enter it, and its path leaves room for their names.

    Raises:
        OSError: there is none, and none can be made.
    """
    wanted = os.environ.get("XDG_RUNTIME_DIR")
    room = SOCKET_PATH_BYTES - len(os.sep + _NAME.format("0" * _DIGITS))
    if wanted and os.path.isabs(wanted) and len(os.fsencode(wanted)) <= room and _is_private(Path(wanted)):
        return Path(wanted)
    if sys.platform == "win32":
        return Path(tempfile.gettempdir())  # it is the user's own there
    made = Path(tempfile.gettempdir()) / f"modelmgr-{os.getuid()}"
    made.mkdir(mode=0o700, exist_ok=True)
    if not _is_private(made):
        raise PermissionError(f"{made} belongs to somebody else, or others may enter it")
    if len(os.fsencode(made)) > room:
        raise OSError(f"{made} is too long a path for sockets")
    return made


def _is_private(folder: Path) -> bool:
    try:
        found = folder.lstat()
    except OSError:
        return False
    if sys.platform == "win32":
        return stat.S_ISDIR(found.st_mode)
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077


class Instance(QObject):
    """This process, as one that may have the window of a catalog. Use it as a context.

    Signals:
        asked(object): another start wants this window, with the paths that it was given.
    """

    asked = Signal(object)

    def __init__(self, place: Path | None) -> None:
        super().__init__()
        self._place = place
        self._lock: QLockFile | None = None
        self._server: QLocalServer | None = None
        self._guests: dict[QLocalSocket, bytes] = {}
        if place is not None:
            self._lock = QLockFile(str(place.with_suffix(".lock")))
            # Only a holder that is dead has lost it, however old the lock is.
            self._lock.setStaleLockTime(0)

    @classmethod
    def of(cls, catalog_path: str | os.PathLike[str]) -> Self:
        """Return the instance for a catalog; where no socket can be, each start is on its own."""
        name = sha256(os.fsencode(os.path.realpath(catalog_path))).hexdigest()[:_DIGITS]
        try:
            return cls(private_folder() / _NAME.format(name))
        except OSError as error:
            log.info("Other windows on this catalog will not be seen: %s", error)
            return cls(None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # --- the second -------------------------------------------------------------------------------------

    def hand_over(self, paths: Sequence[str]) -> bool:
        """Give the paths to the window that is open on the catalog; False if there is none: it is ours to open.

        Raises:
            CatalogError: a window is open, but does not answer.
        """
        if self._lock is None or self._lock.tryLock(0):
            return False
        until = time.monotonic() + _TRY_S
        while True:
            if self._tell(paths):
                return True
            # The first may just begin, or end.
            if self._lock.tryLock(_EACH_MS):
                return False
            if self._lock.error() != QLockFile.LockError.LockFailedError:
                log.info("Other windows on this catalog can't be seen: the lock is %s", self._lock.error())
                self._lock = None
                return False
            if time.monotonic() > until:
                raise CatalogError(
                    "Another window is open on this catalog and does not answer.", code="catalog_busy"
                )

    def _tell(self, paths: Sequence[str]) -> bool:
        from PySide6.QtNetwork import QLocalSocket

        socket = QLocalSocket()
        socket.connectToServer(self._name())
        if not socket.waitForConnected(_EACH_MS):
            return False
        socket.write(json.dumps({"paths": list(paths)[:MOST_PATHS]}).encode("ascii") + b"\n")
        answer = b""
        while len(answer) < len(ANSWER) and socket.waitForReadyRead(_ANSWER_MS):
            answer += socket.readAll().data()
        return answer == ANSWER

    def _name(self) -> str:
        assert self._place is not None
        if sys.platform == "win32":
            return self._place.stem
        return str(self._place)

    # --- the first --------------------------------------------------------------------------------------

    @Slot()
    def listen(self) -> None:
        """Begin to take what other starts hand over; only the one with the lock does."""
        if self._place is None or self._lock is None or not self._lock.isLocked() or self._server is not None:
            return
        from PySide6.QtNetwork import QLocalServer

        server = QLocalServer(self)
        server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        server.setMaxPendingConnections(MOST_GUESTS)
        server.newConnection.connect(self._on_guest)
        # What lies there is of one who died: we have the lock.
        QLocalServer.removeServer(self._name())
        if not server.listen(self._name()):
            log.info("Other starts can't reach this window: %s", server.errorString())
            return
        self._server = server

    def close(self) -> None:
        """Let another start have the window."""
        for guest in list(self._guests):
            self._let_go(guest)
        if self._server is not None:
            self._server.close()
            self._server = None
        if self._lock is not None and self._lock.isLocked():
            self._lock.unlock()

    @Slot()
    def _on_guest(self) -> None:
        while self._server is not None and (guest := self._server.nextPendingConnection()) is not None:
            if len(self._guests) >= MOST_GUESTS:
                guest.abort()
                guest.deleteLater()
                continue
            guest.setReadBufferSize(MESSAGE_BYTES + 1)
            self._guests[guest] = b""
            guest.readyRead.connect(self._on_said)
            guest.disconnected.connect(self._on_left)
            QTimer.singleShot(GUEST_MS, guest, guest.abort)
            self._hear(guest)

    @Slot()
    def _on_said(self) -> None:
        self._hear(self.sender())

    @Slot()
    def _on_left(self) -> None:
        self._let_go(self.sender())

    def _hear(self, guest: Any) -> None:
        if guest not in self._guests:
            return
        said = self._guests[guest] + guest.readAll().data()
        line, end, _rest = said.partition(b"\n")
        if not end and len(said) <= MESSAGE_BYTES:
            self._guests[guest] = said
            return
        paths = _paths_of(line) if len(line) <= MESSAGE_BYTES else None
        if paths is None:
            log.warning("Somebody said to this window what it does not understand")
            guest.abort()
            self._let_go(guest)
            return
        guest.write(ANSWER)
        guest.flush()
        guest.disconnectFromServer()
        self._let_go(guest)
        self.asked.emit(paths)

    def _let_go(self, guest: Any) -> None:
        if self._guests.pop(guest, None) is not None:
            guest.deleteLater()


def _paths_of(line: bytes) -> list[str] | None:
    """Return the paths of a message, or None if it is none."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    paths = found.get("paths") if isinstance(found, dict) else None
    if not isinstance(paths, list) or len(paths) > MOST_PATHS:
        return None
    if not all(isinstance(path, str) and os.path.isabs(path) and "\0" not in path for path in paths):
        return None
    return paths
