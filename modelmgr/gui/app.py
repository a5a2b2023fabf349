"""Where the window's objects are made and wired together, and nowhere else."""

import contextlib
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from PySide6.QtCore import QObject, QSocketNotifier, Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import QApplication, QMainWindow

import modelmgr
from modelmgr.catalog import Catalog
from modelmgr.errors import CatalogError
from modelmgr.gui import collecting, language, theme
from modelmgr.gui.api_door import ApiDoor
from modelmgr.gui.garbage import Garbage, share_memory
from modelmgr.gui.main_window import MainWindow
from modelmgr.gui.states import ErrorWindow
from modelmgr.gui.tasks import Tasks
from modelmgr.settings import default_catalog_path
from modelmgr.values import Changes

if TYPE_CHECKING:
    from modelmgr.gui.instance import Instance
    from modelmgr.library import Library

log = logging.getLogger(__name__)

NEWS_INTERVAL_S = 1.0
OTHERS_INTERVAL_MS = 2000
EXIT_CATALOG, EXIT_CANCELLED = 3, 130

_EVERYTHING = Changes(models=True, pending=True, folders=True, batches=True)


class News(QObject):
    """Turns the catalog's bell into one Qt signal, at once when it has been quiet, else once a second.

    Other processes ring no bell; the catalog's version number tells of them.

    Signals:
        changed(Changes): what was written since the last time.
    """

    changed = Signal(object)
    _rang = Signal()

    def __init__(self, catalog: Catalog, tasks: Tasks, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._catalog = catalog
        self._tasks = tasks
        self._lock = threading.Lock()
        self._waiting: Changes | None = None
        self._told_at = 0.0
        self._first_state = catalog.version()  # before the first rows are read
        self._version: int | None = None
        self._own_writes = False
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.timeout.connect(self._tell)
        self._rang.connect(self._on_rang, Qt.ConnectionType.QueuedConnection)
        self._unsubscribe = catalog.subscribe(self._ring)
        self._others = QTimer(self)
        self._others.setInterval(OTHERS_INTERVAL_MS)
        self._others.timeout.connect(self._ask_version)

    def watch_others(self) -> None:
        """Begin to look for what other processes write."""
        self._tasks.change(self._begin, self._on_begun, failed=self._on_version_failed)
        self._others.start()

    def stop(self) -> None:
        """Tell nothing more."""
        self._unsubscribe()
        self._others.stop()
        self._later.stop()

    def _ring(self, changes: Changes) -> None:
        # In the writing thread.
        self._own_writes = True
        self._add(changes)

    def _add(self, changes: Changes) -> None:
        with self._lock:
            is_first = self._waiting is None
            self._waiting = changes if self._waiting is None else self._waiting.merged(changes)
        if is_first:
            self._rang.emit()

    @Slot()
    def _on_rang(self) -> None:
        wait_s = self._told_at + NEWS_INTERVAL_S - time.monotonic()
        if wait_s <= 0:
            self._tell()
        elif not self._later.isActive():
            self._later.start(int(wait_s * 1000) + 1)

    @Slot()
    def _tell(self) -> None:
        with self._lock:
            changes, self._waiting = self._waiting, None
        if changes is not None:
            self._told_at = time.monotonic()
            self.changed.emit(changes)

    def _begin(self) -> tuple[bool, int]:
        is_newer = self._catalog.version() != self._first_state
        # Our own session's row is a write like any other: made later it would have everything read a second time.
        try:
            self._catalog.session()
        except CatalogError as error:
            log.info("This window could not be noted in the catalog yet: %s", error)
        return is_newer, self._catalog.data_version()

    def _on_begun(self, found: tuple[bool, int]) -> None:
        is_newer, version = found
        self._on_version(version)
        if is_newer:
            self._add(_EVERYTHING)

    @Slot()
    def _ask_version(self) -> None:
        # The number belongs to a connection, and connections to threads: always the one thread for changes.
        self._tasks.change(self._catalog.data_version, self._on_version, failed=self._on_version_failed)

    def _on_version(self, version: int) -> None:
        before, self._version = self._version, version
        own, self._own_writes = self._own_writes, False
        if before is not None and version != before:
            # After a write of our own the number says nothing; then only what is cheap is looked at again.
            self._add(
                Changes(models=True, pending=True, folders=True, ids=frozenset()) if own else _EVERYTHING
            )

    def _on_version_failed(self, error: Exception) -> None:
        log.info("The catalog's version could not be read: %s", error)


class _LibraryWhenWanted:
    """The library, loaded with the first deed: its readers and sources are a third of a start's imports."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self._lock = threading.Lock()

    def __getattr__(self, name: str) -> Any:
        with self._lock:
            if "_library" not in self.__dict__:
                from modelmgr.library import Library

                self._library = Library(self.catalog)
        return getattr(self._library, name)


def open_window(catalog: Path) -> QMainWindow:
    """Open the window on a catalog, for the existing QApplication, and show it.

    Closing it ends all work and closes the catalog.

    Raises:
        CatalogError: the catalog can't be opened; nothing was touched.
    """
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    theme.apply(app)
    language.install(app)
    store = Catalog.open(catalog)
    # Before anything of the window is made: with its first parts its threads begin to work.
    garbage = Garbage()
    tasks = Tasks(interrupt=store.interrupt)
    tasks.hold_questions(is_held=True)
    try:
        return _window_on(store, tasks, garbage)
    except BaseException:
        _leave(tasks, store, garbage)
        raise


def _window_on(store: Catalog, tasks: Tasks, garbage: Garbage) -> MainWindow:
    library = cast("Library", _LibraryWhenWanted(store))
    door = ApiDoor(library, tasks)
    window = MainWindow(library, tasks, door)
    news = News(store, tasks, window)
    news.changed.connect(window.take_news)
    window.painted.connect(share_memory)
    window.painted.connect(news.watch_others)
    window.load_first_rows()
    for part in (door, tasks, garbage):
        part.setParent(window)
    window.closed.connect(partial(_end, door, news, tasks, store, garbage))
    window.show()
    window.start_asking()
    return window


def _end(door: ApiDoor, news: News, tasks: Tasks, store: Catalog, garbage: Garbage) -> None:
    # First of all: what other programs still ask would find a catalog that is closed.
    door.end()
    news.stop()
    _leave(tasks, store, garbage)


def _leave(tasks: Tasks, store: Catalog, garbage: Garbage) -> None:
    if tasks.shutdown():
        store.close()
        garbage.stop()
    # Else some thread is stuck, in a disk that does not answer: the catalog stays open for it, what was committed is
    # safe, and it may not come to collect what is left of the window.


def open_error_window(error: CatalogError, path: str) -> ErrorWindow:
    """Show the page for a catalog that can't be opened."""
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    theme.apply(app)
    window = ErrorWindow(error, path)
    window.show()
    return window


class _Session(QObject):
    """One run of the program: the window, or the page that says why there is none."""

    def __init__(self, path: str, dropped: Sequence[str], instance: "Instance") -> None:
        super().__init__()
        self._instance = instance
        self._path = path
        self._dropped = dropped
        self._window: QMainWindow | None = None
        self.code = 0
        self.interrupted = False
        self.is_handed_over = False

    @Slot()
    def open(self) -> None:
        """Open the window, or hand over to the one that is open; after an error the page that offers to try again."""
        before = self._window
        try:
            self.is_handed_over = self._instance.hand_over(self._dropped)
            if self.is_handed_over:
                self.code = 0
                if before is not None:
                    before.close()
                return
            log.info("modelmgr %s opens the window", modelmgr.__version__)
            window = open_window(Path(self._path))
        except CatalogError as error:
            log.error("%s", error.message)
            self.code = EXIT_CATALOG
            page = open_error_window(error, self._path)
            page.retry_wanted.connect(self.open)
            self._window = page
        else:
            self.code = 0
            self._window = window
            if self._dropped and isinstance(window, MainWindow):
                window.drop_paths(self._dropped)
                self._dropped = ()
        QTimer.singleShot(0, self._instance.listen)
        if before is not None:
            before.close()

    @Slot(object)
    def show_again(self, paths: Sequence[str]) -> None:
        """Come to the front with what another start was given: the user wants this window."""
        window = self._window
        if window is None:
            return
        window.setWindowState(window.windowState() & ~Qt.WindowState.WindowMinimized)
        window.show()
        window.raise_()
        window.activateWindow()
        if isinstance(window, MainWindow):
            window.drop_paths(paths)
        else:
            self._dropped = [*self._dropped, *paths]

    def stop(self) -> None:
        """Close the window, as Ctrl+C asks for."""
        self.interrupted = True
        if self._window is not None:
            self._window.close()
        QApplication.quit()


def run(catalog_path: str, paths: Sequence[str] = ()) -> int:
    """Run the window until it is closed, and return the exit code; `paths` count as dropped on it.

    Comes from `gui.runner`, which has paused `collecting`.
    """
    # Tests and other programs that open a window alone need neither.
    from modelmgr.gui import logs
    from modelmgr.gui.instance import Instance

    path = os.path.abspath(catalog_path)
    if os.path.realpath(path) == os.path.realpath(default_catalog_path()):
        os.makedirs(os.path.dirname(path), exist_ok=True)
    app = QApplication.instance()
    if not isinstance(app, QApplication):
        app = QApplication([sys.argv[0]])
    app.setApplicationName("modelmgr")
    app.setApplicationDisplayName("modelmgr")
    app.setDesktopFileName("modelmgr")
    dropped = [os.path.abspath(each) for each in paths]
    with Instance.of(path) as instance:
        session = _Session(path, dropped, instance)
        instance.asked.connect(session.show_again)
        with logs.kept(path), _stopped_by_signals(session.stop):
            session.open()
            collecting.go_on()
            if not session.is_handed_over:
                app.exec()
    return EXIT_CANCELLED if session.interrupted else session.code


@contextlib.contextmanager
def _stopped_by_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Have `stop` called in the GUI thread when SIGINT or SIGTERM comes.

    Qt's event loop gives Python no turn to run a handler; a byte in a socket wakes it up.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    import signal
    import socket

    here, there = socket.socketpair()
    here.setblocking(False)
    there.setblocking(False)
    notifier = QSocketNotifier(here.fileno(), QSocketNotifier.Type.Read)

    def on_byte() -> None:
        with contextlib.suppress(BlockingIOError):
            here.recv(64)

    notifier.activated.connect(on_byte)
    before = {
        number: signal.signal(number, lambda _number, _frame: stop())
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    wakeup = signal.set_wakeup_fd(there.fileno())
    try:
        yield
    finally:
        signal.set_wakeup_fd(wakeup)
        for number, handler in before.items():
            signal.signal(number, handler)
        notifier.setEnabled(False)
        here.close()
        there.close()
