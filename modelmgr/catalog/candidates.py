"""Which models may match, as far as indexes tell: counted, listed, and marked by one byte a model."""

import sys
from array import array
from collections.abc import Sequence
from typing import Any, NamedTuple

from modelmgr.catalog import engine, short_words
from modelmgr.catalog.conditions import Condition

COUNTED, COUNTED_WORDS = 250_000, 12_000
"""More than that need not be told apart; the index of words is slower."""


RARE_COUNTED = 20_000
"""The same of what is rare, of which the number itself matters."""


class Counted(NamedTuple):
    """For how many models a condition holds: about, and not more than was counted; None if nobody can tell.

    Attributes:
        ids: the statement that gives them, and its parameters.
        listed: the ids themselves, where it takes as long to count them.
    """

    number: int | None
    is_all: bool = True
    ids: tuple[str, list[Any]] = ("", [])
    listed: "array[int] | None" = None

    @property
    def few(self) -> int | None:
        """The number if it is known to be all."""
        return self.number if self.is_all else None


def counted(
    reader: engine.Database,
    condition: Condition,
    most: int = COUNTED,
    by: tuple[str, list[Any]] | None = None,
) -> Counted:
    """Count in indexes for how many models a condition holds, or may hold, up to `most`.

    Args:
        reader: where to ask.
        condition: what holds.
        most: no more are counted.
        by: what `ids_of` says of it, if that is known.
    """
    ids, parameters = ids_of(reader, condition) if by is None else by
    if not ids:
        return Counted(None)
    if "model_search" in ids:
        found = listed(reader, f"SELECT * FROM ({ids} LIMIT {COUNTED_WORDS})", parameters)
        return Counted(len(found), len(found) < COUNTED_WORDS, (ids, parameters), found)
    (number,) = reader.execute_sql(f"SELECT count(*) FROM ({ids} LIMIT ?)", [*parameters, most]).fetchone()
    return Counted(number, number < most, (ids, parameters))


def ids_of(reader: engine.Database, condition: Condition) -> tuple[str, list[Any]]:
    """Return the statement that gives all models for which a condition may hold; it is empty where no index tells."""
    parts = [(condition.ids, list(condition.ids_parameters))] if condition.ids else []
    for word in condition.short:
        found = short_words.ids_with(reader, word)
        if found is None:
            return "", []
        parts.append(found)
    if not parts:
        return "", []
    ids = " UNION ALL ".join(f"SELECT * FROM ({sql})" for sql, _ in parts) if len(parts) > 1 else parts[0][0]
    return ids, [value for _, values in parts for value in values]


def listed(
    reader: engine.Database, ids: str, parameters: Sequence[Any], marks: bytes | None = None
) -> "array[int]":
    """Return the ids that a statement gives, of those that are marked."""
    marked = "" if marks is None else " WHERE substr(?, id, 1) = x'01'"
    # In one value: to take them row by row takes twice as long, and other threads would have to wait.
    (text,) = reader.execute_sql(
        f"WITH found(id) AS ({ids}) SELECT group_concat(printf('%08x', id), '') FROM found{marked}",
        [*parameters, *(() if marks is None else (marks,))],
    ).fetchone()
    found = array("I", bytes.fromhex(text or ""))
    if sys.byteorder == "little":
        found.byteswap()
    return found


def fewest(counts: Sequence[Counted]) -> Counted | None:
    """Return what holds for the fewest models, if that is known."""
    return min(
        (each for each in counts if each.few is not None), key=lambda each: each.few or 0, default=None
    )


def marks_of(ids: "array[int]", models: int) -> bytes:
    """Return one byte a model, 1 for each of these."""
    marks = bytearray(models)
    for row_id in ids:
        marks[row_id - 1] = 1
    return bytes(marks)


class Known:
    """What is known of a question, for all of its parts.

    Args:
        reader: where to ask.
    """

    def __init__(self, reader: engine.Database) -> None:
        self.reader = reader
        (last,) = reader.execute_sql("SELECT max(id) FROM models").fetchone()
        self.models = max(last or 0, 1)
        self._counts: dict[Condition, Counted] = {}
        self._ids: dict[Condition, tuple[str, list[Any]]] = {}
        self._lists: dict[Condition, array[int]] = {}
        self._several: tuple[Sequence[Condition], array[int]] | None = None

    def ids(self, condition: Condition) -> tuple[str, list[Any]]:
        """See `ids_of`."""
        if condition not in self._ids:
            self._ids[condition] = ids_of(self.reader, condition)
        return self._ids[condition]

    def count(self, condition: Condition) -> int | None:
        """Return for how many models a condition holds if they are few; it is countable."""
        if condition not in self._counts:
            found = counted(self.reader, condition, RARE_COUNTED, self.ids(condition))
            self._counts[condition] = found
            if found.listed is not None and found.is_all:
                self._lists[condition] = found.listed
        return self._counts[condition].few

    def is_listed(self, condition: Condition) -> bool:
        """Return whether the ids of a condition are at hand."""
        return condition in self._lists

    def listed(self, conditions: Sequence[Condition]) -> "array[int]":
        """Return the ids of those models for which all of these may hold."""
        if self._several is not None and self._several[0] == conditions:
            return self._several[1]
        found: array[int] | None = None
        for each in conditions:
            known = self._lists.get(each)
            if found is None:
                if known is None:
                    known = self._lists[each] = listed(self.reader, *self.ids(each))
                found = known
            else:
                marks = marks_of(found, self.models)
                if known is not None:
                    found = array("I", [row_id for row_id in known if marks[row_id - 1]])
                else:
                    found = listed(self.reader, *self.ids(each), marks)
        assert found is not None
        self._several = conditions, found
        return found
