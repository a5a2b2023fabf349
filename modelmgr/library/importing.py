"""Paths -> records -> pending models: nothing is decided here, and every byte is kept."""

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from modelmgr import payload, tree
from modelmgr.catalog.import_store import (
    Identity,
    NewRecord,
    Place,
    identity_of,
    outcome,
)
from modelmgr.errors import ModelmgrError, Unreadable, Usage
from modelmgr.library.binding import Binder, Binding
from modelmgr.library.chunks import Chunk, Looked, Writer
from modelmgr.library.gone import Met
from modelmgr.library.merging import Merging, claims_of
from modelmgr.library.tracing import TRACED_BYTES
from modelmgr.migration import detect, promotion
from modelmgr.migration import sources as legacy_sources
from modelmgr.migration.beside import subject_of
from modelmgr.migration.hashes import full_sha256
from modelmgr.migration.source import Container, LegacySource
from modelmgr.migration.sources import inline
from modelmgr.progress import Cancelled, Progress, Stopped
from modelmgr.values import (
    Batch,
    BatchState,
    Claims,
    FoundSource,
    ImportReport,
    InlineModel,
    Problem,
    Record,
    Sample,
    is_below_any,
)
from modelmgr.vocabulary import UNKNOWN, type_of_folder

SAMPLES_A_SOURCE = 5
SAMPLE_CHARACTERS = 4_000
SHOWN_PATHS = 1_000
OF_PAYLOAD = ("unparsed_payload", "too_deep")
"""Problems that a record's own bytes give rise to, whatever file it speaks of."""
_STAYED = frozenset((promotion.NO_FILE, promotion.AMBIGUOUS, promotion.HASH_MISMATCH, promotion.OUTSIDE))
"""Problems that what stands around a record can give rise to, and take away again."""
_INLINE = inline.Inline()
_NOWHERE = Container("", "", 0, 0)
"""What holds the models that were handed over."""


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
                report.count(looked.record.source, looked.state)
                bound = report.bound.get(looked.record.source, 0)
                report.bound[looked.record.source] = bound + looked.has_file
                sampled.setdefault(looked.record.source, 0)
                if sampled[looked.record.source] < SAMPLES_A_SOURCE:
                    sampled[looked.record.source] += 1
                    report.samples.append(self._sample(looked, paths))

        chunk = Chunk()
        try:
            for record in self._handed_over(models, report, progress):
                if chunk.add(record, _NOWHERE, _INLINE):
                    look()
            for container, its_source in self._containers(paths, source, report, progress):
                for record in self._records(container, its_source, report, progress):
                    if chunk.add(record, container, its_source):
                        look()
                    progress.step(report.seen - report.ignored, None, container.name, "records")
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
            whole.add(report)
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
            chunk = Chunk()
            met = Met(self.catalog)
            with Writer(self.catalog, batch_id, report, progress) as writer:
                put = partial(self._put, batch_id, chunk, paths, report, met, writer)
                try:
                    try:
                        self._read(paths, source, models, chunk, put, met, writer, report, progress)
                        report.gone = met.mark_gone(paths, progress)
                        state = BatchState.DONE
                    except Cancelled:
                        report.cancelled = True
                        writer.wait()
                        put()
                        writer.wait()
                        state = BatchState.CANCELLED
                except Stopped:
                    report.cancelled = True
                    writer.wait()  # what is being committed is counted
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

    def _read(
        self,
        paths: Sequence[str],
        source: str | None,
        models: Sequence[InlineModel],
        chunk: Chunk,
        put: Callable[[], None],
        met: Met,
        writer: Writer,
        report: ImportReport,
        progress: Progress,
    ) -> None:
        """Read all records and have them written chunk by chunk; ends when the last one is committed."""
        for record in self._handed_over(models, report, progress):
            if chunk.add(record, _NOWHERE, _INLINE):
                put()
        for container, its_source in self._containers(paths, source, report, progress):
            failed = report.failed
            for record in self._records(container, its_source, report, progress):
                if chunk.add(record, container, its_source):
                    put()
                writer.count()
                progress.step(report.seen - report.ignored, None, container.name, "records")
            if report.failed == failed and (its_source.many or its_source.shared or container.is_folder):
                met.completed(container.path, its_source.record_ids)
        put()
        writer.wait()

    def _put(
        self,
        batch_id: int,
        chunk: Chunk,
        paths: Sequence[str],
        report: ImportReport,
        met: Met,
        writer: Writer,
    ) -> None:
        """Have what of a chunk isn't known written."""
        new: list[Looked] = []
        back: list[Place] = []
        around: dict[int, Mapping[str, Any] | None] = {}
        for looked in self._look(chunk.take(), batch_id, paths, report, met, back):
            if looked.version is None:
                new.append(looked)
            else:
                report.count(looked.record.source, looked.state)
                if not looked.version.is_active and looked.version.problem in _STAYED:
                    # Its model may have come, or moved, since the container was first read.
                    around[looked.version.id] = looked.record.extra
        if around:
            self.catalog.put_surroundings(around)
        if new or back:
            writer.write(new, back)

    def _look(
        self,
        chunk: list[Looked],
        batch_id: int | None,
        paths: Sequence[str],
        report: ImportReport,
        met: Met | None = None,
        back: list[Place] | None = None,
    ) -> list[Looked]:
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
        binder = self._binder(paths, list(claims.values()))
        kept: list[Looked] = []
        fresh: set[Place] = set()
        for number, looked in enumerate(chunk):
            if looked.version is not None:
                _recall(looked, binder, report)
            else:
                said = claims[number]
                if looked.source.enriches and looked.state == "added" and not binder.files_of(said.sha256):
                    continue
                looked.new = self._new_record(looked, said, binder, report)
                if looked.identity.place in fresh:
                    looked.state = "updated"  # another version of it stands before it
                fresh.add(looked.identity.place)
            kept.append(looked)
        return kept

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
                report.count(record.source, "unchanged")
                continue
            seen.add(identity)
            yield record

    def _containers(
        self, paths: Sequence[str], source: str | None, report: ImportReport, progress: Progress
    ) -> Iterator[tuple[Container, LegacySource]]:
        def fail(problem: Problem) -> None:
            report.fail(problem)
            target = os.path.realpath(problem.path)
            if problem.code == promotion.OUTSIDE and not is_below_any(target, tree.FORBIDDEN_ROOTS):
                _note_outside(report, target)  # a link that would be read if it led to a library folder

        for found in detect.find(
            [os.path.abspath(path) for path in paths],
            library_folders=list(self.catalog.folder_facts()),
            source=source,
            progress=progress,
            report=fail,
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
                    report.fail(Problem(found.path, error.code, error.message))
                    continue
                yield found.container, found.source

    def _records(
        self, container: Container, source: LegacySource, report: ImportReport, progress: Progress
    ) -> Iterator[Record]:
        fail = partial(report.fail, source=source.id)
        try:
            yield from source.records(container, progress, fail)
        except Unreadable as error:
            fail(Problem(container.path, error.code, error.message))

    def _is_held(self, record: Record) -> bool:
        """Tell whether a record of a catalogue of strangers' models speaks of a file that is known here."""
        claimed = claims_of(record).sha256
        return claimed is not None and bool(self.catalog.files_with_sha256(claimed))

    def _new_record(self, looked: Looked, claims: Claims, binder: Binder, report: ImportReport) -> NewRecord:
        record, container = looked.record, looked.container
        # Who hands a path over is the user, and may name any file; what an export repeats of that is a stranger's word.
        path = inline.named_path(record) if container is _NOWHERE else None
        binding = binder.bind(record, claims, path)
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
            container_mtime=_time_of(record, container),
            identity=looked.identity,
            hashes=claims.partial_hashes,
            located=path is not None and os.path.isabs(path),
        )

    def _sample(self, looked: Looked, paths: Sequence[str]) -> Sample:
        record = looked.record
        claims = claims_of(record, looked.container.siblings)
        new = looked.new
        if new is None:
            new = self._new_record(looked, claims, self._binder(paths, [claims]), ImportReport())
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
        """Find the file that one record speaks of; see `Binder.bind`.

        Args:
            record: where the record stands.
            claims: what it says.
            imported: the paths of its batch; with the library folders they bound where a path is followed.
            named: a path that the user named himself.
        """
        return self._binder(imported, [claims]).bind(record, claims, named)

    def _binder(self, imported: Sequence[str], claims: Sequence[Claims]) -> Binder:
        return Binder(self.catalog, lambda folder: self.names_in(folder).all, imported, claims)


