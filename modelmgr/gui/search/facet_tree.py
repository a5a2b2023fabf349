"""The list of facets as a widget: what the mouse and the keys do to its rows. What a row means is the panel's."""

from PySide6.QtCore import QPoint, QRect, Qt, Signal
from PySide6.QtGui import QContextMenuEvent, QKeyEvent, QMouseEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QTreeWidget,
    QTreeWidgetItem,
    QWidget,
)

from modelmgr.gui.search.facet_look import (
    FACET_ROLE,
    MODE_ROLE,
    Facet,
    FacetDelegate,
    Kind,
    chevron_place,
    search_place,
)
from modelmgr.gui.search.find_edit import FindEdit
from modelmgr.gui.text import foreign_text

_PRESS_KEYS = (Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter)


def facet_of(item: QTreeWidgetItem) -> Facet:
    """Return what an item stands for."""
    facet: Facet = item.data(0, FACET_ROLE)
    return facet


def children_of(item: QTreeWidgetItem) -> list[QTreeWidgetItem]:
    """Return the items directly below one."""
    found = (item.child(number) for number in range(item.childCount()))
    return [child for child in found if child is not None]


class FacetTree(QTreeWidget):
    """The list of facets.

    A click, Space or Enter switches a row; Alt+click or the minus key excludes it; Delete and F2 are for saved
    filters, Alt+Up and Alt+Down and the mouse move them; a slash opens the search of a long facet.

    Signals:
        switched(QTreeWidgetItem), exclude_wanted(QTreeWidgetItem): a row was switched, or is to be excluded.
        find_wanted(str): a facet is to be searched.
        remove_wanted(str), rename_wanted(str): a saved filter.
        renamed(str, str): a saved filter got another name.
        move_wanted(str, int): a saved filter to another place among them.
        menu_wanted(QTreeWidgetItem, QPoint): a context menu, there on the screen.
    """

    switched = Signal(object)
    exclude_wanted = Signal(object)
    find_wanted = Signal(str)
    remove_wanted = Signal(str)
    rename_wanted = Signal(str)
    renamed = Signal(str, str)
    move_wanted = Signal(str, int)
    menu_wanted = Signal(object, object)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("facetTree")
        self.setAccessibleName(self.tr("Filters"))
        self.setAccessibleDescription(
            self.tr("Space switches a filter, minus excludes it, the menu key shows what else there is")
        )
        self.setHeaderHidden(True)
        self.setRootIsDecorated(False)
        self.setIndentation(0)
        self.setMouseTracking(True)
        self.setUniformRowHeights(False)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setExpandsOnDoubleClick(False)
        self.setTabKeyNavigation(False)
        self.setItemDelegate(FacetDelegate(self))
        self.itemChanged.connect(self._on_item_changed)
        self._grip: tuple[str, QPoint] | None = None
        self._moved = False

    def item_rect(self, item: QTreeWidgetItem) -> QRect:
        """Return where an item stands in the viewport."""
        return self.visualItemRect(item)

    def _on_item_changed(self, item: QTreeWidgetItem, _column: int) -> None:
        facet = facet_of(item)
        if facet is not None and facet.kind == Kind.SAVED and item.text(0) != foreign_text(facet.value, 300):
            self.renamed.emit(facet.value, item.text(0))

    # --- mouse ------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        super().mousePressEvent(event)
        item = self.itemAt(event.position().toPoint())
        self._moved = False
        self._grip = None
        if item is not None and event.button() == Qt.MouseButton.LeftButton:
            facet = facet_of(item)
            if facet.kind == Kind.SAVED:
                self._grip = (facet.value, event.position().toPoint())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        if self._grip is None or not event.buttons() & Qt.MouseButton.LeftButton:
            return
        name, start = self._grip
        here = event.position().toPoint()
        if self._moved or (here - start).manhattanLength() >= QApplication.startDragDistance():
            self._moved = True
            self.setCursor(Qt.CursorShape.ClosedHandCursor)
            over = self.itemAt(QPoint(self.viewport().width() // 2, here.y()))
            if over is not None and facet_of(over).kind == Kind.SAVED and facet_of(over).value != name:
                parent = over.parent()
                assert parent is not None
                self.move_wanted.emit(name, parent.indexOfChild(over))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        super().mouseReleaseEvent(event)
        was_moved, self._moved, self._grip = self._moved, False, None
        if was_moved:
            self.unsetCursor()
            return
        if event.button() != Qt.MouseButton.LeftButton:
            return
        here = event.position().toPoint()
        item = self.itemAt(here)
        if item is None:
            return
        facet, rect = facet_of(item), self.item_rect(item)
        if facet.is_branch and chevron_place(rect, facet.depth, self.layoutDirection()).contains(here):
            item.setExpanded(not item.isExpanded())
        elif self._has_search(item) and search_place(rect, self.layoutDirection()).contains(here):
            self.find_wanted.emit(facet.group)
        elif event.modifiers() & Qt.KeyboardModifier.AltModifier:
            self.exclude_wanted.emit(item)
        else:
            self.switched.emit(item)

    @staticmethod
    def _has_search(item: QTreeWidgetItem) -> bool:
        return facet_of(item).kind == Kind.HEADER and bool(item.data(0, MODE_ROLE))

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        by_key = event.reason() == QContextMenuEvent.Reason.Keyboard
        item = self.currentItem() if by_key else self.itemAt(event.pos())
        if item is not None:
            rect = self.item_rect(item)
            place = rect.center() if by_key else event.pos()
            self.menu_wanted.emit(item, self.viewport().mapToGlobal(place))

    def focusNextPrevChild(self, forward: bool) -> bool:
        # Tab goes from the list into the searches that are open in it, and only then out of it.
        stops: list[QWidget] = [self, *(edit for edit in self.findChildren(FindEdit) if edit.isVisible())]
        at = next((place for place, stop in enumerate(stops) if stop.hasFocus()), 0)
        at += 1 if forward else -1
        if 0 <= at < len(stops):
            stops[at].setFocus(
                Qt.FocusReason.TabFocusReason if forward else Qt.FocusReason.BacktabFocusReason
            )
            return True
        return super().focusNextPrevChild(forward)

    # --- keys -------------------------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:
        item = self.currentItem()
        if item is None or not self._take_key(event, item, facet_of(item)):
            super().keyPressEvent(event)

    def _take_key(self, event: QKeyEvent, item: QTreeWidgetItem, facet: Facet) -> bool:
        key, alt = event.key(), bool(event.modifiers() & Qt.KeyboardModifier.AltModifier)
        is_saved = facet.kind == Kind.SAVED
        if key in _PRESS_KEYS:
            if alt:
                self.exclude_wanted.emit(item)
            else:
                self.switched.emit(item)
        elif key == Qt.Key.Key_Minus:
            self.exclude_wanted.emit(item)
        elif key == Qt.Key.Key_Slash:
            self.find_wanted.emit(facet.group)
        elif is_saved and key == Qt.Key.Key_F2:
            self.rename_wanted.emit(facet.value)
        elif is_saved and key in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.remove_wanted.emit(facet.value)
        elif is_saved and alt and key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            parent = item.parent()
            assert parent is not None
            step = -1 if key == Qt.Key.Key_Up else 1
            self.move_wanted.emit(facet.value, parent.indexOfChild(item) + step)
        else:
            return False
        return True
