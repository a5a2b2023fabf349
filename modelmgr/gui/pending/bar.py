"""The deeds as buttons over the table: those that fit the group, live where they fit what is selected."""

from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QPushButton, QWidget

from modelmgr.gui import theme
from modelmgr.gui.flow import FlowLayout
from modelmgr.gui.text import plain_tip


class _Deed(NamedTuple):
    """A button: its object name, its words, what it means, and the key over the table."""

    name: str
    words: str
    tip: str
    key: str


_DEEDS = {
    "promote_all": _Deed("promoteReadyButton", "Promote all", "", ""),
    "promote": _Deed(
        "promoteSelectedButton",
        "Promote &selected",
        "Make the selected records part of the library, as far as their files bear them out",
        "Ctrl+Shift+Return",
    ),
    "attach": _Deed(
        "attachAnywayButton",
        "&Attach anyway…",
        "Attach the records to their files although the hashes differ; you are asked first",
        "",
    ),
    "locate": _Deed("locateButton", "&Locate…", "Say which file the selected record speaks of", "Ctrl+L"),
    "map": _Deed(
        "mapFolderButton",
        "Map a f&older…",
        "Say where a folder of many records is now; first it is shown how many are found there",
        "",
    ),
    "keep": _Deed(
        "keepWithoutFileButton",
        "&Keep without file",
        "Make a model without a file of it; a scan that meets its bytes links it",
        "",
    ),
    "again": _Deed(
        "tryAgainButton",
        "Try &again",
        "Look for the file again and promote what is clear now",
        "Ctrl+R",
    ),
    "dismiss": _Deed("dismissButton", "&Dismiss", "Set the selected records aside; they are kept", "Del"),
    "restore": _Deed("restoreButton", "&Restore", "Let the selected records wait again", ""),
    "undo": _Deed(
        "undoPromotionButton",
        "&Undo promotion",
        "Take the selected records back among those that wait",
        "",
    ),
    "clear": _Deed(
        "clearPromotedButton",
        "&Clear promoted…",
        "Take this history off the list; the library keeps everything",
        "",
    ),
}
"""What can be done with records."""


def deed_words(deed: str) -> tuple[str, str, str]:
    """Return the words of a deed, what it means, and its key."""
    _name, words, tip, key = _DEEDS[deed]
    return _tr(words), _tr(tip), key


class DeedBar(QWidget):
    """The buttons, and the actions behind them, which are the table's context menu too.

    Args:
        slots: deed -> what is done.
        shared: deed -> an action that is there already, in the window's menu, and is this one.
    """

    def __init__(
        self, slots: Mapping[str, Callable[[], None]], parent: QWidget, shared: Mapping[str, QAction]
    ) -> None:
        super().__init__(parent)
        self.actions_by_deed: dict[str, QAction] = {}
        self._buttons: dict[str, QPushButton] = {}
        layout = FlowLayout(self, spacing=theme.S)
        layout.setContentsMargins(0, 0, 0, 0)
        for deed, (name, words, tip, key) in _DEEDS.items():
            action = shared.get(deed) or QAction(_tr(words), self)
            if key and deed not in shared:
                action.setShortcut(QKeySequence(key))
                action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
            action.triggered.connect(slots[deed])
            button = QPushButton(_tr(words), self)
            button.setObjectName(name)
            keys = QKeySequence(key).toString(QKeySequence.SequenceFormat.NativeText) if key else ""
            told = _tr(tip) if tip else ""
            button.setToolTip(plain_tip(f"{told} ({keys})" if keys else told))
            button.clicked.connect(action.trigger)
            if deed == "promote_all":
                button.setProperty("primary", True)
            self.actions_by_deed[deed] = action
            self._buttons[deed] = button
            layout.addWidget(button)

    def name(self, deed: str, words: str) -> None:
        """Write other words on a deed."""
        self.actions_by_deed[deed].setText(words)
        self._buttons[deed].setText(words)

    def used(self) -> QPushButton | None:
        """Return the button that has the keyboard."""
        return next((button for button in self._buttons.values() if button.hasFocus()), None)

    def show_deeds(self, shown: Collection[str], live: Collection[str]) -> None:
        """Show the buttons of some deeds; those that are `live` can be done now."""
        for deed, action in self.actions_by_deed.items():
            action.setEnabled(deed in live)
            self._buttons[deed].setEnabled(deed in live)
            self._buttons[deed].setVisible(deed in shown)


def _tr(text: str) -> str:
    return QCoreApplication.translate("PendingPage", text)
