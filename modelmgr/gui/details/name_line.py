"""The name of the model in front, to be read and to be changed at its place, and its star."""

from PySide6.QtCore import QEvent, QObject, Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QLineEdit, QToolButton, QWidget

from modelmgr import edits
from modelmgr.gui import boxes, theme
from modelmgr.gui.labels import WrappingLabel
from modelmgr.gui.text import foreign_text, plain_tip

NAME_LINES = 3


class NameLine(QWidget):
    """A name; a double click or the pencil makes it a field, Enter takes what was typed, Escape leaves it.

    Signals:
        renamed(str): the user gave another name.
        typed(str): what is in the field, for the case of a crash.
        given_up(): what was typed is not wanted.
        favorite_toggled(): the star was clicked.
    """

    renamed = Signal(str)
    typed = Signal(str)
    given_up = Signal()
    favorite_toggled = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._name = ""
        self.label = WrappingLabel(NAME_LINES, self)
        self.label.setObjectName("detailsName")
        self.label.installEventFilter(self)
        theme.set_role(self.label, "pane-title")
        self._field = QLineEdit(self)
        self._field.setObjectName("detailsNameEdit")
        self._field.setAccessibleName(self.tr("Name"))
        self._field.setMaxLength(edits.LINE_CHARACTERS["name"])
        self._field.installEventFilter(self)
        self._field.textEdited.connect(self.typed)
        self._field.hide()
        self._rename = self._make_button("renameButton", "pencil", self.tr("Change the name"))
        self._rename.clicked.connect(self._on_rename)
        self._star = self._make_button("favoriteButton", "star", self.tr("Favourite"))
        self._star.setCheckable(True)
        self._star.clicked.connect(self.favorite_toggled)
        names = boxes.column(self.label, self._field, margins=(0, 3, 0, 0))
        boxes.row(
            (names, 1),
            (self._rename, 0, Qt.AlignmentFlag.AlignTop),
            (self._star, 0, Qt.AlignmentFlag.AlignTop),
            on=self,
            margins=0,
            spacing=0,
        )

    def _make_button(self, name: str, icon: str, words: str) -> QToolButton:
        button = QToolButton(self)
        button.setObjectName(name)
        button.setToolTip(plain_tip(words))
        button.setAccessibleName(words)
        theme.give_icon_size(button, 18)
        theme.set_icon(button, icon)
        return button

    def show_name(self, name: str, *, is_favorite: bool) -> None:
        """Show a name; what is just being typed stays."""
        self._name = name
        self.label.setText(foreign_text(name))
        self.label.updateGeometry()
        self._star.setChecked(is_favorite)
        theme.set_icon(self._star, "star-filled" if is_favorite else "star")

    @property
    def is_editing(self) -> bool:
        """Whether it is a field now."""
        return not self._field.isHidden()

    def start(self, text: str | None = None) -> None:
        """Become a field; with `text`, one that holds what was typed before."""
        self._field.setText(self._name if text is None else text)
        self._field.selectAll()
        self.label.hide()
        self._field.show()
        self._field.setFocus(Qt.FocusReason.OtherFocusReason)

    def finish(self) -> None:
        """Take what was typed."""
        if not self.is_editing:
            return
        name = self._field.text().strip()
        self._close()
        if name and name != self._name:
            self.renamed.emit(name)
        else:
            self.given_up.emit()

    def _close(self) -> None:
        self._field.hide()
        self.label.show()

    @Slot()
    def _on_rename(self) -> None:
        self.start()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.label:
            if event.type() == QEvent.Type.MouseButtonDblClick and isinstance(event, QMouseEvent):
                self.start()
                return True
        elif event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self.finish()
                return True
            if event.key() == Qt.Key.Key_Escape:
                self._close()
                self.given_up.emit()
                return True
        elif event.type() == QEvent.Type.FocusOut:
            self.finish()
        return super().eventFilter(watched, event)
