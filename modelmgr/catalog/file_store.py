"""Files, library folders and the light columns of models: what scans, hashing and the user write."""

import contextlib
import json
import os
import tempfile
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from modelmgr.catalog import engine
from modelmgr.catalog.connections import Connections
from modelmgr.catalog.found import EMBEDDED
from modelmgr.catalog.known_hashes import FORMER, add_formers, formers_of
from modelmgr.catalog.library_view import ROWS_A_STATEMENT
from modelmgr.catalog.schema import below_condition, path_in, path_out
from modelmgr.errors import NotFound
from modelmgr.lazily import dataclass
from modelmgr.values import Changes, FileState, LibraryFolder, Origin, folded

SEARCH_FILES = 50
STATES = (FileState.PRESENT, FileState.UNREADABLE, FileState.OFFLINE, FileState.MISSING)
"""The best first."""

NO_WHOLE_MODEL = ("empty_file", "header_invalid", "lfs_pointer", "not_a_model", "truncated")
"""Codes of the problems of a file that can't have been all of a model."""

OTHER_RECORD = f"SELECT 1 FROM records WHERE source <> '{EMBEDDED}' AND model_id = "
_ALIASES = "\n\x1f"  # what follows it in a search text stands in no column
_WITHOUT_HASH = "files INDEXED BY files_without_hash WHERE files.sha256 IS NULL AND files.state = 'present'"
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
    unit: int | None = None
    member: str | None = None
    quick: str | None = None
    tensor_quick: str | None = None
    link_target: str | None = None


class LightRow(NamedTuple):
    """The merged light columns as the table `models` holds them."""

    name: str
    type: str
    tags: str
    trigger_words: str
    favorite: int
    rating: int | None
    nsfw: int | None
    preview: str | bytes | None
    base_model: str | None
    notes: str | None
    license: str | None
    source_url: str | None


