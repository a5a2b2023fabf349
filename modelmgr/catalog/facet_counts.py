"""How many of the models that match have each value: by looking at these where they are few, else along indexes.

To look at a model costs ten times as much as to step over it in an index. So where more than a few match, one byte a
model says which, and each facet is a walk along the index that has its values in order: nothing is fetched or sorted.
"""

import json
from array import array
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from modelmgr.catalog import engine, stretches
from modelmgr.catalog.conditions import STATE_CONDITIONS
from modelmgr.catalog.schema import path_out
from modelmgr.values import MIB, Facets, ModelQuery

MOST_VALUES = 200
FEW_SHARE = 32
"""Models are looked at one by one where no more than one in so many matches."""

_MARKS_LIMIT = 64 * MIB
_STATES = {name: condition for name, condition in STATE_CONDITIONS.items() if name != "present"}


class _Some(NamedTuple):
    """Which models are counted, as SQL on an id in place of ``{}``, and its parameter."""

    sql: str = "1"
    parameters: tuple[Any, ...] = ()

    def of(self, column: str) -> str:
        """Return the condition on a column of ids."""
        return self.sql.format(column)


def count(reader: engine.Database, wanted: ModelQuery, groups: Collection[str], folders: int) -> Facets:
    """Return the counts over what a query matches; facets that are not among `groups` stay empty."""
    where, parameters = stretches.found_by(reader, wanted)
    if not where:
        (models,) = reader.execute_sql("SELECT count(*) FROM models").fetchone()
        return _along(reader, _Some(), groups, folders, models)
    (last,) = reader.execute_sql("SELECT max(id) FROM models").fetchone()
    # A generator, not fetchall: other threads go on meanwhile.
    cursor = reader.execute_sql(f"SELECT id FROM models{where}", parameters)
    ids = array("q", (row[0] for row in cursor))
    if not ids or len(ids) * FEW_SHARE <= last or last > _MARKS_LIMIT:
        some = _Some("{} IN (SELECT value FROM json_each(?))", (json.dumps(ids.tolist()),))
        return _one_by_one(reader, some, groups, folders, len(ids))
    marks = bytearray(last)
    for row_id in ids:
        marks[row_id - 1] = 1
    return _along(reader, _Some("substr(?, {}, 1) = x'01'", (bytes(marks),)), groups, folders, len(ids))


def _along(reader: engine.Database, some: _Some, groups: Collection[str], folders: int, total: int) -> Facets:
    """Count along indexes."""

    def number(condition: str) -> int:
        sql = f"SELECT count(*) FROM models WHERE {condition} AND {some.of('id')}"
        return int(reader.execute_sql(sql, some.parameters).fetchone()[0])

    def by(columns: str, index: str) -> list[tuple[Any, ...]]:
        return reader.execute_sql(
            f"SELECT {columns}, count(*) FROM models INDEXED BY {index} WHERE {some.of('id')} GROUP BY {columns}",
            some.parameters,
        ).fetchall()

    types, bases, paths = Counter[str](), Counter[str](), Counter[str]()
    if "types" in groups or "base_models" in groups:  # one index holds both
        for type_, base, found in by("type, base_model", "models_type"):
            types[type_] += found
            if base is not None:
                bases[base] += found
    if "folders" in groups:
        paths.update(
            {path_out(path): found for path, found in by("folder", "models_folder") if path is not None}
        )
    states = {name: number(f"({condition})") for name, condition in _STATES.items() if "states" in groups}
    return Facets(
        types=_most_frequent(types) if "types" in groups else {},
        base_models=_most_frequent(bases) if "base_models" in groups else {},
        tags=_tags(reader, some) if "tags" in groups else {},
        folders=_most_frequent(paths, folders),
        states={name: found for name, found in states.items() if found},
        favorites=number("favorite = 1") if "favorites" in groups else 0,
        total=total,
    )


def _one_by_one(
    reader: engine.Database, some: _Some, groups: Collection[str], folders: int, total: int
) -> Facets:
    """Look at each model, if more than its tags are wanted."""
    flags = ", ".join(f"({condition})" for condition in _STATES.values())
    rows = reader.execute_sql(
        f"SELECT type, base_model, folder, favorite, {flags} FROM models WHERE {some.of('id')}",
        some.parameters,
    )
    alike: Counter[Sequence[Any]] = Counter(rows if {*groups} - {"tags"} else ())
    types, bases, paths, states = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    favorites = 0
    for (type_, base, folder, favorite, *held), found in alike.items():
        types[type_] += found
        favorites += found if favorite else 0
        if base is not None:
            bases[base] += found
        if folder is not None:
            paths[path_out(folder)] += found
        for name, holds in zip(_STATES, held, strict=True):
            states[name] += found if holds else 0
    return Facets(
        types=_most_frequent(types) if "types" in groups else {},
        base_models=_most_frequent(bases) if "base_models" in groups else {},
        tags=_tags(reader, some) if "tags" in groups else {},
        folders=_most_frequent(paths, folders) if "folders" in groups else {},
        states={name: states[name] for name in _STATES if states[name] and "states" in groups},
        favorites=favorites if "favorites" in groups else 0,
        total=total,
    )


def _tags(reader: engine.Database, some: _Some) -> dict[str, int]:
    """Count tags, each as it is written first of all."""
    rows = reader.execute_sql(
        "SELECT (SELECT min(tag) FROM model_tags WHERE key = found.key), n FROM "
        f"(SELECT key, count(*) AS n FROM model_tags WHERE {some.of('model_id')} GROUP BY key "
        f"ORDER BY n DESC, key LIMIT {MOST_VALUES}) AS found",
        some.parameters,
    )
    return dict(rows.fetchall())


def _most_frequent(counts: Counter[str], most: int = MOST_VALUES) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:most])
