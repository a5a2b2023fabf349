"""What narrows the library down: the query that all parts share, the panel of facets, and the chips."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from PySide6.QtCore import QModelIndex, QObject, QPoint, QRect, QRectF, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QFont, QFontMetrics, QKeyEvent, QMouseEvent, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QLayout,
    QLayoutItem,
    QLineEdit,
    QSizePolicy,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QToolButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from modelmgr.catalog import Catalog
from modelmgr.gui import theme
from modelmgr.gui.tasks import Tasks
from modelmgr.gui.text import count_text, counted, foreign_text, plain_tip, state_label, type_label
from modelmgr.values import SORT_COLUMNS, Facets, ModelQuery

SEARCH_DELAY_MS = 150
SHOWN_VALUES = 10
GROUPS = ("types", "base_models", "tags", "folders", "states")
STATES = ("missing", "duplicate", "unidentified", "hashing", "offline", "unreadable")
"""The states of the filter panel, in its order; the last two stand there only if there are any."""

_TEXT_LIMIT = 2000
_VALUES_LIMIT = 200


class Filters(QObject):
    """The query that the window shows: search, facets and order in one place.

    Signals:
        changed(ModelQuery): it is another one now.
    """

    changed = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.query = ModelQuery()

    @property
    def is_narrowed(self) -> bool:
        """Whether anything but the order differs from "all models"."""
        return replace(self.query, sort="name", descending=False) != ModelQuery()

    def chosen(self, group: str) -> tuple[str, ...]:
        """Return the values of a facet that are on."""
        values: tuple[str, ...] = getattr(self.query, group)
        return values

    def active(self) -> list[tuple[str, str]]:
        """Return all that is on, as (group, value); the search as ("search", text)."""
        found = [("search", self.query.search.strip())] if self.query.search.strip() else []
        if self.query.favorite:
            found.append(("favorite", ""))
        return found + [(group, value) for group in GROUPS for value in self.chosen(group)]

    def without(self, group: str, value: str) -> ModelQuery:
        """Return the query without one of the things that are on."""
        if group == "search":
            return replace(self.query, search="")
        if group == "favorite":
            return replace(self.query, favorite=None)
        rest = tuple(other for other in self.chosen(group) if other != value)
        return replace(self.query, **{group: rest})  # type: ignore[arg-type]

    def set(self, query: ModelQuery) -> None:
        """Show another query."""
        if query != self.query:
            self.query = query
            self.changed.emit(query)

    def set_search(self, text: str) -> None:
        """Search for words, within what the facets leave."""
        self.set(replace(self.query, search=text[:_TEXT_LIMIT]))

    def toggle(self, group: str, value: str) -> None:
        """Switch one value of a facet."""
        if value in self.chosen(group):
            self.set(self.without(group, value))
        else:
            self.set(replace(self.query, **{group: (*self.chosen(group), value)}))  # type: ignore[arg-type]

    def toggle_favorites(self) -> None:
        """Show favourites alone, or all."""
        self.set(replace(self.query, favorite=None if self.query.favorite else True))

    def take_off(self, group: str, value: str) -> None:
        """Drop one of the things that are on."""
        self.set(self.without(group, value))

    def clear(self) -> None:
        """Show all models, in the same order as before."""
        self.set(ModelQuery(sort=self.query.sort, descending=self.query.descending))

    def sort(self, name: str, descending: bool) -> None:
        """Show the same models in another order."""
        self.set(replace(self.query, sort=name, descending=descending))

    def as_state(self) -> dict[str, Any]:
        """Return the query for the next start."""
        query = self.query
        return {
            "search": query.search,
            "favorite": bool(query.favorite),
            "sort": query.sort,
            "descending": query.descending,
        } | {group: list(self.chosen(group)) for group in GROUPS}

    def restore(self, state: Mapping[str, Any], *, order_only: bool = False) -> None:
        """Take the query of the last session; odd values are left out."""
        sort = state.get("sort")
        query = ModelQuery(
            sort=sort if sort in SORT_COLUMNS else "name", descending=state.get("descending") is True
        )
        if not order_only:
            groups = {group: _strings(state.get(group)) for group in GROUPS}
            search = state.get("search")
            query = replace(
                query,
                search=search[:_TEXT_LIMIT] if isinstance(search, str) else "",
                favorite=True if state.get("favorite") is True else None,
                **groups,  # type: ignore[arg-type]
            )
        self.set(query)


def _strings(found: object) -> tuple[str, ...]:
    if not isinstance(found, list):
        return ()
    return tuple(value for value in found[:_VALUES_LIMIT] if isinstance(value, str))


def value_label(group: str, value: str) -> str:
    """Return how a facet's value is shown."""
    if group == "types":
        return type_label(value)
    if group == "states":
        return state_label(value)
    return foreign_text(value, 300)


