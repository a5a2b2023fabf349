"""LoRA and LyCORIS: the tensors of a header grouped into the modules that they change.

The suffix of a name says which algorithm and which part, the rest is the module (Comfy-Org/ComfyUI
comfy/weight_adapter; kohya-ss/sd-scripts networks; huggingface/peft). Trainers write one module's path with dots or
with underscores and behind various prefixes; here all become one spelling, ``_`` between the parts, and a rule may
ask for a module, its widths, and the highest index, in a path with dots.
"""

import re
from collections import Counter
from collections.abc import Mapping
from functools import cached_property, lru_cache
from typing import NamedTuple

from modelmgr.readers.contents import Spec
from modelmgr.readers.tensors import Tensors

Shape = tuple[int, ...]

_WEIGHT_PARTS = {
    "lora_down": "down",
    "lora_up": "up",
    "lora_mid": "mid",
    "lora_A": "down",
    "lora_B": "up",
    "a1": "a1",
    "a2": "a2",
    "b1": "b1",
    "b2": "b2",
    "oft_R": "oft",
    "lora_magnitude_vector": "dora",
}
_ENDINGS = {
    "alpha": "alpha",
    "dora_scale": "dora",
    "lora_magnitude_vector": "dora",
    "lora_A": "down",
    "lora_B": "up",
    "lora_a": "down",
    "lora_b": "up",
    "hada_w1_a": "w1_a",
    "hada_w1_b": "w1_b",
    "hada_w2_a": "w2_a",
    "hada_w2_b": "w2_b",
    "hada_t1": "t1",
    "hada_t2": "t2",
    "lokr_w1": "lokr_w1",
    "lokr_w1_a": "lokr_w1_a",
    "lokr_w1_b": "lokr_w1_b",
    "lokr_w2": "lokr_w2",
    "lokr_w2_a": "lokr_w2_a",
    "lokr_w2_b": "lokr_w2_b",
    "lokr_t2": "lokr_t2",
    "oft_blocks": "oft",
    "oft_diag": "oft",
    "rescale": "rescale",
    "on_input": "on_input",
    "diff": "diff",
    "diff_b": "diff_b",
    "w_norm": "w_norm",
    "b_norm": "b_norm",
    "set_weight": "set",
    "reshape_weight": "reshape",
}
_WHOLE_TAILS = {f"{word}.weight": part for word, part in _WEIGHT_PARTS.items()} | _ENDINGS
"""Everything behind the first dot where a module is spelt without dots, as most trainers do."""
_DIFFUSERS_TAIL = re.compile(r"(?:[._]lora|\.lora_linear_layer)$")
_XLABS_TAIL = re.compile(r"_lora\d$")
_TELLING = (
    *(f".{part}.weight" for part in _WEIGHT_PARTS),
    *(f".{ending}" for ending in _ENDINGS if ending not in ("alpha", "rescale", "reshape_weight")),
    ".lora_A.default.weight",
    "lora.down.weight",
    "layer.down.weight",
    *(f"_lora{number}.down.weight" for number in (1, 2)),
)
"""Without one of these endings no name belongs to an adapter, and no name needs to be taken apart."""
_ONE_INDEX = re.compile(r"\.\d+(?:\.|$)")
_INNER_INDEX = re.compile(r"_\d++(?=_)")

_DIALECTS = (
    ("lora_unet_", "kohya"),
    ("diffusion_model.", "comfy"),
    ("transformer.", "diffusers"),
    ("unet.", "diffusers"),
    ("lora_prior_unet_", "kohya"),
    ("lora_prior_te_", "kohya"),
    ("oft_unet_", "kohya"),
    ("lora_te", "kohya"),
    ("lora_transformer_", "onetrainer"),
    ("lycoris_unet_", "lycoris"),
    ("lycoris_", "lycoris"),
    ("base_model.model.diffusion_model.", "peft"),
    ("base_model.model.transformer.", "peft"),
    ("base_model.model.unet.", "peft"),
    ("base_model.model.", "peft"),
    ("model.diffusion_model.", "comfy"),
)
"""Beginnings of modules and whose they are; longer ones first where one contains another."""


class Change(NamedTuple):
    """How one module is changed: by which algorithm (None: a needed half is missing), and how wide."""

    algorithm: str | None
    rank: int | None
    width_in: int | None
    width_out: int | None


@lru_cache(maxsize=512)
def _change_of(parts: tuple[str, ...], shapes: tuple[Shape, ...]) -> Change:
    """Tell how a module is changed by its tensors: few parts and shapes come again in all modules of a model."""
    tensors = dict(zip(parts, shapes, strict=True))
    algorithm = _algorithm_of(parts)
    if algorithm == "lora" and ("mid" in tensors or _is_convolution(tensors["down"])):
        algorithm = "locon"
    elif algorithm == "oft" and len(tensors["oft"]) == 4:
        algorithm = "boft"
    return Change(algorithm, _rank_of(tensors), *_widths_of(tensors))


