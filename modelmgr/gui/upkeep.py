"""Keeps the library up with the disk while the window is open.

A quick look at the start, hashing that was interrupted, then the watch. Nobody asked for any of it, so it is quiet and
gives way to what the user asks for.
"""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot

from modelmgr.gui.tasks import Task, Tasks
from modelmgr.progress import Progress
from modelmgr.settings import Settings
from modelmgr.values import ModelRow, ScanOptions, ScanReport

if TYPE_CHECKING:
    from modelmgr.library import Library


def options_of(settings: Settings) -> ScanOptions:
    """Return how files are hashed, as the user has chosen."""
    return ScanOptions(settings.hash_kinds, settings.hash_workers, settings.read_limit_mb_s)


def _quick_check(library: "Library", options: ScanOptions, progress: Progress) -> ScanReport:
    return library.quick_check(progress, options=options)


def _hash_waiting(library: "Library", options: ScanOptions, progress: Progress) -> ScanReport:
    return library.hash_waiting(progress, options=options)


def _stand_watch(library: "Library", options: ScanOptions, progress: Progress) -> None:
    library.watch(progress, options=options)


def _prefer(library: "Library", ids: Sequence[int]) -> None:
    library.prefer(ids)


class Upkeep(QObject):
    """Runs the quiet work of one window.

    A scan that the user asks for takes its place (`give_way`), and afterwards it goes on (`go_on`).
    """

    def __init__(
        self, library: "Library", tasks: Tasks, settings: Settings, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._library = library
        self._tasks = tasks
        self._settings = settings
        self._has_begun = False
        self._check: Task | None = None
        self._hashing: Task | None = None
        self._watch: Task | None = None
        self._scans = 0

    # --- deeds ------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Look for news, finish the hashes, and watch, as far as the settings want it."""
        self._has_begun = True
        if self._settings.check_at_start:
            self._start_check()
        else:
            self._start_watch()

    def follow(self, settings: Settings) -> None:
        """Take other settings."""
        before, self._settings = self._settings, settings
        if not self._has_begun:
            return
        if options_of(before) != options_of(settings):
            self._stop_watch()
            if self._hashing is not None:
                self._stop_hashing()
                self.go_on()
        if settings.watch_folders:
            self._start_watch()
        else:
            self._stop_watch()

    def folders_changed(self) -> None:
        """Watch the folders of now; those that a scan has met since are new to the watch."""
        if self._watch is not None:
            self._stop_watch()
            self._start_watch()

    def give_way(self) -> None:
        """Stop what reads the disk, for the user wants a scan, which does the same."""
        self._scans += 1
        if self._check is not None:
            self._check.cancel()
        self._stop_hashing()

    def scan_ended(self, *, was_stopped: bool) -> None:
        """Go on after the user's scan; not with hashing, if it was stopped: that is what the user didn't want."""
        self._scans = max(0, self._scans - 1)
        self.folders_changed()
        if not was_stopped:
            self.go_on()

    def go_on(self) -> None:
        """Hash what has no hash yet."""
        if (
            self._has_begun
            and not self._scans
            and self._hashing is None
            and self._settings.hash_while_scanning
        ):
            deed = partial(_hash_waiting, self._library, options_of(self._settings))
            self._hashing = self._tasks.run(
                self.tr("Hashing"), deed, turn="upkeep", is_quiet=True, can_pause=True
            )
            self._hashing.finished.connect(self._on_hashing_ended)

    @Slot(object)
    def prefer(self, row: ModelRow | None) -> None:
        """Have what the user looks at hashed first, if something is hashing."""
        if row is not None and row.sha256 is None and self._has_begun:
            deed = partial(_prefer, self._library, [row.id])
            self._tasks.ask(deed, _nothing, failed=_nothing, key=(id(self), "prefer"))

    # --- the parts --------------------------------------------------------------------------------------

    def _start_check(self) -> None:
        deed = partial(_quick_check, self._library, options_of(self._settings))
        self._check = self._tasks.run(
            self.tr("Looking for news"), deed, turn="upkeep", is_quiet=True, can_pause=True
        )
        self._check.finished.connect(self._on_check_ended)

    @Slot()
    def _on_check_ended(self) -> None:
        self._check = None
        self.go_on()
        self._start_watch()

    def _stop_hashing(self) -> None:
        if self._hashing is not None:
            self._hashing.finished.disconnect(self._on_hashing_ended)
            self._hashing.cancel()
            self._hashing = None

    @Slot()
    def _on_hashing_ended(self) -> None:
        self._hashing = None

    def _start_watch(self) -> None:
        if self._settings.watch_folders and self._watch is None and self._check is None:
            deed = partial(_stand_watch, self._library, options_of(self._settings))
            self._watch = self._tasks.stand(self.tr("Watching the folders"), deed)
            self._watch.finished.connect(self._on_watch_ended)

    def _stop_watch(self) -> None:
        if self._watch is not None:
            self._watch.finished.disconnect(self._on_watch_ended)
            self._watch.cancel()
            self._watch = None

    @Slot()
    def _on_watch_ended(self) -> None:
        self._watch = None


def _nothing(_answer: object) -> None:
    """Take an answer that nobody waits for; what failed is hashed when its turn comes."""
