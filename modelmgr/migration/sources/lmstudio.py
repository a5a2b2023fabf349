"""LM Studio: the layout of its folder of models, settings of single models, and ``model.yaml`` of virtual models.

Layout and places as in lmstudio-ai/lms at 07b7252 (``src/lmstudioPaths.ts``, ``src/subcommands/importCmd.ts``) and
lmstudio.ai/docs. The settings files are known from programs that read them only.
"""

import json
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from modelmgr import payload
from modelmgr.errors import Unreadable
from modelmgr.migration.beside import same_name
from modelmgr.migration.reading.container import read_beginning, read_container
from modelmgr.migration.reading.yaml_text import parse_yaml
from modelmgr.migration.repository import files_below, is_weight, may_be_shared, models_of, page_of
from modelmgr.migration.source import Container, LegacySource, Place, Report
from modelmgr.payload import clean_name
from modelmgr.progress import Progress
from modelmgr.values import MIB, NO_MODEL, Claims, Record, Root, is_below
from modelmgr.vocabulary import UNKNOWN, type_of_name

FILE = "file"
"""Key of `Record.extra`: the weight file that the record speaks of, absolute."""

BESIDE = "beside"
"""Key of `Record.extra`: name -> text of the small files that stand around a virtual model."""

_TOOL = "LM Studio"
_HOMES = (".lmstudio", "lmstudio", "lm-studio", "lm studio")
_POINTER = ".lmstudio-home-pointer"
_SETTINGS = "settings.json"
_MODELS = "models"
_CONFIGS = ("", ".internal", "user-concrete-model-default-config", "")
_PRESETS = ("", "config-presets", "")
_HUB = ["hub", _MODELS]
_YAML = ("model.yaml", "model.yml")
_BESIDE = ("manifest.json", "README.md")
_THUMBNAIL = "thumbnail.png"

_POINTER_BYTES = 16_384
_SETTINGS_BYTES = 4 * MIB
_BESIDE_BYTES = MIB
_LAYOUT_DEPTH = 2
_SOURCES_LIMIT = 100


class LmStudio(LegacySource):
    """The folder of models (a made record for each of them), and what the person set for single models.

    ``settings.json`` and the home pointer tell where models are, and are no records.
    """

    id = "lmstudio"
    record_ids = ("lmstudio",)
    places = (
        Place(_TOOL, "~/.lmstudio"),
        Place(_TOOL, "~/.cache/lm-studio"),
        Place(_TOOL, f"~/{_POINTER}"),
    )

    def wants(self, name: str, named: bool) -> bool:
        """Tell by the name."""
        return name.lower().endswith(".json") or name == _POINTER

    def wants_folder(self, name: str, files: Collection[str], folders: Collection[str]) -> bool:
        """Tell by the name of the folder of models."""
        return name == _MODELS

    def probe(self, container: Container, report: Report) -> bool:
        """Tell by the place; settings by their keys."""
        if container.is_folder:
            return _is_home(os.path.dirname(container.path))
        if container.name == _POINTER:
            return bool(_pointed(container.path))
        if container.name.lower() == _SETTINGS and container.size_bytes <= _SETTINGS_BYTES:
            return bool(_downloads_folder(container.path))
        return _config_tail(container.path) is not None or _is_preset(container.path)

    def roots(self, container: Container) -> tuple[Root, ...]:
        """Return the folder of models that the settings or the home pointer name."""
        if container.name == _POINTER:
            home = _pointed(container.path)
            path = os.path.join(home, _MODELS) if home else ""
        else:
            is_settings = not container.is_folder and container.name.lower() == _SETTINGS
            path = _downloads_folder(container.path) if is_settings else ""
        return (
            (Root(os.path.normpath(path), UNKNOWN, self.id, container.path),) if os.path.isabs(path) else ()
        )

    def records(self, container: Container, progress: Progress, report: Report) -> Iterator[Record]:
        """Yield a record for each model of the layout, keyed by its path; or the one of a settings file."""
        progress.check()
        if container.is_folder:
            yield from _layout(container.path, progress, report)
        elif (parts := _config_tail(container.path)) is not None:
            home, tail = parts
            path = _local_file(os.path.join(_models_folder(home, container), *tail.split("/")))
            yield Record(self.id, container.path, "", read_container(container.path), {FILE: path})
        elif _is_preset(container.path):
            yield Record(self.id, container.path, "", read_container(container.path))

    def claims(self, record: Record, siblings: frozenset[str], sha256: str | None = None) -> Claims:
        """Return what the place of a model, or the file, says; arguments as `LegacySource.claims`."""
        found = payload.parse(record.payload)
        path = _kept_path(record)
        if not found.ok:
            return Claims(path=path, problem=found.code, message=found.message)
        flags = list(found.flags)
        if payload.contains_secret(record.payload):
            flags.append("contains-secret")
        if not (record.extra or {}).get("made"):
            # Settings say how a model is to be run, nothing of what it is.
            flags += [NO_MODEL] * _is_preset(record.source_path)
            return Claims(path=path, marker=path is None, flags=tuple(flags))
        said = found.value if isinstance(found.value, Mapping) else {}
        name, publisher, repository = (clean_name(said.get(key)) for key in ("file", "publisher", "repo"))
        fields: dict[str, Any] = {"type": type_of_name(os.path.basename(name)) or "llm"}
        if publisher and repository and (page := page_of(f"{publisher}/{repository}")):
            if said.get("fetched") is True:
                fields["source_url"] = page
            else:
                flags.append("guessed-page")
        return Claims(fields=fields, path=path, flags=tuple(flags))