_NAMED_HASH = re.compile(
    r"\s*(?:(?:sha-?256|auto-?v[123]|crc-?32|blake3|model hash|hash)\s*[:=]\s*)?(?:0x)?([0-9a-f]{8,64})\s*",
    re.IGNORECASE,
)


def searched_text(text: str) -> str:
    """Return what to search for: of a hash that was pasted with its name (``AutoV2: 6C7440BA8B``) the digits alone."""
    named = _NAMED_HASH.fullmatch(text)
    return named[1] if named else text


def searched_hash(text: str) -> str | None:
    """Return the digits if nothing but a hash is searched for."""
    named = _NAMED_HASH.fullmatch(text)
    return named[1].lower() if named else None


class SearchEdit(QLineEdit):
    """The search field: tells what was typed once the typing rests for a moment.

    Signals:
        searched(str): the text to search for.
        left_downwards(): Enter or the down key: to the table.
    """

    searched = Signal(str)
    left_downwards = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("searchEdit")
        self.setAccessibleName(self.tr("Search the library"))
        self.setPlaceholderText(self.tr('Search: words, type:lora, base:"Flux.1 D", tag:ink'))
        self.setClearButtonEnabled(True)
        self.setMaxLength(_TEXT_LIMIT)
        # A file dropped here means what it means anywhere in the window.
        self.setAcceptDrops(False)
        self._delay = QTimer(self)
        self._delay.setSingleShot(True)
        self._delay.setInterval(SEARCH_DELAY_MS)
        self._delay.timeout.connect(self._tell)
        self.textChanged.connect(self._on_text_changed)
        self.returnPressed.connect(self._on_return)

    def show_text(self, text: str) -> None:
        """Show the text of a query without searching for it again."""
        if text != self.text():
            self.setText(text)
            self._delay.stop()

    @Slot(str)
    def _on_text_changed(self, _text: str) -> None:
        self._delay.start()

    @Slot()
    def _tell(self) -> None:
        self._delay.stop()
        self.searched.emit(searched_text(self.text()))

    @Slot()
    def _on_return(self) -> None:
        self._tell()
        self.left_downwards.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and self.text():
            self.clear()
            self._tell()
        elif event.key() == Qt.Key.Key_Down:
            self._on_return()
        else:
            super().keyPressEvent(event)


# --- counts -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Overview:
    """What the panel and the status bar say about a query."""

    query: ModelQuery
    facets: Facets
    total_bytes: int
    everything: int


def _without_group(query: ModelQuery, group: str) -> ModelQuery:
    nothing: dict[str, Any] = {group: ()}
    return replace(query, **nothing)


def load_overview(catalog: Catalog, query: ModelQuery) -> Overview:
    """Count, in a worker: each facet over what the *other* filters leave, so that more of it can be chosen."""
    facets = catalog.facets(query)
    for group in GROUPS[:-1]:
        if getattr(query, group):
            others = catalog.facets(_without_group(query, group))
            facets = replace(facets, **{group: getattr(others, group)})
    if query.favorite:
        facets = replace(facets, favorites=catalog.facets(replace(query, favorite=None)).favorites)
    return Overview(query, facets, catalog.total_bytes(query), catalog.count(ModelQuery()))


# --- the panel --------------------------------------------------------------------------------------------

_GROUP_ROLE, _VALUE_ROLE, _COUNT_ROLE, _ON_ROLE = (Qt.ItemDataRole.UserRole + n for n in range(1, 5))
_KIND_HEADER, _KIND_MORE = "header", "more"


