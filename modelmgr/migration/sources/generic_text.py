"""Exports of scripts and spreadsheets: JSON, JSON Lines and CSV, taken where the user names the file.

Each element or row is a record; its payload is its range of the file's bytes. What is around them (the header
line, the list's neighbours) stands in `extra`.
"""

import base64
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from modelmgr.errors import Unreadable
from modelmgr.lazily import dataclass
from modelmgr.migration import hashes
from modelmgr.migration.beside import is_model_name, models_beside, stem_of, suffix_of
from modelmgr.migration.reading import csv_ranges
from modelmgr.migration.reading.csv_ranges import Dialect
from modelmgr.migration.reading.export_file import RECORD_LIMIT_BYTES, ExportFile, open_export
from modelmgr.migration.reading.json_ranges import Cut, Member, elements
from modelmgr.migration.source import Container, LegacySource, Report
from modelmgr.migration.sources.civitai import CONTAINS_SECRET, UNPARSED, is_model, is_version
from modelmgr.migration.sources.generic_columns import (
    ALIASES,
    KNOWN_NAMES,
    SCALE,
    UNKNOWN_SCALE,
    Row,
    claims_of,
    normal_name,
    transcoded,
)
from modelmgr.payload import Parsed, clean_text, contains_secret, number_of, parse, text
from modelmgr.progress import Progress
from modelmgr.values import MIB, Claims, Problem, Record

_LISTS = ("models", "items", "data", "results", "records")
_JSON_LINES_SUFFIXES = (".jsonl", ".ndjson")
_CSV_SUFFIXES = (".csv", ".tsv")
_HEAD_UNITS = MIB
_AROUND_LIMIT_BYTES = 1 * MIB
_KEY_LIMIT = 1024
_DOUBTED_RECORDS = 200

# Files of libraries and programs; they are never lists of models, whoever names them.
_NEVER = frozenset(
    f"{stem}.json"
    for stem in (
        "added_tokens",
        "config",
        "generation_config",
        "model_index",
        "package",
        "package-lock",
        "preprocessor_config",
        "settings",
        "special_tokens_map",
        "tokenizer",
        "tokenizer_config",
        "vocab",
    )
)

_RATING = re.compile(rb'"(?:rating|stars)"\s*+:\s*+"?(\d{1,9}(?:\.\d{1,9})?)', re.IGNORECASE)
_BLANK = b" \t\r\n\f\v\0"
_TOP = "The file holds neither a list of models nor an object of them, so nothing was taken from it."

# Keys of Civitai's objects that mean something else than the same columns of a row.
_CATALOGUE_KEYS = frozenset(("name", "type", "nsfw", "tags", "images", "description", "files", "model", "id"))
_VERSION_PARTS = frozenset(("modelId", "files", "baseModel"))


class GenericJson(LegacySource):
    """A list of objects; an object with one list among a few names; or an object of objects."""

    id = "generic-json"
    record_ids = ("generic-json",)
    many = True

    def wants(self, name: str, named: bool) -> bool:
        """Want what the user named, and ``models.json`` wherever it lies."""
        lowered = name.lower()
        if named:
            return lowered.endswith((".json", *_JSON_LINES_SUFFIXES)) and lowered not in _NEVER
        return lowered == "models.json"

    def probe(self, container: Container, report: Report) -> bool:
        """Tell whether it holds records; a named file of another shape is taken too, to be refused in clear words."""
        with open_export(container.path) as file:
            try:
                shape = _shape_of(file)
            except Unreadable:
                beside = models_beside(stem_of(container.name), container.siblings)
                return container.named and not beside and not _is_binary(file)
            if _is_foreign(container.name, file, shape):
                return False
            return container.named or _speaks_of_files(file, shape)

    def records(self, container: Container, progress: Progress, report: Report) -> Iterator[Record]:
        """Yield the elements in their order, with the exact bytes of each."""
        with open_export(container.path) as file:
            file.choose_codec(lambda: _doubts_json(file))
            shape = _shape_of(file)
            yield from _JsonImport(container, file, shape, progress, report).records()

    def claims(self, record: Record, siblings: frozenset[str], sha256: str | None = None) -> Claims:
        """Return what an element says."""
        return _json_claims(record, siblings, sha256)


