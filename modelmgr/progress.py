"""How long work speaks with whoever waits for it: steps in one direction, cancel in the other."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

REPORT_INTERVAL_S = 0.05


class Cancelled(Exception):
    """The waiting side asked to stop. Never shown to a user as an error."""


@dataclass(frozen=True, slots=True)
class Step:
    """One piece of news from running work.

    Attributes:
        done: units finished so far (files, records or bytes, as `unit` says).
        total: units in all, or None while it is not known.
        text: what is being worked on; foreign text, show it as plain text only.
        unit: ``files``, ``records`` or ``bytes``.
    """

    done: int
    total: int | None
    text: str = ""
    unit: str = "files"


class Progress:
    """Hands steps to its listeners at most twenty times a second, and raises `Cancelled` when asked to stop.

    Work loops call `step` as often as they like and need neither flag nor clock. The listeners are called
    in the working thread.
    """

    def __init__(self, listener: Callable[[Step], None] | None = None) -> None:
        self._listeners = [] if listener is None else [listener]
        self._cancelled = threading.Event()
        self._next_report = 0.0

    def also(self, listener: Callable[[Step], None]) -> None:
        """Have one more listener hear the steps."""
        self._listeners.append(listener)

    def step(self, done: int, total: int | None, text: str = "", unit: str = "files") -> None:
        """Report a step.

        Raises:
            Cancelled: `cancel` was called.
        """
        self.check()
        if not self._listeners:
            return
        now = time.monotonic()
        if now >= self._next_report:
            self._next_report = now + REPORT_INTERVAL_S
            step = Step(done, total, text, unit)
            for listener in self._listeners:
                listener(step)

    def check(self) -> None:
        """Raise `Cancelled` if the waiting side asked to stop."""
        if self._cancelled.is_set():
            raise Cancelled

    def cancel(self) -> None:
        """Ask the work to stop at its next step; may be called from any thread or a signal handler."""
        self._cancelled.set()

    @property
    def is_cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return self._cancelled.is_set()
