"""The running work in the status bar: what it is, how fast, how long still, and a way to stop it."""

import time
from itertools import count

from PySide6.QtCore import QCoreApplication, QPoint, Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QProgressBar,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from modelmgr.gui import theme
from modelmgr.gui.labels import ElidedLabel
from modelmgr.gui.outcomes import error_text, found_something, sentence
from modelmgr.gui.pace import BAR_STEPS, Pace, show_step
from modelmgr.gui.tasks import Task, Tasks, TaskState
from modelmgr.gui.text import foreign_text, plain_tip
from modelmgr.progress import Step

RESULT_MS = 30_000
SILENT_FOR_S = 2.0
"""Work that lasts as long as the window is at rest when it has said nothing for so long."""
QUIET_FOR_S = 1.5
"""Work that nobody asked for is not shown before it has lasted so long."""
_BAR_WIDTH = 120


def _tr(text: str) -> str:
    return QCoreApplication.translate("Jobs", text)


def _thin_bar(parent: QWidget) -> QProgressBar:
    bar = QProgressBar(parent)
    bar.setTextVisible(False)
    bar.setRange(0, BAR_STEPS)
    bar.setValue(0)
    return bar


def _cancel_button(parent: QWidget, title: str) -> QToolButton:
    button = QToolButton(parent)
    theme.set_icon(button, "x")
    button.setAutoRaise(True)
    _name_cancel(button, title)
    return button


def _name_cancel(button: QToolButton, title: str) -> None:
    words = _tr("Stop: {}").format(foreign_text(title, 200))
    button.setToolTip(plain_tip(words))
    button.setAccessibleName(words)


def _pause_button(parent: QWidget) -> QToolButton:
    button = QToolButton(parent)
    theme.set_icon(button, "pause")
    button.setAutoRaise(True)
    return button


def _show_pause(button: QToolButton, task: Task) -> None:
    """Let a pause button say what it does to `task`; it is hidden where the deed can't hold."""
    button.setVisible(task.can_pause and not task.is_cancelling)
    words = _tr("Go on: {}") if task.is_paused else _tr("Pause: {}")
    title = words.format(foreign_text(task.title, 200))
    if title != button.accessibleName():
        theme.set_icon(button, "play" if task.is_paused else "pause")
        button.setToolTip(plain_tip(title))
        button.setAccessibleName(title)


def _toggle_pause(task: Task) -> None:
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
        self._bar = _thin_bar(self)
        self._cancel = _cancel_button(self, task.title)
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
        self._pause = _pause_button(self)
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
        self._words.show_text(_task_words(self._task, self._pace), _current(step))
        show_step(self._bar, step)
        _show_pause(self._pause, self._task)

    @Slot(bool)
    def _on_held(self, _is_paused: bool) -> None:
        self._on_progressed(self._task.step)

    @Slot()
    def _on_pause(self) -> None:
        _toggle_pause(self._task)

    @Slot()
    def _on_cancel(self) -> None:
        self._task.cancel()
        self._cancel.setEnabled(False)
        self._on_progressed(self._task.step)


def _task_words(task: Task, pace: Pace) -> str:
    if task.is_cancelling:
        return _tr("Stopping…")
    if task.is_paused:
        count = pace.count_words(task.step) if task.step is not None else ""
        return " · ".join(words for words in (_tr("Paused"), count) if words)
    if task.step is not None:
        return pace.words(task.step)
    return _tr("Waiting") if task.state == TaskState.WAITING else _tr("Starting")


def _current(step: Step | None) -> str:
    return foreign_text(step.text, 1000) if step is not None else ""


