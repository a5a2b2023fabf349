import json
import threading

import pytest

from modelmgr.api import jobs as module
from modelmgr.api.jobs import Jobs, JobState, TooManyJobs
from modelmgr.errors import DiskFull, NotFound
from modelmgr.progress import Cancelled, Progress


class Report:
    def __init__(self, cancelled=False):
        self.cancelled = cancelled


class SeenReport(Report):
    def __init__(self, seen):
        super().__init__()
        self.seen = seen


def as_document(report):
    return {"path": "/a\udc80", "cancelled": report.cancelled}


@pytest.fixture
def taken():
    return []


@pytest.fixture
def jobs(taken):
    return Jobs(taken.append)


def add(jobs, deed=lambda progress: Report(), size_bytes=0):
    return jobs.add("scan", "Scan", deed, as_document, size_bytes)


def test_a_job_waits_runs_and_is_done(jobs, taken):
    seen = []

    def deed(progress):
        progress.step(3, 7, "a\udc80", "files")
        seen.append(job.as_json())
        return Report()

    job = add(jobs, deed)
    assert taken == [job]
    assert (job.state, job.as_json()["done"], job.as_json()["total"]) == (JobState.QUEUED, 0, None)
    job.work(Progress())
    (running,) = seen
    assert (running["state"], running["done"], running["total"], running["unit"]) == (
        "running",
        3,
        7,
        "files",
    )
    assert running["text"] == "a\udc80"
    assert (job.state, job.as_json()["done"], job.as_json()["error"]) == (JobState.DONE, 7, None)
    assert json.loads(job.result) == {"path": "/a\udc80", "cancelled": False}
    assert job.as_json()["ended_at"] is not None


@pytest.mark.parametrize("steps", [0, 1])
def test_what_is_done_has_done_all_of_it(jobs, steps):
    def deed(progress):
        for number in range(steps):
            progress.step(number, None)
        return SeenReport(12)

    job = add(jobs, deed)
    job.work(Progress())
    assert (job.as_json()["done"], job.as_json()["total"]) == (12, 12)


def test_both_listeners_hear_the_steps(jobs):
    heard = []
    job = add(jobs, lambda progress: progress.step(1, 2))
    with pytest.raises(AttributeError):  # a deed that returns no report is a fault
        job.work(Progress(heard.append))
    assert [(step.done, step.total) for step in heard] == [(1, 2)]
    assert job.as_json()["error"]["code"] == "fault"


def test_a_job_that_is_cancelled_while_it_waits_never_runs(jobs):
    ran = []
    job = add(jobs, ran.append)
    job.cancel()
    assert job.state == JobState.CANCELLED
    with pytest.raises(Cancelled):
        job.work(Progress())
    assert not ran
    assert job.result is None


def test_a_running_job_is_cancelled_and_tells_what_it_did(jobs):
    begun = threading.Event()
    told = threading.Event()

    def deed(progress):
        begun.set()
        assert told.wait(10)
        return Report(progress.is_cancelled)

    job = add(jobs, deed)
    worker = threading.Thread(target=job.work, args=(Progress(),))
    worker.start()
    assert begun.wait(10)
    job.cancel()
    assert job.state == JobState.RUNNING
    told.set()
    worker.join()
    assert job.state == JobState.CANCELLED
    assert json.loads(job.result)["cancelled"] is True


def test_a_failure_of_the_world_is_told_in_words(jobs):
    def deed(_):
        raise DiskFull("The disk is full.", path="/c")

    job = add(jobs, deed)
    with pytest.raises(DiskFull):
        job.work(Progress())
    assert job.state == JobState.FAILED
    assert job.as_json()["error"] == {
        "code": "disk_full",
        "message": "The disk is full.",
        "details": {"path": "/c"},
    }


def test_a_fault_of_ours_is_not_told_in_its_words(jobs):
    def deed(_):
        raise ValueError("/secret/place")

    job = add(jobs, deed)
    with pytest.raises(ValueError, match="secret"):
        job.work(Progress())
    assert job.state == JobState.FAILED
    assert "secret" not in json.dumps(job.as_json())


def test_a_job_is_not_run_twice(jobs):
    job = add(jobs)
    job.work(Progress())
    with pytest.raises(Cancelled):
        job.work(Progress())
    job.cancel()
    job.settle()
    assert job.state == JobState.DONE


def test_only_so_many_jobs_wait(jobs):
    for _ in range(module.WAITING_JOBS):
        add(jobs)
    with pytest.raises(TooManyJobs):
        add(jobs)
    jobs.all()[0].cancel()
    add(jobs)


def test_only_so_much_waits(jobs):
    add(jobs, size_bytes=module.WAITING_BYTES - 10)
    with pytest.raises(TooManyJobs):
        add(jobs, size_bytes=11)
    add(jobs, size_bytes=10)


def test_the_oldest_of_those_that_are_over_are_forgotten(jobs):
    first = add(jobs)
    for _ in range(module.KEPT_JOBS + 5):
        add(jobs).work(Progress())
    waiting = [job.id for job in jobs.all()]
    assert first.id in waiting  # it still waits
    assert len(waiting) <= module.KEPT_JOBS + 2
    with pytest.raises(NotFound):
        jobs.get("nope")


def test_large_results_are_not_kept_for_ever():
    taken = []
    jobs = Jobs(taken.append)
    text = "x" * (module.KEPT_BYTES // 4)
    for _ in range(8):
        jobs.add("scan", "Scan", lambda _: Report(), lambda _: {"text": text}).work(Progress())
    add(jobs)
    assert sum(len(job.result or b"") for job in jobs.all()) <= module.KEPT_BYTES


def test_subscribers_hear_of_each_change_until_they_leave(jobs):
    heard = []
    leave = jobs.subscribe(lambda job: heard.append(job.state))
    job = add(jobs)
    job.work(Progress())
    assert heard == [JobState.QUEUED, JobState.RUNNING, JobState.DONE]
    leave()
    add(jobs)
    assert len(heard) == 3
