"""One decision for all records alike: which of several files a person means, told from the one that was chosen."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelmgr.errors import NotFound
from modelmgr.progress import Cancelled, Progress
from modelmgr.values import PendingQuery, is_below

if TYPE_CHECKING:
    from modelmgr.library import Library

ROWS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class FileRule:
    """What the chosen file has and the others haven't: the folder below which it lies, else its ending.

    Attributes:
        folder: the file lies below it; empty if all candidates stand in one folder.
        suffix: what its name ends with; empty if `folder` says enough.
    """

    folder: str
    suffix: str

    def choose(self, candidates: Sequence[str]) -> str | None:
        """Return the one candidate that fits, None if none or several do."""
        fitting = [path for path in candidates if self._fits(path)]
        return fitting[0] if len(fitting) == 1 else None

    def _fits(self, path: str) -> bool:
        if self.folder:
            return is_below(path, self.folder)
        return os.path.splitext(path)[1].lower() == self.suffix


def rule_of(chosen: str, candidates: Sequence[str]) -> FileRule | None:
    """Tell what a choice among `candidates` means for others; None if it means nothing for them."""
    others = [path for path in candidates if path != chosen]
    if not others:
        return None
    folder = os.path.dirname(chosen)
    if all(os.path.dirname(path) != folder for path in others):
        rule = FileRule(_upmost(chosen, others), "")
    else:
        rule = FileRule("", os.path.splitext(chosen)[1].lower())
    return rule if rule.choose(candidates) == chosen else None


def _upmost(chosen: str, others: Sequence[str]) -> str:
    """Return the upmost folder of `chosen` below which none of the others lies."""
    folder = os.path.dirname(chosen)
    while (parent := os.path.dirname(folder)) != folder:
        if any(is_below(path, parent) for path in others):
            break
        folder = parent
    return folder


def locate_alike(library: "Library", query: PendingQuery, rule: FileRule, progress: Progress) -> int:
    """Bind all records of `query` to that of their candidates which fits the rule. For a worker.

    Returns:
        How many were bound; each is, or is not, if it is stopped.
    """
    ids = library.catalog.pending_order(query)
    bound = done = 0
    try:
        for start in range(0, len(ids), ROWS_AT_ONCE):
            for row in library.catalog.pending_rows(ids[start : start + ROWS_AT_ONCE]):
                progress.step(done, len(ids), row.name, "records")
                done += 1
                chosen = rule.choose(row.candidates)
                if chosen is None:
                    continue
                try:
                    library.locate(row.id, chosen)
                except NotFound:
                    continue
                bound += 1
    except Cancelled:
        return bound
    return bound
