"""Sentences of the rooms below the window in the user's language.

Those rooms say whole English sentences: the command line and programs read them, and the catalog remembers them. In
another language the window finds by which template a sentence was made (``There is no file {path}.``), and says that
of its translation with the same values. In English nothing is looked for.
"""

from collections.abc import Iterable
from functools import lru_cache
from string import Formatter
from typing import NamedTuple

from PySide6.QtCore import QCoreApplication

SENTENCES = "Sentences"
"""The context of the templates, for those who translate."""

_LONGEST = 4000
_DEEPEST = 3
_KEPT = 500


class _Template(NamedTuple):
    text: str
    pieces: tuple[str, ...]
    """What stands before, between and after the values."""
    names: tuple[str, ...]

    @classmethod
    def of(cls, text: str) -> "_Template":
        pieces, names, piece = [], [], ""
        for words, name, _form, _conversion in Formatter().parse(text):
            piece += words
            if name is not None:
                pieces.append(piece)
                names.append(name)
                piece = ""
        return cls(text, (*pieces, piece), tuple(names))

    @property
    def fixed(self) -> int:
        return sum(map(len, self.pieces))

    def values(self, sentence: str) -> list[str] | None:
        """Return the values with which this template makes a sentence, None if it can't."""
        first, last = self.pieces[0], self.pieces[-1]
        end = len(sentence) - len(last)
        if not sentence.startswith(first) or not sentence.endswith(last) or len(first) > end:
            return None
        found, place = [], len(first)
        for piece in self.pieces[1:-1]:
            at = sentence.find(piece, place, end)
            if at < 0:
                return None
            found.append(sentence[place:at])
            place = at + len(piece)
        return [*found, sentence[place:end]]


class _Known:
    """All templates, those that say most first, so that the nearest one is found."""

    def __init__(self, texts: Iterable[str]) -> None:
        made = [_Template.of(text) for text in texts if text]
        self.whole = frozenset(each.pieces[0] for each in made if not each.names)
        self.open = sorted((each for each in made if each.names), key=lambda each: (-each.fixed, each.text))


_known = _Known(())


def use_templates(texts: Iterable[str]) -> None:
    """Say these in the user's language from now on; none of them in English."""
    global _known
    _known = _Known(texts)
    _found.cache_clear()


def spoken(sentence: str) -> str:
    """Return a sentence of a room below the window in the user's language, as it is if nobody knows it."""
    if not sentence or not (_known.whole or _known.open) or len(sentence) > _LONGEST:
        return sentence
    return _spoken(sentence, _DEEPEST)


def _spoken(sentence: str, depth: int) -> str:
    found = _found(sentence)
    if found is None:
        return sentence
    template, values = found
    said = QCoreApplication.translate(SENTENCES, template)
    # A value may be a sentence of its own: what the cause was.
    told = [_spoken(value, depth - 1) if depth else value for value in values]
    try:
        return said.format(**dict(zip(_Template.of(template).names, told, strict=True)))
    except (IndexError, KeyError, ValueError):
        return sentence  # the translation names a value that is not there


@lru_cache(_KEPT)
def _found(sentence: str) -> tuple[str, list[str]] | None:
    if sentence in _known.whole:
        return sentence.replace("{", "{{").replace("}", "}}"), []
    for template in _known.open:
        values = template.values(sentence)
        if values is not None:
            return template.text, values
    return None
