"""Labels for foreign text of any length."""

from PySide6.QtCore import QEvent, QRect, QSize, Qt, Signal, Slot
from PySide6.QtGui import (
    QContextMenuEvent,
    QFontMetrics,
    QGuiApplication,
    QKeyEvent,
    QKeySequence,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QTextLayout,
    QTextOption,
)
from PySide6.QtWidgets import (
    QAbstractButton,
    QComboBox,
    QLabel,
    QMenu,
    QPushButton,
    QSizePolicy,
    QStyle,
    QStyleOption,
    QStyleOptionComboBox,
    QStylePainter,
    QWidget,
)

from modelmgr.gui import boxes, theme
from modelmgr.gui.text import breakable, plain_tip, unbroken

_REMEMBERED = 8
"""So many layouts a label keeps: a layout asks for the same few widths again and again."""


class WrappingLabel(QLabel):
    """A label of a few lines that breaks anywhere, so that a name of 200 characters cannot widen the pane."""

    def __init__(
        self,
        lines: int,
        parent: QWidget | None = None,
        *,
        mode: Qt.TextElideMode = Qt.TextElideMode.ElideRight,
    ) -> None:
        super().__init__(parent)
        self._lines = lines
        self._mode = mode
        self._laid: dict[int, list[tuple[int, int]]] = {}
        self._line_px = 0
        self.setTextFormat(Qt.TextFormat.PlainText)
        policy = QSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def _layout(self, width: int) -> list[tuple[int, int]]:
        """Return where each line begins and how long it is; of the last few widths it is remembered."""
        found = self._laid.get(width)
        if found is None:
            if len(self._laid) >= _REMEMBERED:
                self._laid.clear()
            found = self._laid[width] = self._lay_out(width)
        return found

    def setText(self, text: str) -> None:
        """Show another text."""
        if text != self.text():
            self._laid.clear()
            super().setText(text)

    def changeEvent(self, event: QEvent) -> None:
        """Lay out anew with another font."""
        self._laid.clear()
        self._line_px = 0
        super().changeEvent(event)

    def _lay_out(self, width: int) -> list[tuple[int, int]]:
        # A line feed is no end of a line to Qt here, the mark for one is.
        layout = QTextLayout(self.text().replace("\n", "\u2028"), self.font())
        option = QTextOption()
        option.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        layout.setTextOption(option)
        found: list[tuple[int, int]] = []
        layout.beginLayout()
        while len(found) <= self._lines:
            line = layout.createLine()
            if not line.isValid():
                break
            line.setLineWidth(max(1, width))
            found.append((line.textStart(), line.textLength()))
        layout.endLayout()
        return found

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        lines = max(1, min(self._lines, len(self._layout(width))))
        return lines * self._line_height() + 2

    def _line_height(self) -> int:
        if not self._line_px:
            self._line_px = QFontMetrics(self.font()).lineSpacing()
        return self._line_px

    def sizeHint(self) -> QSize:
        return QSize(160, self.heightForWidth(max(80, self.width())))

    def minimumSizeHint(self) -> QSize:
        return QSize(40, self._line_height() + 2)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        if self.property("role") == "secondary" or self.property("quiet"):
            painter.setPen(theme.colors().secondary)
        metrics = QFontMetrics(self.font())
        # Each text runs as its own script does, and begins where the reader's does.
        painter.setLayoutDirection(Qt.LayoutDirection.LayoutDirectionAuto)
        across = QStyle.visualAlignment(self.layoutDirection(), self.alignment())
        across = (across & Qt.AlignmentFlag.AlignHorizontal_Mask) | Qt.AlignmentFlag.AlignAbsolute
        units = self.text().encode("utf-16-le", "replace")
        lines = self._layout(self.width())
        y = 0
        for number, (start, length) in enumerate(lines[: self._lines]):
            is_last = number == self._lines - 1 and len(lines) > self._lines
            part = units[2 * start :] if is_last else units[2 * start : 2 * (start + length)]
            text = part.decode("utf-16-le", "replace").strip().replace("\n", " ")
            if is_last:
                text = metrics.elidedText(text[:500], self._mode, self.width())
            rect = QRect(0, y, self.width(), metrics.lineSpacing())
            painter.drawText(rect, int(across | Qt.AlignmentFlag.AlignVCenter), text)
            y += metrics.lineSpacing()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.updateGeometry()


