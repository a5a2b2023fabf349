"""What the local API answers: each route with its words, its answer and its errors; OpenAPI is made from them.

Questions go to the catalog in a worker, deeds become jobs. Nothing is decided here that the command line decides
otherwise: both stand on the same queries, documents and deeds.
"""

import base64
import binascii
import hashlib
import json
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, FastAPI, Path, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from starlette.exceptions import HTTPException

from modelmgr import __version__, documents
from modelmgr.api import shapes
from modelmgr.api.body import BodyInvalid, read_object
from modelmgr.api.events import Events
from modelmgr.api.jobs import FAULT, Job, Jobs, TooManyJobs, error_json
from modelmgr.api.thumbnail import SIDES, thumbnail
from modelmgr.errors import CatalogBusy, CatalogError, DiskFull, ModelmgrError, NotFound, Usage
from modelmgr.filters import MODEL_FILTERS, Filter, FilterKind, model_query
from modelmgr.library import Library
from modelmgr.progress import Progress
from modelmgr.values import (
    ImportReport,
    InlineModel,
    ModelQuery,
    PendingQuery,
    PromoteReport,
    ScanReport,
    light_json,
)

log = logging.getLogger(__name__)

LARGEST_PAGE = 1000
DEFAULT_PAGE = 100
LIGHT_COLUMNS = tuple(shapes.LightModel.model_fields)

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
_WORDS = {
    304: "Nothing changed since the answer that `If-None-Match` names.",
    400: "The request, or its body, is malformed.",
    401: "The token is missing or wrong.",
    403: "Not a request of a program on this computer: Host, Origin or Sec-Fetch-Site.",
    404: "There is none.",
    408: "The body did not come in time.",
    411: "Content-Length is missing.",
    413: "The body is too large.",
    415: "The body is not application/json, or is compressed.",
    422: "A word, key or value is unknown, missing, there twice or of the wrong type.",
    429: "Too much work waits already.",
    431: "The headers are too large.",
    500: "A fault of modelmgr.",
    503: "The catalog can't be used now, or too many streams are open.",
    507: "The catalog's disk is full.",
}
_ALWAYS = (400, 401, 403, 500, 503)
_POST = (408, 411, 413, 415, 422, 429, 507)


class Invalid(Usage):
    """A word, key or value of the request makes no sense; `code` says how."""

    code = "wrong_value"


def make_app(library: Library, jobs: Jobs, events: Events, ask: Ask) -> FastAPI:
    """Return the application: all routes, and errors as JSON. Who may call is the gate's affair."""
    app = FastAPI(
        title="modelmgr",
        version=__version__,
        description="The local API of modelmgr: ask the library of AI models, and feed it. Loopback only.",
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        # Whatever the environment says: what is asked here is told to nobody.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    app.include_router(_Questions(library, ask).router)
    app.include_router(_Deeds(library, jobs, ask).router)
    app.include_router(_Jobs(jobs, events).router)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(ModelmgrError, _on_error)
    make_document = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _completed(make_document())
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
    return app


# --- questions --------------------------------------------------------------------------------------------


def _query_model() -> type[BaseModel]:
    """Return the query of ``GET /api/models``: what `list` filters and sorts by, and how it is paged."""
    words: dict[str, Any] = {
        found.name: (_annotation(found), Field(found.default, description=_sentence(found.help)))
        for found in MODEL_FILTERS
    }
    return create_model("ModelsQuery", __base__=_Paged, __doc__="What to list.", **words)


def _annotation(found: Filter) -> Any:
    word: Any = Literal[found.choices] if found.choices else str
    if found.kind == FilterKind.MANY:
        return list[word]
    if found.kind == FilterKind.FLAG:
        word = bool
    return word | None if found.default is None else word


def _sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}."


