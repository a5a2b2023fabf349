"""`ModelQuery` -> conditions over `models`: the search's terms and the facets, each in SQL."""

import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from modelmgr.catalog import engine
from modelmgr.catalog.schema import below_condition, path_in
from modelmgr.lazily import pattern
from modelmgr.search import Match, Term, Value, parse
from modelmgr.values import FileState, HashState, ModelQuery, folded
from modelmgr.vocabulary import canonical_base, canonical_type

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
    # A file that can't be read has a state of its own. The plus leaves the index to the few that failed.
    "unhashed": f"hash_state = '{HashState.FAILED}' AND +file_state = 'present'",
    "dangerous": "danger = 'dangerous'",
    "unscanned": "danger = 'unscanned'",
}

_GROUP_FIELDS = {
    "types": "type",
    "base_models": "base",
    "tags": "tag",
    "folders": "folder",
    "states": "state",
}
_COLUMNS = {
    "type": "type",
    "base": "base_model",
    "size": "size_bytes",
    "added": "added_at",
    "modified": "modified_at",
    "rating": "rating",
    "fav": "favorite",
    "missing": "file_state",
    "format": "format",
    "license": "license",
    "folder": "folder",
    "danger": "danger",
}
"""Field -> the column that it is about, for fields that are about one with few distinct values or an index."""

_HASH = pattern(r"[0-9a-f]{8,64}")
# Any hash that begins so, of the model, of its files (also before a header was rewritten), claimed by its records.
_WITH_HASH = (
    "SELECT id FROM models WHERE sha256 >= ? AND sha256 < ? "
    "UNION ALL SELECT f.model_id FROM known_hashes AS k INDEXED BY knownhashtable_hash "
    "CROSS JOIN files AS f ON f.id = k.holder_id WHERE k.hash >= ? AND k.hash < ? AND k.holder = 'file' "
    "UNION ALL SELECT r.model_id FROM known_hashes AS k INDEXED BY knownhashtable_hash "
    "CROSS JOIN records AS r ON r.id = k.holder_id WHERE k.hash >= ? AND k.hash < ? AND k.holder = 'record' "
    "UNION ALL SELECT model_id FROM files WHERE unit IS NOT NULL AND sha256 >= ? AND sha256 < ?"
)
_HAS_HASH = f"id IN ({_WITH_HASH})"
_BEYOND = "\U0010ffff"


class Condition(NamedTuple):
    """What holds for the models that are wanted, in two forms.

    Attributes:
        sql: the form that finds them: indexes may serve it.
        walking: the form that tests a row that is at hand anyway, and leaves every index alone.
        ids: a statement that gives the id of each model that it holds for (or may hold for), from an index alone, some
            of them twice; empty where none could.
        short: words of one or two letters; models that hold them count as if `ids` gave them too.
        column: the only column that it bounds: a stretch of that column's index, or one for each of some values.
        about: the only column that it is about.
        is_loose: whether `ids` gives many more than it holds for.
        hints: what must hold of one column alone, for whoever has that and not the rest: column, SQL, parameters.
    """

    sql: str
    parameters: tuple[Any, ...] = ()
    walking: str = ""
    walking_parameters: tuple[Any, ...] = ()
    ids: str = ""
    ids_parameters: tuple[Any, ...] = ()
    column: str = ""
    about: str = ""
    short: tuple[str, ...] = ()
    is_loose: bool = False
    hints: tuple[tuple[str, str, tuple[Any, ...]], ...] = ()

    @property
    def is_countable(self) -> bool:
        """Whether an index tells for which models it holds, or may hold."""
        return bool(self.ids or self.short)

    @property
    def has_words(self) -> bool:
        """Whether it asks for words anywhere in a text."""
        return bool(self.short) or "model_search" in self.ids


def conditions_of(query: ModelQuery) -> list[Condition]:
    """Return what must hold for each model that the query wants, all of it."""
    found = [_group(terms) for terms in (*_facet_terms(query), *parse(query.search).groups)]
    by_type, by_base = (
        next((each for each in found if each.ids and each.about == column), None)
        for column in ("type", "base_model")
    )
    sorted_by = {query.sort, *(column for column, _ in query.then_by)}
    if by_type is not None and by_base is not None and "base_model" not in sorted_by:
        # One index holds both.
        both = _any_of(
            [(f"{by_type.sql} AND {by_base.sql}", (*by_type.parameters, *by_base.parameters))],
            column=by_type.column,
        )._replace(hints=(("type", by_type.sql, by_type.parameters),))
        found = [both, *(each for each in found if each is not by_type and each is not by_base)]
    return found


