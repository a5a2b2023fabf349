"""ComfyUI's asset database ``comfyui.db``, and the ``.bkp`` that an upgrade left beside it.

Two upgrades threw away what people had typed, so both files are read. A revision's name tells little: ``assets``
held contents before ``0007`` and holds records since; the columns tell.
"""

# ruff: noqa: S608 - names of tables and columns go through `quoted`; everything else is bound.

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from modelmgr import payload, sqlite
from modelmgr.errors import Unreadable
from modelmgr.lazily import dataclass
from modelmgr.migration.beside import base_name, is_model_name, stem_of
from modelmgr.migration.hashes import partial_hash
from modelmgr.migration.reading.database import (
    DATABASE_SUFFIXES,
    OF_NO_MODEL,
    Database,
    Key,
    Stream,
    Table,
    dump_tables,
    is_dump,
    key_order,
    key_terms,
    opened,
    plain_columns,
    quoted,
    stored_terms,
    typed_values,
)
from modelmgr.migration.reading.related import Related, declared_key, link_of
from modelmgr.migration.source import Container, Place, Report
from modelmgr.migration.sources.civitai import UNPARSED, flags_of, mapping_of
from modelmgr.migration.sources.generic_columns import transcoded
from modelmgr.migration.sources.table_source import Tables, TableSource
from modelmgr.payload import clean_name, clean_text, integer_of, list_of_text, page_url, seconds_of
from modelmgr.progress import Progress
from modelmgr.values import NO_MODEL, Claims, Problem, Record
from modelmgr.vocabulary import UNKNOWN, canonical_base, canonical_type, type_of_folder

_BACKUP_SUFFIX = ".bkp"
_PREVIEWS, _COPIES = "previews", "copies"

# Revisions from before the assets; their tables hold nothing that can be relied on, and are kept row by row.
_DEVELOPMENT = frozenset(("e9c714da8d57", "565b08122d00", "2fb22c4fff36"))

_TAGS = ("asset_reference_tags", "asset_info_tags", "asset_tags")


@dataclass(frozen=True, slots=True)
class _Form:
    """One of the forms that records had.

    Attributes:
        table: of the records.
        column: one that it must have to be that.
        links: tables whose rows belong to a record -> a column of theirs and one of the record's that are equal.
        previews: where the file of a record's preview is named: table, column of the path, its column that the
            record's column names.
        copies: likewise, where its own file may be named beside it.
    """

    table: str
    column: str
    links: Mapping[str, tuple[str, str]]
    previews: tuple[tuple[str, str, str, str], ...] = ()
    copies: tuple[tuple[str, str, str, str], ...] = ()


_FORMS = (
    _Form(  # 0007 and later
        "assets",
        "content_id",
        {
            "asset_contents": ("id", "content_id"),
            "asset_tags": ("asset_id", "id"),
            "asset_meta": ("asset_id", "id"),
        },
    ),
    _Form(  # 0002 to 0006; before 0003 a preview was named by its content
        "asset_references",
        "id",
        {
            "assets": ("id", "asset_id"),
            "asset_reference_tags": ("asset_reference_id", "id"),
            "asset_reference_meta": ("asset_reference_id", "id"),
        },
        (
            ("asset_references", "file_path", "id", "preview_id"),
            ("asset_references", "file_path", "asset_id", "preview_id"),
        ),
        (("asset_references", "file_path", "asset_id", "asset_id"),),
    ),
    _Form(  # 0001 as released
        "assets_info",
        "asset_id",
        {
            "assets": ("id", "asset_id"),
            "asset_cache_state": ("asset_id", "asset_id"),
            "asset_info_tags": ("asset_info_id", "id"),
            "asset_info_meta": ("asset_info_id", "id"),
        },
        (("asset_cache_state", "file_path", "asset_id", "preview_id"),),
    ),
    _Form(  # 0001 as developed
        "assets_info",
        "asset_hash",
        {
            "assets": ("hash", "asset_hash"),
            "asset_locator_state": ("asset_hash", "asset_hash"),
            "asset_info_tags": ("asset_info_id", "id"),
            "asset_info_meta": ("asset_info_id", "id"),
        },
        (("assets", "storage_locator", "hash", "preview_hash"),),
    ),
)
_OWN_BUSINESS = frozenset(("tags", "alembic_version", "asset_system_state"))

