"""What the local API answers: each route with its words, its answer and its errors; OpenAPI is made from them.

Questions go to the catalog in a worker, deeds become jobs. Nothing is decided here that the command line decides
otherwise: both stand on the same queries, documents and deeds.
"""

import asyncio
import base64
import binascii
import hashlib
import json
import logging
import threading
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import parse_qsl

from fastapi import APIRouter, Depends, FastAPI, Path, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, WithJsonSchema, create_model
from starlette.exceptions import HTTPException
from starlette.routing import Match

from modelmgr import __version__, documents
from modelmgr.api import examples, shapes
from modelmgr.api.body import BodyInvalid, read_object
from modelmgr.api.events import Events
from modelmgr.api.jobs import FAULT, Job, Jobs, TooManyJobs, error_json
from modelmgr.api.thumbnail import SIDES, thumbnail
from modelmgr.errors import CatalogBusy, CatalogError, DiskFull, ModelmgrError, NotFound, Usage
from modelmgr.filters import MODEL_FILTERS, Filter, FilterKind, model_query
from modelmgr.library import Library
from modelmgr.progress import Progress
from modelmgr.values import (
    LIGHT_KEYS,
    ImportReport,
    InlineModel,
    ModelQuery,
    PendingQuery,
    PromoteReport,
    ScanReport,
)
from modelmgr.vocabulary import TYPES

log = logging.getLogger(__name__)

LARGEST_PAGE = 1000
DEFAULT_PAGE = 100
LIGHT_COLUMNS = tuple(shapes.LightModel.model_fields)
_WRITER = TypeAdapter(Any)
_LONGEST_PLACE = 6000
_KEPT_PLACES = 1000

T = TypeVar("T", bound=BaseModel)
Ask = Callable[[Callable[[], Any]], Awaitable[Any]]

_STATUS: Mapping[type[ModelmgrError], int] = {
    NotFound: 404,
    Usage: 422,
    TooManyJobs: 429,
    CatalogBusy: 503,
    DiskFull: 507,
    CatalogError: 503,
}
_ALWAYS = (400, 401, 403, 422, 431, 500, 503)
_POST = (408, 411, 413, 415, 429, 507)


_ABOUT = """The local API of modelmgr: ask the library of AI models, and feed it. Loopback only.

Every route but `/api/health` takes `Authorization: Bearer TOKEN`; the token stands in a file beside the catalog. Every
answer that is no success is `{"error": {"code", "message", "details"}}`. Besides what a route lists, any request may be
answered by 405 (`wrong_method`), 408, 411, 413 and 415, if it has a method or a body that the route doesn't take.
"""


class Invalid(Usage):
    """A word, key or value of the request makes no sense; `code` says how."""

    code = "wrong_value"


