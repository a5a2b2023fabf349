"""The next rows of an order that match: by walking the order until there are enough, or by finding and sorting all.

SQLite's planner can't know which costs less: it would fetch and sort a third of the library for its first hundred
rows. Here the order is walked a short way first, which is all that most questions take. Else some thousand models from
many places, which lie beside each other and so are quickly read, show how many match each condition, and how many match
several at once. That tells what costs the least:

- to walk on along the order, and look at each model that is met;
- to list by one condition or more what may match, to look at it and to sort it; or to look at all models;
- to walk along the order, but look only at what is so listed: one byte a model says which that is.

What the index that is walked says itself is asked of it, and costs no look. Of an order that begins with a column of
few values each value is a question of its own, by what comes next; of one that begins with a column that few have a
value in, those without are one, along the table. Nothing is guessed from how often each condition holds for itself;
tags and types know of each other.
"""

import itertools
import json
from collections.abc import Sequence
from typing import Any

from modelmgr.catalog import candidates, engine, query
from modelmgr.catalog.conditions import Condition, conditions_of
from modelmgr.catalog.estimates import FETCH, Estimate, Plan
from modelmgr.catalog.query import Key, Order
from modelmgr.catalog.walks import COARSE, Walk, groups, one_of, with_value
from modelmgr.values import ModelQuery

_LOOKED = 800
"""So many marked models are looked at before it is doubted that more of them match soon."""

_BATCH = 2_000
"""Values of fewer models are asked for together, up to so many models at first."""
_BATCH_LIMIT = 30_000
"""So many values one statement may ask for, whatever SQLite was built for."""


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
    return _Search(Estimate(candidates.Known(reader), conditions_of(wanted))).rows(
        query.order_of(wanted), limit, after
    )


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
    leader = candidates.fewest([candidates.counted(reader, each) for each in conditions])
    # To read all models takes less than to fetch an eighth of them one by one.
    return _led_by(conditions, leader) if leader is not None or fetching else query.where(conditions)


def count_up_to(reader: engine.Database, wanted: ModelQuery, most: int) -> int:
    """Return how many models match, or `most` if there are more."""
    conditions = conditions_of(wanted)
    leader = candidates.fewest([candidates.counted(reader, each) for each in conditions])
    # Where no condition holds for few, so many are soon met among all.
    where, parameters = _led_by(conditions, leader)
    (number,) = reader.execute_sql(
        f"SELECT count(*) FROM (SELECT 1 FROM models{where} LIMIT ?)", [*parameters, most]
    ).fetchone()
    return int(number)


def _led_by(conditions: Sequence[Condition], by: candidates.Counted | None) -> tuple[str, list[Any]]:
    """Return the WHERE clause where what one condition may hold for is found, and all is tested; None: looks at all."""
    where, parameters = query.where(conditions, walking=True)
    if by is None:
        return where, parameters
    ids, ids_parameters = by.ids
    return f"{where} AND id IN ({ids})", [*parameters, *ids_parameters]


