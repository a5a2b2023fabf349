"""The main window: pages, docks, bars. It joins the signals of the panes, which do not know each other.

What it does is in `gui/shell`. Dialogs, the wizard and the deeds are imported when they are first wanted: together
they take as long to load as all that the first paint needs.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QEvent, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import (
    QCloseEvent,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QGuiApplication,
    QResizeEvent,
)
from PySide6.QtWidgets import QDockWidget, QMainWindow, QMenu, QVBoxLayout, QWidget

from modelmgr.gui import focus, theme
from modelmgr.gui.api_door import ApiDoor
from modelmgr.gui.cells import scaled
from modelmgr.gui.details import DetailsPane
from modelmgr.gui.jobs_panel import JobsPanel
from modelmgr.gui.mending import Mending
from modelmgr.gui.overview.page import OverviewPage
from modelmgr.gui.pending import PendingPage
from modelmgr.gui.previews import Previews
from modelmgr.gui.shell import remembered
from modelmgr.gui.shell.actions import LIBRARY, Actions
from modelmgr.gui.shell.choices import Choices
from modelmgr.gui.shell.deeds import Deeds
from modelmgr.gui.shell.drafts import Drafts
from modelmgr.gui.shell.drops import Drops
from modelmgr.gui.shell.errands import Errands
from modelmgr.gui.shell.help import Help
from modelmgr.gui.shell.library_page import LibraryPage
from modelmgr.gui.shell.menus import MainToolBar, fill_menu_bar
from modelmgr.gui.shell.messages import Messages
from modelmgr.gui.shell.preferences import Preferences
from modelmgr.gui.states import MessageBar, Pages
from modelmgr.gui.tasks import Task, Tasks
from modelmgr.gui.text import count_text
from modelmgr.gui.upkeep import Upkeep
from modelmgr.settings import Settings, drafts_path, settings_path, thumbnails_folder, window_state_path
from modelmgr.thumbnails import Thumbnails
from modelmgr.values import Changes, LibraryFolder, ModelQuery, PendingQuery, PendingState

if TYPE_CHECKING:
    from modelmgr.library import Library

LIBRARY_PAGE, PENDING_PAGE, OVERVIEW_PAGE = range(3)
_PAGE_NAMES = ("library", "pending", "overview")
_PAGE_ACTIONS = ("actionShowLibrary", "actionShowPending", "actionShowOverview")
_DETAILS_WIDTH = 328
_START_SIZE = QSize(1360, 860)
_LOOK_AFTER_MS = 400


class MainWindow(QMainWindow):
    """The window on one catalog.

    Signals:
        closed(): it has closed; all work has ended and the state is saved.

    Attributes:
        drafts: what is being typed in any of the panes.
    """

    closed = Signal()

    def __init__(
        self, library: "Library", tasks: Tasks, door: ApiDoor, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setObjectName("mainWindow")
        self.setWindowTitle("modelmgr")
        self.setDockNestingEnabled(False)
        self._library = library
        self._catalog = library.catalog
        self._tasks = tasks
        self._state_file = window_state_path(self._catalog.path)
        self._is_closed = False
        self._sheet = ""
        # First of all: a sheet that is set later goes through every widget there is.
        self._take_style()

        self._preferences = Preferences(settings_path(self._catalog.path), self)
        self._upkeep = Upkeep(library, tasks, self._preferences.settings, self)
        self._mending = Mending(library, tasks, self)
        self._previews = Previews(tasks, self, store=Thumbnails(thumbnails_folder(self._catalog.path)))
        self.drafts = Drafts(drafts_path(self._catalog.path), tasks, self)
        self._build_pages()
        self._build_status_bar()
        self._messages = Messages(self._message_bar, self._jobs, self)
        self._errands = Errands(library, tasks, self._preferences, self._upkeep, self._messages, self)
        self._build_details()
        self._deeds = Deeds(
            library,
            tasks,
            self._page,
            self._details,
            self._mending,
            self._errands,
            self._messages,
            self,
        )
        self._choices = Choices(
            self._preferences,
            door,
            self._upkeep,
            self._errands,
            self._mending,
            self._messages,
            str(self._catalog.path),
            self,
        )
        self._actions = Actions(self)
        self._help = Help(self._actions, self._catalog, tasks, self._preferences, self._messages, self)
        self._help.sources.append(self._choices.entries)
        self._build_bars()
        self._drops = Drops(self, self.drop_paths)
        self._look_soon = QTimer(self)
        self._look_soon.setSingleShot(True)
        self._look_soon.setInterval(_LOOK_AFTER_MS)
        state = remembered.load(self._state_file)
        self._page.restore_query(state, order_only=not self._preferences.settings.restore_filters)
        self._join_actions()
        self._join()
        self._take_settings(self._preferences.settings)
        self._restore(state)

    # --- building ---------------------------------------------------------------------------------------

    def _build_pages(self) -> None:
        # Each part is made where it stays: a widget that moves is given its styles again, with all that is in it.
        centre = QWidget(self)
        self._message_bar = MessageBar(centre)
        self._pages = Pages(centre)
        self._pages.setObjectName("pages")
        self._page = LibraryPage(self._library, self._tasks, self._previews, self._pages)
        self._pending = PendingPage(self._library, self._tasks, self._pages)
        self._overview = OverviewPage(self._catalog, self._tasks, self._pages)
        for page in (self._page, self._pending, self._overview):
            self._pages.addWidget(page)
        layout = QVBoxLayout(centre)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._message_bar)
        layout.addWidget(self._pages, 1)
        self.setCentralWidget(centre)

    def _build_details(self) -> None:
        self._dock = QDockWidget(self.tr("Details"), self)
        self._details = DetailsPane(self._library, self._tasks, self._previews, self._dock)
        self._dock.setObjectName("detailsDock")
        self._dock.setWidget(self._details)
        self._dock.setFeatures(QDockWidget.DockWidgetFeature.NoDockWidgetFeatures)
        # The pane's own first line is title enough.
        self._dock.setTitleBarWidget(QWidget(self._dock))
        self._details.setMinimumWidth(scaled(self, 260))
        # Dock areas are those of the screen, whichever way the language runs.
        area = Qt.DockWidgetArea.LeftDockWidgetArea
        if not self.isRightToLeft():
            area = Qt.DockWidgetArea.RightDockWidgetArea
        self.addDockWidget(area, self._dock)
        self.resizeDocks([self._dock], [scaled(self, _DETAILS_WIDTH)], Qt.Orientation.Horizontal)

    def _build_bars(self) -> None:
        self._toolbar = MainToolBar(self._actions, self._page.search, self)
        self.addToolBar(Qt.ToolBarArea.TopToolBarArea, self._toolbar)
        submenus: Mapping[str, Callable[[], QMenu]] = {
            "columns": partial(self._page.shelf.table.make_column_menu, self)
        }
        fill_menu_bar(self.menuBar(), self._actions, submenus)
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

    def _join_actions(self) -> None:
        for name, slot in (
            ("actionAddFolder", self._errands.choose_folder),
            ("actionImportLegacy", self._errands.open_wizard),
            ("actionScan", self._errands.scan_all),
            ("actionMoveFolder", self._on_move_folder),
            ("actionSettings", self._choices.open_settings),
            ("actionQuit", self.close),
            ("actionFind", self._on_find),
            ("actionShowLibrary", self._on_page_chosen),
            ("actionShowPending", self._on_page_chosen),
            ("actionShowOverview", self._on_page_chosen),
            ("actionFilters", self._page.panel.setVisible),
            ("actionDetails", self._on_details_toggled),
            ("actionComfortable", self._choices.set_comfortable),
            ("actionShowGrid", self._page.shelf.show_grid),
            ("actionLargerCards", self._page.shelf.enlarge),
            ("actionSmallerCards", self._page.shelf.reduce),
            ("actionUncover", self._on_rated_changed),
            ("actionPromote", self.promote),
        ):
            self._actions.on(name, slot)
        self._deeds.join(self._actions)

    def _join(self) -> None:
        self._page.counted.connect(self._count_label.setText)
        self._page.wanted.connect(self._on_library_wanted)
        self._page.said.connect(self._messages.say)
        self._page.kept_changed.connect(self._keep_state)
        self._page.first.add_wanted.connect(self._errands.choose_folder)
        self._page.first.import_wanted.connect(self._errands.open_wizard)
        self._page.first.demo_wanted.connect(self._errands.open_demo)
        selection = self._page.shelf.selection
        selection.model_selected.connect(self._details.show_model)
        selection.model_selected.connect(self._upkeep.prefer)
        self._page.shelf.left_upwards.connect(self._on_find)
        self._page.shelf.details_wanted.connect(self._on_details_wanted)
        self._page.shelf.switched.connect(self._on_look_switched)
        self._details.row_changed.connect(self._page.model.put_row)
        self._details.import_wanted.connect(self._errands.open_wizard)
        self._details.message.connect(self._messages.result)
        self._mending.message.connect(self._messages.result)
        self._mending.scan_wanted.connect(self._errands.scan_one)
        self._mending.moved.connect(self._upkeep.go_on)
        self._mending.reported.connect(self._errands.tell_failures)
        self._overview.models_wanted.connect(self._on_models_wanted)
        self._overview.pending_wanted.connect(self._on_review_wanted)
        self._pending.message.connect(self._messages.say)
        self._pending.import_requested.connect(self._errands.open_wizard)
        self._pending.add_folder_requested.connect(self._errands.add_folder)
        self._errands.review_wanted.connect(self._on_review_wanted)
        self._preferences.changed.connect(self._take_settings)
        self._tasks.failed.connect(self._messages.result)
        self._tasks.finished.connect(self._on_task_finished)
        self._look_soon.timeout.connect(self._errands.look_after_crash)
        self._look_soon.timeout.connect(self._choices.bring_api)

    # --- start ------------------------------------------------------------------------------------------

    def load_first_rows(self) -> None:
        """Show the first rows before the window is painted: two short questions, a millisecond or two."""
        self._page.load_first_rows()

    def start_asking(self) -> None:
        """Ask for what can come after the first paint: counts, folders, unfinished imports, the local API."""
        self._page.search.setFocus()
        self._page.panel.refresh()
        self._ask_folders()
        self._ask_pending_count()
        # The first deed loads the library's readers and sources, the API its framework: both would hold up the
        # first paint.
        self._look_soon.start()
        QTimer.singleShot(0, self._actions.dress)

    # --- news -------------------------------------------------------------------------------------------

    @Slot(object)
    def take_news(self, changes: Changes) -> None:
        """Take in what was written to the catalog, by whomever."""
        if self._is_closed:
            return
        self._page.take_news(changes)
        self._overview.take_news(changes)
        if changes.models:
            self._details.refresh(changes)
        if changes.folders:
            self._ask_folders()
        if changes.pending or changes.batches:
            self._pending.reload()
            self._ask_pending_count()

    @property
    def folders(self) -> Sequence[LibraryFolder]:
        """The library's folders, as the window knows them."""
        return self._errands.folders

    def _ask_folders(self) -> None:
        self._tasks.ask(self._catalog.folders, self._on_folders, key=(id(self), "folders"))

    def _ask_pending_count(self) -> None:
        question = partial(self._catalog.pending_count, PendingQuery(states=(PendingState.PENDING,)))
        self._tasks.ask(question, self._on_pending_counted, key=(id(self), "pending"))

    @Slot(object)
    def _on_folders(self, folders: list[LibraryFolder]) -> None:
        if [folder.path for folder in folders] != [folder.path for folder in self.folders]:
            self._upkeep.folders_changed()
        self._errands.folders = folders
        self._mending.folders = folders
        roots = (*(folder.path for folder in folders), self._catalog.attachments_folder)
        if roots != self._previews.roots:
            self._previews.roots = roots
            self._previews.forget()
        self._page.show_folders(len(folders))

    @Slot(object)
    def _on_pending_counted(self, count: int) -> None:
        words = self.tr("Pending ({})").format(count_text(count)) if count else self.tr("Pending")
        self._actions["actionShowPending"].setText(f"&{words}")
        self._actions["actionShowPending"].setIconText(f" {words}")

    @Slot(object)
    def _on_task_finished(self, _task: Task) -> None:
        self._ask_pending_count()

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
        self._actions.set_met(LIBRARY, is_library)

    @Slot(bool)
    def _on_page_chosen(self, is_on: bool) -> None:
        if is_on:
            (page,) = (number for number, name in enumerate(_PAGE_ACTIONS) if self._actions[name].isChecked())
            self.show_page(page)
            if page == OVERVIEW_PAGE:
                self._overview.setFocus()

    @Slot(object)
    def _on_models_wanted(self, query: ModelQuery) -> None:
        self._page.show_models(query)
        self.show_page(LIBRARY_PAGE)

    @Slot()
    def _on_library_wanted(self) -> None:
        self.show_page(LIBRARY_PAGE)

    @Slot(bool)
    def _on_details_toggled(self, is_on: bool) -> None:
        self._dock.setVisible(is_on and self._pages.currentIndex() == LIBRARY_PAGE)

    @Slot()
    def _on_find(self) -> None:
        self.show_page(LIBRARY_PAGE)
        self._page.take_focus()

    @Slot(str)
    def _on_review_wanted(self, group: str) -> None:
        self.show_page(PENDING_PAGE)
        self._pending.review(group)
        self._pending.take_focus()

    @Slot()
    def promote(self) -> None:
        """Promote what is ready, and show what is not."""
        self.show_page(PENDING_PAGE)
        self._pending.promote_ready()

    # --- work -------------------------------------------------------------------------------------------

    def add_folder(self, path: str) -> None:
        """Add a folder to the library and scan it."""
        self._errands.add_folder(path)

    def open_wizard(self) -> None:
        """Open the wizard where it asks for sources."""
        self._errands.open_wizard()

    def drop_paths(self, paths: Sequence[str]) -> None:
        """Do what dropping these paths on the window does: show what is in them, write nothing."""
        if paths:
            self._errands.look_into(paths)

    @Slot()
    def _on_move_folder(self) -> None:
        self._mending.ask_move()

    # --- settings ---------------------------------------------------------------------------------------

    @Slot(object)
    def _take_settings(self, settings: Settings) -> None:
        self._actions["actionComfortable"].setChecked(settings.comfortable_rows)
        self._previews.is_on = settings.show_previews
        self._on_rated_changed()
        self._page.take_settings(settings)

    @Slot()
    def _on_rated_changed(self) -> None:
        uncovered = self._actions["actionUncover"].isChecked()
        self._previews.show_rated(self._preferences.settings.rated_pictures, uncovered=uncovered)

    @Slot(bool)
    def _on_look_switched(self, is_grid: bool) -> None:
        self._actions["actionShowGrid" if is_grid else "actionShowTable"].setChecked(True)
        for name in ("actionLargerCards", "actionSmallerCards"):
            self._actions[name].setVisible(is_grid)

    @Slot()
    def _on_details_wanted(self) -> None:
        self._actions["actionDetails"].setChecked(True)
        self._details.setFocus(Qt.FocusReason.ShortcutFocusReason)

    # --- state ------------------------------------------------------------------------------------------

    def _restore(self, state: Mapping[str, Any]) -> None:
        """Bring back what the window looked like; anything odd in the file is as if it weren't there."""
        self.resize(_START_SIZE)
        remembered.restore_frame(self, state)
        self._page.restore(state)
        self._help.restore(state)
        self._on_look_switched(self._page.shelf.is_grid)
        folds = state.get("sections")
        if isinstance(folds, dict):
            self._details.restore_folds(folds)
        self._actions["actionFilters"].setChecked(state.get("filters_shown") is not False)
        self._actions["actionDetails"].setChecked(state.get("details_shown") is not False)
        self._pending.show_group(str(state.get("pending_group")))
        page = state.get("page")
        self.show_page(_PAGE_NAMES.index(page) if page in _PAGE_NAMES else LIBRARY_PAGE)

    def _state(self) -> Mapping[str, Any]:
        return {
            **remembered.frame_state(self),
            **self._page.state(),
            **self._help.state(),
            "sections": self._details.fold_state(),
            "filters_shown": self._actions["actionFilters"].isChecked(),
            "details_shown": self._actions["actionDetails"].isChecked(),
            "page": _PAGE_NAMES[self._pages.currentIndex()],
            "pending_group": self._pending.group,
        }

    @Slot()
    def _keep_state(self) -> None:
        """Write the state before the end, for what a crash must not take with it."""
        self._tasks.change(partial(remembered.save, self._state_file, self._state()))

    # --- looks ------------------------------------------------------------------------------------------

    def _take_style(self) -> bool:
        """Make the style sheet anew; True if the palette or the font have changed it."""
        # The application's palette, not the window's own: that one still wears the last style sheet.
        sheet = theme.style_sheet(QGuiApplication.palette(), self.font())
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

    def closeEvent(self, event: QCloseEvent) -> None:
        super().closeEvent(event)
        if self._is_closed:
            return
        self._is_closed = True
        self._look_soon.stop()
        self._details.flush()
        self.drafts.close()
        remembered.save(self._state_file, self._state())
        self.hide()
        self.closed.emit()
