"""The OpenAPI document: what each route says of itself, completed by what stands outside the framework's reach."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from fastapi import APIRouter, Depends
from fastapi.responses import Response
from pydantic import BaseModel

from modelmgr.api import examples, failures, requests, shapes
from modelmgr.api.answers import JSON
from modelmgr.api.parameters import no_query, parameters_of

ABOUT = """The local API of modelmgr: ask the library of AI models, and feed it. Loopback only.

Every route but `/api/health` takes `Authorization: Bearer TOKEN`; the token stands in a file beside the catalog. Every
answer that is no success is `{"error": {"code", "message", "details"}}`. Besides what a route lists, any request may be
answered by 405 (`wrong_method`), 408, 411, 413 and 415, if it has a method or a body that the route doesn't take.
"""

_ALWAYS = (400, 401, 403, 422, 431, 500, 503)
BYTES = ("application/octet-stream",)
PICTURES = ("image/png", "image/jpeg")
_HEADERS: Mapping[str, Mapping[str, str]] = {
    "scan": {"Location": "Path of the job."},
    "import_models": {"Location": "Path of the job."},
    "promote": {"Location": "Path of the job."},
    "models": {"ETag": "For `If-None-Match`: changes with every commit of anyone, and with the query."},
    "model": {
        "ETag": "For `If-None-Match`: changes with every commit of anyone; for `If-Match`: what follows its last dot "
        "changes with the model's light columns and the user's values alone."
    },
    "edit": {"ETag": "As of `GET`, for the next edit."},
    "pending": {"ETag": "For `If-None-Match`: changes with every commit of anyone, and with the query."},
    "record": {"Content-Disposition": "Always an attachment."},
}


def add_route(
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
        query: the shape of the query; `answer` reads it. Without one the query must be empty.
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
            responses[304] = {"description": failures.NOT_MODIFIED, "headers": headers}
        else:
            responses[number] = {"description": failures.error_words(number), "model": shapes.ErrorDocument}
    if isinstance(shape, tuple):
        binary = {"schema": {"type": "string", "format": "binary"}}
        responses[status] = {"description": "The bytes.", "content": {kind: dict(binary) for kind in shape}}
    else:
        responses[status] = {"description": shape.__doc__ or "", "model": shape}
    if headers:
        responses[status]["headers"] = headers
    extra: dict[str, Any] = {"security": []} if open_to_all else {}
    parameters = [] if query is None else parameters_of(query)
    if 304 in errors:
        parameters.append(_IF_NONE_MATCH)
    if 428 in errors:
        parameters.append(_IF_MATCH)
    if parameters:
        extra["parameters"] = parameters
    if body is not None:
        reference = {"$ref": f"#/components/schemas/{body.__name__}"}
        asked = {"schema": reference, "examples": examples.BODIES[name]}
        extra["requestBody"] = {"required": True, "content": {JSON: asked}}
    router.add_api_route(
        path,
        answer,
        methods=[method],
        tags=[tag],
        status_code=status,
        response_class=Response,
        response_model=None,
        responses=responses,
        dependencies=[Depends(no_query)] if query is None else [],
        openapi_extra=extra,
        summary=(answer.__doc__ or "").partition("\n")[0],
        operation_id=name,
    )


_IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "`ETag` of an answer to the same request; if nothing changed since, the answer is 304.",
    "schema": {"type": "string"},
}


_IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "required": True,
    "description": "`ETag` of the model as the client has seen it; any other state is answered by 412, none by 428.",
    "schema": {"type": "string", "pattern": '^"[0-9a-f-]+\\.[0-9a-f]{32}"$'},
}


def completed(document: dict[str, Any]) -> dict[str, Any]:
    """Add to FastAPI's document what stands outside its reach: bodies that are read by us, and the token."""
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for shape in (
        requests.ScanRequest,
        requests.ImportRequest,
        requests.PromoteRequest,
        requests.EditRequest,
    ):
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
