"""Light columns that a header's own metadata offer.

``ssmd_*`` is what a person typed into an editor of headers (kohya-ss/sd-webui-additional-networks); ``modelspec.*``
is Stability-AI/ModelSpec 1.0.1; ``general.*`` is ggml-org/ggml docs/gguf.md. What trainers note about their captions
(``ss_tag_frequency``) is no trigger word and no tag.
"""

import base64
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from modelmgr.pictures import image_format
from modelmgr.told.texts import LINE_LIMIT, TEXT_LIMIT, line_of, text_of
from modelmgr.values import MIB

_SECRETS = frozenset(("token", "api_key", "key"))
_LIST_LIMIT = 256
_DATA_URL = re.compile(r"data:image/(?:png|jpe?g|webp);base64,", re.IGNORECASE)
_NO_NAME = re.compile(r"\.+|[0-9a-f]{32,64}|(?:~|\.{0,2})/.*|.*\\.*", re.IGNORECASE)
PICTURE_LIMIT_BYTES = 2 * MIB


_GGUF_LICENSES = ("general.license", "general.license.name", "general.license.link")
_GGUF_URLS = ("general.repo_url", "general.url", "general.source.repo_url", "general.source.url")
_TYPED = ("ssmd_display_name", "ssmd_keywords", "ssmd_tags", "ssmd_description", "ssmd_source", "ssmd_rating")
_STATED = (
    *("modelspec.title", "modelspec.trigger_phrase", "modelspec.tags", "modelspec.license", "general.name"),
    *("general.tags", "name", *_GGUF_LICENSES, *_GGUF_URLS),
)


def suggestions(metadata: Mapping[str, Any]) -> tuple[dict[str, Any], frozenset[str]]:
    """Return light column -> value, and the names of those columns that a person typed."""
    keys = metadata.keys()
    typed: dict[str, Any] = {}
    stated: dict[str, Any] = {}
    if not keys.isdisjoint(_TYPED):
        _put(typed, "name", line_of(metadata.get("ssmd_display_name")))
        _put(typed, "trigger_words", _list(metadata.get("ssmd_keywords")))
        _put(typed, "tags", _list(metadata.get("ssmd_tags")))
        _put(typed, "notes", text_of(metadata.get("ssmd_description")))
        _put(typed, "source_url", _url(metadata.get("ssmd_source")))
        _put(typed, "rating", _rating(metadata.get("ssmd_rating")))
    if not keys.isdisjoint(_STATED):
        name = line_of(metadata.get("modelspec.title")) or _converted_name(metadata)
        _put(stated, "name", name or _trained_name(metadata))
        phrase = text_of(metadata.get("modelspec.trigger_phrase"))
        _put(stated, "trigger_words", [phrase] if phrase else None)
        _put(stated, "tags", _list(metadata.get("modelspec.tags")) or _list(metadata.get("general.tags")))
        _put(stated, "license", line_of(metadata.get("modelspec.license")) or _gguf_license(metadata))
        _put(stated, "source_url", _gguf_url(metadata))
    return stated | typed, frozenset(typed)


def _converted_name(metadata: Mapping[str, Any]) -> str | None:
    """Return a GGUF file's name, None where its converter took the folder's: a path, or a commit in a cache."""
    name = line_of(metadata.get("general.name"))
    return None if name is None or _NO_NAME.fullmatch(name) else name


def _trained_name(metadata: Mapping[str, Any]) -> str | None:
    """Return the name of an embedding or hypernetwork as AUTOMATIC1111/stable-diffusion-webui keeps it in the file."""
    return line_of(metadata.get("name")) if {"step", "sd_checkpoint"} <= metadata.keys() else None


def picture(metadata: Mapping[str, Any]) -> bytes | None:
    """Return the picture that a header carries, a PNG, JPEG or WebP of at most 2 MiB, or None."""
    text = metadata.get("modelspec.thumbnail")
    if not isinstance(text, str) or len(text) > PICTURE_LIMIT_BYTES * 4 // 3 + LINE_LIMIT:
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


def _put(columns: dict[str, Any], name: str, value: Any) -> None:
    if value is not None and value != []:
        columns[name] = value


def _list(value: Any) -> list[str] | None:
    """Return the entries of a list or of a text with commas: trimmed, without empty ones and repetitions."""
    if isinstance(value, dict):
        value = value.get("first")
    if isinstance(value, str):
        value = value[:TEXT_LIMIT].split(",")
    if not isinstance(value, list):
        return None
    entries = [entry for member in value[:_LIST_LIMIT] if (entry := line_of(member)) is not None]
    return list(dict.fromkeys(entries)) or None


def _rating(value: Any) -> int | None:
    text = text_of(value)
    return int(text) if text is not None and text in ("1", "2", "3", "4", "5") else None


def _url(value: Any) -> str | None:
    """Return the address of a page without the secrets that some addresses carry."""
    text = line_of(value)
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
    if metadata.keys().isdisjoint(_GGUF_LICENSES):
        return None
    stated = line_of(metadata.get("general.license"))
    if stated is not None and stated.lower() != "other":
        return stated
    return (
        line_of(metadata.get("general.license.name"))
        or line_of(metadata.get("general.license.link"))
        or stated
    )


def _gguf_url(metadata: Mapping[str, Any]) -> str | None:
    for key in _GGUF_URLS:
        found = _url(metadata[key]) if key in metadata else None
        if found is not None:
            return found
    return None
