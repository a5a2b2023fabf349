"""Opening, making, refusing, sharing and closing a catalog."""

import lzma
import os
import stat
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from modelmgr.catalog import Catalog, engine, schema, upgrades
from modelmgr.catalog.import_store import NewRecord
from modelmgr.errors import (
    CatalogBusy,
    CatalogDamaged,
    CatalogError,
    CatalogTooNew,
    ModelmgrError,
    NotFound,
)
from modelmgr.library import Library
from modelmgr.progress import Progress
from modelmgr.sqlite import driver, wal_is_safe
from modelmgr.values import Attachment, ModelQuery, Record


def test_reading_a_catalog_that_is_not_there_answers_nothing_and_makes_nothing(tmp_path: Path) -> None:
    with Catalog.open(tmp_path / "none.sqlite", create=False) as catalog:
        assert catalog.count(ModelQuery()) == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", ["nothing", "no tables"])
def test_a_file_that_holds_nothing_is_a_new_catalog(tmp_path: Path, content: str) -> None:
    path = tmp_path / "c.sqlite"
    path.touch()
    if content == "no tables":
        conn = driver.connect(str(path))
        conn.execute("PRAGMA user_version=0")
        conn.execute("CREATE TABLE t(x)")
        conn.execute("DROP TABLE t")
        conn.commit()
        conn.close()
    before = path.read_bytes()
    with Catalog.open(path, create=False) as catalog:
        assert catalog.count(ModelQuery()) == 0
    assert path.read_bytes() == before
    with Catalog.open(path) as catalog:
        assert catalog.count(ModelQuery()) == 0
        catalog.add_folder("/models", 1)
    with Catalog.open(path, create=False) as catalog:
        assert [folder.path for folder in catalog.folders()] == ["/models"]


