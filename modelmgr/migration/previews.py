"""Which pictures beside a model are its previews or examples, by the names in its folder alone."""

import re
from collections.abc import Collection, Iterable, Iterator
from functools import cached_property

from modelmgr.migration.beside import folded, is_model_name, stem_of, suffix_of

_IMAGES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".avif", ".jxl", ".bmp", ".tiff")
_VIDEOS = (".mp4", ".webm", ".mov")
_SUFFIXES = {suffix: place for place, suffix in enumerate(_IMAGES + _VIDEOS)}

_PREVIEW, _PLAIN, _VIDEO, _THUMB, _EXAMPLE = range(5)
_INFIXES = {".preview": _PREVIEW, "": _PLAIN, ".thumb": _THUMB, ".example.0": _EXAMPLE, ".0": _EXAMPLE}
_NAMED_INFIXES = tuple(filter(None, _INFIXES))
_EXAMPLES = re.compile(r"\.example\.[0-9]{1,6}|_[0-9]{1,6}(?=\.jpg$)")
"""What stands behind the stem: Civitai Helper and LoRA Manager number with a dot, Civitai Browser+ with a line."""


def preview_for(stem: str, names: Iterable[str]) -> str | None:
    """Return the file name of the best preview of a model, None if there is none."""
    return next(iter(previews_of(stem, names)), None)


def previews_of(stem: str, names: Iterable[str]) -> tuple[str, ...]:
    """Return all previews of a model, the best first.

    ``<stem>.preview.<image>`` comes before the plain ``<stem>.<image>``, then videos, thumbnails and downloaded
    examples; names in exact spelling come before similar ones. A picture that is also the plain preview of a model
    with a longer stem (`contested_previews`) comes after all others.
    """
    listed = tuple(names)
    contested = frozenset(contested_previews(stem, listed))
    ranked = ((name in contested, *rank, name) for name, rank in _candidates(stem, listed))
    return tuple(found[-1] for found in sorted(ranked))


class FolderPictures:
    """The previews in one folder, found without looking at all its names for each model.

    Args:
        names: all names in the folder.
    """

    def __init__(self, names: Collection[str]) -> None:
        self._names = names
        self._pictures: dict[str, list[str]] = {}
        for name in names:
            dot = name.rfind(".")
            if name[dot:].lower() not in _SUFFIXES:
                continue
            stem = folded(stem_of(name))
            self._pictures.setdefault(stem, []).append(name)
            for infix in _NAMED_INFIXES if stem.endswith(_NAMED_INFIXES) else ():
                if stem.endswith(infix):
                    self._pictures.setdefault(stem[: -len(infix)], []).append(name)

    @cached_property
    def _models(self) -> dict[str, list[str]]:
        models: dict[str, list[str]] = {}
        for name in filter(is_model_name, self._names):
            models.setdefault(folded(stem_of(name)), []).append(name)
        return models

    def preview_for(self, stem: str, more: Collection[str] = ()) -> str | None:
        """Return what `preview_for` does; `more` are names that count as if they were in the folder."""
        wanted = folded(stem)
        if not wanted:
            return None
        found = self._pictures.get(wanted, ())
        if not (found or more):
            return None
        if len(found) == 1 and not more and stem_of(found[0]).startswith(stem):
            return found[0]
        keys = [wanted + infix for infix in _INFIXES]
        rivals = [name for key in keys if key in self._models for name in self._models[key]]
        return preview_for(stem, {*found, *rivals, *more})


def is_picture(name: str) -> bool:
    """Tell whether a name ends as pictures and videos do."""
    return suffix_of(name) in _SUFFIXES


def pictures_of(stem: str, names: Iterable[str]) -> dict[str, str]:
    """Return all pictures of a model, name -> ``preview`` or ``example``: the previews, best first, then the others.

    Examples are the numbered pictures that tools download (``<stem>.example.3.png``, ``<stem>_3.jpg``). One that is
    the plain preview of a model with a longer stem (``a_3.jpg`` beside ``a_3.safetensors``) is no example of this one.
    """
    listed = tuple(names)
    found = dict.fromkeys(previews_of(stem, listed), "preview")
    found |= {name: "example" for name, (kind, *_) in _candidates(stem, listed) if kind == _EXAMPLE}
    wanted = folded(stem)
    numbered = [
        name
        for name in sorted(listed)
        if wanted
        and name not in found
        and is_picture(name)
        and folded(name).startswith(wanted)
        and (number := _EXAMPLES.match(folded(name)[len(wanted) :])) is not None
        and len(wanted) + number.end() == len(folded(stem_of(name)))
    ]
    if numbered:
        models = {stem_of(name) for name in listed if is_model_name(name)}
        of_models = {folded(model) for model in models}
        for name in numbered:
            exact = name.startswith(stem)
            others = any(name.startswith(model) and folded(model) == wanted for model in models)
            if folded(stem_of(name)) not in of_models and (exact or not others):
                found[name] = "example"
    return found


def contested_previews(stem: str, names: Iterable[str]) -> tuple[str, ...]:
    """Return the previews that belong to a model with a longer stem as well.

    ``a.preview.png`` is a preview of ``a``, and the plain one of ``a.preview.safetensors`` if that exists.
    """
    listed = tuple(names)
    others = {folded(stem_of(name)) for name in listed if is_model_name(name)} - {folded(stem)}
    return tuple(name for name, _ in _candidates(stem, listed) if folded(stem_of(name)) in others)


def _candidates(stem: str, names: tuple[str, ...]) -> Iterator[tuple[str, tuple[int, bool, int]]]:
    wanted = folded(stem)
    if not wanted:
        return
    models = {stem_of(name) for name in names if is_model_name(name)}
    for name in names:
        place = _SUFFIXES.get(suffix_of(name))
        if place is None:
            continue
        rest = stem_of(name)
        behind = folded(rest)
        if not behind.startswith(wanted):
            continue
        kind = _INFIXES.get(behind[len(wanted) :])
        if kind is None:
            continue
        exact = rest.startswith(stem)
        if not exact and any(rest.startswith(model) and folded(model) == wanted for model in models):
            continue  # `X.png` belongs to `X.ckpt`, not to the `x.ckpt` beside it
        if suffix_of(name) in _VIDEOS and kind in (_PREVIEW, _PLAIN):
            kind = _VIDEO
        yield name, (kind, not exact, place)
