"""Jan: ``model.yml`` (since 2025-07), Cortex' ``<file>.yml`` (2024-10 to 2025-06), ``model.json`` (before).

Keys as in menloresearch/jan at f572350 and 189b926: ``extensions/llamacpp-extension/src/index.ts``,
``extensions/model-extension/src/legacy/model-json.ts``, ``src-tauri/src/core/cmd.rs``. A file that Jan fetched is
called ``model.gguf``, so its stem is nobody's name.
"""

import os
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from modelmgr import payload
from modelmgr.errors import Unreadable
from modelmgr.migration.beside import base_name, is_model_name, models_beside, stem_of
from modelmgr.migration.hashes import full_sha256
from modelmgr.migration.reading.container import read_beginning, read_container
from modelmgr.migration.reading.yaml_text import parse_yaml
from modelmgr.migration.source import Container, LegacySource, Place, Report
from modelmgr.payload import boolean_of, clean_name, clean_text, list_of_text, page_url
from modelmgr.progress import Progress
from modelmgr.values import MIB, NO_MODEL, Claims, Record, Root
from modelmgr.vocabulary import UNKNOWN

_TOOL = "Jan"
_ENGINES = ("llamacpp", "mlx")
_MODELS = "models"
_SETTINGS = "settings.json"
_SETTINGS_BYTES = 4 * MIB
_BEGINNING_BYTES = 65_536

_CORTEX_KEYS = frozenset(
    ("ctx_len", "engine", "files", "ngl", "prompt_template", "stop", "top_p", "max_tokens", "version")
)
_JSON_KEYS = frozenset(("engine", "settings", "parameters", "metadata", "object", "format"))
_LOCAL_ENGINES = ("nitro", "llama-cpp", "llamacpp", "cortex")


class JanModelYml(LegacySource):
    """``model.yml`` of the newest generation, and Cortex' YAML beside a model; the settings tell the data folder."""

    id = "jan-model-yml"
    record_ids = ("jan-model-yml",)
    places = (
        Place(_TOOL, "$APPDATA/Jan/data", "win32"),
        Place(_TOOL, "$APPDATA/Jan/settings.json", "win32"),
        Place(_TOOL, "~/Library/Application Support/Jan/data", "darwin"),
        Place(_TOOL, "~/Library/Application Support/Jan/settings.json", "darwin"),
        Place(_TOOL, "~/.local/share/Jan/data", "linux"),
        Place(_TOOL, "~/.local/share/Jan/settings.json", "linux"),
        Place(_TOOL, "~/jan"),
    )

    def wants(self, name: str, named: bool) -> bool:
        """Tell by the name."""
        return name.lower().endswith((".yml", ".yaml")) or name.lower() == _SETTINGS

    def probe(self, container: Container, report: Report) -> bool:
        """Tell by the keys; under the engines' folders also what can't be parsed is Jan's."""
        name = container.name.lower()
        if name == _SETTINGS:
            return container.size_bytes <= _SETTINGS_BYTES and bool(_data_folder(container.path))
        is_model_yml = stem_of(name) == "model"
        if not is_model_yml and not _may_be_cortex(container):
            return False
        if not is_model_yml and b"engine" not in read_beginning(container.path, _BEGINNING_BYTES):
            return False
        found = parse_yaml(read_container(container.path, payload.PARSE_LIMIT_BYTES))
        if not found.ok or not isinstance(found.value, Mapping):
            return is_model_yml and not found.ok and _new_place(container.path) is not None
        if is_model_yml and isinstance(found.value.get("model_path"), str):
            return True
        return _is_cortex(found.value)

    def roots(self, container: Container) -> tuple[Root, ...]:
        """Return the data folder that the settings name."""
        path = _data_folder(container.path) if container.name.lower() == _SETTINGS else ""
        return (
            (Root(os.path.normpath(path), UNKNOWN, self.id, container.path),) if os.path.isabs(path) else ()
        )

    def records(self, container: Container, progress: Progress, report: Report) -> Iterator[Record]:
        """Yield the one record: the file's bytes; none for the settings."""
        progress.check()
        if container.name.lower() != _SETTINGS:
            yield Record(self.id, container.path, "", read_container(container.path))

    def claims(self, record: Record, siblings: frozenset[str], sha256: str | None = None) -> Claims:
        """Return what the file says; arguments as `LegacySource.claims`."""
        found = parse_yaml(record.payload)
        place = _new_place(record.source_path)
        model_id = place[1] if place is not None else ""
        if not found.ok:
            fields = {"name": clean_name(model_id)} if clean_name(model_id) else {}
            return Claims(fields=fields, problem=found.code, message=found.message)
        said = found.value if isinstance(found.value, Mapping) else {}
        if not said:
            return Claims(marker=True, flags=found.flags)
        flags = list(found.flags)
        if payload.contains_secret(record.payload):
            flags.append("contains-secret")
        fields = {"type": "text_embedding_model" if boolean_of(said.get("embedding")) else "llm"}
        if name := clean_name(said.get("name")) or clean_name(said.get("id")) or clean_name(model_id):
            fields["name"] = name
        if clean_name(said.get("mmproj_path")):
            flags.append("has-projector")
        paths = _paths_of_yaml(said, record.source_path)
        beside = () if paths else models_beside(stem_of(os.path.basename(record.source_path)), siblings)
        return Claims(
            fields=fields,
            sha256=full_sha256(said.get("model_sha256")) or full_sha256(said.get("sha256")),
            path=paths[0] if paths else None,
            other_paths=tuple(paths[1:]),
            stem_names=beside,
            flags=tuple(flags),
        )


