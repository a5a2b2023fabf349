"""The token file: made for the user alone, looked at each time, refused where someone else could have a hand in it."""

import os
import re
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from modelmgr.api.token import TokenFile, default_token_path
from modelmgr.errors import ModelmgrError

posix = pytest.mark.skipif(os.name != "posix", reason="modes and owners")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "catalog.sqlite.token"


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    path.chmod(0o600)
    return path


def test_it_lies_beside_the_catalog(tmp_path: Path) -> None:
    catalog = tmp_path / "my.sqlite"
    assert default_token_path(catalog) == str(tmp_path / "my.sqlite.token")
    catalog.touch()
    (tmp_path / "link").symlink_to(catalog)
    assert default_token_path(tmp_path / "link") == str(tmp_path / "my.sqlite.token")


def test_it_is_made_with_a_token_and_a_line_end_for_the_user_alone(path: Path) -> None:
    before = os.umask(0)
    try:
        token = TokenFile.open(path)
    finally:
        os.umask(before)
    assert token.path == str(path)
    assert re.fullmatch(rb"[A-Za-z0-9_-]{43}\n", path.read_bytes())
    assert token.value() == path.read_text("ascii").rstrip("\n")
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(path.parent) == [path.name]


def test_each_is_another(tmp_path: Path) -> None:
    assert len({TokenFile.open(tmp_path / str(number)).value() for number in range(20)}) == 20


def test_one_that_is_there_is_used(path: Path) -> None:
    first = TokenFile.open(path)
    assert TokenFile.open(path).value() == first.value()
    assert TokenFile(path).value() == first.value()


def test_many_that_open_it_at_once_agree(path: Path) -> None:
    start = threading.Barrier(8)
    found: list[str] = []

    def open_it() -> None:
        start.wait()
        found.append(TokenFile.open(path).value())

    threads = [threading.Thread(target=open_it) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert set(found) == {path.read_text("ascii").strip()}
    assert os.listdir(path.parent) == [path.name]


@posix
def test_a_disk_without_hard_links_will_do(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    token = TokenFile.open(path)
    assert re.fullmatch(rb"[A-Za-z0-9_-]{43}\n", path.read_bytes())
    assert token.holds(path.read_bytes().strip())
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_a_word_of_the_users_own_will_do(path: Path, end: bytes) -> None:
    token = TokenFile.open(write(path, b"my.own~word/+=" + end))
    assert token.value() == "my.own~word/+="
    assert token.holds(b"my.own~word/+=")


def test_it_holds_its_token_and_nothing_else(path: Path) -> None:
    token = TokenFile.open(write(path, b"secret-word\n"))
    assert token.holds(b"secret-word")
    for other in (
        b"",
        b"secret-wor",
        b"secret-word\n",
        b"secret-word ",
        b"Secret-word",
        b"\xff",
        b"x" * 100_000,
    ):
        assert not token.holds(other)


@pytest.mark.parametrize("in_place", [True, False])
def test_a_new_word_in_the_file_counts_at_once(path: Path, in_place: bool) -> None:
    # As long as the old one, and written at once: over a file that is too new to be known by its stamp, and in the
    # place of one that is known.
    token = TokenFile.open(write(path, b"one-word\n"), settled_s=2.0 if in_place else 0.0)
    assert token.holds(b"one-word")
    if in_place:
        with path.open("r+b") as file:
            file.write(b"two-word\n")
    else:
        os.replace(write(path.with_name("other"), b"two-word\n"), path)
    assert not token.holds(b"one-word")
    assert token.holds(b"two-word")
    assert token.value() == "two-word"


def test_a_file_that_is_gone_or_spoilt_holds_nothing(path: Path) -> None:
    token = TokenFile.open(path)
    word = token.value().encode()
    assert token.holds(word)
    os.rename(path, f"{path}.aside")
    assert not token.holds(word)
    assert not token.holds(b"")
    with pytest.raises(ModelmgrError, match="can't be read"):
        token.value()
    os.rename(f"{path}.aside", path)
    assert token.holds(word)
    write(path, b"")
    assert not token.holds(word)
    assert not token.holds(b"")


def test_a_new_token_replaces_the_old_one_in_one_step(path: Path) -> None:
    token, other = TokenFile.open(path), TokenFile.open(path)
    old = token.value()
    inode = path.stat().st_ino
    token.renew()
    new = token.value()
    assert new != old
    assert re.fullmatch(rb"[A-Za-z0-9_-]{43}\n", path.read_bytes())
    for each in (token, other):
        assert not each.holds(old.encode())
        assert each.holds(new.encode())
    assert os.listdir(path.parent) == [path.name]
    if os.name == "posix":
        assert path.stat().st_ino != inode
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def refused(path: Path, reason: str) -> None:
    with pytest.raises(ModelmgrError, match=reason) as caught:
        TokenFile.open(path)
    assert caught.value.code == "token_file"
    assert caught.value.details == {"path": str(path)}
    assert not TokenFile(path).holds(b"")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b"\r\n",
        b"a\nb\n",
        b"a\n\n",
        b"a b\n",
        b" a\n",
        b"a\t\n",
        b"a\x00\n",
        b"\xc3\xa9\n",
        b"\x7f\n",
    ],
)
def test_odd_contents_are_refused_and_stay(path: Path, data: bytes) -> None:
    refused(write(path, data), "one line of visible ASCII")
    assert path.read_bytes() == data