def _facet_terms(query: ModelQuery) -> list[tuple[Term, ...]]:
    found: list[tuple[Term, ...]] = []
    for group, field in _GROUP_FIELDS.items():
        words: Sequence[str] = getattr(query, group)
        if field == "tag":
            found += [(Term(field, _exactly(field, [word])),) for word in words]
        elif words:
            found.append((Term(field, _exactly(field, words)),))
        left_out = [value for excluded, value in query.excluded if excluded == group]
        if left_out:
            found.append((Term(field, _exactly(field, left_out), negated=True),))
    if query.favorite is not None:
        found.append((Term("fav", (Value(Match.IS, "yes" if query.favorite else "no"),)),))
    return found


def _exactly(field: str, words: Iterable[str]) -> tuple[Value, ...]:
    """Return values in canonical words, as they are stored: to compare without case would pass by every index."""
    if field == "type":
        words = ((word if (known := canonical_type(word)) == "unknown" else known) for word in words)
    elif field == "base":
        words = (canonical_base(word) or word for word in words)
    elif field == "folder":
        return tuple(
            Value(Match.BELOW, word[:-1]) if word[1:].endswith(os.sep) else Value(Match.IS, word)
            for word in dict.fromkeys(words)
        )
    return tuple(Value(Match.IS, word) for word in dict.fromkeys(words))


def _group(terms: Sequence[Term]) -> Condition:
    """Return the condition that any of the terms holds."""
    some = [_term(term) for term in terms]
    if len(some) == 1:
        return some[0]
    countable = all(each.is_countable for each in some)
    return Condition(
        "(" + " OR ".join(each.sql for each in some) + ")",
        tuple(value for each in some for value in each.parameters),
        "(" + " OR ".join(each.walking for each in some) + ")",
        tuple(value for each in some for value in each.walking_parameters),
        " UNION ALL ".join(each.ids for each in some if each.ids) if countable else "",
        tuple(value for each in some for value in each.ids_parameters) if countable else (),
        short=tuple(word for each in some for word in each.short) if countable else (),
    )


def _term(term: Term) -> Condition:
    found = _BUILDERS[term.field](term.field, term.values)
    if not term.negated:
        return found
    # What isn't known to hold doesn't hold. Rows are tested: those without are most, as a rule.
    sql = f"({found.walking}) IS NOT TRUE"
    hints = [_lacks_word(column, term.values) for column in ("name", "file_name") if not term.field]
    return Condition(
        sql,
        found.walking_parameters,
        sql,
        found.walking_parameters,
        about=found.about,
        hints=tuple(hint for hint in hints if hint is not None),
    )


def _lacks_word(column: str, values: Sequence[Value]) -> tuple[str, str, tuple[Any, ...]] | None:
    """Return that a column, of those that are searched, has none of some words; SQLite folds those of ASCII alone."""
    words = [value.text.lower() for value in values if value.text.isascii() and value.match is not Match.NONE]
    if not words:
        return None
    sql = " AND ".join(f"(instr(lower({column}), ?) > 0) IS NOT TRUE" for _ in words)
    return column, sql, tuple(words)


# --- one field each ---------------------------------------------------------------------------------------


def _any_of(
    parts: Sequence[tuple[str, Sequence[Any]]], *, column: str = "", is_indexed: bool = True
) -> Condition:
    """Return the condition that one of some conditions on columns of `models` holds."""
    sql = " OR ".join(f"({part})" for part, _ in parts) if parts else "0"
    parameters = tuple(value for _, values in parts for value in values)
    return Condition(
        f"({sql})",
        parameters,
        f"+({sql})",
        parameters,
        f"SELECT id FROM models WHERE {sql}" if is_indexed else "",
        parameters if is_indexed else (),
        column if len(parts) == 1 else "",
    )


def _listed(column: str, texts: Sequence[Any]) -> list[tuple[str, Sequence[Any]]]:
    if len(texts) == 1:
        return [(f"{column} = ?", texts)]
    return [(f"{column} IN ({', '.join('?' * len(texts))})", texts)] if texts else []


def _distinct(column: str, condition: str) -> str:
    """Return SQL that holds where a column has one of those of its values that a condition on ``v`` holds for.

    Each of its values is looked up in the column's index, which goes fast where there are much fewer than models.
    """
    return (
        f"{column} IN (SELECT v FROM (WITH RECURSIVE d(v) AS (SELECT min({column}) FROM models "
        f"WHERE {column} IS NOT NULL UNION ALL SELECT (SELECT min({column}) FROM models WHERE {column} > d.v) "
        f"FROM d WHERE d.v IS NOT NULL) SELECT v FROM d WHERE v IS NOT NULL) WHERE {condition})"
    )


