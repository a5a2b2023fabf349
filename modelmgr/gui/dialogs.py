"""The small dialogs: problems of a run, about. All are opened, none blocks."""

from collections.abc import Sequence

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QDialogButtonBox,
    QHeaderView,
    QMessageBox,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

import modelmgr
from modelmgr.gui import theme
from modelmgr.gui.reasons import problem_label
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
        layout = QVBoxLayout(self)
        layout.setContentsMargins(theme.L, theme.L, theme.L, theme.L)
        layout.setSpacing(theme.S)
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
            for column, text in enumerate((problem_label(problem.code), place, problem.message)):
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


def about_box(parent: QWidget, catalog_path: str, sqlite_version: str) -> QMessageBox:
    """Return the box that says which program this is, and on what it stands."""
    from PySide6 import __version__ as pyside_version
    from PySide6.QtCore import qVersion

    box = QMessageBox(parent)
    box.setObjectName("aboutBox")
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.setWindowTitle("modelmgr")
    box.setText(f"modelmgr {modelmgr.__version__}")
    box.setInformativeText(
        f"Catalog: {foreign_text(catalog_path, 1000)}\n"
        f"SQLite {sqlite_version}, Qt {qVersion()}, PySide {pyside_version}\n"
        "Icons: Lucide, ISC licence"
    )
    return box
