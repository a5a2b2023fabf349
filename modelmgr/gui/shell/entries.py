"""What can be had by its name, and which of it a few typed words mean."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from PySide6.QtGui import QKeySequence

MOST_RECENT = 6


class Entry(NamedTuple):
    """Something that can be had by its name.

    Attributes:
        key: what it is remembered by.
        title: its name.
        place: where else it is found, like a menu.
        keys: its shortcut, as the system writes it.
        icon: a name of the icon set.
        why_not: why it can't be had now; "" if it can.
        run: does it; None for a heading.
    """

    key: str
    title: str
    place: str = ""
    keys: str = ""
    icon: str = ""
    why_not: str = ""
    run: Callable[[], object] | None = None


# --- what is meant ----------------------------------------------------------------------------------------


def ranked(entries: Sequence[Entry], text: str, recent: Sequence[str] = ()) -> list[Entry]:
    """Return the entries that `text` may mean, the likeliest first.

    Every word of it must be in the name, in the place or, letter by letter, in the name. Of equal ones those come
    first that were used last; without any text all are returned so.
    """
    words = text.casefold().split()
    place = {key: number for number, key in enumerate(recent)}
    found = []
    for number, entry in enumerate(entries):
        costs = [_cost(word, entry) for word in words]
        if None not in costs:
            cost = sum(cost for cost in costs if cost is not None)
            found.append((cost, bool(entry.why_not and words), place.get(entry.key, len(place)), number))
    return [entries[number] for *_, number in sorted(found)]


def _cost(word: str, entry: Entry) -> int | None:
    title = entry.title.casefold()
    if title.startswith(word):
        return 0
    if any(part.startswith(word) for part in title.split()):
        return 1
    if word in title:
        return 2
    if word in entry.keys.casefold().replace("+", "") or word == entry.keys.casefold():
        return 3
    if word in entry.place.casefold():
        return 4
    gaps = _gaps(word, title)
    return None if gaps is None else 5 + gaps


def _gaps(word: str, title: str) -> int | None:
    """Return how many letters of the title lie between those of the word; None if it has not all in this order."""
    at = title.find(word[0])
    if at < 0 or len(word) < 2:
        return None
    gaps = 0
    for letter in word[1:]:
        next_at = title.find(letter, at + 1)
        if next_at < 0:
            return None
        gaps += next_at - at - 1
        at = next_at
    # Letters from all over a sentence are chance, not meaning.
    return gaps if gaps <= 3 * len(word) else None


def keys_text(keys: QKeySequence) -> str:
    """Return a shortcut as the system writes it."""
    return keys.toString(QKeySequence.SequenceFormat.NativeText)
