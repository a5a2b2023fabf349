"""The first rows as bare words: what is seen of the library until there is a table.

A table with all that it can do takes a quarter of a bare window's time. So the first paint shows its words, where they
are going to stand, in as few calls as there can be: the palette says the ink of each sheet, for a painter that is given
a pen or a brush by Python has PySide make all enumerations of `Qt`.
"""

from collections.abc import Callable, Mapping, Sequence
from math import ceil
from typing import Any, TypeAlias

from PySide6.QtCore import QSize
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetrics,
    QFontMetricsF,
    QPainter,
    QPaintEvent,
    QPalette,
    QResizeEvent,
)
from PySide6.QtWidgets import QFrame, QWidget

from modelmgr.gui import theme
from modelmgr.gui.measures import details_share, panel_share
from modelmgr.gui.table import widths
from modelmgr.gui.table.columns import COLUMNS, NAME_COLUMN, Look, column_title, is_absent, state_of
from modelmgr.values import ModelRow

_LEFT, _RIGHT = 0x81, 0x82  # AlignLeft and AlignRight, each with AlignVCenter
_ELLIPSIS = "…"
_THUMB_PX, _BADGE_PX, _ICON_PX = 20, 14, 16
_SCROLL_BAR_PX = 12  # as the style sheet says
_HEAD_PX = 2 * theme.XS + 5  # with its line, and what the style leaves free
_UNWRITTEN = (Look.STATE, Look.FAVORITE, Look.MONO)
"""Looks that are marks, or words in letters that are yet to be found."""


Word: TypeAlias = tuple[int, int, int, int, int, str]
"""A text in its place: left, top, width and height in pixels, alignment, and the text."""


class _Sheet(QWidget):
    """Words in one ink, on nothing."""

    def __init__(self, parent: "Front", ink: QColor, font: QFont) -> None:
        super().__init__(parent)
        self._front = parent
        palette = self.palette()
        palette.setColor(QPalette.ColorRole.WindowText, ink)
        self.setPalette(palette)
        self.setFont(font)
        self.words: list[Word] = []

    def paintEvent(self, event: QPaintEvent) -> None:
        self._front.write()
        painter = QPainter(self)
        for word in self.words:
            painter.drawText(*word)
        painter.end()


