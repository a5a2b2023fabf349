"""Hashes: true, bounded, cancellable, and thrown away if the file moved under them."""

import hashlib
import itertools
import json
import os
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from blake3 import blake3

from modelmgr import demo, tree
from modelmgr.discovery import (
    Hashing,
    HashJob,
    HashResult,
    digests,
    hash_files,
    hashing,
    lanes,
    partial_hashes,
    quick_of,
    sha256_of,
    tensor_quick_of,
)
from modelmgr.discovery.devices import Disk
from modelmgr.discovery.lanes import Lane
from modelmgr.progress import Cancelled, Progress, Step

MIB = 1 << 20


def job(path: Path, key: int = 0, **wanted: Any) -> HashJob:
    facts = path.stat()
    return HashJob(key, str(path), facts.st_size, facts.st_mtime_ns, **wanted)


def safetensors(path: Path, tensor_bytes: int, note: str = "") -> Path:
    table: dict[str, Any] = {"t": {"dtype": "U8", "shape": [tensor_bytes], "data_offsets": [0, tensor_bytes]}}
    header = json.dumps({"__metadata__": {"note": note}} | table).encode()
    body = bytes(number * number % 251 for number in range(4096)) * (tensor_bytes // 4096 + 1)
    path.write_bytes(len(header).to_bytes(8, "little") + header + body[:tensor_bytes])
    return path


def results_of(work: Hashing) -> list[HashResult]:
    return [result for results in work.rest() for result in results]


def one(*jobs: HashJob, **options: Any) -> HashResult:
    (result,) = [result for results in hash_files(jobs, Progress(), **options) for result in results]
    return result


def left_over() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("hashing-")]


# --- what the hashes are ----------------------------------------------------------------------------------


def test_many_files_are_hashed_each_once_and_truly(tmp_path: Path) -> None:
    expected = {}
    jobs = []
    for number in range(150):
        path = tmp_path / str(number)
        path.write_bytes(os.urandom(number * 37))
        expected[number] = hashlib.sha256(path.read_bytes()).hexdigest()
        jobs.append(job(path, number))
    large = tmp_path / "large"
    large.write_bytes(b"x" * (3 * digests.BLOCK_BYTES + 5))
    jobs.append(job(large, 150))
    expected[150] = sha256_of(str(large), Progress())
    assert expected[150] == hashlib.sha256(large.read_bytes()).hexdigest()
    results = [result for batch in hash_files(jobs, Progress()) for result in batch]
    assert {result.job.key: result.sha256 for result in results} == expected
    assert len(results) == 151


@pytest.mark.parametrize("size", [1, 9, 4_096, 100_000, MIB - 200, MIB, MIB + 1, MIB + 70_000, 5 * MIB + 3])
@pytest.mark.parametrize("note", ["", "n" * 3_000, "n" * (MIB + 17)])
def test_one_pass_gives_every_hash_as_its_inventors_define_it(tmp_path: Path, size: int, note: str) -> None:
    path = safetensors(tmp_path / "m.safetensors", size, note)
    content = path.read_bytes()
    tensors = content[8 + int.from_bytes(content[:8], "little") :]
    hashes = one(job(path), kinds="all").hashes
    assert hashes is not None
    assert hashes.sha256 == hashlib.sha256(content).hexdigest()
    assert hashes.tensor_sha256 == hashlib.sha256(tensors).hexdigest()
    assert hashes.crc32 == f"{zlib.crc32(content):08x}"
    assert hashes.blake3 == blake3(content).hexdigest()
    window = content[MIB : MIB + 65_536]
    assert hashes.autov1 == (hashlib.sha256(window).hexdigest()[:8] if window else None)
    assert (hashes.quick, hashes.tensor_quick) == (quick_of(str(path)), tensor_quick_of(str(path)))
    few = one(job(path), kinds="sha256").hashes
    assert few == hashes._replace(tensor_sha256=None, crc32=None, blake3=None)


