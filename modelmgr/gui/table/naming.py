"""A name that is typed in a view of the library: what is written to the catalog meanwhile takes none of it away."""

from typing import TYPE_CHECKING, NamedTuple, cast

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QAbstractItemView, QLineEdit, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from modelmgr.gui.table.columns import NAME_COLUMN

if TYPE_CHECKING:
    from modelmgr.gui.table.model import Index, LibraryModel


class NameDelegate(QStyledItemDelegate):
    """Edits the name of a model."""

    def createEditor(self, parent: QWidget, option: QStyleOptionViewItem, index: "Index") -> QWidget:
        editor = QLineEdit(parent)
        editor.setObjectName("nameEditor")
        editor.setAccessibleName(self.tr("Name of the model"))
        editor.setMaxLength(4096)
        editor.setAcceptDrops(False)
        return editor

    def setEditorData(self, editor: QWidget, index: "Index") -> None:
        # News of any model come as news of all rows.
        if not cast(QLineEdit, editor).isModified():
            super().setEditorData(editor, index)


class _Typed(NamedTuple):
    model_id: int
    text: str
    cursor: int
    is_modified: bool


class NameKeeper(QObject):
    """Opens the editor of a view again, which Qt closes and forgets when the rows get another order."""

    def __init__(self, view: QAbstractItemView, model: "LibraryModel") -> None:
        super().__init__(view)
        self._view = view
        self._model = model
        self._typed: _Typed | None = None
        model.modelAboutToBeReset.connect(self._hold)
        model.reordered.connect(self._bring_back)

    def _editor(self) -> QLineEdit | None:
        current = self._view.currentIndex().siblingAtColumn(NAME_COLUMN)
        return cast("QLineEdit | None", self._view.indexWidget(current))

    @Slot()
    def _hold(self) -> None:
        editor = self._editor()
        model_id = None if editor is None else self._model.id_at(self._view.currentIndex().row())
        if editor is not None and model_id is not None:
            self._typed = _Typed(model_id, editor.text(), editor.cursorPosition(), editor.isModified())

    @Slot()
    def _bring_back(self) -> None:
        typed = self._typed
        if typed is None or not self._model.is_complete:
            return
        self._typed = None
        current = self._view.currentIndex()
        if current.isValid() and self._model.id_at(current.row()) == typed.model_id:
            self._view.edit(current.siblingAtColumn(NAME_COLUMN))
            editor = self._editor()
            if editor is not None and typed.is_modified:
                editor.setText(typed.text)
                editor.setModified(True)
                editor.setCursorPosition(typed.cursor)
        elif typed.is_modified and typed.text.strip():
            # It is not shown any more; what was typed counts as if the keyboard had gone elsewhere.
            self._model.renamed.emit(typed.model_id, typed.text.strip())
