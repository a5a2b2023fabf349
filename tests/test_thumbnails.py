"""Thumbnails on disk: found by the state of their picture, never believed, and never more than there is room for."""

import os

import pytest

from modelmgr.thumbnails import Thumbnails, thumbnail_key


@pytest.fixture
def store(tmp_path) -> Thumbnails:
    return Thumbnails(tmp_path / "thumbnails", 10_000)


def key(number: int) -> str:
    return thumbnail_key(f"/models/{number}.png", 100, 7, 256)


def test_what_is_written_is_read(store):
    assert store.read(key(1)) is None
    store.write(key(1), b"picture")
    assert store.read(key(1)) == b"picture"
    assert store.read(key(2)) is None


def test_another_state_of_the_picture_is_another_thumbnail():
    states = [("/a.png", 1, 2, 64), ("/b.png", 1, 2, 64), ("/a.png", 2, 2, 64), ("/a.png", 1, 3, 64)]
    keys = {thumbnail_key(*state) for state in [*states, ("/a.png", 1, 2, 128), ("/\udcff.png", 1, 2, 64)]}
    assert len(keys) == 6


def test_the_oldest_make_room(store, tmp_path):
    for number in range(20):
        store.write(key(number), b"x" * 900)
        path = tmp_path / "thumbnails" / key(number)[:2] / key(number)[2:]
        if path.exists():
            os.utime(path, (1000 + number, 1000 + number))
    total = sum(path.stat().st_size for path in (tmp_path / "thumbnails").rglob("*") if path.is_file())
    assert total <= 10_000
    assert store.read(key(0)) is None
    assert [store.read(key(number)) for number in range(12, 20)] == [b"x" * 900] * 8


def test_only_thumbnails_make_room(store, tmp_path):
    folder = tmp_path / "thumbnails"
    (folder / "ab").mkdir(parents=True)
    kept = [folder / "ab" / "letter.txt", folder / "notes.txt", tmp_path / "outside" / ("0" * 38)]
    (tmp_path / "outside").mkdir()
    for path in kept:
        path.write_bytes(b"y" * 9000)
    (folder / "cd").symlink_to(tmp_path / "outside")
    for number in range(20):
        store.write(key(number), b"x" * 900)
    assert all(path.exists() for path in kept)


def test_the_folder_may_be_deleted_at_any_time(store, tmp_path):
    import shutil

    store.write(key(1), b"picture")
    shutil.rmtree(tmp_path / "thumbnails")
    assert store.read(key(1)) is None
    store.write(key(1), b"again")
    assert store.read(key(1)) == b"again"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs a FIFO")
def test_what_is_no_plain_small_file_is_not_read(store, tmp_path):
    store.write(key(1), b"picture")
    path = tmp_path / "thumbnails" / key(1)[:2] / key(1)[2:]
    path.unlink()
    os.mkfifo(path)
    assert store.read(key(1)) is None
    path.unlink()
    path.symlink_to("/dev/zero")
    assert store.read(key(1)) is None
    path.unlink()
    path.write_bytes(b"")
    assert store.read(key(1)) is None


def test_a_folder_that_cannot_be_written_keeps_none(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    store = Thumbnails(tmp_path / "file" / "thumbnails")
    store.write(key(1), b"picture")
    assert store.read(key(1)) is None
