"""What scans write: files that were met, their hashes, models of several files, folders that did not change.

Written in bulk: a library of a hundred thousand files comes in at some ten thousand a second.
"""

import hashlib
import json
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from modelmgr.catalog import engine
from modelmgr.catalog.file_store import (
    EMBEDDED,
    FileStore,
    KnownFile,
    LightRow,
    light_row,
    printable,
    search_text_of,
    seconds_of,
    tag_rows,
)
from modelmgr.catalog.known_hashes import FORMER, Hash, hashes_of_file, put_hashes
from modelmgr.catalog.library_view import ROWS_A_STATEMENT, below_condition
from modelmgr.catalog.schema import path_in, path_out
from modelmgr.values import Changes, FileState, Hashes, HashState, Origin


@dataclass(frozen=True, slots=True)
class Embedded:
    """The metadata of a file as a record.

    Attributes:
        payload: the bytes as they stand in the file, or JSON that was made of them (`is_made`).
    """

    payload: bytes
    is_made: bool = False


@dataclass(frozen=True, slots=True)
class FoundModel:
    """A file that a scan met, identified by its header, on its way into the catalog.

    Attributes:
        fields, origins: the merged light columns and where each came from.
        header: what the header says, for the details; `facts` is what a later merge needs of it.
        file_id: the row of this path if it is known and now holds other content, else None.
        hashes: of its bytes as they are now, if they were read.
        danger: as in `ModelRow`.
    """

    path: str
    size_bytes: int
    mtime_ns: int
    inode: int
    device: int
    fields: Mapping[str, Any]
    origins: Mapping[str, Origin]
    format: str | None
    header: Mapping[str, Any]
    facts: Mapping[str, Any]
    state: str = FileState.PRESENT
    hash_state: str = HashState.NONE
    file_id: int | None = None
    link_target: str | None = None
    hashes: Hashes | None = None
    embedded: Embedded | None = None
    danger: str | None = None


class Member(NamedTuple):
    """One file of a model of several files; `name` is its path within the model."""

    name: str
    path: str
    size_bytes: int
    mtime_ns: int
    inode: int
    device: int
    link_target: str | None = None


@dataclass(frozen=True, slots=True)
class FoundUnit:
    """A place of a model of several files as a scan met it.

    Attributes:
        path: the folder, or the first part.
        kind: the format of the whole: ``diffusers-folder``, ``sharded-safetensors`` ...
        model: what was read of it, as for a file; its size is the sum, its path that of the unit.
    """

    path: str
    kind: str
    members: tuple[Member, ...]
    model: FoundModel


@dataclass(frozen=True, slots=True)
class HashOutcome:
    """Where a file belongs, now that its hash is known.

    Attributes:
        model_id: the model of that content.
        created: the model is new and wants its header and light columns.
        gone: a provisional row that was merged into `model_id`, if there was one.
        rewritten: the same tensors under a new header: the model goes on, and wants its header read anew.
        moved: a path of the model that was missing is replaced by this one.
    """

    model_id: int
    created: bool
    gone: int | None = None
    rewritten: bool = False
    moved: bool = False


class ScannedFolder(NamedTuple):
    """What is remembered of a folder that was walked through; see `schema.ScannedFolderTable`."""

    id: int
    mtime_ns: int
    digest: str | None


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


