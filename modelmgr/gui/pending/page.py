"""The page of the inbox: groups by what to do, the table, and the selected record below."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex, QSize, Qt, Signal, Slot
from PySide6.QtGui import QAction, QHideEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QSplitter, QWidget

from modelmgr.gui import boxes, theme, timers
from modelmgr.gui.language import Forms
from modelmgr.gui.pages import Pages
from modelmgr.gui.pending.bar import DeedBar
from modelmgr.gui.pending.decisions import DECIDED_BELOW, Choices, live_deeds, read_choices
from modelmgr.gui.pending.deeds import READY_QUERY
from modelmgr.gui.pending.empty import EmptyPage
from modelmgr.gui.pending.filters import BesideOrBelow, PendingFilters
from modelmgr.gui.pending.groups import (
    ALL,
    DECISION,
    DISMISSED,
    MISSING,
    PENDING,
    PROMOTED,
    READY,
    UNREADABLE,
    WAITING,
    Counts,
    GroupList,
    all_groups,
)
from modelmgr.gui.pending.handling import Handling
from modelmgr.gui.pending.places import PlaceStrips, read_places
from modelmgr.gui.pending.preview import PendingPreview
from modelmgr.gui.pending.table import WHY, PendingTable
from modelmgr.gui.pending.view import PendingView
from modelmgr.gui.search_field import SearchEdit
from modelmgr.gui.states import Tall
from modelmgr.gui.strips import Hairline, StripPlace
from modelmgr.gui.tasks import Tasks
from modelmgr.gui.text import count_text, counted, foreign_text, numbered
from modelmgr.values import PendingQuery

if TYPE_CHECKING:
    from modelmgr.library import Library

SEARCH_MS = 150
WIDEST_MINIMUM = 110
_WIDEST_SEARCH = 280
SHORTEST_LIST_PERCENT, LONGEST_LIST_PERCENT = 34, 56
"""How much of the page's height the list has while a record stands below it."""


