"""Records on their way in: which are known already, the transaction that writes a chunk, and which are gone."""

import hashlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, replace
from typing import Any, NamedTuple

from modelmgr.catalog import engine
from modelmgr.catalog.connections import Connections
from modelmgr.catalog.file_store import printable
from modelmgr.catalog.known_hashes import Hash, claimed_hashes, put_hashes
from modelmgr.catalog.library_view import ROWS_A_STATEMENT
from modelmgr.catalog.schema import below_condition, key_in, path_in, path_out
from modelmgr.lazily import dataclass
from modelmgr.values import HELD_LIMIT_BYTES, Changes, Record, Totals

OWN_EXTRA_KEYS = ("columns", "header", "joined")
KNOWN_A_STATEMENT = 500
ROWS_AN_INSERT = 100

TOO_LARGE = "too_large"
"""What became of a record that no row can hold."""

Place = tuple[str, str | bytes, str | bytes]
"""Source, container and key of a record, as they are stored."""


class Identity(NamedTuple):
    """What makes a record that record, and one version of it this one; as it is stored."""

    source: str
    source_path: str | bytes
    record_key: str | bytes
    payload_sha256: str
    extra_sha256: str

    @property
    def place(self) -> Place:
        """What all versions of a record have in common."""
        return self[:3]


@dataclass(slots=True)
class NewRecord:
    """A record on its way into `pending_models`, with what was derived from it for the list.

    Attributes:
        identity: that of the record, if it is known already; else it is computed.
        hashes: other hashes that the record claims, kind -> hex (`Claims.partial_hashes`).
        located: whether the user named its file himself.
    """

    record: Record
    name: str
    type: str
    base_model: str | None
    sha256: str | None
    file_path: str | None
    problem: str | None
    message: str
    candidates: tuple[str, ...] = ()
    container_mtime: float | None = None
    identity: Identity | None = None
    hashes: Mapping[str, str] = field(default_factory=dict)
    located: bool = False


@dataclass(slots=True)
class Version:
    """One version of a record that the catalog holds.

    Attributes:
        id: of its row.
        is_active: True for a row of `records`, False for one of `pending_models`.
        batch_id: the run that wrote it; None for an active row.
        is_gone: whether the record was marked as gone from its container.
        problem, message, file_path: as they stand in the row; None and empty for an active row.
    """

    id: int
    is_active: bool
    payload_sha256: str
    extra_sha256: str
    batch_id: int | None = None
    is_gone: bool = False
    problem: str | None = None
    message: str = ""
    file_path: str | None = None


class KnownRow(NamedTuple):
    """A row that holds a version of a record, light: see `ImportStore.known_in`."""

    id: int
    is_active: bool
    place: Place

    @property
    def path(self) -> str:
        """The container."""
        return path_out(self.place[1])


def identity_of(record: Record) -> Identity:
    """Return what identifies a record; reads the whole payload."""
    return Identity(
        record.source,
        path_in(record.source_path),
        key_in(record.record_key),
        record.payload_sha256,
        _extra_sha256(record.extra),
    )


def extra_text(extra: Mapping[str, Any] | None) -> str | None:
    """Return `extra` as it is stored: ASCII JSON in the order given."""
    return None if extra is None else json.dumps(extra)


def _extra_sha256(extra: Mapping[str, Any] | None) -> str:
    """Return the digest of what of `extra` is part of the record itself.

    That is: the row's other columns, a table's header, the digest of rows of other tables that belong to it alone.
    The rest tells what stood around it at the time, which makes no new version of an unchanged payload.
    """
    if not extra or not any(key in extra for key in OWN_EXTRA_KEYS):
        return ""
    own = {key: value for key, value in extra.items() if key in OWN_EXTRA_KEYS}
    return hashlib.sha256(json.dumps(own).encode()).hexdigest()