class _FacetDelegate(QStyledItemDelegate):
    """Paints a facet: mark or icon, word, number; a soft ground and a tick where it is on."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex) -> None:  # type: ignore[override]
        colors = theme.colors()
        group, value = index.data(_GROUP_ROLE), index.data(_VALUE_ROLE)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        rect = QRect(option.rect)
        font = QFont(option.font)
        is_on = bool(index.data(_ON_ROLE))
        header = value == _KIND_HEADER
        area = QRectF(rect.adjusted(theme.XS, 1, -theme.XS, -1))
        if is_on or option.state & QStyle.StateFlag.State_MouseOver:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colors.chosen if is_on else colors.hover)
            if not header:
                painter.drawRoundedRect(area, 5, 5)
        if option.state & QStyle.StateFlag.State_HasFocus:
            painter.setPen(colors.accent_on_base)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(area.adjusted(0.5, 0.5, -0.5, -0.5), 5, 5)
        ratio = painter.device().devicePixelRatioF()
        text = str(index.data(Qt.ItemDataRole.DisplayRole))
        left = rect.left() + theme.M
        if header:
            font.setWeight(QFont.Weight.DemiBold)
            if font.pointSizeF() > 0:
                font.setPointSizeF(font.pointSizeF() * 0.85)
            font.setCapitalization(QFont.Capitalization.AllUppercase)
            font.setLetterSpacing(QFont.SpacingType.AbsoluteSpacing, 0.5)
            is_open = bool(option.state & QStyle.StateFlag.State_Open)
            chevron = theme.pixmap(
                "chevron-down" if is_open else "chevron-right", 12, colors.secondary, ratio
            )
            place = QRect(rect.right() - theme.M - 12, rect.center().y() - 5, 12, 12)
            painter.drawPixmap(QStyle.visualRect(option.direction, rect, place).topLeft(), chevron)
        else:
            icon = "check" if is_on else self._icon_of(group, value)
            if group == "states" and not is_on:
                place = QRect(left + 3, rect.center().y() - 4, 9, 9)
                dot = QRectF(QStyle.visualRect(option.direction, rect, place))
                theme.draw_state_mark(painter, dot, value)
            elif icon:
                color = colors.accent_on_base if is_on else colors.secondary
                place = QStyle.visualRect(option.direction, rect, QRect(left, rect.center().y() - 7, 16, 16))
                painter.drawPixmap(place.topLeft(), theme.pixmap(icon, 16, color, ratio))
            left += 16 + theme.S
        painter.setFont(font)
        metrics = QFontMetrics(font)
        right = rect.right() - theme.M
        count = index.data(_COUNT_ROLE)
        if count is not None and not header:
            number = count_text(count)
            width = metrics.horizontalAdvance(number)
            painter.setPen(colors.secondary)
            painter.drawText(
                QStyle.visualRect(
                    option.direction, rect, QRect(right - width, rect.top(), width + 1, rect.height())
                ),
                int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter),
                number,
            )
            right -= width + theme.S
        elif header:
            right -= 12 + theme.S
        faint = header or value == _KIND_MORE or (count == 0 and not is_on)
        painter.setPen(colors.secondary if faint else colors.text)
        room = QRect(left, rect.top(), max(0, right - left), rect.height())
        room = QStyle.visualRect(option.direction, rect, room)
        mode = Qt.TextElideMode.ElideMiddle if group == "folders" else Qt.TextElideMode.ElideRight
        painter.drawText(
            room,
            int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter),
            metrics.elidedText(text, mode, room.width()),
        )
        painter.restore()

    @staticmethod
    def _icon_of(group: str | None, value: str) -> str | None:
        if value == _KIND_MORE:
            return None
        if group == "all":
            return "library"
        if group == "favorite":
            return "star"
        if group == "types":
            return theme.type_icon_name(value)
        if group == "folders":
            return "folder"
        if group == "tags":
            return "tag"
        return None

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex) -> QSize:  # type: ignore[override]
        lines = option.fontMetrics.height() + theme.S
        extra = theme.M if index.data(_VALUE_ROLE) == _KIND_HEADER else 0
        return QSize(60, max(26, lines) + extra // 2)


class _FacetTree(QTreeWidget):
    """The list of facets; a click, Space or Enter switches one."""

    def __init__(self, panel: "FilterPanel") -> None:
        super().__init__(panel)
        self._panel = panel
        self.setObjectName("facetTree")
        self.setAccessibleName(self.tr("Filters"))
        self.setHeaderHidden(True)
        self.setRootIsDecorated(False)
        self.setIndentation(0)
        self.setMouseTracking(True)
        self.setUniformRowHeights(False)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setExpandsOnDoubleClick(False)
        self.setTabKeyNavigation(False)
        self.setItemDelegate(_FacetDelegate(self))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        super().mouseReleaseEvent(event)
        if event.button() == Qt.MouseButton.LeftButton:
            item = self.itemAt(event.position().toPoint())
            if item is not None:
                self._panel.press(item)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter):
            item = self.currentItem()
            if item is not None:
                self._panel.press(item)
            return
        super().keyPressEvent(event)


class FilterPanel(QWidget):
    """Facets with counts: all, favourites, type, base model, tags, folders, state. Several can be on."""

    def __init__(
        self, filters: Filters, catalog: Catalog, tasks: Tasks, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setObjectName("filterPanel")
        self.setAccessibleName(self.tr("Filters"))
        self._filters = filters
        self._catalog = catalog
        self._tasks = tasks
        self._overview: Overview | None = None
        self._opened: set[str] = set()
        self._tree = _FacetTree(self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, theme.XS, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._tree)
        self.setFocusProxy(self._tree)
        self.setMinimumWidth(160)
        self._all = self._item(None, "all", "", self.tr("All models"))
        self._favorites = self._item(None, "favorite", "", self.tr("Favourites"))
        titles = {
            "types": self.tr("Type"),
            "base_models": self.tr("Base model"),
            "tags": self.tr("Tags"),
            "folders": self.tr("Folders"),
            "states": self.tr("State"),
        }
        self._groups = {
            group: self._item(None, group, _KIND_HEADER, title) for group, title in titles.items()
        }
        for item in self._groups.values():
            item.setExpanded(True)
            item.setHidden(True)
        filters.changed.connect(self._on_query_changed)

    def refresh(self) -> None:
        """Count anew."""
        self._tasks.ask(
            partial(load_overview, self._catalog, self._filters.query),
            self._on_overview,
            key=(id(self), "overview"),
        )

    counted = Signal(object)
    """counted(Overview): the numbers for the query are here."""

    def press(self, item: QTreeWidgetItem) -> None:
        """Do what a click on an item means."""
        group, value = item.data(0, _GROUP_ROLE), item.data(0, _VALUE_ROLE)
        if group == "all":
            self._filters.clear()
        elif group == "favorite":
            self._filters.toggle_favorites()
        elif value == _KIND_HEADER:
            item.setExpanded(not item.isExpanded())
        elif value == _KIND_MORE:
            self._opened ^= {group}
            self._show()
        else:
            self._filters.toggle(group, value)

    def _item(self, parent: QTreeWidgetItem | None, group: str, value: str, text: str) -> QTreeWidgetItem:
        item = QTreeWidgetItem(parent) if parent is not None else QTreeWidgetItem(self._tree)
        item.setText(0, text)
        item.setData(0, _GROUP_ROLE, group)
        item.setData(0, _VALUE_ROLE, value)
        item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable)
        return item

    @Slot(object)
    def _on_query_changed(self, _query: ModelQuery) -> None:
        self._show()
        self.refresh()

    @Slot(object)
    def _on_overview(self, overview: Overview) -> None:
        if overview.query != self._filters.query:
            return
        self._overview = overview
        self._show()
        self.counted.emit(overview)

    def _show(self) -> None:
        """Bring the items up to date in place, so that focus and scroll position stay."""
        overview = self._overview
        if overview is None:
            return
        facets = overview.facets
        self._count(self._all, overview.everything, not self._filters.is_narrowed)
        self._count(self._favorites, facets.favorites, bool(self._filters.query.favorite))
        for group, header in self._groups.items():
            counts: Mapping[str, int] = getattr(facets, group)
            chosen = self._filters.chosen(group)
            values = self._values(group, counts, chosen)
            shown = values
            if group not in self._opened and len(values) > SHOWN_VALUES + 1:
                shown = values[:SHOWN_VALUES]
                shown += [value for value in chosen if value not in shown]
            self._fit_children(header, group, shown, len(values) - len(shown))
            for value, item in zip(shown, _children(header), strict=False):
                self._count(item, _count_of(counts, value, group), value in chosen)
            header.setHidden(not shown or not overview.everything)

    @staticmethod
    def _values(group: str, counts: Mapping[str, int], chosen: Sequence[str]) -> list[str]:
        if group == "states":
            return [value for value in STATES if counts.get(value) or value in chosen or value in STATES[:4]]
        missing = [value for value in chosen if value not in counts]
        return [*counts, *missing]

    def _fit_children(self, header: QTreeWidgetItem, group: str, values: Sequence[str], rest: int) -> None:
        wanted = list(values)
        opened = group in self._opened
        if rest > 0 or opened:
            wanted.append(_KIND_MORE)
        have = [child.data(0, _VALUE_ROLE) for child in _children(header)]
        if have != wanted:
            header.takeChildren()
            for value in wanted:
                self._item(header, group, value, value_label(group, value))
        if wanted and wanted[-1] == _KIND_MORE:
            more = _children(header)[-1]
            more.setText(
                0, self.tr("Show fewer") if opened else self.tr("Show {} more").format(count_text(rest))
            )

    def _count(self, item: QTreeWidgetItem, number: int, is_on: bool) -> None:
        item.setData(0, _COUNT_ROLE, number)
        item.setData(0, _ON_ROLE, is_on)
        group, value = item.data(0, _GROUP_ROLE), item.data(0, _VALUE_ROLE)
        words = f"{item.text(0)}, {counted(number, 'model')}"
        item.setData(0, Qt.ItemDataRole.AccessibleTextRole, words + (", on" if is_on else ""))
        if group == "folders":
            item.setText(0, foreign_text(_tail(value), 300))
            item.setToolTip(0, plain_tip(value))
        else:
            item.setToolTip(0, plain_tip(item.text(0)))


def _children(item: QTreeWidgetItem) -> list[QTreeWidgetItem]:
    found = (item.child(number) for number in range(item.childCount()))
    return [child for child in found if child is not None]


def _count_of(counts: Mapping[str, int], value: str, group: str) -> int:
    if value in counts or group != "types":
        return counts.get(value, 0)
    folded = value.casefold()
    return next((number for word, number in counts.items() if word.casefold() == folded), 0)


def _tail(path: str) -> str:
    """Return the last two parts of a folder's path: enough to tell it apart, most of the time."""
    parts = path.replace("\\", "/").rstrip("/").rsplit("/", 2)
    return "/".join(parts[-2:]) if len(parts) > 2 else path


