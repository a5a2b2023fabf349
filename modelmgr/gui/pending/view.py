"""The table of pending models as it stands on the page: selection survives every new order."""

import math

from PySide6.QtCore import QItemSelection, QItemSelectionModel, QSize, Qt, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from modelmgr.gui import theme
from modelmgr.gui.cells import QuietDelegate
from modelmgr.gui.headers import ArrowHeader
from modelmgr.gui.measures import scaled
from modelmgr.gui.pending.table import COLUMNS, PendingTable

SHOWN_ROWS = 2
FOUND_AGAIN_ROWS = 8
"""So many selected rows are found again one by one in a new order; more are looked for all at once."""


class PendingView(QTableView):
    """The table itself. What is selected stays selected, and in sight, when the rows change places.

    Signals:
        selection_changed(): other rows are selected than before, or none.
        sort_wanted(str, bool): the user clicked a header: light column, descending.
    """

    selection_changed = Signal()
    sort_wanted = Signal(str, bool)

    def __init__(self, model: PendingTable, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._table = model
        self._kept: list[int] = []
        self._kept_row = -1
        self._is_restoring = False
        self.setObjectName("pendingTable")
        self.setAccessibleName(self.tr("Pending records"))
        self.setModel(model)
        self.setItemDelegate(QuietDelegate(self))
        self.setCornerWidget(QWidget(self))
        header = self._header = ArrowHeader(self)
        self.setHorizontalHeader(header)
        # The header walks all rows to see whether its column is selected; an empty selection of its own answers
        # at once (a stock view takes a quarter of a minute for Ctrl+A over a million rows).
        header.setSelectionModel(QItemSelectionModel(model, header))
        header.setHighlightSections(False)
        header.setSectionsMovable(True)
        header.setStretchLastSection(True)
        header.setMinimumSectionSize(48)
        header.setSortIndicatorClearable(True)
        header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        header.setSortIndicatorShown(True)
        header.setSectionsClickable(True)
        header.sortIndicatorChanged.connect(self._on_sort_changed)
        rows = self.verticalHeader()
        rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        rows.setDefaultSectionSize(theme.ROW_HEIGHT)
        rows.hide()
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setWordWrap(False)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
        self._is_fitting = False
        self._is_sized_by_hand = False
        self.fit_columns()
        header.sectionResized.connect(self._on_section_resized)
        self.selectionModel().selectionChanged.connect(self._on_selection_changed)
        model.about_to_reorder.connect(self._keep)
        model.reordered.connect(self._restore)

    @property
    def table(self) -> PendingTable:
        """The rows that it shows."""
        return self._table

    # --- columns ----------------------------------------------------------------------------------------

    def fit_columns(self) -> None:
        """Divide the room among the columns that are shown, unless the user has done so; no title is cut."""
        if self._is_sized_by_hand:
            return
        shown = [at for at in range(len(COLUMNS)) if not self.isColumnHidden(at)]
        titles = {at: self._header.width_of_title(at) for at in shown}
        widths = {at: max(titles[at], scaled(self, COLUMNS[at].width)) for at in shown}
        over = self.viewport().width() - sum(widths.values())
        if over >= 0:
            weights = {at: float(COLUMNS[at].share) for at in shown}
        else:
            leasts = {at: max(titles[at], scaled(self, COLUMNS[at].least)) for at in shown}
            weights = {at: float(widths[at] - leasts[at]) for at in shown}
            over = max(over, -round(sum(weights.values())))
        whole = sum(weights.values()) or 1.0
        self._is_fitting = True
        for at in shown:
            self.setColumnWidth(at, widths[at] + math.floor(over * weights[at] / whole))
        self._is_fitting = False

    def show_column(self, section: int, is_on: bool) -> None:
        """Show or hide a column; the others take or leave its room."""
        self._is_fitting = True
        self.setColumnHidden(section, not is_on)
        self._is_fitting = False
        self.fit_columns()

    @Slot(int, int, int)
    def _on_section_resized(self, section: int, _old: int, _new: int) -> None:
        header = self.horizontalHeader()
        # The last one follows the width of the window by itself.
        is_last = header.visualIndex(section) == header.count() - 1
        if not (self._is_fitting or is_last):
            self._is_sized_by_hand = True

    def resizeEvent(self, event: QResizeEvent) -> None:
        self.fit_columns()
        super().resizeEvent(event)

    # --- selection --------------------------------------------------------------------------------------

    @property
    def stretches(self) -> list[tuple[int, int]]:
        """The selected rows as stretches (first, last); never row by row, there may be a million."""
        pieces = self.selectionModel().selection()
        return [(pieces.at(at).top(), pieces.at(at).bottom()) for at in range(pieces.size())]

    @property
    def selected_count(self) -> int:
        """How many rows are selected."""
        return sum(last - first + 1 for first, last in self.stretches)

    @property
    def selected_ids(self) -> list[int]:
        """The ids of the selected rows, in order."""
        return self._table.ids_between(self.stretches)

    @property
    def only_selected(self) -> int | None:
        """The id of the selected row, if just one is."""
        stretches = self.stretches
        if len(stretches) != 1 or stretches[0][0] != stretches[0][1]:
            return None
        row = stretches[0][0]
        return self._table.ids[row] if row < len(self._table.ids) else None

    def height_of(self, rows: int) -> int:
        """Return the height at which so many rows are seen, with the header."""
        return self.horizontalHeader().height() + rows * theme.ROW_HEIGHT + theme.S

    def minimumSizeHint(self) -> QSize:
        # However little room there is: a few rows, not the half of one.
        height = self.height_of(SHOWN_ROWS) + self.horizontalScrollBar().sizeHint().height()
        return QSize(super().minimumSizeHint().width(), height)

    @Slot()
    def _on_selection_changed(self) -> None:
        if not self._is_restoring:
            self.selection_changed.emit()

    @Slot()
    def _keep(self) -> None:
        self._kept = self.selected_ids
        self._kept_row = min((first for first, _last in self.stretches), default=-1)
        self._is_restoring = True

    @Slot()
    def _restore(self) -> None:
        if not self._is_restoring:
            return
        if not self.selectionModel().hasSelection() and self._kept:
            self._select_kept()
        self._is_restoring = False
        self.selection_changed.emit()

    def _select_kept(self) -> None:
        """Select what was selected; if the one selected row is gone, the row that took its place.

        So a person works through an inbox with one key: what was settled leaves, the next one is there.
        """
        ids = self._table.ids
        rows: list[int] = []
        if len(self._kept) <= FOUND_AGAIN_ROWS:
            for row_id in self._kept:
                try:
                    rows.append(ids.index(row_id))
                except ValueError:
                    continue
        else:
            wanted = frozenset(self._kept)
            rows = [row for row, row_id in enumerate(ids) if row_id in wanted]
        if not rows and len(self._kept) == 1 and ids:
            rows = [min(self._kept_row, len(ids) - 1)]
        if not rows:
            return
        rows.sort()
        selection = QItemSelection()
        first = last = rows[0]
        for row in [*rows[1:], -1]:
            if row == last + 1:
                last = row
                continue
            end = self._table.index(last, len(COLUMNS) - 1)
            selection.select(self._table.index(first, 0), end)
            first = last = row
        flags = QItemSelectionModel.SelectionFlag
        self.selectionModel().setCurrentIndex(self._table.index(rows[0], 0), flags.NoUpdate)
        self.selectionModel().select(selection, flags.ClearAndSelect | flags.Rows)

    @Slot(int, Qt.SortOrder)
    def _on_sort_changed(self, section: int, order: Qt.SortOrder) -> None:
        column = COLUMNS[section].sort if 0 <= section < len(COLUMNS) else "id"
        self.fit_columns()
        self.sort_wanted.emit(column, order == Qt.SortOrder.DescendingOrder)
