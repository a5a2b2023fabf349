"""What is on, as chips to take off."""

from PySide6.QtCore import QSize, Qt, Slot
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import QSizePolicy, QToolButton, QWidget

from modelmgr.gui import theme
from modelmgr.gui.flow import FlowLayout
from modelmgr.gui.search.filters import Filters
from modelmgr.gui.search.words import value_label
from modelmgr.gui.text import plain_tip
from modelmgr.values import ModelQuery


class FilterChips(QWidget):
    """All that is on, as chips to take off; hidden while nothing is."""

    def __init__(self, filters: Filters, parent: QWidget | None = None, *, with_search: bool = False) -> None:
        super().__init__(parent)
        self.setObjectName("filterChips")
        self._filters = filters
        self._with_search = with_search
        self._flow = FlowLayout(self, is_centred=with_search)
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        filters.changed.connect(self._on_query_changed)
        self._on_query_changed(filters.query)

    @Slot(object)
    def _on_query_changed(self, _query: ModelQuery) -> None:
        active = [pair for pair in self._filters.active() if pair[0] != "search" or self._with_search]
        self._flow.clear()
        for group, value in active:
            self._flow.addWidget(self._chip(group, value))
        if len(active) > 1:
            clear = QToolButton(self)
            clear.setObjectName("clearFiltersButton")
            clear.setText(self.tr("Clear all"))
            clear.setProperty("role", "chip-clear")
            clear.clicked.connect(self._filters.clear)
            self._flow.addWidget(clear)
        self.setVisible(bool(active))
        self.updateGeometry()

    def _chip(self, group: str, value: str) -> QToolButton:
        names = {
            "types": self.tr("Type"),
            "base_models": self.tr("Base"),
            "tags": self.tr("Tag"),
            "folders": self.tr("Folder"),
            "states": self.tr("State"),
            "search": self.tr("Search"),
        }
        chip = QToolButton(self)
        chip.setProperty("role", "chip")
        chip.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        theme.set_icon(chip, "x")
        chip.setIconSize(QSize(12, 12))
        label = (
            self.tr("Favourites") if group == "favorite" else f"{names[group]}: {value_label(group, value)}"
        )
        # The style sheet's font counts, for the words and for the size that the button remembers.
        chip.ensurePolished()
        shown = QFontMetrics(chip.font()).elidedText(label, Qt.TextElideMode.ElideMiddle, 260)
        # An ampersand in a name is no mnemonic.
        chip.setText(shown.replace("&", "&&"))
        chip.setToolTip(plain_tip(self.tr("Take off “{}”").format(label)))
        chip.setAccessibleName(self.tr("Take off the filter {}").format(label))
        chip.setProperty("filter", [group, value])
        chip.clicked.connect(self._on_chip_clicked)
        return chip

    @Slot()
    def _on_chip_clicked(self) -> None:
        group, value = self.sender().property("filter")
        self._filters.take_off(group, value)
