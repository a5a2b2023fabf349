"""Opens the window again and again, in one look after the other, for whoever looks at its screens.

`tests/screenshots.py` takes pictures of them, and the tests of `tests/gui` look at names, colours and words.
"""

import gc
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from modelmgr.demo import DemoLibrary

SMALL, LARGE = (1280, 720), (2560, 1440)
QUIET_MS = 400
LONGEST_MS = 20_000


@dataclass(frozen=True)
class Look:
    """One way to show everything: palette, scale, size of the window, direction of reading, size of letters."""

    palette: str = "light"
    scale: float = 1.0
    size: tuple[int, int] = SMALL
    mirrored: bool = False
    letters: float = 1.0

    @property
    def suffix(self) -> str:
        """What the names of its pictures end with; nothing for the plainest."""
        parts = [self.palette] if self.palette != "light" else []
        parts += [f"{self.scale:.0%}".rstrip("%")] if self.scale != 1 else []
        parts += ["large"] if self.size == LARGE else []
        parts += ["mirrored"] if self.mirrored else []
        parts += [f"letters-{self.letters:.0%}".rstrip("%")] if self.letters != 1 else []
        return "".join(f"-{part}" for part in parts)


ALL_LOOKS = [
    *(Look(palette, scale) for palette in ("light", "dark", "contrast") for scale in (1.0, 1.5, 2.0)),
    Look(size=LARGE),
    Look(mirrored=True),
    Look(letters=2.0),
]


class Studio:
    """One process, one look: opens the window again and again and shows its screens.

    Attributes:
        work: the folder of its catalogs.
        wanted: names of screens; all if there are none.
        seen: called with the name and the widget of each screen, when it is at rest.
        demo: the sample library; a new one below `work` if none is given.
    """

    def __init__(
        self,
        look: Look,
        work: Path,
        wanted: Sequence[str],
        seen: Callable[[str, Any], None],
        *,
        demo: "DemoLibrary | None" = None,
        quiet_ms: int = QUIET_MS,
    ) -> None:
        from PySide6.QtCore import Qt
        from PySide6.QtWidgets import QApplication

        from modelmgr.demo import write_demo_library

        self.look = look
        self.work = work
        self.wanted = wanted
        self._seen = seen
        self._quiet_ms = quiet_ms
        self.app = QApplication.instance() or QApplication(sys.argv[:1])
        if look.palette != "light":
            self.app.setPalette(palette_of(look.palette))
        if look.letters != 1:
            font = self.app.font()
            font.setPointSizeF(font.pointSizeF() * look.letters)
            self.app.setFont(font)
        if look.mirrored:
            self.app.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
        self.demo = demo or write_demo_library(work / "library")
        self._tasks: list[Any] = []

    def wants(self, name: str) -> bool:
        """Tell whether a screen is to be shown."""
        return not self.wanted or name in self.wanted

    @contextmanager
    def window(self, catalog: str) -> Iterator[Any]:
        """Open the window on a catalog, at rest, and close it afterwards."""
        from PySide6.QtCore import QEvent

        from modelmgr.gui import open_window
        from modelmgr.gui.tasks import Tasks

        window = open_window(self.work / catalog)
        window.resize(*self.look.size)
        self._tasks.append(window.findChild(Tasks))
        self.settle(window)
        yield window
        self._tasks.pop()
        window.close()
        self.app.processEvents()
        # Here: else the threads of the next scan might find what is left of it, and destroy it outside this one.
        # A closed window stays otherwise, with its 15 MiB: its connections hold what holds it.
        window.deleteLater()
        self.app.sendPostedEvents(window, QEvent.Type.DeferredDelete)
        del window
        gc.collect()

    def settle(self, widget: Any) -> None:
        """Let the window work until nothing is asked any more and its picture has not changed for a while."""
        from PySide6.QtCore import QElapsedTimer, QEventLoop, QTimer

        whole, still = QElapsedTimer(), QElapsedTimer()
        whole.start()
        still.start()
        before = None
        while still.elapsed() < self._quiet_ms and whole.elapsed() < LONGEST_MS:
            turn = QEventLoop()
            QTimer.singleShot(50, turn.quit)
            turn.exec()
            is_whole = getattr(widget.window(), "is_whole", True)
            if not is_whole or not all(tasks.is_answered for tasks in self._tasks):
                still.restart()
                continue
            now = widget.grab().toImage()
            if now != before:
                still.restart()
            before = now

    def take(self, name: str, widget: Any) -> None:
        """Show a screen to whoever wants to see it, at rest."""
        self.settle(widget)
        self._seen(name, widget)

    def glance(self, name: str, widget: Any) -> None:
        """Show a screen in the middle of its work."""
        self._seen(name, widget)

    def make_library(self, catalog: str) -> None:
        """Make a catalog as `modelmgr demo` does: scanned, one tool's records promoted, the others waiting."""
        from modelmgr.catalog import Catalog
        from modelmgr.library import Library
        from modelmgr.progress import Progress

        with Catalog.open(self.work / catalog) as store:
            library = Library(store)
            library.scan([str(folder) for folder in self.demo.folders], progress=Progress())
            library.import_paths([str(self.demo.folders[0])], progress=Progress())
            library.promote(None, progress=Progress())
            rest = (self.demo.root, self.demo.csv, self.demo.json, self.demo.jsonl)
            library.import_paths([str(path) for path in rest], progress=Progress())


def palette_of(name: str) -> Any:
    """Return a palette by name."""
    from PySide6.QtGui import QColor, QPalette

    from modelmgr.gui import theme

    if name == "dark":
        return theme.dark_palette()
    palette = QPalette(QColor("black"), QColor("black"))
    for role in (QPalette.ColorRole.Text, QPalette.ColorRole.WindowText, QPalette.ColorRole.ButtonText):
        palette.setColor(role, QColor("white"))
    palette.setColor(QPalette.ColorRole.Base, QColor("black"))
    palette.setColor(QPalette.ColorRole.Highlight, QColor("yellow"))
    palette.setColor(QPalette.ColorRole.HighlightedText, QColor("black"))
    return palette
