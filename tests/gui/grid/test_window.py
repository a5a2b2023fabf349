"""The grid in the window: chosen by keys, remembered, with the commands of the table."""

import time
from functools import partial
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QAction
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractItemView, QApplication, QLineEdit, QMenu, QSlider, QTableView, QWidget

from modelmgr.catalog import Catalog
from modelmgr.gui.tasks import Tasks
from modelmgr.values import ModelQuery


@pytest.fixture
def path(catalog, fill, tmp_path) -> Path:
    fill.add(40)
    catalog.close()
    return tmp_path / "catalog.sqlite"


def find(window, name, kind=QWidget):
    found = window.findChild(kind, name)
    assert found is not None, name
    return found


def shown_grid(window) -> QAbstractItemView:
    window.show()
    # Shortcuts count in the active window alone.
    window.activateWindow()
    QTest.qWaitForWindowActive(window)
    find(window, "actionShowGrid", QAction).trigger()
    grid = find(window, "libraryGrid", QAbstractItemView)
    assert grid.isVisible()
    grid.setFocus()
    return grid


def ratings(path) -> list[int | None]:
    with Catalog.open(path, create=False) as catalog:
        return [row.rating for row in catalog.page(ModelQuery(), 3)]


def test_a_click_takes_the_size_there(qtbot, open_on, path):
    window = open_on(path)
    shown_grid(window)
    slider = find(window, "cardSize", QSlider)
    middle = slider.height() // 2
    qtbot.mouseClick(slider, Qt.MouseButton.LeftButton, pos=QPoint(slider.width() - 1, middle))
    assert slider.value() == slider.maximum()
    qtbot.mouseClick(slider, Qt.MouseButton.LeftButton, pos=QPoint(0, middle))
    assert slider.value() == slider.minimum()


def test_the_look_and_its_size_come_back(open_on, path):
    window = open_on(path)
    shown_grid(window)
    find(window, "cardSize", QSlider).setValue(240)
    window.close()
    again = open_on(path)
    again.show()
    assert find(again, "libraryGrid").isVisible()
    assert find(again, "cardSize", QSlider).value() == 240
    assert find(again, "actionShowGrid", QAction).isChecked()
    assert find(again, "gridButton").isVisible()
    find(again, "actionShowTable", QAction).trigger()
    assert find(again, "libraryTable").isVisible()
    assert not find(again, "cardSize").isVisible()


def test_a_former_state_that_is_still_to_be_written_is_not_the_one_that_stays(open_on, path):
    window = open_on(path)
    search = find(window, "searchEdit", QLineEdit)
    window.findChild(Tasks).change(partial(time.sleep, 0.3))
    search.setText("ink")
    # What was searched for is kept at once.
    QTest.keyClick(search, Qt.Key.Key_Return)
    search.clear()
    shown_grid(window)
    window.close()
    assert find(open_on(path), "actionShowGrid", QAction).isChecked()


def test_digits_rate_what_is_selected_in_both_looks(qtbot, open_on, path):
    window = open_on(path)
    grid = shown_grid(window)
    grid.setCurrentIndex(grid.model().index(0, 0))
    QTest.keyClick(grid, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    QTest.keyClick(grid, Qt.Key.Key_4)
    qtbot.waitUntil(lambda: ratings(path)[:2] == [4, 4])
    find(window, "actionShowTable", QAction).trigger()
    table = find(window, "libraryTable", QTableView)
    assert len(table.selectionModel().selectedRows()) > 1
    table.setFocus()
    table.selectRow(1)
    QTest.keyClick(table, Qt.Key.Key_0)
    qtbot.waitUntil(lambda: ratings(path)[:2] == [4, None])


def test_cards_have_the_tables_context_menu(qtbot, open_on, path):
    window = open_on(path)
    grid = shown_grid(window)
    grid.setCurrentIndex(grid.model().index(2, 0))
    grid.customContextMenuRequested.emit(grid.visualRect(grid.currentIndex()).center())
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    names = {action.objectName() for action in menu.actions()}
    assert {
        "actionRename",
        "actionFavorite",
        "actionCopyPromptTag",
        "actionCopyPath",
        "actionReveal",
    } <= names
    (rating,) = [action.menu() for action in menu.actions() if action.menu()]
    assert len(rating.actions()) == 6
    menu.close()


def test_space_shows_the_picture_large_and_escape_brings_the_cards_back(qtbot, open_on, path):
    window = open_on(path)
    grid = shown_grid(window)
    grid.setCurrentIndex(grid.model().index(2, 0))
    QTest.keyClick(grid, Qt.Key.Key_Space)
    large = find(window, "largePreview")
    qtbot.waitUntil(large.isVisible)
    QTest.keyClick(large, Qt.Key.Key_Escape)
    assert not large.isVisible()
    assert grid.hasFocus()
