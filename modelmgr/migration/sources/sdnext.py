"""SD.Next's ``metadata.json``: what it read from the headers of all models, shortened, by their paths.

It is less than the headers themselves: pictures are replaced by the word ``data``, workflows by ``workflow``, big
values dropped. So it says nothing of a model that the file wouldn't say better; it is kept for files that are gone.
"""

import os
from collections.abc import Iterator, Mapping

from modelmgr.migration.beside import is_model_name
from modelmgr.migration.reading.export_file import ExportFile, open_export
from modelmgr.migration.reading.json_entries import EntryReader, key_of, key_text, parsed, whole_object
from modelmgr.migration.reading.json_ranges import Cut
from modelmgr.migration.source import Container, LegacySource, Place, Report
from modelmgr.migration.sources.a1111_cache import data_folders
from modelmgr.migration.sources.civitai import UNPARSED, flags_of
from modelmgr.progress import Progress
from modelmgr.values import MIB, Claims, Problem, Record

_PROBE_UNITS = 8 * MIB
_PROBED_MEMBERS = 50
_WAITING_LIMIT_BYTES = 4 * MIB
_SUFFIX = ".safetensors"


class SdnextMetadata(LegacySource):
    """``metadata.json`` in the program's folder, since 2026 in its ``data``."""

    id = "sdnext-metadata"
    record_ids = ("sdnext-metadata",)
    many = True
    places = (
        Place("SD.Next", "~/sdnext"),
        Place("SD.Next", "~/automatic"),
        Place("SD.Next", "$SD_DATADIR"),
        Place("SD.Next", "C:/sdnext", "win32"),
    )

    def wants(self, name: str, named: bool) -> bool:
        """Tell by the name."""
        return name.lower() == "metadata.json"

    def probe(self, container: Container, report: Report) -> bool:
        """Tell whether most of the first keys are paths of safetensors files, and all values objects."""
        with open_export(container.path) as file:
            return _is_metadata(file)

    def records(self, container: Container, progress: Progress, report: Report) -> Iterator[Record]:
        """Yield a record for each path, with the exact bytes of what is said about it; other objects come last."""
        others: list[Record] = []
        room = _WAITING_LIMIT_BYTES
        with open_export(container.path) as file:
            file.choose_codec(lambda: 0)
            whole = whole_object(file)
            if whole is None:
                return
            for entry in EntryReader(file, progress, report).entries(whole):
                if entry.kind not in (b"{", b""):
                    message = "This entry is no object, so it says nothing of a model."
                    report(Problem(container.path, UNPARSED, message, entry.record_key))
                    continue
                record = Record(self.id, container.path, entry.record_key, entry.payload, entry.extra)
                room -= 0 if is_model_name(entry.key) else len(entry.payload)
                if is_model_name(entry.key) or room < 0:
                    yield record
                else:
                    others.append(record)
        yield from others

    def claims(self, record: Record, siblings: frozenset[str], sha256: str | None = None) -> Claims:
        """Return where the file should be; the file's own header says the rest, and more of it."""
        path = key_of(record)
        found = parsed(record)
        others: tuple[str, ...] = ()
        if path:
            spelt = path.replace("\\", "/")
            above = data_folders(os.path.dirname(record.source_path))[1:]
            places = (spelt, *(f"../{spelt}" for _ in above if not os.path.isabs(spelt)))
            others = tuple(place for place in places if place != path)
        flags = flags_of(record, found, ())
        if not found.ok or not isinstance(found.value, Mapping):
            message = found.message or "This entry is no object."
            return Claims(path=path, other_paths=others, flags=flags, problem=UNPARSED, message=message)
        return Claims(
            path=path or None, other_paths=others, flags=flags, marker=not is_model_name(path or "")
        )


def _is_metadata(file: ExportFile) -> bool:
    parts = b"".join(file.view(0, min(_PROBE_UNITS, file.units)))
    objects = paths = 0
    for _, member in zip(range(_PROBED_MEMBERS), Cut(iter((parts,))), strict=False):
        objects += member.kind == b"{"
        paths += member.kind == b"{" and key_text(file, member).lower().endswith(_SUFFIX)
    return paths * 2 >= objects > 0
