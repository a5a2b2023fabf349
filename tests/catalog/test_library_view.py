"""The library view: order, filters, search, and never a payload."""

from collections.abc import Callable

import pytest

from modelmgr.catalog import Catalog
from modelmgr.catalog.found import FoundModel
from modelmgr.catalog.import_store import NewRecord
from modelmgr.values import SORT_COLUMNS, Hashes, ModelQuery, PendingQuery, Record

Found = Callable[..., FoundModel]


@pytest.fixture
def stocked(catalog: Catalog, found: Found) -> Catalog:
    catalog.put_found(
        [
            found(
                "/m/Inkwash.safetensors",
                size_bytes=300,
                base_model="SDXL 1.0",
                tags=["Ink", "wash"],
                rating=4,
            ),
            found(
                "/m/copper.safetensors",
                size_bytes=100,
                type="checkpoint",
                base_model="Flux.1 D",
                favorite=True,
            ),
            found(
                "/n/Äther 100%.gguf",
                size_bytes=200,
                type="llm",
                trigger_words=["wave [x]*"],
                notes="ink inside",
            ),
        ]
    )
    return catalog


def names(catalog: Catalog, query: ModelQuery) -> list[str]:
    return [row.name for row in catalog.page(query, None)]


@pytest.mark.parametrize("column", SORT_COLUMNS)
def test_order_page_and_rows_agree_for_every_sort_in_both_directions(stocked: Catalog, column: str) -> None:
    for descending in (False, True):
        query = ModelQuery(sort=column, descending=descending)
        order = list(stocked.order(query))
        assert [row.id for row in stocked.page(query, None)] == order
        assert [row.id for row in stocked.page(query, 1, 1)] == order[1:2]
        assert len(order) == 3
    assert list(stocked.order(ModelQuery(sort=column))) == list(stocked.order(query))[::-1]


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ("ink", {"Inkwash", "Äther 100%"}),
        ("INKWASH", {"Inkwash"}),
        ("äth", {"Äther 100%"}),
        ("100%", {"Äther 100%"}),
        ("[x]*", {"Äther 100%"}),
        ("nk", {"Inkwash", "Äther 100%"}),
        ("ink wash", {"Inkwash"}),
        ('"ink inside"', {"Äther 100%"}),
        ('"ink ins', {"Äther 100%"}),
        ("type:LLM", {"Äther 100%"}),
        ('base:"Flux.1 D"', {"copper"}),
        ("tag:ink", {"Inkwash"}),
        ("tag:ink type:llm", set()),
        ("state:hashing", {"Inkwash", "copper", "Äther 100%"}),
        ("state:nonsense", set()),
        ("a:b", set()),
        ("", {"Inkwash", "copper", "Äther 100%"}),
    ],
)
def test_search_finds_words_anywhere_and_understands_fields(
    stocked: Catalog, search: str, expected: set[str]
) -> None:
    query = ModelQuery(search=search)
    assert set(names(stocked, query)) == expected
    assert stocked.count(query) == len(expected)
    assert len(stocked.order(query)) == len(expected)


def test_filters_narrow_and_facets_count(stocked: Catalog) -> None:
    assert names(stocked, ModelQuery(types=("lora", "llm"), sort="size_bytes")) == ["Äther 100%", "Inkwash"]
    assert names(stocked, ModelQuery(folders=("/n",))) == ["Äther 100%"]
    assert names(stocked, ModelQuery(favorite=True)) == ["copper"]
    assert stocked.total_bytes(ModelQuery()) == 600
    facets = stocked.facets(ModelQuery())
    assert facets.types == {"checkpoint": 1, "llm": 1, "lora": 1}
    assert facets.tags == {"Ink": 1, "wash": 1}
    assert facets.folders == {"/m": 2, "/n": 1}
    assert facets.states == {"hashing": 3}
    assert (facets.favorites, facets.total) == (1, 3)
    assert stocked.facets(ModelQuery(search="ink")).total == 2


