"""The long work that the user asks for: folders, scans, imports; and what a crash left to be done."""

import logging
import os
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtWidgets import QMenu, QWidget

from modelmgr.gui.language import Forms
from modelmgr.gui.measures import scaled
from modelmgr.gui.outcomes import sentence
from modelmgr.gui.shell.entries import Entry
from modelmgr.gui.shell.messages import Messages
from modelmgr.gui.shell.preferences import Preferences
from modelmgr.gui.tasks import Task, Tasks
from modelmgr.gui.text import foreign_text, numbered, plain_tip
from modelmgr.gui.upkeep import Upkeep, options_of
from modelmgr.progress import Progress
from modelmgr.values import (
    Batch,
    ImportReport,
    LibraryFolder,
    ModelQuery,
    MoveReport,
    Problem,
    ScanOptions,
    ScanReport,
    VerifyReport,
)

if TYPE_CHECKING:
    from modelmgr.gui.shell.drafts import Drafts
    from modelmgr.library import Library

log = logging.getLogger(__name__)

MOST_RECENT = 8


def _scan(
    library: "Library", paths: Sequence[str], hash_files: bool, options: ScanOptions, progress: Progress
) -> ScanReport:
    return library.scan(paths, hash_files=hash_files, options=options, progress=progress)


def _add_folder(library: "Library", path: str) -> LibraryFolder:
    return library.add_folder(path)


def _remove_folder(library: "Library", path: str) -> None:
    library.remove_folder(path)


def _look_after_crash(library: "Library") -> tuple[Sequence[Problem], Sequence[Batch]]:
    """Return what a program that died left behind: damage of the catalog, and unfinished imports."""
    problems = library.look_after_crash(Progress())
    return problems, library.interrupted()


def _count_beside(library: "Library", path: str, progress: Progress) -> tuple[str, int]:
    """Return a folder, and how many records of other tools lie in it that are not known yet."""
    report = library.preview([path], progress=progress)
    return path, 0 if report.cancelled else report.imported


def _resume(library: "Library", progress: Progress) -> ImportReport:
    return library.resume(progress)


