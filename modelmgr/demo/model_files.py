"""True safetensors and GGUF files of any tensors."""

import json
import math
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

Tensors = Mapping[str, tuple[str, Sequence[int]]]
"""Tensor name -> (dtype or GGUF type name, shape in the order of PyTorch)."""

SAFETENSORS_BITS = {
    "BOOL": 8,
    "U8": 8,
    "I8": 8,
    "F4": 4,
    "F8_E4M3": 8,
    "F8_E5M2": 8,
    "F8_E8M0": 8,
    "I16": 16,
    "U16": 16,
    "F16": 16,
    "BF16": 16,
    "I32": 32,
    "U32": 32,
    "F32": 32,
    "I64": 64,
    "U64": 64,
    "F64": 64,
}

GGUF_TYPES = {
    "F32": (0, 1, 4),
    "F16": (1, 1, 2),
    "Q4_0": (2, 32, 18),
    "Q4_1": (3, 32, 20),
    "Q5_0": (6, 32, 22),
    "Q5_1": (7, 32, 24),
    "Q8_0": (8, 32, 34),
    "Q2_K": (10, 256, 84),
    "Q3_K": (11, 256, 110),
    "Q4_K": (12, 256, 144),
    "Q5_K": (13, 256, 176),
    "Q6_K": (14, 256, 210),
    "BF16": (30, 1, 2),
}
"""Name -> (id, elements in a block, bytes of a block) (ggml-org/ggml, docs/gguf.md and ggml.h)."""

ByteOrder = Literal["little", "big"]

_GGUF_ALIGNMENT = 32


def write_safetensors(
    path: Path, tensors: Tensors, metadata: Mapping[str, str] | None = None, fill: int | bytes = 0
) -> None:
    """Write a valid safetensors file (huggingface/safetensors, README, "Format"), tensors in the order given.

    `fill` is the byte, or the bytes over and over, that all tensor data consists of; zeros become a hole in the
    file. With `metadata` None there is no ``__metadata__`` at all. The header is padded with spaces to a multiple
    of 8, as the reference writer does.
    """
    header: dict[str, object] = {} if metadata is None else {"__metadata__": dict(metadata)}
    begin = 0
    for name, (dtype, shape) in tensors.items():
        end = begin + _safetensors_bytes(name, dtype, shape)
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}
        begin = end
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    _write(path, struct.pack("<Q", len(text)) + text, begin, fill)


def write_gguf(
    path: Path,
    metadata: Mapping[str, object],
    tensors: Tensors,
    version: int = 3,
    byteorder: ByteOrder = "little",
    fill: int | bytes = 0,
) -> None:
    """Write a valid GGUF file (ggml-org/ggml, docs/gguf.md) of version 1, 2 or 3.

    Values become string, bool, uint32 (int32 below zero, uint64 above its reach), float32 or an array by their
    Python type; an array takes the type of its first element. Shapes are given in the order of PyTorch and stored
    the other way round, as GGUF wants them. A file without tensors ends after its metadata.
    """
    order = "<" if byteorder == "little" else ">"
    count = "I" if version == 1 else "Q"  # version 1 had 32-bit lengths and counts

    def text(value: str) -> bytes:
        raw = value.encode()
        return struct.pack(order + count, len(raw)) + raw

    def typed(value: object) -> tuple[int, bytes]:
        match value:
            case bool():
                return 7, struct.pack(order + "?", value)
            case int() if value < 0:
                return 5, struct.pack(order + "i", value)
            case int() if value >= 1 << 32:
                return 10, struct.pack(order + "Q", value)
            case int():
                return 4, struct.pack(order + "I", value)
            case float():
                return 6, struct.pack(order + "f", value)
            case str():
                return 8, text(value)
            case list() | tuple():
                items = [typed(item) for item in value]
                kind = items[0][0] if items else 8
                if any(other != kind for other, _ in items):
                    raise ValueError(f"a GGUF array holds one type of value, not {value!r}")
                return 9, struct.pack(order + "I" + count, kind, len(items)) + b"".join(
                    raw for _, raw in items
                )
        raise ValueError(f"GGUF has no type for {value!r}")

    head = bytearray(b"GGUF" + struct.pack(order + "I" + 2 * count, version, len(tensors), len(metadata)))
    for key, value in metadata.items():
        kind, raw = typed(value)
        head += text(key) + struct.pack(order + "I", kind) + raw
    offset = 0
    for name, (type_name, shape) in tensors.items():
        type_id, block_elements, block_bytes = GGUF_TYPES[type_name]
        if not shape or shape[-1] % block_elements:
            raise ValueError(
                f"{name}: the last dimension of {list(shape)} is no multiple of {block_elements}"
            )
        head += text(name) + struct.pack(order + "I" + count * len(shape), len(shape), *reversed(shape))
        head += struct.pack(order + "IQ", type_id, offset)
        offset += math.prod(shape) // block_elements * block_bytes
        offset += -offset % _GGUF_ALIGNMENT
    if tensors:
        head += bytes(-len(head) % _GGUF_ALIGNMENT)
    _write(path, bytes(head), offset, fill)


def tensor_bytes(tensors: Tensors, fill: int | bytes) -> bytes:
    """Return the bytes after the header of a safetensors file that `write_safetensors` writes."""
    return _repeated(fill, sum(_safetensors_bytes(name, *tensor) for name, tensor in tensors.items()))


def write_inkwash_harbor(folder: Path) -> Path:
    """Write the smallest file that passes for a LoRA with metadata: 184 bytes, one tensor of ``A``."""
    path = folder / "inkwash_harbor.safetensors"
    write_safetensors(path, {"w": ("F32", [16])}, {"ss_output_name": "inkwash_harbor"}, fill=0x41)
    return path


def write_copperleaf_xl(folder: Path) -> Path:
    """Write a safetensors file of 2 MiB of ``B``, long enough for every kind of hash."""
    path = folder / "copperleaf_xl.safetensors"
    write_safetensors(path, {"w": ("F32", [524288])}, {}, fill=0x42)
    return path


def write_tiny_heron(folder: Path) -> Path:
    """Write the shortest valid GGUF file: 24 bytes, neither metadata nor tensors."""
    path = folder / "tiny-heron.gguf"
    write_gguf(path, {}, {})
    return path


def _safetensors_bytes(name: str, dtype: str, shape: Sequence[int]) -> int:
    size_bytes, rest = divmod(math.prod(shape) * SAFETENSORS_BITS[dtype], 8)
    if rest:
        raise ValueError(f"{name}: {dtype} {list(shape)} is no whole number of bytes")
    return size_bytes


def _write(path: Path, head: bytes, size_bytes: int, fill: int | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(head)
        if fill and (isinstance(fill, int) or any(fill)):
            file.write(_repeated(fill, size_bytes))
        else:
            file.truncate(len(head) + size_bytes)


def _repeated(fill: int | bytes, size_bytes: int) -> bytes:
    pattern = bytes([fill]) if isinstance(fill, int) else fill
    return (pattern * (size_bytes // len(pattern) + 1))[:size_bytes]
