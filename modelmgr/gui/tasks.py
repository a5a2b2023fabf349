"""Tasks: the window's one door to threads.

Three verbs, each on a lane of its own, so that a click never waits behind an hour of hashing:

- `ask`: a short question that only reads. Its answer comes back in the GUI thread.
- `change`: a short write (a rating, a note); one after another, in the order they were given.
- `run`: a long deed, with progress, pause and cancel. What nobody asked for (`is_quiet`) has a lane of its own.

Pictures are decoded on a lane too (`look`), newest question first, and one thread stands guard (`stand`) as long as
the window is open. Nothing here knows what it runs.

What runs here names no class of Qt's for the first time and imports no module of the window's: on Python 3.11 shiboken
keeps what it knows of classes in one table, the GUI thread reads it without the interpreter's lock, and a table that
grows at that moment ends the process.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable
from enum import StrEnum
from functools import partial
from typing import Any, TypeVar

from PySide6.QtCore import QCoreApplication, QEvent, QObject, Signal, Slot
from shiboken6 import isValid

from modelmgr.errors import ModelmgrError
from modelmgr.gui.importing import Qt
from modelmgr.lazily import dataclass
from modelmgr.progress import Cancelled, Progress, Step

log = logging.getLogger(__name__)

T = TypeVar("T")

QUESTION_THREADS = 3
DEED_THREADS = 2
QUIET_THREADS = 2
"""One may hash for hours, while a dialog wants to know what would be found."""
QUIT_TIMEOUT_S = 15.0
INTERRUPT_STEP_S = 0.01


class TaskState(StrEnum):
    """How far a long deed has come."""

    WAITING = "waiting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Task(QObject):
    """One long deed: what is running, how far it is, and how it ended.

    All signals come in the GUI thread, in this order: any number of `progressed`, one of `succeeded`,
    `failed` and `cancelled`, then `finished`. A deed that answers a cancel with a report (whole records only)
    has *succeeded* with that report; `cancelled` means that it said nothing more.

    Signals:
        progressed(Step): at most twenty times a second.
        succeeded(object): what the deed returned.
        failed(object): the exception that ended it.
        cancelled(): it was cancelled and returned nothing.
        finished(): it is over, one way or the other.
        held(bool): it was paused, or goes on.

    Attributes:
        title: what it is, in the user's words.
        state: a word of `TaskState`.
        step: the last news, or None.
        started: `time.monotonic` of the moment it began to run, or None while it waits.
        is_quiet: nobody asked for it; nothing need be said of it unless it found something.
        can_pause: whether it may be paused: not while it holds what others wait for.
        is_standing: it lasts as long as the window; it is at work only while it steps.
    """

    progressed = Signal(object)
    succeeded = Signal(object)
    failed = Signal(object)
    cancelled = Signal()
    finished = Signal()
    held = Signal(bool)

    _stepped = Signal(object)
    _began = Signal()
    _given_up = Signal()

    def __init__(
        self,
        title: str,
        parent: QObject | None = None,
        *,
        is_quiet: bool = False,
        can_pause: bool = False,
        is_standing: bool = False,
    ) -> None:
        super().__init__(parent)
        self.title = title
        self.is_quiet = is_quiet
        self.can_pause = can_pause
        self.is_standing = is_standing
        self.state = TaskState.WAITING
        self.step: Step | None = None
        self.started: float | None = None
        self._progress = Progress(self._stepped.emit)
        queued = Qt.ConnectionType.QueuedConnection
        self._stepped.connect(self._on_stepped, queued)
        self._began.connect(self._on_began, queued)

    def cancel(self) -> None:
        """Ask the deed to stop at its next step; one that waits is over at once."""
        self._progress.cancel()
        self._given_up.emit()

    @property
    def is_cancelling(self) -> bool:
        """Whether `cancel` was called."""
        return self._progress.is_cancelled

    def pause(self) -> None:
        """Ask the deed to hold at its next step, until `resume` or `cancel`."""
        if self.can_pause and self.is_running and not self._progress.is_paused:
            self._progress.pause()
            self.held.emit(True)

    def resume(self) -> None:
        """Let a paused deed go on."""
        if self._progress.is_paused:
            self._progress.resume()
            self.held.emit(False)

    @property
    def is_paused(self) -> bool:
        """Whether it was asked to hold."""
        return self._progress.is_paused

    @property
    def is_running(self) -> bool:
        """Whether it waits or works, that is, isn't over."""
        return self.state in (TaskState.WAITING, TaskState.RUNNING)

    def work(self, deed: Callable[[Progress], T]) -> T:
        """Do the deed, in the calling thread.

        Raises:
            Cancelled: before it began, or when the deed says so.
        """
        self._progress.check()
        self._began.emit()
        return deed(self._progress)

    def end(self, outcome: Any, error: Exception | None) -> bool:
        """Tell how it ended; True if nobody but the caller has heard of an error."""
        unheard = False
        if error is None:
            self.state = TaskState.SUCCEEDED
            self.succeeded.emit(outcome)
        elif isinstance(error, Cancelled):
            self.state = TaskState.CANCELLED
            self.cancelled.emit()
        else:
            from PySide6.QtCore import QMetaMethod

            self.state = TaskState.FAILED
            unheard = not self.isSignalConnected(QMetaMethod.fromSignal(self.failed))
            self.failed.emit(error)
        self.finished.emit()
        return unheard

    @Slot()
    def _on_began(self) -> None:
        if self.is_running:
            self.state = TaskState.RUNNING
            self.started = time.monotonic()

    @Slot(object)
    def _on_stepped(self, step: Step) -> None:
        if self.is_running:
            self.step = step
            self.progressed.emit(step)


