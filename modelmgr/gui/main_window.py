"""The main window: it joins the signals of the panes, which do not know each other.

What it does is in `gui/shell`. Dialogs, the wizard and the deeds are imported when they are first wanted: together
they take as long to load as all that the first paint needs.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QTimer, Signal, Slot
from PySide6.QtGui import QCloseEvent, QGuiApplication
from PySide6.QtWidgets import QApplication, QMenu

from modelmgr.errors import CatalogError
from modelmgr.gui import theme
from modelmgr.gui.importing import Qt
from modelmgr.gui.shell import remembered
from modelmgr.gui.shell.afterwards import Afterwards
from modelmgr.gui.shell.early_input import EarlyInput
from modelmgr.gui.shell.frame import LIBRARY_PAGE, OVERVIEW_PAGE, PENDING_PAGE, Frame
from modelmgr.gui.shell.preferences import Preferences
from modelmgr.gui.tasks import Task, Tasks
from modelmgr.gui.text import count_text
from modelmgr.gui.wanted import FIRST_ROWS, ORDER_AT_ONCE, CatalogWhenWanted
from modelmgr.settings import Settings, drafts_path, settings_path, window_state_path
from modelmgr.values import ModelQuery

if TYPE_CHECKING:
    from modelmgr.library import Library
    from modelmgr.values import Changes, LibraryFolder

_LOOK_AFTER_MS = 400


class MainWindow(Frame):
    """The window on one catalog.

    Signals:
        closed(): it has closed; all work has ended and the state is saved.
        painted(): it was seen for the first time; what would have held that up may begin.
        not_opened(CatalogError): rows were shown, but the catalog can't be opened.

    Attributes:
        drafts: what is being typed in any of the panes.
    """

    closed = Signal()
    painted = Signal()
    not_opened = Signal(object)

    def __init__(self, store: CatalogWhenWanted, library: "Library", tasks: Tasks) -> None:
        super().__init__(library, tasks)
        self._store = store
        self._steps = deque(
            [
                self._grow_table,
                self._grow_library,
                self._grow_pages,
                self._grow_status_bar,
                self._grow_details,
                self._grow_actions,
                self._grow_bars,
                self._grow_errands,
                self._grow_deeds,
                self._grow_together,
            ]
        )
        self._state_file = window_state_path(self._catalog.path)
        self._is_closed = False
        self._unsaid: list[tuple[str, Exception]] = []
        self._preferences = Preferences(settings_path(self._catalog.path), self)
        self._afterwards = Afterwards(self)
        self._afterwards.failed.connect(self._on_part_missing)
        self._found = remembered.load(self._state_file)
        remembered.restore_place(self, self._found)
        for fold in self._folds.values():
            fold.restore(self._found)
        self._tasks.failed.connect(self._on_failed)

    def _grow_table(self) -> None:
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        theme.apply(app)
        self._take_style()
        self._build_pages()
        self._build_places()
        self._page.shelf.table.set_comfortable(self._preferences.settings.comfortable_rows)
        self._restore_places(self._found)
        # What the table alone may lead to, and may go wrong, before there is anybody else.
        self._page.model.renamed.connect(self._on_renamed)
        self._page.shelf.left_upwards.connect(self._on_find)
        self._page.shelf.details_wanted.connect(self._on_details_wanted)
        if remembered.is_plain(self._found):
            self._load_rows()

    def _load_rows(self) -> None:
        self._page.restore_query(self._found, order_only=not self._preferences.settings.restore_filters)
        self._page.load_first_rows()

    def _grow_errands(self) -> None:
        from modelmgr.gui.api_door import ApiDoor
        from modelmgr.gui.mending import Mending
        from modelmgr.gui.news import News
        from modelmgr.gui.shell.drafts import Drafts
        from modelmgr.gui.shell.errands import Errands
        from modelmgr.gui.shell.messages import Messages
        from modelmgr.gui.upkeep import Upkeep

        library, tasks = self._library, self._tasks
        self._door = ApiDoor(library, tasks)
        self._door.setParent(self)
        self._news = News(self._catalog, tasks, self, was_changed=self._store.was_changed)
        self._upkeep = Upkeep(library, tasks, self._preferences.settings, self)
        self._mending = Mending(library, tasks, self)
        self.drafts = Drafts(drafts_path(self._catalog.path), tasks, self)
        self._messages = Messages(self._message_bar, self._jobs, self)
        self._errands = Errands(
            library, tasks, self._preferences, self._upkeep, self._messages, self.drafts, self
        )

    def _grow_deeds(self) -> None:
        from modelmgr.gui.shell.actions import fill_menus
        from modelmgr.gui.shell.choices import Choices
        from modelmgr.gui.shell.deeds import Deeds
        from modelmgr.gui.shell.help import Help

        library, tasks = self._library, self._tasks
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
            self._door,
            self._upkeep,
            self._errands,
            self._mending,
            self._messages,
            str(self._catalog.path),
            self,
        )
        self._help = Help(self._actions, self._catalog, tasks, self._preferences, self._messages, self)
        self._help.sources += [
            self._errands.recent_entries,
            self._choices.entries,
            self._page.saved_entries,
        ]
        submenus: Mapping[str, Callable[[], QMenu]] = {
            "columns": partial(self._page.shelf.table.make_column_menu, self),
            "recent": self._errands.make_recent_menu,
        }
        fill_menus(self._menus, self._actions, submenus)

    def _grow_together(self) -> None:
        """Join all that there is, and go on where the last session ended."""
        self._look_soon = QTimer(self)
        self._look_soon.setSingleShot(True)
        self._look_soon.setInterval(_LOOK_AFTER_MS)
        self._join_actions()
        self._join()
        self._take_settings(self._preferences.settings)
        self._help.restore(self._found)
        self._errands.restore(self._found)
        self._restore(self._found)
        # Not before: what is brought back is no news.
        self._page.kept_changed.connect(self._keep_state)
        if self._looks_late:
            self._take_palette()
        self._toolbar.show_now()
        if self.focusWidget() in (None, self):
            self._page.search.setFocus()
        for title, error in self._unsaid:
            self._messages.result(title, error)
        self._start_asking()

    # --- joining ----------------------------------------------------------------------------------------

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
            ("actionFilters", self._page.show_filters),
            ("actionDetails", self._show_sides),
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
        self.dropped.connect(self.drop_paths)
        self._page.wanted.connect(self._on_library_wanted)
        self._page.emptied.connect(self._show_sides)
        self._page.said.connect(self._messages.say)
        self._page.add_wanted.connect(self._errands.choose_folder)
        self._page.import_wanted.connect(self._errands.open_wizard)
        self._page.demo_wanted.connect(self._errands.open_demo)
        selection = self._page.shelf.selection
        self._details.show_model(selection.model())
        selection.model_selected.connect(self._details.show_model)
        selection.model_selected.connect(self._upkeep.prefer)
        self._page.shelf.switched.connect(self._on_look_switched)
        self._details.row_changed.connect(self._page.model.put_row)
        self._details.import_wanted.connect(self._errands.open_wizard)
        self._details.message.connect(self._messages.result)
        self._details.wanted.connect(self._on_details_wanted)
        self._details.use_drafts(self.drafts)
        self._details.follow(selection.ids)
        self._page.selected.connect(self._details.show_count)
        self._details.show_hint(self._page.model.rowCount())
        self._page.model.counted.connect(self._details.show_hint)
        self._mending.message.connect(self._messages.result)
        self._mending.scan_wanted.connect(self._errands.scan_one)
        self._mending.moved.connect(self._upkeep.go_on)
        self._mending.reported.connect(self._errands.tell_failures)
        self._overview.models_wanted.connect(self._on_models_wanted)
        self._overview.pending_wanted.connect(self._on_review_wanted)
        self._overview.add_wanted.connect(self._errands.choose_folder)
        self._overview.import_wanted.connect(self._errands.open_wizard)
        self._overview.demo_wanted.connect(self._errands.open_demo)
        self._pending.message.connect(self._messages.say)
        self._pending.told.connect(self._jobs.put_away)
        self._pending.counted.connect(self._on_records_counted)
        self._pending.import_requested.connect(self._errands.open_wizard)
        self._pending.add_folder_requested.connect(self._errands.add_folder)
        self._errands.models_wanted.connect(self._on_models_wanted)
        self._errands.review_wanted.connect(self._on_review_wanted)
        self._preferences.changed.connect(self._take_settings)
        self._tasks.finished.connect(self._on_task_finished)
        self._news.changed.connect(self.take_news)
        self._look_soon.timeout.connect(self._errands.look_after_crash)
        self._look_soon.timeout.connect(self._choices.bring_api)
        self._look_soon.timeout.connect(self._offer_drafts)

    # --- start ------------------------------------------------------------------------------------------

    def load_first_rows(self) -> None:
        """Show the first rows before the window is painted: two short questions, a millisecond or two.

        Raises:
            CatalogError: the catalog can't be opened.
        """
        is_plain = remembered.is_plain(self._found)
        if is_plain and self._show_front():
            return
        self.grow()
        if not is_plain:
            # What the last session ended with is seen at once, not something else before.
            self._store.open()
            # The library page alone: the pages are not joined yet, so what it looks for brings it to no front.
            self.grow()
            self._load_rows()
        if not is_plain or not self._page.model.rowCount():
            self.grow_whole()
        is_empty = not self._page.model.rowCount() and not self._page.filters.active()
        if is_empty and self._pages.currentIndex() == OVERVIEW_PAGE:
            # Where there is nothing to be counted the three ways in say more.
            self.show_page(LIBRARY_PAGE)

    def _show_front(self) -> bool:
        """Show the words of the first rows; False where they are not known at once, or stand in another way."""
        if self._preferences.settings.comfortable_rows or self.isRightToLeft():
            return False
        order = self._found.get("query")
        query = ModelQuery()
        if isinstance(order, dict):
            from modelmgr.gui.search.kept import query_of_state

            query = query_of_state({}, order=order)
        look = self._store.first_look(query, FIRST_ROWS, ORDER_AT_ONCE + 1)
        if look is None or not look.rows:
            return False
        from modelmgr.gui.shell.front import Front

        self.setCentralWidget(Front(self, look.rows, self._found, self._has_side))
        return True

    def start_growing(self) -> None:
        """Make the rest once the first rows are painted, or at once when somebody begins to do something."""
        if not self.is_whole:
            # Until the search is there to have it.
            self.setFocus()
        elif self._pages.currentIndex() == LIBRARY_PAGE:
            # What is in a bar that nobody sees yet can't keep it.
            self._page.search.setFocus()
        if not self.is_whole:
            EarlyInput(self)
        table = [self.grow] if "_page" not in self.__dict__ else []
        self._afterwards.start(self, [*table, self._on_first_painted])

    def _on_first_painted(self) -> None:
        self._tasks.hold_questions(is_held=False)
        self.painted.emit()
        if self._is_closed:
            return
        if self.is_whole:
            self._start_late()
        else:
            self._tasks.ask(self._store.open, self._on_opened, failed=self._on_not_opened)

    def _on_opened(self, _: object) -> None:
        self._afterwards.go_on([*(self.grow for _ in self._steps), self._start_late])

    def _on_not_opened(self, error: Exception) -> None:
        if isinstance(error, CatalogError):
            from modelmgr.gui.outcomes import error_text

            # The program shows a page of its own; whoever opened this window alone has this one.
            self._make_message_bar()
            self._message_bar.show_message(error_text(error), is_problem=True)
            self.not_opened.emit(error)
        else:
            raise error

    @Slot()
    def _on_part_missing(self) -> None:
        """Say it at the top of the page, even where nothing else is there that says something."""
        if self._is_closed:
            return
        text = self.tr("Something went wrong while the window was made. A part of it may be missing.")
        button = self.tr("Copy diagnostics")
        if self.is_whole:
            self._messages.show(text, is_problem=True, button=button, then=self._help.copy_diagnostics)
            return
        self._make_message_bar()
        self._message_bar.show_message(text, is_problem=True, button=button)
        self._message_bar.acted.connect(self._copy_diagnostics, Qt.ConnectionType.UniqueConnection)

    @Slot()
    def _copy_diagnostics(self) -> None:
        from dataclasses import asdict

        from modelmgr import sqlite
        from modelmgr.gui.shell import diagnostics

        question = partial(
            diagnostics.report, self._catalog, asdict(self._preferences.settings), sqlite.version
        )
        self._tasks.ask(question, QGuiApplication.clipboard().setText)

    def _start_asking(self) -> None:
        """Ask for what can come after the first paint: counts and folders."""
        self._page.panel.refresh()
        self._ask_folders()
        self._ask_pending_count()

    def _start_late(self) -> None:
        # The first deed loads the library's readers and sources, the API its framework.
        self._look_soon.start()
        self._news.watch_others()
        self._pending.make_soon()
        self._afterwards.go_on(
            [
                *self._page.late_parts(),
                *self._details.late_parts(),
                self._pending.make_late,
                *self._actions.to_dress(),
            ]
        )

    def make_late(self) -> None:
        super().make_late()
        if self.is_whole:
            self._details.make_late()
            self._pending.make_late()

    # --- news -------------------------------------------------------------------------------------------

    @Slot(object)
    def take_news(self, changes: "Changes") -> None:
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
    def folders(self) -> "Sequence[LibraryFolder]":
        """The library's folders, as the window knows them."""
        return self._errands.folders

    def _ask_folders(self) -> None:
        self._tasks.ask(self._catalog.folders, self._on_folders, key=(id(self), "folders"))

    def _ask_pending_count(self) -> None:
        from modelmgr.values import PendingQuery, PendingState

        question = partial(self._catalog.pending_count, PendingQuery(states=(PendingState.PENDING,)))
        self._tasks.ask(question, self._on_pending_counted, key=(id(self), "pending"))

    @Slot(object)
    def _on_folders(self, folders: "list[LibraryFolder]") -> None:
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

    @Slot(str, object)
    def _on_failed(self, title: str, error: Exception) -> None:
        if self.is_whole:
            self._messages.result(title, error)
        else:
            self._unsaid.append((title, error))

    @Slot(int, str)
    def _on_renamed(self, model_id: int, name: str) -> None:
        self._deeds.rename(model_id, name)

    @Slot(object)
    def _on_task_finished(self, _task: Task) -> None:
        self._ask_pending_count()

    @Slot(object)
    def _on_models_wanted(self, query: ModelQuery) -> None:
        self._page.show_models(query)
        self.show_page(LIBRARY_PAGE)

    @Slot()
    def _on_library_wanted(self) -> None:
        self.show_page(LIBRARY_PAGE)

    @Slot(str)
    def _on_review_wanted(self, group: str) -> None:
        self.show_page(PENDING_PAGE)
        self._pending.page.review(group)
        self._pending.page.take_focus()

    @Slot()
    def promote(self) -> None:
        """Promote what is ready, and show what is not."""
        self.show_page(PENDING_PAGE)
        self._pending.page.promote_ready()

    # --- work -------------------------------------------------------------------------------------------

    def add_folder(self, path: str) -> None:
        """Add a folder to the library and scan it."""
        self._errands.add_folder(path)

    def open_wizard(self) -> None:
        """Open the wizard where it asks for sources."""
        self._errands.open_wizard()

    @Slot(object)
    def drop_paths(self, paths: Sequence[str]) -> None:
        """Do what dropping these paths on the window does: show what is in them, write nothing."""
        if paths:
            self._errands.look_into(paths)

    @Slot()
    def _offer_drafts(self) -> None:
        """Say that something was typed and not saved when the program ended early."""
        if self.drafts.found:
            self._messages.show(
                self.tr("Something that you typed was not saved. It is kept."),
                button=self.tr("Show it…"),
                then=self._show_drafts,
            )

    def _show_drafts(self) -> None:
        from modelmgr.gui.shell.drafts_dialog import DraftsDialog

        DraftsDialog(self.drafts, self).open()

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

    # --- state ------------------------------------------------------------------------------------------

    def _state(self) -> Mapping[str, Any]:
        if not self.is_whole:
            return {**self._found, **self._first_state()}
        return {**super()._state(), **self._help.state(), **self._errands.state()}

    @Slot()
    def _keep_state(self) -> None:
        """Write the state in a worker; closing waits for it."""
        self._tasks.change(partial(remembered.save, self._state_file, self._state()))

    def closeEvent(self, event: QCloseEvent) -> None:
        super().closeEvent(event)
        if self._is_closed:
            return
        self._is_closed = True
        self._afterwards.stop()
        if self.is_whole:
            self._look_soon.stop()
            # First of all: what other programs still ask would find a catalog that is closed.
            self._door.end()
            self._news.stop()
            self._page.shelf.finish_naming()
            self._details.flush()
            self.drafts.close()
        # In turn: a former state, still to be written, would otherwise be the one that stays.
        self._keep_state()
        self.stop_growing()
        self.hide()
        self.closed.emit()
