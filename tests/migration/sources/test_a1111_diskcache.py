import hashlib
import os
import pickle
import time
from contextlib import closing
from pathlib import Path

import pytest

from modelmgr.catalog import Catalog
from modelmgr.library import Library
from modelmgr.migration.detect import probed
from modelmgr.migration.source import Container
from modelmgr.migration.sources.a1111_diskcache import A1111DiskCache
from modelmgr.progress import Progress
from modelmgr.sqlite import driver
from tests.inbox import pending_in
from tests.migration.specimens.a1111 import TIME, checkpoint, diskcache, lora
from tests.migration.specimens.models import A, B

DISK = A1111DiskCache()
B_SHA256 = "f6fc015f5cee804ba65df8a2da7db5d375c30b5072a05768e58c9598aa7ec0e6"
CHECKPOINT = "checkpoint/sub/copperleaf_xl.safetensors"
LORA = "lora/inkwash_harbor"
ENTRY = {"mtime": TIME, "sha256": B_SHA256}


class Store:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.problems = []

    def container(self, path):
        facts = path.stat()
        return Container(
            str(path), path.name, facts.st_size, facts.st_mtime_ns, frozenset(os.listdir(path.parent))
        )

    def read(self, path):
        container = self.container(path)
        if not (DISK.wants(container.name, False) and probed(DISK, container, self.problems.append)):
            return []
        return list(DISK.records(container, Progress(), self.problems.append))

    def change(self, path, *statements):
        with closing(driver.connect(path)) as connection, connection:
            for statement, *values in statements:
                connection.execute(statement, values)

    def value_file(self, path, key, value, filename="3f/a1/c0ffee0123456789.val", *, put=True):
        """Let a row keep its value in a file, as the store does from 256 KiB up."""
        target = path.parent / filename
        if put:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(value)
        self.change(
            path,
            (
                "INSERT INTO Cache (key, raw, store_time, mode, filename, size) VALUES (?, 1, 1.5, 4, ?, ?)",
                key,
                filename,
                len(value),
            ),
        )


@pytest.fixture
def store(tmp_path):
    folder = tmp_path / "webui"
    folder.mkdir()
    return Store(folder)


def claims_of(record, sha256=None):
    return DISK.claims(record, frozenset(), sha256)


def test_a_value_in_the_row_is_the_payload(store):
    checkpoint(store.folder)
    (record,) = store.read(diskcache(store.folder, {CHECKPOINT: ENTRY}))
    assert record.payload == pickle.dumps(ENTRY, protocol=5)
    assert (record.source, record.record_key) == ("a1111-diskcache", CHECKPOINT)
    assert record.extra["columns"]["key"] == {"storage": "text", "value": CHECKPOINT}
    assert record.extra["columns"]["mode"] == {"storage": "integer", "value": 4}
    assert "value" not in record.extra["columns"]
    claims = claims_of(record)
    assert claims.path == str(store.folder / "models/Stable-diffusion/sub/copperleaf_xl.safetensors")
    assert (claims.sha256, claims.own_hash, claims.flags) == (B_SHA256, True, ())
    assert claims.fields == {"type": "checkpoint"}


@pytest.mark.parametrize("protocol", range(6))
def test_every_protocol_is_read(store, protocol):
    (record,) = store.read(diskcache(store.folder, {CHECKPOINT: pickle.dumps(ENTRY, protocol=protocol)}))
    assert claims_of(record).sha256 == B_SHA256


def test_a_value_in_a_file_is_the_payload_too(store):
    lora(store.folder)
    path = diskcache(store.folder, {}, "safetensors-metadata")
    value = pickle.dumps({"mtime": TIME, "value": {"ss_output_name": "x" * 300_000}}, protocol=5)
    store.value_file(path, LORA, value)
    (record,) = store.read(path)
    assert record.payload == value
    assert record.extra["payload_file"] == "3f/a1/c0ffee0123456789.val"
    claims = claims_of(record)
    assert claims.path == str(store.folder / "models/Lora/ink/inkwash_harbor.safetensors")
    assert (claims.fields, claims.problem) == ({"type": "lora"}, None)


