"""What only SQLite can do: connections and pragmas, full-text index, triggers, online backup, checks.

A catalog on another of peewee's backends would bring its own file of this kind and keep the rest.
"""

import contextlib
import errno
import os
import shutil
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import peewee

from modelmgr.catalog import leftovers, schema
from modelmgr.catalog.connecting import APPLICATION_ID as APPLICATION_ID
from modelmgr.catalog.connecting import BUSY_TIMEOUT_MS as BUSY_TIMEOUT_MS
from modelmgr.catalog.connecting import PRAGMAS as PRAGMAS
from modelmgr.catalog.connecting import Connection as Connection
from modelmgr.catalog.connecting import connect as connect
from modelmgr.catalog.connecting import file_uri as file_uri
from modelmgr.catalog.connecting import identity as identity
from modelmgr.catalog.connecting import look_at as look_at
from modelmgr.catalog.connecting import reading_mode as reading_mode
from modelmgr.durable import sync_folder
from modelmgr.errors import (
    CatalogBusy,
    CatalogDamaged,
    CatalogError,
    CatalogReadOnly,
    DiskFull,
    ModelmgrError,
    NotFound,
)
from modelmgr.progress import Cancelled, Progress
from modelmgr.sqlite import OperationalError, driver, wal_is_safe
from modelmgr.values import MIB, Problem

BUSY_STEP_MS = 100
PARTING_TIMEOUT_MS = 1_000
BACKUP_PAGES = 1_000
LARGE_BYTES = 4 * MIB
"""A payload of more is written, copied and read in pieces: SQLite makes two copies of what goes by in one."""
PIECE_BYTES = MIB
READER_CACHE_KIB = 2_048
SEARCH_NOTES_CHARACTERS = 2_000
"""So much of the notes can be searched."""

_MOST_TRIGRAMS = 3  # more of them narrow little down, and each is as many models to read

# The payloads are append-only: nothing, not even a bug of ours, rewrites one.
_TRIGGERS = tuple(
    f"CREATE TRIGGER {table}_payload_is_final BEFORE UPDATE OF meta_json, payload_sha256 ON {table} "
    "BEGIN SELECT RAISE(ABORT, 'payloads are append-only'); END"
    for table in ("pending_models", "records")
)

# A hash goes with whoever has or claims it.
_HASH_TRIGGERS = {
    "pending_models_hashes_go": "AFTER DELETE ON pending_models BEGIN "
    "DELETE FROM known_hashes WHERE holder = 'pending' AND holder_id = old.id; END",
    "records_hashes_go": "AFTER DELETE ON records BEGIN "
    "DELETE FROM known_hashes WHERE holder = 'record' AND holder_id = old.id; END",
    "files_hashes_go": "AFTER DELETE ON files BEGIN "
    "DELETE FROM known_hashes WHERE holder = 'file' AND holder_id = old.id; END",
    "files_hashes_are_stale": "AFTER UPDATE OF partial_hashes ON files WHEN new.partial_hashes IS NULL BEGIN "
    "DELETE FROM known_hashes WHERE holder = 'file' AND holder_id = old.id; END",
}

# What a scan knows of a folder is void as soon as anybody else changes what stands in `files`.
_FILE_TRIGGERS = {
    "files_digest_insert": "AFTER INSERT ON files WHEN new.scanned_folder IS NOT NULL BEGIN "
    "UPDATE scanned_folders SET digest = NULL WHERE id = new.scanned_folder AND digest IS NOT NULL; END",
    "files_digest_delete": "AFTER DELETE ON files WHEN old.scanned_folder IS NOT NULL BEGIN "
    "UPDATE scanned_folders SET digest = NULL WHERE id = old.scanned_folder AND digest IS NOT NULL; END",
    "files_digest_update": "AFTER UPDATE OF path, size_bytes, mtime_ns, inode, state ON files "
    "WHEN old.scanned_folder IS NOT NULL BEGIN "
    "UPDATE scanned_folders SET digest = NULL WHERE id = old.scanned_folder AND digest IS NOT NULL; END",
}

