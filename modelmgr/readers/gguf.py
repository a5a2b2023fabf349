"""The header of a GGUF file: key-value pairs and tensor infos; tensor data is not touched.

Layout (ggml-org/ggml, docs/gguf.md): magic, version, counts, pairs, infos, padding, data. All lengths come from a
stranger: each is held against the end of the file and against a budget before anything is read or kept. A
vocabulary of a quarter million strings is walked, not stored.
"""

import math
import struct
from collections import Counter
from collections.abc import Hashable, Mapping
from functools import lru_cache, reduce
from operator import add, or_
from typing import Any

from modelmgr.readers import tensor_table
from modelmgr.readers.contents import TENSOR_LIMIT, Contents, Defect, FileBytes, Spec, once, quoted
from modelmgr.readers.gguf_types import FILE_TYPES, TENSOR_TYPES
from modelmgr.readers.tensor_table import Table
from modelmgr.told.texts import clean

MAGIC = b"GGUF"
NEWEST_VERSION = 3
PAIR_LIMIT = 65_536
CLAIMED_TENSOR_LIMIT = 1_000_000
HEADER_LIMIT_BYTES = 64 * 1024 * 1024
KEY_LIMIT_BYTES = 65_535
STRING_LIMIT_BYTES = 16 * 1024 * 1024
KEPT_BYTES = 16 * 1024 * 1024
"""Strings of one header that are kept whole, together; of further ones their first `KEPT_STRING_BYTES`."""
KEPT_STRING_BYTES = 1024
ARRAY_LIMIT = 2**30
KEPT_ELEMENTS = 64
DEPTH_LIMIT = 4
ITEM_LIMIT = 2_000_000
"""Elements of all arrays of strings together; the largest vocabularies with their merges have 0.8 million."""
NAME_LIMIT_BYTES = 1024
DIMENSION_LIMIT = 5
"""GGUF allows 4, but converters put the 5-D patch embeddings of video models back in (city96/ComfyUI-GGUF)."""
FIRST_BLOCK_BYTES = 64 * 1024
_KEY_BYTES = 128
_LONG_INFO_BYTES = 8 + 64 + 4 + 4 * 8 + 4 + 8
"""Of a name of 64 bytes and 4 dimensions; what is longer than that is seldom so in the mean."""
_AFTER_NAME = tuple(
    (struct.Struct(f"<{4 + 8 * dimensions + 4}sQQ").unpack_from, 4 + 8 * dimensions + 4 + 16)
    for dimensions in range(DIMENSION_LIMIT + 1)
)
"""What follows a name, by its first byte: kind, offset and the next name's length; and how many bytes that are."""
_ORIGINAL_SHAPE = "comfy.gguf.orig_shape."

_STRING, _ARRAY = 8, 9
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}

_UNKNOWN_TYPE = "type "
_GUESSED = 1024
_NO_PARAMETERS = ("rope_freqs.weight", ".lora_a", ".lora_b")
"""How names end of tensors that are not the model's own."""

_FACTS = {
    "context_length": "context_length",
    "embedding_length": "embedding_length",
    "block_count": "block_count",
    "feed_forward_length": "feed_forward_length",
    "attention.head_count": "head_count",
    "attention.head_count_kv": "head_count_kv",
    "expert_count": "expert_count",
    "expert_used_count": "expert_used_count",
    "vocab_size": "vocab_size",
}
"""Keys below the architecture's own prefix -> names of facts."""