def _word(field: str, values: Sequence[Value]) -> Condition:
    column = _COLUMNS[field]
    exact = [value.text for value in values if value.match is Match.IS]
    parts = _listed(column, exact)
    for value in values:
        if value.match is Match.NONE:
            parts.append((f"{column} IS NULL", ()))
        elif value.match is Match.BEGINS:
            parts.append((_distinct(column, f"instr({engine.fold('v')}, ?) = 1"), [folded(value.text)]))
    # A list of values is a stretch too: SQLite goes from one to the next in order.
    return _any_of(parts, column=column if len(exact) == len(values) else "")._replace(about=column)


def _amount(field: str, values: Sequence[Value]) -> Condition:
    column = _COLUMNS[field]
    parts: list[tuple[str, Sequence[Any]]] = []
    for value in values:
        if value.match is Match.NONE:
            parts.append((f"{column} IS NULL", ()))
            continue
        bounds = [(">=", value.low), ("<=", value.high)]
        known = [(f"{column} {sign} ?", bound) for sign, bound in bounds if bound is not None]
        parts.append((" AND ".join(part for part, _ in known), [bound for _, bound in known]))
    return _any_of(parts, column=column)._replace(about=column)


def _flag(field: str, values: Sequence[Value]) -> Condition:
    wanted = {value.text == "yes" for value in values}
    if len(wanted) == 2:
        return _any_of([("1", ())], is_indexed=False)
    if field == "fav":
        return _any_of([("favorite = ?", [int(wanted.pop())])], column="favorite")
    return _any_of(
        [("file_state = 'missing'" if wanted.pop() else "file_state <> 'missing'", ())], column="file_state"
    )


def _state(_field: str, values: Sequence[Value]) -> Condition:
    known = [STATE_CONDITIONS[value.text] for value in values if value.text in STATE_CONDITIONS]
    return _any_of([(condition, ()) for condition in known])


def _danger(_field: str, values: Sequence[Value]) -> Condition:
    either = {"yes": "danger IS NOT NULL", "no": "danger IS NULL"}
    parts: list[tuple[str, Sequence[Any]]] = [
        (either[value.text], ()) if value.text in either else ("danger = ?", [value.text]) for value in values
    ]
    return _any_of(parts, is_indexed=not any(value.text == "no" for value in values))


def _tag(_field: str, values: Sequence[Value]) -> Condition:
    keys = [(value.match, folded(value.text)) for value in values]
    return _linked("model_tags", "key", keys, "tags = '[]'")


def _source(_field: str, values: Sequence[Value]) -> Condition:
    lacks = "NOT EXISTS (SELECT 1 FROM records WHERE model_id = models.id)"
    return _linked("records", "source", [(value.match, value.text) for value in values], lacks)


def _linked(table: str, column: str, values: Sequence[tuple[Match, str]], lacks: str) -> Condition:
    """Return the condition that a model has a row in another table with one of these values, or that it `lacks` one."""
    bounds: list[tuple[str, Sequence[Any]]] = _listed(
        column, [text for match, text in values if match is Match.IS]
    )
    for match, text in values:
        if match is Match.BEGINS:
            bounds.append((f"{column} >= ? AND {column} < ?", [text, text + _BEYOND]))
    none = f" OR {lacks}" if any(match is Match.NONE for match, _ in values) else ""
    known = " OR ".join(f"({part})" for part, _ in bounds) or "0"
    parameters = tuple(value for _, some in bounds for value in some)
    return Condition(
        f"(id IN (SELECT model_id FROM {table} WHERE {known}){none})",
        parameters,
        f"(EXISTS (SELECT 1 FROM {table} WHERE model_id = models.id AND ({known})){none})",
        parameters,
        "" if none else f"SELECT model_id FROM {table} WHERE {known}",
        () if none else parameters,
    )


def _hash(_field: str, values: Sequence[Value]) -> Condition:
    parts: list[tuple[str, Sequence[Any]]] = []
    for value in values:
        if value.match is Match.NONE:
            parts.append(("sha256 IS NULL", ()))
        else:
            parts.append((_HAS_HASH, [value.text, value.text + "g"] * _HAS_HASH.count("< ?")))
    found = _any_of(parts)
    count = " UNION ALL ".join(
        "SELECT id FROM models WHERE sha256 IS NULL" if value.match is Match.NONE else _WITH_HASH
        for value in values
    )
    return found._replace(ids=count)


