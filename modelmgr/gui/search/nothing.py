"""The page for a query that no model fits."""

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from modelmgr.gui import theme
from modelmgr.gui.search.chips import FilterChips
from modelmgr.gui.search.filters import Filters
from modelmgr.gui.search.words import label_of, value_label
from modelmgr.gui.text import counted
from modelmgr.values import ModelQuery


class NothingMatches(QWidget):
    """No model fits: what was asked for, as chips to take off, and a near miss if there is one."""

    def __init__(self, filters: Filters, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("nothingMatches")
        self._filters = filters
        self._near: tuple[str, str] | None = None
        layout = QVBoxLayout(self)
        layout.setContentsMargins(theme.XL, theme.XL, theme.XL, theme.XL)
        layout.setSpacing(theme.M)
        layout.addStretch(2)
        self._title = theme.plain_label("", "pane-title", self)
        self._title.setObjectName("nothingMatchesTitle")
        self._title.setWordWrap(True)
        self._title.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        layout.addWidget(self._title)
        chips = QHBoxLayout()
        chips.addStretch(1)
        self._chips = FilterChips(filters, self, with_search=True)
        self._chips.setMinimumWidth(320)
        chips.addWidget(self._chips, 2)
        chips.addStretch(1)
        layout.addLayout(chips)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        self._near_button = QPushButton(self)
        self._near_button.setObjectName("nearMissButton")
        self._near_button.clicked.connect(self._on_near)
        self._near_button.hide()
        clear = QPushButton(self.tr("Show all models"), self)
        clear.setObjectName("showAllButton")
        clear.clicked.connect(filters.clear)
        buttons.addWidget(self._near_button)
        buttons.addWidget(clear)
        buttons.addStretch(1)
        layout.addLayout(buttons)
        layout.addStretch(3)
        self._hint = theme.plain_label("", "secondary", self)
        self._hint.setObjectName("nothingMatchesHint")
        self._hint.setWordWrap(True)
        self._hint.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        layout.insertWidget(layout.indexOf(self._title) + 1, self._hint)
        filters.changed.connect(self._on_query_changed)
        self._on_query_changed(filters.query)

    @Slot(object)
    def _on_query_changed(self, _query: ModelQuery) -> None:
        self._title.setText(self.tr("Nothing matches {}").format(label_of(self._filters.active())))
        self._near_button.hide()
        self._hint.hide()

    def show_hint(self, text: str) -> None:
        """Say more about what was searched for, until something else is."""
        self._hint.setText(text)
        self._hint.setVisible(bool(text))

    def show_near_miss(self, group: str, value: str, count: int) -> None:
        """Offer to take one filter off, after which there would be `count` models."""
        self._near = (group, value)
        words = self.tr("favourites") if group == "favorite" else f"“{_short(value_label(group, value))}”"
        self._near_button.setText(
            self.tr("Without {}: {}").format(words, counted(count, "model")).replace("&", "&&")
        )
        self._near_button.show()

    @Slot()
    def _on_near(self) -> None:
        if self._near is not None:
            self._filters.take_off(*self._near)


def _short(text: str) -> str:
    return text if len(text) <= 32 else f"{text[:31]}…"