class GenericJsonl(LegacySource):
    """One object a line."""

    id = "generic-jsonl"
    record_ids = ("generic-jsonl",)
    many = True

    def wants(self, name: str, named: bool) -> bool:
        """Want what the user named."""
        lowered = name.lower()
        return named and lowered.endswith((".json", *_JSON_LINES_SUFFIXES)) and lowered not in _NEVER

    def probe(self, container: Container, report: Report) -> bool:
        """Tell by the first lines: in ``.json`` two of them must begin objects."""
        with open_export(container.path) as file:
            if _is_binary(file):
                return False
            first, second = _first_two_lines(file)
        if suffix_of(container.name) in _JSON_LINES_SUFFIXES:  # also if it is a list under a wrong name
            return not first.startswith(b"[") or (first.endswith(b"]") and second[:1] in (b"[", b"{"))
        return first.startswith(b"{") and second.startswith(b"{")

    def records(self, container: Container, progress: Progress, report: Report) -> Iterator[Record]:
        """Yield the lines that aren't blank, without their ends."""
        with open_export(container.path) as file:
            file.choose_codec(lambda: _doubts_lines(file))
            extra = _codec_extra(file)
            if _rates_above_five(file):
                extra[SCALE] = UNKNOWN_SCALE
            for index, (start, end) in enumerate(file.lines()):
                progress.step(file.offset(end), file.size_bytes, container.name, "bytes")
                if (end - start) * file.width > RECORD_LIMIT_BYTES:
                    report(_too_large(container.path, str(index), file.offset(start)))
                    continue
                yield Record(self.id, container.path, str(index), file.range(start, end), dict(extra) or None)

    def claims(self, record: Record, siblings: frozenset[str], sha256: str | None = None) -> Claims:
        """Return what a line says; arguments as `GenericJson.claims`."""
        return _json_claims(record, siblings, sha256)


