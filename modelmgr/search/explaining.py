"""What a search means, in plain sentences."""

from modelmgr.search.fields import FIELDS, YES, Kind
from modelmgr.search.parsing import Term, Token, parse
from modelmgr.search.reading import Match, Say

_FIELDS = {field.name: field for field in FIELDS}


def explain(text: str, *, now: float | None = None, say: Say = str) -> list[str]:
    """Return one sentence for each part of a search, without full stops: ``type is lora``, ``not tagged wip``.

    What was not understood says so, and what it could have been.

    Args:
        text: as with `parse`.
        now: as with `parse`.
        say: turns the templates of this room into the user's language.
    """
    sentences: list[str] = []
    joins = False
    for token in parse(text, now=now, say=say).tokens:
        if token.kind == "or" and token.ok:
            joins = True
            continue
        sentence = _sentence(token, say)
        if joins and token.term is not None:
            sentence = say("{} or {}").format(sentences.pop(), sentence)
        sentences.append(sentence)
        joins = False
    return sentences


def _sentence(token: Token, say: Say) -> str:
    if token.term is None:
        return token.note
    words = _words(token.term, say)
    return words if token.ok else say("{} ({})").format(words, token.note.rstrip("."))


def _words(term: Term, say: Say) -> str:
    if not term.field:
        words = " ".join(f"“{value.text}”" for value in term.values)
        return (say("without {}") if term.negated else say("contains {}")).format(
            words if len(words) <= 82 else words[:80] + "…”"
        )
    field = _FIELDS[term.field]
    if field.kind == Kind.FLAG:
        is_on = any(value.text == YES for value in term.values) != term.negated
        return say(field.says) if is_on else say("not {}").format(say(field.says))
    some = [value for value in term.values if value.match is not Match.NONE]
    if term.negated and not some:
        return say(field.has)
    parts = [value.words for value in term.values if value.match is Match.NONE]
    if some:
        parts.insert(
            0, say(field.says).format(say(" or ").join(value.words for value in some if value.words))
        )
    words = say(" or ").join(parts)
    return say("not {}").format(words) if term.negated else words