# --- chips ------------------------------------------------------------------------------------------------


class FlowLayout(QLayout):
    """Puts widgets side by side and begins a new line where there is no more room."""

    def __init__(
        self, parent: QWidget | None = None, spacing: int = theme.XS, *, is_centred: bool = False
    ) -> None:
        super().__init__(parent)
        self._is_centred = is_centred
        self._items: list[QLayoutItem] = []
        self._gap = spacing
        self.setContentsMargins(0, 0, 0, 0)

    def clear(self) -> None:
        """Remove all widgets."""
        while self._items:
            widget = self._items.pop().widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        self.invalidate()

    def addItem(self, item: QLayoutItem) -> None:
        self._items.append(item)

    def count(self) -> int:
        return len(self._items)

    def itemAt(self, index: int) -> QLayoutItem | None:
        return self._items[index] if 0 <= index < len(self._items) else None

    def takeAt(self, index: int) -> QLayoutItem | None:
        return self._items.pop(index) if 0 <= index < len(self._items) else None

    def expandingDirections(self) -> Qt.Orientation:
        return Qt.Orientation(0)

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        return self._place(QRect(0, 0, width, 0), move=False)

    def setGeometry(self, rect: QRect) -> None:
        super().setGeometry(rect)
        self._place(rect, move=True)

    def sizeHint(self) -> QSize:
        return self.minimumSize()

    def minimumSize(self) -> QSize:
        size = QSize(0, 0)
        for item in self._items:
            size = size.expandedTo(item.minimumSize())
        margins = self.contentsMargins()
        return size + QSize(margins.left() + margins.right(), margins.top() + margins.bottom())

    @property
    def _direction(self) -> Qt.LayoutDirection:
        parent = self.parentWidget()
        return parent.layoutDirection() if parent is not None else Qt.LayoutDirection.LeftToRight

    def _place(self, rect: QRect, *, move: bool) -> int:
        """Put the items into lines below the top of `rect`; return the height that they take."""
        margins = self.contentsMargins()
        area = rect.marginsRemoved(margins)
        lines: list[list[tuple[QLayoutItem, QSize]]] = [[]]
        x = 0
        for item in self._items:
            if item.isEmpty():
                continue
            hint = item.sizeHint().boundedTo(QSize(max(1, area.width()), 10_000))
            if lines[-1] and x + hint.width() > area.width():
                lines.append([])
                x = 0
            lines[-1].append((item, hint))
            x += hint.width() + self._gap
        y = area.y()
        for line in lines:
            height = max((hint.height() for _item, hint in line), default=0)
            length = sum(hint.width() for _item, hint in line) + self._gap * (len(line) - 1)
            x = area.x() + ((area.width() - length) // 2 if self._is_centred else 0)
            for item, hint in line:
                if move:
                    place = QRect(QPoint(x, y + (height - hint.height()) // 2), hint)
                    item.setGeometry(QStyle.visualRect(self._direction, area, place))
                x += hint.width() + self._gap
            y += height + self._gap
        return y - self._gap - rect.y() + margins.bottom()


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


def label_of(active: Iterable[tuple[str, str]]) -> str:
    """Return what is on, in the words of the search field: ``ink type:lora``."""
    words = {"types": "type", "base_models": "base", "tags": "tag", "folders": "folder", "states": "state"}
    parts = []
    for group, value in active:
        if group == "search":
            parts.append(foreign_text(value, 200))
        elif group == "favorite":
            parts.append("favourites")
        else:
            shown = foreign_text(value, 200)
            parts.append(f'{words[group]}:"{shown}"' if " " in shown else f"{words[group]}:{shown}")
    return " ".join(parts)
