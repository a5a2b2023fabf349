"""What is typed and not saved outlives a crash, and nothing else does."""

import json
import shutil
import threading
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractItemView,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QTableView,
    QWidget,
)

from modelmgr.catalog import Catalog
from modelmgr.gui import tasks as module_of_tasks
from modelmgr.gui.shell import drafts
from modelmgr.gui.shell.drafts import Drafts
from modelmgr.gui.table.columns import COLUMN_OF_NAME
from modelmgr.settings import drafts_path, read_json
from modelmgr.values import ModelQuery


def test_what_was_typed_is_there_after_a_crash(qtbot, tasks, tmp_path, monkeypatch):
    monkeypatch.setattr(drafts, "SAVE_AFTER_MS", 10)
    path = tmp_path / "d.json"
    typed = Drafts(path, tasks)
    typed.keep("notes:1", "half a sen", "Notes of Inkwash")
    typed.keep("notes:1", "half a sentence", "Notes of Inkwash")
    qtbot.waitUntil(path.exists)
    # No close: the program is gone.
    again = Drafts(path, tasks)
    assert again.take("notes:1") == "half a sentence"
    assert again.found["notes:1"].title == "Notes of Inkwash"
    assert again.take("notes:2") is None


def test_what_is_done_is_forgotten(qtbot, tasks, tmp_path, monkeypatch):
    monkeypatch.setattr(drafts, "SAVE_AFTER_MS", 10)
    path = tmp_path / "d.json"
    typed = Drafts(path, tasks)
    typed.keep("a", "one")
    qtbot.waitUntil(path.exists)
    again = Drafts(path, tasks)
    with qtbot.waitSignal(again.changed):
        again.done("a")
    assert again.take("a") is None
    qtbot.waitUntil(lambda: not path.exists())


def test_closing_writes_at_once_what_is_left(tasks, tmp_path):
    path = tmp_path / "d.json"
    typed = Drafts(path, tasks)
    typed.keep("a", "x" * (drafts.LONGEST_CHARS + 5))
    for number in range(drafts.MOST_DRAFTS + 5):
        typed.keep(f"b{number}", "y")
    typed.close()
    again = Drafts(path, tasks)
    assert len(again.found) == drafts.MOST_DRAFTS
    assert again.take("a") is None
    assert again.take(f"b{drafts.MOST_DRAFTS}") == "y"


def test_of_two_states_the_newer_one_stays(qtbot, tasks, tmp_path, monkeypatch):
    monkeypatch.setattr(drafts, "SAVE_AFTER_MS", 0)
    monkeypatch.setattr(module_of_tasks, "QUIT_TIMEOUT_S", 0.1)
    path, go = tmp_path / "d.json", threading.Event()
    typed = Drafts(path, tasks)
    tasks.change(go.wait)
    typed.keep("a", "half")
    qtbot.waitUntil(lambda: not typed._soon.isActive())
    typed.keep("a", "half a sentence")
    # The disk holds up the changes for longer than anybody waits.
    typed.close()
    assert Drafts(path, tasks).take("a") == "half a sentence"
    go.set()
    tasks.settle()
    qtbot.waitUntil(lambda: tasks.is_answered)
    assert Drafts(path, tasks).take("a") == "half a sentence"


def test_what_is_saved_as_the_window_closes_is_no_draft(qtbot, open_on, catalog, fill):
    fill.add(1)
    path = Path(catalog.path)
    catalog.close()
    window = open_on(path)
    with qtbot.waitSignal(window.findChild(QWidget, "detailsPane").details_shown):
        window.findChild(QTableView, "libraryTable").selectRow(0)
    qtbot.keyClicks(window.findChild(QPlainTextEdit, "notesEdit"), "fine grain")
    window.close()
    assert not drafts_path(path).exists()
    with Catalog.open(path) as again:
        assert again.page(ModelQuery(), 1)[0].notes == "fine grain"


def test_notes_for_many_that_nobody_added_are_there_again(qtbot, open_on, catalog, fill):
    fill.add(3)
    path = Path(catalog.path)
    catalog.close()
    window = open_on(path)
    window.findChild(QTableView, "libraryTable").selectAll()
    field = window.findChild(QPlainTextEdit, "notesOfAll")
    qtbot.keyClicks(field, "fine grain")
    window.close()
    window = open_on(path)
    window.findChild(QTableView, "libraryTable").selectAll()
    field = window.findChild(QPlainTextEdit, "notesOfAll")
    assert field.toPlainText() == "fine grain"
    window.findChild(QPushButton, "addNotes").click()
    window.close()
    assert not drafts_path(path).exists()
    with Catalog.open(path) as again:
        assert [row.notes for row in again.page(ModelQuery(), 3)] == ["fine grain"] * 3


