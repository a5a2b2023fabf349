"""Orders of the library view, places in them, and the whole question in SQL; the pending page's too."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from peewee import AutoField, BigIntegerField, BooleanField, IntegerField

from modelmgr.catalog.conditions import Condition, conditions_of
from modelmgr.catalog.schema import ModelTable
from modelmgr.values import SORT_COLUMNS, ModelQuery, PendingQuery
from modelmgr.vocabulary import canonical_type

LEAST_INTEGER = -(2**63)

# Each order ends in the id, so that it is total; an index of `schema.ORDER_INDEXES` serves most of them.
_ORDERS: dict[str, tuple[str, ...]] = {column: (column, "id") for column in SORT_COLUMNS} | {
    "name": ("name COLLATE NOCASE", "id"),
    "type": ("type", "base_model", "name COLLATE NOCASE", "id"),
    "base_model": ("base_model", "name COLLATE NOCASE", "id"),
    "file_name": ("file_name COLLATE NOCASE", "id"),
    "hash_state": ("hash_state", "file_count", "id"),
}


class Key(NamedTuple):
    """One column of an order, with its collation, and whether it descends."""

    column: str
    descending: bool = False

    @property
    def name(self) -> str:
        """The bare column."""
        return self.column.partition(" ")[0]


class Order(NamedTuple):
    """What models are ordered by, the id last.

    Attributes:
        leading: columns that go before, each sorted within the former.
        keys: the rest, which one index holds as a whole.
        index_name: of that index.
    """

    leading: tuple[Key, ...]
    keys: tuple[Key, ...]
    index_name: str

    @property
    def all(self) -> tuple[Key, ...]:
        """Every key in order."""
        return (*self.leading, *self.keys)


def order_of(query: ModelQuery) -> Order:
    """Return the order that a query wants; columns that are named again, or that are none, do nothing."""
    wanted = [(query.sort if query.sort in _ORDERS else "name", query.descending)]
    for column, descending in query.then_by:
        if column in _ORDERS and column not in [former for former, _ in wanted]:
            wanted.append((column, descending))
    leading = tuple(Key(_ORDERS[column][0], descending) for column, descending in wanted[:-1])
    last, descending = wanted[-1]
    return Order(leading, tuple(Key(column, descending) for column in _ORDERS[last]), f"models_{last}")


def ordering(keys: Sequence[Key], *, sorting: bool = False) -> str:
    """Return the ORDER BY clause.

    Args:
        keys: of the order.
        sorting: True where what matches is to be fetched and sorted, and no index of the order to be walked.
    """
    free = "+" if sorting else ""
    return " ORDER BY " + ", ".join(f"{free}{key.column}{' DESC' * key.descending}" for key in keys)


def steps_after(
    keys: Sequence[Key], after: Sequence[Any] | None, *, sorting: bool = False
) -> list[tuple[str, list[Any]]]:
    """Return what comes after a place in the order, as conditions that hold for stretches that follow each other.

    Each is equal in the first columns and beyond in the next, so that an index of the order leads to its beginning
    at once; one condition for all of it would be a comparison of rows, which neither NULLs nor NOCASE allow.

    Args:
        keys: of the order.
        after: the values of its columns there, as they are stored; None for all that there is.
        sorting: as in `ordering`.
    """
    if after is None:
        return [("1", [])]
    free = "+" if sorting else ""
    columns = [f"{free}{key.column}" for key in keys]
    steps: list[tuple[str, list[Any]]] = []
    for place in reversed(range(len(columns))):
        column, value = columns[place], after[place]
        same = [f"{each} IS ?" for each in columns[:place]]
        beyond: list[tuple[str, list[Any]]] = []
        if keys[place].descending:
            # NULLs are first in an ascending order and last in a descending one.
            if value is not None:
                beyond = [(f"{column} < ?", [value])]
                if keys[place].name in _NULLABLE:
                    beyond.append((f"{column} IS NULL", []))
        else:
            beyond = [(f"{column} >= ?", [_least(column)])] if value is None else [(f"{column} > ?", [value])]
        steps += [(" AND ".join([*same, step]), [*after[:place], *more]) for step, more in beyond]
    return steps


_NULLABLE = frozenset(name for name, field in ModelTable._meta.fields.items() if field.null)
NUMBERS = frozenset(
    name
    for name, field in ModelTable._meta.fields.items()
    if isinstance(field, (AutoField, IntegerField, BigIntegerField, BooleanField))
)
"""The columns of `models` that hold whole numbers; the others hold text."""


def _least(column: str) -> int | str:
    """Return a column's least value but NULL: a bound leads an index past the NULLs, IS NOT NULL does not."""
    return LEAST_INTEGER if column.lstrip("+") in NUMBERS else ""


def conditions(query: ModelQuery) -> tuple[str, list[Any]]:
    """Return the WHERE clause (with the word WHERE, or empty) and its parameters, for whoever wants all that match."""
    return where(conditions_of(query))


def where(
    wanted: Sequence[Condition], leader: Condition | None = None, *, walking: bool = False
) -> tuple[str, list[Any]]:
    """Return the WHERE clause of some conditions and its parameters.

    Args:
        wanted: all of them.
        leader: the one that finds the rows; the others test them. None leaves that to the planner.
        walking: True where the rows are at hand anyway.
    """
    parts: list[str] = []
    parameters: list[Any] = []
    for each in wanted:
        if each is leader:
            parts.append(
                each.sql
                if each.sql.startswith("id IN")
                else f"id IN (SELECT id FROM models WHERE {each.sql})"
            )
            parameters += each.parameters
        elif walking or leader is not None:
            parts.append(each.walking)
            parameters += each.walking_parameters
        else:
            parts.append(each.sql)
            parameters += each.parameters
    return (" WHERE " + " AND ".join(parts) if parts else ""), parameters


_PENDING_ORDERS = {
    column: (f"{column} COLLATE NOCASE", "id") if column == "name" else (column, "id")
    for column in ("name", "type", "source", "source_path", "file_path", "state", "problem", "base_model")
}


def pending_conditions(query: PendingQuery) -> tuple[str, list[Any]]:
    """Return the WHERE clause over `pending_models` and its parameters."""
    parts: list[str] = []
    parameters: list[Any] = []
    _one_of(parts, parameters, "state", query.states)
    _one_of(parts, parameters, "source", query.sources)
    _one_of(parts, parameters, "type", {_type(word) for word in query.types})
    if query.problems:
        named = [problem for problem in query.problems if problem != "none"]
        choices = ["problem IS NULL"] if "none" in query.problems else []
        _one_of(choices, parameters, "problem", named)
        parts.append("(" + " OR ".join(choices) + ")")
    for word in query.search.split():
        parts.append("(instr(lower(name), ?) > 0 OR instr(lower(CAST(source_path AS TEXT)), ?) > 0)")
        parameters += [word.lower()] * 2
    return (" WHERE " + " AND ".join(parts) if parts else ""), parameters


def pending_ordering(query: PendingQuery) -> str:
    """Return the ORDER BY clause over `pending_models`."""
    direction = " DESC" if query.descending else ""
    return " ORDER BY " + ", ".join(
        f"{column}{direction}" for column in _PENDING_ORDERS.get(query.sort, ("id",))
    )


def _type(word: str) -> str:
    known = canonical_type(word)
    return word if known == "unknown" else known


def _one_of(parts: list[str], parameters: list[Any], column: str, values: Iterable[Any]) -> None:
    found = list(values)
    if found:
        parts.append(f"{column} IN ({', '.join('?' * len(found))})")
        parameters += found
