"""Lists of known words below a field, in the look of the search's suggestions."""

from PySide6.QtCore import QAbstractItemModel, QObject, QRectF, Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QCompleter, QStyle, QStyleOptionViewItem

from modelmgr.gui import theme
from modelmgr.gui.cells import Index, SoftDelegate

_MOST_ROWS = 8
_RADIUS = 5


class _WordDelegate(SoftDelegate):
    """Paints what is marked, or has the mouse on it, on one rounded ground."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        colors = theme.colors()
        is_marked = bool(option.state & QStyle.StateFlag.State_Selected)
        if is_marked or option.state & QStyle.StateFlag.State_MouseOver:
            painter.save()
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colors.chosen if is_marked else colors.hover)
            ground = QRectF(option.rect).adjusted(theme.XS, 1, -theme.XS, -1)
            painter.drawRoundedRect(ground, _RADIUS, _RADIUS)
            painter.restore()
        option.state &= ~(QStyle.StateFlag.State_Selected | QStyle.StateFlag.State_HasFocus)
        super().paint(painter, option, index)


def make_completer(words: QAbstractItemModel, parent: QObject) -> QCompleter:
    """Return what completes with words that contain what is typed, in any case."""
    completer = QCompleter(words, parent)
    completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
    completer.setFilterMode(Qt.MatchFlag.MatchContains)
    completer.setMaxVisibleItems(_MOST_ROWS)
    view = completer.popup()
    assert view is not None  # made just now
    view.setObjectName("completions")
    view.setItemDelegate(_WordDelegate(view))
    return completer
