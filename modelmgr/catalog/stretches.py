"""The next rows of an order that match: by walking the order until there are enough, or by finding and sorting all.

SQLite's planner can't know which costs less: it would fetch and sort a third of the library for its first hundred
rows. Here the order is walked a short way first, which is all that most questions take. Else each condition is counted
in an index, up to a bound, and some thousand models from several places, which lie beside each other and so are quickly
read, show how many match at once. That tells what costs the least:

- to walk on along the order, and look at each model that is met;
- to walk, but look only at those that are marked: one byte a model says which can match at all;
- to find what matches by the condition that holds for the fewest, or by looking at all models, and to sort it.

Nothing is guessed from how often each condition holds for itself; tags and types know of each other.
"""

import itertools
import json
import sys
from array import array
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from modelmgr.catalog import engine, query, short_words
from modelmgr.catalog.conditions import Condition, conditions_of
from modelmgr.catalog.query import Key, Order
from modelmgr.values import MIB, ModelQuery

COUNTED, COUNTED_WORDS = 250_000, 12_000
"""More than that need not be told apart; the index of words is slower."""

_SAMPLE, _PLACES = 4_000, 32
"""So many models, from so many places, tell how many match among all."""

_TELLING = 8
"""So many of a walk's rows tell how many more there are."""

_FREQUENT = _SAMPLE // 100
"""Where so many of a sample match, nobody need ask how many models hold each word."""

# What things cost, in looks at a model that is met anywhere: 1.5 microseconds.
_ALL_SHARE = 8
"""In the order in which they lie so many models are looked at in that time."""

_WORTH = 8
"""Of a walk of so many looks, so many times as many are counted of what a condition holds for."""

_SHORT_WALK = 6_000
"""A walk of no more than that is not worth a question what else could be done."""

_FETCHED = 1.2
"""To find a model, to look at it and to sort it."""

_LISTED, _STEP = 1 / 12, 1 / 20
"""To list the id of one from an index, and to walk past one that has no mark."""

_LOOK = 1.6
"""To look at one that has a mark."""

_REFINED, _REFINED_BY_WORDS = 10_000, 25_000
"""Where looks would cost more than that, it pays to ask one more index which of the marks may stay."""

_MARKS_LIMIT = 16 * MIB
_VERIFIED = 400
"""So many marked models are looked at in one statement."""

_BATCH, _MOST_VALUES = 2_000, 2_000
"""Values of fewer models are asked for together, up to so many models at first; more values are not listed."""

# Columns with so few values that a stretch of equal ones is long: each is a question of its own, by the next column.
_COARSE = frozenset(
    ("type", "base_model", "rating", "favorite", "format", "file_count", "file_state", "hash_state", "folder")
)


class Counted(NamedTuple):
    """A condition and for how many models it holds: about, and not more than was counted; None if nobody can tell.

    Attributes:
        ids: the statement that gives them, and its parameters.
        listed: the ids themselves, where it takes as long to count them.
    """

    condition: Condition
    number: int | None
    is_all: bool = True
    ids: tuple[str, list[Any]] = ("", [])
    listed: "array[int] | None" = None

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
    if total == 0:
        return []
    return _Search(reader, conditions_of(wanted)).rows(query.order_of(wanted), limit, after)


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
    return _found(conditions, leader) if leader is not None or fetching else query.where(conditions)


def _found(conditions: Sequence[Condition], by: Counted | None) -> tuple[str, list[Any]]:
    """Return the WHERE clause where what one condition may hold for is found, and all is tested; None: looks at all."""
    where, parameters = query.where(conditions, walking=True)
    if by is None:
        return where, parameters
    ids, ids_parameters = by.ids
    return f"{where} AND id IN ({ids})", [*parameters, *ids_parameters]


def count_up_to(reader: engine.Database, wanted: ModelQuery, most: int) -> int:
    """Return how many models match, or `most` if there are more."""
    conditions = conditions_of(wanted)
    leader = _leader([_counted(reader, each) for each in conditions])
    # Where no condition holds for few, so many are soon met among all.
    where, parameters = _found(conditions, leader)
    (number,) = reader.execute_sql(
        f"SELECT count(*) FROM (SELECT 1 FROM models{where} LIMIT ?)", [*parameters, most]
    ).fetchone()
    return int(number)