def test_the_index_follows_every_change(stocked: Catalog) -> None:
    (inkwash,) = stocked.page(ModelQuery(search="inkwash"), None)
    stocked.put_light(inkwash.id, {"name": "Harbour", "type": "lora"}, {})
    assert names(stocked, ModelQuery(search="harbour")) == ["Harbour"]
    assert stocked.count(ModelQuery(search="tag:ink")) == 0
    # The file is still called so.
    assert names(stocked, ModelQuery(search="inkwash")) == ["Harbour"]


def test_no_statement_of_the_view_reads_a_payload_and_details_read_one(stocked: Catalog) -> None:
    first = stocked.page(ModelQuery(), 1)[0]
    outcome = stocked.put_hash(stocked.files_of(first.id)[0].id, first.size_bytes, 10**18, Hashes("a" * 64))
    assert outcome is not None
    batch = stocked.begin_batch(["/m"], None)
    for key in "12":
        record = Record("generic-json", "/m/x.json", key, b'{"k": ' + key.encode() + b"}")
        stocked.put_records(batch, [NewRecord(record, "x", "lora", None, None, None, None, "")])
    for pending in stocked.pending_order(PendingQuery()):
        stocked.attach(pending, outcome.model_id, "a" * 64, None, "sha256")
    statements: list[str] = []
    stocked.trace(statements.append)
    query = ModelQuery(search="ink", sort="size_bytes")
    stocked.count(query), stocked.order(query), stocked.page(query, 10), stocked.facets(query)
    (
        stocked.rows([1, 2, 3]),
        stocked.total_bytes(query),
        stocked.stats(),
        stocked.duplicates(),
        stocked.folders(),
    )
    assert statements
    assert not [sql for sql in statements if "meta_json" in sql]
    statements.clear()
    details = stocked.details("a" * 64)
    assert details is not None
    assert {record.payload for record in details.records} == {b'{"k": 1}', b'{"k": 2}'}
    assert len([sql for sql in statements if "meta_json" in sql]) == 1
    stocked.trace(None)


def test_details_answer_by_row_id_until_there_is_a_hash_and_none_for_the_unknown(stocked: Catalog) -> None:
    row = stocked.page(ModelQuery(), 1)[0]
    details = stocked.details(row.id)
    assert details is not None
    assert details.asked == row.id
    assert details.row == row
    assert [file.path for file in details.files] == [row.path]
    assert stocked.details("f" * 64) is None
    assert stocked.details(10_000) is None


def test_paths_of_any_bytes_and_names_come_back_as_they_were(catalog: Catalog, found: Found) -> None:
    odd = "/m\udcff/bad \udc80 name.safetensors"
    catalog.put_found([found(odd), found("/m/good.safetensors")])
    row = next(row for row in catalog.page(ModelQuery(), None) if row.path == odd)
    assert (row.folder, row.file_name) == ("/m\udcff", "bad \udc80 name.safetensors")
    assert set(catalog.known_files("/m\udcff")) == {odd}
    assert set(catalog.known_files("/m")) == {"/m/good.safetensors"}
    assert set(catalog.known_files("/")) == {odd, "/m/good.safetensors"}
    assert names(catalog, ModelQuery(folders=("/m\udcff",))) == [row.name]


def test_models_are_found_by_how_their_names_begin(catalog: Catalog, found: Found) -> None:
    names = ["Zephyr", "zebra", "Ze%bu", "azure", "Élan"]
    ids = dict(zip(names, catalog.put_found([found(f"/m/{name}", name=name) for name in names]), strict=True))
    assert set(catalog.named("ze")) == {ids["Zephyr"], ids["zebra"], ids["Ze%bu"]}
    assert set(catalog.named("ze%")) == {ids["Ze%bu"]}
    assert list(catalog.named("É")) == [ids["Élan"]]
    assert not catalog.named("x")
