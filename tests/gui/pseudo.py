"""A language that nobody speaks: each letter has an accent, each text stands in brackets, and is 40 % longer.

It knows what `tests/translations.py` gathers, as any translation does. What stays plain on a screen was not given to
Qt's translation, or was not gathered.
"""

import ast
import re
from functools import cache, lru_cache
from pathlib import Path
from typing import ClassVar

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

import modelmgr
from modelmgr import vocabulary
from tests import translations
from tests.gui.judges import shown

_ACCENTED = str.maketrans("aceinosuyAEINOUYlrtdgz", "áçéíñóšúýÁÉÍÑÓÚÝłřťďğž")
_FIELD = re.compile(r"(\{[^}]*\}|%\w+|&(?=\w)|<[^>]*>)")
_LONGER = 0.4
_SAID = re.compile(r"⟦[^⟦⟧]*⟧")
OF_QT = ("Q", "CloseButton", "MAC_")
"""How contexts of Qt's own texts begin."""


class Pseudo(QTranslator):
    """Translates every text that is gathered, and the words that Qt brings.

    Attributes:
        missed: texts that were asked for and are gathered nowhere.
    """

    missed: ClassVar[set[tuple[str, str]]] = set()

    def __init__(self) -> None:
        super().__init__()
        self.missed.clear()

    def translate(
        self, context: str, source: str, disambiguation: str | None = None, n: int = -1
    ) -> str | None:
        if context == "QShortcut" or not source:
            return source  # names of keys
        if not context.startswith(OF_QT) and (context, source) not in _gathered():
            # Of a class that inherits its text the next context to be asked for is that of the class above.
            if source not in _sources():
                self.missed.add((context, source))
            return None
        return pseudo(source)

    def isEmpty(self) -> bool:
        return False


def pseudo(source: str) -> str:
    """Return a text in the language that nobody speaks."""
    parts = _FIELD.split(source)
    letters = "".join(part if number % 2 else part.translate(_ACCENTED) for number, part in enumerate(parts))
    return f"⟦{letters}{'·' * round(len(source) * _LONGER)}⟧"


@cache
def _gathered() -> frozenset[tuple[str, str]]:
    return frozenset((text.context, text.source) for text in translations.texts())


@cache
def _sources() -> frozenset[str]:
    return frozenset(text.source for text in translations.texts())


PROPER = {
    "SHA-256",
    "AutoV2",
    "AutoV3",
    "CRC32",
    "BLAKE3",
    "Ollama",
    "ComfyUI",
    "AUTOMATIC1111",
    *vocabulary.BASES,
}
"""Names that are the same in every language."""
SILENT = {"api", "cli", "demo"}
"""Rooms that say nothing in the window."""


@cache
def literals() -> tuple[frozenset[str], frozenset[str]]:
    """Return the texts that stand in the program's source and could be read on a screen, and the pieces of such."""
    whole = {text.replace("&", "").strip(" .:,…") for text in _sources()} - PROPER
    pieces: set[str] = set()
    root = Path(modelmgr.__file__).parent
    for file in root.rglob("*.py"):
        room = file.relative_to(root).parts[0]
        if room in SILENT:
            continue
        tree = ast.parse(file.read_text(encoding="utf-8"))
        above = {id(child): node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
        for node in ast.walk(tree):
            if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
                continue
            parent = above.get(id(node))
            if isinstance(parent, ast.Expr):
                continue  # notes
            text = node.value.replace("&", "").strip(" .:,…")
            if isinstance(parent, ast.JoinedStr) and room == "gui" and re.fullmatch(r"[a-z' ]{2,}", text):
                pieces.add(text)
            if len(text) > 3 and re.search(r"[A-Za-z]{3}", text) and text not in PROPER:
                whole.add(text)
    return frozenset(whole), frozenset(pieces)


@lru_cache(50_000)
def plain(text: str) -> bool:
    """Tell whether a text is one of ours, or begins or ends like one, and was not translated."""
    whole, pieces = literals()
    rest = text.replace("&", "").strip(" .:,…")
    while (shorter := _SAID.sub("\n", rest)) != rest:
        rest = shorter
    if rest in PROPER or not re.search(r"[A-Za-z]{2}", rest):
        return False
    if rest in whole and rest[:1].isupper():
        return True
    if "\n" in rest and any(piece.strip(" .:,()·\n0123456789") in pieces for piece in rest.split("\n")):
        return True  # put together of pieces
    return any(" " in ours and len(ours) > 9 and ours in rest for ours in whole)


def ungathered(_root: QWidget) -> list[str]:
    """Return what was asked for in the user's language, so far, and is gathered nowhere."""
    return [f"{context}: {source}" for context, source in sorted(Pseudo.missed)]


def untranslated(root: QWidget) -> list[str]:
    """Return what stands on a screen in English."""
    found = []

    def look(what: str, text: str, widget: QWidget) -> None:
        if plain(text):
            found.append(f"{what} “{text[:90]}” of {type(widget).__name__} {widget.objectName()}")

    for widget in shown(root):
        if isinstance(widget, QHeaderView):
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
