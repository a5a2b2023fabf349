"""Small files hashed by a second process: the same answers as from a thread, whatever becomes of it."""

import contextlib
import json
import os
import signal
import struct
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from modelmgr.discovery import (
    Hashing,
    HashJob,
    HashResult,
    Head,
    HeadBytes,
    Kinds,
    hashing,
    lanes,
    second,
    small,
)
from modelmgr.progress import Cancelled, Progress
from modelmgr.values import MIB

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there threads hash")
FILES = 300


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> list[HashJob]:
    """Share whatever can be shared; return the files that the second process was asked for."""
    asked: list[HashJob] = []
    ask = small.SmallHashing.ask

    def noted(self: small.SmallHashing, jobs: list[HashJob], every: bool) -> None:
        asked.extend(jobs)
        ask(self, jobs, every)

    monkeypatch.setattr(small.SmallHashing, "ask", noted)
    has_started = small.SmallHashing.has_started
    monkeypatch.setattr(small.SmallHashing, "has_started", lambda self, wait_s: has_started(self, 10.0))
    monkeypatch.setattr(hashing, "is_worth_it", lambda: True)
    monkeypatch.setattr(lanes.Lane, "can_share", property(lambda lane: True))
    return asked


def safetensors(number: int, size: int) -> bytes:
    header = json.dumps({"__metadata__": {"number": str(number)}}).encode()
    return struct.pack("<Q", len(header)) + header + bytes([number % 251]) * size


def make(folder: Path) -> list[HashJob]:
    """Write small files, and some of which the second process makes nothing."""
    contents = {f"{number} \udcff.safetensors": safetensors(number, number * 50) for number in range(FILES)}
    contents |= {
        "empty.safetensors": b"",
        "none.safetensors": b"<html>",
        "pickle.pt": b"\x80\x02}.",
        "whole.safetensors": safetensors(1, MIB)[:MIB],
        "large.safetensors": safetensors(2, MIB),
        "long.safetensors": safetensors(3, 5)[:8] + bytes(9) + safetensors(3, 9),
        "changed.safetensors": safetensors(4, 5),
        "gone.safetensors": safetensors(5, 5),
    }
    jobs = []
    for key, (name, content) in enumerate(contents.items()):
        path = folder / name
        path.write_bytes(content)
        facts = path.stat()
        jobs.append(HashJob(key, str(path), facts.st_size, facts.st_mtime_ns, look=key % 3 > 0, device=5))
    os.utime(folder / "changed.safetensors", ns=(1, 1))
    (folder / "gone.safetensors").unlink()
    return jobs


def look(descriptor: int, path: str, head: memoryview, size_bytes: int) -> Any:
    return bytes(head[:8]), os.path.basename(path), size_bytes


def run(jobs: list[HashJob], kinds: Kinds = "auto", **settings: Any) -> dict[int, HashResult]:
    """Hash files; return the results by key."""
    with Hashing(Progress(), kinds=kinds, look=look, heads=HeadBytes(16, MIB), **settings) as running:
        for start in range(0, len(jobs), 100):
            running.add(jobs[start : start + 100])
        return {result.job.key: result for results in running.rest() for result in results}


def children() -> list[psutil.Process]:
    found = []
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.Error):  # it has ended
            if "modelmgr.discovery.small" in child.cmdline():
                found.append(child)
    return found


def stop(child: psutil.Process) -> None:
    """Stop a process; it stops when the system comes to it."""
    child.send_signal(signal.SIGSTOP)
    end = time.monotonic() + 30
    while child.status() != psutil.STATUS_STOPPED:
        assert time.monotonic() < end


@pytest.mark.parametrize("kinds", ["sha256", "all"])
def test_it_gives_the_hashes_that_a_thread_gives(
    tmp_path: Path, shared: list[HashJob], monkeypatch: pytest.MonkeyPatch, kinds: Kinds
) -> None:
    jobs = make(tmp_path)
    found = run(jobs, kinds, workers=1)
    assert len(shared) > FILES
    assert not children()
    monkeypatch.setattr(hashing, "is_worth_it", lambda: False)
    assert found == run(jobs, kinds)
    assert sum(isinstance(result.looked, Head) for result in found.values()) > FILES / 2
    assert {result.problem.code for result in found.values() if result.problem is not None} == {
        "not_found",
        "changed_while_reading",
    }


