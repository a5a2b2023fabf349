"""What may be asked of the library view, said once: the command line makes options of it, the API parameters.

A filter that is added to `MODEL_FILTERS` is known at both doors, under the same name.
"""

import os
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from modelmgr.errors import Usage
from modelmgr.lazily import dataclass
from modelmgr.search import MOST_CHARACTERS, MOST_WORDS
from modelmgr.values import MODEL_STATES, SORT_COLUMNS, ModelQuery
from modelmgr.vocabulary import TYPES, canonical_base, canonical_type


class FilterKind(StrEnum):
    """What a filter takes.

    ``text`` takes one word, ``many`` takes any number of them, ``flag`` takes yes or no. ``order`` takes
    columns between commas, each of which may end in ``:desc`` or ``:asc``.
    """

    TEXT = "text"
    MANY = "many"
    FLAG = "flag"
    ORDER = "order"


@dataclass(frozen=True, slots=True)
class Filter:
    """One thing that a door may ask for.

    Attributes:
        name: how every door calls it.
        field: the field of `ModelQuery` that it sets.
        kind: what it takes.
        help: for the user, in a few words.
        default: if it isn't asked for; a flag with None has three answers (yes, no, either).
        choices: the only words that it takes; empty if it takes others.
        is_path: its words are absolute paths.
        metavar: what stands for the word in a usage line.
    """

    name: str
    field: str
    kind: FilterKind
    help: str
    default: str | bool | tuple[str, ...] | None
    choices: tuple[str, ...] = ()
    is_path: bool = False
    metavar: str | None = None


SEARCH_HELP = "words that must all occur, and fields as type:lora, size:>2GB, -tag:wip"

MODEL_FILTERS = (
    Filter("search", "search", FilterKind.TEXT, SEARCH_HELP, "", metavar="Q"),
    Filter("type", "types", FilterKind.MANY, "lora, checkpoint, vae ...", (), metavar="T"),
    Filter("base", "base_models", FilterKind.MANY, '"SDXL 1.0", "Flux.1 D" ...', (), metavar="B"),
    Filter("tag", "tags", FilterKind.MANY, "a tag; of several, all", (), metavar="G"),
    Filter(
        "folder",
        "folders",
        FilterKind.MANY,
        "the folder that the file is in",
        (),
        is_path=True,
        metavar="DIR",
    ),
    Filter(
        "state", "states", FilterKind.MANY, ", ".join(MODEL_STATES), (), choices=MODEL_STATES, metavar="S"
    ),
    Filter("favorite", "favorite", FilterKind.FLAG, "favorites only, or all others", None),
    Filter(
        "sort",
        "sort",
        FilterKind.ORDER,
        "a column, e.g. name, size_bytes, added_at; several between commas, as rating:desc,name",
        "name",
        choices=tuple(SORT_COLUMNS),
        metavar="COL",
    ),
    Filter("desc", "descending", FilterKind.FLAG, "largest or last first", False),
)
"""Every filter and the order of `list`; together they cover the fields of `ModelQuery`."""


def model_query(asked: Mapping[str, Any]) -> ModelQuery:
    """Return the question that a door's words ask, in canonical words.

    Args:
        asked: name of a filter -> what was said: a text, a sequence of them, or a bool, as its kind wants. A name
            that is absent or None takes the default; other names are not looked at.

    Raises:
        Usage: a word that its filter doesn't know.
    """
    fields: dict[str, Any] = {}
    downwards: bool | None = None
    for filter_ in MODEL_FILTERS:
        said = asked.get(filter_.name)
        if said is None:
            fields[filter_.field] = filter_.default
        elif filter_.kind == FilterKind.MANY:
            if len(said) > MOST_WORDS:
                raise Usage(f"{filter_.name} is there {len(said):,} times; {MOST_WORDS} are the most.")
            fields[filter_.field] = tuple(_canonical(filter_, word) for word in said)
        elif filter_.kind == FilterKind.FLAG:
            fields[filter_.field] = bool(said)
        elif filter_.kind == FilterKind.ORDER:
            (fields[filter_.field], downwards), *then_by = _order(filter_, said)
            fields["then_by"] = tuple((column, bool(down)) for column, down in then_by)
        else:
            fields[filter_.field] = _canonical(filter_, said)
    if downwards is not None:
        fields["descending"] = downwards
    return ModelQuery(**fields)


def bounded_words(text: str) -> str:
    """Return a search text as it is.

    Raises:
        Usage: it is too long.
    """
    number = len(text.split())
    if number > MOST_WORDS:
        raise Usage(f"The search has {number:,} words; {MOST_WORDS} are the most.")
    if len(text) > MOST_CHARACTERS:
        raise Usage(f"The search has {len(text):,} characters; {MOST_CHARACTERS:,} are the most.")
    return text


def _order(filter_: Filter, said: str) -> list[tuple[str, bool | None]]:
    """Return the columns that are named, each with whether it descends; None where that isn't said."""
    found: list[tuple[str, bool | None]] = []
    for part in said.split(","):
        column, colon, way = part.strip().partition(":")
        if column not in filter_.choices:
            raise Usage(f"Can't sort by {column!r}; the columns are {', '.join(filter_.choices)}.")
        if colon and way not in ("asc", "desc"):
            raise Usage(f"{way!r} is no way to sort; it is asc or desc.")
        if column in (former for former, _ in found):
            raise Usage(f"{column!r} is there twice.")
        found.append((column, way == "desc" if colon else None))
    return found


def _canonical(filter_: Filter, word: str) -> str:
    if filter_.choices and word not in filter_.choices:
        raise Usage(f"{word!r} is no {filter_.name}; it is one of {', '.join(filter_.choices)}.")
    if filter_.kind == FilterKind.TEXT:
        bounded_words(word)
    if filter_.is_path:
        if not os.path.isabs(word):
            raise Usage(f"{word!r} is no absolute path.")
        return os.path.normpath(word)
    try:
        word.encode()
    except UnicodeEncodeError as error:
        raise Usage(f"{word!r} is no text: it holds bytes that are no UTF-8.") from error
    if filter_.field == "types":
        return _type(word)
    if filter_.field == "base_models":
        return canonical_base(word) or word
    return word


def _type(word: str) -> str:
    found = canonical_type(word)
    if found == "unknown" and word.strip().lower() != "unknown":
        raise Usage(f"{word!r} is no type of model; the types are {', '.join(TYPES)}.")
    return found
