"""AUTOMATIC1111, Forge, and whoever writes ``<stem>.json`` and ``<stem>.txt`` beside a model as they do.

Several tools share these names: the web UIs keep what the person typed on a model's card, SD.Next and downloaders
keep Civitai's answer, Civitai Browser+ and a fork of Civitai Helper fill the person's fields with it. A file may
have been written by two of them; it stays one payload, and each part is read as what it is. SD.Next alone also
keeps them for models that are folders: in the folder under its name, or beside it.
"""

import html
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from modelmgr import payload
from modelmgr.errors import Unreadable
from modelmgr.migration.beside import alike, models_beside, same_name, stem_of
from modelmgr.migration.hashes import full_sha256
from modelmgr.migration.reading.container import read_container
from modelmgr.migration.repository import INDEX_OF_PIPELINE, files_below, models_of
from modelmgr.migration.source import Container, LegacySource, Place, Report
from modelmgr.migration.sources.civitai import (
    MEMBERS_SKIPPED,
    civitai_claims,
    flags_of,
    is_model,
    is_version,
    mapping_of,
    page_of,
    several_files,
    unparsed_claims,
)
from modelmgr.migration.sources.sidecar import OLDER_THAN, newer_models
from modelmgr.payload import clean_text, integer_of, list_of_text
from modelmgr.progress import Progress
from modelmgr.values import Claims, Problem, Record
from modelmgr.vocabulary import canonical_base, is_finer

USER_JSON = "a1111-user-json"
CIVITAI_JSON = "civitai-json"
SDNEXT_JSON = "sdnext-json"
UNKNOWN_JSON = "unknown-json"
TEXT = "a1111-txt"
SDNEXT_TEXT = "sdnext-txt"

FILES = "files"
"""Key of `Record.extra` of what speaks of a folder: the model's weights, relative to where the record lies."""

# Files of libraries and programs; beside a `config.bin` they would look like a sidecar.
_NEVER = frozenset(
    f"{stem}.json"
    for stem in (
        "added_tokens",
        "cache",
        "config",
        "config_sentence_transformers",
        "dataset_info",
        "generation_config",
        "hashes",
        "metadata",
        "model_index",
        "models",
        "modules",
        "package",
        "package-lock",
        "preprocessor_config",
        "processor_config",
        "quantize_config",
        "scheduler_config",
        "settings",
        "special_tokens_map",
        "tokenizer",
        "tokenizer_config",
        "vocab",
    )
)
_OF_OTHERS = (
    ".metadata.json",
    ".cm-info.json",
    ".rgthree-info.json",
    ".swarm.json",
    ".api_info.json",
    ".recipe.json",
)
# Beside a model these hold what Civitai said; a card's description is then only a copy of it.
_CATALOGUE_ENDINGS = (".civitai.info", ".metadata.json", ".cm-info.json", ".api_info.json")

# Only the card's dialog has these; keys are compared with blanks for `_` and `-`, in lower case.
_CARD_KEYS = frozenset(
    (
        "sd version",
        "activation text",
        "preferred weight",
        "negative text",
        "notes",
        "vae",
        "vae te",
        "sd version str",
    )
)
_USER_KEYS = _CARD_KEYS | {"extensions", "modelid", "modelversionid", "sha256"}
_JOINED_KEYS = _CARD_KEYS | {"sha256"}
_PIPELINE_DEPTH = 2
_CONFIG_KEYS = frozenset(
    (
        "_class_name",
        "_diffusers_version",
        "architectures",
        "beta_end",
        "beta_schedule",
        "beta_start",
        "num_train_timesteps",
        "prediction_type",
        "scheduler",
        "timestep_spacing",
    )
)

SAME_AS = "same_text_as"
COPIED_FROM = "copied_from"
NO_ANSWER = "no_answer_in"
"""Keys of `Record.extra`, for what only a look around could tell when the record was read: the sidecar whose
description the notes repeat; the sidecar that holds what Civitai said, or the text file that the web UI shows
instead; sidecars that say no more than that Civitai knows nothing. See also `sidecar.OLDER_THAN`."""


