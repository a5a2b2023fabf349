"""The page: totals, what needs attention, types and base models as bars, folders and their disks."""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import QGridLayout, QScrollArea, QWidget

from modelmgr.catalog import Catalog
from modelmgr.gui import boxes, theme, timers
from modelmgr.gui.measures import scaled
from modelmgr.gui.overview.figures import (
    DANGER,
    Disk,
    Figures,
    Place,
    Share,
    is_away,
    load_disks,
    load_figures,
    load_reclaimable,
)
from modelmgr.gui.overview.rows import Block, Row, align
from modelmgr.gui.tasks import Tasks
from modelmgr.gui.text import (
    count_text,
    counted,
    exact_size_text,
    foreign_text,
    size_text,
    state_label,
    type_label,
)
from modelmgr.values import Changes, ModelQuery

AGAIN_MS = 3000
"""While a scan writes, the numbers are counted anew as often as this, or more rarely where it takes long."""

_AGAIN_TIMES = 2
"""So many times as long as the counting took, it is left alone: of a million models it takes several seconds."""
MOST_ROWS = 10
_WIDEST, _TWO_COLUMNS = 1180, 760


def _count_timed(catalog: Catalog) -> tuple[Figures, float]:
    """Return the numbers, and in how many seconds they were counted."""
    began = time.monotonic()
    return load_figures(catalog), time.monotonic() - began


