"""What stands at the top of the details: the picture, the stars, and the user's notes."""

from typing import Any

from PySide6.QtCore import QEvent, QRect, QSize, Qt, Signal, Slot
from PySide6.QtGui import (
    QFocusEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPixmap,
    QWheelEvent,
)
from PySide6.QtWidgets import QAbstractSlider, QPlainTextEdit, QSizePolicy, QWidget

from modelmgr.gui import theme, timers
from modelmgr.gui.text import plain_tip

PREVIEW_HEIGHT = 176
SAVE_DELAY_MS = 1000
NOTES_LIMIT = 100_000
_NOTES_LINES = 3, 8
_STAR_PX = 18
_ICON_PX = 32


class PreviewBox(QWidget):
    """The picture of the model, whole, on a quiet ground; the type's icon where there is none.

    Attributes:
        pixmap_shown: the picture, or None.
        is_looked_at: the mouse is on it, so that it need not be blurred.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.pixmap_shown: QPixmap | None = None
        self.is_looked_at = False
        self._type = "unknown"
        self._words = ""
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(PREVIEW_HEIGHT)
        self.show_picture(None, "unknown")

    def show_picture(self, picture: QPixmap | None, model_type: str, *, is_broken: bool = False) -> None:
        """Show a picture, or the icon of the type, with words where there is a picture that can't be shown."""
        self.pixmap_shown = picture
        self._type = model_type
        self._words = self.tr("The preview can't be read") if is_broken and picture is None else ""
        self.setAccessibleName(self.tr("Preview") if picture else self._words or self.tr("No preview"))
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        colors = theme.colors()
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colors.hover)
        painter.drawRoundedRect(self.rect(), 6, 6)
        picture = self.pixmap_shown
        if picture is None:
            side = theme.grown(_ICON_PX, self.font())
            icon = theme.pixmap(
                theme.type_icon_name(self._type), side, colors.absent, self.devicePixelRatioF()
            )
            top = (self.height() - side) // 2
            if self._words:
                metrics = self.fontMetrics()
                top -= (metrics.height() + theme.S) // 2
                words = metrics.elidedText(
                    self._words, Qt.TextElideMode.ElideRight, self.width() - 2 * theme.S
                )
                place = QRect(0, top + side + theme.S, self.width(), metrics.height())
                painter.setPen(colors.secondary)
                painter.drawText(place, int(Qt.AlignmentFlag.AlignCenter), words)
            painter.drawPixmap((self.width() - side) // 2, top, icon)
            return
        size = (
            picture.deviceIndependentSize().toSize().scaled(self.size(), Qt.AspectRatioMode.KeepAspectRatio)
        )
        size = size.boundedTo(picture.deviceIndependentSize().toSize().expandedTo(QSize(1, 1)) * 2)
        target = QRect(0, 0, size.width(), size.height())
        target.moveCenter(self.rect().center())
        painter.drawPixmap(target, picture)


class RatingBar(QAbstractSlider):
    """Five stars to click; the arrow keys and the digits 0 to 5 do as well.

    Signals:
        rated(object): the user chose 1 to 5, or None.
    """

    rated = Signal(object)
    _GAP_PX = 4

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("ratingBar")
        self._rating: int | None = None
        self._hovered = 0
        self.setRange(0, 5)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._star_px = theme.grown(_STAR_PX, self.font())
        self.setFixedSize(5 * self._star_px + 4 * self._GAP_PX + 4, self._star_px + 6)
        self.valueChanged.connect(self._on_value_changed)
        self.show_rating(None)

    def show_rating(self, rating: int | None) -> None:
        """Show a rating without telling anyone."""
        self._rating = rating
        self.setValue(rating or 0)  # for those who hear it
        self.setAccessibleName(self.tr("Rating: {} of 5").format(rating) if rating else self.tr("Not rated"))
        self.setToolTip(plain_tip(self.tr("Click a star to rate; click it again to take the rating back")))
        self.update()

    @Slot(int)
    def _on_value_changed(self, value: int) -> None:
        # An assistive tool has set it.
        if value != (self._rating or 0):
            self._choose(value or None)

    def _choose(self, rating: int | None) -> None:
        self.show_rating(rating)
        self.rated.emit(rating)

    def _star_at(self, x: float) -> int:
        return max(1, min(5, int((x - 2) // (self._star_px + self._GAP_PX)) + 1))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colors = theme.colors()
        shown = self._hovered or self._rating or 0
        for number in range(5):
            is_on = number < shown
            color = colors.text if is_on else colors.absent
            x = 2 + number * (self._star_px + self._GAP_PX)
            name = "star-filled" if is_on else "star"
            painter.drawPixmap(x, 3, theme.pixmap(name, self._star_px, color, self.devicePixelRatioF()))
        if self.hasFocus():
            painter.setPen(colors.accent_on_base)
            painter.drawRoundedRect(self.rect().adjusted(0, 0, -1, -1), 4, 4)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            star = self._star_at(event.position().x())
            self._choose(None if star == self._rating else star)

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()  # the pane scrolls

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._hovered = self._star_at(event.position().x())
        self.update()

    def leaveEvent(self, event: Any) -> None:
        self._hovered = 0
        self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        now = self._rating or 0
        if event.key() in (Qt.Key.Key_Right, Qt.Key.Key_Plus):
            self._choose(min(5, now + 1))
        elif event.key() in (Qt.Key.Key_Left, Qt.Key.Key_Minus):
            self._choose(now - 1 if now > 1 else None)
        elif Qt.Key.Key_0 <= event.key() <= Qt.Key.Key_5:
            self._choose((event.key() - Qt.Key.Key_0) or None)
        else:
            super().keyPressEvent(event)


class NotesEdit(QPlainTextEdit):
    """The user's notes; saved when typing rests or the focus goes.

    Signals:
        settled(): what was typed should be saved.
    """

    settled = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("notesEdit")
        self.setAccessibleName(self.tr("Notes"))
        self.setTabChangesFocus(True)
        self.setAcceptDrops(False)
        self.setProperty("framed", True)
        self._delay = timers.after(SAVE_DELAY_MS, self.settled.emit, self)
        self.textChanged.connect(self._delay.start)
        self.document().documentLayout().documentSizeChanged.connect(self._fit)
        self._fit()

    @Slot()
    def _fit(self) -> None:
        """Be as high as the notes, in whole lines, as long as they are no chapter."""
        # The size of a plain text document is counted in lines.
        lines = max(_NOTES_LINES[0], min(_NOTES_LINES[1], round(self.document().size().height())))
        around = 2 * (round(self.document().documentMargin()) + self.frameWidth()) + 2
        self.setFixedHeight(lines * self.fontMetrics().lineSpacing() + around)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._fit()

    def show_notes(self, notes: str | None) -> None:
        """Show notes without saving them."""
        self.blockSignals(True)
        self.setPlainText((notes or "")[:NOTES_LIMIT])
        self.blockSignals(False)
        self._delay.stop()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self._delay.stop()
        self.settled.emit()
