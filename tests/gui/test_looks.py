"""A palette or a font that changes while the window is open: what is seen takes it at once, all else soon after."""

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QEvent, QObject, QStringListModel
from PySide6.QtGui import QAction, QColor, QFont, QImage, QPalette
from PySide6.QtWidgets import QApplication, QMainWindow, QToolButton, QWidget

from modelmgr.gui import looks, theme
from modelmgr.gui.details.completing import make_completer

PAGES = ("actionShowPending", "actionShowOverview", "actionShowLibrary")


class Painted(QObject):
    """Remembers what is painted on the screen."""

    def __init__(self) -> None:
        super().__init__()
        self.widgets: set[QObject] = set()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Paint:
            self.widgets.add(watched)
        return False


class StyleChanges(QObject):
    """Counts how often each widget takes a style."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: dict[QObject, int] = {}

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.StyleChange:
            self.counts[watched] = self.counts.get(watched, 0) + 1
        return False


@pytest.fixture
def window(qtbot, catalog, fill, tmp_path, open_on) -> QMainWindow:
    """A window on a few models, the first of which is selected, with all its parts."""
    fill.add(5)
    catalog.close()
    window = open_on(tmp_path / "catalog.sqlite")
    table = window.findChild(QWidget, "libraryTable")
    qtbot.waitUntil(lambda: table.model().rowCount() == 5)
    table.selectRow(0)
    qtbot.wait(500)
    window.findChildren(QWidget)
    qtbot.waitUntil(lambda: window.findChild(QWidget, "pendingSearch") is not None)
    return window


@pytest.fixture
def as_before(qapp: QApplication) -> Iterator[None]:
    palette, font = qapp.palette(), qapp.font()
    yield
    qapp.setPalette(palette)
    qapp.setFont(font)


def taken(qtbot, window: QMainWindow) -> looks.NewLooks:
    found = window.findChild(looks.NewLooks)
    assert found is not None
    qtbot.waitUntil(lambda: found.is_taken)
    qtbot.wait(300)
    return found


def pictures(qtbot, window: QMainWindow) -> dict[str, QImage]:
    seen = {}
    for page in PAGES:
        window.findChild(QAction, page).trigger()
        qtbot.wait(300)
        if (focus := QApplication.focusWidget()) is not None:
            focus.clearFocus()
        seen[page] = window.grab().toImage()
    return seen


def test_no_page_keeps_anything_of_another_palette(qtbot, qapp, window, as_before):
    light = qapp.palette()
    before = pictures(qtbot, window)
    qapp.setPalette(theme.dark_palette())
    qapp.sendPostedEvents()
    taken(qtbot, window)
    dark = pictures(qtbot, window)
    assert all(dark[page] != before[page] for page in PAGES)
    qapp.setPalette(light)
    qapp.sendPostedEvents()
    taken(qtbot, window)
    after = pictures(qtbot, window)
    assert [page for page in PAGES if after[page] != before[page]] == []


def test_what_is_seen_takes_another_palette_at_once_and_all_else_soon_and_once(
    qtbot, qapp, window, as_before
):
    seen = window.findChild(QWidget, "searchEdit")
    unseen = window.findChild(QWidget, "pendingSearch")
    assert seen.isVisible() and not unseen.isVisible()
    changes = StyleChanges()
    qapp.installEventFilter(changes)
    try:
        qapp.setPalette(theme.dark_palette())
        qapp.sendPostedEvents()
        assert seen.palette().color(QPalette.ColorRole.Text) == theme.colors().text
        assert changes.counts.get(seen) == 1
        assert unseen not in changes.counts
        taken(qtbot, window)
    finally:
        qapp.removeEventFilter(changes)
    assert unseen.palette().color(QPalette.ColorRole.Text) == theme.colors().text
    widgets = window.findChildren(QWidget)
    assert [each.objectName() for each in widgets if changes.counts.get(each, 0) > 1] == []
    assert sum(each in changes.counts for each in widgets) > 0.9 * len(widgets)


def test_all_that_is_seen_is_painted_anew(qtbot, qapp, window, as_before):
    seen = {window.findChild(QWidget, name) for name in ("searchEdit", "detailsName", "countLabel")}
    assert all(widget.isVisible() for widget in seen)
    for palette in (theme.dark_palette(), theme.light_palette()):
        painted = Painted()
        qapp.installEventFilter(painted)
        try:
            qapp.setPalette(palette)
            qtbot.waitUntil(lambda: seen <= painted.widgets)  # noqa: B023  asked for within the turn
        finally:
            qapp.removeEventFilter(painted)


def test_every_icon_takes_another_palette(qtbot, qapp, window, as_before):
    qapp.setPalette(theme.dark_palette())
    qapp.sendPostedEvents()
    taken(qtbot, window)
    color = QColor(theme.dark_palette().color(QPalette.ColorRole.ButtonText))
    checked = 0
    for target in (*window.findChildren(QAction), *window.findChildren(QToolButton)):
        name = target.property("iconName")
        if name:
            checked += 1
            wanted = theme.icon(name, color=color).pixmap(16, 16).toImage()
            assert target.icon().pixmap(16, 16).toImage() == wanted, name
    assert checked > 20


def test_labels_of_hidden_pages_take_other_letters(qtbot, qapp, window, as_before):
    title = window.findChild(QWidget, "comparisonTitle")
    assert not title.isVisible()
    before = title.font().pointSizeF()
    larger = QFont(qapp.font())
    larger.setPointSizeF(qapp.font().pointSizeF() * 2)
    qapp.setFont(larger)
    qapp.sendPostedEvents()
    taken(qtbot, window)
    assert title.font().pointSizeF() == pytest.approx(2 * before, abs=0.02)


def test_lists_of_completions_take_another_palette(qtbot, qapp, window, as_before):
    words = QStringListModel(["amber", "ambient"], window)
    view = make_completer(words, window).popup()
    view.resize(200, 80)
    before = view.grab().toImage()
    qapp.setPalette(theme.dark_palette())
    qapp.sendPostedEvents()
    taken(qtbot, window)
    assert theme.contrast(before.pixelColor(150, 70), theme.light_palette().base().color()) == 1
    assert view.grab().toImage().pixelColor(150, 70) == theme.colors().base


def test_a_sheet_that_is_worn_goes_through_nobody(qapp, window):
    changes = StyleChanges()
    worn = qapp.styleSheet()
    qapp.installEventFilter(changes)
    try:
        looks.wear(worn + "QLabel { margin: 0 }")
        looks.wear(worn)
    finally:
        qapp.removeEventFilter(changes)
    assert changes.counts == {}
