"""SHA-256 of whole files, by a few worker threads that end before the call returns; the hashes others claim.

hashlib lets go of the interpreter lock, so that two threads reach what the processor can do; small files go to the
workers in batches, for handing them over one by one would cost as much as hashing them.
"""

import hashlib
import os
import queue
import stat
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from blake3 import blake3

from modelmgr.progress import Cancelled, Progress
from modelmgr.values import MIB, Problem

BLOCK_BYTES = MIB
BATCH_FILES = 64
BATCH_BYTES = 64 * MIB
AUTOV1_OFFSET = 0x100000
AUTOV1_BYTES = 0x10000
HEADER_LIMIT_BYTES = 100_000_000
POLL_S = 0.1

_Read = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class HashJob:
    """A file whose hash is wanted, and the facts under which the catalog knows it."""

    key: int
    path: str
    size_bytes: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class HashResult:
    """The hash of a job, or why there is none."""

    job: HashJob
    sha256: str | None
    problem: Problem | None = None


def open_regular(path: str) -> int:
    """Open a file for reading without ever blocking on a pipe or a device.

    Raises:
        OSError: it can't be opened, or is no regular file.
    """
    flags = (
        os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    )
    handle = os.open(path, flags)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError("not a regular file")
    return handle


def sha256_of(path: str, progress: Progress) -> str:
    """Return the SHA-256 of the whole file, 64 lower-case hex digits.

    Raises:
        OSError: the file vanished, can't be read, or changed meanwhile.
        Cancelled: the waiting side lost interest.
    """
    size_bytes = os.stat(path).st_size
    done = 0

    def read(count: int) -> None:
        nonlocal done
        done += count
        progress.step(done, size_bytes, os.path.basename(path), "bytes")

    return _digest(path, bytearray(BLOCK_BYTES), read)


def _digest(path: str, buffer: bytearray, read: _Read) -> str:
    digest = hashlib.sha256()
    view = memoryview(buffer)
    with open(open_regular(path), "rb", buffering=0) as file:
        before = os.fstat(file.fileno())
        while count := file.readinto(buffer):
            digest.update(view[:count])
            read(count)
        after = os.fstat(file.fileno())
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise OSError("the file changed while it was read")
    return digest.hexdigest()


def hash_files(jobs: Sequence[HashJob], progress: Progress, workers: int = 2) -> Iterator[list[HashResult]]:
    """Hash files in worker threads; yield the results in the calling thread, in the order they get done.

    A file whose size or mtime is no longer that of its job, or that changes while it is read, gives a problem and no
    hash. Closing the generator stops the workers.

    Raises:
        Cancelled: the waiting side asked to stop; what was yielded before counts.
    """
    total = sum(job.size_bytes for job in jobs)
    waiting: queue.SimpleQueue[list[HashJob]] = queue.SimpleQueue()
    batches = 0
    for batch in _batches(jobs):
        waiting.put(batch)
        batches += 1
    finished: queue.SimpleQueue[list[HashResult]] = queue.SimpleQueue()
    stop = threading.Event()
    counter = _Counter()
    threads = [
        threading.Thread(
            target=_work,
            args=(waiting, finished, stop, progress, counter),
            name=f"hashing-{number}",
            daemon=True,
        )
        for number in range(min(workers, batches))
    ]
    for thread in threads:
        thread.start()
    try:
        while batches:
            progress.step(counter.bytes, total, counter.name, "bytes")
            try:
                results = finished.get(timeout=POLL_S)
            except queue.Empty:
                continue
            batches -= 1
            yield results
    finally:
        stop.set()
        for thread in threads:
            thread.join()


class _Counter:
    """Bytes read so far; only ever shown, so a lost update between threads does no harm."""

    def __init__(self) -> None:
        self.bytes = 0
        self.name = ""