class A1111Json(LegacySource):
    """``<stem>.json`` beside a model of that stem: the person's card, or an answer of Civitai."""

    id = USER_JSON
    record_ids = (USER_JSON, CIVITAI_JSON, SDNEXT_JSON, UNKNOWN_JSON)
    places = (
        Place("AUTOMATIC1111", "~/stable-diffusion-webui"),
        Place("AUTOMATIC1111", "C:/stable-diffusion-webui", "win32"),
        Place("Forge", "~/stable-diffusion-webui-forge"),
        Place("Forge", "C:/stable-diffusion-webui-forge", "win32"),
    )

    def wants(self, name: str, named: bool) -> bool:
        """Tell by the name; files of libraries and of other sources are none."""
        lowered = name.lower()
        return lowered.endswith(".json") and lowered not in _NEVER and not lowered.endswith(_OF_OTHERS)

    def probe(self, container: Container, report: Report) -> bool:
        """Tell whether it lies beside a model of its stem and is no configuration of that model."""
        stem = stem_of(container.name)
        if not models_beside(stem, container.siblings) and _pipeline_of(container, stem) is None:
            return False
        content = read_container(container.path)
        return _kind_of(payload.parse(content)) is not None

    def records(self, container: Container, progress: Progress, report: Report) -> Iterator[Record]:
        """Yield the one record: the file's bytes, and what only a look around can tell about them."""
        progress.check()
        content = read_container(container.path)
        found = payload.parse(content)
        kind = _kind_of(found)
        if kind is not None:
            extra = _facts_around(container, _subject(found.value)) if found.ok else {}
            extra |= _files_of_pipeline(container, stem_of(container.name))
            yield Record(kind, container.path, "", content, extra or None)

    def claims(self, record: Record, siblings: frozenset[str], sha256: str | None = None) -> Claims:
        """Return what the file says."""
        stem = stem_of(os.path.basename(record.source_path))
        names = models_beside(stem, siblings)
        found = payload.parse(record.payload)
        if not found.ok:
            return replace(unparsed_claims(record, found, names), path=_path_in_folder(record, names))
        said = _json_claims(record, _subject(found.value), names, siblings, stem, sha256)
        path = _path_in_folder(record, names)
        if path is not None:
            # What Civitai says of a file's bytes is not said of any one file of a folder.
            said = replace(
                said,
                path=path,
                sha256=None,
                own_hash=False,
                partial_hashes={},
                sibling_sha256=(),
                size_hint_bytes=None,
            )
        return replace(said, flags=flags_of(record, found, said.flags))


class A1111Text(LegacySource):
    """``<stem>.txt`` or ``<stem>.description.txt`` beside a model: a description, or the person's notes."""

    id = TEXT
    record_ids = (TEXT, SDNEXT_TEXT)

    def wants(self, name: str, named: bool) -> bool:
        """Tell by the name."""
        return name.lower().endswith(".txt")

    def probe(self, container: Container, report: Report) -> bool:
        """Tell whether it lies beside a model; beside a picture alone it is a caption."""
        stem, names, _ = _text_speaks_of(container.name, container.siblings)
        return bool(names) or _pipeline_of(container, stem) is not None

    def records(self, container: Container, progress: Progress, report: Report) -> Iterator[Record]:
        """Yield the one record: the file's bytes."""
        progress.check()
        content = read_container(container.path)
        extra: dict[str, Any] = {}
        stem, names, is_first = _text_speaks_of(container.name, container.siblings)
        if not is_first:
            extra[COPIED_FROM] = f"{stem}.txt"
        card = _neighbour(container, f"{stem}.json")
        if card and _plain(payload.text(content)) == _plain(_described(card[1])) != "":
            extra[SAME_AS] = card[0]
        extra |= _files_of_pipeline(container, stem)
        yield Record(TEXT if names else SDNEXT_TEXT, container.path, "", content, extra or None)

    def claims(self, record: Record, siblings: frozenset[str], sha256: str | None = None) -> Claims:
        """Return the text as notes, unless it is only the copy of a description."""
        _, names, is_first = _text_speaks_of(os.path.basename(record.source_path), siblings)
        path = _path_in_folder(record, names)
        if len(record.payload) > payload.PARSE_LIMIT_BYTES:
            return replace(unparsed_claims(record, payload.parse(record.payload), names), path=path)
        notes = clean_text(payload.text(record.payload))
        flags = flags_of(record, payload.Parsed(), several_files(names))
        if not notes:
            return Claims(stem_names=names, path=path, marker=True, flags=flags)
        if not is_first or not {SAME_AS, COPIED_FROM}.isdisjoint(record.extra or {}):
            return Claims(stem_names=names, path=path, flags=flags)
        return Claims(
            fields={"notes": notes}, personal=frozenset(("notes",)), stem_names=names, path=path, flags=flags
        )


