"""Hashes of the library's files: computed, written, verified; what a file says of itself is read with them."""

import contextlib
import json
import os
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from modelmgr import discovery, readers, tree
from modelmgr.catalog.file_store import KnownFile
from modelmgr.catalog.found import Embedded
from modelmgr.discovery import Hashing, HashJob, HashResult
from modelmgr.library.attaching import keep_picture
from modelmgr.library.merging import Merging, header_facts
from modelmgr.library.walked import CHUNK_S
from modelmgr.progress import Cancelled, Progress
from modelmgr.readers import HEAD_BYTES, Header, read_header, read_open
from modelmgr.values import (
    Changes,
    FileState,
    Hashes,
    HashState,
    Problem,
    ScanOptions,
    ScanReport,
    VerifyReport,
)

RELIGHT_AT_ONCE = 100
JOBS_AT_ONCE = 1_000
FILES_AT_ONCE = 500
HEADS = discovery.HeadBytes(HEAD_BYTES, 256 * 1024)
"""Short headers are read by the thread that writes: those that hash had better not wait for the interpreter's lock."""
OPTIONS = ScanOptions()


class _Twins:
    """Files whose hashes are under way; those that share their bytes are hashed once.

    The same bytes may be parts of several models: two snapshots of one repository share most of them.
    """

    def __init__(self) -> None:
        self._keys: dict[tuple[int, ...], int] = {}
        self._files: dict[int, list[KnownFile]] = {}

    def jobs_of(self, files: Iterable[KnownFile]) -> list[HashJob]:
        """Take files; return what is to be hashed for them."""
        jobs: list[HashJob] = []
        for file in files:
            key = self._keys.setdefault(_body(file), file.id)
            if key not in self._files:
                self._files[key] = []
                jobs.append(HashJob(key, file.path, file.size_bytes, file.mtime_ns, device=file.device))
            self._files[key].append(file)
        return jobs

    def take(self, job: HashJob) -> list[KnownFile]:
        """Return the files of a job that is done; they are no longer under way."""
        files = self._files.pop(job.key)
        del self._keys[_body(files[0])]
        return files


def _body(file: KnownFile) -> tuple[int, ...]:
    if not file.inode:
        return (file.id,)
    return file.device, file.inode, file.size_bytes, file.mtime_ns


def _is_gone(file: KnownFile) -> bool:
    """Tell whether a file is not there any more although the disk is on which it lay."""
    try:
        return (
            not os.path.lexists(file.path)
            and tree.signed64(os.stat(os.path.dirname(file.path)).st_dev) == file.device
        )
    except OSError:
        return False


