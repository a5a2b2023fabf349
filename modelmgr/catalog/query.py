"""`ModelQuery` -> SQL over `models`: one translation for the order, the rows and the counts alike."""

import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from peewee import AutoField, BigIntegerField, BooleanField, IntegerField

from modelmgr.catalog.engine import search_condition
from modelmgr.catalog.schema import ModelTable, path_in
from modelmgr.values import SORT_COLUMNS, FileState, HashState, ModelQuery, PendingQuery
from modelmgr.vocabulary import canonical_base, canonical_type

LEAST_INTEGER = -(2**63)

# Each order ends in the id, so that it is total; an index of `schema.ORDER_INDEXES` serves most of them.
_ORDERS: dict[str, tuple[str, ...]] = {column: (column, "id") for column in SORT_COLUMNS} | {
    "name": ("name COLLATE NOCASE", "id"),
    "type": ("type", "base_model", "name COLLATE NOCASE", "id"),
    "base_model": ("base_model", "name COLLATE NOCASE", "id"),
    "file_name": ("file_name COLLATE NOCASE", "id"),
    "hash_state": ("hash_state", "file_count", "id"),
}

STATE_CONDITIONS: dict[str, str] = {
    FileState.PRESENT: "file_state = 'present'",
    FileState.MISSING: "file_state = 'missing'",
    FileState.OFFLINE: "file_state = 'offline'",
    FileState.UNREADABLE: "file_state = 'unreadable'",
    # Of models of several files those that lie in several places.
    "duplicate": "file_count > 1 AND (id NOT IN (SELECT model_id FROM units) "
    "OR id IN (SELECT model_id FROM units GROUP BY model_id HAVING count(*) > 1))",
    "unidentified": "type = 'unknown'",
    HashState.HASHING: f"hash_state IN ('{HashState.NONE}', '{HashState.HASHING}') AND file_count > 0",
}

_HASH = re.compile(r"[0-9a-f]{8,64}")
# Any hash that begins so, of the model, of its files (also before a header was rewritten), claimed by its records.
_HAS_HASH = (
    "id IN (SELECT id FROM models WHERE sha256 >= ? AND sha256 < ? "
    "UNION ALL SELECT f.model_id FROM known_hashes AS k INDEXED BY knownhashtable_hash "
    "CROSS JOIN files AS f ON f.id = k.holder_id WHERE k.hash >= ? AND k.hash < ? AND k.holder = 'file' "
    "UNION ALL SELECT r.model_id FROM known_hashes AS k INDEXED BY knownhashtable_hash "
    "CROSS JOIN records AS r ON r.id = k.holder_id WHERE k.hash >= ? AND k.hash < ? AND k.holder = 'record' "
    "UNION ALL SELECT model_id FROM files WHERE unit IS NOT NULL AND sha256 >= ? AND sha256 < ?)"
)

_FIELD_WORDS = {
    "type": "types",
    "base": "base_models",
    "tag": "tags",
    "folder": "folders",
    "state": "states",
}


def parse_search(query: ModelQuery) -> tuple[ModelQuery, list[str]]:
    """Split the search text into the plain words and what it adds to the query's filters.

    Words may be quoted; ``type:lora``, ``base:"Flux.1 D"``, ``tag:ink``, ``folder:/models`` and
    ``state:missing`` narrow the query. Anything else with a colon is a plain word.

    Returns:
        The query with those filters, and the case-folded words that must all occur.
    """
    words: list[str] = []
    added: dict[str, tuple[str, ...]] = {}
    for token in _tokens(query.search):
        field, colon, value = token.partition(":")
        name = _FIELD_WORDS.get(field.lower()) if colon and value else None
        if name is None:
            words.append(token.casefold())
        else:
            added[name] = (*added.get(name, getattr(query, name)), value)
    return replace(query, search="", **added), words  # type: ignore[arg-type]


def _tokens(text: str) -> Iterable[str]:
    lexer = shlex.shlex(text, posix=True)
    lexer.whitespace_split = True
    lexer.commenters = ""
    lexer.quotes = '"'
    lexer.escape = ""
    try:
        return list(lexer)
    except ValueError:  # a quotation mark that is still being typed
        return text.replace('"', " ").split()


def conditions(query: ModelQuery, *, walking: bool = False) -> tuple[str, list[Any]]:
    """Return the WHERE clause (with the word WHERE, or empty) and its parameters; `walking`: see the engine."""
    query, words = parse_search(query)
    parts: list[str] = []
    parameters: list[Any] = []
    for word in words:
        condition, parameter = search_condition(word, walking=walking)
        parameters.append(parameter)
        if _HASH.fullmatch(word):
            condition = f"({condition} OR {_HAS_HASH})"
            parameters += [word, word + "g"] * _HAS_HASH.count("< ?")
        parts.append(condition)
    free = "+" if walking else ""  # a term that no index may serve leaves the order's index in charge
    leading = order_columns(query)[0] if walking else ""
    # In canonical words, as they are stored: a comparison without regard to case would pass by every index.
    choices: tuple[tuple[str, set[Any]], ...] = (
        ("type", {_type(word) for word in query.types}),
        ("base_model", {canonical_base(word) or word for word in query.base_models}),
        ("folder", {path_in(folder) for folder in query.folders}),
    )
    for column, values in choices:
        # One value of the order's first column is a stretch of its index.
        is_stretch = column == leading and len(values) == 1
        _one_of(parts, parameters, column if is_stretch else f"{free}{column}", values)
    for tag in query.tags:
        parts.append(
            "EXISTS (SELECT 1 FROM model_tags WHERE model_id = models.id AND key = ?)"
            if walking
            else "id IN (SELECT model_id FROM model_tags WHERE key = ?)"
        )
        parameters.append(tag.casefold())
    if query.states:
        known = [STATE_CONDITIONS[name] for name in query.states if name in STATE_CONDITIONS]
        parts.append(
            f"{free}(" + " OR ".join(f"({condition})" for condition in known) + ")" if known else "0"
        )
    if query.favorite is not None:
        parts.append(f"{'' if leading == 'favorite' else free}favorite = ?")
        parameters.append(int(query.favorite))
    return (" WHERE " + " AND ".join(parts) if parts else ""), parameters


