"""The rows of the overview: a name, a quiet bar and its numbers; pressed, a row leads to what it counts."""

from collections.abc import Sequence

from PySide6.QtCore import QRect, QRectF, QSize, Qt
from PySide6.QtGui import QFont, QFontMetrics, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QStyle, QWidget

from modelmgr.gui import boxes, theme
from modelmgr.gui.cells import elide_mode
from modelmgr.gui.measures import scaled
from modelmgr.gui.text import plain_tip

_ICON, _BAR = 16, 6
_NOTE_SCALE = 0.92


class Row(QAbstractButton):
    """One line: icon, name, bar, numbers.

    Args:
        name: what is counted.
        numbers: how much of it, for the end of the line, in columns.
        share: how long the bar is, 0 to 1; None for no bar.
        icon: a name of the icon set, or of a state's mark after ``state:``.
        mark: "problem" paints the icon in that colour.
    """

    def __init__(
        self,
        name: str,
        numbers: tuple[str, ...],
        parent: QWidget,
        *,
        share: float | None = None,
        icon: str = "",
        mark: str = "",
        tip: str = "",
    ) -> None:
        super().__init__(parent)
        self._name, self.numbers, self._share = name, numbers, share
        self.icon_name, self._mark = icon, mark
        self._widths: tuple[int, ...] = ()
        self._numbers_width = 0
        self._names_width = 0
        self._indent = 0
        self._icon_px = theme.grown(_ICON, self.font())
        self.setAccessibleName(f"{name}: {', '.join(numbers)}" if numbers else name)
        self.setToolTip(plain_tip(tip or name))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    @property
    def has_bar(self) -> bool:
        """Whether a bar stands behind its name."""
        return self._share is not None

    def number_widths(self) -> tuple[int, ...]:
        """Return how much room its numbers need."""
        metrics = QFontMetrics(self._note_font())
        return tuple(metrics.horizontalAdvance(number) + 1 for number in self.numbers)

    def name_width(self) -> int:
        """Return how much room its name needs, with that for an icon before it."""
        return self._indent + self.fontMetrics().horizontalAdvance(self._name) + 1

    def indent(self, has_icons: bool) -> None:
        """Leave room for an icon before the name, as the other rows of the block do."""
        self._indent = self._icon_px + theme.S if has_icons else 0

    def align(self, widths: tuple[int, ...], numbers_width: int, names_width: int) -> None:
        """Leave so much room for each number, for all of them, and if there is as much for the name, as others do."""
        self._widths = widths
        self._numbers_width = numbers_width
        self._names_width = names_width
        self.update()

    def _note_font(self) -> QFont:
        font = QFont(self.font())
        font.setPointSizeF(font.pointSizeF() * _NOTE_SCALE)
        return font

    def setEnabled(self, enabled: bool) -> None:
        super().setEnabled(enabled)
        self.setCursor(Qt.CursorShape.PointingHandCursor if enabled else Qt.CursorShape.ArrowCursor)

    def sizeHint(self) -> QSize:
        return QSize(scaled(self, 280), max(theme.ROW_HEIGHT, self.fontMetrics().height() + 2 * theme.XS))

    def minimumSizeHint(self) -> QSize:
        return QSize(scaled(self, 160), self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colors = theme.colors()
        if self.isEnabled() and (self.underMouse() or self.hasFocus()):
            painter.setPen(QPen(colors.accent_on_base, 1) if self.hasFocus() else Qt.PenStyle.NoPen)
            painter.setBrush(colors.hover if self.underMouse() else Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 5, 5)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if self.icon_name:
            left, top = self.rect().left() + theme.S, self.rect().center().y() - self._icon_px // 2 + 1
            self._paint_icon(painter, QRect(left, top, self._icon_px, self._icon_px))
        painter.setFont(self._note_font())
        painter.setPen(colors.secondary)
        painter.setLayoutDirection(self.layoutDirection())
        trailing = int(Qt.AlignmentFlag.AlignTrailing | Qt.AlignmentFlag.AlignVCenter)
        end = self.rect().adjusted(0, 0, -theme.S, 0)
        for text, width in zip(reversed(self.numbers), reversed(self._widths), strict=False):
            end.setLeft(end.right() - width + 1)
            painter.drawText(self._seen(end), trailing, text)
            end.setRight(end.left() - theme.M)
        self._paint_name(painter)

    def bar(self) -> QRect:
        """Return where the whole bar lies, as read from left to right."""
        room = self._room()
        left = room.left() + self._named(room) + theme.M
        return QRect(left, room.center().y() - _BAR // 2 + 1, room.right() + 1 - left, _BAR)

    def _room(self) -> QRect:
        """Return where icon, name and bar lie, before the numbers."""
        return self.rect().adjusted(theme.S, 0, -theme.S - self._numbers_width, 0)

    def _named(self, room: QRect) -> int:
        """Return how much of the room icon and name have: what they need, between two and three fifths."""
        return min(max(room.width() * 2 // 5, self._names_width), room.width() * 3 // 5)

    def _paint_name(self, painter: QPainter) -> None:
        colors = theme.colors()
        room = self._room()
        width = (room.width() if self._share is None else self._named(room)) - self._indent
        painter.setFont(self.font())
        painter.setPen(colors.text)
        name = self.fontMetrics().elidedText(self._name, elide_mode(self._name), width)
        leading = int(Qt.AlignmentFlag.AlignLeading | Qt.AlignmentFlag.AlignVCenter)
        if elide_mode(self._name) == Qt.TextElideMode.ElideMiddle:
            # A path reads from left to right in every language, beside its icon.
            side = Qt.AlignmentFlag.AlignRight if self.isRightToLeft() else Qt.AlignmentFlag.AlignLeft
            leading = int(side | Qt.AlignmentFlag.AlignAbsolute | Qt.AlignmentFlag.AlignVCenter)
            leading |= int(Qt.TextFlag.TextForceLeftToRight)
        painter.drawText(
            self._seen(QRect(room.left() + self._indent, room.top(), width, room.height())), leading, name
        )
        if self._share is None:
            return
        ground = self.bar()
        whole = ground.width()
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colors.tile)
        painter.drawRoundedRect(self._seen(ground), _BAR / 2, _BAR / 2)
        if self._share > 0:
            ground.setWidth(max(_BAR, round(whole * min(1.0, self._share))))
            painter.setBrush(theme.mix(colors.base, colors.accent_on_base, 0.55))
            painter.drawRoundedRect(self._seen(ground), _BAR / 2, _BAR / 2)

    def _paint_icon(self, painter: QPainter, place: QRect) -> None:
        colors = theme.colors()
        seen = self._seen(place)
        if self.icon_name.startswith("state:"):
            inset = 3.5 * self._icon_px / _ICON
            dot = QRectF(seen).adjusted(inset, inset, -inset, -inset)
            theme.draw_state_mark(painter, dot, self.icon_name.removeprefix("state:"))
            return
        color = colors.problem if self._mark == "problem" else colors.secondary
        if self._mark == "good":
            color = colors.good
        painter.drawPixmap(
            seen.topLeft(), theme.pixmap(self.icon_name, self._icon_px, color, self.devicePixelRatioF())
        )

    def _seen(self, place: QRect) -> QRect:
        return QStyle.visualRect(self.layoutDirection(), self.rect(), place)


class Block(QWidget):
    """A title with rows below it.

    Attributes:
        rows: those that are shown.
    """

    def __init__(self, title: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAccessibleName(title)
        layout = boxes.column(on=self, margins=0, spacing=0)
        self._heading = theme.plain_label(title, "group", self)
        self._heading.setContentsMargins(theme.S, 0, theme.S, theme.XS)
        layout.addWidget(self._heading)
        self.rows: Sequence[Row] = ()
        self._rows = boxes.column(spacing=0)
        layout.addLayout(self._rows)
        layout.addStretch(1)

    def set_title(self, title: str) -> None:
        """Stand below another title."""
        self._heading.setText(title)
        self.setAccessibleName(title)

    def show_rows(self, rows: list[Row]) -> None:
        """Show these in place of those before; what had the keyboard keeps it at its place."""
        focused = -1
        for number in reversed(range(self._rows.count())):
            item = self._rows.takeAt(number)
            widget = item.widget() if item is not None else None
            if widget is not None:
                focused = number if widget.hasFocus() else focused
                widget.hide()
                widget.deleteLater()
        for row in rows:
            self._rows.addWidget(row)
        self.rows = rows
        for row in rows:
            row.indent(any(each.icon_name for each in rows))
        align(rows)
        if 0 <= focused < len(rows):
            rows[focused].setFocus()


def align(rows: Sequence[Row]) -> None:
    """Let names, bars and numbers of rows begin and end on one line each, also those of several blocks."""
    columns = max((len(row.numbers) for row in rows), default=0)
    needs = [row.number_widths() for row in rows if len(row.numbers) == columns]
    widths = tuple(max(need[at] for need in needs) for at in range(columns)) if columns else ()
    named = max((row.name_width() for row in rows if row.has_bar), default=0)
    whole = max((_whole(row.number_widths()) for row in rows), default=0)
    whole = max(whole, _whole(widths))
    for row in rows:
        row.align(widths if len(row.numbers) == columns else row.number_widths(), whole, named)


def _whole(widths: Sequence[int]) -> int:
    return sum(widths) + theme.M * len(widths)
