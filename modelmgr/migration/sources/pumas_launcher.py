"""Pumas' older ``models.json``: an object of path -> record, in its launcher's folder of metadata."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice
from typing import Any

from modelmgr.migration.hashes import full_sha256
from modelmgr.migration.reading.export_file import ExportFile, open_export
from modelmgr.migration.reading.json_entries import EntryReader, key_of, parsed, whole_object
from modelmgr.migration.reading.json_ranges import Cut
from modelmgr.migration.source import Container, LegacySource, Place, Report
from modelmgr.migration.sources.civitai import MEMBERS_SKIPPED, UNPARSED, flags_of
from modelmgr.migration.sources.pumas_registry import MODELS
from modelmgr.payload import (
    clean_name,
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
_BESIDE_BYTES = 8 * MIB


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
        """Tell by the first records."""
        with open_export(container.path) as file:
            return _is_ours(file)

    def records(self, container: Container, progress: Progress, report: Report) -> Iterator[Record]:
        """Yield a record for each path with the exact bytes of what is said of it; other objects come last.

        What is no object at all is no record: the last record carries it along.
        """
        waiting: Record | None = None
        others: list[Record] = []
        beside = _Beside(container.path, report)
        with open_export(container.path) as file:
            file.choose_codec(lambda: 0)
            whole = whole_object(file)
            if whole is None:
                return
            for entry in EntryReader(file, progress, report).entries(whole):
                if entry.kind not in (b"{", b""):
                    beside.add(f"{entry.extra['key']}: {file.decode(entry.payload)}")
                    continue
                record = Record(self.id, container.path, entry.record_key, entry.payload, entry.extra)
                if '"path"' not in file.decode(entry.payload) and beside.has_room(len(entry.payload)):
                    others.append(record)
                    continue
                if waiting is not None:
                    yield waiting
                waiting = record
        if waiting is not None:
            extra = {**(waiting.extra or {}), **({"beside": beside.members} if beside.members else {})}
            yield replace(waiting, extra=extra)
        yield from others

    def claims(self, record: Record, siblings: frozenset[str], sha256: str | None = None) -> Claims:
        """Return what a record says."""
        key = key_of(record) or ""
        found = parsed(record)
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


class _Beside:
    """What a file holds that is no record of a model, as far as there is room for it."""

    def __init__(self, path: str, report: Report) -> None:
        self.members: list[str] = []
        self._path = path
        self._report = report
        self._room = _BESIDE_BYTES

    def has_room(self, size_bytes: int) -> bool:
        """Take up room for something, if there is enough."""
        if size_bytes <= self._room:
            self._room -= size_bytes
            return True
        return False

    def add(self, member: str) -> None:
        """Note a member as it is spelt; what goes beyond the limit is told of."""
        if self.has_room(len(member)):
            self.members.append(member)
        else:
            message = (
                "Beside its records the file holds more than 8 MiB of other values; this one was not kept."
            )
            self._report(Problem(self._path, "too_large", message, member[:64], kept=True))


# --- whose is it? -----------------------------------------------------------------------------------------


def _is_ours(file: ExportFile) -> bool:
    """Tell whether one of the first members has a path and two of the keys that only this tool has."""
    whole = whole_object(file)
    members = Cut(file.view(whole.start), whole.start) if whole is not None else ()
    for member in islice(members, _LOOKED_AT):
        if member.kind == b"{" and member.end - member.start <= _SAMPLE_UNITS:
            said = parse(file.range(member.start, member.end)).value
            if isinstance(said, Mapping) and "path" in said and len(_OWN_KEYS & said.keys()) >= 2:
                return True
    return False
