import os
import shutil
import stat
import threading
from collections import namedtuple
from pathlib import Path

import pytest

from modelmgr.errors import Unreadable
from modelmgr.migration.reading import container
from modelmgr.migration.reading.container import copy_database, read_beginning, read_container
from modelmgr.progress import Cancelled, Progress
from modelmgr.sqlite import driver


def code_of(path, **limits):
    with pytest.raises(Unreadable) as caught:
        read_container(str(path), **limits)
    assert caught.value.message.endswith(".")
    assert caught.value.details["path"] == str(path)
    return caught.value.code


# --- one file ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff\x00\xfe" * 100_000])
def test_the_bytes_come_back_as_they_are(tmp_path, content):
    path = tmp_path / "x.json"
    path.write_bytes(content)
    assert read_container(str(path)) == content


def test_a_name_that_is_no_utf8_can_be_read(tmp_path):
    path = os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe.json")
    Path(path).write_bytes(b"{}")
    assert read_container(path) == b"{}"


def test_a_link_is_read_through(tmp_path):
    (tmp_path / "x.json").write_bytes(b"{}")
    (tmp_path / "link.json").symlink_to("x.json")
    assert read_container(str(tmp_path / "link.json")) == b"{}"


def test_a_pipe_is_refused_without_waiting_for_a_writer(tmp_path):
    os.mkfifo(tmp_path / "x.json")
    assert code_of(tmp_path / "x.json") == "unreadable"


def test_devices_and_folders_are_refused(tmp_path):
    assert code_of("/dev/zero") == "unreadable"
    assert code_of(tmp_path) == "unreadable"
    (tmp_path / "zero.json").symlink_to("/dev/zero")
    assert code_of(tmp_path / "zero.json") == "unreadable"


def test_a_vanished_file_is_not_found(tmp_path):
    assert code_of(tmp_path / "gone.json") == "not_found"
    (tmp_path / "dangling.json").symlink_to("gone.json")
    assert code_of(tmp_path / "dangling.json") == "not_found"


def test_a_loop_of_links_and_a_senseless_path_are_unreadable(tmp_path):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    assert code_of(tmp_path / "a") == "unreadable"
    assert code_of("/tmp/zero\0byte") == "unreadable"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_forbidden_file_is_unreadable(tmp_path):
    path = tmp_path / "x.json"
    path.write_bytes(b"{}")
    path.chmod(0)
    assert code_of(path) == "unreadable"


def test_a_file_above_the_limit_is_refused_unread(tmp_path, monkeypatch):
    path = tmp_path / "huge.json"
    with path.open("wb") as file:
        file.truncate(1 << 41)  # sparse: two tebibytes that take no room
    monkeypatch.setattr(os, "read", lambda *_: pytest.fail("a byte was read"))
    assert code_of(path) == "too_large"


def test_the_limit_itself_is_still_read(tmp_path):
    path = tmp_path / "x.json"
    path.write_bytes(b"1234")
    assert read_container(str(path), limit_bytes=4) == b"1234"
    assert code_of(path, limit_bytes=3) == "too_large"


def reading_as(monkeypatch, deed):
    """Let another program do something each time a piece of a file has been read."""
    really_read = os.read

    def read(file, size):
        content = really_read(file, size)
        deed()
        return content

    monkeypatch.setattr(os, "read", read)


def test_a_file_that_keeps_growing_is_given_up(tmp_path, monkeypatch):
    path = tmp_path / "x.json"
    path.write_bytes(b"{}")

    def grow():
        with path.open("ab") as file:
            file.write(b" ")

    reading_as(monkeypatch, grow)
    assert code_of(path) == "changed_while_reading"


def test_a_file_that_changes_once_is_read_again(tmp_path, monkeypatch):
    path = tmp_path / "x.json"
    path.write_bytes(b'{"old": 1}')
    times = iter([True])

    def change_once():
        if next(times, False):
            path.write_bytes(b'{"new": 2}')
            os.utime(path, ns=(1, 1))

    reading_as(monkeypatch, change_once)
    assert read_container(str(path)) == b'{"new": 2}'


