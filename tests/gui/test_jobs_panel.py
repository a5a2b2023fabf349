"""The corner of the status bar that says what is going on."""

import threading
from collections.abc import Iterator
from itertools import pairwise

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QLabel, QProgressBar, QToolButton

from modelmgr.errors import DiskFull
from modelmgr.gui import jobs_panel
from modelmgr.gui.jobs_panel import JobsPanel
from modelmgr.gui.labels import WrappingLabel
from modelmgr.gui.outcomes import error_text, result_text, sentence
from modelmgr.gui.pace import Pace, bar_value
from modelmgr.gui.tasks import TaskState
from modelmgr.progress import Cancelled, Progress, Step
from modelmgr.values import ImportReport, MoveReport, PromoteReport, ScanReport, VerifyReport

WAIT_MS = 5_000


@pytest.fixture
def panel(qtbot, tasks) -> Iterator[JobsPanel]:
    made = JobsPanel(tasks)
    qtbot.addWidget(made)
    made.resize(900, 28)
    made.show()
    yield made


class Held:
    """A deed that has done some steps and waits until it is let go, or cancelled."""

    def __init__(self, *steps: Step, outcome: object = None) -> None:
        self.steps = steps
        self.outcome = outcome
        self.stepped = threading.Event()
        self.let_go = threading.Event()

    def __call__(self, progress: Progress) -> object:
        for step in self.steps:
            progress.files = None if step.files_done is None else (step.files_done, step.files_total)
            progress.step(step.done, step.total, step.text, step.unit)
        self.stepped.set()
        while not self.let_go.wait(0.01):
            progress.check()
        progress.check()
        return self.outcome


def child(panel: JobsPanel, kind: type, name: str):
    return panel.findChild(kind, name)


def test_running_work_is_named_and_counted_and_can_be_stopped(qtbot, tasks, panel):
    deed = Held(Step(214, 1020, "ink.safetensors", "files"))
    task = tasks.run("Hashing", deed)
    qtbot.waitUntil(lambda: "214 of 1,020 files" in panel.text, timeout=WAIT_MS)
    assert panel.text.startswith("Hashing · ")
    assert child(panel, QProgressBar, "taskBar").value() == 209
    assert "ink.safetensors" in child(panel, QLabel, "taskLine").toolTip()
    with qtbot.waitSignal(task.cancelled, timeout=WAIT_MS):
        qtbot.mouseClick(child(panel, QToolButton, "taskCancel"), Qt.MouseButton.LeftButton)
        assert "Stopping" in panel.text
    qtbot.waitUntil(lambda: panel.text == "Stopped: Hashing.", timeout=WAIT_MS)
    assert not child(panel, QProgressBar, "taskBar").isVisible()


def test_the_result_of_work_stands_there_as_a_line(qtbot, tasks, panel):
    deed = Held(outcome=PromoteReport(promoted=12, stayed=2))
    deed.let_go.set()
    with qtbot.waitSignal(panel.said, timeout=WAIT_MS) as said:
        tasks.run("Promoting", deed)
    assert said.args == ["12 records were promoted, 2 need a decision."]
    qtbot.waitUntil(lambda: panel.text == said.args[0], timeout=WAIT_MS)
    assert not child(panel, QToolButton, "taskCancel").isVisible()


def test_of_several_deeds_the_newest_is_shown_and_a_list_holds_all(qtbot, tasks, panel):
    first, second = Held(Step(1, 10, "", "files")), Held(Step(2, 10, "", "records"))
    tasks.run("Hashing", first)
    newest = tasks.run("Importing", second)
    qtbot.waitUntil(lambda: "2 of 10 records" in panel.text, timeout=WAIT_MS)
    more = child(panel, QToolButton, "taskMore")
    assert more.text() == "1 more"
    qtbot.mouseClick(more, Qt.MouseButton.LeftButton)
    popup = child(panel, QFrame, "taskList")
    titles = [label.text() for label in popup.findChildren(QLabel)]
    assert "Hashing" in titles and "Importing" in titles
    buttons = popup.findChildren(QToolButton, "taskCancelOne")
    with qtbot.waitSignal(newest.cancelled, timeout=WAIT_MS):
        qtbot.mouseClick(buttons[0], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not popup.isVisible(), timeout=WAIT_MS)
    qtbot.waitUntil(lambda: "1 of 10 files" in panel.text, timeout=WAIT_MS)
    first.let_go.set()
    qtbot.waitUntil(lambda: not tasks.running, timeout=WAIT_MS)


