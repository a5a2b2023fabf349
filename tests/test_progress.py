"""Progress: news in one direction; stop and hold in the other."""

import threading

import pytest

from modelmgr.progress import Cancelled, Progress, Step


def test_the_files_of_work_that_counts_bytes_are_told_beside_them() -> None:
    steps: list[Step] = []
    progress = Progress(steps.append)
    progress.files = (3, 10)
    progress.step(5, 50, "a", "bytes")
    assert steps == [Step(5, 50, "a", "bytes", 3, 10)]
    other: list[Step] = []
    progress = Progress(other.append)
    progress.files = (3, None)
    progress.step(5, 50, "a", "records")
    assert other == [Step(5, 50, "a", "records", None, None)]


@pytest.mark.parametrize("way", ["resume", "cancel"])
def test_paused_work_holds_until_it_is_resumed_or_cancelled(way: str) -> None:
    progress = Progress()
    progress.pause()
    assert progress.is_paused
    came: list[str] = []

    def work() -> None:
        try:
            progress.step(1, 2)
            came.append("resume")
        except Cancelled:
            came.append("cancel")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(0.15)
    assert thread.is_alive()
    assert came == []
    getattr(progress, way)()
    thread.join(30)
    assert came == [way]


def test_a_pause_that_is_over_costs_nothing() -> None:
    progress = Progress()
    progress.pause()
    progress.resume()
    progress.step(1, 2)
    assert not progress.is_paused
