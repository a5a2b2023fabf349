"""The running work in the status bar: what it is, how fast, how long still, and a way to stop it.

Here is also how reports are put into one sentence (`result_text`) and how steps become counts, rate and
remaining time (`Pace`); the wizard and the pending page speak the same words.
"""

import time
from collections import deque
from itertools import count

from PySide6.QtCore import QCoreApplication, QPoint, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QSizePolicy,
    QStyleOption,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from modelmgr.errors import ModelmgrError
from modelmgr.gui import theme
from modelmgr.gui.tasks import Task, Tasks, TaskState
from modelmgr.gui.text import (
    about_text,
    count_text,
    counted,
    foreign_text,
    plain_tip,
    rate_text,
    size_text,
)
from modelmgr.progress import Step
from modelmgr.values import ImportReport, MoveReport, PromoteReport, ScanReport, UndoReport, VerifyReport

RESULT_MS = 30_000
BAR_STEPS = 1000
"""A bar counts in thousandths: the bytes of a library are more than its 32-bit number holds."""

_PACE_WINDOW_S = 10.0
_PACE_MINIMUM_S = 0.75
_LEFT_MINIMUM_S = 3.0
_LEFT_EASE_S = 8.0
"""A guess of the remaining time follows new figures as slowly as this, so that it does not jump about."""
SILENT_FOR_S = 2.0
"""Work that lasts as long as the window is at rest when it has said nothing for so long."""
QUIET_FOR_S = 1.5
"""Work that nobody asked for is not shown before it has lasted so long."""
_BAR_WIDTH = 120


def _tr(text: str) -> str:
    return QCoreApplication.translate("Jobs", text)


# --- words ------------------------------------------------------------------------------------------------


def result_text(report: object) -> str:
    """Return one sentence for the report of a deed, or nothing if there is nothing to say."""
    if isinstance(report, ScanReport):
        return _scan_text(report)
    if isinstance(report, ImportReport):
        return "" if report.dry_run else _import_text(report)
    if isinstance(report, PromoteReport):
        return _promote_text(report)
    if isinstance(report, UndoReport):
        return _undo_text(report)
    if isinstance(report, VerifyReport):
        return _verify_text(report)
    if isinstance(report, MoveReport):
        return _move_text(report)
    if isinstance(report, tuple):
        # A deed of several steps returns what each of them did.
        return "; ".join(words for words in map(result_text, report) if words)
    return ""


def sentence(report: object) -> str:
    """Return `result_text` with a capital and a full stop."""
    words = result_text(report)
    return words[:1].upper() + words[1:] + "." if words else ""


def found_something(report: object) -> bool:
    """Tell whether a deed that nobody asked for has done something that the user should hear of."""
    if not isinstance(report, ScanReport):
        return bool(result_text(report))
    return any((report.added, report.updated, report.missing, report.moved, report.rewritten))


def _were(number: int, noun: str, verb: str) -> str:
    return f"{counted(number, noun)} {'was' if number == 1 else 'were'} {verb}"


def _scan_text(report: ScanReport) -> str:
    if not report.seen and not (report.missing or report.offline or report.failed):
        words = _were(report.hashed, "file", "hashed") if report.hashed else _tr("no model files were found")
        return _tr("The scan was stopped: {}").format(words) if report.cancelled else words
    # Files, not models: two files with the same bytes are one model.
    new, parts = report.added - report.moved, []
    if new or not any((report.moved, report.rewritten, report.updated, report.missing, report.offline)):
        parts.append(_were(new, "model file", "added"))
    for number, verb in (
        (report.moved, ("was found at another place", "were found at another place")),
        (report.rewritten, ("has a new header", "have new headers")),
        (report.updated, ("was updated", "were updated")),
        (report.missing, ("is missing", "are missing")),
        (report.offline, ("is offline", "are offline")),
        (report.failed, ("could not be read", "could not be read")),
    ):
        if number:
            subject = count_text(number) if parts else counted(number, "model file")
            parts.append(f"{subject} {verb[number != 1]}")
    words = ", ".join(parts)
    return _tr("The scan was stopped: {}").format(words) if report.cancelled else words


def _import_text(report: ImportReport) -> str:
    parts = [_were(report.imported, "record", "imported")]
    if report.unchanged:
        parts.append(f"{count_text(report.unchanged)} {'was' if report.unchanged == 1 else 'were'} known")
    if report.failed:
        parts.append(f"{count_text(report.failed)} could not be read")
    words = ", ".join(parts)
    return _tr("The import was stopped: {}").format(words) if report.cancelled else words


def _promote_text(report: PromoteReport) -> str:
    parts = []
    if report.promoted or not report.stayed:
        parts.append(_were(report.promoted, "record", "promoted"))
    if report.stayed:
        subject = count_text(report.stayed) if parts else counted(report.stayed, "record")
        parts.append(f"{subject} {'needs' if report.stayed == 1 else 'need'} a decision")
    words = ", ".join(parts)
    return _tr("The promotion was stopped: {}").format(words) if report.cancelled else words


def _undo_text(report: UndoReport) -> str:
    verb = _tr("waits again") if report.undone == 1 else _tr("wait again")
    words = f"{counted(report.undone, 'record')} {verb}"
    if report.stayed:
        words += ", " + _tr("{} could not be undone").format(count_text(report.stayed))
    return _tr("The undo was stopped: {}").format(words) if report.cancelled else words