def outcome(
    identity: Identity, versions: Sequence[Version], batch_id: int | None
) -> tuple[str, Version | None]:
    """Tell what an import of a record does: ``added``, ``updated`` or ``unchanged``, and which row holds it already.

    A record that this very batch has written counts as it did then, so that a resumed batch ends with the counts of
    an uninterrupted one. What only stands in the active records comes again: its pending row was cleared.

    Args:
        identity: of the record.
        versions: as `ImportStore.versions_of` gives them.
        batch_id: of the run; None for a dry one.
    """
    for number, version in enumerate(versions):
        if (version.payload_sha256, version.extra_sha256) == identity[3:]:
            if batch_id is None or version.batch_id != batch_id:
                return "unchanged", version
            return ("updated" if number else "added"), version
    return ("updated" if versions else "added"), None


class ImportStore(Connections):
    """What an import asks and writes."""

    def versions_of(self, identities: Sequence[Identity]) -> dict[Place, list[Version]]:
        """Return the known versions of records, those of pending models first, the oldest before the newer.

        Records that aren't known are left out.
        """
        found: dict[Place, list[Version]] = {}
        for start in range(0, len(identities), KNOWN_A_STATEMENT):
            places = [identity.place for identity in identities[start : start + KNOWN_A_STATEMENT]]
            values = ", ".join(f"({number}, ?, ?, ?)" for number in range(len(places)))
            at = "ON {0}.source = asked.a AND {0}.source_path = asked.b AND {0}.record_key = asked.c"
            with engine.translated(self.path):
                rows = self._question().execute_sql(
                    f"WITH asked(n, a, b, c) AS (VALUES {values}) "
                    "SELECT n, 0, p.id, payload_sha256, extra_sha256, batch_id, gone_at IS NOT NULL, problem, message, "
                    f"file_path FROM asked CROSS JOIN pending_models AS p {at.format('p')} "
                    f"LEFT JOIN gone_records AS g {at.format('g')} UNION ALL "
                    "SELECT n, 1, r.id, payload_sha256, extra_sha256, NULL, gone_at IS NOT NULL, NULL, '', NULL "
                    f"FROM asked CROSS JOIN records AS r {at.format('r')} "
                    f"LEFT JOIN gone_records AS g {at.format('g')} ORDER BY 2, 3",
                    [part for place in places for part in place],
                )
                for number, is_active, row_id, digest, extra, batch, is_gone, problem, message, path in rows:
                    version = Version(
                        row_id,
                        bool(is_active),
                        digest,
                        extra,
                        batch,
                        bool(is_gone),
                        problem,
                        message,
                        None if path is None else path_out(path),
                    )
                    found.setdefault(places[number], []).append(version)
        return found

    def put_records(
        self,
        batch_id: int,
        records: Sequence[NewRecord],
        *,
        states: Sequence[str] = (),
        totals: Totals | None = None,
        back: Sequence[Place] = (),
    ) -> list[str]:
        """Write records of a batch, in one transaction; what is known already adds nothing.

        Args:
            batch_id: of the batch.
            records: what to write.
            states: what became of each if nobody else wrote one of them meanwhile, as `outcome` said.
            totals: of the batch before these; then its row tells in the same transaction how far it came.
            back: records that were marked as gone and are there again.

        Returns:
            For each record what became of it, as `outcome` says, or `TOO_LARGE`.
        """
        identities = [new.identity or identity_of(new.record) for new in records]
        rows = [_row(batch_id, new, identity) for new, identity in zip(records, identities, strict=True)]
        fitting = [at for at, row in enumerate(rows) if _size_of(row) <= HELD_LIMIT_BYTES]
        if len(fitting) < len(rows):
            if totals is not None:
                over = len(rows) - len(fitting)
                totals = replace(totals, seen=totals.seen + over, failed=totals.failed + over)
            taken = self.put_records(
                batch_id,
                [records[at] for at in fitting],
                states=[states[at] for at in fitting] if states else (),
                totals=totals,
                back=back,
            )
            outcome_at = dict(zip(fitting, taken, strict=True))
            return [outcome_at.get(at, TOO_LARGE) for at in range(len(rows))]
        outcomes = list(states)
        with self.transaction(Changes(pending=True, ids=frozenset())) as writer:
            conn = writer.connection()
            conn.execute("SAVEPOINT chunk")
            if not outcomes or _insert(conn, rows, records, "INSERT OR IGNORE") != len(rows):
                # Another process was quicker, or one record stands twice in the chunk.
                conn.execute("ROLLBACK TO chunk")
                outcomes = self._put_one_by_one(conn, batch_id, identities, rows, records)
            conn.execute("RELEASE chunk")
            for place in back:
                conn.execute(
                    "DELETE FROM gone_records WHERE source = ? AND source_path = ? AND record_key = ?", place
                )
            if totals is not None:
                imported = sum(state != "unchanged" for state in outcomes)
                conn.execute(
                    "UPDATE batches SET seen = ?, imported = ?, unchanged = ?, ignored = ?, failed = ? WHERE id = ?",
                    (
                        totals.seen + len(outcomes),
                        totals.imported + imported,
                        totals.unchanged + len(outcomes) - imported,
                        totals.ignored,
                        totals.failed,
                        batch_id,
                    ),
                )
        return outcomes

    def put_surroundings(self, found: Mapping[int, Mapping[str, Any] | None]) -> int:
        """Let pending rows tell what stands around their records now; payload and version stay what they are.

        Args:
            found: row id -> `Record.extra`, equal to the row's in all that is part of the record itself.

        Returns:
            How many rows told something else before.
        """
        texts = {row_id: extra_text(extra) for row_id, extra in found.items()}
        texts = {row_id: text for row_id, text in texts.items() if len(text or "") <= HELD_LIMIT_BYTES // 2}
        changed: list[tuple[str | None, int]] = []
        ids = list(texts)
        with engine.translated(self.path):
            for start in range(0, len(ids), KNOWN_A_STATEMENT):
                some = ids[start : start + KNOWN_A_STATEMENT]
                rows = self._question().execute_sql(
                    f"SELECT id, extra FROM pending_models WHERE id IN ({', '.join('?' * len(some))})", some
                )
                changed.extend((texts[row_id], row_id) for row_id, extra in rows if extra != texts[row_id])
        if changed:
            with self.transaction(Changes(pending=True, ids=frozenset())) as writer:
                writer.connection().executemany("UPDATE pending_models SET extra = ? WHERE id = ?", changed)
        return len(changed)

    def _put_one_by_one(
        self,
        conn: engine.Connection,
        batch_id: int,
        identities: Sequence[Identity],
        rows: Sequence[tuple[Any, ...]],
        records: Sequence[NewRecord],
    ) -> list[str]:
        outcomes: list[str] = []
        known = self.versions_of(identities)
        for identity, row, new in zip(identities, rows, records, strict=True):
            versions = known.setdefault(identity.place, [])
            state, version = outcome(identity, versions, batch_id)
            outcomes.append(state)
            if version is None:
                versions.append(Version(0, False, *identity[3:], batch_id))
                _insert(conn, [row], [new], "INSERT")
        return outcomes

    # --- what is gone -----------------------------------------------------------------------------------

    def last_rows(self) -> tuple[int, int]:
        """Return the highest ids that pending models and active records have had so far."""
        with engine.translated(self.path):
            row = (
                self._question()
                .execute_sql("SELECT (SELECT max(id) FROM pending_models), (SELECT max(id) FROM records)")
                .fetchone()
            )
        return int(row[0] or 0), int(row[1] or 0)

    def known_in(self, path: str, sources: Sequence[str]) -> Iterator[KnownRow]:
        """Yield the rows of a container's records of these sources that aren't marked as gone, by key."""
        yield from self._known(
            f"source IN ({', '.join('?' * len(sources))}) AND source_path = ?", [*sources, path_in(path)]
        )

    def known_below(self, folder: str) -> Iterator[KnownRow]:
        """Yield the rows of all records below a folder that aren't marked as gone, by source, container and key."""
        with engine.translated(self.path):
            found = self._question().execute_sql(
                "SELECT DISTINCT source FROM pending_models UNION SELECT DISTINCT source FROM records"
            )
            sources = [row[0] for row in found]
        for source in sources:  # then each is a stretch of an index
            condition, parameters = below_condition(folder, "source_path")
            yield from self._known(f"source = ? AND {condition}", [source, *parameters])

    def _known(self, condition: str, parameters: list[Any]) -> Iterator[KnownRow]:
        # From the indexes alone; where the marks are few, which is nearly always, the look at them costs little.
        for is_active, table in enumerate(("pending_models", "records")):
            with engine.translated(self.path):
                rows = self._question().execute_sql(
                    f"SELECT id, source, source_path, record_key FROM {table} AS t WHERE {condition} AND NOT EXISTS "
                    "(SELECT 1 FROM gone_records AS g WHERE g.source = t.source AND g.source_path = t.source_path "
                    "AND g.record_key = t.record_key)",
                    parameters,
                )
                for row_id, *place in rows:
                    yield KnownRow(row_id, bool(is_active), tuple(place))

    def mark_gone(self, pending_ids: Sequence[int], record_ids: Sequence[int]) -> int:
        """Mark the records of these rows as gone from their containers, now; return how many weren't before."""
        now = int(time.time())
        marked = 0
        for table, ids in (("pending_models", pending_ids), ("records", record_ids)):
            for start in range(0, len(ids), ROWS_A_STATEMENT):
                some = list(ids[start : start + ROWS_A_STATEMENT])
                with self.transaction(Changes(pending=True, models=True, ids=frozenset())) as writer:
                    marked += writer.execute_sql(
                        "INSERT OR IGNORE INTO gone_records(source, source_path, record_key, gone_at) "
                        f"SELECT source, source_path, record_key, ? FROM {table} "
                        f"WHERE id IN ({', '.join('?' * len(some))})",
                        [now, *some],
                    ).rowcount
        return marked


_COLUMNS = (
    "batch_id, source, source_path, record_key, payload_sha256, extra_sha256, size_bytes, name, type, base_model, "
    "sha256, file_path, located, state, problem, message, candidates, imported_at, container_mtime, extra, meta_json"
)
_BUT_PAYLOAD = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'pending', ?, ?, ?, ?, ?, ?, "
_VALUES, _VALUES_LARGE = f"{_BUT_PAYLOAD}?)", f"{_BUT_PAYLOAD}zeroblob(?))"


def _insert(
    conn: engine.Connection, rows: Sequence[tuple[Any, ...]], records: Sequence[NewRecord], verb: str
) -> int:
    """Insert rows with the hashes that their records claim, and return how many rows.

    In few statements, for each step of one waits for Python's other threads. If a row is ignored, the rest is left out
    and hashes and large payloads are missing: then all of it is to be undone.
    """
    before = conn.total_changes
    hashes: list[Hash] = []
    for start in range(0, len(rows), ROWS_AN_INSERT):
        some = rows[start : start + ROWS_AN_INSERT]
        large = [at for at, row in enumerate(some) if len(row[-1]) > engine.LARGE_BYTES]
        values = [_VALUES] * len(some)
        bound = [value for row in some for value in row]
        for at in large:
            values[at] = _VALUES_LARGE
            bound[(at + 1) * len(some[at]) - 1] = len(some[at][-1])
        cursor = conn.execute(f"{verb} INTO pending_models({_COLUMNS}) VALUES {', '.join(values)}", bound)
        if cursor.rowcount != len(some):
            break
        # The ids of one statement's rows follow each other.
        first = int(cursor.lastrowid) - len(some) + 1
        for at in large:
            engine.fill_payload(conn, first + at, some[at][-1])
        for row_id, new in enumerate(records[start : start + ROWS_AN_INSERT], first):
            hashes += claimed_hashes("pending", row_id, new.hashes, new.sha256)
    inserted = int(conn.total_changes - before)
    if inserted == len(rows):
        put_hashes(conn, hashes)
    return inserted


def _size_of(row: tuple[Any, ...]) -> int:
    """Return the bytes of all text and of the payload in a row for `_COLUMNS`; most of its text is ASCII."""
    return sum(len(value) for value in row if isinstance(value, str | bytes))


def _row(batch_id: int, new: NewRecord, identity: Identity) -> tuple[Any, ...]:
    record = new.record
    return (
        batch_id,
        *identity,
        len(record.payload),
        printable(new.name),
        new.type,
        printable(new.base_model) if new.base_model else None,
        new.sha256,
        path_in(new.file_path) if new.file_path else None,
        int(new.located),
        new.problem,
        printable(new.message) if new.message else "",
        json.dumps(new.candidates) if new.candidates else "[]",
        int(time.time()),
        new.container_mtime,
        extra_text(record.extra),
        record.payload,
    )
