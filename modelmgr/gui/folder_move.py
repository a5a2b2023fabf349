"""A library folder is elsewhere now: says how many of its files are there before anything is changed."""

import os
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QVBoxLayout,
    QWidget,
)

from modelmgr.gui import theme
from modelmgr.gui.cells import scaled
from modelmgr.gui.elsewhere import Elsewhere
from modelmgr.gui.outcomes import error_text
from modelmgr.gui.tasks import Task, Tasks
from modelmgr.gui.text import count_text, counted, foreign_text, plain_tip
from modelmgr.progress import Progress
from modelmgr.values import FileState, LibraryFolder, MoveReport

if TYPE_CHECKING:
    from modelmgr.library import Library

TYPING_MS = 250


def move_folder(library: "Library", old: str, new: str, dry_run: bool, progress: Progress) -> MoveReport:
    """Move a library folder, or say what that would do, in the form that `Tasks.run` takes."""
    return library.move_folder(old, new, progress, dry_run=dry_run)


def move_words(report: MoveReport) -> str:
    """Return what a move would do, in a sentence or two."""
    everything = report.found + report.changed + report.absent
    if not everything:
        return "Nothing is known of any file in the old folder."
    if not report.found and not report.changed:
        return f"None of its {counted(everything, 'file')} lies in the new folder."
    words = f"{count_text(report.found)} of {counted(everything, 'file')} would be found there."
    if report.changed:
        has = "has" if report.changed == 1 else "have"
        words += f" {count_text(report.changed)} {has} another size and would be read anew."
    if report.absent:
        is_ = "is" if report.absent == 1 else "are"
        words += f" {count_text(report.absent)} {is_} not there and would stay missing."
    return words


class FolderMoveDialog(QDialog):
    """Asks where a library folder is now.

    Args:
        folders: the library folders.
        old: the one in question, if there is one.

    Signals:
        wanted(str, str): the user wants the first folder to be the second from now on.
        previewed(): what the move would do stands there, for what is entered.
    """

    wanted = Signal(str, str)
    previewed = Signal()

    def __init__(
        self, library: "Library", tasks: Tasks, folders: Sequence[LibraryFolder], old: str, parent: QWidget
    ) -> None:
        super().__init__(parent)
        self._library = library
        self._tasks = tasks
        self._looking: Task | None = None
        self._asked: tuple[str, str] | None = None
        self.setObjectName("folderMoveDialog")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("A folder is elsewhere now"))
        self._old = QComboBox(self)
        self._old.setObjectName("moveOld")
        self._old.setAccessibleName(self.tr("The folder as the library knows it"))
        self._old.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        for folder in folders:
            away = "" if folder.state == FileState.PRESENT else f"  ({folder.state})"
            self._old.addItem(f"{foreign_text(folder.path, 1000)}{away}", folder.path)
            place = self._old.count() - 1
            self._old.setItemData(place, plain_tip(folder.path), Qt.ItemDataRole.ToolTipRole)
        self._old.setCurrentIndex(max(0, self._old.findData(old)))
        places = Elsewhere(self.tr("Library folder"), self._old, "move", self)
        self._new = places.new
        self._words = theme.plain_label("", None, self)
        self._words.setObjectName("moveWords")
        self._words.setWordWrap(True)
        note = theme.plain_label(
            self.tr("No file is touched. Tags, notes and records stay with their models."), "secondary", self
        )
        note.setWordWrap(True)
        buttons = QDialogButtonBox(self)
        self._accept = buttons.addButton(self.tr("Move"), QDialogButtonBox.ButtonRole.AcceptRole)
        self._accept.setObjectName("moveAccept")
        self._accept.setEnabled(False)
        theme.set_primary(self._accept)
        buttons.addButton(QDialogButtonBox.StandardButton.Cancel)
        buttons.accepted.connect(self._on_accepted)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(theme.L, theme.L, theme.L, theme.L)
        layout.setSpacing(theme.M)
        layout.addWidget(places)
        layout.addWidget(self._words)
        layout.addWidget(note)
        layout.addStretch(1)
        layout.addWidget(buttons)
        self.resize(QSize(scaled(self, 600), scaled(self, 230)).boundedTo(self.screen().availableSize()))
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(TYPING_MS)
        self._soon.timeout.connect(self._ask)
        self._old.currentIndexChanged.connect(self._on_edited)
        self._new.textChanged.connect(self._on_edited)
        self._new.setFocus()
        self._show_words(self.tr("Say where the folder is now."))

    def done(self, result: int) -> None:
        if self._looking is not None:
            self._looking.cancel()
        super().done(result)

    def _entered(self) -> tuple[str, str]:
        new = self._new.text().strip()
        return self._old.currentData() or "", os.path.abspath(os.path.expanduser(new)) if new else ""

    def _show_words(self, words: str) -> None:
        self._words.setText(words)

    @Slot()
    def _on_edited(self) -> None:
        self._accept.setEnabled(False)
        self._asked = None
        self._soon.start()

    @Slot()
    def _ask(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None
        old, new = self._entered()
        if not new:
            self._show_words(self.tr("Say where the folder is now."))
        elif new == old:
            self._show_words(self.tr("That is where the library knows it already."))
        else:
            self._show_words(self.tr("Looking how many of its files are there…"))
            deed = partial(move_folder, self._library, old, new, True)
            self._looking = self._tasks.run(self.tr("Looking for the files"), deed, is_quiet=True)
            self._asked = (old, new)
            self._looking.succeeded.connect(self._on_looked)
            self._looking.failed.connect(self._on_failed)

    @Slot(object)
    def _on_looked(self, report: MoveReport) -> None:
        if self.sender() is not self._looking or self._asked != self._entered():
            return
        self._looking = None
        self._show_words(move_words(report))
        self._accept.setEnabled(report.found + report.changed > 0)
        self._accept.setText(
            self.tr("Move {}").format(counted(report.found + report.changed, "file"))
            if report.found + report.changed
            else self.tr("Move")
        )
        self.previewed.emit()

    @Slot(object)
    def _on_failed(self, error: Exception) -> None:
        if self.sender() is self._looking:
            self._looking = None
            self._show_words(error_text(error))

    @Slot()
    def _on_accepted(self) -> None:
        if self._asked is not None and self._asked == self._entered():
            self.wanted.emit(*self._asked)
            self.accept()
