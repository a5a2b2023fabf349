"""The frame of the window: its pages, bars, dock and looks. What they do is said by `main_window`."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QEvent, Signal, Slot
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDropEvent, QGuiApplication, QResizeEvent
from PySide6.QtWidgets import QDockWidget, QMainWindow, QMenuBar, QStatusBar, QWidget

from modelmgr.gui import looks, theme
from modelmgr.gui.importing import Qt
from modelmgr.gui.late import Growing
from modelmgr.gui.measures import details_share, first_size, scaled
from modelmgr.gui.sheet import style_sheet
from modelmgr.gui.shell import remembered
from modelmgr.gui.shell.folding import Fold
from modelmgr.gui.shell.menus import add_menus
from modelmgr.gui.shell.tool_bar import MainToolBar
from modelmgr.gui.tasks import Tasks

if TYPE_CHECKING:
    from PySide6.QtGui import QAction

    from modelmgr.library import Library

LIBRARY_PAGE, PENDING_PAGE, OVERVIEW_PAGE = range(3)
_PAGE_NAMES = ("library", "pending", "overview")
_PAGE_ACTIONS = ("actionShowLibrary", "actionShowPending", "actionShowOverview")
_ROOM = {"actionFilters": (940, 1300), "actionDetails": (640, 900)}
"""A window below this width is small: the pane leaves its room to the models. The second: with the largest letters."""
_STATUS_HEIGHT = 30


class Frame(Growing, QMainWindow):
    """All that is seen of the window, and which of it is shown.

    The first paint shows the words of the first rows, and all else as an empty place of the size that it is going to
    have; then the rows stand in their table.

    Signals:
        dropped(object): paths were let go over it.
    """

    dropped = Signal(object)
    _new_looks: looks.NewLooks | None = None

    def __init__(self, library: "Library", tasks: Tasks) -> None:
        super().__init__()
        self.setObjectName("mainWindow")
        self.setWindowTitle("modelmgr")
        self.setDockNestingEnabled(False)
        self.setAcceptDrops(True)
        self._library = library
        self._catalog = library.catalog
        self._tasks = tasks
        self._sheet = ""
        self._counted = {LIBRARY_PAGE: "", PENDING_PAGE: "", OVERVIEW_PAGE: ""}
        self._folds = {"actionFilters": Fold("filters"), "actionDetails": Fold("details")}
        self._is_folding = False
        self._looks_late = False  # the palette has changed before there was all that wears it
        # First of all: a sheet that is set later goes through every widget there is.
        self._take_style()
        self._build_bars()
        self.resize(first_size(self))

    # --- building ---------------------------------------------------------------------------------------

    def _build_pages(self) -> None:
        from modelmgr.gui.pages import Pages
        from modelmgr.gui.shell.library_page import LibraryPage

        # Each part is made where it stays: a widget that moves is given its styles again, with all that is in it.
        centre = self._build_centre()
        self._pages = Pages(centre)
        self._pages.setObjectName("pages")
        self._page = LibraryPage(self._library, self._tasks, self._pages)
        self._pages.addWidget(self._page)
        self._centre.addWidget(self._pages, 1)

    def _build_centre(self) -> QWidget:
        """Make the place of the pages, empty so far."""
        from modelmgr.gui import boxes

        centre = QWidget(self)
        self._centre = boxes.column(on=centre, margins=0, spacing=0)
        self.setCentralWidget(centre)
        return centre

    def _build_bars(self) -> None:
        self._menus = add_menus(super().menuBar())
        self._toolbar = MainToolBar(self)
        self.addToolBar(self._toolbar)
        bar = super().statusBar()
        bar.setSizeGripEnabled(False)
        bar.setMinimumHeight(_STATUS_HEIGHT)
        bar.setContentsMargins(theme.S, 0, theme.S, 0)

    def _build_places(self) -> None:
        bar = self.statusBar()
        self._count_label = theme.plain_label("", "secondary", bar, name="countLabel")
        bar.addWidget(self._count_label)
        self._page.counted.connect(self._on_models_counted)
        self._dock = QDockWidget(self.tr("Details"), self)
        self._dock.setObjectName("detailsDock")
        place = QWidget(self._dock)
        self._share = details_share(self)
        place.setMinimumWidth(self._share.least)
        self._dock.setWidget(place)
        self._dock.setFeatures(QDockWidget.DockWidgetFeature.NoDockWidgetFeatures)
        # The pane's own first line is title enough.
        self._dock.setTitleBarWidget(QWidget(self._dock))
        # Dock areas are those of the screen, whichever way the language runs.
        area = Qt.DockWidgetArea.LeftDockWidgetArea
        if not self.isRightToLeft():
            area = Qt.DockWidgetArea.RightDockWidgetArea
        self.addDockWidget(area, self._dock)
        first = self._share.of(first_size(self).width())
        self.resizeDocks([self._dock], [first], Qt.Orientation.Horizontal)

    def _grow_library(self) -> None:
        from modelmgr.gui.previews import Previews
        from modelmgr.settings import thumbnails_folder
        from modelmgr.thumbnails import Thumbnails

        folder = thumbnails_folder(self._catalog.path)
        self._previews = Previews(self._tasks, store=Thumbnails(folder))
        self._previews.setParent(self)
        self._page.complete(self._previews)

    def _grow_pages(self) -> None:
        from modelmgr.gui.overview.page import OverviewPage
        from modelmgr.gui.pending.place import PendingPlace

        self._make_message_bar()
        self._pending = PendingPlace(self._library, self._tasks, self._pages)
        self._overview = OverviewPage(self._catalog, self._tasks, self._pages)
        for page in (self._pending, self._overview):
            self._pages.addWidget(page)

    def _make_message_bar(self) -> None:
        """Make it if it isn't there yet: it also tells why other parts aren't."""
        if "_message_bar" not in self.__dict__:
            from modelmgr.gui.states import MessageBar

            if "_centre" not in self.__dict__:
                self._build_centre()
            self._message_bar = MessageBar(self._centre.parentWidget())
            self._centre.insertWidget(0, self._message_bar)

    def _grow_details(self) -> None:
        from modelmgr.gui.details import DetailsPane

        place = self._dock.widget()
        self._details = DetailsPane(self._library, self._tasks, self._previews, self._dock)
        self._details.setMinimumWidth(place.minimumWidth())
        self._dock.setWidget(self._details)
        place.deleteLater()

    def _grow_status_bar(self) -> None:
        from modelmgr.gui.jobs_panel import JobsPanel

        bar = self.statusBar()
        self._jobs = JobsPanel(self._tasks, bar)
        bar.addPermanentWidget(self._jobs, 1)
        bar.addPermanentWidget(self._page.shelf.slider)

    def _grow_actions(self) -> None:
        from modelmgr.gui.shell.actions import RECORDS, Actions

        self._actions = Actions(self)
        self._actions.set_met(RECORDS, is_met=False)
        self._pending.shared = self._actions.of_records()

    def _grow_bars(self) -> None:
        from modelmgr.gui.shell.drops import Drops

        self._toolbar.fill(self._actions, self._page.search)
        for view in (self._page.shelf.table, self._page.shelf.grid):
            self._actions.add_row_menu(view)
        for name in self._folds:
            self._actions[name].setChecked(True)
            self._actions[name].toggled.connect(self._on_side_chosen)
        self._drops = Drops(self, self.dropped.emit)

    # --- pages ------------------------------------------------------------------------------------------

    def show_page(self, page: int) -> None:
        """Show one of the pages."""
        is_library = page == LIBRARY_PAGE
        # The room is made before it is needed, or the window would grow.
        if not is_library:
            self._dock.hide()
        self._pages.setCurrentIndex(page)
        self._actions[_PAGE_ACTIONS[page]].setChecked(True)
        self._show_sides()
        self._toolbar.show_search(is_library)
        # What is counted on the overview stands there in large letters.
        self._count_label.setText(self._counted[page])
        self._count_label.setVisible(page != OVERVIEW_PAGE)
        self._page.shelf.slider.setVisible(is_library and self._page.shelf.is_grid)

    @Slot()
    def _show_sides(self) -> None:
        """Show what stands beside the models, where there are any."""
        from modelmgr.gui.shell.actions import LIBRARY

        has_models = self._pages.currentIndex() == LIBRARY_PAGE and not self._page.is_empty
        self._dock.setVisible(has_models and self._actions["actionDetails"].isChecked())
        self._actions.set_met(LIBRARY, has_models)

    def _has_side(self, action: str) -> bool:
        return self._folds[action].is_on(is_small=self._is_small(action))

    def _is_small(self, action: str) -> bool:
        room, most = _ROOM[action]
        return self.width() < min(scaled(self, room), most)

    def _fold_sides(self) -> None:
        """Fold away what the window has no room for, and bring back what it has room for again."""
        self._is_folding = True
        for name in self._folds:
            self._actions[name].setChecked(self._has_side(name))
        self._is_folding = False

    @Slot()
    def _on_side_chosen(self) -> None:
        """Keep what the user chose; what folds away by itself is no choice."""
        if not self._is_folding:
            for name, fold in self._folds.items():
                if self._actions[name].isChecked() != self._has_side(name):
                    fold.choose(self._actions[name].isChecked(), is_small=self._is_small(name))

    @Slot(str)
    def _on_models_counted(self, words: str) -> None:
        self._tell_count(LIBRARY_PAGE, words)

    @Slot(str)
    def _on_records_counted(self, words: str) -> None:
        self._tell_count(PENDING_PAGE, words)

    def _tell_count(self, page: int, words: str) -> None:
        """Say below a page how much is on it, while it is in front."""
        self._counted[page] = words
        if self._pages.currentIndex() == page:
            self._count_label.setText(words)

    @Slot(bool)
    def _on_page_chosen(self, is_on: bool) -> None:
        if is_on:
            (page,) = (number for number, name in enumerate(_PAGE_ACTIONS) if self._actions[name].isChecked())
            self.show_page(page)
            if page == OVERVIEW_PAGE:
                self._overview.setFocus()
            elif page == PENDING_PAGE:
                self._pending.page.take_focus()

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

    def _restore_places(self, state: Mapping[str, Any]) -> None:
        """Bring back what the parts beside the rows looked like; anything odd in the file is as if it weren't there."""
        remembered.restore_docks(self, state)
        self._dock.setVisible(self._has_side("actionDetails"))
        self._fit_dock(state.get("details_width"))
        self._page.restore_places(state, has_panel=self._has_side("actionFilters"))

    def _fit_dock(self, kept: object) -> None:
        """Give the details their width in a window that is seen already."""
        layout, centre = self.layout(), super().centralWidget()
        if self.isVisible() and layout is not None and centre is not None:
            # By itself Qt would show it a turn later, and give its room to the details.
            centre.show()
            layout.activate()
            width = self._share.of(self.width(), kept if isinstance(kept, int) and kept > 0 else None)
            self.resizeDocks([self._dock], [width], Qt.Orientation.Horizontal)

    def _restore(self, state: Mapping[str, Any]) -> None:
        """Bring back what else the window looked like; anything odd in the file is as if it weren't there."""
        self._page.restore(state)
        self._on_look_switched(self._page.shelf.is_grid)
        folds = state.get("sections")
        if isinstance(folds, dict):
            self._details.restore_folds(folds)
        self._fold_sides()
        group = state.get("pending_group")
        if isinstance(group, str):
            self._pending.show_group(group)
        page = state.get("page")
        self.show_page(_PAGE_NAMES.index(page) if page in _PAGE_NAMES else LIBRARY_PAGE)

    def _first_state(self) -> Mapping[str, Any]:
        """Return what may be another in a window that has its first parts alone."""
        if "_page" not in self.__dict__:
            return remembered.place_of(self)
        return {
            **remembered.place_of(self),
            **remembered.docks_of(self),
            "details_width": self._dock.width(),
            **self._page.first_state(),
        }

    def _state(self) -> Mapping[str, Any]:
        return {
            **self._first_state(),
            **self._page.state(),
            "sections": self._details.fold_state(),
            **self._folds["actionFilters"].state(),
            **self._folds["actionDetails"].state(),
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
        looks.wear(sheet)
        return True

    def _take_palette(self) -> None:
        if not self._take_style():
            return
        if self._new_looks is None:
            self._new_looks = looks.NewLooks(self)
        self._new_looks.take()
        self._page.take_palette()
        self._message_bar.take_palette()

    # --- Qt ---------------------------------------------------------------------------------------------

    def findChild(self, *wanted: Any, **options: Any) -> Any:
        if "_page" not in self.__dict__:
            self.grow()
        found = super().findChild(*wanted, **options)
        page = self.__dict__.get("_page")
        if found is not None and not (page and found is page.shelf.table) and not self.is_whole:
            # Of what is there already the table alone is what it is going to be; a bar has little in it, or nothing.
            self.make_late()
            found = super().findChild(*wanted, **options)
        return found

    def menuBar(self) -> QMenuBar:
        # Whoever looks at the menus finds in them what there is.
        self.grow_whole()
        return super().menuBar()

    def statusBar(self) -> QStatusBar:
        self.grow_whole()
        return super().statusBar()

    def centralWidget(self) -> QWidget | None:
        self.make_late()
        return super().centralWidget()

    def actions(self) -> "list[QAction]":
        self.grow_whole()
        return super().actions()

    def focusNextPrevChild(self, is_next: bool) -> bool:
        from modelmgr.gui import focus

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
        if event.type() in kinds:
            if self.is_whole:
                self._take_palette()
            else:
                self._looks_late |= self.isVisible()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self.is_whole:
            self._drops.fit(self)
            self._fold_sides()
        elif "_share" in self.__dict__:
            self._page.show_filters(self._has_side("actionFilters"))
            self._dock.setVisible(self._has_side("actionDetails"))
        if "_share" in self.__dict__:
            width = self._dock.width()
            given = self._share.of(self.width(), width) if self._dock.isVisible() else width
            if given != width:
                self.resizeDocks([self._dock], [given], Qt.Orientation.Horizontal)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        self._drops.enter(event)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self._drops.leave()
        super().dragLeaveEvent(event)

    def dropEvent(self, event: QDropEvent) -> None:
        self._drops.drop(event)
