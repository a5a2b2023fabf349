"""What the user does about files and folders: has them hashed, says where they are now, what a scan leaves out."""

import os
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtWidgets import QWidget

from modelmgr.gui.tasks import Tasks
from modelmgr.gui.text import foreign_text
from modelmgr.progress import Progress
from modelmgr.values import FileState, LibraryFolder, ModelRow, ScanReport, is_below

if TYPE_CHECKING:
    from modelmgr.library import Library


def _compute(library: "Library", ids: Sequence[int], progress: Progress) -> ScanReport:
    return library.compute_hashes(ids, progress)


def _locate(library: "Library", model_id: int, path: str, progress: Progress) -> ScanReport:
    return library.locate_model(model_id, path, progress)


class Mending(QObject):
    """Opens the dialogs and runs the deeds; the window shows what they say.

    Args:
        window: the parent of the dialogs.

    Signals:
        message(str, object): something to tell the user, with the exception or None.
        scan_wanted(str): a folder should be scanned anew.
        reported(object): the report of a deed, which may have met problems.
        moved(): a folder is elsewhere now; some of its files may have to be hashed again.
    """

    message = Signal(str, object)
    scan_wanted = Signal(str)
    reported = Signal(object)
    moved = Signal()

    def __init__(self, library: "Library", tasks: Tasks, window: QWidget) -> None:
        super().__init__(window)
        self._library = library
        self._tasks = tasks
        self._window = window
        self.folders: Sequence[LibraryFolder] = ()

    # --- hashes -----------------------------------------------------------------------------------------

    def compute_hashes(self, ids: Sequence[int]) -> None:
        """Compute all kinds of hashes of these models."""
        if ids:
            deed = partial(_compute, self._library, list(ids))
            task = self._tasks.run(self.tr("Hashing"), deed, can_pause=True)
            task.succeeded.connect(self.reported)

    # --- lost files and folders ---------------------------------------------------------------------------

    @Slot(object)
    def ask_place(self, row: ModelRow) -> None:
        """Ask where the file of a model is now."""
        title = self.tr("Where is {}?").format(foreign_text(row.file_name or row.name, 100))
        from PySide6.QtWidgets import QFileDialog

        dialog = QFileDialog(self._window, title)
        dialog.setObjectName("locateModelDialog")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        if row.folder and os.path.isdir(row.folder):
            dialog.setDirectory(row.folder)
        dialog.fileSelected.connect(partial(self.locate, row.id))
        dialog.open()

    def locate(self, model_id: int, path: str) -> None:
        """Take a file as that of a model, if its bytes are the model's."""
        deed = partial(_locate, self._library, model_id, path)
        task = self._tasks.run(self.tr("Looking at the file"), deed, can_pause=True)
        task.succeeded.connect(self.reported)
        task.failed.connect(partial(self.message.emit, self.tr("The file was not taken")))

    @Slot(object)
    def ask_move_of(self, row: ModelRow) -> None:
        """Ask where the library folder of a model is now."""
        found = [folder.path for folder in self.folders if row.path and is_below(row.path, folder.path)]
        self.ask_move(max(found, key=len, default=""))

    @Slot(str)
    def ask_move(self, path: str = "") -> None:
        """Ask where a library folder is now; without one, for the first that can't be reached."""
        from modelmgr.gui.folder_move import FolderMoveDialog

        if not self.folders:
            self.message.emit(self.tr("There is no library folder yet."), None)
            return
        away = [folder.path for folder in self.folders if folder.state != FileState.PRESENT]
        old = path or next(iter(away), "")
        dialog = FolderMoveDialog(self._library, self._tasks, self.folders, old, self._window)
        dialog.wanted.connect(self.move)
        dialog.open()

    @Slot(str, str)
    def move(self, old: str, new: str) -> None:
        """Let a library folder be another from now on."""
        from modelmgr.gui.folder_move import move_folder

        task = self._tasks.run(self.tr("Moving"), partial(move_folder, self._library, old, new, False))
        task.succeeded.connect(self.reported)
        task.succeeded.connect(self.moved)
        task.failed.connect(partial(self.message.emit, self.tr("The folder was not moved")))

    # --- what a scan leaves out ----------------------------------------------------------------------------

    @Slot(str)
    def ask_rules(self, path: str) -> None:
        """Ask what a scan shall leave out of a library folder."""
        from modelmgr.gui.folder_rules import FolderRulesDialog

        dialog = FolderRulesDialog(self._library, self._tasks, path, self._window)
        dialog.saved.connect(self.scan_wanted)
        dialog.open()
