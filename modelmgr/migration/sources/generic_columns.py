"""What the columns of scripts and spreadsheets mean: one row of a generic export -> claims.

Our own definition of what the wizard accepts. Names of columns compare without case, with ``_`` for blanks and
``-``. Where two columns mean the same, the first that isn't empty counts, in the order of `ALIASES`.
"""

import base64
import binascii
import math
import os
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from functools import lru_cache
from typing import Any

from modelmgr.lazily import dataclass
from modelmgr.migration import hashes
from modelmgr.migration.beside import base_name, is_model_name, models_beside, stem_of
from modelmgr.migration.sources.nested import claims_of_nested
from modelmgr.payload import (
    EMPTY,
    Parsed,
    clean_name,
    clean_text,
    has_other_members,
    list_of_text,
    number_of,
    page_url,
    parse,
    seconds_of,
)
from modelmgr.values import MIB, Claims
from modelmgr.vocabulary import UNKNOWN, canonical_base, canonical_type

ALIASES: Mapping[str, tuple[str, ...]] = {
    "name": ("name", "model_name", "title", "display_name"),
    "type": ("type", "model_type", "category", "kind"),
    "sha256": ("sha256", "hash_sha256", "sha_256", "hash", "checksum"),
    "path": ("path", "file_path", "filepath", "file", "filename", "location"),
    "size": ("size", "size_bytes", "bytes", "size_kb", "size_mb"),
    "base_model": ("base_model", "basemodel", "base", "sd_version"),
    "tags": ("tags", "labels", "keywords"),
    "rating": ("rating", "stars"),
    "favorite": ("favorite", "favourite", "starred", "is_favorite"),
    "nsfw": ("nsfw", "is_nsfw", "adult"),
    "notes": ("notes", "note", "comment", "comments"),
    "trigger_words": ("trigger_words", "triggers", "trained_words", "activation_text"),
    "preview": ("preview", "preview_path", "thumbnail", "image"),
    "source_url": ("source_url", "url", "homepage", "link", "model_page"),
    "license": ("license", "licence"),
}

PAYLOAD_ALIASES = ("meta_json", "metadata_json", "metadata", "meta", "raw", "extra", "json")

KNOWN_NAMES = frozenset(name for names in ALIASES.values() for name in names) | frozenset(PAYLOAD_ALIASES)

SCALE, UNKNOWN_SCALE = "rating_scale", "unknown"
"""Key and value of `Record.extra` where some rating of the container is above 5: a 3 may be three of ten then."""

_TIMES = ("updated_at", "modified_at", "last_modified", "updated", "modified", "created_at", "created")

# What the person typed into a list of their own; the rest may be copied from anywhere.
_PERSONAL = frozenset(["name", "notes", "rating", "favorite", "tags"])
_PERSONAL_WITHOUT_NOTES = frozenset(["rating", "favorite"])

_TRUE = frozenset(["true", "1", "yes", "y", "x"])
_FALSE = frozenset(["false", "0", "no", "n"])
_SPREADSHEET_TRUE = frozenset(
    ["wahr", "vrai", "verdadero", "verdadeiro", "vero", "waar", "ja", "oui", "si", "sí"]
)
_SPREADSHEET_FALSE = frozenset(["falsch", "faux", "falso", "onwaar", "nein", "non", "nee"])

_SCIENTIFIC = re.compile(r"[+-]?\d+(?:[.,]\d+)?e[+-]?\d+", re.IGNORECASE)
_DIGITS = re.compile(r"\d{20,}")
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")
_DATE = re.compile(
    r"\d{4}-\d{2}-\d{2}(?:[ T]\d{2}:\d{2}(?::\d{2})?)?|\d{1,2}[./]\d{1,2}[./]\d{2,4}"
    r"|\d{1,2}[-. ](?:jan|feb|mar|mär|apr|may|mai|jun|jul|aug|sep|oct|okt|nov|dec|dez)[a-z]{0,6}"
    r"|(?:jan|feb|mar|mär|apr|may|mai|jun|jul|aug|sep|oct|okt|nov|dec|dez)[a-z]{0,6}[-. ]\d{2,4}",
    re.IGNORECASE,
)
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{8,}={0,2}")
_UNPACKED_LIMIT_BYTES = 64 * MIB
_UNWRAPS = 3


