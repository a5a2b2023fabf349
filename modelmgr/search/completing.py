"""What could be typed next at a place of a search."""

from typing import NamedTuple

from modelmgr.search.fields import FIELDS, Field, Kind
from modelmgr.search.parsing import MOST_CHARACTERS, scan
from modelmgr.search.reading import versions_of
from modelmgr.vocabulary import BASES, TYPES

_AMOUNTS = {
    Kind.SIZE: (">1GB", ">2GB", ">10GB", "<100MB", "1GB..4GB"),
    Kind.TIME: ("<7d", "<30d", "<1y", ">1y", "today", "yesterday"),
    Kind.NUMBER: (">=4", "5", "4", "3", "<3", "none"),
}


class Candidate(NamedTuple):
    """One text that may stand there, quoted where need be, and what it means."""

    text: str
    help: str = ""


class Completion(NamedTuple):
    """What may be put in place of ``text[start:end]``.

    Attributes:
        what: ``field``: the name of one; ``value``: one of `field`; ``nothing``: there is nothing to be offered.
        field: the field's name, empty unless `what` is ``value``.
        prefix: what was typed of it so far, without quotation marks.
        candidates: those that are known without a catalog, the likeliest first. Tags, folders, base models and the
            like come from `Catalog.values_of`, through `quote`.
    """

    start: int
    end: int
    what: str
    field: str = ""
    prefix: str = ""
    candidates: tuple[Candidate, ...] = ()


def complete(text: str, cursor: int) -> Completion:
    """Return what could stand at the cursor (a place between 0 and the length of `text`)."""
    cursor = max(0, min(cursor, len(text)))
    if cursor > MOST_CHARACTERS:
        return Completion(cursor, cursor, "nothing")
    for stretch in scan(text[:MOST_CHARACTERS]):
        if stretch.start <= cursor <= stretch.end:
            if stretch.field is None:
                (piece,) = stretch.pieces
                if piece.is_quoted or cursor < piece.start:
                    return Completion(cursor, cursor, "nothing")
                return _fields(piece.start, stretch.end, text[piece.start : cursor])
            if cursor < stretch.pieces[0].start:
                name = stretch.start + stretch.negated
                return _fields(name, stretch.pieces[0].start, text[name:cursor])
            piece = next(piece for piece in stretch.pieces if cursor <= piece.end)
            typed = text[piece.start : cursor].removeprefix('"').replace('""', '"')
            if piece.is_quoted and not piece.is_open and cursor == piece.end:
                typed = piece.text
            return _values(stretch.field, piece.start, piece.end, typed)
    return _fields(cursor, cursor, "")


def _fields(start: int, end: int, prefix: str) -> Completion:
    folded = prefix.lower()
    found = [field for field in FIELDS if field.name.startswith(folded)]
    found += [
        field
        for field in FIELDS
        if folded and field not in found and any(alias.startswith(folded) for alias in field.aliases)
    ]
    candidates = tuple(Candidate(f"{field.name}:", field.help) for field in found)
    return Completion(start, end, "field" if found else "nothing", "", prefix, candidates)


def _values(field: Field, start: int, end: int, prefix: str) -> Completion:
    folded = prefix.lower()
    known = _known(field)
    found = [text for text in known if text.lower().startswith(folded)]
    if folded and field.name in ("type", "base"):
        found += [text for text in known if folded in text.lower() and text not in found]
    return Completion(
        start, end, "value", field.name, prefix, tuple(Candidate(_offered(field, text)) for text in found)
    )


def _known(field: Field) -> tuple[str, ...]:
    if field.name == "type":
        return TYPES
    if field.name == "base":
        return (*BASES, "none")
    known = field.choices or _AMOUNTS.get(field.kind, ())
    return (*known, "none") if field.lacks and "none" not in known else known


def _offered(field: Field, text: str) -> str:
    return text if field.kind in _AMOUNTS or text == "none" else written(field.name, text)


def written(field: str, value: str) -> str:
    """Return what must stand after the name of a field for just this value: in quotation marks where need be."""
    return f'"{value}"' if field == "base" and versions_of(value) else quote(value)


def quote(value: str) -> str:
    """Return a value as it must be written after a colon to be taken as it is: in quotation marks where need be."""
    plain = (
        value
        and value.lower() != "none"
        and not value.endswith("*")
        and '"' not in value
        and "," not in value
    )
    if plain and not any(char.isspace() for char in value):
        return value
    return '"' + value.replace('"', '""') + '"'
