"""Records on their way into the catalog, some hundred at a time: gathered while a container is read, then written."""

import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Self

from modelmgr.catalog import Catalog
from modelmgr.catalog.import_store import TOO_LARGE, Identity, NewRecord, Place, Version, identity_of
from modelmgr.lazily import dataclass
from modelmgr.migration import promotion
from modelmgr.migration.source import Container, LegacySource
from modelmgr.progress import REPORT_INTERVAL_S, Progress
from modelmgr.values import HELD_LIMIT_BYTES, MIB, ImportReport, Problem, Record, Totals

CHUNK_RECORDS = 500
FIRST_CHUNK_RECORDS = 20
"""The first chunk is small and each is twice the one before, so that whoever waits soon sees how it goes."""
CHUNK_BYTES = 8 * MIB
CHUNK_S = 0.25


@dataclass(slots=True)
class Looked:
    """A record that was read, and what the catalog knows of it.

    Attributes:
        state: what its import does, see `import_store.outcome`.
        version: the row that holds it already, or None.
        new: what to write if there is none.
    """

    record: Record
    container: Container
    source: LegacySource
    identity: Identity
    state: str = ""
    version: Version | None = None
    new: NewRecord | None = None

    @property
    def has_file(self) -> bool:
        """Whether the file that the record speaks of was found, where the program may look."""
        if self.version is not None and self.version.is_active:
            return True
        row = self.new or self.version
        return row is not None and row.file_path is not None and row.problem != promotion.OUTSIDE


class Chunk:
    """Records that are written together: so many, so large, or what was read in so long."""

    def __init__(self) -> None:
        self._most = FIRST_CHUNK_RECORDS
        self._records: list[Looked] = []
        self._size = 0
        self._since = time.monotonic()

    def add(self, record: Record, container: Container, source: LegacySource) -> bool:
        """Add a record; True if the chunk is to be written now."""
        self._records.append(Looked(record, container, source, identity_of(record)))
        self._size += len(record.payload)
        return (
            len(self._records) >= self._most
            or self._size >= CHUNK_BYTES
            or time.monotonic() - self._since > CHUNK_S
        )

    def take(self) -> list[Looked]:
        """Return the records and begin anew."""
        records, self._records = self._records, []
        self._most = min(CHUNK_RECORDS, 2 * self._most)
        self._size, self._since = 0, time.monotonic()
        return records


class Writer:
    """Writes chunk after chunk in a thread of its own, while the next one is read and understood.

    SQLite, and the disk it waits for, need no Python meanwhile. At most one chunk is under way. Counted is what was
    committed: what the report says has happened.
    """

    def __init__(self, catalog: Catalog, batch_id: int, report: ImportReport, progress: Progress) -> None:
        self._catalog = catalog
        self._batch_id = batch_id
        self._report = report
        self._progress = progress
        self._pool = ThreadPoolExecutor(1, "import-writer")
        self._under_way: tuple[list[Looked], Future[list[str]]] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()

    def write(self, looked: list[Looked], back: list[Place]) -> None:
        """Begin to write records, and to take back that others are gone.

        Raises:
            CatalogError: the chunk before can't be written.
            Cancelled: while that was waited for; then this one is left out.
        """
        while self._under_way is not None and wait([self._under_way[1]], REPORT_INTERVAL_S).not_done:
            self._progress.step(self._report.seen - self._report.ignored, None, unit="records")
        self.wait()
        report = self._report
        totals = Totals(
            report.seen, report.added, report.updated, report.unchanged, report.ignored, report.failed
        )
        future = self._pool.submit(
            self._catalog.put_records,
            self._batch_id,
            [one.new for one in looked if one.new is not None],
            states=[one.state for one in looked],
            totals=totals,
            back=back,
        )
        self._under_way = looked, future

    def count(self) -> None:
        """Count what was begun, if it is committed by now.

        Raises:
            CatalogError: it can't be written.
        """
        if self._under_way is not None and self._under_way[1].done():
            self.wait()

    def wait(self) -> None:
        """Wait until what was begun is committed.

        Raises:
            CatalogError: it can't be written.
        """
        if self._under_way is None:
            return
        looked, future = self._under_way
        wait([future])  # who is interrupted here waits again
        self._under_way = None
        for one, state in zip(looked, future.result(), strict=True):
            if state == TOO_LARGE:
                self._report.fail(_too_large(one.record), one.record.source)
            else:
                self._report.count(one.record.source, state)


def _too_large(record: Record) -> Problem:
    message = f"With all that belongs to it the record is larger than {HELD_LIMIT_BYTES // MIB} MiB; it was not taken."
    return Problem(record.source_path, TOO_LARGE, message, record.record_key)
