"""The filters of the pending page: which tool, which type, which reason, with numbers beside each choice."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from PySide6.QtCore import QEvent, QObject, Qt, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QComboBox, QToolButton, QWidget

from modelmgr.gui import boxes, theme
from modelmgr.gui.labels import ElidedBox
from modelmgr.gui.reasons import reason, source_label
from modelmgr.gui.text import count_text, type_label
from modelmgr.values import PendingQuery

_LETTERS, _LEAST_WIDTH = 14, 110
_WORDS = Qt.ItemDataRole.UserRole + 1


class FilterChoice(ElidedBox):
    """One filter. Ids that have one name for a person are one choice.

    Signals:
        chosen(): the user chose something else.
    """

    chosen = Signal()

    def __init__(self, name: str, all_words: str, label: Callable[[str], str], parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self.setAccessibleName(all_words)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(_LETTERS)
        # In large letters all of them stand on one line still, and end in an ellipsis.
        self.setMinimumWidth(_LEAST_WIDTH)
        self._all_words = all_words
        self._label = label
        self._counts: dict[str, int] | None = None
        self.addItem(all_words, ())
        self.activated.connect(self._on_activated)
        self.hide()

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids that are let through; none means all."""
        found: tuple[str, ...] = self.currentData() or ()
        return found

    def show_counts(self, counts: Mapping[str, int]) -> None:
        """Offer these ids; what is chosen stays, even if nothing is left of it."""
        if counts == self._counts:
            return
        self._counts = dict(counts)
        named: dict[str, tuple[tuple[str, ...], int]] = {}
        for one, number in counts.items():
            ids, before = named.get(self._label(one), ((), 0))
            named[self._label(one)] = ((*ids, one), before + number)
        kept = self.currentData(_WORDS) if self.ids else None
        if kept is not None and kept not in named:
            named[kept] = (self.ids, 0)
        self.clear()
        self.addItem(self._all_words, ())
        for words, (ids, number) in named.items():
            self.addItem(f"{words} ({count_text(number)})", ids)
            self.setItemData(self.count() - 1, words, _WORDS)
            if words == kept:
                self.setCurrentIndex(self.count() - 1)
        # A list of one is no choice.
        self.setVisible(len(named) > 1 or kept is not None)

    def take_off(self) -> None:
        """Let everything through."""
        self.setCurrentIndex(0)

    @Slot(int)
    def _on_activated(self, _at: int) -> None:
        self.chosen.emit()


class PendingFilters(QWidget):
    """The line of filters.

    Signals:
        changed(): other records are wanted.
    """

    changed = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("pendingFilters")
        self._source = FilterChoice("pendingSourceFilter", self.tr("All sources"), source_label, self)
        self._type = FilterChoice("pendingTypeFilter", self.tr("All types"), type_label, self)
        self._problem = FilterChoice("pendingProblemFilter", self.tr("All reasons"), _problem_words, self)
        self._clear = QToolButton(self)
        self._clear.setObjectName("pendingFiltersOff")
        self._clear.setText(self.tr("Take off filters"))
        self._clear.clicked.connect(self._on_clear)
        self._clear.hide()
        layout = boxes.row(on=self, margins=0, spacing=theme.S)
        for choice in (self._source, self._type, self._problem):
            choice.chosen.connect(self._on_chosen)
            layout.addWidget(choice)
        layout.addWidget(self._clear)

    @property
    def is_on(self) -> bool:
        """Whether something is filtered out."""
        return any(choice.ids for choice in (self._source, self._type, self._problem))

    def narrowed(self, query: PendingQuery) -> PendingQuery:
        """Return the query of a group with the filters added."""
        problems = self._problem.ids
        if query.problems and problems:
            problems = tuple(one for one in problems if one in query.problems) or ("",)
        return replace(
            query, sources=self._source.ids, types=self._type.ids, problems=problems or query.problems
        )

    def show_counts(self, counts: Mapping[str, Mapping[str, int]], problems: Sequence[str]) -> None:
        """Offer what there is; of the problems those of the group, all if it has none of its own."""
        self._source.show_counts(counts.get("source", {}))
        self._type.show_counts(counts.get("type", {}))
        found = counts.get("problem", {})
        self._problem.show_counts(
            {one: number for one, number in found.items() if not problems or one in problems}
        )
        self._clear.setVisible(self.is_on)

    def forget_problem(self) -> None:
        """Take off the filter by reason: another group has other reasons."""
        self._problem.take_off()
        self._clear.setVisible(self.is_on)

    @Slot()
    def _on_chosen(self) -> None:
        self._clear.setVisible(self.is_on)
        self.changed.emit()

    @Slot()
    def take_off(self) -> None:
        """Let everything through."""
        for choice in (self._source, self._type, self._problem):
            choice.take_off()
        self._clear.hide()

    @Slot()
    def _on_clear(self) -> None:
        self.take_off()
        self.changed.emit()


class BesideOrBelow(QWidget):
    """Two widgets on one line, the second at its end; where that is too short, one below the other."""

    def __init__(self, first: QWidget, second: QWidget, parent: QWidget) -> None:
        super().__init__(parent)
        self._first = first
        self._second = second
        self._box = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._box.setContentsMargins(0, 0, 0, 0)
        self._box.setSpacing(theme.S)
        self._box.addWidget(first, 1)
        self._box.addWidget(second, 0, Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        for widget in (first, second):
            widget.installEventFilter(self)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.LayoutRequest:
            self._arrange()
        return super().eventFilter(watched, event)

    def _arrange(self) -> None:
        shown = [
            child for child in self._first.children() if isinstance(child, QWidget) and not child.isHidden()
        ]
        needed = sum(child.sizeHint().width() + theme.S for child in shown) + self._second.sizeHint().width()
        fits = needed <= self.width()
        way = QBoxLayout.Direction.LeftToRight if fits else QBoxLayout.Direction.TopToBottom
        if way != self._box.direction():
            self._box.setDirection(way)


def _problem_words(problem: str) -> str:
    return reason(None if problem == "none" else problem)
