"""The largest headers that strangers may write: read in little time and memory, in a process of their own."""

import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from modelmgr.readers.gguf import ITEM_LIMIT
from modelmgr.readers.safetensors import HEADER_LIMIT_BYTES

MEMORY_LIMIT_MIB = 256
TIME_LIMIT_S = 6
"""Twice and more what the worst of them takes, for machines that are busy or slow."""

READ = """
import json, sys, time
from modelmgr.readers import read_header

def peak_kib():
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))

read_header(sys.argv[1])
before, start = peak_kib(), time.process_time()
header = read_header(sys.argv[2])
json.dumps(header.as_json())
print((peak_kib() - before) // 1024, time.process_time() - start, [problem.code for problem in header.problems])
"""


def text(content: bytes) -> bytes:
    return struct.pack("<Q", len(content)) + content


def gguf(pairs: Iterator[bytes], count: int) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", 3, 0, count) + b"".join(pairs)


def safetensors(header: bytes) -> bytes:
    return struct.pack("<Q", len(header)) + header


def metadata(value: bytes, tail: bytes = b"") -> bytes:
    return safetensors(b'{"__metadata__":{"a":"' + value + b'"}' + tail + b"}")


def table(count: int, entry: bytes) -> bytes:
    return safetensors(b"{" + b",".join(entry % number for number in range(count)) + b"}")


ENTRY = b'"model.layers.%d.weight":{"dtype":"F16","shape":[0],"data_offsets":[0,0]}'
GREATEST = HEADER_LIMIT_BYTES - 64
FACE = "\N{GRINNING FACE}".encode()

WORST: dict[str, Callable[[], bytes]] = {
    "one value as long as a header may be": lambda: metadata(b"x" * GREATEST),
    "the same in wide characters": lambda: metadata(FACE * (GREATEST // 4)),
    "the same in escapes": lambda: metadata(b"\\u0041" * (GREATEST // 6)),
    "a value that is just kept": lambda: metadata(b"x" * (64 * 2**20 - 10)),
    "a value that is just kept, of quotes": lambda: metadata(b'\\"' * (32 * 2**20 - 10)),
    "a long value that does not end": lambda: safetensors(b'{"__metadata__":{"a":"' + b"x" * GREATEST),
    "values that are just not cut": lambda: safetensors(
        b'{"__metadata__":{' + b",".join(b'"%d":"%s"' % (n, b"x" * 65_000) for n in range(480)) + b"}}"
    ),
    "half a million values": lambda: safetensors(
        b'{"__metadata__":{' + b",".join(b'"%d":"%s"' % (n, FACE * 5) for n in range(500_000)) + b"}}"
    ),
    "the most tensors": lambda: table(199_000, ENTRY),
    "the most tensors in another spelling": lambda: table(199_000, ENTRY.replace(b":{", b": {")),
    "more tensors than the most": lambda: table(900_000, ENTRY),
    "as many quotes as a header may hold": lambda: safetensors(b"{" + b'"' * GREATEST + b"}"),
    "as many brackets": lambda: safetensors(b'{"a":' + b"[" * GREATEST),
    "as many NULs behind": lambda: safetensors(b"{}" + b"\0" * GREATEST),
    "as many ends of values": lambda: safetensors(b'{"__metadata__":{"a":"' + b'\\"},"' * (GREATEST // 5)),
    "as many backslashes": lambda: safetensors(b'{"__metadata__":{"a":"' + b"\\" * GREATEST + b'"},"'),
    "as many beginnings of metadata": lambda: safetensors(b'{"x":' + b'{"__metadata__":' * (30 * 2**16)),
    "GGUF: long texts in wide characters": lambda: gguf(
        (text(b"k%d" % n) + struct.pack("<I", 8) + text(b"\xc3\xa9" + FACE * 2_000_000) for n in range(7)), 7
    ),
    "GGUF: texts that are no text": lambda: gguf(
        (text(b"k%d" % n) + struct.pack("<I", 8) + text(b"\xff" * 8_000_000) for n in range(7)), 7
    ),
    "GGUF: the most words": lambda: gguf(
        iter([text(b"k") + struct.pack("<IIQ", 9, 8, ITEM_LIMIT - 999) + text(b"") * (ITEM_LIMIT - 999)]), 1
    ),
    "GGUF: the most keys": lambda: gguf(
        (text(b"key %d " % n + b"x" * 800) + struct.pack("<II", 4, n) for n in range(65_000)), 65_000
    ),
    "GGUF: the most infos": lambda: (
        b"GGUF"
        + struct.pack("<IQQ", 3, 1_000_000, 0)
        + b"".join(text(b"blk.%d.w" % n) + struct.pack("<IQQIQ", 2, n + 1, 1, 1, 0) for n in range(1_000_000))
    ),
}


@pytest.mark.scale
@pytest.mark.skipif(sys.platform != "linux", reason="the peak of memory is asked of Linux")
@pytest.mark.parametrize("name", WORST)
def test_the_worst_header_is_read_in_bounds(name: str, tmp_path: Path) -> None:
    small = tmp_path / "small.safetensors"
    large = tmp_path / ("large.gguf" if name.startswith("GGUF") else "large.safetensors")
    small.write_bytes(safetensors(b'{"w":{"dtype":"F16","shape":[1],"data_offsets":[0,2]}}') + b"\0\0")
    large.write_bytes(WORST[name]())
    words = [sys.executable, "-c", READ, str(small), str(large)]
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=True)
    finally:
        large.unlink()
    memory_mib, seconds, problems = done.stdout.split(" ", 2)
    print(f"{memory_mib} MiB, {seconds} s, {problems}")
    assert int(memory_mib) <= MEMORY_LIMIT_MIB
    assert float(seconds) < TIME_LIMIT_S
