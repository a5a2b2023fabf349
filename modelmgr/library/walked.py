"""What a scan has met and nobody has written yet: folders, files on their way, one transaction, what was missed."""

import os
import time
from collections import Counter
from dataclasses import field
from typing import NamedTuple

from modelmgr.catalog import Catalog
from modelmgr.catalog.file_store import KnownFile
from modelmgr.catalog.found import FoundModel
from modelmgr.discovery import FileRow, Folder
from modelmgr.lazily import dataclass
from modelmgr.library.merging import FolderNames
from modelmgr.values import MIB

CHUNK_FILES = 500
CHUNK_BYTES = 8 * MIB
CHUNK_S = 0.25


@dataclass(slots=True)
class FolderDraft:
    """A folder whose digest may be remembered as soon as all its new files are written.

    Attributes:
        waiting: how many of them are not.
        is_by_link: whether the walk came here, or may have come, by a link to the folder or to one above.
    """

    path: str
    mtime_ns: int
    digest: str | None
    listing: Folder | None
    is_by_link: bool
    waiting: int = 0
    siblings: FolderNames | None = None

    def leads_to(self, row: FileRow) -> str | None:
        """Return where a file of the folder really lies, None if that is here."""
        if not row[5] and not self.is_by_link:
            return None
        path = os.path.join(self.path, row[0])
        target = os.path.realpath(path)
        return target if target != path else None

    def beside(self) -> FolderNames:
        """Return the names of everything in the folder, as the walk found them."""
        if self.siblings is None:
            listing = self.listing
            names = None if listing is None else [*listing.names, *(row[0] for row in listing.files)]
            self.siblings = FolderNames(self.path, names)
        return self.siblings


class Met(NamedTuple):
    """A new or changed file on its way through the hashing threads; one that `goes_on` stays with its model."""

    path: str
    row: FileRow
    known: KnownFile | None
    folder: FolderDraft
    link_target: str | None
    goes_on: bool = False


@dataclass(slots=True)
class Chunk:
    """What one transaction will write."""

    found: list[FoundModel] = field(default_factory=list)
    states: dict[int, str] = field(default_factory=dict)
    looked: list[tuple[int, FoundModel]] = field(default_factory=list)
    touched: list[tuple[KnownFile, FileRow]] = field(default_factory=list)
    led: dict[int, str | None] = field(default_factory=dict)
    folders: list[FolderDraft] = field(default_factory=list)
    released: list[int] = field(default_factory=list)
    size_bytes: int = 0
    since: float = field(default_factory=time.monotonic)

    def add(self, found: FoundModel) -> None:
        """Take a file that is new, or whose path is known and holds something else now."""
        self.found.append(found)
        self.size_bytes += len(found.header)
        if found.embedded is not None:
            self.size_bytes += len(found.embedded.payload)

    def is_full(self) -> bool:
        """Tell whether it is time to write: a transaction stays below a quarter second."""
        size = len(self.found) + len(self.looked) + len(self.states) + len(self.touched) + len(self.folders)
        size += len(self.led)
        is_long = time.monotonic() - self.since > CHUNK_S
        return size >= CHUNK_FILES or self.size_bytes >= CHUNK_BYTES or (size > 0 and is_long)


@dataclass(slots=True)
class Moves:
    """What became of paths in one scan: a file that one root lost another may have, whichever is walked first.

    Attributes:
        since: the greatest row id of a file before the scan.
        looked_at: the greatest row id of those new files whose former place was looked for.
        missing: paths that were missed below the roots so far and have no new place.
        taken: how many new files, by model and size, stand for others already.
        links: row ids of files that were models of their own before, and are further paths to parts now.
    """

    since: int
    looked_at: int
    missing: list[KnownFile] = field(default_factory=list)
    taken: Counter[tuple[int, int]] = field(default_factory=Counter)
    links: set[int] = field(default_factory=set)

    @classmethod
    def from_now(cls, catalog: Catalog) -> "Moves":
        """Start with what the catalog knows."""
        last = catalog.last_file_id()
        return cls(since=last, looked_at=last)
