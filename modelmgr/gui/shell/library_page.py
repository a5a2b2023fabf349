"""The library page: filters on the left, beside them the models, or what stands in their place."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QPalette, QResizeEvent
from PySide6.QtWidgets import QSplitter, QWidget

from modelmgr.gui import boxes, theme
from modelmgr.gui.grid.shelf import Shelf
from modelmgr.gui.measures import first_size, panel_share, scaled, side_width
from modelmgr.gui.pages import Pages
from modelmgr.gui.search.filters import Filters
from modelmgr.gui.table.columns import state_of
from modelmgr.gui.table.model import LibraryModel
from modelmgr.gui.tasks import Tasks
from modelmgr.gui.text import count_text, counted, foreign_text, size_text
from modelmgr.settings import Settings
from modelmgr.values import Changes, HashMatch, ModelQuery

if TYPE_CHECKING:
    from modelmgr.catalog import Catalog
    from modelmgr.gui.previews import Previews
    from modelmgr.gui.search.counts import Overview
    from modelmgr.gui.search.nothing import NothingMatches
    from modelmgr.gui.shell.entries import Entry
    from modelmgr.gui.states import FirstStart
    from modelmgr.library import Library

_TABLE, _NOTHING, _FIRST = range(3)
_WITH_WORDS = frozenset(("missing", "offline", "unreadable", "hashing", "unhashed"))
"""States that say so in the table."""
_CENTRE_WIDTH = 200


def _installs(library: "Library") -> Sequence[str]:
    """Return the tools that have something at a usual place of this user."""
    return [found.tool for found in library.installed_tools()]


def _hash_matches(catalog: "Catalog", search: str, digits: str) -> tuple[str, Sequence[HashMatch]]:
    return search, catalog.by_hash(digits)


class LibraryPage(QWidget):
    """Filters, chips and the models: the table of them at once, all else when it is `complete`.

    Signals:
        wanted(): something was searched or filtered for; the page should be in front.
        counted(str): "12,345 models, 3 selected, 4.1 TB".
        selected(int): how many models are selected.
        said(str): something to say in passing.
        add_wanted(), import_wanted(), demo_wanted(): the user chose a way to fill the empty library.
        emptied(bool): there is no model at all and the ways in stand there, or there are models again.
        kept_changed(): saved filters or searches of before changed; what is kept should be written.

    Attributes:
        filters: what is asked for.
        saved: the saved filters.
        search: the field that searches; the tool bar shows it.
        panel: the facets.
        chips: what is on.
        model: the models asked for, in their order.
        shelf: their views.
        uses: what is done with those selected in other programs.
    """

    wanted = Signal()
    counted = Signal(str)
    selected = Signal(int)
    said = Signal(str)
    emptied = Signal(bool)
    kept_changed = Signal()
    add_wanted = Signal()
    import_wanted = Signal()
    demo_wanted = Signal()

    def __init__(self, library: "Library", tasks: Tasks, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("libraryPage")
        self._library = library
        self._catalog = library.catalog
        self._tasks = tasks
        self._overview: Overview | None = None
        self._selected_count = 0
        self._shown = _TABLE
        self._wants_panel = True
        self.filters = Filters(self)
        self._is_complete = False
        self.model = LibraryModel(self._catalog, tasks, self)
        # Each part is made where it stays: a widget that moves is given its styles again, with all that is in it.
        self._splitter = QSplitter(Qt.Orientation.Horizontal, self)
        self._share = panel_share(self)
        self._panel_place = QWidget(self._splitter)
        self._panel_place.setMinimumWidth(self._share.least)
        self._panel_place.setBackgroundRole(QPalette.ColorRole.Base)
        self._panel_place.setAutoFillBackground(True)
        self._centre = QWidget(self._splitter)
        self._chips_row = QWidget(self._centre)
        # Between two panes in large letters something of the names is still to be read.
        self._centre.setMinimumWidth(min(scaled(self, _CENTRE_WIDTH), 320))
        self._rows = Pages(self._centre)
        self.shelf = Shelf(self.model, None, self._rows)
        self._first: FirstStart | None = None
        self._nothing: NothingMatches | None = None
        self._folder_count: int | None = None
        self._build()
        self.filters.changed.connect(self._on_query_changed)
        self.shelf.table.sort_wanted.connect(self.filters.sort)
        self.shelf.table.then_wanted.connect(self.filters.sort_then)
        self.model.counted.connect(self._on_counted)
        self.shelf.selection.counted.connect(self._on_selection_counted)

    def complete(self, previews: "Previews") -> None:
        """Make all that the first paint does not show."""
        from modelmgr.gui.search.chips import FilterChips
        from modelmgr.gui.search.edit import SearchEdit
        from modelmgr.gui.search.panel import FilterPanel
        from modelmgr.gui.search.saved import SavedFilters
        from modelmgr.gui.use import Uses

        self.saved = SavedFilters(self.filters, self)
        self.search = SearchEdit(self)
        self.search.offer_from(self._catalog, self._tasks, self._query)
        self.panel = FilterPanel(self.filters, self.saved, self._catalog, self._tasks, self)
        self._show_panel()
        self._splitter.replaceWidget(0, self.panel)
        self._panel_place.deleteLater()
        self.shelf.complete(previews)
        self.uses = Uses(self._catalog, self._tasks, self.model, self.shelf.selection, self)
        self.chips = FilterChips(self.filters, self._chips_row, saved=self.saved)
        self._chips_layout.addWidget(self.chips)
        self._is_complete = True
        self._join()

    def _build(self) -> None:
        self._rows.addWidget(self.shelf)
        layout = boxes.column(on=self._centre, margins=0, spacing=0)
        self._chips_layout = boxes.column(on=self._chips_row, margins=(theme.S, theme.S, theme.S, theme.XS))
        self._chips_row.hide()
        layout.addWidget(self._chips_row)
        layout.addWidget(self._rows, 1)
        self._splitter.setObjectName("librarySplitter")
        self._splitter.setHandleWidth(1)
        self._splitter.setChildrenCollapsible(False)
        self._splitter.addWidget(self._panel_place)
        self._splitter.addWidget(self._centre)
        self._splitter.setStretchFactor(1, 1)
        whole = first_size(self).width()
        # Beside the details, which take their share of the window.
        width = self._share.of(round(whole * 0.66))
        self._splitter.setSizes([width, whole - width])
        boxes.column(self._splitter, on=self, margins=0)

    def _join(self) -> None:
        self.search.searched.connect(self.filters.set_search)
        self.search.left_downwards.connect(self.shelf.select_first)
        self.search.left_back.connect(self._focus_models)
        self.search.remembered.connect(self.kept_changed)
        self.chips.emptied.connect(self._focus_models)
        self.saved.changed.connect(self.kept_changed)
        self.shelf.left_upwards.connect(self.take_focus)
        self.shelf.drag_wanted.connect(self._on_drag_wanted)
        self.uses.message.connect(self.said)
        self.panel.counted.connect(self._on_overview)

    # --- from outside -----------------------------------------------------------------------------------

    def load_first_rows(self) -> None:
        """Show the first rows before the window is painted: two short questions, a millisecond or two."""
        query = self.filters.query
        self.model.load_at_once(query)
        first = filter(None, map(self.model.known, self.model.ids))
        if any(state_of(row) in _WITH_WORDS for row in first):
            self.shelf.table.make_room_for_states()
        self.shelf.table.show_order(query)
        if self._is_complete:
            self.search.show_text(query.search)

    def take_news(self, changes: Changes) -> None:
        """Take in what was written to the catalog."""
        if changes.models:
            self.model.refresh(changes)
        if changes.models or changes.folders:
            self.panel.refresh()

    @property
    def is_empty(self) -> bool:
        """Whether there is no model at all: the ways in stand in the place of models, and nothing beside them."""
        return self._shown == _FIRST

    @Slot(bool)
    def show_filters(self, is_on: bool) -> None:
        """Show the facets beside the models, or no longer."""
        self._wants_panel = is_on
        self._show_panel()

    def _show_panel(self) -> None:
        panel: QWidget = self.__dict__.get("panel", self._panel_place)
        panel.setVisible(self._wants_panel and not self.is_empty)

    def take_settings(self, settings: Settings) -> None:
        """Look as the user has chosen."""
        self.shelf.table.set_comfortable(settings.comfortable_rows)
        self.uses.weight = settings.prompt_weight

    def take_palette(self) -> None:
        """Take the colours of now."""
        self.shelf.take_palette()
        if self._nothing is not None:
            self._nothing.take_palette()

    def show_folders(self, count: int) -> None:
        """Say how many folders the library has, for the page of an empty library."""
        self._folder_count = count
        if self._first is not None:
            self._first.show_folders(count)
        self._show_rows_or_state()

    def saved_entries(self) -> "Sequence[Entry]":
        """Return the saved filters by their names."""
        from modelmgr.gui.shell.entries import Entry

        place = self.tr("Saved filters")
        return [
            Entry(f"saved {name}", foreign_text(name, 200), place, run=partial(self.saved.use, name))
            for name in self.saved.names
        ]

    def _query(self) -> ModelQuery:
        return self.filters.query

    @Slot()
    def _focus_models(self) -> None:
        self.shelf.view.setFocus(Qt.FocusReason.OtherFocusReason)

    def show_models(self, query: ModelQuery) -> None:
        """Show what another page counts, in the order of now."""
        now = self.filters.query
        self.filters.set(replace(query, sort=now.sort, descending=now.descending, then_by=now.then_by))

    @Slot()
    def take_focus(self) -> None:
        """Give the search the keyboard."""
        self.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.search.selectAll()

    def first_state(self) -> dict[str, Any]:
        """Return what of `state` there is before the page is complete."""
        return {"columns": self.shelf.table.column_state(), "query": self.filters.as_state()}

    def state(self) -> dict[str, Any]:
        """Return what comes back at the next start."""
        return {
            **self.first_state(),
            "splitter": self._splitter.sizes() if self.panel.isVisible() else [side_width(self), 1000],
            "look": self.shelf.state(),
            "saved_filters": self.saved.as_state(),
            "searches": list(self.search.history),
            "facets": self.panel.as_state(),
        }

    def restore_query(self, state: Mapping[str, Any], *, order_only: bool) -> None:
        """Ask again for what was asked for last; of order and filters the order alone, if `order_only`."""
        query = state.get("query")
        if isinstance(query, dict):
            # At first nobody but the rows is there to hear of it, and they are loaded with it.
            self.filters.blockSignals(not self._is_complete)
            self.filters.restore(query, order_only=order_only)
            self.filters.blockSignals(False)

    def restore_places(self, state: Mapping[str, Any], *, has_panel: bool) -> None:
        """Bring back sizes and columns, with or without the facets; anything odd is as if it weren't there."""
        self.show_filters(has_panel)
        sizes = state.get("splitter")
        width = None
        if isinstance(sizes, list) and len(sizes) == 2 and all(isinstance(s, int) and s > 0 for s in sizes):
            width = sizes[0]
            self._splitter.setSizes(sizes)
        if self.isVisible():
            # It was made amid a window that is seen, and was narrow at first.
            self._share = panel_share(self)
            width = self._share.of(self.width(), width)
            self._splitter.setSizes([width, self.width() - width])
        columns = state.get("columns")
        if isinstance(columns, list):
            self.shelf.table.restore_columns([entry for entry in columns if isinstance(entry, dict)])

    def restore(self, state: Mapping[str, Any]) -> None:
        """Bring back all else; anything odd is as if it weren't there."""
        self.saved.restore(state.get("saved_filters"))
        self.search.restore_history(state.get("searches"))
        self.panel.restore(state.get("facets"))
        look = state.get("look")
        if isinstance(look, dict):
            self.shelf.restore(look)
        self._show_chips()
        self._on_selection_counted(self.shelf.selection.count())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        width, rest = self._splitter.sizes()
        given = self._share.of(self.width(), width) if width and self.isVisible() else width
        if given != width:
            self._splitter.setSizes([given, width + rest - given])

    # --- what the parts say -----------------------------------------------------------------------------

    @Slot(object)
    def _on_query_changed(self, query: ModelQuery) -> None:
        if self._is_complete:
            self.search.show_text(query.search)
        self.shelf.table.show_order(query)
        self._show_chips()
        self.model.show_query(query)
        self.wanted.emit()
        from modelmgr.gui.search.words import searched_hash

        digits = searched_hash(query.search)
        if digits is not None:
            question = partial(_hash_matches, self._catalog, query.search, digits)
            self._tasks.ask(question, self._on_hash_known, key=(id(self), "hash"))

    @Slot(object)
    def _on_hash_known(self, found: tuple[str, Sequence[HashMatch]]) -> None:
        from modelmgr.gui.reasons import hash_words

        search, matches = found
        if search == self.filters.query.search:
            words = hash_words(matches)
            self._nothing_page().show_hint(words)
            if matches:
                self.said.emit(words)

    @Slot(int)
    def _on_counted(self, _count: int) -> None:
        self._tell_count()
        self._show_rows_or_state()

    @Slot(int)
    def _on_selection_counted(self, count: int) -> None:
        self._selected_count = count
        self.selected.emit(count)
        self._tell_count()

    @Slot()
    def _on_drag_wanted(self) -> None:
        self.uses.drag(self.shelf.view)

    @Slot(object)
    def _on_overview(self, overview: "Overview") -> None:
        self._overview = overview
        has_words = not _WITH_WORDS.isdisjoint(overview.facets.states)
        if has_words or not overview.query.narrows:
            self.shelf.table.make_room_for_states(is_wanted=has_words)
        self._tell_count()
        self._show_rows_or_state()

    def _tell_count(self) -> None:
        number = counted(self.model.rowCount(), "model")
        parts = [number if self.model.is_counted else self.tr("more than {}").format(number)]
        if self._selected_count:
            parts.append(self.tr("{} selected").format(count_text(self._selected_count)))
        overview = self._overview
        if overview is not None and replace(overview.query, sort="name", descending=False) == replace(
            self.filters.query, sort="name", descending=False
        ):
            parts.append(size_text(overview.total_bytes))
        self.counted.emit(", ".join(parts))

    # --- rows, or what stands in their place: pages that are made when they are first wanted ------------

    def late_parts(self) -> Sequence[Callable[[], object]]:
        """Return what makes the pages that most starts don't show, so that they come at once later."""
        return (self._nothing_page, self._first_page)

    def _shelf_page(self) -> QWidget:
        return self.shelf

    def _nothing_page(self) -> "NothingMatches":
        from modelmgr.gui.search.nothing import NothingMatches

        if self._nothing is None:
            self._nothing = NothingMatches(self.filters, self._catalog, self._tasks, self._rows)
            self._rows.addWidget(self._nothing)
        return self._nothing

    def _first_page(self) -> "FirstStart":
        from modelmgr.gui.states import FirstStart

        if self._first is None:
            first = self._first = FirstStart(self._rows)
            first.add_wanted.connect(self.add_wanted)
            first.import_wanted.connect(self.import_wanted)
            first.demo_wanted.connect(self.demo_wanted)
            if self._folder_count is not None:
                first.show_folders(self._folder_count)
            self._rows.addWidget(first)
        return self._first

    def _show_rows_or_state(self) -> None:
        page = _TABLE
        if not self.model.rowCount():
            page = _NOTHING if self.filters.is_narrowed else _FIRST
        if page == _NOTHING:
            self._nothing_page().look()
        if page == self._shown:
            return
        was_empty = self.is_empty
        self._shown = page
        focused = self.window().focusWidget()
        had_focus = focused is not None and self._rows.isAncestorOf(focused)
        pages = {_TABLE: self._shelf_page, _NOTHING: self._nothing_page, _FIRST: self._first_page}
        self._rows.setCurrentWidget(pages[page]())
        self._show_chips()
        if was_empty != self.is_empty:
            if self._is_complete:
                self._show_panel()
            self.emptied.emit(self.is_empty)
        if page == _FIRST:
            self._tasks.ask(partial(_installs, self._library), self._on_installs)
        elif had_focus:
            self.shelf.view.setFocus()

    def _show_chips(self) -> None:
        """Show what is on above the table; the page for "nothing matches" has chips of its own."""
        if self._is_complete:
            self._chips_row.setVisible(self.chips.has_chips and self._shown != _NOTHING)

    @Slot(object)
    def _on_installs(self, tools: Sequence[str]) -> None:
        self._first_page().show_found(tools)
