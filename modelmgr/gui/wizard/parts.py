"""What the pages of the wizard are made of."""

import os
from collections.abc import Sequence

from PySide6.QtCore import QCoreApplication, Qt, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QHeaderView,
    QLabel,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
    QWizard,
    QWizardPage,
)

from modelmgr.gui import boxes, theme
from modelmgr.gui.cells import SoftDelegate
from modelmgr.gui.measures import scaled
from modelmgr.gui.reasons import explanation, problem_label
from modelmgr.gui.sentences import spoken
from modelmgr.gui.tasks import Tasks
from modelmgr.gui.text import count_text, foreign_text, plain_tip
from modelmgr.gui.wizard.journey import Journey
from modelmgr.library import Library
from modelmgr.values import Problem

SHOWN_ITEMS = 1_000
"""So many problems and ignored files are listed; a number says how many there are."""

OPEN_ITEMS = 8
"""A kind of problems with more of them is folded at first."""

_SHORT_NAME, _LEAST_NAME, _WIDE_NAME = 80, 120, 280

NO_NUMBER = "–"
"""Stands in a list for a number that is 0."""

PATH = Qt.ItemDataRole.UserRole


def tr(text: str) -> str:
    """Return a text of the wizard in the language of the window."""
    return QCoreApplication.translate("MigrationWizard", text)


