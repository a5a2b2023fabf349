"""The context menu of a row of the filter panel."""

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QMenu, QWidget

from modelmgr.gui.search.facet_look import Facet, Kind, Mode
from modelmgr.gui.search.filters import Filters
from modelmgr.gui.search.kept import GROUPS
from modelmgr.gui.search.saved import SavedFilters
from modelmgr.gui.search.words import value_label


class FacetMenu(QMenu):
    """What can be done with a row, besides switching it.

    Signals:
        find_wanted(str): the facet is to be searched.
        rename_wanted(str): a saved filter is to get another name.

    Args:
        facet: what the row stands for.
        mode: what it does to the query now.
        title: of its facet.
        is_long: the facet can be searched.
        filters, saved: what the entries change.
        parent: the panel.
    """

    find_wanted = Signal(str)
    rename_wanted = Signal(str)

    def __init__(
        self,
        facet: Facet,
        mode: Mode,
        title: str,
        filters: Filters,
        saved: SavedFilters,
        parent: QWidget,
        *,
        is_long: bool,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("facetMenu")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._facet = facet
        self._filters = filters
        self._saved = saved
        if facet.kind == Kind.SAVED:
            self._fill_for_saved(facet.value)
            return
        if facet.kind in (Kind.VALUE, Kind.FAVORITE):
            self._fill_for_value(mode)
        if facet.group in GROUPS:
            has_some = bool(filters.chosen(facet.group) or filters.excluded(facet.group))
            self._add(
                self.tr("Find in {}…").format(title), partial(self.find_wanted.emit, facet.group), is_long
            )
            self._add(
                self.tr("Take off all of {}").format(title),
                partial(filters.clear_group, facet.group),
                has_some,
            )

    def _add(self, text: str, deed: Callable[[], object], is_enabled: bool = True) -> None:
        action = self.addAction(text)
        action.setEnabled(is_enabled)
        action.triggered.connect(deed)

    def _fill_for_saved(self, name: str) -> None:
        saved = self._saved
        place, number = saved.names.index(name), len(saved.names)
        is_other = self._filters.is_narrowed and (name != saved.current or saved.is_edited)
        self._add(self.tr("Use"), partial(saved.use, name))
        self._add(self.tr("Save what is shown now in it"), partial(saved.save, name), is_other)
        self.addSeparator()
        self._add(self.tr("Rename"), partial(self.rename_wanted.emit, name))
        self._add(self.tr("Move up"), partial(saved.move, name, place - 1), place > 0)
        self._add(self.tr("Move down"), partial(saved.move, name, place + 1), place < number - 1)
        self.addSeparator()
        self._add(self.tr("Remove"), partial(saved.remove, name))

    def _fill_for_value(self, mode: Mode) -> None:
        group, value = self._facet.group, self._facet.value
        self._add(
            self.tr("Don't filter by it") if mode == Mode.ON else self.tr("Filter by it"),
            partial(self._filters.include, group, value)
            if mode == Mode.EXCLUDED
            else partial(self._filters.toggle, group, value),
        )
        self._add(
            self.tr("Let it in again") if mode == Mode.EXCLUDED else self.tr("Exclude it"),
            partial(self._filters.exclude, group, value),
        )
        if self._facet.kind == Kind.VALUE:
            self._add(self.tr("Only this"), partial(self._filters.only, group, value))
            self.addSeparator()
            copy = QGuiApplication.clipboard().setText
            self._add(self.tr("Copy"), partial(copy, value_label(group, value)))
