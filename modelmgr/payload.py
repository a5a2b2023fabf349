"""Payload bytes of strangers -> values: tolerant reading, and the small conversions that every source needs.

Parsing serves light columns and display alone; the stored bytes are never touched, nor is a repaired text ever
written back. Nothing here raises for what the bytes hold.
"""

import codecs
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import accumulate
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from modelmgr.lazily import dataclass, pattern
from modelmgr.values import MIB

PARSE_LIMIT_BYTES = 64 * MIB
_SLICE_CHARS = 1 << 18
"""Looked at in one go: a longer one would hold up other threads, above all that of the window."""
_SECRET_PIECE_BYTES = MIB
_SECRET_BYTES = 1024
"""No place that is known by a secret is longer, in whatever encoding."""
NESTING_LIMIT = 200
REPAIR_LIMIT_CHARS = 16 * MIB
SAMPLE_BYTES = 8 * MIB
VALUES_LIMIT_BYTES = 384 * MIB

DUPLICATE_KEYS = "duplicate-keys"
PARSED_TOLERANT = "parsed-tolerant"
HUGE_NUMBER = "huge-number"
EMPTY = "empty"

# What Windows programs of the west, Japan, China, Taiwan, Korea and Russia write by default. The order counts:
# a single-byte code page such as cp1251 decodes nearly anything, so it stands last.
_LOCALE_CODECS = ("cp1252", "cp932", "gbk", "big5", "cp949", "cp1251")
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))

# A string that the end of the text cuts off matches too: otherwise each of its escaped quotes would be tried as
# a beginning, and a hostile text took quadratic time.
_STRING = r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)'
_STRINGS = pattern(_STRING, re.DOTALL)
_COMMENTS = pattern(rf"({_STRING})|//[^\r\n]*|/\*.*?(?:\*/|\Z)", re.DOTALL)
_TRAILING_COMMAS = pattern(rf"({_STRING})|,(?=[ \t\r\n]*+[}}\]])", re.DOTALL)
_EMPTY_VALUES = pattern(rf"{_STRING}|:(?=[ \t\r\n]*+[,}}])", re.DOTALL)
_MAYBE_JSON = pattern(r"[\ufeff\s]*[\[{\"/\-0-9tfnIN]")

# Bytes that CPython takes for an object, a list, and one more member; 64 MiB of "[]," would become 1.5 GB.
_WEIGHTS = (("{", 240), ("[", 90), (",", 60))  # the heaviest first

