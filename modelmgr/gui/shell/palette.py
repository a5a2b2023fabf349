"""Everything by name: some letters and Enter. Also the rows that the list of shortcuts is made of."""

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import (
    QAbstractListModel,
    QEvent,
    QModelIndex,
    QObject,
    QPoint,
    QRect,
    QSize,
    Qt,
    Signal,
    Slot,
)
from PySide6.QtGui import QFont, QFontMetrics, QKeyEvent, QPainter, QPen
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from modelmgr.gui import boxes, theme
from modelmgr.gui.cells import Index
from modelmgr.gui.measures import scaled
from modelmgr.gui.search_field import SearchField
from modelmgr.gui.shell.entries import MOST_RECENT, Entry, ranked
from modelmgr.gui.text import foreign_text

_ROW_HEIGHT, _HEAD_HEIGHT = 32, 36
_WIDTH, _HEIGHT = 600, 440
_ICON_PX = 16
_SELECTED = QStyle.StateFlag.State_Selected
_DISPLAY, _DESCRIPTION = 0, int(Qt.ItemDataRole.AccessibleDescriptionRole)
ENTRY = int(Qt.ItemDataRole.UserRole)


# --- rows -------------------------------------------------------------------------------------------------


class EntryList(QAbstractListModel):
    """Entries as rows."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._entries: Sequence[Entry] = ()

    def show_entries(self, entries: Sequence[Entry]) -> None:
        """Show others."""
        self.beginResetModel()
        self._entries = entries
        self.endResetModel()

    def entry(self, row: int) -> Entry | None:
        """Return the entry of a row, if there is such a row."""
        return self._entries[row] if 0 <= row < len(self._entries) else None

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self._entries)

    def flags(self, index: Index) -> Qt.ItemFlag:
        entry = self.entry(index.row())
        if entry is None or (entry.run is None and not entry.keys):
            return Qt.ItemFlag.ItemIsEnabled
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable

    def data(self, index: Index, role: int = _DISPLAY) -> Any:
        entry = self.entry(index.row())
        if entry is None:
            return None
        if role == _DISPLAY:
            return entry.title
        if role == ENTRY:
            return entry
        if role == _DESCRIPTION:
            return ", ".join(part for part in (entry.why_not or entry.place, entry.keys) if part)
        return None


class EntryPainter(QStyledItemDelegate):
    """Paints an entry: icon, name, where it is found or why it is off, and its keys at the end."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        entry: Entry = index.data(ENTRY)
        colors = theme.colors()
        selected = bool(option.state & _SELECTED)
        painter.save()
        painter.setFont(option.font)
        painter.setLayoutDirection(option.direction)
        if selected:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colors.accent)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.drawRoundedRect(option.rect.adjusted(0, 1, 0, -1), 5, 5)
        room = option.rect.adjusted(theme.S, 0, -theme.S, 0)
        if entry.run is None and not entry.keys:
            self._paint_heading(painter, option, room, entry.title)
            painter.restore()
            return
        quiet = colors.accent_text if selected else colors.secondary
        ink = colors.accent_text if selected else (colors.greyed if entry.why_not else colors.text)
        side = theme.grown(_ICON_PX, option.font)
        if entry.icon:
            place = self._seen(option, QRect(room.left(), room.center().y() - side // 2 + 1, side, side))
            ratio = painter.device().devicePixelRatio()
            painter.drawPixmap(place.topLeft(), theme.pixmap(entry.icon, side, ink, ratio))
        room.setLeft(room.left() + side + theme.S)
        room.setRight(room.right() - self._paint_keys(painter, option, room, entry.keys, selected))
        start = int(Qt.AlignmentFlag.AlignLeading | Qt.AlignmentFlag.AlignVCenter)
        metrics = option.fontMetrics
        title = metrics.elidedText(entry.title, Qt.TextElideMode.ElideMiddle, room.width())
        painter.setPen(ink)
        painter.drawText(self._seen(option, room), start, title)
        room.setLeft(room.left() + metrics.horizontalAdvance(title) + theme.M)
        font = QFont(option.font)
        font.setPointSizeF(font.pointSizeF() * 0.92)
        painter.setFont(font)
        painter.setPen(quiet)
        note = QFontMetrics(font).elidedText(
            entry.why_not or entry.place, Qt.TextElideMode.ElideRight, max(0, room.width())
        )
        painter.drawText(self._seen(option, room), start, note)
        painter.restore()

    def _paint_heading(self, painter: QPainter, option: QStyleOptionViewItem, room: QRect, text: str) -> None:
        font = QFont(option.font)
        font.setPointSizeF(font.pointSizeF() * 0.85)
        font.setWeight(font.Weight.DemiBold)
        painter.setFont(font)
        painter.setPen(theme.colors().secondary)
        room.setBottom(room.bottom() - theme.XS)
        painter.drawText(room, int(Qt.AlignmentFlag.AlignLeading | Qt.AlignmentFlag.AlignBottom), text)

    def _paint_keys(
        self, painter: QPainter, option: QStyleOptionViewItem, room: QRect, keys: str, selected: bool
    ) -> int:
        """Paint a shortcut at the end of a row and return the width it took."""
        if not keys:
            return 0
        colors = theme.colors()
        font = QFont(option.font)
        font.setPointSizeF(font.pointSizeF() * 0.92)
        metrics = QFontMetrics(font)
        width, height = metrics.horizontalAdvance(keys) + 2 * theme.S - theme.XS, metrics.height() + theme.XS
        cap = QRect(room.right() - width, room.center().y() - height // 2 + 1, width, height)
        painter.save()
        painter.setFont(font)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(colors.accent_text if selected else colors.line, 1))
        painter.setBrush(Qt.BrushStyle.NoBrush if selected else colors.hover)
        painter.drawRoundedRect(self._seen(option, cap), 4, 4)
        painter.setPen(colors.accent_text if selected else colors.secondary)
        # Keys read from left to right in every language.
        flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextForceLeftToRight
        painter.drawText(self._seen(option, cap), int(flags), keys)
        painter.restore()
        return width + theme.M

    @staticmethod
    def _seen(option: QStyleOptionViewItem, place: QRect) -> QRect:
        return QStyle.visualRect(option.direction, option.rect, place)

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        entry: Entry = index.data(ENTRY)
        least = _HEAD_HEIGHT if entry.run is None and not entry.keys else _ROW_HEIGHT
        return QSize(120, max(least, option.fontMetrics.height() + 2 * theme.S))


def entry_view(parent: QWidget) -> tuple[QListView, EntryList]:
    """Return a list of entries and its model."""
    view, model = QListView(parent), EntryList(parent)
    view.setModel(model)
    view.setItemDelegate(EntryPainter(view))
    view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    view.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
    view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    return view, model


# --- the palette ------------------------------------------------------------------------------------------


class CommandPalette(QDialog):
    """A field and what it may mean.

    Signals:
        chosen(str): the key of an entry that is about to be run.
    """

    chosen = Signal(str)

    def __init__(self, entries: Sequence[Entry], recent: Sequence[str], parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setObjectName("commandPalette")
        self.setAccessibleName(self.tr("Everything by name"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._entries = entries
        self._recent = list(recent)[:MOST_RECENT]
        layout = boxes.column(on=self, margins=theme.S, spacing=theme.S)
        self._edit = SearchField(self)
        self._edit.setObjectName("commandEdit")
        self._edit.setPlaceholderText(self.tr("What do you want to do?"))
        self._edit.setAccessibleName(self.tr("Name of an action"))
        self._edit.setClearButtonEnabled(False)
        self._edit.textChanged.connect(self._show)
        self._edit.returnPressed.connect(self._run)
        self._edit.installEventFilter(self)
        self._list, self._model = entry_view(self)
        self._list.setObjectName("commandList")
        self._list.setAccessibleName(self.tr("Actions"))
        self._list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._list.clicked.connect(self._run)
        self._nothing = theme.plain_label("", "secondary", self, name="commandNothing")
        self._nothing.setAlignment(Qt.AlignmentFlag.AlignCenter)
        layout.addWidget(self._edit)
        layout.addWidget(self._list, 1)
        layout.addWidget(self._nothing, 1)
        width = min(scaled(self, _WIDTH), parent.width() - 2 * theme.XL)
        self._most_height = min(scaled(self, _HEIGHT), parent.height() - 96)
        self.resize(width, self._most_height)
        self._show("")
        corner = parent.mapToGlobal(QPoint(0, 0))
        self.move(corner.x() + (parent.width() - self.width()) // 2, corner.y() + 64)
        self._edit.setFocus()

    @Slot(str)
    def _show(self, text: str) -> None:
        found = ranked(self._entries, text, self._recent)
        if not text.strip() and self._recent:
            found = self._with_headings(found)
        self._model.show_entries(found)
        self._list.setVisible(bool(found))
        self._nothing.setVisible(not found)
        self._nothing.setText(self.tr("Nothing here is called “{}”").format(foreign_text(text, 60)))
        self._move(0, 1)
        self._fit()

    def _fit(self) -> None:
        """Be as high as what was found, if there is room."""
        rows = sum(self._list.sizeHintForRow(row) for row in range(self._model.rowCount()))
        found = (
            rows + 2 * self._list.frameWidth() if rows else self._nothing.sizeHint().height() + 2 * theme.M
        )
        around = self._edit.sizeHint().height() + 3 * theme.S
        self.resize(self.width(), min(self._most_height, around + found))

    def _with_headings(self, found: list[Entry]) -> list[Entry]:
        lately = [entry for entry in found if entry.key in self._recent]
        others = [entry for entry in found if entry.key not in self._recent]
        if not lately:
            return found
        return [
            Entry("", self.tr("Used lately")), *lately, Entry("", self.tr("All")), *others,
        ]  # fmt: skip

    @Slot()
    def _run(self) -> None:
        entry = self._model.entry(self._list.currentIndex().row())
        if entry is None or entry.run is None or entry.why_not:
            return  # why not stands beside it
        self.accept()
        self.chosen.emit(entry.key)
        entry.run()

    def _move(self, row: int, step: int) -> None:
        """Choose the next entry from a row on, over the headings."""
        last = self._model.rowCount() - 1
        row = max(0, min(last, row))
        while 0 <= row <= last:
            entry = self._model.entry(row)
            if entry is not None and entry.run is not None:
                self._list.setCurrentIndex(self._model.index(row))
                if row <= 1:
                    self._list.scrollToTop()
                return
            row += 1 if step > 0 else -1

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            page = max(1, self._list.viewport().height() // _ROW_HEIGHT - 1)
            step = {
                Qt.Key.Key_Down: 1,
                Qt.Key.Key_Up: -1,
                Qt.Key.Key_PageDown: page,
                Qt.Key.Key_PageUp: -page,
            }.get(Qt.Key(event.key()))
            if step is not None:
                self._move(self._list.currentIndex().row() + step, step)
                return True
        return super().eventFilter(watched, event)
