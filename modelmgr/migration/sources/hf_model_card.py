"""Hugging Face model cards: a ``README.md`` that begins with YAML, beside weights or in a snapshot of the cache.

Fields as in huggingface/huggingface_hub at ee0a451, ``repocard_data.py``. Any of them may be one text or a list.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from modelmgr import payload
from modelmgr.migration.reading.container import read_beginning, read_container
from modelmgr.migration.reading.yaml_text import front_matter, parse_yaml
from modelmgr.migration.repository import (
    INDEX_OF_PIPELINE,
    files_below,
    is_of_other_kind,
    is_weight,
    may_be_shared,
    models_of,
    page_of,
    snapshot_of,
)
from modelmgr.migration.source import Container, LegacySource, Report
from modelmgr.payload import clean_name, list_of_text
from modelmgr.progress import Progress
from modelmgr.values import MIB, Claims, Record
from modelmgr.vocabulary import UNKNOWN, canonical_base, canonical_type

FILES = "files"
"""Key of `Record.extra`: the weight files of the model that the card speaks of, relative to the card's folder."""

_FRONT_LIMIT = MIB
_DEPTH = 4
_KNOWN_KEYS = frozenset(
    (
        "base_model",
        "base_model_relation",
        "datasets",
        "extra_gated_prompt",
        "instance_prompt",
        "language",
        "library_name",
        "license",
        "license_link",
        "license_name",
        "metrics",
        "model-index",
        "model_name",
        "pipeline_tag",
        "tags",
        "thumbnail",
        "widget",
    )
)
_MACHINE_TAGS = ("base_model:", "license:", "region:", "arxiv:", "dataset:")
# Tags that name the kind of thing, whatever it is used for.
_TYPE_TAGS = {
    "controlnet": "controlnet",
    "t2i-adapter": "t2i_adapter",
    "ip-adapter": "ip_adapter",
    "textual_inversion": "embedding",
    "textual-inversion": "embedding",
    "reranker": "reranker",
}
_PICTURE_TASKS = frozenset(("text-to-image", "text-to-video", "image-to-image", "image-to-video"))
_TEXT_TASKS = frozenset(("text-generation", "text2text-generation", "image-text-to-text"))


class HfModelCard(LegacySource):
    """``README.md`` with front matter; where a repository holds several models, a record for each of them."""

    id = "hf-model-card"
    record_ids = ("hf-model-card",)
    shared = True

    def wants(self, name: str, named: bool) -> bool:
        """Tell by the name."""
        return name.lower() == "readme.md"

    def probe(self, container: Container, report: Report) -> bool:
        """Tell by the front matter: its keys, or that it stands where only a card does."""
        in_snapshot = snapshot_of(container.path) is not None
        beside_model = container.folder_holds_models or INDEX_OF_PIPELINE in container.siblings
        if is_of_other_kind(container.path) or not (in_snapshot or beside_model):
            return False
        beginning = read_beginning(container.path, _FRONT_LIMIT)
        block = _front(beginning)
        if block is None:
            return False
        found = parse_yaml(block)
        if not found.ok:
            return in_snapshot or _has_traces(container)
        return isinstance(found.value, Mapping) and not _KNOWN_KEYS.isdisjoint(found.value)

    def records(self, container: Container, progress: Progress, report: Report) -> Iterator[Record]:
        """Yield the file's bytes once for each model of the repository.

        The key is empty for its only model, else the path of the model's first file. In a folder that is no
        repository, several models beside a card are several that it may speak of, and make one record.
        """
        progress.check()
        content = read_container(container.path)
        folder = os.path.dirname(container.path)
        models = _models_beside(folder, container, report)
        is_repository = snapshot_of(container.path) is not None or _has_traces(container)
        if not is_repository or not may_be_shared(content, models):
            extra = {FILES: list(models[0])} if len(models) == 1 else None
            yield Record(self.id, container.path, "", content, extra)
            return
        for files in models:
            yield Record(self.id, container.path, files[0], content, {FILES: list(files)})

    def claims(self, record: Record, siblings: frozenset[str], sha256: str | None = None) -> Claims:
        """Return what the card says; arguments as `LegacySource.claims`."""
        files = _files_of(record)
        place: dict[str, Any] = {"path": files[0]} if files else {}
        if not files:
            place["stem_names"] = tuple(names[0] for names in models_of(siblings))
        block = _front(record.payload)
        found = parse_yaml(block) if block is not None else None
        if found is None or not found.ok:
            message = found.message if found is not None else "It has no YAML between two lines ---."
            return Claims(problem=found.code if found else "unparsed_payload", message=message, **place)
        said = found.value if isinstance(found.value, Mapping) else {}
        fields = _fields(said, siblings)
        repository = snapshot_of(record.source_path)
        name = clean_name(said.get("model_name"))
        if repository is not None:
            name = name or repository[0].rpartition("/")[2]
            if page := page_of(repository[0]):
                fields["source_url"] = page
        if name and not record.record_key:
            fields["name"] = name
        if preview := _picture(said.get("thumbnail"), record.source_path, siblings):
            fields["preview"] = preview
        flags = [*found.flags]
        if payload.contains_secret(record.payload):
            flags.append("contains-secret")
        if len(place.get("stem_names", ())) > 1:
            flags.append("several-files")
        return Claims(fields=fields, marker=not said, flags=tuple(flags), **place)


