"""The table of tensors in a header: names, types, shapes, offsets; fast for safetensors, and remembered for all.

Nearly every file was written by the same few libraries, in one canonical spelling. That spelling is cut at its quotes,
faster than a JSON parser reads it and without three objects a tensor; every piece must be accounted for, or the
header is left to the parser of JSON.

Files of one kind have one table, to the byte: all merges of a checkpoint, all adapters that one trainer made with one
setting. What was read from a table, and what was derived from it, is kept for the next file that has it.
"""

import re
from collections import Counter
from collections.abc import Hashable
from dataclasses import field
from functools import lru_cache
from itertools import accumulate
from operator import add, itemgetter
from typing import Any

from modelmgr.lazily import dataclass
from modelmgr.readers.contents import Defect, Spec, quoted
from modelmgr.readers.recent import Recent

DIMENSION_LIMIT = 64
NUMBER_LIMIT = 2**63
KIND_COUNT_LIMIT = 20_000
"""Different types and shapes in one header; a model has some hundred."""
KIND_LIMIT = 128
"""Characters of a type with its shape; longer ones are left to the general parser, so that kinds can be cached."""
KEPT_TENSORS = 24_000
"""Tensors of all tables that are remembered together; each takes at most some 500 bytes with all that is derived."""
KEPT_TABLE_BYTES = 1024 * 1024
"""Larger tables are not remembered."""
_KEY_BYTES = 128

BITS = {
    "BOOL": 8,
    "F4": 4,
    "F6_E2M3": 6,
    "F6_E3M2": 6,
    "U8": 8,
    "I8": 8,
    "F8_E5M2": 8,
    "F8_E4M3": 8,
    "F8_E8M0": 8,
    "F8_E4M3FNUZ": 8,
    "F8_E5M2FNUZ": 8,
    "I16": 16,
    "U16": 16,
    "F16": 16,
    "BF16": 16,
    "I32": 32,
    "U32": 32,
    "F32": 32,
    "F64": 64,
    "I64": 64,
    "U64": 64,
    "C64": 64,
}
"""Bits per element (huggingface/safetensors, safetensors/src/tensor.rs, Dtype); others follow from the offsets."""

_FRAME = ((2, ':{"'), (3, 'dtype"'), (4, ':"'), (6, ',"'), (7, 'shape"'), (9, 'data_offsets"'))
PART_BYTES = 32 * 1024
"""So much of a table is cut at a time: the pieces of all of it take ten times its memory."""
_ENTRY_END = b"]},"
_OFFSETS = re.compile(r'(?::\[(?:0|[1-9][0-9]{0,17}+),(?:0|[1-9][0-9]{0,17}+)\]\},")*+')


@dataclass(slots=True)
class Table:
    """What a table says, whichever file it stands in. Read only: headers share it.

    Attributes:
        specs: tensor name -> type and shape, in the file's order.
        kinds: the different specs with their numbers, or None where they were not counted.
        end: where the last tensor ends, from the beginning of the data.
        defects: contradictions inside the table.
        derived: what the identification made of names and shapes alone.
    """

    specs: dict[str, Spec] = field(default_factory=dict)
    kinds: list[tuple[Spec, int]] | None = None
    end: int = 0
    defects: list[Defect] = field(default_factory=list)
    derived: dict[Any, Any] = field(default_factory=dict)


_recent: Recent[tuple[bytes, Table]] = Recent(KEPT_TENSORS)


def known(key: Hashable) -> tuple[bytes, Table] | None:
    """Return the bytes and the table that were kept last under a key; whether they fit is for the caller to see."""
    return _recent.get(key)


def keep(key: Hashable, entries: bytes, table: Table) -> None:
    """Keep a table for the next file that has it, unless it is a very large one."""
    if len(entries) <= KEPT_TABLE_BYTES:
        # What is derived from a table has a least size.
        _recent.keep(key, (entries, table), len(table.specs) + 200)


def read(header: bytes, start: int, end: int) -> Table | None:
    """Return what all entries of a header say, or None where they are not in the canonical spelling.

    Args:
        header: the JSON text.
        start: where the first tensor's name begins, behind the ``__metadata__``.
        end: where the outermost brace closes.
    """
    # The last offsets tell most tables apart; the whole is compared in place, neither copied nor hashed.
    key = (end - start, header[max(start, end - _KEY_BYTES) : end])
    found = known(key)
    if found is not None and header.startswith(found[0], start):
        return found[1]
    entries = header[start:end]
    table = _parse(entries)
    if table is not None:
        keep(key, entries, table)
    return table


def forget() -> None:
    """Forget all tables: what a benchmark of unseen tables needs."""
    _recent.forget()


