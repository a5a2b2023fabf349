"""What every legacy source is: probe a container, read its records, say what a record claims.

A source never writes, locks or renames anything; it opens databases only as private copies. One format of one tool,
one file under `sources/`; their order in `sources.registry` is the order of probing.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator
from dataclasses import field
from typing import ClassVar

from modelmgr.lazily import dataclass
from modelmgr.migration.reading.container import read_container
from modelmgr.progress import Progress
from modelmgr.values import Claims, Problem, Record, Root

Report = Callable[[Problem], None]


@dataclass(frozen=True, slots=True)
class Container:
    """A file, or a folder that is one thing, that may hold records of another tool.

    Attributes:
        path: absolute, as found.
        name: its last part.
        size_bytes, mtime_ns: at the time of the walk; a folder's size is 0.
        siblings: the names of all files in its folder (itself too), to bind by stem; for a folder those in it.
        named: True if the user named this very file, False if a walk met it.
        folder_holds_models: whether a file with a model suffix lies in its folder (for a folder: in it).
        is_folder: True if it is a folder.
        asked: True if the user asked for this very source, so that it may take what it otherwise leaves alone.
        root: the path that the user named and below which it was found; nothing outside it may be opened for its
            sake. Empty if that isn't known: then nothing but the container itself may be.
    """

    path: str
    name: str
    size_bytes: int
    mtime_ns: int
    siblings: frozenset[str] = field(default=frozenset(), repr=False)
    named: bool = False
    folder_holds_models: bool = False
    is_folder: bool = False
    root: str = ""
    asked: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """Where a tool usually keeps what a source reads.

    Attributes:
        tool: the tool's name as people know it, e.g. ``InvokeAI``.
        path: a template: ``~``, ``$NAME`` and ``${NAME}`` of the environment are filled in; one with a variable
            that isn't set is no place. Slashes on all systems.
        system: ``linux``, ``darwin`` or ``win32`` as `sys.platform` says; empty for all.
    """

    tool: str
    path: str
    system: str = ""


class LegacySource(ABC):
    """One format of one tool.

    Attributes:
        id: the source id that the wizard and ``--source`` use.
        record_ids: every `Record.source` it gives out (usually just `id`).
        many: True if a container holds many records (database, export), False for a sidecar.
        shared: True if a sidecar gives a record for each of several models, whose number may change.
        enriches: True if its records are those of a catalogue of strangers' models: only the ones whose claimed
            SHA-256 is that of a known file are imported, the others are nobody's.
        of_models: True if its containers are model files; such a file is a model besides.
        places: where an installed tool keeps its containers, or a folder to walk for them.
    """

    id: ClassVar[str]
    record_ids: ClassVar[tuple[str, ...]]
    many: ClassVar[bool] = False
    shared: ClassVar[bool] = False
    enriches: ClassVar[bool] = False
    of_models: ClassVar[bool] = False
    places: ClassVar[tuple[Place, ...]] = ()

    def wants(self, name: str, named: bool) -> bool:
        """Tell by the file name alone (any case) whether a container is worth a probe; opens nothing."""
        return False

    def wants_folder(self, name: str, files: Collection[str], folders: Collection[str]) -> bool:
        """Tell by the names of a folder, its files and its subfolders whether it is worth a probe; opens nothing."""
        return False

    @abstractmethod
    def probe(self, container: Container, report: Report) -> bool:
        """Tell by content whether the container is of this source; reads a bounded part of it.

        Raises:
            Unreadable: it can't be read. `detect.probed` tells of that, and takes it for a no.
        """

    def roots(self, container: Container) -> tuple[Root, ...]:
        """Return the folders of models that the container tells of, never what else it holds.

        Raises:
            Unreadable: the container can't be read.
        """
        return ()

    def records(self, container: Container, progress: Progress, report: Report) -> Iterator[Record]:
        """Yield the records with the exact payload bytes, in a stable order, in bounded memory.

        A record that can't be read goes to `report` and the next one follows. Of a container that is one record it
        is the whole file.

        Raises:
            Unreadable: nothing (more) of this container can be read.
        """
        progress.check()
        yield Record(self.id, container.path, "", read_container(container.path))

    @abstractmethod
    def claims(self, record: Record, siblings: frozenset[str], sha256: str | None = None) -> Claims:
        """Return what a record says, derived from its payload and extra alone; never raises for their content.

        Args:
            record: one of this source's records.
            siblings: the names now beside the container (empty if its folder is gone), to bind by stem.
            sha256: the computed one of the file it is bound to, if known: a record of several versions then tells
                which of them is meant.
        """


class Settings(LegacySource):
    """Settings of a tool, read for the folders that they name: no byte is kept, for they hold keys and habits."""

    def records(self, container: Container, progress: Progress, report: Report) -> Iterator[Record]:
        """Yield nothing."""
        return iter(())

    def claims(self, record: Record, siblings: frozenset[str], sha256: str | None = None) -> Claims:
        """Return nothing: there is no such record."""
        return Claims(marker=True)


class WithoutContainer(LegacySource):
    """A source whose records come from no file: this program makes them, exports carry them."""

    many = True

    def probe(self, container: Container, report: Report) -> bool:
        """Say no."""
        return False

    def records(self, container: Container, progress: Progress, report: Report) -> Iterator[Record]:
        """Yield nothing."""
        return iter(())