class ScanStore(FileStore):
    """Writes about files and their contents. Each method joins the caller's transaction or makes its own."""

    # --- folders ----------------------------------------------------------------------------------------

    def scanned_folders(self, root: str) -> dict[str, ScannedFolder]:
        """Return what is remembered of the folders at and below a folder, by path."""
        condition, parameters = below_condition(root, "path")
        with engine.translated(self.path):
            rows = self._question().execute_sql(
                f"SELECT path, id, mtime_ns, digest FROM scanned_folders WHERE path = ? OR {condition}",
                [path_in(root), *parameters],
            )
            return {
                path_out(path): ScannedFolder(row_id, mtime_ns, digest)
                for path, row_id, mtime_ns, digest in rows
            }

    def put_folders(self, folders: Iterable[tuple[str, int, str | None]]) -> None:
        """Remember folders as they were walked through: path, mtime and digest of the listing.

        A digest holds only if it is written after all files of that listing.
        """
        with self.transaction() as writer:
            writer.connection().executemany(
                "INSERT INTO scanned_folders(path, mtime_ns, digest) VALUES (?, ?, ?) "
                "ON CONFLICT(path) DO UPDATE SET mtime_ns = excluded.mtime_ns, digest = excluded.digest",
                [(path_in(path), mtime_ns, digest) for path, mtime_ns, digest in folders],
            )

    def forget_scanned(self, folder: str) -> None:
        """Have everything at and below a folder looked at anew by the next scan."""
        condition, parameters = below_condition(folder, "path")
        with self.transaction() as writer:
            writer.execute_sql(
                f"UPDATE scanned_folders SET digest = NULL, mtime_ns = 0 WHERE path = ? OR {condition}",
                [path_in(folder), *parameters],
            )

    def files_in(self, scanned_folder: int) -> dict[str, KnownFile]:
        """Return what is remembered of the files that lie directly in a folder, by name."""
        return {
            os.path.basename(file.path): file
            for file in self._files_where("files.scanned_folder = ?", [scanned_folder])
        }

    def file_count_below(self, folder: str) -> int:
        """Return how many files are known below a folder."""
        condition, parameters = below_condition(folder)
        return self._number(f"SELECT count(*) FROM files WHERE {condition}", parameters)

    def units_below(self, folder: str) -> dict[str, int]:
        """Return the places of models of several files at and below a folder: path -> row id."""
        condition, parameters = below_condition(folder, "path")
        with engine.translated(self.path):
            rows = self._question().execute_sql(
                f"SELECT path, id FROM units WHERE path = ? OR {condition}", [path_in(folder), *parameters]
            )
            return {path_out(path): row_id for path, row_id in rows}

    def _folder_ids(self, conn: engine.Connection, paths: Iterable[str]) -> dict[str, int]:
        """Return the rows of the folders of files, made where there are none."""
        folders = {os.path.dirname(path) for path in paths}
        stored = {path_in(folder): folder for folder in folders}
        found: dict[str, int] = {}
        for _ in range(2):
            for some in _some(list(stored)):
                marks = ", ".join("?" * len(some))
                for path, row_id in conn.execute(
                    f"SELECT path, id FROM scanned_folders WHERE path IN ({marks})", some
                ):
                    found[path_out(path)] = row_id
            missing = [path for path, folder in stored.items() if folder not in found]
            if not missing:
                break
            conn.executemany(
                "INSERT INTO scanned_folders(path, mtime_ns) VALUES (?, 0)", [(path,) for path in missing]
            )
        return found

    # --- files that were met ----------------------------------------------------------------------------

    def put_found(self, found: Iterable[FoundModel], rewritten: list[int] | None = None) -> list[int]:
        """Write files that a scan met; each is a row of the library at once.

        A file whose hash is that of a known model, and a further path of a known file (same inode, size and mtime:
        a link), join that model. Known paths with other content get a model of their own, unless only the header was
        written anew; the former model keeps its records and is missing.

        Args:
            found: see above.
            rewritten: told the ids of the models that go on under a new header; their light columns are as before.

        Returns:
            The model ids, in order.
        """
        wanted = list(found)
        if not wanted:
            return []
        with self.transaction(Changes(models=True)) as writer:
            putting = _Putting(self, writer.connection(), wanted)
            ids = [putting.put(model) for model in wanted]
            putting.write()
            self.refresh(putting.stale)
            if rewritten is not None:
                rewritten += putting.rewritten
        return ids

    def put_header(
        self,
        model_id: int,
        format_: str | None,
        header: Mapping[str, Any],
        facts: Mapping[str, Any],
        danger: str | None = None,
    ) -> None:
        """Write what the header of a model's file says."""
        with self.transaction() as writer:
            writer.execute_sql(
                "INSERT INTO headers(model_id, header, facts) VALUES (?, ?, ?) "
                "ON CONFLICT(model_id) DO UPDATE SET header = excluded.header, facts = excluded.facts",
                (model_id, json.dumps(header), json.dumps(facts)),
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
                "sha256 = NULL, partial_hashes = NULL WHERE id = ?",
                (size_bytes, mtime_ns, inode, device, file_id),
            )
            row = writer.execute_sql("SELECT model_id FROM files WHERE id = ?", (file_id,)).fetchone()
            if row:
                self.refresh([row[0]])

    def mark_files(self, states: Mapping[int, str]) -> None:
        """Set the state of files (row id -> state) and refresh their models."""
        with self.transaction(Changes(models=True)) as writer:
            conn = writer.connection()
            models: set[int] = set()
            for some in _some(list(states)):
                marks = ", ".join("?" * len(some))
                models.update(
                    row[0] for row in conn.execute(f"SELECT model_id FROM files WHERE id IN ({marks})", some)
                )
            conn.executemany(
                "UPDATE files SET state = ? WHERE id = ?",
                [(state, file_id) for file_id, state in states.items()],
            )
            self.refresh(models)

    def forget_moved(self, gone: Sequence[KnownFile], since: int) -> list[int]:
        """Forget those missing paths whose file was met at another one since, each for one.

        Args:
            gone: files that are missing now.
            since: the greatest row id of `files` before the scan.

        Returns:
            The models of the paths that were forgotten.
        """
        used: set[int] = set()
        models: list[int] = []
        with self.transaction(Changes(models=True)) as writer:
            conn = writer.connection()
            for file in gone:
                rows = conn.execute(
                    "SELECT id FROM files WHERE model_id = ? AND id > ? AND state = 'present' AND size_bytes = ? "
                    "AND member IS ? AND unit IS NULL",
                    (file.model_id, since, file.size_bytes, file.member),
                ).fetchall()
                place = next((row_id for (row_id,) in rows if row_id not in used), None)
                if place is not None and file.unit is None:
                    used.add(place)
                    conn.execute("DELETE FROM files WHERE id = ? AND state = 'missing'", (file.id,))
                    models.append(file.model_id)
            self.refresh(models)
        return models

    def last_file_id(self) -> int:
        """Return the greatest row id of `files`."""
        return self._number("SELECT coalesce(max(id), 0) FROM files")

    def missing_of_size(self, size_bytes: int) -> list[KnownFile]:
        """Return the missing files of a size whose windows of bytes are known, for comparison."""
        return list(
            self._files_where(
                "files.state = 'missing' AND files.size_bytes = ? AND files.quick IS NOT NULL "
                "AND files.unit IS NULL AND models.sha256 IS NOT NULL",
                [size_bytes],
            )
        )

    def sizes_missing(self) -> set[int]:
        """Return the sizes of the files that are missing."""
        with engine.translated(self.path):
            return {
                row[0]
                for row in self._question().execute_sql(
                    "SELECT DISTINCT size_bytes FROM files WHERE state = 'missing' AND quick IS NOT NULL"
                )
            }

    def new_without_hash(self, since: int, sizes: Iterable[int]) -> list[KnownFile]:
        """Return the present files that came after row id `since`, have one of these sizes and no hash yet."""
        found: list[KnownFile] = []
        for some in _some(list(sizes)):
            marks = ", ".join("?" * len(some))
            found += self._files_where(
                f"files.id > ? AND files.sha256 IS NULL AND files.unit IS NULL AND files.state = 'present' "
                f"AND files.size_bytes IN ({marks})",
                [since, *some],
            )
        return found

    def adopt(self, file_id: int, model_id: int) -> None:
        """Let a new file stand for a missing one of equal size and equal windows until its hash is known."""
        with self.transaction(Changes(models=True)) as writer:
            conn = writer.connection()
            row = conn.execute("SELECT model_id FROM files WHERE id = ?", (file_id,)).fetchone()
            if row is None or row[0] == model_id:
                return
            conn.execute("UPDATE files SET model_id = ? WHERE id = ?", (model_id, file_id))
            self._clear_out(conn, row[0], model_id)
            conn.execute("UPDATE models SET hash_state = 'hashing' WHERE id = ?", (model_id,))
            self.refresh([row[0], model_id])

    def expect_tensors(self, file_id: int, lost: Sequence[KnownFile]) -> None:
        """Let a file stand for lost ones whose tensors it has: its hash then counts as that of a rewritten header."""
        with self.transaction() as writer:
            for file in lost:
                if file.tensor_quick is not None:
                    writer.execute_sql(
                        "UPDATE files SET tensor_quick = ?, tensor_sha256 = NULL WHERE id = ?",
                        (file.tensor_quick, file_id),
                    )

    def move_files(self, moves: Iterable[tuple[KnownFile, str, tuple[int, int, int, int] | None]]) -> None:
        """Let files be at other paths: file, new path, and size, mtime_ns, inode and device there (None: not there).

        What may hold other bytes now is to be hashed again. A path that is known already keeps what is known of it.
        """
        moves = list(moves)
        with self.transaction(Changes(models=True)) as writer:
            conn = writer.connection()
            folders = self._folder_ids(conn, [path for _, path, _ in moves])
            for file, path, facts in moves:
                if conn.execute("SELECT 1 FROM files WHERE path = ?", (path_in(path),)).fetchone():
                    conn.execute("UPDATE files SET state = 'missing' WHERE id = ?", (file.id,))
                    continue
                conn.execute(
                    "UPDATE files SET path = ?, scanned_folder = ?, state = ? WHERE id = ?",
                    (
                        path_in(path),
                        folders[os.path.dirname(path)],
                        FileState.PRESENT if facts is not None else FileState.MISSING,
                        file.id,
                    ),
                )
                same_body = (file.size_bytes, file.mtime_ns, file.inode)
                if facts is not None and facts[0] == file.size_bytes and facts[:3] != same_body:
                    conn.execute(
                        "UPDATE files SET mtime_ns = ?, inode = ?, device = ?, sha256 = NULL, partial_hashes = NULL "
                        "WHERE id = ?",
                        (*facts[1:], file.id),
                    )
                    conn.execute("UPDATE models SET hash_state = 'hashing' WHERE id = ?", (file.model_id,))

    def move_folder(self, old: str, new: str, device: int) -> None:
        """Let a library folder be another; its files and units have been moved."""
        condition, parameters = below_condition(old, "path")
        with self.transaction(Changes(models=True, folders=True)) as writer:
            writer.execute_sql(
                f"DELETE FROM scanned_folders WHERE (path = ? OR {condition}) "
                "AND NOT EXISTS (SELECT 1 FROM files WHERE scanned_folder = scanned_folders.id)",
                [path_in(old), *parameters],
            )
            is_known = writer.execute_sql(
                "SELECT 1 FROM library_folders WHERE path = ?", (path_in(new),)
            ).fetchone()
            if is_known:
                writer.execute_sql("DELETE FROM library_folders WHERE path = ?", (path_in(old),))
            else:
                writer.execute_sql(
                    "UPDATE library_folders SET path = ?, state = 'present', device = ? WHERE path = ?",
                    (path_in(new), device, path_in(old)),
                )

    def move_units(self, old: str, new: str) -> None:
        """Let the models of several files below a folder be below another one; a place that is known stays as it is."""
        with self.transaction() as writer:
            for path, row_id in self.units_below(old).items():
                writer.execute_sql(
                    "UPDATE OR IGNORE units SET path = ? WHERE id = ?",
                    (path_in(new + path[len(old) :]), row_id),
                )

    # --- hashes -----------------------------------------------------------------------------------------

    def set_hash_state(self, model_ids: Sequence[int], state: str) -> None:
        """Note that hashing of these models is under way, or failed."""
        with self.transaction(Changes(models=True, ids=frozenset(model_ids))) as writer:
            writer.connection().executemany(
                "UPDATE models SET hash_state = ? WHERE id = ? AND hash_state <> ?",
                [(state, model_id, state) for model_id in dict.fromkeys(model_ids)],
            )

    def put_hash(self, file_id: int, size_bytes: int, mtime_ns: int, hashes: Hashes) -> HashOutcome | None:
        """Write the computed hashes of a file, and let it join the model of that content.

        Returns:
            None if the file changed or went since it was read; then the hashes count for nothing.
        """
        with self.transaction() as writer:
            conn = writer.connection()
            row = conn.execute(
                "SELECT model_id, models.sha256, inode, device, unit, tensor_quick, tensor_sha256 FROM files "
                "JOIN models ON models.id = model_id WHERE files.id = ? AND files.size_bytes = ? AND mtime_ns = ?",
                (file_id, size_bytes, mtime_ns),
            ).fetchone()
            if row is None:
                return None
            model_id, former, inode, device, unit, tensor_quick, tensor_sha256 = row
            links = self._bodies(conn, file_id, model_id, inode, device, size_bytes, mtime_ns)
            same_tensors = _same_tensors(hashes, tensor_quick, tensor_sha256)
            self._write_hashes(conn, links, hashes)
            if unit is not None:
                outcome = self._settle_unit(conn, unit) or HashOutcome(model_id, created=False)
            else:
                outcome = self._place(conn, model_id, former, links, hashes.sha256, same_tensors)
            self.refresh(dict.fromkeys((model_id, outcome.model_id)))
            self._pending_news.append(Changes(models=True, ids=frozenset((model_id, outcome.model_id))))
        return outcome

    @staticmethod
    def _bodies(
        conn: engine.Connection,
        file_id: int,
        model_id: int,
        inode: int,
        device: int,
        size_bytes: int,
        mtime_ns: int,
    ) -> list[int]:
        """Return the file and its links: every path of one inode has the same bytes."""
        if not inode:
            return [file_id]
        others = conn.execute(
            "SELECT id FROM files WHERE inode = ? AND device = ? AND size_bytes = ? AND mtime_ns = ? "
            "AND model_id = ? AND id <> ? AND state = 'present'",
            (inode, device, size_bytes, mtime_ns, model_id, file_id),
        )
        return [file_id, *(other for (other,) in others)]

    @staticmethod
    def _write_hashes(conn: engine.Connection, links: Sequence[int], hashes: Hashes) -> None:
        short = hashes.short
        facts = (hashes.sha256, hashes.quick, hashes.tensor_quick, hashes.tensor_sha256)
        conn.executemany(
            "UPDATE files SET sha256 = ?, quick = ?, tensor_quick = ?, tensor_sha256 = ? WHERE id = ?",
            [(*facts, row_id) for row_id in links],
        )
        if short:
            conn.executemany(
                "UPDATE files SET partial_hashes = json_patch(coalesce(partial_hashes, '{}'), ?) WHERE id = ?",
                [(json.dumps(short), row_id) for row_id in links],
            )
            put_hashes(conn, [hash_ for row_id in links for hash_ in hashes_of_file(row_id, short)])

    def _place(
        self,
        conn: engine.Connection,
        model_id: int,
        former: str | None,
        links: Sequence[int],
        sha256: str,
        same_tensors: bool,
    ) -> HashOutcome:
        """Let the paths of a file that is no part of another join the model of its hash."""
        home = conn.execute("SELECT id FROM models WHERE sha256 = ?", (sha256,)).fetchone()
        if former == sha256:
            outcome = HashOutcome(model_id, created=False)
        elif former is None and home is None:
            conn.execute("UPDATE models SET sha256 = ? WHERE id = ?", (sha256, model_id))
            outcome = HashOutcome(model_id, created=False)
        elif former is None:
            self._merge_into(conn, model_id, home[0])
            outcome = HashOutcome(home[0], created=False, gone=model_id)
        elif same_tensors and home is None and self._is_alone(conn, model_id, links[0]):
            assert former is not None
            self._rewrite(conn, model_id, links, former, sha256)
            moved = self._forget_replaced(conn, model_id, links)
            return HashOutcome(model_id, created=False, rewritten=True, moved=moved)
        else:
            goal = home[0] if home is not None else self._split(conn, model_id, sha256)
            marks = ", ".join("?" * len(links))
            conn.execute(f"UPDATE files SET model_id = ? WHERE id IN ({marks})", (goal, *links))
            outcome = HashOutcome(goal, created=home is None)
        return HashOutcome(
            outcome.model_id,
            outcome.created,
            outcome.gone,
            moved=self._forget_replaced(conn, outcome.model_id, links),
        )

    @staticmethod
    def _is_alone(conn: engine.Connection, model_id: int, file_id: int) -> bool:
        """Tell whether a model has no other file, links to this one aside, that may still hold its former bytes."""
        other = conn.execute(
            "SELECT 1 FROM files AS f, files AS this WHERE this.id = ? AND f.model_id = ? AND f.id <> this.id "
            "AND f.state <> 'missing' AND NOT (f.inode <> 0 AND f.inode = this.inode AND f.device = this.device)",
            (file_id, model_id),
        ).fetchone()
        return other is None

    @staticmethod
    def _rewrite(
        conn: engine.Connection, model_id: int, links: Sequence[int], former: str, sha256: str
    ) -> None:
        conn.execute("UPDATE models SET sha256 = ? WHERE id = ?", (sha256, model_id))
        for row_id in links:
            (text,) = conn.execute("SELECT partial_hashes FROM files WHERE id = ?", (row_id,)).fetchone()
            hashes = json.loads(text) if text else {}
            hashes[FORMER] = " ".join(dict.fromkeys([*hashes.get(FORMER, "").split(), former]))
            conn.execute("UPDATE files SET partial_hashes = ? WHERE id = ?", (json.dumps(hashes), row_id))
            put_hashes(conn, hashes_of_file(row_id, {FORMER: hashes[FORMER]}))

    @staticmethod
    def _forget_replaced(conn: engine.Connection, model_id: int, links: Sequence[int]) -> bool:
        """Forget one missing path of a model that is older than the file that has just joined it."""
        row = conn.execute(
            "SELECT id FROM files WHERE model_id = ? AND state = 'missing' AND unit IS NULL AND id < ? "
            "ORDER BY id LIMIT 1",
            (model_id, min(links)),
        ).fetchone()
        if row is not None:
            conn.execute("DELETE FROM files WHERE id = ?", row)
        return row is not None

    def _merge_into(self, conn: engine.Connection, provisional: int, home: int) -> None:
        """Let a model whose content turned out to be that of another become a part of it."""
        conn.execute("UPDATE files SET model_id = ? WHERE model_id = ?", (home, provisional))
        conn.execute("UPDATE units SET model_id = ? WHERE model_id = ?", (home, provisional))
        conn.execute(
            "DELETE FROM records WHERE model_id = ? AND source = ? AND EXISTS (SELECT 1 FROM records AS r "
            "WHERE r.model_id = ? AND r.source = records.source AND r.payload_sha256 = records.payload_sha256)",
            (provisional, EMBEDDED, home),
        )
        for table in ("user_values", "records", "attachments"):
            conn.execute(f"UPDATE OR IGNORE {table} SET model_id = ? WHERE model_id = ?", (home, provisional))
        # What the home has already, to the byte, needs no second copy.
        conn.execute("DELETE FROM records WHERE model_id = ?", (provisional,))
        has_header = conn.execute("SELECT 1 FROM headers WHERE model_id = ?", (home,)).fetchone()
        if has_header is None:
            conn.execute("UPDATE headers SET model_id = ? WHERE model_id = ?", (home, provisional))
            conn.execute(
                "UPDATE models SET (format, danger) = (SELECT format, danger FROM models WHERE id = ?) WHERE id = ?",
                (provisional, home),
            )
        conn.execute("DELETE FROM models WHERE id = ?", (provisional,))

    def _clear_out(self, conn: engine.Connection, model_id: int, heir: int) -> None:
        """Let a model that has lost its last file to another, and was nothing but that file, go into it."""
        left = conn.execute("SELECT 1 FROM files WHERE model_id = ? LIMIT 1", (model_id,)).fetchone()
        if left is None:
            self._merge_into(conn, model_id, heir)

    @staticmethod
    def _split(conn: engine.Connection, model_id: int, sha256: str) -> int:
        cursor = conn.execute(
            "INSERT INTO models(sha256, name, type, size_bytes, tags, favorite, trigger_words, added_at, hash_state, "
            "file_state, search_text, file_count) SELECT ?, name, 'unknown', size_bytes, '[]', 0, '[]', ?, 'done', "
            "'present', '', 1 FROM models WHERE id = ?",
            (sha256, int(time.time()), model_id),
        )
        return int(cursor.lastrowid)

    def put_partial_hashes(self, path: str, hashes: Mapping[str, str]) -> None:
        """Keep the short hashes that were computed of a file as it is now (kind -> hex)."""
        with self.transaction() as writer:
            row = writer.execute_sql(
                "SELECT id, partial_hashes FROM files WHERE path = ?", (path_in(path),)
            ).fetchone()
            if row is not None:
                merged = (json.loads(row[1]) if row[1] else {}) | dict(hashes)
                writer.execute_sql(
                    "UPDATE files SET partial_hashes = ? WHERE id = ?", (json.dumps(merged), row[0])
                )
                put_hashes(writer.connection(), hashes_of_file(row[0], merged))

    def put_former_hash(self, path: str, sha256: str) -> None:
        """Remember a full hash that a file had before its header was rewritten; it is forgotten with the short ones."""
        known = self.known_file(path)
        former = self.former_hashes(known.model_id) if known is not None else frozenset()
        self.put_partial_hashes(path, {FORMER: " ".join(sorted(former | {sha256}))})

    # --- models of several files ------------------------------------------------------------------------

    def put_unit(self, found: FoundUnit) -> tuple[int, list[int]]:
        """Write a place of a model of several files with its members.

        A member that was a model of its own becomes a part of this one, with all that was said of it.

        Returns:
            The model's id, and the models that went into it.
        """
        with self.transaction(Changes(models=True)) as writer:
            conn = writer.connection()
            now = int(time.time())
            row = conn.execute(
                "SELECT id, model_id FROM units WHERE path = ?", (path_in(found.path),)
            ).fetchone()
            if row is None:
                putting = _Putting(self, conn, [])
                model_id = putting.new_model(found.model)
                putting.write()
                cursor = conn.execute(
                    "INSERT INTO units(model_id, path, kind) VALUES (?, ?, ?)",
                    (model_id, path_in(found.path), found.kind),
                )
                unit_id = int(cursor.lastrowid)
            else:
                unit_id, model_id = row
                conn.execute("UPDATE units SET kind = ? WHERE id = ?", (found.kind, unit_id))
            absorbed = self._put_members(conn, unit_id, model_id, found.members, now)
            outcome = self._settle_unit(conn, unit_id)
            if outcome is not None:
                model_id = outcome.model_id
            self.refresh([model_id, *absorbed])
            if row is not None or outcome is not None:
                model = found.model
                self.put_header(model_id, model.format, model.header, model.facts, model.danger)
                self.put_embedded(model_id, found.path, model.mtime_ns, model.embedded)
        return model_id, absorbed

    def _put_members(
        self, conn: engine.Connection, unit_id: int, model_id: int, members: Sequence[Member], now: int
    ) -> list[int]:
        folders = self._folder_ids(conn, [member.path for member in members])
        left: set[int] = set()
        for member in members:
            facts = (member.size_bytes, member.mtime_ns, member.inode, member.device)
            link_target = None if member.link_target is None else path_in(member.link_target)
            row = conn.execute(
                "SELECT id, model_id, size_bytes, mtime_ns FROM files WHERE path = ?", (path_in(member.path),)
            ).fetchone()
            if row is None:
                conn.execute(
                    "INSERT INTO files(model_id, path, size_bytes, mtime_ns, inode, device, state, seen_at, "
                    "scanned_folder, unit, member, link_target) VALUES (?, ?, ?, ?, ?, ?, 'present', ?, ?, ?, ?, ?)",
                    (model_id, path_in(member.path), *facts, now, folders[os.path.dirname(member.path)],
                     unit_id, member.name, link_target),
                )  # fmt: skip
            else:
                conn.execute(
                    "UPDATE files SET model_id = ?, size_bytes = ?, mtime_ns = ?, inode = ?, device = ?, "
                    "state = 'present', unit = ?, member = ?, link_target = ?, "
                    "sha256 = CASE WHEN ? THEN sha256 END WHERE id = ?",
                    (model_id, *facts, unit_id, member.name, link_target, row[2:] == facts[:2], row[0]),
                )
                left.add(row[1])
            # Another path to the same bytes (a blob behind a link) belongs where they belong.
            twins = conn.execute(
                "SELECT id, model_id, sha256 FROM files WHERE inode = ? AND device = ? AND size_bytes = ? "
                "AND mtime_ns = ? AND inode <> 0 AND unit IS NULL",
                (member.inode, member.device, member.size_bytes, member.mtime_ns),
            ).fetchall()
            for twin, its_model, sha256 in twins:
                conn.execute(
                    "UPDATE files SET model_id = ?, unit = ?, member = ? WHERE id = ?",
                    (model_id, unit_id, member.name, twin),
                )
                conn.execute(
                    "UPDATE files SET sha256 = coalesce(sha256, ?) WHERE path = ?",
                    (sha256, path_in(member.path)),
                )
                left.add(its_model)
        left.discard(model_id)
        gone = [
            other
            for other in left
            if conn.execute("SELECT 1 FROM files WHERE model_id = ? LIMIT 1", (other,)).fetchone() is None
        ]
        for other in gone:
            self._merge_into(conn, other, model_id)
        self.refresh(left - set(gone))
        return gone

    def _settle_unit(self, conn: engine.Connection, unit_id: int) -> HashOutcome | None:
        """Give a unit its key and let it join the model of that key, if the hashes of all members are known."""
        model_id, former = conn.execute(
            "SELECT model_id, models.sha256 FROM units JOIN models ON models.id = model_id WHERE units.id = ?",
            (unit_id,),
        ).fetchone()
        members = dict(
            conn.execute(
                "SELECT member, max(CASE WHEN state = 'present' THEN coalesce(sha256, '') ELSE '' END) FROM files "
                "WHERE unit = ? GROUP BY member",
                (unit_id,),
            ).fetchall()
        )
        if not members or not all(members.values()):
            return None
        sha256 = composite_sha256(members)
        conn.execute("UPDATE units SET sha256 = ? WHERE id = ?", (sha256, unit_id))
        home = conn.execute("SELECT id FROM models WHERE sha256 = ?", (sha256,)).fetchone()
        if former == sha256:
            return HashOutcome(model_id, created=False)
        others = conn.execute(
            "SELECT 1 FROM units WHERE model_id = ? AND id <> ?", (model_id, unit_id)
        ).fetchone()
        if former is None and home is None:
            conn.execute("UPDATE models SET sha256 = ? WHERE id = ?", (sha256, model_id))
            return HashOutcome(model_id, created=False)
        if former is None and others is None:
            self._merge_into(conn, model_id, home[0])
            return HashOutcome(home[0], created=False, gone=model_id)
        goal = home[0] if home is not None else self._split(conn, model_id, sha256)
        conn.execute("UPDATE files SET model_id = ? WHERE unit = ?", (goal, unit_id))
        conn.execute("UPDATE units SET model_id = ? WHERE id = ?", (goal, unit_id))
        self.refresh([model_id])
        return HashOutcome(goal, created=home is None)

    def release_members(self, file_ids: Sequence[int]) -> None:
        """Take files out of the unit they were in; each waits to be identified on its own.

        A unit that has no member left goes; its model stays if anybody has said something of it.
        """
        with self.transaction(Changes(models=True)) as writer:
            conn = writer.connection()
            for some in _some(file_ids):
                marks = ", ".join("?" * len(some))
                units = conn.execute(
                    f"SELECT DISTINCT unit FROM files WHERE id IN ({marks})", some
                ).fetchall()
                conn.execute(f"UPDATE files SET unit = NULL, member = NULL WHERE id IN ({marks})", some)
                conn.executemany(
                    "DELETE FROM units WHERE id = ? AND NOT EXISTS (SELECT 1 FROM files WHERE unit = units.id)",
                    units,
                )

    def _number(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        with engine.translated(self.path):
            return int(self._question().execute_sql(sql, parameters).fetchone()[0])


class _Putting:
    """One batch of files on its way into the catalog."""

    def __init__(self, store: ScanStore, conn: engine.Connection, found: Sequence[FoundModel]) -> None:
        self.stale: set[int] = set()
        self.rewritten: list[int] = []
        self._store = store
        self._conn = conn
        self._now = int(time.time())
        self._rows = _Rows()
        self._next_model = _next_id(conn, "models")
        self._next_file = _next_id(conn, "files")
        self._folders = store._folder_ids(conn, [model.path for model in found]) if found else {}
        self._known: dict[str, tuple[int, int]] = {}
        for some in _some([path_in(model.path) for model in found]):
            marks = ", ".join("?" * len(some))
            for path, *row in conn.execute(
                f"SELECT path, id, model_id FROM files WHERE path IN ({marks})", some
            ):
                self._known[path_out(path)] = (row[0], row[1])
        self._homes: dict[str, int] = {}
        for some in _some([model.hashes.sha256 for model in found if model.hashes is not None]):
            marks = ", ".join("?" * len(some))
            self._homes.update(conn.execute(f"SELECT sha256, id FROM models WHERE sha256 IN ({marks})", some))
        self._bodies: dict[tuple[int, int, int, int], tuple[Any, ...]] = {}
        for some in _some([model.inode for model in found if model.inode]):
            marks = ", ".join("?" * len(some))
            for inode, device, size_bytes, mtime_ns, *rest in conn.execute(
                "SELECT inode, device, size_bytes, mtime_ns, path, model_id, sha256, unit, member FROM files "
                f"WHERE inode IN ({marks}) AND state = 'present' ORDER BY sha256 IS NULL DESC",
                some,
            ):
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
        if twin is not None and twin[0] == model.path:
            twin = None
        sha256 = model.hashes.sha256 if model.hashes is not None else None
        unit = member = None
        if twin is not None:
            _, model_id, sha256, unit, member = twin
            self.stale.add(model_id)
        elif sha256 is not None and sha256 in self._homes:
            model_id = self._homes[sha256]
            self.stale.add(model_id)
        else:
            model_id = self.new_model(model)
            if sha256 is not None:
                self._homes[sha256] = model_id
        if model.inode and twin is None and model.state == FileState.PRESENT:
            self._bodies[body] = (model.path, model_id, sha256, None, None)
        self._put_file(model, known, model_id, sha256, unit, member)
        return model_id

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
        self._rows.headers.append((model_id, json.dumps(model.header), json.dumps(model.facts)))
        self._rows.origins.append((model_id, _origins_json(model.origins)))
        self._rows.tags += tag_rows(model_id, light)
        if model.embedded is not None:
            self._rows.records.append(_record_row(model_id, model.path, model.mtime_ns, model.embedded))
        return model_id

    def _put_file(
        self,
        model: FoundModel,
        known: tuple[int, int] | None,
        model_id: int,
        sha256: str | None,
        unit: int | None,
        member: str | None,
    ) -> None:
        hashes = model.hashes
        short = hashes.short if hashes is not None else {}
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
            hashes and hashes.quick,
            hashes and hashes.tensor_quick,
            hashes and hashes.tensor_sha256,
        )
        if known is None:
            self._next_file += 1
            self._rows.files.append((row_id, *facts))
        else:
            self.write()  # the row may point to a model that is new
            columns = _FILE_COLUMNS.removeprefix("id, ")
            self._conn.execute(
                f"UPDATE files SET ({columns}) = ({', '.join('?' * len(facts))}) WHERE id = ?",
                (*facts, row_id),
            )
            self.stale |= {known[1], model_id}
        for kind, digits in short.items():
            self._rows.hashes.append(("file", row_id, kind, digits))

    def _rewritten(self, model: FoundModel, known: tuple[int, int]) -> int | None:
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
        if not is_same and (
            model.hashes.sha256 in self._homes or not _same_tensors(model.hashes, row[0], row[1])
        ):
            return None
        self.write()
        self._conn.execute(
            "UPDATE files SET size_bytes = ?, mtime_ns = ?, inode = ?, device = ?, state = ?, partial_hashes = NULL "
            "WHERE id = ?",
            (model.size_bytes, model.mtime_ns, model.inode, model.device, model.state, known[0]),
        )
        if not is_same and not self._store._is_alone(self._conn, known[1], known[0]):
            return None
        outcome = self._store.put_hash(known[0], model.size_bytes, model.mtime_ns, model.hashes)
        assert outcome is not None
        if outcome.rewritten:
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
            conn.executemany(
                f"INSERT INTO models({_MODEL_COLUMNS}) VALUES ({_marks(_MODEL_COLUMNS)})", rows.models
            )
            conn.executemany("INSERT INTO headers(model_id, header, facts) VALUES (?, ?, ?)", rows.headers)
            conn.executemany("INSERT INTO origins(model_id, origins) VALUES (?, ?)", rows.origins)
            conn.executemany(
                "INSERT OR IGNORE INTO model_tags(model_id, key, tag) VALUES (?, ?, ?)", rows.tags
            )
            _insert_records(conn, rows.records)
        if rows.files:
            conn.executemany(
                f"INSERT INTO files({_FILE_COLUMNS}) VALUES ({_marks(_FILE_COLUMNS)})", rows.files
            )
        put_hashes(conn, rows.hashes)