def test_a_large_file_is_refused(path: Path) -> None:
    assert TokenFile.open(write(path, b"x" * 4095 + b"\n")).holds(b"x" * 4095)
    refused(write(path, b"x" * 4096 + b"\n"), "larger than 4096 bytes")


@posix
def test_a_fifo_a_socket_and_a_folder_are_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    refused(tmp_path / "fifo", "no regular file")
    with socket.socket(socket.AF_UNIX) as listener:
        here = os.getcwd()
        os.chdir(tmp_path)  # the path of a socket must be short
        try:
            listener.bind("socket")
        finally:
            os.chdir(here)
        refused(tmp_path / "socket", "can't be read")
    (tmp_path / "folder").mkdir()
    refused(tmp_path / "folder", "no regular file")


@posix
def test_a_device_is_refused() -> None:
    refused(Path("/dev/zero"), "no regular file")


@posix
def test_a_link_is_refused_wherever_it_leads(path: Path, tmp_path: Path) -> None:
    other = write(tmp_path / "other", b"known-to-others\n")
    other.chmod(0o644)
    path.symlink_to(other)
    refused(path, "a link")
    assert stat.S_IMODE(other.stat().st_mode) == 0o644
    path.unlink()
    path.symlink_to(tmp_path / "nowhere")
    refused(path, "a link")
    assert not (tmp_path / "nowhere").exists()


@posix
@pytest.mark.skipif(os.name == "posix" and os.geteuid() != 0, reason="only root can give a file away")
def test_another_users_file_is_refused(path: Path) -> None:
    write(path, b"known-to-others\n")
    os.chown(path, 65534, -1)
    refused(path, "belongs to another user")


@posix
@pytest.mark.logs("was open to other users")
def test_a_file_that_others_can_read_is_closed_to_them(path: Path) -> None:
    write(path, b"word\n").chmod(0o644)
    assert TokenFile.open(path).holds(b"word")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@posix
@pytest.mark.logs("is open to other users: Operation not permitted")
def test_a_disk_that_knows_no_modes_will_do(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_modes(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    write(path, b"word\n").chmod(0o666)
    monkeypatch.setattr(os, "fchmod", no_modes)
    assert TokenFile.open(path).holds(b"word")


def test_where_no_file_can_be_it_is_said(tmp_path: Path) -> None:
    refused(tmp_path / "no" / "such" / "folder", "can't be made")
    (tmp_path / "file").touch()
    refused(tmp_path / "file" / "token", "can't be made")


def test_a_token_that_cannot_be_renewed_stays(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    path = tmp_path / "folder" / "token"
    token = TokenFile.open(path)
    word = token.value()
    os.rename(tmp_path / "folder", tmp_path / "aside")
    with pytest.raises(ModelmgrError, match="can't be written"):
        token.renew()
    os.rename(tmp_path / "aside", tmp_path / "folder")
    assert token.holds(word.encode())


def test_a_full_disk_leaves_no_half_of_a_new_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", Full(0))
    with pytest.raises(ModelmgrError, match="can't be made: No space left"):
        TokenFile.open(path)
    assert os.listdir(path.parent) == []


@posix
def test_a_full_disk_without_hard_links_leaves_none_either(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "link", Full(0))
    monkeypatch.setattr(os, "fsync", Full(1))
    with pytest.raises(ModelmgrError, match="can't be made: No space left"):
        TokenFile.open(path)
    assert os.listdir(path.parent) == []


def test_a_full_disk_leaves_the_old_token(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    token = TokenFile.open(path)
    word = token.value()
    monkeypatch.setattr(os, "fsync", Full(0))
    with pytest.raises(ModelmgrError, match="can't be written: No space left"):
        token.renew()
    assert os.listdir(path.parent) == [path.name]
    assert token.holds(word.encode())


class Full:
    """A call of the system that fails after some went well."""

    def __init__(self, good: int) -> None:
        self._good = good

    def __call__(self, *_: object) -> None:
        if not self._good:
            raise OSError(28, "No space left on device")
        self._good -= 1


def test_what_took_the_place_of_the_file_stays(path: Path) -> None:
    token = TokenFile.open(path)
    path.unlink()
    (path / "below").mkdir(parents=True)
    with pytest.raises(ModelmgrError, match="can't be written"):
        token.renew()
    assert os.listdir(path.parent) == [path.name]
    assert os.listdir(path) == ["below"]


def test_asking_for_it_imports_no_framework() -> None:
    code = "import sys, modelmgr.api.token; print(sorted({'fastapi', 'uvicorn', 'h11'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