class GenericCsv(LegacySource):
    """Comma-separated text with a header line, as spreadsheets write it."""

    id = "generic-csv"
    record_ids = ("generic-csv",)
    many = True

    def wants(self, name: str, named: bool) -> bool:
        """Want what the user named."""
        return named and name.lower().endswith(_CSV_SUFFIXES)

    def probe(self, container: Container, report: Report) -> bool:
        """Take any text; a header line without a known name is refused in clear words when it is read."""
        with open_export(container.path) as file:
            return not _is_binary(file)

    def records(self, container: Container, progress: Progress, report: Report) -> Iterator[Record]:
        """Yield the rows below the header line, without their line ends."""
        with open_export(container.path) as file:
            file.choose_codec(lambda: 0)
            head = next(file.view(0, _HEAD_UNITS), b"")
            dialect = csv_ranges.dialect_of(head, container.name)
            rows = csv_ranges.rows(file.view(dialect.start), dialect)
            header_row = next((row for row in rows if not row.blank), None)
            if header_row is None:
                return
            end = min(header_row.end, header_row.start + _HEAD_UNITS)
            header = csv_ranges.cells(file.decode(file.range(header_row.start, end)), dialect)
            if not any(normal_name(column) in KNOWN_NAMES for column in header):
                raise Unreadable(
                    "The first line names no column that is known (name, sha256, path ...), so no row was taken.",
                    path=container.path,
                )
            shared: dict[str, Any] = {"header": header, "delimiter": dialect.delimiter, **_codec_extra(file)}
            if dialect.backslash:
                shared["escape"] = "\\"
            if _csv_rates_above_five(file, dialect, header):
                shared[SCALE] = UNKNOWN_SCALE
            index = 0
            for row in rows:
                progress.step(file.offset(row.end), file.size_bytes, container.name, "bytes")
                if row.blank:
                    continue
                record_key, index = str(index), index + 1
                if row.end - row.start > csv_ranges.ROW_LIMIT:
                    report(
                        _too_large(container.path, record_key, file.offset(row.start), "The row", "128 MiB")
                    )
                    continue
                payload = file.range(row.start, row.end)
                found = csv_ranges.cells(file.decode(payload), dialect)
                if len(payload) > csv_ranges.FIELD_LIMIT and max(map(len, found)) > csv_ranges.FIELD_LIMIT:
                    report(_too_large(container.path, record_key, file.offset(row.start), "A cell", "64 MiB"))
                    continue
                extra = dict(shared)
                if len(found) > len(header):
                    extra["_extra"] = found[len(header) :]
                if row.broken:
                    extra["broken"] = {"offset": file.offset(row.start), "why": "open-quote"}
                yield Record(self.id, container.path, record_key, payload, extra)

    def claims(self, record: Record, siblings: frozenset[str], sha256: str | None = None) -> Claims:
        """Return what a row says; arguments as `GenericJson.claims`."""
        extra = record.extra or {}
        header, delimiter = extra.get("header"), extra.get("delimiter")
        if not isinstance(header, list | tuple) or not isinstance(delimiter, str) or len(delimiter) != 1:
            return Claims(problem=UNPARSED, message="The header line of this row is not known.")
        dialect = Dialect(delimiter, extra.get("escape") == "\\", 0)
        codec = extra.get("codec")
        content = transcoded(record.payload, codec) if isinstance(codec, str) else record.payload
        found = csv_ranges.cells(text(content), dialect)
        row = Row(
            list(zip(map(str, header), found, strict=False)),
            siblings=siblings,
            folder=os.path.dirname(record.source_path),
            cells=True,
            scale_unknown=extra.get(SCALE) == UNKNOWN_SCALE,
        )
        names = [normal_name(str(column)) for column in header]
        if len(set(names)) < len(names):
            row.flag("duplicate-keys")
        if len(found) > len(header):
            row.flag("surplus-cells")
        if contains_secret(record.payload):
            row.flag(CONTAINS_SECRET)
        if "broken" in extra:
            message = "A quote in this row is never closed; it was read as an ordinary character."
            return claims_of(row, None, sha256=sha256, problem=UNPARSED, message=message)
        return claims_of(row, None, sha256=sha256)


# --- JSON: what shape is it? ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Shape:
    """Where the records are.

    Attributes:
        kind: ``list``, ``map``, or ``empty``.
        start: unit at which the list or the map begins.
        name: of the list within an object.
        keys: some of the top level's keys.
    """

    kind: str
    start: int = 0
    name: str = ""
    keys: frozenset[str] = frozenset()


def _shape_of(file: ExportFile) -> _Shape:
    """Find the records.

    Raises:
        Unreadable: there is nothing that could be records; the message says what is there instead.
    """
    cut = Cut(file.view())
    if not cut.kind or not cut.kind.strip(b"\0"):
        return _Shape("empty")
    if cut.kind == b"[":
        return _Shape("list", cut.end)
    if cut.kind != b"{":
        if file.decode(file.range(cut.end, min(cut.end + 10, file.units))).strip("\0 \t\r\n") == "null":
            return _Shape("empty")
        raise Unreadable(_TOP, path=file.path)
    start = cut.end
    lists: list[tuple[str, Member]] = []
    keys: set[str] = set()
    others = count = 0
    for member in cut:
        count += 1
        others += member.kind != b"{"
        if member.kind == b"[" or count <= 100:
            key = _key_of(file, member)
            keys.add(key)
            if member.kind == b"[" and key.lower() in _LISTS:
                lists.append((key, member))
    if not count and cut.closed:
        return _Shape("empty")
    if len(lists) > 1:
        lists = [(key, member) for key, member in lists if _holds_objects(file, member)] or lists[:1]
    if len(lists) == 1:
        key, member = lists[0]
        return _Shape("list", member.start, key, frozenset(keys))
    if lists:
        spelt = ", ".join(key for key, _ in lists)
        raise Unreadable(
            f"The file holds several lists ({spelt}), and nothing says which one is the models.",
            path=file.path,
        )
    if others or not count:
        raise Unreadable(_TOP, path=file.path)
    return _Shape("map", start, keys=frozenset(keys))


