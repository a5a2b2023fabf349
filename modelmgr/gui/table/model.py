"""The table's model: the order of all ids in one array, and the rows that are looked at.

Nothing here waits for the catalog. The order comes from a worker as a whole (8 bytes a model); rows come in
pages of 128 by id, when a cell is asked for that isn't known, and are kept by id, so that a new order keeps
what is known. `data` is asked a thousand times a frame: roles are plain integers there, since comparing Qt's
enums in Python makes a frame four times as long.
"""

from array import array
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import field
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
    Signal,
    Slot,
)

from modelmgr.gui import timers
from modelmgr.gui.table.columns import COLUMNS, NAME_COLUMN, Look, column_title, danger_text, is_absent
from modelmgr.gui.tasks import Tasks
from modelmgr.gui.text import plain_tip
from modelmgr.gui.theme import colors
from modelmgr.gui.wanted import FIRST_ROWS, ORDER_AT_ONCE
from modelmgr.lazily import dataclass
from modelmgr.values import Changes, ModelQuery, ModelRow

if TYPE_CHECKING:
    from modelmgr.catalog import Catalog

PAGE_ROWS = 128
KEPT_PAGES = 32
PAGES_A_QUESTION = 4
FILTERED_AT_ONCE = 2_000
"""The same where they must be found first; of more nobody knows how many there are until the order is here."""

FEW_IDS = 3
"""So many ids are looked up one by one (15 ms each in a million); for more the order is walked once."""

SLOW_AFTER_MS = 150
"""So long nothing stands where a row is on its way; then a soft bar does."""

UNKNOWN_TEXT = "…"
Index = QModelIndex | QPersistentModelIndex

_NO_INDEX = QModelIndex()
_NUMBER_ALIGNMENT = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
_TEXT_ALIGNMENT = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
_FLAGS = (
    Qt.ItemFlag.ItemIsSelectable
    | Qt.ItemFlag.ItemIsEnabled
    | Qt.ItemFlag.ItemIsDragEnabled
    | Qt.ItemFlag.ItemNeverHasChildren
)
_EDITABLE = _FLAGS | Qt.ItemFlag.ItemIsEditable
_DISPLAY, _EDIT, _TOOL_TIP, _ALIGNMENT, _FOREGROUND, _ACCESSIBLE, _DESCRIPTION = 0, 2, 3, 7, 9, 11, 12
_TEXT_ROLES = (_DISPLAY, _ACCESSIBLE)


def _no_ids() -> "array[int]":
    return array("q")


@dataclass(frozen=True, slots=True)
class Kept:
    """What should stay where it is for the user when the order changes, by id.

    Attributes:
        ids: of the selected rows.
        current: the row with the focus; `top`: the first visible one.
        serial: tells one selection from the next.
    """

    ids: "array[int]" = field(default_factory=_no_ids)
    current: int | None = None
    top: int | None = None
    serial: int = 0


@dataclass(frozen=True, slots=True)
class Places:
    """Where the kept rows are now: selected stretches (first, last), the current row, the top row."""

    kept: Kept
    stretches: Sequence[tuple[int, int]] = ()
    current: int | None = None
    top: int | None = None


@dataclass(frozen=True, slots=True)
class _First:
    """The answer to a new query: its size and its first rows; the order too where it is short.

    `is_counted` is False where there are more than `count`.
    """

    query: ModelQuery
    count: int
    rows: Sequence[ModelRow]
    order: "array[int] | None" = None
    places: Places | None = None
    is_counted: bool = True


@dataclass(frozen=True, slots=True)
class _Order:
    """The whole order of a query, and what to find in it. `same`: it is that of the array `known`."""

    query: ModelQuery
    ids: "array[int]"
    places: Places
    known: "array[int] | None" = None
    same: bool = False


def find_places(ids: "array[int]", kept: Kept) -> Places:
    """Return where the kept rows stand in `ids`."""

    def place(row_id: int | None) -> int | None:
        if row_id is None:
            return None
        try:
            return ids.index(row_id)
        except ValueError:
            return None

    stretches: list[tuple[int, int]] = []
    if len(kept.ids) <= FEW_IDS:
        stretches = sorted((found, found) for found in map(place, kept.ids) if found is not None)
    else:
        wanted = frozenset(kept.ids)
        first = last = -2
        for row, row_id in enumerate(ids):
            if row_id in wanted:
                if row != last + 1:
                    if first >= 0:
                        stretches.append((first, last))
                    first = row
                last = row
        if first >= 0:
            stretches.append((first, last))
    return Places(kept, stretches, place(kept.current), place(kept.top))


