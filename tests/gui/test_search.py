"""The search field as one who types uses it: offers, keys, history, and what it says of what it understood."""

from itertools import pairwise

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit, QListView, QTableView, QWidget

from modelmgr.gui.search.parts import search_parts, without_part
from modelmgr.gui.search.suggest import Offer, accepted, sentences


@pytest.fixture
def window(open_on, catalog, fill, tmp_path):
    fill.add(40)
    catalog.close()
    made = open_on(tmp_path / "catalog.sqlite")
    made.activateWindow()
    return made


def find(window, name, kind=QWidget):
    found = window.findChild(kind, name)
    assert found is not None, name
    return found


@pytest.fixture
def field(window, qtbot) -> QLineEdit:
    search = find(window, "searchEdit", QLineEdit)
    search.setFocus()
    qtbot.waitUntil(search.hasFocus)
    return search


def offered(window) -> list[str]:
    popup = window.findChild(QWidget, "searchPopup")
    if popup is None or not popup.isVisible():
        return []
    model = find(window, "searchOffers", QListView).model()
    return [model.index(row, 0).data() for row in range(model.rowCount())]


def rows(window) -> int:
    return find(window, "libraryTable", QTableView).model().rowCount()


def test_fields_are_offered_and_taken_by_the_keys_and_values_follow_with_counts(qtbot, window, field):
    qtbot.keyClicks(field, "ty")
    qtbot.waitUntil(lambda: offered(window) == ["type:"])
    qtbot.keyClick(field, Qt.Key.Key_Down)
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert field.text() == "type:"
    qtbot.waitUntil(lambda: offered(window)[:2] == ["Checkpoint", "Embedding"])
    qtbot.keyClicks(field, "lor")
    qtbot.waitUntil(lambda: offered(window)[:1] == ["LoRA"])
    offer = find(window, "searchOffers", QListView).model().index(0, 0).data(Qt.ItemDataRole.UserRole)
    qtbot.waitUntil(
        lambda: (
            find(window, "searchOffers", QListView).model().index(0, 0).data(Qt.ItemDataRole.UserRole).help
            == "10"
        )
    )
    assert offer.shown == "LoRA"
    qtbot.keyClick(field, Qt.Key.Key_Tab)
    assert field.text() == "type:lora "
    assert field.hasFocus()
    qtbot.waitUntil(lambda: rows(window) == 10)