class PendingPage(QWidget):
    """The page of pending models: groups by what to do, the table, and the selected record below.

    Args:
        view: the table, if there is one already; it moves into the page.
        shared: deeds that are commands of the window too, and their actions; they are on while the page is in front.

    Signals:
        message(str): the result of a deed, one sentence.
        told(): it stands on the page, and needs no other place.
        import_requested(): the user wants to bring in more.
        add_folder_requested(str): the user wants this folder in the library.
        counted(str): "81 records, 3 selected".
    """

    message = Signal(str)
    told = Signal()
    counted = Signal(str)
    import_requested = Signal()
    add_folder_requested = Signal(str)

    def __init__(
        self,
        library: "Library",
        tasks: Tasks,
        *,
        view: PendingView | None = None,
        shared: Mapping[str, QAction] | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._shared = shared or {}
        self._library = library
        self._catalog = library.catalog
        self._tasks = tasks
        self._counts = Counts({})
        self._group = ""
        self._wants_focus = False
        self._sort = ("id", False)
        self._promotable: int | None = None
        self._is_split_by_hand = False
        self.setObjectName("pendingInbox")
        self.setAccessibleName(self.tr("Pending records"))
        self._groups = all_groups()
        self._view = PendingView(PendingTable(self._catalog, tasks, self), self) if view is None else view
        self._table = self._view.table
        self._build()
        self._connect()
        self._enter_group(WAITING)

    # --- building ---------------------------------------------------------------------------------------

    def _build(self) -> None:
        # Each is made where it stays: one that moves is given its styles again, with all that is in it.
        self._stack = Pages(self)
        inbox = QWidget(self._stack)
        self._split = QSplitter(Qt.Orientation.Vertical, inbox)
        whole = QWidget(self._split)
        upper = Tall(whole)
        self._list = GroupList(list(self._groups.values()), inbox)
        self._strips = StripPlace(upper)
        self._preview = PendingPreview(self._catalog, self._tasks, self._split)
        handling = self._handling = Handling(
            self._library, self._tasks, self._view, self._preview, self._strips, self._query, self
        )
        self._bar = DeedBar(
            {
                "promote_all": self._on_promote_all,
                "promote": handling.promote,
                "again": handling.promote,
                "attach": handling.attach,
                "locate": handling.locate,
                "map": partial(self._on_map_folder, ""),
                "undo": handling.undo,
                "keep": handling.keep,
                "dismiss": handling.dismiss,
                "restore": handling.restore,
                "clear": self._on_clear,
            },
            self,
            self._shared,
        )
        menu = ("promote", "attach", "locate", "keep", "dismiss", "restore", "undo")
        self._view.addActions([self._bar.actions_by_deed[deed] for deed in (*menu, "again")])
        self._filters = PendingFilters(upper)
        self._places = PlaceStrips(upper)
        self._middle = Pages(whole)
        self._middle.addWidget(self._view)
        self._none = EmptyPage("pendingEmpty", self._middle)
        self._middle.addWidget(self._none)
        boxes.column(
            self._build_head(),
            self._strips,
            self._places,
            BesideOrBelow(self._bar, self._filters, upper),
            on=upper,
            margins=(theme.S, theme.M, theme.S, 0),
            spacing=theme.S,
        )
        boxes.column(upper, (self._middle, 1), on=whole, margins=0, spacing=theme.S)
        self._split.setObjectName("pendingSplitter")
        self._split.setHandleWidth(1)
        self._split.setChildrenCollapsible(False)
        self._split.addWidget(whole)
        self._split.addWidget(self._preview)
        self._split.setStretchFactor(0, 3)
        self._split.setStretchFactor(1, 2)
        self._split.setSizes([340, 300])
        self._split.splitterMoved.connect(self._on_split_moved)
        boxes.row(self._list, Hairline(inbox), (self._split, 1), on=inbox, margins=0, spacing=0)
        self._nothing = EmptyPage("pendingNothing", self._stack)
        self._nothing.show_nothing_yet()
        self._stack.addWidget(inbox)
        self._stack.addWidget(self._nothing)
        boxes.column(self._stack, on=self, margins=0)

    def _build_head(self) -> QHBoxLayout:
        self._title = theme.paragraph("", "pane-title", self, name="pendingTitle")
        self._words = theme.paragraph("", "secondary", self)
        self._search = SearchEdit(self)
        self._search.setObjectName("pendingSearch")
        self._search.setPlaceholderText(self.tr("Name or place"))
        self._search.setAccessibleName(self.tr("Search the pending records"))
        self._search.setClearButtonEnabled(True)
        self._search.setFixedWidth(min(self.fontMetrics().averageCharWidth() * 28, _WIDEST_SEARCH))
        texts = boxes.column(self._title, self._words, spacing=theme.XS // 2)
        return boxes.row((texts, 1), (self._search, 0, Qt.AlignmentFlag.AlignTop), spacing=theme.L)

    def _connect(self) -> None:
        self._list.chosen.connect(self._on_group_chosen)
        self._view.selection_changed.connect(self._show_selected)
        self._view.sort_wanted.connect(self._on_sort_wanted)
        self._view.activated.connect(self._on_activated)
        self._table.reordered.connect(self._on_reordered)
        self._table.rows_arrived.connect(self._show_selected)
        self._filters.changed.connect(self._show_query)
        self._places.add_wanted.connect(self.add_folder_requested)
        self._places.map_wanted.connect(self._on_map_folder)
        self._handling.message.connect(self.message)
        self._handling.told.connect(self.told)
        self._handling.deeds.changed.connect(self.reload)
        self._handling.deeds.busy_changed.connect(self._update_deeds)
        for page in (self._nothing, self._none):
            page.import_wanted.connect(self.import_requested)
            page.history_wanted.connect(partial(self.show_group, PROMOTED))
            page.all_wanted.connect(self._on_show_all)
        self._search_soon = timers.after(SEARCH_MS, self._show_query, self)
        self._search.textChanged.connect(self._search_soon.start)

    # --- what others call -------------------------------------------------------------------------------

    @Slot()
    def reload(self) -> None:
        """Take in news from the catalog: counts, order and rows."""
        if self._table.query is None:
            self._show_query()
        else:
            self._table.reload()
        self._ask_counts()

    def look_once(self) -> None:
        """Ask for rows and counts, unless that was done before."""
        if self._table.query is None:
            self.reload()

    def show_group(self, name: str) -> None:
        """Show one of the groups ``waiting ready decision missing unreadable promoted dismissed all``."""
        self._list.show_group(name)

    def review(self, name: str) -> None:
        """Show all of a group, whatever was searched or filtered before."""
        self._search.clear()
        self._filters.take_off()
        self.show_group(name)
        self._show_query()
        # What has just been imported may not have been told of yet.
        self._ask_counts()

    def take_focus(self) -> None:
        """Give the records the keyboard, as soon as they are there."""
        self._wants_focus = not self._view.isVisible()
        if not self._wants_focus:
            self._view.setFocus()

    @Slot()
    def promote_ready(self) -> None:
        """Promote everything that is ready."""
        self._handling.deeds.promote(None, READY_QUERY)

    @property
    def group(self) -> str:
        """The name of the group that is shown."""
        return self._group

    # --- groups and counts ------------------------------------------------------------------------------

    def _ask_counts(self) -> None:
        self._tasks.ask(self._catalog.pending_facets, self._take_counts, key=(id(self), "counts"))

    @Slot(object)
    def _take_counts(self, facets: Mapping[str, Mapping[str, int]]) -> None:
        self._counts = Counts.from_facets(facets)
        self._list.show_counts(self._counts.of)
        self._stack.setCurrentIndex(0 if self._counts.of[ALL] else 1)
        if self._wants_focus:
            self.take_focus()
        if not self._table.ids:
            self._show_empty()
        self._update_group()

    @Slot(str)
    def _on_group_chosen(self, name: str) -> None:
        if name == self._group:
            return
        self._enter_group(name)
        # Before the first look the window comes back as it was; that look asks for everything.
        if self._table.query is not None:
            self._show_query()

    def _enter_group(self, name: str) -> None:
        self._group = name
        self._promotable = None
        self._filters.forget_problem()
        self.show_group(name)
        self._title.setText(self._groups[name].title)
        self._words.setText(self._groups[name].words)
        self._view.show_column(WHY, name not in (READY, PROMOTED, DISMISSED))
        self._view.clearSelection()
        self._places.clear()
        self._update_group()

    def _query(self) -> PendingQuery:
        states, problems = self._counts.kind(self._group)
        sort, descending = self._sort
        return self._filters.narrowed(
            PendingQuery(
                states, problems, search=self._search.text().strip(), sort=sort, descending=descending
            )
        )

    def _query_of_all(self) -> PendingQuery:
        """Return what one button promotes: what is shown, as far as nothing stands in its way."""
        query = self._query()
        if self._group == UNREADABLE:
            return query
        is_shown = not query.problems or "none" in query.problems
        return replace(query, states=PENDING, problems=("none",) if is_shown else ("",))

    @property
    def _is_narrowed(self) -> bool:
        return self._filters.is_on or bool(self._search.text().strip())

    @Slot()
    def _show_query(self) -> None:
        # The numbers beside the filters take longer than the rows, and are asked for once these are there.
        self._table.show_query(self._query())

    def _ask_choices(self) -> None:
        question = partial(read_choices, self._catalog, self._query(), self._query_of_all())
        self._tasks.ask(question, self._take_choices, key=(id(self), "choices"))

    @Slot(object)
    def _take_choices(self, choices: Choices) -> None:
        if choices.query != self._query():
            return
        self._filters.show_counts(choices.counts, self._counts.kind(self._group)[1])
        self._promotable = choices.promotable
        self._name_promote_all()
        self._update_deeds()

    @Slot(str, bool)
    def _on_sort_wanted(self, column: str, descending: bool) -> None:
        self._sort = (column, descending)
        self._show_query()

    def _count_of_all(self) -> int:
        """Return how many records the one button for all would promote."""
        if self._is_narrowed and self._promotable is not None:
            return self._promotable
        return self._counts.of.get(READY if self._group in (WAITING, ALL) else self._group, 0)

    def _name_promote_all(self) -> None:
        count = self._count_of_all()
        if self._group == WAITING:
            words = (
                self.tr("Promote {} ready").format(count_text(count)) if count else self.tr("Promote ready")
            )
        elif count > 1:
            words = self.tr("Promote all {}").format(count_text(count))
        else:
            words = self.tr("Promote all")
        self._bar.name("promote_all", words)

    def _update_group(self) -> None:
        """Show the deeds that fit the group, with numbers, and ask for the folders that its records name."""
        self._name_promote_all()
        asked = {DECISION: "outside", MISSING: "no_file"}.get(self._group)
        if asked is not None and self._counts.of.get(self._group, 0):
            self._places.expect(asked)
            question = partial(read_places, self._catalog, asked)
            self._tasks.ask(question, self._places.show_places, key=(id(self), "places"))
        else:
            self._places.clear()
        self._update_deeds()

    @Slot()
    def _on_reordered(self) -> None:
        is_empty = not len(self._table.ids)
        if is_empty:
            self._show_empty()
        self._middle.setCurrentIndex(1 if is_empty else 0)
        if self._wants_focus:
            self.take_focus()
        self._show_selected()
        self._ask_choices()

    def _show_empty(self) -> None:
        """Say why there is no row: nothing matches, or nothing is to be done."""
        searched = self._search.text().strip()
        group = self._groups[self._group]
        if self._filters.is_on:
            self._none.show_no_match(self.tr("Nothing here passes the filters"))
        elif searched:
            self._none.show_no_match(self.tr("Nothing here matches “{}”").format(foreign_text(searched, 200)))
        elif self._group == WAITING:
            promoted = self._counts.of.get(PROMOTED, 0)
            forms = Forms("%n record is part of your library.", "%n records are part of your library.")
            words = numbered(promoted, forms)
            self._none.show_done(group.empty, words if promoted else "", has_history=promoted > 0)
        else:
            self._none.show_none(group.icon, group.empty)

    @Slot()
    def _on_show_all(self) -> None:
        self.review(self._group)

    # --- selection --------------------------------------------------------------------------------------

    @Slot()
    def _show_selected(self) -> None:
        row_id = self._view.only_selected
        row = self._table.known(row_id) if row_id is not None else None
        count = self._view.selected_count
        if row is not None:
            self._preview.show_row(row)
        elif row_id is None:
            words = (
                numbered(count, Forms("%n record is selected", "%n records are selected")) if count else ""
            )
            self._preview.show_hint(words)
        is_shown = count > 0 and self._middle.currentWidget() is self._view
        if is_shown and self._preview.isHidden():
            self._give_room()
        self._preview.setVisible(is_shown)
        self._update_deeds()
        self._tell_count(count)

    def _tell_count(self, selected: int) -> None:
        parts = [counted(len(self._table.ids), "record")]
        if selected:
            parts.append(self.tr("{} selected").format(count_text(selected)))
        self.counted.emit(", ".join(parts))

    def _give_room(self) -> None:
        """Give the record what a short list leaves over, unless the user has divided the page."""
        if self._is_split_by_hand:
            return
        whole = self._split.height()
        rows = min(len(self._table.ids), whole // theme.ROW_HEIGHT)
        above = self._middle.mapTo(self._split, self._middle.rect().topLeft()).y()
        wanted = above + self._view.height_of(rows)
        upper = max(whole * SHORTEST_LIST_PERCENT // 100, min(wanted, whole * LONGEST_LIST_PERCENT // 100))
        self._split.setSizes([upper, whole - upper])

    @Slot()
    def _on_split_moved(self) -> None:
        self._is_split_by_hand = True

    @Slot(QModelIndex)
    def _on_activated(self, _index: QModelIndex) -> None:
        """Enter leads from a record to what can be decided about it."""
        self._preview.take_focus()

    @Slot()
    def _update_deeds(self) -> None:
        rows = self._handling.selected_rows
        count = self._view.selected_count
        live = live_deeds(
            rows, count, self._counts.of, self._count_of_all(), is_idle=not self._handling.deeds.is_busy
        )
        # Where all kinds of records stand together, the rarer deeds show up with a record that they fit.
        rare = live & {"attach", "keep"} if self._group == WAITING else set()
        shown = {*self._groups[self._group].deeds, *rare}
        only = self._handling.only_row
        if self._group == DECISION and only is not None and only.problem in DECIDED_BELOW:
            # They stand with the record, for it alone or for all alike.
            shown -= {"attach", "dismiss"}
        used = self._bar.used()
        self._bar.show_deeds(shown, live)
        if used is not None and self.isVisible() and not (used.isEnabled() and used.isVisible()):
            # Qt gives the keyboard to whatever comes next: another deed, or a filter.
            self.take_focus()
        if not self.isVisible():
            for action in self._shared.values():
                action.setEnabled(False)
        self._bar.setVisible(self._counts.of.get(self._group, 0) > 0)

    # --- deeds ------------------------------------------------------------------------------------------

    @Slot()
    def _on_promote_all(self) -> None:
        if self._group == UNREADABLE or self._is_narrowed:
            self._handling.deeds.promote(None, self._query_of_all())
        else:
            self.promote_ready()

    @Slot()
    def _on_clear(self) -> None:
        self._handling.clear(self._counts.of.get(PROMOTED, 0))

    @Slot(str)
    def _on_map_folder(self, folder: str) -> None:
        self._handling.map_folder(self._places.folders if self._group == MISSING else (), folder)

    # --- Qt ---------------------------------------------------------------------------------------------

    def minimumSizeHint(self) -> QSize:
        # Before the first show the layout counts the buttons of all groups, which never stand together.
        most = self.fontMetrics().averageCharWidth() * WIDEST_MINIMUM
        return super().minimumSizeHint().boundedTo(QSize(most, 10_000))

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.look_once()
        self._update_deeds()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._update_deeds()