def test_an_odd_file_is_no_draft(tasks, tmp_path):
    path = tmp_path / "d.json"
    for content in ("", "[]", '{"a": 3, "b": {"text": 4, "title": ""}, "c": {"text": "x"}}'):
        path.write_text(content)
        assert not Drafts(path, tasks).found
    path.write_text(json.dumps({"a": {"text": "good", "title": ""}}))
    assert Drafts(path, tasks).take("a") == "good"


def test_a_start_after_a_crash_offers_what_was_typed(qtbot, open_on, tmp_path):
    path = tmp_path / "c.sqlite"
    left = {"x": {"text": "half a sentence", "title": "Notes of Inkwash"}}
    drafts_path(path).write_text(json.dumps(left))
    window = open_on(path)
    words = window.findChild(QLabel, "messageText")
    qtbot.waitUntil(lambda: "It is kept" in words.text())
    window.findChild(QPushButton, "messageButton").click()
    dialog = window.findChild(QWidget, "draftsDialog")
    assert dialog.findChild(QPlainTextEdit, "draftText").toPlainText() == "half a sentence"
    dialog.findChild(QPushButton, "draftCopy").click()
    assert QGuiApplication.clipboard().text() == "half a sentence"
    dialog.findChild(QPushButton, "draftForget").click()
    assert not dialog.isVisible()
    window.close()
    assert not drafts_path(path).exists()


def rename(window, look: str) -> QLineEdit:
    """Begin to type a name where the models are shown."""
    window.findChild(QAction, look).trigger()
    view = window.findChild(QAbstractItemView, "libraryTable" if look == "actionShowTable" else "libraryGrid")
    view.setCurrentIndex(view.model().index(0, COLUMN_OF_NAME["name"]))
    window.findChild(QAction, "actionRename").trigger()
    editor = view.viewport().findChild(QLineEdit, "nameEditor")
    QTest.keyClicks(editor, "half a na")
    return editor


def drafts_there(path) -> list[str]:
    """Return the texts that are kept in the file now."""
    return [entry["text"] for entry in read_json(drafts_path(path)).values()]


@pytest.mark.parametrize("look", ["actionShowTable", "actionShowGrid"])
def test_a_name_that_was_typed_among_the_models_is_there_after_a_crash(
    qtbot, open_on, catalog, fill, monkeypatch, look
):
    monkeypatch.setattr(drafts, "SAVE_AFTER_MS", 10)
    fill.add(1)
    path = Path(catalog.path)
    catalog.close()
    rename(open_on(path), look)
    qtbot.waitUntil(lambda: drafts_there(path) == ["half a na"])
    # The first window still types: of what it does later the second one sees nothing.
    found = drafts_path(path).read_bytes()
    other = path.with_name("other.sqlite")
    shutil.copy(path, other)
    drafts_path(other).write_bytes(found)
    window = open_on(other)
    window.findChild(QTableView, "libraryTable").selectRow(0)
    qtbot.waitUntil(lambda: "“half a na”" in window.findChild(QLabel, "unsavedNote").text())


@pytest.mark.parametrize("key", [Qt.Key.Key_Escape, Qt.Key.Key_Return])
def test_a_name_that_is_saved_or_given_up_is_no_draft(qtbot, open_on, catalog, fill, monkeypatch, key):
    monkeypatch.setattr(drafts, "SAVE_AFTER_MS", 10)
    fill.add(1)
    path = Path(catalog.path)
    catalog.close()
    editor = rename(open_on(path), "actionShowTable")
    qtbot.waitUntil(lambda: drafts_there(path) == ["half a na"])
    QTest.keyClick(editor, key)
    qtbot.waitUntil(lambda: not drafts_path(path).exists())


def test_a_name_that_is_typed_as_the_window_closes_is_saved(open_on, catalog, fill):
    fill.add(1)
    path = Path(catalog.path)
    catalog.close()
    window = open_on(path)
    rename(window, "actionShowTable")
    window.close()
    with Catalog.open(path) as again:
        assert [row.name for row in again.page(ModelQuery(), 1)] == ["half a na"]
    assert not drafts_path(path).exists()