# External content: the text stands once, in models.search_text (folded). Trigrams without positions take a
# fifth of the full index; SQLite checks each hit against the text itself.
_SEARCH = (
    "CREATE VIRTUAL TABLE model_search USING fts5(search_text, content='models', content_rowid='id', "
    "tokenize='trigram', detail=none)",
)
# Its threes in their order, for words that are shorter (`short_words`).
_VOCABULARY = "CREATE VIRTUAL TABLE temp.search_terms USING fts5vocab(main, model_search, instance)"
_SEARCH_TRIGGERS = {
    "models_search_insert": "AFTER INSERT ON models BEGIN "
    "INSERT INTO model_search(rowid, search_text) VALUES (new.id, new.search_text); END",
    "models_search_delete": "AFTER DELETE ON models BEGIN "
    "INSERT INTO model_search(model_search, rowid, search_text) VALUES ('delete', old.id, old.search_text); END",
    "models_search_update": "AFTER UPDATE OF search_text ON models WHEN old.search_text IS NOT new.search_text "
    "BEGIN INSERT INTO model_search(model_search, rowid, search_text) "
    "VALUES ('delete', old.id, old.search_text); "
    "INSERT INTO model_search(rowid, search_text) VALUES (new.id, new.search_text); END",
}


class Database(peewee.SqliteDatabase):
    """peewee's database on one catalog file; every connection gets the same pragmas.

    Args:
        path: the file.
        uri_query: ``mode=rw``, ``mode=ro`` or ``immutable=1``.
        writes: one connection for all threads (guarded by the catalog's lock); else one per thread, read only.
    """

    def __init__(self, path: str, uri_query: str, *, writes: bool) -> None:
        super().__init__(path, thread_safe=not writes)
        self._uri_query = uri_query
        self._writes = writes
        self._lock_list = threading.Lock()
        self._opened: weakref.WeakSet[Connection] = weakref.WeakSet()
        self._of_thread: weakref.WeakValueDictionary[int, Connection] = weakref.WeakValueDictionary()
        self._trace: Callable[[str], None] | None = None

    def _connect(self) -> Connection:
        conn = connect(self.database, self._uri_query)
        # Now, in 50 us: a table that is made later, even a temporary one, ends the questions that are being answered.
        conn.execute(_VOCABULARY)
        if not self._writes:
            conn.execute("PRAGMA query_only=ON")
            # One a thread: the system's own cache serves them as well, measured, and is there once.
            conn.execute(f"PRAGMA cache_size=-{READER_CACHE_KIB}")
        with self._lock_list:
            self._opened.add(conn)
            self._of_thread[threading.get_ident()] = conn
            if self._trace is not None:
                conn.set_trace_callback(self._trace)
        return conn

    def trace(self, callback: Callable[[str], None] | None) -> None:
        """Call back with each statement that any connection runs, from now on."""
        with self._lock_list:
            self._trace = callback
            for conn in self._opened:
                conn.set_trace_callback(callback)

    def interrupt(self, thread: int) -> None:
        """End the statement that a thread's connection runs, if it runs one; it raises `Cancelled` there."""
        with self._lock_list:
            conn = self._of_thread.get(thread)
            if conn is not None and conn in self._opened:
                conn.interrupt()

    def close_all(self) -> None:
        """Close the connections of all threads; the last one out folds the log into the file.

        What another thread reads by is interrupted and left to it, and goes when it ends: closed while a statement
        runs, a connection takes the whole process with it. The one that writes is never left: its lock is the caller's.
        """
        with self._lock_list:
            others = set() if self._writes else set(sys._current_frames()) - {threading.get_ident()}
            left = {id(conn) for thread, conn in self._of_thread.items() if thread in others}
            for conn in list(self._opened):
                if id(conn) in left:
                    conn.interrupt()
                else:
                    conn.close()
                    self._opened.discard(conn)
        with contextlib.suppress(peewee.OperationalError, driver.ProgrammingError):
            self.close()


@contextlib.contextmanager
def open_payload(conn: Connection, table: str, row_id: int, *, readonly: bool = True) -> Iterator[Any]:
    """Open the payload of a row to be read or written in pieces; None for a row that isn't there.

    It knows where its pages lie as far as it has been read; opened anew for each piece, a walk took quadratic time.
    """
    # `pysqlite3` still calls it by the name that it had before Python 3.11 took it in.
    opened = conn.blobopen if hasattr(conn, "blobopen") else conn.open_blob
    try:
        blob = opened(table, "meta_json", row_id, readonly=readonly)
    except driver.OperationalError as error:
        if "no such rowid" not in str(error):
            raise
        yield None
        return
    with blob:
        yield blob


