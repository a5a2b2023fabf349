"""The first rows of a catalog, before the catalog is opened.

They are all that the first paint of a window needs. One connection and plain SQL read them, while what `Catalog` stands
on (peewee, the stores, the language of searches) takes fifty times as long to be loaded.
"""

from typing import Self

from modelmgr.catalog.connecting import VERSION, Connection, connect, identity, look_at, reading_mode
from modelmgr.catalog.light import LIGHT, row_of
from modelmgr.catalog.orders import order_of, ordering
from modelmgr.errors import CatalogError
from modelmgr.sqlite import Error
from modelmgr.values import ModelQuery, ModelRow

_BUSY_MS = 100
"""Whoever waits longer may as well load the rest meanwhile."""


class FirstLook:
    """What a catalog showed at a first look. Keeps its connection, so that it knows what others write from then on.

    Attributes:
        rows: the first of the order.
    """

    def __init__(
        self, conn: Connection, rows: list[ModelRow], version: int, *, is_all: bool, most: int
    ) -> None:
        self.rows = rows
        self._conn = conn
        self._version = version
        self._is_all = is_all
        self._most = most

    @property
    def count(self) -> int:
        """How many models there are, or as many as are to be counted at most; asked for when it is wanted."""
        if self._is_all:
            return len(self.rows)
        try:
            (count,) = self._conn.execute(
                "SELECT count(*) FROM (SELECT 1 FROM models LIMIT ?)", (self._most,)
            ).fetchone()
        except Error:
            return len(self.rows)
        return int(count)

    @classmethod
    def at(cls, path: str, wanted: ModelQuery, limit: int, most: int) -> Self | None:
        """Look at the catalog at `path`; None where that takes more: `Catalog` knows what there is to do or to say.

        Args:
            path: real and absolute.
            wanted: all models, in an order of which one index holds all.
            limit: so many rows at most.
            most: so many models at most are counted.
        """
        order = order_of(wanted)
        if wanted.narrows or order.leading or order.is_sparse or order.index_name is None:
            return None
        try:
            if look_at(path) != "database" or reading_mode(path) != "mode=rw":
                return None
            conn = connect(path, "mode=rw", _BUSY_MS)
        except (CatalogError, Error, OSError):
            return None
        try:
            conn.execute("PRAGMA query_only=ON")
            if identity(conn, path) == VERSION:
                (version,) = conn.execute("PRAGMA data_version").fetchone()
                conn.execute("BEGIN")
                ids = conn.execute(f"SELECT id FROM models{ordering(order.all)} LIMIT ?", (limit,)).fetchall()
                marks = ", ".join("?" * len(ids))
                found = conn.execute(
                    f"SELECT {LIGHT} FROM models WHERE id IN ({marks})", [row_id for (row_id,) in ids]
                )
                rows = {values[0]: row_of(values) for values in found}
                conn.execute("COMMIT")
                found_rows = [rows[row_id] for (row_id,) in ids]
                return cls(conn, found_rows, version, is_all=len(rows) < limit, most=most)
        except (CatalogError, Error, ValueError, TypeError, LookupError):  # damage has many faces
            pass
        conn.close()
        return None

    def is_stale(self) -> bool:
        """Tell whether anybody has written to the catalog since; any thread may ask, one at a time."""
        try:
            (version,) = self._conn.execute("PRAGMA data_version").fetchone()
        except Error:
            return True
        return bool(version != self._version)

    def close(self) -> None:
        """Close the connection; nobody asks any more."""
        self._conn.close()
