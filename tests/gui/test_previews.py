"""Pictures of strangers: decoded within bounds, from where they may lie, and nothing else."""

import struct
import zlib

import pytest
from PySide6.QtCore import QBuffer, QByteArray, QIODevice
from PySide6.QtGui import QColor, QImage

from modelmgr.gui.previews import Previews, decode
from modelmgr.pictures import image_format
from modelmgr.values import ModelRow


def picture(kind: str, width: int = 60, height: int = 40) -> bytes:
    image = QImage(width, height, QImage.Format.Format_RGB32)
    image.fill(QColor("#3366cc"))
    data = QByteArray()
    buffer = QBuffer(data)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    assert image.save(buffer, kind)
    return data.data()


def bomb(width: int, height: int) -> bytes:
    """Return the head of a PNG that says it is huge."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = b"IHDR" + head
    return (
        b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body)) + b"\0" * 64
    )


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp"])
def test_pictures_are_decoded_by_their_first_bytes(qapp, kind):
    data = picture(kind)
    assert image_format(data[:16]) == kind
    image = decode(data, 30, 30)
    assert (image.width(), image.height()) == (30, 20)
    middle = image.pixelColor(15, 10)
    assert abs(middle.blue() - 0xCC) < 12


def test_a_thumbnail_is_the_middle_of_the_picture(qapp):
    image = decode(picture("png", 300, 100), 20, 20, fills=True)
    assert (image.width(), image.height()) == (20, 20)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GIF89a",
        b"\x89PNG\r\n\x1a\n",
        b"<svg xmlns='http://www.w3.org/2000/svg'><image href='/dev/zero'/></svg>",
        b"\xff\xd8\xff" + b"\0" * 500,
        bomb(60_000, 60_000),
        bomb(2**31 - 1, 1),
        b"RIFF\xff\xff\xff\xffWEBPVP8 ",
    ],
)
@pytest.mark.qt_log_ignore("JPEG", extend=True)  # the decoder says what is wrong with the picture
def test_what_is_no_picture_or_too_large_is_none(qtbot, data):
    assert decode(data, 64, 64) is None


def test_a_picture_comes_and_is_kept(qtbot, tasks, tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(picture("png"))
    row = ModelRow(1, None, "a", "lora", 1, folder=str(tmp_path), preview=str(path))
    previews = Previews(tasks)
    assert previews.thumbnail(row, 20, 1.0) is None
    with qtbot.waitSignal(previews.arrived):
        pass
    found = previews.thumbnail(row, 20, 1.0)
    assert (found.width(), found.height()) == (20, 20)
    assert previews.thumbnail(row, 20, 1.0) is found


def test_what_could_not_be_decoded_is_not_asked_for_again(qtbot, tasks, tmp_path):
    (tmp_path / "a.png").write_bytes(b"no picture")
    row = ModelRow(1, None, "a", "lora", 1, folder=str(tmp_path), preview=str(tmp_path / "a.png"))
    previews = Previews(tasks)
    with qtbot.waitSignal(previews.arrived):
        assert previews.thumbnail(row, 20, 1.0) is None
    with qtbot.assertNotEmitted(previews.arrived, wait=60):
        assert previews.thumbnail(row, 20, 1.0) is None
