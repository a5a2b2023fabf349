"""What makes classes of Qt's outside the GUI thread: modules of the window's that were loaded there.

As a program it opens a window, waits until all its late parts are made, and ends with 1 if there was any.
Usage: elsewhere.py CATALOG.
"""

import sys
import threading
from typing import Any

ROOMS = ("PySide6", "shiboken6", "modelmgr.gui")

loaded: list[str] = []


def _listen(event: str, arguments: tuple[Any, ...]) -> None:
    if event != "import" or threading.current_thread() is threading.main_thread():
        return
    name = arguments[0]
    if any(name == room or name.startswith(f"{room}.") for room in ROOMS):
        loaded.append(f"{name} in {threading.current_thread().name}")


# It can't be taken away again.
sys.addaudithook(_listen)


def main() -> None:
    """Start a window as a user would, and look around."""
    from pathlib import Path

    from PySide6.QtCore import QEventLoop
    from PySide6.QtGui import QAction
    from PySide6.QtWidgets import QApplication, QTableView

    from modelmgr.gui import open_window

    app = QApplication(sys.argv[:1])
    window = open_window(Path(sys.argv[1]))
    window.show()
    while not window.is_whole:
        app.processEvents()

    def settle() -> None:
        """Let all steps of the window be done and all questions answered."""
        while window._afterwards._steps or not window._tasks.is_answered:
            app.processEvents(wait, 10)

    wait = QEventLoop.ProcessEventsFlag.WaitForMoreEvents
    settle()
    window.findChild(QTableView, "libraryTable").selectRow(0)
    for name in ("actionShowGrid", "actionShowPending", "actionShowOverview", "actionShowLibrary"):
        settle()
        window.findChild(QAction, name).trigger()
    settle()
    window.close()
    sys.exit("\n".join(loaded) or None)


if __name__ == "__main__":
    main()