def test_a_file_that_comes_in_pieces_is_read_whole(tmp_path, monkeypatch):
    path = tmp_path / "x.json"
    path.write_bytes(b"0123456789")
    really_read = os.read
    monkeypatch.setattr(os, "read", lambda file, size: really_read(file, min(size, 3)))
    assert read_container(str(path)) == b"0123456789"


def test_a_disk_error_while_reading_is_unreadable(tmp_path, monkeypatch):
    path = tmp_path / "x.json"
    path.write_bytes(b"{}")

    def fail(*_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "read", fail)
    assert code_of(path) == "unreadable"


def test_the_beginning_alone_may_be_read_of_a_file_of_any_size(tmp_path):
    path = tmp_path / "huge.db"
    with path.open("wb") as file:
        file.write(b"SQLite format 3\0")
        file.truncate(1 << 41)
    assert read_beginning(str(path), 6) == b"SQLite"
    assert len(read_beginning(str(path), 100)) == 100
    with pytest.raises(Unreadable):
        read_beginning(str(tmp_path / "gone"), 6)


# --- a database -------------------------------------------------------------------------------------------


@pytest.fixture
def database(tmp_path):
    """A WAL database in use, whose rows are still in its log alone."""
    folder = tmp_path / "tool"
    folder.mkdir()
    path = folder / "models.db"
    owner = driver.connect(str(path))
    owner.execute("PRAGMA journal_mode=WAL")
    owner.execute("PRAGMA wal_autocheckpoint=0")
    owner.execute("CREATE TABLE models (name TEXT)")
    owner.execute("INSERT INTO models VALUES ('inkwash')")
    owner.commit()
    yield path
    owner.close()


def names_in(copy):
    with_copy = driver.connect(copy)
    try:
        return [name for (name,) in with_copy.execute("SELECT name FROM models")]
    finally:
        with_copy.close()


def listing(folder):
    return {path.name: (path.stat().st_size, path.stat().st_mtime_ns) for path in folder.iterdir()}


def test_the_copy_holds_what_stands_only_in_the_log(database):
    with copy_database(str(database)) as copy:
        assert names_in(copy) == ["inkwash"]


def test_the_folder_of_the_database_stays_as_it_was(database):
    before = listing(database.parent)
    with copy_database(str(database)) as copy:
        names_in(copy)
    assert listing(database.parent) == before


def test_a_database_that_nobody_has_open_gets_no_new_files(tmp_path):
    folder = tmp_path / "tool"
    folder.mkdir()
    path = folder / "models.db"
    owner = driver.connect(str(path))
    owner.execute("PRAGMA journal_mode=WAL")
    owner.execute("CREATE TABLE models (name TEXT)")
    owner.commit()
    owner.close()
    assert set(listing(folder)) == {"models.db"}
    with copy_database(str(path)) as copy:
        assert names_in(copy) == []
    assert set(listing(folder)) == {"models.db"}


def test_the_shared_memory_file_is_never_copied(database):
    assert (database.parent / "models.db-shm").exists()
    with copy_database(str(database)) as copy:
        assert sorted(os.listdir(os.path.dirname(copy))) == ["copy.db", "copy.db-wal"]


def test_a_hot_journal_is_rolled_back_in_the_copy_alone(tmp_path):
    path = tmp_path / "models.db"
    owner = driver.connect(str(path))
    owner.execute("CREATE TABLE models (name TEXT)")
    owner.execute("INSERT INTO models VALUES ('kept')")
    owner.commit()
    owner.execute("PRAGMA cache_size=1")
    owner.execute("UPDATE models SET name = 'lost'")
    for number in range(2_000):  # more pages than the cache holds: they spill into the file before the commit
        owner.execute("INSERT INTO models VALUES (?)", (f"lost {number}" * 20,))
    assert (tmp_path / "models.db-journal").stat().st_size > 0
    crashed = tmp_path / "crashed"
    crashed.mkdir()
    for name in ("models.db", "models.db-journal"):
        shutil.copyfile(tmp_path / name, crashed / name)
    owner.rollback()
    owner.close()
    before = listing(crashed)
    with copy_database(str(crashed / "models.db")) as copy:
        assert names_in(copy) == ["kept"]
    assert listing(crashed) == before


