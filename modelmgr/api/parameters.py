"""Parameters of the routes: which words may stand in a query, of which kind, and in the document."""

from functools import cache
from typing import Annotated, Any, Literal, TypeVar, get_origin
from urllib.parse import parse_qsl

from fastapi import Path, Request
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationError,
    WithJsonSchema,
    create_model,
)

from modelmgr.api import requests, shapes
from modelmgr.api.answers import Invalid, invalid
from modelmgr.api.thumbnail import SIDES
from modelmgr.filters import MODEL_FILTERS, Filter, FilterKind, model_query
from modelmgr.values import ModelQuery
from modelmgr.vocabulary import TYPES

LARGEST_PAGE = 1000
DEFAULT_PAGE = 100
LIGHT_COLUMNS = tuple(shapes.LightModel.model_fields)

T = TypeVar("T", bound=BaseModel)


def _query_model() -> type[BaseModel]:
    """Return the query of ``GET /api/models``: what `list` filters and sorts by, and how it is paged."""
    words: dict[str, Any] = {
        found.name: (_annotation(found), Field(found.default, description=_sentence(found)))
        for found in MODEL_FILTERS
    }
    return create_model("ModelsQuery", __base__=_Paged, __doc__="What to list.", **words)


def _annotation(found: Filter) -> Any:
    word: Any = Literal[found.choices] if found.choices else str
    if found.kind == FilterKind.ORDER:
        column = f"({'|'.join(found.choices)})(:asc|:desc)?"
        return Annotated[str, WithJsonSchema({"type": "string", "pattern": f"^{column}(,{column})*$"})]
    if found.field == "types":
        # Words of other tools are understood as well; these are the ones that answers have.
        word = Annotated[str, WithJsonSchema({"type": "string", "enum": list(TYPES)})]
    if found.is_path:
        word = Annotated[str, PlainValidator(str), WithJsonSchema(requests.PATH_SCHEMA)]
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


ModelsQuery: Any = _query_model()


class NoQuery(BaseModel):
    """No parameters at all."""

    model_config = ConfigDict(extra="forbid")


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
    Path(pattern=requests.SHA256_PATTERN, description="Of the whole file, 64 hex digits."),
]


def columns_of(fields: str | None) -> tuple[str, ...] | None:
    """Return the light columns that `fields` names, each once; None for all."""
    if fields is None:
        return None
    names = tuple(dict.fromkeys(fields.split(",")))
    for name in names:
        if name not in LIGHT_COLUMNS:
            raise Invalid(f"{name!r} is no light column; they are {', '.join(LIGHT_COLUMNS)}.", field=name)
    return names


def asked_of(request: Request, shape: type[T]) -> T:
    """Return what the query of a request asks, in its shape.

    Bytes of a path that are no UTF-8 arrive in the surrogateescape form, which the framework's own reader would lose.

    Raises:
        Invalid: a word that the route doesn't know, that is there twice, or that makes no sense. Of two words where one
            is taken, nobody could say which counts.
    """
    words: dict[str, Any] = {}
    many = _many(shape)
    said = request.scope["query_string"].decode("ascii")
    for name, word in parse_qsl(said, keep_blank_values=True, errors="surrogateescape"):
        if name not in shape.model_fields:
            raise Invalid(f"{name!r} is no parameter of this route.", code="unknown_key", key=name)
        if name in words and name not in many:
            raise Invalid(f"{name!r} is there twice.", code="doubled_key", key=name)
        if name not in _PATHS and not _is_text(word):
            raise Invalid(f"{name!r} is no text: it holds bytes that are no UTF-8.", key=name)
        if name in many:
            words.setdefault(name, []).append(word)
        else:
            words[name] = word
    try:
        return shape.model_validate(words)
    except ValidationError as error:
        raise invalid(error.errors(include_url=False, include_context=False), "query") from error


async def no_query(request: Request) -> None:
    """Refuse any query, on routes that take none."""
    asked_of(request, NoQuery)


def parameters_of(shape: type[BaseModel]) -> list[dict[str, Any]]:
    """Return the parameters of a query as the OpenAPI document has them."""
    return [
        {
            "name": name,
            "in": "query",
            "required": False,
            "description": schema["description"],
            "schema": schema,
        }
        for name, schema in shape.model_json_schema()["properties"].items()
    ]


@cache
def _many(shape: type[BaseModel]) -> frozenset[str]:
    """Return the parameters that may stand there any number of times."""
    return frozenset(
        name for name, found in shape.model_fields.items() if get_origin(found.annotation) is list
    )


_PATHS = frozenset(found.name for found in MODEL_FILTERS if found.is_path)


def models_wanted(asked: BaseModel) -> ModelQuery:
    """Return what a `ModelsQuery` asks of the library view."""
    return model_query({found.name: getattr(asked, found.name) for found in MODEL_FILTERS})


def _is_text(word: str) -> bool:
    try:
        word.encode()
    except UnicodeEncodeError:
        return False
    return True
