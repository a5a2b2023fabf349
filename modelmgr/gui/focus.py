"""The way of Tab through a window: as the eye goes, by layouts, whenever the parts were made.

Qt's own chain is that of creation: what is shown anew for each model would come after all the rest.
"""

from collections.abc import Iterator
from operator import itemgetter

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QAbstractSpinBox,
    QComboBox,
    QDockWidget,
    QLayout,
    QLineEdit,
    QMainWindow,
    QPlainTextEdit,
    QRadioButton,
    QScrollArea,
    QSplitter,
    QStackedWidget,
    QStatusBar,
    QTabWidget,
    QToolBar,
    QWidget,
)

_WHOLE = (QAbstractItemView, QAbstractSpinBox, QComboBox, QLineEdit, QPlainTextEdit)
"""What has parts, but is one stop."""


def move(window: QWidget, is_forwards: bool) -> bool:
    """Give the focus to the next stop, or the one before; False if there is none."""
    # A part may be met twice: as that of a tab or a page, and as a child.
    order = list(dict.fromkeys(_in_order(window)))
    at: QWidget | None = window.focusWidget()
    while at is not None and at not in order:
        at = at.parentWidget()
    here = order.index(at) if at is not None else 0
    around = [*order[here + 1 :], *order[:here]]
    goal = next(
        (widget for widget in (around if is_forwards else reversed(around)) if _is_stop(widget)), None
    )
    if goal is None:
        return False
    goal.setFocus(Qt.FocusReason.TabFocusReason if is_forwards else Qt.FocusReason.BacktabFocusReason)
    return True


def _is_stop(widget: QWidget) -> bool:
    if not widget.focusPolicy() & Qt.FocusPolicy.TabFocus or not widget.isEnabled():
        return False
    if widget.focusProxy() is not None or not widget.isVisible():
        return False
    if isinstance(widget, QRadioButton) and not widget.isChecked():
        # Of buttons that exclude each other the one that is on is the stop; arrows lead to the others.
        direct = Qt.FindChildOption.FindDirectChildrenOnly
        above = widget.parentWidget()
        others = above.findChildren(QRadioButton, options=direct) if above is not None else []
        return not any(other.isChecked() for other in others)
    return True


def _in_order(widget: QWidget) -> Iterator[QWidget]:
    yield widget
    if isinstance(widget, QAbstractItemView):
        yield from _floating(widget.viewport(), [])  # fields that stand in its rows
    if isinstance(widget, _WHOLE):
        return
    seen: list[QWidget] = []
    for part in _parts(widget):
        if not part.isHidden() and not part.isWindow() and part not in seen:
            seen.append(part)
            yield from _in_order(part)
    yield from _floating(widget, seen)


def _floating(widget: QWidget, seen: list[QWidget]) -> Iterator[QWidget]:
    """Yield what stands in no layout, from top to bottom."""
    is_mirrored = widget.layoutDirection() == Qt.LayoutDirection.RightToLeft
    found = [
        child
        for child in widget.findChildren(QWidget, options=Qt.FindChildOption.FindDirectChildrenOnly)
        if child not in seen and not child.isHidden() and not child.isWindow()
    ]
    for child in sorted(found, key=lambda each: (each.y(), -each.x() if is_mirrored else each.x())):
        yield from _in_order(child)


def _parts(widget: QWidget) -> Iterator[QWidget]:
    found: list[QWidget | None] = []
    if isinstance(widget, QMainWindow):
        for kind in (QToolBar, QDockWidget, QStatusBar):
            if kind is QDockWidget:
                found.append(widget.centralWidget())
            found += widget.findChildren(kind, options=Qt.FindChildOption.FindDirectChildrenOnly)
    elif isinstance(widget, QSplitter):
        found += [widget.widget(number) for number in range(widget.count())]
    elif isinstance(widget, QTabWidget):
        found += [widget.tabBar(), widget.currentWidget()]
    elif isinstance(widget, QStackedWidget):
        found.append(widget.currentWidget())
    elif isinstance(widget, QScrollArea):
        found.append(widget.viewport())
    layout = widget.layout()
    yield from (part for part in found if part is not None)
    if layout is not None and not isinstance(widget, QMainWindow | QStackedWidget | QSplitter):
        yield from _widgets(layout)


def _widgets(layout: QLayout) -> Iterator[QWidget]:
    """Yield the widgets of a layout and of those within it, in its order.

    No item is asked for: PySide remembers a spacer by its address for longer than it lives, and took a button that
    was made at the same place later for that spacer.
    """
    owner = layout.parentWidget()
    direct = Qt.FindChildOption.FindDirectChildrenOnly
    found: list[tuple[int, QWidget | QLayout]] = [
        (layout.indexOf(inner), inner) for inner in layout.findChildren(QLayout, options=direct)
    ]
    if owner is not None:
        found += [(layout.indexOf(widget), widget) for widget in owner.findChildren(QWidget, options=direct)]
    for _, part in sorted((entry for entry in found if entry[0] >= 0), key=itemgetter(0)):
        if isinstance(part, QLayout):
            yield from _widgets(part)
        else:
            yield part
