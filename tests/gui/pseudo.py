"""A language that nobody speaks: each letter has an accent, and everything is 40 % longer. What stays plain on a
screen was not given to Qt's translation."""

import ast
import re
from functools import cache
from pathlib import Path

from PySide6.QtCore import QAbstractItemModel, QModelIndex, Qt, QTranslator
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QComboBox,
    QGroupBox,
    QHeaderView,
    QLabel,
    QLineEdit,
    QListView,
    QMenu,
    QPlainTextEdit,
    QTableView,
    QTabWidget,
    QTreeView,
    QWidget,
)

import modelmgr.gui
from tests.gui.judges import shown

_ACCENTED = str.maketrans("aceinosuyAEINOUYlrtdgz", "áçéíñóšúýÁÉÍÑÓÚÝłřťďğž")
_FIELD = re.compile(r"(\{[^}]*\}|%\w+|&(?=\w)|<[^>]*>)")
_LONGER = 0.4


class Pseudo(QTranslator):
    """Translates every text of the program, and the words that Qt brings."""

    def translate(self, context: str, source: str, disambiguation: str | None = None, n: int = -1) -> str:
        if context == "QShortcut" or not source:
            return source  # names of keys
        parts = _FIELD.split(source)
        letters = "".join(
            part if number % 2 else part.translate(_ACCENTED) for number, part in enumerate(parts)
        )
        return letters + "·" * round(len(source) * _LONGER)

    def isEmpty(self) -> bool:
        return False


NOT_YET = {
    "outcomes.py",
    "pace.py",
    "identity.py",
    "told.py",
    "tells.py",
    "report.py",
    "folder_move.py",
    "mending.py",
}
"""Sentences that are put together of parts, as the command line says them: English for now (`_codex/decisions.md`)."""
PROPER = {"SHA-256", "AutoV2", "AutoV3", "CRC32", "BLAKE3", "Ollama"}
"""Names that are the same in every language."""
FOREIGN = {"fileProblems"}
"""Widgets that show what a reader said of a file, in English for now."""


@cache
def literals() -> frozenset[str]:
    """Return the texts that stand in the window's source and could be read on a screen."""
    found = set()
    for file in Path(modelmgr.gui.__file__).parent.rglob("*.py"):
        if file.name in NOT_YET:
            continue
        tree = ast.parse(file.read_text(encoding="utf-8"))
        notes = {
            id(node.value) for node in ast.walk(tree)
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        }  # fmt: skip
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in notes:
                text = node.value.replace("&", "").strip(" .:,…")
                if len(text) > 3 and re.search(r"[A-Za-z]{3}", text):
                    found.add(text)
    return frozenset(found)


def plain(text: str) -> bool:
    """Tell whether a text is one of ours, or begins or ends like one, and was not translated."""
    text = text.replace("&", "").strip(" .:,…")
    if "·" in text or text in PROPER or not re.search(r"[A-Za-z]{3}", text):
        return False
    if text in literals() and text[:1].isupper():
        return True
    return any(" " in ours and len(ours) > 9 and ours in text for ours in literals())


def untranslated(root: QWidget) -> list[str]:
    """Return what stands on a screen in English."""
    found = []

    def look(what: str, text: str, widget: QWidget) -> None:
        if plain(text):
            found.append(f"{what} “{text[:90]}” of {type(widget).__name__} {widget.objectName()}")

    for widget in shown(root):
        if isinstance(widget, QHeaderView) or widget.objectName() in FOREIGN:
            continue  # it has the model of its view
        look("name", widget.accessibleName(), widget)
        look("tip", re.sub("<[^>]*>", "", widget.toolTip()), widget)
        if isinstance(widget, QLabel | QAbstractButton):
            look("text", widget.text(), widget)
        elif isinstance(widget, QGroupBox | QMenu):
            look("title", widget.title(), widget)
        elif isinstance(widget, QLineEdit | QPlainTextEdit):
            look("hint", widget.placeholderText(), widget)
        elif isinstance(widget, QComboBox):
            for number in range(widget.count()):
                look("choice", widget.itemText(number), widget)
        elif isinstance(widget, QTabWidget):
            for number in range(widget.count()):
                look("tab", widget.tabText(number), widget)
        elif isinstance(widget, QAbstractItemView) and widget.model() is not None:
            _look_at_cells(widget, look)
        for action in widget.actions():
            look("action", action.text(), widget)
            look("action's tip", re.sub("<[^>]*>", "", action.toolTip()), widget)
    look("title", root.windowTitle(), root)
    return list(dict.fromkeys(found))


def _look_at_cells(view: QAbstractItemView, look: object) -> None:
    model: QAbstractItemModel = view.model()
    if isinstance(view, QTableView | QTreeView):
        header_hidden = (
            view.horizontalHeader().isHidden() if isinstance(view, QTableView) else view.isHeaderHidden()
        )
        for column in range(0 if header_hidden else model.columnCount(QModelIndex())):
            look("header", str(model.headerData(column, Qt.Orientation.Horizontal) or ""), view)  # type: ignore[operator]
    # Models that are lists keep the number of their columns to themselves.
    columns = 1 if isinstance(view, QListView) else model.columnCount(QModelIndex())
    for row in range(min(30, model.rowCount(QModelIndex()))):
        for column in range(columns):
            look("cell", str(model.index(row, column).data() or ""), view)  # type: ignore[operator]
