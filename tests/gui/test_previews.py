"""Pictures of strangers: decoded within bounds, from where they may lie, and nothing else."""

import struct
import subprocess
import sys
import zlib

import pytest
from PySide6.QtCore import QBuffer, QByteArray, QIODevice
from PySide6.QtGui import QColor, QImage

from modelmgr.gui.previews import Previews, decode
from modelmgr.pictures import image_format
from modelmgr.thumbnails import Thumbnails
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


def test_what_can_not_be_shown_is_known_to_be_broken_until_it_is_mended(qtbot, tasks, tmp_path):
    row = row_of(tmp_path, b"no picture")
    previews = Previews(tasks)
    assert not previews.is_broken(row.preview)
    with qtbot.waitSignal(previews.arrived):
        previews.thumbnail(row, 20, 1.0)
    assert previews.is_broken(row.preview) and not previews.is_broken(row.preview, whole=True)
    row_of(tmp_path, picture("png"))
    previews.forget()
    assert not previews.is_broken(row.preview)
    with qtbot.waitSignal(previews.arrived):
        previews.thumbnail(row, 20, 1.0)
    assert not previews.is_broken(row.preview)


def row_of(tmp_path, data: bytes, name: str = "a.png", *, nsfw: bool = False) -> ModelRow:
    (tmp_path / name).write_bytes(data)
    return ModelRow(1, None, "a", "lora", 1, folder=str(tmp_path), preview=str(tmp_path / name), nsfw=nsfw)


def checked(qtbot, previews, row, *size, **how):
    """Return a row's card picture, when it has come."""
    qtbot.waitUntil(lambda: previews.cover(row, *size, 1.0, **how) is not None)
    return previews.cover(row, *size, 1.0, **how)


def stripes() -> bytes:
    """Return a picture of stripes, red and blue."""
    image = QImage(200, 300, QImage.Format.Format_RGB32)
    for x in range(200):
        for y in range(300):
            image.setPixelColor(x, y, QColor("red" if x // 10 % 2 else "blue"))
    data = QByteArray()
    buffer = QBuffer(data)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    image.save(buffer, "png")
    return data.data()


def strength(pixmap) -> int:
    """Return how far the reddest and the least red pixel of the middle line are apart."""
    image = pixmap.toImage()
    reds = [image.pixelColor(x, image.height() // 2).red() for x in range(10, image.width() - 10)]
    return max(reds) - min(reds)


def test_a_card_is_covered_from_edge_to_edge(qtbot, tasks, tmp_path):
    previews = Previews(tasks)
    found = checked(qtbot, previews, row_of(tmp_path, picture("png", 60, 400)), 160, 200)
    assert (found.width(), found.height()) == (160, 200)
    assert found.toImage().pixelColor(80, 100).blue() > 0xB0


def test_rated_pictures_are_blurred_until_somebody_looks(qtbot, tasks, tmp_path):
    previews = Previews(tasks)
    row = row_of(tmp_path, stripes(), nsfw=True)
    assert strength(checked(qtbot, previews, row, 160, 200)) < 100
    qtbot.waitUntil(
        lambda: (
            (found := previews.cover(row, 160, 200, 1.0, revealed=True)) is not None and strength(found) > 180
        )
    )
    with qtbot.waitSignal(previews.arrived):
        previews.show_rated("show")
    assert strength(checked(qtbot, previews, row, 160, 200)) > 180
    previews.show_rated("hide")
    assert previews.cover(row, 160, 200, 1.0) is None
    previews.show_rated("hide", uncovered=True)
    assert strength(checked(qtbot, previews, row, 160, 200)) > 180


def test_a_thumbnail_is_decoded_once_and_found_again(qtbot, tasks, tmp_path):
    folder = tmp_path / "thumbnails"
    row = row_of(tmp_path, stripes())
    checked(qtbot, Previews(tasks, store=Thumbnails(folder)), row, 160, 200)
    (path,) = [path for path in folder.rglob("*") if path.is_file()]
    again = Previews(tasks, store=Thumbnails(folder))
    # Another picture in the thumbnail's place is what is seen: the large one was not decoded.
    path.write_bytes(picture("jpeg", 256, 384))
    assert strength(checked(qtbot, again, row, 160, 200)) < 30


@pytest.mark.parametrize("rubbish", [b"", b"no picture", bomb(60_000, 60_000)])
def test_rubbish_in_a_thumbnails_place_is_replaced(qtbot, tasks, tmp_path, rubbish):
    folder = tmp_path / "thumbnails"
    row = row_of(tmp_path, stripes())
    checked(qtbot, Previews(tasks, store=Thumbnails(folder)), row, 160, 200)
    (path,) = [path for path in folder.rglob("*") if path.is_file()]
    good = path.read_bytes()
    path.write_bytes(rubbish)
    assert strength(checked(qtbot, Previews(tasks, store=Thumbnails(folder)), row, 160, 200)) > 180
    assert path.read_bytes() == good


def test_a_picture_that_changed_is_decoded_anew(qtbot, tasks, tmp_path):
    store = Thumbnails(tmp_path / "thumbnails")
    previews = Previews(tasks, store=store)
    row = row_of(tmp_path, stripes())
    checked(qtbot, previews, row, 160, 200)
    row_of(tmp_path, picture("png", 200, 300))
    previews.forget()
    assert strength(checked(qtbot, previews, row, 160, 200)) < 30


def test_wishes_that_were_scrolled_past_are_dropped(qtbot, tasks, tmp_path):
    previews = Previews(tasks)
    rows = [row_of(tmp_path, picture("png"), f"{number}.png") for number in range(40)]
    for row in rows:
        previews.cover(row, 160, 200, 1.0)
    assert previews.drop_wishes()
    assert not previews.drop_wishes()
    checked(qtbot, previews, rows[-1], 160, 200)


def test_while_another_size_is_on_its_way_the_one_at_hand_is_shown(qtbot, tasks, tmp_path):
    previews = Previews(tasks)
    row = row_of(tmp_path, stripes())
    small = checked(qtbot, previews, row, 100, 125)
    assert previews.cover(row, 160, 200, 1.0) is small
    qtbot.waitUntil(lambda: previews.cover(row, 160, 200, 1.0).width() == 160)


def test_decoding_makes_no_class_of_qt_in_its_thread(tmp_path):
    (tmp_path / "a.png").write_bytes(picture("png", 300, 200))
    code = """
import sys, threading
from PySide6.QtGui import QGuiApplication
from shiboken6 import Shiboken
app = QGuiApplication([])
from modelmgr.gui import previews
from modelmgr.thumbnails import Thumbnails

def classes(base=Shiboken.Object):
    return {base}.union(*map(classes, type.__subclasses__(base)))

def decode():
    before = classes()
    wishes = [(previews._Wish(sys.argv[1], 40, 40, fills, 1.0, veiled), ()) for fills in (0, 1) for veiled in (0, 1)]
    for store in (None, Thumbnails(sys.argv[2] + "/thumbnails")):
        for _ in range(2):
            assert all(image for _, image in previews._load_all(wishes, (sys.argv[2],), store))
    print(*(classes() - before))

thread = threading.Thread(target=decode)
thread.start()
thread.join()
"""
    words = [sys.executable, "-c", code, str(tmp_path / "a.png"), str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "\n"), done.stderr
