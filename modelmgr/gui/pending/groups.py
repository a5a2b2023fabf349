"""The groups of the inbox, by what is to be done, and the list that leads to them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from PySide6.QtCore import (
    QCoreApplication,
    QEvent,
    QModelIndex,
    QPersistentModelIndex,
    QRectF,
    QSize,
    Qt,
    Signal,
    Slot,
)
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyle,
    QStyleOptionViewItem,
    QTreeWidget,
    QTreeWidgetItem,
    QWidget,
)

from modelmgr.gui import theme
from modelmgr.gui.cells import SoftDelegate
from modelmgr.gui.measures import MOST_SIDE_WIDTH, side_width
from modelmgr.gui.reasons import DECISIONS, NO_FILE, NO_MODEL, UNREAD
from modelmgr.gui.text import count_text, counted
from modelmgr.values import PendingState

WAITING, READY, DECISION, MISSING, UNREADABLE, OTHER, PROMOTED, DISMISSED, ALL = (
    "waiting",
    "ready",
    "decision",
    "missing",
    "unreadable",
    "other",
    "promoted",
    "dismissed",
    "all",
)

PENDING = (PendingState.PENDING.value,)

Index = QModelIndex | QPersistentModelIndex

_NAME = Qt.ItemDataRole.UserRole
_ICON_PX = 16
_COUNT_LETTERS = 11
_RADIUS = 5


@dataclass(frozen=True, slots=True)
class Group:
    """One thing to do: its title, what it means, what to say when there is none, and the deeds that fit."""

    name: str
    icon: str
    title: str
    words: str
    empty: str
    deeds: tuple[str, ...]


def all_groups() -> dict[str, Group]:
    """Return the groups in the order of the list, by name, in the language of the window."""
    groups = (
        Group(
            WAITING,
            "inbox",
            _tr("Everything waiting"),
            _tr("What other tools say about your models, not yet part of the library."),
            _tr("All done. Nothing is waiting."),
            ("promote_all", "promote", "locate", "dismiss"),
        ),
        Group(
            READY,
            "circle-check",
            _tr("Ready to promote"),
            _tr("These records have found their files. Promoting makes them part of the library."),
            _tr("Nothing is ready to promote"),
            ("promote_all", "promote", "dismiss"),
        ),
        Group(
            DECISION,
            "circle-question-mark",
            _tr("Needs a decision"),
            _tr(
                "The program can't tell what is right here. Select a record to see both sides; the choice is yours."
            ),
            _tr("Nothing needs a decision"),
            ("attach", "again", "locate", "dismiss"),
        ),
        Group(
            MISSING,
            "file-search",
            _tr("File not found"),
            _tr("The files of these records aren't where they should be. What they say is kept."),
            _tr("Every record has found its file"),
            ("locate", "map", "keep", "again", "dismiss"),
        ),
        Group(
            UNREADABLE,
            "file-warning",
            _tr("Can't be read"),
            _tr("Their text could not be read as data. They are kept to the byte, and can be promoted."),
            _tr("Every record could be read"),
            ("promote_all", "promote", "dismiss"),
        ),
        Group(
            OTHER,
            "notebook",
            _tr("About no model"),
            _tr("Recipes, and rows that tools keep beside their models. They are kept whole."),
            _tr("Every record speaks of a model"),
            ("dismiss",),
        ),
        Group(
            PROMOTED,
            "history",
            _tr("Promoted"),
            _tr("The history of what became part of the library. It can be undone, or cleared."),
            _tr("Nothing has been promoted yet"),
            ("undo", "clear"),
        ),
        Group(
            DISMISSED,
            "archive",
            _tr("Dismissed"),
            _tr("What you set aside. It is kept and can be restored."),
            _tr("Nothing has been dismissed"),
            ("restore",),
        ),
        Group(
            ALL,
            "list",
            _tr("All records"),
            _tr("Every record that was imported, whatever became of it."),
            _tr("Nothing has been imported yet"),
            ("promote", "locate", "dismiss", "restore"),
        ),
    )
    return {group.name: group for group in groups}


@dataclass(frozen=True, slots=True)
class Counts:
    """How many records each group holds.

    Attributes:
        of: name of a group -> number.
        unread: the problems of reading that there are or may be; codes that nobody knows are among them.
    """

    of: Mapping[str, int]
    unread: tuple[str, ...] = UNREAD

    @classmethod
    def from_facets(cls, facets: Mapping[str, Mapping[str, int]]) -> "Counts":
        """Sort the numbers of the catalog by group."""
        states, problems = facets.get("state", {}), facets.get("problem", {})
        told = {*DECISIONS, *NO_FILE, *NO_MODEL, "none"}
        others = tuple(problem for problem in problems if problem not in told)
        of = {
            WAITING: states.get(PendingState.PENDING, 0),
            READY: problems.get("none", 0),
            DECISION: sum(problems.get(problem, 0) for problem in DECISIONS),
            MISSING: sum(problems.get(problem, 0) for problem in NO_FILE),
            UNREADABLE: sum(problems[problem] for problem in others),
            OTHER: sum(problems.get(problem, 0) for problem in NO_MODEL),
            PROMOTED: states.get(PendingState.PROMOTED, 0),
            DISMISSED: states.get(PendingState.DISMISSED, 0),
            ALL: sum(states.values()),
        }
        return cls(of, tuple(dict.fromkeys((*UNREAD, *others))))

    def kind(self, group: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the states and problems of a group; none means all."""
        kinds: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
            WAITING: (PENDING, ()),
            READY: (PENDING, ("none",)),
            DECISION: (PENDING, DECISIONS),
            MISSING: (PENDING, NO_FILE),
            UNREADABLE: (PENDING, self.unread),
            OTHER: (PENDING, NO_MODEL),
            PROMOTED: ((PendingState.PROMOTED.value,), ()),
            DISMISSED: ((PendingState.DISMISSED.value,), ()),
            ALL: ((), ()),
        }
        return kinds[group]


