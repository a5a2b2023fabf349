"""What opens over the status bar: all running deeds, each with its own buttons, and what was said lately."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from PySide6.QtCore import QCoreApplication, Qt, QTime, Slot
from PySide6.QtWidgets import QFrame, QGridLayout, QLayout, QProgressBar, QToolButton, QWidget

from modelmgr.gui import boxes, theme
from modelmgr.gui.labels import ElidedLabel, WrappingLabel
from modelmgr.gui.pace import BAR_STEPS, Pace, show_step
from modelmgr.gui.tasks import Task, TaskState
from modelmgr.gui.text import foreign_text, plain_tip
from modelmgr.progress import Step

SAID_LINES = 3


class Said(NamedTuple):
    """A result or a failure that stood in the status bar, and when."""

    text: str
    when: QTime


def _tr(text: str) -> str:
    return QCoreApplication.translate("Jobs", text)


def thin_bar(parent: QWidget) -> QProgressBar:
    """Return an empty bar without text."""
    bar = QProgressBar(parent)
    bar.setTextVisible(False)
    bar.setRange(0, BAR_STEPS)
    bar.setValue(0)
    return bar


def cancel_button(parent: QWidget, title: str) -> QToolButton:
    """Return the button that stops the deed of this title."""
    button = QToolButton(parent)
    theme.set_icon(button, "x")
    button.setAutoRaise(True)
    name_cancel(button, title)
    return button


def name_cancel(button: QToolButton, title: str) -> None:
    """Let it name the deed that it stops."""
    words = _tr("Stop: {}").format(foreign_text(title, 200))
    button.setToolTip(plain_tip(words))
    button.setAccessibleName(words)


def pause_button(parent: QWidget) -> QToolButton:
    """Return the button that lets a deed hold, or go on."""
    button = QToolButton(parent)
    theme.set_icon(button, "pause")
    button.setAutoRaise(True)
    return button


def show_pause(button: QToolButton, task: Task) -> None:
    """Let a pause button say what it does to `task`; it is hidden where the deed can't hold."""
    button.setVisible(task.can_pause and not task.is_cancelling)
    words = _tr("Go on: {}") if task.is_paused else _tr("Pause: {}")
    title = words.format(foreign_text(task.title, 200))
    if title != button.accessibleName():
        theme.set_icon(button, "play" if task.is_paused else "pause")
        button.setToolTip(plain_tip(title))
        button.setAccessibleName(title)


def toggle_pause(task: Task) -> None:
    """Let a deed hold, or go on."""
    if task.is_paused:
        task.resume()
    else:
        task.pause()


class _Row(QWidget):
    """One running deed in the popup list: title, counts, bar, and its own button to stop it."""

    def __init__(self, task: Task, pace: Pace, parent: QWidget) -> None:
        super().__init__(parent)
        self._task = task
        self._pace = pace
        self._title = ElidedLabel(self)
        self._words = ElidedLabel(self)
        theme.set_role(self._words, "secondary")
        self._bar = thin_bar(self)
        self._cancel = cancel_button(self, task.title)
        self._cancel.setObjectName("taskCancelOne")
        self._cancel.setEnabled(not task.is_cancelling)
        self._cancel.setVisible(not task.is_standing)
        self._cancel.clicked.connect(self._on_cancel)
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setHorizontalSpacing(theme.S)
        layout.setVerticalSpacing(theme.XS)
        layout.addWidget(self._title, 0, 0)
        layout.addWidget(self._words, 1, 0)
        layout.addWidget(self._bar, 2, 0)
        self._pause = pause_button(self)
        self._pause.setObjectName("taskPauseOne")
        # So that all bars end in one line.
        policy = self._pause.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self._pause.setSizePolicy(policy)
        self._pause.clicked.connect(self._on_pause)
        layout.addWidget(self._pause, 0, 1, 3, 1, Qt.AlignmentFlag.AlignVCenter)
        layout.addWidget(self._cancel, 0, 2, 3, 1, Qt.AlignmentFlag.AlignVCenter)
        layout.setColumnStretch(0, 1)
        task.progressed.connect(self._on_progressed)
        task.held.connect(self._on_held)
        self._title.show_text(foreign_text(task.title, 200))
        self._on_progressed(task.step)

    @Slot(object)
    def _on_progressed(self, step: Step | None) -> None:
        self._words.show_text(task_words(self._task, self._pace), current(step))
        show_step(self._bar, step)
        show_pause(self._pause, self._task)

    @Slot(bool)
    def _on_held(self, _is_paused: bool) -> None:
        self._on_progressed(self._task.step)

    @Slot()
    def _on_pause(self) -> None:
        toggle_pause(self._task)

    @Slot()
    def _on_cancel(self) -> None:
        self._task.cancel()
        self._cancel.setEnabled(False)
        self._on_progressed(self._task.step)


def task_words(task: Task, pace: Pace) -> str:
    """Say how far a deed is."""
    if task.is_cancelling:
        return _tr("Stopping…")
    if task.is_paused:
        count = pace.count_words(task.step) if task.step is not None else ""
        return " · ".join(words for words in (_tr("Paused"), count) if words)
    if task.step is not None:
        return pace.words(task.step)
    return _tr("Waiting") if task.state == TaskState.WAITING else _tr("Starting")


def current(step: Step | None) -> str:
    """Return what is being worked on."""
    return foreign_text(step.text, 1000) if step is not None else ""


class JobsList(QFrame):
    """The list of running deeds and of what was said; it closes with Esc or a click elsewhere, as popups do."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setObjectName("taskList")
        self.setAccessibleName(_tr("Running work and what was done lately"))
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self._layout = boxes.column(on=self, margins=theme.M, spacing=theme.M)
        # Lines that wrap claim the height of the narrowest column before they are laid out.
        self._layout.setSizeConstraint(QLayout.SizeConstraint.SetNoConstraint)

    def show_all(self, tasks: Sequence[Task], paces: Mapping[Task, Pace], said: Iterable[Said]) -> None:
        """Build the rows anew: deeds, newest first, then what was said, newest first."""
        while (item := self._layout.takeAt(0)) is not None:
            if (row := item.widget()) is not None:
                row.hide()
                row.deleteLater()
        self.setFixedWidth(self.fontMetrics().averageCharWidth() * 68)
        for task in reversed(tasks):
            self._layout.addWidget(_Row(task, paces[task], self))
        lately = self._lately(said)
        if lately is not None:
            self._layout.addWidget(lately)
        self.resize(self.width(), self._layout.totalHeightForWidth(self.width()))

    def _lately(self, said: Iterable[Said]) -> QWidget | None:
        lines = list(said)[::-1]
        if not lines:
            return None
        block = QWidget(self)
        grid = QGridLayout(block)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(theme.M)
        grid.setVerticalSpacing(theme.XS)
        grid.setColumnStretch(1, 1)
        grid.addWidget(theme.plain_label(_tr("Lately"), "group", block), 0, 0, 1, 2)
        for at, line in enumerate(lines, 1):
            when = theme.plain_label(line.when.toString("HH:mm"), "secondary", block)
            text = WrappingLabel(SAID_LINES, block)
            text.setText(line.text)
            text.setToolTip(plain_tip(line.text))
            grid.addWidget(when, at, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(text, at, 1)
        return block
