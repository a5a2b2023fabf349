"""Which files below a folder may be models, told by name; the content is asked later.

A rescan is this walk and little more: a folder comes as plain tuples with a digest of them, so that whoever keeps
the digest knows an unchanged folder without looking at its files again.
"""

import hashlib
import os
import re
import stat
import struct
import sys
import time
from array import array
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice, product
from typing import NamedTuple, Self

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
from modelmgr.values import MODEL_SUFFIXES, Problem

NO_RULES = IgnoreRules()
MARKERS = frozenset(("model_index.json", "config.json", "adapter_config.json"))
"""Files that say what the model files beside and below them are; so does every ``*.index.json``."""

# Ollama names its blobs sha256-<hex> (older: sha256:<hex>), the Hugging Face cache by the bare SHA-256 or git blob id.
_BLOB = re.compile(r"(sha256[-:])?([0-9a-f]{64}|[0-9a-f]{40})\Z")
_ENDINGS = tuple(sorted(MODEL_SUFFIXES, key=[".gguf", ".safetensors"].count, reverse=True))  # the usual first
_TOLD = frozenset(
    "".join(letters)
    for ending in (*_ENDINGS, *PARTIAL_SUFFIXES)
    for letters in product(*((one.lower(), one.upper()) for one in ending[-3:]))
)
"""The last three letters, in any case, of all endings that say something: most other names are told by one look."""

_BY_DESCRIPTOR = os.scandir in os.supports_fd
"""Files are stat'ed below an open folder, where that is possible: a long path is not resolved anew for each."""

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
        rows: `files`, or what `pack` makes of them, as it came from a second process.
        file_count: how many files these are.
        names: every other regular file that is not ignored, in no order.
        folders: the names of its subfolders, also of those not entered.
        ignored: paths and reasons (`PARTIAL_DOWNLOAD`, `HIDDEN`, `PATTERN`) of what else would be a model, or a
            folder that would be entered; a folder's path ends with a separator.
        digest: equal digests mean equal `files` and markers, found by equal links; empty if there are neither.
    """

    path: str
    mtime_ns: int
    device: int
    inode: int
    link_target: str | None
    rows: "list[FileRow] | Packed"
    file_count: int
    names: list[str]
    folders: list[str]
    ignored: list[tuple[str, str]]
    digest: str

    @property
    def files(self) -> list[FileRow]:
        """The regular files that may be models, by name; for a link the facts of what it leads to."""
        return self.rows.rows() if isinstance(self.rows, Packed) else self.rows


class Packed(NamedTuple):
    """Files as bytes: a hundred thousand of them are compared, or cross a pipe, without being looked at one by one.

    Attributes:
        names: with zero bytes between them.
        numbers: all sizes, times, inodes, devices and whether they are links, 8 bytes each.
    """

    names: bytes
    numbers: bytes

    @classmethod
    def of(cls, rows: Iterable[FileRow]) -> Self:
        """Pack at least one file."""
        names, *columns = zip(*rows, strict=True)
        numbers = (
            struct.pack(f"={len(names)}q", *column) for column in columns
        )  # a third of what an array takes
        return cls(os.fsencode("\0".join(names)), b"".join(numbers))

    def rows(self) -> list[FileRow]:
        """Return the files again."""
        numbers = array("q", self.numbers)
        count = len(numbers) // 5
        if not count:
            return []
        sizes, times, inodes, devices, links = (numbers[at * count : (at + 1) * count] for at in range(5))
        names = os.fsdecode(self.names).split("\0")
        return list(zip(names, sizes, times, inodes, devices, map(bool, links), strict=True))


NO_FILES = Packed(b"", b"")


class QuickCheck(NamedTuple):
    """What `changed_folders` found: folders to list again, and folders that aren't there."""

    changed: list[str]
    gone: list[str]


def looks_like_a_model(name: str) -> bool:
    """Tell whether a file of this name is worth a look: a model suffix, or the name of a blob."""
    return name.lower().endswith(_ENDINGS) or _BLOB.match(name) is not None


