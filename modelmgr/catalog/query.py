"""Orders of the library view, places in them, and the whole question in SQL; the pending page's too."""

from collections.abc import Iterable, Sequence
from typing import Any

from peewee import AutoField, BigIntegerField, BooleanField, IntegerField

from modelmgr.catalog import engine
from modelmgr.catalog.conditions import Condition, conditions_of
from modelmgr.catalog.orders import TABLE as TABLE
from modelmgr.catalog.orders import Key as Key
from modelmgr.catalog.orders import Order as Order
from modelmgr.catalog.orders import order_of as order_of
from modelmgr.catalog.orders import ordering as ordering
from modelmgr.catalog.schema import ModelTable
from modelmgr.values import ModelQuery, PendingQuery, folded
from modelmgr.vocabulary import canonical_type

LEAST_INTEGER, GREATEST_INTEGER = -(2**63), 2**63 - 1


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
                if keys[place].name not in _NEVER_NULL:
                    beyond.append((f"{column} IS NULL", []))
        else:
            beyond = (
                [(f"{column} > ?", [value])]
                if value is not None
                else [(f"{column} >= ?", [_least(keys[place])])]
            )
        steps += [(" AND ".join([*same, step]), [*after[:place], *more]) for step, more in beyond]
    return steps


_NEVER_NULL = frozenset(name for name, field in ModelTable._meta.fields.items() if not field.null)
NUMBERS = frozenset(
    name
    for name, field in ModelTable._meta.fields.items()
    if isinstance(field, (AutoField, IntegerField, BigIntegerField, BooleanField))
)
"""The columns of `models` that hold whole numbers; the others hold text."""


def _least(key: Key) -> int | str:
    """Return a column's least value but NULL: a bound leads an index past the NULLs, IS NOT NULL does not."""
    return LEAST_INTEGER if key.name in NUMBERS else ""


def conditions(query: ModelQuery) -> tuple[str, list[Any]]:
    """Return the WHERE clause (with the word WHERE, or empty) and its parameters, for whoever wants all that match."""
    return where(conditions_of(query))


def where(wanted: Sequence[Condition], *, walking: bool = False) -> tuple[str, list[Any]]:
    """Return the WHERE clause of some conditions and its parameters.

    Args:
        wanted: all of them.
        walking: True where the rows are at hand anyway.
    """
    parts: list[str] = []
    parameters: list[Any] = []
    for each in wanted:
        parts.append(each.walking if walking else each.sql)
        parameters += each.walking_parameters if walking else each.parameters
    return (" WHERE " + " AND ".join(parts) if parts else ""), parameters


PENDING_SORTS = {
    column: (f"{column} COLLATE NOCASE", "id") if column == "name" else (column, "id")
    for column in ("name", "type", "source", "source_path", "file_path", "state", "problem", "base_model")
}


_PENDING_WORD = " OR ".join(
    f"instr({engine.fold(text)}, ?) > 0" for text in ("name", "CAST(source_path AS TEXT)")
)


def pending_conditions(query: PendingQuery) -> tuple[str, list[Any]]:
    """Return the WHERE clause over `pending_models` and its parameters."""
    parts: list[str] = []
    parameters: list[Any] = []
    _one_of(parts, parameters, "state", query.states)
    _one_of(parts, parameters, "source", query.sources)
    _one_of(parts, parameters, "type", pending_types(query))
    if query.problems:
        named = [problem for problem in query.problems if problem != "none"]
        choices = ["problem IS NULL"] if "none" in query.problems else []
        _one_of(choices, parameters, "problem", named)
        parts.append("(" + " OR ".join(choices) + ")")
    for word in query.search.split():
        parts.append(f"({_PENDING_WORD})")
        parameters += [folded(word)] * 2
    return (" WHERE " + " AND ".join(parts) if parts else ""), parameters


def pending_types(query: PendingQuery) -> set[str]:
    """Return the types that are let through, as the catalog writes them; none means all."""
    return {_type(word) for word in query.types}


def pending_ordering(query: PendingQuery) -> str:
    """Return the ORDER BY clause over `pending_models`."""
    direction = " DESC" if query.descending else ""
    return " ORDER BY " + ", ".join(
        f"{column}{direction}" for column in PENDING_SORTS.get(query.sort, ("id",))
    )


def _type(word: str) -> str:
    known = canonical_type(word)
    return word if known == "unknown" else known


def _one_of(parts: list[str], parameters: list[Any], column: str, values: Iterable[Any]) -> None:
    found = list(values)
    if found:
        parts.append(f"{column} IN ({', '.join('?' * len(found))})")
        parameters += found
