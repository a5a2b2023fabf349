"""What a model file's header says about it, as one plain value."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from modelmgr.readers.contents import clean
from modelmgr.readers.shown import shown
from modelmgr.readers.suggest import training_tags
from modelmgr.values import Problem

TEXT_LIMIT = 2000
"""Characters of one text that `Header.as_json` gives out."""
METADATA_LIMIT_BYTES = 200 * 1024
"""What all metadata may take in `Header.as_json`, as JSON."""
CUT_MARK = " […]"
_KEY_LIMIT = 200
_EVIDENCE_LIMIT = 24
_LIST_LIMIT = 64
_DEPTH_LIMIT = 6
_NUMBER_LIMIT = 2**63
_MARGIN = 2 * len(CUT_MARK) + 8


@dataclass(frozen=True, slots=True)
class Header:
    """The answer of a reader: what the file is, how sure that is, and why.

    Attributes:
        format: by content: ``safetensors``, ``gguf``, ``torch-zip`` ... ``unknown``.
        type: the library's word (``checkpoint``, ``lora`` ...), ``unknown`` where the header doesn't tell.
        base_model: the library's word, or None: not told, none (a text encoder), or several possible.
        candidates: the words of all base models that the header leaves open.
        variant: what it is within its family (``inpaint``, ``I2V 14B``, ``T5-XXL`` ...).
        architecture: what the tensors prove where `base_model` is another word for it or finer; the GGUF word.
        algorithm: of an adapter: ``lora``, ``locon``, ``dora``, ``loha``, ``lokr`` ...
        rank: of an adapter: one number, or ``4-32`` where modules differ.
        precision: the type of most of the stored bytes, with the quantisation scheme; GGUF: quantisation.
        layout: whose names the tensors have: ``ldm``, ``diffusers``, ``bfl``, ``kohya``, ``peft`` ...
        components: the parts of a bundle.
        metadata: the header's own, foreign text as found, long values cut.
        data_offset: where the tensor bytes begin (safetensors: 8 + N), or None.
        confidence: ``certain`` (names and shapes), ``metadata``, ``name`` (the file's name decided the base) or
            ``ambiguous``.
        evidence: the names, shapes and statements that decided.
        problems: what is wrong with the file; each is kept, the file is listed nevertheless.
        suggestions: light columns that the metadata offer (`name`, `trigger_words`, `tags` ...).
        personal: those of `suggestions` that a person typed into an editor of headers.
        facts: more that the format states: context length, experts, GGUF version, inputs and outputs ...; also
            ``finer``, the names within the family of `base_model` that share every tensor with it, and
            ``base_by_name``, the one of them that the file's name suggests.
        embedded: all that the file says of itself, as a record's payload (JSON text in UTF-8), or None where nothing
            is worth keeping. safetensors: the exact bytes of ``__metadata__``.
        picture: a small one that the metadata carry, PNG, JPEG or WebP; None if there is none.
        embedded_made: whether `embedded` was written by us from another format's values.
    """

    format: str
    type: str = "unknown"
    base_model: str | None = None
    candidates: tuple[str, ...] = ()
    variant: str | None = None
    architecture: str | None = None
    algorithm: str | None = None
    rank: int | str | None = None
    alpha: float | None = None
    precision: str | None = None
    layout: str | None = None
    components: tuple[str, ...] = ()
    parameter_count: int | None = None
    tensor_count: int = 0
    metadata: Mapping[str, Any] = field(default_factory=dict)
    data_offset: int | None = None
    confidence: str = "certain"
    evidence: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    suggestions: Mapping[str, Any] = field(default_factory=dict)
    personal: frozenset[str] = frozenset()
    facts: Mapping[str, Any] = field(default_factory=dict)
    rules_version: str = ""
    embedded: bytes | None = field(default=None, repr=False)
    embedded_made: bool = False
    picture: bytes | None = field(default=None, repr=False)

    def as_json(self) -> dict[str, Any]:
        """Return everything as JSON-safe values, at most some 256 KiB of them.

        Beside the attributes there are ``shown``, what the metadata say for a person to read, and ``training_tags``,
        the commonest caption tags with their counts, where there are any.
        """
        answer: dict[str, Any] = {
            "format": self.format,
            "type": self.type,
            "base_model": self.base_model,
            "candidates": list(self.candidates),
            "variant": self.variant,
            "architecture": self.architecture,
            "algorithm": self.algorithm,
            "rank": self.rank,
            "alpha": self.alpha,
            "precision": self.precision,
            "layout": self.layout,
            "components": list(self.components),
            "tensor_count": self.tensor_count,
            "parameter_count": self.parameter_count,
            "data_offset": self.data_offset,
            "confidence": self.confidence,
            "evidence": [_safe(line, 0) for line in self.evidence[:_EVIDENCE_LIMIT]],
            "problems": [
                {"code": problem.code, "message": _safe(problem.message, 0)} for problem in self.problems
            ],
            "rules_version": self.rules_version,
        }
        for key, value in self.facts.items():
            answer.setdefault(key, _safe(value, 0))
        if self.metadata:
            answer["shown"] = shown(self.metadata)
            tags = training_tags(self.metadata)
            if tags:
                answer["training_tags"] = tags
        answer = {key: _safe(value, 0) if isinstance(value, str) else value for key, value in answer.items()}
        metadata: dict[str, Any] = {}
        room = METADATA_LIMIT_BYTES
        omitted = 0
        is_little = _is_little(self.metadata)
        for key, value in self.metadata.items():
            safe_key, safe_value = _cut(clean(str(key)), _KEY_LIMIT), _safe(value, 0)
            size = 0 if is_little else len(json.dumps(safe_key)) + len(json.dumps(safe_value)) + 4
            if size > room or safe_key in metadata:
                omitted += 1
                continue
            room -= size
            metadata[safe_key] = safe_value
        answer["metadata"] = metadata
        if omitted:
            answer["metadata_omitted"] = omitted
        return answer


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


def _safe(value: Any, depth: int) -> Any:
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
        return {_cut(clean(str(key)), _KEY_LIMIT): _safe(member, depth + 1) for key, member in items}
    if isinstance(value, (list, tuple)):
        return [_safe(member, depth + 1) for member in value[:_LIST_LIMIT]]
    return _safe(str(value), depth)
