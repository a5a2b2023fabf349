"""Light columns that a header's own metadata offer.

``ssmd_*`` is what a person typed into an editor of headers (kohya-ss/sd-webui-additional-networks); ``modelspec.*``
is Stability-AI/ModelSpec 1.0.1; ``general.*`` is ggml-org/ggml docs/gguf.md. What trainers note about their captions
(``ss_tag_frequency``) is no trigger word and no tag.
"""

import base64
import json
import re
from collections.abc import Mapping
from functools import lru_cache
from operator import itemgetter
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from modelmgr.pictures import image_format
from modelmgr.readers.contents import clean
from modelmgr.values import MIB

_NOTHING = frozenset(("", "none", "null", "[]", "{}", "n/a", "unknown", "(no title)", "undefined"))
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]+")
_SECRETS = frozenset(("token", "api_key", "key"))
_LINE_LIMIT = 500
_TEXT_LIMIT = 20_000
_LIST_LIMIT = 256
_FREQUENCY_LIMIT = 512 * 1024
_TAG_LIMIT = 40
_COUNT_LIMIT = 2**53
_DATA_URL = re.compile(r"data:image/(?:png|jpe?g|webp);base64,", re.IGNORECASE)
PICTURE_LIMIT_BYTES = 2 * MIB


def suggestions(metadata: Mapping[str, Any]) -> tuple[dict[str, Any], frozenset[str]]:
    """Return light column -> value, and the names of those columns that a person typed."""
    typed: dict[str, Any] = {}
    stated: dict[str, Any] = {}
    _put(typed, "name", _line(metadata.get("ssmd_display_name")))
    _put(typed, "trigger_words", _list(metadata.get("ssmd_keywords")))
    _put(typed, "tags", _list(metadata.get("ssmd_tags")))
    _put(typed, "notes", _text(metadata.get("ssmd_description")))
    _put(typed, "source_url", _url(metadata.get("ssmd_source")))
    _put(typed, "rating", _rating(metadata.get("ssmd_rating")))

    name = _line(metadata.get("modelspec.title")) or _line(metadata.get("general.name"))
    _put(stated, "name", name or _trained_name(metadata))
    phrase = _text(metadata.get("modelspec.trigger_phrase"))
    _put(stated, "trigger_words", [phrase] if phrase else None)
    _put(stated, "tags", _list(metadata.get("modelspec.tags")) or _list(metadata.get("general.tags")))
    _put(stated, "license", _line(metadata.get("modelspec.license")) or _gguf_license(metadata))
    _put(stated, "source_url", _gguf_url(metadata))
    return {**stated, **typed}, frozenset(typed)


def _trained_name(metadata: Mapping[str, Any]) -> str | None:
    """Return the name of an embedding or hypernetwork as AUTOMATIC1111/stable-diffusion-webui keeps it in the file."""
    return _line(metadata.get("name")) if {"step", "sd_checkpoint"} <= metadata.keys() else None


def picture(metadata: Mapping[str, Any]) -> bytes | None:
    """Return the picture that a header carries, a PNG, JPEG or WebP of at most 2 MiB, or None."""
    text = metadata.get("modelspec.thumbnail")
    if not isinstance(text, str) or len(text) > PICTURE_LIMIT_BYTES * 4 // 3 + _LINE_LIMIT:
        return None
    named = _DATA_URL.match(text)
    if named is None:
        return None
    try:
        data = base64.b64decode(text[named.end() :], validate=True)
    except ValueError:
        return None
    is_known = image_format(data[:12]) in ("png", "jpeg", "webp")
    return data if is_known and len(data) <= PICTURE_LIMIT_BYTES else None


def training_tags(metadata: Mapping[str, Any]) -> list[list[str | int]]:
    """Return the most frequent caption tags of a training, each with its count."""
    text = metadata.get("ss_tag_frequency")
    counts = tag_counts(text) if isinstance(text, str) else {}
    most = sorted(counts.items(), key=itemgetter(1), reverse=True)[:_TAG_LIMIT]
    found: list[list[str | int]] = []
    for tag, count in most:
        if len(tag) <= _LINE_LIMIT:
            is_plain = tag.isascii() and tag.isprintable() and tag.strip() == tag
            shown = tag if is_plain and tag.lower() not in _NOTHING else _line(tag)
            if shown:
                found.append([shown, min(count, _COUNT_LIMIT)])
    return found


@lru_cache(maxsize=1)
def tag_counts(frequency: str) -> Mapping[str, int]:
    """Return all caption tags of ``ss_tag_frequency`` with their counts; empty where it can't be read.

    It maps folder -> tag -> count (kohya-ss/sd-scripts, library/train_util.py); some trainers write tag -> count, some
    encode the whole twice. The last answer is remembered, for it is asked for twice.
    """
    found: Any = frequency
    for _ in range(2):
        if isinstance(found, str) and len(found) <= _FREQUENCY_LIMIT:
            try:
                found = json.loads(found)
            except (ValueError, RecursionError):
                return {}
    counts: dict[str, int] = {}
    for folder, tags in found.items() if isinstance(found, dict) else ():
        for tag, count in (tags if isinstance(tags, dict) else {folder: tags}).items():
            if type(count) is int and count > 0:
                counts[tag] = counts[tag] + count if tag in counts else count
    return counts


def _put(columns: dict[str, Any], name: str, value: Any) -> None:
    if value is not None and value != []:
        columns[name] = value


def _text(value: Any) -> str | None:
    """Return a text that says something, or None."""
    if not isinstance(value, str):
        return None
    text = clean(value[:_TEXT_LIMIT]).strip()
    return None if text.lower() in _NOTHING else text


def _line(value: Any) -> str | None:
    text = _text(value)
    if text is None or (len(text) <= _LINE_LIMIT and text.isascii() and text.isprintable()):
        return text
    return _CONTROL.sub(" ", text)[:_LINE_LIMIT].strip() or None


def _list(value: Any) -> list[str] | None:
    """Return the entries of a list or of a text with commas: trimmed, without empty ones and repetitions."""
    if isinstance(value, dict):
        value = value.get("first")
    if isinstance(value, str):
        value = value[:_TEXT_LIMIT].split(",")
    if not isinstance(value, list):
        return None
    entries = [entry for member in value[:_LIST_LIMIT] if (entry := _line(member)) is not None]
    return list(dict.fromkeys(entries)) or None


def _rating(value: Any) -> int | None:
    text = _text(value)
    return int(text) if text is not None and text in ("1", "2", "3", "4", "5") else None


def _url(value: Any) -> str | None:
    """Return the address of a page without the secrets that some addresses carry."""
    text = _line(value)
    if text is None or not text.lower().startswith(("http://", "https://")) or " " in text:
        return None
    try:
        parts = urlsplit(text)
        query = parse_qsl(parts.query, keep_blank_values=True)
    except ValueError:
        return None
    kept = [(key, member) for key, member in query if key.lower() not in _SECRETS]
    if len(kept) == len(query):
        return text
    return urlunsplit(parts._replace(query=urlencode(kept)))


def _gguf_license(metadata: Mapping[str, Any]) -> str | None:
    stated = _line(metadata.get("general.license"))
    if stated is not None and stated.lower() != "other":
        return stated
    return (
        _line(metadata.get("general.license.name")) or _line(metadata.get("general.license.link")) or stated
    )


def _gguf_url(metadata: Mapping[str, Any]) -> str | None:
    for key in ("general.repo_url", "general.url", "general.source.repo_url", "general.source.url"):
        found = _url(metadata.get(key))
        if found is not None:
            return found
    return None
