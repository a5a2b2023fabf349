"""Timers that go off once after each start."""

from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer


def after(interval_ms: int, slot: Callable[[], None], owner: QObject) -> QTimer:
    """Return a timer that calls `slot` so long after its last `start`."""
    timer = QTimer(owner)
    timer.setSingleShot(True)
    timer.setInterval(interval_ms)
    timer.timeout.connect(slot)
    return timer
