"""The deeds of the inbox: each runs beside the window, says in a sentence what it did, and can be stopped."""

import os
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal, Slot

from modelmgr.gui.language import Forms
from modelmgr.gui.outcomes import error_text, sentence
from modelmgr.gui.pending.alike import FileRule, locate_alike
from modelmgr.gui.pending.groups import PENDING
from modelmgr.gui.reasons import NO_FILE
from modelmgr.gui.tasks import Task, Tasks
from modelmgr.gui.text import foreign_text, numbered
from modelmgr.progress import Progress
from modelmgr.values import PendingQuery, PromoteReport, UndoReport

if TYPE_CHECKING:
    from modelmgr.library import Library

READY_QUERY = PendingQuery(states=PENDING, problems=("none",))
MISMATCH_QUERY = PendingQuery(states=PENDING, problems=("hash_mismatch",))
NO_FILE_QUERY = PendingQuery(states=PENDING, problems=NO_FILE)


class PendingDeeds(QObject):
    """What can be done with pending models.

    Signals:
        message(str): the result of a deed, one sentence.
        changed(): what waits may be other than before.
        promoted(object): something was promoted, and how that can be undone: a `PromoteReport`.
        dismissed(object): these records were set aside: their ids.
        undone(): a promotion or a dismissal was taken back, or promoted rows were cleared.
        busy_changed(): a promotion or an undo has begun or is over.
        working(object): this task runs long enough to be shown on the page: a `Task`.
    """

    message = Signal(str)
    changed = Signal()
    promoted = Signal(object)
    dismissed = Signal(object)
    undone = Signal()
    busy_changed = Signal()
    working = Signal(object)

    def __init__(self, library: "Library", tasks: Tasks, parent: QObject) -> None:
        super().__init__(parent)
        self._library = library
        self._tasks = tasks
        self._running: Task | None = None

    @property
    def is_busy(self) -> bool:
        """Whether a promotion or an undo is running."""
        return self._running is not None

    # --- promotion --------------------------------------------------------------------------------------

    def promote(
        self,
        ids: Sequence[int] | None,
        query: PendingQuery | None = None,
        *,
        attach_anyway: bool = False,
        allow_missing: bool = False,
    ) -> None:
        """Promote `ids`, or all that `query` matches; of both, what is in both."""
        deed = partial(_promote, self._library, ids, query, attach_anyway, allow_missing)
        self._run_alone(self.tr("Promoting"), deed, self._on_promoted)

    def undo(self, ids: Sequence[int]) -> None:
        """Take promoted records back among those that wait."""
        if ids:
            deed = partial(_undo, self._library, list(ids))
            self._run_alone(self.tr("Undoing"), deed, self._on_undone)

    def _run_alone(self, title: str, deed: Any, succeeded: Any) -> None:
        if self._running is not None:
            self.message.emit(self.tr("A promotion is running already."))
            return
        self._running = self._tasks.run(title, deed)
        self._running.succeeded.connect(succeeded)
        self._running.failed.connect(self._on_failed)
        self._running.finished.connect(self._on_over)
        self.working.emit(self._running)
        self.busy_changed.emit()

    @Slot(object)
    def _on_promoted(self, report: PromoteReport) -> None:
        self.message.emit(sentence(report))
        if report.promoted:
            self.promoted.emit(report)

    @Slot(object)
    def _on_undone(self, report: UndoReport) -> None:
        self.undone.emit()
        self.message.emit(sentence(report))

    @Slot()
    def _on_over(self) -> None:
        self._running = None
        self.busy_changed.emit()
        self.changed.emit()

    # --- files ------------------------------------------------------------------------------------------

    def locate(self, row_id: int, path: str) -> None:
        """Bind a record to a file; a promotion still verifies it."""
        deed = partial(self._library.locate, row_id, path)
        self._tasks.change(deed, partial(self._say_located, path), failed=self._on_failed)

    def _say_located(self, path: str, _done: None) -> None:
        name = foreign_text(os.path.basename(path), 200)
        self.message.emit(self.tr("The record is bound to {} and ready to promote.").format(name))
        self.changed.emit()

    def locate_alike(self, query: PendingQuery, rule: FileRule) -> None:
        """Bind all records that need the same decision to the file that the rule tells."""
        deed = partial(locate_alike, self._library, replace(query, problems=("ambiguous",)), rule)
        task = self._tasks.run(self.tr("Choosing files"), deed)
        task.succeeded.connect(self._say_bound)
        task.failed.connect(self._on_failed)
        self.working.emit(task)

    @Slot(object)
    def _say_bound(self, bound: int) -> None:
        forms = Forms(
            "%n record is bound to its file and ready to promote.",
            "%n records are bound and ready to promote.",
        )
        self.message.emit(numbered(bound, forms))
        self.changed.emit()

    def map_root(self, old: str, new: str) -> None:
        """Look for the files of a folder of former days in another one."""
        task = self._tasks.run(self.tr("Looking for files"), partial(_map, self._library, old, new))
        task.succeeded.connect(partial(self._say_mapped, task, new))
        task.failed.connect(self._on_failed)
        self.working.emit(task)

    def _say_mapped(self, task: Task, path: str, found: int) -> None:
        words = numbered(found, Forms("%n record has found its file.", "%n records have found their files."))
        if task.is_cancelling:
            words = self.tr("The search was stopped: {}").format(words)
        elif not found:
            words = self.tr("None of those files is in {}.").format(foreign_text(path, 200))
        self.message.emit(words)
        self.changed.emit()

    # --- the rest ---------------------------------------------------------------------------------------

    def dismiss(self, ids: Sequence[int]) -> None:
        """Set records aside."""
        if ids:
            deed = partial(_dismiss, self._library, list(ids))
            self._tasks.change(deed, self._on_dismissed, failed=self._on_failed)

    def dismiss_all(self, query: PendingQuery) -> None:
        """Set all records of a query aside."""
        deed = partial(_dismiss_all, self._library, query)
        self._tasks.change(deed, self._on_dismissed, failed=self._on_failed)

    @Slot(object)
    def _on_dismissed(self, ids: Sequence[int]) -> None:
        forms = Forms(
            "%n record was dismissed and can be restored.", "%n records were dismissed and can be restored."
        )
        self.message.emit(numbered(len(ids), forms))
        if ids:
            self.dismissed.emit(ids)
        self.changed.emit()

    def restore(self, ids: Sequence[int]) -> None:
        """Let records that were set aside wait again."""
        if ids:
            deed = partial(self._library.restore_dismissed, ids)
            self._tasks.change(deed, self._on_restored, failed=self._on_failed)

    @Slot(object)
    def _on_restored(self, changed: int) -> None:
        self.undone.emit()
        self.message.emit(numbered(changed, Forms("%n record waits again.", "%n records wait again.")))
        self.changed.emit()

    def clear_promoted(self) -> None:
        """Take the history off the list; the library keeps every payload."""
        task = self._tasks.run(self.tr("Clearing promoted records"), partial(_clear, self._library))
        task.succeeded.connect(self._on_cleared)
        task.failed.connect(self._on_failed)

    @Slot(object)
    def _on_cleared(self, changed: int) -> None:
        self.undone.emit()
        forms = Forms(
            "%n promoted record was cleared from the list.", "%n promoted records were cleared from the list."
        )
        self.message.emit(numbered(changed, forms))
        self.changed.emit()

    @Slot(object)
    def _on_failed(self, error: Exception) -> None:
        self.message.emit(error_text(error))
        self.changed.emit()


