"""What is being typed and not saved yet, kept so that a crash does not take it along.

Whoever has a field calls `keep` at each change and `done` once its text is saved or given up; when the field comes up
again, `take` says what a session that ended early had in it. `MainWindow.drafts` is the one of a window.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

from PySide6.QtCore import QObject, Signal, Slot

from modelmgr.gui import timers
from modelmgr.gui.tasks import Tasks
from modelmgr.settings import read_json, write_json

log = logging.getLogger(__name__)

SAVE_AFTER_MS = 2000
MOST_DRAFTS = 50
LONGEST_CHARS = 10_000


class Draft(NamedTuple):
    """One text that is not saved.

    Attributes:
        text: what was typed; of a longer one the first `LONGEST_CHARS` characters.
        title: what it belongs to, in the user's words.
    """

    text: str
    title: str


class _File:
    """Where they are written, from any thread: of two states the newer one stays, whichever comes last."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._written = 0

    def write(self, number: int, drafts: Mapping[str, Draft]) -> None:
        with self._lock:
            if number > self._written:
                self._written = number
                _write(self._path, drafts)


class Drafts(QObject):
    """The drafts of one window, in a small file beside the catalog.

    Signals:
        changed(): one was added, or is done with.
    """

    changed = Signal()

    def __init__(self, path: Path, tasks: Tasks, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._file = _File(path)
        self._states = 0
        self._tasks = tasks
        self._found = _read(path)
        self._kept: dict[str, Draft] = {}
        self._soon = timers.after(SAVE_AFTER_MS, self._save, self)

    @property
    def found(self) -> Mapping[str, Draft]:
        """What an earlier session left, and nobody was done with yet."""
        return self._found

    def keep(self, key: str, text: str, title: str = "") -> None:
        """Remember what is being typed: `key` says where, `title` says it to the user."""
        self._kept[key] = Draft(text[:LONGEST_CHARS], title)
        if not self._soon.isActive():
            self._soon.start()

    def take(self, key: str) -> str | None:
        """Return what an earlier session left at this place; None if nothing. It stays until `done`."""
        draft = self._found.get(key)
        return None if draft is None else draft.text

    def done(self, key: str) -> None:
        """Forget a text: it is saved, or given up."""
        had = self._found.pop(key, None) is not None
        if self._kept.pop(key, None) is not None or had:
            self._soon.start()
            self.changed.emit()

    def drop(self, key: str) -> None:
        """Forget what is being typed now; what an earlier session left at this place stays."""
        if self._kept.pop(key, None) is not None:
            self._soon.start()

    def close(self) -> None:
        """Write at once what is still not done when the changes of now are, for the window closes."""
        if self._soon.isActive():
            self._tasks.settle()
            self._soon.stop()
            self._writing()()

    @Slot()
    def _save(self) -> None:
        self._tasks.change(self._writing())

    def _writing(self) -> Callable[[], None]:
        self._states += 1
        newest = list({**self._found, **self._kept}.items())[-MOST_DRAFTS:]
        return partial(self._file.write, self._states, dict(newest))


def _read(path: Path) -> dict[str, Draft]:
    return {
        key: Draft(entry["text"], entry["title"])
        for key, entry in read_json(path).items()
        if isinstance(entry, dict)
        and isinstance(entry.get("text"), str)
        and isinstance(entry.get("title"), str)
    }


def _write(path: Path, drafts: Mapping[str, Draft]) -> None:
    try:
        if drafts:
            write_json(path, {key: draft._asdict() for key, draft in drafts.items()})
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        # The user is not troubled for a safety net: saving the text itself will say what is wrong.
        log.info("Drafts were not saved: %s", error)
