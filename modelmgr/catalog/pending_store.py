"""Imported records on their way into the library: batches, pending models, attachment to a model."""

import contextlib
import json
import time
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Any

from modelmgr.catalog import engine, leftovers, pending_list, query
from modelmgr.catalog.file_store import printable
from modelmgr.catalog.import_store import ImportStore
from modelmgr.catalog.known_hashes import claimed_hashes, put_hashes
from modelmgr.catalog.library_view import (
    PAYLOAD_LIMIT_BYTES,
    ROWS_A_STATEMENT,
    gone_at,
    piece_of,
    stored_record,
)
from modelmgr.catalog.schema import key_out, path_in, path_out
from modelmgr.values import (
    MIB,
    Batch,
    BatchState,
    Changes,
    PendingModel,
    PendingQuery,
    PendingState,
    Record,
    StoredRecord,
    Totals,
)

# Of a record that waits, what its file has is known better than what it claims.
_SHA256 = (
    "CASE WHEN state = 'promoted' THEN sha256 ELSE coalesce("
    "(SELECT found.sha256 FROM files AS found WHERE found.path = pending_models.file_path), sha256) END"
)
_LIGHT = (
    f"id, batch_id, source, source_path, record_key, name, type, {_SHA256}, file_path, state, problem, message, "
    "payload_sha256, size_bytes, imported_at, base_model, "
    f"{gone_at('pending_models')}, candidates"
)
ALIKE_LIMIT_BYTES = 4 * MIB


