"""The command line: one of the doors to the library. It parses words, prints what comes back, and no more.

Every command answers with one document; ``--json`` prints that, else people get lines made from the same
values. Errors and signals become exit codes here and nowhere else:

    0 all well, 1 this run met problems, 2 wrong usage, 3 the catalog can't be used, 130 cancelled.

What a command needs is imported inside it: ``modelmgr --help`` loads neither peewee nor Qt.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import FrameType
from typing import IO, TYPE_CHECKING, Any, NoReturn

from modelmgr import __version__
from modelmgr.errors import CatalogError, ModelmgrError, NotFound, Usage
from modelmgr.progress import Cancelled, Progress
from modelmgr.terminal import Bar, count_text, duration_text, size_text, table, visible

if TYPE_CHECKING:
    from modelmgr.catalog import Catalog
    from modelmgr.library import Library
    from modelmgr.values import ImportReport, ModelDetails, ModelRow, PendingModel, Problem, ScanReport

OK, PROBLEMS, USAGE, CATALOG, CANCELLED = 0, 1, 2, 3, 130

_LAST_WORD_S = 3.0  # a cancelled deed that has not ended by then is interrupted where it stands
_CHUNK = 1_000
_SHOWN_PROBLEMS = 50
_LARGEST = 2**63 - 1  # what SQLite can hold
_LAST_PORT = 65_535
_SCAN_GARBAGE = (20_000, 20, 100)  # headers by the thousand, hardly a cycle among them: a tenth of a scan
_LISTEN_S = 0.2
_LONGEST_VALUE = 60


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; never raises for what the world does.

    Args:
        argv: the words after the program's name; None takes the process's own.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    call = _Call("--json" in words)
    with _Signals(call, keep=argv is None):
        return _answered(call, words)


def _answered(call: _Call, words: Sequence[str]) -> int:
    """Run a command; the one place where what flies becomes an exit code."""
    try:
        try:
            code = _run(call, words)
        finally:
            call.bar.clear()
        with _output():
            sys.stdout.flush()
    except (Cancelled, _Stopped, KeyboardInterrupt):
        return call.fail(CANCELLED, "cancelled", "Cancelled; what was finished before stays.")
    except BrokenPipeError:
        return OK  # whoever read our output has gone
    except Usage as error:
        return call.fail(USAGE, error.code, error.message, error.details)
    except CatalogError as error:
        return call.fail(CATALOG, error.code, error.message, error.details)
    except ModelmgrError as error:
        return call.fail(PROBLEMS, error.code, error.message, error.details)
    except SystemExit as done:  # --help and --version
        return int(done.code or 0)
    except Exception as error:  # noqa: BLE001 - a fault of ours, told with its traceback
        import traceback

        for line in "".join(traceback.format_exception(error)).splitlines():
            print(visible(line), file=sys.stderr)
        return call.fail(PROBLEMS, "fault", "This is a fault of modelmgr; please report the lines above.")
    return code


class _Call:
    """One run of the program: its words, where it speaks, and how its work is stopped.

    Attributes:
        args: the parsed words.
        progress: handed to every deed; draws the bar, hears the signals.
        is_working: True while a deed runs, which is then stopped gently.
        has_worked: True once it has ended; what it did is yet to be told.
    """

    def __init__(self, wants_json: bool) -> None:
        self.args = argparse.Namespace()
        self.wants_json = wants_json
        self.bar = Bar(sys.stderr)
        self.progress = Progress(self.bar.show)
        self.is_working = False
        self.has_worked = False
        self._has_spoken = False

    @property
    def catalog_path(self) -> str:
        """The catalog's file: ``--catalog``, else ``MODELMGR_CATALOG``, else the user's data folder."""
        named = self.args.catalog or os.environ.get("MODELMGR_CATALOG")
        if named:
            return os.path.abspath(named)
        from modelmgr.settings import default_catalog_path

        return default_catalog_path()

    @contextlib.contextmanager
    def catalog(self) -> Iterator[Catalog]:
        """Open the catalog to read from it; one that isn't there stays absent and answers as an empty one."""
        from modelmgr.catalog import Catalog

        _log_to_terminal()
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

        _log_to_terminal()
        path = self.catalog_path
        if not (self.args.catalog or os.environ.get("MODELMGR_CATALOG")):
            try:
                os.makedirs(os.path.dirname(path), exist_ok=True)
            except OSError as error:
                raise CatalogError(f"The catalog's folder can't be made: {error}.", path=path) from error
        with self.deed(), Catalog.open(path) as catalog:
            yield Library(catalog)

    @contextlib.contextmanager
    def deed(self) -> Iterator[None]:
        """Mark work that signals shall stop gently."""
        self.is_working = True
        try:
            yield
        finally:
            self.is_working, self.has_worked = False, True

    def say(self, document: Mapping[str, Any], lines: Iterable[str]) -> None:
        """Print the answer: the document with ``--json``, else the lines.

        Values of the document that are iterators are written as arrays, element by element.
        """
        self.bar.clear()
        self._has_spoken = True
        with _output() as out:
            if self.wants_json:
                _write_json(out, document)
            else:
                for line in lines:
                    print(line, file=out)

    def fail(self, code: int, name: str, message: str, details: Mapping[str, Any] | None = None) -> int:
        """Print why the command could not be done, and return the exit code."""
        facts = dict(details or {})
        usage = str(facts.pop("usage", ""))
        with contextlib.suppress(BrokenPipeError):
            if self.wants_json and not self._has_spoken:
                error = {"code": name, "message": message, "details": facts}
                document = {**(getattr(self.args, "when_failed", None) or {}), "error": error}
                print(json.dumps(document, default=str))
                sys.stdout.flush()
            else:
                print(usage + f"modelmgr: {visible(message)}", file=sys.stderr)
        return code


class _Stopped(BaseException):
    """A signal ends the command where it stands.

    Not a KeyboardInterrupt: where that passes through compiled text (as dataclasses have), Python remembers it and ends
    the process by SIGINT in spite of its exit code.
    """


