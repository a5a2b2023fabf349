"""The process that walks pickles: pickled bytes come in, plain facts go out.

It is started by `modelmgr.readers.pickle_process` with nothing but the standard library, limits itself before it
looks at a byte, opens no file and knows no path. Whatever a file does to it, it ends without the program noticing.
"""

import faulthandler
import gc
import json
import os
import signal
import sys
import time
import zlib
from typing import Any

from modelmgr.readers import pickle_walk
from modelmgr.readers.pickle_records import Broken, CutOff, Finds
from modelmgr.readers.torch_state import State, state_of

INPUT_LIMIT_BYTES = 64 * 1024 * 1024
MEMORY_LIMIT_BYTES = 512 * 1024 * 1024
CAN_LIMIT_WORK = hasattr(signal, "setitimer")
TIME_LIMIT_S = 30 if CAN_LIMIT_WORK else 5
"""Where the work itself can be limited, a busy processor does not count against a file."""
INFLATION_LIMIT = 100
"""How many times its stored size a compressed pickle may be; PyTorch stores its own uncompressed."""
LENGTH_BYTES = 8
ARRAY_MAGIC = b"\x93NUMPY"
GARBAGE_THRESHOLD = 100_000


def main() -> None:
    """Answer requests until the other end of the pipe is closed."""
    limit()
    # Nearly all that is built lives to the end of its file: looking for garbage meanwhile costs a third of the time.
    gc.set_threshold(GARBAGE_THRESHOLD)
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    with open(os.devnull, "wb") as nowhere:
        while (head := requests.read(LENGTH_BYTES)) and len(head) == LENGTH_BYTES:
            faulthandler.dump_traceback_later(TIME_LIMIT_S, exit=True, file=nowhere)
            request = json.loads(requests.read(int.from_bytes(head, "little")))
            limit_work(request["limit_s"])
            start = time.process_time()
            parts = [requests.read(part["size"]) for part in request["parts"]]
            # Danger is told first: no state, however wild, can take that answer away again.
            found, values = scanned(request["parts"], parts)
            answers.write(packed(found))
            answers.flush()
            answers.write(described(values, start))
            answers.flush()
            del values, parts, found
            faulthandler.cancel_dump_traceback_later()
            limit_work(0)


def limit_work(seconds: float) -> None:
    """Let this process end after so much more processor time; 0 takes the limit away."""
    if CAN_LIMIT_WORK:
        signal.setitimer(signal.ITIMER_PROF, seconds)


def limit() -> None:
    """Bound what this process may take; on Windows only its time is."""
    try:
        import resource
    except ImportError:
        return
    for kind, bound in (
        (resource.RLIMIT_AS, MEMORY_LIMIT_BYTES),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
    ):
        hard = resource.getrlimit(kind)[1]
        bound = bound if hard == resource.RLIM_INFINITY else min(bound, hard)
        try:
            resource.setrlimit(kind, (bound, bound))
        except (ValueError, OSError):
            # macOS knows the limit of memory but does not take it.
            continue


def scanned(descriptions: list[dict[str, Any]], parts: list[bytes]) -> tuple[dict[str, Any], list[object]]:
    """Walk the pickles of one file.

    Args:
        descriptions: one for each of the parts: ``deflated`` (its full size, or None), ``whole`` (False: the file
            goes on behind it), ``main`` (False: it only looks like a pickle, damage in it proves nothing).
        parts: the bytes.

    Returns:
        The facts about their imports, and what each of the main ones would build.
    """
    finds = Finds()
    values: list[object] = []
    problems: list[str] = []
    kind, more = "pickle", False
    for description, part in zip(descriptions, parts, strict=True):
        try:
            content = part if description["deflated"] is None else inflated(part, description["deflated"])
        except (Broken, MemoryError) as error:
            problems.append(str(error) or "it takes too much memory")
            continue
        content = behind_array(content)
        if not description["main"]:
            pickle_walk.walk_doubtful(content, 0, finds)
            continue
        value, kind, problem = pickle_walk.walk_file(content, finds)
        values.append(value)
        if problem is not None:
            problems.append(str(problem))
            more = more or (isinstance(problem, CutOff) and not description["whole"])
    return {
        "imports": list(finds.imports),
        "extensions": sorted(finds.extensions)[:100],
        "computed": finds.computed,
        "changed": finds.changed,
        "unread": finds.unread,
        "crossed": finds.crossed,
        "problem": problems[0] if problems else None,
        "format": kind,
        "more": more,
    }, values


def inflated(part: bytes, size: int) -> bytes:
    """Return the bytes that a zip's deflated member holds.

    Raises:
        Broken: it is damaged, or blows up.
    """
    bound = min(INPUT_LIMIT_BYTES, max(len(part), 1024) * INFLATION_LIMIT)
    if size > bound:
        raise Broken("its pickle is compressed beyond measure")
    machine = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        content = machine.decompress(part, bound + 1)
    except zlib.error:
        raise Broken("its pickle can't be unpacked") from None
    if len(content) > bound:
        raise Broken("its pickle is compressed beyond measure")
    return content


def behind_array(content: bytes) -> bytes:
    """Return what follows the header of a NumPy array: if that holds objects, they are pickled there.

    Of anything else the bytes as they are; of an array of numbers, none.
    """
    if not content.startswith(ARRAY_MAGIC):
        return content
    at = 12 if content[6:7] >= b"\x02" else 10
    end = at + int.from_bytes(content[8:at], "little")
    return content[end:] if b"O" in content[at:end].partition(b"fortran_order")[0] else b""


def described(values: list[object], start: float) -> bytes:
    """Return the answer about tensors and facts: those of the first value that holds tensors.

    Args:
        values: what the pickles would build.
        start: processor time when the work on them began, for the answer says how long it took.
    """
    best: State | None = None
    complete = True
    try:
        for value in values:
            state = state_of(value)
            complete = complete and state.complete
            if best is None or (state.tensors and not best.tensors):
                best = state
        if best is not None:
            tensors = [[name, *tensor] for name, tensor in best.tensors.items()]
            answer = {
                "tensors": tensors,
                "facts": best.facts,
                "complete": complete,
                "took_s": time.process_time() - start,
            }
            return packed(answer)
    except (MemoryError, RecursionError):
        complete = False
    took_s = time.process_time() - start
    return packed({"tensors": [], "facts": {}, "complete": complete, "took_s": took_s})


def packed(answer: dict[str, Any]) -> bytes:
    """Return an answer as its length and JSON."""
    content = json.dumps(answer).encode()
    return len(content).to_bytes(LENGTH_BYTES, "little") + content
