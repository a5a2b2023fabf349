"""JSON objects whose members are the records: caches and indexes that map a path or a name to what is known of it.

Each member's payload is its exact range of the file's bytes; what stands after a place that nothing can be made of
becomes one broken entry, so that no byte is lost. Nothing here parses a value.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import field
from typing import Any

from modelmgr.lazily import dataclass
from modelmgr.migration.reading.export_file import RECORD_LIMIT_BYTES, ExportFile
from modelmgr.migration.reading.json_ranges import Cut, Member
from modelmgr.migration.source import Report
from modelmgr.payload import Parsed, clean_text, parse
from modelmgr.progress import Progress
from modelmgr.values import MIB, Problem, Record

_KEY_LIMIT = 1024
_CLOSING = b" \t\r\n\f\v\0]},"


@dataclass(frozen=True, slots=True)
class Entry:
    """One member.

    Attributes:
        key: as text; empty for what has none.
        record_key: unique in its file.
        payload: the value's bytes.
        kind: its first character; empty where nothing can be made of it.
        extra: for `Record.extra`: the key's own spelling (``key``), the file's ``codec`` if it isn't UTF-8, and
            ``broken`` where nothing can be made of it, or only of its beginning.
    """

    key: str
    record_key: str
    payload: bytes
    kind: bytes
    extra: dict[str, Any] = field(default_factory=dict)


class EntryReader:
    """Cuts the entries out of one file.

    Args:
        file: open, its codec chosen.
        progress: asked at each entry.
        report: told of entries that are too large.
    """

    def __init__(self, file: ExportFile, progress: Progress, report: Report) -> None:
        self.file = file
        self._progress = progress
        self._report = report
        self._taken: dict[str, int] = {}

    def entries(self, within: Member, prefix: str = "") -> Iterator[Entry]:
        """Yield the members of an object.

        Args:
            within: the object; a broken one reaches to the end of the file.
            prefix: of the record keys.
        """
        file = self.file
        end = file.units if within.broken else within.end
        cut = Cut(file.view(within.start, end), within.start)
        for member in cut:
            yield from self.entry(member, prefix + key_text(file, member))
            if member.broken:
                return
        if cut.closed:
            return
        if file.range(cut.end, end).strip(_CLOSING):
            yield from self.entry(Member(cut.end, end, b"", broken=True), prefix)
        else:
            message = f"The object ends at byte {file.offset(cut.end)} without its bracket; there may have been more."
            self._report(Problem(file.path, "truncated", message, kept=True))

    def entry(self, member: Member, record_key: str) -> Iterator[Entry]:
        """Yield the one entry of a member, none if it is too large."""
        file = self.file
        if member.key_end - member.key_start > MIB:  # no key of anything; it stays part of the bytes
            member = Member(member.key_start, member.end, b"", broken=member.broken)
        end = file.units if member.broken else member.end
        self._progress.step(file.offset(end), file.size_bytes, file.path, "bytes")
        record_key = self._unique(record_key)
        if (end - member.start) * file.width > RECORD_LIMIT_BYTES:
            message = (
                f"The entry at byte {file.offset(member.start)} is larger than 256 MiB; it was not read."
            )
            self._report(Problem(file.path, "too_large", message, record_key))
            return
        extra: dict[str, Any] = {}
        if member.key_end:
            extra["key"] = file.decode(file.range(member.key_start, member.key_end))
        if file.codec != "utf-8":
            extra["codec"] = file.codec
        if member.broken or not member.kind:
            extra["broken"] = {"offset": file.offset(member.start)}
        yield Entry(key_text(file, member), record_key, file.range(member.start, end), member.kind, extra)

    def _unique(self, key: str) -> str:
        """Return a record key that no earlier entry has, short enough for an index."""
        short = key
        if len(key) > _KEY_LIMIT:
            short = f"sha256:{hashlib.sha256(key.encode('utf-8', 'replace')).hexdigest()}"
        found = short
        while found in self._taken:
            # Counted on, not from the start: a file may hold one key a million times.
            self._taken[short] += 1
            found = f"{short}#{self._taken[short]}"
        self._taken[found] = 1
        return found


def whole_object(file: ExportFile) -> Member | None:
    """Return the object that a file consists of, None if it is something else; its end is that of the file."""
    cut = Cut(file.view())
    return Member(cut.end, file.units, b"{") if cut.kind == b"{" else None


def key_text(file: ExportFile, member: Member) -> str:
    """Return a member's key; empty for none and for one of more than a mebibyte."""
    if member.key_end - member.key_start > MIB:
        return ""
    return key_of_token(file.decode(file.range(member.key_start, member.key_end))) or ""


def key_of(record: Record) -> str | None:
    """Return the key of a record that was made of an `Entry`, None if it has none."""
    return key_of_token((record.extra or {}).get("key"))


def key_of_token(token: Any) -> str | None:
    """Return what a key with its quotes says, None for anything else."""
    if not isinstance(token, str) or len(token) < 2:
        return None
    try:
        return clean_text(json.loads(token, strict=False))
    except ValueError:
        return clean_text(token.strip('"'))


def parsed(record: Record) -> Parsed:
    """Return the value of a record that was made of an `Entry`."""
    codec = (record.extra or {}).get("codec")
    content = record.payload
    if isinstance(codec, str):
        try:
            content = content.decode(codec, "replace").encode("utf-8", "replace")
        except LookupError:  # a name from a stranger's export of ours
            content = record.payload
    return parse(content)