class WordsLabel(QLabel):
    """Sentences that wrap and can be selected; a path in them breaks where it has to, and is copied as it is."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )

    def say(self, text: str) -> None:
        """Show a text that has come through `foreign_text`."""
        self.setText(breakable(text))
        self.setAccessibleName(text)

    def text(self) -> str:
        """Return what it says."""
        return unbroken(super().text())

    @Slot()
    def copy(self) -> None:
        """Copy what is selected, without the places at which it breaks."""
        QGuiApplication.clipboard().setText(unbroken(self.selectedText()))

    @Slot()
    def select_all(self) -> None:
        """Select all of it."""
        self.setSelection(0, len(super().text()))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy()
        else:
            super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        menu = QMenu(self)
        menu.aboutToHide.connect(menu.deleteLater)
        menu.addAction(self.tr("Copy"), self.copy).setEnabled(self.hasSelectedText())
        menu.addAction(self.tr("Select all"), self.select_all)
        menu.popup(event.globalPos())


def break_words(button: QAbstractButton, width: int) -> None:
    """Write the words of a button, its accessible name, on as many lines as they need in a width in pixels."""
    metrics = button.fontMetrics()
    around = button.sizeHint().width() - metrics.size(0, button.text()).width()
    room = width - max(around, 2 * theme.L)
    button.setText(_in_lines(button.accessibleName(), metrics, room).replace("&", "&&"))


def _in_lines(text: str, metrics: QFontMetrics, room: int) -> str:
    """Break words into lines that are `room` pixels wide at most; a longer word is cut."""
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if lines[-1] and metrics.horizontalAdvance(longer) > room:
            lines.append(word)
        else:
            lines[-1] = longer
    return "\n".join(metrics.elidedText(line, Qt.TextElideMode.ElideRight, room) for line in lines)


class ElidedBox(QComboBox):
    """A combo box that shows both ends of a choice that is longer than there is room."""

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QStylePainter(self)
        option = QStyleOptionComboBox()
        self.initStyleOption(option)
        painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
        room = self.style().subControlRect(
            QStyle.ComplexControl.CC_ComboBox, option, QStyle.SubControl.SC_ComboBoxEditField, self
        )
        option.currentText = self.fontMetrics().elidedText(
            option.currentText, Qt.TextElideMode.ElideMiddle, room.width() - theme.XS
        )
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)


class SecretLine(QWidget):
    """Says that dots stand for a key or a token, and offers to show it.

    Signals:
        show_wanted(): the user wants to see the record as it is.
    """

    show_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("secretLine")
        words = theme.paragraph(
            self.tr("A key or a token in this record is shown as dots."), "secondary", self
        )
        show = QPushButton(self.tr("Show it"), self)
        show.setObjectName("showSecretButton")
        show.setToolTip(
            plain_tip(self.tr("Show this record as it is. Copying and saving give its exact bytes anyway."))
        )
        show.clicked.connect(self.show_wanted)
        boxes.row((words, 1), show, on=self, margins=0, spacing=theme.S)
        self.hide()


class ElidedLabel(QLabel):
    """One line of plain text that is cut with an ellipsis where the room ends; the tool tip has all of it."""

    def __init__(
        self, parent: QWidget | None = None, *, mode: Qt.TextElideMode = Qt.TextElideMode.ElideRight
    ):
        super().__init__(parent)
        self._mode = mode
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    def show_text(self, text: str, tip: str = "") -> None:
        """Show `text`, which may be foreign but must have come through `foreign_text`."""
        if text != self.text():
            self.setText(text)
        self.setToolTip(plain_tip(tip or text))

    def minimumSizeHint(self) -> QSize:
        size = super().minimumSizeHint()
        return QSize(min(size.width(), self.fontMetrics().averageCharWidth() * 8), size.height())

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        option = QStyleOption()
        option.initFrom(self)
        room = self.contentsRect()
        text = self.fontMetrics().elidedText(self.text(), self._mode, room.width())
        role = self.foregroundRole()
        flags = int(self.alignment()) | int(Qt.TextFlag.TextSingleLine)
        if self._mode == Qt.TextElideMode.ElideMiddle:
            # That is for paths, which read from left to right in every language.
            flags |= int(Qt.TextFlag.TextForceLeftToRight)
        self.style().drawItemText(painter, room, flags, option.palette, self.isEnabled(), text, role)
