"""What is selected of the library, whichever view shows it; it stays with its models when the order changes."""

from array import array
from bisect import bisect_right
from collections.abc import Sequence
from typing import Protocol

from PySide6.QtCore import QElapsedTimer, QItemSelection, QItemSelectionModel, QObject, Signal, Slot
from PySide6.QtWidgets import QApplication

from modelmgr.gui.table.columns import NAME_COLUMN
from modelmgr.gui.table.model import Kept, LibraryModel, Places
from modelmgr.values import ModelRow


class Shown(Protocol):
    """A view of the library, as far as its selection must know it."""

    def top_row(self) -> int:
        """Return the first row that is seen, -1 if none is."""

    def show_row(self, row: int, *, at_top: bool = False) -> None:
        """Scroll as little as needed to show a row, or until it is the first."""

    def scrollToTop(self) -> None:
        """Show the first rows."""


class Selection(QObject):
    """The selection that all views of a model share, as stretches of rows: it may be a million of them.

    Signals:
        model_selected(object): the `ModelRow` whose details are wanted, or None; only when the *selection*
            says so. A view that gets the focus makes its first row current without selecting it, and nobody
            asked for that row's payload.
        counted(int): how many rows are selected.

    Attributes:
        marks: what Qt's views share.
        view: the one that is seen; its place is kept in a new order.
    """

    model_selected = Signal(object)
    counted = Signal(int)

    def __init__(
        self, model: LibraryModel, marks: QItemSelectionModel, view: Shown, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self.marks = marks
        self.view = view
        self._model = model
        self._serial = 0
        self._shown_id: int | None = None
        self._waits_for: int | None = None
        self._parked: Kept | None = None
        self._goes_to_top = False
        self._stretches: list[tuple[int, int]] = []
        self._begins: list[int] = []
        self._typed = ""
        self._typing = QElapsedTimer()
        model.keeper = self.kept
        model.reordered.connect(self._on_reordered)
        model.query_changed.connect(self._on_query_changed)
        model.rows_arrived.connect(self._on_rows_arrived)
        model.modelReset.connect(self._read_marks)
        marks.selectionChanged.connect(self._on_changed)
        marks.currentRowChanged.connect(self._on_changed)

    # --- questions --------------------------------------------------------------------------------------

    @property
    def stretches(self) -> Sequence[tuple[int, int]]:
        """The selected rows as (first, last), in order."""
        return self._stretches

    def has(self, row: int) -> bool:
        """Tell whether a row is selected."""
        place = bisect_right(self._begins, row) - 1
        return place >= 0 and row <= self._stretches[place][1]

    def count(self) -> int:
        """Return how many rows are selected."""
        return sum(last - first + 1 for first, last in self._stretches)

    def ids(self, limit: int | None = None) -> "array[int]":
        """Return the ids of the selected rows in order, at most `limit` of them."""
        ids = self._model.ids
        found = array("q")
        for first, last in self._stretches:
            if limit is not None:
                last = min(last, first + limit - len(found) - 1)
            found.extend(ids[first : last + 1])
        return found

    def model(self) -> ModelRow | None:
        """Return the row whose details are shown, if it is known."""
        return None if self._shown_id is None else self._model.known(self._shown_id)

    def kept(self) -> Kept:
        """Return what should stay where it is for the user, whatever happens to the order."""
        if self._parked is not None and not self.marks.hasSelection():
            return self._parked
        current = self.marks.currentIndex()
        top = self.view.top_row()
        return Kept(
            self.ids(),
            self._model.id_at(current.row()) if current.isValid() else None,
            self._model.id_at(top) if top > 0 else None,
            self._serial,
        )

    # --- finding by name --------------------------------------------------------------------------------

    def find_typed(self, text: str) -> None:
        """Go to the next model whose name begins with what is typed, letter by letter or at once."""
        is_new = not self._typing.isValid() or self._typing.elapsed() > QApplication.keyboardInputInterval()
        self._typing.start()
        # The same letter again: on to the next name that begins so.
        again = not is_new and self._typed == text
        self._typed = text if is_new or again else self._typed + text
        if self._typed.strip():
            current = max(0, self.marks.currentIndex().row())
            self._model.find_named(self._typed, current + (is_new or again), self._on_found_named)

    def _on_found_named(self, row: int) -> None:
        index = self._model.index(row, NAME_COLUMN)
        flags = QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows
        self.marks.setCurrentIndex(index, flags)
        self.view.show_row(row)

    # --- slots ------------------------------------------------------------------------------------------

    @Slot(object)
    def _on_query_changed(self, _query: object) -> None:
        self._goes_to_top = True

    @Slot(object)
    def _on_reordered(self, places: Places) -> None:
        if not self._model.is_complete:
            # Only the first rows are here: what was selected waits for the whole order.
            self._parked = places.kept
            self.view.scrollToTop()
            return
        self._parked = None
        if places.stretches or self.marks.hasSelection():
            last = self._model.columnCount() - 1
            chosen = QItemSelection()
            for first_row, last_row in places.stretches:
                chosen.select(self._model.index(first_row, 0), self._model.index(last_row, last))
            self.marks.select(chosen, QItemSelectionModel.SelectionFlag.ClearAndSelect)
        if places.current is not None:
            column = max(NAME_COLUMN, self.marks.currentIndex().column())
            current = self._model.index(places.current, column)
            self.marks.setCurrentIndex(current, QItemSelectionModel.SelectionFlag.NoUpdate)
        if self._goes_to_top:
            self._goes_to_top = False
            self.view.scrollToTop()
            if places.current is not None and places.stretches:
                self.view.show_row(places.current)
        elif places.top is not None:
            self.view.show_row(places.top, at_top=True)
        self._on_changed()

    @Slot()
    def _read_marks(self) -> None:
        """Take the selected rows from Qt; as ranges, never one by one."""
        selection = self.marks.selection()
        parts = (selection.at(place) for place in range(selection.count()))
        self._stretches = sorted((part.top(), part.bottom()) for part in parts)
        self._begins = [first for first, _last in self._stretches]

    @Slot()
    def _on_changed(self) -> None:
        self._serial += 1
        self._read_marks()
        count = self.count()
        if count:
            self._parked = None
        elif self._parked is not None:
            return
        self.counted.emit(count)
        row = self._row_to_show() if count else -1
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

    def _row_to_show(self) -> int:
        """Return the row with the focus if it is selected, else the one that is shown, else the first."""
        current = self.marks.currentIndex().row()
        if self.has(current):
            return current
        if self._shown_id is not None:
            ids = self._model.ids
            for first, last in self._stretches:
                if self._shown_id in ids[first : last + 1]:
                    return ids.index(self._shown_id, first, last + 1)
        return self._stretches[0][0]

    @Slot()
    def _on_rows_arrived(self) -> None:
        if self._waits_for is None:
            return
        row = self._model.known(self._waits_for)
        if row is not None:
            self._waits_for = None
            self._shown_id = row.id
            self.model_selected.emit(row)
