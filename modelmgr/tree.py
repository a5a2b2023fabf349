"""The one way the program walks folders: bounded, loop-safe, never past what it may look at.

For discovery and migration alike. Reads directories and stats; opens no file.
"""

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from modelmgr.progress import Progress
from modelmgr.values import Problem, is_below

FORBIDDEN_ROOTS = ("/proc", "/sys", "/dev")
SKIPPED_FOLDERS = frozenset(
    (".git", "node_modules", "venv", ".venv", "__pycache__", ".lm-pending-delete", "$RECYCLE.BIN", ".Trash")
)


@dataclass(frozen=True, slots=True)
class Entry:
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
    return Entry(
        path,
        os.path.basename(path),
        facts.st_size,
        facts.st_mtime_ns,
        signed64(facts.st_ino),
        signed64(facts.st_dev),
        os.path.islink(path),
    )


def signed64(number: int) -> int:
    """Fold an unsigned number (inode, device) into what a 64-bit signed column holds."""
    number &= (1 << 64) - 1
    return number - (1 << 64) if number >= 1 << 63 else number


def walk(
    root: str,
    progress: Progress,
    *,
    wanted: Callable[[str], bool],
    max_depth: int | None = None,
    report: Callable[[Problem], None],
) -> Iterator[Listing]:
    """Yield a listing of `root` and of each folder below it, parents first.

    Links to folders are followed, except to a parent of `root` and below ``/proc``, ``/sys``, ``/dev``; a folder
    is entered once, whatever leads to it. What can't be looked at goes to `report` (``unreadable``, ``not_found``,
    ``too_deep``) and the walk goes on.

    Args:
        root: absolute path of a folder.
        progress: asked once a folder.
        wanted: tells by its name whether a file shall be stat'ed and become an `Entry`.
        max_depth: folders deeper than this many below `root` are reported ``too_deep``, not entered.
        report: called for each problem, in the walking thread.
    """
    real_root = os.path.realpath(root)
    entered: set[tuple[int, int]] = set()
    stack: list[tuple[str, int, str | None]] = [(root, 0, None)]
    while stack:
        path, depth, link_target = stack.pop()
        progress.check()
        try:
            facts = os.stat(path)
            if (facts.st_dev, facts.st_ino) in entered:
                continue
            entered.add((facts.st_dev, facts.st_ino))
            listing, subfolders = _list(path, link_target, wanted, report)
        except OSError as error:
            report(Problem(path, "unreadable", f"The folder can't be read: {error.strerror or error}."))
            continue
        yield listing
        for name, is_link in reversed(subfolders):
            below = os.path.join(path, name)
            target = link_target
            if is_link:
                target = os.path.realpath(below)
                if is_below(real_root, target) or target == os.sep:
                    continue
            if any(is_below(target or below, forbidden) for forbidden in FORBIDDEN_ROOTS):
                continue
            if max_depth is not None and depth + 1 > max_depth:
                report(
                    Problem(below, "too_deep", f"Folders more than {max_depth} levels deep are not searched.")
                )
                continue
            stack.append((below, depth + 1, target))


def _list(
    path: str, link_target: str | None, wanted: Callable[[str], bool], report: Callable[[Problem], None]
) -> tuple[Listing, list[tuple[str, bool]]]:
    names: list[str] = []
    entries: list[Entry] = []
    subfolders: list[tuple[str, bool]] = []
    folder_names: list[str] = []
    with os.scandir(path) as found:
        items = sorted(found, key=lambda item: item.name)
    for item in items:
        try:
            is_link = item.is_symlink()
            if item.is_dir():
                folder_names.append(item.name)
                if item.name not in SKIPPED_FOLDERS:
                    subfolders.append((item.name, is_link))
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
        entries.append(
            Entry(
                item.path,
                item.name,
                facts.st_size,
                facts.st_mtime_ns,
                signed64(facts.st_ino),
                signed64(facts.st_dev),
                is_link,
            )
        )
    # Hugging Face keeps blobs/ beside snapshots/: the named links first, the bare blobs last.
    subfolders.sort(key=lambda item: item[0] == "blobs")
    return Listing(path, link_target, tuple(names), tuple(entries), tuple(folder_names)), subfolders
