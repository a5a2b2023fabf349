"""One value of a field: what was typed to what is meant."""

import math
import os
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from modelmgr.lazily import pattern
from modelmgr.search.fields import NO, NONE, YES, Field, Kind
from modelmgr.vocabulary import BASES, TYPES, UNKNOWN, canonical_base, canonical_type

Say = Callable[[str], str]
"""Turns a template of this room into the user's language; `str` leaves it in English."""

GREATEST = 2**63 - 1
SHORTEST_HASH = 2


class Match(StrEnum):
    """How a value is compared."""

    IS = "is"
    BEGINS = "begins"
    HOLDS = "holds"
    BETWEEN = "between"
    BELOW = "below"
    NONE = "none"


class Value(NamedTuple):
    """One thing that a term asks for.

    Attributes:
        match: how it is compared.
        text: a canonical word, a text as it was typed, an absolute path, the digits of a hash, ``yes`` or ``no``.
        low: the least whole number (bytes, Unix seconds, stars), None without a bound; `high`: the greatest.
        words: the value in words, in the user's language; empty where the value before it says it too.
    """

    match: Match
    text: str = ""
    low: int | None = None
    high: int | None = None
    words: str = ""


class NotUnderstood(Exception):
    """A value that its field can't take; says what it could be.

    Attributes:
        message: one sentence for the user.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def read_value(field: Field, text: str, now: float, say: Say, *, is_quoted: bool = False) -> list[Value]:
    """Return what a value means: several where it is the beginning of several words.

    Args:
        field: see there.
        text: without quotation marks, not empty.
        now: Unix seconds that ages count from.
        say: for what is said of it.
        is_quoted: ``"none"`` and a final ``*`` within quotation marks are what they look like, and a base model is
            that version alone.

    Raises:
        NotUnderstood: it means nothing here.
    """
    if field.lacks and not is_quoted and text.lower() == NONE:
        return [Value(Match.NONE, words=say(field.lacks))]
    match field.kind:
        case Kind.WORD:
            return _words(field, text, say, is_quoted)
        case Kind.TEXT:
            return [Value(Match.HOLDS, text, words=shown(text))]
        case Kind.PATH:
            if os.path.isabs(text):
                path = os.path.normpath(text)
                return [Value(Match.BELOW, path, words=say("below {}").format(shown(path)))]
            return [Value(Match.HOLDS, text, words=say("whose path contains {}").format(shown(text)))]
        case Kind.FLAG:
            return [_flag(field, text, say)]
        case Kind.HASH:
            return [_hash(text, say)]
        case Kind.SIZE:
            return [_size(text, say)]
        case Kind.TIME:
            return [_time(text, now, say)]
        case Kind.NUMBER:
            return [_number(text, say)]


def shown(text: str) -> str:
    """Return a text as a sentence shows it: in quotation marks where its ends would not be seen, and not too long."""
    text = text if len(text) <= 60 else text[:59] + "…"
    return f"“{text}”" if not text or any(char.isspace() or char == "," for char in text) else text


_LOWER = frozenset(("format", "source"))
"""Fields whose words are all in lower case."""

# --- words ------------------------------------------------------------------------------------------------


def _words(field: Field, text: str, say: Say, is_quoted: bool) -> list[Value]:
    stem = text.removesuffix("*") if not is_quoted else text
    begins = stem != text
    if field.name == "type":
        return _types(stem, begins, say)
    if field.name == "base":
        return _bases(field, stem, begins, say, is_quoted)
    if field.name in _LOWER:
        stem = stem.lower()
    if field.choices:
        folded = stem.lower()
        found = [choice for choice in field.choices if choice == folded] or [
            choice for choice in field.choices if choice.startswith(folded)
        ]
        if not found:
            raise NotUnderstood(
                say("“{}” is no {}; it is one of {}.").format(text, field.name, ", ".join(field.choices))
            )
        return [Value(Match.IS, choice, words=choice) for choice in found]
    if begins:
        return [_beginning(stem, say)]
    return [Value(Match.IS, stem, words=shown(stem))]


def _beginning(stem: str, say: Say) -> Value:
    return Value(Match.BEGINS, stem, words=say("something that begins with {}").format(shown(stem)))


def _types(stem: str, begins: bool, say: Say) -> list[Value]:
    known = canonical_type(stem)
    if not begins and (known != UNKNOWN or stem.strip().lower() == UNKNOWN):
        return [Value(Match.IS, known, words=known)]
    folded = stem.lower()
    found = [name for name in TYPES if name.startswith(folded)]
    if not found:
        raise NotUnderstood(
            say("“{}” is no type of model; types are {} and more.").format(stem, ", ".join(TYPES[:6]))
        )
    return [Value(Match.IS, name, words=name) for name in found]


def _bases(field: Field, stem: str, begins: bool, say: Say, is_quoted: bool) -> list[Value]:
    if begins:
        return [_beginning(stem, say)]
    known = canonical_base(stem)
    if known is None:
        return [Value(Match.NONE, words=say(field.lacks))]
    if known not in BASES:
        return [_beginning(known, say)]
    versions = () if is_quoted else versions_of(known)
    words = say("{} in any version").format(shown(known)) if versions else shown(known)
    return [Value(Match.IS, known, words=words), *(Value(Match.IS, version) for version in versions)]


def versions_of(base: str) -> tuple[str, ...]:
    """Return the base models that are finer words for one: SDXL 1.0, SDXL Turbo and so on for SDXL."""
    return tuple(name for name in BASES if name.startswith(base + " "))


def _flag(field: Field, text: str, say: Say) -> Value:
    folded = text.lower()
    if folded in ("yes", "y", "true", "1", "on"):
        return Value(Match.IS, YES, words=say(field.says))
    if folded in ("no", "n", "false", "0", "off"):
        return Value(Match.IS, NO, words=say("not {}").format(say(field.says)))
    raise NotUnderstood(say("“{}” is neither yes nor no.").format(text))


_HEX = pattern(r"[0-9a-fA-F]{1,64}")


def _hash(text: str, say: Say) -> Value:
    digits = text.rstrip("….*")
    if _HEX.fullmatch(digits) is None:
        raise NotUnderstood(say("“{}” is no hash: it has digits 0 to 9 and a to f, 64 at most.").format(text))
    if len(digits) < SHORTEST_HASH:
        raise NotUnderstood(say("A hash is looked for by {} digits or more.").format(SHORTEST_HASH))
    return Value(Match.BEGINS, digits.lower(), words=digits.lower())


# --- amounts ----------------------------------------------------------------------------------------------

_COMPARED = pattern(r"(>=|<=|=|>|<|≥|≤)?(.*)", re.DOTALL)
_SIGNS = {"≥": ">=", "≤": "<="}
_SIZE = pattern(r"(\d{1,15})(?:\.(\d{1,9}))?([kmgt]?i?b?)", re.IGNORECASE | re.ASCII)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
_NUMBER = pattern(r"\d{1,3}", re.ASCII)
_AGE = pattern(r"(\d{1,5})(h|d|w|mo|m|y|hours?|days?|weeks?|months?|years?)", re.IGNORECASE | re.ASCII)
_DATE = pattern(r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?", re.ASCII)
_DAY_S = 86_400
_AGES_S = {"h": 3_600, "d": _DAY_S, "w": 7 * _DAY_S, "mo": 2_629_800, "y": 31_557_600}
_AGE_WORDS = {"h": "hours", "d": "days", "w": "weeks", "mo": "months", "y": "years"}
_AGE_WORD = {"h": "hour", "d": "day", "w": "week", "mo": "month", "y": "year"}


def _sign(text: str) -> tuple[str, str]:
    found = _COMPARED.fullmatch(text)
    assert found is not None
    sign = found[1] or ""
    return _SIGNS.get(sign, sign), found[2].strip()


def _between(low: int | None, high: int | None, words: str) -> Value:
    bounded = [None if bound is None else max(-GREATEST, min(GREATEST, bound)) for bound in (low, high)]
    return Value(Match.BETWEEN, "", bounded[0], bounded[1], words)


def _size(text: str, say: Say) -> Value:
    if ".." in text:
        first, _, last = text.partition("..")
        unit = _SIZE.fullmatch(last)
        if first and unit is not None and first.replace(".", "").isdigit():
            first += unit[3]
        low, high = (_bytes(each, say) if each else None for each in (first, last))
        if low is not None and high is not None:
            low, high = min(low, high, key=lambda each: each[0]), max(low, high, key=lambda each: each[0])
        return _range(low and (low[0], low[0], low[3]), high and (high[0], high[0], high[3]), text, say)
    sign, amount = _sign(text)
    exact, least, most, words = _bytes(amount, say)
    if sign == ">":
        return _between(exact + 1, None, say("larger than {}").format(words))
    if sign == ">=":
        return _between(exact, None, say("{} or larger").format(words))
    if sign == "<":
        return _between(None, exact - 1, say("smaller than {}").format(words))
    if sign == "<=":
        return _between(None, exact, say("{} or smaller").format(words))
    about = say("about {}") if least != most else say("exactly {}")
    return _between(least, most, about.format(words))


def _bytes(text: str, say: Say) -> tuple[int, int, int, str]:
    """Return a size, the least and the greatest one that is written so, and its words."""
    found = _SIZE.fullmatch(text)
    if found is None:
        raise NotUnderstood(say("“{}” is no size; a size is written 2GB, 500mb or 1.5GiB.").format(text))
    from fractions import (
        Fraction,  # few searches name a size, and loading it takes as long as all the rest here
    )

    whole, part, unit = found[1], found[2] or "", found[3].lower()
    binary = "i" in unit
    factor = (1024 if binary else 1000) ** _POWERS[unit[:1] if unit[:1] in "kmgt" else ""]
    exact = Fraction(int(whole + part), 10 ** len(part)) * factor
    half = Fraction(factor, 2 * 10 ** len(part)) if factor > 1 else Fraction(0)
    name = f"{unit[:1].upper()}{'i' if binary else ''}B" if factor > 1 else say("bytes")
    words = f"{whole}.{part} {name}" if part else f"{whole} {name}"
    middle = math.floor(exact)
    return middle, math.ceil(exact - half), max(middle, math.ceil(exact + half) - 1), words


def _number(text: str, say: Say) -> Value:
    wrong = NotUnderstood(say("“{}” is no rating; it is 0 to 5, none, >=4 or 2..4.").format(text))
    sign, amount = _sign(text)
    if ".." in amount and not sign:
        first, _, last = amount.partition("..")
        ends = [_whole(each, wrong) if each else None for each in (first, last)]
        if ends[0] is not None and ends[1] is not None:
            ends.sort(key=lambda end: end or 0)
        low, high = ((end, end, str(end)) if end is not None else None for end in ends)
        return _range(low, high, text, say)
    number = _whole(amount, wrong)
    if sign == ">":
        return _between(number + 1, None, say("more than {}").format(number))
    if sign == ">=":
        return _between(number, None, say("{} or more").format(number))
    if sign == "<":
        return _between(None, number - 1, say("less than {}").format(number))
    if sign == "<=":
        return _between(None, number, say("{} or less").format(number))
    return _between(number, number, str(number))


def _whole(text: str, wrong: NotUnderstood) -> int:
    if _NUMBER.fullmatch(text) is None:
        raise wrong
    return int(text)


def _range(low: tuple[int, int, str] | None, high: tuple[int, int, str] | None, text: str, say: Say) -> Value:
    """Return what lies between two ends (first, last and words of each), either of which may be open."""
    if low is not None and high is not None:
        return _between(low[0], high[1], say("from {} to {}").format(low[2], high[2]))
    if low is not None:
        return _between(low[0], None, say("from {} on").format(low[2]))
    if high is not None:
        return _between(None, high[1], say("up to {}").format(high[2]))
    raise NotUnderstood(say("“{}” has no ends.").format(text))


def _time(text: str, now: float, say: Say) -> Value:
    # Ages count by the minute, so that a question and the next page of its answer mean the same.
    minute = math.floor(now / 60) * 60
    sign, amount = _sign(text)
    if ".." in amount and not sign:
        first, _, last = amount.partition("..")
        ends = [_stretch(each, minute, say) if each else None for each in (first, last)]
        if first and last:
            ends.sort(key=lambda end: end[0] if end else 0)
        elif any(_AGE.fullmatch(each) for each in (first, last)):
            ends.reverse()  # the greater the age, the earlier
        return _range(ends[0], ends[1], text, say)
    low, high, words = _stretch(amount, minute, say)
    if _AGE.fullmatch(amount):
        if sign == ">":
            return _between(None, low - 1, say("more than {}").format(words))
        if sign == ">=":
            return _between(None, low, say("{} or longer").format(words))
        return _between(low + (sign == "<"), None, say("less than {}").format(words))
    if sign == ">":
        return _between(high + 1, None, say("after {}").format(words))
    if sign == ">=":
        return _between(low, None, say("{} or later").format(words))
    if sign == "<":
        return _between(None, low - 1, say("before {}").format(words))
    if sign == "<=":
        return _between(None, high, say("{} or earlier").format(words))
    return _between(
        low, high, (say("in {}") if len(amount) < 8 and amount[:1].isdigit() else "{}").format(words)
    )


def _stretch(text: str, minute: int, say: Say) -> tuple[int, int, str]:
    """Return the first and last second of an age, a date, a month or a year, by the local clock, and its words."""
    wrong = NotUnderstood(
        say("“{}” is no time; it is written 30d, 4w, 6mo, 1y, 2026, 2026-01, 2026-01-31 or today.").format(
            text
        )
    )
    try:
        if (age := _AGE.fullmatch(text)) is not None:
            unit = age[2].lower()
            unit = "mo" if unit.startswith("m") else unit[0]
            number = int(age[1])
            moment = minute - number * _AGES_S[unit]
            name = say(_AGE_WORD[unit] if number == 1 else _AGE_WORDS[unit])
            return moment, moment, say("{} {} ago").format(number, name)
        folded = text.lower()
        if folded in ("today", "yesterday"):
            day = datetime.fromtimestamp(minute).replace(hour=0, minute=0, second=0, microsecond=0)
            first = day if folded == "today" else day - timedelta(days=1)
            return _seconds(first), _seconds(first + timedelta(days=1)) - 1, say(folded)
        if (date := _DATE.fullmatch(text)) is None:
            raise wrong
        year, month, of_month = (int(part) if part else None for part in date.groups())
        assert year is not None
        first = datetime(year, month or 1, of_month or 1)
        if of_month:
            after = first + timedelta(days=1)
        elif month:
            after = datetime(year + month // 12, month % 12 + 1, 1)
        else:
            after = datetime(year + 1, 1, 1)
        return _seconds(first), _seconds(after) - 1, text
    except (ValueError, OverflowError, OSError) as error:
        raise wrong from error


def _seconds(local: datetime) -> int:
    return math.floor(local.timestamp())
