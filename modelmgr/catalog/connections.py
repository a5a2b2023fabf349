"""Open and close, one writer at a time, and news of what was written: what all parts of the catalog stand on."""

import contextlib
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

from modelmgr.catalog import engine, upgrades
from modelmgr.errors import CatalogError, CatalogReadOnly
from modelmgr.progress import Progress
from modelmgr.sqlite import OperationalError
from modelmgr.values import Changes, Problem


class Connections:
    """One SQLite file, asked and written from any thread.

    Readers have a connection per thread and never wait. Writers go one at a time: `transaction` holds a lock and
    BEGIN IMMEDIATE, and the write methods join the transaction that their thread has open.
    """

    def __init__(self, path: str, uri_query: str, temporary: tempfile.TemporaryDirectory[str] | None) -> None:
        self.path = path
        self.read_only = uri_query != "mode=rw"
        self._temporary = temporary
        self._reader = engine.Database(path, uri_query, writes=False)
        self._writer = engine.Database(path, uri_query, writes=True)
        self._write_lock = threading.RLock()
        self._watcher = engine.Database(path, uri_query, writes=True)
        self._watch_lock = threading.Lock()
        self._watch_name = os.urandom(6).hex()
        self._depth = 0
        self._pending_news: list[Changes] = []
        self._listeners: list[Callable[[Changes], None]] = []
        self._session: int | None = None
        self._timeout_ms = engine.BUSY_TIMEOUT_MS
        self._closed = False

    @classmethod
    def open(cls, path: str | Path, *, create: bool = True) -> Self:
        """Open a catalog; with `create`, make or upgrade it if need be.

        Without `create`, a catalog that isn't there or holds nothing yet is answered by an empty one in a
        temporary folder, and nothing is written.

        Raises:
            CatalogError: one of its kinds; the file was not touched.
        """
        real = os.path.realpath(path)
        state = engine.look_at(real)
        if not create and (state != "database" or cls._holds_nothing(real)):
            return cls._of_nothing(real)
        if state == "absent" and not os.path.isdir(os.path.dirname(real)):
            raise CatalogError(
                f"The folder {os.path.dirname(real)} of the catalog does not exist.", path=real
            )
        with engine.translated(real):
            uri_query = cls._access(real, create)
            catalog = cls(real, uri_query, None)
            catalog._reader.execute_sql("SELECT count(*) FROM sqlite_schema").fetchone()
        return catalog

    @classmethod
    def _of_nothing(cls, path: str) -> Self:
        try:
            folder = tempfile.TemporaryDirectory(prefix="modelmgr-")
        except OSError as error:
            raise CatalogError(f"No temporary folder can be made: {error.strerror}.", path=path) from error
        nothing = os.path.join(folder.name, "empty.sqlite")
        try:
            with engine.translated(nothing):
                upgrades.prepare(nothing)
        except CatalogError:
            folder.cleanup()
            raise
        return cls(nothing, "mode=rw", folder)

    @staticmethod
    def _holds_nothing(path: str) -> bool:
        with (
            engine.translated(path),
            contextlib.closing(engine.connect(path, engine.reading_mode(path))) as conn,
        ):
            return engine.identity(conn, path) is None

    @staticmethod
    def _access(path: str, create: bool) -> str:
        """Prepare the file for writing and return how to open it; where that can't be, for reading."""
        try:
            upgrades.prepare(path)
        except (OperationalError, OSError) as error:
            reading = engine.reading_mode(path)
            if create and reading == "mode=rw":
                raise
            if create:
                raise CatalogReadOnly(
                    f"The catalog can't be written: {path} is read-only.", path=path
                ) from error
            return reading
        return "mode=rw"

    def close(self) -> None:
        """Close every connection. The catalog must not be used any more."""
        if self._closed:
            return
        self._timeout_ms = (
            engine.PARTING_TIMEOUT_MS
        )  # a session's row that stays is known to be of a dead process
        if self._session is not None:
            with contextlib.suppress(CatalogError), self.transaction() as writer:
                writer.execute_sql("DELETE FROM sessions WHERE id = ?", (self._session,))
        self._closed = True
        with self._write_lock:
            self._reader.close_all()
            with self._watch_lock:
                self._watcher.close_all()
            if not self.read_only and not self._writer.is_closed():
                engine.tidy(self._writer.connection())
            self._writer.close_all()
        if self._temporary is not None:
            self._temporary.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- writing ----------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def transaction(self, news: Changes | None = None) -> Iterator[engine.Database]:
        """Hold the write lock and a transaction; commit at the end, roll back if anything is raised.

        May be nested: the inner one joins. `news` rings after the commit of the outermost.

        Raises:
            CatalogError: the catalog can't be written; nothing of this transaction was kept.
        """
        with self._write_lock:
            if self.read_only:
                raise CatalogReadOnly(
                    f"The catalog can't be written: {self.path} is read-only.", path=self.path
                )
            if news is not None:
                self._pending_news.append(news)
            if self._depth:
                self._depth += 1
                try:
                    yield self._writer
                finally:
                    self._depth -= 1
                return
            rung: list[Changes] = []
            with engine.translated(self.path):
                conn = self._writer.connection()
                engine.begin_write(conn, self._timeout_ms)
                self._depth = 1
                try:
                    yield self._writer
                    conn.execute("COMMIT")
                    rung = self._pending_news
                finally:
                    self._depth = 0
                    self._pending_news = []
                    if conn.in_transaction:
                        conn.execute("ROLLBACK")
        if rung:
            merged = rung[0]
            for more in rung[1:]:
                merged = merged.merged(more)
            self._ring(merged)

    def _question(self) -> engine.Database:
        """Return where to read: inside a transaction of this thread what it has written, else a snapshot."""
        if self._depth and self._write_lock.acquire(blocking=False):
            try:
                if self._depth:
                    return self._writer
            finally:
                self._write_lock.release()
        return self._reader

    def interrupt(self, thread: int) -> None:
        """End the question that a thread asks just now; there it raises `Cancelled`. What is written goes on.

        Args:
            thread: its `threading.get_ident`. The caller makes sure that it still asks what is to be ended.
        """
        self._reader.interrupt(thread)

    # --- news -------------------------------------------------------------------------------------------

    def subscribe(self, callback: Callable[[Changes], None]) -> Callable[[], None]:
        """Have `callback` called after each commit, in the writing thread; return the way out."""
        self._listeners.append(callback)

        def unsubscribe() -> None:
            with contextlib.suppress(ValueError):
                self._listeners.remove(callback)

        return unsubscribe

    def _ring(self, changes: Changes) -> None:
        for listener in list(self._listeners):
            listener(changes)

    def data_version(self) -> int:
        """Return a number that changes when another process (or another thread's write) changed the catalog."""
        with engine.translated(self.path):
            return engine.data_version(self._reader.connection())

    def version(self) -> str:
        """Return a word for the state of the catalog: the same word again if nobody has committed anything since.

        It says nothing beyond this catalog object; any thread may ask, it takes some 15 microseconds. Whoever keeps
        an answer under this word asks for the word first: a commit in between then makes the answer too new for it,
        never too old.
        """
        with self._watch_lock, engine.translated(self.path):
            # The number counts the commits of all others, so it takes one connection that never writes.
            return f"{self._watch_name}-{engine.data_version(self._watcher.connection())}"

    def trace(self, callback: Callable[[str], None] | None) -> None:
        """Call back with every SQL statement that runs from now on, in whichever thread; None ends it."""
        self._reader.trace(callback)
        self._writer.trace(callback)

    # --- sessions: who has the catalog open for long work -----------------------------------------------

    def session(self) -> int:
        """Return this process's session row, which is made at the first call and goes at `close`."""
        if self._session is None:
            pid, started = os.getpid(), _process_started(os.getpid())
            with self.transaction() as writer:
                import socket

                cursor = writer.execute_sql(
                    "INSERT INTO sessions(host, pid, process_started, opened_at) VALUES (?, ?, ?, ?)",
                    (socket.gethostname(), pid, started, int(time.time())),
                )
                self._session = int(cursor.lastrowid)
        return self._session

    def dead_sessions(self) -> list[int]:
        """Return the sessions of processes on this computer that ended without closing the catalog."""
        import socket

        host = socket.gethostname()
        with engine.translated(self.path):
            rows = (
                self._question().execute_sql("SELECT id, host, pid, process_started FROM sessions").fetchall()
            )
        return [
            row_id
            for row_id, its_host, pid, started in rows
            if its_host == host and row_id != self._session and not _is_running(pid, started)
        ]

    def forget_sessions(self, sessions: list[int]) -> None:
        """Remove the rows of ended processes."""
        with self.transaction() as writer:
            for session in sessions:
                writer.execute_sql("DELETE FROM sessions WHERE id = ?", (session,))

    # --- care -------------------------------------------------------------------------------------------

    def backup(self, target: str, progress: Progress) -> list[Problem]:
        """See `engine.backup_to`."""
        return engine.backup_to(self.path, target, progress)

    def check(self, progress: Progress) -> list[Problem]:
        """See `engine.check_file`."""
        return engine.check_file(self.path, progress)


def _process_started(pid: int) -> float:
    import psutil

    return float(psutil.Process(pid).create_time())


def _is_running(pid: int, started: float) -> bool:
    import psutil

    try:
        return (
            abs(_process_started(pid) - started) < 2 and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
        )
    except psutil.Error:
        return False
