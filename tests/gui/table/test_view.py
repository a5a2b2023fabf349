"""The table: what is selected stays so, details are wanted by selection alone, columns come back."""

import pytest
from PySide6.QtCore import QItemSelectionModel, QPoint, Qt

from modelmgr.gui import theme
from modelmgr.gui.previews import Previews
from modelmgr.gui.search.filters import Filters
from modelmgr.gui.table.columns import COLUMN_OF_NAME, COLUMNS
from modelmgr.gui.table.model import SLOW_AFTER_MS, LibraryModel
from modelmgr.gui.table.view import LibraryView
from modelmgr.gui.text import type_label
from modelmgr.values import SORT_COLUMNS, Changes, ModelQuery, ModelRow


@pytest.fixture
def view(qtbot, catalog, tasks) -> LibraryView:
    made = LibraryView(LibraryModel(catalog, tasks), Previews(tasks))
    qtbot.addWidget(made)
    made.resize(900, 500)
    made.show()
    return made


def load(qtbot, view, query=None) -> LibraryModel:
    model = view.model()
    model.load_at_once(query or ModelQuery())
    qtbot.waitUntil(lambda: model.is_complete)
    return model


def selected_names(view) -> list[str]:
    return sorted(view.model().known(row_id).name for row_id in view.selection.ids())


def test_the_focus_selects_nothing(qtbot, fill, view):
    fill.add(5)
    load(qtbot, view)
    with qtbot.assertNotEmitted(view.selection.model_selected, wait=50):
        view.setFocus()
        view.setCurrentIndex(view.model().index(-1, -1))
        view.selectionModel().setCurrentIndex(
            view.model().index(0, 0), QItemSelectionModel.SelectionFlag.NoUpdate
        )


def test_a_selected_row_is_told_once(qtbot, fill, view):
    fill.add(5)
    load(qtbot, view)
    told = []
    view.selection.model_selected.connect(told.append)
    view.selectRow(2)
    view.selectRow(2)
    assert [row.name for row in told] == ["Model 00002"]
    view.clearSelection()
    assert told[-1] is None


def test_a_row_that_is_not_known_yet_is_told_when_it_comes(qtbot, fill, view):
    fill.add(2000, hashed=False)
    load(qtbot, view)
    with qtbot.waitSignal(view.selection.model_selected) as told:
        view.selectRow(1999)
    assert told.args[0].name == "Model 01999"


@pytest.mark.parametrize("count", [1, 3, 10])
def test_the_selection_stays_with_its_models_in_another_order(qtbot, fill, view, count):
    fill.add(50)
    model = load(qtbot, view)
    for row in range(0, count * 2, 2):
        view.selectionModel().select(
            model.index(row, 0),
            QItemSelectionModel.SelectionFlag.Select | QItemSelectionModel.SelectionFlag.Rows,
        )
    before = selected_names(view)
    told = []
    view.selection.model_selected.connect(told.append)
    with qtbot.waitSignal(model.reordered):
        model.show_query(ModelQuery(sort="size_bytes", descending=True))
    assert selected_names(view) == before
    assert view.selection.count() == count
    assert told == []


def test_the_selection_survives_rows_that_a_scan_brings(qtbot, fill, view):
    fill.add(20, first=10)
    model = load(qtbot, view)
    view.selectRow(5)
    before = selected_names(view)
    fill.add(10)
    with qtbot.waitSignal(model.reordered):
        model.refresh(Changes(models=True))
    assert selected_names(view) == before
    assert view.selectionModel().selectedRows()[0].row() == 15


def test_a_model_that_a_filter_hides_is_no_longer_shown(qtbot, fill, view):
    fill.add(8)
    model = load(qtbot, view)
    view.selectRow(1)
    with qtbot.waitSignal(view.selection.model_selected) as told:
        model.show_query(ModelQuery(types=("lora",)))
    assert told.args == [None]


def test_selecting_everything_is_one_stretch(qtbot, fill, view):
    fill.add(3000, hashed=False)
    load(qtbot, view)
    view.selectAll()
    assert view.selection.count() == 3000
    assert view.selectionModel().selection().count() == 1
    assert len(view.selection.ids()) == 3000


