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
    QWidget,
)

from modelmgr.gui import boxes, theme
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
        self._on = CheckBox(self.tr("Let other programs use this library while the window is open"), self)
        self._on.setObjectName("settingApi")
        self._on.setChecked(settings.api_enabled)
        self._port = QSpinBox(self)
        self._port.setObjectName("settingApiPort")
        self._port.setRange(API_PORTS.start, API_PORTS.stop - 1)
        self._port.setValue(settings.api_port)
        self._port.lineEdit().setTextMargins(theme.S - 2, 0, theme.S - 2, 0)
        self._port.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._port.setAccessibleName(self.tr("Port of the local API"))
        text = self.tr(
            "Programs on this computer that know the token can search your library, import and promote. "
            "Nothing is reachable from the network."
        )
        self._on.setAccessibleDescription(text)
        note = theme.paragraph(text, "secondary", self)
        note.setContentsMargins(theme.XL, 0, 0, theme.S)
        facts = self._make_facts()
        buttons = self._make_buttons()
        self._note = theme.paragraph("", "secondary", self, name="apiNote")
        self._note.setContentsMargins(theme.XL, 0, 0, 0)
        boxes.column(
            self._on,
            note,
            facts,
            buttons,
            self._note,
            boxes.STRETCH,
            on=self,
            margins=(0, theme.L, 0, 0),
            spacing=theme.S,
        )
        door.changed.connect(self._show_state)
        self._show_state()

    def _make_facts(self) -> QGridLayout:
        """Make the lines of port, state and token."""
        self._dot = QLabel(self)
        self._dot.setFixedWidth(_DOT)
        self._state = theme.paragraph(parent=self, name="apiState")
        self._state.setAccessibleName(self.tr("State of the local API"))
        place = self.tr("Hidden, in {}").format(foreign_text(self._door.token_path, 1000))
        token = theme.paragraph(place, None, self, name="apiToken")
        for label in (self._state, token):
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            label.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.MinimumExpanding)
        grid = QGridLayout()
        grid.setContentsMargins(theme.XL, 0, 0, 0)
        grid.setHorizontalSpacing(theme.L)
        grid.setVerticalSpacing(theme.M)
        grid.setColumnStretch(1, 1)
        port = theme.plain_label(self.tr("Por&t"), "secondary", self)
        port.setBuddy(self._port)
        grid.addWidget(port, 0, 0)
        grid.addWidget(self._port, 0, 1)
        top = Qt.AlignmentFlag.AlignTop
        grid.addWidget(theme.plain_label(self.tr("State"), "secondary", self), 1, 0, top)
        grid.addLayout(boxes.row((self._dot, 0, top), (self._state, 1), spacing=theme.S), 1, 1)
        grid.addWidget(theme.plain_label(self.tr("Token"), "secondary", self), 2, 0, top)
        grid.addWidget(token, 2, 1)
        return grid

    def _make_buttons(self) -> QHBoxLayout:
        buttons = boxes.row(margins=(theme.XL, theme.XS, 0, 0), spacing=theme.S)
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
        return buttons

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
        return door.tr("{} Choose another port, or close that program.").format(error_text(door.problem))
    return error_text(door.problem)
