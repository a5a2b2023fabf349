"""Thumbnails: what comes out of good pictures, and that nothing comes of hostile ones, soon."""

import io
import os
import struct
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from modelmgr.api.thumbnail import SIDES, thumbnail

SOON_S = 5.0
BLUE, RED = (51, 102, 204), (204, 51, 51)


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def plain(width: int = 60, height: int = 40, mode: str = "RGB", colour: Any = BLUE) -> Image.Image:
    return Image.new(mode, (width, height), colour)


def halves(width: int = 64, height: int = 32) -> Image.Image:
    """Return a picture whose left half is red and whose right half is blue."""
    image = plain(width, height)
    image.paste(RED, (0, 0, width // 2, height))
    return image


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., tuple[Image.Image, str] | None]:
    """Write bytes as a file and return the thumbnail, opened, with its media type."""
    number = 0

    def make(data: bytes, side: int = 30) -> tuple[Image.Image, str] | None:
        nonlocal number
        number += 1
        path = tmp_path / f"{number}.png"
        path.write_bytes(data)
        began = time.monotonic()
        found = thumbnail(str(path), [str(tmp_path)], side)
        assert time.monotonic() - began < SOON_S
        if found is None:
            return None
        image = Image.open(io.BytesIO(found[0]))
        assert Image.MIME[image.format or ""] == found[1]
        image.load()
        return image, found[1]

    return make


def is_near(found: Any, wanted: tuple[int, ...]) -> bool:
    return len(found) == len(wanted) and all(abs(a - b) < 12 for a, b in zip(found, wanted, strict=True))


def jpeg_segment(code: int, body: bytes) -> bytes:
    return bytes([0xFF, code]) + struct.pack(">H", len(body) + 2) + body


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def riff(*parts: bytes) -> bytes:
    body = b"WEBP" + b"".join(parts)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def riff_chunk(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def exif(orientation: int, order: str = "<") -> bytes:
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    return head + struct.pack(order + "HHHIHHI", 1, 0x0112, 3, 1, orientation, 0, 0)


# --- good pictures ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_a_picture_is_made_small_in_its_proportions(made, kind: str) -> None:
    image, media_type = made(encoded(plain(), kind))
    assert (image.size, media_type) == ((30, 20), "image/jpeg")
    assert is_near(image.convert("RGB").getpixel((15, 10)), BLUE)


def test_a_picture_is_not_made_larger(made) -> None:
    assert made(encoded(plain(7, 5), "PNG"), 256)[0].size == (7, 5)
    assert made(encoded(plain(7, 5), "PNG"), SIDES[0])[0].size == (7, 5)


@pytest.mark.parametrize(("width", "height", "size"), [(1, 1_000_000, (1, 30)), (60_000, 2, (30, 1))])
def test_a_line_stays_a_line(made, width: int, height: int, size: tuple[int, int]) -> None:
    assert made(encoded(plain(width, height), "PNG"))[0].size == size


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_transparent_pixels_stay_so(made, kind: str) -> None:
    image = plain(60, 40, "RGBA", (*BLUE, 255))
    image.paste((0, 0, 0, 0), (0, 0, 60, 20))
    small, media_type = made(encoded(image, kind))
    assert (small.mode, media_type) == ("RGBA", "image/png")
    assert small.getpixel((15, 2))[3] == 0
    assert is_near(small.getpixel((15, 17)), (*BLUE, 255))


def test_an_alpha_channel_that_hides_nothing_needs_none(made) -> None:
    assert made(encoded(plain(60, 40, "RGBA", (*BLUE, 255)), "PNG"))[1] == "image/jpeg"


def test_one_colour_that_is_transparent_stays_so(made) -> None:
    indexed = halves().quantize(4)
    left = indexed.getpixel((0, 0))
    for data in (
        encoded(indexed, "PNG", transparency=left),
        encoded(indexed, "GIF", transparency=left),
        encoded(halves(), "PNG", transparency=RED),
    ):
        small, media_type = made(data)
        assert media_type == "image/png"
        assert small.getpixel((2, 8))[3] == 0
        assert is_near(small.getpixel((25, 8)), (*BLUE, 255))


def test_grey_of_16_bits_is_scaled_not_cut(made) -> None:
    for value, wanted in ((0, 0), (0x8000, 128), (0xFFFF, 255)):
        wide = Image.frombytes("I;16", (60, 40), struct.pack("<H", value) * 2_400)
        small, _ = made(encoded(wide, "PNG"))
        assert is_near((small.convert("L").getpixel((5, 5)),), (wanted,))


def test_other_ways_to_write_colours(made) -> None:
    for data in (
        encoded(plain(mode="CMYK", colour=(204, 153, 51, 0)), "JPEG"),
        encoded(plain(), "JPEG", progressive=True),
        encoded(plain(), "JPEG", keep_rgb=True),
        encoded(plain(), "WEBP", lossless=True),
        encoded(plain().quantize(2), "PNG", bits=1),
    ):
        assert is_near(made(data)[0].convert("RGB").getpixel((15, 10)), BLUE)
    assert made(encoded(plain(mode="L", colour=1), "PNG"))[0].getpixel((9, 9)) == 1
    assert made(encoded(plain(mode="1", colour=1), "PNG"))[0].convert("L").getpixel((9, 9)) == 255


@pytest.mark.parametrize(
    ("orientation", "size", "first", "last"),
    [
        (1, (32, 16), RED, BLUE),
        (2, (32, 16), BLUE, RED),
        (3, (32, 16), BLUE, RED),
        (4, (32, 16), RED, BLUE),
        (5, (16, 32), RED, BLUE),
        (6, (16, 32), RED, BLUE),
        (7, (16, 32), BLUE, RED),
        (8, (16, 32), BLUE, RED),
        (0, (32, 16), RED, BLUE),
        (9, (32, 16), RED, BLUE),
    ],
)
@pytest.mark.parametrize("order", "<>")
def test_a_picture_is_turned_as_exif_says(made, orientation, size, first, last, order: str) -> None:
    said = exif(orientation, order)
    jpeg = encoded(halves(), "JPEG", quality=95, subsampling=0)
    png = encoded(halves(), "PNG")
    webp = encoded(halves(), "WEBP", quality=95, exif=said)
    for data in (
        jpeg[:2] + jpeg_segment(0xE1, b"Exif\0\0" + said) + jpeg[2:],
        png[:33] + png_chunk(b"eXIf", said) + png[33:],
        webp,
    ):
        small, _ = made(data, 32)
        assert small.size == size
        assert is_near(small.convert("RGB").getpixel((3, 3)), first)
        assert is_near(small.convert("RGB").getpixel((size[0] - 4, size[1] - 4)), last)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "GIF"])
