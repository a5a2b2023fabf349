"""Walks along an index of an order, and the values of a coarse column, from which parts of an order are made."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from modelmgr.catalog import engine, query
from modelmgr.catalog.conditions import Condition
from modelmgr.catalog.query import Key
from modelmgr.catalog.schema import ORDER_INDEXES

# Columns with so few values that a stretch of equal ones is long: each is a question of its own, by the next column.
COARSE = frozenset(
    ("type", "base_model", "rating", "favorite", "format", "file_count", "file_state", "hash_state", "folder")
)
_COVERED = {
    index: frozenset(column.split()[0] for column in columns.split(", "))
    for index, columns in ORDER_INDEXES.items()
}
"""The columns that each index holds."""


class Walk:
    """Goes along an index of an order and looks at each model on the way, some of them at a time.

    Args:
        reader: where to ask.
        conditions: what must hold.
        keys: of the order.
        index: its name, or `query.TABLE`.
        after: the values of the keys at the place behind which it begins, None for the first.
        marks: one byte a model; those that have no 1 are passed by.

    Attributes:
        tests: what is asked of each model, by a look at it.
        covered: the other conditions: bounds of the walk, or asked of the index.
        is_asking: whether it asks the index, and may pass by many models.
        met: how many it has looked at.
        is_table: whether it goes along the table itself.
    """

    def __init__(
        self,
        reader: engine.Database,
        conditions: Sequence[Condition],
        keys: Sequence[Key],
        index: str,
        after: Sequence[Any] | None,
        marks: bytes | None = None,
    ) -> None:
        self._reader = reader
        self._columns = ", ".join(key.value for key in keys)
        self._ordering = query.ordering(keys)
        # By its name: where all but the id is equal, the planner would rather walk the table.
        self._rows = f"models INDEXED BY {index}" if index else "models NOT INDEXED"
        self.is_table = not index
        columns = _COVERED.get(index, frozenset())
        first = keys[0].name
        self.tests = [each for each in conditions if each.column != first and each.about not in columns]
        self.covered = [each for each in conditions if each not in self.tests]
        # What bounds the order's first column says where to walk.
        bounds = [each for each in self.covered if each.column == first]
        asked = [
            Condition(each.walking, each.walking_parameters) for each in self.covered if each not in bounds
        ]
        asked += _hints(self.tests, columns)
        self.is_asking = bool(asked)
        if marks is not None:
            asked.append(Condition("substr(?, id, 1) = x'01'", (marks,)))
        self._bounds = [*bounds, *asked]
        self._test, self._test_parameters = query.where(self.tests, walking=True)
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
            rows = f"{self._rows}{where}"
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


def asked_of_groups(
    conditions: Sequence[Condition], key: Key
) -> tuple[str, list[Condition], list[Condition]]:
    """Return the index that tells most of the values of a coarse column, what is asked of these, and of it besides."""
    index, tests = f"models_{key.name}", list[Condition]()
    for other, columns in _COVERED.items():
        if key.name in columns:
            others = columns - {key.name}
            said = [each for each in conditions if each.column and each.about in others]
            said += _hints(conditions, others & {"type"})
            if len(said) > len(tests):
                index, tests = other, said
    own = [each for each in conditions if each.about == key.name]
    return index, own + _hints(conditions, {key.name}), tests


def groups(
    reader: engine.Database,
    conditions: Sequence[Condition],
    key: Key,
    after: Sequence[Any] | None,
    most: int,
) -> Iterator[tuple[Any, int]]:
    """Yield the values of a coarse column in order, and how many models may match there, as far as indexes tell.

    NULL is the least of all values.

    Args:
        reader: where to ask.
        conditions: what must hold.
        key: the column, and its direction.
        after: the values at a place in an order by it: it goes on with the first of them.
        most: no more are counted.
    """
    index, own, tests = asked_of_groups(conditions, key)
    test, values = query.where([Condition(f"{key.name} IS d.v"), *tests])
    own_test, own_values = query.where(own, walking=True)
    number = f"(SELECT count(*) FROM (SELECT 1 FROM models INDEXED BY {index}{test} LIMIT {most}))"
    null = f"SELECT v, {number} FROM (SELECT NULL AS v, NULL AS {key.name}) AS d{own_test}"
    begin = None if after is None else after[0]
    if begin is None and (after is not None or not key.descending):
        yield from reader.execute_sql(null, [*values, *own_values]).fetchall()
        if key.descending:
            return
    best, sign = ("max", "<") if key.descending else ("min", ">")
    first = "SELECT ?" if begin is not None else f"SELECT {best}({key.name}) FROM models"
    cursor = reader.execute_sql(
        f"WITH RECURSIVE d(v) AS ({first} UNION ALL SELECT (SELECT {best}({key.name}) FROM models "
        f"WHERE {key.name} {sign} d.v) FROM d WHERE d.v IS NOT NULL) "
        f"SELECT v, {number} FROM (SELECT v, v AS {key.name} FROM d WHERE v IS NOT NULL) AS d{own_test}",
        [*([] if begin is None else [begin]), *values, *own_values],
    )
    try:
        yield from iter(cursor.fetchone, None)
    finally:
        cursor.close()
    if key.descending:
        yield from reader.execute_sql(null, [*values, *own_values]).fetchall()


def rank(value: Any) -> tuple[Any, ...]:
    """Return what sorts as SQLite sorts the value of a coarse column."""
    return (value is not None, isinstance(value, bytes), 0 if value is None else value)


def one_of(column: str, values: Sequence[Any]) -> Condition:
    """Return the condition that a column has one of these values; NULL may be the only one."""
    parameters = tuple(values)
    marks = ", ".join("?" * len(parameters))
    sql = f"{column} IS ?" if len(parameters) == 1 else f"{column} IN ({marks})"
    return Condition(
        sql,
        parameters,
        f"+{sql}",
        parameters,
        f"SELECT id FROM models WHERE {sql}",
        parameters,
        column,
        column,
    )


def with_value(column: str, has_value: bool) -> Condition:
    """Return the condition that a sparse column has a value, or has none: its index tells of the first alone."""
    if not has_value:
        return Condition(f"{column} IS NULL", (), f"+{column} IS NULL")
    sql = f"{column} IS NOT NULL"
    ids = f"SELECT id FROM models WHERE {sql}"
    return Condition(sql, (), f"+{sql}", ids=ids, column=column, about=column)


def _hints(conditions: Sequence[Condition], columns: Collection[str]) -> list[Condition]:
    """Return what must hold of some columns alone."""
    return [
        Condition(sql, values, sql, values)
        for each in conditions
        for column, sql, values in each.hints
        if column in columns
    ]