def make_app(library: Library, jobs: Jobs, events: Events, ask: Ask) -> FastAPI:
    """Return the application: all routes, and errors as JSON. Who may call is the gate's affair."""
    app = FastAPI(
        title="modelmgr",
        version=__version__,
        description=_ABOUT,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        # Whatever the environment says: what is asked here is told to nobody.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    _Questions(library, ask, app.router)
    _Deeds(library, jobs, ask, app.router)
    _Jobs(jobs, events, app.router)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(ModelmgrError, _on_error)
    app.add_exception_handler(Exception, _on_fault)
    make_document = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _completed(make_document())
        return app.openapi_schema

    async def openapi_json() -> Response:
        return _json(await ask(openapi))  # it takes a while the first time

    app.openapi = openapi  # type: ignore[method-assign]
    app.router.add_api_route("/api/openapi.json", openapi_json, methods=["GET"], include_in_schema=False)
    return app


# --- questions --------------------------------------------------------------------------------------------


def _query_model() -> type[BaseModel]:
    """Return the query of ``GET /api/models``: what `list` filters and sorts by, and how it is paged."""
    words: dict[str, Any] = {
        found.name: (_annotation(found), Field(found.default, description=_sentence(found)))
        for found in MODEL_FILTERS
    }
    return create_model("ModelsQuery", __base__=_Paged, __doc__="What to list.", **words)


def _annotation(found: Filter) -> Any:
    word: Any = Literal[found.choices] if found.choices else str
    if found.field == "types":
        # Words of other tools are understood as well; these are the ones that answers have.
        word = Annotated[str, WithJsonSchema({"type": "string", "enum": list(TYPES)})]
    if found.is_path:
        word = Annotated[str, WithJsonSchema(shapes.PATH_SCHEMA)]
    if found.kind == FilterKind.MANY:
        return list[word]
    if found.kind == FilterKind.FLAG:
        word = bool
    return word | None if found.default is None else word


def _sentence(found: Filter) -> str:
    more = " Any number of times." if found.kind == FilterKind.MANY else ""
    return f"As of `list`: {found.help}{'' if found.help.endswith('...') else '.'}{more}"


_COLUMN = f"({'|'.join(LIGHT_COLUMNS)})"
_Fields = Annotated[str | None, WithJsonSchema({"type": "string", "pattern": f"^{_COLUMN}(,{_COLUMN})*$"})]


class _Paged(BaseModel):
    model_config = ConfigDict(extra="forbid")

    limit: int = Field(DEFAULT_PAGE, ge=1, le=LARGEST_PAGE, description="Models a page.")
    cursor: str | None = Field(None, description="`next_cursor` of the page before.")
    fields: _Fields = Field(
        None, description="Light columns to give out, separated by commas; all unless given."
    )


ModelsQuery = _query_model()


class PendingModelsQuery(BaseModel):
    """Which pending models to list."""

    model_config = ConfigDict(extra="forbid")

    state: Literal["pending", "promoted", "dismissed"] | None = Field(None, description="All unless given.")
    problem: str | None = Field(None, description="A problem's code, or `none` for those without.")
    source: str | None = Field(None, description="A source id, as `civitai-info`.")
    search: str = Field("", description="Words that must all occur in name or path.")
    limit: int = Field(LARGEST_PAGE, ge=1, le=LARGEST_PAGE, description="Pending models a page.")
    cursor: str | None = Field(None, description="`next_cursor` of the page before.")


class PreviewQuery(BaseModel):
    """How a picture is wanted."""

    model_config = ConfigDict(extra="forbid")

    side: int = Field(256, ge=SIDES[0], le=SIDES[1], description="Longest side, pixels.")


JobId = Annotated[
    str,
    Path(description="What the job's request was answered with."),
    WithJsonSchema({"type": "string", "pattern": "^[0-9a-f]{16}$"}),
]
Sha256 = Annotated[
    str,
    Path(pattern=shapes.SHA256_PATTERN, description="Of the whole file, 64 hex digits."),
]


class _Questions:
    """The routes that only read."""

    def __init__(self, library: Library, ask: Ask, router: APIRouter) -> None:
        self._library = library
        self._catalog = library.catalog
        self._ask = ask
        self._decoding = asyncio.Semaphore(1)
        self._places = _Places()
        get = partial(_route, router, "library", "GET")
        get("/api/health", self.health, shapes.Health, open_to_all=True)
        get("/api/models", self.models, shapes.ModelsPage, 304, query=ModelsQuery)
        get("/api/models/by-hash/{hash}", self.by_hash, shapes.HashCandidates)
        get("/api/models/{sha256}", self.model, shapes.ModelDetailsOut, 304, 404)
        get("/api/models/{sha256}/records/{id}", self.record, _BYTES, 404)
        get("/api/models/{sha256}/preview", self.preview, _PICTURES, 404, query=PreviewQuery)
        get("/api/pending", self.pending, shapes.PendingPage, 304, query=PendingModelsQuery)

    async def health(self) -> Response:
        """Tell that the server answers, and whether the catalog does."""

        def question() -> str:
            try:
                self._catalog.version()
            except CatalogError:
                return "unusable"
            return "read_only" if self._catalog.read_only else "ok"

        return _json({"version": __version__, "catalog": await self._ask(question)})

    async def models(self, request: Request, query: Annotated[ModelsQuery, Query()]) -> Response:  # type: ignore[valid-type]
        """List models: light columns only, in pages.

        Pages fit together although a scan writes meanwhile: no model that stays where it is in the order is skipped
        or listed twice. `ETag` and `If-None-Match` ask cheaply whether anything changed.
        """
        asked: Any = query
        columns = _columns(asked.fields)
        words = {found.name: getattr(asked, found.name) for found in MODEL_FILTERS}
        wanted = model_query({**words, **_paths(request)})
        after = self._places.position(asked.cursor, wanted)

        def question() -> Response:
            version = self._catalog.version()
            return _unless_known(request, version, partial(answer, version))

        def answer(version: str) -> bytes:
            page = self._catalog.model_page_json(wanted, asked.limit, after, columns=columns or LIGHT_KEYS)
            rest = {
                "total": page.total,
                "next_cursor": self._places.cursor(page.last, wanted),
                "data_version": version,
            }
            return b'{"models":[%s],%s' % (",".join(page.rows).encode("ascii"), _written(rest)[1:])

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
            return _json(document)

        return await self._answered(question)

    async def model(self, request: Request, sha256: Sha256) -> Response:
        """Return all that is known of one model, its payloads included."""

        def question() -> Response:
            version = self._catalog.version()
            return _unless_known(request, version, answer)

        def answer() -> Any:
            found = self._catalog.details(sha256.lower())
            if found is None:
                raise _no_model(sha256)
            return documents.details(found)

        return await self._answered(question)

    async def record(
        self,
        sha256: Sha256,
        id: Annotated[int, Path(ge=1, le=shapes.LARGEST_ID, description="`id` of one of `records[]`.")],
    ) -> Response:
        """Return the payload of one record: the exact bytes, as an attachment."""

        def question() -> Response:
            payload = self._catalog.record_of(sha256.lower(), id)
            if payload is None:
                raise NotFound(f"The model has no record {id}.", sha256=sha256.lower(), id=id)
            name = f"{sha256[:10].lower()}-{id}.bin"
            # Never shown in place: whatever a stranger wrote there would speak with the API's own voice.
            headers = {"Content-Disposition": f'attachment; filename="{name}"'}
            return Response(payload, media_type="application/octet-stream", headers=headers)

        return await self._answered(question)

    async def preview(self, sha256: Sha256, query: Annotated[PreviewQuery, Query()]) -> Response:
        """Return the model's picture as a thumbnail, made anew from its pixels."""

        def question() -> Response:
            preview = self._catalog.preview_of(sha256.lower())
            if preview is None:
                raise _no_model(sha256)
            path, roots = preview
            made = thumbnail(path, roots, query.side) if path is not None else None
            if made is None:
                raise NotFound("The model has no picture that can be shown.", code="no_preview")
            data, media_type = made
            return Response(data, media_type=media_type)

        async with self._decoding:  # a large picture takes seconds; it shall not take all workers as well
            return await self._answered(question)

    async def pending(self, request: Request, query: Annotated[PendingModelsQuery, Query()]) -> Response:
        """List pending models, in the order in which they came."""
        wanted = PendingQuery(
            states=(query.state,) if query.state else (),
            problems=(query.problem,) if query.problem else (),
            sources=(query.source,) if query.source else (),
            search=query.search,
        )
        after = self._places.position(query.cursor, wanted)

        def question() -> Response:
            version = self._catalog.version()
            return _unless_known(request, version, partial(answer, version))

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

    async def _answered(self, question: Callable[[], Response]) -> Response:
        answer: Response = await self._ask(question)
        return answer


# --- deeds ------------------------------------------------------------------------------------------------


class _Deeds:
    """The routes that start a job."""

    def __init__(self, library: Library, jobs: Jobs, ask: Ask, router: APIRouter) -> None:
        self._library = library
        self._jobs = jobs
        self._ask = ask
        post = partial(_route, router, "deeds", "POST", status=202)
        post("/api/models/scan", self.scan, shapes.JobStarted, *_POST, body=shapes.ScanRequest)
        post(
            "/api/migration/import_models",
            self.import_models,
            shapes.JobStarted,
            *_POST,
            body=shapes.ImportRequest,
        )
        post("/api/migration/promote", self.promote, shapes.JobStarted, *_POST, body=shapes.PromoteRequest)

    async def scan(self, request: Request) -> Response:
        """Look for models, identify and hash them; the paths become library folders."""
        wanted, _ = await self._body(request, shapes.ScanRequest)
        deed = partial(self._scan, wanted)
        return _started(self._jobs.add("scan", "Scan for another program", deed, documents.scan))

    async def import_models(self, request: Request) -> Response:
        """Import what other tools know, in one batch; it then waits as pending models.

        The value of a `meta_json` is kept as the exact bytes that stood in the body.
        """
        wanted, size_bytes = await self._body(request, shapes.ImportRequest)
        if not wanted.paths and not wanted.models:
            raise Invalid("Either paths or models must be given.", code="missing_key")
        deed = partial(self._import, wanted)
        title = "Preview for another program" if wanted.dry_run else "Import for another program"
        return _started(self._jobs.add("import", title, deed, documents.imported, size_bytes))

    async def promote(self, request: Request) -> Response:
        """Link pending models to their files and make them active."""
        wanted, _ = await self._body(request, shapes.PromoteRequest)
        if bool(wanted.ids) == bool(wanted.all):
            raise Invalid(
                "Either ids or all must be given.", code="wrong_value" if wanted.ids else "missing_key"
            )
        deed = partial(self._promote, wanted)
        return _started(self._jobs.add("promote", "Promotion for another program", deed, documents.promoted))

    def _scan(self, wanted: shapes.ScanRequest, progress: Progress) -> ScanReport:
        return self._library.scan(wanted.paths, hash_files=not wanted.no_hash, progress=progress)

    def _import(self, wanted: shapes.ImportRequest, progress: Progress) -> ImportReport:
        models = [
            InlineModel(model.meta_json, model.name, model.type, model.sha256, model.path)
            for model in wanted.models
        ]
        if wanted.dry_run:
            return self._library.preview(wanted.paths, models=models, progress=progress)
        return self._library.import_paths(wanted.paths, models=models, progress=progress)

    def _promote(self, wanted: shapes.PromoteRequest, progress: Progress) -> PromoteReport:
        known, problems = ([], []) if wanted.all else self._library.known_pending(wanted.ids)
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

        def read() -> T:
            try:
                return shape.model_validate(read_object(data))
            except ValidationError as error:
                raise _invalid(error.errors(include_url=False, include_context=False), "body") from error

        found: T = await self._ask(read)
        return found, len(data)


# --- jobs -------------------------------------------------------------------------------------------------


class _Jobs:
    """The routes about jobs, and the stream of events."""

    def __init__(self, jobs: Jobs, events: Events, router: APIRouter) -> None:
        self._jobs = jobs
        self._events = events
        _route(router, "jobs", "GET", "/api/jobs", self.jobs, shapes.JobsOut)
        _route(router, "jobs", "GET", "/api/jobs/{id}", self.job, shapes.JobDetails, 404)
        _route(router, "jobs", "DELETE", "/api/jobs/{id}", self.cancel, shapes.JobDetails, 404)
        _route(router, "jobs", "GET", "/api/events", self.events, ("text/event-stream",))

    async def jobs(self) -> Response:
        """List the jobs that wait or run, and the last hundred that are over; without their results."""
        found = [job.as_json() for job in self._jobs.all()]
        return _json({"jobs": found, "total": len(found)})

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
    return _json({"job": job.id}, {"Location": f"/api/jobs/{job.id}"}, status=202)


# --- how routes are declared ------------------------------------------------------------------------------


_BYTES = ("application/octet-stream",)
_PICTURES = ("image/png", "image/jpeg")
_HEADERS: Mapping[str, Mapping[str, str]] = {
    "scan": {"Location": "Path of the job."},
    "import_models": {"Location": "Path of the job."},
    "promote": {"Location": "Path of the job."},
    "models": {"ETag": "For `If-None-Match`: changes with every commit of anyone, and with the query."},
    "model": {"ETag": "For `If-None-Match`: changes with every commit of anyone."},
    "pending": {"ETag": "For `If-None-Match`: changes with every commit of anyone, and with the query."},
    "record": {"Content-Disposition": "Always an attachment."},
}


def _route(
    router: APIRouter,
    tag: str,
    method: str,
    path: str,
    answer: Callable[..., Awaitable[Response]],
    shape: type[BaseModel] | tuple[str, ...],
    *errors: int,
    status: int = 200,
    query: type[BaseModel] | None = None,
    body: type[BaseModel] | None = None,
    open_to_all: bool = False,
) -> None:
    """Add a route to the table, with all that the document says of it.

    Args:
        router: the table.
        tag: under which the document lists it.
        method: of HTTP.
        path: with its parameters in braces.
        answer: the function; its docstring is the description.
        shape: of the answer, or its media types if that isn't JSON.
        errors: the statuses that it may answer with, besides those that any route may.
        status: of success.
        query: the shape of the query; no other words may stand in it.
        body: the shape of the request's body; `answer` reads it.
        open_to_all: it takes no token.
    """
    name = answer.__name__
    headers = {
        key: {"description": said, "schema": {"type": "string"}}
        for key, said in _HEADERS.get(name, {}).items()
    }
    responses: dict[int | str, dict[str, Any]] = {}
    for number in sorted({*_ALWAYS, *errors} - ({401} if open_to_all else set())):
        if number == 304:
            responses[304] = {"description": shapes.NOT_MODIFIED, "headers": headers}
        else:
            responses[number] = {"description": shapes.error_words(number), "model": shapes.ErrorDocument}
    if isinstance(shape, tuple):
        binary = {"schema": {"type": "string", "format": "binary"}}
        responses[status] = {"description": "The bytes.", "content": {kind: dict(binary) for kind in shape}}
    else:
        responses[status] = {"description": shape.__doc__ or "", "model": shape}
    if headers:
        responses[status]["headers"] = headers
    extra: dict[str, Any] = {"security": []} if open_to_all else {}
    if 304 in errors:
        extra["parameters"] = [_IF_NONE_MATCH]
    if body is not None:
        reference = {"$ref": f"#/components/schemas/{body.__name__}"}
        asked = {"schema": reference, "examples": examples.BODIES[name]}
        extra["requestBody"] = {"required": True, "content": {_JSON: asked}}
    router.add_api_route(
        path,
        answer,
        methods=[method],
        tags=[tag],
        status_code=status,
        response_class=Response,
        response_model=None,
        responses=responses,
        dependencies=[Depends(_strict_query(query))],
        openapi_extra=extra,
        summary=(answer.__doc__ or "").partition("\n")[0],
        operation_id=name,
    )


_JSON = "application/json"
_IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "`ETag` of an answer to the same request; if nothing changed since, the answer is 304.",
    "schema": {"type": "string"},
}