def is_partial_download(name: str) -> bool:
    """Tell whether a name is that of a model on its way, and not that of a model now."""
    return not looks_like_a_model(name) and _is_partial(name, in_blobs=True)


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
) -> Generator[Folder, None, None]:
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
    lister = Lister(library or root, rules, progress, report)
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


class Lister:
    """Lists one folder after another for `walk_folders`.

    Args:
        library, rules, progress, report: see there.
        packs: leave `Folder.rows` as bytes.
    """

    def __init__(
        self,
        library: str,
        rules: IgnoreRules,
        progress: Progress,
        report: Callable[[Problem], None],
        *,
        packs: bool = False,
    ) -> None:
        library = library.rstrip(os.sep)
        self._packs = packs
        self._relative_from = len(library) + len(os.sep)
        self._skip_hidden = rules.skip_hidden
        self._matches = rules.matcher()
        self._has_rules = rules != NO_RULES
        self._progress = progress
        self._report = report

    def look(self, place: tree.Place) -> tuple[Folder, tree.Subfolders]:
        """List a folder.

        Raises:
            OSError: it can't be listed.
        """
        path, here, has_rules = place.path, place.facts.st_dev, self._has_rules
        device = tree.signed64(here)
        before = os.path.join(path, "")
        in_blobs = os.path.basename(path) == "blobs"
        files: list[FileRow] = []
        markers: list[tuple[str, int, int]] = []
        leads: list[str] = [] if place.real_path is None else [place.real_path]
        names: list[str] = []
        folders: list[str] = []
        subfolders: tree.Subfolders = []
        ignored: list[tuple[str, str]] = []
        with _scanned(path) as found:
            while items := list(islice(found, _LISTED_AT_ONCE)):
                self._progress.check()
                for item in items:
                    name = item.name
                    is_model = name.endswith(_ENDINGS)
                    is_told = not is_model and (name[-3:] in _TOLD or name[0] == "." or in_blobs)
                    if is_told and _is_model(name, in_blobs):
                        is_model = True
                    try:
                        if is_model:
                            facts = item.stat()
                            mode = facts[0] & _TYPE_MASK
                            if mode == stat.S_IFREG:
                                if has_rules and (reason := self._reason(item, before + name)):
                                    ignored.append((before + name, reason))
                                    continue
                                inode, home, is_link = facts[1], facts[2], item.is_symlink()
                                mtime_ns = facts.st_mtime_ns
                                if not -_SIGN_BIT <= mtime_ns < _SIGN_BIT:
                                    mtime_ns = tree.signed64(mtime_ns)
                                if home == here:
                                    home = device
                                elif is_link and tree.is_forbidden(before + name):
                                    continue
                                else:
                                    home = tree.signed64(home) or device  # Windows tells none here
                                if inode >= _SIGN_BIT:
                                    inode = tree.signed64(inode)
                                if is_link:  # another path of the same file has the same facts
                                    leads.append(f"{name}\0{os.readlink(before + name)}")
                                files.append((name, facts[6], mtime_ns, inode, home, is_link))
                                continue
                            if mode != stat.S_IFDIR:
                                self._fail(before + name, "This is no regular file; it was not opened.")
                                continue
                        elif item.is_file():
                            if is_told and _is_partial(name, in_blobs):
                                ignored.append((before + name, PARTIAL_DOWNLOAD))
                                continue
                            names.append(name)
                            if name.endswith(".json") and (name in MARKERS or name.endswith(".index.json")):
                                facts = item.stat()
                                markers.append((name, facts[6], facts.st_mtime_ns))
                            continue
                        elif not item.is_dir():
                            continue
                        folders.append(name)
                        if name in tree.SKIPPED_FOLDERS:
                            continue
                        below = os.path.join(path, name, "")
                        if is_told and _is_partial(name, in_blobs=False):
                            ignored.append((below, PARTIAL_DOWNLOAD))
                        elif has_rules and (reason := self._reason(item, below)):
                            ignored.append((below, reason))
                        else:
                            subfolders.append((name, tree.is_folder_link(item)))
                    except FileNotFoundError:
                        if item.is_symlink():  # else it went away just now
                            self._report(Problem(before + name, "not_found", "The link leads nowhere."))
                    except OSError as error:
                        self._fail(before + name, f"The file can't be looked at: {error.strerror or error}.")
        files.sort()
        markers.sort()
        folders.sort()
        # Hugging Face keeps blobs/ beside snapshots/: the named links first, the bare blobs last.
        subfolders.sort(key=lambda item: (item[0] == "blobs", item[0]))
        if ignored:
            files = _without_running(path, files, ignored)
        packed = Packed.of(files) if files else NO_FILES
        folder = Folder(
            path,
            _settled(place.facts.st_mtime_ns),
            device,
            tree.signed64(place.facts.st_ino),
            place.real_path,
            packed if self._packs else files,
            len(files),
            names,
            folders,
            ignored,
            _digest(packed, markers, leads) if files or markers else "",
        )
        return folder, subfolders

    def _reason(self, item: os.DirEntry[str], path: str) -> str | None:
        """Say why the user's rules leave something out; None if they don't. A folder's path ends with a separator."""
        if self._skip_hidden and _is_hidden(item):
            return HIDDEN
        if self._matches is not None and self._matches(path[self._relative_from :]):
            return PATTERN
        return None

    def _fail(self, path: str, message: str) -> None:
        self._report(Problem(path, "unreadable", message))


