"""Civitai Browser+: ``<stem>.api_info.json`` beside a model, Civitai's whole answer about it.

What the extension writes into ``<stem>.json`` shares its file with the web UI's card and is read there (`a1111`).
"""

from collections.abc import Mapping
from typing import Any

from modelmgr.migration.sources.civitai import civitai_claims, is_model
from modelmgr.migration.sources.sidecar import Around, JsonSidecar
from modelmgr.values import Claims


class CivitaiBrowserApi(JsonSidecar):
    """``<stem>.api_info.json``: a model object with all its versions."""

    id = "civitai-browser-api"
    record_ids = ("civitai-browser-api",)
    ending = ".api_info.json"

    def is_its_object(self, value: Mapping[Any, Any], stem: str, siblings: frozenset[str]) -> bool:
        """Tell whether it is a model object."""
        return is_model(value)

    def said(self, value: Mapping[Any, Any], around: Around) -> Claims:
        """Return what Civitai says of the file's version; see `JsonSidecar.said`."""
        return civitai_claims(value, around.names, stem=around.stem, sha256=around.sha256)
