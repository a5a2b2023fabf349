"""A field that searches: a magnifier before the words, as large as they are."""

from PySide6.QtCore import QEvent, QRect, QSize, Qt
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QLineEdit, QStyle, QToolButton, QWidget

from modelmgr.gui import theme

_ICON_PX = 16


class SearchField(QLineEdit):
    """A line with a magnifier at its beginning.

    Actions of a `QLineEdit` have icons of one size, whatever its letters have.

    Attributes:
        lead: the magnifier; it is no button until somebody makes it one.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.lead = QToolButton(self)
        self.lead.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.lead.setCursor(Qt.CursorShape.ArrowCursor)
        self.lead.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        theme.set_icon(self.lead, "search")
        self._fit()

    def _fit(self) -> None:
        """Let the magnifier have its size, and the words begin behind it."""
        side = theme.grown(_ICON_PX, self.font())
        self.lead.setIconSize(QSize(side, side))
        room = QRect(theme.XS, 0, side + theme.XS, self.height())
        self.lead.setGeometry(QStyle.visualRect(self.layoutDirection(), self.rect(), room))
        # Behind the padding of every field, the words come as far after it as the magnifier before it.
        taken = side + theme.XS
        if self.isRightToLeft():
            self.setTextMargins(0, 0, taken, 0)
        else:
            self.setTextMargins(taken, 0, 0, 0)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.LayoutDirectionChange) and hasattr(
            self, "lead"
        ):
            self._fit()


class SearchEdit(SearchField):
    """A search that Esc clears."""

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and self.text():
            self.clear()
            return
        super().keyPressEvent(event)
