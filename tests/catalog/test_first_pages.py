"""First pages are those of plain SQL, whichever way they are found."""

import json
import random
from dataclasses import replace
from pathlib import Path

import pytest

from modelmgr.catalog import Catalog, estimates, query, short_words, stretches, walks
from modelmgr.progress import Progress
from modelmgr.values import SORT_COLUMNS, ModelQuery
from tests.benchmarks.made import bulk_load

WORDS = ("ink", "harbor", "lan", "zzyx", "öl", "ßa", "9k")
SEARCHES = (
    "", "ink", "ink harbor", "zz", "q", "ö", "9k", "k9", "x", "ss", "harbor z", "-ink", "type:lora",
    "type:lora,vae ink", "tag:ink", "tag:ink -tag:lan", "rating:5 fav:yes", "size:>40", "folder:lora",
    "type:vae size:<20", "q OR zz", "-type:lora", "missing:yes", "tag:ink type:lora rating:>=4", "name:ink",
    "-ink -öl", "-harbor lan type:vae", "type:lora base:pony ink", "type:lora base:pony", "-folder:lora", "file:zzyx",
    "folder:checkpoint type:lora", "type:vae,checkpoint", "name:ink,harbor", "base:none -rating:5", '-"k z" -zz',
    " ".join(("ink", "lan", "gguf") * 25), "license:mit", "license:none danger:no ink",
)  # fmt: skip
ORDERS = (
    ModelQuery(),
    ModelQuery(sort="size_bytes", descending=True),
    ModelQuery(sort="path"),
    ModelQuery(sort="rating", descending=True, then_by=(("name", False),)),
    ModelQuery(sort="type", then_by=(("rating", True), ("size_bytes", True))),
    ModelQuery(sort="folder", then_by=(("size_bytes", False),)),
    ModelQuery(sort="favorite", descending=True, then_by=(("added_at", True),)),
    ModelQuery(sort="name", then_by=(("size_bytes", True),)),
    ModelQuery(sort="type", descending=True),
    ModelQuery(sort="base_model", descending=True, then_by=(("folder", False),)),
    ModelQuery(sort="type", descending=True, then_by=(("path", True),)),
    ModelQuery(sort="folder", descending=True),
    ModelQuery(sort="file_name", descending=True),
    ModelQuery(sort="file_state", then_by=(("rating", True), ("type", False), ("added_at", True))),
    ModelQuery(sort="rating", then_by=(("notes", False), ("name", False))),
    # Columns that few have a value in, that nearly all have, and that all have.
    ModelQuery(sort="license"),
    ModelQuery(sort="license", descending=True, then_by=(("rating", False),)),
    ModelQuery(sort="source_url", descending=True),
    ModelQuery(sort="preview"),
    ModelQuery(sort="preview", descending=True),
    ModelQuery(sort="nsfw"),
    ModelQuery(sort="nsfw", descending=True, then_by=(("license", True), ("danger", False))),
    ModelQuery(sort="danger"),
    ModelQuery(sort="danger", descending=True, then_by=(("name", True),)),
    ModelQuery(sort="type", then_by=(("source_url", False), ("size_bytes", True))),
)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    catalog = Catalog.open(Path(tmp_path_factory.mktemp("pages")) / "c.sqlite")
    chance = random.Random(7)
    with bulk_load(catalog) as conn:
        for number in range(1, 4_001):
            name = (
                " ".join(chance.choices(WORDS, k=2))
                if number % 700
                else chance.choice(("Q", "zz", "Öl", "ß"))
            )
            tags = chance.sample(("ink", "lan", "prism"), 1)
            kind = chance.choice(("lora", "lora", "lora", "vae", "checkpoint"))
            is_bare = number % 700 == 0
            text = name if is_bare else f"{name}\n{name} {number}.gguf\n{tags[0]}"
            conn.execute(
                "INSERT INTO models(id, name, type, base_model, size_bytes, path, file_name, folder, file_count, tags, "
                "rating, favorite, trigger_words, added_at, hash_state, file_state, search_text, license, source_url, "
                "preview, nsfw, danger) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?, ?, '[]', ?, 'none', ?, ?, ?, ?, ?, ?, ?)",
                (
                    number, name, kind, chance.choice(("Pony", None)), number % 97, f"/m/{kind}/{number}",
                    f"{name} {number}.gguf", None if number % 211 == 0 else f"/m/{kind}/{number % 40}",
                    json.dumps(tags), chance.choice((None, 3, 4, 5)), int(number % 60 == 0), number % 1_000,
                    "missing" if number % 90 == 0 else "present", text.casefold(),
                    (None, None, None, "MIT", "mit", "apache")[number % 6],
                    None if number % 3 else f"https://m/{number * 37 % 1_000}",
                    None if number % 1_300 == 0 else (b"/p\xff" if number % 50 == 0 else f"/P/{number % 900}"),
                    int(number % 5 == 0), "unscanned" if number % 1_100 == 7 else None,
                ),
            )  # fmt: skip
            conn.executemany("INSERT INTO model_tags VALUES (?, ?, ?)", [(number, tag, tag) for tag in tags])
    return catalog