class _Paged(BaseModel):
    model_config = ConfigDict(extra="forbid")

    limit: int = Field(DEFAULT_PAGE, ge=1, le=LARGEST_PAGE, description="Models a page.")
    cursor: str | None = Field(None, max_length=8192, description="`next_cursor` of the page before.")
    fields: str | None = Field(
        None,
        description="Light columns to give out, separated by commas; all unless given.",
        examples=["name,sha256,path"],
    )


ModelsQuery = _query_model()


class PendingModelsQuery(BaseModel):
    """Which pending models to list."""

    model_config = ConfigDict(extra="forbid")

    state: Literal["pending", "promoted", "dismissed"] | None = None
    problem: str | None = Field(None, description="A problem's code, or `none` for those without.")
    source: str | None = Field(None, description="A source id.", examples=["civitai-info"])
    search: str = Field("", description="Words that must all occur in name or path.")
    limit: int = Field(LARGEST_PAGE, ge=1, le=LARGEST_PAGE, description="Pending models a page.")
    cursor: str | None = Field(None, max_length=8192, description="`next_cursor` of the page before.")


Sha256 = Annotated[
    str,
    Path(pattern=shapes.SHA256_PATTERN, description="Of the whole file, 64 hex digits."),
]


class _Questions:
    """The routes that only read."""

    def __init__(self, library: Library, ask: Ask) -> None:
        self._library = library
        self._catalog = library.catalog
        self._ask = ask
        self.router = APIRouter(tags=["library"])
        get = partial(_route, self.router, "GET")
        get("/api/health", self.health, shapes.Health, open_to_all=True)
        get("/api/models", self.models, shapes.ModelsPage, 304, 422)
        get("/api/models/by-hash/{hash}", self.by_hash, shapes.HashCandidates, 422)
        get("/api/models/{sha256}", self.model, shapes.ModelDetailsOut, 304, 404, 422)
        get("/api/models/{sha256}/records/{id}", self.record, "application/octet-stream", 404, 422)
        get("/api/models/{sha256}/preview", self.preview, "image/*", 404, 422)
        get("/api/pending", self.pending, shapes.PendingPage, 304, 422)

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
        _refuse_doubled(request, ModelsQuery)
        columns = _columns(asked.fields)
        wanted = model_query({found.name: getattr(asked, found.name) for found in MODEL_FILTERS})
        after = _position(asked.cursor, wanted)

        def question() -> Response:
            version = self._catalog.version()
            return _unless_known(request, version, partial(answer, version))

        def answer(version: str) -> Any:
            page = self._catalog.model_page(wanted, asked.limit, after)
            rows = [light_json(row) for row in page.rows]
            return {
                "models": rows
                if columns is None
                else [{name: row[name] for name in columns} for row in rows],
                "total": page.total,
                "next_cursor": _cursor(page.last, wanted),
                "data_version": version,
            }

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
        id: Annotated[int, Path(ge=1, le=shapes.LARGEST_ID)],
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

    async def preview(
        self,
        sha256: Sha256,
        side: Annotated[int, Query(ge=SIDES[0], le=SIDES[1], description="Longest side, pixels.")] = 256,
    ) -> Response:
        """Return the model's picture as a thumbnail, made anew from its pixels."""

        def question() -> Response:
            preview = self._catalog.preview_of(sha256.lower())
            if preview is None:
                raise _no_model(sha256)
            path, roots = preview
            made = thumbnail(path, roots, side) if path is not None else None
            if made is None:
                raise NotFound("The model has no picture that can be shown.", code="no_preview")
            data, media_type = made
            return Response(data, media_type=media_type)

        return await self._answered(question)

    async def pending(self, request: Request, query: Annotated[PendingModelsQuery, Query()]) -> Response:
        """List pending models, in the order in which they came."""
        _refuse_doubled(request, PendingModelsQuery)
        wanted = PendingQuery(
            states=(query.state,) if query.state else (),
            problems=(query.problem,) if query.problem else (),
            sources=(query.source,) if query.source else (),
            search=query.search,
        )
        after = _position(query.cursor, wanted)

        def question() -> Response:
            version = self._catalog.version()
            return _unless_known(request, version, partial(answer, version))

        def answer(version: str) -> Any:
            rows = self._catalog.pending_after(wanted, _last_id(after), query.limit)
            return {
                "pending": [documents.pending(row) for row in rows],
                "total": self._catalog.pending_count(wanted),
                "next_cursor": _cursor([rows[-1].id] if len(rows) == query.limit else None, wanted),
                "data_version": version,
            }

        return await self._answered(question)

    async def _answered(self, question: Callable[[], Response]) -> Response:
        answer: Response = await self._ask(question)
        return answer


