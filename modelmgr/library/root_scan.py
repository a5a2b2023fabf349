"""One walk below a library folder, held against what is remembered of it."""

import contextlib
import os
from collections.abc import (
    Callable,
    Collection,
    Container,
    Generator,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
    Set,
)
from dataclasses import field
from functools import partial

from modelmgr import discovery, parts, readers, tree
from modelmgr.catalog import Catalog
from modelmgr.catalog.file_store import KnownFile, is_at_place
from modelmgr.catalog.found import FoundModel, FoundUnit, Member, ScannedFolder
from modelmgr.discovery import FileRow, Folder, Group, Hashing, HashJob, HashResult, Head, IgnoreRules
from modelmgr.lazily import dataclass
from modelmgr.library.walked import CHUNK_FILES, Chunk, FolderDraft, Met, Moves
from modelmgr.progress import Cancelled, Progress
from modelmgr.values import (
    Changes,
    FileState,
    HashState,
    Problem,
    ScanReport,
    is_below,
    is_below_any,
)

JOBS_AT_ONCE = 128
"""New files of one folder that go to the threads together; what is ready is taken after each such lot."""
SMALL_BYTES = 8 * 1024 * 1024
"""Files up to here are hashed as soon as they are met; larger ones after the walk."""

Identify = Callable[[HashResult, Met], FoundModel | None]
IdentifyGroup = Callable[[Group, Sequence[Member]], FoundModel]


@dataclass(slots=True)
class _Pipeline:
    """A diffusers folder whose components the walk meets one by one."""

    components: frozenset[str]
    is_changed: bool
    listings: dict[str, discovery.Listing] = field(default_factory=dict)
    rows: dict[str, FileRow] = field(default_factory=dict)


