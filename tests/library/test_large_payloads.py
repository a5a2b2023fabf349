"""Payloads of many megabytes: exact to the byte on every way, and never in memory more often than needed."""

import base64
import csv
import hashlib
import io
import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from modelmgr import payload
from modelmgr.catalog import Catalog, import_store
from modelmgr.catalog.engine import LARGE_BYTES, open_payload
from modelmgr.library import Library
from modelmgr.migration.reading import database
from modelmgr.progress import Progress
from modelmgr.sqlite import driver
from modelmgr.values import MIB, ModelQuery, PendingQuery

SIZES = (LARGE_BYTES - 1, LARGE_BYTES, LARGE_BYTES + 1, 9 * MIB + 5)


def contents() -> list[bytes]:
    """Payloads around the size from which they go in pieces; the first byte of one makes base64 begin with ``+``."""
    chance = random.Random(7)
    return [b"\xfb" + chance.randbytes(size - 1) for size in SIZES]


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """A catalog with a promoted record of each size, and a pending one."""
    folder = tmp_path / "models"
    folder.mkdir()
    for number, content in enumerate(contents()):
        (folder / f"m{number}.civitai.info").write_bytes(content)
        if number:
            (folder / f"m{number}.safetensors").write_bytes(b"x" * number)
    path = tmp_path / "catalog.sqlite"
    with Catalog.open(path) as catalog:
        library = Library(catalog)
        assert library.import_paths([str(folder)], progress=Progress()).imported == len(SIZES)
        assert library.promote(None, progress=Progress()).promoted == len(SIZES) - 1
    return path


def test_large_payloads_come_out_as_they_went_in(filled: Path) -> None:
    with Catalog.open(filled) as catalog:
        pending, lines, table = io.StringIO(), io.StringIO(), io.StringIO(newline="")
        library = Library(catalog)
        assert library.export_pending(pending, Progress()) == len(SIZES)
        assert library.export_library(lines, "jsonl", Progress()) == (3, 3)
        assert library.export_library(table, "csv", Progress()) == (3, 3)
        stored = {catalog.pending_record(row).payload for row in catalog.pending_order(PendingQuery())}  # type: ignore[union-attr]
        assert stored == set(contents())
        models = catalog.order(ModelQuery())
        active = [
            catalog.record_payload(record.id) for model in models for record in catalog.records_of(model)
        ]
        assert sorted(map(len, filter(None, active))) == list(SIZES[1:])
        assert library.check(Progress()) == []
    for text in (pending.getvalue(), lines.getvalue()):
        for line in text.splitlines():
            assert json.dumps(json.loads(line)) == line
    records = [json.loads(line) for line in pending.getvalue().splitlines()]
    records += [record for line in lines.getvalue().splitlines() for record in json.loads(line)["records"]]
    known = {hashlib.sha256(content).hexdigest(): content for content in contents()}
    assert len(records) == 7
    for record in records:
        assert base64.b64decode(record["payload_base64"]) == known[record["payload_sha256"]]
    limit = csv.field_size_limit(64 * MIB)
    try:
        rows = list(csv.DictReader(io.StringIO(table.getvalue(), newline="")))
    finally:
        csv.field_size_limit(limit)
    assert len(rows) == 3
    for row in rows:
        assert row["payload_base64"].startswith("'+")  # no spreadsheet takes it for a formula
        assert base64.b64decode(row["payload_base64"][1:]) == known[row["payload_sha256"]]


def test_an_export_of_large_payloads_is_taken_back_record_for_record(filled: Path, tmp_path: Path) -> None:
    first, again = tmp_path / "first.jsonl", tmp_path / "again.jsonl"
    with Catalog.open(filled) as catalog, open(first, "w", encoding="ascii") as out:
        Library(catalog).export_pending(out, Progress())
    with Catalog.open(tmp_path / "other.sqlite") as catalog, open(again, "w", encoding="ascii") as out:
        library = Library(catalog)
        assert library.import_paths([str(first)], progress=Progress()).imported == len(SIZES)
        assert library.import_paths([str(first)], progress=Progress()).unchanged == len(SIZES)
        library.export_pending(out, Progress())
    kept = ("source", "source_path", "record_key", "payload_sha256", "payload_base64")
    found = [
        sorted([json.loads(line)[key] for key in kept] for line in path.read_text().splitlines())
        for path in (first, again)
    ]
    assert found[0] == found[1]


def test_a_record_that_no_row_can_hold_is_one_problem_and_hides_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_store, "HELD_LIMIT_BYTES", 2_000)
    source = tmp_path / "list.jsonl"
    lines = [{"name": f"m{number}", "notes": "x" * (3_000 if number == 3 else 30)} for number in range(60)]
    source.write_text("\n".join(map(json.dumps, lines)))
    with Catalog.open(tmp_path / "catalog.sqlite") as catalog:
        report = Library(catalog).import_paths([str(source)], progress=Progress())
        assert (report.seen, report.imported, report.failed) == (60, 59, 1)
        (problem,) = report.problems
        assert (problem.path, problem.record_key, problem.code, problem.kept) == (
            str(source),
            "3",
            "too_large",
            False,
        )
        (batch,) = catalog.batches()
        assert (batch.seen, batch.imported, batch.failed) == (60, 59, 1)
        again = Library(catalog).import_paths([str(source)], progress=Progress())
        assert (again.unchanged, again.imported, again.failed) == (59, 0, 1)


