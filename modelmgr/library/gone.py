"""Which known records their containers no longer hold: what an import met, and what it did not although it looked."""

import os
from array import array
from collections.abc import Iterator, Sequence

from modelmgr.catalog import Catalog
from modelmgr.catalog.import_store import KnownRow, Version
from modelmgr.progress import Progress
from modelmgr.values import is_below

KEPT_FOLDERS = 4_096


class Met:
    """Which of the rows that were there before a run it met again: a bit each; and what it read completely."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._last = catalog.last_rows()
        self._bits = tuple(bytearray(last // 8 + 1) for last in self._last)
        # Containers of many records, and the sources whose records they hold.
        self._complete: list[tuple[str, tuple[str, ...]]] = []

    def see(self, versions: Sequence[Version]) -> None:
        """Note that a record was met."""
        for version in versions:
            if version.id <= self._last[version.is_active]:
                self._bits[version.is_active][version.id >> 3] |= 1 << (version.id & 7)

    def completed(self, path: str, sources: tuple[str, ...]) -> None:
        """Note that a container was read to its end, without a problem that hid records."""
        if any(self._last):
            self._complete.append((path, sources))

    def mark_gone(self, paths: Sequence[str], progress: Progress) -> int:
        """Mark the known records that their containers, which were read completely, no longer hold.

        Everything is found out before anything is marked, so that a cancelled run marks nothing.

        Args:
            paths: those that were imported: what lay below and was removed is gone as well.
            progress: only asked whether to stop.

        Returns:
            How many records were marked.
        """
        gone: tuple[array[int], array[int]] = (array("q"), array("q"))
        for row in self._gone(paths, progress):
            gone[row.is_active].append(row.id)
        return self._catalog.mark_gone(gone[False], gone[True])

    def _gone(self, paths: Sequence[str], progress: Progress) -> Iterator[KnownRow]:
        for path, sources in self._complete:
            for row in self._catalog.known_in(path, sources):
                progress.check()
                if not self._saw(row):
                    yield row
        vanished = _Vanished()
        for root in paths:
            if not any(self._last) or not os.path.isdir(root):
                continue
            for row in self._catalog.known_below(root):
                progress.check()
                if not self._saw(row) and vanished.is_gone(row.path, root):
                    yield row

    def _saw(self, row: KnownRow) -> bool:
        """Tell whether a row was met, or came only since."""
        if row.id > self._last[row.is_active]:
            return True
        return bool(self._bits[row.is_active][row.id >> 3] >> (row.id & 7) & 1)


class _Vanished:
    """Tells files that are gone from such that can't be seen just now: their disk may be away."""

    def __init__(self) -> None:
        self._folders: dict[str, bool] = {}

    def is_gone(self, path: str, root: str) -> bool:
        """Tell whether a file below a folder, which is there, was removed."""
        try:
            os.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            return self._is_in_reach(os.path.dirname(path), root)
        except (OSError, ValueError):
            pass
        return False

    def _is_in_reach(self, folder: str, root: str) -> bool:
        """Tell whether a folder, or the nearest one above that is there, holds anything.

        One that is empty where it was not may be the place of a disk that isn't mounted; so may a link that leads
        nowhere.
        """
        known = self._folders.get(folder)
        if known is None:
            try:
                with os.scandir(folder) as entries:
                    known = next(entries, None) is not None
            except FileNotFoundError:
                above = os.path.dirname(folder)
                known = (
                    not os.path.islink(folder) and is_below(above, root) and self._is_in_reach(above, root)
                )
            except OSError:
                known = False
            if len(self._folders) >= KEPT_FOLDERS:
                self._folders.clear()
            self._folders[folder] = known
        return known