def _text_speaks_of(name: str, siblings: frozenset[str]) -> tuple[str, tuple[str, ...], bool]:
    """Return the stem, the models of a text file, and whether the web UI would show it.

    It shows ``<stem>.description.txt`` only where there is no ``<stem>.txt``.
    """
    stem = stem_of(name)
    names = models_beside(stem, siblings)
    if names or not stem.lower().endswith(".description"):
        return stem, names, True
    shorter = stem_of(stem)
    return shorter, models_beside(shorter, siblings), f"{shorter}.txt" not in siblings


def _pipeline_of(container: Container, stem: str) -> str | None:
    """Return the folder of a model that is one, relative to the container's; None if this speaks of none."""
    folder = os.path.dirname(container.path)
    if INDEX_OF_PIPELINE in container.siblings:
        return "" if same_name(os.path.basename(folder), stem) else None
    below = os.path.join(folder, stem)
    return stem if stem and os.path.isfile(os.path.join(below, INDEX_OF_PIPELINE)) else None


def _files_of_pipeline(container: Container, stem: str) -> dict[str, Any]:
    if models_beside(stem, container.siblings):
        return {}
    below = _pipeline_of(container, stem)
    if below is None:
        return {}
    folder = os.path.join(os.path.dirname(container.path), below)
    listed = (path for path, _ in files_below(folder, depth=_PIPELINE_DEPTH, report=_unheard))
    weights = next((files for files in models_of(listed) if "/" in files[0]), ())
    return {FILES: [f"{below}/{path}" if below else path for path in weights]} if weights else {}


def _unheard(problem: Problem) -> None:
    """Hear no problem: what can't be looked at is no weight."""


def _path_in_folder(record: Record, names: tuple[str, ...]) -> str | None:
    """Return the file by which a model that is a folder is known, None for a model that is a file."""
    files = (record.extra or {}).get(FILES)
    first = files[0] if not names and isinstance(files, list) and files else None
    return first if isinstance(first, str) and "\0" not in first else None


# --- what a JSON file beside a model is -------------------------------------------------------------------


def _kind_of(found: payload.Parsed) -> str | None:
    """Return the record id for a parsed ``<stem>.json``, None if it is no record."""
    if not found.ok or payload.EMPTY in found.flags:
        return USER_JSON
    value = _subject(found.value)
    if value is None:
        return UNKNOWN_JSON
    if not isinstance(value, Mapping):
        return None
    kind = _kind_of_object(value)
    # A list is read by its first element, as SD.Next does, but only where that is Civitai's.
    return kind if value is found.value or kind in (SDNEXT_JSON, CIVITAI_JSON) else None


def _kind_of_object(value: Mapping[Any, Any]) -> str | None:
    if is_model(value):
        return SDNEXT_JSON
    if is_version(value):
        return CIVITAI_JSON
    keys = {_key(key) for key in value}
    if not keys.isdisjoint(_USER_KEYS) or keys == {"description"}:
        return USER_JSON
    return None if _is_model_config(value) else UNKNOWN_JSON


def _is_model_config(value: Mapping[Any, Any]) -> bool:
    """Tell whether it configures a library that loads the model."""
    if not _CONFIG_KEYS.isdisjoint(value):
        return True
    numbers = (isinstance(item, int | float) and not isinstance(item, bool) for item in value.values())
    return "model_type" in value and any(numbers)


