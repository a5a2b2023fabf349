"""Pages of the library: together they are the order, also while others write; and the word for the catalog's state."""

import json
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelmgr.catalog import Catalog, schema
from modelmgr.errors import Usage
from modelmgr.values import LIGHT_KEYS, SORT_COLUMNS, ModelQuery, light_json


def put(catalog: Catalog, *rows: dict[str, Any]) -> None:
    """Write rows of models as they are given; what isn't given is as in the plainest of models."""
    plain = {
        "name": "x", "type": "lora", "size_bytes": 1, "file_count": 1, "favorite": 0, "added_at": 1,
        "hash_state": "none", "file_state": "present", "search_text": "x", "tags": "[]", "trigger_words": "[]",
    }  # fmt: skip
    with catalog.transaction() as writer:
        conn = writer.connection()
        for row in rows:
            full = plain | {key: value for key, value in row.items() if key != "tags"}
            conn.execute(
                f"INSERT INTO models({', '.join(full)}) VALUES ({', '.join('?' * len(full))})",
                [*full.values()],
            )
            conn.executemany(
                "INSERT INTO model_tags(model_id, key, tag) VALUES (?, ?, ?)",
                [(row["id"], tag.casefold(), tag) for tag in row.get("tags", ())],
            )


def pages(catalog: Catalog, query: ModelQuery, limit: int) -> Iterator[list[int]]:
    """Read page after page, as a stranger who gets the place as JSON."""
    after = None
    while True:
        page = catalog.model_page(query, limit, after, catalog.rows)
        assert page.total == catalog.count(query)
        yield [row.id for row in page.rows]
        if page.last is None:
            return
        assert len(page.rows) == limit
        after = json.loads(json.dumps(page.last))