def test_a_rewritten_header_leaves_the_tensors_quick_hash_and_a_changed_tensor_does_not(
    tmp_path: Path,
) -> None:
    for size in (50_000, 3 * MIB):
        first = safetensors(tmp_path / "a", size)
        again = safetensors(tmp_path / "b", size, "written anew")
        longer = safetensors(tmp_path / "c", size + 1)
        known = one(job(first)).hashes
        assert known is not None
        assert known.tensor_quick == tensor_quick_of(str(again)) != tensor_quick_of(str(longer))
        assert known.quick != quick_of(str(again))
        content = bytearray(again.read_bytes())
        content[-1] ^= 1
        again.write_bytes(content)
        assert known.tensor_quick != tensor_quick_of(str(again))


@pytest.mark.parametrize(
    "content",
    [b"", b"x", b"\x02\0\0\0\0\0\0\0{}", b"\xff\xff\xff\x7f\0\0\0\0{}", b"\xff" * 8 + b"{}"],
    ids=["empty", "one byte", "no tensors", "header longer than the file", "huge header"],
)
def test_what_a_file_has_not_is_none_and_never_the_hash_of_nothing(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(content)
    hashes = one(job(path), kinds="all").hashes
    assert hashes is not None
    assert hashes.sha256 == hashlib.sha256(content).hexdigest()
    assert (hashes.autov1, hashes.tensor_sha256, hashes.tensor_quick) == (None, None, None)
    assert tensor_quick_of(str(path)) is None


@pytest.mark.parametrize("length", [1, 255, 4_096, 4_097, 300_000, MIB, 8 * MIB, 10**12])
def test_windows_are_ordered_within_the_bytes_and_take_the_first_and_the_last(length: int) -> None:
    windows = digests.windows_of(length)
    assert (windows[0][0], windows[-1][1]) == (0, length)
    assert all(low < high for low, high in windows)
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(windows))
    assert sum(high - low for low, high in windows) <= 128 * 1024


def test_the_short_hashes_are_those_that_catalogues_publish(tmp_path: Path) -> None:
    """The values of files that other programs hashed."""
    kinds = ("AutoV1", "AutoV3", "CRC32", "BLAKE3")
    lora = demo.write_inkwash_harbor(tmp_path)
    checkpoint = demo.write_copperleaf_xl(tmp_path)
    model = demo.write_tiny_heron(tmp_path)
    published = {
        lora: {
            "AutoV3": "d53eda7a637c",
            "CRC32": "fdd31d46",
            "BLAKE3": "2e01a1757db171070edec36339d0f4740d248272d558566599810215015b8cf2",
        },
        checkpoint: {
            "AutoV1": "fee47b1f",
            "AutoV3": "7995dfceebfb",
            "CRC32": "51e8de80",
            "BLAKE3": "9c21623064335e9541f5f2559edda31bded56524ecfb182e8e150ccc0b4ba008",
        },
    }
    for path, values in published.items():
        assert partial_hashes(str(path), kinds, Progress()) == values
        hashes = one(job(path), kinds="all").hashes
        assert hashes is not None
        assert hashes.short == values
    assert partial_hashes(str(model), kinds[:3], Progress()) == {"CRC32": "42331dc7"}
    assert partial_hashes(str(checkpoint), ("AutoV1",), Progress()) == {"AutoV1": "fee47b1f"}


def test_more_is_hashed_where_the_disk_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = safetensors(tmp_path / "m.safetensors", 3 * MIB)
    disk = threading.Event()

    def slowly(descriptor: int, view: memoryview) -> int:
        disk.wait(0.05)
        return digests.read_into(descriptor, view)

    monkeypatch.setattr(hashing, "read_at_hand", lambda descriptor, view: 0)
    monkeypatch.setattr(hashing, "read_into", slowly)
    hashes = one(job(path), kinds="auto").hashes
    assert hashes == one(job(path), kinds="all").hashes
    assert hashes is not None
    assert hashes.blake3 is not None


