"""The local API inside the window: one server, open as the settings say.

FastAPI and what belongs to it take a third of a second to load: that, opening and closing happen in a worker. What
other programs ask to be done goes through `Tasks`, so that it stands in the list of running work like all else.
"""

import gc
import importlib
import os
import shlex
import sys
import threading
from collections.abc import Callable
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, Signal, Slot

from modelmgr.errors import ModelmgrError
from modelmgr.gui.tasks import Task, Tasks
from modelmgr.progress import Cancelled

if TYPE_CHECKING:
    from modelmgr.api.jobs import Job
    from modelmgr.api.server import ApiServer
    from modelmgr.library import Library


class DoorState(StrEnum):
    """How far the server is."""

    CLOSED = "closed"
    OPENING = "opening"
    OPEN = "open"
    CLOSING = "closing"
    FAILED = "failed"


class _Keeper:
    """Holds the one server. Any thread; one opens or closes at a time."""

    def __init__(
        self,
        library: "Library",
        take: "Callable[[Job], None]",
        watch: "Callable[[Job], None]",
    ) -> None:
        self._library = library
        self._take = take
        self._watch = watch
        self._lock = threading.Lock()
        self._server: ApiServer | None = None
        self._port: int | None = None
        self._is_over = False

    def bring(self, port: int | None) -> str:
        """Have a server open on `port` and nowhere else; return its address, empty without one.

        Raises:
            ModelmgrError: the port can't be had, or the token file can't be used.
            Cancelled: `end` was called.
        """
        with self._lock:
            if self._server is not None and self._port == port:
                return self._server.address
            self._close()
            if port is None:
                return ""
            _load_server()
            from modelmgr.api.server import ApiServer
            from modelmgr.api.token import TokenFile, default_token_path

            if self._is_over:
                raise Cancelled
            token = TokenFile.open(default_token_path(self._library.catalog.path))
            server = ApiServer(self._library, token, port=port, start_job=self._take)
            server.jobs.subscribe(self._watch)
            address = server.open()
            self._server, self._port = server, port
            return address

    def end(self) -> None:
        """Close the server for good."""
        self._is_over = True
        with self._lock:
            self._close()

    def _close(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.close()


def _load_server() -> None:
    """Import the server, and set what it is made of aside from the garbage collector.

    The framework makes so many objects that to look at them would hold up the window for 60 to 80 ms each time. They
    stay until the end, so nothing is lost by never doing so. The collector is off meanwhile, for a window is open
    (`gui.garbage`): it is not for this thread to turn it on.
    """
    if "modelmgr.api.server" in sys.modules:
        return
    importlib.import_module("modelmgr.api.server")
    gc.freeze()


class ApiDoor(QObject):
    """Opens and closes the local API, and brings its jobs to the tasks of the window.

    Signals:
        changed(): `state` is another one, and `address` and `problem` with it.

    Attributes:
        state: a word of `DoorState`.
        address: ``http://127.0.0.1:PORT`` while it is open, else empty.
        problem: why it could not be opened, or None.
    """

    changed = Signal()
    _job_came = Signal(object)
    _job_called_off = Signal(object)

    def __init__(self, library: "Library", tasks: Tasks) -> None:
        super().__init__()
        self._catalog_path = library.catalog.path
        self._tasks = tasks
        self._port: int | None = None
        self._wish = 0
        self._is_over = False
        self._jobs: dict[Task, Job] = {}
        self._keeper = _Keeper(library, self._job_came.emit, self._watch)
        self.state = DoorState.CLOSED
        self.address = ""
        self.problem: Exception | None = None
        queued = Qt.ConnectionType.QueuedConnection
        self._job_came.connect(self._on_job_came, queued)
        self._job_called_off.connect(self._on_job_called_off, queued)

    @property
    def token_path(self) -> str:
        """Where the token lies."""
        from modelmgr.api.token import default_token_path

        return default_token_path(self._catalog_path)

    def follow(self, is_on: bool, port: int) -> None:
        """Do as the settings say; what failed before is tried again. `changed` tells how it went."""
        wanted = port if is_on else None
        if self._is_over or (wanted == self._port and self.state != DoorState.FAILED):
            return
        self._port = wanted
        self._wish += 1
        self._show(DoorState.CLOSING if wanted is None else DoorState.OPENING)
        self._tasks.ask(
            partial(self._keeper.bring, wanted),
            partial(self._on_brought, self._wish),
            failed=partial(self._on_failed, self._wish),
            key=(id(self), "bring"),
        )

    def end(self) -> None:
        """Close the server, and wait for it; nothing more is taken on."""
        self._is_over = True
        self._keeper.end()

    def read_token(self, answer: Callable[[str], None], failed: Callable[[Exception], None]) -> None:
        """Ask for the token; it is made if there is none yet."""
        self._tasks.ask(partial(_token, self.token_path), answer, failed=failed)

    def renew_token(self, done: Callable[[None], None], failed: Callable[[Exception], None]) -> None:
        """Have a new token take the place of the old one, which counts no more."""
        self._tasks.change(partial(_renew, self.token_path), partial(self._on_renewed, done), failed=failed)

    def _on_renewed(self, done: Callable[[None], None], _: None) -> None:
        if isinstance(self.problem, ModelmgrError) and self.problem.code == "token_file":
            self.follow(self._port is not None, self._port or 0)
        done(None)

    def _on_brought(self, wish: int, address: str) -> None:
        if wish == self._wish:
            self._show(DoorState.OPEN if address else DoorState.CLOSED, address)

    def _on_failed(self, wish: int, error: Exception) -> None:
        if wish == self._wish:
            self._show(DoorState.FAILED, problem=error)

    def _show(self, state: DoorState, address: str = "", problem: Exception | None = None) -> None:
        self.state, self.address, self.problem = state, address, problem
        self.changed.emit()

    # --- jobs ---

    def _watch(self, job: "Job") -> None:
        # In some thread of the server, or in that of the deed.
        if job.state == "cancelled":
            self._job_called_off.emit(job)

    @Slot(object)
    def _on_job_came(self, job: "Job") -> None:
        if self._is_over:
            job.settle()
            return
        # One after another: who asks for an import and then for its promotion means them in that order. And one
        # thread for deeds stays free for whoever sits before the window.
        task = self._tasks.run(job.title, job.work, turn=id(self))
        self._jobs[task] = job
        task.finished.connect(self._on_task_finished)
        if job.is_over:
            task.cancel()

    @Slot()
    def _on_task_finished(self) -> None:
        task = self.sender()
        if isinstance(task, Task) and task in self._jobs:
            self._jobs.pop(task).settle()

    @Slot(object)
    def _on_job_called_off(self, job: "Job") -> None:
        for task, other in self._jobs.items():
            if other is job:
                task.cancel()
                return


def _token(path: str) -> str:
    from modelmgr.api.token import TokenFile

    return TokenFile.open(path).value()


def _renew(path: str) -> None:
    from modelmgr.api.token import TokenFile

    TokenFile(path).renew()


def example_line(port: int, token_path: str, *, for_windows: bool = os.name == "nt") -> str:
    """Return a line for a terminal that asks for some models.

    The token itself is not in it: it would stay in the shell's history.
    """
    if for_windows:
        quoted = token_path.replace("'", "''")
        read = f"$(Get-Content -LiteralPath '{quoted}')"
    else:
        read = f"$(cat -- {shlex.quote(token_path)})"
    try:
        read.encode("utf-8")
    except UnicodeEncodeError:  # no clipboard can hold such a name
        read = "TOKEN"
    program = "curl.exe" if for_windows else "curl"
    return f'{program} -H "Authorization: Bearer {read}" "http://127.0.0.1:{port}/api/models?limit=5"'
