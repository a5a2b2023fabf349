"""What `export --jsonl` and `pending export --jsonl` of this program wrote: records come back as they were.

They keep the source, place and key that they had; this source has no records of its own.
"""

import binascii
import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from typing import Any

from modelmgr.errors import Unreadable
from modelmgr.migration.reading.export_file import RECORD_LIMIT_BYTES, ExportFile, open_export
from modelmgr.migration.reading.json_ranges import Cut, Member
from modelmgr.migration.source import Container, LegacySource, Report
from modelmgr.migration.sources.inline import Inline
from modelmgr.progress import Progress
from modelmgr.values import MIB, Claims, Problem, Record

_SUFFIXES = (".jsonl", ".ndjson", ".json")
_RECORD_KEYS = frozenset(("source", "payload_sha256", "payload_base64"))
_LIGHT_KEYS = frozenset(("sha256", "hash_state", "file_state", "records"))
_KEYS_LIMIT = 100
_TEXT_LIMIT_BYTES = 1 * MIB
_EXTRA_LIMIT_BYTES = 512 * MIB
_BASE64_BLOCK_BYTES = 4 * MIB


class ModelmgrExport(LegacySource):
    """See the module."""

    id = "modelmgr-export"
    record_ids = ()
    many = True

    def wants(self, name: str, named: bool) -> bool:
        """Want what the user named."""
        return named and name.lower().endswith(_SUFFIXES)

    def probe(self, container: Container, report: Report) -> bool:
        """Tell by the keys of the first line."""
        try:
            with open_export(container.path) as file:
                return _is_export(file)
        except Unreadable as error:
            report(Problem(container.path, error.code, error.message))
        return False

    def records(self, container: Container, progress: Progress, report: Report) -> Iterator[Record]:
        """Yield the records of all lines, each as it was when it was exported."""
        with open_export(container.path) as file:
            for index, (start, end) in enumerate(file.lines()):
                progress.step(file.offset(start), file.size_bytes, container.name, "bytes")
                for place, fields in enumerate(_items(file, start, end)):
                    try:
                        yield _record(file, fields)
                    except (_Broken, Unreadable) as error:
                        if isinstance(error, Unreadable) and error.code == "changed_while_reading":
                            raise
                        code = error.code if isinstance(error, Unreadable) else "unparsed_payload"
                        message = f"Record {place + 1} in line {index + 1} was not taken back: {error}"
                        report(Problem(container.path, code, message, f"{index}/{place}"))

    def claims(self, record: Record, siblings: frozenset[str], sha256: str | None = None) -> Claims:
        """Return nothing: a record that came back is read by the source that it had in the beginning."""
        return Claims()


class _Broken(Exception):
    """A line that isn't whole, or whose fields are not what we write."""


def _is_export(file: ExportFile) -> bool:
    first = Cut(file.view())
    if file.width != 1 or first.kind != b"{":
        return False
    found: set[str] = set()
    for member in first:
        key = _key_of(file, member)
        found.add(key)
        if key == "records" and member.kind == b"[":
            inner = next(iter(Cut(file.view(member.start), member.start)), None)
            if inner is not None and inner.kind == b"{":
                keys = {_key_of(file, field) for field in Cut(file.view(inner.start), inner.start)}
                return keys >= _RECORD_KEYS
        if found >= _RECORD_KEYS or found >= _LIGHT_KEYS:
            return True
        if len(found) > _KEYS_LIMIT:
            break
    return False


def _items(file: ExportFile, start: int, end: int) -> Iterator[dict[str, Member] | None]:
    """Yield the fields of each record in a line: it is one itself, or a model with a list of them."""
    line = _fields(file, start, end)
    records = line.get("records") if line else None
    if records is None or records.kind != b"[":
        yield line
        return
    for item in Cut(file.view(records.start, records.end), records.start):
        yield _fields(file, item.start, item.end)


def _fields(file: ExportFile, start: int, end: int) -> dict[str, Member] | None:
    cut = Cut(file.view(start, end), start)
    found = {_key_of(file, member): member for member in cut}
    return found if cut.closed and cut.kind == b"{" else None


def _record(file: ExportFile, fields: dict[str, Member] | None) -> Record:
    if fields is None:
        raise _Broken("it is not complete.")
    payload = _payload(file, fields)
    if hashlib.sha256(payload).hexdigest() != _text(file, fields, "payload_sha256").lower():
        raise Unreadable(
            "its payload is not the one that was exported: the digests differ.", code="hash_mismatch"
        )
    source = _text(file, fields, "source")
    source_path = _text(file, fields, "source_path")
    if not source or (not source_path and source != Inline.id):
        raise _Broken("it does not say where it came from.")
    return Record(source, source_path, _text(file, fields, "record_key"), payload, _extra(file, fields))


def _payload(file: ExportFile, fields: dict[str, Member]) -> bytes:
    member = fields.get("payload_base64")
    if member is None or member.kind != b'"':
        raise _Broken("it has no payload.")
    start, end = member.start + 1, member.end - 1
    if (end - start) // 4 * 3 > RECORD_LIMIT_BYTES + 3:
        raise Unreadable("its payload is larger than 256 MiB.", code="too_large")
    content = io.BytesIO()
    rest = b""
    for begin in range(start, end, _BASE64_BLOCK_BYTES):
        block = rest + file.range(begin, min(begin + _BASE64_BLOCK_BYTES, end)).replace(b"\\/", b"/")
        whole = len(block) if begin + _BASE64_BLOCK_BYTES >= end else len(block) // 4 * 4
        try:
            content.write(binascii.a2b_base64(block[:whole], strict_mode=True))
        except binascii.Error as error:
            raise _Broken("its payload is no base64.") from error
        rest = block[whole:]
    return content.getvalue()


def _text(file: ExportFile, fields: dict[str, Member], key: str) -> str:
    value = _value(file, fields, key, _TEXT_LIMIT_BYTES)
    return value if isinstance(value, str) else ""


def _extra(file: ExportFile, fields: dict[str, Member]) -> Mapping[str, Any] | None:
    value = _value(file, fields, "extra", _EXTRA_LIMIT_BYTES)
    return value if isinstance(value, dict) else None


def _value(file: ExportFile, fields: dict[str, Member], key: str, limit_bytes: int) -> Any:
    member = fields.get(key)
    if member is None or member.end == member.start:
        return None
    if member.end - member.start > limit_bytes:
        raise Unreadable(f"its {key} is larger than {limit_bytes // MIB} MiB.", code="too_large")
    try:
        return json.loads(file.range(member.start, member.end))
    except (ValueError, RecursionError) as error:
        raise _Broken(f"its {key} can't be read.") from error


def _key_of(file: ExportFile, member: Member) -> str:
    """Return a key as it is spelt; ours need no escapes."""
    return file.decode(file.range(member.key_start + 1, min(member.key_end - 1, member.key_start + 100)))
