"""The command line: one of the doors to the library. It parses words, prints what comes back, and no more.

Every command answers with one document; ``--json`` prints that, else people get lines made from the same
values. Errors and signals become exit codes in this room and nowhere else:

    0 all well, 1 this run met problems, 2 wrong usage, 3 the catalog can't be used, 130 cancelled.

What a command needs is imported when it runs: ``modelmgr --help`` loads neither peewee nor Qt.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence

from modelmgr.cli.call import CANCELLED, CATALOG, OK, PROBLEMS, USAGE, Call, Signals, output
from modelmgr.cli.commands import build_parser
from modelmgr.errors import CatalogError, ModelmgrError, Usage
from modelmgr.progress import Cancelled, Stopped
from modelmgr.terminal import visible


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; never raises for what the world does.

    Args:
        argv: the words after the program's name; None takes the process's own.
    """
    if argv is None:
        _open_closed_streams()
        _speak_utf8()
    words = list(sys.argv[1:] if argv is None else argv)
    if isinstance(
        getattr(sys.stdout, "buffer", None), io.FileIO
    ):  # not a console of Windows, which wants text
        # Unbuffered (`python -u`), Python drops what the system did not take of a write that a signal cut short.
        buffered = io.BufferedWriter(io.FileIO(sys.stdout.fileno(), "w", closefd=False))
        sys.stdout = io.TextIOWrapper(buffered, sys.stdout.encoding, line_buffering=True)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    call = Call("--json" in words)
    with Signals(call, keep=argv is None):
        return _answered(call, words)


def _open_closed_streams() -> None:
    """Let standard streams that were handed over closed (``>&-``) lead nowhere.

    Python has none in their place, and the next file that is opened would get their number.
    """
    if None not in (sys.stdin, sys.stdout, sys.stderr):
        return
    while (found := os.open(os.devnull, os.O_RDWR)) <= 2:  # the lowest number that is free
        os.set_inheritable(found, True)
    os.close(found)
    sys.stdin = sys.stdin or open(os.devnull, encoding="utf-8")  # noqa: SIM115 - as long as the process lives
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115


def _speak_utf8() -> None:
    """Begin anew where Python takes the names of files for another encoding than UTF-8 (``LC_ALL=C PYTHONUTF8=0``).

    Names of the catalog could neither be looked up nor shown there. What is printed keeps the encoding that was asked
    for; who can't show a character gets its escape.
    """
    if sys.getfilesystemencoding().lower() == "utf-8" or sys.flags.utf8_mode or getattr(sys, "frozen", False):
        return
    os.environ["PYTHONUTF8"] = "1"  # for the processes that are started from here, too
    os.environ.setdefault("PYTHONIOENCODING", getattr(sys.stdout, "encoding", None) or "utf-8")
    os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])  # noqa: S606 - our own words


def _answered(call: Call, words: Sequence[str]) -> int:
    """Run a command; the one place where what flies becomes an exit code."""
    try:
        try:
            code = _run(call, words)
        except SystemExit as done:  # --help and --version
            code = int(done.code or 0)
        finally:
            call.bar.clear()
        with output():
            sys.stdout.flush()
    except (Cancelled, Stopped, KeyboardInterrupt):
        return call.fail(CANCELLED, "cancelled", "Cancelled; what was finished before stays.")
    except BrokenPipeError:
        return OK  # whoever read our output has gone
    except Usage as error:
        return call.fail(USAGE, error.code, error.message, error.details)
    except CatalogError as error:
        return call.fail(CATALOG, error.code, error.message, error.details)
    except ModelmgrError as error:
        return call.fail(PROBLEMS, error.code, error.message, error.details)
    except Exception as error:  # noqa: BLE001 - a fault of ours, told with its traceback
        import traceback

        for line in "".join(traceback.format_exception(error)).splitlines():
            print(visible(line), file=sys.stderr)
        return call.fail(PROBLEMS, "fault", "This is a fault of modelmgr; please report the lines above.")
    return code


def _run(call: Call, words: Sequence[str]) -> int:
    call.args = build_parser().parse_args(words)
    call.wants_json = getattr(call.args, "json", False)
    code: int = getattr(call.args.module(), call.args.deed)(call)
    return code
