"""Done: totals that add up, and what is left to decide."""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QPushButton,
    QTabWidget,
    QTreeWidgetItem,
    QWidget,
    QWizard,
)

from modelmgr.gui import boxes, theme
from modelmgr.gui.outcomes import error_text, sentence
from modelmgr.gui.reasons import DECISIONS, NO_FILE, problem_label, source_label
from modelmgr.gui.strips import UndoStrip, WorkStrip
from modelmgr.gui.tasks import Tasks
from modelmgr.gui.text import breakable, count_text, counted, foreign_text, plain_tip
from modelmgr.gui.wizard.journey import Journey
from modelmgr.gui.wizard.parts import (
    NO_NUMBER,
    PATH,
    Page,
    ProblemPage,
    fill_with_paths,
    fill_with_problems,
    fit_height,
    fit_width,
    make_item,
    make_list,
    make_note,
    make_problem_list,
    tr,
)
from modelmgr.gui.wizard.report import report_lines
from modelmgr.library import Library
from modelmgr.progress import Progress
from modelmgr.values import Problem, ScanReport, UndoReport


class _Figure(QPushButton):
    """A number with its word below; pressed, it leads to what it counts."""

    def __init__(self, name: str, word: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName(f"{name}Button")
        self.setProperty("role", "figure")
        self.setAutoDefault(False)
        self._number = theme.plain_label("0", "pane-title", self, name=name)
        label = theme.plain_label(word, "secondary", self)
        self._word = word
        layout = boxes.column(on=self, margins=(theme.M, theme.XS, theme.M, theme.XS), spacing=0)
        for each in (self._number, label):
            each.setAlignment(Qt.AlignmentFlag.AlignHCenter)
            each.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
            layout.addWidget(each)

    def show_number(self, number: int, leads_to: str) -> None:
        """Show a number; nothing leads on from none."""
        self._number.setText(count_text(number))
        self.setAccessibleName(f"{count_text(number)} {self._word}")
        self.setToolTip(plain_tip(leads_to if number else ""))
        self.setEnabled(number > 0)

    def sizeHint(self) -> QSize:
        layout = self.layout()
        assert layout is not None
        return layout.sizeHint()

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        # The least height of the sheet, one line, would count for more than the hint.
        self.setMinimumHeight(self.sizeHint().height())


WAITING, PROBLEMS, SOURCES, IGNORED = range(4)
"""The tabs."""

_MOST_LINES = 10


class ReportPage(Page):
    """Done: totals that add up, and what is left to decide.

    Signals:
        waiting_counted(int): how many records wait for promotion or a decision.
        review_wanted(str): the user wants to see those with this problem (``none``: those that are ready).
        rest_wanted(): the user wants what a stopped or broken import has left.
    """

    waiting_counted = Signal(int)
    review_wanted = Signal(str)
    rest_wanted = Signal()

    def __init__(self, wizard: QWizard, library: Library, tasks: Tasks, journey: Journey) -> None:
        super().__init__(wizard, library, tasks, journey, "reportPage", tr("Done"), "")
        self.setFinalPage(True)
        self._figures: dict[str, _Figure] = {}
        self._waiting = self._problem_count = 0

    def _build(self) -> None:
        self._sum = QWidget(self)
        row = boxes.row(on=self._sum, margins=0, spacing=theme.S)
        for name, word, sign, tab in (
            ("seen", tr("seen"), "=", SOURCES),
            ("imported", tr("imported"), "+", WAITING),
            ("unchanged", tr("unchanged"), "+", SOURCES),
            ("ignored", tr("ignored"), "+", IGNORED),
            ("failed", tr("failed"), "", PROBLEMS),
        ):
            figure = _Figure(f"report{name.title()}", word, self._sum)
            figure.clicked.connect(partial(self._lead_to, tab))
            self._figures[name] = figure
            row.addWidget(figure)
            if sign:
                row.addWidget(
                    theme.plain_label(sign, "pane-title", self._sum), 0, Qt.AlignmentFlag.AlignVCenter
                )
        row.addStretch(1)
        self._lines = theme.paragraph("", parent=self, name="reportLines")
        self._saved = theme.paragraph("", "secondary", self, name="reportSaved")
        self._decisions = make_list(
            self,
            "reportDecisions",
            tr("What waits, and why"),
            [tr("What waits"), tr("Records")],
            numbers=True,
        )
        self._problems = make_problem_list(self, "reportProblems")
        self._decisions.itemActivated.connect(self._on_decision_activated)
        self._sources = make_list(
            self,
            "reportSources",
            tr("What became of the records, by source"),
            [tr("Source"), tr("Records"), tr("New"), tr("Changed"), tr("Known"), tr("Failed")],
            numbers=True,
        )
        self._ignored = make_list(self, "reportIgnored", tr("Ignored files"), [tr("File")])
        self._rest = QPushButton(self)
        self._rest.setObjectName("importRestButton")
        self._rest.clicked.connect(self.rest_wanted)
        self._undo = UndoStrip("", self)
        self._undo.accepted.connect(self._on_undo)
        self._undo.closed.connect(self._on_undo_read)
        self._undo.hide()
        self._tabs = QTabWidget(self)
        self._tabs.setObjectName("reportTabs")
        self._tabs.setDocumentMode(True)
        self._tabs.tabBar().setDrawBase(False)
        for content in (self._decisions, ProblemPage(self._problems, self), self._sources, self._ignored):
            holder = QWidget(self._tabs)
            inside = boxes.column(on=holder, margins=(0, theme.S, 0, 0), spacing=theme.S)
            if content is self._decisions:
                words = tr(
                    "All that waits, from this import and from earlier ones. Enter or a double click leads to it."
                )
                told = theme.paragraph(words, "secondary", holder)
                inside.addWidget(told)
            inside.addWidget(content)
            if content in (self._decisions, self._sources):
                # A few lines need no page.
                inside.addStretch(1)
            self._tabs.addTab(holder, "")
        self._layout.addWidget(self._sum)
        self._layout.addWidget(self._lines)
        self._layout.addWidget(self._saved)
        self._layout.addWidget(self._rest, 0, Qt.AlignmentFlag.AlignLeft)
        self._layout.addWidget(self._undo)
        self._layout.addWidget(self._tabs, 1)
        self._filler = QWidget(self)
        self._layout.addWidget(self._filler, 1)
        self._layout.addWidget(make_note(tr("Your files stay where they are."), self))

    def _enter(self) -> None:
        journey = self._journey
        report = journey.imported
        self._sum.setVisible(report is not None)
        if report is not None:
            for name, figure in self._figures.items():
                figure.show_number(getattr(report, name), tr("Show which"))
        self._words.setText(self._headline())
        # Without a report and without an error, it was stopped before it began.
        is_stopped = journey.error is None and not journey.is_whole
        self._title.setText(
            tr("Not finished") if journey.error is not None else tr("Stopped") if is_stopped else tr("Done")
        )
        rest = tr("Do the &rest") if journey.cut_short else tr("Import the &rest")
        self._rest.setText(tr("&Try again") if journey.error is not None else rest)
        self._rest.setVisible(is_stopped or journey.error is not None)
        told = sentence(journey.promoted) if journey.promoted is not None else ""
        lines = report_lines(journey)[1 if report is not None else 0 :]
        lines = [line for line in lines if line and (line != told or not self._can_undo)]
        if journey.cut_short:
            nothing = sentence(ScanReport(cancelled=True))
            lines = [line for line in lines if line != nothing]
            lines += [words for words in self._left_out() if words]
        if journey.goes_on:
            lines.append(tr("Model files are still being added; the status bar shows how far it is."))
        self._lines.setText("\n".join(lines))
        self._lines.setVisible(bool(lines))
        self._saved.hide()
        self._show_problems()
        self._show_sources()
        self._decisions.clear()
        self._undo.setVisible(self._can_undo)
        self._undo.show_words(told)
        self._name_tabs()
        self._tabs.setCurrentIndex(WAITING)
        self._ask_waiting()

    def say_saved(self, path: str, _: object) -> None:
        """Say that the report was saved there."""
        self._saved.setText(tr("The report was saved: {}").format(breakable(foreign_text(path, 300))))
        self._saved.show()

    def say_not_saved(self, error: Exception) -> None:
        """Say why it was not; what the window says is behind this page."""
        self._saved.setText(error_text(error))
        self._saved.show()

    def _left_out(self) -> Sequence[str]:
        """Say what was not even begun when the work was stopped; what was begun says so itself."""
        journey = self._journey
        begun = journey.promoted is not None or (journey.scanned is not None and journey.scanned.seen > 0)
        return (
            "" if begun else tr("No model file was added."),
            tr("Nothing was promoted.") if journey.promote and journey.promoted is None else "",
        )

    @property
    def _can_undo(self) -> bool:
        promoted = self._journey.promoted
        return promoted is not None and promoted.promoted > 0

    def _ask_waiting(self) -> None:
        catalog = self._library.catalog
        self._tasks.ask(catalog.pending_facets, self._show_waiting, key=(id(self), "waiting"))

    def _lead_to(self, tab: int) -> None:
        """Show what a number counts."""
        self._tabs.setCurrentIndex(tab if self._tabs.isTabVisible(tab) else SOURCES)
        lists = (self._decisions, self._problems, self._sources, self._ignored)
        lists[self._tabs.currentIndex()].setFocus()

    def _name_tabs(self) -> None:
        """Put the numbers on the tabs; those of nothing are not shown."""
        report = self._journey.imported
        counts = (
            self._waiting,
            self._problem_count,
            len(report.by_source) if report is not None else 0,
            self._ignored.topLevelItemCount() and report is not None and report.ignored,
        )
        titles = (tr("All that waits"), tr("Problems"), tr("By source"), tr("Ignored"))
        for at, (title, count) in enumerate(zip(titles, counts, strict=True)):
            self._tabs.setTabText(at, f"{title} ({count_text(count or 0)})")
            self._tabs.setTabVisible(at, bool(count))
        self._tabs.setVisible(any(counts))
        self._filler.setVisible(not any(counts))

    def _show_sources(self) -> None:
        report = self._journey.imported
        self._sources.clear()
        for source, counts in sorted(report.by_source.items()) if report is not None else ():
            changed = counts.get("changed", 0)
            numbers = [counts.get("seen", 0), counts.get("imported", 0) - changed, changed]
            numbers += [counts.get("unchanged", 0), counts.get("failed", 0)]
            texts = [count_text(number) if number else NO_NUMBER for number in numbers]
            self._sources.addTopLevelItem(make_item([source_label(source), *texts], numbers_from=1))
        fit_height(self._sources, _MOST_LINES)
        seen = self._journey.preview
        fill_with_paths(self._ignored, seen.ignored_paths if seen is not None else ())

    @Slot()
    def _on_undo_read(self) -> None:
        """Let what the strip said stand among the other lines."""
        self._leave_undo()
        self._lines.setText("\n".join(filter(None, (self._lines.text(), self._undo.words))))
        self._lines.show()

    def _leave_undo(self) -> None:
        """Take the strip away, and give the keyboard to what leads on."""
        self._undo.hide()
        self._wizard.button(QWizard.WizardButton.FinishButton).setFocus()

    @Slot()
    def _on_undo(self) -> None:
        """Take the promotion of this import back."""
        promoted = self._journey.promoted
        if promoted is None:
            return
        self._leave_undo()
        deed = partial(_undo, self._library, tuple(promoted.pending_ids))
        task = self._tasks.run(tr("Undoing"), deed)
        strip = WorkStrip(task, self)
        self._layout.insertWidget(self._layout.indexOf(self._tabs), strip)
        task.succeeded.connect(self._on_undone)
        task.failed.connect(self._on_undo_failed)

    @Slot(object)
    def _on_undone(self, report: UndoReport) -> None:
        self._journey.undone = report
        self._lines.setText("\n".join(filter(None, (self._lines.text(), sentence(report)))))
        self._lines.show()
        self._ask_waiting()

    @Slot(object)
    def _on_undo_failed(self, error: Exception) -> None:
        self._lines.setText(error_text(error))
        self._lines.show()

    def isComplete(self) -> bool:
        return True

    @Slot(QTreeWidgetItem, int)
    def _on_decision_activated(self, item: QTreeWidgetItem, _column: int) -> None:
        self.review_wanted.emit(item.data(0, PATH))

    def _headline(self) -> str:
        journey = self._journey
        if journey.error is not None:
            return tr("{} What was written before stays.").format(error_text(journey.error))
        if journey.imported is None:
            return tr("Nothing was imported.")
        words = sentence(journey.imported)
        if journey.imported.cancelled:
            words += " " + tr("Whole records were kept.")
            if journey.left:
                words += " " + tr("Left: {}.").format(counted(journey.left, "record"))
        return words

    def _show_problems(self) -> None:
        problems: list[Problem] = []
        for report in (self._journey.imported, self._journey.scanned):
            problems += report.problems if report is not None else []
        fill_with_problems(self._problems, problems)
        self._problem_count = len(problems)

    @Slot(object)
    def _show_waiting(self, facets: Mapping[str, Mapping[str, int]]) -> None:
        waiting = Counter(facets.get("problem", {}))
        ready = waiting.pop("none", 0)
        lines = [("none", tr("Ready to promote"), ready)] if ready else []
        order = {problem: at for at, problem in enumerate((*DECISIONS, *NO_FILE))}
        for problem, count in sorted(waiting.items(), key=lambda each: (order.get(each[0], 99), each[0])):
            lines.append((problem, problem_label(problem), count))
        self._decisions.clear()
        for problem, words, count in lines:
            item = make_item([words, count_text(count)], numbers_from=1)
            item.setData(0, PATH, problem)
            self._decisions.addTopLevelItem(item)
        fit_width(self._decisions)
        fit_height(self._decisions, _MOST_LINES)
        self._waiting = ready + sum(waiting.values())
        self._name_tabs()
        self.waiting_counted.emit(self._waiting)


def _undo(library: Library, ids: Sequence[int], progress: Progress) -> UndoReport:
    return library.undo_promotion(ids, progress)