def _verify_text(report: VerifyReport) -> str:
    parts = [_were(report.checked, "file", "checked")]
    if report.changed:
        parts.append(f"{count_text(report.changed)} {'has' if report.changed == 1 else 'have'} changed")
    if report.missing:
        parts.append(f"{count_text(report.missing)} {'is' if report.missing == 1 else 'are'} missing")
    if len(parts) == 1 and report.ok == report.checked:
        parts.append(_tr("all as they were"))
    words = ", ".join(parts)
    return _tr("The check was stopped: {}").format(words) if report.cancelled else words


def _move_text(report: MoveReport) -> str:
    parts = [f"{_were(report.found, 'file', 'found')} in the new folder"]
    if report.changed:
        parts.append(f"{count_text(report.changed)} {'has' if report.changed == 1 else 'have'} changed")
    if report.absent:
        parts.append(f"{count_text(report.absent)} {'is' if report.absent == 1 else 'are'} not there")
    words = ", ".join(parts)
    return _tr("The move was stopped: {}").format(words) if report.cancelled else words


def error_text(error: object) -> str:
    """Return the sentence of an expected failure, and plain words for one that nobody expected."""
    if isinstance(error, ModelmgrError):
        return foreign_text(error.message, 400)
    return _tr("Something went wrong inside the program. The log file says more.")


def bar_value(step: Step) -> int | None:
    """Return how full a bar of `BAR_STEPS` is, or None while nobody knows the end."""
    if not step.total:
        return None
    return max(0, min(BAR_STEPS, step.done * BAR_STEPS // step.total))


def show_step(bar: QProgressBar, step: Step | None) -> None:
    """Fill a bar as far as `step` says; it stays empty, and still, while the end is not known."""
    value = None if step is None else bar_value(step)
    bar.setRange(0, BAR_STEPS)
    bar.setValue(value or 0)


class Pace:
    """Turns the steps of one deed into counts, rate and remaining time.

    The rate is that of the last ten seconds: a library is some small files and some huge ones. The remaining time is
    a guess, so it begins late, follows slowly and is told in round numbers.
    """

    def __init__(self) -> None:
        self._points: deque[tuple[float, int]] = deque()
        self._unit = ""
        self._began = 0.0
        self._left: tuple[float, float] | None = None

    def add(self, step: Step, now: float) -> None:
        """Take in a step that came at `now` (`time.monotonic`). A new phase of the deed starts a new pace."""
        if step.unit != self._unit or (self._points and step.done < self._points[-1][1]):
            self.rest()
            self._unit = step.unit
            self._left = None
        if not self._points:
            self._began = now
        self._points.append((now, step.done))
        while len(self._points) > 2 and now - self._points[1][0] > _PACE_WINDOW_S:
            self._points.popleft()
        self._guess(step, now)

    def age(self, now: float) -> float:
        """Return for how long there have been steps, 0 before the first."""
        return now - self._began if self._points else 0.0

    def silence(self, now: float) -> float:
        """Return for how long there has been none."""
        return now - self._points[-1][0] if self._points else now

    def rest(self) -> None:
        """Forget the rate, for the deed holds; what is left stays what was guessed."""
        self._points.clear()
        if self._left is not None:
            self._left = (self._left[0], 0.0)

    def _guess(self, step: Step, now: float) -> None:
        rate = self.rate
        if rate is None or not step.total or now - self._began < _LEFT_MINIMUM_S:
            return
        fresh = max(0, step.total - step.done) / rate
        if self._left is None or not self._left[1]:
            before = fresh if self._left is None else self._left[0]
            self._left = (before, now)
            return
        left, since = self._left
        passed = now - since
        share = min(1.0, passed / _LEFT_EASE_S)
        self._left = (max(0.0, (left - passed) * (1 - share) + fresh * share), now)

    @property
    def rate(self) -> float | None:
        """Units a second, or None while that is a guess."""
        if len(self._points) < 2:
            return None
        (start, before), (end, after) = self._points[0], self._points[-1]
        if end - start < _PACE_MINIMUM_S or after <= before:
            return None
        return (after - before) / (end - start)

    @property
    def remaining_s(self) -> float | None:
        """The seconds that may be left, or None while nobody knows."""
        return None if self._left is None else self._left[0]

    def count_words(self, step: Step) -> str:
        """Return ``214 of 1,020 records``, ``1.2 GB of 40 GB`` or ``214 of 1,020 files · 1.2 GB of 40 GB``."""
        if step.unit != "bytes":
            return _so_many(step.done, step.total, step.unit)
        size = f"{size_text(step.done)} of {size_text(step.total)}" if step.total else size_text(step.done)
        if step.files_done is None:
            return size
        return f"{_so_many(step.files_done, step.files_total, 'files')} · {size}"

    def rate_words(self) -> str:
        """Return ``1.9 GB/s`` or ``320 records/s``, empty while that is a guess."""
        rate = self.rate
        if rate is None:
            return ""
        if self._unit == "bytes":
            return rate_text(rate)
        return f"{count_text(round(rate))} {self._unit}/s" if rate >= 1 else ""

    def remaining_words(self) -> str:
        """Return ``about 4 min left``, empty while nobody knows."""
        left = self.remaining_s
        return "" if left is None else _tr("{} left").format(about_text(left))

    def words(self, step: Step) -> str:
        """Return all three, with middle dots between."""
        parts = (self.count_words(step), self.rate_words(), self.remaining_words())
        return " · ".join(part for part in parts if part)


def _so_many(done: int, total: int | None, unit: str) -> str:
    one = unit.removesuffix("s")
    return f"{count_text(done)} of {counted(total, one)}" if total else counted(done, one)


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


# --- the widgets ------------------------------------------------------------------------------------------


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