def _counted(reader: engine.Database, condition: Condition, most: int = COUNTED) -> Counted:
    if not condition.is_countable:
        return Counted(condition, None)
    parts = [(condition.ids, list(condition.ids_parameters))] if condition.ids else []
    for word in condition.short:
        found = short_words.ids_with(reader, word)
        if found is None:
            return Counted(condition, None)
        parts.append(found)
    ids = " UNION ALL ".join(f"SELECT * FROM ({sql})" for sql, _ in parts) if len(parts) > 1 else parts[0][0]
    parameters = [value for _, values in parts for value in values]
    if "model_search" in ids:
        listed = _listed(reader, f"SELECT * FROM ({ids} LIMIT {COUNTED_WORDS})", parameters)
        return Counted(condition, len(listed), len(listed) < COUNTED_WORDS, (ids, parameters), listed)
    (number,) = reader.execute_sql(f"SELECT count(*) FROM ({ids} LIMIT ?)", [*parameters, most]).fetchone()
    return Counted(condition, number, number < most, (ids, parameters))


def _listed(
    reader: engine.Database, ids: str, parameters: Sequence[Any], marks: bytes | None = None
) -> "array[int]":
    """Return the ids that a statement gives, of those that are marked."""
    marked = "" if marks is None else " WHERE substr(?, id, 1) = x'01'"
    # In one value: to take them row by row takes twice as long, and other threads would have to wait.
    (text,) = reader.execute_sql(
        f"WITH found(id) AS ({ids}) SELECT group_concat(printf('%08x', id), '') FROM found{marked}",
        [*parameters, *(() if marks is None else (marks,))],
    ).fetchone()
    found = array("I", bytes.fromhex(text or ""))
    if sys.byteorder == "little":
        found.byteswap()
    return found


def _leader(counted: Sequence[Counted]) -> Counted | None:
    """Return what holds for the fewest models, if that is known."""
    return min(
        (each for each in counted if each.few is not None), key=lambda each: each.few or 0, default=None
    )


def _marks_of(ids: "array[int]", models: int) -> bytes:
    marks = bytearray(models)
    for row_id in ids:
        marks[row_id - 1] = 1
    return bytes(marks)