def _subject(value: Any) -> Any:
    return value[0] if isinstance(value, list) and value and isinstance(value[0], Mapping) else value


def _key(key: Any) -> str:
    return str(key).replace("_", " ").replace("-", " ").strip().lower()


# --- what it says -----------------------------------------------------------------------------------------


def _json_claims(
    record: Record,
    value: Any,
    names: tuple[str, ...],
    siblings: frozenset[str],
    stem: str,
    sha256: str | None,
) -> Claims:
    flags = several_files(names)
    if record.source == UNKNOWN_JSON or not isinstance(value, Mapping):
        return Claims(stem_names=names, marker=value is None or value == {}, flags=flags)
    card = {_key(key): item for key, item in value.items()}
    extra = record.extra or {}
    if record.source == USER_JSON:
        has_catalogue = COPIED_FROM in extra or bool(_catalogues_beside(stem, siblings, extra))
        return _card_claims(card, extra, names, has_catalogue)
    said = civitai_claims(
        value,
        names,
        stem=stem,
        sha256=sha256 or _own_sha256(card, extra),
        version_id=integer_of(card.get("modelversionid")),
    )
    return said if card.keys().isdisjoint(_JOINED_KEYS) else _joined(said, card, extra, names)


def _card_claims(
    card: Mapping[str, Any], extra: Mapping[str, Any], names: tuple[str, ...], has_catalogue: bool
) -> Claims:
    """Return what the web UI's card says; `has_catalogue` tells that its description is a copy."""
    fields: dict[str, Any] = {}
    flags = list(several_files(names))
    notes = clean_text(card.get("notes"))
    if extra.get(SAME_AS):
        notes = ""
    if not notes and not has_catalogue:
        notes = clean_text(card.get("description"))
    if notes:
        fields["notes"] = notes
    if words := _activation(card.get("activation text")):
        fields["trigger_words"] = words
    if payload.has_other_members(card.get("activation text")):
        flags.append(MEMBERS_SKIPPED)
    base = canonical_base(clean_text(card.get("sd version"))) or canonical_base(
        clean_text(card.get("sd version str"))
    )
    if base:
        fields["base_model"] = base
    if url := page_of(integer_of(card.get("modelid")), integer_of(card.get("modelversionid"))):
        fields["source_url"] = url
    sha256 = _own_sha256(card, extra)
    if extra.get(OLDER_THAN):
        flags.append("stale-hash")
    return Claims(
        fields=fields,
        personal=_typed_by_person(card, fields),
        sha256=sha256,
        own_hash=sha256 is not None,
        stem_names=names,
        flags=tuple(flags),
        marker=not card,
    )


def _joined(
    said: Claims, card: Mapping[str, Any], extra: Mapping[str, Any], names: tuple[str, ...]
) -> Claims:
    """Return the claims of a file that holds Civitai's answer and the person's card."""
    own = _card_claims(card, extra, names, has_catalogue=True)
    fields, personal = {**said.fields, **own.fields}, own.personal
    if "source_url" in said.fields:
        fields["source_url"] = said.fields["source_url"]
    words = (*own.fields.get("trigger_words", ()), *said.fields.get("trigger_words", ()))
    if words:
        fields["trigger_words"] = tuple(dict.fromkeys(words))
    finer, coarse = said.fields.get("base_model"), own.fields.get("base_model")
    if finer and coarse and is_finer(finer, coarse):
        fields["base_model"] = finer
        personal = personal - {"base_model"}
    return replace(
        said,
        fields=fields,
        personal=personal,
        sha256=own.sha256 or said.sha256,
        own_hash=own.own_hash,
        flags=(*said.flags, *own.flags),
        marker=False,
    )


def _activation(value: Any) -> tuple[str, ...]:
    """Return the activation text as one entry; only a fork of Civitai Helper joins several by `` || ``."""
    texts = list_of_text(value, commas=False)
    return list_of_text([part for text in texts for part in text.split(" || ")])