def test_what_a_field_means_stands_beside_it(qtbot, window, field):
    field.offer_all()
    view = find(window, "searchOffers", QListView)
    qtbot.waitUntil(view.isVisible)
    view.clearSelection()
    row = view.visualRect(view.model().index(0, 0))
    image = view.viewport().grab(row).toImage()
    ground = image.pixel(image.width() // 2, 0)
    inked = [
        x
        for x in range(image.width())
        if any(image.pixel(x, y) != ground for y in range(4, image.height() - 4))
    ]
    widest = max(after - before for before, after in pairwise(inked))
    assert widest < image.width() // 3


def test_values_with_blanks_are_put_into_quotation_marks(qtbot, window, field):
    qtbot.keyClicks(field, "base:flux")
    qtbot.waitUntil(lambda: "Flux.1 D" in offered(window))
    while (
        find(window, "searchPopup").current is None or find(window, "searchPopup").current.shown != "Flux.1 D"
    ):
        qtbot.keyClick(field, Qt.Key.Key_Down)
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert field.text() == 'base:"Flux.1 D" '
    qtbot.waitUntil(lambda: rows(window) == 10)
    qtbot.keyClick(field, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert field.text() == "base:flux"


def test_an_offer_is_taken_with_the_mouse_and_the_keyboard_stays_in_the_field(qtbot, window, field):
    qtbot.keyClicks(field, "tag:in")
    qtbot.waitUntil(lambda: offered(window)[:1] == ["ink"])
    view = find(window, "searchOffers", QListView)
    qtbot.mouseClick(
        view.viewport(), Qt.MouseButton.LeftButton, pos=view.visualRect(view.model().index(0, 0)).center()
    )
    assert field.text() == "tag:ink "
    assert field.hasFocus()


def test_plain_words_keep_all_their_keys(qtbot, window, field):
    qtbot.keyClicks(field, "model 00012")
    qtbot.waitUntil(lambda: rows(window) == 1)
    assert offered(window) == []
    qtbot.keyClick(field, Qt.Key.Key_Down)
    assert find(window, "libraryTable", QTableView).selectionModel().isRowSelected(0)


def test_tab_leaves_the_field_unless_a_value_is_being_typed(qtbot, window, field):
    qtbot.keyClicks(field, "ta")
    qtbot.waitUntil(lambda: "tag:" in offered(window))
    qtbot.keyClick(field, Qt.Key.Key_Tab)
    assert field.text() == "ta"
    assert not field.hasFocus()
    assert offered(window) == []


def test_escape_closes_the_offers_then_clears_then_goes_back_to_the_table(qtbot, window, field):
    qtbot.keyClicks(field, "ta")
    qtbot.waitUntil(lambda: "tag:" in offered(window))
    qtbot.keyClick(field, Qt.Key.Key_Escape)
    assert offered(window) == []
    assert field.text() == "ta"
    qtbot.keyClick(field, Qt.Key.Key_Escape)
    assert field.text() == ""
    qtbot.keyClick(field, Qt.Key.Key_Escape)
    assert find(window, "libraryTable").hasFocus()
    assert not find(window, "libraryTable", QTableView).selectionModel().hasSelection()


def test_searches_of_before_are_offered_and_come_back_with_the_next_window(
    qtbot, window, field, open_on, tmp_path
):
    for text in ("model 00012", "tag:tag3"):
        field.setText(text)
        qtbot.keyClick(field, Qt.Key.Key_Return)
    window.close()
    again = open_on(tmp_path / "catalog.sqlite")
    again.activateWindow()
    search = find(again, "searchEdit", QLineEdit)
    search.clear()
    search.setFocus()
    qtbot.waitUntil(search.hasFocus)
    qtbot.keyClick(search, Qt.Key.Key_Space, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: offered(again)[:2] == ["tag:tag3", "model 00012"])
    assert "type:" in offered(again)
    qtbot.keyClick(search, Qt.Key.Key_Down)
    qtbot.keyClick(search, Qt.Key.Key_Return)
    assert search.text() == "tag:tag3"


def test_what_is_understood_is_said_in_words_and_what_is_not_says_what_it_could_be(qtbot, window, field):
    qtbot.keyClicks(field, "type:lora size:big ")
    means, wrong = find(window, "searchPopup").findChildren(QWidget, "searchMeans"), []
    qtbot.waitUntil(lambda: bool(means) and means[0].isVisible())
    assert means[0].text() == "Type is LoRA"
    wrong = find(window, "searchNotUnderstood")
    assert wrong.isVisible()
    assert "“big” is no size" in wrong.text()


def test_the_list_lies_within_the_window_whichever_way_it_reads(qtbot, window, field):
    for direction in (Qt.LayoutDirection.LeftToRight, Qt.LayoutDirection.RightToLeft):
        window.setLayoutDirection(direction)
        window.resize(700, 480)
        field.offer_all()
        popup = find(window, "searchPopup")
        assert window.rect().contains(popup.geometry()), popup.geometry()
        QTest.keyClick(field, Qt.Key.Key_Escape)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("ink  harbor", ["ink", "harbor"]),
        ('type:lora,vae -tag:"in work" "two words"', ["type:lora,vae", '-tag:"in work"', '"two words"']),
        ("ink OR harbor size:>2GB", ["ink OR harbor", "size:>2GB"]),
        ("ink ink", ["ink"]),
        ("", []),
    ],
)
def test_the_parts_of_a_search_are_what_can_be_taken_off(text, parts):
    assert search_parts(text) == parts
    for part in parts:
        rest = [other for other in parts if other != part]
        assert search_parts(without_part(text, part)) == rest


def test_an_accepted_offer_takes_the_place_of_what_was_typed():
    assert accepted("tag:i harbor", Offer("ink", "ink", 4, 5)) == ("tag:ink harbor", 8)
    assert accepted("ty", Offer("type:", "type:", 0, 2, is_whole=False)) == ("type:", 5)
    assert accepted("tag:", Offer("a b", '"a b"', 4, 4)) == ('tag:"a b" ', 10)


def test_plain_words_need_no_explanation():
    assert sentences("ink harbor") == ("", [])
    means, wrong = sentences("type:vae OR tag:ink -wip")
    assert means.lower().startswith("type is vae or tagged ink")
    assert wrong == []
