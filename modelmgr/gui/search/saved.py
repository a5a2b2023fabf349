"""Saved filters: a search and facets under a name, kept in the window's state file."""

from collections.abc import Mapping, Sequence
from typing import Any

from PySide6.QtCore import QObject, Signal, Slot

from modelmgr.gui.search.filters import Filters, narrowing
from modelmgr.gui.search.kept import query_of_state, query_state
from modelmgr.lazily import dataclass
from modelmgr.values import ModelQuery

NAME_LIMIT = 200
MOST_SAVED = 200


@dataclass(frozen=True, slots=True)
class Saved:
    """One saved filter: what its query asks for, without an order."""

    name: str
    query: ModelQuery


class SavedFilters(QObject):
    """The saved filters in the user's order, each name once; and which of them is in use.

    Signals:
        changed(): one was saved, renamed, moved or removed: the list should be kept.
        current_changed(): another one is in use, or the one in use is edited now, or no longer.
        removed(str): the filter of this name was removed; `undo_removal` brings it back.
    """

    changed = Signal()
    current_changed = Signal()
    removed = Signal(str)

    def __init__(self, filters: Filters, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._filters = filters
        self._saved: list[Saved] = []
        self._current: str | None = None
        self._told: tuple[str | None, bool] = (None, False)
        self._removed: tuple[int, Saved] | None = None
        filters.changed.connect(self._on_query_changed)

    # --- questions --------------------------------------------------------------------------------------

    @property
    def names(self) -> list[str]:
        """The names, in order."""
        return [saved.name for saved in self._saved]

    @property
    def current(self) -> str | None:
        """The name of the one that was brought back last, until all filters are cleared."""
        return self._current

    @property
    def is_edited(self) -> bool:
        """Whether what is shown differs from the current one as it was saved."""
        saved = self._find(self._current)
        return saved is not None and saved.query != narrowing(self._filters.query)

    def _find(self, name: str | None) -> Saved | None:
        return next((saved for saved in self._saved if saved.name == name), None)

    # --- deeds ------------------------------------------------------------------------------------------

    def use(self, name: str) -> None:
        """Bring a saved filter back, in the order of now."""
        saved = self._find(name)
        if saved is not None:
            self._current = name
            self._filters.narrow_to(saved.query)
            self._tell_current()

    def save(self, name: str) -> None:
        """Save what is shown under a name; one that has this name is replaced in its place."""
        name = name.strip()[:NAME_LIMIT]
        if not name:
            return
        saved = Saved(name, narrowing(self._filters.query))
        place = self.names.index(name) if name in self.names else None
        if place is not None:
            self._saved[place] = saved
        elif len(self._saved) < MOST_SAVED:
            self._saved.append(saved)
        else:
            return
        self._current = name
        self.changed.emit()
        self._tell_current()

    def rename(self, name: str, new: str) -> bool:
        """Give a saved filter another name; False if it is empty or another one has it."""
        new = new.strip()[:NAME_LIMIT]
        if not new or name not in self.names or (new != name and new in self.names):
            return False
        if new != name:
            place = self.names.index(name)
            self._saved[place] = Saved(new, self._saved[place].query)
            if self._current == name:
                self._current = new
            self.changed.emit()
            self._tell_current()
        return True

    def remove(self, name: str) -> None:
        """Remove a saved filter; what is shown stays."""
        if name in self.names:
            place = self.names.index(name)
            self._removed = (place, self._saved.pop(place))
            if self._current == name:
                self._current = None
            self.changed.emit()
            self.removed.emit(name)
            self._tell_current()

    def undo_removal(self) -> None:
        """Bring back the one that was removed last, where it was."""
        if self._removed is not None:
            (place, saved), self._removed = self._removed, None
            if saved.name not in self.names:
                self._saved.insert(place, saved)
                self.changed.emit()
                self._on_query_changed()

    def move(self, name: str, place: int) -> None:
        """Put a saved filter at another place in the list."""
        if name not in self.names or not 0 <= place < len(self._saved):
            return
        old = self.names.index(name)
        if old != place:
            self._saved.insert(place, self._saved.pop(old))
            self.changed.emit()

    @Slot()
    def _on_query_changed(self) -> None:
        now = narrowing(self._filters.query)
        same = next((saved.name for saved in self._saved if saved.query == now), None)
        if same is not None:
            self._current = same
        elif not self._filters.is_narrowed:
            self._current = None
        self._tell_current()

    def _tell_current(self) -> None:
        now = (self._current, self.is_edited)
        if now != self._told:
            self._told = now
            self.current_changed.emit()

    # --- from one start to the next ---------------------------------------------------------------------

    def as_state(self) -> list[dict[str, Any]]:
        """Return the list for the window's state file."""
        return [{"name": saved.name, "query": query_state(saved.query)} for saved in self._saved]

    def restore(self, state: object) -> None:
        """Take the list of a state file; odd entries are left out."""
        self._saved = []
        for entry in state if isinstance(state, Sequence) and not isinstance(state, str) else ():
            name, query = (
                (entry.get("name"), entry.get("query")) if isinstance(entry, Mapping) else (None, None)
            )
            known = len(self._saved) >= MOST_SAVED or name in self.names
            if isinstance(name, str) and name.strip() and isinstance(query, Mapping) and not known:
                self._saved.append(Saved(name.strip()[:NAME_LIMIT], query_of_state(query)))
        self.changed.emit()
        self._on_query_changed()
