"""How widgets that stand take a new style sheet: what is seen at once, all else in later turns of the event loop.

The sheet is the application's. Qt's own ways go through all widgets in one piece, most of them twice
(`QWidget.setStyleSheet`) or as often as they have parents (`QApplication.setStyleSheet`): 40 and 160 ms for the six
hundred of a window, of which a hundred are seen.
"""

import time
from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QEvent, QObject, QTimer, Slot
from PySide6.QtWidgets import QApplication, QMainWindow, QWidget
from shiboken6 import isValid

from modelmgr.gui import theme

if TYPE_CHECKING:
    from PySide6.QtGui import QAction

_SLICE_S = 0.005
_EACH_MS = 4


def wear(sheet: str) -> None:
    """Give the application a style sheet; what stands already takes it by `NewLooks`."""
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    worn = app.styleSheet()
    if sheet == worn:
        return
    if worn:
        # With it goes all that was kept of the former sheet, and by that Qt knows whom to go through.
        app.style().unpolish(app)
    app.setStyleSheet(sheet)


class NewLooks(QObject):
    """Has a window and all that belongs to it take the application's style sheet of now, and its icons their colour."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self._waiting: deque[QWidget | QAction] = deque()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_EACH_MS)
        self._timer.timeout.connect(self._go_on)

    def take(self) -> None:
        """Begin anew: what is seen takes them here."""
        from PySide6.QtGui import QAction

        # From the outermost to the innermost: what a parent wears is handed down.
        widgets = list(self._all_widgets())
        seen = [widget for widget in widgets if widget.isVisible()]
        for widget in seen:
            _renew(widget)
            for action in widget.actions():
                theme.retint(action)
        were_seen = set(seen)
        self._waiting = deque(widget for widget in widgets if widget not in were_seen)
        self._waiting.extend(self._window.findChildren(QAction))
        self._timer.start()

    @property
    def is_taken(self) -> bool:
        """Whether all that is there has them."""
        return not self._waiting

    def _all_widgets(self) -> Iterable[QWidget]:
        yield self._window
        yield from self._window.findChildren(QWidget)
        for other in QApplication.topLevelWidgets():
            # Lists of completions belong to nobody.
            if other.parentWidget() is None and not isinstance(other, QMainWindow):
                yield other
                yield from other.findChildren(QWidget)

    @Slot()
    def _go_on(self) -> None:
        until = time.thread_time() + _SLICE_S
        while self._waiting and time.thread_time() < until:
            each = self._waiting.popleft()
            if isValid(each):
                if isinstance(each, QWidget):
                    _renew(each)
                else:
                    theme.retint(each)
        if self._waiting:
            self._timer.start()


def _renew(widget: QWidget) -> None:
    widget.style().polish(widget)
    QCoreApplication.sendEvent(widget, QEvent(QEvent.Type.StyleChange))
    theme.retint(widget)