class PendingStore(ImportStore):
    """Questions and writes about batches and pending models. Only the record methods read a payload."""

    _imported_paths: tuple[int | None, frozenset[str]] | None = None

    # --- batches ----------------------------------------------------------------------------------------

    def begin_batch(self, paths: Sequence[str], source: str | None) -> int:
        """Make a batch in state `running`, owned by this process; return its id."""
        session = self.session()
        with self.transaction(Changes(batches=True, ids=frozenset())) as writer:
            cursor = writer.execute_sql(
                "INSERT INTO batches(paths, source, state, session_id, started_at, seen, imported, unchanged, "
                "ignored, failed, problems) VALUES (?, ?, 'running', ?, ?, 0, 0, 0, 0, 0, '[]')",
                (json.dumps(list(paths)), source, session, int(time.time())),
            )
            return int(cursor.lastrowid)

    def resume_batch(self, batch_id: int) -> bool:
        """Take over an interrupted batch; False if another process was quicker."""
        session = self.session()
        with self.transaction(Changes(batches=True, ids=frozenset())) as writer:
            cursor = writer.execute_sql(
                "UPDATE batches SET state = 'running', session_id = ? WHERE id = ? AND state = 'interrupted'",
                (session, batch_id),
            )
            return bool(cursor.rowcount)

    def end_batch(self, batch_id: int, state: BatchState, totals: Totals) -> None:
        """Write the counts of a batch that ended."""
        with self.transaction(Changes(batches=True, ids=frozenset())) as writer:
            writer.execute_sql(
                "UPDATE batches SET state = ?, ended_at = ?, seen = ?, imported = ?, unchanged = ?, ignored = ?, "
                "failed = ?, session_id = NULL WHERE id = ?",
                (
                    state,
                    int(time.time()),
                    totals.seen,
                    totals.imported,
                    totals.unchanged,
                    totals.ignored,
                    totals.failed,
                    batch_id,
                ),
            )

    def mark_interrupted(self) -> None:
        """Set batches whose process ended without closing them to `interrupted`; half-made copies of such go."""
        leftovers.remove_dead(self.path)
        dead = self.dead_sessions()
        with engine.translated(self.path):
            orphans = (
                self._question()
                .execute_sql(
                    "SELECT count(*) FROM batches WHERE state = 'running' AND "
                    "(session_id IS NULL OR session_id NOT IN (SELECT id FROM sessions))"
                )
                .fetchone()[0]
            )
        if not dead and not orphans:
            return
        self.forget_sessions(dead)
        with self.transaction(Changes(batches=True, ids=frozenset())) as writer:
            writer.execute_sql(
                "UPDATE batches SET state = 'interrupted' WHERE state = 'running' AND "
                "(session_id IS NULL OR session_id NOT IN (SELECT id FROM sessions))"
            )

    def batches(self, state: str | None = None) -> list[Batch]:
        """Return the batches, the newest first."""
        where, parameters = (" WHERE state = ?", (state,)) if state else ("", ())
        with engine.translated(self.path):
            rows = self._question().execute_sql(
                "SELECT id, paths, source, state, seen, imported, unchanged, ignored, failed "
                f"FROM batches{where} ORDER BY id DESC",
                parameters,
            )
            return [Batch(row[0], tuple(json.loads(row[1])), *row[2:]) for row in rows.fetchall()]

    def imported_paths(self) -> frozenset[str]:
        """Return what the user ever named for an import; kept until there is a new batch."""
        with engine.translated(self.path):
            (newest,) = self._question().execute_sql("SELECT max(id) FROM batches").fetchone()
            if self._imported_paths is None or self._imported_paths[0] != newest:
                rows = self._question().execute_sql("SELECT DISTINCT paths FROM batches").fetchall()
                named = frozenset(path for (paths,) in rows for path in json.loads(paths))
                self._imported_paths = (newest, named)
        return self._imported_paths[1]

    # --- the pending list -------------------------------------------------------------------------------

    def pending_count(self, wanted: PendingQuery) -> int:
        """Return how many pending models match."""
        where, parameters = query.pending_conditions(wanted)
        with engine.translated(self.path):
            row = (
                self._question()
                .execute_sql(f"SELECT count(*) FROM pending_models{where}", parameters)
                .fetchone()
            )
        return int(row[0])

    def pending_order(self, wanted: PendingQuery) -> "array[int]":
        """Return the ids of all pending models that match, in order."""
        where, parameters = query.pending_conditions(wanted)
        by = wanted.sort if wanted.sort in query.PENDING_SORTS else "id"
        is_sorted_here = by == "id" or by in pending_list.ORDERED_HERE
        columns = "id" if by == "id" or not is_sorted_here else f"{by}, id"
        ordering = "" if is_sorted_here else query.pending_ordering(wanted)
        with engine.translated(self.path):
            cursor = self._question().execute_sql(
                f"SELECT {columns} FROM pending_models{where}{ordering}", parameters
            )
            if by == "id":
                return pending_list.ids_in_order(cursor, descending=wanted.descending)
            if is_sorted_here:
                return pending_list.ids_by_value(cursor, descending=wanted.descending)
            return array("q", (row[0] for row in cursor))

    def pending_after(self, wanted: PendingQuery, after_id: int, limit: int) -> list[PendingModel]:
        """Return the next of the matching pending models in the order of their ids, without payloads.

        Args:
            wanted: its order is not looked at.
            after_id: the last one that is known; 0 at the beginning.
            limit: how many at most.
        """
        where, parameters = query.pending_conditions(wanted)
        beyond = f"{where} AND id > ?" if where else " WHERE id > ?"
        with engine.translated(self.path):
            cursor = self._question().execute_sql(
                f"SELECT {_LIGHT} FROM pending_models{beyond} ORDER BY id LIMIT ?",
                [*parameters, after_id, limit],
            )
            return [_pending(values) for values in cursor]

    def pending_rows(self, ids: Sequence[int]) -> list[PendingModel]:
        """Return the pending models of these ids in the order asked; ids that are gone are left out."""
        found: dict[int, PendingModel] = {}
        with engine.translated(self.path):
            for start in range(0, len(ids), ROWS_A_STATEMENT):
                part = ids[start : start + ROWS_A_STATEMENT]
                some = [row_id for row_id in part if row_id <= query.GREATEST_INTEGER]
                for values in self._question().execute_sql(
                    f"SELECT {_LIGHT} FROM pending_models WHERE id IN ({', '.join('?' * len(some))})", some
                ):
                    found[values[0]] = _pending(values)
        return [found[row_id] for row_id in ids if row_id in found]

    def pending_facets(self) -> dict[str, dict[str, int]]:
        """Count by state; and, of those in state `pending`, by problem (``none`` too) and by source."""
        states: Counter[str] = Counter()
        problems: Counter[str] = Counter()
        sources: Counter[str] = Counter()
        with engine.translated(self.path):
            cursor = self._question().execute_sql(
                "SELECT state, problem, source, count(*) FROM pending_models GROUP BY state, problem, source"
            )
            for state, problem, source, number in cursor:
                states[state] += number
                if state == PendingState.PENDING:
                    problems[problem or "none"] += number
                    sources[source] += number
        return {"state": dict(states), "problem": dict(problems), "source": dict(sources)}

    def pending_choices(self, wanted: PendingQuery) -> dict[str, dict[str, int]]:
        """Count what matches by ``source``, ``type`` and ``problem`` (``none`` too), the most frequent first.

        Each count leaves the filter by its own column aside: it says what another choice there would show.
        """
        free = replace(wanted, sources=(), types=(), problems=())
        where, parameters = query.pending_conditions(free)
        columns = "problem, source, type"
        with engine.translated(self.path):
            if wanted.search:
                # The rows are read for it: in the order of the table that takes a third of the time.
                cursor = self._question().execute_sql(
                    f"SELECT {columns} FROM pending_models{where}", parameters
                )
                return pending_list.choices(Counter(cursor).items(), wanted)
            cursor = self._question().execute_sql(
                f"SELECT {columns}, count(*) FROM pending_models{where} GROUP BY state, {columns}", parameters
            )
            return pending_list.choices(((values[:3], values[3]) for values in cursor), wanted)

    def pending_record(self, pending_id: int, *, with_large: bool = True) -> Record | None:
        """Return the record of a pending model, whatever its state.

        Args:
            pending_id: of the record.
            with_large: False leaves a payload of more than `engine.LARGE_BYTES` out.
        """
        with engine.translated(self.path):
            row = (
                self._question()
                .execute_sql(
                    "SELECT source, source_path, record_key, "
                    "CASE WHEN size_bytes <= ? THEN meta_json ELSE x'' END, extra, container_mtime, size_bytes "
                    "FROM pending_models WHERE id = ?",
                    (engine.LARGE_BYTES, pending_id),
                )
                .fetchone()
            )
            if row is None:
                return None
            record, size_bytes = _record(row[:-1]), row[-1]
            if not with_large or size_bytes <= engine.LARGE_BYTES:
                return record
            payload = engine.payload_of(self._question(), "pending_models", pending_id)
        return None if payload is None else replace(record, payload=payload)

    def records_alike(
        self, pending_id: int, file_paths: Sequence[str], sha256s: Sequence[str], limit: int
    ) -> list[StoredRecord]:
        """Return a record that is not promoted, and those in state `pending` that speak of the same file.

        Args:
            pending_id: the record; it stands first.
            file_paths: of that file, and of its copies.
            sha256s: hashes of which the others may claim one.
            limit: of their number; the payloads of the others are left out above `ALIKE_LIMIT_BYTES`.
        """
        paths, hashes = ", ".join("?" * len(file_paths)), ", ".join("?" * len(sha256s))
        with engine.translated(self.path):
            cursor = self._question().execute_sql(
                "SELECT id, source, source_path, record_key, payload_sha256, size_bytes, "
                "CASE WHEN size_bytes <= iif(id = ?, ?, ?) THEN meta_json END, "
                "extra, imported_at, container_mtime "
                "FROM pending_models WHERE id IN ("
                "SELECT id FROM pending_models WHERE id = ? AND state <> 'promoted' "
                f"UNION SELECT id FROM pending_models WHERE file_path IN ({paths}) AND +state = 'pending' "
                f"UNION SELECT id FROM pending_models WHERE sha256 IN ({hashes}) AND +state = 'pending') "
                "ORDER BY id <> ?, id LIMIT ?",
                (
                    pending_id,
                    PAYLOAD_LIMIT_BYTES,
                    ALIKE_LIMIT_BYTES,
                    pending_id,
                    *(path_in(path) for path in file_paths),
                    *sha256s,
                    pending_id,
                    limit,
                ),
            )
            return list(map(stored_record, cursor))

    def export_rows(self) -> Iterator[tuple[PendingModel, Record]]:
        """Yield every pending model with its record, whatever its state, by id; one payload in memory at a time.

        A payload of more than `engine.LARGE_BYTES` is left out, see `open_pending_payload`.
        """
        for pending_id in self.pending_order(PendingQuery()):
            rows = self.pending_rows([pending_id])
            record = self.pending_record(pending_id, with_large=False)
            if rows and record is not None:
                yield rows[0], record

    @contextlib.contextmanager
    def open_pending_payload(self, pending_id: int) -> Iterator[Callable[[int, int], bytes]]:
        """Read the payload of a pending model as `open_payload` does that of an active record."""
        with (
            engine.translated(self.path),
            engine.open_payload(self._question().connection(), "pending_models", pending_id) as blob,
        ):
            yield partial(piece_of, blob)

    # --- decisions --------------------------------------------------------------------------------------

    def located(self, pending_id: int) -> bool:
        """Tell whether the user named the file of a pending model."""
        with engine.translated(self.path):
            row = (
                self._question()
                .execute_sql("SELECT located FROM pending_models WHERE id = ?", (pending_id,))
                .fetchone()
            )
        return bool(row and row[0])

    def set_file(self, pending_id: int, file_path: str) -> None:
        """Name the located file of a pending model and take back a problem that only was about the file."""
        with self.transaction(Changes(pending=True, ids=frozenset())) as writer:
            writer.execute_sql(
                "UPDATE pending_models SET file_path = ?, located = 1, candidates = '[]', "
                "message = CASE WHEN problem IN ('no_file', 'ambiguous', 'outside', 'hash_mismatch') THEN '' "
                "ELSE message END, "
                "problem = CASE WHEN problem IN ('no_file', 'ambiguous', 'outside', 'hash_mismatch') THEN NULL "
                "ELSE problem END WHERE id = ? AND state = 'pending'",
                (path_in(file_path), pending_id),
            )

    def set_problem(
        self,
        pending_id: int,
        problem: str | None,
        message: str,
        file_path: str | None,
        candidates: Sequence[str],
    ) -> None:
        """Say why a pending model stays."""
        with self.transaction(Changes(pending=True, ids=frozenset())) as writer:
            writer.execute_sql(
                "UPDATE pending_models SET problem = ?, message = ?, file_path = coalesce(?, file_path), "
                "candidates = ? WHERE id = ? AND state = 'pending'",
                (
                    problem,
                    printable(message),
                    path_in(file_path) if file_path else None,
                    json.dumps(list(candidates)),
                    pending_id,
                ),
            )

    def set_state(self, ids: Sequence[int], former: PendingState, state: PendingState) -> int:
        """Set the state of those of `ids` that are in state `former`; return how many."""
        changed = 0
        with self.transaction(Changes(pending=True, ids=frozenset())) as writer:
            for pending_id in ids:
                changed += writer.execute_sql(
                    "UPDATE pending_models SET state = ? WHERE id = ? AND state = ?",
                    (state, pending_id, former),
                ).rowcount
        return changed

    def attach(
        self,
        pending_id: int,
        model_id: int,
        sha256: str,
        file_path: str | None,
        binding: str,
        promotion: int | None = None,
        hashes: Mapping[str, str] = MappingProxyType({}),
    ) -> int | None:
        """Copy a pending record to the active records of a model and set it to `promoted`.

        Args:
            pending_id: of the record.
            model_id: of the model.
            sha256: of the model.
            file_path: of its file, None if there is none.
            binding: what ties record and file.
            promotion: the number of the run that does it, see `next_promotion`.
            hashes: what the record claims of this file, kind (``SHA256`` too) -> hex.

        Returns:
            The id of the active record, or None if the pending model is no longer in state `pending`.
        """
        with self.transaction(Changes(pending=True, models=True, ids=frozenset((model_id,)))) as writer:
            conn = writer.connection()
            waiting = conn.execute(
                "SELECT length(meta_json) FROM pending_models WHERE id = ? AND state = 'pending'",
                (pending_id,),
            ).fetchone()
            if waiting is None:
                return None
            (size_bytes,) = waiting
            # The bytes go from table to table inside one transaction; digest and bytes can't part company on the way.
            light = (
                "SELECT ?, source, source_path, record_key, payload_sha256, extra_sha256, size_bytes, imported_at, "
                "container_mtime, ?, 0, extra{} FROM pending_models WHERE id = ?"
            )
            insert = (
                "INSERT OR IGNORE INTO records(model_id, source, source_path, record_key, payload_sha256, "
                "extra_sha256, size_bytes, imported_at, container_mtime, binding, chief, extra, meta_json) "
            )
            values = (model_id, binding, pending_id)
            if size_bytes <= engine.LARGE_BYTES:
                conn.execute(insert + light.format(", meta_json"), values)
            else:
                # Not from a SELECT: there SQLite makes all those zero bytes.
                row = conn.execute(light.format(""), values).fetchone()
                places = ", ".join("?" * len(row))
                added = conn.execute(f"{insert}VALUES ({places}, zeroblob(?))", (*row, size_bytes))
                if added.rowcount:
                    engine.copy_payload(conn, pending_id, int(added.lastrowid))
            (record_id,) = conn.execute(
                "SELECT records.id FROM records JOIN pending_models AS p ON records.source = p.source "
                "AND records.source_path = p.source_path AND records.record_key = p.record_key "
                "AND records.payload_sha256 = p.payload_sha256 AND records.extra_sha256 = p.extra_sha256 "
                "WHERE p.id = ? AND records.model_id = ?",
                (pending_id, model_id),
            ).fetchone()
            # Once: with the row SQLite writes its payload again.
            conn.execute(
                "UPDATE pending_models SET state = 'promoted', sha256 = ?, file_path = coalesce(?, file_path), "
                "problem = CASE problem WHEN 'unparsed_payload' THEN problem WHEN 'too_deep' THEN problem END, "
                "message = CASE WHEN problem IN ('unparsed_payload', 'too_deep') THEN message ELSE '' END, "
                "candidates = '[]', promotion = ?, record_id = ? WHERE id = ?",
                (sha256, path_in(file_path) if file_path else None, promotion, record_id, pending_id),
            )
            put_hashes(conn, claimed_hashes("record", record_id, hashes, hashes.get("SHA256")))
        return int(record_id)

    def next_promotion(self) -> int:
        """Return the number of a new run of promotions; certain only within the transaction of its first `attach`."""
        return self._last_promotion() + 1

    def last_promoted(self) -> list[int]:
        """Return the pending models that the last run of promotions promoted, as far as it was not undone."""
        with engine.translated(self.path):
            rows = self._question().execute_sql(
                "SELECT id FROM pending_models WHERE promotion = ? ORDER BY id", (self._last_promotion(),)
            )
            return [row[0] for row in rows]

    def _last_promotion(self) -> int:
        with engine.translated(self.path):
            (number,) = self._question().execute_sql("SELECT max(promotion) FROM pending_models").fetchone()
        return int(number or 0)

    def detach(
        self,
        pending_id: int,
        sha256: str | None,
        file_path: str | None,
        problem: str | None,
        message: str,
        candidates: Sequence[str],
    ) -> tuple[bool, int | None]:
        """Take the active copy of a promoted record from its model and set the record to `pending` again.

        Args:
            pending_id: of the record.
            sha256: what it claims; the other arguments are what its import would write now.
            file_path: see there.
            problem: see there.
            message: see there.
            candidates: see there.

        Returns:
            False if the record is not in state `promoted`; and the model that it leaves, None if it was on none.
        """
        with self.transaction(Changes(pending=True, models=True, ids=frozenset())) as writer:
            conn = writer.connection()
            row = conn.execute(
                "SELECT record_id FROM pending_models WHERE id = ? AND state = 'promoted'", (pending_id,)
            ).fetchone()
            if row is None:
                return False, None
            # The pending row holds the same bytes; a copy that differs (there should be none) is not removed.
            active = conn.execute(
                "SELECT records.model_id FROM records JOIN pending_models AS p ON records.id = p.record_id "
                "AND records.payload_sha256 = p.payload_sha256 AND records.extra_sha256 = p.extra_sha256 "
                "WHERE p.id = ?",
                (pending_id,),
            ).fetchone()
            conn.execute(
                "UPDATE pending_models SET state = 'pending', record_id = NULL, promotion = NULL, sha256 = ?, "
                "file_path = ?, problem = ?, message = ?, candidates = ? WHERE id = ?",
                (
                    sha256,
                    path_in(file_path) if file_path else None,
                    problem,
                    printable(message),
                    json.dumps(list(candidates)),
                    pending_id,
                ),
            )
            if active is None:
                return True, None
            conn.execute("DELETE FROM records WHERE id = ?", row)
        return True, int(active[0])

    def set_chief(self, model_id: int, record_id: int | None) -> None:
        """Say which record of a model is shown first."""
        with self.transaction() as writer:
            writer.execute_sql(
                "UPDATE records SET chief = (id = ?) WHERE model_id = ?", (record_id, model_id)
            )

    def clear_promoted(self) -> int:
        """Remove promoted pending models whose active copy has the same digest; return how many."""
        with self.transaction(Changes(pending=True, ids=frozenset())) as writer:
            return int(
                writer.execute_sql(
                    "DELETE FROM pending_models WHERE state = 'promoted' AND EXISTS (SELECT 1 FROM records WHERE "
                    "records.id = pending_models.record_id AND "
                    "records.payload_sha256 = pending_models.payload_sha256 AND "
                    "records.extra_sha256 = pending_models.extra_sha256)"
                ).rowcount
            )


def _pending(values: tuple[Any, ...]) -> PendingModel:
    row_id, batch_id, source, source_path, record_key, name, type_, sha256, file_path, *rest, candidates = (
        values
    )
    state, problem, message, payload_sha256, size_bytes, imported_at, base_model, gone = rest
    return PendingModel(
        row_id,
        batch_id,
        source,
        path_out(source_path),
        key_out(record_key),
        name,
        type_,
        sha256,
        None if file_path is None else path_out(file_path),
        state,
        problem,
        message,
        payload_sha256,
        size_bytes,
        imported_at,
        base_model,
        tuple(json.loads(candidates)) if candidates != "[]" else (),
        gone,
    )


def _record(row: tuple[Any, ...]) -> Record:
    source, source_path, record_key, payload, extra, container_mtime = row
    return Record(
        source,
        path_out(source_path),
        key_out(record_key),
        bytes(payload),
        json.loads(extra) if extra else None,
        container_mtime,
    )
