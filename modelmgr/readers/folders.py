"""A model of several files as one answer: shards, and the folders that diffusers and transformers write.

The tensors tell the family; the classes that ``model_index.json`` and ``config.json`` name refine it, and stand in
for tensors that are away or can't be read. What these files say is only compared, never imported or fetched.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from modelmgr import parts
from modelmgr.lazily import dataclass
from modelmgr.readers import classes, configs, shards
from modelmgr.readers.contents import Contents, Defect, quoted
from modelmgr.readers.header import Header
from modelmgr.readers.identify import Verdict
from modelmgr.readers.read import contents_of, header_of, judged, verdict_of
from modelmgr.told.texts import clean
from modelmgr.values import Problem

INDEX_COUNT_LIMIT = 4
COMPONENT_LIMIT = 64
_DEFECT_LIMIT = 32
_SHOWN_FORMS = 16

_MAIN = ("transformer", "unet", "prior", "decoder", "transformer_2", "dit", "model")
_OPTIONAL = frozenset(("safety_checker",))
_WITHOUT_WEIGHTS = (
    "Scheduler",
    "Tokenizer",
    "TokenizerFast",
    "Processor",
    "Extractor",
    "Guider",
    "Transform",
)
_SUFFIXES = (".safetensors", ".gguf", ".bin", ".pt", ".pth", ".ckpt", ".onnx")


@dataclass(slots=True)
class _Weights:
    """The weights of one folder or component, in the form that was chosen for reading."""

    contents: Contents
    defects: list[Defect]
    other_forms: list[str]
    scans: dict[str, Any]


def read_group(kind: str, path: str, members: Mapping[str, str], marker: str | None) -> Header:
    """Read the headers of a model's files and tell what they are together.

    Whatever is in the files there is an answer; what is wrong, also a file that can't be read, stands in its problems.

    Args:
        kind: ``shards``, ``diffusers-folder`` or ``transformers-folder``.
        path: the folder; of shards the path of the first by their pattern.
        members: relative path (with ``/``) -> absolute path of the weight files that are there.
        marker: path of the ``model_index.json``, ``config.json`` or index that makes them one, or None.
    """
    if kind == "shards":
        return _read_shards(path, members, marker)
    content = None if marker is None else configs.small_file(marker)
    config = configs.parsed(content)
    name = os.path.basename(marker or "")
    if kind == "diffusers-folder" and name == "model_index.json":
        header = _read_pipeline(path, members, config or {})
    else:
        header = _read_folder(path, members, config or {})
    if config is None and marker is not None:
        message = f"{clean(name)} can't be read; the tensors alone were asked."
        problem = Problem(path, "unparsed_payload", message, kept=True)
        header = header._replace(problems=(problem, *header.problems))
    return header._replace(format=kind, shared=None)


# --- the kinds --------------------------------------------------------------------------------------------


def _read_shards(path: str, members: Mapping[str, str], marker: str | None) -> Header:
    told: dict[str, dict[str, list[str]]] = {}
    content = None if marker is None else configs.small_file(marker, parts.INDEX_LIMIT_BYTES)
    if marker is not None and content is not None:
        told[os.path.basename(marker)] = parts.weight_map(content)
    union = shards.unite(members, contents_of)
    contents = union.contents
    contents.defects = shards.defects_of(union, told)[:_DEFECT_LIMIT]
    shards.state_worst(contents, union.scans)
    name = os.path.basename(path)
    part = parts.part_of(name)
    header = header_of(contents, path, verdict_of(contents, part.prefix + part.suffix if part else name))
    return header._replace(format="sharded-safetensors") if header.format == "safetensors" else header


def _read_folder(path: str, members: Mapping[str, str], config: Mapping[str, Any]) -> Header:
    weights = _weights(members)
    contents = weights.contents
    contents.defects = weights.defects
    verdict = judged(contents, os.path.basename(path), classes.of_config(config, path))
    return _with_forms(header_of(contents, path, verdict), weights.other_forms)


def _read_pipeline(path: str, members: Mapping[str, str], index: Mapping[str, Any]) -> Header:
    named = {
        name: entry[1]
        for name, entry in list(index.items())[: configs.VALUE_LIMIT]
        if parts.is_plain(name) and isinstance(entry, list) and len(entry) == 2 and isinstance(entry[1], str)
    }
    files: dict[str, dict[str, str]] = {}
    for name, place in members.items():
        files.setdefault(name.partition("/")[0], {})[name] = place
    told = configs.plain_values(index)
    for component in list(dict.fromkeys((*named, *files)))[:COMPONENT_LIMIT]:
        told |= configs.plain_values(_component_config(path, component), f"{component}.")
    name = os.path.basename(path)
    said = classes.of_pipeline(told, name)
    main = next((component for component in _MAIN if component in files), None)
    verdict, contents = Verdict(), Contents("diffusers-folder")
    defects = _absent_components(named, files)
    tensor_count, parameter_count = 0, 0
    labels: list[str] = []
    other_forms: list[str] = []
    scans: dict[str, Any] = {}
    for component in dict.fromkeys((*named, *files)):
        if component not in files:
            continue
        weights = _weights(files[component])
        defects += weights.defects
        other_forms += weights.other_forms
        scans |= weights.scans
        tensor_count += len(weights.contents.specs)
        weights.contents.defects = []
        if component == main:
            contents = weights.contents
            verdict = verdict_of(contents, name, said.statements)
            parameter_count += _parameters(contents, verdict)
            defects += verdict.defects
            verdict.defects = []
        else:
            found = verdict_of(weights.contents, component)
            parameter_count += _parameters(weights.contents, found)
            labels.append(_label(component, found))
    is_open = verdict.base_model is None and not verdict.candidates
    if main is None or verdict.type == "unknown" or is_open:
        classes.take(verdict, said)
    elif labels:
        verdict.type = said.answer.get("type", verdict.type)
    classes.name_variant(verdict, said)
    verdict.components = tuple(labels)
    contents.defects = defects[:_DEFECT_LIMIT]
    contents.facts["pipeline"] = clean(said.text[:200])
    contents.facts["classes"] = {component: clean(named[component][:200]) for component in named}
    shards.state_worst(contents, scans)
    return _with_forms(header_of(contents, path, verdict), other_forms)._replace(
        tensor_count=tensor_count,
        parameter_count=parameter_count if 0 < parameter_count < 2**63 else None,
    )


# --- weights ----------------------------------------------------------------------------------------------


def _weights(members: Mapping[str, str]) -> _Weights:
    """Read the weights of one folder: the best form for the answer, the others only for what is wrong with them."""
    told = _indexes(members)
    forms = _forms(members, told)
    union = shards.unite({name: members[name] for name in forms[0]}, contents_of)
    defects = shards.defects_of(union, told)
    scans = union.scans
    for form in forms[1:]:
        other = shards.unite({name: members[name] for name in form}, contents_of)
        scans |= other.scans
        defects += [defect for defect in shards.defects_of(other, told) if defect not in defects]
    union.contents.defects = []
    shards.state_worst(union.contents, scans)
    return _Weights(union.contents, defects, [form[0] for form in forms[1:]], scans)


def _indexes(members: Mapping[str, str]) -> dict[str, dict[str, list[str]]]:
    """Return what the indexes beside the members say; together they are as long as one may be."""
    first = next(iter(members))
    folder, beginning = os.path.dirname(members[first]), first[: first.rfind("/") + 1]
    try:
        with os.scandir(folder) as found:
            names = sorted(item.name for item in found if parts.index_stem(item.name) is not None)
    except OSError:
        return {}
    indexes: dict[str, dict[str, list[str]]] = {}
    room = parts.INDEX_LIMIT_BYTES
    for name in names[:INDEX_COUNT_LIMIT]:
        content = configs.small_file(os.path.join(folder, name), room)
        if content is not None:
            indexes[beginning + name] = parts.weight_map(content)
            room -= len(content)
    return indexes


def _forms(names: Iterable[str], told: shards.Indexes) -> list[list[str]]:
    """Return the files that hold the same weights in different forms (``fp16``, ``.bin``), the best form first."""
    owners: dict[object, object] = {}
    for index, files in told.items():
        folder = index[: index.rfind("/") + 1]
        for name in files:
            owners.setdefault(_set_of(folder + name), index)
    sets: dict[object, list[str]] = {}
    for name in sorted(names):
        own = _set_of(name)
        sets.setdefault(owners.get(own, own), []).append(name)
    return sorted(sets.values(), key=_form_rank)


def _set_of(name: str) -> object:
    part = parts.part_of(name)
    return name if part is None else part._replace(number=0)


def _form_rank(form: Sequence[str]) -> tuple[bool, int, int, str]:
    stem, suffix = os.path.splitext(form[0].rpartition("/")[2])
    part = parts.part_of(form[0])
    incomplete = part is not None and len(form) < part.of
    rank = _SUFFIXES.index(suffix.lower()) if suffix.lower() in _SUFFIXES else len(_SUFFIXES)
    return incomplete, rank, stem.count("."), form[0]


def _with_forms(header: Header, others: list[str]) -> Header:
    if not others:
        return header
    return header._replace(facts=dict(header.facts) | {"other_forms": others[:_SHOWN_FORMS]})


def _absent_components(classes: Mapping[str, str], files: Mapping[str, Any]) -> list[Defect]:
    away = [
        component
        for component, name in classes.items()
        if component not in files and component not in _OPTIONAL and not name.endswith(_WITHOUT_WEIGHTS)
    ]
    if not away:
        return []
    names = ", ".join(quoted(component) for component in away[:8])
    message = (
        f"Of the pipeline's parts {names} has no weights here."
        if len(away) == 1
        else f"Of the pipeline's parts {names} have no weights here."
    )
    return [Defect("parts_missing", message)]


def _parameters(contents: Contents, verdict: Verdict) -> int:
    count: int | None = contents.facts.get("parameter_count", verdict.parameter_count)
    return count or 0


def _label(component: str, verdict: Verdict) -> str:
    if verdict.type in ("vae", "vae_approx"):
        return "VAE"
    if verdict.type in classes.TEXT_TYPES and verdict.variant:
        return verdict.variant
    return clean(component.replace("_", " "))


# --- what the small files say -----------------------------------------------------------------------------


def _component_config(path: str, component: str) -> Mapping[str, Any]:
    for name in ("config.json", "scheduler_config.json"):
        content = configs.small_file(os.path.join(path, component, name))
        if content is not None:
            return configs.parsed(content) or {}
    return {}
