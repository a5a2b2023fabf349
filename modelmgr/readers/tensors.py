"""Questions that rules ask of a header's tensors: is this name there, which shape has it, which come below it."""

import re
from bisect import bisect_left
from collections.abc import Callable, Hashable, Iterator, Mapping
from functools import lru_cache
from typing import Any, TypeVar

from modelmgr.readers.contents import Spec, once
from modelmgr.readers.recent import Recent

T = TypeVar("T")

_PACKED = frozenset(("U8", "I8", "F4", "I32"))
_LAST = "\U0010ffff"
_TAIL = 12
KEPT_NAMES = 16_000
"""Names of all headers that are remembered together."""

_recent: Recent[dict[Any, Any]] = Recent(KEPT_NAMES)


class Tensors:
    """The names and shapes of one header, under the prefix that is being tried.

    A pattern is a name in which ``*`` stands for an index; one that ends in ``**`` is a beginning, one that begins
    with ``**`` an ending, with both a part of a name. Every question is asked under `prefix` first, then without.

    Attributes:
        derived: answers that depend on names and shapes alone; headers with equal tensors may share them.
        named: answers that depend on names alone; headers with equal names share them.
    """

    def __init__(self, specs: Mapping[str, Spec], derived: dict[Any, Any] | None = None) -> None:
        self.specs = specs
        self.prefix = ""
        self.derived: dict[Any, Any] = {} if derived is None else derived
        self.named = self.once("named", self._known_names)

    @property
    def ordered(self) -> list[str]:
        """All names, sorted."""
        return self.once_named("ordered", lambda: sorted(self.specs))

    @property
    def lines(self) -> str:
        """All names, each between two line ends: one search over them beats a loop."""
        return self.once_named("lines", lambda: "\n" + "\n".join(self.ordered) + "\n")

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return what `make` makes of names and shapes alone, made once for all headers with equal tensors."""
        return once(self.derived, key, make)

    def once_named(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return what `make` makes of names alone, made once for all headers with equal names."""
        return once(self.named, key, make)

    def _known_names(self) -> dict[Any, Any]:
        """Return what was derived from these names already: adapters of many ranks have the same ones."""
        if len(self.specs) > KEPT_NAMES // 4:
            return {}
        names = tuple(self.specs)
        named = _recent.get(names)
        if named is None:
            named = {}
            # What is derived has a least size.
            _recent.keep(names, named, len(names) + 200)
        return named

    def may_end_with(self, ending: str) -> bool:
        """Tell whether some name ends so, in a time that hardly depends on how many there are.

        Thousands of names have a few dozen endings; only longer ones than kept may be told falsely to exist.
        """
        tails = self.once_named("tails", lambda: "\n".join({name[-_TAIL:] for name in self.specs}) + "\n")
        return ending[-_TAIL:] + "\n" in tails

    def count_below(self, beginning: str) -> int:
        """Return how many names begin so."""
        return bisect_left(self.ordered, beginning + _LAST) - bisect_left(self.ordered, beginning)

    def choose_prefix(self, prefixes: tuple[str, ...]) -> str:
        """Return the prefix with the most names (more than 5), the earlier one on a tie, or the empty one.

        A name counts for the longest prefix that it begins with.
        """
        best, most = "", 5
        if len(self.specs) <= most:
            return best
        counts = {prefix: self.count_below(prefix) for prefix in prefixes}
        for prefix, inner in _nested(prefixes):
            own = counts[prefix] - sum(counts[other] for other in inner)
            if own > most:
                best, most = prefix, own
        return best

    def find(self, pattern: str) -> str | None:
        """Return the first name that the pattern fits, or None."""
        if pattern.startswith("**"):
            return self._find_part(pattern[2:])
        for prefix in (self.prefix, "") if self.prefix else ("",):
            name = prefix + pattern
            if "*" not in pattern:
                if name in self.specs:
                    return name
            else:
                found = next(self._fitting(name), None)
                if found is not None:
                    return found
        return None

    def shape_of(self, pattern: str) -> tuple[int, ...] | None:
        """Return the shape of the first tensor that the pattern fits, packing undone; None if unknown."""
        name = self.once_named((self.prefix, pattern), lambda: self.find(pattern))
        if name is None:
            return None
        spec = self.specs[name]
        if spec.dtype in _PACKED and name.endswith(".weight"):
            return self._unpacked(name, spec)
        return spec.shape

    def depth(self, pattern: str) -> int:
        """Return how many consecutive indices 0, 1, 2 ... of ``{}`` in the pattern have a name below."""
        for prefix in (self.prefix, "") if self.prefix else ("",):
            count = 0
            while self.count_below(prefix + pattern.format(count)):
                count += 1
            if count:
                return count
        return 0

    def _find_part(self, part: str) -> str | None:
        if part.endswith("**"):
            wanted = part[:-2]
        elif self.may_end_with(part):
            wanted = part + "\n"
        else:
            return None
        position = self.lines.find(wanted)
        if position < 0:
            return None
        start = self.lines.rfind("\n", 0, position + 1) + 1
        name = self.lines[start : self.lines.find("\n", max(start, position))]
        return name if name in self.specs else None

    def _fitting(self, pattern: str) -> Iterator[str]:
        beginning = pattern.partition("*")[0]
        fits = _compiled(pattern).match
        names = self.ordered
        for index in range(bisect_left(names, beginning), len(names)):
            name = names[index]
            if not name.startswith(beginning):
                return
            if fits(name):
                yield name

    def _unpacked(self, name: str, spec: Spec) -> tuple[int, ...] | None:
        """Undo the packing of quantised weights, where the neighbours tell how they were packed."""
        if (
            name + ".quant_state.bitsandbytes__nf4" in self.specs
            or name + ".quant_state.bitsandbytes__fp4" in self.specs
        ):
            # Two values a byte in one column; the bias still has the true height.
            bias = self.specs.get(name[: -len("weight")] + "bias")
            values = 2 * spec.size_bytes
            if bias is not None and len(bias.shape) == 1 and bias.shape[0] and values % bias.shape[0] == 0:
                return (bias.shape[0], values // bias.shape[0])
            return None
        if spec.dtype == "U8" and len(spec.shape) == 2 and name + "_scale" in self.specs:
            # NVFP4 and MXFP4 pack two values a byte along the last dimension.
            return (spec.shape[0], 2 * spec.shape[1])
        return spec.shape


@lru_cache(maxsize=64)
def _nested(prefixes: tuple[str, ...]) -> list[tuple[str, list[str]]]:
    """Return each prefix with those that begin with it and lie in no other such one."""
    nested = []
    for prefix in prefixes:
        inner = [other for other in prefixes if other != prefix and other.startswith(prefix)]
        nested.append((prefix, [o for o in inner if not any(p != o and o.startswith(p) for p in inner)]))
    return nested


def forget() -> None:
    """Forget all names: what a benchmark of unseen names needs."""
    _recent.forget()


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    anything = pattern.endswith("**")
    body = pattern[:-2] if anything else pattern
    expression = r"\d+".join(re.escape(part) for part in body.split("*"))
    return re.compile(expression if anything else expression + r"\Z")
