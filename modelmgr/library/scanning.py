"""Library folders, scans, hashes: what lies on disk is held against what is known; then new bytes are hashed."""

import contextlib
import json
import os
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from modelmgr import discovery, readers, tree
from modelmgr.catalog.file_store import KnownFile
from modelmgr.catalog.found import Embedded, FoundModel, Member
from modelmgr.discovery import Group, Hashing, HashJob, HashResult, Head, IgnoreRules
from modelmgr.errors import NotFound
from modelmgr.library.attaching import keep_picture
from modelmgr.library.merging import NO_MODEL_FORMATS, FolderNames, Merging, header_facts
from modelmgr.library.root_scan import CHUNK_S, Met, Moves, RootScan
from modelmgr.progress import Cancelled, Progress
from modelmgr.readers import HEAD_BYTES, Header, read_header, read_open, rules_version
from modelmgr.values import (
    Changes,
    FileState,
    Hashes,
    HashState,
    IgnoredFile,
    LibraryFolder,
    Problem,
    ScanOptions,
    ScanReport,
    VerifyReport,
    is_below,
    is_below_any,
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


class Scanning(Merging):
    """Library folders, scans, hashes and their verification."""

    _running: tuple[Hashing, ...] = ()

    def add_folder(self, path: str) -> LibraryFolder:
        """Remember a library folder. Nothing in it is read yet.

        Raises:
            NotFound: there is no such folder.
        """
        path = os.path.abspath(path)
        try:
            facts = os.stat(path)
        except OSError as error:
            raise NotFound(f"There is no folder {path}.", path=path) from error
        if not os.path.isdir(path):
            raise NotFound(f"{path} is no folder.", path=path)
        return self.catalog.add_folder(path, tree.signed64(facts.st_dev))

    def remove_folder(self, path: str) -> dict[str, int]:
        """Forget a library folder; see `FileStore.remove_folder`. No file is touched.

        Raises:
            NotFound: it is no library folder.
        """
        path = os.path.abspath(path)
        if path not in self.catalog.folder_facts():
            raise NotFound(f"{path} is no library folder.", path=path)
        removed, kept = self.catalog.remove_folder(path)
        return {"removed_models": removed, "kept_models": kept}

    def folder_rules(self, path: str) -> IgnoreRules:
        """Return what a scan leaves out of a library folder.

        Raises:
            NotFound: it is no library folder.
        """
        return IgnoreRules.from_json(self.catalog.folder_rules(os.path.abspath(path)))

    def set_folder_rules(self, path: str, rules: IgnoreRules) -> None:
        """Say what the next scans shall leave out of a library folder.

        Raises:
            NotFound: it is no library folder.
        """
        self.catalog.set_folder_rules(os.path.abspath(path), rules.as_json())

    def ignored_files(self, path: str, progress: Progress) -> list[IgnoredFile]:
        """Return the files of a library folder that a scan leaves out, with the reason.

        Raises:
            NotFound: it is no library folder.
        """
        path = os.path.abspath(path)
        found = discovery.ignored_files(path, progress, lambda _: None, self.folder_rules(path))
        return [IgnoredFile(ignored, reason) for ignored, reason in found]

    # --- scans ------------------------------------------------------------------------------------------

    def scan(
        self,
        paths: Sequence[str] = (),
        *,
        hash_files: bool = True,
        options: ScanOptions = OPTIONS,
        progress: Progress,
    ) -> ScanReport:
        """Look through folders for models, and hash what is new.

        Args:
            paths: folders, which become library folders, and single files; none means all library folders.
            hash_files: False leaves the hashes for a later scan.
            options: how files are hashed.
            progress: files while looking, bytes while hashing.
        """
        report = ScanReport()
        start = time.monotonic()
        try:
            roots = self._roots(paths, report)
            moves = Moves.from_now(self.catalog)
            for root in roots:
                if os.path.isdir(root) or not os.path.exists(root):
                    self._scan_folder(root, hash_files, options, report, progress, moves)
                else:
                    self._scan_file(root, hash_files, report)
            # The list is complete before large files are read; and what one root lost another may have.
            for root in roots if hash_files else ():
                self._hash(root, options, report, progress)
            self.catalog.forget_empty()
            self.read_hashes(progress)
        except Cancelled:
            report.cancelled = True
        report.elapsed_s = time.monotonic() - start
        return report

    def quick_check(self, progress: Progress, *, options: ScanOptions = OPTIONS) -> ScanReport:
        """Look for folders that got or lost names since the last scan, by their times alone, and scan only these.

        A file that was written in place is not noticed; a scan does.
        """
        report = ScanReport()
        start = time.monotonic()
        try:
            moves = Moves.from_now(self.catalog)
            for root in _outermost(self.catalog.folder_facts()):
                self._scan_changed(root, None, options, report, progress, moves)
            self.catalog.forget_empty()
        except Cancelled:
            report.cancelled = True
        report.elapsed_s = time.monotonic() - start
        return report

    def look_at_changed(
        self, folders: Iterable[str], progress: Progress, *, options: ScanOptions = OPTIONS
    ) -> ScanReport:
        """Scan these folders below library folders, and what is new below them, as a watcher tells."""
        report = ScanReport()
        start = time.monotonic()
        told = list(folders)
        try:
            moves = Moves.from_now(self.catalog)
            for root in _outermost(self.catalog.folder_facts()):
                some = [folder for folder in told if is_below(folder, root)]
                if some:
                    self._scan_changed(root, some, options, report, progress, moves)
            self.catalog.forget_empty()
        except Cancelled:
            report.cancelled = True
        report.elapsed_s = time.monotonic() - start
        return report

    def watch(self, progress: Progress, *, options: ScanOptions = OPTIONS) -> None:
        """Scan folders below library folders whenever they change, until the work is cancelled; never returns.

        Raises:
            Cancelled: always, in the end.
        """

        def folders() -> dict[str, int]:
            return {
                path: folder.mtime_ns
                for root in _outermost(self.catalog.folder_facts())
                for path, folder in self.catalog.scanned_folders(root).items()
            }

        def tell(changed: set[str]) -> None:
            self.look_at_changed(changed, progress, options=options)

        discovery.watch_folders(folders, progress, tell)

    def _scan_changed(
        self,
        root: str,
        told: Sequence[str] | None,
        options: ScanOptions,
        report: ScanReport,
        progress: Progress,
        moves: Moves,
    ) -> None:
        device = _device(root)
        state, _ = self.catalog.folder_facts().get(root, (FileState.PRESENT, None))
        remembered = self.catalog.scanned_folders(root)
        if device is None and state != FileState.OFFLINE and told is None:
            self._set_offline(root, report, progress)
        if device is None or not remembered:
            return  # away, or never scanned, which is for a scan to do
        if state == FileState.OFFLINE:
            self._scan_folder(root, True, options, report, progress, moves)
            self._hash(root, options, report, progress)
            return
        known = {path: folder.mtime_ns for path, folder in remembered.items()}
        if told is not None:
            known = dict.fromkeys(told, 0)
        changed, gone = discovery.changed_folders(known, progress)
        if not (changed or gone):
            return
        with self._hashing(options, progress) as hashing:
            walk = self._root_scan(root, True, hashing, report, progress, moves)
            try:
                is_away = walk.run_some(device, changed, gone)
            finally:
                self._follow(walk, report)
        if is_away:
            self._set_away(root, report, progress)
        self._hash(root, options, report, progress)

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

    def _roots(self, paths: Sequence[str], report: ScanReport) -> list[str]:
        if not paths:
            return _outermost(self.catalog.folder_facts())
        roots: list[str] = []
        known = list(self.catalog.folder_facts())
        for path in dict.fromkeys(os.path.abspath(path) for path in paths):
            if os.path.isdir(path):
                if not is_below_any(path, known):
                    self.add_folder(path)
            elif path not in known and not os.path.lexists(path):
                report.seen += 1
                report.failed += 1
                report.problems.append(Problem(path, "not_found", "There is no such file or folder."))
                continue
            roots.append(path)
        return _outermost(roots)

    def _scan_folder(
        self,
        root: str,
        hash_files: bool,
        options: ScanOptions,
        report: ScanReport,
        progress: Progress,
        moves: Moves,
    ) -> None:
        device = _device(root)
        if device is None:
            self._set_offline(root, report, progress)
            return
        with self._hashing(options, progress) as hashing:
            walk = self._root_scan(root, hash_files, hashing, report, progress, moves)
            try:
                is_away = walk.run(device)
            finally:
                self._follow(walk, report)
        if is_away:
            self._set_away(root, report, progress)
        else:
            self.catalog.set_folder_state(root, FileState.PRESENT, device)

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

    def _root_scan(
        self,
        root: str,
        hash_files: bool,
        hashing: Hashing,
        report: ScanReport,
        progress: Progress,
        moves: Moves,
    ) -> RootScan:
        folders = self.catalog.folder_facts()
        library = next((folder for folder in _outermost(folders) if is_below(root, folder)), root)
        rules = self.folder_rules(library) if library in folders else discovery.NO_RULES

        def identify(result: HashResult, met: Met) -> FoundModel | None:
            return self._found(result, met, hash_files, report)

        def identify_group(group: Group, members: Sequence[Member]) -> FoundModel:
            return self._found_group(group, members, hash_files, report)

        return RootScan(
            self.catalog,
            root,
            library,
            rules,
            hash_files=hash_files,
            hashing=hashing,
            identify=identify,
            identify_group=identify_group,
            report=report,
            progress=progress,
            rules_version=rules_version(),
            moves=moves,
        )

    def _follow(self, walk: RootScan, report: ScanReport) -> None:
        """Derive anew what is shown of the models that a walk has changed."""
        report.rewritten += len(walk.rewritten_models)
        self.relight_all([*walk.rewritten_models, *walk.changed_models])

    def relight_all(self, model_ids: Iterable[int] = ()) -> None:
        """Derive anew the light columns of these models, and of those that came to be shown at another path."""
        models = list(dict.fromkeys([*model_ids, *self.catalog.take_relocated()]))
        for start in range(0, len(models), RELIGHT_AT_ONCE):
            with self.catalog.transaction(Changes(models=True)):
                for model_id in models[start : start + RELIGHT_AT_ONCE]:
                    self.relight(model_id)

    def _set_away(self, root: str, report: ScanReport, progress: Progress) -> None:
        """Note that something else is in the place of a library folder."""
        self._set_offline(root, report, progress)
        self.catalog.forget_scanned(root)  # what was met there instead is not to be known again

    def _set_offline(self, root: str, report: ScanReport, progress: Progress) -> None:
        known = self.catalog.count_below(root)
        report.offline += known
        report.problems.append(
            Problem(
                root, "offline", "The folder can't be reached; its models stay in the library.", kept=True
            )
        )
        done, last = 0, 0
        while away := self.catalog.not_offline_below(root, last, FILES_AT_ONCE):
            progress.step(done, known, root)
            self.catalog.mark_files(dict.fromkeys(away, FileState.OFFLINE))
            done, last = done + len(away), away[-1]
        self.relight_all()
        self.catalog.set_folder_state(root, FileState.OFFLINE)  # last: stopped before, the next look goes on

    def _scan_file(self, path: str, hash_files: bool, report: ScanReport) -> None:
        report.seen += 1
        file = self.catalog.known_file(path)
        try:
            entry = tree.entry_of(path)
        except OSError as error:
            report.failed += 1
            report.problems.append(Problem(path, "unreadable", f"The file can't be read: {error}."))
            return
        is_known = file is not None and (file.size_bytes, file.mtime_ns, file.inode) == (
            entry.size_bytes,
            entry.mtime_ns,
            entry.inode,
        )
        if file is not None and is_known and file.state == FileState.PRESENT:
            report.unchanged += 1
            return
        if file is not None and is_known:
            report.updated += 1
            self.catalog.mark_files({file.id: FileState.PRESENT})
            return
        found = self._identify(entry, file, self.names_in(os.path.dirname(path)), hash_files, report)
        if found is None:
            report.ignored += 1
            return
        self.catalog.put_found([found])
        if found.state == FileState.UNREADABLE:
            report.failed += 1
        elif file is None:
            report.added += 1
        else:
            report.updated += 1

    # --- what a file is ---------------------------------------------------------------------------------

    def _found(self, result: HashResult, met: Met, hash_files: bool, report: ScanReport) -> FoundModel | None:
        name, size_bytes, mtime_ns, inode, device, is_link = met.row
        entry = tree.Entry(met.path, name, size_bytes, mtime_ns, inode, device, is_link)
        header = result.looked
        if isinstance(header, Head):
            header = read_open(-1, met.path, header.size_bytes, header.content)
        if header is None and result.problem is not None:
            report.problems.append(result.problem)
        return self._found_model(
            entry,
            met.known,
            met.folder.beside(),
            header,
            hash_files,
            report,
            met.link_target,
            result,
        )

    def _identify(
        self,
        entry: tree.Entry,
        file: KnownFile | None,
        siblings: FolderNames,
        hash_files: bool,
        report: ScanReport | None,
    ) -> FoundModel | None:
        """Read the header of a single file and make of it what is written; None for one that is ignored."""
        header: Header | None
        try:
            with discovery.opened(entry.path) as (descriptor, facts):
                header = read_open(descriptor, entry.path, facts.st_size)
            entry = tree.Entry(entry.path, entry.name, *tree.facts_of(facts), entry.is_link)
        except OSError as error:
            header = None
            if report is not None:
                message = f"The file can't be read: {error.strerror or error}."
                report.problems.append(Problem(entry.path, "unreadable", message))
        link_target = os.path.realpath(entry.path) if entry.is_link else None
        return self._found_model(entry, file, siblings, header, hash_files, report, link_target)

    def _found_model(
        self,
        entry: tree.Entry,
        file: KnownFile | None,
        siblings: FolderNames,
        header: Header | None,
        hash_files: bool,
        report: ScanReport | None,
        link_target: str | None,
        result: HashResult | None = None,
    ) -> FoundModel | None:
        state, hash_state = FileState.PRESENT, HashState.HASHING if hash_files else HashState.NONE
        if header is None:
            header = Header(format="unknown", type="unknown")
            state, hash_state = FileState.UNREADABLE, HashState.NONE
        elif header.format in NO_MODEL_FORMATS and discovery.is_blob(entry.path):
            return None
        elif report is not None:
            report.problems += header.problems
        hashes = result.hashes if result is not None and state == FileState.PRESENT else None
        if hashes is not None and report is not None:
            report.hashed += 1
            report.bytes_hashed += entry.size_bytes
        facts = header_facts(header, keep_picture(self.catalog, header.picture))
        fields, origins = self.light_of_file(entry.path, facts, siblings)
        return FoundModel(
            entry.path,
            entry.size_bytes,
            entry.mtime_ns,
            entry.inode,
            entry.device,
            fields,
            origins,
            header.format,
            header.kept(),
            facts,
            state,
            hash_state,
            file.id if file is not None else None,
            link_target,
            hashes,
            embedded_of(header),
            danger_of(header),
        )

    def _found_group(
        self, group: Group, members: Sequence[Member], hash_files: bool, report: ScanReport
    ) -> FoundModel:
        try:
            header = readers.read_group(group.kind, group.path, group.members, group.marker)
        except OSError as error:
            header = Header(format="unknown", type="unknown")
            report.problems.append(
                Problem(
                    group.path, "unreadable", f"A part can't be read: {error.strerror or error}.", kept=True
                )
            )
        report.problems += header.problems
        facts = header_facts(header)
        fields, origins = self.light_of_file(group.path, facts, self.names_in(os.path.dirname(group.path)))
        return FoundModel(
            group.path,
            sum(member.size_bytes for member in members),
            max(member.mtime_ns for member in members),
            0,
            members[0].device,
            fields,
            origins,
            header.format,
            json.dumps(header.as_json()),
            facts,
            hash_state=HashState.HASHING if hash_files else HashState.NONE,
            embedded=embedded_of(header),
            danger=danger_of(header),
        )

    # --- hashing ----------------------------------------------------------------------------------------

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
            expected = len(files), sum(file.size_bytes for file in files)
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
            return
        report.hashed += 1
        report.bytes_hashed += result.job.size_bytes
        for file in {(file.model_id, file.unit): file for file in reversed(files)}.values():
            facts = file.id, file.path, file.size_bytes, file.mtime_ns
            is_header_new = self._is_header_new(file, result.hashes)
            self._put_hash(*facts, result.hashes, report, is_header_new, changed)

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
            except OSError:
                report.missing += 1
                report.problems.append(Problem(file.path, "not_found", "The file can't be found now."))
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


def _outermost(paths: Iterable[str]) -> list[str]:
    """Leave out what lies below another of the paths, so that nothing is scanned twice."""
    found: list[str] = []
    for path in sorted(paths):
        if not any(is_below(path, other) for other in found):
            found.append(path)
    return found


def _device(path: str) -> int | None:
    """Return the device of a folder that can be reached, else None."""
    try:
        if os.path.isdir(path):
            return tree.signed64(os.stat(path).st_dev)
    except OSError:
        pass
    return None
