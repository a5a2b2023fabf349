"""The parts of which a query is made: values of facets, and stretches of the search text."""

from typing import NamedTuple


class Part(NamedTuple):
    """One thing that is on.

    Attributes:
        group: one of `GROUPS`, ``favorite``, or ``search`` for a part of the search text.
        value: the value of the facet; of the search the text of the part as it was typed.
        excluded: it must not hold.
    """

    group: str
    value: str
    excluded: bool = False


def part_places(text: str) -> list[tuple[int, int]]:
    """Return where the parts of a search begin and end; those that OR joins are one."""
    from modelmgr import search

    found: list[tuple[int, int]] = []
    joins = False
    for token in search.parse(text).tokens:
        if token.kind == "or" and token.ok:
            joins = True
        elif joins:
            found[-1] = (found[-1][0], token.end)
            joins = False
        else:
            found.append((token.start, token.end))
    return found


def search_parts(text: str) -> list[str]:
    """Return the parts of a search, as they were typed, each once."""
    return list(dict.fromkeys(text[start:end] for start, end in part_places(text)))


def without_part(text: str, part: str) -> str:
    """Return a search without one of its parts."""
    for start, end in reversed(part_places(text)):
        if text[start:end] == part:
            text = text[:start].rstrip() + " " + text[end:].lstrip()
    return text.strip()


def is_plain(text: str) -> bool:
    """Tell whether a search consists of words alone: no field, nothing excluded, nothing that isn't understood."""
    from modelmgr import search

    return all(
        token.kind in ("word", "phrase") and token.ok and not token.negated
        for token in search.parse(text).tokens
    )
