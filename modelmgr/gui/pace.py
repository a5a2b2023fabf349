"""How far a deed is, how fast it goes and how long it may still take."""

from collections import deque

from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QProgressBar

from modelmgr.gui.language import Forms
from modelmgr.gui.text import about_text, count_text, numbered, rate_text, size_text
from modelmgr.progress import Step

BAR_STEPS = 1000
"""A bar counts in thousandths: the bytes of a library are more than its 32-bit number holds."""

_PACE_WINDOW_S = 10.0
_PACE_MINIMUM_S = 0.75
_LEFT_MINIMUM_S = 3.0
_LEFT_EASE_S = 8.0
"""A guess of the remaining time follows new figures as slowly as this, so that it does not jump about."""


def _tr(text: str) -> str:
    return QCoreApplication.translate("Jobs", text)


def bar_value(step: Step) -> int | None:
    """Return how full a bar of `BAR_STEPS` is, or None while nobody knows the end."""
    if not step.total:
        return None
    return max(0, min(BAR_STEPS, step.done * BAR_STEPS // step.total))


def show_step(bar: QProgressBar, step: Step | None) -> None:
    """Fill a bar as far as `step` says; it stays empty, and still, while the end is not known."""
    value = None if step is None else bar_value(step)
    bar.setRange(0, BAR_STEPS)
    bar.setValue(value or 0)


class Pace:
    """Turns the steps of one deed into counts, rate and remaining time.

    The rate is that of the last ten seconds: a library is some small files and some huge ones. The remaining time is
    a guess, so it begins late, follows slowly and is told in round numbers.
    """

    def __init__(self) -> None:
        self._points: deque[tuple[float, int]] = deque()
        self._unit = ""
        self._began = 0.0
        self._left: tuple[float, float] | None = None

    def add(self, step: Step, now: float) -> None:
        """Take in a step that came at `now` (`time.monotonic`). A new phase of the deed starts a new pace."""
        if step.unit != self._unit or (self._points and step.done < self._points[-1][1]):
            self.rest()
            self._unit = step.unit
            self._left = None
        if not self._points:
            self._began = now
        self._points.append((now, step.done))
        while len(self._points) > 2 and now - self._points[1][0] > _PACE_WINDOW_S:
            self._points.popleft()
        self._guess(step, now)

    def age(self, now: float) -> float:
        """Return for how long there have been steps, 0 before the first."""
        return now - self._began if self._points else 0.0

    def silence(self, now: float) -> float:
        """Return for how long there has been none."""
        return now - self._points[-1][0] if self._points else now

    def rest(self) -> None:
        """Forget the rate, for the deed holds; what is left stays what was guessed."""
        self._points.clear()
        if self._left is not None:
            self._left = (self._left[0], 0.0)

    def _guess(self, step: Step, now: float) -> None:
        rate = self.rate
        if rate is None or not step.total or now - self._began < _LEFT_MINIMUM_S:
            return
        fresh = max(0, step.total - step.done) / rate
        if self._left is None or not self._left[1]:
            before = fresh if self._left is None else self._left[0]
            self._left = (before, now)
            return
        left, since = self._left
        passed = now - since
        share = min(1.0, passed / _LEFT_EASE_S)
        self._left = (max(0.0, (left - passed) * (1 - share) + fresh * share), now)

    @property
    def rate(self) -> float | None:
        """Units a second, or None while that is a guess."""
        if len(self._points) < 2:
            return None
        (start, before), (end, after) = self._points[0], self._points[-1]
        if end - start < _PACE_MINIMUM_S or after <= before:
            return None
        return (after - before) / (end - start)

    @property
    def remaining_s(self) -> float | None:
        """The seconds that may be left, or None while nobody knows."""
        return None if self._left is None else self._left[0]

    def count_words(self, step: Step) -> str:
        """Return ``214 of 1,020 records``, ``1.2 GB of 40 GB`` or ``214 of 1,020 files · 1.2 GB of 40 GB``."""
        if step.unit != "bytes":
            return _so_many(step.done, step.total, step.unit)
        size = size_text(step.done)
        if step.total:
            size = _tr("{} of {}").format(size, size_text(step.total))
        if step.files_done is None:
            return size
        return f"{_so_many(step.files_done, step.files_total, 'files')} · {size}"

    def rate_words(self) -> str:
        """Return ``1.9 GB/s`` or ``320 records/s``, empty while that is a guess."""
        rate = self.rate
        if rate is None:
            return ""
        if self._unit == "bytes":
            return rate_text(rate)
        return _tr("{}/s").format(_counted(round(rate), self._unit)) if rate >= 1 else ""

    def remaining_words(self) -> str:
        """Return ``about 4 min left``, empty while nobody knows."""
        left = self.remaining_s
        return "" if left is None else _tr("{} left").format(about_text(left))

    def words(self, step: Step) -> str:
        """Return all three, with middle dots between."""
        parts = (self.count_words(step), self.rate_words(), self.remaining_words())
        return " · ".join(part for part in parts if part)


_UNITS = {
    "files": Forms("%n file", "%n files"),
    "records": Forms("%n record", "%n records"),
    "models": Forms("%n model", "%n models"),
    "folders": Forms("%n folder", "%n folders"),
}
"""What is counted by `Step`; what is not known here is said as it is."""


def _counted(number: int, unit: str) -> str:
    forms = _UNITS.get(unit)
    return numbered(number, forms) if forms is not None else f"{count_text(number)} {unit}"


def _so_many(done: int, total: int | None, unit: str) -> str:
    return _tr("{} of {}").format(count_text(done), _counted(total, unit)) if total else _counted(done, unit)
