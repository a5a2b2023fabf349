"""Jobs: the long deeds that were asked for over HTTP, from 202 to their result.

What runs them is not decided here: `serve` has a thread for them, the window its own list of tasks.
"""

import json
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import replace
from enum import StrEnum
from typing import Any

from modelmgr.errors import ModelmgrError, NotFound
from modelmgr.progress import Cancelled, Progress, Step
from modelmgr.values import MIB, iso_time

KEPT_JOBS = 100
KEPT_BYTES = 64 * MIB
WAITING_JOBS = 64
WAITING_BYTES = 64 * MIB

Deed = Callable[[Progress], Any]


class JobState(StrEnum):
    """How far a job has come."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class TooManyJobs(ModelmgrError):
    """So much waits already that nothing more is taken on."""

    code = "too_many_jobs"


class Job:
    """One long deed. `Jobs.add` makes it; whoever runs jobs calls `work`, and `settle` when it is out of hands.

    Attributes:
        id: a random word.
        kind: ``scan``, ``import`` or ``promote``.
        title: what it is, in words for a list of running work.
        size_bytes: what its request holds in memory until it has run.
    """

    def __init__(
        self,
        kind: str,
        title: str,
        deed: Deed,
        document: Callable[[Any], Mapping[str, Any]],
        size_bytes: int,
        changed: "Callable[[Job], None]",
    ) -> None:
        self.id = secrets.token_hex(8)
        self.kind = kind
        self.title = title
        self.size_bytes = size_bytes
        self._deed: Deed | None = deed
        self._document = document
        self._changed = changed
        self._lock = threading.Lock()
        self._state = JobState.QUEUED
        self._progress: Progress | None = None
        self._step: Step | None = None
        self._met = 0
        self._created_at = time.time()
        self._ended_at: float | None = None
        self._error: Mapping[str, Any] | None = None
        self.result: bytes | None = None

    @property
    def state(self) -> JobState:
        """How far it has come."""
        return self._state

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come of it."""
        return self._state not in (JobState.QUEUED, JobState.RUNNING)

    def work(self, progress: Progress) -> Any:
        """Do the deed in the calling thread, once; its progress is heard here too.

        Returns:
            The deed's report.

        Raises:
            Cancelled: before it began, or by the deed.
            Exception: what the deed raised; the job has failed with it.
        """
        with self._lock:
            if self._state != JobState.QUEUED or self._deed is None:
                raise Cancelled
            deed, self._deed = self._deed, None
            self._progress = progress
            self._state = JobState.RUNNING
        progress.also(self._on_step)
        self._changed(self)
        try:
            report = deed(progress)
            self._met = int(getattr(report, "seen", 0))
            result = json.dumps(self._document(report)).encode("ascii")
        except Cancelled:
            self._end(JobState.CANCELLED)
            raise
        except ModelmgrError as error:
            self._end(JobState.FAILED, error=error_json(error))
            raise
        except Exception:
            self._end(JobState.FAILED, error=FAULT)
            raise
        was_cancelled = bool(getattr(report, "cancelled", False))
        self._end(JobState.CANCELLED if was_cancelled else JobState.DONE, result)
        return report

    def cancel(self) -> None:
        """Ask it to stop; one that waits is cancelled at once, one that is over stays as it is."""
        with self._lock:
            progress = self._progress
            waits = self._state == JobState.QUEUED
            if waits:
                self._state, self._deed, self._ended_at = JobState.CANCELLED, None, time.time()
        if waits:
            self._changed(self)
        elif progress is not None:
            progress.cancel()

    def settle(self) -> None:
        """Tell that whoever took it on has let it go: if it never ran, it is cancelled."""
        self.cancel()

    def _end(
        self, state: JobState, result: bytes | None = None, error: Mapping[str, Any] | None = None
    ) -> None:
        with self._lock:
            self._state, self.result, self._error = state, result, error
            self._progress, self._ended_at = None, time.time()
        self._changed(self)

    def _on_step(self, step: Step) -> None:
        self._step = step
        self._changed(self)

    def as_json(self) -> dict[str, Any]:
        """Return it as ``/api/jobs`` lists it: all but the result."""
        return self.whole()[0]

    def whole(self) -> tuple[dict[str, Any], bytes | None]:
        """Return it as ``/api/jobs`` lists it, and its result as it was in the same moment: JSON in ASCII."""
        with self._lock:
            step = self._step
            done, total = (step.done, step.total) if step is not None else (0, None)
            if self._state == JobState.DONE:
                # The last news is older than the end, and may have come before all was counted.
                done = total = total or max(done, self._met)
                step = None if step is None else replace(step, text="")
            return {
                "id": self.id,
                "kind": self.kind,
                "title": self.title,
                "state": str(self._state),
                "done": done,
                "total": total,
                "unit": step.unit if step is not None else None,
                "text": step.text if step is not None else "",
                "created_at": iso_time(self._created_at),
                "ended_at": iso_time(self._ended_at),
                "error": None if self._error is None else dict(self._error),
            }, self.result


