"""ComfyUI-Lora-Manager: ``<stem>.metadata.json`` beside LoRAs, checkpoints and embeddings.

The sidecar is the tool's authority; its database is only a cache of it. Half of the fields are copies of what
Civitai said, half are the person's, and little tells which is which: a value counts as typed only where it differs
from all that the tool would have written itself.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from modelmgr import payload
from modelmgr.migration.beside import (
    alike,
    base_name,
    is_model_name,
    models_beside,
    preferred,
    same_name,
    stem_of,
)
from modelmgr.migration.hashes import full_sha256, partial_hash
from modelmgr.migration.reading.container import read_container
from modelmgr.migration.source import Container, LegacySource, Report
from modelmgr.migration.sources.civitai import (
    MEMBERS_SKIPPED,
    SEVERAL_FILES,
    civitai_claims,
    flags_of,
    has_default_license,
    is_model,
    mapping_of,
    several_files,
    unparsed_claims,
)
from modelmgr.payload import boolean_of, clean_name, clean_text, list_of_text, page_url, seconds_of
from modelmgr.progress import Progress
from modelmgr.values import Claims, Record
from modelmgr.vocabulary import UNKNOWN, canonical_base, canonical_type, collapsed_base

LIVE = "live"
"""Key of `Record.extra` of a backup: the sidecar that was in use beside it."""

COPIED_FROM = "copied_from"
"""Key of `Record.extra` of a sidecar that was copied along with its model: the other model, which it names."""

EXCLUDED = "excluded"
"""The flag of a model that the person hid in the tool."""

_SUFFIX = ".metadata.json"
_BACKUP = ".bak"
_LEFT_OVER = ".tmp"
_PROBED_KEYS = frozenset(
    ("file_path", "sha256", "model_name", "civitai", "from_civitai", "base_model", "preview_nsfw_level")
)
_DELETED_FOLDER = ".lm-pending-delete"
_FILE_PATH = re.compile(rb'"file_path"[ \t\r\n]{0,20}:[ \t\r\n]{0,20}("(?:[^"\\]|\\.){1,4096}")')

# The tool takes LoRAs for safetensors only.
_LORA_SUFFIXES = (".safetensors",)


class LoraManager(LegacySource):
    """``<stem>.metadata.json``, its ``.bak``, and the ``.tmp`` that a crash left where the file itself is gone."""

    id = "lora-manager"
    record_ids = ("lora-manager",)

    def wants(self, name: str, named: bool) -> bool:
        """Tell by the name."""
        stem, _ = _split(name)
        return bool(stem)

    def probe(self, container: Container, report: Report) -> bool:
        """Tell by the keys; what can't be parsed is a record too, for no other tool has this name."""
        if _DELETED_FOLDER in container.path.replace("\\", "/").split("/"):
            return False
        stem, ending = _split(container.name)
        if ending == _LEFT_OVER and _is_there(f"{stem}{_SUFFIX}", container.siblings):
            return False
        found = payload.parse(read_container(container.path))
        if not found.ok or payload.EMPTY in found.flags:
            return True
        return isinstance(found.value, Mapping) and len(_PROBED_KEYS & found.value.keys()) >= 2

    def records(self, container: Container, progress: Progress, report: Report) -> Iterator[Record]:
        """Yield the one record: the file's bytes."""
        progress.check()
        stem, ending = _split(container.name)
        content = read_container(container.path)
        extra: dict[str, Any] = {}
        if ending and _is_there(f"{stem}{_SUFFIX}", container.siblings):
            extra[LIVE] = f"{stem}{_SUFFIX}"
        if (original := _copied_from(content, container)) is not None:
            extra[COPIED_FROM] = original
        yield Record(self.id, container.path, "", content, extra or None)

    def claims(self, record: Record, siblings: frozenset[str], sha256: str | None = None) -> Claims:
        """Return what the sidecar says."""
        folder, name = os.path.split(record.source_path)
        stem, ending = _split(name)
        names = models_beside(stem, siblings)
        found = payload.parse(record.payload)
        if not found.ok:
            return unparsed_claims(record, found, names)
        if not isinstance(found.value, Mapping):
            return Claims(
                stem_names=names,
                marker=found.value is None,
                flags=flags_of(record, found, several_files(names)),
            )
        said = sidecar_claims(found.value, names, stem=stem, sha256=sha256)
        if picture := picture_of(found.value.get("preview_url"), folder, siblings):
            said = replace(said, fields={**said.fields, "preview": picture})
        if ending and (LIVE in (record.extra or {}) or _is_there(f"{stem}{_SUFFIX}", siblings)):
            # The live sidecar has what the person typed last; a backup of it must not outrank other witnesses.
            said = replace(said, personal=frozenset(), flags=(*said.flags, "backup"))
        if COPIED_FROM in (record.extra or {}):
            said = replace(said, flags=(*said.flags, "copied"))
        return replace(said, flags=flags_of(record, found, said.flags))


