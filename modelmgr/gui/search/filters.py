"""The query that all parts of the window share: search, facets and order in one place."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from PySide6.QtCore import QObject, Signal

from modelmgr.values import SORT_COLUMNS, ModelQuery

GROUPS = ("types", "base_models", "tags", "folders", "states")
STATES = ("missing", "duplicate", "unidentified", "hashing", "offline", "unreadable")
"""The states of the filter panel, in its order; the last two stand there only if there are any."""

TEXT_LIMIT = 2000
_VALUES_LIMIT = 200


class Filters(QObject):
    """The query that the window shows: search, facets and order in one place.

    Signals:
        changed(ModelQuery): it is another one now.
    """

    changed = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.query = ModelQuery()

    @property
    def is_narrowed(self) -> bool:
        """Whether anything but the order differs from "all models"."""
        return replace(self.query, sort="name", descending=False) != ModelQuery()

    def chosen(self, group: str) -> tuple[str, ...]:
        """Return the values of a facet that are on."""
        values: tuple[str, ...] = getattr(self.query, group)
        return values

    def active(self) -> list[tuple[str, str]]:
        """Return all that is on, as (group, value); the search as ("search", text)."""
        found = [("search", self.query.search.strip())] if self.query.search.strip() else []
        if self.query.favorite:
            found.append(("favorite", ""))
        return found + [(group, value) for group in GROUPS for value in self.chosen(group)]

    def without(self, group: str, value: str) -> ModelQuery:
        """Return the query without one of the things that are on."""
        if group == "search":
            return replace(self.query, search="")
        if group == "favorite":
            return replace(self.query, favorite=None)
        rest = tuple(other for other in self.chosen(group) if other != value)
        return replace(self.query, **{group: rest})  # type: ignore[arg-type]

    def set(self, query: ModelQuery) -> None:
        """Show another query."""
        if query != self.query:
            self.query = query
            self.changed.emit(query)

    def set_search(self, text: str) -> None:
        """Search for words, within what the facets leave."""
        self.set(replace(self.query, search=text[:TEXT_LIMIT]))

    def toggle(self, group: str, value: str) -> None:
        """Switch one value of a facet."""
        if value in self.chosen(group):
            self.set(self.without(group, value))
        else:
            self.set(replace(self.query, **{group: (*self.chosen(group), value)}))  # type: ignore[arg-type]

    def toggle_favorites(self) -> None:
        """Show favourites alone, or all."""
        self.set(replace(self.query, favorite=None if self.query.favorite else True))

    def take_off(self, group: str, value: str) -> None:
        """Drop one of the things that are on."""
        self.set(self.without(group, value))

    def clear(self) -> None:
        """Show all models, in the same order as before."""
        self.set(ModelQuery(sort=self.query.sort, descending=self.query.descending))

    def sort(self, name: str, descending: bool) -> None:
        """Show the same models in another order."""
        self.set(replace(self.query, sort=name, descending=descending))

    def as_state(self) -> dict[str, Any]:
        """Return the query for the next start."""
        query = self.query
        return {
            "search": query.search,
            "favorite": bool(query.favorite),
            "sort": query.sort,
            "descending": query.descending,
        } | {group: list(self.chosen(group)) for group in GROUPS}

    def restore(self, state: Mapping[str, Any], *, order_only: bool = False) -> None:
        """Take the query of the last session; odd values are left out."""
        sort = state.get("sort")
        query = ModelQuery(
            sort=sort if sort in SORT_COLUMNS else "name", descending=state.get("descending") is True
        )
        if not order_only:
            groups = {group: _strings(state.get(group)) for group in GROUPS}
            search = state.get("search")
            query = replace(
                query,
                search=search[:TEXT_LIMIT] if isinstance(search, str) else "",
                favorite=True if state.get("favorite") is True else None,
                **groups,  # type: ignore[arg-type]
            )
        self.set(query)


def _strings(found: object) -> tuple[str, ...]:
    if not isinstance(found, list):
        return ()
    return tuple(value for value in found[:_VALUES_LIMIT] if isinstance(value, str))
