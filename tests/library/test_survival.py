"""Killed at any moment, stopped, on a full disk, imported by two at once: no record lost, doubled or altered.

Real processes over sidecars, a database and JSON Lines together; what is left is compared, row by row, with what an
uninterrupted run leaves. Each test goes a few rounds; ``MODELMGR_CRASH_ROUNDS=60`` makes it 60, and
``MODELMGR_CRASH_SEED=7`` (1 if not said) other moments.
"""

import hashlib
import json
import os
import random
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from modelmgr.catalog import Catalog
from modelmgr.library import Library
from modelmgr.progress import Progress
from modelmgr.values import PendingQuery
from tests.inbox import pending_in

ROUNDS = int(os.environ.get("MODELMGR_CRASH_ROUNDS", "0"))
SEED = int(os.environ.get("MODELMGR_CRASH_SEED", "1"))

SIDECARS = 700
ROWS = 400
LINES = 300
RECORDS = SIDECARS + ROWS + LINES
MODELS = 40

STOP_S = 5.0
"""How long a process may take to end after it was asked to."""

PREAMBLE = (
    "import os, sys; from modelmgr.catalog import Catalog; from modelmgr.library import Library; "
    "from modelmgr.progress import Progress\n"
)
IMPORT = PREAMBLE + (
    "with Catalog.open(sys.argv[1]) as c: r = Library(c).import_paths(sys.argv[2:], progress=Progress()); "
    "print(r.seen, r.imported, r.unchanged, r.ignored, r.failed)"
)
PROMOTE = PREAMBLE + (
    "with Catalog.open(sys.argv[1]) as c: print(Library(c).promote(None, progress=Progress()).promoted)"
)

Row = tuple[Any, ...]


@dataclass
class Legacy:
    """What is imported, and what must come of it.

    Attributes:
        paths: to import.
        expected: container, key and digest of each record, each once; from the script that wrote them.
        whole: the rows that an uninterrupted import leaves, see `rows_of`.
        models_folder: 40 models, each with a sidecar.
        took_s: an uninterrupted process.
    """

    paths: list[str]
    expected: Counter[tuple[str, str, str]]
    whole: Counter[Row]
    models_folder: Path
    took_s: float


@pytest.fixture(scope="module")
def legacy(tmp_path_factory: pytest.TempPathFactory) -> Legacy:
    """Sidecars with odd but legal payloads, a database and JSON Lines."""
    folder = tmp_path_factory.mktemp("legacy")
    chance = random.Random(7)
    expected: Counter[tuple[str, str, str]] = Counter()

    def note(path: Path, key: str, payload: bytes) -> None:
        expected[str(path), key, hashlib.sha256(payload).hexdigest()] += 1

    for number in range(SIDECARS):
        (folder / f"model {number}.safetensors").write_bytes(b"\x02\0\0\0\0\0\0\0{}")
        path = folder / f"model {number}.civitai.info"
        payload = _odd(chance, _body(chance, number))
        path.write_bytes(payload)
        note(path, "", payload)
    with closing(sqlite3.connect(folder / "models.db")) as conn:
        conn.execute(
            "CREATE TABLE models(id INTEGER PRIMARY KEY, sha256 TEXT, name TEXT, rating, meta_json BLOB)"
        )
        for number in range(1, ROWS + 1):
            payload = _odd(chance, _body(chance, number)) or b"{}"
            conn.execute("INSERT INTO models VALUES (?, NULL, ?, 3, ?)", (number, f"row {number}", payload))
            note(folder / "models.db", str(number), payload)
        conn.commit()
    lines = [_body(chance, number) for number in range(LINES)]
    (folder / "list.jsonl").write_bytes(b"\n".join(lines))
    for number, line in enumerate(lines):
        note(folder / "list.jsonl", str(number), line)
    paths = [str(folder), str(folder / "list.jsonl")]

    models_folder = tmp_path_factory.mktemp("models")
    for number in range(MODELS):
        content = b"\x02\0\0\0\0\0\0\0{}" + bytes([number]) * 4_096
        (models_folder / f"m{number}.safetensors").write_bytes(content)
        claimed = {"SHA256": hashlib.sha256(content).hexdigest()}
        said = {"id": number, "modelId": 5, "files": [{"name": f"m{number}.safetensors", "hashes": claimed}]}
        (models_folder / f"m{number}.civitai.info").write_text(json.dumps(said))

    catalog = tmp_path_factory.mktemp("whole") / "c.sqlite"
    begun = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", IMPORT, str(catalog), *paths], capture_output=True, text=True, check=True
    )
    took_s = time.monotonic() - begun
    assert done.stdout.split() == [str(RECORDS), str(RECORDS), "0", "0", "0"]
    return Legacy(paths, expected, rows_of(catalog), models_folder, took_s)


