"""Every answer that is no success: what it means, and the words that programs can test."""

from collections.abc import Mapping

NOT_MODIFIED = "Nothing changed since the answer that `If-None-Match` names."
ERRORS: Mapping[int, tuple[str, Mapping[str, str]]] = {
    400: (
        "The request, or its body, is malformed.",
        {
            "bad_request": "no proper HTTP/1.1",
            "bad_target": "the target is no plain path",
            "bad_host": "no Host, or several",
            "bad_length": "Content-Length is there twice, is no number, or stands beside Transfer-Encoding",
            "body_not_taken": "GET and DELETE take no body",
            "invalid_json": "the body is not UTF-8, not JSON or no object",
        },
    ),
    401: ("The token is missing or wrong.", {"unauthorized": "send `Authorization: Bearer TOKEN`, once"}),
    403: (
        "Not a request of a program on this computer.",
        {
            "foreign_host": "Host is not 127.0.0.1, localhost or [::1] with the port",
            "foreign_origin": "there is an Origin, or Sec-Fetch-Site names another site",
        },
    ),
    404: (
        "There is none.",
        {
            "not_found": "no such model, record or job",
            "no_preview": "the model has no picture that can be shown",
            "unknown_path": "no such route",
        },
    ),
    405: ("The route does not know this method.", {"wrong_method": "`Allow` names those that it knows"}),
    408: ("The request did not come in time.", {"timeout": "headers take 5 s at most, the body 30 s"}),
    411: ("The body's length is missing.", {"length_required": "send Content-Length, not Transfer-Encoding"}),
    412: ("The model is another by now.", {"stale": "it changed since the ETag in `If-Match` was given out"}),
    413: ("The body is too large.", {"too_large": "`details.limit_bytes` says how large it may be"}),
    415: (
        "The body is of the wrong kind.",
        {
            "content_type": "Content-Type is not application/json",
            "content_encoding": "the body is compressed",
        },
    ),
    422: (
        "A word, key or value makes no sense.",
        {
            "unknown_key": "a parameter or key that the route doesn't know",
            "missing_key": "one that must be there isn't",
            "doubled_key": "one is there twice",
            "wrong_value": "one has the wrong type, or a value that makes no sense",
            "outside": "the picture lies in no library folder",
            "wrong_cursor": "the cursor is none that was given out, is too old, or belongs to another query",
            "too_deep": "the body is nested too deep",
        },
    ),
    428: (
        "An edit must say which state of the model it is about.",
        {"if_match_required": "send `If-Match` with the model's ETag"},
    ),
    429: ("Too much work waits already.", {"too_many_jobs": "wait until some of it is done"}),
    431: ("The headers are too large.", {"headers_too_large": "request line and headers together"}),
    500: ("A fault of modelmgr.", {"fault": "its log says more"}),
    503: (
        "Not now.",
        {
            "busy": "too many large bodies or answers at once",
            "too_many_streams": "too many event streams are open",
            "too_many_connections": "all connections are at work",
            "catalog_busy": "another program has held the catalog for too long",
            "catalog_read_only": "the catalog lies where it can't be written",
            "catalog_damaged": "the catalog's file is broken, or none of ours",
            "catalog_too_new": "a newer version of the program wrote the catalog",
            "catalog_error": "the catalog can't be used for another reason",
        },
    ),
    507: ("The disk is full.", {"disk_full": "that of the catalog; what was committed stays"}),
}
"""Every answer that is no success: status -> what it means, and its codes, each with what they mean."""


def error_words(status: int) -> str:
    """Return what the OpenAPI document says of a status."""
    meaning, codes = ERRORS[status]
    return f"{meaning} {'; '.join(f'`{code}`: {when}' for code, when in codes.items())}."
