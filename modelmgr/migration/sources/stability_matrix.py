"""Stability Matrix: ``<stem>.cm-info.json`` beside a model, and the settings that name its folders.

The sidecar is the tool's authority. Its index ``StabilityMatrix.db`` is a LiteDB file, made anew from the sidecars
whenever it is missing, and no SQLite: it is refused. What a person starred stands in ``settings.json`` alone, as
model ids of Civitai; a sidecar that is read with that file in sight carries the star.
"""

import os
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from modelmgr import payload
from modelmgr.errors import Unreadable
from modelmgr.migration.beside import FORMAT_SUFFIXES, preferred
from modelmgr.migration.hashes import partial_hashes, sha256_of_hashes
from modelmgr.migration.reading.container import read_beginning, read_container
from modelmgr.migration.reading.database import plain_columns
from modelmgr.migration.source import Container, Place, Report, Settings
from modelmgr.migration.sources.civitai import (
    MEMBERS_SKIPPED,
    list_of,
    mapping_of,
    page_of,
    several_files,
)
from modelmgr.migration.sources.sidecar import Around, JsonSidecar, picture_beside
from modelmgr.payload import (
    boolean_of,
    clean_name,
    clean_text,
    integer_of,
    list_of_text,
    page_url,
    seconds_of,
)
from modelmgr.values import MIB, Claims, Problem, Root, is_below
from modelmgr.vocabulary import UNKNOWN, canonical_base, canonical_type

_TOOL = "Stability Matrix"
_SETTINGS = "settings.json"
_LIBRARY = "library.json"
_MODELS = "Models"
_FAVORITES = "FavoriteModels"
_SETTINGS_KEYS = frozenset(("ModelDirectoryOverride", _FAVORITES))
_SETTINGS_LIMIT_BYTES = 16 * MIB

_LITEDB_MARK = b"** This is a LiteDB file **"
_LITEDB_HEAD_BYTES = 128

# The first words of the tool's list of types have never moved; for a higher number the folder decides.
_TYPES_BY_NUMBER = ("Unknown", "Checkpoint", "TextualInversion", "Hypernetwork")

_CIVITAI, _OPEN_MODEL_DB, _CIV_ARCHIVE, _OTHER = "civitai", "openmodeldb", "civarchive", "other"
# From this day on 2 means CivArchive; before, it meant any other place.
_CIV_ARCHIVE_SINCE = 1_775_520_000  # 2026-04-07
_SITES = {_OPEN_MODEL_DB: "https://openmodeldb.info", _CIV_ARCHIVE: "https://civarchive.com"}


class StabilityMatrix(JsonSidecar):
    """``<stem>.cm-info.json``."""

    id = "stability-matrix"
    record_ids = ("stability-matrix",)
    ending = ".cm-info.json"
    places = (
        Place(_TOOL, "$APPDATA/StabilityMatrix", "win32"),
        Place(_TOOL, "~/.config/StabilityMatrix", "linux"),
        Place(_TOOL, "~/Library/Application Support/StabilityMatrix", "darwin"),
        Place(_TOOL, "~/.config/StabilityMatrix", "darwin"),
    )

    def is_its_object(self, value: Mapping[Any, Any], stem: str, siblings: frozenset[str]) -> bool:
        """Tell by the keys, which .NET writes in this case only."""
        return "Hashes" in value or "ModelName" in value

    def facts_around(self, container: Container, content: bytes) -> dict[str, Any] | None:
        """Return the star, if the tool's settings lie below what the user named and hold the model's id."""
        favorites = _favorites(container)
        model_id = integer_of(mapping_of(payload.parse(content).value).get("ModelId")) if favorites else None
        if model_id is None or model_id not in favorites:
            return None
        # A column of another container: with it or without it are two states of what the tool knows.
        return {"columns": {_FAVORITES: {"storage": "integer", "value": model_id}}}

    def said(self, value: Mapping[Any, Any], around: Around) -> Claims:
        """Return the light columns; see `JsonSidecar.said`."""
        fields, flags = _text_fields(value)
        source = _source_of(value)
        personal = {"name"} if clean_name(value.get("UserTitle")) else set()
        if url := _page_of(value, source):
            fields["source_url"] = url
        if picture := picture_beside(
            value.get("ThumbnailImageUrl"), os.path.dirname(around.record.source_path), around.siblings
        ):
            fields["preview"] = picture
        if _FAVORITES in plain_columns((around.record.extra or {}).get("columns")):
            fields["favorite"] = True
            personal.add("favorite")
        hashes = mapping_of(value.get("Hashes"))
        claimed, partial = sha256_of_hashes(hashes), partial_hashes(hashes)
        siblings_sha256: tuple[str, ...] = ()
        if source in _SITES and claimed is not None:
            # These sites give the hashes of the version's chief file, whichever was downloaded.
            siblings_sha256, claimed, partial = (claimed,), None, {}
        meant = _meant(value, around.names)
        if claimed or partial or siblings_sha256:
            # A hash decides between files of one stem before a name does, so none is left out.
            meant = (*meant, *(name for name in around.names if name not in meant))
        return Claims(
            fields=fields,
            personal=frozenset(personal),
            sha256=claimed,
            partial_hashes=partial,
            sibling_sha256=siblings_sha256,
            stem_names=meant,
            time=seconds_of(value.get("ImportedAt")),
            flags=(*flags, *several_files(meant)),
        )