def _load_first(catalog: "Catalog", query: ModelQuery, kept: Kept) -> _First:
    if not query.narrows:
        count = catalog.count(query)
        if count > ORDER_AT_ONCE:
            return _First(query, count, catalog.page(query, FIRST_ROWS))
    else:
        rows = catalog.page(query, FIRST_ROWS)
        if len(rows) == FIRST_ROWS and catalog.count(query, FILTERED_AT_ONCE + 1) > FILTERED_AT_ONCE:
            return _First(query, FILTERED_AT_ONCE, rows, is_counted=False)
    ids = catalog.order(query)
    return _First(query, len(ids), catalog.rows(ids[:FIRST_ROWS]), ids, find_places(ids, kept))


def _load_order(catalog: "Catalog", query: ModelQuery, known: "array[int]", kept: Kept) -> _Order:
    ids = catalog.order(query)
    return _Order(query, ids, find_places(ids, kept), known, ids == known)


def _load_rows(catalog: "Catalog", ids: Sequence[int]) -> tuple[Sequence[int], list[ModelRow]]:
    return ids, catalog.rows(ids)


def _find_named(
    catalog: "Catalog", prefix: str, ids: "array[int]", after: int
) -> tuple["array[int]", int | None]:
    """Return the order that was asked, and the first row from `after` on whose name begins so, round the end."""
    named = frozenset(catalog.named(prefix))
    if not named:
        return ids, None
    for rows in (range(after, len(ids)), range(min(after, len(ids)))):
        for row in rows:
            if ids[row] in named:
                return ids, row
    return ids, None


