"""What can be found wrong with a screen by looking at its widgets, each rule a function from widget to words."""

import re
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise

from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QAccessible, QColor, QFontMetrics, QImage, QPixmap
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractScrollArea,
    QAbstractSpinBox,
    QCheckBox,
    QComboBox,
    QHeaderView,
    QLabel,
    QLineEdit,
    QListView,
    QMenuBar,
    QPlainTextEdit,
    QProgressBar,
    QPushButton,
    QRadioButton,
    QSlider,
    QStyle,
    QStyleOptionSlider,
    QTabBar,
    QTableView,
    QToolButton,
    QTreeView,
    QWidget,
)

from modelmgr.gui import theme

_SPOKEN = {
    QAccessible.Role.NoRole,
    QAccessible.Role.Client,
    QAccessible.Role.Pane,
    QAccessible.Role.Window,
}
_DOT = 12
_LETTER = re.compile("&(.)")
_RENDERED = 2
"""Pictures are taken at this scale, so that thin strokes have their full colour somewhere."""


def shown(root: QWidget) -> Iterator[QWidget]:
    """Yield the widgets that stand on the screen, with `root` itself."""
    for widget in (root, *root.findChildren(QWidget)):
        if widget.isVisible() and widget.window() is root.window() and not _visible_part(widget).isEmpty():
            yield widget


def _visible_part(widget: QWidget) -> QRect:
    return widget.visibleRegion().boundingRect()


def described(widget: QWidget) -> str:
    """Return what a person would find a widget by."""
    words = widget.objectName() or getattr(widget, "text", lambda: "")() or ""
    above = next((at.objectName() for at in _above(widget) if at.objectName()), "")
    return f"{type(widget).__name__} “{str(words)[:60]}” in {above}"


def _above(widget: QWidget) -> Iterator[QWidget]:
    at = widget.parentWidget()
    while at is not None:
        yield at
        at = at.parentWidget()


def _is_inner(widget: QWidget) -> bool:
    """Tell whether a widget is a part of another, which speaks for it."""
    above = widget.parentWidget()
    return widget.objectName().startswith("qt_") or isinstance(above, QAbstractSpinBox | QComboBox)


# --- names, roles, keys ---------------------------------------------------------------------------------------


def takes_tab(widget: QWidget) -> bool:
    """Tell whether Tab should come to a widget."""
    return (
        bool(widget.focusPolicy() & Qt.FocusPolicy.TabFocus)
        and widget.isEnabled()
        and not _is_inner(widget)
        and widget.focusProxy() is None
    )


def unnamed(root: QWidget) -> list[str]:
    """Return what can have the focus, but has no name or no role for those who hear the window."""
    found = []
    for widget in shown(root):
        if not takes_tab(widget) or widget is root:
            continue
        spoken = QAccessible.queryAccessibleInterface(widget)
        if not spoken or not spoken.text(QAccessible.Text.Name).strip():
            found.append(f"no name: {described(widget)}")
        elif spoken.role() in _SPOKEN and not isinstance(widget, QAbstractScrollArea):
            found.append(f"no role: {described(widget)}")
    return found


def tab_stops(root: QWidget) -> tuple[list[QWidget], list[str]]:
    """Press Tab until it comes back; return where it came, in order, and what would not let go of it."""
    window = root.window()
    wanted = [widget for widget in shown(window) if takes_tab(widget)]
    if not wanted:
        return [], []
    wanted[0].setFocus(Qt.FocusReason.TabFocusReason)
    stops: list[QWidget] = []
    traps = []
    for _ in range(len(window.findChildren(QWidget))):
        at = window.focusWidget()
        if at is None or (at in stops and at is stops[0]):
            break
        if at not in stops:
            stops.append(at)
        QTest.keyClick(at, Qt.Key.Key_Tab)
        if window.focusWidget() is at and len(wanted) > 1:
            traps.append(f"Tab does not leave {described(at)}")
            break
    return stops, traps