def _front(content: bytes) -> bytes | None:
    """Return the YAML at the beginning of a card."""
    found = front_matter(payload.text(content, _FRONT_LIMIT))
    return found[0].encode("utf-8", "replace") if found is not None else None


def _has_traces(container: Container) -> bool:
    """Tell whether the folder is a repository that was fetched from Hugging Face."""
    folder = os.path.join(os.path.dirname(container.path), ".cache", "huggingface")
    return ".gitattributes" in container.siblings or os.path.isdir(folder)


def _models_beside(folder: str, container: Container, report: Report) -> list[tuple[str, ...]]:
    if snapshot_of(container.path) is None and INDEX_OF_PIPELINE not in container.siblings:
        return models_of(container.siblings)
    return models_of(path for path, _ in files_below(folder, depth=_DEPTH, report=report))


def _files_of(record: Record) -> Sequence[str]:
    files = (record.extra or {}).get(FILES)
    files = files if isinstance(files, list) else []
    return [path for path in files if isinstance(path, str) and path and "\0" not in path]


# --- what a card says -------------------------------------------------------------------------------------


def _fields(said: Mapping[Any, Any], siblings: frozenset[str]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    tags = list_of_text(said.get("tags"))
    if shown := tuple(tag for tag in tags if not tag.lower().startswith(_MACHINE_TAGS)):
        fields["tags"] = shown
    bases = [base for word in list_of_text(said.get("base_model")) if (base := canonical_base(word))]
    if bases:
        fields["base_model"] = bases[0]
    if words := list_of_text(said.get("instance_prompt"), commas=False):
        fields["trigger_words"] = words
    if terms := _license(said):
        fields["license"] = terms
    if (kind := _type_of(said, {tag.lower() for tag in tags}, siblings)) != UNKNOWN:
        fields["type"] = kind
    if any(tag.lower() == "not-for-all-audiences" for tag in tags):
        fields["nsfw"] = True
    return fields


def _license(said: Mapping[Any, Any]) -> str:
    terms = ", ".join(list_of_text(said.get("license")))
    if terms.lower() != "other":
        return terms
    return clean_name(said.get("license_name")) or clean_name(said.get("license_link")) or terms


def _type_of(said: Mapping[Any, Any], tags: set[str], siblings: frozenset[str]) -> str:
    """Return the canonical type: what the tags call the thing, then what it is used for."""
    task = clean_name(said.get("pipeline_tag")).lower()
    library = clean_name(said.get("library_name")).lower()
    relation = clean_name(said.get("base_model_relation")).lower()
    if "lora" in tags or relation == "adapter" or library == "peft":
        return "llm_adapter" if task in _TEXT_TASKS or not tags.isdisjoint(_TEXT_TASKS) else "lora"
    for tag, kind in _TYPE_TAGS.items():
        if tag in tags:
            return kind
    if task in _PICTURE_TASKS:
        # Otherwise it may be the denoiser alone, which only its content tells.
        return "checkpoint" if INDEX_OF_PIPELINE in siblings else UNKNOWN
    if library == "sentence-transformers" and not task:
        return "text_embedding_model"
    return canonical_type(task)


def _picture(value: Any, card: str, siblings: frozenset[str]) -> str | None:
    """Return the thumbnail's path if it is a picture beside the card; an address is none."""
    name = clean_name(value).removeprefix("./")
    return os.path.join(os.path.dirname(card), name) if name in siblings and not is_weight(name) else None
