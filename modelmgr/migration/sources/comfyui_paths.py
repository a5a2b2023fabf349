"""ComfyUI's ``extra_model_paths.yaml`` (Desktop: ``extra_models_config.yaml``): folders of models, and no record.

Each section has a base path, and registered names with one folder a line (Comfy-Org/ComfyUI,
``utils/extra_config.py``); ``unet`` and ``clip`` are old names.
"""

import os
import re
from collections.abc import Mapping
from typing import Any

from modelmgr.migration.reading.container import read_container
from modelmgr.migration.reading.yaml_text import parse_yaml
from modelmgr.migration.source import Container, Place, Report, Settings
from modelmgr.payload import PARSE_LIMIT_BYTES, boolean_of
from modelmgr.values import Root
from modelmgr.vocabulary import UNKNOWN, canonical_type, type_of_folder

_NAMES = frozenset(
    name + suffix for name in ("extra_model_paths", "extra_models_config") for suffix in (".yaml", ".yml")
)
_BASE_PATH, _IS_DEFAULT = "base_path", "is_default"
_NO_MODELS = frozenset(("configs", "custom_nodes", "download_model_base", _BASE_PATH, _IS_DEFAULT))
_ROOTS_LIMIT = 1_000
_FOREIGN = re.compile(r"[A-Za-z]:[\\/]|\\\\")


class ComfyuiPaths(Settings):
    """See the module."""

    id = "comfyui-paths"
    record_ids = ()
    many = True
    places = (
        Place("ComfyUI", "$APPDATA/ComfyUI/extra_models_config.yaml", "win32"),
        Place("ComfyUI", "~/Library/Application Support/ComfyUI/extra_models_config.yaml", "darwin"),
        Place("ComfyUI", "~/.config/ComfyUI/extra_models_config.yaml", "linux"),
    )

    def wants(self, name: str, named: bool) -> bool:
        """Tell by the name; one that the user named may be called anything, as on ComfyUI's command line."""
        return name.lower() in _NAMES or (named and name.lower().endswith((".yaml", ".yml")))

    def probe(self, container: Container, report: Report) -> bool:
        """Tell by the sections: mappings, at least one of them with a name that ComfyUI registers."""
        sections = _sections(container)
        return any(
            _type_of(name) != UNKNOWN and isinstance(said, str | list)
            for section in sections
            for name, said in section.items()
        )

    def roots(self, container: Container) -> tuple[Root, ...]:
        """Return each folder once, those of default sections first; folders of other systems are left out."""
        beside = os.path.dirname(container.path)
        sections = _sections(container)
        sections.sort(key=lambda section: boolean_of(section.get(_IS_DEFAULT)) is not True)
        roots: dict[str, Root] = {}
        for section in sections:
            base = _expanded(section.get(_BASE_PATH))
            if base is None or _is_foreign(base):
                continue
            for name, said in section.items():
                if name.lower() in _NO_MODELS:
                    continue
                for folder in _folders(said):
                    path = os.path.normpath(os.path.join(beside, base, folder))
                    if not _is_foreign(folder) and len(roots) < _ROOTS_LIMIT:
                        roots.setdefault(path, Root(path, _type_of(name), self.id, container.path))
        return tuple(roots.values())


def _sections(container: Container) -> list[Mapping[str, Any]]:
    """Return the sections that hold anything; none if the file is something else.

    Raises:
        Unreadable: the file can't be read.
    """
    found = parse_yaml(read_container(container.path, PARSE_LIMIT_BYTES))
    if not isinstance(found.value, Mapping):
        return []
    sections = [section for section in found.value.values() if section is not None]
    return (
        [section for section in sections if isinstance(section, Mapping)] if _all_mappings(sections) else []
    )


def _all_mappings(sections: list[Any]) -> bool:
    return all(isinstance(section, Mapping) for section in sections)


def _type_of(name: str) -> str:
    """Return the type of what lies in the folders of a registered name."""
    return type_of_folder(f"/{name}") or canonical_type(name)


def _folders(said: Any) -> list[str]:
    """Return the folders of a name: one a line, or a list of them."""
    lines = said if isinstance(said, list) else str(said).splitlines() if isinstance(said, str) else []
    return [path for line in lines if isinstance(line, str) and (path := _expanded(line))]


def _expanded(said: Any) -> str | None:
    """Return a path with ``~`` and variables filled in, "" for none, None for one that can't be."""
    if not isinstance(said, str):
        return ""
    path = said.strip()
    return os.path.expandvars(os.path.expanduser(path)) if "\0" not in path else None


def _is_foreign(path: str) -> bool:
    return os.sep == "/" and _FOREIGN.match(path) is not None
