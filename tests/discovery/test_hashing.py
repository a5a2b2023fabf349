"""Hashes: true, bounded, cancellable, and thrown away if the file moved under them."""

import hashlib
import os
import threading
from pathlib import Path

import pytest

from modelmgr import demo
from modelmgr.discovery import HashJob, hash_files, hashing, partial_hashes, sha256_of
from modelmgr.progress import Cancelled, Progress, Step


def job(path: Path, key: int = 0) -> HashJob:
    facts = path.stat()
    return HashJob(key, str(path), facts.st_size, facts.st_mtime_ns)


def test_many_files_are_hashed_each_once_and_truly(tmp_path: Path) -> None:
    expected = {}
    jobs = []
    for number in range(150):
        path = tmp_path / str(number)
        path.write_bytes(os.urandom(number * 37))
        expected[number] = hashlib.sha256(path.read_bytes()).hexdigest()
        jobs.append(job(path, number))
    large = tmp_path / "large"
    large.write_bytes(b"x" * (3 * hashing.BLOCK_BYTES + 5))
    jobs.append(job(large, 150))
    expected[150] = sha256_of(str(large), Progress())
    assert expected[150] == hashlib.sha256(large.read_bytes()).hexdigest()
    results = [result for batch in hash_files(jobs, Progress()) for result in batch]
    assert {result.job.key: result.sha256 for result in results} == expected
    assert len(results) == 151


def test_files_that_went_changed_or_are_none_give_a_problem_and_no_hash(tmp_path: Path) -> None:
    changed = tmp_path / "changed"
    changed.write_bytes(b"before")
    before = job(changed, 1)
    changed.write_bytes(b"afterwards")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    gone = HashJob(2, str(tmp_path / "gone"), 1, 1)
    found = {
        result.job.key: result
        for batch in hash_files([before, gone, job(pipe, 3)], Progress())
        for result in batch
    }
    assert {key: result.sha256 for key, result in found.items()} == {1: None, 2: None, 3: None}
    codes = {key: result.problem.code for key, result in found.items() if result.problem is not None}
    assert codes == {1: "changed_while_reading", 2: "not_found", 3: "unreadable"}


def test_cancel_stops_the_workers_in_the_middle_of_a_file(tmp_path: Path) -> None:
    sparse = tmp_path / "sparse"
    with sparse.open("wb") as file:
        file.truncate(200 * 1024**3)
    progress = Progress()
    threading.Timer(0.2, progress.cancel).start()
    with pytest.raises(Cancelled):
        list(hash_files([job(sparse)], progress))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("hashing-")]
    with pytest.raises(Cancelled):
        sha256_of(str(sparse), progress)


def test_progress_counts_bytes_up_to_the_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * 1_000)
    steps: list[Step] = []
    list(hash_files([job(path)], Progress(steps.append)))
    assert {(step.total, step.unit) for step in steps} == {(1_000, "bytes")}


def test_the_short_hashes_are_those_that_catalogues_publish(tmp_path: Path) -> None:
    """The values of files that other programs hashed."""
    kinds = ("AutoV1", "AutoV3", "CRC32")
    lora = demo.write_inkwash_harbor(tmp_path)
    checkpoint = demo.write_copperleaf_xl(tmp_path)
    model = demo.write_tiny_heron(tmp_path)
    assert partial_hashes(str(lora), kinds, Progress()) == {"AutoV3": "d53eda7a637c", "CRC32": "fdd31d46"}
    assert partial_hashes(str(checkpoint), kinds, Progress()) == {
        "AutoV1": "fee47b1f",
        "AutoV3": "7995dfceebfb",
        "CRC32": "51e8de80",
    }
    assert partial_hashes(str(model), kinds, Progress()) == {"CRC32": "42331dc7"}
    assert partial_hashes(str(lora), ("BLAKE3",), Progress()) == {
        "BLAKE3": "2e01a1757db171070edec36339d0f4740d248272d558566599810215015b8cf2"
    }
    assert partial_hashes(str(checkpoint), ("BLAKE3",), Progress()) == {
        "BLAKE3": "9c21623064335e9541f5f2559edda31bded56524ecfb182e8e150ccc0b4ba008"
    }
    assert partial_hashes(str(checkpoint), ("AutoV1",), Progress()) == {"AutoV1": "fee47b1f"}
