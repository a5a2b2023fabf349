"""The shapes of what comes in and goes out, for the OpenAPI document; what comes in is also checked by them.

What goes out is made by `modelmgr.documents`, as for the command line; a test holds it against these shapes.
"""

import os
from collections.abc import Callable, Mapping
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, FailFast, Field, PlainValidator, WithJsonSchema

from modelmgr import edits, vocabulary
from modelmgr.api.body import Raw

LARGEST_ID = 2**63 - 1
_ADDRESS = "^$|^https?://[A-Za-z0-9.-]+(:[0-9]{1,4})?(/[!-~]*)?$"
_VISIBLE = "[^\\s\\u0000-\\u001f\\u007f-\\u009f]"
SHA256_PATTERN = "^[0-9a-fA-F]{64}$"

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


def _text(value: Any) -> str:
    # Not pydantic's own: a path that isn't valid UTF-8 holds lone surrogates, which its strings refuse.
    if not isinstance(value, str):
        raise ValueError("a string is expected")
    return value


def _absolute_path(value: Any) -> str:
    path = _text(value)
    if "\0" in path or not os.path.isabs(path):
        raise ValueError("an absolute path is expected")
    return path


def _sha256(value: Any) -> str:
    text = _text(value)
    if len(text) != 64 or not all(char in "0123456789abcdefABCDEF" for char in text):
        raise ValueError("64 hex digits are expected")
    return text.lower()


def _or_null(check: Callable[[Any], str]) -> Callable[[Any], str | None]:
    return lambda value: None if value is None else check(value)


def _payload(value: Any) -> bytes:
    assert isinstance(value, Raw)
    return value.data


PATH_SCHEMA: dict[str, Any] = {
    "type": "string",
    "pattern": "^/[^\\u0000]*$" if os.name == "posix" else "^([A-Za-z]:[\\\\/]|\\\\\\\\)[^\\u0000]*$",
    "description": "An absolute path; bytes that are no UTF-8 in Python's surrogateescape form.",
}
AbsolutePath = Annotated[str, PlainValidator(_absolute_path), WithJsonSchema(PATH_SCHEMA)]
_NullableText = Annotated[
    str | None, PlainValidator(_or_null(_text)), WithJsonSchema({"type": ["string", "null"]})
]
_NullableSha256 = Annotated[
    str | None,
    PlainValidator(_or_null(_sha256)),
    WithJsonSchema({"type": ["string", "null"], "pattern": SHA256_PATTERN}),
]
_Payload = Annotated[
    bytes,
    PlainValidator(_payload),
    WithJsonSchema({"description": "Any JSON value; kept as the exact bytes that stood in the body."}),
]


def _no_default(schema: dict[str, Any]) -> None:
    """Take out what stands for "not given": it may not be said."""
    del schema["default"]


# Lists of what comes in end with the first fault: millions of them would be told by the gigabyte.
class _In(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class ScanRequest(_In):
    """What to scan; an empty object means all library folders."""

    paths: Annotated[list[AbsolutePath], FailFast()] = Field(
        default=[],
        description="Folders, which become library folders, and single files; all library folders unless given.",
        json_schema_extra=_no_default,
    )
    no_hash: bool = Field(default=False, description="Read headers only; hashes are left for a later scan.")


class InlineModelIn(_In):
    """One model with what the client knows of it."""

    name: _NullableText = None
    type: _NullableText = Field(default=None, description="In any tool's word.")
    sha256: _NullableSha256 = Field(default=None, description="Of the whole file; kept as a claim.")
    path: _NullableText = Field(default=None, description="Of the file, absolute.")
    meta_json: _Payload


class ImportRequest(_In):
    """What to import: what lies under paths, models that come with the request, or both."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [
                {"required": [name], "properties": {name: {"minItems": 1}}} for name in ("paths", "models")
            ],
        }
    )

    paths: Annotated[list[AbsolutePath], FailFast()] = Field(
        default=[], description="Files and folders.", json_schema_extra=_no_default
    )
    models: Annotated[list[InlineModelIn], FailFast()] = Field(
        default=[], description="What the client knows itself.", json_schema_extra=_no_default
    )
    dry_run: bool = Field(default=False, description="Say what would come, import nothing.")


def _id(value: Any) -> int:
    # 3.0 is an integer to JSON, which has but one kind of number.
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if type(value) is not int or not 1 <= value <= LARGEST_ID:
        raise ValueError(f"an integer from 1 to {LARGEST_ID} is expected")
    return value


_Id = Annotated[
    int,
    PlainValidator(_id),
    WithJsonSchema({"type": "integer", "minimum": 1, "maximum": LARGEST_ID}),
]


class PromoteRequest(_In):
    """Which pending models to make active: these, or all."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [
                {"required": ["ids"], "properties": {"all": {"const": False}}},
                {"required": ["all"], "properties": {"all": {"const": True}}, "not": {"required": ["ids"]}},
            ],
        }
    )

    ids: Annotated[list[_Id], FailFast()] = Field(
        default=[], description="Of pending models.", json_schema_extra=_no_default
    )
    all: bool = Field(default=False, description="All that wait.")
    attach_anyway: bool = Field(default=False, description="Also where a claimed hash differs.")
    allow_missing: bool = Field(default=False, description="Also where there is no file.")
    keep_previews: bool = Field(default=False, description="Copy their pictures beside the catalog.")


