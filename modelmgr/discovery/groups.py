"""Which files of a folder are one model: shards, and the folders that diffusers and transformers write.

Told by names; only a small marker (``config.json``, an index) is read, and only where the names leave no other way.
"""

import contextlib
import os
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from modelmgr import parts, payload
from modelmgr.discovery.digests import open_regular
from modelmgr.values import MIB

CONFIG_LIMIT_BYTES = 4 * MIB
COMPONENT_LIMIT = 64
PIPELINE_MARKER = "model_index.json"
CONFIG_MARKER = "config.json"

MISSING_LIMIT = 100

ReadSmall = Callable[[str], bytes | None]
_Told = Callable[[str], tuple[str, ...]]
Listing = tuple[Sequence[str], Sequence[str]]
"""The names of a folder's model files, and all its other names."""

# Names that the two libraries save weights under, with variant and part number in either order
# (huggingface/diffusers, src/diffusers/utils/constants.py; huggingface/transformers, src/transformers/utils).
_FLAVOUR = r"(?:\.[A-Za-z0-9_]{1,16})?(?:-\d{1,6}-of-\d{1,6})?(?:\.[A-Za-z0-9_]{1,16})?"
_TRANSFORMERS = re.compile(rf"(?:model{_FLAVOUR}\.safetensors|pytorch_model{_FLAVOUR}\.bin)\Z")
_DIFFUSERS = re.compile(rf"diffusion_pytorch_model{_FLAVOUR}\.(?:safetensors|bin)\Z")
_COMPONENT = re.compile(
    rf"(?:diffusion_pytorch_model|pytorch_model|model|open_clip_model|openvino_model|adapter_model){_FLAVOUR}"
    r"\.(?:safetensors|bin|onnx|pt|pth|ckpt|gguf)\Z"
)
_GENERIC = frozenset(("model", "pytorch_model", "diffusion_pytorch_model", "consolidated"))
_COMMIT = re.compile(r"[0-9a-f]{40}\Z")


class _Split(NamedTuple):
    """The names of a split model: of its first part, those that are there and some that are not; its index."""

    first: str
    present: list[str]
    missing: list[str]
    marker: str | None


class Group(NamedTuple):
    """The files of one model.

    Attributes:
        path: the folder; of shards the path of the first by their pattern, whether it is there or not.
        kind: ``shards``, ``diffusers-folder`` or ``transformers-folder``.
        name: for display.
        members: relative path (with ``/``) -> absolute path of each weight file that is there.
        missing: relative paths that an index or the numbers in the names promise, but that are not there, the first
            of each split model.
        marker: the file that says so, None where the names alone do.
    """

    path: str
    kind: str
    name: str
    members: dict[str, str]
    missing: tuple[str, ...]
    marker: str | None


def groups_in(
    folder: str, names: Sequence[str], other_names: Sequence[str], read_small: ReadSmall
) -> list[Group]:
    """Return the models of several files that lie directly in a folder.

    A file that belongs to none is a model of its own; so is a part whose fellows are all away.

    Args:
        folder: absolute path.
        names: the names of its model files.
        other_names: all its other names.
        read_small: returns the bytes of a marker by its path, or None (see `read_marker`).
    """
    others = frozenset(other_names)
    told = _indexes(folder, read_small)
    groups: list[Group] = []
    free = set(names)
    whole = _whole_folder(folder, names, others, told, read_small)
    if whole is not None:
        groups.append(whole)
        free.difference_update(whole.members)
    groups.extend(
        Group(
            os.path.join(folder, split.first),
            "shards",
            _shards_name(folder, split.first, split.marker),
            {name: os.path.join(folder, name) for name in split.present},
            tuple(split.missing),
            None if split.marker is None else os.path.join(folder, split.marker),
        )
        for split in _splits(free, others, told)
        if len(split.present) >= 2
    )
    return groups


