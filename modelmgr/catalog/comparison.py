"""What some models have in common and where they differ, counted by SQLite: a hundred thousand are answered at once."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from modelmgr.catalog import engine
from modelmgr.values import Comparison

_GROUPED = ("type", "base_model", "format", "rating", "favorite", "nsfw", "license")
_SPREAD = ("source_url", "trigger_words", "notes")
_TAGS = 24
_AT_ONCE = 20_000


def compare(reader: engine.Database, ids: Sequence[int]) -> Comparison:
    """Return what these models have in common; all models of the catalog need no list of them."""
    total, last = reader.execute_sql("SELECT count(*), max(id) FROM models").fetchone()
    is_all = len(ids) >= total
    columns = ", ".join(_GROUPED)
    extremes = ", ".join(f"min({column}), max({column}), count({column})" for column in _SPREAD)
    counts: dict[str, Counter[Any]] = {column: Counter() for column in _GROUPED}
    spread: dict[str, tuple[set[str], int]] = {column: (set(), 0) for column in _SPREAD}
    found = size_bytes = 0
    parameters: list[Any]
    # In pieces: SQLite sorts what it groups, in memory, and a million rows of it are a hundred megabytes.
    for begin in range(0, last or 0, _AT_ONCE) if is_all else range(0, len(ids), _AT_ONCE):
        if is_all:
            chosen, parameters = "id > ? AND id <= ?", [begin, begin + _AT_ONCE]
        else:
            some = json.dumps(list(ids[begin : begin + _AT_ONCE]))
            chosen, parameters = "id IN (SELECT value FROM json_each(?))", [some]
        for *values, number, size in reader.execute_sql(
            f"SELECT {columns}, count(*), sum(size_bytes) FROM models WHERE {chosen} GROUP BY {columns}",
            parameters,
        ):
            found += number
            size_bytes += size
            for column, value in zip(_GROUPED, values, strict=True):
                counts[column][_out(column, value)] += number
        ends = reader.execute_sql(f"SELECT {extremes} FROM models WHERE {chosen}", parameters).fetchone()
        for place, column in enumerate(_SPREAD):
            least, most, number = ends[3 * place : 3 * place + 3]
            known, before = spread[column]
            # Two are as good as a thousand: they differ.
            known = {*sorted({*known, *((least, most) if number else ())})[:2]}
            spread[column] = known, before + number
    common = {}
    for column, (known, number) in spread.items():
        if number == 0 or (len(known) == 1 and number == found):
            value = next(iter(known), None)
            common[column] = tuple(json.loads(value)) if column == "trigger_words" and value else value
    parameters = [] if is_all else [json.dumps(list(ids))]
    where = "" if is_all else " WHERE model_id IN (SELECT value FROM json_each(?))"
    tags = reader.execute_sql(
        f"SELECT min(tag), count(*) FROM model_tags{where} GROUP BY key ORDER BY 2 DESC, 1 LIMIT {_TAGS}",
        parameters,
    ).fetchall()
    return Comparison(
        count=found,
        size_bytes=size_bytes,
        values={column: tuple(counter.most_common()) for column, counter in counts.items()},
        common=common,
        tags=tuple((str(tag), int(number)) for tag, number in tags),
    )


def _out(column: str, value: Any) -> Any:
    return None if value is None else bool(value) if column in ("favorite", "nsfw") else value
