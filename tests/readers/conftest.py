"""Writers of small real files: true headers, and as many bytes behind them as they promise, but sparse."""

import json
import struct
from collections.abc import Callable, Mapping, Sequence
from math import prod
from pathlib import Path
from typing import Any

import pytest

BITS = {
    "F64": 64,
    "F32": 32,
    "F16": 16,
    "BF16": 16,
    "F8_E4M3": 8,
    "I64": 64,
    "I32": 32,
    "I8": 8,
    "U8": 8,
    "BOOL": 8,
}
GGUF_KINDS = dict(
    zip(
        ["u8", "i8", "u16", "i16", "u32", "i32", "f32", "bool", "str", "arr", "u64", "i64", "f64"],
        range(13),
        strict=True,
    )
)
GGUF_CODES = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
GGUF_BLOCKS = {0: (1, 4), 1: (1, 2), 2: (32, 18), 8: (32, 34), 12: (256, 144), 14: (256, 210), 30: (1, 2)}


@pytest.fixture
def safetensors_file(tmp_path: Path) -> Callable[..., str]:
    """Write a safetensors file from name -> shape, or name -> (dtype, shape)."""

    def write(
        tensors: Mapping[str, Any],
        metadata: Mapping[str, Any] | None = None,
        *,
        name: str = "x.safetensors",
        dtype: str = "F16",
    ) -> str:
        header: dict[str, Any] = {} if metadata is None else {"__metadata__": dict(metadata)}
        offset = 0
        for key, shape in tensors.items():
            kind = dtype
            if shape and isinstance(shape[0], str):
                kind, shape = shape
            end = offset + prod(shape) * BITS[kind] // 8
            header[key] = {"dtype": kind, "shape": list(shape), "data_offsets": [offset, end]}
            offset = end
        text = json.dumps(header, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 8)
        return write_bytes(tmp_path / name, struct.pack("<Q", len(text)) + text, offset)

    return write


@pytest.fixture
def raw_safetensors(tmp_path: Path) -> Callable[..., str]:
    """Write a safetensors file from the header's bytes as they are."""

    def write(
        header: bytes, data_bytes: int = 0, *, name: str = "x.safetensors", length: int | None = None
    ) -> str:
        claimed = len(header) if length is None else length
        return write_bytes(tmp_path / name, struct.pack("<Q", claimed) + header, data_bytes)

    return write


@pytest.fixture
def file_of(tmp_path: Path) -> Callable[..., str]:
    """Write bytes under a name."""

    def write(content: bytes, name: str = "x.bin") -> str:
        return write_bytes(tmp_path / name, content, 0)

    return write


@pytest.fixture
def gguf_file(tmp_path: Path) -> Callable[..., str]:
    """Write a GGUF file from pairs (key, kind, value[, element kind]) and tensors (name, PyTorch shape, type)."""

    def write(
        pairs: Sequence[tuple[Any, ...]] = (),
        tensors: Sequence[tuple[str, Sequence[int], int]] = (),
        *,
        name: str = "x.gguf",
        version: int = 3,
        order: str = "<",
        alignment: int = 32,
    ) -> str:
        header, data_bytes = gguf_bytes(pairs, tensors, version=version, order=order, alignment=alignment)
        return write_bytes(tmp_path / name, header, data_bytes)

    return write


@pytest.fixture
def gguf_header() -> Callable[..., tuple[bytes, int]]:
    """Make the bytes of a GGUF header, and the number of data bytes that it promises."""
    return gguf_bytes


def write_bytes(path: Path, content: bytes, data_bytes: int) -> str:
    with path.open("wb") as file:
        file.write(content)
        file.truncate(len(content) + data_bytes)
    return str(path)


def gguf_bytes(
    pairs: Sequence[tuple[Any, ...]],
    tensors: Sequence[tuple[str, Sequence[int], int]] = (),
    *,
    version: int = 3,
    order: str = "<",
    alignment: int = 32,
) -> tuple[bytes, int]:
    length = "I" if version == 1 else "Q"

    def text(value: str | bytes) -> bytes:
        content = value.encode() if isinstance(value, str) else value
        return struct.pack(order + length, len(content)) + content

    def value_bytes(kind: str, value: Any, element: str | None) -> bytes:
        if kind == "str":
            return text(value)
        if kind != "arr":
            return struct.pack(order + GGUF_CODES[GGUF_KINDS[kind]], value)
        assert element is not None
        start = struct.pack(order + "I" + length, GGUF_KINDS[element], len(value))
        return start + b"".join(value_bytes(element, member, None) for member in value)

    header = b"GGUF" + struct.pack(order + "I" + 2 * length, version, len(tensors), len(pairs))
    for key, kind, value, *element in pairs:
        header += (
            text(key)
            + struct.pack(order + "I", GGUF_KINDS[kind])
            + value_bytes(kind, value, *element or [None])
        )
    offset = 0
    for name, shape, kind in tensors:
        dims = list(shape)[::-1]
        header += text(name) + struct.pack(f"{order}I{len(dims)}{length}IQ", len(dims), *dims, kind, offset)
        block, size = GGUF_BLOCKS[kind]
        offset += -(-prod(shape) // block) * size
        offset += -offset % alignment
    return header + b"\0" * (-len(header) % alignment), offset
