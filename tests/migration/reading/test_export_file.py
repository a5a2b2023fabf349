"""Text of any size and codec: the structural view has one byte a unit, and ranges are the file's own bytes."""

import os
from pathlib import Path

import pytest

from modelmgr.errors import Unreadable
from modelmgr.migration.reading.export_file import WHOLE_LIMIT_BYTES, ExportFile, open_export

TEXT = '[{"name": "für"}, "x"]\r\n'


def export(content: bytes) -> ExportFile:
    return ExportFile("x", len(content), lambda start, end: content[start:end], whole=True)


@pytest.mark.parametrize(
    ("content", "codec", "origin"),
    [
        (TEXT.encode(), "utf-8", 0),
        (b"\xef\xbb\xbf" + TEXT.encode(), "utf-8", 3),
        (b"\xff\xfe" + TEXT.encode("utf-16-le"), "utf-16-le", 2),
        (b"\xfe\xff" + TEXT.encode("utf-16-be"), "utf-16-be", 2),
        (TEXT.encode("utf-16-le"), "utf-16-le", 0),
        (TEXT.encode("utf-16-be"), "utf-16-be", 0),
    ],
)
def test_unicode_is_told_by_its_first_bytes(content: bytes, codec: str, origin: int) -> None:
    file = export(content)
    file.choose_codec(lambda: 0)
    assert (file.codec, file.origin) == (codec, origin)
    view = b"".join(file.view())
    assert view.replace(b"\xff", b"").replace(b"\xc3\xbc", b"") == b'[{"name": "fr"}, "x"]\r\n'
    at = view.index(b'"x"')
    assert file.range(at, at + 3).decode(codec) == '"x"'


@pytest.mark.parametrize(
    ("text", "codec"),
    [("Größe", "cp1252"), ("ソフト表示", "cp932"), ("简体中文模型", "gbk"), ("Привет мир", "cp1252")],
)
def test_a_codec_of_the_locale_counts_if_it_decodes_and_parses(text: str, codec: str) -> None:
    original = "cp1251" if codec == "cp1252" and not text.startswith("G") else codec
    file = export(f'["{text}"]'.encode(original))

    def doubt() -> int:
        return 0 if file.codec == codec else 1

    file.choose_codec(doubt)
    assert file.codec == codec


def test_one_damaged_letter_does_not_make_utf8_something_else() -> None:
    file = export("äöüßéñ".encode() + b"\xfc")
    file.choose_codec(lambda: 0)
    assert file.codec == "utf-8"


@pytest.mark.parametrize("codec", ["cp932", "gbk", "big5", "cp949"])
def test_the_second_half_of_a_letter_is_never_a_bracket_or_backslash(codec: str) -> None:
    letters = []
    for first in range(0x81, 0xFF):
        for second in (0x5B, 0x5C, 0x5D, 0x7B, 0x7C, 0x7D):
            try:
                letter = bytes([first, second]).decode(codec)
            except UnicodeDecodeError:
                continue
            if len(letter) == 1:
                letters.append(bytes([first, second]))
    content = b"".join(letters) * 4000
    file = export(b"[" + content + b"]")
    file.codec = codec
    view = b"".join(file.view())
    assert len(view) == len(content) + 2
    assert view[0:1] + view[-1:] == b"[]"
    assert not set(view[1:-1]) & set(b"[]{}\\|")


def test_characters_beyond_the_first_plane_count_two_units_in_utf16() -> None:
    content = '"😀"'.encode("utf-16-le")
    file = export(b"\xff\xfe" + content)
    assert b"".join(file.view()) == b'"\xff\xff"'
    assert file.range(0, 4) == content


def test_lines_end_at_lf_only_and_blank_ones_are_left_out() -> None:
    file = export(b"\n{1}\r\n \r\n{2 x}\n\0\0\n{3\r}")
    assert [file.range(*line).decode() for line in file.lines()] == ["{1}", "{2 x}", "{3\r}"]


def test_a_large_file_is_read_in_parts_and_change_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "large.json"
    with path.open("wb") as file:
        file.write(b"[")
        file.truncate(WHOLE_LIMIT_BYTES + 10)
        file.seek(WHOLE_LIMIT_BYTES + 9)
        file.write(b"]")
    with open_export(str(path)) as export_file:
        assert not export_file.whole
        assert export_file.range(0, 1) == b"["
        assert export_file.range(WHOLE_LIMIT_BYTES + 9, WHOLE_LIMIT_BYTES + 10) == b"]"
        os.utime(path, ns=(1, 1))
        with pytest.raises(Unreadable) as caught:
            export_file.range(0, 1)
        assert caught.value.code == "changed_while_reading"


def test_what_is_no_regular_file_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.json")
    for path in (tmp_path / "pipe.json", tmp_path, tmp_path / "gone.json"):
        with pytest.raises(Unreadable), open_export(str(path)):
            raise AssertionError("it was opened")