def transcoded(content: bytes, codec: str) -> bytes:
    """Return a record's bytes in UTF-8, for `parse` to read; what can't be decoded becomes U+FFFD."""
    try:
        return content.decode(codec, "replace").encode("utf-8", "replace")
    except LookupError:  # a name from a stranger's export of ours
        return content


def normal_name(column: str) -> str:
    """Return a column's name as `ALIASES` spell them."""
    return _usual_name(column) if len(column) <= _USUAL_CHARS else _normal(column)


def _normal(column: str) -> str:
    return _SEPARATORS.sub("_", column.strip().lower())


_USUAL_CHARS = 64
_SEPARATORS = re.compile(r"[\s-]")
_usual_name = lru_cache(maxsize=1024)(_normal)  # the rows of a table have the same names, a million times


@dataclass(slots=True)
class Row:
    """One row on its way to claims.

    Attributes:
        values: column -> value, in the order of the file; a JSON value, text, number or bytes.
        key: the record's key where the container is a map of records: a path, a hash or a name.
        siblings: the names beside the container.
        folder: of the container.
        cells: True for text from a spreadsheet, where lists and booleans come as text and guards before it.
        tags: further tags, from a table of their own.
        scale_unknown: some row of the container has a rating above 5, so 3 may be three of ten.
    """

    values: Sequence[tuple[str, Any]]
    key: str | None = None
    siblings: frozenset[str] = frozenset()
    folder: str = ""
    cells: bool = False
    tags: Sequence[str] = ()
    scale_unknown: bool = False
    flags: list[str] = field(default_factory=list)

    def flag(self, doubt: str) -> None:
        """Note a doubt once."""
        if doubt not in self.flags:
            self.flags.append(doubt)


def claims_of(
    row: Row,
    nested: Parsed | None,
    *,
    sha256: str | None = None,
    problem: str | None = None,
    message: str = "",
) -> Claims:
    """Return what a row says: its columns first, then the JSON in it by the rules of the tool that wrote it.

    Args:
        row: its columns.
        nested: the JSON, if it is no column of `row`; else it is looked for there.
        sha256: the computed one of the file, if known.
        problem: what is wrong with the payload, handed on.
        message: likewise.
    """
    columns = _by_normal_name(row)
    fields: dict[str, Any] = {}
    _texts(row, columns, fields)
    _lists(row, columns, fields)
    _marks(row, columns, fields)
    claimed = _sha256(row, columns)
    path = _text_of(row, columns, "path")
    if row.key:
        claimed, path = _from_key(row.key, fields, claimed, path)
    size_bytes, size_hint = _size(row, columns)
    names = _beside(row, path, fields.get("name"))
    own = Claims(
        fields=fields,
        personal=frozenset(fields) & (_PERSONAL if fields.get("notes") else _PERSONAL_WITHOUT_NOTES),
        sha256=claimed,
        size_bytes=size_bytes,
        size_hint_bytes=size_hint,
        path=path,
        stem_names=names,
        time=next((found for name in _TIMES if (found := _time(columns.get(name))) is not None), None),
        problem=problem,
        message=message,
    )
    inner = nested if nested is not None else _nested_column(columns)
    if inner is not None and inner.ok:
        for doubt in inner.flags:
            if doubt != EMPTY:
                row.flag(doubt)
        below = claims_of_nested(
            inner.value,
            stem=stem_of(base_name(path)) if path else "",
            folder=row.folder,
            names=names,
            siblings=row.siblings,
            sha256=sha256 or claimed,
        )
        if below is None and isinstance(inner.value, Mapping):
            items = [(str(key), value) for key, value in inner.value.items()]
            below = claims_of(Row(items, folder=row.folder, scale_unknown=row.scale_unknown), Parsed())
        if below is not None:
            own = _with(own, below)
            for doubt in below.flags:
                row.flag(doubt)
    elif inner is not None and problem is None:
        row.flag("nested-unparsed")
    return replace(own, flags=tuple(row.flags)) if row.flags else own