def plain(catalog: Catalog, wanted: ModelQuery) -> list[int]:
    where, parameters = query.conditions(wanted)
    ordering = query.ordering(query.order_of(wanted).all)
    return [
        row[0] for row in catalog._reader.execute_sql(f"SELECT id FROM models{where}{ordering}", parameters)
    ]


@pytest.mark.parametrize(
    "costs",
    [
        {},
        {"FETCH": 1e9, "_SCAN": 1e9, "_MARKS_LIMIT": 0, "_BATCH": 50},
        {"FETCH": 1e9, "_SCAN": 1e9, "_LOOK": 1e3, "_STEP": 0, "_BATCH": 0, "_SAMPLE": 250, "_RARE": 2},
        {"_SCAN": 0},
        {"_SCAN": 1e9, "_LOOK": 1e9, "_LIST": 0, "_LIST_MARKED": 0, "_BATCH": 700},
    ],
    ids=["usual", "walks", "marks", "looks at all", "lists"],
)
def test_pages_are_those_of_plain_sql(
    library: Catalog, monkeypatch: pytest.MonkeyPatch, costs: dict[str, float]
) -> None:
    for name, cost in costs.items():
        monkeypatch.setattr(stretches if name == "_BATCH" else estimates, name, cost)
    pairs = [(order, text) for order in ORDERS for text in SEARCHES]
    for order, text in pairs[:: 4 if costs else 1]:
        wanted = replace(order, search=text)
        expected = plain(library, wanted)
        assert [row.id for row in library.page(wanted, 60, 31)] == expected[31:91], wanted
        after, met = None, []
        for _ in range(2):
            page = library.model_page(wanted, 17, after, library.rows)
            met += [row.id for row in page.rows]
            after = page.last
            if after is None:
                break
        assert met == expected[: 2 * 17], wanted
        if order is ORDERS[0]:
            assert library.count(wanted) == len(expected)
            assert list(library.order(wanted)) == expected


def test_an_index_of_folders_without_types_tells_the_same(tmp_path: Path, library: Catalog) -> None:
    path = tmp_path / "former.sqlite"
    assert library.backup(str(path), Progress()) == []
    with Catalog.open(path) as former:
        with former.transaction() as writer:
            writer.execute_sql("DROP INDEX models_folder")
            writer.execute_sql("CREATE INDEX models_folder ON models(folder, id)")
        for order in ORDERS:
            for text in ("", "type:vae", "folder:lora ink", "type:lora base:pony"):
                wanted = replace(order, search=text)
                expected = plain(library, wanted)[:40]
                assert [row.id for row in former.page(wanted, 40)] == expected, wanted


@pytest.mark.parametrize(
    "column", [key for key in SORT_COLUMNS if query.order_of(ModelQuery(sort=key)).is_sparse]
)
def test_an_order_of_what_few_have_is_walked(
    library: Catalog, monkeypatch: pytest.MonkeyPatch, column: str
) -> None:
    """All models are never sorted, whether the first of a page have a value or none."""
    monkeypatch.setattr(stretches, "_LOOKED", 100)
    for descending in (False, True):
        for text in ("", "type:lora"):
            wanted = ModelQuery(search=text, sort=column, descending=descending)
            statements: list[str] = []
            library.trace(statements.append)
            first = library.model_page(wanted, 40, None, library.rows)
            second = library.model_page(wanted, 40, first.last, library.rows)
            library.trace(None)
            assert [row.id for row in (*first.rows, *second.rows)] == plain(library, wanted)[:80]
            if text or (column == "preview" and not descending):
                continue  # those that match, or that have none, may be few: they are found and sorted
            for sql in statements:
                if "ORDER BY" in sql and "LIMIT" in sql:
                    plans = library._reader.execute_sql(f"EXPLAIN QUERY PLAN {sql}").fetchall()
                    assert not [plan for plan in plans if "TEMP B-TREE" in plan[3]], sql


