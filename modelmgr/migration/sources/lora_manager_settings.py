"""ComfyUI-Lora-Manager's ``settings.json``: the folders of models, and nothing else of it.

The file holds API keys and passwords; no byte of it is kept.
"""

import os
from collections.abc import Iterator, Mapping
from typing import Any

from modelmgr import payload
from modelmgr.migration.reading.container import read_container
from modelmgr.migration.source import Container, Report, Settings
from modelmgr.migration.sources.civitai import mapping_of
from modelmgr.migration.sources.lora_manager_cache import places_below
from modelmgr.payload import list_of_text
from modelmgr.values import MIB, Root
from modelmgr.vocabulary import UNKNOWN, canonical_type

_LIMIT_BYTES = 16 * MIB
_LISTS = ("folder_paths", "extra_folder_paths")
_CHIEF_FOLDERS = {
    "default_lora_root": "lora",
    "default_checkpoint_root": "checkpoint",
    "default_unet_root": "diffusion_model",
    "default_embedding_root": "embedding",
}


class LoraManagerSettings(Settings):
    """See the module."""

    id = "lora-manager-settings"
    record_ids = ()
    many = True
    places = places_below("settings.json")

    def wants(self, name: str, named: bool) -> bool:
        """Tell by the name."""
        return name.lower() == "settings.json"

    def probe(self, container: Container, report: Report) -> bool:
        """Tell by lists of folders, the tool's own or those of its libraries; a broken file is nobody's."""
        return any(kind != UNKNOWN for _, kind in _folders(_settings(container)))

    def roots(self, container: Container) -> tuple[Root, ...]:
        """Return the folders, each once; those of another computer are left out.

        Raises:
            Unreadable: the file can't be read any more.
        """
        found: dict[str, Root] = {}
        for path, kind in _folders(_settings(container)):
            if os.path.isabs(path):
                path = os.path.normpath(path)
                found.setdefault(path, Root(path, kind, self.id, container.path))
        return tuple(found.values())


def _settings(container: Container) -> Mapping[Any, Any]:
    if container.size_bytes > _LIMIT_BYTES:
        return {}
    return mapping_of(payload.parse(read_container(container.path, _LIMIT_BYTES)).value)


def _folders(settings: Mapping[Any, Any]) -> Iterator[tuple[str, str]]:
    """Yield the folders with their types, those of all libraries."""
    yield from _listed(settings)
    for library in mapping_of(settings.get("libraries")).values():
        yield from _listed(mapping_of(library))
        for key, kind in _CHIEF_FOLDERS.items():
            yield from ((path, kind) for path in _paths(mapping_of(library).get(key)))


def _listed(settings: Mapping[Any, Any]) -> Iterator[tuple[str, str]]:
    for name in _LISTS:
        for key, paths in mapping_of(settings.get(name)).items():
            for path in _paths(paths):
                yield path, canonical_type(str(key))


def _paths(value: Any) -> tuple[str, ...]:
    return tuple(path for path in list_of_text(value, commas=False) if "\0" not in path)
