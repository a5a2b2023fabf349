"""The one way the program walks folders: bounded, loop-safe, never past what it may look at.

For discovery and migration alike. Reads directories and stats; opens no file.
"""

import os
import stat
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Set
from typing import NamedTuple, TypeVar

from modelmgr.lazily import dataclass
from modelmgr.progress import Progress
from modelmgr.values import Problem, is_below, is_below_any

FORBIDDEN_ROOTS = ("/proc", "/sys", "/dev")
FORBIDDEN = "Nothing below /proc, /sys and /dev is read."
SKIPPED_FOLDERS = frozenset(
    (".git", "node_modules", "venv", ".venv", "__pycache__", ".lm-pending-delete", "$RECYCLE.BIN", ".Trash")
)


Seen = TypeVar("Seen")
Facts = tuple[int, int, int, int]
"""Size in bytes, mtime_ns, inode and device of a file, the last three `signed64`."""


class Entry(NamedTuple):
    """One regular file that was wanted, with the facts of what it leads to.

    Attributes:
        path: absolute, as found (links not resolved), `surrogateescape` text.
        is_link: the name itself is a symbolic link.
    """

    path: str
    name: str
    size_bytes: int
    mtime_ns: int
    inode: int
    device: int
    is_link: bool


@dataclass(frozen=True, slots=True)
class Listing:
    """One folder of the walk.

    Attributes:
        path: absolute, as found.
        link_target: real path of the folder link by which the walk came here, or None.
        names: every name in it that is no folder.
        entries: the wanted files.
        folders: the names of its subfolders (also those not entered).
    """

    path: str
    link_target: str | None
    names: tuple[str, ...]
    entries: tuple[Entry, ...]
    folders: tuple[str, ...]


def entry_of(path: str) -> Entry:
    """Return the entry of one regular file.

    Raises:
        OSError: it isn't there, can't be looked at, or is no regular file.
    """
    facts = os.stat(path)
    if not stat.S_ISREG(facts.st_mode):
        raise OSError(f"not a regular file: {os.path.basename(path)!r}")
    return Entry(path, os.path.basename(path), *facts_of(facts), os.path.islink(path))


def facts_of(facts: os.stat_result) -> Facts:
    """Return what the catalog knows a file by."""
    return facts.st_size, signed64(facts.st_mtime_ns), signed64(facts.st_ino), signed64(facts.st_dev)


def is_forbidden(path: str) -> bool:
    """Tell whether a path really lies where the system shows files that are none."""
    return is_below_any(os.path.realpath(path), FORBIDDEN_ROOTS)


def is_folder_link(item: os.DirEntry[str]) -> bool:
    """Tell whether a folder's name is a link: a symbolic one, or a junction of Windows."""
    if sys.platform == "win32":
        tag = item.stat(follow_symlinks=False).st_reparse_tag
        return tag in (stat.IO_REPARSE_TAG_SYMLINK, stat.IO_REPARSE_TAG_MOUNT_POINT)
    return item.is_symlink()


def signed64(number: int) -> int:
    """Fold a number (inode, device, nanoseconds after the year 2262) into what a 64-bit signed column holds."""
    number &= (1 << 64) - 1
    return number - (1 << 64) if number >= 1 << 63 else number


class Place(NamedTuple):
    """One folder that a walk has come to.

    Attributes:
        path: absolute, as found.
        facts: its `os.stat`, taken before it is listed.
        link: path and real path of the folder link by which the walk came here, to it or to a parent, or None.
    """

    path: str
    facts: os.stat_result
    link: tuple[str, str] | None

    @property
    def real_path(self) -> str | None:
        """Where the folder really lies, if the walk came by a folder link, else None."""
        return None if self.link is None else self.link[1] + self.path[len(self.link[0]) :]


Subfolders = list[tuple[str, bool]]
"""Subfolders that a walk shall enter: name, and whether the name is a link."""

Waiting = tuple[str, int, tuple[str, str] | None]
"""A folder that a walk is still to enter: path, depth, `Place.link`."""


