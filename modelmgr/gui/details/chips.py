"""A list of short entries as chips: type to add, with what the library knows already; a cross takes one out."""

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QObject, QStringListModel, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QLineEdit, QToolButton, QWidget

from modelmgr.gui import theme
from modelmgr.gui.details.completing import make_completer
from modelmgr.gui.flow import FlowLayout
from modelmgr.gui.text import foreign_text, plain_tip
from modelmgr.values import folded

_FIELD_WIDTH = 96


class ChipsEdit(QFrame):
    """Chips and a field. A comma or Enter makes a chip, Backspace in the empty field takes the last one back.

    Signals:
        changed(): entries, or what is in the field.
        settled(): the user has finished (Enter in the empty field).
        given_up(): Escape.
    """

    changed = Signal()
    settled = Signal()
    given_up = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("chipsEdit")
        self.setProperty("role", "editor")
        self._entries: list[str] = []
        self._flow = FlowLayout(spacing=theme.XS)
        self._flow.setContentsMargins(theme.XS, theme.XS, theme.XS, theme.XS)
        self.setLayout(self._flow)
        self.field = QLineEdit(self)
        self.field.setObjectName("chipsField")
        self.field.setProperty("role", "bare")
        self.field.setMinimumWidth(_FIELD_WIDTH)
        self.field.setMaxLength(200)
        self.field.setPlaceholderText(self.tr("Add…"))
        self.field.setAccessibleName(self.tr("Add an entry"))
        self.field.installEventFilter(self)
        self.field.textEdited.connect(self._on_text)
        self._known = QStringListModel(self)
        completer = self._completer = make_completer(self._known, self)
        completer.activated.connect(self._on_chosen, Qt.ConnectionType.QueuedConnection)
        self.field.setCompleter(completer)
        self.field.returnPressed.connect(self._on_return)
        self.setFocusProxy(self.field)
        self._flow.addWidget(self.field)

    def entries(self) -> list[str]:
        """Return the entries, what is in the field among them."""
        typed = self.field.text().strip()
        return [*self._entries, *([typed] if typed and typed not in self._entries else [])]

    def set_entries(self, entries: Sequence[str]) -> None:
        """Show these entries."""
        self._entries = list(entries)
        self._build()

    def set_known(self, words: Sequence[str]) -> None:
        """Offer these words while the user types."""
        self._known.setStringList(list(words))

    def _build(self) -> None:
        self._flow.takeAt(self._flow.count() - 1)
        self._flow.clear()
        for entry in self._entries:
            chip = QToolButton(self)
            chip.setObjectName("chip")
            chip.setProperty("role", "chip")
            chip.setProperty("entry", entry)
            chip.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            chip.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
            theme.give_icon_size(chip, 12)
            chip.setText(foreign_text(entry, 60).replace("&", "&&"))
            chip.setToolTip(plain_tip(self.tr("Take {} out").format(entry)))
            chip.setAccessibleName(self.tr("Take {} out").format(foreign_text(entry, 100)))
            theme.set_icon(chip, "x")
            chip.clicked.connect(self._on_chip)
            self._flow.addWidget(chip)
            chip.show()
        self._flow.addWidget(self.field)
        self._flow.invalidate()
        self.updateGeometry()

    def _add(self, text: str) -> None:
        known = {folded(entry) for entry in self._entries}
        for word in text.split(","):
            if (entry := word.strip()) and folded(entry) not in known:
                known.add(folded(entry))
                self._entries.append(entry)
        self.field.clear()
        self._build()
        self.field.setFocus()
        self.changed.emit()

    @Slot(str)
    def _on_chosen(self, text: str) -> None:
        self._add(text)

    @Slot()
    def _on_return(self) -> None:
        # Words are offered, or the event filter had had it. One that is marked is `activated`.
        offered = self._completer.popup()
        if offered is not None and not offered.currentIndex().isValid():
            QTimer.singleShot(0, self, self._take_typed)

    @Slot()
    def _take_typed(self) -> None:
        if self.field.text().strip():
            self._add(self.field.text())

    @Slot(str)
    def _on_text(self, text: str) -> None:
        if "," in text:
            self._add(text)
        else:
            self.changed.emit()

    @Slot()
    def _on_chip(self) -> None:
        chip = self.sender()
        if isinstance(chip, QToolButton):
            self._entries = [entry for entry in self._entries if entry != chip.property("entry")]
            self._build()
            self.field.setFocus()
            self.changed.emit()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            text = self.field.text().strip()
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                if text:
                    self._add(text)
                else:
                    self.settled.emit()
                return True
            if event.key() == Qt.Key.Key_Backspace and not self.field.text() and self._entries:
                del self._entries[-1]
                self._build()
                self.field.setFocus()
                self.changed.emit()
                return True
            if event.key() == Qt.Key.Key_Escape:
                self.given_up.emit()
                return True
        return super().eventFilter(watched, event)