def test_the_list_of_several_deeds_closes_when_one_is_left(qtbot, tasks, panel):
    first, second = Held(), Held()
    tasks.run("One", first)
    tasks.run("Two", second)
    qtbot.mouseClick(child(panel, QToolButton, "taskMore"), Qt.MouseButton.LeftButton)
    popup = child(panel, QFrame, "taskList")
    assert popup.isVisible()
    first.let_go.set()
    qtbot.waitUntil(lambda: not popup.isVisible(), timeout=WAIT_MS)
    second.let_go.set()
    qtbot.waitUntil(lambda: not tasks.running, timeout=WAIT_MS)


def test_a_failure_is_a_line_that_says_what_happened(qtbot, tasks, panel):
    def fail(progress: Progress) -> None:
        raise DiskFull("The disk of the catalog is full.")

    with qtbot.waitSignal(panel.said, timeout=WAIT_MS) as said:
        tasks.run("Importing", fail)
    assert said.args == ["Importing: The disk of the catalog is full."]


def test_what_was_said_can_be_read_again(qtbot, tasks, panel):
    lately = child(panel, QToolButton, "taskLately")
    assert not lately.isVisible()
    for number in range(20):
        panel.show_message(f"{number} records were promoted.")
    panel.show_message("a_name_without_an_end_" * 40)
    assert lately.isVisible()
    assert lately.accessibleName() == "What was done lately"
    qtbot.mouseClick(lately, Qt.MouseButton.LeftButton)
    popup = child(panel, QFrame, "taskList")
    said = [label.text() for label in popup.findChildren(WrappingLabel)]
    assert len(said) == jobs_panel.KEPT_SAID
    assert said[1] == "19 records were promoted."
    assert popup.width() < 900
    deed = Held(Step(1, 2, "ink.safetensors", "files"))
    task = tasks.run("Hashing", deed)
    qtbot.waitUntil(lambda: len(popup.findChildren(QProgressBar)) == 1, timeout=WAIT_MS)
    deed.let_go.set()
    qtbot.waitUntil(lambda: task not in tasks.running, timeout=WAIT_MS)
    assert popup.isVisible()
    qtbot.keyClick(popup, Qt.Key.Key_Escape)
    assert not popup.isVisible()


def test_a_failure_that_its_asker_takes_is_not_told_twice(qtbot, tasks, panel):
    def fail(progress: Progress) -> None:
        raise DiskFull("The disk of the catalog is full.")

    taken: list[object] = []
    task = tasks.run("Importing", fail)
    task.failed.connect(taken.append)
    qtbot.waitUntil(lambda: bool(taken), timeout=WAIT_MS)
    assert panel.text == ""


def test_a_message_waits_until_running_work_is_over(qtbot, tasks, panel):
    deed = Held()
    tasks.run("Hashing", deed)
    panel.show_message("1 record was dismissed.")
    assert panel.text.startswith("Hashing")
    deed.let_go.set()
    qtbot.waitUntil(lambda: panel.text == "1 record was dismissed.", timeout=WAIT_MS)


def test_foreign_words_in_a_title_are_shown_as_they_are(qtbot, tasks, panel):
    panel.show_message('<img src="file:///dev/zero">\u202egnp')
    line = child(panel, QLabel, "taskLine")
    assert line.textFormat() == Qt.TextFormat.PlainText
    assert panel.text == '<img src="file:///dev/zero">⇤gnp'


def test_every_part_that_can_be_clicked_has_a_name_for_those_who_hear_it(qtbot, tasks, panel):
    deed = Held()
    tasks.run("Hashing", deed)
    assert panel.accessibleName()
    assert child(panel, QToolButton, "taskCancel").accessibleName() == "Stop: Hashing"
    assert child(panel, QProgressBar, "taskBar").accessibleName()
    deed.let_go.set()
    qtbot.waitUntil(lambda: not tasks.running, timeout=WAIT_MS)


def test_work_that_can_hold_is_paused_and_goes_on(qtbot, tasks, panel):
    deed = Held(Step(3 * 10**9, 4 * 10**9, "", "bytes", 3, 4))
    task = tasks.run("Hashing", deed, can_pause=True)
    qtbot.waitUntil(lambda: "3 of 4 files" in panel.text, timeout=WAIT_MS)
    button = child(panel, QToolButton, "taskPause")
    assert button.accessibleName() == "Pause: Hashing"
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert task.is_paused
    assert panel.text == "Hashing · Paused · 3 of 4 files · 3.0 GB of 4.0 GB"
    assert button.accessibleName() == "Go on: Hashing"
    deed.let_go.set()
    with qtbot.assertNotEmitted(task.finished, wait=50):
        pass
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not tasks.running, timeout=WAIT_MS)
    assert task.state == TaskState.SUCCEEDED


def test_what_is_paused_can_be_stopped(qtbot, tasks, panel):
    task = tasks.run("Hashing", Held(), can_pause=True)
    task.pause()
    with qtbot.waitSignal(task.cancelled, timeout=WAIT_MS):
        task.cancel()


