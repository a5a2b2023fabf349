"""First pages are those of plain SQL, whichever way they are found."""

import json
import random
from dataclasses import replace
from pathlib import Path

import pytest

from modelmgr.catalog import Catalog, query, short_words, stretches
from modelmgr.values import ModelQuery

WORDS = ("ink", "harbor", "lan", "zzyx", "öl", "ßa", "9k")
SEARCHES = (
    "", "ink", "ink harbor", "zz", "q", "ö", "9k", "k9", "x", "ss", "harbor z", "-ink", "type:lora",
    "type:lora,vae ink", "tag:ink", "tag:ink -tag:lan", "rating:5 fav:yes", "size:>40", "folder:lora",
    "type:vae size:<20", "q OR zz", "-type:lora", "missing:yes", "tag:ink type:lora rating:>=4",
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
)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    catalog = Catalog.open(Path(tmp_path_factory.mktemp("pages")) / "c.sqlite")
    chance = random.Random(7)
    with catalog.bulk_load() as writer:
        conn = writer.connection()
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
                "rating, favorite, trigger_words, added_at, hash_state, file_state, search_text) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?, ?, '[]', ?, 'none', ?, ?)",
                (
                    number, name, kind, chance.choice(("Pony", None)), number % 97, f"/m/{kind}/{number}",
                    f"{name} {number}.gguf", None if number % 211 == 0 else f"/m/{kind}/{number % 40}",
                    json.dumps(tags), chance.choice((None, 3, 4, 5)), int(number % 60 == 0), number % 1_000,
                    "missing" if number % 90 == 0 else "present", text.casefold(),
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
    ("short_walk", "all_share"), [(6_000, 8), (40, 0.001), (40, 8)], ids=["usual", "walks and marks", "sorts"]
)
def test_pages_are_those_of_plain_sql(
    library: Catalog, monkeypatch: pytest.MonkeyPatch, short_walk: int, all_share: float
) -> None:
    monkeypatch.setattr(stretches, "_SHORT_WALK", short_walk)
    monkeypatch.setattr(stretches, "_ALL_SHARE", all_share)
    monkeypatch.setattr(stretches, "_REFINED", 10)
    monkeypatch.setattr(stretches, "_REFINED_BY_WORDS", 100)
    for order in ORDERS:
        for text in SEARCHES:
            wanted = replace(order, search=text)
            expected = plain(library, wanted)
            assert [row.id for row in library.page(wanted, 60, 31)] == expected[31:91], wanted
            after, met = None, []
            for _ in range(2):
                page = library.model_page(wanted, 17, after)
                met += [row.id for row in page.rows]
                after = page.last
                if after is None:
                    break
            assert met == expected[: 2 * 17], wanted
            if order is ORDERS[0]:
                assert library.count(wanted) == len(expected)
                assert list(library.order(wanted)) == expected


def test_marks_lead_past_what_cannot_match(library: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stretches, "_SHORT_WALK", 40)
    monkeypatch.setattr(stretches, "_ALL_SHARE", 0.001)
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
        with catalog.bulk_load() as writer:
            writer.connection().executemany(
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
    walk_on = stretches._Walk.more
    written: list[str] = []

    def more(self: stretches._Walk, limit: int, budget: float) -> object:
        # Between two pieces of a walk another writer takes models that come before its place.
        if self.met and not written:
            written.extend(f"a{number}" for number in range(30))
            with other.bulk_load() as writer:
                writer.connection().executemany(INSERT, [(name, "new") for name in written])
        return walk_on(self, limit, budget)

    names = [(f"m{number:06}", "hit" if number % 20 == 19 else "") for number in range(5_000)]
    monkeypatch.setattr(stretches._Walk, "more", more)
    path = tmp_path / "c.sqlite"
    with Catalog.open(path) as catalog, Catalog.open(path) as other:
        with catalog.bulk_load() as writer:
            writer.connection().executemany(INSERT, names)
        page = [row.name for row in catalog.page(ModelQuery(search="hit"), 100)]
    assert written
    assert page == [name for name, text in names if text][:100]


def test_a_name_with_the_last_letter_there_is_hides_no_other(tmp_path: Path) -> None:
    names = ["ab\U0010ffffx", "ab\U0010ffff", "qz", "zq"]
    with Catalog.open(tmp_path / "c.sqlite") as catalog:
        with catalog.bulk_load() as writer:
            writer.connection().executemany(INSERT, [(name, name) for name in names])
        for word, found in (("qz", ["qz"]), ("q", ["qz", "zq"]), ("b\U0010ffff", names[1::-1])):
            assert [row.name for row in catalog.page(ModelQuery(search=word), 9)] == found
        sql, parameters = short_words.ids_with(catalog._question(), "zq") or ("", [])
        ids = {row[0] for row in catalog._question().execute_sql(sql, parameters)}
        assert len(names) in ids
