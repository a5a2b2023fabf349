"""What a header's tensors and metadata make of the file: type, base model, variant, and the reason.

Shapes and names decide the family; embedded metadata refine inside that family, never against it; the file's name
refines only what neither settled. The tables are data, see `modelmgr.readers.rules`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, replace
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any, NamedTuple

from modelmgr.lazily import dataclass
from modelmgr.readers import rules
from modelmgr.readers.contents import Contents, Defect
from modelmgr.readers.rules import Answer, View
from modelmgr.readers.tensors import Tensors

_WORDS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+")
_FIELD = re.compile(r"\{(\w+)\}")
_PLAIN_DTYPES = frozenset(("F16", "BF16", "F32", "F64", "I64", "BOOL"))
_ADAPTER_TYPES = frozenset(("lora", "llm_adapter", "control_lora"))
_LYCORIS = frozenset(("loha", "lokr", "oft", "boft", "glora", "ia3", "full", "norm", "set"))
_INNER_QUANTIZATION = (".absmax", ".quant_map", ".weight_scale", ".weight_scale_2", ".quant_state", ".SCB")


_KNOWN_LIMIT = 4
_ASKED_LIMIT = 4096
"""So many headers are remembered for one table of tensors, and so many characters of what was asked of each."""

Statement = tuple[str, str, str]
"""Who says it, the base that is meant, the words in which it stands there."""


@dataclass(slots=True)
class Verdict:
    """The answer in the library's words."""

    type: str = "unknown"
    base_model: str | None = None
    candidates: tuple[str, ...] = ()
    finer: tuple[str, ...] = ()
    base_by_name: str | None = None
    variant: str | None = None
    architecture: str | None = None
    algorithm: str | None = None
    rank: int | str | None = None
    alpha: float | None = None
    precision: str | None = None
    layout: str | None = None
    components: tuple[str, ...] = ()
    parameter_count: int | None = None
    confidence: str = "certain"
    evidence: tuple[str, ...] = ()
    defects: list[Defect] = field(default_factory=list)
    shared: dict[str, Any] = field(default_factory=dict)


class _Known(NamedTuple):
    """What was found of a header, but for the finer name of its base, for others with its tensors.

    Attributes:
        asked: a header in which the same would be found is identified the same.
        verdict: not stated yet; see `_state`.
        stated: the verdicts by the finer names that are left open, and the one that the file's name suggests.
    """

    asked: rules.Found
    answer: Answer
    verdict: Verdict
    stated: dict[Any, Verdict]


def identify(contents: Contents, name: str, said: Sequence[Statement] = ()) -> Verdict:
    """Tell what the tensors and metadata of a header belong to.

    Args:
        contents: the header as read.
        name: the file's name without its folder; the last and weakest witness.
        said: what stands beside the header about its base; it counts before the header's own metadata.
    """
    tensors = Tensors(contents.specs, contents.derived)
    view = View(contents.format, tensors, contents.metadata, name, contents.complete)
    answer, verdict = _answered(contents, view, said)
    _name_finely(view, answer)
    _state(view, answer, verdict)
    return verdict


def recognise(contents: Contents, name: str) -> Verdict:
    """Tell what `identify` does; what was found of another header with these tensors is not looked for again.

    Adapters of one trainer differ in their titles and captions, of which few are asked for.

    Returns:
        A verdict that others may have got too: not to be changed.
    """
    tensors = Tensors(contents.specs, contents.derived)
    view = View(contents.format, tensors, contents.metadata, name, contents.complete)
    if contents.facts:
        return identify(contents, name)
    before: tuple[_Known, ...] = tensors.derived.get(_Known, ())
    known = next((one for one in before if view.would_find(one.asked)), None)
    if known is None:
        answer, verdict = _answered(contents, view, ())
        known = _Known(view.found_by(), answer, verdict, {})
        if sum(len(str(value)) for value in known.asked.values) < _ASKED_LIMIT:
            tensors.derived[_Known] = (known, *before[: _KNOWN_LIMIT - 1])
    answer = known.answer | {"evidence": list(known.answer["evidence"])}
    _name_finely(view, answer)
    # What is decided by a text of this file alone is stated for it alone.
    is_decided = len(answer["evidence"]) > len(known.answer["evidence"])
    key = answer.get("by_name"), "finer" in answer
    found = None if is_decided else known.stated.get(key)
    if found is None:
        found = replace(known.verdict, shared={})
        _state(view, answer, found)
        if not is_decided:
            known.stated[key] = found
    return found


