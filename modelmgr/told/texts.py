"""Foreign texts made fit to be kept and shown."""

import json
import re
from collections.abc import Mapping
from typing import Any

VALUE_LIMIT = 1024 * 1024
KEY_COUNT_LIMIT = 10_000
NOTHING = frozenset(("", "none", "null", "[]", "{}", "n/a", "unknown", "(no title)", "undefined"))
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]+")
_SURROGATE = re.compile("[\ud800-\udfff]")
LINE_LIMIT = 500
TEXT_LIMIT = 20_000


def clean(text: str) -> str:
    """Return `text` fit for JSON, UTF-8 and a database: lone surrogates as U+FFFD, no NUL."""
    if "\0" in text:
        text = text.replace("\0", "")
    return text if text.isascii() else _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text)


def text_of(value: Any) -> str | None:
    """Return a text that says something, or None."""
    if not isinstance(value, str):
        return None
    text = clean(value[:TEXT_LIMIT]).strip()
    return None if text.lower() in NOTHING else text


def line_of(value: Any) -> str | None:
    """Return a text that says something as one short line, or None."""
    text = text_of(value)
    if text is None or (len(text) <= LINE_LIMIT and text.isascii() and text.isprintable()):
        return text
    return _CONTROL.sub(" ", text)[:LINE_LIMIT].strip() or None


def texts_of(found: Mapping[str, Any]) -> tuple[dict[str, str], str | None]:
    """Return a header's metadata as text -> text, leniently: some tools write numbers and objects.

    Returns:
        The texts, and the first key whose value is no text.
    """
    odd: str | None = None
    metadata: dict[str, str] = {}
    for key, value in found.items():
        if len(metadata) >= KEY_COUNT_LIMIT:
            break
        if not isinstance(value, str):
            odd = key if odd is None else odd
            value = json.dumps(value)
        metadata[clean(key[:VALUE_LIMIT])] = clean(value[:VALUE_LIMIT])
    return metadata, odd
