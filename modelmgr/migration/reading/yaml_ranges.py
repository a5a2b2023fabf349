"""Where the members of a YAML mapping stand in its bytes, so that each can be kept exactly as it was written."""

from collections.abc import Iterator
from typing import Any

import yaml

from modelmgr.lazily import dataclass
from modelmgr.migration.reading.yaml_text import parse_yaml
from modelmgr.payload import Parsed, decodings

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Member:
    """One member of the mapping that a YAML document is.

    Attributes:
        key: its text.
        start, end: its bytes, from the key up to the next key, or up to where its value ends in ``{...}``.
    """

    key: str
    start: int
    end: int


def members_of(payload: bytes) -> tuple[Parsed, tuple[Member, ...]]:
    """Return the document as `parse_yaml` reads it, and its members in the order of the text.

    A key that comes twice is a member each time. No members if the document is no mapping.
    """
    found = parse_yaml(payload)
    if not found.ok or not isinstance(found.value, dict):
        return found, ()
    text, mark_bytes = next(
        (text, mark_bytes) for codec, text, mark_bytes in decodings(payload) if codec == found.codec
    )
    if text.startswith("\ufeff"):
        text, mark_bytes = text[1:], mark_bytes + len("\ufeff".encode(found.codec, "surrogatepass"))
    spans = list(_spans(text))
    members: list[Member] = []
    at, start = 0, mark_bytes  # encoding only what lies between two marks keeps this linear
    for key, first, last in spans:
        start += len(text[at:first].encode(found.codec, "surrogatepass"))
        end = start + len(text[first:last].encode(found.codec, "surrogatepass"))
        members.append(Member(key, start, end))
        at = first
    return found, tuple(members)


def _spans(text: str) -> Iterator[tuple[str, int, int]]:
    """Yield key, first and last character of each member of the mapping; the text is known to be well-formed."""
    loader = _LOADER(text)
    try:
        events = _events(loader)
        top = next(event for event in events if isinstance(event, yaml.MappingStartEvent))
        key, first, last = "", -1, 0
        for event in events:
            if first >= 0 and not top.flow_style:
                last = event.start_mark.index if not isinstance(event, yaml.MappingEndEvent) else len(text)
            if first >= 0:
                yield key, first, _end_of_document(text, first, last) if last == len(text) else last
            if isinstance(event, yaml.MappingEndEvent):
                return
            key, first = str(getattr(event, "value", "")), event.start_mark.index
            last = _skip(next(events), events)
    finally:
        loader.dispose()


def _events(loader: Any) -> Iterator[Any]:
    while loader.check_event():
        yield loader.get_event()


def _skip(event: Any, events: Iterator[Any]) -> int:
    """Go behind a value; return where it ends."""
    depth = 0
    while True:
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth == 0:
            return int(event.end_mark.index)
        event = next(events)


def _end_of_document(text: str, first: int, last: int) -> int:
    """Return where the last member ends: before a line that ends the document, if there is one."""
    for mark in ("\n...", "\n---"):
        place = text.find(mark, first, last)
        if place >= 0 and text[place + 4 : place + 5] in ("", "\r", "\n", " "):
            last = place + 1
    return last
