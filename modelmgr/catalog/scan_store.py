"""What scans write: files that were met, their hashes, models of several files, folders that did not change.

Written in bulk: a library of a hundred thousand files comes in at some ten thousand a second.
"""

import contextlib
import json
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from functools import lru_cache
from itertools import chain
from typing import Any

from modelmgr.catalog import engine
from modelmgr.catalog.file_store import (
    LightRow,
    in_pieces,
    is_at_place,
    light_row,
    printable,
    search_text_of,
    seconds_of,
    tag_rows,
)
from modelmgr.catalog.found import EMBEDDED, Embedded, FoundModel
from modelmgr.catalog.identity_store import same_tensors
from modelmgr.catalog.known_hashes import FORMER_ALONE, Hash, forget_short, put_hashes
from modelmgr.catalog.place_store import PlaceStore
from modelmgr.catalog.schema import path_in, path_out
from modelmgr.lazily import dataclass
from modelmgr.values import Changes, FileState, HashState, Origin


@dataclass(slots=True)
class _Rows:
    """New rows of one transaction, by table."""

    models: list[tuple[Any, ...]] = field(default_factory=list)
    headers: list[tuple[Any, ...]] = field(default_factory=list)
    origins: list[tuple[Any, ...]] = field(default_factory=list)
    tags: list[tuple[Any, ...]] = field(default_factory=list)
    files: list[tuple[Any, ...]] = field(default_factory=list)
    hashes: list[Hash] = field(default_factory=list)
    records: list[tuple[Any, ...]] = field(default_factory=list)


_MODEL_COLUMNS = (
    "id, sha256, size_bytes, format, path, file_name, folder, file_count, added_at, modified_at, hash_state, "
    "file_state, danger, search_text, " + ", ".join(LightRow._fields)
)
_FILE_COLUMNS = (
    "id, model_id, path, size_bytes, mtime_ns, inode, device, state, sha256, partial_hashes, seen_at, "
    "scanned_folder, unit, member, link_target, quick, tensor_quick, tensor_sha256"
)


_RECORD_COLUMNS = (
    "model_id, source, source_path, record_key, payload_sha256, extra_sha256, size_bytes, imported_at, "
    "container_mtime, binding, chief, extra, meta_json"
)
ROWS_AT_ONCE = 50
"""So many rows go in by one statement: between two of them the thread gives way to those that hash."""
MANY_MODELS = 50
"""From so many on it is worth to fill the search index in one go."""