class StabilityMatrixSettings(Settings):
    """``settings.json`` and ``library.json``, for the folder of models alone; and the refusal of the LiteDB index."""

    id = "stability-matrix-settings"
    record_ids = ()
    places = tuple(
        Place(place.tool, f"{place.path}/{_LIBRARY}", place.system) for place in StabilityMatrix.places
    )

    def wants(self, name: str, named: bool) -> bool:
        """Tell by the name; databases are looked at only if the user offers one."""
        lowered = name.lower()
        return lowered in (_SETTINGS, _LIBRARY) or (named and lowered.endswith((".db", ".ldb")))

    def probe(self, container: Container, report: Report) -> bool:
        """Tell by the keys; a LiteDB file is reported."""
        if container.name.lower() not in (_SETTINGS, _LIBRARY):
            if _LITEDB_MARK in read_beginning(container.path, _LITEDB_HEAD_BYTES):
                report(Problem(container.path, "not_sqlite", _REFUSAL))
            return False
        found = _settings_at(container.path)
        if container.name.lower() == _LIBRARY:
            return bool(clean_text(found.get("LibraryPath")))
        return not _SETTINGS_KEYS.isdisjoint(found)

    def roots(self, container: Container) -> tuple[Root, ...]:
        """Return the folder of models: the one that the person chose, else the library's own."""
        found = _settings_at(container.path)
        if container.name.lower() == _LIBRARY:
            chosen, library = "", clean_text(found.get("LibraryPath"))
        else:
            chosen, library = clean_text(found.get("ModelDirectoryOverride")), os.path.dirname(container.path)
        path = chosen or os.path.join(library, _MODELS)
        # A folder of another system is none of this one.
        return (
            (Root(os.path.normpath(path), UNKNOWN, self.id, container.path),) if os.path.isabs(path) else ()
        )


_REFUSAL = (
    "This is a LiteDB database, such as Stability Matrix and SwarmUI use for caches, and no SQLite; it was not read. "
    "What it knows of models stands in the sidecars beside them."
)


# --- settings ---------------------------------------------------------------------------------------------


def _favorites(container: Container) -> frozenset[int]:
    """Return the starred model ids of the library in which a sidecar lies, as far as the user named it.

    The settings lie beside the folder of models, somewhere above the sidecar.
    """
    folder = os.path.dirname(container.path)
    root = container.root
    while root and folder != root and is_below(folder, root):
        above, name = os.path.split(folder)
        if name.lower() == _MODELS.lower():
            path = os.path.join(above, _SETTINGS)
            try:
                facts = os.lstat(path)
                return _favorites_at(path, facts.st_mtime_ns, facts.st_size)
            except (OSError, Unreadable):
                return frozenset()
        folder = above
    return frozenset()


