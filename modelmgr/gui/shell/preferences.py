"""The settings of one window: read at the start, told to all who follow them, and kept."""

import logging
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from modelmgr.settings import Settings

log = logging.getLogger(__name__)


class Preferences(QObject):
    """What the user chose, and who is told of it.

    Signals:
        changed(Settings): they are others now.
        not_saved(str): they could not be written, in the system's words; they hold until the window is closed.

    Attributes:
        settings: those of now.
    """

    changed = Signal(object)
    not_saved = Signal(str)

    def __init__(self, path: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._path = path
        self.settings = Settings.load(path)

    def keep(self, settings: Settings) -> None:
        """Take other settings and write them."""
        self.settings = settings
        self.changed.emit(settings)
        try:
            settings.save(self._path)
        except OSError as error:
            log.info("The settings could not be saved: %s", error)
            self.not_saved.emit(error.strerror or "")