def test_only_the_user_may_look_into_the_copy(database):
    with copy_database(str(database)) as copy:
        assert stat.S_IMODE(os.stat(os.path.dirname(copy)).st_mode) == 0o700
        assert stat.S_IMODE(os.stat(copy).st_mode) == 0o600


def test_the_copy_is_gone_afterwards_also_after_an_exception(database):
    with copy_database(str(database)) as copy:
        pass
    assert not os.path.exists(os.path.dirname(copy))
    with pytest.raises(ZeroDivisionError), copy_database(str(database)) as copy:
        names_in(copy)
        raise ZeroDivisionError
    assert not os.path.exists(os.path.dirname(copy))


def test_nothing_is_left_behind_if_the_copy_fails(database, tmp_path, monkeypatch):
    room = tmp_path / "room"
    room.mkdir()

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", fail)
    with pytest.raises(Unreadable) as caught, copy_database(str(database), folder=str(room)):
        pass
    assert caught.value.code == "no_space"
    assert list(room.iterdir()) == []


def test_the_log_of_a_linked_database_is_found_beside_the_real_file(database, tmp_path):
    (tmp_path / "link.db").symlink_to(database)
    with copy_database(str(tmp_path / "link.db")) as copy:
        assert names_in(copy) == ["inkwash"]


@pytest.mark.parametrize(
    "content", [b"", b"SQLite format 3", b"SQLite format 2\0" + b"x" * 4096, b"\0" * 4096]
)
def test_what_has_no_header_of_sqlite_is_refused(tmp_path, content):
    path = tmp_path / "StabilityMatrix.db"
    path.write_bytes(content)
    with pytest.raises(Unreadable) as caught, copy_database(str(path)):
        pass
    assert caught.value.code == "not_sqlite"


def test_a_log_that_is_a_pipe_is_refused(tmp_path):
    path = tmp_path / "models.db"
    connection = driver.connect(str(path))
    connection.execute("CREATE TABLE models (name TEXT)")
    connection.commit()
    connection.close()
    os.mkfifo(tmp_path / "models.db-wal")
    with pytest.raises(Unreadable) as caught, copy_database(str(path)):
        pass
    assert caught.value.code == "unreadable"


def test_a_database_that_keeps_changing_is_in_use(database, tmp_path, monkeypatch):
    room = tmp_path / "room"
    room.mkdir()
    ticks = iter(range(10, 10_000))
    reading_as(monkeypatch, lambda: os.utime(database, ns=(next(ticks), next(ticks))))
    with pytest.raises(Unreadable) as caught, copy_database(str(database), folder=str(room)):
        pass
    assert caught.value.code == "in_use"
    assert "in use" in caught.value.message
    assert list(room.iterdir()) == []


def test_a_database_that_changes_once_is_copied_again(database, monkeypatch):
    times = iter([False, True])

    def add_a_row():
        if next(times, False):
            with_it = driver.connect(str(database))
            with_it.execute("INSERT INTO models VALUES ('copperleaf')")
            with_it.commit()
            with_it.close()

    reading_as(monkeypatch, add_a_row)
    with copy_database(str(database)) as copy:
        assert names_in(copy) == ["inkwash", "copperleaf"]


def test_a_log_that_vanishes_between_is_noticed(database, monkeypatch):
    times = iter([False, True])

    def fold_in():
        if next(times, False):
            os.unlink(f"{database}-wal")

    reading_as(monkeypatch, fold_in)
    with copy_database(str(database)) as copy:
        assert os.listdir(os.path.dirname(copy)) == ["copy.db"]


