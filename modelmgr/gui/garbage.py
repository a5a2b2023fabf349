"""Python's cyclic garbage is collected in the GUI thread alone.

Left to itself a collection runs in whichever thread makes the next object. One that met a dead dialog there would
destroy it outside the GUI thread, and Qt ends the process (also metabrainz/picard and ankitects/anki collect by hand).

A full collection looks at every object there is: 23 ms for those of the program's own modules. They stay as long as it
runs, so the first full collection sets them aside (`gc.freeze`), and the later ones look at what came after.

What searches and orders of a million models took for a moment glibc keeps in each thread's share; so there are two
shares for all threads, large pieces go back at once, and now and then it is asked for the rest. After scrolling
through a million rows and sorting them by six columns a sixth less is held.
"""

import gc
import sys
import time
from collections.abc import Callable
from typing import ClassVar

from PySide6.QtCore import QObject, QTimer, Slot

from modelmgr.gui import collecting
from modelmgr.values import MIB

INTERVAL_MS = 500
TRIM_S = 20.0
_OLDEST = 2


class Garbage(QObject):
    """Collects while a window is open; as many may be open as like. Made and stopped in the GUI thread."""

    _is_frozen: ClassVar[bool] = False

    def __init__(self) -> None:
        super().__init__()
        self._timer = QTimer(self)
        self._timer.setInterval(INTERVAL_MS)
        self._timer.timeout.connect(self._collect)
        self._timer.start()
        self._trimmed_at = time.monotonic()
        collecting.pause()

    def stop(self) -> None:
        """Leave it to Python again, once no window is open any more."""
        if self._timer.isActive():
            self._timer.stop()
            collecting.go_on()

    @Slot()
    def _collect(self) -> None:
        # As Python would: the oldest generation whose turn it is.
        due = [
            generation
            for generation, (count, threshold) in enumerate(
                zip(gc.get_count(), gc.get_threshold(), strict=True)
            )
            if threshold and count > threshold
        ]
        if due:
            gc.collect(due[-1])
            if due[-1] == _OLDEST and not Garbage._is_frozen:
                Garbage._is_frozen = True
                gc.freeze()
        elif time.monotonic() - self._trimmed_at > TRIM_S:
            self._trimmed_at = time.monotonic()
            _trim()


_ARENA_MAX, _MMAP_THRESHOLD = -8, -3  # malloc.h of glibc; others refuse the first and take the second


def share_memory() -> None:
    """Have all threads share memory, as soon as the window is seen: it loads `ctypes`."""
    if (set_option := _of_libc("mallopt")) is not None:
        set_option(_ARENA_MAX, 2)
        # By itself the bound goes up with each large piece that is given back, and the next one is kept.
        set_option(_MMAP_THRESHOLD, MIB)


def _trim() -> None:
    if (trim := _of_libc("malloc_trim")) is not None:
        trim(0)


def _of_libc(name: str) -> Callable[..., int] | None:
    """Return a function of this system's C library; None where that is another one."""
    if sys.platform != "linux":
        return None
    import ctypes

    return getattr(ctypes.CDLL(None), name, None)
