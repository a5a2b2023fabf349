"""The next rows of an order that match: by walking the order until there are enough, or by finding and sorting all.

SQLite's planner can't know which costs less: it would fetch and sort a third of the library for its first hundred
rows. Here each condition is counted in an index first, up to a bound, and some thousand models from several places,
which lie beside each other and so are quickly read, show how many match at once. That tells whether to walk along the
order, or to find what matches by the condition that holds for the fewest, or by looking at all models, and to sort it.
Nothing is guessed from how often each condition holds for itself; tags and types know of each other.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from modelmgr.catalog import engine, query
from modelmgr.catalog.conditions import Condition, conditions_of
from modelmgr.catalog.query import Key, Order
from modelmgr.values import ModelQuery

COUNTED, COUNTED_WORDS = 50_000, 12_000
"""More than that need not be told apart; the index of words is slower."""

_SAMPLE, _SAMPLES = 4_000, 8
"""So many models, from so many places, tell how many match among all."""

_TELLING = 8
"""So many of a walk's rows tell how many more there are."""

_ALL_SHARE = 8
"""To read all models in the order in which they lie takes as long as to walk one in so many in another order."""

_FETCHED = 1.5
"""To find a model and to sort it takes so many times as long as to walk past it."""

# Columns with so few values that a stretch of equal ones is long: each is a question of its own, by the next column.
_COARSE = frozenset(
    ("type", "base_model", "rating", "favorite", "format", "file_count", "file_state", "hash_state", "folder")
)


class Counted(NamedTuple):
    """A condition and for how many models it holds: about, and not more than was counted; None if nobody can tell."""

    condition: Condition
    number: int | None
    is_all: bool = True

    @property
    def few(self) -> int | None:
        """The number if it is known to be all."""
        return self.number if self.is_all else None


def stretch(
    reader: engine.Database,
    wanted: ModelQuery,
    limit: int,
    after: Sequence[Any] | None = None,
    total: int | None = None,
) -> list[tuple[Any, ...]]:
    """Return the values of the order's columns (the id last) of the next rows.

    Args:
        reader: where to ask.
        wanted: filters and order.
        limit: the most rows.
        after: the values at the place that they come after, None for the first rows.
        total: how many match in all, if that is known.
    """
    (last,) = reader.execute_sql("SELECT max(id) FROM models").fetchone()
    counted = [_counted(reader, each) for each in conditions_of(wanted)]
    return _stretch(reader, counted, query.order_of(wanted), limit, after, total, max(last or 0, 1))


def found_by(reader: engine.Database, wanted: ModelQuery, *, fetching: bool = False) -> tuple[str, list[Any]]:
    """Return the WHERE clause and its parameters for whoever wants all that match, led by what holds for the fewest.

    Args:
        reader: where to ask.
        wanted: its filters.
        fetching: True where more than the id of each is asked for.
    """
    conditions = conditions_of(wanted)
    fetching = fetching or any("model_search" in each.sql for each in conditions)
    if len(conditions) < 2 and not fetching:
        return query.where(conditions)
    leader = _leader([_counted(reader, each) for each in conditions])
    # To read all models takes less than to fetch an eighth of them one by one.
    walking = leader is None and fetching
    return query.where(conditions, leader.condition if leader is not None else None, walking=walking)


def count_up_to(reader: engine.Database, wanted: ModelQuery, most: int) -> int:
    """Return how many models match, or `most` if there are more."""
    conditions = conditions_of(wanted)
    leader = _leader([_counted(reader, each) for each in conditions])
    # Where no condition holds for few, so many are soon met among all.
    where, parameters = query.where(
        conditions, leader.condition if leader is not None else None, walking=leader is None
    )
    (number,) = reader.execute_sql(
        f"SELECT count(*) FROM (SELECT 1 FROM models{where} LIMIT ?)", [*parameters, most]
    ).fetchone()
    return int(number)


def _counted(reader: engine.Database, condition: Condition) -> Counted:
    if not condition.counting:
        return Counted(condition, None)
    most = COUNTED_WORDS if "model_search" in condition.counting else COUNTED
    (number,) = reader.execute_sql(
        f"SELECT count(*) FROM ({condition.counting} LIMIT ?)", [*condition.counting_parameters, most]
    ).fetchone()
    return Counted(condition, number, number < most)


