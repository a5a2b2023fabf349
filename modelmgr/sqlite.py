"""The process's one SQLite driver, for the catalog and for the databases of other tools alike.

Two copies of SQLite in one process destroy each other's POSIX file locks (sqlite.org/howtocorrupt.html), so
nothing else imports a driver; peewee makes the same choice (it prefers `pysqlite3` when that is newer), and a
test holds the two together.
"""

import sqlite3 as _stdlib
from typing import Any

driver: Any = _stdlib
try:
    from pysqlite3 import dbapi2 as _newer
except ImportError:  # no wheel for this platform
    pass
else:
    if _newer.sqlite_version_info >= _stdlib.sqlite_version_info:
        driver = _newer

version_info: tuple[int, int, int] = driver.sqlite_version_info
version: str = driver.sqlite_version

DatabaseError: type[Exception] = driver.DatabaseError
OperationalError: type[Exception] = driver.OperationalError
Error: type[Exception] = driver.Error

# It looks for an adapter for each value that is no exact int, float or str, and asks two types in vain where there is
# none: 0.7 us a NULL, which was a third of what the rows of a scan take to be written.
for _kind, _same in ((type(None), {}.get), (bool, int), (bytes, bytes)):
    driver.register_adapter(_kind, _same)


def wal_is_safe(found: tuple[int, int, int] = version_info) -> bool:
    """Tell whether this SQLite is free of the WAL-reset fault (sqlite.org/wal.html#walresetbug).

    Fixed in 3.51.3, and in the backports 3.44.6 and 3.50.7. Without the fix a WAL database can lose
    committed transactions when two connections meet around a checkpoint.
    """
    return found >= (3, 51, 3) or (3, 50, 7) <= found < (3, 51, 0) or (3, 44, 6) <= found < (3, 45, 0)
