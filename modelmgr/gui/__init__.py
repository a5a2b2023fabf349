"""The window. The only room that imports Qt."""

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PySide6.QtWidgets import QMainWindow


def open_window(catalog: Path) -> "QMainWindow":
    """Open the window on a catalog, for the existing QApplication, and show it.

    Raises:
        CatalogError: the catalog can't be opened; nothing was touched.
    """
    with _uncollected():
        # Whoever wants one part of the window, a test above all, need not load all others.
        from modelmgr.gui import app
    return app.open_window(catalog)


def runner() -> Callable[[str, Sequence[str]], int]:
    """Load the window, and return what runs it on the path of a catalog, with paths that count as dropped on it.

    Raises:
        ImportError: Qt can't be loaded here.
    """
    with _uncollected():
        from modelmgr.gui import app
    return app.run


@contextmanager
def _uncollected() -> Iterator[None]:
    """Look for no garbage meanwhile: while modules load there is none, and looking took a tenth of a start."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
