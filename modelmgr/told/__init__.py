"""What a model file says of itself, for a person to read: some facts, the captions, the metadata as they stand.

It is made of the metadata alone, when somebody looks at a model: the catalog keeps the bytes, and a scan has no time
for it.
"""

import json
import math
from collections.abc import Mapping
from typing import Any

from modelmgr.told.shown import shown
from modelmgr.told.tags import training_tags
from modelmgr.told.texts import clean, texts_of

TEXT_LIMIT = 2000
"""Characters of one text that `told` gives out."""
METADATA_LIMIT_BYTES = 200 * 1024
"""What all metadata may take in `told`, as JSON."""
CUT_MARK = " […]"
_KEY_LIMIT = 200
_LIST_LIMIT = 64
_DEPTH_LIMIT = 6
_NUMBER_LIMIT = 2**63
_MARGIN = 2 * len(CUT_MARK) + 8


def told(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return what metadata say, as JSON-safe values.

    Returns:
        ``shown``, what they say for a person to read, if there are any; ``training_tags``, the commonest caption tags
        with their counts, where there are any; ``metadata``, cut, and ``metadata_omitted``, how many were too much.
    """
    answer: dict[str, Any] = {}
    if metadata:
        answer["shown"] = shown(metadata)
        tags = training_tags(metadata)
        if tags:
            answer["training_tags"] = tags
    kept: dict[str, Any] = {}
    room = METADATA_LIMIT_BYTES
    omitted = 0
    is_little = _is_little(metadata)
    for key, value in metadata.items():
        safe_key, safe_value = _cut(clean(str(key)), _KEY_LIMIT), safe(value)
        size = 0 if is_little else len(json.dumps(safe_key)) + len(json.dumps(safe_value)) + 4
        if size > room or safe_key in kept:
            omitted += 1
            continue
        room -= size
        kept[safe_key] = safe_value
    answer["metadata"] = kept
    if omitted:
        answer["metadata_omitted"] = omitted
    return answer


def told_by(payload: bytes) -> dict[str, Any]:
    """Return what `told` says of metadata that were kept as the bytes of a JSON object."""
    try:
        found = json.loads(payload.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return told({})
    return told(texts_of(found)[0] if isinstance(found, dict) else {})


def _is_little(metadata: Mapping[str, Any]) -> bool:
    """Tell whether texts are so short that they need not be measured: a character takes at most twelve in JSON."""
    characters = 0
    for key, value in metadata.items():
        if not isinstance(value, str):
            return False
        characters += min(len(key), _KEY_LIMIT) + min(len(value), TEXT_LIMIT) + _MARGIN
    return 12 * characters < METADATA_LIMIT_BYTES


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[:limit] + CUT_MARK


def safe(value: Any, depth: int = 0) -> Any:
    """Return a foreign value as JSON that every reader takes: no NaN, no lone surrogate, bounded."""
    if isinstance(value, str):
        return _cut(clean(value[: TEXT_LIMIT + 1]), TEXT_LIMIT)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        if -_NUMBER_LIMIT <= value < _NUMBER_LIMIT:
            return value
        # Python writes no decimal number of more than some thousand digits.
        return str(value) if value.bit_length() <= 256 else hex(value)[:TEXT_LIMIT]
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if depth >= _DEPTH_LIMIT:
        return CUT_MARK.strip()
    if isinstance(value, Mapping):
        items = list(value.items())[:_LIST_LIMIT]
        return {_cut(clean(str(key)), _KEY_LIMIT): safe(member, depth + 1) for key, member in items}
    if isinstance(value, (list, tuple)):
        return [safe(member, depth + 1) for member in value[:_LIST_LIMIT]]
    return safe(str(value), depth)
