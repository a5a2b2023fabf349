"""Rows of other tables that belong to the models of a foreign database: model by model, and no row is left behind.

Tools spread what they know of a model over tables (tags, a person's edits, their history). A record takes its rows
along; what belongs to no record goes into records of its own that fill nothing (`database.TableDump`).
"""

# ruff: noqa: S608 - names of tables and columns go through `quoted`; everything else is bound.

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any

from modelmgr import sqlite
from modelmgr.errors import Unreadable
from modelmgr.lazily import dataclass
from modelmgr.migration.reading.database import (
    Database,
    Key,
    Row,
    Stream,
    Table,
    TableDump,
    dump_tables,
    key_order,
    key_terms,
    quoted,
    stored_terms,
    typed_values,
)
from modelmgr.migration.source import Report
from modelmgr.values import MIB, Problem, Record

RELATED_LIMIT_BYTES = 4 * MIB
"""What one record takes along from other tables; more becomes records of its own that fill nothing."""

_written = json.JSONEncoder(ensure_ascii=False).encode
_ROW_BYTES = 1 * MIB
_SUM_TERMS = 100
_PAIRS_A_ROW = 20


@dataclass(frozen=True, slots=True)
class Link:
    """How rows of a table belong to models.

    Attributes:
        table: the table.
        columns: its columns and those of the models that must be equal, in pairs.
        own: True if its rows are part of what is said about the model: other ones make a new version of the record.
        repeated: True for an index that only repeats the models' own columns: its rows aren't taken along, and
            those that agree with a model aren't kept.
    """

    table: Table
    columns: tuple[tuple[str, str], ...]
    own: bool = False
    repeated: bool = False

    @property
    def condition(self) -> str:
        """Which rows ``t`` belong to model ``m``, in SQL; the plus lets an index of the models' be used."""
        return " AND ".join(f"m.{quoted(theirs)} = +t.{quoted(ours)}" for ours, theirs in self.columns)


def link_of(
    tables: Iterable[Table],
    models: Table,
    name: str,
    columns: Sequence[tuple[str, str]],
    *,
    own: bool = False,
    repeated: bool = False,
) -> Link | None:
    """Return the link to a table by its name in lower case, None if that or a column of it isn't there.

    Args:
        tables: of the database.
        models: the table of the models.
        name: of the linked one.
        columns: pairs of a column of its and one of the models', in lower case.
        own: see `Link`.
        repeated: see `Link`; only if the table has no other columns.
    """
    table = next((table for table in tables if table.name.lower() == name), None)
    if table is None or not table.key_names or not models.key_names:
        return None
    pairs = [(table.column(ours), models.column(theirs)) for ours, theirs in columns]
    found = tuple((ours, theirs) for ours, theirs in pairs if ours is not None and theirs is not None)
    if len(found) < len(columns):
        return None
    return Link(table, found, own, repeated and len(table.columns) == len(found))


