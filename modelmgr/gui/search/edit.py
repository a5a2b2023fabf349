"""The search field."""

from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QLineEdit, QWidget

from modelmgr.gui.search.filters import TEXT_LIMIT
from modelmgr.gui.search.words import searched_text

SEARCH_DELAY_MS = 150


class SearchEdit(QLineEdit):
    """The search field: tells what was typed once the typing rests for a moment.

    Signals:
        searched(str): the text to search for.
        left_downwards(): Enter or the down key: to the table.
    """

    searched = Signal(str)
    left_downwards = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("searchEdit")
        self.setAccessibleName(self.tr("Search the library"))
        self.setPlaceholderText(self.tr('Search: words, type:lora, base:"Flux.1 D", tag:ink'))
        self.setClearButtonEnabled(True)
        self.setMaxLength(TEXT_LIMIT)
        # A file dropped here means what it means anywhere in the window.
        self.setAcceptDrops(False)
        self._delay = QTimer(self)
        self._delay.setSingleShot(True)
        self._delay.setInterval(SEARCH_DELAY_MS)
        self._delay.timeout.connect(self._tell)
        self.textChanged.connect(self._on_text_changed)
        self.returnPressed.connect(self._on_return)

    def show_text(self, text: str) -> None:
        """Show the text of a query without searching for it again."""
        if text != self.text():
            self.setText(text)
            self._delay.stop()

    @Slot(str)
    def _on_text_changed(self, _text: str) -> None:
        self._delay.start()

    @Slot()
    def _tell(self) -> None:
        self._delay.stop()
        self.searched.emit(searched_text(self.text()))

    @Slot()
    def _on_return(self) -> None:
        self._tell()
        self.left_downwards.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and self.text():
            self.clear()
            self._tell()
        elif event.key() == Qt.Key.Key_Down:
            self._on_return()
        else:
            super().keyPressEvent(event)
