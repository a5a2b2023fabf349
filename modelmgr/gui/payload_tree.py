"""A payload as a tree that grows as one looks into it: strangers' JSON may hold a million entries."""

import json
import re
from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal, Slot
from PySide6.QtGui import QContextMenuEvent, QGuiApplication, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QMenu, QTreeView, QWidget

from modelmgr import payload
from modelmgr.gui import theme
from modelmgr.gui.language import Forms
from modelmgr.gui.text import counted, foreign_text, numbered, plain_tip, size_text
from modelmgr.gui.theme import colors
from modelmgr.lazily import dataclass
from modelmgr.payload_parts import Members, Part

CHUNK = 300
EXPAND_LIMIT = 500
"""So many lines are unfolded by one "expand all below"."""
COPY_LIMIT_BYTES = 16 * 1024 * 1024
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
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
    then: int | None = None
    is_asked: bool = False
    is_done: bool = False


class PayloadModel(QAbstractItemModel):
    """A JSON value: keys in the first column, values in the second.

    What is a `Part` of a payload that is not parsed is asked for when its members are wanted, and handed over by
    `put_members`. Nodes are known to Qt by number, for Python's garbage collector knows nothing of pointers in an
    index.

    Signals:
        members_wanted(int, object, object, int): number of a node, its `Part`, where to go on, and how many
            members it has already.
        grew(): what was handed over is there.
    """

    members_wanted = Signal(int, object, object, int)
    grew = Signal()

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
        if has_value and not isinstance(value, dict | list) and not _is_container(value):
            value = {"": value}
        self._nodes = [_Node(-1, 0, "", value if has_value else {}, [])]
        if not isinstance(value, Part):
            self._grow(0)
        self._secondary = colors().secondary
        self.endResetModel()

    def put_members(self, number: int, members: Members) -> None:
        """Take in what was asked for by `members_wanted`."""
        if not 0 <= number < len(self._nodes) or not isinstance(self._nodes[number].value, Part):
            return
        node = self._nodes[number]
        node.is_asked, node.then, node.is_done = False, members.then, members.then is None
        if members.found:
            first = len(node.children)
            self.beginInsertRows(self._index_of(number), first, first + len(members.found) - 1)
            for row, (key, value) in enumerate(members.found, first):
                node.children.append(len(self._nodes))
                self._nodes.append(_Node(number, row, key, value, []))
            self.endInsertRows()
        self.grew.emit()

    def index_at(self, rows: Sequence[int]) -> QModelIndex:
        """Return the index of the value at these rows, one a level; as much is made as is needed."""
        number = 0
        for row in rows:
            node = self._nodes[number]
            while row >= len(node.children) and self.canFetchMore(self._index_of(number)):
                before = len(node.children)
                self.fetchMore(self._index_of(number), row + 1 - before)
                if len(node.children) == before:
                    return QModelIndex()
            if row >= len(node.children):
                return QModelIndex()
            number = node.children[row]
        return self._index_of(number)

    def path_text(self, index: Index) -> str:
        """Return where a value stands: ``civitai.images[3].url``; a key that is no plain word as ``["odd key"]``."""
        words: list[str] = []
        number = index.internalId() if index.isValid() else 0
        while number > 0:
            node = self._nodes[number]
            holder = self._nodes[node.parent].value
            if isinstance(holder, list) or (isinstance(holder, Part) and holder.kind == "list"):
                words.append(f"[{node.row}]")
            elif _PLAIN_KEY.fullmatch(node.key):
                words.append(f".{node.key}")
            elif node.key or node.parent:
                words.append(f"[{json.dumps(node.key, ensure_ascii=False)}]")
            number = node.parent
        return "".join(reversed(words)).removeprefix(".")

    def value_at(self, index: Index) -> Any:
        """Return the value itself, which may be a `Part`."""
        return self._node(index).value

    def _index_of(self, number: int) -> QModelIndex:
        return QModelIndex() if number <= 0 else self.createIndex(self._nodes[number].row, 0, number)

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

    def _grow(self, number: int, count: int = CHUNK) -> None:
        """Make the next nodes below a node."""
        node = self._nodes[number]
        first = len(node.children)
        if isinstance(node.value, dict) and node.keys is None:
            node.keys = list(node.value)
        for row in range(first, min(first + count, len(node.value))):
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
        return self._index_of(self._node(index).parent if index.isValid() else -1)

    def rowCount(self, parent: Index = _NO_INDEX) -> int:
        return 0 if parent.column() > 0 else len(self._node(parent).children)

    def columnCount(self, parent: Index = _NO_INDEX) -> int:
        return 2

    def hasChildren(self, parent: Index = _NO_INDEX) -> bool:
        node = self._node(parent)
        if parent.column() > 0:
            return False
        if _is_container(node.value):
            return bool(node.children) or not node.is_done
        return isinstance(node.value, dict | list) and bool(node.value)

    def canFetchMore(self, parent: Index) -> bool:
        node = self._node(parent)
        if parent.column() <= 0 and _is_container(node.value):
            # Qt asks again whenever it lays out, which is after each answer: it would read on to the end.
            return not node.is_done and not node.is_asked and not node.children
        if parent.column() > 0 or not isinstance(node.value, dict | list):
            return False
        return len(node.children) < len(node.value)

    def fetchMore(self, parent: Index, count: int = CHUNK) -> None:
        if not self.canFetchMore(parent):
            return
        number = parent.internalId() if parent.isValid() else 0
        node = self._nodes[number]
        if isinstance(node.value, Part):
            self.read_on(parent)
            return
        first, count = len(node.children), max(count, CHUNK)
        self.beginInsertRows(parent, first, min(first + count, len(node.value)) - 1)
        self._grow(number, count)
        self.endInsertRows()

    def read_on(self, parent: Index) -> None:
        """Ask for the next members of a `Part`, if there are more and they are not on their way."""
        number = parent.internalId() if parent.isValid() else 0
        node = self._nodes[number]
        if _is_container(node.value) and not node.is_done and not node.is_asked:
            node.is_asked = True
            self.members_wanted.emit(number, node.value, node.then, len(node.children))

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


