"""Which models may hold a word of one or two letters: the search index knows only three letters in a row.

But it has its threes in order, and leads to the next one at once. A word of two letters stands in a text as the
beginning of a three, or, at the very end, as the last two of one; texts of less than three letters are in no index,
and belong to models with such a name. So a word that nobody has is told in milliseconds, where to look at a million
texts takes a quarter of a second.
"""

from collections.abc import Iterator
from typing import Any

from modelmgr.catalog import engine

_MOST_TERMS, _MOST_LOOKS = 60, 2_000
"""Of a word in more of them there is a page soon, by walking; no more is looked up than that."""

_SIMPLE_BELOW = "\u0250"
"""Of Latin letters one form alone is left by folding, whoever folds them."""

# From name to name, past all that begin with the same two letters but are longer.
_BRIEF_NAMES = (
    "WITH RECURSIVE s(n) AS (SELECT * FROM (SELECT name FROM models ORDER BY name COLLATE NOCASE LIMIT 1) "
    "UNION ALL SELECT (SELECT name FROM models WHERE name COLLATE NOCASE > "
    "iif(length(s.n) > 2, max(s.n, substr(s.n, 1, 2) || char(1114111)), s.n) ORDER BY name COLLATE NOCASE LIMIT 1) "
    "FROM s WHERE s.n IS NOT NULL) "
    "SELECT models.id FROM s CROSS JOIN models ON models.name COLLATE NOCASE = s.n WHERE length(s.n) <= 2"
)


def ids_with(reader: engine.Database, word: str) -> tuple[str, list[Any]] | None:
    """Return a statement that gives the ids of all models that may hold a folded word, and its parameters.

    None if the word is so frequent that they are many, or of letters that the index may know in another form.
    """
    if not all(char < _SIMPLE_BELOW or char.lower() == char.upper() for char in word):
        return None
    terms = _Terms(reader).holding(word)
    if terms is None or any("\0" in term for term in terms):
        return None
    quoted = " OR ".join('"' + term.replace('"', '""') + '"' for term in terms)
    if not quoted:
        return f"SELECT id FROM ({_BRIEF_NAMES})", []
    return (
        f"SELECT rowid FROM model_search WHERE model_search MATCH ? UNION ALL SELECT id FROM ({_BRIEF_NAMES})",
        [quoted],
    )


class _Terms:
    """The threes of the search index in their order."""

    def __init__(self, reader: engine.Database) -> None:
        self._reader = reader
        self._looks = 0

    def holding(self, word: str) -> list[str] | None:
        """Return the threes of which a text with this word has at least one; None if they are many."""
        found: list[str] = []
        for term in self._holding(word):
            found.append(term)
            if len(found) > _MOST_TERMS:
                return None
        return found if self._looks <= _MOST_LOOKS else None

    def _holding(self, word: str) -> Iterator[str]:
        yield from self._beginning(word, 3)
        for first in self._beginning("", 1):
            yield from self._beginning(first + word, 3)
            if len(word) == 1:
                for pair in self._beginning(first, 2):
                    yield from self._beginning(pair + word, 3)

    def _beginning(self, start: str, length: int) -> Iterator[str]:
        """Yield the different beginnings of so many letters, of those threes that begin with `start`."""
        at, last = start, None
        while self._looks <= _MOST_LOOKS:
            self._looks += 1
            row = self._reader.execute_sql(
                "SELECT term FROM temp.search_terms WHERE term >= ? LIMIT 1", (at,)
            ).fetchone()
            if row is None or not row[0].startswith(start):
                return
            beginning = row[0][:length]
            if beginning != last:
                yield beginning
            last = beginning
            # What sorts behind all that begin so, as SQLite compares: by the bytes of UTF-8; but for the last letter
            # that there is, after which one goes on term by term.
            at = max(beginning + ("\U0010ffff" if length < 3 else "\0"), row[0] + "\0")