def composite_sha256(members: Mapping[str, str]) -> str:
    r"""Return the key of a model of several files: SHA-256 of the lines ``<sha256>  <relative path>\n`` by path."""
    lines = (f"{sha256}  {name}\n" for name, sha256 in sorted(members.items()))
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def _same_tensors(hashes: Hashes, tensor_quick: str | None, tensor_sha256: str | None) -> bool:
    """Tell whether a file's tensors are those that it had, by their hash where both are known, else by windows."""
    if hashes.tensor_sha256 is not None and tensor_sha256 is not None:
        return hashes.tensor_sha256 == tensor_sha256
    return hashes.tensor_quick is not None and hashes.tensor_quick == tensor_quick


def _origins_json(origins: Mapping[str, Origin]) -> str:
    return json.dumps(
        {column: [origin.source, origin.rank, origin.record_id] for column, origin in origins.items()}
    )


def _record_row(model_id: int, path: str, mtime_ns: int, embedded: Embedded) -> tuple[Any, ...]:
    payload = embedded.payload
    return (
        model_id,
        EMBEDDED,
        path_in(path),
        "",
        hashlib.sha256(payload).hexdigest(),
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
    conn.executemany(
        "INSERT OR IGNORE INTO records(model_id, source, source_path, record_key, payload_sha256, extra_sha256, "
        "size_bytes, imported_at, container_mtime, binding, chief, extra, meta_json) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        rows,
    )


def _next_id(conn: engine.Connection, table: str) -> int:
    return int(conn.execute(f"SELECT coalesce(max(id), 0) + 1 FROM {table}").fetchone()[0])


def _marks(columns: str) -> str:
    return ", ".join("?" * (columns.count(",") + 1))


def _some(items: Sequence[Any]) -> Iterable[list[Any]]:
    for start in range(0, len(items), ROWS_A_STATEMENT):
        yield list(items[start : start + ROWS_A_STATEMENT])
