"""A second process of this program: for work on many small things, of which one interpreter does one at a time.

It answers requests one after the other, speaks with nobody else, and ends when its standard input closes: with this
program, however that ends. Who asks must be able to do without it, for it may end at any time.
"""

import contextlib
import gc
import importlib
import json
import os
import select
import signal
import struct
import sys
from typing import Any

_HEAD = struct.Struct("<QQ")
"""How many bytes of JSON follow, and of what else."""
_READ_BYTES = 1024 * 1024
_EXIT_LIMIT_S = 2.0
SILENCE_LIMIT_S = 30.0
"""Who waits so long in all for one word of it does without it: a dead disk may hold it, or somebody stopped it."""
# Of this room only the modules are loaded there that are asked for.
_START = """
import json, sys, types
sys.path[:] = json.loads(sys.argv[1])
if sys.getfilesystemencoding() != sys.argv[4]:
    sys.exit("It would read other names.")  # the environment says otherwise, and is not heard here
import modelmgr
room = sys.modules["modelmgr.discovery"] = types.ModuleType("modelmgr.discovery")
room.__path__ = [sys.argv[2]]
from modelmgr.discovery.second import serve
serve(sys.argv[3])
"""


def is_worth_it() -> bool:
    """Tell whether a second process can run beside this one, and be waited for with a limit."""
    # Windows has no poll for pipes, and tells size and time with the names.
    if sys.platform == "win32" or getattr(sys, "frozen", False) or not sys.executable:
        return False
    return (len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1) > 1


class Second:
    """The process; used by one thread.

    Args:
        module: has a function `answering`, which makes of the first request the function that answers the others: with
            something of the types of JSON, as all is that is sent, and bytes.

    Raises:
        OSError: it can't be started.
    """

    def __init__(self, module: str) -> None:
        import subprocess  # the process itself, which loads this module too, needs none

        # The import system passes by what is no text.
        paths = [path for path in sys.path if isinstance(path, str)]
        words = [json.dumps(paths), os.path.dirname(__file__), module, sys.getfilesystemencoding()]
        self._child = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _START, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
        )
        assert self._child.stdin is not None and self._child.stdout is not None
        self._to, self._from = self._child.stdin.fileno(), self._child.stdout.fileno()
        os.set_blocking(self._to, False)
        if (
            sys.platform == "linux"
        ):  # an answer is read at once, or the lock would be waited for after each piece
            import fcntl

            with contextlib.suppress(OSError):  # the user has many pipes
                fcntl.fcntl(self._from, fcntl.F_SETPIPE_SZ, _READ_BYTES)
        self._readable, self._either = select.poll(), select.poll()
        self._readable.register(self._from, select.POLLIN)
        self._either.register(self._from, select.POLLIN)
        self._either.register(self._to, select.POLLOUT)
        self._came = bytearray()
        self._has_started = False
        self._waited_s = 0.0

    def has_started(self, wait_s: float) -> bool:
        """Tell whether it has heard the first request by now, or after this time; it takes some 20 ms to start.

        Raises:
            OSError: it has ended.
        """
        self._has_started = self._has_started or self.answer(wait_s) is not None
        return self._has_started

    def ask(self, request: Any) -> None:
        """Send a request, the first one or once it has started; former ones need not be answered yet.

        Raises:
            OSError: it has ended, or takes nothing for so long that it counts as such.
        """
        rest = memoryview(_framed(request))
        while rest:
            ready = self._either.poll(int(SILENCE_LIMIT_S * 1000))
            if not ready:
                raise TimeoutError("the second process takes no request")
            for descriptor, _ in ready:
                if descriptor == self._from:  # it may wait until it has told what it knows
                    self._read()
                else:
                    rest = rest[os.write(self._to, rest) :]

    @property
    def readable(self) -> int:
        """The descriptor on which its answers come."""
        return self._from

    def answer(self, wait_s: float) -> tuple[Any, memoryview] | None:
        """Return the next answer and the bytes that came with it; None if it has not come in this time.

        Raises:
            OSError: it has ended, or was waited for so long that it counts as such.
        """
        while True:
            came = self._came
            if len(came) >= _HEAD.size:
                length, more = _HEAD.unpack_from(came)
                middle, end = _HEAD.size + length, _HEAD.size + length + more
                if len(came) >= end:
                    self._came = came[end:]
                    return json.loads(came[_HEAD.size : middle]), memoryview(came)[middle:end]
            if not self._readable.poll(int(wait_s * 1000)):
                self.was_silent(wait_s)
                return None
            self._read()

    def was_silent(self, waited_s: float) -> None:
        """Note that its answer was waited for in vain, by `answer` or on `readable`.

        Raises:
            OSError: it was waited for so long in all that it counts as one that has ended.
        """
        self._waited_s += waited_s  # a pause of the whole program counts for nothing
        if self._waited_s > SILENCE_LIMIT_S:
            raise TimeoutError("the second process gives no answer")

    def _read(self) -> None:
        self._waited_s = 0.0
        piece = os.read(self._from, _READ_BYTES)
        if not piece:
            raise OSError("the second process has ended")
        self._came += piece

    def close(self) -> None:
        """End it, whatever it does."""
        import subprocess

        self._child.kill()
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                pipe.close()
        with contextlib.suppress(subprocess.TimeoutExpired):  # a dead disk holds it
            self._child.wait(_EXIT_LIMIT_S)


def serve(module: str) -> None:
    """Answer requests until there are no more: this is all that the process does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is meant for who started it
    gc.disable()
    source, target = sys.stdin.buffer, sys.stdout.buffer
    loaded, answer = importlib.import_module(module), None
    while len(head := source.read(_HEAD.size)) == _HEAD.size:
        request = json.loads(source.read(_HEAD.unpack(head)[0]))
        if answer is None:
            answer = loaded.answering(request)
            target.write(_framed(None))
        else:
            target.write(_framed(*answer(request)))
        target.flush()


def _framed(value: Any, more: bytes = b"") -> bytes:
    content = json.dumps(value).encode()
    return _HEAD.pack(len(content), len(more)) + content + more
