"""Paths -> records -> pending models: nothing is decided here, and every byte is kept."""

import contextlib
import os
import re
import time
from array import array
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any, Self

from modelmgr import payload, tree
from modelmgr.catalog import Catalog
from modelmgr.catalog.file_store import KnownFile
from modelmgr.catalog.import_store import (
    Identity,
    KnownRow,
    NewRecord,
    Place,
    Version,
    identity_of,
    outcome,
)
from modelmgr.errors import ModelmgrError, Unreadable, Usage
from modelmgr.library.merging import Merging, claims_of
from modelmgr.library.tracing import TRACED_BYTES
from modelmgr.migration import detect, promotion
from modelmgr.migration import sources as legacy_sources
from modelmgr.migration.beside import base_name, models_beside, subject_of
from modelmgr.migration.hashes import full_sha256
from modelmgr.migration.source import Container, LegacySource
from modelmgr.migration.sources import inline
from modelmgr.progress import REPORT_INTERVAL_S, Cancelled, Progress
from modelmgr.values import (
    MIB,
    Batch,
    BatchState,
    Claims,
    FoundSource,
    ImportReport,
    InlineModel,
    Problem,
    Record,
    Sample,
    Totals,
    is_below,
    is_below_any,
)
from modelmgr.vocabulary import UNKNOWN, type_of_folder

CHUNK_RECORDS = 500
FIRST_CHUNK_RECORDS = 20
"""The first chunk is small and each is twice the one before, so that whoever waits soon sees how it goes."""
CHUNK_BYTES = 8 * MIB
CHUNK_S = 0.25
SAMPLES_A_SOURCE = 5
SAMPLE_CHARACTERS = 4_000
SHOWN_PATHS = 1_000
KEPT_FOLDERS = 4_096
OF_PAYLOAD = ("unparsed_payload", "too_deep")
"""Problems that a record's own bytes give rise to, whatever file it speaks of."""
_STAYED = frozenset((promotion.NO_FILE, promotion.AMBIGUOUS, promotion.HASH_MISMATCH, promotion.OUTSIDE))
"""Problems that what stands around a record can give rise to, and take away again."""
_NO_FOLDERS_OF_FILES = ("/proc", "/sys")
"""What lies there may be read without end, though it looks like a file."""
_INLINE = inline.Inline()
_NOWHERE = Container("", "", 0, 0)
"""What holds the models that were handed over."""
_COUNTER = re.compile(r" \(\d{1,3}\)")
"""What file managers write into the name of a copy."""


@dataclass(frozen=True, slots=True)
class Binding:
    """Which file a record speaks of, as far as names and known hashes tell.

    Attributes:
        file_path: the one file, or None.
        candidates: all that it may be, if more than one, or if nothing but a likeness speaks for it.
        is_loose: only a hash can make one of the candidates the file.
        outside: an existing file that it names where the program may not look, or None.
    """

    file_path: str | None = None
    candidates: tuple[str, ...] = ()
    outside: str | None = None
    is_loose: bool = False

    def problem(self, claims: Claims) -> tuple[str | None, str]:
        """Return the problem code and sentence that the file alone gives rise to."""
        if self.file_path is not None:
            return None, ""
        facts = promotion.Facts(candidates=self.candidates, outside=self.outside)
        verdict = promotion.verdict(claims, facts, attach_anyway=False, allow_missing=False)
        return verdict.problem, verdict.message


