"""Text to a tree: terms that must all hold, each with its place in the text."""

import time
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from modelmgr.lazily import dataclass, pattern
from modelmgr.search.fields import Field, Kind, field_of
from modelmgr.search.reading import Match, NotUnderstood, Say, Value, read_value

MOST_WORDS = 100
"""Values of all terms of a search, and of a filter that takes many: SQLite understands no more than a thousand."""

MOST_CHARACTERS = 10_000
"""So much of a text is read; what follows is left out."""

_FIELD = pattern(r"([A-Za-z_][A-Za-z_0-9]{1,19})(:|(?=[<>≥≤]))")
_COMPARABLE = frozenset((Kind.SIZE, Kind.TIME, Kind.NUMBER))


@dataclass(frozen=True, slots=True)
class Term:
    """One condition: any of its values, or, if `negated`, none of them.

    Attributes:
        field: the name of a field, empty for a word that may occur anywhere.
    """

    field: str
    values: tuple[Value, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Token:
    """A stretch of the text and what became of it.

    Attributes:
        start, end: its place in the text.
        kind: ``word``, ``phrase``, ``field``, ``or``, or ``rest`` for what was too much.
        text: the stretch as it stands there.
        field: the field's name (never an alias), empty if there is none.
        value: what stands after the colon as it was typed; the word itself without its marks, if it is one.
        negated: whether it is excluded.
        ok: whether it means what it looks like; False for what was taken as a plain word, or left out.
        note: one sentence for the user on why it isn't, empty if it is.
        term: the condition, None for what is left out.
    """

    start: int
    end: int
    kind: str
    text: str
    field: str = ""
    value: str = ""
    negated: bool = False
    ok: bool = True
    note: str = ""
    term: Term | None = None


@dataclass(frozen=True, slots=True)
class Search:
    """A text that was understood as far as that goes.

    Attributes:
        tokens: its parts in order.
        groups: all must hold; of each at least one term.
    """

    tokens: tuple[Token, ...]
    groups: tuple[tuple[Term, ...], ...]


class Piece(NamedTuple):
    """One of the values between commas: its place with its quotation marks, and its text without."""

    start: int
    end: int
    text: str
    is_quoted: bool
    is_open: bool


class Stretch(NamedTuple):
    """What stands between two blanks (those in quotation marks aside)."""

    start: int
    end: int
    negated: bool
    field: Field | None
    pieces: tuple[Piece, ...]


def parse(text: str, *, now: float | None = None, say: Say = str) -> Search:
    """Return what a search text asks. Never fails: what is not understood is a plain word, and its token says so.

    Args:
        text: of any length and any characters.
        now: Unix seconds that ages count from; the present unless given.
        say: turns the sentences of notes into the user's language.
    """
    moment = time.time() if now is None else now
    return _parsed(text, int(moment // 60) * 60) if say is str else _parse(text, moment, say)


@lru_cache(64)
def _parsed(text: str, minute: int) -> Search:
    return _parse(text, minute, str)


def _parse(text: str, now: float, say: Say) -> Search:
    tokens: list[Token] = []
    groups: list[list[Term]] = []
    room = MOST_WORDS
    joins: Token | None = None  # an OR that waits for what follows
    stretches = list(scan(text[:MOST_CHARACTERS]))
    for at, stretch in enumerate(stretches):
        words = text[stretch.start : stretch.end]
        if words == "OR" and joins is None and groups and tokens[-1].term is not None:
            joins = Token(stretch.start, stretch.end, "or", words, value=words)
            if at == len(stretches) - 1:
                note = say("OR stands between two words.")
                joins = Token(stretch.start, stretch.end, "or", words, value=words, ok=False, note=note)
            tokens.append(joins)
            continue
        token = _token(text, stretch, now, say)
        if token.term is not None:
            room -= len(token.term.values)
            if room < 0:
                break
            if joins is not None:
                groups[-1].append(token.term)
            else:
                groups.append([token.term])
        tokens.append(token)
        joins = None
    end = tokens[-1].end if tokens else 0
    if room < 0 or text[max(end, MOST_CHARACTERS) :].strip():
        note = say("This is left out: {} words or {} characters are the most.").format(
            MOST_WORDS, MOST_CHARACTERS
        )
        while end < len(text) - 1 and text[end].isspace():
            end += 1
        tokens.append(Token(end, len(text), "rest", text[end:], ok=False, note=note))
    return Search(tuple(tokens), tuple(map(tuple, groups)))


def _token(text: str, stretch: Stretch, now: float, say: Say) -> Token:
    start, end, negated, field, pieces = stretch
    whole = text[start:end]
    if field is None:
        (piece,) = pieces
        kind = "phrase" if piece.is_quoted else "word"
        term = _plain(piece.text, negated)
        note = "" if term is not None else say("There is nothing in the quotation marks.")
        return Token(start, end, kind, whole, "", piece.text, negated, term is not None, note, term)
    typed = text[pieces[0].start : pieces[-1].end] if pieces else ""
    values: list[Value] = []
    try:
        for piece in pieces:
            if piece.text:
                values += read_value(field, printable(field, piece.text), now, say, is_quoted=piece.is_quoted)
    except NotUnderstood as error:
        term = _plain(whole[1:] if negated else whole, negated)
        return Token(start, end, "field", whole, field.name, typed, negated, False, error.message, term)
    if not values:
        note = say("{}: waits for a value, e.g. {}").format(field.name, field.example)
        return Token(start, end, "field", whole, field.name, typed, negated, False, note, None)
    term = Term(field.name, tuple(dict.fromkeys(values)), negated)
    return Token(start, end, "field", whole, field.name, typed, negated, True, "", term)


def _plain(text: str, negated: bool) -> Term | None:
    text = printable(None, text)
    return Term("", (Value(Match.HOLDS, text, words=text),), negated) if text else None


def printable(field: Field | None, text: str) -> str:
    """Return a text as the catalog holds texts: no NUL, and no lone surrogates but in a path."""
    text = text.replace("\0", "")
    if text.isascii() or (field is not None and field.kind == Kind.PATH):
        return text
    return "".join("\ufffd" if "\ud800" <= char <= "\udfff" else char for char in text)


# --- the marks --------------------------------------------------------------------------------------------


def scan(text: str) -> Iterator[Stretch]:
    """Yield the stretches of a text; an open quotation mark reaches to its end."""
    at, end = 0, len(text)
    while at < end:
        if text[at].isspace():
            at += 1
            continue
        start = at
        negated = text[at] == "-" and at + 1 < end and not text[at + 1].isspace() and text[at + 1] != "-"
        at += negated
        found = _FIELD.match(text, at)
        field = field_of(found[1]) if found is not None else None
        if found is not None and not found[2] and field is not None and field.kind not in _COMPARABLE:
            field = None
        if field is None or found is None:
            piece = _piece(text, at, "")
            at = piece.end
            yield Stretch(start, at, negated, None, (piece,))
            continue
        at = found.end()
        pieces = [_piece(text, at, ",")]
        while (at := pieces[-1].end) < end and text[at] == ",":
            pieces.append(_piece(text, at + 1, ","))
        yield Stretch(start, at, negated, field, tuple(pieces))


def _piece(text: str, start: int, ends: str) -> Piece:
    """Return the value that begins here: to a blank or one of `ends`, but for those in quotation marks."""
    at, end = start, len(text)
    said: list[str] = []
    is_quoted = at < end and text[at] == '"'
    is_open = is_quoted
    if is_quoted:
        at += 1
        while at < end:
            close = text.find('"', at)
            said.append(text[at : close if close >= 0 else end])
            at = close + 1 if close >= 0 else end
            if close >= 0 and text[at : at + 1] == '"':  # doubled, it stands for itself
                said.append('"')
                at += 1
                continue
            is_open = close < 0
            break
    rest = at
    while at < end and not text[at].isspace() and text[at] not in ends:
        at += 1
    said.append(text[rest:at])
    return Piece(start, at, "".join(said), is_quoted, is_open)