def _holds_objects(file: ExportFile, member: Member) -> bool:
    return any(element.kind == b"{" for element in Cut(file.view(member.start), member.start))


def _is_foreign(name: str, file: ExportFile, shape: _Shape) -> bool:
    """Tell whether it is another program's file that only looks like records.

    DiffusionToolkit's catalogue lists thousands of models that the person doesn't have; a workflow of ComfyUI is an
    object of nodes.
    """
    sample = list(_sample(file, shape))
    if name.lower() == "models.json" and shape.name == "models" and "date" in shape.keys:
        return any("modelVersions" in value for _, value in sample) or not sample
    return shape.kind == "map" and bool(sample) and all("class_type" in value for _, value in sample)


def _speaks_of_files(file: ExportFile, shape: _Shape) -> bool:
    """Tell whether an element names a model file or a hash: a list that nobody named needs to show what it is."""
    for key, value in _sample(file, shape):
        if is_model_name(key) or hashes.full_sha256(key):
            return True
        columns = {normal_name(str(name)): found for name, found in value.items()}
        if any(hashes.full_sha256(columns.get(name)) for name in ALIASES["sha256"]):
            return True
        if any(is_model_name(clean_text(columns.get(name))) for name in ALIASES["path"]):
            return True
    return False


def _sample(file: ExportFile, shape: _Shape) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield key and value of the first few objects."""
    if shape.kind == "empty":
        return
    for count, member in enumerate(Cut(file.view(shape.start), shape.start)):
        if count == 10:
            return
        if member.kind == b"{" and member.end - member.start <= MIB:
            found = parse(transcoded(file.range(member.start, member.end), file.codec))
            if isinstance(found.value, Mapping):
                yield _key_of(file, member), found.value


def _key_of(file: ExportFile, member: Member) -> str:
    if member.key_end - member.key_start > MIB:
        return ""
    token = file.decode(file.range(member.key_start, member.key_end))
    try:
        key = json.loads(token, strict=False)
    except ValueError:
        key = token.strip('"')
    return clean_text(key)


# --- JSON: records ----------------------------------------------------------------------------------------


class _JsonImport:
    """One run over a JSON file."""

    def __init__(
        self, container: Container, file: ExportFile, shape: _Shape, progress: Progress, report: Report
    ) -> None:
        self._container = container
        self._file = file
        self._shape = shape
        self._progress = progress
        self._report = report
        self._shared = _codec_extra(file)
        if shape.name:
            self._shared["list"] = shape.name
        if shape.kind != "empty" and _rates_above_five(file):
            self._shared[SCALE] = UNKNOWN_SCALE
        self._open_end = -1
        self._keys: dict[str, int] = {}

    def records(self) -> Iterator[Record]:
        """Yield all elements; the first and the last carry what stands around the list."""
        file = self._file
        waiting: Record | None = None
        before: Any = None
        end = 0
        for index, (member, key) in enumerate(self._members()):
            self._progress.step(file.offset(member.end), file.size_bytes, self._container.name, "bytes")
            if not index:
                before = self._around(0, member.key_start if member.key_end else member.start)
            end = member.end
            record_key = str(index) if key is None else self._unique(key)
            if (member.end - member.start) * file.width > RECORD_LIMIT_BYTES:
                self._report(_too_large(self._container.path, record_key, file.offset(member.start)))
                continue
            if waiting is not None:
                yield waiting
            extra = self._extra(member)
            if before is not None:
                extra["before"], before = before, None
            waiting = Record(
                GenericJson.id,
                self._container.path,
                record_key,
                file.range(member.start, member.end),
                extra or None,
            )
        if waiting is not None:
            after = self._around(end, file.units)
            yield replace(waiting, extra={**(waiting.extra or {}), "after": after}) if after else waiting
        if self._open_end >= 0:
            self._report(
                Problem(
                    self._container.path,
                    "truncated",
                    f"The list ends at byte {file.offset(self._open_end)} without a closing bracket;"
                    " there may have been more.",
                    kept=True,
                )
            )

    def _members(self) -> Iterator[tuple[Member, str | None]]:
        """Yield the elements, each with the text of its key in an object."""
        shape, file = self._shape, self._file
        if shape.kind == "list":
            for member in elements(file, shape.start, self._note_open_end):
                yield member, None
        elif shape.kind == "map":
            cut = Cut(file.view(shape.start), shape.start)
            for member in cut:
                whole = replace(member, end=file.units) if member.broken else member
                yield whole, _key_of(file, member)
                if member.broken:
                    return
            if not cut.closed and cut.end < file.units:
                yield Member(cut.end, file.units, b"", broken=True), "rest"
            elif not cut.closed:
                self._note_open_end(cut.end)

    def _note_open_end(self, unit: int) -> None:
        self._open_end = unit

    def _extra(self, member: Member) -> dict[str, Any]:
        extra = dict(self._shared)
        if member.key_end:
            extra["key"] = self._file.decode(self._file.range(member.key_start, member.key_end))
        if member.broken:
            extra["broken"] = {"offset": self._file.offset(member.start)}
        return extra

    def _around(self, start: int, end: int) -> Any:
        """Return what stands between two units, as text or base64; None if it is nothing but brackets and blanks."""
        limit = _AROUND_LIMIT_BYTES // self._file.width
        content = self._file.range(start, min(end, start + limit))
        if not content.strip(b" \t\r\n\f\v\0[]{},"):
            return None
        if end > start + limit:
            self._report(
                Problem(
                    self._container.path,
                    "too_large",
                    f"Around the list stand more than {_AROUND_LIMIT_BYTES // MIB} MiB of other data, from byte"
                    f" {self._file.offset(start)} on; of them only the beginning was kept.",
                    kept=True,
                )
            )
        try:
            return content.decode(self._file.codec)
        except UnicodeDecodeError:
            return {"base64": base64.b64encode(content).decode("ascii")}

    def _unique(self, key: str) -> str:
        """Return a record key that no earlier element has."""
        short = key if len(key) <= _KEY_LIMIT else f"sha256:{hashlib.sha256(key.encode()).hexdigest()}"
        count = self._keys.get(short, 0)
        found = short
        while found in self._keys:  # one that really ends so may stand in the file as well
            count += 1
            found = f"{short}#{count + 1}"
        self._keys[short] = count
        self._keys.setdefault(found, 0)
        return found


def _json_claims(record: Record, siblings: frozenset[str], sha256: str | None) -> Claims:
    extra = record.extra or {}
    codec = extra.get("codec")
    found = parse(transcoded(record.payload, codec) if isinstance(codec, str) else record.payload)
    row = Row(
        [],
        key=_decoded_key(extra.get("key")),
        siblings=siblings,
        folder=os.path.dirname(record.source_path),
        scale_unknown=extra.get(SCALE) == UNKNOWN_SCALE,
    )
    for doubt in found.flags:
        row.flag(doubt)
    if contains_secret(record.payload):
        row.flag(CONTAINS_SECRET)
    if not found.ok or not isinstance(found.value, Mapping):
        message = found.message or "This element is no object."
        broken = extra.get("broken")
        if isinstance(broken, Mapping):
            message = f"The element that begins at byte {broken.get('offset')} is not complete. {message}"
        return claims_of(row, Parsed(), sha256=sha256, problem=UNPARSED, message=message)
    if not found.value and not row.key:
        return Claims(marker=True, flags=tuple(row.flags))
    return element_claims(row, found, sha256)


def element_claims(row: Row, found: Parsed, sha256: str | None) -> Claims:
    """Return what an object says whose members are columns; what the row has already comes first.

    Args:
        row: gets the members as further values.
        found: the object.
        sha256: the computed one of the file, if known.
    """
    said: Mapping[str, Any] = found.value
    is_catalogues = is_model(said) or (is_version(said) and not _VERSION_PARTS.isdisjoint(said))
    taken = {normal_name(name) for name, _ in row.values}
    row.values = [
        *row.values,
        *(
            (name, value)
            for name, value in said.items()
            if not (is_catalogues and name in _CATALOGUE_KEYS) and normal_name(name) not in taken
        ),
    ]
    return claims_of(row, found if is_catalogues else None, sha256=sha256)


def _decoded_key(token: Any) -> str | None:
    if not isinstance(token, str):
        return None
    try:
        return clean_text(json.loads(token, strict=False)) or None
    except ValueError:
        return clean_text(token.strip('"')) or None


# --- all three --------------------------------------------------------------------------------------------


def _codec_extra(file: ExportFile) -> dict[str, Any]:
    return {"codec": file.codec} if file.codec != "utf-8" else {}


def _too_large(
    path: str, record_key: str, offset: int, what: str = "The record", limit: str = "256 MiB"
) -> Problem:
    return Problem(
        path, "too_large", f"{what} at byte {offset} is larger than {limit}; it was not read.", record_key
    )


def _is_binary(file: ExportFile) -> bool:
    head = next(file.view(0, 4096), b"")
    return head.count(0) * 20 > len(head)


def _first_two_lines(file: ExportFile) -> tuple[bytes, bytes]:
    """Return the first two lines that aren't blank, as far as the beginning of the file shows them."""
    head = next(file.view(0, _HEAD_UNITS), b"")
    lines = [line for line in (line.strip(_BLANK) for line in head.split(b"\n", 1000)[:1000]) if line]
    return (*lines, b"", b"")[0], (*lines, b"", b"")[1]