def test_work_that_holds_others_up_has_no_pause(qtbot, tasks, panel):
    deed = Held(Step(1, 2))
    task = tasks.run("Importing", deed)
    qtbot.waitUntil(lambda: "1 of 2" in panel.text, timeout=WAIT_MS)
    assert child(panel, QToolButton, "taskPause").isHidden()
    task.pause()
    assert not task.is_paused
    deed.let_go.set()
    qtbot.waitUntil(lambda: not tasks.running, timeout=WAIT_MS)


class Stepping(Held):
    """A deed that steps until it is let go."""

    def __call__(self, progress: Progress) -> object:
        while not self.let_go.wait(0.01):
            progress.step(1, 2)
        return self.outcome


def test_quiet_work_is_shown_when_it_takes_its_time(qtbot, tasks, panel, monkeypatch):
    monkeypatch.setattr(jobs_panel, "QUIET_FOR_S", 0.2)
    deed = Stepping(outcome=ScanReport(seen=5, unchanged=5))
    tasks.run("Looking for news", deed, is_quiet=True)
    assert panel.text == ""
    qtbot.waitUntil(lambda: panel.text.startswith("Looking for news · 1 of 2 files"), timeout=WAIT_MS)
    asked = Held(Step(1, 9, "", "records"))
    tasks.run("Importing", asked)
    qtbot.waitUntil(lambda: "1 of 9 records" in panel.text, timeout=WAIT_MS)
    for held in (asked, deed):
        held.let_go.set()
    qtbot.waitUntil(lambda: not tasks.running, timeout=WAIT_MS)
    assert panel.text == ""


def test_quiet_work_tells_what_it_found(qtbot, tasks, panel):
    deed = Held(outcome=ScanReport(seen=5, unchanged=4, added=1))
    deed.let_go.set()
    with qtbot.waitSignal(panel.said, timeout=WAIT_MS) as said:
        tasks.run("Looking for news", deed, is_quiet=True)
    assert said.args == ["1 model file was added."]


def test_the_watch_is_shown_only_while_it_is_at_work(qtbot, tasks, panel, monkeypatch):
    monkeypatch.setattr(jobs_panel, "QUIET_FOR_S", 0.2)
    monkeypatch.setattr(jobs_panel, "SILENT_FOR_S", 0.3)
    panel._fall_silent.setInterval(350)
    at_work, over = threading.Event(), threading.Event()

    def watch(progress: Progress) -> None:
        while not over.wait(0.01):
            progress.check()
            if at_work.is_set():
                progress.step(1, 2)

    task = tasks.stand("Watching", watch)
    assert panel.text == ""
    at_work.set()
    qtbot.waitUntil(lambda: panel.text.startswith("Watching · 1 of 2 files"), timeout=WAIT_MS)
    assert child(panel, QToolButton, "taskCancel").isHidden()
    pause = child(panel, QToolButton, "taskPause")
    assert pause.isVisible()
    at_work.clear()
    qtbot.waitUntil(lambda: panel.text == "", timeout=WAIT_MS)
    task.pause()
    assert panel.text.startswith("Watching · Paused")
    task.resume()
    assert panel.text == ""
    over.set()
    qtbot.waitUntil(lambda: not task.is_running, timeout=WAIT_MS)


# --- pace -------------------------------------------------------------------------------------------------


def test_the_rate_is_that_of_the_last_seconds():
    pace = Pace()
    for second in range(30):
        pace.add(Step(second * (10 if second < 15 else 100), None, "", "records"), float(second))
    assert pace.rate == pytest.approx(100, rel=0.01)
    assert pace.rate_words() == "100 records/s"


def test_a_rate_is_not_guessed_from_the_first_moment():
    pace = Pace()
    step = Step(5, 10, "", "files")
    pace.add(Step(0, 10, "", "files"), 0.0)
    pace.add(step, 0.1)
    assert pace.rate is None
    assert pace.words(step) == "5 of 10 files"


def paced(*steps: tuple[float, Step]) -> Pace:
    pace = Pace()
    for now, step in steps:
        pace.add(step, now)
    return pace


def read(gigabytes: float, total: int | None = 40, files: tuple[int, int | None] | None = None) -> Step:
    whole = None if total is None else total * 10**9
    return Step(int(gigabytes * 10**9), whole, "", "bytes", *(files or ()))


def test_bytes_are_shown_as_sizes_with_the_time_that_is_left():
    pace = paced((0, read(0)), (2, read(4)), (4, read(8)))
    assert pace.words(read(8)) == "8.0 GB of 40 GB · 2.0 GB/s · about 20 s left"