class ScanStore(PlaceStore):
    """Writes about files that were met. Each method joins the caller's transaction or makes its own."""

    def put_found(
        self,
        found: Iterable[FoundModel],
        rewritten: list[int] | None = None,
        changed: list[int] | None = None,
    ) -> list[int]:
        """Write files that a scan met; each is a row of the library at once.

        A file whose hash is that of a known model, and a further path of a known file (same inode, size and mtime:
        a link), join that model. Known paths with other content get a model of their own, unless only the header was
        written anew; the former model keeps its records and is missing.

        Args:
            found: see above.
            changed: told the ids of models that had no header before and have one now, or are `HashOutcome.confirmed`.
            rewritten: told the ids of the models that go on under a new header; their light columns are as before.

        Returns:
            The model ids, in order.
        """
        wanted = list(found)
        if not wanted:
            return []
        with self.transaction(Changes(models=True)) as writer:
            putting = Putting(self, writer.connection(), wanted)
            ids = [putting.put(model) for model in wanted]
            putting.write()
            for model_id, model in putting.joined:
                self.put_embedded(model_id, model.path, model.mtime_ns, model.embedded)
                if self.header_facts(model_id) is None:  # so far nobody had its file
                    self.put_header(model_id, model.format, model.header, model.facts, model.danger)
                    if changed is not None:
                        changed.append(model_id)
            self.refresh(putting.stale)
            if rewritten is not None:
                rewritten += putting.rewritten
            if changed is not None:
                changed += putting.confirmed
        return ids

    def put_header(
        self,
        model_id: int,
        format_: str | None,
        header: str,
        facts: Mapping[str, Any],
        danger: str | None = None,
    ) -> None:
        """Write what the header of a model's file says; see `FoundModel` for the arguments."""
        with self.transaction() as writer:
            writer.execute_sql(
                "INSERT INTO headers(model_id, header, facts) VALUES (?, ?, ?) "
                "ON CONFLICT(model_id) DO UPDATE SET header = excluded.header, facts = excluded.facts",
                (model_id, header, json.dumps(facts)),
            )
            writer.execute_sql(
                "UPDATE models SET format = ?, danger = ? WHERE id = ?", (format_, danger, model_id)
            )

    def put_embedded(self, model_id: int, path: str, mtime_ns: int, embedded: Embedded | None) -> None:
        """Attach the metadata of a model's file as a record; the same bytes only once, former ones stay."""
        if embedded is None:
            return
        with self.transaction() as writer:
            conn = writer.connection()
            row = _record_row(model_id, path, mtime_ns, embedded)
            is_there = conn.execute(
                "SELECT 1 FROM records WHERE model_id = ? AND source = ? AND payload_sha256 = ?",
                (model_id, EMBEDDED, row[4]),
            ).fetchone()
            if is_there is None:
                _insert_records(conn, [row])

    def touch_file(self, file_id: int, size_bytes: int, mtime_ns: int, inode: int, device: int) -> None:
        """Note that a file was written or replaced: its hash must be computed again.

        It stays with its model until then; `put_hash` decides by what its tensors were.
        """
        with self.transaction() as writer:
            writer.execute_sql(
                "UPDATE files SET size_bytes = ?, mtime_ns = ?, inode = ?, device = ?, state = 'present', "
                f"sha256 = NULL, partial_hashes = {FORMER_ALONE} WHERE id = ?",
                (size_bytes, mtime_ns, inode, device, file_id),
            )
            forget_short(writer.connection(), file_id)
            row = writer.execute_sql("SELECT model_id FROM files WHERE id = ?", (file_id,)).fetchone()
            if row:
                self.refresh([row[0]])

    def put_link_targets(self, targets: Mapping[int, str | None]) -> None:
        """Note where the paths of files (row id -> path, None: it is the file) lead, and refresh their models."""
        with self.transaction() as writer:
            conn = writer.connection()
            conn.executemany(
                "UPDATE files SET link_target = ? WHERE id = ?",
                [(None if target is None else path_in(target), row_id) for row_id, target in targets.items()],
            )
            self._refresh_of(targets)

    def mark_files(self, states: Mapping[int, str]) -> None:
        """Set the state of files (row id -> state) and refresh their models."""
        with self.transaction(Changes(models=True)) as writer:
            writer.connection().executemany(
                "UPDATE files SET state = ? WHERE id = ?",
                [(state, file_id) for file_id, state in states.items()],
            )
            self._refresh_of(states)

    def _refresh_of(self, file_ids: Iterable[int]) -> None:
        """Refresh the models of files."""
        with self.transaction() as writer:
            models: set[int] = set()
            for some in in_pieces(list(file_ids)):
                marks = ", ".join("?" * len(some))
                rows = writer.execute_sql(f"SELECT model_id FROM files WHERE id IN ({marks})", some)
                models.update(row[0] for row in rows)
            self.refresh(models)


