"""What the pending page is made of: the strips over its table, and the folders of which its records speak."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QRectF, Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QLineEdit, QPushButton, QToolButton, QWidget

from modelmgr.catalog import Catalog
from modelmgr.gui import theme
from modelmgr.gui.reasons import NO_FILE, folder_in, gather_folders, is_absolute, missing_folder
from modelmgr.gui.text import plain_tip
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


class Banner(QFrame):
    """A quiet strip over the table: a sentence, and the one thing to do about it.

    Signals:
        accepted(str): the button was pressed for this folder.
    """

    accepted = Signal(str)

    def __init__(self, words: str, button: str, folder: str, parent: QWidget) -> None:
        super().__init__(parent)
        self._folder = folder
        self.setObjectName("pendingBanner")
        icon = QLabel(self)
        color = theme.colors().secondary
        icon.setPixmap(theme.pixmap("info", 16, color, self.devicePixelRatioF()))
        label = theme.plain_label(words, parent=self)
        label.setObjectName("pendingBannerText")
        label.setWordWrap(True)
        self._button = QPushButton(button, self)
        self._button.setObjectName("pendingBannerButton")
        self._button.setAccessibleDescription(words)
        self._button.clicked.connect(self._on_clicked)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(theme.S, theme.XS, theme.XS, theme.XS)
        layout.setSpacing(theme.S)
        layout.addWidget(icon)
        layout.addWidget(label, 1)
        layout.addWidget(self._button)

    @Slot()
    def _on_clicked(self) -> None:
        self.accepted.emit(self._folder)

    def paintEvent(self, event: QPaintEvent) -> None:
        colors = theme.colors()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(colors.line)
        painter.setBrush(colors.hover)
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 6, 6)
        painter.end()


class UndoStrip(Banner):
    """Says what was just done, and offers to take it back.

    Signals:
        closed(): the user has read it.
    """

    closed = Signal()

    def __init__(self, words: str, parent: QWidget) -> None:
        super().__init__(words, "", "", parent)
        self.setObjectName("undoStrip")
        self._button.setObjectName("undoPromotionStripButton")
        self._button.setText(self.tr("Undo"))
        close = QToolButton(self)
        close.setObjectName("undoStripClose")
        close.setToolTip(plain_tip(self.tr("Close")))
        close.setAccessibleName(self.tr("Close this message"))
        theme.set_icon(close, "x")
        close.clicked.connect(self.closed)
        layout = self.layout()
        assert layout is not None
        layout.addWidget(close)


class SearchEdit(QLineEdit):
    """A search that Esc clears."""

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and self.text():
            self.clear()
            return
        super().keyPressEvent(event)


class Hairline(QWidget):
    """One pixel between two panes."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setFixedWidth(1)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme.colors().line)
        painter.end()
