"""What a model file's header says about it, as one plain value."""

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from modelmgr.told import safe, told
from modelmgr.values import Problem

KEPT_APART_BYTES = 512 * 1024
"""Metadata of up to so many bytes are read from their record when somebody looks at them."""
_EVIDENCE_LIMIT = 24


class Header(NamedTuple):
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
        embedded_made: whether `embedded` was written by us from another format's values; `embedded_sha256`: its digest.
        shared: where headers that were identified alike keep what follows from that alone; None for what is alone.
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
    metadata: Mapping[str, Any] = MappingProxyType({})
    data_offset: int | None = None
    confidence: str = "certain"
    evidence: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    suggestions: Mapping[str, Any] = MappingProxyType({})
    personal: frozenset[str] = frozenset()
    facts: Mapping[str, Any] = MappingProxyType({})
    rules_version: str = ""
    embedded: bytes | None = None
    embedded_made: bool = False
    embedded_sha256: str | None = None
    picture: bytes | None = None
    shared: dict[str, Any] | None = None

    def as_json(self) -> dict[str, Any]:
        """Return everything as JSON-safe values, at most some 256 KiB of them.

        Beside the attributes there is what `told` says of the metadata.
        """
        return self._identified() | told(self.metadata)

    def kept(self) -> str:
        """Return what the catalog keeps: `as_json` as text, without what a record of the metadata can tell later.

        Then the record's digest stands under ``embedded``, see `told_by`.
        """
        if self.embedded is None or self.embedded_made or len(self.embedded) > KEPT_APART_BYTES:
            return json.dumps(self.as_json())
        identified = None if self.problems or self.shared is None else self.shared.get("kept")
        if identified is None:
            answer = self._identified()
            del answer["data_offset"]
            identified = json.dumps(answer)
            if not self.problems and self.shared is not None:
                self.shared["kept"] = identified
        # What is of this file alone comes last.
        offset = "null" if self.data_offset is None else self.data_offset
        return f'{identified[:-1]}, "data_offset": {offset}, "embedded": "{self.embedded_sha256}"}}'

    def _identified(self) -> dict[str, Any]:
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
            "evidence": [safe(line) for line in self.evidence[:_EVIDENCE_LIMIT]],
            "problems": [
                {"code": problem.code, "message": safe(problem.message)} for problem in self.problems
            ],
            "rules_version": self.rules_version,
        }
        for key, value in self.facts.items():
            answer.setdefault(key, safe(value))
        return {key: safe(value) if isinstance(value, str) else value for key, value in answer.items()}