# --- deeds ------------------------------------------------------------------------------------------------


class _Deeds:
    """The routes that start a job."""

    def __init__(self, library: Library, jobs: Jobs, ask: Ask) -> None:
        self._library = library
        self._jobs = jobs
        self._ask = ask
        self.router = APIRouter(tags=["deeds"])
        post = partial(_route, self.router, "POST", status=202)
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

    def __init__(self, jobs: Jobs, events: Events) -> None:
        self._jobs = jobs
        self._events = events
        self.router = APIRouter(tags=["jobs"])
        _route(self.router, "GET", "/api/jobs", self.jobs, shapes.JobsOut)
        _route(self.router, "GET", "/api/jobs/{id}", self.job, shapes.JobDetails, 404)
        _route(self.router, "DELETE", "/api/jobs/{id}", self.cancel, shapes.JobDetails, 404)
        _route(self.router, "GET", "/api/events", self.events, "text/event-stream", 503)

    async def jobs(self) -> Response:
        """List the jobs that wait or run, and the last hundred that are over; without their results."""
        found = [job.as_json() for job in self._jobs.all()]
        return _json({"jobs": found, "total": len(found)})

    async def job(self, id: str) -> Response:
        """Return one job; its result is what the command prints with --json."""
        return _job(self._jobs.get(id))

    async def cancel(self, id: str) -> Response:
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


def _route(
    router: APIRouter,
    method: str,
    path: str,
    answer: Callable[..., Awaitable[Response]],
    shape: type[BaseModel] | str,
    *errors: int,
    status: int = 200,
    body: type[BaseModel] | None = None,
    open_to_all: bool = False,
) -> None:
    """Add a route to the table, with all that the document says of it.

    Args:
        router: the table.
        method: of HTTP.
        path: with its parameters in braces.
        answer: the function; its docstring is the description.
        shape: of the answer, or its media type if that isn't JSON.
        errors: the statuses that it may answer with, besides those that any route may.
        status: of success.
        body: the shape of the request's body; `answer` reads it.
        open_to_all: it takes no token.
    """
    responses: dict[int | str, dict[str, Any]] = {
        number: {"description": _WORDS[number], "model": shapes.ErrorDocument}
        for number in sorted({*_ALWAYS, *errors} - {304})
    }
    if 304 in errors:
        responses[304] = {"description": _WORDS[304]}
    if isinstance(shape, str):
        content = {"schema": {"type": "string", "format": "binary"}}
        responses[status] = {"description": "The bytes.", "content": {shape: content}}
    else:
        responses[status] = {"description": shape.__doc__ or "", "model": shape}
    extra: dict[str, Any] = {"security": []} if open_to_all else {}
    if body is not None:
        reference = {"schema": {"$ref": f"#/components/schemas/{body.__name__}"}}
        extra["requestBody"] = {"required": True, "content": {"application/json": reference}}
    router.add_api_route(
        path,
        answer,
        methods=[method],
        status_code=status,
        response_class=Response,
        response_model=None,
        responses=responses,
        openapi_extra=extra,
        summary=(answer.__doc__ or "").partition("\n")[0],
        operation_id=answer.__name__,
    )