def test_a_closed_catalog_is_one_file_that_carries_its_mark_in_its_first_page(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    Catalog.open(path).close()
    head = path.read_bytes()[:100]
    assert int.from_bytes(head[60:64], "big") == schema.VERSION
    assert int.from_bytes(head[68:72], "big") == engine.APPLICATION_ID
    assert [entry.name for entry in tmp_path.iterdir()] == ["c.sqlite"]


def test_the_pragmas_of_the_house_hold_on_both_connections(tmp_path: Path) -> None:
    with Catalog.open(tmp_path / "c.sqlite") as catalog, catalog.transaction() as writer:
        for database in (writer, catalog._reader):
            ask = {
                name: database.execute_sql(f"PRAGMA {name}").fetchone()[0]
                for name in (
                    "journal_mode",
                    "synchronous",
                    "foreign_keys",
                    "trusted_schema",
                    "busy_timeout",
                    "mmap_size",
                )
            }
            assert ask["journal_mode"] == ("wal" if wal_is_safe() else "truncate")
            assert ask == ask | {
                "synchronous": 2 if wal_is_safe() else 3,
                "foreign_keys": 1,
                "trusted_schema": 0,
                "busy_timeout": 10_000,
                "mmap_size": 0,
            }
        assert catalog._reader.execute_sql("PRAGMA query_only").fetchone()[0] == 1


@pytest.mark.parametrize(
    ("version", "is_safe"),
    [
        ((3, 40, 1), False),
        ((3, 44, 5), False),
        ((3, 44, 6), True),
        ((3, 45, 0), False),
        ((3, 50, 6), False),
        ((3, 50, 7), True),
        ((3, 51, 2), False),
        ((3, 51, 3), True),
        ((3, 52, 0), True),
        ((4, 0, 0), True),
    ],
)
def test_the_fault_of_the_log_is_known_by_the_version(version: tuple[int, int, int], is_safe: bool) -> None:
    assert wal_is_safe(version) is is_safe


def test_a_newer_catalog_is_refused_untouched(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    Catalog.open(path).close()
    conn = driver.connect(str(path))
    conn.execute(f"PRAGMA user_version={schema.VERSION + 1}")
    conn.close()
    before = path.read_bytes()
    with pytest.raises(CatalogTooNew, match="newer version"):
        Catalog.open(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"x" * 200, b"SQLite format 3\0" + b"\xff" * 84, b"SQLite"])
def test_what_is_no_catalog_is_refused_untouched(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "c.sqlite"
    path.write_bytes(content)
    for create in (True, False):
        with pytest.raises(CatalogDamaged):
            Catalog.open(path, create=create)
    assert path.read_bytes() == content


def test_the_database_of_another_program_is_refused_untouched(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite"
    conn = driver.connect(str(path))
    conn.execute("CREATE TABLE models(x)")
    conn.commit()
    conn.close()
    before = path.read_bytes()
    for create in (True, False):
        with pytest.raises(CatalogDamaged, match="another program"):
            Catalog.open(path, create=create)
    assert path.read_bytes() == before


def test_a_missing_folder_a_folder_and_a_second_name_are_refused_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="does not exist"):
        Catalog.open(tmp_path / "no" / "c.sqlite")
    with pytest.raises(CatalogError, match="is a folder"):
        Catalog.open(tmp_path)
    Catalog.open(tmp_path / "c.sqlite").close()
    os.link(tmp_path / "c.sqlite", tmp_path / "twin.sqlite")
    with pytest.raises(CatalogError, match="hard link"):
        Catalog.open(tmp_path / "c.sqlite")


def test_two_processes_make_one_catalog_at_once(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    program = (
        "import sys; from modelmgr.catalog import Catalog\n"
        "with Catalog.open(sys.argv[1]) as c: c.add_folder(sys.argv[2], 1)"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", program, str(path), f"/f{number}"]) for number in range(4)
    ]
    assert [process.wait(60) for process in running] == [0] * 4
    with Catalog.open(path) as catalog:
        assert [folder.path for folder in catalog.folders()] == ["/f0", "/f1", "/f2", "/f3"]


def test_a_transaction_that_raises_leaves_nothing(tmp_path: Path) -> None:
    with Catalog.open(tmp_path / "c.sqlite") as catalog:
        rung: list[object] = []
        catalog.subscribe(rung.append)
        with pytest.raises(RuntimeError), catalog.transaction():
            catalog.add_folder("/a", 1)
            raise RuntimeError
        assert catalog.folders() == []
        assert rung == []
        catalog.add_folder("/b", 1)
        assert len(rung) == 1


def test_other_threads_read_the_state_before_a_running_transaction(tmp_path: Path) -> None:
    with Catalog.open(tmp_path / "c.sqlite") as catalog:
        seen: list[int] = []
        with catalog.transaction():
            catalog.add_folder("/a", 1)
            thread = threading.Thread(target=lambda: seen.append(len(catalog.folders())))
            thread.start()
            thread.join()
            assert len(catalog.folders()) == 1
        assert seen == [0]


READ_ONLY = """
import hashlib, os, sys
from modelmgr.catalog import Catalog, engine
from modelmgr.errors import CatalogReadOnly
from modelmgr.progress import Progress
path, target = sys.argv[1:]
if os.getuid() == 0:
    os.setuid(65534)  # nobody: root may write everywhere
assert not os.access(path, os.W_OK)
try:
    Catalog.open(path)
except CatalogReadOnly:
    print("opened for writing: refused")
with Catalog.open(path, create=False) as catalog:
    print("folders:", len(catalog.folders()))
    try:
        catalog.add_folder("/b", 1)
    except CatalogReadOnly:
        print("written: refused")
print("check:", engine.check_file(path, Progress()))
print("backup:", engine.backup_to(path, target, Progress()), os.path.exists(target))
"""


@pytest.mark.skipif(os.name != "posix", reason="users and modes are a matter of POSIX")
def test_a_catalog_that_can_only_be_read_is_read_checked_and_backed_up_and_not_written() -> None:
    with tempfile.TemporaryDirectory() as folder:
        place, elsewhere = Path(folder, "place"), Path(folder, "elsewhere")
        place.mkdir()
        elsewhere.mkdir()
        path = place / "c.sqlite"
        with Catalog.open(path) as catalog:
            catalog.add_folder("/a", 1)
        Path(folder).chmod(0o755)
        elsewhere.chmod(0o777)
        path.chmod(0o444)
        place.chmod(0o555)
        before = path.read_bytes()
        try:
            done = subprocess.run(
                [sys.executable, "-c", READ_ONLY, str(path), str(elsewhere / "copy.sqlite")],
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.stdout.splitlines() == [
                "opened for writing: refused",
                "folders: 1",
                "written: refused",
                "check: []",
                "backup: [] True",
            ], done.stderr
            assert path.read_bytes() == before
            assert [entry.name for entry in place.iterdir()] == ["c.sqlite"]
        finally:
            place.chmod(0o755)


def test_a_process_that_died_is_told_from_one_that_lives(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    program = "import sys, os; from modelmgr.catalog import Catalog; Catalog.open(sys.argv[1]).session(); os._exit(1)"
    assert subprocess.run([sys.executable, "-c", program, str(path)], check=False).returncode == 1
    with Catalog.open(path) as catalog, Catalog.open(path) as other:
        own = catalog.session()
        dead = other.dead_sessions()
        assert len(dead) == 1
        assert own not in dead
        other.forget_sessions(dead)
        assert other.dead_sessions() == []


def test_backup_check_and_restore_bring_back_what_was_there(tmp_path: Path) -> None:
    path, backup = tmp_path / "c.sqlite", tmp_path / "b.sqlite"
    with Catalog.open(path) as catalog:
        catalog.add_folder("/a", 1)
        assert catalog.backup(str(backup), Progress()) == []
        catalog.add_folder("/b", 1)
        assert engine.is_in_use(str(path))
    assert not engine.is_in_use(str(path))
    aside = engine.restore_from(str(backup), str(path), Progress())
    with Catalog.open(path) as catalog:
        assert [folder.path for folder in catalog.folders()] == ["/a"]
        assert catalog.check(Progress()) == []
    assert aside is not None
    with Catalog.open(aside) as former:
        assert [folder.path for folder in former.folders()] == ["/a", "/b"]


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm", "-journal"])
def test_a_backup_takes_neither_the_place_of_the_catalog_nor_of_its_log(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / "c.sqlite"
    (tmp_path / "link").symlink_to(f"{path}{suffix}")
    with Catalog.open(path) as catalog:
        catalog.add_folder("/a", 1)
        for target in (f"{path}{suffix}", str(tmp_path / "link")):
            with pytest.raises(CatalogError, match="can't replace the catalog"):
                catalog.backup(target, Progress())
    with Catalog.open(path) as catalog:
        assert len(catalog.folders()) == 1
        assert catalog.check(Progress()) == []


def test_a_backup_is_a_file_beside_which_no_former_log_lies(tmp_path: Path) -> None:
    other, log = tmp_path / "other.sqlite", tmp_path / "other.sqlite-wal"
    with Catalog.open(other) as catalog:
        catalog.add_folder("/other", 1)
        left_behind = log.read_bytes()
        with (
            Catalog.open(tmp_path / "c.sqlite") as former,
            pytest.raises(CatalogBusy, match="open in another program"),
        ):
            former.backup(str(other), Progress())
    log.write_bytes(left_behind)  # as a program that was killed leaves it
    with Catalog.open(tmp_path / "c.sqlite") as catalog:
        catalog.add_folder("/a", 1)
        assert catalog.backup(str(other), Progress()) == []
    assert not log.exists()
    with Catalog.open(other) as catalog:
        assert [folder.path for folder in catalog.folders()] == ["/a"]
        assert catalog.check(Progress()) == []


def test_a_backup_goes_where_a_link_leads_and_never_to_what_is_no_file(tmp_path: Path) -> None:
    elsewhere, link, pipe = tmp_path / "elsewhere", tmp_path / "link.sqlite", tmp_path / "pipe"
    elsewhere.mkdir()
    link.symlink_to(elsewhere / "b.sqlite")
    os.mkfifo(pipe)
    with Catalog.open(tmp_path / "c.sqlite") as catalog:
        assert catalog.backup(str(link), Progress()) == []
        assert link.is_symlink()
        assert (elsewhere / "b.sqlite").is_file()
        for target in (pipe, elsewhere):
            with pytest.raises(ModelmgrError, match="is no regular file") as raised:
                catalog.backup(str(target), Progress())
            assert raised.value.code == "unwritable"
        with pytest.raises(NotFound, match="does not exist"):
            catalog.backup(str(tmp_path / "nowhere" / "b.sqlite"), Progress())
    assert stat.S_ISFIFO(pipe.lstat().st_mode)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_plain_copy_of_a_catalog_is_restored_from_where_nothing_can_be_written(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    with Catalog.open(disk / "c.sqlite") as catalog:
        catalog.add_folder("/a", 1)
    disk.chmod(0o500)
    try:
        assert engine.restore_from(str(disk / "c.sqlite"), str(tmp_path / "c.sqlite"), Progress()) is None
    finally:
        disk.chmod(0o700)
    with Catalog.open(tmp_path / "c.sqlite") as catalog:
        assert len(catalog.folders()) == 1


def test_a_damaged_backup_is_not_restored(tmp_path: Path) -> None:
    path, backup = tmp_path / "c.sqlite", tmp_path / "b.sqlite"
    with Catalog.open(path) as catalog:
        catalog.add_folder("/a", 1)
        catalog.backup(str(backup), Progress())
    data = bytearray(backup.read_bytes())
    data[4096 * 2 : 4096 * 4] = b"\xff" * 8192
    backup.write_bytes(data)
    with pytest.raises(CatalogDamaged):
        engine.restore_from(str(backup), str(path), Progress())
    with Catalog.open(path) as catalog:
        assert len(catalog.folders()) == 1


def test_an_upgrade_goes_all_the_way_or_not_at_all_and_leaves_a_backup(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    with Catalog.open(path) as catalog:
        catalog.add_folder("/a", 1)

    def add(conn: engine.Connection) -> None:
        conn.execute("ALTER TABLE models ADD COLUMN shelf TEXT")

    def fail(conn: engine.Connection) -> None:
        conn.execute("ALTER TABLE models ADD COLUMN other TEXT")
        raise RuntimeError

    def version_and_columns() -> tuple[int, set[str]]:
        conn = engine.connect(str(path), "mode=rw")
        try:
            (version,) = conn.execute("PRAGMA user_version").fetchone()
            return version, {row[1] for row in conn.execute("PRAGMA table_info(models)")}
        finally:
            conn.close()

    now = schema.VERSION
    conn = engine.connect(str(path), "mode=rw")
    with pytest.raises(RuntimeError):
        upgrades.upgrade(conn, str(path), {now + 1: add, now + 2: fail}, now + 2)
    assert version_and_columns()[0] == now
    assert "shelf" not in version_and_columns()[1]
    backup = upgrades.upgrade(conn, str(path), {now + 1: add}, now + 1)
    conn.close()
    version, columns = version_and_columns()
    assert version == now + 1
    assert "shelf" in columns
    with Catalog.open(backup) as former:
        assert len(former.folders()) == 1


def test_a_catalog_of_version_1_is_upgraded_with_all_its_records(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    with Catalog.open(path) as catalog:
        batch = catalog.begin_batch(["/m"], None)
        record = Record("civitai-info", "/m/x.civitai.info", "", b"{}")
        catalog.put_records(batch, [NewRecord(record, "x", "lora", None, None, None, None, "")])
    conn = engine.connect(str(path), "mode=rw")
    fresh = _objects(conn)
    conn.execute("DROP TABLE gone_records")
    conn.execute("DROP TABLE attachments")
    for name in (
        "recordtable_source_source_path_record_key",
        "pendingtable_promotion",
        "pendingtable_file_path",
    ):
        conn.execute(f"DROP INDEX {name}")
    conn.execute("ALTER TABLE pending_models DROP COLUMN promotion")
    conn.execute("PRAGMA user_version=1")
    conn.close()
    with Catalog.open(path) as catalog:
        assert [record.payload for _, record in catalog.export_rows()] == [b"{}"]
        assert catalog.put_records(batch, [NewRecord(record, "x", "lora", None, None, None, None, "")]) == [
            "added"
        ]
        model, _ = catalog.ensure_model("a" * 64, "x", 1)
        picture = Attachment("/m/x.png", "preview", 3, 4, "b" * 64, "b" * 64 + ".png")
        catalog.put_attachments(model, [picture])
        assert catalog.attachments_of(model) == [picture]
        assert catalog.check(Progress()) == []
    conn = engine.connect(str(path), "mode=rw")
    assert _objects(conn) == fresh
    assert "promotion" in {row[1] for row in conn.execute("PRAGMA table_info(pending_models)")}
    assert conn.execute("PRAGMA user_version").fetchone() == (schema.VERSION,)
    conn.close()


def test_a_catalog_that_version_4_wrote_is_upgraded_and_edited_on(tmp_path: Path) -> None:
    path = catalog_of(4, tmp_path)
    with Catalog.open(path) as catalog:
        rows = {row.file_name: row for row in catalog.page(ModelQuery(), None)}
        ink, harbor = rows["inkwash.safetensors"], rows["harbor.safetensors"]
        assert (ink.name, ink.rating, harbor.tags) == ("My ink", 4, ("mine",))
        details = catalog.details(ink.sha256 or "")
        assert details is not None
        assert details.edited == ("name", "rating")
        assert [record.source for record in details.records] == ["civitai-info"]
        assert catalog.edits_of(ink.id) == []
        assert catalog.next_undo() is None
        library = Library(catalog)
        library.edit_models([ink.id, harbor.id], {"rating": 5})
        assert library.undo_edit().changed == 2
        assert catalog.user_values(ink.id) == {"name": "My ink", "rating": 4}
        assert library.origins_of(ink.id)["name"].imported == "Inkwash - v1.2"
        assert catalog.check(Progress()) == []
    assert [entry.name.rpartition(".")[0] for entry in (tmp_path / "backups").iterdir()] == ["c.sqlite.v4"]
    check_is_like_a_new_one(path)


def test_a_catalog_that_version_5_wrote_is_upgraded_with_its_history(tmp_path: Path) -> None:
    path = catalog_of(5, tmp_path)
    with Catalog.open(path) as catalog:
        by_license = catalog.page(ModelQuery(sort="license", descending=True), None)
        assert [(row.name, row.license) for row in by_license][:1] == [("My ink", "by-nc")]
        by_folder = catalog.page(ModelQuery(sort="path"), None)
        assert [row.file_name for row in by_folder] == [
            "harbor.safetensors",
            "inkwash.safetensors",
            "quiet.safetensors",
        ]
        assert Library(catalog).undo_edit().changed == 1
        assert catalog.rows([by_folder[0].id])[0].tags == ()
        assert catalog.check(Progress()) == []
    check_is_like_a_new_one(path)


def test_what_version_5_wrote_decomposed_is_found_composed(tmp_path: Path) -> None:
    path = catalog_of(5, tmp_path)
    conn = engine.connect(str(path), "mode=rw")
    conn.execute("UPDATE models SET search_text = 'cafe\u0301' WHERE id = 1")
    conn.executemany(
        "INSERT INTO model_tags(model_id, key, tag) VALUES (1, ?, ?)",
        [("re\u0301", "Re\u0301"), ("r\u00e9", "R\u00e9")],
    )
    conn.close()
    with Catalog.open(path) as catalog:
        for search in ("caf\u00e9", "cafe\u0301", "f\u00e9", "tag:r\u00e9"):
            assert list(catalog.order(ModelQuery(search=search))) == [1], search
        assert catalog.check(Progress()) == []


def catalog_of(version: int, folder: Path) -> Path:
    """Return a copy of a catalog that an older version wrote."""
    former = Path(__file__).parents[1] / "data" / f"catalog_of_schema_{version}.sqlite.xz"
    path = folder / "c.sqlite"
    path.write_bytes(lzma.decompress(former.read_bytes()))
    return path


def check_is_like_a_new_one(path: Path) -> None:
    """An upgraded catalog has the tables, the indexes and the version of one that was just made."""
    Catalog.open(path.with_name("fresh.sqlite")).close()
    upgraded, fresh = (
        engine.connect(str(path.with_name(name)), "mode=rw") for name in (path.name, "fresh.sqlite")
    )
    statistics = {"sqlite_stat1", "sqlite_stat4"}  # of the planner, if there was anything to count
    assert _objects(upgraded) - statistics == _objects(fresh) - statistics
    assert _index_columns(upgraded) == _index_columns(fresh)
    assert upgraded.execute("PRAGMA user_version").fetchone() == (schema.VERSION,)
    upgraded.close()
    fresh.close()


def _objects(conn: engine.Connection) -> set[str]:
    return {row[0] for row in conn.execute("SELECT name FROM sqlite_schema")}


def _index_columns(conn: engine.Connection) -> list[tuple[object, ...]]:
    return conn.execute(
        "SELECT s.name, x.name, x.coll, x.desc FROM sqlite_schema AS s, pragma_index_xinfo(s.name) AS x "
        "WHERE s.type = 'index' ORDER BY s.name, x.seqno"
    ).fetchall()


def test_any_sqlite_reads_the_schema(tmp_path: Path) -> None:
    """The interpreter's own SQLite may be older than the one that wrote the catalog."""
    path = tmp_path / "c.sqlite"
    Catalog.open(path).close()
    program = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]);"
        "assert c.execute('PRAGMA integrity_check').fetchone() == ('ok',);"
        "print(c.execute('SELECT count(*) FROM models').fetchone())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True
    )
    assert done.stdout == "(0,)\n"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
def test_a_pipe_in_the_catalog_s_place_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "c.sqlite")
    with pytest.raises(CatalogError, match="no regular file"):
        Catalog.open(tmp_path / "c.sqlite", create=False)


_CLOSES_WHILE_OTHERS_READ = """
import sys, threading
from modelmgr.catalog import Catalog
from modelmgr.catalog.engine import translated
from modelmgr.progress import Cancelled

catalog = Catalog.open(sys.argv[1])
begun, ends = threading.Event(), []
count = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"

def read():
    with translated(catalog.path):
        cursor = catalog._reader.connection().cursor()
        begun.set()
        while True:
            try:
                cursor.execute(count).fetchone()
            except Exception as error:
                ends.append(str(error))
                return

thread = threading.Thread(target=read)
thread.start()
begun.wait()
threading.Event().wait(0.1)
catalog.close()
thread.join()
assert ends == ["interrupted"], ends
"""


def test_closing_interrupts_what_other_threads_read_and_does_not_end_the_process(tmp_path: Path) -> None:
    words = [sys.executable, "-c", _CLOSES_WHILE_OTHERS_READ, str(tmp_path / "c.sqlite")]
    done = subprocess.run(words, check=False, timeout=60, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
