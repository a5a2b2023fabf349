"""The numbers beside the facets, counted in a worker."""

from dataclasses import dataclass, replace
from typing import Any

from modelmgr.catalog import Catalog
from modelmgr.gui.search.filters import GROUPS
from modelmgr.values import Facets, ModelQuery


@dataclass(frozen=True, slots=True)
class Overview:
    """What the panel and the status bar say about a query."""

    query: ModelQuery
    facets: Facets
    total_bytes: int
    everything: int


def _without_group(query: ModelQuery, group: str) -> ModelQuery:
    nothing: dict[str, Any] = {group: ()}
    return replace(query, **nothing)


def load_overview(catalog: Catalog, query: ModelQuery) -> Overview:
    """Count, in a worker: each facet over what the *other* filters leave, so that more of it can be chosen."""
    facets = catalog.facets(query)
    for group in GROUPS[:-1]:
        if getattr(query, group):
            others = catalog.facets(_without_group(query, group))
            facets = replace(facets, **{group: getattr(others, group)})
    if query.favorite:
        facets = replace(facets, favorites=catalog.facets(replace(query, favorite=None)).favorites)
    return Overview(query, facets, catalog.total_bytes(query), catalog.count(ModelQuery()))
