"""The order of the pending list and the numbers beside its filters, without a sort of every row.

What SQLite sorts or groups against the order of an index it holds in memory: 50 to 60 bytes a row, for each question
at once. The index over state, problem, source, type and base model answers these questions alone, in its own order;
what is left to do is to put ids in order, in pieces that are small.
"""

from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from modelmgr.catalog import query
from modelmgr.values import PendingQuery

ORDERED_HERE = ("state", "problem", "source", "type", "base_model")
"""The orders of few values, in the order of the index; the values of the others are as many as the rows."""

_PIECE_BITS = 16  # 65,536 ids are sorted at a time: 2 MiB


def ids_in_order(rows: Iterable[tuple[int]], *, descending: bool) -> "array[int]":
    """Return the ids of rows (id,) in order."""
    return _sorted((row_id for (row_id,) in rows), descending)


def ids_by_value(rows: Iterable[tuple[str | None, int]], *, descending: bool) -> "array[int]":
    """Return the ids of rows (value, id) in the order of values, none first, and of ids where they are equal."""
    of_value: dict[str | None, array[int]] = defaultdict(_no_ids)
    for value, row_id in rows:
        of_value[value].append(row_id)
    ids = array("q")
    for value in sorted(of_value, key=lambda value: (value is not None, value or ""), reverse=descending):
        ids.extend(_sorted(of_value.pop(value), descending))
    return ids


def _no_ids() -> "array[int]":
    return array("q")


def _sorted(ids: Iterable[int], descending: bool) -> "array[int]":
    """Sort ids a piece at a time; as a list all of a million would take 40 MiB."""
    pieces: dict[int, array[int]] = defaultdict(_no_ids)
    for row_id in ids:
        pieces[row_id >> _PIECE_BITS].append(row_id)
    joined = array("q")
    for piece in sorted(pieces, reverse=descending):
        joined.extend(sorted(pieces.pop(piece), reverse=descending))
    return joined


def choices(
    found: Iterable[tuple[tuple[str | None, str, str], int]], wanted: PendingQuery
) -> dict[str, dict[str, int]]:
    """Count by ``source``, ``type`` and ``problem``, the most frequent first; the filter by its own left aside.

    Args:
        found: problem, source and type, and how many have them, whatever `wanted` says of the three; the same
            three may come more than once.
        wanted: its filters by the three.
    """
    sources, types, problems = set(wanted.sources), query.pending_types(wanted), set(wanted.problems)
    counts: dict[str, Counter[str]] = {"source": Counter(), "type": Counter(), "problem": Counter()}
    for (problem, source, type_), number in found:
        passes = (
            not sources or source in sources,
            not types or type_ in types,
            not problems or (problem or "none") in problems,
        )
        for at, (column, value) in enumerate((("source", source), ("type", type_), ("problem", problem))):
            if all(passes[:at]) and all(passes[at + 1 :]):
                counts[column][value or "none"] += number
    return {column: most_first(found) for column, found in counts.items()}


def most_first(counts: Mapping[str, int]) -> dict[str, int]:
    """Return counts with the largest first, of equal ones by name."""
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
