"""The catalog and the library of a window: opened and loaded when more is wanted of them than the first rows."""

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelmgr.catalog import FirstLook
from modelmgr.values import ModelQuery, ModelRow

if TYPE_CHECKING:
    from modelmgr.catalog import Catalog

FIRST_ROWS = 128
ORDER_AT_ONCE = 20_000
"""Up to so many rows the whole order comes as quickly as the first page would."""


class CatalogWhenWanted:
    """The catalog; shows its first rows before it is opened, where that can be.

    Attributes:
        path: of the file, real and absolute.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = os.path.realpath(path)
        self._lock = threading.Lock()
        self._look: FirstLook | None = None
        self._looked_for: tuple[ModelQuery, int, int] | None = None
        self._opened: Catalog | None = None

    def first_look(self, query: ModelQuery, limit: int, most: int) -> FirstLook | None:
        """Return what `first_page` would, if that is known without opening the catalog."""
        if self._opened is None and self._look is None:
            self._look = FirstLook.at(self.path, query, limit, most)
            self._looked_for = (query, limit, most)
        is_it = self._opened is None and self._looked_for == (query, limit, most)
        return self._look if is_it else None

    def first_page(self, query: ModelQuery, limit: int, most: int) -> tuple[list[ModelRow], int]:
        """See `Catalog.first_page`.

        Raises:
            CatalogError: it can't be opened.
        """
        look = self.first_look(query, limit, most)
        if look is not None:
            return look.rows, look.count
        return self.open().first_page(query, limit, most)

    def open(self) -> "Catalog":
        """Open it if that was not done yet; any thread may.

        Raises:
            CatalogError: it can't be opened.
        """
        with self._lock:
            if self._opened is None:
                from modelmgr.catalog import Catalog

                self._opened = Catalog.open(self.path)
            return self._opened

    def was_changed(self) -> bool:
        """Tell, once, whether anybody has written to it between the first rows and now."""
        look, self._look = self._look, None
        if look is None:
            return False
        is_stale = look.is_stale()
        look.close()
        return is_stale

    def interrupt(self, thread: int) -> None:
        """See `Catalog.interrupt`."""
        if self._opened is not None:
            self._opened.interrupt(thread)

    def close(self) -> None:
        """Close what is open."""
        self.was_changed()
        if self._opened is not None:
            self._opened.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.open(), name)


class LibraryWhenWanted:
    """The library, loaded with the first deed: its readers and sources are a third of all that a window loads.

    Attributes:
        catalog: as in `Library`.
    """

    def __init__(self, catalog: "Catalog") -> None:
        self.catalog = catalog
        self._lock = threading.Lock()

    def __getattr__(self, name: str) -> Any:
        with self._lock:
            if "_library" not in self.__dict__:
                from modelmgr.library import Library

                self._library = Library(self.catalog)
        return getattr(self._library, name)