class JanModelJson(LegacySource):
    """``model.json`` of the oldest generation; of remote engines it speaks of no file."""

    id = "jan-model-json"
    record_ids = ("jan-model-json",)

    def wants(self, name: str, named: bool) -> bool:
        """Tell by the name."""
        return name.lower() == "model.json"

    def probe(self, container: Container, report: Report) -> bool:
        """Tell by the keys."""
        value = payload.parse(read_container(container.path, payload.PARSE_LIMIT_BYTES)).value
        if not isinstance(value, Mapping) or not isinstance(value.get("id"), str):
            return False
        has_source = not {"sources", "source_url"}.isdisjoint(value)
        return len(_JSON_KEYS & value.keys()) >= (1 if has_source else 3)

    def claims(self, record: Record, siblings: frozenset[str], sha256: str | None = None) -> Claims:
        """Return what the file says; arguments as `LegacySource.claims`."""
        found = payload.parse(record.payload)
        if not found.ok:
            return Claims(problem=found.code, message=found.message)
        said = found.value if isinstance(found.value, Mapping) else {}
        flags = list(found.flags)
        if payload.contains_secret(record.payload):
            flags.append("contains-secret")
        name = clean_name(said.get("name")) or clean_name(said.get("id"))
        fields: dict[str, Any] = {"name": name} if name else {}
        about = said.get("metadata")
        about = about if isinstance(about, Mapping) else {}
        if notes := clean_text(said.get("description")):
            fields["notes"] = notes
        if tags := list_of_text(about.get("tags")):
            fields["tags"] = tags
        sources = _sources_of(said)
        if page := next((page for _, url in sources if (page := _page_of(url))), None):
            fields["source_url"] = page
        engine = clean_name(said.get("engine")).lower()
        if engine and not engine.startswith(_LOCAL_ENGINES):
            return Claims(fields=fields, marker=True, flags=(*flags, "remote-model", NO_MODEL))
        if said:
            fields["type"] = "llm"
        folder_name = os.path.basename(os.path.dirname(record.source_path))
        return Claims(
            fields=fields,
            path=next((url for _, url in sources if _is_local(url)), None),
            stem_names=_files_beside([name for name, _ in sources], folder_name, siblings),
            marker=not said,
            flags=tuple(flags),
        )


# --- YAML -------------------------------------------------------------------------------------------------


def _new_place(path: str) -> tuple[str, str] | None:
    """Return the data folder and the model's id for ``<data>/<engine>/models/<id>/model.yml``."""
    parts = path.split(os.sep)
    for index in range(len(parts) - 2, 1, -1):
        if parts[index] == _MODELS and parts[index - 1] in _ENGINES:
            return os.sep.join(parts[: index - 1]), "/".join(parts[index + 1 : -1])
    return None


