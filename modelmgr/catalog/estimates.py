"""How many models match how much of a question, by a sample of the library, and what the ways to its rows cost."""

import itertools
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from modelmgr.catalog import query
from modelmgr.catalog.candidates import Known
from modelmgr.catalog.conditions import Condition
from modelmgr.catalog.query import Key
from modelmgr.catalog.walks import Walk, asked_of_groups, rank
from modelmgr.values import MIB

_SAMPLE, _PLACES = 4_000, 125
"""So many models, from so many places, tell how many match among all."""

_TELLING = 8
"""So many of a walk's rows tell how many more there are."""

_RARE = _SAMPLE // 100
"""Of a condition that fewer of a sample match is counted for how many it holds."""

_APART = 8
"""So many conditions are told apart; what many words say is little beside what some of them do."""

# What things cost, in microseconds of a processor for a model each.
_LOOK, FETCH = 2.0, 1.6
"""To look at one that is met anywhere; to find one by its id, to look at it and to sort it."""
_SCAN = 0.2
"""To look at one in the order in which all lie."""
_STEP = 0.07
"""To pass by one along an index."""
_LIST, _LIST_MARKED, _WORDS = 0.11, 0.07, 0.04
"""To list the id of one from an index; to pass there by what has no mark; and so much more in that of words."""
_MARK = 0.03
"""To mark one."""
_CHEAP, _CERTAIN = 8_000.0, 12_000.0
"""What costs no more needs no better way; to find and sort is rather done than a walk that might have to go far."""

_LISTABLE, _SHORT_SHARE = 4, 0.08
"""So many conditions at most are weighed against each other; short words that more models hold have no list."""
_MARKS_LIMIT = 16 * MIB


class Plan(NamedTuple):
    """One way to the next rows.

    Attributes:
        cost: in microseconds.
        way: ``walk``, ``find`` (and sort), or ``marks`` (walk past what has none).
        by: the conditions that list what is looked at, in order; nothing where all is.
        looks: how many models a walk is expected to look at.
    """

    cost: float
    way: str
    by: tuple[Condition, ...] = ()
    looks: float = 0.0


