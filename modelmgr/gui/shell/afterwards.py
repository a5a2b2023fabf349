"""What is done and made when the window stands already: step by step, so that no turn of the event loop takes long."""

from collections import deque
from collections.abc import Callable, Iterable

from PySide6.QtCore import QEvent, QObject, QTimer, Signal, Slot
from PySide6.QtWidgets import QWidget

_EACH_MS = 5
_UNSEEN_MS = 500


class Afterwards(QObject):
    """Does one step a turn, from the first paint of a window on, or soon, if nothing is painted at all.

    Signals:
        failed(): all was tried, and one step or several have failed.
    """

    failed = Signal()

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._steps: deque[Callable[[], object]] = deque()
        self._has_failed = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._step)

    def start(self, window: QWidget, steps: Iterable[Callable[[], object]]) -> None:
        """Do these, in this order, once `window` has been painted with all that is in it."""
        self._steps.extend(steps)
        window.installEventFilter(self)
        self._timer.start(_UNSEEN_MS)

    def go_on(self, steps: Iterable[Callable[[], object]]) -> None:
        """Do these, too."""
        self._steps.extend(steps)
        self._timer.start(0)

    def stop(self) -> None:
        """Do nothing more."""
        self._timer.stop()
        self._steps.clear()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Paint:
            watched.removeEventFilter(self)
            if self._steps:
                # What is in the window is painted in this turn of the event loop, too.
                self._timer.start(0)
        return False

    @Slot()
    def _step(self) -> None:
        if self._steps:
            step = self._steps.popleft()
            # Before it is done: one that fails leaves the others their turn.
            self._timer.start(_EACH_MS)
            try:
                step()
            except Exception:
                self._has_failed = True
                raise
            finally:
                if self._has_failed and not self._steps:
                    self._has_failed = False
                    self.failed.emit()
