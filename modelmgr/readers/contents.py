"""What a format's reader hands to the identification: names, shapes, metadata, and what is wrong with them.

Nothing here knows what a model is.
"""

import os
from collections import Counter
from collections.abc import Callable, Hashable
from dataclasses import field
from typing import Any, NamedTuple, TypeVar

from modelmgr.lazily import dataclass

T = TypeVar("T")

TENSOR_LIMIT = 200_000
"""More tensors than any model has; a header that claims more is read no further."""


class Spec(NamedTuple):
    """Type, shape and stored size of one tensor.

    `shape` is in PyTorch's order. `size_bytes` is what the file stores, whatever the shape says.
    """

    dtype: str
    shape: tuple[int, ...]
    size_bytes: int


class Defect(NamedTuple):
    """Something wrong in a file: a code of the catalog's list and one sentence for the user."""

    code: str
    message: str


@dataclass(slots=True)
class Contents:
    """One file's header, as far as it could be read.

    Attributes:
        format: the format's id; ``invalid`` for a header that can't be read at all.
        specs: tensor name -> type and shape, in the file's order.
        metadata: key -> text (safetensors) or value (GGUF); foreign, long values cut.
        defects: what is wrong, worst first.
        data_offset: where the tensor bytes begin, or None.
        complete: False if the reading stopped before the header's end.
        facts: what the format itself states, under the names that `Header.as_json` gives out.
        kinds: the different specs with their numbers, if the reader has counted them.
        derived: what was made of names and shapes alone; tables that are equal may share it, and their specs.
        embedded: the exact bytes of the header's own metadata object (safetensors), or None.
    """

    format: str
    specs: dict[str, Spec] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    defects: list[Defect] = field(default_factory=list)
    data_offset: int | None = None
    complete: bool = True
    facts: dict[str, Any] = field(default_factory=dict)
    kinds: list[tuple[Spec, int]] | None = None
    derived: dict[Any, Any] = field(default_factory=dict)
    embedded: bytes | None = None

    def bytes_by_dtype(self) -> dict[str, int]:
        """Return how many bytes each type of tensor stores, most first."""
        sizes: Counter[str] = Counter()
        for spec, count in self.counted():
            sizes[spec.dtype] += spec.size_bytes * count
        return dict(sizes.most_common())

    def parameter_count(self) -> int:
        """Return the number of elements in all tensors, by their shapes as stored."""
        total = 0
        for spec, count in self.counted():
            elements = 1
            for dim in spec.shape:
                elements *= dim
            total += elements * count
        return total

    def counted(self) -> list[tuple[Spec, int]]:
        """Return the different specs with their numbers."""
        if self.kinds is None:
            self.kinds = list(Counter(self.specs.values()).items())
        return self.kinds


def once(derived: dict[Any, Any], key: Hashable, make: Callable[[], T]) -> T:
    """Return what `make` makes of names and shapes alone, made once for all headers that share `derived`.

    Another thread may make the same at the same time; the results are equal, so either may stay.
    """
    try:
        found: T = derived[key]
    except KeyError:
        found = derived[key] = make()
    return found


class FileBytes:
    """Bounded positioned reads of an open file, with the size that it had when it was opened.

    `head` are its first bytes where they were read already; what lies in them is not read again. The descriptor's
    position is not kept.
    """

    __slots__ = ("_descriptor", "_head", "size_bytes")

    def __init__(self, descriptor: int, size_bytes: int, head: bytes | memoryview = b"") -> None:
        self._descriptor = descriptor
        self._head = head
        self.size_bytes = size_bytes

    def at(self, offset: int, count: int) -> bytes:
        """Return up to `count` bytes from `offset`: fewer where the file ends, or was cut meanwhile."""
        count = min(count, self.size_bytes - offset)
        if count <= 0:
            return b""
        if offset + count <= len(self._head):
            return bytes(self._head[offset : offset + count])
        os.lseek(self._descriptor, offset, os.SEEK_SET)
        block = os.read(self._descriptor, count)
        if len(block) == count or not block:
            return block
        blocks = [block]
        missing = count - len(block)
        while missing > 0 and (block := os.read(self._descriptor, missing)):
            blocks.append(block)
            missing -= len(block)
        return b"".join(blocks)


def quoted(name: str) -> str:
    """Return a foreign name short and printable, in quotes, for a message."""
    shown = name if len(name) <= 80 else name[:77] + "..."
    return '"' + "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in shown) + '"'
