"""The table of pending models: the order of all ids in one array, and the rows that are looked at.

It keeps the rules of the library table: the order comes from a worker as a whole, rows come in pages by id when
a cell is asked for that isn't known, and `data` touches nothing but what lies ready, by plain integer roles.
Texts are made once, when a row arrives. No question here reads a payload.
"""

from array import array
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QCoreApplication,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
    Signal,
    Slot,
)

from modelmgr.catalog import Catalog
from modelmgr.gui import timers
from modelmgr.gui.cells import STATE_ROLE
from modelmgr.gui.reasons import DECISIONS, NO_FILE, explanation, name_in, reason, source_label
from modelmgr.gui.tasks import Tasks
from modelmgr.gui.text import foreign_text, plain_tip, type_label
from modelmgr.lazily import dataclass
from modelmgr.values import PendingModel, PendingQuery, PendingState

PAGE_ROWS = 128
KEPT_ROWS = 64 * PAGE_ROWS
PAGES_A_QUESTION = 4

UNKNOWN_TEXT = "…"
Index = QModelIndex | QPersistentModelIndex

_NO_INDEX = QModelIndex()
_FLAGS = Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemNeverHasChildren
_DISPLAY, _TOOL_TIP, _ALIGNMENT, _ACCESSIBLE = 0, 3, 7, 11

NAME, WHY, TYPE, BASE, SOURCE, WHERE, FILE = range(7)


@dataclass(frozen=True, slots=True)
class _Column:
    """One column: its width in a window of usual size, the least that says something, its share of what is over."""

    title: str
    sort: str
    width: int
    least: int
    share: int


COLUMNS = (
    _Column("Name", "name", 190, 150, 4),
    _Column("Why", "problem", 232, 226, 0),
    _Column("Type", "type", 98, 80, 1),
    _Column("Base model", "base_model", 98, 76, 0),
    _Column("Source", "source", 136, 96, 0),
    _Column("Where", "source_path", 172, 76, 3),
    _Column("File", "file_path", 136, 76, 3),
)


def state_of(row: PendingModel) -> str:
    """Return the word of the mark that stands before the reason."""
    if row.state == PendingState.PROMOTED:
        return "promoted"
    if row.state == PendingState.DISMISSED:
        return "dismissed"
    if row.problem is None:
        return "ready"
    if row.problem in NO_FILE:
        return "missing"
    return "problem" if row.problem in DECISIONS else "pending"


@dataclass(frozen=True, slots=True)
class _Known:
    """A row with what its cells show, made once."""

    row: PendingModel
    texts: tuple[str, ...]
    state: str


def _known(row: PendingModel) -> _Known:
    # The folder is told by the tool tip and by the record itself; cut in the middle it would say nothing.
    where = " · ".join(part for part in (name_in(row.source_path), row.record_key) if part)
    texts = (
        foreign_text(row.name),
        reason(row.problem, row.state),
        type_label(row.type),
        foreign_text(row.base_model),
        source_label(row.source),
        foreign_text(where),
        foreign_text(name_in(row.file_path or "")),
    )
    return _Known(row, texts, state_of(row))


@dataclass(frozen=True, slots=True)
class _Order:
    """The answer to the question for an order; it carries the question."""

    query: PendingQuery
    ids: "array[int]"


def _load_order(catalog: Catalog, query: PendingQuery) -> _Order:
    return _Order(query, catalog.pending_order(query))


def _load_rows(
    catalog: Catalog, generation: int, ids: Sequence[int]
) -> tuple[int, Sequence[int], list[PendingModel]]:
    return generation, ids, catalog.pending_rows(ids)


