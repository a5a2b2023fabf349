"""Killed at any moment, imported twice, two at once: no record lost, doubled or altered."""

import hashlib
import json
import random
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from modelmgr.catalog import Catalog
from modelmgr.library import Library
from modelmgr.progress import Progress
from modelmgr.values import PendingQuery

RECORDS = 1_100
ROUNDS = 6

IMPORT = (
    "import sys; from modelmgr.catalog import Catalog; from modelmgr.library import Library; "
    "from modelmgr.progress import Progress\n"
    "with Catalog.open(sys.argv[1]) as c: r = Library(c).import_paths([sys.argv[2]], progress=Progress()); "
    "print(r.seen, r.imported, r.unchanged, r.ignored, r.failed)"
)


@pytest.fixture(scope="module")
def legacy(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Counter[tuple[str, str]]]:
    """A folder of sidecars with odd but legal payloads, and what must come out: path and digest, each once."""
    folder = tmp_path_factory.mktemp("legacy")
    chance = random.Random(7)
    expected: Counter[tuple[str, str]] = Counter()
    for number in range(RECORDS):
        stem = folder / f"model {number}"
        (folder / f"model {number}.safetensors").write_bytes(b"\x02\0\0\0\0\0\0\0{}")
        body = json.dumps(
            {
                "id": number,
                "modelId": 5,
                "trainedWords": ["ä\ud83d"],
                "filler": "x" * chance.randrange(4_000),
            }
        ).encode()
        payload = chance.choice(
            [
                body,
                b"\xef\xbb\xbf" + body,
                body + b"\0\0",
                body[: len(body) // 2],
                b"",
                b"{}",
                body.replace(b"5", b"NaN"),
            ]
        )
        path = Path(f"{stem}.civitai.info")
        path.write_bytes(payload)
        expected[str(path), hashlib.sha256(payload).hexdigest()] += 1
    return folder, expected


def stored(path: Path) -> Counter[tuple[str, str]]:
    with Catalog.open(path) as catalog:
        found: Counter[tuple[str, str]] = Counter()
        for row, record in catalog.export_rows():
            assert hashlib.sha256(record.payload).hexdigest() == row.payload_sha256
            found[record.source_path, row.payload_sha256] += 1
        assert catalog.check(Progress()) == []
        return found


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_an_import_killed_at_any_moment_ends_the_same_when_resumed(
    tmp_path: Path, legacy: tuple[Path, Counter[tuple[str, str]]], seed: int
) -> None:
    folder, expected = legacy
    path = tmp_path / "c.sqlite"
    chance = random.Random(seed)
    for _ in range(chance.randrange(1, 4)):
        process = subprocess.Popen(
            [sys.executable, "-c", IMPORT, str(path), str(folder)], stdout=subprocess.PIPE
        )
        try:
            process.wait(chance.uniform(0.05, 1.5))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
        process.communicate()
    with Catalog.open(path) as catalog:
        library = Library(catalog)
        library.resume(Progress())
        assert catalog.batches("interrupted") == []
        again = library.import_paths([str(folder)], progress=Progress())
        assert again.seen == again.imported + again.unchanged + again.ignored + again.failed
        assert library.import_paths([str(folder)], progress=Progress()).imported == 0
    assert stored(path) == expected


def test_a_resumed_batch_tells_the_totals_of_an_uninterrupted_one(
    tmp_path: Path, legacy: tuple[Path, Counter[tuple[str, str]]]
) -> None:
    folder, _ = legacy
    with Catalog.open(tmp_path / "whole.sqlite") as catalog:
        whole = Library(catalog).import_paths([str(folder)], progress=Progress())
    path = tmp_path / "c.sqlite"
    # Ends without a word after half of the containers, as a killed process does.
    program = IMPORT.replace(
        "with Catalog",
        "import os; seen = []\n"
        "class P(Progress):\n"
        "    def step(self, done, total, text='', unit=''):\n"
        "        if unit == 'records' and done >= 500: os._exit(9)\n"
        "with Catalog",
    ).replace("progress=Progress()", "progress=P()")
    ended = subprocess.run(
        [sys.executable, "-c", program, str(path), str(folder)], capture_output=True, check=False
    )
    assert ended.returncode == 9
    with Catalog.open(path) as catalog:
        library = Library(catalog)
        assert 0 < catalog.pending_count(PendingQuery()) < RECORDS
        assert len(library.interrupted()) == 1
        resumed = library.resume(Progress())
        assert library.interrupted() == []
    counts = ("seen", "imported", "unchanged", "ignored", "failed", "by_source")
    assert [getattr(resumed, name) for name in counts] == [getattr(whole, name) for name in counts]
    assert whole.imported == RECORDS


def test_two_imports_at_once_one_of_them_killed_keep_every_record_once(
    tmp_path: Path, legacy: tuple[Path, Counter[tuple[str, str]]]
) -> None:
    folder, expected = legacy
    path = tmp_path / "c.sqlite"
    command = [sys.executable, "-c", IMPORT, str(path), str(folder)]
    first, second = (
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)
    )
    try:
        first.wait(0.6)
    except subprocess.TimeoutExpired:
        first.kill()
    _, errors = second.communicate(timeout=60)
    first.communicate()
    assert second.returncode == 0, errors.decode()
    assert stored(path) == expected
    with Catalog.open(path) as catalog:
        Library(catalog).resume(Progress())
    assert stored(path) == expected


def test_after_a_crash_the_catalog_is_looked_at_and_its_batches_are_interrupted(
    tmp_path: Path,
) -> None:
    path = tmp_path / "c.sqlite"
    program = (
        "import sys, os; from modelmgr.catalog import Catalog\n"
        "c = Catalog.open(sys.argv[1]); c.begin_batch(['/x'], None); os._exit(1)"
    )
    subprocess.run([sys.executable, "-c", program, str(path)], check=False)
    with Catalog.open(path) as catalog:
        library = Library(catalog)
        assert len(catalog.dead_sessions()) == 1
        assert library.look_after_crash(Progress()) == []
        assert catalog.dead_sessions() == []
        assert [batch.state for batch in catalog.batches()] == ["interrupted"]