_OUTSIDE_MODELS = frozenset(("input", "output", "temp"))
_SYSTEM_TAGS = frozenset([*_OUTSIDE_MODELS, "models", "missing", "rescan", "configs", "encoder", "decoder"])
# Folder names of ComfyUI and of custom nodes, and the words of the development form.
_FOLDER_TAGS = frozenset(
    [
        *("checkpoints", "loras", "vae", "vae_approx", "text_encoders", "clip", "diffusion_models", "unet"),
        *("clip_vision", "style_models", "embeddings", "diffusers", "controlnet", "t2i_adapter", "gligen"),
        *("upscale_models", "latent_upscale_models", "hypernetworks", "photomaker", "classifiers"),
        *("model_patches", "audio_encoders", "background_removal", "detection", "frame_interpolation"),
        *("geometry_estimation", "optical_flow", "ipadapter", "insightface", "sams", "ultralytics", "bbox"),
        *("segm", "animatediff_models", "animatediff_motion_lora", "unet_gguf", "clip_gguf", "llm", "onnx"),
        *("instantid", "pulid", "inpaint", "birefnet", "depthanything", "xlabs"),
        *("checkpoint", "lora", "text-encoder", "clip-vision", "upscale", "diffusion-model", "vae-approx"),
        *("style-model", "embedding", "hypernetwork", "audio-encoder", "model-patch", "classifier"),
    ]
)
_MODEL_TYPE = "model_type:"
_PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".mp4", ".webm")


class ComfyuiAssets(TableSource):
    """See the module."""

    id = "comfyui-assets"
    record_ids = ("comfyui-assets",)
    places = (Place("ComfyUI", "~/ComfyUI"), Place("ComfyUI", "~/Documents/ComfyUI"))

    def wants(self, name: str, named: bool) -> bool:
        """Want names of databases and their backups, and whatever the user named."""
        return named or name.lower().endswith((*DATABASE_SUFFIXES, _BACKUP_SUFFIX))

    def is_ours(self, tables: Tables, container: Container) -> bool:
        """Tell by the tables; for a development revision by its number too, for its tables have common names."""
        names = tables.keys()
        if names & {"alembic_version", "tags"} and names & {
            "asset_contents",
            "asset_references",
            "assets_info",
        }:
            return True
        if not names >= {"alembic_version", "model"}:
            return False
        with opened(container.path, Progress(), lambda problem: None) as database:
            return _revision(database) in _DEVELOPMENT

    def records(self, container: Container, progress: Progress, report: Report) -> Iterator[Record]:
        """Yield a record for each asset that is a model, then what unknown tables hold.

        Raises:
            Unreadable: nothing of the database can be read.
        """
        with opened(container.path, progress, report) as database:
            yield from _Import(container.path, database, report).records()

    def claims(self, record: Record, siblings: frozenset[str], sha256: str | None = None) -> Claims:
        """Return what a row, its content and its tags say."""
        extra = record.extra or {}
        if is_dump(extra):
            return OF_NO_MODEL
        row = _lowered(plain_columns(extra.get("columns")))
        encoding = extra.get("encoding")
        codec = encoding if isinstance(encoding, str) else "utf-8"
        if extra.get("made"):
            found = payload.Parsed({}, True)
        else:
            found = payload.parse(transcoded(record.payload, codec) if codec != "utf-8" else record.payload)
        said = _claims(_Row(row, mapping_of(found.value), extra))
        flags = flags_of(record, found, said.flags)
        if not found.ok:
            return replace(said, problem=found.code or UNPARSED, message=found.message, flags=flags)
        return replace(said, flags=flags)


def _lowered(columns: Mapping[str, Any]) -> dict[str, Any]:
    return {name.lower(): value for name, value in columns.items() if not isinstance(value, bytes)}


# --- what a row claims ------------------------------------------------------------------------------------