class _Signals:
    """Ctrl-C and SIGTERM: a running deed is asked to stop, a question ends at once.

    A deed that does not come to an end is interrupted after a few seconds, and so is one that is asked twice;
    its open transaction is undone.

    Args:
        keep: leave the process deaf to them afterwards, for nothing is left to be stopped.
    """

    def __init__(self, call: _Call, *, keep: bool) -> None:
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
        if self._call.has_worked and not self._call.is_working and not self._is_late:
            # It ended in time and is telling what it did; only who insists cuts that short.
            self._is_late = number != getattr(signal, "SIGALRM", None)
            return
        if not self._call.is_working or self._call.progress.is_cancelled:
            raise _Stopped
        self._call.progress.cancel()
        if hasattr(signal, "setitimer"):
            self._before.setdefault(signal.SIGALRM, signal.signal(signal.SIGALRM, self._stop))
            signal.setitimer(signal.ITIMER_REAL, _LAST_WORD_S)


def _log_to_terminal() -> None:
    """Send warnings to stderr, escaped like all other output."""
    import logging

    class Escaped(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            return "\n".join(visible(line) for line in super().format(record).splitlines())

    handler = logging.StreamHandler()
    handler.setFormatter(Escaped("modelmgr: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])


@contextlib.contextmanager
def _output() -> Iterator[IO[str]]:
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


# --- the words --------------------------------------------------------------------------------------------


class _Parser(argparse.ArgumentParser):
    """The program's parser.

    Args:
        complete: adds what is dear to know, once the parser is asked anything; other commands need not wait for it.
        options: as argparse has them.
    """

    def __init__(
        self, *, complete: Callable[[argparse.ArgumentParser], None] | None = None, **options: Any
    ) -> None:
        super().__init__(allow_abbrev=False, **options)
        self._complete = complete

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        if self._complete is not None:
            complete, self._complete = self._complete, None
            complete(self)
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        raise Usage(message, usage=self.format_usage())


def _number(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = -1
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 0 or more")
    return min(number, _LARGEST)


def _port(text: str) -> int:
    number = _number(text)
    if number > _LAST_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is no port; the last one is {_LAST_PORT}")
    return number


def _path(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("a path is empty")
    return os.path.abspath(text)


def _sha256(text: str) -> str:
    if not re.fullmatch("[0-9a-fA-F]{8,64}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a SHA-256 or its first 8 or more digits")
    return text.lower()


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    root = _Parser(
        prog="modelmgr",
        description="One library over all your AI models. Without a command the window opens.",
        epilog="Exit codes: 0 all well, 1 met problems, 2 wrong usage, 3 no usable catalog, 130 cancelled.",
    )
    root.add_argument("--version", action="version", version=f"modelmgr {__version__}")
    root.add_argument(
        "--catalog",
        metavar="FILE",
        help="the catalog to use (else MODELMGR_CATALOG, else the one in your data folder)",
    )
    root.set_defaults(run=_gui, paths=[], when_failed=None, command="gui")
    shared = _Parser(add_help=False)
    shared.add_argument("--json", action="store_true", help="print one JSON document")
    commands = root.add_subparsers(metavar="COMMAND", title="commands")

    def add(
        group: Any,
        name: str,
        run: Callable[[_Call], int],
        help_text: str,
        complete: Callable[[argparse.ArgumentParser], None] | None = None,
        **defaults: Any,
    ) -> Any:
        made = group.add_parser(
            name, parents=[shared], help=help_text, description=help_text, complete=complete
        )
        made.set_defaults(run=run, **defaults)
        return made

    def group_of(name: str, help_text: str) -> Any:
        made = commands.add_parser(name, help=help_text, description=help_text)
        return made.add_subparsers(metavar="COMMAND", title="commands", required=True)

    gui = add(commands, "gui", _gui, "open the window, as if the paths had been dropped on it")
    gui.add_argument("paths", nargs="*", type=_path, metavar="PATH")
    add(commands, "demo", _demo, "open the window on a sample library in a temporary folder")
    serve = add(commands, "serve", _serve, "answer other programs on this computer, until Ctrl-C")
    serve.add_argument("--port", type=_port, metavar="N", help="8765 unless given; 0 takes a free one")
    serve.add_argument(
        "--token-file", type=_path, metavar="FILE", help="whose word lets in (else beside the catalog)"
    )

    folders = group_of("folders", "the library folders")
    for name, run, help_text in (
        ("add", _folders_add, "add folders; `scan` then looks into them"),
        ("remove", _folders_remove, "forget folders; nothing on disk is touched"),
    ):
        made = add(folders, name, run, help_text)
        made.add_argument("paths", nargs="+", type=_path, metavar="PATH")
    add(folders, "list", _folders_list, "list the folders")
    ignore = add(folders, "ignore", _folders_ignore, "say what scans leave out of a folder")
    ignore.add_argument("path", type=_path, metavar="PATH")
    ignore.add_argument(
        "--pattern",
        action="append",
        metavar="P",
        help="as in a .gitignore; several may be given, '' for none",
    )
    ignore.add_argument(
        "--hidden", action=argparse.BooleanOptionalAction, help="leave out what is hidden, or look into it"
    )
    ignored = add(folders, "ignored", _folders_ignored, "list what scans leave out of a folder, and why")
    ignored.add_argument("path", type=_path, metavar="PATH")
    moving = add(folders, "move", _folders_move, "say that a folder lies elsewhere now; its models go along")
    moving.add_argument("old", type=_path, metavar="OLD")
    moving.add_argument("new", type=_path, metavar="NEW")
    moving.add_argument("--dry-run", action="store_true", help="say what is found there, change nothing")

    scan = add(commands, "scan", _scan, "find models and compute their SHA-256; without PATH in all folders")
    scan.add_argument("paths", nargs="*", type=_path, metavar="PATH", help="is added as a library folder")
    scan.add_argument("--no-hash", action="store_true", help="read headers only")
    scan.add_argument(
        "--quick", action="store_true", help="only folders that got or lost names since the last scan"
    )
    scan.add_argument(
        "--hashes",
        choices=["auto", "all", "sha256"],
        default="auto",
        help="the others that tools use too: `all`, or where they cost next to nothing (`auto`)",
    )
    scan.add_argument("--workers", type=_number, default=0, metavar="N", help="hashing threads")
    scan.add_argument(
        "--read-limit", type=_number, default=0, metavar="MB", help="megabytes a second that hashing may read"
    )

    locate = add(commands, "locate", _locate, "say where the lost file of a model is now")
    locate.add_argument("sha256", type=_sha256, metavar="SHA256", help="8 or more of its digits will do")
    locate.add_argument("path", type=_path, metavar="PATH")

    listing = add(commands, "list", _list, "list models", complete=_add_filters)
    listing.add_argument("--limit", type=_number, default=100, metavar="N", help="100 unless given")
    listing.add_argument("--offset", type=_number, default=0, metavar="N")

    show = add(commands, "show", _show, "show everything known about one model")
    show.add_argument(
        "sha256", type=_sha256, metavar="SHA256", help="8 or more of its digits, or another hash of the file"
    )

    edit = add(
        commands, "edit", _edit, "set what holds against every scan and import; undo it", _tell_columns
    )
    edit.add_argument(
        "sha256", nargs="*", type=_sha256, metavar="SHA256", help="8 or more of its digits will do"
    )
    edit.add_argument("--set", action="append", default=[], metavar="COLUMN=VALUE", help="may be repeated")
    edit.add_argument(
        "--reset", action="append", default=[], metavar="COLUMN", help="back to the imported value"
    )
    for option, what in (("tag", "T"), ("trigger-word", "W")):
        for verb in ("add", "remove"):
            edit.add_argument(
                f"--{verb}-{option}", action="append", default=[], metavar=what, help="may be repeated"
            )
    edit.add_argument("--note", default="", metavar="TEXT", help="for the history")
    back = edit.add_mutually_exclusive_group()
    for verb, which in (("undo", "the last one"), ("redo", "the last one undone")):
        back.add_argument(
            f"--{verb}", nargs="?", type=_number, const=0, metavar="N", help=f"edit N, else {which}"
        )
    edits = add(commands, "edits", _edits, "show what was edited of a model, and where its values come from")
    edits.add_argument("sha256", type=_sha256, metavar="SHA256")

    migrate = group_of("migrate", "take over what other tools know")
    detect = add(migrate, "detect", _detect, "say which tools' records lie there")
    detect.add_argument("paths", nargs="+", type=_path, metavar="PATH")
    importing = add(migrate, "import", _import, "import records; they wait as pending models")
    importing.add_argument("paths", nargs="+", type=_path, metavar="PATH")
    importing.add_argument("--source", metavar="KIND", help="take the paths as this source")
    importing.add_argument("--dry-run", action="store_true", help="say what would come, import nothing")
    add(migrate, "resume", _resume, "finish interrupted imports")

    pending = group_of("pending", "imported records on their way into the library")
    waiting = add(pending, "list", _pending_list, "list them")
    waiting.add_argument("--state", choices=["pending", "promoted", "dismissed"])
    waiting.add_argument(
        "--problem", metavar="P", help="no_file, hash_mismatch ...; `none` for those without"
    )
    promote = add(pending, "promote", _promote, "link them to their files and make them active")
    promote.add_argument("ids", nargs="*", type=_number, metavar="ID")
    promote.add_argument("--all", action="store_true")
    promote.add_argument("--attach-anyway", action="store_true", help="also where a claimed hash differs")
    promote.add_argument("--allow-missing", action="store_true", help="also where there is no file")
    promote.add_argument(
        "--keep-previews", action="store_true", help="copy their pictures beside the catalog"
    )
    undo = add(pending, "undo", _undo, "take promoted records back; what you edited stays")
    undo.add_argument("ids", nargs="*", type=_number, metavar="ID")
    undo.add_argument("--last", action="store_true", help="those that the last `promote` promoted")
    dismiss = add(pending, "dismiss", _dismiss, "put them away, promoting nothing")
    dismiss.add_argument("ids", nargs="+", type=_number, metavar="ID")
    add(pending, "clear-promoted", _clear_promoted, "remove promoted rows whose payload is active")
    waiting = add(
        pending, "export", _pending_export, "print all of them with their payloads, one line a record"
    )
    waiting.add_argument("--jsonl", action="store_true", required=True)

    export = add(
        commands,
        "export",
        _export,
        "write the library: with every record to a file, or as sidecars of a tool",
    )
    kind = export.add_mutually_exclusive_group(required=True)
    kind.add_argument("--jsonl", action="store_const", dest="kind", const="jsonl", help="lossless")
    kind.add_argument("--csv", action="store_const", dest="kind", const="csv", help="for spreadsheets")
    kind.add_argument(
        "--sidecars",
        choices=["civitai-info", "lora-manager", "a1111", "stability-matrix"],
        help="what that tool keeps beside its models, below a folder",
    )
    export.add_argument("--overwrite", action="store_true", help="sidecars may replace files that are there")
    export.add_argument("file", type=_path, metavar="FILE|DIR")

    verify = add(commands, "verify", _verify, "hash files again and compare")
    verify.add_argument("sha256", nargs="*", type=_sha256, metavar="SHA256")
    add(commands, "duplicates", _duplicates, "list models with more than one file")
    add(commands, "stats", _stats, "count models and bytes")

    failed = {"ok": False, "problems": []}
    backup = add(commands, "backup", _backup, "copy the catalog while it is in use", when_failed=failed)
    backup.add_argument("file", type=_path, metavar="FILE")
    add(commands, "check", _check, "check the catalog and every payload in it", when_failed=failed)
    restore = add(commands, "restore", _restore, "put a backup in the catalog's place", when_failed=failed)
    restore.add_argument("file", type=_path, metavar="FILE", help="the present catalog is kept aside")
    return root


def _add_filters(listing: argparse.ArgumentParser) -> None:
    """Give a command an option for all that may be asked of the library view."""
    from modelmgr import search
    from modelmgr.filters import MODEL_FILTERS, FilterKind

    listing.epilog = search.help_text()
    listing.formatter_class = argparse.RawDescriptionHelpFormatter
    for filter_ in MODEL_FILTERS:
        options: dict[str, Any] = {"default": filter_.default, "help": filter_.help}
        if filter_.kind == FilterKind.FLAG:
            is_open = filter_.default is None
            options["action"] = argparse.BooleanOptionalAction if is_open else "store_true"
        else:
            options |= {"metavar": filter_.metavar, "type": _path if filter_.is_path else str}
        if filter_.kind == FilterKind.MANY:
            options |= {"action": "append", "default": []}
        listing.add_argument(f"--{filter_.name}", **options)


def _tell_columns(edit: argparse.ArgumentParser) -> None:
    """Name the columns that can be edited in a command's help."""
    from modelmgr.edits import EDITABLE

    edit.epilog = f"Columns: {', '.join(EDITABLE)}. Lists stand between commas, flags are yes or no."


def _run(call: _Call, words: Sequence[str]) -> int:
    call.args = parser().parse_args(words)
    call.wants_json = getattr(call.args, "json", False)
    code: int = call.args.run(call)
    return code


def _outcome(problems: Sequence[Problem], cancelled: bool = False) -> int:
    if cancelled:
        return CANCELLED
    return PROBLEMS if problems else OK


# --- the window -------------------------------------------------------------------------------------------


def _gui(call: _Call) -> int:
    return _open_window(call, call.catalog_path, call.args.paths)


def _demo(call: _Call) -> int:
    import tempfile
    from pathlib import Path

    from modelmgr.catalog import Catalog
    from modelmgr.demo import write_demo_library
    from modelmgr.library import Library

    folder = tempfile.mkdtemp(prefix="modelmgr-demo-")
    path = call.catalog_path if call.args.catalog else os.path.join(folder, "catalog.sqlite")
    demo = write_demo_library(Path(folder, "library"))
    with call.deed(), Catalog.open(path) as catalog:
        library = Library(catalog)
        library.scan([str(path) for path in demo.folders], progress=call.progress)
        # One tool's records are promoted, the others wait: there is something to see and something to do.
        library.import_paths([str(demo.folders[0])], progress=call.progress)
        library.promote(None, progress=call.progress)
        rest = (demo.root, demo.csv, demo.json, demo.jsonl)
        library.import_paths([str(path) for path in rest], progress=call.progress)
    call.progress.check()
    call.bar.clear()
    print(f"The sample library lies in {visible(folder)}", file=sys.stderr)
    return _open_window(call, path, [])


def _open_window(call: _Call, catalog_path: str, paths: Sequence[str]) -> int:
    screens = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    if sys.platform == "linux" and not any(os.environ.get(name) for name in screens):
        raise ModelmgrError("There is no screen here to open a window on.", code="no_screen")
    try:
        from modelmgr.gui.app import run
    except ImportError as error:
        if not str(error.name or "").startswith(("PySide6", "shiboken6")) and ".so" not in str(error):
            raise
        raise ModelmgrError(
            f"The window can't be opened, for Qt can't be loaded: {error}. README says what it needs.",
            code="qt_missing",
        ) from error
    _log_to_terminal()
    code: int = run(catalog_path, paths)
    if call.wants_json:
        call.say({}, ())
    return code


# --- the local API ----------------------------------------------------------------------------------------


def _serve(call: _Call) -> int:
    from modelmgr.api.token import TokenFile, default_token_path

    port, token_path = call.args.port, call.args.token_file
    with call.library() as library:
        token = TokenFile.open(token_path or default_token_path(call.catalog_path))
        from modelmgr.api.server import DEFAULT_PORT, ApiServer  # the frameworks: they take longest to load

        server = ApiServer(library, token, port=DEFAULT_PORT if port is None else port)
        address = server.open()
        try:
            try:
                lines = (address, f"The token is in {visible(token.path)}; Ctrl-C ends this.")
                call.say({"address": address, "token_file": token.path}, lines)
                with _output() as out:
                    out.flush()
                _until_cancelled(call.progress)
            finally:
                server.close()
        except _Stopped:
            # Some work or question does not hear, and its thread would keep the process; the catalog undoes what
            # was not committed.
            os._exit(CANCELLED)
    return CANCELLED


def _until_cancelled(progress: Progress) -> None:
    """Wait for a signal; in short stretches, since Windows hears none in the middle of one."""
    pause = threading.Event()  # nobody sets it: a handler that did would wait for the lock of who waits
    while not progress.is_cancelled:
        pause.wait(_LISTEN_S)


# --- folders and files ------------------------------------------------------------------------------------


def _folders_add(call: _Call) -> int:
    with call.library() as library:
        return _each_folder(call, library, lambda path: library.add_folder(path))


def _folders_remove(call: _Call) -> int:
    with call.library() as library:
        return _each_folder(call, library, lambda path: library.remove_folder(path))


def _each_folder(call: _Call, library: Library, deed: Callable[[str], object]) -> int:
    from modelmgr.values import Problem

    problems: list[Problem] = []
    for path in call.args.paths:
        try:
            deed(path)
        except CatalogError:
            raise
        except ModelmgrError as error:
            problems.append(Problem(path, error.code, error.message))
    return _say_folders(call, library.catalog, problems)


def _folders_list(call: _Call) -> int:
    with call.catalog() as catalog:
        return _say_folders(call, catalog, [])


def _folders_ignore(call: _Call) -> int:
    from dataclasses import replace

    args = call.args
    with call.library() as library:
        rules = library.folder_rules(args.path)
        if args.pattern is not None:
            rules = replace(rules, patterns=tuple(pattern for pattern in args.pattern if pattern))
        if args.hidden is not None:
            rules = replace(rules, skip_hidden=args.hidden)
        if args.pattern is not None or args.hidden is not None:
            library.set_folder_rules(args.path, rules)

    def lines() -> Iterator[str]:
        yield f"Scans of {visible(args.path)} leave out:"
        yield "  partial downloads"
        if rules.skip_hidden:
            yield "  what is hidden"
        yield from (f"  {visible(pattern)}" for pattern in rules.patterns)

    call.say({"path": args.path, **rules.as_json()}, lines())
    return OK


def _folders_ignored(call: _Call) -> int:
    with call.library() as library:
        found = library.ignored_files(call.args.path, call.progress)
    call.say(
        {"ignored": [{"path": file.path, "reason": file.reason} for file in found], "total": len(found)},
        [*(f"{file.reason:<18}{visible(file.path)}" for file in found), f"{count_text(len(found), 'file')}."],
    )
    return OK


def _folders_move(call: _Call) -> int:
    from modelmgr import documents

    with call.library() as library:
        report = library.move_folder(call.args.old, call.args.new, call.progress, dry_run=call.args.dry_run)

    def lines() -> Iterator[str]:
        yield (
            f"{count_text(report.found, 'file')} found there, {report.changed:,} with another size, "
            f"{report.absent:,} not there."
        )
        if not call.args.dry_run and not report.cancelled:
            yield "Scan it to have what changed looked at: modelmgr scan"
        yield from _problem_lines(report.problems)

    call.say(documents.moved(report), lines())
    return _outcome(report.problems, report.cancelled)


def _say_folders(call: _Call, catalog: Catalog, problems: list[Problem]) -> int:
    from modelmgr import documents

    folders = catalog.folders()

    def lines() -> Iterator[str]:
        if folders:
            yield from table(
                ("Files", "State", "Folder"),
                [(f"{folder.file_count:,}", str(folder.state), folder.path) for folder in folders],
                right=(0,),
            )
        else:
            yield "No library folders yet. Add one with: modelmgr folders add PATH"
        yield from _problem_lines(problems)

    call.say(
        {
            "folders": [documents.folder(folder) for folder in folders],
            "problems": documents.problems(problems),
        },
        lines(),
    )
    return _outcome(problems)


def _scan(call: _Call) -> int:
    from modelmgr import documents
    from modelmgr.values import ScanOptions

    args = call.args
    if args.quick and (args.paths or args.no_hash):
        raise Usage("--quick looks into all library folders and hashes what is new.")
    options = ScanOptions(args.hashes, args.workers, args.read_limit)
    gc.set_threshold(*_SCAN_GARBAGE)
    with call.library() as library:
        if args.quick:
            report = library.quick_check(call.progress, options=options)
        else:
            report = library.scan(
                args.paths, hash_files=not args.no_hash, options=options, progress=call.progress
            )
    call.say(documents.scan(report), _scan_lines(report))
    return _outcome(report.problems, report.cancelled)


def _scan_lines(report: ScanReport) -> Iterator[str]:
    if report.cancelled:
        yield "Cancelled. What was found before stays."
    yield (
        f"{count_text(report.seen, 'file')} seen: {report.added:,} added, {report.updated:,} updated, "
        f"{report.unchanged:,} unchanged, {report.ignored:,} ignored, {report.failed:,} failed."
    )
    if report.hashed:
        yield f"{count_text(report.hashed, 'file')} hashed, {size_text(report.bytes_hashed)}."
    if report.moved or report.rewritten:
        yield f"{report.moved:,} were moved, {report.rewritten:,} have a new header on the same tensors."
    if report.missing or report.offline:
        yield f"{report.missing:,} known files are missing, {report.offline:,} can't be reached now."
    yield f"It took {duration_text(report.elapsed_s)}."
    yield from _problem_lines(report.problems)


def _locate(call: _Call) -> int:
    from modelmgr import documents

    with call.library() as library:
        sha256 = _one_model(library.catalog, call.args.sha256)
        model_id = library.catalog.ids_of([sha256])[sha256]
        report = library.locate_model(model_id, call.args.path, call.progress)
    call.say(documents.scan(report), _scan_lines(report))
    return _outcome(report.problems, report.cancelled)


def _verify(call: _Call) -> int:
    from modelmgr import documents
    from modelmgr.values import VerifyReport

    with call.library() as library:
        wanted, problems = _models_of(library.catalog, call.args.sha256)
        report = VerifyReport()
        # No hash at all means every model; only wrong ones mean none.
        if wanted or not call.args.sha256:
            report = library.verify(wanted, progress=call.progress)
    report.problems[:0] = problems

    def lines() -> Iterator[str]:
        if report.cancelled:
            yield "Cancelled. What was checked before counts."
        yield (
            f"{count_text(report.checked, 'file')} checked: {report.ok:,} unchanged, "
            f"{report.changed:,} changed, {report.missing:,} missing."
        )
        yield from _problem_lines(report.problems)

    call.say(documents.verified(report), lines())
    return _outcome(report.problems, report.cancelled)


def _edit(call: _Call) -> int:
    from modelmgr import documents, edits
    from modelmgr.values import Door, EditReport

    args = call.args
    lists = {
        name: getattr(args, name)
        for name in ("add_tag", "remove_tag", "add_trigger_word", "remove_trigger_word")
    }
    is_edit = bool(args.set or args.reset or any(lists.values()))
    if args.undo is not None or args.redo is not None:
        if is_edit or args.sha256 or args.note:
            raise Usage("--undo and --redo stand alone: a whole edit goes back or forth.")
        return _revert(call)
    if not args.sha256 or not is_edit:
        raise Usage("Name models, and what to set: --set, --reset, --add-tag ...")
    changes = dict.fromkeys(edits.checked_column(column) for column in args.reset)
    for word in args.set:
        column, mark, text = word.partition("=")
        if not mark:
            raise Usage(f"{word!r} is no COLUMN=VALUE.")
        if edits.checked_column(column) in changes:
            raise Usage(f"{column} is named twice.", column=column)
        changes[column] = edits.parsed(column, text)
    with call.library() as library:
        found, problems = _models_of(library.catalog, args.sha256)
        report = EditReport()
        if found:
            report = library.edit_models(
                list(library.catalog.ids_of(found).values()),
                changes,
                **{f"{name}s": words for name, words in lists.items()},
                note=args.note,
                door=Door.CLI,
                progress=call.progress,
            )

    def lines() -> Iterator[str]:
        if report.cancelled:
            yield "Cancelled. What was changed before stays."
        number = "" if report.group is None else f" This is edit {report.group}; `edit --undo` takes it back."
        yield f"{count_text(report.changed, 'model')} changed.{number}"
        yield from _problem_lines(problems)

    call.say(documents.edited(report, problems), lines())
    return _outcome(problems, report.cancelled)


def _revert(call: _Call) -> int:
    from modelmgr import documents

    undo = call.args.undo is not None
    number = (call.args.undo if undo else call.args.redo) or None
    with call.library() as library:
        revert = library.undo_edit if undo else library.redo_edit
        report = revert(number, progress=call.progress)
    problems = documents.skipped(report)

    def lines() -> Iterator[str]:
        if report.group is None:
            yield f"There is nothing to {'undo' if undo else 'redo'}."
            return
        if report.cancelled:
            yield "Cancelled. What was changed before stays."
        verb = "undone" if undo else "redone"
        yield f"Edit {report.group} {verb}: {count_text(report.changed, 'model')} changed."
        yield from _problem_lines(problems)

    call.say(documents.reverted(report), lines())
    return _outcome(problems, report.cancelled)


def _edits(call: _Call) -> int:
    from modelmgr import documents
    from modelmgr.library import Library
    from modelmgr.values import iso_time

    with call.catalog() as catalog:
        sha256 = _one_model(catalog, call.args.sha256)
        model_id = catalog.ids_of([sha256])[sha256]
        history = catalog.edits_of(model_id)
        origins = Library(catalog).origins_of(model_id)

    def lines() -> Iterator[str]:
        shown = [
            (column, origin.origin.source if origin.origin is not None else "", _value_text(origin.shown))
            for column, origin in origins.items()
        ]
        yield from table(("Column", "From", "Value"), shown, shorten=sys.stdout.isatty())
        for edit in history:
            before, after = (
                "imported" if value is None else _value_text(value) for value in (edit.before, edit.after)
            )
            undone = ", undone" if edit.is_undone else ""
            note = f" ({edit.note})" if edit.note else ""
            yield visible(
                f"{iso_time(edit.made_at)} {edit.door} #{edit.group}{undone}: {edit.column} {before} -> {after}{note}"
            )
        if not history:
            yield "Nothing was edited."

    document = {
        "sha256": sha256,
        "edits": [documents.edit(edit) for edit in history],
        "columns": {column: documents.column_origin(origin) for column, origin in origins.items()},
    }
    call.say(document, lines())
    return OK


def _value_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = ", ".join(value) if isinstance(value, list | tuple) else str(value)
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"


# --- questions --------------------------------------------------------------------------------------------


def _list(call: _Call) -> int:
    from modelmgr.filters import model_query
    from modelmgr.values import light_json

    args = call.args
    query = model_query(vars(args))
    with call.catalog() as catalog:
        total = catalog.count(query)

        def rows() -> Iterator[ModelRow]:
            if args.limit <= _CHUNK:
                yield from catalog.page(query, args.limit, args.offset)
                return
            # By one order taken beforehand, so that a scan at work doubles and drops no row.
            ids = catalog.order(query)[args.offset : args.offset + args.limit]
            for start in range(0, len(ids), _CHUNK):
                yield from catalog.rows(ids[start : start + _CHUNK])

        call.say({"total": total, "models": (light_json(row) for row in rows())}, _list_lines(rows(), total))
    return OK


def _list_lines(rows: Iterator[ModelRow], total: int) -> Iterator[str]:
    shown = [
        (
            (row.sha256 or "")[:10],
            row.type,
            row.base_model or "",
            size_text(row.size_bytes),
            _state(row),
            row.name,
        )
        for row in rows
    ]
    if shown:
        yield from table(
            ("SHA256", "Type", "Base model", "Size", "State", "Name"),
            shown,
            right=(3,),
            shorten=sys.stdout.isatty(),
        )
    yield count_text(total, "model") + (f", {len(shown):,} shown" if len(shown) < total else "")


def _state(row: ModelRow) -> str:
    if row.file_state != "present":
        return row.file_state
    return {"done": "", "none": "not hashed", "failed": "not hashed"}.get(row.hash_state, "hashing…")


def _one_model(catalog: Catalog, prefix: str) -> str:
    """Return the SHA-256 of the model that a hash leads to: its own, the beginning of it, or another of its file."""
    found = catalog.find_sha256(prefix) or list(
        dict.fromkeys(
            match.model.sha256
            for match in catalog.by_hash(prefix)
            if match.model is not None and match.model.sha256 is not None
        )
    )
    if not found:
        raise NotFound(f"No model has the SHA-256 {prefix}.", sha256=prefix)
    if len(found) > 1:
        raise NotFound(
            f"{len(found)} models have a hash that is or begins with {prefix}; give more digits.",
            code="ambiguous",
            sha256=prefix,
            candidates=found,
        )
    return found[0]


def _models_of(catalog: Catalog, prefixes: Sequence[str]) -> tuple[list[str], list[Problem]]:
    """Return the models that hashes lead to, and those hashes that lead to none or to several."""
    from modelmgr.values import Problem

    found: list[str] = []
    problems: list[Problem] = []
    for prefix in prefixes:
        try:
            found.append(_one_model(catalog, prefix))
        except NotFound as error:
            problems.append(Problem(prefix, error.code, error.message))
    return found, problems


def _show(call: _Call) -> int:
    from modelmgr import documents

    with call.catalog() as catalog:
        sha256 = _one_model(catalog, call.args.sha256)
        details = catalog.details(sha256)
    if details is None:
        raise NotFound(f"No model has the SHA-256 {sha256}.", sha256=sha256)
    call.say(documents.details(details), _show_lines(details))
    return OK


def _show_lines(details: ModelDetails) -> Iterator[str]:
    from modelmgr.values import iso_time

    row = details.row
    yield visible(row.name)
    values = (
        ("SHA256", row.sha256),
        ("Type", row.type),
        ("Base model", row.base_model),
        ("Format", row.format),
        ("Size", f"{size_text(row.size_bytes)} ({row.size_bytes:,} bytes)"),
        ("Trigger words", ", ".join(row.trigger_words)),
        ("Tags", ", ".join(row.tags)),
        ("Rating", "★" * row.rating if row.rating else None),
        ("Favorite", "yes" if row.favorite else None),
        ("Notes", row.notes),
        ("License", row.license),
        ("Source", row.source_url),
        ("Preview", row.preview),
        ("Added", iso_time(row.added_at)),
        ("Modified", iso_time(row.modified_at)),
    )
    for title, value in values:
        if value:
            origin = details.provenance.get(
                {"Source": "source_url"}.get(title, title.lower().replace(" ", "_"))
            )
            told = f"  [{origin.source}]" if origin is not None else ""
            yield f"  {title + ':':<15}{visible(value)}{visible(told)}"
    yield count_text(len(details.files), "file") + ":"
    for file in details.files:
        link = f", link to {file.link_target}" if file.link_target else ""
        yield visible(f"  {file.path}  ({file.state}{link})")
    header = details.header or {}
    if header.get("evidence"):
        yield f"Identified by ({header.get('confidence')}):"
        yield from (f"  {visible(str(line))}" for line in header["evidence"])
    if header.get("candidates"):
        yield visible(f"  Could be: {', '.join(header['candidates'])}")
    scanned = header.get("pickle_scan")
    if scanned:
        yield visible(f"Pickle: {scanned['message']}")
    for problem in header.get("problems", ()):
        yield visible(f"Problem: {problem['message']}")
    if details.hashes:
        yield "Hashes:"
        yield from (
            f"  {kind:<8}{visible(digits)}" + ("" if trust == "computed" else f"  ({trust})")
            for kind, digits, trust in details.hashes
        )
    if details.attachments:
        yield count_text(len(details.attachments), "picture") + ":"
        for found in details.attachments:
            kept = ", copy kept" if found.copy_path else ""
            yield f"  {visible(found.path)}  ({found.kind}{kept})"
    yield count_text(len(details.records), "record") + ":"
    for record in details.records:
        key = f" #{record.record_key}" if record.record_key else ""
        yield visible(
            f"  {record.id}  {record.source}  {record.source_path}{key}  {size_text(record.size_bytes)}"
        )


def _duplicates(call: _Call) -> int:
    from modelmgr import documents

    with call.catalog() as catalog:
        groups = catalog.duplicates()

    def lines() -> Iterator[str]:
        for group in groups:
            yield f"{group.sha256}  {size_text(group.size_bytes)}, {len(group.files)} files"
            yield from (f"  {visible(file.path)}" for file in group.files)
        spare = sum(group.reclaimable_bytes for group in groups)
        yield f"{count_text(len(groups), 'model')} with several files, {size_text(spare)} could be freed."

    document = [
        {
            "sha256": group.sha256,
            "size_bytes": group.size_bytes,
            "files": [documents.file(file) for file in group.files],
            "reclaimable_bytes": group.reclaimable_bytes,
        }
        for group in groups
    ]
    call.say({"groups": document}, lines())
    return OK


def _stats(call: _Call) -> int:
    with call.catalog() as catalog:
        stats = catalog.stats()

    def lines() -> Iterator[str]:
        yield (
            f"{count_text(stats['models'], 'model')} in {count_text(stats['files'], 'file')}, "
            f"{size_text(stats['bytes'])}"
        )
        for key, title in (("by_type", "Type"), ("by_base_model", "Base model"), ("by_folder", "Folder")):
            if stats[key]:
                yield ""
                yield from table(
                    ("Models", "Size", title),
                    [
                        (f"{found['models']:,}", size_text(found["bytes"]), name or "(not known)")
                        for name, found in stats[key].items()
                    ],
                    right=(0, 1),
                )

    call.say(stats, lines())
    return OK


# --- import and promotion ---------------------------------------------------------------------------------


def _detect(call: _Call) -> int:
    from modelmgr import documents

    with call.catalog() as catalog:
        from modelmgr.library import Library

        report = Library(catalog).detect(call.args.paths, progress=call.progress)

    def lines() -> Iterator[str]:
        if report.found:
            yield from table(
                ("Records", "Source", "Path"),
                [(f"{found.records:,}", found.source, found.path) for found in report.found],
                right=(0,),
            )
        else:
            yield "No records of other tools lie there."
        for root in report.roots:
            yield f"{visible(root.source_path)} names {visible(root.path)} as a folder of models."
        yield from _problem_lines(report.problems)

    document = {
        "sources": documents.sources(report.found),
        "roots": documents.roots(report.roots),
        "problems": documents.problems(report.problems),
    }
    call.say(document, lines())
    return _outcome(report.problems, report.cancelled)


def _import(call: _Call) -> int:
    args = call.args
    if args.dry_run:
        from modelmgr.library import Library

        with call.catalog() as catalog:
            report = Library(catalog).preview(args.paths, source=args.source, progress=call.progress)
    else:
        with call.library() as library:
            report = library.import_paths(args.paths, source=args.source, progress=call.progress)
    return _say_import(call, report)


def _resume(call: _Call) -> int:
    with call.library() as library:
        report = library.resume(call.progress)
    return _say_import(call, report)


def _say_import(call: _Call, report: ImportReport) -> int:
    from modelmgr import documents

    call.say(documents.imported(report), _import_lines(report))
    return _outcome(report.problems, report.cancelled)


def _import_lines(report: ImportReport) -> Iterator[str]:
    if report.cancelled:
        yield "Cancelled. What was imported before stays; `modelmgr migrate import` takes the rest."
    if report.by_source:
        keys = ("seen", "imported", "unchanged", "failed")
        yield from table(
            (*(key.capitalize() for key in keys), "Source"),
            [
                (*(f"{counts.get(key, 0):,}" for key in keys), name)
                for name, counts in report.by_source.items()
            ],
            right=range(len(keys)),
        )
    would = "would be " if report.dry_run else ""
    yield (
        f"{report.seen:,} seen: {report.imported:,} {would}imported, {report.unchanged:,} unchanged, "
        f"{report.ignored:,} ignored, {report.failed:,} failed."
    )
    if report.gone:
        yield f"{count_text(report.gone, 'known record')} gone from where they were imported; what they said is kept."
    if report.model_count:
        lie = "lies" if report.model_count == 1 else "lie"
        yield f"{count_text(report.model_count, 'model file')} {lie} there too; `modelmgr scan PATH` adds them."
    for folder, records in report.outside_folders.items():
        yield (
            f"{count_text(records, 'record')} {'speaks' if records == 1 else 'speak'} of files in "
            f"{visible(folder)}, which is no library "
            "folder yet: `modelmgr folders add` it, if it is yours."
        )
    if report.imported and not report.dry_run:
        yield "Next: `modelmgr pending promote --all` links the records to their files."
    yield from _problem_lines(report.problems)


def _pending_list(call: _Call) -> int:
    from modelmgr import documents
    from modelmgr.values import PendingQuery

    args = call.args
    query = PendingQuery(
        states=(args.state,) if args.state else (), problems=(args.problem,) if args.problem else ()
    )
    with call.catalog() as catalog:
        ids = catalog.pending_order(query)

        def rows() -> Iterator[PendingModel]:
            for start in range(0, len(ids), _CHUNK):
                yield from catalog.pending_rows(ids[start : start + _CHUNK])

        def lines() -> Iterator[str]:
            shown = [
                (str(row.id), row.state, row.problem or "", row.source, row.type, row.name, row.message)
                for row in rows()
            ]
            if shown:
                yield from table(
                    ("ID", "State", "Problem", "Source", "Type", "Name", "Why"),
                    shown,
                    right=(0,),
                    shorten=sys.stdout.isatty(),
                )
            yield count_text(len(ids), "record")

        call.say({"total": len(ids), "pending": (documents.pending(row) for row in rows())}, lines())
    return OK


def _promote(call: _Call) -> int:
    from modelmgr import documents

    args = call.args
    if args.all == bool(args.ids):
        raise Usage("Name the IDs to promote, or --all.")
    with call.library() as library:
        known, problems = ([], []) if args.all else library.known_pending(args.ids)
        report = library.promote(
            None if args.all else known,
            attach_anyway=args.attach_anyway,
            allow_missing=args.allow_missing,
            keep_previews=args.keep_previews,
            progress=call.progress,
        )
    report.problems[:0] = problems

    def lines() -> Iterator[str]:
        if report.cancelled:
            yield "Cancelled. What was promoted before stays."
        yield f"{count_text(report.promoted, 'record')} promoted, {report.stayed:,} stayed."
        yield from _problem_lines(report.problems)

    call.say(documents.promoted(report), lines())
    return _outcome(report.problems, report.cancelled)


def _undo(call: _Call) -> int:
    from modelmgr import documents

    args = call.args
    if args.last == bool(args.ids):
        raise Usage("Name the IDs to take back, or --last.")
    with call.library() as library:
        ids = library.catalog.last_promoted() if args.last else args.ids
        known, problems = library.known_pending(ids)
        report = library.undo_promotion(known, call.progress)
    report.problems[:0] = problems

    def lines() -> Iterator[str]:
        if report.cancelled:
            yield "Cancelled. What was taken back before is pending."
        yield f"{count_text(report.undone, 'record')} pending again, {report.stayed:,} stayed."
        yield from _problem_lines(report.problems)

    call.say(documents.undone(report), lines())
    return _outcome(report.problems, report.cancelled)


def _dismiss(call: _Call) -> int:
    with call.library() as library:
        known, problems = library.known_pending(call.args.ids)
        changed = library.dismiss(known) if known else 0
    return _say_changed(call, changed, problems, "dismissed")


def _clear_promoted(call: _Call) -> int:
    with call.library() as library:
        changed = library.clear_promoted()
    return _say_changed(call, changed, [], "cleared")


def _say_changed(call: _Call, changed: int, problems: list[Problem], verb: str) -> int:
    from modelmgr import documents

    call.say(
        {"changed": changed, "problems": documents.problems(problems)},
        [f"{count_text(changed, 'record')} {verb}.", *_problem_lines(problems)],
    )
    return _outcome(problems)


# --- taking things out ------------------------------------------------------------------------------------


def _pending_export(call: _Call) -> int:
    from modelmgr.library import Library

    with call.catalog() as catalog, _output() as out:
        Library(catalog).export_pending(out, call.progress)
    return CANCELLED if call.progress.is_cancelled else OK


def _export(call: _Call) -> int:
    from modelmgr.library import Library

    target = call.args.file
    if call.args.sidecars:
        return _export_sidecars(call)
    if call.args.overwrite:
        raise Usage("--overwrite goes with --sidecars; a file is always replaced.")
    _refuse_catalog(call, target)
    with call.deed(), call.catalog() as catalog, _written_whole(target) as out:
        models, records = Library(catalog).export_library(out, call.args.kind, call.progress)
        call.progress.check()
    call.say(
        {"models": models, "records": records},
        [f"{count_text(models, 'model')} and {count_text(records, 'record')} written to {visible(target)}."],
    )
    return OK


def _export_sidecars(call: _Call) -> int:
    from modelmgr import documents
    from modelmgr.library import Library

    args = call.args
    with call.deed(), call.catalog() as catalog:
        report = Library(catalog).export_sidecars(
            args.sidecars, args.file, overwrite=args.overwrite, progress=call.progress
        )

    def lines() -> Iterator[str]:
        if report.cancelled:
            yield "Cancelled. What was written before stays."
        yield (
            f"{count_text(report.files, 'sidecar')} of {count_text(report.models, 'model')} written to "
            f"{visible(args.file)}, {report.originals:,} of them as they were imported; {report.skipped:,} skipped."
        )
        yield from _problem_lines(report.problems)

    call.say(documents.sidecars(report), lines())
    return _outcome(report.problems, report.cancelled)


def _refuse_catalog(call: _Call, target: str) -> None:
    """Keep an export from taking the catalog's own place."""
    catalog = os.path.realpath(call.catalog_path)
    if os.path.realpath(target) in {catalog, catalog + "-wal", catalog + "-shm", catalog + "-journal"}:
        raise Usage("That is the catalog itself; name another file.")


@contextlib.contextmanager
def _written_whole(target: str) -> Iterator[IO[str]]:
    """Give a file to write to that takes the place of `target` when all went well, and leaves nothing else.

    Raises:
        ModelmgrError: it can't be written.
    """
    import tempfile

    part: str | None = None
    try:
        handle, part = tempfile.mkstemp(
            prefix=os.path.basename(target)[:100] + ".", suffix=".part", dir=os.path.dirname(target)
        )
        with open(handle, "w", encoding="utf-8", errors="surrogateescape", newline="") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        os.replace(part, target)
        part = None
    except OSError as error:
        raise ModelmgrError(
            f"{target} can't be written: {error.strerror or error}.", code="unwritable", path=target
        ) from error
    finally:
        if part is not None:
            with contextlib.suppress(OSError):
                os.unlink(part)


def _backup(call: _Call) -> int:
    from modelmgr.library import Library

    with call.deed(), call.catalog() as catalog:
        problems = Library(catalog).backup(call.args.file, call.progress)
    return _say_ok(call, problems, f"The catalog was copied to {visible(call.args.file)}.")


def _check(call: _Call) -> int:
    from modelmgr.library import Library

    with call.deed(), call.catalog() as catalog:
        problems = Library(catalog).check(call.progress)
    return _say_ok(call, problems, "The catalog is sound.")


def _restore(call: _Call) -> int:
    from modelmgr.library import Library

    if not os.path.exists(call.args.file):
        raise NotFound(f"{call.args.file} isn't there.", path=call.args.file)
    with call.deed():
        aside = Library.restore(call.args.file, call.catalog_path, call.progress)
    told = f"; the former one lies in {visible(aside)}" if aside else ""
    return _say_ok(call, [], f"The catalog is now as in {visible(call.args.file)}{told}.", former=aside)


def _say_ok(call: _Call, problems: list[Problem], sentence: str, **more: Any) -> int:
    from modelmgr import documents

    ok = all(problem.kept for problem in problems)
    call.say(
        {"ok": ok, "problems": documents.problems(problems), **more},
        [*([sentence] if ok else []), *_problem_lines(problems)],
    )
    return _outcome(problems, call.progress.is_cancelled)


def _problem_lines(problems: Sequence[Problem]) -> Iterator[str]:
    if not problems:
        return
    yield f"{count_text(len(problems), 'problem')}:"
    for problem in problems[:_SHOWN_PROBLEMS]:
        key = f"#{problem.record_key}" if problem.record_key else ""
        where = " ".join(part for part in (problem.path, key) if part)
        before = f"{where}: " if where else ""
        yield visible(f"  {before}{problem.message} [{problem.code}{', kept' if problem.kept else ''}]")
    if len(problems) > _SHOWN_PROBLEMS:
        yield f"  ... and {len(problems) - _SHOWN_PROBLEMS:,} more; --json lists them all."
