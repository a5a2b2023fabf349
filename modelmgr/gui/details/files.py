"""The files of a model: where each lies, where links lead, and in which state it was at the last look."""

import os

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from modelmgr.gui.details.facts import Fact
from modelmgr.gui.language import said
from modelmgr.gui.text import date_text, exact_size_text, foreign_text, plain_tip, size_text, state_label
from modelmgr.values import Attachment, ModelDetails, ModelFile

_ROWS = 6
_SIZE = 2
_TEXT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
_NUMBER = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class FilesTable(QTableWidget):
    """One row a file; a link says in a second line where it leads, a part of a model how it is called in it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(0, 4, parent)
        self.setObjectName("filesTable")
        self.setAccessibleName(self.tr("Files of this model"))
        for section, title in enumerate(
            (self.tr("File"), self.tr("State"), self.tr("Size"), self.tr("Modified"))
        ):
            item = QTableWidgetItem(title)
            item.setTextAlignment(_NUMBER if section == _SIZE else _TEXT)
            self.setHorizontalHeaderItem(section, item)
        self.verticalHeader().hide()
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setProperty("framed", True)
        self.setTabKeyNavigation(False)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setMinimumSectionSize(48)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for section, width in ((1, 76), (2, 68), (3, 0)):
            header.resizeSection(section, width)
        self.setColumnHidden(3, True)

    def show_files(self, details: ModelDetails) -> None:
        """Show the files of a model."""
        self.setRowCount(0)
        self.setRowCount(len(details.files))
        line = self.fontMetrics().height()
        height = 0
        for number, file in enumerate(details.files):
            words = _place_words(file)
            name = QTableWidgetItem(
                "\n".join((foreign_text(file.member or os.path.basename(file.path)), *words))
            )
            name.setToolTip(plain_tip("\n".join((file.path, *_tip_lines(file)))))
            state = QTableWidgetItem(state_label(file.state))
            size = QTableWidgetItem(size_text(file.size_bytes))
            size.setToolTip(exact_size_text(file.size_bytes))
            size.setTextAlignment(_NUMBER)
            modified = QTableWidgetItem(date_text(file.mtime_ns / 1e9))
            for column, item in enumerate((name, state, size, modified)):
                self.setItem(number, column, item)
            self.setRowHeight(number, max(26, line * (1 + len(words)) + 10))
            if number < _ROWS:
                height += self.rowHeight(number)
        self.setFixedHeight(self.horizontalHeader().sizeHint().height() + max(26, height) + 4)


def _place_words(file: ModelFile) -> tuple[str, ...]:
    """Return the second line of a row: where a link leads."""
    return (said("link to {}").format(foreign_text(file.link_target, 1000)),) if file.link_target else ()


def _tip_lines(file: ModelFile) -> tuple[str, ...]:
    return (said("link to {}").format(file.link_target),) if file.link_target else ()


def picture_fact(found: Attachment) -> Fact:
    """Return a picture of a model as a line of facts."""
    kept = "\n" + said("A copy is kept: {}").format(found.copy_path) if found.copy_path else ""
    label = said("Preview") if found.kind == "preview" else said("Example")
    return Fact(label, foreign_text(found.path, 1000), plain_tip(found.path + kept, 2000))