class Related:
    """Hands out the rows of linked tables in step with the models.

    Args:
        database: the open copy.
        models: its table of models.
        links: the tables whose rows belong to models, as `link_of` found them.
        others: tables whose rows belong to none; those that are linked after all are left out.
        source: the source id of the records.
        report: told of what can't be read.
    """

    def __init__(
        self,
        database: Database,
        models: Table,
        links: Iterable[Link | None],
        others: Sequence[Table],
        source: str,
        report: Report,
    ) -> None:
        self._database = database
        self._models = models
        self._links = [link for link in links if link is not None]
        linked = {models.name, *(link.table.name for link in self._links)}
        self._others = [table for table in others if table.name not in linked]
        self._source = source
        self._report = report
        self._dump = TableDump(source, database.path)
        self._lost: set[str] = set()
        for link in self._links:
            if self._is_squared(link):
                self._note_lost(link, "Too many rows have the same key.")
        self._streams = [
            (link, Stream(self._joined(link), partial(self._note_lost, link)))
            for link in self._links
            if not link.repeated and link.table.name not in self._lost
        ]

    def take(self, key: Key, extra: dict[str, Any] | None) -> Iterator[Record]:
        """Put the rows of one model into ``extra["related"]``; yields records of what is too much for it.

        Args:
            key: of the model; each call must name a later one.
            extra: of its record; None if there is none, then all rows go into records of their own.
        """
        taken: dict[str, list[Any]] = {}
        own: list[str] = []
        room = RELATED_LIMIT_BYTES
        for link, stream in self._streams:
            for row in stream.take(key):
                said = row.said()
                written = _written(said)
                room -= len(written)
                if extra is not None and room >= 0:
                    taken.setdefault(link.table.name, []).append(said)
                else:
                    yield from self._dump.add(link.table.name, row.key, written)
                if link.own:
                    own.append(written)
        if extra is not None and taken:
            extra["related"] = taken
        if extra is not None and own:
            # Tools rewrite such tables in any order.
            extra["joined"] = hashlib.sha256(
                "\n".join(sorted(own)).encode("utf-8", "surrogatepass")
            ).hexdigest()

    def rest(self) -> Iterator[Record]:
        """Yield, after the last model, the rows that belong to none."""
        for link in self._links:
            if link.table.name in self._lost:
                continue
            join = f"LEFT JOIN main.{quoted(self._models.name)} m ON {link.condition}"
            try:
                yield from self._loose(link.table, join, f"m.{self._models.key_names[0]} IS NULL")
                if not link.repeated:
                    yield from self._loose(link.table, "", f"{_bytes_of(link.table)} > {_ROW_BYTES}")
            except (sqlite.Error, Unreadable) as error:
                self._note_lost(link, error)
        yield from self._dump.rest()
        whole = [link.table for link in self._links if link.table.name in self._lost]
        yield from dump_tables(self._database, self._source, [*whole, *self._others], self._report)

    def _loose(self, table: Table, join: str, condition: str) -> Iterator[Record]:
        for key, size_bytes in self._database.keys(table, join, condition):
            row = self._database.row(table, key, size_bytes)
            if row is not None:
                yield from self._dump.add(table.name, row.key, _written(row.said()))

    def _joined(self, link: Link) -> Iterator[tuple[Key, Row]]:
        """Yield the key of a model and a row of its, in order of the models; large rows are left to `rest`."""
        database, table, models = self._database, link.table, self._models
        size = len(models.key_names) * 2
        start = size + len(table.key_names) * 2
        columns = ", ".join(stored_terms(f"t.{quoted(column)}") for column in table.columns)
        statement = (
            f"SELECT {key_terms(models, 'm')}, {key_terms(table, 't')}, {columns}"
            f" FROM main.{quoted(table.name)} t CROSS JOIN main.{quoted(models.name)} m ON {link.condition}"
            f" WHERE {_bytes_of(table)} <= {_ROW_BYTES}"
            f" ORDER BY {key_order(models, 'm')}, {key_order(table, 't')}"
        )
        for found in database.rows(statement):
            values = dict(zip(table.columns, typed_values(found[start:]), strict=True))
            row_key = database.key_text(typed_values(found[size:start]))
            yield typed_values(found[:size]), Row(table.name, row_key, values, database.codec)

    def _is_squared(self, link: Link) -> bool:
        """Tell whether so many rows would go with so many models that a small file became a huge import.

        Only where neither side's columns are a declared key is there anything to count.
        """
        ours, theirs = zip(*link.columns, strict=True)
        if set(ours) == set(link.table.keys) or set(theirs) == set(self._models.keys):
            return False
        sides = (
            f"(SELECT {', '.join(f'{quoted(name)} AS c{at}' for at, name in enumerate(names))}, count(*) AS n"
            f" FROM main.{quoted(table.name)} GROUP BY {', '.join(quoted(name) for name in names)})"
            for table, names in ((link.table, ours), (self._models, theirs))
        )
        equal = " AND ".join(f"m.c{at} = +t.c{at}" for at in range(len(ours)))
        side, models = sides
        statement = f"SELECT sum(t.n * m.n), sum(t.n), sum(m.n) FROM {side} t JOIN {models} m ON {equal}"
        try:
            pairs, rows, count = next(self._database.rows(statement))
        except (sqlite.Error, Unreadable):
            return False  # whoever reads the rows will tell
        return (pairs or 0) > _PAIRS_A_ROW * ((rows or 0) + (count or 0))

    def _note_lost(self, link: Link, error: Exception | str) -> None:
        self._lost.add(link.table.name)
        why = str(error).rstrip(".")
        message = f"Which rows of the table {link.table.name} belong to which model is not known: {why}."
        self._report(Problem(self._database.path, "unreadable", message, kept=True))


def declared_key(row: Row, table: Table) -> str:
    """Return what names a row over time: its declared primary key as text, of several columns a JSON list.

    A rowid is no name where a tool writes its tables anew. It still is the answer where the key isn't declared, or
    holds a NULL or text that can't be decoded, for then it may not be unique.
    """
    names: list[str] = []
    for column in table.keys:
        storage, value = row.values[column]
        if storage == "null":
            return row.key
        if storage == "text":
            try:
                names.append(value.decode(row.codec))
            except UnicodeDecodeError:
                return row.key
        else:
            names.append(value.hex() if storage == "blob" else str(value))
    if not names:
        return row.key
    return names[0] if len(names) == 1 else json.dumps(names, ensure_ascii=False)


def _bytes_of(table: Table) -> str:
    terms = [f"coalesce(length(CAST(t.{quoted(column)} AS BLOB)), 0)" for column in table.columns]
    sums = [" + ".join(terms[at : at + _SUM_TERMS]) for at in range(0, len(terms), _SUM_TERMS)]
    return f"({' + '.join(f'({part})' for part in sums)})"
