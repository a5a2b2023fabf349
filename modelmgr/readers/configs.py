"""The small files of a stranger that say what a folder is: read with bounds, compared, never imported."""

import os
import stat
from collections.abc import Mapping
from typing import Any

from modelmgr import payload
from modelmgr.told.texts import clean

LIMIT_BYTES = 4 * 1024 * 1024
NESTING_LIMIT = 64
VALUE_LIMIT = 1000

_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
# config.json of transformers -> the names that GGUF's facts have
_FACTS = {
    "context_length": ("max_position_embeddings", "n_positions"),
    "embedding_length": ("hidden_size", "d_model", "n_embd"),
    "block_count": ("num_hidden_layers", "num_layers", "n_layer"),
    "feed_forward_length": ("intermediate_size", "d_ff"),
    "head_count": ("num_attention_heads", "num_heads", "n_head"),
    "head_count_kv": ("num_key_value_heads",),
    "expert_count": ("num_experts", "num_local_experts", "n_routed_experts"),
    "expert_used_count": ("num_experts_per_tok",),
    "vocab_size": ("vocab_size",),
}


def plain_values(config: Mapping[str, Any], beginning: str = "") -> dict[str, Any]:
    """Return what a rule can ask for: texts, numbers and booleans of the first level."""
    return {
        beginning + key: value[:200] if isinstance(value, str) else value
        for key, value in list(config.items())[:VALUE_LIMIT]
        if isinstance(value, (str, int, float)) and len(key) <= 200
    }


def transformers_facts(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a ``config.json`` of transformers states of the model's size, as a GGUF header would."""
    inner = config.get("text_config")
    places = [config, inner] if isinstance(inner, dict) else [config]
    facts: dict[str, Any] = {}
    for fact, keys in _FACTS.items():
        found = [place[key] for place in places for key in keys if type(place.get(key)) is int]
        if found:
            facts[fact] = found[0]
    quantization = config.get("quantization_config")
    if isinstance(quantization, dict) and isinstance(quantization.get("quant_method"), str):
        facts["quantization_method"] = clean(quantization["quant_method"][:100])
    return facts


def small_file(path: str, limit: int = LIMIT_BYTES) -> bytes | None:
    """Return the bytes of a regular file of at most `limit` bytes; None for any other, or if it can't be read."""
    try:
        descriptor = os.open(path, _FLAGS)
    except (OSError, ValueError):
        return None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size > limit:
            return None
        with os.fdopen(os.dup(descriptor), "rb") as file:
            return file.read(limit)
    except OSError:
        return None
    finally:
        os.close(descriptor)


def parsed(content: bytes | None) -> dict[str, Any] | None:
    """Return the JSON object of a config, or None if it is none or nested beyond reason."""
    if not content:
        return None
    value = payload.parse(content).value
    return value if isinstance(value, dict) and not _is_deep(value) else None


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(NESTING_LIMIT):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, (dict, list))
        ]
        if not level:
            return False
    return True
