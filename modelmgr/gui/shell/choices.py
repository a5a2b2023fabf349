"""What the user chooses, followed: the dialog of settings, and the local API that they open and close."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QWidget

from modelmgr.gui.api_door import ApiDoor, DoorState
from modelmgr.gui.mending import Mending
from modelmgr.gui.shell.entries import Entry
from modelmgr.gui.shell.errands import Errands
from modelmgr.gui.shell.messages import Messages
from modelmgr.gui.shell.preferences import Preferences
from modelmgr.gui.upkeep import Upkeep
from modelmgr.settings import Settings


class Choices(QObject):
    """Opens the settings and does what they say.

    Args:
        window: the parent of the dialog.
    """

    def __init__(
        self,
        preferences: Preferences,
        door: ApiDoor,
        upkeep: Upkeep,
        errands: Errands,
        mending: Mending,
        messages: Messages,
        catalog_path: str,
        window: QWidget,
    ) -> None:
        super().__init__(window)
        self._preferences = preferences
        self._door = door
        self._upkeep = upkeep
        self._errands = errands
        self._mending = mending
        self._messages = messages
        self._catalog_path = catalog_path
        self._window = window
        preferences.not_saved.connect(self._on_not_saved)
        door.changed.connect(self._on_api_changed)

    # --- settings ---------------------------------------------------------------------------------------

    @Slot()
    def open_settings(self) -> None:
        """Open the settings."""
        self.open_at("library")

    @Slot()
    def open_api_settings(self) -> None:
        """Open the settings where they are about the local API."""
        self.open_at("api")

    def open_at(self, tab: str, name: str = "") -> None:
        """Open the settings at a tab, and there at a setting."""
        from modelmgr.gui.settings_dialog import SettingsDialog

        dialog = SettingsDialog(
            self._preferences.settings,
            self._errands.folders,
            self._catalog_path,
            self._door,
            self._window,
        )
        dialog.chosen.connect(self._on_chosen)
        dialog.folder_wanted.connect(partial(self._errands.ask_folder, dialog))
        self._errands.folder_added.connect(dialog.show_added)
        dialog.folder_removed.connect(self._errands.remove_folder)
        dialog.rules_wanted.connect(self._mending.ask_rules)
        dialog.move_wanted.connect(self._mending.ask_move)
        dialog.show_tab(tab)
        if name:
            dialog.point_at(name)
        dialog.open()

    def entries(self) -> Sequence[Entry]:
        """Return every setting by its name."""
        from modelmgr.gui.settings_dialog import setting_titles, tab_titles

        tabs = tab_titles()
        return [
            Entry(
                name,
                title,
                self.tr("Settings, {}").format(tabs[tab]),
                icon="settings",
                run=partial(self.open_at, tab, name),
            )
            for name, (tab, title) in setting_titles().items()
        ]

    @Slot(object)
    def _on_chosen(self, settings: Settings) -> None:
        self._preferences.keep(settings)
        self._upkeep.follow(settings)
        self.bring_api()

    @Slot(bool)
    def set_comfortable(self, is_on: bool) -> None:
        """Choose the height of rows."""
        if is_on != self._preferences.settings.comfortable_rows:
            self._preferences.keep(replace(self._preferences.settings, comfortable_rows=is_on))

    @Slot(str)
    def _on_not_saved(self, why: str) -> None:
        self._messages.show(
            self.tr("The settings hold until you quit; they could not be saved: {}").format(why),
            is_problem=True,
        )

    # --- the local API ----------------------------------------------------------------------------------

    @Slot()
    def bring_api(self) -> None:
        """Open or close the local API, as is chosen."""
        settings = self._preferences.settings
        self._door.follow(settings.api_enabled, settings.api_port)

    @Slot()
    def _on_api_changed(self) -> None:
        then: Callable[[], None] = self.open_api_settings
        self._messages.overtake(then)
        if self._door.state == DoorState.FAILED:
            from modelmgr.gui.api_section import problem_text

            self._messages.show(
                self.tr("Other programs can't use the library now. {}").format(problem_text(self._door)),
                is_problem=True,
                button=self.tr("Settings…"),
                then=then,
            )
        elif self._door.state == DoorState.OPEN:
            self._messages.say(
                self.tr("Other programs can use the library at {}.").format(self._door.address)
            )
        elif self._door.state == DoorState.CLOSED:
            self._messages.say(self.tr("Other programs can no longer use the library."))
