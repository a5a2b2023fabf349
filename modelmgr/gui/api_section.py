"""The settings of the local API: on or off, the port, how it stands, the token, an example to copy."""

from PySide6.QtCore import QMimeData, Qt, Slot
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent, QGuiApplication
from PySide6.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from modelmgr.gui import theme
from modelmgr.gui.api_door import ApiDoor, DoorState, example_line
from modelmgr.gui.cells import CheckBox
from modelmgr.gui.outcomes import error_text
from modelmgr.gui.text import foreign_text
from modelmgr.settings import API_PORTS, Settings

_DOT = 10
_MARKS = {
    DoorState.OPEN: "present",
    DoorState.OPENING: "pending",
    DoorState.CLOSING: "pending",
    DoorState.FAILED: "problem",
}


class ApiSection(QWidget):
    """What the user can choose about the local API, and how it stands now.

    `is_on` and `port` are choices and count when the dialog is accepted; the token is renewed at once.
    """

    def __init__(self, settings: Settings, door: ApiDoor, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("apiSection")
        self._door = door
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, theme.L, 0, 0)
        layout.setSpacing(theme.S)
        text = self.tr(
            "Programs on this computer that know the token can search your library, import and promote. "
            "Nothing is reachable from the network."
        )
        self._on = CheckBox(self.tr("Let other programs use this library while the window is open"), self)
        self._on.setObjectName("settingApi")
        self._on.setChecked(settings.api_enabled)
        self._on.setAccessibleDescription(text)
        layout.addWidget(self._on)
        note = theme.plain_label(text, "secondary", self)
        note.setWordWrap(True)
        note.setContentsMargins(theme.XL, 0, 0, theme.S)
        layout.addWidget(note)

        self._port = QSpinBox(self)
        self._port.setObjectName("settingApiPort")
        self._port.setRange(API_PORTS.start, API_PORTS.stop - 1)
        self._port.setValue(settings.api_port)
        self._port.lineEdit().setTextMargins(theme.S - 2, 0, theme.S - 2, 0)
        self._port.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._port.setAccessibleName(self.tr("Port of the local API"))
        self._dot = QLabel(self)
        self._dot.setFixedWidth(_DOT)
        self._state = theme.plain_label("", None, self)
        self._state.setObjectName("apiState")
        self._state.setAccessibleName(self.tr("State of the local API"))
        token = theme.plain_label(
            self.tr("Hidden, in {}").format(foreign_text(door.token_path, 1000)), None, self
        )
        token.setObjectName("apiToken")
        selectable = Qt.TextInteractionFlag.TextSelectableByMouse
        for label in (self._state, token):
            label.setWordWrap(True)
            label.setTextInteractionFlags(selectable)
            label.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.MinimumExpanding)
        state = QHBoxLayout()
        state.setSpacing(theme.S)
        state.addWidget(self._dot, 0, Qt.AlignmentFlag.AlignTop)
        state.addWidget(self._state, 1)
        grid = QGridLayout()
        grid.setContentsMargins(theme.XL, 0, 0, 0)
        grid.setHorizontalSpacing(theme.L)
        grid.setVerticalSpacing(theme.M)
        grid.setColumnStretch(1, 1)
        for row, title in enumerate((self.tr("&Port"), self.tr("State"), self.tr("Token"))):
            label = theme.plain_label(title, "secondary", self)
            if row == 0:
                label.setBuddy(self._port)
                grid.addWidget(label, row, 0)
            else:
                grid.addWidget(label, row, 0, Qt.AlignmentFlag.AlignTop)
        grid.addWidget(self._port, 0, 1)
        grid.addLayout(state, 1, 1)
        grid.addWidget(token, 2, 1)
        layout.addLayout(grid)

        buttons = QHBoxLayout()
        buttons.setContentsMargins(theme.XL, theme.XS, 0, 0)
        buttons.setSpacing(theme.S)
        for name, title, description, slot in (
            ("apiCopyToken", self.tr("Copy token"), self.tr("Whoever has it is you"), self._on_copy_token),
            (
                "apiRenewToken",
                self.tr("Renew token…"),
                self.tr("The old one counts no more"),
                self._on_renew,
            ),
            (
                "apiCopyExample",
                self.tr("Copy example"),
                self.tr("A line for a terminal that asks for five models"),
                self._on_copy_example,
            ),
        ):
            button = QPushButton(title, self)
            button.setObjectName(name)
            button.setAccessibleDescription(description)
            button.setToolTip(description)
            button.clicked.connect(slot)
            buttons.addWidget(button)
        buttons.addStretch(1)
        layout.addLayout(buttons)
        self._note = theme.plain_label("", "secondary", self)
        self._note.setObjectName("apiNote")
        self._note.setWordWrap(True)
        self._note.setContentsMargins(theme.XL, 0, 0, 0)
        layout.addWidget(self._note)
        layout.addStretch(1)
        door.changed.connect(self._show_state)
        self._show_state()

    @property
    def is_on(self) -> bool:
        """Whether the user wants it."""
        return self._on.isChecked()

    @property
    def port(self) -> int:
        """Where."""
        return self._port.value()

    @Slot()
    def _show_state(self) -> None:
        door = self._door
        words = {
            DoorState.CLOSED: self.tr("Off"),
            DoorState.OPENING: self.tr("Starting…"),
            DoorState.OPEN: self.tr("On, at {}").format(door.address),
            DoorState.CLOSING: self.tr("Stopping…"),
            DoorState.FAILED: problem_text(door),
        }[door.state]
        self._state.setText(words)
        mark = _MARKS.get(door.state, "missing")
        self._dot.setPixmap(theme.state_pixmap(mark, _DOT, None, self.devicePixelRatioF()))
        self._dot.setFixedHeight(self._state.fontMetrics().height())

    def _say(self, text: str) -> None:
        self._note.setText(foreign_text(text, 1000))
        QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self, text))

    # --- token and example ---

    @Slot()
    def _on_copy_token(self) -> None:
        self._door.read_token(self._on_token, self._on_token_failed)

    def _on_token(self, token: str) -> None:
        held = QMimeData()
        held.setText(token)
        # Managers of the clipboard then keep it out of their history (KDE's word for it, and that of Windows).
        held.setData("x-kde-passwordManagerHint", b"secret")
        held.setData(
            'application/x-qt-windows-mime;value="ExcludeClipboardContentFromMonitorProcessing"', b"1"
        )
        QGuiApplication.clipboard().setMimeData(held)
        self._say(self.tr("The token is in the clipboard. Give it only to programs that you trust."))

    def _on_token_failed(self, error: Exception) -> None:
        self._say(error_text(error))

    @Slot()
    def _on_copy_example(self) -> None:
        QGuiApplication.clipboard().setText(example_line(self.port, self._door.token_path))
        self._say(self.tr("A line for a terminal is in the clipboard. It reads the token from its file."))

    @Slot()
    def _on_renew(self) -> None:
        from modelmgr.gui.dialogs import Question

        question = Question(
            "renewTokenQuestion",
            self.tr("Make a new token?"),
            self.tr("Programs that know the old one are refused until you give them the new one."),
            self.tr("Renew token"),
            "renewTokenYes",
            self,
        )
        question.accepted.connect(self._on_renew_accepted)
        question.open()

    @Slot()
    def _on_renew_accepted(self) -> None:
        self._door.renew_token(self._on_renewed, self._on_token_failed)

    def _on_renewed(self, _: None) -> None:
        self._say(self.tr("There is a new token; the old one counts no more."))


def problem_text(door: ApiDoor) -> str:
    """Return why the local API is off although it is wanted, and what can be done."""
    if getattr(door.problem, "code", "") == "port_in_use":
        return error_text(door.problem) + " " + door.tr("Choose another port, or close that program.")
    return error_text(door.problem)