def test_what_an_index_says_is_asked_of_it(library: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimates, "FETCH", 1e9)
    monkeypatch.setattr(estimates, "_SCAN", 1e9)
    statements: list[str] = []
    library.trace(statements.append)
    # No folder of another type is looked into, and no name that holds the word.
    by_folder = library.page(ModelQuery(search="type:vae rating:5", sort="folder", descending=True), 20)
    by_name = library.page(ModelQuery(search="-harbor"), 20)
    library.trace(None)
    assert {row.type for row in by_folder} == {"vae"}
    assert not any("harbor" in row.name for row in by_name)
    assert any("models_folder" in sql and "(type = " in sql for sql in statements)
    assert any("INDEXED BY models_name" in sql and "lower(name)" in sql for sql in statements)


def test_marks_lead_past_what_cannot_match(library: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimates, "FETCH", 1e9)
    monkeypatch.setattr(estimates, "_SCAN", 1e9)
    statements: list[str] = []
    library.trace(statements.append)
    library.page(ModelQuery(search="rating:5 harbor zzyx", sort="size_bytes"), 20)
    library.trace(None)
    assert any("substr(" in sql and "models_size_bytes" in sql for sql in statements)


@pytest.mark.parametrize(
    "word", ["zz", "q", "ö", "öl", "9k", "k9", "ß", "ss", "x", "yx", "\n", "f", "gf", "li", "中"]
)
def test_whoever_may_hold_a_short_word_is_known(library: Catalog, word: str) -> None:
    word = word.casefold()
    reader = library._reader
    rows = reader.execute_sql("SELECT id FROM models WHERE instr(search_text, ?) > 0", (word,))
    holding = {row[0] for row in rows}
    found = short_words.ids_with(reader, word)
    if found is not None:
        sql, parameters = found
        assert holding <= {row[0] for row in reader.execute_sql(sql, parameters)}
    else:
        assert len(holding) > 100


def test_letters_of_latin_are_indexed_as_they_are_folded(tmp_path: Path) -> None:
    letters = sorted(
        {letter for code in range(0x30, 0x250) for letter in chr(code).casefold() if letter.isalnum()}
    )
    with Catalog.open(tmp_path / "c.sqlite") as catalog:
        with bulk_load(catalog) as conn:
            conn.executemany(
                "INSERT INTO models(name, type, size_bytes, file_count, tags, favorite, trigger_words, added_at, "
                "hash_state, file_state, search_text) "
                "VALUES ('long name', 'lora', 1, 1, '[]', 0, '[]', 0, 'none', 'present', ?)",
                [(f"long{letter * 2}",) for letter in letters],
            )
        for letter in letters:
            found = short_words.ids_with(catalog._reader, letter * 2)
            if found is None:
                assert letter >= "\u0250"
                continue
            assert catalog._reader.execute_sql(*found).fetchall(), letter


INSERT = (
    "INSERT INTO models(name, type, size_bytes, file_count, tags, favorite, trigger_words, added_at, hash_state, "
    "file_state, search_text) VALUES (?, 'vae', 1, 1, '[]', 0, '[]', 0, 'none', 'present', ?)"
)


def test_a_page_is_of_one_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    walk_on = walks.Walk.more
    written: list[str] = []

    def more(self: walks.Walk, limit: int, budget: float) -> object:
        # Between two pieces of a walk another writer takes models that come before its place.
        if self.met and not written:
            written.extend(f"a{number}" for number in range(30))
            with other.transaction() as writer:
                writer.connection().executemany(INSERT, [(name, "new") for name in written])
        return walk_on(self, limit, budget)

    names = [(f"m{number:06}", "hit" if number % 20 == 19 else "") for number in range(5_000)]
    monkeypatch.setattr(walks.Walk, "more", more)
    monkeypatch.setattr(estimates, "_LOOK", 0)
    path = tmp_path / "c.sqlite"
    with Catalog.open(path) as catalog, Catalog.open(path) as other:
        with bulk_load(catalog) as conn:
            conn.executemany(INSERT, names)
        page = [row.name for row in catalog.page(ModelQuery(search="hit"), 100)]
    assert written
    assert page == [name for name, text in names if text][:100]


def test_a_name_with_the_last_letter_there_is_hides_no_other(tmp_path: Path) -> None:
    names = ["ab\U0010ffffx", "ab\U0010ffff", "qz", "zq"]
    with Catalog.open(tmp_path / "c.sqlite") as catalog:
        with bulk_load(catalog) as conn:
            conn.executemany(INSERT, [(name, name) for name in names])
        for word, found in (("qz", ["qz"]), ("q", ["qz", "zq"]), ("b\U0010ffff", names[1::-1])):
            assert [row.name for row in catalog.page(ModelQuery(search=word), 9)] == found
        sql, parameters = short_words.ids_with(catalog._question(), "zq") or ("", [])
        ids = {row[0] for row in catalog._question().execute_sql(sql, parameters)}
        assert len(names) in ids
