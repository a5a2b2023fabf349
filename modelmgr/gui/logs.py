"""The log file: bounded, in the user's state folder, one for each catalog; nothing in it is a stranger's to write.

What goes there are our own sentences and the errors behind them, never a payload. Control characters are escaped, so
that a file name can neither begin a line of its own nor steer a terminal.
"""

import logging
import logging.handlers
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Any

import platformdirs
from PySide6.QtCore import QMessageLogContext, QtMsgType, qInstallMessageHandler

from modelmgr.settings import default_catalog_path

log = logging.getLogger(__name__)

LOG_BYTES, OLD_LOGS = 1024 * 1024, 2
MOST_LOGS = 12
"""Of catalogs that are long gone no log stays: the oldest files go."""
LONGEST_CHARS = 8000
_FORMAT = "%(asctime)s %(levelname)s %(name)s [%(threadName)s] %(message)s"
_QT_LEVELS = {
    QtMsgType.QtDebugMsg: logging.DEBUG,
    QtMsgType.QtInfoMsg: logging.INFO,
    QtMsgType.QtWarningMsg: logging.WARNING,
    QtMsgType.QtCriticalMsg: logging.ERROR,
    QtMsgType.QtFatalMsg: logging.CRITICAL,
}


def folder() -> Path:
    """Return where the log files lie."""
    return Path(platformdirs.user_state_dir("modelmgr", appauthor=False)) / "log"


def path_for(catalog_path: str | os.PathLike[str]) -> Path:
    """Return the log file of the window on a catalog."""
    real = os.path.realpath(catalog_path)
    if real == os.path.realpath(default_catalog_path()):
        return folder() / "modelmgr.log"
    return folder() / f"modelmgr-{sha256(os.fsencode(real)).hexdigest()[:10]}.log"


def escaped(text: str) -> str:
    """Return a text on one line for each of its own, with all else that steers a terminal made visible."""
    shown = "".join(
        letter if letter == "\n" or (letter.isprintable() and letter != "\x7f") else ascii(letter)[1:-1]
        for letter in text[:LONGEST_CHARS]
    )
    return shown if len(text) <= LONGEST_CHARS else f"{shown} …"


class Escaping(logging.Formatter):
    """Writes one line for a message, and the traceback behind it indented."""

    def __init__(self) -> None:
        super().__init__(_FORMAT)

    def format(self, record: logging.LogRecord) -> str:
        # A message is one line, and what follows can't be taken for another message.
        return escaped(super().format(record)).replace("\n", "\n    ")


@contextmanager
def kept(catalog_path: str | os.PathLike[str]) -> Iterator[None]:
    """Write the log of a window while it runs, with all that nobody caught, in any thread, and what Qt says."""
    handler = _handler(path_for(catalog_path))
    root = logging.getLogger()
    ours = logging.getLogger("modelmgr")
    level = ours.level
    if handler is not None:
        root.addHandler(handler)
        ours.setLevel(logging.INFO)
    hooks = (sys.excepthook, threading.excepthook, sys.unraisablehook)
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_uncaught_in_thread
    sys.unraisablehook = _log_unraisable
    before: Any = qInstallMessageHandler(_log_qt)
    try:
        yield
    finally:
        qInstallMessageHandler(before)
        sys.excepthook, threading.excepthook, sys.unraisablehook = hooks
        if handler is not None:
            root.removeHandler(handler)
            handler.close()
            ours.setLevel(level)


def tail(catalog_path: str | os.PathLike[str], lines: int) -> list[str]:
    """Return the last lines of a log, escaped again: anybody of this user could have written there."""
    try:
        with path_for(catalog_path).open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - 256 * 1024))
            text = file.read(256 * 1024).decode("utf-8", "replace")
    except OSError:
        return []
    return [escaped(line) for line in text.split("\n")[-lines - 1 :] if line]


def _handler(path: Path) -> logging.Handler | None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _forget_old(path)
        handler = logging.handlers.RotatingFileHandler(
            path, maxBytes=LOG_BYTES, backupCount=OLD_LOGS, encoding="utf-8", errors="backslashreplace"
        )
        os.chmod(path, 0o600)
    except OSError as error:
        # A log is for the one who looks for a fault; without it the window works as well.
        log.warning("There is no log file: %s", error)
        return None
    handler.setFormatter(Escaping())
    return handler


def _forget_old(keep: Path) -> None:
    found = sorted(keep.parent.glob("modelmgr*.log"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in [each for each in found if each != keep][MOST_LOGS - 1 :]:
        for old in (path, *path.parent.glob(f"{path.name}.*")):
            old.unlink(missing_ok=True)


def _log_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    # A fault in one slot is a bug of ours, and no reason to take the window away from the user.
    log.critical("An error that nobody expected", exc_info=(kind, error, trace))


def _log_uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None and args.exc_type is not SystemExit:
        name = args.thread.name if args.thread is not None else "?"
        log.critical(
            "An error that nobody expected, in thread %s",
            name,
            exc_info=(args.exc_type, args.exc_value, args.exc_traceback),
        )


def _log_unraisable(args: Any) -> None:
    if args.exc_value is not None:
        log.error("%s", args.err_msg or "An error that could not be raised", exc_info=args.exc_value)


def _log_qt(kind: QtMsgType, context: QMessageLogContext, text: str) -> None:
    logging.getLogger("modelmgr.qt").log(_QT_LEVELS.get(kind, logging.WARNING), "%s", text)