class _Stop(Exception):
    """The header can't be read further; carries the defect that says why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.defect = Defect(code, message)


class _Cursor:
    """Reads numbers and strings from the start of a file; holds what it has read, up to `HEADER_LIMIT_BYTES`."""

    def __init__(self, file: FileBytes) -> None:
        self.file = file
        self.buffer = bytearray(file.at(0, FIRST_BLOCK_BYTES))
        self.position = 0
        self.items = 0
        self.kept_bytes = 0
        self.cut = False
        self.set_layout("<", wide=True)

    def set_layout(self, order: str, *, wide: bool) -> None:
        """Fix byte order and width of lengths (32 bits in version 1)."""
        self.order = order
        self.uint32 = struct.Struct(order + "I")
        self.length = struct.Struct(order + ("Q" if wide else "I"))
        self.scalars = {kind: struct.Struct(order + code) for kind, code in _SCALARS.items()}

    def need(self, count: int) -> int:
        """Make sure that `count` bytes from here are in the buffer; return the position and step past them."""
        start = self.position
        end = start + count
        if end > len(self.buffer):
            self._fill(end)
        self.position = end
        return start

    def number(self, form: struct.Struct) -> Any:
        """Read one scalar."""
        return form.unpack_from(self.buffer, self.need(form.size))[0]

    def text(self, limit: int) -> str:
        """Read one string of at most `limit` bytes."""
        count = self.number(self.length)
        if count > limit:
            self._refuse_length(count, limit)
        start = self.need(count)
        kept = count
        if self.kept_bytes + count > KEPT_BYTES and count > KEPT_STRING_BYTES:
            kept = KEPT_STRING_BYTES
            self.cut = True
        self.kept_bytes += kept
        return clean(self.buffer[start : start + kept].decode("utf-8", "replace"))

    def skip_texts(self, count: int) -> None:
        """Step over `count` strings; only their lengths are looked at."""
        unpack, width = self.length.unpack_from, self.length.size
        position = self.position
        buffer = self.buffer
        while count:
            done = 0
            try:
                for done in range(count):  # noqa: B007  (how far it came is asked after a break by exception)
                    position += width + unpack(buffer, position)[0]
                break
            except (struct.error, OverflowError):
                # The next length lies beyond the buffer: get more, unless it lies beyond the file.
                count -= done
                self._fill(position + width)
        self.position = position
        self.need(0)

    def ahead(self, count: int) -> bytes:
        """Return up to `count` bytes from here, fewer where the file or what may be read of it ends."""
        end = min(self.position + count, self.file.size_bytes, HEADER_LIMIT_BYTES)
        if end > len(self.buffer):
            self._fill(end)
        return bytes(self.buffer[self.position : end])

    def _fill(self, end: int) -> None:
        size_bytes = self.file.size_bytes
        if end > size_bytes:
            raise _Stop("truncated", f"The file is cut off inside its header: {size_bytes:,} bytes.")
        if end > HEADER_LIMIT_BYTES:
            raise _Stop(
                "too_large", f"The header is longer than {HEADER_LIMIT_BYTES:,} bytes; the rest was not read."
            )
        have = len(self.buffer)
        wanted = min(max(end, 2 * have), HEADER_LIMIT_BYTES, size_bytes)
        self.buffer += self.file.at(have, wanted - have)
        if len(self.buffer) < end:
            raise _Stop("truncated", "The file became shorter while it was read.")

    def _refuse_length(self, count: int, limit: int) -> None:
        if self.position + count > self.file.size_bytes:
            raise _Stop(
                "header_invalid",
                f"A string at byte {self.position:,} claims {count:,} bytes, more than the file has.",
            )
        raise _Stop(
            "header_invalid",
            f"A string at byte {self.position:,} claims {count:,} bytes; {limit:,} are allowed.",
        )


def read(file: FileBytes) -> Contents:
    """Read pairs and tensor infos, as far as they make sense, and hold the tensors against the file's size."""
    contents = Contents("gguf")
    cursor = _Cursor(file)
    try:
        tensor_count = _read_pairs(cursor, contents)
        data_bytes = _read_infos(cursor, tensor_count, contents)
    except _Stop as stop:
        contents.defects.insert(0, stop.defect)
        contents.complete = False
        data_bytes = 0
    if cursor.cut:
        contents.defects.append(Defect("metadata_cut", "The header's texts are very long; some were cut."))
    _state_facts(contents, data_bytes)
    return contents


def _read_pairs(cursor: _Cursor, contents: Contents) -> int:
    """Read everything up to the tensor infos; return how many of them are claimed."""
    cursor.need(len(MAGIC))
    version = cursor.number(cursor.uint32)
    if version & 0xFFFF == 0:
        # Byte order is stated nowhere: a small version number read the wrong way round has only its high half.
        cursor.set_layout(">", wide=True)
        version = int.from_bytes(version.to_bytes(4, "little"), "big")
        contents.facts["byte_order"] = "big"
    contents.facts["gguf_version"] = version
    if not 1 <= version <= NEWEST_VERSION:
        raise _Stop(
            "unsupported_version", f"GGUF version {version}; versions 1 to {NEWEST_VERSION} are known."
        )
    if version == 1:
        cursor.set_layout(cursor.order, wide=False)
    tensor_count: int = cursor.number(cursor.length)
    pair_count = cursor.number(cursor.length)
    if tensor_count > CLAIMED_TENSOR_LIMIT:
        raise _Stop("header_invalid", f"The header claims {tensor_count:,} tensors.")
    if pair_count > PAIR_LIMIT:
        raise _Stop("header_invalid", f"The header claims {pair_count:,} key-value pairs.")
    duplicate: str | None = None
    for _ in range(pair_count):
        key = cursor.text(KEY_LIMIT_BYTES)
        value = _read_value(cursor, cursor.number(cursor.uint32), key, 0)
        if key in contents.metadata:
            duplicate = key if duplicate is None else duplicate
            continue
        contents.metadata[key] = value
    if duplicate is not None:
        contents.defects.append(
            Defect("duplicate_keys", f"The header names {quoted(duplicate)} twice; the first one was taken.")
        )
    return tensor_count


