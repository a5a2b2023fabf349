"""The page for a query that no model fits: what was asked for, what would fit nearly, and ways out."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QPushButton, QScrollArea, QWidget

from modelmgr import search
from modelmgr.catalog import Catalog
from modelmgr.gui import boxes, theme
from modelmgr.gui.flow import FlowLayout
from modelmgr.gui.labels import WrappingLabel, break_words
from modelmgr.gui.search.chips import FilterChips, chip_label
from modelmgr.gui.search.filters import Filters, narrowing, without
from modelmgr.gui.search.parts import Part
from modelmgr.gui.search.suggest import sentences
from modelmgr.gui.search.words import label_of
from modelmgr.gui.tasks import Tasks
from modelmgr.gui.text import counted, foreign_text
from modelmgr.values import Facets, ModelQuery, folded

_MOST_TRIED = 12


@dataclass(frozen=True, slots=True)
class NearMiss:
    """A query close to one that nothing fits.

    Attributes:
        query: the near one.
        count: how many models fit it.
        part: what was taken off, or None if a word was changed.
        words: the part as it is spelt in the library, if one was changed.
    """

    query: ModelQuery
    count: int
    part: Part | None = None
    words: str = ""


def near_misses(
    catalog: Catalog, query: ModelQuery, parts: Sequence[Part]
) -> tuple[ModelQuery, list[NearMiss]]:
    """Return the query and what comes near it: a value that is spelt otherwise, and one filter less.

    Of the filters the one that leaves the fewest models, but some.
    """
    found = _spelt_otherwise(catalog, query)
    fewer: list[NearMiss] = []
    if len(parts) > 1:
        for part in parts[:_MOST_TRIED]:
            wider = without(query, part)
            count = catalog.count(wider)
            if count:
                fewer.append(NearMiss(wider, count, part))
    return query, found[:1] + sorted(fewer, key=lambda near: near.count)[:1]


def _spelt_otherwise(catalog: Catalog, query: ModelQuery) -> list[NearMiss]:
    """Return what fits if a value of the search is taken for a similar one that the library has."""
    known: Facets | None = None
    found = []
    for token in search.parse(query.search).tokens:
        field = search.field_of(token.field) if token.field and not token.negated else None
        if field is None or field.group not in ("types", "base_models", "tags"):
            continue
        known = known or catalog.facets(ModelQuery())
        values = {folded(value): value for value in getattr(known, field.group)}
        typed = folded(token.value.strip('"'))
        for near in difflib.get_close_matches(typed, values, n=3, cutoff=0.6):
            if near == typed:
                continue
            words = f"{field.name}:{search.written(field.name, values[near])}"
            other = replace(query, search=query.search[: token.start] + words + query.search[token.end :])
            count = catalog.count(other)
            if count:
                found.append(NearMiss(other, count, words=words))
                break
    return found


class NothingMatches(QScrollArea):
    """No model fits: what was asked for, as chips to take off, and a near miss if there is one.

    The chips may be many: they are scrolled, and push no window.
    """

    def __init__(
        self, filters: Filters, catalog: Catalog, tasks: Tasks, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setObjectName("nothingMatches")
        self.setWidgetResizable(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        page = QWidget(self)
        self.setWidget(page)
        self._filters = filters
        self._catalog = catalog
        self._tasks = tasks
        self._looked: ModelQuery | None = None
        self._near: list[NearMiss] = []
        self._mark = theme.plain_label("", None, page)
        self._mark.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        # Nothing of what was typed may widen the window.
        self._title = WrappingLabel(4, page)
        self._title.setProperty("role", "pane-title")
        self._title.setObjectName("nothingMatchesTitle")
        self._title.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self._hint = WrappingLabel(4, page)
        self._hint.setProperty("role", "secondary")
        self._hint.setObjectName("nothingMatchesHint")
        self._hint.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self._chips = FilterChips(filters, page, is_centred=True)
        self._buttons = QWidget(page)
        row = FlowLayout(self._buttons, theme.S, is_centred=True)
        self._spelt = self._button("nearWordButton", self._on_spelt)
        self._fewer = self._button("nearMissButton", self._on_fewer)
        self._clear = QPushButton(self.tr("Show all models"), self._buttons)
        self._clear.setObjectName("showAllButton")
        self._clear.clicked.connect(filters.clear)
        for button in (self._spelt, self._fewer, self._clear):
            row.addWidget(button)
        layout = boxes.column(on=page, margins=theme.XL, spacing=theme.M)
        layout.addStretch(2)
        for widget in (self._mark, self._title, self._hint, self._chips, self._buttons):
            layout.addWidget(widget)
        layout.addStretch(3)
        self.take_palette()
        filters.changed.connect(self._on_query_changed)
        self._on_query_changed(filters.query)

    def _button(self, name: str, slot: object) -> QPushButton:
        button = QPushButton(self._buttons)
        button.setObjectName(name)
        button.clicked.connect(slot)
        button.hide()
        return button

    def take_palette(self) -> None:
        """Take the colours of now."""
        self._mark.setPixmap(theme.sign(self, "search-x", 32, theme.colors().secondary))

    @Slot(object)
    def _on_query_changed(self, query: ModelQuery) -> None:
        label = label_of(self._filters.active())
        self._title.setText(
            self.tr("Nothing matches {}").format(label if len(label) <= 160 else label[:159] + "…")
        )
        self._spelt.hide()
        self._fewer.hide()
        self._looked = None
        self.show_hint(" ".join(sentences(query.search)[1]))

    def look(self) -> None:
        """Look for what comes near, once for each query."""
        query = self._filters.query
        if self._looked is not None and narrowing(self._looked) == narrowing(query):
            return
        self._looked = query
        self._tasks.drop((id(self), "near"))
        question = partial(near_misses, self._catalog, query, self._filters.active())
        self._tasks.ask(question, self._on_near_misses, key=(id(self), "near"))

    @Slot(object)
    def _on_near_misses(self, found: tuple[ModelQuery, list[NearMiss]]) -> None:
        query, self._near = found
        if query != self._filters.query:
            return
        for near in self._near:
            models = counted(near.count, "model")
            if near.part is None:
                self._say(self._spelt, self.tr("Search {} instead: {}").format(_short(near.words), models))
            else:
                words = _short(chip_label(near.part))
                self._say(self._fewer, self.tr("Without “{}”: {}").format(words.strip("“”"), models))

    def _say(self, button: QPushButton, text: str) -> None:
        button.setAccessibleName(text)
        button.show()
        break_words(button, self.viewport().width() - 2 * theme.XL)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        for button in (self._spelt, self._fewer):
            break_words(button, self.viewport().width() - 2 * theme.XL)

    def show_hint(self, text: str) -> None:
        """Say more about what was searched for, until something else is."""
        self._hint.setText(foreign_text(text, 600))
        self._hint.setVisible(bool(text))

    @Slot()
    def _on_spelt(self) -> None:
        self._take(is_less=False)

    @Slot()
    def _on_fewer(self) -> None:
        self._take(is_less=True)

    def _take(self, *, is_less: bool) -> None:
        for near in self._near:
            if (near.part is not None) == is_less:
                self._filters.narrow_to(near.query)
                return


def _short(text: str) -> str:
    shown = foreign_text(text, 300)
    return shown if len(shown) <= 40 else f"{shown[:39]}…"
