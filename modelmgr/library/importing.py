"""Paths -> records -> pending models: nothing is decided here, and every byte is kept."""

import contextlib
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from modelmgr import payload
from modelmgr.catalog.pending_store import NewRecord
from modelmgr.errors import ModelmgrError, Unreadable, Usage
from modelmgr.library.merging import Merging, claims_of
from modelmgr.migration import detect, promotion
from modelmgr.migration.source import Container, LegacySource
from modelmgr.migration.sources import ALL
from modelmgr.progress import Cancelled, Progress
from modelmgr.values import (
    MIB,
    Batch,
    BatchState,
    Claims,
    FoundSource,
    ImportReport,
    Problem,
    Record,
    Sample,
    is_below,
    is_below_any,
)
from modelmgr.vocabulary import type_of_folder

CHUNK_RECORDS = 500
CHUNK_BYTES = 8 * MIB
CHUNK_S = 0.25
SAMPLES_A_SOURCE = 5
SAMPLE_CHARACTERS = 4_000
SHOWN_PATHS = 1_000


@dataclass(frozen=True, slots=True)
class Binding:
    """Which file a record speaks of, as far as names and known hashes tell.

    Attributes:
        file_path: the one file, or None.
        candidates: all that it may be, if more than one.
        outside: an existing file that it names where the program may not look, or None.
    """

    file_path: str | None = None
    candidates: tuple[str, ...] = ()
    outside: str | None = None

    def problem(self, claims: Claims) -> tuple[str | None, str]:
        """Return the problem code and sentence that the file alone gives rise to."""
        if self.file_path is not None:
            return None, ""
        facts = promotion.Facts(candidates=self.candidates, outside=self.outside)
        verdict = promotion.verdict(claims, facts, attach_anyway=False, allow_missing=False)
        return verdict.problem, verdict.message


