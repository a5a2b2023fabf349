"""What `export --jsonl` and `pending export --jsonl` of this program wrote: records come back as they were.

They keep the source, place and key that they had. What the user had set of a model comes back as a record of this
source: its payload is the object that stands in the line of the model, and its promotion sets the values again.
"""

import binascii
import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from typing import Any

from modelmgr.errors import Unreadable
from modelmgr.migration.hashes import full_sha256
from modelmgr.migration.normal_form import one_line
from modelmgr.migration.reading.export_file import ExportFile, open_export
from modelmgr.migration.reading.json_ranges import Cut, Member
from modelmgr.migration.source import Container, LegacySource, Report
from modelmgr.migration.sources.inline import Inline
from modelmgr.payload import parse
from modelmgr.progress import Progress
from modelmgr.values import HELD_LIMIT_BYTES, MIB, Claims, Problem, Record

_SUFFIXES = (".jsonl", ".ndjson", ".json")
_RECORD_KEYS = frozenset(("source", "payload_sha256", "payload_base64"))
_LIGHT_KEYS = frozenset(("sha256", "hash_state", "file_state", "records"))
_KEYS_LIMIT = 100
_TEXT_LIMIT_BYTES = 1 * MIB
_USER_LIMIT_BYTES = 4 * MIB
_MODEL = "model"
"""Key of `Record.extra`: which model it is of which the user said something."""
_BASE64_BLOCK_BYTES = 4 * MIB
_YEAR_9999_S = 253_402_300_800


class ModelmgrExport(LegacySource):
    """See the module."""

    id = "modelmgr-export"
    record_ids = ("modelmgr-export",)
    many = True

    def wants(self, name: str, named: bool) -> bool:
        """Want what the user named."""
        return named and name.lower().endswith(_SUFFIXES)

    def probe(self, container: Container, report: Report) -> bool:
        """Tell by the keys of the first line."""
        with open_export(container.path) as file:
            return _is_export(file)

    def records(self, container: Container, progress: Progress, report: Report) -> Iterator[Record]:
        """Yield the records of all lines, each as it was when it was exported."""
        with open_export(container.path) as file:
            for index, (start, end) in enumerate(file.lines()):
                progress.step(file.offset(start), file.size_bytes, container.name, "bytes")
                line = _fields(file, start, end)
                own = _own_values(file, line, container.path)
                for place, fields in enumerate(_items(file, line)):
                    try:
                        record = _record(file, fields)
                        if own is not None and record.source == self.id and record.payload == own.payload:
                            own = None  # it came through an export before and is unchanged since
                        yield record
                    except (_Broken, Unreadable) as error:
                        if isinstance(error, Unreadable) and error.code == "changed_while_reading":
                            raise
                        code = error.code if isinstance(error, Unreadable) else "unparsed_payload"
                        message = f"Record {place + 1} in line {index + 1} was not taken back: {error}"
                        report(Problem(container.path, code, message, f"{index}/{place}"))
                if own is not None:
                    yield own

    def claims(self, record: Record, siblings: frozenset[str], sha256: str | None = None) -> Claims:
        """Return which model is meant: what the user had set becomes his own again, not something that is claimed."""
        found = parse(record.payload)
        model = (record.extra or {}).get(_MODEL)
        named = model.items() if isinstance(model, dict) else ()
        said = {key: value for key, value in named if isinstance(value, str)}
        name = one_line(said.get("name"))
        return Claims(
            fields={"name": name} if name else {},
            sha256=full_sha256(said.get("sha256")),
            path=said.get("path"),
            problem=found.code,
            message=found.message,
            marker=True,
        )


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


def _items(file: ExportFile, line: dict[str, Member] | None) -> Iterator[dict[str, Member] | None]:
    """Yield the fields of each record in a line: it is one itself, or a model with a list of them."""
    records = line.get("records") if line else None
    if records is None or records.kind != b"[":
        yield line
        return
    for item in Cut(file.view(records.start, records.end), records.start):
        yield _fields(file, item.start, item.end)


def _own_values(file: ExportFile, line: dict[str, Member] | None, path: str) -> Record | None:
    """Return what the user had set of the model in a line, None where he had set nothing."""
    user = line.get("user") if line and "records" in line else None
    if line is None or user is None or user.kind != b"{" or user.end - user.start > _USER_LIMIT_BYTES:
        return None
    if next(iter(Cut(file.view(user.start, user.end), user.start)), None) is None:
        return None
    keys = ("name", "path", "sha256")
    try:
        said = {key: text for key in keys if (text := _text(file, line, key))}
        if _value(file, line, "is_composite", _TEXT_LIMIT_BYTES):
            said.pop("sha256", None)  # a key of ours, and no file's hash
    except (_Broken, Unreadable):
        return None
    key = said.get("sha256") or said.get("path") or said.get("name", "")
    return Record(ModelmgrExport.id, path, key, file.range(user.start, user.end), {_MODEL: said})


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
    return Record(
        source,
        source_path,
        _text(file, fields, "record_key"),
        payload,
        _extra(file, fields),
        _time(file, fields),
    )


def _payload(file: ExportFile, fields: dict[str, Member]) -> bytes:
    member = fields.get("payload_base64")
    if member is None or member.kind != b'"':
        raise _Broken("it has no payload.")
    start, end = member.start + 1, member.end - 1
    if (end - start) // 4 * 3 > HELD_LIMIT_BYTES + 3:
        raise Unreadable(f"its payload is larger than {HELD_LIMIT_BYTES // MIB} MiB.", code="too_large")
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
    value = _value(file, fields, "extra", HELD_LIMIT_BYTES)
    return value if isinstance(value, dict) else None


def _time(file: ExportFile, fields: dict[str, Member]) -> float | None:
    value = _value(file, fields, "container_mtime", _TEXT_LIMIT_BYTES)
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not -_YEAR_9999_S < value < _YEAR_9999_S
    ):
        return None
    return float(value)


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