def test_columns_come_back_as_they_were(qtbot, catalog, tasks, view):
    header = view.horizontalHeader()
    rating = COLUMN_OF_NAME["rating"]
    header.moveSection(header.visualIndex(rating), 1)
    header.resizeSection(COLUMN_OF_NAME["tags"], 177)
    view.setColumnHidden(COLUMN_OF_NAME["added_at"], True)
    view.setColumnHidden(COLUMN_OF_NAME["format"], False)
    state = view.column_state()
    other = LibraryView(LibraryModel(catalog, tasks), Previews(tasks))
    qtbot.addWidget(other)
    other.restore_columns(state)
    assert [(c["name"], c["hidden"]) for c in other.column_state()] == [
        (c["name"], c["hidden"]) for c in state
    ]
    assert other.columnWidth(COLUMN_OF_NAME["tags"]) == 177
    assert other.horizontalHeader().visualIndex(rating) == 1
    assert other.columnWidth(COLUMN_OF_NAME["tags"]) == 177
    assert other.isColumnHidden(COLUMN_OF_NAME["added_at"])
    assert not other.isColumnHidden(COLUMN_OF_NAME["format"])


def test_a_width_that_nobody_chose_is_not_kept(qtbot, catalog, tasks, view):
    state, size = COLUMN_OF_NAME["state"], COLUMN_OF_NAME["size_bytes"]
    first = view.columnWidth(state), view.columnWidth(size)
    other_letters = [entry | {"width": entry["width"] + 40} for entry in view.column_state()]
    view.restore_columns(other_letters)
    assert (view.columnWidth(state), view.columnWidth(size)) == first
    # From before it was written down who had chosen a width.
    view.restore_columns([{"name": "state", "width": 92}, {"name": "size_bytes", "width": 99}])
    assert (view.columnWidth(state), view.columnWidth(size)) == (first[0], 99)
    view.horizontalHeader().resizeSection(state, 120)
    view.restore_columns(view.column_state())
    assert view.columnWidth(state) == 120


def test_odd_column_state_does_no_harm(view):
    view.restore_columns([{"name": "nope"}, {"name": "name", "hidden": True, "width": 10**9}, {}])
    assert not view.isColumnHidden(COLUMN_OF_NAME["name"])


def test_a_click_on_a_header_asks_for_another_order(qtbot, fill, view):
    fill.add(3)
    load(qtbot, view)
    header = view.horizontalHeader()
    with qtbot.waitSignal(view.sort_wanted) as told:
        header.sectionClicked.emit(COLUMN_OF_NAME["size_bytes"])
    assert told.args == ["size_bytes", True]
    with qtbot.waitSignal(view.sort_wanted) as told:
        header.sectionClicked.emit(COLUMN_OF_NAME["tags"])
    assert told.args == ["tags", False]


def test_copying_takes_what_the_focused_column_shows(qtbot, fill, view):
    fill.add(3)
    model = load(qtbot, view)
    view.selectAll()
    view.selectionModel().setCurrentIndex(
        view.model().index(0, COLUMN_OF_NAME["trigger_words"]), QItemSelectionModel.SelectionFlag.NoUpdate
    )
    assert [view.copied_text()(model.row_at(row)) for row in range(3)] == ["word0", "word1", "word2"]


def test_f2_renames_the_row(qtbot, fill, view):
    fill.add(2)
    model = load(qtbot, view)
    view.selectRow(1)
    with qtbot.waitSignal(model.renamed) as told:
        view.edit(view.currentIndex())
        editor = view.findChild(object, "nameEditor")
        editor.setText("Copperleaf")
        qtbot.keyClick(editor, Qt.Key.Key_Return)
    assert told.args[1] == "Copperleaf"


