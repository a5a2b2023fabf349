"""One vocabulary for types and base models: the words of every tool, and what we call it.

Base models are spelt as Civitai spells them, since users know that; where a source knows less, the family's
coarse value stands. The words are data (``resources/vocabulary``): a new one is a line there. Nothing here
guesses: an unknown type is ``unknown``, an unknown base model is kept as it was written.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any

from modelmgr.lazily import dataclass, pattern
from modelmgr.resources import resource_path

TYPES: tuple[str, ...]
"""All canonical types, in the order in which they are best listed; read from the data when first asked."""

BASES: tuple[str, ...]
"""All base models that have a spelling here, families before their finer ones; read when first asked, as `TYPES`."""

UNKNOWN = "unknown"

# How the conditions of rules begin (see resources/identification), and how a person says that.
_CONDITIONS = {
    "module: ": "changes ",
    "in: ": "input of ",
    "out: ": "output of ",
    "index: ": "highest index of ",
}

# No word of any tool is near this long; longer text is somebody's prose and not worth a place in a cache.
_WORD_LIMIT = 200

_BASE_SEPARATORS = str.maketrans("", "", ". _-\t\r\n")
_TYPE_SEPARATORS = str.maketrans("", "", " _-\t\r\n")
_REPOSITORY_HOST = pattern(r"^(?:https?://)?(?:www\.)?(?:huggingface\.co|hf\.co)/", re.IGNORECASE)
_SOURCE_LINE = pattern(r"^\[([a-z0-9-]{1,40})\]$", re.MULTILINE)
_JOINED = pattern(r"(?:\A|\n\n)\[([a-z0-9-]{1,40})\]\n")
_AIR = pattern(r"^(?:urn:)?air:(?P<ecosystem>[^:]+):", re.IGNORECASE)


# --- types ------------------------------------------------------------------------------------------------


def canonical_type(word: str, *, tool: str = "", variant: str = "") -> str:
    """Return the canonical type for a tool's word, ``unknown`` for a word that no list has.

    Args:
        word: compared without case, blanks, ``-``, ``_`` and a final plural s.
        tool: ``pumas`` where the tool means something else by a common word.
        variant: a second word that some tools give beside the type (InvokeAI's ``format`` of a ``main``).
    """
    if len(word) > _WORD_LIMIT or len(variant) > _WORD_LIMIT:
        return UNKNOWN
    return _canonical_type(word, tool, variant)


@lru_cache(maxsize=4096)
def _canonical_type(word: str, tool: str, variant: str) -> str:
    types, key = _types(), _type_key(word)
    if variant and (refined := types.variants.get(key, {}).get(_type_key(variant))):
        return refined
    if tool and (meant := types.tools.get(tool, {}).get(key)):
        return meant
    return types.words.get(key, UNKNOWN)


def type_of_part(word: str) -> str | None:
    """Return the type that Civitai's word for one file of a version gives, None if it says nothing more.

    A VAE or text encoder is often attached to a checkpoint's version; ``Model``, ``Pruned Model`` and
    ``Archive`` leave the version's own type as it is.
    """
    return _types().parts.get(_type_key(word)) if len(word) <= _WORD_LIMIT else None


def is_companion(word: str) -> bool:
    """Tell whether Civitai's word for a file means a companion (config, training data) and no model."""
    return len(word) <= _WORD_LIMIT and _type_key(word) in _types().companions


def source_name(source: str) -> str:
    """Return the name of the tool or format behind a source id, as people know it; an unknown id as it is."""
    return source_names().get(source, source)


@cache
def source_names() -> Mapping[str, str]:
    """Return the names of all sources by their ids."""
    names: dict[str, str] = json.loads(
        resource_path("vocabulary", "sources.json").read_text(encoding="utf-8")
    )
    return names


def source_line(source: str) -> str:
    """Return the line under which a source's text stands where those of several stand together."""
    return f"[{source}]"


def source_texts(text: str) -> Sequence[tuple[str, str]]:
    """Return the sources and texts of one in which those of several stand together; of any other nothing."""
    start, *parts = _JOINED.split(text)
    found: list[tuple[str, str]] = []
    for source, words in zip(parts[::2], parts[1::2], strict=True):
        if source in source_names():
            found.append((source, words))
        elif found:  # a line of the text's own
            former, before = found.pop()
            found.append((former, f"{before}\n\n{source_line(source)}\n{words}"))
        else:
            return []
    return [] if start else found


def with_source_names(text: str, name: Callable[[str], str] = source_name) -> str:
    """Return a text with names instead of ids in the lines that say whose words follow.

    Args:
        text: as it is kept, see `source_line`.
        name: of a source.
    """
    if "[" not in text:
        return text
    known = source_names()
    return _SOURCE_LINE.sub(lambda line: f"[{name(line[1])}]" if line[1] in known else line[0], text)


def evidence_words(line: str) -> str:
    """Return a condition of a table of rules as a person reads it; names of tensors stay as they are."""
    if line.startswith("!"):
        return f"not: {evidence_words(line[1:])}"
    if line.startswith("@"):
        return f"metadata: {line[1:]}"
    if line.startswith("$"):
        subject, sign, rest = line[1:].partition(" ")
        return f"{subject.replace('_', ' ') if '(' not in subject else subject}{sign}{rest}"
    for beginning, words in _CONDITIONS.items():
        if line.startswith(beginning):
            return words + line.removeprefix(beginning)
    return line


def type_of_name(file_name: str) -> str | None:
    """Return the type that a file's name alone hints at; the weakest evidence of all."""
    lowered = file_name.lower()
    for part, kind in _types().name_parts.items():
        if lowered.startswith(part) if part.endswith("-") else part in lowered:
            return kind
    return None


def type_of_folder(path: str, root: str = "") -> str | None:
    """Return the type that the nearest telling folder name gives, None if none tells anything.

    Args:
        path: of a file or a model's folder; foreign separators are understood.
        root: if given, and `path` lies below it, no folder above it is asked.
    """
    above, _, name = path.replace("\\", "/").rstrip("/").rpartition("/")
    root = root.replace("\\", "/").rstrip("/")
    kind = _type_of_one(name, above)
    return kind if kind is not None or f"{above}/{name}" == root else _type_of_folders(above, root)


def _type_of_one(name: str, above: str) -> str | None:
    folders, name = _folders(), name.lower()
    if name in folders.plain:
        return folders.plain[name]
    if name in folders.below_base and above.rpartition("/")[2].lower() in folders.bases:
        return folders.below_base[name]
    return None


@lru_cache(maxsize=256)
def _type_of_folders(path: str, root: str) -> str | None:
    """Return the type of a folder: the files in it are asked for one after the other."""
    is_below = bool(root) and f"{path}/".startswith(f"{root}/")
    while path:
        above, _, name = path.rpartition("/")
        kind = _type_of_one(name, above)
        if kind is not None or (is_below and path == root):
            return kind
        path = above
    return None


# --- base models ------------------------------------------------------------------------------------------


def canonical_base(word: str, *, variant: str = "") -> str | None:
    """Return Civitai's spelling for a tool's word, the trimmed word itself if no list has it.

    Words for "not known" give None. Words may be names, short forms, ``modelspec.architecture`` values
    (``flux-1-dev/lora``), kohya's with any suffix, and repository ids. GGUF architectures are a vocabulary of
    their own (`base_of_architecture`): ``qwen2`` is a language model there and an image model here.

    Args:
        word: compared without case, blanks, ``.``, ``-`` and ``_``.
        variant: a second word that refines it (InvokeAI's ``variant``); one that no list has changes nothing.
    """
    if len(word) > _WORD_LIMIT or len(variant) > _WORD_LIMIT:
        return word.strip() or None
    return _canonical_base(word, variant)


@lru_cache(maxsize=4096)
def _canonical_base(word: str, variant: str) -> str | None:
    bases, text = _bases(), word.strip()
    text = text[len("SdVersion.") :] if text.lower().startswith("sdversion.") else text
    # "SD 3" is one model, "SD3" and "sd-3" are tools' words for the family: full names come before keys.
    if text.lower() in bases.names:
        return bases.names[text.lower()]
    key = _base_key(text)
    if not key or key in bases.nothing:
        return None
    if variant and (refined := bases.variants.get(key, {}).get(_base_key(variant))):
        return refined
    if key in bases.words:
        return bases.words[key]
    if "/" in text:
        return _base_of_slashed(text)
    return _base_of_prefix(text) or text


def _base_of_slashed(text: str) -> str | None:
    """Return the base for a repository id or page, or for ``<architecture>/<type>``."""
    bases, repository = _bases(), _REPOSITORY_HOST.sub("", text).rstrip("/")
    lowered = repository.lower()
    if lowered in bases.repositories:
        return bases.repositories[lowered]
    for prefix, base in bases.repository_prefixes.items():
        if lowered.startswith(prefix):
            return base
    architecture, _, kind = text.partition("/")
    if canonical_type(kind) != UNKNOWN:
        return canonical_base(architecture)
    return repository


def _base_of_prefix(text: str) -> str | None:
    """Return the base for one of kohya's words with a suffix.

    Only words in its spelling count, with a mark before the suffix: a name that Civitai may add tomorrow
    ("Qwen 3", "Flux.2 Klein 12B") must stay as it is, and Animagine is no Anima.
    """
    for prefix, base in _bases().prefixes.items():
        if text.startswith(prefix) and text[len(prefix) :][:1] in "_-." and " " not in text:
            return base
    return None


def base_of_architecture(word: str) -> str | None:
    """Return the base for a GGUF ``general.architecture``; a language model's stands as it is."""
    text = word.strip()
    return _bases().architectures.get(text.lower(), text or None)


def base_of_air(urn: str) -> str | None:
    """Return the base for the ecosystem of an AIR (``urn:air:sdxl:lora:civitai:1@2``), None for no AIR."""
    found = _AIR.match(urn.strip())
    if found is None:
        return None
    ecosystem = found["ecosystem"]
    return _bases().ecosystems.get(_base_key(ecosystem)) or canonical_base(ecosystem)


def collapsed_base(word: str) -> str:
    """Return what ComfyUI-Lora-Manager's substring table makes of a base model's name.

    If its ``base_model`` equals this, nobody edited it and the catalogue's own name is the better value.
    """
    lowered = word.lower()
    for part, base in _bases().collapsed.items():
        if part in lowered:
            return base
    return word


def family_of(base: str) -> str | None:
    """Return the coarse value of the family ("SDXL" for "Pony" and for "SDXL"), None for an unlisted base."""
    return _bases().families.get(base)


def is_finer(a: str, b: str) -> bool:
    """Tell whether `b` is the coarse value of a family and `a` one of its members."""
    return a != b and family_of(a) == b


def is_complete_base(base: str) -> bool:
    """Tell whether models of this base are usually spread as complete checkpoints."""
    return family_of(base) in _bases().complete


# --- the data ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Types:
    canonical: tuple[str, ...]
    words: Mapping[str, str]
    variants: Mapping[str, Mapping[str, str]]
    tools: Mapping[str, Mapping[str, str]]
    parts: Mapping[str, str]
    companions: frozenset[str]
    name_parts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Folders:
    plain: Mapping[str, str]
    bases: frozenset[str]
    below_base: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Bases:
    families: Mapping[str, str]
    names: Mapping[str, str]
    words: Mapping[str, str]
    prefixes: Mapping[str, str]
    variants: Mapping[str, Mapping[str, str]]
    repositories: Mapping[str, str]
    repository_prefixes: Mapping[str, str]
    architectures: Mapping[str, str | None]
    ecosystems: Mapping[str, str]
    collapsed: Mapping[str, str]
    complete: frozenset[str]
    nothing: frozenset[str]


def _type_key(word: str) -> str:
    return word.lower().translate(_TYPE_SEPARATORS).removesuffix("s")


def _base_key(word: str) -> str:
    return word.lower().translate(_BASE_SEPARATORS)


def _read(name: str) -> Any:
    return json.loads(resource_path("vocabulary", name).read_text(encoding="utf-8"))


@cache
def _types() -> _Types:
    data = _read("types.json")
    words = {_type_key(word): kind for kind, others in data["types"].items() for word in (kind, *others)}
    return _Types(
        canonical=tuple(data["types"]),
        words=words,
        variants={_type_key(word): _keyed(refined, _type_key) for word, refined in data["variants"].items()},
        tools={tool: _keyed(meant, _type_key) for tool, meant in data["tools"].items()},
        parts=_keyed(data["parts"], _type_key),
        companions=frozenset(_type_key(word) for word in data["companions"]),
        name_parts=data["name_parts"],
    )


@cache
def _folders() -> _Folders:
    data = _read("folders.json")
    below = data["below_base"]
    return _Folders(
        plain={name.lower(): kind for kind, names in data["folders"].items() for name in names},
        bases=frozenset(below["bases"]),
        below_base={name.lower(): kind for kind, names in below["folders"].items() for name in names},
    )


@cache
def _bases() -> _Bases:
    data = _read("bases.json")
    families = {base: family for family, fine in data["families"].items() for base in (family, *fine)}
    words = {_base_key(base): base for base in families}
    return _Bases(
        families=families,
        names={base.lower(): base for base in families},
        words={**words, **_keyed(data["words"], _base_key)},
        prefixes=data["prefixes"],
        variants={_base_key(word): _keyed(refined, _base_key) for word, refined in data["variants"].items()},
        repositories=_keyed(data["repositories"], str.lower),
        repository_prefixes=_keyed(data["repository_prefixes"], str.lower),
        architectures=data["architectures"],
        ecosystems=data["ecosystems"],
        collapsed=data["collapsed"],
        complete=frozenset(data["complete"]),
        nothing=frozenset(_base_key(word) for word in data["nothing"]),
    )


def _keyed(data: Mapping[str, str], key: Callable[[str], str]) -> dict[str, str]:
    return {key(word): value for word, value in data.items()}


def __getattr__(name: str) -> Any:
    if name == "TYPES":
        return _types().canonical
    if name == "BASES":
        return tuple(_bases().families)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
