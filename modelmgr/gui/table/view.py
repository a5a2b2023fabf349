"""The library table itself: painting, selection that survives a new order, columns that are remembered."""

from array import array
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from PySide6.QtCore import (
    QItemSelection,
    QItemSelectionModel,
    QPoint,
    QSize,
    Qt,
    Signal,
    Slot,
)
from PySide6.QtGui import (
    QAction,
    QFont,
    QFontMetrics,
    QGuiApplication,
    QKeyEvent,
    QPainter,
    QPen,
    QPixmap,
    QResizeEvent,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QLineEdit,
    QMenu,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from modelmgr.gui import theme
from modelmgr.gui.cells import scaled
from modelmgr.gui.previews import Previews
from modelmgr.gui.table.columns import COLUMN_OF_NAME, COLUMNS, NAME_COLUMN, Look, is_absent, state_of
from modelmgr.gui.table.model import Index, Kept, LibraryModel, Places, column_title
from modelmgr.values import FileState, ModelRow

MIN_NAME_WIDTH = 160
MIN_COLUMN_WIDTH = 40
MAX_COLUMN_WIDTH = 2000
COPY_LIMIT = 10_000
_ICON_PX = 16
_THUMB_PX = 20
_COMFORTABLE_THUMB_PX = 36
_DOT_PX = 9
_BADGE_PX = 14

KEPT_TEXTS = 2000

_SELECTED = QStyle.StateFlag.State_Selected.value
_FOCUSED = QStyle.StateFlag.State_HasFocus.value
_LEFT = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
_LEFT_BOTTOM = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignBottom)
_LEFT_TOP = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
_RIGHT = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
_ABSENT = (str(FileState.MISSING), str(FileState.OFFLINE))
_BAR_COLUMNS = (NAME_COLUMN, COLUMN_OF_NAME["type"])
_AGING = ("added_at", "modified_at")
"""Columns whose words grow older by themselves; they are not kept."""


