"""ComfyUI-Lora-Manager's recipes: ``<uuid>.recipe.json`` beside a picture, which models made it and how.

A recipe is no model. It is kept whole and fills nothing; which models it refers to is read from its payload when
somebody looks at it.
"""

from collections.abc import Mapping
from typing import Any

from modelmgr import payload
from modelmgr.migration.reading.container import read_container
from modelmgr.migration.source import Container, LegacySource, Report
from modelmgr.migration.sources.civitai import flags_of, list_of, mapping_of, unparsed_claims
from modelmgr.payload import boolean_of, clean_name, clean_text, seconds_of
from modelmgr.values import NO_MODEL, Claims, Record

_SUFFIX = ".recipe.json"

MISSING_MODELS = "missing-models"
"""The flag of a recipe that refers to models which were gone, or unknown to Civitai, when it was written."""


class LoraManagerRecipe(LegacySource):
    """See the module."""

    id = "lora-manager-recipe"
    record_ids = ("lora-manager-recipe",)

    def wants(self, name: str, named: bool) -> bool:
        """Tell by the name."""
        return name.lower().endswith(_SUFFIX)

    def probe(self, container: Container, report: Report) -> bool:
        """Tell by the two keys that every recipe has; what can't be parsed may be anybody's."""
        found = payload.parse(read_container(container.path))
        return isinstance(found.value, Mapping) and {"id", "loras"} <= found.value.keys()

    def claims(self, record: Record, siblings: frozenset[str], sha256: str | None = None) -> Claims:
        """Return the title, for lists of records; it names no model."""
        found = payload.parse(record.payload)
        if not found.ok:
            return unparsed_claims(record, found, ())
        said = mapping_of(found.value)
        title = clean_name(said.get("title"))
        times = (seconds_of(said.get(key)) for key in ("modified", "created_date"))
        missing = (MISSING_MODELS,) if any(map(_is_missing, _models(said))) else ()
        return Claims(
            fields={"name": title} if title else {},
            time=next((time for time in times if time is not None), None),
            marker=True,
            flags=flags_of(record, found, (NO_MODEL, *missing)),
        )


def _models(said: Mapping[Any, Any]) -> list[Mapping[Any, Any]]:
    """Return what the recipe says of each model that it used."""
    used = [entry for entry in list_of(said.get("loras")) if isinstance(entry, Mapping)]
    checkpoint = mapping_of(said.get("checkpoint"))
    return [*used, checkpoint] if checkpoint else used


def _is_missing(model: Mapping[Any, Any]) -> bool:
    named = clean_text(model.get("hash")) or clean_text(model.get("file_name"))
    return boolean_of(model.get("isDeleted")) is True or not named