@dataclass(slots=True)
class _Job:
    """What a worker gets: something to call, and the number under which the asker waits.

    Attributes:
        key: of jobs with one key only one runs at a time.
        replaces: it also takes the place of one with its key that still waits.
    """

    number: int
    call: Callable[[], Any] | None
    key: Hashable
    replaces: bool = True


@dataclass(frozen=True, slots=True)
class _Asker:
    """Who waits for a job. Stays in the GUI thread.

    A worker that held the last reference to a widget would destroy it in the wrong thread; therefore it gets
    the call alone, and `call` is kept here too until the job has come back.
    """

    call: Callable[[], Any]
    answer: Callable[..., None] | None = None
    failed: Callable[..., None] | None = None
    key: Hashable = None
    task: Task | None = None


class _Lane:
    """Some threads that work off one queue. Threads start when there is work and stay until `stop`.

    Of jobs with one key only one runs at a time: a slow question that is asked again and again would take all
    threads from the others.
    """

    def __init__(
        self,
        name: str,
        threads: int,
        deliver: Callable[[int, Any, Exception | None], None],
        *,
        newest_first: bool = False,
    ) -> None:
        self._name = name
        self._limit = threads
        self._deliver = deliver
        self._newest_first = newest_first
        self._waiting: deque[_Job] = deque()
        self._busy: dict[Hashable, int] = {}
        self._at_work: set[int] = set()
        self._ready = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._idle = 0
        self._held = False
        self._stopped = False

    def put(self, job: _Job) -> int | None:
        """Queue a job; return the number of the waiting one with the same key whose place it took, if any."""
        with self._ready:
            if self._stopped:
                return job.number
            if job.key is not None and job.replaces:
                for place, other in enumerate(self._waiting):
                    if other.key == job.key:
                        self._waiting[place] = job
                        return other.number
            self._waiting.append(job)
            if not self._held:
                self._call_thread()
            return None

    def _call_thread(self) -> None:
        if len(self._waiting) > self._idle and len(self._threads) < self._limit:
            # A daemon, so that a disk that never answers cannot keep a closed program alive.
            name = f"modelmgr-{self._name}-{len(self._threads) + 1}"
            thread = threading.Thread(target=self._work, name=name, daemon=True)
            self._threads.append(thread)
            thread.start()
        else:
            self._ready.notify()

    def hold(self, *, is_held: bool) -> None:
        """Begin nothing of what is given from now on, or begin all that waits."""
        with self._ready:
            self._held = is_held
            if not is_held:
                for _job in self._waiting:
                    self._call_thread()

    def take_back(self, number: int) -> bool:
        """Take a job out of the queue; False if it is not there (any more)."""
        with self._ready:
            for place, job in enumerate(self._waiting):
                if job.number == number:
                    del self._waiting[place]
                    return True
            return False

    def drop(self, key: Hashable, interrupt: Callable[[int], None] | None) -> int | None:
        """Forget the waiting job with this key and interrupt the one that runs; return the number of the former."""
        with self._ready:
            # Under the lock: the thread can't begin something else before it is told.
            if interrupt is not None and key in self._busy:
                interrupt(self._busy[key])
            for place, job in enumerate(self._waiting):
                if job.key == key:
                    del self._waiting[place]
                    return job.number
            return None

    def stop(self, *, finish: bool = False) -> None:
        """Let the threads end after what they are doing, or, with `finish`, after all that waits."""
        with self._ready:
            self._stopped = True
            if not finish:
                self._waiting.clear()
            self._ready.notify_all()

    def interrupt(self, interrupt: Callable[[int], None]) -> int:
        """Interrupt what runs, and return how much does: between two statements it does not hear it."""
        with self._ready:
            for thread in self._at_work:
                interrupt(thread)
            return len(self._at_work)

    def has(self, thread: threading.Thread) -> bool:
        """Whether `thread` is one of these."""
        return thread in self._threads

    def join(self, deadline: float) -> bool:
        """Wait for the threads until `deadline` (`time.monotonic`); True if all have ended."""
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _next(self) -> _Job | None:
        """Take the next job whose key is free; the caller holds the lock."""
        places = range(len(self._waiting))
        for place in reversed(places) if self._newest_first else places:
            job = self._waiting[place]
            if job.key is None or job.key not in self._busy:
                del self._waiting[place]
                if job.key is not None:
                    self._busy[job.key] = threading.get_ident()
                return job
        return None

    def _work(self) -> None:
        while True:
            with self._ready:
                self._idle += 1
                while (job := self._next()) is None and not self._stopped:
                    self._ready.wait()
                self._idle -= 1
                if job is None:
                    return
                self._at_work.add(threading.get_ident())
            outcome = None
            failure: Exception | None = None
            assert job.call is not None
            try:
                outcome = job.call()
            except Exception as error:  # noqa: BLE001 the asker hears of it, or the log
                failure = error
            job.call = None
            self._deliver(job.number, outcome, failure)
            with self._ready:
                self._at_work.discard(threading.get_ident())
                if job.key is not None:
                    # Only now: so no answer can overtake that of an older question with the same key.
                    del self._busy[job.key]
                    self._ready.notify()
            # Not kept until the next job comes: it may be a payload of some megabytes.
            del outcome, failure