class RowDelegate(QStyledItemDelegate):
    """Paints the cells.

    A frame has some four hundred of them, so a cell is a handful of calls: rectangles are integers, marks and
    icons are pixmaps made once, and the words of a cell, cut to its width, are kept as long as its row.
    """

    def __init__(self, model: LibraryModel, previews: Previews, parent: QTableView) -> None:
        super().__init__(parent)
        self._model = model
        self._previews = previews
        self._view = parent
        self.comfortable = False
        self.take_palette()

    def take_palette(self) -> None:
        """Take colours, fonts and icons for the palette and font of now."""
        self._colors = theme.colors()
        self._ratio = self._view.devicePixelRatioF()
        self._mirrored = self._view.isRightToLeft()
        self._pictures: dict[tuple[str, bool], QPixmap] = {}
        self._texts: dict[int, tuple[ModelRow, dict[tuple[int, int], str]]] = {}
        font = self._view.font()
        self._font = QFont(font)
        self._metrics = QFontMetrics(font)
        self._small = QFont(font)
        if font.pointSizeF() > 0:
            self._small.setPointSizeF(font.pointSizeF() * 0.92)
        self._small_metrics = QFontMetrics(self._small)
        self._mono = theme.mono_font(font)
        self._mono_metrics = QFontMetrics(self._mono)

    def _picture(self, name: str, selected: bool) -> QPixmap:
        """Return the icon of a type (``lora``), the mark of a state (``state:missing``) or of danger, or a star."""
        found = self._pictures.get((name, selected))
        if found is None:
            colors = self._colors
            if name.startswith("state:"):
                color = colors.accent_text if selected else None
                found = theme.state_pixmap(name[6:], _DOT_PX, color, self._ratio)
            elif name.startswith("danger:"):
                color = self._colors.problem if name == "danger:dangerous" else self._colors.busy
                found = theme.pixmap(
                    "triangle-alert", _BADGE_PX, self._colors.accent_text if selected else color, self._ratio
                )
            elif name == "star":
                found = theme.pixmap(
                    "star-filled", _ICON_PX, colors.accent_text if selected else colors.busy, self._ratio
                )
            else:
                color = colors.accent_text if selected else colors.secondary
                found = theme.pixmap(theme.type_icon_name(name), _ICON_PX, color, self._ratio)
            self._pictures[name, selected] = found
        return found

    def _text(self, row: ModelRow, number: int, width: int, metrics: QFontMetrics) -> str:
        """Return the words of a cell, cut to `width`."""
        kept = self._texts.get(row.id)
        if kept is None or kept[0] is not row:
            if len(self._texts) >= KEPT_TEXTS:
                self._texts.clear()
            kept = self._texts[row.id] = (row, {})
        text = kept[1].get((number, width))
        if text is None:
            column = COLUMNS[number]
            mode = Qt.TextElideMode.ElideMiddle if column.elide_middle else Qt.TextElideMode.ElideRight
            text = metrics.elidedText(column.text(row), mode, width)
            if column.name in _AGING:
                return text
            kept[1][number, width] = text
        return text

    def _paint_name(
        self, painter: QPainter, x: int, y: int, width: int, height: int, row: ModelRow, selected: bool
    ) -> None:
        side = _COMFORTABLE_THUMB_PX if self.comfortable else _THUMB_PX
        end = x + width
        x += theme.S
        place = end - theme.S - side if self._mirrored else x
        picture = self._previews.thumbnail(row, side, self._ratio) if row.preview else None
        if picture is not None:
            painter.drawPixmap(place, y + (height - side) // 2, picture)
        else:
            place += (side - _ICON_PX) // 2
            painter.drawPixmap(place, y + (height - _ICON_PX) // 2, self._picture(row.type, selected))
        width -= side + 2 * theme.S + theme.XS
        x = x - theme.XS if self._mirrored else x + side + theme.S
        if row.danger:
            width -= _BADGE_PX + theme.XS
            badge = x if self._mirrored else x + width + theme.XS
            x += _BADGE_PX + theme.XS if self._mirrored else 0
            painter.drawPixmap(
                badge, y + (height - _BADGE_PX) // 2, self._picture(f"danger:{row.danger}", selected)
            )
        if not self.comfortable or not row.file_name:
            painter.drawText(x, y, width, height, _LEFT, self._text(row, NAME_COLUMN, width, self._metrics))
            return
        half = height // 2
        painter.drawText(x, y, width, half, _LEFT_BOTTOM, self._text(row, NAME_COLUMN, width, self._metrics))
        painter.setFont(self._small)
        if not selected:
            painter.setPen(self._colors.greyed if is_absent(row) else self._colors.secondary)
        file_name = self._text(row, COLUMN_OF_NAME["file_name"], width, self._small_metrics)
        painter.drawText(x, y + half, width, height - half, _LEFT_TOP, file_name)

    # --- Qt ---------------------------------------------------------------------------------------------

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        colors = self._colors
        number = index.column()
        look = COLUMNS[number].look
        rect = option.rect
        state = option.state.value
        selected = bool(state & _SELECTED)
        row = self._model.row_at(index.row())
        if selected:
            painter.fillRect(rect, colors.accent)
        x, y, width, height = rect.x(), rect.y(), rect.width(), rect.height()
        if row is None:
            if number in _BAR_COLUMNS:
                painter.fillRect(x + theme.S, y + height // 2 - 4, width // 2, 8, colors.line)
            return
        painter.setFont(self._font)
        if selected:
            painter.setPen(colors.accent_text)
        elif row.file_state in _ABSENT:
            painter.setPen(colors.greyed)
        else:
            painter.setPen(colors.text if look is Look.NAME else colors.secondary)
        if look is Look.NAME:
            self._paint_name(painter, x, y, width, height, row, selected)
        elif look is Look.FAVORITE:
            if row.favorite:
                top = y + (height - _ICON_PX) // 2
                painter.drawPixmap(x + theme.S, top, self._picture("star", selected))
        else:
            left, room, metrics = x + theme.S, width - 2 * theme.S, self._metrics
            if look is Look.STATE:
                mark = self._picture(f"state:{state_of(row)}", selected)
                place = x + width - theme.S - _DOT_PX if self._mirrored else left
                painter.drawPixmap(place, y + (height - _DOT_PX) // 2, mark)
                room -= _DOT_PX + 7
                if not self._mirrored:
                    left += _DOT_PX + 7
            elif look is Look.MONO:
                painter.setFont(self._mono)
                metrics = self._mono_metrics
            text = self._text(row, number, room, metrics)
            if text:
                painter.drawText(left, y, room, height, _RIGHT if look is Look.NUMBER else _LEFT, text)
        if state & _FOCUSED:
            ring = colors.accent_text if selected else colors.accent_on_base
            painter.setPen(QPen(ring, 1, Qt.PenStyle.DotLine))
            painter.drawRect(rect.adjusted(1, 1, -2, -2))

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(MIN_COLUMN_WIDTH, theme.ROW_HEIGHT)

    def createEditor(self, parent: QWidget, option: QStyleOptionViewItem, index: Index) -> QWidget:
        editor = QLineEdit(parent)
        editor.setObjectName("nameEditor")
        editor.setAccessibleName(self.tr("Name of the model"))
        editor.setMaxLength(4096)
        editor.setAcceptDrops(False)
        return editor

    def updateEditorGeometry(self, editor: QWidget, option: QStyleOptionViewItem, index: Index) -> None:
        side = _COMFORTABLE_THUMB_PX if self.comfortable else _THUMB_PX
        inset = theme.S + side + theme.XS
        left, right = (1, -inset) if self._mirrored else (inset, -1)
        editor.setGeometry(option.rect.adjusted(left, 1, right, -1))


class LibraryView(QTableView):
    """The table of the library.

    Signals:
        model_selected(object): the `ModelRow` whose details are wanted, or None; only when the *selection*
            says so. A view that gets the focus makes its first row current without selecting it, and nobody
            asked for that row's payload.
        selection_counted(int): how many rows are selected.
        columns_changed(): the user moved, showed, hid or widened columns.
        sort_wanted(str, bool): a column to sort by, and whether downwards.
        left_upwards(): the user pressed "up" in the first row, towards the search.
    """

    model_selected = Signal(object)
    selection_counted = Signal(int)
    columns_changed = Signal()
    sort_wanted = Signal(str, bool)
    left_upwards = Signal()

    def __init__(self, model: LibraryModel, previews: Previews, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("libraryTable")
        self.setAccessibleName(self.tr("Models in the library"))
        self._model = model
        self._serial = 0
        self._shown_id: int | None = None
        self._waits_for: int | None = None
        self._parked: Kept | None = None
        self._goes_to_top = False
        self._fits = False
        self._hidden_widths: dict[int, int] = {}
        self._delegate = RowDelegate(model, previews, self)
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
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
        rows = self.verticalHeader()
        rows.hide()
        rows.setMinimumSectionSize(theme.ROW_HEIGHT)
        rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header = self.horizontalHeader()
        header.setSectionsMovable(True)
        header.setSectionsClickable(True)
        header.setHighlightSections(False)
        header.setSortIndicatorShown(True)
        header.setMinimumSectionSize(MIN_COLUMN_WIDTH)
        header.setTextElideMode(Qt.TextElideMode.ElideRight)
        header.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.setModel(model)
        # The header walks all rows to see whether its column is selected; an empty selection of its own
        # answers at once (Ctrl+A in a million rows took 13 to 29 s without).
        header.setSelectionModel(QItemSelectionModel(model, header))
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        for number, column in enumerate(COLUMNS):
            header.resizeSection(number, scaled(self, column.width))
            self._show_column(number, not column.hidden)
        self.set_comfortable(False)
        self._column_menu = self.make_column_menu(self)
        header.customContextMenuRequested.connect(self._on_header_menu)
        header.sectionClicked.connect(self._on_header_clicked)
        header.sectionResized.connect(self._on_section_resized)
        header.sectionMoved.connect(self.columns_changed)
        model.keeper = self.kept
        model.sort_asked.connect(self.sort_wanted)
        model.reordered.connect(self._on_reordered)
        model.query_changed.connect(self._on_query_changed)
        model.rows_arrived.connect(self._on_rows_arrived)
        previews.arrived.connect(self._on_preview_arrived)
        self.selectionModel().selectionChanged.connect(self._on_selection_changed)
        self.selectionModel().currentRowChanged.connect(self._on_selection_changed)

    # --- questions --------------------------------------------------------------------------------------

    def selected_count(self) -> int:
        """Return how many rows are selected."""
        return sum(last - first + 1 for first, last in self._stretches())

    def selected_ids(self) -> "array[int]":
        """Return the ids of the selected rows, in stretches of the order."""
        ids = self._model.ids
        found = array("q")
        for first, last in self._stretches():
            found.extend(ids[first : last + 1])
        return found

    def selected_model(self) -> ModelRow | None:
        """Return the row whose details are shown, if it is known."""
        return None if self._shown_id is None else self._model.known(self._shown_id)

    def kept(self) -> Kept:
        """Return what should stay where it is for the user, whatever happens to the order."""
        selection = self.selectionModel()
        if self._parked is not None and not selection.hasSelection():
            return self._parked
        current = self.currentIndex()
        top = self.rowAt(0)
        return Kept(
            self.selected_ids(),
            self._model.id_at(current.row()) if current.isValid() else None,
            self._model.id_at(top) if top > 0 else None,
            self._serial,
        )

    def column_state(self) -> list[dict[str, Any]]:
        """Return the columns in the user's order, with width and visibility, for `restore_columns`."""
        header = self.horizontalHeader()
        state = []
        for section in (header.logicalIndex(place) for place in range(header.count())):
            hidden = header.isSectionHidden(section)
            # A hidden section reports no width.
            width = self._hidden_widths.get(section, 0) if hidden else header.sectionSize(section)
            state.append({"name": COLUMNS[section].name, "width": width, "hidden": hidden})
        return state

    # --- deeds ------------------------------------------------------------------------------------------

    def restore_columns(self, state: Sequence[Mapping[str, Any]]) -> None:
        """Put the columns back as `column_state` found them; columns it doesn't name keep their places."""
        header = self.horizontalHeader()
        place = 0
        for entry in state:
            section = COLUMN_OF_NAME.get(str(entry.get("name")))
            width = entry.get("width")
            if section is None:
                continue
            header.moveSection(header.visualIndex(section), place)
            place += 1
            if isinstance(width, int) and MIN_COLUMN_WIDTH <= width <= MAX_COLUMN_WIDTH:
                header.resizeSection(section, width)
            self._show_column(section, not entry.get("hidden") or section == NAME_COLUMN)
        self._fit_name()

    def set_comfortable(self, comfortable: bool) -> None:
        """Choose between dense rows and taller ones with a larger picture and the file's name."""
        self._delegate.comfortable = comfortable
        height = theme.COMFORTABLE_ROW_HEIGHT if comfortable else theme.ROW_HEIGHT
        # A large system font needs more than the scale foresees.
        lines = self.fontMetrics().height() * (2 if comfortable else 1) + theme.S
        self.verticalHeader().setDefaultSectionSize(max(height, lines))
        self.verticalScrollBar().setSingleStep(max(height, lines))
        self.viewport().update()

    def show_sort(self, name: str, descending: bool) -> None:
        """Show in the header what the rows are sorted by."""
        order = Qt.SortOrder.DescendingOrder if descending else Qt.SortOrder.AscendingOrder
        for number, column in enumerate(COLUMNS):
            if column.sort == name:
                self.horizontalHeader().setSortIndicator(number, order)
                return

    def select_first(self) -> None:
        """Give the table the focus, with a row selected if there is one."""
        self.setFocus(Qt.FocusReason.ShortcutFocusReason)
        if self._model.rowCount() and not self.selectionModel().hasSelection():
            # Not selectRow: from right to left Qt looks for a column one pixel beside the last.
            self.setCurrentIndex(self._model.index(0, NAME_COLUMN))

    def rename_current(self) -> None:
        """Open the editor on the current row's name."""
        current = self.currentIndex()
        if current.isValid():
            self.edit(current.siblingAtColumn(NAME_COLUMN))

    def copy_cells(self, text_of: Callable[[ModelRow], str] | None = None) -> None:
        """Copy what the focused column shows of the selected rows (the first ten thousand), a line each."""
        if text_of is None:
            column = COLUMNS[max(0, self.currentIndex().column())]
            text_of = column.copied or column.text
        ids = self.selected_ids()[:COPY_LIMIT]
        if ids:
            self._model.ask_rows(ids, partial(self._put_on_clipboard, text_of))

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
        menu.aboutToShow.connect(partial(self._on_column_menu_shown, menu))
        menu.triggered.connect(self._on_column_toggled)
        return menu

    def _stretches(self) -> list[tuple[int, int]]:
        """Return the selected rows as (first, last); never one by one, they may be a million."""
        selection = self.selectionModel().selection()
        parts = (selection.at(place) for place in range(selection.count()))
        return [(part.top(), part.bottom()) for part in parts]

    # --- slots ------------------------------------------------------------------------------------------

    def _put_on_clipboard(self, text_of: Callable[[ModelRow], str], rows: Sequence[ModelRow]) -> None:
        # A lone surrogate of a path that is no UTF-8 has no place on a clipboard.
        text = "\n".join(text_of(row) for row in rows).encode("utf-8", "replace").decode("utf-8")
        QGuiApplication.clipboard().setText(text)

    def _on_column_menu_shown(self, menu: QMenu) -> None:
        for action in menu.actions():
            action.setChecked(not self.isColumnHidden(action.data()))

    @Slot(QAction)
    def _on_column_toggled(self, action: QAction) -> None:
        self._show_column(action.data(), action.isChecked())
        self._fit_name()
        self.columns_changed.emit()

    @Slot(QPoint)
    def _on_header_menu(self, place: QPoint) -> None:
        self._column_menu.popup(self.horizontalHeader().mapToGlobal(place))

    @Slot(int)
    def _on_header_clicked(self, section: int) -> None:
        name = COLUMNS[section].sort
        query = self._model.query
        if name is None:
            self.show_sort(query.sort, query.descending)
        elif name == query.sort:
            self.sort_wanted.emit(name, not query.descending)
        else:
            # The newest, the largest, the best first: what one looks for when sorting by these.
            self.sort_wanted.emit(
                name, name in ("added_at", "modified_at", "size_bytes", "rating", "favorite")
            )

    @Slot(int, int, int)
    def _on_section_resized(self, section: int, _old: int, _new: int) -> None:
        if not self._fits:
            if section != NAME_COLUMN:
                self._fit_name()
            self.columns_changed.emit()

    def _show_column(self, section: int, visible: bool) -> None:
        if not visible and not self.isColumnHidden(section):
            self._hidden_widths[section] = self.columnWidth(section)
        self.setColumnHidden(section, not visible)

    def _fit_name(self) -> None:
        """Let the names have the room that the other columns leave."""
        header = self.horizontalHeader()
        others = sum(header.sectionSize(n) for n in range(header.count()) if n != NAME_COLUMN)
        self._fits = True
        header.resizeSection(NAME_COLUMN, max(MIN_NAME_WIDTH, self.viewport().width() - others))
        self._fits = False

    @Slot(object)
    def _on_query_changed(self, _query: object) -> None:
        self._goes_to_top = True

    @Slot(object)
    def _on_reordered(self, places: Places) -> None:
        selection = self.selectionModel()
        if not self._model.is_complete:
            # Only the first rows are here: what was selected waits for the whole order.
            self._parked = places.kept
            self.scrollToTop()
            return
        self._parked = None
        if places.stretches or selection.hasSelection():
            last = self._model.columnCount() - 1
            chosen = QItemSelection()
            for first_row, last_row in places.stretches:
                chosen.select(self._model.index(first_row, 0), self._model.index(last_row, last))
            selection.select(chosen, QItemSelectionModel.SelectionFlag.ClearAndSelect)
        if places.current is not None:
            current = self._model.index(places.current, max(0, self.currentIndex().column()))
            selection.setCurrentIndex(current, QItemSelectionModel.SelectionFlag.NoUpdate)
        if self._goes_to_top:
            self._goes_to_top = False
            self.scrollToTop()
            if places.current is not None and places.stretches:
                self.scrollTo(self._model.index(places.current, NAME_COLUMN))
        elif places.top is not None:
            self.scrollTo(
                self._model.index(places.top, NAME_COLUMN), QAbstractItemView.ScrollHint.PositionAtTop
            )
        self._on_selection_changed()

    @Slot()
    def _on_selection_changed(self) -> None:
        self._serial += 1
        stretches = self._stretches()
        count = sum(last - first + 1 for first, last in stretches)
        if count:
            self._parked = None
        elif self._parked is not None:
            return
        self.selection_counted.emit(count)
        row = -1
        if count:
            row = self._row_to_show(stretches)
        row_id = self._model.id_at(row) if row >= 0 else None
        self._waits_for = None
        if row_id == self._shown_id:
            return
        known = self._model.row_at(row) if row_id is not None else None
        if row_id is not None and known is None:
            self._waits_for = row_id
            return
        self._shown_id = row_id
        self.model_selected.emit(known)

    def _row_to_show(self, stretches: Sequence[tuple[int, int]]) -> int:
        """Return the row with the focus if it is selected, else the one that is shown, else the first."""
        current = self.currentIndex().row()
        if any(first <= current <= last for first, last in stretches):
            return current
        if self._shown_id is not None:
            ids = self._model.ids
            for first, last in stretches:
                if self._shown_id in ids[first : last + 1]:
                    return ids.index(self._shown_id, first, last + 1)
        return stretches[0][0]

    @Slot()
    def _on_rows_arrived(self) -> None:
        if self._waits_for is None:
            return
        row = self._model.known(self._waits_for)
        if row is not None:
            self._waits_for = None
            self._shown_id = row.id
            self.model_selected.emit(row)

    @Slot()
    def _on_preview_arrived(self) -> None:
        self.viewport().update()

    # --- Qt ---------------------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_name()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Up and self.currentIndex().row() == 0 and not event.modifiers():
            self.left_upwards.emit()
            return
        super().keyPressEvent(event)
