"""Done: totals that add up, and what is left to decide."""

from collections import Counter
from collections.abc import Mapping

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QHeaderView, QTreeWidgetItem, QVBoxLayout, QWidget, QWizard

from modelmgr.gui import theme
from modelmgr.gui.jobs_panel import error_text, sentence
from modelmgr.gui.reasons import DECISIONS, NO_FILE, problem_label
from modelmgr.gui.tasks import Tasks
from modelmgr.gui.text import count_text, plain_tip
from modelmgr.gui.wizard.journey import Journey
from modelmgr.gui.wizard.parts import (
    PATH,
    Page,
    fill_with_problems,
    fit_height,
    make_item,
    make_list,
    make_problem_list,
    tr,
)
from modelmgr.gui.wizard.report import report_lines
from modelmgr.library import Library
from modelmgr.values import Problem


class _Figure(QWidget):
    """A number with its word below."""

    def __init__(self, name: str, word: str, parent: QWidget) -> None:
        super().__init__(parent)
        self._number = theme.plain_label("0", "pane-title", self)
        self._number.setObjectName(name)
        self._number.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        label = theme.plain_label(word, "secondary", self)
        label.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self._word = word
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._number)
        layout.addWidget(label)

    def show_number(self, number: int) -> None:
        """Show a number."""
        self._number.setText(count_text(number))
        self._number.setAccessibleName(f"{count_text(number)} {self._word}")


class ReportPage(Page):
    """Done: totals that add up, and what is left to decide.

    Signals:
        waiting_counted(int): how many records wait for promotion or a decision.
        review_wanted(str): the user wants to see those with this problem (``none``: those that are ready).
    """

    waiting_counted = Signal(int)
    review_wanted = Signal(str)

    def __init__(self, wizard: QWizard, library: Library, tasks: Tasks, journey: Journey) -> None:
        super().__init__(wizard, library, tasks, journey, "reportPage", tr("Done"), "")
        self.setFinalPage(True)
        self._figures: dict[str, _Figure] = {}
        self._sum = QWidget(self)
        row = QHBoxLayout(self._sum)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.M)
        for name, word, sign in (
            ("seen", tr("seen"), "="),
            ("imported", tr("imported"), "+"),
            ("unchanged", tr("unchanged"), "+"),
            ("ignored", tr("ignored"), "+"),
            ("failed", tr("failed"), ""),
        ):
            self._figures[name] = _Figure(f"report{name.title()}", word, self._sum)
            row.addWidget(self._figures[name])
            if sign:
                row.addWidget(theme.plain_label(sign, "pane-title", self._sum), 0, Qt.AlignmentFlag.AlignTop)
        row.addStretch(1)
        self._lines = theme.plain_label("", parent=self)
        self._lines.setObjectName("reportLines")
        self._lines.setWordWrap(True)
        self._decisions = make_list(
            self, "reportDecisions", tr("What waits, and why"), [tr("What waits"), tr("Records")]
        )
        self._problems = make_problem_list(self, "reportProblems")
        self._decisions.setToolTip(plain_tip(tr("A double click leads there")))
        self._decisions.itemActivated.connect(self._on_decision_activated)
        header = self._decisions.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        self._decisions.headerItem().setTextAlignment(
            1, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        )
        self._problems_title = theme.plain_label(tr("Problems"), "group", self)
        self._layout.addWidget(self._sum)
        self._layout.addWidget(self._lines)
        self._layout.addWidget(self._decisions)
        self._layout.addWidget(self._problems_title)
        self._layout.addWidget(self._problems, 1)
        self._filler = QWidget(self)
        self._layout.addWidget(self._filler, 1)

    def initializePage(self) -> None:
        journey = self._journey
        report = journey.imported
        self._sum.setVisible(report is not None)
        if report is not None:
            for name, figure in self._figures.items():
                figure.show_number(getattr(report, name))
        self._words.setText(self._headline())
        lines = [line for line in report_lines(journey)[1 if report is not None else 0 :] if line]
        if journey.goes_on:
            lines.append(tr("Model files are still being added; the status bar shows how far it is."))
        self._lines.setText("\n".join(lines))
        self._lines.setVisible(bool(lines))
        self._show_problems()
        self._decisions.clear()
        self._decisions.hide()
        catalog = self._library.catalog
        self._tasks.ask(catalog.pending_facets, self._show_waiting, key=(id(self), "waiting"))

    def isComplete(self) -> bool:
        return True

    @Slot(QTreeWidgetItem, int)
    def _on_decision_activated(self, item: QTreeWidgetItem, _column: int) -> None:
        self.review_wanted.emit(item.data(0, PATH))

    def _headline(self) -> str:
        journey = self._journey
        if journey.error is not None:
            return tr("{} What was written before stays; import the same again to add the rest.").format(
                error_text(journey.error)
            )
        if journey.imported is None:
            return tr("Nothing was imported.")
        words = sentence(journey.imported)
        if journey.imported.cancelled:
            words += " " + tr("Whole records were kept; import the same again to add the rest.")
        return words

    def _show_problems(self) -> None:
        problems: list[Problem] = []
        for report in (self._journey.imported, self._journey.scanned):
            problems += report.problems if report is not None else []
        fill_with_problems(self._problems, problems)
        self._problems.setVisible(bool(problems))
        self._filler.setVisible(not problems)
        self._problems_title.setVisible(bool(problems))
        self._problems_title.setText(tr("Problems ({})").format(count_text(len(problems))))

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
        self._decisions.setVisible(bool(lines))
        fit_height(self._decisions, 7)
        total = ready + sum(waiting.values())
        self.waiting_counted.emit(total)
