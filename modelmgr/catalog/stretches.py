"""The next rows of an order that match: by walking the order until there are enough, or by finding and sorting all.

SQLite's planner can't know which costs less: it would fetch and sort a third of the library for its first hundred
rows. Here each condition is counted in an index first, up to a bound. Where none holds for few models, some thousand
rows of the order are walked: how many of them match tells whether to go on, or to find what matches by the condition
that holds for the fewest, and sort it. Nothing is guessed from how often each condition holds for itself; tags and
types know of each other.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from modelmgr.catalog import engine, query
from modelmgr.catalog.conditions import Condition, conditions_of
from modelmgr.catalog.query import Key, Order
from modelmgr.values import ModelQuery

COUNTED, COUNTED_WORDS = 50_000, 12_000
"""More than that need not be told apart; the index of words is slower."""

_PROBE = 6_000
"""So many rows are walked to see how many of them match."""

_SAMPLE, _SAMPLES = 2_000, 4

_TELLING = 8
"""So many of them tell how many there are among all."""

_ALL_SHARE = 4
"""To read all models in the order in which they lie takes as long as to walk one in so many in another order."""

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


def found_by(reader: engine.Database, wanted: ModelQuery) -> tuple[str, list[Any]]:
    """Return the WHERE clause and its parameters for whoever wants all that match, led by what holds for the fewest."""
    conditions = conditions_of(wanted)
    if len(conditions) < 2:
        return query.where(conditions)
    leader = _leader([_counted(reader, each) for each in conditions])
    return query.where(conditions, leader.condition if leader is not None else None)


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
    finder: Condition | None = None
    cost = models // _ALL_SHARE
    if leader is not None and leader.few is not None:
        finder, cost = leader.condition, leader.few
    else:
        finder = next((each for each in conditions if "model_search" in each.counting), None)
        finder = finder or next((each for each in conditions if each.column), None)
    first = order.all[0].name
    index = order.index_name
    if index is None:
        few = leader.condition if leader is not None and leader.few is not None else None
        return _sorted(reader, conditions, few, order.all, limit, after)
    is_coarse = bool(order.leading) and first in _COARSE
    if not is_coarse and all(each.column == first for each in conditions):
        return _walked(reader, conditions, order.all, index, limit, after, None)[0]
    # At best, one in (along / matching) of the rows that are met matches.
    along = min((each.few for each in counted if each.condition.column == first and each.few), default=models)
    matching = max(1, min(models if leader is None else cost, models if total is None else total))
    if conditions and limit * along // matching > cost:
        return _sorted(reader, conditions, finder, order.all, limit, after)
    if is_coarse:
        if conditions and limit * _SAMPLE // max(1, _sampled(reader, conditions, models)) > cost:
            return _sorted(reader, conditions, finder, order.all, limit, after)
        return _led(reader, counted, order, limit, after, models)
    met = max(min(_PROBE, cost), limit)
    while True:
        found, is_end = _walked(reader, conditions, order.all, index, limit, after, met)
        if is_end or len(found) >= limit:
            return found
        needed = limit * met // max(1, len(found))
        if needed <= cost:
            met = 2 * max(needed, met)
        elif len(found) < _TELLING and 4 * met <= cost:
            met *= 4  # what is alike stands together: further on it may be otherwise
        else:
            return _sorted(reader, conditions, finder, order.all, limit, after)


def _sampled(reader: engine.Database, conditions: Sequence[Condition], models: int) -> int:
    """Return how many of `_SAMPLE` models, from several places, match."""
    test, parameters = query.where(conditions, walking=True)
    each = _SAMPLE // _SAMPLES
    found = 0
    for place in range(_SAMPLES):
        (number,) = reader.execute_sql(
            f"SELECT count(*) FROM (SELECT * FROM models WHERE id > ? ORDER BY id LIMIT ?) AS models{test}",
            [models * place // _SAMPLES, each, *parameters],
        ).fetchone()
        found += number
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
) -> list[tuple[Any, ...]]:
    """Return the next rows of an order by a coarse column and more: of each of its values, until there are enough."""
    key = order.leading[0]
    rest = order._replace(leading=order.leading[1:])
    found: list[tuple[Any, ...]] = []
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
