"""A large payload looked into without reading it whole: its members are found as they are asked for.

A payload of two hundred megabytes parsed at once would fill the memory, and would hold the interpreter's lock so long
that a window stands still. Here no step touches more than `PIECE_BYTES`, and nothing is kept but what was asked for.
"""

import json
import re
from collections.abc import Callable, Iterable
from itertools import accumulate
from typing import Any

from modelmgr.lazily import dataclass
from modelmgr.progress import Progress

PIECE_BYTES = 64 * 1024
SMALL_BYTES = 32 * 1024
"""A member of no more bytes is parsed when it is met."""
PARSED_BYTES = 512 * 1024
"""So much is parsed at most in one answer; what comes after stays a `Part`."""
HEAD_BYTES = 4096
_WINDOW_BYTES = 512
"""Most members end so soon; looking through a whole piece for each would take quadratic time."""

Read = Callable[[int, int], bytes]
"""First byte and number of bytes -> bytes; fewer at the end of the payload."""

_SPACE = re.compile(rb"[ \t\r\n]*+")
_INSIDE = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)
_STRINGS = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_TOKENS = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[\[\]{}]', re.DOTALL)
_WORD = re.compile(rb"[^\s,\]}\[{\":]++")
_BOM = b"\xef\xbb\xbf"
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_STEPS = [1 if chr(byte) in "[{" else -1 for byte in range(256)]
_KINDS = {0x7B: "object", 0x5B: "list", 0x22: "text"}
_CLOSING = {"object": 0x7D, "list": 0x5D}


@dataclass(frozen=True, slots=True)
class Part:
    """A value that stands in a payload and has not been parsed.

    Attributes:
        kind: ``object``, ``list`` or ``text``.
        first, last: where its first byte stands, and the byte after its last.
        head: the beginning of a text, as it is written there.
    """

    kind: str
    first: int
    last: int
    head: str = ""

    @property
    def size_bytes(self) -> int:
        """Bytes from its first mark to its last."""
        return self.last - self.first


@dataclass(frozen=True, slots=True)
class Members:
    """Some members of an object or a list.

    Attributes:
        found: key (the place in a list as digits) and value, which is a `Part` where it is large.
        then: where the next member begins, None if there is none.
        trouble: what ended the reading too early, a sentence; "" if nothing did.
    """

    found: tuple[tuple[str, Any], ...]
    then: int | None = None
    trouble: str = ""


class _BrokenError(Exception):
    """Here is no JSON; the message says so to the user."""

    def __init__(self, place: int, message: str) -> None:
        super().__init__(f"{message} at byte {place:,}.")