def _rates_above_five(file: ExportFile) -> bool:
    tail = b""
    for part in file.view():
        if any(float(found[1]) > 5 for found in _RATING.finditer(tail + part)):
            return True
        tail = part[-64:]
    return False


def _csv_rates_above_five(file: ExportFile, dialect: Dialect, header: list[str]) -> bool:
    place = next((at for at, column in enumerate(header) if normal_name(column) in ALIASES["rating"]), -1)
    if place < 0:
        return False
    rows = csv_ranges.rows(file.view(dialect.start), dialect)
    next(rows, None)
    for row in rows:
        if row.end - row.start <= MIB:
            found = csv_ranges.cells(file.decode(file.range(row.start, row.end)), dialect)
            number = number_of(found[place].strip().replace(",", ".")) if place < len(found) else None
            if number is not None and number > 5:
                return True
    return False


def _doubts_json(file: ExportFile) -> int:
    """Return how many elements with foreign letters don't parse with the codec that the file is set to."""
    try:
        shape = _shape_of(file)
    except Unreadable:
        return _DOUBTED_RECORDS
    if shape.kind == "empty":
        return 0
    return _doubts(file, ((member.start, member.end) for member in Cut(file.view(shape.start), shape.start)))


def _doubts_lines(file: ExportFile) -> int:
    return _doubts(file, file.lines())


def _doubts(file: ExportFile, ranges: Iterator[tuple[int, int]]) -> int:
    doubts = looked_at = 0
    for start, end in ranges:
        if end - start > MIB or (content := file.range(start, end)).isascii():
            continue
        doubts += not parse(transcoded(content, file.codec)).ok
        looked_at += 1
        if looked_at == _DOUBTED_RECORDS:
            break
    return doubts
