"""The inbox: what waits for promotion, why, and what can be done about it."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QAction, QShowEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QMessageBox,
    QPushButton,
    QSplitter,
    QStackedWidget,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from modelmgr.catalog import Catalog
from modelmgr.gui import theme
from modelmgr.gui.cells import SoftDelegate
from modelmgr.gui.jobs_panel import error_text, sentence
from modelmgr.gui.pending_filters import PendingFilters
from modelmgr.gui.pending_parts import Banner, Hairline, Places, SearchEdit, UndoStrip, read_places
from modelmgr.gui.pending_preview import PendingPreview
from modelmgr.gui.pending_table import PendingTable, PendingView
from modelmgr.gui.reasons import DECISIONS, NO_FILE, NO_MODEL, UNREAD
from modelmgr.gui.tasks import Task, Tasks
from modelmgr.gui.text import count_text, counted, foreign_text, plain_tip
from modelmgr.progress import Progress
from modelmgr.values import PendingModel, PendingQuery, PendingState, PromoteReport, UndoReport

if TYPE_CHECKING:
    from modelmgr.library import Library

WAITING, READY, DECISION, MISSING, UNREADABLE, OTHER, PROMOTED, DISMISSED, ALL = (
    "waiting",
    "ready",
    "decision",
    "missing",
    "unreadable",
    "other",
    "promoted",
    "dismissed",
    "all",
)

ASKED_ROWS = 200
"""So many selected rows are looked at one by one to see which deeds fit; with more, every deed of the group does."""

SEARCH_MS = 150
FIRST_LOOK_MS = 300
WIDEST_MINIMUM = 110

_PENDING = (PendingState.PENDING.value,)
_GROUP = Qt.ItemDataRole.UserRole
_READY_QUERY = PendingQuery(states=_PENDING, problems=("none",))
_MISMATCH_QUERY = PendingQuery(states=_PENDING, problems=("hash_mismatch",))
_NO_FILE_QUERY = PendingQuery(states=_PENDING, problems=NO_FILE)


@dataclass(frozen=True, slots=True)
class _Group:
    """One thing to do: its title, what it means, what to say when there is none, and the deeds that fit."""

    name: str
    title: str
    words: str
    empty: str
    deeds: tuple[str, ...]


def _promote(
    library: "Library",
    ids: Sequence[int] | None,
    query: PendingQuery | None,
    attach_anyway: bool,
    allow_missing: bool,
    progress: Progress,
) -> PromoteReport:
    """Promote `ids`, or all that `query` matches; of both, what is in both. In a worker."""
    if query is not None:
        matching = library.catalog.pending_order(query)
        if ids is None:
            ids = list(matching)
        else:
            fitting = frozenset(matching)
            ids = [row_id for row_id in ids if row_id in fitting]
    return library.promote(ids, attach_anyway=attach_anyway, allow_missing=allow_missing, progress=progress)


def _undo(library: "Library", ids: Sequence[int], progress: Progress) -> UndoReport:
    return library.undo_promotion(ids, progress)


def _map(library: "Library", old: str, new: str, progress: Progress) -> int:
    progress.check()
    return library.map_root(old, new)


@dataclass(frozen=True, slots=True)
class _Choices:
    """How many records each filter would show, and how many of what is shown can be promoted at once."""

    query: PendingQuery
    counts: Mapping[str, Mapping[str, int]]
    promotable: int


def _read_choices(catalog: Catalog, query: PendingQuery, of_all: PendingQuery) -> _Choices:
    return _Choices(query, catalog.pending_choices(query), catalog.pending_count(of_all))


def _clear(library: "Library", progress: Progress) -> int:
    progress.check()
    return library.clear_promoted()


class PendingPage(QWidget):
    """The page of pending models: groups by what to do, the table, and the selected record below.

    Signals:
        message(str): the result of a deed, one sentence.
        import_requested(): the user wants to bring in more.
        add_folder_requested(str): the user wants this folder in the library.
    """

    message = Signal(str)
    import_requested = Signal()
    add_folder_requested = Signal(str)

    def __init__(self, library: "Library", tasks: Tasks, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._library = library
        self._catalog = library.catalog
        self._tasks = tasks
        self._problems: tuple[str, ...] = UNREAD
        self._counts: dict[str, int] = {}
        self._group = ""
        self._wants_focus = False
        self._sort = ("id", False)
        self._promotion: Task | None = None
        self._asked_ids: list[int] = []
        self._undoable: Sequence[int] = ()
        self._promotable: int | None = None
        self._folders: Sequence[tuple[str, int]] = ()
        self.setObjectName("pendingPage")
        self.setAccessibleName(self.tr("Pending records"))
        self._groups = {group.name: group for group in self._all_groups()}
        self._table = PendingTable(self._catalog, tasks, self)
        self._make_actions()
        self._build()
        self._connect()
        self._enter_group(WAITING)

    # --- building ---------------------------------------------------------------------------------------

    def _all_groups(self) -> list[_Group]:
        return [
            _Group(
                WAITING,
                self.tr("Everything waiting"),
                self.tr("What other tools say about your models, not yet part of the library."),
                self.tr("Nothing is waiting"),
                ("promote_all", "promote", "locate", "dismiss"),
            ),
            _Group(
                READY,
                self.tr("Ready to promote"),
                self.tr("These records have found their files. Promoting makes them part of the library."),
                self.tr("Nothing is ready to promote"),
                ("promote_all", "promote", "dismiss"),
            ),
            _Group(
                DECISION,
                self.tr("Needs a decision"),
                self.tr("The program can't tell what is right here. Select a record to see both sides."),
                self.tr("Nothing needs a decision"),
                ("attach", "again", "locate", "dismiss"),
            ),
            _Group(
                MISSING,
                self.tr("File not found"),
                self.tr("The files of these records aren't where they should be. What they say is kept."),
                self.tr("Every record has found its file"),
                ("locate", "map", "keep", "again", "dismiss"),
            ),
            _Group(
                UNREADABLE,
                self.tr("Can't be read"),
                self.tr(
                    "Their text could not be read as data. They are kept to the byte, and can be promoted."
                ),
                self.tr("Every record could be read"),
                ("promote_all", "promote", "dismiss"),
            ),
            _Group(
                OTHER,
                self.tr("About no model"),
                self.tr("Recipes, and rows that tools keep beside their models. They are kept whole."),
                self.tr("Every record speaks of a model"),
                ("dismiss",),
            ),
            _Group(
                PROMOTED,
                self.tr("Promoted"),
                self.tr("The history of what became part of the library. It can be undone, or cleared."),
                self.tr("Nothing has been promoted yet"),
                ("undo", "clear"),
            ),
            _Group(
                DISMISSED,
                self.tr("Dismissed"),
                self.tr("What you set aside. It is kept and can be restored."),
                self.tr("Nothing has been dismissed"),
                ("restore",),
            ),
            _Group(
                ALL,
                self.tr("All records"),
                self.tr("Every record that was imported, whatever became of it."),
                self.tr("Nothing has been imported yet"),
                ("promote", "locate", "dismiss", "restore"),
            ),
        ]

    def _make_actions(self) -> None:
        self._actions: dict[str, QAction] = {}
        for name, text, slot in (
            ("promote_all", self.tr("Promote all"), self._on_promote_all),
            ("promote", self.tr("&Promote selected"), self.promote_selected),
            ("attach", self.tr("&Attach anyway…"), self._on_attach),
            ("again", self.tr("Try &again"), self.promote_selected),
            ("locate", self.tr("&Locate…"), self._on_locate),
            ("map", self.tr("&Map a folder…"), self._on_map),
            ("undo", self.tr("&Undo promotion"), self._on_undo_selected),
            ("keep", self.tr("&Keep without file"), self._on_keep),
            ("dismiss", self.tr("&Dismiss"), self._on_dismiss),
            ("restore", self.tr("&Restore"), self._on_restore),
            ("clear", self.tr("&Clear promoted…"), self._on_clear),
        ):
            action = QAction(text, self)
            action.triggered.connect(slot)
            self._actions[name] = action
        tips = {
            "attach": self.tr(
                "Attach the record to its file although the hashes differ; you are asked each time"
            ),
            "again": self.tr("Look for the file again and promote what is clear now"),
            "locate": self.tr("Say which file the selected record speaks of"),
            "map": self.tr(
                "Say where a folder of many records is now; first it is shown how many are found there"
            ),
            "undo": self.tr("Take the selected records back among those that wait"),
            "keep": self.tr("Make a model without a file of it; a scan that meets its bytes links it"),
            "dismiss": self.tr("Set the selected records aside; they are kept"),
        }
        for name, tip in tips.items():
            self._actions[name].setToolTip(plain_tip(tip))

    def _build(self) -> None:
        self._list = self._build_groups()
        self._title = theme.plain_label("", "pane-title", self)
        self._title.setObjectName("pendingTitle")
        self._words = theme.plain_label("", "secondary", self)
        self._words.setWordWrap(True)
        self._search = SearchEdit(self)
        self._search.setObjectName("pendingSearch")
        self._search.setPlaceholderText(self.tr("Name or place"))
        self._search.setAccessibleName(self.tr("Search the pending records"))
        self._search.setClearButtonEnabled(True)
        self._search.setFixedWidth(self.fontMetrics().averageCharWidth() * 28)
        head_texts = QVBoxLayout()
        head_texts.setSpacing(theme.XS // 2)
        head_texts.addWidget(self._title)
        head_texts.addWidget(self._words)
        head = QHBoxLayout()
        head.setContentsMargins(theme.S, theme.M, theme.S, 0)
        head.setSpacing(theme.L)
        head.addLayout(head_texts, 1)
        head.addWidget(self._search, 0, Qt.AlignmentFlag.AlignTop)
        self._filters = PendingFilters(self)
        filters = QHBoxLayout()
        filters.setContentsMargins(theme.S, 0, theme.S, theme.S)
        filters.addWidget(self._filters)
        self._undo_place = QVBoxLayout()
        self._undo_place.setContentsMargins(theme.S, 0, theme.S, 0)
        self._banners = QVBoxLayout()
        self._banners.setContentsMargins(theme.S, theme.S, theme.S, 0)
        self._banners.setSpacing(theme.XS)
        self._view = PendingView(self._table, self)
        self._view.addActions(
            [
                self._actions[name]
                for name in ("promote", "attach", "locate", "keep", "dismiss", "restore", "undo")
            ]
        )
        self._empty = theme.plain_label("", "secondary", self)
        self._empty.setObjectName("pendingEmpty")
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._empty.setWordWrap(True)
        self._middle = QStackedWidget(self)
        self._middle.addWidget(self._view)
        self._middle.addWidget(self._empty)
        upper = QWidget(self)
        upper_layout = QVBoxLayout(upper)
        upper_layout.setContentsMargins(0, 0, 0, 0)
        upper_layout.setSpacing(0)
        upper_layout.addLayout(head)
        upper_layout.addLayout(self._undo_place)
        upper_layout.addLayout(self._banners)
        upper_layout.addLayout(self._build_buttons())
        upper_layout.addLayout(filters)
        upper_layout.addWidget(self._middle, 1)
        self._preview = PendingPreview(self._catalog, self._tasks, self)
        self._split = QSplitter(Qt.Orientation.Vertical, self)
        self._split.setObjectName("pendingSplitter")
        self._split.setHandleWidth(1)
        self._split.setChildrenCollapsible(False)
        self._split.addWidget(upper)
        self._split.addWidget(self._preview)
        self._split.setStretchFactor(0, 3)
        self._split.setStretchFactor(1, 2)
        self._split.setSizes([380, 260])
        inbox = QWidget(self)
        inbox_layout = QHBoxLayout(inbox)
        inbox_layout.setContentsMargins(0, 0, 0, 0)
        inbox_layout.setSpacing(0)
        inbox_layout.addWidget(self._list)
        inbox_layout.addWidget(Hairline(inbox))
        inbox_layout.addWidget(self._split, 1)
        self._stack = QStackedWidget(self)
        self._stack.addWidget(inbox)
        self._stack.addWidget(self._build_nothing())
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._stack)
        self._tint()

    def _build_groups(self) -> QTreeWidget:
        tree = QTreeWidget(self)
        tree.setObjectName("pendingGroups")
        tree.setAccessibleName(self.tr("Groups of pending records"))
        tree.setColumnCount(2)
        tree.setHeaderHidden(True)
        tree.setRootIsDecorated(False)
        tree.setIndentation(0)
        tree.setUniformRowHeights(True)
        tree.setItemDelegate(SoftDelegate(tree))
        tree.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        tree.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        tree.header().setStretchLastSection(False)
        tree.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        tree.header().setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        tree.setFixedWidth(self.fontMetrics().averageCharWidth() * 31)
        for group in self._groups.values():
            item = QTreeWidgetItem([group.title, ""])
            item.setData(0, _GROUP, group.name)
            item.setTextAlignment(1, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            tree.addTopLevelItem(item)
        # The margin is the tree's own ground, so that the list begins on the line of the title beside it.
        tree.setViewportMargins(theme.XS, theme.S, theme.XS, theme.S)
        return tree

    def _build_buttons(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setContentsMargins(theme.S, theme.S, theme.S, theme.S)
        row.setSpacing(theme.S)
        names = {
            "promote_all": "promoteReadyButton",
            "promote": "promoteSelectedButton",
            "again": "tryAgainButton",
            "locate": "locateButton",
            "dismiss": "dismissButton",
            "attach": "attachAnywayButton",
            "map": "mapFolderButton",
            "keep": "keepWithoutFileButton",
            "restore": "restoreButton",
            "undo": "undoPromotionButton",
            "clear": "clearPromotedButton",
        }
        self._buttons: dict[str, QPushButton] = {}
        for deed, object_name in names.items():
            action = self._actions[deed]
            button = QPushButton(action.text(), self)
            button.setObjectName(object_name)
            button.setToolTip(
                action.toolTip()
                if deed in ("attach", "again", "locate", "map", "keep", "dismiss", "undo")
                else ""
            )
            if deed == "promote_all":
                button.setProperty("primary", True)
            button.clicked.connect(action.trigger)
            self._buttons[deed] = button
            row.addWidget(button)
        row.addStretch(1)
        return row

    def _build_nothing(self) -> QWidget:
        """Build the page for an inbox that never held anything: it says what to do next."""
        page = QWidget(self)
        icon = QLabel(page)
        icon.setPixmap(theme.pixmap("inbox", 32, theme.colors().absent, self.devicePixelRatioF()))
        icon.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._nothing_icon = icon
        title = theme.plain_label(self.tr("Nothing is waiting"), "pane-title", page)
        title.setAlignment(Qt.AlignmentFlag.AlignCenter)
        words = theme.plain_label(
            self.tr(
                "Bring in what other tools know about your models: notes, trigger words, previews, history.\n"
                "It waits here until you promote it. Your files stay where they are."
            ),
            "secondary",
            page,
        )
        words.setAlignment(Qt.AlignmentFlag.AlignCenter)
        button = QPushButton(self.tr("&Import…"), page)
        button.setObjectName("pendingImportButton")
        button.setProperty("primary", True)
        button.clicked.connect(self.import_requested)
        layout = QVBoxLayout(page)
        layout.addStretch(2)
        layout.addWidget(icon)
        layout.addSpacing(theme.M)
        layout.addWidget(title)
        layout.addSpacing(theme.XS)
        layout.addWidget(words)
        layout.addSpacing(theme.L)
        layout.addWidget(button, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addStretch(3)
        return page

    def _connect(self) -> None:
        self._list.currentItemChanged.connect(self._on_group_changed)
        self._view.selection_changed.connect(self._on_selection_changed)
        self._view.sort_wanted.connect(self._on_sort_wanted)
        self._table.reordered.connect(self._on_reordered)
        self._table.rows_arrived.connect(self._on_rows_arrived)
        self._preview.candidate_chosen.connect(self._on_candidate_chosen)
        self._preview.compare_wanted.connect(self._on_compare)
        self._filters.changed.connect(self._show_query)
        self._search_soon = QTimer(self)
        self._search_soon.setSingleShot(True)
        self._search_soon.setInterval(SEARCH_MS)
        self._search_soon.timeout.connect(self._show_query)
        self._search.textChanged.connect(self._search_soon.start)
        # A page that nobody has opened yet is filled soon after the window stands, not before its first paint.
        self._first_look = QTimer(self)
        self._first_look.setSingleShot(True)
        self._first_look.setInterval(FIRST_LOOK_MS)
        self._first_look.timeout.connect(self._look_once)
        self._first_look.start()

    # --- what others call -------------------------------------------------------------------------------

    def reload(self) -> None:
        """Take in news from the catalog: counts, order and rows."""
        if self._table.query is None:
            self._show_query()
        else:
            self._table.reload()
            self._ask_choices()
        self._ask_counts()

    def show_group(self, name: str) -> None:
        """Show one of the groups ``waiting ready decision missing unreadable promoted dismissed all``."""
        for at in range(self._list.topLevelItemCount()):
            item = self._list.topLevelItem(at)
            if item is not None and item.data(0, _GROUP) == name:
                self._list.setCurrentItem(item)
                return

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
    def promote_selected(self) -> None:
        """Promote the selected records, as far as their files bear them out."""
        ids = self._view.selected_ids
        if not ids:
            self.message.emit(self.tr("Select the records to promote first."))
            return
        self._run_promotion(ids, None)

    @Slot()
    def promote_ready(self) -> None:
        """Promote everything that is ready."""
        self._run_promotion(None, _READY_QUERY)

    @property
    def group(self) -> str:
        """The name of the group that is shown."""
        return self._group

    # --- groups and counts ------------------------------------------------------------------------------

    def _ask_counts(self) -> None:
        self._tasks.ask(self._catalog.pending_facets, self._take_counts, key=(id(self), "counts"))

    @Slot(object)
    def _take_counts(self, facets: Mapping[str, Mapping[str, int]]) -> None:
        states, problems = facets.get("state", {}), facets.get("problem", {})
        decisions = {*DECISIONS, *NO_FILE, *NO_MODEL, "none"}
        others = tuple(problem for problem in problems if problem not in decisions)
        self._problems = tuple(dict.fromkeys((*UNREAD, *others)))
        self._counts = {
            WAITING: states.get(PendingState.PENDING, 0),
            READY: problems.get("none", 0),
            DECISION: sum(problems.get(problem, 0) for problem in DECISIONS),
            MISSING: sum(problems.get(problem, 0) for problem in NO_FILE),
            UNREADABLE: sum(problems[problem] for problem in others),
            OTHER: sum(problems.get(problem, 0) for problem in NO_MODEL),
            PROMOTED: states.get(PendingState.PROMOTED, 0),
            DISMISSED: states.get(PendingState.DISMISSED, 0),
            ALL: sum(states.values()),
        }
        for at in range(self._list.topLevelItemCount()):
            item = self._list.topLevelItem(at)
            if item is not None:
                count = self._counts[item.data(0, _GROUP)]
                item.setText(1, count_text(count) if count else "")
                words = f"{item.text(0)}, {counted(count, 'record')}"
                item.setData(0, Qt.ItemDataRole.AccessibleTextRole, words)
        self._stack.setCurrentIndex(0 if self._counts[ALL] else 1)
        if self._wants_focus:
            self.take_focus()
        self._update_group()

    @Slot(QTreeWidgetItem, QTreeWidgetItem)
    def _on_group_changed(self, item: QTreeWidgetItem | None) -> None:
        if item is None or item.data(0, _GROUP) == self._group:
            return
        self._enter_group(item.data(0, _GROUP))
        # Before the first look the window comes back as it was; that look asks for everything.
        if self._table.query is not None:
            self._show_query()

    def _enter_group(self, name: str) -> None:
        self._group = name
        self._promotable = None
        self._filters.forget_problem()
        self.show_group(name)
        self._title.setText(self._groups[self._group].title)
        self._words.setText(self._groups[self._group].words)
        self._view.setColumnHidden(1, self._group in (READY, PROMOTED, DISMISSED))
        self._view.clearSelection()
        self._clear_banners()
        self._update_group()

    @Slot()
    def _look_once(self) -> None:
        if self._table.query is None:
            self.reload()

    def _query(self) -> PendingQuery:
        states, problems = self._kinds()[self._group]
        sort, descending = self._sort
        return self._filters.narrowed(
            PendingQuery(
                states, problems, search=self._search.text().strip(), sort=sort, descending=descending
            )
        )

    def _kinds(self) -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
        """Return the states and problems of each group."""
        return {
            WAITING: (_PENDING, ()),
            READY: (_PENDING, ("none",)),
            DECISION: (_PENDING, DECISIONS),
            MISSING: (_PENDING, NO_FILE),
            UNREADABLE: (_PENDING, self._problems),
            OTHER: (_PENDING, NO_MODEL),
            PROMOTED: ((PendingState.PROMOTED.value,), ()),
            DISMISSED: ((PendingState.DISMISSED.value,), ()),
            ALL: ((), ()),
        }

    def _query_of_all(self) -> PendingQuery:
        """Return what one button promotes: what is shown, as far as nothing stands in its way."""
        query = self._query()
        if self._group == UNREADABLE:
            return query
        is_shown = not query.problems or "none" in query.problems
        return replace(query, states=_PENDING, problems=("none",) if is_shown else ("",))

    @property
    def _is_narrowed(self) -> bool:
        return self._filters.is_on or bool(self._search.text().strip())

    @Slot()
    def _show_query(self) -> None:
        self._table.show_query(self._query())
        self._ask_choices()

    def _ask_choices(self) -> None:
        question = partial(_read_choices, self._catalog, self._query(), self._query_of_all())
        self._tasks.ask(question, self._take_choices, key=(id(self), "choices"))

    @Slot(object)
    def _take_choices(self, choices: _Choices) -> None:
        if choices.query != self._query():
            return
        self._filters.show_counts(choices.counts, self._kinds()[self._group][1])
        self._promotable = choices.promotable
        self._name_promote_all()
        self._update_actions()

    @Slot(str, bool)
    def _on_sort_wanted(self, column: str, descending: bool) -> None:
        self._sort = (column, descending)
        self._show_query()

    def _count_of_all(self) -> int:
        """Return how many records the one button for all would promote."""
        if self._is_narrowed and self._promotable is not None:
            return self._promotable
        return self._counts.get(READY if self._group in (WAITING, ALL) else self._group, 0)

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
        self._actions["promote_all"].setText(words)
        self._buttons["promote_all"].setText(words)

    def _update_group(self) -> None:
        """Show the deeds that fit the group, with numbers, and ask for the folders that its records name."""
        self._name_promote_all()
        count = self._counts.get(self._group, 0)
        if self._group in (DECISION, MISSING) and count:
            question = partial(
                read_places, self._catalog, "outside" if self._group == DECISION else "no_file"
            )
            self._tasks.ask(question, self._take_places, key=(id(self), "places"))
        else:
            self._clear_banners()
        self._update_actions()

    @Slot()
    def _on_reordered(self) -> None:
        is_empty = not len(self._table.ids)
        if is_empty:
            searched = self._search.text().strip()
            words = self._groups[self._group].empty
            if searched:
                words = self.tr("Nothing here matches “{}”").format(foreign_text(searched, 200))
            if self._filters.is_on:
                words = self.tr("Nothing here passes the filters")
            self._empty.setText(words)
        self._middle.setCurrentIndex(1 if is_empty else 0)
        if self._wants_focus:
            self.take_focus()
        self._show_selected()

    # --- the folders that records speak of --------------------------------------------------------------

    def _clear_banners(self) -> None:
        while (item := self._banners.takeAt(0)) is not None:
            if (banner := item.widget()) is not None:
                banner.hide()
                banner.deleteLater()

    @Slot(object)
    def _take_places(self, found: Places) -> None:
        if found.asked != {DECISION: "outside", MISSING: "no_file"}.get(self._group):
            return
        self._folders = found.folders
        self._clear_banners()
        for place in found.places:
            folder = foreign_text(place.folder, 400)
            speaks = counted(place.count, "record")
            verb = self.tr("speaks") if place.count == 1 else self.tr("speak")
            if found.asked == "outside":
                words = self.tr("{} {} of files in {}").format(speaks, verb, folder)
                banner = Banner(words, self.tr("Add folder"), place.folder, self)
                banner.accepted.connect(self.add_folder_requested)
            elif place.exists:
                continue
            else:
                words = self.tr("{} {} of files in {}, which isn't here").format(speaks, verb, folder)
                banner = Banner(words, self.tr("Say where it is now…"), place.folder, self)
                banner.accepted.connect(self._on_map_folder)
            self._banners.addWidget(banner)
        if found.more > 0:
            more = counted(found.more, self.tr("more folder"))
            self._banners.addWidget(theme.plain_label(self.tr("and {}").format(more), "secondary", self))

    @Slot()
    def _on_map(self) -> None:
        self._on_map_folder("")

    @Slot(str)
    def _on_map_folder(self, folder: str) -> None:
        from modelmgr.gui.map_root import MapRootDialog

        folders = self._folders if self._group == MISSING else ()
        dialog = MapRootDialog(self._catalog, self._tasks, folders, folder, self)
        dialog.wanted.connect(self._on_folder_mapped)
        dialog.open()

    @Slot(str, str)
    def _on_folder_mapped(self, old: str, new: str) -> None:
        task = self._tasks.run(self.tr("Looking for files"), partial(_map, self._library, old, new))
        task.succeeded.connect(partial(self._say_mapped, new))

    def _say_mapped(self, path: str, found: int) -> None:
        if not found:
            self.message.emit(self.tr("None of those files is in {}.").format(foreign_text(path, 200)))
            return
        verb = self.tr("has found its file") if found == 1 else self.tr("have found their files")
        self.message.emit(f"{counted(found, 'record')} {verb}.")
        self.reload()

    # --- selection --------------------------------------------------------------------------------------

    @Slot()
    def _on_selection_changed(self) -> None:
        self._show_selected()

    @Slot()
    def _on_rows_arrived(self) -> None:
        self._show_selected()

    def _show_selected(self) -> None:
        row_id = self._view.only_selected
        row = self._table.known(row_id) if row_id is not None else None
        if row is not None:
            self._preview.show_row(row)
        elif row_id is None:
            count = self._view.selected_count
            if count:
                self._preview.show_hint(self.tr("{} are selected").format(counted(count, "record")))
            else:
                self._preview.show_hint(self.tr("Select a record to see what it says"))
        self._update_actions()

    def _selected_rows(self) -> list[PendingModel] | None:
        """Return the selected rows, or None if they are too many to be looked at."""
        if self._view.selected_count > ASKED_ROWS:
            return None
        rows = (self._table.known(row_id) for row_id in self._view.selected_ids)
        return [row for row in rows if row is not None]

    def _update_actions(self) -> None:
        rows = self._selected_rows()
        count = self._view.selected_count
        is_idle = self._promotion is None
        waits = rows is None or any(row.state == PendingState.PENDING for row in rows)
        fits = {
            "promote_all": is_idle and self._count_of_all() > 0,
            "promote": is_idle and waits and count > 0,
            "again": is_idle and waits and count > 0,
            "attach": is_idle and (rows is None or any(_may(row, ("hash_mismatch",)) for row in rows)),
            "keep": is_idle and (rows is None or any(_may(row, NO_FILE) for row in rows)),
            "locate": count == 1 and waits,
            "dismiss": waits and count > 0,
            "restore": rows is None or any(row.state == PendingState.DISMISSED for row in rows),
            "map": self._counts.get(MISSING, 0) > 0,
            "undo": is_idle and (rows is None or any(row.state == PendingState.PROMOTED for row in rows)),
            "clear": self._counts.get(PROMOTED, 0) > 0,
        }
        deeds = self._groups[self._group].deeds
        for name, action in self._actions.items():
            action.setEnabled(fits[name])
            self._buttons[name].setEnabled(fits[name])
            # Where all kinds of records stand together, the rarer deeds show up with a record that they fit.
            rare = self._group == WAITING and name in ("attach", "keep") and fits[name]
            self._buttons[name].setVisible(name in deeds or rare)

    # --- deeds ------------------------------------------------------------------------------------------

    @Slot()
    def _on_promote_all(self) -> None:
        if self._group == UNREADABLE or self._is_narrowed:
            self._run_promotion(None, self._query_of_all())
        else:
            self.promote_ready()

    def _run_promotion(
        self,
        ids: Sequence[int] | None,
        query: PendingQuery | None,
        *,
        attach_anyway: bool = False,
        allow_missing: bool = False,
    ) -> None:
        if self._promotion is not None:
            self.message.emit(self.tr("A promotion is running already."))
            return
        deed = partial(_promote, self._library, ids, query, attach_anyway, allow_missing)
        self._promotion = self._tasks.run(self.tr("Promoting"), deed)
        self._promotion.succeeded.connect(self._on_promoted)
        self._promotion.finished.connect(self._on_promotion_over)
        self._update_actions()

    @Slot(object)
    def _on_promoted(self, report: PromoteReport) -> None:
        self.message.emit(sentence(report))
        if report.promoted:
            self._offer_undo(report.pending_ids, sentence(report))

    def _offer_undo(self, ids: Sequence[int], words: str) -> None:
        """Say over the table what was promoted, until it is undone, read, or something else is promoted."""
        self._close_undo()
        self._undoable = ids
        strip = UndoStrip(words, self)
        strip.accepted.connect(self._on_undo)
        strip.closed.connect(self._close_undo)
        self._undo_place.addSpacing(theme.S)
        self._undo_place.addWidget(strip)

    @Slot()
    def _close_undo(self) -> None:
        self._undoable = ()
        while (item := self._undo_place.takeAt(0)) is not None:
            if (strip := item.widget()) is not None:
                strip.hide()
                strip.deleteLater()

    @Slot()
    def _on_undo(self) -> None:
        self._run_undo(self._undoable)

    @Slot()
    def _on_undo_selected(self) -> None:
        self._run_undo(self._view.selected_ids)

    def _run_undo(self, ids: Sequence[int]) -> None:
        if not ids:
            return
        if self._promotion is not None:
            self.message.emit(self.tr("A promotion is running already."))
            return
        self._promotion = self._tasks.run(self.tr("Undoing"), partial(_undo, self._library, list(ids)))
        self._promotion.succeeded.connect(self._on_undone)
        self._promotion.finished.connect(self._on_promotion_over)
        self._close_undo()
        self._update_actions()

    @Slot(object)
    def _on_undone(self, report: UndoReport) -> None:
        self.message.emit(sentence(report))

    @Slot(int)
    def _on_compare(self, pending_id: int) -> None:
        from modelmgr.gui.compare import CompareDialog

        row = self._table.known(pending_id)
        if row is not None:
            CompareDialog(self._library, self._tasks, row.name, self, pending_id=pending_id).show()

    @Slot()
    def _on_promotion_over(self) -> None:
        self._promotion = None
        self._update_actions()
        self.reload()

    @Slot()
    def _on_attach(self) -> None:
        self._asked_ids = self._view.selected_ids
        rows = self._selected_rows() or []
        mismatches = [row for row in rows if row.problem == "hash_mismatch"]
        box = QMessageBox(self)
        box.setObjectName("attachAnywayQuestion")
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.setIcon(QMessageBox.Icon.Question)
        box.setWindowTitle(self.tr("Attach anyway"))
        if len(mismatches) == 1 and len(self._asked_ids) == 1:
            words = self.tr("Attach “{}” to {} although the hashes differ?").format(
                foreign_text(mismatches[0].name, 200),
                foreign_text(os.path.basename(mismatches[0].file_path or ""), 200) or self.tr("its file"),
            )
        else:
            count = counted(len(mismatches) or len(self._asked_ids), "record")
            words = self.tr("Attach {} to their files although the hashes differ?").format(count)
        box.setText(words)
        box.setInformativeText(
            self.tr("The computed hash counts. What the record claims stays in the record, to the byte.")
        )
        attach = box.addButton(self.tr("Attach anyway"), QMessageBox.ButtonRole.AcceptRole)
        attach.setObjectName("confirmAttachButton")
        cancel = box.addButton(self.tr("Don't attach"), QMessageBox.ButtonRole.RejectRole)
        box.setDefaultButton(cancel)
        box.accepted.connect(self._on_attach_confirmed)
        box.open()

    @Slot()
    def _on_attach_confirmed(self) -> None:
        self._run_promotion(self._asked_ids, _MISMATCH_QUERY, attach_anyway=True)

    @Slot()
    def _on_keep(self) -> None:
        self._run_promotion(self._view.selected_ids, _NO_FILE_QUERY, allow_missing=True)

    @Slot()
    def _on_locate(self) -> None:
        row_id = self._view.only_selected
        row = self._table.known(row_id) if row_id is not None else None
        if row is None:
            return
        dialog = QFileDialog(self, self.tr("Which file is “{}”?").format(foreign_text(row.name, 200)))
        dialog.setObjectName("locateDialog")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setDirectory(_nearest_folder(row))
        dialog.fileSelected.connect(partial(self._on_located, row.id))
        dialog.open()

    @Slot(int, str)
    def _on_candidate_chosen(self, row_id: int, path: str) -> None:
        self._on_located(row_id, path)

    def _on_located(self, row_id: int, path: str) -> None:
        deed = partial(self._library.locate, row_id, path)
        self._tasks.change(deed, partial(self._say_located, path), failed=self._on_deed_failed)

    def _say_located(self, path: str, _done: None) -> None:
        name = foreign_text(os.path.basename(path), 200)
        self.message.emit(self.tr("The record is bound to {} and ready to promote.").format(name))
        self.reload()

    @Slot()
    def _on_dismiss(self) -> None:
        ids = self._view.selected_ids
        if ids:
            self._tasks.change(partial(self._library.dismiss, ids), self._on_dismissed)

    @Slot(object)
    def _on_dismissed(self, changed: int) -> None:
        verb = self.tr("was") if changed == 1 else self.tr("were")
        self.message.emit(f"{counted(changed, 'record')} {verb} " + self.tr("dismissed and can be restored."))
        self.reload()

    @Slot()
    def _on_restore(self) -> None:
        ids = self._view.selected_ids
        if ids:
            self._tasks.change(partial(self._library.restore_dismissed, ids), self._on_restored)

    @Slot(object)
    def _on_restored(self, changed: int) -> None:
        verb = self.tr("waits") if changed == 1 else self.tr("wait")
        self.message.emit(f"{counted(changed, 'record')} {verb} " + self.tr("again."))
        self.reload()

    @Slot()
    def _on_clear(self) -> None:
        box = QMessageBox(self)
        box.setObjectName("clearPromotedQuestion")
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.setIcon(QMessageBox.Icon.Question)
        box.setWindowTitle(self.tr("Clear promoted"))
        count = counted(self._counts.get(PROMOTED, 0), "promoted record")
        box.setText(self.tr("Clear {} from this list?").format(count))
        box.setInformativeText(
            self.tr(
                "The library keeps every one of them with its whole payload. A row is cleared only where "
                "that copy is equal to the byte."
            )
        )
        clear = box.addButton(self.tr("Clear"), QMessageBox.ButtonRole.AcceptRole)
        clear.setObjectName("confirmClearButton")
        keep = box.addButton(self.tr("Keep"), QMessageBox.ButtonRole.RejectRole)
        box.setDefaultButton(keep)
        box.accepted.connect(self._on_clear_confirmed)
        box.open()

    @Slot()
    def _on_clear_confirmed(self) -> None:
        task = self._tasks.run(self.tr("Clearing promoted records"), partial(_clear, self._library))
        task.succeeded.connect(self._on_cleared)

    @Slot(object)
    def _on_cleared(self, changed: int) -> None:
        verb = self.tr("was") if changed == 1 else self.tr("were")
        self._close_undo()
        self.message.emit(
            f"{counted(changed, 'promoted record')} {verb} " + self.tr("cleared from the list.")
        )
        self.reload()

    def _on_deed_failed(self, error: Exception) -> None:
        self.message.emit(error_text(error))
        self.reload()

    # --- Qt ---------------------------------------------------------------------------------------------

    def _tint(self) -> None:
        colors = theme.colors()
        self._nothing_icon.setPixmap(theme.pixmap("inbox", 32, colors.absent, self.devicePixelRatioF()))
        for at in range(self._list.topLevelItemCount()):
            item = self._list.topLevelItem(at)
            if item is not None:
                item.setForeground(1, colors.secondary)

    def minimumSizeHint(self) -> QSize:
        # Before the first show the layout counts the buttons of all groups, which never stand together.
        most = self.fontMetrics().averageCharWidth() * WIDEST_MINIMUM
        return super().minimumSizeHint().boundedTo(QSize(most, 10_000))

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._look_once()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.ApplicationPaletteChange):
            self._tint()
            self._update_group()


def _may(row: PendingModel, problems: Sequence[str]) -> bool:
    return row.state == PendingState.PENDING and row.problem in problems


def _nearest_folder(row: PendingModel) -> str:
    """Return an existing folder near the record, for a file dialog to begin in."""
    for path in (row.file_path, row.source_path):
        folder = os.path.dirname(path or "")
        while folder and not os.path.isdir(folder):
            parent = os.path.dirname(folder)
            if parent == folder:
                break
            folder = parent
        if folder and os.path.dirname(folder) != folder:
            return folder
    return os.path.expanduser("~")
