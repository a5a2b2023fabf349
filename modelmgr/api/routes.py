"""What the local API answers: each route with its words, its answer and its errors; OpenAPI is made from them.

Questions go to the catalog in a worker, deeds become jobs. Nothing is decided here that the command line decides
otherwise: both stand on the same queries, documents and deeds.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, FastAPI, Path, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel

from modelmgr import __version__, documents
from modelmgr.api import requests, shapes
from modelmgr.api.answers import (
    Busy,
    Invalid,
    KnownAnswers,
    Places,
    answer_errors,
    json_answer,
    no_model,
    shaped,
    written,
)
from modelmgr.api.editing import Edits
from modelmgr.api.events import Events
from modelmgr.api.jobs import Job, Jobs
from modelmgr.api.openapi import ABOUT, BYTES, PICTURES, add_route, completed
from modelmgr.api.parameters import (
    JobId,
    ModelsQuery,
    PendingModelsQuery,
    PreviewQuery,
    Sha256,
    asked_of,
    columns_of,
    models_wanted,
)
from modelmgr.api.thumbnail import thumbnail
from modelmgr.errors import CatalogError, NotFound
from modelmgr.filters import bounded_words
from modelmgr.library import Library
from modelmgr.progress import Progress
from modelmgr.values import (
    LIGHT_KEYS,
    MIB,
    ImportReport,
    InlineModel,
    PendingQuery,
    PromoteReport,
    ScanReport,
)

T = TypeVar("T", bound=BaseModel)
Ask = Callable[[Callable[[], Any]], Awaitable[Any]]

LIGHT_BYTES = MIB
LANE_WAITING = 24

_POST = (408, 411, 413, 415, 429, 507)


def make_app(library: Library, jobs: Jobs, events: Events, ask: Ask) -> FastAPI:
    """Return the application: all routes, and errors as JSON. Who may call is the gate's affair."""
    app = FastAPI(
        title="modelmgr",
        version=__version__,
        description=ABOUT,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        # Whatever the environment says: what is asked here is told to nobody.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    _Questions(library, ask, app.router)
    Edits(library, ask, app.router)
    _Deeds(library, jobs, ask, app.router)
    _Jobs(jobs, events, app.router)
    answer_errors(app)
    make_document = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = completed(make_document())
        return app.openapi_schema

    async def openapi_json() -> Response:
        return json_answer(await ask(openapi))  # it takes a while the first time

    app.openapi = openapi  # type: ignore[method-assign]
    app.router.add_api_route("/api/openapi.json", openapi_json, methods=["GET"], include_in_schema=False)
    return app


# --- questions ----------------------------------------------------------------------------------------------


class _Questions:
    """The routes that only read."""

    def __init__(self, library: Library, ask: Ask, router: APIRouter) -> None:
        self._library = library
        self._catalog = library.catalog
        self._ask = ask
        self._decoding = _Lane(1)
        self._heavy = _Lane(2)
        self._known = KnownAnswers()
        self._places = Places()
        get = partial(add_route, router, "library", "GET")
        get("/api/health", self.health, shapes.Health, open_to_all=True)
        get("/api/models", self.models, shapes.ModelsPage, 304, query=ModelsQuery)
        get("/api/models/by-hash/{hash}", self.by_hash, shapes.HashCandidates)
        get("/api/models/{sha256}", self.model, shapes.ModelDetailsOut, 304, 404)
        get("/api/models/{sha256}/records/{id}", self.record, BYTES, 404)
        get("/api/models/{sha256}/preview", self.preview, PICTURES, 404, query=PreviewQuery)
        get("/api/pending", self.pending, shapes.PendingPage, 304, query=PendingModelsQuery)

    async def health(self) -> Response:
        """Tell that the server answers, and whether the catalog does."""

        def question() -> str:
            try:
                self._catalog.version()
            except CatalogError:
                return "unusable"
            return "read_only" if self._catalog.read_only else "ok"

        return json_answer({"version": __version__, "catalog": await self._ask(question)})

    async def models(self, request: Request) -> Response:
        """List models: light columns only, in pages.

        Pages fit together although a scan writes meanwhile: no model that stays where it is in the order is skipped
        or listed twice. `ETag` and `If-None-Match` ask cheaply whether anything changed.
        """
        asked = asked_of(request, ModelsQuery)
        columns = columns_of(asked.fields)
        wanted = models_wanted(asked)
        after = self._places.position(asked.cursor, wanted)

        def question() -> Response:
            version = self._catalog.version()
            return self._known.answer(request, version, partial(answer, version))

        def answer(version: str) -> bytes:
            rows_of = partial(self._catalog.rows_json, columns=columns or LIGHT_KEYS)
            page = self._catalog.model_page(wanted, asked.limit, after, rows_of)
            rest = {
                "total": page.total,
                "next_cursor": self._places.cursor(page.last, wanted),
                "data_version": version,
            }
            return b'{"models":[%s],%s' % (",".join(page.rows).encode("ascii"), written(rest)[1:])

        return await self._answered(question)

    async def by_hash(
        self,
        hash: Annotated[
            str, Path(pattern="^[0-9a-fA-F]{8,64}$", description="8 to 64 hex digits, of any kind of hash.")
        ],
    ) -> Response:
        """Tell what a hash may mean: SHA-256, AutoV1, AutoV2, AutoV3, CRC32 or BLAKE3, computed or claimed."""

        def question() -> Response:
            found = self._catalog.by_hash(hash)
            document = {
                "hash": hash.lower(),
                "candidates": [documents.hash_match(match) for match in found],
            }
            return json_answer(document)

        return await self._answered(question)

    async def model(self, request: Request, sha256: Sha256) -> Response:
        """Return all that is known of one model, its payloads included; its `ETag` is what an edit names."""

        def question(light: bool) -> Response:
            version = self._catalog.version()
            return self._known.answer(request, version, partial(answer, light), state)

        def state() -> str:
            found = self._catalog.model_state(sha256.lower())
            if found is None:
                raise no_model(sha256)
            return found

        def answer(light: bool) -> Any:
            if light:
                self._weigh(sha256.lower())
            found = self._catalog.details(sha256.lower())
            if found is None:
                raise no_model(sha256)
            return documents.details(found)

        return await self._weighed(question)

    async def record(
        self,
        sha256: Sha256,
        id: Annotated[int, Path(ge=1, le=requests.LARGEST_ID, description="`id` of one of `records[]`.")],
    ) -> Response:
        """Return the payload of one record: the exact bytes, as an attachment."""

        def question(light: bool) -> Response:
            if light:
                self._weigh(sha256.lower(), id)
            payload = self._catalog.record_of(sha256.lower(), id)
            if payload is None:
                raise NotFound(f"The model has no record {id}.", sha256=sha256.lower(), id=id)
            name = f"{sha256[:10].lower()}-{id}.bin"
            # Never shown in place: whatever a stranger wrote there would speak with the API's own voice.
            headers = {"Content-Disposition": f'attachment; filename="{name}"'}
            return Response(payload, media_type="application/octet-stream", headers=headers)

        return await self._weighed(question)

    async def preview(self, request: Request, sha256: Sha256) -> Response:
        """Return the model's picture as a thumbnail, made anew from its pixels."""
        query = asked_of(request, PreviewQuery)

        def question() -> Response:
            preview = self._catalog.preview_of(sha256.lower())
            if preview is None:
                raise no_model(sha256)
            path, roots = preview
            made = thumbnail(path, roots, query.side) if path is not None else None
            if made is None:
                raise NotFound("The model has no picture that can be shown.", code="no_preview")
            data, media_type = made
            return Response(data, media_type=media_type)

        async with self._decoding.place():
            return await self._answered(question)

    async def pending(self, request: Request) -> Response:
        """List pending models, in the order in which they came."""
        query = asked_of(request, PendingModelsQuery)
        bounded_words(query.search)
        wanted = PendingQuery(
            states=(query.state,) if query.state else (),
            problems=(query.problem,) if query.problem else (),
            sources=(query.source,) if query.source else (),
            search=query.search,
        )
        after = self._places.position(query.cursor, wanted)

        def question() -> Response:
            version = self._catalog.version()
            return self._known.answer(request, version, partial(answer, version))

        def answer(version: str) -> Any:
            rows = self._catalog.pending_after(wanted, _last_id(after), query.limit)
            return {
                "pending": [documents.pending(row) for row in rows],
                "total": self._catalog.pending_count(wanted),
                "next_cursor": self._places.cursor(
                    [rows[-1].id] if len(rows) == query.limit else None, wanted
                ),
                "data_version": version,
            }

        return await self._answered(question)

    async def _weighed(self, question: Callable[[bool], Response]) -> Response:
        """Answer with payloads: few at once, if they are large.

        Args:
            question: told that it must be light, it raises `_Heavy` if it isn't.
        """
        try:
            return await self._answered(partial(question, True))
        except _Heavy:
            async with self._heavy.place():
                return await self._answered(partial(question, False))

    def _weigh(self, sha256: str, record_id: int | None = None) -> None:
        if self._catalog.payload_bytes(sha256, record_id) > LIGHT_BYTES:
            raise _Heavy

    async def _answered(self, question: Callable[[], Response]) -> Response:
        answer: Response = await self._ask(question)
        return answer


def _last_id(after: Sequence[Any] | None) -> int:
    if after is None:
        return 0
    if len(after) != 1 or type(after[0]) is not int or not 0 < after[0] <= requests.LARGEST_ID:
        raise Invalid("The cursor is none that was given out.", code="wrong_cursor")
    return after[0]


class _Heavy(Exception):
    """The answer is large: it takes a place in a lane."""


class _Lane:
    """A few places for answers that take seconds or much memory: they leave workers, and turns, to the others."""

    def __init__(self, places: int) -> None:
        self._places = asyncio.Semaphore(places)
        self._waiting = 0

    @contextlib.asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Wait for a place and hold it.

        Raises:
            Busy: many wait already.
        """
        if self._waiting >= LANE_WAITING:
            raise Busy("Too many large answers are asked for at once; try again.")
        self._waiting += 1
        try:
            await self._places.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._places.release()


# --- deeds --------------------------------------------------------------------------------------------------


class _Deeds:
    """The routes that start a job."""

    def __init__(self, library: Library, jobs: Jobs, ask: Ask, router: APIRouter) -> None:
        self._library = library
        self._jobs = jobs
        self._ask = ask
        self._reading = asyncio.Semaphore(1)
        post = partial(add_route, router, "deeds", "POST", status=202)
        post("/api/models/scan", self.scan, shapes.JobStarted, *_POST, body=requests.ScanRequest)
        post(
            "/api/migration/import_models",
            self.import_models,
            shapes.JobStarted,
            *_POST,
            body=requests.ImportRequest,
        )
        post("/api/migration/promote", self.promote, shapes.JobStarted, *_POST, body=requests.PromoteRequest)

    async def scan(self, request: Request) -> Response:
        """Look for models, identify and hash them; the paths become library folders."""
        wanted, _ = await self._body(request, requests.ScanRequest)
        deed = partial(self._scan, wanted)
        return _started(self._jobs.add("scan", "Scan for another program", deed, documents.scan))

    async def import_models(self, request: Request) -> Response:
        """Import what other tools know, in one batch; it then waits as pending models.

        The value of a `meta_json` is kept as the exact bytes that stood in the body.
        """
        wanted, size_bytes = await self._body(request, requests.ImportRequest)
        if not wanted.paths and not wanted.models:
            raise Invalid("Either paths or models must be given.", code="missing_key")
        deed = partial(self._import, wanted)
        title = "Preview for another program" if wanted.dry_run else "Import for another program"
        return _started(self._jobs.add("import", title, deed, documents.imported, size_bytes))

    async def promote(self, request: Request) -> Response:
        """Link pending models to their files and make them active."""
        wanted, _ = await self._body(request, requests.PromoteRequest)
        named = "ids" in wanted.model_fields_set
        if not named and not wanted.all:
            raise Invalid("Either ids or all must be given.", code="missing_key")
        if named and wanted.all:
            raise Invalid("Not both, ids and all, can be given.")
        deed = partial(self._promote, wanted)
        return _started(self._jobs.add("promote", "Promotion for another program", deed, documents.promoted))

    def _scan(self, wanted: requests.ScanRequest, progress: Progress) -> ScanReport:
        return self._library.scan(wanted.paths, hash_files=not wanted.no_hash, progress=progress)

    def _import(self, wanted: requests.ImportRequest, progress: Progress) -> ImportReport:
        models = [
            InlineModel(model.meta_json, model.name, model.type, model.sha256, model.path)
            for model in wanted.models
        ]
        if wanted.dry_run:
            return self._library.preview(wanted.paths, models=models, progress=progress)
        return self._library.import_paths(wanted.paths, models=models, progress=progress)

    def _promote(self, wanted: requests.PromoteRequest, progress: Progress) -> PromoteReport:
        known, problems = self._library.known_pending(wanted.ids)
        report = self._library.promote(
            None if wanted.all else known,
            attach_anyway=wanted.attach_anyway,
            allow_missing=wanted.allow_missing,
            keep_previews=wanted.keep_previews,
            progress=progress,
        )
        report.problems[:0] = problems
        return report

    async def _body(self, request: Request, shape: type[T]) -> tuple[T, int]:
        """Return the request's body in its shape, and its size.

        Raises:
            BodyInvalid: it is no JSON object, or one that is refused as such.
            Invalid: a key is unknown, missing or of the wrong type.
        """
        data = await request.body()
        read = partial(shaped, data, shape)
        if len(data) <= LIGHT_BYTES:
            found: T = await self._ask(read)
        else:
            async with self._reading:  # what a large body becomes is larger; the gate lets in few of them
                found = await self._ask(read)
        return found, len(data)


# --- jobs ---------------------------------------------------------------------------------------------------


class _Jobs:
    """The routes about jobs, and the stream of events."""

    def __init__(self, jobs: Jobs, events: Events, router: APIRouter) -> None:
        self._jobs = jobs
        self._events = events
        add_route(router, "jobs", "GET", "/api/jobs", self.jobs, shapes.JobsOut)
        add_route(router, "jobs", "GET", "/api/jobs/{id}", self.job, shapes.JobDetails, 404)
        add_route(router, "jobs", "DELETE", "/api/jobs/{id}", self.cancel, shapes.JobDetails, 404)
        add_route(router, "jobs", "GET", "/api/events", self.events, ("text/event-stream",))

    async def jobs(self) -> Response:
        """List the jobs that wait or run, and the last hundred that are over; without their results."""
        found = [job.as_json() for job in self._jobs.all()]
        return json_answer({"jobs": found, "total": len(found)})

    async def job(self, id: JobId) -> Response:
        """Return one job; its result is what the command prints with --json."""
        return _job(self._jobs.get(id))

    async def cancel(self, id: JobId) -> Response:
        """Cancel a job. What it has done stays, whole records only; one that is over stays as it is."""
        job = self._jobs.get(id)
        job.cancel()
        return _job(job)

    async def events(self) -> Response:
        """Stream what happens, as server-sent events.

        `hello` (once: `data_version`, `jobs[]`), `job` (a job changed; as in the list), `changes` (`data_version`:
        something in the catalog changed, whoever wrote it).
        """
        return StreamingResponse(self._events.stream(), media_type="text/event-stream")


def _job(job: Job) -> Response:
    head = json.dumps(job.as_json())
    # The result is stored as the JSON it was made into: it may be large, and is asked for again and again.
    result = job.result or b"null"
    return Response(head[:-1].encode() + b', "result": ' + result + b"}", media_type="application/json")


def _started(job: Job) -> Response:
    return json_answer({"job": job.id}, {"Location": f"/api/jobs/{job.id}"}, status=202)