def _recall(looked: Looked, binder: Binder, report: ImportReport) -> None:
    """Report of a record that is known what its import reported."""
    version = looked.version
    if version is None or version.problem is None:
        return
    if version.problem in OF_PAYLOAD:
        report.problems.append(_doubt(looked.record, version.problem, version.message))
    elif version.problem == promotion.OUTSIDE and not is_below_any(version.file_path or "", binder.folders):
        _note_outside(report, version.file_path or "")


def _time_of(record: Record, container: Container) -> float:
    """Return when what a record says was written, seconds since 1970, as far as a file can tell."""
    if record.container_mtime is not None:
        return record.container_mtime
    return time.time() if container is _NOWHERE else container.mtime_ns / 1e9


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


def _named_root(path: str, paths: Sequence[str]) -> str:
    """Return the path that the user named and under which a container was found."""
    for named in paths:
        if is_below_any(path, [os.path.abspath(named)]):
            return os.path.abspath(named)
    return os.path.dirname(path)


def _name_of(looked: Looked, path: str | None) -> str:
    """Return a name where a record has none: its file's, else that of its key in a container of many, else its own."""
    if path is None and looked.source.many and looked.record.record_key:
        path = looked.record.record_key
        if digits := full_sha256(path):
            return digits[:12]  # as the library calls a model of which nothing else is known
    return subject_of(path or looked.container.path) or UNKNOWN