def _strict_query(shape: type[BaseModel] | None) -> Callable[[Request], Awaitable[None]]:
    """Return what refuses words that the route doesn't know, that are there twice, or that are no text.

    Of two words where one is taken, nobody could say which counts.
    """
    known = frozenset(shape.model_fields if shape is not None else ())
    many = {found.name for found in MODEL_FILTERS if found.kind == FilterKind.MANY}
    paths = {found.name for found in MODEL_FILTERS if found.is_path}

    async def check(request: Request) -> None:
        seen: set[str] = set()
        for name, word in _words(request):
            if name not in known:
                raise Invalid(f"{name!r} is no parameter of this route.", code="unknown_key", key=name)
            if name in seen and name not in many:
                raise Invalid(f"{name!r} is there twice.", code="doubled_key", key=name)
            if name not in paths and not _is_text(word):
                raise Invalid(f"{name!r} is no text: it holds bytes that are no UTF-8.", key=name)
            seen.add(name)

    return check


def _words(request: Request) -> list[tuple[str, str]]:
    """Return the words of the query as they were said; bytes that are no UTF-8 in the surrogateescape form."""
    said = request.scope["query_string"].decode("ascii")
    return parse_qsl(said, keep_blank_values=True, errors="surrogateescape")


def _paths(request: Request) -> dict[str, list[str]]:
    """Return those filters that are paths and were asked for: the framework has lost bytes that are no UTF-8."""
    found: dict[str, list[str]] = {}
    for name, word in _words(request):
        if any(known.name == name and known.is_path for known in MODEL_FILTERS):
            found.setdefault(name, []).append(word)
    return found


