"""The questions about active models: the library view (light columns only), and the details of one."""

import contextlib
import hashlib
import json
import os
from array import array
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from typing import Any

from modelmgr.catalog import comparison, engine, facet_counts, query, stretches
from modelmgr.catalog.attachment_store import AttachmentStore
from modelmgr.catalog.found import EMBEDDED
from modelmgr.catalog.known_hashes import FORMER
from modelmgr.catalog.light import LIGHT, row_of
from modelmgr.catalog.schema import below_bounds, key_out, path_out
from modelmgr.lazily import dataclass
from modelmgr.values import (
    FACET_GROUPS,
    LIGHT_KEYS,
    MIB,
    Comparison,
    Facets,
    LibraryFolder,
    ModelDetails,
    ModelFile,
    ModelQuery,
    ModelRow,
    Origin,
    StoredRecord,
    light_json,
)

PAYLOAD_LIMIT_BYTES = 64 * MIB
"""Larger payloads are not handed to the details; they can still be exported."""

# How SQLite writes those that JSON has in another form than the table. Times are those that a calendar holds.
_JSON_FORMS = {
    "tags": "json(tags)",
    "trigger_words": "json(trigger_words)",
    "favorite": "json(iif(favorite, 'true', 'false'))",
    "nsfw": "json(CASE WHEN nsfw THEN 'true' WHEN NOT nsfw THEN 'false' ELSE 'null' END)",
    **{
        column: f"CASE WHEN {column} BETWEEN -62135596800 AND 253402300799 "
        f"THEN strftime('%Y-%m-%dT%H:%M:%SZ', {column}, 'unixepoch') END"
        for column in ("added_at", "modified_at")
    },
}

ROWS_A_STATEMENT = 500


@dataclass(frozen=True, slots=True)
class DuplicateGroup:
    """One content that lies on disk more than once.

    Attributes:
        files: the present paths; hard links and symbolic links among them take no room of their own.
        reclaimable_bytes: what the copies beyond the first take.
    """

    sha256: str
    size_bytes: int
    files: tuple[ModelFile, ...]
    reclaimable_bytes: int


