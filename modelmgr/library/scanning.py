"""Scan -> hash -> catalog: library folders are held against what is remembered; then the new bytes are hashed."""

import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from modelmgr import discovery, tree
from modelmgr.catalog.file_store import KnownFile
from modelmgr.catalog.scan_store import FoundModel
from modelmgr.discovery import HashJob
from modelmgr.errors import NotFound
from modelmgr.library.merging import NO_MODEL_FORMATS, FolderNames, Merging, header_facts
from modelmgr.progress import Cancelled, Progress
from modelmgr.readers import Header, read_header
from modelmgr.values import (
    Changes,
    FileState,
    HashState,
    LibraryFolder,
    Problem,
    ScanReport,
    VerifyReport,
    is_below,
    is_below_any,
)

CHUNK_FILES = 500
CHUNK_S = 0.25


@dataclass(slots=True)
class _Chunk:
    """What one transaction will write."""

    found: list[FoundModel] = field(default_factory=list)
    states: dict[int, str] = field(default_factory=dict)
    touched: list[tuple[KnownFile, tree.Entry]] = field(default_factory=list)
    since: float = field(default_factory=time.monotonic)

    def is_full(self) -> bool:
        """Tell whether it is time to write: a transaction stays below a quarter second."""
        size = len(self.found) + len(self.states) + len(self.touched)
        return size >= CHUNK_FILES or (size > 0 and time.monotonic() - self.since > CHUNK_S)


