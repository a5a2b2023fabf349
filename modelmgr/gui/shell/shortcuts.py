"""The list of all shortcuts, by where they count. It is made of the table of commands, so it can't be wrong."""

from collections.abc import Sequence
from itertools import groupby

from PySide6.QtCore import QCoreApplication, Qt, Slot
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QWidget

from modelmgr.gui import boxes, theme
from modelmgr.gui.measures import scaled
from modelmgr.gui.search_field import SearchEdit
from modelmgr.gui.shell.entries import Entry, ranked
from modelmgr.gui.shell.palette import entry_view


def _tr(text: str) -> str:
    return QCoreApplication.translate("Shortcuts", text)


def hands() -> list[Entry]:
    """Return the keys that are no commands: those that move about, and what the mouse does with one held."""
    search, models, filters = _tr("Search"), _tr("Models"), _tr("Filters")
    return [
        Entry("", _tr("Go to the first model"), search, _tr("Enter")),
        Entry("", _tr("Clear the search, then back to the models"), search, _tr("Esc")),
        Entry("", _tr("Show what can be searched for"), search, _tr("Ctrl+Space")),
        Entry("", _tr("Take the value that is offered"), search, _tr("Tab")),
        Entry("", _tr("Back to the search, from the first row"), models, "↑"),
        Entry("", _tr("Select all"), models, "Ctrl+A"),
        Entry("", _tr("Turn a filter on or off"), filters, _tr("Space")),
        Entry("", _tr("Exclude a value"), filters, _tr("Minus, or Alt+click")),
        Entry("", _tr("Find in a long filter"), filters, "/"),
        Entry("", _tr("Rename a saved filter"), filters, "F2"),
        Entry("", _tr("Remove a saved filter"), filters, _tr("Del")),
        Entry("", _tr("Move a saved filter"), filters, _tr("Alt+↑, Alt+↓")),
    ]


class ShortcutList(QDialog):
    """All shortcuts, with a field to search them."""

    def __init__(self, commands: Sequence[Entry], parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("shortcutList")
        self.setWindowTitle(self.tr("Shortcuts"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._entries = [entry._replace(why_not="") for entry in commands if entry.keys] + hands()
        layout = boxes.column(on=self, margins=theme.L, spacing=theme.M)
        edit = SearchEdit(self)
        edit.setObjectName("shortcutEdit")
        edit.setPlaceholderText(self.tr("Search by name or keys"))
        edit.setAccessibleName(self.tr("Search the shortcuts"))
        edit.setClearButtonEnabled(True)
        edit.textChanged.connect(self._show)
        self._list, self._model = entry_view(self)
        self._list.setObjectName("shortcuts")
        self._list.setAccessibleName(self.tr("Shortcuts"))
        self._nothing = theme.plain_label(self.tr("No shortcut fits"), "secondary", self)
        self._nothing.setAlignment(Qt.AlignmentFlag.AlignCenter)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, self)
        buttons.rejected.connect(self.reject)
        for widget, stretch in ((edit, 0), (self._list, 1), (self._nothing, 1), (buttons, 0)):
            layout.addWidget(widget, stretch)
        self._show("")
        self.resize(scaled(self, 520), scaled(self, 560))
        edit.setFocus()

    @Slot(str)
    def _show(self, text: str) -> None:
        found = ranked(self._entries, text)
        if not text.strip():
            shown = []
            for place, group in groupby(found, key=lambda entry: entry.place):
                shown.append(Entry("", place))
                shown += [entry._replace(place="") for entry in group]
            found = shown
        self._model.show_entries(found)
        self._list.setVisible(bool(found))
        self._nothing.setVisible(not found)
