"""Tables of rules as data: conditions on tensors, metadata and modules; the first rule that holds answers.

A new family is a line in a file of ``resources/identification``; this module only knows how to read such lines.

A rule is an object: ``when`` (conditions, all must hold), what it answers (``type``, ``base``, ``variant``,
``layout``, ``confidence``, ``candidates``, ``word``), ``then`` (a table that refines the answer; with ``needs`` the
rule holds only if that table answers), ``cases`` (rules that refine it) and ``hints`` (texts that decide what the
tensors leave open). A condition is a text::

    NAME                   a tensor of that name is there (* an index, ** at the ends: anything)
    NAME[1] = 64|128       its dimension; [-1] the last, [#] how many; also !=, >=, <=
    $MEASURE = 2048        a width or count that `measures.json` or this program names
    $file_name ~ a*|b*     a measure compared with patterns in which * stands for anything
    @KEY  @KEY = a|b       metadata; with ~ patterns
    module: PATH           an adapter changes such a module (see `modelmgr.readers.adapters`)
    in: PATH = 768         ... and its input (out: output) has that width
    index: PATH >= 19      ... and the highest index below it is that
    !CONDITION             the opposite

or an object ``{"any": [...]}`` or ``{"all": [...]}`` of conditions.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any, NamedTuple

from modelmgr.readers.adapters import Adapter, Modules, needle_of
from modelmgr.readers.tensors import Tensors
from modelmgr.resources import resource_path

Answer = dict[str, Any]
_FACT = "\0"  # no key of metadata has it
_ANSWERS = ("type", "base", "variant", "layout", "confidence", "candidates", "word")
_SIGNS = re.compile(r"^(?P<subject>.*?)(?:\s(?P<sign>=|!=|>=|<=|~|>)\s(?P<value>.*))?$", re.DOTALL)
_DIMENSION = re.compile(r"^(?P<pattern>.*)\[(?P<dim>-?\d+|#)\]$")
_SHARE = re.compile(r"^share\((?P<endings>.*)\)$")
_PART = re.compile(r"-(\d{5})-of-(\d{5})\.")


@dataclass(slots=True)
class View:
    """What the conditions look at.

    Attributes:
        complete: the header was read to its end; else tensors may be missing.
        asked: what was looked at beside the tensors: metadata by key, and measures that tensors don't tell.
    """

    format: str
    tensors: Tensors
    metadata: Mapping[str, Any]
    file_name: str
    complete: bool = True
    asked: dict[str, Any] = field(default_factory=dict)
    _modules: Modules | None = None

    @property
    def name(self) -> str:
        """The file's name without its folder."""
        return str(self._fact("file_name"))

    def _fact(self, measure: str) -> int | str | None:
        found = self.asked[_FACT + measure] = _OF_THE_FILE[measure](self)
        return found

    def value(self, key: str) -> Any:
        """Return a metadata value as it is."""
        found = self.asked[key] = self.metadata.get(key)
        return found

    def found_by(self) -> "Found":
        """Return what was found by all that was asked."""
        facts = {key[1:]: value for key, value in self.asked.items() if key.startswith(_FACT)}
        keys = tuple(key for key in self.asked if not key.startswith(_FACT))
        return Found(tuple(facts), tuple(facts.values()), keys, tuple(self.asked[key] for key in keys))

    def would_find(self, found: "Found") -> bool:
        """Tell whether the same would be found here."""
        return found.values == tuple(map(self.metadata.get, found.keys)) and all(
            _OF_THE_FILE[fact](self) == value for fact, value in zip(found.facts, found.answers, strict=True)
        )

    @property
    def adapter(self) -> Adapter:
        """The tensors seen as an adapter's; grouped when first asked for."""
        return self.tensors.once(Adapter, lambda: Adapter(self.tensors.specs, self.modules))

    @property
    def modules(self) -> Modules:
        """The names seen as an adapter's; grouped when first asked for."""
        if self._modules is None:
            self._modules = self.tensors.once_named(Modules, lambda: Modules(self.tensors))
        return self._modules

    def measure(self, name: str) -> int | float | str | None:
        """Return a measure, computed once under each prefix."""
        if name in _OF_THE_FILE:
            return self._fact(name)
        once = self.tensors.once_named if _grasp_of(name) == NAMES else self.tensors.once
        return once(("measure", name, self.tensors.prefix), lambda: _measured(self, name))

    def text(self, key: str) -> str | None:
        """Return a metadata value as text; None for what says nothing."""
        value = self.value(key)
        if value is None or isinstance(value, (dict, list)):
            return None if value is None else ""
        text = str(value)
        return None if text.strip() in ("", "None", "null") else text


