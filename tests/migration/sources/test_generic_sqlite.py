"""Databases with a table of models: every stored column exactly, whatever a stranger's database holds."""

import base64
import hashlib
import json
import math
import os
import random
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelmgr import sqlite
from modelmgr.errors import Unreadable
from modelmgr.migration import detect
from modelmgr.migration.reading import database as foreign
from modelmgr.migration.sources import generic_sqlite
from modelmgr.migration.sources.generic_sqlite import GenericSqlite
from modelmgr.progress import Cancelled, Progress
from modelmgr.values import MIB, Claims, Problem, Record

INKWASH = "9548c2eb5134c9387290ee3b2f0e230918611259b79e46847aeaaef625b8445b"
COPPERLEAF = "f6fc015f5cee804ba65df8a2da7db5d375c30b5072a05768e58c9598aa7ec0e6"

TYPICAL = (
    "CREATE TABLE models(sha256 TEXT, name TEXT, type TEXT, base_model TEXT, path TEXT, size INTEGER, tags TEXT,"
    " rating INTEGER, favorite INTEGER, nsfw INTEGER, notes TEXT, meta_json TEXT, created_at, updated_at)"
)

STORED = (
    st.none()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.binary(max_size=40)
    | st.text(st.characters(codec="utf-8"), max_size=20)
)


