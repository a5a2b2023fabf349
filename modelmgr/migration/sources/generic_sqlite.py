"""SQLite databases of scripts: any with a table ``models`` that has at least ``sha256`` and ``name``.

The database is read from a private copy, through tables only: no view, trigger or virtual table of a stranger
runs. A row's JSON column is the payload as it is stored; the other columns stand in `extra`, each with its storage
class. What other tables say about a model stands there too; their remaining rows go with the first record.
"""

# ruff: noqa: S608 - names of tables and columns go through `quoted`; everything else is bound.

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from modelmgr import sqlite
from modelmgr.errors import Unreadable
from modelmgr.migration.reading.database import (
    DATABASE_SUFFIXES,
    OF_NO_MODEL,
    Database,
    Key,
    Stream,
    Table,
    TableDump,
    Value,
    is_dump,
    key_order,
    key_terms,
    opened,
    plain_columns,
    quoted,
    stored_terms,
    typed_values,
)
from modelmgr.migration.reading.database import Row as DatabaseRow
from modelmgr.migration.source import Container, Report
from modelmgr.migration.sources.civitai import CONTAINS_SECRET, UNPARSED
from modelmgr.migration.sources.generic_columns import (
    ALIASES,
    PAYLOAD_ALIASES,
    SCALE,
    UNKNOWN_SCALE,
    Row,
    claims_of,
    normal_name,
    transcoded,
    unwrap,
)
from modelmgr.migration.sources.table_source import Tables, TableSource, columns_of
from modelmgr.payload import PARSE_LIMIT_BYTES, contains_secret, parse, text
from modelmgr.progress import Progress
from modelmgr.values import MIB, Claims, Problem, Record

RELATED_LIMIT_BYTES = 4 * MIB
"""What one record takes along from other tables; more becomes records of its own that fill nothing."""

_TAG_NAMES = ("name", "tag", "label", "title")

# A database that the user named is looked at under any name but these, which are surely something else.
_OTHER_SUFFIXES = frozenset(
    f".{suffix}"
    for suffix in (
        *("png", "jpg", "jpeg", "webp", "gif", "avif", "jxl", "bmp", "tiff", "mp4", "webm", "mov", "pdf"),
        *("json", "jsonl", "ndjson", "csv", "tsv", "txt", "md", "yaml", "yml", "html", "htm", "log", "py"),
        *("info", "url", "sha256", "7z", "gz", "tar", "rar"),
    )
)
_VAGUE_PAYLOADS = frozenset(["metadata", "meta", "raw", "extra"])


class GenericSqlite(TableSource):
    """See the module."""

    id = "generic-sqlite"
    record_ids = ("generic-sqlite",)

    def wants(self, name: str, named: bool) -> bool:
        """Want names of databases, and whatever the user named that isn't surely something else."""
        suffix = os.path.splitext(name)[1].lower()
        return suffix in DATABASE_SUFFIXES or (named and suffix not in _OTHER_SUFFIXES)

    def is_ours(self, tables: Tables, container: Container) -> bool:
        """Tell by the table, if the database isn't a catalog of our own; other tools' come before in the order."""
        return columns_of(tables, "models") >= {"sha256", "name"} and "pending_models" not in tables

    def records(self, container: Container, progress: Progress, report: Report) -> Iterator[Record]:
        """Yield a record for each row of ``models``, in order of its key."""
        with opened(container.path, progress, report) as reader:
            yield from _Import(container.path, reader, progress, report).records()

    def claims(self, record: Record, siblings: frozenset[str], sha256: str | None = None) -> Claims:
        """Return what a row says: its columns first, then its JSON."""
        extra = record.extra or {}
        if is_dump(extra):
            return OF_NO_MODEL
        columns, tags = extra.get("columns"), extra.get("tags")
        row = Row(
            list(plain_columns(columns).items()),
            siblings=siblings,
            folder=os.path.dirname(record.source_path),
            tags=tuple(str(tag) for tag in tags) if isinstance(tags, list | tuple) else (),
            scale_unknown=extra.get(SCALE) == UNKNOWN_SCALE,
        )
        if contains_secret(record.payload):
            row.flag(CONTAINS_SECRET)
        if extra.get("made"):
            return claims_of(row, None, sha256=sha256)
        content = record.payload
        if isinstance(encoding := extra.get("encoding"), str):
            content = transcoded(content, encoding)
        found = parse(content)
        nested = found
        if isinstance(found.value, str):
            nested = unwrap(found.value)
        elif not found.ok and len(content) <= PARSE_LIMIT_BYTES:
            nested = unwrap(text(content))
        if nested.ok:
            return claims_of(row, nested, sha256=sha256)
        return claims_of(row, nested, sha256=sha256, problem=UNPARSED, message=found.message)


