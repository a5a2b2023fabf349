"""Which model files a sidecar may speak of, by the names in its folder alone."""

import os
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from modelmgr.values import MODEL_SUFFIXES


def stem_of(name: str) -> str:
    """Return a file name without its last ending (``a.b.safetensors`` -> ``a.b``)."""
    return os.path.splitext(name)[0]


def suffix_of(name: str) -> str:
    """Return the last ending in lower case, with its dot."""
    return os.path.splitext(name)[1].lower()


def is_model_name(name: str) -> bool:
    """Tell whether a name ends as model files do."""
    return suffix_of(name) in MODEL_SUFFIXES


def models_beside(stem: str, names: Iterable[str]) -> tuple[str, ...]:
    """Return the model files of a stem: the exact ones; else those equal under NFC; else without case.

    The last only if it leads to one spelling of the stem: of ``X.ckpt`` and ``x.ckpt`` neither belongs more to
    ``x`` than the other if both are only similar. ``x.vae.pt`` has the stem ``x.vae``, so it is never found for
    ``x``: it is a checkpoint's companion.

    Args:
        stem: of a sidecar.
        names: of the folder; the same frozenset each time where many sidecars of one folder are asked for.
    """
    similar = _models_by_stem(frozenset(names)).get(folded(stem), ()) if stem else ()
    for form in (str, _composed):
        same = tuple(name for name in similar if form(stem_of(name)) == form(stem))
        if same:
            return same
    return similar if len({_composed(stem_of(name)) for name in similar}) == 1 else ()


def alike(name: str, names: Iterable[str]) -> tuple[str, ...]:
    """Return the names that a disk which minds neither case nor Unicode form takes for `name`, the exact one first.

    Arguments as `models_beside`.
    """
    found = _names_by_form(frozenset(names)).get(folded(name), ())
    return tuple(sorted(found, key=lambda other: other != name))


# A folder may hold 100,000 models with their sidecars: looking through all names for each would take hours.
@lru_cache(maxsize=4)
def _models_by_stem(names: frozenset[str]) -> Mapping[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for name in names:
        if is_model_name(name):
            found.setdefault(folded(stem_of(name)), []).append(name)
    return {stem: tuple(sorted(models)) for stem, models in found.items()}


@lru_cache(maxsize=4)
def _names_by_form(names: frozenset[str]) -> Mapping[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(folded(name), []).append(name)
    return {form: tuple(sorted(same)) for form, same in found.items()}


def base_name(path: str) -> str:
    """Return the last part of a path of any system, as a file of ours may be called.

    Windows drops trailing dots and blanks, so a recorded name may have them.
    """
    return path.replace("\\", "/").rstrip("/").rpartition("/")[2].rstrip(". ")


def same_name(a: str, b: str) -> bool:
    """Tell whether two file names are the same on a disk that minds neither case nor Unicode form."""
    return a == b or folded(a) == folded(b)


def preferred(models: Sequence[str], said: Iterable[str], suffixes: Iterable[str] = ()) -> tuple[str, ...]:
    """Return those of several model files of one stem that a record means, in the order of `models`.

    Args:
        models: the files of the stem.
        said: file names with their endings, as the record gives them; they count first.
        suffixes: endings that the record's format means; they count where no name does.
    """
    wanted = {folded(base_name(name)) for name in said}
    chosen = tuple(name for name in models if folded(name) in wanted)
    if not chosen:
        endings = frozenset(suffixes)
        chosen = tuple(name for name in models if suffix_of(name) in endings)
    return chosen or tuple(models)


FORMAT_SUFFIXES: Mapping[str, tuple[str, ...]] = {
    "safetensor": (".safetensors", ".sft"),
    "pickletensor": (".ckpt", ".pt", ".pth", ".bin", ".pkl"),
    "gguf": (".gguf",),
    "onnx": (".onnx",),
}
"""Catalogues' words for a file's format, lower case, and how such files end."""


def folded(name: str) -> str:
    """Return a name as it compares: without case, composed letters and decomposed ones alike."""
    return name.lower() if name.isascii() else _composed(name).casefold()


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


_ENDINGS = (
    *(
        ".civitai.info",
        ".civitai.json",
        ".metadata.json",
        ".cm-info.json",
        ".rgthree-info.json",
        ".swarm.json",
    ),
    *(".api_info.json", ".recipe.json", ".description.txt"),
)


def subject_of(path: str) -> str:
    """Return what a container calls the model that it is about, by its own name: the name without all its endings.

    ``x.civitai.info`` -> ``x``, ``x.safetensors.rgthree-info.json`` -> ``x``, ``notes/x.txt`` -> ``x``.
    """
    name = base_name(path)
    for laid_aside in (".bak", ".tmp"):
        name = name.removesuffix(laid_aside)
    ending = next((ending for ending in _ENDINGS if name.lower().endswith(ending)), suffix_of(name))
    if not ending[1:].isdigit():  # ``v1.0`` has none
        name = name[: len(name) - len(ending)] or name
    return stem_of(name) if is_model_name(name) else name