# --- in a worker ------------------------------------------------------------------------------------------


def _promote(
    library: "Library",
    ids: Sequence[int] | None,
    query: PendingQuery | None,
    attach_anyway: bool,
    allow_missing: bool,
    progress: Progress,
) -> PromoteReport:
    if query is not None:
        matching = library.catalog.pending_order(query)
        if ids is None:
            ids = list(matching)
        else:
            fitting = frozenset(matching)
            ids = [row_id for row_id in ids if row_id in fitting]
    return library.promote(ids, attach_anyway=attach_anyway, allow_missing=allow_missing, progress=progress)


def _undo(library: "Library", ids: Sequence[int], progress: Progress) -> UndoReport:
    return library.undo_promotion(ids, progress)


def _map(library: "Library", old: str, new: str, progress: Progress) -> int:
    return library.map_root(old, new, progress)


def _clear(library: "Library", progress: Progress) -> int:
    progress.check()
    return library.clear_promoted()


def _dismiss(library: "Library", ids: Sequence[int]) -> list[int]:
    # What was dismissed before is none of this deed, nor of its undoing.
    waiting = frozenset(library.catalog.pending_order(PendingQuery(states=PENDING)))
    waiting_ids = [row_id for row_id in ids if row_id in waiting]
    library.dismiss(waiting_ids)
    return waiting_ids


def _dismiss_all(library: "Library", query: PendingQuery) -> list[int]:
    ids = list(library.catalog.pending_order(query))
    library.dismiss(ids)
    return ids
