"""The main window: menus, pages, docks, drops. It joins the signals of the panes, which do not know each other.

Dialogs, the wizard and the deeds are imported when they are first wanted: together they take as long to load as
all that the first paint needs.
"""

import base64
import binascii
import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QByteArray, QEvent, QMimeData, QProcess, QSize, Qt, QTimer, QUrl, Signal, Slot
from PySide6.QtGui import (
    QAction,
    QActionGroup,
    QCloseEvent,
    QDesktopServices,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QGuiApplication,
    QKeySequence,
    QResizeEvent,
)
from PySide6.QtWidgets import (
    QDockWidget,
    QFileDialog,
    QMainWindow,
    QMenu,
    QSizePolicy,
    QSplitter,
    QToolBar,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from modelmgr import sqlite
from modelmgr.catalog import Catalog
from modelmgr.gui import theme
from modelmgr.gui.api_door import ApiDoor, DoorState
from modelmgr.gui.cells import scaled
from modelmgr.gui.details import DetailsPane
from modelmgr.gui.details.identity import CORRECTED
from modelmgr.gui.jobs_panel import JobsPanel, error_text, sentence
from modelmgr.gui.mending import Mending
from modelmgr.gui.pending import PendingPage
from modelmgr.gui.previews import Previews
from modelmgr.gui.reasons import hash_words
from modelmgr.gui.search.chips import FilterChips
from modelmgr.gui.search.counts import Overview
from modelmgr.gui.search.edit import SearchEdit
from modelmgr.gui.search.filters import Filters
from modelmgr.gui.search.nothing import NothingMatches
from modelmgr.gui.search.panel import FilterPanel
from modelmgr.gui.search.words import searched_hash
from modelmgr.gui.states import DropHint, FirstStart, MessageBar, Pages
from modelmgr.gui.table.columns import is_absent
from modelmgr.gui.table.model import LibraryModel
from modelmgr.gui.table.view import LibraryView
from modelmgr.gui.tasks import Task, Tasks
from modelmgr.gui.text import count_text, counted, plain_tip, size_text
from modelmgr.gui.upkeep import Upkeep, options_of
from modelmgr.progress import Progress
from modelmgr.settings import Settings, read_json, settings_path, window_state_path, write_json
from modelmgr.values import (
    Batch,
    Changes,
    HashMatch,
    ImportReport,
    LibraryFolder,
    ModelQuery,
    ModelRow,
    MoveReport,
    PendingQuery,
    PendingState,
    Problem,
    ScanOptions,
    ScanReport,
    VerifyReport,
)

if TYPE_CHECKING:
    from modelmgr.library import Library

log = logging.getLogger(__name__)

LIBRARY_PAGE, PENDING_PAGE = 0, 1
_TABLE, _NOTHING, _FIRST = range(3)
_PANEL_WIDTH, _DETAILS_WIDTH = 196, 328
_START_SIZE = QSize(1360, 860)
_LOOK_AFTER_MS = 400


def scan(
    library: "Library", paths: Sequence[str], hash_files: bool, options: ScanOptions, progress: Progress
) -> ScanReport:
    """Scan, in the form that `Tasks.run` takes."""
    return library.scan(paths, hash_files=hash_files, options=options, progress=progress)


def _add_folder(library: "Library", path: str) -> LibraryFolder:
    return library.add_folder(path)


def _remove_folder(library: "Library", path: str) -> None:
    library.remove_folder(path)


def _edit(library: "Library", ids: Sequence[int], column: str, value: object) -> None:
    library.edit(ids, column, value)


def _look_after_crash(library: "Library") -> tuple[Sequence[Problem], Sequence[Batch]]:
    """Return what a program that died left behind: damage of the catalog, and unfinished imports."""
    problems = library.look_after_crash(Progress())
    return problems, library.interrupted()


def _resume(library: "Library", progress: Progress) -> ImportReport:
    return library.resume(progress)


def _verify(library: "Library", hashes: Sequence[str], progress: Progress) -> VerifyReport:
    return library.verify(hashes, progress=progress)


def _installs(library: "Library") -> Sequence[str]:
    """Return the tools that have something at a usual place of this user."""
    return [found.tool for found in library.installed_tools()]


def _dropped(mime: QMimeData) -> list[str]:
    from modelmgr.gui.wizard.drop_area import dropped_paths

    return dropped_paths(mime)


def _hash_matches(catalog: Catalog, search: str, digits: str) -> tuple[str, Sequence[HashMatch]]:
    return search, catalog.by_hash(digits)


def near_miss(
    catalog: Catalog, query: ModelQuery, choices: Sequence[tuple[str, str, ModelQuery]]
) -> tuple[ModelQuery, str, str, int] | None:
    """Return which filter, taken off, would leave the fewest models but some; None if none would."""
    counts = [(catalog.count(wider), group, value) for group, value, wider in choices]
    found = [entry for entry in counts if entry[0]]
    if not found:
        return None
    count, group, value = min(found)
    return query, group, value, count


class MainWindow(QMainWindow):
    """The window on one catalog.

    Signals:
        closed(): it has closed; all work has ended and the state is saved.
    """

    closed = Signal()

    def __init__(
        self, library: "Library", tasks: Tasks, door: ApiDoor, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setObjectName("mainWindow")
        self.setWindowTitle("modelmgr")
        self.setAcceptDrops(True)
        self.setDockNestingEnabled(False)
        self._library = library
        self._catalog = library.catalog
        self._tasks = tasks
        self._door = door
        self._settings_file = settings_path(self._catalog.path)
        self._state_file = window_state_path(self._catalog.path)
        self.settings = Settings.load(self._settings_file)
        self._is_closed = False
        self._look_soon = QTimer(self)
        self._look_soon.setSingleShot(True)
        self._look_soon.setInterval(_LOOK_AFTER_MS)
        self._look_soon.timeout.connect(self._look_after_crash)
        self._look_soon.timeout.connect(self._bring_api)
        self._upkeep = Upkeep(library, tasks, self.settings, self)
        self._mending = Mending(library, tasks, self)
        self._sheet = ""
        self._overview: Overview | None = None
        self._selected_count = 0
        self._scan_task: Task | None = None
        self._problems: list[Problem] = []
        self._on_message_button: Callable[[], None] | None = None
        self._folders: list[LibraryFolder] = []
        # First of all: a sheet that is set later goes through every widget there is.
        self._take_style()

        self.filters = Filters(self)
        self._previews = Previews(tasks, self)
        self._model = LibraryModel(self._catalog, tasks, self)
        self._build_library_page()
        self._build_pages()
        self._build_details()
        self._build_actions()
        self._build_toolbar()
        self._build_menus()
        self._build_status_bar()
        self._drop_hint = DropHint(self)
        state = read_json(self._state_file)
        query = state.get("query")
        if isinstance(query, dict):
            self.filters.restore(query, order_only=not self.settings.restore_filters)
        self._join()
        self._take_settings()
        self._restore(state)

    # --- building ---------------------------------------------------------------------------------------

    def _build_library_page(self) -> None:
        self._panel = FilterPanel(self.filters, self._catalog, self._tasks, self)
        self._table = LibraryView(self._model, self._previews, self)
        self._nothing = NothingMatches(self.filters, self)
        self._first = FirstStart(self)
        self._rows = Pages(self)
        for page in (self._table, self._nothing, self._first):
            self._rows.addWidget(page)
        self._chips = FilterChips(self.filters, self)
        centre = QWidget(self)
        layout = QVBoxLayout(centre)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        chips = QWidget(centre)
        chips_layout = QVBoxLayout(chips)
        chips_layout.setContentsMargins(theme.S, theme.S, theme.S, theme.XS)
        chips_layout.addWidget(self._chips)
        self._chips_row = chips
        layout.addWidget(chips)
        layout.addWidget(self._rows, 1)
        self._splitter = QSplitter(Qt.Orientation.Horizontal, self)
        self._splitter.setObjectName("librarySplitter")
        self._splitter.setHandleWidth(1)
        self._splitter.setChildrenCollapsible(False)
        self._splitter.addWidget(self._panel)
        self._splitter.addWidget(centre)
        self._splitter.setStretchFactor(1, 1)
        self._splitter.setSizes([_PANEL_WIDTH, _START_SIZE.width() - _PANEL_WIDTH])

    def _build_pages(self) -> None:
        self._pending = PendingPage(self._library, self._tasks, self)
        self._pages = Pages(self)
        self._pages.setObjectName("pages")
        self._pages.addWidget(self._splitter)
        self._pages.addWidget(self._pending)
        self._message = MessageBar(self)
        centre = QWidget(self)
        layout = QVBoxLayout(centre)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._message)
        layout.addWidget(self._pages, 1)
        self.setCentralWidget(centre)

    def _build_details(self) -> None:
        self._details = DetailsPane(self._library, self._tasks, self._previews, self)
        self._dock = QDockWidget(self.tr("Details"), self)
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

    def _action(
        self,
        name: str,
        text: str,
        slot: Callable[..., object],
        shortcut: str | QKeySequence.StandardKey | None = None,
        icon: str | None = None,
        *,
        checkable: bool = False,
        tip: str = "",
    ) -> QAction:
        action = QAction(text, self)
        action.setObjectName(name)
        if shortcut is not None:
            action.setShortcut(QKeySequence(shortcut))
        if icon is not None:
            theme.set_icon(action, icon)
        action.setCheckable(checkable)
        if tip:
            action.setStatusTip(tip)
        keys = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
        plain = text.replace("&", "").rstrip("…")
        action.setToolTip(plain_tip(f"{tip or plain} ({keys})" if keys else tip or plain))
        if checkable:
            action.toggled.connect(slot)
        else:
            action.triggered.connect(slot)
        self.addAction(action)
        return action

    def _build_actions(self) -> None:
        make = self._action
        self._add_folder = make(
            "actionAddFolder", self.tr("&Add folder…"), self.choose_folder, "Ctrl+O", "folder-plus",
            tip=self.tr("Add a folder of models to the library"),
        )  # fmt: skip
        self._scan = make(
            "actionScan", self.tr("&Scan folders"), self.scan_all, "F5", "refresh-cw",
            tip=self.tr("Look through all library folders for what is new or gone"),
        )  # fmt: skip
        self._import = make(
            "actionImportLegacy", self.tr("&Import from other tools…"), self.open_wizard, "Ctrl+I", "download",
            tip=self.tr("Bring in notes, trigger words and previews from other tools"),
        )  # fmt: skip
        self._promote = make(
            "actionPromote", self.tr("&Promote all that is ready"), self.promote, "Ctrl+Return", "list-checks",
            tip=self.tr("Attach the records that have found their files"),
        )  # fmt: skip
        self._show_library = make(
            "actionShowLibrary",
            self.tr("&Library"),
            self._on_show_library,
            "Ctrl+1",
            "library",
            checkable=True,
        )
        self._show_pending = make(
            "actionShowPending", self.tr("&Pending"), self._on_show_pending, "Ctrl+2", "inbox", checkable=True
        )
        pages = QActionGroup(self)
        pages.addAction(self._show_library)
        pages.addAction(self._show_pending)
        self._open_settings = make(
            "actionSettings", self.tr("Se&ttings…"), self.open_settings, "Ctrl+,", "settings"
        )
        self._quit = make("actionQuit", self.tr("&Quit"), self.close, "Ctrl+Q")
        self._quit.setMenuRole(QAction.MenuRole.QuitRole)
        self._find = make(
            "actionFind", self.tr("&Find"), self._on_find, QKeySequence.StandardKey.Find, "search"
        )
        self._palette_action = make(
            "actionCommands", self.tr("&Everything by name…"), self.open_palette, "Ctrl+K"
        )
        self._filters_action = make(
            "actionFilters", self.tr("&Filters"), self._panel.setVisible, "F9", "panel-left", checkable=True
        )
        self._filters_action.setChecked(True)
        self._details_action = make(
            "actionDetails",
            self.tr("&Details"),
            self._on_details_toggled,
            "F10",
            "panel-right",
            checkable=True,
        )
        self._details_action.setChecked(True)
        self._comfortable = make(
            "actionComfortable", self.tr("&Comfortable rows"), self._on_comfortable, checkable=True
        )
        self._about = make("actionAbout", self.tr("&About modelmgr"), self._on_about, icon="info")

        # These belong to the table: in a text field Ctrl+C copies the text.
        self._copy = make(
            "actionCopy", self.tr("&Copy"), self._on_copy, QKeySequence.StandardKey.Copy, "copy"
        )
        self._copy_path = make("actionCopyPath", self.tr("Copy &path"), self._on_copy_path)
        self._copy_words = make(
            "actionCopyTriggerWords", self.tr("Copy &trigger words"), self._on_copy_words, "Ctrl+Shift+C"
        )
        self._copy_hash = make("actionCopyHash", self.tr("Copy SHA-&256"), self._on_copy_hash)
        self._rename = make("actionRename", self.tr("&Rename"), self._table.rename_current, "F2", "pencil")
        self._favorite = make("actionFavorite", self.tr("&Favourite"), self._on_favorite, "Ctrl+D", "star")
        self._reveal = make(
            "actionReveal", self.tr("Show in its f&older"), self._on_reveal, "Ctrl+Shift+O", "folder"
        )
        self._verify = make("actionVerify", self.tr("&Verify the hash"), self._on_verify, icon="circle-check")
        self._hashes = make("actionComputeHashes", self.tr("Compute a&ll hashes"), self._on_compute_hashes)
        self._correct = make(
            "actionCorrect", self.tr("Correct type and &base model…"), self._on_correct, "Ctrl+E", "wrench",
            tip=self.tr("Say yourself what the selected models are"),
        )  # fmt: skip
        self._reset = make(
            "actionResetIdentity", self.tr("Type and base model as &found"), self._on_reset_identity,
            tip=self.tr("Forget what you said of type and base model of the selected models"),
        )  # fmt: skip
        self._locate = make("actionLocate", self.tr("L&ocate the file…"), self._on_locate, icon="search")
        self._move_folder = make(
            "actionMoveFolder", self.tr("A folder is else&where now…"), self._on_move_folder,
            tip=self.tr("Say where a library folder is now, and keep all that is known of its models"),
        )  # fmt: skip
        table_actions = (
            self._rename,
            self._favorite,
            None,
            self._copy,
            self._copy_path,
            self._copy_words,
            self._copy_hash,
            None,
            self._correct,
            self._reset,
            None,
            self._reveal,
            self._locate,
            self._verify,
            self._hashes,
        )
        for action in table_actions:
            if action is None:
                separator = QAction(self._table)
                separator.setSeparator(True)
                self._table.addAction(separator)
            else:
                self._table.addAction(action)
        for action in (self._copy, self._rename):
            self.removeAction(action)
            action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        self._needs_selection = [
            action for action in table_actions if action is not None and action is not self._locate
        ]
        self._locate.setEnabled(False)

    def _build_toolbar(self) -> None:
        bar = QToolBar(self.tr("Main"), self)
        bar.setObjectName("mainToolBar")
        bar.setMovable(False)
        bar.setFloatable(False)
        bar.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        bar.setIconSize(QSize(16, 16))
        bar.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        # A button sets its words close to its icon; the space holds them apart.
        self._add_folder.setIconText(" " + self.tr("Add folder"))
        self._import.setIconText(" " + self.tr("Import"))
        self._show_library.setIconText(" " + self.tr("Library"))
        self._show_pending.setIconText(" " + self.tr("Pending"))
        bar.addAction(self._show_library)
        bar.addAction(self._show_pending)
        self.search = SearchEdit(bar)
        self.search.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.search.setMaximumWidth(720)
        self._search_action = bar.addWidget(self.search)
        spacer = QWidget(bar)
        spacer.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        bar.addWidget(spacer)
        add = QToolButton(bar)
        add.setObjectName("addButton")
        add.setDefaultAction(self._add_folder)
        bring = QToolButton(bar)
        bring.setObjectName("importButton")
        bring.setDefaultAction(self._import)
        for button in (add, bring):
            button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
            bar.addWidget(button)
        for action in (self._show_library, self._show_pending):
            widget = bar.widgetForAction(action)
            if widget is not None:
                widget.setProperty("role", "page")
                widget.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.addToolBar(Qt.ToolBarArea.TopToolBarArea, bar)
        self._toolbar = bar

    def _build_menus(self) -> None:
        bar = self.menuBar()

        def menu(title: str, *entries: QAction | QMenu | None) -> QMenu:
            made = bar.addMenu(title)
            made.setToolTipsVisible(False)
            for entry in entries:
                if entry is None:
                    made.addSeparator()
                elif isinstance(entry, QMenu):
                    made.addMenu(entry)
                else:
                    made.addAction(entry)
            return made

        menu(
            self.tr("&File"),
            self._add_folder,
            self._import,
            None,
            self._scan,
            self._move_folder,
            None,
            self._open_settings,
            None,
            self._quit,
        )
        menu(
            self.tr("&Edit"),
            self._find,
            None,
            self._rename,
            self._favorite,
            None,
            self._copy,
            self._copy_path,
            self._copy_words,
            self._copy_hash,
            None,
            self._correct,
            self._reset,
            None,
            self._reveal,
            self._locate,
            self._verify,
            self._hashes,
        )
        menu(
            self.tr("&View"),
            self._show_library,
            self._show_pending,
            None,
            self._filters_action,
            self._details_action,
            None,
            self._table.make_column_menu(self),
            self._comfortable,
        )
        menu(self.tr("&Pending"), self._promote)
        menu(self.tr("&Help"), self._palette_action, None, self._about)

    def _build_status_bar(self) -> None:
        bar = self.statusBar()
        bar.setSizeGripEnabled(False)
        bar.setContentsMargins(theme.S, 0, theme.S, 0)
        self._count_label = theme.plain_label("", "secondary", bar)
        self._count_label.setObjectName("countLabel")
        self._jobs = JobsPanel(self._tasks, bar)
        bar.addWidget(self._count_label)
        bar.addPermanentWidget(self._jobs, 1)

    def _join(self) -> None:
        self.filters.changed.connect(self._on_query_changed)
        self.search.searched.connect(self.filters.set_search)
        self.search.left_downwards.connect(self._table.select_first)
        self._table.left_upwards.connect(self._on_find)
        self._table.sort_wanted.connect(self.filters.sort)
        self._table.model_selected.connect(self._details.show_model)
        self._table.selection_counted.connect(self._on_selection_counted)
        self._model.counted.connect(self._on_counted)
        self._model.renamed.connect(self._on_renamed)
        self._panel.counted.connect(self._on_overview)
        self._details.row_changed.connect(self._model.put_row)
        self._details.import_wanted.connect(self.open_wizard)
        self._details.message.connect(self.show_error_or_text)
        self._details.correction_wanted.connect(self._on_correct)
        self._details.locate_wanted.connect(self._mending.ask_place)
        self._details.move_wanted.connect(self._mending.ask_move_of)
        self._details.hashes_wanted.connect(self._on_hashes_wanted)
        self._table.model_selected.connect(self._upkeep.prefer)
        self._table.model_selected.connect(self._on_model_selected)
        self._mending.message.connect(self.show_error_or_text)
        self._mending.scan_wanted.connect(self._on_scan_wanted)
        self._mending.moved.connect(self._upkeep.go_on)
        self._mending.reported.connect(self._on_reported)
        self._first.add_wanted.connect(self.choose_folder)
        self._first.import_wanted.connect(self.open_wizard)
        self._first.demo_wanted.connect(self._on_demo)
        self._pending.message.connect(self._jobs.show_message)
        self._pending.import_requested.connect(self.open_wizard)
        self._pending.add_folder_requested.connect(self.add_folder)
        self._message.acted.connect(self._on_message_acted)
        self._door.changed.connect(self._on_api_changed)
        self._tasks.failed.connect(self.show_error_or_text)
        self._tasks.finished.connect(self._on_task_finished)

    # --- start ------------------------------------------------------------------------------------------

    def load_first_rows(self) -> None:
        """Show the first rows before the window is painted: two short questions, a millisecond or two."""
        self._model.load_at_once(self.filters.query)
        self._table.show_sort(self.filters.query.sort, self.filters.query.descending)
        self.search.show_text(self.filters.query.search)

    def start_asking(self) -> None:
        """Ask for what can come after the first paint: counts, folders, unfinished imports, the local API."""
        self.search.setFocus()
        self._panel.refresh()
        self._ask_folders()
        self._ask_pending_count()
        # The first deed loads the library's readers and sources, the API its framework: both would hold up the
        # first paint.
        self._look_soon.start()

    @Slot()
    def _look_after_crash(self) -> None:
        self._tasks.change(
            partial(_look_after_crash, self._library), self._on_looked, failed=self._on_look_failed
        )

    # --- news -------------------------------------------------------------------------------------------

    @Slot(object)
    def take_news(self, changes: Changes) -> None:
        """Take in what was written to the catalog, by whomever."""
        if self._is_closed:
            return
        if changes.models:
            self._model.refresh(changes)
            self._details.refresh(changes)
        if changes.models or changes.folders:
            self._panel.refresh()
        if changes.folders:
            self._ask_folders()
        if changes.pending or changes.batches:
            self._pending.reload()
            self._ask_pending_count()

    def _ask_folders(self) -> None:
        self._tasks.ask(self._catalog.folders, self._on_folders, key=(id(self), "folders"))

    def _ask_pending_count(self) -> None:
        question = partial(self._catalog.pending_count, PendingQuery(states=(PendingState.PENDING,)))
        self._tasks.ask(question, self._on_pending_counted, key=(id(self), "pending"))

    @Slot(object)
    def _on_folders(self, folders: list[LibraryFolder]) -> None:
        if [folder.path for folder in folders] != [folder.path for folder in self._folders]:
            self._upkeep.folders_changed()
        self._folders = folders
        self._mending.folders = folders
        roots = (*(folder.path for folder in folders), self._catalog.attachments_folder)
        if roots != self._previews.roots:
            self._previews.roots = roots
            self._previews.forget()
        self._show_rows_or_state()

    @Slot(object)
    def _on_pending_counted(self, count: int) -> None:
        words = self.tr("Pending ({})").format(count_text(count)) if count else self.tr("Pending")
        self._show_pending.setText(f"&{words}")
        self._show_pending.setIconText(f" {words}")

    @Slot(object)
    def _on_looked(self, found: tuple[Sequence[Problem], Sequence[Batch]]) -> None:
        problems, batches = found
        if not problems:
            self._upkeep.begin()
        if problems:
            self._problems = list(problems)
            text = self.tr(
                "The catalog is damaged since a program ended early. Your model files are safe. Close the "
                "window and restore a backup with “modelmgr restore FILE”."
            )
            self.show_message(
                text, is_problem=True, button=self.tr("Show problems…"), then=self._show_problems
            )
        elif batches:
            text = self.tr("An import was interrupted. What it had read is kept; it can be finished now.")
            self.show_message(text, button=self.tr("Finish the import"), then=self.resume_imports)

    def _on_look_failed(self, error: Exception) -> None:
        # A catalog that can't be written now says so with the first thing that the user changes.
        log.warning("What a crash left behind could not be looked after: %s", error)

    # --- what the panes say -----------------------------------------------------------------------------

    @Slot(object)
    def _on_query_changed(self, query: ModelQuery) -> None:
        self.search.show_text(query.search)
        self._table.show_sort(query.sort, query.descending)
        self._show_chips()
        self._model.show_query(query)
        self.show_page(LIBRARY_PAGE)
        digits = searched_hash(query.search)
        if digits is not None:
            question = partial(_hash_matches, self._catalog, query.search, digits)
            self._tasks.ask(question, self._on_hash_known, key=(id(self), "hash"))

    @Slot(object)
    def _on_hash_known(self, found: tuple[str, Sequence[HashMatch]]) -> None:
        search, matches = found
        if search == self.filters.query.search:
            words = hash_words(matches)
            self._nothing.show_hint(words)
            if matches:
                self._jobs.show_message(words)

    @Slot(int)
    def _on_counted(self, _count: int) -> None:
        self._show_count()
        self._show_rows_or_state()

    @Slot(int)
    def _on_selection_counted(self, count: int) -> None:
        self._selected_count = count
        for action in self._needs_selection:
            action.setEnabled(bool(count))
        self._show_count()

    @Slot(object)
    def _on_model_selected(self, row: ModelRow | None) -> None:
        self._locate.setEnabled(row is not None and is_absent(row))

    @Slot(object)
    def _on_overview(self, overview: Overview) -> None:
        self._overview = overview
        self._show_count()
        self._show_rows_or_state()

    def _show_count(self) -> None:
        count = self._model.rowCount()
        parts = [counted(count, "model")]
        if self._selected_count:
            parts.append(self.tr("{} selected").format(count_text(self._selected_count)))
        overview = self._overview
        if overview is not None and replace(overview.query, sort="name", descending=False) == replace(
            self.filters.query, sort="name", descending=False
        ):
            parts.append(size_text(overview.total_bytes))
        self._count_label.setText(", ".join(parts))

    def _show_rows_or_state(self) -> None:
        """Show the table, or what stands in its place while it has no rows."""
        page = _TABLE
        if not self._model.rowCount():
            page = _NOTHING if self.filters.is_narrowed else _FIRST
        self._first.show_folders(len(self._folders))
        if page == self._rows.currentIndex():
            return
        had_focus = self._rows.isAncestorOf(self.focusWidget()) if self.focusWidget() else False
        self._rows.setCurrentIndex(page)
        self._show_chips()
        if page == _NOTHING:
            choices = [
                (group, value, self.filters.without(group, value)) for group, value in self.filters.active()
            ]
            if len(choices) > 1:
                self._tasks.ask(
                    partial(near_miss, self._catalog, self.filters.query, choices),
                    self._on_near_miss,
                    key=(id(self), "near"),
                )
        elif page == _FIRST:
            self._tasks.ask(partial(_installs, self._library), self._on_installs)
        elif had_focus:
            self._table.setFocus()

    def _show_chips(self) -> None:
        """Show what is on above the table; the page for "nothing matches" has chips of its own."""
        has_chips = any(group != "search" for group, _value in self.filters.active())
        self._chips_row.setVisible(has_chips and self._rows.currentIndex() != _NOTHING)

    @Slot(object)
    def _on_near_miss(self, found: tuple[ModelQuery, str, str, int] | None) -> None:
        if found is not None and found[0] == self.filters.query:
            self._nothing.show_near_miss(*found[1:])

    @Slot(object)
    def _on_installs(self, tools: Sequence[str]) -> None:
        self._first.show_found(tools)

    @Slot(int, str)
    def _on_renamed(self, model_id: int, name: str) -> None:
        self._edit([model_id], "name", name)

    def _edit(self, ids: Sequence[int], column: str, value: object) -> None:
        self._tasks.change(
            partial(_edit, self._library, ids, column, value),
            failed=partial(self.show_error_or_text, self.tr("What you changed was not saved")),
        )

    # --- pages ------------------------------------------------------------------------------------------

    def show_page(self, page: int) -> None:
        """Show the library or the pending page."""
        is_library = page == LIBRARY_PAGE
        # The room is made before it is needed, or the window would grow.
        if not is_library:
            self._dock.hide()
        self._pages.setCurrentIndex(page)
        self._show_library.setChecked(is_library)
        self._show_pending.setChecked(not is_library)
        self._dock.setVisible(is_library and self._details_action.isChecked())
        self._search_action.setVisible(is_library)
        self._filters_action.setEnabled(is_library)
        self._details_action.setEnabled(is_library)

    @Slot()
    def _on_show_library(self) -> None:
        if self._show_library.isChecked():
            self.show_page(LIBRARY_PAGE)

    @Slot()
    def _on_show_pending(self) -> None:
        if self._show_pending.isChecked():
            self.show_page(PENDING_PAGE)

    @Slot(bool)
    def _on_details_toggled(self, is_on: bool) -> None:
        self._dock.setVisible(is_on and self._pages.currentIndex() == LIBRARY_PAGE)

    @Slot()
    def _on_find(self) -> None:
        self.show_page(LIBRARY_PAGE)
        self.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.search.selectAll()

    # --- messages ---------------------------------------------------------------------------------------

    def show_message(
        self, text: str, *, is_problem: bool = False, button: str = "", then: Callable[[], None] | None = None
    ) -> None:
        """Show a line at the top of the page, with one thing to do about it."""
        self._on_message_button = then
        self._message.show_message(text, is_problem=is_problem, button=button)

    @Slot(str, object)
    def show_error_or_text(self, title: str, error: object = None) -> None:
        """Show a result, or what was tried and why it failed."""
        if error is None:
            self._jobs.show_message(title)
        else:
            self.show_message(f"{title.rstrip('.')}. {error_text(error)}", is_problem=True)

    @Slot()
    def _on_message_acted(self) -> None:
        then, self._on_message_button = self._on_message_button, None
        if then is not None:
            then()

    # --- folders and scans ------------------------------------------------------------------------------

    @Slot()
    def choose_folder(self) -> None:
        """Ask for a folder to add."""
        dialog = QFileDialog(self, self.tr("Add a folder of models"))
        dialog.setObjectName("addFolderDialog")
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(self.add_folder)
        dialog.open()

    @Slot(str)
    def add_folder(self, path: str) -> None:
        """Add a folder to the library and scan it."""
        self._tasks.change(
            partial(_add_folder, self._library, os.path.abspath(path)),
            self._on_folder_added,
            failed=partial(self.show_error_or_text, self.tr("The folder was not added")),
        )

    def _on_folder_added(self, folder: LibraryFolder) -> None:
        self._run_scan([folder.path])

    @Slot()
    def scan_all(self) -> None:
        """Scan all library folders."""
        if not self._folders:
            self.show_message(
                self.tr("There is no folder to scan yet."),
                button=self.tr("Add a folder…"),
                then=self.choose_folder,
            )
            return
        self._run_scan([])

    def _run_scan(self, paths: Sequence[str]) -> None:
        self._message.hide()  # what it said is overtaken
        self._upkeep.give_way()
        deed = partial(
            scan, self._library, list(paths), self.settings.hash_while_scanning, options_of(self.settings)
        )
        task = self._tasks.run(self.tr("Scanning"), deed, turn="scan", can_pause=True)
        task.succeeded.connect(self._on_reported)
        task.finished.connect(self._on_scan_ended)

    @Slot(str)
    def _on_scan_wanted(self, path: str) -> None:
        self._run_scan([path])

    @Slot()
    def _on_scan_ended(self) -> None:
        task = self.sender()
        self._upkeep.scan_ended(was_stopped=isinstance(task, Task) and task.is_cancelling)

    @Slot(object)
    def _on_reported(self, report: ScanReport | MoveReport) -> None:
        failed = [problem for problem in report.problems if not problem.kept]
        if failed:
            self._problems = list(report.problems)
            self.show_message(
                sentence(report), is_problem=True, button=self.tr("Show problems…"), then=self._show_problems
            )

    def _show_problems(self) -> None:
        from modelmgr.gui.dialogs import ProblemsDialog

        ProblemsDialog(self._problems, self).open()

    @Slot(object)
    def _on_task_finished(self, _task: Task) -> None:
        self._ask_pending_count()

    # --- import and promotion ---------------------------------------------------------------------------

    @Slot()
    def open_wizard(self) -> None:
        """Open the wizard where it asks for sources."""
        self._open_wizard(())

    def drop_paths(self, paths: Sequence[str]) -> None:
        """Do what dropping these paths on the window does: show what is in them, write nothing."""
        if paths:
            self._open_wizard(tuple(paths))

    def _open_wizard(self, paths: tuple[str, ...]) -> None:
        from modelmgr.gui.wizard import MigrationWizard

        wizard = MigrationWizard(
            self._library, self._tasks, paths=paths, parent=self, options=options_of(self.settings)
        )
        wizard.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        wizard.review_requested.connect(self._on_review_wanted)
        wizard.open()

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

    @Slot()
    def resume_imports(self) -> None:
        """Finish the imports that were interrupted."""
        self._tasks.run(self.tr("Finishing the import"), partial(_resume, self._library))

    @Slot()
    def _on_demo(self) -> None:
        started, _pid = QProcess.startDetached(sys.executable, ["-m", "modelmgr", "demo"])
        self._jobs.show_message(
            self.tr("The demo opens in a window of its own")
            if started
            else self.tr("The demo could not be started")
        )

    # --- deeds on the selection -------------------------------------------------------------------------

    @Slot()
    def _on_copy(self) -> None:
        self._table.copy_cells()

    @Slot()
    def _on_copy_path(self) -> None:
        self._table.copy_cells(_path_of)

    @Slot()
    def _on_copy_words(self) -> None:
        self._table.copy_cells(_trigger_words_of)

    @Slot()
    def _on_copy_hash(self) -> None:
        self._table.copy_cells(_hash_of)

    @Slot()
    def _on_favorite(self) -> None:
        ids = self._table.selected_ids()
        if len(ids) <= 1:
            self._details.toggle_favorite()
            return
        row = self._table.selected_model()
        self._edit(list(ids), "favorite", not (row is not None and row.favorite))

    @Slot()
    def _on_reveal(self) -> None:
        row = self._table.selected_model()
        if row is not None and row.folder:
            QDesktopServices.openUrl(QUrl.fromLocalFile(row.folder))

    @Slot()
    def _on_verify(self) -> None:
        ids = self._table.selected_ids()
        self._model.ask_rows(ids, self._verify_rows)

    def _verify_rows(self, rows: list[ModelRow]) -> None:
        hashes = [row.sha256 for row in rows if row.sha256]
        if not hashes:
            self._jobs.show_message(self.tr("The hash of these models is not computed yet"))
            return
        task = self._tasks.run(self.tr("Verifying"), partial(_verify, self._library, hashes), can_pause=True)
        task.succeeded.connect(self._on_verified)

    @Slot(object)
    def _on_verified(self, report: VerifyReport) -> None:
        if report.problems:
            self._problems = list(report.problems)
            self.show_message(
                sentence(report), is_problem=True, button=self.tr("Show problems…"), then=self._show_problems
            )

    @Slot()
    def _on_compute_hashes(self) -> None:
        self._mending.compute_hashes(self._table.selected_ids().tolist())

    @Slot(int)
    def _on_hashes_wanted(self, model_id: int) -> None:
        self._mending.compute_hashes([model_id])

    @Slot()
    def _on_correct(self) -> None:
        self._mending.ask_correction(self._table.selected_ids().tolist(), self._table.selected_model())

    @Slot()
    def _on_reset_identity(self) -> None:
        ids = self._table.selected_ids().tolist()
        if ids:
            self._mending.correct(ids, dict.fromkeys(CORRECTED))

    @Slot()
    def _on_locate(self) -> None:
        row = self._table.selected_model()
        if row is not None:
            self._mending.ask_place(row)

    @Slot()
    def _on_move_folder(self) -> None:
        self._mending.ask_move()

    # --- settings and help ------------------------------------------------------------------------------

    @Slot()
    def open_settings(self) -> None:
        """Open the settings."""
        self._open_settings_at("library")

    @Slot()
    def open_api_settings(self) -> None:
        """Open the settings where they are about the local API."""
        self._open_settings_at("api")

    def _open_settings_at(self, tab: str) -> None:
        from modelmgr.gui.settings_dialog import SettingsDialog

        dialog = SettingsDialog(self.settings, self._folders, str(self._catalog.path), self._door, self)
        dialog.chosen.connect(self._on_settings_chosen)
        dialog.folder_removed.connect(self._on_folder_removed)
        dialog.rules_wanted.connect(self._mending.ask_rules)
        dialog.move_wanted.connect(self._mending.ask_move)
        dialog.show_tab(tab)
        dialog.open()

    @Slot(object)
    def _on_settings_chosen(self, settings: Settings) -> None:
        self._keep_settings(settings)
        self._upkeep.follow(settings)
        self._bring_api()

    @Slot()
    def _bring_api(self) -> None:
        self._door.follow(self.settings.api_enabled, self.settings.api_port)

    @Slot()
    def _on_api_changed(self) -> None:
        if self._on_message_button == self.open_api_settings:
            self._message.hide()  # what it said is overtaken
        if self._door.state == DoorState.FAILED:
            from modelmgr.gui.api_section import problem_text

            self.show_message(
                self.tr("Other programs can't use the library now. {}").format(problem_text(self._door)),
                is_problem=True,
                button=self.tr("Settings…"),
                then=self.open_api_settings,
            )
        elif self._door.state == DoorState.OPEN:
            self._jobs.show_message(
                self.tr("Other programs can use the library at {}").format(self._door.address)
            )
        elif self._door.state == DoorState.CLOSED:
            self._jobs.show_message(self.tr("Other programs can no longer use the library"))

    def _keep_settings(self, settings: Settings) -> None:
        self.settings = settings
        self._take_settings()
        try:
            settings.save(self._settings_file)
        except OSError as error:
            self.show_message(
                self.tr("The settings hold until you quit; they could not be saved: {}").format(
                    error.strerror
                ),
                is_problem=True,
            )

    @Slot(str)
    def _on_folder_removed(self, path: str) -> None:
        self._tasks.change(
            partial(_remove_folder, self._library, path),
            failed=partial(self.show_error_or_text, self.tr("The folder was not removed")),
        )

    def _take_settings(self) -> None:
        self._comfortable.blockSignals(True)
        self._comfortable.setChecked(self.settings.comfortable_rows)
        self._comfortable.blockSignals(False)
        self._table.set_comfortable(self.settings.comfortable_rows)
        self._previews.is_on = self.settings.show_previews
        self._table.viewport().update()

    @Slot(bool)
    def _on_comfortable(self, is_on: bool) -> None:
        self._keep_settings(replace(self.settings, comfortable_rows=is_on))

    @Slot()
    def open_palette(self) -> None:
        """Offer every action by its name."""
        from modelmgr.gui.dialogs import CommandPalette

        actions = [action for action in self.findChildren(QAction) if action.objectName() and action.text()]
        CommandPalette(actions, self).open()

    @Slot()
    def _on_about(self) -> None:
        from modelmgr.gui.dialogs import about_box

        about_box(self, str(self._catalog.path), sqlite.version).open()

    # --- state ------------------------------------------------------------------------------------------

    def _restore(self, state: Mapping[str, Any]) -> None:
        """Bring back what the window looked like; anything odd in the file is as if it weren't there."""
        self.resize(_START_SIZE)
        for key, restore in (("geometry", self.restoreGeometry), ("docks", self.restoreState)):
            found = _bytes(state.get(key))
            if found is not None:
                restore(found)
        sizes = state.get("splitter")
        if isinstance(sizes, list) and len(sizes) == 2 and all(isinstance(s, int) and s > 0 for s in sizes):
            self._splitter.setSizes(sizes)
        columns = state.get("columns")
        if isinstance(columns, list):
            self._table.restore_columns([entry for entry in columns if isinstance(entry, dict)])
        folds = state.get("sections")
        if isinstance(folds, dict):
            self._details.restore_folds(folds)
        self._filters_action.setChecked(state.get("filters_shown") is not False)
        self._details_action.setChecked(state.get("details_shown") is not False)
        self._show_chips()
        self._on_selection_counted(0)
        self._pending.show_group(str(state.get("pending_group")))
        self.show_page(PENDING_PAGE if state.get("page") == "pending" else LIBRARY_PAGE)

    def _state(self) -> Mapping[str, Any]:
        return {
            "geometry": base64.b64encode(self.saveGeometry().data()).decode("ascii"),
            "docks": base64.b64encode(self.saveState().data()).decode("ascii"),
            "splitter": self._splitter.sizes() if self._panel.isVisible() else [_PANEL_WIDTH, 1000],
            "columns": self._table.column_state(),
            "sections": self._details.fold_state(),
            "filters_shown": self._filters_action.isChecked(),
            "details_shown": self._details_action.isChecked(),
            "query": self.filters.as_state(),
            "page": "pending" if self._pages.currentIndex() == PENDING_PAGE else "library",
            "pending_group": self._pending.group,
        }

    def _save_state(self) -> None:
        try:
            write_json(Path(self._state_file), self._state())
        except OSError as error:
            # A window that opens as if for the first time is no reason to trouble anyone.
            log.info("The window's state was not saved: %s", error)

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
        self._table.take_palette()
        self._message.take_palette()
        for pane in self.findChildren(QWidget):
            pane.update()

    # --- Qt ---------------------------------------------------------------------------------------------

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        kinds = (
            QEvent.Type.PaletteChange,
            QEvent.Type.ApplicationPaletteChange,
            QEvent.Type.FontChange,
            QEvent.Type.ApplicationFontChange,
            QEvent.Type.ThemeChange,
        )
        if event.type() in kinds and hasattr(self, "_drop_hint"):
            self._take_palette()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self._drop_hint.isVisible():
            self._drop_hint.setGeometry(self.rect())

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        paths = _dropped(event.mimeData())
        if paths:
            # Never a move: a file manager would delete what it thinks was taken.
            event.setDropAction(Qt.DropAction.CopyAction)
            event.accept()
            self._drop_hint.show_for(len(paths))
        else:
            event.ignore()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self._drop_hint.hide()
        super().dragLeaveEvent(event)

    def dropEvent(self, event: QDropEvent) -> None:
        self._drop_hint.hide()
        paths = _dropped(event.mimeData())
        if paths:
            event.setDropAction(Qt.DropAction.CopyAction)
            event.accept()
            self.drop_paths(paths)

    def closeEvent(self, event: QCloseEvent) -> None:
        super().closeEvent(event)
        if self._is_closed:
            return
        self._is_closed = True
        self._look_soon.stop()
        self._details.flush()
        self._save_state()
        self.hide()
        self.closed.emit()


def _path_of(row: ModelRow) -> str:
    return row.path or ""


def _trigger_words_of(row: ModelRow) -> str:
    return ", ".join(row.trigger_words)


def _hash_of(row: ModelRow) -> str:
    return row.sha256 or ""


def _bytes(found: object) -> QByteArray | None:
    if not isinstance(found, str):
        return None
    try:
        return QByteArray(base64.b64decode(found.encode("ascii"), validate=True))
    except (binascii.Error, ValueError):
        return None
