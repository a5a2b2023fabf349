"""The shapes of what comes in: it is checked by them, and the OpenAPI document shows them."""

import os
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, FailFast, Field, PlainValidator, WithJsonSchema

from modelmgr import edits, vocabulary
from modelmgr.api.body import Raw

LARGEST_ID = 2**63 - 1
_ADDRESS = "^$|^https?://[A-Za-z0-9.-]+(:[0-9]{1,4})?(/[!-~]*)?$"
_VISIBLE = "[^\\s\\u0000-\\u001f\\u007f-\\u009f]"
SHA256_PATTERN = "^[0-9a-fA-F]{64}$"


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