def test_windows_spells_the_files_name_with_backslashes(store):
    path = diskcache(store.folder, {})
    value = pickle.dumps(ENTRY)
    (path.parent / "3f" / "a1").mkdir(parents=True)
    (path.parent / "3f" / "a1" / "ab.val").write_bytes(value)
    store.value_file(path, CHECKPOINT, value, "3f\\a1\\ab.val", put=False)
    assert [record.payload for record in store.read(path)] == [value]


def test_a_row_whose_value_file_is_gone_is_reported_and_the_next_is_read(store):
    path = diskcache(store.folder, {})
    store.value_file(path, "lora/gone", b"x", put=False)
    store.value_file(path, CHECKPOINT, pickle.dumps(ENTRY), "00/11/22.val")
    assert [record.record_key for record in store.read(path)] == [CHECKPOINT]
    (problem,) = store.problems
    assert (problem.code, problem.record_key, problem.kept) == ("not_found", "lora/gone", False)
    assert problem.path == str(path)


@pytest.mark.parametrize(
    "name", ["../../../secret.val", "/etc/passwd", "a/../../b.val", "C:\\x.val", "x.txt", "a//b.val", ""]
)
def test_a_value_file_elsewhere_is_not_read(store, name):
    (store.folder / "secret.val").write_bytes(pickle.dumps(ENTRY))
    path = diskcache(store.folder, {})
    store.value_file(path, CHECKPOINT, b"", name, put=False)
    assert store.read(path) == []
    assert [problem.record_key for problem in store.problems] == [CHECKPOINT]


def test_a_value_file_that_is_a_link_out_of_the_cache_is_not_read(store, tmp_path):
    (tmp_path / "secret").write_bytes(pickle.dumps(ENTRY))
    path = diskcache(store.folder, {})
    (path.parent / "ab.val").symlink_to(tmp_path / "secret")
    store.value_file(path, CHECKPOINT, b"", "ab.val", put=False)
    assert store.read(path) == []
    assert [problem.code for problem in store.problems] == ["outside"]


def test_an_expired_row_is_kept_and_says_nothing(store):
    path = diskcache(store.folder, {CHECKPOINT: ENTRY, LORA: ENTRY})
    store.change(
        path,
        ("UPDATE Cache SET expire_time = 1719000001.0 WHERE key = ?", CHECKPOINT),
        ("UPDATE Cache SET expire_time = ? WHERE key = ?", time.time() + 1e6, LORA),
    )
    expired, valid = (claims_of(record) for record in store.read(path))
    assert (expired.marker, expired.flags, expired.sha256) == (True, ("expired",), None)
    assert (valid.marker, valid.sha256) == (False, B_SHA256)


class Bomb:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("in_file", [False, True])
def test_a_pickle_that_would_run_code_is_kept_unread_and_does_not_run(store, tmp_path, in_file):
    target = tmp_path / "made"
    content = pickle.dumps({"mtime": TIME, "sha256": Bomb(target)})
    path = diskcache(store.folder, {} if in_file else {CHECKPOINT: content})
    if in_file:
        store.value_file(path, CHECKPOINT, content)
    (record,) = store.read(path)
    claims = claims_of(record)
    assert record.payload == content
    assert (claims.problem, claims.sha256) == ("unparsed_payload", None)
    assert "more than plain data" in claims.message
    assert not target.exists()


@pytest.mark.parametrize("value", [[1, 2], "text", None, 5])
def test_a_value_that_is_no_dictionary_is_kept_unread(store, value):
    (record,) = store.read(diskcache(store.folder, {CHECKPOINT: value}))
    assert claims_of(record).problem == "unparsed_payload"


@pytest.mark.parametrize("content", [b"", b"\x80", b"rubbish", pickle.dumps(ENTRY)[:-9], bytes(range(256))])
def test_a_damaged_pickle_is_kept_unread(store, content):
    (record,) = store.read(diskcache(store.folder, {CHECKPOINT: content}))
    assert record.payload == content
    claims = claims_of(record)
    assert (claims.problem, claims.path) == (
        "unparsed_payload",
        "../../models/Stable-diffusion/sub/copperleaf_xl.safetensors",
    )


