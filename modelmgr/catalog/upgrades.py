"""A new catalog, or from one schema version to the next: one function a step, one transaction, a backup before."""

import contextlib
import json
import os
import shutil
import time
from collections.abc import Callable, Mapping

from modelmgr.catalog import engine, schema
from modelmgr.catalog.known_hashes import hashes_of_file, put_hashes
from modelmgr.durable import sync_folder
from modelmgr.errors import CatalogError, DiskFull
from modelmgr.progress import Progress
from modelmgr.values import MIB

Step = Callable[[engine.Connection], None]


def _gone_and_undo(conn: engine.Connection) -> None:
    """Version 2: records gone from their containers, promotions that can be undone, attachments."""
    _complete(conn)


def _known_hashes(conn: engine.Connection) -> None:
    """Version 3: hashes of every kind that records claim or files have, and an order by format from an index.

    What the payloads claim nobody here can read: their rows are marked as unread.
    """
    _complete(conn)
    for holder, table in (("pending", "pending_models"), ("record", "records")):
        conn.execute(
            f"INSERT INTO known_hashes(holder, holder_id, kind, hash) SELECT ?, id, '', ? FROM {table}",
            (holder, schema.UNREAD),
        )
    for row_id, text in conn.execute(
        "SELECT id, partial_hashes FROM files WHERE partial_hashes IS NOT NULL"
    ).fetchall():
        put_hashes(conn, hashes_of_file(row_id, json.loads(text)))


def _known_folders(conn: engine.Connection) -> None:
    """Version 4: the folders in which files lie, models of several files, links, hashes of parts of a file."""
    _complete(conn)
    folders: dict[str, int] = {}
    rows = conn.execute("SELECT id, path FROM files WHERE scanned_folder IS NULL").fetchall()
    places = [(_folder_of(schema.path_out(path), folders), row_id) for row_id, path in rows]
    conn.executemany(
        # A digest that no version of the rules has written: every header is read anew.
        "INSERT INTO scanned_folders(id, path, mtime_ns, digest) VALUES (?, ?, 0, '')",
        [(number, schema.path_in(folder)) for folder, number in folders.items()],
    )
    conn.executemany("UPDATE files SET scanned_folder = ? WHERE id = ?", places)


def _edits(conn: engine.Connection) -> None:
    """Version 5: the history of the user's values. What was set before has none: an undo begins with what comes."""
    _complete(conn)


def _orders(conn: engine.Connection) -> None:
    """Version 6: indexes for the orders of the inbox and of columns that few have, the types in that of the folders.

    What a search compares is composed: a disk may spell é as two characters.
    """
    conn.execute("DROP INDEX IF EXISTS models_folder")
    _complete(conn)
    for table, column in (("models", "search_text"), ("model_tags", "key")):
        now = engine.fold(column)
        conn.execute(f"UPDATE OR REPLACE {table} SET {column} = {now} WHERE {now} <> {column}")


def _folder_of(path: str, folders: dict[str, int]) -> int:
    """Return the number of a file's folder; a new one gets the next."""
    return folders.setdefault(os.path.dirname(path), len(folders) + 1)


_NEW_COLUMNS = (
    ("pending_models", "promotion", "INTEGER"),
    ("models", "danger", "TEXT"),
    ("library_folders", "rules", "TEXT"),
    ("files", "scanned_folder", "INTEGER"),
    ("files", "unit", "INTEGER"),
    ("files", "member", "TEXT"),
    ("files", "link_target", "TEXT"),
    ("files", "quick", "TEXT"),
    ("files", "tensor_quick", "TEXT"),
    ("files", "tensor_sha256", "TEXT"),
)


def _complete(conn: engine.Connection) -> None:
    """Add what this version has and older ones had not: columns, tables, indexes, triggers."""
    for table, column, kind in _NEW_COLUMNS:
        if column not in {row[1] for row in conn.execute(f"PRAGMA table_info({table})")}:
            conn.execute(f"ALTER TABLE {table} ADD COLUMN {column} {kind}")
    engine.create_missing(conn)


STEPS: Mapping[int, Step] = {2: _gone_and_undo, 3: _known_hashes, 4: _known_folders, 5: _edits, 6: _orders}
"""The version that a step leads to -> the step. Version 1 is made by `engine.create_all`."""


def prepare(path: str) -> None:
    """Make the file at `path` a catalog of this version: create or upgrade it, in one transaction.

    The tables are created under a rollback journal, so that the file's own first page carries our mark; only
    then the journal becomes a write-ahead log. Two processes may do this at once: the second finds it done.
    """
    conn = engine.connect(path, "mode=rwc")
    try:
        found = engine.identity(conn, path)
        if found is None:
            engine.begin_write(conn)
            try:
                if engine.identity(conn, path) is None:
                    engine.create_all(conn)
                conn.execute("COMMIT")
            except BaseException:
                if conn.in_transaction:
                    conn.execute("ROLLBACK")
                raise
            sync_folder(path)
        elif found < schema.VERSION:
            upgrade(conn, path)
        engine.set_journal_mode(conn)
    finally:
        conn.close()


def upgrade(
    conn: engine.Connection, path: str, steps: Mapping[int, Step] = STEPS, goal: int = schema.VERSION
) -> str:
    """Bring a catalog to version `goal`: all steps or none.

    Returns:
        The path of the backup that was made before.

    Raises:
        DiskFull: less free space than twice the catalog and 64 MiB; nothing was done.
        CatalogError: the backup is not good, or a step failed; the catalog is as it was.
    """
    needed = 2 * os.path.getsize(path) + 64 * MIB
    if shutil.disk_usage(os.path.dirname(os.path.abspath(path))).free < needed:
        raise DiskFull(
            f"An upgrade of the catalog needs {needed // MIB} MiB of free disk; nothing was done.", path=path
        )
    (found,) = conn.execute("PRAGMA user_version").fetchone()
    folder = os.path.join(os.path.dirname(os.path.abspath(path)), "backups")
    os.makedirs(folder, exist_ok=True)
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    backup = os.path.join(folder, f"{os.path.basename(path)}.v{found}.{stamp}")
    problems = engine.backup_to(path, backup, Progress())
    if problems:
        raise CatalogError(
            f"The catalog was not upgraded, for its backup is not good: {problems[0].message}", path=path
        )
    conn.execute("PRAGMA foreign_keys=OFF")  # has no effect inside the transaction
    try:
        engine.begin_write(conn)
        (found,) = conn.execute("PRAGMA user_version").fetchone()
        for number in range(found + 1, goal + 1):
            steps[number](conn)
            conn.execute(f"PRAGMA user_version={number}")
        broken = conn.execute("PRAGMA foreign_key_check").fetchone()
        if broken:
            raise CatalogError(
                f"The catalog was not upgraded: a row of {broken[0]} would point to nothing.", path=path
            )
        conn.execute("COMMIT")
    finally:
        if conn.in_transaction:
            conn.execute("ROLLBACK")
        conn.execute("PRAGMA foreign_keys=ON")
    with contextlib.suppress(Exception):  # the log may be in use; the version is read through it then
        conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return backup