class FileStore(Connections):
    """Writes about files and models. Each method joins the caller's transaction or makes its own."""

    def __init__(self, path: str, uri_query: str, temporary: tempfile.TemporaryDirectory[str] | None) -> None:
        super().__init__(path, uri_query, temporary)
        self._relocated: set[int] = set()
        self._to_refresh: dict[int, None] | None = None
        self._formers: dict[int, list[str]] = {}
        self._without_file: set[int] = set()
        self._missing: dict[int, deque[int]] = {}  # of models that were asked for while `refreshed_once`

    def take_relocated(self) -> list[int]:
        """Return the models that came to be shown at another path, which may name them, since this was asked last."""
        with self._write_lock:
            relocated, self._relocated = self._relocated, set()
        return sorted(relocated)

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

    def folder_rules(self, path: str) -> dict[str, Any]:
        """Return what a scan leaves out of a library folder, as `set_folder_rules` got it.

        Raises:
            NotFound: it is no library folder.
        """
        with engine.translated(self.path):
            row = (
                self._question()
                .execute_sql("SELECT rules FROM library_folders WHERE path = ?", (path_in(path),))
                .fetchone()
            )
        if row is None:
            raise NotFound(f"{path} is no library folder.", path=path)
        rules: dict[str, Any] = json.loads(row[0]) if row[0] else {}
        return rules

    def set_folder_rules(self, path: str, rules: Mapping[str, Any]) -> None:
        """Remember what a scan shall leave out of a library folder, a JSON object.

        Raises:
            NotFound: it is no library folder.
        """
        self.folder_rules(path)
        with self.transaction(Changes(folders=True, ids=frozenset())) as writer:
            writer.execute_sql(
                "UPDATE library_folders SET rules = ? WHERE path = ?",
                (json.dumps(dict(rules)), path_in(path)),
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
                    f"DELETE FROM leaving WHERE EXISTS ({OTHER_RECORD}leaving.id) "
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
                # What is kept and was not hashed waits for nobody.
                conn.execute(
                    "UPDATE models SET hash_state = 'none' WHERE hash_state = 'hashing' "
                    f"AND id IN (SELECT model_id FROM files WHERE {condition})",
                    parameters,
                )
                conn.execute("DELETE FROM files WHERE model_id IN (SELECT id FROM leaving)")
                conn.execute("DELETE FROM records WHERE model_id IN (SELECT id FROM leaving)")
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

    def count_without_hash(self, folder: str | None = None) -> tuple[int, int]:
        """Return how many present files have no known hash, and how many bytes they are; links count once."""
        condition, parameters = below_condition(folder) if folder is not None else ("1", [])
        with engine.translated(self.path):
            count, size_bytes = (
                self._question()
                .execute_sql(
                    f"SELECT count(*), sum(size_bytes) FROM {_WITHOUT_HASH} AND {condition} AND (inode = 0 "
                    "OR NOT EXISTS (SELECT 1 FROM files AS f WHERE (f.inode, f.device, f.size_bytes, f.mtime_ns) = "
                    "(files.inode, files.device, files.size_bytes, files.mtime_ns) AND f.id < files.id "
                    f"AND f.sha256 IS NULL AND f.state = 'present' AND {condition.replace('files.', 'f.')}))",
                    [*parameters, *parameters],
                )
                .fetchone()
            )
        return count, size_bytes or 0

    def files_without_hash(
        self, folder: str | None = None, after: tuple[int, int] = (-1, 0), limit: int = -1
    ) -> list[KnownFile]:
        """Return the present files whose hash isn't known, the small ones first.

        Args:
            folder: only those below it.
            after: size and row id of the file before the first.
            limit: so many at most, -1 for all.
        """
        condition, parameters = below_condition(folder) if folder is not None else ("1", [])
        found = self._files_where(
            f"files.id IN (SELECT id FROM {_WITHOUT_HASH} AND {condition} AND size_bytes >= ? "
            "AND (size_bytes, id) > (?, ?) ORDER BY size_bytes, id LIMIT ?)",
            [*parameters, after[0], *after, limit],
        )
        return sorted(found, key=lambda file: (file.size_bytes, file.id))

    def _files_where(self, condition: str, parameters: Sequence[Any]) -> Iterator[KnownFile]:
        with engine.translated(self.path):
            rows = (
                self._question()
                .execute_sql(
                    "SELECT files.id, model_id, files.path, files.size_bytes, mtime_ns, inode, device, state, "
                    "files.sha256, models.sha256, hash_state, unit, member, quick, tensor_quick, link_target "
                    "FROM files JOIN models ON models.id = model_id "
                    f"WHERE {condition}",
                    parameters,
                )
                .fetchall()
            )
        for row_id, model_id, path, *rest in rows:
            rest[-1] = None if rest[-1] is None else path_out(rest[-1])
            yield KnownFile(row_id, model_id, path_out(path), *rest)

    def header_facts(self, model_id: int) -> dict[str, Any] | None:
        """Return the facts that a merge needs of a model's header."""
        with engine.translated(self.path):
            row = (
                self._question()
                .execute_sql("SELECT facts FROM headers WHERE model_id = ?", (model_id,))
                .fetchone()
            )
        return json.loads(row[0]) if row else None

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
                "SELECT partial_hashes FROM files WHERE model_id = ? AND partial_hashes IS NOT NULL GROUP BY 1 "
                "ORDER BY min(id)",
                (model_id,),
            ):
                found.update(json.loads(text))
        return found

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

    def put_claimed_size(self, model_id: int, size_bytes: int) -> None:
        """Say how large a model is of which no file was ever met; the size of one that was is known."""
        with self.transaction() as writer:
            writer.execute_sql(
                "UPDATE models SET size_bytes = ?1 WHERE id = ?2 AND size_bytes <> ?1 AND file_count = 0 "
                "AND modified_at IS NULL",
                (size_bytes, model_id),
            )

    def remove_if_nothing_left(self, model_id: int) -> bool:
        """Forget a model that has no file, no record and no value of the user; return whether it had none."""
        with self.transaction(Changes(models=True)) as writer:
            (is_empty,) = writer.execute_sql(
                "SELECT NOT EXISTS (SELECT 1 FROM files WHERE model_id = ?1) "
                f"AND NOT EXISTS ({OTHER_RECORD}?1) "
                "AND NOT EXISTS (SELECT 1 FROM user_values WHERE model_id = ?1)",
                (model_id,),
            ).fetchone()
            if is_empty:
                writer.execute_sql("DELETE FROM records WHERE model_id = ?", (model_id,))
                writer.execute_sql("DELETE FROM models WHERE id = ?", (model_id,))
        return bool(is_empty)

    def forget_empty(self) -> int:
        """Forget the models that lost their last file before it was hashed, if nobody has said anything of them.

        One whose hash is known stays, for its bytes may come again; but not what was no whole model in the place of
        which another file lies by now: a download that went on, or a pointer that was followed.

        Returns:
            How many there were.
        """
        with engine.translated(self.path):
            rows = self._question().execute_sql(
                "SELECT id FROM models WHERE file_count = 0 AND path IS NULL AND sha256 IS NULL "
                "AND NOT EXISTS (SELECT 1 FROM files WHERE model_id = models.id) "
                f"AND NOT EXISTS ({OTHER_RECORD}models.id) "
                "AND NOT EXISTS (SELECT 1 FROM user_values WHERE model_id = models.id)"
            )
            ids = [row[0] for row in rows.fetchall()]
            without_file, self._without_file = self._without_file, set()
            for some in in_pieces(list(without_file)):
                rows = self._question().execute_sql(
                    "SELECT models.id FROM models JOIN headers ON model_id = models.id "
                    f"WHERE models.id IN ({', '.join('?' * len(some))}) AND file_count = 0 AND path IS NULL AND EXISTS "
                    "(SELECT 1 FROM json_each(header, '$.problems') WHERE json_extract(value, '$.code') "
                    f"IN ({', '.join('?' * len(NO_WHOLE_MODEL))}))",
                    [*some, *NO_WHOLE_MODEL],
                )
                ids += [row[0] for row in rows]
        forgotten = 0
        for some in in_pieces(list(dict.fromkeys(ids))):
            with self.transaction(Changes(models=True)):
                forgotten += sum(map(self.remove_if_nothing_left, some))
        return forgotten

    @contextlib.contextmanager
    def refreshed_once(self) -> Iterator[None]:
        """Do all within a transaction, and `refresh` at its end: each time it looks at all files of a model."""
        with self.transaction():
            self._to_refresh = {}
            try:
                yield
            finally:
                model_ids, self._to_refresh = self._to_refresh, None
                self._missing.clear()
            self.refresh(model_ids)

    def refresh(self, model_ids: Iterable[int]) -> None:
        """Derive the columns that are facts of the files: first path, count, size, time, states."""
        with self.transaction() as writer:
            if self._to_refresh is not None:
                self._to_refresh.update(dict.fromkeys(model_ids))
                return
            conn = writer.connection()
            for model_id in dict.fromkeys(model_ids):
                # The file before links to it, but a link's name before that of a blob.
                first = conn.execute(
                    "SELECT id, path, size_bytes, mtime_ns, state, sha256, unit, "
                    "(SELECT path FROM models WHERE id = model_id) FROM files WHERE model_id = ? "
                    "ORDER BY CASE state WHEN 'present' THEN 0 WHEN 'unreadable' THEN 1 WHEN 'offline' THEN 2 "
                    "ELSE 3 END, path GLOB '*[/\\]blobs[/\\]*', link_target IS NOT NULL, id LIMIT 1",
                    (model_id,),
                ).fetchone()
                if first is None:
                    self._without_file.add(model_id)
                    conn.execute(
                        "UPDATE models SET file_state = 'missing', file_count = 0, path = NULL, folder = NULL, "
                        "file_name = NULL, hash_state = CASE hash_state WHEN 'failed' THEN hash_state ELSE 'none' END "
                        "WHERE id = ?",
                        (model_id,),
                    )
                    continue
                row_id, path, size_bytes, mtime_ns, state, sha256, unit, former = first
                if model_id in self._formers:
                    add_formers(conn, row_id, self._formers.pop(model_id))
                if unit is not None:
                    path, size_bytes, mtime_ns, state, sha256 = _of_units(conn, model_id)
                if path != former:
                    self._relocated.add(model_id)
                folder, file_name = os.path.split(path_out(path))
                (count,) = conn.execute(
                    "SELECT count(*) FROM files WHERE model_id = ? AND state <> 'missing'", (model_id,)
                ).fetchone()
                conn.execute(
                    "UPDATE models SET path = ?, folder = ?, file_name = ?, size_bytes = ?, modified_at = ?, "
                    "file_state = ?, file_count = ?, hash_state = CASE WHEN ? IS NOT NULL THEN 'done' "
                    "WHEN hash_state = 'done' AND ? = 'present' THEN 'none' ELSE hash_state END WHERE id = ? ",
                    (
                        path,
                        path_in(folder),
                        printable(file_name),
                        size_bytes,
                        seconds_of(mtime_ns),
                        state,
                        count,
                        sha256,
                        state,
                        model_id,
                    ),
                )
                self._index_text(conn, model_id)

    def keep_formers(self, conn: engine.Connection, model_id: int, file_ids: Iterable[int]) -> None:
        """Note the full hashes that files had formerly, for they go to another model: the next file of theirs has them.

        So it is when files change places. What no file has taken when the program ends is forgotten.
        """
        formers = [former for file_id in file_ids for former in formers_of(conn, file_id)]
        if formers:
            self._formers.setdefault(model_id, []).extend(formers)

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
        light = light_row(fields)
        with self.transaction() as writer:
            conn = writer.connection()
            assignments = ", ".join(f"{column} = ?" for column in LightRow._fields)
            conn.execute(f"UPDATE models SET {assignments} WHERE id = ?", [*light, model_id])
            conn.execute("DELETE FROM model_tags WHERE model_id = ?", (model_id,))
            conn.executemany(
                "INSERT OR IGNORE INTO model_tags(model_id, key, tag) VALUES (?, ?, ?)",
                tag_rows(model_id, light),
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

    def aliases_of(self, model_id: int) -> list[str]:
        """Return the further names by which a search finds a model, folded."""
        with engine.translated(self.path):
            row = (
                self._question()
                .execute_sql("SELECT search_text FROM models WHERE id = ?", (model_id,))
                .fetchone()
            )
        further = row[0].partition(_ALIASES)[2] if row is not None else ""
        return further.split("\n") if further else []

    @staticmethod
    def _index_text(conn: engine.Connection, model_id: int, aliases: Iterable[str] | None = None) -> None:
        """Write what a search looks through; None leaves the aliases as they are."""
        row = conn.execute(
            f"SELECT {', '.join(LightRow._fields)}, file_name, search_text, file_count FROM models WHERE id = ?",
            (model_id,),
        ).fetchone()
        *columns, file_name, former, file_count = row
        names: list[str] = []
        if file_count > 1:
            places = conn.execute(
                "SELECT path FROM files WHERE model_id = ? ORDER BY id LIMIT ?", (model_id, SEARCH_FILES)
            )
            names += dict.fromkeys(printable(os.path.basename(path_out(path))) for (path,) in places)
        text = search_text_of(LightRow(*columns), file_name, names)
        if aliases is None:
            further = former.partition(_ALIASES)[2]
        else:
            further = folded("\n".join(map(printable, aliases))[: engine.SEARCH_NOTES_CHARACTERS])
        text += _ALIASES + further if further else ""
        if text != former:
            conn.execute("UPDATE models SET search_text = ? WHERE id = ?", (text, model_id))


def printable(text: str) -> str:
    """Return text that any database column holds: undecodable bytes and lone surrogates become U+FFFD, no NUL."""
    text = text.replace("\0", "")
    try:
        text.encode()
    except UnicodeEncodeError:
        return "".join("\ufffd" if "\ud800" <= char <= "\udfff" else char for char in text)
    return text


def seconds_of(mtime_ns: int) -> int:
    """Return Unix seconds."""
    return mtime_ns // 1_000_000_000


def light_row(fields: Mapping[str, Any]) -> LightRow:
    """Return merged light columns (absent means empty) as the table holds them."""

    def text(column: str) -> str | None:
        return printable(fields[column]) if fields.get(column) else None

    tags, words = fields.get("tags"), fields.get("trigger_words")
    return LightRow(
        name=text("name") or "?",
        type=fields.get("type") or "unknown",
        tags=json.dumps([printable(tag) for tag in tags]) if tags else "[]",
        trigger_words=json.dumps([printable(word) for word in words]) if words else "[]",
        favorite=int(bool(fields.get("favorite"))),
        rating=fields.get("rating"),
        nsfw=None if fields.get("nsfw") is None else int(fields["nsfw"]),
        preview=path_in(fields["preview"]) if fields.get("preview") else None,
        base_model=text("base_model"),
        notes=text("notes"),
        license=text("license"),
        source_url=text("source_url"),
    )


def tag_rows(model_id: int, light: LightRow) -> list[tuple[int, str, str]]:
    """Return the rows of `model_tags`."""
    if light.tags == "[]":
        return []
    return [(model_id, folded(tag), tag) for tag in json.loads(light.tags)]


def search_text_of(light: LightRow, file_name: str | None, names: Iterable[str] = ()) -> str:
    """Return what a search looks through, without the aliases."""
    parts = [light.name, file_name]
    for words in (light.tags, light.trigger_words):
        if words != "[]":
            parts += json.loads(words)
    parts += [light.base_model, (light.notes or "")[: engine.SEARCH_NOTES_CHARACTERS], *names]
    return folded("\n".join(part for part in parts if part))


def _of_units(conn: engine.Connection, model_id: int) -> tuple[Any, int, int, str, str | None]:
    """Return path, size, mtime, state and hash of the best place of a model of several files.

    A place is as well off as its worst member. A further path to a member, which lies elsewhere, counts only where the
    place itself has none.
    """
    places: dict[int, tuple[Any, str | None, dict[str, tuple[Any, ...]]]] = {}
    for unit, place, key, member, path, *facts in conn.execute(
        "SELECT units.id, units.path, units.sha256, member, files.path, CASE files.state WHEN 'present' THEN 0 "
        "WHEN 'unreadable' THEN 1 WHEN 'offline' THEN 2 ELSE 3 END, files.size_bytes, mtime_ns, "
        "files.sha256 IS NOT NULL, link_target IS NOT NULL FROM units JOIN files ON unit = units.id "
        "WHERE units.model_id = ? ORDER BY units.id, files.id",
        (model_id,),
    ):
        _, _, members = places.setdefault(unit, (place, key, {}))
        found = (not is_at_place(path_out(path), member, path_out(place)), *facts)
        members[member] = min(members.get(member, found), found, key=lambda one: one[:2])
    best: tuple[int, bool] | None = None
    for place, key, members in places.values():
        _, states, sizes, times, hashed, links = zip(*members.values(), strict=True)
        rank = max(states), all(links)
        if best is None or rank < best:
            best = rank
            chosen = place, sum(sizes), max(times), STATES[rank[0]], key if all(hashed) else None
    return chosen


def is_at_place(path: str, member: str, unit: str) -> bool:
    """Tell whether a path is where a unit has that member: below the folder, or beside the first part."""
    names = member.split("/")
    return path in (os.path.join(unit, *names), os.path.join(os.path.dirname(unit), *names))


def in_pieces(items: Sequence[Any]) -> Iterator[list[Any]]:
    """Yield a list in pieces that one statement can take as parameters."""
    for start in range(0, len(items), ROWS_A_STATEMENT):
        yield list(items[start : start + ROWS_A_STATEMENT])
