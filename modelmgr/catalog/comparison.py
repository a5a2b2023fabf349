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


def compare(reader: engine.Database, ids: Sequence[int]) -> Comparison:
    """Return what these models have in common; all models of the catalog need no list of them."""
    total = reader.execute_sql("SELECT count(*) FROM models").fetchone()[0]
    is_all = len(ids) >= total
    chosen = "" if is_all else " WHERE id IN (SELECT value FROM json_each(?))"
    parameters: list[Any] = [] if is_all else [json.dumps(list(ids))]
    columns = ", ".join(_GROUPED)
    counts: dict[str, Counter[Any]] = {column: Counter() for column in _GROUPED}
    found = size_bytes = 0
    for *values, number, size in reader.execute_sql(
        f"SELECT {columns}, count(*), sum(size_bytes) FROM models{chosen} GROUP BY {columns}", parameters
    ):
        found += number
        size_bytes += size
        for column, value in zip(_GROUPED, values, strict=True):
            counts[column][_out(column, value)] += number
    spread = reader.execute_sql(
        f"SELECT {', '.join(f'min({column}), max({column}), count({column})' for column in _SPREAD)} "
        f"FROM models{chosen}",
        parameters,
    ).fetchone()
    common = {}
    for place, column in enumerate(_SPREAD):
        least, most, number = spread[3 * place : 3 * place + 3]
        if number == 0 or (least == most and number == found):
            common[column] = tuple(json.loads(least)) if column == "trigger_words" and least else least
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
