"""The small dialogs: problems of a run, questions, about. All are opened, none blocks."""

from collections.abc import Sequence

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QDialogButtonBox,
    QGridLayout,
    QHeaderView,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

import modelmgr
from modelmgr.gui import boxes, theme
from modelmgr.gui.measures import scaled
from modelmgr.gui.reasons import problem_label
from modelmgr.gui.sentences import spoken
from modelmgr.gui.text import count_text, counted, foreign_text, plain_tip
from modelmgr.values import Problem

PROBLEM_ROWS = 5000


class ProblemsDialog(QDialog):
    """The items of a run that failed, or that were taken with a doubt."""

    def __init__(self, problems: Sequence[Problem], parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("problemsDialog")
        self.setWindowTitle(self.tr("Problems"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._problems = problems
        layout = boxes.column(on=self, margins=theme.L, spacing=theme.S)
        words = counted(len(problems), "problem")
        if len(problems) > PROBLEM_ROWS:
            words += self.tr(", the first {} are shown").format(count_text(PROBLEM_ROWS))
        layout.addWidget(theme.plain_label(words, "pane-title", self))
        table = QTableWidget(min(len(problems), PROBLEM_ROWS), 3, self)
        table.setObjectName("problemsTable")
        table.setAccessibleName(self.tr("Problems"))
        table.setProperty("framed", True)
        table.setHorizontalHeaderLabels([self.tr("What"), self.tr("File"), self.tr("Why")])
        table.verticalHeader().hide()
        table.setShowGrid(False)
        table.setWordWrap(False)
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        header = table.horizontalHeader()
        header.resizeSection(0, 170)
        header.resizeSection(1, 280)
        header.setSectionResizeMode(2, QHeaderView.ResizeMode.Stretch)
        for row, problem in enumerate(problems[:PROBLEM_ROWS]):
            place = problem.path or problem.record_key
            for column, text in enumerate((problem_label(problem.code), place, spoken(problem.message))):
                item = QTableWidgetItem(foreign_text(text, 2000))
                item.setToolTip(plain_tip(text))
                table.setItem(row, column, item)
        layout.addWidget(table, 1)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, self)
        copy = buttons.addButton(self.tr("Copy all"), QDialogButtonBox.ButtonRole.ActionRole)
        copy.setObjectName("problemsCopy")
        copy.clicked.connect(self._on_copy)
        buttons.rejected.connect(self.reject)
        layout.addWidget(buttons)
        self.resize(860, 420)

    @Slot()
    def _on_copy(self) -> None:
        lines = (
            f"{problem.code}\t{foreign_text(problem.path or problem.record_key)}\t{foreign_text(problem.message)}"
            for problem in self._problems
        )
        QGuiApplication.clipboard().setText("\n".join(lines))


class Question(QDialog):
    """A question that has to be answered: what would be done, what that means, and the two ways. Opened, not run.

    Args:
        name: its object name.
        title: the question.
        text: what the answer means.
        yes: the verb of the button that does it.
        yes_name: the object name of that button.
        detail: what it is about, like a path.
    """

    def __init__(
        self, name: str, title: str, text: str, yes: str, yes_name: str, parent: QWidget, *, detail: str = ""
    ) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self.setWindowTitle("modelmgr")
        self.setAccessibleName(title)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        layout = boxes.column(on=self, margins=(theme.XL, theme.XL, theme.XL, theme.L), spacing=theme.S)
        for words, role in ((title, "pane-title"), (foreign_text(detail, 1000), None), (text, "secondary")):
            if words:
                label = theme.paragraph(words, role, self)
                layout.addWidget(label)
        layout.addSpacing(theme.M)
        buttons = QDialogButtonBox(self)
        do = buttons.addButton(yes, QDialogButtonBox.ButtonRole.AcceptRole)
        do.setObjectName(yes_name)
        stay = buttons.addButton(QDialogButtonBox.StandardButton.Cancel)
        # Enter is the harmless way.
        stay.setDefault(True)
        stay.setFocus()
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        layout.addWidget(buttons)
        self.setMinimumWidth(scaled(self, 420))


class AboutDialog(QDialog):
    """Which program this is, and on what it stands."""

    def __init__(self, catalog_path: str, sqlite_version: str, parent: QWidget) -> None:
        from PySide6 import __version__ as pyside_version
        from PySide6.QtCore import qVersion

        super().__init__(parent)
        self.setObjectName("aboutBox")
        self.setWindowTitle(self.tr("About modelmgr"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        layout = boxes.column(
            theme.plain_label(f"modelmgr {modelmgr.__version__}", "page-title", self),
            on=self,
            margins=(theme.XL, theme.XL, theme.XL, theme.L),
            spacing=theme.M,
        )
        grid = QGridLayout()
        grid.setHorizontalSpacing(theme.L)
        grid.setVerticalSpacing(theme.S)
        grid.setColumnStretch(1, 1)
        for row, (title, text) in enumerate(
            (
                (self.tr("Catalog"), foreign_text(catalog_path, 1000)),
                (self.tr("Stands on"), f"SQLite {sqlite_version}, Qt {qVersion()}, PySide {pyside_version}"),
                (self.tr("Icons"), self.tr("Lucide, ISC licence")),
            )
        ):
            label = theme.paragraph(text, None, self)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            grid.addWidget(theme.plain_label(title, "secondary", self), row, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(label, row, 1, Qt.AlignmentFlag.AlignTop)
        layout.addLayout(grid)
        layout.addSpacing(theme.S)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, self)
        buttons.rejected.connect(self.reject)
        layout.addWidget(buttons)
        self.setMinimumWidth(scaled(self, 480))
