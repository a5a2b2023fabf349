"""YAML of other tools, read without trust: no tag makes an object, no alias a bomb, no scalar changes its look.

Scalars stay text as they are written (``1.0``, ``no``, a short hash such as ``1234e567``), so that nobody's hash
becomes a number; only plain ``null``, ``~`` and nothing are None, plain ``true`` and ``false`` booleans. The text is
read as events (yaml.org/spec/1.1, 3.1), which own nothing; what they say is built here, under a budget.
"""

from collections.abc import Iterator
from typing import Any

import yaml

from modelmgr.payload import DUPLICATE_KEYS, EMPTY, NESTING_LIMIT, PARSE_LIMIT_BYTES, Parsed, decodings

NODES_LIMIT = 100_000
"""Nodes of a document, each use of an alias counted in full."""

_NULLS = frozenset(("", "~", "null", "Null", "NULL"))
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def parse_yaml(payload: bytes) -> Parsed:
    """Read the first document of a YAML text; encodings are tried in the order of `payload.parse`.

    Returns:
        Mappings as dict with text keys (of equal keys the last counts, ``duplicate-keys`` says so), sequences as
        list, scalars as text, None or bool. A mapping or sequence as a key is told by ``unparsed_payload``.
    """
    if len(payload) > PARSE_LIMIT_BYTES:
        return _failed("It is larger than 64 MiB; the bytes are kept unread.")
    if not payload.strip(b" \t\r\n"):
        return Parsed(flags=(EMPTY,))
    first_failure: Parsed | None = None
    for codec, text, _ in decodings(payload):
        found = _parse_text(text, codec)
        if found.ok or found.code == "too_deep":
            return found
        first_failure = first_failure or found
    return first_failure or _failed("Its bytes are no text in any encoding that tools write.")


def front_matter(text: str) -> tuple[str, str] | None:
    """Split a text that begins with a block between two lines ``---`` into that block and the rest, line ends kept.

    Returns:
        None if the text doesn't begin with such a line, or no second one closes the block.
    """
    text = text.removeprefix("\ufeff")
    lines = text.splitlines(keepends=True)
    if not lines or lines[0].rstrip() != "---":
        return None
    size = len(lines[0])
    for line in lines[1:]:
        if line.rstrip() == "---":
            return text[len(lines[0]) : size], text[size + len(line) :]
        size += len(line)
    return None


class _Refused(ValueError):
    """A document that is well-formed, but not to be built."""


def _parse_text(text: str, codec: str) -> Parsed:
    try:
        builder = _Builder(_LOADER(text.removeprefix("\ufeff")))
        value = builder.document()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        if mark is None:
            return _failed("It is no YAML that can be read.", codec)
        return _failed(f"It is no YAML that can be read (line {mark.line + 1}).", codec)
    except _Refused as error:
        return _failed(str(error), codec)
    except RecursionError:
        return Parsed(
            None,
            False,
            codec,
            message=f"It is nested more than {NESTING_LIMIT} levels deep; the bytes are kept unread.",
            code="too_deep",
        )
    except ValueError:  # the parser meets what no text may hold, e.g. control characters
        return _failed("It is no YAML that can be read.", codec)
    if builder.is_empty:
        return Parsed(codec=codec, flags=(EMPTY,))
    return Parsed(value, True, codec, flags=(DUPLICATE_KEYS,) if builder.has_duplicates else ())


def _failed(message: str, codec: str = "") -> Parsed:
    return Parsed(None, False, codec, message=message, code="unparsed_payload")


class _Builder:
    """Builds one document from events.

    Attributes:
        has_duplicates: a mapping had a key twice, with different values.
        is_empty: there was no document.
    """

    def __init__(self, loader: Any) -> None:
        self.has_duplicates = False
        self.is_empty = False
        self._loader = loader
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._nodes = 0

    def document(self) -> Any:
        """Return the first document's value."""
        try:
            events = self._events()
            for event in events:
                if isinstance(event, yaml.StreamEndEvent):
                    self.is_empty = True
                    return None
                if isinstance(event, yaml.DocumentStartEvent):
                    return self._value(next(events), events, 0)
        finally:
            self._loader.dispose()
        return None

    def _events(self) -> Iterator[Any]:
        while self._loader.check_event():
            yield self._loader.get_event()

    def _count(self, nodes: int) -> None:
        self._nodes += nodes
        if self._nodes > NODES_LIMIT:
            raise _Refused(f"It holds more than {NODES_LIMIT:,} values; the bytes are kept unread.")

    def _value(self, event: Any, events: Iterator[Any], depth: int) -> Any:
        if depth > NESTING_LIMIT:
            raise RecursionError
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._anchors:
                raise _Refused("It refers to a part of itself that isn't there.")
            value, nodes = self._anchors[event.anchor]
            self._count(nodes)
            return value
        before = self._nodes
        self._count(1)
        if isinstance(event, yaml.ScalarEvent):
            value = _scalar(event)
        elif isinstance(event, yaml.SequenceStartEvent):
            value = []
            while not isinstance(inner := next(events), yaml.SequenceEndEvent):
                value.append(self._value(inner, events, depth + 1))
        else:
            value = self._mapping(events, depth)
        if event.anchor:
            self._anchors[event.anchor] = (value, self._nodes - before)
        return value

    def _mapping(self, events: Iterator[Any], depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            key = self._value(event, events, depth + 1)
            if isinstance(key, dict | list):
                raise _Refused("It uses a list or a mapping as a key.")
            value = self._value(next(events), events, depth + 1)
            name = event.value if isinstance(event, yaml.ScalarEvent) else str(key)
            if name in found and found[name] != value:
                self.has_duplicates = True
            found[name] = value
        return found


def _scalar(event: Any) -> Any:
    if event.style or (event.tag and not event.implicit[0]):
        return event.value
    if event.value in _NULLS:
        return None
    return _BOOLEANS.get(event.value, event.value)
