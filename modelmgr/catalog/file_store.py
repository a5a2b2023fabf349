"""Files, library folders and the light columns of models: what scans, hashing and the user write."""

import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelmgr.catalog import engine
from modelmgr.catalog.connections import Connections
from modelmgr.catalog.known_hashes import FORMER, hashes_of_file, put_hashes
from modelmgr.catalog.library_view import ROWS_A_STATEMENT, below_condition
from modelmgr.catalog.schema import path_in, path_out
from modelmgr.values import Changes, FileState, HashState, LibraryFolder, Origin

SEARCH_NOTES_CHARACTERS = 2_000
SEARCH_FILES = 50
_ALIASES = "\n\x1f"  # what follows it in a search text stands in no column
MERGED_COLUMNS = (
    "name", "type", "base_model", "tags", "rating", "favorite", "nsfw", "trigger_words", "notes", "license",
    "source_url", "preview",
)  # fmt: skip
"""The light columns that several sources can say; the others are facts of the files."""


@dataclass(frozen=True, slots=True)
class KnownFile:
    """What the catalog remembers of one path."""

    id: int
    model_id: int
    path: str
    size_bytes: int
    mtime_ns: int
    inode: int
    device: int
    state: str
    sha256: str | None
    model_sha256: str | None
    hash_state: str