def _rating(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _line(column: str) -> Any:
    schema = {"type": "string", "maxLength": edits.LINE_CHARACTERS[column]}
    return Annotated[str, PlainValidator(_text), WithJsonSchema(schema)]


def _lines(column: str) -> Any:
    return Annotated[list[_line(column)], FailFast()]  # type: ignore[misc]


_Set = partial(Field, json_schema_extra=_no_default)


class EditedValues(_In):
    """Light columns as the user wants them; `""`, `[]` and 0 empty them. `null` is none: see `reset`."""

    name: Annotated[
        str,
        PlainValidator(_text),
        WithJsonSchema({"type": "string", "pattern": _VISIBLE, "maxLength": edits.LINE_CHARACTERS["name"]}),
    ] = _Set("")
    type: Annotated[
        str, PlainValidator(_text), WithJsonSchema({"type": "string", "enum": list(vocabulary.TYPES)})
    ] = _Set("", description="In any tool's word; stored in that of the vocabulary.")
    base_model: _line("base_model") = _Set("", description="In any tool's word.")  # type: ignore[valid-type]
    tags: _lines("tags") = _Set([], description="Each once, whatever its case.")  # type: ignore[valid-type]
    rating: Annotated[int, BeforeValidator(_rating)] = _Set(0, ge=0, le=5, description="0 for none.")
    favorite: bool = _Set(False)
    nsfw: bool = _Set(False)
    notes: Annotated[
        str,
        PlainValidator(_text),
        WithJsonSchema({"type": "string", "maxLength": edits.NOTES_CHARACTERS}),
    ] = _Set("")
    trigger_words: _lines("trigger_words") = _Set([])  # type: ignore[valid-type]
    license: _line("license") = _Set("")  # type: ignore[valid-type]
    source_url: Annotated[
        str, PlainValidator(_text), WithJsonSchema({"type": "string", "pattern": _ADDRESS, "maxLength": 4096})
    ] = _Set("", description="An http or https address.")
    preview: AbsolutePath = _Set("", description="A picture below a library folder.")


_SOMETHING: list[Any] = [
    {"required": [key], "properties": {key: {rule: 1}}}
    for key, rule in (
        ("set", "minProperties"),
        ("reset", "minItems"),
        ("add_tags", "minItems"),
        ("remove_tags", "minItems"),
        ("add_trigger_words", "minItems"),
        ("remove_trigger_words", "minItems"),
    )
]


class EditRequest(_In):
    """What to change of one model; at least one key but `note` must be there, and hold something."""

    model_config = ConfigDict(json_schema_extra={"anyOf": _SOMETHING})

    set: EditedValues = Field(default=EditedValues(), json_schema_extra=_no_default)
    reset: Annotated[list[Literal[edits.EDITABLE]], FailFast()] = Field(  # type: ignore[valid-type]
        default=[], description="Columns that go back to what was imported.", json_schema_extra=_no_default
    )
    add_tags: _lines("tags") = _Set([], description="At the end of those that are shown.")  # type: ignore[valid-type]
    remove_tags: _lines("tags") = _Set([], description="Whatever their case.")  # type: ignore[valid-type]
    add_trigger_words: _lines("trigger_words") = _Set([])  # type: ignore[valid-type]
    remove_trigger_words: _lines("trigger_words") = _Set([])  # type: ignore[valid-type]
    note: _line("name") = _Set("", description="For the history.")  # type: ignore[valid-type]


class _Out(BaseModel):
    model_config = ConfigDict(extra="forbid")


class LightModel(_Out):
    """The light columns of a model; null where not known. `fields` of the request may narrow them."""

    name: str
    type: str = Field(description="A word of the type vocabulary.", examples=["lora"])
    size_bytes: int
    sha256: str | None = Field(pattern="^[0-9a-f]{64}$", description="Null until it is computed.")
    base_model: str | None = Field(examples=["SDXL 1.0"])
    format: str | None = Field(examples=["safetensors"])
    path: str | None = Field(description="Absolute path of the first file.")
    file_name: str | None
    folder: str | None
    file_count: int
    tags: list[str]
    rating: int | None = Field(ge=1, le=5)
    favorite: bool
    nsfw: bool | None
    trigger_words: list[str]
    notes: str | None
    license: str | None
    source_url: str | None
    preview: str | None = Field(description="Path of its picture.")
    added_at: str | None = Field(examples=["2026-03-01T09:30:00Z"])
    modified_at: str | None
    hash_state: Literal["none", "hashing", "done", "failed"]
    file_state: Literal["present", "missing", "offline", "unreadable"]


class NarrowModel(LightModel):
    """The light columns, or those of them that `fields` names."""

    model_config = ConfigDict(json_schema_extra={"required": []})


class ModelsPage(_Out):
    """One page of the library view."""

    models: list[NarrowModel]
    total: int = Field(description="How many models match in all.")
    next_cursor: str | None = Field(description="Names the next page; null on the last.")
    data_version: str = Field(description="Equal as long as nothing in the catalog changed.")


class RecordOut(_Out):
    """What one source said about the model."""

    id: int
    source: str = Field(examples=["civitai-info"])
    source_path: str
    record_key: str
    payload_sha256: str = Field(pattern="^[0-9a-f]{64}$")
    size: int = Field(description="Bytes of the payload.")
    payload_text: str | None = Field(description="The payload as text; null if it is larger than 64 MiB.")
    extra: Any = Field(description="What stood beside the payload: other columns of the row, ...")
    imported_at: str | None
    gone: bool = Field(description="Its container no longer held it at the last import.")


class FileOut(_Out):
    """One path on disk."""

    path: str
    size_bytes: int
    modified_at: str | None
    mtime_ns: int
    state: Literal["present", "missing", "offline", "unreadable"]
    sha256: str | None = Field(description="Of this file, also where the model consists of several.")
    link_target: str | None = Field(description="Where a symbolic link leads.")
    member: str | None = Field(description="Its path within a model of several files.")


class HashOut(_Out):
    """A hash of the model's files."""

    kind: Literal["SHA256", "AutoV1", "AutoV2", "AutoV3", "CRC32", "BLAKE3", "tensors"]
    hash: str
    trust: Literal["computed", "claimed", "former"] = Field(
        description="`former`: of the file before its header was written anew."
    )


class AttachmentOut(_Out):
    """A picture of the model."""

    path: str
    kind: Literal["preview", "example"]
    size: int
    sha256: str | None
    kept: str | None = Field(description="Path of a copy in the catalog's folder.")


class OriginOut(_Out):
    """Where a shown value came from."""

    source: str
    rank: int = Field(description="1 (edited here) to 7 (folder and file name); smaller wins.")
    record_id: int | None


class ModelDetailsOut(LightModel):
    """All that is known of one model."""

    meta_json: Any = Field(description="The chief record's payload, parsed; null if it doesn't parse.")
    records: list[RecordOut] = Field(description="The chief record first.")
    files: list[FileOut]
    hashes: list[HashOut] = Field(description="The computed ones first.")
    danger: Literal["dangerous", "unscanned"] | None = Field(
        description="Of a file that runs code when another program loads it; `header.pickle_scan` says more."
    )
    attachments: list[AttachmentOut]
    header: dict[str, Any] | None = Field(description="What the file's header says.")
    provenance: dict[str, OriginOut] = Field(description="Light column -> origin.")
    edited: list[str] = Field(description="The light columns that the user set.")


class ModelEdited(LightModel):
    """The model as it is now."""

    edited: list[str] = Field(description="The light columns that the user set.")
    group: int | None = Field(
        description="Number of the edit, by which it can be undone; null if nothing changed."
    )


class HashCandidate(_Out):
    """A model, or a record that waits, which a hash may mean."""

    kind: Literal["SHA256", "AutoV1", "AutoV2", "AutoV3", "CRC32", "BLAKE3"]
    trust: Literal["computed", "claimed"] = Field(
        description="computed: from the file's bytes; claimed: by a record."
    )
    sha256: str | None = Field(description="Of the model, or as a record that waits claims it.")
    name: str
    model: LightModel | None = Field(description="Null for a record that waits.")
    source: str | None = Field(description="Of the record that claims it.")
    source_path: str | None
    record_key: str | None
    record_id: int | None
    pending_id: int | None


class HashCandidates(_Out):
    """What a hash may mean, the surest first."""

    hash: str = Field(description="As asked, in lower case.")
    candidates: list[HashCandidate]


class PendingOut(_Out):
    """An imported record on its way into the library."""

    id: int
    batch_id: int
    source: str
    source_path: str
    record_key: str
    name: str
    type: str
    base_model: str | None
    sha256: str | None
    file_path: str | None
    state: Literal["pending", "promoted", "dismissed"]
    problem: str | None
    message: str
    candidates: list[str]
    payload_sha256: str
    size: int
    imported_at: str | None
    gone: bool


class PendingPage(_Out):
    """One page of the pending models."""

    pending: list[PendingOut]
    total: int
    next_cursor: str | None
    data_version: str


class ErrorBody(_Out):
    """What went wrong."""

    code: str = Field(examples=["not_found"])
    message: str = Field(description="One sentence.")
    details: dict[str, Any]


class ErrorDocument(_Out):
    """Every answer that is no success."""

    error: ErrorBody


class JobStarted(_Out):
    """A job was taken on."""

    job: str = Field(description="Its id.", examples=["9f2c41d07a6be358"])


class JobOut(_Out):
    """A job as the list and the events show it."""

    id: str
    kind: Literal["scan", "import", "promote"]
    title: str
    state: Literal["queued", "running", "done", "failed", "cancelled"]
    done: int
    total: int | None
    unit: str | None = Field(description="What done and total count.", examples=["files"])
    text: str = Field(description="What is being worked on.")
    created_at: str | None
    ended_at: str | None
    error: ErrorBody | None


class JobsOut(_Out):
    """The jobs of this server, the oldest first."""

    jobs: list[JobOut]
    total: int


class ProblemOut(_Out):
    """An item that failed, or that was taken with a doubt."""

    path: str
    record_key: str
    code: str
    message: str
    kept: bool


class _Ended(_Out):
    problems: list[ProblemOut]
    cancelled: bool


class ScanResult(_Ended):
    """What a scan met."""

    seen: int
    added: int
    updated: int
    unchanged: int
    ignored: int
    failed: int
    missing: int
    offline: int
    moved: int
    rewritten: int
    hashed: int
    bytes_hashed: int
    elapsed_s: float


class ImportResult(_Ended):
    """What an import, or its dry run, met."""

    batch_id: int | None
    seen: int
    imported: int
    added: int
    updated: int
    unchanged: int
    ignored: int
    failed: int
    gone: int
    by_source: dict[str, dict[str, int]]
    models: int = Field(description="Model files under the paths; a scan adds them.")
    outside_folders: dict[str, int]
    roots: list[dict[str, str]]
    elapsed_s: float
    dry_run: bool
    sources: list[dict[str, Any]] = Field(default=[], description="Dry run only, as are the next ones.")
    samples: list[dict[str, Any]] = []
    model_paths: list[str] = []
    ignored_paths: list[str] = []


class PromoteResult(_Ended):
    """What a promotion did."""

    promoted: int
    stayed: int


class JobDetails(JobOut):
    """A job with its result."""

    result: ScanResult | ImportResult | PromoteResult | None = Field(
        description="What the command prints with --json; null while it is not over, or if it failed."
    )


class Health(_Out):
    """That the server answers, and whether the catalog does."""

    version: str = Field(description="Of the program.", examples=["0.1.0"])
    catalog: Literal["ok", "read_only", "unusable"]