class Estimate:
    """What a sample says of a question.

    Args:
        known: what is known of the question, and of that of which it is a part.
        conditions: what must hold.

    Attributes:
        conditions: the same, first what takes least to ask.
    """

    def __init__(self, known: Known, conditions: Sequence[Condition]) -> None:
        self.known = known
        self.conditions = sorted(conditions, key=lambda each: not each.about)
        self._bits = [1 << min(place, _APART) for place in range(len(conditions))]
        self._rows: list[tuple[tuple[Any, ...], int, int]] | None = None
        self._total = 1
        self._flags: Counter[int] = Counter()
        self._numbers: dict[int, float] = {}

    def part(self, condition: Condition, value: Any) -> "Estimate":
        """Return the same for those with a value in the first column that leads: that is one more condition."""
        found = Estimate(self.known, ())
        bit = 1 << max(_APART + 1, *(each.bit_length() for each in (0, *self._bits)))
        found.conditions, found._bits = [*self.conditions, condition], [*self._bits, bit]
        found._total = self._total
        if self._rows is not None:
            found._rows = [
                (values[1:], flags | (bit if values[0] == value else 0), number)
                for values, flags, number in self._rows
            ]
        return found

    def take_sample(self, leading: Sequence[str] = ()) -> None:
        """Look at some models, from many places: which conditions hold, and what columns that lead say.

        Nothing is looked at again that is known.
        """
        if self._rows is not None and not (leading and self._rows and not self._rows[0][0]):
            return
        tests: dict[int, list[Condition]] = {}
        for bit, each in zip(self._bits, self.conditions, strict=True):
            tests.setdefault(bit, []).append(each)
        flags, parameters = ["0"], list[Any]()
        for bit, some in tests.items():
            test, values = query.where(some, walking=True)
            flags.append(f"(({test.removeprefix(' WHERE ')}) IS TRUE) * {bit}")
            parameters += values
        # Not at equal distances: what is in them may be in step with names that are numbers.
        places = [
            int(self.known.models * (place + place * 0.618 % 1) / (_PLACES + 1)) for place in range(_PLACES)
        ]
        groups = ", ".join(str(number + 1) for number in range(len(leading) + 1))
        found = self.known.reader.execute_sql(
            f"SELECT {', '.join((*leading, ' + '.join(flags)))}, count(*) "
            "FROM (SELECT value AS place FROM json_each(?)) "
            f"CROSS JOIN models ON id > place AND id <= place + ? GROUP BY {groups}",
            [*parameters, json.dumps(places), _SAMPLE // _PLACES],
        ).fetchall()
        self._rows = [(tuple(values), flags, number) for *values, flags, number in found]
        self._total = max(1, sum(number for *_, number in found))
        self._flags.clear()
        self._numbers.clear()

    @property
    def is_taken(self) -> bool:
        """Whether there is a sample."""
        return self._rows is not None

    @property
    def is_empty(self) -> bool:
        """Whether nothing of the sample matches."""
        return not self._hits(self._everything)

    @property
    def _everything(self) -> int:
        return sum(set(self._bits))

    def _hits(self, mask: int) -> int:
        """Return for how many of the sample all these conditions hold."""
        if not self._flags:
            for _, flags, number in self._rows or ():
                self._flags[flags] += number
        return sum(number for flags, number in self._flags.items() if flags & mask == mask)

    def _number(self, mask: int) -> float:
        """Return for about how many models all these conditions hold, or may hold, as indexes have it."""
        known = self._numbers.get(mask)
        if known is not None:
            return known
        found = self.known.models * max(self._hits(mask), 0.5) / self._total
        for bit, each in zip(self._bits, self.conditions, strict=True):
            if mask & bit and each.is_countable and (each.is_loose or self._hits(bit) < _RARE):
                few = self.known.count(each)
                if few is not None:
                    found = few if mask == bit else min(found, few)
        self._numbers[mask] = max(found, 0.5)
        return self._numbers[mask]

    def _matches(self) -> float:
        """Return how many models match, about."""
        found = self.known.models * max(self._hits(self._everything), 0.5) / self._total
        return min(found, self._number(self._everything))

    def _is_listable(self, bit: int, condition: Condition) -> bool:
        if not condition.is_countable or bit == 1 << _APART:
            return False
        if condition.short and self._hits(bit) > _SHORT_SHARE * self._total:
            return False
        if condition.is_loose:
            return self.known.count(condition) is not None
        return not condition.short or bool(self.known.ids(condition)[0])

    def _listings(self) -> Iterator[tuple[tuple[Condition, ...], int, float]]:
        """Yield which conditions may list what is looked at, their bits, and what that costs."""
        each = zip(self._bits, self.conditions, strict=True)
        known = [(bit, condition) for bit, condition in each if self._is_listable(bit, condition)]
        known = sorted(known, key=lambda each: self._number(each[0]))[:_LISTABLE]
        for number in range(1, len(known) + 1):
            for some in itertools.combinations(known, number):
                mask, cost = 0, 0.0
                for bit, condition in some:
                    own = self._number(bit)
                    more = _WORDS if condition.has_words else 0.0
                    if mask:
                        cost += self._number(mask) * _MARK
                    if self.known.is_listed(condition):
                        cost += own * _MARK if mask else 0
                    elif mask:
                        cost += own * (_LIST_MARKED + more) + self._number(mask | bit) * _LIST
                    else:
                        cost += own * (_LIST + more)
                    mask |= bit
                yield tuple(condition for _, condition in some), mask, cost

    def finding(self) -> Plan:
        """Return the best way to all that match."""
        self.take_sample()
        best = Plan(self.known.models * _SCAN, "find")
        for by, mask, cost in self._listings():
            cost = (cost if len(by) > 1 else 0) + self._number(mask) * FETCH
            if cost < best.cost:
                best = Plan(cost, "find", by)
        return best

    def plan(self, walk: Walk, limit: int, found: int = 0) -> Plan:
        """Return the best way to the next rows of an order that can be walked.

        Args:
            walk: along it, as far as it has gone.
            limit: how many rows are missing.
            found: how many it has met.
        """
        look = _SCAN if walk.is_table else _LOOK
        if found >= _TELLING and max(limit / found, 1.0) * walk.met * look <= _CHEAP:
            return Plan(_CHEAP, "walk", (), max(limit / found, 1.0) * walk.met)
        self.take_sample()
        each = zip(self._bits, self.conditions, strict=True)
        covered = sum({bit for bit, condition in each if condition in walk.covered and bit != 1 << _APART})
        met = self._number(covered) if covered else self.known.models
        share = min(1.0, limit / self._matches())
        looks = share * met
        if found >= _TELLING:
            looks = limit * walk.met / found
            share = min(1.0, looks / met)
        # What is alike stands together: further on it may be otherwise.
        looks = max(looks, walk.met if found < _TELLING else walk.met / 4)
        finding = self.finding()
        best = min(finding, Plan(looks * look + share * self.known.models * _STEP, "walk", (), looks))
        if finding.cost > _CERTAIN and self.known.models <= _MARKS_LIMIT:
            for by, mask, cost in self._listings():
                cost += self._number(mask) * _MARK + share * self.known.models * _STEP
                looks = share * self._number(mask | covered)
                cost += looks * _LOOK
                if cost < best.cost:
                    best = Plan(cost, "marks", by, looks)
        return best

    def is_cheap(self, plan: Plan, key: Key, after: Sequence[Any] | None) -> bool:
        """Return whether to find all that match takes less than to pass by the values before the first that has any."""
        return plan.cost <= max(_CHEAP, self._empty_before(key, after) * _SCAN)

    def _empty_before(self, key: Key, after: Sequence[Any] | None) -> float:
        """Return how many models stand, about, before the first value of which any of the sample matches.

        Those of which an index tells that they don't match are passed by, and don't count.
        """
        rows, everything = self._rows or (), self._everything
        first = {values[0] for values, flags, _ in rows if flags & everything == everything}
        if not first:
            return 0.0
        begin = (max if key.descending else min)(map(rank, first))
        beyond = None if after is None else rank(after[0])
        _, own, tests = asked_of_groups(self.conditions, key)
        each = zip(self._bits, self.conditions, strict=True)
        asked = sum({bit for bit, condition in each if condition in own or condition in tests})
        number = 0
        for values, flags, models in rows:
            if flags & asked != asked:
                continue  # nothing is looked at there
            here = rank(values[0])
            if key.descending:
                number += models if here > begin and (beyond is None or here <= beyond) else 0
            else:
                number += models if here < begin and (beyond is None or here >= beyond) else 0
        return number * self.known.models / self._total

    @staticmethod
    def is_hopeless(looked: int, found: int, limit: int, listed: int) -> bool:
        """Return whether a walk past what has no mark has found so little that to find all takes less.

        What is alike stands together: what matches may all stand further on.

        Args:
            looked: at how many models.
            found: how many of them match.
            limit: how many are wanted.
            listed: how many have marks.
        """
        missing = (limit - found) * looked / max(found, 0.5)
        return missing * _LOOK > listed * FETCH
