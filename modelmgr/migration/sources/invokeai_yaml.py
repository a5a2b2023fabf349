"""InvokeAI's model lists ``models.yaml`` of 2.x and 3.x, and ``invokeai.yaml`` for the folder of models alone."""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from modelmgr.errors import Unreadable
from modelmgr.migration.beside import base_name, is_model_name, stem_of
from modelmgr.migration.reading.container import read_container
from modelmgr.migration.reading.yaml_ranges import members_of
from modelmgr.migration.reading.yaml_text import parse_yaml
from modelmgr.migration.repository import MODEL_FOLDER, weights_of
from modelmgr.migration.source import Container, LegacySource, Report
from modelmgr.migration.sources.civitai import CONTAINS_SECRET, UNPARSED, mapping_of
from modelmgr.migration.sources.generic_columns import transcoded
from modelmgr.migration.sources.invokeai import (
    MODELS_DIR,
    SETTINGS,
    is_settings,
    models_dir_in,
    models_dir_of,
    models_folders,
    places_of,
    repository_page,
    typed_description,
)
from modelmgr.payload import PARSE_LIMIT_BYTES, clean_name, contains_secret
from modelmgr.progress import Progress
from modelmgr.values import Claims, Record, Root
from modelmgr.vocabulary import UNKNOWN, canonical_base, canonical_type

_NAME = re.compile(r"models\.ya?ml(?:\.(?:bak|orig))?", re.IGNORECASE)
_METADATA = "__metadata__"
_STANZA = "stanza"
_VERSION = "version"

# What a stanza of 2.x has, and hardly the list of another program.
_KEYS_OF_2 = frozenset(("weights", "repo_id"))
_KEYS_BESIDE_PATH = frozenset(("format", "variant", "config", "description"))
# Below the folder of models: Hugging Face's cache, as 2.3 laid it out.
_CACHES = ("hub", "diffusers")
_BASES_OF_CONFIGS = {"v1-": "SD 1.x", "v2-": "SD 2.x"}


class InvokeaiYaml(LegacySource):
    """See the module."""

    id = "invokeai-yaml"
    record_ids = ("invokeai-yaml",)
    many = True

    def wants(self, name: str, named: bool) -> bool:
        """Tell by the name."""
        return _NAME.fullmatch(name) is not None or name.lower() == SETTINGS

    def probe(self, container: Container, report: Report) -> bool:
        """Tell by the stanzas: nothing else that is called ``models.yaml`` has such."""
        found = parse_yaml(read_container(container.path, PARSE_LIMIT_BYTES))
        if _is_settings_file(container):
            return is_settings(found.value)
        return isinstance(found.value, Mapping) and _is_list(found.value)

    def roots(self, container: Container) -> tuple[Root, ...]:
        """Return the folder of models that ``invokeai.yaml`` names, or the default one if it is there."""
        folder = os.path.dirname(container.path)
        if _is_settings_file(container):
            said = models_dir_in(read_container(container.path, PARSE_LIMIT_BYTES), folder)
            folders: tuple[str, ...] = (os.path.join(folder, "models"),)
        else:
            said, folders = models_dir_of(container), models_folders(folder, None)
        path = said or next((path for path in folders if os.path.isdir(path)), None)
        return (Root(path, UNKNOWN, self.id, container.path),) if path else ()

    def records(self, container: Container, progress: Progress, report: Report) -> Iterator[Record]:
        """Yield a record for each stanza: its bytes, from the name on."""
        if _is_settings_file(container):
            return
        content = read_container(container.path, PARSE_LIMIT_BYTES)
        found, members = members_of(content)
        if not isinstance(found.value, Mapping):
            raise Unreadable(
                found.message or "It holds no list of models.", code=UNPARSED, path=container.path
            )
        shared: dict[str, Any] = {}
        if isinstance(metadata := found.value.get(_METADATA), Mapping):
            shared["metadata"] = metadata
        if found.codec not in ("", "utf-8"):
            shared["encoding"] = found.codec
        if models_dir := models_dir_of(container):
            shared[MODELS_DIR] = models_dir
        met: dict[str, int] = {}
        for place, member in enumerate(members):
            progress.step(place, len(members), container.name, "records")
            if member.key == _METADATA:
                continue
            met[member.key] = met.get(member.key, 0) + 1
            key = member.key if met[member.key] == 1 else f"{member.key}#{met[member.key]}"
            payload = content[member.start : member.end]
            extra = {**shared, "name": member.key}
            if not isinstance(_stanza_in(payload, found.codec, member.key), Mapping):
                # It leans on an anchor of another stanza, and can't be read alone.
                extra[_STANZA] = found.value.get(member.key)
            yield Record(self.id, container.path, key, payload, extra)

    def claims(self, record: Record, siblings: frozenset[str], sha256: str | None = None) -> Claims:
        """Return what a stanza says."""
        extra = record.extra or {}
        flags = (CONTAINS_SECRET,) if contains_secret(record.payload) else ()
        name, encoding = extra.get("name"), extra.get("encoding")
        key = name if isinstance(name, str) else record.record_key
        codec = encoding if isinstance(encoding, str) else ""
        stanza = extra[_STANZA] if _STANZA in extra else _stanza_in(record.payload, codec, key)
        folder = os.path.dirname(record.source_path)
        if stanza is None:
            return Claims(marker=True, flags=flags)
        if not isinstance(stanza, Mapping):
            return Claims(problem=UNPARSED, message="The entry is no list of settings.", flags=flags)
        models_dir = extra.get(MODELS_DIR)
        folders = models_folders(folder, models_dir if isinstance(models_dir, str) else None)
        said = (
            _claims_of_3(key, stanza, folders) if _is_of_3(key, extra) else _claims_of_2(key, stanza, folders)
        )
        return replace(said, flags=(*said.flags, *flags))


