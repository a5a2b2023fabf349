"""Measures how long the window stands still: the longest pause between two turns of the event loop."""

import time
from types import TracebackType

from PySide6.QtCore import QTimer

_EVERY_MS = 2


class Watchdog:
    """Between `with` and its end a timer asks for every turn of the loop that it can get.

    What this process did not work itself in a pause, another process took: such time does not count. What a thread
    of this process works while the window waits for it does.

    Attributes:
        longest_ms: the longest time between two turns.
    """

    def __init__(self) -> None:
        self.longest_ms = 0.0
        self._last = self._worked = 0.0
        self._timer = QTimer()
        self._timer.setInterval(_EVERY_MS)
        self._timer.timeout.connect(self._on_turn)

    def _on_turn(self) -> None:
        now, worked = time.perf_counter(), time.process_time()
        self.longest_ms = max(self.longest_ms, 1000 * min(now - self._last, worked - self._worked))
        self._last, self._worked = now, worked

    def __enter__(self) -> "Watchdog":
        self.longest_ms = 0.0
        self._last, self._worked = time.perf_counter(), time.process_time()
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._on_turn()
        self._timer.stop()