@lru_cache(maxsize=1024)
def _algorithm_of(parts: tuple[str, ...]) -> str | None:
    """Return how the change is made as far as the parts tell, or None where a needed half is missing."""
    there = frozenset(parts)
    if {"down", "up"} <= there:
        return "dora" if "dora" in there else "lora"
    if {"w1_a", "w1_b", "w2_a", "w2_b"} <= there:
        return "loha"
    if ("lokr_w1" in there or {"lokr_w1_a", "lokr_w1_b"} <= there) and (
        "lokr_w2" in there or {"lokr_w2_a", "lokr_w2_b"} <= there
    ):
        return "lokr"
    if "oft" in there:
        return "oft"
    if {"a1", "a2", "b1", "b2"} <= there:
        return "glora"
    if "on_input" in there:
        return "ia3"
    if "diff" in there or "diff_b" in there:
        return "full"
    if "w_norm" in there or "b_norm" in there:
        return "norm"
    return "set" if "set" in there else None


def _rank_of(parts: Mapping[str, Shape]) -> int | None:
    """Return the inner dimension of the factors, where there are factors."""
    if "down" in parts and "up" in parts and parts["down"]:
        return parts["down"][0]
    if parts.get("w1_b"):
        return parts["w1_b"][0]
    if {"a1", "a2"} <= parts.keys():
        return min((*parts["a1"], *parts["a2"]), default=None)
    inner = [parts[part][0] for part in ("lokr_w1_b", "lokr_w2_b") if parts.get(part)]
    return min(inner, default=None)


def _widths_of(parts: Mapping[str, Shape]) -> tuple[int | None, int | None]:
    """Return the width of the module's input and of its output."""
    if "down" in parts or "up" in parts:
        return _dim(parts.get("down"), 1), _dim(parts.get("up"), 0)
    if "w1_a" in parts or "w1_b" in parts:
        return _dim(parts.get("w1_b"), 1), _dim(parts.get("w1_a"), 0)
    if any(part.startswith("lokr_") for part in parts):
        return _lokr_width(parts, 1), _lokr_width(parts, 0)
    if "diff" in parts:
        return _dim(parts["diff"], 1), _dim(parts["diff"], 0)
    if len(parts.get("b1", ())) == 2 and len(parts.get("b2", ())) == 2:
        # Today's LyCORIS stores b1 as [out, rank] and b2 as [rank, in]; its first versions the other way round.
        if parts["b1"][1] == parts["b2"][0] == _rank_of(parts):
            return parts["b2"][1], parts["b1"][0]
        return parts["b1"][1], parts["b2"][0]
    if len(parts.get("oft", ())) == 3:
        blocks = parts["oft"]
        return None, blocks[0] * blocks[1]
    return None, None


def _lokr_width(parts: Mapping[str, Shape], dim: int) -> int | None:
    """The Kronecker product multiplies the widths of its two factors."""
    total = 1
    for factor in ("lokr_w1", "lokr_w2"):
        shape = parts.get(factor)
        width = _dim(shape, dim) if shape else _dim(parts.get(f"{factor}_{'ab'[dim]}"), dim)
        if width is None:
            return None
        total *= width
    return total


_HALVES = frozenset(
    ("down", "up", "w1_a", "w1_b", "w2_a", "w2_b", "lokr_w1", "lokr_w2", "lokr_w1_a", "lokr_w2_a", "a1", "b1")
)


def _dim(shape: Shape | None, index: int) -> int | None:
    return shape[index] if shape is not None and len(shape) > index else None


def _is_convolution(shape: Shape) -> bool:
    return len(shape) >= 4 and shape[-1] > 1


class Modules:
    """The names of a header's tensors as parts of the changes of modules.

    Attributes:
        members: module as named -> its parts and the names of their tensors.
        complete: how many of them are whole.
        share: the part of all tensors that belong to an adapter.
    """

    def __init__(self, tensors: Tensors) -> None:
        self.members: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {}
        self.complete = 0
        self.share = 0.0
        names = tensors.specs
        if not any(map(tensors.may_end_with, _TELLING)):
            return
        counted = 0
        groups: dict[str, dict[str, str]] = {}
        whole_tails = _WHOLE_TAILS
        for name in names:
            module, _, tail = name.partition(".")
            part = whole_tails.get(tail)
            if part is None:
                found = _split(name)
                if found is None:
                    continue
                module, part = found
            counted += 1
            group = groups.get(module)
            if group is None:
                groups[module] = {part: name}
            else:
                group[part] = name
        for module, group in groups.items():
            parts = tuple(group)
            if "on_input" in group and module + ".weight" in names:
                counted += 1
            if _algorithm_of(parts) is not None:
                self.complete += 1
            self.members[module] = (parts, tuple(group.values()))
        self.share = counted / max(1, len(names))

    @cached_property
    def broken(self) -> list[str]:
        """The modules of which one half is missing."""
        return [
            module
            for module, (parts, _) in self.members.items()
            if _algorithm_of(parts) is None and not _HALVES.isdisjoint(parts)
        ]

    @cached_property
    def dialect(self) -> str | None:
        """Whose spelling most modules have."""
        counts = Counter(dialect for _, dialect in self._paths)
        return counts.most_common(1)[0][0] if counts else None

    def changes(self, needle: str, *, indexed: bool) -> bool:
        """Tell whether some module's path contains what `needle_of` made."""
        return needle in self._skeletons or (indexed and needle in self._plain)

    def highest_index(self, path: str) -> int | None:
        """Return the highest number that stands right after `path`."""
        numbers = re.findall(
            "_" + path.replace(".", "_").replace("*", r"\d+") + r"_(\d{1,4})(?=_)", self._plain
        )
        return max(map(int, numbers), default=None)

    @cached_property
    def _paths(self) -> list[tuple[str, str]]:
        """Of each module: its path in the common spelling, without its prefix, and the dialect of that prefix."""
        return list(map(_path_of, self.members))

    @cached_property
    def _plain(self) -> str:
        return "\n_" + "_\n\n_".join(path for path, _ in self._paths) + "_\n"

    @cached_property
    def skeletons(self) -> list[str]:
        """Of each module: its path in the common spelling with ``*`` for its indices."""
        return _INNER_INDEX.sub("_*", "\n".join(path for path, _ in self._paths)).split("\n")

    @cached_property
    def _skeletons(self) -> str:
        return "".join(f"\n_{line}_\n" for line in dict.fromkeys(self.skeletons))