def unreached(root: QWidget) -> list[str]:
    """Return what has no way to it by Tab, and what keeps the focus."""
    stops, found = tab_stops(root)
    if not found:
        buttons = [stop for stop in stops if isinstance(stop, QRadioButton)]
        for widget in shown(root.window()):
            if takes_tab(widget) and widget not in stops:
                # Of buttons that exclude each other one is the stop, and arrows lead to the others.
                if isinstance(widget, QRadioButton) and buttons:
                    continue
                found.append(f"no Tab comes to {described(widget)}")
    return found


def out_of_order(root: QWidget) -> list[str]:
    """Return the pairs of neighbours in the tab order where the second stands before the first to the eye."""
    found = []
    stops, _traps = tab_stops(root)
    mirrored = root.layoutDirection() == Qt.LayoutDirection.RightToLeft

    def place(widget: QWidget) -> QRect:
        return QRect(widget.mapTo(root.window(), QPoint(0, 0)), widget.size())

    lowest = max((place(stop).bottom() for stop in stops), default=0)
    for one, other in pairwise(stops):
        first, second = place(one), place(other)
        if (
            one.isAncestorOf(other) or first.intersects(second) or first.bottom() == lowest
        ):  # from the last it goes to the first
            continue
        same_column = first.left() <= second.right() and second.left() <= first.right()
        same_row = first.top() <= second.bottom() and second.top() <= first.bottom()
        back = first.right() < second.left() if mirrored else second.right() < first.left()
        if (same_column and second.bottom() < first.top()) or (same_row and back):
            found.append(f"{described(one)} comes before {described(other)}")
    return found


# --- what is cut ----------------------------------------------------------------------------------------------


def cut(root: QWidget) -> list[str]:
    """Return labels, buttons, fields and titles of columns that are smaller than what they show."""
    found = []
    for widget in shown(root):
        if isinstance(widget, QHeaderView):
            found += _cut_titles(widget)
            continue
        if type(widget) is QLabel:
            if not widget.text() or not widget.pixmap().isNull():
                continue
            if widget.wordWrap():
                needs = widget.heightForWidth(widget.width())
                if needs > widget.height() + 1:
                    found.append(f"{needs} px high, {widget.height()} there: {described(widget)}")
                continue
        elif not isinstance(widget, QAbstractButton) or not _shows_words(widget):
            continue
        hint, size = widget.minimumSizeHint(), widget.size()
        if isinstance(widget, QLabel | QPushButton | QToolButton | QCheckBox | QRadioButton):
            hint = widget.sizeHint()
        letters = widget.fontMetrics().height()
        if hint.width() > size.width() + 1 or min(hint.height(), letters) > size.height():
            found.append(
                f"{hint.width()} x {hint.height()} px, {size.width()} x {size.height()} there: "
                + described(widget)
            )
    return found


def _cut_titles(header: QHeaderView) -> list[str]:
    model = header.model()
    if model is None or header.orientation() != Qt.Orientation.Horizontal:
        return []
    font = header.font()
    font.setPointSizeF(font.pointSizeF() * 0.92)  # as the style sheet says
    metrics = QFontMetrics(font)
    found = []
    for section in range(header.count()):
        title = str(model.headerData(section, Qt.Orientation.Horizontal) or "")
        needs, there = metrics.horizontalAdvance(title) + 2 * theme.S, header.sectionSize(section)
        if title and not header.isSectionHidden(section) and needs > there:
            found.append(f"{needs} px, {there} there: title “{title}” of {described(header)}")
    return found