def order_columns(query: ModelQuery) -> tuple[str, ...]:
    """Return what the models are ordered by, with collations, the id last."""
    return _ORDERS.get(query.sort, _ORDERS["name"])


def order_index(query: ModelQuery) -> str:
    """Return the index of `schema.ORDER_INDEXES` that holds the order."""
    return f"models_{query.sort if query.sort in _ORDERS else 'name'}"


def ordering(query: ModelQuery, *, sorting: bool = False) -> str:
    """Return the ORDER BY clause; descending turns the whole order round.

    Args:
        query: see there.
        sorting: True where what matches is to be fetched and sorted, and no index of the order to be walked.
    """
    free, direction = "+" if sorting else "", " DESC" if query.descending else ""
    return " ORDER BY " + ", ".join(f"{free}{column}{direction}" for column in order_columns(query))


def steps_after(
    query: ModelQuery, after: Sequence[Any] | None, *, sorting: bool = False
) -> list[tuple[str, list[Any]]]:
    """Return what comes after a place in the order, as conditions that hold for stretches that follow each other.

    Each is equal in the first columns and beyond in the next, so that an index of the order leads to its beginning
    at once; one condition for all of it would be a comparison of rows, which neither NULLs nor NOCASE allow.

    Args:
        query: gives the order.
        after: the values of `order_columns` there, as they are stored; None for all that there is.
        sorting: as in `ordering`.
    """
    if after is None:
        return [("1", [])]
    free = "+" if sorting else ""
    columns = [f"{free}{column}" for column in order_columns(query)]
    steps: list[tuple[str, list[Any]]] = []
    for place in reversed(range(len(columns))):
        column, value = columns[place], after[place]
        same = [f"{each} IS ?" for each in columns[:place]]
        beyond: list[tuple[str, list[Any]]] = []
        if query.descending:
            # NULLs are first in an ascending order and last in a descending one.
            if value is not None:
                beyond = [(f"{column} < ?", [value])]
                if order_columns(query)[place] in _NULLABLE:
                    beyond.append((f"{column} IS NULL", []))
        else:
            beyond = [(f"{column} >= ?", [_least(column)])] if value is None else [(f"{column} > ?", [value])]
        steps += [(" AND ".join([*same, step]), [*after[:place], *more]) for step, more in beyond]
    return steps


_NULLABLE = frozenset(
    f"{name} COLLATE NOCASE" if name in ("name", "file_name") else name
    for name, field in ModelTable._meta.fields.items()
    if field.null
)
NUMBERS = frozenset(
    name
    for name, field in ModelTable._meta.fields.items()
    if isinstance(field, (AutoField, IntegerField, BigIntegerField, BooleanField))
)
"""The columns of `models` that hold whole numbers; the others hold text."""


def _least(column: str) -> int | str:
    """Return a column's least value but NULL: a bound leads an index past the NULLs, IS NOT NULL does not."""
    return LEAST_INTEGER if column.lstrip("+") in NUMBERS else ""


_PENDING_ORDERS = {
    column: (f"{column} COLLATE NOCASE", "id") if column == "name" else (column, "id")
    for column in ("name", "type", "source", "source_path", "file_path", "state", "problem", "base_model")
}


def pending_conditions(query: PendingQuery) -> tuple[str, list[Any]]:
    """Return the WHERE clause over `pending_models` and its parameters."""
    parts: list[str] = []
    parameters: list[Any] = []
    _one_of(parts, parameters, "state", query.states)
    _one_of(parts, parameters, "source", query.sources)
    _one_of(parts, parameters, "type", {_type(word) for word in query.types})
    if query.problems:
        named = [problem for problem in query.problems if problem != "none"]
        choices = ["problem IS NULL"] if "none" in query.problems else []
        _one_of(choices, parameters, "problem", named)
        parts.append("(" + " OR ".join(choices) + ")")
    for word in query.search.split():
        parts.append("(instr(lower(name), ?) > 0 OR instr(lower(CAST(source_path AS TEXT)), ?) > 0)")
        parameters += [word.lower()] * 2
    return (" WHERE " + " AND ".join(parts) if parts else ""), parameters


def pending_ordering(query: PendingQuery) -> str:
    """Return the ORDER BY clause over `pending_models`."""
    direction = " DESC" if query.descending else ""
    return " ORDER BY " + ", ".join(
        f"{column}{direction}" for column in _PENDING_ORDERS.get(query.sort, ("id",))
    )


def _type(word: str) -> str:
    known = canonical_type(word)
    return word if known == "unknown" else known


def _one_of(parts: list[str], parameters: list[Any], column: str, values: Iterable[Any]) -> None:
    found = list(values)
    if found:
        parts.append(f"{column} IN ({', '.join('?' * len(found))})")
        parameters += found