class Scanning(Merging):
    """Library folders, scans, hashes and their verification."""

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

    def scan(self, paths: Sequence[str] = (), *, hash_files: bool = True, progress: Progress) -> ScanReport:
        """Look through folders for models, and hash what is new.

        Args:
            paths: folders, which become library folders, and single files; none means all library folders.
            hash_files: False leaves the hashes for a later scan.
            progress: files while looking, bytes while hashing.
        """
        report = ScanReport()
        start = time.monotonic()
        try:
            for root in self._roots(paths, report):
                if os.path.isdir(root) or not os.path.exists(root):
                    self._scan_folder(root, hash_files, report, progress)
                else:
                    self._scan_file(root, hash_files, report)
                if hash_files:
                    self._hash(root, report, progress)
            self.read_hashes(progress)
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
                _fail(report, Problem(path, "not_found", "There is no such file or folder."))
                continue
            roots.append(path)
        return _outermost(roots)

    def _scan_folder(self, root: str, hash_files: bool, report: ScanReport, progress: Progress) -> None:
        known = self.catalog.known_files(root)
        device = _device(root)
        if device is None:
            self._set_offline(root, known, report)
            return
        progress.step(0, None, root)
        unread: list[str] = []
        met: set[str] = set()
        devices = {device}
        chunk = _Chunk()

        def problem(found: Problem) -> None:
            if found.path in known or discovery.looks_like_a_model(os.path.basename(found.path)):
                met.add(found.path)
                if (file := known.get(found.path)) is not None and found.code != "not_found":
                    chunk.states[file.id] = FileState.UNREADABLE
                elif file is not None:
                    met.discard(found.path)
            else:
                unread.append(found.path)
            _fail(report, found)

        try:
            for entries in discovery.walk_models(root, progress, problem):
                siblings: FolderNames | None = None
                for entry in entries:
                    met.add(entry.path)
                    devices.add(entry.device)
                    progress.step(report.seen + 1, None, entry.name)
                    report.seen += 1
                    file = known.get(entry.path)
                    if file is not None and _is_unchanged(file, entry):
                        if file.state == FileState.PRESENT:
                            report.unchanged += 1
                        else:
                            report.updated += 1
                            chunk.states[file.id] = FileState.PRESENT
                    elif (
                        file is not None
                        and file.size_bytes == entry.size_bytes
                        and file.state != FileState.UNREADABLE
                    ):
                        report.updated += 1
                        chunk.touched.append((file, entry))
                    else:
                        if siblings is None:
                            siblings = self.names_in(os.path.dirname(entry.path))
                        self._take(entry, file, siblings, hash_files, chunk, report)
                    if chunk.is_full():
                        self._write(chunk, hash_files)
                        chunk = _Chunk()
        except Cancelled:
            self._write(chunk, hash_files)  # what was counted is kept
            raise
        self._write(chunk, hash_files)
        self._settle(root, device, known, met, devices, unread, report)

    def _take(
        self,
        entry: tree.Entry,
        file: KnownFile | None,
        siblings: FolderNames,
        hash_files: bool,
        chunk: _Chunk,
        report: ScanReport,
    ) -> None:
        """Read the header of a new or replaced file and put it on the chunk."""
        found = self._identify(entry, file, siblings, hash_files, report)
        if found is None:
            report.ignored += 1
            return
        chunk.found.append(found)
        if found.state == FileState.UNREADABLE:
            report.failed += 1
        elif file is None:
            report.added += 1
        else:
            report.updated += 1

    def _identify(
        self,
        entry: tree.Entry,
        file: KnownFile | None,
        siblings: FolderNames,
        hash_files: bool,
        report: ScanReport | None,
    ) -> FoundModel | None:
        state, hash_state = FileState.PRESENT, HashState.HASHING if hash_files else HashState.NONE
        try:
            header = read_header(entry.path)
        except OSError as error:
            header = Header(format="unknown", type="unknown")
            state, hash_state = FileState.UNREADABLE, HashState.NONE
            if report is not None:
                message = f"The file can't be read: {error.strerror or error}."
                report.problems.append(Problem(entry.path, "unreadable", message))
        else:
            if discovery.is_blob(entry.path) and header.format in NO_MODEL_FORMATS:
                return None
            if report is not None:
                report.problems += header.problems
        fields, origins = self.light_of_file(entry.path, header, siblings)
        return FoundModel(
            entry.path,
            entry.size_bytes,
            entry.mtime_ns,
            entry.inode,
            entry.device,
            fields,
            origins,
            header.format,
            header.as_json(),
            header_facts(header),
            state,
            hash_state,
            file.id if file is not None else None,
        )

    def _write(self, chunk: _Chunk, hash_files: bool) -> None:
        if not (chunk.found or chunk.states or chunk.touched):
            return
        with self.catalog.transaction(Changes(models=True)):
            self.catalog.put_found(chunk.found)
            for file, entry in chunk.touched:
                self.catalog.touch_file(file.id, entry.mtime_ns, entry.inode, entry.device)
            if chunk.touched and hash_files:
                self.catalog.set_hash_state([file.model_id for file, _ in chunk.touched], HashState.HASHING)
            if chunk.states:
                self.catalog.mark_files(chunk.states)

    def _settle(
        self,
        root: str,
        device: int,
        known: dict[str, KnownFile],
        met: set[str],
        devices: set[int],
        unread: Sequence[str],
        report: ScanReport,
    ) -> None:
        """Say what became of the known files that were not met: missing, offline or not readable now."""
        gone = [file for path, file in known.items() if path not in met]
        _, former_device = self.catalog.folder_facts().get(root, ("", None))
        if gone and len(gone) == len(known) and (not os.listdir(root) or former_device not in (None, device)):
            # An empty mount point, or another disk in its place: the library is away, not deleted.
            self._set_offline(root, known, report)
            return
        states: dict[int, str] = {}
        for file in gone:
            if is_below_any(file.path, unread):
                state = FileState.UNREADABLE
            elif file.device not in devices:
                state = FileState.OFFLINE  # it lay on a disk below the folder of which nothing was met
                report.offline += 1
            else:
                state = FileState.MISSING
                report.missing += 1
            if file.state != state:
                states[file.id] = state
        self._mark(states)
        self.catalog.set_folder_state(root, FileState.PRESENT, device)

    def _set_offline(self, root: str, known: dict[str, KnownFile], report: ScanReport) -> None:
        report.offline += len(known)
        report.problems.append(
            Problem(
                root, "offline", "The folder can't be reached; its models stay in the library.", kept=True
            )
        )
        self._mark({file.id: FileState.OFFLINE for file in known.values() if file.state != FileState.OFFLINE})
        self.catalog.set_folder_state(root, FileState.OFFLINE)

    def _mark(self, states: dict[int, str]) -> None:
        items = list(states.items())
        for start in range(0, len(items), CHUNK_FILES):
            self.catalog.mark_files(dict(items[start : start + CHUNK_FILES]))

    def _scan_file(self, path: str, hash_files: bool, report: ScanReport) -> None:
        report.seen += 1
        file = self.catalog.known_file(path)
        try:
            entry = tree.entry_of(path)
        except OSError as error:
            report.failed += 1
            report.problems.append(Problem(path, "unreadable", f"The file can't be read: {error}."))
            return
        if file is not None and _is_unchanged(file, entry) and file.state == FileState.PRESENT:
            report.unchanged += 1
            return
        chunk = _Chunk()
        self._take(entry, file, self.names_in(os.path.dirname(path)), hash_files, chunk, report)
        self._write(chunk, hash_files)

    # --- hashing ----------------------------------------------------------------------------------------

    def _hash(self, root: str, report: ScanReport, progress: Progress) -> None:
        """Hash what below `root` has no hash yet; each file joins the model of its content at once."""
        folder = root if os.path.isdir(root) else None
        files = {file.id: file for file in self.catalog.files_without_hash(folder)}
        if folder is None:
            files = {file_id: file for file_id, file in files.items() if file.path == root}
        bodies: dict[tuple[int, int, int], int] = {}
        jobs: list[HashJob] = []
        for file in files.values():
            body = (file.device, file.inode, file.mtime_ns)
            if not file.inode or bodies.setdefault(body, file.id) == file.id:
                jobs.append(HashJob(file.id, file.path, file.size_bytes, file.mtime_ns))
        for results in discovery.hash_files(jobs, progress):
            with self.catalog.transaction():
                for result in results:
                    file = files[result.job.key]
                    if result.sha256 is None:
                        assert result.problem is not None
                        report.problems.append(result.problem)
                        self.catalog.set_hash_state([file.model_id], HashState.FAILED)
                        continue
                    report.hashed += 1
                    report.bytes_hashed += file.size_bytes
                    self._put_hash(file.id, file.path, file.size_bytes, file.mtime_ns, result.sha256)

    def _put_hash(self, file_id: int, path: str, size_bytes: int, mtime_ns: int, sha256: str) -> int | None:
        """Write a computed hash; merge the light columns anew where the file came to another model."""
        outcome = self.catalog.put_hash(file_id, size_bytes, mtime_ns, sha256)
        if outcome is None:
            return None
        if outcome.created:
            try:
                header = read_header(path)
            except OSError:
                header = Header(format="unknown", type="unknown")
            self.catalog.put_header(outcome.model_id, header.format, header.as_json(), header_facts(header))
        if outcome.created or outcome.gone is not None:
            self.relight(outcome.model_id)
        return outcome.model_id

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
            jobs.append(HashJob(file.id, file.path, facts.st_size, facts.st_mtime_ns))
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
    else:
        message = "The file was changed since it was hashed; a scan will take it as it is now."
    return Problem(file.path, "changed", message)


def _is_unchanged(file: KnownFile, entry: tree.Entry) -> bool:
    # The device's number may change from one start of the computer to the next; the inode stays.
    return (file.size_bytes, file.mtime_ns, file.inode) == (entry.size_bytes, entry.mtime_ns, entry.inode)


def _fail(report: ScanReport, problem: Problem) -> None:
    report.seen += 1
    report.failed += 1
    report.problems.append(problem)


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