class LibraryModel(QAbstractTableModel):
    """All models that a query matches, in its order.

    Signals:
        reordered(Places): they have, and there stands what was kept.
        counted(int): how many rows there are, whenever that changes.
        query_changed(ModelQuery): another query is shown from now on.
        rows_arrived(): rows that were asked for are known now.
        sort_asked(str, bool): a view was told to sort by a light column; True is downwards. The catalog sorts.
        renamed(int, str): the user typed a new name for the model of this id.
        typed(ModelRow, object): what stands in the field for its name now; None when nothing of it is wanted.

    Attributes:
        is_slow: rows that are looked at have been on their way for a while.
        keeper: asked for what must be kept, each time before an order is asked for.
    """

    reordered = Signal(object)
    counted = Signal(int)
    query_changed = Signal(object)
    rows_arrived = Signal()
    renamed = Signal(int, str)
    typed = Signal(object, object)
    sort_asked = Signal(str, bool)

    def __init__(self, catalog: "Catalog", tasks: Tasks, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.keeper: Callable[[], Kept] = Kept
        self.is_slow = False
        self._catalog = catalog
        self._tasks = tasks
        self._query = ModelQuery()
        self._count = 0
        self._ids = array("q")
        self._is_complete = True
        self._is_counted = True
        self._rows: OrderedDict[int, ModelRow] = OrderedDict()
        self._stale: set[int] = set()
        self._wanted: OrderedDict[int, None] = OrderedDict()
        self._is_fetching = False
        self._fetch_soon = timers.after(0, self._fetch, self)
        self._slow_soon = timers.after(SLOW_AFTER_MS, self._on_slow, self)
        self._greyed = colors().greyed

    # --- questions --------------------------------------------------------------------------------------

    @property
    def query(self) -> ModelQuery:
        """What is shown, or asked for and about to be shown."""
        return self._query

    @property
    def is_complete(self) -> bool:
        """Whether the whole order is known, not only its first rows."""
        return self._is_complete

    @property
    def is_counted(self) -> bool:
        """Whether it is known how many rows there are; else there are more than it seems."""
        return self._is_counted

    @property
    def ids(self) -> "array[int]":
        """The ids in order, as far as they are known; not to be written to."""
        return self._ids

    def row_at(self, row: int) -> ModelRow | None:
        """Return a row if it is known; else ask for it and return None."""
        if row >= len(self._ids):
            self._begin_waiting()
            return None
        row_id = self._ids[row]
        found = self._rows.get(row_id)
        if found is None or row_id in self._stale:
            self._want(row)
        if found is None:
            self._begin_waiting()
        return found

    def id_at(self, row: int) -> int | None:
        """Return the id of a row, as far as the order is known."""
        return self._ids[row] if row < len(self._ids) else None

    def known(self, row_id: int) -> ModelRow | None:
        """Return the row with this id if it is known."""
        return self._rows.get(row_id)

    # --- what is shown ----------------------------------------------------------------------------------

    def load_at_once(self, query: ModelQuery) -> None:
        """Show the first rows of `query` before returning: for the first paint, a millisecond or two."""
        self._query = query
        rows, count = self._catalog.first_page(query, FIRST_ROWS, ORDER_AT_ONCE + 1)
        is_counted = count <= ORDER_AT_ONCE
        self._show_first(_First(query, min(count, ORDER_AT_ONCE), rows, is_counted=is_counted))

    def show_query(self, query: ModelQuery) -> None:
        """Show another query; what was shown stays until its first rows are here."""
        if query == self._query:
            return
        self._query = query
        for kind in ("first", "order"):
            # What was asked before is of no use to anybody now.
            self._tasks.drop((id(self), kind))
        question = partial(_load_first, self._catalog, query, self.keeper())
        self._tasks.ask(question, self._show_first, key=(id(self), "first"))
        self.query_changed.emit(query)

    def refresh(self, changes: Changes) -> None:
        """Take in news: known rows are asked for again when they are looked at, and the order is renewed."""
        if changes.ids is None:
            self._stale.update(self._rows)
        else:
            self._stale.update(row_id for row_id in changes.ids if row_id in self._rows)
        self._touch_all()
        self._ask_order()

    def put_row(self, row: ModelRow) -> None:
        """Show a changed row at once, before the catalog's news has come."""
        self._remember([row])
        self._touch_all()

    def ask_rows(self, ids: Sequence[int], answer: Callable[[list[ModelRow]], None]) -> None:
        """Have `answer` called with the rows of these ids, wherever they stand."""
        self._tasks.ask(partial(self._catalog.rows, ids), answer)

    def find_named(self, prefix: str, after: int, answer: Callable[[int], None]) -> None:
        """Have `answer` called with the first row from `after` on whose name begins so; not if there is none."""
        question = partial(_find_named, self._catalog, prefix, self._ids, after)
        self._tasks.ask(question, partial(self._on_named, answer), key=(id(self), "named"))

    def _on_named(self, answer: Callable[[int], None], found: tuple["array[int]", int | None]) -> None:
        ids, row = found
        if row is not None and ids is self._ids:
            answer(row)

    @Slot(object)
    def _show_first(self, first: _First) -> None:
        if first.query != self._query:
            return
        if first.order is not None and first.places is not None:
            self._remember(first.rows)
            self._take_order(_Order(first.query, first.order, first.places))
            return
        kept = self.keeper()
        self.beginResetModel()
        self._remember(first.rows)
        self._ids = array("q", (row.id for row in first.rows))
        self._is_complete = first.is_counted and len(self._ids) >= first.count
        self._is_counted = first.is_counted
        self._count = max(first.count, len(self._ids))
        self.endResetModel()
        self.counted.emit(self._count)
        self.reordered.emit(Places(kept))
        if not self._is_complete:
            self._ask_order()

    def _ask_order(self) -> None:
        question = partial(_load_order, self._catalog, self._query, self._ids, self.keeper())
        self._tasks.ask(question, self._take_order, key=(id(self), "order"))

    @Slot(object)
    def _take_order(self, order: _Order) -> None:
        self._end_waiting()
        if order.query != self._query or (order.same and order.known is self._ids):
            return
        kept = self.keeper()
        places = order.places
        if kept.serial != places.kept.serial:
            # The user has selected something else meanwhile. Few rows are found at once; many are looked for
            # again by the worker.
            if len(kept.ids) > FEW_IDS:
                self._ask_order()
                return
            places = find_places(order.ids, kept)
        known = len(self._ids)
        is_right = not self._is_complete and order.ids[:known] == self._ids
        if is_right and not self._is_counted and len(order.ids) > self._count:
            self.beginInsertRows(QModelIndex(), self._count, len(order.ids) - 1)
            self._count = len(order.ids)
            self._is_counted = True
            self.endInsertRows()
            self.counted.emit(self._count)
        if is_right and len(order.ids) == self._count:
            # The first page was right: the rest slips in behind it, unseen.
            self._ids = order.ids
            self._is_complete = self._is_counted = True
            self.dataChanged.emit(self.index(known, 0), self.index(self._count - 1, len(COLUMNS) - 1))
            self.reordered.emit(places)
            return
        self.beginResetModel()
        self._ids = order.ids
        self._count = len(order.ids)
        self._is_complete = self._is_counted = True
        self._wanted.clear()
        self.endResetModel()
        self.counted.emit(self._count)
        self.reordered.emit(places)

    # --- rows -------------------------------------------------------------------------------------------

    def _want(self, row: int) -> None:
        page = row // PAGE_ROWS
        if page in self._wanted:
            return
        self._wanted[page] = None
        if not self._is_fetching and not self._fetch_soon.isActive():
            self._fetch_soon.start()

    def _begin_waiting(self) -> None:
        if not self.is_slow and not self._slow_soon.isActive():
            self._slow_soon.start()

    @Slot()
    def _on_slow(self) -> None:
        self.is_slow = True
        self._touch_all()

    def _end_waiting(self) -> None:
        self._slow_soon.stop()
        self.is_slow = False

    @Slot()
    def _fetch(self) -> None:
        """Ask for the pages wanted last; older wishes are those of rows that were scrolled past."""
        ids: list[int] = []
        for _ in range(min(PAGES_A_QUESTION, len(self._wanted))):
            page, _none = self._wanted.popitem()
            some = self._ids[page * PAGE_ROWS : (page + 1) * PAGE_ROWS]
            ids += [row_id for row_id in some if row_id not in self._rows or row_id in self._stale]
        self._wanted.clear()
        if ids:
            self._is_fetching = True
            self._tasks.ask(
                partial(_load_rows, self._catalog, ids), self._on_rows, failed=self._on_rows_failed
            )

    @Slot(object)
    def _on_rows(self, answer: tuple[Sequence[int], list[ModelRow]]) -> None:
        asked, rows = answer
        self._is_fetching = False
        self._end_waiting()
        self._remember(rows)
        gone = set(asked).difference(row.id for row in rows)
        for row_id in gone:
            self._rows.pop(row_id, None)
            self._stale.discard(row_id)
        self._touch_all()
        self.rows_arrived.emit()
        if self._wanted:
            # Wishes of the time while this answer was on its way; their cells have been painted already.
            self._fetch_soon.start()
        if gone:
            self._ask_order()

    def _on_rows_failed(self, error: Exception) -> None:
        self._is_fetching = False
        self._wanted.clear()
        self._tasks.failed.emit(self.tr("Rows could not be read"), error)

    def _remember(self, rows: Iterable[ModelRow]) -> None:
        for row in rows:
            self._rows[row.id] = row
            self._rows.move_to_end(row.id)
            self._stale.discard(row.id)
        while len(self._rows) > PAGE_ROWS * KEPT_PAGES:
            row_id, _row = self._rows.popitem(last=False)
            self._stale.discard(row_id)

    def _touch_all(self) -> None:
        # A view repaints what is visible of it, and no more.
        if self._count:
            self.dataChanged.emit(self.index(0, 0), self.index(self._count - 1, len(COLUMNS) - 1))

    @Slot()
    def take_palette(self) -> None:
        """Take the colours of a new palette."""
        self._greyed = colors().greyed
        self._touch_all()

    # --- Qt ---------------------------------------------------------------------------------------------

    def rowCount(self, parent: Index = _NO_INDEX) -> int:
        return 0 if parent.isValid() else self._count

    def columnCount(self, parent: Index = _NO_INDEX) -> int:
        return 0 if parent.isValid() else len(COLUMNS)

    def data(self, index: Index, role: int = _DISPLAY) -> Any:
        if role in _TEXT_ROLES:
            row = self.row_at(index.row())
            if row is None:
                return UNKNOWN_TEXT
            return COLUMNS[index.column()].text(row)
        if role == _ALIGNMENT:
            return _NUMBER_ALIGNMENT if COLUMNS[index.column()].look is Look.NUMBER else _TEXT_ALIGNMENT
        if role == _FOREGROUND:
            row = self.row_at(index.row())
            return self._greyed if row is not None and is_absent(row) else None
        if role == _TOOL_TIP:
            row = self.row_at(index.row())
            if row is None:
                return None
            column = COLUMNS[index.column()]
            return column.tip(row) if column.tip is not None else plain_tip(column.text(row))
        if role == _DESCRIPTION and index.column() == NAME_COLUMN:
            # What the badge beside the name says to those who see it.
            row = self.row_at(index.row())
            return danger_text(row.danger) if row is not None else None
        if role == _EDIT:
            row = self.row_at(index.row())
            return row.name if row is not None and index.column() == NAME_COLUMN else None
        return None

    def setData(self, index: Index, value: Any, role: int = _EDIT) -> bool:
        row = self.row_at(index.row()) if index.isValid() else None
        if role != _EDIT or row is None or index.column() != NAME_COLUMN:
            return False
        name = str(value).strip()
        if not name or name == row.name:
            return False
        self.put_row(row._replace(name=name))
        self.renamed.emit(row.id, name)
        return True

    def flags(self, index: Index) -> Qt.ItemFlag:
        if not index.isValid():
            return Qt.ItemFlag.NoItemFlags
        return _EDITABLE if index.column() == NAME_COLUMN else _FLAGS

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        if 0 <= column < len(COLUMNS):
            self.sort_asked.emit(COLUMNS[column].sort, order == Qt.SortOrder.DescendingOrder)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = _DISPLAY) -> Any:
        if orientation != Qt.Orientation.Horizontal or not 0 <= section < len(COLUMNS):
            return None
        column = COLUMNS[section]
        if role == _DISPLAY:
            return column_title(column)
        if role == _ALIGNMENT:
            return _NUMBER_ALIGNMENT if column.look is Look.NUMBER else _TEXT_ALIGNMENT
        return None
