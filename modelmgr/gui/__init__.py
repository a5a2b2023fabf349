"""The window. The only room that imports Qt."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PySide6.QtWidgets import QMainWindow


def open_window(catalog: Path) -> "QMainWindow":
    """Open the window on a catalog, for the existing QApplication, and show it.

    Raises:
        CatalogError: the catalog can't be opened; nothing was touched.
    """
    # Whoever wants one part of the window, a test above all, need not load all others.
    from modelmgr.gui import app

    return app.open_window(catalog)