class Front(QWidget):
    """The words of the first rows, and the places of filters and details.

    Args:
        rows: the first of the library, more than a window shows.
        state: what the last session remembered (`remembered`).
        has_side: tells whether the pane of an action is shown in the window of now.

    Attributes:
        last: what is painted last of it.
    """

    def __init__(
        self,
        parent: QWidget,
        rows: Sequence[ModelRow],
        state: Mapping[str, Any],
        has_side: Callable[[str], bool],
    ) -> None:
        super().__init__(parent)
        self.setObjectName("firstRows")
        self._rows = rows
        self._has_side = has_side
        sizes = state.get("splitter")
        self._panel_width = _width(sizes[0]) if isinstance(sizes, list) and len(sizes) == 2 else None
        self._details_width = _width(state.get("details_width"))
        self._widths: dict[int, int] = {}
        self._chosen: set[int] = set()
        self._has_words = any(state_of(row) != "present" for row in rows)
        self._take_columns(state.get("columns"))
        colors = theme.colors()
        self._small = QFont(self.font())
        if self._small.pointSizeF() > 0:
            self._small.setPointSizeF(self._small.pointSizeF() * 0.92)
        self._metrics, self._small_metrics = QFontMetrics(self.font()), QFontMetrics(self._small)
        self._is_written = False
        self._room = (0, 0, theme.ROW_HEIGHT)
        self._grounds = [self._ground() for _ in range(2)]
        self._lines = [self._line() for _ in range(3)]
        self._names = _Sheet(self, colors.text, self.font())
        self._others = _Sheet(self, colors.secondary, self.font())
        self._absent = _Sheet(self, colors.greyed, self.font())
        self._titles = self.last = _Sheet(self, colors.secondary, self._small)

    def _take_columns(self, state: object) -> None:
        found = {number: column.hidden for number, column in enumerate(COLUMNS)}
        if isinstance(state, list):
            entries = widths.remembered([entry for entry in state if isinstance(entry, dict)])
            found = {entry.section: entry.is_hidden for entry in entries} | {
                number: is_hidden
                for number, is_hidden in found.items()
                if number not in {entry.section for entry in entries}
            }
            for entry in entries:
                self._has_words |= entry.has_words
                if entry.width not in (None, widths.first_width(self, entry.section)):
                    self._chosen.add(entry.section)
                    self._widths[entry.section] = entry.width or 0
        # In the order in which they are shown.
        self._widths = {
            number: self._widths.get(number) or widths.first_width(self, number)
            for number, is_hidden in found.items()
            if not is_hidden
        }

    def _ground(self) -> QWidget:
        made = QWidget(self)
        made.setBackgroundRole(QPalette.ColorRole.Base)
        made.setAutoFillBackground(True)
        return made

    def _line(self) -> QFrame:
        made = QFrame(self)
        made.setProperty("role", "line")
        return made

    # --- places -----------------------------------------------------------------------------------------

    def _place(self) -> None:
        """Put everything where it is going to be in a window of this size."""
        whole, height = self.width(), self.height()
        details = (
            details_share(self).of(whole, self._details_width) + 1 if self._has_side("actionDetails") else 0
        )
        page = whole - details
        left = panel_share(self).of(page, self._panel_width) + 1 if self._has_side("actionFilters") else 0
        head = ceil(QFontMetricsF(self.font()).height()) + _HEAD_PX
        panel, table = self._grounds
        panel.setGeometry(0, 0, max(0, left - 1), height)
        table.setGeometry(left, 0, page - left, height)
        beside, between, below = self._lines
        beside.setGeometry(left - 1, 0, 1, height)
        between.setGeometry(page, 0, 1 if details else 0, height)
        below.setGeometry(left, head - 1, page - left, 1)
        for sheet in (self._names, self._others, self._absent, self._titles):
            sheet.setGeometry(left, 0, page - left, height)
        row_height = max(theme.ROW_HEIGHT, max(self._metrics.height(), self._grown(_THUMB_PX)) + theme.S)
        self._room = (page - left, head, row_height)
        self._is_written = False

    def write(self) -> None:
        """Set the words for the room there is, unless they stand there already."""
        if self._is_written:
            return
        self._is_written = True
        room, head, row_height = self._room
        if len(self._rows) * row_height > self.height() - head:
            room -= _SCROLL_BAR_PX
        shown = widths.fitted(self, self._widths, self._chosen, room, has_words=self._has_words)
        for sheet in (self._names, self._others, self._absent, self._titles):
            sheet.words.clear()
        seen = self._rows[: max(0, self.height() - head) // row_height + 1]
        x = 0
        for number, width in (self._widths | shown).items():
            if x >= room:
                return
            column = COLUMNS[number]
            flags = _RIGHT if column.look is Look.NUMBER else _LEFT
            title = _cut(column_title(column), width - 2 * theme.S, self._small_metrics)
            self._titles.words.append((x + theme.S, 0, width - 2 * theme.S, head - 1, flags, title))
            if column.look not in _UNWRITTEN:
                for place, row in enumerate(seen):
                    self._write_cell(number, row, x, head + place * row_height, width, row_height, flags)
            x += width

    def _write_cell(
        self, number: int, row: ModelRow, x: int, y: int, width: int, height: int, flags: int
    ) -> None:
        left, room = theme.S, width - 2 * theme.S
        if number == NAME_COLUMN:
            left += self._grown(_THUMB_PX) + theme.S
            room = width - left - theme.XS
            room -= self._grown(_BADGE_PX) + theme.XS if row.danger else 0
        elif COLUMNS[number].look is Look.TYPE:
            inset = self._grown(_ICON_PX) + theme.S - 1
            left, room = left + inset, room - inset
        text = _cut(COLUMNS[number].text(row), room, self._metrics) if room > 0 else ""
        if text:
            sheet = self._names if number == NAME_COLUMN else self._others
            sheet = self._absent if is_absent(row) else sheet
            sheet.words.append((x + left, y, room, height, flags, text))

    def _grown(self, pixels: int) -> int:
        return theme.grown(pixels, self.font())

    # --- Qt ---------------------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place()

    def minimumSizeHint(self) -> QSize:
        return QSize(0, 0)


def _width(found: object) -> int | None:
    """Return a width as it was remembered; None if it is odd."""
    return found if isinstance(found, int) and found > 0 else None


def _cut(text: str, room: int, metrics: QFontMetrics) -> str:
    """Return `text`, cut at its end where it is wider than `room` pixels."""
    if metrics.horizontalAdvance(text) <= room:
        return text
    fits, cut = 0, len(text)
    while fits + 1 < cut:
        middle = (fits + cut) // 2
        if metrics.horizontalAdvance(text[:middle] + _ELLIPSIS) <= room:
            fits = middle
        else:
            cut = middle
    return text[:fits] + _ELLIPSIS