class PendingTable(QAbstractTableModel):
    """All pending models that a query matches, in its order.

    Signals:
        reordered(): the rows are those of the newest order; `ids` and the counts are right.
        about_to_reorder(): they are going to be.
        rows_arrived(): rows that were asked for are known now.
    """

    about_to_reorder = Signal()
    reordered = Signal()
    rows_arrived = Signal()

    def __init__(self, catalog: Catalog, tasks: Tasks, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._catalog = catalog
        self._tasks = tasks
        self._query: PendingQuery | None = None
        self._ids = array("q")
        self._rows: OrderedDict[int, _Known] = OrderedDict()
        self._stale: set[int] = set()
        self._wanted: OrderedDict[int, None] = OrderedDict()
        self._generation = 0
        self._is_fetching = False
        self._is_loaded = False
        self._fetch_soon = timers.after(0, self._fetch, self)

    # --- questions --------------------------------------------------------------------------------------

    @property
    def ids(self) -> "array[int]":
        """The ids in order; not to be written to."""
        return self._ids

    @property
    def query(self) -> PendingQuery | None:
        """What is shown, or asked for and about to be shown."""
        return self._query

    @property
    def is_loaded(self) -> bool:
        """Whether the order of the present query has come."""
        return self._is_loaded

    def known(self, row_id: int) -> PendingModel | None:
        """Return the row with this id if it is known."""
        found = self._rows.get(row_id)
        return None if found is None else found.row

    def ids_between(self, stretches: Iterable[tuple[int, int]]) -> list[int]:
        """Return the ids of some stretches of rows (first, last)."""
        ids: list[int] = []
        for first, last in sorted(stretches):
            ids += self._ids[first : last + 1]
        return ids

    # --- what is shown ----------------------------------------------------------------------------------

    def show_query(self, query: PendingQuery) -> None:
        """Show what `query` matches; what was shown stays until the new order is here."""
        if query != self._query:
            self._query = query
            self._is_loaded = False
        self._ask_order()

    def reload(self) -> None:
        """Take in news: every known row may have changed, and so may the order."""
        if self._query is None:
            return
        self._generation += 1
        self._stale.update(self._rows)
        self._ask_order()

    def _ask_order(self) -> None:
        if self._query is not None:
            question = partial(_load_order, self._catalog, self._query)
            self._tasks.ask(question, self._take_order, key=(id(self), "order"))

    @Slot(object)
    def _take_order(self, order: _Order) -> None:
        if order.query != self._query:
            return
        self._is_loaded = True
        if order.ids == self._ids:
            self._touch_all()
            self.reordered.emit()
            return
        known = len(self._ids)
        self.about_to_reorder.emit()
        if known and order.ids[:known] == self._ids:
            # An import adds at the end, once a second: nothing that the user looks at has moved.
            self.beginInsertRows(_NO_INDEX, known, len(order.ids) - 1)
            self._ids = order.ids
            self.endInsertRows()
        else:
            self.beginResetModel()
            self._ids = order.ids
            self._wanted.clear()
            self.endResetModel()
        self._touch_all()
        self.reordered.emit()

    # --- rows -------------------------------------------------------------------------------------------

    def _known_at(self, row: int) -> _Known | None:
        if row >= len(self._ids):
            return None
        row_id = self._ids[row]
        found = self._rows.get(row_id)
        if found is None or row_id in self._stale:
            self._want(row)
        return found

    def _want(self, row: int) -> None:
        page = row // PAGE_ROWS
        if page in self._wanted:
            return
        self._wanted[page] = None
        if not self._is_fetching and not self._fetch_soon.isActive():
            self._fetch_soon.start()

    @Slot()
    def _fetch(self) -> None:
        """Ask for the pages wanted last; older wishes are those of rows that were scrolled past."""
        ids: list[int] = []
        for _ in range(min(PAGES_A_QUESTION, len(self._wanted))):
            page, _none = self._wanted.popitem()
            some = self._ids[page * PAGE_ROWS : (page + 1) * PAGE_ROWS]
            ids += [row_id for row_id in some if row_id not in self._rows or row_id in self._stale]
        self._wanted.clear()
        if not ids:
            return
        self._is_fetching = True
        question = partial(_load_rows, self._catalog, self._generation, ids)
        self._tasks.ask(question, self._take_rows, failed=self._on_rows_failed)

    @Slot(object)
    def _take_rows(self, answer: tuple[int, Sequence[int], list[PendingModel]]) -> None:
        generation, asked, rows = answer
        self._is_fetching = False
        for row in rows:
            self._rows[row.id] = _known(row)
            self._rows.move_to_end(row.id)
        if generation == self._generation:
            self._stale.difference_update(asked)
        for row_id in set(asked).difference(row.id for row in rows):
            self._rows.pop(row_id, None)
        while len(self._rows) > KEPT_ROWS:
            row_id, _old = self._rows.popitem(last=False)
            self._stale.discard(row_id)
        self._go_on_fetching()
        self._touch_all()
        self.rows_arrived.emit()

    def _go_on_fetching(self) -> None:
        """Ask for what was wanted while another answer was on its way."""
        if self._wanted:
            self._fetch_soon.start()

    def _on_rows_failed(self, error: Exception) -> None:
        self._is_fetching = False
        self._wanted.clear()
        self._tasks.failed.emit(self.tr("The pending records could not be read"), error)

    def _touch_all(self) -> None:
        # A view repaints what is visible of it, and no more.
        if self._ids:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._ids) - 1, len(COLUMNS) - 1))

    # --- Qt ---------------------------------------------------------------------------------------------

    def rowCount(self, parent: Index = _NO_INDEX) -> int:
        return 0 if parent.isValid() else len(self._ids)

    def columnCount(self, parent: Index = _NO_INDEX) -> int:
        return 0 if parent.isValid() else len(COLUMNS)

    def data(self, index: Index, role: int = _DISPLAY) -> Any:
        if role in (_DISPLAY, _ACCESSIBLE):
            known = self._known_at(index.row())
            return UNKNOWN_TEXT if known is None else known.texts[index.column()]
        if role == STATE_ROLE:
            known = self._known_at(index.row()) if index.column() == WHY else None
            return None if known is None else known.state
        if role == _TOOL_TIP:
            known = self._known_at(index.row())
            if known is None:
                return None
            if index.column() == WHY:
                return plain_tip(explanation(known.row.problem, known.row.state))
            whole = {WHERE: known.row.source_path, FILE: known.row.file_path}.get(index.column())
            return plain_tip(whole or known.texts[index.column()])
        return None

    def flags(self, index: Index) -> Qt.ItemFlag:
        return _FLAGS if index.isValid() else Qt.ItemFlag.NoItemFlags

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = _DISPLAY) -> Any:
        if orientation != Qt.Orientation.Horizontal or not 0 <= section < len(COLUMNS):
            return None
        if role == _DISPLAY:
            return QCoreApplication.translate("PendingColumns", COLUMNS[section].title)
        if role == _ALIGNMENT:
            return int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        return None
