"""sd-webui-additional-networks: ``hashes.json``, the hashes of its LoRAs by their absolute paths.

Of a safetensors file ``model`` is the hash of the tensors, of any other the whole file's; ``legacy`` is a short one
that several files share, so it is not used.
"""

import os
from collections.abc import Iterator, Mapping

from modelmgr.migration.beside import suffix_of
from modelmgr.migration.hashes import full_sha256, partial_hash
from modelmgr.migration.reading.export_file import ExportFile, open_export
from modelmgr.migration.reading.json_entries import EntryReader, key_of, key_text, parsed
from modelmgr.migration.reading.json_ranges import Cut, Member
from modelmgr.migration.source import Container, LegacySource, Report
from modelmgr.migration.sources.a1111_cache import STALE_HASH, is_same_time
from modelmgr.migration.sources.civitai import UNPARSED, flags_of
from modelmgr.payload import number_of
from modelmgr.progress import Progress
from modelmgr.values import MIB, Claims, Record

_PROBE_UNITS = 1 * MIB
_PROBED_ENTRIES = 20
_MEMBERS_LIMIT = 1000
_FOLDER = "/models/lora/"
_TENSORS_HASHED = (".safetensors", ".sft")


class AdditionalNetworks(LegacySource):
    """``hashes.json`` in the extension's folder; what it names may have moved along with that."""

    id = "addnet-hashes"
    record_ids = ("addnet-hashes",)
    many = True

    def wants(self, name: str, named: bool) -> bool:
        """Tell by the name."""
        return name.lower() == "hashes.json"

    def probe(self, container: Container, report: Report) -> bool:
        """Tell whether ``hashes`` has entries with ``model`` and ``legacy`` or ``mtime``."""
        with open_export(container.path) as file:
            return _is_addnet(file)

    def records(self, container: Container, progress: Progress, report: Report) -> Iterator[Record]:
        """Yield a record for each path."""
        with open_export(container.path) as file:
            file.choose_codec(lambda: 0)
            reader = EntryReader(file, progress, report)
            for section in _sections(file, file.units):
                for entry in reader.entries(section):
                    mtime = _mtime_of(entry.key, os.path.dirname(container.path))
                    extra = entry.extra if mtime is None else {**entry.extra, "file_mtime": mtime}
                    yield Record(self.id, container.path, entry.record_key, entry.payload, extra)

    def claims(self, record: Record, siblings: frozenset[str], sha256: str | None = None) -> Claims:
        """Return what an entry says."""
        path = key_of(record) or None
        found = parsed(record)
        flags = flags_of(record, found, ())
        others = _places_of(path or "")
        if not found.ok or not isinstance(found.value, Mapping):
            message = found.message or "This entry is no object."
            return Claims(path=path, other_paths=others, flags=flags, problem=UNPARSED, message=message)
        claimed = full_sha256(found.value.get("model"))
        file_mtime = number_of((record.extra or {}).get("file_mtime"))
        mtime = number_of(found.value.get("mtime"))
        if claimed is not None and file_mtime is not None and not is_same_time(mtime, file_mtime):
            claimed, flags = None, (*flags, STALE_HASH)
        of_tensors = suffix_of(path or "") in _TENSORS_HASHED
        partial: dict[str, str] = {}
        if claimed is not None and of_tensors and (digits := partial_hash("AutoV3", claimed)) is not None:
            partial["AutoV3"] = digits
        whole = None if of_tensors else claimed
        return Claims(
            fields={"type": "lora"},
            sha256=whole,
            own_hash=whole is not None,
            partial_hashes=partial,
            path=path,
            other_paths=others,
            flags=flags,
        )


def _sections(file: ExportFile, units: int) -> Iterator[Member]:
    """Yield the objects of the name ``hashes``; a file has one, unless somebody wrote into it."""
    cut = Cut(file.view(0, units))
    for _, member in zip(range(_MEMBERS_LIMIT), cut, strict=False):
        if member.kind == b"{" and key_text(file, member) == "hashes":
            yield member


def _is_addnet(file: ExportFile) -> bool:
    units = min(_PROBE_UNITS, file.units)
    for section in _sections(file, units):
        entries = Cut(file.view(section.start, units), section.start)
        for _, entry in zip(range(_PROBED_ENTRIES), entries, strict=False):
            members = Cut(file.view(entry.start, entry.end), entry.start)
            keys = {key_text(file, member) for _, member in zip(range(10), members, strict=False)}
            if "model" in keys and not keys.isdisjoint(("legacy", "mtime")):
                return True
    return False


def _places_of(path: str) -> tuple[str, ...]:
    """Return where the file lies if the extension's folder has moved."""
    spelt = path.replace("\\", "/")
    at = spelt.lower().find(_FOLDER)
    return (spelt[at + 1 :],) if at >= 0 else ()


def _mtime_of(path: str, folder: str) -> float | None:
    """Return the mtime of the file at the place named, else at the one beside the container, as Unix seconds."""
    for place in (path, *_places_of(path)):
        # Two slashes name another computer: to ask it would tell it who is asking.
        if not place or "\0" in place or place.replace("\\", "/").startswith("//"):
            continue
        if os.path.isabs(place) or place != path:
            try:
                return os.stat(os.path.join(folder, place)).st_mtime
            except (OSError, ValueError):
                continue
    return None
