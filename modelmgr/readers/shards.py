"""The parts of a split model read as one: the union of their headers, and what the parts say against each other."""

import errno
import os
from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any

from modelmgr import parts
from modelmgr.lazily import dataclass
from modelmgr.readers.contents import TENSOR_LIMIT, Contents, Defect, quoted

_SHOWN_NAMES = 3
_OF_ONE_PART = frozenset(("parameter_count", "bits_per_weight", "split_no", "entries"))
_SCAN_RANKS = {"dangerous": 2, "unscanned": 1}
Indexes = Mapping[str, Mapping[str, list[str]]]
"""Relative path of an index -> names of files -> names of tensors."""
_Read = Callable[[str], Contents]


@dataclass(slots=True)
class Union:
    """What the parts hold together.

    Attributes:
        contents: names and shapes of all parts; metadata of the one that carries the model's.
        read: relative path -> number of tensors that were read there.
        formats: relative path -> format of the part.
        defects: relative path -> what is wrong with the part itself.
        scans: relative path -> what was found in the part's pickles.
    """

    contents: Contents
    read: dict[str, int] = field(default_factory=dict)
    formats: dict[str, str] = field(default_factory=dict)
    defects: dict[str, list[Defect]] = field(default_factory=dict)
    scans: dict[str, Any] = field(default_factory=dict)


def unite(members: Mapping[str, str], read: _Read) -> Union:
    """Read the parts of one model, in order of their names, and lay their headers together.

    Only the union is kept, so that memory is bounded whatever the parts claim. A part that can't be read is a
    defect of that part.

    Args:
        members: relative path -> absolute path.
        read: returns the contents of one file.
    """
    union = Union(Contents("unknown"))
    whole = union.contents
    chief: Contents | None = None
    best: tuple[bool, ...] = ()
    parameters = 0
    twice: str | None = None
    for name in sorted(members):
        contents = _read(members[name], read)
        union.read[name] = len(contents.specs)
        union.formats[name] = contents.format
        if contents.defects:
            union.defects[name] = contents.defects
        whole.complete = whole.complete and contents.complete
        parameters += contents.facts.get("parameter_count") or 0
        if twice is None:
            twice = next(iter(whole.specs.keys() & contents.specs.keys()), None)
        room = TENSOR_LIMIT - len(whole.specs)
        if len(contents.specs) <= room:
            whole.specs.update(contents.specs)
        elif whole.complete:
            whole.complete = False
            whole.defects.append(
                Defect(
                    "too_large", f"The parts list more than {TENSOR_LIMIT:,} tensors; the rest was not read."
                )
            )
        if "pickle_scan" in contents.facts:
            union.scans[name] = contents.facts["pickle_scan"]
        if _rank(contents) > best:
            chief, best = contents, _rank(contents)
            chief.specs, chief.derived = {}, {}
    if chief is not None:
        whole.format = chief.format
        whole.metadata = chief.metadata
        whole.embedded = chief.embedded
        whole.facts = {fact: value for fact, value in chief.facts.items() if fact not in _OF_ONE_PART}
        if parameters:
            whole.facts["parameter_count"] = parameters
    if twice is not None:
        whole.defects.append(
            Defect("duplicate_keys", f"Tensor {quoted(twice)} stands in more than one part.")
        )
    if whole.format == "gguf":
        _state_gguf(whole, parameters)
    return union


def defects_of(union: Union, told: Indexes) -> list[Defect]:
    """Return what is wrong with the parts and between them, each kind once.

    Args:
        union: the parts that are there.
        told: the indexes beside the parts; one counts if it names a part.
    """
    found = list(union.contents.defects)
    missing = _missing(union, told)
    found += missing
    found += _of_parts(union.defects)
    if union.contents.format == "gguf":
        found += _gguf_defects(union, missing=bool(missing))
    return found


def state_worst(contents: Contents, scans: Mapping[str, Any]) -> None:
    """Put the worst of what was found in the pickles of several files into the facts, with the name of its file."""
    if scans:
        name, worst = max(scans.items(), key=lambda item: _SCAN_RANKS.get(item[1]["verdict"], 0))
        if worst["verdict"] in _SCAN_RANKS:
            worst = worst | {"message": f"{quoted(name)}: {worst['message']}"}
        contents.facts["pickle_scan"] = worst


def _read(path: str, read: _Read) -> Contents:
    try:
        return read(path)
    except FileNotFoundError:
        return Contents("unknown", defects=[Defect("not_found", "The file is not there.")], complete=False)
    except OSError as error:
        message = f"The file can't be read: {error.strerror or os.strerror(error.errno or errno.EIO)}."
        return Contents("unknown", defects=[Defect("unreadable", message)], complete=False)