def test_keys_and_values_of_other_kinds_are_kept(store):
    path = diskcache(store.folder, {})
    store.change(
        path,
        (
            "INSERT INTO Cache (key, raw, mode, value) VALUES (?, 0, 4, ?)",
            pickle.dumps(("a", 1)),
            pickle.dumps(ENTRY),
        ),
        ("INSERT INTO Cache (key, raw, mode, value) VALUES ('number', 1, 1, 7)",),
        ("INSERT INTO Cache (key, raw, mode, value) VALUES ('text', 1, 1, 'mtime')",),
        ("INSERT INTO Cache (key, raw, mode, value) VALUES ('none', 1, 4, NULL)",),
        ("INSERT INTO Cache (key, raw, mode, value) VALUES (5, 1, 4, ?)", pickle.dumps(ENTRY)),
    )
    records = store.read(path)
    assert [record.record_key for record in records] == ["row 1", "number", "text", "none", "row 5"]
    assert records[0].payload == records[4].payload == pickle.dumps(ENTRY)
    assert records[2].payload == b"mtime"
    assert all(claims_of(record).path in (None, "number", "text", "none") for record in records)
    assert [claims_of(record).problem for record in records[1:4]] == ["unparsed_payload"] * 3


def test_the_hash_of_the_name_is_none_here_too(store):
    checkpoint(store.folder)
    digest = hashlib.sha256(b"copperleaf_xl.safetensors").hexdigest()
    (record,) = store.read(diskcache(store.folder, {CHECKPOINT: {"mtime": TIME, "sha256": digest}}))
    assert (claims_of(record).sha256, claims_of(record).flags) == (None, ("hash-of-the-name",))


def test_the_second_section_holds_the_tensors_hash(store):
    lora(store.folder)
    path = diskcache(store.folder, {LORA: {"mtime": TIME, "sha256": A["addnet"]}}, "hashes-addnet")
    (record,) = store.read(path)
    assert claims_of(record).partial_hashes == {"AutoV3": "d53eda7a637c"}
    path = diskcache(store.folder / "forge", {LORA: {"mtime": TIME, "sha256": A["sha256"]}}, "hashes-addnet")
    (record,) = store.read(path)
    assert claims_of(record, A["sha256"]).sha256 == A["sha256"]


@pytest.mark.parametrize("section", ["extensions-git", "Cache", "default"])
def test_sections_of_other_things_are_left_alone(store, section):
    assert store.read(diskcache(store.folder, {"x": ENTRY}, section)) == []
    assert store.problems == []


def test_the_cache_of_a_browser_is_none(store):
    path = store.folder / "cache" / "hashes" / "cache.db"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"no database")
    assert store.read(path) == []
    path.unlink()
    store.change(path, ("CREATE TABLE Cache (url TEXT, body BLOB)",), ("CREATE TABLE Settings (a)",))
    assert store.read(path) == []
    assert store.problems == []


def test_what_only_the_log_holds_is_read_and_nothing_is_written(store):
    path = diskcache(store.folder, {CHECKPOINT: ENTRY})
    with closing(driver.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA wal_autocheckpoint=0")
        with connection:
            connection.execute(
                "INSERT INTO Cache (key, raw, mode, value) VALUES (?, 1, 4, ?)", (LORA, pickle.dumps(ENTRY))
            )
        before = {name: (path.parent / name).stat().st_mtime_ns for name in os.listdir(path.parent)}
        assert [record.record_key for record in store.read(path)] == [CHECKPOINT, LORA]
        assert {name: (path.parent / name).stat().st_mtime_ns for name in os.listdir(path.parent)} == before


def test_both_caches_of_one_program_are_imported(store, tmp_path):
    checkpoint(store.folder)
    diskcache(store.folder, {CHECKPOINT: ENTRY})
    (store.folder / "cache.json").write_text(
        f'{{"hashes": {{"{CHECKPOINT}": {{"mtime": {TIME}, "sha256": "{B_SHA256}"}}}}}}'
    )
    with Catalog.open(tmp_path / "catalog.sqlite") as catalog:
        library = Library(catalog)
        library.import_paths([str(store.folder)], progress=Progress())
        rows = pending_in(catalog)
        assert sorted((row.source, row.problem) for row in rows) == [
            ("a1111-cache-json", None),
            ("a1111-diskcache", None),
        ]
        assert {row.file_path for row in rows} == {
            str(store.folder / "models/Stable-diffusion/sub/copperleaf_xl.safetensors")
        }
        report = library.promote(None, progress=Progress())
        assert (report.promoted, report.stayed) == (2, 0)
        assert B["sha256"] == B_SHA256
