"""SwarmUI: ``<stem>.swarm.json`` beside a model, with the keys that it otherwise writes into the header.

The tool rewrites headers, so a whole file's hash of any record may be a former one; the tensors' hash, which this
sidecar has, outlives that. Its cache ``model_metadata.ldb`` is no SQLite, and all in it stands elsewhere.
"""

import re
from collections.abc import Mapping
from typing import Any

from modelmgr.migration.beside import models_beside
from modelmgr.migration.hashes import partial_hash
from modelmgr.migration.sources.civitai import several_files
from modelmgr.migration.sources.model_header import modelspec_fields
from modelmgr.migration.sources.sidecar import Around, JsonSidecar
from modelmgr.payload import clean_name, clean_text
from modelmgr.values import Claims

_PREFIX = "modelspec."
_TAG = re.compile(r"</?[A-Za-z][^<>]*>")


class SwarmUi(JsonSidecar):
    """``<stem>.swarm.json`` of a model; pictures have such files too, with what made them."""

    id = "swarmui-json"
    record_ids = ("swarmui-json",)
    ending = ".swarm.json"

    def is_its_name(self, stem: str, siblings: frozenset[str]) -> bool:
        """Tell whether it lies beside a model and not beside a picture alone."""
        return bool(models_beside(stem, siblings))

    def is_its_object(self, value: Mapping[Any, Any], stem: str, siblings: frozenset[str]) -> bool:
        """Tell by the keys."""
        return any(isinstance(key, str) and key.startswith(_PREFIX) for key in value)

    def said(self, value: Mapping[Any, Any], around: Around) -> Claims:
        """Return the light columns; see `JsonSidecar.said`."""
        fields = modelspec_fields(value)
        title = clean_name(value.get("modelspec.title"))
        if title and title != around.stem:
            fields["name"] = title
        # The tool puts a catalogue's HTML into the one field for free text; a person types none.
        description = clean_text(value.get("modelspec.description"))
        personal = frozenset[str]()
        if description and not _TAG.search(description):
            fields["notes"] = description
            personal = frozenset(("notes",))
        tensors = partial_hash(
            "AutoV3", clean_text(value.get("modelspec.hash_sha256")).lower().removeprefix("0x")
        )
        return Claims(
            fields=fields,
            personal=personal,
            partial_hashes={"AutoV3": tensors} if tensors else {},
            stem_names=around.names,
            flags=several_files(around.names),
        )
