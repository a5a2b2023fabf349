"""Pending -> active: find the file, verify its hash, let the verdict decide, attach the payload."""

import contextlib
import os
from collections.abc import Sequence
from dataclasses import field, replace

from modelmgr import discovery, tree
from modelmgr.catalog.engine import LARGE_BYTES
from modelmgr.catalog.file_store import KnownFile
from modelmgr.discovery import HashJob
from modelmgr.errors import NotFound
from modelmgr.lazily import dataclass
from modelmgr.library import own_values
from modelmgr.library.attaching import Attaching
from modelmgr.library.binding import Binding, candidate
from modelmgr.library.importing import Importing
from modelmgr.library.merging import claims_of, hashes_of
from modelmgr.library.scanning import Scanning
from modelmgr.migration import promotion
from modelmgr.migration.sources import inline
from modelmgr.migration.sources.modelmgr_export import ModelmgrExport
from modelmgr.progress import Cancelled, Progress, Stopped
from modelmgr.values import (
    Attachment,
    Changes,
    Claims,
    FileState,
    Hashes,
    PendingModel,
    PendingQuery,
    PendingState,
    Problem,
    PromoteReport,
    Record,
    UndoReport,
    is_below,
)

CHUNK_ROWS = 100
COMPUTED_ON_DEMAND = ("AutoV1", "AutoV3", "CRC32", "BLAKE3")


@dataclass(slots=True)
class _Case:
    """A pending model under examination; a record of more than `LARGE_BYTES` without its payload."""

    row: PendingModel
    record: Record
    claims: Claims
    binding: Binding
    entry: tree.Entry | None = None
    known: KnownFile | None = None
    hashes: Hashes | None = None
    computed: dict[str, str] = field(default_factory=dict)