@dataclass(slots=True)
class _Looked:
    """A record that was read, and what the catalog knows of it.

    Attributes:
        state: what its import does, see `import_store.outcome`.
        version: the row that holds it already, or None.
        new: what to write if there is none.
    """

    record: Record
    container: Container
    source: LegacySource
    identity: Identity
    state: str = ""
    version: Version | None = None
    new: NewRecord | None = None

    @property
    def has_file(self) -> bool:
        """Whether the file that the record speaks of was found, where the program may look."""
        if self.version is not None and self.version.is_active:
            return True
        row = self.new or self.version
        return row is not None and row.file_path is not None and row.problem != "outside"


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
                    if source.enriches and not self._is_held(record):
                        continue
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

    def preview(
        self,
        paths: Sequence[str],
        *,
        source: str | None = None,
        models: Sequence[InlineModel] = (),
        progress: Progress,
    ) -> ImportReport:
        """Say what an import of these paths and models would do, with samples; writes nothing."""
        paths = [os.path.abspath(path) for path in paths]
        report = ImportReport(dry_run=True)
        start = time.monotonic()
        sampled: dict[str, int] = {}

        def look() -> None:
            for looked in self._look(chunk.take(), None, paths, report):
                _count(report, looked.record.source, looked.state)
                bound = report.bound.get(looked.record.source, 0)
                report.bound[looked.record.source] = bound + looked.has_file
                sampled.setdefault(looked.record.source, 0)
                if sampled[looked.record.source] < SAMPLES_A_SOURCE:
                    sampled[looked.record.source] += 1
                    report.samples.append(self._sample(looked, paths))

        chunk = _Chunk()
        try:
            for record in self._handed_over(models, report, progress):
                if chunk.add(record, _NOWHERE, _INLINE):
                    look()
            for container, its_source in self._containers(paths, source, report, progress):
                for record in self._records(container, its_source, report, progress):
                    if chunk.add(record, container, its_source):
                        look()
                    progress.step(report.seen, None, container.name, "records")
            look()
        except Cancelled:
            look()
            report.cancelled = True
        report.elapsed_s = time.monotonic() - start
        return report

    def import_paths(
        self,
        paths: Sequence[str],
        *,
        source: str | None = None,
        models: Sequence[InlineModel] = (),
        progress: Progress,
    ) -> ImportReport:
        """Import what other tools know about the models under these paths into the pending models.

        Each record counts once, however often it is imported. Cancelled or killed, whole records stay, and a
        resumed batch ends as an uninterrupted one.

        Args:
            paths: files and folders.
            source: the only source that is asked about what lies there.
            models: of the same batch, but handed over as they are; they come first. The batch doesn't keep them: who
                handed them over does so again if it was interrupted.
            progress: records.

        Raises:
            CatalogError: the catalog can't be written; what was committed before stays.
        """
        paths = [os.path.abspath(path) for path in paths]
        if source is not None:
            _check_source(source)
        return self._run(self.catalog.begin_batch(paths, source), paths, source, progress, models)

    def interrupted(self) -> list[Batch]:
        """Return the batches whose program ended in the middle, the oldest first.

        Without paths there is nothing from which one could go on.
        """
        self.catalog.mark_interrupted()
        return [batch for batch in self.catalog.batches(BatchState.INTERRUPTED)[::-1] if batch.paths]

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
        self,
        batch_id: int,
        paths: Sequence[str],
        source: str | None,
        progress: Progress,
        models: Sequence[InlineModel] = (),
    ) -> ImportReport:
        report = ImportReport(batch_id=batch_id)
        start = time.monotonic()
        state = BatchState.INTERRUPTED
        try:
            chunk = _Chunk()
            met = _Met(self.catalog)
            with _Writer(self.catalog, batch_id, report, progress) as writer:
                try:
                    for record in self._handed_over(models, report, progress):
                        if chunk.add(record, _NOWHERE, _INLINE):
                            self._put(batch_id, chunk, paths, report, met, writer)
                    for container, its_source in self._containers(paths, source, report, progress):
                        failed = report.failed
                        for record in self._records(container, its_source, report, progress):
                            if chunk.add(record, container, its_source):
                                self._put(batch_id, chunk, paths, report, met, writer)
                            writer.count()
                            progress.step(report.seen, None, container.name, "records")
                        if report.failed == failed and (
                            its_source.many or its_source.shared or container.is_folder
                        ):
                            met.completed(container.path, its_source.record_ids)
                    self._put(batch_id, chunk, paths, report, met, writer)
                    writer.wait()
                    report.gone = self._mark_gone(met, paths, progress)
                    state = BatchState.DONE
                except Cancelled:
                    writer.wait()
                    self._put(batch_id, chunk, paths, report, met, writer)
                    writer.wait()
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

    def _put(
        self,
        batch_id: int,
        chunk: "_Chunk",
        paths: Sequence[str],
        report: ImportReport,
        met: "_Met",
        writer: "_Writer",
    ) -> None:
        """Have what of a chunk isn't known written."""
        new: list[_Looked] = []
        back: list[Place] = []
        around: dict[int, Mapping[str, Any] | None] = {}
        for looked in self._look(chunk.take(), batch_id, paths, report, met, back):
            if looked.version is None:
                new.append(looked)
            else:
                _count(report, looked.record.source, looked.state)
                if not looked.version.is_active and looked.version.problem in _STAYED:
                    # Its model may have come, or moved, since the container was first read.
                    around[looked.version.id] = looked.record.extra
        if around:
            self.catalog.put_surroundings(around)
        if new or back:
            writer.write(new, back)

    def _look(
        self,
        chunk: "list[_Looked]",
        batch_id: int | None,
        paths: Sequence[str],
        report: ImportReport,
        met: "_Met | None" = None,
        back: list[Place] | None = None,
    ) -> "list[_Looked]":
        """Ask once for all records of a chunk what is known of them, and derive from the unknown ones what to write.

        Args:
            chunk: the records; those of a catalogue of strangers' models that speak of no file here are left out.
            batch_id: of the run, None for a dry one.
            paths: that are imported.
            report: gets their problems.
            met: is told which rows were met.
            back: gets the records that were marked as gone.
        """
        known = self.catalog.versions_of([looked.identity for looked in chunk])
        claims: dict[int, Claims] = {}
        for number, looked in enumerate(chunk):
            versions = known.get(looked.identity.place, [])
            looked.state, looked.version = outcome(looked.identity, versions, batch_id)
            if met is not None:
                met.see(versions)
            if back is not None and versions and versions[-1].is_gone:
                back.append(looked.identity.place)
            if looked.version is None:
                claims[number] = claims_of(looked.record, looked.container.siblings)
        where = _where(self.catalog, paths, list(claims.values()))
        kept: list[_Looked] = []
        fresh: set[Place] = set()
        for number, looked in enumerate(chunk):
            if looked.version is not None:
                _recall(looked, where, report)
            else:
                said = claims[number]
                if looked.source.enriches and looked.state == "added" and not where.files_of(said.sha256):
                    continue
                looked.new = self._new_record(looked, said, where, report)
                if looked.identity.place in fresh:
                    looked.state = "updated"  # another version of it stands before it
                fresh.add(looked.identity.place)
            kept.append(looked)
        return kept

    # --- what is gone -----------------------------------------------------------------------------------

    def _mark_gone(self, met: "_Met", paths: Sequence[str], progress: Progress) -> int:
        """Mark the known records that their containers, which were read completely, no longer hold.

        Everything is found out before anything is marked, so that a cancelled run marks nothing.

        Returns:
            How many records were marked.
        """
        gone: tuple[array[int], array[int]] = (array("q"), array("q"))

        def note(row: KnownRow) -> None:
            gone[row.is_active].append(row.id)

        for path, sources in met.complete:
            for row in self.catalog.known_in(path, sources):
                progress.check()
                if not met.saw(row):
                    note(row)
        vanished = _Vanished()
        for root in paths:
            if not met.has_known or not os.path.isdir(root):
                continue
            for row in self.catalog.known_below(root):
                progress.check()
                if not met.saw(row) and vanished.is_gone(row.path, root):
                    note(row)
        return self.catalog.mark_gone(gone[False], gone[True])

    # --- finding and reading ----------------------------------------------------------------------------

    def _handed_over(
        self, models: Sequence[InlineModel], report: ImportReport, progress: Progress
    ) -> Iterator[Record]:
        """Yield the records of models that no container holds; what is handed over twice counts as known."""
        seen: set[Identity] = set()
        for number, model in enumerate(models):
            progress.step(number, None, model.name or "", "records")
            record = inline.record_of(model)
            identity = identity_of(record)
            if identity in seen:
                _count(report, record.source, "unchanged")
                continue
            seen.add(identity)
            yield record

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
            yield from source.records(container, progress, problem)
        except Unreadable as error:
            problem(Problem(container.path, error.code, error.message))

    def _is_held(self, record: Record) -> bool:
        """Tell whether a record of a catalogue of strangers' models speaks of a file that is known here."""
        claimed = claims_of(record).sha256
        return claimed is not None and bool(self.catalog.files_with_sha256(claimed))

    def _new_record(
        self, looked: _Looked, claims: Claims, where: "_Where", report: ImportReport
    ) -> NewRecord:
        record, container = looked.record, looked.container
        # Who hands a path over is the user, and may name any file; what an export repeats of that is a stranger's word.
        path = inline.named_path(record) if container is _NOWHERE else None
        binding = self._bound(record, claims, where, path)
        problem, message = claims.problem, claims.message
        if problem is not None:
            report.problems.append(_doubt(record, problem, message))
        else:
            problem, message = binding.problem(claims)
        if binding.outside is not None:
            _note_outside(report, binding.outside)
        named = binding.file_path or claims.path or container.path
        return NewRecord(
            record,
            name=claims.fields.get("name") or _name_of(looked, binding.file_path or claims.path),
            type=claims.fields.get("type") or type_of_folder(named) or UNKNOWN,
            base_model=claims.fields.get("base_model"),
            sha256=claims.sha256,
            file_path=binding.file_path or binding.outside,
            problem=problem,
            message=message,
            candidates=binding.candidates,
            container_mtime=time.time() if container is _NOWHERE else container.mtime_ns / 1e9,
            identity=looked.identity,
            hashes=claims.partial_hashes,
            located=path is not None and os.path.isabs(path),
        )

    def _sample(self, looked: _Looked, paths: Sequence[str]) -> Sample:
        record = looked.record
        claims = claims_of(record, looked.container.siblings)
        new = looked.new
        if new is None:
            where = _where(self.catalog, paths, [claims])
            new = self._new_record(looked, claims, where, ImportReport())
        fields = {key: value for key, value in claims.fields.items() if value not in (None, "", (), [])} | {
            "name": new.name,
            "type": new.type,
        }
        if new.sha256:
            fields["sha256"] = new.sha256
        if new.file_path:
            fields["path"] = new.file_path
        return Sample(
            record.source,
            record.source_path,
            record.record_key,
            fields,
            payload.masked(payload.text(record.payload, SAMPLE_CHARACTERS)),
            looked.state,
            new.problem,
            record if len(record.payload) <= TRACED_BYTES else None,
        )

    def bind(
        self, record: Record, claims: Claims, imported: Sequence[str], named: str | None = None
    ) -> Binding:
        """Find the file that a record speaks of, by path, by stem beside it, or by a known hash.

        Args:
            record: where the record stands.
            claims: what it says.
            imported: the paths of its batch; with the library folders they bound where a path is followed.
            named: a path that the user named himself; it may lie anywhere.
        """
        where = _where(self.catalog, imported, [claims])
        return self._bound(record, claims, where, named)

    def _bound(self, record: Record, claims: Claims, where: "_Where", named: str | None = None) -> Binding:
        beside = os.path.dirname(record.source_path)
        is_placed = os.path.isabs(beside)  # else names would be looked for where the program happens to run
        found = [
            path
            for name in claims.stem_names
            if os.path.isabs(path := os.path.join(beside, name))
            and os.path.isfile(path)
            and (not os.path.isabs(name) or where.allows(path, ()))
        ]
        outside: str | None = None
        for claimed in (claims.path, *claims.other_paths):
            if found or not claimed or not (is_placed or os.path.isabs(claimed)):
                continue
            path = os.path.normpath(os.path.join(beside, claimed))
            with contextlib.suppress(OSError, ValueError):
                if os.path.isfile(path):
                    own = () if os.path.isabs(claimed) else (beside,)
                    if (
                        (claimed == named and not is_below_any(os.path.realpath(path), _NO_FOLDERS_OF_FILES))
                        or where.allows(path, own)
                        or self.catalog.known_file(path) is not None
                    ):
                        found = [path]
                    else:
                        outside = outside or path
        if not found:
            found = [file.path for file in where.files_of(claims.sha256) if file.state == "present"][:1]
        if not found and outside is None:
            return self._like(record, claims, where)
        if not found:
            return Binding(outside=outside)
        if len(found) == 1:
            return Binding(found[0])
        candidates = [self._candidate(path) for path in dict.fromkeys(found)]
        chosen = promotion.choose_file(claims, candidates, source=record.source)
        if isinstance(chosen, str):
            return Binding(chosen)
        return Binding(None, tuple(candidate.path for candidate in candidates))

    def _like(self, record: Record, claims: Claims, where: "_Where") -> Binding:
        """Return what a record that leads to no file may speak of: a file whose path ends like the recorded one.

        At least the name and its folder are alike, and no other known file is as much so; an equal size makes it
        the file. The name is enough where a claimed hash can prove it, for tools forget where they were told to
        look. Else, beside a sidecar with a counter (``x (1).civitai.info``), the models without it.
        """
        tails: dict[KnownFile, tuple[int, int]] = {}
        for claimed in _recorded(claims):
            for file in where.files_named(claimed):
                tail = promotion.common_tail(claimed, file.path)
                tails[file] = max(tail, tails.get(file, tail))
        best = max(tails.values(), default=(0, 0))
        enough = 1 if claims.sha256 or claims.partial_hashes else 2
        alike = [file for file, tail in tails.items() if tail == best]
        fits = promotion.size_fits(claims, alike[0].size_bytes) if len(alike) == 1 else None
        if best[0] >= enough and len(alike) == 1 and fits is not False and os.path.isfile(alike[0].path):
            (file,) = alike
            agrees = promotion.compare(claims, {"sha256": file.sha256} if file.sha256 else {})
            if best[0] > 1 and agrees.holds is not False and fits and claims.size_bytes is not None:
                return Binding(file.path)
            if agrees.holds is not False or "AutoV3" in claims.partial_hashes:
                return Binding(None, (file.path,), is_loose=True)
        folder, name = os.path.split(record.source_path)
        counter = _COUNTER.search(name) if not record.record_key and not claims.marker else None
        if counter is not None and not claims.stem_names:
            models = models_beside(name[: counter.start()], self.names_in(folder).all)
            return Binding(
                None, tuple(os.path.join(folder, model) for model in models), is_loose=bool(models)
            )
        return Binding()

    def _candidate(self, path: str) -> promotion.Candidate:
        try:
            facts = os.stat(path)
        except OSError:
            return promotion.Candidate(path, -1)
        known = self.catalog.known_file(path)
        seen = (facts.st_size, tree.signed64(facts.st_mtime_ns))
        fits = known is not None and (known.size_bytes, known.mtime_ns) == seen
        return promotion.Candidate(path, facts.st_size, known.sha256 if known is not None and fits else None)


