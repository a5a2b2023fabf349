"""rgthree-comfy: ``<model file name>.rgthree-info.json``, and the cache that it keeps of Civitai's answers.

The cache lies in the extension's folder (``userdata/info/<sha256>.civitai.json``, ``….metadata.json``); what ties an
answer to a model there is the hash in its name alone.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from modelmgr import payload
from modelmgr.migration.beside import alike, is_model_name, stem_of
from modelmgr.migration.hashes import full_sha256
from modelmgr.migration.reading.container import read_container
from modelmgr.migration.source import Container, Report
from modelmgr.migration.sources.civitai import (
    MEMBERS_SKIPPED,
    SEVERAL_FILES,
    civitai_claims,
    flags_of,
    list_of,
    mapping_of,
    unparsed_claims,
)
from modelmgr.migration.sources.model_header import metadata_claims
from modelmgr.migration.sources.sidecar import Around, JsonSidecar, other_times
from modelmgr.payload import boolean_of, clean_name, clean_text, list_of_text, number_of, page_url, seconds_of
from modelmgr.values import Claims, Record
from modelmgr.vocabulary import UNKNOWN, canonical_base, canonical_type

OTHER_TIME = "other_time"
"""Key of `Record.extra`: models beside the sidecar whose time isn't the one at which their hash was computed."""

_KEYS = frozenset(
    (
        "file",
        "path",
        "modified",
        "sha256",
        "trainedWords",
        "triggerWords",
        "links",
        "images",
        "raw",
        "userNote",
    )
)
_CACHED = re.compile(r"([0-9a-f]{64})\.(civitai|metadata)\.json", re.IGNORECASE)
_CACHE_KEYS = frozenset(("url", "timestamp", "response"))


class RgthreeInfo(JsonSidecar):
    """``x.safetensors.rgthree-info.json`` (the model's own ending is part of the name), and a cached answer."""

    id = "rgthree-info"
    record_ids = ("rgthree-info",)
    ending = ".rgthree-info.json"

    def wants(self, name: str, named: bool) -> bool:
        """Tell by the name."""
        return super().wants(name, named) or _CACHED.fullmatch(name) is not None

    def probe(self, container: Container, report: Report) -> bool:
        """Tell by the keys; those of the cache wrap an answer."""
        if _CACHED.fullmatch(container.name) is None:
            return super().probe(container, report)
        value = payload.parse(read_container(container.path)).value
        return isinstance(value, Mapping) and len(_CACHE_KEYS & value.keys()) >= 2

    def is_its_object(self, value: Mapping[Any, Any], stem: str, siblings: frozenset[str]) -> bool:
        """Tell by the model beside it, or by the keys where that is gone."""
        return bool(self.models_of(stem, siblings)) or not _KEYS.isdisjoint(value)

    def models_of(self, stem: str, siblings: frozenset[str]) -> tuple[str, ...]:
        """Return the file of that very name."""
        return tuple(name for name in alike(stem, siblings) if is_model_name(name))[:1] if stem else ()

    def facts_around(self, container: Container, content: bytes) -> dict[str, Any] | None:
        """Return whether the model has changed since its hash was computed: then it is no hash of it."""
        said = mapping_of(payload.parse(content).value)
        modified = number_of(said.get("modified"))
        if modified is None or full_sha256(said.get("sha256")) is None or not 0 < modified < 1e16:
            return None
        names = self.models_of(self.stem_of(container.name), container.siblings)
        others = other_times(container, names, round(modified * 1e6))
        return {OTHER_TIME: others} if others else None

    def claims(self, record: Record, siblings: frozenset[str], sha256: str | None = None) -> Claims:
        """Return what the sidecar says, or the cached answer; arguments as `LegacySource.claims`."""
        if cached := _CACHED.fullmatch(os.path.basename(record.source_path)):
            return _cached_claims(record, cached[1].lower(), cached[2].lower() == "civitai")
        return super().claims(record, siblings, sha256)

    def said(self, value: Mapping[Any, Any], around: Around) -> Claims:
        """Return the light columns; see `JsonSidecar.said`."""
        stale = bool((around.record.extra or {}).get(OTHER_TIME))
        own = None if stale else full_sha256(value.get("sha256"))
        answer = mapping_of(mapping_of(value.get("raw")).get("civitai"))
        catalogue = civitai_claims(
            answer, around.names, stem=stem_of(around.stem), sha256=around.sha256 or own
        )
        fields, personal, skipped = _fields(value, catalogue)
        flags = [flag for flag in catalogue.flags if flag != SEVERAL_FILES]
        if stale and full_sha256(value.get("sha256")):
            flags.append("stale-hash")
        if skipped:
            flags.append(MEMBERS_SKIPPED)
        path = value.get("path")
        same_file = own is None or catalogue.sha256 in (None, own)
        others = (catalogue.sha256, *catalogue.sibling_sha256)
        claimed = own or catalogue.sha256
        return Claims(
            fields=fields,
            personal=personal,
            sha256=claimed,
            own_hash=own is not None,
            partial_hashes=catalogue.partial_hashes if same_file else {},
            sibling_sha256=tuple(
                dict.fromkeys(digits for digits in others if digits is not None and digits != claimed)
            ),
            size_hint_bytes=catalogue.size_hint_bytes if same_file else None,
            path=path if isinstance(path, str) and path.strip() and "\0" not in path else None,
            stem_names=around.names,
            flags=tuple(dict.fromkeys(flags)),
        )


