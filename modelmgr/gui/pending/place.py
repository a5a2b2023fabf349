"""Where the inbox stands in the window: its table after the first paint, or when it is looked for, then all else."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Signal, Slot
from PySide6.QtGui import QAction, QShowEvent
from PySide6.QtWidgets import QWidget

from modelmgr.gui import boxes, timers
from modelmgr.gui.late import LateParts
from modelmgr.gui.tasks import Tasks

if TYPE_CHECKING:
    from modelmgr.gui.pending.page import PendingPage
    from modelmgr.gui.pending.view import PendingView
    from modelmgr.library import Library

_SOON_MS = 300
_LOADED, _MADE = 1, 2


class PendingPlace(LateParts, QWidget):
    """Makes the page of the inbox when it is first wanted, or when the window has come to rest.

    Loading and building the page takes as long as all that the first paint of the library needs.

    Signals:
        message(str), told(), counted(str), import_requested(), add_folder_requested(str): those of the page.

    Attributes:
        shared: see `PendingPage`.
    """

    message = Signal(str)
    told = Signal()
    counted = Signal(str)
    import_requested = Signal()
    add_folder_requested = Signal(str)

    def __init__(self, library: "Library", tasks: Tasks, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("pendingPage")
        self._library = library
        self._tasks = tasks
        self._made_view: PendingView | None = None
        self._made: PendingPage | None = None
        self._group = "waiting"
        self._steps = 0
        self.shared: Mapping[str, QAction] = {}
        self._soon = timers.after(_SOON_MS, self._go_on, self)

    def make_late(self) -> None:
        if self._made is None:
            self._view  # noqa: B018 made when it is first read
        else:
            self.page  # noqa: B018 put in its place, for it has taken the view with it

    @property
    def _view(self) -> "PendingView":
        if self._made_view is None:
            from modelmgr.gui.pending.table import PendingTable
            from modelmgr.gui.pending.view import PendingView

            self._made_view = PendingView(PendingTable(self._library.catalog, self._tasks, self), self)
            self._made_view.hide()
        return self._made_view

    def make_soon(self) -> None:
        """Load and make the page when the window has come to rest."""
        if self.layout() is None:
            self._soon.start()

    @property
    def page(self) -> "PendingPage":
        """The page, made now if it isn't there yet."""
        page = self._make()
        if self.layout() is None:
            self._soon.stop()
            boxes.column(page, on=self, margins=0)
            page.show()
            self.setFocusProxy(page)
        return page

    def _make(self) -> "PendingPage":
        if self._made is None:
            from modelmgr.gui.pending.page import PendingPage

            page = self._made = PendingPage(
                self._library, self._tasks, view=self._view, shared=self.shared, parent=self
            )
            page.hide()
            page.message.connect(self.message)
            page.told.connect(self.told)
            page.counted.connect(self.counted)
            page.import_requested.connect(self.import_requested)
            page.add_folder_requested.connect(self.add_folder_requested)
            page.show_group(self._group)
        return self._made

    @property
    def group(self) -> str:
        """The name of the group that is shown."""
        return self._group if self._made is None else self._made.group

    def show_group(self, name: str) -> None:
        """Show one of the groups, see `PendingPage.show_group`."""
        if self._made is None:
            self._group = name
        else:
            self._made.show_group(name)

    def reload(self) -> None:
        """Take in news from the catalog; a page that isn't there yet will ask for everything anyway."""
        if self._made is not None:
            self._made.reload()

    @Slot()
    def _go_on(self) -> None:
        """Do the next step, each in a turn of the event loop of its own."""
        from modelmgr.gui.pending import page  # noqa: F401

        self._steps += 1
        if self._steps == _LOADED:
            self._soon.start(0)
        elif self._steps == _MADE:
            self._make()
            self._soon.start(0)
        else:
            self._fill()

    def _fill(self) -> None:
        self.page.look_once()

    def minimumSizeHint(self) -> QSize:
        return QSize() if self._made is None else super().minimumSizeHint()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._fill()