def payload_of(database: Database, table: str, row_id: int) -> bytes | None:
    """Return the payload of a row of `records` or `pending_models`, None if there is no such row.

    As a value of a statement it would be twice in memory.
    """
    with open_payload(database.connection(), table, row_id) as blob:
        return None if blob is None else bytes(blob.read())


def fill_payload(conn: Connection, pending_id: int, payload: bytes) -> None:
    """Write a payload of more than `LARGE_BYTES` into a pending model whose insert left as many zero bytes for it.

    Bound to a statement it would be twice in memory beside the caller's.
    """
    view = memoryview(payload)
    with open_payload(conn, "pending_models", pending_id, readonly=False) as blob:
        for start in range(0, len(view), PIECE_BYTES):
            blob.write(view[start : start + PIECE_BYTES])


def copy_payload(conn: Connection, pending_id: int, record_id: int) -> None:
    """Copy the payload of a pending model into an active record whose insert left as many zero bytes for it."""
    with (
        open_payload(conn, "pending_models", pending_id) as source,
        open_payload(conn, "records", record_id, readonly=False) as target,
    ):
        while piece := source.read(PIECE_BYTES):
            target.write(piece)


def begin_write(conn: Connection, timeout_ms: int = BUSY_TIMEOUT_MS) -> None:
    """Begin a write transaction; waits for those of other processes, but hears signals meanwhile.

    SQLite's own wait goes on for its whole time whatever signal comes, and Ctrl-C would be answered ten seconds later.

    Raises:
        OperationalError: another process has been writing all that time.
    """
    until = time.monotonic() + timeout_ms / 1000
    conn.execute(f"PRAGMA busy_timeout={BUSY_STEP_MS}")
    try:
        while True:
            try:
                conn.execute("BEGIN IMMEDIATE")
            except OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > until:
                    raise
            else:
                return
    finally:
        conn.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")


@contextlib.contextmanager
def translated(path: str) -> Iterator[None]:
    """Turn the driver's and peewee's errors into ours, with one sentence and the catalog's path."""
    try:
        yield
    except (driver.DatabaseError, peewee.DatabaseError) as error:
        if "interrupted" in str(error):
            raise Cancelled from error
        raise translate(error, path) from error


def translate(error: Exception, path: str) -> CatalogError:
    """Return our error for one of SQLite's."""
    cause: BaseException = error
    while isinstance(cause, peewee.PeeweeException) and cause.__cause__ is not None:
        cause = cause.__cause__
    name = getattr(cause, "sqlite_errorname", "") or ""
    text = str(cause).lower()
    if "full" in text or name.startswith("SQLITE_FULL"):
        return DiskFull(
            "The disk of the catalog is full: what was saved before stays, the rest was not done.", path=path
        )
    if "readonly" in text or "read-only" in text:
        return CatalogReadOnly(f"The catalog can't be written: {path} is read-only.", path=path)
    if "locked" in text or "busy" in text:
        return CatalogBusy("Another program is writing to the catalog; try again in a moment.", path=path)
    if "malformed" in text or "not a database" in text or "corrupt" in text:
        return CatalogDamaged(
            f"The catalog {path} is damaged. Nothing was changed; keep a copy of the file, then restore a backup.",
            path=path,
            reason=str(cause),
        )
    if "unable to open" in text:
        return CatalogError(f"The catalog {path} can't be opened.", path=path, reason=str(cause))
    if "i/o error" in text:
        return CatalogError(
            f"The disk of the catalog can't be written or read ({path}); what was saved before stays.",
            code="disk_error",
            path=path,
            reason=str(cause),
        )
    return CatalogError(f"The catalog can't be used: {cause}.", path=path, reason=str(cause))


def create_all(conn: Connection) -> None:
    """Create every table, index and trigger of `schema.VERSION`; inside the caller's transaction."""
    create_missing(conn)
    for statement in (*_TRIGGERS, *_SEARCH):
        conn.execute(statement)
    for name, body in _SEARCH_TRIGGERS.items():
        conn.execute(f"CREATE TRIGGER {name} {body}")
    conn.execute(f"PRAGMA application_id={APPLICATION_ID}")
    conn.execute(f"PRAGMA user_version={schema.VERSION}")


