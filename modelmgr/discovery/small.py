"""Small files hashed by a second process, some dozens at a time.

A thread that hashes needs the interpreter's lock eight times for each file, and waits for it up to 5 ms where another
works: of small files a scan hashes a quarter more in the same time if the threads only ask, and another process hashes.
"""

import contextlib
import hashlib
import os
import select
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from modelmgr import tree
from modelmgr.discovery.digests import (
    WHOLE_BYTES,
    hashes_of_small,
    identity,
    open_with_facts,
    read_at_hand,
    read_into,
    tensors_at,
)
from modelmgr.discovery.lanes import HashJob
from modelmgr.discovery.second import Second, is_worth_it
from modelmgr.values import Hashes

PROCESSES = 2
ALONE_S = 0.03
"""So long the first process hashes alone: it takes half of that to start another."""
NICE = 10
"""The thread that makes use of the answers goes first where processors are few."""
HEAD_MOST_BYTES = 128 * 1024
"""Longer headers are not sent: some dozens of them wait at a time."""


_MODULE = "modelmgr.discovery.small"
_early: list[Second] = []


@contextlib.contextmanager
def ready_to_hash() -> Iterator[None]:
    """Have the processes of the next `SmallHashing` started now, while what they will work for is still being loaded.

    Those for which there was no work by the end are ended.
    """
    with contextlib.suppress(OSError):  # then threads hash
        while is_worth_it() and len(_early) < PROCESSES:
            _early.append(Second(_MODULE))
    try:
        yield
    finally:
        while _early:
            _early.pop().close()


class Head(NamedTuple):
    """The first bytes of a safetensors file, its whole header among them, and the file's size."""

    content: bytes
    size_bytes: int


class HeadBytes(NamedTuple):
    """How many bytes of a beginning are wanted at least, and how long a header may be to be handed on whole."""

    least: int
    most: int

    def of(self, content: memoryview, size_bytes: int) -> Head | None:
        """Return the first bytes of a file if they are a short safetensors header; None of others.

        Args:
            content: what was read of it, from its beginning.
            size_bytes: of the whole file.
        """
        end = tensors_at(content, size_bytes)
        if end is None or end > self.most:
            return None
        wanted = max(end, self.least)
        # What was cut off since its size was asked for is not all here.
        return Head(bytes(content[:wanted]), size_bytes) if len(content) >= min(size_bytes, wanted) else None


class Hashed(NamedTuple):
    """What the second process made of a file; `facts` as `HashResult` has them."""

    hashes: Hashes
    head: Head | None
    facts: tree.Facts


class Answer(NamedTuple):
    """What it made of some files.

    Attributes:
        files: None for one that isn't as it was listed, can't be read, or of which more than the head is wanted.
        read_s: seconds that it waited for the disk; `hash_s`: that SHA-256 took; `work_s`: with all other hashes.
    """

    files: list[Hashed | None]
    read_s: float
    hash_s: float
    work_s: float


def may_share(job: HashJob) -> bool:
    """Tell whether the second process can do a file: a small one of which at most the head is wanted."""
    is_small = job.hash and job.size_bytes <= WHOLE_BYTES
    return is_small and (not job.look or job.path.endswith((".safetensors", ".sft")))


