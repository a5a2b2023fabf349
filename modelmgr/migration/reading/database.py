"""Databases of strangers: read from a private copy, table by table, row by row, whatever is damaged in them.

Ordinary tables alone are read: no view, trigger or virtual table of a stranger runs. No statement runs longer than
`STATEMENT_BUDGET_S` for one row, no row is larger than `ROW_LIMIT_BYTES`, and every value keeps its storage class.
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
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from functools import lru_cache
from typing import Any, Generic, TypeVar

from modelmgr import sqlite
from modelmgr.errors import Unreadable
from modelmgr.lazily import dataclass
from modelmgr.migration.reading.container import SQLITE_MAGIC, copy_database, read_beginning
from modelmgr.migration.source import Report
from modelmgr.payload import text
from modelmgr.progress import Progress
from modelmgr.values import HELD_LIMIT_BYTES, MIB, NO_MODEL, Claims, Problem, Record

STATEMENT_BUDGET_S = 10.0
ROW_LIMIT_BYTES = 256 * MIB

DATABASE_SUFFIXES = (".db", ".sqlite", ".sqlite3", ".db3", ".s3db")

COPY_SUFFIXES = ("", ".bak", ".bkp", ".old", ".orig")
"""Endings under which people and tools lay a database aside."""

_DUMP_BYTES = 1 * MIB
_BLOB_TWICE_BYTES = 1 * MIB
_TEXT_TWICE_BYTES = 16 * MIB
_MADE_AT_ONCE_BYTES = 1 * MIB
_BASE64_BLOCK_BYTES = 3 * MIB
_TEXT_BLOCK_CHARACTERS = 1 * MIB
_LONGEST_ESCAPE = 6
_CONTROLS = bytes(range(0x20))
_COPY_WHOLE_BYTES = 32 * MIB
_BEGINNING_BYTES = 8 * MIB
_OPCODES = 20_000
_SUM_TERMS = 100
_COLUMNS_LIMIT = 900
_DAMAGES_LIMIT = 1000

Value = tuple[str, Any]
"""Storage class and value; text as its stored bytes."""

Key = tuple[Value, ...]
"""What finds a row: its rowid, or the columns of its primary key."""

_T = TypeVar("_T")


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


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table.

    Attributes:
        table: the table's name.
        key: its rowid or primary key as text; of several columns a JSON list.
        values: column -> storage class and value.
        codec: how the database stores text.
    """

    table: str
    key: str
    values: Mapping[str, Value]
    codec: str

    def plain(self, column: str) -> Any:
        """Return a column's value, text decoded (what isn't text shows as U+FFFD); None if there is no such column."""
        storage, value = self.values.get(column, ("null", None))
        return value.decode(self.codec, "replace") if storage == "text" else value

    def stored(self, column: str | None) -> bytes | None:
        """Return the exact bytes of a column that holds text or a BLOB, else None."""
        value = None if column is None else self.values.get(column, ("null", None))[1]
        return value if isinstance(value, bytes) else None

    def columns(self, without: Collection[str] = ()) -> dict[str, Any]:
        """Return column -> ``{"storage", "value"}`` for `Record.extra`, see `plain_columns`."""
        return {
            column: {"storage": storage, "value": said(storage, value, self.codec)}
            for column, (storage, value) in self.values.items()
            if column not in without
        }

    def payload(self, column: str | None) -> bytes:
        """Return the bytes of a record whose payload stands in a column; `made` of the row where none stands there."""
        stored = self.stored(column)
        return self.made() if stored is None else stored

    def around(self, column: str | None) -> dict[str, Any]:
        """Return what stands around `payload`, for `Record.extra`."""
        if column is None or self.stored(column) is None:
            return {"columns": self._columns_beside_made(), "made": True}
        return {
            "columns": self.columns(without=(column,)),
            "payload_column": column,
            "payload_storage": self.values[column][0],
        }

    def _columns_beside_made(self) -> dict[str, Any]:
        """Return `columns` for a record whose payload is `made`: the largest values stand there alone."""
        columns: dict[str, Any] = {}
        for column, (storage, value) in self.values.items():
            limit = _TEXT_TWICE_BYTES if storage == "text" else _BLOB_TWICE_BYTES
            if isinstance(value, bytes) and len(value) > limit:
                columns[column] = {"storage": storage, "value_in": "payload"}
            else:
                columns[column] = {"storage": storage, "value": said(storage, value, self.codec)}
        return columns

    def said(self) -> dict[str, Any]:
        """Return column -> value as JSON can hold it, see `said`."""
        return {column: said(storage, value, self.codec) for column, (storage, value) in self.values.items()}

    def made(self) -> bytes:
        """Return the row as a JSON object; large values are written as they are turned into text."""
        if (
            sum(len(value) for _, value in self.values.values() if isinstance(value, bytes))
            <= _MADE_AT_ONCE_BYTES
        ):
            return json.dumps(self.said(), ensure_ascii=False).encode()
        made = io.BytesIO()
        for place, (column, (storage, value)) in enumerate(self.values.items()):
            made.write(b", " if place else b"{")
            made.write(json.dumps(column, ensure_ascii=False).encode() + b": ")
            if storage == "blob":
                made.write(b'{"base64": "')
                for at in range(0, len(value), _BASE64_BLOCK_BYTES):
                    made.write(base64.b64encode(value[at : at + _BASE64_BLOCK_BYTES]))
                made.write(b'"}')
            elif isinstance(found := said(storage, value, self.codec), str):
                made.write(b'"')
                for at in range(0, len(found), _TEXT_BLOCK_CHARACTERS):
                    piece = found[at : at + _TEXT_BLOCK_CHARACTERS]
                    made.write(json.dumps(piece, ensure_ascii=False)[1:-1].encode())
                made.write(b'"')
            else:
                made.write(json.dumps(found, ensure_ascii=False).encode())
        made.write(b"}" if self.values else b"{}")
        return made.getvalue()