def _completed(document: dict[str, Any]) -> dict[str, Any]:
    """Add to FastAPI's document what stands outside its reach: bodies that are read by us, and the token."""
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for shape in (shapes.ScanRequest, shapes.ImportRequest, shapes.PromoteRequest):
        schema = shape.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas.update(schema.pop("$defs", {}))
        schemas[shape.__name__] = schema
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    components["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "description": "What the token file holds."}
    }
    document["security"] = [{"token": []}]
    return document


# --- answers and cursors ----------------------------------------------------------------------------------


def _json(document: Any, headers: Mapping[str, str] | None = None, status: int = 200) -> Response:
    # In ASCII: paths that are no valid UTF-8 have characters that no other encoding could say.
    data = json.dumps(document, allow_nan=False).encode("ascii")
    return Response(data, status, headers, "application/json")


def _unless_known(request: Request, version: str, answer: Callable[[], Any]) -> Response:
    """Return the answer with its ETag, or 304 without having asked for it."""
    query = hashlib.sha256(request.url.query.encode("utf-8", "surrogateescape")).hexdigest()[:12]
    tag = f'"{version}.{query}"'
    headers = {"ETag": tag}
    known = {word.strip().removeprefix("W/") for word in request.headers.get("if-none-match", "").split(",")}
    if tag in known:
        return Response(status_code=304, headers=headers)
    return _json(answer(), headers)


def _cursor(last: Sequence[Any] | None, wanted: ModelQuery | PendingQuery) -> str | None:
    if last is None:
        return None
    said = json.dumps([_fingerprint(wanted), *last], separators=(",", ":"))
    return base64.urlsafe_b64encode(said.encode("ascii")).decode("ascii")


def _position(cursor: str | None, wanted: ModelQuery | PendingQuery) -> list[Any] | None:
    """Return where a cursor stands, None without one.

    Raises:
        Invalid: it is none of ours, or one of another query.
    """
    if cursor is None:
        return None
    try:
        said = json.loads(base64.b64decode(cursor.encode("ascii"), b"-_", validate=True))
    except (ValueError, binascii.Error, RecursionError) as error:
        raise Invalid("The cursor is none that was given out.", code="wrong_cursor") from error
    if not isinstance(said, list) or len(said) < 2:
        raise Invalid("The cursor is none that was given out.", code="wrong_cursor")
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
    names = tuple(dict.fromkeys(name.strip() for name in fields.split(",")))
    for name in names:
        if name not in LIGHT_COLUMNS:
            raise Invalid(f"{name!r} is no light column; they are {', '.join(LIGHT_COLUMNS)}.", field=name)
    return names


def _refuse_doubled(request: Request, shape: type[BaseModel]) -> None:
    """Refuse a parameter that is there twice and takes one word: which of them counts, nobody could say."""
    many = {found.name for found in MODEL_FILTERS if found.kind == FilterKind.MANY}
    for name in shape.model_fields:
        if name not in many and len(request.query_params.getlist(name)) > 1:
            raise Invalid(f"{name} is there twice.", code="doubled_key", key=name)


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
    return Invalid(f"{first['where']}: {first['message']}", code=first["code"], errors=errors)


async def _on_invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return await _on_error(_, _invalid(error.errors(), ""))


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


async def _on_http_error(_: Request, error: Exception) -> Response:
    """Answer for paths that aren't there and methods that they don't know."""
    assert isinstance(error, HTTPException)
    code, message = {
        404: ("unknown_path", "There is no such route."),
        405: ("wrong_method", "The route does not know this method."),
    }.get(error.status_code, ("refused", "The request was refused."))
    answer = _refused(error.status_code, {"code": code, "message": message, "details": {}})
    answer.headers.update(error.headers or {})
    return answer


def _refused(status: int, error: Mapping[str, Any]) -> Response:
    return Response(
        json.dumps({"error": error}, default=str).encode("ascii"), status, media_type="application/json"
    )
