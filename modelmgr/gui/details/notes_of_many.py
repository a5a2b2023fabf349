"""Notes for many models at once: added to those that each has, or in their place. Nothing is saved unasked."""

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QPlainTextEdit, QPushButton, QWidget

from modelmgr import edits
from modelmgr.gui import boxes, theme
from modelmgr.gui.flow import FlowLayout
from modelmgr.gui.text import plain_tip

if TYPE_CHECKING:
    from modelmgr.gui.shell.drafts import Drafts

_LINES = 3
_DRAFT = "details:several:notes"


class NotesOfMany(QWidget):
    """A field, and two buttons that are there as soon as there is something in it.

    Signals:
        added(str): this shall stand at the end of the notes of each.
        replaced(str): this shall be the notes of each.
    """

    added = Signal(str)
    replaced = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._drafts: Drafts | None = None
        self._field = QPlainTextEdit(self)
        self._field.setObjectName("notesOfAll")
        self._field.setAccessibleName(self.tr("Notes for all of them"))
        self._field.setPlaceholderText(self.tr("Notes for all of them"))
        self._field.setTabChangesFocus(True)
        self._field.setAcceptDrops(False)
        self._field.setProperty("framed", True)
        self._field.setFixedHeight(self._field.fontMetrics().lineSpacing() * _LINES + theme.M)
        self._field.textChanged.connect(self._on_text)
        self._ways = QWidget(self)
        ways = FlowLayout(spacing=theme.S)
        self._ways.setLayout(ways)
        for name, words, tip, slot in (
            ("addNotes", self.tr("Add"), self.tr("Put this at the end of the notes of each"), self._on_add),
            (
                "replaceNotes",
                self.tr("Replace"),
                self.tr("Make this the notes of each; what stood there can be had back by an undo"),
                self._on_replace,
            ),
        ):
            button = QPushButton(words, self._ways)
            button.setObjectName(name)
            button.setToolTip(plain_tip(tip))
            button.clicked.connect(slot)
            ways.addWidget(button)
        boxes.column(self._field, self._ways, on=self, margins=0, spacing=theme.XS)
        self._on_text()

    def use_drafts(self, drafts: "Drafts") -> None:
        """Keep what is typed beyond the end of the window, and show what an earlier one left."""
        self._drafts = drafts
        if not self._field.toPlainText():
            self._field.setPlainText(drafts.take(_DRAFT) or "")
        self._on_text()

    def _take(self) -> str:
        text = self._field.toPlainText().strip()[: edits.NOTES_CHARACTERS]
        self._field.clear()
        return text

    @Slot()
    def _on_text(self) -> None:
        text = self._field.toPlainText().strip()
        self._ways.setVisible(bool(text))
        if self._drafts is not None and text:
            self._drafts.keep(_DRAFT, text, self.tr("Notes for all of them"))
        elif self._drafts is not None:
            self._drafts.done(_DRAFT)

    @Slot()
    def _on_add(self) -> None:
        self.added.emit(self._take())

    @Slot()
    def _on_replace(self) -> None:
        self.replaced.emit(self._take())
