"""The panel of facets: values with live counts, several of which can be on."""

from collections.abc import Mapping, Sequence
from functools import partial

from PySide6.QtCore import QModelIndex, QRect, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QFont, QFontMetrics, QKeyEvent, QMouseEvent, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from modelmgr.catalog import Catalog
from modelmgr.gui import theme
from modelmgr.gui.search.counts import Overview, load_overview
from modelmgr.gui.search.filters import STATES, Filters
from modelmgr.gui.search.words import value_label
from modelmgr.gui.tasks import Tasks
from modelmgr.gui.text import count_text, counted, foreign_text, plain_tip
from modelmgr.values import ModelQuery

SHOWN_VALUES = 10
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
