"""Which of the files that the user named or dropped are records of another tool: by content, not by name alone."""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from modelmgr import sqlite, tree
from modelmgr.errors import Unreadable, Usage
from modelmgr.lazily import dataclass
from modelmgr.migration import sources as legacy_sources
from modelmgr.migration.beside import models_beside, subject_of
from modelmgr.migration.reading.container import read_beginning
from modelmgr.migration.source import Container, LegacySource, Report
from modelmgr.progress import Progress
from modelmgr.values import MODEL_SUFFIXES, Problem, is_below_any

MAX_DEPTH = 12

_BLOB = re.compile(r"sha256[-:][0-9a-f]{64}")
_GGUF = b"GGUF"


@dataclass(frozen=True, slots=True)
class Found:
    """One file under the paths that were named.

    Attributes:
        kind: ``container`` of a legacy source, ``model`` (a scan's affair), or ``ignored``: nothing that is known.
        path: absolute, as found.
        container: for a source to read; None for the other kinds.
        source: whose it is.
    """

    kind: Literal["container", "model", "ignored"]
    path: str
    container: Container | None = None
    source: LegacySource | None = None


def find(
    paths: Sequence[str],
    *,
    library_folders: Sequence[str],
    source: str | None = None,
    progress: Progress,
    report: Report,
) -> Iterator[Found]:
    """Yield every file under the named paths once, in the order of the paths, folders before what is in them.

    A folder that as a whole is a container (a store of models) is yielded before its files; those of them that are
    neither models nor containers themselves belong to it and are not yielded. A model file in which a record stands
    is yielded twice, as that container and then as a model.

    A file that is reported as a problem (gone, unreadable, a link that leads outside) is not yielded as well; so
    found and reported files together are all that there are. Links to containers come after everything else: only
    then is it known where the links to folders led.

    Args:
        paths: files and folders.
        library_folders: the user's; containers that are links may lead there.
        source: the id of a source or of one of its records; then no other source is asked.
        progress: asked once a file.
        report: called for each problem, in the calling thread.

    Raises:
        Usage: no source has that id.
    """
    sources = [one for one in legacy_sources.ALL if source is None or source in (one.id, *one.record_ids)]
    if not sources:
        raise Usage(f"{source} is no known source.", source=source)
    return _Search(paths, library_folders, sources, progress, report, asked=source is not None).found()