def _size_as_json(values: Mapping[str, Value]) -> int:
    """Return about how many bytes the large values of a row take as JSON; of small rows none is counted."""
    large = [value for _, value in values.values() if isinstance(value, bytes) and len(value) > MIB]
    if sum(map(len, large)) <= HELD_LIMIT_BYTES // _LONGEST_ESCAPE:
        return 0
    return sum(
        len(value)
        + max(len(value) // 3, (_LONGEST_ESCAPE - 1) * (len(value) - len(value.translate(None, _CONTROLS))))
        for value in large
    )


def said(storage: str, value: Any, codec: str = "utf-8") -> Any:
    """Return a value as JSON can hold it, so that its storage class shows."""
    if isinstance(value, bytes):
        if storage == "text":
            try:
                return value.decode(codec)
            except UnicodeDecodeError:
                return {"base64": base64.b64encode(value).decode("ascii"), "storage": "text"}
        return {"base64": base64.b64encode(value).decode("ascii")}
    if isinstance(value, float) and not math.isfinite(value):
        return {"real": str(value)}
    return value


def plain_columns(columns: Any) -> dict[str, Any]:
    """Return column -> value of what `Row.columns` put into a record's extra; empty if it is nothing of the kind."""
    if not isinstance(columns, Mapping):
        return {}
    return {str(column): _plain(found) for column, found in columns.items()}


def _plain(found: Any) -> Any:
    if not isinstance(found, Mapping):
        return None
    value = found.get("value")
    if not isinstance(value, Mapping):
        return value
    try:
        content = base64.b64decode(str(value.get("base64", "")), validate=True)
    except ValueError:
        return None
    return text(content) if value.get("storage", found.get("storage")) == "text" else content


def is_database(path: str) -> bool:
    """Tell whether a file begins as an SQLite 3 database does.

    Raises:
        Unreadable: it can't be read.
    """
    return read_beginning(path, len(SQLITE_MAGIC)) == SQLITE_MAGIC


@contextmanager
def opened(path: str, progress: Progress, report: Report) -> Iterator["Database"]:
    """Give a database's private copy for the `with` block.

    Raises:
        Unreadable: see `copy_database`; also if SQLite refuses the whole of it, in the block or before.
    """
    with copy_database(path, progress) as copy:
        _make_up_length(copy)
        try:
            with closing(_connect(copy)) as connection:
                yield Database(connection, path, progress, report, os.stat(copy).st_size)
        except sqlite.Error as error:
            progress.check()
            raise Unreadable(f"The database can't be read: {error}.", path=path) from error


def tables_of(path: str) -> tuple[Table, ...]:
    """Return the tables of a database, without a copy of the whole of a large one if its beginning will do.

    Several sources ask one after the other; the answer is kept as long as the files stay as they are.

    Raises:
        Unreadable: as `opened`.
    """
    return _tables_of(path, _facts_of(path))


def _facts_of(path: str) -> tuple[tuple[int, int, int] | None, ...]:
    """Return size, mtime and inode of a database, its log and its journal."""
    real_path = os.path.realpath(path)
    found: list[tuple[int, int, int] | None] = []
    for ending in ("", "-wal", "-journal"):
        try:
            facts = os.stat(real_path + ending)
        except OSError:
            found.append(None)
        else:
            found.append((facts.st_size, facts.st_mtime_ns, facts.st_ino))
    return tuple(found)


@lru_cache(maxsize=4)
def _tables_of(path: str, facts: tuple[tuple[int, int, int] | None, ...]) -> tuple[Table, ...]:
    size_bytes = os.stat(path).st_size
    beside = (os.path.realpath(path) + ending for ending in ("-wal", "-journal"))
    if size_bytes > _COPY_WHOLE_BYTES and not any(os.path.exists(companion) for companion in beside):
        with suppress(sqlite.Error, OSError), tempfile.TemporaryDirectory(prefix="modelmgr-") as folder:
            copy = os.path.join(folder, "beginning.db")
            with open(copy, "xb") as file:
                file.write(read_beginning(path, _BEGINNING_BYTES))
            os.truncate(copy, size_bytes)
            with closing(_connect(copy)) as connection:
                return tuple(Database(connection, path, Progress(), _nobody, size_bytes).tables())
    with opened(path, Progress(), _nobody) as database:
        return tuple(database.tables())


def _nobody(problem: Problem) -> None:
    """Hear no problem: nothing is read but names."""


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


class Database:
    """A private copy that is open for reading.

    Attributes:
        path: the original's.
        size_bytes: of the copy.
    """

    def __init__(
        self, connection: Any, path: str, progress: Progress, report: Report, size_bytes: int
    ) -> None:
        self.path = path
        self.size_bytes = size_bytes
        self._connection = connection
        self._progress = progress
        self._report = report
        self._deadline = 0.0
        self._codec = ""
        connection.set_progress_handler(self._is_over, _OPCODES)

    @property
    def codec(self) -> str:
        """How it stores text: ``utf-8``, ``utf-16-le`` or ``utf-16-be``."""
        if not self._codec:
            encoding = self.value("PRAGMA encoding").decode("ascii").lower()
            self._codec = {"utf-16le": "utf-16-le", "utf-16be": "utf-16-be"}.get(encoding, "utf-8")
        return self._codec

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

    # --- rows

    def read(self, table: Table) -> Iterator[Row]:
        """Yield the rows of a table in order of their key; what can't be read is reported."""
        for place, (key, size_bytes) in enumerate(self.keys(table)):
            self._progress.step(place, None, os.path.basename(self.path), "records")
            row = self.row(table, key, size_bytes)
            if row is not None:
                yield row

    def keys(self, table: Table, join: str = "", condition: str = "") -> Iterator[tuple[Key, int]]:
        """Yield key and size of each row of a table, in order of the key, and go on behind damaged pages.

        Args:
            table: named ``t`` in the statement.
            join: of other tables to ``t``, in SQL.
            condition: which rows alone are wanted, in SQL.
        """
        names = table.key_names
        if not names:
            self._report(
                Problem(self.path, "unreadable", f"The rows of the table {table.name} can't be told apart.")
            )
            return
        size = len(names) * 2
        source = f"main.{quoted(table.name)} t {join}"
        filters = [condition] if condition else []
        order = ", ".join(f"t.{name}" for name in names)
        terms = f"{key_terms(table, 't')}, {_lengths(table)}"

        def statement(after: int | None) -> str:
            bounds = [*filters, *([f"t.{names[0]} > {after}"] if after is not None else [])]
            where = f" WHERE {' AND '.join(bounds)}" if bounds else ""
            return f"SELECT {terms} FROM {source}{where} ORDER BY {order}"

        after: int | None = None
        for _ in range(_DAMAGES_LIMIT):
            try:
                for row in self._in_order(self.rows(statement(after)), bool(table.rowid), after):
                    if table.rowid:
                        after = row[1]
                    yield typed_values(row[:size]), sum(row[size:])
                return
            except sqlite.Error as error:
                before, after = after, self._behind_damage(statement, after) if table.rowid else None
                self._report_damage(table, before, after, error)
                if after is None:
                    return
        self._report(
            Problem(
                self.path, "unreadable", f"The table {table.name} is damaged in too many places to go on."
            )
        )

    def _in_order(
        self, rows: Iterator[tuple[Any, ...]], has_rowid: bool, after: int | None
    ) -> Iterator[tuple[Any, ...]]:
        """Hand rows on as long as their rowids rise: damaged pages can lead back to where the reading came from."""
        before = last = after
        for count, row in enumerate(rows):
            if count > self.size_bytes:
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
                row = next(iter(self.rows(statement(rowid))), None)
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
        if before is not None and after is not None:
            message = f"Rows of the table {table.name} behind {before} up to {after} can't be read: {error}."
        elif before is not None:
            message = f"Rows of the table {table.name} behind {before} can't be read: {error}."
        elif after is not None:
            message = (
                f"Rows of the table {table.name} from the first on up to {after} can't be read: {error}."
            )
        else:
            message = f"Rows of the table {table.name} from the first on can't be read: {error}."
        self._report(
            Problem(
                self.path,
                "unreadable",
                message,
                record_key=f"{before if before is not None else ''}..{after if after is not None else ''}",
            )
        )

    def row(self, table: Table, key: Key, size_bytes: int | None = None) -> Row | None:
        """Return one row, or None after a report. `size_bytes` is that of `keys`, if it is known."""
        try:
            if (self.size(table, key) if size_bytes is None else size_bytes) > ROW_LIMIT_BYTES:
                raise Unreadable("The row is larger than 256 MiB; it was not read.", code="too_large")
            if len(table.columns) > _COLUMNS_LIMIT:
                raise Unreadable(
                    f"The table {table.name} has more than {_COLUMNS_LIMIT} columns.", code="too_large"
                )
            where, parameters = _where(table, key)
            statement = f"SELECT {_fetched(table)} FROM main.{quoted(table.name)} t WHERE {where}"
            found = next(iter(self.rows(statement, parameters)), None)
            if found is None:
                raise Unreadable("The row can't be found again: the database is damaged.")
        except Unreadable as error:
            self._report(Problem(self.path, error.code, error.message, self.key_text(key)))
        except sqlite.Error as error:
            self._report(
                Problem(self.path, "unreadable", f"The row can't be read: {error}.", self.key_text(key))
            )
        else:
            values = dict(zip(table.columns, typed_values(found), strict=True))
            if _size_as_json(values) > HELD_LIMIT_BYTES:
                message = f"As JSON the row is larger than {HELD_LIMIT_BYTES // MIB} MiB; it was not taken."
                self._report(Problem(self.path, "too_large", message, self.key_text(key)))
                return None
            return Row(table.name, self.key_text(key), values, self.codec)
        return None

    def size(self, table: Table, key: Key) -> int:
        """Return the bytes of a row, 0 if that can't be told."""
        where, parameters = _where(table, key)
        statement = f"SELECT {_lengths(table)} FROM main.{quoted(table.name)} t WHERE {where}"
        with suppress(sqlite.Error):
            return sum(next(iter(self.rows(statement, parameters)), ()))
        return 0

    def key_text(self, key: Key) -> str:
        """Return what names a row, as a record key."""
        parts = [
            content.hex() if storage == "blob" else self.text((storage, content)) for storage, content in key
        ]
        return parts[0] if len(parts) == 1 else json.dumps(parts, ensure_ascii=False)

    def joined(self, chief: Table, table: Table, condition: str) -> Iterator[tuple[Key, Key]]:
        """Yield the keys of a chief row and of a row that belongs to it, in order of the chief's keys.

        Args:
            chief: named ``m`` in the condition.
            table: named ``t``.
            condition: which rows belong together, in SQL; a plus before the column of `table` lets an index of
                the chief's be used whatever types the columns were declared with.
        """
        size = len(chief.key_names) * 2
        statement = (
            f"SELECT {key_terms(chief, 'm')}, {key_terms(table, 't')}"
            f" FROM main.{quoted(table.name)} t CROSS JOIN main.{quoted(chief.name)} m ON {condition}"
            f" ORDER BY {key_order(chief, 'm')}, {key_order(table, 't')}"
        )
        for row in self.rows(statement):
            yield typed_values(row[:size]), typed_values(row[size:])

    def text(self, value: Value) -> str:
        """Return a value as text; what can't be decoded shows as U+FFFD, NULL is empty."""
        storage, content = value
        if isinstance(content, bytes):
            return content.decode(self.codec, "replace")
        return "" if storage == "null" else str(content)


class Stream(Generic[_T]):
    """What a join gives (`Database.joined`), row by row of its chief table, taken in step with those rows.

    Args:
        pairs: the key of a row of the chief table, and what belongs to it, in order of the keys.
        report: told why it ended early.
    """

    def __init__(self, pairs: Iterator[tuple[Key, _T]], report: Callable[[Exception], None]) -> None:
        self._pairs = pairs
        self._report = report
        self._next: tuple[Key, _T] | None = None
        self._ended = False

    def take(self, key: Key) -> list[_T]:
        """Return what belongs to a row; each call must name a later one."""
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


def _is_before(a: Key, b: Key) -> bool:
    """Tell whether one rowid comes before another; keys of tables without rowid only ever follow in step."""
    return len(a) == len(b) == 1 and a[0][0] == b[0][0] == "integer" and bool(a[0][1] < b[0][1])


def quoted(name: str) -> str:
    """Return an identifier for a statement."""
    return '"' + name.replace('"', '""') + '"'


def stored_terms(name: str) -> str:
    """Return what to select for the storage class of an expression, and its value with text as stored bytes."""
    return f"typeof({name}), CASE typeof({name}) WHEN 'text' THEN CAST({name} AS BLOB) ELSE {name} END"


def key_terms(table: Table, alias: str) -> str:
    """Return what to select for the key of a table's rows."""
    return ", ".join(stored_terms(f"{alias}.{name}") for name in table.key_names)


def key_order(table: Table, alias: str) -> str:
    """Return the order of a table's rows by their key."""
    return ", ".join(f"{alias}.{name}" for name in table.key_names)


@lru_cache(maxsize=64)
def _fetched(table: Table) -> str:
    return ", ".join(stored_terms(f"t.{quoted(column)}") for column in table.columns)


@lru_cache(maxsize=64)
def _lengths(table: Table) -> str:
    """Return what to select for the bytes of a row; no value is loaded for it where SQLite knows how."""
    length = "octet_length({0})" if sqlite.version_info >= (3, 43, 0) else "length(CAST({0} AS BLOB))"
    terms = [f"coalesce({length.format(f't.{quoted(column)}')}, 0)" for column in table.columns]
    return ", ".join(" + ".join(terms[at : at + _SUM_TERMS]) for at in range(0, len(terms), _SUM_TERMS))


def typed_values(values: Sequence[Any]) -> Key:
    """Return what `stored_terms` selected as pairs of storage class and value."""
    return tuple(
        (storage.decode("ascii"), value) for storage, value in zip(values[::2], values[1::2], strict=True)
    )


def _where(table: Table, key: Key) -> tuple[str, list[Any]]:
    terms = [
        f"t.{name} = CAST(? AS TEXT)" if storage == "text" else f"t.{name} = ?"
        for name, (storage, _) in zip(table.key_names, key, strict=True)
    ]
    return " AND ".join(terms), [value for _, value in key]


# --- what no record can take along ------------------------------------------------------------------------


class TableDump:
    """Gathers rows that no record can take along into records of about a mebibyte, which fill nothing (`is_dump`).

    Args:
        source: the source id of the records.
        path: the database.
    """

    def __init__(self, source: str, path: str) -> None:
        self._source = source
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
            yield Record(self._source, self._path, f"{self._table}/{keys}", payload, extra)
        self._keys, self._rows, self._size = [], [], 0


def dump_tables(database: Database, source: str, tables: Iterable[Table], report: Report) -> Iterator[Record]:
    """Yield all rows of tables that are no model's, as records that fill nothing; a broken table hides no other."""
    dump = TableDump(source, database.path)
    for table in tables:
        try:
            for row in database.read(table):
                yield from dump.add(table.name, row.key, json.dumps(row.said(), ensure_ascii=False))
        except (sqlite.Error, Unreadable) as error:
            report(Problem(database.path, "unreadable", f"The table {table.name} can't be read: {error}."))
    yield from dump.rest()


OF_NO_MODEL = Claims(marker=True, flags=(NO_MODEL,))
"""What such a record claims."""


def is_dump(extra: Mapping[str, Any] | None) -> bool:
    """Tell by a record's extra whether it holds rows that are no model's."""
    return extra is not None and "table" in extra