def same_letter(root: QWidget) -> list[str]:
    """Return what stands under one letter with Alt: the first press would do nothing, or something else."""
    by_letter: dict[str, list[str]] = {}
    for widget in shown(root):
        texts = []
        if isinstance(widget, QAbstractButton) or (isinstance(widget, QLabel) and widget.buddy() is not None):
            texts = [widget.text()] if widget.isEnabled() and not isinstance(widget, QToolButton) else []
        elif isinstance(widget, QTabBar):
            texts = [widget.tabText(at) for at in range(widget.count())]
        elif isinstance(widget, QMenuBar):
            texts = [action.text() for action in widget.actions()]
        for text in texts:
            letter = _LETTER.search(text.replace("&&", ""))
            if letter is not None:
                by_letter.setdefault(letter[1].casefold(), []).append(text)
    return [f"Alt+{letter}: {texts}" for letter, texts in by_letter.items() if len(texts) > 1]


def _shows_words(button: QAbstractButton) -> bool:
    style = button.toolButtonStyle() if isinstance(button, QToolButton) else None
    is_icon = style == Qt.ToolButtonStyle.ToolButtonIconOnly and not button.icon().isNull()
    return bool(button.text()) and not is_icon and not _is_inner(button)


# --- contrast -------------------------------------------------------------------------------------------------


def faint(root: QWidget) -> list[str]:
    """Return texts below 4.5 : 1 and controls below 3 : 1, by the colours that are really painted."""
    picture = QPixmap(root.size() * _RENDERED)
    picture.setDevicePixelRatio(_RENDERED)
    picture.fill(root.palette().window().color())
    root.render(picture)
    image = picture.toImage()
    found = []
    for widget in shown(root):
        if not widget.isEnabled() or widget is root:
            continue
        place = _visible_part(widget).translated(widget.mapTo(root, QPoint(0, 0)))
        if place.height() < min(widget.height(), 2 * widget.fontMetrics().height()):
            continue  # a strip of what is scrolled out of sight: not even its letters are whole
        if isinstance(widget, QAbstractItemView):
            # In a card most pixels are the picture's, and the words do not stand on it.
            if isinstance(widget, QTableView | QTreeView | QListView):
                found += _faint_cells(root, widget, image)
        elif isinstance(widget, QLabel | QAbstractButton | QTabBar | QLineEdit | QPlainTextEdit):
            if not _has_text(widget):
                continue
            if place.height() * 2 < widget.height() and isinstance(widget, QLabel):
                # Scrolled out but for a sliver: the edges of its letters are not their colour.
                continue
            ratio = text_contrast(image, place.adjusted(3, 3, -3, -3) if not _bare(widget) else place)
            if ratio is not None and ratio < theme.TEXT_CONTRAST:
                found.append(f"text {ratio:.1f} : 1: {described(widget)}")
        if isinstance(widget, QLineEdit | QComboBox | QPushButton) and not _is_inner(widget):
            if isinstance(widget.parentWidget(), QAbstractItemView) or widget.property("quiet"):
                continue
            ratio = edge_contrast(image, place)
            if ratio is not None and ratio < theme.MARK_CONTRAST:
                found.append(f"edge {ratio:.1f} : 1: {described(widget)}")
        if isinstance(widget, QProgressBar) and widget.value() > widget.minimum():
            ratio = text_contrast(image, place)
            if ratio is not None and ratio < theme.MARK_CONTRAST:
                found.append(f"bar {ratio:.1f} : 1: {described(widget)}")
        if isinstance(widget, QSlider):
            handle = _handle(widget).translated(widget.mapTo(root, QPoint(0, 0)))
            ratio = _contrast(*(_colours(image, part).most_common(1)[0][0] for part in (place, handle)))
            if ratio < theme.MARK_CONTRAST:
                found.append(f"handle {ratio:.1f} : 1: {described(widget)}")
    return found


def _handle(slider: QSlider) -> QRect:
    option = QStyleOptionSlider()
    slider.initStyleOption(option)
    part = QStyle.SubControl.SC_SliderHandle
    return slider.style().subControlRect(QStyle.ComplexControl.CC_Slider, option, part, slider)


