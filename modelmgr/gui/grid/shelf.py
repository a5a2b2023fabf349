"""The models of the library page, as a table or as cards: one place, one selection, two looks."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QStackedWidget, QWidget

from modelmgr.gui import boxes
from modelmgr.gui.table.columns import NAME_COLUMN
from modelmgr.gui.table.model import LibraryModel
from modelmgr.gui.table.naming import NameDelegate
from modelmgr.gui.table.view import LibraryView

if TYPE_CHECKING:
    from modelmgr.gui.grid.view import LibraryGrid
    from modelmgr.gui.previews import Previews

_SLIDER_WIDTH = 96


class Shelf(QStackedWidget):
    """Table and grid of one model; the one that is shown keeps the place of the other.

    Args:
        previews: the pictures; without them the table stands alone, until `complete`.

    Signals:
        switched(bool): the grid is shown from now on, or the table.
        left_upwards(): the user pressed "up" in the first row, towards the search.
        details_wanted(): the user opened a model.
        drag_wanted(): the user begins to drag what is selected, out of `view`.

    Attributes:
        table, grid: the two looks.
        selection: what is selected in both.
        slider: the size of the cards; for the status bar.
    """

    switched = Signal(bool)
    left_upwards = Signal()
    details_wanted = Signal()
    drag_wanted = Signal()

    def __init__(
        self, model: LibraryModel, previews: "Previews | None" = None, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setObjectName("libraryShelf")
        self._model = model
        self.table = LibraryView(model, None, self)
        self.selection = self.table.selection
        self._add(self.table)
        if previews is not None:
            self.complete(previews)

    def complete(self, previews: "Previews") -> None:
        """Make all but the table."""
        from modelmgr.gui.grid.large import LargePreview
        from modelmgr.gui.grid.view import LibraryGrid

        self.table.use_previews(previews)
        self.grid = LibraryGrid(self._model, previews, self.selection, self)
        self._large = LargePreview(self._model, self.selection, previews, self)
        self._add(self.grid)
        self._large.closed.connect(self._on_large_closed)
        self.slider = self._make_slider()
        self.grid.size_changed.connect(self._on_size_changed)

    def _add(self, view: "LibraryView | LibraryGrid") -> None:
        self.addWidget(view)
        view.left_upwards.connect(self.left_upwards)
        view.drag_wanted.connect(self.drag_wanted)
        view.activated.connect(self.details_wanted)

    def _make_slider(self) -> QWidget:
        from modelmgr.gui.grid.cards import MAX_SIZE, MIN_SIZE
        from modelmgr.gui.grid.size_slider import SizeSlider
        from modelmgr.gui.grid.view import SIZE_STEP
        from modelmgr.gui.text import plain_tip

        # In a frame of its own: the status bar would give the bare slider all the room there is.
        frame = QWidget(self)
        layout = boxes.row(on=frame, margins=0)
        self._sizes = SizeSlider(Qt.Orientation.Horizontal, frame)
        self._sizes.setObjectName("cardSize")
        self._sizes.setAccessibleName(self.tr("Size of the cards"))
        self._sizes.setToolTip(plain_tip(self.tr("Size of the cards (Ctrl and the wheel, Ctrl++, Ctrl+-)")))
        self._sizes.setRange(MIN_SIZE, MAX_SIZE)
        self._sizes.setSingleStep(SIZE_STEP)
        self._sizes.setPageStep(2 * SIZE_STEP)
        self._sizes.setFixedWidth(_SLIDER_WIDTH)
        self._sizes.setValue(self.grid.card_size)
        self._sizes.valueChanged.connect(self.grid.set_card_size)
        layout.addWidget(self._sizes)
        frame.hide()
        return frame

    # --- what is shown ----------------------------------------------------------------------------------

    @property
    def view(self) -> "LibraryView | LibraryGrid":
        """The look that is shown."""
        return self.grid if self.is_grid else self.table

    @property
    def is_grid(self) -> bool:
        """Whether the cards are shown."""
        return self.currentWidget() is not self.table

    @Slot(bool)
    def show_grid(self, is_grid: bool) -> None:
        """Show the cards, or the table; the same models stay in sight."""
        if is_grid == self.is_grid:
            return
        before = self.view
        top, current = before.top_row(), before.currentIndex().row()
        was_shown = before.is_row_shown(current)
        had_focus = before.hasFocus()
        self._large.hide()
        after = self.grid if is_grid else self.table
        self.setCurrentWidget(after)
        self.selection.view = after
        if top > 0:
            after.show_row(top, at_top=True)
        else:
            after.scrollToTop()
        if was_shown:
            after.show_row(current)
        if had_focus:
            after.setFocus()
        self.slider.setVisible(is_grid)
        self.switched.emit(is_grid)

    @Slot()
    def select_first(self) -> None:
        """Give the models the keyboard, with one selected if there is one."""
        self.view.setFocus(Qt.FocusReason.ShortcutFocusReason)
        if self._model.rowCount() and not self.selection.marks.hasSelection():
            # Not selectRow: from right to left Qt looks for a column one pixel beside the last.
            self.view.setCurrentIndex(self._model.index(0, NAME_COLUMN))

    @Slot()
    def rename_current(self) -> None:
        """Open the editor on the current model's name."""
        current = self.view.currentIndex()
        if current.isValid():
            self.view.scrollTo(current)
            self.view.edit(current.siblingAtColumn(NAME_COLUMN))

    def finish_naming(self) -> None:
        """Take the name that is being typed, if there is one."""
        cast(NameDelegate, self.view.itemDelegate()).finish()

    @Slot()
    def show_large(self) -> None:
        """Show the current model's picture as large as there is room."""
        if self.view.currentIndex().isValid():
            self._large.open_over(self.view)

    @Slot()
    def enlarge(self) -> None:
        """Show larger cards."""
        self.grid.step_size(1)

    @Slot()
    def reduce(self) -> None:
        """Show smaller cards."""
        self.grid.step_size(-1)

    def take_palette(self) -> None:
        """Take the colours and fonts of now."""
        self.table.take_palette()
        self.grid.take_palette()

    # --- state ------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Return the look for `restore`."""
        return {"grid": self.is_grid, "card": self.grid.card_size}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Show the look of the last time; anything odd is as if it weren't there."""
        self.grid.restore_size(state.get("card"))
        self.show_grid(state.get("grid") is True)

    # --- slots ------------------------------------------------------------------------------------------

    @Slot(int)
    def _on_size_changed(self, size: int) -> None:
        self._sizes.blockSignals(True)
        self._sizes.setValue(size)
        self._sizes.blockSignals(False)

    @Slot()
    def _on_large_closed(self) -> None:
        if self.isVisible():
            self.view.setFocus()

    # --- Qt ---------------------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self.count() > 1:
            self._large.setGeometry(self.rect())
