"""Pumas' older ``models.json``: an object of path -> record, in its launcher's folder of metadata."""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from modelmgr.errors import Unreadable
from modelmgr.migration.export_file import RECORD_LIMIT_BYTES, ExportFile, open_export
from modelmgr.migration.hashes import full_sha256
from modelmgr.migration.json_ranges import Cut, Member
from modelmgr.migration.source import Container, LegacySource, Place, Report
from modelmgr.migration.sources.civitai import MEMBERS_SKIPPED, UNPARSED, flags_of
from modelmgr.migration.sources.pumas_registry import MODELS
from modelmgr.payload import (
    clean_name,
    clean_text,
    has_other_members,
    integer_of,
    list_of_text,
    page_url,
    parse,
    seconds_of,
)
from modelmgr.progress import Progress
from modelmgr.values import MIB, Claims, Problem, Record
from modelmgr.vocabulary import UNKNOWN, canonical_base, canonical_type

_OWN_KEYS = frozenset(("addedDate", "modelType", "usedByVersions", "lastUsed"))
_LOOKED_AT = 20
_SAMPLE_UNITS = MIB
_SCALARS_UNITS = MIB
_KEY_LIMIT = 1024


class PumasLauncherModels(LegacySource):
    """See the module."""

    id = "pumas-launcher-models"
    record_ids = ("pumas-launcher-models",)
    many = True
    places = (Place("Pumas", "$PUMAS_LAUNCHER_ROOT/launcher-data/metadata/models.json"),)

    def wants(self, name: str, named: bool) -> bool:
        """Tell by the name."""
        return name.lower() == "models.json"

    def probe(self, container: Container, report: Report) -> bool:
        """Tell by the first records: each has a path and two of the keys that only this tool has."""
        try:
            with open_export(container.path) as file:
                return any(_is_ours(file, member) for member in _first(file))
        except Unreadable as error:
            report(Problem(container.path, error.code, error.message))
            return False

    def records(self, container: Container, progress: Progress, report: Report) -> Iterator[Record]:
        """Yield the records with the exact bytes of each; the first carries what else stands beside them."""
        names: set[str] = set()
        with open_export(container.path) as file:
            file.choose_codec(lambda: 0)
            scalars = _scalars(container, file, report)
            for member in _members(file):
                progress.step(file.offset(member.end), file.size_bytes, container.name, "bytes")
                key = _key_of(file, member)
                record_key = _unique(key, names)
                if (member.end - member.start) * file.width > RECORD_LIMIT_BYTES:
                    message = "The record is larger than 256 MiB; it was not read."
                    report(Problem(container.path, "too_large", message, record_key))
                    continue
                extra: dict[str, Any] = {"key": key} if record_key != key else {}
                if scalars:
                    extra["beside"], scalars = scalars, []
                content = file.range(member.start, member.end)
                yield Record(self.id, container.path, record_key, content, extra or None)

    def claims(self, record: Record, siblings: frozenset[str], sha256: str | None = None) -> Claims:
        """Return what a record says.

        Args:
            record: one of this source's records.
            siblings: the names now beside the file; no model is meant by them.
            sha256: of no use here: a record speaks of one file.
        """
        key = clean_text((record.extra or {}).get("key")) or record.record_key
        found = parse(record.payload)
        path = found.value.get("path") if isinstance(found.value, Mapping) else None
        if not isinstance(path, str) or not path.strip() or "\0" in path:
            path = key if "\0" not in key else None
        others = _places(path, key)
        if not found.ok or not isinstance(found.value, Mapping):
            message = found.message or "This element is no object."
            flags = flags_of(record, found, ())
            return Claims(path=path, other_paths=others, problem=UNPARSED, message=message, flags=flags)
        said = found.value
        size, digits = integer_of(said.get("size")), full_sha256(said.get("sha256"))
        doubts = (MEMBERS_SKIPPED,) if has_other_members(said.get("tags")) else ()
        return Claims(
            fields=_fields(said),
            sha256=digits,
            own_hash=digits is not None,
            size_bytes=size if size is not None and size > 0 else None,
            path=path,
            other_paths=others,
            time=seconds_of(said.get("lastUsed")) or seconds_of(said.get("addedDate")),
            flags=flags_of(record, found, doubts),
        )


