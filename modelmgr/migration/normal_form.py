"""The light columns in their normal form: what a value is, however it was claimed or typed."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from modelmgr.vocabulary import UNKNOWN

# A column of the library view must stay light, whatever a record holds: the payload keeps the rest.
_TEXT_LIMIT = 32_768
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_BREAK = re.compile(r"[\t\r\n]+")
_SURROGATE = re.compile(r"[\ud800-\udfff]")


def normal_form(column: str, value: Any) -> Any:
    """Return a claimed or shown value as a light column holds it where it alone is said, the empty one for nothing."""
    clean = CLEAN[column](value)
    return EMPTY.get(column) if clean is None else clean


EMPTY: Mapping[str, Any] = {"tags": (), "trigger_words": (), "favorite": False}
"""What a column holds of which nobody says anything; the others hold None."""


def is_empty(value: Any) -> bool:
    """Tell whether a claimed value says nothing; ``False`` says something, 0 does not."""
    return value is None or value in ("", 0, (), [], {}) if not isinstance(value, bool) else False


def edited_form(column: str, value: Any) -> Any:
    """Return a value that the user set, made fit to be stored but for nothing else changed."""
    if column in {"tags", "trigger_words"}:
        return (_lines(value) if column == "tags" else _texts(value)) or ()
    if column in {"favorite", "nsfw"}:
        return bool(value)
    if column == "rating":
        return _stars(value)
    if column == "notes":
        return _text(value)
    return _path(value) if column == "preview" else one_line(value)


def _showable(text: str) -> str:
    """Return the text without what no text column holds: lone surrogates (file names have them) and controls."""
    return _SURROGATE.sub("\ufffd", _CONTROL.sub("", text))


def one_line(value: Any) -> str | None:
    """Return text in one line without blanks around it, None for what is empty or no text."""
    if isinstance(value, str) and value.isascii() and value.isprintable():  # most are
        return cut(value.strip()) or None
    return cut(_showable(_BREAK.sub(" ", value)).strip()) or None if isinstance(value, str) else None


def _text(value: Any) -> str | None:
    text = _showable(value.replace("\r\n", "\n").replace("\r", "\n")) if isinstance(value, str) else ""
    return cut(text.strip()) or None


def cut(text: str) -> str:
    """Return the text, shortened if it is too long for a column that must stay light."""
    return text if len(text) <= _TEXT_LIMIT else text[: _TEXT_LIMIT - 1] + "…"


def _path(value: Any) -> str | None:
    return value or None if isinstance(value, str) and "\x00" not in value else None


def _texts(value: Any) -> tuple[str, ...] | None:
    return _entries(value, _text)


def _lines(value: Any) -> tuple[str, ...] | None:
    return _entries(value, one_line)


def _entries(value: Any, clean: Callable[[Any], str | None]) -> tuple[str, ...] | None:
    entries: Iterable[Any] = [value] if isinstance(value, str) else value if _is_list(value) else []
    return tuple(dict.fromkeys(text for entry in entries if (text := clean(entry)))) or None


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple)


def _kind(value: Any) -> str | None:
    text = one_line(value)
    return None if text == UNKNOWN else text


def _flag(value: Any) -> bool | None:
    return bool(value) if isinstance(value, int) else None


def _stars(value: Any) -> int | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return int(value) if is_number and 1 <= value <= 5 else None


CLEAN: Mapping[str, Callable[[Any], Any]] = {
    "name": one_line,
    "type": _kind,
    "base_model": one_line,
    "tags": _lines,
    "rating": _stars,
    "favorite": _flag,
    "nsfw": _flag,
    "notes": _text,
    "trigger_words": _texts,
    "preview": _path,
    "license": one_line,
    "source_url": one_line,
}
"""Light column -> what brings a claimed value into its normal form, None for one that says nothing."""