class _Popup(QFrame):
    """The list of all running deeds; it closes with Esc or a click elsewhere, as popups do."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setObjectName("taskList")
        self.setAccessibleName(_tr("Running work"))
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(theme.M, theme.M, theme.M, theme.M)
        self._layout.setSpacing(theme.M)

    def show_tasks(self, tasks: list[Task], paces: dict[Task, Pace]) -> None:
        """Build the rows anew, newest first."""
        while (item := self._layout.takeAt(0)) is not None:
            if (row := item.widget()) is not None:
                row.hide()
                row.deleteLater()
        for task in reversed(tasks):
            self._layout.addWidget(_Row(task, paces[task], self))
        self.setFixedWidth(self.fontMetrics().averageCharWidth() * 68)
        self.adjustSize()


class JobsPanel(QWidget):
    """The corner of the status bar that says what is going on.

    Nothing runs: the last result stands there for half a minute, as a line. One deed runs: its title, counts,
    rate, remaining time, a bar and a button to stop it. Several: the newest so, and a button for the list.

    Signals:
        said(str): a result, a failure or a message was shown as a line.
    """

    said = Signal(str)

    def __init__(self, tasks: Tasks, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("taskProgress")
        self.setAccessibleName(self.tr("Running work"))
        self._tasks = tasks
        self._paces: dict[Task, Pace] = {}
        self._order: dict[Task, int] = {}
        self._numbers = count()
        self._result = ""
        self._line = ElidedLabel(self)
        self._line.setObjectName("taskLine")
        self._line.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._bar = _thin_bar(self)
        self._bar.setObjectName("taskBar")
        self._bar.setFixedWidth(_BAR_WIDTH)
        self._bar.setAccessibleName(self.tr("Progress"))
        self._more = QToolButton(self)
        self._more.setObjectName("taskMore")
        self._more.clicked.connect(self._on_more)
        self._pause = _pause_button(self)
        self._pause.setObjectName("taskPause")
        self._pause.clicked.connect(self._on_pause)
        self._cancel = _cancel_button(self, "")
        self._cancel.setObjectName("taskCancel")
        self._cancel.clicked.connect(self._on_cancel)
        self._popup = _Popup(self)
        self._forget = QTimer(self)
        self._forget.setSingleShot(True)
        self._forget.setInterval(RESULT_MS)
        self._forget.timeout.connect(self._on_forget)
        self._fall_silent = QTimer(self)
        self._fall_silent.setSingleShot(True)
        self._fall_silent.setInterval(round(SILENT_FOR_S * 1000) + 50)
        self._fall_silent.timeout.connect(self._on_silence)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.S)
        layout.addWidget(self._line, 1)
        layout.addWidget(self._bar)
        layout.addWidget(self._more)
        layout.addWidget(self._pause)
        layout.addWidget(self._cancel)
        tasks.started.connect(self._on_started)
        tasks.finished.connect(self._on_finished)
        tasks.failed.connect(self._on_question_failed)
        for task in tasks.running:
            self._take(task)
        self._show()

    @property
    def text(self) -> str:
        """What the line says."""
        return self._line.text()

    def show_message(self, text: str) -> None:
        """Show a result or a hint as a line, for half a minute or until the next one."""
        shown = foreign_text(text, 1000)
        self._forget.start()
        if self._front is None:
            self._line.show_text(shown)
        self._result = shown
        from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent

        QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self, shown))
        self.said.emit(shown)

    # --- what runs ---

    @property
    def _seen(self) -> list[Task]:
        """The deeds to speak of, oldest first: all that were asked for, and quiet ones that take their time."""
        now = time.monotonic()
        return [task for task in self._paces if self._is_seen(task, now)]

    def _is_seen(self, task: Task, now: float) -> bool:
        if task.is_standing:
            # It waits most of the time, without a step.
            pace = self._paces[task]
            return task.is_paused or (pace.age(now) >= QUIET_FOR_S and pace.silence(now) < SILENT_FOR_S)
        return not task.is_quiet or (task.started is not None and now - task.started >= QUIET_FOR_S)

    @property
    def _front(self) -> Task | None:
        """The deed in the status bar: the newest that works, else the newest that waits; quiet ones last."""
        return max(
            self._seen,
            key=lambda task: (not task.is_quiet, task.state == TaskState.RUNNING, self._order[task]),
            default=None,
        )

    def _take(self, task: Task) -> None:
        self._paces[task] = Pace()
        self._order[task] = next(self._numbers)
        # Which of them speaks is asked of Qt: a partial would keep the panel alive beyond its window.
        task.progressed.connect(self._on_progressed)
        task.succeeded.connect(self._on_succeeded)
        task.cancelled.connect(self._on_cancelled)
        task.held.connect(self._on_held)

    @Slot(object)
    def _on_started(self, task: Task) -> None:
        self._take(task)
        self._show()
        self._refresh_popup()

    @Slot(object)
    def _on_finished(self, task: Task) -> None:
        self._paces.pop(task, None)
        self._order.pop(task, None)
        self._show()
        self._refresh_popup()

    @Slot(object)
    def _on_progressed(self, step: Step) -> None:
        task = self.sender()
        pace = self._paces.get(task) if isinstance(task, Task) else None
        if pace is None or not isinstance(task, Task):
            return
        now = time.monotonic()
        if task.is_standing:
            if pace.silence(now) >= SILENT_FOR_S:
                pace.rest()
            self._fall_silent.start()
        pace.add(step, now)
        if task is self._front:
            self._show()

    @Slot(object)
    def _on_succeeded(self, outcome: object) -> None:
        words = sentence(outcome)
        task = self.sender()
        if isinstance(task, Task) and task.is_quiet and not found_something(outcome):
            return
        if words:
            self.show_message(words)

    @Slot()
    def _on_cancelled(self) -> None:
        task = self.sender()
        if isinstance(task, Task) and not task.is_quiet:
            self.show_message(self.tr("Stopped: {}.").format(task.title))

    @Slot(bool)
    def _on_held(self, is_paused: bool) -> None:
        task = self.sender()
        pace = self._paces.get(task) if isinstance(task, Task) else None
        if pace is not None and is_paused:
            pace.rest()
        self._show()

    @Slot(str, object)
    def _on_question_failed(self, title: str, error: object) -> None:
        self.show_message(f"{title}: {error_text(error)}")

    @Slot()
    def _on_cancel(self) -> None:
        task = self._front
        if task is not None:
            task.cancel()
            self._show()

    @Slot()
    def _on_pause(self) -> None:
        task = self._front
        if task is not None:
            _toggle_pause(task)

    @Slot()
    def _on_silence(self) -> None:
        self._show()
        self._refresh_popup()

    @Slot()
    def _on_forget(self) -> None:
        self._result = ""
        self._show()

    # --- what is seen ---

    def _show(self) -> None:
        task = self._front
        working = task is not None
        self._bar.setVisible(working)
        # The watch is switched off in the settings, and paused here.
        self._cancel.setVisible(task is not None and not task.is_standing)
        seen = len(self._seen)
        self._more.setVisible(seen > 1)
        if task is None:
            self._pause.hide()
            self._line.show_text(self._result)
            return
        words = f"{foreign_text(task.title, 200)} · {_task_words(task, self._paces[task])}"
        self._line.show_text(words, _current(task.step) or words)
        show_step(self._bar, task.step)
        _name_cancel(self._cancel, task.title)
        self._cancel.setEnabled(not task.is_cancelling)
        _show_pause(self._pause, task)
        if seen > 1:
            self._more.setText(self.tr("{} more").format(seen - 1))
            self._more.setAccessibleName(self.tr("Show all running work"))

    @Slot()
    def _on_more(self) -> None:
        self._popup.show_tasks(self._seen, self._paces)
        corner = self.mapToGlobal(QPoint(self.width(), 0))
        self._popup.move(corner - QPoint(self._popup.width(), self._popup.height() + theme.XS))
        self._popup.show()

    def _refresh_popup(self) -> None:
        if not self._popup.isVisible():
            return
        if len(self._seen) < 2:
            self._popup.close()
            return
        self._on_more()
