"""The details of payloads that nobody expects: the window never stands still, and the memory stays small."""

import json

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QGuiApplication
from PySide6.QtWidgets import QLabel, QLineEdit, QPlainTextEdit, QPushButton, QTabWidget

from modelmgr.gui.details import DetailsPane
from modelmgr.gui.payload_tree import CHUNK, COPY_LIMIT_BYTES, PayloadTree
from modelmgr.gui.previews import Previews
from modelmgr.gui.text import VIEW_LIMIT
from modelmgr.library import Library
from modelmgr.values import MIB, Record
from tests.gui.heartbeat import watched

LONGEST_MS = 50


@pytest.fixture
def pane(qtbot, library: Library, tasks) -> DetailsPane:
    made = DetailsPane(library, tasks, Previews(tasks))
    qtbot.addWidget(made)
    made.resize(340, 700)
    made.show()
    return made


def attach(catalog, fill, payload: bytes):
    (row_id,) = fill.add(1, records=False)
    fill.attach({row_id: [Record("civitai-info", "/x/1.civitai.info", "", payload)]})
    return catalog.rows([row_id])[0]


def longest_pause(qtbot, pane, row, until) -> float:
    """Select a model three times; return the longest piece of work of the calmest run, milliseconds."""
    pauses = []
    for _ in range(3):
        pane.show_model(None)
        with watched() as beats:
            with qtbot.waitSignal(pane.details_shown, timeout=30_000):
                pane.show_model(row)
            qtbot.waitUntil(until, timeout=30_000)
            qtbot.wait(60)
        pauses.append(beats.work_ms)
    return min(pauses)


def entries(count: int) -> bytes:
    return b",".join(b'{"name": "entry %d", "words": ["a", "b"], "n": %d}' % (n, n) for n in range(count))


ODD = {
    "ordinary": lambda: json.dumps({"name": "x", "images": [{"url": "u" * 60}] * 200}).encode(),
    "a megabyte": lambda: b'{"entries": [' + entries(18_000) + b"]}",
    "many members": lambda: b'{"entries": [' + entries(600_000) + b"]}",
    "numbers": lambda: b"[" + b"1," * (10 * MIB) + b"1]",
    "one text": lambda: b'{"text": "' + b"x" * (40 * MIB) + b'"}',
    "one line of text": lambda: b"x" * (3 * MIB),
    "deep": lambda: b"[" * 100_000 + b"]" * 100_000,
    "deep and large": lambda: b'{"a":' * MIB,
    "broken": lambda: b'{"entries": [' + entries(100_000),
    "broken and small": lambda: b'{"entries": [' + entries(5_000),
    "no UTF-8": lambda: b'{"a": "' + b"\xff\xfe\x80" * MIB + b'"}',
    "UTF-16": lambda: json.dumps({"a": "é" * MIB}, ensure_ascii=False).encode("utf-16"),
    "nothing but zeros": lambda: bytes(2 * MIB),
}


@pytest.mark.parametrize("kind", ODD)
def test_no_payload_makes_the_window_stand_still(qtbot, catalog, fill, pane, kind):
    row = attach(catalog, fill, ODD[kind]())
    raw = pane.findChild(QPlainTextEdit, "metadataRaw")
    pause = longest_pause(qtbot, pane, row, lambda: bool(raw.toPlainText()))
    assert pause < LONGEST_MS, f"{kind}: {pause:.0f} ms"
    assert len(raw.toPlainText()) <= VIEW_LIMIT


def test_a_large_payload_is_read_as_far_as_it_is_unfolded(qtbot, catalog, fill, pane, tmp_path):
    written = b'{"entries": [' + entries(100_000) + b'], "last": "x"}'
    row = attach(catalog, fill, written)
    with qtbot.waitSignal(pane.details_shown, timeout=30_000):
        pane.show_model(row)
    tree = pane.findChild(PayloadTree, "metadataTree")
    model = tree.payload_model
    qtbot.waitUntil(lambda: model.rowCount() == 2, timeout=30_000)
    assert model.index(0, 1).data().startswith("list, ")
    assert model.index(1, 1).data() == "x"
    tree.expand(model.index(0, 0))
    qtbot.waitUntil(lambda: model.rowCount(model.index(0, 0)) == CHUNK, timeout=30_000)
    qtbot.wait(200)
    assert model.rowCount(model.index(0, 0)) == CHUNK
    tree.scrollToBottom()
    qtbot.waitUntil(lambda: model.rowCount(model.index(0, 0)) == 2 * CHUNK, timeout=30_000)
    second = model.index(1, 0, model.index(0, 0))
    assert model.path_text(second) == "entries[1]"
    assert model.value_at(second) == {"name": "entry 1", "words": ["a", "b"], "n": 1}
    tree.setCurrentIndex(model.index(0, 1))
    tree.copy_value()
    qtbot.waitUntil(
        lambda: QGuiApplication.clipboard().text().startswith('[{"name": "entry 0"'), timeout=30_000
    )
    assert len(QGuiApplication.clipboard().text()) <= COPY_LIMIT_BYTES


