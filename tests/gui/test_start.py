"""The first paint shows the first rows and the places of all else; what is done in that moment is not lost."""

import itertools
import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QAction
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QApplication,
    QDockWidget,
    QLabel,
    QLineEdit,
    QStatusBar,
    QTableView,
    QToolBar,
    QWidget,
)

from modelmgr.catalog import Catalog, FirstLook
from modelmgr.gui.app import open_window
from modelmgr.gui.wanted import CatalogWhenWanted
from modelmgr.values import SORT_COLUMNS, ModelQuery

MODELS = 60


@pytest.fixture
def path(catalog, fill) -> Path:
    fill.add(MODELS)
    return Path(catalog.path)


def places(window) -> dict[str, tuple[int, int, int, int]]:
    """Return where the parts of the window are, without making any that isn't there."""
    parts = {
        "menus": window.menuWidget(),
        "tools": QWidget.findChild(window, QToolBar, "mainToolBar"),
        "status": QWidget.findChild(window, QStatusBar),
        "dock": QWidget.findChild(window, QDockWidget, "detailsDock"),
        "table": QWidget.findChild(window, QTableView, "libraryTable"),
    }
    found = {}
    for name, part in parts.items():
        corner = part.mapTo(window, QPoint(0, 0))
        found[name] = (corner.x(), corner.y(), part.width(), part.height())
    return found


def at_first_paint(window, qtbot, look) -> list:
    """Return what `look` returns right after the first paint, before anything else is made."""
    seen = []
    window.painted.connect(lambda: seen.append((window.is_whole, look())))
    qtbot.waitUntil(lambda: bool(seen))
    ((was_whole, found),) = seen
    assert not was_whole
    return found


@pytest.mark.parametrize("points", [0, 14, 20])
def test_nothing_moves_when_the_rest_comes(qtbot, open_on, path, points):
    before = QApplication.font()
    if points:
        font = QApplication.font()
        font.setPointSize(points)
        QApplication.setFont(font)
    try:
        window = open_on(path)
        first = at_first_paint(window, qtbot, lambda: places(window))
        qtbot.waitUntil(lambda: window.is_whole)
        QApplication.sendPostedEvents()
        assert places(window) == first
    finally:
        QApplication.setFont(before)


def test_the_first_rows_are_those_of_the_catalog_and_the_rest_is_made_after_them(
    qtbot, open_on, path, catalog
):
    window = open_on(path)
    table = window.findChild(QTableView, "libraryTable")
    assert not window.is_whole

    def names() -> list[str]:
        return [table.model().index(row, 0).data() for row in range(5)]

    expected = [row.name for row in catalog.page(ModelQuery(), 5)]
    assert at_first_paint(window, qtbot, names) == expected
    qtbot.waitUntil(lambda: window.is_whole)
    assert names() == expected
    qtbot.waitUntil(window.findChild(QLineEdit, "searchEdit").hasFocus)
    qtbot.waitUntil(lambda: f"{MODELS} models" in window.findChild(QLabel, "countLabel").text())


def test_keys_of_the_first_moment_go_into_the_search(qtbot, open_on, path):
    window = open_on(path)

    def type_ink() -> None:
        for key in (Qt.Key.Key_I, Qt.Key.Key_N, Qt.Key.Key_K):
            QTest.keyClick(window.windowHandle(), key)

    at_first_paint(window, qtbot, type_ink)
    assert window.is_whole
    assert window.findChild(QLineEdit, "searchEdit").text() == "ink"


def test_shortcuts_of_the_first_moment_are_heard(qtbot, open_on, path):
    window = open_on(path)
    keys = Qt.KeyboardModifier.ControlModifier
    at_first_paint(window, qtbot, lambda: QTest.keyClick(window.windowHandle(), Qt.Key.Key_K, keys))
    assert window.is_whole
    qtbot.waitUntil(lambda: window.findChild(QWidget, "commandPalette") is not None)