class _Search:
    """One question, as far as it has been looked into.

    Args:
        estimate: what is known of how many match it.

    Attributes:
        spent: what its rows have cost, about, in microseconds.
    """

    def __init__(self, estimate: Estimate) -> None:
        self._estimate = estimate
        self._known = estimate.known
        self._reader = estimate.known.reader
        self._conditions = estimate.conditions
        self.spent = 0.0

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

    def rows(self, order: Order, limit: int, after: Sequence[Any] | None) -> list[tuple[Any, ...]]:
        """See `stretch`."""
        if order.index_name is None:
            return self._sorted(order.all, limit, after, self._estimate.finding())
        if order.is_sparse:
            return self._halved(order, limit, after)
        return self._walked(order, limit, after)

    def _walked(self, order: Order, limit: int, after: Sequence[Any] | None) -> list[tuple[Any, ...]]:
        """Return the next rows of an order that has an index."""
        is_coarse = order.all[0].name in COARSE
        if is_coarse and order.leading:
            return self._led(order, limit, after)
        walk = self._walk(order, after)
        if not walk.tests:
            return walk.more(limit, None)
        if is_coarse and walk.is_asking:
            return self._led(order, limit, after)
        if self._holds_for_few(16 * limit):
            return self._sorted(order.all, limit, after, self._estimate.finding())
        found = walk.more(limit, 4 * limit)
        if len(found) < limit and not walk.is_end and is_coarse:
            return self._led(order, limit, after)
        return self._along(walk, order, limit, after, found)

    def _walk(self, order: Order, after: Sequence[Any] | None) -> Walk:
        assert order.index_name is not None
        return Walk(self._reader, self._conditions, order.all, order.index_name, after)

    def _along(
        self,
        walk: Walk,
        order: Order,
        limit: int,
        after: Sequence[Any] | None,
        found: list[tuple[Any, ...]],
    ) -> list[tuple[Any, ...]]:
        """Go on along an order, or find what is missing otherwise."""
        while len(found) < limit and not walk.is_end:
            missing = limit - len(found)
            plan = self._estimate.plan(walk, missing, len(found))
            if plan.way == "find":
                return self._sorted(order.all, limit, after, plan)
            if plan.way == "marks":
                return self._marked(order, limit, after, plan)
            # Each piece of an order of several columns looks again at all before it, to sort them.
            found += walk.more(missing, int((3 if order.leading else 1.2) * plan.looks) + limit)
        return found

    def _marked(
        self, order: Order, limit: int, after: Sequence[Any] | None, plan: Plan
    ) -> list[tuple[Any, ...]]:
        """Walk along an index and look at those models alone that some conditions list."""
        listed = self._known.listed(plan.by)
        marks = candidates.marks_of(listed, self._known.models)
        bounds = [each for each in self._conditions if each.column == order.all[0].name]
        tests = [*bounds, *(each for each in self._tests_beside(plan) if each not in bounds)]
        assert order.index_name is not None
        walk = Walk(self._reader, tests, order.all, order.index_name, after, marks)
        found: list[tuple[Any, ...]] = []
        while len(found) < limit and not walk.is_end:
            found += walk.more(limit - len(found), max(_LOOKED, int(3 * plan.looks), walk.met))
            if len(found) < limit and self._estimate.is_hopeless(walk.met, len(found), limit, len(listed)):
                return self._sorted(order.all, limit, after, plan)
        return found

    def _tests_beside(self, plan: Plan) -> list[Condition]:
        """Return what is asked of those that a plan lists; what lists words may list more."""
        return [each for each in self._conditions if each not in plan.by or each.has_words]

    def _sorted(
        self, keys: Sequence[Key], limit: int, after: Sequence[Any] | None, plan: Plan
    ) -> list[tuple[Any, ...]]:
        """Find all that match by some of the conditions, or by looking at each model, and sort it."""
        tests, tests_parameters = query.where(self._tests_beside(plan), walking=True)
        ids, parameters = "", list[Any]()
        if len(plan.by) == 1 and not self._known.is_listed(plan.by[0]):
            ids, parameters = self._known.ids(plan.by[0])
        elif plan.by:
            ids = "SELECT value FROM json_each(?)"
            parameters = [json.dumps(self._known.listed(plan.by).tolist())]
        where = f" WHERE {f'id IN ({ids})' if ids else '1'}{tests.replace(' WHERE ', ' AND ', 1)}"
        parameters = [*parameters, *tests_parameters]
        if after is not None:
            steps = query.steps_after(keys, after, sorting=True)
            beyond = " OR ".join(f"({step})" for step, _ in steps)
            where += f" AND ({beyond})"
            parameters += [value for _, values in steps for value in values]
        columns = ", ".join(key.value for key in keys)
        return self._reader.execute_sql(
            f"SELECT {columns} FROM models{where}{query.ordering(keys, sorting=True)} LIMIT ?",
            [*parameters, limit],
        ).fetchall()

    # --- orders by a column that few have -----------------------------------------------------------------

    def _halved(self, order: Order, limit: int, after: Sequence[Any] | None) -> list[tuple[Any, ...]]:
        """Return the next rows of an order that begins with a sparse column.

        Those without a value, which are the least, stand by what comes next; the others by the column's index.
        """
        key = order.all[0]
        halves: tuple[bool, ...] = (True, False) if key.descending else (False, True)
        if after is not None and (after[0] is not None) == halves[1]:
            halves = halves[1:]
        found: list[tuple[Any, ...]] = []
        for number, has_value in enumerate(halves):
            missing = limit - len(found)
            place = None if number else after
            if not missing or (not has_value and place is None and self._is_full(order)):
                continue
            half = _Search(Estimate(self._known, [*self._conditions, with_value(key.name, has_value)]))
            if not has_value:
                rest = half.rows(order.rest, missing, None if place is None else place[1:])
                found += [(None, *row) for row in rest]
            elif order.leading:
                found += half._sorted(order.all, missing, place, half._estimate.finding())
            else:
                found += half._walked(order, missing, place)
        return found

    def _is_full(self, order: Order) -> bool:
        """Return whether each model has a value in a sparse column, as far as that is quickly known."""
        name, direction = order.all[0].name, " DESC" * order.all[0].descending
        begin = f"SELECT {name} AS v FROM models NOT INDEXED ORDER BY id{direction} LIMIT {_LOOKED}"
        ask = self._reader.execute_sql
        if ask(f"SELECT 1 FROM ({begin}) WHERE v IS NULL LIMIT 1").fetchone():
            return False
        having = f"models INDEXED BY {order.index_name} WHERE {name} IS NOT NULL"
        (models,), (number,) = (ask(f"SELECT count(*) FROM {rows}").fetchone() for rows in ("models", having))
        return bool(models == number)

    # --- orders by a coarse column ----------------------------------------------------------------------

    def _led(self, order: Order, limit: int, after: Sequence[Any] | None) -> list[tuple[Any, ...]]:
        """Return the next rows of an order that begins with a coarse column: of each value, until there are enough.

        All that match are sorted instead where that takes less.
        """
        key = order.all[0]
        rest = order._replace(leading=order.leading[1:])
        leading = [each.name for each in itertools.takewhile(lambda each: each.name in COARSE, order.all)]
        whole = Plan(float("inf"), "find")
        if not self._estimate.is_taken and self._conditions and self._holds_for_few(16 * limit):
            return self._sorted(order.all, limit, after, self._estimate.finding())
        self._estimate.take_sample(leading)
        if self._conditions:
            whole = self._estimate.finding()
            if self._estimate.is_cheap(whole, key, after):
                return self._sorted(order.all, limit, after, whole)
        found: list[tuple[Any, ...]] = []
        batch, batched, met, size, spent = list[Any](), 0, 0, _BATCH, 0.0
        for number, (value, models) in enumerate(
            groups(self._reader, self._conditions, key, after, _BATCH + 1)
        ):
            is_begun = after is not None and number == 0 and value == after[0]
            if not models and not is_begun:
                continue
            is_small = models <= _BATCH and not is_begun and value is not None
            if is_small:
                batch.append(value)
                batched += models
            if batch and (not is_small or batched >= size):
                spent += batched * FETCH
                if spent > whole.cost:
                    return self._sorted(order.all, limit, after, whole)
                found += self._batch(order.all, key, batch, limit - len(found))
                batch, batched, met = [], 0, met + batched
                size = min(4 * size, (limit - len(found)) * met // len(found)) if found else 4 * size
                size = min(size, _BATCH_LIMIT - _BATCH)
            if not is_small and len(found) < limit:
                part = _Search(self._estimate.part(one_of(key.name, [value]), value))
                place = after if is_begun else None
                if order.leading and place is not None:
                    place = place[1:]
                rows = part._of_value(rest, limit - len(found), place, whole.cost - spent)
                if rows is None:
                    return self._sorted(order.all, limit, after, whole)
                spent += part.spent
                found += [(value, *row) for row in rows] if order.leading else rows
            self.spent = spent
            if len(found) >= limit:
                return found
        if batch:
            found += self._batch(order.all, key, batch, limit - len(found))
        return found

    def _of_value(
        self, order: Order, limit: int, after: Sequence[Any] | None, most: float
    ) -> list[tuple[Any, ...]] | None:
        """Return the next rows of one value, or None if they would cost more than that."""
        if order.index_name is None or order.is_sparse:
            plan = self._estimate.finding()
        elif order.leading and order.all[0].name in COARSE:
            if not self._estimate.is_empty:
                return self._led(order, limit, after)
            plan = self._estimate.finding()
        else:
            walk = self._walk(order, after)
            if not walk.tests:
                return walk.more(limit, None)
            plan = self._estimate.plan(walk, limit)
            if plan.cost <= most:
                self.spent = plan.cost
                return self._along(walk, order, limit, after, [])
        self.spent = plan.cost
        return None if plan.cost > most else self._sorted(order.all, limit, after, plan)

    def _batch(
        self, keys: Sequence[Key], key: Key, values: Sequence[Any], limit: int
    ) -> list[tuple[Any, ...]]:
        """Return the first rows of those where a column has one of some values."""
        condition = one_of(key.name, values)
        some = _Search(Estimate(self._known, [*self._conditions, condition]))
        return some._sorted(keys, limit, None, Plan(0, "find", (condition,)))