def test_of_an_animation_the_first_frame_is_shown(made, kind: str) -> None:
    frames = [plain(colour=RED), plain(colour=BLUE), plain(colour=(0, 0, 0))]
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], duration=100, loop=0)
    small, _ = made(data)
    assert getattr(small, "n_frames", 1) == 1
    assert is_near(small.convert("RGB").getpixel((15, 10)), RED)


def test_nothing_but_pixels_comes_out(made, tmp_path: Path) -> None:
    secret = b"a prompt that nobody else shall read"
    jpeg = encoded(plain(), "JPEG")
    png = encoded(plain(mode="RGBA", colour=(1, 2, 3, 4)), "PNG")
    for data in (
        jpeg[:2] + jpeg_segment(0xFE, secret) + jpeg_segment(0xE1, b"Exif\0\0" + secret) + jpeg[2:],
        png[:33] + png_chunk(b"tEXt", b"parameters\0" + secret) + png[33:],
        encoded(plain(), "GIF", comment=secret),
        encoded(plain(), "WEBP", exif=secret, xmp=secret, icc_profile=secret),
    ):
        assert secret in data
        (tmp_path / "one").write_bytes(data)
        found = thumbnail(str(tmp_path / "one"), [str(tmp_path)], 30)
        assert found is not None
        assert secret not in found[0]


def test_what_follows_the_picture_does_no_harm(made) -> None:
    film = os.urandom(1024) + b"\xff\xda" * 500
    assert made(encoded(plain(), "JPEG") + film)[0].size == (30, 20)
    assert made(encoded(plain(), "PNG") + film)[0].size == (30, 20)
    assert made(encoded(plain(), "GIF") + film)[0].size == (30, 20)


