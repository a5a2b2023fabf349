"""The pending list at a glance: orders and counts are those of SQL, and nothing in them sorts every row."""

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from modelmgr.catalog import Catalog, pending_list
from modelmgr.catalog.import_store import NewRecord
from modelmgr.catalog.query import PENDING_SORTS
from modelmgr.values import PendingModel, PendingQuery, PendingState, Record
from tests.inbox import pending_in

RECORDS = 200
BOTH = (PendingState.PENDING, PendingState.DISMISSED)
ALL_OF_A_GROUP = (
    PendingQuery(states=BOTH[:1]),
    PendingQuery(states=BOTH),
    PendingQuery(states=BOTH[:1], problems=("none", "outside")),
    PendingQuery(states=BOTH[:1], types=("lora",), sources=("generic-json",)),
)


@pytest.fixture(scope="module")
def inbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    """Records of every kind, a third of them dismissed."""
    chance = random.Random(6)
    records = [
        NewRecord(
            Record(
                chance.choice(("generic-json", "civitai-info")), f"/old/{number % 7}.json", str(number), b"{}"
            ),
            chance.choice(("ink", "Ink", "harbor", "Ünder", "")),
            chance.choice(("lora", "vae", "checkpoint")),
            chance.choice((None, "", "Flux.1 D", "sdxl", "Ж")),
            None,
            chance.choice((None, f"/models/{number % 5}", "/models/\udcff")),
            chance.choice((None, None, "no_file", "outside")),
            "",
        )
        for number in range(RECORDS)
    ]
    with Catalog.open(tmp_path_factory.mktemp("inbox") / "c.sqlite") as catalog:
        catalog.put_records(catalog.begin_batch(["/old"], None), records)
        catalog.set_state(range(3, RECORDS, 3), *BOTH)
        yield catalog


@pytest.mark.parametrize("sort", ["id", "record_key", *PENDING_SORTS])
@pytest.mark.parametrize("descending", [False, True])
def test_the_order_is_that_of_the_pages(inbox: Catalog, sort: str, descending: bool) -> None:
    for group in (*ALL_OF_A_GROUP, PendingQuery(), PendingQuery(search="in")):
        query = replace(group, sort=sort, descending=descending)
        ids = [row.id for row in pending_in(inbox, query)]
        assert list(inbox.pending_order(query)) == ids
        assert ids


@pytest.mark.parametrize("descending", [False, True])
def test_ids_far_apart_come_in_order(descending: bool) -> None:
    ids = [7, 2**16, 3, 2**40, 2**16 - 1, 2**16 + 1, 1, 2**40 - 1]
    rows = [("a" if row_id % 2 else None, row_id) for row_id in ids]
    found = pending_list.ids_in_order(((row_id,) for row_id in ids), descending=descending)
    assert list(found) == sorted(ids, reverse=descending)
    by_value = pending_list.ids_by_value(rows, descending=descending)
    assert list(by_value) == sorted(ids, key=lambda row_id: (row_id % 2, row_id), reverse=descending)


@pytest.mark.parametrize("search", ["", "in", "old/3", "nowhere"])
def test_each_choice_counts_what_it_would_show(inbox: Catalog, search: str) -> None:
    for group in ALL_OF_A_GROUP:
        query = replace(group, search=search)
        found = inbox.pending_choices(query)
        for column, free in (("source", "sources"), ("type", "types"), ("problem", "problems")):
            rows = pending_in(inbox, replace(query, **{free: ()}))
            assert found[column] == Counter(_value(row, column) for row in rows)
            assert list(found[column].items()) == sorted(
                found[column].items(), key=lambda one: (-one[1], one[0])
            )


def test_the_groups_count_every_record(inbox: Catalog) -> None:
    rows = pending_in(inbox)
    waiting = [row for row in rows if row.state == PendingState.PENDING]
    assert inbox.pending_facets() == {
        "state": Counter(row.state for row in rows),
        "problem": Counter(_value(row, "problem") for row in waiting),
        "source": Counter(row.source for row in waiting),
    }


def _value(row: PendingModel, column: str) -> str:
    return getattr(row, column) or "none"


def test_what_the_inbox_asks_first_reads_an_index_and_sorts_nothing(inbox: Catalog) -> None:
    statements: list[str] = []
    inbox.trace(statements.append)
    for group in ALL_OF_A_GROUP:
        for sort in ("id", *pending_list.ORDERED_HERE):
            inbox.pending_order(replace(group, sort=sort))
        inbox.pending_choices(group)
        inbox.pending_count(group)
    inbox.pending_facets()
    inbox.trace(None)
    for sql in statements:
        plan = [row[3] for row in inbox._reader.execute_sql(f"EXPLAIN QUERY PLAN {sql}")]
        assert all("USING COVERING INDEX" in step for step in plan), (sql, plan)


def test_a_catalog_from_before_the_index_answers_the_same(inbox: Catalog, tmp_path: Path) -> None:
    query = PendingQuery(states=BOTH, sort="type", descending=True)
    found = inbox.pending_order(query), inbox.pending_choices(query), inbox.pending_facets()
    with Catalog.open(tmp_path / "former.sqlite") as former:
        former.put_records(
            former.begin_batch(["/old"], None),
            [
                NewRecord(record, row.name, row.type, row.base_model, None, row.file_path, row.problem, "")
                for row, record in inbox.export_rows()
            ],
        )
        former.set_state(range(3, RECORDS, 3), *BOTH)
        with former.transaction() as writer:
            writer.execute_sql("DROP INDEX pendingtable_state_problem_source_type_base_model")
        assert (former.pending_order(query), former.pending_choices(query), former.pending_facets()) == found