class RootScan:
    """A walk through one root, or through some folders below it.

    Attributes:
        changed_models: those whose light columns may follow from something else now.
        rewritten_models: those of which only the header was written anew.

    Args:
        catalog: see the class.
        root: absolute path of a folder that can be reached.
        library: the library folder whose rules hold.
        rules: what is left out.
        hash_files: whether new files shall be hashed.
        hashing: running threads that look into files, and hash small ones.
        identify: makes of what a thread saw what is written; None for a file that is ignored.
        identify_group: the same of a model of several files.
        report: where everything is counted.
        progress: files.
        rules_version: see `readers.rules_version`.
        moves: what the scan has missed so far, in other roots too.
    """

    def __init__(
        self,
        catalog: Catalog,
        root: str,
        library: str,
        rules: IgnoreRules,
        *,
        hash_files: bool,
        hashing: Hashing,
        identify: Identify,
        identify_group: IdentifyGroup,
        report: ScanReport,
        progress: Progress,
        rules_version: str,
        moves: Moves,
    ) -> None:
        self.changed_models: list[int] = []
        self.rewritten_models: list[int] = []
        self._catalog = catalog
        self._root = root
        self._library = library
        self._rules = rules
        self._hash_files = hash_files
        self._hashing = hashing
        self._identify = identify
        self._identify_group = identify_group
        self._report = report
        self._progress = progress
        self._rules_version = rules_version
        self._chunk = Chunk()
        self._met: dict[int, Met] = {}
        self._jobs: list[HashJob] = []
        self._next_key = -1
        self._bodies: set[tuple[int, int]] = set()
        self._devices: set[int] = set()
        self._unread: set[str] = set()
        self._troubled: set[str] = set()
        self._held: dict[str, FolderDraft] = {}
        self._ignored_below: set[str] = set()
        self._gone: list[KnownFile] = []
        self._reopened: set[str] = set()
        self._has_met_known = False
        self._is_by_link = False
        self._pipelines: dict[str, _Pipeline] = {}
        self._component_of: dict[str, str] = {}
        self._groups: list[tuple[Group, dict[str, FileRow]]] = []
        self._units: dict[int, str] | None = None
        self._linked: set[int] = set()
        self._moves = moves

    # --- the walk ---------------------------------------------------------------------------------------

    def run(self, device: int) -> bool:
        """Walk through everything; return whether the root seems to be another disk's empty place."""
        self._devices.add(device)
        remembered = self._catalog.scanned_folders(self._root)
        self._progress.step(0, None, self._root)
        walk = discovery.walk_known_folders if remembered else discovery.walk_folders
        folders = walk(self._root, self._progress, self._trouble, self._rules, library=self._library)
        self._walk(folders, remembered)
        for path, folder in remembered.items():
            self._leave(path, self._catalog.files_in(folder.id).values())
        return self._settle(device, whole=True)

    def run_some(self, device: int, changed: Sequence[str], gone: Sequence[str]) -> bool:
        """Walk through some folders only; what is new below them is entered.

        Returns:
            Whether the root seems to be another disk's empty place: as in `run`, if all that is known has changed.
        """
        self._devices.add(device)
        remembered = self._catalog.scanned_folders(self._root)
        is_all = not remembered.keys() - {*changed, *gone}
        units = self._catalog.units_below(self._root)
        starts: dict[str, bool] = {}
        for path in changed:
            if self._is_left_out(path):
                continue
            above = next((unit for unit in _among(path, units) if os.path.isdir(unit)), None)
            if above is None and os.path.lexists(os.path.join(path, discovery.PIPELINE_MARKER)):
                above = path  # the folders below it, which may not have changed, are components now
            if above is None and self._may_be_component(path):
                above = os.path.dirname(path)
            starts[above or path] = above is not None
        inodes = {
            (tree.signed64(facts.st_dev), tree.signed64(facts.st_ino))
            for folder in (remembered if starts else ())
            if (facts := _facts(folder)) is not None
        }
        self._walk(self._folders_at(starts, inodes), dict(remembered))
        lost = frozenset(gone)
        for path, folder in remembered.items():
            if path not in starts and _is_among(path, lost):
                self._leave(path, self._catalog.files_in(folder.id).values())
        return self._settle(device, whole=is_all)

    def _folders_at(
        self, starts: Mapping[str, bool], known: Set[tuple[int, int]]
    ) -> Generator[Folder, None, None]:
        """Walk through some folders, each once: those that tell what others are first.

        Args:
            starts: their paths, and whether all below them are entered, not the new ones only.
            known: device and inode of those that are not new.
        """
        met: set[str] = set()
        for start, is_whole in sorted(starts.items(), key=lambda item: (not item[1], item[0])):
            if start in met:
                continue
            self._is_by_link = self._leads_to(start) is not None
            folders = discovery.walk_folders(
                start,
                self._progress,
                self._trouble,
                self._rules,
                library=self._library,
                known=frozenset() if is_whole else known,
            )
            with contextlib.closing(folders):
                for folder in folders:
                    if folder.path not in met:
                        met.add(folder.path)
                        yield folder

    def _may_be_component(self, folder: str) -> bool:
        """Tell whether a folder may be a part of a pipeline that nobody has seen whole: a scan was stopped there."""
        above = os.path.dirname(folder)
        return is_below(above, self._root) and os.path.lexists(os.path.join(above, discovery.PIPELINE_MARKER))

    def _is_left_out(self, folder: str) -> bool:
        """Tell whether the rules hide a folder or one that it lies in."""
        matches, inside = self._rules.matcher(), ""
        for name in os.path.relpath(folder, self._library).split(os.sep):
            inside += name + os.sep
            is_hidden = self._rules.skip_hidden and name.startswith(".") and name != os.curdir
            if is_hidden or (matches is not None and matches(inside)):
                return True
        return False

    def _walk(self, folders: Generator[Folder, None, None], remembered: dict[str, ScannedFolder]) -> None:
        try:
            # Closed here, for whoever keeps an error keeps what it stopped, and a second process with it.
            with contextlib.closing(folders):
                for folder in folders:
                    self._visit(folder, remembered.pop(folder.path, None))
                    self._take(self._hashing.ready())
            self._take(self._hashing.rest())
        except Cancelled:
            # What was written down is kept; what no thread has looked into was not seen.
            self._report.seen -= len(self._met)
            self._write()
            raise
        self._write()

    def _visit(self, folder: Folder, remembered: ScannedFolder | None) -> None:
        report = self._report
        self._progress.step(report.seen, None, folder.path)
        report.seen += folder.file_count
        for path, _ in folder.ignored:
            if path.endswith(os.sep):
                self._ignored_below.add(path[:-1])
            else:
                report.seen += 1
                report.ignored += 1
        self._devices.add(folder.device)
        digest = f"{self._rules_version}:{folder.digest}"
        is_same = remembered is not None and remembered.digest == digest
        if not is_same and folder.path in self._unit_paths().values():
            self._reopened.add(folder.path)  # what its parts are may be another question now
        is_same = is_same and os.path.dirname(folder.path) not in self._reopened
        self._note_pipeline(folder, is_same)
        pipeline = self._pipelines.get(self._component_of.get(folder.path, ""))
        if pipeline is not None:
            component = os.path.relpath(folder.path, self._component_of[folder.path])
            pipeline.listings[component] = ([row[0] for row in folder.files], folder.names)
            pipeline.rows.update({f"{component}/{row[0]}": row for row in folder.files})
        is_by_link = self._is_by_link or folder.link_target is not None
        draft = FolderDraft(folder.path, folder.mtime_ns, digest, folder, is_by_link)
        if is_same and not (pipeline is not None and pipeline.is_changed):
            assert remembered is not None
            report.unchanged += folder.file_count
            self._has_met_known |= folder.file_count > 0
            if remembered.mtime_ns != folder.mtime_ns:
                self._chunk.folders.append(draft)
            return
        if folder.path in self._reopened or folder.path in self._pipelines:
            self._held[folder.path] = draft  # its parts lie in folders that a stop may leave out
        draft.waiting += 1  # it is not complete before all its files were met
        self._compare(folder, remembered, draft, pipeline)
        draft.waiting -= 1
        self._close(draft)
        self._write_if_full()

    def _note_pipeline(self, folder: Folder, is_same: bool) -> None:
        """Remember the components of a diffusers folder, before the walk meets them."""
        if discovery.PIPELINE_MARKER not in folder.names:
            return
        content = discovery.read_marker(os.path.join(folder.path, discovery.PIPELINE_MARKER))
        components = discovery.components_of(content) if content is not None else None
        if not components:
            return
        self._pipelines[folder.path] = _Pipeline(frozenset(components), not is_same)
        for component in components:
            self._component_of[os.path.join(folder.path, component)] = folder.path

    def _compare(
        self, folder: Folder, remembered: ScannedFolder | None, draft: FolderDraft, pipeline: _Pipeline | None
    ) -> None:
        known = self._catalog.files_in(remembered.id) if remembered is not None else {}
        look_again = (
            remembered is not None
            and not (remembered.digest or "").startswith(self._rules_version + ":")
            and remembered.digest is not None
        )
        rows = {row[0]: row for row in folder.files}
        members = self._members(folder, rows, pipeline)
        if members:
            self._held[folder.path] = draft
        for row in folder.files:
            file = known.pop(row[0], None)
            self._devices.add(row[4])
            self._has_met_known |= file is not None
            if row[0] in members:
                self._meet_member(file, row)
            elif file is not None and file.unit is None and _is_unchanged(file, row):
                self._meet_unchanged(file, row, folder, draft, look_again)
            elif file is not None and _is_unchanged(file, row) and not self._was_part(file):
                self._meet_link(file, row, draft)
            else:
                self._meet_new(file, row, folder, draft)
            if len(self._jobs) >= JOBS_AT_ONCE:
                self._hand_over()
                self._take(self._hashing.ready())
        self._hand_over()
        ignored = {path for path, _ in folder.ignored}
        left = [file for file in known.values() if file.path not in ignored]
        if left:
            self._held[folder.path] = draft
        self._leave(folder.path, left)

    def _members(
        self, folder: Folder, rows: Mapping[str, FileRow], pipeline: _Pipeline | None
    ) -> frozenset[str]:
        """Return the names that belong to a model of several files."""
        if pipeline is not None:
            root = self._component_of[folder.path]
            component = os.path.relpath(folder.path, root)
            group = discovery.pipeline(root, {component: pipeline.listings[component]}, discovery.read_marker)
            pipeline.is_changed = True
            return frozenset(os.path.basename(name) for name in group.members) if group else frozenset()
        groups = (
            discovery.groups_in(folder.path, list(rows), folder.names, discovery.read_marker)
            if len(rows) > 1
            else []
        )
        self._groups += [(group, {name: rows[name] for name in group.members}) for group in groups]
        return frozenset(name for group in groups for name in group.members)

    def _was_part(self, file: KnownFile) -> bool:
        """Tell whether a file lies where the model of several files has the part that it was known as."""
        place = self._unit_paths().get(file.unit or 0)
        return place is not None and is_at_place(file.path, file.member or "", place)

    def _unit_paths(self) -> dict[int, str]:
        if self._units is None:
            self._units = {row_id: path for path, row_id in self._catalog.units_below(self._root).items()}
        return self._units

    def _meet_member(self, file: KnownFile | None, row: FileRow) -> None:
        if file is None:
            self._report.added += 1
        elif _is_unchanged(file, row) and file.unit is not None and file.state == FileState.PRESENT:
            self._report.unchanged += 1
        else:
            self._report.updated += 1

    def _meet_link(self, file: KnownFile, row: FileRow, draft: FolderDraft) -> None:
        """Take another path to a part of a model that lies elsewhere."""
        is_led = self._note_link(file, row, draft)
        if file.state == FileState.PRESENT and not is_led:
            self._report.unchanged += 1
            return
        self._report.updated += 1
        self._linked.add(file.unit or 0)
        if file.state != FileState.PRESENT:
            self._chunk.states[file.id] = FileState.PRESENT

    def _meet_unchanged(
        self, file: KnownFile, row: FileRow, folder: Folder, draft: FolderDraft, look_again: bool
    ) -> None:
        if not _was_read(file):
            self._enqueue(file, row, draft, hash_it=False)
            return
        is_led = self._note_link(file, row, draft)
        if file.state == FileState.PRESENT and not is_led:
            self._report.unchanged += 1
        else:
            self._report.updated += 1
            if file.state != FileState.PRESENT:
                self._chunk.states[file.id] = FileState.PRESENT
        if look_again and file.state == FileState.PRESENT:
            self._enqueue(file, row, draft, hash_it=False)

    def _meet_new(self, file: KnownFile | None, row: FileRow, folder: Folder, draft: FolderDraft) -> None:
        at_once = self._hash_files and row[1] <= SMALL_BYTES
        if file is not None and not at_once and self._goes_on(file, row, folder):
            self._note_link(file, row, draft)
            if file.model_sha256 is None:  # no hash will tell that its header is another
                self._enqueue(file, row, draft, hash_it=False, goes_on=True)
            else:
                self._report.updated += 1
                self._chunk.touched.append((file, row))
            return
        body = (row[3], row[4])
        is_twin = bool(row[3]) and body in self._bodies
        self._bodies.add(body)
        self._enqueue(file, row, draft, hash_it=at_once and not is_twin)

    def _note_link(self, file: KnownFile, row: FileRow, draft: FolderDraft) -> bool:
        """Note where a path leads now, if that is not what is known of it; tell whether it is not."""
        target = draft.leads_to(row)
        if target == file.link_target:
            return False
        self._chunk.led[file.id] = target
        return True

    def _goes_on(self, file: KnownFile, row: FileRow, folder: Folder) -> bool:
        """Tell whether a file that changed may stay with its model until its hash says what it is.

        So it is with one of equal size, and with one whose tensors seem to be the same.
        """
        if file.unit is not None or file.state == FileState.UNREADABLE:
            return False
        if file.size_bytes == row[1]:
            return True
        if not self._hash_files or file.tensor_quick is None:
            return False
        try:
            return discovery.tensor_quick_of(os.path.join(folder.path, row[0])) == file.tensor_quick
        except OSError:
            return False

    def _enqueue(
        self,
        file: KnownFile | None,
        row: FileRow,
        draft: FolderDraft,
        *,
        hash_it: bool,
        goes_on: bool = False,
    ) -> None:
        path = os.path.join(draft.path, row[0])
        key = self._next_key
        self._next_key -= 1
        draft.waiting += 1
        self._met[key] = Met(path, row, file, draft, draft.leads_to(row), goes_on)
        self._jobs.append(HashJob(key, path, row[1], row[2], look=True, hash=hash_it, device=row[4]))

    def _hand_over(self) -> None:
        jobs, self._jobs = self._jobs, []
        if jobs:
            self._hashing.add(jobs)

    def _trouble(self, found: Problem) -> None:
        """Hear of something that can't be looked at."""
        self._troubled.add(os.path.dirname(found.path))
        file = self._catalog.known_file(found.path)
        if file is not None or discovery.looks_like_a_model(os.path.basename(found.path)):
            if file is not None and found.code != "not_found":
                self._chunk.states[file.id] = FileState.UNREADABLE
                self._unread.add(found.path)
        else:
            self._unread.add(found.path)
        self._report.seen += 1
        self._report.failed += 1
        self._report.problems.append(found)

    # --- what the threads give back ---------------------------------------------------------------------

    def _take(self, batches: Iterable[list[HashResult]]) -> None:
        for results in batches:
            for result in _with_headers(results):
                met = self._met.pop(result.job.key, None)
                if met is not None:
                    self._take_one(result, met)
            self._write_if_full()

    def _take_one(self, result: HashResult, met: Met) -> None:
        met.folder.waiting -= 1
        report = self._report
        known = met.known
        is_known = known is not None and known.unit is None and _is_unchanged(known, met.row)
        row = _as_read(met.row, result.facts)
        if row is not met.row:  # another file lies there since it was listed: the next scan lists it
            self._troubled.add(met.folder.path)
            if known is not None and is_known and _was_read(known):
                self._close(met.folder)
                return
            goes_on = met.goes_on and known is not None and known.size_bytes == row[1]
            is_known, met = False, met._replace(row=row, goes_on=goes_on)
        if known is not None and known.unit is not None:
            self._chunk.released.append(known.id)
        if result.problem is not None and result.problem.code == "not_found":
            self._troubled.add(met.folder.path)
            if not is_known:
                report.failed += 1
                report.problems.append(result.problem)
        elif (found := self._identify(result, met)) is None:
            if met.known is not None and not is_known:  # a blob that is no model any more
                self._chunk.states[met.known.id] = FileState.MISSING
            report.ignored += not is_known
        elif known is not None and is_known:
            self._look_again(known, found, met.folder)
        elif known is not None and met.goes_on:
            self._chunk.touched.append((known, met.row))
            if found.state == FileState.PRESENT:
                self._chunk.looked.append((known.model_id, found))
            report.updated += 1
        else:
            self._chunk.add(found)
            if found.state == FileState.UNREADABLE:
                self._troubled.add(met.folder.path)
                report.failed += 1
            elif known is None:
                report.added += 1
            else:
                report.updated += 1
        self._close(met.folder)

    def _close(self, folder: FolderDraft) -> None:
        """Let a folder be remembered if none of its files is waited for."""
        if not folder.waiting:
            self._chunk.folders.append(folder)

    def _look_again(self, file: KnownFile, found: FoundModel, folder: FolderDraft) -> None:
        """Take what a file of unchanged facts is by newer rules, or by the first look that was possible."""
        if found.state == FileState.UNREADABLE:
            self._troubled.add(folder.path)
            self._report.failed += not _was_read(file)
            return
        self._chunk.looked.append((file.model_id, found))
        if not _was_read(file):
            self._report.updated += 1
            self._chunk.states[file.id] = FileState.PRESENT

    def _write_if_full(self) -> None:
        if self._chunk.is_full():
            self._write()

    def _write(self) -> None:
        chunk, self._chunk = self._chunk, Chunk()
        is_news = bool(chunk.found or chunk.looked or chunk.states or chunk.touched or chunk.led)
        if not (is_news or chunk.folders or chunk.released):
            return
        catalog = self._catalog
        with catalog.transaction(Changes(models=True) if is_news else None):
            if chunk.released:
                catalog.release_members(chunk.released)
            catalog.put_found(chunk.found, self.rewritten_models, self.changed_models)
            for model_id, found in chunk.looked:
                catalog.put_header(model_id, found.format, found.header, found.facts, found.danger)
                catalog.put_embedded(model_id, found.path, found.mtime_ns, found.embedded)
                self.changed_models.append(model_id)
            for file, (_, size_bytes, mtime_ns, inode, device, _) in chunk.touched:
                catalog.touch_file(file.id, size_bytes, mtime_ns, inode, device)
            catalog.put_link_targets(chunk.led)
            unhashed = [file.model_id for file, _ in chunk.touched]
            unhashed += [model_id for model_id, found in chunk.looked if found.file_id in chunk.states]
            if unhashed and self._hash_files:
                catalog.set_hash_state(unhashed, HashState.HASHING)
            if chunk.states:
                catalog.mark_files(chunk.states)
            # The files first: writing them makes digests void.
            catalog.put_folders(
                (draft.path, 0, None)
                if draft.path in self._held
                else (draft.path, draft.mtime_ns, None if draft.path in self._troubled else draft.digest)
                for draft in chunk.folders
            )

    def _release(self) -> None:
        """Remember the folders about which there was more to do after the walk: until now a stop had them met again."""
        held, self._held = list(self._held.values()), {}
        for start in range(0, len(held), CHUNK_FILES):
            self._catalog.put_folders(
                (draft.path, draft.mtime_ns, None if draft.path in self._troubled else draft.digest)
                for draft in held[start : start + CHUNK_FILES]
            )

    # --- models of several files ------------------------------------------------------------------------

    def _put_units(self) -> None:
        groups, self._groups = self._groups, []
        wanted = [(group, rows, frozenset[str]()) for group, rows in groups]
        for root, pipeline in self._pipelines.items():
            if pipeline.is_changed:
                group = discovery.pipeline(root, pipeline.listings, discovery.read_marker)
                if group is not None:
                    rows = {name: pipeline.rows[name] for name in group.members}
                    wanted.append((group, rows, pipeline.components))
        self._pipelines.clear()
        self._component_of.clear()
        for group, rows, components in wanted:
            self._progress.step(self._report.seen, None, group.name)
            members = tuple(
                Member(name, path, *rows[name][1:5], self._leads_to(path))
                for name, path in group.members.items()
            )
            found = self._identify_group(group, members)
            unit = FoundUnit(group.path, found.format or group.kind, members, found)
            is_promised = partial(_is_promised, group, components)
            self.changed_models += self._catalog.put_unit(unit, is_promised, self._moves.links)

    def _leads_to(self, path: str) -> str | None:
        """Return where a path below the root leads by links of its own or of folders, None if nowhere else."""
        real = os.path.realpath(path)
        here = os.path.join(os.path.realpath(self._root), os.path.relpath(path, self._root))
        return real if real != here else None

    def _release_strays(self) -> None:
        """Look anew at further paths to parts of models that have no such part any more."""
        gone = {file.unit for file in self._gone if file.unit is not None}
        strays = self._catalog.strays(gone | self._linked, self._root)
        if not strays:
            return
        report = self._report
        counts = report.added, report.updated, report.unchanged, report.ignored, report.failed
        out_of_sight: list[KnownFile] = []
        libraries = list(self._catalog.folder_facts())
        for file in strays:
            folder, name = os.path.split(file.path)
            draft = FolderDraft(folder, 0, None, None, is_by_link=True)
            try:
                entry = tree.entry_of(file.path)
            except OSError:
                # Of a library folder the next scan sees what became of it; elsewhere nobody looks again.
                if not is_below_any(file.path, libraries):
                    out_of_sight.append(file)
                continue
            row = (name, entry.size_bytes, entry.mtime_ns, entry.inode, entry.device, entry.is_link)
            at_once = self._hash_files and entry.size_bytes <= SMALL_BYTES
            self._enqueue(file, row, draft, hash_it=at_once)
        self._hand_over()
        self._take(self._hashing.rest())
        self._write()
        self._catalog.give_up(out_of_sight)
        self.changed_models += self._catalog.settle_units(
            file.unit for file in strays if file.unit is not None
        )
        # They were counted where the walk met them.
        report.added, report.updated, report.unchanged, report.ignored, report.failed = counts

    # --- what was not met -------------------------------------------------------------------------------

    def _leave(self, folder: str, files: Iterable[KnownFile]) -> None:
        """Note known files of a folder that the walk did not meet."""
        if not _is_among(folder, self._ignored_below):
            self._gone += [file for file in files if not _is_among(file.path, self._ignored_below)]

    def _settle(self, device: int, *, whole: bool) -> bool:
        """Say what became of the known files that were not met: moved, missing, offline or not readable now."""
        gone, report = self._gone, self._report
        if whole and gone and not self._has_met_known:
            _, former_device = self._catalog.folder_facts().get(self._root, ("", None))
            if former_device not in (None, device) or _is_empty(self._root):
                return True  # an empty mount point, or another disk in its place: the library is away, not deleted
        states: dict[int, str] = {}
        missing: list[KnownFile] = []
        for file in gone:
            if _is_among(file.path, self._unread):
                state = FileState.UNREADABLE
            elif file.device not in self._devices:
                state = FileState.OFFLINE  # it lay on a disk below the folder of which nothing was met
                report.offline += 1
            else:
                state = FileState.MISSING
                missing.append(file)
            if file.state != state:
                states[file.id] = state
        items = list(states.items())
        for start in range(0, len(items), CHUNK_FILES):
            self._catalog.mark_files(dict(items[start : start + CHUNK_FILES]))
        if whole:  # in folders that did not change, too
            missing = [
                file
                for file in self._catalog.missing_below(self._root)
                if not _is_among(file.path, self._ignored_below)
            ]
        self._account(missing)
        self._release()
        if self._hash_files:
            self._adopt()
        return False

    def _account(self, missing: Sequence[KnownFile]) -> None:
        """Write models of several files, and tell what is missing from what has another place now."""
        report, moves = self._report, self._moves
        earlier = self._still_missing([file.id for file in moves.missing])
        before = {file.id: file for file in (*earlier, *missing)}
        self._put_units()
        self._release_strays()
        followed = self._catalog.follow_bodies(moves.looked_at, moves.taken)
        moves.looked_at = self._catalog.last_file_id()
        self.changed_models += followed.values()
        self.changed_models += self._catalog.forget_lost_links(before)
        known = self._catalog.files_with_ids(list(before))
        left = [file for file in known if file.state == FileState.MISSING]
        ids = {file.id for file in known}
        # A file that became a part elsewhere moved; a further path to a part went with it.
        went = [file for file in before.values() if file.id not in ids]
        report.moved += sum(file.unit is None or file.id in moves.links for file in went)
        ids = {file.id for file in left}
        report.moved += sum(file_id not in before for file_id in followed)
        moved = self._catalog.forget_moved(left, moves.since, moves.taken)
        report.moved += len(moved)
        ids -= {file.id for file in moved}
        moves.missing = [file for file in left if file.id in ids]
        report.missing += len(moves.missing) - len(earlier)
        self.changed_models += [file.model_id for file in moved]

    def _still_missing(self, file_ids: Sequence[int]) -> list[KnownFile]:
        return [file for file in self._catalog.files_with_ids(file_ids) if file.state == FileState.MISSING]

    def _adopt(self) -> None:
        """Let large files that were not hashed yet stand for missing ones of equal size and equal windows of bytes."""
        sizes = self._catalog.sizes_missing()
        for file in self._catalog.new_without_hash(self._moves.since, sizes) if sizes else ():
            self._progress.check()
            try:
                quick = discovery.quick_of(file.path)
            except OSError:
                continue
            former = next(
                (known for known in self._catalog.missing_of_size(file.size_bytes) if known.quick == quick),
                None,
            )
            if former is not None:
                self._catalog.adopt(file.id, former.model_id)
                self.changed_models.append(former.model_id)


