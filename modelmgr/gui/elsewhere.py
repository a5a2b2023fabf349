"""What the dialogs share in which a person says that a folder is elsewhere now."""

import os

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QGridLayout,
    QLineEdit,
    QPushButton,
    QWidget,
)

from modelmgr.gui import boxes, theme, timers
from modelmgr.gui.tasks import Task

TYPING_MS = 250


class ElsewhereDialog(QDialog):
    """Asks where a folder is now, and says what would come of it before anything is changed.

    Args:
        name: what the object names of the fields begin with.
        title: of the line with the folder as it is known.
        heard: the same for those who hear it.
        deed: what the button says.

    Signals:
        wanted(str, str): the user wants the first folder to be the second from now on.
    """

    wanted = Signal(str, str)

    def __init__(self, name: str, title: str, heard: str, deed: str, parent: QWidget) -> None:
        super().__init__(parent)
        self._name = name
        self._looking: Task | None = None
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("A folder is elsewhere now"))
        self._old = QComboBox(self)
        self._old.setObjectName(f"{name}Old")
        self._old.setAccessibleName(heard)
        self._old.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self._new = QLineEdit(self)
        self._new.setObjectName(f"{name}New")
        self._new.setAccessibleName(self.tr("Where it is now"))
        self._new.setPlaceholderText(self.tr("A folder of this computer"))
        self._new.textChanged.connect(self._on_edited)
        browse = QPushButton(self.tr("Choose…"), self)
        browse.setObjectName(f"{name}Choose")
        browse.setAutoDefault(False)
        browse.clicked.connect(self._on_choose)
        self._places = QGridLayout()
        self._places.setHorizontalSpacing(theme.M)
        self._places.setVerticalSpacing(theme.S)
        self._places.addWidget(theme.plain_label(title, "secondary", self), 0, 0)
        self._places.addWidget(self._old, 0, 1)
        self._places.addWidget(theme.plain_label(self.tr("It is now"), "secondary", self), 1, 0)
        self._places.addLayout(boxes.row((self._new, 1), browse, spacing=theme.S), 1, 1)
        self._places.setColumnStretch(1, 1)
        self._words = theme.paragraph(parent=self, name=f"{name}Words")
        self._buttons = QDialogButtonBox(self)
        self._accept = self._buttons.addButton(deed, QDialogButtonBox.ButtonRole.AcceptRole)
        self._accept.setObjectName(f"{name}Accept")
        self._accept.setEnabled(False)
        theme.set_primary(self._accept)
        self._buttons.addButton(QDialogButtonBox.StandardButton.Cancel)
        self._buttons.accepted.connect(self._on_accepted)
        self._buttons.rejected.connect(self.reject)
        self._soon = timers.after(TYPING_MS, self._ask, self)

    def _known_folder(self) -> str:
        """Return the folder as it is known, "" for none."""
        raise NotImplementedError

    def _ask(self) -> None:
        """Look what would come of what is entered."""
        raise NotImplementedError

    def _on_accepted(self) -> None:
        raise NotImplementedError

    def _entered(self) -> tuple[str, str]:
        new = self._new.text().strip()
        return self._known_folder(), os.path.abspath(os.path.expanduser(new)) if new else ""

    def _stop_looking(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None

    @Slot()
    def _on_edited(self) -> None:
        self._accept.setEnabled(False)
        self._soon.start()

    @Slot()
    def _on_choose(self) -> None:
        dialog = QFileDialog(self, self.tr("Where is it now?"))
        dialog.setObjectName(f"{self._name}FolderDialog")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        dialog.fileSelected.connect(self._new.setText)
        dialog.open()

    def done(self, result: int) -> None:
        self._stop_looking()
        super().done(result)