FAULT: Mapping[str, Any] = {
    "code": "fault",
    "message": "This is a fault of modelmgr; its log says more.",
    "details": {},
}


def error_json(error: ModelmgrError) -> dict[str, Any]:
    """Return an expected failure as every door gives it out."""
    return {"code": error.code, "message": error.message, "details": error.details}


class Jobs:
    """All jobs of this server: those that wait or run, and the last ones that are over.

    Args:
        start: takes a job on: has `Job.work` called in some thread, some time, and `Job.settle` afterwards.
    """

    def __init__(self, start: Callable[[Job], None]) -> None:
        self._start = start
        self._lock = threading.Lock()
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._listeners: list[Callable[[Job], None]] = []

    def add(
        self,
        kind: str,
        title: str,
        deed: Deed,
        document: Callable[[Any], Mapping[str, Any]],
        size_bytes: int = 0,
    ) -> Job:
        """Take on a deed.

        Args:
            kind: of the job.
            title: in words.
            deed: the work.
            document: its report -> the JSON document of the job's result.
            size_bytes: see `Job`.

        Raises:
            TooManyJobs: too many wait, or those that wait hold too much.
        """
        job = Job(kind, title, deed, document, size_bytes, self._ring)
        with self._lock:
            waiting = [other for other in self._jobs.values() if not other.is_over]
            held = sum(other.size_bytes for other in waiting)
            if len(waiting) >= WAITING_JOBS or (waiting and held + size_bytes > WAITING_BYTES):
                raise TooManyJobs("So much work waits already; try again when some of it is done.")
            self._jobs[job.id] = job
            self._forget()
        self._ring(job)
        self._start(job)
        return job

    def get(self, job_id: str) -> Job:
        """Return a job.

        Raises:
            NotFound: there is none of that id, or it is over and forgotten.
        """
        with self._lock:
            job = self._jobs.get(job_id)
        if job is None:
            raise NotFound(f"There is no job {job_id}.", id=job_id)
        return job

    def all(self) -> list[Job]:
        """Return the jobs that are known, the oldest first."""
        with self._lock:
            return list(self._jobs.values())

    def cancel_all(self) -> None:
        """Ask all of them to stop."""
        for job in self.all():
            job.cancel()

    def subscribe(self, callback: Callable[[Job], None]) -> Callable[[], None]:
        """Have `callback` called with each job that changes, in whichever thread; return the way out."""
        with self._lock:
            self._listeners.append(callback)

        def unsubscribe() -> None:
            with self._lock:
                if callback in self._listeners:
                    self._listeners.remove(callback)

        return unsubscribe

    def _ring(self, job: Job) -> None:
        with self._lock:
            listeners = list(self._listeners)
        for listener in listeners:
            listener(job)

    def _forget(self) -> None:
        """Drop the oldest of those that are over; the caller holds the lock."""
        over = [job for job in self._jobs.values() if job.is_over]
        kept = sum(len(job.result or b"") for job in over)
        for number, job in enumerate(over):
            if len(over) - number < KEPT_JOBS and kept <= KEPT_BYTES:
                break
            kept -= len(job.result or b"")
            del self._jobs[job.id]
