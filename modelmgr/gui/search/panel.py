"""The panel of facets: saved filters, then values with live counts, several of which can be on or excluded."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from PySide6.QtCore import QPoint, Qt, Signal, Slot
from PySide6.QtWidgets import QTreeWidgetItem, QWidget

from modelmgr.catalog import Catalog
from modelmgr.gui import boxes, theme
from modelmgr.gui.search.counts import Overview, find_values, kept_at_zero, load_overview, load_tags
from modelmgr.gui.search.facet_look import COUNT_ROLE, FACET_ROLE, MODE_ROLE, NOTE_ROLE, Facet, Kind, Mode
from modelmgr.gui.search.facet_menu import FacetMenu
from modelmgr.gui.search.facet_rows import MOST_BELOW, FacetRows, Row, all_nodes
from modelmgr.gui.search.facet_tree import FacetTree, children_of, facet_of
from modelmgr.gui.search.filters import Filters
from modelmgr.gui.search.find_edit import FindEdit
from modelmgr.gui.search.kept import GROUPS
from modelmgr.gui.search.saved import SavedFilters
from modelmgr.gui.search.undo_line import UndoLine
from modelmgr.gui.search.words import value_label
from modelmgr.gui.tasks import Tasks
from modelmgr.gui.text import count_text, counted, foreign_text, plain_tip
from modelmgr.values import ModelQuery, folded

_MOST_OPEN = 200
_ASKED = ("tags", "base_models")
"""Facets with more values than the panel knows: a search in them is the catalog's."""


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
        self._last: Overview | None = None  # in which something matched
        self._rows = FacetRows(filters, self)
        self._open_folders: dict[str, None] = {}
        self._finds: dict[str, FindEdit] = {}
        self._is_filling = False
        self._tree = FacetTree(self)
        self._undo = UndoLine(self)
        boxes.column(self._tree, self._undo, on=self, margins=(0, theme.XS, 0, 0), spacing=0)
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
        self._none = self._item(Facet(Kind.MORE, "none"), self.tr("Nothing matches"))
        self._none.setFlags(Qt.ItemFlag.ItemIsEnabled)
        self._tree.addTopLevelItems([self._all, self._favorites, self._none, *self._headers.values()])
        self._none.setHidden(True)
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

    def _take(self, overview: Overview) -> None:
        self._overview = overview
        if overview.facets.total:
            self._last = overview

    @property
    def _seen(self) -> Overview | None:
        """What is shown: the numbers, and while nothing matches what was there before."""
        return None if self._overview is None else kept_at_zero(self._overview, self._last)

    @Slot(object)
    def _on_query_changed(self, _query: ModelQuery) -> None:
        self._show()
        self._tasks.drop((id(self), "overview"))
        self._tasks.drop((id(self), "tags"))
        self.refresh()

    @Slot(object)
    def _on_overview(self, overview: Overview) -> None:
        if overview.query != self._filters.query:
            return
        if self._last is not None and overview.facets.total:  # until theirs are counted
            overview = replace(overview, facets=replace(overview.facets, tags=self._last.facets.tags))
        self._take(overview)
        self._tasks.ask(
            partial(load_tags, self._catalog, overview.query), self._on_tags, key=(id(self), "tags")
        )
        self._show()
        for group, edit in self._finds.items():
            self._look(group, edit.text())
        self.counted.emit(overview)

    @Slot(object)
    def _on_tags(self, counted: tuple[ModelQuery, Mapping[str, int]]) -> None:
        query, tags = counted
        if self._overview is not None and query == self._filters.query:
            self._take(replace(self._overview, facets=replace(self._overview.facets, tags=tags)))
            self._show()

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
        elif kind == Kind.MORE and group in self._headers:
            self._rows.more ^= {group}
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
            self._rows.found.pop(group, None)
        elif group in _ASKED:
            question = partial(find_values, self._catalog, self._filters.query, group, text)
            self._tasks.ask(question, partial(self._on_found, group), key=(id(self), "find", group))
            return
        elif (seen := self._seen) is not None:
            counts: Mapping[str, int] = getattr(seen.facets, group)
            if group == "folders":
                counts = {node.value: node.count for node in all_nodes(seen.tree)}
            part = folded(text)
            found = {
                value: count for value, count in counts.items() if part in folded(value_label(group, value))
            }
            self._rows.found[group] = (text, dict(list(found.items())[:MOST_BELOW]))
        self._show()

    def _on_found(self, group: str, found: tuple[str, Mapping[str, int]]) -> None:
        edit = self._finds.get(group)
        if edit is not None and edit.text().strip() == found[0]:
            self._rows.found[group] = found
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
            self._rows.found.pop(group, None)
            self._tree.setCurrentItem(self._headers[group])
            self._tree.setFocus(Qt.FocusReason.OtherFocusReason)
            self._headers[group].takeChild(0)
            self._show()

    # --- showing ----------------------------------------------------------------------------------------

    def _show(self) -> None:
        """Bring the items up to date in place, so that focus and scroll position stay."""
        overview = self._seen
        if overview is None:
            return
        self._is_filling = True
        facets = overview.facets
        is_all = Mode.OFF if self._filters.is_narrowed else Mode.ON
        self._set(self._all, Row(facet_of(self._all), self._all.text(0), overview.everything, is_all))
        favorite = self._filters.query.favorite
        mode = Mode.OFF if favorite is None else Mode.ON if favorite else Mode.EXCLUDED
        self._set(
            self._favorites,
            Row(facet_of(self._favorites), self._favorites.text(0), facets.favorites, mode),
        )
        self._none.setHidden(bool(facets.total or self._last or not overview.everything))
        for group in GROUPS:
            header = self._headers[group]
            rows, is_long = self._rows.of_group(group, overview)
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
            Row(
                Facet(Kind.SAVED, "saved", name),
                foreign_text(name, 300),
                mode=Mode.ON if name == current else Mode.OFF,
                note=self.tr("edited") if name == current and is_edited else "",
            )
            for name in self._saved.names
        ]
        self._fit(header, rows)
        header.setHidden(not rows)

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

    def _fit(self, parent: QTreeWidgetItem, rows: Sequence[Row]) -> None:
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
                self._fit(item, self._rows.folders(row.below, row.facet.depth + 1) if is_open else ())
                item.setExpanded(is_open)

    def _set(self, item: QTreeWidgetItem, row: Row) -> None:
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
        facet = facet_of(item)
        header = self._headers.get(facet.group)
        menu = FacetMenu(
            facet,
            Mode(item.data(0, MODE_ROLE)) if facet.kind != Kind.HEADER else Mode.OFF,
            self._titles.get(facet.group, "").lower(),
            self._filters,
            self._saved,
            self,
            is_long=header is not None and bool(header.data(0, MODE_ROLE)),
        )
        menu.find_wanted.connect(self.find_in)
        menu.rename_wanted.connect(self.rename_saved)
        if menu.isEmpty():
            menu.deleteLater()
        else:
            menu.popup(place)

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