def _parse(entries: bytes) -> Table | None:
    # A raw control character is either white space of another spelling or no JSON at all.
    if entries.endswith(b",") or b"\\" in entries or any(code in entries for code in range(32)):
        return None
    names: list[str] = []
    kinds: list[str] = []
    offsets: list[str] = []
    known: dict[str, str] = {}
    start = 0
    while start < len(entries):
        end = entries.find(_ENTRY_END, start + PART_BYTES) + len(_ENTRY_END)
        part = entries[start:end] if end >= len(_ENTRY_END) else entries[start:] + b","
        start += len(part)
        try:
            columns = _columns(part.decode("utf-8"))
        except UnicodeDecodeError:
            return None
        if columns is None:
            return None
        names += columns[0]
        kinds += map(known.setdefault, columns[1], columns[1])
        offsets += columns[2]
    if len(known) > KIND_COUNT_LIMIT:
        return None
    specs: dict[str, Spec] = {}
    for kind in known:
        spec = _spec_of(kind) if len(kind) <= KIND_LIMIT else None
        if spec is None:
            return None
        specs[kind] = spec
    counts = Counter(kinds)
    table = Table(
        dict(zip(names, map(specs.__getitem__, kinds), strict=True)),
        [(specs[kind], count) for kind, count in counts.items()],
    )
    if "__metadata__" in table.specs or len(table.specs) != len(names):
        return None
    sizes = {kind: spec.size_bytes for kind, spec in specs.items()}
    ends = list(accumulate(map(sizes.__getitem__, kinds)))
    text = '"'.join(offsets) + '"'
    # Tensors that lie one behind the other, each as long as its shape asks for, can have these offsets alone.
    numbers = [0] * (2 * len(ends))
    numbers[1::2], numbers[2::2] = ends, ends[:-1]
    is_told = min(sizes.values()) >= 0 and ends[-1] < NUMBER_LIMIT
    if is_told and text == ':[%d,%d]},"' * len(ends) % tuple(numbers):
        table.end = ends[-1]
        return table
    if _OFFSETS.fullmatch(text) is None:
        return None
    found = list(map(int, text[2:-4].replace(']},":[', ",").split(",")))
    settle_sizes(table, names, found[::2], found[1::2])
    check_extent(table, names, found[::2], found[1::2])
    return table


def _columns(entries: str) -> tuple[list[str], list[str], list[str]] | None:
    """Return names, types with shapes, and offsets of all entries, or None for another spelling.

    In the canonical spelling every entry has ten quotes, and what stands between them is known: cut there, seven of
    ten pieces must be equal in all entries.
    """
    pieces = entries.split('"')
    count, rest = divmod(len(pieces), 10)
    if (
        rest != 1
        or pieces[0]
        or any('"'.join(pieces[place::10]) + '"' != text * count for place, text in _FRAME)
    ):
        return None
    shapes = pieces[8::10]
    # What else stands before a shape would become the end of its type.
    if ('"' + '"'.join(shapes)).count('":[') != count:
        return None
    return pieces[1::10], list(map(add, pieces[5::10], shapes)), pieces[10::10]


@lru_cache(maxsize=4096)
def _spec_of(kind: str) -> Spec | None:
    """Return the spec of ``F16:[320,4],`` with the size that it asks for (-1: unknown), or None for no such text."""
    dtype, _, rest = kind.partition(":[")
    if not rest.endswith("],") or not rest.isascii():
        return None
    parts = rest[:-2].split(",") if len(rest) > 2 else []
    if len(parts) > DIMENSION_LIMIT or not all(map(str.isdigit, parts)):
        return None
    if any(len(part) > 18 or (part[0] == "0" and part != "0") for part in parts):
        return None
    shape = tuple(map(int, parts))
    return Spec(dtype, shape, expected_bytes(dtype, shape))


def expected_bytes(dtype: str, shape: tuple[int, ...]) -> int:
    """Return how many bytes a tensor of this type and shape takes, or -1 where that can't be told."""
    bits = BITS.get(dtype)
    if bits is None:
        return -1
    elements = 1
    for dim in shape:
        elements *= dim
    if elements * bits % 8 or elements >= NUMBER_LIMIT:
        return -1
    return elements * bits // 8


def settle_sizes(table: Table, names: list[str], begins: list[int], ends: list[int]) -> None:
    """Put the stored sizes into the specs and say which of them contradict their shapes."""
    wrong: list[tuple[str, int, int]] = []
    shared: dict[tuple[Spec, int], Spec] = {}
    for name, begin, end in zip(names, begins, ends, strict=True):
        spec, size_bytes = table.specs[name], end - begin
        if spec.size_bytes == size_bytes:
            continue
        if spec.dtype in BITS:
            wrong.append((name, size_bytes, spec.size_bytes))
        key = (spec, size_bytes)
        if key not in shared:
            shared[key] = spec._replace(size_bytes=max(size_bytes, 0))
        table.specs[name] = shared[key]
    table.kinds = None
    if wrong:
        name, size_bytes, asked = wrong[0]
        table.defects.append(Defect("size_mismatch", _wrong_size(name, size_bytes, asked, len(wrong) - 1)))


def _wrong_size(name: str, size_bytes: int, asked_bytes: int, more: int) -> str:
    """Say that a tensor has another size than its shape asks for; below 0 that is a size that nobody can tell."""
    if asked_bytes < 0:
        if more:
            return (
                f"Tensor {quoted(name)} stores {size_bytes:,} bytes, "
                f"its shape asks for another number of bytes (and {more:,} more)."
            )
        return (
            f"Tensor {quoted(name)} stores {size_bytes:,} bytes, its shape asks for another number of bytes."
        )
    if more:
        return (
            f"Tensor {quoted(name)} stores {size_bytes:,} bytes, "
            f"its shape asks for {asked_bytes:,} bytes (and {more:,} more)."
        )
    return f"Tensor {quoted(name)} stores {size_bytes:,} bytes, its shape asks for {asked_bytes:,} bytes."


def check_extent(table: Table, names: list[str], begins: list[int], ends: list[int]) -> None:
    """Say whether the tensors, sorted by offset, start at 0 and touch without gap or overlap; note their end."""
    spans = sorted(zip(begins, ends, names, strict=True), key=itemgetter(0, 1))
    position = 0
    for begin, end, name in spans:
        if begin != position or end < begin:
            table.defects.append(
                Defect(
                    "offsets",
                    f"Tensor {quoted(name)} lies at {begin:,} to {end:,}; expected to begin at {position:,}.",
                )
            )
            break
        position = end
    table.end = max(ends, default=0)
