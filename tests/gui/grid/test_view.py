"""The grid: the same models and the same selection as the table, by mouse and by keys, at any number."""

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from modelmgr.gui.grid.cards import MAX_SIZE, MIN_SIZE
from modelmgr.gui.grid.shelf import Shelf
from modelmgr.gui.previews import Previews
from modelmgr.gui.table.model import LibraryModel
from modelmgr.values import Changes, ModelQuery

CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


@pytest.fixture
def shelf(qtbot, catalog, tasks) -> Shelf:
    made = Shelf(LibraryModel(catalog, tasks), Previews(tasks))
    qtbot.addWidget(made)
    made.resize(800, 700)
    made.show_grid(True)
    made.show()
    qtbot.waitExposed(made)
    made.grid.setFocus()
    return made


def load(qtbot, shelf, query=None) -> LibraryModel:
    model = shelf.grid.model()
    model.load_at_once(query or ModelQuery())
    qtbot.waitUntil(lambda: model.is_complete)
    return model


def columns(grid) -> int:
    tops = [grid.visualRect(grid.model().index(row, 0)).top() for row in range(12)]
    return tops.count(tops[0])


def click(grid, row, modifiers=Qt.KeyboardModifier.NoModifier) -> None:
    place = grid.visualRect(grid.model().index(row, 0)).center()
    QTest.mouseClick(grid.viewport(), Qt.MouseButton.LeftButton, modifiers, place)


def selected(shelf) -> list[int]:
    return [row for first, last in shelf.selection.stretches for row in range(first, last + 1)]


def test_cards_stand_side_by_side_and_fill_the_line(qtbot, fill, shelf):
    fill.add(30, hashed=False)
    load(qtbot, shelf)
    grid, count = shelf.grid, columns(shelf.grid)
    rects = [grid.visualRect(grid.model().index(row, 0)) for row in range(30)]
    assert count > 2
    assert not any(rects[row].intersects(rects[row + 1]) for row in range(29))
    assert rects[count].top() > rects[0].bottom()
    assert grid.viewport().width() - rects[count - 1].right() < 40
    for row, rect in enumerate(rects):
        assert grid.indexAt(rect.center()).row() == row
    assert not grid.indexAt(QPoint(1, 1)).isValid()


def test_clicks_select_as_in_the_table(qtbot, fill, shelf):
    fill.add(30, hashed=False)
    load(qtbot, shelf)
    click(shelf.grid, 1)
    assert selected(shelf) == [1]
    click(shelf.grid, 5, SHIFT)
    assert selected(shelf) == [1, 2, 3, 4, 5]
    click(shelf.grid, 3, CTRL)
    assert selected(shelf) == [1, 2, 4, 5]
    assert [index.row() for index in shelf.table.selectionModel().selectedRows()] == [1, 2, 4, 5]


def test_the_keys_of_a_photo_browser(qtbot, fill, shelf):
    fill.add(200, hashed=False)
    load(qtbot, shelf)
    grid, count = shelf.grid, columns(shelf.grid)
    click(grid, 0)

    def press(key, modifiers=Qt.KeyboardModifier.NoModifier):
        QTest.keyClick(grid, key, modifiers)
        return grid.currentIndex().row()

    assert press(Qt.Key.Key_Right) == 1
    assert press(Qt.Key.Key_Down) == 1 + count
    assert press(Qt.Key.Key_Left) == count
    assert press(Qt.Key.Key_Up) == 0
    assert press(Qt.Key.Key_End) == 199
    assert grid.is_row_shown(199)
    assert press(Qt.Key.Key_Down) == 199
    assert press(Qt.Key.Key_PageUp) < 199 - count
    assert press(Qt.Key.Key_Home) == 0
    assert grid.is_row_shown(0)
    press(Qt.Key.Key_Right, SHIFT)
    press(Qt.Key.Key_Down, SHIFT)
    assert selected(shelf) == list(range(2 + count))
    with qtbot.waitSignal(shelf.left_upwards):
        press(Qt.Key.Key_Home)
        press(Qt.Key.Key_Up)


def test_from_right_to_left_the_first_card_is_on_the_right(qtbot, fill, shelf):
    fill.add(30, hashed=False)
    shelf.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
    shelf.take_palette()
    load(qtbot, shelf)
    grid = shelf.grid
    first, second = (grid.visualRect(grid.model().index(row, 0)) for row in (0, 1))
    assert first.left() > second.right()
    click(grid, 0)
    QTest.keyClick(grid, Qt.Key.Key_Left)
    assert grid.currentIndex().row() == 1


def test_a_frame_drawn_with_the_mouse_selects_what_it_touches(qtbot, fill, shelf):
    fill.add(30, hashed=False)
    load(qtbot, shelf)
    grid, count = shelf.grid, columns(shelf.grid)
    target = grid.visualRect(grid.model().index(count + 1, 0)).center()
    view = grid.viewport()
    QTest.mousePress(view, Qt.MouseButton.LeftButton, pos=QPoint(2, 2))
    QTest.mouseMove(view, target)
    qtbot.waitUntil(lambda: selected(shelf) == [0, 1, count, count + 1])
    QTest.mouseRelease(view, Qt.MouseButton.LeftButton, pos=target)
    QTest.mouseClick(view, Qt.MouseButton.LeftButton, pos=QPoint(2, 2))
    assert selected(shelf) == []