def _may_be_cortex(container: Container) -> bool:
    """Tell by the place whether a YAML file may be Cortex', for there are many that aren't."""
    return _MODELS in container.path.split(os.sep) or any(
        name.lower().endswith(".gguf") for name in container.siblings
    )


def _is_cortex(said: Mapping[Any, Any]) -> bool:
    names = sum(isinstance(said.get(key), str) for key in ("id", "model", "name"))
    return names >= 2 and isinstance(said.get("engine"), str) and len(_CORTEX_KEYS & said.keys()) >= 2


def _paths_of_yaml(said: Mapping[Any, Any], container: str) -> list[str]:
    """Return where the model may lie, best first: as written, below the data folder, beside the YAML."""
    written = said.get("model_path")
    files = [written] if isinstance(written, str) else said.get("files")
    names = [name for name in (files if isinstance(files, list) else ()) if isinstance(name, str)]
    names = [name for name in names if is_model_name(base_name(name)) and "\0" not in name][:1]
    found: dict[str, None] = {}
    for name in names:
        if os.path.isabs(name):
            found[name] = None
        else:
            found.update((os.path.join(folder, name), None) for folder in _data_folders(container))
        found[base_name(name)] = None
    return list(found)


def _data_folders(container: str) -> list[str]:
    """Return the folders that relative paths may start from: the data folder, and for Cortex its models."""
    place = _new_place(container)
    if place is not None:
        return [place[0]]
    parts = container.split(os.sep)
    index = len(parts) - 1 - parts[::-1].index(_MODELS) if _MODELS in parts[1:] else 0
    return [os.sep.join(parts[:index]), os.sep.join(parts[: index + 1])] if index > 1 else []


def _data_folder(path: str) -> str:
    """Return the data folder that the settings name, "" for none; nothing else of them is looked at."""
    try:
        value = payload.parse(read_container(path, _SETTINGS_BYTES)).value
    except Unreadable:
        return ""
    folder = value.get("data_folder") if isinstance(value, Mapping) else None
    return folder if isinstance(folder, str) and folder.strip() and "\0" not in folder else ""


# --- JSON -------------------------------------------------------------------------------------------------


def _sources_of(said: Mapping[Any, Any]) -> list[tuple[str, str]]:
    """Return file name and address (or local path) of everything that the model was fetched from."""
    sources = said.get("sources")
    found = [
        (clean_name(source.get("filename")), address)
        for source in (sources if isinstance(sources, list) else ())
        if isinstance(source, Mapping) and (address := _address(source.get("url"))) is not None
    ]
    if (address := _address(said.get("source_url"))) is not None:
        found.append(("", address))
    return found


def _address(value: Any) -> str | None:
    return value.strip() if isinstance(value, str) and value.strip() and "\0" not in value else None


def _is_local(address: str) -> bool:
    return "://" not in address and is_model_name(base_name(address))


def _page_of(address: str) -> str | None:
    """Return the page that a file's address belongs to; on Hugging Face that is its repository's."""
    page = page_url(address)
    if page is None:
        return None
    parts = urlsplit(page)
    before, mark, _ = parts.path.partition("/resolve/")
    if parts.netloc.lower().removeprefix("www.") in ("huggingface.co", "hf.co"):
        return f"https://huggingface.co{before}" if mark else page
    return None if is_model_name(base_name(parts.path)) else page


def _files_beside(names: list[str], folder_name: str, siblings: frozenset[str]) -> tuple[str, ...]:
    """Return the model's file: one that a source names, one called like the folder, or the only one there."""
    said = [name for name in names if name in siblings and is_model_name(name)]
    if said:
        return tuple(dict.fromkeys(said))[:1]
    if folder_name in siblings:  # the oldest versions left the ending out
        return (folder_name,)
    models = sorted(
        name for name in siblings if is_model_name(name) and not name.lower().startswith("mmproj")
    )
    return tuple(models)