def _is_settings_file(container: Container) -> bool:
    return container.name.lower() == SETTINGS


def _is_list(value: Mapping[Any, Any]) -> bool:
    stanzas = {str(key): stanza for key, stanza in value.items() if key != _METADATA}
    if not stanzas:
        return _VERSION in mapping_of(value.get(_METADATA))
    return all(stanza is None or isinstance(stanza, Mapping) for stanza in stanzas.values()) and any(
        _KEYS_OF_2 & stanza.keys()
        or ("path" in stanza and (_KEYS_BESIDE_PATH & stanza.keys() or key.count("/") > 1))
        for key, stanza in stanzas.items()
        if isinstance(stanza, Mapping)
    )


def _stanza_in(payload: bytes, codec: str, key: str) -> Any:
    """Return the value of a stanza that was cut out, None if it can't be read alone or says nothing."""
    found = parse_yaml(transcoded(payload, codec) if codec not in ("", "utf-8") else payload)
    return found.value.get(key) if isinstance(found.value, Mapping) else None


def _is_of_3(key: str, extra: Mapping[str, Any]) -> bool:
    return key.count("/") >= 2 and (
        _VERSION in mapping_of(extra.get("metadata")) or canonical_type(key.split("/")[1]) != UNKNOWN
    )


def _claims_of_3(key: str, stanza: Mapping[Any, Any], folders: tuple[str, ...]) -> Claims:
    """Return the claims of ``<base>/<type>/<name>``; the name may have slashes too."""
    base, kind, name = key.split("/", 2)
    fields: dict[str, Any] = {}
    canonical = canonical_type(kind, variant=clean_name(stanza.get("format")))
    if canonical != UNKNOWN:
        fields["type"] = canonical
    if of_base := canonical_base(base, variant=clean_name(stanza.get("variant"))):
        fields["base_model"] = of_base
    said = {"base": base, "type": kind, "path": stanza.get("path"), "description": stanza.get("description")}
    # The comment in the file says that paths are relative to the root, the migration to 4.x read them otherwise.
    roots = tuple(os.path.dirname(folder) for folder in folders)
    return _claims(name, fields, said, (*folders, *roots))


def _claims_of_2(key: str, stanza: Mapping[Any, Any], folders: tuple[str, ...]) -> Claims:
    fields: dict[str, Any] = {"type": "checkpoint"}
    config = base_name(clean_name(stanza.get("config"))).lower()
    if base := next((base for part, base in _BASES_OF_CONFIGS.items() if config.startswith(part)), None):
        fields["base_model"] = base
    fetched: tuple[str, ...] = ()
    if page := repository_page(clean_name(stanza.get("repo_id"))):
        fields["source_url"] = page
        fetched = weights_of(_fetched(clean_name(stanza.get("repo_id")), folders), folders)
    said = {"path": stanza.get("weights") or stanza.get("path"), "description": stanza.get("description")}
    claims = _claims(key, fields, said, tuple(os.path.dirname(folder) for folder in folders))
    paths = (*([claims.path] if claims.path else []), *claims.other_paths, *fetched)
    return replace(claims, path=paths[0], other_paths=paths[1:]) if fetched else claims


def _fetched(repository: str, folders: tuple[str, ...]) -> list[str]:
    """Return the folders in which 2.3 has a repository that it fetched, where there is but one snapshot of it."""
    found: list[str] = []
    name = MODEL_FOLDER + repository.partition(":")[0].replace("/", "--")
    for cache in (os.path.join(folder, cache) for folder in folders for cache in _CACHES):
        snapshots = os.path.join(cache, name, "snapshots")
        with suppress(OSError):
            commits = os.listdir(snapshots)
            found += [os.path.join(snapshots, commits[0])] if len(commits) == 1 else []
    return found


def _claims(name: str, fields: dict[str, Any], said: Mapping[str, Any], folders: tuple[str, ...]) -> Claims:
    places = places_of(said, folders)
    personal: set[str] = set()
    if shown := clean_name(name):
        fields["name"] = shown
        file_name = base_name(places[0]) if places else ""
        if places and shown not in (clean_name(file_name), clean_name(stem_of(file_name))):
            personal.add("name")
    if notes := typed_description(said):
        fields["notes"] = notes
        personal.add("notes")
    is_folder = bool(places) and not is_model_name(base_name(places[0]))
    weights = weights_of(places, folders) if is_folder else ()
    return Claims(
        fields=fields,
        personal=frozenset(personal),
        path=places[0] if places else None,
        other_paths=(*weights, *places[1:]),
        flags=("folder",) if is_folder else (),
    )
