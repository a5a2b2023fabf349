"""A name that is typed in a view of the library: what is written to the catalog meanwhile takes none of it away."""

from typing import TYPE_CHECKING, cast

from PySide6.QtCore import Slot
from PySide6.QtWidgets import (
    QAbstractItemDelegate,
    QAbstractItemView,
    QLineEdit,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from modelmgr.gui.table.columns import NAME_COLUMN

if TYPE_CHECKING:
    from modelmgr.gui.table.model import Index, LibraryModel
    from modelmgr.values import ModelRow


class NameDelegate(QStyledItemDelegate):
    """Edits the name of a model, and opens the editor again that Qt closes when the rows get another order.

    Args:
        parent: the view of the library.
    """

    _is_joined = False
    _row: "ModelRow | None" = None
    """The model whose name is edited."""
    _typed: tuple[int, str, int, bool] | None = None
    """The model, what stands in its editor, where the cursor is, and whether anything was typed."""

    def createEditor(self, parent: QWidget, option: QStyleOptionViewItem, index: "Index") -> QWidget:
        self._join()
        self._row = self._rows().row_at(index.row())
        editor = QLineEdit(parent)
        editor.setObjectName("nameEditor")
        editor.setAccessibleName(self.tr("Name of the model"))
        editor.setMaxLength(4096)
        editor.setAcceptDrops(False)
        editor.textEdited.connect(self._on_typed)
        return editor

    def setEditorData(self, editor: QWidget, index: "Index") -> None:
        # News of any model come as news of all rows.
        if not cast(QLineEdit, editor).isModified():
            super().setEditorData(editor, index)

    def finish(self) -> None:
        """Take what stands in the editor, if there is one."""
        editor = self._editor()
        if editor is not None:
            self.commitData.emit(editor)
            self.closeEditor.emit(editor)

    def _join(self) -> None:
        if not self._is_joined:
            self._is_joined = True
            self._rows().modelAboutToBeReset.connect(self._hold)
            self._rows().reordered.connect(self._bring_back)
            self.closeEditor.connect(self._on_closed)

    def _parent_view(self) -> QAbstractItemView:
        return cast(QAbstractItemView, self.parent())

    def _rows(self) -> "LibraryModel":
        return cast("LibraryModel", self._parent_view().model())

    def _editor(self) -> QLineEdit | None:
        current = self._parent_view().currentIndex().siblingAtColumn(NAME_COLUMN)
        return cast("QLineEdit | None", self._parent_view().indexWidget(current))

    @Slot(str)
    def _on_typed(self, text: str) -> None:
        if self._row is not None:
            self._rows().typed.emit(self._row, text)

    @Slot(QWidget, QAbstractItemDelegate.EndEditHint)
    def _on_closed(self, editor: QWidget, hint: QAbstractItemDelegate.EndEditHint) -> None:
        name = cast(QLineEdit, editor).text().strip()
        is_given_up = hint == QAbstractItemDelegate.EndEditHint.RevertModelCache
        if self._row is not None and (is_given_up or name in ("", self._row.name)):
            self._rows().typed.emit(self._row, None)

    @Slot()
    def _hold(self) -> None:
        editor = self._editor()
        model_id = None if editor is None else self._rows().id_at(self._parent_view().currentIndex().row())
        if editor is not None and model_id is not None:
            self._typed = model_id, editor.text(), editor.cursorPosition(), editor.isModified()

    @Slot()
    def _bring_back(self) -> None:
        if self._typed is None or not self._rows().is_complete:
            return
        (model_id, text, cursor, is_modified), self._typed = self._typed, None
        current = self._parent_view().currentIndex()
        if current.isValid() and self._rows().id_at(current.row()) == model_id:
            self._parent_view().edit(current.siblingAtColumn(NAME_COLUMN))
            editor = self._editor()
            if editor is not None and is_modified:
                editor.setText(text)
                editor.setModified(True)
                editor.setCursorPosition(cursor)
        elif is_modified and text.strip():
            # It is not shown any more; what was typed counts as if the keyboard had gone elsewhere.
            self._rows().renamed.emit(model_id, text.strip())
        elif is_modified and self._row is not None:
            self._rows().typed.emit(self._row, None)
