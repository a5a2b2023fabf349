"""What the search field offers while one types: fields, values with live counts, recent searches; and what it says."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from modelmgr import search
from modelmgr.catalog import Catalog
from modelmgr.gui import theme
from modelmgr.gui.search.words import say, value_label
from modelmgr.gui.text import count_text, foreign_text
from modelmgr.lazily import dataclass
from modelmgr.values import ModelQuery, folded

MOST_OFFERED = 9
SHOWN_RECENT = 6
_ICONS = {
    "type": "box",
    "base": "component",
    "tag": "tag",
    "folder": "folder",
    "hash": "copy",
    "rating": "star",
    "fav": "star",
    "file": "file",
    "danger": "triangle-alert",
    "missing": "search-x",
    "size": "database",
    "added": "history",
    "modified": "history",
    "trigger": "quote",
    "notes": "message-square-text",
    "source": "download",
}


@dataclass(frozen=True, slots=True)
class Offer:
    """One line of what is offered.

    Attributes:
        shown: what it is called.
        text: what takes the place of ``[start:end]`` of the search.
        help: what it means, or how many models have it.
        icon: stands before it.
        is_whole: with it the part is complete; a field's name waits for its value.
        is_recent: it is a search of before.
    """

    shown: str
    text: str
    start: int
    end: int
    help: str = ""
    icon: str = "search"
    is_whole: bool = True
    is_recent: bool = False


def offers(text: str, cursor: int) -> tuple[search.Completion, list[Offer]]:
    """Return what is known without the catalog of what could stand at the cursor."""
    found = search.complete(text, cursor)
    if found.what == "field":
        return found, [
            Offer(
                each.text,
                each.text,
                found.start,
                found.end,
                say(each.help),
                _ICONS.get(each.text.rstrip(":"), "search"),
                is_whole=False,
            )
            for each in found.candidates
        ]
    if found.what == "value":
        return found, [_value(found, each.text.strip('"'), each.text) for each in found.candidates]
    return found, []


def _value(found: search.Completion, value: str, text: str, count: int | None = None) -> Offer:
    field = search.field_of(found.field)
    group = field.group if field is not None else ""
    shown = value_label(group, value) if group in ("types", "states", "folders") else foreign_text(value, 300)
    icon = theme.type_icon_name(value) if found.field == "type" else _ICONS.get(found.field, "search")
    return Offer(shown, text, found.start, found.end, "" if count is None else count_text(count), icon)


def counted_offers(
    catalog: Catalog, query: ModelQuery, text: str, cursor: int
) -> tuple[str, int, Sequence[Offer]]:
    """Return text, cursor and what could stand there, with how many models have it of those that the rest leaves.

    Asks the catalog; `query` is what the window shows, whose search is `text`.
    """
    found, known = offers(text, cursor)
    if found.what != "value":
        return text, cursor, known
    start = _part_start(text, found.start)
    rest = replace(query, search=(text[:start] + " " + text[found.end :]).strip())
    counts: Mapping[str, int] = catalog.values_of(
        rest, found.field, containing=found.prefix, limit=MOST_OFFERED
    )
    prefix = folded(found.prefix)
    values = sorted(counts, key=lambda value: (not folded(value).startswith(prefix), -counts[value]))
    live = [_value(found, value, search.written(found.field, value), counts[value]) for value in values]
    said = {folded(offer.text) for offer in live}
    return text, cursor, [*live, *(offer for offer in known if folded(offer.text) not in said)]


def _part_start(text: str, place: int) -> int:
    for token in search.parse(text).tokens:
        if token.start <= place <= token.end:
            return token.start
    return place


def recent_offers(history: Sequence[str], text: str) -> list[Offer]:
    """Return searches of before, the last one first."""
    return [
        Offer(foreign_text(each, 200), each, 0, len(text), icon="history", is_recent=True)
        for each in history[:SHOWN_RECENT]
    ]


def accepted(text: str, offer: Offer) -> tuple[str, int]:
    """Return the search with an offer in it, and where the cursor stands then."""
    after = text[offer.end :]
    gap = "" if not offer.is_whole or offer.is_recent or after[:1] in (" ", ",") else " "
    made = text[: offer.start] + offer.text + gap + after
    place = offer.start + len(offer.text) + (1 if offer.is_whole and not offer.is_recent else 0)
    return made, min(place, len(made))


def explained(text: str) -> list[str]:
    """Return what each part of a search means; types by the names that the window has for them."""
    said = search.explain(text, say=say)
    tokens = [token for token in search.parse(text).tokens if token.kind != "or" or not token.ok]
    if len(tokens) != len(said):  # parts that OR joins
        return said
    for place, token in enumerate(tokens):
        if token.field == "type" and token.ok and token.term is not None:
            words = say(" or ").join(value_label("types", value.text) for value in token.term.values)
            says = say("type is {}").format(words)
            said[place] = say("not {}").format(says) if token.negated else says
    return said


def sentences(text: str) -> tuple[str, list[str]]:
    """Return what a search means in one sentence, and what of it was not understood, a sentence each.

    A search of plain words alone needs no explanation: both are empty then.
    """
    parsed = search.parse(text, say=say)
    wrong = [token.note for token in parsed.tokens if not token.ok and token.note]
    if all(
        token.ok and not token.field and not token.negated and token.kind != "or" for token in parsed.tokens
    ):
        return "", wrong
    kept = " ".join(token.text for token in parsed.tokens if token.ok)
    means = ", ".join(explained(kept))
    return foreign_text(means[:1].upper() + means[1:], 600), [foreign_text(note, 300) for note in wrong]