class Found(NamedTuple):
    """What a view was asked beside the tensors, and what it found: measures with answers, metadata with values."""

    facts: tuple[str, ...]
    answers: tuple[int | str | None, ...]
    keys: tuple[str, ...]
    values: tuple[Any, ...]


FILE, SHAPES, NAMES = 0, 1, 2
"""What answers a condition; of several together the least."""
_KINDS = {"module:": NAMES, "index:": NAMES, "in:": SHAPES, "out:": SHAPES}


@dataclass(frozen=True, slots=True, eq=False)
class Condition:
    """One compiled condition.

    Attributes:
        text: what it was made of.
        test: asks the question.
        grasp: what answers it: `NAMES`, `SHAPES` (names with their shapes), or the whole `FILE`.
        parts: the choices of an ``any``.
    """

    text: str
    test: Callable[[View], bool]
    grasp: int
    parts: tuple["Condition", ...] = ()

    def holds(self, view: View) -> bool:
        """Tell whether it holds; asked once for all headers with equal names, or with equal names and shapes."""
        if self.grasp == FILE:
            return self.test(view)
        known = view.tensors.named if self.grasp == NAMES else view.tensors.derived
        key = (self, view.tensors.prefix)
        found: bool | None = known.get(key)
        if found is None:
            found = known[key] = self.test(view)
        return found

    def reason(self, view: View) -> str:
        """Return the text of what held: of several choices the one that did."""
        for part in self.parts:
            if part.holds(view):
                return part.reason(view)
        return self.text


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """One compiled line."""

    when: tuple[Condition, ...]
    answer: Answer
    then: str | None
    needs: bool
    cases: "Table"
    hints: tuple[tuple[re.Pattern[str], Answer], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Rules in their order, and the prefixes that names may have there."""

    prefixes: tuple[str, ...] | None
    rules: tuple[Rule, ...]


def match(table_name: str, view: View) -> Answer | None:
    """Return the answer of the first rule that holds, with its ``evidence``, or None.

    The table's prefix is tried first, then none. Looking restores the prefix that was set before.
    """
    table = table_of(table_name)
    before = view.tensors.prefix
    try:
        if table.prefixes is not None:
            prefixes = table.prefixes
            view.tensors.prefix = view.tensors.once_named(
                prefixes, lambda: view.tensors.choose_prefix(prefixes)
            )
        return _first(table, view)
    finally:
        view.tensors.prefix = before


def _first(table: Table, view: View) -> Answer | None:
    named, derived = view.tensors.named, view.tensors.derived
    key = (table, view.tensors.prefix, "left")
    left_by_names: tuple[Rule, ...] = named.get(key, table.rules)
    left: tuple[Rule, ...] = derived.get(key, left_by_names)
    out: tuple[set[Rule], set[Rule]] = (set(), set())
    answer: Answer | None = None
    for rule in left:
        for condition in rule.when:
            if not condition.holds(view):
                if condition.grasp != FILE:
                    out[condition.grasp == NAMES].add(rule)
                break
        else:
            answer = _answer_of(rule, view)
            if answer is not None:
                break
    # The next header with these names, or with these shapes too, need not be held against those rules again.
    if out[True]:
        named[key] = tuple(rule for rule in left_by_names if rule not in out[True])
    if out[True] or out[False]:
        derived[key] = tuple(rule for rule in left if rule not in out[True] and rule not in out[False])
    return answer


def _answer_of(rule: Rule, view: View) -> Answer | None:
    answer = dict(rule.answer)
    answer["evidence"] = [condition.reason(view) for condition in rule.when]
    refinements: list[Answer] = []
    if rule.then is not None:
        found = match(rule.then, view)
        if found is None and rule.needs:
            return None
        refinements.append(found or {})
    if rule.cases.rules:
        refinements.append(_first(rule.cases, view) or {})
    for refinement in refinements:
        evidence = answer["evidence"] + refinement.get("evidence", [])
        if "base" in refinement and "candidates" not in refinement:
            answer.pop("candidates", None)
        answer.update(refinement)
        answer["evidence"] = evidence
    if rule.hints:
        _take_hint(rule, view, answer)
    return answer


def _take_hint(rule: Rule, view: View, answer: Answer) -> None:
    """Let the embedded texts, then the file's name, decide what the tensors leave open."""
    for key in hint_keys():
        text = view.text(key)
        if text:
            for pattern, hinted in rule.hints:
                if pattern.search(text.lower()):
                    answer.update(hinted, confidence="metadata")
                    answer["evidence"].append(f"{key}: {text[:100]}")
                    return
    for pattern, hinted in rule.hints:
        if pattern.search(view.name.lower()):
            answer.update(hinted, confidence="name")
            answer["evidence"].append(f"file name: {view.name[:100]}")
            return


# --- conditions -------------------------------------------------------------------------------------------


def _compile(source: Any) -> Condition:
    if isinstance(source, dict):
        ((word, members),) = source.items()
        parts = [_compile(member) for member in members]
        grasp = min(part.grasp for part in parts)
        # The whole is remembered; the parts need to be only where a file's own words stand among them.
        tests = [part.holds if grasp == FILE else part.test for part in parts]
        text = f" {'or' if word == 'any' else 'and'} ".join(part.text for part in parts)
        if word == "any":
            return Condition(text, lambda view: any(test(view) for test in tests), grasp, tuple(parts))
        if word == "all":
            return Condition(text, lambda view: all(test(view) for test in tests), grasp)
        raise ValueError(f"unknown condition {word!r}")
    if source.startswith("!"):
        inner = _compile(source[1:])
        return Condition(source, lambda view: not inner.holds(view), inner.grasp)
    parsed = _SIGNS.match(source)
    if parsed is None:
        raise ValueError(f"no condition: {source!r}")
    subject, sign, value = parsed["subject"], parsed["sign"], parsed["value"]
    for kind in _KINDS:
        if subject.startswith(kind):
            return Condition(
                source, _module_test(kind, subject[len(kind) :].strip(), sign, value), _KINDS[kind]
            )
    if subject.startswith("@"):
        return Condition(source, _metadata_test(subject[1:], sign, value), FILE)
    if subject.startswith("$"):
        name, test = subject[1:], _test(sign, value)
        return Condition(source, lambda view: test(view.measure(name)), _grasp_of(name))
    dimension = _DIMENSION.match(subject)
    if dimension is not None:
        return Condition(
            source, _shape_test(dimension["pattern"], dimension["dim"], _test(sign, value)), True
        )
    if sign is not None:
        raise ValueError(f"nothing to compare in {source!r}")
    return Condition(source, lambda view: view.tensors.find(subject) is not None, NAMES)


def _test(sign: str, value: str) -> Callable[[Any], bool]:
    words = frozenset(value.split("|"))
    if sign == "=":
        return lambda found: ("none" if found is None else str(found)) in words
    if sign == "!=":
        return lambda found: found is not None and str(found) not in words
    if sign == "~":
        patterns = value.lower().split("|")
        return lambda found: any(fnmatchcase(str(found).lower(), pattern) for pattern in patterns)
    bound = float(value)
    if sign == ">=":
        return lambda found: isinstance(found, (int, float)) and found >= bound
    if sign == "<=":
        return lambda found: isinstance(found, (int, float)) and found <= bound
    if sign == ">":
        return lambda found: isinstance(found, (int, float)) and found > bound
    raise ValueError(f"unknown sign {sign!r}")


def _shape_test(pattern: str, dim: str, test: Callable[[Any], bool]) -> Callable[[View], bool]:
    def holds(view: View) -> bool:
        shape = view.tensors.shape_of(pattern)
        return shape is not None and test(_dimension_of(shape, dim))

    return holds


def _dimension_of(shape: tuple[int, ...], dim: str) -> int | None:
    if dim == "#":
        return len(shape)
    index = int(dim)
    return shape[index] if -len(shape) <= index < len(shape) else None


def _metadata_test(key: str, sign: str | None, value: str) -> Callable[[View], bool]:
    if sign is None:
        return lambda view: view.text(key) is not None
    if sign in (">=", "<=", ">"):
        number_test = _test(sign, value)
        return lambda view: number_test(view.value(key))
    words = value.lower().split("|")
    if sign == "=":
        return lambda view: (view.text(key) or "").strip().lower() in words
    return lambda view: any(fnmatchcase((view.text(key) or "").strip().lower(), word) for word in words)


def _module_test(kind: str, path: str, sign: str | None, value: str) -> Callable[[View], bool]:
    if kind == "module:":
        needle, indexed = needle_of(path)
        return lambda view: view.modules.changes(needle, indexed=indexed)
    test = _test(sign or "=", value)
    if kind == "index:":
        return lambda view: test(view.modules.highest_index(path))
    inward = kind == "in:"
    return lambda view: any(test(width) for width in view.adapter.widths(path, inward=inward))


# --- measures ---------------------------------------------------------------------------------------------


def _measured(view: View, name: str) -> int | float | str | None:
    tensors = view.tensors
    if name in _COMPUTED:
        return _COMPUTED[name](view)
    share = _SHARE.match(name)
    if share is not None:
        endings = tuple(share["endings"].split("|"))
        return sum(key.endswith(endings) for key in tensors.specs) / max(1, len(tensors.specs))
    measures, presence = _measures()
    if name in presence:
        return int(any(tensors.find(pattern) is not None for pattern in presence[name]))
    for pattern, dim in measures[name]:
        shape = tensors.shape_of(pattern)
        if shape is not None:
            return _dimension_of(shape, dim)
    return None


def _depths(view: View) -> str | None:
    """Return the depths of the transformers of each residual block on the way down, as ``0,0,2,2,10,10``."""
    tensors = view.tensors
    depths: list[int] = []
    if tensors.find("input_blocks.0.0.weight") is not None:
        for block in range(1, 64):
            if tensors.find(f"input_blocks.{block}.0.in_layers.0.weight") is not None:
                depths.append(tensors.depth(f"input_blocks.{block}.1.transformer_blocks.{{}}."))
            elif tensors.find(f"input_blocks.{block}.0.**") is None:
                break
    else:
        for block in range(16):
            resnets = tensors.depth(f"down_blocks.{block}.resnets.{{}}.")
            if not resnets:
                break
            depths += [
                tensors.depth(f"down_blocks.{block}.attentions.{index}.transformer_blocks.{{}}.")
                for index in range(resnets)
            ]
    return ",".join(map(str, depths)) if depths else None


def _part_number(view: View) -> int | None:
    """Return which part of a split model the file's name says it is (huggingface/transformers, sharded weights)."""
    found = _PART.search(view.file_name) if "-of-" in view.file_name else None
    return int(found[1]) if found is not None and int(found[2]) > 1 else None


def _layers(view: View) -> int:
    return view.tensors.depth("model.layers.{}.")


def _embedding_width(view: View) -> int | None:
    """Return the width of the vectors if these few tensors can only be a textual inversion."""
    specs = view.tensors.specs
    if not 1 <= len(specs) <= 4:
        return None
    width = None
    for name, spec in specs.items():
        if name.endswith((".weight", ".bias")) or not 1 <= len(spec.shape) <= 2:
            return None
        if spec.shape[-1] not in (768, 1024, 1280, 4096) or (len(spec.shape) == 2 and spec.shape[0] > 512):
            return None
        width = spec.shape[-1]
    return width


def _esrgan_scale(view: View) -> int:
    """Return the factor of an ESRGAN in the old layout: two convolutions end it, each one before them doubles it."""
    convolutions = sum(view.tensors.find(f"model.{index}.weight") is not None for index in range(2, 32))
    return 1 << min(max(convolutions - 2, 0), 5)


def _compact_scale(view: View) -> int:
    """Return the factor of a Compact network: its last convolution has 3 x scale x scale channels."""
    last = 0
    for index in range(200):
        shape = view.tensors.shape_of(f"body.{index}.weight")
        if shape is None:
            break
        if len(shape) == 4:
            last = shape[0]
    scale = round((last / 3) ** 0.5)
    return scale if scale and 3 * scale * scale == last else 1


_OF_THE_FILE: dict[str, Callable[[View], int | str | None]] = {
    "format": lambda view: view.format,
    "file_name": lambda view: view.file_name,
    "complete": lambda view: int(view.complete),
    "part_number": _part_number,
}
"""Measures that names and shapes don't tell."""
_COMPUTED: dict[str, Callable[[View], int | float | str | None]] = {
    "tensors": lambda view: len(view.tensors.specs),
    "adapter_groups": lambda view: view.modules.complete,
    "adapter_share": lambda view: view.modules.share,
    "depths": _depths,
    "layers": _layers,
    "embedding_width": _embedding_width,
    "esrgan_scale": _esrgan_scale,
    "compact_scale": _compact_scale,
}


_BY_NAMES = frozenset(("tensors", "adapter_groups", "adapter_share", "depths", "layers", "esrgan_scale"))


@lru_cache(maxsize=256)
def _grasp_of(measure: str) -> int:
    """Return what a measure depends on."""
    if measure in _OF_THE_FILE:
        return FILE
    if measure in _BY_NAMES or measure in _measures()[1] or _SHARE.match(measure):
        return NAMES
    return SHAPES


# --- loading ----------------------------------------------------------------------------------------------


def load(name: str) -> Any:
    """Return a data file of the identification."""
    with resource_path("identification", f"{name}.json").open(encoding="utf-8") as file:
        return json.load(file)


@lru_cache(maxsize=64)
def table_of(name: str) -> Table:
    """Return a table, compiled once."""
    data = load(name)
    prefixes = data.get("prefixes")
    return Table(None if prefixes is None else tuple(prefixes), tuple(map(rule_of, data["rules"])))


def rule_of(source: Mapping[str, Any]) -> Rule:
    """Compile one rule; an unknown word in it is a mistake of ours and raises."""
    unknown = source.keys() - {"when", "then", "needs", "cases", "hints", *_ANSWERS}
    if unknown:
        raise ValueError(f"unknown words {sorted(unknown)} in rule {source}")
    return Rule(
        when=tuple(map(_compile, source["when"])),
        answer={key: source[key] for key in _ANSWERS if key in source},
        then=source.get("then"),
        needs=source.get("needs", False),
        cases=Table(None, tuple(map(rule_of, source.get("cases", ())))),
        hints=tuple(
            (re.compile(hint["text"]), {key: hint[key] for key in _ANSWERS if key in hint})
            for hint in source.get("hints", ())
        ),
    )


@lru_cache(maxsize=1)
def _measures() -> tuple[dict[str, list[tuple[str, str]]], dict[str, list[str]]]:
    data = load("measures")
    measures: dict[str, list[tuple[str, str]]] = {}
    for name, patterns in data["measures"].items():
        parsed = [_DIMENSION.match(pattern) for pattern in patterns]
        measures[name] = [(found["pattern"], found["dim"]) for found in parsed if found is not None]
    return measures, data["presence"]


@lru_cache(maxsize=1)
def hint_keys() -> tuple[str, ...]:
    """Return the metadata keys whose texts may decide a hint, in order."""
    return tuple(load("metadata")["hint_keys"])


@lru_cache(maxsize=1)
def version() -> str:
    """Return a short digest of all tables: a header that was identified by others may be identified again."""
    digest = hashlib.sha256()
    for path in sorted(resource_path("identification").glob("*.json")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