def test_another_joins_it_where_there_is_much_to_hash(
    tmp_path: Path, shared: list[HashJob], monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = make(tmp_path)
    monkeypatch.setattr(small, "ALONE_S", -1.0)
    has_started = small.Second.has_started
    monkeypatch.setattr(small.Second, "has_started", lambda self, wait_s: has_started(self, 10.0))
    seen: set[int] = set()
    found: dict[int, HashResult] = {}
    with Hashing(Progress(), kinds="sha256", look=look, heads=HeadBytes(16, MIB), workers=1) as running:
        running.add(jobs)
        for results in running.rest():
            seen |= {child.pid for child in children()}
            found |= {result.job.key: result for result in results}
    assert len(seen) == small.PROCESSES
    assert not children()
    monkeypatch.setattr(hashing, "is_worth_it", lambda: False)
    assert found == run(jobs, "sha256", workers=1)


def test_processes_that_were_started_early_are_the_ones_that_hash(
    tmp_path: Path, shared: list[HashJob], monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = make(tmp_path)
    monkeypatch.setattr(small, "is_worth_it", lambda: True)
    with small.ready_to_hash():
        early = {child.pid for child in children()}
        assert len(early) == small.PROCESSES
        seen: set[int] = set()
        with Hashing(Progress(), look=look, workers=1) as running:
            running.add(jobs)
            for _ in running.rest():
                seen |= {child.pid for child in children()}
        assert len(shared) > FILES
        assert seen == early
        assert not children()


def test_processes_that_were_started_in_vain_are_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(small, "is_worth_it", lambda: True)
    with pytest.raises(Cancelled), small.ready_to_hash():
        assert len(children()) == small.PROCESSES
        raise Cancelled
    assert not children()
    monkeypatch.setattr(sys, "executable", "/no such program")
    with small.ready_to_hash():
        assert not children()


def test_threads_go_on_when_it_ends(tmp_path: Path, shared: list[HashJob]) -> None:
    jobs = make(tmp_path)
    found: list[HashResult] = []
    killed: set[int] = set()
    with Hashing(Progress(), look=look, workers=1) as running:
        running.add(jobs)
        for results in running.rest():
            found += results
            for child in children():
                child.kill()
                killed.add(child.pid)
    assert len(killed) == 1
    assert sorted(result.job.key for result in found) == [job.key for job in jobs]
    assert all(result.hashes is not None or result.problem is not None for result in found)


def test_threads_go_on_when_it_says_nothing(
    tmp_path: Path, shared: list[HashJob], monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = make(tmp_path)
    with Hashing(Progress(), look=look, workers=1) as running:
        running.add(jobs)
        results = running.rest()
        found: list[HashResult] = []
        while not shared:
            found += next(results)
        (child,) = children()
        stop(child)
        monkeypatch.setattr(second, "SILENCE_LIMIT_S", 0.2)
        for some in results:
            found += some
            assert child.status() == psutil.STATUS_STOPPED
    assert sorted(result.job.key for result in found) == [job.key for job in jobs]
    assert all(result.hashes is not None or result.problem is not None for result in found)


def test_threads_hash_where_it_can_not_start(
    tmp_path: Path, shared: list[HashJob], monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = make(tmp_path)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no such program"))
    assert len(run(jobs)) == len(jobs)
    assert not shared


def test_a_limit_of_reading_is_kept_by_threads(tmp_path: Path, shared: list[HashJob]) -> None:
    jobs = make(tmp_path)
    assert len(run(jobs, read_limit_mb_s=10_000)) == len(jobs)
    assert not shared


def test_what_is_preferred_does_not_wait_for_it(tmp_path: Path, shared: list[HashJob]) -> None:
    jobs = make(tmp_path)
    urgent = jobs.pop(0)
    with Hashing(Progress(), look=look, workers=1) as running:
        running.add(jobs)
        results = running.rest()
        while not shared:
            next(results)
        (child,) = children()
        stop(child)
        running.prefer([urgent.key])
        running.add([urgent])
        while all(result.job.key != urgent.key for result in next(results)):
            continue
        assert child.status() == psutil.STATUS_STOPPED
        child.send_signal(signal.SIGCONT)
        list(results)


def test_cancelled_it_leaves_no_process(tmp_path: Path, shared: list[HashJob]) -> None:
    jobs = make(tmp_path)
    progress = Progress()
    with pytest.raises(Cancelled), Hashing(progress, look=look, workers=1) as running:
        running.add(jobs)
        results = running.rest()
        while not shared:
            next(results)
        (child,) = children()
        stop(child)  # and what holds it is not waited for
        progress.cancel()
        list(results)
    assert not child.is_running()
