"""Pumas-Library: ``metadata.json`` in the folder of each model, and the index ``models.db`` of the whole library.

The file is the authority. The index lacks what are columns of its own, adds what it derived, and alone holds the
person's reviews: JSON merge patches (RFC 7396) in ``model_metadata_overlays``, of which the active one is in force.
"""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from modelmgr import payload
from modelmgr.migration.beside import alike, base_name, is_model_name
from modelmgr.migration.hashes import full_sha256, partial_hash
from modelmgr.migration.reading.container import read_container
from modelmgr.migration.reading.database import (
    COPY_SUFFIXES,
    OF_NO_MODEL,
    is_dump,
    opened,
    plain_columns,
)
from modelmgr.migration.reading.related import Related, declared_key, link_of
from modelmgr.migration.repository import INDEX_OF_PIPELINE, models_in, models_of, page_of
from modelmgr.migration.source import Container, LegacySource, Report
from modelmgr.migration.sources.civitai import (
    MEMBERS_SKIPPED,
    flags_of,
    list_of,
    mapping_of,
    several_files,
    unparsed_claims,
)
from modelmgr.migration.sources.table_source import Tables, TableSource, columns_of
from modelmgr.payload import clean_name, clean_text, integer_of, list_of_text, page_url, seconds_of
from modelmgr.progress import Progress
from modelmgr.values import Claims, Record
from modelmgr.vocabulary import UNKNOWN, canonical_base, canonical_type, type_of_name

EXTERNAL = "external-reference"
"""The flag of a model whose weights lie outside the library that lists it."""

_METADATA = "metadata.json"
_NAMES = ("model_id", "cleaned_name", "official_name")
# Keys by which the file is known where no weights lie beside it: they are in subfolders, elsewhere, or gone.
_OWN_KEYS = frozenset(
    ("storage_kind", "bundle_format", "import_state", "cleaned_name", "match_source", "family")
)

# Which column of ours each key fills.
_COLUMNS = {
    "official_name": "name",
    "cleaned_name": "name",
    "model_type": "type",
    "base_model": "base_model",
    "tags": "tags",
    "notes": "notes",
    "preview_image": "preview",
    "repo_id": "source_url",
    "download_url": "source_url",
    "license_status": "license",
    "model_card": "license",
}
# "vision" is all that looks at pictures; what it is for stands in other keys, in Hugging Face's words.
_USES = ("pipeline_tag", "task_type_primary", "subtype")
_TYPES_OF_USE = {"detection": "detector", "segmentation": "segmenter", "classification": "classifier"}


class PumasMetadata(LegacySource):
    """``<library>/<type>/<family>/<cleaned name>/metadata.json``."""

    id = "pumas-metadata"
    record_ids = ("pumas-metadata",)

    def wants(self, name: str, named: bool) -> bool:
        """Tell by the name."""
        return name.lower() == _METADATA

    def probe(self, container: Container, report: Report) -> bool:
        """Tell by the keys; the name is everybody's, so what can't be parsed is nobody's."""
        if os.path.basename(os.path.dirname(container.path)).startswith("."):
            return False  # an import that was never finished
        content = read_container(container.path)
        # SD.Next has a file of this name with all that it knows of all models: too much to be parsed for nothing.
        if b"\0" not in content[:64] and not any(f'"{key}"'.encode() in content for key in _NAMES):
            return False
        said = mapping_of(payload.parse(content).value)
        if not any(isinstance(said.get(key), str) for key in _NAMES):
            return False
        return container.folder_holds_models or ("model_id" in said and not _OWN_KEYS.isdisjoint(said))

    def claims(self, record: Record, siblings: frozenset[str], sha256: str | None = None) -> Claims:
        """Return what the file says of the weights in its folder."""
        found = payload.parse(record.payload)
        if not found.ok:
            return unparsed_claims(record, found, _weights(siblings))
        if not isinstance(found.value, Mapping):
            return Claims(marker=found.value is None, flags=flags_of(record, found, ()))
        folder = os.path.dirname(record.source_path)
        said = _claims(found.value, folder, sha256)
        if EXTERNAL not in said.flags:
            names = _meant(found.value, said.path, siblings)
            said = replace(said, stem_names=names, flags=(*said.flags, *several_files(names)))
            if said.path is None and not names:
                said = replace(said, path=_weights_in(folder, os.path.dirname(folder)))
        elif said.path is not None and (weights := _weights_in(said.path, "")):
            said = replace(said, other_paths=(weights,))
        return replace(said, flags=flags_of(record, found, said.flags))


