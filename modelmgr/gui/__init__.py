"""The window. The only room that imports Qt."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from modelmgr.gui import collecting, importing
from modelmgr.progress import Progress

if TYPE_CHECKING:
    from PySide6.QtWidgets import QMainWindow


def open_window(catalog: Path) -> "QMainWindow":
    """Open the window on a catalog, for the existing QApplication, and show it.

    Raises:
        CatalogError: the catalog can't be opened; nothing was touched.
    """
    with collecting.paused():
        importing.load_plainly()
        # Whoever wants one part of the window, a test above all, need not load all others.
        from modelmgr.gui import app

        return app.open_window(catalog)


def runner() -> Callable[[str, Sequence[str], Progress], int]:
    """Load the window, and return what runs it: see `app.run`.

    Raises:
        ImportError: Qt can't be loaded here.
    """
    with collecting.paused():
        import PySide6.QtWidgets  # noqa: F401

        importing.load_plainly()
        from modelmgr.gui import app

        # Until the window pauses it itself.
        collecting.pause()
    return app.run