def _read_value(cursor: _Cursor, kind: int, key: str, depth: int) -> Any:
    if kind == _STRING:
        return cursor.text(STRING_LIMIT_BYTES)
    if kind == _ARRAY:
        return _read_array(cursor, key, depth)
    form = cursor.scalars.get(kind)
    if form is None:
        raise _Stop("header_invalid", f"The value of {quoted(key)} is of unknown type {kind}.")
    return cursor.number(form)


def _read_array(cursor: _Cursor, key: str, depth: int) -> Any:
    """Read an array: a list, or for more than `KEPT_ELEMENTS` its count and its first elements."""
    if depth >= DEPTH_LIMIT:
        raise _Stop("header_invalid", f"The value of {quoted(key)} is nested too deeply.")
    kind = cursor.number(cursor.uint32)
    count = cursor.number(cursor.length)
    smallest = _SIZES.get(kind, cursor.length.size)
    if count > ARRAY_LIMIT or count * smallest > HEADER_LIMIT_BYTES:
        raise _Stop("header_invalid", f"The array {quoted(key)} claims {count:,} elements.")
    if count * smallest > cursor.file.size_bytes - cursor.position:
        raise _Stop("truncated", f"The file is cut off inside its header: {cursor.file.size_bytes:,} bytes.")
    kept = min(count, KEPT_ELEMENTS)
    if kind in _SIZES:
        start = cursor.position
        cursor.need(kept * smallest)
        first = list(struct.unpack_from(f"{cursor.order}{kept}{_SCALARS[kind]}", cursor.buffer, start))
        cursor.position = start + count * smallest
        if cursor.position > HEADER_LIMIT_BYTES:
            raise _Stop(
                "too_large", f"The header is longer than {HEADER_LIMIT_BYTES:,} bytes; the rest was not read."
            )
    else:
        # What becomes an object costs more than what is stepped over.
        cursor.items += 16 * count if kind == _ARRAY else count + 8 * kept
        if cursor.items > ITEM_LIMIT:
            raise _Stop(
                "too_large",
                f"The header's arrays hold more than {ITEM_LIMIT:,} elements; the rest was not read.",
            )
        if kind == _STRING:
            first = [cursor.text(STRING_LIMIT_BYTES) for _ in range(kept)]
            cursor.skip_texts(count - kept)
        elif kind == _ARRAY:
            first = [_read_array(cursor, key, depth + 1) for _ in range(count)][:kept]
        else:
            raise _Stop("header_invalid", f"The array {quoted(key)} is of unknown type {kind}.")
    return first if count == kept else {"count": count, "first": first}