class PumasIndex(TableSource):
    """``<library>/models.db``."""

    id = "pumas-index"
    record_ids = ("pumas-index",)
    copies = COPY_SUFFIXES

    def is_ours(self, tables: Tables, container: Container) -> bool:
        """Tell by the tables and their stored columns."""
        return columns_of(tables, "models") >= {"metadata_json", "hashes_json", "cleaned_name"}

    def records(self, container: Container, progress: Progress, report: Report) -> Iterator[Record]:
        """Yield a record for each row of ``models``, its ``metadata_json`` as payload; then what is no model's."""
        with opened(container.path, progress, report) as database:
            tables = database.tables()
            models = next(table for table in tables if table.name.lower() == "models")
            links = (
                link_of(
                    tables,
                    models,
                    table.name.lower(),
                    (("model_id", "id"),),
                    own=table.name.lower() in (_OVERLAYS, _EXCLUSIONS),
                )
                for table in tables
                if table is not models
            )
            related = Related(database, models, links, tables, self.id, report)
            column = models.column("metadata_json")
            for place, (key, size_bytes) in enumerate(database.keys(models)):
                progress.step(place, None, container.name, "records")
                row = database.row(models, key, size_bytes)
                if row is None:
                    yield from related.take(key, None)
                    continue
                extra = row.around(column)
                yield from related.take(key, extra)
                yield Record(self.id, container.path, declared_key(row, models), row.payload(column), extra)
            yield from related.rest()

    def claims(self, record: Record, siblings: frozenset[str], sha256: str | None = None) -> Claims:
        """Return what a row says: its JSON, what columns have instead, and the person's review on top."""
        extra = record.extra or {}
        if is_dump(extra):
            return OF_NO_MODEL
        columns = {name.lower(): value for name, value in plain_columns(extra.get("columns")).items()}
        found = payload.Parsed() if extra.get("made") else payload.parse(record.payload)
        overlay = _active_overlay(extra.get("related"))
        said = mapping_of(_patched(_with_columns(mapping_of(found.value), columns), overlay))
        folder = clean_text(columns.get("path"))
        claims = _claims(said, folder, sha256)
        path, others = claims.path, _places(said, claims.path)
        if EXTERNAL not in claims.flags:
            path = _below(folder, path) if path else folder or None
        if path is not None and claims.path in (None, _path_of(said.get("entry_path"))):
            others += _weights_of_row(path, said, os.path.dirname(record.source_path))
        claims = replace(
            claims,
            path=path,
            other_paths=others,
            personal=claims.personal
            | {column for key, column in _COLUMNS.items() if key in overlay and column in claims.fields},
            flags=flags_of(record, found, claims.flags),
        )
        if not found.ok:
            unparsed = unparsed_claims(record, found, ())
            return replace(claims, problem=unparsed.problem, message=unparsed.message)
        return claims


# --- the index --------------------------------------------------------------------------------------------

_OVERLAYS = "model_metadata_overlays"
_EXCLUSIONS = "model_link_exclusions"


def _with_columns(said: Mapping[Any, Any], columns: Mapping[str, Any]) -> dict[Any, Any]:
    """Return a row's JSON with the fields that the tool takes out of it to keep them as columns."""
    whole = dict(said)
    owned = {
        "model_id": columns.get("id"),
        "model_type": columns.get("model_type"),
        "cleaned_name": columns.get("cleaned_name"),
        # Where a model has no name, the tool writes its id.
        "official_name": None
        if columns.get("official_name") == columns.get("id")
        else columns.get("official_name"),
        "hashes": _parsed(columns.get("hashes_json")),
        "tags": _parsed(columns.get("tags_json")),
        "updated_date": columns.get("updated_at"),
    }
    for key, value in owned.items():
        if whole.get(key) is None and value is not None:
            whole[key] = value
    return whole


def _active_overlay(related: Any) -> Mapping[Any, Any]:
    """Return the review that is in force, an empty one if there is none."""
    tables = mapping_of(related)
    rows = next((rows for name, rows in tables.items() if str(name).lower() == _OVERLAYS), ())
    active = [row for row in list_of(rows) if isinstance(row, Mapping) and row.get("status") == "active"]
    newest = max(active, key=lambda row: clean_text(row.get("created_at")), default={})
    plain = plain_columns({"overlay_json": {"storage": "text", "value": newest.get("overlay_json")}})
    return mapping_of(_parsed(plain["overlay_json"]))