def _answered(contents: Contents, view: View, said: Sequence[Statement]) -> tuple[Answer, Verdict]:
    """Return all that is found but for finer names; what is said of it is not put into the library's words yet."""
    tensors = view.tensors
    answer = rules.match("gates", view) or {"type": "unknown", "evidence": []}
    if "base" in answer and isinstance(answer["base"], str) and answer["base"].startswith("@"):
        # An architecture's word stands as it is; it is a statement of the file, but the only one there can be.
        answer["base"] = view.text(answer["base"][1:])
    verdict = Verdict()
    if not contents.specs:
        answer["evidence"] = ["no tensors"]
    if answer["type"] == "diffusion_model":
        verdict.components = tensors.once_named(_components, lambda: _components(view))
        if any(part in _outside_parts() for part in verdict.components):
            answer["type"] = "checkpoint"
    if answer["type"] == "llm" and not answer.get("base"):
        answer["base"] = answer.get("word")
    if answer["type"] in _ADAPTER_TYPES and contents.specs:
        _describe_adapter(view, answer, verdict)
    _refine(view, answer, verdict, said)
    if answer.get("variant"):
        verdict.variant = _FIELD.sub(lambda found: str(view.measure(found[1])), answer["variant"])
    _describe_storage(contents, view, verdict)
    return answer, verdict


def _describe_adapter(view: View, answer: Answer, verdict: Verdict) -> None:
    adapter = view.adapter
    verdict.algorithm = adapter.algorithm
    verdict.rank = adapter.rank
    verdict.alpha = _alpha(view)
    answer.setdefault("layout", view.modules.dialect)
    broken = view.modules.broken
    if broken:
        shown = broken[0] if len(broken[0]) <= 80 else broken[0][:77] + "..."
        more = len(broken) - 1
        message = (
            f"One half of the adapter of {shown!r} is missing (and {more:,} more)."
            if more
            else f"One half of the adapter of {shown!r} is missing."
        )
        verdict.defects.append(Defect("incomplete_pair", message))


def _alpha(view: View) -> float | None:
    for key in ("ss_network_alpha", "lora_alpha", "alpha", "adapter.lora.alpha"):
        text = view.text(key)
        if text is not None:
            try:
                alpha = float(text)
            except ValueError:
                continue
            if abs(alpha) < 1e9:
                return alpha
    return None


def _components(view: View) -> tuple[str, ...]:
    """Return the parts of a bundle, by the beginnings of the names."""
    found: list[str] = []
    for part in _parts()["parts"]:
        if part["part"] in found or any(other in found for other in part.get("unless", ())):
            continue
        if view.tensors.count_below(part["prefix"]):
            found.append(part["part"])
    return tuple(found)


# --- metadata ---------------------------------------------------------------------------------------------


def _refine(view: View, answer: Answer, verdict: Verdict, said: Sequence[Statement]) -> None:
    """Let the embedded statements refine the base inside the family that the tensors prove."""
    if answer["type"] in ("llm", "mmproj", "vocab", "embedding_model") and view.format == "gguf":
        return
    for key, base, text in (*said, *_statements(view)):
        known = answer.get("base")
        if known == "any":
            return
        candidates = answer.get("candidates", [])
        if known is None and candidates:
            chosen = next((c for c in candidates if _is_within(base, c) or _is_within(c, base)), None)
            if chosen is None:
                _note_conflict(verdict, key, text, " or ".join(candidates))
                continue
            _decide(answer, base if _is_within(base, chosen) else chosen, f"{key}: {text}")
        elif known is None:
            if answer["type"] != "unknown":
                _decide(answer, base, f"{key}: {text}")
        elif base != known and _is_within(base, known):
            if _bases()["bases"][base].get("proven"):
                continue
            answer["proven"] = answer.get("proven", known)
            _decide(answer, base, f"{key}: {text}")
        elif not _is_within(known, base):
            _note_conflict(verdict, key, text, str(answer.get("proven", known)))