def _folder(_field: str, values: Sequence[Value]) -> Condition:
    parts = _listed("folder", [path_in(value.text) for value in values if value.match is Match.IS])
    for value in values:
        if value.match is Match.NONE:
            parts.append(("folder IS NULL", ()))
        elif value.match is Match.BELOW:
            below, bounds = below_condition(value.text, "folder")
            parts.append((f"folder = ? OR {below}", [path_in(value.text), *bounds]))
        elif value.match is Match.HOLDS:
            parts.append((_distinct("folder", f"instr({engine.fold('v')}, ?) > 0"), [folded(value.text)]))
    is_below = any(value.match is Match.BELOW for value in values)
    return _any_of(parts, column="" if is_below else "folder")._replace(about="folder")


def _license(_field: str, values: Sequence[Value]) -> Condition:
    parts: list[tuple[str, Sequence[Any]]] = []
    for value in values:
        if value.match is Match.NONE:
            parts.append(("license IS NULL", ()))
        else:
            parts.append((_distinct("license", f"instr({engine.fold('v')}, ?) > 0"), [folded(value.text)]))
    return _any_of(parts, is_indexed=not any(value.match is Match.NONE for value in values))


_WITHIN = {
    "": "",
    "name": f"instr({engine.fold('name')}, ?) > 0",
    "file": f"instr({engine.fold('file_name')}, ?) > 0",
    # The search text has no more of it.
    "notes": f"instr({engine.fold(f'substr(notes, 1, {engine.SEARCH_NOTES_CHARACTERS})')}, ?) > 0",
    "trigger": "EXISTS (SELECT 1 FROM json_each(trigger_words) AS word "
    f"WHERE instr({engine.fold('word.value')}, ?) > 0)",
}
_COLUMN_OF_TEXT = {"name": "name", "file": "file_name"}
_LACKS = {
    "file": "file_name IS NULL",
    "notes": "(notes IS NULL OR notes = '')",
    "trigger": "trigger_words = '[]'",
}


def _text(field: str, values: Sequence[Value]) -> Condition:
    """Return the condition that a text occurs in what is searched, and, if one is named, in one column."""
    sql: list[str] = []
    walking: list[str] = []
    count: list[str] = []
    parameters: list[Any] = []
    walking_parameters: list[Any] = []
    count_parameters: list[Any] = []
    short: list[str] = []
    is_countable = True
    for value in values:
        if value.match is Match.NONE:
            sql.append(_LACKS[field])
            walking.append(_LACKS[field])
            is_countable = False
            continue
        word = folded(value.text)
        finding, pattern = engine.search_condition(word)
        testing, part = engine.search_condition(word, walking=True)
        more, more_parameters = (f" AND {_WITHIN[field]}", [word]) if field else ("", [])
        hashed, digits = "", []
        if not field and _HASH.fullmatch(word):
            hashed, digits = f" OR {_HAS_HASH}", [word, word + "g"] * _HAS_HASH.count("< ?")
        sql.append(f"({finding}{more}{hashed})")
        parameters += [pattern, *more_parameters, *digits]
        walking.append(f"({testing}{more}{hashed})")
        walking_parameters += [part, *more_parameters, *digits]
        match = engine.search_match(word)
        if match is not None:
            count.append("SELECT rowid FROM model_search WHERE model_search MATCH ?")
            count_parameters.append(match)
        elif word:
            short.append(word)
        else:
            is_countable = False
        if hashed:
            count.append(_WITH_HASH)
            count_parameters += digits
    hints: list[tuple[str, str, tuple[Any, ...]]] = []
    if field in _COLUMN_OF_TEXT and is_countable:
        words = tuple(folded(value.text) for value in values)
        hints.append((_COLUMN_OF_TEXT[field], "(" + " OR ".join([_WITHIN[field]] * len(words)) + ")", words))
    return Condition(
        "(" + " OR ".join(sql) + ")",
        tuple(parameters),
        "(" + " OR ".join(walking) + ")",
        tuple(walking_parameters),
        " UNION ALL ".join(count) if is_countable else "",
        tuple(count_parameters) if is_countable else (),
        short=tuple(short) if is_countable else (),
        is_loose=bool(field),
        hints=tuple(hints),
    )


_BUILDERS: dict[str, Callable[[str, Sequence[Value]], Condition]] = {
    "": _text,
    "type": _word,
    "base": _word,
    "tag": _tag,
    "size": _amount,
    "added": _amount,
    "modified": _amount,
    "rating": _amount,
    "fav": _flag,
    "missing": _flag,
    "state": _state,
    "hash": _hash,
    "name": _text,
    "file": _text,
    "folder": _folder,
    "trigger": _text,
    "notes": _text,
    "format": _word,
    "license": _license,
    "source": _source,
    "danger": _danger,
}