def test_a_click_of_the_first_moment_meets_what_comes_there(qtbot, open_on, path):
    window = open_on(path)
    tools = places(window)["tools"]
    button = Qt.MouseButton.LeftButton

    def click() -> None:
        # Where "Pending" is going to stand.
        place = QPoint(160, tools[1] + tools[3] // 2)
        QTest.mouseClick(window.windowHandle(), button, Qt.KeyboardModifier.NoModifier, place)

    at_first_paint(window, qtbot, click)
    assert window.findChild(QAction, "actionShowPending").isChecked()


def test_a_row_that_is_selected_before_the_rest_is_there_shows_its_details(qtbot, open_on, path):
    window = open_on(path)
    table = window.findChild(QTableView, "libraryTable")
    table.selectRow(1)
    assert not window.is_whole
    name = table.model().index(1, 0).data()
    qtbot.waitUntil(lambda: window.is_whole)
    assert window.findChild(QAction, "actionRename").isEnabled()
    qtbot.waitUntil(lambda: name in window.findChild(QWidget, "detailsName").text())


def test_a_window_that_is_closed_in_the_first_moment_keeps_what_was_remembered(qtbot, path):
    first = open_window(path)
    qtbot.addWidget(first)
    qtbot.waitUntil(lambda: first.is_whole)
    first.close()
    state = path.with_name(path.name + ".window.json")
    kept = state.read_bytes()
    again = open_window(path)
    qtbot.addWidget(again)
    at_first_paint(again, qtbot, again.close)
    assert state.read_bytes() == kept


def test_a_catalog_that_can_not_be_opened_after_its_first_rows_is_told(qtbot, open_on, path):
    window = open_on(path)
    told = []
    window.not_opened.connect(told.append)
    with Catalog.open(path) as catalog:
        catalog.session()

    def spoil() -> None:
        with path.open("r+b") as file:
            file.seek(60)
            file.write((99).to_bytes(4, "big"))  # of a version to come

    at_first_paint(window, qtbot, spoil)
    qtbot.waitUntil(lambda: bool(told))
    assert told[0].code == "catalog_too_new"


# --- the first look ----------------------------------------------------------------------------------------


def test_a_first_look_sees_what_the_catalog_says(path, catalog):
    seen = set()
    for column, descending in itertools.product(SORT_COLUMNS, (False, True)):
        query = ModelQuery(sort=column, descending=descending)
        look = FirstLook.at(catalog.path, query, 50, 55)
        if look is not None:
            seen.add(column)
            assert (look.rows, look.count) == catalog.first_page(query, 50, 55), query
            assert (len(look.rows), look.count) == (50, 55)
            look.close()
    assert seen >= {"name", "type", "size_bytes", "added_at", "rating"}


def test_a_first_look_leaves_to_the_catalog_what_takes_more(path, catalog, tmp_path):
    for query in (
        ModelQuery(search="ink"),
        ModelQuery(types=("lora",)),
        ModelQuery(favorite=False),
        ModelQuery(excluded=(("tags", "a"),)),
        ModelQuery(then_by=(("rating", True),)),
    ):
        assert FirstLook.at(catalog.path, query, 5, 10) is None
    (tmp_path / "text").write_text("no catalog")
    for name in ("nowhere", "text", "."):
        assert FirstLook.at(str(tmp_path / name), ModelQuery(), 5, 10) is None


def test_what_others_write_after_the_first_look_is_noticed(path, catalog):
    for writes in (False, True):
        store = CatalogWhenWanted(path)
        rows, count = store.first_page(ModelQuery(), 5, 1000)
        assert (len(rows), count) == (5, MODELS)
        if writes:
            with catalog.transaction() as writer:
                writer.execute_sql("UPDATE models SET rating = 5 WHERE id = 1")
        assert store.was_changed() == writes
        assert not store.was_changed()
        store.close()


def test_every_field_of_a_query_narrows_but_those_of_the_order():
    values = {"search": "a", "favorite": False, "excluded": (("tags", "a"),)}
    for name in ModelQuery.__match_args__:
        value = values.get(name, ("a",))
        if name in ("sort", "descending", "then_by"):
            value = {"sort": "rating", "descending": True, "then_by": (("rating", True),)}[name]
        query = ModelQuery(**{name: value})
        assert query.narrows == (name not in ("sort", "descending", "then_by"))


def test_the_first_paint_loads_neither_peewee_nor_the_language_of_searches(path):
    code = (
        "import sys; from pathlib import Path; from PySide6.QtWidgets import QApplication; app = QApplication([]);"
        "from modelmgr.gui import open_window; window = open_window(Path(sys.argv[1]));"
        "window.grab(); print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    assert "modelmgr.gui.table.view" in loaded
    for name in (
        "peewee",
        "modelmgr.catalog.catalog",
        "modelmgr.search",
        "modelmgr.gui.shell.actions",
        "hashlib",
    ):
        assert name not in loaded
    assert len([name for name in loaded if name.startswith("modelmgr")]) < 65
