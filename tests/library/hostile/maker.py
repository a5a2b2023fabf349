"""Writes cases into a folder and remembers what a scan has to say of each."""

import json
import os
import random
import socket
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

GOOD = "good.safetensors"


class Bad(NamedTuple):
    """A name that a scan meets.

    Attributes:
        path: absolute, ``surrogateescape`` text.
        codes: any of these must be among its problems; none for a file without a fault, None for whatever it is.
        listed: it must be in the library.
    """

    path: str
    codes: frozenset[str] | None
    listed: bool


class Tree(NamedTuple):
    """What `make` wrote.

    Attributes:
        root: the folder to scan.
        outside: a folder that nothing may read, write or list.
        canary: a path that exists if any payload was run.
        bad: all that is hostile.
        good: the neighbours.
    """

    root: Path
    outside: Path
    canary: Path
    bad: list[Bad]
    good: list[str]


class Maker:
    def __init__(self, place: Path, seed: int, large: bool) -> None:
        self.root, self.outside, self.canary = place / "tree", place / "outside", place / "canary"
        self.random = random.Random(seed)
        self.large = large
        self.bad: list[Bad] = []
        self.good: list[str] = []
        self.number = 0
        self.root.mkdir()
        self.outside.mkdir()

    def folder(self, name: str) -> Path:
        """Return a new folder with a good model in it."""
        folder = self.root / name
        folder.mkdir(parents=True)
        self.neighbour(folder)
        return folder

    def neighbour(self, folder: Path, name: str = GOOD) -> None:
        path = folder / name
        self.number += 1
        path.write_bytes(lora(self.number))
        self.good.append(str(path))

    def file(self, folder: Path, name: str, content: bytes, *codes: str, sparse: int = 0) -> str:
        path = os.path.join(folder, name)
        with open(path, "wb") as file:
            file.write(content)
            if sparse:
                file.truncate(len(content) + sparse)
        self.bad.append(Bad(path, None if "any" in codes else frozenset(codes), listed=True))
        return path

    def told(self, path: str | Path, *codes: str) -> None:
        """Note what is told, but not listed."""
        self.bad.append(Bad(str(path), frozenset(codes), listed=False))


def lora(number: int) -> bytes:
    """Return a small valid LoRA of its own content."""
    name = "lora_unet_input_blocks_4_1_transformer_blocks_0_attn2_to_k"
    shapes = {f"{name}.lora_down.weight": (1, 768), f"{name}.lora_up.weight": (320, 1)}
    return tensors(shapes, {"format": "pt"}, struct.pack("<I", number))


def tensors(
    shapes: Mapping[str, tuple[int, ...]], metadata: Mapping[str, Any] | None = None, fill: bytes = b"\1"
) -> bytes:
    """Return a valid safetensors file of F16."""
    header: dict[str, Any] = {} if metadata is None else {"__metadata__": metadata}
    end = 0
    for name, shape in shapes.items():
        begin, size = end, 2
        for length in shape:
            size *= length
        end = begin + size
        header[name] = {"dtype": "F16", "shape": list(shape), "data_offsets": [begin, end]}
    data = fill * (end // len(fill) + 1)
    return beginning(json.dumps(header).encode()) + data[:end]


def beginning(header: bytes, length: int | None = None) -> bytes:
    """Return the beginning of a safetensors file with these bytes as its header."""
    return struct.pack("<Q", len(header) if length is None else length) + header


def make_socket(path: Path) -> None:
    here = os.getcwd()
    os.chdir(path.parent)  # the path of a socket is short
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(here)