def _is_text(word: str) -> bool:
    try:
        word.encode()
    except UnicodeEncodeError:
        return False
    return True


def _completed(document: dict[str, Any]) -> dict[str, Any]:
    """Add to FastAPI's document what stands outside its reach: bodies that are read by us, and the token."""
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for shape in (shapes.ScanRequest, shapes.ImportRequest, shapes.PromoteRequest):
        schema = shape.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas.update(schema.pop("$defs", {}))
        schemas[shape.__name__] = schema
    for path in document["paths"].values():
        for operation in path.values():
            for parameter in operation.get("parameters", ()):
                _complete_parameter(parameter, operation["operationId"])
            for status, answer in operation["responses"].items():
                # Not given to FastAPI with the route: it would drop all that is null.
                example = examples.of_answer(operation["operationId"], int(status))
                for content in answer.get("content", {}).values():
                    if example is not None:
                        content["example"] = example
    components["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "description": "What the token file holds."}
    }
    document["security"] = [{"token": []}]
    return document


def _complete_parameter(parameter: dict[str, Any], operation: str) -> None:
    """Take out what a parameter can't be, null, and what stands twice; and give an example of it."""
    schema = parameter["schema"]
    kinds = [kind for kind in schema.pop("anyOf", ()) if kind != {"type": "null"}]
    for kind in kinds:
        schema.update(kind)
    schema.pop("title", None)
    schema.pop("description", None)
    for name in (parameter["name"], f"{operation}.{parameter['name']}"):
        if name in examples.PARAMETERS:
            parameter["example"] = examples.PARAMETERS[name]


