"""Which files below a folder may be models, told by name; the content is asked later.

A rescan is this walk and little more: a folder comes as plain tuples with a digest of them, so that whoever keeps
the digest knows an unchanged folder without looking at its files again.
"""

import hashlib
import marshal
import os
import re
import stat
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import NamedTuple

from modelmgr import tree
from modelmgr.discovery.ignore import (
    HIDDEN,
    PARTIAL_DOWNLOAD,
    PARTIAL_SUFFIXES,
    PATTERN,
    IgnoreRules,
    finished_name,
)
from modelmgr.progress import Progress
from modelmgr.values import MODEL_SUFFIXES, Problem, is_below_any

NO_RULES = IgnoreRules()
MARKERS = frozenset(("model_index.json", "config.json", "adapter_config.json"))
"""Files that say what the model files beside and below them are; so does every ``*.index.json``."""

# Ollama names its blobs sha256-<hex> (older: sha256:<hex>), the Hugging Face cache by the bare SHA-256 or git blob id.
_BLOB = re.compile(r"(sha256[-:])?([0-9a-f]{64}|[0-9a-f]{40})\Z")
_OTHER, _MODEL, _JSON, _PARTIAL = range(4)
_KINDS_LIMIT = 10_000
_LISTED_AT_ONCE = 4096  # names between two looks whether the walk was cancelled
_COARSE_NS, _FINE_NS = 2_000_000_000, 20_000_000
_TYPE_MASK = 0o170000
_SIGN_BIT = 1 << 63

FileRow = tuple[str, int, int, int, int, bool]
"""A file as the walk found it: name, size in bytes, mtime_ns, inode, device, whether the name is a link."""


class Folder(NamedTuple):
    """One folder of a walk.

    Attributes:
        path: absolute, as found (links not resolved), `surrogateescape` text.
        mtime_ns: what the quick check has to find again; 0 if the folder was changed so lately that it may change
            once more without a new time.
        device: as `files` have it, signed 64 bits; so is `inode`.
        link_target: where the folder really lies, if the walk came by a folder link to it or to a parent, else None.
        files: the regular files that may be models, by name; for a link the facts of what it leads to.
        names: every other name that is no folder and not ignored, in no order.
        folders: the names of its subfolders, also of those not entered.
        ignored: paths and reasons (`PARTIAL_DOWNLOAD`, `HIDDEN`, `PATTERN`) of what else would be a model, or a
            folder that would be entered; a folder's path ends with a separator.
        digest: equal digests mean equal `files` and markers; empty if there are neither.
    """

    path: str
    mtime_ns: int
    device: int
    inode: int
    link_target: str | None
    files: list[FileRow]
    names: list[str]
    folders: list[str]
    ignored: list[tuple[str, str]]
    digest: str


class QuickCheck(NamedTuple):
    """What `changed_folders` found: folders to list again, and folders that aren't there."""

    changed: list[str]
    gone: list[str]


def looks_like_a_model(name: str) -> bool:
    """Tell whether a file of this name is worth a look: a model suffix, or the name of a blob."""
    suffix = os.path.splitext(name)[1].lower()
    return suffix in MODEL_SUFFIXES or (not suffix and _BLOB.match(name) is not None)


def is_blob(path: str) -> bool:
    """Tell whether a path is a bare blob of Ollama or the Hugging Face cache: a model only if its content is one."""
    folder, name = os.path.split(path)
    return os.path.basename(folder) == "blobs" and _BLOB.match(name) is not None


def walk_folders(
    root: str,
    progress: Progress,
    report: Callable[[Problem], None],
    rules: IgnoreRules = NO_RULES,
    *,
    library: str | None = None,
    known: Iterable[tuple[int, int]] = (),
) -> Iterator[Folder]:
    """Yield `root` and each folder below it, parents first. See `tree.descend` for what is entered.

    To look at changed folders only, walk each of them with `known`: its own files are listed, and what is new below.

    Args:
        root: absolute path of a folder.
        progress: asked once a folder, and in between in a large one.
        report: called for each problem (``unreadable``, ``not_found``), in the walking thread.
        rules: what is left out.
        library: the library folder, to which the patterns of `rules` are relative; `root` if it isn't told.
        known: device and inode, as `Folder` has them, of folders not to be entered again; `root` is all the same.
    """
    lister = _Lister((library or root).rstrip(os.sep), rules, progress, report)
    return tree.descend(root, progress, lister.look, report=report, library=library, known=known)


