"""What the Help menu opens: everything by name, the shortcuts, what to send when something is wrong, about."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QUrl, Slot
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QWidget

from modelmgr import sqlite
from modelmgr.gui.shell.actions import Actions
from modelmgr.gui.shell.entries import MOST_RECENT, Entry
from modelmgr.gui.shell.messages import Messages
from modelmgr.gui.shell.preferences import Preferences
from modelmgr.gui.tasks import Tasks

if TYPE_CHECKING:
    from modelmgr.catalog import Catalog


class Help(QObject):
    """Opens the palette and its sisters.

    Attributes:
        sources: what else is had by its name; each is asked when the palette opens.
    """

    def __init__(
        self,
        actions: Actions,
        catalog: "Catalog",
        tasks: Tasks,
        preferences: Preferences,
        messages: Messages,
        window: QWidget,
    ) -> None:
        super().__init__(window)
        self._actions = actions
        self._catalog = catalog
        self._tasks = tasks
        self._preferences = preferences
        self._messages = messages
        self._window = window
        self._recent: list[str] = []
        self.sources: list[Callable[[], Iterable[Entry]]] = []
        for name, slot in (
            ("actionCommands", self.open_palette),
            ("actionShortcuts", self.open_shortcuts),
            ("actionCopyDiagnostics", self.copy_diagnostics),
            ("actionOpenLogs", self.open_log_folder),
            ("actionAbout", self.open_about),
        ):
            actions.on(name, slot)

    # --- by name ----------------------------------------------------------------------------------------

    @Slot()
    def open_palette(self) -> None:
        """Offer everything by its name."""
        from modelmgr.gui.shell.palette import CommandPalette

        entries = [entry for entry in self._actions.entries() if entry.key != "actionCommands"]
        for source in self.sources:
            entries += source()
        palette = CommandPalette(entries, self._recent, self._window)
        palette.chosen.connect(self._on_chosen)
        palette.open()

    @Slot(str)
    def _on_chosen(self, key: str) -> None:
        self._recent = [key, *(other for other in self._recent if other != key)][:MOST_RECENT]

    def state(self) -> Mapping[str, Any]:
        """Return what comes back at the next start."""
        return {"recent_commands": self._recent}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Bring that back; anything odd is as if it weren't there."""
        recent = state.get("recent_commands")
        if isinstance(recent, list):
            self._recent = [key for key in recent if isinstance(key, str)][:MOST_RECENT]

    @Slot()
    def open_shortcuts(self) -> None:
        """Show all shortcuts."""
        from modelmgr.gui.shell.shortcuts import ShortcutList

        ShortcutList(self._actions.entries(), self._window).open()

    # --- when something is wrong ------------------------------------------------------------------------

    @Slot()
    def copy_diagnostics(self) -> None:
        """Put on the clipboard what helps somebody else to see what is wrong."""
        from modelmgr.gui.shell import diagnostics

        question = partial(
            diagnostics.report, self._catalog, asdict(self._preferences.settings), sqlite.version
        )
        self._tasks.ask(question, self._on_diagnostics, key=(id(self), "diagnostics"))

    def _on_diagnostics(self, text: str) -> None:
        QGuiApplication.clipboard().setText(text)
        self._messages.say(
            self.tr("The diagnostics are on the clipboard: {} lines.").format(text.count("\n") + 1)
        )

    @Slot()
    def open_log_folder(self) -> None:
        """Show the folder of the log files."""
        from modelmgr.gui import logs

        QDesktopServices.openUrl(QUrl.fromLocalFile(str(logs.folder())))

    @Slot()
    def open_about(self) -> None:
        """Say which program this is."""
        from modelmgr.gui.dialogs import AboutDialog

        AboutDialog(str(self._catalog.path), sqlite.version, self._window).open()
