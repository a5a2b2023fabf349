"""The panel of facets: saved filters, then values with live counts, several of which can be on or excluded."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from PySide6.QtCore import QPoint, Qt, Signal, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QMenu, QTreeWidgetItem, QVBoxLayout, QWidget

from modelmgr.catalog import Catalog
from modelmgr.gui import theme
from modelmgr.gui.search.counts import FolderNode, Overview, find_values, load_overview
from modelmgr.gui.search.facet_look import COUNT_ROLE, FACET_ROLE, MODE_ROLE, NOTE_ROLE, Facet, Kind, Mode
from modelmgr.gui.search.facet_tree import FacetTree, children_of, facet_of
from modelmgr.gui.search.filters import GROUPS, STATES, Filters
from modelmgr.gui.search.find_edit import FindEdit
from modelmgr.gui.search.saved import SavedFilters
from modelmgr.gui.search.undo_line import UndoLine
from modelmgr.gui.search.words import value_label
from modelmgr.gui.tasks import Tasks
from modelmgr.gui.text import count_text, counted, foreign_text, plain_tip
from modelmgr.values import ModelQuery

SHOWN_VALUES = 10
_STATES_ALWAYS = 4
_MOST_BELOW = 500
_MOST_OPEN = 200
_ASKED = ("tags", "base_models")
"""Facets with more values than the panel knows: a search in them is the catalog's."""


@dataclass(frozen=True, slots=True)
class _Row:
    """What an item of the tree should be."""

    facet: Facet
    text: str
    count: int | None = None
    mode: Mode = Mode.OFF
    note: str = ""
    tip: str = ""
    below: tuple[FolderNode, ...] = ()


