"""Where the window's objects are made and wired together, and nowhere else."""

import contextlib
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

from PySide6.QtCore import QObject, QSocketNotifier, QTimer, Slot
from PySide6.QtWidgets import QApplication, QMainWindow

import modelmgr
from modelmgr.errors import CatalogError
from modelmgr.gui import collecting, language, theme
from modelmgr.gui.garbage import Garbage, share_memory
from modelmgr.gui.importing import Qt
from modelmgr.gui.main_window import MainWindow
from modelmgr.gui.tasks import Tasks
from modelmgr.gui.wanted import CatalogWhenWanted, LibraryWhenWanted
from modelmgr.progress import Progress
from modelmgr.settings import default_catalog_path

if TYPE_CHECKING:
    from modelmgr.catalog import Catalog
    from modelmgr.gui.instance import Instance
    from modelmgr.gui.states import ErrorWindow
    from modelmgr.library import Library

log = logging.getLogger(__name__)

EXIT_CATALOG, EXIT_CANCELLED = 3, 130


def open_window(catalog: Path) -> QMainWindow:
    """Open the window on a catalog, for the existing QApplication, and show it.

    Closing it ends all work and closes the catalog.

    Raises:
        CatalogError: the catalog can't be opened; nothing was touched.
    """
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    theme.apply_first(app)
    language.install(app)
    store = CatalogWhenWanted(catalog)
    # Before anything of the window is made: with its first parts its threads begin to work.
    garbage = Garbage()
    tasks = Tasks(interrupt=store.interrupt)
    tasks.hold_questions(is_held=True)
    try:
        return _window_on(store, tasks, garbage)
    except BaseException:
        _leave(tasks, store, garbage)
        raise


def _window_on(store: CatalogWhenWanted, tasks: Tasks, garbage: Garbage) -> MainWindow:
    library = cast("Library", LibraryWhenWanted(cast("Catalog", store)))
    window = MainWindow(store, library, tasks)
    try:
        window.load_first_rows()
        window.show()
        window.start_growing()
    except BaseException:
        window.hide()
        window.deleteLater()
        raise
    window.painted.connect(share_memory)
    for part in (tasks, garbage):
        part.setParent(window)
    window.closed.connect(partial(_leave, tasks, store, garbage))
    return window


def _leave(tasks: Tasks, store: CatalogWhenWanted, garbage: Garbage) -> None:
    if tasks.shutdown():
        store.close()
        garbage.stop()
    # Else some thread is stuck, in a disk that does not answer: the catalog stays open for it, what was committed is
    # safe, and it may not come to collect what is left of the window.


def open_error_window(error: CatalogError, path: str) -> "ErrorWindow":
    """Show the page for a catalog that can't be opened."""
    from modelmgr.gui.states import ErrorWindow

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
            self._tell(error)
        else:
            self.code = 0
            self._window = window
            assert isinstance(window, MainWindow)
            window.not_opened.connect(self._on_not_opened)
            self._drop_on(window)
        QTimer.singleShot(0, self._instance.listen)
        if before is not None:
            before.close()

    def _tell(self, error: CatalogError) -> None:
        log.error("%s", error.message)
        self.code = EXIT_CATALOG
        page = open_error_window(error, self._path)
        page.retry_wanted.connect(self.open)
        self._window = page

    def _drop_on(self, window: MainWindow) -> None:
        """Have the paths looked into; they are kept for the next window, should this one's catalog fail it."""
        try:
            window.drop_paths(self._dropped)
        except CatalogError as error:
            self._on_not_opened(error)
        else:
            self._dropped = ()

    @Slot(object)
    def _on_not_opened(self, error: CatalogError) -> None:
        before = self._window
        self._tell(error)
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
        self._dropped = [*self._dropped, *paths]
        if isinstance(window, MainWindow):
            self._drop_on(window)

    def close(self) -> None:
        """Close the window and end the event loop, as Ctrl+C asks for."""
        if self._window is not None:
            self._window.close()
        QApplication.quit()


def run(catalog_path: str, paths: Sequence[str], progress: Progress) -> int:
    """Run the window until it is closed, and return the exit code.

    Comes from `gui.runner`, which has paused `collecting`.

    Args:
        catalog_path: the catalog to open.
        paths: count as dropped on the window.
        progress: closes the window when it is cancelled, as it is by SIGINT and SIGTERM from now on.
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
        with logs.kept(path), _stopped_by_signals(progress, session.close):
            session.open()
            collecting.go_on()
            if not session.is_handed_over:
                app.exec()
    return EXIT_CANCELLED if progress.is_cancelled else session.code


@contextlib.contextmanager
def _stopped_by_signals(progress: Progress, stop: Callable[[], None]) -> Iterator[None]:
    """Have `stop` called by the event loop when SIGINT or SIGTERM comes, or as soon as there is one.

    Qt's event loop gives Python no turn to run a handler; a byte in a socket wakes it up. It waits there for a
    loop that is yet to begin, so a signal that comes during the start is not lost.
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
        if progress.is_cancelled:
            stop()

    notifier.activated.connect(on_byte)
    before = {
        number: signal.signal(number, lambda _number, _frame: progress.cancel())
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    wakeup = signal.set_wakeup_fd(there.fileno())
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, 0)  # with which the command line would insist
    if progress.is_cancelled:
        there.send(b"\0")  # by one that came before
    try:
        yield
    finally:
        signal.set_wakeup_fd(wakeup)
        for number, handler in before.items():
            signal.signal(number, handler)
        notifier.setEnabled(False)
        here.close()
        there.close()
