"""What the sources share whose container is a database: known by its tables, never by its name."""

import os
from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from modelmgr.migration.reading.database import DATABASE_SUFFIXES, Table, is_database, tables_of
from modelmgr.migration.source import Container, LegacySource, Report

Tables = Mapping[str, Table]
"""The tables of a database by their names in lower case."""


class TableSource(LegacySource):
    """A database of one tool. Each source knows its own by the tables; the first in the order of probing wins.

    Attributes:
        copies: endings of copies that are looked at where the user named one.
    """

    many = True
    copies: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def is_ours(self, tables: Tables, container: Container) -> bool:
        """Tell by the tables and their stored columns whether a database is of this source.

        Raises:
            Unreadable, sqlite.Error: it had to be opened for that and can't be read.
        """

    def wants(self, name: str, named: bool) -> bool:
        """Want names of databases."""
        suffix = os.path.splitext(name)[1].lower()
        return suffix in DATABASE_SUFFIXES or (named and suffix in self.copies)

    def probe(self, container: Container, report: Report) -> bool:
        """Tell by the tables."""
        if not is_database(container.path):
            return False
        tables = {table.name.lower(): table for table in tables_of(container.path)}
        return self.is_ours(tables, container)


def columns_of(tables: Tables, name: str) -> frozenset[str]:
    """Return the stored columns of a table in lower case, none if there is no such table."""
    return tables[name].lowered if name in tables else frozenset()
