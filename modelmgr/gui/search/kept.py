"""A query as the next start finds it, and as it is kept by a name."""

from collections.abc import Mapping
from typing import Any

from modelmgr.values import SORT_COLUMNS, ModelQuery

GROUPS = ("types", "base_models", "tags", "folders", "states")
TEXT_LIMIT = 2000
ORDER_LIMIT = 8
VALUES_LIMIT = 200


def query_state(query: ModelQuery) -> dict[str, Any]:
    """Return what a query asks for, as JSON has it."""
    return {
        "search": query.search,
        "favorite": query.favorite,
        "excluded": [list(pair) for pair in query.excluded],
    } | {group: list(getattr(query, group)) for group in GROUPS}


def query_of_state(state: Mapping[str, Any], order: Mapping[str, Any] | None = None) -> ModelQuery:
    """Return the query of a state, in the order of another, or the plainest; odd values are left out."""
    order = {} if order is None else order
    sort = order.get("sort")
    groups: dict[str, Any] = {group: _strings(state.get(group)) for group in GROUPS}
    search, favorite, excluded = state.get("search"), state.get("favorite"), state.get("excluded")
    pairs = excluded[:VALUES_LIMIT] if isinstance(excluded, list) else []
    return ModelQuery(
        search=search[:TEXT_LIMIT] if isinstance(search, str) else "",
        # A state of before there was "not" says False for "either".
        favorite=favorite if isinstance(favorite, bool) and (favorite or "excluded" in state) else None,
        excluded=tuple(
            (pair[0], pair[1])
            for pair in pairs
            if isinstance(pair, list) and len(_strings(pair)) == 2 and pair[0] in GROUPS
        ),
        sort=sort if sort in SORT_COLUMNS else "name",
        descending=order.get("descending") is True,
        then_by=_order(order.get("then_by")),
        **groups,
    )


def _strings(found: object) -> tuple[str, ...]:
    if not isinstance(found, list):
        return ()
    return tuple(value for value in found[:VALUES_LIMIT] if isinstance(value, str))


def _order(found: object) -> tuple[tuple[str, bool], ...]:
    """Return further columns of an order as they were written; odd ones are left out."""
    keys = found[:ORDER_LIMIT] if isinstance(found, list) else []
    return tuple(
        (key[0], key[1])
        for key in keys
        if isinstance(key, list) and len(key) == 2 and key[0] in SORT_COLUMNS and isinstance(key[1], bool)
    )