def _decide(answer: Answer, base: str, evidence: str) -> None:
    answer.update(base=base, confidence="metadata")
    answer["evidence"].append(evidence[:200])


def _note_conflict(verdict: Verdict, key: str, text: str, proven: str) -> None:
    if any(defect.code == "metadata_conflict" for defect in verdict.defects):
        return
    verdict.defects.append(
        Defect(
            "metadata_conflict",
            f"The metadata say {text[:60]!r} ({key}), but the tensors are those of {proven}.",
        )
    )


def _statements(view: View) -> Iterator[Statement]:
    """Yield key, base and text of each key's first fitting statement."""
    said: list[tuple[int, str, str, str]] = []
    for key, statements in _known_statements().items():
        text = view.text(key)
        if text is None:
            continue
        lowered = text.strip().lower()
        for place, patterns, base in statements:
            if any(fnmatchcase(lowered, pattern) for pattern in patterns):
                said.append((place, key, base, text.strip()))
                break
    for _, key, base, text in sorted(said):
        yield key, base, text


def _name_finely(view: View, answer: Answer) -> None:
    """Look for the finer names whose models share every name and shape, in what trainers wrote down."""
    finer = _metadata()["finer"].get(answer.get("base") or "")
    if finer is None or answer["type"] not in finer["types"]:
        return
    telling, stop = _telling(answer["base"])
    for key in finer["keys"]:
        text = view.text(key)
        if not text or not _tells(text, telling):
            continue
        words = _words(text[:2000])
        if words & stop:
            return
        for choice in finer["words"]:
            if not words.isdisjoint(choice["words"]) or text.strip().lower() in choice.get("whole", ()):
                answer["proven"] = answer["base"]
                _decide(answer, choice["base"], f"{key}: {text}")
                return
    # Nothing in the file tells; its name may, but that is for whoever weighs what others say.
    answer["finer"] = [choice["base"] for choice in reversed(finer["words"])]
    words = _words(view.name) if _tells(view.name, telling) else set()
    if not words & stop:
        answer["by_name"] = next(
            (choice["base"] for choice in finer["words"] if not words.isdisjoint(choice["words"])), None
        )


def _words(text: str) -> set[str]:
    return {word.lower() for word in _WORDS.findall(text)}


# --- words ------------------------------------------------------------------------------------------------


def _state(view: View, answer: Answer, verdict: Verdict) -> None:
    """Put the answer into the library's words."""
    kind = answer["type"]
    if kind == "lora" and verdict.algorithm in _LYCORIS:
        kind = "lycoris"
    verdict.type = _bases()["types"].get(kind, kind)
    base = answer.get("base")
    verdict.base_model = word_of(base)
    verdict.candidates = tuple(
        dict.fromkeys(word for c in answer.get("candidates", ()) if (word := word_of(c)) is not None)
    )
    verdict.finer = tuple(word for c in answer.get("finer", ()) if (word := word_of(c)) is not None)
    verdict.base_by_name = word_of(answer.get("by_name"))
    proven = answer.get("proven", base)
    if (
        kind in ("llm", "mmproj", "shard", "vocab", "llm_adapter", "embedding_model")
        and view.format == "gguf"
    ):
        verdict.architecture = view.text("general.architecture")
    elif proven != "any":
        verdict.architecture = proven
    verdict.layout = answer.get("layout")
    verdict.confidence = answer.get("confidence", "certain")
    verdict.evidence = tuple(dict.fromkeys(answer["evidence"]))


def word_of(base: str | None) -> str | None:
    """Return the library's word for a base model of the tables."""
    if base is None:
        return None
    known = _bases()["bases"].get(base)
    if known is None:
        return base
    word: str | None = known.get("word", base)
    return word