class _Chunk:
    """Records that are written together: so many, so large, or what was read in so long."""

    def __init__(self) -> None:
        self._most = FIRST_CHUNK_RECORDS
        self._records: list[_Looked] = []
        self._size = 0
        self._since = time.monotonic()

    def add(self, record: Record, container: Container, source: LegacySource) -> bool:
        """Add a record; True if the chunk is to be written now."""
        self._records.append(_Looked(record, container, source, identity_of(record)))
        self._size += len(record.payload)
        return (
            len(self._records) >= self._most
            or self._size >= CHUNK_BYTES
            or time.monotonic() - self._since > CHUNK_S
        )

    def take(self) -> list[_Looked]:
        """Return the records and begin anew."""
        records, self._records = self._records, []
        self._most = min(CHUNK_RECORDS, 2 * self._most)
        self._size, self._since = 0, time.monotonic()
        return records


class _Writer:
    """Writes chunk after chunk in a thread of its own, while the next one is read and understood.

    SQLite, and the disk it waits for, need no Python meanwhile. At most one chunk is under way. Counted is what was
    committed: what the report says has happened.
    """

    def __init__(self, catalog: Catalog, batch_id: int, report: ImportReport, progress: Progress) -> None:
        self._catalog = catalog
        self._batch_id = batch_id
        self._report = report
        self._progress = progress
        self._pool = ThreadPoolExecutor(1, "import-writer")
        self._under_way: tuple[list[_Looked], Future[list[str]]] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()

    def write(self, looked: list[_Looked], back: list[Place]) -> None:
        """Begin to write records, and to take back that others are gone.

        Raises:
            CatalogError: the chunk before can't be written.
            Cancelled: while that was waited for; then this one is left out.
        """
        while self._under_way is not None and wait([self._under_way[1]], REPORT_INTERVAL_S).not_done:
            self._progress.step(self._report.seen, None, unit="records")
        self.wait()
        report = self._report
        totals = Totals(
            report.seen, report.added, report.updated, report.unchanged, report.ignored, report.failed
        )
        future = self._pool.submit(
            self._catalog.put_records,
            self._batch_id,
            [one.new for one in looked if one.new is not None],
            states=[one.state for one in looked],
            totals=totals,
            back=back,
        )
        self._under_way = looked, future

    def count(self) -> None:
        """Count what was begun, if it is committed by now.

        Raises:
            CatalogError: it can't be written.
        """
        if self._under_way is not None and self._under_way[1].done():
            self.wait()

    def wait(self) -> None:
        """Wait until what was begun is committed.

        Raises:
            CatalogError: it can't be written.
        """
        if self._under_way is None:
            return
        (looked, future), self._under_way = self._under_way, None
        for one, state in zip(looked, future.result(), strict=True):
            _count(self._report, one.record.source, state)


