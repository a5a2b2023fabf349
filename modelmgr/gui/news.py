"""News of the catalog: what was written, by this window or by other programs, brings what is shown up to date."""

import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, QTimer, Signal, Slot

from modelmgr.errors import CatalogError
from modelmgr.gui.tasks import Task, Tasks
from modelmgr.values import Changes

if TYPE_CHECKING:
    from modelmgr.catalog import Catalog

log = logging.getLogger(__name__)

NEWS_INTERVAL_S = 1.0
OTHERS_INTERVAL_MS = 2000
SPACING = 8
"""While somebody goes on writing, what is shown is read again after so many times as long as that took: of a million
models order and counts take one to two seconds of two workers, which a scan could use."""

LONGEST_S = 20.0
"""No news waits longer: a question may be stuck in a disk that does not answer."""

_EVERYTHING = Changes(models=True, pending=True, folders=True, batches=True)


class News(QObject):
    """Turns the catalog's bell into one Qt signal, at once when it has been quiet, else once a second.

    Where it takes the window long to read anew, what goes on for long is told more rarely; what the user changes, and
    the end of what he has started, are not.

    Other processes ring no bell; the catalog's version number tells of them.

    Args:
        was_changed: asked once, in a worker, whether there was anything to tell of before this was made.

    Signals:
        changed(Changes): what was written since the last time.
    """

    changed = Signal(object)
    _rang = Signal()

    def __init__(
        self,
        catalog: "Catalog",
        tasks: Tasks,
        parent: QObject | None = None,
        *,
        was_changed: Callable[[], bool] | None = None,
    ) -> None:
        super().__init__(parent)
        self._was_changed = was_changed
        self._catalog = catalog
        self._tasks = tasks
        self._lock = threading.Lock()
        self._waiting: Changes | None = None
        self._told_at = 0.0
        self._took_s: float | None = 0.0  # until all that was asked then was answered; None: it is not yet
        self._is_urgent = False
        self._first_state = catalog.version()
        self._version: int | None = None
        self._own_writes = False
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.timeout.connect(self._tell)
        self._rang.connect(self._on_rang, Qt.ConnectionType.QueuedConnection)
        tasks.answered.connect(self._on_answered)
        tasks.finished.connect(self._on_finished)
        self._unsubscribe = catalog.subscribe(self._ring)
        self._others = QTimer(self)
        self._others.setInterval(OTHERS_INTERVAL_MS)
        self._others.timeout.connect(self._ask_version)

    def watch_others(self) -> None:
        """Begin to look for what other processes write."""
        self._tasks.change(self._begin, self._on_begun, failed=self._on_begin_failed)
        self._others.start()

    def stop(self) -> None:
        """Tell nothing more."""
        self._unsubscribe()
        self._others.stop()
        self._later.stop()

    def _ring(self, changes: Changes) -> None:
        # In the writing thread.
        self._own_writes = True
        self._add(changes, is_urgent=self._tasks.is_in_change())

    def _add(self, changes: Changes, *, is_urgent: bool = False) -> None:
        with self._lock:
            is_first = self._waiting is None or (is_urgent and not self._is_urgent)
            self._waiting = changes if self._waiting is None else self._waiting.merged(changes)
            self._is_urgent |= is_urgent
        if is_first:
            self._rang.emit()

    @Slot()
    def _on_rang(self) -> None:
        pause_s = NEWS_INTERVAL_S
        if not self._is_urgent:
            took_s = LONGEST_S if self._took_s is None else self._took_s
            pause_s = min(max(NEWS_INTERVAL_S, SPACING * took_s), LONGEST_S)
        wait_s = self._told_at + pause_s - time.monotonic()
        if wait_s <= 0:
            self._tell()
        else:
            self._later.start(int(wait_s * 1000) + 1)

    @Slot()
    def _tell(self) -> None:
        with self._lock:
            changes, self._waiting = self._waiting, None
            self._is_urgent = False
        if changes is not None:
            self._told_at = time.monotonic()
            self._took_s = None
            self.changed.emit(changes)
            self._later.stop()
            if self._tasks.is_answered:
                self._on_answered()

    @Slot()
    def _on_answered(self) -> None:
        if self._took_s is None:
            self._took_s = time.monotonic() - self._told_at
            if self._later.isActive():
                self._on_rang()

    @Slot(object)
    def _on_finished(self, task: Task) -> None:
        if not task.is_quiet and self._later.isActive():
            self._is_urgent = True
            self._on_rang()

    def _begin(self) -> tuple[bool, int]:
        is_newer = self._catalog.version() != self._first_state
        if self._was_changed is not None:
            is_newer |= self._was_changed()
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

    def _on_begin_failed(self, error: Exception) -> None:
        self._on_version_failed(error)
        # Nobody will ask again whether there was anything to tell of before.
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
