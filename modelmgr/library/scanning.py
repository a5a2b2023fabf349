"""Library folders and scans: what lies on disk is held against what is known; then new bytes are hashed."""

import json
import os
import time
from collections.abc import Iterable, Sequence

from modelmgr import discovery, readers, tree
from modelmgr.catalog.file_store import KnownFile
from modelmgr.catalog.found import FoundModel, Member
from modelmgr.discovery import Group, Hashing, HashResult, IgnoreRules
from modelmgr.errors import NotFound, Unreadable
from modelmgr.library.attaching import keep_picture
from modelmgr.library.fingerprints import FILES_AT_ONCE, OPTIONS, Fingerprints, danger_of, embedded_of
from modelmgr.library.merging import NO_MODEL_FORMATS, FolderNames, header_facts
from modelmgr.library.root_scan import RootScan
from modelmgr.library.walked import Met, Moves
from modelmgr.progress import Cancelled, Progress
from modelmgr.readers import Header, read_open, rules_version
from modelmgr.values import (
    FileState,
    HashState,
    IgnoredFile,
    LibraryFolder,
    Problem,
    ScanOptions,
    ScanReport,
    is_below,
    is_below_any,
)


class Scanning(Fingerprints):
    """Library folders and their scans."""

    def add_folder(self, path: str) -> LibraryFolder:
        """Remember a library folder. Nothing in it is read yet.

        Raises:
            NotFound: there is no such folder.
            Unreadable: it lies where no file is one, ``outside``.
        """
        path = os.path.abspath(path)
        try:
            facts = os.stat(path)
        except OSError as error:
            raise NotFound(f"There is no folder {path}.", path=path) from error
        if not os.path.isdir(path):
            raise NotFound(f"{path} is no folder.", path=path)
        if tree.is_forbidden(path):
            raise Unreadable(tree.FORBIDDEN, code="outside", path=path)
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

    def _roots(self, paths: Sequence[str], report: ScanReport) -> list[str]:
        if not paths:
            return _outermost(self.catalog.folder_facts())
        roots: list[str] = []
        known = list(self.catalog.folder_facts())
        for path in dict.fromkeys(os.path.abspath(path) for path in paths):
            if tree.is_forbidden(path):
                report.seen += 1
                report.failed += 1
                report.problems.append(Problem(path, "outside", tree.FORBIDDEN))
                continue
            if os.path.isdir(path):
                if not is_below_any(path, known):
                    self.add_folder(path)
            elif path not in known and not os.path.exists(path):
                report.seen += 1
                report.failed += 1
                is_link = os.path.lexists(path)
                message = "The link leads nowhere." if is_link else "There is no such file or folder."
                report.problems.append(Problem(path, "not_found", message))
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
        if file is None and discovery.is_partial_download(entry.name):
            report.ignored += 1
            return
        told = len(report.problems)
        found = self._identify(entry, file, self.names_in(os.path.dirname(path)), hash_files, report)
        is_named_so = file is not None or discovery.looks_like_a_model(entry.name)
        if found is not None and found.state == FileState.UNREADABLE and not is_named_so:
            report.failed += 1
            return
        if found is None or (found.format in NO_MODEL_FORMATS and not is_named_so):
            del report.problems[told:]  # whoever names all files of a folder wants its models
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
        if result.looked is None and result.problem is not None:
            report.problems.append(result.problem)
        return self._found_model(
            entry,
            met.known,
            met.folder.beside(),
            result.looked,
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