class LmStudioModelYaml(LegacySource):
    """``model.yaml`` of a virtual model: it speaks of the local files of the repositories that it is made of."""

    id = "lmstudio-model-yaml"
    record_ids = ("lmstudio-model-yaml",)
    shared = True

    def wants(self, name: str, named: bool) -> bool:
        """Tell by the name."""
        return name.lower() in _YAML

    def probe(self, container: Container, report: Report) -> bool:
        """Tell by the keys; in the tool's own hub also what can't be parsed is its."""
        found = parse_yaml(read_container(container.path, payload.PARSE_LIMIT_BYTES))
        if not found.ok:
            return _hub_home(container.path) is not None
        return isinstance(found.value, Mapping) and {"model", "base"} <= found.value.keys()

    def records(self, container: Container, progress: Progress, report: Report) -> Iterator[Record]:
        """Yield the file's bytes, once for each local model that it is made of; the key is empty if there is one."""
        progress.check()
        content = read_container(container.path)
        extra: dict[str, Any] = {}
        folder = os.path.dirname(container.path)
        if texts := {
            name: text for name in _BESIDE if (text := _text_beside(folder, name, container.siblings))
        }:
            extra[BESIDE] = texts
        home = _hub_home(container.path)
        models = _made_of(parse_yaml(content).value, _models_folder(home, container), report) if home else []
        if not may_be_shared(content, models):
            if len(models) == 1:
                extra[FILE] = models[0][1]
            yield Record(self.id, container.path, "", content, extra or None)
            return
        for key, path in models:
            yield Record(self.id, container.path, key, content, {**extra, FILE: path})

    def claims(self, record: Record, siblings: frozenset[str], sha256: str | None = None) -> Claims:
        """Return what the file says; arguments as `LegacySource.claims`."""
        found = parse_yaml(record.payload)
        path = _kept_path(record)
        if not found.ok:
            return Claims(path=path, problem=found.code, message=found.message)
        said = found.value if isinstance(found.value, Mapping) else {}
        name = clean_name(said.get("model"))
        fields: dict[str, Any] = {"type": "llm"} if name else {}
        if name and not record.record_key:
            fields["name"] = name.rpartition("/")[2] or name
        if name and _THUMBNAIL in siblings:
            fields["preview"] = os.path.join(os.path.dirname(record.source_path), _THUMBNAIL)
        return Claims(fields=fields, path=path, marker=not said, flags=found.flags)


# --- places -----------------------------------------------------------------------------------------------


def _is_home(folder: str) -> bool:
    """Tell whether a folder is the tool's own, by its name or by what lies in it."""
    if os.path.basename(folder).lower() in _HOMES:
        return True
    return os.path.isdir(os.path.join(folder, ".internal")) and os.path.isfile(
        os.path.join(folder, _SETTINGS)
    )


def _hub_home(path: str) -> str | None:
    """Return the tool's folder for ``<home>/hub/models/<owner>/<name>/model.yaml``."""
    parts = path.split(os.sep)
    return os.sep.join(parts[:-5]) if parts[-5:-3] == _HUB and parts[:-5] else None


def _config_tail(path: str) -> tuple[str, str] | None:
    """Return the tool's folder, and below its models the path that a settings file speaks of."""
    home, found, tail = path.rpartition(os.sep.join(_CONFIGS))
    if not found or not home or not tail.lower().endswith(".json"):
        return None
    return home, tail[: -len(".json")].replace(os.sep, "/")


def _is_preset(path: str) -> bool:
    return os.sep.join(_PRESETS) in path and path.lower().endswith(".preset.json")


def _pointed(path: str) -> str:
    """Return the folder that the home pointer names, "" for none."""
    try:
        text = payload.text(read_beginning(path, _POINTER_BYTES)).strip()
    except Unreadable:
        return ""
    return text if os.path.isabs(text) and "\0" not in text and "\n" not in text else ""


