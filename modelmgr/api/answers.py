"""Answers of the local API: JSON, states that are known already, places in lists, and errors."""

import base64
import binascii
import hashlib
import json
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import BaseModel, TypeAdapter, ValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Match

from modelmgr.api.body import BodyInvalid, read_object
from modelmgr.api.jobs import FAULT, TooManyJobs, error_json
from modelmgr.errors import CatalogBusy, CatalogError, DiskFull, ModelmgrError, NotFound, Usage
from modelmgr.values import MIB, ModelQuery, PendingQuery

log = logging.getLogger(__name__)

T = TypeVar("T", bound=BaseModel)

JSON = "application/json"
_WRITER = TypeAdapter(Any)
_LARGEST_KNOWN_BYTES = MIB
_KNOWN_BYTES = 8 * MIB
_KEPT_STATES = 10_000
_LONGEST_PLACE = 6000
_KEPT_PLACES = 1000


class Busy(ModelmgrError):
    """So much of this kind is at work that no more of it is taken on."""

    code = "busy"


class Invalid(Usage):
    """A word, key or value of the request makes no sense; `code` says how."""

    code = "wrong_value"


class Stale(ModelmgrError):
    """The model is no longer as the client has seen it."""

    code = "stale"


class Blind(ModelmgrError):
    """The client does not say in which state it has seen the model."""

    code = "if_match_required"


_STATUS: Mapping[type[ModelmgrError], int] = {
    NotFound: 404,
    Usage: 422,
    TooManyJobs: 429,
    Busy: 503,
    CatalogBusy: 503,
    DiskFull: 507,
    Stale: 412,
    Blind: 428,
    CatalogError: 503,
}


def answer_errors(app: FastAPI) -> None:
    """Have errors answered as JSON in our form, those of the framework too."""
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(ModelmgrError, _on_error)
    app.add_exception_handler(Exception, _on_fault)


def json_answer(document: Any, headers: Mapping[str, str] | None = None, status: int = 200) -> Response:
    """Answer with a document."""
    return Response(written(document), status, headers, JSON)


def written(document: Any) -> bytes:
    """Return a document as JSON, all in ASCII: some paths have characters that only escapes can say."""
    try:
        data = _WRITER.dump_json(document)  # in a third of the time of the standard library
    except ValueError:
        pass
    else:
        if data.isascii():
            return data
    return json.dumps(document, allow_nan=False).encode("ascii")


class KnownAnswers:
    """The last answers, for as long as nothing changes: many programs ask for the same page again and again.

    Any thread. The version of the catalog that goes with an answer was asked for before it was made, so that none is
    taken for newer than it is.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._version = ""
        self._kept: OrderedDict[tuple[bytes, bytes], bytes] = OrderedDict()
        self._states: OrderedDict[tuple[bytes, bytes], str] = OrderedDict()
        self._held_bytes = 0

    def answer(
        self, request: Request, version: str, make: Callable[[], Any], state: Callable[[], str] | None = None
    ) -> Response:
        """Answer with an ETag: 304 if the client has it, else what is known, else what `make` returns.

        Args:
            request: its path, query and ``If-None-Match`` count.
            version: of the catalog.
            make: returns a document, or the bytes of one.
            state: returns that of what is asked for, which stands in the tag; else it is made of the query.
        """
        key = (request.scope["raw_path"], request.scope["query_string"])
        last = hashlib.sha256(key[1]).hexdigest()[:12] if state is None else self._state(key, version, state)
        tag = f'"{version}.{last}"'
        headers = {"ETag": tag}
        asked = request.headers.get("if-none-match", "").split(",")
        if tag in {word.strip().removeprefix("W/") for word in asked}:
            return Response(status_code=304, headers=headers)
        with self._lock:
            data = self._kept.get(key) if version == self._version else None
        if data is None:
            made = make()
            data = made if isinstance(made, bytes) else written(made)
            self._keep(key, version, data)
        return Response(data, headers=headers, media_type=JSON)

    def _state(self, key: tuple[bytes, bytes], version: str, ask: Callable[[], str]) -> str:
        with self._lock:
            known = self._states.get(key) if version == self._version else None
        if known is not None:
            return known
        found = ask()
        with self._lock:
            self._renew(version)
            self._states[key] = found
            if len(self._states) > _KEPT_STATES:
                self._states.popitem(last=False)
        return found

    def _renew(self, version: str) -> None:
        """Forget what is known of another version of the catalog; the caller holds the lock."""
        if version != self._version:
            self._version = version
            self._kept.clear()
            self._states.clear()
            self._held_bytes = 0

    def _keep(self, key: tuple[bytes, bytes], version: str, data: bytes) -> None:
        if len(data) > _LARGEST_KNOWN_BYTES:
            return
        with self._lock:
            self._renew(version)
            self._held_bytes += len(data) - len(self._kept.pop(key, b""))
            self._kept[key] = data
            while self._held_bytes > _KNOWN_BYTES:
                _, oldest = self._kept.popitem(last=False)
                self._held_bytes -= len(oldest)


class Places:
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


def no_model(sha256: str) -> NotFound:
    """Return what is raised where no model has this hash."""
    return NotFound(f"No model has the SHA-256 {sha256.lower()}.", sha256=sha256.lower())


def shaped(data: bytes, shape: type[T]) -> T:
    """Return the body of a request in its shape.

    Raises:
        BodyInvalid: it is no JSON object, or one that is refused as such.
        Invalid: a key is unknown, missing or of the wrong type.
    """
    try:
        return shape.model_validate(read_object(data))
    except ValidationError as error:
        raise invalid(error.errors(include_url=False, include_context=False), "body") from error


_CODES = {"extra_forbidden": "unknown_key", "missing": "missing_key"}


def invalid(found: Sequence[Mapping[str, Any]], where: str) -> Invalid:
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
    return await _on_error(request, invalid(error.errors(), ""))


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
