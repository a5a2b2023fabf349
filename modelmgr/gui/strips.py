"""Quiet strips over a page: what stands there to be done, what was just done, and a question that blocks nothing."""

from collections.abc import Callable
from time import monotonic

from PySide6.QtCore import QEvent, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import (
    QFrame,
    QLabel,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QWidget,
)
from shiboken6 import isValid

from modelmgr.gui import boxes, theme
from modelmgr.gui.buttons import in_order
from modelmgr.gui.measures import scaled
from modelmgr.gui.pace import Pace, show_step
from modelmgr.gui.tasks import Task
from modelmgr.gui.text import foreign_text, plain_tip
from modelmgr.progress import Step

BLINK_MS = 250

_ICON_PX = 16


class Strip(QFrame):
    """A rounded strip: an icon, words, and what the derived class adds behind them."""

    def __init__(self, words: str, parent: QWidget, icon: str = "info", more: str = "") -> None:
        super().__init__(parent)
        self._icon_name = icon
        self._icon = QLabel(self)
        self._label = theme.paragraph(words, parent=self)
        self._more = theme.paragraph(more, "secondary", self)
        self._more.setVisible(bool(more))
        texts = boxes.column(self._label, self._more, spacing=theme.XS // 2)
        self._row = boxes.row(
            self._icon, (texts, 1), on=self, margins=(theme.S, theme.XS, theme.XS, theme.XS), spacing=theme.S
        )
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self._tint()

    @property
    def words(self) -> str:
        """What it says."""
        return self._label.text()

    def show_words(self, words: str) -> None:
        """Say something else."""
        self._label.setText(words)
        if self.isVisible():
            self._fit()

    def _tint(self) -> None:
        color = theme.colors().secondary
        self._icon.setPixmap(theme.sign(self, self._icon_name, _ICON_PX, color))

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in theme.NEW_LOOKS:
            self._tint()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """Hold the height that words which wrap need: a low page would else cut them, not shorten its lists."""
        self.setMinimumHeight(max(0, self._row.heightForWidth(self.width())))

    def paintEvent(self, event: QPaintEvent) -> None:
        theme.paint_ground(self, theme.colors().hover)


class Banner(Strip):
    """A sentence, and the one thing to do about it.

    Signals:
        accepted(str): the button was pressed for this folder.
    """

    accepted = Signal(str)

    def __init__(self, words: str, button: str, folder: str, parent: QWidget) -> None:
        super().__init__(words, parent)
        self._folder = folder
        self.setObjectName("pendingBanner")
        self._label.setObjectName("pendingBannerText")
        self._button = QPushButton(button, self)
        self._button.setObjectName("pendingBannerButton")
        self._button.setAccessibleDescription(words)
        self._button.clicked.connect(self._on_clicked)
        self._row.addWidget(self._button)

    @Slot()
    def _on_clicked(self) -> None:
        self.accepted.emit(self._folder)


class OfferStrip(Strip):
    """Says something, and offers one thing to do about it.

    Signals:
        accepted(): it is to be done.
        closed(): the user has read it.
    """

    accepted = Signal()
    closed = Signal()

    def __init__(self, name: str, button_name: str, button: str, parent: QWidget, icon: str = "info") -> None:
        super().__init__("", parent, icon)
        self.setObjectName(name)
        self._accept = QPushButton(button, self)
        self._accept.setObjectName(button_name)
        self._accept.setAutoDefault(False)
        self._accept.clicked.connect(self.accepted)
        close = QToolButton(self)
        close.setObjectName(f"{name}Close")
        close.setToolTip(plain_tip(self.tr("Close")))
        close.setAccessibleName(self.tr("Close this message"))
        theme.set_icon(close, "x")
        close.clicked.connect(self.closed)
        self._row.addWidget(self._accept)
        self._row.addWidget(close)

    def show_words(self, words: str) -> None:
        """Say something else."""
        super().show_words(words)
        self._accept.setAccessibleDescription(words)


class UndoStrip(OfferStrip):
    """Says what was just done, and offers to take it back."""

    def __init__(self, words: str, parent: QWidget) -> None:
        undo = self.tr("&Undo")
        super().__init__("undoStrip", "undoPromotionStripButton", undo, parent, "circle-check")
        self.show_words(words)


class AskStrip(Strip):
    """A question in its place on the page: what would be done, and the two ways. Esc is the harmless one.

    The harmless answer has the focus, so that a key that was meant for something else does no harm.

    Signals:
        answered(): the user has answered; the strip is gone then.
        agreed(): the user said yes.
        declined(): the user said no.

    Attributes:
        is_answered: whether the user has.
    """

    answered = Signal()
    agreed = Signal()
    declined = Signal()

    def __init__(
        self, name: str, words: str, more: str, yes: str, no: str, parent: QWidget, *, yes_name: str
    ) -> None:
        super().__init__(words, parent, "circle-question-mark", more)
        self.setObjectName(name)
        self.setAccessibleName(words)
        self.setAccessibleDescription(more)
        self.is_answered = False
        self._back: QWidget | None = None
        self._no = QPushButton(no, self)
        self._no.setObjectName("askNo")
        self._no.setAccessibleDescription(words)
        self._no.clicked.connect(self._on_no)
        self._yes = QPushButton(yes, self)
        self._yes.setObjectName(yes_name)
        self._yes.setAccessibleDescription(words)
        self._yes.clicked.connect(self._on_yes)
        for button in in_order(self, [self._yes], [self._no]):
            button.setAutoDefault(False)
            self._row.addWidget(button)

    def ask(self, deed: Callable[[], None]) -> None:
        """Take the keyboard, and give it back with the answer; `deed` is done if it is yes."""
        self.agreed.connect(deed)
        self._back = self.window().focusWidget()
        self._no.setFocus(Qt.FocusReason.PopupFocusReason)

    @Slot()
    def _on_yes(self) -> None:
        self._end(True)

    @Slot()
    def _on_no(self) -> None:
        self._end(False)

    def _end(self, is_yes: bool) -> None:
        if self.is_answered:
            return
        self.is_answered = True
        self.hide()
        # What had the keyboard may have gone meanwhile, with a strip that was over.
        if self._back is not None and isValid(self._back) and self._back.isVisible():
            self._back.setFocus(Qt.FocusReason.PopupFocusReason)
        self.deleteLater()
        self.answered.emit()
        (self.agreed if is_yes else self.declined).emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self._end(False)
            return
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            # Buttons outside of a dialog hear only the space bar.
            (self._yes if self._yes.hasFocus() else self._no).click()
            return
        super().keyPressEvent(event)


class WorkStrip(Strip):
    """How far a deed of this page is: bar, rate, remaining time, and a way to stop it.

    It shows up only once the deed lasts longer than a blink, and goes with it.
    """

    def __init__(self, task: Task, parent: QWidget) -> None:
        super().__init__(task.title, parent, "refresh-cw", " ")
        self.setObjectName("workStrip")
        self._task = task
        self._pace = Pace()
        self._bar = QProgressBar(self)
        self._bar.setObjectName("workProgress")
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName(task.title)
        self._bar.setFixedWidth(scaled(self, 200))
        show_step(self._bar, None)
        self._stop = QPushButton(self.tr("&Stop"), self)
        self._stop.setObjectName("workStop")
        self._stop.setAccessibleDescription(task.title)
        self._stop.clicked.connect(self._on_stop)
        self._row.addWidget(self._bar)
        self._row.addWidget(self._stop)
        self.hide()
        task.progressed.connect(self._on_progressed)
        task.finished.connect(self._on_finished)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(self.show)
        self._soon.start(BLINK_MS)

    @property
    def is_over(self) -> bool:
        """Whether there is nothing left to be stopped."""
        return not self._task.is_running

    @Slot(object)
    def _on_progressed(self, step: Step) -> None:
        self._pace.add(step, monotonic())
        name = foreign_text(step.text, 60)
        words = self._pace.words(step)
        self._more.setText(f"{words} · {name}" if name else words)
        show_step(self._bar, step)

    @Slot()
    def _on_stop(self) -> None:
        self._task.cancel()
        self._stop.setEnabled(False)
        self._stop.setText(self.tr("Stopping…"))

    @Slot()
    def _on_finished(self) -> None:
        self._soon.stop()
        self.hide()
        self.deleteLater()


class StripPlace(QWidget):
    """Where strips stand: work that goes on, below it what was done last, and below that what is asked.

    A question stays until it is answered, whatever ends meanwhile; only when it is asked anew it is asked once.
    """

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._layout = boxes.column(on=self, margins=0, spacing=theme.XS)
        self.hide()

    def _strips(self) -> list[Strip]:
        """Return what stands here, from top to bottom."""
        widgets = (self._layout.itemAt(place) for place in range(self._layout.count()))
        found = (item.widget() for item in widgets if item is not None)
        return [widget for widget in found if isinstance(widget, Strip)]

    @Slot()
    def clear_undo(self) -> None:
        """Take away what was offered to be undone; work and a question stay."""
        self._remove(lambda strip: isinstance(strip, UndoStrip))

    @Slot()
    def _on_work_over(self) -> None:
        self._remove(lambda strip: False)

    def _remove(self, is_over: Callable[[Strip], bool]) -> None:
        """Take strips away: those that `is_over` names, and work that is."""
        for strip in self._strips():
            if is_over(strip) or (isinstance(strip, WorkStrip) and strip.is_over):
                self._layout.removeWidget(strip)
                strip.hide()
                strip.deleteLater()
        self.setVisible(self._layout.count() > 0)

    def _add(self, strip: Strip, *above: type[Strip]) -> None:
        """Put a strip in its place, above the first of these kinds."""
        strips = self._strips()
        at = next((at for at, other in enumerate(strips) if isinstance(other, above)), len(strips))
        self._layout.insertWidget(at, strip)
        self.show()

    @Slot(object)
    def show_work(self, task: Task) -> None:
        """Show how far a deed is, as long as it lasts."""
        self.clear_undo()
        self._add(WorkStrip(task, self), AskStrip)
        task.finished.connect(self._on_work_over)

    def offer_undo(self, words: str, deed: Callable[[], None]) -> None:
        """Say what was done; `deed` takes it back."""
        self.clear_undo()
        strip = UndoStrip(words, self)
        strip.accepted.connect(deed)
        strip.closed.connect(self.clear_undo)
        self._add(strip, AskStrip)

    def ask(self, strip: AskStrip, deed: Callable[[], None]) -> None:
        """Put a question here; `deed` is done if the answer is yes."""
        name = strip.objectName()
        self._remove(lambda other: isinstance(other, AskStrip) and other.objectName() == name)
        self._add(strip)
        strip.answered.connect(self._on_answered)
        strip.show()
        strip.ask(deed)

    @Slot()
    def _on_answered(self) -> None:
        self._remove(lambda strip: isinstance(strip, AskStrip) and strip.is_answered)


class Hairline(QWidget):
    """One pixel between two panes."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setFixedWidth(1)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme.colors().line)
        painter.end()