class _FirstFits(QTreeWidget):
    """A list whose first column is as wide as its words, up to a share of the room; the others divide the rest."""

    def __init__(self, share: float, parent: QWidget) -> None:
        super().__init__(parent)
        self._share = share

    def divide(self) -> None:
        """Make the columns fit what stands in them."""
        most = round(self.viewport().width() * self._share)
        self.header().resizeSection(0, min(most, max(self.sizeHintForColumn(0), most // 2)))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.divide()


class NumbersTree(QTreeWidget):
    """A list of names with numbers behind them, which stand at the right and are never cut.

    The names have the room that is left, and in a narrow list enough to be read. Where not all fits, columns without a
    number (`NO_NUMBER` in every line) are left out; if that is not enough, names are cut, then the list is scrolled.
    """

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._is_fitting = False
        self.header().setStretchLastSection(False)
        self.header().sectionResized.connect(self._on_resized)
        self.model().rowsInserted.connect(self._fit)

    def show_numbers(self) -> None:
        """Put the titles of the numbers above them; to be called once there are columns."""
        for column in range(1, self.columnCount()):
            self.header().setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
            at_the_right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
            self.headerItem().setTextAlignment(column, at_the_right)

    @Slot(int, int, int)
    def _on_resized(self, column: int, _old: int, _new: int) -> None:
        if column:
            self._fit()

    @Slot()
    def _fit(self) -> None:
        if self._is_fitting:
            return
        self._is_fitting = True
        header, numbers, room = self.header(), _numbers(self), self.viewport().width()
        for column in numbers:
            header.setSectionHidden(column, False)  # what is hidden doesn't say how wide it would be
        widths = {c: max(self.sizeHintForColumn(c), header.sectionSizeHint(c)) for c in numbers}
        if sum(widths.values()) > room - scaled(self, _LEAST_NAME):
            for column in filter(self._is_empty, numbers):
                header.setSectionHidden(column, True)
                del widths[column]
        header.resizeSection(0, max(scaled(self, _SHORT_NAME), room - sum(widths.values())))
        self._is_fitting = False

    def _is_empty(self, column: int) -> bool:
        texts = {self.model().index(at, column).data() for at in range(self.topLevelItemCount())}
        return texts == {NO_NUMBER}

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()


def make_list(
    parent: QWidget,
    name: str,
    words: str,
    columns: Sequence[str],
    *,
    first: float = 0.0,
    numbers: bool = False,
) -> QTreeWidget:
    """Return an empty list with a name for tests, words for those who hear it, and the titles of its columns.

    `first` is the share of the width that the first column may have, as far as its words need it (`divide`); 0
    leaves the columns as Qt has them. With `numbers` all columns but the first are numbers.
    """
    tree = _FirstFits(first, parent) if first else NumbersTree(parent) if numbers else QTreeWidget(parent)
    tree.setObjectName(name)
    tree.setAccessibleName(words)
    tree.setProperty("framed", True)
    tree.setRootIsDecorated(False)
    tree.setUniformRowHeights(True)
    tree.setHeaderLabels(list(columns))
    if isinstance(tree, NumbersTree):
        tree.show_numbers()
    tree.setTabKeyNavigation(False)
    # It says where one is; what stands out on a page of the wizard is the button that leads on.
    tree.setItemDelegate(SoftDelegate(tree))
    tree.setProperty("soft", True)
    tree.setCornerWidget(QWidget(tree))
    if first:
        tree.header().setStretchLastSection(False)
        for column in range(1, len(columns)):
            tree.header().setSectionResizeMode(column, QHeaderView.ResizeMode.Stretch)
    return tree


def divide(tree: QTreeWidget) -> None:
    """Fit the columns of a list made with `first` to what was just filled in."""
    assert isinstance(tree, _FirstFits)
    tree.divide()


def make_item(texts: Sequence[str], *, numbers_from: int | None = None) -> QTreeWidgetItem:
    """Return a line of a list; the columns from `numbers_from` on are numbers, at the right."""
    item = QTreeWidgetItem(list(texts))
    for column, text in enumerate(texts):
        item.setToolTip(column, plain_tip(text))
        if numbers_from is not None and column >= numbers_from:
            item.setTextAlignment(column, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    return item


def fit_width(tree: QTreeWidget) -> None:
    """Make a list of numbers as wide as its words: a number stands near what it counts."""
    names = max(tree.sizeHintForColumn(0) + theme.XL, scaled(tree, _WIDE_NAME))
    numbers = sum(max(tree.sizeHintForColumn(c), tree.header().sectionSizeHint(c)) for c in _numbers(tree))
    tree.setMaximumWidth(names + numbers + 2 * tree.frameWidth())


def _numbers(tree: QTreeWidget) -> range:
    return range(1, tree.columnCount())


def fit_height(tree: QTreeWidget, most: int) -> None:
    """Make a list as high as its lines, up to `most` of them."""
    lines = max(1, min(most, tree.topLevelItemCount()))
    line = max(theme.ROW_HEIGHT, tree.sizeHintForRow(0))
    tree.setFixedHeight(tree.header().sizeHint().height() + lines * line + theme.S)


def make_note(words: str, parent: QWidget) -> QWidget:
    """Return a quiet line with a sign before it."""
    line = QWidget(parent)
    mark = QLabel(line)
    mark.setPixmap(theme.sign(parent, "info", 16, theme.colors().secondary))
    boxes.row(mark, (theme.plain_label(words, "secondary", line), 1), on=line, margins=0, spacing=theme.S)
    return line


class Page(QWizardPage):
    """A page with the wizard's own heading, and what all pages know.

    What stands on it is built when it is first shown: all four at once would hold the window up.
    """

    def __init__(
        self,
        wizard: QWizard,
        library: Library,
        tasks: Tasks,
        journey: Journey,
        name: str,
        title: str,
        words: str,
    ) -> None:
        super().__init__(wizard)
        self._wizard = wizard
        self._library = library
        self._tasks = tasks
        self._journey = journey
        self.setObjectName(name)
        self.setAccessibleName(title)
        self._words = theme.paragraph(words, "secondary", self)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, theme.L, 0, theme.S)
        self._layout.setSpacing(theme.M)
        head = boxes.column(spacing=theme.XS)
        self._title = theme.plain_label(title, "pane-title", self)
        head.addWidget(self._title)
        head.addWidget(self._words)
        self._layout.addLayout(head)
        self._is_built = False

    def initializePage(self) -> None:
        if not self._is_built:
            self._is_built = True
            self._build()
        self._enter()

    def _build(self) -> None:
        """Make what stands on the page."""
        raise NotImplementedError

    def _enter(self) -> None:
        """Begin anew: the page is about to be shown, and may show nothing of an earlier time."""
        raise NotImplementedError


def make_problem_list(parent: QWidget, name: str) -> QTreeWidget:
    """Return an empty list for `fill_with_problems`."""
    tree = make_list(parent, name, tr("Problems"), [tr("What"), tr("Where"), tr("More")], first=0.4)
    tree.setRootIsDecorated(True)
    tree.setIndentation(theme.L)
    return tree


class ProblemPage(QWidget):
    """A list of problems with the words of the chosen one below it, in full."""

    def __init__(self, tree: QTreeWidget, parent: QWidget) -> None:
        super().__init__(parent)
        self._words = theme.paragraph("", parent=self, name=f"{tree.objectName()}Words")
        self._words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._words.hide()
        tree.currentItemChanged.connect(self._show_words)
        boxes.column((tree, 1), self._words, on=self, margins=0, spacing=theme.S)

    @Slot(QTreeWidgetItem, QTreeWidgetItem)
    def _show_words(self, item: QTreeWidgetItem | None) -> None:
        """Say where it is, what is wrong, and what that means or what can be done."""
        group = item.parent() if item is not None else None
        told = [] if item is None else [item.text(2)]
        if group is not None and item is not None:
            told = [item.text(1), item.text(2), group.text(2)]
        self._words.setText("\n".join(text for text in told if text))
        self._words.setVisible(bool(self._words.text()))


def fill_with_problems(tree: QTreeWidget, problems: Sequence[Problem]) -> None:
    """Show problems, those of one kind together, what was not taken before what was taken with a doubt."""
    tree.clear()
    kinds: dict[tuple[bool, str], list[Problem]] = {}
    for problem in problems:
        kinds.setdefault((problem.kept, problem.code), []).append(problem)
    for (kept, code), found in sorted(
        kinds.items(), key=lambda kind: (kind[0][0], -len(kind[1]), kind[0][1])
    ):
        label = f"{problem_label(code)} ({count_text(len(found))})"
        fate = tr("Taken, with a doubt") if kept else tr("Not taken")
        why = explanation(code)
        group = make_item([label, fate, why if why != problem_label(code) + "." else ""])
        tree.addTopLevelItem(group)
        for problem in found[:SHOWN_ITEMS]:
            name = problem.record_key or os.path.basename(problem.path)
            texts = [name, problem.path, spoken(problem.message)]
            group.addChild(make_item([foreign_text(text) for text in texts]))
        if len(found) > SHOWN_ITEMS:
            more = tr("and {} more").format(count_text(len(found) - SHOWN_ITEMS))
            group.addChild(make_item([more]))
        group.setExpanded(len(found) <= OPEN_ITEMS)
    divide(tree)


def fill_with_paths(tree: QTreeWidget, paths: Sequence[str]) -> None:
    """Show paths in a list, the first of them if they are many."""
    tree.clear()
    tree.addTopLevelItems([make_item([foreign_text(path)]) for path in paths[:SHOWN_ITEMS]])