def descend(
    root: str,
    progress: Progress,
    look: Callable[[Place], tuple[Seen, Subfolders]],
    *,
    report: Callable[[Problem], None],
    max_depth: int | None = None,
    library: str | None = None,
    known: Iterable[tuple[int, int]] = (),
    waiting: list[Waiting] | None = None,
) -> Generator[Seen, None, None]:
    """Yield what `look` makes of `root` and of each folder below it, parents first, links to folders last.

    Links to folders are followed, except to a parent of the library and below ``/proc``, ``/sys``, ``/dev``; a
    folder is entered once, whatever leads to it, and by its own path rather than by a link. A folder for which
    `look` raises `OSError` is reported ``unreadable``, and the walk goes on.

    Args:
        root: absolute path of a folder.
        progress: asked once a folder.
        look: lists one folder, and names the subfolders to enter.
        report: called for each problem, in the walking thread.
        max_depth: folders deeper than this many below `root` are reported ``too_deep``, not entered.
        library: the folder to whose parents no link may lead; `root` if it isn't told.
        known: device and inode (`signed64`) of folders that are not entered, except `root` itself; a set is not copied.
        waiting: an empty list, where the folders will stand to which the walk comes next, the first of them last.
    """
    real_root = os.path.realpath(library or root)
    entered: set[tuple[int, int]] = set()
    passed = known if isinstance(known, Set) else frozenset(known)
    stack = [] if waiting is None else waiting
    stack.append((root, 0, None))
    links: deque[Waiting] = deque()
    while stack or links:
        path, depth, link = stack.pop() if stack else links.popleft()
        progress.check()
        try:
            facts = os.stat(path)
            identity = (signed64(facts.st_dev), signed64(facts.st_ino))
            if depth > 0 and (identity in entered or identity in passed):
                continue
            entered.add(identity)
            place = Place(path, facts, link)
            seen, subfolders = look(place)
        except OSError as error:
            report(Problem(path, "unreadable", f"The folder can't be read: {error.strerror or error}."))
            continue
        yield seen
        real_path = place.real_path or path
        own: list[Waiting] = []
        for name, is_link in subfolders:
            below, real, by = os.path.join(path, name), os.path.join(real_path, name), link
            if is_link:
                real = os.path.realpath(below)
                by = (below, real)
                if is_below(real_root, real) or real == os.sep:
                    continue
            if is_below_any(real, FORBIDDEN_ROOTS):
                continue
            if max_depth is not None and depth + 1 > max_depth:
                report(
                    Problem(below, "too_deep", f"Folders more than {max_depth} levels deep are not searched.")
                )
                continue
            (links if is_link else own).append((below, depth + 1, by))
        stack += reversed(own)


def walk(
    root: str,
    progress: Progress,
    *,
    wanted: Callable[[str], bool],
    max_depth: int | None = None,
    report: Callable[[Problem], None],
) -> Iterator[Listing]:
    """Yield a listing of `root` and of each folder below it, as `descend` enters them.

    What can't be looked at goes to `report` (``unreadable``, ``not_found``, ``too_deep``) and the walk goes on.

    Args:
        root: absolute path of a folder.
        progress: asked once a folder.
        wanted: tells by its name whether a file shall be stat'ed and become an `Entry`.
        max_depth: folders deeper than this many below `root` are reported ``too_deep``, not entered.
        report: called for each problem, in the walking thread.
    """

    def look(place: Place) -> tuple[Listing, Subfolders]:
        return _list(place.path, place.link[1] if place.link else None, wanted, report)

    return descend(root, progress, look, report=report, max_depth=max_depth)


def _list(
    path: str, link_target: str | None, wanted: Callable[[str], bool], report: Callable[[Problem], None]
) -> tuple[Listing, Subfolders]:
    names: list[str] = []
    entries: list[Entry] = []
    subfolders: Subfolders = []
    folder_names: list[str] = []
    with os.scandir(path) as found:
        items = sorted(found, key=lambda item: item.name)
    for item in items:
        try:
            is_link = item.is_symlink()
            if item.is_dir():
                folder_names.append(item.name)
                if item.name not in SKIPPED_FOLDERS:
                    subfolders.append((item.name, is_folder_link(item)))
                continue
            names.append(item.name)
            if not wanted(item.name):
                continue
            facts = item.stat()
        except FileNotFoundError:
            if wanted(item.name):
                report(Problem(item.path, "not_found", "The link leads nowhere."))
            continue
        except OSError as error:
            report(
                Problem(item.path, "unreadable", f"The file can't be looked at: {error.strerror or error}.")
            )
            continue
        if not stat.S_ISREG(facts.st_mode):
            report(Problem(item.path, "unreadable", "This is no regular file; it was not opened."))
            continue
        if is_link:
            target = os.path.realpath(item.path)
            if any(is_below(target, forbidden) for forbidden in FORBIDDEN_ROOTS):
                continue
        entries.append(Entry(item.path, item.name, *facts_of(facts), is_link))
    # Hugging Face keeps blobs/ beside snapshots/: the named links first, the bare blobs last.
    subfolders.sort(key=lambda item: item[0] == "blobs")
    return Listing(path, link_target, tuple(names), tuple(entries), tuple(folder_names)), subfolders
