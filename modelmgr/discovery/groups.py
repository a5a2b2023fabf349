"""Which files of a folder are one model: shards, and the folders that diffusers and transformers write.

Told by names; only a small marker (``config.json``, an index) is read, and only where the names leave no other way.
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from modelmgr import parts, payload
from modelmgr.discovery.digests import open_regular
from modelmgr.values import MIB

CONFIG_LIMIT_BYTES = 4 * MIB
COMPONENT_LIMIT = 64
PIPELINE_MARKER = "model_index.json"
CONFIG_MARKER = "config.json"

ReadSmall = Callable[[str], bytes | None]
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


class Group(NamedTuple):
    """The files of one model.

    Attributes:
        path: the folder; of shards the path of the first by their pattern, whether it is there or not.
        kind: ``shards``, ``diffusers-folder`` or ``transformers-folder``.
        name: for display.
        members: relative path (with ``/``) -> absolute path of each weight file that is there.
        missing: relative paths that an index or the numbers in the names promise, but that are not there.
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
    groups: list[Group] = []
    free = set(names)
    whole = _whole_folder(folder, names, others, read_small)
    if whole is not None:
        groups.append(whole)
        free.difference_update(whole.members)
    for expected, marker in _sets(folder, free, others, read_small):
        present = [name for name in expected if name in free]
        if len(present) < 2:
            continue
        free.difference_update(present)
        first = expected[0]
        groups.append(
            Group(
                os.path.join(folder, first),
                "shards",
                _shards_name(folder, first, marker),
                {name: os.path.join(folder, name) for name in sorted(present)},
                tuple(name for name in expected if name not in present),
                None if marker is None else os.path.join(folder, marker),
            )
        )
    return groups


def components_of(model_index: bytes) -> tuple[str, ...] | None:
    """Return the subfolders that belong to a diffusers pipeline; None if this is no ``model_index.json``.

    A component is an entry ``name: [library, class]``; ``[null, null]`` stands for one that was left out.
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
    return tuple(found[:COMPONENT_LIMIT])


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
        present, absent = _weights(path, names, frozenset(others), _COMPONENT, read_small)
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
    folder: str, names: Iterable[str], others: frozenset[str], read_small: ReadSmall
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
    present, absent = _weights(folder, names, others, pattern, read_small)
    if len(present) < 2:
        return None
    members = {name: os.path.join(folder, name) for name in present}
    return Group(folder, kind, folder_name(folder), members, tuple(absent), marker)


def _weights(
    folder: str,
    names: Iterable[str],
    others: frozenset[str],
    standard: re.Pattern[str],
    read_small: ReadSmall,
) -> tuple[list[str], list[str]]:
    """Return the weight files of a folder that is one model or component, and those that should be there.

    A set of shards of which none is there is not missed where the same weights lie there in another form.
    """
    there = set(names)
    present = {name for name in there if standard.match(name)}
    absent: list[str] = []
    unseen: list[str] = []
    for expected, marker in _sets(folder, there, others, read_small):
        if marker is None and not standard.match(expected[0]):
            continue
        here = [name for name in expected if name in there]
        present.update(here)
        (absent if here else unseen).extend(name for name in expected if name not in there)
    return sorted(present), list(dict.fromkeys(absent if present else unseen))


def _sets(
    folder: str, names: Iterable[str], others: frozenset[str], read_small: ReadSmall
) -> Iterator[tuple[list[str], str | None]]:
    """Yield the file names of each split model, in order, and the name of the index that told them."""
    split: dict[parts.Part, list[int]] = {}
    for name in names:
        part = parts.part_of(name)
        if part is not None:
            split.setdefault(part._replace(number=0), []).append(part.number)
    told: set[str] = set()
    for index in sorted(name for name in others if parts.index_stem(name) is not None):
        files = parts.files_named(read_small(os.path.join(folder, index)) or b"")
        expected = sorted({name for name in files if parts.is_plain(name)})
        if len(expected) >= 2 and not told.intersection(expected):
            told.update(expected)
            yield expected, index
    for part in sorted(split):
        expected = part.all_names(split[part])
        if not told.intersection(expected):
            yield expected, None


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
