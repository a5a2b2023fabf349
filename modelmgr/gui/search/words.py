"""What is searched and filtered for, in words: labels of values, the query as one line, a hash that was pasted."""

import re
from collections.abc import Iterable

from PySide6.QtCore import QCoreApplication

from modelmgr import search
from modelmgr.gui.search.parts import Part
from modelmgr.gui.text import foreign_text, state_label, type_label
from modelmgr.lazily import pattern

_WORDS = {"types": "type", "base_models": "base", "tags": "tag", "folders": "folder", "states": "state"}


def say(text: str) -> str:
    """Return a template of the search language in the user's language."""
    return QCoreApplication.translate("Search", text)


def value_label(group: str, value: str) -> str:
    """Return how a facet's value is shown."""
    if group == "types":
        return type_label(value)
    if group == "states":
        return state_label(value)
    if group == "folders" and len(value) > 1:
        value = value.rstrip("/\\")
    return foreign_text(value, 300)


def field_of_group(group: str) -> str:
    """Return the field of the search language with the same values as a facet."""
    return _WORDS[group]


def label_of(active: Iterable[Part]) -> str:
    """Return what is on, in the words of the search field: ``ink type:lora -tag:wip``."""
    parts = []
    for group, value, excluded in active:
        if group == "search":
            parts.append(foreign_text(value, 200))
        elif group == "favorite":
            parts.append("-fav:yes" if excluded else "fav:yes")
        else:
            shown = foreign_text(value.rstrip("/\\") or value, 200)
            parts.append(f"{'-' if excluded else ''}{_WORDS[group]}:{search.written(_WORDS[group], shown)}")
    return " ".join(parts)


# --- hashes -----------------------------------------------------------------------------------------------

_NAMED_HASH = pattern(
    r"\s*(?:(?:sha-?256|auto-?v[123]|crc-?32|blake3|model hash|hash)\s*[:=]\s*)?(?:0x)?([0-9a-f]{8,64})\s*",
    re.IGNORECASE,
)


def searched_text(text: str) -> str:
    """Return what to search for: of a hash that was pasted with its name (``AutoV2: 6C7440BA8B``) the digits alone."""
    named = _NAMED_HASH.fullmatch(text)
    return named[1] if named else text


def searched_hash(text: str) -> str | None:
    """Return the digits if nothing but a hash is searched for."""
    named = _NAMED_HASH.fullmatch(text)
    return named[1].lower() if named else None