def _split(name: str) -> tuple[str, str]:
    """Return stem and ending (none, ``.bak`` or ``.tmp``) of a sidecar's name; no stem if it is no sidecar."""
    lowered = name.lower()
    ending = next((ending for ending in (_BACKUP, _LEFT_OVER) if lowered.endswith(ending)), "")
    whole = name[: len(name) - len(ending)]
    if not whole.lower().endswith(_SUFFIX):
        return "", ""
    return whole[: -len(_SUFFIX)], ending


def _copied_from(content: bytes, container: Container) -> str | None:
    """Return the file that a sidecar names, if that is there, in another folder, under the same stem."""
    if not (named := _FILE_PATH.search(content)):
        return None
    try:
        path = json.loads(named[1])
        if not os.path.isabs(path) or os.path.dirname(path) == os.path.dirname(container.path):
            return None
        if stem_of(os.path.basename(path)) != _split(container.name)[0] or not os.path.isfile(path):
            return None
        beside = os.path.join(os.path.dirname(container.path), os.path.basename(path))
        return None if os.path.exists(beside) and os.path.samefile(path, beside) else path
    except (ValueError, OSError):
        return None


def _is_there(name: str, siblings: frozenset[str]) -> bool:
    return bool(alike(name, siblings))


def sidecar_claims(
    said: Mapping[Any, Any], names: tuple[str, ...] = (), *, stem: str = "", sha256: str | None = None
) -> Claims:
    """Return what the tool's own object about one model says, without its preview.

    Args:
        said: the object.
        names: the model files beside it that it may speak of.
        stem: of its file.
        sha256: the computed one of the file, if known: it tells which of Civitai's files is meant.
    """
    civitai = mapping_of(said.get("civitai"))
    claimed = full_sha256(said.get("sha256"))
    catalogue = civitai_claims(civitai, names, stem=stem, sha256=sha256 or claimed)
    about = civitai if is_model(civitai) else mapping_of(civitai.get("model"))
    fields, flags = _text_fields(said, civitai, about, catalogue)
    if kind := _type_of(said, catalogue):
        fields["type"] = kind
    base, base_edited = _base_of(said, catalogue, civitai)
    if base:
        fields["base_model"] = base
    if boolean_of(said.get("favorite")):
        fields["favorite"] = True
    if (nsfw := catalogue.fields.get("nsfw")) is not None:
        fields["nsfw"] = nsfw
    if url := catalogue.fields.get("source_url") or page_url(said.get("hf_url")):
        fields["source_url"] = url
    terms = catalogue.fields.get("license")
    if terms and not (has_default_license(about) or has_default_license(civitai)):
        fields["license"] = terms
    size = said.get("size")
    meant = _meant(names, said, fields.get("type"))
    same_file = _is_same_file(claimed, catalogue)
    path = _path_of(said)
    if path is not None and names and not any(same_name(base_name(path), name) for name in names):
        flags = (*flags, "path-differs")
    claims = Claims(
        fields=fields,
        personal=_typed_by_person(fields, said, about, catalogue, stem, base_edited),
        size_bytes=size if isinstance(size, int) and not isinstance(size, bool) and size > 0 else None,
        size_hint_bytes=_size_hint(size) or (catalogue.size_hint_bytes if same_file else None),
        path=path,
        time=seconds_of(said.get("modified")),
        flags=flags,
    )
    claims = _with_hashes(claims, said, catalogue, claimed, known=bool(civitai))
    if claims.sha256 or claims.partial_hashes or claims.sibling_sha256:
        # A hash decides between files of one stem before a name does, so none is left out.
        meant = (*meant, *(name for name in names if name not in meant))
    return replace(claims, stem_names=meant, flags=(*claims.flags, *several_files(meant)))


def _is_same_file(claimed: str | None, catalogue: Claims) -> bool:
    """Tell whether Civitai's entry may be the sidecar's file, and not another one of the version."""
    if claimed is None or catalogue.sha256 is not None:
        return catalogue.sha256 == claimed or claimed is None
    return claimed.startswith(catalogue.partial_hashes.get("AutoV2", ""))


def _with_hashes(
    claims: Claims, said: Mapping[Any, Any], catalogue: Claims, claimed: str | None, *, known: bool
) -> Claims:
    """Return the claims with all hashes; `known` tells that Civitai answered.

    Then the sidecar's hash may be Civitai's own, taken over at a download; without an answer the tool computed it.
    """
    partial: dict[str, str] = {}
    siblings = catalogue.sibling_sha256
    if _is_same_file(claimed, catalogue):
        partial.update(catalogue.partial_hashes)
    elif catalogue.sha256 is not None:
        siblings = (catalogue.sha256, *siblings)
    if (digits := partial_hash("AutoV3", said.get("autov3"))) is not None:
        partial["AutoV3"] = digits
    own = claimed or catalogue.sha256
    return replace(
        claims,
        sha256=own,
        own_hash=claimed is not None and not known,
        partial_hashes=partial,
        sibling_sha256=tuple(dict.fromkeys(digits for digits in siblings if digits != own)),
    )