def _read_infos(cursor: _Cursor, tensor_count: int, contents: Contents) -> int:
    """Read the tensor infos; return the bytes that the tensors take in the data area."""
    alignment = _alignment(contents)
    table = _known_table(cursor, tensor_count, alignment, contents)
    contents.specs, contents.kinds, contents.derived = table.specs, table.kinds, table.derived
    contents.defects += table.defects
    data_offset = -(-cursor.position // alignment) * alignment
    contents.data_offset = data_offset
    if tensor_count > TENSOR_LIMIT:
        contents.defects.append(
            Defect(
                "too_large", f"The header lists {tensor_count:,} tensors; only {TENSOR_LIMIT:,} were read."
            )
        )
    elif table.end and data_offset + table.end > cursor.file.size_bytes:
        contents.defects.insert(
            0,
            Defect(
                "truncated",
                f"The file is cut off: {cursor.file.size_bytes:,} of {data_offset + table.end:,} bytes.",
            ),
        )
    else:
        _note_what_follows(table, cursor.file.size_bytes - data_offset, alignment, contents)
    return sum(spec.size_bytes * count for spec, count in table.kinds or ())


def _note_what_follows(table: Table, data_bytes: int, alignment: int, contents: Contents) -> None:
    """Tell of bytes behind the last tensor and what fills it up to the alignment."""
    if any(spec.dtype.startswith(_UNKNOWN_TYPE) for spec, _ in table.kinds or ()):
        return  # nobody knows how long these are
    behind = data_bytes - -(-table.end // alignment) * alignment
    if behind > 0:
        message = f"{behind:,} bytes follow the last tensor; no tensor claims them."
        if not table.specs:
            message = f"{behind:,} bytes follow the header, which names no tensor."
        contents.defects.append(Defect("trailing_data", message))


def _known_table(cursor: _Cursor, tensor_count: int, alignment: int, contents: Contents) -> Table:
    """Return the infos from here on: as they were read from another file, where they are the same to the byte."""
    start = cursor.position
    key: Hashable = None
    if not any(name.startswith(_ORIGINAL_SHAPE) for name in contents.metadata):
        beginning = bytes(cursor.buffer[start : start + _KEY_BYTES])
        key = (cursor.order, cursor.length.size, tensor_count, alignment, beginning)
        found = tensor_table.known(key)
        if found is not None and start + len(found[0]) <= cursor.file.size_bytes:
            cursor.need(len(found[0]))
            if cursor.buffer.startswith(found[0], start):
                return found[1]
            cursor.position = start
    table = Table()
    # Kept as it grows: what was read before a fault still tells something.
    contents.specs = table.specs
    if key is None or not _read_plain(cursor, tensor_count, alignment, table):
        _read_table(cursor, min(tensor_count, TENSOR_LIMIT), alignment, contents.metadata, table)
    if key is not None and tensor_count <= TENSOR_LIMIT:
        tensor_table.keep(key, bytes(cursor.buffer[start : cursor.position]), table)
    return table


def _read_plain(cursor: _Cursor, tensor_count: int, alignment: int, table: Table) -> bool:
    """Read the infos of a usual file; return False for all others, of which nothing but the buffer was touched.

    An info is its name's length and name, then what makes its kind (number of dimensions, dimensions, type), and the
    offset, of which the next name's length is the neighbour.
    """
    wanted = tensor_count * _LONG_INFO_BYTES
    if cursor.order != "<" or cursor.length.size != 8 or not 0 < wanted <= tensor_table.KEPT_TABLE_BYTES:
        return False
    buffer = cursor.ahead(wanted) + bytes(8)
    names: list[bytes] = []
    kinds: list[bytes] = []
    offsets: list[int] = []
    try:
        (length,) = cursor.length.unpack_from(buffer)
        start = 8
        for _ in range(tensor_count):
            end = start + length
            names.append(buffer[start:end])
            unpack, size = _AFTER_NAME[buffer[end]]
            kind, offset, length = unpack(buffer, end)
            kinds.append(kind)
            offsets.append(offset)
            start = end + size
        joined = b"\n".join(names)
        texts = joined.decode("utf-8").split("\n")
    except (IndexError, struct.error, UnicodeDecodeError):
        return False
    counts = Counter(kinds)
    by_kind = {kind: spec for kind in counts if (spec := _spec_of_plain(kind)) is not None}
    if (
        len(by_kind) != len(counts)
        or len(texts) != tensor_count
        or max(map(len, names)) > NAME_LIMIT_BYTES
        or b"\0" in joined
        or reduce(or_, offsets) & (alignment - 1)
    ):
        return False
    found = dict(zip(texts, map(by_kind.__getitem__, kinds), strict=True))
    if len(found) != tensor_count:
        return False
    cursor.position += start - 8
    sizes = {kind: spec.size_bytes for kind, spec in by_kind.items()}
    table.specs = found
    table.kinds = [(by_kind[kind], count) for kind, count in counts.items()]
    table.end = max(map(add, offsets, map(sizes.__getitem__, kinds)))
    return True


@lru_cache(maxsize=4096)
def _spec_of_plain(kind: bytes) -> Spec | None:
    """Return the spec of number of dimensions, dimensions and type, as they stand in a file of today."""
    dimensions, *shape, number = struct.unpack(f"<I{len(kind) // 8 - 1}QI", kind)
    return _spec_of(number, tuple(reversed(shape))) if dimensions == len(shape) else None


def _read_table(
    cursor: _Cursor, tensor_count: int, alignment: int, metadata: Mapping[str, Any], table: Table
) -> None:
    uint32, quad = cursor.uint32, cursor.length
    kinds: dict[tuple[int, tuple[int, ...]], Spec] = {}
    unaligned: str | None = None
    duplicate: str | None = None
    for _ in range(tensor_count):
        name = cursor.text(NAME_LIMIT_BYTES)
        dimensions = cursor.number(uint32)
        if dimensions > DIMENSION_LIMIT:
            raise _Stop(
                "header_invalid", f"Tensor {quoted(name)} has {dimensions:,} dimensions; GGUF allows 4."
            )
        start = cursor.need(dimensions * quad.size + 12)
        # Stored innermost first, the reverse of PyTorch's order.
        shape = struct.unpack_from(f"{cursor.order}{dimensions}{quad.format[-1]}", cursor.buffer, start)[::-1]
        kind, offset = struct.unpack_from(cursor.order + "IQ", cursor.buffer, start + dimensions * quad.size)
        key = (kind, shape)
        spec = kinds.get(key)
        if spec is None:
            spec = kinds[key] = _spec_of(kind, shape)
        original = metadata.get(_ORIGINAL_SHAPE + name)
        if isinstance(original, list) and all(type(dim) is int for dim in original):
            spec = spec._replace(shape=tuple(original))
        if name in table.specs:
            duplicate = name if duplicate is None else duplicate
        table.specs[name] = spec
        if offset % alignment and unaligned is None:
            unaligned = name
        table.end = max(table.end, offset + spec.size_bytes)
    table.kinds = list(Counter(table.specs.values()).items())
    if duplicate is not None:
        table.defects.append(
            Defect("duplicate_keys", f"Tensor {quoted(duplicate)} stands twice in the header.")
        )
    if unaligned is not None:
        table.defects.append(
            Defect("offsets", f"The offset of tensor {quoted(unaligned)} is no multiple of {alignment}.")
        )


def _alignment(contents: Contents) -> int:
    stated = contents.metadata.get("general.alignment", 32)
    if type(stated) is int and stated > 0 and stated & (stated - 1) == 0:
        return stated
    contents.defects.append(Defect("alignment", "The header's alignment is no power of two; 32 was taken."))
    return 32


def _spec_of(kind: int, shape: tuple[int, ...]) -> Spec:
    if kind not in TENSOR_TYPES:
        return Spec(f"{_UNKNOWN_TYPE}{kind}", shape, 0)
    name, block, block_bytes = TENSOR_TYPES[kind]
    return Spec(name, shape, -(-math.prod(shape) // block) * block_bytes)


def _state_facts(contents: Contents, data_bytes: int) -> None:
    """Derive what a person wants to see: quantisation, size in parameters, context, experts, split."""
    metadata, facts = contents.metadata, contents.facts
    architecture = metadata.get("general.architecture")
    if architecture is not None and not (isinstance(architecture, str) and architecture.strip()):
        contents.defects.append(Defect("metadata_invalid", "The header's general.architecture is no text."))
        del metadata["general.architecture"]
        architecture = None
    quantization = _quantization(contents)
    if quantization:
        facts["quantization"] = quantization
    parameters = once(contents.derived, _parameters, lambda: _parameters(contents))
    if parameters:
        facts["parameter_count"] = parameters
        if data_bytes:
            facts["bits_per_weight"] = round(8 * data_bytes / parameters, 2)
    if architecture is not None:
        for key, fact in _FACTS.items():
            value = metadata.get(f"{architecture}.{key}")
            if type(value) is int or isinstance(value, (list, dict)):
                facts[fact] = value
    tokens = metadata.get("tokenizer.ggml.tokens")
    if "vocab_size" not in facts and isinstance(tokens, (list, dict)):
        facts["vocab_size"] = tokens["count"] if isinstance(tokens, dict) else len(tokens)
    for key, fact in (("split.no", "split_no"), ("split.count", "split_count")):
        if type(metadata.get(key)) is int:
            facts[fact] = metadata[key]
    if any(key.startswith("quantize.imatrix.") for key in metadata):
        facts["imatrix"] = True


def _parameters(contents: Contents) -> int:
    names = "\n".join(contents.specs) + "\n"
    if not any(f"{ending}\n" in names for ending in _NO_PARAMETERS):
        return contents.parameter_count()
    return sum(
        math.prod(spec.shape) for name, spec in contents.specs.items() if not name.endswith(_NO_PARAMETERS)
    )


def _quantization(contents: Contents) -> str | None:
    file_type = contents.metadata.get("general.file_type")
    if type(file_type) is int and file_type & ~_GUESSED in FILE_TYPES:
        return FILE_TYPES[file_type & ~_GUESSED] + (" (guessed)" if file_type & _GUESSED else "")
    sizes: dict[str, int] = {}
    for spec, count in contents.counted():
        if len(spec.shape) >= 2:
            sizes[spec.dtype] = sizes.get(spec.dtype, 0) + spec.size_bytes * count
    if not sizes:
        return None
    return max(sizes, key=lambda name: sizes[name]) + " (by tensors)"
