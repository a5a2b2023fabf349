"""Measures the longest time for which the GUI thread has not come back to its event loop.

A timer beats every few milliseconds; between two beats the thread has done one piece of work. Processor time of the
thread alone counts as work, for on a busy machine the clock also counts what others did. What the clock says is kept
beside it, less the time for which the system let the thread wait for a processor (where it tells): there waiting for
a disk or for a lock shows.
"""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from PySide6.QtCore import QObject, Qt, QTimer, Slot

LIMIT_MS = 75.0
"""The goal is 50 ms in any flow, in processor time of the GUI thread: the clock would count what others do on the
same processors. The flows take 10 to 34 ms; on busy processors, where caches and memory are shared too, one in some
two hundred took 52. What a thread waits for itself (a disk, a lock) is in the pause that is told beside it."""
_BEAT_MS = 4
_LOOK_AFTER_S = 0.03
_NAMES_PLACES = bool(os.environ.get("MODELMGR_WATCHDOG_PLACES"))
"""Tell where the long work was seen. Looking at the frames of a running thread can end a process of Python 3.11."""


@dataclass
class Beats:
    """What was measured in one flow.

    Attributes:
        work_ms: the longest piece of work, in processor time of the GUI thread.
        pause_ms: the longest time between two beats by the clock, without that spent waiting for a processor.
        where: the innermost lines of the program in which the longest work was seen, with how often.
    """

    work_ms: float = 0.0
    pause_ms: float = 0.0
    where: dict[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        lines = sorted(self.where.items(), key=lambda each: -each[1])[:6]
        told = "".join(f"\n    {count:3} x {line}" for line, count in lines)
        return f"{self.work_ms:.0f} ms of work, {self.pause_ms:.0f} ms of pause{told}"


class Watchdog(QObject):
    """Beats while a flow runs."""

    def __init__(self) -> None:
        super().__init__()
        self.beats = Beats()
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(_BEAT_MS)
        self._timer.timeout.connect(self._beat)
        self._thread = threading.get_ident()
        self._waits = Path(f"/proc/self/task/{threading.get_native_id()}/schedstat")
        self._over = threading.Event()
        self._seen: dict[str, int] = {}
        self._at = self._worked = self._waited = 0.0
        self._watcher = threading.Thread(target=self._watch, name="watchdog")

    def start(self) -> None:
        """Begin; the next beat counts."""
        self._note()
        self._timer.start()
        if _NAMES_PLACES:
            self._watcher.start()

    def stop(self) -> None:
        """End; what is being done now counts."""
        self._beat()
        self._timer.stop()
        self._over.set()
        if _NAMES_PLACES:
            self._watcher.join()

    def _note(self) -> None:
        self._at, self._worked, self._waited = time.perf_counter(), time.thread_time(), self._waiting()

    def _waiting(self) -> float:
        """Return for how many seconds this thread has waited for a processor so far."""
        try:
            return int(self._waits.read_text().split()[1]) / 1e9
        except (OSError, IndexError):
            return 0.0

    @Slot()
    def _beat(self) -> None:
        at, worked, waited = self._at, self._worked, self._waited
        self._note()
        work_ms = (self._worked - worked) * 1e3
        pause_ms = (self._at - at - (self._waited - waited)) * 1e3 - _BEAT_MS
        seen, self._seen = self._seen, {}
        if work_ms > self.beats.work_ms:
            self.beats.work_ms, self.beats.where = work_ms, seen
        self.beats.pause_ms = max(self.beats.pause_ms, pause_ms)

    def _watch(self) -> None:
        while not self._over.wait(0.005):
            if time.perf_counter() - self._at > _LOOK_AFTER_S:
                ours = []
                frame = sys._current_frames().get(self._thread)
                while frame is not None and len(ours) < 3:
                    code = frame.f_code
                    if "modelmgr" in code.co_filename:
                        ours.append(f"{Path(code.co_filename).name}:{frame.f_lineno} {code.co_name}")
                    frame = frame.f_back
                if ours:
                    line = " < ".join(ours)
                    self._seen[line] = self._seen.get(line, 0) + 1


@contextmanager
def watched() -> Iterator[Beats]:
    """Measure what is done in the GUI thread meanwhile."""
    dog = Watchdog()
    dog.start()
    try:
        yield dog.beats
    finally:
        dog.stop()


@pytest.fixture
def no_stall(record_property: Callable[[str, object], None]) -> Iterator[Callable[[str], object]]:
    """Give a context for each flow; afterwards no piece of work in the GUI thread may have been too long."""
    found: dict[str, Beats] = {}

    @contextmanager
    def flow(name: str) -> Iterator[None]:
        with watched() as beats:
            yield
        found[name] = beats

    yield flow
    for name, beats in found.items():
        record_property(name, str(beats))
        print(f"{name}: {beats}")
    late = [f"{name}: {beats}" for name, beats in found.items() if beats.work_ms > LIMIT_MS]
    assert not late, "\n".join(late)
