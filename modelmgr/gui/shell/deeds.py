"""What the user does with the selected models."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot

from modelmgr.gui.details import DetailsPane
from modelmgr.gui.details.editor import CORRECTED, Wish
from modelmgr.gui.language import Forms
from modelmgr.gui.mending import Mending
from modelmgr.gui.shell.actions import ABSENT, SELECTION, Actions
from modelmgr.gui.shell.errands import Errands
from modelmgr.gui.shell.library_page import LibraryPage
from modelmgr.gui.shell.messages import Messages
from modelmgr.gui.table.columns import is_absent
from modelmgr.gui.tasks import Tasks
from modelmgr.progress import Progress
from modelmgr.values import ModelRow, VerifyReport

if TYPE_CHECKING:
    from modelmgr.library import Library


def _verify(library: "Library", hashes: Sequence[str], progress: Progress) -> VerifyReport:
    return library.verify(hashes, progress=progress)


class Deeds(QObject):
    """Joins the commands on models to the selection of the library page."""

    def __init__(
        self,
        library: "Library",
        tasks: Tasks,
        page: LibraryPage,
        details: DetailsPane,
        mending: Mending,
        errands: Errands,
        messages: Messages,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._library = library
        self._tasks = tasks
        self._page = page
        self._selection = page.shelf.selection
        self._uses = page.uses
        self._details = details
        self._mending = mending
        self._errands = errands
        self._messages = messages

    def join(self, actions: Actions) -> None:
        """Do what the actions say, and switch them with the selection."""
        self._actions = actions
        for name, slot in (
            ("actionUndo", self._details.editor.undo),
            ("actionRedo", self._details.editor.redo),
            ("actionRename", self._page.shelf.rename_current),
            ("actionFavorite", self._on_favorite),
            ("actionCopy", self._on_copy),
            ("actionCopyPath", self._uses.copy_paths),
            ("actionCopyTriggerWords", self._uses.copy_trigger_words),
            ("actionCopyHash", self._uses.copy_hashes),
            ("actionCopyPromptTag", self._uses.copy_prompt_tags),
            ("actionPreviewLarge", self._page.shelf.show_large),
            ("actionCorrect", self._details.correct),
            ("actionResetIdentity", self._on_reset_identity),
            ("actionReveal", self._uses.open_folder),
            ("actionLocate", self._on_locate),
            ("actionVerify", self._on_verify),
            ("actionComputeHashes", self._on_compute_hashes),
        ):
            actions.on(name, slot)
        for rating in range(6):
            actions.on(f"actionRate{rating}", partial(self._on_rate, rating))
        actions.set_met(ABSENT, False)
        self._page.selected.connect(self._on_selected)
        self._selection.model_selected.connect(self._on_model_selected)
        self._page.model.typed.connect(self._details.keep_name)
        self._details.locate_wanted.connect(self._mending.ask_place)
        self._details.move_wanted.connect(self._mending.ask_move_of)
        self._details.hashes_wanted.connect(self._on_hashes_wanted)
        self._details.editor.ways_changed.connect(self._on_ways_changed)
        self._on_ways_changed("", "")
        self._details.editor.look()

    @Slot(int)
    def _on_selected(self, count: int) -> None:
        self._actions.set_met(SELECTION, bool(count))

    @Slot(object)
    def _on_model_selected(self, row: ModelRow | None) -> None:
        self._actions.set_met(ABSENT, row is not None and is_absent(row))

    @Slot(str, str)
    def _on_ways_changed(self, undo: str, redo: str) -> None:
        for name, bare, words, what in (
            ("actionUndo", self.tr("&Undo"), self.tr("&Undo: {}"), undo),
            ("actionRedo", self.tr("&Redo"), self.tr("&Redo: {}"), redo),
        ):
            action = self._actions[name]
            # A name may have an ampersand; a colon with nothing behind it says nothing.
            action.setText(words.format(what.replace("&", "&&")) if what else bare)
            action.setEnabled(bool(what))

    # --- edits ------------------------------------------------------------------------------------------

    def rename(self, model_id: int, name: str) -> None:
        """Give a model the name that was typed in one of its views."""
        self._edit([model_id], "name", name)

    @Slot()
    def _on_favorite(self) -> None:
        ids = self._selection.ids()
        if len(ids) <= 1:
            self._details.toggle_favorite()
            return
        row = self._selection.model()
        self._edit(list(ids), "favorite", not (row is not None and row.favorite))

    def _on_rate(self, rating: int) -> None:
        ids = self._selection.ids()
        if ids:
            self._edit(list(ids), "rating", rating)

    def _edit(self, ids: Sequence[int], column: str, value: object) -> None:
        self._details.editor.edit(Wish(tuple(ids), {column: value}))

    @Slot()
    def _on_reset_identity(self) -> None:
        ids = self._selection.ids().tolist()
        if ids:
            self._details.editor.edit(Wish(tuple(ids), dict.fromkeys(CORRECTED)))

    # --- copies and places ------------------------------------------------------------------------------

    @Slot()
    def _on_copy(self) -> None:
        self._uses.copy(
            self._page.shelf.table.copied_text(),
            Forms("Copied %n line", "Copied %n lines"),
            self.tr("Nothing was copied: there is no line"),
        )

    @Slot()
    def _on_locate(self) -> None:
        row = self._selection.model()
        if row is not None:
            self._mending.ask_place(row)

    # --- hashes -----------------------------------------------------------------------------------------

    @Slot()
    def _on_verify(self) -> None:
        self._page.model.ask_rows(self._selection.ids(), self._verify_rows)

    def _verify_rows(self, rows: list[ModelRow]) -> None:
        hashes = [row.sha256 for row in rows if row.sha256]
        if not hashes:
            self._messages.say(self.tr("The hash of these models is not computed yet."))
            return
        task = self._tasks.run(self.tr("Verifying"), partial(_verify, self._library, hashes), can_pause=True)
        task.succeeded.connect(self._errands.tell_problems)

    @Slot()
    def _on_compute_hashes(self) -> None:
        self._mending.compute_hashes(self._selection.ids().tolist())

    @Slot(int)
    def _on_hashes_wanted(self, model_id: int) -> None:
        self._mending.compute_hashes([model_id])