class _Search:
    """One question, as far as it has been looked into.

    Args:
        reader: where to ask.
        conditions: what must hold.
        outer: the question that this one is a part of: what is known of its conditions holds here too.
    """

    def __init__(
        self, reader: engine.Database, conditions: Sequence[Condition], outer: "_Search | None" = None
    ) -> None:
        self._reader = reader
        self._conditions = list(conditions)
        self._known: dict[Condition, Counted] = {} if outer is None else outer._known
        if outer is None:
            (last,) = reader.execute_sql("SELECT max(id) FROM models").fetchone()
            self._models = max(last or 0, 1)
        else:
            self._models = outer._models
        self._counts: list[Counted] = []
        self._counted_to = 0
        self._sample = _SAMPLE
        self._hits: int | None = None

    # --- what is known of it ----------------------------------------------------------------------------

    def _count(self, condition: Condition, most: int = COUNTED) -> Counted:
        known = self._known.get(condition)
        if known is None or not (
            known.is_all or known.number is None or known.number >= most or condition.has_words
        ):
            known = self._known[condition] = _counted(self._reader, condition, most)
        return known

    def _leading(self, most: int) -> Counted | None:
        """Return what holds for the fewest models, if they are fewer than so many."""
        if most > self._counted_to:
            # What so many models match holds words that many have.
            with_words = self._sample_hits < _FREQUENT
            self._counts = [
                self._count(each, most) for each in self._conditions if with_words or not each.has_words
            ]
            self._counted_to = most
        return _leader(self._counts)

    @property
    def _sample_hits(self) -> int:
        if self._hits is None:
            self._sampled("1")
        return self._hits or 0

    def _sampled(self, column: str) -> dict[Any, tuple[int, int]]:
        """Return how many of `_SAMPLE` models, from several places, there are, and match, by what a column says."""
        test, parameters = query.where(self._conditions, walking=True)
        each = _SAMPLE // _PLACES
        # Not at equal distances: what is in them may be in step with names that are numbers.
        places = [int(self._models * (place + place * 0.618 % 1) / (_PLACES + 1)) for place in range(_PLACES)]
        rows = self._reader.execute_sql(
            f"SELECT {column}, count(*), sum(({test.removeprefix(' WHERE ')}) IS TRUE) "
            "FROM (SELECT value AS place FROM json_each(?)) "
            "CROSS JOIN models ON id > place AND id <= place + ? GROUP BY 1",
            [*parameters, json.dumps(places), each],
        )
        found = {value: (number, hits) for value, number, hits in rows.fetchall()}
        self._sample = max(1, sum(number for number, _ in found.values()))
        self._hits = sum(hits for _, hits in found.values())
        return found

    def _finding(self, most: int = COUNTED) -> tuple[Counted | None, float]:
        """Return the condition by which all that match are best found and sorted (None: look at all), and the cost."""
        leader = self._leading(most)
        if leader is not None and _FETCHED * (leader.few or 0) < self._models / _ALL_SHARE:
            return leader, _FETCHED * (leader.few or 0)
        return None, self._models / _ALL_SHARE

    # --- its rows ---------------------------------------------------------------------------------------

    def rows(self, order: Order, limit: int, after: Sequence[Any] | None) -> list[tuple[Any, ...]]:
        """See `stretch`."""
        index, first = order.index_name, order.all[0].name
        if index is None:
            return self._sorted(order.all, limit, after)
        if order.leading and first in _COARSE:
            return self._led(order, limit, after)
        walk = _Walk(self._reader, self._conditions, order.all, index, after)
        if all(each.column == first for each in self._conditions):
            return walk.more(limit, None)
        if self._holds_for_few(16 * limit):
            return self._sorted(order.all, limit, after)
        found = walk.more(limit, 4 * limit)
        while len(found) < limit and not walk.is_end:
            missing = limit - len(found)
            if len(found) >= _TELLING:
                needed = missing * walk.met / len(found)
            else:
                hits = max(0.5, self._sample_hits)
                needed = missing * self._sample / hits
                bounds = [self._count(each, COUNTED).few for each in self._conditions if each.column == first]
                needed *= min((few for few in bounds if few), default=self._models) / self._models
            if max(needed, walk.met) > _SHORT_WALK:
                # Of more than that to list them alone would take as long as the walk.
                cost = self._finding(min(COUNTED, int(_WORTH * needed)))[1]
                if not order.leading and self._marks_cost(needed) < min(needed, cost):
                    return self._marked(order, index, limit, after, needed)
                if max(needed, walk.met) > cost:
                    return self._sorted(order.all, limit, after)
            # What is alike stands together: further on it may be otherwise.
            found += walk.more(
                missing, int(max(1.2 * needed if len(found) >= _TELLING else 0, walk.met)) + limit
            )
        return found

    def _holds_for_few(self, most: int) -> bool:
        """Return whether one of the conditions holds for fewer models than that; words are not asked for."""
        for each in self._conditions:
            if each.ids and not each.has_words:
                (number,) = self._reader.execute_sql(
                    f"SELECT count(*) FROM ({each.ids} LIMIT ?)", [*each.ids_parameters, most]
                ).fetchone()
                if number < most:
                    return True
        return False

    def _marks_cost(self, needed: float) -> float:
        """Return the cost of a walk past what has no mark, where one that looks at all would look at so many."""
        leader = self._leading(self._counted_to)
        if leader is None or self._models > _MARKS_LIMIT:
            return float("inf")
        number = leader.few or 0
        looks = number * min(1.0, needed / self._models)
        listing = 0 if leader.listed is not None else number * _LISTED
        return listing + min(needed, self._models) * _STEP + looks * _LOOK

    def _marks(self, needed: float) -> bytes:
        """Return one byte a model, 1 for those for which the best condition may hold, and more where that pays."""
        leader = self._leading(self._counted_to)
        assert leader is not None
        listed = leader.listed if leader.listed is not None else _listed(self._reader, *leader.ids)
        others = [
            each
            for each in self._counts
            if each.condition != leader.condition
            and (each.condition.column or each.condition.has_words)
            and each.ids[0]
        ]
        others.sort(key=lambda each: each.condition.has_words)
        marks = _marks_of(listed, self._models)
        for each in others:
            looks = len(listed) * min(1.0, needed / self._models)
            if looks * _LOOK > (_REFINED_BY_WORDS if each.condition.has_words else _REFINED):
                listed = _listed(self._reader, *each.ids, marks)
                marks = _marks_of(listed, self._models)
        return marks

    def _marked(
        self, order: Order, index: str, limit: int, after: Sequence[Any] | None, needed: float
    ) -> list[tuple[Any, ...]]:
        """Walk along an index and look at those models alone that the best condition may hold for."""
        marks = self._marks(needed)
        columns = ", ".join(key.value for key in order.all)
        test, test_parameters = query.where(self._conditions, walking=True)
        found: list[tuple[Any, ...]] = []
        for step, values in query.steps_after(order.all, after):
            # A cursor, not a list: it goes no further than is asked for.
            cursor = self._reader.execute_sql(
                f"SELECT id FROM models INDEXED BY {index} WHERE {step} AND substr(?, id, 1) = x'01'"
                f"{query.ordering(order.all)}",
                [*values, marks],
            )
            while len(found) < limit and (some := [row[0] for row in cursor.fetchmany(_VERIFIED)]):
                rows = self._reader.execute_sql(
                    f"SELECT {columns} FROM models{test} AND id IN (SELECT value FROM json_each(?))",
                    [*test_parameters, json.dumps(some)],
                )
                by_id = {row[-1]: row for row in rows.fetchall()}
                found += [by_id[row_id] for row_id in some if row_id in by_id]
            cursor.close()
            if len(found) >= limit:
                break
        return found[:limit]

    def _sorted(
        self, keys: Sequence[Key], limit: int, after: Sequence[Any] | None, by: Counted | None = None
    ) -> list[tuple[Any, ...]]:
        """Find all that match by one of the conditions, or by looking at each model, and sort it."""
        if by is None and self._conditions:
            by = self._finding()[0]
        if by is not None and by.few == 0:
            return []
        where, parameters = _found(self._conditions, by)
        if after is not None:
            steps = query.steps_after(keys, after, sorting=True)
            beyond = " OR ".join(f"({step})" for step, _ in steps)
            where = f"{where} AND ({beyond})" if where else f" WHERE {beyond}"
            parameters = [*parameters, *(value for _, values in steps for value in values)]
        columns = ", ".join(key.value for key in keys)
        return self._reader.execute_sql(
            f"SELECT {columns} FROM models{where}{query.ordering(keys, sorting=True)} LIMIT ?",
            [*parameters, limit],
        ).fetchall()

    # --- orders by a coarse column and more -------------------------------------------------------------

    def _led(self, order: Order, limit: int, after: Sequence[Any] | None) -> list[tuple[Any, ...]]:
        """Return the next rows of an order by a coarse column and more: of each of its values, until there are enough.

        All that match are sorted instead where that takes less: where none seem to match for long, to make sure of it
        for one value after the other would take longer.
        """
        key = order.leading[0]
        rest = order._replace(leading=order.leading[1:])
        allowed = self._allowed(key)
        sample: dict[Any, tuple[int, int]] = {}
        cost = float("inf")
        if self._conditions:
            if self._holds_for_few(16 * limit):
                return self._sorted(order.all, limit, after)
            sample = {
                value: found
                for value, found in self._sampled(key.name).items()
                if allowed is None or value in allowed
            }
            cost = self._finding()[1] if self._sample_hits < _FREQUENT else self._models / _ALL_SHARE
            if cost <= _SHORT_WALK or self._empty_before(sample, key, limit, after) > cost:
                return self._sorted(order.all, limit, after)
        found: list[tuple[Any, ...]] = []
        batch, batched, met, size = list[Any](), 0, 0, _BATCH
        for number, value in enumerate(_values(self._reader, key, after)):
            place = after[1:] if after is not None and number == 0 else None
            if allowed is not None and value not in allowed:
                continue
            group = self._count(_one_of(key.name, [value]), _BATCH + 1)
            is_small = group.few is not None and group.few <= _BATCH
            if is_small and place is None and value is not None:
                batch.append(value)
                batched += group.few or 0
                if batched < size:
                    continue
            if batch:
                found += self._of(_one_of(key.name, batch))._batch(order.all, limit - len(found))
                met += batched
                batch, batched, size = [], 0, 4 * size
                if len(found) < limit and met > cost:
                    return self._sorted(order.all, limit, after)
            if len(found) < limit and not (is_small and place is None and value is not None):
                there, hits = sample.get(value, (0, 0))
                if self._conditions and not hits and there * self._models / self._sample > cost / 4:
                    return self._sorted(order.all, limit, after)
                rows = self._of(group.condition).rows(rest, limit - len(found), place)
                found += [(value, *row) for row in rows]
            if len(found) >= limit:
                return found
        if batch:
            found += self._of(_one_of(key.name, batch))._batch(order.all, limit - len(found))
        return found

    def _of(self, condition: Condition) -> "_Search":
        """Return the part of the question for which one more condition holds."""
        return _Search(self._reader, [*self._conditions, condition], self)

    def _batch(self, keys: Sequence[Key], limit: int) -> list[tuple[Any, ...]]:
        """Return the first rows of those for which the last of the conditions holds."""
        return self._sorted(keys, limit, None, self._count(self._conditions[-1]))

    def _allowed(self, key: Key) -> set[Any] | None:
        """Return which values a column may have at all; None if that can't be told."""
        same = [each for each in self._conditions if each.about == key.name]
        if not same:
            return None
        values = list(itertools.islice(_values(self._reader, key, None), _MOST_VALUES + 1))
        if len(values) > _MOST_VALUES or any(isinstance(value, bytes) for value in values):
            return None
        test, parameters = query.where(same, walking=True)
        # The conditions name the column alone; they don't mind whose it is.
        rows = self._reader.execute_sql(
            f"SELECT {key.name} FROM (SELECT value AS {key.name} FROM json_each(?)) AS models{test}",
            [json.dumps(values), *parameters],
        )
        return {row[0] for row in rows.fetchall()}

    def _empty_before(
        self, sample: dict[Any, tuple[int, int]], key: Key, limit: int, after: Sequence[Any] | None
    ) -> float:
        """Return of how many models it is to be made sure, one value after the other, that none of them matches."""
        each = self._models / self._sample
        enough, hits, met = limit / each, 0, 0.0
        beyond = None if after is None else _rank(after[0])
        for value in sorted(sample, key=_rank, reverse=key.descending):
            if beyond is not None and (_rank(value) > beyond if key.descending else _rank(value) < beyond):
                continue
            number, some = sample[value]
            if not some or number * each <= _BATCH:
                met += number * each
            hits += some
            if hits >= enough:
                return met
        return met