def _with(own: Claims, below: Claims) -> Claims:
    """Return a row's claims, filled up with what the JSON in it says."""
    same_file = own.sha256 is None or below.sha256 in (None, own.sha256)
    siblings = (*([below.sha256] if below.sha256 and not same_file else []), *below.sibling_sha256)
    sized = own.size_bytes is not None or own.size_hint_bytes is not None or not same_file
    return replace(
        own,
        fields={**below.fields, **own.fields},
        personal=own.personal | (below.personal - own.fields.keys()),
        sha256=own.sha256 or below.sha256,
        partial_hashes=below.partial_hashes if same_file else {},
        sibling_sha256=tuple(digits for digits in siblings if digits != own.sha256),
        size_bytes=own.size_bytes if sized else below.size_bytes,
        size_hint_bytes=own.size_hint_bytes if sized else below.size_hint_bytes,
        path=own.path or below.path,
        time=own.time if own.time is not None else below.time,
    )


def _beside(row: Row, path: str | None, name: str | None) -> tuple[str, ...]:
    """Return the model files beside the list that a row may mean: by the stem of its path, else called as it is."""
    if path is None:
        return tuple(found for found in models_beside(name or "", row.siblings) if stem_of(found) == name)
    # An absolute path of this system says where the file is; one of its stem beside the list is another.
    elsewhere = os.path.isabs(path) and os.path.dirname(path) != row.folder
    return () if elsewhere else models_beside(stem_of(base_name(path)), row.siblings)


# --- columns ----------------------------------------------------------------------------------------------


def _by_normal_name(row: Row) -> dict[str, Any]:
    """Return column -> value; of equal names the first that isn't empty."""
    found: dict[str, Any] = {}
    for column, value in row.values:
        name = normal_name(column)
        if row.cells and isinstance(value, str):
            value = _without_guard(value)
        if name not in found or (_is_empty(found[name]) and not _is_empty(value)):
            found[name] = value
        elif not _is_empty(value) and found[name] != value:
            row.flag("duplicate-keys")
    return found


def _is_empty(value: Any) -> bool:
    if isinstance(value, str):
        return not value.strip()
    return value is None or (isinstance(value, list | dict | bytes | tuple) and not value)


def _first(columns: Mapping[str, Any], meaning: str) -> Any:
    for name in ALIASES[meaning]:
        value = columns.get(name)
        if value is not None and not _is_empty(value):
            return value
    return None


def _without_guard(cell: str) -> str:
    """Take off what spreadsheets need to leave a cell as it is: a leading ``'``, or ``="…"``."""
    stripped = cell.strip()
    if len(stripped) > 3 and stripped.startswith('="') and stripped.endswith('"'):
        return stripped[2:-1]
    if len(stripped) > 1 and stripped[0] == "'" and not stripped.endswith("'"):
        return stripped[1:]
    return cell


def _text_of(row: Row, columns: Mapping[str, Any], meaning: str) -> str | None:
    value = _first(columns, meaning)
    if value is None:
        return None
    if isinstance(value, dict | list | bytes):
        row.flag(f"odd-{meaning}")
        return None
    return clean_text(value) or None


