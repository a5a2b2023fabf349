"""What is made when the window stands already: step by step, so that no turn of the event loop takes long."""

from collections import deque
from collections.abc import Callable, Iterable

from PySide6.QtCore import QObject, QTimer, Slot

_FIRST_MS, _EACH_MS = 40, 5


class Afterwards(QObject):
    """Does one step a turn, beginning soon after `start`: when that returns, nothing has been painted yet."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._steps: deque[Callable[[], object]] = deque()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._step)

    def start(self, steps: Iterable[Callable[[], object]]) -> None:
        """Do these, in this order."""
        self._steps.extend(steps)
        self._timer.start(_FIRST_MS)

    def stop(self) -> None:
        """Do nothing more."""
        self._timer.stop()
        self._steps.clear()

    @Slot()
    def _step(self) -> None:
        if self._steps:
            self._steps.popleft()()
            self._timer.start(_EACH_MS)