class Payload:
    """The bytes of a payload in pieces.

    Args:
        read: gives some bytes of it.
        size_bytes: of the whole.
        progress: asked before each piece whether anybody still wants the answer.
    """

    def __init__(self, read: Read, size_bytes: int, progress: Progress | None = None) -> None:
        self._read = read
        self._size = size_bytes
        self._progress = progress
        self._piece, self._base = b"", -1

    def root(self) -> Any:
        """Return the value that the payload is: a `Part`, or a short one parsed.

        Raises:
            ValueError: it is no JSON; the message says what and where.
            Cancelled: nobody wants to know any more.
        """
        try:
            place = self._space(len(_BOM) if self._read(0, 3) == _BOM else 0)
            if place >= self._size:
                raise _BrokenError(place, "There is nothing")
            kind = _KINDS.get(self._byte(place))
            if kind in _CLOSING:
                # Its end is looked for only when somebody wants what stands behind it: nobody does.
                return Part(str(kind), place, self._size)
            return self._value(place, PARSED_BYTES)[0]
        except _BrokenError as error:
            raise ValueError(str(error)) from error

    def members(self, part: Part, start: int | None, number: int, limit: int) -> Members:
        """Return the next members of an object or a list.

        Args:
            part: which.
            start: `Members.then` of the answer before, None for the first.
            number: of the first of them, for the keys of a list.
            limit: how many at most.

        Raises:
            Cancelled: nobody wants to know any more.
        """
        place = part.first + 1 if start is None else start
        found: list[tuple[str, Any]] = []
        left = PARSED_BYTES
        closing = _CLOSING[part.kind]
        try:
            while len(found) < limit:
                place = self._space(place)
                byte = self._byte(place)
                if byte == closing:
                    return Members(tuple(found))
                if byte == 0x2C:
                    place += 1
                    continue
                key = str(number + len(found))
                if part.kind == "object":
                    key, place = self._key(place)
                try:
                    value, end = self._value(place, left)
                except _BrokenError as error:
                    kind = _KINDS.get(self._byte(place))
                    if kind in _CLOSING:
                        # It never ends, but what is in it can still be looked at.
                        found.append((key, Part(str(kind), place, self._size)))
                    return Members(tuple(found), None, str(error))
                left -= 0 if isinstance(value, Part) else end - place
                found.append((key, value))
                place = end
        except _BrokenError as error:
            return Members(tuple(found), None, str(error))
        return Members(tuple(found), place)

    def text(self, part: Part, limit: int) -> str:
        """Return what stands there, the first `limit` bytes of it; of a text without its quotes and escapes."""
        written = self._read(part.first, min(part.size_bytes, limit))
        if part.kind == "text" and len(written) == part.size_bytes:
            return str(_parsed(written))
        return written.decode("utf-8", "replace")

    # --- walking ----------------------------------------------------------------------------------------

    def _at(self, place: int) -> tuple[bytes, int]:
        """Return the piece that holds a place, and where in it."""
        base = place - place % PIECE_BYTES
        if base != self._base:
            if self._progress is not None:
                self._progress.check()
            self._piece, self._base = self._read(base, PIECE_BYTES), base
        if place - base >= len(self._piece):
            raise _BrokenError(place, "It ends in the middle")
        return self._piece, place - base

    def _byte(self, place: int) -> int:
        piece, at = self._at(place)
        return piece[at]

    def _space(self, place: int) -> int:
        while place < self._size:
            piece, at = self._at(place)
            match = _SPACE.match(piece, at)
            assert match is not None
            place = self._base + match.end()
            if match.end() < len(piece):
                break
        return place

    def _key(self, place: int) -> tuple[str, int]:
        if self._byte(place) != 0x22:
            raise _BrokenError(place, "It is not valid JSON: a key is expected")
        end = self._end_of_text(place + 1)
        key = self._read(place, min(end - place, SMALL_BYTES))
        place = self._space(end)
        if self._byte(place) != 0x3A:
            raise _BrokenError(place, "It is not valid JSON: a colon is expected")
        return str(_parsed(key)), self._space(place + 1)

    def _value(self, place: int, left: int) -> tuple[Any, int]:
        """Return the value that begins here and the place behind it; a `Part` beyond `left` bytes."""
        kind = _KINDS.get(self._byte(place))
        if kind is None:
            return self._word(place)
        end = self._end_of_text(place + 1) if kind == "text" else self._end_of_container(place)
        if end - place <= min(SMALL_BYTES, left):
            written = self._read(place, end - place)
            if kind == "text":
                return _parsed(written), end
            try:
                return json.loads(written.decode("utf-8", "replace"), strict=False), end
            except (ValueError, RecursionError):
                return Part(kind, place, end), end
        head = _parsed(self._read(place, HEAD_BYTES)) if kind == "text" else ""
        return Part(kind, place, end, head), end

    def _word(self, place: int) -> tuple[Any, int]:
        written = self._read(place, HEAD_BYTES)
        match = _WORD.match(written)
        if match is None:
            raise _BrokenError(place, "It is not valid JSON: a value is expected")
        word = match[0].decode("utf-8", "replace")
        try:
            return json.loads(word), place + match.end()
        except ValueError:
            if match.end() > SMALL_BYTES or not (word[0].isdigit() or word[0] == "-"):
                raise _BrokenError(place, "It is not valid JSON: a value is expected") from None
            return word, place + match.end()

    def _end_of_text(self, place: int) -> int:
        """Return the place behind the closing quote of a text whose first letter stands at `place`."""
        while True:
            piece, at = self._at(place)
            match = _INSIDE.match(piece, at)
            assert match is not None
            stop = match.end()
            if stop < len(piece) and piece[stop] == 0x22:
                return self._base + stop + 1
            # Else the piece ends within the text, perhaps between a backslash and what it escapes.
            place = self._base + stop + (2 if stop < len(piece) else 0)

    def _end_of_container(self, place: int) -> int:
        """Return the place behind the bracket that closes the one at `place`."""
        depth, window = 0, _WINDOW_BYTES
        while True:
            piece, at = self._at(place)
            rest = piece[at : at + window]
            window = min(4 * window, PIECE_BYTES)
            bare = _STRINGS.sub(b"", rest)
            cut = bare.find(b'"')
            unfinished = -1 if cut < 0 else len(rest) - (len(bare) - cut)
            brackets = (bare if cut < 0 else bare[:cut]).translate(None, _NOT_BRACKETS)
            if brackets:
                steps = list(accumulate(map(_STEPS.__getitem__, brackets)))
                if depth + min(steps) <= 0:
                    return place + _closing_place(rest, depth)
                depth += steps[-1]
            if unfinished >= 0:
                place = self._end_of_text(place + unfinished + 1)
            else:
                place += len(rest)