# --- files that are none, or move -------------------------------------------------------------------------


def test_files_that_went_changed_or_are_none_give_a_problem_and_no_hash(tmp_path: Path) -> None:
    changed = tmp_path / "changed"
    changed.write_bytes(b"before")
    before = job(changed, 1)
    changed.write_bytes(b"afterwards")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    gone = HashJob(2, str(tmp_path / "gone" / "file"), 1, 1)
    jobs = [before, gone, job(pipe, 3), job(tmp_path, 4)]
    found = {result.job.key: result for batch in hash_files(jobs, Progress()) for result in batch}
    assert {result.sha256 for result in found.values()} == {None}
    codes = {key: result.problem.code for key, result in found.items() if result.problem is not None}
    assert codes == {1: "changed_while_reading", 2: "not_found", 3: "unreadable", 4: "unreadable"}


def test_a_look_tells_which_file_was_read(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"before")
    listed = job(path)
    path.rename(tmp_path / "former")  # so that its inode stays in use
    path.write_bytes(b"afterwards")
    found = []
    with Hashing(Progress(), look=lambda descriptor, path, head, size_bytes: bytes(head)) as running:
        for hash_it in (True, False):
            running.add([listed._replace(look=True, hash=hash_it)])
            found += [result for results in running.rest() for result in results]
    facts = tree.facts_of(path.stat())
    assert [result[1:] for result in found] == 2 * [(None, None, b"afterwards", facts)]


def _grow(path: str) -> None:
    with open(path, "ab") as file:
        file.write(b"more")


def _cut(path: str) -> None:
    os.truncate(path, 5)


def _touch(path: str) -> None:
    os.utime(path, ns=(1, 1))


def _replace(path: str) -> None:
    facts = os.stat(path)
    Path(path + ".new").write_bytes(bytes(facts.st_size))
    os.utime(path + ".new", ns=(facts.st_atime_ns, facts.st_mtime_ns))
    os.replace(path + ".new", path)


@pytest.mark.parametrize("size", [10_000, 3 * MIB])
@pytest.mark.parametrize(
    ("deed", "code"),
    [
        (_grow, "changed_while_reading"),
        (_cut, "changed_while_reading"),
        (_touch, "changed_while_reading"),
        (_replace, "changed_while_reading"),
        (os.unlink, "not_found"),
    ],
)
def test_a_file_that_moves_while_it_is_read_is_not_hashed(
    tmp_path: Path, deed: Callable[[str], None], code: str, size: int
) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(os.urandom(size))

    def look(descriptor: int, path: str, head: memoryview, size: int) -> str:
        deed(path)
        return "seen"

    with Hashing(Progress(), look=look) as work:
        work.add([job(path, look=True)])
        (result,) = results_of(work)
    assert result.hashes is None
    assert result.problem is not None
    assert result.problem.code == code


# --- looking into files -----------------------------------------------------------------------------------


def test_a_file_is_looked_into_and_hashed_from_the_same_bytes(tmp_path: Path) -> None:
    path = safetensors(tmp_path / "m.safetensors", 2 * MIB)
    content = path.read_bytes()
    seen: list[tuple[str, bytes, int]] = []

    def look(descriptor: int, path: str, head: memoryview, size: int) -> int:
        seen.append((path, bytes(head), size))
        os.lseek(descriptor, 77, os.SEEK_SET)
        return len(head)

    with Hashing(Progress(), kinds="sha256", look=look) as work:
        work.add([job(path, 1, look=True), job(path, 2, look=True, hash=False), job(path, 3)])
        found = {result.job.key: result for result in results_of(work)}
    assert {key: result.looked for key, result in found.items()} == {1: MIB, 2: hashing.LOOK_BYTES, 3: None}
    assert found[1].sha256 == found[3].sha256 == hashlib.sha256(content).hexdigest()
    assert (found[2].hashes, found[2].problem) == (None, None)
    assert all(
        name == str(path) and content.startswith(head) and size == len(content) for name, head, size in seen
    )


