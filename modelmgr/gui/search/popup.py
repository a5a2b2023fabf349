"""The list below the search field: what is offered, and a line on what the search means.

It is a child of the window and never has the keyboard: typing goes on as if it weren't there.
"""

from collections.abc import Sequence

from PySide6.QtCore import (
    QAbstractItemModel,
    QAbstractListModel,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QFont, QFontMetrics, QPainter
from PySide6.QtWidgets import (
    QFrame,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from modelmgr.gui import boxes, theme
from modelmgr.gui.labels import WrappingLabel
from modelmgr.gui.search.suggest import Offer
from modelmgr.gui.text import foreign_text

_ICON_PX = 16
ROW, SHOWN_ROWS, LEAST_WIDTH, MOST_WIDTH = 28, 9, 420, 720
_OFFER = Qt.ItemDataRole.UserRole
_DISPLAY, _ACCESSIBLE = int(Qt.ItemDataRole.DisplayRole), int(Qt.ItemDataRole.AccessibleTextRole)
_NO_INDEX = QModelIndex()


class _Offers(QAbstractListModel):
    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._offers: Sequence[Offer] = ()

    def show(self, offers: Sequence[Offer]) -> None:
        self.beginResetModel()
        self._offers = offers
        self.endResetModel()

    def rowCount(self, parent: QModelIndex | QPersistentModelIndex = _NO_INDEX) -> int:
        return 0 if parent.isValid() else len(self._offers)

    def data(self, index: QModelIndex | QPersistentModelIndex, role: int = _DISPLAY) -> object:
        offer = self._offers[index.row()]
        if role == _DISPLAY:
            return offer.shown
        if role == _ACCESSIBLE:
            return f"{offer.shown}, {offer.help}" if offer.help else offer.shown
        return offer if role == int(_OFFER) else None


class _OfferDelegate(QStyledItemDelegate):
    """Icon, text, beside it what it means, or at the end how many there are."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex) -> None:  # type: ignore[override]
        colors = theme.colors()
        offer: Offer = index.data(_OFFER)
        rect = QRect(option.rect)
        is_current = bool(option.state & QStyle.StateFlag.State_Selected)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if is_current:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colors.chosen)
            painter.drawRoundedRect(rect.adjusted(theme.XS, 1, -theme.XS, -1), 5, 5)
        ratio = painter.device().devicePixelRatioF()
        side = theme.grown(_ICON_PX, option.font)
        place = QRect(rect.left() + theme.M, rect.center().y() - side // 2 + 1, side, side)
        icon = theme.pixmap(
            offer.icon, side, colors.accent_on_base if is_current else colors.secondary, ratio
        )
        painter.drawPixmap(QStyle.visualRect(option.direction, rect, place).topLeft(), icon)
        left, right = place.right() + 1 + theme.S, rect.right() - theme.M
        metrics = QFontMetrics(option.font)
        small = QFont(option.font)
        if small.pointSizeF() > 0:
            small.setPointSizeF(small.pointSizeF() * 0.92)
        room = right - left
        wide = min(metrics.horizontalAdvance(offer.shown), room)
        if offer.help:
            painter.setFont(small)
            painter.setPen(colors.secondary)
            # A number stands at the end; what a name means beside it, in line with the others.
            is_number = offer.help[0].isdigit()
            side = Qt.AlignmentFlag.AlignRight if is_number else Qt.AlignmentFlag.AlignLeft
            if not is_number:
                wide = max(wide, min(room // 2, _longest(index.model(), metrics)))
            # The name comes first: the help has what is left, but never less than a third.
            share = max(room // 3, room - wide - theme.L)
            words = QFontMetrics(small).elidedText(offer.help, Qt.TextElideMode.ElideRight, share)
            width = QFontMetrics(small).horizontalAdvance(words) if is_number else share
            spot = QRect(right - width, rect.top(), width + 1, rect.height())
            painter.drawText(
                QStyle.visualRect(option.direction, rect, spot),
                int(side | Qt.AlignmentFlag.AlignVCenter),
                words,
            )
            right -= width + theme.M
        painter.setFont(option.font)
        painter.setPen(colors.text)
        spot = QRect(left, rect.top(), max(0, right - left), rect.height())
        painter.drawText(
            QStyle.visualRect(option.direction, rect, spot),
            int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter),
            metrics.elidedText(offer.shown, Qt.TextElideMode.ElideMiddle, spot.width()),
        )
        painter.restore()

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex) -> QSize:  # type: ignore[override]
        return QSize(100, max(ROW, option.fontMetrics.height() + theme.S))


def _longest(offers: QAbstractItemModel, metrics: QFontMetrics) -> int:
    names = (str(offers.index(row, 0).data()) for row in range(offers.rowCount()))
    return max(map(metrics.horizontalAdvance, names), default=0)


class SearchPopup(QFrame):
    """Offers below the search field, and what the search means.

    Signals:
        chosen(Offer): one was clicked.
    """

    chosen = Signal(object)

    def __init__(self, field: QWidget) -> None:
        super().__init__(field.window())
        self.setObjectName("searchPopup")
        self.setProperty("role", "popup")
        self.setAccessibleName(self.tr("Suggestions"))
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._field = field
        self._offers = _Offers(self)
        self._list = QListView(self)
        self._list.setObjectName("searchOffers")
        self._list.setAccessibleName(self.tr("Suggestions"))
        self._list.setModel(self._offers)
        self._list.setItemDelegate(_OfferDelegate(self._list))
        self._list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._list.setMouseTracking(True)
        self._list.setUniformItemSizes(True)
        self._list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._list.viewport().setCursor(Qt.CursorShape.PointingHandCursor)
        self._list.clicked.connect(self._on_clicked)
        self._means = WrappingLabel(3, self)
        self._means.setObjectName("searchMeans")
        self._means.setProperty("role", "secondary")
        self._wrong = WrappingLabel(3, self)
        self._wrong.setObjectName("searchNotUnderstood")
        self._words = QWidget(self)
        boxes.column(
            self._means, self._wrong, on=self._words, margins=(theme.M, theme.S, theme.M, theme.S), spacing=2
        )
        self._line = QFrame(self)
        self._line.setProperty("role", "line")
        self._line.setFixedHeight(1)
        boxes.column(self._list, self._line, self._words, on=self, margins=(1, theme.XS, 1, 1), spacing=0)
        self.hide()

    # --- questions --------------------------------------------------------------------------------------

    @property
    def current(self) -> Offer | None:
        """The offer that is marked, if one is."""
        index = self._list.currentIndex()
        return index.data(_OFFER) if index.isValid() and self._list.selectionModel().hasSelection() else None

    @property
    def has_offers(self) -> bool:
        """Whether there is anything to be chosen."""
        return self._offers.rowCount() > 0

    def first(self) -> Offer | None:
        """Return the first offer."""
        return self._offers.index(0).data(_OFFER) if self.has_offers else None

    # --- showing ----------------------------------------------------------------------------------------

    def show_offers(self, offers: Sequence[Offer], means: str, wrong: Sequence[str]) -> None:
        """Show these; hide if there is nothing to show. What was marked stays marked if it is still there."""
        marked = self.current
        self._offers.show(offers)
        self._list.setVisible(bool(offers))
        self._line.setVisible(bool(offers) and bool(means or wrong))
        self._means.setText(means)
        self._means.setVisible(bool(means))
        self._wrong.setText(foreign_text(" ".join(wrong), 600))
        self._wrong.setVisible(bool(wrong))
        self._words.setVisible(bool(means or wrong))
        same = next((row for row, offer in enumerate(offers) if marked and offer.text == marked.text), None)
        if same is not None:
            self._list.setCurrentIndex(self._offers.index(same))
        else:
            self._list.clearSelection()
            self._list.setCurrentIndex(QModelIndex())
        self.setVisible(bool(offers or means or wrong))
        if self.isVisible():
            self.place()
            self.raise_()

    def step(self, by: int) -> None:
        """Mark the next offer or the one before; before the first and after the last none is marked."""
        number = self._offers.rowCount()
        if not number:
            return
        row = self._list.currentIndex().row() if self.current is not None else -1 if by > 0 else number
        row += by
        if 0 <= row < number:
            self._list.setCurrentIndex(self._offers.index(row))
        else:
            self._list.clearSelection()
            self._list.setCurrentIndex(QModelIndex())

    def place(self) -> None:
        """Stand below the field, within the window."""
        window = self.window()
        width = min(max(LEAST_WIDTH, self._field.width()), MOST_WIDTH, window.width() - 2 * theme.S)
        rows = min(self._offers.rowCount(), SHOWN_ROWS)
        row = self._list.sizeHintForRow(0) if rows else 0
        self._list.setFixedHeight(rows * row + (theme.XS if rows else 0))
        below = self._field.mapTo(window, QPoint(0, self._field.height() + theme.XS))
        if self._field.isRightToLeft():
            below.setX(below.x() + self._field.width() - width)
        x = max(theme.S, min(below.x(), window.width() - width - theme.S))
        words = self._words.layout()
        assert words is not None
        height = theme.XS + 2 + self._list.height() if rows else theme.XS + 2
        if not self._words.isHidden():
            height += words.heightForWidth(width - 2) + (1 if rows else 0)
        self.setGeometry(x, below.y(), width, min(height, window.height() - below.y() - theme.S))

    def _on_clicked(self, index: QModelIndex) -> None:
        self.chosen.emit(index.data(_OFFER))
