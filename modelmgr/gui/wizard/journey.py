"""What the pages of the wizard share: what was chosen, found and done, and the deeds, for workers."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from PySide6.QtCore import QIODevice, QSaveFile

from modelmgr.errors import ModelmgrError, NotFound, Unreadable
from modelmgr.gui.reasons import gather_folders
from modelmgr.library import Library
from modelmgr.progress import Progress, Within
from modelmgr.values import (
    MODEL_SUFFIXES,
    ImportReport,
    PendingQuery,
    PendingState,
    Problem,
    PromoteReport,
    Root,
    ScanOptions,
    ScanReport,
    UndoReport,
    is_below,
    is_below_any,
)

PROMOTED_AT_ONCE = 500


def scan_targets(paths: Sequence[str], report: ImportReport) -> list[str]:
    """Return those of `paths` that hold model files, by what a preview found."""
    cut = report.model_count > len(report.model_paths)
    targets = []
    for path in paths:
        if os.path.isdir(path):
            if cut or any(is_below(found, path) for found in report.model_paths):
                targets.append(path)
        elif os.path.splitext(path)[1].lower() in MODEL_SUFFIXES:
            targets.append(path)
    return targets


@dataclass(frozen=True, slots=True)
class Offer:
    """A folder that could become a library folder: records or settings of other tools speak of it.

    Attributes:
        records: how many records speak of files in it.
        sources: whose settings name it, as source ids; `types`: what they keep in it.
        is_there: whether it can be reached now.
    """

    path: str
    records: int = 0
    sources: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    is_there: bool = True


def offers_of(report: ImportReport, known: Sequence[str]) -> list[Offer]:
    """Return the folders to offer after a preview; looks only whether they are there. For a worker.

    Of folders within one another the outermost stands for all.

    Args:
        report: of the preview.
        known: library folders, and folders that are imported anyway; what lies below them needs no offer.
    """
    named: dict[str, list[Root]] = {}
    for root in sorted(report.roots, key=lambda root: root.path):
        path = os.path.normpath(root.path)
        if not is_below_any(path, known):
            outer = next((other for other in named if is_below(path, other)), path)
            named.setdefault(outer, []).append(root)
    counts = dict.fromkeys(named, 0)
    rest: dict[str, int] = {}
    for folder, count in report.outside_folders.items():
        outer = next((other for other in named if is_below(folder, other)), "")
        if outer:
            counts[outer] += count
        else:
            rest[folder] = count
    offers = [Offer(folder, count, is_there=os.path.isdir(folder)) for folder, count in gather_folders(rest)]
    for path, roots in named.items():
        sources = tuple(dict.fromkeys(root.source for root in roots))
        types = tuple(dict.fromkeys(root.type for root in roots if root.type != "unknown"))
        offers.append(Offer(path, counts[path], sources, types, os.path.isdir(path)))
    return sorted(offers, key=lambda offer: (not offer.is_there, -offer.records))


@dataclass(slots=True)
class Journey:
    """What was chosen, found and done; `options` say how new files are hashed.

    Attributes:
        known_models: how many of the model files that were found lie in library folders already.
        goes_on: model files are still being added, in the background.
        cut_short: the records are in, and then adding the models or the promotion was stopped.
    """

    options: ScanOptions = field(default_factory=ScanOptions)
    paths: list[str] = field(default_factory=list)
    preview: ImportReport | None = None
    offers: list[Offer] = field(default_factory=list)
    known_models: int = 0
    add_models: bool = False
    promote: bool = False
    keep_previews: bool = False
    folders: list[str] = field(default_factory=list)
    imported: ImportReport | None = None
    scanned: ScanReport | None = None
    promoted: PromoteReport | None = None
    undone: UndoReport | None = None
    goes_on: bool = False
    cut_short: bool = False
    error: Exception | None = None

    @property
    def is_whole(self) -> bool:
        """Whether all that was wished came to its end."""
        whole = self.imported is not None and not self.imported.cancelled
        return self.error is None and whole and not self.cut_short

    @property
    def left(self) -> int:
        """How many of the records that the look has counted are not in yet."""
        if self.preview is None or self.imported is None:
            return 0
        return max(0, self.preview.imported - self.imported.imported)


def chosen_text(paths: Sequence[str], longest: int) -> str:
    """Write down chosen paths as a JSON list, of many the first that fit whole.

    Args:
        paths: whatever a file system allows, line ends too.
        longest: so many characters the text has at most.
    """
    room = longest - len("[\n\n]")
    fitting = []
    for path in paths:
        room -= len(json.dumps(path, ensure_ascii=False)) + len(",\n")
        if room < 0:
            break
        fitting.append(path)
    return json.dumps(fitting, ensure_ascii=False, indent=0)


def chosen_paths(text: str) -> list[str]:
    """Read what `chosen_text` wrote; none from any other text."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return []
    return [path for path in found if isinstance(path, str)] if isinstance(found, list) else []


