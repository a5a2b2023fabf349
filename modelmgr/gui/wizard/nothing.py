"""What the second page shows when there is nothing to import: why, and the ways on."""

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtWidgets import QLabel, QPushButton, QWidget

from modelmgr.gui import boxes, theme
from modelmgr.gui.buttons import in_order
from modelmgr.gui.text import breakable
from modelmgr.gui.wizard.parts import tr

_ICON_PX = 32


class NothingToImport(QWidget):
    """An icon, what is the matter, and the ways on: other sources, or another look at the same ones.

    Signals:
        back_wanted(): the user wants to choose something else.
        again_wanted(): the user wants another look.
    """

    back_wanted = Signal()
    again_wanted = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("nothingToImport")
        self._icon_name = "search-x"
        self._icon = QLabel(self)
        self._title = theme.plain_label("", "pane-title", self)
        self._words = theme.plain_label("", "secondary", self, name="nothingToImportWords")
        for label in (self._icon, self._title, self._words):
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
        for label in (self._title, self._words):
            label.setWordWrap(True)
        self._again = QPushButton(tr("Look &again"), self)
        self._again.setObjectName("lookAgainButton")
        self._again.clicked.connect(self.again_wanted)
        self._back = QPushButton(tr("&Choose something else"), self)
        self._back.setObjectName("chooseElseButton")
        self._back.setProperty("primary", True)
        self._back.clicked.connect(self.back_wanted)
        buttons = boxes.row(boxes.STRETCH, spacing=theme.S)
        for button in in_order(self, [self._back], [self._again]):
            buttons.addWidget(button)
        buttons.addStretch(1)
        layout = boxes.column(on=self, margins=(0, theme.L, 0, theme.L), spacing=theme.S)
        layout.addStretch(2)
        for widget in (self._icon, self._title, self._words):
            layout.addWidget(widget)
        layout.addSpacing(theme.XS)
        layout.addLayout(buttons)
        layout.addStretch(3)

    def show_nothing(self, words: str) -> None:
        """Say that nothing was found that could be imported."""
        self._show("search-x", tr("Nothing to import here"), words, can_repeat=False)

    def show_unreadable(self, words: str) -> None:
        """Say that what was chosen could not be read; that may be another matter the next time."""
        self._show("triangle-alert", tr("This could not be read"), words, can_repeat=True)

    def show_failed(self, words: str) -> None:
        """Say that the look itself went wrong."""
        self._show("triangle-alert", tr("The look did not come to its end"), words, can_repeat=True)

    def take_focus(self) -> None:
        """Give the likeliest way on the keyboard."""
        self._back.setFocus()

    def _show(self, icon: str, title: str, words: str, *, can_repeat: bool) -> None:
        self._icon_name = icon
        self._title.setText(title)
        self._words.setText(breakable(words))
        self._again.setVisible(can_repeat)
        self._back.setAccessibleDescription(f"{title}. {words}")
        self._tint()

    def _tint(self) -> None:
        color = theme.colors().absent
        self._icon.setPixmap(theme.sign(self, self._icon_name, _ICON_PX, color))

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in theme.NEW_LOOKS:
            self._tint()
