"""``cache/<section>/cache.db``: where AUTOMATIC1111 since 1.10 and Forge keep what stood in ``cache.json`` before.

A python-diskcache 5 store for each section: SQLite, a row for each key. A value is a pickle, in the row or, if it
is large, in a file beside; it is read as plain data or not at all (`modelmgr.migration.reading.plain_pickle`).
"""

import os
import re
import time
from collections.abc import Iterator, Mapping
from typing import Any

from modelmgr.errors import Unreadable
from modelmgr.migration.reading.container import read_container
from modelmgr.migration.reading.database import (
    OF_NO_MODEL,
    Row,
    Table,
    dump_tables,
    is_dump,
    opened,
    plain_columns,
)
from modelmgr.migration.reading.plain_pickle import Refused, plain_value
from modelmgr.migration.source import Container, Place, Report
from modelmgr.migration.sources.a1111_cache import (
    SECTIONS,
    KeyPlace,
    ModelFolders,
    entry_claims,
)
from modelmgr.migration.sources.civitai import UNPARSED
from modelmgr.migration.sources.table_source import Tables, TableSource
from modelmgr.payload import clean_text
from modelmgr.progress import Progress
from modelmgr.values import Claims, Problem, Record, is_below

_PICKLE = 4
_COLUMNS = frozenset(("key", "raw", "mode", "filename", "value"))
_VALUE_FILE = re.compile(r"(?:[0-9A-Za-z_-]{1,64}[/\\]){0,4}[0-9A-Za-z_-]{1,64}\.val")
_ABOVE = "../../"
_KEY_LIMIT = 1024


class A1111DiskCache(TableSource):
    """See the module; the folder's name says which section it is, and only those of models are read."""

    id = "a1111-diskcache"
    record_ids = ("a1111-diskcache",)
    places = (Place("AUTOMATIC1111", "$SD_WEBUI_CACHE_DIR"),)

    def wants(self, name: str, named: bool) -> bool:
        """Tell by the name."""
        return name.lower() == "cache.db"

    def is_ours(self, tables: Tables, container: Container) -> bool:
        """Tell by the folder's name and the tables; browsers have a ``cache.db`` too."""
        return _section_of(container.path) in SECTIONS and _cache_table(list(tables.values())) is not None

    def records(self, container: Container, progress: Progress, report: Report) -> Iterator[Record]:
        """Yield a record for each row, in order of the rows; the payload is the pickle as it is stored.

        A row whose value file is gone is reported: the tool drops the oldest ones by itself.
        """
        folder = os.path.dirname(container.path)
        folders = ModelFolders((os.path.dirname(os.path.dirname(folder)),), progress)
        now = time.time()
        with opened(container.path, progress, report) as database:
            tables = database.tables()
            cache = _cache_table(tables)
            if cache is None:
                return
            for row in database.read(cache):
                key = _key_of(row, cache)
                record_key = _record_key(key, row)
                try:
                    payload, extra = _content(row, cache, folder)
                except Unreadable as error:
                    report(Problem(container.path, error.code, error.message, record_key))
                    continue
                extra["section"] = _section_of(container.path)
                if key is not None and (files := folders.files_of(key)):
                    extra["files"] = files
                expires = _plain(row, cache, "expire_time")
                if isinstance(expires, int | float) and expires < now:
                    extra["expired"] = True
                yield Record(self.id, container.path, record_key, payload, extra)
            others = [table for table in tables if table is not cache and table.name.lower() != "settings"]
            yield from dump_tables(database, self.id, others, report)

    def claims(self, record: Record, siblings: frozenset[str], sha256: str | None = None) -> Claims:
        """Return what a row says; the computed hash tells what Forge's ``hashes-addnet`` holds."""
        extra = record.extra or {}
        if is_dump(extra):
            return OF_NO_MODEL
        columns = {name.lower(): value for name, value in plain_columns(extra.get("columns")).items()}
        section, key = extra.get("section"), columns.get("key")
        if not isinstance(section, str):
            return Claims(marker=True)
        key = clean_text(key) if isinstance(key, str) and columns.get("raw") == 1 else ""
        place = KeyPlace.of(key, extra.get("files"), _ABOVE)
        path = place.path if key else None
        if columns.get("mode") != _PICKLE:
            message = (
                "The value of this row is of another kind than the tool writes; its bytes are kept unread."
            )
            return Claims(path=path, problem=UNPARSED, message=message)
        try:
            value = plain_value(record.payload)
        except Refused as refused:
            return Claims(path=path, problem=UNPARSED, message=str(refused))
        if not isinstance(value, Mapping):
            return Claims(path=path, problem=UNPARSED, message="The value of this row is no dictionary.")
        if extra.get("expired"):
            return Claims(path=path, marker=True, flags=("expired",))
        return entry_claims(section, place, value, (), sha256)


def _section_of(path: str) -> str:
    return os.path.basename(os.path.dirname(path))


def _cache_table(tables: list[Table]) -> Table | None:
    """Return the table of values, None if the tables are not those of a diskcache."""
    by_name = {table.name.lower(): table for table in tables}
    cache = by_name.get("cache")
    return cache if cache is not None and "settings" in by_name and cache.lowered >= _COLUMNS else None


def _plain(row: Row, cache: Table, name: str) -> Any:
    column = cache.column(name)
    return row.plain(column) if column is not None else None


def _key_of(row: Row, cache: Table) -> str | None:
    """Return the key, None where it is no text: then it is a pickle, and names no model."""
    key = _plain(row, cache, "key")
    return (clean_text(key) or None) if isinstance(key, str) and _plain(row, cache, "raw") == 1 else None


def _record_key(key: str | None, row: Row) -> str:
    """Return what names a row for ever: its key, which is unique in the store; else its place."""
    return key if key is not None and len(key) <= _KEY_LIMIT else f"row {row.key}"


def _content(row: Row, cache: Table, folder: str) -> tuple[bytes, dict[str, Any]]:
    """Return payload and extra of a row.

    Raises:
        Unreadable: its value lies in a file that is gone, can't be read or lies elsewhere.
    """
    column = cache.column("value")
    filename = _plain(row, cache, "filename")
    if isinstance(filename, str):
        return _value_file(folder, filename), {"columns": row.columns(), "payload_file": filename}
    return row.payload(column), row.around(column)


def _value_file(folder: str, filename: str) -> bytes:
    """Return the bytes of a value that the store keeps beside the database."""
    if not _VALUE_FILE.fullmatch(filename):
        raise Unreadable("The value of this row should lie in a file whose name is none of the store's.")
    path = os.path.join(folder, *re.split(r"[/\\]", filename))
    if not is_below(os.path.realpath(path), os.path.realpath(folder)):
        raise Unreadable(
            f"The value's file {filename} leads out of the cache; it was not read.", code="outside"
        )
    try:
        return read_container(path)
    except Unreadable as error:
        message = f"The value's file {filename} can't be read. {error.message}"
        raise Unreadable(message, code=error.code) from error