class Importing(Merging):
    """Detect, dry run, import, resume."""

    def detect(self, paths: Sequence[str], progress: Progress) -> ImportReport:
        """Tell which sources lie under the paths and how many records each container holds; writes nothing.

        Returns:
            `found` with sidecars counted together under the path that the user named, databases and exports one by
            one; problems and counts as far as detection met them.
        """
        report = ImportReport(dry_run=True)
        sidecars: dict[tuple[str, str], int] = {}
        try:
            for container, source in self._containers(paths, None, report, progress):
                count: dict[str, int] = {}
                for record in self._records(container, source, report, progress):
                    count[record.source] = count.get(record.source, 0) + 1
                for source_id, number in (count or {source.id: 0}).items():
                    if source.many or container.is_folder:
                        report.found.append(FoundSource(source_id, container.path, number))
                    elif number:
                        key = (source_id, _named_root(container.path, paths))
                        sidecars[key] = sidecars.get(key, 0) + number
        except Cancelled:
            report.cancelled = True
        report.found[:0] = [FoundSource(source, path, number) for (source, path), number in sidecars.items()]
        return report

    def preview(self, paths: Sequence[str], *, source: str | None = None, progress: Progress) -> ImportReport:
        """Say what an import of these paths would do, with samples; writes nothing."""
        report = ImportReport(dry_run=True)
        start = time.monotonic()
        sampled: dict[str, int] = {}
        try:
            for container, its_source in self._containers(paths, source, report, progress):
                for record in self._records(container, its_source, report, progress):
                    state = self.catalog.record_state(record)
                    report.seen += 1
                    _count(report, record, state)
                    new = self._new_record(record, container, paths, report)
                    progress.step(report.seen, None, container.name, "records")
                    if sampled.setdefault(record.source, 0) < SAMPLES_A_SOURCE:
                        sampled[record.source] += 1
                        report.samples.append(_sample(record, new, state))
        except Cancelled:
            report.cancelled = True
        report.elapsed_s = time.monotonic() - start
        return report

    def import_paths(
        self, paths: Sequence[str], *, source: str | None = None, progress: Progress
    ) -> ImportReport:
        """Import what other tools know about the models under these paths into the pending models.

        Each record counts once, however often it is imported. Cancelled or killed, whole records stay, and a
        resumed batch ends as an uninterrupted one.

        Raises:
            CatalogError: the catalog can't be written; what was committed before stays.
        """
        paths = [os.path.abspath(path) for path in paths]
        if source is not None:
            _check_source(source)
        return self._run(self.catalog.begin_batch(paths, source), paths, source, progress)

    def interrupted(self) -> list[Batch]:
        """Return the batches whose program ended in the middle, the oldest first."""
        self.catalog.mark_interrupted()
        return self.catalog.batches(BatchState.INTERRUPTED)[::-1]

    def resume(self, progress: Progress) -> ImportReport:
        """Finish the interrupted batches.

        Returns:
            The totals of all of them; `batch_id` is that of the last, None if there was none.
        """
        whole = ImportReport()
        for batch in self.interrupted():
            if not self.catalog.resume_batch(batch.id):
                continue
            report = self._run(batch.id, list(batch.paths), batch.source, progress)
            _add(whole, report)
            if report.cancelled:
                break
        return whole

    def _run(
        self, batch_id: int, paths: Sequence[str], source: str | None, progress: Progress
    ) -> ImportReport:
        report = ImportReport(batch_id=batch_id)
        start = time.monotonic()
        state = BatchState.INTERRUPTED
        try:
            try:
                chunk: list[NewRecord] = []
                size, since = 0, time.monotonic()
                for container, its_source in self._containers(paths, source, report, progress):
                    for record in self._records(container, its_source, report, progress):
                        chunk.append(self._new_record(record, container, paths, report))
                        size += len(record.payload)
                        late = time.monotonic() - since > CHUNK_S
                        if len(chunk) >= CHUNK_RECORDS or size >= CHUNK_BYTES or late:
                            self._put(batch_id, chunk, report)
                            chunk, size, since = [], 0, time.monotonic()
                        progress.step(report.seen, None, container.name, "records")
                self._put(batch_id, chunk, report)
                state = BatchState.DONE
            except Cancelled:
                self._put(batch_id, chunk, report)
                report.cancelled = True
                state = BatchState.CANCELLED
        finally:
            # On a full disk this may fail as well; the batch is then found interrupted by the next start.
            with (
                contextlib.suppress(ModelmgrError)
                if state == BatchState.INTERRUPTED
                else contextlib.nullcontext()
            ):
                self.catalog.end_batch(batch_id, state, report)
        report.elapsed_s = time.monotonic() - start
        return report

    def _put(self, batch_id: int, chunk: Sequence[NewRecord], report: ImportReport) -> None:
        # Counted only after the commit: what the report says has happened.
        for new, state in zip(chunk, self.catalog.put_records(batch_id, chunk), strict=True):
            report.seen += 1
            _count(report, new.record, state)

    # --- finding and reading ----------------------------------------------------------------------------

    def _containers(
        self, paths: Sequence[str], source: str | None, report: ImportReport, progress: Progress
    ) -> Iterator[tuple[Container, LegacySource]]:
        for found in detect.find(
            [os.path.abspath(path) for path in paths],
            library_folders=list(self.catalog.folder_facts()),
            source=source,
            progress=progress,
            report=lambda problem: _fail(report, problem),
        ):
            if found.kind == "model":
                report.model_count += 1
                if len(report.model_paths) < SHOWN_PATHS:
                    report.model_paths.append(found.path)
            elif found.kind == "ignored":
                report.seen += 1
                report.ignored += 1
                if len(report.ignored_paths) < SHOWN_PATHS:
                    report.ignored_paths.append(found.path)
            elif found.container is not None and found.source is not None:
                try:
                    report.roots += found.source.roots(found.container)
                except Unreadable as error:
                    _fail(report, Problem(found.path, error.code, error.message))
                    continue
                yield found.container, found.source

    def _records(
        self, container: Container, source: LegacySource, report: ImportReport, progress: Progress
    ) -> Iterator[Record]:
        def problem(found: Problem) -> None:
            _fail(report, found)
            if not found.kept:
                counts = _counts(report, source.id)
                counts["seen"] += 1
                counts["failed"] += 1

        try:
            for record in source.records(container, progress, problem):
                if not source.enriches or self._is_held(record):
                    yield record
        except Unreadable as error:
            problem(Problem(container.path, error.code, error.message))

    def _is_held(self, record: Record) -> bool:
        """Tell whether a record of a catalogue of strangers' models speaks of a file that is known here."""
        claimed = claims_of(record).sha256
        return claimed is not None and bool(self.catalog.files_with_sha256(claimed))

    def _new_record(
        self, record: Record, container: Container, paths: Sequence[str], report: ImportReport
    ) -> NewRecord:
        claims = claims_of(record, container.siblings)
        binding = self.bind(record, claims, paths)
        problem, message = claims.problem, claims.message
        if problem is not None:
            report.problems.append(
                Problem(
                    record.source_path,
                    problem,
                    message or "The payload can't be read.",
                    record.record_key,
                    True,
                )
            )
        else:
            problem, message = binding.problem(claims)
        if binding.outside is not None:
            folder = os.path.dirname(binding.outside)
            report.outside_folders[folder] = report.outside_folders.get(folder, 0) + 1
        named = binding.file_path or claims.path or container.path
        return NewRecord(
            record,
            name=claims.fields.get("name") or _stem(named),
            type=claims.fields.get("type") or type_of_folder(named) or "unknown",
            base_model=claims.fields.get("base_model"),
            sha256=claims.sha256,
            file_path=binding.file_path or binding.outside,
            problem=problem,
            message=message,
            candidates=binding.candidates,
            container_mtime=container.mtime_ns / 1e9,
        )

    def bind(self, record: Record, claims: Claims, imported: Sequence[str]) -> Binding:
        """Find the file that a record speaks of, by path, by stem beside it, or by a known hash.

        Args:
            record: where the record stands.
            claims: what it says.
            imported: the paths of its batch; with the library folders they bound where a path is followed.
        """
        beside = os.path.dirname(record.source_path)
        found = [path for name in claims.stem_names if os.path.isfile(path := os.path.join(beside, name))]
        outside: str | None = None
        for claimed in (claims.path, *claims.other_paths):
            if found or not claimed:
                continue
            path = os.path.normpath(os.path.join(beside, claimed))
            allowed = [*imported, *self.catalog.folder_facts()]
            if not os.path.isabs(claimed):
                allowed.append(beside)
            with contextlib.suppress(OSError, ValueError):
                if os.path.isfile(path):
                    if _leads_below(path, allowed) or self.catalog.known_file(path) is not None:
                        found = [path]
                    else:
                        outside = outside or path
        if not found and claims.sha256:
            known = self.catalog.files_with_sha256(claims.sha256)
            found = [file.path for file in known if file.state == "present"][:1]
        if not found:
            return Binding(outside=outside)
        if len(found) == 1:
            return Binding(found[0])
        candidates = [self._candidate(path) for path in dict.fromkeys(found)]
        chosen = promotion.choose_file(claims, candidates, source=record.source)
        if isinstance(chosen, str):
            return Binding(chosen)
        return Binding(None, tuple(candidate.path for candidate in candidates))

    def _candidate(self, path: str) -> promotion.Candidate:
        try:
            facts = os.stat(path)
        except OSError:
            return promotion.Candidate(path, -1)
        known = self.catalog.known_file(path)
        fits = known is not None and (known.size_bytes, known.mtime_ns) == (facts.st_size, facts.st_mtime_ns)
        return promotion.Candidate(path, facts.st_size, known.sha256 if known is not None and fits else None)