class OverviewPage(QScrollArea):
    """What the library holds; every number leads to what it counts.

    Signals:
        models_wanted(ModelQuery): the user wants to see these models.
        pending_wanted(str): the user wants to see a group of the pending page.
        add_wanted(), import_wanted(), demo_wanted(): the user chose a way into an empty library.
    """

    models_wanted = Signal(object)
    pending_wanted = Signal(str)
    add_wanted = Signal()
    import_wanted = Signal()
    demo_wanted = Signal()

    def __init__(self, catalog: Catalog, tasks: Tasks, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("overviewPage")
        self.setAccessibleName(self.tr("Overview"))
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._catalog = catalog
        self._tasks = tasks
        self._figures: Figures | None = None
        self._disks: Mapping[str, Disk] = {}
        self._reclaimable: int | None = None
        self._is_stale = True
        self._later = timers.after(AGAIN_MS, self._ask, self)

    def _build(self) -> None:
        whole = QWidget(self)
        whole.setObjectName("overview")
        self._whole = whole
        self._title = theme.plain_label("", "page-title", whole, name="overviewTitle")
        self._lead = theme.plain_label("", "secondary", whole, name="overviewLead")
        self._attention = Block(self.tr("Needs attention"), whole)
        self._attention.setObjectName("overviewAttention")
        self._types = Block(self.tr("Types"), whole)
        self._types.setObjectName("overviewTypes")
        self._bases = Block(self.tr("Base models"), whole)
        self._bases.setObjectName("overviewBases")
        self._disk_block = Block(self.tr("Disks"), whole)
        self._disk_block.setObjectName("overviewDisks")
        self._places = Block(self.tr("Folders"), whole)
        self._places.setObjectName("overviewPlaces")
        self._where = QWidget(whole)
        boxes.column(self._places, (self._disk_block, 1), on=self._where, margins=0, spacing=theme.L)
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(theme.XL * 2)
        self._grid.setVerticalSpacing(theme.XL)
        column = boxes.column(margins=theme.XL, spacing=theme.XS)
        for label in (self._title, self._lead):
            label.setContentsMargins(theme.S, 0, theme.S, 0)
            column.addWidget(label)
        column.addSpacing(theme.L)
        column.addLayout(self._grid)
        column.addStretch(1)
        inner = QWidget(whole)
        inner.setLayout(column)
        inner.setMaximumWidth(scaled(self, _WIDEST))
        outer = boxes.row((inner, 1), on=whole, margins=0)
        outer.addStretch(0)
        self._arrange()
        self.setWidget(whole)

    def _arrange(self) -> None:
        """Lay the blocks out in two columns where there is room."""
        blocks = (self._attention, self._where, self._types, self._bases)
        columns = 2 if self.viewport().width() >= scaled(self, _TWO_COLUMNS) else 1
        for number, block in enumerate(blocks):
            self._grid.addWidget(block, number // columns, number % columns)
        for number in range(2):
            self._grid.setColumnStretch(number, 1 if number < columns else 0)

    # --- from outside -----------------------------------------------------------------------------------

    def take_news(self, changes: Changes) -> None:
        """Count again, now or when the page is looked at."""
        if changes.models or changes.folders or changes.pending:
            self._is_stale = True
            if self.isVisible() and not self._later.isActive():
                self._later.start()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self.widget() is None:
            self._build()
        if self._is_stale:
            self._ask()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self.widget() is not None:
            self._arrange()

    def minimumSizeHint(self) -> QSize:
        return QSize(scaled(self, 320), scaled(self, 200))

    # --- counting ---------------------------------------------------------------------------------------

    @Slot()
    def _ask(self) -> None:
        if not self.isVisible():
            return
        self._is_stale = False
        question = partial(_count_timed, self._catalog)
        self._tasks.ask(question, self._on_figures, key=(id(self), "figures"))

    @Slot(object)
    def _on_figures(self, answer: tuple[Figures, float]) -> None:
        figures, took_s = answer
        self._figures = figures
        self._later.setInterval(max(AGAIN_MS, round(_AGAIN_TIMES * took_s * 1000)))
        paths = [place.path for place in figures.places]
        # A disk may take its time to answer, and so do a million files: all else is shown before.
        self._tasks.ask(partial(load_disks, paths), self._on_disks, key=(id(self), "disks"))
        if figures.states.get("duplicate"):
            self._tasks.ask(
                partial(load_reclaimable, self._catalog), self._on_reclaimable, key=(id(self), "copies")
            )
        self._show(figures)

    @Slot(object)
    def _on_disks(self, disks: Mapping[str, Disk]) -> None:
        self._disks = disks
        if self._figures is not None:
            self._show_places(self._figures)

    @Slot(object)
    def _on_reclaimable(self, size_bytes: int) -> None:
        self._reclaimable = size_bytes
        if self._figures is not None:
            self._show_attention(self._figures)

    # --- showing ----------------------------------------------------------------------------------------

    def _show(self, figures: Figures) -> None:
        if not figures.models:
            self._title.setText(self.tr("No models yet"))
        else:
            self._title.setText(
                self.tr("{}, {}").format(counted(figures.models, "model"), size_text(figures.size_bytes))
            )
        if figures.files or figures.places:
            words = self.tr("{} in {}").format(
                counted(figures.files, "file"), counted(len(figures.places), "library folder")
            )
        else:
            words = self.tr("What the library holds will be counted here.")
        self._lead.setText(words)
        for block in (self._types, self._bases):
            block.setVisible(figures.models > 0)
        self._show_attention(figures)
        self._show_places(figures)
        self._types.show_rows(self._bars(figures.types, "types", lambda name: type_label(name or None)))
        self._bases.show_rows(
            self._bars(figures.bases, "base_models", lambda name: name or self.tr("Not known"))
        )
        self._align()

    def _bars(self, shares: Sequence[Share], group: str, label: Callable[[str], str]) -> list[Row]:
        largest = max((share.size_bytes for share in shares), default=0) or 1
        rows: list[Row] = []
        for share in shares[:MOST_ROWS]:
            numbers = (count_text(share.models), size_text(share.size_bytes))
            title = foreign_text(label(share.name), 200)
            row = Row(
                title, numbers, self._whole, share=share.size_bytes / largest,
                icon=theme.type_icon_name(share.name or None) if group == "types" else "",
                tip=f"{title}: {exact_size_text(share.size_bytes)}",
            )  # fmt: skip
            if share.name:
                query = (
                    ModelQuery(types=(share.name,))
                    if group == "types"
                    else ModelQuery(base_models=(share.name,))
                )
            else:
                query = ModelQuery(search="type:none" if group == "types" else "base:none")
            self._lead_to(row, query)
            rows.append(row)
        rest = shares[MOST_ROWS:]
        if rest:
            size = sum(each.size_bytes for each in rest)
            numbers = (count_text(sum(each.models for each in rest)), size_text(size))
            words = self.tr("{} more").format(count_text(len(rest)))
            more = Row(words, numbers, self._whole)
            more.setEnabled(False)
            rows.append(more)
        return rows or [self._nothing(self.tr("No models yet"))]

    def _show_attention(self, figures: Figures) -> None:
        rows: list[Row] = []

        def models(number: int, words: str, icon: str, query: ModelQuery, mark: str = "") -> None:
            if number:
                row = Row(words, (count_text(number),), self._whole, icon=icon, mark=mark)
                self._lead_to(row, query)
                rows.append(row)

        models(
            figures.dangerous, self.tr("May run code when they are loaded"), "triangle-alert",
            ModelQuery(search=DANGER), "problem",
        )  # fmt: skip
        copies = self.tr("Have more than one copy")
        if self._reclaimable:
            copies = self.tr("Have more than one copy; {} could be freed").format(
                size_text(self._reclaimable)
            )
        for state, words, icon in (
            ("missing", self.tr("Their file is missing"), "state:missing"),
            ("unreadable", self.tr("Their file can't be read"), "state:problem"),
            ("offline", self.tr("On a disk that is not connected"), "state:offline"),
            ("duplicate", copies, "copy"),
            ("unidentified", self.tr("Not known what they are"), "file-question-mark"),
            ("hashing", self.tr("Wait for their hash"), "state:pending"),
            ("unhashed", self.tr("Their hash could not be computed"), "state:problem"),
        ):
            models(figures.states.get(state, 0), words, icon, ModelQuery(states=(state,)))
        for group, words, icon in (
            ("decision", self.tr("Records that need your decision"), "circle-question-mark"),
            ("ready", self.tr("Records that are ready to be promoted"), "circle-check"),
            ("missing", self.tr("Records whose file is not found"), "file-search"),
            ("unreadable", self.tr("Records that can't be read"), "file-warning"),
        ):
            if figures.waiting.get(group):
                row = Row(words, (count_text(figures.waiting[group]),), self._whole, icon=icon)
                row.clicked.connect(partial(self.pending_wanted.emit, group))
                row.setEnabled(True)
                rows.append(row)
        is_empty = not rows and not figures.models
        self._attention.set_title(self.tr("Ways in") if is_empty else self.tr("Needs attention"))
        if is_empty:
            rows = self._ways_in()
        elif not rows:
            done = Row(self.tr("Nothing: all is well"), (), self._whole, icon="circle-check", mark="good")
            done.setEnabled(False)
            rows = [done]
        self._attention.show_rows(rows)
        # There is nothing to scroll to: the keyboard begins where something can be done.
        self.setFocusProxy(rows[0] if is_empty else None)  # type: ignore[arg-type]  # None is allowed

    def _ways_in(self) -> list[Row]:
        """Return what leads to models where there are none."""
        rows = []
        for words, icon, wanted in (
            (self.tr("Add a folder…"), "folder-plus", self.add_wanted),
            (self.tr("Bring in what other tools know…"), "download", self.import_wanted),
            (self.tr("Look at the demo"), "package-open", self.demo_wanted),
        ):
            row = Row(words, (), self._whole, icon=icon)
            row.clicked.connect(wanted)
            row.setEnabled(True)
            rows.append(row)
        return rows

    def _show_places(self, figures: Figures) -> None:
        places = sorted(figures.places, key=lambda place: -place.size_bytes)
        rows = [self._place_row(place, figures.size_bytes) for place in places]
        self._places.show_rows(rows or [self._nothing(self.tr("No folder yet"))])
        rows = []
        seen: dict[str, Disk] = {disk.path: disk for disk in self._disks.values()}
        for disk in seen.values():
            names = [path for path, its in self._disks.items() if its == disk]
            title = foreign_text(names[0], 300)
            if len(names) > 1:
                title = counted(len(names), "folder")
            used = disk.total_bytes - disk.free_bytes
            row = Row(
                self.tr("{} on {}").format(title, size_text(disk.total_bytes)),
                (self.tr("{} free").format(size_text(disk.free_bytes)),),
                self._whole,
                share=used / max(1, disk.total_bytes),
                icon="hard-drive",
                tip="\n".join(names),
            )
            row.setEnabled(False)
            rows.append(row)
        self._disk_block.show_rows(rows)
        self._disk_block.setVisible(bool(rows))
        self._align()

    def _align(self) -> None:
        blocks = (self._places, self._disk_block, self._types, self._bases)
        align([row for block in blocks for row in block.rows])

    def _place_row(self, place: Place, whole: int) -> Row:
        numbers = (count_text(place.models), size_text(place.size_bytes))
        name = foreign_text(place.path, 1000)
        if is_away(place):
            name = self.tr("{} ({})").format(name, state_label(place.state))
        row = Row(
            name, numbers, self._whole,
            share=place.size_bytes / max(1, whole), icon="folder", tip=place.path,
        )  # fmt: skip
        self._lead_to(row, ModelQuery(search=f'folder:"{place.path}"'))
        return row

    def _lead_to(self, row: Row, query: ModelQuery) -> None:
        row.clicked.connect(partial(self.models_wanted.emit, query))
        row.setEnabled(True)

    def _nothing(self, text: str) -> Row:
        row = Row(text, (), self._whole)
        row.setEnabled(False)
        return row
