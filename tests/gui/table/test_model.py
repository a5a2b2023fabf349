"""The table's model: any size, any order, always what the catalog says, and never a question while painting."""

import threading
from array import array

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QAbstractItemModelTester

from modelmgr.gui.table import model as table_model
from modelmgr.gui.table.columns import COLUMN_OF_NAME, COLUMNS, state_text
from modelmgr.gui.table.model import UNKNOWN_TEXT, Kept, LibraryModel, find_places
from modelmgr.gui.wanted import FIRST_ROWS
from modelmgr.values import Changes, ModelQuery, ModelRow

FATAL = QAbstractItemModelTester.FailureReportingMode.Fatal


def names(model: LibraryModel) -> list[str]:
    return [model.index(row, 0).data() for row in range(model.rowCount())]


@pytest.fixture
def model(catalog, tasks, qtbot) -> LibraryModel:
    made = LibraryModel(catalog, tasks)
    made.tester = QAbstractItemModelTester(made, FATAL)
    return made


@pytest.fixture
def in_two_steps(monkeypatch):
    """As if the catalog were large: first some rows, then the order."""
    monkeypatch.setattr(table_model, "ORDER_AT_ONCE", 0)


@pytest.mark.parametrize("count", [0, 1, FIRST_ROWS, FIRST_ROWS + 300])
def test_all_rows_are_there_in_order(qtbot, catalog, fill, model, count):
    fill.add(count, hashed=False)
    model.load_at_once(ModelQuery())
    assert model.rowCount() == count
    qtbot.waitUntil(lambda: model.is_complete)
    assert list(model.ids) == list(catalog.order(ModelQuery()))
    if count:
        assert model.index(0, 0).data() == "Model 00000"
        qtbot.waitUntil(lambda: model.index(count - 1, 0).data() == f"Model {count - 1:05}")


def test_the_first_rows_are_there_before_any_answer(catalog, fill, model):
    fill.add(5, hashed=False)
    model.load_at_once(ModelQuery())
    assert names(model) == [f"Model {number:05}" for number in range(5)]


def test_unknown_rows_are_asked_for_by_page_and_shown_when_they_come(qtbot, fill, model):
    fill.add(1000, hashed=False)
    model.load_at_once(ModelQuery())
    qtbot.waitUntil(lambda: model.is_complete)
    last = model.index(999, 0)
    with qtbot.waitSignal(model.rows_arrived):
        assert last.data() == UNKNOWN_TEXT
    assert last.data() == "Model 00999"
    assert model.index(900, 0).data() == "Model 00900"


def test_rows_wanted_while_others_are_on_their_way_come_too(qtbot, fill, model):
    fill.add(1000, hashed=False)
    model.load_at_once(ModelQuery())
    qtbot.waitUntil(lambda: model.is_complete)
    with qtbot.waitSignal(model.rows_arrived):
        model.index(999, 0).data()
        model._fetch()
        model.index(400, 0).data()
    # Nobody paints again, and still the row comes.
    qtbot.waitUntil(lambda: model.known(model.ids[400]) is not None)
    assert model.known(model.ids[400]).name == "Model 00400"


def test_painting_asks_the_catalog_nothing(qtbot, catalog, fill, model):
    fill.add(600, hashed=False)
    model.load_at_once(ModelQuery())
    qtbot.waitUntil(lambda: model.is_complete)
    asked = []
    here = threading.get_ident()
    catalog.trace(lambda sql: asked.append(sql) if threading.get_ident() == here else None)
    for row in range(0, 600, 7):
        for column in range(len(COLUMNS)):
            for role in (0, 2, 3, 7, 9, 11):
                model.data(model.index(row, column), role)
    catalog.trace(None)
    assert asked == []


@pytest.mark.parametrize("two_steps", [False, True])
def test_another_query_shows_its_rows_in_its_order(qtbot, catalog, fill, model, two_steps, request):
    if two_steps:
        request.getfixturevalue("in_two_steps")
    fill.add(700, hashed=False)
    model.load_at_once(ModelQuery())
    wanted = ModelQuery(types=("lora",), sort="size_bytes", descending=True)
    with qtbot.waitSignal(model.query_changed):
        model.show_query(wanted)
    qtbot.waitUntil(lambda: model.rowCount() == 175 and model.is_complete)
    assert list(model.ids) == list(catalog.order(wanted))


