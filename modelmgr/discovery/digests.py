"""All hashes of one file in one pass over its bytes, and the quick ones from a few windows of them."""

import contextlib
import hashlib
import os
import stat
import sys
import zlib
from collections.abc import Iterable, Iterator
from typing import Final

from blake3 import blake3

from modelmgr.progress import Progress
from modelmgr.values import MIB, Hashes

BLOCK_BYTES: Final = MIB
AUTOV1_OFFSET: Final = 0x100000
AUTOV1_BYTES: Final = 0x10000
HEADER_LIMIT_BYTES: Final = 100_000_000
QUICK_DIGITS: Final = 32
WHOLE_BYTES: Final = MIB
WINDOWS: Final = 16
WINDOW_LEAST_BYTES: Final = 256
WINDOW_MOST_BYTES: Final = 8192

Ranges = list[tuple[int, int]]


def open_regular(path: str) -> int:
    """Open a file for reading without ever blocking on a pipe or a device.

    Raises:
        OSError: it can't be opened, or is no regular file.
    """
    return open_with_facts(path)[0]


def open_with_facts(path: str) -> tuple[int, os.stat_result]:
    """Open a file as `open_regular` does; return what is known of it too.

    Raises:
        OSError: it can't be opened, or is no regular file.
    """
    flags = (
        os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    )
    handle = os.open(path, flags)
    facts = os.fstat(handle)
    if not stat.S_ISREG(facts.st_mode):
        os.close(handle)
        raise OSError("not a regular file")
    return handle, facts


@contextlib.contextmanager
def opened(path: str) -> Iterator[tuple[int, os.stat_result]]:
    """Have a file open as `open_with_facts` gives it, and close it.

    Raises:
        OSError: it can't be opened, or is no regular file.
    """
    descriptor, facts = open_with_facts(path)
    try:
        yield descriptor, facts
    finally:
        os.close(descriptor)


if sys.platform == "win32":
    import io

    def read_into(descriptor: int, view: memoryview) -> int:
        """Read from the position of a descriptor into a buffer; return how many bytes came, 0 at the end."""
        with io.FileIO(descriptor, closefd=False) as file:
            return file.readinto(view) or 0

else:

    def read_into(descriptor: int, view: memoryview) -> int:
        """Read from the position of a descriptor into a buffer; return how many bytes came, 0 at the end."""
        return os.readv(descriptor, (view,))


if sys.platform == "linux":

    def read_at_hand(descriptor: int, view: memoryview) -> int:
        """Read as `read_into` what the system has in memory (preadv2(2), RWF_NOWAIT); 0 where it would wait."""
        try:
            return os.preadv(descriptor, (view,), -1, os.RWF_NOWAIT)
        except OSError:  # or it can't tell: the waiting read says what is wrong
            return 0

    def expect(descriptor: int, offset: int, count: int) -> None:
        """Have the disk fetch what will be read next, while something else is done."""
        os.posix_fadvise(descriptor, offset, count, os.POSIX_FADV_WILLNEED)

else:

    def read_at_hand(descriptor: int, view: memoryview) -> int:
        """Leave it to the waiting read: the system does not tell what it has in memory."""
        return 0

    def expect(descriptor: int, offset: int, count: int) -> None:
        """Leave it to the system to read ahead."""


def identity(facts: os.stat_result) -> tuple[int, int, int]:
    """Return what stays the same as long as a file is neither written nor replaced."""
    return facts.st_size, facts.st_mtime_ns, facts.st_ino


