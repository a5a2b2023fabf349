"""Rows of other tables, taken along model by model: none is lost, none is taken twice, none is too large."""

import json
from contextlib import closing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelmgr.migration.reading.database import opened
from modelmgr.migration.reading.related import Related, declared_key, link_of
from modelmgr.progress import Progress
from modelmgr.sqlite import driver
from modelmgr.values import MIB


class Base:
    """A database with models and what belongs to them."""

    def __init__(self, path):
        self.path = path
        self.problems = []

    def run(self, *statements, many=None):
        with closing(driver.connect(self.path)) as connection, connection:
            for statement in statements:
                connection.execute(statement)
            if many:
                connection.executemany(*many)

    def read(self, *, own=False, repeated=False, unreadable=()):
        """Return key, related rows and joined digest of each model, and the dumps."""
        models, dumps = [], []
        with opened(str(self.path), Progress(), self.problems.append) as database:
            tables = database.tables()
            table = next(one for one in tables if one.name == "models")
            link = link_of(tables, table, "tags", [("model_id", "id")], own=own, repeated=repeated)
            links = [link] if link else []
            linked = {table.name, *(one.table.name for one in links)}
            others = [one for one in tables if one.name not in linked]
            related = Related(database, table, links, others, "pumas-index", self.problems.append)
            for key, size_bytes in database.keys(table):
                row = database.row(table, key, size_bytes)
                name = declared_key(row, table)
                extra = None if name in unreadable else {}
                dumps += related.take(key, extra)
                if extra is not None:
                    models.append((name, extra))
            dumps += related.rest()
        return models, dumps


@pytest.fixture
def base(tmp_path):
    made = Base(tmp_path / "x.db")
    made.run("CREATE TABLE models (id TEXT PRIMARY KEY)", "CREATE TABLE tags (model_id TEXT, tag)")
    return made


def rows_of(models, dumps):
    taken = [row for _, extra in models for row in extra.get("related", {}).get("tags", [])]
    return taken, [row for dump in dumps for row in json.loads(dump.payload)]


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(st.text(st.characters(codec="utf-8"), max_size=3), unique=True, max_size=5),
    st.lists(
        st.tuples(
            st.none()
            | st.integers(0, 9)
            | st.text(st.characters(codec="utf-8"), max_size=3)
            | st.binary(max_size=2),
            st.integers(),
        ),
        max_size=12,
    ),
    st.booleans(),
)
def test_each_row_is_taken_along_or_kept_by_itself_once(tmp_path, models, rows, declared):
    base = Base(tmp_path / "x.db")
    base.path.unlink(missing_ok=True)
    kind = "TEXT" if declared else ""
    base.run(
        "CREATE TABLE models (id TEXT PRIMARY KEY)",
        f"CREATE TABLE tags (model_id {kind}, tag TEXT)",
        many=("INSERT INTO models VALUES (?)", [(name,) for name in models]),
    )
    base.run(many=("INSERT INTO tags VALUES (?, ?)", [(model, str(tag)) for model, tag in rows]))
    found, dumps = base.read()
    taken, kept = rows_of(found, dumps)
    assert sorted(row["tag"] for row in taken + kept) == sorted(str(tag) for _, tag in rows)
    for name, extra in found:
        for row in extra.get("related", {}).get("tags", []):
            assert str(row["model_id"]) == name
    texts = {name for name, _ in found}
    assert not [row for row in kept if isinstance(row["model_id"], str) and row["model_id"] in texts]
    assert base.problems == []


def test_the_digest_of_own_rows_does_not_hang_on_their_order(base):
    base.run("INSERT INTO models VALUES ('a'), ('b')", "INSERT INTO tags VALUES ('a', 1), ('a', 2)")
    before = [extra for _, extra in base.read(own=True)[0]]
    assert len(before[0]["joined"]) == 64
    assert before[1] == {}
    base.run("DELETE FROM tags", "INSERT INTO tags VALUES ('a', 2), ('a', 1)")
    assert base.read(own=True)[0][0][1]["joined"] == before[0]["joined"]
    base.run("UPDATE tags SET tag = 3 WHERE tag = 2")
    assert base.read(own=True)[0][0][1]["joined"] != before[0]["joined"]
    assert "joined" not in base.read()[0][0][1]


def test_a_row_too_large_to_take_along_is_a_record_of_its_own(base):
    base.run(
        "INSERT INTO models VALUES ('a')",
        many=("INSERT INTO tags VALUES ('a', ?)", [("x" * 2 * MIB,), ("y",)]),
    )
    models, dumps = base.read()
    assert [row["tag"] for row in models[0][1]["related"]["tags"]] == ["y"]
    assert [len(json.loads(dump.payload)[0]["tag"]) for dump in dumps] == [2 * MIB]


def test_a_table_without_the_columns_is_kept_as_one_of_no_model(base):
    base.run("DROP TABLE tags", "CREATE TABLE tags (tag TEXT)", "INSERT INTO tags VALUES ('x')")
    models, dumps = base.read()
    assert models == []
    assert [json.loads(dump.payload) for dump in dumps] == [[{"tag": "x"}]]


def test_rows_of_a_model_that_can_not_be_read_are_not_lost(base):
    base.run(
        "INSERT INTO models VALUES ('a'), ('b')", "INSERT INTO tags VALUES ('a', 'x'), ('b', 'y'), ('c', 'z')"
    )
    models, dumps = base.read(unreadable=("a",))
    taken, kept = rows_of(models, dumps)
    assert [row["tag"] for row in taken] == ["y"]
    assert sorted(row["tag"] for row in kept) == ["x", "z"]


@pytest.mark.parametrize(
    ("schema", "values", "key"),
    [
        ("id TEXT PRIMARY KEY", "'a'", "a"),
        ("id INTEGER PRIMARY KEY", "7", "7"),
        ("id TEXT, kind TEXT, PRIMARY KEY (kind, id)", "'a', 'k'", '["k", "a"]'),
        ("id TEXT, kind TEXT, PRIMARY KEY (kind, id)", "'a', NULL", "1"),
        ("id TEXT", "'a'", "1"),
        ("id BLOB PRIMARY KEY", "X'00FF'", "00ff"),
        ("id TEXT PRIMARY KEY", "CAST(X'FF' AS TEXT)", "1"),
    ],
)
def test_a_row_is_named_by_its_declared_key(base, schema, values, key):
    base.run("DROP TABLE models", f"CREATE TABLE models ({schema})", f"INSERT INTO models VALUES ({values})")
    models, _ = base.read()
    assert [name for name, _ in models] == [key]
