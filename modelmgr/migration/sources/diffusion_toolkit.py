"""DiffusionToolkit, a viewer of pictures: its copy of Civitai's catalogue, and a table of models in its database.

The catalogue (``models.json``) lists thousands of models that the person doesn't have. So it makes no records of
its own: an entry counts only for a file that is held already and whose SHA-256 it names. The database is one of
pictures; the table ``Model`` was planned and is never filled by known versions, but read where it is found.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from modelmgr.migration.hashes import full_sha256, partial_hash, sha256_of_hashes
from modelmgr.migration.reading.database import (
    OF_NO_MODEL,
    dump_tables,
    is_dump,
    opened,
    plain_columns,
)
from modelmgr.migration.reading.export_file import ExportFile, open_export
from modelmgr.migration.reading.json_entries import key_text, parsed
from modelmgr.migration.reading.json_ranges import Cut, Member, elements
from modelmgr.migration.source import Container, LegacySource, Place, Report
from modelmgr.migration.sources.civitai import UNPARSED, flags_of, list_of, mapping_of, version_claims
from modelmgr.migration.sources.table_source import Tables, TableSource, columns_of
from modelmgr.payload import clean_name, integer_of, parse
from modelmgr.progress import Progress
from modelmgr.values import MIB, Claims, Problem, Record

_PROBE_UNITS = 1 * MIB
_MEMBERS_LIMIT = 1000
_ELEMENT_LIMIT_UNITS = 64 * MIB
_AROUND_LIMIT_UNITS = 1 * MIB

_PLACES = (
    Place("DiffusionToolkit", "$APPDATA/DiffusionToolkit", "win32"),
    Place("DiffusionToolkit", "C:/DiffusionToolkit", "win32"),
)


class DiffusionToolkitModels(LegacySource):
    """``models.json`` in the program's folder: ``date`` and ``models``, each with its ``modelVersions``.

    The payload of a record is the version's object; of the model around it the record has the text before and
    after its list of versions.
    """

    id = "diffusion-toolkit-models"
    record_ids = ("diffusion-toolkit-models",)
    many = True
    enriches = True
    places = _PLACES

    def wants(self, name: str, named: bool) -> bool:
        """Tell by the name."""
        return name.lower() == "models.json"

    def probe(self, container: Container, report: Report) -> bool:
        """Tell by ``date`` and a list ``models`` whose first element has ``modelVersions``, or is empty."""
        with open_export(container.path) as file:
            return _is_catalogue(file)

    def records(self, container: Container, progress: Progress, report: Report) -> Iterator[Record]:
        """Yield a record for each file of each version that has a SHA-256."""
        with open_export(container.path) as file:
            file.choose_codec(lambda: 0)
            models = _list_of_models(file)
            if models is None:
                return

            def report_open(unit: int) -> None:
                message = f"The list of models ends at byte {file.offset(unit)} without a closing bracket."
                report(Problem(container.path, "truncated", message, kept=True))

            taken: set[str] = set()
            for model in elements(file, models.start, report_open):
                progress.step(file.offset(model.end), file.size_bytes, container.name, "bytes")
                if model.broken or model.kind != b"{" or model.end - model.start > _ELEMENT_LIMIT_UNITS:
                    message = f"The model at byte {file.offset(model.start)} of the catalogue can't be read."
                    report(Problem(container.path, UNPARSED, message, kept=True))
                    continue
                for record in _records_of(container.path, file, model):
                    if record.record_key not in taken:
                        taken.add(record.record_key)
                        yield record

    def claims(self, record: Record, siblings: frozenset[str], sha256: str | None = None) -> Claims:
        """Return what Civitai said of the file; the record itself tells which of the version's files it is."""
        extra = record.extra or {}
        found = parsed(record)
        flags = flags_of(record, found, ())
        if not found.ok or not isinstance(found.value, Mapping):
            return Claims(flags=flags, problem=UNPARSED, message=found.message or "This entry is no object.")
        about = parse("[]".join(map(str, list_of(extra.get("around")))).encode("utf-8", "replace"))
        said = version_claims(
            found.value, sha256=full_sha256(extra.get("sha256")) or sha256, parent=mapping_of(about.value)
        )
        return Claims(
            fields=said.fields,
            sha256=said.sha256,
            partial_hashes=said.partial_hashes,
            sibling_sha256=said.sibling_sha256,
            size_hint_bytes=said.size_hint_bytes,
            time=said.time,
            flags=tuple(dict.fromkeys((*flags, *said.flags))),
        )


def _is_catalogue(file: ExportFile) -> bool:
    units = min(_PROBE_UNITS, file.units)
    models = _list_of_models(file)
    if models is None:
        return False
    first = next(iter(Cut(file.view(models.start, units), models.start)), None)
    if first is None:
        return True
    members = Cut(file.view(first.start, units), first.start)
    return any(
        key_text(file, member) == "modelVersions"
        for _, member in zip(range(_MEMBERS_LIMIT), members, strict=False)
    )