class _Search:
    """One run; remembers what it met, so that nothing is taken twice."""

    def __init__(
        self,
        paths: Sequence[str],
        library_folders: Sequence[str],
        sources: Sequence[LegacySource],
        progress: Progress,
        report: Report,
        *,
        asked: bool,
    ) -> None:
        self._paths = list(dict.fromkeys(os.path.abspath(path) for path in paths))
        self._sources = sources
        self._of_models = [one for one in sources if one.of_models]
        self._asked = asked
        self._progress = progress
        self._hand_on = report
        self._reported: set[tuple[str, str]] = set()
        self._allowed = [os.path.realpath(folder) for folder in library_folders]
        self._named: set[str] = set()
        self._walked: set[str] = set()
        self._taken: set[str] = set()
        self._links: list[Container] = []
        self._folders: dict[str, _Folder] = {}
        self._stores: set[str] = set()
        self._count = 0

    def found(self) -> Iterator[Found]:
        """Yield what there is."""
        for path in self._paths:
            if os.path.isdir(path):
                self._allowed.append(os.path.realpath(path))
            else:
                self._named.add(path)
                if "\0" not in path:
                    self._named.add(_real_place(path))
        for path in self._paths:
            yield from self._folder(path) if path not in self._named else self._file(path)
        for container in self._links:
            yield from self._link(container)

    # --- where files come from --------------------------------------------------------------------------

    def _file(self, path: str) -> Iterator[Found]:
        """Look at a file that the user named."""
        try:
            entry = tree.entry_of(path)
        except (FileNotFoundError, NotADirectoryError):
            self._report(Problem(path, "not_found", "There is no such file or folder."))
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            self._report(Problem(path, "unreadable", f"The file can't be looked at: {reason}."))
        else:
            if not self._is_forbidden(path):
                folder = os.path.dirname(path)
                yield from self._entry(
                    entry, self._beside(folder), named=True, real_folder=os.path.realpath(folder), root=path
                )

    def _folder(self, root: str) -> Iterator[Found]:
        """Walk a folder that the user named."""
        if self._is_forbidden(root):
            return
        listings = tree.walk(
            root, self._progress, wanted=self._is_wanted, max_depth=MAX_DEPTH, report=self._report
        )
        for listing in listings:
            if listing.link_target is not None and listing.link_target not in self._allowed:
                self._allowed.append(listing.link_target)
            real_folder = os.path.realpath(listing.path)
            if real_folder in self._walked:
                continue
            self._walked.add(real_folder)
            folder = _Folder.of(listing.names)
            yield from self._store(listing, folder, real_folder, root)
            entries = {entry.name: entry for entry in listing.entries}
            for name in sorted(listing.names):
                entry = entries.get(name)
                if entry is not None:
                    if self._named.isdisjoint((entry.path, os.path.join(real_folder, entry.name))):
                        yield from self._entry(entry, folder, named=False, real_folder=real_folder, root=root)
                elif not self._is_wanted(name):  # a wanted one without an entry was reported by the walk
                    yield from self._ignored(os.path.join(listing.path, name))

    def _store(
        self, listing: tree.Listing, folder: "_Folder", real_folder: str, root: str
    ) -> Iterator[Found]:
        """Look whether a folder as a whole is a container."""
        name = os.path.basename(listing.path)
        sources = [one for one in self._sources if one.wants_folder(name, folder.names, listing.folders)]
        if not sources or real_folder in self._taken:
            return
        try:
            mtime_ns = os.stat(listing.path).st_mtime_ns
        except OSError:
            return
        container = Container(
            path=listing.path,
            name=name,
            size_bytes=0,
            mtime_ns=mtime_ns,
            siblings=folder.names,
            named=listing.path in self._paths,
            folder_holds_models=folder.holds_models,
            is_folder=True,
            root=root,
        )
        problems: list[Problem] = []
        for source in sources:
            if probed(source, container, problems.append):
                self._taken.add(real_folder)
                self._stores.add(listing.path)
                yield Found("container", container.path, container, source)
                return
        for problem in problems:
            self._report(problem)

    def _is_forbidden(self, path: str) -> bool:
        forbidden = tree.is_forbidden(path)
        if forbidden:
            self._report(Problem(path, "outside", tree.FORBIDDEN))
        return forbidden

    def _report(self, problem: Problem) -> None:
        """Hand a problem on once, though folders may be walked twice under one name."""
        if (problem.path, problem.code) not in self._reported:
            self._reported.add((problem.path, problem.code))
            self._hand_on(problem)

    def _is_wanted(self, name: str) -> bool:
        is_model = _is_model(name) or _BLOB.fullmatch(name) is not None
        return is_model or any(source.wants(name, False) for source in self._sources)

    def _beside(self, folder: str) -> "_Folder":
        found = self._folders.get(folder)
        if found is None:
            try:
                with os.scandir(folder) as items:
                    found = _Folder.of(item.name for item in items if not item.is_dir())
            except OSError:
                found = _Folder.of(())
            self._folders[folder] = found
        return found

    # --- what they are ----------------------------------------------------------------------------------

    def _entry(
        self, entry: tree.Entry, folder: "_Folder", *, named: bool, real_folder: str, root: str
    ) -> Iterator[Found]:
        self._count += 1
        self._progress.step(self._count, None, entry.name, "files")
        is_model = _is_model(entry.name) or _is_blob(entry.path)
        sources = self._of_models if _is_model(entry.name) else self._sources
        if any(source.wants(entry.name, named) for source in sources):
            container = Container(
                path=entry.path,
                name=entry.name,
                size_bytes=entry.size_bytes,
                mtime_ns=entry.mtime_ns,
                siblings=folder.names,
                named=named,
                folder_holds_models=folder.holds_models,
                root=root,
                asked=self._asked,
            )
            if entry.is_link:
                self._links.append(container)
            elif is_model:
                yield from self._inside(container, os.path.join(real_folder, entry.name), remember=named)
            else:
                yield from self._container(container, os.path.join(real_folder, entry.name), remember=named)
        elif not is_model:
            yield from self._unknown(entry.path)
        if is_model:
            yield Found("model", entry.path)

    def _link(self, container: Container) -> Iterator[Found]:
        """Look at a container that is a link, if it leads to where the program may read."""
        target = os.path.realpath(container.path)
        # What two models share by a link says something of each of them.
        is_own = self._speaks_of_another(container, target)
        if not is_own and self._was_found(target):
            return
        if is_below_any(target, self._allowed):
            look = self._inside if _is_model(container.name) else self._container
            yield from look(container, _real_place(container.path) if is_own else target, remember=True)
        elif not _is_model(container.name):  # whose link leads away is a scan's affair
            message = (
                f"This is a link to {target}, which is outside what you named; name that file or its folder."
            )
            self._report(Problem(container.path, "outside", message))

    def _speaks_of_another(self, container: Container, target: str) -> bool:
        """Tell whether a model lies beside a link, by its stem, that isn't one of those that the target speaks of."""
        models = () if _is_model(container.name) else _models_of(container.path, container.siblings)
        if not models:
            return False
        theirs = _models_of(target, self._beside(os.path.dirname(target)).names)
        return not {*map(os.path.realpath, models)} <= {*map(os.path.realpath, theirs)}

    def _was_found(self, target: str) -> bool:
        """Tell whether the file that a link leads to was a container in a folder that was walked.

        Nobody remembers the files that were met: a folder may hold any number of them. Links are few.
        """
        folder, name = os.path.split(target)
        if folder not in self._walked:
            return False
        sources = self._of_models if _is_model(name) else self._sources
        wanting = [source for source in sources if source.wants(name, False)]
        if not wanting:
            return False
        beside = self._beside(folder)
        container = Container(
            target,
            name,
            0,
            0,
            siblings=beside.names,
            folder_holds_models=beside.holds_models,
            asked=self._asked,
        )
        return any(probed(source, container, lambda _: None) for source in wanting)

    def _container(self, container: Container, real_path: str, *, remember: bool) -> Iterator[Found]:
        if real_path in self._taken:
            return
        if remember:
            self._taken.add(real_path)
        problems: list[Problem] = []
        for source in self._sources:
            if source.wants(container.name, container.named) and probed(source, container, problems.append):
                yield Found("container", container.path, container, source)
                return
        failed = next((problem for problem in problems if not problem.kept), None)
        if failed is not None:
            self._report(failed)
        else:
            yield from self._unknown(container.path)

    def _inside(self, container: Container, real_path: str, *, remember: bool) -> Iterator[Found]:
        """Look whether a record stands in a model file."""
        if real_path in self._taken:
            return
        if remember:
            self._taken.add(real_path)
        problems: list[Problem] = []
        for source in self._of_models:
            if source.wants(container.name, container.named) and probed(source, container, problems.append):
                yield Found("container", container.path, container, source)
                return
        for problem in problems:
            self._report(problem)

    def _ignored(self, path: str) -> Iterator[Found]:
        if path not in self._named:
            yield from self._unknown(path)

    def _unknown(self, path: str) -> Iterator[Found]:
        """Yield a file that no source knows, unless it is part of a folder that one does."""
        if path in self._named or not self._is_in_store(path):
            yield Found("ignored", path)

    def _is_in_store(self, path: str) -> bool:
        folder = os.path.dirname(path) if self._stores else ""
        while folder and folder not in self._stores:
            parent = os.path.dirname(folder)
            folder = parent if parent != folder else ""
        return bool(folder)