# Each sidecar of a library asks for the same file.
@lru_cache(maxsize=4)
def _favorites_at(path: str, mtime_ns: int, size_bytes: int) -> frozenset[int]:
    if os.path.islink(path):
        return frozenset()
    found = _settings_at(path)
    return frozenset(
        number for entry in list_of(found.get(_FAVORITES)) if (number := integer_of(entry)) is not None
    )


def _settings_at(path: str) -> Mapping[Any, Any]:
    return mapping_of(payload.parse(read_container(path, _SETTINGS_LIMIT_BYTES)).value)


# --- what a sidecar says ----------------------------------------------------------------------------------


def _text_fields(value: Mapping[Any, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the columns that are text, lists of it or flags, and doubts."""
    fields: dict[str, Any] = {}
    flags: list[str] = []
    name, version = clean_name(value.get("ModelName")), clean_name(value.get("VersionName"))
    if title := clean_name(value.get("UserTitle")):
        fields["name"] = title
    elif name:
        fields["name"] = f"{name} - {version}" if version else name
    word = _type_word(value.get("ModelType"))
    kind = canonical_type(word)
    if kind != UNKNOWN:
        fields["type"] = kind
    elif word and word.lower() not in ("unknown", "all"):
        flags.append(f"unknown-type:{word[:64]}")
    if base := canonical_base(clean_name(value.get("BaseModel"))):
        fields["base_model"] = base
    nsfw = boolean_of(value.get("Nsfw"))
    if nsfw is not None:
        fields["nsfw"] = nsfw
    for column, key, commas in (("tags", "Tags", True), ("trigger_words", "TrainedWords", False)):
        if entries := list_of_text(value.get(key), commas=commas):
            fields[column] = entries
        if payload.has_other_members(value.get(key)):
            flags.append(MEMBERS_SKIPPED)
    return fields, tuple(dict.fromkeys(flags))


def _type_word(value: Any) -> str:
    """Return the word for a type; the oldest files have its number."""
    number = integer_of(value)
    if number is None:
        return clean_name(value)
    return _TYPES_BY_NUMBER[number] if 0 <= number < len(_TYPES_BY_NUMBER) else str(number)


def _source_of(value: Mapping[Any, Any]) -> str:
    """Return which site a record is of; the number alone doesn't tell, for 2 has changed its meaning."""
    said = value.get("Source")
    number = integer_of(said)
    if number is None:
        word = clean_name(said).lower()
        return word if word in (_OPEN_MODEL_DB, _CIV_ARCHIVE, _OTHER) else _CIVITAI
    if number == 2:
        imported = seconds_of(value.get("ImportedAt")) or 0.0
        is_new = imported >= _CIV_ARCHIVE_SINCE and value.get("ModelId") is None and bool(value.get("Stats"))
        return _CIV_ARCHIVE if clean_text(value.get("SourceUrl")) or is_new else _OTHER
    return {0: _CIVITAI, 1: _OPEN_MODEL_DB}.get(number, _OTHER)


def _page_of(value: Mapping[Any, Any], source: str) -> str | None:
    """Return the page of the model; `SourceUrl` is relative to the site."""
    said = clean_name(value.get("SourceUrl"))
    if "://" in said:
        return page_url(said)
    if said and source in _SITES:
        return page_url(f"{_SITES[source]}/{said.lstrip('/')}")
    if page := page_of(integer_of(value.get("ModelId")), integer_of(value.get("VersionId"))):
        return page
    name = clean_name(value.get("ModelName"))
    return f"{_SITES[source]}/models/{quote(name, safe='')}" if source == _OPEN_MODEL_DB and name else None


def _meant(value: Mapping[Any, Any], names: tuple[str, ...]) -> tuple[str, ...]:
    """Return those of several files of the stem that the record means, as far as it tells itself."""
    remote = clean_name(value.get("RemoteFileName"))
    word = clean_text(mapping_of(value.get("FileMetadata")).get("format")).lower()
    return preferred(names, [remote] if remote else [], FORMAT_SUFFIXES.get(word, ()))
