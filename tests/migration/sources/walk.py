"""A walk over a folder as an import does it, for sources whose container is a folder or lies deep in one."""

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from modelmgr.migration import detect
from modelmgr.progress import Progress
from modelmgr.values import Claims, Problem, Record, Root


@dataclass
class Walk:
    """What the sources make of a folder.

    Attributes:
        records: in the order in which they came; `claims` are theirs.
        ignored, models: paths relative to the folder.
    """

    records: list[Record] = field(default_factory=list)
    claims: list[Claims] = field(default_factory=list)
    roots: list[Root] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    models: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def of(self, source: str) -> dict[str, tuple[Record, Claims]]:
        """Return key -> record and claims of one source whose container occurs once."""
        pairs = [(r, c) for r, c in zip(self.records, self.claims, strict=True) if r.source == source]
        found = {record.record_key: (record, claims) for record, claims in pairs}
        assert len(found) == len(pairs), "keys occur twice"
        return found

    def one(self, source: str) -> tuple[Record, Claims]:
        """Return the only record of a source."""
        ((record, claims),) = self.of(source).values()
        return record, claims

    @property
    def sources(self) -> list[str]:
        return sorted({record.source for record in self.records})


def walk(root: Path, paths: Iterable[Path] = ()) -> Walk:
    """Detect and read what lies below a folder, or below some paths in it."""
    made = Walk()
    named = [str(path) for path in paths] or [str(root)]
    found = detect.find(named, library_folders=[], progress=Progress(), report=made.problems.append)
    for one in found:
        if one.kind != "container":
            (made.ignored if one.kind == "ignored" else made.models).append(os.path.relpath(one.path, root))
            continue
        assert one.container is not None
        assert one.source is not None
        made.roots += one.source.roots(one.container)
        for record in one.source.records(one.container, Progress(), made.problems.append):
            assert record.source in one.source.record_ids
            siblings = frozenset(os.listdir(os.path.dirname(record.source_path)))
            made.records.append(record)
            made.claims.append(one.source.claims(record, siblings))
    return made
