"""Diffusers: a folder with ``model_index.json`` is one model, and so is that of a component that lies alone.

Keys as huggingface/diffusers writes them: ``_class_name``, ``_diffusers_version``, and for a pipeline one
``[library, class]`` for each component, ``[null, null]`` for an absent one.
"""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from modelmgr import parts, payload
from modelmgr.errors import Unreadable
from modelmgr.migration.reading.container import read_container
from modelmgr.migration.repository import (
    INDEX_OF_PIPELINE,
    files_below,
    is_of_other_kind,
    models_of,
    page_of,
    snapshot_of,
)
from modelmgr.migration.source import Container, LegacySource, Report
from modelmgr.payload import clean_name
from modelmgr.progress import Progress
from modelmgr.values import MIB, Claims, Record
from modelmgr.vocabulary import canonical_base

FILES = "files"
"""Key of `Record.extra`: the weight files of the model, relative to its folder, the most telling first."""

_COMPONENT = "config.json"
_PROBE_BYTES = 4 * MIB
_DEPTH = 2
_CLASS_LIMIT = 200

# What the class of a pipeline proves of its base; the others serve several.
_BASES = (
    ("StableDiffusionXL", "SDXL"),
    ("StableDiffusion3", "SD 3.x"),
    ("StableVideoDiffusion", "SVD"),
    ("StableCascade", "Stable Cascade"),
    ("FluxKontext", "Flux.1 Kontext"),
    ("Flux2", "Flux.2"),
    ("Flux", "Flux.1"),
    ("QwenImage", "Qwen"),
    ("ZImage", "ZImage"),
    ("HunyuanVideo", "Hunyuan Video"),
    ("HunyuanDiT", "Hunyuan 1"),
    ("PixArtAlpha", "PixArt a"),
    ("PixArtSigma", "PixArt E"),
    ("CogVideoX", "CogVideoX"),
    ("CogView4", "CogView4"),
    ("AuraFlow", "AuraFlow"),
    ("Kolors", "Kolors"),
    ("Lumina2", "Lumina"),
    ("LTX", "LTXV"),
    ("Mochi", "Mochi"),
    ("HiDream", "HiDream"),
    ("Chroma", "Chroma"),
    ("Sana", "Sana"),
    ("Wan", "Wan Video"),
)
_COMPONENTS = (
    (re.compile(r"Autoencoder(?:Tiny|.*Tiny)\w*"), "vae_approx"),
    (re.compile(r"(?:Asymmetric)?Autoencoder\w+|VQModel"), "vae"),
    (re.compile(r"\w*ControlNet\w*Model"), "controlnet"),
    (re.compile(r"T2IAdapter|MultiAdapter"), "t2i_adapter"),
    (re.compile(r"MotionAdapter"), "motion_module"),
    (re.compile(r"(?:UNet|\w+UNet)\w*Model|\w+Transformer\w*Model|PriorTransformer"), "diffusion_model"),
)


class DiffusersFolder(LegacySource):
    """``model_index.json``, or the ``config.json`` of a component that lies alone. Payload: that file's bytes."""

    id = "diffusers-folder"
    record_ids = ("diffusers-folder",)

    def wants(self, name: str, named: bool) -> bool:
        """Tell by the name."""
        return name.lower() in (INDEX_OF_PIPELINE, _COMPONENT)

    def probe(self, container: Container, report: Report) -> bool:
        """Tell by the class; a component of a pipeline is no model of its own."""
        is_pipeline = container.name.lower() == INDEX_OF_PIPELINE
        if is_of_other_kind(container.path) or not (is_pipeline or container.folder_holds_models):
            return False
        if not is_pipeline and container.size_bytes > _PROBE_BYTES:
            return False
        try:
            found = payload.parse(read_container(container.path, payload.PARSE_LIMIT_BYTES))
        except Unreadable:
            if is_pipeline:
                raise
            return False
        kind = _class_of(found.value)
        if is_pipeline:
            return bool(kind)
        above = os.path.join(os.path.dirname(os.path.dirname(container.path)), INDEX_OF_PIPELINE)
        return _type_of_component(kind) is not None and not os.path.isfile(above)

    def records(self, container: Container, progress: Progress, report: Report) -> Iterator[Record]:
        """Yield the one record."""
        progress.check()
        content = read_container(container.path)
        folder = os.path.dirname(container.path)
        if container.name.lower() == INDEX_OF_PIPELINE:
            paths = [path for path, _ in files_below(folder, depth=_DEPTH, report=report)]
            inside = (INDEX_OF_PIPELINE, *_parts(payload.parse(content).value))
            models = models_of(path for path in paths if path.partition("/")[0] in inside)
        else:
            models = [tuple(name for names in models_of(container.siblings) for name in names)]
        extra = {FILES: list(models[0])} if models and models[0] else None
        yield Record(self.id, container.path, "", content, extra)

    def claims(self, record: Record, siblings: frozenset[str], sha256: str | None = None) -> Claims:
        """Return what the folder says; arguments as `LegacySource.claims`."""
        folder, name = os.path.split(record.source_path)
        extra = record.extra or {}
        kept = extra.get(FILES)
        files: Sequence[Any] = kept if isinstance(kept, list) else []
        files = [path for path in files if isinstance(path, str) and path and "\0" not in path]
        path = files[0] if files else None
        found = payload.parse(record.payload)
        if not found.ok:
            return Claims(path=path, problem=found.code, message=found.message)
        kind = _class_of(found.value)
        fields: dict[str, Any] = {}
        repository = snapshot_of(record.source_path)
        in_root = repository is not None and repository[1] == folder
        title = repository[0].rpartition("/")[2] if repository and in_root else os.path.basename(folder)
        if title := clean_name(title):
            fields["name"] = title
        if repository is not None and (page := page_of(repository[0])):
            fields["source_url"] = page
        is_pipeline = name.lower() == INDEX_OF_PIPELINE
        if is_pipeline and kind:
            fields["type"] = "checkpoint"
        elif (component := _type_of_component(kind)) is not None:
            fields["type"] = component
        if base := _base_of(found.value, kind):
            fields["base_model"] = base
        flags = (*found.flags, *(("several-parts",) if len(files) > 1 else ()))
        return Claims(fields=fields, path=path, marker=not kind, flags=flags)


def _class_of(value: Any) -> str:
    """Return the class that a folder's file names, "" if it names none."""
    return clean_name(value.get("_class_name"))[:_CLASS_LIMIT] if isinstance(value, Mapping) else ""


def _parts(value: Any) -> Sequence[str]:
    """Return the names of the components that are there, each a subfolder; the usual ones if none are named."""
    if not isinstance(value, Mapping):
        return ()
    named = [
        name
        for name, what in value.items()
        if isinstance(what, list) and len(what) == 2 and all(isinstance(word, str) for word in what)
    ]
    return named or parts.USUAL_COMPONENTS


def _type_of_component(kind: str) -> str | None:
    return next((its_type for pattern, its_type in _COMPONENTS if pattern.fullmatch(kind)), None)


def _base_of(value: Any, kind: str) -> str | None:
    """Return the base: the repository that it was made from if that is a known one, else what the class proves."""
    origin = clean_name(value.get("_name_or_path")) if isinstance(value, Mapping) else ""
    known = canonical_base(origin) if origin.count("/") == 1 else None
    if known is not None and known != origin:
        return known
    return next((base for beginning, base in _BASES if kind.startswith(beginning)), None)
