"""ComfyUI-Lora-Manager's databases: a cache of its sidecars, what it knows of updates, and what was downloaded once.

The cache has fewer fields than the sidecar beside a model, and ranks after it (`mapping`); where that is gone, the row
is all there is. It has no version number: columns were added over time, so each one may be missing. The other two
databases tell of versions on Civitai and of no file; their rows are kept and fill nothing.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from modelmgr.migration.reading.database import (
    COPY_SUFFIXES,
    OF_NO_MODEL,
    dump_tables,
    is_dump,
    opened,
    plain_columns,
)
from modelmgr.migration.reading.related import Related, declared_key, link_of
from modelmgr.migration.source import Container, Place, Report
from modelmgr.migration.sources.civitai import CONTAINS_SECRET
from modelmgr.migration.sources.lora_manager import EXCLUDED, picture_of, sidecar_claims
from modelmgr.migration.sources.table_source import Tables, TableSource
from modelmgr.payload import clean_text, contains_secret, integer_of, list_of_text
from modelmgr.progress import Progress
from modelmgr.values import Claims, Record

SETTINGS_PLACES = (
    "~/.config/ComfyUI-LoRA-Manager",
    "~/Library/Application Support/ComfyUI-LoRA-Manager",
    "$LOCALAPPDATA/ComfyUI-LoRA-Manager",
)
"""The tool's folder of settings and caches on Linux, macOS and Windows."""

TOOL = "ComfyUI-Lora-Manager"

_SYSTEMS = ("linux", "darwin", "win32")

# What the tool writes where Civitai said nothing: all bits, and those of the terms that it fills into sidecars.
_DEFAULT_LICENSES = frozenset((0b1111111, 0b1110001))
_COMMERCIAL_BITS = ("image", "rentcivit", "rent", "sell")

_CIVITAI_COLUMNS = (
    "civitai_id",
    "civitai_model_id",
    "civitai_model_type",
    "civitai_name",
    "civitai_creator_username",
    "trained_words",
)
_BY_MODEL = (("model_type", "model_type"), ("file_path", "file_path"))

# Databases of the tool that hold no models, by tables that only they have.
_UPDATES = frozenset(("model_update_status", "model_update_versions"))
_DOWNLOADS = frozenset(("downloaded_model_versions",))


def places_below(*names: str) -> tuple[Place, ...]:
    """Return the usual places of files and folders in the tool's folder of settings."""
    return tuple(
        Place(TOOL, f"{folder}/{name}", system)
        for folder, system in zip(SETTINGS_PLACES, _SYSTEMS, strict=True)
        for name in names
    )


class LoraManagerCache(TableSource):
    """``cache/model/<library>.sqlite`` and its older places; ``cache/model_update``, ``cache/download_history``."""

    id = "lora-manager-cache"
    record_ids = ("lora-manager-cache",)
    copies = COPY_SUFFIXES
    places = places_below("cache", "model_cache", "model_cache.sqlite")

    def is_ours(self, tables: Tables, container: Container) -> bool:
        """Tell by the tables."""
        names = tables.keys()
        return names >= {"models", "model_tags", "hash_index"} or names >= _UPDATES or names >= _DOWNLOADS

    def records(self, container: Container, progress: Progress, report: Report) -> Iterator[Record]:
        """Yield a record for each row of ``models``, named by kind and path; then what other tables hold."""
        with opened(container.path, progress, report) as database:
            tables = database.tables()
            models = next((table for table in tables if table.name.lower() == "models"), None)
            if models is None:
                yield from dump_tables(database, self.id, tables, report)
                return
            links = (
                link_of(tables, models, "model_tags", _BY_MODEL, own=True),
                link_of(tables, models, "excluded_models", _BY_MODEL, own=True),
                link_of(tables, models, "hash_index", (*_BY_MODEL, ("sha256", "sha256")), repeated=True),
                link_of(tables, models, "autov3_index", (*_BY_MODEL, ("autov3", "autov3")), repeated=True),
            )
            related = Related(database, models, links, tables, self.id, report)
            for place, (key, size_bytes) in enumerate(database.keys(models)):
                progress.step(place, None, container.name, "records")
                row = database.row(models, key, size_bytes)
                if row is None:
                    yield from related.take(key, None)
                    continue
                extra = row.around(None)
                yield from related.take(key, extra)
                yield Record(self.id, container.path, declared_key(row, models), row.made(), extra)
            yield from related.rest()

    def claims(self, record: Record, siblings: frozenset[str], sha256: str | None = None) -> Claims:
        """Return what a row says, by the rules of the sidecar that it repeats."""
        extra = record.extra or {}
        if is_dump(extra):
            return OF_NO_MODEL
        row = {name.lower(): value for name, value in plain_columns(extra.get("columns")).items()}
        related = extra.get("related")
        claims = sidecar_claims(
            _as_sidecar(row, related if isinstance(related, Mapping) else {}), sha256=sha256
        )
        flags = list(claims.flags)
        if isinstance(related, Mapping) and "excluded_models" in related and EXCLUDED not in flags:
            flags.append(EXCLUDED)
        if contains_secret(record.payload):
            flags.append(CONTAINS_SECRET)
        fields = dict(claims.fields)
        personal = claims.personal
        if (picture := picture_of(row.get("preview_url"))) is not None:
            fields["preview"] = picture
        if (terms := _license_of(integer_of(row.get("license_flags")))) is not None:
            fields["license"] = terms
        size_bytes = claims.size_bytes
        if any(_is_said(row.get(column)) for column in _CIVITAI_COLUMNS):
            # The row has neither Civitai's name nor its tags, so it can't tell whether they were changed; and its
            # size may be Civitai's kibibytes, cut to a whole number.
            personal -= {"name", "tags"}
            claims = replace(claims, size_bytes=None, size_hint_bytes=size_bytes)
        return replace(claims, fields=fields, personal=personal, flags=tuple(flags))


