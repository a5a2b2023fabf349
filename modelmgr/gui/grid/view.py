"""The grid of the library: cards laid out by arithmetic; a million of them are no more work than a screenful."""

from PySide6.QtCore import (
    QEvent,
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QPoint,
    QRect,
    QSize,
    Qt,
    Signal,
    Slot,
)
from PySide6.QtGui import (
    QColor,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QRegion,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QAbstractItemView, QWidget

from modelmgr.gui import theme, timers
from modelmgr.gui.cells import give_viewport
from modelmgr.gui.grid.cards import MAX_SIZE, MIN_SIZE, START_SIZE, CardDelegate, Face
from modelmgr.gui.previews import Previews
from modelmgr.gui.table.columns import NAME_COLUMN, state_text
from modelmgr.gui.table.model import Index, LibraryModel
from modelmgr.gui.table.selection import Selection
from modelmgr.gui.text import count_text, foreign_text, type_label

GAP = theme.S
SIZE_STEP = 16
PICTURES_SHOWN_AFTER_MS = 30
"""Pictures that arrive one by one are shown together."""

_Hint = QAbstractItemView.ScrollHint
_Move = QAbstractItemView.CursorAction
_Flag = QItemSelectionModel.SelectionFlag
_NO_INDEX = QModelIndex()


class LibraryGrid(QAbstractItemView):
    """The library as cards.

    It has the table's model and selection; a card is a row, shown through its first column.

    Signals:
        size_changed(int): the pictures have another width.
        left_upwards(): the user pressed "up" in the first line, towards the search.
        drag_wanted(): the user begins to drag what is selected.
    """

    size_changed = Signal(int)
    left_upwards = Signal()
    drag_wanted = Signal()

    def __init__(
        self, model: LibraryModel, previews: Previews, selection: Selection, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        give_viewport(self)
        self.setObjectName("libraryGrid")
        self.setAccessibleName(self.tr("Models in the library, as cards"))
        self._model = model
        self._previews = previews
        self._hovered = -1
        self._band: QRect | None = None
        self._band_before = QItemSelection()
        self.selection = selection
        self._card_size = START_SIZE
        self._cards = CardDelegate(previews, self)
        # Before anything else: Qt asks for places as soon as it is told of anything.
        self._measure()
        self.setItemDelegate(self._cards)
        self.setModel(model)
        own = self.selectionModel()
        self.setSelectionModel(selection.marks)
        own.deleteLater()
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.EditKeyPressed)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self.setTabKeyNavigation(False)
        self.setDragEnabled(True)
        self.setDragDropMode(QAbstractItemView.DragDropMode.DragOnly)
        self.setFrameShape(QAbstractItemView.Shape.NoFrame)
        self.viewport().setMouseTracking(True)
        self._soon = timers.after(PICTURES_SHOWN_AFTER_MS, self.viewport().update, self)
        previews.arrived.connect(self._on_preview_arrived)
        selection.marks.currentRowChanged.connect(self._say_current)

    # --- places -----------------------------------------------------------------------------------------

    def _measure(self) -> None:
        """Find how many cards stand side by side; they are made a little larger or smaller, so that a line is full."""
        room = max(1, self.viewport().width() - GAP)
        around = 2 * theme.S + GAP
        wanted = self._card_size + around
        self._columns = max(1, (room + wanted // 3) // wanted)
        self._cards.fit(max(MIN_SIZE // 2, min(2 * MAX_SIZE, room // self._columns - around)))
        m = self._cards.measures
        self._gap = max(0, (room + GAP - self._columns * m.width) // (self._columns + 1))
        self._step = m.height + GAP

    def _lines(self) -> int:
        return -(-self._model.rowCount() // self._columns)

    def _rect_of(self, row: int) -> QRect:
        """Return where a card stands in the viewport."""
        line, column = divmod(row, self._columns)
        m = self._cards.measures
        x = self._gap + column * (m.width + self._gap)
        if self.isRightToLeft():
            x = self.viewport().width() - x - m.width
        return QRect(x, GAP + line * self._step - self.verticalScrollBar().value(), m.width, m.height)

    def _row_near(self, point: QPoint) -> int:
        """Return the row whose card is at a place of the viewport, or the nearest one; -1 without any."""
        m = self._cards.measures
        x = self.viewport().width() - 1 - point.x() if self.isRightToLeft() else point.x()
        column = max(0, min(self._columns - 1, (x - self._gap // 2) // (m.width + self._gap)))
        line = max(0, (point.y() + self.verticalScrollBar().value() - GAP // 2) // self._step)
        return min(self._model.rowCount() - 1, line * self._columns + column)

    def _shown_rows(self, top: int, bottom: int) -> range:
        """Return the rows of the lines between two heights of the viewport."""
        offset = self.verticalScrollBar().value()
        first = max(0, (top + offset - GAP) // self._step)
        last = max(0, (bottom + offset) // self._step)
        return range(first * self._columns, min(self._model.rowCount(), (last + 1) * self._columns))

    def top_row(self) -> int:
        """Return the first row that is seen, -1 if none is."""
        rows = self._model.rowCount()
        # A line of which only the words are still seen is not the first.
        half = self._cards.measures.height // 2
        row = (self.verticalScrollBar().value() + half) // self._step * self._columns
        return min(row, rows - 1)

    def is_row_shown(self, row: int) -> bool:
        """Tell whether the whole card of a row is seen."""
        return 0 <= row < self._model.rowCount() and self.viewport().rect().contains(self._rect_of(row))

    # --- deeds ------------------------------------------------------------------------------------------

    @property
    def card_size(self) -> int:
        """How wide a picture should be."""
        return self._card_size

    def step_size(self, steps: int) -> None:
        """Show cards larger by so many steps, or smaller."""
        self.set_card_size(self.card_size + steps * SIZE_STEP)

    def restore_size(self, size: object) -> None:
        """Show cards as large as at the last time; what is odd is as if it weren't there."""
        if isinstance(size, int) and MIN_SIZE <= size <= MAX_SIZE:
            self.set_card_size(size)

    def set_card_size(self, size: int) -> None:
        """Show larger or smaller pictures; what is looked at stays where it is."""
        current = self.currentIndex().row()
        anchor = current if self.is_row_shown(current) else self.top_row()
        before = self._rect_of(anchor).top() if anchor >= 0 else 0
        self._card_size = max(MIN_SIZE, min(MAX_SIZE, size))
        self.doItemsLayout()
        if anchor >= 0:
            bar = self.verticalScrollBar()
            bar.setValue(bar.value() + self._rect_of(anchor).top() - before)
        self.size_changed.emit(self._card_size)

    def show_row(self, row: int, *, at_top: bool = False) -> None:
        """Scroll as little as needed to show a row, or until it is the first."""
        hint = _Hint.PositionAtTop if at_top else _Hint.EnsureVisible
        self.scrollTo(self._model.index(row, NAME_COLUMN), hint)

    def take_palette(self) -> None:
        """Take the colours and fonts of now."""
        self._cards.take_palette()
        self.doItemsLayout()

    # --- what Qt asks a view ----------------------------------------------------------------------------

    def visualRect(self, index: Index) -> QRect:
        return self._rect_of(index.row()) if index.isValid() else QRect()

    def indexAt(self, point: QPoint) -> QModelIndex:
        row = self._row_near(point)
        if row < 0 or not self._rect_of(row).contains(point):
            return QModelIndex()
        return self._model.index(row, NAME_COLUMN)

    def scrollTo(self, index: Index, hint: QAbstractItemView.ScrollHint = _Hint.EnsureVisible) -> None:
        if not index.isValid():
            return
        bar, rect, height = self.verticalScrollBar(), self._rect_of(index.row()), self.viewport().height()
        above, below = rect.top() - GAP, rect.bottom() + GAP - height
        if hint == _Hint.PositionAtTop or (hint == _Hint.EnsureVisible and above < 0):
            bar.setValue(bar.value() + above)
        elif hint == _Hint.PositionAtBottom or (hint == _Hint.EnsureVisible and below > 0):
            bar.setValue(bar.value() + min(above, below))
        elif hint == _Hint.PositionAtCenter:
            bar.setValue(bar.value() + (above + below) // 2)

    def horizontalOffset(self) -> int:
        return 0

    def verticalOffset(self) -> int:
        return self.verticalScrollBar().value()

    def isIndexHidden(self, index: Index) -> bool:
        return False

    def moveCursor(
        self, action: QAbstractItemView.CursorAction, modifiers: Qt.KeyboardModifier
    ) -> QModelIndex:
        rows = self._model.rowCount()
        if not rows:
            return QModelIndex()
        current = self.currentIndex().row()
        if current < 0:
            return self._model.index(max(0, self.top_row()), NAME_COLUMN)
        onwards = -1 if self.isRightToLeft() else 1
        page = max(1, self.viewport().height() // self._step) * self._columns
        steps = {
            _Move.MoveLeft: -onwards,
            _Move.MoveRight: onwards,
            _Move.MovePrevious: -1,
            _Move.MoveNext: 1,
            _Move.MoveUp: -self._columns,
            _Move.MoveDown: self._columns,
            _Move.MovePageUp: -page,
            _Move.MovePageDown: page,
            _Move.MoveHome: -rows,
            _Move.MoveEnd: rows,
        }
        row = current + steps[action]
        if action == _Move.MoveUp and row < 0:
            row = current
        elif action in (_Move.MoveDown, _Move.MovePageDown) and row >= rows:
            # The last line is shorter: below its end is its end.
            row = current if current // self._columns == (rows - 1) // self._columns else rows - 1
        elif action == _Move.MovePageUp and row < 0:
            row = current % self._columns
        return self._model.index(max(0, min(rows - 1, row)), NAME_COLUMN)

    def setSelection(self, rect: QRect, command: QItemSelectionModel.SelectionFlag) -> None:
        first, last = self._row_near(rect.topLeft()), self._row_near(rect.bottomRight())
        chosen = QItemSelection()
        if first >= 0:
            low, high = min(first, last), max(first, last)
            chosen.select(self._model.index(low, NAME_COLUMN), self._model.index(high, NAME_COLUMN))
        self.selectionModel().select(chosen, command)

    def visualRegionForSelection(self, selection: QItemSelection) -> QRegion:
        # Asked for what to paint anew: the viewport is soon painted, the cards of a selection may be a million.
        return QRegion(self.viewport().rect())

    # --- events -----------------------------------------------------------------------------------------

    def updateGeometries(self) -> None:
        self._measure()
        bar, height = self.verticalScrollBar(), self.viewport().height()
        bar.setPageStep(height)
        bar.setSingleStep(max(1, self._step // 4))
        bar.setRange(0, max(0, self._lines() * self._step + GAP - height))
        bar.setEnabled(bar.maximum() > 0)
        super().updateGeometries()

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        # Nobody looks at what has been scrolled past; what is seen now is asked for while it is painted.
        self._previews.drop_wishes()
        self.updateEditorGeometries()
        self._follow_mouse()
        self.viewport().update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        top = self.top_row()
        columns = self._columns
        super().resizeEvent(event)
        self.updateGeometries()
        if columns != self._columns and top > 0:
            self.show_row(top, at_top=True)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self.viewport())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        has = self.selection.has
        current = self.currentIndex().row() if self.hasFocus() else -1
        area = event.rect()
        paint, row_at = self._cards.paint_card, self._model.row_at
        for row in self._shown_rows(area.top(), area.bottom()):
            rect = self._rect_of(row)
            hovered = row == self._hovered
            known = row_at(row)
            if known is None and not self._model.is_slow:
                continue
            paint(
                painter, rect.x(), rect.y(), known,
                Face(has(row), hovered, row == current, revealed=hovered),
            )  # fmt: skip
        if self._band is not None:
            colors = theme.colors()
            fill = QColor(colors.accent)
            fill.setAlphaF(0.15)
            painter.setPen(QPen(colors.accent_on_base, 1))
            painter.setBrush(fill)
            painter.drawRect(self._band.translated(0, -self.verticalScrollBar().value()))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        is_first_line = self.currentIndex().row() < self._columns
        if event.key() == Qt.Key.Key_Up and is_first_line and not event.modifiers():
            self.left_upwards.emit()
            return
        super().keyPressEvent(event)

    def keyboardSearch(self, text: str) -> None:
        self.selection.find_typed(text)

    def wheelEvent(self, event: QWheelEvent) -> None:
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            turns = event.angleDelta().y()
            if turns:
                self.step_size(1 if turns > 0 else -1)
            event.accept()
            return
        super().wheelEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        place = event.position().toPoint()
        if event.button() == Qt.MouseButton.LeftButton and not self.indexAt(place).isValid():
            adds = event.modifiers() & (
                Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
            )
            self._band = QRect(place + QPoint(0, self.verticalScrollBar().value()), QSize(0, 0))
            self._band_before = (
                QItemSelection(self.selectionModel().selection()) if adds else QItemSelection()
            )
            if not adds:
                self.clearSelection()
            return
        super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._follow_mouse(event.position().toPoint())
        if self._band is None:
            super().mouseMoveEvent(event)
            return
        place, height = event.position().toPoint(), self.viewport().height()
        beyond = min(0, place.y()) + max(0, place.y() - height)
        bar = self.verticalScrollBar()
        bar.setValue(bar.value() + beyond)
        self._band.setBottomRight(place + QPoint(0, bar.value()))
        self._select_band(self._band.normalized())
        self.viewport().update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._band is not None:
            self._band = None
            self.viewport().update()
            return
        super().mouseReleaseEvent(event)

    def _select_band(self, band: QRect) -> None:
        """Select the cards that the frame touches, a stretch a line."""
        m, offset = self._cards.measures, self.verticalScrollBar().value()
        seen = band.translated(0, -offset)
        chosen = QItemSelection(self._band_before)
        for first in range(0, len(rows := self._shown_rows(seen.top(), seen.bottom())), self._columns):
            line = [row for row in rows[first : first + self._columns] if self._rect_of(row).intersects(seen)]
            if line and m.width:
                chosen.select(
                    self._model.index(line[0], 0),
                    self._model.index(line[-1], self._model.columnCount() - 1),
                )
        self.selectionModel().select(chosen, _Flag.ClearAndSelect)

    def viewportEvent(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Leave:
            self._follow_mouse(QPoint(-1, -1))
        return super().viewportEvent(event)

    def startDrag(self, supportedActions: Qt.DropAction) -> None:
        self.drag_wanted.emit()

    def _follow_mouse(self, place: QPoint | None = None) -> None:
        """Show which card the mouse is on."""
        if place is None:
            if not self.viewport().underMouse():
                return
            place = self.viewport().mapFromGlobal(self.cursor().pos())
        index = self.indexAt(place) if self.viewport().rect().contains(place) else _NO_INDEX
        before, self._hovered = self._hovered, index.row()
        if before != self._hovered:
            for row in (before, self._hovered):
                if row >= 0:
                    self.viewport().update(self._rect_of(row))

    # --- slots ------------------------------------------------------------------------------------------

    @Slot()
    def _on_preview_arrived(self) -> None:
        if self.isVisible() and not self._soon.isActive():
            self._soon.start()

    @Slot()
    def _say_current(self) -> None:
        """Tell assistive tools which card has the focus; they know tables and lists, but no grid of our own."""
        current = self.currentIndex().row()
        row = self._model.row_at(current) if current >= 0 and self.hasFocus() else None
        if row is None:
            return
        parts = [foreign_text(row.name), type_label(row.type), foreign_text(row.base_model), state_text(row)]
        place = self.tr("{} of {}").format(count_text(current + 1), count_text(self._model.rowCount()))
        self.setAccessibleDescription(", ".join(filter(None, [*parts, place])))