def _fields(said: Mapping[Any, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    kind = canonical_type(clean_name(said.get("modelType")), tool="pumas")
    if kind != UNKNOWN:
        fields["type"] = kind
    if base := canonical_base(clean_name(said.get("baseModel"))):
        fields["base_model"] = base
    if tags := list_of_text(said.get("tags")):
        fields["tags"] = tags
    if url := page_url(said.get("source")):
        fields["source_url"] = url
    return fields


def _places(path: str | None, key: str) -> tuple[str, ...]:
    """Return where a file may lie that is named relative to the folder of models, or under another key."""
    names = [name for name in (path, key) if name and not os.path.isabs(name) and "\0" not in name]
    below = (os.path.join("..", "..", MODELS, name) for name in names)
    others = (key,) if key and key != path and os.path.isabs(key) and "\0" not in key else ()
    return tuple(dict.fromkeys((*others, *below)))


# --- the object -------------------------------------------------------------------------------------------


def _first(file: ExportFile) -> Iterator[Member]:
    cut = Cut(file.view())
    if cut.kind == b"{":
        for number, member in enumerate(cut, 1):
            yield member
            if number == _LOOKED_AT:
                return


def _is_ours(file: ExportFile, member: Member) -> bool:
    if member.kind != b"{" or member.end - member.start > _SAMPLE_UNITS:
        return False
    said = parse(file.range(member.start, member.end)).value
    return isinstance(said, Mapping) and "path" in said and len(_OWN_KEYS & said.keys()) >= 2


def _members(file: ExportFile) -> Iterator[Member]:
    """Yield the objects, those first that name a path as the tool's records do; then what is broken."""
    for member in _in_order(file):
        if _names_path(file, member):
            yield member
    for member in _in_order(file):
        if (member.kind == b"{" or member.broken) and not _names_path(file, member):
            yield member


def _names_path(file: ExportFile, member: Member) -> bool:
    if member.kind != b"{" or (member.end - member.start) * file.width > RECORD_LIMIT_BYTES:
        return False
    return b'"path"' in b"".join(file.view(member.start, member.end))


def _unique(key: str, names: set[str]) -> str:
    """Return a record key that no earlier member has, and note it."""
    short = key if len(key) <= _KEY_LIMIT else f"sha256:{hashlib.sha256(key.encode()).hexdigest()}"
    found, count = short, 1
    while found in names:
        count += 1
        found = f"{short}#{count}"
    names.add(found)
    return found


def _scalars(container: Container, file: ExportFile, report: Report) -> list[str]:
    """Return the members that are no objects, as they are spelt: no records, but not to be lost."""
    found: list[str] = []
    room = _SCALARS_UNITS
    for member in _in_order(file):
        if member.kind == b"{" or member.broken:
            continue
        start = member.key_start if member.key_end else member.start
        room -= member.end - start
        if room < 0:
            message = (
                "Beside its records the file holds more than 1 MiB of other values; the rest was not kept."
            )
            report(Problem(container.path, "too_large", message, kept=True))
            break
        found.append(file.decode(file.range(start, member.end)))
    return found


def _in_order(file: ExportFile) -> Iterator[Member]:
    """Yield the members; what follows a broken one belongs to it, so that nothing is lost."""
    cut = Cut(file.view())
    for member in cut:
        yield replace(member, end=file.units) if member.broken else member
        if member.broken:
            return
    if not cut.closed and file.range(cut.end, file.units).strip(b" \t\r\n\0"):
        yield Member(cut.end, file.units, b"", broken=True)


def _key_of(file: ExportFile, member: Member) -> str:
    """Return a member's key as text; ``rest`` for what has none."""
    token = file.decode(file.range(member.key_start, member.key_end))
    try:
        return clean_text(json.loads(token, strict=False)) or "rest"
    except ValueError:
        return clean_text(token.strip('"')) or "rest"
