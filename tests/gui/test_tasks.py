"""The door to threads: order of answers, cancel, errors, and what happens at the end."""

import threading
import time
from functools import partial

import pytest
from PySide6.QtCore import QObject, QThread
from PySide6.QtWidgets import QWidget
from shiboken6 import delete

from modelmgr.catalog import Catalog, engine
from modelmgr.errors import NotFound
from modelmgr.gui.tasks import Tasks, TaskState
from modelmgr.progress import Cancelled, Progress, Step


class Asker(QObject):
    """Collects answers."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: list[object] = []
        self.threads: list[bool] = []

    def take(self, answer: object) -> None:
        self.answers.append(answer)
        self.threads.append(QThread.currentThread() is self.thread())


def test_an_answer_comes_in_the_gui_thread(qtbot, tasks):
    asker = Asker()
    tasks.ask(threading.get_ident, asker.take)
    qtbot.waitUntil(lambda: len(asker.answers) == 1)
    assert asker.answers[0] != threading.get_ident()
    assert asker.threads == [True]


def test_held_questions_begin_when_they_may_and_deeds_do_not_wait(qtbot, tasks):
    asker = Asker()
    tasks.hold_questions(is_held=True)
    for number in range(5):
        tasks.ask(partial(int, number), asker.take)
    tasks.look(partial(str, "picture"), asker.take)
    tasks.change(partial(str, "changed"), asker.take)
    qtbot.waitUntil(lambda: asker.answers == ["changed"])
    tasks.hold_questions(is_held=False)
    qtbot.waitUntil(lambda: len(asker.answers) == 7)
    assert set(asker.answers) == {"changed", "picture", *range(5)}


def test_held_questions_do_not_hold_up_the_end(tasks):
    tasks.hold_questions(is_held=True)
    tasks.ask(partial(int, 1), Asker().take)
    assert tasks.shutdown()


def test_a_younger_question_takes_the_place_of_a_waiting_one(qtbot, tasks):
    held, asked = threading.Event(), []
    asker = Asker()

    def hold() -> str:
        held.wait(10)
        return "held"

    def question(number: int) -> int:
        asked.append(number)
        return number

    for _ in range(3):  # every thread of the lane
        tasks.ask(hold, asker.take)
    for number in range(50):
        tasks.ask(partial(question, number), asker.take, key="one")
    held.set()
    qtbot.waitUntil(lambda: len(asker.answers) == 4)
    assert asked == [49]
    assert asker.answers.count("held") == 3


def test_of_questions_with_one_key_only_one_runs_at_a_time(qtbot, tasks):
    go, asker, running, most = threading.Event(), Asker(), [], []

    def question(number: int) -> int:
        running.append(number)
        most.append(len(running))
        go.wait(10)
        running.remove(number)
        return number

    begun = threading.Event()
    tasks.ask(lambda: (begun.set(), question(0))[1], asker.take, key="k")
    assert begun.wait(10)
    for number in range(1, 9):
        tasks.ask(partial(question, number), asker.take, key="k")
    # The other threads are free for others.
    tasks.ask(lambda: "other", asker.take)
    qtbot.waitUntil(lambda: asker.answers == ["other"])
    go.set()
    qtbot.waitUntil(lambda: len(asker.answers) == 3)
    assert asker.answers == ["other", 0, 8]
    assert max(most) == 1


def test_nothing_is_delivered_to_a_widget_that_is_gone(qtbot, tasks):
    taken: list[object] = []

    class Pane(QWidget):
        def take(self, answer: object) -> None:
            taken.append(answer)

    go, asker, pane = threading.Event(), Asker(), Pane()
    tasks.ask(lambda: go.wait(10), pane.take)
    tasks.ask(lambda: go.wait(10), partial(pane.take))
    delete(pane)
    go.set()
    tasks.ask(lambda: "done", asker.take)
    qtbot.waitUntil(lambda: asker.answers == ["done"])
    assert taken == []


def test_a_failed_question_is_told_once_unless_the_asker_takes_it(qtbot, tasks):
    asker = Asker()

    def fail() -> None:
        raise NotFound("The file is gone.")

    with qtbot.waitSignal(tasks.failed) as told:
        tasks.ask(fail, asker.take)
    assert told.args[1].message == "The file is gone."
    with qtbot.assertNotEmitted(tasks.failed):
        tasks.ask(fail, asker.take, failed=asker.take)
        qtbot.waitUntil(lambda: len(asker.answers) == 1)


@pytest.mark.logs("could not answer")
def test_a_bug_in_a_question_is_logged_with_its_traceback(qtbot, tasks, caplog):
    with qtbot.waitSignal(tasks.failed):
        tasks.ask(lambda: 1 // 0, Asker().take)
    assert "ZeroDivisionError" in caplog.text


def test_a_deed_reports_steps_and_its_result(qtbot, tasks):
    seen: list[Step] = []

    def deed(progress: Progress) -> str:
        progress.step(1, 2, "one")
        return "report"

    task = tasks.run("Work", deed)
    task.progressed.connect(seen.append)
    with qtbot.waitSignals([task.succeeded, task.finished, tasks.finished], order="strict"):
        pass
    assert [step.text for step in seen] == ["one"]
    assert (task.state, tasks.running) == (TaskState.SUCCEEDED, [])


def test_a_cancelled_deed_ends_without_an_error(qtbot, tasks):
    started = threading.Event()

    def deed(progress: Progress) -> None:
        started.set()
        while True:
            progress.step(0, None)

    task = tasks.run("Work", deed)
    assert started.wait(10)
    with qtbot.assertNotEmitted(tasks.failed), qtbot.waitSignal(task.cancelled):
        task.cancel()
    assert task.state is TaskState.CANCELLED


def test_a_deed_that_still_waits_can_be_cancelled(qtbot, tasks):
    go = threading.Event()
    for _ in range(2):
        tasks.run("Busy", lambda progress: go.wait(10))
    task = tasks.run("Waiting", lambda progress: pytest.fail("it ran"))
    task.cancel()
    with qtbot.waitSignal(task.cancelled):
        go.set()
    qtbot.waitUntil(lambda: not tasks.running)


def test_a_deed_that_waits_is_over_as_soon_as_it_is_given_up(qtbot, tasks):
    held = threading.Event()

    def hold(progress: Progress) -> None:
        held.wait(10)

    for _ in range(2):  # every thread of the lane
        tasks.run("Held", hold)
    waiting = tasks.run("Waiting", hold)
    with qtbot.waitSignals([waiting.cancelled, waiting.finished], order="strict"):
        waiting.cancel()
    assert waiting.state == TaskState.CANCELLED
    assert [task.title for task in tasks.running] == ["Held", "Held"]
    held.set()
    qtbot.waitUntil(lambda: not tasks.running)


def test_deeds_with_one_turn_run_one_after_another_and_none_is_dropped(qtbot, tasks):
    go, began, most = threading.Event(), [], []
    running = 0
    lock = threading.Lock()

    def deed(number: int, progress: Progress) -> None:
        nonlocal running
        with lock:
            running += 1
            began.append(number)
            most.append(running)
        go.wait(10)
        with lock:
            running -= 1

    for number in range(5):
        tasks.run(str(number), partial(deed, number), turn="one")
    other = tasks.run("other", lambda progress: None)
    with qtbot.waitSignal(other.finished):
        pass  # it does not wait for them
    assert began == [0]
    go.set()
    qtbot.waitUntil(lambda: not tasks.running)
    assert began == [0, 1, 2, 3, 4]
    assert max(most) == 1


def test_a_question_does_not_wait_behind_deeds(qtbot, tasks):
    go, asker = threading.Event(), Asker()
    for _ in range(4):
        tasks.run("Busy", lambda progress: go.wait(10))
    tasks.ask(lambda: "answer", asker.take)
    qtbot.waitUntil(lambda: asker.answers == ["answer"])
    go.set()
    qtbot.waitUntil(lambda: not tasks.running)


def test_a_failed_deed_is_told_where_nobody_listens(qtbot, tasks):
    def deed(progress: Progress) -> None:
        raise NotFound("No such folder.")

    with qtbot.waitSignal(tasks.failed) as told:
        tasks.run("Scan", deed)
    assert told.args[0] == "Scan"
    taken = []
    task = tasks.run("Scan", deed)
    task.failed.connect(taken.append)
    with qtbot.assertNotEmitted(tasks.failed), qtbot.waitSignal(task.finished):
        pass
    assert len(taken) == 1


def test_closing_cancels_deeds_and_finishes_changes(qapp):
    tasks, started, written = Tasks(), threading.Event(), []

    def deed(progress: Progress) -> None:
        started.set()
        while True:
            progress.step(0, None)

    tasks.run("Work", deed)
    assert started.wait(10)
    for number in range(5):
        tasks.change(partial(written.append, number))
    assert tasks.shutdown()
    assert written == [0, 1, 2, 3, 4]


def test_changes_keep_their_order(qtbot, tasks):
    written: list[int] = []
    asker = Asker()
    for number in range(30):
        tasks.change(partial(written.append, number))
    tasks.change(lambda: "done", asker.take)
    qtbot.waitUntil(lambda: asker.answers == ["done"])
    assert written == list(range(30))


def test_cancelled_is_never_shown(qtbot, tasks):
    asker = Asker()

    def question() -> None:
        raise Cancelled

    with qtbot.assertNotEmitted(tasks.failed):
        tasks.ask(question, asker.take)
        tasks.ask(lambda: "done", asker.take, key="b")
        qtbot.waitUntil(lambda: asker.answers == ["done"])


def test_who_stands_guard_holds_nobody_up_and_goes_with_the_window(qtbot, tasks):
    def guard(progress: Progress) -> None:
        began.set()
        while True:
            progress.check()
            ended.wait(0.01)

    began, ended = threading.Event(), threading.Event()
    watch = tasks.stand("Watching", guard)
    assert began.wait(10)
    assert tasks.running == []
    for number in range(4):
        with qtbot.waitSignal(tasks.run(str(number), lambda progress: None).finished):
            pass
    with qtbot.waitSignal(watch.finished):
        watch.cancel()
    tasks.stand("Watching again", guard)  # ended by the shutdown after this test


def test_quiet_work_runs_beside_what_was_asked_for(qtbot, tasks):
    go = threading.Event()
    for _ in range(2):  # every thread of the lane of deeds
        tasks.run("Busy", lambda progress: go.wait(10))
    tasks.run("Hashing for hours", lambda progress: go.wait(10), turn="upkeep", is_quiet=True)
    tasks.run("Hashing more", lambda progress: go.wait(10), turn="upkeep", is_quiet=True)
    quiet = tasks.run("Quiet", lambda progress: "done", is_quiet=True)
    with qtbot.waitSignal(quiet.succeeded) as said:
        pass
    assert said.args == ["done"]
    go.set()
    qtbot.waitUntil(lambda: not tasks.running)


def _count_for_ever(catalog: Catalog, begun: threading.Event) -> object:
    begun.set()
    with engine.translated(catalog.path):
        return (
            catalog._question()
            .execute_sql(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
            )
            .fetchone()
        )


def test_a_question_that_is_given_up_is_interrupted_and_the_thread_is_free_for_the_next(qtbot, catalog, qapp):
    tasks, asker, begun = Tasks(interrupt=catalog.interrupt), Asker(), threading.Event()
    errors = []
    tasks.failed.connect(lambda *error: errors.append(error))

    tasks.ask(partial(_count_for_ever, catalog, begun), asker.take, key="search")
    assert begun.wait(10)

    def dropped() -> bool:
        # The statement begins a moment after the event; what does not run yet can't be interrupted.
        tasks.drop("search")
        tasks.ask(catalog.data_version, asker.take, key="search")
        return bool(asker.answers)

    qtbot.waitUntil(dropped)
    assert all(isinstance(answer, int) for answer in asker.answers)
    assert not errors
    assert tasks.shutdown()


def test_closing_does_not_wait_for_answers(catalog, qapp):
    tasks, asker, begun = Tasks(interrupt=catalog.interrupt), Asker(), threading.Event()
    tasks.ask(partial(_count_for_ever, catalog, begun), asker.take)
    assert begun.wait(10)
    started = time.monotonic()
    assert tasks.shutdown()
    assert time.monotonic() - started < 5


def _count_quietly(catalog: Catalog, begun: threading.Event, progress: Progress) -> object:
    return _count_for_ever(catalog, begun)


def test_closing_does_not_wait_for_what_nobody_asked_for(catalog, qapp):
    tasks, begun, watching = Tasks(interrupt=catalog.interrupt), threading.Event(), threading.Event()
    tasks.run("Looking for news", partial(_count_quietly, catalog, begun), is_quiet=True)
    tasks.stand("Watching", partial(_count_quietly, catalog, watching))
    assert begun.wait(10)
    assert watching.wait(10)
    started = time.monotonic()
    assert tasks.shutdown()
    assert time.monotonic() - started < 5