def group_of(path: str, members: Iterable[str], read_small: ReadSmall) -> Group | None:
    """Return the model of several files that some files are together, None if they are none any more.

    Args:
        path: `Group.path` of it.
        members: relative paths (with ``/``) of those that are there.
        read_small: as in `groups_in`.
    """
    listings: dict[str, tuple[list[str], list[str]]] = {}
    for member in members:
        component, _, name = member.rpartition("/")
        listings.setdefault(component, ([], []))[0].append(name)
    folder = path if "" not in listings or os.path.isdir(path) else os.path.dirname(path)
    for component, (names, others) in listings.items():
        with contextlib.suppress(OSError):
            others += set(os.listdir(os.path.join(folder, component))).difference(names)
    if "" not in listings:
        return pipeline(folder, listings, read_small)
    return next((group for group in groups_in(folder, *listings[""], read_small) if group.path == path), None)


def components_of(model_index: bytes) -> tuple[str, ...] | None:
    """Return the subfolders that belong to a diffusers pipeline; None if this is no ``model_index.json``.

    A component is an entry ``name: [library, class]``; ``[null, null]`` stands for one that was left out. Where there
    are none at all, the usual ones are meant.
    """
    value = _config(model_index)
    if value is None or not isinstance(value.get("_class_name"), str):
        return None
    found = [
        name
        for name, entry in value.items()
        if not name.startswith("_")
        and parts.is_plain(name)
        and isinstance(entry, list)
        and len(entry) == 2
        and isinstance(entry[1], str)
    ]
    return tuple(found[:COMPONENT_LIMIT]) or parts.USUAL_COMPONENTS


def pipeline(folder: str, listings: Mapping[str, Listing], read_small: ReadSmall) -> Group | None:
    """Return the diffusers pipeline of a folder with a ``model_index.json``; None if no weights are there.

    Args:
        folder: absolute path of the folder.
        listings: component (as `components_of` names them) -> its names; those without a folder are left out.
        read_small: as in `groups_in`.
    """
    members: dict[str, str] = {}
    missing: list[str] = []
    for component in sorted(listings):
        names, others = listings[component]
        path = os.path.join(folder, component)
        told = _indexes(path, read_small)
        present, absent = _weights(names, frozenset(others), _COMPONENT, told)
        members.update((f"{component}/{name}", os.path.join(path, name)) for name in present)
        missing += (f"{component}/{name}" for name in absent)
    if not members:
        return None
    marker = os.path.join(folder, PIPELINE_MARKER)
    return Group(folder, "diffusers-folder", folder_name(folder), members, tuple(missing), marker)


def read_marker(path: str) -> bytes | None:
    """Return the bytes of a marker file; None if it can't be read, or is larger than any true one."""
    limit = (
        parts.INDEX_LIMIT_BYTES
        if parts.index_stem(os.path.basename(path)) is not None
        else CONFIG_LIMIT_BYTES
    )
    try:
        with open(open_regular(path), "rb") as file:
            content = file.read(limit + 1)
    except (OSError, ValueError):
        return None
    return content if len(content) <= limit else None


def folder_name(folder: str) -> str:
    """Return what a person calls a folder: of a snapshot in the Hugging Face cache the repository's name."""
    above, name = os.path.split(folder)
    if _COMMIT.match(name) and os.path.basename(above) == "snapshots":
        return os.path.basename(os.path.dirname(above)).rpartition("--")[2] or name
    return name or folder


