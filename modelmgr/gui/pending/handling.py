"""What the buttons of the inbox do with the records that are selected, or with the one that is shown below."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QWidget

from modelmgr.gui.language import Forms
from modelmgr.gui.outcomes import sentence
from modelmgr.gui.pending.alike import rule_of
from modelmgr.gui.pending.decisions import DECIDED_BELOW, attach_question, clear_question, locate_dialog
from modelmgr.gui.pending.deeds import MISMATCH_QUERY, NO_FILE_QUERY, PendingDeeds
from modelmgr.gui.pending.groups import PENDING
from modelmgr.gui.pending.preview import PendingPreview
from modelmgr.gui.pending.view import PendingView
from modelmgr.gui.strips import StripPlace
from modelmgr.gui.tasks import Tasks
from modelmgr.gui.text import numbered
from modelmgr.values import PendingModel, PendingQuery, PendingState, PromoteReport

if TYPE_CHECKING:
    from modelmgr.library import Library

ASKED_ROWS = 200
"""So many selected rows are looked at one by one to see which deeds fit; with more, every deed of the group does."""


class Handling(QObject):
    """Leads from what is selected to deeds: what has to be asked is asked on the page, what was done can be undone.

    Args:
        query: returns what the page shows now.
        page: the parent of dialogs and questions.

    Signals:
        message(str): something is to be said.
        told(): what was said just now stands on the page.

    Attributes:
        deeds: what it has done; others may do the same there.
    """

    message = Signal(str)
    told = Signal()

    def __init__(
        self,
        library: "Library",
        tasks: Tasks,
        view: PendingView,
        preview: PendingPreview,
        strips: StripPlace,
        query: Callable[[], PendingQuery],
        page: QWidget,
    ) -> None:
        super().__init__(page)
        self._library = library
        self._tasks = tasks
        self._view = view
        self._table = view.table
        self._preview = preview
        self._strips = strips
        self._query = query
        self._page = page
        self.deeds = PendingDeeds(library, tasks, self)
        self.deeds.message.connect(self.message)
        self.deeds.promoted.connect(self._offer_undo)
        self.deeds.dismissed.connect(self._offer_restore)
        self.deeds.undone.connect(strips.clear_undo)
        self.deeds.working.connect(strips.show_work)
        preview.shown.connect(self._show_alike)
        preview.deeds.candidate_chosen.connect(self._on_candidate_chosen)
        preview.deeds.compare_wanted.connect(self._on_compare)
        preview.deeds.attach_wanted.connect(self._on_attach_shown)
        preview.deeds.dismiss_wanted.connect(self._on_dismiss_shown)

    # --- the selected -----------------------------------------------------------------------------------

    @property
    def selected_rows(self) -> list[PendingModel] | None:
        """The selected rows, or None if they are too many to be looked at."""
        if self._view.selected_count > ASKED_ROWS:
            return None
        rows = (self._table.known(row_id) for row_id in self._view.selected_ids)
        return [row for row in rows if row is not None]

    @property
    def only_row(self) -> PendingModel | None:
        """The selected row, if it is the only one and has been read."""
        row_id = self._view.only_selected
        return self._table.known(row_id) if row_id is not None else None

    @Slot()
    def promote(self) -> None:
        """Promote the selected records, as far as their files bear them out."""
        ids = self._view.selected_ids
        if not ids:
            self.message.emit(self.tr("Select the records to promote first."))
            return
        self.deeds.promote(ids)

    @Slot()
    def undo(self) -> None:
        """Take the selected records back among those that wait."""
        self.deeds.undo(self._view.selected_ids)

    @Slot()
    def keep(self) -> None:
        """Promote the selected records that have no file, without one."""
        self.deeds.promote(self._view.selected_ids, NO_FILE_QUERY, allow_missing=True)

    @Slot()
    def dismiss(self) -> None:
        """Set the selected records aside."""
        self.deeds.dismiss(self._view.selected_ids)

    @Slot()
    def restore(self) -> None:
        """Let the selected records wait again."""
        self.deeds.restore(self._view.selected_ids)

    @Slot()
    def attach(self) -> None:
        """Ask whether the selected records are to be attached although hashes differ."""
        ids = self._view.selected_ids
        strip = attach_question(ids, self.selected_rows or [], self._page)
        self._strips.ask(strip, partial(self.deeds.promote, ids, MISMATCH_QUERY, attach_anyway=True))

    def clear(self, promoted: int) -> None:
        """Ask whether so many promoted records are to leave the list."""
        self._strips.ask(clear_question(promoted, self._page), self.deeds.clear_promoted)

    @Slot()
    def locate(self) -> None:
        """Ask for the file of the selected record."""
        row = self.only_row
        if row is None:
            return
        dialog = locate_dialog(row, self._page)
        dialog.fileSelected.connect(partial(self.deeds.locate, row.id))
        dialog.open()

    def map_folder(self, folders: Sequence[tuple[str, int]], folder: str) -> None:
        """Ask where a folder is now: `folders` are what records speak of, with their numbers, `folder` comes first."""
        from modelmgr.gui.map_root import MapRootDialog

        dialog = MapRootDialog(self._library.catalog, self._tasks, folders, folder, self._page)
        dialog.wanted.connect(self.deeds.map_root)
        dialog.open()

    # --- what was done ----------------------------------------------------------------------------------

    @Slot(object)
    def _offer_undo(self, report: PromoteReport) -> None:
        """Say over the table what was promoted, until it is undone, read, or something else is done."""
        self._offer(sentence(report), partial(self.deeds.undo, report.pending_ids))

    @Slot(object)
    def _offer_restore(self, ids: Sequence[int]) -> None:
        """Say over the table what was dismissed, in the same manner."""
        words = numbered(len(ids), Forms("%n record was dismissed.", "%n records were dismissed."))
        self._offer(words, partial(self._take_back, ids))

    def _offer(self, words: str, deed: Callable[[], None]) -> None:
        self._strips.offer_undo(words, deed)
        if self._page.isVisible():
            self.told.emit()

    def _take_back(self, ids: Sequence[int]) -> None:
        self._strips.clear_undo()
        self.deeds.restore(ids)

    # --- the record that is shown -----------------------------------------------------------------------

    @Slot(int)
    def _show_alike(self, row_id: int) -> None:
        """Ask how many other records need the decision that this one needs."""
        row = self._table.known(row_id)
        if row is None or row.state != PendingState.PENDING or row.problem not in DECIDED_BELOW:
            return
        question = partial(self._library.catalog.pending_count, self._alike(row.problem))
        answer = partial(self._preview.show_alike, row_id)
        self._tasks.ask(question, answer, key=(id(self), "alike"))

    def _alike(self, problem: str) -> PendingQuery:
        """Return those of the records shown that have a problem in common."""
        return replace(self._query(), states=PENDING, problems=(problem,))

    @Slot(int, str, bool)
    def _on_candidate_chosen(self, row_id: int, path: str, for_all: bool) -> None:
        row = self._table.known(row_id)
        rule = rule_of(path, row.candidates) if row is not None and for_all else None
        if rule is not None:
            self.deeds.locate_alike(self._alike("ambiguous"), rule)
        else:
            self.deeds.locate(row_id, path)

    @Slot(int, bool)
    def _on_attach_shown(self, row_id: int, for_all: bool) -> None:
        ids: Sequence[int] | None = None if for_all else [row_id]
        query = self._alike("hash_mismatch") if for_all else MISMATCH_QUERY
        self.deeds.promote(ids, query, attach_anyway=True)

    @Slot(int, str, bool)
    def _on_dismiss_shown(self, row_id: int, problem: str, for_all: bool) -> None:
        if not for_all:
            self.deeds.dismiss([row_id])
            return
        self.deeds.dismiss_all(self._alike(problem))

    @Slot(int)
    def _on_compare(self, pending_id: int) -> None:
        from modelmgr.gui.compare import CompareDialog

        row = self._table.known(pending_id)
        if row is not None:
            CompareDialog(self._library, self._tasks, row.name, self._page, pending_id=pending_id).show()
