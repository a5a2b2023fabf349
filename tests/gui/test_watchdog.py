"""No flow keeps the GUI thread busy for longer than 50 ms at a time: many models, huge payloads, long deeds."""

import gc
import importlib
import json
import pkgutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QAction, QColor, QDragEnterEvent, QDropEvent, QPalette
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QApplication,
    QDialog,
    QLineEdit,
    QMainWindow,
    QPlainTextEdit,
    QTableView,
    QTabWidget,
    QTreeView,
    QWidget,
    QWizard,
)

import modelmgr.gui
from modelmgr.gui import theme
from modelmgr.gui.shell.errands import Errands
from modelmgr.gui.tasks import Tasks
from modelmgr.values import Record
from tests.benchmarks.made import make_catalog, make_library, make_pending, make_sidecars, model_bytes
from tests.gui.heartbeat import no_stall  # noqa: F401  a fixture

MODELS = 100_000
FILES = 5_000
WAIT_MS = 180_000
Flow = Callable[[str], AbstractContextManager[None]]

pytestmark = pytest.mark.scale


@pytest.fixture(scope="module", autouse=True)
def loaded() -> None:
    """Load every module of the window: where Python may not keep bytecode, the first use of one compiles it.

    What earlier tests left is set aside: the program would not have it, nor a collection of garbage look at it.
    """
    for module in pkgutil.walk_packages(modelmgr.gui.__path__, "modelmgr.gui."):
        importlib.import_module(module.name)
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="module")
def large(tmp_path_factory) -> Path:
    """A catalog of a hundred thousand models."""
    path = tmp_path_factory.mktemp("large") / "catalog.sqlite"
    make_catalog(path, MODELS, payload_each=50)
    return path


def find(window, name, kind=QWidget):
    found = window.findChild(kind, name)
    assert found is not None, name
    return found


def wait_for_rows(qtbot, window, rows: int | None = None) -> None:
    model = find(window, "libraryTable", QTableView).model()

    def are_there() -> bool:
        return model.is_complete and (rows is None or model.rowCount() == rows)

    qtbot.waitUntil(are_there, timeout=WAIT_MS)
    rest(qtbot)


def wait_for_deeds(qtbot, window) -> None:
    tasks = window.findChild(Tasks)
    qtbot.waitUntil(lambda: all(task.is_standing for task in tasks.running), timeout=WAIT_MS)


def rest(qtbot) -> None:
    """Let what follows in the event loop come: counts, pictures, a collection of garbage."""
    qtbot.wait(700)