def _batches(jobs: Iterable[HashJob]) -> Iterator[list[HashJob]]:
    batch: list[HashJob] = []
    size = 0
    for job in jobs:
        batch.append(job)
        size += job.size_bytes
        if len(batch) >= BATCH_FILES or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _work(
    waiting: "queue.SimpleQueue[list[HashJob]]",
    finished: "queue.SimpleQueue[list[HashResult]]",
    stop: threading.Event,
    progress: Progress,
    counter: _Counter,
) -> None:
    buffer = bytearray(BLOCK_BYTES)

    def read(count: int) -> None:
        counter.bytes += count
        if stop.is_set() or progress.is_cancelled:
            raise Cancelled

    while not stop.is_set():
        try:
            batch = waiting.get_nowait()
        except queue.Empty:
            return
        results: list[HashResult] = []
        try:
            for job in batch:
                counter.name = os.path.basename(job.path)
                results.append(_hash_job(job, buffer, read))
        except Cancelled:
            return
        finished.put(results)


def _hash_job(job: HashJob, buffer: bytearray, read: _Read) -> HashResult:
    try:
        digest = _digest(job.path, buffer, read)
        facts = os.stat(job.path)
    except FileNotFoundError:
        return HashResult(
            job, None, Problem(job.path, "not_found", "The file went while it was being hashed.")
        )
    except OSError as error:
        return HashResult(job, None, Problem(job.path, "unreadable", f"The file can't be read: {error}."))
    if (facts.st_size, facts.st_mtime_ns) != (job.size_bytes, job.mtime_ns):
        message = "The file is being written; it will be hashed by a later scan."
        return HashResult(job, None, Problem(job.path, "changed_while_reading", message))
    return HashResult(job, digest)


def partial_hashes(path: str, kinds: Iterable[str], progress: Progress) -> dict[str, str]:
    """Compute hashes that tools and catalogues claim, in one pass: ``AutoV1``, ``AutoV3``, ``CRC32``, ``BLAKE3``.

    AutoV1: first 8 digits of SHA-256 over 64 KiB at 1 MiB. AutoV3: first 12 digits of SHA-256 over all that follows
    a safetensors header (kohya-ss/sd-scripts; AUTOMATIC1111 stable-diffusion-webui, hashes of LoRA). CRC32: IEEE.
    BLAKE3: of the whole file, 64 digits (InvokeAI, ComfyUI).
    A kind that the file has none of (AutoV1 of a file up to 1 MiB, AutoV3 of other formats) is left out.

    Raises:
        OSError: the file can't be read.
        Cancelled: the waiting side lost interest.
    """
    wanted = set(kinds)
    found: dict[str, str] = {}
    with open(open_regular(path), "rb", buffering=0) as file:
        size_bytes = os.fstat(file.fileno()).st_size
        if "AutoV1" in wanted and size_bytes > AUTOV1_OFFSET:
            file.seek(AUTOV1_OFFSET)
            found["AutoV1"] = hashlib.sha256(file.read(AUTOV1_BYTES)).hexdigest()[:8]
            file.seek(0)
        tensors_at: int | None = None
        if "AutoV3" in wanted:
            head = file.read(9)
            length = int.from_bytes(head[:8], "little")
            if len(head) == 9 and head[8:] == b"{" and length <= min(HEADER_LIMIT_BYTES, size_bytes - 8):
                tensors_at = 8 + length
            file.seek(0)
        if tensors_at is None and wanted.isdisjoint(("CRC32", "BLAKE3")):
            return found
        digest, crc, done = hashlib.sha256(), 0, 0
        whole = blake3() if "BLAKE3" in wanted else None
        buffer = bytearray(BLOCK_BYTES)
        view = memoryview(buffer)
        while count := file.readinto(buffer):
            if "CRC32" in wanted:
                crc = zlib.crc32(view[:count], crc)
            if whole is not None:
                whole.update(view[:count])
            if tensors_at is not None and done + count > tensors_at:
                digest.update(view[max(0, tensors_at - done) : count])
            done += count
            progress.step(done, size_bytes, os.path.basename(path), "bytes")
    if tensors_at is not None:
        found["AutoV3"] = digest.hexdigest()[:12]
    if "CRC32" in wanted:
        found["CRC32"] = f"{crc:08x}"
    if whole is not None:
        found["BLAKE3"] = whole.hexdigest()
    return found
