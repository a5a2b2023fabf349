"""Cut JSON text into the ranges of its members without parsing them, in bounded memory.

It knows brackets, strings and comments and nothing else, so a member that no parser takes (``NaN``, a trailing
comma, ``tru``) is still cut out whole. Works on a structural view (`export_file`): positions are units of it.
"""

import re
from collections.abc import Callable, Iterator

from modelmgr.lazily import dataclass
from modelmgr.migration.reading.export_file import ExportFile

_QUOTE, _SLASH, _STAR, _COMMA, _COLON = b'"/*,:'
_OPENERS = b"[{"
_CLOSERS = b"]}"

_IN_STRING = rb'[^"\\]*+(?:\\.[^"\\]*+)*+'
_COMMENT = rb"//[^\n]*+\n|/\*[^*]*+(?:\*++[^*/][^*]*+)*+\*++/"
_FLAT = rb'(?:[^"\[\]{}/]++|"' + _IN_STRING + rb'")'
_BLANK = re.compile(rb"(?:[ \t\r\n\f\v]++|" + _COMMENT + rb")*+")
_COMMAS = re.compile(rb"[, \t\r\n\f\v]++")
_STRING_REST = re.compile(_IN_STRING, re.DOTALL)
# Lists and objects that hold no other ones are skipped in one go: they are most of what brackets there are.
_NO_BRACKET = re.compile(
    rb"(?:" + _FLAT + rb"|\[" + _FLAT + rb"*+\]|\{" + _FLAT + rb"*+\}|" + _COMMENT + rb")*+", re.DOTALL
)
_OPENING = re.compile(rb"[\[{]++")
_CLOSING = re.compile(rb"[\]}]++")
# In ASCII a closing bracket stands two behind its opening one.
_CLOSER_OF = bytes.maketrans(b"[{", b"]}")
_DEPTH_LIMIT = 1_000_000
_SCALAR = re.compile(rb'[^,\[\]{}"/]*+')
_SCALAR_REST = re.compile(rb'(?:[^,\[\]{}"/]++|' + _COMMENT + rb")*+")
_AFTER_SCALAR = b',[]{}"'
_SLICE = 1 << 16
_TRIAL_READS = 4
_TRIALS = 1000
_TRIAL_COST = 1 << 10
_IGNORED = b" \t\r\n\0"
_FIRST_KEY = re.compile(rb'\{\s*+(?:"[^"\\]*+"\s*+:)?')


@dataclass(frozen=True, slots=True)
class Member:
    """One element of a list, or one value of an object.

    Attributes:
        start, end: the value, without blanks around it.
        kind: its first unit: ``{``, ``[``, ``"``, or another for numbers and words; empty if there is no value.
        key_start, key_end: the key with its quotes; both 0 in a list.
        broken: the text ended, or a bracket didn't match, before the value was complete.
    """

    start: int
    end: int
    kind: bytes
    key_start: int = 0
    key_end: int = 0
    broken: bool = False


