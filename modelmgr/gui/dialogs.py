"""The small dialogs: problems of a run, everything by name, about. All are opened, none blocks."""

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QObject, QSize, Qt, Slot
from PySide6.QtGui import QAction, QGuiApplication, QIcon, QKeyEvent, QKeySequence, QPixmap
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QDialogButtonBox,
    QHeaderView,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
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


class CommandPalette(QDialog):
    """Every action by its name: type some letters, press Enter."""

    def __init__(self, actions: Sequence[QAction], parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setObjectName("commandPalette")
        self.setAccessibleName(self.tr("Everything by name"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._actions = sorted(actions, key=_name_of)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(theme.S, theme.S, theme.S, theme.S)
        layout.setSpacing(theme.S)
        self._edit = QLineEdit(self)
        self._edit.setObjectName("commandEdit")
        self._edit.setPlaceholderText(self.tr("What do you want to do?"))
        self._edit.setAccessibleName(self.tr("Name of an action"))
        self._edit.textChanged.connect(self._show)
        self._edit.returnPressed.connect(self._run)
        self._edit.installEventFilter(self)
        self._list = QListWidget(self)
        self._list.setObjectName("commandList")
        self._list.setAccessibleName(self.tr("Actions"))
        self._list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._list.setIconSize(QSize(16, 16))
        self._list.setProperty("framed", True)
        self._list.itemClicked.connect(self._run)
        layout.addWidget(self._edit)
        layout.addWidget(self._list)
        # So that all names begin on one line.
        nothing = QPixmap(16, 16)
        nothing.fill(Qt.GlobalColor.transparent)
        self._no_icon = QIcon(nothing)
        self.resize(460, 420)
        self._show("")
        centre = parent.mapToGlobal(parent.rect().topLeft())
        self.move(centre.x() + (parent.width() - self.width()) // 2, centre.y() + 64)
        self._edit.setFocus()

    @Slot(str)
    def _show(self, text: str) -> None:
        self._list.clear()
        words = text.casefold().split()
        for number, action in enumerate(self._actions):
            name = _name_of(action)
            if action.isEnabled() and all(word in name.casefold() for word in words):
                keys = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
                icon = self._no_icon if action.icon().isNull() else action.icon()
                item = QListWidgetItem(icon, f"{name}    {keys}" if keys else name)
                item.setData(Qt.ItemDataRole.UserRole, number)
                self._list.addItem(item)
        self._list.setCurrentRow(0)

    @Slot()
    def _run(self) -> None:
        item = self._list.currentItem()
        self.accept()
        if item is not None:
            self._actions[item.data(Qt.ItemDataRole.UserRole)].trigger()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            step = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1}.get(Qt.Key(event.key()))
            if step is not None:
                row = self._list.currentRow() + step
                self._list.setCurrentRow(max(0, min(self._list.count() - 1, row)))
                return True
        return super().eventFilter(watched, event)


def _name_of(action: QAction) -> str:
    return action.text().replace("&", "").rstrip("…")


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