def _leader(counted: Sequence[Counted]) -> Counted | None:
    """Return what holds for the fewest models, if that is known."""
    return min(
        (each for each in counted if each.few is not None), key=lambda each: each.few or 0, default=None
    )


def _stretch(
    reader: engine.Database,
    counted: Sequence[Counted],
    order: Order,
    limit: int,
    after: Sequence[Any] | None,
    total: int | None,
    models: int,
) -> list[tuple[Any, ...]]:
    leader = _leader(counted)
    if total == 0 or (leader is not None and leader.few == 0):
        return []
    conditions = [each.condition for each in counted]
    # To find all that match and to sort it costs about as much as to walk so many rows.
    finder, cost = None, int(models / _ALL_SHARE)
    if leader is not None and _FETCHED * (leader.few or 0) < cost:
        finder, cost = leader.condition, int(_FETCHED * (leader.few or 0))
    index, first = order.index_name, order.all[0].name
    if index is None:
        return _sorted(reader, conditions, finder, order.all, limit, after)
    if order.leading and first in _COARSE:
        sample = _sampled(reader, conditions, models, first) if conditions else {}
        if conditions and limit * _SAMPLE // max(1, sum(sample.values())) > cost:
            return _sorted(reader, conditions, finder, order.all, limit, after)
        found = _led(reader, counted, order, limit, after, models, sample, cost)
        return found if found is not None else _sorted(reader, conditions, finder, order.all, limit, after)
    if all(each.column == first for each in conditions):
        return _walked(reader, conditions, order.all, index, limit, after, None)[0]
    if 16 * limit <= cost:  # where many match, a short walk is all that it takes
        found, is_end = _walked(reader, conditions, order.all, index, limit, after, 4 * limit)
        if is_end or len(found) >= limit:
            return found
    # Of the rows along the way so many of a sample match.
    along = min((each.few for each in counted if each.condition.column == first and each.few), default=models)
    hits = sum(_sampled(reader, conditions, models, "1").values())
    needed = limit * _SAMPLE // max(1, hits) * along // models
    met = 2 * needed + limit
    while needed <= cost:
        found, is_end = _walked(reader, conditions, order.all, index, limit, after, met)
        if is_end or len(found) >= limit:
            return found
        if len(found) < _TELLING and met < cost:
            met = min(8 * met, cost)  # what is alike stands together: further on it may be otherwise
        else:
            needed = limit * met // max(1, len(found))
            met = 2 * max(needed, met)
    return _sorted(reader, conditions, finder, order.all, limit, after)