def create_missing(conn: Connection) -> None:
    """Create those tables of the schema that aren't there, and what belongs to them; inside the caller's transaction.

    The search index and what guards the payloads is as old as the schema and made by `create_all`.
    """
    unbound = peewee.SqliteDatabase(None)
    for table in schema.TABLES:
        manager: Any = peewee.SchemaManager(table, unbound)
        conn.execute(*manager._create_table(safe=True).query())
        for context in manager._create_indexes(safe=True):
            conn.execute(*context.query())
    for name, columns in schema.ORDER_INDEXES.items():
        conn.execute(f"CREATE INDEX IF NOT EXISTS {name} ON models({columns})")
    for name, target in schema.PARTIAL_INDEXES.items():
        conn.execute(f"CREATE INDEX IF NOT EXISTS {name} ON {target}")
    for name, body in (_HASH_TRIGGERS | _FILE_TRIGGERS).items():
        conn.execute(f"CREATE TRIGGER IF NOT EXISTS {name} {body}")


def set_journal_mode(conn: Connection) -> None:
    """Switch to WAL where this SQLite is free of its reset fault, else to a truncated rollback journal."""
    mode = "wal" if wal_is_safe() else "truncate"
    until = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    pause = threading.Event()
    while True:
        # The switch needs the file for itself and does not wait by busy_timeout.
        try:
            (now,) = conn.execute(f"PRAGMA journal_mode={mode}").fetchone()
        except driver.OperationalError:
            now = ""
        if now == mode or time.monotonic() > until:
            return
        pause.wait(0.02)


def search_condition(word: str, *, walking: bool = False) -> tuple[str, str]:
    """Return SQL over `models` and its parameter that hold where the folded `word` occurs.

    Args:
        word: what to find.
        walking: True where the models are walked in order anyway until a page is full; then the index would cost
            more than it saves. Words of one or two letters are in no trigram and always walk.
    """
    if walking or len(word) < 3:
        return "instr(search_text, ?) > 0", word
    pattern = "".join(f"[{char}]" if char in "*?[" else char for char in word)
    return "id IN (SELECT rowid FROM model_search WHERE search_text GLOB ?)", f"*{pattern}*"


