"""One quiet line below the panel: what was just removed, and the way back."""

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QFrame, QToolButton, QWidget

from modelmgr.gui import boxes, theme, timers
from modelmgr.gui.labels import WrappingLabel
from modelmgr.gui.text import plain_tip

STAYS_MS = 20_000


class UndoLine(QFrame):
    """Says what was done until it is undone, dismissed, or old.

    Signals:
        undone(): the user wants it back.
    """

    undone = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("undoLine")
        self._words = WrappingLabel(2, self)
        self._words.setProperty("role", "secondary")
        self._undo = QToolButton(self)
        self._undo.setObjectName("undoButton")
        self._undo.setText(self.tr("Undo"))
        self._undo.setProperty("role", "chip-clear")
        self._undo.clicked.connect(self._on_undo)
        boxes.row(
            (self._words, 1),
            self._undo,
            on=self,
            margins=(theme.M, theme.XS, theme.S, theme.XS),
            spacing=theme.XS,
        )
        self._old = timers.after(STAYS_MS, self.hide, self)
        self.hide()

    def say(self, text: str) -> None:
        """Say what was done."""
        self._words.setText(text)
        self._words.setToolTip(plain_tip(text))
        self.setAccessibleName(text)
        self.show()
        self._old.start()

    @Slot()
    def _on_undo(self) -> None:
        self.hide()
        self.undone.emit()
