"""SQLite databases of scripts: any with a table ``models`` that has at least ``sha256`` and ``name``.

The database is read from a private copy, through tables only: no view, trigger or virtual table of a stranger
runs. A row's JSON column is the payload as it is stored; the other columns stand in `extra`, each with its storage
class. What other tables say about a model stands there too; their remaining rows go with the first record.
"""

# ruff: noqa: S608 - names of tables and columns go through `quoted`; everything else is bound.

import base64
import io
import json
import math
import os
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

from modelmgr import sqlite
from modelmgr.errors import Unreadable
from modelmgr.migration.container import SQLITE_MAGIC, copy_database, read_beginning
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
from modelmgr.payload import PARSE_LIMIT_BYTES, contains_secret, parse, text
from modelmgr.progress import Progress
from modelmgr.values import MIB, Claims, Problem, Record

_T = TypeVar("_T")

SUFFIXES = (".db", ".sqlite", ".sqlite3", ".db3", ".s3db")

STATEMENT_BUDGET_S = 10.0
ROW_LIMIT_BYTES = 256 * MIB
RELATED_LIMIT_BYTES = 4 * MIB
"""What one record takes along from other tables; more becomes records of its own that fill nothing."""

_BLOB_TWICE_BYTES = 1 * MIB
_TEXT_TWICE_BYTES = 16 * MIB
_BASE64_BLOCK_BYTES = 3 * MIB
_DUMP_BYTES = 1 * MIB
_COPY_WHOLE_BYTES = 32 * MIB
_BEGINNING_BYTES = 8 * MIB
_OPCODES = 20_000
_SUM_TERMS = 100
_COLUMNS_LIMIT = 900
_DAMAGES_LIMIT = 1000
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


@dataclass(frozen=True, slots=True)
class Table:
    """One ordinary table of a foreign database.

    Attributes:
        name: as it is spelt.
        columns: all but the hidden and the generated ones.
        keys: columns of the primary key, in its order.
        rowid: a name by which its rowid can be asked; empty for a table without.
    """

    name: str
    columns: tuple[str, ...]
    keys: tuple[str, ...]
    rowid: str

    @property
    def key_names(self) -> tuple[str, ...]:
        """What finds a row, ready for a statement; empty if nothing does."""
        return (self.rowid,) if self.rowid else tuple(quoted(column) for column in self.keys)

    @property
    def lowered(self) -> frozenset[str]:
        """The stored columns' names in lower case."""
        return frozenset(column.lower() for column in self.columns)

    def column(self, name: str) -> str | None:
        """Return a column as it is spelt, asked for in lower case."""
        return next((column for column in self.columns if column.lower() == name), None)