def search_match(word: str) -> str | None:
    """Return what the search index is asked for models that may hold a word: some trigrams; None if it has none.

    Those of more than letters and digits are rarer than others; such as overlap say the same twice.
    """
    trigrams = [word[at : at + 3] for at in range(len(word) - 2)]
    told = [each for each in trigrams if not each.isalnum()]
    told += [trigrams[at] for at in (0, -1, len(trigrams) // 2) if trigrams]
    quoted = ('"' + each.replace('"', '""') + '"' for each in list(dict.fromkeys(told))[:_MOST_TRIGRAMS])
    return " AND ".join(quoted) or None


def fold(expression: str) -> str:
    """Return SQL for a text folded as the search text is (`values.folded`); SQLite's own `lower` folds ASCII alone."""
    return (
        f"iif(length(CAST({expression} AS BLOB)) = length({expression}), lower({expression}), "
        f"folded({expression}))"
    )


@contextlib.contextmanager
def search_filled_after(conn: Connection, first_id: int) -> Iterator[None]:
    """Leave the search index alone while models with ids from `first_id` on are inserted, and fill it in one go then.

    A trigger's insert is a savepoint each, for which the index writes out a part of its own: a third of all that it
    costs to write a model. The caller holds the transaction; nothing else may touch models meanwhile.
    """
    name = "models_search_insert"
    conn.execute(f"DROP TRIGGER {name}")
    try:
        yield
    finally:
        conn.execute(
            "INSERT INTO model_search(rowid, search_text) SELECT id, search_text FROM models WHERE id >= ?",
            (first_id,),
        )
        conn.execute(f"CREATE TRIGGER {name} {_SEARCH_TRIGGERS[name]}")


def tidy(conn: Connection) -> None:
    """Fold the log into the file and refresh the planner's statistics, as far as nobody reads or writes."""
    with contextlib.suppress(driver.OperationalError):
        conn.execute(f"PRAGMA busy_timeout={BUSY_STEP_MS}")
        conn.execute("PRAGMA optimize")
        conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def data_version(conn: Connection) -> int:
    """Return a number that changes when another connection wrote."""
    ((number,),) = conn.execute("PRAGMA data_version").fetchall()
    return int(number)


def backup_to(path: str, target: str, progress: Progress) -> list[Problem]:
    """Copy the catalog to `target` while it may be in use; the copy is checked before it gets its name.

    Raises:
        CatalogError: source or target can't be read or written, or a program has the target open; nothing is left
            behind.
        ModelmgrError: `target` is a place where no backup can stand.
    """
    target = _place_of_backup(path, target)
    try:
        leftovers.remove_dead(target)
        part = leftovers.new_part(target)
    except OSError as error:
        raise _unwritable(target, error) from error
    try:
        with translated(path), contextlib.closing(connect(path, reading_mode(path))) as source:
            copy = driver.connect(part)
            try:

                def step(_status: int, remaining: int, total: int) -> None:
                    progress.step(total - remaining, total, os.path.basename(target), "pages")

                source.backup(copy, pages=BACKUP_PAGES, progress=step)
                copy.execute("PRAGMA journal_mode=DELETE")
            finally:
                copy.close()
        problems = check_file(part, progress, deep=False)
        if not problems:
            with open(part, "rb+") as file:
                os.fsync(file.fileno())
            for suffix in leftovers.COMPANIONS:  # the log of what lay there must not meet the copy
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(target + suffix)
            os.replace(part, target)
            sync_folder(target)
        return problems
    except DiskFull as error:
        raise DiskFull(f"The disk of {target} is full; no backup was written.", path=target) from error
    except OSError as error:
        raise _unwritable(target, error) from error
    finally:
        leftovers.remove_part(part)


def _place_of_backup(path: str, target: str) -> str:
    """Return where a backup goes, links followed, if it takes the place of nothing but a file that nobody uses."""
    catalog, target = os.path.realpath(path), os.path.realpath(target)
    if os.path.exists(target) and os.path.exists(catalog) and os.path.samefile(catalog, target):
        raise CatalogError("A backup can't replace the catalog itself.", path=target)
    if target in {catalog + suffix for suffix in ("", *leftovers.COMPANIONS)}:
        raise CatalogError("A backup can't replace the catalog itself or its log.", path=target)
    folder = os.path.dirname(target)
    if not os.path.isdir(folder):
        raise NotFound(f"The folder {folder} does not exist.", path=target)
    if os.path.exists(target) and not os.path.isfile(target):
        raise ModelmgrError(f"{target} is no regular file.", code="unwritable", path=target)
    if is_in_use(target):
        raise CatalogBusy(f"{target} is open in another program; name another file.", path=target)
    return target


def _unwritable(target: str, error: OSError) -> ModelmgrError:
    message = f"The backup {target} can't be written: {error.strerror or error}."
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull(message, path=target)
    return ModelmgrError(message, code="unwritable", path=target)


def check_file(path: str, progress: Progress, *, deep: bool = True) -> list[Problem]:
    """Check a catalog: SQLite's own check of pages and indexes, foreign keys, and the digest of every payload.

    Args:
        path: of the catalog; changes nothing.
        progress: cancels.
        deep: False leaves out the contents of indexes and the digests: seconds instead of minutes.

    Returns:
        A problem for each defect, naming the record where it is one; empty if all is well.
    """
    problems: list[Problem] = []
    try:
        with contextlib.closing(connect(path, reading_mode(path))) as conn:
            conn.execute("PRAGMA query_only=ON")
            conn.set_progress_handler(lambda: int(progress.is_cancelled), 100_000)
            for (text,) in conn.execute(f"PRAGMA {'integrity' if deep else 'quick'}_check(100)"):
                if text != "ok":
                    problems.append(Problem(path, "catalog_damaged", f"SQLite says: {text}"))
            for table, rowid, parent, _ in conn.execute("PRAGMA foreign_key_check"):
                problems.append(
                    Problem(path, "catalog_damaged", f"Row {rowid} of {table} points to nothing in {parent}.")
                )
            if deep:
                problems += _check_payloads(conn, path, progress)
    except (driver.DatabaseError, peewee.DatabaseError) as error:
        progress.check()
        problems.append(Problem(path, "catalog_damaged", translate(error, path).message))
    progress.check()
    return problems


def _check_payloads(conn: Connection, path: str, progress: Progress) -> list[Problem]:
    import hashlib

    problems: list[Problem] = []
    for table in ("pending_models", "records"):
        (last,) = conn.execute(f"SELECT max(id) FROM {table}").fetchone()
        rowid = 0
        while last and rowid < last:
            # One row at a time: a damaged page then costs its own rows and no others.
            try:
                row = conn.execute(
                    "SELECT id, source_path, payload_sha256, "
                    f"CASE WHEN length(meta_json) <= {LARGE_BYTES} THEN meta_json END FROM {table} "
                    "WHERE id > ? ORDER BY id LIMIT 1",
                    (rowid,),
                ).fetchone()
            except driver.DatabaseError:
                rowid += 1
                continue
            if row is None:
                break
            rowid, source_path, digest, payload = row
            progress.step(rowid, last, table, "records")
            found = hashlib.sha256(payload or b"")
            if payload is None:
                with (
                    contextlib.suppress(driver.DatabaseError),  # a digest of less is told as damage
                    open_payload(conn, table, rowid) as blob,
                ):
                    while piece := blob.read(PIECE_BYTES):
                        progress.check()
                        found.update(piece)
            if found.hexdigest() != digest:
                problems.append(
                    Problem(
                        schema.path_out(source_path),
                        "payload_damaged",
                        f"The stored payload {rowid} of {table} no longer has its digest {digest[:10]}.",
                    )
                )
    return problems


def restore_from(source: str, path: str, progress: Progress) -> str | None:
    """Put a backup in the catalog's place; the present catalog is kept aside, never removed.

    Returns:
        Where the former catalog lies now, or None if there was none.

    Raises:
        CatalogError: the backup is no good catalog, or the place can't be written; nothing was changed then.
    """
    if look_at(source) != "database":
        raise CatalogDamaged(f"{source} holds no catalog.", path=source)
    problems = check_file(source, progress)
    if problems:
        raise CatalogDamaged(
            f"The backup {source} is damaged ({problems[0].message}); nothing was restored.", path=source
        )
    aside: str | None = None
    try:
        leftovers.remove_dead(path)
        part = leftovers.new_part(path)
        try:
            with translated(source), contextlib.closing(connect(source, reading_mode(source))) as conn:
                copy = driver.connect(part)
                try:
                    conn.backup(copy, pages=BACKUP_PAGES)
                    copy.execute("PRAGMA journal_mode=DELETE")
                finally:
                    copy.close()
            with open(part, "rb+") as file:
                os.fsync(file.fileno())
            if os.path.exists(path) and os.path.getsize(path):
                aside = keep_aside(path)
                for suffix in ("-wal", "-shm"):  # the log of the former catalog must not meet the new one
                    with contextlib.suppress(FileNotFoundError):
                        os.unlink(path + suffix)
            os.replace(part, path)
            sync_folder(path)
        finally:
            leftovers.remove_part(part)
    except OSError as error:
        raise CatalogError(f"The catalog can't be restored: {error.strerror}.", path=path) from error
    return aside


def keep_aside(path: str) -> str:
    """Copy a catalog with its log into ``recovery/<time>/`` beside it; return the copy's path."""
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    base = os.path.join(os.path.dirname(os.path.abspath(path)), "recovery")
    os.makedirs(base, exist_ok=True)
    folder = tempfile.mkdtemp(prefix=f"{stamp}-", dir=base)
    for suffix in ("-wal", "-shm", ""):
        if os.path.exists(path + suffix):
            shutil.copy2(path + suffix, os.path.join(folder, os.path.basename(path) + suffix))
    return os.path.join(folder, os.path.basename(path))


def is_in_use(path: str) -> bool:
    """Tell whether another connection has the catalog open for writing or reading just now."""
    if not os.path.exists(path) or not os.path.getsize(path):
        return False
    try:
        with contextlib.closing(connect(path, "mode=rw")) as conn:
            conn.execute("PRAGMA busy_timeout=0")
            conn.execute("PRAGMA locking_mode=EXCLUSIVE")
            conn.execute("BEGIN EXCLUSIVE")
            conn.execute("ROLLBACK")
    except driver.OperationalError as error:
        return "locked" in str(error) or "busy" in str(error)
    except driver.DatabaseError:
        return False  # damaged: a restore is what it needs
    return False
