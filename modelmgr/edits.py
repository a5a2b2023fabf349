"""What the user may set of a model himself: the columns, and what each of them takes, said once for all doors.

A value in its normal form is what is stored. None is none of them: it stands for "what was imported".
"""

import json
import os
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from modelmgr import vocabulary
from modelmgr.errors import Usage
from modelmgr.lazily import pattern
from modelmgr.values import folded

LINE_CHARACTERS: Mapping[str, int] = {
    "name": 1_000,
    "base_model": 200,
    "license": 1_000,
    "source_url": 4_096,
    "preview": 4_096,
    "tags": 200,
    "trigger_words": 4_000,
}
"""The longest line that a column takes; of a list, the longest entry."""
NOTES_CHARACTERS = 32_000
LIST_ENTRIES = 1_000
NO_RATING = 0

_BREAK = pattern(r"[\t\r\n\v\f\x1c-\x1e\x85\u2028\u2029]+")
_YES, _NO = frozenset(("yes", "true", "1", "on")), frozenset(("no", "false", "0", "off"))


def checked(column: str, value: Any) -> Any:
    """Return a value in the normal form of its column.

    ``""``, ``[]`` and 0 (of `rating`) empty a column; name and type are never empty.

    Args:
        column: one of `EDITABLE`.
        value: text, a list of texts (`tags`, `trigger_words`), 0 to 5 (`rating`), True or False (`favorite`, `nsfw`).

    Raises:
        Usage: no such column, or a value that it does not take; `details` have ``column`` and ``allowed``.
    """
    return _CHECKS[checked_column(column)](column, value)


def checked_column(column: str) -> str:
    """Return the column.

    Raises:
        Usage: it is none that can be edited.
    """
    if column not in _CHECKS:
        raise Usage(
            f"{column} is no column that can be edited; these can: {', '.join(EDITABLE)}.",
            column=column,
            allowed=list(EDITABLE),
        )
    return column


def parsed(column: str, text: str) -> Any:
    """Return the value that a text of the command line stands for, checked.

    Lists are JSON or stand between commas, flags are ``yes`` or ``no``.

    Raises:
        Usage: as `checked`.
    """
    value: Any = text
    if column in LISTS:
        value = _list_of(text)
    elif column == "rating":
        value = int(text) if text.strip().isascii() and text.strip().isdigit() else text.strip() or NO_RATING
    elif column in ("favorite", "nsfw"):
        word = text.strip().lower()
        value = True if word in _YES else False if word in _NO else text
    return checked(column, value)


def with_entries(
    column: str, entries: Iterable[str], add: Iterable[str] = (), remove: Iterable[str] = ()
) -> list[str]:
    """Return a list column without some of its entries and with others at its end.

    Tags are the same whatever their case, trigger words are not.

    Raises:
        Usage: as `checked`.
    """
    leaving = {_sameness(column, entry) for entry in checked(column, list(remove))}
    kept = [entry for entry in entries if _sameness(column, entry) not in leaving]
    joined: list[str] = checked(column, [*kept, *checked(column, list(add))])
    return joined


def _sameness(column: str, entry: str) -> str:
    return folded(entry) if column == "tags" else entry


def _list_of(text: str) -> list[Any]:
    if text.lstrip().startswith("["):
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            found = None
        if isinstance(found, list):
            return found
    return text.split(",")


def _refuse(column: str, value: Any, allowed: str) -> Usage:
    said = value if isinstance(value, str | int | float | bool) or value is None else type(value).__name__
    shown = repr(said) if not isinstance(said, str) or len(said) <= 60 else repr(said[:59] + "…")
    return Usage(f"{column} can't be {shown}; allowed: {allowed}.", column=column, allowed=allowed)


def _shown(text: str) -> str:
    """Return a text without the characters that no text column holds: controls, and halves of characters."""
    return "".join(
        "\ufffd" if kind == "Cs" else char
        for char in text
        if (kind := unicodedata.category(char)) != "Cc" or char in "\n\t"
    )


def _line(column: str, value: Any) -> str:
    limit = LINE_CHARACTERS[column]
    allowed = f"one line of at most {limit} characters"
    if not isinstance(value, str):
        raise _refuse(column, value, allowed)
    line = _shown(_BREAK.sub(" ", value)).strip()
    if len(line) > limit:
        raise _refuse(column, value, allowed)
    return line


def _name(column: str, value: Any) -> str:
    line = _line(column, value)
    if not line:
        raise _refuse(column, value, f"one line of 1 to {LINE_CHARACTERS[column]} characters")
    return line


def _type(column: str, value: Any) -> str:
    word = value.strip() if isinstance(value, str) else ""
    kind = vocabulary.canonical_type(word)
    if kind == vocabulary.UNKNOWN and word.lower() != vocabulary.UNKNOWN:
        raise _refuse(column, value, ", ".join(vocabulary.TYPES))
    return kind


def _base_model(column: str, value: Any) -> str:
    return vocabulary.canonical_base(_line(column, value)) or ""


def _rating(column: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not NO_RATING <= value <= 5:
        raise _refuse(column, value, "1 to 5, or 0 for none")
    return value


def _flag(column: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise _refuse(column, value, "true or false")
    return value


def _notes(column: str, value: Any) -> str:
    allowed = f"text of at most {NOTES_CHARACTERS} characters"
    if not isinstance(value, str):
        raise _refuse(column, value, allowed)
    text = _shown(value.replace("\r\n", "\n").replace("\r", "\n")).strip()
    if len(text) > NOTES_CHARACTERS:
        raise _refuse(column, value, allowed)
    return text


def _address(column: str, value: Any) -> str:
    line = _line(column, value)
    if not line:
        return line
    try:
        parts = urlsplit(line)
        is_address = parts.scheme.lower() in ("http", "https") and bool(parts.hostname)
        _ = parts.port
    except ValueError:
        is_address = False
    if not is_address or " " in line:
        raise _refuse(column, value, "an address that begins with http:// or https://")
    return line


def _place(column: str, value: Any) -> str:
    is_path = isinstance(value, str) and "\0" not in value and len(value) <= LINE_CHARACTERS[column]
    if not is_path or (value and not os.path.isabs(value)):
        raise _refuse(column, value, "the absolute path of a picture")
    return os.path.normpath(value) if value else ""


def _entries(column: str, value: Any) -> list[str]:
    allowed = f"at most {LIST_ENTRIES} entries of at most {LINE_CHARACTERS[column]} characters each"
    if not isinstance(value, list | tuple):
        raise _refuse(column, value, f"a list of {allowed}")
    entries: dict[str, str] = {}
    for entry in value:
        if line := _line(column, entry):
            entries.setdefault(_sameness(column, line), line)
    if len(entries) > LIST_ENTRIES:
        raise _refuse(column, value, allowed)
    return list(entries.values())


_CHECKS: Mapping[str, Callable[[str, Any], Any]] = {
    "name": _name,
    "type": _type,
    "base_model": _base_model,
    "tags": _entries,
    "rating": _rating,
    "favorite": _flag,
    "nsfw": _flag,
    "notes": _notes,
    "trigger_words": _entries,
    "license": _line,
    "source_url": _address,
    "preview": _place,
}
EDITABLE: tuple[str, ...] = tuple(_CHECKS)
"""The light columns that the user may set."""
LISTS: tuple[str, ...] = ("tags", "trigger_words")
"""Those of them that are lists."""
