"""A walk through every screen of the window, in a look of one's choice, with a rule held against each."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QWidget

from modelmgr.demo import DemoLibrary, write_demo_library
from modelmgr.gui.text import read_from_right
from tests.screenshots import SCREENS
from tests.studio import Look, Studio

QUIET_MS = 120
SHOWS = list(SCREENS)
Rule = Callable[[QWidget], list[str]]


@dataclass(frozen=True)
class Stock:
    """The sample library and a catalog of it, made once and copied for each walk."""

    demo: DemoLibrary
    catalog: Path

    @classmethod
    def make(cls, folder: Path) -> "Stock":
        """Write both below `folder`."""
        demo = write_demo_library(folder / "library")
        Studio(Look(), folder, [], lambda _name, _widget: None, demo=demo).make_library("full.sqlite")
        return cls(demo, folder / "full.sqlite")


@contextmanager
def look_of_the_application(app: QApplication) -> Iterator[None]:
    """Bring back palette, font and direction afterwards: they are the whole application's."""
    palette, font, direction = app.palette(), app.font(), app.layoutDirection()
    yield
    app.setPalette(palette)
    app.setFont(font)
    app.setLayoutDirection(direction)
    read_from_right(direction == Qt.LayoutDirection.RightToLeft)


def walk(
    show: Callable[[Studio], None], stock: Stock, work: Path, rule: Rule, look: Look | None = None
) -> dict[str, list[str]]:
    """Return what a rule finds on the screens of one part of the window, by their names."""
    found: dict[str, list[str]] = {}

    def seen(name: str, widget: QWidget) -> None:
        if words := rule(widget):
            found[name] = words

    shutil.copyfile(stock.catalog, work / "full.sqlite")
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    with look_of_the_application(app), pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(work))  # some screens put tools of other people there
        show(Studio(look or Look(), work, SCREENS[show], seen, demo=stock.demo, quiet_ms=QUIET_MS))
    return found