class Promoting(Attaching, Importing, Scanning):
    """Promotion, and the decisions of the user that lead to it."""

    def known_pending(self, ids: Sequence[int]) -> tuple[list[int], list[Problem]]:
        """Return those of the ids that pending models have, each once, and a problem for each that none has."""
        known = [row.id for row in self.catalog.pending_rows(list(dict.fromkeys(ids)))]
        return known, [
            Problem("", "not_found", f"No pending model has the ID {missing}.", str(missing))
            for missing in sorted(set(ids) - set(known))
        ]

    def promote(
        self,
        ids: Sequence[int] | None,
        *,
        attach_anyway: bool = False,
        allow_missing: bool = False,
        keep_previews: bool = False,
        progress: Progress,
    ) -> PromoteReport:
        """Turn pending models into active ones, as far as their files bear them out.

        Each model is one transaction: its row, its file, the record with the whole payload, the pictures of the file
        with their digests, and the new state.

        Args:
            ids: pending models; None means all in state `pending`.
            attach_anyway: attach also where a claimed hash contradicts the file.
            allow_missing: make models without file where the full hash is claimed.
            keep_previews: copy the pictures of what is promoted into the catalog's own folder.
            progress: records; bytes while files are hashed.
        """
        report = PromoteReport()
        chunks = self._chunks(ids)
        total, done = sum(map(len, chunks)), 0
        batches = {batch.id: batch.paths for batch in self.catalog.batches()}
        try:
            for chunk in chunks:
                progress.step(done, total, "", "records")
                cases = [
                    self._case(row, batches.get(row.batch_id, ()), progress)
                    for row in self._pending(chunk, report)
                ]
                self._hash_cases(cases, progress)
                # The tensors' hash proves a former one, by which further records of that file are known.
                cases.sort(key=lambda case: "AutoV3" not in case.claims.partial_hashes)
                for number, case in enumerate(cases, done):
                    progress.step(number, total, case.row.name, "records")
                    self._decide(case, attach_anyway, allow_missing, keep_previews, report, progress)
                done += len(chunk)
        except (Cancelled, Stopped):
            report.cancelled = True
        return report

    def _chunks(self, ids: Sequence[int] | None) -> list[Sequence[int]]:
        """Return the ids in pieces; of all that wait, those first in whose way nothing stands.

        What waits for a file may speak of one that the others bring in.
        """
        groups: list[Sequence[int]] = [ids or ()]
        if ids is None:
            waiting = (PendingState.PENDING,)
            clear = self.catalog.pending_order(PendingQuery(waiting, ("none",)))
            known = frozenset(clear)
            others = [row for row in self.catalog.pending_order(PendingQuery(waiting)) if row not in known]
            groups = [clear, others]
        return [group[at : at + CHUNK_ROWS] for group in groups for at in range(0, len(group), CHUNK_ROWS)]

    def _pending(self, ids: Sequence[int], report: PromoteReport) -> list[PendingModel]:
        found = {row.id: row for row in self.catalog.pending_rows(ids)}
        rows: list[PendingModel] = []
        for pending_id in dict.fromkeys(ids):
            row = found.get(pending_id)
            if row is None:
                report.stayed += 1
                report.problems.append(Problem("", "not_found", f"There is no pending model {pending_id}."))
            elif row.state == PendingState.PROMOTED:
                continue
            elif row.state == PendingState.DISMISSED:
                report.stayed += 1
                report.problems.append(
                    Problem(row.source_path, "dismissed", f"{row.name} was dismissed.", row.record_key)
                )
            else:
                rows.append(row)
        return rows

    def _case(self, row: PendingModel, imported: Sequence[str], progress: Progress) -> _Case:
        record = self.catalog.pending_record(row.id)
        assert record is not None
        claims = claims_of(record, self.names_in(os.path.dirname(record.source_path)).all)
        binding = self._located(row, record)
        if binding is None:
            binding = self.bind(record, claims, imported, self._named(row, record))
            if binding.candidates:
                binding = self._told_by_hash(record, claims, binding, progress)
        if row.size_bytes > LARGE_BYTES:
            record = replace(record, payload=b"")  # a hundred of them would fill the memory
        case = _Case(row, record, claims, binding)
        if binding.file_path is not None:
            try:
                case.entry = tree.entry_of(binding.file_path)
            except OSError:
                case.binding = Binding()
                return case
            case.known = self.catalog.known_file(binding.file_path)
            if case.known is not None and case.known.sha256 and _fits(case.known, case.entry):
                case.computed["sha256"] = case.known.sha256
        return case

    def _located(self, row: PendingModel, record: Record) -> Binding | None:
        """Return the file that the user named for a pending model, None where he named none.

        What was handed over with a path that leads nowhere may still be found by its hash.
        """
        if not row.file_path or not self.catalog.located(row.id):
            return None
        if row.problem == promotion.OUTSIDE:
            return None  # a file that may not be looked at, whoever named it
        is_there = os.path.isfile(row.file_path)
        return (
            None
            if not is_there and inline.named_path(record)
            else Binding(row.file_path if is_there else None)
        )

    def _named(self, row: PendingModel, record: Record) -> str | None:
        """Return the path that the user handed over with a record, None for one that came from elsewhere."""
        return inline.named_path(record) if self.catalog.located(row.id) else None

    def _told_by_hash(self, record: Record, claims: Claims, binding: Binding, progress: Progress) -> Binding:
        """Choose among several files of one stem by their hashes, where the record claims one that can tell."""
        if binding.is_loose:
            return self._proved(claims, binding, progress)
        if not (claims.sha256 or claims.sibling_sha256 or claims.partial_hashes.get("AutoV2")):
            # The tensors' hash may be all that a cache has; copies whose headers differ share it.
            proved = [
                path
                for path in binding.candidates
                if self._proved(claims, Binding(None, (path,)), progress).file_path is not None
            ]
            return Binding(proved[0]) if len(proved) == 1 else binding
        candidates = [candidate(self.catalog, path) for path in binding.candidates]
        for number, found in enumerate(candidates):
            if found.sha256 is None:
                with contextlib.suppress(OSError):
                    sha256 = discovery.sha256_of(found.path, progress)
                    candidates[number] = promotion.Candidate(found.path, found.size_bytes, sha256)
        chosen = promotion.choose_file(claims, candidates, source=record.source)
        return Binding(chosen) if isinstance(chosen, str) else binding

    def _proved(self, claims: Claims, binding: Binding, progress: Progress) -> Binding:
        """Return the file to which nothing but a likeness has led, if a claimed hash proves it to be the one."""
        if not (claims.sha256 or claims.sibling_sha256 or claims.partial_hashes):
            return binding
        left: list[str] = []
        for path in binding.candidates:
            with contextlib.suppress(OSError):
                sha256 = candidate(self.catalog, path).sha256 or discovery.sha256_of(path, progress)
                kinds = [kind for kind in COMPUTED_ON_DEMAND if kind in claims.partial_hashes]
                short = discovery.partial_hashes(path, kinds, progress)
                agrees = promotion.compare(claims, {"sha256": sha256, **short})
                if agrees.holds:
                    return Binding(path)
                if agrees.holds is None:
                    left.append(path)
        return Binding(None, tuple(left), is_loose=True)

    def _hash_cases(self, cases: Sequence[_Case], progress: Progress) -> None:
        """Hash the files of these cases whose verified hash isn't known, each once."""
        waiting: dict[str, list[_Case]] = {}
        for case in cases:
            if case.entry is not None and "sha256" not in case.computed:
                waiting.setdefault(case.entry.path, []).append(case)
        jobs: list[HashJob] = []
        for number, same in enumerate(waiting.values()):
            entry = same[0].entry
            assert entry is not None
            jobs.append(HashJob(number, entry.path, entry.size_bytes, entry.mtime_ns))
        for results in discovery.hash_files(jobs, progress):
            for result in results:
                for case in waiting[result.job.path]:
                    if result.hashes is not None:
                        case.hashes = result.hashes
                        case.computed["sha256"] = result.hashes.sha256
                    else:
                        case.binding, case.entry = Binding(), None

    def _decide(
        self,
        case: _Case,
        attach_anyway: bool,
        allow_missing: bool,
        keep_previews: bool,
        report: PromoteReport,
        progress: Progress,
    ) -> None:
        if "sha256" in case.computed:
            siblings = self.names_in(os.path.dirname(case.record.source_path)).all
            record = case.record
            if case.row.size_bytes > LARGE_BYTES:
                record = self.catalog.pending_record(case.row.id) or record
            case.claims = claims_of(record, siblings, case.computed["sha256"])
            del record  # before SQLite needs as much again
        path = case.entry.path if case.entry is not None else None
        former = self._former(case)
        self._add_partial_hashes(case, former, progress)
        facts = promotion.Facts(
            candidates=case.binding.candidates,
            outside=case.binding.outside,
            computed=case.computed,
            file_path=path,
            size_bytes=case.entry.size_bytes if case.entry is not None else None,
            former=former,
            holder=self._holder(case),
            offline=self._is_offline(case.claims.path or case.record.source_path),
        )
        verdict = promotion.verdict(
            case.claims, facts, attach_anyway=attach_anyway, allow_missing=allow_missing
        )
        pictures: Sequence[Attachment] = ()
        if verdict.promote and path is not None:
            pictures = self.pictures(path, case.record, case.claims, keep_previews, report.problems, progress)
        if verdict.promote and self._attach(case, verdict, pictures, report):
            report.promoted += 1
            report.pending_ids.append(case.row.id)
            return
        if verdict.promote:
            return  # another program promoted or dismissed it meanwhile
        self.catalog.set_problem(
            case.row.id, verdict.problem, verdict.message, path or case.binding.outside, verdict.candidates
        )
        report.stayed += 1
        report.problems.append(
            Problem(case.row.source_path, verdict.problem or "", verdict.message, case.row.record_key)
        )

    def _former(self, case: _Case) -> frozenset[str]:
        """Return the hashes that the file had before its header was rewritten, as far as other records proved them."""
        known = self.catalog.known_file(case.entry.path) if case.entry is not None else None
        if known is None or known.sha256 != case.computed.get("sha256"):
            return frozenset()
        return self.catalog.former_hashes(known.model_id)

    def _holder(self, case: _Case) -> str | None:
        """Return a known file that has the claimed hash, where the chosen one has another."""
        claimed, actual = case.claims.sha256, case.computed.get("sha256")
        if claimed is None or case.entry is None or actual in (None, claimed):
            return None
        # Of the chosen one the catalog may still say what it was before it was replaced.
        others = (file for file in self.catalog.files_with_sha256(claimed) if file.path != case.entry.path)
        return next((file.path for file in others if file.state == FileState.PRESENT), None)

    def _add_partial_hashes(self, case: _Case, former: frozenset[str], progress: Progress) -> None:
        """Compute the short hashes that the record claims, where the full one does not settle the matter."""
        size_bytes = case.entry.size_bytes if case.entry is not None else None
        agrees = promotion.compare(case.claims, case.computed, size_bytes=size_bytes, former=former)
        claimed = {kind.lower() for kind in case.claims.partial_hashes}
        if agrees.contradiction is not None and case.claims.sha256 is not None:
            claimed.add("autov3")  # some tools write the tensors' hash where the whole file's should be
        kinds = [kind for kind in COMPUTED_ON_DEMAND if kind.lower() in claimed]
        if case.entry is None or not kinds or (agrees.kind or "").startswith("SHA-256"):
            return
        try:
            case.computed.update(discovery.partial_hashes(case.entry.path, kinds, progress))
        except OSError:
            return  # the full hash alone decides then

    def _attach(
        self,
        case: _Case,
        verdict: promotion.Verdict,
        pictures: Sequence[Attachment],
        report: PromoteReport,
    ) -> bool:
        with self.catalog.transaction(Changes(models=True, pending=True)):
            if case.entry is not None:
                sha256 = case.computed["sha256"]
                model_id = self._put_verified(case.entry, case.known, case.hashes or Hashes(sha256))
            else:
                assert case.claims.sha256 is not None
                sha256 = case.claims.sha256
                size_bytes = case.claims.size_bytes or case.claims.size_hint_bytes or 0
                model_id, _ = self.catalog.ensure_model(sha256, case.row.name, size_bytes)
            if model_id is None:
                return False
            path = case.entry.path if case.entry is not None else None
            if path is not None:
                short = {kind: value for kind, value in case.computed.items() if kind != "sha256"}
                if short:
                    self.catalog.put_partial_hashes(path, short)
                if verdict.former_sha256 is not None:
                    self.catalog.put_former_hash(path, verdict.former_sha256)
            run = report.promotion or self.catalog.next_promotion()
            hashes = hashes_of(case.claims)
            if self.catalog.attach(case.row.id, model_id, sha256, path, verdict.binding, run, hashes) is None:
                return False
            if pictures:
                self.catalog.put_attachments(model_id, pictures)
            if case.row.source == ModelmgrExport.id:
                own_values.take_back(self.catalog, model_id, case.record.payload, report)
            self.relight(model_id)
        report.promotion = run
        return True

    def _put_verified(self, entry: tree.Entry, known: KnownFile | None, hashes: Hashes) -> int | None:
        """Make sure that a file with its computed hash is in the library; return its model."""
        if known is not None and known.sha256 == hashes.sha256 and _fits(known, entry):
            return known.model_id
        if known is None or not _fits(known, entry):
            found = self._identify(entry, known, self.names_in(os.path.dirname(entry.path)), True, None)
            if found is None:
                return None
            self.catalog.put_found([found])
        file = self.catalog.known_file(entry.path)
        if file is None:
            return None
        changed: set[int] = set()
        model_id = self._put_hash(file.id, file.path, file.size_bytes, file.mtime_ns, hashes, changed=changed)
        self.relight_all(changed)
        return model_id

    def _is_offline(self, path: str) -> bool:
        facts = self.catalog.folder_facts().items()
        return any(state == FileState.OFFLINE and is_below(path, folder) for folder, (state, _) in facts)

    # --- undo -------------------------------------------------------------------------------------------

    def undo_promotion(self, pending_ids: Sequence[int], progress: Progress) -> UndoReport:
        """Take promoted records back among the pending ones, as if they had just been imported.

        Each is one transaction: its active copy leaves the model, whose light columns are derived anew. A model that
        has neither file nor record nor a value of the user then goes; all else stays, what the user edited too. Of the
        pictures only the one goes that nothing but this record led to.
        """
        report = UndoReport()
        batches = {batch.id: batch.paths for batch in self.catalog.batches()}
        ids = list(dict.fromkeys(pending_ids))
        try:
            for number, pending_id in enumerate(ids):
                row = next(iter(self.catalog.pending_rows([pending_id])), None)
                progress.step(number, len(ids), row.name if row is not None else "", "records")
                if row is None:
                    problem = Problem("", "not_found", f"There is no pending model {pending_id}.")
                elif not self._undo(row, batches.get(row.batch_id, ())):
                    message = f"{row.name} is not promoted."
                    problem = Problem(row.source_path, "not_promoted", message, row.record_key)
                else:
                    report.undone += 1
                    continue
                report.stayed += 1
                report.problems.append(problem)
        except (Cancelled, Stopped):
            report.cancelled = True
        return report

    def _undo(self, row: PendingModel, imported: Sequence[str]) -> bool:
        if row.state != PendingState.PROMOTED:
            return False
        record = self.catalog.pending_record(row.id)
        assert record is not None
        claims = claims_of(record, self.names_in(os.path.dirname(record.source_path)).all)
        record = replace(record, payload=b"")  # SQLite is about to need as much
        path: str | None
        if self.catalog.located(row.id) and not inline.named_path(record):
            binding, path = Binding(row.file_path), row.file_path
        else:
            binding = self._located(row, record) or self.bind(
                record, claims, imported, self._named(row, record)
            )
            path = binding.file_path or binding.outside
        problem, message = binding.problem(claims)
        if claims.problem is not None:
            problem, message = claims.problem, claims.message
        with self.catalog.transaction(Changes(models=True, pending=True)):
            done, model_id = self.catalog.detach(
                row.id, claims.sha256, path, problem, message, binding.candidates
            )
            if model_id is not None and not self.catalog.remove_if_nothing_left(model_id):
                self.forget_named(model_id, claims)
                self.relight(model_id)
        return done

    # --- decisions of the user --------------------------------------------------------------------------

    def dismiss(self, ids: Sequence[int]) -> int:
        """Set pending models aside; their payloads stay. Returns how many changed."""
        return self.catalog.set_state(ids, PendingState.PENDING, PendingState.DISMISSED)

    def restore_dismissed(self, ids: Sequence[int]) -> int:
        """Take dismissed models back among the pending. Returns how many changed."""
        return self.catalog.set_state(ids, PendingState.DISMISSED, PendingState.PENDING)

    def clear_promoted(self) -> int:
        """Remove promoted pending models whose active copy holds the same bytes. Returns how many."""
        return self.catalog.clear_promoted()

    def locate(self, pending_id: int, path: str) -> None:
        """Name the file that a pending model speaks of; a promotion still verifies it.

        Raises:
            NotFound: there is no such file, or no such pending model.
        """
        path = os.path.abspath(path)
        if not os.path.isfile(path):
            raise NotFound(f"There is no file {path}.", path=path)
        if not self.catalog.pending_rows([pending_id]):
            raise NotFound(f"There is no pending model {pending_id}.", id=pending_id)
        self.catalog.set_file(pending_id, path)

    def map_root(self, old: str, new: str, progress: Progress) -> int:
        r"""Look for the files of pending models under another root: ``D:\AI`` is now ``/data/ai``.

        Returns:
            How many pending models found their file there; if it is stopped, those that had found theirs by then.
        """
        ids = self.catalog.pending_order(PendingQuery(states=(PendingState.PENDING,)))
        found = done = 0
        try:
            for start in range(0, len(ids), CHUNK_ROWS):
                for row in self.catalog.pending_rows(ids[start : start + CHUNK_ROWS]):
                    progress.step(done, len(ids), row.name, "records")
                    done += 1
                    path = self._mapped(row, old, new)
                    if path is not None:
                        self.catalog.set_file(row.id, path)
                        found += 1
        except (Cancelled, Stopped):
            return found
        return found

    def _mapped(self, row: PendingModel, old: str, new: str) -> str | None:
        """Return the file of a pending model that has none, if it lies below `new` as its record says below `old`."""
        if row.file_path and os.path.isfile(row.file_path):
            return None
        record = self.catalog.pending_record(row.id)
        claimed = claims_of(record).path if record is not None else None
        former = _comparable(old).rstrip("/") + "/"
        if not claimed or not _comparable(claimed).startswith(former):
            return None
        tail = claimed.replace("\\", "/").removeprefix("//?/")[len(former) :]
        path = os.path.normpath(os.path.join(new, *tail.split("/")))
        return path if is_below(path, os.path.abspath(new)) and os.path.isfile(path) else None


def _fits(known: KnownFile, entry: tree.Entry) -> bool:
    return (known.size_bytes, known.mtime_ns, known.inode) == (entry.size_bytes, entry.mtime_ns, entry.inode)


def _comparable(path: str) -> str:
    """Return a path of any system for comparison: slashes, and no case where it has a drive letter or is a share."""
    text = path.replace("\\", "/").removeprefix("//?/")
    return text.lower() if text[1:2] == ":" or text.startswith("//") else text