class _Met:
    """Which of the rows that were there before a run it met again: a bit each; and what it read completely.

    Attributes:
        complete: containers of many records, and the sources whose records they hold.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._last = catalog.last_rows()
        self._bits = tuple(bytearray(last // 8 + 1) for last in self._last)
        self.complete: list[tuple[str, tuple[str, ...]]] = []

    @property
    def has_known(self) -> bool:
        """Whether there was any row before."""
        return any(self._last)

    def see(self, versions: Sequence[Version]) -> None:
        """Note that a record was met."""
        for version in versions:
            if version.id <= self._last[version.is_active]:
                self._bits[version.is_active][version.id >> 3] |= 1 << (version.id & 7)

    def completed(self, path: str, sources: tuple[str, ...]) -> None:
        """Note that a container was read to its end, without a problem that hid records."""
        if self.has_known:
            self.complete.append((path, sources))

    def saw(self, row: KnownRow) -> bool:
        """Tell whether a row was met, or came only since."""
        if row.id > self._last[row.is_active]:
            return True
        return bool(self._bits[row.is_active][row.id >> 3] >> (row.id & 7) & 1)


class _Vanished:
    """Tells files that are gone from such that can't be seen just now: their disk may be away."""

    def __init__(self) -> None:
        self._folders: dict[str, bool] = {}

    def is_gone(self, path: str, root: str) -> bool:
        """Tell whether a file below a folder, which is there, was removed."""
        try:
            os.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            return self._is_in_reach(os.path.dirname(path), root)
        except (OSError, ValueError):
            pass
        return False

    def _is_in_reach(self, folder: str, root: str) -> bool:
        """Tell whether a folder, or the nearest one above that is there, holds anything.

        One that is empty where it was not may be the place of a disk that isn't mounted; so may a link that leads
        nowhere.
        """
        known = self._folders.get(folder)
        if known is None:
            try:
                with os.scandir(folder) as entries:
                    known = next(entries, None) is not None
            except FileNotFoundError:
                above = os.path.dirname(folder)
                known = (
                    not os.path.islink(folder) and is_below(above, root) and self._is_in_reach(above, root)
                )
            except OSError:
                known = False
            if len(self._folders) >= KEPT_FOLDERS:
                self._folders.clear()
            self._folders[folder] = known
        return known