# --- rows -> records --------------------------------------------------------------------------------------


class _Import:
    """One run over the copy of a database."""

    def __init__(self, path: str, reader: Database, progress: Progress, report: Report) -> None:
        self._path = path
        self._reader = reader
        self._progress = progress
        self._report = report
        tables = reader.tables()
        self._models = next(table for table in tables if table.name.lower() == "models")
        self._others = [table for table in tables if table is not self._models]
        self._dump = TableDump(GenericSqlite.id, path)
        self._unlinked: set[str] = set()

    def records(self) -> Iterator[Record]:
        """Yield a record for each row of ``models``; between them, what they can't take along of other tables."""
        shared = self._shared_extra()
        links = [(table, condition) for table in self._others if (condition := self._link(table))]
        streams = [(table, self._joined(table, condition)) for table, condition in links]
        tags = self._tags()
        loose = self._loose_rows()
        first = True
        for place, (key, size_bytes) in enumerate(self._reader.keys(self._models)):
            self._progress.step(place, None, os.path.basename(self._path), "records")
            beside = [(table, row_key) for table, stream in streams for row_key in stream.take(key)]
            named = tags.take(key)
            row = self._reader.row(self._models, key, size_bytes)
            if row is None:
                continue
            payload, extra = self._record(row)
            extra.update(shared)
            if found := [tag for tag in (self._reader.text(value) for value in named) if tag]:
                extra["tags"] = found
            yield from self._take_along(
                extra, "related", ((table, row_key, None) for table, row_key in beside)
            )
            if first:
                first = False
                yield from self._take_along(extra, "tables", loose)
            yield Record(GenericSqlite.id, self._path, self._reader.key_text(key), payload, extra)
        yield from self._dump.rest()

    def _shared_extra(self) -> dict[str, Any]:
        shared: dict[str, Any] = {
            "container": {
                name: self._reader.value(f"PRAGMA {name}") for name in ("user_version", "application_id")
            }
        }
        if self._reader.codec != "utf-8":
            shared["encoding"] = self._reader.codec
        ratings = (self._models.column(name) for name in ALIASES["rating"])
        if column := next((column for column in ratings if column), None):
            above = f"SELECT 1 FROM main.{quoted(self._models.name)} WHERE CAST({quoted(column)} AS REAL) > 5 LIMIT 1"
            with suppress(sqlite.Error, Unreadable):  # damaged pages are told of when the rows are read
                if self._reader.value(above):
                    shared[SCALE] = UNKNOWN_SCALE
        return shared

    # --- rows

    def _record(self, row: DatabaseRow) -> tuple[bytes, dict[str, Any]]:
        """Return payload and extra of a row of ``models``."""
        chosen = self._payload_column(row.values)
        return row.payload(chosen), row.around(chosen)

    def _payload_column(self, row: Mapping[str, Value]) -> str | None:
        by_name: dict[str, str] = {}
        for spelt in row:
            by_name.setdefault(normal_name(spelt), spelt)
        for name in PAYLOAD_ALIASES:
            column = by_name.get(name)
            if (
                column is None
                or row[column][0] not in ("text", "blob")
                or not row[column][1].strip(b" \t\r\n\0")
            ):
                continue
            beginning = row[column][1].lstrip(b" \t\r\n\0\xef\xbb\xbf")[:1]
            if name not in _VAGUE_PAYLOADS or beginning in (b"{", b"["):
                return column
        return None

    # --- other tables

    def _link(self, table: Table) -> str:
        """Return the condition that joins a row ``t`` to its model ``m``; empty if there is none.

        The plus takes a column's type out of the comparison: with it no index on the other side could be used where
        a table was declared without types, and every row would be held against every model.
        """
        if not self._models.key_names or not table.key_names:
            return ""
        if column := table.column("model_id"):
            key = self._models.column("id")
            return f"m.{quoted(key) if key else self._models.key_names[0]} = +t.{quoted(column)}"
        for name in ("model_sha256", "sha256"):
            if column := table.column(name):
                return f"m.{quoted(self._models.column('sha256') or '')} = +t.{quoted(column)}"
        return ""

    def _joined(self, table: Table, condition: str) -> "Stream[Key]":
        return Stream(self._reader.joined(self._models, table, condition), partial(self._report_lost, table))

    def _tags(self) -> "Stream[Value]":
        """Return the tags by model, from a table ``model_tags`` that names them or their ids in ``tags``."""
        nothing: Stream[Value] = Stream(iter(()), self._report_lost_tags)
        table = next((table for table in self._others if table.name.lower() == "model_tags"), None)
        condition = self._link(table) if table else ""
        if table is None or not condition:
            return nothing
        joined = f"main.{quoted(table.name)} t CROSS JOIN main.{quoted(self._models.name)} m ON {condition}"
        tag = table.column("tag")
        if tag:
            name = f"t.{quoted(tag)}"
        else:
            names = next((other for other in self._others if other.name.lower() == "tags"), None)
            reference = table.column("tag_id")
            spelt = names and next((found for word in _TAG_NAMES if (found := names.column(word))), None)
            if not (names and reference and spelt and names.key_names):
                return nothing
            key = names.column("id")
            joined += (
                f" CROSS JOIN main.{quoted(names.name)} n"
                f" ON n.{quoted(key) if key else names.key_names[0]} = +t.{quoted(reference)}"
            )
            name = f"n.{quoted(spelt)}"
        size = len(self._models.key_names) * 2
        statement = (
            f"SELECT {key_terms(self._models, 'm')}, {stored_terms(name)} FROM {joined}"
            f" ORDER BY {key_order(self._models, 'm')}, {key_order(table, 't')}"
        )
        pairs = (
            (typed_values(row[:size]), typed_values(row[size:])[0]) for row in self._reader.rows(statement)
        )
        return Stream(pairs, self._report_lost_tags)

    def _report_lost(self, table: Table, error: Exception) -> None:
        self._unlinked.add(table.name)
        message = f"Which rows of the table {table.name} belong to which model is not known. {error}"
        self._report(Problem(self._path, "unreadable", message, kept=True))

    def _report_lost_tags(self, error: Exception) -> None:
        self._report(Problem(self._path, "unreadable", f"The tags can't be read. {error}", kept=True))

    def _loose_rows(self) -> Iterator[tuple[Table, Key, int | None]]:
        """Yield the rows of other tables that belong to no model, or of which that couldn't be found out."""
        for table in self._others:
            link = "" if table.name in self._unlinked else self._link(table)
            join = f"LEFT JOIN main.{quoted(self._models.name)} m ON {link}" if link else ""
            condition = f"m.{self._models.key_names[0]} IS NULL" if link else ""
            try:
                for key, size_bytes in self._reader.keys(table, join, condition):
                    yield table, key, size_bytes
            except Unreadable as error:
                self._report(
                    Problem(
                        self._path, "unreadable", f"The table {table.name} can't be read: {error.message}"
                    )
                )

    def _take_along(
        self, extra: dict[str, Any], name: str, rows: Iterable[tuple[Table, Key, int | None]]
    ) -> Iterator[Record]:
        """Put rows of other tables into a record's extra; what goes beyond the limit becomes dumps."""
        taken: dict[str, list[Any]] = {}
        room = RELATED_LIMIT_BYTES
        for table, key, size_bytes in rows:
            row = self._reader.row(table, key, size_bytes)
            if row is None:
                continue
            said = row.said()
            written = json.dumps(said, ensure_ascii=False)
            room -= len(written)
            if room >= 0:
                taken.setdefault(table.name, []).append(said)
            else:
                yield from self._dump.add(table.name, row.key, written)
        if taken:
            extra[name] = taken