def _with_headers(results: Sequence[HashResult]) -> list[HashResult]:
    """Return results with the headers that stand in the first bytes that came with them."""
    heads = [
        (result.job.path, result.looked.size_bytes, result.looked.content)
        for result in results
        if isinstance(result.looked, Head)
    ]
    headers = iter(readers.read_heads(heads))
    return [
        HashResult(result.job, result.hashes, result.problem, next(headers), result.facts)
        if isinstance(result.looked, Head)
        else result
        for result in results
    ]


def _is_promised(group: Group, components: frozenset[str], name: str) -> bool:
    """Tell whether a model of several files lacks something without a part that it had."""
    component, _, file_name = name.rpartition("/")
    if group.kind == "shards" or name in group.missing or parts.part_of(file_name) is not None:
        return True
    return component in components and not any(other.startswith(f"{component}/") for other in group.members)


def _facts(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)
    except OSError:
        return None


def _among(path: str, folders: Container[str]) -> Iterator[str]:
    """Yield those of some folders that a path is or lies below, the outermost first."""
    at = path.find(os.sep, 1)
    while at > 0:
        if path[:at] in folders:
            yield path[:at]
        at = path.find(os.sep, at + 1)
    if path in folders:
        yield path


def _is_among(path: str, folders: Collection[str]) -> bool:
    """Tell whether a path is one of some folders or lies below one."""
    return bool(folders) and next(_among(path, folders), None) is not None


def _is_empty(folder: str) -> bool:
    """Tell whether a folder holds nothing, or went just now; of one that can't be listed nobody knows."""
    try:
        return not os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False


def _was_read(file: KnownFile) -> bool:
    """Tell whether a file is known by its bytes; one that could never be opened is known by name only."""
    return file.state != FileState.UNREADABLE or file.sha256 is not None


def _as_read(row: FileRow, facts: tree.Facts | None) -> FileRow:
    """Return a row of a listing as it was found; with the facts of the file that was read, if that is another."""
    if facts is None or (row[1], row[2], row[3] or facts[2]) == facts[:3]:  # some systems list no inodes
        return row
    return (row[0], *facts[:2], *(facts[2:] if row[3] else row[3:5]), row[5])


def _is_unchanged(file: KnownFile, row: FileRow) -> bool:
    # The device's number may change from one start of the computer to the next; the inode stays.
    return (file.size_bytes, file.mtime_ns, file.inode) == (row[1], row[2], row[3])