def test_looking_around_in_a_large_library(qtbot, open_on, large, no_stall: Flow):  # noqa: F811
    window: QMainWindow = open_on(large)
    with no_stall("after the start"):
        wait_for_rows(qtbot, window, MODELS)
    table, search = find(window, "libraryTable", QTableView), find(window, "searchEdit", QLineEdit)
    with no_stall("typing a search"):
        for letter in "velvet meadow":
            QTest.keyClick(search, letter)
            qtbot.wait(30)
        qtbot.waitUntil(lambda: table.model().rowCount() < MODELS, timeout=WAIT_MS)
        wait_for_rows(qtbot, window)
        search.clear()
        wait_for_rows(qtbot, window, MODELS)
    with no_stall("sorting"):
        for column in range(table.model().columnCount()):
            table.model().sort(column, Qt.SortOrder.DescendingOrder)
            wait_for_rows(qtbot, window, MODELS)
    with no_stall("filtering"):
        for text in ("type:lora", 'type:lora base:"SDXL 1.0" tag:ink', "state:missing", ""):
            search.setText(text)
            wait_for_rows(qtbot, window)
    wait_for_rows(qtbot, window, MODELS)
    with no_stall("selecting quickly"):
        table.setFocus()
        for _ in range(60):
            QTest.keyClick(table, Qt.Key.Key_Down)
            qtbot.wait(5)
        rest(qtbot)
    with no_stall("scrolling anywhere"):
        bar = table.verticalScrollBar()
        for step in range(40):
            bar.setValue(bar.maximum() * (step * 7 % 40) // 40)
            qtbot.wait(10)
        rest(qtbot)
    with no_stall("selecting all"):
        QTest.keyClick(table, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
        rest(qtbot)
        QTest.keyClick(table, Qt.Key.Key_Home)
        rest(qtbot)


@pytest.mark.parametrize("kind", ["wide", "deep", "text", "broken"])
def test_a_huge_payload(qtbot, open_on, catalog, fill, tmp_path, kind, no_stall: Flow):  # noqa: F811
    payload = {
        "wide": lambda: json.dumps([{"id": n, "name": f"entry {n}", "on": True} for n in range(450_000)]),
        "deep": lambda: "[" * 90_000 + "]" * 90_000,
        "text": lambda: json.dumps({"notes": "a line of words\n" * 1_300_000}),
        "broken": lambda: json.dumps([f"entry {n}" for n in range(1_200_000)])[:-1] + "}",
    }[kind]().encode()
    (model_id,) = fill.add(1, records=False)
    fill.attach({model_id: [Record("civitai-info", "/elsewhere/huge.civitai.info", "", payload)]})
    catalog.close()
    window = open_on(tmp_path / "catalog.sqlite")
    wait_for_rows(qtbot, window, 1)
    raw, tree = find(window, "metadataRaw", QPlainTextEdit), find(window, "metadataTree", QTreeView)
    with no_stall(f"a payload of {len(payload) >> 20} MiB, {kind}"):
        find(window, "libraryTable", QTableView).selectRow(0)
        qtbot.waitUntil(lambda: bool(raw.toPlainText()), timeout=WAIT_MS)
        rest(qtbot)
    views = raw.parentWidget()
    while not isinstance(views, QTabWidget):
        views = views.parentWidget()
    with no_stall(f"looking at both views, {kind}"):
        for number in range(views.count()):
            views.setCurrentIndex(number)
            rest(qtbot)
        if tree.model() is not None and tree.model().rowCount():
            tree.expand(tree.model().index(0, 0))
            rest(qtbot)


def test_a_scan_of_many_files_beside_a_full_window(qtbot, open_on, large, tmp_path, no_stall: Flow):  # noqa: F811
    folder = tmp_path / "many"
    for number in range(FILES):
        if number % 100 == 0:
            (folder / f"{number // 100:03}").mkdir(parents=True)
        path = folder / f"{number // 100:03}" / f"model {number}.safetensors"
        path.write_bytes(model_bytes(number, 1024))
    catalog = tmp_path / "catalog.sqlite"
    catalog.write_bytes(large.read_bytes())
    window: QMainWindow = open_on(catalog)
    wait_for_rows(qtbot, window, MODELS)
    with no_stall("news of a scan"):
        window.findChild(Errands).add_folder(str(folder))
        wait_for_rows(qtbot, window, MODELS + FILES)
        wait_for_deeds(qtbot, window)
        rest(qtbot)


def test_the_way_of_many_records_into_the_library(qtbot, open_on, tmp_path, no_stall: Flow):  # noqa: F811
    folder = tmp_path / "many"
    make_library(folder, 300)
    make_sidecars(tmp_path / "alone", FILES)
    window: QMainWindow = open_on(tmp_path / "catalog.sqlite")
    rest(qtbot)
    with no_stall("dry run"):
        window.findChild(Errands).look_into([str(folder), str(tmp_path / "alone")])
        wizard = find(window, "migrationWizard", QWizard)
        qtbot.waitUntil(lambda: wizard.journey.preview is not None, timeout=WAIT_MS)
        rest(qtbot)
    with no_stall("import"):
        wizard.next()
        qtbot.waitUntil(lambda: wizard.currentPage().objectName() == "reportPage", timeout=WAIT_MS)
        rest(qtbot)
    with no_stall("leaving the wizard"):
        wizard.accept()
        rest(qtbot)
    with no_stall("pending page"):
        find(window, "actionShowPending", QAction).trigger()
        pending = find(window, "pendingTable", QTableView)
        qtbot.waitUntil(lambda: pending.model().rowCount() > 0, timeout=WAIT_MS)
        for group in ("waiting", "ready", "decision", "missing", "all"):
            find(window, "pendingPage").show_group(group)
            rest(qtbot)
        pending.selectAll()
        rest(qtbot)
    with no_stall("promote"):
        find(window, "actionPromote", QAction).trigger()
        rest(qtbot)
        wait_for_deeds(qtbot, window)
        rest(qtbot)


def test_settings_and_a_drop(qtbot, open_on, large, no_stall: Flow):  # noqa: F811
    window: QMainWindow = open_on(large)
    wait_for_rows(qtbot, window, MODELS)
    with no_stall("settings"):
        find(window, "actionSettings", QAction).trigger()
        dialog = window.findChildren(QDialog, "settingsDialog")[-1]
        rest(qtbot)
        tabs = dialog.findChild(QTabWidget)
        for number in range(tabs.count() if tabs else 0):
            tabs.setCurrentIndex(number)
            rest(qtbot)
        dialog.reject()
        rest(qtbot)
    mime = QMimeData()
    mime.setUrls(
        [QUrl.fromLocalFile(str(large.parent / f"model {number}.safetensors")) for number in range(500)]
    )
    buttons, keys = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    with no_stall("drop"):
        QApplication.sendEvent(
            window, QDragEnterEvent(QPoint(300, 300), Qt.DropAction.CopyAction, mime, buttons, keys)
        )
        rest(qtbot)
        QApplication.sendEvent(
            window, QDropEvent(QPointF(300, 300), Qt.DropAction.CopyAction, mime, buttons, keys)
        )
        rest(qtbot)
    find(window, "migrationWizard", QWizard).reject()
    rest(qtbot)
    assert find(window, "libraryTable", QTableView).model().rowCount() == MODELS


def test_other_colours_and_letters(qtbot, qapp, open_on, tmp_path, no_stall: Flow):  # noqa: F811
    make_catalog(tmp_path / "catalog.sqlite", 2_000)
    make_pending(tmp_path / "catalog.sqlite", 1_500)
    window: QMainWindow = open_on(tmp_path / "catalog.sqlite")
    wait_for_rows(qtbot, window, 2_000)
    find(window, "libraryTable", QTableView).selectRow(0)
    # Every part that comes late.
    window.findChildren(QWidget)
    rest(qtbot)
    palette, font = qapp.palette(), qapp.font()
    same_sheet = QPalette(palette)
    same_sheet.setColor(QPalette.ColorRole.LinkVisited, QColor("#123456"))
    larger = qapp.font()
    larger.setPointSizeF(font.pointSizeF() * 1.3)
    try:
        for page in ("actionShowPending", "actionShowOverview", "actionShowLibrary"):
            find(window, page, QAction).trigger()
            rest(qtbot)
            for name, change in (
                ("a palette with the same sheet", lambda: qapp.setPalette(same_sheet)),
                ("a dark palette", lambda: qapp.setPalette(theme.dark_palette())),
                ("larger letters", lambda: qapp.setFont(larger)),
                ("both as before", lambda: (qapp.setPalette(palette), qapp.setFont(font))),
            ):
                with no_stall(f"{name}, {page}"):
                    change()
                    rest(qtbot)
    finally:
        qapp.setPalette(palette)
        qapp.setFont(font)
