"""What a header's own metadata say, worth showing to a person: by groups, with labels, as short plain text.

Which key is shown where, and how its value is read, is data: ``resources/identification/shown.json``. Sources of the
keys: Stability-AI/ModelSpec 1.0.1, kohya-ss/sd-scripts (library/train_util.py), ggml-org/ggml (docs/gguf.md),
AUTOMATIC1111/stable-diffusion-webui (extras.py). All of it is a stranger's text: it is cut, and nothing that steers a
terminal or turns the direction of writing is left in it.
"""

import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple

from modelmgr.resources import resource_path
from modelmgr.told.tags import tag_counts
from modelmgr.told.texts import clean

LIMIT_BYTES = 32 * 1024
"""What all facts may take together, as JSON; further ones are left out."""
LINE_LIMIT = 300
TEXT_LIMIT = 2000
LIST_LIMIT = 24
JSON_LIMIT = 512 * 1024
"""Longer JSON in JSON is not parsed."""
NUMBERED_LIMIT = 8

_NOTHING = frozenset(("", "none", "null", "[]", "{}", "n/a", "unknown", "undefined", '""'))
_STEERING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]+"
)
_BLANKS = re.compile(r"\s+")
_SIZE = re.compile(r"\s*[(\[]?\s*(\d{1,6})\s*(?:[x×,]\s*(\d{1,6})\s*)?[)\]]?\s*\Z", re.IGNORECASE)
_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2}))?")
_HYPHENS = str.maketrans("\u2010\u2011\u2012\u2013\u2212", "-----")
_CALL = re.compile(r"([\w.]+)(\(.*\))?\Z", re.DOTALL)


class _Line(NamedTuple):
    group: str
    label: str
    read: "Callable[[Mapping[str, Any], list[str]], str | None]"
    keys: list[str]


