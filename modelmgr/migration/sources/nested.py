"""JSON of other tools inside a generic row: whose it is, and what it says by that tool's own rules."""

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

from modelmgr.migration.sources.a1111 import USER_JSON, A1111Json
from modelmgr.migration.sources.civitai import civitai_claims, is_model, is_version
from modelmgr.migration.sources.lora_manager import LoraManager
from modelmgr.values import Claims, Record

# Keys that only the tool's own objects have; the others are common words, read as such.
_LORA_MANAGER_KEYS = frozenset(
    ("civitai", "from_civitai", "preview_nsfw_level", "usage_tips", "modelDescription")
)
_CARD_KEYS = frozenset(("sd version", "activation text", "preferred weight", "negative text"))
# Scripts keep parts of a version without its id.
_VERSION_PARTS = frozenset(("modelId", "trainedWords", "baseModel"))

_LORA_MANAGER = LoraManager()
_A1111_JSON = A1111Json()


def claims_of_nested(
    value: Any,
    *,
    stem: str = "",
    folder: str = "",
    names: Sequence[str] = (),
    siblings: frozenset[str] = frozenset(),
    sha256: str | None = None,
) -> Claims | None:
    """Return what an object says by the rules of the tool that wrote it, None if it is no known tool's.

    Args:
        value: a JSON value.
        stem: of the model file that the row speaks of, if it names one.
        folder: of the container.
        names: the model files beside the container that the row may mean.
        siblings: all names beside the container.
        sha256: of the file, computed or claimed by the row.
    """
    if not isinstance(value, Mapping) or not value:
        return None
    if is_model(value) or is_version(value):
        return civitai_claims(value, names, stem=stem, sha256=sha256)
    if not _LORA_MANAGER_KEYS.isdisjoint(value):
        sidecar = Record(
            _LORA_MANAGER.id, os.path.join(folder, f"{stem or 'row'}.metadata.json"), "", _bytes(value)
        )
        return _LORA_MANAGER.claims(sidecar, siblings, sha256)
    if not _CARD_KEYS.isdisjoint(_spelt(value)):
        card = Record(USER_JSON, os.path.join(folder, f"{stem or 'row'}.json"), "", _bytes(value))
        return _A1111_JSON.claims(card, siblings, sha256)
    if not _VERSION_PARTS.isdisjoint(value):
        return civitai_claims(value, names, stem=stem, sha256=sha256)
    return None


def has_own_rules(value: Mapping[Any, Any]) -> bool:
    """Tell whether an object is that of a tool whose words mean something else than the same columns of a row."""
    return not _LORA_MANAGER_KEYS.isdisjoint(value) or not _CARD_KEYS.isdisjoint(_spelt(value))


def _spelt(value: Mapping[Any, Any]) -> set[str]:
    return {str(key).replace("_", " ").replace("-", " ").lower() for key in value}


def _bytes(value: Any) -> bytes:
    return json.dumps(value).encode()
