r"""A folder of another computer or of former days is elsewhere now: ``D:\AI`` is ``/data/ai``.

Says how many records speak of files below it, and how many of those would be found, before anything is changed.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from PySide6.QtCore import QCoreApplication, QSize, Qt, Signal, Slot
from PySide6.QtWidgets import (
    QComboBox,
    QHeaderView,
    QTreeWidget,
    QTreeWidgetItem,
    QWidget,
)

from modelmgr.catalog import Catalog
from modelmgr.gui import boxes, theme
from modelmgr.gui.cells import QuietDelegate
from modelmgr.gui.elsewhere import ElsewhereDialog
from modelmgr.gui.language import Forms
from modelmgr.gui.measures import scaled
from modelmgr.gui.reasons import NO_FILE, missing_path, tail_below
from modelmgr.gui.tasks import Tasks
from modelmgr.gui.text import count_text, counted, foreign_text, numbered, plain_tip
from modelmgr.progress import Progress, Step
from modelmgr.values import PendingQuery, PendingState, is_below

ROWS_AT_ONCE = 1_000
EXAMPLES = 50


@dataclass(frozen=True, slots=True)
class Reach:
    """What a mapping would do.

    Attributes:
        old, new: the folders that were asked about.
        spoken: how many waiting records speak of a missing file below `old`; `found`: how many of these files lie
            below `new`.
        examples: some of the files, where they would be, and whether they are there; those that are come first.
    """

    old: str
    new: str
    spoken: int = 0
    found: int = 0
    examples: Sequence[tuple[str, bool]] = ()


def read_reach(catalog: Catalog, old: str, new: str, progress: Progress) -> Reach:
    """Look how far a mapping of `old` to `new` would reach; writes nothing and reads no payload. For a worker.

    Raises:
        Cancelled: nobody waits for it any more.
    """
    ids = catalog.pending_order(PendingQuery(states=(PendingState.PENDING,), problems=NO_FILE))
    spoken = found = 0
    there: list[tuple[str, bool]] = []
    absent: list[tuple[str, bool]] = []
    for start in range(0, len(ids), ROWS_AT_ONCE):
        progress.step(start, len(ids), "", "records")
        for row in catalog.pending_rows(ids[start : start + ROWS_AT_ONCE]):
            progress.check()
            tail = tail_below(missing_path(row.message), old)
            if not tail:
                continue
            spoken += 1
            path = os.path.normpath(os.path.join(new, *tail.split("/"))) if new else tail
            is_there = bool(new) and is_below(path, os.path.abspath(new)) and os.path.isfile(path)
            found += is_there
            examples = there if is_there else absent
            if len(examples) < EXAMPLES:
                examples.append((path, is_there))
    return Reach(old, new, spoken, found, (there + absent)[:EXAMPLES])


def _tr(text: str) -> str:
    return QCoreApplication.translate("MapRootDialog", text)


class MapRootDialog(ElsewhereDialog):
    """Asks where a folder is now of which waiting records speak: their files are looked for there.

    Args:
        folders: those that waiting records speak of, with their numbers.
        old: the one in question, if there is one.

    Signals:
        reach_shown(): how far it would reach stands there, for what is entered.
    """

    reach_shown = Signal()

    def __init__(
        self,
        catalog: Catalog,
        tasks: Tasks,
        folders: Sequence[tuple[str, int]],
        old: str,
        parent: QWidget,
    ) -> None:
        super().__init__(
            "map", _tr("Records speak of"), _tr("The folder of which the records speak"), _tr("Map"), parent
        )
        self._catalog = catalog
        self._tasks = tasks
        self._reach: Reach | None = None
        self.setObjectName("mapRootDialog")
        self._old.setEditable(True)
        self._old.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        for folder, number in folders:
            self._old.addItem(folder)
            tip = f"{foreign_text(folder)}\n{counted(number, 'record')}"
            self._old.setItemData(self._old.count() - 1, plain_tip(tip), Qt.ItemDataRole.ToolTipRole)
        self._old.setEditText(old or (folders[0][0] if folders else ""))
        self._examples = QTreeWidget(self)
        self._examples.setObjectName("mapExamples")
        self._examples.setAccessibleName(self.tr("Files that would be found"))
        self._examples.setProperty("framed", True)
        self._examples.setRootIsDecorated(False)
        self._examples.setUniformRowHeights(True)
        self._examples.setHeaderLabels([self.tr("File"), self.tr("Is it there?")])
        self._examples.setItemDelegate(QuietDelegate(self._examples))
        header = self._examples.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        boxes.column(
            self._places,
            self._words,
            (self._examples, 1),
            self._buttons,
            on=self,
            margins=theme.L,
            spacing=theme.M,
        )
        room = self.screen().availableSize()
        self.resize(QSize(scaled(self, 660), scaled(self, 400)).boundedTo(room))
        self._old.editTextChanged.connect(self._on_edited)
        self._ask()

    def _known_folder(self) -> str:
        return self._old.currentText().strip()

    @Slot()
    def _ask(self) -> None:
        # On a share each look costs a while, and there may be many: what is typed next ends it.
        self._stop_looking()
        deed = partial(read_reach, self._catalog, *self._entered())
        self._looking = self._tasks.run(self.tr("Looking how many files are there"), deed, is_quiet=True)
        self._looking.progressed.connect(self._on_progressed)
        self._looking.succeeded.connect(self._show)

    @Slot(object)
    def _on_progressed(self, step: Step) -> None:
        if self.sender() is self._looking and step.done:
            words = self.tr("Looking at {} of {}").format(
                count_text(step.done), counted(step.total or 0, "record")
            )
            self._words.setText(words)

    @Slot(object)
    def _show(self, reach: Reach) -> None:
        if (reach.old, reach.new) != self._entered():
            return
        self._reach = reach
        spoken = Forms(
            "%n record speaks of missing files in that folder.",
            "%n records speak of missing files in that folder.",
        )
        words = numbered(reach.spoken, spoken)
        if not reach.old:
            words = self.tr("Say which folder the records speak of.")
        elif reach.new and not os.path.isdir(reach.new):
            words += " " + self.tr("There is no folder {}.").format(foreign_text(reach.new, 300))
        elif reach.new and reach.spoken:
            found = Forms("%n of these files would be found.", "%n of these files would be found.")
            none = self.tr("None of these files would be found.")
            words += " " + (numbered(reach.found, found) if reach.found else none)
        self._words.setText(words)
        self._examples.clear()
        for path, is_there in reach.examples:
            said = (self.tr("yes") if is_there else self.tr("no")) if reach.new else ""
            item = QTreeWidgetItem([foreign_text(path), said])
            item.setToolTip(0, plain_tip(path))
            self._examples.addTopLevelItem(item)
        self._accept.setEnabled(reach.found > 0)
        self._accept.setText(
            self.tr("Map {}").format(counted(reach.found, "record")) if reach.found else self.tr("Map")
        )
        self.reach_shown.emit()

    @Slot()
    def _on_accepted(self) -> None:
        if (
            self._reach is not None
            and self._reach.found
            and (self._reach.old, self._reach.new) == self._entered()
        ):
            self.wanted.emit(self._reach.old, self._reach.new)
            self.accept()
