"""Type and base model of the selected models, as the user knows them; it holds against every scan and import."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import (
    QComboBox,
    QCompleter,
    QDialog,
    QDialogButtonBox,
    QGridLayout,
    QVBoxLayout,
    QWidget,
)

from modelmgr import vocabulary
from modelmgr.catalog import Catalog
from modelmgr.gui import theme
from modelmgr.gui.details.editor import CORRECTED
from modelmgr.gui.details.known import known_bases
from modelmgr.gui.tasks import Tasks
from modelmgr.gui.text import counted, foreign_text, type_label
from modelmgr.progress import Cancelled, Progress

if TYPE_CHECKING:
    from modelmgr.library import Library

BASE_LIMIT = 100
_KEEP, _FOUND = "keep", "found"


def correct(
    library: "Library", ids: Sequence[int], values: Mapping[str, str | None], progress: Progress
) -> int:
    """Set the user's own type and base model of many models, as one edit; None forgets what was set.

    Returns:
        How many models are as they were wished.

    Raises:
        Cancelled: those that were corrected stay so.
    """
    wanted = {column: values[column] for column in CORRECTED if column in values}
    report = library.edit_models(ids, wanted, progress=progress)
    if report.cancelled:
        raise Cancelled
    return report.models


class CorrectDialog(QDialog):
    """Asks for type and base model of some models.

    Args:
        count: how many models are meant.
        chosen_type, chosen_base: those of the only model, or None.

    Signals:
        chosen(object): light column -> value, None to go back to what was found; columns to be left are not in it.
    """

    chosen = Signal(object)

    def __init__(
        self,
        catalog: Catalog,
        tasks: Tasks,
        count: int,
        chosen_type: str | None,
        chosen_base: str | None,
        parent: QWidget,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("correctDialog")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Type and base model"))
        self._base_now = chosen_base or ""
        question = self.tr("What is this model?")
        if count != 1:
            question = self.tr("What are these {}?").format(counted(count, "model"))
        title = theme.plain_label(question, "pane-title", self)
        self._type = QComboBox(self)
        self._type.setObjectName("correctType")
        self._type.addItem(self.tr("Leave as it is"), _KEEP)
        self._type.addItem(self.tr("Back to what was found"), _FOUND)
        self._type.insertSeparator(2)
        for word in sorted(vocabulary.TYPES, key=type_label):
            self._type.addItem(theme.icon(theme.type_icon_name(word)), type_label(word), word)
        if chosen_type is not None:
            self._type.setCurrentIndex(max(0, self._type.findData(chosen_type)))
        self._type_now = self._type.currentData()
        self._base = QComboBox(self)
        self._base.setObjectName("correctBase")
        self._base.setEditable(True)
        self._base.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        if (line := self._base.lineEdit()) is not None:
            line.setMaxLength(BASE_LIMIT)
            line.setPlaceholderText(self.tr("Leave as it is"))
        self._base.addItem(self.tr("Back to what was found"))
        self._base.insertSeparator(1)
        if (completer := self._base.completer()) is not None:
            completer.setFilterMode(Qt.MatchFlag.MatchContains)
            completer.setCompletionMode(QCompleter.CompletionMode.PopupCompletion)
        self._base.setCurrentIndex(-1)
        self._base.setEditText(self._base_now)
        for box in (self._type, self._base):
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            box.setMinimumContentsLength(28)
        grid = QGridLayout()
        grid.setHorizontalSpacing(theme.M)
        grid.setVerticalSpacing(theme.S)
        grid.setColumnStretch(1, 1)
        for row, (words, widget) in enumerate(
            ((self.tr("&Type"), self._type), (self.tr("&Base model"), self._base))
        ):
            label = theme.plain_label(words, "secondary", self)
            label.setBuddy(widget)
            widget.setAccessibleName(words.replace("&", ""))
            grid.addWidget(label, row, 0)
            grid.addWidget(widget, row, 1)
        note = theme.plain_label(
            self.tr("What you say here stays, whatever a scan or an import finds."), "secondary", self
        )
        note.setWordWrap(True)
        buttons = QDialogButtonBox(self)
        self._save = buttons.addButton(
            self.tr("Correct {}").format(counted(count, "model")), QDialogButtonBox.ButtonRole.AcceptRole
        )
        self._save.setObjectName("correctSave")
        theme.set_primary(self._save)
        buttons.addButton(QDialogButtonBox.StandardButton.Cancel)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(theme.L, theme.L, theme.L, theme.L)
        layout.setSpacing(theme.M)
        layout.addWidget(title)
        layout.addLayout(grid)
        layout.addWidget(note)
        layout.addStretch(1)
        layout.addWidget(buttons)
        self._type.currentIndexChanged.connect(self._on_edited)
        self._base.editTextChanged.connect(self._on_edited)
        self._on_edited()
        tasks.ask(partial(known_bases, catalog), self._on_bases)

    @Slot(object)
    def _on_bases(self, bases: tuple[list[str], list[str]]) -> None:
        text = self._base.currentText()
        for some in bases:
            for base in some:
                self._base.addItem(foreign_text(base, BASE_LIMIT))
            if some is bases[0] and some:
                self._base.insertSeparator(self._base.count())
        self._base.setCurrentIndex(-1)
        self._base.setEditText(text)

    def values(self) -> dict[str, str | None]:
        """Return what is to be changed."""
        values: dict[str, str | None] = {}
        kind = self._type.currentData()
        if kind not in (_KEEP, self._type_now):
            values["type"] = None if kind == _FOUND else kind
        text = self._base.currentText().strip()
        if text == self.tr("Back to what was found"):
            values["base_model"] = None
        elif text and text != self._base_now:
            values["base_model"] = vocabulary.canonical_base(text) or text
        return values

    @Slot()
    def _on_edited(self) -> None:
        self._save.setEnabled(bool(self.values()))

    def accept(self) -> None:
        values = self.values()
        if values:
            self.chosen.emit(values)
        super().accept()