# --- answers and cursors ----------------------------------------------------------------------------------


def _json(document: Any, headers: Mapping[str, str] | None = None, status: int = 200) -> Response:
    return Response(_written(document), status, headers, _JSON)


def _written(document: Any) -> bytes:
    """Return a document as JSON, all in ASCII: some paths have characters that only escapes can say."""
    try:
        data = _WRITER.dump_json(document)  # in a third of the time of the standard library
    except ValueError:
        pass
    else:
        if data.isascii():
            return data
    return json.dumps(document, allow_nan=False).encode("ascii")


def _unless_known(request: Request, version: str, answer: Callable[[], Any]) -> Response:
    """Return the answer with its ETag, or 304 without having asked for it."""
    query = hashlib.sha256(request.url.query.encode("utf-8", "surrogateescape")).hexdigest()[:12]
    tag = f'"{version}.{query}"'
    headers = {"ETag": tag}
    known = {word.strip().removeprefix("W/") for word in request.headers.get("if-none-match", "").split(",")}
    if tag in known:
        return Response(status_code=304, headers=headers)
    found = answer()
    data = found if isinstance(found, bytes) else _written(found)
    return Response(data, headers=headers, media_type=_JSON)


class _Places:
    """Places in lists as cursors: words that say all that is needed to go on, whatever was written meanwhile.

    A place that a request line could not carry (a name may have thousands of letters) is kept here and its cursor is
    only a name for it; of those the last `_KEPT_PLACES` are known, until the server ends.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, str] = OrderedDict()

    def cursor(self, last: Sequence[Any] | None, wanted: ModelQuery | PendingQuery) -> str | None:
        """Return the cursor of a page's last row, None after the last page."""
        if last is None:
            return None
        said = json.dumps([_fingerprint(wanted), *last], separators=(",", ":"))
        if len(said) > _LONGEST_PLACE:
            name = hashlib.sha256(said.encode("ascii")).hexdigest()
            with self._lock:
                self._kept[name] = said
                self._kept.move_to_end(name)
                if len(self._kept) > _KEPT_PLACES:
                    self._kept.popitem(last=False)
            said = json.dumps([name])
        return base64.urlsafe_b64encode(said.encode("ascii")).decode("ascii")

    def position(self, cursor: str | None, wanted: ModelQuery | PendingQuery) -> list[Any] | None:
        """Return where a cursor stands, None without one.

        Raises:
            Invalid: it is none of ours, one of another query, or one that is no longer known.
        """
        if cursor is None:
            return None
        foreign = Invalid("The cursor is none that was given out, or is too old.", code="wrong_cursor")
        try:
            said = json.loads(base64.b64decode(cursor.encode("ascii"), b"-_", validate=True))
            if isinstance(said, list) and len(said) == 1 and isinstance(said[0], str):
                with self._lock:
                    said = json.loads(self._kept.get(said[0], "null"))
        except (ValueError, binascii.Error, RecursionError) as error:
            raise foreign from error
        if not isinstance(said, list) or len(said) < 2:
            raise foreign
        if said[0] != _fingerprint(wanted):
            raise Invalid("The cursor belongs to another query.", code="wrong_cursor")
        return said[1:]


