"""The two lines in which a person says that a folder is elsewhere now."""

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import (
    QComboBox,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QWidget,
)

from modelmgr.gui import theme


class Elsewhere(QWidget):
    """The folder as it is known, and where it is now: typed, or chosen.

    Args:
        title: of the first line.
        known: the folders to choose from.
        name: what the object names of the fields begin with.

    Attributes:
        new: where the folder is now, as it stands in the field.
    """

    def __init__(self, title: str, known: QComboBox, name: str, parent: QWidget) -> None:
        super().__init__(parent)
        self._name = name
        self.new = QLineEdit(self)
        self.new.setObjectName(f"{name}New")
        self.new.setAccessibleName(self.tr("Where it is now"))
        self.new.setPlaceholderText(self.tr("A folder of this computer"))
        browse = QPushButton(self.tr("Choose…"), self)
        browse.setObjectName(f"{name}Choose")
        browse.setAutoDefault(False)
        browse.clicked.connect(self._on_choose)
        beside = QHBoxLayout()
        beside.setSpacing(theme.S)
        beside.addWidget(self.new, 1)
        beside.addWidget(browse)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(theme.M)
        grid.setVerticalSpacing(theme.S)
        grid.addWidget(theme.plain_label(title, "secondary", self), 0, 0)
        grid.addWidget(known, 0, 1)
        grid.addWidget(theme.plain_label(self.tr("It is now"), "secondary", self), 1, 0)
        grid.addLayout(beside, 1, 1)
        grid.setColumnStretch(1, 1)

    @Slot()
    def _on_choose(self) -> None:
        dialog = QFileDialog(self, self.tr("Where is it now?"))
        dialog.setObjectName(f"{self._name}FolderDialog")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        dialog.fileSelected.connect(self.new.setText)
        dialog.open()