def _as_sidecar(row: Mapping[str, Any], related: Mapping[Any, Any]) -> dict[str, Any]:
    """Return a row as the object that the tool makes of it (and of which it was made)."""
    said = {name: row.get(name) for name in _SAME_IN_SIDECAR}
    size = integer_of(row.get("size"))
    said["size"] = size if size is not None and size > 0 else None
    said["sha256"] = _unless_pending(row)
    if tags := _tags_of(related):
        said["tags"] = tags
    civitai: dict[str, Any] = {}
    for column, key in (("civitai_id", "id"), ("civitai_model_id", "modelId"), ("civitai_name", "name")):
        if _is_said(row.get(column)):
            civitai[key] = row[column]
    if words := list_of_text(row.get("trained_words"), commas=False):
        civitai["trainedWords"] = list(words)
    if _is_said(row.get("civitai_creator_username")):
        civitai["creator"] = {"username": row["civitai_creator_username"]}
    if _is_said(row.get("civitai_model_type")):
        civitai["model"] = {"type": row["civitai_model_type"]}
    said["civitai"] = civitai
    return said


_SAME_IN_SIDECAR = (
    "model_type",
    "file_path",
    "file_name",
    "model_name",
    "modified",
    "autov3",
    "base_model",
    "preview_url",
    "favorite",
    "notes",
    "exclude",
    "civitai_deleted",
    "hf_url",
)


def _unless_pending(row: Mapping[str, Any]) -> Any:
    """Return the hash, unless the tool says that it hasn't computed it to the end."""
    state = clean_text(row.get("hash_status")).lower()
    return row.get("sha256") if state in ("", "completed") else None


def _tags_of(related: Mapping[Any, Any]) -> list[str]:
    rows = next((rows for name, rows in related.items() if str(name).lower() == "model_tags"), ())
    tags = (
        (row.get("tag") for row in rows if isinstance(row, Mapping)) if isinstance(rows, list | tuple) else ()
    )
    plain = (plain_columns({"tag": {"storage": "text", "value": tag}})["tag"] for tag in tags)
    return [tag for tag in plain if isinstance(tag, str)]


def _is_said(value: Any) -> bool:
    return value not in (None, "", b"", "[]")


def _license_of(bits: int | None) -> str | None:
    """Return Civitai's permissions in one line, None where the tool only filled in its defaults."""
    if bits is None or not 0 <= bits < 128 or bits in _DEFAULT_LICENSES:
        return None
    uses = sorted(word for place, word in enumerate(_COMMERCIAL_BITS, 1) if bits >> place & 1)
    return (
        f"civitai:credit={'optional' if bits & 1 else 'required'};commercial={','.join(uses) or 'none'};"
        f"derivatives={'yes' if bits >> 5 & 1 else 'no'};relicense={'yes' if bits >> 6 & 1 else 'no'}"
    )