def ignored_files(
    root: str, progress: Progress, report: Callable[[Problem], None], rules: IgnoreRules
) -> Iterator[tuple[str, str]]:
    """Yield path and reason of every file that `walk_folders` leaves out by the rules, also below ignored folders."""
    for folder in walk_folders(root, progress, report, rules):
        for path, reason in folder.ignored:
            if not path.endswith(os.sep):
                yield path, reason
                continue
            for below in walk_folders(path[: -len(os.sep)], progress, report):
                for row in below.files:
                    yield os.path.join(below.path, row[0]), reason
                for partial, _ in below.ignored:
                    yield partial, PARTIAL_DOWNLOAD


def changed_folders(known: Mapping[str, int], progress: Progress) -> QuickCheck:
    """Look which folders got or lost names, by their mtimes alone; a file written in place is not seen.

    Args:
        known: paths of folders and the `Folder.mtime_ns` of the last walk.
        progress: told of each folder.
    """
    changed: list[str] = []
    gone: list[str] = []
    stat_of = os.stat
    for path, mtime_ns in known.items():
        try:
            if stat_of(path).st_mtime_ns != mtime_ns:
                changed.append(path)
        except (FileNotFoundError, NotADirectoryError):
            gone.append(path)
        except OSError:
            changed.append(path)
        progress.check()
    return QuickCheck(changed, gone)


class _Kinds(dict[str, int]):
    """What the ending of a name says, by the ending without its dot, in any case."""

    def __missing__(self, suffix: str) -> int:
        lower = suffix.lower()
        if f".{lower}" in MODEL_SUFFIXES:
            kind = _MODEL
        elif lower in PARTIAL_SUFFIXES:
            kind = _PARTIAL
        else:
            kind = _JSON if lower == "json" else _OTHER
        if len(self) < _KINDS_LIMIT:
            self[suffix] = kind
        return kind