_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_STEPS = [1 if chr(byte) in "[{" else -1 for byte in range(256)]


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a payload holds, as far as it could be read.

    Attributes:
        value: the JSON value; None if `ok` is false, or if the payload is empty or says ``null``.
        ok: whether it was read. An empty payload is (`flags` says ``empty``): many tools mark so "nothing known".
        codec: the encoding that fitted, "" if none did.
        tolerant: True if it is JSON only with one eye closed.
        flags: ``duplicate-keys``, ``parsed-tolerant``, ``huge-number``, ``empty``.
        message: why it could not be read, one sentence for the user.
        offset: the byte at which a strict reader stops, where that is known.
        code: ``unparsed_payload`` or ``too_deep`` if it could not be read, else None.
    """

    value: Any = None
    ok: bool = True
    codec: str = ""
    tolerant: bool = False
    flags: tuple[str, ...] = ()
    message: str = ""
    offset: int | None = None
    code: str | None = None


# --- bytes to value ---------------------------------------------------------------------------------------


def parse(payload: bytes) -> Parsed:
    """Read JSON as other tools really write it.

    Encodings are tried in order (byte order marks, UTF-8, the code pages of Windows); one counts if it decodes
    all of the payload *and* the text parses. For each the strict reader comes first, then one tolerant pass:
    ``NaN`` and ``Infinity``, comments, trailing commas, trailing zero bytes, a missing value after a colon, bare
    control characters in strings.
    """
    if len(payload) > PARSE_LIMIT_BYTES:
        return _failed("It is larger than 64 MiB; the bytes are kept unread.")
    if not payload.strip(b" \t\r\n"):
        return Parsed(flags=(EMPTY,))
    if not payload.strip(b"\0"):
        return _failed("It holds nothing but zero bytes.", offset=0)
    first_failure: Parsed | None = None
    for codec, text, mark_bytes in decodings(payload):
        found = _parse_text(text, codec, mark_bytes)
        if found.ok:
            return found
        first_failure = first_failure or found
        if found.code == "too_deep":
            return found
    return first_failure or _failed("Its bytes are no text in any encoding that tools write.")


def text(payload: bytes, limit: int | None = None) -> str:
    """Return the payload as text for display; what can't be decoded shows as U+FFFD.

    Args:
        payload: any bytes.
        limit: characters to return at most, from the beginning; None for all.
    """
    codec, mark_bytes = _display_codec(payload)
    if limit is None:
        return payload[mark_bytes:].decode(codec, "replace")
    # No codec here needs more than four bytes a character; an incremental decoder leaves a cut one out.
    part = payload[mark_bytes : mark_bytes + 4 * limit]
    decoder = codecs.getincrementaldecoder(codec)("replace")
    return decoder.decode(part, final=mark_bytes + len(part) >= len(payload))[:limit]


def contains_secret(payload: bytes) -> bool:
    """Tell whether something like an API key or a download token stands in the payload."""
    is_wide = _marked_codec(payload)[0].startswith("utf-16")
    if len(payload) <= _SECRET_PIECE_BYTES:
        return _holds_secret(payload, is_wide)
    view = memoryview(payload)  # in pieces that overlap, so that a large payload isn't in memory twice
    return any(
        _holds_secret(bytes(view[start : start + _SECRET_PIECE_BYTES + _SECRET_BYTES]), is_wide)
        for start in range(0, len(view), _SECRET_PIECE_BYTES)
    )


def _holds_secret(part: bytes, is_wide: bool) -> bool:
    if is_wide:
        part = part.replace(b"\0", b"")
    lower = part.lower()
    # Finding a word is 20 times faster than the pattern, and a sign 20 times faster than a word. All that the pattern
    # finds but "apikey" has one of these two signs.
    if b"=" in lower or b"_" in lower:
        named = (
            b"token" in lower
            or (b"key" in lower and (b"key=" in lower or b"api_key" in lower or b"apikey" in lower))
            or b"proxy_password" in lower
        )
    else:
        named = b"apikey" in lower
    return named and _SECRET.search(part) is not None


def masked(written: str) -> str:
    """Return text for display in which every character of a secret is a dot, so that no place moves.

    What it masks is what `contains_secret` finds, up to the end of each value.
    """
    lower = written.lower()
    if not any(word in lower for word in ("token", "key", "proxy_password")):
        return written
    return _SECRET_VALUE.sub(lambda found: (found[1] or found[3]) + MASK * len(found[2] or found[4]), written)


def masked_value(key: str, value: str) -> str:
    """Return the text of one member of an object for display, its secrets masked as by `masked`."""
    return MASK * len(value) if _SECRET_KEY.fullmatch(key) else masked(value)


MASK = "•"
_QUERY_NAMES = r"[?&](?:token|api_key|apikey|key|access_token)="
_KEY_NAMES = r"(?:(?:[a-z]{1,20}_)?(?:api_key|apikey|api_token|access_token)|proxy_password)"
_KEY_BEFORE = rf'"{_KEY_NAMES}"\s{{0,20}}:\s{{0,20}}"'
_SECRET = pattern(rf'{_QUERY_NAMES}[^&"\'\s\\<]|{_KEY_BEFORE}[^"]'.encode(), re.IGNORECASE)
_SECRET_VALUE = pattern(
    rf'({_QUERY_NAMES})([^&"\'\s\\<]++)|({_KEY_BEFORE})((?:[^"\\]++|\\.?+)++)',
    re.IGNORECASE | re.DOTALL | re.ASCII,
)
_SECRET_KEY = pattern(_KEY_NAMES, re.IGNORECASE | re.ASCII)


def decodings(payload: bytes) -> Iterator[tuple[str, str, int]]:
    """Yield codec, text and length of the byte order mark for each encoding that decodes all of the payload."""
    candidates: tuple[str, ...] = ("utf-8", *_LOCALE_CODECS)
    marked, mark_bytes = _marked_codec(payload)
    if marked.startswith("utf-16"):
        candidates = (marked,)  # nothing else looks like UTF-16
    for codec in candidates:
        try:
            # Windows and JavaScript write lone surrogates in UTF-16 without a thought.
            errors = "surrogatepass" if codec.startswith("utf-16") else "strict"
            yield codec, payload[mark_bytes:].decode(codec, errors), mark_bytes
        except UnicodeDecodeError:
            continue
        if codec == "utf-8":
            return  # text with non-ASCII characters that is valid UTF-8 is nothing else


def _marked_codec(payload: bytes) -> tuple[str, int]:
    """Return the codec that the first bytes give away, and the length of the byte order mark; "" if they don't.

    An element of a list in UTF-16 has no mark of its own, but a zero beside each ASCII letter.
    """
    if payload[:1] in (b"{", b"[") and payload[1:2] != b"\0":
        return "", 0  # as nearly all that is read begins
    for mark, codec in _BOMS:
        if payload.startswith(mark):
            return codec, len(mark)
    if len(payload) % 2 == 0:
        for codec, first, second in (
            ("utf-16-le", payload[0:64:2], payload[1:2]),
            ("utf-16-be", payload[1:64:2], payload[:1]),
        ):
            if second == b"\0" and 0 not in first and first[:1].isascii():
                return codec, 0
    return "", 0


def _display_codec(payload: bytes) -> tuple[str, int]:
    """Return the codec that fits best, judged by the beginning of a large payload, and the mark's length."""
    marked, mark_bytes = _marked_codec(payload)
    if marked:
        return marked, mark_bytes
    sample = payload[:SAMPLE_BYTES]
    is_whole = len(sample) == len(payload)
    decoded = codecs.getincrementaldecoder("utf-8")("replace").decode(sample, final=is_whole)
    bad = decoded.count("\ufffd")
    if not bad:
        return "utf-8", 0
    # A damaged spot in a text that is full of well-formed UTF-8 makes it no other encoding.
    good = len(decoded) - len(sample.decode("ascii", "ignore")) - bad
    if good > 4 * bad:
        return "utf-8", 0
    if is_whole and sample.lstrip()[:1] in (b"{", b"["):
        found = parse(sample)
        if found.ok and found.codec in _LOCALE_CODECS:
            return found.codec, 0
    return next((codec for codec, _, _ in decodings(sample)), "utf-8"), 0