def _typed_by_person(card: Mapping[str, Any], fields: Mapping[str, Any]) -> frozenset[str]:
    """Return the fields that the person typed, not one of the tools that fill the card from Civitai."""
    typed = frozenset(("notes", "trigger_words", "base_model")) & fields.keys()
    by_helper = "sd_civitai_helper" in mapping_of(card.get("extensions"))
    by_browser = not card.keys().isdisjoint(("modelversionid", "unpacklist"))
    if not (by_helper or by_browser):
        return typed
    return typed & {"notes"} if clean_text(card.get("notes")) else frozenset()


def _own_sha256(card: Mapping[str, Any], extra: Mapping[str, Any]) -> str | None:
    """Return Civitai Browser+'s hash; it keeps one for ever, so a model that came later is another."""
    return None if extra.get(OLDER_THAN) else full_sha256(card.get("sha256"))


def _catalogues_beside(stem: str, siblings: frozenset[str], extra: Mapping[str, Any]) -> list[str]:
    """Return the sidecars that hold what Civitai said, but for those that were seen to hold no answer."""
    silent = extra.get(NO_ANSWER)
    found = (name for ending in _CATALOGUE_ENDINGS for name in alike(f"{stem}{ending}", siblings))
    return [name for name in found if not (isinstance(silent, list) and name in silent)]


# --- what stands around it --------------------------------------------------------------------------------


def _facts_around(container: Container, value: Any) -> dict[str, Any]:
    """Return what the payload alone can't tell later: whose text the notes are, and whether its hash is stale."""
    if not isinstance(value, Mapping):
        return {}
    card = {_key(key): item for key, item in value.items()}
    facts: dict[str, Any] = {}
    stem = stem_of(container.name)
    if "sd_civitai_helper" in mapping_of(card.get("extensions")) and clean_text(card.get("notes")):
        # The fork of Civitai Helper writes the version's description where the person's notes should stand.
        info = _neighbour(container, f"{stem}.civitai.info")
        if info and _plain(card.get("notes")) == _plain(_described(info[1])):
            facts[SAME_AS] = info[0]
    if clean_text(card.get("description")):
        catalogues = _catalogues_beside(stem, container.siblings, {})
        silent = [name for name in catalogues if _is_silent(_neighbour(container, name))]
        if len(silent) < len(catalogues):
            facts[COPIED_FROM] = next(name for name in catalogues if name not in silent)
        elif silent:
            facts[NO_ANSWER] = silent
    names = models_beside(stem, container.siblings) if full_sha256(card.get("sha256")) is not None else ()
    if newer := newer_models(container, names, container.mtime_ns):
        facts[OLDER_THAN] = newer
    return facts


def _neighbour(container: Container, name: str) -> tuple[str, Any] | None:
    """Return name and parsed value of another sidecar of the same model, None if there is none to read."""
    found = next(iter(alike(name, container.siblings)), "")
    path = os.path.join(os.path.dirname(container.path), found)
    if not found or os.path.islink(path):
        return None
    try:
        content = read_container(path, payload.PARSE_LIMIT_BYTES)
    except Unreadable:
        return None
    return found, payload.parse(content).value


def _is_silent(neighbour: tuple[str, Any] | None) -> bool:
    """Tell whether a sidecar was seen to hold no answer of Civitai: then what the card describes is no copy of it."""
    if neighbour is None:
        return False
    name, value = neighbour
    value = _subject(value)
    if name.lower().endswith(".metadata.json"):
        # ComfyUI-Lora-Manager writes one beside every model, known to Civitai or not.
        value = mapping_of(value).get("civitai")
    return not isinstance(value, Mapping) or civitai_claims(value).marker


def _described(value: Any) -> Any:
    return mapping_of(_subject(value)).get("description")


def _plain(value: Any) -> str:
    """Return a text without tags, entities and blanks, to compare what one tool made of another's HTML."""
    return "".join(html.unescape(_TAGS.sub("", clean_text(value))).split())


_TAGS = re.compile(r"<[^<>]*>")
