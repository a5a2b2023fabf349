"""Files -> hashes, by a few worker threads that are fed, and give back, while they run.

hashlib lets go of the interpreter lock, so that two threads reach what the processor can do; small files go to the
workers in batches, for handing them over one by one would cost as much as hashing them. A file is opened once: what
wants to look into it gets the block that is hashed next.
"""

import hashlib
import os
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any, Literal, NamedTuple, Self

from modelmgr import tree
from modelmgr.discovery.devices import disk_of
from modelmgr.discovery.digests import (
    BLOCK_BYTES,
    WHOLE_BYTES,
    Digests,
    expect,
    hashes_of_small,
    identity,
    open_with_facts,
    read_at_hand,
    read_into,
    tensors_at,
)
from modelmgr.discovery.lanes import BATCH_WAIT_S, HashJob, Lane
from modelmgr.discovery.second import is_worth_it
from modelmgr.discovery.small import Answer, HeadBytes, SmallHashing, may_share
from modelmgr.progress import Cancelled, Progress
from modelmgr.values import MIB, Hashes, Problem

WAITING_FILES = 1024
BUSY_FILES = 512
"""Where fewer jobs are left to do, the caller is asked for more before he takes all that is done."""
UNTAKEN_BYTES = 8 * MIB
RESULT_BYTES = 4096
LOOK_BYTES = 256 * 1024
READ_LEAST_BYTES = 64 * 1024
READ_MOST_S = 0.1
ASKED_AT_ONCE = 4
WORKERS_IN_ALL = 4
POLL_S = 0.1
LEAVE_S = 2.0

NO_HEADS = HeadBytes(0, 0)

Kinds = Literal["sha256", "auto", "all"]
Look = Callable[[int, str, memoryview, int], Any]


class HashResult(NamedTuple):
    """The hashes of a job, or why there are none.

    Attributes:
        hashes: None if there is a problem, or none were wanted.
        problem: ``not_found``, ``unreadable`` or ``changed_while_reading``.
        looked: what `look` gave back, or a `Head`; None if it was not called or could not read.
        facts: of the file that was opened, which may be another than that of the job; None if none was.
    """

    job: HashJob
    hashes: Hashes | None
    problem: Problem | None = None
    looked: Any = None
    facts: tree.Facts | None = None

    @property
    def sha256(self) -> str | None:
        """The SHA-256 of the whole file, 64 digits, or None."""
        return self.hashes.sha256 if self.hashes is not None else None


class _Worker:
    """A thread and what it holds. `done` and `part` are only ever shown."""

    def __init__(self, work: Callable[["_Worker"], None], number: int) -> None:
        self.view = memoryview(bytearray(BLOCK_BYTES))
        self.done = 0
        self.part = 0
        self.files = 0
        self.weight = 0
        self.path = ""
        self.second: SmallHashing | None = None
        self.thread = threading.Thread(target=work, args=(self,), name=f"hashing-{number}", daemon=True)