class GenericSqlite:
    """See the module."""

    id = "generic-sqlite"
    record_ids: tuple[str, ...] = ("generic-sqlite",)
    many = True

    def wants(self, name: str, named: bool) -> bool:
        """Want names of databases, and whatever the user named that isn't surely something else."""
        suffix = os.path.splitext(name)[1].lower()
        return suffix in SUFFIXES or (named and suffix not in _OTHER_SUFFIXES)

    def probe(self, container: Container, report: Report) -> bool:
        """Tell whether it is a database with such a table, and no other tool's."""
        try:
            if read_beginning(container.path, len(SQLITE_MAGIC)) != SQLITE_MAGIC:
                return False
            return tool_of(_tables_of(container.path)) == self.id
        except Unreadable as error:
            report(Problem(container.path, error.code, error.message))
        except sqlite.Error as error:
            report(Problem(container.path, "unreadable", f"The database can't be read: {error}."))
        return False

    def records(self, container: Container, progress: Progress, report: Report) -> Iterator[Record]:
        """Yield a record for each row of ``models``, in order of its key."""
        try:
            with _opened(container.path, progress) as reader:
                yield from _Import(container.path, reader, progress, report).records()
        except sqlite.Error as error:
            raise Unreadable(f"The database can't be read: {error}.", path=container.path) from error

    def claims(self, record: Record, siblings: frozenset[str], sha256: str | None = None) -> Claims:
        """Return what a row says: its columns first, then its JSON.

        Args:
            record: one of this source's records.
            siblings: the names now beside the database.
            sha256: the computed one of the file, if known: it tells which of Civitai's files is meant.
        """
        extra = record.extra or {}
        if "table" in extra:
            return Claims(marker=True)
        columns, tags = extra.get("columns"), extra.get("tags")
        row = Row(
            [(str(name), _plain(value)) for name, value in columns.items()]
            if isinstance(columns, Mapping)
            else [],
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


# --- whose database is it? --------------------------------------------------------------------------------


def tool_of(tables: Sequence[Table]) -> str | None:
    """Return the source id that fits a database's tables, the first of the known signatures; None if none does."""
    by_name = {table.name.lower(): table for table in tables}
    names = by_name.keys()
    models = by_name["models"].lowered if "models" in by_name else frozenset()
    if {"models", "model_tags", "hash_index"} <= names:
        return "lora-manager-cache"
    if "config" in models and "migrations" in names:
        return "invokeai-db"
    if "alembic_version" in names and names & {"asset_contents", "asset_references", "assets_info"}:
        return "comfyui-assets"
    if {"metadata_json", "hashes_json", "cleaned_name"} <= models:
        return "pumas-index"
    if "image" in by_name and {"modelhash", "model"} <= by_name["image"].lowered:
        return "diffusion-toolkit-db"
    if "pending_models" in names:
        return "modelmgr-catalog"
    return "generic-sqlite" if {"sha256", "name"} <= models else None


# --- reading the copy -------------------------------------------------------------------------------------


@contextmanager
def _opened(path: str, progress: Progress) -> Iterator["_Reader"]:
    with copy_database(path, progress) as copy:
        _make_up_length(copy)
        with closing(_connect(copy)) as connection:
            yield _Reader(connection, progress, os.stat(copy).st_size)


def _tables_of(path: str) -> list[Table]:
    """Return the tables of a database, without a copy of the whole of a large one if its beginning will do."""
    size_bytes = os.stat(path).st_size
    beside = (os.path.realpath(path) + ending for ending in ("-wal", "-journal"))
    if size_bytes > _COPY_WHOLE_BYTES and not any(os.path.exists(companion) for companion in beside):
        with suppress(sqlite.Error, OSError), tempfile.TemporaryDirectory(prefix="modelmgr-") as folder:
            copy = os.path.join(folder, "beginning.db")
            with open(copy, "xb") as file:
                file.write(read_beginning(path, _BEGINNING_BYTES))
            os.truncate(copy, size_bytes)
            with closing(_connect(copy)) as connection:
                return _Reader(connection, Progress(), size_bytes).tables()
    with _opened(path, Progress()) as reader:
        return reader.tables()


def _make_up_length(copy: str) -> None:
    """Let a copy be as long as its header says: SQLite refuses a cut database as a whole, zero pages only singly."""
    with open(copy, "r+b") as file:
        header = file.read(100)
        size_bytes = os.fstat(file.fileno()).st_size
        page_bytes = int.from_bytes(header[16:18], "big")
        expected_bytes = int.from_bytes(header[28:32], "big") * (65536 if page_bytes == 1 else page_bytes)
        if header[24:28] == header[92:96] and size_bytes < expected_bytes <= 16 * size_bytes + 256 * MIB:
            file.truncate(expected_bytes)


def _connect(copy: str) -> Any:
    connection = sqlite.driver.connect(copy, isolation_level=None, check_same_thread=False)
    connection.text_factory = bytes
    for pragma in ("trusted_schema=OFF", "cell_size_check=ON", "mmap_size=0", "query_only=ON"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


class _Reader:
    """A connection to a copy on which no statement runs longer than `STATEMENT_BUDGET_S` for one row.

    Attributes:
        size_bytes: of the copy.
    """

    def __init__(self, connection: Any, progress: Progress, size_bytes: int) -> None:
        self.size_bytes = size_bytes
        self._connection = connection
        self._progress = progress
        self._deadline = 0.0
        connection.set_progress_handler(self._is_over, _OPCODES)

    def _is_over(self) -> int:
        return 1 if self._progress.is_cancelled or time.monotonic() > self._deadline else 0

    def rows(self, statement: str, parameters: Iterable[Any] = ()) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of a statement, as they come."""
        self._deadline = time.monotonic() + STATEMENT_BUDGET_S
        cursor = self._connection.cursor()
        try:
            cursor.execute(statement, tuple(parameters))
            while True:
                self._deadline = time.monotonic() + STATEMENT_BUDGET_S
                row = cursor.fetchone()
                if row is None:
                    return
                yield row
        except sqlite.Error as error:
            self._progress.check()  # an interrupted statement is how a cancelled one ends
            if time.monotonic() > self._deadline:
                raise Unreadable("A question to the database took longer than 10 seconds.") from error
            raise
        except UnicodeDecodeError as error:  # the driver's own message quotes a damaged name
            raise sqlite.DatabaseError("malformed database schema") from error
        finally:
            with suppress(
                sqlite.Error
            ):  # the connection may be gone before a question that nobody read to its end
                cursor.close()

    def value(self, statement: str) -> Any:
        """Return the first column of the first row."""
        row = next(iter(self.rows(statement)), None)
        return row[0] if row else None

    def tables(self) -> list[Table]:
        """Return the ordinary tables, in order of their names; virtual ones and their parts are left out."""
        names: list[str] = []
        virtual: list[str] = []
        for name, root in self.rows("SELECT name, rootpage FROM main.sqlite_schema WHERE type = 'table'"):
            try:
                text = name.decode("utf-8")
            except (UnicodeDecodeError, AttributeError):
                continue  # it can't be named in a statement
            if not root:
                virtual.append(text.lower() + "_")
            elif not text.lower().startswith("sqlite_"):
                names.append(text)
        return [self._table(name) for name in sorted(names) if not name.lower().startswith(tuple(virtual))]

    def _table(self, name: str) -> Table:
        columns: list[str] = []
        hidden_columns: list[str] = []
        keys: list[tuple[int, str]] = []
        for _, column, _, _, _, key, hidden in self.rows(f"PRAGMA main.table_xinfo({quoted(name)})"):
            text = column.decode("utf-8", "replace")
            if hidden:
                hidden_columns.append(text.lower())
                continue
            columns.append(text)
            if key:
                keys.append((key, text))
        taken = {column.lower() for column in (*columns, *hidden_columns)}
        rowid = next((word for word in ("rowid", "_rowid_", "oid") if word not in taken), "")
        try:
            deque(self.rows(f"SELECT {rowid or 1} FROM main.{quoted(name)} LIMIT 0"), maxlen=0)
        except sqlite.OperationalError:  # WITHOUT ROWID
            rowid = ""
        return Table(name, tuple(columns), tuple(column for _, column in sorted(keys)), rowid)


def quoted(name: str) -> str:
    """Return an identifier for a statement."""
    return '"' + name.replace('"', '""') + '"'


# --- rows -> records --------------------------------------------------------------------------------------

Value = tuple[str, Any]
"""Storage class and value; text as its stored bytes."""

Key = tuple[Value, ...]
"""What finds a row: its rowid, or the columns of its primary key."""


class _Import:
    """One run over the copy of a database."""

    def __init__(self, path: str, reader: _Reader, progress: Progress, report: Report) -> None:
        self._path = path
        self._reader = reader
        self._progress = progress
        self._report = report
        tables = reader.tables()
        self._models = next(table for table in tables if table.name.lower() == "models")
        self._others = [table for table in tables if table is not self._models]
        encoding = reader.value("PRAGMA encoding").decode("ascii").lower()
        self._codec = {"utf-16le": "utf-16-le", "utf-16be": "utf-16-be"}.get(encoding, "utf-8")
        self._dump = _Dump(path)
        self._unlinked: set[str] = set()

    def records(self) -> Iterator[Record]:
        """Yield a record for each row of ``models``; between them, what they can't take along of other tables."""
        shared = self._shared_extra()
        links = [(table, condition) for table in self._others if (condition := self._link(table))]
        streams = [(table, self._joined(table, condition)) for table, condition in links]
        tags = self._tags()
        loose = self._loose_rows()
        first = True
        for place, (key, size_bytes) in enumerate(self._keys(self._models)):
            self._progress.step(place, None, os.path.basename(self._path), "records")
            beside = [(table, row_key) for table, stream in streams for row_key in stream.take(key)]
            named = tags.take(key)
            row = self._row(self._models, key, size_bytes)
            if row is None:
                continue
            payload, extra = self._record(row)
            extra.update(shared)
            if found := [tag for tag in (self._text(value) for value in named) if tag]:
                extra["tags"] = found
            yield from self._take_along(
                extra, "related", ((table, row_key, None) for table, row_key in beside)
            )
            if first:
                first = False
                yield from self._take_along(extra, "tables", loose)
            yield Record(GenericSqlite.id, self._path, self._key_text(key), payload, extra)
        yield from self._dump.rest()

    def _shared_extra(self) -> dict[str, Any]:
        shared: dict[str, Any] = {
            "container": {
                name: self._reader.value(f"PRAGMA {name}") for name in ("user_version", "application_id")
            }
        }
        if self._codec != "utf-8":
            shared["encoding"] = self._codec
        ratings = (self._models.column(name) for name in ALIASES["rating"])
        if column := next((column for column in ratings if column), None):
            above = f"SELECT 1 FROM main.{quoted(self._models.name)} WHERE CAST({quoted(column)} AS REAL) > 5 LIMIT 1"
            with suppress(sqlite.Error, Unreadable):  # damaged pages are told of when the rows are read
                if self._reader.value(above):
                    shared[SCALE] = UNKNOWN_SCALE
        return shared

    # --- rows

    def _keys(self, table: Table, condition: str = "") -> Iterator[tuple[Key, int]]:
        """Yield key and size of each row of a table, in order of the key, and go on behind damaged pages.

        Args:
            table: any.
            condition: joins ``m``, the table of models, to ``t``; then only rows without a model are given.
        """
        names = table.key_names
        if not names:
            self._report(
                Problem(self._path, "unreadable", f"The rows of the table {table.name} can't be told apart.")
            )
            return
        size = len(names) * 2
        source = f"main.{quoted(table.name)} t"
        filters: list[str] = []
        if condition:
            source += f" LEFT JOIN main.{quoted(self._models.name)} m ON {condition}"
            filters.append(f"m.{self._models.key_names[0]} IS NULL")
        order = ", ".join(f"t.{name}" for name in names)
        terms = f"{_key_terms(table, 't')}, {_lengths(table)}"

        def statement(after: int | None) -> str:
            bounds = [*filters, *([f"t.{names[0]} > {after}"] if after is not None else [])]
            where = f" WHERE {' AND '.join(bounds)}" if bounds else ""
            return f"SELECT {terms} FROM {source}{where} ORDER BY {order}"

        after: int | None = None
        for _ in range(_DAMAGES_LIMIT):
            try:
                for row in self._in_order(self._reader.rows(statement(after)), bool(table.rowid), after):
                    if table.rowid:
                        after = row[1]
                    yield _pairs(row[:size]), sum(row[size:])
                return
            except sqlite.Error as error:
                before, after = after, self._behind_damage(statement, after) if table.rowid else None
                self._report_damage(table, before, after, error)
                if after is None:
                    return
        self._report(
            Problem(
                self._path, "unreadable", f"The table {table.name} is damaged in too many places to go on."
            )
        )

    def _in_order(
        self, rows: Iterator[tuple[Any, ...]], has_rowid: bool, after: int | None
    ) -> Iterator[tuple[Any, ...]]:
        """Hand rows on as long as their rowids rise: damaged pages can lead back to where the reading came from."""
        before = last = after
        for count, row in enumerate(rows):
            if count > self._reader.size_bytes:
                raise sqlite.DatabaseError("there are more rows than the file can hold")
            if has_rowid:
                rowid = row[1]
                if last is None or rowid > last:
                    before = last
                elif before is None or rowid <= before:  # else only the last one was out of line
                    raise sqlite.DatabaseError("its rows are out of order")
                last = rowid
            yield row

    def _behind_damage(self, statement: Callable[[int], str], after: int | None) -> int | None:
        """Return a rowid behind which rows can be read again, as near as possible; None if there is none."""

        def reads(rowid: int) -> bool:
            try:
                row = next(iter(self._reader.rows(statement(rowid))), None)
            except sqlite.Error:
                return False
            return row is None or row[1] > rowid

        low = 0 if after is None else after
        step = 1
        while not reads(low + step):
            step *= 2
            if low + step >= 1 << 62:
                return None
        high = low + step
        low += step // 2
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if reads(middle) else (middle, high)
        return high

    def _report_damage(self, table: Table, before: int | None, after: int | None, error: Exception) -> None:
        place = f"behind {before}" if before is not None else "from the first on"
        until = f" up to {after}" if after is not None else ""
        self._report(
            Problem(
                self._path,
                "unreadable",
                f"Rows of the table {table.name} {place}{until} can't be read: {error}.",
                record_key=f"{before if before is not None else ''}..{after if after is not None else ''}",
            )
        )

    def _row(self, table: Table, key: Key, size_bytes: int) -> dict[str, Value] | None:
        """Return column -> value of one row, or None after a report."""
        try:
            if size_bytes > ROW_LIMIT_BYTES:
                raise Unreadable("The row is larger than 256 MiB; it was not read.", code="too_large")
            if len(table.columns) > _COLUMNS_LIMIT:
                raise Unreadable(
                    f"The table {table.name} has more than {_COLUMNS_LIMIT} columns.", code="too_large"
                )
            where, parameters = _where(table, key)
            statement = f"SELECT {_fetched(table)} FROM main.{quoted(table.name)} t WHERE {where}"
            found = next(iter(self._reader.rows(statement, parameters)), None)
            if found is None:
                raise Unreadable("The row can't be found again: the database is damaged.")
        except Unreadable as error:
            self._report(Problem(self._path, error.code, error.message, self._key_text(key)))
        except sqlite.Error as error:
            self._report(
                Problem(self._path, "unreadable", f"The row can't be read: {error}.", self._key_text(key))
            )
        else:
            return dict(zip(table.columns, _pairs(found), strict=True))
        return None

    def _record(self, row: Mapping[str, Value]) -> tuple[bytes, dict[str, Any]]:
        """Return payload and extra of a row of ``models``."""
        chosen = self._payload_column(row)
        columns: dict[str, Any] = {}
        for column, (storage, value) in row.items():
            if column == chosen:
                continue
            limit = _TEXT_TWICE_BYTES if storage == "text" else _BLOB_TWICE_BYTES
            if chosen is None and isinstance(value, bytes) and len(value) > limit:
                columns[column] = {"storage": storage, "value_in": "payload"}
            else:
                columns[column] = {"storage": storage, "value": self._said(storage, value)}
        if chosen is not None:
            storage, value = row[chosen]
            return value, {"columns": columns, "payload_column": chosen, "payload_storage": storage}
        return self._made(row), {"columns": columns, "made": True}

    def _made(self, row: Mapping[str, Value]) -> bytes:
        """Return a row without JSON as a JSON object; large values are written as they are turned into text."""
        made = io.BytesIO()
        for place, (column, (storage, value)) in enumerate(row.items()):
            made.write(b", " if place else b"{")
            made.write(json.dumps(column, ensure_ascii=False).encode() + b": ")
            if storage == "blob":
                made.write(b'{"base64": "')
                for at in range(0, len(value), _BASE64_BLOCK_BYTES):
                    made.write(base64.b64encode(value[at : at + _BASE64_BLOCK_BYTES]))
                made.write(b'"}')
            else:
                made.write(json.dumps(self._said(storage, value), ensure_ascii=False).encode())
        made.write(b"}")
        return made.getvalue()

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

    def _said(self, storage: str, value: Any) -> Any:
        """Return a value as JSON can hold it, so that its storage class shows."""
        if isinstance(value, bytes):
            if storage == "text":
                try:
                    return value.decode(self._codec)
                except UnicodeDecodeError:
                    return {"base64": base64.b64encode(value).decode("ascii"), "storage": "text"}
            return {"base64": base64.b64encode(value).decode("ascii")}
        if isinstance(value, float) and not math.isfinite(value):
            return {"real": str(value)}
        return value

    def _text(self, value: Value) -> str:
        storage, content = value
        if isinstance(content, bytes):
            return content.decode(self._codec, "replace")
        return "" if storage == "null" else str(content)

    def _key_text(self, key: Key) -> str:
        parts = [
            content.hex() if storage == "blob" else self._text((storage, content)) for storage, content in key
        ]
        return parts[0] if len(parts) == 1 else json.dumps(parts, ensure_ascii=False)

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

    def _joined(self, table: Table, condition: str) -> "_Stream[Key]":
        size = len(self._models.key_names) * 2
        statement = (
            f"SELECT {_key_terms(self._models, 'm')}, {_key_terms(table, 't')}"
            f" FROM main.{quoted(table.name)} t CROSS JOIN main.{quoted(self._models.name)} m ON {condition}"
            f" ORDER BY {_order(self._models, 'm')}, {_order(table, 't')}"
        )
        pairs = ((_pairs(row[:size]), _pairs(row[size:])) for row in self._reader.rows(statement))
        return _Stream(pairs, partial(self._report_lost, table))

    def _tags(self) -> "_Stream[Value]":
        """Return the tags by model, from a table ``model_tags`` that names them or their ids in ``tags``."""
        nothing: _Stream[Value] = _Stream(iter(()), self._report_lost_tags)
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
            f"SELECT {_key_terms(self._models, 'm')}, {_stored(name)} FROM {joined}"
            f" ORDER BY {_order(self._models, 'm')}, {_order(table, 't')}"
        )
        pairs = ((_pairs(row[:size]), _pairs(row[size:])[0]) for row in self._reader.rows(statement))
        return _Stream(pairs, self._report_lost_tags)

    def _report_lost(self, table: Table, error: Exception) -> None:
        self._unlinked.add(table.name)
        message = f"Which rows of the table {table.name} belong to which model is not known. {error}"
        self._report(Problem(self._path, "unreadable", message, kept=True))

    def _report_lost_tags(self, error: Exception) -> None:
        self._report(Problem(self._path, "unreadable", f"The tags can't be read. {error}", kept=True))

    def _loose_rows(self) -> Iterator[tuple[Table, Key, int | None]]:
        """Yield the rows of other tables that belong to no model, or of which that couldn't be found out."""
        for table in self._others:
            condition = "" if table.name in self._unlinked else self._link(table)
            try:
                for key, size_bytes in self._keys(table, condition):
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
            row = self._row(table, key, self._size(table, key) if size_bytes is None else size_bytes)
            if row is None:
                continue
            said = {column: self._said(storage, value) for column, (storage, value) in row.items()}
            written = json.dumps(said, ensure_ascii=False)
            room -= len(written)
            if room >= 0:
                taken.setdefault(table.name, []).append(said)
            else:
                yield from self._dump.add(table.name, self._key_text(key), written)
        if taken:
            extra[name] = taken

    def _size(self, table: Table, key: Key) -> int:
        where, parameters = _where(table, key)
        statement = f"SELECT {_lengths(table)} FROM main.{quoted(table.name)} t WHERE {where}"
        with suppress(sqlite.Error):
            return sum(next(iter(self._reader.rows(statement, parameters)), ()))
        return 0


class _Stream(Generic[_T]):
    """What a join gives, model by model, taken in step with the models themselves."""

    def __init__(self, pairs: Iterator[tuple[Key, _T]], report: Callable[[Exception], None]) -> None:
        self._pairs = pairs
        self._report = report
        self._next: tuple[Key, _T] | None = None
        self._ended = False

    def take(self, key: Key) -> list[_T]:
        """Return what belongs to a model; each call must name a later one."""
        found: list[_T] = []
        while (pair := self._peek()) is not None and (pair[0] == key or _is_before(pair[0], key)):
            if pair[0] == key:
                found.append(pair[1])
            self._next = None
        return found

    def _peek(self) -> tuple[Key, _T] | None:
        if self._next is None and not self._ended:
            try:
                self._next = next(self._pairs, None)
            except (sqlite.Error, Unreadable) as error:
                self._report(error)
            self._ended = self._next is None
        return self._next


class _Dump:
    """Gathers rows that no record can take along into records of about a mebibyte, which fill nothing."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._table = ""
        self._keys: list[str] = []
        self._rows: list[str] = []
        self._size = 0

    def add(self, table: str, key: str, row: str) -> Iterator[Record]:
        """Add a row's JSON text; yields a record when there is enough for one."""
        if self._rows and (table != self._table or self._size > _DUMP_BYTES):
            yield from self.rest()
        self._table = table
        self._keys.append(key)
        self._rows.append(row)
        self._size += len(row)

    def rest(self) -> Iterator[Record]:
        """Yield what was gathered since."""
        if self._rows:
            keys = self._keys[0] if len(self._keys) == 1 else f"{self._keys[0]}..{self._keys[-1]}"
            payload = ("[" + ",\n".join(self._rows) + "]").encode()
            extra = {"table": self._table, "rows": len(self._rows), "made": True}
            yield Record(GenericSqlite.id, self._path, f"{self._table}/{keys}", payload, extra)
        self._keys, self._rows, self._size = [], [], 0


def _is_before(a: Key, b: Key) -> bool:
    """Tell whether one rowid comes before another; keys of tables without rowid only ever follow in step."""
    return len(a) == len(b) == 1 and a[0][0] == b[0][0] == "integer" and bool(a[0][1] < b[0][1])


def _stored(name: str) -> str:
    """Return what to select for the storage class of an expression, and its value with text as stored bytes."""
    return f"typeof({name}), CASE typeof({name}) WHEN 'text' THEN CAST({name} AS BLOB) ELSE {name} END"


def _key_terms(table: Table, alias: str) -> str:
    return ", ".join(_stored(f"{alias}.{name}") for name in table.key_names)


def _order(table: Table, alias: str) -> str:
    return ", ".join(f"{alias}.{name}" for name in table.key_names)


def _fetched(table: Table) -> str:
    return ", ".join(_stored(f"t.{quoted(column)}") for column in table.columns)


def _lengths(table: Table) -> str:
    """Return what to select for the bytes of a row; no value is loaded for it where SQLite knows how."""
    length = "octet_length({0})" if sqlite.version_info >= (3, 43, 0) else "length(CAST({0} AS BLOB))"
    terms = [f"coalesce({length.format(f't.{quoted(column)}')}, 0)" for column in table.columns]
    return ", ".join(" + ".join(terms[at : at + _SUM_TERMS]) for at in range(0, len(terms), _SUM_TERMS))


def _pairs(values: Sequence[Any]) -> Key:
    return tuple(
        (storage.decode("ascii"), value) for storage, value in zip(values[::2], values[1::2], strict=True)
    )


def _where(table: Table, key: Key) -> tuple[str, list[Any]]:
    terms = [
        f"t.{name} = CAST(? AS TEXT)" if storage == "text" else f"t.{name} = ?"
        for name, (storage, _) in zip(table.key_names, key, strict=True)
    ]
    return " AND ".join(terms), [value for _, value in key]


# --- extra -> values --------------------------------------------------------------------------------------


def _plain(said: Any) -> Any:
    """Return a column's value from a record's extra."""
    if not isinstance(said, Mapping):
        return None
    value = said.get("value")
    if not isinstance(value, Mapping):
        return value
    try:
        content = base64.b64decode(str(value.get("base64", "")), validate=True)
    except ValueError:
        return None
    return text(content) if said.get("storage") == "text" else content
