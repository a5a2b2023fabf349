"""One run of the program: what it was told, where it speaks, how its work is stopped, and what it ends with.

Errors and signals become exit codes here and in `modelmgr.cli.main`, and nowhere else.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum
from types import FrameType
from typing import IO, TYPE_CHECKING, Any

from modelmgr.errors import CatalogError, ModelmgrError, Usage
from modelmgr.progress import Progress, Stopped
from modelmgr.terminal import Bar, visible

if TYPE_CHECKING:
    from modelmgr.catalog import Catalog
    from modelmgr.library import Library
    from modelmgr.values import Problem

OK, PROBLEMS, USAGE, CATALOG, CANCELLED = 0, 1, 2, 3, 130

_LAST_WORD_S = 3.0  # a cancelled deed that has not ended by then is interrupted where it stands
_INSISTED_S = 0.5  # and by then if it is asked twice while it works


class Stage(Enum):
    """How far a run of the program is, for those who would stop it.

    Until it is known whether a question or a deed comes, a signal waits. A deed is asked to stop; what it holds open is
    closed and what it did is told to the end.
    """

    STARTING = "starting"
    ASKING = "asking"
    WORKING = "working"
    CLOSING = "closing"
    TELLING = "telling"


class Call:
    """One run of the program: its words, where it speaks, and how its work is stopped.

    Attributes:
        args: the parsed words.
        progress: handed to every deed; draws the bar, hears the signals.
        stage: what a signal meets.
    """

    def __init__(self, wants_json: bool) -> None:
        self.args = argparse.Namespace()
        self.wants_json = wants_json
        self.bar = Bar(sys.stderr)
        self.progress = Progress(self.bar.show)
        self.stage = Stage.STARTING
        self._has_spoken = False

    @property
    def catalog_path(self) -> str:
        """The catalog's file: ``--catalog``, else ``MODELMGR_CATALOG``, else the user's data folder.

        Raises:
            CatalogError: the name is relative, and the current folder isn't there any more.
            Usage: ``--catalog`` is empty, as a variable that was not set leaves it.
        """
        if self.args.catalog == "":
            raise Usage("--catalog names no file.")
        named = self.args.catalog or os.environ.get("MODELMGR_CATALOG")
        if named:
            try:
                return os.path.abspath(named)
            except FileNotFoundError as error:
                message = f"The catalog {named} can't be found: the current folder isn't there any more."
                raise CatalogError(message, path=named) from error
        from modelmgr.settings import default_catalog_path

        return default_catalog_path()

    @contextlib.contextmanager
    def catalog(self) -> Iterator[Catalog]:
        """Open the catalog to read from it; one that isn't there stays absent and answers as an empty one."""
        from modelmgr.catalog import Catalog

        log_to_terminal()
        if self.stage != Stage.WORKING:
            self.ask()
        catalog = Catalog.open(self.catalog_path, create=False)
        try:
            yield catalog
        finally:
            catalog.close()

    @contextlib.contextmanager
    def library(self) -> Iterator[Library]:
        """Open the library for a deed; makes the catalog if there is none."""
        from modelmgr.catalog import Catalog
        from modelmgr.library import Library

        log_to_terminal()
        path = self.catalog_path
        if not (self.args.catalog or os.environ.get("MODELMGR_CATALOG")):
            try:
                os.makedirs(os.path.dirname(path), exist_ok=True)
            except OSError as error:
                raise CatalogError(f"The catalog's folder can't be made: {error}.", path=path) from error
        with self.deed():
            catalog = Catalog.open(path)
            try:
                yield Library(catalog)
            finally:
                self.stage = Stage.CLOSING
                catalog.close()

    @contextlib.contextmanager
    def deed(self) -> Iterator[None]:
        """Mark work that signals shall stop gently."""
        self.stage = Stage.WORKING
        try:
            yield
        finally:
            self.stage = Stage.TELLING

    def ask(self) -> None:
        """Mark a question, which signals end at once.

        Raises:
            Stopped: one came before.
        """
        self.stage = Stage.ASKING
        if self.progress.is_cancelled:
            raise Stopped

    def begin_anew(self) -> None:
        """Mark that something begins which stops by itself when `progress` is cancelled; a signal waits until then."""
        self.stage = Stage.STARTING

    def say(self, document: Mapping[str, Any], lines: Iterable[str]) -> None:
        """Print the answer: the document with ``--json``, else the lines.

        Values of the document that are iterators are written as arrays, element by element.
        """
        self.bar.clear()
        self._has_spoken = True
        with output() as out:
            if self.wants_json:
                _write_json(out, document)
            else:
                for line in lines:
                    print(line, file=out)

    def tell(self, sentences: Iterable[str]) -> None:
        """Say something beside the answer, on stderr, after it."""
        with output() as out:
            out.flush()
        for sentence in sentences:
            print(f"modelmgr: {visible(sentence)}", file=sys.stderr)

    def fail(self, code: int, name: str, message: str, details: Mapping[str, Any] | None = None) -> int:
        """Print why the command could not be done, and return the exit code."""
        facts = dict(details or {})
        usage = str(facts.pop("usage", ""))
        with contextlib.suppress(BrokenPipeError):
            if self.wants_json and not self._has_spoken:
                error = {"code": name, "message": message, "details": facts}
                document = {**(getattr(self.args, "when_failed", None) or {}), "error": error}
                if "problems" in document:
                    from modelmgr import documents
                    from modelmgr.values import Problem

                    failed = Problem(str(facts.get("path", "")), name, message)
                    document["problems"] = documents.problems([failed])
                print(json.dumps(document, default=str))
                sys.stdout.flush()
            else:
                print(usage + f"modelmgr: {visible(message)}", file=sys.stderr)
        return code


