"""What one sends along when something is wrong: versions, counts, settings, the end of the log. No secrets in it.

Nothing here names a model or a file, but the log may: where it does, the user's home is written as ``~``.
"""

import os
import platform
import sys
from collections.abc import Mapping
from typing import Any

from PySide6 import __version__ as pyside_version
from PySide6.QtCore import qVersion
from PySide6.QtGui import QGuiApplication

import modelmgr
from modelmgr.catalog import Catalog
from modelmgr.errors import ModelmgrError
from modelmgr.gui import logs
from modelmgr.gui.logs import escaped
from modelmgr.values import ModelQuery, PendingQuery

LOG_LINES = 100


def report(catalog: Catalog, settings: Mapping[str, Any], sqlite_version: str) -> str:
    """Return it as text; it asks the catalog and reads the log, so in a worker."""
    parts = [
        f"modelmgr {modelmgr.__version__}",
        f"Python {platform.python_version()}, Qt {qVersion()} ({QGuiApplication.platformName()}), "
        f"PySide {pyside_version}, SQLite {sqlite_version}",
        f"{platform.system()} {platform.release()}, {platform.machine()}, {os.cpu_count()} processors, "
        f"{sys.getfilesystemencoding()}",
        "",
        f"Catalog: {_short(str(catalog.path))}",
        *_counts(catalog),
        "",
        "Settings:",
        *(f"  {name}: {value}" for name, value in settings.items()),
        "",
        f"Log, the last {LOG_LINES} lines:",
        *(f"  {_short(line)}" for line in logs.tail(catalog.path, LOG_LINES)),
    ]
    return "\n".join(parts)


def _counts(catalog: Catalog) -> list[str]:
    try:
        size = os.stat(catalog.path).st_size
        facets = catalog.facets(ModelQuery(), groups=("states",))
        states = ", ".join(f"{number} {state}" for state, number in facets.states.items()) or "none"
        return [
            f"  size: {size} bytes",
            f"  models: {facets.total}, of these {states}",
            f"  pending: {catalog.pending_count(PendingQuery())}",
            *(
                f"  folder {number}: {folder.state}, {folder.file_count} files"
                for number, folder in enumerate(catalog.folders(), 1)
            ),
        ]
    except (ModelmgrError, OSError) as error:
        return [f"  could not be counted: {escaped(str(error))}"]


def _short(text: str) -> str:
    home = os.path.expanduser("~")
    return escaped(text.replace(home, "~") if len(home) > 1 else text)