class _Window:
    """The part of the view around a position; what lies behind is forgotten."""

    def __init__(self, parts: Iterator[bytes], base: int) -> None:
        self._parts = parts
        self._base = base
        self.buffer = b""
        self.pos = 0

    @property
    def at(self) -> int:
        """The position in units of the view."""
        return self._base + self.pos

    def more(self) -> bool:
        """Append the next part; False at the end of the text."""
        part = next(self._parts, b"")
        if not part:
            return False
        self._base += self.pos
        self.buffer = self.buffer[self.pos :] + part
        self.pos = 0
        return True

    def blank(self) -> None:
        """Go on to what is neither blank nor comment."""
        while True:
            self.pos = _end(_BLANK, self.buffer, self.pos)
            if self.pos == len(self.buffer):
                if not self.more():
                    return
            elif self.buffer[self.pos] != _SLASH or not self._comment():
                return

    def here(self) -> int:
        """Return the unit at the position, or -1 at the end of the text."""
        if self.pos == len(self.buffer) and not self.more():
            return -1
        return self.buffer[self.pos]

    def value(self) -> tuple[bool, int]:
        """Go behind the value that begins here; returns whether it is complete, and where it ends."""
        unit = self.buffer[self.pos]
        if unit in _OPENERS:
            return self._nested(), self.at
        if unit == _QUOTE:
            return self.string(), self.at
        end = self.at
        while True:
            found = _end(_SCALAR, self.buffer, self.pos)
            if text := self.buffer[self.pos : found].rstrip():
                end = self.at + len(text)
            self.pos = found
            before = self.at
            self.blank()  # comments are no part of it, unless more of it follows
            unit = self.here()
            if unit == -1 or unit in _AFTER_SCALAR:
                return True, end
            if unit == _SLASH or self.at > before:
                self.pos = _end(_SCALAR_REST, self.buffer, self.pos + (unit == _SLASH))
                end = self.at

    def string(self) -> bool:
        """Go behind the string that begins here; False if the text ends in it."""
        self.pos += 1
        while True:
            self.pos = _end(_STRING_REST, self.buffer, self.pos)
            if self.pos < len(self.buffer) and self.buffer[self.pos] == _QUOTE:
                self.pos += 1
                return True
            if not self.more():
                self.pos = len(self.buffer)
                return False

    def _nested(self) -> bool:
        stack = bytearray((self.buffer[self.pos] + 2,))
        self.pos += 1
        while len(stack) < _DEPTH_LIMIT:  # what is deeper is no record, and would only cost time
            self.pos = _end(_NO_BRACKET, self.buffer, self.pos)
            unit = self.here()
            if unit == -1:
                return False
            if unit == _QUOTE:
                if not self.string():
                    return False
            elif unit == _SLASH:
                if not self._comment():
                    self.pos += 1
            elif unit in _OPENERS:
                end = _end(_OPENING, self.buffer, self.pos)
                stack += self.buffer[self.pos : end].translate(_CLOSER_OF)
                self.pos = end
            else:
                end = min(_end(_CLOSING, self.buffer, self.pos), self.pos + len(stack))
                for closer in self.buffer[self.pos : end]:
                    if stack[-1] != closer:
                        return False
                    stack.pop()
                    self.pos += 1
                if not stack:
                    return True
        return False

    def _comment(self) -> bool:
        if self.pos + 1 == len(self.buffer) and not self.more():
            return False
        second = self.buffer[self.pos + 1]
        if second not in (_SLASH, _STAR):
            return False
        closing = b"\n" if second == _SLASH else b"*/"
        self.pos += 2
        while True:
            found = self.buffer.find(closing, self.pos)
            if found >= 0:
                self.pos = found + len(closing)
                return True
            self.pos = max(self.pos, len(self.buffer) - 1)  # half of */ may be here
            if not self.more():
                self.pos = len(self.buffer)
                return True


class Cut:
    """Iterates over the members of the list or object that a view begins with.

    Attributes (settled while it runs):
        kind: ``[`` or ``{``, the first unit of another value, or empty if there is no text.
        closed: whether the closing bracket was met.
        end: where it stopped: behind the closing bracket, or where something begins that it couldn't understand.
    """

    def __init__(self, parts: Iterator[bytes], base: int = 0, *, inside: bytes = b"") -> None:
        """Begin to cut.

        Args:
            parts: the view from unit `base` on.
            base: where it begins.
            inside: ``[`` or ``{`` if the view begins behind that bracket.
        """
        self._window = _Window(parts, base)
        self.closed = False
        self._opened = bool(inside)
        if inside:
            self.kind = inside
            self.end = base
            return
        self._window.blank()
        unit = self._window.here()
        self.kind = bytes([unit]) if unit >= 0 else b""
        self.end = self._window.at

    def __iter__(self) -> Iterator[Member]:
        """Yield the members; a broken one is the last."""
        if self.kind not in (b"[", b"{"):
            return
        window = self._window
        keyed = self.kind == b"{"
        closer = self.kind[0] + 2
        if not self._opened:
            self._opened = True
            window.pos += 1
        while True:
            window.blank()
            unit = window.here()
            self.end = window.at
            if unit == closer:
                window.pos += 1
                self.end += 1
                self.closed = True
                return
            if unit == _COMMA:
                window.pos = _end(_COMMAS, window.buffer, window.pos)
                continue
            if unit == -1 or unit in _CLOSERS or unit == _COLON:
                return
            member = self._keyed(window) if keyed else self._plain(window)
            if member is None:
                return
            self.end = window.at
            yield member
            if member.broken:
                return

    @staticmethod
    def _plain(window: _Window) -> Member:
        start, kind = window.at, window.buffer[window.pos : window.pos + 1]
        complete, end = window.value()
        return Member(start, end, kind, broken=not complete)

    @staticmethod
    def _keyed(window: _Window) -> Member | None:
        key_start = window.at
        if window.here() != _QUOTE or not window.string():
            return None
        key_end = window.at
        window.blank()
        if window.here() != _COLON:
            return None
        window.pos += 1
        window.blank()
        start, unit = window.at, window.here()
        if unit == -1 or unit == _COMMA or unit in _CLOSERS:
            return Member(key_end, key_end, b"", key_start, key_end)
        complete, end = window.value()
        return Member(start, end, bytes([unit]), key_start, key_end, broken=not complete)

    def rest(self) -> int:
        """Return where text other than blanks, comments and NULs follows the end, or -1 if there is none."""
        window = self._window
        while True:
            window.blank()
            unit = window.here()
            if unit == -1:
                return -1
            if unit:
                return window.at
            window.pos += 1