class Hashing:
    """Hashes files, and looks into them, while more are added.

    One thread adds and takes the results, any may `prefer`:

        with Hashing(progress, look=look) as hashing:
            for jobs in walked:
                hashing.add(jobs)
                for results in hashing.ready():
                    write(results)
            for results in hashing.rest():
                write(results)

    Two workers read a disk, one does where a head has to be moved, and four do where none has and small files are
    waited for; at most four in all, each with a buffer of 1 MiB. Where many small files wait, one has a second process
    hash them. Small ones come first, and before them what is preferred: for that a worker leaves a large file for a
    moment. At most 1,024 jobs wait, and 8 MiB of results (a header counting as much as it has bytes).

    Args:
        progress: asked for every block that is read; told of bytes and files while `rest` waits.
        kinds: ``sha256`` (with AutoV1 and the quick hashes, which cost nothing), ``all``, or ``auto``: all where a
            disk is found to take eight times as long as SHA-256, for then they are done while it is waited for.
        workers: how many, for each disk and in all; None as above.
        read_limit_mb_s: MB that all workers may read in a second, 0 for as many as they can.
        look: called by a worker with (descriptor, path, first bytes, size) for jobs that say `look`, before they are
            hashed. It may move the position of the descriptor; the first bytes (up to 1 MiB, 256 KiB of what is not
            hashed) are a buffer that is used again, so it keeps no view of them. May raise OSError.
        heads: of which files no look is taken, but a `Head` given back as `HashResult.looked`.
        expected: files and bytes to come in all, where the caller knows; else the total is known once `rest` is asked.
    """

    def __init__(
        self,
        progress: Progress,
        *,
        kinds: Kinds = "auto",
        workers: int | None = None,
        read_limit_mb_s: float = 0,
        look: Look | None = None,
        heads: HeadBytes = NO_HEADS,
        expected: tuple[int, int] | None = None,
    ) -> None:
        self._progress = progress
        self._kinds = kinds
        self._workers_wanted = workers
        self._rate = read_limit_mb_s * 1e6
        self._free_at = 0.0
        self._look = look
        self._heads = heads
        self._expected = expected
        self._work = threading.Condition()
        self._lanes: dict[str, Lane] = {}
        self._lane_by_device: dict[int, Lane] = {}
        self._folder = ("", 0)
        self._preferred: frozenset[int] = frozenset()
        self._workers: list[_Worker] = []
        self._may_share = not read_limit_mb_s and is_worth_it()
        self._sharing: _Worker | None = None
        self._finished: queue.SimpleQueue[tuple[list[HashResult], int]] = queue.SimpleQueue()
        self._fault: BaseException | None = None
        self._inside = 0
        self._added = (0, 0)
        self._untaken = 0
        self._untaken_files = 0
        self._all_added = False
        self._stop = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def add(self, jobs: Iterable[HashJob]) -> None:
        """Hand over jobs, of a folder at a time rather than one by one; take what is `ready` afterwards."""
        files, size = self._added
        with self._work:
            for job in jobs:
                lane = self._lane_of(job)
                if job.key in self._preferred:
                    lane.urgent.append(job)
                else:
                    lane.put(job)
                self._inside += 1
                files += 1
                size += job.size_bytes if job.hash else 0
            self._added = files, size
            self._start_workers()

    def prefer(self, keys: Iterable[int]) -> None:
        """Have the jobs of these keys done before all others, those that wait and those that will be added."""
        with self._work:
            self._preferred = frozenset(keys)
            for lane in self._lanes.values():
                lane.prefer(self._preferred)
            self._start_workers()

    def ready(self) -> Iterator[list[HashResult]]:
        """Yield what is done by now; waits only while more jobs are inside than may wait.

        While few are left to do it yields but some: the workers shall not wait for what the caller does with all.

        Raises:
            Cancelled: the waiting side asked to stop; what was yielded before counts.
        """
        while (results := self._next(wait=self._inside > WAITING_FILES)) is not None:
            yield results
            if self._inside <= WAITING_FILES and self._inside - self._untaken_files < BUSY_FILES:
                return

    def rest(self) -> Iterator[list[HashResult]]:
        """Yield everything, in the order it gets done, until nothing is left. More may be added meanwhile and later.

        Raises:
            Cancelled: the waiting side asked to stop; what was yielded before counts.
        """
        with self._work:
            self._all_added = True
            self._work.notify_all()
        try:
            while self._inside:
                self._report()
                if (results := self._next(wait=True)) is not None:
                    yield results
            self._report()  # the end is told, too
        finally:
            self._all_added = False

    @property
    def has_more(self) -> bool:
        """Whether results can be taken without waiting."""
        return not self._finished.empty()

    def close(self) -> None:
        """Stop and wait for the workers. One that a dead disk holds is left behind after two seconds."""
        with self._work:
            self._stop.set()
            self._work.notify_all()
        deadline = time.monotonic() + LEAVE_S
        for worker in self._workers:
            worker.thread.join(max(0.0, deadline - time.monotonic()))
        self._progress.files = None

    # --- in the calling thread --------------------------------------------------------------------------

    def _lane_of(self, job: HashJob) -> Lane:
        folder = os.path.dirname(job.path)
        device = job.device
        if device is None:
            if self._folder[0] != folder:
                try:
                    self._folder = (folder, os.stat(folder).st_dev)
                except OSError:
                    self._folder = (folder, 0)
            device = self._folder[1]
        lane = self._lane_by_device.get(device)
        if lane is None:
            disk = disk_of(device, folder)
            lane = self._lanes.setdefault(disk.name, Lane(disk, self._workers_wanted))
            self._lane_by_device[device] = lane
        return lane

    def _start_workers(self) -> None:
        if self._stop.is_set():
            return
        most = self._workers_wanted or WORKERS_IN_ALL
        wanted = sum(
            min(lane.most, lane.running + lane.files + len(lane.urgent)) for lane in self._lanes.values()
        )
        while len(self._workers) < min(most, wanted):
            worker = _Worker(self._run, len(self._workers))
            self._workers.append(worker)
            worker.thread.start()
        if self._ripe_lane() is not None:
            self._work.notify_all()

    def _next(self, wait: bool) -> list[HashResult] | None:
        while True:
            if self._fault is not None:
                raise self._fault
            try:
                results, weight = self._finished.get(wait, POLL_S)
            except queue.Empty:
                if not wait:
                    return None
                self._report()
                continue
            if not results:
                continue  # it only says that there is a fault
            self._inside -= len(results)
            with self._work:
                was_full = self._untaken >= UNTAKEN_BYTES
                self._untaken -= weight
                self._untaken_files -= len(results)
                if was_full:
                    self._work.notify_all()
            return results

    def _report(self) -> None:
        files, size = self._expected or self._added
        is_known = self._expected is not None or self._all_added
        done = sum(worker.done + worker.part for worker in self._workers)
        done_files = sum(worker.files for worker in self._workers)
        name = next((os.path.basename(worker.path) for worker in self._workers if worker.path), "")
        self._progress.files = done_files, files if is_known else None
        self._progress.step(done, size if is_known else None, name, "bytes")

    # --- in the workers ---------------------------------------------------------------------------------

    def _run(self, worker: _Worker) -> None:
        try:
            while (taken := self._take()) is not None:
                lane, jobs = taken
                try:
                    self._do_batch(worker, lane, jobs)
                finally:
                    with self._work:
                        lane.running -= 1
                        self._start_workers()  # more may read from it than at first
                        self._work.notify()
        except Cancelled:
            pass
        except BaseException as error:  # noqa: BLE001 - flies on in the thread that waits for the results
            self._fault = error
            self._finished.put(([], 0))
        finally:
            if worker.second is not None:
                worker.second.close()

    def _ripe_lane(self) -> Lane | None:
        now = time.monotonic()
        found: Lane | None = None
        for lane in self._lanes.values():
            has_work = lane.is_ripe(now) or (self._all_added and lane.files)
            if has_work and lane.running < lane.limit and (found is None or lane.running < found.running):
                found = lane
        return found

    def _take(self) -> tuple[Lane, list[HashJob]] | None:
        with self._work:
            while not self._stop.is_set():
                lane = self._ripe_lane() if self._untaken < UNTAKEN_BYTES else None
                if lane is not None:
                    lane.running += 1
                    return lane, lane.take()
                waits = any(lane.files for lane in self._lanes.values())
                self._work.wait(BATCH_WAIT_S if waits else POLL_S)
        return None

    def _do_batch(self, worker: _Worker, lane: Lane, jobs: list[HashJob]) -> None:
        results: list[HashResult] = []
        worker.weight = 0
        if lane.can_share and self._is_sharing(worker):
            jobs = self._do_elsewhere(worker, lane, jobs)
        since = time.monotonic()
        for job in jobs:
            if lane.urgent:
                self._do_urgent(worker, lane)
            results.append(self._do(worker, lane, job))
            if worker.weight > MIB or time.monotonic() - since > POLL_S:
                self._hand_over(worker, results)
                results, since = [], time.monotonic()
        self._hand_over(worker, results)

    def _is_sharing(self, worker: _Worker) -> bool:
        """Tell whether this is the worker with the second process; the first that can use one is."""
        with self._work:
            if self._sharing is None and self._may_share:
                self._may_share, self._sharing = False, worker
            return self._sharing is worker

    def _do_elsewhere(self, worker: _Worker, lane: Lane, jobs: list[HashJob]) -> list[HashJob]:
        """Have the second process hash what is small, and go on with what else is waiting; return what it left."""
        left: list[HashJob] = []
        if not any(map(may_share, jobs)):
            return jobs
        second = worker.second
        try:
            second = worker.second = second or SmallHashing(self._heads)
            lane.is_shared = second.has_started(POLL_S)
            while lane.is_shared and (jobs or second.asked):
                small = list(filter(may_share, jobs))
                left += [job for job in jobs if not may_share(job)]
                jobs = []
                if small:
                    worker.path = small[0].path
                    second.ask(small, self._wants_every(lane))
                # They have the next files before they have told of the last ones, so that they never wait.
                if second.asked < ASKED_AT_ONCE and not left:
                    jobs = self._more_for(lane)
                if second.asked and not jobs and (answer := second.answer(POLL_S)) is not None:
                    left += self._take_answer(worker, lane, *answer)
                self._go_on(0)
                if lane.urgent:
                    self._do_urgent(worker, lane)
        except OSError:
            self._sharing = None
        finally:
            lane.is_shared = False
        return [*left, *(second.left() if second is not None else ()), *jobs]

    def _more_for(self, lane: Lane) -> list[HashJob]:
        with self._work:
            may_take = lane.can_share and not lane.urgent and self._untaken < UNTAKEN_BYTES
            return lane.take() if may_take else []

    def _take_answer(self, worker: _Worker, lane: Lane, jobs: list[HashJob], answer: Answer) -> list[HashJob]:
        """Hand over what the second process hashed; return what it did not."""
        lane.read_s += answer.read_s
        lane.hash_s += answer.hash_s
        lane.measured(answer.work_s)
        results: list[HashResult] = []
        left: list[HashJob] = []
        for job, hashed in zip(jobs, answer.files, strict=True):
            if hashed is None:
                left.append(job)
                continue
            worker.done += job.size_bytes
            worker.files += 1
            worker.weight += RESULT_BYTES + (len(hashed.head.content) if hashed.head is not None else 0)
            results.append(HashResult(job, hashed.hashes, None, hashed.head, hashed.facts))
        self._hand_over(worker, results)
        return left

    def _do_urgent(self, worker: _Worker, lane: Lane) -> None:
        """Do what is wanted at once, at a moment when the buffer is free."""
        with self._work:
            jobs = [lane.urgent.popleft()] if lane.urgent else []
        weight, worker.weight = worker.weight, 0
        part, worker.part, path = worker.part, 0, worker.path
        worker.done += part
        for job in jobs:
            self._hand_over(worker, [self._do(worker, lane, job, is_urgent=True)])
        worker.done -= part
        worker.part, worker.weight, worker.path = part, weight, path

    def _hand_over(self, worker: _Worker, results: list[HashResult]) -> None:
        if results:
            with self._work:
                self._untaken += worker.weight
                self._untaken_files += len(results)
            self._finished.put((results, worker.weight))
            worker.weight = 0

    def _do(self, worker: _Worker, lane: Lane, job: HashJob, is_urgent: bool = False) -> HashResult:
        worker.path = job.path
        try:
            return self._read(worker, lane, job, is_urgent)
        except FileNotFoundError:
            message = "The file went while it was being hashed."
            return HashResult(job, None, Problem(job.path, "not_found", message))
        except OSError as error:
            message = f"The file can't be read: {error.strerror or error}."
            return HashResult(job, None, Problem(job.path, "unreadable", message))
        finally:
            worker.part = 0
            worker.done += job.size_bytes if job.hash else 0
            worker.files += 1
            worker.weight += RESULT_BYTES

    def _read(self, worker: _Worker, lane: Lane, job: HashJob, is_urgent: bool) -> HashResult:
        descriptor, before = open_with_facts(job.path)
        looked: Any = None
        facts = tree.facts_of(before)
        try:
            size_bytes = before.st_size
            block = worker.view[: min(size_bytes, BLOCK_BYTES if job.hash else LOOK_BYTES)]
            block = block[: self._fill(lane, descriptor, block)]
            if job.look and self._look is not None:
                worker.weight += tensors_at(block, size_bytes) or 0
                looked = self._heads.of(block, size_bytes)
                if looked is None:
                    looked = self._look(descriptor, job.path, block.toreadonly(), size_bytes)
                if len(block) < size_bytes:
                    os.lseek(descriptor, len(block), os.SEEK_SET)
            is_another = facts[:2] != (job.size_bytes, job.mtime_ns)
            if not job.hash or (is_another and job.look):
                return HashResult(job, None, None, looked, facts)
            if is_another:
                return _changed(job, looked, facts)
            hashes = self._hash(worker, lane, descriptor, block, size_bytes, is_urgent)
        finally:
            os.close(descriptor)
        after = os.stat(job.path)
        if hashes is None or identity(before) != identity(after):
            return _changed(job, looked, facts)
        return HashResult(job, hashes, None, looked, facts)

    def _hash(
        self,
        worker: _Worker,
        lane: Lane,
        descriptor: int,
        block: memoryview,
        size_bytes: int,
        is_urgent: bool,
    ) -> Hashes | None:
        """Hash a file of which the first block was read; None if it ends too early."""
        digest = hashlib.sha256()
        rest: Digests | None = None
        done = len(block)
        while block or not size_bytes:
            if done < size_bytes and lane.waits:
                expect(descriptor, done, BLOCK_BYTES)
            start = time.perf_counter()
            digest.update(block)
            lane.hash_s += time.perf_counter() - start
            if rest is None:
                every = self._wants_every(lane)
                if done == size_bytes <= WHOLE_BYTES:
                    hashes = hashes_of_small(block, digest.hexdigest(), every)
                    lane.measured(time.perf_counter() - start)
                    return hashes
                rest = Digests(block, size_bytes, every)
            rest.feed(block)
            lane.measured(time.perf_counter() - start)
            worker.part = done
            if done == size_bytes:
                return rest.hashes(digest.hexdigest())
            if lane.urgent and not is_urgent:
                self._do_urgent(worker, lane)
            block = worker.view[: min(BLOCK_BYTES, size_bytes - done)]
            block = block[: self._fill(lane, descriptor, block)]
            done += len(block)
        return None

    def _wants_every(self, lane: Lane) -> bool:
        return self._kinds == "all" or (self._kinds == "auto" and lane.is_slow)

    def _fill(self, lane: Lane, descriptor: int, view: memoryview) -> int:
        """Read until the view is full or the file ends, in pieces that a slow disk gives in a tenth of a second."""
        filled = 0
        while filled < len(view):
            piece = view[filled : filled + lane.piece]
            # Only what is waited for is the disk's: a thread that reads memory may wait for the interpreter.
            count = read_at_hand(descriptor, piece)
            if not count:
                start = time.perf_counter()
                count = read_into(descriptor, piece)
                took = (end := time.perf_counter()) - start
                lane.read_s += took
                lane.was_waited_for(end)
                if took > READ_MOST_S:
                    lane.piece = max(lane.piece // 2, READ_LEAST_BYTES)
                elif took < READ_MOST_S / 8:
                    lane.piece = min(lane.piece * 2, BLOCK_BYTES)
            self._go_on(count)
            if not count:
                break
            filled += count
        return filled

    def _go_on(self, count: int) -> None:
        """Hold as long as the limit of reading or a pause wants it."""
        if self._rate and count:
            with self._work:
                self._free_at = max(self._free_at, time.monotonic() - POLL_S) + count / self._rate
                free_at = self._free_at
            while (left := free_at - time.monotonic()) > 0 and not self._progress.is_cancelled:
                if self._stop.wait(min(left, POLL_S)):
                    break
        while self._progress.is_paused and not self._progress.is_cancelled:
            if self._stop.wait(POLL_S):
                break
        if self._stop.is_set() or self._progress.is_cancelled:
            raise Cancelled


def _changed(job: HashJob, looked: Any, facts: tree.Facts) -> HashResult:
    message = "The file is being written; it will be hashed by a later scan."
    return HashResult(job, None, Problem(job.path, "changed_while_reading", message), looked, facts)


def hash_files(
    jobs: Iterable[HashJob],
    progress: Progress,
    workers: int | None = None,
    *,
    kinds: Kinds = "sha256",
    read_limit_mb_s: float = 0,
) -> Iterator[list[HashResult]]:
    """Hash files in worker threads; yield the results in the calling thread, in the order they get done.

    A file whose size or mtime is no longer that of its job, or that changes while it is read, gives a problem and no
    hash. Closing the generator stops the workers. See `Hashing` for the arguments, and for more.

    Raises:
        Cancelled: the waiting side asked to stop; what was yielded before counts.
    """
    jobs = list(jobs)
    expected = len(jobs), sum(job.size_bytes for job in jobs)
    with Hashing(
        progress, kinds=kinds, workers=workers, read_limit_mb_s=read_limit_mb_s, expected=expected
    ) as hashing:
        for first in range(0, len(jobs), WAITING_FILES // 2):
            hashing.add(jobs[first : first + WAITING_FILES // 2])
            yield from hashing.ready()
        yield from hashing.rest()
