"""The library view in pages that stay right while others write: each begins where the former ended, by value."""

import tempfile
import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from modelmgr.catalog import engine, query, stretches
from modelmgr.catalog.library_view import LibraryView
from modelmgr.errors import Usage
from modelmgr.values import ModelPage, ModelQuery

KEPT_TOTALS = 64

T = TypeVar("T")


class ModelPages(LibraryView):
    """Pages of the library for readers that come back for the next one at any time."""

    def __init__(self, path: str, uri_query: str, temporary: tempfile.TemporaryDirectory[str] | None) -> None:
        super().__init__(path, uri_query, temporary)
        self._totals: dict[tuple[Any, ...], int] = {}
        self._totals_version = ""
        self._totals_lock = threading.Lock()

    def model_page(
        self,
        wanted: ModelQuery,
        limit: int,
        after: Sequence[Any] | None,
        rows_of: Callable[[Sequence[int]], Sequence[T]],
    ) -> ModelPage[T]:
        """Return the next models in order, and how many match; rows and total are of one moment.

        All pages together show each model that matches and keeps its place exactly once, whatever is written
        meanwhile; one that is renamed between two pages may be met twice or not at all.

        Args:
            wanted: filters and order.
            limit: the most rows of this page, at least 1.
            after: `ModelPage.last` of the page before, of the same order; None for the first page.
            rows_of: `rows`, `rows_json` or the like: makes the rows of their ids, in the same moment.

        Raises:
            Usage: `limit` is too small, or `after` is no place in this order.
        """
        if limit < 1:
            raise Usage("A page has at least one row.", limit=limit)
        place = None if after is None else _place(wanted, after)
        version = self.version()
        with engine.translated(self.path), self._snapshot() as reader:
            total = self._total(reader, wanted, version)
            found = stretches.stretch(reader, wanted, limit + 1, place, total)
            rows = rows_of([values[-1] for values in found[:limit]])
        last = tuple(map(_out, found[limit - 1])) if len(found) > limit else None
        return ModelPage(tuple(rows), total, last)

    def _total(self, reader: engine.Database, wanted: ModelQuery, version: str) -> int:
        """Count what matches, or recall it: to count a million rows takes longer than to show a hundred."""
        where, parameters = query.conditions(wanted)  # what is "30 days ago" moves on
        key = (where, *parameters)
        reader.execute_sql("SELECT 1 FROM models LIMIT 1").fetchall()  # only now the snapshot is taken
        if reader is not self._reader or self.version() != version:
            return self.count(wanted)  # it shows what no word stands for: a commit just now, or one to come
        with self._totals_lock:
            if self._totals_version == version and key in self._totals:
                return self._totals[key]
        total = self.count(wanted)
        with self._totals_lock:
            if self._totals_version != version or len(self._totals) >= KEPT_TOTALS:
                self._totals_version = version
                self._totals = {}
            self._totals[key] = total
        return total


def _out(value: Any) -> Any:
    return {"b": value.hex()} if isinstance(value, bytes) else value


def _place(wanted: ModelQuery, after: Sequence[Any]) -> list[Any]:
    """Return the values of the order's columns as they are stored.

    Raises:
        Usage: they are none.
    """
    columns = [key.name for key in query.order_of(wanted).all]
    if not isinstance(after, (list, tuple)) or len(after) != len(columns):
        raise Usage("This is no place in the order that was asked for.")
    return [_in(column, value) for column, value in zip(columns, after, strict=True)]


def _in(column: str, value: Any) -> Any:
    if value is None and column != "id":
        return None
    if column in query.NUMBERS:
        if type(value) is int and query.LEAST_INTEGER <= value <= query.GREATEST_INTEGER:
            return value
    elif isinstance(value, str):
        if value.isascii() or not any("\ud800" <= char <= "\udfff" for char in value):
            return value
    elif isinstance(value, dict) and value.keys() == {"b"} and isinstance(value["b"], str):
        try:
            return bytes.fromhex(value["b"])
        except ValueError:
            pass
    raise Usage("This is no place in the order that was asked for.")
