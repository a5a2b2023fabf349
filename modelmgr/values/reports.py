"""What a deed is told, and what it reports: scans, imports, promotions, exports."""

from dataclasses import field
from typing import Literal

from modelmgr.lazily import dataclass
from modelmgr.values.basics import Problem
from modelmgr.values.records import FoundSource, Root, Sample


@dataclass(slots=True)
class Totals:
    """Counts of one run. Seen = added + updated + unchanged + ignored + failed, always.

    An import says ``imported`` for added and updated.
    """

    seen: int = 0
    added: int = 0
    updated: int = 0
    unchanged: int = 0
    ignored: int = 0
    failed: int = 0
    problems: list[Problem] = field(default_factory=list)

    @property
    def imported(self) -> int:
        """Records that are new or newly changed."""
        return self.added + self.updated


@dataclass(frozen=True, slots=True)
class ScanOptions:
    """How files are hashed.

    Attributes:
        kinds: ``sha256`` (and what is free), ``all``, or ``auto``: all where that costs next to nothing.
        workers: threads; 0 takes as many as the disk bears.
        read_limit_mb_s: megabytes a second that may be read for hashes, 0 for no limit.
    """

    kinds: Literal["sha256", "auto", "all"] = "auto"
    workers: int = 0
    read_limit_mb_s: int = 0


@dataclass(slots=True)
class ScanReport(Totals):
    """What a scan met. `missing` and `offline` count known files that this run found so.

    Attributes:
        moved: known files that were met at another path; they count as `added` there, and not as missing.
        rewritten: files of which only the header was written anew; their models go on.
    """

    missing: int = 0
    offline: int = 0
    moved: int = 0
    rewritten: int = 0
    hashed: int = 0
    bytes_hashed: int = 0
    elapsed_s: float = 0.0
    cancelled: bool = False


@dataclass(frozen=True, slots=True)
class IgnoredFile:
    """A file that a scan leaves out, and why: ``partial_download``, ``hidden``, ``pattern`` or ``no_model``."""

    path: str
    reason: str


@dataclass(slots=True)
class MoveReport:
    """What became of the files of a folder that lies elsewhere now.

    Attributes:
        found: files that are there, with the size they had.
        changed: files that are there with another size; they are looked at anew.
        absent: files that are not there; they stay as they were.
    """

    found: int = 0
    changed: int = 0
    absent: int = 0
    problems: list[Problem] = field(default_factory=list)
    cancelled: bool = False


@dataclass(slots=True)
class ImportReport(Totals):
    """What an import, or its dry run, met.

    Attributes:
        batch_id: None for a dry run.
        by_source: source id -> counts (``seen``, ``imported``, of these ``changed``, ``unchanged``, ``failed``).
        bound: source id -> number of its records whose file was found (dry run).
        found: containers by source (dry run and detect).
        samples: a few of the records with what would be shown for them (dry run).
        model_paths: model files under the paths (they are added by a scan, not by the import).
        ignored_paths: the first of the files that no source knows.
        outside_folders: folder -> number of records that speak of files in it, and of links to records there, where it
            is no library folder.
        gone: known records that their containers no longer hold, newly marked so by this run.
        roots: folders of models that the settings of other tools name.
    """

    batch_id: int | None = None
    by_source: dict[str, dict[str, int]] = field(default_factory=dict)
    bound: dict[str, int] = field(default_factory=dict)
    found: list[FoundSource] = field(default_factory=list)
    samples: list["Sample"] = field(default_factory=list)
    model_paths: list[str] = field(default_factory=list)
    model_count: int = 0
    ignored_paths: list[str] = field(default_factory=list)
    outside_folders: dict[str, int] = field(default_factory=dict)
    roots: list[Root] = field(default_factory=list)
    gone: int = 0
    elapsed_s: float = 0.0
    cancelled: bool = False
    dry_run: bool = False

    def count(self, source: str, outcome: str) -> None:
        """Count a record of a source that was ``added``, ``updated`` or ``unchanged``."""
        self.seen += 1
        counts = self._counts_of(source)
        counts["seen"] += 1
        if outcome == "unchanged":
            self.unchanged += 1
            counts["unchanged"] += 1
            return
        counts["imported"] += 1
        if outcome == "added":
            self.added += 1
        else:
            self.updated += 1
            counts["changed"] += 1

    def fail(self, problem: Problem, source: str | None = None) -> None:
        """Note a problem; if what it is about was not taken it counts as failed, of a source where that is known."""
        self.problems.append(problem)
        if problem.kept:
            return
        self.seen += 1
        self.failed += 1
        if source is not None:
            counts = self._counts_of(source)
            counts["seen"] += 1
            counts["failed"] += 1

    def add(self, part: "ImportReport") -> None:
        """Take in what another run met, which came after this one."""
        self.batch_id = part.batch_id
        self.seen += part.seen
        self.added += part.added
        self.updated += part.updated
        self.unchanged += part.unchanged
        self.ignored += part.ignored
        self.failed += part.failed
        self.gone += part.gone
        self.model_count += part.model_count
        self.elapsed_s += part.elapsed_s
        self.problems += part.problems
        self.cancelled = self.cancelled or part.cancelled
        for source, counts in part.by_source.items():
            own = self._counts_of(source)
            for name, number in counts.items():
                own[name] += number

    def _counts_of(self, source: str) -> dict[str, int]:
        return self.by_source.setdefault(
            source, {"seen": 0, "imported": 0, "changed": 0, "unchanged": 0, "failed": 0}
        )


@dataclass(slots=True)
class PromoteReport:
    """What a promotion did. `stayed` rows are each in `problems`, with their code.

    `promotion` is the number by which this run can be undone, None if it promoted nothing; `edit_group` that of the
    edit which brought back what the user had set in an exported catalog.
    """

    promoted: int = 0
    stayed: int = 0
    problems: list[Problem] = field(default_factory=list)
    pending_ids: list[int] = field(default_factory=list)
    promotion: int | None = None
    edit_group: int | None = None
    cancelled: bool = False


@dataclass(slots=True)
class UndoReport:
    """What an undo of promotions did. `stayed` rows are each in `problems`, with their code."""

    undone: int = 0
    stayed: int = 0
    problems: list[Problem] = field(default_factory=list)
    cancelled: bool = False


@dataclass(slots=True)
class SidecarReport:
    """What was written for another tool.

    Attributes:
        models: those of which a sidecar was asked.
        files: sidecars that were written; `originals` of them are the bytes that were once imported.
        skipped: sidecars that were not written; why stands in `problems`.
    """

    models: int = 0
    files: int = 0
    originals: int = 0
    skipped: int = 0
    problems: list[Problem] = field(default_factory=list)
    cancelled: bool = False


@dataclass(slots=True)
class VerifyReport:
    """What re-hashing found."""

    checked: int = 0
    ok: int = 0
    changed: int = 0
    missing: int = 0
    problems: list[Problem] = field(default_factory=list)
    cancelled: bool = False