@dataclass(frozen=True, slots=True)
class FoundModel:
    """A file that a scan met, identified by its header, on its way into the catalog.

    Attributes:
        fields, origins: the merged light columns and where each came from.
        header: what the header says, for the details; `facts` is what a later merge needs of it.
        file_id: the row of this path if it is known and now holds other content, else None.
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


@dataclass(frozen=True, slots=True)
class HashOutcome:
    """Where a file belongs, now that its hash is known.

    Attributes:
        model_id: the model of that content.
        created: the model is new and wants its light columns merged.
        gone: a provisional row that was merged into `model_id`, if there was one.
    """

    model_id: int
    created: bool
    gone: int | None = None


class FileStore(Connections):
    """Writes about files and models. Each method joins the caller's transaction or makes its own."""

    # --- library folders --------------------------------------------------------------------------------

    def add_folder(self, path: str, device: int | None) -> LibraryFolder:
        """Remember a library folder; return it also if it is known already."""
        now = int(time.time())
        with self.transaction(Changes(folders=True, ids=frozenset())) as writer:
            writer.execute_sql(
                "INSERT INTO library_folders(path, added_at, state, device) VALUES (?, ?, 'present', ?) "
                "ON CONFLICT(path) DO NOTHING",
                (path_in(path), now, device),
            )
            row = writer.execute_sql(
                "SELECT id, added_at, state FROM library_folders WHERE path = ?", (path_in(path),)
            ).fetchone()
        return LibraryFolder(row[0], path, row[1], row[2])

    def folder_facts(self) -> dict[str, tuple[str, int | None]]:
        """Return the library folders, each with its state and the device it lay on when it was last scanned."""
        with engine.translated(self.path):
            rows = self._question().execute_sql("SELECT path, state, device FROM library_folders").fetchall()
        return {path_out(path): (state, device) for path, state, device in rows}

    def set_folder_state(self, path: str, state: str, device: int | None = None) -> None:
        """Remember whether a library folder could be reached, and on which device it lies."""
        with self.transaction(Changes(folders=True, ids=frozenset())) as writer:
            writer.execute_sql(
                "UPDATE library_folders SET state = ?, device = coalesce(?, device) WHERE path = ?",
                (state, device, path_in(path)),
            )

    def remove_folder(self, path: str) -> tuple[int, int]:
        """Forget a library folder, and those of its models about which nobody has said anything.

        A model with records, with values of the user, or with a file elsewhere stays.

        Returns:
            Number of models removed, number of models of this folder that stay.
        """
        condition, parameters = below_condition(path)
        with self.transaction(Changes(models=True, folders=True)) as writer:
            writer.execute_sql("DELETE FROM library_folders WHERE path = ?", (path_in(path),))
            other_roots = [
                path_out(row[0]) for row in writer.execute_sql("SELECT path FROM library_folders").fetchall()
            ]
            conn = writer.connection()
            conn.execute("CREATE TEMP TABLE leaving(id INTEGER PRIMARY KEY)")
            try:
                conn.execute(
                    f"INSERT INTO leaving SELECT DISTINCT model_id FROM files WHERE {condition}", parameters
                )
                (below_count,) = conn.execute("SELECT count(*) FROM leaving").fetchone()
                conn.execute(
                    "DELETE FROM leaving WHERE EXISTS (SELECT 1 FROM records WHERE model_id = leaving.id) "
                    "OR EXISTS (SELECT 1 FROM user_values WHERE model_id = leaving.id) OR EXISTS "
                    f"(SELECT 1 FROM files WHERE model_id = leaving.id AND NOT {condition})",
                    parameters,
                )
                for root in other_roots:
                    kept, kept_parameters = below_condition(root)
                    conn.execute(
                        f"DELETE FROM leaving WHERE id IN (SELECT model_id FROM files WHERE {kept})",
                        kept_parameters,
                    )
                (removed,) = conn.execute("SELECT count(*) FROM leaving").fetchone()
                conn.execute("DELETE FROM files WHERE model_id IN (SELECT id FROM leaving)")
                conn.execute("DELETE FROM models WHERE id IN (SELECT id FROM leaving)")
            finally:
                conn.execute("DROP TABLE leaving")
        return int(removed), int(below_count - removed)

    # --- files ------------------------------------------------------------------------------------------

    def known_files(self, folder: str | None = None) -> dict[str, KnownFile]:
        """Return what is remembered of the files below a folder (of all files if None), by path."""
        condition, parameters = below_condition(folder) if folder is not None else ("1", [])
        return {file.path: file for file in self._files_where(condition, parameters)}

    def known_file(self, path: str) -> KnownFile | None:
        """Return what is remembered of one path."""
        return next(self._files_where("files.path = ?", [path_in(path)]), None)

    def files_with_sha256(self, sha256: str) -> list[KnownFile]:
        """Return the files whose computed hash is this one."""
        return list(self._files_where("files.model_id = (SELECT id FROM models WHERE sha256 = ?)", [sha256]))

    def files_by_sha256(self, sha256s: Sequence[str]) -> dict[str, list[KnownFile]]:
        """Return the files whose computed hash is one of these, by hash."""
        found: dict[str, list[KnownFile]] = {}
        for start in range(0, len(sha256s), ROWS_A_STATEMENT):
            some = list(sha256s[start : start + ROWS_A_STATEMENT])
            condition = (
                f"files.model_id IN (SELECT id FROM models WHERE sha256 IN ({', '.join('?' * len(some))}))"
            )
            for file in self._files_where(condition, some):
                found.setdefault(file.model_sha256 or "", []).append(file)
        return found

    def files_with_names(self, names: Sequence[str]) -> list[KnownFile]:
        """Return the present files of models whose first file has one of these names, in any case of ASCII letters."""
        found: list[KnownFile] = []
        for start in range(0, len(names), ROWS_A_STATEMENT):
            some = list(names[start : start + ROWS_A_STATEMENT])
            found += self._files_where(
                "files.state = 'present' AND files.model_id IN (SELECT id FROM models "
                f"WHERE file_name COLLATE NOCASE IN ({', '.join('?' * len(some))}))",
                [printable(name) for name in some],
            )
        return found

    def files_with_stem(self, path: str) -> list[KnownFile]:
        """Return the files that lie in the folder of `path` and have its name but for the last ending, by row id."""
        stem = os.path.splitext(path)[0]
        found = self._files_where(
            "files.path >= ? AND files.path < ?", [path_in(f"{stem}."), path_in(f"{stem}/")]
        )
        return sorted(
            (file for file in found if os.path.splitext(file.path)[0] == stem), key=lambda file: file.id
        )

    def folders_of_files(self) -> set[str]:
        """Return the folders in which files lie."""
        with engine.translated(self.path):
            paths = self._question().execute_sql("SELECT path FROM files")
            return {os.path.dirname(path_out(path)) for (path,) in paths}

    def files_of(self, model_id: int) -> list[KnownFile]:
        """Return the files of a model."""
        return list(self._files_where("files.model_id = ?", [model_id]))

    def files_without_hash(self, folder: str | None = None) -> list[KnownFile]:
        """Return the present files whose hash isn't known, the small ones first."""
        condition, parameters = below_condition(folder) if folder is not None else ("1", [])
        found = self._files_where(
            f"files.sha256 IS NULL AND files.state = 'present' AND {condition}", parameters
        )
        return sorted(found, key=lambda file: (file.size_bytes, file.id))

    def _files_where(self, condition: str, parameters: Sequence[Any]) -> Iterator[KnownFile]:
        with engine.translated(self.path):
            rows = (
                self._question()
                .execute_sql(
                    "SELECT files.id, model_id, files.path, files.size_bytes, mtime_ns, inode, device, state, "
                    "files.sha256, models.sha256, hash_state FROM files JOIN models ON models.id = model_id "
                    f"WHERE {condition}",
                    parameters,
                )
                .fetchall()
            )
        for row_id, model_id, path, *rest in rows:
            yield KnownFile(row_id, model_id, path_out(path), *rest)

    def put_found(self, found: Iterable[FoundModel]) -> list[int]:
        """Write files that a scan met; each is a row of the library at once.

        A further path of a file that is known (same inode, size and mtime: a link) joins its model. Known paths
        with other content get a model of their own; the former model keeps its records and is missing.

        Returns:
            The model ids, in order.
        """
        ids: list[int] = []
        now = int(time.time())
        with self.transaction(Changes(models=True)) as writer:
            conn = writer.connection()
            stale: set[int] = set()
            for model in found:
                known = conn.execute(
                    "SELECT id, model_id FROM files WHERE path = ?", (path_in(model.path),)
                ).fetchone()
                if known is not None and model.file_id is None:
                    ids.append(known[1])  # another process was quicker
                    continue
                twin = conn.execute(
                    "SELECT model_id, sha256 FROM files WHERE inode = ? AND device = ? AND size_bytes = ? "
                    "AND mtime_ns = ? AND state = 'present' AND path <> ? AND inode <> 0 LIMIT 1",
                    (model.inode, model.device, model.size_bytes, model.mtime_ns, path_in(model.path)),
                ).fetchone()
                model_id = twin[0] if twin else self._insert_model(conn, model, now)
                sha256 = twin[1] if twin else None
                if twin:
                    stale.add(model_id)
                if known is None:
                    conn.execute(
                        "INSERT INTO files(model_id, path, size_bytes, mtime_ns, inode, device, state, sha256, "
                        "seen_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                        (model_id, path_in(model.path), *_facts(model), model.state, sha256, now),
                    )
                else:
                    conn.execute(
                        "UPDATE files SET model_id = ?, size_bytes = ?, mtime_ns = ?, inode = ?, device = ?, "
                        "state = ?, sha256 = ?, partial_hashes = NULL, seen_at = ? WHERE id = ?",
                        (model_id, *_facts(model), model.state, sha256, now, known[0]),
                    )
                    stale |= {known[1], model_id}
                ids.append(model_id)
            self.refresh(stale)
        return ids

    def _insert_model(self, conn: engine.Connection, model: FoundModel, now: int) -> int:
        folder, file_name = os.path.split(model.path)
        cursor = conn.execute(
            "INSERT INTO models(name, type, size_bytes, format, path, file_name, folder, file_count, tags, "
            "favorite, trigger_words, added_at, modified_at, hash_state, file_state, search_text) "
            "VALUES (?, 'unknown', ?, ?, ?, ?, ?, 1, '[]', 0, '[]', ?, ?, ?, ?, '')",
            (
                printable(file_name),
                model.size_bytes,
                model.format,
                path_in(model.path),
                printable(file_name),
                path_in(folder),
                now,
                _seconds(model.mtime_ns),
                model.hash_state,
                model.state,
            ),
        )
        model_id = int(cursor.lastrowid)
        self.put_header(model_id, model.format, model.header, model.facts)
        self.put_light(model_id, model.fields, model.origins)
        return model_id

    def put_header(
        self, model_id: int, format_: str | None, header: Mapping[str, Any], facts: Mapping[str, Any]
    ) -> None:
        """Write what the header of a model's file says."""
        with self.transaction() as writer:
            writer.execute_sql(
                "INSERT INTO headers(model_id, header, facts) VALUES (?, ?, ?) "
                "ON CONFLICT(model_id) DO UPDATE SET header = excluded.header, facts = excluded.facts",
                (model_id, json.dumps(header), json.dumps(facts)),
            )
            writer.execute_sql("UPDATE models SET format = ? WHERE id = ?", (format_, model_id))

    def header_facts(self, model_id: int) -> dict[str, Any] | None:
        """Return the facts that a merge needs of a model's header."""
        with engine.translated(self.path):
            row = (
                self._question()
                .execute_sql("SELECT facts FROM headers WHERE model_id = ?", (model_id,))
                .fetchone()
            )
        return json.loads(row[0]) if row else None

    def touch_file(self, file_id: int, mtime_ns: int, inode: int, device: int) -> None:
        """Note that a file of equal size was written or replaced: its hash must be computed again."""
        with self.transaction() as writer:
            writer.execute_sql(
                "UPDATE files SET mtime_ns = ?, inode = ?, device = ?, state = 'present', sha256 = NULL, "
                "partial_hashes = NULL WHERE id = ?",
                (mtime_ns, inode, device, file_id),
            )
            row = writer.execute_sql("SELECT model_id FROM files WHERE id = ?", (file_id,)).fetchone()
            if row:
                self.refresh([row[0]])

    def mark_files(self, states: Mapping[int, str]) -> None:
        """Set the state of files (row id -> state) and refresh their models."""
        with self.transaction(Changes(models=True)) as writer:
            models: set[int] = set()
            for file_id, state in states.items():
                row = writer.execute_sql("SELECT model_id FROM files WHERE id = ?", (file_id,)).fetchone()
                if row:
                    models.add(row[0])
                    writer.execute_sql("UPDATE files SET state = ? WHERE id = ?", (state, file_id))
            self.refresh(models)

    def set_hash_state(self, model_ids: Sequence[int], state: str) -> None:
        """Note that hashing of these models is under way, or failed."""
        with self.transaction(Changes(models=True, ids=frozenset(model_ids))) as writer:
            for model_id in model_ids:
                writer.execute_sql("UPDATE models SET hash_state = ? WHERE id = ?", (state, model_id))

    def put_hash(self, file_id: int, size_bytes: int, mtime_ns: int, sha256: str) -> HashOutcome | None:
        """Write the computed hash of a file, and let it join the model of that content.

        Returns:
            None if the file changed or went since it was read; then the hash counts for nothing.
        """
        with self.transaction() as writer:
            conn = writer.connection()
            row = conn.execute(
                "SELECT model_id, models.sha256, inode, device FROM files JOIN models ON models.id = model_id "
                "WHERE files.id = ? AND files.size_bytes = ? AND mtime_ns = ?",
                (file_id, size_bytes, mtime_ns),
            ).fetchone()
            if row is None:
                return None
            model_id, former, inode, device = row
            # Every path of one inode has the same bytes.
            links = [file_id]
            if inode:
                links += [
                    other
                    for (other,) in conn.execute(
                        "SELECT id FROM files WHERE inode = ? AND device = ? AND size_bytes = ? AND mtime_ns = ? "
                        "AND model_id = ? AND id <> ?",
                        (inode, device, size_bytes, mtime_ns, model_id, file_id),
                    )
                ]
            marks = ", ".join("?" * len(links))
            conn.execute(f"UPDATE files SET sha256 = ? WHERE id IN ({marks})", (sha256, *links))
            home = conn.execute("SELECT id FROM models WHERE sha256 = ?", (sha256,)).fetchone()
            if former == sha256:
                outcome = HashOutcome(model_id, created=False)
            elif former is None and home is None:
                conn.execute("UPDATE models SET sha256 = ? WHERE id = ?", (sha256, model_id))
                outcome = HashOutcome(model_id, created=False)
            elif former is None and home is not None:
                self._merge_into(conn, model_id, home[0])
                outcome = HashOutcome(home[0], created=False, gone=model_id)
            else:
                goal = home[0] if home is not None else self._split(conn, model_id, sha256)
                conn.execute(f"UPDATE files SET model_id = ? WHERE id IN ({marks})", (goal, *links))
                outcome = HashOutcome(goal, created=home is None)
                self.refresh([model_id])
            self.refresh([outcome.model_id])
            touched = {model_id, outcome.model_id}
            self._pending_news.append(Changes(models=True, ids=frozenset(touched)))
        return outcome

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

    def former_hashes(self, model_id: int) -> frozenset[str]:
        """Return the full hashes that a model's files had before their headers were rewritten."""
        return frozenset(self._hashes_of(model_id).get(FORMER, "").split())

    def partial_hashes(self, model_id: int) -> dict[str, str]:
        """Return the short hashes that were computed of a model's bytes."""
        return {kind: digits for kind, digits in self._hashes_of(model_id).items() if kind != FORMER}

    def _hashes_of(self, model_id: int) -> dict[str, str]:
        found: dict[str, str] = {}
        with engine.translated(self.path):
            for (text,) in self._question().execute_sql(
                "SELECT partial_hashes FROM files WHERE model_id = ? AND partial_hashes IS NOT NULL",
                (model_id,),
            ):
                found.update(json.loads(text))
        return found

    def _merge_into(self, conn: engine.Connection, provisional: int, home: int) -> None:
        conn.execute("UPDATE files SET model_id = ? WHERE model_id = ?", (home, provisional))
        conn.execute("UPDATE OR IGNORE user_values SET model_id = ? WHERE model_id = ?", (home, provisional))
        conn.execute("UPDATE OR IGNORE records SET model_id = ? WHERE model_id = ?", (home, provisional))
        conn.execute("UPDATE OR IGNORE attachments SET model_id = ? WHERE model_id = ?", (home, provisional))
        has_header = conn.execute("SELECT 1 FROM headers WHERE model_id = ?", (home,)).fetchone()
        if has_header is None:
            conn.execute("UPDATE headers SET model_id = ? WHERE model_id = ?", (home, provisional))
            conn.execute(
                "UPDATE models SET format = (SELECT format FROM models WHERE id = ?) WHERE id = ?",
                (provisional, home),
            )
        conn.execute("DELETE FROM models WHERE id = ?", (provisional,))

    def _split(self, conn: engine.Connection, model_id: int, sha256: str) -> int:
        cursor = conn.execute(
            "INSERT INTO models(sha256, name, type, size_bytes, tags, favorite, trigger_words, added_at, hash_state, "
            "file_state, search_text, file_count) SELECT ?, name, 'unknown', size_bytes, '[]', 0, '[]', ?, 'done', "
            "'present', '', 1 FROM models WHERE id = ?",
            (sha256, int(time.time()), model_id),
        )
        return int(cursor.lastrowid)

    def ensure_model(self, sha256: str, name: str, size_bytes: int) -> tuple[int, bool]:
        """Return the model of this content, made if there is none, and whether it was made."""
        with self.transaction() as writer:
            row = writer.execute_sql("SELECT id FROM models WHERE sha256 = ?", (sha256,)).fetchone()
            if row:
                return int(row[0]), False
            cursor = writer.execute_sql(
                "INSERT INTO models(sha256, name, type, size_bytes, tags, favorite, trigger_words, added_at, "
                "hash_state, file_state, search_text, file_count) "
                "VALUES (?, ?, 'unknown', ?, '[]', 0, '[]', ?, 'none', 'missing', '', 0)",
                (sha256, printable(name), size_bytes, int(time.time())),
            )
            return int(cursor.lastrowid), True

    def remove_if_nothing_left(self, model_id: int) -> bool:
        """Forget a model that has no file, no record and no value of the user; return whether it had none."""
        with self.transaction(Changes(models=True)) as writer:
            gone = writer.execute_sql(
                "DELETE FROM models WHERE id = ? "
                "AND NOT EXISTS (SELECT 1 FROM files WHERE model_id = models.id) "
                "AND NOT EXISTS (SELECT 1 FROM records WHERE model_id = models.id) "
                "AND NOT EXISTS (SELECT 1 FROM user_values WHERE model_id = models.id)",
                (model_id,),
            ).rowcount
        return bool(gone)

    def refresh(self, model_ids: Iterable[int]) -> None:
        """Derive the columns that are facts of the files: first path, count, size, time, states."""
        with self.transaction() as writer:
            conn = writer.connection()
            for model_id in dict.fromkeys(model_ids):
                files = conn.execute(
                    "SELECT path, size_bytes, mtime_ns, state, sha256 FROM files WHERE model_id = ? "
                    "ORDER BY CASE state WHEN 'present' THEN 0 WHEN 'unreadable' THEN 1 WHEN 'offline' THEN 2 "
                    "ELSE 3 END, id",
                    (model_id,),
                ).fetchall()
                if not files:
                    conn.execute(
                        "UPDATE models SET file_state = 'missing', file_count = 0, path = NULL, folder = NULL, "
                        "file_name = NULL, hash_state = CASE WHEN hash_state = 'hashing' THEN 'none' "
                        "ELSE hash_state END WHERE id = ?",
                        (model_id,),
                    )
                    continue
                path, size_bytes, mtime_ns, state, sha256 = files[0]
                folder, file_name = os.path.split(path_out(path))
                count = sum(file[3] != FileState.MISSING for file in files)
                conn.execute(
                    "UPDATE models SET path = ?, folder = ?, file_name = ?, size_bytes = ?, modified_at = ?, "
                    "file_state = ?, file_count = ?, hash_state = CASE WHEN ? IS NOT NULL THEN 'done' "
                    "WHEN hash_state = 'done' AND ? = 'present' THEN 'none' ELSE hash_state END WHERE id = ? ",
                    (
                        path,
                        path_in(folder),
                        printable(file_name),
                        size_bytes,
                        _seconds(mtime_ns),
                        state,
                        count,
                        sha256,
                        state,
                        model_id,
                    ),
                )
                self._index_text(conn, model_id)

    # --- light columns ----------------------------------------------------------------------------------

    def put_light(
        self,
        model_id: int,
        fields: Mapping[str, Any],
        origins: Mapping[str, Origin],
        aliases: Iterable[str] = (),
    ) -> None:
        """Write the merged light columns (`MERGED_COLUMNS`; absent means empty) and their origins.

        Args:
            model_id: of the model.
            fields: see above.
            origins: see above.
            aliases: further names by which a search finds it.
        """
        tags = [printable(tag) for tag in fields.get("tags") or ()]
        values: dict[str, Any] = {
            "name": printable(fields.get("name") or "") or "?",
            "type": fields.get("type") or "unknown",
            "tags": json.dumps(tags),
            "trigger_words": json.dumps([printable(word) for word in fields.get("trigger_words") or ()]),
            "favorite": int(bool(fields.get("favorite"))),
            "rating": fields.get("rating"),
            "nsfw": None if fields.get("nsfw") is None else int(fields["nsfw"]),
            "preview": path_in(fields["preview"]) if fields.get("preview") else None,
        }
        for column in ("base_model", "notes", "license", "source_url"):
            values[column] = printable(fields[column]) if fields.get(column) else None
        with self.transaction() as writer:
            conn = writer.connection()
            assignments = ", ".join(f"{column} = ?" for column in values)
            conn.execute(f"UPDATE models SET {assignments} WHERE id = ?", [*values.values(), model_id])
            conn.execute("DELETE FROM model_tags WHERE model_id = ?", (model_id,))
            conn.executemany(
                "INSERT OR IGNORE INTO model_tags(model_id, key, tag) VALUES (?, ?, ?)",
                [(model_id, tag.casefold(), tag) for tag in tags],
            )
            conn.execute(
                "INSERT INTO origins(model_id, origins) VALUES (?, ?) "
                "ON CONFLICT(model_id) DO UPDATE SET origins = excluded.origins",
                (
                    model_id,
                    json.dumps(
                        {
                            column: [origin.source, origin.rank, origin.record_id]
                            for column, origin in origins.items()
                        }
                    ),
                ),
            )
            self._index_text(conn, model_id, aliases)

    @staticmethod
    def _index_text(conn: engine.Connection, model_id: int, aliases: Iterable[str] | None = None) -> None:
        """Write what a search looks through; None leaves the aliases as they are."""
        row = conn.execute(
            "SELECT name, file_name, tags, trigger_words, base_model, substr(notes, 1, ?), search_text, file_count "
            "FROM models WHERE id = ?",
            (SEARCH_NOTES_CHARACTERS, model_id),
        ).fetchone()
        name, file_name, tags, words, base_model, notes, former, file_count = row
        parts = [name, file_name, *json.loads(tags), *json.loads(words), base_model, notes]
        if file_count > 1:
            places = conn.execute(
                "SELECT path FROM files WHERE model_id = ? ORDER BY id LIMIT ?", (model_id, SEARCH_FILES)
            )
            parts += dict.fromkeys(printable(os.path.basename(path_out(path))) for (path,) in places)
        text = "\n".join(part for part in parts if part).casefold()
        if aliases is None:
            further = former.partition(_ALIASES)[2]
        else:
            further = "\n".join(map(printable, aliases))[:SEARCH_NOTES_CHARACTERS].casefold()
        text += _ALIASES + further if further else ""
        if text != former:
            conn.execute("UPDATE models SET search_text = ? WHERE id = ?", (text, model_id))

    def put_user_value(self, model_id: int, column: str, value: Any) -> None:
        """Remember what the user set; None takes it back."""
        with self.transaction() as writer:
            if value is None:
                writer.execute_sql(
                    'DELETE FROM user_values WHERE model_id = ? AND "column" = ?', (model_id, column)
                )
            else:
                writer.execute_sql(
                    'INSERT INTO user_values(model_id, "column", value, set_at) VALUES (?, ?, ?, ?) '
                    'ON CONFLICT(model_id, "column") DO UPDATE SET value = excluded.value, set_at = excluded.set_at',
                    (model_id, column, json.dumps(value), int(time.time())),
                )


def printable(text: str) -> str:
    """Return text that any database column holds: undecodable bytes and lone surrogates become U+FFFD, no NUL."""
    text = text.replace("\0", "")
    try:
        text.encode()
    except UnicodeEncodeError:
        return "".join("\ufffd" if "\ud800" <= char <= "\udfff" else char for char in text)
    return text


def _facts(model: FoundModel) -> tuple[int, int, int, int]:
    return model.size_bytes, model.mtime_ns, model.inode, model.device


def _seconds(mtime_ns: int) -> int:
    return mtime_ns // 1_000_000_000