def _is_container(value: Any) -> bool:
    return isinstance(value, Part) and value.kind != "text"


def _value_text(value: Any) -> str:
    if isinstance(value, Part):
        size = size_text(value.size_bytes)
        return f"{value.head}…" if value.kind == "text" else f"{value.kind}, {size}"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        # Python refuses to write out a number of more than 4,300 digits, and nobody would read it.
        return (
            str(value)
            if value.bit_length() < 10_000
            else numbered(value.bit_length(), Forms("a number of %n bit", "a number of %n bits"))
        )
    if isinstance(value, dict):
        return counted(len(value), "entry", "entries") if value else "{}"
    if isinstance(value, list):
        return counted(len(value), "item") if value else "[]"
    return str(value)


def _cell_text(value: Any) -> str:
    return foreign_text(value if isinstance(value, str) else _value_text(value))


class PayloadTree(QTreeView):
    """Shows a `PayloadModel`; Ctrl+C copies the focused cell as it stands in the payload.

    Signals:
        part_copied(object): the user wants to copy a `Part`.
    """

    part_copied = Signal(object)

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
        self.verticalScrollBar().valueChanged.connect(self._look_further)
        self.payload_model.grew.connect(self._look_further)

    @Slot()
    def _look_further(self) -> None:
        """Read on where the last members that are known are to be seen."""
        if not self.isVisible():
            return
        model = self.payload_model
        index = self.indexAt(self.viewport().rect().bottomLeft())
        if not index.isValid():
            while (rows := model.rowCount(index)) and (not index.isValid() or self.isExpanded(index)):
                index = model.index(rows - 1, 0, index)
        while index.isValid() and self.visualRect(index).bottom() >= 0:
            parent = index.parent()
            if index.row() == model.rowCount(parent) - 1:
                model.read_on(parent)
            index = self.indexAbove(index)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            index = self.currentIndex()
            if index.isValid() and index.column() == 0:
                copy_text(self.payload_model.exact_text(index))
            else:
                self.copy_value()
            return
        super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        index = (
            self.indexAt(event.pos())
            if event.reason() == QContextMenuEvent.Reason.Mouse
            else self.currentIndex()
        )
        if index.isValid():
            self.setCurrentIndex(index)
            self.menu_of(index).popup(event.globalPos())

    def menu_of(self, index: QModelIndex) -> QMenu:
        """Return the menu of a line; it goes when it is closed."""
        menu = QMenu(self)
        menu.setObjectName("metadataMenu")
        menu.aboutToHide.connect(menu.deleteLater)
        value = menu.addAction(self.tr("Copy value"), self.copy_value)
        path = menu.addAction(self.tr("Copy path"), self.copy_path)
        theme.set_icon(value, "copy")
        path.setObjectName("copyPath")
        value.setObjectName("copyValue")
        menu.addSeparator()
        below = menu.addAction(self.tr("Expand all below"), self.expand_below)
        below.setObjectName("expandBelow")
        below.setEnabled(self.payload_model.hasChildren(index.siblingAtColumn(0)))
        menu.addAction(self.tr("Fold all"), self.collapseAll)
        return menu

    @Slot()
    def copy_value(self) -> None:
        """Copy the value of the current line; an object or a list as JSON."""
        index = self.currentIndex()
        if not index.isValid():
            return
        value = self.payload_model.value_at(index)
        if isinstance(value, Part):
            self.part_copied.emit(value)
        elif isinstance(value, dict | list):
            copy_text(json.dumps(value, ensure_ascii=False, indent=2))
        else:
            copy_text(self.payload_model.exact_text(index.siblingAtColumn(1)))

    @Slot()
    def copy_path(self) -> None:
        """Copy where the current line stands in the payload."""
        if self.currentIndex().isValid():
            copy_text(self.payload_model.path_text(self.currentIndex()))

    @Slot()
    def expand_below(self) -> None:
        """Unfold all that is below the current line, as far as `EXPAND_LIMIT` lines."""
        waiting = [self.currentIndex().siblingAtColumn(0)]
        left = EXPAND_LIMIT
        while waiting and left > 0:
            index = waiting.pop(0)
            if not index.isValid() or not self.payload_model.hasChildren(index):
                continue
            if not self.payload_model.rowCount(index):
                self.payload_model.fetchMore(index)
            self.expand(index)
            rows = min(left, self.payload_model.rowCount(index))
            left -= rows
            waiting.extend(self.payload_model.index(row, 0, index) for row in range(rows))


def copy_text(text: str) -> None:
    """Put a text on the clipboard; what is no Unicode in it as question marks."""
    QGuiApplication.clipboard().setText(text.encode("utf-8", "replace").decode("utf-8"))
