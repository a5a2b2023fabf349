"""Sections that fold, and grids of facts: label and value."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QGridLayout, QLabel, QSizePolicy, QToolButton, QWidget

from modelmgr.gui import boxes, theme
from modelmgr.gui.labels import WordsLabel, break_words
from modelmgr.gui.language import said
from modelmgr.gui.measures import scaled
from modelmgr.gui.sentences import spoken
from modelmgr.gui.text import column_label, count_text, foreign_text, plain_tip
from modelmgr.lazily import dataclass, pattern

FRAME_PX = 5
"""So far the frame of a field stands out of its text."""
SAID_BY = "According to: {}"
FACT_LENGTH = 140
LABEL_WIDTH, LABELS_WIDTH = 80, 108
_LABELLED = ("type", "base_model", "license", "tags", "trigger_words", "source_url", "notes")
_LABEL_SHARE = 0.42
_LABEL_LETTERS = 0.92
"""The size of a label's letters, as the style sheet has it."""

_LONG_WORD = pattern(r"[^\s/-]{27,}")
"""A word that is wider than its column would be cut at the edge."""


class Section(QWidget):
    """A titled part of the pane that folds; as wide as the fields are with their frames."""

    def __init__(self, title: str, content: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._content = content
        self._button = QToolButton(self)
        self._button.setProperty("role", "section")
        self._button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        theme.give_icon_size(self._button, 14)
        self._button.setCheckable(True)
        self._button.setChecked(True)
        self._button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._button.setMinimumWidth(1)
        self.set_title(title)
        self._button.toggled.connect(self._on_toggled)
        # As frames of fields do, the button stands out so far that its chevron is in line with the text.
        inside = boxes.column(content, margins=(FRAME_PX + 1, 0, FRAME_PX + 1, 0))
        boxes.column(self._button, inside, on=self, margins=0, spacing=theme.XS)
        theme.set_icon(self._button, "chevron-down")
        self.setFocusProxy(self._button)

    def set_name(self, name: str) -> None:
        """Name the section ``<name>Section`` and its button ``<name>Fold``."""
        self.setObjectName(f"{name}Section")
        self._button.setObjectName(f"{name}Fold")

    def set_title(self, title: str) -> None:
        """Show another title, for example with a number in it."""
        self._button.setAccessibleName(title.replace("&&", "&"))
        break_words(self._button, self.width())

    @property
    def is_open(self) -> bool:
        """Whether the content is to be seen."""
        return self._button.isChecked()

    def set_open(self, is_open: bool) -> None:
        """Fold or unfold."""
        self._button.setChecked(is_open)

    @Slot(bool)
    def _on_toggled(self, is_open: bool) -> None:
        self._content.setVisible(is_open)
        theme.set_icon(self._button, "chevron-down" if is_open else "chevron-right")

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        break_words(self._button, self.width())


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of a `FactsGrid`: what it is, and its value."""

    label: str
    value: str
    tip: str = ""


def label_width(widget: QWidget, room: int | None = None) -> int:
    """Return how wide labels are beside their values: as the longest name of a field is, within bounds.

    With `room` for both, in pixels, the values have the greater part of it.
    """
    longest = max(widget.fontMetrics().horizontalAdvance(column_label(column)) for column in _LABELLED)
    width = max(
        scaled(widget, LABEL_WIDTH), min(round(longest * _LABEL_LETTERS) + 2, scaled(widget, LABELS_WIDTH))
    )
    return width if room is None else min(width, round(room * _LABEL_SHARE))


class FactsGrid(QWidget):
    """Labels and values on one grid line."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(theme.S)
        self._grid.setVerticalSpacing(theme.XS)
        # The values stand on one line with those of the fields.
        self._grid.setColumnMinimumWidth(0, label_width(self))
        self._grid.setColumnStretch(1, 1)
        self._shown: list[Fact] | None = None
        self._labels: list[QLabel] = []
        self._values: list[WordsLabel] = []

    def show_facts(self, facts: Sequence[Fact]) -> None:
        """Show facts; those without a value are left out."""
        wanted = [fact for fact in facts if fact.value]
        if wanted == self._shown:
            return
        before, self._shown = self._shown or [], wanted
        if [fact.label for fact in before] == [fact.label for fact in wanted]:
            # The next model mostly has the same lines; new labels take ten times as long as new texts.
            for old, fact, shown in zip(before, wanted, self._values, strict=True):
                if fact != old:
                    _show_fact(shown, fact)
            return
        self._labels, self._values = [], []
        while self._grid.count():
            item = self._grid.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        top = Qt.AlignmentFlag.AlignTop
        for row, fact in enumerate(wanted):
            label = theme.paragraph(fact.label, "secondary", self)
            self._labels.append(label)
            self._grid.addWidget(label, row, 0, top)
            shown = WordsLabel(self)
            # A label goes by the script of its text; these stand at the beginning of their column, whatever that is.
            side = Qt.AlignmentFlag.AlignRight if self.isRightToLeft() else Qt.AlignmentFlag.AlignLeft
            shown.setAlignment(side | Qt.AlignmentFlag.AlignAbsolute | top)
            _show_fact(shown, fact)
            self._values.append(shown)
            self._grid.addWidget(shown, row, 1, top)
        self._fit_labels()
        self.updateGeometry()

    def _fit_labels(self) -> None:
        widest = label_width(self, self.width())
        self._grid.setColumnMinimumWidth(0, widest)
        for label in self._labels:
            # Not its hint, which is that of several lines.
            label.ensurePolished()
            label.setFixedWidth(min(widest, label.fontMetrics().horizontalAdvance(label.text()) + 2))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if label_width(self, self.width()) != self._grid.columnMinimumWidth(0):
            self._fit_labels()


def _show_fact(shown: WordsLabel, fact: Fact) -> None:
    value = _LONG_WORD.sub(_shortened, fact.value)
    shown.say(value)
    shown.setToolTip(fact.tip or (plain_tip(fact.value, 2000) if value != fact.value else ""))
    shown.setAccessibleName(f"{fact.label}: {fact.value}")


def _shortened(word: re.Match[str]) -> str:
    return f"{word[0][:14]}…{word[0][-10:]}"


def long_fact(label: str, text: str) -> Fact:
    """Return a fact whose value is cut where it is long; the tool tip has more of it."""
    if len(text) <= FACT_LENGTH:
        return Fact(label, text)
    return Fact(label, f"{text[:FACT_LENGTH]}…", plain_tip(text, 2000))


def plain_value(value: Any) -> str:
    """Return a value of a header as one line of text; foreign words have visible marks."""
    if value is None or value == "" or value == [] or value == {}:
        return ""
    if isinstance(value, bool):
        return said("yes") if value else said("no")
    if isinstance(value, int):
        return count_text(value)
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, Mapping):
        if "message" in value:
            return foreign_text(spoken(str(value["message"])), 400)
        return ", ".join(f"{foreign_text(str(key), 60)}: {plain_value(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(filter(None, (plain_value(item) for item in value[:50])))
    return foreign_text(str(value), 1000)


def why_words(value: str) -> str:
    """Return the question why a model is said to be something, for a button or a menu."""
    return said("Why does it say {}?").format(value).replace("&", "&&")
