"""The captions of a training, as trainers count them in a header."""

import json
from collections.abc import Mapping
from functools import lru_cache
from operator import itemgetter
from typing import Any

from modelmgr.told.texts import LINE_LIMIT, NOTHING, line_of

_FREQUENCY_LIMIT = 512 * 1024
_TAG_LIMIT = 40
_COUNT_LIMIT = 2**53


def training_tags(metadata: Mapping[str, Any]) -> list[list[str | int]]:
    """Return the most frequent caption tags of a training, each with its count."""
    text = metadata.get("ss_tag_frequency")
    counts = tag_counts(text) if isinstance(text, str) else {}
    most = sorted(counts.items(), key=itemgetter(1), reverse=True)[:_TAG_LIMIT]
    found: list[list[str | int]] = []
    for tag, count in most:
        if len(tag) <= LINE_LIMIT:
            is_plain = tag.isascii() and tag.isprintable() and tag.strip() == tag
            shown = tag if is_plain and tag.lower() not in NOTHING else line_of(tag)
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