class Fingerprints(Merging):
    """The hashes of files, and what a new one says of the file that has it."""

    _running: tuple[Hashing, ...] = ()

    def hash_waiting(self, progress: Progress, *, options: ScanOptions = OPTIONS) -> ScanReport:
        """Hash what an earlier run has left without a hash."""
        report = ScanReport()
        start = time.monotonic()
        try:
            self._hash(None, options, report, progress)
            self.catalog.forget_empty()
        except Cancelled:
            report.cancelled = True
        report.elapsed_s = time.monotonic() - start
        return report

    def prefer(self, model_ids: Iterable[int]) -> None:
        """Have the files of these models hashed before the others; from any thread, while a run is hashing or not."""
        running = self._running
        if running:
            keys = [file.id for model_id in model_ids for file in self.catalog.files_of(model_id)]
            for hashing in running:
                hashing.prefer(keys)

    def compute_hashes(self, model_ids: Iterable[int], progress: Progress) -> ScanReport:
        """Compute all kinds of hashes of the present files of these models."""
        report = ScanReport()
        files = [
            file
            for model_id in dict.fromkeys(model_ids)
            for file in self.catalog.files_of(model_id)
            if file.state == FileState.PRESENT
        ]
        try:
            bodies = {_body(file): file.size_bytes for file in files}
            expected = len(bodies), sum(bodies.values())
            self._hash_these([files], expected, ScanOptions("all"), report, progress)
        except Cancelled:
            report.cancelled = True
        return report

    def _hash(self, root: str | None, options: ScanOptions, report: ScanReport, progress: Progress) -> None:
        """Hash what below `root` (anywhere, if None) has no hash yet."""
        if root is None or os.path.isdir(root):
            expected = self.catalog.count_without_hash(root)
            self._hash_these(self._without_hash(root), expected, options, report, progress)
            return
        file = self.catalog.known_file(root)
        if file is not None and file.sha256 is None and file.state == FileState.PRESENT:
            self._hash_these([[file]], (1, file.size_bytes), options, report, progress)

    def _without_hash(self, folder: str | None) -> Iterator[list[KnownFile]]:
        """Yield files without a hash, the small ones first, some at a time: there may be a million."""
        last = (-1, 0)
        while files := self.catalog.files_without_hash(folder, last, JOBS_AT_ONCE):
            yield files
            last = files[-1].size_bytes, files[-1].id

    def _hash_these(
        self,
        batches: Iterable[Sequence[KnownFile]],
        expected: tuple[int, int],
        options: ScanOptions,
        report: ScanReport,
        progress: Progress,
    ) -> None:
        """Hash files; each joins the model of its content at once.

        Args:
            batches: the files, those first that shall be hashed first.
            expected: how many there are, and how many bytes, as far as that is known.
            options: how.
            report: what is counted.
            progress: bytes.
        """
        batches = iter(batches)
        first = next(batches, None)
        if not first:
            return
        twins = _Twins()
        with self._hashing(options, progress, expected) as hashing:
            self._running = (*self._running, hashing)
            try:
                for files in chain((first,), batches):
                    hashing.add(twins.jobs_of(files))
                    self._take_hashes(hashing, hashing.ready(), twins, report)
                self._take_hashes(hashing, hashing.rest(), twins, report)
            finally:
                self._running = tuple(other for other in self._running if other is not hashing)

    def _take_hashes(
        self, hashing: Hashing, batches: Iterator[list[HashResult]], twins: _Twins, report: ScanReport
    ) -> None:
        """Write what is hashed, together what is there already: a model is derived anew once for all its new files."""
        taken: deque[HashResult] = deque()
        try:
            for results in batches:
                taken += results
                if len(taken) >= FILES_AT_ONCE or not hashing.has_more:
                    self._put_results(hashing, taken, twins, report)
        except Cancelled:
            self._put_results(hashing, taken, twins, report)
            raise
        self._put_results(hashing, taken, twins, report)

    def _put_results(
        self, hashing: Hashing, results: deque[HashResult], twins: _Twins, report: ScanReport
    ) -> None:
        while results:
            changed: set[int] = set()
            until = time.monotonic() + CHUNK_S
            with self.catalog.transaction():
                with self.catalog.refreshed_once():
                    while results and time.monotonic() < until:
                        self._put_result(hashing, results.popleft(), twins, report, changed)
                self.relight_all(changed)

    def _put_result(
        self, hashing: Hashing, result: HashResult, twins: _Twins, report: ScanReport, changed: set[int]
    ) -> None:
        files = twins.take(result.job)
        if result.hashes is None:
            assert result.problem is not None
            others = [file for file in files if file.path != result.job.path]
            if result.problem.code == "not_found" and others:  # another path may still lead to these bytes
                hashing.add(twins.jobs_of(others))
                return
            report.problems.append(result.problem)
            waits = result.problem.code == "changed_while_reading"
            models = [file.model_id for file in files]
            self.catalog.set_hash_state(models, HashState.NONE if waits else HashState.FAILED)
            expected = (result.job.size_bytes, result.job.mtime_ns)
            if waits and result.facts is not None and result.facts[:2] != expected:
                changed.update(self._take_as_it_is(file, result.facts) for file in files if file.unit is None)
            elif _is_gone(files[0]):
                self.catalog.mark_files(dict.fromkeys((file.id for file in files), FileState.MISSING))
            return
        report.hashed += 1
        report.bytes_hashed += result.job.size_bytes
        for file in {(file.model_id, file.unit): file for file in reversed(files)}.values():
            facts = file.id, file.path, file.size_bytes, file.mtime_ns
            is_header_new = self._is_header_new(file, result.hashes)
            self._put_hash(*facts, result.hashes, report, is_header_new, changed)

    def _take_as_it_is(self, file: KnownFile, facts: tree.Facts) -> int:
        """Note that a file is another than the one that waits for its hash; return its model.

        A scan meets most of these again, but not what a rule hides, nor what lies outside all library folders.
        """
        self.catalog.touch_file(file.id, *facts)
        if file.model_sha256 is None:  # no hash will tell that its header is another
            self._read_anew(file.model_id, file.path, facts[1])
        return file.model_id

    def _is_header_new(self, file: KnownFile, hashes: Hashes) -> bool:
        """Tell whether a file with other bytes and, as it seems, the same tensors says something else of itself."""
        if file.model_sha256 in (None, hashes.sha256) or not file.tensor_quick:
            return False
        if file.tensor_quick != hashes.tensor_quick:
            return False
        try:
            return self.catalog.has_new_metadata(file.model_id, read_header(file.path).embedded)
        except OSError:
            return False

    def _put_hash(
        self,
        file_id: int,
        path: str,
        size_bytes: int,
        mtime_ns: int,
        hashes: Hashes,
        report: ScanReport | None = None,
        header_is_new: bool = False,
        changed: set[int] | None = None,
    ) -> int | None:
        """Write computed hashes; return the file's model, which is `changed` if its light columns may be others now."""
        outcome = self.catalog.put_hash(file_id, size_bytes, mtime_ns, hashes, header_is_new)
        if outcome is None:
            return None
        if outcome.created or outcome.rewritten:
            self._read_anew(outcome.model_id, path, mtime_ns)
        if report is not None:
            report.rewritten += outcome.rewritten
            if outcome.moved:
                report.moved += 1
                report.missing = max(0, report.missing - 1)
        is_changed = outcome.created or outcome.rewritten or outcome.moved or outcome.confirmed
        is_changed |= outcome.gone is not None
        if is_changed and changed is not None:
            changed.add(outcome.model_id)
        return outcome.model_id

    def _read_anew(self, model_id: int, path: str, mtime_ns: int) -> None:
        """Read what a file is, or the model of several files of which it is a part."""
        known = self.catalog.known_file(path)
        unit = self.catalog.unit_parts(known.unit) if known is not None and known.unit is not None else None
        header = Header(format="unknown", type="unknown")
        with contextlib.suppress(OSError):
            if unit is None:
                header = read_header(path)
            elif (group := discovery.group_of(*unit, discovery.read_marker)) is not None:
                header = readers.read_group(group.kind, group.path, group.members, group.marker)
        if unit is None:
            self._put_header(model_id, path, mtime_ns, header, header.kept())
        else:
            self._put_header(model_id, unit[0], mtime_ns, header, json.dumps(header.as_json()))

    def _put_header(self, model_id: int, path: str, mtime_ns: int, header: Header, text: str) -> None:
        facts = header_facts(header, keep_picture(self.catalog, header.picture))
        self.catalog.put_header(model_id, header.format, text, facts, danger_of(header))
        self.catalog.put_embedded(model_id, path, mtime_ns, embedded_of(header))

    def verify(self, sha256s: Sequence[str] = (), *, progress: Progress) -> VerifyReport:
        """Hash present files again and compare with what was computed before; changes nothing.

        Args:
            sha256s: full hashes of the models to verify; none means all.
            progress: bytes read.
        """
        report = VerifyReport()
        if sha256s:
            files = [
                file for sha256 in dict.fromkeys(sha256s) for file in self.catalog.files_with_sha256(sha256)
            ]
        else:
            files = list(self.catalog.known_files().values())
        jobs: list[HashJob] = []
        by_key = {file.id: file for file in files}
        for file in files:
            if file.sha256 is None:
                continue
            report.checked += 1
            try:
                facts = os.stat(file.path)
            except OSError as error:
                report.missing += 1
                report.problems.append(_absent(file, error))
                continue
            jobs.append(HashJob(file.id, file.path, facts.st_size, tree.signed64(facts.st_mtime_ns)))
        try:
            for results in discovery.hash_files(jobs, progress):
                for result in results:
                    file = by_key[result.job.key]
                    if result.problem is not None:
                        report.missing += 1
                        report.problems.append(result.problem)
                    elif result.sha256 == file.sha256:
                        report.ok += 1
                    else:
                        report.changed += 1
                        report.problems.append(_changed(file, result.job))
        except Cancelled:
            report.cancelled = True
        return report

    @staticmethod
    def _hashing(
        options: ScanOptions, progress: Progress, expected: tuple[int, int] | None = None
    ) -> Hashing:
        return Hashing(
            progress,
            kinds=options.kinds,
            workers=options.workers or None,
            read_limit_mb_s=options.read_limit_mb_s,
            look=_look,
            heads=HEADS,
            expected=expected,
        )

    def relight_all(self, model_ids: Iterable[int] = ()) -> None:
        """Derive anew the light columns of these models, and of those that came to be shown at another path."""
        models = list(dict.fromkeys([*model_ids, *self.catalog.take_relocated()]))
        for start in range(0, len(models), RELIGHT_AT_ONCE):
            with self.catalog.transaction(Changes(models=True)):
                for model_id in models[start : start + RELIGHT_AT_ONCE]:
                    self.relight(model_id)