def windows_of(length: int) -> Ranges:
    """Return the ranges of `length` bytes that stand for all of them: up to 16, evenly spread, 256 B to 8 KiB each.

    They are a 64th of what is short and 128 KiB of what is long; the first and the last bytes are among them.
    """
    width = min(max(length // (64 * WINDOWS), WINDOW_LEAST_BYTES), WINDOW_MOST_BYTES)
    if length <= width * WINDOWS:
        return [(0, length)]
    starts = [number * (length - width) // (WINDOWS - 1) for number in range(WINDOWS)]
    return [(start, start + width) for start in starts]


def tensors_at(head: bytes | memoryview, size_bytes: int) -> int | None:
    """Return where the tensors of a safetensors file begin, None if these are not the first bytes of one."""
    if len(head) < 9 or head[8] != 0x7B:
        return None
    length = int.from_bytes(head[:8], "little")
    return 8 + length if length <= min(HEADER_LIMIT_BYTES, size_bytes - 8) else None


def tensor_ranges(start: int, size_bytes: int) -> Ranges:
    """Return the windows of what follows a safetensors header, counted from the beginning of the file."""
    return [(start + low, start + high) for low, high in windows_of(size_bytes - start)]


def _seed(length: int) -> bytes:
    return length.to_bytes(8, "little")


def hashes_of_small(content: memoryview, sha256: str, every: bool) -> Hashes:
    """Return the hashes of a file of at most `WHOLE_BYTES`.

    Args:
        content: the whole file.
        sha256: its SHA-256.
        every: compute the tensors' SHA-256, CRC32 and BLAKE3 too.
    """
    size_bytes = len(content)
    start = tensors_at(content, size_bytes)
    tensor_quick = tensor_sha256 = None
    if start is not None and start < size_bytes:
        sample = hashlib.sha256(_seed(size_bytes - start))
        for low, high in windows_of(size_bytes - start):
            # So few bytes at a time that the interpreter's lock stays here: it may be long until it comes back.
            sample.update(content[start + low : start + high])
        tensor_quick = sample.hexdigest()[:QUICK_DIGITS]
        if every:
            tensor_sha256 = hashlib.sha256(content[start:]).hexdigest()
    return Hashes(
        sha256,
        sha256[:QUICK_DIGITS],
        tensor_quick,
        None,
        tensor_sha256,
        f"{zlib.crc32(content):08x}" if every else None,
        blake3(content).hexdigest() if every else None,
    )


class _Sample:
    """SHA-256 over some ranges of a file that is fed from its beginning.

    Args:
        ranges: in order, not overlapping, at least one.
        seed: bytes that count before them.
    """

    __slots__ = ("_digest", "_ranges", "begin")

    def __init__(self, ranges: Ranges, seed: bytes = b"") -> None:
        self._digest = hashlib.sha256(seed)
        self._ranges = ranges[::-1]
        self.begin = ranges[0][0]
        """Where the next range starts; nothing before it needs to be fed."""

    def feed(self, offset: int, block: memoryview) -> None:
        """Take the block at `offset`, which follows the one fed before."""
        stop = offset + len(block)
        while self.begin < stop:
            start, end = self._ranges[-1]
            self._digest.update(block[max(start - offset, 0) : end - offset])
            if end > stop:
                return
            self._ranges.pop()
            self.begin = self._ranges[-1][0] if self._ranges else sys.maxsize

    def digits(self) -> str:
        """Return the SHA-256 of what was fed."""
        return self._digest.hexdigest()


class Digests:
    """All hashes but the SHA-256 of one file of more than `WHOLE_BYTES`, which is fed from its beginning.

    Args:
        head: the first bytes, nine at least.
        size_bytes: of the whole file.
        every: compute the tensors' SHA-256, CRC32 and BLAKE3 too.
    """

    def __init__(self, head: memoryview, size_bytes: int, every: bool) -> None:
        self._offset = 0
        self._quick = _Sample(windows_of(size_bytes), _seed(size_bytes))
        self._autov1 = _Sample([(AUTOV1_OFFSET, min(AUTOV1_OFFSET + AUTOV1_BYTES, size_bytes))])
        self._samples = [self._quick, self._autov1]
        start = tensors_at(head, size_bytes)
        self._tensor_quick = self._tensors = None
        if start is not None and start < size_bytes:
            self._tensor_quick = _Sample(tensor_ranges(start, size_bytes), _seed(size_bytes - start))
            self._samples.append(self._tensor_quick)
            if every:
                self._tensors = _Sample([(start, size_bytes)])
                self._samples.append(self._tensors)
        self._crc: int | None = 0 if every else None
        self._blake3 = blake3() if every else None

    def feed(self, block: memoryview) -> None:
        """Take the next bytes of the file."""
        stop = self._offset + len(block)
        for sample in self._samples:
            if sample.begin < stop:
                sample.feed(self._offset, block)
        if self._crc is not None and self._blake3 is not None:
            self._crc = zlib.crc32(block, self._crc)
            self._blake3.update(block)
        self._offset = stop

    def hashes(self, sha256: str) -> Hashes:
        """Return all hashes of the file that was fed, given its SHA-256."""
        return Hashes(
            sha256,
            self._quick.digits()[:QUICK_DIGITS],
            self._tensor_quick.digits()[:QUICK_DIGITS] if self._tensor_quick is not None else None,
            self._autov1.digits()[:8],
            self._tensors.digits() if self._tensors is not None else None,
            f"{self._crc:08x}" if self._crc is not None else None,
            self._blake3.hexdigest() if self._blake3 is not None else None,
        )


def quick_of(path: str) -> str:
    """Return the quick hash of a file, 32 digits, by reading at most 1 MiB of it.

    Of up to 1 MiB it is the beginning of the SHA-256; else the SHA-256 over the size (8 bytes, little-endian) and the
    windows of `windows_of`. Equal hashes mean that the files are most likely equal; the SHA-256 confirms it.

    Raises:
        OSError: the file can't be read, or is no regular file.
    """
    descriptor = open_regular(path)
    try:
        size_bytes = os.fstat(descriptor).st_size
        if size_bytes <= WHOLE_BYTES:
            return hashlib.sha256(_read_at(descriptor, 0, size_bytes)).hexdigest()[:QUICK_DIGITS]
        return _sampled(descriptor, windows_of(size_bytes), size_bytes)
    finally:
        os.close(descriptor)


def tensor_quick_of(path: str) -> str | None:
    """Return the quick hash of the tensors of a safetensors file: the same before and after its header is rewritten.

    The SHA-256 over their length in bytes (8 bytes, little-endian) and the windows of `windows_of`; None where there
    are none.

    Raises:
        OSError: the file can't be read, or is no regular file.
    """
    descriptor = open_regular(path)
    try:
        size_bytes = os.fstat(descriptor).st_size
        start = tensors_at(_read_at(descriptor, 0, 9), size_bytes)
        if start is None or start == size_bytes:
            return None
        return _sampled(descriptor, tensor_ranges(start, size_bytes), size_bytes - start)
    finally:
        os.close(descriptor)


def _sampled(descriptor: int, ranges: Ranges, length: int) -> str:
    sample = b"".join(_read_at(descriptor, low, high - low) for low, high in ranges)
    return hashlib.sha256(_seed(length) + sample).hexdigest()[:QUICK_DIGITS]


def _read_at(descriptor: int, offset: int, count: int) -> bytes:
    os.lseek(descriptor, offset, os.SEEK_SET)
    return os.read(descriptor, count)


def sha256_of(path: str, progress: Progress) -> str:
    """Return the SHA-256 of the whole file, 64 lower-case hex digits.

    Raises:
        OSError: the file vanished, can't be read, or changed meanwhile.
        Cancelled: the waiting side lost interest.
    """
    digest = hashlib.sha256()
    view = memoryview(bytearray(BLOCK_BYTES))
    done = 0
    descriptor, before = open_with_facts(path)
    try:
        while count := read_into(descriptor, view):
            digest.update(view[:count])
            done += count
            progress.step(done, before.st_size, os.path.basename(path), "bytes")
        after = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    if identity(before) != identity(after):
        raise OSError("the file changed while it was read")
    return digest.hexdigest()


def partial_hashes(path: str, kinds: Iterable[str], progress: Progress) -> dict[str, str]:
    """Compute hashes that tools and catalogues claim, in one pass: ``AutoV1``, ``AutoV3``, ``CRC32``, ``BLAKE3``.

    AutoV1: first 8 digits of SHA-256 over 64 KiB at 1 MiB. AutoV3: first 12 digits of SHA-256 over all that follows
    a safetensors header (kohya-ss/sd-scripts; AUTOMATIC1111 stable-diffusion-webui, hashes of LoRA). CRC32: IEEE.
    BLAKE3: of the whole file, 64 digits (InvokeAI, ComfyUI).
    A kind that the file has none of (AutoV1 up to 1 MiB, AutoV3 of other formats and of no tensors) is left out.

    Raises:
        OSError: the file can't be read.
        Cancelled: the waiting side lost interest.
    """
    wanted = set(kinds)
    found: dict[str, str] = {}
    descriptor, facts = open_with_facts(path)
    try:
        size_bytes = facts.st_size
        if "AutoV1" in wanted and size_bytes > AUTOV1_OFFSET:
            window = _read_at(descriptor, AUTOV1_OFFSET, AUTOV1_BYTES)
            found["AutoV1"] = hashlib.sha256(window).hexdigest()[:8]
        start = tensors_at(_read_at(descriptor, 0, 9), size_bytes) if "AutoV3" in wanted else None
        tensors = _Sample([(start, size_bytes)]) if start is not None and start < size_bytes else None
        whole = blake3() if "BLAKE3" in wanted else None
        crc = 0 if "CRC32" in wanted else None
        if tensors is None and whole is None and crc is None:
            return found
        view, done = memoryview(bytearray(BLOCK_BYTES)), 0
        os.lseek(descriptor, 0, os.SEEK_SET)
        while count := read_into(descriptor, view):
            block = view[:count]
            if crc is not None:
                crc = zlib.crc32(block, crc)
            if whole is not None:
                whole.update(block)
            if tensors is not None:
                tensors.feed(done, block)
            done += count
            progress.step(done, size_bytes, os.path.basename(path), "bytes")
    finally:
        os.close(descriptor)
    if tensors is not None:
        found["AutoV3"] = tensors.digits()[:12]
    if crc is not None:
        found["CRC32"] = f"{crc:08x}"
    if whole is not None:
        found["BLAKE3"] = whole.hexdigest()
    return found