def _bare(widget: QWidget) -> bool:
    return isinstance(widget, QLabel)


def _has_text(widget: QWidget) -> bool:
    if isinstance(widget, QTabBar):
        return widget.count() > 0
    if isinstance(widget, QPlainTextEdit):
        return bool(widget.toPlainText() or widget.placeholderText())
    if isinstance(widget, QLineEdit):
        return bool(widget.text() or widget.placeholderText())
    return bool(widget.text())  # type: ignore[attr-defined]


def _faint_cells(root: QWidget, view: QAbstractItemView, image: QImage) -> list[str]:
    model, found = view.model(), []
    if model is None:
        return []
    viewport = view.viewport()
    origin = viewport.mapTo(root, QPoint(0, 0))
    seen: set[tuple[int, int]] = set()
    for y in range(4, viewport.height(), 8):
        for x in range(8, viewport.width(), 40):
            index = view.indexAt(QPoint(x, y))
            if not index.isValid() or not index.data() or not index.flags() & Qt.ItemFlag.ItemIsEnabled:
                continue
            area = view.visualRect(index).intersected(viewport.rect())
            key = (area.x(), area.y())
            if key in seen or area.width() < 24 or area.height() < 12:
                continue
            corners = (area.topLeft(), area.topRight(), area.bottomLeft(), area.bottomRight(), area.center())
            if any(root.childAt(origin + corner) is not viewport for corner in corners):
                continue  # a list of proposals stands over it
            seen.add(key)
            inside = area.adjusted(1, 1, -1, -1).translated(origin)
            ratio = text_contrast(image, inside)
            # A dot without a word is a mark, as wide as it is high at most.
            wanted = theme.MARK_CONTRAST if _is_dot(image, inside) else theme.TEXT_CONTRAST
            if ratio is not None and ratio < wanted:
                found.append(f"cell {ratio:.1f} : 1: “{str(index.data())[:40]}” of {described(view)}")
    return found


def _is_dot(image: QImage, area: QRect) -> bool:
    """Tell whether nothing but a mark of a dozen pixels is painted in a part of a picture."""
    counted = _colours(image, area)
    if len(counted) < 2:
        return False
    ground = counted.most_common(1)[0][0]
    across = range(area.left(), area.right() + 1)
    inked = [x for x in across if set(_colours(image, QRect(x, area.top(), 1, area.height()))) - {ground}]
    return inked[-1] - inked[0] < _DOT


def text_contrast(image: QImage, area: QRect) -> float | None:
    """Return the contrast of the strokes in a part of a picture to the ground; None if nothing is there."""
    counted = _colours(image, area)
    if len(counted) < 2:
        return None
    (ground, _), *rest = counted.most_common()
    return max(_contrast(ground, color) for color, _ in rest)


def edge_contrast(image: QImage, area: QRect) -> float | None:
    """Return the best contrast of the line around a control, or of its face, to what it stands on."""
    around = _colours(image, area.adjusted(-3, 4, -area.width() - 1, -4))
    # A style sheet's margin lies before it, and no text begins so far to the left.
    edge = _colours(image, QRect(area.left(), area.top() + 6, 6, max(1, area.height() - 12)))
    if not around or not edge:
        return None
    ground = around.most_common(1)[0][0]
    return max(_contrast(ground, color) for color in edge)


@lru_cache(maxsize=100_000)
def _contrast(one: int, other: int) -> float:
    return theme.contrast(QColor(one), QColor(other))


def _colours(image: QImage, area: QRect) -> Counter[int]:
    pixels = QRect(area.topLeft() * _RENDERED, area.size() * _RENDERED).intersected(image.rect())
    if pixels.isEmpty():
        return Counter()
    part = image.copy(pixels).convertToFormat(
        QImage.Format.Format_ARGB32
    )  # lines of 4 bytes a pixel, no gaps
    return Counter(memoryview(part.constBits()).cast("I"))