def _absent(file: KnownFile, error: OSError) -> Problem:
    if not isinstance(error, FileNotFoundError | NotADirectoryError):
        return Problem(file.path, "unreadable", f"The file can't be read: {error.strerror or error}.")
    if file.state == FileState.OFFLINE:
        return Problem(file.path, "offline", "The folder of the file can't be reached now.")
    return Problem(file.path, "not_found", "The file can't be found now.")


def _changed(file: KnownFile, job: HashJob) -> Problem:
    if (job.size_bytes, job.mtime_ns) == (file.size_bytes, file.mtime_ns):
        message = "The bytes changed although size and time did not: the disk or the copy may be damaged."
    elif job.mtime_ns == file.mtime_ns:
        message = "The size changed although the time did not: the file may be half written or cut off."
    else:
        message = "The file was changed since it was hashed; a scan will take it as it is now."
    return Problem(file.path, "changed", message)


def _look(descriptor: int, path: str, head: memoryview, size_bytes: int) -> Header:
    return read_open(descriptor, path, size_bytes, head)


def embedded_of(header: Header) -> Embedded | None:
    """Return a file's own metadata as a record, None if it has none worth keeping."""
    if header.embedded is None or header.embedded_sha256 is None:
        return None
    return Embedded(header.embedded, header.embedded_sha256, header.embedded_made)


def danger_of(header: Header) -> str | None:
    """Return what the library's table shows of a file that other programs run when they load it; see `ModelRow`."""
    verdict = (header.facts.get("pickle_scan") or {}).get("verdict")
    return verdict if verdict in ("dangerous", "unscanned") else None
