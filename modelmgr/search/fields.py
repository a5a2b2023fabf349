"""The fields of the language: one table for reading, completion, explanation and every help text."""

from enum import StrEnum
from functools import cache

from modelmgr.lazily import dataclass
from modelmgr.values import MODEL_STATES


class Kind(StrEnum):
    """What a field's values are.

    ``word`` is one of a set and compared as a whole, ``text`` occurs anywhere within, ``size``, ``time`` and ``number``
    are amounts with signs and ranges, ``flag`` is yes or no, ``hash`` the first digits of one, ``path`` a folder.
    """

    WORD = "word"
    TEXT = "text"
    SIZE = "size"
    TIME = "time"
    NUMBER = "number"
    FLAG = "flag"
    HASH = "hash"
    PATH = "path"


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the language.

    Attributes:
        name: what stands before the colon.
        kind: what its values are.
        help: for the user, a few words.
        example: one or two uses of it.
        says: what it means of a value, ``{}`` in its place.
        lacks: what ``name:none`` means; empty for a field that every model has.
        has: what ``-name:none`` means, where the former is not empty.
        aliases: other words for it.
        choices: its only values, if they are known beforehand.
        group: the facet of `ModelQuery` and `Facets` with the same values; empty if there is none.
    """

    name: str
    kind: Kind
    help: str
    example: str
    says: str
    lacks: str = ""
    has: str = ""
    aliases: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    group: str = ""


YES, NO, NONE = "yes", "no", "none"
_TERMINAL_COLUMNS = 79
_FLAGS = (YES, NO)

FIELDS: tuple[Field, ...] = (
    Field("type", Kind.WORD, "what kind of model it is", "type:lora,vae", "type is {}", group="types"),
    Field(
        "base",
        Kind.WORD,
        "the base model that it is for; in quotation marks that version alone",
        'base:sdxl base:"Flux.1 D"',
        "base model is {}",
        "base model is unknown",
        "base model is known",
        aliases=("base_model",),
        group="base_models",
    ),
    Field(
        "tag",
        Kind.WORD,
        "a tag, as a whole or its beginning with *",
        "tag:ink -tag:wip tag:ani*",
        "tagged {}",
        "without tags",
        "with tags",
        aliases=("tags",),
        group="tags",
    ),
    Field("size", Kind.SIZE, "size of the file", "size:>2GB size:500mb..2gb", "{}"),
    Field(
        "added",
        Kind.TIME,
        "when it came into the library",
        "added:<30d added:2026-01..2026-03",
        "added {}",
        aliases=("added_at",),
    ),
    Field(
        "modified",
        Kind.TIME,
        "when its file was last written",
        "modified:>1y modified:today",
        "modified {}",
        "without a time of its file",
        "with a time of its file",
        aliases=("modified_at",),
    ),
    Field("rating", Kind.NUMBER, "stars, 0 to 5", "rating:>=4 rating:none", "rated {}", "not rated", "rated"),
    Field(
        "fav",
        Kind.FLAG,
        "favourites",
        "fav:yes",
        "favourite",
        aliases=("favorite", "favourite"),
        choices=_FLAGS,
    ),
    Field("missing", Kind.FLAG, "its file is gone", "missing:yes", "file is missing", choices=_FLAGS),
    Field(
        "state",
        Kind.WORD,
        ", ".join(MODEL_STATES),
        "state:duplicate,offline",
        "state is {}",
        choices=MODEL_STATES,
        group="states",
    ),
    Field(
        "hash",
        Kind.HASH,
        "the first digits of any of its hashes",
        "hash:3f2a",
        "a hash begins with {}",
        "not hashed",
        "hashed",
        aliases=("sha256", "autov1", "autov2", "autov3", "crc32", "blake3"),
    ),
    Field("name", Kind.TEXT, "words in its name", 'name:"ink wash"', "name contains {}", aliases=("title",)),
    Field(
        "file",
        Kind.TEXT,
        "words in the file's name",
        "file:fp16",
        "file name contains {}",
        "without a file",
        "with a file",
        aliases=("file_name",),
    ),
    Field(
        "folder",
        Kind.PATH,
        "a folder with all below it, or words in its path",
        "folder:/models/lora folder:anime",
        "in a folder {}",
        "without a folder",
        "with a folder",
        aliases=("path",),
        group="folders",
    ),
    Field(
        "trigger",
        Kind.TEXT,
        "words in its trigger words",
        "trigger:inkstyle trigger:none",
        "a trigger word contains {}",
        "without trigger words",
        "with trigger words",
        aliases=("triggers", "trigger_words"),
    ),
    Field(
        "notes",
        Kind.TEXT,
        "words in the notes",
        "notes:portrait notes:none",
        "notes contain {}",
        "without notes",
        "with notes",
        aliases=("note",),
    ),
    Field(
        "format",
        Kind.WORD,
        "format of the file",
        "format:gguf",
        "format is {}",
        "format is unknown",
        "format is known",
    ),
    Field(
        "license",
        Kind.TEXT,
        "words in the licence",
        "license:apache license:none",
        "licence contains {}",
        "without a licence",
        "with a licence",
        aliases=("licence",),
    ),
    Field(
        "source",
        Kind.WORD,
        "where what is known of it was imported from, * at the end for a beginning",
        "source:civitai* source:none",
        "imported from {}",
        "not imported",
        "imported",
    ),
    Field(
        "danger",
        Kind.WORD,
        "files that may run code when they are loaded: yes, no, dangerous, unscanned",
        "danger:yes",
        "danger is {}",
        choices=(YES, NO, "dangerous", "unscanned"),
    ),
)
"""All fields, in the order in which they are best listed."""


@cache
def _by_name() -> dict[str, Field]:
    return {name: field for field in FIELDS for name in (field.name, *field.aliases)}


def field_of(name: str) -> Field | None:
    """Return the field of a name or alias, whatever its case."""
    return _by_name().get(name.lower())


def help_text() -> str:
    """Return what a search may say, field by field, for people at a terminal of 80 columns."""
    import textwrap

    def wrapped(text: str, first: str = "", others: str = "") -> str:
        lines = textwrap.TextWrapper(
            _TERMINAL_COLUMNS, initial_indent=first, subsequent_indent=others, break_on_hyphens=False
        )
        return lines.fill(text)

    width = max(len(field.name) for field in FIELDS) + 1
    return "\n".join(
        [
            wrapped(
                "A search is words that must all occur, anywhere in name, file, tags, trigger words, notes, and fields:"
            ),
            *(
                wrapped(
                    f"{field.help}, e.g. {field.example}",
                    f"  {field.name + ':':<{width}}  ",
                    " " * (width + 4),
                )
                for field in FIELDS
            ),
            wrapped(
                'A "phrase" is one word; - before a word or field excludes it; a comma means or, as does OR between '
                "two words; amounts take > >= < <= and ranges (2gb..4gb); none means that there is nothing."
            ),
        ]
    )
