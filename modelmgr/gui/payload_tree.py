"""A parsed payload as a tree that grows as one looks into it: strangers' JSON may hold a million entries."""

from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QObject, QPersistentModelIndex, Qt
from PySide6.QtGui import QGuiApplication, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QTreeView, QWidget

from modelmgr import payload
from modelmgr.gui.text import count_text, counted, foreign_text, plain_tip
from modelmgr.gui.theme import colors

CHUNK = 300
_TIP_FROM = 40
_DISPLAY, _TOOL_TIP, _FOREGROUND = 0, 3, 9
Index = QModelIndex | QPersistentModelIndex
_NO_INDEX = QModelIndex()


@dataclass(slots=True)
class _Node:
    """One value; its children are numbers of nodes, made as far as they have been looked at."""

    parent: int
    row: int
    key: str
    value: Any
    children: list[int]
    keys: list[str] | None = None


class PayloadModel(QAbstractItemModel):
    """A JSON value: keys in the first column, values in the second.

    Nodes are known to Qt by number, for Python's garbage collector knows nothing of pointers in an index.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._nodes: list[_Node] = []
        self._secondary = colors().secondary
        self._masks = False
        self.show_value(None, has_value=False)

    def show_value(self, value: Any, *, has_value: bool = True, masks: bool = False) -> None:
        """Show another value; with `has_value` false, nothing; with `masks`, dots where a key or a token stands."""
        self.beginResetModel()
        self._masks = masks
        if has_value and not isinstance(value, dict | list):
            value = {"": value}
        self._nodes = [_Node(-1, 0, "", value if has_value else {}, [])]
        self._grow(0)
        self._secondary = colors().secondary
        self.endResetModel()

    def exact_text(self, index: Index) -> str:
        """Return a cell as it stands in the payload, for copying."""
        node = self._node(index)
        if index.column() == 0:
            return node.key
        return node.value if isinstance(node.value, str) else _value_text(node.value)

    def _node(self, index: Index) -> _Node:
        return self._nodes[index.internalId()] if index.isValid() else self._nodes[0]

    def _visible(self, node: _Node) -> Any:
        """Return the value as it may be seen."""
        if self._masks and isinstance(node.value, str):
            return payload.masked_value(node.key, node.value)
        return node.value

    def _grow(self, number: int) -> None:
        """Make the next nodes below a node."""
        node = self._nodes[number]
        first = len(node.children)
        if isinstance(node.value, dict) and node.keys is None:
            node.keys = list(node.value)
        for row in range(first, min(first + CHUNK, len(node.value))):
            if node.keys is not None:
                key = node.keys[row]
                value = node.value[key]
            else:
                key, value = str(row), node.value[row]
            node.children.append(len(self._nodes))
            self._nodes.append(_Node(number, row, key, value, []))

    # --- Qt ---------------------------------------------------------------------------------------------

    def index(self, row: int, column: int, parent: Index = _NO_INDEX) -> QModelIndex:
        node = self._node(parent)
        if not (0 <= row < len(node.children) and 0 <= column < 2) or parent.column() > 0:
            return QModelIndex()
        return self.createIndex(row, column, node.children[row])

    def parent(self, index: Index = _NO_INDEX) -> QModelIndex:  # type: ignore[override]
        number = self._node(index).parent if index.isValid() else -1
        return QModelIndex() if number <= 0 else self.createIndex(self._nodes[number].row, 0, number)

    def rowCount(self, parent: Index = _NO_INDEX) -> int:
        return 0 if parent.column() > 0 else len(self._node(parent).children)

    def columnCount(self, parent: Index = _NO_INDEX) -> int:
        return 2

    def hasChildren(self, parent: Index = _NO_INDEX) -> bool:
        value = self._node(parent).value
        return parent.column() <= 0 and isinstance(value, dict | list) and bool(value)

    def canFetchMore(self, parent: Index) -> bool:
        node = self._node(parent)
        if parent.column() > 0 or not isinstance(node.value, dict | list):
            return False
        return len(node.children) < len(node.value)

    def fetchMore(self, parent: Index) -> None:
        if not self.canFetchMore(parent):
            return
        number = parent.internalId() if parent.isValid() else 0
        first = len(self._nodes[number].children)
        self.beginInsertRows(parent, first, min(first + CHUNK, len(self._nodes[number].value)) - 1)
        self._grow(number)
        self.endInsertRows()

    def data(self, index: Index, role: int = _DISPLAY) -> Any:
        if not index.isValid():
            return None
        node = self._node(index)
        if role == _DISPLAY:
            return foreign_text(node.key, 500) if index.column() == 0 else _cell_text(self._visible(node))
        if role == _TOOL_TIP:
            text = node.key if index.column() == 0 else self._visible(node)
            return plain_tip(text, 2000) if isinstance(text, str) and len(text) > _TIP_FROM else None
        if role == _FOREGROUND and index.column() == 0:
            return self._secondary
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = _DISPLAY) -> Any:
        if orientation == Qt.Orientation.Horizontal and role == _DISPLAY:
            return self.tr("Key") if section == 0 else self.tr("Value")
        return None


def _value_text(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        # Python refuses to write out a number of more than 4,300 digits, and nobody would read it.
        return (
            str(value)
            if value.bit_length() < 10_000
            else f"a number of {count_text(value.bit_length())} bits"
        )
    if isinstance(value, dict):
        return counted(len(value), "entry", "entries") if value else "{}"
    if isinstance(value, list):
        return counted(len(value), "item") if value else "[]"
    return str(value)


def _cell_text(value: Any) -> str:
    return foreign_text(value if isinstance(value, str) else _value_text(value))


class PayloadTree(QTreeView):
    """Shows a `PayloadModel`; Ctrl+C copies the focused cell as it stands in the payload."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.payload_model = PayloadModel(self)
        self.setModel(self.payload_model)
        self.setUniformRowHeights(True)
        self.setProperty("framed", True)
        self.setAllColumnsShowFocus(False)
        self.setHorizontalScrollMode(QTreeView.ScrollMode.ScrollPerPixel)
        self.header().setStretchLastSection(True)
        self.header().resizeSection(0, 130)
        self.header().setMinimumSectionSize(48)
        self.setIndentation(14)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            index = self.currentIndex()
            if index.isValid():
                text = self.payload_model.exact_text(index).encode("utf-8", "replace").decode("utf-8")
                QGuiApplication.clipboard().setText(text)
            return
        super().keyPressEvent(event)
