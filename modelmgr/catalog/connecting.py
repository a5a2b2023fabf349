"""What a catalog file is before it is opened, and one connection to it, with the pragmas of the house.

It loads next to nothing, so that the window's first rows need nothing more (`first_look`).
"""

import os
import stat
from typing import Any

from modelmgr.errors import CatalogDamaged, CatalogError, CatalogTooNew
from modelmgr.sqlite import driver, wal_is_safe
from modelmgr.values import MIB, FileState, HashState, folded

VERSION = 6
"""Of the schema."""

APPLICATION_ID = 0x6D6D6772  # "mmgr"
BUSY_TIMEOUT_MS = 10_000
MAGIC = b"SQLite format 3\0"

PRAGMAS = (
    "PRAGMA foreign_keys=ON",
    "PRAGMA trusted_schema=OFF",
    "PRAGMA cell_size_check=ON",
    "PRAGMA mmap_size=0",  # a mapped file ends the process by SIGBUS when its disk goes
    f"PRAGMA journal_size_limit={64 * MIB}",
    "PRAGMA wal_autocheckpoint=4000",  # with 1,000 pages each transaction of a scan ends in one, a tenth of its time
    "PRAGMA temp_store=MEMORY",
    "PRAGMA cache_size=-8192",  # with 16 MiB a scan writes no faster, measured, and holds 10 MB more
    f"PRAGMA synchronous={'FULL' if wal_is_safe() else 'EXTRA'}",
)

for _words in (FileState, HashState):  # of each file; see `modelmgr.sqlite`
    driver.register_adapter(_words, str)


class Connection(driver.Connection):
    """The driver's connection, weakly referable, so that a catalog can close those of ended threads."""


def file_uri(path: str, query: str) -> bytes | str:
    """Return a SQLite URI for a path of any bytes."""
    quoted = "".join(
        chr(byte) if (chr(byte).isalnum() and byte < 128) or byte in b"/._-~:" else f"%{byte:02X}"
        for byte in os.fsencode(os.path.abspath(path).replace(os.sep, "/"))
    )
    return f"file:{'' if quoted.startswith('/') else '/'}{quoted}?{query}"


def connect(path: str, uri_query: str, timeout_ms: int = BUSY_TIMEOUT_MS) -> Connection:
    """Open one connection with the pragmas of the house; it waits so long for a lock of others."""
    conn: Connection = driver.connect(
        file_uri(path, uri_query),
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        timeout=timeout_ms / 1000,
        factory=Connection,
        cached_statements=256,
    )
    try:
        for pragma in PRAGMAS:
            conn.execute(pragma)
        conn.create_function("folded", 1, _folded, deterministic=True)
    except BaseException:
        conn.close()
        raise
    return conn


def reading_mode(path: str) -> str:
    """Return how a catalog can be opened where its folder can't be written (a WAL database needs its -shm)."""
    folder = os.path.dirname(path)
    if os.access(path, os.W_OK) and os.access(folder, os.W_OK):
        return "mode=rw"
    log_size = os.path.getsize(path + "-wal") if os.path.exists(path + "-wal") else 0
    return "mode=ro" if log_size else "immutable=1"


def look_at(path: str) -> str:
    """Tell what stands at `path` without opening it as a database: ``absent``, ``empty`` or ``database``.

    Raises:
        CatalogError: it is a folder, can't be read, or is a hard link.
        CatalogDamaged: it is no SQLite database, or one of another program.
        CatalogTooNew: a newer version of the program wrote it.
    """
    try:
        kind = os.stat(path).st_mode
        if stat.S_ISDIR(kind):
            raise CatalogError(f"The catalog {path} is a folder.", path=path)
        if not stat.S_ISREG(kind):  # to open a pipe would wait for ever
            raise CatalogError(f"The catalog {path} is no regular file.", path=path)
        with open(path, "rb") as file:
            facts = os.fstat(file.fileno())
            head = file.read(100)
    except FileNotFoundError:
        return "absent"
    except OSError as error:
        raise CatalogError(f"The catalog {path} can't be read: {error.strerror}.", path=path) from error
    if not head:
        return "empty"
    if facts.st_nlink > 1:
        raise CatalogError(
            f"The catalog {path} has a second name (a hard link): two names of one database lose data.",
            path=path,
        )
    if len(head) < 100 or not head.startswith(MAGIC):
        raise CatalogDamaged(
            f"{path} is not a catalog, or its first page is damaged. It was not touched.", path=path
        )
    user_version, application_id = (int.from_bytes(head[at : at + 4], "big") for at in (60, 68))
    if application_id not in (0, APPLICATION_ID):
        raise CatalogDamaged(f"{path} is a database of another program. It was not touched.", path=path)
    if application_id == APPLICATION_ID and user_version > VERSION:
        raise too_new(path, user_version)
    return "database"


def too_new(path: str, found: int) -> CatalogTooNew:
    """Return the error for a catalog of a newer version."""
    return CatalogTooNew(
        f"The catalog {path} was written by a newer version of modelmgr (schema {found}, this program knows "
        f"{VERSION}). It was not touched; please update the program.",
        path=path,
        found=found,
        known=VERSION,
    )


def identity(conn: Connection, path: str) -> int | None:
    """Return the schema version of a catalog, or None for a database without any table.

    Raises:
        CatalogDamaged: a database of another program.
        CatalogTooNew: a newer version.
    """
    # The tables first: another process may be making them just now, with our mark in the same transaction.
    (tables,) = conn.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    (application_id,) = conn.execute("PRAGMA application_id").fetchone()
    (found,) = conn.execute("PRAGMA user_version").fetchone()
    if application_id == APPLICATION_ID:
        if found > VERSION:
            raise too_new(path, found)
        return int(found)
    if application_id or tables:
        raise CatalogDamaged(f"{path} is a database of another program. It was not touched.", path=path)
    return None


def _folded(value: Any) -> Any:
    return folded(value) if isinstance(value, str) else value
