"""Pumas' ``registry.db``: where its libraries are. It holds tokens of running programs too; nothing of it is kept."""

import os
from collections.abc import Sequence

from modelmgr.migration.reading.database import DATABASE_SUFFIXES, Table, opened
from modelmgr.migration.source import Container, Place, Settings
from modelmgr.migration.sources.table_source import Tables, TableSource
from modelmgr.progress import Progress
from modelmgr.values import Root
from modelmgr.vocabulary import UNKNOWN

MODELS = os.path.join("shared-resources", "models")
"""Where below its launcher's folder a library keeps the models."""

_LIMIT = 1_000
_PATH_BYTES = 32_768


class PumasRegistry(Settings, TableSource):
    """See the module."""

    id = "pumas-registry"
    record_ids = ()
    places = (
        Place("Pumas", "~/.config/pumas/registry.db", "linux"),
        Place("Pumas", "~/Library/Application Support/pumas/registry.db", "darwin"),
        Place("Pumas", "$APPDATA/pumas/registry.db", "win32"),
        Place("Pumas", "$PUMAS_REGISTRY_DB_PATH"),
        Place("Pumas", "$PUMAS_LAUNCHER_ROOT/shared-resources/models"),
    )

    def wants(self, name: str, named: bool) -> bool:
        """Want its usual name, and any database that the user named."""
        return name.lower() == "registry.db" or (named and name.lower().endswith(DATABASE_SUFFIXES))

    def is_ours(self, tables: Tables, container: Container) -> bool:
        """Tell by the tables."""
        return _libraries(list(tables.values())) is not None

    def roots(self, container: Container) -> tuple[Root, ...]:
        """Return the folders of models of all libraries."""
        found: dict[str, Root] = {}
        with opened(container.path, Progress(), lambda problem: None) as database:
            if (table := _libraries(database.tables())) is None:
                return ()
            for number, (key, size_bytes) in enumerate(database.keys(table)):
                if number == _LIMIT:
                    break
                row = database.row(table, key, size_bytes) if size_bytes <= _PATH_BYTES else None
                path = row.plain(table.column("path") or "") if row is not None else None
                if isinstance(path, str) and os.path.isabs(path) and "\0" not in path:
                    folder = _models_of(os.path.normpath(path))
                    found.setdefault(folder, Root(folder, UNKNOWN, self.id, container.path))
        return tuple(found.values())


def _libraries(tables: Sequence[Table]) -> Table | None:
    by_name = {table.name.lower(): table for table in tables}
    table = by_name.get("libraries")
    is_ours = table is not None and {"id", "name", "path", "last_accessed"} <= table.lowered
    return table if is_ours and not by_name.keys().isdisjoint(("instances", "registry_config")) else None


def _models_of(library: str) -> str:
    """Return the folder of a library's models; a registry may also name that folder itself."""
    folder = os.path.join(library, MODELS)
    return library if os.path.isdir(library) and not os.path.isdir(folder) else folder