class Database:
    """A database of a script, and what is read from it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "models.db"
        self.problems: list[Problem] = []

    def run(self, *statements: str, many: tuple[str, list[tuple[Any, ...]]] | None = None) -> None:
        with closing(sqlite.driver.connect(str(self.path))) as connection:
            for statement in statements:
                connection.execute(statement)
            if many:
                connection.executemany(*many)
            connection.commit()

    def found(self) -> detect.Found:
        (found,) = detect.find(
            [str(self.path)], library_folders=[], progress=Progress(), report=self.problems.append
        )
        return found

    def read(self, progress: Progress | None = None) -> list[Record]:
        found = self.found()
        assert isinstance(found.source, GenericSqlite) and found.container is not None
        records = list(found.source.records(found.container, progress or Progress(), self.problems.append))
        for record in records:
            assert (record.source, record.source_path) == ("generic-sqlite", str(self.path))
            json.dumps(record.extra)
        assert len({record.record_key for record in records}) == len(records)
        return records

    def claims(self) -> list[Claims]:
        siblings = frozenset(path.name for path in self.folder.iterdir())
        return [GenericSqlite().claims(record, siblings) for record in self.read()]

    def state(self) -> dict[str, tuple[int, int, bytes]]:
        return {
            path.name: (
                path.stat().st_size,
                path.stat().st_mtime_ns,
                hashlib.sha256(path.read_bytes()).digest(),
            )
            for path in self.folder.iterdir()
        }


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path)


def columns_of(record: Record) -> dict[str, Any]:
    extra = record.extra or {}
    return dict(extra["columns"])


def stored(said: dict[str, Any]) -> tuple[str, Any]:
    """Return storage class and value of a column in extra."""
    value = said["value"]
    if isinstance(value, dict) and "base64" in value:
        value = base64.b64decode(value["base64"])
    elif isinstance(value, dict):
        value = float(value["real"])
    return said["storage"], value


# --- rows -------------------------------------------------------------------------------------------------


def test_the_json_column_is_the_payload_and_all_others_stand_beside_it(database: Database) -> None:
    meta = '{"a": 1,  "a": 2, "n": NaN}'
    row = (
        INKWASH.upper(),
        "Ink",
        "LORA",
        "SDXL 1.0",
        "D:\\AI\\ink.safetensors",
        184,
        "a;b",
        4,
        1,
        0,
        "mine",
        meta,
    )
    database.run(TYPICAL, many=(f"INSERT INTO models VALUES({','.join('?' * 14)})", [(*row, 1.5, None)]))
    (record,) = database.read()
    assert (record.record_key, record.payload) == ("1", meta.encode())
    columns = columns_of(record)
    assert list(columns) == [
        *(
            "sha256",
            "name",
            "type",
            "base_model",
            "path",
            "size",
            "tags",
            "rating",
            "favorite",
            "nsfw",
            "notes",
        ),
        *("created_at", "updated_at"),
    ]
    assert columns["size"] == {"storage": "integer", "value": 184}
    assert columns["created_at"] == {"storage": "real", "value": 1.5}
    assert columns["updated_at"] == {"storage": "null", "value": None}
    assert (record.extra or {})["payload_column"] == "meta_json"
    assert (record.extra or {})["payload_storage"] == "text"
    (claims,) = database.claims()
    assert claims.fields == {
        "name": "Ink",
        "type": "lora",
        "base_model": "SDXL 1.0",
        "tags": ("a", "b"),
        "rating": 4,
        "favorite": True,
        "nsfw": False,
        "notes": "mine",
    }
    assert claims.personal == {"name", "tags", "rating", "favorite", "notes"}
    assert (claims.sha256, claims.size_bytes, claims.path) == (INKWASH, 184, "D:\\AI\\ink.safetensors")
    assert {"duplicate-keys", "parsed-tolerant"} <= set(claims.flags)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(STORED, STORED, STORED, STORED), min_size=1, max_size=5), st.booleans())
def test_every_column_keeps_storage_class_and_value(
    database: Database, rows: list[tuple[Any, ...]], utf16: bool
) -> None:
    database.path.unlink(missing_ok=True)
    database.run(
        f"PRAGMA encoding='{'UTF-16le' if utf16 else 'UTF-8'}'",
        "CREATE TABLE models(sha256, name, other, last)",
        many=("INSERT INTO models VALUES(?,?,?,?)", rows),
    )
    with closing(sqlite.driver.connect(str(database.path))) as connection:
        expected = connection.execute(
            "SELECT typeof(sha256), sha256, typeof(name), name, typeof(other), other, typeof(last), last"
            " FROM models ORDER BY rowid"
        ).fetchall()
    records = database.read()
    assert [record.record_key for record in records] == [str(number + 1) for number in range(len(rows))]
    for record, row in zip(records, expected, strict=True):
        found = [part for said in columns_of(record).values() for part in stored(said)]
        assert found == list(row)
        assert (record.extra or {})["made"] is True
        assert list(json.loads(record.payload)) == ["sha256", "name", "other", "last"]


@pytest.mark.parametrize(
    "meta",
    [
        b'\xef\xbb\xbf{"a": 1}',
        b'{"a": "f\xfcr"}',
        b'{"a": "\\ud83d"}',
        b'{"a": "x\x00y"}',
        b"not json",
        b"[1, 2]",
        b' {"big": 12345678901234567890123}\n',
        json.dumps({"a": "x" * MIB}).encode(),
        b"[" * 10_000 + b"]" * 10_000,
    ],
)
@pytest.mark.parametrize("storage", ["TEXT", "BLOB"])
def test_any_payload_is_kept_to_the_byte(database: Database, meta: bytes, storage: str) -> None:
    database.run(
        TYPICAL,
        many=(f"INSERT INTO models(name, meta_json) VALUES('n', CAST(? AS {storage}))", [(meta,)]),
    )
    (record,) = database.read()
    assert record.payload == meta
    assert (record.extra or {})["payload_storage"] == storage.lower()
    (claims,) = database.claims()
    assert claims.fields["name"] == "n"


def test_a_database_in_utf16_gives_its_payload_as_stored(database: Database) -> None:
    meta = '{"trainedWords": ["für"]}'
    database.run(
        "PRAGMA encoding='UTF-16le'",
        TYPICAL,
        many=("INSERT INTO models(name, meta_json) VALUES('ö', ?)", [(meta,)]),
    )
    (record,) = database.read()
    assert record.payload == meta.encode("utf-16-le")
    assert (record.extra or {})["encoding"] == "utf-16-le"
    (claims,) = database.claims()
    assert (claims.fields["name"], claims.fields["trigger_words"]) == ("ö", ("für",))


def test_the_first_column_with_json_is_the_payload(database: Database) -> None:
    database.run(
        "CREATE TABLE models(sha256, name, meta_json, extra, raw)",
        many=(
            "INSERT INTO models VALUES(NULL,?,?,?,?)",
            [
                ("a", '{"m":1}', '{"e":1}', None),
                ("b", None, '{"e":2}', '{"r":2}'),
                ("c", "", "a note", '{"r":3}'),
                ("d", 5, "a note", "text"),
                ("e", " ", None, None),
            ],
        ),
    )
    records = database.read()
    assert [record.payload for record in records[:2]] == [b'{"m":1}', b'{"r":2}']
    assert records[2].payload == b'{"r":3}'
    assert columns_of(records[2])["meta_json"] == {"storage": "text", "value": ""}
    assert [bool((record.extra or {}).get("made")) for record in records] == [False, False, False, True, True]


def test_dynamic_types_and_odd_hashes_are_read(database: Database) -> None:
    database.run(
        TYPICAL,
        many=(
            "INSERT INTO models(sha256, name, size, rating, favorite) VALUES(?,?,?,?,?)",
            [
                (bytes.fromhex(INKWASH), None, "184", "3", "yes"),
                (f"sha256:{INKWASH.upper()}", b"n", 184.0, 3.0, b"1"),
                ("", 5, None, "", ""),
                (INKWASH, "twice", 1, 1, 1),
                (INKWASH, "twice", 1, 1, 1),
                (b"short", "e", 1, 1, 1),
            ],
        ),
    )
    claims = database.claims()
    assert [said.sha256 for said in claims] == [INKWASH, INKWASH, None, INKWASH, INKWASH, None]
    assert (claims[0].size_bytes, claims[0].fields.get("rating"), claims[0].fields["favorite"]) == (
        184,
        3,
        True,
    )
    assert "name" not in claims[0].fields
    assert claims[2].fields["name"] == "5"


def test_text_that_is_no_utf8_or_has_zero_bytes_is_kept_and_read(database: Database) -> None:
    database.run(
        TYPICAL,
        "INSERT INTO models(name, notes) VALUES(CAST(x'66fc72' AS TEXT), CAST(x'610062' AS TEXT))",
    )
    (record,) = database.read()
    assert stored(columns_of(record)["name"]) == ("text", b"f\xfcr")
    assert stored(columns_of(record)["notes"]) == ("text", "a\0b")
    (claims,) = database.claims()
    assert (claims.fields["name"], claims.fields["notes"]) == ("für", "ab")


def test_hidden_and_generated_columns_are_left_out(database: Database) -> None:
    database.run(
        "CREATE TABLE models(sha256, name, a GENERATED ALWAYS AS (name || 'x'),"
        " b GENERATED ALWAYS AS (name || 'y') STORED)",
        "INSERT INTO models VALUES('s', 'n')",
    )
    (record,) = database.read()
    assert list(columns_of(record)) == ["sha256", "name"]


def test_a_table_without_rowid_has_its_primary_key_for_keys(database: Database) -> None:
    database.run(
        "CREATE TABLE models(kind TEXT, number, sha256, name, PRIMARY KEY(kind, number)) WITHOUT ROWID",
        "INSERT INTO models VALUES('lora', 1, 's', 'a'), ('lora', x'0a', 's', 'b'), ('ä', 2.5, 's', 'c')",
        "CREATE TABLE model_tags(sha256, tag)",
        "INSERT INTO model_tags VALUES('s', 't')",
    )
    records = database.read()
    assert [record.record_key for record in records] == ['["lora", "1"]', '["lora", "0a"]', '["ä", "2.5"]']
    assert [(record.extra or {})["tags"] for record in records] == [["t"]] * 3
    other = Database(database.folder)
    other.path = database.folder / "other.db"
    other.run(
        "CREATE TABLE models(sha256 TEXT PRIMARY KEY, name) WITHOUT ROWID",
        "INSERT INTO models VALUES('b', 'x'), ('a', 'y')",
    )
    assert [record.record_key for record in other.read()] == ["a", "b"]


def test_columns_that_are_called_like_the_rowid_do_not_confuse_it(database: Database) -> None:
    database.run(
        'CREATE TABLE models(rowid TEXT, "_ROWID_" TEXT, sha256, name, "odd ""name" TEXT)',
        "INSERT INTO models VALUES('z', 'y', 's', 'n', 'o')",
    )
    (record,) = database.read()
    assert record.record_key == "1"
    assert columns_of(record)['odd "name'] == {"storage": "text", "value": "o"}


# --- other tables -----------------------------------------------------------------------------------------


def test_tags_are_joined_by_name_or_by_id(database: Database) -> None:
    database.run(
        "CREATE TABLE models(id INTEGER PRIMARY KEY, sha256, name, tags)",
        "INSERT INTO models VALUES(5, 's5', 'a', 'own'), (7, 's7', 'b', NULL), (9, 's9', 'c', NULL)",
        "CREATE TABLE model_tags(model_id, tag_id)",
        "CREATE TABLE tags(id INTEGER PRIMARY KEY, name)",
        "INSERT INTO tags VALUES(1, 'red'), (2, 'blue'), (3, 'unused')",
        "INSERT INTO model_tags VALUES(7, 1), (5, 2), (5, 1), (99, 1)",
    )
    first, second, third = database.claims()
    assert first.fields["tags"] == ("own", "blue", "red")
    assert second.fields["tags"] == ("red",)
    assert "tags" not in third.fields


def test_rows_of_other_tables_go_with_their_model_and_the_rest_with_the_first(database: Database) -> None:
    database.run(
        "CREATE TABLE models(id INTEGER PRIMARY KEY, sha256, name)",
        "INSERT INTO models VALUES(5, 's5', 'a'), (7, 's7', 'b')",
        "CREATE TABLE previews(model_id INTEGER, picture BLOB)",
        "INSERT INTO previews VALUES(7, x'00ff'), (7, x'01'), (99, x'02')",
        "CREATE TABLE history(sha256, at REAL)",
        "INSERT INTO history VALUES('s5', 1.5)",
        "CREATE TABLE settings(key, value)",
        "INSERT INTO settings VALUES('theme', 9e999)",
        "CREATE VIEW endless AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT * FROM n",
        "CREATE TRIGGER bomb AFTER INSERT ON models BEGIN DELETE FROM models; END",
        "CREATE VIRTUAL TABLE words USING fts5(word)",
        "PRAGMA user_version=12",
        "PRAGMA application_id=34",
    )
    records = database.read()
    assert [record.record_key for record in records] == ["5", "7"]
    first, second = (record.extra or {} for record in records)
    assert first["related"] == {"history": [{"sha256": "s5", "at": 1.5}]}
    assert second["related"] == {
        "previews": [
            {"model_id": 7, "picture": {"base64": "AP8="}},
            {"model_id": 7, "picture": {"base64": "AQ=="}},
        ]
    }
    assert first["tables"] == {
        "previews": [{"model_id": 99, "picture": {"base64": "Ag=="}}],
        "settings": [{"key": "theme", "value": {"real": "inf"}}],
    }
    assert "tables" not in second
    assert first["container"] == second["container"] == {"user_version": 12, "application_id": 34}


def test_more_than_a_record_can_take_along_becomes_records_that_fill_nothing(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generic_sqlite, "RELATED_LIMIT_BYTES", 100)
    monkeypatch.setattr(foreign, "_DUMP_BYTES", 200)
    rows = [(number, "x" * 20) for number in range(30)]
    database.run(
        "CREATE TABLE models(sha256, name)",
        "INSERT INTO models VALUES('s', 'n')",
        "CREATE TABLE log(number, text)",
        many=("INSERT INTO log VALUES(?,?)", rows),
    )
    records = database.read()
    kept = [row for record in records for row in (record.extra or {}).get("tables", {}).get("log", [])]
    dumps = [record for record in records if "table" in (record.extra or {})]
    kept += [row for record in dumps for row in json.loads(record.payload)]
    assert sorted(row["number"] for row in kept) == list(range(30))
    assert len(dumps) > 1
    assert all(record.record_key.startswith("log/") for record in dumps)
    assert all(GenericSqlite().claims(record, frozenset()).marker for record in dumps)


def test_a_large_join_without_any_index_or_type_stays_fast(database: Database) -> None:
    count = 20_000
    database.run(
        "CREATE TABLE models(sha256, name)",
        "CREATE TABLE model_tags(model_id, tag)",
        many=("INSERT INTO models VALUES(?, 'n')", [(f"{number:064x}",) for number in range(count)]),
    )
    database.run(many=("INSERT INTO model_tags VALUES(?, 't')", [(number + 1,) for number in range(count)]))
    assert sum((record.extra or {}).get("tags") == ["t"] for record in database.read()) == count


def test_no_models_are_no_records(database: Database) -> None:
    database.run(TYPICAL, "CREATE TABLE settings(a)", "INSERT INTO settings VALUES(1)")
    assert database.read() == []
    assert database.problems == []


# --- whose is it? -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tables", "tool"),
    [
        (["models(sha256, name)", "model_tags(tag)", "hash_index(sha256)"], "lora-manager-cache"),
        (["models(id, config, name, sha256)", "migrations(id)"], "invokeai-db"),
        (["models(id, name, sha256)", "alembic_version(v)", "assets_info(id)"], "comfyui-assets"),
        (["models(metadata_json, hashes_json, cleaned_name, name, sha256)"], "pumas-index"),
        (["models(name, sha256)", "Image(Model, ModelHash)"], "diffusion-toolkit-db"),
        (["models(name, sha256)", "pending_models(id)"], "modelmgr-catalog"),
        (["models(id, name, api_key)"], None),
        (["Models(SHA256, Name)"], "generic-sqlite"),
        (["other(sha256, name)"], None),
    ],
)
def test_databases_of_other_tools_are_told_apart(
    database: Database, tables: list[str], tool: str | None
) -> None:
    database.run(*(f"CREATE TABLE {table}" for table in tables))
    found = database.found()
    taken = found.source.id if found.source else None
    assert (taken == "generic-sqlite") == (tool == "generic-sqlite")
    assert database.problems == []


@pytest.mark.parametrize("statement", ["CREATE VIEW models AS SELECT 's' AS sha256, 'n' AS name"])
def test_a_view_is_not_read(database: Database, statement: str) -> None:
    database.run(statement)
    assert database.found().kind == "ignored"


def test_a_virtual_table_is_not_read(database: Database) -> None:
    database.run("CREATE VIRTUAL TABLE models USING fts5(sha256, name)")
    assert database.found().kind == "ignored"


@pytest.mark.parametrize("content", [b"", b"SQLite format 3", b"\0" * 4096])
def test_what_is_no_sqlite_is_ignored(database: Database, content: bytes) -> None:
    database.path.write_bytes(content)
    assert database.found().kind == "ignored"
    assert database.problems == []


def test_any_name_will_do_for_a_file_that_was_named(database: Database) -> None:
    database.path = database.folder / "export.mydata"
    database.run(TYPICAL, "INSERT INTO models(name) VALUES('n')")
    assert len(database.read()) == 1
    found = list(
        detect.find(
            [str(database.folder)], library_folders=[], progress=Progress(), report=database.problems.append
        )
    )
    assert [one.kind for one in found] == ["ignored"]


def test_a_large_database_is_recognised_from_its_beginning(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(foreign, "_COPY_WHOLE_BYTES", 0)
    monkeypatch.setattr(foreign, "_BEGINNING_BYTES", 3 * 4096)
    database.run(TYPICAL, many=("INSERT INTO models(name) VALUES(?)", [("n" * 3000,) for _ in range(50)]))
    assert len(database.read()) == 50
    database.run(
        *(f"CREATE TABLE t{number}(a DEFAULT '{'x' * 3000}')" for number in range(20)),
    )
    assert len(database.read()) == 50


# --- strangers --------------------------------------------------------------------------------------------


def test_the_folder_is_left_as_it_was_and_the_log_is_read(database: Database) -> None:
    with closing(sqlite.driver.connect(str(database.path))) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA wal_autocheckpoint=0")
        connection.execute(TYPICAL)
        connection.execute("INSERT INTO models(name) VALUES('only in the log')")
        connection.commit()
        os.remove(f"{database.path}-shm")
        before = database.state()
        assert set(before) == {"models.db", "models.db-wal"}
        (claims,) = database.claims()
        assert claims.fields["name"] == "only in the log"
        assert database.state() == before


def test_reading_twice_gives_the_same(database: Database) -> None:
    database.run(TYPICAL, "INSERT INTO models(name, meta_json) VALUES('a', '{}'), ('b', NULL)")
    assert database.read() == database.read()


def many_pages(database: Database, rows: int = 400) -> int:
    database.run(
        "PRAGMA page_size=4096",
        "CREATE TABLE models(sha256, name, meta_json)",
        many=(
            "INSERT INTO models VALUES('s', ?, ?)",
            [(f"n{number}", json.dumps({"x": "y" * 300})) for number in range(rows)],
        ),
    )
    return database.path.stat().st_size // 4096


def test_damaged_pages_cost_only_their_own_rows(database: Database) -> None:
    pages = many_pages(database)
    content = bytearray(database.path.read_bytes())
    for page in (10, 11, 20):
        content[page * 4096 : page * 4096 + 4096] = b"\xff" * 4096
    database.path.write_bytes(content)
    records = database.read()
    read = {int(record.record_key) for record in records}
    assert {1, 400} <= read
    assert 400 - 3 * (400 // (pages - 3) + 2) <= len(read) < 400
    assert database.problems
    assert all((problem.code, problem.kept) == ("unreadable", False) for problem in database.problems)
    assert all(problem.record_key for problem in database.problems)


def test_a_cut_database_gives_what_is_left_of_it(database: Database) -> None:
    many_pages(database)
    with database.path.open("r+b") as file:
        file.truncate(database.path.stat().st_size // 2 // 4096 * 4096 + 100)
    records = database.read()
    assert 100 < len(records) < 400
    assert database.problems


@pytest.mark.parametrize("seed", range(24))
def test_random_damage_never_raises_anything_but_unreadable(database: Database, seed: int) -> None:
    many_pages(database, 100)
    rng = random.Random(seed)
    content = bytearray(database.path.read_bytes())
    for _ in range(rng.choice([1, 20, 300])):
        content[rng.randrange(16 if seed % 2 else 100, len(content))] = rng.randrange(256)
    if seed % 3 == 0:
        del content[rng.randrange(100, len(content)) :]
    database.path.write_bytes(content)
    paths, problems = [str(database.path)], database.problems
    for found in detect.find(paths, library_folders=[], progress=Progress(), report=problems.append):
        if found.source is None or found.container is None:
            continue
        try:
            list(found.source.records(found.container, Progress(), database.problems.append))
        except Unreadable as error:
            database.problems.append(Problem(str(database.path), error.code, error.message))


def test_a_row_that_is_too_large_is_a_problem_and_the_next_one_follows(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(foreign, "ROW_LIMIT_BYTES", 10_000)
    database.run(
        TYPICAL,
        "INSERT INTO models(name, meta_json) VALUES('a', '{}'), ('b', zeroblob(20000)), ('c', '{}')",
    )
    assert [record.record_key for record in database.read()] == ["1", "3"]
    assert [(problem.code, problem.record_key) for problem in database.problems] == [("too_large", "2")]


def test_a_question_has_only_so_much_time(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foreign, "STATEMENT_BUDGET_S", -1.0)
    database.run(
        "CREATE TABLE models(sha256, name)",
        many=("INSERT INTO models VALUES('s', ?)", [("n" * 2000,) for _ in range(5000)]),
    )
    source = GenericSqlite()
    monkeypatch.setattr(foreign, "_OPCODES", 10)
    facts = database.path.stat()
    container = detect.Container(
        str(database.path), "models.db", facts.st_size, facts.st_mtime_ns, named=True
    )
    with pytest.raises(Unreadable, match="longer than 10 seconds"):
        list(source.records(container, Progress(), database.problems.append))


def test_cancel_ends_a_running_question(database: Database) -> None:
    database.run(TYPICAL, many=("INSERT INTO models(name) VALUES(?)", [("n",) for _ in range(100)]))
    found = database.found()
    assert found.source is not None and found.container is not None
    progress = Progress()
    records = found.source.records(found.container, progress, database.problems.append)
    next(records)
    progress.cancel()
    with pytest.raises(Cancelled):
        list(records)


def test_an_infinite_number_survives(database: Database) -> None:
    database.run("CREATE TABLE models(sha256, name, x)", "INSERT INTO models VALUES('s', 'n', -9e999)")
    (record,) = database.read()
    assert stored(columns_of(record)["x"]) == ("real", -math.inf)