def _parse_text(decoded: str, codec: str, mark_bytes: int) -> Parsed:
    if not decoded.strip(" \t\r\n\ufeff"):
        return Parsed(flags=(EMPTY,))
    if len(decoded) * _WEIGHTS[0][1] > VALUES_LIMIT_BYTES and (
        sum(weight * decoded.count(mark) for mark, weight in _WEIGHTS) > VALUES_LIMIT_BYTES
    ):
        return _failed("It holds more values than a sidecar can; the bytes are kept unread.", codec=codec)
    trouble: ValueError | None = None
    for attempt in (_strictly, _leniently, _with_repairs):
        pairs = _Pairs()
        try:
            value = attempt(decoded, pairs)
        except ValueError as error:
            trouble = trouble or error
            if not _MAYBE_JSON.match(decoded):
                break
            continue
        except RecursionError:
            return _failed(_TOO_DEEP, code="too_deep", codec=codec)
        return _parsed(value, codec, pairs, tolerant=attempt is not _strictly)
    return _not_json(trouble, decoded, codec, mark_bytes)


def _strictly(decoded: str, pairs: "_Pairs") -> Any:
    if _too_deep(decoded):
        raise _Doubtful("too deep, unless a comment holds a quote that hid where strings begin")
    return _decode(decoded, pairs, strict=True)


def _leniently(decoded: str, pairs: "_Pairs") -> Any:
    """Read what needs no change inside: caches of a hundred megabytes have NaN in them."""
    shorter = decoded.lstrip("\ufeff").rstrip("\0\x1a \t\r\n")
    if _too_deep(shorter):
        raise _Doubtful("as before")
    return _decode(shorter, pairs, strict=False)


def _with_repairs(decoded: str, pairs: "_Pairs") -> Any:
    if len(decoded) > REPAIR_LIMIT_CHARS:
        raise _Doubtful("repairing takes longer than anybody waits for a sidecar")
    repaired = _repaired(decoded)
    if _too_deep(repaired):
        raise RecursionError
    return _decode(repaired, pairs, strict=False)


_TOO_DEEP = f"It is nested more than {NESTING_LIMIT} levels deep; the bytes are kept unread."


def _parsed(value: Any, codec: str, pairs: "_Pairs", *, tolerant: bool) -> Parsed:
    flags = (
        *((DUPLICATE_KEYS,) if pairs.duplicates else ()),
        *((PARSED_TOLERANT,) if tolerant else ()),
        *((HUGE_NUMBER,) if pairs.huge else ()),
    )
    return Parsed(value, True, codec, tolerant, flags)


def _failed(
    message: str, *, code: str = "unparsed_payload", codec: str = "", offset: int | None = None
) -> Parsed:
    return Parsed(None, False, codec, False, (), message, offset, code)