# --- what they say ----------------------------------------------------------------------------------------


def _fields(value: Mapping[Any, Any], catalogue: Claims) -> tuple[dict[str, Any], frozenset[str], bool]:
    """Return the columns, which of them the person typed, and whether members were left out."""
    fields = dict(catalogue.fields)
    if name := clean_name(value.get("name")):
        fields["name"] = name
    kind = canonical_type(clean_name(value.get("type")))
    if kind != UNKNOWN:
        fields.setdefault("type", kind)
    if base := canonical_base(clean_name(value.get("baseModel"))):
        fields.setdefault("base_model", base)
    links = value.get("links")
    # The list has the addresses of the program's own questions too.
    pages = (page_url(link) for link in list_of(links) if isinstance(link, str) and "/api/" not in link)
    if page := next((page for page in pages if page), None):
        fields["source_url"] = page
    words, typed, skipped = _words(value)
    if words:
        fields["trigger_words"] = words
    personal = {"trigger_words"} if typed else set()
    if notes := clean_text(value.get("userNote")):
        fields["notes"] = notes
        personal.add("notes")
    if tags := list_of_text(value.get("userTags")):
        fields["tags"] = tags
        personal.add("tags")
    return fields, frozenset(personal), skipped


def _words(value: Mapping[Any, Any]) -> tuple[tuple[str, ...], bool, bool]:
    """Return the trigger words, whether the person added one, and whether members could not be read.

    Those that only the training's metadata knows are tags of its pictures.
    """
    entries: list[str] = []
    typed = skipped = False
    for member in (*list_of(value.get("trainedWords")), *list_of(value.get("triggerWords"))):
        if isinstance(member, str | int | float):
            entries.append(clean_text(member))
        elif not isinstance(member, Mapping) or not isinstance(member.get("word"), str):
            skipped = skipped or member is not None
        elif boolean_of(member.get("civitai")) or boolean_of(member.get("user")):
            entries.append(clean_text(member["word"]))
            typed = typed or bool(boolean_of(member.get("user")))
    for text in (value.get("trainedWords"), value.get("triggerWords")):
        if isinstance(text, str):
            entries.extend(list_of_text(text, commas=False))
    words = tuple(dict.fromkeys(entry for entry in entries if entry))
    return words, typed and bool(words), skipped


def _cached_claims(record: Record, digits: str, is_civitai: bool) -> Claims:
    """Return what a cached answer says about the file whose hash is `digits`."""
    own = full_sha256(digits)
    found = payload.parse(record.payload)
    if not found.ok:
        said = unparsed_claims(record, found, ())
        return replace(said, sha256=own, own_hash=own is not None)
    value = mapping_of(found.value)
    response = value.get("response")
    if is_civitai:
        said = civitai_claims(response, sha256=own)
        others = tuple(other for other in (said.sha256, *said.sibling_sha256) if other not in (None, own))
        same_file = said.sha256 == own
        said = replace(
            said,
            sibling_sha256=tuple(other for other in others if other is not None),
            partial_hashes=said.partial_hashes if same_file else {},
            size_hint_bytes=said.size_hint_bytes if same_file else None,
        )
    else:
        said = metadata_claims(mapping_of(response))
    return replace(
        said,
        sha256=own,
        own_hash=own is not None,
        time=said.time or seconds_of(value.get("timestamp")),
        flags=flags_of(record, found, said.flags),
    )