class LibraryView(AttachmentStore):
    """The library as the doors see it. Only `details` and `records_of` read a payload."""

    def count(self, wanted: ModelQuery, most: int | None = None) -> int:
        """Return how many models match; with `most`, no more than that are counted."""
        with engine.translated(self.path):
            reader = self._question()
            if most is not None:
                return stretches.count_up_to(reader, wanted, most)
            where, parameters = stretches.found_by(reader, wanted)
            return int(reader.execute_sql(f"SELECT count(*) FROM models{where}", parameters).fetchone()[0])

    def first_page(self, wanted: ModelQuery, limit: int, most: int) -> tuple[list[ModelRow], int]:
        """Return the first rows, at most `limit`, and how many match, counted up to `most`."""
        rows = self.page(wanted, limit)
        return rows, self.count(wanted, most) if len(rows) == limit else len(rows)

    def total_bytes(self, wanted: ModelQuery) -> int:
        """Return the size of all files' content that match, each content once."""
        with engine.translated(self.path):
            reader = self._question()
            where, parameters = stretches.found_by(reader, wanted, fetching=True)
            found = reader.execute_sql(f"SELECT coalesce(sum(size_bytes), 0) FROM models{where}", parameters)
            return int(found.fetchone()[0])

    def order(self, wanted: ModelQuery) -> "array[int]":
        """Return the ids of all models that match, in order: 8 bytes a model, a quarter second for a million."""
        with engine.translated(self.path):
            reader = self._question()
            where, parameters = stretches.found_by(reader, wanted)
            ordering = query.ordering(query.order_of(wanted).all)
            cursor = reader.execute_sql(f"SELECT id FROM models{where}{ordering}", parameters)
            # A generator, not fetchall: the longest stall for other threads is then a quarter.
            return array("q", (row[0] for row in cursor))

    def named(self, prefix: str) -> "array[int]":
        """Return the ids of all models whose names begin with `prefix`, whatever their case (of ASCII letters)."""
        with engine.translated(self.path):
            cursor = self._question().execute_sql(
                "SELECT id FROM models WHERE name >= ? COLLATE NOCASE AND name < ? COLLATE NOCASE",
                [prefix, prefix + "\U0010ffff"],
            )
            return array("q", (row[0] for row in cursor))

    def page(self, wanted: ModelQuery, limit: int | None, offset: int = 0) -> list[ModelRow]:
        """Return a stretch of the matching rows in order; all from `offset` on if `limit` is None."""
        if limit is None:
            return self.rows(self.order(wanted)[offset:])
        # Of one moment: the stretch goes on where it was, which a row that comes before it would shift.
        with engine.translated(self.path), self._snapshot() as reader:
            where, _parameters = query.conditions(wanted)
            order = query.order_of(wanted)
            if where or order.leading or order.is_sparse:
                found = stretches.stretch(reader, wanted, offset + limit)
                ids = [values[-1] for values in found[offset:]]
            else:
                # The ids alone come from an index; only then the rows of this stretch are looked up.
                ordering = query.ordering(order.all)
                cursor = reader.execute_sql(
                    f"SELECT id FROM models{ordering} LIMIT ? OFFSET ?", [limit, offset]
                )
                ids = [row[0] for row in cursor]
        return self.rows(ids)

    def rows(self, ids: Sequence[int]) -> list[ModelRow]:
        """Return the rows of these ids in the order asked; ids that are gone are left out."""
        found: dict[int, ModelRow] = {}
        with engine.translated(self.path):
            for start in range(0, len(ids), ROWS_A_STATEMENT):
                some = list(ids[start : start + ROWS_A_STATEMENT])
                cursor = self._question().execute_sql(
                    f"SELECT {LIGHT} FROM models WHERE id IN ({', '.join('?' * len(some))})", some
                )
                for values in cursor:
                    found[values[0]] = row_of(values)
        return [found[row_id] for row_id in ids if row_id in found]

    def rows_json(self, ids: Sequence[int], columns: Sequence[str] = LIGHT_KEYS) -> list[str]:
        """Return what `light_json` says of these rows, each as the text of a JSON object in ASCII.

        SQLite writes it: in a third of the time, and other threads can go on meanwhile.

        Args:
            ids: as with `rows`.
            columns: those of `LIGHT_KEYS` to give out, in this order.
        """
        members = ", ".join(f"'{column}', {_JSON_FORMS.get(column, column)}" for column in columns)
        # JSON can't say a BLOB; a path that is one is left to Python.
        odd = " OR ".join(f"typeof({column}) = 'blob'" for column in ("path", "folder", "preview"))
        found: dict[int, str | None] = {}
        with engine.translated(self.path):
            for start in range(0, len(ids), ROWS_A_STATEMENT):
                some = list(ids[start : start + ROWS_A_STATEMENT])
                cursor = self._question().execute_sql(
                    f"SELECT id, CASE WHEN {odd} THEN NULL ELSE json_object({members}) END "
                    f"FROM models WHERE id IN ({', '.join('?' * len(some))})",
                    some,
                )
                found.update(cursor)
            for row in self.rows([row_id for row_id in ids if row_id in found and found[row_id] is None]):
                said = light_json(row)
                found[row.id] = json.dumps({column: said[column] for column in columns})
        texts = (found.get(row_id) for row_id in ids)
        return [
            text if text.isascii() else json.dumps(json.loads(text)) for text in texts if text is not None
        ]

    def facets(
        self,
        wanted: ModelQuery,
        *,
        groups: Collection[str] = FACET_GROUPS,
        folders: int = facet_counts.MOST_VALUES,
    ) -> Facets:
        """Count the matching models by type, base model, tag, folder and state, the most frequent first.

        Args:
            wanted: which models.
            groups: those of `FACET_GROUPS` to count, for each costs time; the others stay empty. Tags cost as much as
                all others.
            folders: so many folders at most; a tree of them needs all.
        """
        with engine.translated(self.path), self._snapshot() as reader:
            return facet_counts.count(reader, wanted, groups, folders)

    def compare(self, ids: Sequence[int]) -> Comparison:
        """Return what these models have in common and where they differ; light columns only."""
        with engine.translated(self.path), self._snapshot() as reader:
            return comparison.compare(reader, ids)

    def details(self, key: str | int, payload_limit: int = PAYLOAD_LIMIT_BYTES) -> ModelDetails | None:
        """Return everything about one model, or None if there is none; one statement reads its payloads.

        Where the file of its preview is gone, the row shows the copy of it that was kept.

        Args:
            key: the sha256, or the row id of a model whose hash isn't known.
            payload_limit: bytes; larger payloads are left out.
        """
        column = "sha256" if isinstance(key, str) else "id"
        with engine.translated(self.path), self._snapshot() as reader:
            values = reader.execute_sql(f"SELECT {LIGHT} FROM models WHERE {column} = ?", (key,)).fetchone()
            if values is None:
                return None
            row = row_of(values)
            attachments = tuple(self._attachments(reader, "?", (row.id,)))
            copies = {found.path: found.copy_path for found in attachments if found.copy_path}
            if row.preview in copies and not os.path.isfile(row.preview):
                row = row._replace(preview=copies[row.preview])
            records = tuple(self._records(reader, row.id, payload_limit))
            return ModelDetails(
                asked=key,
                row=row,
                records=records,
                files=tuple(_files(reader, row.id)),
                header=_header(reader, row.id, records),
                provenance=_origins(reader, row.id),
                attachments=attachments,
                hashes=tuple(_hashes(reader, row)),
                edited=tuple(column for column, _ in _user_values(reader, row.id)),
            )

    def model_state(self, sha256: str) -> str | None:
        """Return a word for what is shown of a model and what the user set of it; None if there is no such model.

        It is another word as soon as any light column or value of the user is another one, in whichever program.
        """
        with engine.translated(self.path), self._snapshot() as reader:
            values = reader.execute_sql(f"SELECT {LIGHT} FROM models WHERE sha256 = ?", (sha256,)).fetchone()
            if values is None:
                return None
            said = [values, _user_values(reader, values[0])]
        text = json.dumps(said, default=bytes.hex)
        return hashlib.sha256(text.encode("ascii")).hexdigest()[:32]

    def records_of(self, model_id: int, payload_limit: int = PAYLOAD_LIMIT_BYTES) -> list[StoredRecord]:
        """Return the active records of a model, the chief record first; payloads above the limit are left out."""
        with engine.translated(self.path):
            return list(self._records(self._question(), model_id, payload_limit))

    @staticmethod
    def _records(
        reader: engine.Database, model_id: int, payload_limit: int = PAYLOAD_LIMIT_BYTES
    ) -> Iterator[StoredRecord]:
        cursor = reader.execute_sql(
            "SELECT id, source, source_path, record_key, payload_sha256, size_bytes, "
            "CASE WHEN size_bytes <= ? THEN meta_json END, extra, imported_at, container_mtime, "
            f"{gone_at('records')} "
            "FROM records WHERE model_id = ? ORDER BY chief DESC, id DESC",
            (payload_limit, model_id),
        )
        return map(stored_record, cursor)

    def payload_bytes(self, sha256: str, record_id: int | None = None) -> int:
        """Return how many bytes the payloads of a model's records have, or that of one of them; reads none."""
        one = "" if record_id is None else " AND id = ?"
        parameters = (sha256,) if record_id is None else (sha256, record_id)
        return int(
            self._value(
                "SELECT coalesce(sum(size_bytes), 0) FROM records "
                f"WHERE model_id = (SELECT id FROM models WHERE sha256 = ?){one}",
                parameters,
            )
        )

    def record_payload(self, record_id: int) -> bytes | None:
        """Return the exact bytes of one active record, whatever its size."""
        with engine.translated(self.path):
            return engine.payload_of(self._question(), "records", record_id)

    @contextlib.contextmanager
    def open_payload(self, record_id: int) -> Iterator[Callable[[int, int], bytes]]:
        """Read a payload in pieces, in one thread: the function takes the first byte and how many, fewer at the end.

        A record that is gone has none.
        """
        with (
            engine.translated(self.path),
            engine.open_payload(self._question().connection(), "records", record_id) as blob,
        ):
            yield partial(piece_of, blob)

    def record_of(self, sha256: str, record_id: int) -> bytes | None:
        """Return the exact bytes of an active record of this model, whatever their size; None if it has no such."""
        found = self._value(
            "SELECT meta_json FROM records WHERE id = ? AND model_id = (SELECT id FROM models WHERE sha256 = ?)",
            (record_id, sha256),
        )
        return None if found is None else bytes(found)

    def find_sha256(self, prefix: str) -> list[str]:
        """Return the hashes that begin with these hex digits, at most 20."""
        low = prefix.lower()
        with engine.translated(self.path):
            return [
                row[0]
                for row in self._question().execute_sql(
                    "SELECT sha256 FROM models WHERE sha256 >= ? AND sha256 < ? ORDER BY sha256 LIMIT 20",
                    (low, low + "g"),
                )
            ]

    def ids_of(self, sha256s: Sequence[str]) -> dict[str, int]:
        """Return the row ids of these hashes, as far as they are known."""
        found: dict[str, int] = {}
        with engine.translated(self.path):
            for start in range(0, len(sha256s), ROWS_A_STATEMENT):
                some = list(sha256s[start : start + ROWS_A_STATEMENT])
                found.update(
                    self._question().execute_sql(
                        f"SELECT sha256, id FROM models WHERE sha256 IN ({', '.join('?' * len(some))})", some
                    )
                )
        return found

    def stats(self) -> dict[str, Any]:
        """Count models, files and bytes, in all and by type, base model and folder."""

        def by(column: str, out: Callable[[Any], str] = str) -> dict[str, dict[str, int]]:
            with engine.translated(self.path):
                # By the column's index each row would be fetched from wherever it lies: three times as long.
                cursor = self._question().execute_sql(
                    f"SELECT {column}, count(*), sum(size_bytes) FROM models NOT INDEXED GROUP BY {column} "
                    "ORDER BY 2 DESC, 1"
                )
                return {
                    "" if value is None else out(value): {"models": number, "bytes": size}
                    for value, number, size in cursor
                }

        return {
            "models": self._value("SELECT count(*) FROM models"),
            "files": self._value("SELECT count(*) FROM files WHERE state = 'present'"),
            "bytes": self._value("SELECT coalesce(sum(size_bytes), 0) FROM models"),
            "by_type": by("type"),
            "by_base_model": by("base_model"),
            "by_folder": by("folder", path_out),
        }

    def duplicates(self) -> list[DuplicateGroup]:
        """Return the models with more than one file present, by computed hash only, the most bytes first."""
        groups: list[DuplicateGroup] = []
        with engine.translated(self.path), self._snapshot() as reader:
            several = reader.execute_sql(
                "SELECT id, sha256, size_bytes FROM models WHERE file_count > 1 AND sha256 IS NOT NULL"
            ).fetchall()
            for model_id, sha256, size_bytes in several:
                files = tuple(
                    file
                    for file in _files(reader, model_id)
                    if file.state == "present"
                    and (file.sha256 == sha256 or (file.member is not None and file.sha256 is not None))
                )
                bodies: dict[str | None, dict[Any, int]] = {}
                for file in files:
                    body = (file.device, file.inode) if file.inode else file.path
                    bodies.setdefault(file.member, {})[body] = file.size_bytes
                if len(files) > len(bodies):
                    reclaimable = sum(
                        sum(some.values()) - next(iter(some.values())) for some in bodies.values()
                    )
                    groups.append(DuplicateGroup(sha256, size_bytes, files, reclaimable))
        groups.sort(key=lambda group: (-group.reclaimable_bytes, group.sha256))
        return groups

    def folders(self) -> list[LibraryFolder]:
        """Return the library folders with the number of files below each, by path."""
        with engine.translated(self.path), self._snapshot() as reader:
            rows = reader.execute_sql(
                "SELECT id, path, added_at, state FROM library_folders ORDER BY path"
            ).fetchall()
            return [
                LibraryFolder(row_id, path_out(path), added_at, state, _file_count(reader, path_out(path)))
                for row_id, path, added_at, state in rows
            ]

    def user_values(self, model_id: int) -> dict[str, Any]:
        """Return what the user set for a model: light column -> value."""
        with engine.translated(self.path):
            return {column: json.loads(value) for column, value in _user_values(self._question(), model_id)}

    def provenance(self, model_id: int) -> dict[str, Origin]:
        """Return where the shown values of a model come from, by light column."""
        with engine.translated(self.path):
            return _origins(self._question(), model_id)

    def _snapshot(self) -> "_Snapshot":
        return _Snapshot(self._question())

    def _value(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        with engine.translated(self.path):
            row = self._question().execute_sql(sql, parameters).fetchone()
        return None if row is None else row[0]


class _Snapshot:
    """Several statements on one state of the catalog; joins a transaction that is open already."""

    def __init__(self, database: engine.Database) -> None:
        self._database = database
        self._own = False

    def __enter__(self) -> engine.Database:
        conn = self._database.connection()
        if not conn.in_transaction:
            conn.execute("BEGIN")
            self._own = True
        return self._database

    def __exit__(self, *_: object) -> None:
        conn = self._database.connection()
        if self._own and conn.in_transaction:
            conn.execute("COMMIT")


def _header(reader: engine.Database, model_id: int, records: Sequence[StoredRecord]) -> dict[str, Any] | None:
    """Return what the header of a model's file says; what its metadata tell is made of their record."""
    row = reader.execute_sql("SELECT header FROM headers WHERE model_id = ?", (model_id,)).fetchone()
    if row is None:
        return None
    header: dict[str, Any] = json.loads(row[0])
    digest = header.pop("embedded", None)
    if digest is not None:
        from modelmgr.told import told_by  # most questions are not about one model

        payload = next(
            (one.payload for one in records if (one.source, one.payload_sha256) == (EMBEDDED, digest)), None
        )
        if payload is None:  # left out above, for it is large
            found = reader.execute_sql(
                "SELECT meta_json FROM records WHERE model_id = ? AND source = ? AND payload_sha256 = ?",
                (model_id, EMBEDDED, digest),
            ).fetchone()
            payload = b"{}" if found is None else bytes(found[0])
        header |= told_by(payload)
    return header


def piece_of(blob: Any, first: int, size: int) -> bytes:
    """Return so many bytes of an open BLOB from the first one on, fewer at its end; none of a row that is gone."""
    if blob is None:
        return b""
    blob.seek(min(first, len(blob)))
    return bytes(blob.read(size))


def gone_at(table: str) -> str:
    """Return SQL for when a record of `table` was found to be gone from its container, null if it is there."""
    return (
        f"(SELECT gone_at FROM gone_records AS g WHERE g.source = {table}.source "
        f"AND g.source_path = {table}.source_path AND g.record_key = {table}.record_key)"
    )


def _file_count(reader: engine.Database, path: str) -> int:
    # One by one: for both at once SQLite notes each file that it has counted, 25 bytes a file.
    return sum(
        int(reader.execute_sql(f"SELECT count(*) FROM files WHERE {condition}", parameters).fetchone()[0])
        for condition, parameters in below_bounds(path)
    )


# What `json.loads` calls in the end; beginning there takes half the time.


def _files(reader: engine.Database, model_id: int) -> Iterator[ModelFile]:
    cursor = reader.execute_sql(
        "SELECT path, size_bytes, mtime_ns, state, sha256, inode, device, link_target, member FROM files "
        "WHERE model_id = ? ORDER BY state <> 'present', id",
        (model_id,),
    )
    for path, size_bytes, mtime_ns, state, sha256, inode, device, link_target, member in cursor:
        yield ModelFile(
            path_out(path),
            size_bytes,
            mtime_ns,
            state,
            sha256,
            inode,
            device,
            None if link_target is None else path_out(link_target),
            member,
        )


def _hashes(reader: engine.Database, row: ModelRow) -> Iterator[tuple[str, str, str]]:
    """Yield kind, digits and trust of every hash that is known of a model, the computed ones first, each once."""
    seen: set[tuple[str, str]] = set()
    found: list[tuple[str, str, str]] = []
    if row.sha256:
        trust = "computed" if row.hash_state == "done" else "claimed"
        found += [("SHA256", row.sha256, trust), ("AutoV2", row.sha256[:10], trust)]
    for text, tensors in reader.execute_sql(
        "SELECT partial_hashes, tensor_sha256 FROM files WHERE model_id = ? ORDER BY state <> 'present', id",
        (row.id,),
    ).fetchall():
        short = json.loads(text) if text else {}
        former = short.pop(FORMER, "").split()
        found += [(kind, digits, "computed") for kind, digits in short.items()]
        if tensors:
            found.append(("tensors", tensors, "computed"))
        found += [("SHA256", digits, "former") for digits in former]
    claims = reader.execute_sql(
        "SELECT kind, hash FROM known_hashes JOIN records ON holder = 'record' AND holder_id = records.id "
        "WHERE model_id = ? AND hash <> ''",
        (row.id,),
    )
    found += [(kind, digits, "claimed") for kind, digits in claims.fetchall()]
    for kind, digits, trust in found:
        if (kind, digits) not in seen:
            seen.add((kind, digits))
            yield kind, digits, trust


def _user_values(reader: engine.Database, model_id: int) -> list[tuple[str, str]]:
    """Return the user's values of a model as JSON, by column."""
    found: list[tuple[str, str]] = reader.execute_sql(
        'SELECT "column", value FROM user_values WHERE model_id = ? ORDER BY "column"', (model_id,)
    ).fetchall()
    return found


def _origins(reader: engine.Database, model_id: int) -> dict[str, Origin]:
    row = reader.execute_sql("SELECT origins FROM origins WHERE model_id = ?", (model_id,)).fetchone()
    if row is None:
        return {}
    return {
        column: Origin(source, rank, record_id)
        for column, (source, rank, record_id) in json.loads(row[0]).items()
    }


def stored_record(row: tuple[Any, ...]) -> StoredRecord:
    """Return a record from its columns, in the order of `StoredRecord`, as the tables hold them."""
    row_id, source, path, key, digest, size, payload, extra, *times = row
    return StoredRecord(
        row_id,
        source,
        path_out(path),
        key_out(key),
        digest,
        size,
        None if payload is None else bytes(payload),
        json.loads(extra) if extra else None,
        *times,
    )
