"""One window for one catalog: what a second start does, with real processes, and what a stranger can't do."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

import pytest
from PySide6.QtNetwork import QLocalSocket

from modelmgr.errors import CatalogError
from modelmgr.gui import instance
from modelmgr.gui.instance import ANSWER, MESSAGE_BYTES, MOST_GUESTS, Instance, private_folder

PROCESS = Path(__file__).with_name("instance_process.py")

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sockets are files elsewhere alone")


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch) -> Iterator[Path]:
    """Give sockets and logs a folder of the test; that of the sockets has a short path."""
    with TemporaryDirectory() as folder:
        monkeypatch.setenv("XDG_RUNTIME_DIR", folder)
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
        yield Path(folder)


@contextmanager
def started(catalog: Path, *paths: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, str(PROCESS), str(catalog), *map(str, paths)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def end(process: subprocess.Popen[str]) -> str:
    out, _ = process.communicate("\n", timeout=60)
    return out


def test_a_second_start_hands_over_what_it_was_given_and_ends(tmp_path):
    catalog = tmp_path / "c.sqlite"
    with started(catalog) as first:
        assert first.stdout.readline() == "open\n"
        with started(catalog, tmp_path) as second:
            assert end(second) == "code 0\n"
        assert first.stdout.readline() == "asked 1\n"
        assert first.stdout.readline() == "wizard\n"
        (tmp_path / "link.sqlite").symlink_to(catalog)
        with started(tmp_path / "link.sqlite") as third:
            assert end(third) == "code 0\n"
        assert first.stdout.readline() == "asked 0\n"
        with started(tmp_path / "other.sqlite") as other:
            assert other.stdout.readline() == "open\n"
            assert end(other) == "code 0\n"
        assert end(first) == "code 0\n"
    assert not list(Path(os.environ["XDG_RUNTIME_DIR"]).iterdir())


def test_after_a_crash_the_next_start_has_the_window(tmp_path, own_folder):
    catalog = tmp_path / "c.sqlite"
    with started(catalog) as first:
        assert first.stdout.readline() == "open\n"
        first.kill()
        first.wait()
        assert len(list(own_folder.iterdir())) == 2  # its socket and its lock
        with started(catalog) as second:
            assert second.stdout.readline() == "open\n"
            with started(catalog) as third:
                assert end(third) == "code 0\n"
            assert second.stdout.readline() == "asked 0\n"
            assert end(second) == "code 0\n"


# --- what is said -------------------------------------------------------------------------------------------


@pytest.fixture
def first(qapp, tmp_path) -> Iterator[Instance]:
    """One that has the window, and listens."""
    with Instance.of(tmp_path / "c.sqlite") as made:
        assert not made.hand_over([])
        made.listen()
        yield made


def guest_of(first: Instance) -> QLocalSocket:
    guest = QLocalSocket()
    guest.connectToServer(first._name())
    assert guest.waitForConnected(1000)
    return guest


@pytest.mark.parametrize(
    "said",
    [
        b"hello\n",
        b"[]\n",
        b'{"paths": "/x"}\n',
        b'{"paths": ["relative"]}\n',
        b'{"paths": ["/a\\u0000b"]}\n',
        b'{"paths": [3]}\n',
        b"[" * 100_000 + b"\n",
        json.dumps({"paths": ["/x"] * 1001}).encode() + b"\n",
        b"x" * (MESSAGE_BYTES + 10),
    ],
)
@pytest.mark.logs("does not understand")
def test_what_is_no_message_is_dropped_without_an_answer(qtbot, first, said):
    asked = []
    first.asked.connect(asked.append)
    guest = guest_of(first)
    guest.write(said)
    qtbot.waitUntil(lambda: guest.state() == QLocalSocket.LocalSocketState.UnconnectedState)
    assert guest.readAll().data() == b""
    assert asked == []


def test_a_message_in_pieces_is_taken(qtbot, first):
    guest = guest_of(first)
    with qtbot.waitSignal(first.asked) as asked:
        for piece in (b'{"paths": ["/x', b' y"]}', b"\n"):
            guest.write(piece)
            guest.flush()
    assert asked.args == [["/x y"]]
    qtbot.waitUntil(lambda: guest.bytesAvailable() >= len(ANSWER))
    assert guest.readAll().data() == ANSWER


def test_guests_who_say_nothing_are_sent_away_and_do_not_fill_the_room(qtbot, first, monkeypatch):
    monkeypatch.setattr(instance, "GUEST_MS", 200)
    guests = [guest_of(first) for _ in range(MOST_GUESTS + 3)]
    away = QLocalSocket.LocalSocketState.UnconnectedState
    qtbot.waitUntil(lambda: all(guest.state() == away for guest in guests))
    late = guest_of(first)
    with qtbot.waitSignal(first.asked):
        late.write(b'{"paths": []}\n')
        late.flush()


def test_nobody_else_may_talk_to_it(first, own_folder):
    for path in own_folder.iterdir():
        assert path.stat().st_mode & 0o077 == 0 or path.suffix == ".lock"
    own_folder.chmod(0o755)
    assert private_folder() != own_folder
    own_folder.chmod(0o700)


def test_a_socket_lies_where_its_path_is_not_too_long(own_folder, monkeypatch):
    long = own_folder / ("long" * 25)
    long.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(long))
    assert private_folder().is_relative_to(gettempdir())
    monkeypatch.setattr(instance.tempfile, "gettempdir", lambda: str(long))
    with pytest.raises(OSError, match="too long"):
        private_folder()


def test_a_window_that_does_not_answer_is_told(qapp, tmp_path, monkeypatch):
    monkeypatch.setattr(instance, "_TRY_S", 0.3)
    with Instance.of(tmp_path / "c.sqlite") as first, Instance.of(tmp_path / "c.sqlite") as second:
        assert not first.hand_over([])
        with pytest.raises(CatalogError) as refused:
            second.hand_over([])
        assert refused.value.code == "catalog_busy"


def test_where_no_socket_can_be_each_start_is_on_its_own(qapp, tmp_path, monkeypatch):
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    monkeypatch.setattr(instance.tempfile, "gettempdir", lambda: str(tmp_path / "none"))
    with Instance.of(tmp_path / "c.sqlite") as first, Instance.of(tmp_path / "c.sqlite") as second:
        assert not first.hand_over([])
        assert not second.hand_over([])
        first.listen()