def test_shift_and_a_click_on_a_header_sort_by_one_more_column(qtbot, fill, view):
    fill.add(6)
    load(qtbot, view)
    filters = Filters()
    view.sort_wanted.connect(filters.sort)
    view.then_wanted.connect(filters.sort_then)
    filters.changed.connect(view.model().show_query)
    header, bar = view.horizontalHeader(), view.horizontalHeader().viewport()

    def click(name, modifiers=Qt.KeyboardModifier.NoModifier):
        section = COLUMN_OF_NAME[name]
        place = QPoint(header.sectionViewportPosition(section) + 12, header.height() // 2)
        qtbot.mouseClick(bar, Qt.MouseButton.LeftButton, modifiers, place)
        view.show_order(filters.query)
        return filters.query.sort, filters.query.descending, filters.query.then_by

    shift = Qt.KeyboardModifier.ShiftModifier
    assert click("type") == ("type", False, ())
    assert click("size_bytes", shift) == ("type", False, (("size_bytes", True),))
    plain = bar.grab().toImage()
    assert click("size_bytes", shift) == ("type", False, (("size_bytes", False),))
    assert bar.grab().toImage() != plain
    assert click("type", shift) == ("type", True, (("size_bytes", False),))
    again = Filters()
    again.restore(filters.as_state(), order_only=True)
    assert again.query == filters.query
    assert click("rating") == ("rating", True, ())


def test_the_columns_of_the_beginning_come_back(qtbot, view):
    before = view.column_state()
    header = view.horizontalHeader()
    header.moveSection(header.visualIndex(COLUMN_OF_NAME["rating"]), 1)
    view.setColumnHidden(COLUMN_OF_NAME["added_at"], True)
    view.setColumnHidden(COLUMN_OF_NAME["path"], False)
    header.resizeSection(COLUMN_OF_NAME["tags"], 300)
    view.reset_columns()
    assert [(c["name"], c["hidden"]) for c in view.column_state()] == [
        (c["name"], c["hidden"]) for c in before
    ]
    assert view.columnWidth(COLUMN_OF_NAME["tags"]) < 300


def test_columns_take_the_room_of_a_large_window_until_the_user_says_how_wide_they_are(
    qtbot, catalog, tasks, view
):
    tags, kind = COLUMN_OF_NAME["tags"], COLUMN_OF_NAME["type"]
    view.resize(600, 400)
    view.show()
    narrow = view.columnWidth(tags), view.columnWidth(kind)
    view.resize(1600, 400)
    assert view.columnWidth(tags) > 2 * narrow[0]
    assert view.columnWidth(kind) > narrow[1]
    assert view.horizontalHeader().length() == view.viewport().width()
    view.horizontalHeader().resizeSection(tags, 90)
    view.resize(1700, 400)
    assert view.columnWidth(tags) == 90
    state = view.column_state()
    view.resize(600, 400)
    assert (view.columnWidth(tags), view.columnWidth(kind)) == (90, narrow[1])
    other = LibraryView(LibraryModel(catalog, tasks), Previews(tasks))
    qtbot.addWidget(other)
    other.resize(600, 400)
    other.restore_columns(state)
    other.show()
    assert (other.columnWidth(tags), other.columnWidth(kind)) == (90, narrow[1])


def test_types_are_whole_and_states_are_narrow_in_a_usual_window(view):
    view.resize(764, 400)  # what a window of 1280 pixels leaves
    view.show()
    letters, marks = view.fontMetrics(), 2 * theme.S + theme.L + theme.S
    longest = max(letters.horizontalAdvance(type_label(name)) for name in ("diffusion_model", "text_encoder"))
    assert view.columnWidth(COLUMN_OF_NAME["type"]) >= longest + marks
    assert view.columnWidth(COLUMN_OF_NAME["tags"]) >= 80
    assert view.columnWidth(COLUMN_OF_NAME["name"]) >= 190
    state = COLUMN_OF_NAME["state"]
    assert view.columnWidth(state) <= letters.horizontalAdvance("State") + theme.XL
    assert view.horizontalHeader().length() == view.viewport().width()
    view.make_room_for_states()
    assert view.columnWidth(state) >= letters.horizontalAdvance("unreadable") + theme.L
    assert view.horizontalHeader().length() == view.viewport().width()


def test_pictures_and_rows_grow_with_the_letters(view):
    side, height = view.itemDelegate().thumbnail_side, view.verticalHeader().defaultSectionSize()
    font = view.font()
    font.setPointSizeF(font.pointSizeF() * 2)
    view.setFont(font)
    view.take_palette()
    assert view.itemDelegate().thumbnail_side > 1.3 * side
    assert view.verticalHeader().defaultSectionSize() > max(height, view.itemDelegate().thumbnail_side)


def test_every_light_column_has_one_of_the_table():
    shown = {column.name for column in COLUMNS}
    assert set(ModelRow._fields) - {"id", "file_state"} <= shown | {"file_state"}
    assert {column.sort for column in COLUMNS} == set(SORT_COLUMNS)


def test_bars_stand_for_rows_only_after_a_while(qtbot, fill, view):
    fill.add(2000, hashed=False)
    model = load(qtbot, view)
    assert not model.is_slow
    model.row_at(1500)
    assert not model.is_slow
    qtbot.waitUntil(lambda: model.known(model.ids[1500]) is not None)
    with qtbot.assertNotEmitted(model.reordered, wait=SLOW_AFTER_MS + 50):
        assert not model.is_slow
    assert not model.is_slow


def test_typing_finds_a_name_without_looking_at_every_row(qtbot, fill, library, view):
    ids = fill.add(2000, hashed=False)
    library.edit([ids[1800]], "name", "Zephyr")
    model = load(qtbot, view)
    view.setFocus()
    view.selectRow(0)
    qtbot.keyClicks(view, "ze")
    qtbot.waitUntil(lambda: list(view.selection.ids()) == [ids[1800]])
    assert view.is_row_shown(list(model.ids).index(ids[1800]))
