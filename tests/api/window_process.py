"""The window in a process of its own, with the local API open: edits models until its standard input ends.

Usage: window_process.py CATALOG MODELS. Every edit goes the way that those of the details pane go. The last line of
its output is a JSON document: ``edits`` (model id -> column -> value; those that were said to be saved), ``asked`` (the
one whose answer the end of the window left out, as model id, column, value, or null) and ``failed`` (what was shown to
the user as an error).
"""

import json
import sys
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QSocketNotifier, QTimer
from PySide6.QtWidgets import QApplication

from modelmgr.gui import open_window
from modelmgr.gui.main_window import MainWindow
from modelmgr.gui.tasks import Tasks

EVERY_MS = 60


class Editor(QObject):
    """Somebody who sits before the window and sets notes and stars, one after another."""

    def __init__(self, window: MainWindow, models: int) -> None:
        super().__init__(window)
        self._library = window._library
        tasks = window.findChild(Tasks)
        assert tasks is not None
        self._tasks = tasks
        self._tasks.failed.connect(lambda what, error: self.failed.append(f"{what}: {error!r}"))
        self._models = models
        self._number = 0
        self._waits = False
        self.edits: dict[int, dict[str, Any]] = {}
        self.asked: tuple[int, str, Any] | None = None
        self.failed: list[str] = []
        timer = QTimer(self)
        timer.timeout.connect(self._edit)
        timer.start(EVERY_MS)

    def _edit(self) -> None:
        if self._waits:
            return
        self._waits = True
        self._number += 1
        model = self._number % self._models + 1
        column, value = ("rating", self._number % 5 + 1) if self._number % 2 else ("notes", f"{self._number}")
        self.asked = (model, column, value)
        self._tasks.change(
            partial(self._library.edit, [model], column, value),
            partial(self._on_done, model, column, value),
            failed=self._on_failed,
        )

    def _on_done(self, model: int, column: str, value: Any, _: object) -> None:
        self._waits = False
        self.asked = None
        self.edits.setdefault(model, {})[column] = value

    def _on_failed(self, error: Exception) -> None:
        self._waits = False
        self.failed.append(repr(error))


def main() -> None:
    app = QApplication(sys.argv[:1])
    window = open_window(Path(sys.argv[1]))
    assert isinstance(window, MainWindow)
    editor = Editor(window, int(sys.argv[2]))
    window.closed.connect(app.quit)
    ending = QSocketNotifier(sys.stdin.fileno(), QSocketNotifier.Type.Read)
    ending.activated.connect(window.close)
    app.exec()
    ending.setEnabled(False)
    print(json.dumps({"edits": editor.edits, "asked": editor.asked, "failed": editor.failed}))


if __name__ == "__main__":
    main()