class _Row:
    """One record's row on its way to claims.

    Attributes:
        columns: by their names in lower case.
        user: what its column ``user_metadata`` holds.
        extra: the record's.
        tags: all of it, the tool's own too.
        paths: where its file is, those places first that the tool has verified.
    """

    def __init__(self, columns: Mapping[str, Any], user: Mapping[Any, Any], extra: Mapping[str, Any]) -> None:
        self.columns = columns
        self.user = user
        self.extra = extra
        self._related = {
            str(table).lower(): [_lowered(row) for row in rows if isinstance(row, dict)]
            for table, rows in mapping_of(extra.get("related")).items()
            if isinstance(rows, list)
        }
        tags = (clean_name(row.get("tag_name")) for row in self.related(*_TAGS))
        self.tags = tuple(dict.fromkeys(tag for tag in tags if tag))
        states = sorted(self.related("asset_cache_state"), key=lambda state: state.get("needs_verify") == 1)
        said = [
            columns.get("file_path"),
            *(content.get("path") for content in self.related("asset_contents")),
            *(content.get("storage_locator") for content in self.related("assets")),
            *(state.get("file_path") for state in states),
            *_texts(extra.get(_COPIES)),
        ]
        paths = (path for path in said if isinstance(path, str) and path.strip() and "\0" not in path)
        self.paths = tuple(dict.fromkeys(paths))

    def related(self, *names: str) -> list[dict[str, Any]]:
        """Return the rows of these tables that belong to it."""
        return [row for name in names for row in self._related.get(name, ())]

    def is_model(self) -> bool:
        """Tell whether it speaks of a model: pictures that went in or came out are records of the table too."""
        tags = {tag.lower() for tag in self.tags}
        if "models" in tags or any(tag.startswith(_MODEL_TYPE) for tag in tags):
            return True
        if tags & _OUTSIDE_MODELS:
            return False
        paths = self.paths
        return not paths or (
            not self.is_picture()
            and any(is_model_name(base_name(path)) or type_of_folder(path) for path in paths)
        )

    def is_picture(self) -> bool:
        """Tell whether its file is one that lies among models, as a preview does."""
        return bool(self.paths) and all(path.lower().endswith(_PICTURES) for path in self.paths)


def _claims(row: _Row) -> Claims:
    columns, user = row.columns, row.user
    scanned = mapping_of(_parsed(columns.get("system_metadata")))
    # Before there was a column for it, the scanner put what it found among the person's words.
    is_personal = "system_metadata" in columns
    paths = row.paths
    fields: dict[str, Any] = {}
    personal: set[str] = set()
    tags = row.tags
    if name := _name(columns.get("name")):
        fields["name"] = name
        if (
            paths
            and name not in (_name(base_name(paths[0])), clean_name(base_name(paths[0])))
            and not _is_digest(paths[0])
        ):
            personal.add("name")
    if kind := _type(tags, paths):
        fields["type"] = kind
    own_tags = tuple(tag for tag in tags if not _is_system_tag(tag))
    if own_tags:
        fields["tags"] = own_tags
        personal.add("tags")
    if notes := clean_text(user.get("notes")):
        fields["notes"] = notes
        personal.add("notes")
    if is_personal and (words := list_of_text(user.get("trained_words"), commas=False)):
        fields["trigger_words"] = words
        personal.add("trigger_words")
    for said in (user, scanned):
        base = canonical_base(clean_name(said.get("base_model")))
        if base and "base_model" not in fields:
            fields["base_model"] = base
            personal |= {"base_model"} if said is user and is_personal else set()
        page = page_url(said.get("source_url")) or page_url(said.get("repo_url"))
        if page and "source_url" not in fields:
            fields["source_url"] = page
    if picture := _picture(row.extra.get(_PREVIEWS)):
        fields["preview"] = picture
    contents = [content for content in (*row.related("asset_contents", "assets"), columns) if content]
    stale = any(state.get("needs_verify") == 1 for state in (columns, *row.related("asset_cache_state")))
    digests = [digest for content in contents if (digest := _blake3(content.get("hash")))]
    sizes = [size for content in contents if (size := integer_of(content.get("size_bytes"))) and size > 0]
    flags = [
        *(("stale-hash",) if stale and digests else ()),
        *(("missing-there",) if any(content.get("is_missing") == 1 for content in contents) else ()),
        *((NO_MODEL,) if row.is_picture() else ()),
        *(("deleted-there",) if columns.get("deleted_at") is not None else ()),
    ]
    return Claims(
        fields=fields,
        personal=frozenset(personal),
        own_hash=bool(digests) and not stale,
        partial_hashes={"BLAKE3": digests[0]} if digests and not stale else {},
        size_bytes=sizes[0] if sizes and not stale else None,
        path=paths[0] if paths else None,
        other_paths=paths[1:],
        time=seconds_of(columns.get("updated_at")) or seconds_of(columns.get("created_at")),
        marker=columns.get("deleted_at") is not None,
        flags=tuple(flags),
    )


