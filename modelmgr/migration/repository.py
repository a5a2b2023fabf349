"""What a repository of models holds, on Hugging Face's terms: which files are weights, which of them are one model.

By names alone, for its own cache and for the tools that take their layout from it. Opens nothing.
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress

from modelmgr.migration.beside import is_model_name, stem_of
from modelmgr.values import MIB, Problem, is_below

MODEL_FOLDER = "models--"
"""How the folder of a model's repository in Hugging Face's cache begins (other kinds: ``datasets--``, ``spaces--``)."""

INDEX_OF_PIPELINE = "model_index.json"
FILES_LIMIT = 20_000
"""So many files of one repository are listed."""

_OTHER_KINDS = ("datasets--", "spaces--")
_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(?:/[A-Za-z0-9][\w.-]{0,95})?", re.ASCII)
_SHARD = re.compile(r"(?P<name>.*)-(?P<number>\d{5})-of-(?P<count>\d{5})(?P<ending>(?:\.[^./]+)?)")
# What trainers leave beside the weights, under endings of models (huggingface/transformers, checkpoints).
_LEFT_BY_TRAINING = frozenset(
    ("optimizer.pt", "optimizer.bin", "scheduler.pt", "scaler.pt", "training_args.bin", "rng_state.pth")
)
_GENERIC_STEMS = frozenset(
    (
        "model",
        "pytorch_model",
        "diffusion_pytorch_model",
        "adapter_model",
        "pytorch_lora_weights",
        "ggml-model",
        "consolidated",
        "weights",
    )
)
_SHARED_BYTES = 16 * MIB
_SIGNS_OF_FOLDERS = (INDEX_OF_PIPELINE, "config.json")
_MAIN_PARTS = ("transformer", "unet", "prior", "decoder")


def repository_of(folder_name: str) -> str | None:
    """Return the repository id for the name of its folder in the cache, None if it is of another kind.

    ``models--sample-org--tiny-heron`` -> ``sample-org/tiny-heron``, ``models--gpt2`` -> ``gpt2``.
    """
    if not folder_name.startswith(MODEL_FOLDER) or len(folder_name) == len(MODEL_FOLDER):
        return None
    return folder_name[len(MODEL_FOLDER) :].replace("--", "/")


def snapshot_of(path: str) -> tuple[str, str] | None:
    """Return repository id and folder of the snapshot in Hugging Face's cache that a path lies in, else None."""
    parts = path.split(os.sep)
    for index in range(len(parts) - 3, 0, -1):
        if parts[index] == "snapshots" and (repository := repository_of(parts[index - 1])):
            return repository, os.sep.join(parts[: index + 2])
    return None


def is_of_other_kind(path: str) -> bool:
    """Tell whether a path lies in the cached repository of a data set or of a space."""
    return any(part.startswith(_OTHER_KINDS) for part in path.split(os.sep))


def page_of(repository: str) -> str | None:
    """Return the address of a repository's page, None for what can't be a repository's id."""
    return f"https://huggingface.co/{repository}" if _ID.fullmatch(repository) else None


def is_weight(path: str) -> bool:
    """Tell by its name whether a file of a repository holds weights."""
    name = os.path.basename(path).lower()
    return is_model_name(name) and name not in _LEFT_BY_TRAINING and not name.startswith("rng_state_")


def is_generic(path: str) -> bool:
    """Tell whether a file's stem says nothing of the model, for all repositories use it."""
    stem = stem_of(os.path.basename(path)).lower()
    shard = _SHARD.fullmatch(stem)
    return stem.partition(".")[0] in _GENERIC_STEMS or (shard is not None and shard["name"] in _GENERIC_STEMS)


def models_of(paths: Iterable[str]) -> list[tuple[str, ...]]:
    """Return the weight files of a repository model by model: shards together, the files of a pipeline together.

    Args:
        paths: of all files, relative to the repository. If ``model_index.json`` is among them, the weights in
            subfolders are the parts of one pipeline, the most telling first.

    Returns:
        In order of the first file of each; quantisations and formats are models of their own.
    """
    listed = sorted(set(paths))
    is_pipeline = INDEX_OF_PIPELINE in listed
    found: dict[tuple[str, ...], list[str]] = {}
    for path in listed:
        if not is_weight(path):
            continue
        folder, name = os.path.split(path)
        if is_pipeline and folder:
            found.setdefault((INDEX_OF_PIPELINE,), []).append(path)
        elif (shard := _SHARD.fullmatch(name)) is not None:
            found.setdefault((folder, shard["name"], shard["count"], shard["ending"]), []).append(path)
        else:
            found[(path,)] = [path]
    for key, files in found.items():
        if key == (INDEX_OF_PIPELINE,):
            files.sort(key=lambda path: (_part_place(path), path))
    return [tuple(files) for files in sorted(found.values())]


def models_in(path: str, folders: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the weight files of a folder that another tool's record names, model by model, by names alone.

    Args:
        path: absolute; the files are told relative to it. None are where there is no such folder.
        folders: of models. Elsewhere nothing is listed but what the files of such a model show to be one.
    """
    inside = any(is_below(path, folder) and path != folder for folder in folders)
    with suppress(OSError, ValueError):  # ValueError: half a character in a name
        if inside or any(os.path.isfile(os.path.join(path, name)) for name in _SIGNS_OF_FOLDERS):
            return models_of(below for below, _ in files_below(path, depth=2, report=_nobody))
    return []


def weights_of(places: Sequence[str], folders: Sequence[str]) -> tuple[str, ...]:
    """Return the chief weight file of a model that is a folder, if it is there."""
    for place in places:
        path = os.path.normpath(place)
        if found := models_in(path, folders):
            return (os.path.join(path, found[0][0]),)
    return ()


def _nobody(problem: Problem) -> None:
    """Hear no problem: a folder that isn't there is the next place's affair."""


def may_be_shared(content: bytes, models: Sequence[object]) -> bool:
    """Tell whether what is said of several models may be kept once for each of them."""
    return len(models) > 1 and len(content) * len(models) <= _SHARED_BYTES


def _part_place(path: str) -> int:
    part = path.partition("/")[0]
    return _MAIN_PARTS.index(part) if part in _MAIN_PARTS else len(_MAIN_PARTS)


def files_below(
    folder: str, *, depth: int, report: Callable[[Problem], None]
) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Yield the files below a folder with their paths relative to it (``/`` between), sorted; links aren't entered.

    Args:
        folder: one that can't be read has no files.
        depth: of folders below it that are entered.
        report: told what can't be read, and that there are more than `FILES_LIMIT` files.
    """
    left = FILES_LIMIT
    stack = [("", depth)]
    while stack:
        below, levels = stack.pop()
        path = os.path.join(folder, below) if below else folder
        try:
            with os.scandir(path) as items:
                entries = sorted(items, key=lambda item: item.name)
        except OSError as error:
            message = f"The folder can't be read: {error.strerror or error}."
            report(Problem(path, "unreadable", message, kept=True))
            continue
        folders = []
        for entry in entries:
            relative = f"{below}/{entry.name}" if below else entry.name
            if entry.is_dir(follow_symlinks=False):
                folders.append((relative, levels - 1))
            elif _is_folder_link(entry):
                continue
            elif left > 0:
                left -= 1
                yield relative, entry
            else:
                message = f"It holds more than {FILES_LIMIT:,} files; the others were not listed."
                report(Problem(folder, "too_large", message, kept=True))
                return
        stack += [item for item in reversed(folders) if item[1] >= 0]


def _is_folder_link(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_symlink() and entry.is_dir()
    except OSError:
        return False