def _body(chance: random.Random, number: int) -> bytes:
    said = {"id": number, "modelId": 5, "name": f"n{number}", "trainedWords": ["ä\ud83d"]}
    return json.dumps(said | {"filler": "x" * chance.randrange(4_000)}).encode()


def _odd(chance: random.Random, body: bytes) -> bytes:
    return chance.choice(
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


def rounds(usual: int) -> range:
    """Return the seeds of a test's rounds."""
    return range(SEED * 1_000, SEED * 1_000 + (ROUNDS or usual))


def rows_of(path: Path) -> Counter[Row]:
    """Return what of the pending models is the same whenever they were imported; the catalog must be whole."""
    columns = (
        "source, source_path, record_key, payload_sha256, extra_sha256, size_bytes, name, type, base_model, sha256, "
        "file_path, located, state, problem, message, candidates, container_mtime, extra, meta_json"
    )
    with Catalog.open(path) as catalog:
        assert catalog.check(Progress()) == []
    with closing(sqlite3.connect(path)) as conn:
        rows = conn.execute(f"SELECT {columns} FROM pending_models").fetchall()
        assert conn.execute("SELECT count(*) FROM gone_records").fetchone() == (0,)
    for row in rows:
        assert hashlib.sha256(row[-1]).hexdigest() == row[3]
    return Counter(rows)


def finish(path: Path, legacy: Legacy) -> None:
    """Resume what was interrupted and import all once more: it must end as an uninterrupted import does."""
    with Catalog.open(path) as catalog:
        library = Library(catalog)
        library.resume(Progress())
        assert catalog.batches("interrupted") == []
        again = library.import_paths(legacy.paths, progress=Progress())
        assert again.seen == again.imported + again.unchanged + again.ignored + again.failed == RECORDS
        assert library.import_paths(legacy.paths, progress=Progress()).imported == 0
        assert Counter(
            (row.source_path, row.record_key, row.payload_sha256) for row in pending_in(catalog)
        ) == (legacy.expected)
    assert rows_of(path) == legacy.whole


def begin(program: str, path: Path, paths: Sequence[str] = (), **options: Any) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-c", program, str(path), *paths],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **options,
    )