def _fingerprint(wanted: ModelQuery | PendingQuery) -> str:
    return hashlib.sha256(repr(wanted).encode("utf-8", "surrogatepass")).hexdigest()[:12]


def _last_id(after: Sequence[Any] | None) -> int:
    if after is None:
        return 0
    if len(after) != 1 or type(after[0]) is not int or not 0 < after[0] <= shapes.LARGEST_ID:
        raise Invalid("The cursor is none that was given out.", code="wrong_cursor")
    return after[0]


def _columns(fields: str | None) -> tuple[str, ...] | None:
    if fields is None:
        return None
    names = tuple(dict.fromkeys(fields.split(",")))
    for name in names:
        if name not in LIGHT_COLUMNS:
            raise Invalid(f"{name!r} is no light column; they are {', '.join(LIGHT_COLUMNS)}.", field=name)
    return names


def _no_model(sha256: str) -> NotFound:
    return NotFound(f"No model has the SHA-256 {sha256.lower()}.", sha256=sha256.lower())


# --- errors -----------------------------------------------------------------------------------------------

_CODES = {"extra_forbidden": "unknown_key", "missing": "missing_key"}


def _invalid(found: Sequence[Mapping[str, Any]], where: str) -> Invalid:
    """Return pydantic's findings as one error of ours: the first in words, all of them in the details."""
    errors = [
        {
            "where": ".".join([where, *map(str, error["loc"])] if where else map(str, error["loc"])),
            "code": _CODES.get(str(error["type"]), "wrong_value"),
            "message": str(error["msg"]).removeprefix("Value error, "),
        }
        for error in found[:20]
    ]
    first = errors[0]
    return Invalid(f"{first['where']}: {first['message'].rstrip('.')}.", code=first["code"], errors=errors)


