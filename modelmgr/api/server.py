"""The server: a socket on 127.0.0.1, one thread for the event loop, a few for the questions, one for jobs.

Whoever needs jobs elsewhere (the window has its own list of tasks) hands over how they are started.
"""

import asyncio
import contextlib
import errno
import logging
import queue
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import uvicorn

from modelmgr.api.events import Events
from modelmgr.api.gate import Gate
from modelmgr.api.jobs import Job, Jobs
from modelmgr.api.limits import Limits, raise_descriptor_limit
from modelmgr.api.routes import make_app
from modelmgr.api.token import TokenFile
from modelmgr.api.wire import guarded
from modelmgr.errors import ModelmgrError
from modelmgr.library import Library
from modelmgr.progress import Cancelled, Progress

log = logging.getLogger(__name__)

HOST = "127.0.0.1"
DEFAULT_PORT = 8765
QUESTION_THREADS = 4
BACKLOG = 1024
# How many asyncio takes in before it looks at any of them. Each has a descriptor before the wire can make room for it,
# and where those run out nobody is taken in for a second.
TAKEN_AT_ONCE = 32
OPEN_TIMEOUT_S = 10.0
CLOSE_TIMEOUT_S = 2
JOB_TIMEOUT_S = 3.0
QUESTION_TIMEOUT_S = 3.0


class ApiServer:
    """The library's local HTTP door.

    Args:
        library: asked and put to work from several threads.
        token: who holds it is the user.
        port: on 127.0.0.1; 0 takes a free one.
        start_job: takes a job on, see `Jobs`; called in one of the server's threads. None: a thread of its own, one
            job after another.
        limits: of time and number.
    """

    def __init__(
        self,
        library: Library,
        token: TokenFile,
        *,
        port: int = DEFAULT_PORT,
        start_job: Callable[[Job], None] | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._library = library
        self._token = token
        self._wanted_port = port
        self._limits = limits or Limits()
        self._questions = _Workers("modelmgr-api", QUESTION_THREADS)
        self._own_jobs: _Workers | None = None
        if start_job is None:
            self._own_jobs = _Workers("modelmgr-jobs", 1)
            start_job = self._do
        self.jobs = Jobs(start_job)
        self._port = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._server: _Server | None = None
        self._events: Events | None = None
        self._thread: threading.Thread | None = None
        self._asking = asyncio.Semaphore(QUESTION_THREADS)

    @property
    def address(self) -> str:
        """Where it listens, ``http://127.0.0.1:PORT``."""
        return f"http://{HOST}:{self._port}"

    def open(self) -> str:
        """Listen, and return the address.

        Raises:
            ModelmgrError: ``port_in_use``, or the port can't be had for another reason.
        """
        listener = _listen(self._wanted_port)
        self._port = listener.getsockname()[1]
        raise_descriptor_limit()
        self._events = Events(self._library.catalog, self.jobs, self._ask)
        app = make_app(self._library, self.jobs, self._events, self._ask)
        gate = Gate(app, self._token, lambda: self._port, self._limits)
        config = uvicorn.Config(
            gate,
            http=guarded(self._limits),
            ws="none",
            lifespan="off",
            loop="asyncio",
            log_config=None,
            log_level=logging.CRITICAL,  # of requests that are cut at the end the terminal needs no line
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=CLOSE_TIMEOUT_S,
            backlog=TAKEN_AT_ONCE,
        )
        self._server = _Server(config)
        self._thread = threading.Thread(
            target=self._serve, args=(listener,), name="modelmgr-api", daemon=True
        )
        self._questions.start()
        if self._own_jobs is not None:
            self._own_jobs.start()
        self._thread.start()
        if not self._server.is_up.wait(OPEN_TIMEOUT_S):
            self.close()
            raise ModelmgrError("The local API did not start.", code="not_started")
        return self.address

    def close(self) -> None:
        """End streams, requests and the server's own jobs, and wait for its threads."""
        if self._own_jobs is not None:
            self.jobs.cancel_all()
            self._own_jobs.stop(JOB_TIMEOUT_S)
        if self._server is not None:
            self._server.should_exit = True
            if self._loop is not None and self._events is not None:
                with contextlib.suppress(RuntimeError):  # the loop has ended by itself
                    self._loop.call_soon_threadsafe(self._events.close)
        if self._thread is not None:
            self._thread.join()
        self._questions.stop(QUESTION_TIMEOUT_S)

    def _serve(self, listener: socket.socket) -> None:
        assert self._server is not None
        with contextlib.closing(listener), asyncio.Runner() as runner:
            self._loop = runner.get_loop()
            runner.run(self._server.serve(sockets=[listener]))

    async def _ask(self, question: Callable[[], Any]) -> Any:
        """Have a question answered by a worker: the event loop never waits for the disk.

        The next one is begun when the loop has taken the answer. Else workers could be ahead of the loop by any
        number of large answers.
        """
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[Any] = loop.create_future()

        def settle(answer: Any, error: BaseException | None) -> None:
            if answered.done():  # the client has gone meanwhile
                return
            if error is None:
                answered.set_result(answer)
            else:
                answered.set_exception(error)

        def work() -> None:
            answer, failed = None, None
            try:
                answer = question()
            except Exception as error:  # noqa: BLE001 flies on where it was asked
                failed = error
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(settle, answer, failed)

        async with self._asking:
            self._questions.put(work)
            return await answered

    def _do(self, job: Job) -> None:
        """Take a job on."""
        assert self._own_jobs is not None

        def work() -> None:
            try:
                job.work(Progress())
            except Cancelled:
                pass
            except ModelmgrError as error:
                log.info("%s: %s", job.title, error.message)
            except Exception:  # the client hears that it is a fault
                log.exception("%s failed", job.title)

        self._own_jobs.put(work)


class _Server(uvicorn.Server):
    """Uvicorn's server, which says when it is up, and leaves signals to the program."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_up = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listener in sockets or ():
            listener.listen(BACKLOG)  # asyncio has made the queue as short as what it takes at once
        self.is_up.set()


class _Workers:
    """Threads that call what is put to them, in that order.

    They are daemons: a disk that never answers cannot keep a closed program alive.
    """

    def __init__(self, name: str, number: int) -> None:
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._work, name=f"{name}-{at}", daemon=True)
            for at in range(1, number + 1)
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def put(self, call: Callable[[], None]) -> None:
        """Queue a call; it raises nothing."""
        self._calls.put(call)

    def stop(self, timeout_s: float) -> None:
        """End after the calls that were put, or leave behind those that take too long."""
        started = [thread for thread in self._threads if thread.ident is not None]
        for _ in started:
            self._calls.put(None)
        deadline = time.monotonic() + timeout_s
        for thread in started:
            thread.join(max(0.0, deadline - time.monotonic()))
        if any(thread.is_alive() for thread in started):
            log.warning("Work did not stop within %s s of closing the local API", timeout_s)

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            call()
            del call  # not kept until the next one comes: it may hold some megabytes


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if sys.platform == "win32":
            # There, a second program could otherwise take the port while it is in use.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        # Only a listening socket holds its port against others that allow it to be reused.
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise ModelmgrError(
                f"Port {port} of {HOST} is in use by another program.", code="port_in_use", port=port
            ) from error
        raise ModelmgrError(
            f"Port {port} of {HOST} can't be used: {error.strerror}.", code="port_unusable", port=port
        ) from error
    return listener
