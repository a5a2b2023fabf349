"""How long work speaks with whoever waits for it: steps in one direction, cancel in the other."""

import threading
import time
from collections.abc import Callable

from modelmgr.lazily import dataclass

REPORT_INTERVAL_S = 0.05
PAUSE_POLL_S = 0.1


class Cancelled(Exception):
    """The waiting side asked to stop. Never shown to a user as an error."""


class Stopped(BaseException):
    """A signal ends the work where it stands, for it did not come to an end when it was asked to.

    Work that keeps counts lets them out nevertheless. Not a KeyboardInterrupt: where that passes through compiled text
    (as dataclasses have), Python remembers it and ends the process by SIGINT in spite of its exit code.
    """


@dataclass(frozen=True, slots=True)
class Step:
    """One piece of news from running work.

    Attributes:
        done: units finished so far (files, records or bytes, as `unit` says).
        total: units in all, or None while it is not known.
        text: what is being worked on; foreign text, show it as plain text only.
        unit: ``files``, ``records`` or ``bytes``.
        files_done: files finished so far, where `unit` is ``bytes`` and there are several; else None.
        files_total: files in all, or None while it is not known.
    """

    done: int
    total: int | None
    text: str = ""
    unit: str = "files"
    files_done: int | None = None
    files_total: int | None = None


class Progress:
    """Hands steps to its listeners at most twenty times a second; holds when paused, raises `Cancelled` when to stop.

    Work loops call `step` as often as they like and need neither flag nor clock. The listeners are called
    in the working thread. Work that holds a lock others wait for (a transaction) must not call `step` or `check`
    while it does: a pause may last for hours.

    Attributes:
        files: files done and in all, set by work that counts bytes of several; goes out with its steps.
    """

    def __init__(self, listener: Callable[[Step], None] | None = None) -> None:
        self._listeners = [] if listener is None else [listener]
        self.files: tuple[int, int | None] | None = None
        self._cancelled = threading.Event()
        self._going = threading.Event()
        self._going.set()
        self._next_report = 0.0

    def also(self, listener: Callable[[Step], None]) -> None:
        """Have one more listener hear the steps."""
        self._listeners.append(listener)

    def step(self, done: int, total: int | None, text: str = "", unit: str = "files") -> None:
        """Report a step; see `Step`.

        Raises:
            Cancelled: `cancel` was called.
        """
        self.check()
        if not self._listeners:
            return
        now = time.monotonic()
        if now >= self._next_report:
            self._next_report = now + REPORT_INTERVAL_S
            files = self.files if unit == "bytes" and self.files is not None else (None, None)
            step = Step(done, total, text, unit, *files)
            for listener in self._listeners:
                listener(step)

    def check(self) -> None:
        """Wait while paused; raise `Cancelled` if the waiting side asked to stop."""
        if self._cancelled.is_set():
            raise Cancelled
        # A poll, so that `cancel` need not wake anyone: a signal handler may not take a lock that it interrupts.
        while not self._going.is_set():
            self._going.wait(PAUSE_POLL_S)
            if self._cancelled.is_set():
                raise Cancelled

    def pause(self) -> None:
        """Ask the work to hold at its next step until `resume`; may be called from any thread."""
        self._going.clear()

    def resume(self) -> None:
        """Let paused work go on."""
        self._going.set()

    @property
    def is_paused(self) -> bool:
        """Whether the work shall hold: `pause` was called, and `resume` not yet."""
        return not self._going.is_set()

    def cancel(self) -> None:
        """Ask the work to stop at its next step; may be called from any thread or a signal handler."""
        self._cancelled.set()

    @property
    def is_cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return self._cancelled.is_set()


class Within(Progress):
    """The progress of work within other work: it stops and holds with the outer one, and tells it no step."""

    def __init__(self, outer: Progress) -> None:
        super().__init__()
        self._outer = outer

    def step(self, done: int, total: int | None, text: str = "", unit: str = "files") -> None:
        """Say nothing."""
        self._outer.check()

    def check(self) -> None:
        """Wait while the outer one is paused; raise `Cancelled` if it was cancelled."""
        self._outer.check()

    @property
    def is_cancelled(self) -> bool:
        """Whether the outer one was cancelled."""
        return self._outer.is_cancelled

    @property
    def is_paused(self) -> bool:
        """Whether the outer one holds."""
        return self._outer.is_paused
