"""Imported records: each kept once, to the byte, whoever imports them and however often."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from modelmgr.catalog import Catalog
from modelmgr.catalog.found import FoundModel
from modelmgr.catalog.import_store import NewRecord
from modelmgr.values import BatchState, PendingQuery, Record, Totals
from tests.inbox import pending_in

ODD_PAYLOADS = [
    b"",
    b"{}",
    b"\xef\xbb\xbf{}",
    b'{"a":1,"a":2}',
    b'{"a":NaN}',
    b"\xff\xfe\x00\x01",
    b"\0\0\0",
    b'"\\ud83d"',
    bytes(range(256)),
    b"{" * 10_000,
    b"x" * 3_000_000,
]


def new(payload: bytes, key: str = "", path: str = "/m/x.json", **extra: object) -> NewRecord:
    record = Record("generic-json", path, key, payload, {"columns": extra} if extra else None)
    return NewRecord(record, "x", "lora", None, None, None, None, "")


def test_payloads_keys_and_paths_come_back_to_the_byte(catalog: Catalog) -> None:
    batch = catalog.begin_batch(["/m"], None)
    keys = ["", "1", "\ud83d", "a\0b", "\udc80", "ключ"]
    records = [new(payload, str(number)) for number, payload in enumerate(ODD_PAYLOADS)]
    records += [new(b"{}", key, "/m/\udcff.json") for key in keys]
    assert set(catalog.put_records(batch, records)) == {"added"}
    stored = [record for _, record in catalog.export_rows()]
    assert stored == [one.record for one in records]


def test_the_same_record_again_adds_nothing_and_a_changed_one_a_version(catalog: Catalog) -> None:
    first = catalog.begin_batch(["/m"], None)
    assert catalog.put_records(first, [new(b"1", "k"), new(b"1", "l", rating=3)]) == ["added", "added"]
    again = catalog.begin_batch(["/m"], None)
    assert catalog.put_records(again, [new(b"1", "k"), new(b"1", "l", rating=3)]) == [
        "unchanged",
        "unchanged",
    ]
    # A row whose JSON stayed but whose other columns changed has something new to say.
    assert catalog.put_records(again, [new(b"2", "k"), new(b"1", "l", rating=5)]) == ["updated", "updated"]
    assert catalog.pending_count(PendingQuery()) == 4
    # What stood around an unchanged payload makes no version of it.
    aside = replace(new(b"1", "k").record, extra={"copied_from": "x.txt"})
    assert catalog.put_records(again, [replace(new(b"1", "k"), record=aside)]) == ["unchanged"]


def test_what_could_be_chosen_instead_is_counted_without_the_filter_of_its_own_column(
    catalog: Catalog,
) -> None:
    batch = catalog.begin_batch(["/m"], None)
    kinds = [("lora", None), ("lora", "no_file"), ("vae", None)]
    records = [
        NewRecord(
            Record("generic-json", "/m/x.json", str(number), b"{}"), "n", kind, *[None] * 3, problem, ""
        )
        for number, (kind, problem) in enumerate(kinds)
    ]
    catalog.put_records(batch, records)
    assert catalog.pending_choices(PendingQuery(types=("LORA",), problems=("none",))) == {
        "source": {"generic-json": 1},
        "type": {"lora": 1, "vae": 1},
        "problem": {"no_file": 1, "none": 1},
    }
    assert list(catalog.pending_order(PendingQuery(types=("LORA",), problems=("none",)))) == [1]
    assert catalog.pending_choices(PendingQuery(states=("dismissed",)))["source"] == {}


def test_a_resumed_batch_counts_what_it_had_written_itself(catalog: Catalog) -> None:
    batch = catalog.begin_batch(["/m"], None)
    catalog.put_records(batch, [new(b"1", "k")])
    assert catalog.put_records(batch, [new(b"1", "k"), new(b"2", "l")]) == ["added", "added"]
    assert catalog.pending_count(PendingQuery()) == 2


def test_a_batch_of_a_killed_process_becomes_interrupted_and_one_of_a_living_does_not(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    program = (
        "import sys, os; from modelmgr.catalog import Catalog\n"
        "c = Catalog.open(sys.argv[1]); c.begin_batch(['/m'], None); os._exit(1)"
    )
    subprocess.run([sys.executable, "-c", program, str(path)], check=False)
    with Catalog.open(path) as catalog, Catalog.open(path) as other:
        running = other.begin_batch(["/n"], None)
        catalog.mark_interrupted()
        states = {batch.id: batch.state for batch in catalog.batches()}
        assert states == {1: "interrupted", running: "running"}
        assert catalog.resume_batch(1)
        assert not catalog.resume_batch(1)
        catalog.end_batch(1, BatchState.DONE, Totals(seen=2, added=1, failed=1))
        (batch,) = catalog.batches("done")
        assert (batch.seen, batch.imported, batch.failed) == (2, 1, 1)


@pytest.fixture
def promoted(catalog: Catalog, found: Callable[..., FoundModel]) -> Catalog:
    (model,) = catalog.put_found([found("/m/x.gguf")])
    batch = catalog.begin_batch(["/m"], None)
    catalog.put_records(batch, [new(b"1", "k", a=1), new(b"2", "l"), new(b"3", "m")])
    assert catalog.attach(1, model, "a" * 64, "/m/x.gguf", "path") == 1
    return catalog


def test_an_attached_record_is_whole_and_its_pending_row_stays_as_history(promoted: Catalog) -> None:
    row = promoted.pending_rows([1])[0]
    assert (row.state, row.sha256, row.file_path, row.problem) == ("promoted", "a" * 64, "/m/x.gguf", None)
    (record,) = promoted.records_of(1)
    assert (record.payload, record.extra, record.record_key) == (b"1", {"columns": {"a": 1}}, "k")
    assert promoted.attach(1, 1, "a" * 64, None, "path") is None


def test_only_promoted_rows_with_a_true_active_copy_are_cleared(promoted: Catalog) -> None:
    assert promoted.clear_promoted() == 1
    assert promoted.pending_facets()["state"] == {"pending": 2}
    assert len(promoted.records_of(1)) == 1


def test_decisions_reach_only_rows_that_wait(promoted: Catalog) -> None:
    from modelmgr.values import PendingState

    assert promoted.set_state([1, 2], PendingState.PENDING, PendingState.DISMISSED) == 1
    promoted.set_problem(3, "no_file", "gone", None, ["/a", "/b"])
    promoted.set_problem(2, "no_file", "gone", None, [])
    assert [row.problem for row in promoted.pending_rows([1, 2, 3])] == [None, None, "no_file"]
    assert promoted.pending_rows([3])[0].candidates == ("/a", "/b")
    assert promoted.pending_facets()["problem"] == {"no_file": 1}
    promoted.set_file(3, "/m/found.gguf")
    row = promoted.pending_rows([3])[0]
    assert (row.problem, row.file_path, promoted.located(3)) == (None, "/m/found.gguf", True)


def test_the_pending_list_filters_sorts_and_never_reads_a_payload(promoted: Catalog) -> None:
    statements: list[str] = []
    promoted.trace(statements.append)
    assert list(promoted.pending_order(PendingQuery(sort="record_key", descending=True))) == [3, 2, 1]
    assert [row.id for row in pending_in(promoted, PendingQuery(states=("pending",)))[1 : 1 + 1]] == [3]
    assert (
        promoted.pending_count(PendingQuery(problems=("none",), sources=("generic-json",), search="X.js"))
        == 3
    )
    assert promoted.pending_count(PendingQuery(problems=("no_file",))) == 0
    assert not [sql for sql in statements if "meta_json" in sql]
    promoted.trace(None)
