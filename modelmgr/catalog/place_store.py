"""Where files are: the folders that were walked through, what moved, and what the user says of places."""

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from modelmgr.catalog import engine
from modelmgr.catalog.file_store import (
    KnownFile,
    in_pieces,
)
from modelmgr.catalog.found import ScannedFolder
from modelmgr.catalog.identity_store import IdentityStore
from modelmgr.catalog.known_hashes import FORMER_ALONE, forget_short, hand_down
from modelmgr.catalog.schema import below_condition, path_in, path_out
from modelmgr.values import Changes, FileState


class PlaceStore(IdentityStore):
    """Questions and writes about folders and paths. Each write joins the caller's transaction or makes its own."""

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
            for some in in_pieces(list(stored)):
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

    # --- moves ---

    def missing_below(self, folder: str) -> list[KnownFile]:
        """Return the files below a folder that are missing."""
        condition, parameters = below_condition(folder)
        return list(self._files_where(f"files.state = 'missing' AND {condition}", parameters))

    def files_with_ids(self, file_ids: Sequence[int]) -> list[KnownFile]:
        """Return what is remembered now of those of some files that are still known."""
        found: list[KnownFile] = []
        for some in in_pieces(file_ids):
            found += self._files_where(f"files.id IN ({', '.join('?' * len(some))})", some)
        return found

    def count_below(self, folder: str) -> int:
        """Return how many files are known below a folder."""
        condition, parameters = below_condition(folder)
        return self._number(f"SELECT count(*) FROM files WHERE {condition}", parameters)

    def not_offline_below(self, folder: str, after: int, limit: int) -> list[int]:
        """Return the row ids of files below a folder that are not offline, from the one after `after` on."""
        condition, parameters = below_condition(folder)
        with engine.translated(self.path):
            rows = self._question().execute_sql(
                f"SELECT id FROM files NOT INDEXED WHERE id > ? AND state <> 'offline' AND {condition} "
                "ORDER BY id LIMIT ?",
                [after, *parameters, limit],
            )
            return [row[0] for row in rows]

    def forget_moved(
        self, gone: Sequence[KnownFile], since: int, taken: Counter[tuple[int, int]]
    ) -> list[KnownFile]:
        """Forget those missing paths whose file was met at another one since, each for one.

        Args:
            gone: files that are missing now.
            since: the greatest row id of `files` before the scan.
            taken: how many new places of a model and size stand for others already; those of this call are added.

        Returns:
            What was forgotten.
        """
        new_places: dict[tuple[int, int], int] = {}
        single = [file for file in gone if file.unit is None]
        with engine.translated(self.path):
            for some in in_pieces(list(dict.fromkeys(file.model_id for file in single))):
                rows = self._question().execute_sql(
                    "SELECT model_id, size_bytes, count(*) FROM files WHERE id > ? AND state = 'present' "
                    f"AND unit IS NULL AND model_id IN ({', '.join('?' * len(some))}) GROUP BY 1, 2",
                    [since, *some],
                )
                new_places.update(
                    ((model_id, size), count - taken[model_id, size]) for model_id, size, count in rows
                )
        replaced: list[KnownFile] = []
        for file in single:
            place = file.model_id, file.size_bytes
            if new_places.get(place, 0) > 0:
                new_places[place] -= 1
                taken[place] += 1
                replaced.append(file)
        for some_files in in_pieces(replaced):
            with self.transaction(Changes(models=True)) as writer:
                conn = writer.connection()
                for file in some_files:
                    heir = conn.execute(
                        "SELECT id FROM files WHERE model_id = ? AND state = 'present' "
                        "ORDER BY sha256 IS ? DESC, id DESC LIMIT 1",
                        (file.model_id, file.sha256),
                    ).fetchone()
                    if heir is not None:
                        hand_down(conn, file.id, heir[0])
                conn.executemany(
                    "DELETE FROM files WHERE id = ? AND state = 'missing'",
                    [(file.id,) for file in some_files],
                )
                self.refresh(file.model_id for file in some_files)
        return replaced

    def follow_bodies(self, since: int, taken: Counter[tuple[int, int]]) -> dict[int, int]:
        """Let files that were met stand for missing ones of the same inode, size and time, where no hash can tell.

        Args:
            since: the greatest row id of `files` before they were met.
            taken: see `forget_moved`; the new places of this call are added.

        Returns:
            Row ids of the missing files, which are forgotten, with the models that have a file again.
        """
        with engine.translated(self.path):
            rows = (
                self._question()
                .execute_sql(
                    "SELECT new.id, new.model_id, new_model.hash_state, lost.id, lost.model_id, lost.size_bytes, "
                    "lost.sha256, new.sha256 IS NULL AND new_model.sha256 IS NULL "
                    "FROM files AS new CROSS JOIN files AS lost "
                    "ON lost.inode = new.inode AND lost.device = new.device AND lost.size_bytes = new.size_bytes "
                    "JOIN models AS new_model ON new_model.id = new.model_id "
                    "JOIN models AS lost_model ON lost_model.id = lost.model_id "
                    "WHERE new.id > ? AND new.inode <> 0 AND new.state = 'present' AND new.unit IS NULL "
                    "AND lost.mtime_ns = new.mtime_ns AND lost.state = 'missing' AND lost.unit IS NULL "
                    "AND lost.model_id <> new.model_id AND (new.sha256 IS NULL AND new_model.sha256 IS NULL "
                    "OR lost.sha256 IS NULL AND lost_model.sha256 IS NULL) ORDER BY lost.sha256 IS NULL, lost.id",
                    [since],
                )
                .fetchall()
            )
        followed: dict[int, int] = {}
        if not rows:
            return followed
        joined: set[int] = set()
        with self.transaction(Changes(models=True)) as writer:
            conn = writer.connection()
            for new, new_model, hash_state, lost, lost_model, size_bytes, sha256, is_new_open in rows:
                if joined & {new_model, lost_model}:
                    continue
                joined |= {new_model, lost_model}
                home, other = (lost_model, new_model) if is_new_open else (new_model, lost_model)
                if is_new_open and sha256 is not None:
                    conn.execute(
                        "UPDATE files SET (sha256, quick, tensor_quick, tensor_sha256) = (SELECT sha256, quick, "
                        "tensor_quick, tensor_sha256 FROM files WHERE id = ?) WHERE model_id = ?",
                        (lost, new_model),
                    )
                elif is_new_open:
                    conn.execute("UPDATE models SET hash_state = ? WHERE id = ?", (hash_state, home))
                self._merge_into(conn, other, home)
                hand_down(conn, lost, new)
                conn.execute("DELETE FROM files WHERE id = ?", (lost,))
                taken[home, size_bytes] += 1
                followed[lost] = home
            self.refresh(followed.values())
        return followed

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
        for some in in_pieces(list(sizes)):
            marks = ", ".join("?" * len(some))
            found += self._files_where(
                f"files.id > ? AND files.sha256 IS NULL AND files.unit IS NULL AND files.state = 'present' "
                f"AND files.size_bytes IN ({marks})",
                [since, *some],
            )
        return found

    def adopt(self, file_id: int, model_id: int) -> None:
        """Let a new file and its links stand for a missing one of equal size and windows until its hash is known."""
        with self.transaction(Changes(models=True)) as writer:
            conn = writer.connection()
            row = conn.execute(
                "SELECT model_id, inode, device, size_bytes, mtime_ns, unit FROM files WHERE id = ?",
                (file_id,),
            ).fetchone()
            if row is None or row[0] == model_id:
                return
            links = self._bodies(conn, file_id, *row)
            conn.executemany(
                "UPDATE files SET model_id = ? WHERE id = ?", [(model_id, link) for link in links]
            )
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
                # Of others a scan has to see it: their header may be another, a link to a part none any more.
                is_hashed = file.model_sha256 is not None and file.unit is None
                if is_hashed and facts is not None and facts[0] == file.size_bytes and facts[:3] != same_body:
                    conn.execute(
                        "UPDATE files SET mtime_ns = ?, inode = ?, device = ?, sha256 = NULL, "
                        f"partial_hashes = {FORMER_ALONE} WHERE id = ?",
                        (*facts[1:], file.id),
                    )
                    forget_short(conn, file.id)
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

    def _number(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        with engine.translated(self.path):
            return int(self._question().execute_sql(sql, parameters).fetchone()[0])