def _text_fields(
    said: Mapping[Any, Any], civitai: Mapping[Any, Any], about: Mapping[Any, Any], catalogue: Claims
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the columns that are text or lists of it, and doubts."""
    fields: dict[str, Any] = {}
    flags = {flag: None for flag in catalogue.flags if flag != SEVERAL_FILES}
    name: str | None = clean_name(said.get("model_name")) or catalogue.fields.get("name")
    if name:
        fields["name"] = name
    if notes := clean_text(said.get("notes")):
        fields["notes"] = notes
    tags = list_of_text(said.get("tags"), key="name") or list_of_text(about.get("tags"), key="name")
    if tags:
        fields["tags"] = tags
    words: dict[str, None] = {}
    for entries in (said.get("trainedWords"), civitai.get("trainedWords")):
        words.update(dict.fromkeys(list_of_text(entries, commas=False)))
        if payload.has_other_members(entries):
            flags[MEMBERS_SKIPPED] = None
    words.update(dict.fromkeys(catalogue.fields.get("trigger_words", ())))
    if words:
        fields["trigger_words"] = tuple(words)
    if payload.has_other_members(said.get("tags"), key="name"):
        flags[MEMBERS_SKIPPED] = None
    for mark, flag in (("exclude", EXCLUDED), ("civitai_deleted", "deleted-from-catalogue")):
        if boolean_of(said.get(mark)):
            flags[flag] = None
    return fields, tuple(flags)


def _type_of(said: Mapping[Any, Any], catalogue: Claims) -> str | None:
    """Return the type: the tool's own word, the newer key first, else Civitai's; LoRAs have no word of the tool."""
    for key in ("sub_type", "model_type"):
        kind = canonical_type(clean_name(said.get(key)))
        if kind != UNKNOWN:
            return kind
    theirs: str | None = catalogue.fields.get("type")
    return theirs


def _base_of(
    said: Mapping[Any, Any], catalogue: Claims, civitai: Mapping[Any, Any]
) -> tuple[str | None, bool]:
    """Return the base model, and whether the person set it.

    The tool runs names through a table of substrings, so "SDXL Lightning" became "SDXL 1.0". Where its value is
    only that, Civitai's is the better one; where it is something else, the person chose it.
    """
    own, theirs = clean_name(said.get("base_model")), clean_name(civitai.get("baseModel"))
    base = canonical_base(own)
    better: str | None = catalogue.fields.get("base_model")
    if base is None or better is None or not theirs:
        return base or better, False
    if own in (theirs, collapsed_base(theirs)) or canonical_base(collapsed_base(theirs)) == base:
        return better, False
    return base, base != better


def _typed_by_person(
    fields: Mapping[str, Any],
    said: Mapping[Any, Any],
    about: Mapping[Any, Any],
    catalogue: Claims,
    stem: str,
    base_edited: bool,
) -> frozenset[str]:
    typed = {column for column in ("notes", "favorite") if column in fields}
    path, file_name = clean_name(said.get("file_path")), clean_name(said.get("file_name"))
    written_by_tool = {
        clean_name(stem),
        stem_of(base_name(path)),
        file_name,
        stem_of(file_name),
        clean_name(about.get("name")),
        clean_name(mapping_of(said.get("civitai")).get("name")),
        catalogue.fields.get("name"),
    }
    if "name" in fields and fields["name"] not in written_by_tool:
        typed.add("name")
    own_tags = {tag.casefold() for tag in list_of_text(said.get("tags"), key="name")}
    if own_tags and own_tags != {tag.casefold() for tag in list_of_text(about.get("tags"), key="name")}:
        typed.add("tags")
    if base_edited:
        typed.add("base_model")
    return frozenset(typed)


def _path_of(said: Mapping[Any, Any]) -> str | None:
    path = said.get("file_path")
    return path if isinstance(path, str) and path.strip() and "\0" not in path else None


def _size_hint(size: Any) -> int | None:
    """Return a float size, which is Civitai's kibibytes times 1024 and good to some bytes only."""
    return round(size) if isinstance(size, float) and 0 < size < 1e18 else None


def _meant(names: Sequence[str], said: Mapping[Any, Any], kind: Any) -> tuple[str, ...]:
    """Return those of several files of the stem that the sidecar means, as far as it tells itself."""
    recorded = [clean_text(said.get(key)) for key in ("file_path", "file_name")]
    meant = preferred(names, (name for name in recorded if is_model_name(base_name(name))))
    if len(meant) > 1 and kind == "lora":
        meant = preferred(meant, (), _LORA_SUFFIXES)
    return meant


def picture_of(value: Any, folder: str = "", siblings: frozenset[str] = frozenset()) -> str | None:
    """Return the preview's path, None for a remote one or one from another computer that isn't here.

    The tool keeps previews beside the model, so the name is enough where the folder has moved.
    """
    path = value if isinstance(value, str) else ""
    if not path.strip() or "\0" in path or "://" in path:
        return None
    name = base_name(path)
    if name in siblings:
        return os.path.join(folder, name)
    return path if os.path.isabs(path) else None