class _Lister:
    """Lists one folder after another for `walk_folders`."""

    def __init__(
        self, library: str, rules: IgnoreRules, progress: Progress, report: Callable[[Problem], None]
    ) -> None:
        self._relative_from = len(library) + len(os.sep)
        self._skip_hidden = rules.skip_hidden
        self._matches = rules.matcher()
        self._has_rules = rules != NO_RULES
        self._progress = progress
        self._report = report
        self._kinds = _Kinds()

    def look(self, place: tree.Place) -> tuple[Folder, tree.Subfolders]:
        """List a folder.

        Raises:
            OSError: it can't be listed.
        """
        path, here, kinds, has_rules = place.path, place.facts.st_dev, self._kinds, self._has_rules
        device = tree.signed64(here)
        in_blobs = os.path.basename(path) == "blobs"
        files: list[FileRow] = []
        markers: list[tuple[str, int, int]] = []
        names: list[str] = []
        folders: list[os.DirEntry[str]] = []
        ignored: list[tuple[str, str]] = []
        downloading: list[str] = []
        with os.scandir(path) as found:
            while items := list(islice(found, _LISTED_AT_ONCE)):
                self._progress.check()
                for item in items:
                    name = item.name
                    stem, _, suffix = name.rpartition(".")
                    kind = kinds[suffix] if stem else _MODEL if in_blobs and _BLOB.match(name) else _OTHER
                    try:
                        if kind == _MODEL:
                            facts = item.stat()
                            mode = facts[0] & _TYPE_MASK
                            if mode == stat.S_IFREG:
                                if has_rules and (reason := self._reason(item)):
                                    ignored.append((item.path, reason))
                                    continue
                                inode, home, is_link = facts[1], facts[2], item.is_symlink()
                                if home == here:
                                    home = device
                                elif is_link and _is_forbidden(item.path):
                                    continue
                                else:
                                    home = tree.signed64(home) or device  # Windows tells none here
                                if inode >= _SIGN_BIT:
                                    inode = tree.signed64(inode)
                                files.append((name, facts[6], facts.st_mtime_ns, inode, home, is_link))
                                continue
                            if mode != stat.S_IFDIR:
                                self._fail(item, "This is no regular file; it was not opened.")
                                continue
                        elif not item.is_dir():
                            if kind == _JSON and (name in MARKERS or name.endswith(".index.json")):
                                facts = item.stat()
                                markers.append((name, facts[6], facts.st_mtime_ns))
                            elif (kind == _PARTIAL or name[0] == "." or in_blobs) and _is_partial(
                                name, in_blobs
                            ):
                                ignored.append((item.path, PARTIAL_DOWNLOAD))
                                if suffix.lower() == "aria2":
                                    downloading.append(stem)
                                continue
                            names.append(name)
                            continue
                        folders.append(item)
                    except FileNotFoundError:
                        if item.is_symlink():  # else it went away just now
                            self._report(Problem(item.path, "not_found", "The link leads nowhere."))
                    except OSError as error:
                        self._fail(item, f"The file can't be looked at: {error.strerror or error}.")
        files.sort()
        markers.sort()
        folders.sort(key=lambda item: item.name)
        if downloading:
            ignored += [
                (os.path.join(path, row[0]), PARTIAL_DOWNLOAD) for row in files if row[0] in downloading
            ]
            files = [row for row in files if row[0] not in downloading]
        subfolders = self._to_enter(folders, ignored)
        folder = Folder(
            path,
            _settled(place.facts.st_mtime_ns),
            device,
            tree.signed64(place.facts.st_ino),
            place.real_path,
            files,
            names,
            [item.name for item in folders],
            ignored,
            hashlib.blake2b(marshal.dumps((files, markers), 2), digest_size=16).hexdigest()
            if files or markers
            else "",
        )
        return folder, subfolders

    def _to_enter(self, folders: list[os.DirEntry[str]], ignored: list[tuple[str, str]]) -> tree.Subfolders:
        subfolders: tree.Subfolders = []
        for item in folders:
            if item.name in tree.SKIPPED_FOLDERS:
                continue
            reason = PARTIAL_DOWNLOAD if _is_partial(item.name, False) else self._reason(item, os.sep)
            if reason:
                ignored.append((item.path + os.sep, reason))
            else:
                subfolders.append((item.name, tree.is_folder_link(item)))
        # Hugging Face keeps blobs/ beside snapshots/: the named links first, the bare blobs last.
        subfolders.sort(key=lambda item: item[0] == "blobs")
        return subfolders

    def _reason(self, item: os.DirEntry[str], end: str = "") -> str | None:
        """Say why the user's rules leave something out; None if they don't."""
        if self._skip_hidden and _is_hidden(item):
            return HIDDEN
        if self._matches is not None and self._matches(item.path[self._relative_from :] + end):
            return PATTERN
        return None

    def _fail(self, item: os.DirEntry[str], message: str) -> None:
        self._report(Problem(item.path, "unreadable", message))


def _is_partial(name: str, in_blobs: bool) -> bool:
    """Tell whether this is a model on its way: not the name of a model, but of one in the end."""
    finished = finished_name(name)
    return finished is not None and (
        os.path.splitext(finished)[1].lower() in MODEL_SUFFIXES
        or (in_blobs and _BLOB.match(finished) is not None)
    )


def _is_hidden(item: os.DirEntry[str]) -> bool:
    if item.name.startswith("."):
        return True
    if sys.platform == "win32":
        return bool(item.stat(follow_symlinks=False).st_file_attributes & stat.FILE_ATTRIBUTE_HIDDEN)
    return False


def _is_forbidden(path: str) -> bool:
    return is_below_any(os.path.realpath(path), tree.FORBIDDEN_ROOTS)


def _settled(mtime_ns: int) -> int:
    # A clock that ticks seldom gives the same time to what comes after the listing: FAT counts in 2 s, others in
    # whole seconds, the kernels in up to 16 ms.
    tick_ns = _COARSE_NS if mtime_ns % 1_000_000_000 == 0 else _FINE_NS
    return mtime_ns if mtime_ns < time.time_ns() - tick_ns else 0


def walk_models(
    root: str, progress: Progress, report: Callable[[Problem], None]
) -> Iterator[list[tree.Entry]]:
    """Yield the files below `root` that may be models, a folder at a time. See `tree.walk` for what is entered."""
    for listing in tree.walk(root, progress, wanted=looks_like_a_model, report=report):
        found = [
            entry
            for entry in listing.entries
            if os.path.splitext(entry.name)[1].lower() in MODEL_SUFFIXES or is_blob(entry.path)
        ]
        if found:
            yield found
