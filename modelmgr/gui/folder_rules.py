"""What a scan leaves out of a library folder: the user's patterns, and the files that are left out, with reasons."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHeaderView,
    QPlainTextEdit,
    QTreeWidget,
    QTreeWidgetItem,
    QWidget,
)

from modelmgr.gui import boxes, theme
from modelmgr.gui.cells import CheckBox, QuietDelegate
from modelmgr.gui.details.note_line import NoteLine
from modelmgr.gui.language import Forms, said
from modelmgr.gui.measures import scaled
from modelmgr.gui.outcomes import error_text
from modelmgr.gui.tasks import Task, Tasks
from modelmgr.gui.text import count_text, foreign_text, listed, numbered, plain_tip
from modelmgr.progress import Progress
from modelmgr.values import IgnoredFile

if TYPE_CHECKING:
    from modelmgr.library import Library

ROWS = 5000
PATTERNS_LIMIT = 100_000
_REASONS = {
    "partial_download": "a partial download",
    "hidden": "hidden",
    "pattern": "by a pattern",
    "no_model": "no model",
}

_SO_MANY = {
    "partial_download": Forms("%n partial download", "%n partial downloads"),
    "hidden": Forms("%n hidden", "%n hidden"),
    "pattern": Forms("%n by a pattern", "%n by a pattern"),
    "no_model": Forms("%n no model", "%n no models"),
}


def _read_rules(library: "Library", path: str) -> tuple[tuple[str, ...], bool]:
    rules = library.folder_rules(path)
    return rules.patterns, rules.skip_hidden


def _write_rules(library: "Library", path: str, patterns: tuple[str, ...], skip_hidden: bool) -> None:
    rules = replace(library.folder_rules(path), patterns=patterns, skip_hidden=skip_hidden)
    library.set_folder_rules(path, rules)


def _list_ignored(library: "Library", path: str, progress: Progress) -> list[IgnoredFile]:
    return library.ignored_files(path, progress)


def ignored_words(found: Sequence[IgnoredFile]) -> str:
    """Return ``12 files are left out: 9 by a pattern, 3 partial downloads``."""
    if not found:
        return said("No file is left out.")
    counts = Counter(each.reason for each in found)
    reasons = listed(_so_many(number, reason) for reason, number in counts.most_common())
    return numbered(len(found), Forms("%n file is left out: {}.", "%n files are left out: {}."), reasons)


def _so_many(number: int, reason: str) -> str:
    forms = _SO_MANY.get(reason)
    return numbered(number, forms) if forms is not None else f"{count_text(number)} {_words(reason)}"


def _reason(ignored: IgnoredFile) -> str:
    return _words(ignored.reason)


def _words(reason: str) -> str:
    return said(_REASONS.get(reason, "")) or foreign_text(reason, 80).replace("_", " ")


class FolderRulesDialog(QDialog):
    """Asks which files of a library folder are no models for the user, and shows what is left out now.

    Signals:
        saved(str): the rules of this folder are others now; a scan would take them into account.
    """

    saved = Signal(str)

    def __init__(self, library: "Library", tasks: Tasks, path: str, parent: QWidget) -> None:
        super().__init__(parent)
        self._library = library
        self._tasks = tasks
        self._path = path
        self._listing: Task | None = None
        self.setObjectName("folderRulesDialog")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("What a scan leaves out"))
        place = theme.paragraph(foreign_text(path, 1000), "secondary", self)
        title = theme.plain_label(self.tr("&Patterns, one a line, as in a .gitignore"), None, self)
        self._patterns = QPlainTextEdit(self)
        self._patterns.setObjectName("rulesPatterns")
        self._patterns.setAccessibleName(self.tr("Patterns of files to leave out"))
        self._patterns.setFont(theme.mono_font(self.font()))
        self._patterns.setPlaceholderText("checkpoints/old/\n*.onnx\n!keep.onnx")
        self._patterns.setProperty("framed", True)
        self._patterns.setTabChangesFocus(True)
        self._patterns.setFixedHeight(self.fontMetrics().lineSpacing() * 6 + theme.L)
        self._patterns.setEnabled(False)
        title.setBuddy(self._patterns)
        self._hidden = CheckBox(self.tr("Leave out hidden files and folders"), self)
        self._hidden.setObjectName("rulesSkipHidden")
        self._hidden.setEnabled(False)
        note = theme.paragraph(
            self.tr("Downloads that are not finished are always left out."), "secondary", self
        )
        self._trouble = NoteLine("rulesTrouble", self)
        self._words = theme.plain_label("", "card-title", self, name="rulesWords")
        self._files = QTreeWidget(self)
        self._files.setObjectName("rulesIgnored")
        self._files.setAccessibleName(self.tr("Files that are left out"))
        self._files.setProperty("framed", True)
        self._files.setRootIsDecorated(False)
        self._files.setUniformRowHeights(True)
        self._files.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self._files.setHeaderLabels([self.tr("File"), self.tr("Why")])
        self._files.setItemDelegate(QuietDelegate(self._files))
        header = self._files.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, self)
        self._save = buttons.addButton(self.tr("Save and scan"), QDialogButtonBox.ButtonRole.AcceptRole)
        self._save.setObjectName("rulesSave")
        self._save.setEnabled(False)
        theme.set_primary(self._save)
        self._save.clicked.connect(self._on_save)
        buttons.rejected.connect(self.reject)
        layout = boxes.column(on=self, margins=theme.L, spacing=theme.S)
        for widget in (place, title, self._patterns, self._hidden, note, self._trouble):
            layout.addWidget(widget)
        layout.addSpacing(theme.S)
        layout.addWidget(self._words)
        layout.addWidget(self._files, 1)
        layout.addWidget(buttons)
        self.resize(QSize(scaled(self, 600), scaled(self, 560)).boundedTo(self.screen().availableSize()))
        tasks.ask(partial(_read_rules, library, path), self._on_rules, failed=self._on_failed)
        self._list()

    def done(self, result: int) -> None:
        if self._listing is not None:
            self._listing.cancel()
        super().done(result)

    @Slot(object)
    def _on_rules(self, rules: tuple[tuple[str, ...], bool]) -> None:
        patterns, skip_hidden = rules
        self._patterns.setPlainText("\n".join(patterns))
        self._hidden.setChecked(skip_hidden)
        for widget in (self._patterns, self._hidden):
            widget.setEnabled(True)
        self._patterns.textChanged.connect(self._on_edited)
        self._hidden.toggled.connect(self._on_edited)
        self._patterns.setFocus()

    @Slot()
    def _on_edited(self) -> None:
        self._save.setEnabled(True)
        self._trouble.say("")

    @Slot()
    def _on_save(self) -> None:
        text = self._patterns.toPlainText()[:PATTERNS_LIMIT]
        patterns = tuple(line for line in text.splitlines() if line.strip())
        self._save.setEnabled(False)
        deed = partial(_write_rules, self._library, self._path, patterns, self._hidden.isChecked())
        self._tasks.change(deed, self._on_saved, failed=self._on_failed)

    @Slot(object)
    def _on_saved(self, _done: object) -> None:
        self.saved.emit(self._path)
        self._list()

    def _on_failed(self, error: Exception) -> None:
        self._trouble.say(error_text(error), icon="triangle-alert", color="problem")

    # --- what is left out -------------------------------------------------------------------------------

    def _list(self) -> None:
        if self._listing is not None:
            self._listing.cancel()
        self._words.setText(self.tr("Looking for what is left out…"))
        deed = partial(_list_ignored, self._library, self._path)
        self._listing = self._tasks.run(self.tr("Looking for what is left out"), deed, is_quiet=True)
        self._listing.succeeded.connect(self._on_listed)
        self._listing.failed.connect(self._on_failed)

    @Slot(object)
    def _on_listed(self, found: list[IgnoredFile]) -> None:
        if self.sender() is not self._listing:
            return
        self._listing = None
        words = ignored_words(found)
        if len(found) > ROWS:
            words += " " + self.tr("The first {} are shown.").format(count_text(ROWS))
        self._words.setText(words)
        self._files.clear()
        items = []
        for ignored in found[:ROWS]:
            path = os.path.relpath(ignored.path, self._path) if ignored.path != self._path else ignored.path
            item = QTreeWidgetItem([foreign_text(path), _reason(ignored)])
            item.setToolTip(0, plain_tip(ignored.path))
            items.append(item)
        self._files.addTopLevelItems(items)