def _sampled(
    reader: engine.Database, conditions: Sequence[Condition], models: int, column: str
) -> dict[Any, int]:
    """Return how many of `_SAMPLE` models, from several places, match, by what they have in a column."""
    test, parameters = query.where(conditions, walking=True)
    each = _SAMPLE // _SAMPLES
    found = Counter[Any]()
    for place in range(_SAMPLES):
        found.update(
            dict(
                reader.execute_sql(
                    f"SELECT {column}, count(*) FROM (SELECT * FROM models WHERE id > ? ORDER BY id LIMIT ?) AS models"
                    f"{test} GROUP BY 1",
                    [models * place // _SAMPLES, each, *parameters],
                ).fetchall()
            )
        )
    return found


def _walked(
    reader: engine.Database,
    conditions: Sequence[Condition],
    keys: Sequence[Key],
    index: str,
    limit: int,
    after: Sequence[Any] | None,
    budget: int | None,
) -> tuple[list[tuple[Any, ...]], bool]:
    """Walk along an index of the order until the rows are there, or `budget` rows of each step are met.

    Returns:
        The rows, and whether the order has come to its end.
    """
    columns = ", ".join(key.value for key in keys)
    ordering = query.ordering(keys)
    # What bounds the order's first column says where to walk; the rest is asked of each row that is met.
    bounds = [each for each in conditions if each.column == keys[0].name]
    tests = [each for each in conditions if each.column != keys[0].name]
    test, test_parameters = query.where(tests, walking=True)
    found: list[tuple[Any, ...]] = []
    for step, values in query.steps_after(keys, after):
        where, parameters = query.where([*bounds, Condition(step, tuple(values))])
        # By its name: where all but the id is equal, the planner would rather walk the table.
        rows = f"models INDEXED BY {index}{where}"
        more = limit - len(found)
        if budget is None or not tests:
            tested = f" AND {test.removeprefix(' WHERE ')}" if tests else ""
            sql = f"SELECT {columns} FROM {rows}{tested}{ordering} LIMIT ?"
            asked = [*parameters, *test_parameters, more]
        else:
            sql = f"SELECT {columns} FROM (SELECT * FROM {rows}{ordering} LIMIT ?) AS models{test} LIMIT ?"
            asked = [*parameters, budget, *test_parameters, more]
        found += reader.execute_sql(sql, asked).fetchall()
        if len(found) >= limit:
            break
        if budget is not None and tests:
            beyond = reader.execute_sql(f"SELECT 1 FROM {rows} LIMIT 1 OFFSET ?", [*parameters, budget])
            if beyond.fetchone() is not None:
                return found, False
    return found, True


def _sorted(
    reader: engine.Database,
    conditions: Sequence[Condition],
    leader: Condition | None,
    keys: Sequence[Key],
    limit: int,
    after: Sequence[Any] | None,
) -> list[tuple[Any, ...]]:
    """Find all that match by one of the conditions, or by looking at each model, and sort it."""
    where, parameters = query.where(conditions, leader, walking=leader is None)
    if after is not None:
        steps = query.steps_after(keys, after, sorting=True)
        beyond = " OR ".join(f"({step})" for step, _ in steps)
        where = f"{where} AND ({beyond})" if where else f" WHERE {beyond}"
        parameters = [*parameters, *(value for _, values in steps for value in values)]
    columns = ", ".join(key.value for key in keys)
    return reader.execute_sql(
        f"SELECT {columns} FROM models{where}{query.ordering(keys, sorting=True)} LIMIT ?",
        [*parameters, limit],
    ).fetchall()


def _led(
    reader: engine.Database,
    counted: Sequence[Counted],
    order: Order,
    limit: int,
    after: Sequence[Any] | None,
    models: int,
    sample: Mapping[Any, int],
    cost: int,
) -> list[tuple[Any, ...]] | None:
    """Return the next rows of an order by a coarse column and more: of each of its values, until there are enough.

    None where a value of many models seems to have none that match: to make sure of that, for one value after the
    other, would take longer than to sort all that match, which takes as long as to walk `cost` rows.
    """
    key = order.leading[0]
    rest = order._replace(leading=order.leading[1:])
    found: list[tuple[Any, ...]] = []
    is_narrowed = bool(counted)
    for value in _values(reader, key, after):
        is_one = f"{key.name} IS ?"
        group = _counted(
            reader,
            Condition(
                is_one,
                (value,),
                f"+{is_one}",
                (value,),
                f"SELECT 1 FROM models WHERE {is_one}",
                (value,),
                key.name,
            ),
        )
        same = [
            group.condition,
            *(
                each.condition
                for each in counted
                if key.name in (each.condition.column, each.condition.about)
            ),
        ]
        if len(same) > 1:  # most of the values are not wanted at all
            where, parameters = query.where(same)
            if not reader.execute_sql(f"SELECT 1 FROM models{where} LIMIT 1", parameters).fetchone():
                after = None
                continue
        if is_narrowed and not sample.get(value) and (group.few is None or group.few > cost // 4):
            return None
        more = limit - len(found)
        rows = _stretch(reader, [*counted, group], rest, more, after and after[1:], None, models)
        found += [(value, *row) for row in rows]
        if len(found) >= limit:
            break
        after = None
    return found


def _values(reader: engine.Database, key: Key, after: Sequence[Any] | None) -> Iterator[Any]:
    """Yield the values of a column in order, from that of a place on; NULL is the least."""
    value = None
    if after is not None:
        value = after[0]
        yield value
    elif not key.descending:
        yield None
    if key.descending and after is not None and value is None:
        return
    best, sign = ("max", "<") if key.descending else ("min", ">")
    while True:
        bound, parameters = (f" AND {key.name} {sign} ?", [value]) if value is not None else ("", [])
        (value,) = reader.execute_sql(
            f"SELECT {best}({key.name}) FROM models WHERE {key.name} IS NOT NULL{bound}", parameters
        ).fetchone()
        if value is None:
            break
        yield value
    if key.descending:
        yield None