def test_a_database_that_vanishes_is_not_found(tmp_path):
    with pytest.raises(Unreadable) as caught, copy_database(str(tmp_path / "gone.db")):
        pass
    assert caught.value.code == "not_found"


def test_no_copy_is_begun_where_there_is_no_room(database, tmp_path, monkeypatch):
    room = tmp_path / "room"
    room.mkdir()
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(container.shutil, "disk_usage", lambda _: usage(1, 1, 1))
    with pytest.raises(Unreadable) as caught, copy_database(str(database), folder=str(room)):
        pass
    assert caught.value.code == "no_space"
    assert caught.value.details["free_bytes"] == 1
    assert list(room.iterdir()) == []


def test_no_copy_is_made_where_no_folder_can_be(database, tmp_path):
    with pytest.raises(Unreadable) as caught, copy_database(str(database), folder=str(tmp_path / "gone")):
        pass
    assert caught.value.code == "unreadable"


def test_copying_can_be_cancelled_and_tells_how_far_it_is(database, tmp_path):
    room = tmp_path / "room"
    room.mkdir()
    steps = []
    with copy_database(str(database), Progress(steps.append)):
        pass
    assert steps[0].unit == "bytes"
    assert steps[0].total == sum((database.parent / f"models.db{end}").stat().st_size for end in ("", "-wal"))
    progress = Progress()
    progress.cancel()
    with pytest.raises(Cancelled), copy_database(str(database), progress, str(room)):
        pass
    assert list(room.iterdir()) == []


def test_no_thread_and_no_descriptor_is_left_open(database, tmp_path):
    opened = len(os.listdir("/proc/self/fd"))
    with copy_database(str(database)):
        pass
    read_container(str(database))
    for path in (tmp_path / "gone", tmp_path):
        with pytest.raises(Unreadable):
            read_container(str(path))
    assert len(os.listdir("/proc/self/fd")) == opened
    assert threading.active_count() == 1


def test_a_file_that_grows_past_the_limit_is_too_large(tmp_path, monkeypatch):
    path = tmp_path / "x.json"
    path.write_bytes(b"1234")
    really_stat = os.fstat
    times = iter([True])

    def grow_after_the_look(file):
        facts = really_stat(file)
        if next(times, False):
            path.write_bytes(b"123456789")
        return facts

    monkeypatch.setattr(os, "fstat", grow_after_the_look)
    assert code_of(path, limit_bytes=4) == "too_large"


@pytest.mark.parametrize("reads_before", [0, 1])
def test_a_disk_error_in_a_database_is_unreadable_and_leaves_nothing(
    database, tmp_path, monkeypatch, reads_before
):
    room = tmp_path / "room"
    room.mkdir()
    reads = iter(range(10))
    really_read = os.read

    def fail(file, size):
        if next(reads) >= reads_before:
            raise OSError(5, "Input/output error")
        return really_read(file, size)

    monkeypatch.setattr(os, "read", fail)
    with pytest.raises(Unreadable) as caught, copy_database(str(database), folder=str(room)):
        pass
    assert caught.value.code == "unreadable"
    assert list(room.iterdir()) == []


def test_a_database_that_vanishes_while_it_is_copied_is_not_found(database, monkeypatch):
    times = iter([False, True])

    def vanish():
        if next(times, False):
            os.unlink(database)

    reading_as(monkeypatch, vanish)
    with pytest.raises(Unreadable) as caught, copy_database(str(database)):
        pass
    assert caught.value.code == "not_found"


def test_a_database_that_shrinks_while_it_is_copied_is_copied_again(database, monkeypatch):
    content = database.read_bytes()
    times = iter([False, True])

    def shrink():
        if next(times, False):
            database.write_bytes(content[:-4096])

    reading_as(monkeypatch, shrink)
    with copy_database(str(database)) as copy:
        assert os.path.getsize(copy) == len(content) - 4096