# --- hostile ones -----------------------------------------------------------------------------------------


def huge_png(width: int, height: int) -> bytes:
    rows = zlib.compress(b"\0" * 1_000)
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", head) + png_chunk(b"IDAT", rows) + png_chunk(b"IEND", b"")
    )


def huge_jpeg(width: int, height: int) -> bytes:
    data = bytearray(encoded(plain(), "JPEG"))
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def huge_webp(width: int, height: int) -> bytes:
    extended = bytes([0, 0, 0, 0]) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return riff(riff_chunk(b"VP8X", extended), encoded(plain(), "WEBP")[12:])


def huge_gif(width: int, height: int) -> bytes:
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0, 0, 0) + encoded(plain(), "GIF")[13:]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GIF89a",
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff",
        b"RIFF\xff\xff\xff\xffWEBPVP8 ",
        b"no picture",
        b"\xff\xd8\xff" + b"\0" * 500,
        b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'><image href='/dev/zero'/></svg>",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        encoded(Image.new("RGB", (9, 9)), "BMP"),
        encoded(Image.new("RGB", (9, 9)), "TIFF"),
        encoded(Image.new("RGB", (9, 9)), "ICO"),
        huge_png(60_000, 60_000),
        huge_png(2**31 - 1, 1),
        huge_png(0, 9),
        huge_png(1, 64_000_001),
        huge_jpeg(65_500, 65_500),
        huge_jpeg(60, 0),
        huge_webp(16_384, 16_384),
        huge_webp(2**24, 2**24),
        huge_webp(61, 40),
        huge_gif(65_535, 65_535),
    ],
    ids=lambda data: repr(data[:12]),
)
def test_what_is_no_picture_or_too_large_is_none(made, data: bytes) -> None:
    assert made(data) is None