def _downloads_folder(path: str) -> str:
    """Return the folder of models that the settings name, "" for none; nothing else of them is looked at."""
    try:
        value = payload.parse(read_container(path, _SETTINGS_BYTES)).value
    except Unreadable:
        return ""
    folder = value.get("downloadsFolder") if isinstance(value, Mapping) else None
    return folder if isinstance(folder, str) and folder.strip() and "\0" not in folder else ""


def _models_folder(home: str, container: Container) -> str:
    """Return the folder of models that the tool's settings name, if these lie in what the user named; else its own."""
    settings, root = os.path.join(home, _SETTINGS), container.root
    if root and is_below(settings, root) and is_below(os.path.realpath(settings), os.path.realpath(root)):
        said = _downloads_folder(settings)
        if os.path.isabs(said):
            return os.path.normpath(said)
    return os.path.join(home, _MODELS)


# --- models -----------------------------------------------------------------------------------------------


def _layout(folder: str, progress: Progress, report: Report) -> Iterator[Record]:
    """Yield a made record for each model at most two folders deep: ``<publisher>/<repository>/<file>``."""
    listed: dict[str, list[str]] = {}
    for path, _ in files_below(folder, depth=_LAYOUT_DEPTH, report=report):
        listed.setdefault(os.path.dirname(path), []).append(os.path.basename(path))
    for below, names in sorted(listed.items()):
        progress.check()
        parts = below.split("/") if below else []
        publisher, repository = (parts[0], parts[1]) if len(parts) == 2 else (None, *parts, None)[:2]
        path = os.path.join(folder, *parts)
        fetched = os.path.isdir(os.path.join(path, ".cache", "huggingface"))
        for files in models_of(names):
            said: dict[str, Any] = {
                "publisher": publisher,
                "repo": repository,
                "file": files[0],
                "fetched": fetched,
            }
            if len(files) > 1:
                said["files"] = list(files)
            key = "/".join((*parts, files[0]))
            extra = {"made": True, FILE: os.path.join(path, files[0])}
            yield Record(LmStudio.id, folder, key, json.dumps(said, sort_keys=True).encode(), extra)


def _local_file(path: str) -> str | None:
    """Return the weight file at a path: itself, or the first one of a folder."""
    if os.path.isdir(path):
        models = _models_in(path, lambda problem: None)
        return os.path.join(path, models[0][0]) if len(models) == 1 else None
    return path if "\0" not in path else None


def _models_in(folder: str, report: Report) -> list[tuple[str, ...]]:
    return models_of(path for path, _ in files_below(folder, depth=0, report=report))


def _made_of(value: Any, models_folder: str, report: Report) -> list[tuple[str, str]]:
    """Return key and path of the local weight files that a virtual model is made of."""
    base = value.get("base") if isinstance(value, Mapping) else None
    named: dict[str, None] = {}
    for part in base[:_SOURCES_LIMIT] if isinstance(base, list) else [base]:
        if isinstance(part, str):
            named[part] = None
        elif isinstance(part, Mapping):
            sources = part.get("sources")
            ours = [
                f"{clean_name(source.get('user'))}/{clean_name(source.get('repo'))}"
                for source in (sources[:_SOURCES_LIMIT] if isinstance(sources, list) else ())
                if isinstance(source, Mapping)
            ]
            named.update(dict.fromkeys(name for name in (*ours, clean_name(part.get("key")))))
    found: dict[str, str] = {}
    for name in named:
        folder = _folder_of(models_folder, name)
        for files in _models_in(folder, report) if folder is not None else ():
            if not files[0].lower().startswith("mmproj-"):
                path = os.path.join(folder or "", files[0])
                found[path] = "/".join(
                    (*os.path.relpath(folder or "", models_folder).split(os.sep), files[0])
                )
    return [(key, path) for path, key in found.items()]


def _folder_of(models_folder: str, name: str) -> str | None:
    """Return the local folder ``<user>/<repository>``, whatever the case; never one outside the models."""
    parts = name.split("/")
    if len(parts) != 2 or any(part in ("", ".", "..") or "\\" in part for part in parts):
        return None
    folder = models_folder
    for part in parts:
        try:
            names = os.listdir(folder)
        except OSError:
            return None
        match: Sequence[str] = (
            [part] if part in names else [other for other in names if same_name(other, part)]
        )
        if len(match) != 1:
            return None
        folder = os.path.join(folder, match[0])
    return folder if os.path.isdir(folder) and not os.path.islink(folder) else None


def _text_beside(folder: str, name: str, siblings: frozenset[str]) -> str:
    path = os.path.join(folder, name)
    if name not in siblings or os.path.islink(path):
        return ""
    try:
        return payload.text(read_container(path, _BESIDE_BYTES))
    except Unreadable:
        return ""


def _kept_path(record: Record) -> str | None:
    path = (record.extra or {}).get(FILE)
    return path if isinstance(path, str) and is_weight(path) and "\0" not in path else None
