"""The query that all parts of the window share: search, facets and order in one place."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from PySide6.QtCore import QObject, Signal

from modelmgr.gui.search.kept import GROUPS, ORDER_LIMIT, TEXT_LIMIT, query_of_state, query_state
from modelmgr.gui.search.parts import Part, search_parts, without_part
from modelmgr.values import ModelQuery

STATES = (
    "missing",
    "duplicate",
    "unidentified",
    "hashing",
    "offline",
    "unreadable",
    "unhashed",
    "dangerous",
    "unscanned",
)
"""The states of the filter panel, in its order; those after the fourth stand there only if there are any."""


class Filters(QObject):
    """The query that the window shows.

    Signals:
        changed(ModelQuery): it is another one now.
    """

    changed = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.query = ModelQuery()

    # --- questions --------------------------------------------------------------------------------------

    @property
    def is_narrowed(self) -> bool:
        """Whether anything but the order differs from "all models"."""
        return self.query.narrows

    def chosen(self, group: str) -> tuple[str, ...]:
        """Return the values of a facet that are on."""
        values: tuple[str, ...] = getattr(self.query, group)
        return values

    def excluded(self, group: str) -> tuple[str, ...]:
        """Return the values of a facet that are excluded."""
        return tuple(value for its, value in self.query.excluded if its == group)

    def active(self) -> list[Part]:
        """Return all that is on, the parts of the search first."""
        found = [Part("search", text, text.startswith("-")) for text in search_parts(self.query.search)]
        if self.query.favorite is not None:
            found.append(Part("favorite", "", not self.query.favorite))
        found += [Part(group, value) for group in GROUPS for value in self.chosen(group)]
        return found + [Part(group, value, True) for group, value in self.query.excluded]

    def without(self, part: Part) -> ModelQuery:
        """Return the query without one of the things that are on."""
        return without(self.query, part)

    # --- deeds ------------------------------------------------------------------------------------------

    def set(self, query: ModelQuery) -> None:
        """Show another query."""
        if query != self.query:
            self.query = query
            self.changed.emit(query)

    def set_search(self, text: str) -> None:
        """Search for words, within what the facets leave."""
        self.set(replace(self.query, search=text[:TEXT_LIMIT]))

    def narrow_to(self, query: ModelQuery) -> None:
        """Show what another query matches, in the order of now."""
        order = self.query
        self.set(replace(query, sort=order.sort, descending=order.descending, then_by=order.then_by))

    def toggle(self, group: str, value: str) -> None:
        """Switch one value of a facet; one that was excluded is let in again."""
        part = Part(group, value)
        for old in (part, part._replace(excluded=True)):
            if old in self.active():
                self.set(self.without(old))
                return
        self.set(_with(self.query, part))

    def exclude(self, group: str, value: str) -> None:
        """Exclude one value of a facet, or let it in again."""
        part = Part(group, value, True)
        if part in self.active():
            self.set(self.without(part))
        else:
            self.set(_with(self.without(Part(group, value)), part))

    def include(self, group: str, value: str) -> None:
        """Let one value of a facet in that is excluded, and filter by it."""
        self.set(_with(self.without(Part(group, value, True)), Part(group, value)))

    def only(self, group: str, value: str) -> None:
        """Of a facet let one value in and nothing else; the other facets stay."""
        self.set(_with(without_group(self.query, group), Part(group, value)))

    def clear_group(self, group: str) -> None:
        """Take off all that a facet has on."""
        self.set(without_group(self.query, group))

    def take_off(self, part: Part) -> None:
        """Drop one of the things that are on."""
        self.set(self.without(part))

    def clear(self) -> None:
        """Show all models, in the same order as before."""
        self.narrow_to(ModelQuery())

    def sort(self, name: str, descending: bool) -> None:
        """Show the same models in another order."""
        self.set(replace(self.query, sort=name, descending=descending, then_by=()))

    def sort_then(self, name: str, descending: bool) -> None:
        """Sort models that are equal so far by one more column, or turn a column of the order round."""
        if name == self.query.sort:
            self.set(replace(self.query, descending=descending))
            return
        columns = dict(self.query.then_by) | {name: descending}
        self.set(replace(self.query, then_by=tuple(columns.items())[:ORDER_LIMIT]))

    # --- from one start to the next ---------------------------------------------------------------------

    def as_state(self) -> dict[str, Any]:
        """Return the query for the next start."""
        query = self.query
        return query_state(query) | {
            "sort": query.sort,
            "descending": query.descending,
            "then_by": [list(key) for key in query.then_by],
        }

    def restore(self, state: Mapping[str, Any], *, order_only: bool = False) -> None:
        """Take the query of the last session; odd values are left out."""
        self.set(query_of_state({} if order_only else state, order=state))


def narrowing(query: ModelQuery) -> ModelQuery:
    """Return what a query asks for, without its order."""
    return replace(query, sort="name", descending=False, then_by=())


def without_group(query: ModelQuery, group: str) -> ModelQuery:
    """Return a query without a facet: neither values that are on nor excluded ones."""
    if group == "favorite":
        return replace(query, favorite=None)
    nothing: dict[str, Any] = {group: ()}
    return replace(query, excluded=tuple(pair for pair in query.excluded if pair[0] != group), **nothing)


def without(query: ModelQuery, part: Part) -> ModelQuery:
    """Return a query without one of the things that are on."""
    if part.group == "search":
        return replace(query, search=without_part(query.search, part.value))
    if part.group == "favorite":
        return replace(query, favorite=None)
    if part.excluded:
        pair = (part.group, part.value)
        return replace(query, excluded=tuple(other for other in query.excluded if other != pair))
    values: tuple[str, ...] = getattr(query, part.group)
    rest: dict[str, Any] = {part.group: tuple(value for value in values if value != part.value)}
    return replace(query, **rest)


def _with(query: ModelQuery, part: Part) -> ModelQuery:
    if part.group == "favorite":
        return replace(query, favorite=not part.excluded)
    if part.excluded:
        return replace(query, excluded=(*query.excluded, (part.group, part.value)))
    more: dict[str, Any] = {part.group: (*getattr(query, part.group), part.value)}
    return replace(query, **more)