async def _on_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    if request.method not in _methods(request):  # /api/models/scan looks like a model's path to GET
        return _on_routing(request, 405)
    return await _on_error(request, _invalid(error.errors(), ""))


async def _on_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, ModelmgrError)
    if isinstance(error, BodyInvalid):
        status = error.status
    else:
        status = next((number for kind, number in _STATUS.items() if isinstance(error, kind)), 500)
    if status == 500:
        log.error("The local API could not answer: %s", error.message)
        return _refused(status, FAULT)
    said = error_json(error)
    return _refused(status, {**said, "code": Invalid.code} if said["code"] == Usage.code else said)


async def _on_fault(_: Request, error: Exception) -> Response:
    """Answer for faults of ours; the framework then lets them fly on, to be logged by the gate."""
    return _refused(500, FAULT)


async def _on_http_error(request: Request, error: Exception) -> Response:
    """Answer for paths that aren't there and methods that they don't know."""
    assert isinstance(error, HTTPException)
    return _on_routing(request, error.status_code)


def _on_routing(request: Request, status: int) -> Response:
    code, message = {
        404: ("unknown_path", "There is no such route."),
        405: ("wrong_method", "The route does not know this method."),
    }[status]
    answer = _refused(status, {"code": code, "message": message, "details": {}})
    if status == 405:
        answer.headers["Allow"] = ", ".join(_methods(request))
    return answer


def _methods(request: Request) -> list[str]:
    """Return the methods that the request's path knows; a route without parameters goes before those with them."""
    found = [route for route in request.app.routes if route.matches(request.scope)[0] != Match.NONE]
    exact = [route for route in found if route.path == request.scope["path"]] or found
    return sorted({method for route in exact for method in route.methods})


def _refused(status: int, error: Mapping[str, Any]) -> Response:
    return Response(
        json.dumps({"error": error}, default=str).encode("ascii"), status, media_type="application/json"
    )