def test_files_and_bytes_are_both_counted():
    step = read(8, files=(214, 1020))
    pace = paced((0, read(0, files=(0, 1020))), (4, step))
    assert pace.words(step) == "214 of 1,020 files · 8.0 GB of 40 GB · 2.0 GB/s · about 20 s left"
    step = read(8, total=None, files=(1, None))
    assert paced((0, read(0, None)), (4, step)).words(step) == "1 file · 8.0 GB · 2.0 GB/s"


def test_no_time_is_told_before_it_is_known():
    pace = paced((0, read(0)), (1, read(2)), (2, read(4)))
    assert pace.rate is not None
    assert pace.remaining_s is None
    assert "left" not in pace.words(read(4))


def test_the_time_that_is_left_does_not_jump_about():
    pace = Pace()
    told = []
    done = 0.0
    for tenth in range(300):
        # Small files and large ones: between 1 and 3 GB/s, turn by turn.
        done += 0.1 * (1 if tenth // 20 % 2 else 3)
        pace.add(read(done, 100), tenth / 10)
        if pace.remaining_s is not None:
            told.append(pace.remaining_s)
    assert told
    assert max(abs(after - before) for before, after in pairwise(told)) < 2
    assert told[-1] == pytest.approx(20, abs=6)


def test_a_pause_counts_as_no_time():
    pace = paced((0, read(0)), (4, read(8)))
    before = pace.remaining_s
    pace.rest()
    assert pace.rate is None
    assert pace.remaining_s == before
    for second in range(5):
        pace.add(read(8 + 2 * second), 1000.0 + second)
    assert pace.remaining_s == pytest.approx(before - 1, abs=8)
    assert pace.rate == pytest.approx(2e9)


def test_a_new_phase_begins_a_new_pace():
    pace = Pace()
    pace.add(Step(0, 10, "", "files"), 0.0)
    pace.add(Step(10, 10, "", "files"), 2.0)
    pace.add(Step(1, 500, "", "bytes"), 3.0)
    assert pace.rate is None


@pytest.mark.parametrize(
    ("step", "value"),
    [
        (Step(0, None), None),
        (Step(0, 0), None),
        (Step(5, 10), 500),
        (Step(20, 10), 1000),
        (Step(2**52, 2**53, "", "bytes"), 500),
    ],
)
def test_a_bar_holds_any_number_of_bytes(step, value):
    assert bar_value(step) == value


# --- words ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("report", "words"),
    [
        (PromoteReport(promoted=1), "1 record was promoted"),
        (PromoteReport(stayed=1), "1 record needs a decision"),
        (PromoteReport(promoted=12, stayed=2), "12 records were promoted, 2 need a decision"),
        (PromoteReport(), "0 records were promoted"),
        (PromoteReport(promoted=3, cancelled=True), "The promotion was stopped: 3 records were promoted"),
        (ImportReport(seen=5, added=3, updated=1, failed=1), "4 records were imported, 1 could not be read"),
        (ImportReport(seen=2, unchanged=2), "0 records were imported, 2 were known"),
        (ImportReport(seen=2, added=2, dry_run=True), ""),
        (ScanReport(seen=2, added=2, missing=1), "2 model files were added, 1 is missing"),
        (VerifyReport(checked=4, ok=4), "4 files were checked, all as they were"),
        (
            VerifyReport(checked=4, ok=2, changed=1, missing=1),
            "4 files were checked, 1 has changed, 1 is missing",
        ),
        (ScanReport(hashed=1), "1 file was hashed"),
        (ScanReport(seen=9, added=3, moved=2), "1 model file was added, 2 were found at another place"),
        (ScanReport(seen=9, missing=1), "1 model file is missing"),
        (ScanReport(seen=9, updated=2, failed=1), "2 model files were updated, 1 could not be read"),
        (ScanReport(seen=9, failed=1), "0 model files were added, 1 could not be read"),
        (ScanReport(seen=9, added=1, moved=1), "1 model file was found at another place"),
        (
            MoveReport(found=40, changed=1, absent=2),
            "40 files were found in the new folder, 1 has changed, 2 are not there",
        ),
        ((1, 2), ""),
        ((ScanReport(seen=1, added=1), None), "1 model file was added"),
        (ScanReport(), "no model files were found"),
        (
            (ScanReport(seen=1, added=1), PromoteReport(promoted=2)),
            "1 model file was added; 2 records were promoted",
        ),
    ],
)
def test_a_report_is_one_sentence(report, words):
    assert result_text(report) == words
    assert sentence(report) == (words[:1].upper() + words[1:] + "." if words else "")


def test_an_unexpected_failure_does_not_show_its_entrails():
    assert "KeyError" not in error_text(KeyError("secret"))
    assert error_text(Cancelled()) == error_text(ValueError("x"))
