"""The body of a request: one strict JSON object, in which some values stay the bytes that they were.

What a client imports is kept as it wrote it, so such a value is only measured here, never parsed and written again.
"""

import contextlib
import gc
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from json import JSONDecodeError
from typing import Any

from modelmgr.errors import ModelmgrError

_SPACE = re.compile(r"[ \t\n\r]*")
_LONGEST_INTEGER = 19  # digits; SQLite holds no more, and Python takes quadratic time for the rest
# Far more, and far longer, than any object of a request has; errors name keys, and would be as large as the body.
_MOST_KEYS = 1000
_LONGEST_KEY = 1000


class BodyInvalid(ModelmgrError):
    """The body is no JSON object (400), or one with a key twice or nested too deep (422); `status` says which."""

    code = "invalid_json"
    status = 400


class BodyRefused(BodyInvalid):
    """The body is JSON, but says what no request may say."""

    status = 422


@dataclass(frozen=True, slots=True)
class Raw:
    """A JSON value as the bytes in which it stood in the body, without the space around it."""

    data: bytes


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) > _MOST_KEYS or any(len(key) > _LONGEST_KEY for key, _ in pairs):
        raise BodyRefused("Some object has more or longer keys than any that is known.", code="unknown_key")
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise BodyRefused(f"The key {key!r} is there twice.", code="doubled_key", key=key)
        found[key] = value
    return found


def _no_constant(word: str) -> Any:
    raise BodyInvalid(f"{word} is not JSON.")


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= _LONGEST_INTEGER else float("inf")


_STRICT = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_constant, parse_int=_integer)
# Only to find where a value ends. Numbers of any size, NaN and keys twice are the client's own affair.
_MEASURE = json.JSONDecoder(parse_int=len, parse_float=len, parse_constant=len)


def read_object(data: bytes) -> dict[str, Any]:
    """Return the JSON object in a body; of each of its `models`, `meta_json` is `Raw`.

    Raises:
        BodyInvalid: it is no UTF-8, no JSON or no object.
        BodyRefused: a key is there twice, outside of a `meta_json`, or it is nested too deep to be read.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BodyInvalid("The body is not UTF-8.", offset=error.start) from error
    try:
        return _read(text)
    except JSONDecodeError as error:
        raise BodyInvalid(f"The body is not JSON: {error.msg}.", offset=error.pos) from error
    except RecursionError as error:
        raise BodyRefused("The body is nested too deep.", code="too_deep") from error


def _read(text: str) -> dict[str, Any]:
    at = _skip(text, 0)
    if text[at : at + 1] != "{":
        _STRICT.decode(text)  # tells what is wrong, if it is no JSON at all
        raise BodyInvalid("The body is not a JSON object.")
    found, at = _object(text, at, {"models": _models})
    at = _skip(text, at)
    if at != len(text):
        raise JSONDecodeError("Extra data", text, at)
    return found


_Reader = Callable[[str, int], tuple[Any, int]]


def _object(text: str, at: int, readers: dict[str, _Reader]) -> tuple[dict[str, Any], int]:
    """Read the object that begins at `at`, some of its members by readers of their own."""
    pairs: list[tuple[str, Any]] = []
    at = _skip(text, at + 1)
    if text[at : at + 1] == "}":
        return {}, at + 1
    while True:
        if text[at : at + 1] != '"':
            raise JSONDecodeError("Expecting property name enclosed in double quotes", text, at)
        key, at = _STRICT.raw_decode(text, at)
        at = _expect(text, _skip(text, at), ":")
        value, at = readers.get(key, _STRICT.raw_decode)(text, _skip(text, at))
        pairs.append((key, value))
        if len(pairs) > _MOST_KEYS:
            return _once(pairs), at
        at = _skip(text, at)
        if text[at : at + 1] == "}":
            return _once(pairs), at + 1
        at = _skip(text, _expect(text, at, ","))


def _models(text: str, at: int) -> tuple[Any, int]:
    """Read the list of inline models; anything else is read as it is, for the shape to refuse."""
    if text[at : at + 1] != "[":
        return _STRICT.raw_decode(text, at)
    found: list[Any] = []
    at = _skip(text, at + 1)
    if text[at : at + 1] == "]":
        return found, at + 1
    while True:
        if text[at : at + 1] == "{":
            value, at = _object(text, at, {"meta_json": _raw})
        else:
            value, at = _STRICT.raw_decode(text, at)
        found.append(value)
        at = _skip(text, at)
        if text[at : at + 1] == "]":
            return found, at + 1
        at = _skip(text, _expect(text, at, ","))


def _raw(text: str, at: int) -> tuple[Raw, int]:
    with _no_collection():
        _, end = _MEASURE.raw_decode(text, at)
    return Raw(text[at:end].encode("utf-8")), end


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """Spare a decoder the search for cycles, of which it makes none.

    It lets no other thread go on until it is done, and the search takes most of its time: with 8 MiB of small lists
    the server would stand still for a second.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match is not None else at


def _expect(text: str, at: int, mark: str) -> int:
    if text[at : at + 1] != mark:
        raise JSONDecodeError(f"Expecting '{mark}' delimiter", text, at)
    return at + 1