def _texts(row: Row, columns: Mapping[str, Any], fields: dict[str, Any]) -> None:
    if name := clean_name(_text_of(row, columns, "name")):
        fields["name"] = name
        if row.cells and _DATE.fullmatch(name):
            row.flag("name-looks-like-date")
    if word := _text_of(row, columns, "type"):
        kind = canonical_type(word)
        if kind == UNKNOWN:
            row.flag("unknown-type")
        else:
            fields["type"] = kind
    if word := _text_of(row, columns, "base_model"):
        base = canonical_base(word)
        if base is not None:
            fields["base_model"] = base
    if notes := _text_of(row, columns, "notes"):
        fields["notes"] = notes
    if license_ := _text_of(row, columns, "license"):
        fields["license"] = license_
    if url := page_url(_text_of(row, columns, "source_url")):
        fields["source_url"] = url
    if picture := _picture(row, _text_of(row, columns, "preview") or ""):
        fields["preview"] = picture


def _picture(row: Row, path: str) -> str | None:
    """Return the preview's path; None for a remote one, or one of another system that isn't here."""
    if not path or "://" in path or path.lower().startswith("data:"):
        return None
    name = base_name(path)
    if name in row.siblings:
        return os.path.join(row.folder, name)
    if os.path.isabs(path):
        return path
    return None if "\\" in path or ":" in path or path.startswith("~") else os.path.join(row.folder, path)


def _lists(row: Row, columns: Mapping[str, Any], fields: dict[str, Any]) -> None:
    for meaning, key in (("tags", "name"), ("trigger_words", "")):
        value = _first(columns, meaning)
        if isinstance(value, bytes):
            row.flag(f"odd-{meaning}")
            continue
        if has_other_members(value, key=key):
            row.flag(f"odd-{meaning}")
        found = _list_of(value, key)
        if meaning == "tags":
            found = tuple(dict.fromkeys((*found, *(tag for tag in map(clean_text, row.tags) if tag))))
        if found:
            fields[meaning] = found


def _list_of(value: Any, key: str) -> tuple[str, ...]:
    """Return the entries of a list or of one cell: a JSON list, else split at ``;``, ``|``, newlines, else commas."""
    if isinstance(value, str) and value.strip()[:1] not in ("[", "{"):
        for pattern in (r"[;|]|\r?\n", r","):
            parts = re.split(pattern, value)
            if len(parts) > 1:
                return list_of_text(parts)
    return list_of_text(value, key=key)


def _marks(row: Row, columns: Mapping[str, Any], fields: dict[str, Any]) -> None:
    rating = _rating(row, columns)
    if rating is not None:
        fields["rating"] = rating
    for meaning in ("favorite", "nsfw"):
        value = _first(columns, meaning)
        if value is None:
            continue
        said = _boolean(row, value)
        if said is None:
            row.flag(f"odd-{meaning}")
        else:
            fields[meaning] = said


def _rating(row: Row, columns: Mapping[str, Any]) -> int | None:
    value = _first(columns, "rating")
    if value is None:
        return None
    number = _number(row, value)
    if number is None or number < 0:
        row.flag("odd-rating")
        return None
    if number > 5 or row.scale_unknown:
        row.flag("rating-scale")
        return None
    return min(5, max(1, math.floor(number + 0.5))) if number else None


def _boolean(row: Row, value: Any) -> bool | None:
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return bool(value) if value in (0, 1) else None
    if not isinstance(value, str):
        return None
    word = value.strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    if word in _SPREADSHEET_TRUE or word in _SPREADSHEET_FALSE:
        row.flag("spreadsheet-boolean")
        return word in _SPREADSHEET_TRUE
    return None


def _number(row: Row, value: Any) -> float | None:
    if isinstance(value, str) and _DECIMAL_COMMA.fullmatch(value.strip()):
        row.flag("decimal-comma")
        value = value.strip().replace(",", ".")
    return number_of(value)


