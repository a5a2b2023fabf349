"""Importing: the one page that writes, and only into the catalog."""

from collections.abc import Callable, Sequence
from functools import partial
from time import monotonic
from typing import Any

from PySide6.QtCore import QEvent, Qt, Signal, Slot
from PySide6.QtWidgets import QGridLayout, QLabel, QProgressBar, QPushButton, QWidget, QWizard

from modelmgr.gui import boxes, theme
from modelmgr.gui.labels import ElidedLabel
from modelmgr.gui.outcomes import sentence
from modelmgr.gui.pace import Pace, show_step
from modelmgr.gui.strips import AskStrip
from modelmgr.gui.tasks import Task, Tasks
from modelmgr.gui.text import counted, foreign_text
from modelmgr.gui.wizard.journey import Journey, add_and_promote, bring_in, scan_targets
from modelmgr.gui.wizard.parts import Page, make_note, tr
from modelmgr.library import Library
from modelmgr.progress import Progress, Step
from modelmgr.values import ImportReport, PromoteReport, ScanReport

STAGE_ICON_PX = 16

WAITS, RUNS, IS_DONE = "circle", "refresh-cw", "circle-check"


class _Stages(QWidget):
    """What is done one after the other, and how far it is: each stage with a sign before it."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._lines: list[tuple[QLabel, QLabel]] = []
        self._states: list[str] = []
        self._layout = QGridLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setHorizontalSpacing(theme.S)
        self._layout.setVerticalSpacing(theme.S)
        self._layout.setColumnStretch(1, 1)

    def show_stages(self, titles: Sequence[str]) -> None:
        """Begin anew with these stages, of which none has begun."""
        for mark, label in self._lines:
            mark.deleteLater()
            label.deleteLater()
        self._lines = []
        for at, title in enumerate(titles):
            mark, label = QLabel(self), theme.plain_label(title, parent=self)
            label.setWordWrap(True)
            self._layout.addWidget(mark, at, 0)
            self._layout.addWidget(label, at, 1)
            self._lines.append((mark, label))
        self._states = [WAITS] * len(titles)
        self._tint()

    def show_state(self, stage: int, state: str, words: str = "") -> None:
        """Show how far a stage is, and what came of it."""
        self._states[stage] = state
        if words:
            self._lines[stage][1].setText(words)
        self._tint()

    def show_reached(self) -> None:
        """Show that the last stage has begun, and those before it are done."""
        if self._states[-1] == WAITS:
            for stage in range(len(self._states) - 1):
                self._states[stage] = IS_DONE
            self._states[-1] = RUNS
            self._tint()

    def _tint(self) -> None:
        colors = theme.colors()
        tints = {WAITS: colors.absent, RUNS: colors.accent_on_base, IS_DONE: colors.good}
        for (mark, label), state in zip(self._lines, self._states, strict=True):
            mark.setPixmap(theme.sign(self, state, STAGE_ICON_PX, tints[state]))
            label.setEnabled(state != WAITS)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in theme.NEW_LOOKS:
            self._tint()


class ImportPage(Page):
    """Importing: the one page that writes, and only into the catalog.

    Signals:
        imported(ImportReport): the records are in; model files and promotion may follow.
        stop_offered(bool): whether what runs can be stopped, or is being stopped.
    """

    imported = Signal(object)
    stop_offered = Signal(bool)

    def __init__(self, wizard: QWizard, library: Library, tasks: Tasks, journey: Journey) -> None:
        super().__init__(wizard, library, tasks, journey, "importPage", tr("Importing"), "")
        self._task: Task | None = None
        self._pace = Pace()
        self._bar = QProgressBar(self)
        self._bar.setObjectName("importProgress")
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName(tr("Progress of the import"))

    def _build(self) -> None:
        self._stages = _Stages(self)
        self._stages.setObjectName("importStages")
        self._counts = theme.plain_label("", parent=self, name="importCounts")
        self._current = ElidedLabel(self, mode=Qt.TextElideMode.ElideMiddle)
        self._current.setObjectName("importCurrent")
        theme.set_role(self._current, "secondary")
        self._later = QPushButton(tr("Go on in the &background"), self)
        self._later.setObjectName("goOnButton")
        self._later.clicked.connect(self._on_later)
        lines = boxes.column(self._bar, self._counts, self._current, spacing=theme.S)
        self._layout.addWidget(self._stages)
        self._layout.addSpacing(theme.S)
        self._layout.addLayout(lines)
        self._layout.addWidget(self._later, 0, Qt.AlignmentFlag.AlignLeft)
        self._layout.addStretch(1)
        self._layout.addWidget(make_note(tr("Your files stay where they are."), self))

    @property
    def is_running(self) -> bool:
        """Whether records or models are being written."""
        return self._task is not None

    @property
    def would_lose(self) -> bool:
        """Whether closing the wizard would cut something off: once the records are in, the rest goes on alone."""
        return self._task is not None and self._journey.imported is None

    def _enter(self) -> None:
        self._journey.imported = self._journey.scanned = self._journey.promoted = None
        self._journey.undone = None
        self._journey.error = None
        self._journey.goes_on = self._journey.cut_short = False
        self._words.setText(tr("You can stop at any time; whole records are kept."))
        self._later.hide()
        journey = self._journey
        expected = journey.preview.seen - journey.preview.ignored if journey.preview is not None else 0
        titles = [
            tr("Take over {}").format(counted(expected, "record")) if expected else tr("Take over records")
        ]
        if self._targets():
            titles.append(tr("Add the model files, and hash them"))
        if journey.promote:
            titles.append(tr("Promote what is clear"))
        self._stages.show_stages(titles)
        self._stages.show_state(0, RUNS)
        deed = partial(bring_in, self._library, tuple(journey.paths), tuple(journey.folders), expected)
        self._start(tr("Importing"), deed, self._on_imported)

    def isComplete(self) -> bool:
        return False

    def _start(self, title: str, deed: Callable[[Progress], Any], succeeded: Callable[[Any], None]) -> None:
        self._pace = Pace()
        self.stop_offered.emit(True)
        self._counts.setText(tr("Starting"))
        self._current.show_text("")
        show_step(self._bar, None)
        self._task = self._tasks.run(title, deed)
        self._task.progressed.connect(self._on_progressed)
        self._task.succeeded.connect(succeeded)
        self._task.failed.connect(self._on_failed)
        self._task.cancelled.connect(self._on_cancelled)

    @Slot()
    def stop(self) -> None:
        """Stop what runs; whole records are kept, and the last page says which."""
        if self._task is not None:
            self._task.cancel()
            self.stop_offered.emit(False)

    def ask_stop(self, deed: Callable[[], None]) -> None:
        """Ask whether the import is to be stopped; `deed` is done if so. It goes on meanwhile."""
        if self.findChild(AskStrip) is not None:
            return
        strip = AskStrip(
            "stopImportQuestion",
            tr("Stop the import?"),
            tr("Whole records that are in already are kept. Import the same again to add the rest."),
            tr("Stop and close"),
            tr("Go on"),
            self,
            yes_name="confirmStopButton",
        )
        self._layout.insertWidget(self._layout.indexOf(self._stages), strip)
        strip.show()
        strip.ask(deed)

    @Slot(object)
    def _on_progressed(self, step: Step) -> None:
        if self.sender() is not self._task:
            return
        self._pace.add(step, monotonic())
        self._counts.setText(self._pace.words(step))
        self._current.show_text(foreign_text(step.text))
        show_step(self._bar, step)
        if self._journey.imported is not None and step.unit == "records":
            # Only a promotion counts records once they are in.
            self._stages.show_reached()

    @Slot(object)
    def _on_imported(self, report: ImportReport) -> None:
        if self.sender() is not self._task:
            return
        self._task = None
        self._journey.imported = report
        self.imported.emit(report)
        targets = self._targets()
        promotes = self._promotes
        if report.cancelled or not (targets or promotes):
            self._wizard.next()
            return
        self._stages.show_state(0, IS_DONE, sentence(report))
        self._stages.show_state(1, RUNS)
        self._words.setText(tr("The records are in. The rest can go on in the background."))
        self._later.show()
        imported = tuple(self._journey.paths) if promotes else ()
        keeps = self._journey.keep_previews
        options = self._journey.options
        deed = partial(add_and_promote, self._library, tuple(targets), imported, keeps, options)
        self._start(tr("Adding models") if targets else tr("Promoting"), deed, self._on_added)

    @property
    def _promotes(self) -> bool:
        report = self._journey.imported
        return self._journey.promote and report is not None and report.batch_id is not None

    def _targets(self) -> list[str]:
        targets = list(self._journey.folders)
        if self._journey.add_models and self._journey.preview is not None:
            targets += scan_targets(self._journey.paths, self._journey.preview)
        return targets

    @Slot(object)
    def _on_added(self, outcome: tuple[ScanReport | None, PromoteReport | None]) -> None:
        if self.sender() is not self._task:
            return
        self._task = None
        journey = self._journey
        journey.scanned, journey.promoted = outcome
        stopped = any(report is not None and report.cancelled for report in outcome)
        journey.cut_short = stopped or (self._promotes and journey.promoted is None)
        self._wizard.next()

    @Slot()
    def _on_later(self) -> None:
        self._task = None
        self._journey.goes_on = True
        self._wizard.next()

    @Slot(object)
    def _on_failed(self, error: Exception) -> None:
        if self.sender() is self._task:
            self._task = None
            self._journey.error = error
            self._wizard.next()

    @Slot()
    def _on_cancelled(self) -> None:
        if self.sender() is self._task:
            self._task = None
            self._journey.cut_short = self._journey.imported is not None
            self._wizard.next()