def _parsed(value: Any) -> Any:
    return payload.parse(value.encode("utf-8", "replace")).value if isinstance(value, str) else None


def _name(value: Any) -> str:
    """Return a file's name without the ending of a model."""
    name = clean_name(value)
    return stem_of(name) if is_model_name(name) else name


def _is_digest(path: str) -> bool:
    """Tell whether a file has the name that ComfyUI gives to what was uploaded: it says nothing about the model."""
    return re.fullmatch(r"[0-9a-f]{64}", stem_of(base_name(path))) is not None


def _type(tags: Sequence[str], paths: Sequence[str]) -> str | None:
    """Return the type by the tags that name a folder of models, the exact ones first, else by the folder."""
    named = [tag[len(_MODEL_TYPE) :] for tag in tags if tag.lower().startswith(_MODEL_TYPE)]
    words = [*named, *(tag for tag in tags if tag.lower() in _FOLDER_TAGS)]
    kinds = (type_of_folder(f"/{word}") or canonical_type(word) for word in words if "/" not in word)
    found = next((kind for kind in kinds if kind != UNKNOWN), None)
    return found or next((kind for path in paths if (kind := type_of_folder(path))), None)


def _is_system_tag(tag: str) -> bool:
    word = tag.lower()
    return word in _SYSTEM_TAGS or word in _FOLDER_TAGS or word.startswith(_MODEL_TYPE)


def _blake3(value: Any) -> str | None:
    return partial_hash("BLAKE3", clean_name(value).lower().removeprefix("blake3:"))


def _picture(paths: Any) -> str | None:
    return next((path for path in _texts(paths) if path.lower().endswith(_PICTURES) and _is_file(path)), None)


def _texts(value: Any) -> list[str]:
    return [entry for entry in value if isinstance(entry, str)] if isinstance(value, list) else []


def _is_file(path: str) -> bool:
    with suppress(ValueError):  # a zero byte or half a character
        return os.path.isabs(path) and os.path.isfile(path)
    return False


# --- rows -> records --------------------------------------------------------------------------------------


def _revision(database: Database) -> str:
    """Return the schema's name; empty if the database doesn't tell."""
    with suppress(sqlite.Error, Unreadable):
        version = database.value("SELECT CAST(version_num AS BLOB) FROM main.alembic_version")
        return payload.text(version) if isinstance(version, bytes) else ""
    return ""