def test_the_answer_to_a_query_that_was_left_is_dropped(qtbot, catalog, fill, model):
    fill.add(40, hashed=False)
    model.load_at_once(ModelQuery())
    for word in ("Model 00001", "Model 00002", "Model 00003", "Model 00004"):
        model.show_query(ModelQuery(search=f'"{word}"'))
    qtbot.waitUntil(lambda: names(model) == ["Model 00004"])
    with qtbot.assertNotEmitted(model.reordered, wait=100):
        pass
    assert names(model) == ["Model 00004"]


def test_news_of_a_changed_row_shows_it_without_a_new_order(qtbot, catalog, fill, model):
    ids = fill.add(20, hashed=False)
    model.load_at_once(ModelQuery())
    catalog.put_light(ids[3], {"name": "Model 00003", "type": "vae"}, {})
    with qtbot.assertNotEmitted(model.modelReset, wait=50):
        model.refresh(Changes(models=True, ids=frozenset({ids[3]})))
        qtbot.waitUntil(lambda: model.index(3, COLUMN_OF_NAME["type"]).data() == "VAE")


def test_news_of_new_rows_brings_them(qtbot, fill, model):
    fill.add(10, hashed=False)
    model.load_at_once(ModelQuery())
    fill.add(10, first=10, hashed=False)
    with qtbot.waitSignal(model.counted):
        model.refresh(Changes(models=True))
    assert model.rowCount() == 20


def test_a_known_row_stays_to_be_seen_until_its_news_come(fill, model):
    (row_id,) = fill.add(1, hashed=False)
    model.load_at_once(ModelQuery())
    model.refresh(Changes(models=True, ids=frozenset({row_id})))
    assert names(model) == ["Model 00000"]


def test_an_edited_name_is_shown_and_told(qtbot, fill, model):
    (row_id,) = fill.add(1, hashed=False)
    model.load_at_once(ModelQuery())
    with qtbot.waitSignal(model.renamed) as told:
        assert model.setData(model.index(0, 0), " Inkwash ")
    assert told.args == [row_id, "Inkwash"]
    assert names(model) == ["Inkwash"]
    assert not model.setData(model.index(0, 0), "  ")


def test_foreign_names_are_shown_with_their_marks(catalog, fill, model):
    (row_id,) = fill.add(1, hashed=False)
    catalog.put_light(row_id, {"name": "a\u202eb<img src='x'>", "type": "lora"}, {})
    model.load_at_once(ModelQuery())
    assert names(model) == ["a⇤b<img src='x'>"]
    assert "&lt;img" in model.index(0, 0).data(Qt.ItemDataRole.ToolTipRole)


def row(**values) -> ModelRow:
    return ModelRow(1, "a" * 64, "n", "lora", 1, hash_state="done")._replace(**values)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, "present"),
        ({"hash_state": "none"}, "hashing…"),
        ({"hash_state": "hashing"}, "hashing…"),
        ({"hash_state": "failed"}, "hash failed"),
        ({"file_state": "missing"}, "missing"),
        ({"file_state": "offline", "hash_state": "none"}, "offline"),
        ({"file_state": "unreadable"}, "unreadable"),
    ],
)
def test_each_state_has_its_word(changed, words):
    assert state_text(row(**changed)) == words


def test_kept_rows_are_found_in_a_new_order():
    ids = array("q", [5, 3, 9, 1, 7, 2])
    few = find_places(ids, Kept(array("q", [9, 5]), current=1, top=7))
    assert (few.stretches, few.current, few.top) == ([(0, 0), (2, 2)], 3, 4)
    many = find_places(ids, Kept(array("q", [3, 9, 1, 2, 44]), current=44))
    assert (many.stretches, many.current, many.top) == ([(1, 3), (5, 5)], None, None)