def test_a_gif_whose_picture_is_larger_than_its_screen_is_measured_by_the_picture(made) -> None:
    data = bytearray(encoded(plain(), "GIF"))
    at = data.index(b",\0\0\0\0")
    data[at + 5 : at + 9] = struct.pack("<HH", 65_535, 65_535)
    assert made(bytes(data)) is None


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_half_a_picture_is_none(made, kind: str) -> None:
    noise = Image.frombytes("RGB", (64, 64), bytes(range(256)) * 48)
    data = encoded(noise, kind)
    assert made(data) is not None
    assert made(data[: len(data) // 2]) is None


def test_compressed_texts_and_profiles_are_not_unpacked(made) -> None:
    png = encoded(plain(), "PNG")
    packed = zlib.compress(b"\0" * 60_000_000, 9)
    bombs = [
        png_chunk(b"zTXt", b"a\0\0" + packed),
        png_chunk(b"iTXt", b"a\0\1\0\0\0" + packed),
        png_chunk(b"iCCP", b"a\0\0" + packed),
    ]
    image, _ = made(png[:33] + b"".join(bombs * 30) + png[33:])
    assert image.size == (30, 20)


def test_a_million_empty_parts_are_not_walked(made) -> None:
    png, jpeg = encoded(plain(), "PNG"), encoded(plain(), "JPEG")
    webp, gif = encoded(plain(), "WEBP"), encoded(plain(), "GIF")
    assert made(png[:33] + png_chunk(b"prVt", b"") * 1_000_000 + png[33:]) is None
    assert made(png[:33] + png_chunk(b"IDAT", b"") * 1_000_000 + png[33:]) is None
    assert made(jpeg[:2] + jpeg_segment(0xE1, b"") * 1_000_000 + jpeg[2:]) is None
    assert made(jpeg[:2] + jpeg_segment(0xDB, b"\0" * 65 * 900) * 1_000 + jpeg[2:]) is None
    assert made(riff(riff_chunk(b"prVt", b"") * 1_000_000, webp[12:])) is None
    assert made(gif[:13] + b"!\xfe\1a\0" * 1_000_000 + gif[13:]) is None


def test_endless_filling_is_passed_over_once(made) -> None:
    jpeg = encoded(plain(), "JPEG")
    assert made(jpeg[:2] + b"\xff" * 20_000_000 + jpeg[2:])[0].size == (30, 20)
    assert made(jpeg[:2] + b"\xff" * 20_000_000 + b"\0" + jpeg[2:])[0].size == (30, 20)


def test_a_picture_that_is_drawn_over_and_over_is_refused(made) -> None:
    data = encoded(plain(2_000, 2_000), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    scan, end = data[last:-2], data[-2:]
    assert made(data[:-2] + scan * 1_000 + end) is None
    assert made(data)[0].size == (30, 30)


def test_an_exif_directory_that_is_full_of_claims_costs_nothing(made) -> None:
    entries = struct.pack("<HHII", 0x9999, 7, 0xFFFFFF, 0) * 5_000
    hostile = b"II*\0" + struct.pack("<IH", 8, 65_535) + entries
    png = encoded(plain(), "PNG")
    assert made(png[:33] + png_chunk(b"eXIf", hostile) + png[33:])[0].size == (30, 20)
    assert made(png[:33] + png_chunk(b"eXIf", b"II*\0\xff\xff\xff\xff") + png[33:])[0].size == (30, 20)


def test_a_large_picture_is_made_small_in_time(made) -> None:
    assert made(encoded(plain(8_000, 8_000), "PNG", compress_level=1))[0].size == (30, 30)
    assert made(encoded(plain(8_001, 8_000, "L", 9), "PNG", compress_level=1)) is None


GOOD = [
    encoded(halves(), kind, **options)
    for kind, options in (
        ("PNG", {}),
        ("JPEG", {}),
        ("JPEG", {"progressive": True}),
        ("WEBP", {}),
        ("WEBP", {"lossless": True, "exif": exif(6)}),
        ("GIF", {"comment": b"a"}),
    )
]


@settings(max_examples=300)
@given(
    good=st.sampled_from(GOOD),
    changes=st.lists(st.tuples(st.integers(0, 5_000), st.binary(max_size=4)), max_size=4),
    length=st.integers(0, 6_000),
)
def test_whatever_is_damaged_nothing_is_raised(tmp_path_factory, good, changes, length: int) -> None:
    data = bytearray(good)
    for at, new in changes:
        at %= len(data)
        data[at : at + len(new)] = new
    folder = tmp_path_factory.getbasetemp()
    (folder / "damaged").write_bytes(data[:length])
    found = thumbnail(str(folder / "damaged"), [str(folder)], 30)
    if found is not None:
        with Image.open(io.BytesIO(found[0])) as image:
            assert max(image.size) <= 30


# --- files ------------------------------------------------------------------------------------------------


def test_only_below_the_roots(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "a.png").write_bytes(encoded(plain(), "PNG"))
    assert thumbnail(str(tmp_path / "a.png"), [str(tmp_path / "in")], 30) is None
    assert thumbnail(str(tmp_path / "a.png"), [str(tmp_path)], 30) is not None
    # What is kept is not given out to who may not look there.
    assert thumbnail(str(tmp_path / "a.png"), [str(tmp_path / "in")], 30) is None
    assert thumbnail(str(tmp_path / "b.png"), [str(tmp_path)], 30) is None


@pytest.mark.skipif(sys.platform == "win32", reason="pipes of POSIX")
def test_a_pipe_holds_nobody_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.png")
    assert thumbnail(str(tmp_path / "a.png"), [str(tmp_path)], 30) is None


def test_what_was_made_is_kept_until_the_file_changes(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(encoded(plain(), "PNG"))
    first = thumbnail(str(path), [str(tmp_path)], 30)
    assert thumbnail(str(path), [str(tmp_path)], 30) is first
    assert thumbnail(str(path), [str(tmp_path)], 31) is not first
    path.write_bytes(encoded(plain(colour=RED), "PNG"))
    os.utime(path, ns=(1, 1))
    second = thumbnail(str(path), [str(tmp_path)], 30)
    assert second is not None
    with Image.open(io.BytesIO(second[0])) as image:
        assert is_near(image.getpixel((15, 10)), RED)
