"""An empty library: three ways in, by mouse, by keyboard and by name."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QApplication, QDockWidget, QFileDialog, QLabel, QPushButton, QWidget, QWizard

from modelmgr.demo import write_safetensors
from modelmgr.gui.states import FirstStart

WAIT_MS = 20_000
WAYS = ("firstAddFolder", "firstImport", "firstDemo")


@pytest.fixture
def window(qtbot, open_on, tmp_path):
    made = open_on(tmp_path / "catalog.sqlite")
    with qtbot.waitExposed(made):
        made.show()
    page = made.findChild(QWidget, "firstStart")
    qtbot.waitUntil(page.isVisible, timeout=WAIT_MS)
    return made


def test_the_keyboard_begins_where_something_can_be_done_and_walks_the_ways(qtbot, window):
    ways = [window.findChild(QPushButton, name) for name in WAYS]
    qtbot.waitUntil(lambda: window.focusWidget() is ways[0], timeout=WAIT_MS)
    for at in (1, 2, 2):
        qtbot.keyClick(window.focusWidget(), Qt.Key.Key_Down)
        assert window.focusWidget() is ways[at]
    qtbot.keyClick(window.focusWidget(), Qt.Key.Key_Up)
    assert window.focusWidget() is ways[1]
    qtbot.keyClick(ways[1], Qt.Key.Key_Return)
    wizard = window.findChild(QWizard, "migrationWizard")
    assert wizard.isVisible()
    wizard.reject()


def test_nothing_stands_beside_the_ways_until_there_is_a_model(qtbot, window, tmp_path):
    dock, panel = window.findChild(QDockWidget, "detailsDock"), window.findChild(QWidget, "filterPanel")
    actions = [window.findChild(QAction, name) for name in ("actionDetails", "actionFilters")]
    assert not dock.isVisible()
    assert not panel.isVisible()
    assert [(action.isChecked(), action.isEnabled()) for action in actions] == [(True, False)] * 2
    (tmp_path / "models").mkdir()
    write_safetensors(tmp_path / "models" / "a.safetensors", {"x.lora_up.weight": ("F16", (4, 8))}, {})
    window.add_folder(str(tmp_path / "models"))
    qtbot.waitUntil(lambda: dock.isVisible() and panel.isVisible(), timeout=WAIT_MS)
    assert [(action.isChecked(), action.isEnabled()) for action in actions] == [(True, True)] * 2


def test_what_a_way_means_stands_on_one_line(window):
    for name in WAYS:
        _title, words = window.findChild(QPushButton, name).findChildren(QLabel)
        assert words.heightForWidth(words.width()) < 2 * words.fontMetrics().lineSpacing(), words.text()


def test_enter_on_the_first_way_asks_for_a_folder(qtbot, window):
    qtbot.waitUntil(lambda: window.focusWidget() is not None, timeout=WAIT_MS)
    qtbot.keyClick(window.findChild(QPushButton, WAYS[0]), Qt.Key.Key_Return)
    dialog = window.findChild(QFileDialog)
    assert dialog is not None
    dialog.close()


def test_an_empty_library_opens_with_the_ways_in_whatever_page_was_left(qtbot, open_on, tmp_path):
    first = open_on(tmp_path / "catalog.sqlite")
    first.findChild(QAction, "actionShowOverview").trigger()
    first.close()
    again = open_on(tmp_path / "catalog.sqlite")
    with qtbot.waitExposed(again):
        again.show()
    qtbot.waitUntil(lambda: again.findChild(QWidget, "firstStart").isVisible(), timeout=WAIT_MS)
    assert again.findChild(QAction, "actionShowLibrary").isChecked()


def test_what_is_typed_into_the_search_is_not_interrupted(qtbot, window):
    page = window.findChild(FirstStart)
    search = window.findChild(QWidget, "searchEdit")
    search.setFocus()
    qtbot.keyClicks(search, "ink")
    page.hide()
    page.show()
    QApplication.processEvents()
    assert search.hasFocus()


def test_tools_are_named_and_drops_are_told_of(qtbot, window):
    page = window.findChild(FirstStart)
    page.show_found(["ComfyUI", "InvokeAI", "ComfyUI"])
    told = window.findChild(QPushButton, "firstImport").accessibleDescription()
    assert told == "Found on this computer: ComfyUI, InvokeAI."
    assert "drop" in page.findChild(QLabel, "firstDrop").text()