class Putting:
    """One batch of files on its way into the catalog."""

    def __init__(self, store: ScanStore, conn: engine.Connection, found: Sequence[FoundModel]) -> None:
        self.stale: set[int] = set()
        self.rewritten: list[int] = []
        self.confirmed: list[int] = []
        self.joined: list[tuple[int, FoundModel]] = []
        self._store = store
        self._conn = conn
        self._now = int(time.time())
        self._rows = _Rows()
        self._next_model = _next_id(conn, "models")
        self._next_file = _next_id(conn, "files")
        self._folders = store._folder_ids(conn, [model.path for model in found]) if found else {}
        self._known: dict[str, tuple[int, int, int | None]] = {}
        for some in in_pieces([path_in(model.path) for model in found]):
            marks = ", ".join("?" * len(some))
            for path, *row in conn.execute(
                f"SELECT path, id, model_id, unit FROM files WHERE path IN ({marks})", some
            ):
                self._known[path_out(path)] = (row[0], row[1], row[2])
        self._facts: dict[int, str] = {}
        self._homes: dict[str, int] = {}
        for some in in_pieces([model.hashes.sha256 for model in found if model.hashes is not None]):
            marks = ", ".join("?" * len(some))
            self._homes.update(conn.execute(f"SELECT sha256, id FROM models WHERE sha256 IN ({marks})", some))
        self._bodies: dict[tuple[int, int, int, int], tuple[Any, ...]] = {}
        paths = {model.path for model in found}
        for some in in_pieces([model.inode for model in found if model.inode]):
            marks = ", ".join("?" * len(some))
            for inode, device, size_bytes, mtime_ns, *rest in conn.execute(
                "SELECT inode, device, size_bytes, mtime_ns, path, model_id, sha256, unit, member, quick, "
                f"tensor_quick, tensor_sha256 FROM files WHERE inode IN ({marks}) AND state = 'present' "
                "ORDER BY sha256 IS NULL DESC",
                some,
            ):
                if path_out(rest[0]) not in paths:
                    self._bodies[inode, device, size_bytes, mtime_ns] = (path_out(rest[0]), *rest[1:])

    def put(self, model: FoundModel) -> int:
        """Take one file; return its model's id."""
        known = self._known.get(model.path)
        if known is not None and model.file_id is None:
            return known[1]  # another process was quicker
        if known is not None:
            kept = self._rewritten(model, known)
            if kept is not None:
                return kept
        body = (model.inode, model.device, model.size_bytes, model.mtime_ns)
        twin = self._bodies.get(body) if model.inode else None
        if twin is not None and (
            twin[0] == model.path
            or self._was_member(model.path, twin[3], twin[4])
            or not self._is_part(model, twin[3])
        ):
            twin = None
        sha256 = model.hashes.sha256 if model.hashes is not None else None
        hashes = model.hashes
        digests: Sequence[str | None] = (None, None, None)
        if hashes is not None:
            digests = hashes.quick, hashes.tensor_quick, hashes.tensor_sha256
        unit = member = None
        if twin is not None:
            _, model_id, sha256, unit, member, *digests = twin
            self.stale.add(model_id)
        elif sha256 is not None and sha256 in self._homes:
            model_id = self._homes[sha256]
            self.stale.add(model_id)
            self.joined.append((model_id, model))
        else:
            model_id = self.new_model(model)
            if sha256 is not None:
                self._homes[sha256] = model_id
        if model.inode and twin is None and model.state == FileState.PRESENT:
            self._bodies[body] = (model.path, model_id, sha256, None, None, *digests)
        self._put_file(model, known, model_id, sha256, unit, member, digests)
        return model_id

    def _was_member(self, path: str, unit: int | None, member: str | None) -> bool:
        """Tell whether a path was that member of a unit: as a single file it is none any more, whatever a link says."""
        if unit is None or member is None:
            return False
        (place,) = self._conn.execute("SELECT path FROM units WHERE id = ?", (unit,)).fetchone()
        return is_at_place(path, member, path_out(place))

    def _is_part(self, model: FoundModel, unit: int | None) -> bool:
        """Tell whether a unit, if there is one, has these bytes at a place of its own: a link elsewhere may be old."""
        if unit is None:
            return True
        rows = self._conn.execute(
            "SELECT files.path, member, units.path FROM files JOIN units ON units.id = unit "
            "WHERE unit = ? AND inode = ? AND files.device = ? AND size_bytes = ? AND mtime_ns = ?",
            (unit, model.inode, model.device, model.size_bytes, model.mtime_ns),
        )
        return any(is_at_place(path_out(path), member, path_out(place)) for path, member, place in rows)

    def new_model(self, model: FoundModel) -> int:
        """Take a model that is not known yet; return its id."""
        model_id = self._next_model
        self._next_model += 1
        folder, file_name = os.path.split(model.path)
        file_name = printable(file_name)
        light = light_row(model.fields)
        self._rows.models.append(
            (
                model_id,
                None if model.hashes is None else model.hashes.sha256,
                model.size_bytes,
                model.format,
                path_in(model.path),
                file_name,
                path_in(folder),
                1,
                self._now,
                seconds_of(model.mtime_ns),
                HashState.DONE if model.hashes is not None else model.hash_state,
                model.state,
                model.danger,
                search_text_of(light, file_name),
                *light,
            )
        )
        # Headers that were identified alike share their facts.
        facts = self._facts.get(id(model.facts))
        if facts is None:
            facts = self._facts[id(model.facts)] = json.dumps(model.facts)
        self._rows.headers.append((model_id, model.header, facts))
        self._rows.origins.append((model_id, _origins_json(model.origins)))
        self._rows.tags += tag_rows(model_id, light)
        if model.embedded is not None:
            self._rows.records.append(_record_row(model_id, model.path, model.mtime_ns, model.embedded))
        return model_id

    def _put_file(
        self,
        model: FoundModel,
        known: tuple[int, int, int | None] | None,
        model_id: int,
        sha256: str | None,
        unit: int | None,
        member: str | None,
        digests: Sequence[str | None],
    ) -> None:
        short = model.hashes.short if model.hashes is not None else {}
        row_id = self._next_file if known is None else known[0]
        facts = (
            model_id,
            path_in(model.path),
            model.size_bytes,
            model.mtime_ns,
            model.inode,
            model.device,
            model.state,
            sha256,
            json.dumps(short) if short else None,
            self._now,
            self._folders[os.path.dirname(model.path)],
            unit,
            member,
            None if model.link_target is None else path_in(model.link_target),
            *digests,
        )
        if known is None:
            self._next_file += 1
            self._rows.files.append((row_id, *facts))
        else:
            self.write()  # the row may point to a model that is new
            if known[1] != model_id:
                self._store.keep_formers(self._conn, known[1], [row_id])
            self._conn.execute("DELETE FROM known_hashes WHERE holder = 'file' AND holder_id = ?", (row_id,))
            columns = _FILE_COLUMNS.removeprefix("id, ")
            self._conn.execute(
                f"UPDATE files SET ({columns}) = ({', '.join('?' * len(facts))}) WHERE id = ?",
                (*facts, row_id),
            )
            if known[2] is not None:  # it was a part, and maybe the last one
                self._conn.execute(
                    "DELETE FROM units WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM files WHERE unit = ?1)",
                    (known[2],),
                )
            self.stale |= {known[1], model_id}
        for kind, digits in short.items():
            self._rows.hashes.append(("file", row_id, kind, digits))

    def _rewritten(self, model: FoundModel, known: tuple[int, int, int | None]) -> int | None:
        """Return the model that goes on under a new header, or None if the file holds something else."""
        if model.hashes is None:
            return None
        row = self._conn.execute(
            "SELECT tensor_quick, tensor_sha256, models.sha256, unit FROM files JOIN models ON models.id = model_id "
            "WHERE files.id = ?",
            (known[0],),
        ).fetchone()
        if row is None or row[2] is None or row[3] is not None:
            return None
        is_same = row[2] == model.hashes.sha256
        metadata = model.embedded.payload if model.embedded is not None else None
        if not is_same and (
            model.hashes.sha256 in self._homes
            or not same_tensors(model.hashes, row[0], row[1])
            or not (
                (row[1] is not None and model.hashes.tensor_sha256 is not None)
                or self._store.has_new_metadata(known[1], metadata)
            )
        ):
            return None
        self.write()
        self._conn.execute(
            "UPDATE files SET size_bytes = ?, mtime_ns = ?, inode = ?, device = ?, state = ?, link_target = ?, "
            f"partial_hashes = {FORMER_ALONE} WHERE id = ?",
            (
                *(model.size_bytes, model.mtime_ns, model.inode, model.device, model.state),
                None if model.link_target is None else path_in(model.link_target),
                known[0],
            ),
        )
        forget_short(self._conn, known[0])
        if not is_same and not self._store._is_alone(self._conn, known[1], known[0]):
            return None
        outcome = self._store.put_hash(
            known[0], model.size_bytes, model.mtime_ns, model.hashes, header_is_new=True
        )
        assert outcome is not None
        if outcome.confirmed:
            self.confirmed.append(outcome.model_id)
        if outcome.rewritten:
            self._homes = {key: home for key, home in self._homes.items() if home != outcome.model_id}
            self._homes[model.hashes.sha256] = outcome.model_id
            self._store.put_header(outcome.model_id, model.format, model.header, model.facts, model.danger)
            self._store.put_embedded(outcome.model_id, model.path, model.mtime_ns, model.embedded)
            self.rewritten.append(outcome.model_id)
        self.stale.add(outcome.model_id)
        return outcome.model_id

    def write(self) -> None:
        """Write what was taken so far."""
        rows, self._rows = self._rows, _Rows()
        conn = self._conn
        if rows.models:
            with (
                engine.search_filled_after(conn, rows.models[0][0])
                if len(rows.models) >= MANY_MODELS
                else contextlib.nullcontext()
            ):
                _insert(conn, f"INSERT INTO models({_MODEL_COLUMNS})", rows.models)
            _insert(conn, "INSERT INTO headers(model_id, header, facts)", rows.headers)
            _insert(conn, "INSERT INTO origins(model_id, origins)", rows.origins)
            _insert(conn, "INSERT OR IGNORE INTO model_tags(model_id, key, tag)", rows.tags)
            _insert_records(conn, rows.records)
        _insert(conn, f"INSERT INTO files({_FILE_COLUMNS})", rows.files)
        put_hashes(conn, rows.hashes)


