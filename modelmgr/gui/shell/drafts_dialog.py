"""What was typed before the program ended early: to read, to copy, to forget."""

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QListWidget,
    QListWidgetItem,
    QPlainTextEdit,
    QPushButton,
    QWidget,
)

from modelmgr.gui import boxes, theme
from modelmgr.gui.cells import QuietDelegate
from modelmgr.gui.measures import scaled
from modelmgr.gui.shell.drafts import Drafts
from modelmgr.gui.text import foreign_text, plain_tip


class DraftsDialog(QDialog):
    """The drafts of an earlier session: where each was typed, and its text."""

    def __init__(self, drafts: Drafts, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("draftsDialog")
        self.setWindowTitle(self.tr("What you were typing"))
        self._drafts = drafts
        self._keys = list(drafts.found)
        layout = boxes.column(on=self, margins=theme.L, spacing=theme.M)
        words = self.tr(
            "These texts were not saved. They stay here until you forget them or save them at their place."
        )
        lead = theme.paragraph(words, "secondary", self)
        layout.addWidget(lead)
        split = boxes.row(spacing=theme.S)
        self._list = QListWidget(self)
        self._list.setObjectName("draftsList")
        self._list.setAccessibleName(self.tr("Where it was typed"))
        self._list.setProperty("framed", True)
        self._list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._list.setItemDelegate(QuietDelegate(self._list))
        self._text = QPlainTextEdit(self)
        self._text.setObjectName("draftText")
        self._text.setAccessibleName(self.tr("What was typed"))
        self._text.setProperty("framed", True)
        self._text.setReadOnly(True)
        self._text.document().setDocumentMargin(theme.S)
        split.addWidget(self._list, 2)
        split.addWidget(self._text, 3)
        layout.addLayout(split, 1)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, self)
        self._copy = self._button(buttons, "draftCopy", self.tr("Copy text"))
        self._copy.clicked.connect(self._on_copy)
        self._forget = self._button(buttons, "draftForget", self.tr("Forget it"))
        self._forget.clicked.connect(self._on_forget)
        buttons.rejected.connect(self.reject)
        layout.addWidget(buttons)
        for key in self._keys:
            title = drafts.found[key].title or self.tr("Without a name")
            item = QListWidgetItem(foreign_text(title, 200))
            item.setToolTip(plain_tip(title))
            self._list.addItem(item)
        self._list.currentRowChanged.connect(self._on_chosen)
        self._list.setCurrentRow(0)
        self.resize(scaled(self, 600), scaled(self, 340))

    def _button(self, buttons: QDialogButtonBox, name: str, title: str) -> QPushButton:
        button = buttons.addButton(title, QDialogButtonBox.ButtonRole.ActionRole)
        button.setObjectName(name)
        return button

    @Slot(int)
    def _on_chosen(self, row: int) -> None:
        has_one = 0 <= row < len(self._keys)
        draft = self._drafts.found.get(self._keys[row]) if has_one else None
        self._text.setPlainText("" if draft is None else draft.text)
        for button in (self._copy, self._forget):
            button.setEnabled(draft is not None)

    @Slot()
    def _on_copy(self) -> None:
        QGuiApplication.clipboard().setText(self._text.toPlainText())

    @Slot()
    def _on_forget(self) -> None:
        row = self._list.currentRow()
        self._drafts.done(self._keys.pop(row))
        self._list.takeItem(row)
        self._on_chosen(self._list.currentRow())
        if not self._keys:
            self.accept()