class Adapter:
    """A header's tensors as the changes of modules."""

    def __init__(self, specs: Mapping[str, Spec], modules: Modules) -> None:
        self._modules = modules
        self._changes = [
            _change_of(parts, tuple([specs[name].shape for name in names]))
            for parts, names in modules.members.values()
        ]
        self._algorithms = Counter(change.algorithm for change in self._changes)

    @cached_property
    def algorithm(self) -> str | None:
        """The algorithm of most modules; plain differences and norms count only where there is nothing else."""
        counts = self._algorithms.copy()
        del counts[None]
        if not counts:
            return None
        if counts["dora"]:
            return "dora"
        if counts["locon"] and not (counts.keys() - {"lora", "locon", "full", "norm", "set"}):
            return "locon"
        main = [(count, name) for name, count in counts.items() if name not in ("full", "norm", "set")]
        if main:
            return max(main, key=lambda pair: pair[0])[1]
        return counts.most_common(1)[0][0]

    @cached_property
    def rank(self) -> int | str | None:
        """One number, or the least and the greatest."""
        ranks = {change.rank for change in self._changes} - {None}
        if not ranks:
            return None
        least, greatest = min(r for r in ranks if r is not None), max(r for r in ranks if r is not None)
        return least if least == greatest else f"{least}-{greatest}"

    def widths(self, path: str, *, inward: bool) -> set[int]:
        """Return the widths of the inputs (or outputs) of all modules that contain `path`."""
        needle, _ = needle_of(path)
        found: set[int] = set()
        for skeleton, widths in self._widths.items():
            if needle in skeleton:
                found |= widths[0 if inward else 1]
        return found

    @cached_property
    def _widths(self) -> dict[str, tuple[set[int], set[int]]]:
        widths: dict[str, tuple[set[int], set[int]]] = {}
        for line, change in set(zip(self._modules.skeletons, self._changes, strict=True)):
            known = widths.setdefault(f"\n_{line}_\n", (set(), set()))
            if change.width_in is not None:
                known[0].add(change.width_in)
            if change.width_out is not None:
                known[1].add(change.width_out)
        return widths


def _split(name: str) -> tuple[str, str] | None:
    """Return the module and the part of an adapter's tensor, or None for any other tensor."""
    head, _, last = name.rpartition(".")
    part = _ENDINGS.get(last)
    if part is not None:
        return (head, part) if head else None
    if last not in ("weight", "bias"):
        return None
    head, _, part_name = head.rpartition(".")
    if part_name == "default":
        head, _, part_name = head.rpartition(".")
    part = _WEIGHT_PARTS.get(part_name)
    if part is not None:
        return (head, part if last == "weight" else part + "_bias") if head else None
    if part_name in ("down", "up") and last == "weight":
        short = _DIFFUSERS_TAIL.sub("", head)
        if short != head:
            return short, part_name
        if _XLABS_TAIL.search(head):
            return head, part_name
    return None


def _path_of(module: str) -> tuple[str, str]:
    """Return a module's path in the common spelling without its dialect's beginning, and the dialect."""
    for beginning, dialect in _DIALECTS:
        if module.startswith(beginning):
            # Which text encoder it is stays a part of the path.
            kept = len("lora_") if beginning == "lora_te" else len(beginning)
            return module[kept:].replace(".", "_").replace("\n", "_").lstrip("_"), dialect
    return module.replace(".", "_").replace("\n", "_"), "peft" if "." in module else "kohya"


@lru_cache(maxsize=1024)
def needle_of(path: str) -> tuple[str, bool]:
    """Return what to look for: a path (``^``: begins, ``$``: ends) as whole parts, and whether it names one index."""
    begins, ends = path.startswith("^"), path.endswith("$")
    body = path.removeprefix("^").removesuffix("$").replace(".", "_")
    needle = ("\n_" if begins else "_") + body + ("_\n" if ends else "_")
    return needle, _ONE_INDEX.search(path) is not None
