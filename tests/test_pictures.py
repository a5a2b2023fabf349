"""Pictures as files: read from where they may lie, within bounds, and named by their first bytes."""

import os
import sys
from pathlib import Path

import pytest

from modelmgr.pictures import FILE_LIMIT_BYTES, image_format, open_bounded, read_open

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="pipes, devices and plain links are of POSIX")


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "png"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF\0", "jpeg"),
        (b"RIFF\x1a\0\0\0WEBPVP8L", "webp"),
        (b"GIF87a\1\0\1\0", "gif"),
        (b"GIF89a\1\0\1\0", "gif"),
        (b"", None),
        (b"\x89PNG", None),
        (b"RIFF\x1a\0\0\0WAVEfmt ", None),
        (b"GIF90a\1\0\1\0", None),
        (b"BM\x36\0\0\0", None),
        (b"<svg xmlns='http://www.w3.org/2000/svg'>", None),
        (b"%!PS-Adobe-3.0 EPSF-3.0", None),
        (b"\0\0\0\x1cftypavif", None),
    ],
)
def test_the_first_bytes_say_what_it_is(head: bytes, kind: str | None) -> None:
    assert image_format(head) == kind


def read_bounded(path: str, roots: list[str]) -> bytes | None:
    file = open_bounded(path, roots)
    return None if file is None else read_open(file)


def test_a_picture_is_read_only_from_below_the_roots(tmp_path: Path) -> None:
    inside, outside = tmp_path / "in", tmp_path / "out"
    inside.mkdir()
    outside.mkdir()
    (outside / "secret.png").write_bytes(b"x")
    (tmp_path / "in.png").write_bytes(b"x")
    (inside / "a.png").write_bytes(b"y")
    roots = ["", str(inside)]
    assert read_bounded(str(inside / "a.png"), roots) == b"y"
    assert read_bounded(str(inside / ".." / "in" / "a.png"), roots) == b"y"
    assert read_bounded(str(inside / ".." / "out" / "secret.png"), roots) is None
    assert read_bounded(str(tmp_path / "in.png"), roots) is None
    assert read_bounded(str(inside / "not there.png"), roots) is None
    assert read_bounded(str(inside), roots) is None
    assert read_bounded("https://example.org/a.png", roots) is None
    assert read_bounded("a\0b", roots) is None
    assert read_bounded(str(inside / "a.png"), []) is None


def test_no_root_is_not_the_folder_that_the_program_runs_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.png").write_bytes(b"y")
    monkeypatch.chdir(tmp_path)
    assert read_bounded("a.png", [""]) is None
    assert read_bounded("a.png", [str(tmp_path)]) == b"y"


def test_a_file_that_is_too_large_is_not_opened(tmp_path: Path) -> None:
    large = tmp_path / "large.png"
    with open(large, "wb") as file:
        file.truncate(FILE_LIMIT_BYTES + 1)
    assert open_bounded(str(large), [str(tmp_path)]) is None
    os.truncate(large, FILE_LIMIT_BYTES)
    file = open_bounded(str(large), [str(tmp_path)])
    assert file is not None
    with open(large, "ab") as more:  # it grows after it was looked at
        more.write(b"x")
    assert read_open(file) is None
    assert file.closed


@posix_only
def test_a_link_is_followed_only_to_below_the_roots(tmp_path: Path) -> None:
    inside, outside = tmp_path / "in", tmp_path / "out"
    inside.mkdir()
    outside.mkdir()
    (outside / "secret.png").write_bytes(b"x")
    (inside / "a.png").write_bytes(b"y")
    (inside / "out.png").symlink_to(outside / "secret.png")
    (inside / "a2.png").symlink_to("a.png")
    (inside / "loop.png").symlink_to("loop.png")
    (inside / "folder").symlink_to(outside)
    roots = [str(inside)]
    assert read_bounded(str(inside / "a2.png"), roots) == b"y"
    assert read_bounded(str(inside / "out.png"), roots) is None
    assert read_bounded(str(inside / "folder" / "secret.png"), roots) is None
    assert read_bounded(str(inside / "loop.png"), roots) is None


@posix_only
def test_a_pipe_or_a_device_holds_nobody_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    assert read_bounded(str(tmp_path / "pipe.png"), [str(tmp_path)]) is None
    assert read_bounded("/dev/zero", ["/dev"]) is None
