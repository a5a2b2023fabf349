"""The jobs that wait for one disk, in which order they are handed out, and how fast that disk was of late."""

import time
from collections import deque
from typing import NamedTuple

from modelmgr.discovery.devices import Disk
from modelmgr.discovery.digests import BLOCK_BYTES
from modelmgr.values import MIB

BATCH_FILES = 128
FIRST_FILES = 16
"""So many tell how fast the disk is."""
MANY_FILES = 64
BATCH_BYTES = 64 * MIB
BATCH_WAIT_S = 0.02
READERS = 2
READERS_THAT_WAIT = 4
"""So many wait for small files, where the disk looks for several at a time."""
SLOW_DISK = 8.0
MEASURED_S = 0.25
KNOWN_S = 0.01
HEAD_BYTES_S = 350e6
"""No head reads so much in a second: the fastest disks that turn give some 300 MB."""
WATCHED_S = 0.1


class HashJob(NamedTuple):
    """A file to hash, or to look into, and the facts under which it is known.

    Attributes:
        key: how the caller knows it; see `Hashing.prefer`.
        path: absolute.
        size_bytes: with `mtime_ns` as it was when it was listed; a file that has others now is not hashed.
        look: call the `look` of the `Hashing` on it, whatever it is now.
        hash: hash it; False reads no more than `look` wants.
        device: `st_dev`, if it is known; jobs of different disks run side by side.
    """

    key: int
    path: str
    size_bytes: int
    mtime_ns: int
    look: bool = False
    hash: bool = True
    device: int | None = None


class Lane:
    """The jobs of one disk, small ones first, and how fast it was of late.

    Args:
        disk: on which they lie.
        readers: how many may read from it, None for as many as are good for such a disk.
    """

    def __init__(self, disk: Disk, readers: int | None = None) -> None:
        self._disk = disk
        self._has_head = None if disk.rotational and readers else disk.rotational
        self._readers = readers
        self.is_shared = False
        self.running = 0
        self.files = 0
        self.urgent: deque[HashJob] = deque()
        self.piece = BLOCK_BYTES
        self.read_s = 0.0
        self.hash_s = 0.0
        self.work_s = 0.0
        self._bytes = 0
        self._since = 0.0
        self._fetched = 0
        self._watched_at = 0.0
        self._waiting: dict[int, deque[HashJob]] = {}

    def put(self, job: HashJob) -> None:
        """Let a job wait."""
        # By powers of two above 1 MiB: below that the order of the walk is the order of the disk, and is kept.
        self._waiting.setdefault((job.size_bytes >> 20).bit_length(), deque()).append(job)
        if not self.files:
            self._since = time.monotonic()
        self.files += 1
        self._bytes += job.size_bytes

    def prefer(self, keys: frozenset[int]) -> None:
        """Make the jobs of these keys urgent."""
        for size, jobs in self._waiting.items():
            found = [job for job in jobs if job.key in keys]
            if found:
                self._waiting[size] = deque(job for job in jobs if job.key not in keys)
                self.urgent.extendleft(reversed(found))
                self.files -= len(found)
                self._bytes -= sum(job.size_bytes for job in found)

    def is_ripe(self, now: float) -> bool:
        """Tell whether there is enough to be worth handing over, or something has waited long enough."""
        return bool(
            self.urgent
            or self.files >= BATCH_FILES
            or self._bytes >= BATCH_BYTES
            or (self.files and now - self._since >= BATCH_WAIT_S)
        )

    def take(self) -> list[HashJob]:
        """Return what one worker does next: an urgent job alone, or up to 128 files or 64 MiB of others."""
        if self.urgent:
            return [self.urgent.popleft()]
        batch: list[HashJob] = []
        size = 0
        most = BATCH_FILES if self.hash_s else FIRST_FILES
        for kind in sorted(self._waiting):
            jobs = self._waiting[kind]
            while jobs and len(batch) < most and size < BATCH_BYTES:
                batch.append(jobs.popleft())
                size += batch[-1].size_bytes
            if jobs:
                break
            del self._waiting[kind]
        self.files -= len(batch)
        self._bytes -= size
        self._since = time.monotonic()
        return batch

    @property
    def limit(self) -> int:
        """How many may read from it at a time."""
        if self._has_head and not (self.hash_s > KNOWN_S and self.read_s < self.hash_s):
            return 1
        if 0 in self._waiting:
            if self.is_shared and not self.waits:
                return 1  # a second process does these
            if self._has_head is False and self.waits:
                return self._readers or READERS_THAT_WAIT
        return self._readers or READERS

    @property
    def most(self) -> int:
        """How many may be wanted any moment."""
        return self._readers or max(READERS, self.limit)

    @property
    def can_share(self) -> bool:
        """Whether a second process is worth it: many files of less than 1 MiB wait, and for no head."""
        has_many = len(self._waiting.get(0, ())) >= MANY_FILES
        return has_many and self.hash_s > 0 and (self._has_head is False or not self.waits)

    @property
    def is_slow(self) -> bool:
        """Whether it takes so much longer than SHA-256 that more work on the bytes fits in while it is waited for."""
        return self.read_s + self.work_s > SLOW_DISK * self.hash_s

    @property
    def waits(self) -> bool:
        """Whether its readers wait for it more than they hash."""
        return self.read_s > self.hash_s

    def was_waited_for(self, now: float) -> None:
        """Learn now and then whether it has a head; `now` is of a monotonic clock, in seconds.

        Virtual disks and some USB bridges say that they turn. What delivers more than a head can read has none.
        """
        if self._has_head and now - self._watched_at > WATCHED_S:
            fetched = self._disk.fetched_bytes()
            if fetched is not None:
                most = HEAD_BYTES_S * len(self._disk.parts) * (now - self._watched_at)
                self._has_head = not self._watched_at or fetched - self._fetched < most
                self._fetched, self._watched_at = fetched, now

    def measured(self, work_s: float) -> None:
        """Count the time of a block for which it was not read; former ones count less, for disks change."""
        self.work_s += work_s
        if self.read_s + self.work_s > MEASURED_S:
            self.read_s /= 2
            self.hash_s /= 2
            self.work_s /= 2