def _rank(contents: Contents) -> tuple[bool, bool, bool, bool]:
    """Order parts by how well they speak for the model: the one with the GGUF pairs, or the first with tensors."""
    metadata = contents.metadata
    return (
        bool(contents.specs or "general.architecture" in metadata),
        contents.format != "gguf" or metadata.get("split.no", 0) == 0,
        contents.format != "gguf" or "general.architecture" in metadata,
        bool(metadata.keys() - {"format"}),
    )


def _state_gguf(whole: Contents, parameters: int) -> None:
    """Restate what a reader derived from the tensors of one part."""
    sizes = whole.bytes_by_dtype()
    if parameters:
        whole.facts["bits_per_weight"] = round(8 * sum(sizes.values()) / parameters, 2)
    if str(whole.facts.get("quantization", "(by tensors)")).endswith("(by tensors)") and sizes:
        whole.facts["quantization"] = f"{next(iter(sizes))} (by tensors)"


def _missing(union: Union, told: Indexes) -> list[Defect]:
    models = parts.numbered(union.read)
    count = _part_count(union)
    away_count = count - len(union.read)
    away = [name for part in sorted(models) for name in part.absent(models[part], _SHOWN_NAMES)][
        :_SHOWN_NAMES
    ]
    outside: str | None = None
    lost: list[str] = []
    others: set[str] = set()
    specs, countable = union.contents.specs, union.contents.complete
    for index, names in told.items():
        folder = index[: index.rfind("/") + 1]
        if not any(folder + name in union.read for name in names):
            continue
        outside = outside or next((name for name in names if not parts.is_plain(name)), None)
        for name, tensors in names.items():
            if union.read.get(folder + name):
                lost += (tensor for tensor in tensors if tensor not in specs and countable)
            elif folder + name not in union.read and parts.is_plain(name):
                part = parts.part_of(folder + name)
                if part is None or part._replace(number=0) not in models:
                    others.add(folder + name)
    count += len(others)
    away_count += len(others)
    away += sorted(others)[:_SHOWN_NAMES]
    defects: list[Defect] = []
    if away_count:
        first = _some(away, away_count)
        message = (
            f"{away_count:,} of {count:,} parts is missing: {first}."
            if away_count == 1
            else f"{away_count:,} of {count:,} parts are missing: {first}."
        )
        defects.append(Defect("parts_missing", message))
    if lost:
        first = _some(lost, len(lost))
        message = (
            f"A tensor of the index stands in no part: {first}."
            if len(lost) == 1
            else f"{len(lost):,} tensors of the index stand in no part: {first}."
        )
        defects.append(Defect("parts_missing", message))
    if outside is not None:
        defects.append(Defect("outside", f"The index names a part outside of its folder: {quoted(outside)}."))
    return defects


def _of_parts(defects: Mapping[str, list[Defect]]) -> list[Defect]:
    """Return the defects of the parts, those of one kind as one."""
    kinds: dict[str, list[tuple[str, Defect]]] = {}
    for name, found in defects.items():
        for code in dict.fromkeys(defect.code for defect in found):
            defect = next(defect for defect in found if defect.code == code)
            kinds.setdefault(code, []).append((name, defect))
    answers = []
    for code, places in kinds.items():
        name, defect = places[0]
        others = len(places) - 1
        message = f"{quoted(name)}: {defect.message}"
        if others == 1:
            message = f"{quoted(name)}: {defect.message} (1 more part likewise)"
        elif others:
            message = f"{quoted(name)}: {defect.message} ({others:,} more parts likewise)"
        answers.append(Defect(code, message))
    return answers


def _gguf_defects(union: Union, *, missing: bool) -> list[Defect]:
    metadata = union.contents.metadata
    defects: list[Defect] = []
    if "general.architecture" not in metadata and not missing:
        defects.append(
            Defect(
                "metadata_invalid", "No part has the model's key-value pairs: its architecture isn't told."
            )
        )
    claimed = metadata.get("split.count")
    named = _part_count(union)
    if type(claimed) is int and claimed != named:
        defects.append(
            Defect("header_invalid", f"The header tells of {claimed:,} parts, the names of {named:,}.")
        )
    tensors = metadata.get("split.tensors.count")
    have = sum(union.read.values())
    if type(tensors) is int and tensors != have and not missing:
        defects.append(Defect("header_invalid", f"The parts hold {have:,} of {tensors:,} tensors."))
    return defects


def _part_count(union: Union) -> int:
    """Return how many parts there should be, by the numbers in the names of those that are there."""
    models = parts.numbered(union.read)
    return len(union.read) + sum(
        len(part.span(numbers)) - len(set(numbers)) for part, numbers in models.items()
    )


def _some(names: list[str], count: int) -> str:
    shown = ", ".join(quoted(name) for name in names[:_SHOWN_NAMES])
    more = count - min(len(names), _SHOWN_NAMES)
    return f"{shown} and {more:,} more" if more else shown