def _leads_below(path: str, allowed: Sequence[str]) -> bool:
    """Tell whether a path stays, links and all, below one of the folders or below a folder link there."""
    real = os.path.realpath(path)
    for root in allowed:
        if not is_below(path, root):
            continue
        real_root = os.path.realpath(root)
        if is_below_any(real, [real_root, *(os.path.realpath(other) for other in allowed)]):
            return True
        folder = os.path.dirname(path)
        while is_below(folder, root) and folder != root:
            target = os.path.realpath(folder)
            if os.path.islink(folder) and is_below(real, target) and not is_below(real_root, target):
                return not is_below_any(real, ("/proc", "/sys", "/dev"))
            folder = os.path.dirname(folder)
    return False


def _check_source(source: str) -> None:
    known = sorted(
        {source.id for source in ALL} | {record_id for source in ALL for record_id in source.record_ids}
    )
    if source not in known:
        raise Usage(f"{source} is no known source; known are: {', '.join(known)}.", source=source)


def _fail(report: ImportReport, problem: Problem) -> None:
    report.problems.append(problem)
    if not problem.kept:
        report.seen += 1
        report.failed += 1


def _counts(report: ImportReport, source: str) -> dict[str, int]:
    return report.by_source.setdefault(
        source, {"seen": 0, "imported": 0, "changed": 0, "unchanged": 0, "failed": 0}
    )


def _count(report: ImportReport, record: Record, state: str) -> None:
    counts = _counts(report, record.source)
    counts["seen"] += 1
    if state == "unchanged":
        report.unchanged += 1
        counts["unchanged"] += 1
        return
    counts["imported"] += 1
    if state == "added":
        report.added += 1
    else:
        report.updated += 1
        counts["changed"] += 1


def _add(whole: ImportReport, part: ImportReport) -> None:
    whole.batch_id = part.batch_id
    for name in ("seen", "added", "updated", "unchanged", "ignored", "failed", "model_count", "elapsed_s"):
        setattr(whole, name, getattr(whole, name) + getattr(part, name))
    whole.problems += part.problems
    whole.cancelled = whole.cancelled or part.cancelled
    for source, counts in part.by_source.items():
        into = whole.by_source.setdefault(source, dict.fromkeys(counts, 0))
        for name, number in counts.items():
            into[name] += number


def _sample(record: Record, new: NewRecord, state: str) -> Sample:
    fields = {
        key: value for key, value in claims_of(record).fields.items() if value not in (None, "", (), [])
    } | {"name": new.name, "type": new.type}
    if new.sha256:
        fields["sha256"] = new.sha256
    if new.file_path:
        fields["path"] = new.file_path
    return Sample(
        record.source,
        record.source_path,
        record.record_key,
        fields,
        payload.text(record.payload, SAMPLE_CHARACTERS),
        state,
        new.problem,
    )


def _named_root(path: str, paths: Sequence[str]) -> str:
    """Return the path that the user named and under which a container was found."""
    for named in paths:
        if is_below_any(path, [os.path.abspath(named)]):
            return os.path.abspath(named)
    return os.path.dirname(path)


def _stem(path: str) -> str:
    return os.path.splitext(os.path.basename(path.replace("\\", "/")))[0]
