"""The first paint shows the words of the first rows, the next one their table; what is done meanwhile is not lost."""

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, QObject, QPoint, QRect, QSize, Qt
from PySide6.QtGui import QAction, QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QApplication,
    QDockWidget,
    QLabel,
    QLineEdit,
    QMainWindow,
    QPushButton,
    QStatusBar,
    QTableView,
    QToolBar,
    QWidget,
)

from modelmgr.catalog import Catalog, FirstLook
from modelmgr.catalog.connecting import VERSION, connect
from modelmgr.errors import CatalogError
from modelmgr.gui import app
from modelmgr.gui.app import open_window
from modelmgr.gui.instance import Instance
from modelmgr.gui.main_window import MainWindow
from modelmgr.gui.shell.library_page import LibraryPage
from modelmgr.gui.table.columns import COLUMN_OF_NAME
from modelmgr.gui.wanted import FIRST_ROWS, CatalogWhenWanted
from modelmgr.settings import window_state_path
from modelmgr.sqlite import driver
from modelmgr.values import SORT_COLUMNS, ModelQuery

MODELS = 60


@pytest.fixture
def path(catalog, fill) -> Path:
    fill.add(MODELS)
    return Path(catalog.path)


def places(window) -> dict[str, tuple[int, int, int, int]]:
    """Return where the parts of the window are, without making any but the table."""
    window.findChild(QTableView, "libraryTable")
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


def test_the_column_of_states_has_its_width_from_the_first_paint(qtbot, open_on, catalog, fill):
    last = fill.add(FIRST_ROWS + 1)[-1]
    path = Path(catalog.path)
    # The screen may be a small one.
    names = ("type", "base_model", "size_bytes", "tags", "rating", "added_at")
    few_columns = json.dumps({"columns": [{"name": name, "hidden": True} for name in names]})
    window_state_path(path).write_text(few_columns)

    def look(window):
        table = window.findChild(QTableView, "libraryTable")
        return table.columnWidth(COLUMN_OF_NAME["state"])

    window = open_on(path)
    narrow = at_first_paint(window, qtbot, lambda: look(window))
    window.close()
    with catalog.transaction() as writer:
        writer.execute_sql("UPDATE models SET name = 'zz', file_state = 'missing' WHERE id = ?", (last,))
    learning = open_on(path)
    qtbot.waitUntil(lambda: look(learning) > narrow)
    learning.close()
    knowing = open_on(path)
    assert at_first_paint(knowing, qtbot, lambda: look(knowing)) > narrow
    knowing.close()
    with catalog.transaction() as writer:
        writer.execute_sql("UPDATE models SET name = ' a' WHERE id = ?", (last,))
    window_state_path(path).write_text(few_columns)
    window = open_on(path)
    assert at_first_paint(window, qtbot, lambda: look(window)) > narrow


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