def test_what_looking_can_not_read_is_a_problem_of_that_file_and_a_fault_of_ours_flies(
    tmp_path: Path,
) -> None:
    paths = [tmp_path / name for name in ("bad", "good")]
    for path in paths:
        path.write_bytes(b"x")

    def look(descriptor: int, path: str, head: memoryview, size: int) -> str:
        if path.endswith("bad"):
            raise OSError(5, "Input/output error")
        return "seen"

    with Hashing(Progress(), look=look) as work:
        work.add([job(path, look=True) for path in paths])
        found = {result.job.path: result for result in results_of(work)}
    bad, good = (found[str(path)] for path in paths)
    assert bad.problem is not None
    assert (bad.problem.code, bad.hashes, good.looked) == ("unreadable", None, "seen")

    def wrong(descriptor: int, path: str, head: memoryview, size: int) -> None:
        raise KeyError(path)

    with pytest.raises(KeyError), Hashing(Progress(), look=wrong) as work:
        work.add([job(path, look=True) for path in paths])
        results_of(work)
    assert not left_over()


# --- what comes first, and how much waits -----------------------------------------------------------------


class Held:
    """Looks into files, and stays in the one of this name until it is let go."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.reached = threading.Event()
        self.go = threading.Event()
        self.count = 0

    def __call__(self, descriptor: int, path: str, head: memoryview, size: int) -> None:
        self.count += 1
        if os.path.basename(path) == self.name:
            self.reached.set()
            assert self.go.wait(30)


@pytest.fixture
def files(tmp_path: Path) -> Iterator[list[Path]]:
    """Return a large file that comes first, and five others, each twice as large as the next."""
    found = []
    for number, size in enumerate((3 * MIB, 64 * MIB, 32 * MIB, 16 * MIB, 8 * MIB, 4 * MIB)):
        path = tmp_path / f"{number}"
        with path.open("wb") as file:
            file.truncate(size)
        found.append(path)
    yield found
    assert not left_over()


def test_small_files_come_first_and_what_is_preferred_before_them_even_within_a_large_one(
    files: list[Path],
) -> None:
    held = Held("0")
    with Hashing(Progress(), workers=1, look=held) as work:
        work.add([job(files[0], 0, look=True)])
        done: list[HashResult] = [result for results in work.ready() for result in results]
        assert held.reached.wait(30)
        work.prefer([2, 5_000])
        work.add(job(path, key) for key, path in enumerate(files[1:4], 1))
        work.prefer([1])
        work.add(job(path, key) for key, path in enumerate(files[4:], 4))
        held.go.set()
        done += results_of(work)
    assert [result.job.key for result in done] == [1, 2, 0, 5, 4, 3]


def test_jobs_are_added_while_it_runs_and_after_the_rest_was_taken(tmp_path: Path) -> None:
    paths = [tmp_path / str(number) for number in range(500)]
    for path in paths:
        path.write_bytes(path.name.encode())
    got: list[HashResult] = []
    with Hashing(Progress()) as work:
        for first in range(0, 400, 7):
            work.add([job(path, int(path.name)) for path in paths[first : min(first + 7, 400)]])
            got += [result for results in work.ready() for result in results]
        got += results_of(work)
        assert sorted(result.job.key for result in got) == list(range(400))
        work.add([job(path, int(path.name)) for path in paths[400:]])
        got += results_of(work)
    assert sorted(result.job.key for result in got) == list(range(500))
    assert all(result.sha256 == hashlib.sha256(str(result.job.key).encode()).hexdigest() for result in got)


def test_results_that_nobody_takes_hold_the_workers(tmp_path: Path) -> None:
    path = safetensors(tmp_path / "m.safetensors", 10, "n" * 500_000)
    enough = threading.Event()
    count = 0

    def look(descriptor: int, path: str, head: memoryview, size: int) -> None:
        nonlocal count
        count += 1
        if count * size > hashing.UNTAKEN_BYTES:
            enough.set()

    with Hashing(Progress(), workers=1, look=look) as work:
        work.add([job(path, key, look=True, hash=False) for key in range(600)])
        assert enough.wait(30)
        assert count <= hashing.UNTAKEN_BYTES / 500_000 + 2 * lanes.BATCH_FILES
        assert len(results_of(work)) == 600


def test_a_turning_disk_is_read_by_one_until_it_proves_faster_than_the_processor() -> None:
    turning, other = Lane(Disk("sda", True)), Lane(Disk("sdb", None))
    assert (turning.limit, other.limit) == (1, 2)
    turning.read_s, turning.hash_s = 0.02, 0.1
    assert turning.limit == 2
    turning.read_s = 0.9
    assert turning.limit == 1


def waiting_lane(rotational: bool | None, part: Path, readers: int | None = None) -> Lane:
    """Return a lane of many small files on a disk that takes longer than their hashing."""
    lane = Lane(Disk("vda", rotational, (str(part),)), readers)
    for key in range(100):
        lane.put(HashJob(key, f"/models/{key}", 1000, 0))
    lane.read_s, lane.hash_s = 0.05, 0.02
    return lane


def read_from(part: Path, size: int) -> None:
    (part / "stat").write_text(f"10 0 {size // 512} 7 0 0 0 0\n")


@pytest.mark.parametrize(("megabytes", "is_proof"), [(30, False), (40, True)])
def test_a_disk_that_delivers_more_than_a_head_can_read_has_none(
    tmp_path: Path, megabytes: int, is_proof: bool
) -> None:
    lane = waiting_lane(True, tmp_path)
    read_from(tmp_path, 2**40)
    lane.was_waited_for(500.0)
    assert lane.limit == 1, "what it read since the system started proves nothing"
    read_from(tmp_path, 2**40 + megabytes * 1_000_000)
    lane.was_waited_for(500.05)
    assert lane.limit == 1, "too short to tell"
    lane.was_waited_for(500.11)
    assert (lane.limit, lane.can_share) == ((4, True) if is_proof else (1, False))
    lane.was_waited_for(501.0)
    assert (lane.limit == 4) is is_proof, "once seen is enough"


def test_a_volume_of_two_disks_has_two_heads(tmp_path: Path) -> None:
    lane = Lane(Disk("sda+sdb", True, (str(tmp_path), str(tmp_path))))
    for now, size in ((500.0, 0), (501.0, 300 * 10**6)):
        read_from(tmp_path, size)
        lane.was_waited_for(now)
    assert lane.limit == 1


def test_who_waits_for_small_files_reads_several_at_a_time_where_no_head_is_moved(tmp_path: Path) -> None:
    lanes_of = {kind: waiting_lane(kind, tmp_path) for kind in (True, False, None)}
    assert {kind: lane.limit for kind, lane in lanes_of.items()} == {True: 1, False: 4, None: 2}
    lanes_of[False].put(HashJob(100, "/models/large", 2**30, 0))
    assert lanes_of[False].limit == 4
    only_large = Lane(Disk("vda", False))
    only_large.read_s, only_large.hash_s = 0.05, 0.02
    only_large.put(HashJob(100, "/models/large", 2**30, 0))
    assert only_large.limit == 2, "a large file is read in order"


def test_a_number_of_workers_that_the_user_gave_is_kept(tmp_path: Path) -> None:
    for wanted in (1, 3, 8):
        for kind in (True, False, None):
            lane = waiting_lane(kind, tmp_path, wanted)
            assert (lane.limit, lane.most) == (wanted, wanted)


# --- stop, hold, slow down --------------------------------------------------------------------------------


def test_cancel_stops_the_workers_in_the_middle_of_a_file(tmp_path: Path) -> None:
    sparse = tmp_path / "sparse"
    with sparse.open("wb") as file:
        file.truncate(200 * 1024**3)
    progress = Progress()
    threading.Timer(0.2, progress.cancel).start()
    with pytest.raises(Cancelled):
        list(hash_files([job(sparse)], progress))
    assert not left_over()
    with pytest.raises(Cancelled):
        sha256_of(str(sparse), progress)


@pytest.mark.parametrize("state", ["throttled", "paused", "waiting for jobs"])
def test_cancel_and_close_are_quick_whatever_the_workers_do(tmp_path: Path, state: str) -> None:
    path = tmp_path / "file"
    with path.open("wb") as file:
        file.truncate(50 * MIB)
    for way in ("cancel", "close"):
        progress = Progress()
        held = Held("file")
        with Hashing(progress, look=held, read_limit_mb_s=0.01 if state == "throttled" else 0) as work:
            if state != "waiting for jobs":
                work.add([job(path, look=state == "paused")])
            if state == "paused":
                list(work.ready())
                assert held.reached.wait(30)
                progress.pause()
                held.go.set()
            start = time.monotonic()
            if way == "cancel":
                progress.cancel()
                if state != "waiting for jobs":
                    with pytest.raises(Cancelled):
                        results_of(work)
        assert time.monotonic() - start < 1  # 0.1 s and a busy machine
        assert not left_over()


def test_a_pause_holds_until_it_is_resumed(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(3 * MIB))
    progress = Progress()
    held = Held("file")
    with Hashing(progress, look=held) as work:
        work.add([job(path, look=True)])
        list(work.ready())
        assert held.reached.wait(30)
        progress.pause()
        held.go.set()
        threading.Timer(0.2, progress.resume).start()
        start = time.monotonic()
        (result,) = results_of(work)
        assert time.monotonic() - start > 0.15
    assert result.sha256 == hashlib.sha256(bytes(3 * MIB)).hexdigest()


def test_the_limit_of_reading_holds_for_all_workers_together(tmp_path: Path) -> None:
    jobs = []
    for key in range(4):
        path = tmp_path / str(key)
        path.write_bytes(bytes(2 * MIB))
        jobs.append(job(path, key))
    start = time.monotonic()
    assert (
        len([result for results in hash_files(jobs, Progress(), read_limit_mb_s=20) for result in results])
        == 4
    )
    assert time.monotonic() - start > 8 * MIB / 20e6 - 0.2


def test_a_disk_that_never_answers_holds_neither_its_neighbours_nor_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hashing, "LEAVE_S", 0.05)
    dead, alive = tmp_path / "dead", tmp_path / "alive"
    for path in (dead, alive):
        path.write_bytes(b"x")
    held = Held("dead")
    with Hashing(Progress(), workers=2, look=held) as work:
        work.add([job(dead, 1, look=True)])
        list(work.ready())
        assert held.reached.wait(30)
        work.add([job(alive, 2, look=True)])
        first = next(work.rest())
    assert [result.job.key for result in first] == [2]
    left = left_over()
    assert len(left) == 1
    held.go.set()
    left[0].join(30)


def test_progress_counts_bytes_and_files_up_to_the_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * 1_000)
    steps: list[Step] = []
    jobs = [job(path, 1), job(path, 2), HashJob(3, str(tmp_path / "gone"), 500, 1)]
    progress = Progress(steps.append)
    with Hashing(progress, expected=(3, 2_500)) as work:
        work.add(jobs)
        assert len(results_of(work)) == 3
        work._report()
        assert progress.files == (3, 3)
    assert progress.files is None
    assert {(step.total, step.unit, step.files_total) for step in steps} == {(2_500, "bytes", 3)}