class FilterPanel(QWidget):
    """Facets with counts: all, favourites, saved filters, type, base model, tags, folders, state.

    Signals:
        counted(Overview): the numbers for the query are here.
    """

    counted = Signal(object)

    def __init__(
        self,
        filters: Filters,
        saved: SavedFilters,
        catalog: Catalog,
        tasks: Tasks,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("filterPanel")
        self.setAccessibleName(self.tr("Filters"))
        self._filters = filters
        self._saved = saved
        self._catalog = catalog
        self._tasks = tasks
        self._overview: Overview | None = None
        self._more: set[str] = set()
        self._known: dict[str, Mapping[str, int]] = {}
        self._known_tree: Sequence[FolderNode] = ()
        self._open_folders: dict[str, None] = {}
        self._finds: dict[str, FindEdit] = {}
        self._found: dict[str, tuple[str, Mapping[str, int]]] = {}
        self._is_filling = False
        self._tree = FacetTree(self)
        self._undo = UndoLine(self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, theme.XS, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._tree)
        layout.addWidget(self._undo)
        self.setFocusProxy(self._tree)
        self.setMinimumWidth(160)
        self._all = self._item(Facet(Kind.ALL, "all"), self.tr("All models"))
        self._favorites = self._item(Facet(Kind.FAVORITE, "favorite"), self.tr("Favourites"))
        self._titles = {
            "saved": self.tr("Saved"),
            "types": self.tr("Type"),
            "base_models": self.tr("Base model"),
            "tags": self.tr("Tags"),
            "folders": self.tr("Folders"),
            "states": self.tr("State"),
        }
        self._headers = {
            group: self._item(Facet(Kind.HEADER, group), title) for group, title in self._titles.items()
        }
        self._tree.addTopLevelItems([self._all, self._favorites, *self._headers.values()])
        for item in self._headers.values():
            item.setExpanded(True)
            item.setHidden(True)
        self._join()

    def _join(self) -> None:
        self._tree.switched.connect(self._on_switched)
        self._tree.exclude_wanted.connect(self._on_exclude_wanted)
        self._tree.find_wanted.connect(self.find_in)
        self._tree.remove_wanted.connect(self._saved.remove)
        self._tree.rename_wanted.connect(self.rename_saved)
        self._tree.renamed.connect(self._on_renamed)
        self._tree.move_wanted.connect(self._saved.move)
        self._tree.menu_wanted.connect(self._on_menu_wanted)
        self._tree.itemExpanded.connect(self._on_expanded)
        self._tree.itemCollapsed.connect(self._on_collapsed)
        self._filters.changed.connect(self._on_query_changed)
        self._saved.changed.connect(self._show_saved)
        self._saved.current_changed.connect(self._show_saved)
        self._saved.removed.connect(self._on_removed)
        self._undo.undone.connect(self._saved.undo_removal)

    # --- numbers ----------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Count anew."""
        self._tasks.ask(
            partial(load_overview, self._catalog, self._filters.query),
            self._on_overview,
            key=(id(self), "overview"),
        )

    @property
    def overview(self) -> Overview | None:
        """The numbers as they were counted last."""
        return self._overview

    @Slot(object)
    def _on_query_changed(self, _query: ModelQuery) -> None:
        self._show()
        self._tasks.drop((id(self), "overview"))
        self.refresh()

    @Slot(object)
    def _on_overview(self, overview: Overview) -> None:
        if overview.query != self._filters.query:
            return
        self._overview = overview
        self._show()
        for group, edit in self._finds.items():
            self._look(group, edit.text())
        self.counted.emit(overview)

    # --- what a row does --------------------------------------------------------------------------------

    @Slot(object)
    def _on_switched(self, item: QTreeWidgetItem) -> None:
        kind, group, value = facet_of(item)[:3]
        if kind == Kind.ALL:
            self._filters.clear()
        elif kind in (Kind.FAVORITE, Kind.VALUE):
            self._filters.toggle(group, value)
        elif kind == Kind.HEADER:
            item.setExpanded(not item.isExpanded())
        elif kind == Kind.MORE:
            self._more ^= {group}
            self._show()
        elif kind == Kind.SAVED:
            if value == self._saved.current and not self._saved.is_edited:
                self._filters.clear()
            else:
                self._saved.use(value)

    @Slot(object)
    def _on_exclude_wanted(self, item: QTreeWidgetItem) -> None:
        facet = facet_of(item)
        if facet.kind in (Kind.FAVORITE, Kind.VALUE):
            self._filters.exclude(facet.group, facet.value)

    @Slot(object)
    def _on_expanded(self, item: QTreeWidgetItem) -> None:
        facet = facet_of(item)
        if facet.is_branch and not self._is_filling:
            self._open_folders[facet.value] = None
            self._show()

    @Slot(object)
    def _on_collapsed(self, item: QTreeWidgetItem) -> None:
        facet = facet_of(item)
        if facet.is_branch and not self._is_filling:
            self._open_folders.pop(facet.value, None)
        elif facet.kind == Kind.HEADER:
            self._show()

    # --- saved filters ----------------------------------------------------------------------------------

    @Slot(str)
    def rename_saved(self, name: str) -> None:
        """Let the user type another name for a saved filter, in its row."""
        self._headers["saved"].setExpanded(True)
        for item in children_of(self._headers["saved"]):
            if facet_of(item).value == name:
                self._tree.scrollToItem(item)
                self._tree.setCurrentItem(item)
                self._tree.editItem(item, 0)

    @Slot(str, str)
    def _on_renamed(self, name: str, new: str) -> None:
        if not self._saved.rename(name, new):
            self._show_saved()

    @Slot(str)
    def _on_removed(self, name: str) -> None:
        self._undo.say(self.tr("Removed “{}”").format(foreign_text(name, 60)))

    def fold(self, group: str) -> None:
        """Fold a facet."""
        self._headers[group].setExpanded(False)

    # --- finding in a long facet ------------------------------------------------------------------------

    @Slot(str)
    def find_in(self, group: str) -> None:
        """Open the search of a facet, or close it if it is open."""
        header = self._headers.get(group)
        if header is None or group == "saved" or header.isHidden():
            return
        if group in self._finds:
            self._close_find(group)
            return
        header.setExpanded(True)
        row = QTreeWidgetItem()
        row.setData(0, FACET_ROLE, Facet(Kind.FIND, group))
        row.setFlags(Qt.ItemFlag.ItemIsEnabled)
        header.insertChild(0, row)
        edit = FindEdit(group, self.tr("Find in {}").format(self._titles[group].lower()), self._tree)
        edit.looked.connect(self._look)
        edit.chosen.connect(self._on_find_chosen)
        edit.left.connect(self._on_find_left)
        edit.closed.connect(self._close_find)
        self._finds[group] = edit
        self._tree.setItemWidget(row, 0, edit)
        self._show()
        edit.setFocus(Qt.FocusReason.OtherFocusReason)

    @Slot(str, str)
    def _look(self, group: str, text: str) -> None:
        text = text.strip()
        self._tasks.drop((id(self), "find", group))
        if not text:
            self._found.pop(group, None)
        elif group in _ASKED:
            question = partial(find_values, self._catalog, self._filters.query, group, text)
            self._tasks.ask(question, partial(self._on_found, group), key=(id(self), "find", group))
            return
        elif self._overview is not None:
            counts: Mapping[str, int] = getattr(self._overview.facets, group)
            if group == "folders":
                counts = {node.value: node.count for node in _all_nodes(self._overview.tree)}
            folded = text.casefold()
            found = {
                value: count
                for value, count in counts.items()
                if folded in value_label(group, value).casefold()
            }
            self._found[group] = (text, dict(list(found.items())[:_MOST_BELOW]))
        self._show()

    def _on_found(self, group: str, found: tuple[str, Mapping[str, int]]) -> None:
        edit = self._finds.get(group)
        if edit is not None and edit.text().strip() == found[0]:
            self._found[group] = found
            self._show()

    @Slot(str)
    def _on_find_chosen(self, group: str) -> None:
        for item in children_of(self._headers[group]):
            if facet_of(item).kind == Kind.VALUE:
                self._on_switched(item)
                return

    @Slot(str)
    def _on_find_left(self, group: str) -> None:
        rows = children_of(self._headers[group])[1:]
        self._tree.setCurrentItem(rows[0] if rows else self._headers[group])
        self._tree.setFocus(Qt.FocusReason.OtherFocusReason)

    @Slot(str)
    def _close_find(self, group: str) -> None:
        edit = self._finds.pop(group, None)
        if edit is not None:
            self._found.pop(group, None)
            self._tree.setCurrentItem(self._headers[group])
            self._tree.setFocus(Qt.FocusReason.OtherFocusReason)
            self._headers[group].takeChild(0)
            self._show()

    # --- showing ----------------------------------------------------------------------------------------

    def _show(self) -> None:
        """Bring the items up to date in place, so that focus and scroll position stay."""
        overview = self._overview
        if overview is None:
            return
        self._is_filling = True
        facets = overview.facets
        is_all = Mode.OFF if self._filters.is_narrowed else Mode.ON
        self._set(self._all, _Row(facet_of(self._all), self._all.text(0), overview.everything, is_all))
        favorite = self._filters.query.favorite
        mode = Mode.OFF if favorite is None else Mode.ON if favorite else Mode.EXCLUDED
        self._set(
            self._favorites,
            _Row(facet_of(self._favorites), self._favorites.text(0), facets.favorites, mode),
        )
        for group in GROUPS:
            header = self._headers[group]
            rows, is_long = self._rows_of(group, overview)
            self._fit(header, rows)
            header.setHidden(not overview.everything or not (rows or group in self._finds))
            header.setData(0, MODE_ROLE, int(is_long))
            number = len(self._filters.chosen(group)) + len(self._filters.excluded(group))
            is_told = bool(number) and not header.isExpanded()
            header.setData(0, NOTE_ROLE, self.tr("{} on").format(count_text(number)) if is_told else "")
        self._is_filling = False
        self._show_saved()

    @Slot()
    def _show_saved(self) -> None:
        header = self._headers["saved"]
        current, is_edited = self._saved.current, self._saved.is_edited
        rows = [
            _Row(
                Facet(Kind.SAVED, "saved", name),
                foreign_text(name, 300),
                mode=Mode.ON if name == current else Mode.OFF,
                note=self.tr("edited") if name == current and is_edited else "",
            )
            for name in self._saved.names
        ]
        self._fit(header, rows)
        header.setHidden(not rows)

    def _rows_of(self, group: str, overview: Overview) -> tuple[list[_Row], bool]:
        """Return the rows of a facet, and whether it has so many values that it can be searched."""
        counts: Mapping[str, int] = getattr(overview.facets, group)
        tree: Sequence[FolderNode] = overview.tree
        if overview.facets.total:
            self._known[group] = counts
            self._known_tree = tree
        elif group != "states":
            # Nothing matches: what could be chosen before stays, or the panel would fall in with a slip of the pen.
            counts = dict.fromkeys(self._known.get(group, ()), 0) | dict(counts)
            tree = tree or _emptied(self._known_tree)
        found = self._found.get(group)
        if found is not None:
            return [self._row(group, value, count) for value, count in found[1].items()] or [
                _Row(
                    Facet(Kind.MORE, group, "nothing"),
                    self.tr("Nothing has “{}”").format(foreign_text(found[0], 40)),
                )
            ], True
        if group == "folders":
            return self._folder_rows(tree), len(counts) > SHOWN_VALUES + 1
        values = self._values(group, counts)
        is_long = len(values) > SHOWN_VALUES + 1
        shown = values
        if is_long and group not in self._more:
            on = {*self._filters.chosen(group), *self._filters.excluded(group)}
            shown = [value for place, value in enumerate(values) if place < SHOWN_VALUES or value in on]
        rows = [self._row(group, value, _count_of(counts, value, group)) for value in shown]
        rest = len(values) - len(shown)
        if is_long and (rest or group in self._more):
            words = self.tr("Show {} more").format(count_text(rest)) if rest else self.tr("Show fewer")
            rows.append(_Row(Facet(Kind.MORE, group), words))
        return rows, is_long

    def _values(self, group: str, counts: Mapping[str, int]) -> list[str]:
        on = [*self._filters.chosen(group), *self._filters.excluded(group)]
        if group == "states":
            always = STATES[:_STATES_ALWAYS]
            return [value for value in STATES if counts.get(value) or value in on or value in always]
        return [*counts, *(value for value in on if value not in counts)]

    def _folder_rows(self, tree: Sequence[FolderNode], depth: int = 0) -> list[_Row]:
        known = {node.value for node in tree}
        rows = [
            self._row("folders", node.value, node.count, node.label, depth, node.children)
            for node in tree[:_MOST_BELOW]
        ]
        if depth == 0:
            on = (*self._filters.chosen("folders"), *self._filters.excluded("folders"))
            inside = {node.value for node in _all_nodes(tree)} if on else set()
            rows += [self._row("folders", value, 0) for value in on if value not in known | inside]
        return rows

    def _row(
        self,
        group: str,
        value: str,
        count: int,
        text: str | None = None,
        depth: int = 0,
        below: tuple[FolderNode, ...] = (),
    ) -> _Row:
        mode = Mode.OFF
        if value in self._filters.chosen(group):
            mode = Mode.ON
        elif value in self._filters.excluded(group):
            mode = Mode.EXCLUDED
        label = value_label(group, value)
        if text is None:
            text = _tail(label) if group == "folders" else label
        facet = Facet(Kind.VALUE, group, value, depth, bool(below))
        return _Row(facet, foreign_text(text, 300), count, mode, tip=label, below=below)

    # --- items ------------------------------------------------------------------------------------------

    @staticmethod
    def _item(facet: Facet, text: str) -> QTreeWidgetItem:
        # Whole before it joins the tree, which asks at once how it looks.
        item = QTreeWidgetItem()
        item.setData(0, FACET_ROLE, facet)
        item.setText(0, text)
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        if facet.kind == Kind.SAVED:
            flags |= Qt.ItemFlag.ItemIsEditable
        item.setFlags(flags)
        return item

    def _fit(self, parent: QTreeWidgetItem, rows: Sequence[_Row]) -> None:
        """Make the children of an item what they should be; those that are right already stay."""
        first = 1 if facet_of(parent).group in self._finds and facet_of(parent).kind == Kind.HEADER else 0
        have = children_of(parent)[first:]
        same = 0
        while same < min(len(have), len(rows)) and facet_of(have[same]) == rows[same].facet:
            same += 1
        current = self._tree.currentItem()
        focused = facet_of(current) if current is not None and current in have[same:] else None
        for item in reversed(have[same:]):
            parent.removeChild(item)
        parent.addChildren([self._item(row.facet, row.text) for row in rows[same:]])
        for row, item in zip(rows, children_of(parent)[first:], strict=True):
            self._set(item, row)
            if row.facet == focused:
                self._tree.setCurrentItem(item)
            if row.below:
                item.setChildIndicatorPolicy(QTreeWidgetItem.ChildIndicatorPolicy.ShowIndicator)
                is_open = row.facet.value in self._open_folders
                self._fit(item, self._folder_rows(row.below, row.facet.depth + 1) if is_open else ())
                item.setExpanded(is_open)

    def _set(self, item: QTreeWidgetItem, row: _Row) -> None:
        if item.text(0) != row.text:
            item.setText(0, row.text)
        for role, value in ((COUNT_ROLE, row.count), (MODE_ROLE, int(row.mode)), (NOTE_ROLE, row.note)):
            if item.data(0, role) != value:
                item.setData(0, role, value)
        words = [row.text]
        if row.count is not None:
            words.append(counted(row.count, "model"))
        if row.mode == Mode.EXCLUDED:
            words.append(self.tr("excluded"))
        elif row.mode == Mode.ON:
            words.append(self.tr("on"))
        words += [row.note] if row.note else []
        said = ", ".join(words)
        if item.data(0, Qt.ItemDataRole.AccessibleTextRole) != said:
            item.setData(0, Qt.ItemDataRole.AccessibleTextRole, said)
            item.setToolTip(0, plain_tip(row.tip or row.text))

    # --- the context menu -------------------------------------------------------------------------------

    @Slot(object, object)
    def _on_menu_wanted(self, item: QTreeWidgetItem, place: QPoint) -> None:
        menu = QMenu(self)
        menu.setObjectName("facetMenu")
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for entry in self._entries(item):
            if entry is None:
                menu.addSeparator()
                continue
            text, deed, is_on = entry
            action = menu.addAction(text)
            action.setEnabled(is_on)
            action.triggered.connect(deed)
        if menu.isEmpty():
            menu.deleteLater()
        else:
            menu.popup(place)

    def _entries(self, item: QTreeWidgetItem) -> Iterable[tuple[str, Callable[[], object], bool] | None]:
        facet = facet_of(item)
        group, value = facet.group, facet.value
        if facet.kind == Kind.SAVED:
            place, number = self._saved.names.index(value), len(self._saved.names)
            is_edited = value == self._saved.current and self._saved.is_edited
            yield self.tr("Use"), partial(self._saved.use, value), True
            yield (
                self.tr("Save what is shown now in it"),
                partial(self._saved.save, value),
                is_edited or (self._filters.is_narrowed and value != self._saved.current),
            )
            yield None
            yield self.tr("Rename"), partial(self.rename_saved, value), True
            yield self.tr("Move up"), partial(self._saved.move, value, place - 1), place > 0
            yield self.tr("Move down"), partial(self._saved.move, value, place + 1), place < number - 1
            yield None
            yield self.tr("Remove"), partial(self._saved.remove, value), True
            return
        if facet.kind in (Kind.VALUE, Kind.FAVORITE):
            mode = item.data(0, MODE_ROLE)
            is_on, is_out = mode == Mode.ON, mode == Mode.EXCLUDED
            yield (
                self.tr("Don't filter by it") if is_on else self.tr("Filter by it"),
                partial(self._filters.toggle, group, value)
                if not is_out
                else partial(self._include, group, value),
                True,
            )
            yield (
                self.tr("Let it in again") if is_out else self.tr("Exclude it"),
                partial(self._filters.exclude, group, value),
                True,
            )
        if facet.kind == Kind.VALUE:
            yield self.tr("Only this"), partial(self._filters.only, group, value), True
            yield None
            yield (
                self.tr("Copy"),
                partial(QGuiApplication.clipboard().setText, value_label(group, value)),
                True,
            )
        if group in GROUPS:
            title = self._titles[group].lower()
            is_long = bool(self._headers[group].data(0, MODE_ROLE))
            has_some = bool(self._filters.chosen(group) or self._filters.excluded(group))
            yield self.tr("Find in {}…").format(title), partial(self.find_in, group), is_long
            yield (
                self.tr("Take off all of {}").format(title),
                partial(self._filters.clear_group, group),
                has_some,
            )

    def _include(self, group: str, value: str) -> None:
        self._filters.exclude(group, value)
        self._filters.toggle(group, value)

    # --- from one start to the next ---------------------------------------------------------------------

    def as_state(self) -> dict[str, Any]:
        """Return which facets are folded and which folders are open."""
        folded = [group for group, header in self._headers.items() if not header.isExpanded()]
        return {"folded": folded, "folders": list(self._open_folders)[-_MOST_OPEN:]}

    def restore(self, state: object) -> None:
        """Fold facets and open folders as they were; odd values are left out."""
        if not isinstance(state, Mapping):
            return
        folded, folders = state.get("folded"), state.get("folders")
        for group, header in self._headers.items():
            header.setExpanded(not (isinstance(folded, list) and group in folded))
        if isinstance(folders, list):
            self._open_folders = {value: None for value in folders[:_MOST_OPEN] if isinstance(value, str)}
        self._show()


def _emptied(tree: Iterable[FolderNode]) -> tuple[FolderNode, ...]:
    return tuple(replace(node, count=0, children=_emptied(node.children)) for node in tree)


def _all_nodes(tree: Iterable[FolderNode]) -> Iterator[FolderNode]:
    for node in tree:
        yield node
        yield from _all_nodes(node.children)


def _count_of(counts: Mapping[str, int], value: str, group: str) -> int:
    if value in counts or group != "types":
        return counts.get(value, 0)
    folded = value.casefold()
    return next((number for word, number in counts.items() if word.casefold() == folded), 0)


def _tail(path: str) -> str:
    """Return the last two parts of a folder's path: enough to tell it apart, most of the time."""
    parts = path.replace("\\", "/").rstrip("/").rsplit("/", 2)
    return "/".join(parts[-2:]) if len(parts) > 2 else path
