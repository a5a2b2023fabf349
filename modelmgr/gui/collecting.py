"""Whether Python collects garbage by itself: not while modules load, and not while a window is open.

While modules load there is none, and looking took a tenth of a start; the first look after them took as much again,
however young it takes all of them to be.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_pausing = 0
_was_on = True


def pause() -> None:
    """Collect no more by itself, until `go_on` is called as often as this; both in the main thread."""
    global _pausing, _was_on
    if not _pausing:
        _was_on = gc.isenabled()
        gc.disable()
    _pausing += 1


def go_on() -> None:
    """End one pause; the last of them ends them all."""
    global _pausing
    _pausing -= 1
    if not _pausing and _was_on:
        gc.enable()


@contextmanager
def paused() -> Iterator[None]:
    """Pause as long as the block lasts."""
    pause()
    try:
        yield
    finally:
        go_on()
