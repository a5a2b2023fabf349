"""Writes a small real library: model files, sidecars of several tools, previews, exports.

`modelmgr demo` opens the window on it and the tests work on it. The files are true safetensors and GGUF files with
the tensor names and decisive dimensions of their families (``resources/demo/blueprints.json``); what tools and
people say about them is invented (``resources/demo/library.json``). Nothing depends on the clock, on chance or on
the folder: two libraries are equal byte for byte.
"""

import csv
import hashlib
import io
import itertools
import json
import math
import os
import re
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from modelmgr.resources import resource_path
from modelmgr.sqlite import driver

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


# --- model files --------------------------------------------------------------------------------------------


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
        pattern = bytes([fill]) if isinstance(fill, int) else fill
        if any(pattern):
            file.write(_repeated(pattern, size_bytes))
        else:
            file.truncate(len(head) + size_bytes)


def _repeated(pattern: bytes, size_bytes: int) -> bytes:
    return (pattern * (size_bytes // len(pattern) + 1))[:size_bytes]


# --- pictures -----------------------------------------------------------------------------------------------

_PALETTES = (
    ("1b2845", "5d5c8d", "c97b84", "f4b886", "fff3d6", "101a30"),
    ("0b3c49", "2a7f86", "8cc7a1", "e9e3b4", "fffbe6", "062a33"),
    ("2d1e2f", "7b3b4a", "d1654b", "f0a35e", "ffe8b6", "1a1020"),
    ("14213d", "3c5a80", "98b6d4", "e4ecf1", "ffffff", "0c1424"),
    ("232b1e", "51683b", "9aad62", "dcd9a0", "fdf7dc", "161b12"),
    ("2e2350", "6c4a9e", "c37fc4", "f5b8c9", "fff0ea", "1b1433"),
    ("3a2618", "81512c", "c98e4a", "ecc98a", "fff4dc", "22150c"),
    ("10302b", "1f6f5c", "63b995", "c9e4ae", "fafad2", "081d1a"),
    ("2b2f38", "5b6673", "9caab5", "d5dbdc", "fbf8f0", "181b21"),
    ("33102a", "8a2350", "dd5a62", "f9a875", "ffe6ba", "1e0a1a"),
    ("062c50", "0f6aa3", "5db8d6", "c4e8e3", "fffdf0", "031a31"),
    ("3d2b3d", "866280", "c9a0a6", "eed3c3", "fff8ef", "241824"),
)
"""Night, dusk, haze, horizon, light; and the darkest foreground."""


def write_png(path: Path, name: str, width: int = 256, height: int = 320) -> None:
    """Write a picture: a landscape or pattern that `name` alone decides."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(png(name, width, height))


def png(name: str, width: int = 256, height: int = 320) -> bytes:
    """Return the bytes of a PNG with 256 colours, drawn from the digest of `name`.

    Whole rows and columns are built by slicing, never pixel by pixel, so that half a hundred pictures take a
    fraction of a second.
    """
    chance = _chance(name)
    scene = (_hills, _hills, _silk, _rings, _discs)[int(next(chance) * 5)]
    palette = _PALETTES[int(next(chance) * len(_PALETTES))]
    rows = scene(chance, width, height)
    head = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows), 6)
    chunks = ((b"IHDR", head), (b"PLTE", _colours(palette)), (b"IDAT", pixels), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def _chance(name: str) -> Iterator[float]:
    """Yield numbers from 0 up to 1 that depend on `name` only."""
    return (byte / 256 for byte in hashlib.shake_256(name.encode()).digest(4096))


def _colours(palette: Sequence[str]) -> bytes:
    """Return 256 colours: 0 to 159 from night to light, then four ramps of 24 from far to near ground."""
    stops = [tuple(bytes.fromhex(colour)) for colour in palette]
    *sky, ground = stops
    colours = [_between(sky, index / 159) for index in range(160)]
    for layer in range(4):
        crest = _mixed(sky[2], ground, 0.25 + layer * 0.22)
        foot = _mixed(sky[3], ground, 0.12 + layer * 0.24)
        colours += [_mixed(crest, foot, shade / 23) for shade in range(24)]
    return b"".join(bytes(round(part) for part in colour) for colour in colours)


def _between(stops: Sequence[Sequence[float]], place: float) -> Sequence[float]:
    index, part = divmod(place * (len(stops) - 1), 1)
    return _mixed(stops[int(index)], stops[min(int(index) + 1, len(stops) - 1)], part)


def _mixed(one: Sequence[float], other: Sequence[float], part: float) -> tuple[float, ...]:
    return tuple(a + (b - a) * part for a, b in zip(one, other, strict=True))


_DITHER = (0.0, 0.5, 0.125, 0.625, 0.75, 0.25, 0.875, 0.375)
"""Thresholds that hide the steps between neighbouring colours, by (x + 3 * y) % 8."""


def _lanes(values: Sequence[int]) -> int:
    """Return 16-bit numbers side by side in one long integer: sums and products then serve a whole row at once."""
    return int.from_bytes(struct.pack(f">{len(values)}H", *values), "big")


def _hills(chance: Iterator[float], width: int, height: int) -> list[bytes]:
    """Draw a sky with a sun and its glow, and four ranges of hills in front, column by column."""
    horizon = height * (0.45 + next(chance) * 0.25)
    sun_x, sun_y = width * (0.2 + next(chance) * 0.6), height * (0.15 + next(chance) * 0.35)
    radius, reach = 10 + next(chance) * 22, 60 + next(chance) * 70
    glow_x = _lanes([round(255 * math.exp(-(((x - sun_x) / reach) ** 2))) for x in range(width)])
    ones = _lanes([1] * width)
    noise = [_lanes([int(255 * _DITHER[(x + 3 * y) % 8]) for x in range(width)]) for y in range(8)]
    sky = bytearray()
    for y in range(height):
        glow_y = round(60 * math.exp(-(((y - sun_y) / reach) ** 2)))
        row = ones * int(256 * 98 * min(1.0, y / horizon)) + glow_x * glow_y + noise[y % 8]
        sky += row.to_bytes(2 * width, "big")[::2]
    ranges = []
    for layer in range(4):
        shade = bytes(160 + layer * 24 + min(23, y // 5) for y in range(height))
        top = horizon + (height - horizon) * (layer * 0.24 - 0.06 + next(chance) * 0.1)
        waves = [
            (height * swing * (0.4 + next(chance)), turns * (0.5 + next(chance)), 6.3 * next(chance))
            for swing, turns in ((0.05, 1.2), (0.02, 3.1), (0.006, 9.0))
        ]
        ranges.append((shade, top, waves))
    columns = []
    for x in range(width):
        column = sky[x::width]
        if abs(x - sun_x) < radius:
            half = math.sqrt(radius**2 - (x - sun_x) ** 2)
            top, bottom = max(0, round(sun_y - half)), min(height, round(sun_y + half))
            column[top:bottom] = b"\x9f" * (bottom - top)
        turn = 2 * math.pi * x / width
        for shade, top, waves in ranges:
            crest = int(top + sum(swing * math.sin(turns * turn + start) for swing, turns, start in waves))
            crest = min(max(crest, 0), height)
            column[crest:] = shade[: height - crest]
        columns.append(bytes(column))
    stacked = b"".join(columns)
    return [stacked[y::height] for y in range(height)]


def _silk(chance: Iterator[float], width: int, height: int) -> list[bytes]:
    """Draw folds of cloth: four waves summed up, a whole row at a time as one long integer."""
    length = width + height

    def wave(size: int, turns: float) -> bytes:
        start = 6.3 * next(chance)
        step = 2 * math.pi * turns / width
        bend = 0.5 + next(chance)
        return bytes(
            int(19.5 + 19.5 * math.sin(start + step * place + bend * math.sin(step * place * 0.7)))
            for place in range(size)
        )

    across = int.from_bytes(wave(width, 0.6 + next(chance)), "big")
    down = wave(height, 0.5 + next(chance) * 1.2)
    rising, falling = wave(length, 0.8 + next(chance) * 1.5), wave(length, 1.6 + next(chance) * 2)
    ones = int.from_bytes(b"\1" * width, "big")
    return [
        (
            across
            + down[y] * ones
            + int.from_bytes(rising[y : y + width], "big")
            + int.from_bytes(falling[height - y : height - y + width], "big")
        ).to_bytes(width, "big")
        for y in range(height)
    ]


def _rings(chance: Iterator[float], width: int, height: int) -> list[bytes]:
    """Draw the rings of a cut tree, off centre, lighter towards the middle."""
    centre_x, centre_y = width * (0.25 + next(chance) * 0.5), height * (0.2 + next(chance) * 0.5)
    wobble, squeeze = 0.05 + next(chance) * 0.08, 0.7 + next(chance) * 0.5
    rows = [bytearray(b"\x08" * width) for _ in range(height)]
    steps = 44
    for step in range(steps):
        radius = (1 - step / steps) * math.hypot(width, height) * 0.8
        colour = min(159, int(step / steps * 150) + (9 if step % 4 == 0 else 0))
        for y in range(height):
            down = (y - centre_y) * squeeze / radius
            if abs(down) >= 1:
                continue
            half = radius * math.sqrt(1 - down * down) * (1 + wobble * math.sin(4 * down + step / 5))
            left, right = max(0, int(centre_x - half)), min(width, int(centre_x + half * 1.1))
            if left < right:
                rows[y][left:right] = bytes([colour]) * (right - left)
    return [bytes(row) for row in rows]


def _discs(chance: Iterator[float], width: int, height: int) -> list[bytes]:
    """Draw translucent discs over a gradient; each lightens or darkens what lies below it."""
    rows = [bytearray(bytes([20 + 90 * y // height]) * width) for y in range(height)]
    lighter = bytes(min(159, value + 26) for value in range(256))
    darker = bytes(max(0, value - 22) for value in range(256))
    for _ in range(16):
        radius = 14 + 80 * next(chance) ** 2
        centre_x, centre_y = width * next(chance), height * next(chance)
        table = lighter if next(chance) < 0.65 else darker
        for y in range(max(0, int(centre_y - radius) + 1), min(height, int(centre_y + radius))):
            half = math.sqrt(radius**2 - (y - centre_y) ** 2)
            left, right = max(0, int(centre_x - half)), min(width, int(centre_x + half))
            if left < right:
                rows[y][left:right] = rows[y][left:right].translate(table)
    return [bytes(row) for row in rows]


# --- the library --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Identity:
    """What a model's header proves, in the words of the catalog."""

    type: str
    base_model: str | None


@dataclass(frozen=True, slots=True)
class DemoLibrary:
    """What was written, and the places worth knowing.

    Attributes:
        root: the folder that holds everything.
        folders: the library folders, ready to be added and scanned.
        expected: every model file -> what its header says.
        duplicate: two files of equal bytes, in two library folders.
        mismatch: a model whose sidecar claims another file's SHA-256; `mismatch_sidecar` is that sidecar.
        broken_sidecar: a sidecar cut off in the middle.
        orphan_sidecar: a sidecar whose model is gone.
        disputed: a model about which three sidecars say different things.
        empty, pointer, web_page: files named like models that hold none; `truncated` is half a download.
        cache: the web UI's own cache of hashes.
        csv, json, jsonl, sqlite: exports, outside the library folders.
        gone_sha256: the hash that the CSV claims for a model that no longer exists.
    """

    root: Path
    folders: tuple[Path, ...]
    expected: Mapping[Path, Identity]
    duplicate: tuple[Path, Path]
    mismatch: Path
    mismatch_sidecar: Path
    broken_sidecar: Path
    orphan_sidecar: Path
    disputed: Path
    empty: Path
    pointer: Path
    web_page: Path
    truncated: Path
    cache: Path
    csv: Path
    json: Path
    jsonl: Path
    sqlite: Path
    gone_sha256: str


def write_demo_library(root: Path) -> DemoLibrary:
    """Write the whole library below `root` (made if need be): some 90 models, 60 MB, in half a second."""
    content = json.loads(resource_path("demo", "library.json").read_bytes())
    shelf = _Shelf(
        root, json.loads(resource_path("demo", "blueprints.json").read_bytes()), content["chat_template"]
    )
    for story in content["models"]:
        shelf.add(story)
    gone = [shelf.add_gone(story) for story in content["gone"]]
    debris = shelf.add_debris()
    webui = root / "stable-diffusion-webui"
    cache = shelf.write_cache(webui)
    exports = root / "exports"
    rows = shelf.told
    _write_csv(exports / "spreadsheet.csv", [row for row in rows if "csv" in row.story.get("export", ())])
    _write_json(exports / "collection.json", [row for row in rows if "json" in row.story.get("export", ())])
    _write_jsonl(exports / "shelf.jsonl", [row for row in rows if "jsonl" in row.story.get("export", ())])
    _write_sqlite(exports / "shelf.sqlite", [row for row in rows if "sqlite" in row.story.get("export", ())])
    return DemoLibrary(
        root=root,
        folders=(root / "ComfyUI" / "models", webui, root / "llm"),
        expected=shelf.expected,
        duplicate=(shelf.roles["original"], shelf.roles["duplicate"]),
        mismatch=shelf.roles["mismatch"],
        mismatch_sidecar=_beside(shelf.roles["mismatch"], ".civitai.info"),
        broken_sidecar=_beside(shelf.roles["broken"], ".civitai.info"),
        orphan_sidecar=_beside(shelf.roles["orphan"], ".metadata.json"),
        disputed=shelf.roles["disputed"],
        empty=debris["empty"],
        pointer=debris["pointer"],
        web_page=debris["web_page"],
        truncated=debris["truncated"],
        cache=cache,
        csv=exports / "spreadsheet.csv",
        json=exports / "collection.json",
        jsonl=exports / "shelf.jsonl",
        sqlite=exports / "shelf.sqlite",
        gone_sha256=gone[0].sha256,
    )


@dataclass(frozen=True, slots=True)
class _Told:
    """A model that tools tell of: its story, and the facts that they would have found."""

    story: Mapping[str, Any]
    path: str
    type: str
    size_bytes: int
    sha256: str
    tensor_sha256: str | None
    crc32: str
    time: int
    header: Mapping[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> int:
        """A catalogue number far above those in use."""
        return 900_000_000 + int(hashlib.sha256(self.path.encode()).hexdigest()[:6], 16)

    @property
    def iso(self) -> str:
        return (
            datetime.fromtimestamp(self.time, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        )


class _Shelf:
    """The library while it is being written."""

    def __init__(self, root: Path, blueprints: Mapping[str, Any], chat_template: str) -> None:
        self.root = root
        self.expected: dict[Path, Identity] = {}
        self.roles: dict[str, Path] = {}
        self.told: list[_Told] = []
        self._blueprints = blueprints
        self._chat_template = chat_template
        self._by_path: dict[str, _Told] = {}

    def add(self, story: Mapping[str, Any]) -> None:
        """Write one model, its preview and its sidecars."""
        path = self.root / story["path"]
        blueprint = self._blueprints[story["from"]]
        header: Mapping[str, Any] = {}
        if "copy_of" in story:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes((self.root / story["copy_of"]).read_bytes())
            self.roles["original"] = self.root / story["copy_of"]
        else:
            header = self._write_model(path, story, blueprint)
        told = _told(path, story, blueprint["type"], header)
        os.utime(path, (told.time, told.time))
        self._by_path[story["path"]] = told
        self.told.append(told)
        self.expected[path] = Identity(blueprint["type"], story.get("base_in_header", blueprint["base"]))
        if "role" in story:
            self.roles[story["role"]] = path
        _write_preview(path, story)
        _write_sidecars(path, told)

    def add_gone(self, story: Mapping[str, Any]) -> _Told:
        """Write what is left of a model that is gone: a row to be exported, or a sidecar without its model."""
        place = story.get("path", story.get("file", ""))
        digest = hashlib.sha256(f"the bytes of {place}".encode())
        told = _Told(story, place, story["type"], 228_452_032, digest.hexdigest(), None, "", _time_of(place))
        if "path" in story:
            path = self.root / place
            self.roles["orphan"] = path
            _write_preview(path, story)
            _write_sidecars(path, told)
        if "export" in story:
            self.told.append(told)
        return told

    def add_debris(self) -> dict[str, Path]:
        """Write files that are named like models and hold none, or half of one."""
        loras = self.root / "ComfyUI" / "models" / "loras" / "concept"
        paths = {
            "empty": self.root / "stable-diffusion-webui" / "models" / "Lora" / "empty_pier.safetensors",
            "pointer": loras / "north_jetty.safetensors",
            "web_page": loras / "please_log_in.safetensors",
            "truncated": loras / "unfinished_sky.safetensors",
        }
        paths["empty"].write_bytes(b"")
        oid = hashlib.sha256(b"north jetty").hexdigest()
        paths["pointer"].write_text(
            f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize 228452032\n",
            "utf-8",
            newline="\n",
        )
        page = "<!DOCTYPE html>\n<html><head><title>Log in</title></head><body>Please log in first.</body></html>\n"
        paths["web_page"].write_text(page, "utf-8", newline="\n")
        story = {"path": "unfinished_sky", "title": "Unfinished Sky"}
        self._write_model(paths["truncated"], story, self._blueprints["lora-sd1"])
        os.truncate(paths["truncated"], paths["truncated"].stat().st_size * 6 // 10)
        for path in paths.values():
            time = _time_of(path.name)
            os.utime(path, (time, time))
            self.expected[path] = Identity("unknown", None)
        self.expected[paths["truncated"]] = Identity("lora", "SD 1.x")
        return paths

    def write_cache(self, webui: Path) -> Path:
        """Write the web UI's cache of hashes and headers, valid for the files' times."""
        hashes, addnet, headers = {}, {}, {}
        for told in self.told:
            if not told.path.startswith("stable-diffusion-webui/models/"):
                continue
            name = PurePosixPath(told.path)
            if name.parent.name == "Stable-diffusion":
                hashes[f"checkpoint/{name.name}"] = {"mtime": float(told.time), "sha256": told.sha256}
            elif name.parent.name == "Lora":
                addnet[f"lora/{name.stem}"] = {"mtime": float(told.time), "sha256": told.tensor_sha256}
                parsed = {
                    key: json.loads(value) if value.startswith("{") else value
                    for key, value in told.header.items()
                }
                headers[f"lora/{name.stem}"] = {"mtime": float(told.time), "value": parsed}
        path = webui / "cache.json"
        content = {"hashes": hashes, "hashes-addnet": addnet, "safetensors-metadata": headers}
        path.write_bytes(json.dumps(content, indent=4).encode())
        return path

    def _write_model(
        self, path: Path, story: Mapping[str, Any], blueprint: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        rank = story.get("rank", blueprint.get("rank", 0))
        tensors = dict(self._tensors(blueprint, rank))
        fill = _numbers_like(story["path"])
        if blueprint.get("format") == "gguf":
            metadata = self._gguf_metadata(story, blueprint)
            write_gguf(path, metadata, tensors, fill=fill)
            return metadata
        size_bytes = sum(_safetensors_bytes(name, *tensor) for name, tensor in tensors.items())
        header = self._safetensors_metadata(path, story, blueprint, rank)
        if "network" in blueprint:
            # As kohya's trainer has it: the tensors' own hash, which outlives edits of the header.
            header["sshs_model_hash"] = hashlib.sha256(_repeated(fill, size_bytes)).hexdigest()
        write_safetensors(path, tensors, header, fill)
        return header

    def _tensors(
        self, blueprint: Mapping[str, Any], rank: int
    ) -> Iterator[tuple[str, tuple[str, list[int]]]]:
        for part in blueprint.get("parts", ()):
            yield from self._tensors(self._blueprints[part], rank)
        for pattern, spec in blueprint.get("tensors", {}).items():
            dtype, _, dims = spec.partition(" ")
            shape = [rank if dim == "r" else int(dim) for dim in dims.split("x") if dim]
            for name in _expanded(pattern):
                yield name, (dtype, shape)

    def _safetensors_metadata(
        self, path: Path, story: Mapping[str, Any], blueprint: Mapping[str, Any], rank: int
    ) -> dict[str, str]:
        header = {"format": "pt"}
        if "network" in blueprint:
            header = self._training(path, story, blueprint, rank)
        if "architecture" in blueprint:
            header |= {
                "modelspec.sai_model_spec": "1.0.1",
                "modelspec.architecture": blueprint["architecture"],
                "modelspec.implementation": "sgm",
                "modelspec.title": story["title"],
                "modelspec.author": "Demo Workshop",
                "modelspec.date": datetime.fromtimestamp(_time_of(story["path"]), UTC).strftime("%Y-%m-%d"),
                "modelspec.description": _plain(story["about"]),
                "modelspec.tags": ", ".join(story["tags"]),
            }
        header.update(story.get("header", {}))
        return header

    def _training(
        self, path: Path, story: Mapping[str, Any], blueprint: Mapping[str, Any], rank: int
    ) -> dict[str, str]:
        """Return what a kohya-style trainer leaves in the header: everything is text, structures are JSON text."""
        chance = _chance(story["path"] + " training")
        started = _time_of(story["path"]) - 90_000
        side = 1024 if blueprint["base"] not in ("SD 1.x", "SD 2.x") else 512
        images = 20 + int(next(chance) * 180)
        words = [word for entry in story.get("words", ()) for word in entry.split(", ")]
        plain = ["outdoors", "no humans", "water", "sky", "scenery", "reflection", "night", "lantern"]
        counts = dict.fromkeys(words, images)
        counts |= {tag: 1 + int(next(chance) * images) for tag in [*story.get("tags", ()), *plain]}
        header = {
            "ss_output_name": path.stem,
            "ss_base_model_version": blueprint["trained_on"],
            "ss_network_module": blueprint["network"],
            "ss_network_dim": str(rank),
            "ss_network_alpha": str(rank / 2),
            "ss_learning_rate": "0.0001",
            "ss_unet_lr": "0.0001",
            "ss_text_encoder_lr": "5e-05",
            "ss_optimizer": "bitsandbytes.optim.adamw.AdamW8bit",
            "ss_lr_scheduler": "cosine",
            "ss_resolution": f"({side}, {side})",
            "ss_num_train_images": str(images),
            "ss_num_epochs": "10",
            "ss_epoch": "10",
            "ss_steps": str(images * 10 // 2),
            "ss_batch_size_per_device": "2",
            "ss_mixed_precision": "bf16",
            "ss_clip_skip": "None",
            "ss_seed": str(int(next(chance) * 1_000_000)),
            "ss_v2": str(blueprint["base"] == "SD 2.x"),
            "ss_training_started_at": f"{started}.25",
            "ss_training_finished_at": f"{started + 3600 + images * 40}.75",
            "ss_training_comment": "made for the demo library",
            "ss_tag_frequency": json.dumps({f"10_{path.stem}": counts}),
            "ss_bucket_info": json.dumps(
                {
                    "buckets": {
                        "0": {"resolution": [side, side], "count": images * 7},
                        "1": {"resolution": [side * 3 // 4, side * 5 // 4], "count": images * 3},
                    },
                    "mean_img_ar_error": 0.0125,
                }
            ),
        }
        if "algorithm" in blueprint:
            arguments: dict[str, object] = {"algo": blueprint["algorithm"], "conv_dim": rank, "conv_alpha": 1}
            if "dora" in story["from"]:
                arguments["dora_wd"] = True
            header["ss_network_args"] = json.dumps(arguments)
        if "trained_from" in story:
            parent = self._by_path[story["trained_from"]]
            header["ss_sd_model_name"] = PurePosixPath(parent.path).name
            header["ss_new_sd_model_hash"] = parent.sha256
        return header

    def _gguf_metadata(self, story: Mapping[str, Any], blueprint: Mapping[str, Any]) -> dict[str, object]:
        metadata: dict[str, object] = dict(blueprint["metadata"])
        if blueprint["type"] != "diffusion_model":  # the converters of image models leave these out
            metadata |= {"general.name": story["title"], "general.license": "apache-2.0"}
            if story["tags"]:
                metadata["general.tags"] = story["tags"]
        if count := blueprint.get("tokens"):
            special = ["<unk>", "<s>", "</s>"]
            metadata["tokenizer.ggml.tokens"] = special + [
                f"\u2581w{index}" for index in range(count - len(special))
            ]
            metadata["tokenizer.ggml.token_type"] = [3] * len(special) + [1] * (count - len(special))
        if story.get("chat_template"):
            metadata["tokenizer.chat_template"] = self._chat_template
        metadata.update(story.get("header", {}))
        return metadata


def _told(path: Path, story: Mapping[str, Any], kind: str, header: Mapping[str, Any]) -> _Told:
    content = path.read_bytes()
    tensors = None
    if path.suffix == ".safetensors":
        tensors = hashlib.sha256(memoryview(content)[8 + int.from_bytes(content[:8], "little") :]).hexdigest()
    return _Told(
        story=story,
        path=story["path"],
        type=kind,
        size_bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        tensor_sha256=tensors,
        crc32=f"{zlib.crc32(content):08x}",
        time=_time_of(story["path"]),
        header=header,
    )


def _expanded(pattern: str) -> Iterator[str]:
    """Yield the names that ``a.{0..2}.{k,v}`` stands for."""
    pieces = re.split(r"\{([^{}]+)\}", pattern)
    choices: list[Iterable[str]] = []
    for index, piece in enumerate(pieces):
        if index % 2 == 0:
            choices.append([piece])
        elif ".." in piece:
            first, last = piece.split("..")
            choices.append([str(number) for number in range(int(first), int(last) + 1)])
        else:
            choices.append(piece.split(","))
    return ("".join(parts) for parts in itertools.product(*choices))


def _numbers_like(name: str) -> bytes:
    """Return bytes of its own for each name that read as ordinary small numbers in F16, BF16, F32 and F64 alike."""
    digest = hashlib.sha256(name.encode()).digest()
    return bytes(byte if index % 2 == 0 else 0x3C | byte & 3 for index, byte in enumerate(digest))


def _time_of(name: str) -> int:
    """Return a time between June 2023 and September 2025."""
    return 1_685_600_000 + int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) % 71_000_000


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(path.stem + ending)


def _plain(html: str) -> str:
    return re.sub(r"<[^>]+>", " ", html).replace("&amp;", "&").strip()


# --- sidecars and previews ----------------------------------------------------------------------------------

_CATALOGUE_TYPES = {
    "checkpoint": "Checkpoint",
    "diffusion_model": "Checkpoint",
    "lora": "LORA",
    "embedding": "TextualInversion",
    "vae": "VAE",
    "controlnet": "Controlnet",
    "upscaler": "Upscaler",
    "motion_module": "MotionModule",
}


def _write_preview(path: Path, story: Mapping[str, Any]) -> None:
    endings = {"preview": ".preview.png", "plain": ".png"}
    if kind := story.get("preview"):
        write_png(_beside(path, endings[kind]), story["title"])


def _write_sidecars(path: Path, told: _Told) -> None:
    writers = {
        "civitai": (".civitai.info", _civitai_info),
        "lora-manager": (".metadata.json", _lora_manager),
        "a1111": (".json", _a1111),
        "txt": (".txt", _note),
    }
    for tool, differences in told.story.get("told_by", {}).items():
        ending, text = writers[tool]
        raw = text(told, {**told.story, **differences}).encode()
        if told.story.get("role") == "broken":
            raw = raw[: len(raw) * 6 // 10]
        _beside(path, ending).write_bytes(raw)


def _civitai_info(told: _Told, story: Mapping[str, Any]) -> str:
    """Return a catalogue's answer about a version, as the helper extensions store it."""
    name = PurePosixPath(told.path).name
    sha256 = told.sha256
    hashes = {"AutoV2": sha256[:10], "SHA256": sha256, "CRC32": told.crc32}
    if told.tensor_sha256:
        hashes["AutoV3"] = told.tensor_sha256[:12]
    if story.get("role") == "mismatch":
        other = hashlib.sha256(b"another upload").hexdigest()
        hashes = {"AutoV2": other[:10], "SHA256": other}
    answer = {
        "id": told.id + 1,
        "modelId": told.id,
        "name": story["version"],
        "createdAt": told.iso,
        "updatedAt": told.iso,
        "publishedAt": told.iso,
        "status": "Published",
        "trainedWords": story["words"],
        "baseModel": story["base"] or "Other",
        "baseModelType": "Inpainting" if "inpainting" in story["tags"] else "Standard",
        "description": story["about"] or None,
        "nsfwLevel": 12 if story.get("nsfw") else 1,
        "stats": {
            "downloadCount": told.id % 9000,
            "ratingCount": told.id % 300,
            "rating": 4.5 + told.id % 5 / 10,
        },
        "model": {
            "name": story["title"],
            "type": story.get("kind") or _CATALOGUE_TYPES.get(told.type, "Other"),
            "nsfw": bool(story.get("nsfw")),
            "poi": False,
            "tags": story["tags"],
            **story.get("permits", {}),
        },
        "files": [
            {
                "id": told.id + 2,
                "sizeKB": told.size_bytes / 1024,
                "name": name,
                "type": "Model",
                "primary": True,
                "metadata": {"fp": "fp16", "size": None, "format": "SafeTensor"},
                "pickleScanResult": "Success",
                "virusScanResult": "Success",
                "scannedAt": told.iso,
                "hashes": {kind: value.upper() for kind, value in hashes.items()},
            }
        ],
        "images": [
            {
                "url": f"https://images.example.org/{told.id}/width=450/1.jpeg",
                "nsfwLevel": 8 if story.get("nsfw") else 1,
                "width": 832,
                "height": 1040,
                "hash": "U9F=",
                "type": "image",
                "meta": {
                    "prompt": ", ".join(story["words"]),
                    "seed": told.id % 99991,
                    "steps": 28,
                    "cfgScale": 5.5,
                },
            }
        ],
        "downloadUrl": f"https://downloads.example.org/models/{told.id + 1}",
    }
    return json.dumps(answer, indent=4)


def _lora_manager(told: _Told, story: Mapping[str, Any]) -> str:
    """Return a sidecar of ComfyUI-Lora-Manager that was written on another computer."""
    place = PurePosixPath(told.path.removeprefix("ComfyUI/models/"))
    catalogue: dict[str, Any] = {}
    if story["base"]:
        catalogue = {
            "id": told.id + 1,
            "modelId": told.id,
            "name": story["version"],
            "baseModel": story["base"],
            "trainedWords": story["words"],
            "createdAt": told.iso,
            "nsfwLevel": 12 if story.get("nsfw") else 1,
            "model": {
                "name": story["title"],
                "type": story.get("kind") or _CATALOGUE_TYPES.get(told.type, "Other"),
                "nsfw": bool(story.get("nsfw")),
                "tags": story["tags"],
                **story.get("permits", {}),
            },
            "creator": {"username": "demo_workshop"},
            "customImages": [],
        }
    sidecar: dict[str, Any] = {
        "file_name": place.stem,
        "model_name": story["title"],
        "file_path": f"D:/AI/{place}",
        "size": told.size_bytes,
        "modified": told.time + 0.25,
        "sha256": told.sha256,
        "base_model": story["base"] or "Unknown",
        "preview_url": f"D:/AI/{place.with_suffix('.preview.png')}",
        "preview_nsfw_level": 8 if story.get("nsfw") else 1,
        "notes": story.get("notes", ""),
        "from_civitai": True,
        "civitai": catalogue,
        "tags": story["tags"],
        "modelDescription": story.get("about", ""),
        "civitai_deleted": False,
        "favorite": bool(story.get("favorite")),
        "exclude": False,
        "db_checked": False,
        "skip_metadata_refresh": False,
        "metadata_source": "civitai_api",
        "last_checked_at": told.time + 600.5,
        "hash_status": "completed",
        "trainedWords": [],
    }
    if told.type == "lora":
        sidecar["usage_tips"] = json.dumps({"strength": story.get("weight", 0.8)})
        sidecar["autov3"] = told.tensor_sha256[:12] if told.tensor_sha256 else None
    else:
        sidecar["sub_type"] = told.type
    return json.dumps(sidecar, indent=2, ensure_ascii=False)


def _a1111(told: _Told, story: Mapping[str, Any]) -> str:
    """Return the card's dialog as A1111 saves it; its keys contain spaces."""
    card: dict[str, Any] = {"description": _plain(story["about"])}
    if told.type == "lora":
        family = story["base"] or ""
        version = {"SD 1": "SD1", "SD 2": "SD2", "Flux": "Flux"}.get(family[:4], "SDXL")
        card |= {
            "sd version": version,
            "activation text": ", ".join(story["words"]),
            "preferred weight": story.get("weight", 0),
            "negative text": "",
        }
    elif told.type == "checkpoint":
        card["vae"] = "Automatic"
    return json.dumps(card | {"notes": story.get("notes", "")}, indent=4, ensure_ascii=False)


def _note(told: _Told, story: Mapping[str, Any]) -> str:
    return (story.get("notes") or _plain(story["about"])) + "\n"


# --- exports ------------------------------------------------------------------------------------------------


_CSV_COLUMNS = [
    *("name", "type", "sha256", "path", "size", "base_model", "tags", "rating", "favorite", "nsfw"),
    *("notes", "trigger_words", "meta_json"),
]


def _write_csv(path: Path, rows: Sequence[_Told]) -> None:
    """Write a spreadsheet as a person would save it: semicolons, a BOM, paths relative to the file."""
    text = io.StringIO(newline="")
    table = csv.writer(text, delimiter=";", lineterminator="\r\n")
    table.writerow(_CSV_COLUMNS)
    for row in rows:
        story = row.story
        table.writerow(
            [
                story["title"],
                row.type,
                row.sha256,
                f"../{row.path}",
                row.size_bytes,
                story["base"],
                "|".join(story["tags"]),
                story.get("rating"),
                "yes" if story.get("favorite") else "no",
                {True: "yes", False: "no", None: ""}[story.get("nsfw")],
                story.get("notes"),
                json.dumps(story["words"], ensure_ascii=False),
                json.dumps(
                    {"shelf": PurePosixPath(row.path).parent.name, "version": story["version"]},
                    ensure_ascii=False,
                ),
            ]
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.getvalue().encode("utf-8-sig"))


def _write_json(path: Path, rows: Sequence[_Told]) -> None:
    """Write a script's dump: other names for the columns, paths of another computer, nested metadata."""
    models = [
        {
            "title": row.story["title"],
            "category": _CATALOGUE_TYPES.get(row.type, row.type),
            "hash": row.sha256.upper(),
            "location": "D:\\AI\\" + row.path.replace("/", "\\"),
            "base": row.story["base"],
            "labels": row.story["tags"],
            "stars": row.story.get("rating", 0),
            "favourite": bool(row.story.get("favorite")),
            "comment": row.story.get("notes", ""),
            "triggers": row.story["words"],
            "link": f"https://models.example.org/{row.id}",
            "licence": "CC-BY-4.0",
            "meta_json": {
                "trainedWords": row.story["words"],
                "description": row.story["about"],
                "exported": row.iso,
            },
        }
        for row in rows
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(
        json.dumps({"exported_by": "shelf 0.3", "models": models}, indent=2, ensure_ascii=False).encode()
    )


def _write_jsonl(path: Path, rows: Sequence[_Told]) -> None:
    """Write one object a line; without hashes, so that only the path leads to the file."""
    lines = [
        json.dumps(
            {
                "model_name": row.story["title"],
                "model_type": row.type,
                "file_path": f"../{row.path}",
                "size_bytes": row.size_bytes,
                "base_model": row.story["base"],
                "tags": row.story["tags"],
                "rating": row.story.get("rating"),
                "notes": row.story.get("notes"),
                "raw": json.dumps({"words": row.story["words"]}, ensure_ascii=False),
            },
            ensure_ascii=False,
        )
        for row in rows
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("".join(line + "\n" for line in lines).encode())


def _write_sqlite(path: Path, rows: Sequence[_Told]) -> None:
    """Write a database of somebody's own: a table `models` with a payload column, and one of tags."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)  # a table that is there already would not be written again
    with closing(driver.connect(path)) as database, database:
        database.execute(
            "CREATE TABLE models (id INTEGER PRIMARY KEY, sha256 TEXT, name TEXT, type TEXT, base_model TEXT,"
            " path TEXT, size INTEGER, rating INTEGER, favorite INTEGER, nsfw INTEGER, notes TEXT,"
            " meta_json TEXT, created_at TEXT)"
        )
        database.execute("CREATE TABLE model_tags (model_id INTEGER, tag TEXT)")
        for number, row in enumerate(rows, 1):
            story = row.story
            payload = {
                "trainedWords": story["words"],
                "baseModel": story["base"],
                "shelf": number,
                "extra": {"π": 3.14159},
            }
            values = (
                number,
                row.sha256,
                story["title"],
                row.type,
                story["base"],
                f"../{row.path}",
                row.size_bytes,
                story.get("rating"),
                int(bool(story.get("favorite"))),
                story.get("nsfw"),
                story.get("notes"),
                json.dumps(payload, ensure_ascii=False),
                row.iso,
            )
            database.execute(f"INSERT INTO models VALUES ({', '.join('?' * len(values))})", values)  # noqa: S608
            database.executemany(
                "INSERT INTO model_tags VALUES (?, ?)", [(number, tag) for tag in story["tags"]]
            )