@contextmanager
def _scanned(path: str) -> Iterator[Iterator[os.DirEntry[str]]]:
    if not _BY_DESCRIPTOR:
        with os.scandir(path) as found:
            yield found
        return
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NONBLOCK)
    try:
        with os.scandir(descriptor) as found:
            yield found
    finally:
        os.close(descriptor)


def _is_model(name: str, in_blobs: bool) -> bool:
    return name.lower().endswith(_ENDINGS) or (in_blobs and _BLOB.match(name) is not None)


def _is_partial(name: str, in_blobs: bool) -> bool:
    """Tell whether this is a model on its way: not the name of a model now, but of one in the end."""
    finished = finished_name(name)
    return finished is not None and _is_model(finished, in_blobs)


def _without_running(path: str, files: list[FileRow], ignored: list[tuple[str, str]]) -> list[FileRow]:
    """Move to `ignored` what aria2 is still writing: it has the final name, and a control file beside it."""
    controls = {name for name, _ in ignored if name.endswith(".aria2")}
    if not controls:
        return files
    running = [row for row in files if os.path.join(path, row[0] + ".aria2") in controls]
    ignored += [(os.path.join(path, row[0]), PARTIAL_DOWNLOAD) for row in running]
    return [row for row in files if row not in running]


def _digest(files: Packed, markers: list[tuple[str, int, int]], leads: list[str]) -> str:
    digest = hashlib.blake2b(files.names, digest_size=16)
    parts = [files.numbers, os.fsencode(repr(markers))]
    if leads:
        parts.append(os.fsencode("\0".join(sorted(leads))))
    for part in parts:
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.hexdigest()


def _is_hidden(item: os.DirEntry[str]) -> bool:
    if item.name.startswith("."):
        return True
    if sys.platform == "win32":
        return bool(item.stat(follow_symlinks=False).st_file_attributes & stat.FILE_ATTRIBUTE_HIDDEN)
    return False


def _settled(mtime_ns: int) -> int:
    # A clock that ticks seldom gives the same time to what comes after the listing: FAT counts in 2 s, others in
    # whole seconds, the kernels in up to 16 ms.
    tick_ns = _COARSE_NS if mtime_ns % 1_000_000_000 == 0 else _FINE_NS
    return mtime_ns if mtime_ns < time.time_ns() - tick_ns else 0