NAMES = st.sampled_from(["a", "A", "a b", "Ab", "b", "B", "ä", "Ä", "", "z\U0001f58b", "?"])
FOLDERS = st.sampled_from([None, "/m", "/M", "/m/n", b"/m\xff", b"\x80"])
MODELS = st.fixed_dictionaries(
    {
        "name": NAMES,
        "type": st.sampled_from(["lora", "vae", "unknown"]),
        "base_model": st.sampled_from([None, "Pony", "SDXL 1.0"]),
        "size_bytes": st.sampled_from([0, 1, 2, 2**62]),
        "format": st.sampled_from([None, "gguf", "safetensors"]),
        "file_name": st.one_of(st.none(), NAMES),
        "folder": FOLDERS,
        "file_count": st.integers(0, 2),
        "rating": st.one_of(st.none(), st.integers(1, 5)),
        "notes": st.sampled_from([None, "", "A", "a", "b" * 300, "b" * 200 + "a"]),
        "trigger_words": st.sampled_from(["[]", '["a"]', '["A", "c"]', '["a", "b"]', '["\\u00e4"]', '[""]']),
        "preview": FOLDERS,
        "license": st.sampled_from([None, None, "mit", "MIT", ""]),
        "source_url": st.sampled_from([None, "", "https://a/1", "HTTPS://a/1", "https://b"]),
        "nsfw": st.sampled_from([None, 0, 1]),
        "danger": st.sampled_from([None, None, "dangerous", "unscanned"]),
        "favorite": st.integers(0, 1),
        "modified_at": st.sampled_from([None, -5, 0, 7]),
        "added_at": st.sampled_from([1, 2]),
        "hash_state": st.sampled_from(["none", "done"]),
        "file_state": st.sampled_from(["present", "missing", "offline"]),
        "search_text": st.sampled_from(["ink wash", "inkwash", "copper in", "in"]),
        "tags": st.sets(st.sampled_from(["Ink", "wash"])),
    }
)
QUERIES = st.builds(
    ModelQuery,
    search=st.sampled_from(["", "", "", "ink", "in", "wash in", "type:lora", "nowhere"]),
    types=st.sampled_from([(), (), ("lora",), ("lora", "vae")]),
    base_models=st.sampled_from([(), (), ("Pony",)]),
    tags=st.sampled_from([(), (), ("ink",)]),
    folders=st.sampled_from([(), (), ("/m",), ("/m\udcff",)]),
    states=st.sampled_from([(), (), ("missing", "duplicate")]),
    favorite=st.sampled_from([None, None, True]),
    sort=st.sampled_from([*SORT_COLUMNS, "nonsense"]),
    descending=st.booleans(),
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    models=st.lists(MODELS, max_size=25),
    query=QUERIES,
    limit=st.integers(1, 9),
    step=st.sampled_from([1, 5_000]),
)
def test_the_pages_put_together_are_the_order(
    catalog: Catalog, models: list[dict[str, Any]], query: ModelQuery, limit: int, step: int
) -> None:
    """Ids far apart look like a large library, in which few match."""
    with catalog.transaction() as writer:
        writer.execute_sql("DELETE FROM models")
        put(catalog, *({"id": number * step, **model} for number, model in enumerate(models, 1)))
    found = [row_id for page in pages(catalog, query, limit) for row_id in page]
    assert found == list(catalog.order(query))


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("sort", SORT_COLUMNS)
def test_every_order_with_every_kind_of_value_page_by_page(
    catalog: Catalog, sort: str, descending: bool
) -> None:
    many: dict[str, list[Any]] = {
        "name": ["a", "A", "ä", "b"], "base_model": [None, "Pony", "SDXL 1.0"], "size_bytes": [0, 5, 2**62],
        "rating": [None, 1, 5], "modified_at": [None, -3, 0, 9], "file_name": [None, "A.gguf", "a.gguf", "b"],
        "format": [None, "gguf"], "folder": [None, "/m", "/M", b"/m\xff", b"\xff"], "favorite": [0, 1],
        "file_count": [0, 1, 2], "type": ["lora", "vae"], "notes": [None, "", "n", "N"], "nsfw": [None, 0, 1],
        "trigger_words": ["[]", '["a"]', '["a", "b"]', '["B"]'], "license": [None, "mit", "MIT"],
        "source_url": [None, "https://a/1"], "preview": [None, "/p", "/P", b"/p\xff"], "danger": [None, "dangerous"],
    }  # fmt: skip
    put(
        catalog,
        *(
            {"id": number} | {key: values[number * 7 % 11 % len(values)] for key, values in many.items()}
            for number in range(1, 60)
        ),
    )
    query = ModelQuery(sort=sort, descending=descending)
    for limit in (1, 2, 7, 59, 60):
        found = list(pages(catalog, query, limit))
        assert [row_id for page in found for row_id in page] == list(catalog.order(query))
        assert len(found) == -(-59 // limit)


def test_what_is_written_between_two_pages_moves_nothing_else(catalog: Catalog) -> None:
    put(catalog, *({"id": number, "name": name} for number, name in enumerate("bdfhjl", 10)))
    query = ModelQuery()
    first = catalog.model_page(query, 2, None, catalog.rows)
    assert [row.name for row in first.rows] == ["b", "d"]
    assert (first.total, first.last) == (6, ("d", 11))
    # Before the place, at it under both ids, after it; and the row of the place itself goes.
    put(
        catalog,
        {"id": 1, "name": "a"},
        {"id": 2, "name": "D"},
        {"id": 99, "name": "D"},
        {"id": 3, "name": "g"},
    )
    with catalog.transaction() as writer:
        writer.execute_sql("DELETE FROM models WHERE id = 11")
    second = catalog.model_page(query, 3, first.last, catalog.rows)
    assert [row.name for row in second.rows] == ["D", "f", "g"]
    assert second.rows[0].id == 99
    assert second.total == 9
    third = catalog.model_page(query, 3, second.last, catalog.rows)
    assert [row.name for row in third.rows] == ["h", "j", "l"]
    assert third.last is None


@pytest.mark.parametrize(
    "query",
    [
        ModelQuery(),
        ModelQuery(sort="size_bytes", descending=True),
        ModelQuery(sort="folder"),
        ModelQuery(types=("vae",), sort="rating"),
    ],
    ids=str,
)
def test_rows_that_stay_are_met_exactly_once_while_another_thread_writes(
    catalog: Catalog, query: ModelQuery
) -> None:
    def model(number: int, name: str) -> dict[str, Any]:
        return {
            "id": number, "name": f"{name} {number % 83}", "type": "vae" if number % 3 else "lora",
            "size_bytes": number % 7, "rating": number % 5 or None,
            "folder": f"/m/{number % 4}" if number % 5 else None,
        }  # fmt: skip

    put(catalog, *(model(number, "stays") for number in range(1, 600)))
    staying = set(catalog.order(query))
    over, commits = threading.Event(), 0

    def write() -> None:
        nonlocal commits
        while not over.is_set():
            number = 1_000 + commits % 400
            with catalog.transaction() as writer:
                writer.execute_sql("DELETE FROM models WHERE id = ?", (number,))
                put(catalog, model(number, "goes"))
                writer.execute_sql(
                    "UPDATE models SET name = 'a' || name, size_bytes = size_bytes + 1, rating = NULL, folder = '/m/9' "
                    "WHERE id = ?",
                    (1_000 + (commits * 7) % 400,),
                )
            commits += 1

    writer_thread = threading.Thread(target=write)
    writer_thread.start()
    try:
        rounds = 0
        while rounds < 5 or commits < 50:
            met: list[int] = []
            after = None
            while True:
                page = catalog.model_page(query, 11, after, catalog.rows)
                met += [row.id for row in page.rows]
                assert page.total is not None
                assert page.total >= len(staying)
                after = page.last
                if after is None:
                    break
            assert sorted(row_id for row_id in met if row_id < 1_000) == sorted(staying)
            rounds += 1
    finally:
        over.set()
        writer_thread.join()


INDEXES = {
    "name": "models_name", "type": "models_type", "base_model": "models_base_model", "size_bytes": "models_size_bytes",
    "rating": "models_rating", "favorite": "models_favorite", "added_at": "models_added_at",
    "modified_at": "models_modified_at", "file_name": "models_file_name", "format": "models_format",
    "file_count": "models_file_count", "file_state": "models_file_state", "hash_state": "models_hash_state",
    "folder": "models_folder", "sha256": "modeltable_sha256",
}  # fmt: skip


@pytest.mark.parametrize("analyzed", [False, True])
def test_every_order_walks_its_own_index_from_any_place_and_reads_no_payload(
    catalog: Catalog, analyzed: bool
) -> None:
    assert INDEXES.keys() <= {*SORT_COLUMNS}
    assert {*INDEXES.values()} == {*schema.ORDER_INDEXES, "modeltable_sha256"}
    with catalog.transaction() as writer:
        writer.execute_sql(
            "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 3000) "
            "INSERT INTO models(id, name, type, base_model, size_bytes, format, path, file_name, folder, file_count, "
            "tags, rating, favorite, trigger_words, added_at, modified_at, hash_state, file_state, search_text) "
            "SELECT i, 'n' || (i % 900), iif(i % 3, 'lora', 'vae'), iif(i % 4, 'Pony', NULL), i % 50, "
            "iif(i % 9, 'gguf', NULL), '/m', iif(i % 10, 'f' || i, NULL), iif(i % 11, '/m/' || (i % 20), NULL), i % 3, "
            "'[]', iif(i % 2, i % 5, NULL), i % 2, '[]', i, iif(i % 7, i, NULL), 'none', 'present', 'x' FROM n"
        )
        if analyzed:
            writer.execute_sql("ANALYZE")
    if analyzed:
        catalog._reader.close_all()
    statements: list[str] = []
    for sort, index in INDEXES.items():
        for descending in (False, True):
            query = ModelQuery(sort=sort, descending=descending)
            after = None
            catalog.trace(statements.append)
            for _ in range(4):
                after = catalog.model_page(query, 700, after, catalog.rows).last
            catalog.trace(None)
            walked = [sql for sql in statements if "ORDER BY" in sql]
            assert len(walked) <= 4 * 6
            for sql in walked:
                (plan,) = catalog._reader.execute_sql(f"EXPLAIN QUERY PLAN {sql}").fetchall()
                assert f"USING COVERING INDEX {index}" in plan[3], sql
                # At a place SQLite goes there at once; only the first page begins at the beginning.
                assert plan[3].startswith("SCAN" if "WHERE 1 " in sql else "SEARCH"), (sql, plan)
            assert not [sql for sql in statements if "meta_json" in sql]
            statements.clear()


def test_where_many_match_the_order_is_walked_and_where_few_do_they_are_sorted(catalog: Catalog) -> None:
    put(
        catalog,
        *(
            {
                "id": number,
                "name": f"n {number}",
                "type": "vae" if number % 100 == 0 else "lora",
                "tags": ["Ink"],
            }
            for number in range(1, 1_501)
        ),
    )

    def plan(query: ModelQuery) -> list[str]:
        statements: list[str] = []
        after = catalog.model_page(query, 5, None, catalog.rows).last
        catalog.trace(statements.append)
        catalog.model_page(query, 5, after, catalog.rows)
        catalog.trace(None)
        sql = next(sql for sql in statements if "ORDER BY" in sql and "GROUP BY" not in sql)
        return [row[3] for row in catalog._reader.execute_sql(f"EXPLAIN QUERY PLAN {sql}")]

    for query in (ModelQuery(types=("lora",)), ModelQuery(tags=("ink",))):
        many = plan(query)
        assert any("models_name" in step for step in many)
        assert not [step for step in many if "TEMP B-TREE" in step]
    few = plan(ModelQuery(types=("vae",)))
    assert any("models_type" in step for step in few)
    assert "USE TEMP B-TREE FOR ORDER BY" in few[-1]
    stretch = plan(ModelQuery(types=("lora",), sort="type"))
    assert "models_type" in stretch[0]
    assert "type=?" in stretch[0]


def test_the_total_is_counted_once_until_something_is_written(catalog: Catalog) -> None:
    put(catalog, *({"id": number, "name": f"n {number}"} for number in range(1, 10)))
    counts: list[str] = []
    catalog.trace(lambda sql: counts.append(sql) if "count(*)" in sql else None)
    for descending in (False, True):
        assert sum(len(page) for page in pages_uncounted(catalog, descending)) == 9
    assert len(counts) == 1
    catalog.trace(None)
    with Catalog.open(catalog.path) as other:
        put(other, {"id": 77})
    assert catalog.model_page(ModelQuery(), 1, None, catalog.rows).total == 10
    with catalog.transaction() as writer:
        writer.execute_sql("DELETE FROM models WHERE id > 5")
        assert catalog.model_page(ModelQuery(), 1, None, catalog.rows).total == 5
    assert catalog.model_page(ModelQuery(), 1, None, catalog.rows).total == 5
    for number in range(200):  # more questions than are kept
        page = catalog.model_page(ModelQuery(folders=(f"/{number}",)), 1, None, catalog.rows)
        assert page.total == 0
    catalog.trace(lambda sql: counts.append(sql) if "count(*)" in sql else None)
    assert catalog.model_page(ModelQuery(), 1, None, catalog.rows).total == 5
    assert len(counts) == 2


def pages_uncounted(catalog: Catalog, descending: bool) -> Iterator[tuple[Any, ...]]:
    after = None
    while True:
        page = catalog.model_page(ModelQuery(descending=descending), 2, after, catalog.rows)
        assert page.total == 9
        yield page.rows
        if (after := page.last) is None:
            return


@pytest.mark.parametrize(
    ("sort", "after"),
    [
        ("name", []),
        ("name", ["a"]),
        ("name", ["a", 1, 2]),
        ("name", ["a", "1"]),
        ("name", ["a", None]),
        ("name", ["a", True]),
        ("name", ["a", 1.5]),
        ("name", [1, 1]),
        ("name", [["a"], 1]),
        ("name", [{"b": 1}, 1]),
        ("name", [{"b": "xyz"}, 1]),
        ("name", [{"b": "61", "c": 1}, 1]),
        ("name", ["\ud800", 1]),
        ("name", "a1"),
        ("name", {"name": "a", "id": 1}),
        ("size_bytes", ["5", 1]),
        ("size_bytes", [2**63, 1]),
        ("size_bytes", [1, -(2**63) - 1]),
        ("rating", [False, 1]),
        ("type", ["lora", 1]),
    ],
)
def test_what_is_no_place_in_the_order_is_refused(catalog: Catalog, sort: str, after: Any) -> None:
    put(catalog, {"id": 1})
    with pytest.raises(Usage, match="no place"):
        catalog.model_page(ModelQuery(sort=sort), 10, after, catalog.rows)


def test_a_page_has_at_least_one_row(catalog: Catalog) -> None:
    with pytest.raises(Usage, match="at least one"):
        catalog.model_page(ModelQuery(), 0, None, catalog.rows)


def test_a_place_that_was_never_given_out_leads_to_what_comes_after_it(catalog: Catalog) -> None:
    put(catalog, {"id": 1, "name": "a", "folder": "/m"}, {"id": 2, "name": "b", "folder": b"/m\xff"})
    for query, after, ids in (
        (ModelQuery(), ["A", 0], [1, 2]),
        (ModelQuery(), [None, 0], [1, 2]),
        (ModelQuery(), ["' OR 1=1 --", -(2**63)], [1, 2]),
        (ModelQuery(sort="folder"), [{"b": "2f6d"}, "", 0], [2]),
        (ModelQuery(), ["b", 2**63 - 1], []),
    ):
        assert [row.id for row in catalog.model_page(query, 9, after, catalog.rows).rows] == ids


# --- the word for the state -------------------------------------------------------------------------------


def test_the_version_changes_with_every_commit_of_anyone_and_with_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    with Catalog.open(path) as catalog, Catalog.open(path) as other:
        seen = [catalog.version()]
        assert catalog.version() == seen[0]
        assert other.version() != seen[0]
        catalog.add_folder("/a", 1)
        seen.append(catalog.version())
        other.add_folder("/b", 1)
        seen.append(catalog.version())
        thread = threading.Thread(target=lambda: catalog.add_folder("/c", 1))
        thread.start()
        thread.join()
        seen.append(catalog.version())
        assert len({*seen}) == 4
        with pytest.raises(RuntimeError), catalog.transaction():
            catalog.add_folder("/d", 1)
            assert catalog.version() == seen[-1]
            raise RuntimeError
        catalog.folders(), other.folders(), catalog.model_page(ModelQuery(), 1, None, catalog.rows)
        assert catalog.version() == seen[-1]
        answers: set[str] = set()
        threads = [threading.Thread(target=lambda: answers.add(catalog.version())) for _ in range(8)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert answers == {seen[-1]}
    with Catalog.open(path) as again:
        assert again.version() not in seen


def test_sqlite_writes_the_light_columns_as_python_does(tmp_path: Path) -> None:
    odd = 'quote " slash \\ control \x01\x1f\x7f tab\t line\u2028 \u00e9 \U0001f58b'
    rows: list[dict[str, object]] = [
        {"id": 1},
        {
            "id": 2,
            "name": odd,
            "notes": odd,
            "file_name": odd,
            "path": f"/m/{odd}",
            "folder": "/m",
            "nsfw": 1,
        },
        {
            "id": 3,
            "path": b"/m\xff/a\x80.gguf",
            "folder": b"/m\xff",
            "file_name": "a\ufffd.gguf",
            "favorite": 1,
        },
        {"id": 4, "preview": b"/\xff.png", "nsfw": 0, "rating": 5, "license": "", "source_url": odd},
        {"id": 5, "added_at": 0, "modified_at": -1, "size_bytes": 2**63 - 1},
        {"id": 6, "added_at": -62135596800, "modified_at": 253402300799, "sha256": "a" * 64},
        {"id": 7, "added_at": -62135596801, "modified_at": 253402300800},
        {"id": 8, "added_at": 2**62, "modified_at": -(2**62)},
        {"id": 9, "added_at": 951782400, "modified_at": 1709164799, "base_model": odd, "format": "gguf"},
    ]
    with Catalog.open(tmp_path / "c.sqlite") as catalog:
        put(catalog, *rows)
        with catalog.transaction() as writer:
            lists = json.dumps(["a", odd, "\ud800"])
            writer.execute_sql("UPDATE models SET tags = ?, trigger_words = ? WHERE id > 7", (lists, lists))
        ids = [9, 3, 1, 77, 2, 4, 5, 6, 7, 8]
        expected = [light_json(row) for row in catalog.rows(ids)]
        texts = catalog.rows_json(ids)
        assert [json.loads(text) for text in texts] == expected
        assert [list(json.loads(text)) for text in texts] == [list(LIGHT_KEYS)] * 9
        assert all(text.isascii() for text in texts)
        assert expected[7]["added_at"] is None
        assert expected[6]["modified_at"] == "9999-12-31T23:59:59Z"
        narrow = catalog.rows_json(ids, ["path", "added_at", "name"])
        assert [list(json.loads(text).items()) for text in narrow] == [
            [(key, row[key]) for key in ("path", "added_at", "name")] for row in expected
        ]
        rows_of = partial(catalog.rows_json, columns=["size_bytes"])
        page = catalog.model_page(ModelQuery(sort="size_bytes"), 4, None, rows_of)
        same = catalog.model_page(ModelQuery(sort="size_bytes"), 4, None, catalog.rows)
        assert (page.total, page.last) == (same.total, same.last)
        assert [json.loads(text)["size_bytes"] for text in page.rows] == [row.size_bytes for row in same.rows]