def _whole_folder(
    folder: str, names: Iterable[str], others: frozenset[str], told: _Told, read_small: ReadSmall
) -> Group | None:
    """Return the folder as one model, if its ``config.json`` says so and at least two of the files are weights."""
    if CONFIG_MARKER not in others:
        return None
    counts = {pattern: sum(map(bool, map(pattern.match, names))) for pattern in (_TRANSFORMERS, _DIFFUSERS)}
    indexed = any(parts.index_stem(name) is not None for name in others)
    if not indexed and max(counts.values()) < 2:
        return None
    marker = os.path.join(folder, CONFIG_MARKER)
    config = _config(read_small(marker) or b"") or {}
    if isinstance(config.get("_class_name"), str):
        kind, pattern = "diffusers-folder", _DIFFUSERS
    elif isinstance(config.get("architectures"), list) or isinstance(config.get("model_type"), str):
        kind, pattern = "transformers-folder", _TRANSFORMERS
    else:
        return None
    present, absent = _weights(names, others, pattern, told)
    if len(present) < 2:
        return None
    members = {name: os.path.join(folder, name) for name in present}
    return Group(folder, kind, folder_name(folder), members, tuple(absent), marker)


def _weights(
    names: Iterable[str], others: frozenset[str], standard: re.Pattern[str], told: _Told
) -> tuple[list[str], list[str]]:
    """Return the weight files of a folder that is one model or component, and those that should be there.

    A set of shards of which none is there is not missed where the same weights lie there in another form.
    """
    there = set(names)
    present = {name for name in there if standard.match(name)}
    absent: list[str] = []
    unseen: list[str] = []
    for split in _splits(there, others, told):
        if split.marker is None and not standard.match(split.first):
            continue
        present.update(split.present)
        (absent if split.present else unseen).extend(split.missing)
    return sorted(present), absent if present else unseen


def _indexes(folder: str, read_small: ReadSmall) -> _Told:
    """Return a function that tells which plain names an index of a folder names, and reads each but once."""

    @cache
    def told(index: str) -> tuple[str, ...]:
        names = parts.files_named(read_small(os.path.join(folder, index)) or b"")
        return tuple(sorted(filter(parts.is_plain, names)))

    return told


def _splits(names: Collection[str], others: frozenset[str], told: _Told) -> list[_Split]:
    """Return the split models of a folder.

    An index is only read where the numbers in the names leave something open.
    """
    models = parts.numbered(names)
    splits = {
        part: _Split(
            part.name(part.span(numbers)[0]),
            [part.name(number) for number in sorted(numbers)],
            part.absent(numbers, MISSING_LIMIT),
            None,
        )
        for part, numbers in sorted(models.items())
    }
    indexes = sorted(name for name in others if parts.index_stem(name) is not None)
    is_complete = not any(split.missing for split in splits.values()) and len(names) == sum(
        len(split.present) for split in splits.values()
    )
    if is_complete and splits:
        by_stem = {parts.index_stem(index): index for index in indexes}
        return [
            split._replace(marker=by_stem.get(part.prefix + part.suffix)) for part, split in splits.items()
        ]
    found: list[_Split] = []
    known = frozenset(names)
    taken: set[str] = set()
    for index in indexes:
        wanted = told(index)
        if len(wanted) < 2 or not taken.isdisjoint(wanted):
            continue
        here = known.intersection(wanted)
        missing = [name for name in wanted if name not in known]
        first = wanted[0]
        for part in [key for key, split in splits.items() if not here.isdisjoint(split.present)]:
            split = splits.pop(part)
            first = split.first
            here |= frozenset(split.present)
            missing += split.missing
        taken.update(wanted, here)
        found.append(_Split(first, sorted(here), list(dict.fromkeys(missing))[:MISSING_LIMIT], index))
    return found + list(splits.values())


def _shards_name(folder: str, first: str, marker: str | None) -> str:
    part = parts.part_of(first)
    if part is not None:
        stem = part.prefix
    elif marker is not None:
        stem = os.path.splitext(parts.index_stem(marker) or first)[0]
    else:
        stem = os.path.splitext(first)[0]
    return folder_name(folder) if stem.partition(".")[0] in _GENERIC else stem


def _config(content: bytes) -> dict[str, Any] | None:
    """Return a small JSON object of a stranger, or None."""
    if not content or len(content) > CONFIG_LIMIT_BYTES:
        return None
    value = payload.parse(content).value
    return value if isinstance(value, dict) else None