def _closing_place(written: bytes, depth: int) -> int:
    """Return the place behind the bracket that brings `depth` to zero."""
    for token in _TOKENS.finditer(written):
        first = written[token.start()]
        if first in b"[{":
            depth += 1
        elif first in b"]}":
            depth -= 1
            if depth <= 0:
                return token.end()
    raise AssertionError("the caller has counted")


def _parsed(written: bytes) -> Any:
    """Return a text as it is meant; as it is written where it is cut or odd."""
    shown = written.decode("utf-8", "replace")
    try:
        return json.loads(shown, strict=False)
    except ValueError:
        return shown.removeprefix('"')


def find_words(read: Read, words: str, limit: int, progress: Progress) -> tuple[list[tuple[int, int]], bool]:
    """Find words in the bytes of a payload, whatever their case, also where letters are escaped as JSON does.

    Args:
        read: gives some bytes of it.
        words: what is looked for; not empty.
        limit: how many places at most.
        progress: asked before each piece.

    Returns:
        The first byte and the one after the last of each place, and whether there are more.

    Raises:
        Cancelled: nobody wants to know any more.
    """
    letters = [_ways_to_write(letter) for letter in words]
    pattern = re.compile(b"".join(b"(?:" + b"|".join(map(re.escape, ways)) + b")" for ways in letters))
    longest = sum(max(map(len, ways)) for ways in letters)
    lower = words.lower().encode() if words.isascii() else None
    found: list[tuple[int, int]] = []
    base = end = 0
    while True:
        progress.check()
        piece = read(base, PIECE_BYTES + longest)
        is_last = len(piece) < PIECE_BYTES + longest
        if lower is not None and lower not in piece.lower():
            matches: Iterable[re.Match[bytes]] = ()  # told ten times faster than by the pattern
        else:
            matches = pattern.finditer(piece, max(0, end - base))
        for match in matches:
            if match.start() >= PIECE_BYTES and not is_last:
                break
            if len(found) == limit:
                return found, True
            end = base + match.end()
            found.append((base + match.start(), end))
        if is_last:
            return found, False
        base += PIECE_BYTES


def _ways_to_write(letter: str) -> list[bytes]:
    ways = {form for form in (letter, letter.lower(), letter.upper()) if len(form) == 1}
    written = {form.encode("utf-8", "replace") for form in ways}
    for form in ways:
        if not form.isascii() and ord(form) < 0x10000:
            written |= {b"\\u%04x" % ord(form), b"\\u%04X" % ord(form)}
    return sorted(written)
