"""Pictures that a name alone decides: landscapes, cloth, rings, discs."""

import hashlib
import math
import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

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
    chance = chance_of(name)
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


def chance_of(name: str) -> Iterator[float]:
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