def _not_json(trouble: ValueError | None, decoded: str, codec: str, mark_bytes: int) -> Parsed:
    if not isinstance(trouble, json.JSONDecodeError):
        return _failed("It is no JSON that can be read.", codec=codec)
    offset = mark_bytes + len(decoded[: trouble.pos].encode(codec, "replace"))
    message = f"It is not valid JSON: {trouble.msg} in line {trouble.lineno}, at byte {offset}."
    return _failed(message, codec=codec, offset=offset)


class _Doubtful(ValueError):
    """The text is not for this attempt; the next may read it."""


class _Pairs:
    """Builds objects from their pairs; the last of equal keys wins, as everywhere in Python, and is noted."""

    def __init__(self) -> None:
        self.duplicates = False
        self.huge = False

    def __call__(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        built = dict(pairs)
        if len(built) != len(pairs) and not self.duplicates:
            self.duplicates = any(built[key] != value for key, value in pairs)
        return built

    def integer(self, digits: str) -> int | str:
        """Return the number; one of more digits than Python converts stays text."""
        try:
            return int(digits)
        except ValueError:
            self.huge = True
            return digits


def _refuse(word: str) -> float:
    raise _Doubtful(f"{word} is no JSON")


def _decode(decoded: str, pairs: _Pairs, *, strict: bool) -> Any:
    constant: Callable[[str], float] = _refuse if strict else float
    try:
        return json.JSONDecoder(object_pairs_hook=pairs, parse_constant=constant, strict=strict).decode(
            decoded
        )
    except (json.JSONDecodeError, _Doubtful):
        raise
    except ValueError:  # an integer of more than 4,300 digits; a hook for every integer would cost all others
        return json.JSONDecoder(
            object_pairs_hook=pairs, parse_constant=constant, strict=strict, parse_int=pairs.integer
        ).decode(decoded)


def _repaired(decoded: str) -> str:
    repaired = decoded.lstrip("\ufeff").rstrip("\0\x1a \t\r\n")
    if "/" in repaired:
        repaired = _COMMENTS.sub(lambda found: found[1] or " ", repaired)
    repaired = _TRAILING_COMMAS.sub(r"\1", repaired)
    repaired = _EMPTY_VALUES.sub(lambda found: found[0] if found[0] != ":" else ":null", repaired)
    return repaired.strip(" \t\r\n")


def _too_deep(decoded: str) -> bool:
    """Tell whether brackets outside strings are nested deeper than the limit, without recursion."""
    if decoded.count("[") + decoded.count("{") <= NESTING_LIMIT:
        return False
    depth = start = 0
    opening = ""
    while start < len(decoded):
        part = decoded[start : start + _SLICE_CHARS]
        if (len(part) - len(part.rstrip("\\"))) % 2:  # what is escaped belongs to it
            part = decoded[start : start + _SLICE_CHARS + 1]
        start += len(part)
        # The mark at the end stays, unless the part ends inside of a string; then the next begins with its quote.
        outside = _STRINGS.sub("", f"{opening}{part}\0")
        opening = "" if outside.endswith("\0") else '"'
        brackets = outside.encode("ascii", "ignore").translate(None, _NOT_BRACKETS)
        steps = map(_STEPS.__getitem__, brackets)
        if max(accumulate(steps, initial=depth)) > NESTING_LIMIT:
            return True
        opened = brackets.count(b"[") + brackets.count(b"{")
        depth += 2 * opened - len(brackets)
    return False


# --- value to text, number, time --------------------------------------------------------------------------


def clean_text(value: object) -> str:
    """Return text that every column can hold: trimmed, no NUL, lone surrogates as U+FFFD; "" for no text."""
    if type(value) is str and value.isascii() and "\0" not in value:
        return value.strip()
    if value is None or isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    try:
        return _SURROGATES.sub("\ufffd", str(value)).replace("\0", "").strip()
    except ValueError:  # an integer of more digits than Python writes
        return ""


def clean_name(value: object) -> str:
    """Return text for one line: as `clean_text`, and without control characters (a line break is a blank)."""
    cleaned = clean_text(value)
    return cleaned if cleaned.isprintable() else cleaned.translate(_CONTROLS).strip()


_CONTROLS: Mapping[int, str | None] = {
    **dict.fromkeys((*range(0x20), *range(0x7F, 0xA0))),
    **dict.fromkeys(range(0x09, 0x0E), " "),
}
_SURROGATES = pattern("[\ud800-\udfff]")


def list_of_text(value: object, *, commas: bool = True, key: str = "") -> tuple[str, ...]:
    """Return the entries of anything that tools write for a list of text; trimmed, none empty, none twice.

    Takes a list, one string, a string with commas, a string that holds a JSON list, PostgreSQL's ``{a,b}``, and
    null. Numbers become text; other members are left out (`has_other_members` tells).

    Args:
        value: a JSON value.
        commas: whether one plain string is split at commas (tags are, a prompt is not).
        key: the key whose text stands for an object (old dumps write tags as ``{"name": ...}``).
    """
    found = dict.fromkeys([clean_text(_member(entry, key)) for entry in _entries(value, commas)])
    found.pop("", None)
    return tuple(found)


def has_other_members(value: object, *, key: str = "") -> bool:
    """Tell whether `list_of_text` leaves out members because they are neither text nor number."""
    return any(
        not isinstance(_member(entry, key), str | int | float)
        for entry in _entries(value, commas=False)
        if type(entry) is not str and entry is not None
    )


def _member(entry: object, key: str) -> object:
    return entry.get(key) if key and isinstance(entry, Mapping) else entry


def _entries(value: object, commas: bool) -> Iterable[object]:
    if isinstance(value, list | tuple):
        return value
    if isinstance(value, Mapping):
        return (value,) if value else ()
    if not isinstance(value, str):
        return () if value is None else (value,)
    inner = value.strip()
    if inner.startswith("[") and inner.endswith("]"):
        found = _parse_text(inner, "utf-8", 0)
        if found.ok and not found.tolerant and isinstance(found.value, list):
            return found.value
    if inner.startswith("{") and inner.endswith("}"):
        return [quoted.replace("\\", "") or plain for quoted, plain in _ARRAY.findall(inner[1:-1])]
    return inner.split(",") if commas else (inner,)


_ARRAY = pattern(r'"((?:[^"\\]++|\\.)*+)"|([^,"]++)', re.DOTALL)


def integer_of(value: object) -> int | None:
    """Return a whole number that fits a 64-bit column, also from text or a float without fraction."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and len(value) <= 24:
        digits = value.strip()
        value = int(digits) if re.fullmatch(r"[+-]?[0-9]{1,19}", digits) else None
    if isinstance(value, float):
        value = int(value) if math.isfinite(value) and value == int(value) else None
    return value if isinstance(value, int) and -(1 << 63) <= value < 1 << 63 else None


def number_of(value: object) -> float | None:
    """Return a finite number, also from text."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = float(value if not isinstance(value, str) else value[:64])
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def boolean_of(value: object) -> bool | None:
    """Return true or false for what tools write for it (also ``"true"``, 0 and 1), None for anything else."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return {"true": True, "false": False, "1": True, "0": False}.get(value.strip().lower())
    return bool(value) if isinstance(value, int | float) and value in (0, 1) else None


def seconds_of(value: object) -> float | None:
    """Return Unix seconds for a time as tools write it, None for none or a senseless one.

    Numbers are taken for seconds, milli-, micro- or nanoseconds by their size; text may be such a number or
    ISO 8601 (with .NET's seven digits too); without an offset it is UTC.
    """
    seconds = number_of(value)
    if seconds is not None:
        for bound, unit in ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3)):
            if seconds >= bound:
                seconds /= unit
                break
    elif isinstance(value, str):
        seconds = _iso_seconds(value.strip()[:64])
    return seconds if seconds is not None and seconds > 0 else None


def _iso_seconds(written: str) -> float | None:
    try:
        moment = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", written))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def page_url(value: object) -> str | None:
    """Return a web page's address that is fit for a column, None if it is none.

    Log-ins and the query parameters ``token``, ``api_key`` and ``key`` are dropped, and Civitai's several hosts
    become one. A download address is no page.
    """
    address = clean_name(value)
    if not address:
        return None
    try:
        parts = urlsplit(address)
        host = (parts.hostname or "").removeprefix("www.")
    except ValueError:
        return None
    if parts.scheme.lower() not in ("http", "https") or not host or "/api/download/" in parts.path:
        return None
    place = "civitai.com" if host in _CIVITAI_HOSTS else parts.netloc.rpartition("@")[2]
    kept = (
        part for part in parts.query.split("&") if part.partition("=")[0].lower() not in _SECRET_PARAMETERS
    )
    return urlunsplit((parts.scheme.lower(), place, parts.path, "&".join(kept), parts.fragment))


_CIVITAI_HOSTS = frozenset(("civitai.com", "civitai.red", "civitai.green"))
_SECRET_PARAMETERS = frozenset(("token", "api_key", "apikey", "key", "access_token"))