class Signals:
    """Ctrl-C and SIGTERM: a deed is asked to stop, a question ends at once.

    A deed that does not come to an end is interrupted after a few seconds, and soon if it is asked twice; its open
    transaction is undone.

    Args:
        keep: leave the process deaf to them afterwards, for nothing is left to be stopped.
    """

    def __init__(self, call: Call, *, keep: bool) -> None:
        self._call = call
        self._keep = keep
        self._is_late = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        numbers = [signal.SIGINT, signal.SIGTERM]
        if sys.platform == "win32":
            numbers.append(signal.SIGBREAK)  # the one that another program can send there
        for number in numbers:
            self._before[number] = signal.signal(number, self._stop)

    def __exit__(self, *_: object) -> None:
        if not self._before:
            return
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in self._before.items():
            signal.signal(number, signal.SIG_IGN if self._keep else handler)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        progress, stage = self._call.progress, self._call.stage
        has_timer = hasattr(signal, "setitimer")
        if stage == Stage.CLOSING:
            return  # that can't be cut short, and what was done is yet to be told
        if stage == Stage.TELLING and not self._is_late:
            # It ended in time and is telling what it did; only who insists cuts that short.
            self._is_late = number != getattr(signal, "SIGALRM", None)
            return
        if stage in (Stage.ASKING, Stage.TELLING) or number == getattr(signal, "SIGALRM", None):
            raise Stopped
        is_first = not progress.is_cancelled
        progress.cancel()
        if has_timer:
            self._before.setdefault(signal.SIGALRM, signal.signal(signal.SIGALRM, self._stop))
            left, _ = signal.getitimer(signal.ITIMER_REAL)
            most = _LAST_WORD_S if is_first or stage == Stage.STARTING else _INSISTED_S
            signal.setitimer(signal.ITIMER_REAL, min(left or most, most))
        elif not is_first:
            raise Stopped


def outcome(problems: Sequence[Problem], cancelled: bool = False) -> int:
    """Return the exit code of work that met these problems."""
    if cancelled:
        return CANCELLED
    return PROBLEMS if problems else OK


def log_to_terminal() -> None:
    """Send warnings to stderr, escaped like all other output."""
    import logging

    class Escaped(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            return "\n".join(visible(line) for line in super().format(record).splitlines())

    handler = logging.StreamHandler()
    handler.setFormatter(Escaped("modelmgr: %(message)s"))
    handler.setLevel(logging.WARNING)  # the window's log file hears more
    logging.basicConfig(level=logging.WARNING, handlers=[handler])


@contextlib.contextmanager
def output() -> Iterator[IO[str]]:
    """Give stdout to write the answer to.

    Raises:
        BrokenPipeError: its reader has gone.
        ModelmgrError: it can't be written for another reason.
    """
    try:
        yield sys.stdout
    except OSError as error:
        # The interpreter flushes once more at its exit, and would complain then.
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            raise
        raise ModelmgrError(f"The output can't be written: {error.strerror}.", code="unwritable") from error


def _write_json(out: IO[str], document: Mapping[str, Any]) -> None:
    opening = "{"
    for key, value in document.items():
        out.write(f"{opening}{json.dumps(key)}: ")
        if isinstance(value, Iterator):
            out.write("[")
            for at, item in enumerate(value):
                out.write((", " if at else "") + json.dumps(item))
            out.write("]")
        else:
            out.write(json.dumps(value, allow_nan=False))
        opening = ", "
    out.write("{}\n" if opening == "{" else "}\n")
    out.flush()
