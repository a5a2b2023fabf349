"""Folders listed before the walk comes to them, by this process and by a second one.

A rescan is asking the system about a file, and making of its answer what Python can hold, a million times: two
processes do it in half the time. What is listed ahead is used in the order of the walk, as if it had been listed then;
what the second process does not answer is listed here.
"""

import os
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple

from modelmgr import tree
from modelmgr.discovery.ignore import IgnoreRules
from modelmgr.discovery.scan import NO_RULES, Folder, Lister, Packed
from modelmgr.discovery.second import Second, is_worth_it
from modelmgr.progress import Progress
from modelmgr.values import Problem

START_S = 0.05
"""So long a walk lists alone: a small library is done by then."""
WINDOW_FOLDERS = 64
BATCH_FOLDERS = 16
AHEAD_FOLDERS = 256
AHEAD_NAMES = 100_000
"""With so many names in the folders that are listed ahead no more are; they take some 10 MB."""
WAIT_S = 0.1
_ROWS = Folder._fields.index("rows")


class _Listed(NamedTuple):
    """A folder that was listed ahead, and what was wrong in it."""

    folder: Folder
    subfolders: tree.Subfolders
    problems: list[Problem]


class Ahead:
    """Lists folders for `tree.descend`: its `look` and its `waiting`.

    Args:
        library, rules, progress, report: see `walk_folders`.
    """

    def __init__(
        self, library: str, rules: IgnoreRules, progress: Progress, report: Callable[[Problem], None]
    ) -> None:
        self.waiting: list[tree.Waiting] = []
        self._setup = (library, rules.as_json())
        self._progress = progress
        self._report = report
        self._problems: list[Problem] = []
        self._lister = Lister(library, rules, progress, self._problems.append)
        self._can_start = is_worth_it()
        self._second: Second | None = None
        self._given: frozenset[str] = frozenset()
        self._ready: dict[str, _Listed] = {}
        self._ready_names = 0
        self._spent_s = 0.0

    def close(self) -> None:
        """End the second process."""
        if self._second is not None:
            self._second.close()
            self._second = None
        self._given = frozenset()

    def look(self, place: tree.Place) -> tuple[Folder, tree.Subfolders]:
        """List a folder, or take what was listed of it ahead.

        Raises:
            OSError: it can't be listed.
        """
        self._exchange(0)
        while place.path in self._given:
            self._progress.check()
            self._exchange(0 if self._list_ahead() else WAIT_S)
        listed = self._ready.pop(place.path, None)
        if listed is not None:
            self._ready_names -= _names_in(listed.folder)
        if listed is None or not _is_of(listed.folder, place.facts):
            listed = self._list(place)
        for problem in listed.problems:
            self._report(problem)
        return listed.folder, listed.subfolders

    def _list(self, place: tree.Place) -> _Listed:
        start = time.perf_counter()
        try:
            listed = _Listed(*self._lister.look(place), self._problems[:])
        except OSError:
            for problem in self._problems:
                self._report(problem)
            raise
        finally:
            self._problems.clear()
            self._spent_s += time.perf_counter() - start
        return listed

    def _list_ahead(self) -> bool:
        """List the next folder that waits, while the second process has the one that is wanted."""
        for path, link in self._unlisted()[:1]:
            try:
                self._keep(path, self._list(tree.Place(path, os.stat(path), link)))
            except OSError:
                return False
            return True
        return False

    def _keep(self, path: str, listed: _Listed) -> None:
        self._ready[path] = listed
        self._ready_names += _names_in(listed.folder)

    def _unlisted(self) -> list[tuple[str, tuple[str, str] | None]]:
        """Return the folders that the walk comes to next, and that nobody has listed or is listing."""
        if len(self._ready) + len(self._given) >= AHEAD_FOLDERS or self._ready_names >= AHEAD_NAMES:
            return []
        return [
            (path, link)
            for path, _, link in islice(reversed(self.waiting), WINDOW_FOLDERS)
            if path not in self._ready and path not in self._given
        ]

    def _exchange(self, wait_s: float) -> None:
        """Take what the second process has listed, and give it more: of what comes next the later half."""
        try:
            if self._second is None:
                if not self._can_start or self._spent_s < START_S:
                    return
                self._can_start = False
                self._second = Second("modelmgr.discovery.ahead")
                self._second.ask(self._setup)
            if not self._second.has_started(wait_s):
                return
            if self._given:
                answer = self._second.answer(wait_s)
                if answer is None:
                    return
                self._given = frozenset()
                for path, listed in _unpacked(*answer):
                    self._keep(path, listed)
            wanted = self._unlisted()
            wanted = wanted[len(wanted) // 2 :][:BATCH_FOLDERS]
            if wanted:
                self._second.ask(wanted)
                self._given = frozenset(path for path, _ in wanted)
        except OSError:  # it goes on alone
            self.close()


def walk_known_folders(
    root: str,
    progress: Progress,
    report: Callable[[Problem], None],
    rules: IgnoreRules = NO_RULES,
    *,
    library: str | None = None,
) -> Generator[Folder, None, None]:
    """Yield what `walk_folders` yields; where most of it is known it takes half the time.

    Whoever does not go to its end closes it.
    """
    ahead = Ahead(library or root, rules, progress, report)
    try:
        yield from tree.descend(
            root, progress, ahead.look, report=report, library=library, waiting=ahead.waiting
        )
    finally:
        ahead.close()


def _names_in(folder: Folder) -> int:
    return folder.file_count + len(folder.names) + len(folder.folders) + len(folder.ignored)


def _is_of(folder: Folder, facts: os.stat_result) -> bool:
    """Tell whether a folder that was listed ahead is the one that is there now."""
    return (folder.device, folder.inode) == (tree.signed64(facts.st_dev), tree.signed64(facts.st_ino))


def answering(setup: tuple[str, Mapping[str, Any]]) -> Callable[[list[tuple[str, Any]]], tuple[Any, bytes]]:
    """Return what lists folders in the second process.

    One that can't be listed is left out of its answer; so are all behind those that had many names.
    """
    problems: list[Problem] = []
    library, rules = setup
    lister = Lister(library, IgnoreRules.from_json(rules), Progress(), problems.append, packs=True)

    def listed(places: list[tuple[str, Any]]) -> tuple[Any, bytes]:
        found: list[Any] = []
        packed: list[bytes] = []
        names = 0
        for path, link in places:
            if names >= AHEAD_NAMES:
                break
            try:
                folder, subfolders = lister.look(tree.Place(path, os.stat(path), link))
            except OSError:
                continue
            finally:
                told = [(problem.path, problem.code, problem.message) for problem in problems]
                problems.clear()
            assert isinstance(folder.rows, Packed)
            names += _names_in(folder)
            packed += folder.rows
            fields: list[Any] = list(folder)
            fields[_ROWS] = [len(part) for part in folder.rows]
            found.append((fields, subfolders, told))
        return found, b"".join(packed)

    return listed


def _unpacked(found: list[Any], packed: memoryview) -> Iterator[tuple[str, _Listed]]:
    """Yield the folders of an answer, by path."""
    for fields, subfolders, problems in found:
        parts: list[bytes] = []
        for length in fields[_ROWS]:
            parts.append(bytes(packed[:length]))
            packed = packed[length:]
        folder = Folder(*fields)
        folder = folder._replace(rows=Packed(*parts), ignored=[(path, why) for path, why in folder.ignored])
        yield folder.path, _Listed(folder, subfolders, [Problem(*problem) for problem in problems])