def test_a_row_that_grows_too_large_as_json_is_left_out_before_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "HELD_LIMIT_BYTES", 8 * MIB)
    path = tmp_path / "list.sqlite"
    with driver.connect(str(path)) as conn:
        conn.execute("CREATE TABLE models(sha256, name, notes)")
        rows = [
            ("a", "plain", "x" * 5 * MIB),
            ("b", "grows", "\x01" * 2 * MIB),
            ("c", "bytes", b"\xff" * 5 * MIB),
        ]
        conn.executemany("INSERT INTO models VALUES (?, ?, ?)", rows)
    with Catalog.open(tmp_path / "catalog.sqlite") as catalog:
        report = Library(catalog).import_paths([str(path)], progress=Progress())
        assert (report.seen, report.imported, report.failed) == (3, 2, 1)
        assert [(problem.code, problem.record_key) for problem in report.problems] == [("too_large", "2")]
        made = {
            row.name: json.loads(catalog.pending_record(row.id).payload)  # type: ignore[union-attr]
            for row in catalog.pending_rows(catalog.pending_order(PendingQuery()))
        }
    assert made["plain"]["notes"] == "x" * 5 * MIB
    assert base64.b64decode(made["bytes"]["notes"]["base64"]) == b"\xff" * 5 * MIB


def test_one_flipped_byte_of_a_large_payload_is_found(filled: Path) -> None:
    with (
        driver.connect(str(filled)) as conn,
        open_payload(conn, "records", 3, readonly=False) as blob,
    ):
        blob.seek(9 * MIB)
        byte = blob.read(1)
        blob.seek(9 * MIB)
        blob.write(bytes([byte[0] ^ 1]))
    with Catalog.open(filled) as catalog:
        (problem,) = Library(catalog).check(Progress())
    assert (problem.code, problem.message[:29]) == ("payload_damaged", "The stored payload 3 of recor")


def test_a_record_that_another_program_wrote_meanwhile_takes_no_bytes_of_its_neighbour(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    path = tmp_path / "catalog.sqlite"
    with Catalog.open(path) as catalog, Catalog.open(path) as other:
        names = [f"m{number}.civitai.info" for number in range(len(SIZES))]
        for name, content in zip(names, contents(), strict=True):
            (folder / name).write_bytes(content)
        Library(other).import_paths([str(folder / names[1])], progress=Progress())
        Library(catalog).import_paths([str(folder)], progress=Progress())
        rows = [catalog.pending_record(row) for row in catalog.pending_order(PendingQuery())]
        assert {(row.source_path, row.payload) for row in rows if row is not None} == {
            (str(folder / name), content) for name, content in zip(names, contents(), strict=True)
        }
        assert Library(catalog).check(Progress()) == []


@pytest.mark.parametrize("before", [0, MIB - 40, MIB - 5, MIB, 2 * MIB - 8, 2 * MIB + 900])
@pytest.mark.parametrize("codec", ["utf-8", "utf-16"])
def test_a_secret_is_found_wherever_it_stands_in_a_large_payload(before: int, codec: str) -> None:
    filling = "x" * (before // (2 if codec == "utf-16" else 1))
    after = "y" * 2 * MIB
    assert payload.contains_secret(f'{filling}{{"api_key" : "s3cret"}}{after}'.encode(codec))
    assert payload.contains_secret(f"{filling}https://a.b/c?token=s3cret{after}".encode(codec))
    assert not payload.contains_secret(f"{filling}a token_ and a key={after}".encode(codec))


@pytest.mark.skipif(sys.platform != "linux", reason="memory is counted in other units elsewhere")
def test_a_large_payload_is_in_memory_no_more_often_than_needed(tmp_path: Path) -> None:
    size = 160 * MIB
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "m.safetensors").write_bytes(b"x")
    with open(folder / "m.civitai.info", "wb") as file:
        file.write(b'{"id": 1, "pad": "')
        file.truncate(size)
    catalog = tmp_path / "catalog.sqlite"
    room = 80 * MIB  # of the program itself, which takes half of that
    for words, payloads in (
        (["migrate", "import", str(folder)], 1),
        (
            ["pending", "promote", "--all"],
            2,
        ),  # SQLite reads and writes the whole row of which the state changes
        (["pending", "export", "--jsonl"], 0),
        (["export", "--jsonl", str(tmp_path / "e.jsonl")], 0),
        (["export", "--csv", str(tmp_path / "e.csv")], 0),
        (["check"], 0),
        (["pending", "undo", "1"], 2),
        (["pending", "promote", "1"], 2),
    ):
        peak = peak_bytes(["--catalog", str(catalog), *words])
        assert peak < room + payloads * size, (words, peak // MIB)
    with driver.connect(str(catalog)) as conn:
        assert conn.execute("SELECT length(meta_json) FROM records").fetchall() == [(size,)]


def peak_bytes(words: list[str]) -> int:
    """Run a command and return the most memory that it had at once."""
    program = (
        "import sys\n"
        "from modelmgr.cli import main\n"
        "code = main()\n"
        "print(next(line for line in open('/proc/self/status') if line.startswith('VmHWM')), file=sys.stderr)\n"
        "sys.exit(code)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        check=False,
        text=True,
    )
    name, kilobytes, _ = done.stderr.split()
    assert (name, done.returncode in (0, 1)) == ("VmHWM:", True)
    return int(kilobytes) * 1024
