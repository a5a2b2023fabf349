"""The small field that searches the values of one facet, in the facet itself."""

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QLineEdit, QWidget

from modelmgr.gui import timers

LOOK_DELAY_MS = 120


class FindEdit(QLineEdit):
    """Tells what was typed once the typing rests for a moment.

    Signals:
        looked(str, str): group and text to look for.
        chosen(str): Enter: the first value that was found.
        left(str): the down key: to the values.
        closed(str): Escape, in an empty field or twice.
    """

    looked = Signal(str, str)
    chosen = Signal(str)
    left = Signal(str)
    closed = Signal(str)

    def __init__(self, group: str, words: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName(f"find-{group}")
        self.setProperty("role", "find")
        self.setAccessibleName(words)
        self.setPlaceholderText(words)
        self.setClearButtonEnabled(True)
        self.setAcceptDrops(False)
        self.setMaxLength(200)
        self._group = group
        self._delay = timers.after(LOOK_DELAY_MS, self._tell, self)
        self.textChanged.connect(self._on_text_changed)

    @Slot()
    def _on_text_changed(self) -> None:
        self._delay.start()

    @Slot()
    def _tell(self) -> None:
        self._delay.stop()
        self.looked.emit(self._group, self.text())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = event.key()
        if key == Qt.Key.Key_Escape:
            if self.text():
                self.clear()
                self._tell()
            else:
                self.closed.emit(self._group)
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._tell()
            self.chosen.emit(self._group)
        elif key == Qt.Key.Key_Down:
            self.left.emit(self._group)
        else:
            super().keyPressEvent(event)
            if key in (Qt.Key.Key_Up, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown):
                event.accept()  # not the list's as long as one types
