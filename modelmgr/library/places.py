"""Where files are now: what the user knows of a lost file, and of a folder that lies elsewhere."""

import os
from collections.abc import Iterable

from modelmgr import discovery, tree
from modelmgr.catalog.file_store import KnownFile
from modelmgr.discovery import HashJob
from modelmgr.errors import ModelmgrError, NotFound, Unreadable, Usage
from modelmgr.library.fingerprints import FILES_AT_ONCE, OPTIONS
from modelmgr.library.scanning import Scanning
from modelmgr.progress import Cancelled, Progress
from modelmgr.readers import read_header
from modelmgr.values import Changes, MoveReport, Problem, ScanReport, is_below

PATHS_AT_ONCE = 500


class Places(Scanning):
    """What the user says of places; the bytes decide."""

    def locate_model(self, model_id: int, path: str, progress: Progress) -> ScanReport:
        """Take a file as that of a model whose own is missing, if its bytes are the model's.

        A file with the same tensors under another header will do: the model goes on with it.

        Raises:
            NotFound: there is no such model or file.
            ModelmgrError: ``hash_mismatch``: the file holds something else; nothing was changed.
        """
        path = os.path.abspath(path)
        rows = self.catalog.rows([model_id])
        if not rows:
            raise NotFound(f"There is no model {model_id}.", id=model_id)
        try:
            entry = tree.entry_of(path)
        except OSError as error:
            raise NotFound(f"There is no file {path}.", path=path) from error
        report = ScanReport(seen=1)
        jobs = [HashJob(0, path, entry.size_bytes, entry.mtime_ns)]
        try:
            ((result,),) = discovery.hash_files(jobs, progress, kinds=OPTIONS.kinds)
        except Cancelled:
            report.cancelled, report.seen = True, 0
            return report
        if result.hashes is None:
            assert result.problem is not None
            report.failed = 1
            report.problems.append(result.problem)
            return report
        lost = self.catalog.files_of(model_id)
        is_open = rows[0].sha256 is None and all(file.unit is None for file in lost)
        is_same = is_open or rows[0].sha256 == result.hashes.sha256
        is_rewritten = not is_same and any(
            file.unit is None and file.tensor_quick and file.tensor_quick == result.hashes.tensor_quick
            for file in lost
        )
        if is_rewritten:
            is_rewritten = self.catalog.has_new_metadata(model_id, read_header(path).embedded)
        if not (is_same or is_rewritten):
            raise ModelmgrError(
                f"{os.path.basename(path)} is another file: its SHA-256 is not that of this model.",
                code="hash_mismatch",
                path=path,
            )
        known = self.catalog.known_file(path)
        with self.catalog.transaction(Changes(models=True)):
            _check_is_whole(known, path)
            if known is None or (known.size_bytes, known.mtime_ns, known.inode) != (
                entry.size_bytes,
                entry.mtime_ns,
                entry.inode,
            ):
                found = self._identify(entry, known, self.names_in(os.path.dirname(path)), True, report)
                if found is None:
                    raise ModelmgrError(
                        f"{os.path.basename(path)} holds no model.", code="hash_mismatch", path=path
                    )
                self.catalog.put_found([found])
                known = self.catalog.known_file(path)
            assert known is not None
            _check_is_whole(known, path)  # it may be known as a part by another path
            self.catalog.adopt(known.id, model_id)
            if not is_same:
                self.catalog.expect_tensors(known.id, lost)
            facts = known.id, path, entry.size_bytes, entry.mtime_ns
            goal = self._put_hash(*facts, result.hashes, report, header_is_new=not is_same)
            if rows[0].sha256 is None and goal is not None:  # nobody knows whether these are the bytes it had
                header = read_header(path)
                self._put_header(goal, path, entry.mtime_ns, header, header.kept())
            self.relight_all((goal or model_id,))
        report.added = report.hashed = 1
        report.bytes_hashed = entry.size_bytes
        return report

    def move_folder(self, old: str, new: str, progress: Progress, dry_run: bool = False) -> MoveReport:
        """Let a library folder be another from now on: its files are looked for at the same places below that one.

        A file with the size it had stays with its model; where its bytes may have changed (another inode or time)
        they are hashed again by the next run. Nothing on disk is touched.

        Args:
            old: a library folder.
            new: a folder that is there.
            progress: files.
            dry_run: only count.

        Raises:
            NotFound: `old` is no library folder, or `new` no folder.
            Unreadable: `new` lies where no file is one, ``outside``.
            Usage: one lies within the other.
        """
        old, new = os.path.abspath(old), os.path.abspath(new)
        if old not in self.catalog.folder_facts():
            raise NotFound(f"{old} is no library folder.", path=old)
        if not os.path.isdir(new):
            raise NotFound(f"There is no folder {new}.", path=new)
        if tree.is_forbidden(new):
            raise Unreadable(tree.FORBIDDEN, code="outside", path=new)
        if is_below(new, old) or is_below(old, new):
            raise Usage("A folder can't be moved into itself or out of itself.", old=old, new=new)
        report = MoveReport()
        files = list(self.catalog.known_files(old).values())
        moves: list[tuple[KnownFile, str, tree.Entry | None]] = []
        try:
            for number, file in enumerate(files):
                progress.step(number, len(files), os.path.basename(file.path))
                place = new + file.path[len(old) :]
                entry = _entry_at(place, report.problems)
                if entry is None:
                    report.absent += 1
                elif entry.size_bytes == file.size_bytes:
                    report.found += 1
                else:
                    report.changed += 1
                moves.append((file, place, entry))
        except Cancelled:
            report.cancelled = True
            return report
        if not dry_run:
            self._move(old, new, moves)
        return report

    def _move(self, old: str, new: str, moves: list[tuple[KnownFile, str, tree.Entry | None]]) -> None:
        """Write the new places; in one transaction, for a folder lies here or there."""
        with self.catalog.transaction(Changes(models=True, folders=True)):
            self.catalog.move_units(old, new)
            for start in range(0, len(moves), PATHS_AT_ONCE):
                self.catalog.move_files(_placed(moves[start : start + PATHS_AT_ONCE]))
            self.catalog.move_folder(old, new, tree.signed64(os.stat(new).st_dev))
            models = list(dict.fromkeys(file.model_id for file, _, _ in moves))
            for start in range(0, len(models), FILES_AT_ONCE):
                self.catalog.refresh(models[start : start + FILES_AT_ONCE])
        self.relight_all(models)


def _check_is_whole(file: KnownFile | None, path: str) -> None:
    if file is not None and file.unit is not None:
        raise ModelmgrError(
            f"{os.path.basename(path)} is a part of another model.", code="hash_mismatch", path=path
        )


def _placed(
    moves: Iterable[tuple[KnownFile, str, tree.Entry | None]],
) -> list[tuple[KnownFile, str, tuple[int, int, int, int] | None]]:
    return [
        (file, path, None if entry is None else (entry.size_bytes, entry.mtime_ns, entry.inode, entry.device))
        for file, path, entry in moves
    ]


def _entry_at(path: str, problems: list[Problem]) -> tree.Entry | None:
    try:
        return tree.entry_of(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        problems.append(
            Problem(path, "unreadable", f"The file can't be looked at: {error.strerror or error}.")
        )
        return None