def _list_of_models(file: ExportFile) -> Member | None:
    """Return the list of an object that has a ``date`` too, None for any other file."""
    models: Member | None = None
    has_date = False
    for _, member in zip(range(_MEMBERS_LIMIT), Cut(file.view()), strict=False):
        key = key_text(file, member)
        has_date = has_date or (key == "date" and member.kind not in (b"{", b"["))
        if key == "models" and member.kind == b"[":
            models = member
    return models if has_date else None


def _records_of(path: str, file: ExportFile, model: Member) -> Iterator[Record]:
    """Yield the records of one model."""
    versions: Member | None = None
    ids: dict[str, int | None] = {}
    for _, member in zip(
        range(_MEMBERS_LIMIT), Cut(file.view(model.start, model.end), model.start), strict=False
    ):
        key = key_text(file, member)
        if key == "modelVersions" and member.kind == b"[":
            versions = member
        elif key == "id" and member.end - member.start < 32:
            ids["model"] = integer_of(file.decode(file.range(member.start, member.end)))
    if versions is None:
        return
    before, after = (model.start, versions.start), (versions.end, model.end)
    around: list[str] = []
    if all(end - start <= _AROUND_LIMIT_UNITS for start, end in (before, after)):
        around = [file.decode(file.range(*one)) for one in (before, after)]
    for index, version in enumerate(Cut(file.view(versions.start, versions.end), versions.start)):
        payload = file.range(version.start, version.end)
        extra: dict[str, Any] = {"codec": file.codec} if file.codec != "utf-8" else {}
        said = mapping_of(parsed(Record(DiffusionToolkitModels.id, path, "", payload, extra)).value)
        version_id = integer_of(said.get("id"))
        for place, entry in enumerate(list_of(said.get("files"))):
            about = mapping_of(entry)
            digits = sha256_of_hashes(mapping_of(about.get("hashes")))
            if digits is None:
                continue
            file_id = integer_of(about.get("id"))
            parts = (ids.get("model"), version_id, file_id)
            fallbacks = (f"@{file.offset(model.start)}", f"@{index}", f"@{place}")
            key = "/".join(
                str(found) if found is not None else other
                for found, other in zip(parts, fallbacks, strict=True)
            )
            yield Record(
                DiffusionToolkitModels.id, path, key, payload, {**extra, "sha256": digits, "around": around}
            )


# --- the database -----------------------------------------------------------------------------------------

# What it knows of pictures, and of the folders and albums they are in.
_OF_PICTURES = frozenset(
    (
        *("image", "album", "albumimage", "folder", "excludefolder", "file", "node", "nodeproperty"),
        *("tag", "imagetag", "query", "queryitem", "snippet", "migration", "migrations", "thumbnail"),
    )
)


class DiffusionToolkitDatabase(TableSource):
    """``diffusion-toolkit.db``: only the table ``Model``; what is said of pictures is no record of a model."""

    id = "diffusion-toolkit-db"
    record_ids = ("diffusion-toolkit-db",)
    places = _PLACES

    def is_ours(self, tables: Tables, container: Container) -> bool:
        """Tell by the tables and their stored columns."""
        return columns_of(tables, "image") >= {"modelhash", "model"}

    def records(self, container: Container, progress: Progress, report: Report) -> Iterator[Record]:
        """Yield a record for each row of ``Model``, if there is that table."""
        with opened(container.path, progress, report) as database:
            others = []
            for table in database.tables():
                lowered = table.name.lower()
                if lowered == "model":
                    for row in database.read(table):
                        yield Record(self.id, container.path, row.key, row.made(), row.around(None))
                elif lowered not in _OF_PICTURES:
                    others.append(table)
            yield from dump_tables(database, self.id, others, report)

    def claims(self, record: Record, siblings: frozenset[str], sha256: str | None = None) -> Claims:
        """Return what a row says.

        ``Hash`` is not used: the tool pads small files with zeros before it computes that.
        """
        extra = record.extra or {}
        if is_dump(extra):
            return OF_NO_MODEL
        columns = {name.lower(): value for name, value in plain_columns(extra.get("columns")).items()}
        fields: dict[str, Any] = {}
        if name := clean_name(columns.get("name")):
            fields["name"] = name
        partial: dict[str, str] = {}
        if (digits := partial_hash("AutoV2", columns.get("hashv2"))) is not None:
            partial["AutoV2"] = digits
        whole = full_sha256(columns.get("sha256"))
        path = columns.get("path")
        return Claims(
            fields=fields,
            sha256=whole,
            own_hash=whole is not None,
            partial_hashes=partial,
            path=path if isinstance(path, str) and path.strip() and "\0" not in path else None,
        )