def _parsed(value: Any) -> Any:
    if isinstance(value, str):
        value = value.encode("utf-8", "surrogatepass")
    return payload.parse(value).value if isinstance(value, bytes) else None


def _patched(target: Any, patch: Any) -> Any:
    """Return a value with a merge patch applied: null deletes, objects are merged, all else replaces."""
    if not isinstance(patch, Mapping):
        return patch
    result = dict(mapping_of(target))
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = _patched(result.get(key), value)
    return result


def _below(folder: str, name: str) -> str:
    separator = "\\" if "\\" in folder and "/" not in folder else "/"
    return f"{folder.rstrip(separator)}{separator}{name}" if folder else name


def _places(said: Mapping[Any, Any], name: str | None) -> tuple[str, ...]:
    """Return where a model's file may lie too: as the tool entered it, and below the index, if that was moved."""
    model_id = clean_text(said.get("model_id"))
    entry = _path_of(said.get("entry_path"))
    moved = f"{model_id}/{name}" if model_id and name and name != entry else ""
    return tuple(path for path in (entry, moved) if path and is_model_name(path))


def _weights_of_row(path: str, said: Mapping[Any, Any], library: str) -> tuple[str, ...]:
    """Return the weight file of a row that names a folder alone: there, or below the index, if that was moved."""
    model_id = clean_text(said.get("model_id"))
    places = dict.fromkeys((path, os.path.join(library, model_id) if model_id else path))
    found = (_weights_in(place, library) for place in places if os.path.isabs(place))
    return tuple(weights for weights in found if weights is not None)


# --- what both say ----------------------------------------------------------------------------------------


def _claims(said: Mapping[Any, Any], folder: str, sha256: str | None) -> Claims:
    """Return the claims; `path` is relative to the model's folder, or absolute if the weights lie elsewhere."""
    fields, flags = _fields(said, folder)
    hashes = mapping_of(said.get("hashes"))
    chief = full_sha256(hashes.get("sha256"))
    weights = _entries(said)
    entry = _entry_for(weights, sha256, chief, said)
    own = full_sha256(entry.get("sha256")) or (chief if len(weights) < 2 else None) if entry else chief
    blake3 = entry.get("blake3") if entry else None
    if blake3 is None and (not entry or own == chief):
        blake3 = hashes.get("blake3")
    digits = partial_hash("BLAKE3", blake3)
    others = (full_sha256(other.get("sha256")) for other in weights if other is not entry)
    size = integer_of(entry.get("size")) if entry else None
    if size is None and len(weights) < 2:
        size = integer_of(said.get("size_bytes"))
    path = _name_of(entry) if entry else None
    if clean_text(said.get("storage_kind")) == "external_reference":
        flags.append(EXTERNAL)
        path = _path_of(said.get("entry_path"))
        if path and entry and not is_model_name(path):
            path = _below(path, _name_of(entry))
    times = (seconds_of(said.get(key)) for key in ("updated_date", "added_date"))
    return Claims(
        fields=fields,
        personal=frozenset({"notes"} & fields.keys()),
        sha256=own,
        own_hash=own is not None,
        partial_hashes={"BLAKE3": digits} if digits else {},
        sibling_sha256=tuple(dict.fromkeys(found for found in others if found and found != own)),
        size_bytes=size if size is not None and size > 0 else None,
        path=path,
        time=next((time for time in times if time is not None), None),
        flags=tuple(flags),
    )


def _fields(said: Mapping[Any, Any], folder: str) -> tuple[dict[str, Any], list[str]]:
    fields: dict[str, Any] = {}
    flags: list[str] = []
    if name := clean_name(said.get("official_name")) or clean_name(said.get("cleaned_name")):
        fields["name"] = name
    kind, word = _type_of(said)
    if kind != UNKNOWN:
        fields["type"] = kind
    elif word and word != UNKNOWN:
        flags.append(f"unknown-type:{word[:64]}")
    bases = list_of_text(said.get("base_model"), commas=False)
    if bases and (base := canonical_base(clean_name(bases[0]))):
        fields["base_model"] = base
    if tags := list_of_text(said.get("tags")):
        fields["tags"] = tags
    if payload.has_other_members(said.get("tags")):
        flags.append(MEMBERS_SKIPPED)
    if notes := clean_text(said.get("notes")):
        fields["notes"] = notes
    if picture := _path_of(said.get("preview_image")):
        if os.path.isabs(picture):
            fields["preview"] = picture
        elif os.path.isabs(folder) and ":" not in picture and "\\" not in picture:
            fields["preview"] = os.path.join(folder, picture)
    if url := page_of(clean_name(said.get("repo_id"))) or page_url(said.get("download_url")):
        fields["source_url"] = url
    if terms := _license_of(said):
        fields["license"] = terms
    return fields, flags