def elements(file: ExportFile, start: int, report_open: Callable[[int], None]) -> Iterator[Member]:
    """Yield the elements of the list that begins at unit `start`, and go on behind a broken one where that is sure.

    Where it isn't, the broken element reaches to the end of the text, so that nothing of it is lost.

    Args:
        file: whose text holds the list.
        start: unit at which it begins.
        report_open: called with the last unit if the text ends between two elements, without closing bracket.
    """
    cut = Cut(file.view(start), start)
    view = b""
    first_start = -1
    while True:
        broken: Member | None = None
        for member in cut:
            if member.broken:
                broken = member
                break
            if first_start < 0 and member.kind == b"{":
                first_start = member.start
            yield member
        if cut.closed:
            return
        start = broken.start if broken else cut.end
        kind = broken.kind if broken else b""
        if not file.whole:
            if start < file.units:
                yield Member(start, file.units, kind, broken=True)
            else:
                report_open(start)
            return
        view = view or b"".join(file.view())
        next_start = _next_element(view, start, first_start)
        if next_start < 0:
            end = _tail_end(view, start)
            if end > start:
                yield Member(start, end, kind, broken=True)
            else:
                report_open(start)
            return
        comma = view.rindex(b",", start, next_start)
        yield Member(start, start + len(view[start:comma].rstrip()), kind, broken=True)
        cut = Cut(_slices(view, next_start), next_start, inside=b"[")


def _end(pattern: re.Pattern[bytes], text: bytes, pos: int) -> int:
    found = pattern.match(text, pos)
    return found.end() if found else pos


def _signature(view: bytes, start: int) -> bytes:
    found = _FIRST_KEY.match(view, start)
    return found.group() if found else b""


def _next_element(view: bytes, broken_start: int, first_start: int) -> int:
    """Return where the next element begins that looks like its neighbours, or -1.

    It must begin exactly like the broken one or the first one, up to its first key, with blanks and all, and so must
    all that follow it, up to the end of the list and of the text or to the next broken one: so a list within the
    broken element is not taken for the outer one.
    """
    likenesses = {_signature(view, start) for start in (broken_start, first_start) if start >= 0} - {b""}
    if not likenesses:
        return -1
    likeness = re.compile(b"|".join(re.escape(found) for found in sorted(likenesses)))
    beginning = re.compile(rb",\s*+(?=" + likeness.pattern + rb")")
    budget = _TRIAL_READS * len(view) + _TRIALS * _TRIAL_COST
    for comma in beginning.finditer(view, broken_start + 1):
        cut = Cut(_slices(view, comma.end()), comma.end(), inside=b"[")
        if _continues(view, cut, likeness):
            return comma.end()
        budget -= cut.end - comma.end() + _TRIAL_COST
        if budget < 0:
            break
    return -1


def _continues(view: bytes, cut: Cut, likeness: re.Pattern[bytes]) -> bool:
    count = 0
    for count, member in enumerate(cut, 1):
        if not likeness.match(view, member.start):
            return False
        if member.broken:
            return count > 1
    if not count or not cut.closed:
        return count > 0
    rest = view[cut.end : cut.end + _SLICE].strip(_IGNORED)
    if not rest or rest == b"}":
        return True
    if not rest.startswith(b","):
        return False
    wrapper = Cut(_slices(view, cut.end), cut.end, inside=b"{")
    return not any(member.broken for member in wrapper) and wrapper.closed and wrapper.rest() < 0


def _tail_end(view: bytes, start: int) -> int:
    """Return where a last, broken element ends: before the list's closing bracket, if the text ends with one."""
    text = view[start:].rstrip(b" \t\r\n\0")
    if text.endswith(b"]") and (inner := text[:-1].rstrip()):
        text = inner
    return start + len(text)


def _slices(view: bytes, start: int) -> Iterator[bytes]:
    for begin in range(start, len(view), _SLICE):
        yield view[begin : begin + _SLICE]
