"""Server-sent events: how jobs come along, and that something in the catalog changed.

Format: WHATWG HTML, "Server-sent events". A stream holds no queue: what a slow reader misses of a job is overtaken by
its newest state, and of many changes one word is as good as all.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from modelmgr.api.jobs import Job, Jobs
from modelmgr.catalog import Catalog
from modelmgr.errors import NotFound
from modelmgr.values import Changes

PULSE_S = 15.0
PAUSE_S = 0.1
LOOK_S = 1.0

Ask = Callable[[Callable[[], Any]], Awaitable[Any]]


class _Stream:
    """What one reader has not been told yet."""

    def __init__(self) -> None:
        self.jobs: dict[str, None] = {}
        self.version = ""
        self.has_changed = False
        self.news = asyncio.Event()


class Events:
    """All open streams, and the bells that they listen to. Lives in the server's event loop.

    Args:
        catalog: whose changes are told, of whichever program.
        jobs: whose progress is told.
        ask: runs a question of the catalog in a worker.
    """

    def __init__(self, catalog: Catalog, jobs: Jobs, ask: Ask) -> None:
        self._catalog = catalog
        self._jobs = jobs
        self._ask = ask
        self._streams: set[_Stream] = set()
        self._is_closed = asyncio.Event()

    async def stream(self) -> AsyncIterator[bytes]:
        """Yield the events for one reader, until it goes or the server closes."""
        loop = asyncio.get_running_loop()
        mine = _Stream()

        def on_job(job: Job) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(note_job, job)

        def note_job(job: Job) -> None:
            mine.jobs[job.id] = None
            mine.news.set()

        def on_commit(_: Changes) -> None:
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(note_change)

        def note_change() -> None:
            mine.has_changed = True
            mine.news.set()

        silent = [self._jobs.subscribe(on_job), self._catalog.subscribe(on_commit)]
        self._streams.add(mine)
        try:
            mine.version = await self._ask(self._catalog.version)
            jobs = [job.as_json() for job in self._jobs.all()]
            yield _event("hello", {"data_version": mine.version, "jobs": jobs})
            told_at = looked_at = loop.time()
            while not self._is_closed.is_set():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(mine.news.wait(), LOOK_S)
                mine.news.clear()
                said = [_event("job", job.as_json()) for job in self._take_jobs(mine)]
                if mine.has_changed or loop.time() - looked_at >= LOOK_S:
                    # Other programs ring no bell; the version tells of them too.
                    mine.has_changed, looked_at = False, loop.time()
                    version = await self._ask(self._catalog.version)
                    if version != mine.version:
                        mine.version = version
                        said.append(_event("changes", {"data_version": version}))
                if not said and loop.time() - told_at >= PULSE_S:
                    said.append(b": all is well\n\n")
                if said:
                    told_at = loop.time()
                    yield b"".join(said)
                    await asyncio.sleep(PAUSE_S)
        finally:
            self._streams.discard(mine)
            for unsubscribe in silent:
                unsubscribe()

    def close(self) -> None:
        """End all streams; in the loop's thread."""
        self._is_closed.set()
        for stream in self._streams:
            stream.news.set()

    def _take_jobs(self, stream: _Stream) -> list[Job]:
        # By their ids: a stream that is read slowly shall not keep jobs and their results alive.
        ids, stream.jobs = list(stream.jobs), {}
        found: list[Job] = []
        for job_id in ids:
            with contextlib.suppress(NotFound):
                found.append(self._jobs.get(job_id))
        return found


def _event(name: str, data: dict[str, Any]) -> bytes:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n".encode("ascii")