@dataclass(frozen=True, slots=True)
class _Folder:
    """The names of the files in a folder, and whether models are among them."""

    names: frozenset[str]
    holds_models: bool

    @classmethod
    def of(cls, names: Iterable[str]) -> "_Folder":
        found = frozenset(names)
        return cls(found, any(map(_is_model, found)))


def _models_of(sidecar: str, names: Iterable[str]) -> tuple[str, ...]:
    """Return the paths of the model files that a sidecar may speak of, by its stem."""
    folder = os.path.dirname(sidecar)
    return tuple(os.path.join(folder, name) for name in models_beside(subject_of(sidecar), names))


def _real_place(path: str) -> str:
    """Return a path with the links of its folder resolved, but not its own."""
    return os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))


def _is_blob(path: str) -> bool:
    """Tell whether a file is a model in a store of Ollama, where only its content says so."""
    folder, name = os.path.split(path)
    if os.path.basename(folder) != "blobs" or not _BLOB.fullmatch(name):
        return False
    try:
        return read_beginning(path, len(_GGUF)) == _GGUF
    except Unreadable:
        return False


def _is_model(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in MODEL_SUFFIXES


def probed(source: LegacySource, container: Container, report: Report) -> bool:
    """Tell whether a container is of a source; one that can't be read goes to `report`, and is none of its."""
    try:
        return source.probe(container, report)
    except Unreadable as error:
        report(Problem(container.path, error.code, error.message))
    except OSError as error:
        report(Problem(container.path, "unreadable", f"The file can't be read: {error.strerror or error}."))
    except sqlite.Error as error:
        report(Problem(container.path, "unreadable", f"The database can't be read: {error}."))
    return False
