"""The library table itself: columns that are remembered, rows painted by a delegate, names edited in place."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QItemSelectionModel, QPoint, Qt, Signal, Slot
from PySide6.QtGui import QAction, QGuiApplication, QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QMenu, QTableView, QWidget

from modelmgr.gui import theme
from modelmgr.gui.cells import give_viewport
from modelmgr.gui.table import widths
from modelmgr.gui.table.columns import COLUMNS, NAME_COLUMN, column_title
from modelmgr.gui.table.delegate import RowDelegate
from modelmgr.gui.table.header import SortHeader
from modelmgr.gui.table.model import LibraryModel
from modelmgr.gui.table.selection import Selection
from modelmgr.values import ModelQuery, ModelRow

if TYPE_CHECKING:
    from modelmgr.gui.previews import Previews

_ENSURE_VISIBLE = QAbstractItemView.ScrollHint.EnsureVisible


class LibraryView(QTableView):
    """The table of the library.

    Signals:
        columns_changed(): the user moved, showed, hid or widened columns.
        sort_wanted(str, bool): a column to sort by, and whether downwards.
        then_wanted(str, bool): a column to sort models by that are equal so far.
        left_upwards(): the user pressed "up" in the first row, towards the search.
        drag_wanted(): the user begins to drag what is selected.
    """

    columns_changed = Signal()
    sort_wanted = Signal(str, bool)
    then_wanted = Signal(str, bool)
    left_upwards = Signal()
    drag_wanted = Signal()

    def __init__(
        self, model: LibraryModel, previews: "Previews | None" = None, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        give_viewport(self)
        self.setObjectName("libraryTable")
        self.setAccessibleName(self.tr("Models in the library"))
        self._model = model
        self._fits = False
        self._states_have_words = self._words_wanted = False
        self._widened: set[int] = set()
        self._hidden_widths: dict[int, int] = {}
        self._delegate = RowDelegate(model, self)
        self.setItemDelegate(self._delegate)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.EditKeyPressed)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setCornerButtonEnabled(False)
        self.setTabKeyNavigation(False)
        self.setDragEnabled(True)
        self.setDragDropMode(QAbstractItemView.DragDropMode.DragOnly)
        self.viewport().setMouseTracking(True)
        rows = self.verticalHeader()
        rows.hide()
        rows.setMinimumSectionSize(theme.ROW_HEIGHT)
        rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header = self._header = SortHeader(self)
        self.setHorizontalHeader(header)
        header.setSectionsMovable(True)
        header.setSectionsClickable(True)
        header.setHighlightSections(False)
        header.setSortIndicatorShown(True)
        header.setMinimumSectionSize(widths.MIN_COLUMN_WIDTH)
        header.setTextElideMode(Qt.TextElideMode.ElideRight)
        header.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.setModel(model)
        # The header walks all rows to see whether its column is selected; an empty selection of its own
        # answers at once (Ctrl+A in a million rows took 13 to 29 s without).
        header.setSelectionModel(QItemSelectionModel(model, header))
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        for number, column in enumerate(COLUMNS):
            header.resizeSection(number, widths.first_width(self, number))
            self._show_column(number, not column.hidden)
        self.set_comfortable(False)
        self._column_menu: QMenu | None = None
        header.customContextMenuRequested.connect(self._on_header_menu)
        header.sectionClicked.connect(self._on_header_clicked)
        header.sectionResized.connect(self._on_section_resized)
        header.sectionMoved.connect(self.columns_changed)
        model.sort_asked.connect(self.sort_wanted)
        if previews is not None:
            self.use_previews(previews)
        self.selection = Selection(model, self.selectionModel(), self, self)

    def use_previews(self, previews: "Previews") -> None:
        """Show pictures from now on; so far there are tiles in their places."""
        self._delegate.previews = previews
        previews.arrived.connect(self._on_preview_arrived)
        self.viewport().update()

    # --- questions --------------------------------------------------------------------------------------

    def top_row(self) -> int:
        """Return the first row that is seen, -1 if none is."""
        return self.rowAt(0)

    def is_row_shown(self, row: int) -> bool:
        """Tell whether the whole of a row is seen."""
        top, height = self.rowViewportPosition(row), self.rowHeight(row)
        return 0 <= row < self._model.rowCount() and 0 <= top <= self.viewport().height() - height

    def column_state(self) -> list[dict[str, Any]]:
        """Return the columns in the user's order, with width and visibility, for `restore_columns`."""
        header = self.horizontalHeader()
        state = []
        for section in (header.logicalIndex(place) for place in range(header.count())):
            hidden = header.isSectionHidden(section)
            # A hidden section reports no width.
            width = self._hidden_widths.get(section, 0) if hidden else header.sectionSize(section)
            if section not in self._widened:
                width = widths.first_width(self, section)  # what it has grown to is the window's doing
            entry = {"name": COLUMNS[section].name, "width": width, "hidden": hidden}
            entry["chosen"] = section in self._widened
            if section == widths.STATE_COLUMN:
                entry["words"] = self._words_wanted
            state.append(entry)
        return state

    # --- deeds ------------------------------------------------------------------------------------------

    def show_row(self, row: int, *, at_top: bool = False) -> None:
        """Scroll as little as needed to show a row, or until it is the first."""
        hint = QAbstractItemView.ScrollHint.PositionAtTop if at_top else _ENSURE_VISIBLE
        self.scrollTo(self._model.index(row, NAME_COLUMN), hint)

    def restore_columns(self, state: Sequence[Mapping[str, Any]]) -> None:
        """Put the columns back as `column_state` found them; columns it doesn't name keep their places."""
        header = self.horizontalHeader()
        for place, found in enumerate(widths.remembered(state)):
            section, first = found.section, widths.first_width(self, found.section)
            if found.has_words:
                self._states_have_words = self._words_wanted = True
            header.moveSection(header.visualIndex(section), place)
            if found.width in (None, first):
                self._widened.discard(section)
            else:
                self._widened.add(section)
            self._resize(section, found.width or first)
            self._show_column(section, not found.is_hidden)
        self._fit_columns()

    def set_comfortable(self, comfortable: bool) -> None:
        """Choose between dense rows and taller ones with a larger picture and the file's name."""
        self._delegate.comfortable = comfortable
        height = theme.COMFORTABLE_ROW_HEIGHT if comfortable else theme.ROW_HEIGHT
        # A large system font needs more than the scale foresees.
        lines = self.fontMetrics().height() * (2 if comfortable else 1)
        height = max(height, max(lines, self._delegate.thumbnail_side) + theme.S)
        self.verticalHeader().setDefaultSectionSize(height)
        self.verticalScrollBar().setSingleStep(height)
        self.viewport().update()

    def make_room_for_states(self, *, is_wanted: bool = True) -> None:
        """Let the column of states show words from now on: something is not as it should be, and says so.

        Where that is over, the room stays until the window closes: a column that goes back and forth is a nuisance.
        """
        self._words_wanted = is_wanted
        if is_wanted and not self._states_have_words:
            self._states_have_words = True
            self._fit_columns()

    def show_order(self, query: ModelQuery) -> None:
        """Show in the header what the rows are sorted by."""
        self._header.show_order([(query.sort, query.descending), *query.then_by])

    def reset_columns(self) -> None:
        """Show the columns that are shown at first, in their order and width."""
        self.restore_columns(
            [
                {"name": column.name, "width": widths.first_width(self, number), "hidden": column.hidden}
                for number, column in enumerate(COLUMNS)
            ]
        )
        self.columns_changed.emit()

    def copied_text(self) -> Callable[[ModelRow], str]:
        """Return what copying takes of a row: what the column with the focus shows."""
        column = COLUMNS[max(0, self.currentIndex().column())]
        return column.copied or column.text

    def take_palette(self) -> None:
        """Take the colours and fonts of now."""
        self._delegate.take_palette()
        self.set_comfortable(self._delegate.comfortable)
        self._model.take_palette()

    def make_column_menu(self, parent: QWidget) -> QMenu:
        """Return a menu that shows and hides columns."""
        menu = QMenu(self.tr("Columns"), parent)
        for number, column in enumerate(COLUMNS):
            action = QAction(column_title(column), menu)
            action.setCheckable(True)
            action.setData(number)
            action.setEnabled(number != NAME_COLUMN)
            menu.addAction(action)
        menu.addSeparator()
        reset = QAction(self.tr("&As at first"), menu)
        reset.triggered.connect(self.reset_columns)
        menu.addAction(reset)
        menu.aboutToShow.connect(partial(self._on_column_menu_shown, menu))
        menu.triggered.connect(self._on_column_toggled)
        return menu

    # --- slots ------------------------------------------------------------------------------------------

    def _on_column_menu_shown(self, menu: QMenu) -> None:
        for action in menu.actions():
            if action.isCheckable():
                action.setChecked(not self.isColumnHidden(action.data()))

    @Slot(QAction)
    def _on_column_toggled(self, action: QAction) -> None:
        if not action.isCheckable():
            return
        self._show_column(action.data(), action.isChecked())
        self._fit_columns()
        self.columns_changed.emit()

    @Slot(QPoint)
    def _on_header_menu(self, place: QPoint) -> None:
        if self._column_menu is None:
            self._column_menu = self.make_column_menu(self)
        self._column_menu.popup(self.horizontalHeader().mapToGlobal(place))

    @Slot(int)
    def _on_header_clicked(self, section: int) -> None:
        name = COLUMNS[section].sort
        query = self._model.query
        # The newest, the largest, the best first: what one looks for when sorting by these.
        downwards = name in ("added_at", "modified_at", "size_bytes", "rating", "favorite", "nsfw", "danger")
        adds = QGuiApplication.keyboardModifiers() & Qt.KeyboardModifier.ShiftModifier
        if name == query.sort:
            (self.then_wanted if adds else self.sort_wanted).emit(name, not query.descending)
        elif adds:
            self.then_wanted.emit(name, not dict(query.then_by).get(name, not downwards))
        else:
            self.sort_wanted.emit(name, downwards)

    @Slot(int, int, int)
    def _on_section_resized(self, section: int, _old: int, _new: int) -> None:
        if not self._fits:
            if section != NAME_COLUMN:
                self._widened.add(section)
                self._fit_columns()
            self.columns_changed.emit()

    def _show_column(self, section: int, visible: bool) -> None:
        if not visible and not self.isColumnHidden(section):
            self._hidden_widths[section] = self.columnWidth(section)
        self.setColumnHidden(section, not visible)

    def _fit_columns(self) -> None:
        """Let the columns that may grow have the room that the others leave, as `GROWTH` says."""
        header = self._header
        shown = [number for number in range(header.count()) if not header.isSectionHidden(number)]
        kept = {number: header.sectionSize(number) for number in shown}
        room = self.viewport().width()
        found = widths.fitted(self, kept, self._widened, room, has_words=self._states_have_words)
        for section, width in found.items():
            self._resize(section, width)

    def _resize(self, section: int, width: int) -> None:
        """Give a column a width that nobody has chosen."""
        self._fits = True
        self._header.resizeSection(section, width)
        self._fits = False

    @Slot()
    def _on_preview_arrived(self) -> None:
        self.viewport().update()

    # --- Qt ---------------------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_columns()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Up and self.currentIndex().row() == 0 and not event.modifiers():
            self.left_upwards.emit()
            return
        super().keyPressEvent(event)

    def keyboardSearch(self, text: str) -> None:
        # Qt would look through all rows, here and now.
        self.selection.find_typed(text)

    def startDrag(self, supportedActions: Qt.DropAction) -> None:
        self.drag_wanted.emit()
