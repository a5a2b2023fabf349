"""The library view in pages that stay right while others write: each begins where the former ended, by value."""

from collections.abc import Sequence
from typing import Any

from modelmgr.catalog import engine, query
from modelmgr.catalog.library_view import LibraryView
from modelmgr.errors import Usage
from modelmgr.values import ModelPage, ModelQuery

KEPT_TOTALS = 64
GREATEST_INTEGER = 2**63 - 1


class ModelPages(LibraryView):
    """Pages of the library for readers that come back for the next one at any time."""

    def model_page(
        self,
        wanted: ModelQuery,
        limit: int,
        after: Sequence[Any] | None = None,
        *,
        counted: bool = True,
    ) -> ModelPage:
        """Return the next models in order, and how many match; rows and total are of one moment.

        All pages together show each model that matches and keeps its place exactly once, whatever is written
        meanwhile; one that is renamed between two pages may be met twice or not at all.

        Args:
            wanted: filters and order.
            limit: the most rows of this page, at least 1.
            after: `ModelPage.last` of the page before, of the same order; None for the first page.
            counted: False leaves the total out.

        Raises:
            Usage: `limit` is too small, or `after` is no place in this order.
        """
        if limit < 1:
            raise Usage("A page has at least one row.", limit=limit)
        place = None if after is None else _place(wanted, after)
        columns = [column.partition(" ")[0] for column in query.order_columns(wanted)]
        with engine.translated(self.path), self._snapshot() as reader:
            total = self.count(wanted) if counted else None
            where, parameters = query.conditions(wanted)
            found: list[tuple[Any, ...]] = []
            for step, more in query.steps_after(wanted, place):
                found += reader.execute_sql(
                    f"SELECT {', '.join(columns)} FROM models{where or ' WHERE 1'} AND {step}"
                    f"{query.ordering(wanted)} LIMIT ?",
                    [*parameters, *more, limit + 1 - len(found)],
                ).fetchall()
                if len(found) > limit:
                    break
            rows = self.rows([values[-1] for values in found[:limit]])
        last = tuple(map(_out, found[limit - 1])) if len(found) > limit else None
        return ModelPage(tuple(rows), total, last)


def _out(value: Any) -> Any:
    return {"b": value.hex()} if isinstance(value, bytes) else value


def _place(wanted: ModelQuery, after: Sequence[Any]) -> list[Any]:
    """Return the values of the order's columns as they are stored.

    Raises:
        Usage: they are none.
    """
    columns = [column.partition(" ")[0] for column in query.order_columns(wanted)]
    if not isinstance(after, (list, tuple)) or len(after) != len(columns):
        raise Usage("This is no place in the order that was asked for.")
    return [_in(column, value) for column, value in zip(columns, after, strict=True)]


def _in(column: str, value: Any) -> Any:
    if value is None and column != "id":
        return None
    if column in query.NUMBERS:
        if type(value) is int and query.LEAST_INTEGER <= value <= GREATEST_INTEGER:
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