@dataclass(slots=True)
class _Where:
    """Where the files of a chunk's records may be: asked once for all of them.

    Args:
        catalog: to ask.
        imported: the paths that are imported; with the library folders they bound where a path is followed.
        sha256s: the hashes that the records claim.
        names: of the files that they speak of.
    """

    catalog: Catalog
    imported: Sequence[str]
    sha256s: Sequence[str]
    names: Sequence[str] = ()
    _folders: list[str] | None = None
    _files: dict[str, list[KnownFile]] | None = None
    _named: dict[str, list[KnownFile]] | None = None
    _real: dict[str, str] = field(default_factory=dict)

    @property
    def folders(self) -> list[str]:
        """The library folders."""
        if self._folders is None:
            self._folders = list(self.catalog.folder_facts())
        return self._folders

    def files_of(self, sha256: str | None) -> Sequence[KnownFile]:
        """Return the known files of a content that one of the records claims."""
        if sha256 is None:
            return ()
        if self._files is None:
            self._files = self.catalog.files_by_sha256(self.sha256s)
        return self._files.get(sha256, ())

    def files_named(self, path: str | None) -> Sequence[KnownFile]:
        """Return the known files that have the name at the end of a path, of any system, that a record speaks of."""
        if path is None:
            return ()
        if self._named is None:
            self._named = {}
            for file in self.catalog.files_with_names(self.names):
                self._named.setdefault(os.path.basename(file.path).lower(), []).append(file)
        return self._named.get(base_name(path).lower(), ())

    def allows(self, path: str, own: Sequence[str] = ()) -> bool:
        """Tell whether a file stays, links and all, below one of the folders or below a folder link there.

        Args:
            path: of the file.
            own: further folders.
        """
        allowed = [*self.imported, *self.folders, *own]
        if os.path.islink(path):
            real = os.path.realpath(path)
        else:
            real = os.path.join(self._real_folder(os.path.dirname(path)), os.path.basename(path))
        for root in allowed:
            if not is_below(path, root):
                continue
            real_root = self._real_folder(root)
            if is_below_any(real, [real_root, *map(self._real_folder, allowed)]):
                return True
            folder = os.path.dirname(path)
            while is_below(folder, root) and folder != root:
                target = self._real_folder(folder)
                if os.path.islink(folder) and is_below(real, target) and not is_below(real_root, target):
                    return not is_below_any(real, (*_NO_FOLDERS_OF_FILES, "/dev"))
                folder = os.path.dirname(folder)
        return False

    def _real_folder(self, folder: str) -> str:
        found = self._real.get(folder)
        if found is None:
            found = self._real[folder] = os.path.realpath(folder)
        return found