class SmallHashing:
    """Second processes, for one thread.

    The first is joined by another as soon as there turns out to be much to hash: the two keep busy what processors the
    thread leaves that reads what they found and writes.

    Args:
        heads: what is wanted of files with `HashJob.look`.

    Raises:
        OSError: none can be started.
    """

    def __init__(self, heads: HeadBytes) -> None:
        self._setup = heads.least, min(heads.most, HEAD_MOST_BYTES)
        self._answers = select.poll()
        self._asked: dict[Second, deque[list[HashJob]]] = {}
        self._work_s = 0.0
        self._first = self._start()
        while _early:
            self._start()

    def _start(self) -> Second:
        second = _early.pop() if _early else Second(_MODULE)
        self._asked[second] = deque()
        second.ask(self._setup)
        self._answers.register(second.readable, select.POLLIN)
        return second

    def has_started(self, wait_s: float) -> bool:
        """Tell whether the first answers by now, or after this time.

        Raises:
            OSError: it has ended.
        """
        return self._first.has_started(wait_s)

    @property
    def asked(self) -> int:
        """How many requests have no answer yet."""
        return sum(map(len, self._asked.values()))

    def ask(self, jobs: list[HashJob], every: bool) -> None:
        """Have files hashed.

        Args:
            jobs: those that `may_share`.
            every: compute the tensors' SHA-256, CRC32 and BLAKE3 too.

        Raises:
            OSError: a process has ended, or can't be started.
        """
        if self._work_s > ALONE_S and len(self._asked) < PROCESSES:
            self._start()
        started = [second for second in self._asked if second.has_started(0)]
        second = min(started, key=lambda second: len(self._asked[second]))
        self._asked[second].append(jobs)
        second.ask(([(job.path, job.size_bytes, job.mtime_ns, job.look) for job in jobs], every))

    def answer(self, wait_s: float) -> tuple[list[HashJob], Answer] | None:
        """Return some of the files with what became of them, or None if that has not come after this time.

        Raises:
            OSError: a process has ended.
        """
        for wait in (0.0, wait_s):
            if wait and not self._answers.poll(int(wait * 1000)):
                for second, asked in self._asked.items():
                    if asked:
                        second.was_silent(wait)
            for second, asked in self._asked.items():
                if second.has_started(0) and asked and (answer := second.answer(0)) is not None:
                    (files, *times), heads = answer
                    found = Answer(list(_unpacked(files, heads)), *times)
                    self._work_s += found.work_s
                    return asked.popleft(), found
        return None

    def left(self) -> list[HashJob]:
        """Return the files that were asked for and have no answer, which will not come any more."""
        left = [job for asked in self._asked.values() for jobs in asked for job in jobs]
        for asked in self._asked.values():
            asked.clear()
        return left

    def close(self) -> None:
        """End the processes."""
        for second in self._asked:
            second.close()


def _unpacked(files: list[Any], heads: memoryview) -> Iterator[Hashed | None]:
    for each in files:
        if each is None:
            yield None
            continue
        facts, length, *digits = each
        yield Hashed(Hashes(*digits), Head(bytes(heads[:length]), facts[0]) if length else None, tuple(facts))
        heads = heads[length:]


def answering(setup: tuple[int, int]) -> Callable[[Any], tuple[Any, bytes]]:
    """Return what hashes files in the second process."""
    os.nice(NICE)
    hasher = _Hasher(HeadBytes(*setup))

    def hashed(request: tuple[list[tuple[str, int, int, bool]], bool]) -> tuple[Any, bytes]:
        jobs, every = request
        files: list[Any] = []
        heads: list[bytes] = []
        hasher.read_s = hasher.hash_s = hasher.work_s = 0.0
        for job in jobs:
            try:
                one = hasher.hashed(*job, every)
            except OSError:
                one = None
            if one is None:
                files.append(None)
                continue
            head = one.head.content if one.head is not None else b""
            heads.append(head)
            files.append((one.facts, len(head), *one.hashes))
        return (files, hasher.read_s, hasher.hash_s, hasher.work_s), b"".join(heads)

    return hashed


class _Hasher:
    """Hashes small files, and adds up how long what takes; see `Answer`."""

    def __init__(self, heads: HeadBytes) -> None:
        self._heads = heads
        self._view = memoryview(bytearray(WHOLE_BYTES))
        self.read_s = self.hash_s = self.work_s = 0.0

    def hashed(self, path: str, size_bytes: int, mtime_ns: int, look: bool, every: bool) -> Hashed | None:
        descriptor, before = open_with_facts(path)
        try:
            facts = tree.facts_of(before)
            if facts[:2] != (size_bytes, mtime_ns):
                return None
            view = self._view[:size_bytes]
            filled = read_at_hand(descriptor, view) if view else 0
            start = time.perf_counter()
            while filled < size_bytes and (count := read_into(descriptor, view[filled:])):
                filled += count
        finally:
            os.close(descriptor)
        read = time.perf_counter()
        self.read_s += read - start
        head = self._heads.of(view, size_bytes) if look else None
        if filled < size_bytes or (look and head is None):
            return None
        sha256 = hashlib.sha256(view).hexdigest()
        self.hash_s += time.perf_counter() - read
        hashes = hashes_of_small(view, sha256, every)
        self.work_s += time.perf_counter() - read
        return Hashed(hashes, head, facts) if identity(os.stat(path)) == identity(before) else None
