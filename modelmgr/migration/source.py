"""What every legacy source is: probe a container, read its records, say what a record claims.

A source never writes, locks or renames anything; it opens databases only as private copies. One tool, one file
under `sources/`; their order in `sources.ALL` is the order of probing.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from modelmgr.progress import Progress
from modelmgr.values import Claims, Problem, Record

Report = Callable[[Problem], None]


@dataclass(frozen=True, slots=True)
class Container:
    """A file that may hold records of another tool.

    Attributes:
        path: absolute, as found.
        name: its last part.
        size_bytes, mtime_ns: at the time of the walk.
        siblings: the names of all files in its folder (itself too), to bind by stem.
        named: True if the user named this very file, False if a walk met it.
        folder_holds_models: whether a file with a model suffix lies in its folder.
    """

    path: str
    name: str
    size_bytes: int
    mtime_ns: int
    siblings: frozenset[str] = field(default=frozenset(), repr=False)
    named: bool = False
    folder_holds_models: bool = False


class LegacySource(Protocol):
    """One format of one tool.

    Attributes:
        id: the source id that the wizard and ``--source`` use.
        record_ids: every `Record.source` it gives out (usually just `id`).
        many: True if a container holds many records (database, export), False for a sidecar.
    """

    @property
    def id(self) -> str: ...  # noqa: D102 - properties only because a source never changes its attributes

    @property
    def record_ids(self) -> tuple[str, ...]: ...  # noqa: D102

    @property
    def many(self) -> bool: ...  # noqa: D102

    def wants(self, name: str, named: bool) -> bool:
        """Tell by the file name alone (any case) whether a container is worth a probe; opens nothing."""

    def probe(self, container: Container, report: Report) -> bool:
        """Tell by content whether the container is of this source; reads a bounded part of it.

        What can't be read goes to `report`, and the answer is False.
        """

    def records(self, container: Container, progress: Progress, report: Report) -> Iterator[Record]:
        """Yield the records with the exact payload bytes, in a stable order, in bounded memory.

        A record that can't be read goes to `report` and the next one follows.

        Raises:
            Unreadable: nothing (more) of this container can be read.
        """

    def claims(self, record: Record, siblings: frozenset[str], sha256: str | None = None) -> Claims:
        """Return what a record says, derived from its payload and extra alone; never raises for their content.

        Args:
            record: one of this source's records.
            siblings: the names now beside the container (empty if its folder is gone), to bind by stem.
            sha256: the computed one of the file it is bound to, if known: a record of several versions then tells
                which of them is meant.
        """