def _is_within(base: str, family: str) -> bool:
    """Tell whether `base` is `family` or one of its finer names."""
    bases = _bases()["bases"]
    seen = 0
    known: str | None = base
    while known is not None and seen < 8:
        if known == family:
            return True
        known = bases.get(known, {}).get("of")
        seen += 1
    return False


# --- storage ----------------------------------------------------------------------------------------------


def _describe_storage(contents: Contents, view: View, verdict: Verdict) -> None:
    """State precision and number of parameters."""
    if "quantization" in contents.facts:
        verdict.precision = contents.facts["quantization"]
    sizes = view.tensors.once(Contents.bytes_by_dtype, contents.bytes_by_dtype)
    if contents.format == "gguf" or not sizes:
        return
    dominant = next(iter(sizes))
    verdict.precision = dominant
    parameters: int | None = view.tensors.once(Contents.parameter_count, contents.parameter_count)
    if not sizes.keys() <= _PLAIN_DTYPES:
        scheme = _scheme(view)
        if scheme == "scaled":
            verdict.precision = f"{dominant} (scaled)"
        elif scheme is not None:
            verdict.precision = scheme
            parameters = _packed_parameters(view) if scheme in ("NF4", "FP4", "NVFP4") else None
    if parameters is not None and parameters < 2**63:
        verdict.parameter_count = parameters


def _scheme(view: View) -> str | None:
    for conditions, scheme in _schemes():
        if all(condition.holds(view) for condition in conditions):
            return scheme
    return None


def _packed_parameters(view: View) -> int:
    """Count the elements of weights that hold two values a byte, without the tables that unpack them."""
    total = 0
    for name, spec in view.tensors.specs.items():
        if any(mark in name for mark in _INNER_QUANTIZATION):
            continue
        elements = 1
        for dim in spec.shape:
            elements *= dim
        total += 2 * elements if spec.dtype == "U8" else elements
    return total


# --- data -------------------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def _bases() -> Mapping[str, Any]:
    bases: Mapping[str, Any] = rules.load("bases")
    return bases


@lru_cache(maxsize=1)
def _metadata() -> Mapping[str, Any]:
    metadata: Mapping[str, Any] = rules.load("metadata")
    return metadata


@lru_cache(maxsize=16)
def _telling(base: str) -> tuple[tuple[str, ...], frozenset[str]]:
    """Return words of which one is in every text that may lead to a finer name of a base, and those that forbid one."""
    finer = _metadata()["finer"][base]
    words = [*finer["stop"]]
    for choice in finer["words"]:
        words += [*choice["words"], *choice.get("whole", ())]
    return tuple(dict.fromkeys(words)), frozenset(finer["stop"])


def _tells(text: str, words: tuple[str, ...]) -> bool:
    """Tell whether a text holds one of some words, which have small letters; a regular expression takes much longer."""
    lowered = text.lower()
    return any(map(lowered.__contains__, words))


@lru_cache(maxsize=1)
def _known_statements() -> dict[str, list[tuple[int, tuple[str, ...], str]]]:
    """Return metadata key -> its statements: place in the table, patterns, base."""
    statements: dict[str, list[tuple[int, tuple[str, ...], str]]] = {}
    for place, line in enumerate(_metadata()["statements"]):
        statements.setdefault(line["key"], []).append((place, tuple(line["is"].split("|")), line["base"]))
    return statements


@lru_cache(maxsize=1)
def _parts() -> Mapping[str, Any]:
    parts: Mapping[str, Any] = rules.load("parts")
    return parts


@lru_cache(maxsize=1)
def _outside_parts() -> frozenset[str]:
    return frozenset(part["part"] for part in _parts()["parts"] if part.get("outside"))


@lru_cache(maxsize=1)
def _schemes() -> tuple[tuple[tuple[rules.Condition, ...], str], ...]:
    return tuple((rules.rule_of({"when": line["when"]}).when, line["scheme"]) for line in _parts()["schemes"])
