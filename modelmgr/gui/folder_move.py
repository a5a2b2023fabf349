"""A library folder is elsewhere now: says how many of its files are there before anything is changed."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QSize, Qt, Signal, Slot
from PySide6.QtWidgets import QWidget

from modelmgr.gui import boxes, theme
from modelmgr.gui.elsewhere import ElsewhereDialog
from modelmgr.gui.language import Forms
from modelmgr.gui.measures import scaled
from modelmgr.gui.outcomes import error_text
from modelmgr.gui.tasks import Tasks
from modelmgr.gui.text import count_text, counted, foreign_text, numbered, plain_tip, state_label
from modelmgr.progress import Progress
from modelmgr.values import FileState, LibraryFolder, MoveReport

if TYPE_CHECKING:
    from modelmgr.library import Library


def _tr(text: str) -> str:
    return QCoreApplication.translate("FolderMoveDialog", text)


def move_folder(library: "Library", old: str, new: str, dry_run: bool, progress: Progress) -> MoveReport:
    """Move a library folder, or say what that would do, in the form that `Tasks.run` takes."""
    return library.move_folder(old, new, progress, dry_run=dry_run)


def move_words(report: MoveReport) -> str:
    """Return what a move would do, in a sentence or two."""
    everything = report.found + report.changed + report.absent
    if not everything:
        return _tr("Nothing is known of any file in the old folder.")
    if not report.found and not report.changed:
        none = Forms(
            "Its %n file does not lie in the new folder.", "None of its %n files lies in the new folder."
        )
        return numbered(everything, none)
    there = Forms("{} of %n file would be found there.", "{} of %n files would be found there.")
    words = [numbered(everything, there, count_text(report.found))]
    if report.changed:
        anew = Forms(
            "%n has another size and would be read anew.", "%n have another size and would be read anew."
        )
        words.append(numbered(report.changed, anew))
    if report.absent:
        absent = Forms("%n is not there and would stay missing.", "%n are not there and would stay missing.")
        words.append(numbered(report.absent, absent))
    return " ".join(words)


class FolderMoveDialog(ElsewhereDialog):
    """Asks where a library folder is now.

    Args:
        folders: the library folders.
        old: the one in question, if there is one.

    Signals:
        previewed(): what the move would do stands there, for what is entered.
    """

    previewed = Signal()

    def __init__(
        self, library: "Library", tasks: Tasks, folders: Sequence[LibraryFolder], old: str, parent: QWidget
    ) -> None:
        super().__init__(
            "move", _tr("Library folder"), _tr("The folder as the library knows it"), _tr("Move"), parent
        )
        self._library = library
        self._tasks = tasks
        self._asked: tuple[str, str] | None = None
        self.setObjectName("folderMoveDialog")
        for folder in folders:
            away = "" if folder.state == FileState.PRESENT else f"  ({state_label(folder.state)})"
            self._old.addItem(f"{foreign_text(folder.path, 1000)}{away}", folder.path)
            place = self._old.count() - 1
            self._old.setItemData(place, plain_tip(folder.path), Qt.ItemDataRole.ToolTipRole)
        self._old.setCurrentIndex(max(0, self._old.findData(old)))
        note = theme.paragraph(
            self.tr("No file is touched. Tags, notes and records stay with their models."), "secondary", self
        )
        boxes.column(
            self._places,
            self._words,
            note,
            boxes.STRETCH,
            self._buttons,
            on=self,
            margins=theme.L,
            spacing=theme.M,
        )
        self.resize(QSize(scaled(self, 600), scaled(self, 230)).boundedTo(self.screen().availableSize()))
        self._old.currentIndexChanged.connect(self._on_edited)
        self._new.setFocus()
        self._words.setText(self.tr("Say where the folder is now."))

    def _known_folder(self) -> str:
        return self._old.currentData() or ""

    @Slot()
    def _ask(self) -> None:
        self._stop_looking()
        old, new = self._entered()
        if not new:
            self._words.setText(self.tr("Say where the folder is now."))
        elif new == old:
            self._words.setText(self.tr("That is where the library knows it already."))
        else:
            self._words.setText(self.tr("Looking how many of its files are there…"))
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
        self._words.setText(move_words(report))
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
            self._words.setText(error_text(error))

    @Slot()
    def _on_accepted(self) -> None:
        if self._asked is not None and self._asked == self._entered():
            self.wanted.emit(*self._asked)
            self.accept()