def shown(metadata: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the facts in the table's order, each with its ``group``, ``label`` and ``value``."""
    facts: list[dict[str, str]] = []
    if not metadata:
        return facts
    architecture = metadata.get("general.architecture")
    prefix = architecture if isinstance(architecture, str) and len(architecture) < LINE_LIMIT else ""
    room = LIMIT_BYTES
    for line in _lines_for(metadata):
        keys = line.keys
        if "{arch}" in keys[0]:
            if not prefix:
                continue
            keys = [key.replace("{arch}", prefix) for key in keys]
        value = line.read(metadata, keys)
        if value:
            room -= len(value.encode()) + 64
            if room < 0:
                break
            facts.append({"group": line.group, "label": line.label, "value": value})
    return facts


def _lines_for(metadata: Mapping[str, Any]) -> list[_Line]:
    """Return the lines of the table, in its order, of which some key is there, or may be: most files have few."""
    table = _table()
    by_key, open_keys = _places()
    places = open_keys.union(*(by_key[key] for key in metadata if key in by_key))
    return [table[place] for place in sorted(places)]


@lru_cache(maxsize=1)
def _places() -> tuple[dict[str, set[int]], frozenset[int]]:
    """Return the places of lines in the table by their keys, and those of lines whose keys are patterns."""
    by_key: dict[str, set[int]] = {}
    patterns: set[int] = set()
    for place, line in enumerate(_table()):
        for key in line.keys:
            if "{" in key:
                patterns.add(place)
            else:
                by_key.setdefault(key, set()).add(place)
    return by_key, frozenset(patterns)


@lru_cache(maxsize=1)
def _table() -> list[_Line]:
    with resource_path("identification", "shown.json").open(encoding="utf-8") as file:
        lines = json.load(file)["lines"]
    return [_Line(line["group"], line["label"], _READERS[line["as"]], line["keys"]) for line in lines]


# --- texts ------------------------------------------------------------------------------------------------


def _text_of(value: Any, limit: int) -> str | None:
    """Return a value as a text that says something, or None."""
    if isinstance(value, float):
        value = f"{value:.6g}"
    elif isinstance(value, int) and not isinstance(value, bool):
        value = str(value) if -(2**63) <= value < 2**64 else None
    if not isinstance(value, str):
        return None
    text = clean(value[: 2 * limit]).strip()
    if not (text.isascii() and text.isprintable()):
        text = _STEERING.sub("", text).strip()
    if text.lower() in _NOTHING:
        return None
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def _line_of(value: Any) -> str | None:
    text = _text_of(value, LINE_LIMIT)
    return text if text is None or text.isprintable() else _BLANKS.sub(" ", text)


def _first(read: Callable[[Any], str | None]) -> Callable[[Mapping[str, Any], list[str]], str | None]:
    """Make a reader of one value a reader of the first key that says something."""

    def answer(metadata: Mapping[str, Any], keys: list[str]) -> str | None:
        for key in keys:
            value = metadata.get(key)
            if value is not None and (text := read(value)) is not None:
                return text
        return None

    return answer


def _text(value: Any) -> str | None:
    return _text_of(value, TEXT_LIMIT)


def _list(value: Any) -> str | None:
    members = _members(value)
    if members is None:
        return _line_of(value)
    entries = [text for member in members[: LIST_LIMIT + 1] if (text := _line_of(member)) is not None]
    if not entries:
        return None
    more = ["…"] if len(members) > LIST_LIMIT else []
    return _text_of(", ".join(entries[:LIST_LIMIT] + more), TEXT_LIMIT)


def _members(value: Any) -> list[Any] | None:
    if isinstance(value, str):
        parsed = _json_of(value) if value.lstrip().startswith("[") else None
        return parsed if isinstance(parsed, list) else value[: 4 * TEXT_LIMIT].split(",")
    if isinstance(value, Mapping):
        value = value.get("first")
    return value if isinstance(value, list) else None


def _name(value: Any) -> str | None:
    """Read ``bitsandbytes.optim.adamw.AdamW8bit(weight_decay=0.1)`` as ``AdamW8bit (weight_decay=0.1)``."""
    text = _line_of(value)
    found = _CALL.match(text) if text is not None else None
    if found is None:
        return text
    arguments = found[2] if found[2] and found[2] != "()" else ""
    return found[1].rpartition(".")[2] + (" " + arguments if arguments else "")


def _flag(value: Any) -> str | None:
    if isinstance(value, str):
        value = {"true": True, "1": True, "false": False, "0": False}.get(value.strip().lower())
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else None


# --- numbers ----------------------------------------------------------------------------------------------


def _number_of(value: Any) -> int | float | None:
    """Return a number, or the number that a text is; None for all else and for what is not finite."""
    if isinstance(value, str):
        text = value.strip()
        if len(text) > 32 or "_" in text:
            return None
        try:
            value = int(text)
        except ValueError:
            try:
                value = float(text)
            except ValueError:
                return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or abs(value) > 2**64:
        return None
    return value if math.isfinite(value) else None


def _number(value: Any) -> str | None:
    number = _number_of(value)
    if number is None:
        # A setting such as "Dynamic" says something too.
        return _line_of(value) if isinstance(value, str) else None
    if isinstance(number, float) and number.is_integer() and abs(number) < 2**53:
        number = int(number)
    return f"{number:,}" if isinstance(number, int) else f"{number:.6g}"


def _positive(value: Any) -> str | None:
    number = _number_of(value)
    return _number(value) if number is not None and number > 0 else None


def _range(value: Any) -> str | None:
    """Read a number, or the least and the greatest of those that are told layer by layer."""
    if isinstance(value, (list, Mapping)):
        numbers = [number for member in _members(value) or () if (number := _number_of(member)) is not None]
        if not numbers:
            return None
        least, greatest = _number(min(numbers)), _number(max(numbers))
        return least if least == greatest else f"{least} to {greatest}"
    return _number(value)


def _count(value: Any) -> str | None:
    if isinstance(value, Mapping):
        return _number(value.get("count"))
    return f"{len(value):,}" if isinstance(value, list) else None


def _size(value: Any) -> str | None:
    """Read ``(512, 768)``, ``512,768``, ``512x768`` or ``512`` as width and height."""
    if isinstance(value, list):
        value = ",".join(str(member)[:8] for member in value[:3])
    text = _line_of(value)
    found = _SIZE.match(text) if text is not None else None
    if found is None:
        return text
    return f"{int(found[1])} × {int(found[2] or found[1])}"


# --- times ------------------------------------------------------------------------------------------------


def _date(value: Any) -> str | None:
    """Read an ISO date, with or without a time; odd hyphens occur."""
    text = _line_of(value)
    found = _DATE.match(text.translate(_HYPHENS)) if text is not None else None
    if found is None:
        return text
    time = f" {found[4]}:{found[5]}" if found[4] and found[4] + found[5] != "0000" else ""
    return f"{found[1]}-{found[2]}-{found[3]}{time}"


def _moment(value: Any) -> datetime | None:
    seconds = _number_of(value)
    # Before 2000 no such file was written, after 9999 none can be told.
    if seconds is None or not 946_684_800 <= seconds < 253_402_300_800:
        return None
    return datetime.fromtimestamp(seconds, UTC)


def _time(value: Any) -> str | None:
    moment = _moment(value)
    return moment.strftime("%Y-%m-%d %H:%M UTC") if moment is not None else None


def _duration(metadata: Mapping[str, Any], keys: list[str]) -> str | None:
    began, ended = (_moment(metadata.get(key)) for key in keys)
    if began is None or ended is None or ended < began:
        return None
    minutes = int((ended - began).total_seconds()) // 60
    hours = minutes // 60
    if hours >= 48:
        return f"{hours // 24} d {hours % 24} h"
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min"


# --- JSON in texts ----------------------------------------------------------------------------------------


def _json_of(value: Any) -> Any:
    """Return what a JSON text holds, also where it was encoded twice; what can't be read says nothing."""
    for _ in range(2):
        if not isinstance(value, str):
            break
        if len(value) > JSON_LIMIT:
            return None
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return None
    return value


def _pairs(value: Any) -> str | None:
    """Read an object as ``name: value``, one after another; a text that is none stands as it is."""
    told = value if isinstance(value, Mapping) else _json_of(value)
    if not isinstance(told, Mapping):
        return _text(value)
    entries = []
    for key, member in list(told.items())[: 4 * LIST_LIMIT]:
        if isinstance(member, bool):
            text: str | None = _flag(member)
        elif isinstance(member, (Mapping, list)):
            text = _line_of(json.dumps(member, ensure_ascii=False)[: 2 * LINE_LIMIT])
        else:
            text = _line_of(member)
        if text is not None:
            entries.append(f"{_line_of(str(key)) or '?'}: {text}")
    return _text_of(", ".join(entries[:LIST_LIMIT]), TEXT_LIMIT)


def _folders(value: Any) -> str | None:
    """Read the folders of a training with their images and repeats."""
    told = _json_of(value)
    if not isinstance(told, Mapping):
        return None
    entries = []
    for name, folder in list(told.items())[:LIST_LIMIT]:
        if isinstance(folder, Mapping):
            images, repeats = _number(folder.get("img_count")), _number(folder.get("n_repeats"))
            if images is not None:
                entries.append(
                    f"{_line_of(str(name)) or '?'}: {images}" + (f" × {repeats}" if repeats else "")
                )
    return _text_of(", ".join(entries), TEXT_LIMIT)


def _buckets(value: Any) -> str | None:
    """Read the sizes that images were cut to, the commonest first."""
    told = _json_of(value)
    buckets = told.get("buckets") if isinstance(told, Mapping) else None
    if not isinstance(buckets, Mapping):
        return None
    sizes: list[tuple[int | float, str]] = []
    for bucket in list(buckets.values())[:1000]:
        if isinstance(bucket, Mapping):
            size, count = bucket.get("resolution"), _number_of(bucket.get("count"))
            if isinstance(size, list) and len(size) == 2 and count is not None:
                sizes.append((count, f"{_size(size)} ({_number(count)})"))
    sizes.sort(key=lambda pair: pair[0], reverse=True)
    return ", ".join(text for _, text in sizes[:6]) + (", …" if len(sizes) > 6 else "") or None


def _tags(value: Any) -> str | None:
    """Count the different tags of a training."""
    counts = tag_counts(value) if isinstance(value, str) else {}
    return f"{len(counts):,}" if counts else None


def _models(value: Any) -> str | None:
    """Read the models of a merge (AUTOMATIC1111, supermerger): hash -> name and more."""
    told = _json_of(value)
    if not isinstance(told, Mapping):
        return _text(value)
    entries = []
    for digits, model in list(told.items())[:LIST_LIMIT]:
        name = _line_of(model.get("name")) if isinstance(model, Mapping) else _line_of(model)
        short = (_line_of(str(digits)) or "")[:10]
        entries.append(f"{name} ({short})" if name else short)
    return _text_of(", ".join(filter(None, entries)), TEXT_LIMIT)


def _numbered(metadata: Mapping[str, Any], keys: list[str]) -> str | None:
    """Read a list that is written as numbered keys; of each member the first key that says something."""
    entries = []
    for number in range(NUMBERED_LIMIT):
        texts = (
            _line_of(metadata.get(key.replace("{}", str(number))))
            for key in keys
            if number == 0 or "{}" in key
        )
        text = next((text for text in texts if text is not None), None)
        if text is None:
            break
        entries.append(text)
    return ", ".join(entries) or None


_READERS: dict[str, Callable[[Mapping[str, Any], list[str]], str | None]] = {
    "line": _first(_line_of),
    "text": _first(_text),
    "list": _first(_list),
    "name": _first(_name),
    "flag": _first(_flag),
    "number": _first(_number),
    "positive": _first(_positive),
    "range": _first(_range),
    "count": _first(_count),
    "size": _first(_size),
    "date": _first(_date),
    "time": _first(_time),
    "duration": _duration,
    "pairs": _first(_pairs),
    "folders": _first(_folders),
    "buckets": _first(_buckets),
    "tags": _first(_tags),
    "models": _first(_models),
    "numbered": _numbered,
}