def test_the_tree_of_a_large_payload_is_filled_behind_its_text(qtbot, catalog, fill, pane):
    rows = [attach(catalog, fill, b"{}")]
    rows.append(attach(catalog, fill, b'{"entries": [' + entries(100_000) + b'], "last": "x"}'))
    for row in rows:
        with qtbot.waitSignal(pane.details_shown, timeout=30_000):
            pane.show_model(row)
        pane.findChild(QTabWidget, "metadataViews").setCurrentIndex(1)
    tree = pane.findChild(PayloadTree, "metadataTree")
    assert not tree.isVisible()
    qtbot.waitUntil(lambda: tree.payload_model.rowCount() == 2, timeout=30_000)


def test_what_breaks_off_says_where(qtbot, catalog, fill, pane):
    row = attach(catalog, fill, b'{"name": "x", "entries": [' + entries(100_000))
    with qtbot.waitSignal(pane.details_shown, timeout=30_000):
        pane.show_model(row)
    model = pane.findChild(PayloadTree, "metadataTree").payload_model
    qtbot.waitUntil(lambda: model.rowCount() == 2, timeout=30_000)
    assert model.index(0, 1).data() == "x"
    assert "ends in the middle at byte" in pane.findChild(QLabel, "metadataNote").text()


def test_words_are_found_and_gone_to(qtbot, catalog, fill, pane):
    row = attach(catalog, fill, json.dumps({"a": [{"word": n} for n in range(900)], "b": "Word"}).encode())
    with qtbot.waitSignal(pane.details_shown):
        pane.show_model(row)
    tree = pane.findChild(PayloadTree, "metadataTree")
    field = pane.findChild(QLineEdit, "metadataFind")
    count = pane.findChild(QLabel, "metadataFindCount")
    field.setText("wORD")
    qtbot.waitUntil(lambda: count.text() == "1 of 901")
    assert tree.payload_model.path_text(tree.currentIndex()) == "a[0].word"
    qtbot.keyClick(field, Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    assert count.text() == "901 of 901"
    assert tree.payload_model.path_text(tree.currentIndex()) == "b"
    qtbot.keyClick(field, Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    assert tree.payload_model.path_text(tree.currentIndex()) == "a[899].word"
    field.setText("nowhere")
    qtbot.waitUntil(lambda: count.text() == "Not found")


def test_words_are_found_in_all_of_a_large_text(qtbot, catalog, fill, pane):
    written = b'{"entries": [' + entries(100_000) + b'], "last": "x"}'
    row = attach(catalog, fill, written)
    with qtbot.waitSignal(pane.details_shown, timeout=30_000):
        pane.show_model(row)
    views = pane.findChild(QTabWidget, "metadataViews")
    views.setCurrentIndex(1)
    raw = pane.findChild(QPlainTextEdit, "metadataRaw")
    field, count = pane.findChild(QLineEdit, "textFind"), pane.findChild(QLabel, "textFindCount")
    qtbot.wait(60)  # the beginning is laid out
    with watched() as beats:
        field.setText("ENTRY 9999")
        qtbot.waitUntil(lambda: count.text() == "1 of 11", timeout=30_000)
        qtbot.waitUntil(lambda: raw.textCursor().selectedText() == "entry 9999", timeout=30_000)
    assert beats.work_ms < LONGEST_MS
    assert len(raw.toPlainText()) < VIEW_LIMIT
    qtbot.keyClick(field, Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    assert count.text() == "11 of 11"
    qtbot.waitUntil(lambda: '"n": 99999}], "last": "x"}' in raw.toPlainText(), timeout=30_000)
    more = pane.findChild(QPushButton, "metadataMore")
    assert more.text() == "To the beginning"
    more.click()
    assert raw.toPlainText().startswith('{"entries": [{"name": "entry 0"')
    assert more.text() == "Show more"


def test_what_is_shown_as_dots_is_not_found_in_the_text(qtbot, catalog, fill, pane):
    row = attach(catalog, fill, b'{"api_key": "hidden", "name": "x"}')
    with qtbot.waitSignal(pane.details_shown):
        pane.show_model(row)
    pane.findChild(QTabWidget, "metadataViews").setCurrentIndex(1)
    field = pane.findChild(QLineEdit, "textFind")
    assert not field.isVisibleTo(pane)
    pane.findChild(QPushButton, "showSecretButton").click()
    assert field.isVisibleTo(pane)


def test_lines_are_copied_with_their_path(qtbot, catalog, fill, pane):
    value = {"odd key": {"images": [{"url": "https://x"}]}}
    row = attach(catalog, fill, json.dumps(value).encode())
    with qtbot.waitSignal(pane.details_shown):
        pane.show_model(row)
    tree = pane.findChild(PayloadTree, "metadataTree")
    tree.setCurrentIndex(tree.payload_model.index_at([0]))
    menu = tree.menu_of(tree.currentIndex())
    menu.findChild(QAction, "expandBelow").trigger()
    menu.findChild(QAction, "copyValue").trigger()
    assert json.loads(QGuiApplication.clipboard().text()) == value["odd key"]
    assert tree.isExpanded(tree.payload_model.index_at([0, 0, 0]))
    tree.setCurrentIndex(tree.payload_model.index_at([0, 0, 0, 0]))
    tree.menu_of(tree.currentIndex()).findChild(QAction, "copyPath").trigger()
    assert QGuiApplication.clipboard().text() == '["odd key"].images[0].url'