def _where(catalog: Catalog, imported: Sequence[str], claims: Sequence[Claims]) -> _Where:
    """Return where the files of records that say this may be."""
    sha256s = [said.sha256 for said in claims if said.sha256]
    names = [base_name(path) for said in claims for path in _recorded(said)]
    return _Where(catalog, imported, sha256s, names)


def _recorded(claims: Claims) -> tuple[str, ...]:
    """Return the paths at which a record says that its file is or may be."""
    return tuple(path for path in (claims.path, *claims.other_paths) if path)


def _recall(looked: _Looked, where: _Where, report: ImportReport) -> None:
    """Report of a record that is known what its import reported."""
    version = looked.version
    if version is None or version.problem is None:
        return
    if version.problem in OF_PAYLOAD:
        report.problems.append(_doubt(looked.record, version.problem, version.message))
    elif version.problem == "outside" and not is_below_any(version.file_path or "", where.folders):
        _note_outside(report, version.file_path or "")


def _doubt(record: Record, code: str, message: str) -> Problem:
    return Problem(record.source_path, code, message or "The payload can't be read.", record.record_key, True)


def _note_outside(report: ImportReport, path: str) -> None:
    folder = os.path.dirname(path)
    report.outside_folders[folder] = report.outside_folders.get(folder, 0) + 1