def test_keys_and_clicks_before_there_is_a_table_are_heard(qtbot, open_on, path):
    window = open_on(path)
    assert front_of(window).objectName() == "firstRows"
    for key in (Qt.Key.Key_I, Qt.Key.Key_N, Qt.Key.Key_K):
        QTest.keyClick(window.windowHandle(), key)
    assert window.findChild(QLineEdit, "searchEdit").text() == "ink"
    window.close()
    window = open_on(path)
    front_of(window).write()
    x, y, _width, height, _flags, _text = front_of(window)._names.words[2]
    place = front_of(window)._names.mapTo(window, QPoint(x + 2, y + height // 2))
    none = Qt.KeyboardModifier.NoModifier
    QTest.mouseClick(window.windowHandle(), Qt.MouseButton.LeftButton, none, place)
    table = window.findChild(QTableView, "libraryTable")
    assert [index.row() for index in table.selectionModel().selectedRows()] == [2]


def front_of(window) -> QWidget:
    """Return what stands in the place of the pages, as it is."""
    return QMainWindow.centralWidget(window)


@pytest.mark.parametrize("points", [0, 14, 20])
@pytest.mark.parametrize(
    "state",
    [
        {},
        {"filters_shown": False, "details_width": 290},
        {"details_shown": False, "splitter": [240, 900]},
        {"columns": [{"name": "size_bytes", "width": 133, "chosen": True}, {"name": "tags", "hidden": True}]},
        {"query": {"sort": "size_bytes", "descending": True}},
    ],
)
def test_the_first_words_stand_where_the_table_has_them(qtbot, open_on, path, catalog, points, state):
    with catalog.transaction() as writer:
        writer.execute_sql(
            "UPDATE models SET name = ? WHERE id = 3", ("A name that is longer than its column " * 9,)
        )
    window_state_path(path).write_text(json.dumps(state))
    before = QApplication.font()
    if points:
        font = QApplication.font()
        font.setPointSize(points)
        QApplication.setFont(font)
    try:
        window = open_on(path)
        window.resize(1500, 700)
        front = front_of(window)
        qtbot.waitUntil(lambda: front.last.width() > 100 or front_of(window) is not front)
        assert front_of(window) is front
        first = window.grab().toImage()
        corner = front.last.mapTo(window, QPoint(0, 0))
        titles = [(x, title) for x, *_place, title in front._titles.words]
        table = window.findChild(QTableView, "libraryTable")
        QApplication.sendPostedEvents()
        assert not window.is_whole
        assert table.mapTo(window, QPoint(0, 0)) == corner
        header, there = table.horizontalHeader(), []
        for number in sorted(range(header.count()), key=header.visualIndex):
            if (
                not header.isSectionHidden(number)
                and header.sectionPosition(number) < table.viewport().width()
            ):
                title = table.model().headerData(number, Qt.Orientation.Horizontal)
                there.append((header.sectionPosition(number) + 8, title))
        assert [x for x, _title in titles] == [x for x, _title in there]
        second = window.grab().toImage()
        for name in ("name", "type", "size_bytes", "added_at"):
            number = COLUMN_OF_NAME[name]
            left = table.columnViewportPosition(number)
            # Without its mark at the left and what is cut off by the edge at the right.
            inset = 60 if name in ("name", "type") else 0
            width = min(table.columnWidth(number), table.viewport().width() - left) - inset
            if table.isColumnHidden(number) or width <= 0:
                continue
            place = table.viewport().mapTo(window, QPoint(left + inset, 0))
            area = QRect(place, QSize(width, table.rowHeight(0) * 8))
            assert first.copy(area) == second.copy(area), name
    finally:
        QApplication.setFont(before)


def test_a_window_that_is_closed_before_there_is_a_table_keeps_what_was_remembered(qtbot, open_on, path):
    first = open_on(path)
    qtbot.waitUntil(lambda: first.is_whole)
    first.close()
    kept = json.loads(window_state_path(path).read_bytes())
    again = open_on(path)
    again.close()
    assert front_of(again).objectName() == "firstRows"
    assert {**json.loads(window_state_path(path).read_bytes()), "geometry": ""} == {**kept, "geometry": ""}


@pytest.mark.parametrize("state", [{"columns": 3, "splitter": ["a", {}]}, {"columns": [None, {"name": []}]}])
def test_odd_words_about_columns_do_no_harm_to_the_first_rows(qtbot, open_on, path, state):
    window_state_path(path).write_text(json.dumps({**state, "details_width": "wide", "query": {"sort": []}}))
    window = open_on(path)
    front_of(window).write()
    assert [title for *_place, title in front_of(window)._titles.words][:1] == ["Name"]
    qtbot.waitUntil(lambda: window.is_whole)


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
    first.resize(700, 600)
    qtbot.waitUntil(lambda: first.is_whole)
    first.close()
    kept = remembered(path)
    again = open_window(path)
    qtbot.addWidget(again)
    at_first_paint(again, qtbot, again.close)
    assert remembered(path) == kept


def remembered(path: Path) -> dict[str, object]:
    """Return what is remembered of a window, but for the bytes that only Qt reads."""
    found = json.loads(window_state_path(path).read_bytes())
    return {name: value for name, value in found.items() if name not in ("geometry", "docks")}


def test_what_is_changed_in_the_first_moment_is_remembered(open_on, path):
    window_state_path(path).write_text(
        json.dumps({"recent_commands": ["actionScan"], "sections": {"about": False}})
    )
    window = open_on(path)
    table = window.findChild(QTableView, "libraryTable")
    table.setColumnWidth(4, 133)
    table.sortByColumn(3, Qt.SortOrder.DescendingOrder)
    window.resize(700, 640)
    assert not window.is_whole
    window.close()
    kept = remembered(path)
    assert kept["recent_commands"] == ["actionScan"]
    assert kept["sections"] == {"about": False}
    again = open_on(path)
    table = again.findChild(QTableView, "libraryTable")
    assert (again.width(), again.height(), table.columnWidth(4)) == (700, 640, 133)
    assert table.model().index(0, 0).data() == f"Model {MODELS - 1:05}"


def test_a_window_that_is_closed_grows_no_more_and_opens_nothing(open_on, path):
    window = open_on(path)
    window.close()
    assert window.findChild(QLineEdit, "searchEdit") is None
    assert not window.menuBar().actions()[0].menu().actions()
    assert not window.is_whole
    assert window._store._opened is None


def test_the_page_that_was_in_front_comes_back_whatever_the_library_shows(qtbot, open_on, path):
    for page, name in (("pending", "pendingPage"), ("overview", "overviewPage")):
        for query in ({"sort": "size_bytes", "descending": True}, {"search": "ink"}, {"types": ["lora"]}):
            window_state_path(path).write_text(json.dumps({"page": page, "query": query}))
            window = open_on(path)
            assert window.findChild(QWidget, name).isVisible(), query
            shown = window.findChild(QLineEdit, "searchEdit").text()
            assert shown == query.get("search", "")
            window.close()


@pytest.mark.parametrize("state", [{"look": {"grid": True}}, {"query": {"search": "ink"}}])
def test_the_search_has_the_keyboard_of_a_window_that_was_made_at_once(qtbot, open_on, path, state):
    window_state_path(path).write_text(json.dumps(state))
    window = open_on(path)
    assert window.is_whole
    qtbot.waitUntil(window.findChild(QLineEdit, "searchEdit").hasFocus)


def test_an_empty_library_asks_nobody_to_select_a_model(open_on, tmp_path, path):
    words = "Select a model to see what is known about it."
    for place, is_shown in ((tmp_path / "empty.sqlite", False), (path, True)):
        window = open_on(place)
        (hint,) = (label for label in window.findChildren(QLabel) if label.text() == words)
        assert hint.isHidden() != is_shown


def test_who_has_the_keyboard_keeps_it_when_the_rest_comes(qtbot, open_on, path):
    window = open_on(path)
    table = window.findChild(QTableView, "libraryTable")
    table.setFocus()
    assert not window.is_whole
    qtbot.waitUntil(lambda: window.is_whole)
    assert window.focusWidget() is table


def test_what_stands_in_the_bars_and_pages_is_found_in_them_at_once(open_on, path):
    for find in (
        lambda window: window.findChild(QToolBar, "mainToolBar").actions(),
        lambda window: window.findChild(QDockWidget).findChild(QWidget, "metadataRaw"),
        lambda window: window.statusBar().findChild(QWidget, "taskProgress"),
        lambda window: window.centralWidget().findChild(QTableView, "pendingTable"),
        lambda window: window.acceptDrops(),
    ):
        window = open_on(path)
        assert find(window)
        window.close()


def test_a_name_that_is_typed_in_the_first_moment_is_saved(open_on, path):
    window = open_on(path)
    model = window.findChild(QTableView, "libraryTable").model()
    assert not window.is_whole
    assert model.setData(model.index(0, 0), "Quiet Fjord")
    window.close()
    with Catalog.open(path) as catalog:
        assert "Quiet Fjord" in [row.name for row in catalog.page(ModelQuery(), None)]


def test_what_fails_in_the_first_moment_is_told_when_there_is_where(qtbot, open_on, path):
    window = open_on(path)
    error = CatalogError("The disk is gone.")
    at_first_paint(window, qtbot, lambda: window._tasks.failed.emit("Rows could not be read", error))
    words = window.findChild(QLabel, "messageText")
    assert words.isVisible()
    assert words.text() == "Rows could not be read. The disk is gone."


def spoil(path: Path, version: int = 99) -> None:
    """Make a catalog one of a version to come."""
    with path.open("r+b") as file:
        file.seek(60)
        file.write(version.to_bytes(4, "big"))


def test_a_catalog_that_can_not_be_opened_after_its_first_rows_is_told(qtbot, open_on, path):
    window = open_on(path)
    told = []
    window.not_opened.connect(told.append)
    with Catalog.open(path) as catalog:
        catalog.session()
    at_first_paint(window, qtbot, lambda: spoil(path))
    qtbot.waitUntil(lambda: bool(told))
    assert told[0].code == "catalog_too_new"
    # The program shows a page in its place; the window that was opened alone says it, too.
    words = QWidget.findChild(window, QLabel, "messageText")
    assert words.isVisible()
    assert "newer version" in words.text()


@pytest.mark.parametrize(
    "part", ["_grow_table", "_grow_library", "_grow_details", "_grow_deeds", "_grow_together"]
)
def test_a_part_of_the_window_that_can_not_be_made_is_told_on_the_page(
    qtbot, open_on, path, monkeypatch, part
):
    def fail(_window) -> None:
        raise OSError("frost")

    monkeypatch.setattr(MainWindow, part, fail)
    with qtbot.captureExceptions() as raised:
        window = open_on(path)

        def words() -> QLabel | None:
            # Not the window's own way, which would try again.
            return QWidget.findChild(window, QLabel, "messageText")

        qtbot.waitUntil(lambda: words() is not None and words().isVisible())
        assert "A part of it may be missing" in words().text()
        QGuiApplication.clipboard().clear()
        QWidget.findChild(window, QPushButton, "messageButton").click()
        qtbot.waitUntil(lambda: QGuiApplication.clipboard().text().startswith("modelmgr "))
        window.close()
    assert {kind for kind, _error, _trace in raised} == {OSError}


def test_a_late_part_that_can_not_be_made_is_told_on_the_page(qtbot, open_on, path, monkeypatch):
    def fail() -> None:
        raise OSError("frost")

    monkeypatch.setattr(LibraryPage, "late_parts", lambda _page: (fail,))
    with qtbot.captureExceptions() as raised:
        window = open_on(path)
        words = window.findChild(QLabel, "messageText")
        qtbot.waitUntil(words.isVisible)
        QGuiApplication.clipboard().clear()
        window.findChild(QPushButton, "messageButton").click()
        qtbot.waitUntil(lambda: QGuiApplication.clipboard().text().startswith("modelmgr "))
    assert len(raised) == 1


class WhenShown(QObject):
    """Does something as soon as a main window is shown, amid its making."""

    def __init__(self, deed) -> None:
        super().__init__()
        self._deed = deed

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Show and watched.objectName() == "mainWindow":
            QApplication.instance().removeEventFilter(self)
            self._deed()
        return False


@pytest.mark.logs("written by a newer version")
def test_what_was_dropped_on_a_catalog_that_can_not_be_opened_is_kept(qtbot, tmp_path, path, catalog):
    catalog.close()
    watch = WhenShown(lambda: spoil(path))
    QApplication.instance().installEventFilter(watch)
    with Instance.of(path) as instance:
        session = app._Session(str(path), [str(tmp_path)], instance)
        session.open()
        assert session.code == app.EXIT_CATALOG
        assert session._window.objectName() == "errorWindow"
        session.show_again([str(path.parent / "more")])
        spoil(path, VERSION)
        with Catalog.open(path) as again:
            assert again.count(ModelQuery()) == MODELS
        assert session._dropped == [str(tmp_path), str(path.parent / "more")]
        session.close()
        qtbot.waitUntil(lambda: not session._window.isVisible())


@pytest.mark.parametrize("until", ["True", "painted", "window.is_whole"])
def test_a_program_may_end_without_closing_its_window(path, catalog, until):
    catalog.close()
    code = (
        "import sys; from pathlib import Path; from PySide6.QtWidgets import QApplication; app = QApplication([])\n"
        "from modelmgr.gui import open_window; window = open_window(Path(sys.argv[1])); painted = []\n"
        "window.painted.connect(lambda: painted.append(True))\n"
        f"while not ({until}): app.processEvents()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 0


def test_no_worker_of_a_start_makes_classes_of_qt(path, catalog):
    catalog.close()
    done = subprocess.run(
        [sys.executable, "-m", "tests.gui.elsewhere", str(path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


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


ODD_NAMES = [
    b"q?x=1&mode=ro#.sqlite",
    b"100%41;'\".sqlite",
    b"new\nline \xc3\xbc.sqlite",
    b"bad\xff.sqlite",
    b":memory:",
]


@pytest.mark.skipif(sys.platform != "linux", reason="no such names there")
@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_first_look_finds_catalogs_by_any_name(path, catalog, tmp_path, name):
    catalog.close()
    other = tmp_path / os.fsdecode(name)
    path.rename(other)
    look = FirstLook.at(str(other), ModelQuery(), 5, 10)
    assert (len(look.rows), look.count) == (5, 10)
    look.close()


def test_a_first_look_sees_what_a_process_that_died_has_written(path, catalog):
    catalog.close()
    code = (
        "import os, sys; from modelmgr.catalog import Catalog; catalog = Catalog.open(sys.argv[1])\n"
        "with catalog.transaction() as writer: writer.execute_sql(\"UPDATE models SET name = 'A' WHERE id = 9\")\n"
        "os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert path.with_name(path.name + "-wal").stat().st_size
    look = FirstLook.at(str(path), ModelQuery(), 1, 100)
    assert [(row.id, row.name) for row in look.rows] == [(9, "A")]
    look.close()


def test_a_first_look_waits_for_no_lock_but_a_moment(path, catalog):
    catalog.close()
    conn = connect(str(path), "mode=rw", 7)
    assert conn.execute("PRAGMA busy_timeout").fetchone() == (7,)
    conn.execute("PRAGMA locking_mode=EXCLUSIVE")
    conn.execute("BEGIN EXCLUSIVE")
    assert FirstLook.at(str(path), ModelQuery(), 5, 10) is None
    conn.close()
    look = FirstLook.at(str(path), ModelQuery(), 5, 10)
    assert len(look.rows) == 5
    look.close()


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


def test_a_first_look_leaves_an_index_that_is_out_of_step_to_the_catalog(path, catalog):
    lost = catalog.page(ModelQuery(), 1)[0].id
    catalog.close()
    conn = driver.connect(path)
    conn.execute("PRAGMA writable_schema=ON")
    kept = conn.execute("SELECT * FROM sqlite_schema WHERE tbl_name='models' AND type<>'table'").fetchall()
    conn.execute("DELETE FROM sqlite_schema WHERE tbl_name='models' AND type<>'table'")
    conn.commit()
    conn.close()
    conn = driver.connect(path)
    conn.execute("DELETE FROM models WHERE id=?", (lost,))
    conn.execute("PRAGMA writable_schema=ON")
    conn.executemany("INSERT INTO sqlite_schema VALUES (?, ?, ?, ?, ?)", kept)
    conn.commit()
    conn.close()
    assert FirstLook.at(str(path), ModelQuery(), 5, 10) is None
    store = CatalogWhenWanted(path)
    rows, _count = store.first_page(ModelQuery(), 5, 10)
    store.close()
    assert len(rows) == 4


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
        "window.repaint(); print(*sys.modules); from PySide6 import QtCore, QtWidgets;"
        "print('Qt' in vars(QtCore), 'QStyle' in vars(QtWidgets))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    *loaded, has_names, has_styles = done.stdout.split()
    assert "modelmgr.gui.shell.front" in loaded
    if sys.platform == "linux":
        assert (has_names, has_styles) == ("False", "False")
    for name in (
        "modelmgr.gui.table.view",
        "dataclasses",
        "peewee",
        "modelmgr.catalog.catalog",
        "modelmgr.search",
        "modelmgr.gui.shell.actions",
        "hashlib",
    ):
        assert name not in loaded
    assert len([name for name in loaded if name.startswith("modelmgr")]) < 50