def _type_of(said: Mapping[Any, Any]) -> tuple[str, str]:
    """Return the canonical type and the tool's word."""
    word = clean_name(said.get("model_type")).lower()
    if word == "vision":
        uses = " ".join(clean_name(said.get(key)).lower() for key in _USES)
        return next((kind for use, kind in _TYPES_OF_USE.items() if use in uses), UNKNOWN), UNKNOWN
    return canonical_type(word, tool="pumas"), word


def _license_of(said: Mapping[Any, Any]) -> str:
    status = clean_name(said.get("license_status"))
    if status.lower() not in ("", "license_unknown", "unknown"):
        return status
    card = mapping_of(said.get("model_card"))
    terms = clean_name(card.get("license"))
    if terms.lower() == "other":
        return clean_name(card.get("license_name")) or clean_name(card.get("license_link")) or terms
    return terms


# --- which file -------------------------------------------------------------------------------------------


def _path_of(value: Any) -> str | None:
    path = value.strip() if isinstance(value, str) else ""
    return path if path and "\0" not in path and "://" not in path else None


def _name_of(entry: Mapping[Any, Any]) -> str:
    return clean_text(entry.get("name")).replace("\\", "/")


def _entries(said: Mapping[Any, Any]) -> list[Mapping[Any, Any]]:
    """Return what is said of each file that holds weights; of a model in shards the first comes first."""
    files = [entry for entry in list_of(said.get("files")) if isinstance(entry, Mapping)]
    return [entry for entry in files if is_model_name(_name_of(entry))]


def _entry_for(
    weights: Sequence[Mapping[Any, Any]], sha256: str | None, chief: str | None, said: Mapping[Any, Any]
) -> Mapping[Any, Any] | None:
    """Return the entry of the file that the record speaks of, None if nothing tells which of them that is."""
    for digits in (sha256, chief):
        for entry in weights:
            if digits is not None and full_sha256(entry.get("sha256")) == digits:
                return entry
    name = base_name(_path_of(said.get("entry_path")) or "")
    named = [entry for entry in weights if base_name(_name_of(entry)) == name]
    if len(named) == 1:
        return named[0]
    names = [_name_of(entry) for entry in weights]
    if clean_text(said.get("bundle_format")):  # a pipeline is one model, whose weights lie in subfolders
        names = [*(name for name in names if "/" in name), INDEX_OF_PIPELINE]
    models = _chief_files(names)
    return (
        next((entry for entry in weights if _name_of(entry) == models[0]), None) if len(models) == 1 else None
    )


def _chief_files(names: Iterable[str]) -> list[str]:
    """Return the first file of each model among some names, without projectors that go with another one."""
    models = [files[0] for files in models_of(names)]
    without = [name for name in models if type_of_name(base_name(name)) != "mmproj"]
    return without or models


def _weights_in(folder: str, library: str) -> str | None:
    """Return the chief weight file of a model's folder, None if it isn't there or holds several models.

    Args:
        folder: absolute.
        library: below which any folder may be a model's; empty for none.
    """
    path = os.path.normpath(folder)
    models = models_in(path, (library,) if library else ())
    chiefs = _chief_files(name for names in models for name in names) if len(models) != 1 else [models[0][0]]
    return os.path.join(path, chiefs[0]) if len(chiefs) == 1 else None


def _weights(siblings: frozenset[str]) -> tuple[str, ...]:
    return tuple(sorted(name for name in siblings if is_model_name(name)))


def _meant(said: Mapping[Any, Any], path: str | None, siblings: frozenset[str]) -> tuple[str, ...]:
    """Return the files in the folder that the record speaks of: by name, else all, for the folder is the model."""
    if path is not None:
        if "/" in path:
            return ()
        if there := alike(path, siblings):
            return there[:1]
    named = [name for entry in _entries(said) for name in alike(_name_of(entry), siblings)[:1]]
    return tuple(_chief_files(named or _weights(siblings)))
