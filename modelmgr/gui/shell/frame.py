"""The frame of the window: its pages, bars, dock and looks. What they do is said by `main_window`."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QEvent, QSize, Qt, Signal, Slot
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDropEvent, QGuiApplication, QResizeEvent
from PySide6.QtWidgets import QDockWidget, QMainWindow, QVBoxLayout, QWidget

from modelmgr.gui import focus, theme
from modelmgr.gui.cells import scaled
from modelmgr.gui.details import DetailsPane
from modelmgr.gui.jobs_panel import JobsPanel
from modelmgr.gui.late import LateParts
from modelmgr.gui.overview.page import OverviewPage
from modelmgr.gui.pending.place import PendingPlace
from modelmgr.gui.previews import Previews
from modelmgr.gui.sheet import style_sheet
from modelmgr.gui.shell import remembered
from modelmgr.gui.shell.actions import LIBRARY, RECORDS, Actions
from modelmgr.gui.shell.drops import Drops
from modelmgr.gui.shell.library_page import LibraryPage
from modelmgr.gui.shell.menus import MainToolBar
from modelmgr.gui.states import MessageBar, Pages
from modelmgr.gui.tasks import Tasks

if TYPE_CHECKING:
    from modelmgr.library import Library

LIBRARY_PAGE, PENDING_PAGE, OVERVIEW_PAGE = range(3)
_PAGE_NAMES = ("library", "pending", "overview")
_PAGE_ACTIONS = ("actionShowLibrary", "actionShowPending", "actionShowOverview")
_DETAILS_WIDTH, _DETAILS_MOST = 328, 500
_START_SIZE = QSize(1360, 860)


class Frame(LateParts, QMainWindow):
    """All that is seen of the window, and which of it is shown.

    Signals:
        dropped(object): paths were let go over it.
    """

    dropped = Signal(object)

    def __init__(
        self, library: "Library", tasks: Tasks, previews: Previews, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setObjectName("mainWindow")
        self.setWindowTitle("modelmgr")
        self.setDockNestingEnabled(False)
        self._library = library
        self._catalog = library.catalog
        self._tasks = tasks
        self._previews = previews
        self._sheet = ""
        # First of all: a sheet that is set later goes through every widget there is.
        self._take_style()
        self._build_pages()
        self._build_status_bar()
        self._build_details()
        self._actions = Actions(self)
        self._actions.set_met(RECORDS, is_met=False)
        self._pending.shared = self._actions.of_records()
        self._build_bars()
        self._drops = Drops(self, self.dropped.emit)

    # --- building ---------------------------------------------------------------------------------------

    def _build_pages(self) -> None:
        # Each part is made where it stays: a widget that moves is given its styles again, with all that is in it.
        centre = QWidget(self)
        self._message_bar = MessageBar(centre)
        self._pages = Pages(centre)
        self._pages.setObjectName("pages")
        self._page = LibraryPage(self._library, self._tasks, self._previews, self._pages)
        self._pending = PendingPlace(self._library, self._tasks, self._pages)
        self._overview = OverviewPage(self._catalog, self._tasks, self._pages)
        for page in (self._page, self._pending, self._overview):
            self._pages.addWidget(page)
        layout = QVBoxLayout(centre)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._message_bar)
        layout.addWidget(self._pages, 1)
        self.setCentralWidget(centre)

    def make_late(self) -> None:
        self._details.make_late()
        self._pending.make_late()

    def _build_details(self) -> None:
        self._dock = QDockWidget(self.tr("Details"), self)
        self._details = DetailsPane(self._library, self._tasks, self._previews, self._dock)
        self._dock.setObjectName("detailsDock")
        self._dock.setWidget(self._details)
        self._dock.setFeatures(QDockWidget.DockWidgetFeature.NoDockWidgetFeatures)
        # The pane's own first line is title enough.
        self._dock.setTitleBarWidget(QWidget(self._dock))
        self._details.setMinimumWidth(min(scaled(self, 260), _DETAILS_MOST))
        # Dock areas are those of the screen, whichever way the language runs.
        area = Qt.DockWidgetArea.LeftDockWidgetArea
        if not self.isRightToLeft():
            area = Qt.DockWidgetArea.RightDockWidgetArea
        self.addDockWidget(area, self._dock)
        self.resizeDocks(
            [self._dock], [min(scaled(self, _DETAILS_WIDTH), _DETAILS_MOST)], Qt.Orientation.Horizontal
        )

    def _build_bars(self) -> None:
        self._toolbar = MainToolBar(self._actions, self._page.search, self)
        self.addToolBar(Qt.ToolBarArea.TopToolBarArea, self._toolbar)
        for view in (self._page.shelf.table, self._page.shelf.grid):
            self._actions.add_row_menu(view)
        for name in ("actionFilters", "actionDetails"):
            self._actions[name].setChecked(True)

    def _build_status_bar(self) -> None:
        bar = self.statusBar()
        bar.setSizeGripEnabled(False)
        bar.setContentsMargins(theme.S, 0, theme.S, 0)
        self._count_label = theme.plain_label("", "secondary", bar)
        self._count_label.setObjectName("countLabel")
        self._jobs = JobsPanel(self._tasks, bar)
        bar.addWidget(self._count_label)
        bar.addPermanentWidget(self._jobs, 1)
        bar.addPermanentWidget(self._page.shelf.slider)

    # --- pages ------------------------------------------------------------------------------------------

    def show_page(self, page: int) -> None:
        """Show one of the pages."""
        is_library = page == LIBRARY_PAGE
        # The room is made before it is needed, or the window would grow.
        if not is_library:
            self._dock.hide()
        self._pages.setCurrentIndex(page)
        self._actions[_PAGE_ACTIONS[page]].setChecked(True)
        self._dock.setVisible(is_library and self._actions["actionDetails"].isChecked())
        self._toolbar.show_search(is_library)
        # The overview says so itself, in large letters.
        self._count_label.setVisible(page != OVERVIEW_PAGE)
        self._actions.set_met(LIBRARY, is_library)

    @Slot(bool)
    def _on_page_chosen(self, is_on: bool) -> None:
        if is_on:
            (page,) = (number for number, name in enumerate(_PAGE_ACTIONS) if self._actions[name].isChecked())
            self.show_page(page)
            if page == OVERVIEW_PAGE:
                self._overview.setFocus()
            elif page == PENDING_PAGE:
                self._pending.page.take_focus()

    @Slot(bool)
    def _on_details_toggled(self, is_on: bool) -> None:
        self._dock.setVisible(is_on and self._pages.currentIndex() == LIBRARY_PAGE)

    @Slot()
    def _on_find(self) -> None:
        self.show_page(LIBRARY_PAGE)
        self._page.take_focus()

    @Slot(bool)
    def _on_look_switched(self, is_grid: bool) -> None:
        self._actions["actionShowGrid" if is_grid else "actionShowTable"].setChecked(True)
        for name in ("actionLargerCards", "actionSmallerCards"):
            self._actions[name].setVisible(is_grid)

    @Slot()
    def _on_details_wanted(self) -> None:
        self.show_page(LIBRARY_PAGE)
        self._actions["actionDetails"].setChecked(True)
        self._details.setFocus(Qt.FocusReason.ShortcutFocusReason)

    # --- state ------------------------------------------------------------------------------------------

    def _restore(self, state: Mapping[str, Any]) -> None:
        """Bring back what the window looked like; anything odd in the file is as if it weren't there."""
        self.resize(_START_SIZE)
        remembered.restore_frame(self, state)
        self._page.restore(state)
        self._on_look_switched(self._page.shelf.is_grid)
        folds = state.get("sections")
        if isinstance(folds, dict):
            self._details.restore_folds(folds)
        self._actions["actionFilters"].setChecked(state.get("filters_shown") is not False)
        self._actions["actionDetails"].setChecked(state.get("details_shown") is not False)
        group = state.get("pending_group")
        if isinstance(group, str):
            self._pending.show_group(group)
        page = state.get("page")
        self.show_page(_PAGE_NAMES.index(page) if page in _PAGE_NAMES else LIBRARY_PAGE)

    def _state(self) -> Mapping[str, Any]:
        return {
            **remembered.frame_state(self),
            **self._page.state(),
            "sections": self._details.fold_state(),
            "filters_shown": self._actions["actionFilters"].isChecked(),
            "details_shown": self._actions["actionDetails"].isChecked(),
            "page": _PAGE_NAMES[self._pages.currentIndex()],
            "pending_group": self._pending.group,
        }

    # --- looks ------------------------------------------------------------------------------------------

    def _take_style(self) -> bool:
        """Make the style sheet anew; True if the palette or the font have changed it."""
        # The application's palette, not the window's own: that one still wears the last style sheet.
        sheet = style_sheet(QGuiApplication.palette(), self.font())
        if sheet == self._sheet:
            return False
        self._sheet = sheet
        self.setStyleSheet(sheet)
        return True

    def _take_palette(self) -> None:
        if not self._take_style():
            return
        theme.retint(self)
        self._page.take_palette()
        self._message_bar.take_palette()
        for pane in self.findChildren(QWidget):
            pane.update()

    # --- Qt ---------------------------------------------------------------------------------------------

    def focusNextPrevChild(self, is_next: bool) -> bool:
        return focus.move(self, is_next)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        kinds = (
            QEvent.Type.PaletteChange,
            QEvent.Type.ApplicationPaletteChange,
            QEvent.Type.FontChange,
            QEvent.Type.ApplicationFontChange,
            QEvent.Type.ThemeChange,
        )
        if event.type() in kinds and hasattr(self, "_drops"):
            self._take_palette()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if hasattr(self, "_drops"):
            self._drops.fit(self)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        self._drops.enter(event)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self._drops.leave()
        super().dragLeaveEvent(event)

    def dropEvent(self, event: QDropEvent) -> None:
        self._drops.drop(event)