def kill_after(process: "subprocess.Popen[bytes]", seconds: float) -> bool:
    """Kill a process that has not ended by itself until then; return whether it had."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
    process.communicate()
    return process.returncode == 0


@pytest.mark.parametrize("seed", rounds(4))
def test_an_import_killed_at_any_moment_ends_the_same_when_resumed(
    tmp_path: Path, legacy: Legacy, seed: int
) -> None:
    path = tmp_path / "c.sqlite"
    chance = random.Random(seed)
    for _ in range(chance.randrange(1, 4)):
        kill_after(begin(IMPORT, path, legacy.paths), chance.uniform(0.05, legacy.took_s * 1.1))
    finish(path, legacy)


@pytest.mark.parametrize("seed", rounds(2))
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_import_ends_soon_with_whole_records(
    tmp_path: Path, legacy: Legacy, number: signal.Signals, seed: int
) -> None:
    path = tmp_path / "c.sqlite"
    command = [sys.executable, "-m", "modelmgr", "--catalog", str(path), "migrate", "import", *legacy.paths]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    moment = random.Random(seed).uniform(legacy.took_s * 0.4, legacy.took_s * 1.1)
    try:
        process.wait(moment)
    except subprocess.TimeoutExpired:
        process.send_signal(number)
    _, errors = process.communicate(timeout=STOP_S)
    assert b"Traceback" not in errors
    if path.exists():
        assert not rows_of(path) - legacy.whole
    finish(path, legacy)


@pytest.mark.parametrize("seed", rounds(4))
def test_on_a_full_disk_an_import_ends_in_one_sentence_and_a_rerun_is_clean(
    tmp_path: Path, legacy: Legacy, seed: int
) -> None:
    path = tmp_path / "c.sqlite"
    whole_bytes = sum(len(row[-1]) for row in legacy.whole)
    limit = random.Random(seed).randrange(200_000, int(whole_bytes * 1.2))
    command = [sys.executable, "-m", "modelmgr", "--catalog", str(path), "migrate", "import", *legacy.paths]
    done = subprocess.run(
        command,
        capture_output=True,
        check=False,
        timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    assert b"Traceback" not in done.stderr
    if path.exists() and path.stat().st_size:
        stored = rows_of(path)
        assert not stored - legacy.whole
        assert done.returncode != 0 or stored == legacy.whole
    else:
        assert done.returncode != 0
    finish(path, legacy)


def test_on_a_full_disk_a_question_to_no_catalog_ends_in_one_sentence(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "modelmgr", "--catalog", str(tmp_path / "c.sqlite"), "list", "--json"],
        capture_output=True,
        check=False,
        timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)),
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    assert (done.returncode, done.stderr) == (3, b"")
    assert json.loads(done.stdout)["error"]["code"] in ("disk_full", "disk_error")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("seed", rounds(2))
def test_two_imports_at_once_one_of_them_killed_keep_every_record_once(
    tmp_path: Path, legacy: Legacy, seed: int
) -> None:
    path = tmp_path / "c.sqlite"
    first, second = (begin(IMPORT, path, legacy.paths) for _ in range(2))
    kill_after(first, random.Random(seed).uniform(legacy.took_s * 0.3, legacy.took_s * 1.5))
    _, errors = second.communicate(timeout=60)
    assert second.returncode == 0, errors.decode()
    assert rows_of(path) == legacy.whole
    finish(path, legacy)


@pytest.mark.parametrize("seed", rounds(2))
def test_a_promotion_killed_at_any_moment_leaves_each_record_once(
    tmp_path: Path, legacy: Legacy, seed: int
) -> None:
    path = tmp_path / "c.sqlite"
    with Catalog.open(path) as catalog:
        library = Library(catalog)
        library.scan([str(legacy.models_folder)], progress=Progress())
        library.import_paths([str(legacy.models_folder)], progress=Progress())
        before = {row.id: row.payload_sha256 for row in pending_in(catalog)}
    chance = random.Random(seed)
    for _ in range(chance.randrange(1, 4)):
        kill_after(begin(PROMOTE, path), chance.uniform(legacy.took_s * 0.2, legacy.took_s * 0.9))
        with Catalog.open(path) as catalog:
            active = _active(path)
            for row in pending_in(catalog):
                assert active[row.payload_sha256] == (row.state == "promoted")
    with Catalog.open(path) as catalog:
        Library(catalog).promote(None, progress=Progress())
        rows = pending_in(catalog)
        assert {row.id: row.payload_sha256 for row in rows} == before
        assert {row.state for row in rows} == {"promoted"}
        assert catalog.check(Progress()) == []
    assert _active(path) == Counter(before.values())


def _active(path: Path) -> Counter[str]:
    with closing(sqlite3.connect(path)) as conn:
        payloads = conn.execute("SELECT meta_json FROM records").fetchall()
    return Counter(hashlib.sha256(payload).hexdigest() for (payload,) in payloads)


def test_a_resumed_batch_tells_the_totals_of_an_uninterrupted_one(tmp_path: Path, legacy: Legacy) -> None:
    with Catalog.open(tmp_path / "whole.sqlite") as catalog:
        whole = Library(catalog).import_paths(legacy.paths, progress=Progress())
    path = tmp_path / "c.sqlite"
    # Ends without a word after some of the records, as a killed process does.
    program = IMPORT.replace(
        "with Catalog",
        "class P(Progress):\n"
        "    def step(self, done, total, text='', unit=''):\n"
        "        if unit == 'records' and done >= 100: os._exit(9)\n"
        "with Catalog",
    ).replace("progress=Progress()", "progress=P()")
    process = begin(program, path, legacy.paths)
    process.communicate(timeout=60)
    assert process.returncode == 9
    with Catalog.open(path) as catalog:
        library = Library(catalog)
        (batch,) = library.interrupted()
        # Its row tells how far it came: it moves in the transactions of its records.
        assert batch.imported == catalog.pending_count(PendingQuery())
        assert 0 < batch.imported < RECORDS
        resumed = library.resume(Progress())
        assert library.interrupted() == []
    counts = ("seen", "imported", "unchanged", "ignored", "failed", "by_source")
    assert [getattr(resumed, name) for name in counts] == [getattr(whole, name) for name in counts]
    assert whole.imported == RECORDS


def test_after_a_crash_the_catalog_is_looked_at_and_its_batches_are_interrupted(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    program = PREAMBLE + "c = Catalog.open(sys.argv[1]); c.begin_batch(['/x'], None); os._exit(1)"
    begin(program, path).communicate(timeout=60)
    with Catalog.open(path) as catalog:
        library = Library(catalog)
        assert len(catalog.dead_sessions()) == 1
        assert library.look_after_crash(Progress()) == []
        assert catalog.dead_sessions() == []
        assert [batch.state for batch in catalog.batches()] == ["interrupted"]