class Errands(QObject):
    """Starts the work and says how it ended.

    Args:
        window: the parent of the dialogs.

    Signals:
        review_wanted(str): the user wants to see a group of pending records.
        models_wanted(ModelQuery): the user wants to see these models.
        folder_added(LibraryFolder): a folder is in the library now, and being scanned.

    Attributes:
        folders: the library's folders, as the window knows them.
    """

    review_wanted = Signal(str)
    models_wanted = Signal(object)
    folder_added = Signal(object)

    def __init__(
        self,
        library: "Library",
        tasks: Tasks,
        preferences: Preferences,
        upkeep: Upkeep,
        messages: Messages,
        drafts: "Drafts",
        window: QWidget,
    ) -> None:
        super().__init__(window)
        self._drafts = drafts
        self._library = library
        self._tasks = tasks
        self._preferences = preferences
        self._upkeep = upkeep
        self._messages = messages
        self._window = window
        self._problems: list[Problem] = []
        self._recent: list[str] = []
        self.folders: Sequence[LibraryFolder] = ()

    # --- folders and scans ------------------------------------------------------------------------------

    @Slot()
    def choose_folder(self) -> None:
        """Ask for a folder to add."""
        self.ask_folder(self._window)

    def ask_folder(self, over: QWidget) -> None:
        """Ask for a folder to add, over a window of ours."""
        from PySide6.QtWidgets import QFileDialog

        dialog = QFileDialog(over, self.tr("Add a folder of models"))
        dialog.setObjectName("addFolderDialog")
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(self.add_folder)
        dialog.open()

    @Slot(str)
    def add_folder(self, path: str) -> None:
        """Add a folder to the library and scan it."""
        self._tasks.change(
            partial(_add_folder, self._library, os.path.abspath(path)),
            self._on_folder_added,
            failed=partial(self._messages.result, self.tr("The folder was not added")),
        )

    def _on_folder_added(self, folder: LibraryFolder) -> None:
        self._note([folder.path])
        self.folder_added.emit(folder)
        task = self.scan([folder.path])
        task.succeeded.connect(partial(self._on_first_scan, folder.path))

    def _on_first_scan(self, path: str, report: ScanReport) -> None:
        """See whether other tools have left something beside the models of a new folder."""
        if not report.cancelled:
            deed = partial(_count_beside, self._library, path)
            task = self._tasks.run(self.tr("Looking for what other tools know"), deed, is_quiet=True)
            task.succeeded.connect(self._on_counted_beside)

    @Slot(object)
    def _on_counted_beside(self, found: tuple[str, int]) -> None:
        path, count = found
        if count:
            forms = Forms(
                "%n record of other tools lies beside the models in “{}”.",
                "%n records of other tools lie beside the models in “{}”.",
            )
            words = numbered(count, forms).format(foreign_text(os.path.basename(path) or path, 60))
            self._messages.offer(words, button=self.tr("Import…"), then=partial(self.look_into, [path]))

    @Slot(str)
    def remove_folder(self, path: str) -> None:
        """Take a folder out of the library."""
        self._tasks.change(
            partial(_remove_folder, self._library, path),
            failed=partial(self._messages.result, self.tr("The folder was not removed")),
        )

    @Slot()
    def scan_all(self) -> None:
        """Scan all library folders."""
        if self.folders:
            self.scan([])
        else:
            self._messages.show(
                self.tr("There is no folder to scan yet."),
                button=self.tr("Add a folder…"),
                then=self.choose_folder,
            )

    @Slot(str)
    def scan_one(self, path: str) -> None:
        """Scan one folder."""
        self.scan([path])

    def scan(self, paths: Sequence[str]) -> Task:
        """Scan these folders, or all if none is named."""
        self._messages.overtake()
        self._upkeep.give_way()
        settings = self._preferences.settings
        deed = partial(_scan, self._library, list(paths), settings.hash_while_scanning, options_of(settings))
        task = self._tasks.run(self.tr("Scanning"), deed, turn="scan", can_pause=True)
        task.succeeded.connect(self.tell_failures)
        task.finished.connect(self._on_scan_ended)
        return task

    @Slot()
    def _on_scan_ended(self) -> None:
        task = self.sender()
        self._upkeep.scan_ended(was_stopped=isinstance(task, Task) and task.is_cancelling)

    # --- recent folders ---------------------------------------------------------------------------------

    def make_recent_menu(self) -> QMenu:
        """Return the menu of what was added or looked into lately; it is filled when it opens."""
        menu = QMenu(self.tr("&Recent folders"), self._window)
        menu.setObjectName("recentMenu")
        menu.setToolTipsVisible(True)
        menu.aboutToShow.connect(partial(self._fill_recent, menu))
        self._recent_menu = menu
        menu.menuAction().setEnabled(bool(self._recent))
        return menu

    def _fill_recent(self, menu: QMenu) -> None:
        menu.clear()
        for path in self._recent:
            short = menu.fontMetrics().elidedText(
                foreign_text(path, 1000), Qt.TextElideMode.ElideMiddle, scaled(menu, 360)
            )
            action = menu.addAction(short.replace("&", "&&"))
            action.setToolTip(plain_tip(path))
            action.triggered.connect(partial(self.open_recent, path))
        menu.addSeparator()
        menu.addAction(self.tr("&Forget these")).triggered.connect(self._forget_recent)

    def open_recent(self, path: str) -> None:
        """Show the models of a library folder; of any other, what is in it to be brought in."""
        if any(folder.path == path for folder in self.folders):
            self.models_wanted.emit(ModelQuery(search=f'folder:"{path}"'))
        else:
            self.look_into([path])

    def recent_entries(self) -> Sequence[Entry]:
        """Return what was added or looked into lately, by its path."""
        place = self.tr("Recent folder")
        return [
            Entry(
                f"recent:{path}",
                foreign_text(path, 300),
                place,
                icon="folder",
                run=partial(self.open_recent, path),
            )
            for path in self._recent
        ]

    def _note(self, paths: Sequence[str]) -> None:
        some = list(paths)[:MOST_RECENT]
        self._take_recent([*some, *(path for path in self._recent if path not in some)])

    @Slot()
    def _forget_recent(self) -> None:
        self._take_recent([])

    def _take_recent(self, paths: Sequence[str]) -> None:
        self._recent = list(paths)[:MOST_RECENT]
        self._recent_menu.menuAction().setEnabled(bool(self._recent))

    def state(self) -> Mapping[str, Any]:
        """Return what comes back at the next start."""
        return {"recent_folders": self._recent}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Bring that back; anything odd is as if it weren't there."""
        found = state.get("recent_folders")
        if isinstance(found, list):
            self._take_recent([path for path in found if isinstance(path, str) and os.path.isabs(path)])

    # --- problems ---------------------------------------------------------------------------------------

    @Slot(object)
    def tell_failures(self, report: ScanReport | MoveReport) -> None:
        """Say which items of a deed failed, if any did; those that were taken with a doubt are no reason."""
        if any(not problem.kept for problem in report.problems):
            self.tell_problems(report)

    @Slot(object)
    def tell_problems(self, report: ScanReport | MoveReport | VerifyReport) -> None:
        """Say which problems a deed has met, if any."""
        if report.problems:
            self._tell(sentence(report), report.problems)

    def _tell(self, text: str, problems: Sequence[Problem]) -> None:
        self._problems = list(problems)
        self._messages.show(text, is_problem=True, button=self.tr("Show problems…"), then=self._show_problems)

    def _show_problems(self) -> None:
        from modelmgr.gui.dialogs import ProblemsDialog

        ProblemsDialog(self._problems, self._window).open()

    # --- imports ----------------------------------------------------------------------------------------

    @Slot()
    def open_wizard(self) -> None:
        """Open the wizard where it asks for sources."""
        self.look_into(())

    def look_into(self, paths: Sequence[str]) -> None:
        """Open the wizard where it shows what is in these paths; without any, where it asks for them."""
        from modelmgr.gui.wizard import MigrationWizard

        self._note(paths)
        wizard = MigrationWizard(
            self._library,
            self._tasks,
            paths=tuple(paths),
            parent=self._window,
            options=options_of(self._preferences.settings),
            drafts=self._drafts,
        )
        wizard.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        wizard.review_requested.connect(self.review_wanted)
        wizard.open()

    @Slot()
    def resume_imports(self) -> None:
        """Finish the imports that were interrupted."""
        self._tasks.run(self.tr("Finishing the import"), partial(_resume, self._library))

    @Slot()
    def open_demo(self) -> None:
        """Open the sample library in a window of its own."""
        from PySide6.QtCore import QProcess

        started, _pid = QProcess.startDetached(sys.executable, ["-m", "modelmgr", "demo"])
        self._messages.say(
            self.tr("The demo opens in a window of its own.")
            if started
            else self.tr("The demo could not be started.")
        )

    # --- after a crash ----------------------------------------------------------------------------------

    @Slot()
    def look_after_crash(self) -> None:
        """See what a program that died has left, and begin to keep up with the disk if all is well."""
        self._tasks.change(
            partial(_look_after_crash, self._library), self._on_looked, failed=self._on_look_failed
        )

    @Slot(object)
    def _on_looked(self, found: tuple[Sequence[Problem], Sequence[Batch]]) -> None:
        problems, batches = found
        if problems:
            text = self.tr(
                "The catalog is damaged since a program ended early. Your model files are safe. Close the "
                "window and restore a backup with “modelmgr restore FILE”."
            )
            self._tell(text, problems)
            return
        self._upkeep.begin()
        if batches:
            text = self.tr("An import was interrupted. What it had read is kept; it can be finished now.")
            self._messages.show(text, button=self.tr("Finish the import"), then=self.resume_imports)

    def _on_look_failed(self, error: Exception) -> None:
        # A catalog that can't be written now says so with the first thing that the user changes.
        log.warning("What a crash left behind could not be looked after: %s", error)