class _PillDelegate(SoftDelegate):
    """Paints the chosen row as one rounded ground, as the filters of the library have it."""

    def __init__(self, tree: QTreeWidget) -> None:
        super().__init__(tree)
        self._tree = tree

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        if option.state & QStyle.StateFlag.State_Selected:
            row = QRectF(option.rect)
            # The ground goes through all columns; each paints its part of it.
            is_start = (index.column() == 0) != (option.direction == Qt.LayoutDirection.RightToLeft)
            row.adjust(0.5 if is_start else -2 * _RADIUS, 1.5, 2 * _RADIUS if is_start else -0.5, -1.5)
            painter.save()
            painter.setClipRect(option.rect)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            has_focus = bool(option.state & QStyle.StateFlag.State_HasFocus) or self._tree.hasFocus()
            painter.setPen(theme.colors().accent_on_base if has_focus else QColor(Qt.GlobalColor.transparent))
            painter.setBrush(theme.colors().chosen)
            painter.drawRoundedRect(row, _RADIUS, _RADIUS)
            painter.restore()
            # The ring is drawn around the whole row.
            option.state &= ~QStyle.StateFlag.State_HasFocus
        if index.column() == 1:
            # The space between a title and its number is the title's already.
            is_mirrored = option.direction == Qt.LayoutDirection.RightToLeft
            option.rect.adjust(0 if is_mirrored else -theme.S, 0, theme.S if is_mirrored else 0, 0)
        super().paint(painter, option, index)

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        hint = super().sizeHint(option, index)
        return hint - QSize(theme.S, 0) if index.column() == 1 else hint

    def chosen(self, colors: theme.Colors) -> tuple[QColor, QColor]:
        return QColor(Qt.GlobalColor.transparent), colors.text


class GroupList(QTreeWidget):
    """The groups with their numbers.

    Signals:
        chosen(str): the user wants to see this group.
    """

    chosen = Signal(str)

    def __init__(self, groups: Sequence[Group], parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("pendingGroups")
        self.setAccessibleName(_tr("Groups of pending records"))
        self.setColumnCount(2)
        self.setHeaderHidden(True)
        self.setRootIsDecorated(False)
        self.setIndentation(0)
        self.setUniformRowHeights(True)
        side = theme.grown(_ICON_PX, self.font())
        self.setIconSize(QSize(side, side))
        self.setItemDelegate(_PillDelegate(self))
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.header().setStretchLastSection(False)
        self.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Fixed)
        self.header().setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        self.header().sectionResized.connect(self._fit_titles)
        letters = self.fontMetrics().averageCharWidth()
        longest = max(self.fontMetrics().horizontalAdvance(group.title) for group in groups)
        # In English the titles need less; beside them stand an icon and a number.
        wanted = longest + letters * _COUNT_LETTERS + 2 * theme.XS + side
        self.setFixedWidth(max(side_width(self), min(wanted, MOST_SIDE_WIDTH)))
        self._items: dict[str, QTreeWidgetItem] = {}
        for group in groups:
            item = QTreeWidgetItem([group.title, ""])
            item.setData(0, _NAME, group.name)
            item.setTextAlignment(1, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            self.addTopLevelItem(item)
            self._items[group.name] = item
        self._icons = {group.name: group.icon for group in groups}
        self._tint()
        self.currentItemChanged.connect(self._on_current_changed)

    def updateGeometries(self) -> None:
        super().updateGeometries()
        # A tree takes all margins away but that for its header. They are its own ground, so that the list begins on
        # the line of the title beside it, and its grounds end as those of the filters do.
        self.setViewportMargins(theme.XS, theme.XS, theme.XS, theme.XS)
        self._fit_titles()

    @Slot()
    def _fit_titles(self) -> None:
        """Give the titles what the numbers leave; a header that stretches them does not know of the margins."""
        header = self.header()
        header.resizeSection(0, self.viewport().width() - header.sectionSize(1))

    def show_group(self, name: str) -> None:
        """Mark a group; one that isn't there is left alone."""
        if name in self._items:
            self.setCurrentItem(self._items[name])

    def show_counts(self, counts: Mapping[str, int]) -> None:
        """Write the numbers beside the groups; what is empty is quieter."""
        colors = theme.colors()
        for name, item in self._items.items():
            count = counts.get(name, 0)
            item.setText(1, count_text(count) if count else "")
            item.setForeground(0, colors.text if count or name == WAITING else colors.secondary)
            words = f"{item.text(0)}, {counted(count, 'record')}"
            item.setData(0, Qt.ItemDataRole.AccessibleTextRole, words)

    def _tint(self) -> None:
        color = theme.colors().secondary
        for name, item in self._items.items():
            item.setIcon(0, theme.icon(self._icons[name], color=color))
            item.setForeground(1, color)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._tint()

    @Slot(QTreeWidgetItem, QTreeWidgetItem)
    def _on_current_changed(self, item: QTreeWidgetItem | None, _before: QTreeWidgetItem | None) -> None:
        if item is not None:
            self.chosen.emit(item.data(0, _NAME))


def _tr(text: str) -> str:
    return QCoreApplication.translate("PendingPage", text)