def _is_gone(receiver: Callable[..., None] | None) -> bool:
    """Tell whether `receiver` is a method of a QObject that Qt has destroyed meanwhile."""
    while isinstance(receiver, partial):
        receiver = receiver.func
    owner = getattr(receiver, "__self__", None)
    return isinstance(owner, QObject) and not isValid(owner)


class Tasks(QObject):
    """Runs questions and deeds in threads and brings their answers back to the GUI thread.

    Signals:
        started(object): a `Task` was taken on.
        finished(object): that `Task` is over; its own signals have been sent.
        failed(str, object): what was tried, and the exception, where the asker did not take it.
        answered(): an answer has been given, and no question waits for its own.

    Args:
        interrupt: ends the question that a thread (its `threading.get_ident`) asks just now.
    """

    started = Signal(object)
    finished = Signal(object)
    failed = Signal(str, object)
    answered = Signal()
    _came_back = Signal(object, object, object)

    def __init__(self, *, interrupt: Callable[[int], None] | None = None) -> None:
        super().__init__()
        self._interrupt = interrupt
        self._closed = False
        self._number = 0
        self._askers: dict[int, _Asker] = {}
        self._running: list[Task] = []
        deliver = self._came_back.emit
        self._questions = _Lane("ask", QUESTION_THREADS, deliver)
        self._changes = _Lane("change", 1, deliver)
        self._deeds = _Lane("run", DEED_THREADS, deliver)
        self._pictures = _Lane("look", 1, deliver, newest_first=True)
        self._quiet = _Lane("quiet", QUIET_THREADS, deliver)
        self._guard = _Lane("guard", 1, deliver)
        self._standing: list[Task] = []
        self._is_listening = False

    @property
    def running(self) -> list[Task]:
        """The deeds that wait or work, oldest first."""
        return list(self._running)

    @property
    def is_answered(self) -> bool:
        """Whether every question has its answer; deeds may still be at work."""
        return all(asker.task is not None for asker in self._askers.values())

    def hold_questions(self, *, is_held: bool) -> None:
        """Let questions wait from now on, or no longer: before the first paint their threads would slow it down."""
        for lane in (self._questions, self._pictures):
            lane.hold(is_held=is_held)

    def ask(
        self,
        question: Callable[[], T],
        answer: Callable[[T], None],
        *,
        failed: Callable[[Exception], None] | None = None,
        key: Hashable = None,
    ) -> None:
        """Ask a short question in a worker; `answer` gets what it returned, in the GUI thread.

        A question with a `key` takes the place of one with the same key that still waits. One that is already
        running is not stopped, and the next begins only after it: answers come in order, and an answer should
        carry its question, so that the asker can drop it when it has moved on. Nothing is delivered to a
        QObject that has been destroyed; hand over bound methods (or partials of them), not lambdas.

        `failed` gets the exception; without it the signal `failed` tells whoever listens.
        """
        self._put(self._questions, _Asker(question, answer, failed, key))

    def drop(self, key: Hashable) -> None:
        """Give up a question: one that waits is forgotten, one that runs is interrupted as soon as it can be.

        Nobody hears of it any more, but for an answer that is on its way already.
        """
        number = self._questions.drop(key, self._interrupt)
        if number is not None:
            del self._askers[number]

    def look(
        self,
        question: Callable[[], T],
        answer: Callable[[T], None],
    ) -> None:
        """Do as `ask` on the pictures' lane, where the newest question comes first."""
        self._put(self._pictures, _Asker(question, answer))

    def change(
        self,
        deed: Callable[[], T],
        done: Callable[[T], None] | None = None,
        *,
        failed: Callable[[Exception], None] | None = None,
    ) -> None:
        """Write something short in a worker, after the changes that were given before."""
        self._put(self._changes, _Asker(deed, done, failed))

    def is_in_change(self) -> bool:
        """Whether the calling thread is making a `change`."""
        return self._changes.has(threading.current_thread())

    def settle(self) -> None:
        """Wait for the changes that were given so far, as long as `shutdown` would, and bring their answers."""
        done = threading.Event()
        if not self._closed:
            self.change(done.set)
            if done.wait(QUIT_TIMEOUT_S):
                QCoreApplication.sendPostedEvents(self, QEvent.Type.MetaCall)

    def run(
        self,
        title: str,
        deed: Callable[[Progress], T],
        *,
        turn: Hashable = None,
        is_quiet: bool = False,
        can_pause: bool = False,
    ) -> Task:
        """Start a long deed (or queue it behind others) and return its `Task`.

        Deeds with the same `turn` run one after another, in the order in which they were given. Quiet ones run beside
        the others.
        """
        # Parented, so that Qt destroys it here, whoever drops the last reference, and wherever.
        task = Task(title, self, is_quiet=is_quiet, can_pause=can_pause)
        self._running.append(task)
        task._given_up.connect(self._on_given_up)
        lane = self._quiet if is_quiet else self._deeds
        self._put(lane, _Asker(partial(task.work, deed), key=turn, task=task))
        self.started.emit(task)
        return task

    def stand(self, title: str, deed: Callable[[Progress], T]) -> Task:
        """Start what lasts as long as the window; it ends by `cancel` or `shutdown`, and is not among `running`.

        One such deed stands at a time: another begins when the one before has ended.
        """
        task = Task(title, self, is_quiet=True, can_pause=True, is_standing=True)
        self._standing.append(task)
        task._given_up.connect(self._on_given_up)
        self._put(self._guard, _Asker(partial(task.work, deed), task=task))
        self.started.emit(task)
        return task

    def shutdown(self) -> bool:
        """Cancel the deeds, finish the changes, and wait; True if every thread has ended.

        Answers that are still on their way are dropped.
        """
        self._closed = True
        for task in (*self._running, *self._standing):
            task.cancel()
        lanes = (self._questions, self._deeds, self._quiet, self._guard, self._pictures, self._changes)
        for lane in lanes:
            lane.stop(finish=lane is self._changes)
        deadline = time.monotonic() + QUIT_TIMEOUT_S
        if self._interrupt is not None:
            # Nobody waits for answers any more, nor for what nobody asked for, and to count a million models takes
            # seconds. What the user has started ends by itself at its next step, with what it says in the end.
            idle, pause = (self._questions, self._quiet, self._guard), threading.Event()
            while sum(lane.interrupt(self._interrupt) for lane in idle) and time.monotonic() < deadline:
                pause.wait(INTERRUPT_STEP_S)
        alive = [lane for lane in lanes if not lane.join(deadline)]
        if alive:
            log.warning("Work did not stop within %s s of closing the window", QUIT_TIMEOUT_S)
        self._running.clear()
        self._standing.clear()
        self._askers.clear()
        return not alive

    def _put(self, lane: _Lane, asker: _Asker) -> None:
        if not self._is_listening:
            self._is_listening = True
            self._came_back.connect(self._on_came_back, Qt.ConnectionType.QueuedConnection)
        self._number += 1
        self._askers[self._number] = asker
        job = _Job(self._number, asker.call, asker.key, replaces=asker.task is None)
        replaced = lane.put(job)
        if replaced is not None:
            del self._askers[replaced]

    @Slot()
    def _on_given_up(self) -> None:
        task = self.sender()
        for number, asker in self._askers.items():
            if asker.task is task:
                lanes = (self._deeds, self._quiet, self._guard)
                if any(lane.take_back(number) for lane in lanes):
                    self._came_back.emit(number, None, Cancelled())
                return

    @Slot(object, object, object)
    def _on_came_back(self, number: int, outcome: Any, error: Exception | None) -> None:
        asker = self._askers.pop(number, None)
        if self._closed or asker is None:
            return
        if asker.task is not None:
            task = asker.task
            if task in self._standing:
                self._standing.remove(task)
            if task in self._running:
                self._running.remove(task)
            if task.end(outcome, error) and error is not None:
                self._tell(task.title, error)
            self.finished.emit(task)
            return
        try:
            self._answer(asker, outcome, error)
        finally:
            if self.is_answered:
                self.answered.emit()

    def _answer(self, asker: _Asker, outcome: Any, error: Exception | None) -> None:
        if error is None:
            if asker.answer is not None and not _is_gone(asker.answer):
                asker.answer(outcome)
        elif not isinstance(error, Cancelled) and not _is_gone(asker.answer):
            if asker.failed is None:
                self._tell(self.tr("The catalog could not answer"), error)
            elif not _is_gone(asker.failed):
                asker.failed(error)

    def _tell(self, title: str, error: Exception) -> None:
        """Log what went wrong, once, and tell whoever shows messages."""
        if isinstance(error, ModelmgrError):
            log.info("%s: %s", title, error.message)
        else:
            log.error("%s", title, exc_info=error)
        self.failed.emit(title, error)
