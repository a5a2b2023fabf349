"""What the class names in ``config.json``, ``model_index.json`` and ``adapter_config.json`` make of a model.

The tensors tell the family; a class refines it, and stands in for tensors that are away or can't be read. The classes
are data (``resources/identification/folders.json``).
"""

import os
import re
from collections.abc import Mapping
from dataclasses import field
from typing import Any

from modelmgr.lazily import dataclass
from modelmgr.readers import configs, rules
from modelmgr.readers.identify import Statement, Verdict, word_of
from modelmgr.readers.tensors import Tensors
from modelmgr.told.texts import clean

TEXT_TYPES = frozenset(("llm", "text_encoder", "text_embedding_model", "clip_vision"))

# The names under which the libraries save what a config beside speaks of.
_SAVED = re.compile(
    r"(?P<adapter>adapter_model)\.(?:safetensors|bin)\Z|"
    r"(?:diffusion_pytorch_model|pytorch_model|model)"
    r"(?:\.[A-Za-z0-9_]{1,16})?(?:-\d{1,6}-of-\d{1,6})?(?:\.[A-Za-z0-9_]{1,16})?\.(?:safetensors|bin)\Z"
)
_SENTENCES = ("modules.json", "config_sentence_transformers.json")
_ADAPTER_KEYS = ("base_model_name_or_path", "peft_type", "r", "lora_alpha", "revision", "task_type")


@dataclass(frozen=True, slots=True)
class Said:
    """What a config says.

    Attributes:
        answer: of the rules for its class.
        key: where the class stands.
        text: the class.
        word: transformers' word for the architecture (``model_type``).
        facts: what it states besides, for `Header.facts`.
        metadata: what an adapter's config says like a header's metadata.
    """

    answer: rules.Answer
    key: str
    text: str
    word: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)

    @property
    def statements(self) -> list[Statement]:
        """The base that the class names, for `identify`."""
        base = self.answer.get("base")
        return [] if base is None or base == "any" else [(self.key, base, clean(self.text[:200]))]


def of_pipeline(told: dict[str, Any], name: str) -> Said:
    """Judge a ``model_index.json``.

    Args:
        told: its plain values; those of a component's config below the component's name and a dot.
        name: of the folder.
    """
    pipeline = str(told.pop("_class_name", ""))
    return Said(_answer(told | {"pipeline": pipeline}, name), "_class_name", pipeline)


def of_config(config: Mapping[str, Any], folder: str) -> Said | None:
    """Judge a ``config.json``; None if it is neither diffusers' nor transformers'."""
    told = configs.plain_values(config)
    name = os.path.basename(folder)
    component = told.pop("_class_name", None)
    if isinstance(component, str):
        answer = _answer(told | {"component": component}, name)
        return Said(answer, "_class_name", component, facts={"class": clean(component)})
    classes, word = config.get("architectures"), config.get("model_type")
    architecture = classes[0] if isinstance(classes, list) and classes and isinstance(classes[0], str) else ""
    if not architecture and not isinstance(word, str):
        return None
    told["architecture"] = architecture
    if any(os.path.exists(os.path.join(folder, file)) for file in _SENTENCES):
        told["sentence_transformers"] = True
    facts = configs.transformers_facts(config)
    if architecture:
        facts["class"] = clean(architecture[:200])
    model_type = clean(word[:100]) if isinstance(word, str) and word else None
    return Said(_answer(told, name), "architectures", architecture, model_type, facts)


def beside(path: str) -> Said | None:
    """Return what the config beside a file says; None but for names under which the libraries save weights."""
    folder, name = os.path.split(path)
    found = _SAVED.match(name)
    if found is None:
        return None
    config_name = "adapter_config.json" if found["adapter"] else "config.json"
    config = configs.parsed(configs.small_file(os.path.join(folder, config_name)))
    if config is None:
        return None
    if not found["adapter"]:
        return of_config(config, folder)
    values = configs.plain_values(config)
    told = {key: values[key] for key in _ADAPTER_KEYS if key in values}
    return Said({"evidence": []}, "adapter_config.json", "", facts={"adapter_config": told}, metadata=told)


def settle(verdict: Verdict, said: Said) -> None:
    """Let the class decide what the tensors leave open; it has refined the base already (`Said.statements`)."""
    kind = said.answer.get("type")
    if said.key == "architectures":
        if verdict.type == "llm" and verdict.base_model is None and said.text:
            verdict.variant = None  # tensors of many families, which the class tells apart
        if kind is not None and (verdict.type == "unknown" or verdict.type in TEXT_TYPES):
            take(verdict, said)
        if verdict.type == "llm":
            verdict.base_model = verdict.base_model or said.answer.get("word") or said.word
            verdict.architecture = verdict.architecture or said.word
        return
    if verdict.type == "unknown":
        take(verdict, said)
    name_variant(verdict, said)


def take(verdict: Verdict, said: Said) -> None:
    """Take type and base of the class."""
    kind, answer = said.answer.get("type"), said.answer
    if kind is None:
        return
    if kind != verdict.type or verdict.confidence == "ambiguous":
        verdict.confidence = answer.get("confidence", "metadata")
        verdict.evidence = (*verdict.evidence, clean(f"{said.key}: {said.text}"[:200]))
    verdict.type = kind
    base = answer.get("base")
    if verdict.base_model is None and not verdict.candidates:
        verdict.base_model = word_of(base)
        verdict.architecture = verdict.architecture or (None if base == "any" else base)
        verdict.candidates = tuple(answer.get("candidates", ()))
    name_variant(verdict, said)


def name_variant(verdict: Verdict, said: Said) -> None:
    """Take the class's variant where the tensors have none, or where the class has told the base more finely."""
    if verdict.variant is None or verdict.confidence == "metadata":
        verdict.variant = said.answer.get("variant") or verdict.variant


def _answer(told: Mapping[str, Any], name: str) -> rules.Answer:
    view = rules.View("diffusers-folder", Tensors({}), told, name)
    return rules.match("folders", view) or {"evidence": []}