def test_everything_is_selected_as_one_stretch(qtbot, fill, shelf):
    fill.add(3000, hashed=False)
    load(qtbot, shelf)
    QTest.keyClick(shelf.grid, Qt.Key.Key_A, CTRL)
    assert list(shelf.selection.stretches) == [(0, 2999)]


def test_table_and_cards_keep_each_others_place(qtbot, fill, shelf):
    fill.add(600, hashed=False)
    load(qtbot, shelf)
    grid, table = shelf.grid, shelf.table
    grid.show_row(300, at_top=True)
    top = grid.top_row()
    click(grid, top + 1)
    shelf.show_grid(False)
    assert table.top_row() <= top <= table.top_row() + 1
    assert table.is_row_shown(top + 1)
    assert selected(shelf) == [top + 1]
    assert table.hasFocus()
    table.show_row(450, at_top=True)
    shelf.show_grid(True)
    assert grid.is_row_shown(450)
    assert selected(shelf) == [top + 1]


def test_selection_and_place_survive_another_order(qtbot, fill, shelf):
    fill.add(600, hashed=False)
    model = load(qtbot, shelf)
    shelf.grid.show_row(300, at_top=True)
    click(shelf.grid, shelf.grid.top_row())
    (before,) = shelf.selection.ids()
    fill.add(40, first=600, hashed=False)
    with qtbot.waitSignal(model.reordered):
        model.refresh(Changes(models=True))
    assert list(shelf.selection.ids()) == [before]
    assert shelf.grid.is_row_shown(selected(shelf)[0])
    with qtbot.waitSignal(model.reordered):
        model.show_query(ModelQuery(sort="size_bytes", descending=True))
    assert list(shelf.selection.ids()) == [before]
    assert shelf.grid.is_row_shown(selected(shelf)[0])


def test_the_size_follows_slider_and_wheel_and_is_remembered(qtbot, fill, catalog, tasks, shelf):
    fill.add(200, hashed=False)
    load(qtbot, shelf)
    grid = shelf.grid
    grid.show_row(120, at_top=True)
    click(grid, grid.top_row())
    row, before = selected(shelf)[0], columns(grid)
    for _ in range(40):
        shelf.enlarge()
    assert grid.card_size == MAX_SIZE
    assert columns(grid) < before
    assert grid.is_row_shown(row)
    for _ in range(40):
        shelf.reduce()
    assert grid.card_size == MIN_SIZE
    assert columns(grid) > before
    other = Shelf(LibraryModel(catalog, tasks), Previews(tasks))
    qtbot.addWidget(other)
    other.restore(shelf.state())
    assert other.is_grid
    assert other.grid.card_size == MIN_SIZE
    other.restore({"card": 10**9, "grid": "yes"})
    assert not other.is_grid
    assert other.grid.card_size == MIN_SIZE


def test_typing_goes_to_the_next_name_that_begins_so(qtbot, fill, library, shelf):
    ids = fill.add(300, hashed=False)
    library.edit([ids[250]], "name", "Zephyr")
    library.edit([ids[120]], "name", "zebra")
    model = load(qtbot, shelf)
    order = list(model.ids)
    click(shelf.grid, 0)
    QTest.keyClicks(shelf.grid, "zep")
    qtbot.waitUntil(lambda: list(shelf.selection.ids()) == [ids[250]])
    assert shelf.grid.is_row_shown(order.index(ids[250]))


def test_f2_edits_the_name_on_the_card(qtbot, fill, shelf):
    fill.add(20, hashed=False)
    model = load(qtbot, shelf)
    click(shelf.grid, 3)
    with qtbot.waitSignal(model.renamed) as told:
        shelf.rename_current()
        editor = shelf.grid.findChild(object, "nameEditor")
        assert shelf.grid.visualRect(model.index(3, 0)).contains(editor.geometry().center())
        editor.setText("Copperleaf")
        QTest.keyClick(editor, Qt.Key.Key_Return)
    assert told.args[1] == "Copperleaf"


def test_the_large_preview_follows_the_arrows(qtbot, fill, shelf):
    fill.add(20, hashed=False)
    load(qtbot, shelf)
    click(shelf.grid, 3)
    shelf.show_large()
    large = shelf.findChild(object, "largePreview")
    assert large.isVisible()
    assert "Model 00003" in large.accessibleName()
    QTest.keyClick(large, Qt.Key.Key_Right)
    assert selected(shelf) == [4]
    assert "Model 00004" in large.accessibleName()
    QTest.keyClick(large, Qt.Key.Key_Space)
    assert not large.isVisible()
    assert shelf.grid.hasFocus()


def test_enter_opens_the_details(qtbot, fill, shelf):
    fill.add(5, hashed=False)
    load(qtbot, shelf)
    click(shelf.grid, 1)
    with qtbot.waitSignal(shelf.details_wanted):
        QTest.keyClick(shelf.grid, Qt.Key.Key_Return)