def _check_source(source: str) -> None:
    known = sorted(
        {known_id for source in legacy_sources.ALL for known_id in (source.id, *source.record_ids)}
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


def _count(report: ImportReport, source: str, state: str) -> None:
    report.seen += 1
    counts = _counts(report, source)
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
    for name in (
        "seen",
        "added",
        "updated",
        "unchanged",
        "ignored",
        "failed",
        "gone",
        "model_count",
        "elapsed_s",
    ):
        setattr(whole, name, getattr(whole, name) + getattr(part, name))
    whole.problems += part.problems
    whole.cancelled = whole.cancelled or part.cancelled
    for source, counts in part.by_source.items():
        into = whole.by_source.setdefault(source, dict.fromkeys(counts, 0))
        for name, number in counts.items():
            into[name] += number


def _named_root(path: str, paths: Sequence[str]) -> str:
    """Return the path that the user named and under which a container was found."""
    for named in paths:
        if is_below_any(path, [os.path.abspath(named)]):
            return os.path.abspath(named)
    return os.path.dirname(path)


def _name_of(looked: _Looked, path: str | None) -> str:
    """Return a name where a record has none: its file's, else that of its key in a container of many, else its own."""
    if path is None and looked.source.many and looked.record.record_key:
        path = looked.record.record_key
        if digits := full_sha256(path):
            return digits[:12]  # as the library calls a model of which nothing else is known
    return subject_of(path or looked.container.path) or UNKNOWN