class _Import:
    """One run over the copy of a database."""

    def __init__(self, path: str, database: Database, report: Report) -> None:
        self._path = path
        self._database = database
        self._report = report
        self._tables = {table.name.lower(): table for table in database.tables()}

    def records(self) -> Iterator[Record]:
        """Yield the records of each table that has some, then all rows of tables that nobody knows."""
        forms = [
            form
            for form in _FORMS
            if (table := self._tables.get(form.table)) and form.column in table.lowered
        ]
        known = {*_OWN_BUSINESS, *(form.table for form in forms)}
        for place, form in enumerate(forms):
            known |= form.links.keys()
            if form.table not in {before.table for before in forms[:place]}:
                yield from self._assets(form, self._tables[form.table], "" if not place else f"{form.table}/")
        others = [table for name, table in self._tables.items() if name not in known or not forms]
        yield from dump_tables(self._database, ComfyuiAssets.id, others, self._report)

    def _assets(self, form: _Form, table: Table, prefix: str) -> Iterator[Record]:
        links = (
            link_of(self._tables.values(), table, name, (columns,), own=name in _TAGS)
            for name, columns in form.links.items()
        )
        related = Related(self._database, table, links, (), ComfyuiAssets.id, self._report)
        streams = {
            _PREVIEWS: [*self._named(table, form.previews), *self._previews_by_content(form, table)],
            _COPIES: self._named(table, form.copies),
        }
        shared: dict[str, Any] = {"container": {"revision": _revision(self._database)}}
        if self._database.codec != "utf-8":
            shared["encoding"] = self._database.codec
        column = table.column("user_metadata")
        for key, size_bytes in self._database.keys(table):
            beside = {
                name: list(dict.fromkeys(path for stream in found for path in stream.take(key)))
                for name, found in streams.items()
            }
            row = self._database.row(table, key, size_bytes)
            if row is None:
                yield from related.take(key, None)
                continue
            extra = row.around(column) | shared
            yield from related.take(key, extra)
            extra.update({name: paths for name, paths in beside.items() if paths})
            if _Row(_lowered(plain_columns(extra["columns"])), {}, extra).is_model():
                record_key = f"{prefix}{declared_key(row, table)}"
                yield Record(ComfyuiAssets.id, self._path, record_key, row.payload(column), extra)
        yield from related.rest()

    def _named(self, table: Table, places: Sequence[tuple[str, str, str, str]]) -> list[Stream[str]]:
        """Return what tells the files that other rows name for the records, in step with these."""
        sources: list[str] = []
        for name, path, theirs, ours in places:
            named, column = self._tables.get(name), table.column(ours)
            if named is None or column is None or not {path, theirs} <= named.lowered or not table.key_names:
                continue
            kept = "WHERE t.deleted_at IS NULL" if "deleted_at" in named.lowered else ""
            first = _first_path(quoted(named.name), quoted(theirs), quoted(path), kept)
            sources.append(self._by_key(first, table, column))
        return [Stream(self._paths(table, source), self._report_lost) for source in sources]

    def _previews_by_content(self, form: _Form, table: Table) -> list[Stream[str]]:
        """Return the same for previews of 0007, which name a record, and that a content."""
        contents = self._tables.get("asset_contents")
        if form.table != "assets" or contents is None or not table.key_names:
            return []
        if not ({"id", "path"} <= contents.lowered and {"id", "preview_id"} <= table.lowered):
            return []
        of_content = _first_path(quoted(contents.name), "id", "path", "")
        of_record = (
            f"(SELECT q.id AS key, min(c.path) AS path FROM {of_content} c"
            f" CROSS JOIN main.{quoted(table.name)} q ON q.content_id = +c.key GROUP BY q.id)"
        )
        return [Stream(self._paths(table, self._by_key(of_record, table, "preview_id")), self._report_lost)]

    def _by_key(self, paths: str, table: Table, column: str) -> str:
        return (
            f"{stored_terms('p.path')} FROM {paths} p"
            f" CROSS JOIN main.{quoted(table.name)} m ON m.{quoted(column)} = +p.key"
        )

    def _paths(self, table: Table, source: str) -> Iterator[tuple[Key, str]]:
        size = len(table.key_names) * 2
        statement = f"SELECT {key_terms(table, 'm')}, {source} ORDER BY {key_order(table, 'm')}"
        for found in self._database.rows(statement):
            yield typed_values(found[:size]), self._database.text(typed_values(found[size:])[0])

    def _report_lost(self, error: Exception) -> None:
        message = f"Which other files belong to which model can't be read: {error}".rstrip(".")
        self._report(Problem(self._path, "unreadable", f"{message}.", kept=True))


def _first_path(table: str, key: str, path: str, condition: str) -> str:
    """Return a question for one path of each key: with all of them, rows of one key would be squared."""
    return f"(SELECT t.{key} AS key, min(t.{path}) AS path FROM main.{table} t {condition} GROUP BY t.{key})"