def _origins_json(origins: Mapping[str, Origin]) -> str:
    return _origins_of(tuple(origins.items()))


@lru_cache(maxsize=64)
def _origins_of(origins: tuple[tuple[str, Origin], ...]) -> str:
    """Return them as JSON; those of files of which no record speaks are few different ones."""
    return json.dumps({column: [origin.source, origin.rank, origin.record_id] for column, origin in origins})


def _record_row(model_id: int, path: str, mtime_ns: int, embedded: Embedded) -> tuple[Any, ...]:
    payload = embedded.payload
    return (
        model_id,
        EMBEDDED,
        path_in(path),
        "",
        embedded.sha256,
        "",
        len(payload),
        int(time.time()),
        mtime_ns / 1e9,
        "embedded",
        0,
        '{"made": true}' if embedded.is_made else None,
        payload,
    )


def _insert_records(conn: engine.Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    _insert(conn, f"INSERT OR IGNORE INTO records({_RECORD_COLUMNS})", rows)


def _insert(conn: engine.Connection, insert: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows in as few statements as is good for both: this thread, and those that wait for the interpreter."""
    if not rows:
        return
    one = f"({', '.join('?' * len(rows[0]))})"
    whole = len(rows) - len(rows) % ROWS_AT_ONCE
    many = f"{insert} VALUES {', '.join([one] * ROWS_AT_ONCE)}" if whole else ""
    for start in range(0, whole, ROWS_AT_ONCE):
        conn.execute(many, list(chain.from_iterable(rows[start : start + ROWS_AT_ONCE])))
    conn.executemany(f"{insert} VALUES {one}", rows[whole:])


def _next_id(conn: engine.Connection, table: str) -> int:
    return int(conn.execute(f"SELECT coalesce(max(id), 0) + 1 FROM {table}").fetchone()[0])
