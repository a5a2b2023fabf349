"""A window in a process of its own, for the benchmarks: bare, or the program's on a catalog.

Usage: window.py bare | start CATALOG | scroll CATALOG | scroll-grid CATALOG | scroll-inbox CATALOG. Prints
``painted`` when rows (or the bare window) first stand on the screen; ``scroll`` then measures frames, the others print
``whole`` when all parts of the window are there. The last line is a JSON document.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QEvent, QModelIndex, QObject, QTimer
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QAbstractItemView, QApplication, QMainWindow, QTableView

FRAMES = 300
ORDER_TIMEOUT_S = 60.0
ROWS_TIMEOUT_S = 0.2
UNKNOWN = "…"
TOO_LONG_MS = 400_000


class Constant(QAbstractTableModel):
    """The least that a table can do: so many rows, the same text in each cell."""

    def __init__(self, rows: int) -> None:
        super().__init__()
        self._rows = rows

    def rowCount(self, parent: Any = QModelIndex()) -> int:  # noqa: B008
        return self._rows

    def columnCount(self, parent: Any = QModelIndex()) -> int:  # noqa: B008
        return 8

    def data(self, index: Any, role: int = 0) -> str | None:
        return "some text" if role == 0 else None


class FirstPaint(QObject):
    """Calls back when its widget has painted for the first time, before anything else may run."""

    def __init__(self, widget: Any, then: Any) -> None:
        super().__init__(widget)
        self._then = then
        widget.installEventFilter(self)

    def eventFilter(self, watched: Any, event: Any) -> bool:
        if event.type() != QEvent.Type.Paint or self._then is None:
            return False
        then, self._then = self._then, None
        QApplication.sendEvent(watched, event)
        then()
        return True


def frames(view: Any) -> dict[str, list[float]]:
    """Measure repaints while scrolling by three rows, by pages, and by jumps over the whole list."""
    bar, viewport = view.verticalScrollBar(), view.viewport()
    page, largest = bar.pageStep(), bar.maximum()
    ways = {
        "3 rows": [step * 3 for step in range(FRAMES)],
        "page": [step * page for step in range(FRAMES)],
        "jump": [largest * (step * 7919 % FRAMES) // FRAMES for step in range(FRAMES)],
    }
    times: dict[str, list[float]] = {}
    for name, values in ways.items():
        times[name] = []
        for value in values:
            # Of this thread's processor: what else the machine does makes no frame longer.
            start = time.thread_time()
            bar.setValue(min(value, largest))
            viewport.repaint()
            empty = time.thread_time() - start
            await_rows(view)
            start = time.thread_time()
            viewport.repaint()
            # Without the rows that are on their way, or with all of them: whichever takes longer.
            times[name].append(max(empty, time.thread_time() - start))
    return times


def await_rows(view: Any) -> None:
    """Let answers come in until the rows that are seen are known."""
    top_row = getattr(view, "top_row", int)
    until = time.monotonic() + ROWS_TIMEOUT_S
    while time.monotonic() < until:
        QApplication.processEvents()
        if view.model().index(max(0, top_row()), 0).data() != UNKNOWN:
            return


def selecting(view: Any) -> float:
    """Return how long it takes until everything is selected and painted, in seconds."""
    start = time.thread_time()
    view.selectAll()
    view.viewport().repaint()
    return time.thread_time() - start


def peak_mib() -> float | None:
    """Return the largest resident size of this process so far, where the system tells."""
    try:
        # getrusage would also count what the parent held when it started this process.
        status = Path("/proc/self/status").read_text()
    except OSError:
        return None
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM"))
    return round(int(line.split()[1]) / 1024, 1)


def main() -> None:
    """Open the window and say when it has painted."""
    what = sys.argv[1]
    app = QApplication(sys.argv[:1])
    window: Any
    if what == "bare":
        window = QMainWindow()
        painted: Any = window
    elif what == "scroll-bare":
        window = QMainWindow()
        painted = QTableView()
        painted.setModel(Constant(int(sys.argv[2])))
        window.setCentralWidget(painted)
    else:
        from modelmgr.gui import open_window

        window = open_window(Path(sys.argv[2]))
        grid = what == "scroll-grid"
        if what == "scroll-inbox":
            window.findChild(QAction, "actionShowPending").trigger()
        # Not by the window's own way, which would make the table before the first rows are seen.
        front = QMainWindow.centralWidget(window)
        if what == "start":
            painted = front.last if front.objectName() == "firstRows" else window
        else:
            # The look of the last time comes back.
            window.findChild(QAction, "actionShowGrid" if grid else "actionShowTable").trigger()
            name = "libraryGrid" if grid else "pendingTable" if what == "scroll-inbox" else "libraryTable"
            painted = window.findChild(QAbstractItemView, name)
    viewport = painted.viewport() if isinstance(painted, QAbstractItemView) else painted
    answer: dict[str, Any] = {}

    def done() -> None:
        answer["peak_mib"] = peak_mib()
        window.close()
        app.exit()

    def measure() -> None:
        until = time.monotonic() + ORDER_TIMEOUT_S
        while painted.model().rowCount() == 0 and time.monotonic() < until:
            QApplication.processEvents()
        while not getattr(painted.model(), "is_complete", True) and time.monotonic() < until:
            QApplication.processEvents()
        answer["rows"] = painted.model().rowCount()
        answer["frames"] = frames(painted)
        answer["select_all"] = selecting(painted)
        done()

    def await_whole() -> None:
        # A bare window is whole at once.
        if getattr(window, "is_whole", True):
            print("whole", flush=True)
            done()
        else:
            QTimer.singleShot(1, await_whole)

    def on_painted() -> None:
        print("painted", flush=True)
        # Of all threads, from the start of the process: a busy machine does not make it longer.
        answer["work_ms"] = round(time.process_time() * 1000, 1)
        answer["start_mib"] = peak_mib()
        QTimer.singleShot(0, measure if what.startswith("scroll") else await_whole)

    FirstPaint(viewport, on_painted)
    QTimer.singleShot(TOO_LONG_MS, lambda: sys.exit("nothing was painted"))
    window.resize(1280, 960)
    window.show()
    app.exec()
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