class RecordSteps(Within):
    """Tells how far an import is in records, and only names what is walked through or read meanwhile.

    Its steps come from the walk (files), from within a container (bytes, rows) and from the import itself
    (records). Told as they come, number and unit would jump, and there would never be a rate.

    Args:
        outer: hears of the steps, and says when to stop.
        expected: how many records there will be, 0 if nobody knows yet.
    """

    def __init__(self, outer: Progress, expected: int = 0) -> None:
        super().__init__(outer)
        self._expected = expected
        self._records = 0

    def step(self, done: int, total: int | None, text: str = "", unit: str = "files") -> None:
        if unit == "records":
            self._records = max(self._records, done)
        if self._expected:
            self._outer.step(self._records, max(self._expected, self._records), text, "records")
        elif self._records:
            self._outer.step(self._records, None, text, "records")
        else:
            self._outer.step(done, total, text, unit)


def count_records(library: Library, paths: Sequence[str], progress: Progress) -> int | None:
    """Count the records below some paths; None if it was stopped before the end."""
    report = library.detect(paths, progress)
    return None if report.cancelled else sum(found.records for found in report.found)


class Look(NamedTuple):
    """What a look has found.

    Attributes:
        offers: folders that are spoken of.
        known_models: how many of the model files lie in library folders already.
    """

    report: ImportReport
    offers: list[Offer]
    known_models: int


def look_at(library: Library, paths: Sequence[str], progress: Progress) -> Look:
    """Say what an import of `paths` would do, and which folders are spoken of; writes nothing."""
    report = library.preview(paths, progress=RecordSteps(progress))
    folders = list(library.catalog.folder_facts())
    known = sum(is_below_any(path, folders) for path in report.model_paths)
    return Look(report, offers_of(report, [*folders, *filter(os.path.isdir, paths)]), known)


def bring_in(
    library: Library, paths: Sequence[str], folders: Sequence[str], expected: int, progress: Progress
) -> ImportReport:
    """Import `paths`; `folders` become library folders before, so that records may speak of files in them.

    `expected` is how many records a look has counted.
    """
    gone = []
    for folder in folders:
        try:
            library.add_folder(folder)
        except (NotFound, Unreadable) as error:
            gone.append(Problem(folder, error.code, error.message, kept=True))
    report = library.import_paths(paths, progress=RecordSteps(progress, expected))
    report.problems += gone
    return report


def add_and_promote(
    library: Library,
    targets: Sequence[str],
    imported: Sequence[str],
    keep_previews: bool,
    options: ScanOptions,
    progress: Progress,
) -> tuple[ScanReport | None, PromoteReport | None]:
    """Scan `targets`, then promote what is clear of what lies at or below the paths `imported`.

    With `keep_previews` the catalog's own folder gets copies of the pictures of what is promoted.
    """
    scanned = library.scan(targets, options=options, progress=progress) if targets else None
    if not imported or progress.is_cancelled:
        return scanned, None
    ready = _ready_of(library, imported)
    return scanned, library.promote(ready, keep_previews=keep_previews, progress=progress)


def _ready_of(library: Library, imported: Sequence[str]) -> list[int]:
    # By place, not by batch: what an import that was stopped has brought in belongs to the same wish.
    ready = library.catalog.pending_order(PendingQuery(states=(PendingState.PENDING,), problems=("none",)))
    found: list[int] = []
    for start in range(0, len(ready), PROMOTED_AT_ONCE):
        rows = library.catalog.pending_rows(ready[start : start + PROMOTED_AT_ONCE])
        found += [row.id for row in rows if is_below_any(row.source_path, imported)]
    return found


def write_file(path: str, content: bytes) -> None:
    """Write a file whole or not at all.

    Raises:
        ModelmgrError: it could not be written.
    """
    file = QSaveFile(path)
    if (
        not file.open(QIODevice.OpenModeFlag.WriteOnly)
        or file.write(content) != len(content)
        or not file.commit()
    ):
        raise ModelmgrError(f"The report could not be written to {path}: {file.errorString()}.", path=path)
