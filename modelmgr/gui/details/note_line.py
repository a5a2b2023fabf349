"""One remark about a model: a mark, a sentence, and at most one thing to do about it."""

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QPushButton, QWidget

from modelmgr.gui import boxes, theme
from modelmgr.gui.labels import WordsLabel

_MARK_PX = 16


class _Mark(QWidget):
    """An icon in a colour of the theme, painted when it is needed: it follows every change of the palette."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.icon_name, self.color_name = "info", "secondary"
        self._side = theme.grown(_MARK_PX, self.font())
        self.setFixedSize(QSize(self._side, self._side + 2))

    def paintEvent(self, event: QPaintEvent) -> None:
        color = getattr(theme.colors(), self.color_name)
        picture = theme.pixmap(self.icon_name, self._side, color, self.devicePixelRatioF())
        QPainter(self).drawPixmap(0, 1, picture)


class NoteLine(QWidget):
    """A mark and words beside it; hidden while there is nothing to say.

    Signals:
        acted(): the user pressed its button.
    """

    acted = Signal()

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(f"{name}Line")
        self._mark = _Mark(self)
        self._words = WordsLabel(self)
        self._words.setObjectName(name)
        self._button = QPushButton(self)
        self._button.setObjectName(f"{name}Button")
        self._button.clicked.connect(self.acted)
        beside = boxes.column(
            self._words, (self._button, 0, Qt.AlignmentFlag.AlignLeft), margins=0, spacing=theme.XS
        )
        boxes.row(
            (self._mark, 0, Qt.AlignmentFlag.AlignTop), (beside, 1), on=self, margins=0, spacing=theme.S
        )
        self.hide()

    def say(
        self, text: str, *, icon: str = "info", color: str = "secondary", tip: str = "", button: str = ""
    ) -> None:
        """Say something, or nothing.

        Args:
            text: plain text; foreign words in it have come through `foreign_text`.
            icon: of `resources/icons`.
            color: of the mark, an attribute of `theme.Colors`; ``problem`` colours the words as well.
            tip: a tool tip, HTML-escaped.
            button: what the button says; none without it.
        """
        self._mark.icon_name, self._mark.color_name = icon, color
        self._mark.update()
        role = "problem" if color == "problem" else ""
        if self._words.property("role") != role:
            self._words.setProperty("role", role)
            self._words.style().unpolish(self._words)
            self._words.style().polish(self._words)
        self._words.say(text)
        self._words.setToolTip(tip)
        self._button.setText(button)
        self._button.setVisible(bool(button))
        self.setVisible(bool(text))
