"""The one warm process that walks pickles for this program, as `modelmgr.readers.pickle_child` does it.

It is started when the first pickle is met, used by one thread at a time, started again after a file was its end, and
ends when its standard input closes: with this program, however that ends.
"""

import atexit
import json
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

LENGTH_BYTES = 8
ANSWER_LIMIT_BYTES = 64 * 1024 * 1024
EXIT_LIMIT_S = 2.0
WORK_LIMIT_S = 4.0
"""Processor time for all pickles of one file; where that can't be limited, `pickle_child.TIME_LIMIT_S` is."""
SILENCE_LIMIT_S = 40.0
"""Longer than its own limit: who stopped it, or its disk, can't hold the program."""
READ_BYTES = 1024 * 1024
CAN_WAIT = sys.platform != "win32"
LARGE_BYTES = 8 * 1024 * 1024
"""After a request of more than this, the next has a new process."""
# The package of the readers is not run there: the child needs two modules of it and the standard library.
_START = """
import sys, types
for name in ("modelmgr", "modelmgr.readers"):
    sys.modules[name] = types.ModuleType(name)
sys.modules["modelmgr.readers"].__path__ = [sys.argv[1]]
from modelmgr.readers.pickle_child import main
main()
"""


class Part(NamedTuple):
    """Bytes in which pickles are.

    Attributes:
        deflated: the full size of what these bytes unpack to, or None: they are as they are.
        whole: False if the file goes on behind them.
        main: False if they only look like a pickle.
    """

    content: bytes
    deflated: int | None = None
    whole: bool = True
    main: bool = True


class Walked(NamedTuple):
    """The two answers of the child; None where it had none to give.

    `found` tells of imports, `state` of tensors, see `modelmgr.readers.pickle_child`.
    """

    found: dict[str, Any] | None
    state: dict[str, Any] | None


class _Process:
    """The child and the lock of who speaks with it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None

    def ask(self, parts: Sequence[Part], limit_s: float = WORK_LIMIT_S) -> Walked:
        with self._lock:
            child = self._living()
            if child is None or child.stdin is None or child.stdout is None:
                return Walked(None, None)
            request = [
                {"size": len(part.content), "deflated": part.deflated, "whole": part.whole, "main": part.main}
                for part in parts
            ]
            head = json.dumps({"parts": request, "limit_s": limit_s}).encode()
            found: dict[str, Any] | None = None
            state: dict[str, Any] | None = None
            until = time.monotonic() + SILENCE_LIMIT_S
            try:
                _send(child, len(head).to_bytes(LENGTH_BYTES, "little") + head, until)
                for part in parts:
                    _send(child, part.content, until)
                found = _answer(child, until)
                state = _answer(child, until)
            except (OSError, ValueError):
                # It died of this file, or was killed: what it said before counts.
                return Walked(found, state)
            finally:
                # After an interruption its next words would be of this file. After a large one, memory that is in
                # pieces would fail the files to come.
                if state is None or sum(max(len(p.content), p.deflated or 0) for p in parts) > LARGE_BYTES:
                    self._end()
            return Walked(found, state)

    def close(self) -> None:
        child = self._child
        if child is not None:
            # Whoever waits for it stops waiting.
            child.kill()
        with self._lock:
            self._end()

    def _living(self) -> "subprocess.Popen[bytes] | None":
        if self._child is not None and self._child.poll() is None:
            return self._child
        self._end()
        try:
            self._child = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _START, os.path.dirname(__file__)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        except (OSError, ValueError):
            return None
        if CAN_WAIT and self._child.stdin is not None:
            os.set_blocking(self._child.stdin.fileno(), False)
        return self._child

    def _end(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        child.kill()
        for pipe in (child.stdin, child.stdout):
            try:
                if pipe is not None:
                    pipe.close()
            except OSError:
                # What it was still to be told is lost with it.
                continue
        try:
            child.wait(EXIT_LIMIT_S)
        except subprocess.TimeoutExpired:
            return


def _answer(child: "subprocess.Popen[bytes]", until: float) -> dict[str, Any]:
    """Return the child's next answer.

    Raises:
        OSError: it has died, or says nothing.
        ValueError: what it says makes no sense.
    """
    length = int.from_bytes(_exactly(child, LENGTH_BYTES, until), "little")
    if length > ANSWER_LIMIT_BYTES:
        raise ValueError("too long an answer")
    answer: dict[str, Any] = json.loads(_exactly(child, length, until))
    return answer


def _exactly(child: "subprocess.Popen[bytes]", count: int, until: float) -> bytes:
    assert child.stdout is not None
    content = bytearray()
    while len(content) < count:
        _wait(child.stdout.fileno(), False, until)
        piece = os.read(child.stdout.fileno(), min(count - len(content), READ_BYTES))
        if not piece:
            raise OSError("the walking process has died")
        content += piece
    return bytes(content)


def _send(child: "subprocess.Popen[bytes]", content: bytes, until: float) -> None:
    assert child.stdin is not None
    rest = memoryview(content)
    while rest:
        _wait(child.stdin.fileno(), True, until)
        rest = rest[os.write(child.stdin.fileno(), rest) :]


def _wait(pipe: int, writes: bool, until: float) -> None:
    """Wait until a pipe can be used; Windows has no such question, and waits as long as the child lives.

    Raises:
        TimeoutError: it can't for too long.
    """
    if CAN_WAIT:
        asked = select.poll()
        asked.register(pipe, select.POLLOUT if writes else select.POLLIN)
        if not asked.poll(max(0.0, until - time.monotonic()) * 1000):
            raise TimeoutError("the walking process says nothing")


_process = _Process()
atexit.register(_process.close)


def walked(parts: Sequence[Part], limit_s: float = WORK_LIMIT_S) -> Walked:
    """Let the child walk the pickles of one file; at most 64 MiB in all, and so long. Never raises."""
    return _process.ask(parts, limit_s)