def _sha256(row: Row, columns: Mapping[str, Any]) -> str | None:
    for name in ALIASES["sha256"]:
        value = columns.get(name)
        if _is_empty(value):
            continue
        if isinstance(value, bytes) and len(value) == 32:
            value = value.hex()
        elif isinstance(value, bytes):
            value = value.decode("ascii", "replace")
        if isinstance(value, int | float) and not isinstance(value, bool):
            row.flag("hash-damaged")  # leading zeros, or all but sixteen digits, are gone
            continue
        if not isinstance(value, str):
            row.flag("odd-sha256")
            continue
        written = value.strip()
        bare = re.sub(r"^(?:sha-?256:|0x)", "", written, flags=re.IGNORECASE)
        if found := hashes.full_sha256(bare):
            return found
        if _SCIENTIFIC.fullmatch(written) or (_DIGITS.fullmatch(written) and len(written) < 64):
            row.flag("hash-damaged")
        elif name not in ("hash", "checksum"):  # these two may be of any kind
            row.flag("odd-sha256")
    return None


def _size(row: Row, columns: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """Return exact bytes, and bytes that are good to 1,024 only."""
    for name in ALIASES["size"]:
        value = columns.get(name)
        if _is_empty(value):
            continue
        number = _number(row, value)
        if number is None or number < 0 or number > 2**63:
            row.flag("odd-size")
        elif name == "size_mb":
            return None, None  # too coarse to hold against a file
        elif name == "size_kb":
            return None, round(number * 1024)
        elif number == int(number):
            exact = int(value) if isinstance(value, int) else int(number)
            return exact or None, None
        else:
            return None, round(number)  # a product of kilobytes: rounding noise shows it
    return None, None


def _from_key(
    key: str, fields: dict[str, Any], sha256: str | None, path: str | None
) -> tuple[str | None, str | None]:
    """Let the key of a map of records be the column that is missing."""
    digits = hashes.full_sha256(key)
    if digits:
        return sha256 or digits, path
    if "/" in key or "\\" in key or is_model_name(key):
        return sha256, path or clean_text(key)
    if name := clean_name(key):
        fields.setdefault("name", name)
    return sha256, path


def _time(value: Any) -> float | None:
    return seconds_of(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else None


# --- the JSON within --------------------------------------------------------------------------------------


def _nested_column(columns: Mapping[str, Any]) -> Parsed | None:
    """Return the first of the columns for JSON that holds any, else the first that isn't empty."""
    first: Parsed | None = None
    for name in PAYLOAD_ALIASES:
        value = columns.get(name)
        if not _is_empty(value):
            found = unwrap(value)
            if found.ok and isinstance(found.value, Mapping):
                return found
            first = first or found
    return first


def unwrap(value: Any) -> Parsed:
    """Return the JSON object that a cell holds: as it is, as text, as text in text, or packed and in base64."""
    found = Parsed(value=value)
    for _ in range(_UNWRAPS):
        inner = found.value
        if isinstance(inner, bytes):
            found = parse(inner)
        elif isinstance(inner, str):
            text = inner.strip()
            packed = _unpacked(text)
            found = parse(packed if packed is not None else text.encode("utf-8", "surrogatepass"))
        else:
            break
        if not found.ok:
            break
    return found


def _unpacked(text: str) -> bytes | None:
    """Return what zlib or gzip packed and base64 wrote, None if the text is no such thing."""
    if not _BASE64.fullmatch(text[:64].rstrip("=")) or len(text) > 2 * _UNPACKED_LIMIT_BYTES:
        return None
    try:
        packed = base64.b64decode(text.translate(_URL_SAFE) + "=" * (-len(text) % 4), validate=True)
        unpacker = zlib.decompressobj(wbits=47)  # zlib or gzip, as the first bytes say
        content = unpacker.decompress(packed, _UNPACKED_LIMIT_BYTES)
    except (binascii.Error, zlib.error, ValueError):
        return None
    return content if unpacker.eof and parse(content).ok else None


_URL_SAFE = str.maketrans("-_", "+/")
