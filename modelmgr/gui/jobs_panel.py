"""The running work in the status bar: what it is, how fast, how long still, and a way to stop it."""

import time
from collections import deque
from itertools import count

from PySide6.QtCore import QPoint, Qt, QTime, Signal, Slot
from PySide6.QtWidgets import (
    QToolButton,
    QWidget,
)

from modelmgr.gui import boxes, theme, timers
from modelmgr.gui.jobs_list import (
    JobsList,
    Said,
    cancel_button,
    current,
    name_cancel,
    pause_button,
    show_pause,
    task_words,
    thin_bar,
    toggle_pause,
)
from modelmgr.gui.labels import ElidedLabel
from modelmgr.gui.outcomes import error_text, found_something, sentence
from modelmgr.gui.pace import Pace, show_step
from modelmgr.gui.tasks import Task, Tasks, TaskState
from modelmgr.gui.text import foreign_text, plain_tip
from modelmgr.progress import Step

RESULT_MS = 30_000
KEPT_SAID = 12
"""So many results and failures can be read again after they have left the line."""
SILENT_FOR_S = 2.0
"""Work that lasts as long as the window is at rest when it has said nothing for so long."""
QUIET_FOR_S = 1.5
"""Work that nobody asked for is not shown before it has lasted so long."""
_BAR_WIDTH = 120


class JobsPanel(QWidget):
    """The corner of the status bar that says what is going on.

    Nothing runs: the last result stands there for half a minute, as a line. One deed runs: its title, counts,
    rate, remaining time, a bar and a button to stop it. Several: the newest so, and a button for the list. What
    was said lately can be read again.

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
        self._said: deque[Said] = deque(maxlen=KEPT_SAID)
        self._line = ElidedLabel(self)
        self._line.setObjectName("taskLine")
        self._line.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._bar = thin_bar(self)
        self._bar.setObjectName("taskBar")
        self._bar.setFixedWidth(_BAR_WIDTH)
        self._bar.setAccessibleName(self.tr("Progress"))
        self._more = QToolButton(self)
        self._more.setObjectName("taskMore")
        self._more.clicked.connect(self._on_more)
        self._lately = QToolButton(self)
        self._lately.setObjectName("taskLately")
        self._lately.setAutoRaise(True)
        theme.set_icon(self._lately, "history")
        lately = self.tr("What was done lately")
        self._lately.setToolTip(plain_tip(lately))
        self._lately.setAccessibleName(lately)
        self._lately.clicked.connect(self._on_lately)
        self._lately.hide()
        self._pause = pause_button(self)
        self._pause.setObjectName("taskPause")
        self._pause.clicked.connect(self._on_pause)
        self._cancel = cancel_button(self, "")
        self._cancel.setObjectName("taskCancel")
        self._cancel.clicked.connect(self._on_cancel)
        self._popup = JobsList(self)
        self._shows_said = False
        self._forget = timers.after(RESULT_MS, self._on_forget, self)
        self._fall_silent = timers.after(round(SILENT_FOR_S * 1000) + 50, self._on_silence, self)
        boxes.row(
            (self._line, 1),
            self._bar,
            self._more,
            self._pause,
            self._cancel,
            self._lately,
            on=self,
            margins=0,
            spacing=theme.S,
        )
        # Buttons come and go: the bar keeps its height, and the page above it its place.
        self.ensurePolished()
        self.setMinimumHeight(max(button.sizeHint().height() for button in (self._cancel, self._lately)))
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
        if self._said and self._said[-1].text == shown:
            # The page that asked for a deed says the same as the deed itself.
            self._said.pop()
        self._said.append(Said(shown, QTime.currentTime()))
        self._lately.show()
        from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent

        QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self, shown))
        self.said.emit(shown)

    @Slot()
    def put_away(self) -> None:
        """Take what was said last off the line: it stands on the page, too. It can still be read again."""
        self._forget.stop()
        self._on_forget()

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
            toggle_pause(task)

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
        words = f"{foreign_text(task.title, 200)} · {task_words(task, self._paces[task])}"
        self._line.show_text(words, current(task.step) or words)
        show_step(self._bar, task.step)
        name_cancel(self._cancel, task.title)
        self._cancel.setEnabled(not task.is_cancelling)
        show_pause(self._pause, task)
        if seen > 1:
            self._more.setText(self.tr("{} more").format(seen - 1))
            self._more.setAccessibleName(self.tr("Show all running work"))

    @Slot()
    def _on_more(self) -> None:
        self._shows_said = False
        self._open_list()

    @Slot()
    def _on_lately(self) -> None:
        self._shows_said = True
        self._open_list()

    def _open_list(self) -> None:
        self._popup.show_all(self._seen, self._paces, self._said if self._shows_said else ())
        corner = self.mapToGlobal(QPoint(self.width(), 0))
        self._popup.move(corner - QPoint(self._popup.width(), self._popup.height() + theme.XS))
        self._popup.show()

    def _refresh_popup(self) -> None:
        if not self._popup.isVisible():
            return
        if self._shows_said:
            self._on_lately()
        elif len(self._seen) < 2:
            self._popup.close()
        else:
            self._on_more()
