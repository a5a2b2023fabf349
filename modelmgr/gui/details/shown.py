"""A record made ready for the views, in a worker: parsed at once, or looked into piece by piece where it is large."""

import json
from dataclasses import dataclass

from modelmgr import payload as payloads
from modelmgr.catalog import Catalog
from modelmgr.gui.payload_find import HITS, Found
from modelmgr.gui.payload_tree import CHUNK, COPY_LIMIT_BYTES
from modelmgr.gui.text import VIEW_LIMIT
from modelmgr.payload_parts import Members, Part, Payload, find_words
from modelmgr.progress import Progress
from modelmgr.values import MIB, StoredRecord

WHOLE_BYTES = MIB // 8
"""A payload of no more is read with all the patience that strangers' JSON asks for."""
PARSED_BYTES = MIB
"""One of no more is parsed at once if it is plain JSON; into any other is only looked as far as the user unfolds it."""
COPY_BYTES = 64 * MIB
_PIECE_BYTES = MIB
_BEFORE_BYTES, _AFTER_BYTES = 4 * 1024, 16 * 1024
"""So much is shown around a place that was found."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One record made ready for the views, in the worker."""

    record: StoredRecord
    parsed: payloads.Parsed
    text: str
    is_cut: bool
    has_secret: bool


def show_record(catalog: Catalog, record: StoredRecord, limit: int = VIEW_LIMIT) -> Shown:
    """Parse a record's payload and cut its text, in a worker."""
    if record.size_bytes > WHOLE_BYTES:
        return _show_large(catalog, record, limit)
    found = record.payload
    if found is None:
        # Too large to come with the details.
        found = catalog.record_payload(record.id) or b""
    text = payloads.text(found, limit + 1)
    has_secret = payloads.contains_secret(found)
    return Shown(record, payloads.parse(found), text[:limit], len(text) > limit, has_secret)


def _show_large(catalog: Catalog, record: StoredRecord, limit: int) -> Shown:
    with catalog.open_payload(record.id) as read:
        head = read(0, 4 * (limit + 1))
        parsed = _plain(read(0, PARSED_BYTES)) if record.size_bytes <= PARSED_BYTES else None
        if parsed is None:
            try:
                parsed = payloads.Parsed(Payload(read, record.size_bytes).root())
            except ValueError as error:
                parsed = payloads.Parsed(ok=False, message=str(error), code="unparsed_payload")
    text = payloads.text(head, limit + 1)
    is_cut = len(text) > limit or len(head) < record.size_bytes
    return Shown(record, parsed, text[:limit], is_cut, payloads.contains_secret(head))


def _plain(payload: bytes) -> payloads.Parsed | None:
    try:
        return payloads.Parsed(json.loads(payload.decode()), codec="utf-8")
    except (ValueError, RecursionError):
        return None


def read_members(
    catalog: Catalog, record: StoredRecord, part: Part, then: int | None, count: int, progress: Progress
) -> Members:
    """Return the next members of a part of a large payload, in a worker."""
    with catalog.open_payload(record.id) as read:
        return Payload(read, record.size_bytes, progress).members(part, then, count, CHUNK)


def read_part(catalog: Catalog, record: StoredRecord, part: Part) -> str | None:
    """Return a part of a large payload as it is copied, None for one beyond `COPY_LIMIT_BYTES`; in a worker."""
    if part.size_bytes > COPY_LIMIT_BYTES:
        return None
    with catalog.open_payload(record.id) as read:
        return Payload(read, record.size_bytes).text(part, COPY_LIMIT_BYTES)


def read_all(catalog: Catalog, record: StoredRecord) -> str | None:
    """Return a payload as text, None for one beyond `COPY_BYTES`; in a worker."""
    if record.size_bytes > COPY_BYTES:
        return None
    return payloads.text(catalog.record_payload(record.id) or b"")


@dataclass(frozen=True, slots=True)
class Around:
    """What stands around a place of a payload.

    Attributes:
        record_id: of the record.
        first_byte: where the text begins in the payload.
        text: some of it.
        first, last: characters of `text`: where the place begins, and the one after its end.
    """

    record_id: int
    first_byte: int
    text: str
    first: int
    last: int


def find_text(catalog: Catalog, record_id: int, words: str, progress: Progress) -> Found:
    """Find words in the text of a payload of any size, in a worker.

    Raises:
        Cancelled: something else is looked for now.
    """
    with catalog.open_payload(record_id) as read:
        places, is_more = find_words(read, words, HITS, progress)
    return Found(words, tuple(places), is_more)


def read_around(catalog: Catalog, record_id: int, first: int, last: int) -> Around:
    """Return the text around some bytes of a payload, in a worker."""
    start = max(0, first - _BEFORE_BYTES)
    with catalog.open_payload(record_id) as read:
        written = read(start, last - start + _AFTER_BYTES)
    # Not from within a letter.
    cut = next((at for at, byte in enumerate(written[:4]) if byte & 0xC0 != 0x80), 0) if start else 0
    before = written[cut : first - start].decode("utf-8", "replace")
    place = written[first - start : last - start].decode("utf-8", "replace")
    text = before + place + written[last - start :].decode("utf-8", "replace")
    return Around(record_id, start + cut, text, len(before), len(before) + len(place))


def write_payload(catalog: Catalog, record_id: int, path: str) -> str:
    """Write the exact bytes of a record into a file that the user named."""
    with catalog.open_payload(record_id) as read, open(path, "wb") as file:
        place = 0
        while piece := read(place, _PIECE_BYTES):
            file.write(piece)
            place += len(piece)
    return path
