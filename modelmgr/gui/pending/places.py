"""The folders of which waiting records speak, and what can be done about each."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from modelmgr.catalog import Catalog
from modelmgr.gui import boxes, theme
from modelmgr.gui.language import Forms
from modelmgr.gui.reasons import NO_FILE, folder_in, gather_folders, is_absolute, missing_folder
from modelmgr.gui.strips import Banner
from modelmgr.gui.text import foreign_text, numbered
from modelmgr.values import PendingQuery, PendingState

PLACED_ROWS = 20_000
PLACED_AT_ONCE = 1_000
SHOWN_PLACES = 3


@dataclass(frozen=True, slots=True)
class Place:
    """A folder that waiting records speak of."""

    folder: str
    count: int
    exists: bool


@dataclass(frozen=True, slots=True)
class Places:
    """The answer to the question for folders.

    Attributes:
        asked: what was asked for: ``outside`` or ``no_file``.
        places: the folders with the most records, and whether they are there.
        folders: all of them with their numbers of records, the greatest first.
    """

    asked: str
    places: Sequence[Place]
    folders: Sequence[tuple[str, int]]

    @property
    def more(self) -> int:
        """How many folders are not among `places`."""
        return len(self.folders) - len(self.places)


def read_places(catalog: Catalog, asked: str) -> Places:
    """Gather the folders that records with the problem `asked` speak of. For a worker."""
    problems = NO_FILE if asked == "no_file" else (asked,)
    ids = catalog.pending_order(PendingQuery(states=(PendingState.PENDING,), problems=problems))
    folders: Counter[str] = Counter()
    for start in range(0, min(len(ids), PLACED_ROWS), PLACED_AT_ONCE):
        for row in catalog.pending_rows(ids[start : start + PLACED_AT_ONCE]):
            folder = missing_folder(row.message) if asked == "no_file" else folder_in(row.file_path or "")
            # Where a relative one leads is told by its container, which is here.
            if folder and is_absolute(folder):
                folders[folder] += 1
    gathered = gather_folders(folders)
    places = [Place(folder, count, os.path.isdir(folder)) for folder, count in gathered[:SHOWN_PLACES]]
    return Places(asked, places, gathered)


class PlaceStrips(QWidget):
    """A strip for each folder: add it to the library, or say where it is now.

    Signals:
        add_wanted(str): the user wants this folder in the library.
        map_wanted(str): the user wants to say where this folder is now.

    Attributes:
        folders: all folders with their numbers of records, the greatest first.
    """

    add_wanted = Signal(str)
    map_wanted = Signal(str)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.folders: Sequence[tuple[str, int]] = ()
        self._asked = ""
        self._layout = boxes.column(on=self, margins=0, spacing=theme.XS)
        self.hide()

    def clear(self) -> None:
        """Show none; an answer that is on its way is not waited for."""
        self._asked = ""
        self.folders = ()
        self._take_off()

    def expect(self, asked: str) -> None:
        """Wait for the answer to the question for ``outside`` or ``no_file``."""
        self._asked = asked

    def _take_off(self) -> None:
        self.hide()
        while (item := self._layout.takeAt(0)) is not None:
            if (banner := item.widget()) is not None:
                banner.hide()
                banner.deleteLater()

    def show_places(self, found: Places) -> None:
        """Show the answer, if it is the one that is waited for."""
        if found.asked != self._asked:
            return
        self.folders = found.folders
        self._take_off()
        for place in found.places:
            folder = foreign_text(place.folder, 400)
            if found.asked == "outside":
                forms = Forms("%n record speaks of files in {}", "%n records speak of files in {}")
                words = numbered(place.count, forms, folder)
                banner = Banner(words, self.tr("Add folder"), place.folder, self)
                banner.accepted.connect(self.add_wanted)
            elif place.exists:
                continue
            else:
                forms = Forms(
                    "%n record speaks of files in {}, which isn't here",
                    "%n records speak of files in {}, which isn't here",
                )
                words = numbered(place.count, forms, folder)
                banner = Banner(words, self.tr("Say where it is now…"), place.folder, self)
                banner.accepted.connect(self.map_wanted)
            self._layout.addWidget(banner)
        if found.more > 0:
            more = numbered(found.more, Forms("and %n more folder", "and %n more folders"))
            self._layout.addWidget(theme.plain_label(more, "secondary", self))
        self.setVisible(self._layout.count() > 0)