def _rank(value: Any) -> tuple[Any, ...]:
    """Return what sorts as SQLite sorts the value of a coarse column."""
    return (value is not None, isinstance(value, bytes), 0 if value is None else value)


def _one_of(column: str, values: Sequence[Any]) -> Condition:
    """Return the condition that a column has one of these values; NULL may be the only one."""
    parameters = tuple(values)
    marks = ", ".join("?" * len(parameters))
    sql = f"{column} IS ?" if len(parameters) == 1 else f"{column} IN ({marks})"
    return Condition(
        sql, parameters, f"+{sql}", parameters, f"SELECT id FROM models WHERE {sql}", parameters, column
    )


class _Walk:
    """Goes along an index of an order and looks at each model on the way, some of them at a time.

    Attributes:
        met: how many it has met.
    """

    def __init__(
        self,
        reader: engine.Database,
        conditions: Sequence[Condition],
        keys: Sequence[Key],
        index: str,
        after: Sequence[Any] | None,
    ) -> None:
        self._reader = reader
        self._columns = ", ".join(key.value for key in keys)
        self._ordering = query.ordering(keys)
        self._index = index
        # What bounds the order's first column says where to walk; the rest is asked of each row that is met.
        self._bounds = [each for each in conditions if each.column == keys[0].name]
        tests = [each for each in conditions if each.column != keys[0].name]
        self._test, self._test_parameters = query.where(tests, walking=True)
        self._steps = query.steps_after(keys, after)
        self._past = 0
        self.met = 0

    @property
    def is_end(self) -> bool:
        """Whether the order has come to its end."""
        return not self._steps

    def more(self, limit: int, budget: int | None) -> list[tuple[Any, ...]]:
        """Return the next rows that match.

        Args:
            limit: the most of them; who has got so many goes no further.
            budget: look at no more models than that, and go on there the next time.
        """
        found: list[tuple[Any, ...]] = []
        while self._steps and len(found) < limit and (budget is None or budget > 0):
            step, values = self._steps[0]
            where, parameters = query.where([*self._bounds, Condition(step, tuple(values))])
            # By its name: where all but the id is equal, the planner would rather walk the table.
            rows = f"models INDEXED BY {self._index}{where}"
            if budget is None:
                test = f" AND {self._test.removeprefix(' WHERE ')}" if self._test else ""
                found += self._reader.execute_sql(
                    f"SELECT {self._columns} FROM {rows}{test}{self._ordering} LIMIT ?",
                    [*parameters, *self._test_parameters, limit - len(found)],
                ).fetchall()
                del self._steps[0]
                continue
            found += self._reader.execute_sql(
                f"SELECT {self._columns} FROM (SELECT * FROM {rows}{self._ordering} LIMIT ? OFFSET ?) AS models"
                f"{self._test} LIMIT ?",
                [*parameters, budget, self._past, *self._test_parameters, limit - len(found)],
            ).fetchall()
            if len(found) >= limit:
                break
            (met,) = self._reader.execute_sql(
                f"SELECT count(*) FROM (SELECT 1 FROM {rows} LIMIT ? OFFSET ?)",
                [*parameters, budget, self._past],
            ).fetchone()
            self.met += met
            self._past += met
            if met < budget:
                del self._steps[0]
                self._past = 0
            budget -= met
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
