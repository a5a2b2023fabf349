"""A walk through every screen of the window, in a look of one's choice, past judges who find something or nothing."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QWidget

from modelmgr.demo import DemoLibrary, write_demo_library
from modelmgr.gui import theme
from modelmgr.gui.sentences import use_templates
from modelmgr.gui.text import read_from_right
from tests import sentences
from tests.gui.pseudo import Pseudo
from tests.screenshots import SCREENS
from tests.studio import Look, Studio

QUIET_MS = 120
Show = Callable[[Studio], None]
Judge = Callable[[QWidget], list[str]]
Findings = dict[str, dict[str, list[str]]]
"""What each judge found, by his name: words by the name of the screen; screens without fault are left out."""


@dataclass(frozen=True)
class View:
    """One way to see every screen, and who judges what is seen: first who only looks, then who presses keys."""

    look: Look
    judges: tuple[Judge, ...]
    pseudo: bool = False
    """In the language that nobody speaks."""


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
def _seen_so(app: QApplication, view: View) -> Iterator[None]:
    """Bring back palette, font, direction and language afterwards: they are the whole application's."""
    theme.apply(app)
    palette, font, direction = app.palette(), app.font(), app.layoutDirection()
    translator = Pseudo() if view.pseudo else None
    if translator is not None:
        assert app.installTranslator(translator)
        use_templates(sentences.templates())
    try:
        yield
    finally:
        if translator is not None:
            app.removeTranslator(translator)
            use_templates(())
        app.setPalette(palette)
        app.setFont(font)
        app.setLayoutDirection(direction)
        read_from_right(direction == Qt.LayoutDirection.RightToLeft)


def walk(show: Show, view: View, stock: Stock, work: Path) -> Findings:
    """Show the screens of one part of the window to all judges of a view, and return what they find."""
    found: Findings = {judge.__name__: {} for judge in view.judges}

    def seen(name: str, widget: QWidget) -> None:
        focus = widget.window().focusWidget()
        for judge in view.judges:
            if words := judge(widget):
                found[judge.__name__][name] = words
        if focus is not None and widget.window().focusWidget() is not focus:
            focus.setFocus()  # the next screen is as it would be if nobody had pressed Tab

    shutil.copyfile(stock.catalog, work / "full.sqlite")
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    with _seen_so(app, view), pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(work))  # some screens put tools of other people there
        show(Studio(view.look, work, SCREENS[show], seen, demo=stock.demo, quiet_ms=QUIET_MS))
    return found
