"""The details: the payload of the row that is looked at, exactly, and of no other."""

import json
import threading
import time
from pathlib import Path

import pytest
from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtGui import QGuiApplication, QImage
from PySide6.QtTest import QAbstractItemModelTester
from PySide6.QtWidgets import (
    QComboBox,
    QFileDialog,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QTableView,
    QToolButton,
    QWidget,
)

from modelmgr.catalog.found import FoundModel
from modelmgr.gui.compare import CompareDialog
from modelmgr.gui.details import DetailsPane
from modelmgr.gui.details.pane import SETTLE_MS
from modelmgr.gui.payload_tree import CHUNK, PayloadModel
from modelmgr.gui.previews import Previews
from modelmgr.library import Library
from modelmgr.values import Attachment, Changes, FileState, ModelQuery, Record

FATAL = QAbstractItemModelTester.FailureReportingMode.Fatal


@pytest.fixture
def pane(qtbot, library: Library, tasks) -> DetailsPane:
    made = DetailsPane(library, tasks, Previews(tasks))
    qtbot.addWidget(made)
    made.resize(340, 700)
    made.show()
    return made


@pytest.fixture
def payload_reads(catalog):
    """The statements that touch a payload, from now on."""
    reads: list[str] = []
    catalog.trace(lambda sql: reads.append(sql) if "meta_json" in sql else None)
    yield reads
    catalog.trace(None)


def tree_of(pane) -> dict[str, str]:
    model = pane.findChild(object, "metadataTree").model()
    return {
        model.index(row, 0, QModelIndex()).data(): model.index(row, 1, QModelIndex()).data()
        for row in range(model.rowCount())
    }


def raw_of(pane) -> QPlainTextEdit:
    return pane.findChild(QPlainTextEdit, "metadataRaw")


def show(qtbot, pane, row) -> None:
    with qtbot.waitSignal(pane.details_shown):
        pane.show_model(row)


def test_the_payload_of_the_selected_model_is_shown_and_read_once(qtbot, catalog, fill, pane, payload_reads):
    fill.add(3)
    payload_reads.clear()
    row = catalog.page(ModelQuery(), 3)[1]
    with qtbot.waitSignal(pane.details_shown) as shown:
        pane.show_model(row)
    assert shown.args == [row.sha256]
    assert len(payload_reads) == 1
    assert json.loads(raw_of(pane).toPlainText())["id"] == 1
    assert tree_of(pane) == {"name": "Model 00001", "id": "1", "stats": "1 entry"}
    assert pane.findChild(QLabel, "detailsName").text() == "Model 00001"
    assert pane.findChild(QTableView, "filesTable").model().rowCount() == 1
    assert pane.findChild(QComboBox, "metadataSource").count() == 1


def test_a_model_without_a_hash_is_asked_for_by_its_row(qtbot, catalog, fill, pane):
    (row_id,) = fill.add(1, hashed=False)
    with qtbot.waitSignal(pane.details_shown) as shown:
        pane.show_model(catalog.rows([row_id])[0])
    assert shown.args == [row_id]
    assert pane.findChild(QPushButton, "importMetadataButton").isVisibleTo(pane)


def test_the_last_selected_model_is_shown(qtbot, catalog, fill, pane):
    fill.add(2)
    first, second = catalog.page(ModelQuery(), 2)
    with qtbot.waitSignal(pane.details_shown) as shown:
        pane.show_model(first)
        pane.show_model(second)
    assert shown.args == [second.sha256]


def test_a_hundred_quick_selections_cost_a_few_lookups(qtbot, catalog, fill, pane, payload_reads):
    fill.add(100)
    rows = catalog.page(ModelQuery(), 100)
    payload_reads.clear()
    began = time.monotonic()
    with qtbot.waitSignal(pane.details_shown, check_params_cb=lambda key: key == rows[-1].sha256):
        for row in rows:
            pane.show_model(row)
            QGuiApplication.processEvents()
    # On a busy machine a hundred take so long that some of them rest.
    rests = (time.monotonic() - began) * 1000 / SETTLE_MS
    assert len(payload_reads) <= 5 + rests
    assert json.loads(raw_of(pane).toPlainText())["id"] == 99


def test_a_late_answer_is_dropped(qtbot, catalog, fill, pane, tasks):
    fill.add(2)
    first, second = catalog.page(ModelQuery(), 2)
    go = threading.Event()
    for _ in range(3):
        tasks.ask(lambda: go.wait(10), int)
    pane.show_model(first)
    pane.show_model(None)
    go.set()
    with qtbot.assertNotEmitted(pane.details_shown, wait=150):
        pass
    assert raw_of(pane).toPlainText() == ""
    show(qtbot, pane, second)


def attach(catalog, fill, *payloads: bytes):
    (row_id,) = fill.add(1, records=False)
    fill.attach(
        {
            row_id: [
                Record("civitai-info", f"/x/{n}.civitai.info", "", data) for n, data in enumerate(payloads)
            ]
        }
    )
    return catalog.rows([row_id])[0]


def test_a_payload_that_does_not_parse_is_shown_as_it_is(qtbot, catalog, fill, pane):
    row = attach(catalog, fill, b'{"name": "x", broken')
    show(qtbot, pane, row)
    assert raw_of(pane).toPlainText() == '{"name": "x", broken'
    assert tree_of(pane) == {}
    note = pane.findChild(QLabel, "metadataNote")
    assert note.isVisibleTo(pane)
    assert "kept exactly" in note.text()


def test_copying_all_of_it_is_told(qtbot, catalog, fill, pane):
    show(qtbot, pane, attach(catalog, fill, b'{"a": 1}'))
    with qtbot.waitSignal(pane.message) as told:
        pane.findChild(QPushButton, "copyPayload").click()
    assert told.args[0] == "Copied 8 characters."
    assert QGuiApplication.clipboard().text() == '{"a": 1}'


def test_odd_marks_are_visible_and_copied_as_they_are(qtbot, catalog, fill, pane):
    text = '{"a": "\u202eevil\x07\U000e0041 😀"}\r\n{"b": 1}'
    show(qtbot, pane, attach(catalog, fill, text.encode()))
    raw = raw_of(pane)
    assert "⇤evil␇" in raw.toPlainText()
    assert "\u202e" not in raw.toPlainText()
    raw.selectAll()
    raw.copy()
    assert QGuiApplication.clipboard().text() == text
    cursor = raw.textCursor()
    start = raw.toPlainText().index("😀")
    cursor.setPosition(start)
    cursor.setPosition(start + 3, cursor.MoveMode.KeepAnchor)
    raw.setTextCursor(cursor)
    assert raw.exact_selection() == '😀"'


def test_a_long_payload_is_shown_in_parts(qtbot, catalog, fill, pane):
    text = json.dumps({"a": "x" * 450_000})
    show(qtbot, pane, attach(catalog, fill, text.encode()))
    raw, more = raw_of(pane), pane.findChild(QPushButton, "metadataMore")
    assert raw.toPlainText() == text[:200_000]  # as the contract says
    assert not more.isHidden()
    for _ in range(2):
        before = len(raw.toPlainText())
        more.click()
        qtbot.waitUntil(lambda before=before: len(raw.toPlainText()) > before)
    assert raw.toPlainText() == text
    assert not more.isVisibleTo(pane)


def test_a_long_line_is_selected_and_copied_as_it_is(qtbot, catalog, fill, pane):
    text = json.dumps({"a": "😀\u202ex" * 20_000, "b": "here"}, ensure_ascii=False)
    show(qtbot, pane, attach(catalog, fill, text.encode()))
    raw = raw_of(pane)
    raw.selectAll()
    raw.copy()
    assert QGuiApplication.clipboard().text() == text
    assert raw.blockCount() > 1
    first = text.index("here")
    for begin, end in ((first, first + 4), (9_990, 10_010), (10_000, 20_000), (59_999, 60_007)):
        raw.select(begin, end)
        assert raw.exact_selection() == text[begin:end]


def test_html_in_a_payload_or_a_name_is_only_text(qtbot, catalog, fill, pane):
    row = attach(catalog, fill, b'{"description": "<img src=\'file:///dev/zero\'>"}')
    show(qtbot, pane, row._replace(name="<b>bold</b>"))
    for label in pane.findChildren(QLabel):
        assert label.textFormat() == Qt.TextFormat.PlainText
    assert tree_of(pane)["description"] == "<img src='file:///dev/zero'>"


def test_each_record_can_be_chosen(qtbot, catalog, fill, pane):
    show(qtbot, pane, attach(catalog, fill, b'{"n": 1}', b'{"n": 2}', b'{"n": 3}'))
    source = pane.findChild(QComboBox, "metadataSource")
    assert source.count() == 3
    seen = set()
    for place in range(3):
        source.setCurrentIndex(place)
        qtbot.waitUntil(lambda: "n" in tree_of(pane) and tree_of(pane)["n"] not in seen)
        seen.add(tree_of(pane)["n"])
    assert seen == {"1", "2", "3"}


def test_the_whole_payload_is_saved_to_the_byte(qtbot, catalog, fill, pane, tmp_path):
    data = b'\xef\xbb\xbf{"a": NaN, "a": "\xff"}\r\n'
    row = attach(catalog, fill, data)
    show(qtbot, pane, row)
    pane.findChild(QPushButton, "savePayload").click()
    dialog = pane.findChild(object, "savePayloadDialog")
    with qtbot.waitSignal(pane.message):
        dialog.fileSelected.emit(str(tmp_path / "out.json"))
    dialog.reject()
    assert (tmp_path / "out.json").read_bytes() == data


def test_what_was_handed_over_the_http_api_has_a_title_and_a_file_name(qtbot, catalog, fill, pane):
    (model_id,) = fill.add(1, records=False)
    fill.attach({model_id: [Record("api", "", "ink", b"{}")]})
    show(qtbot, pane, catalog.rows([model_id])[0])
    source = pane.findChild(QComboBox, "metadataSource")
    assert source.itemText(0) == "HTTP API — ink"
    assert ">ink<" in source.itemData(0, Qt.ItemDataRole.ToolTipRole)
    pane.findChild(QPushButton, "savePayload").click()
    dialog = pane.findChild(QFileDialog, "savePayloadDialog")
    assert [Path(path).name for path in dialog.selectedFiles()] == ["api.json"]
    dialog.reject()


SECRET = b'{"downloadUrl": "https://example.org/d?token=abcdef&v=1", "civitai_api_key": "xyz", "n": 1}'


def test_a_key_or_a_token_is_shown_as_dots_until_it_is_asked_for(qtbot, catalog, fill, pane, tmp_path):
    row = attach(catalog, fill, SECRET)
    show(qtbot, pane, row)
    button = pane.findChild(QPushButton, "showSecretButton")
    assert button.isVisibleTo(pane)
    assert raw_of(pane).toPlainText() == SECRET.decode().replace("abcdef", "••••••").replace("xyz", "•••")
    assert tree_of(pane)["downloadUrl"] == "https://example.org/d?token=••••••&v=1"
    assert tree_of(pane)["civitai_api_key"] == "•••"
    raw_of(pane).selectAll()
    assert raw_of(pane).exact_selection() == SECRET.decode()
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert raw_of(pane).toPlainText() == SECRET.decode()
    assert tree_of(pane)["civitai_api_key"] == "xyz"
    assert not button.isVisibleTo(pane)
    show(qtbot, pane, row)
    assert "abcdef" not in raw_of(pane).toPlainText()


def test_no_secret_no_word_of_it(qtbot, catalog, fill, pane):
    show(qtbot, pane, attach(catalog, fill, b'{"n": 1}'))
    assert not pane.findChild(QPushButton, "showSecretButton").isVisibleTo(pane)


def test_every_shown_value_says_where_it_came_from(qtbot, catalog, fill, library, pane):
    row = attach(catalog, fill, b'{"n": 7}')
    library.edit([row.id], "rating", 4)
    told = {
        "id": 1,
        "modelId": 2,
        "name": "v1",
        "baseModel": "Pony",
        "model": {"name": "Ink", "type": "LORA"},
    }
    record = Record("civitai-info", "/x/told.civitai.info", "", json.dumps(told).encode())
    fill.attach({row.id: [record]})
    library.relight(row.id)
    show(qtbot, pane, catalog.rows([row.id])[0])
    grid = pane.findChild(QWidget, "detailsOrigins")
    lines = {label.accessibleName() for label in grid.findChildren(QLabel)}
    assert {
        "Name: Civitai Helper, found beside the file",
        "Type: the file's header",
        "Rating: you",
    } <= lines
    assert (
        "According to: Civitai Helper, found beside the file"
        in pane.findChild(QLabel, "detailsName").toolTip()
    )


def test_sources_are_compared_where_there_are_several(qtbot, catalog, fill, pane):
    show(qtbot, pane, attach(catalog, fill, b'{"n": 1}', b'{"n": 2}'))
    button = pane.findChild(QPushButton, "compareButton")
    assert button.isVisibleTo(pane)
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    dialog = pane.findChild(CompareDialog)
    with qtbot.waitSignal(dialog.shown):
        pass
    assert dialog.isVisible()
    dialog.reject()


def test_a_rating_is_saved_and_told(qtbot, catalog, fill, pane):
    fill.add(1)
    row = catalog.page(ModelQuery(), 1)[0]
    show(qtbot, pane, row)
    bar = pane.findChild(object, "ratingBar")
    with qtbot.waitSignal(pane.row_changed) as told:
        qtbot.keyClick(bar, Qt.Key.Key_4)
    assert told.args[0].rating == 4
    qtbot.waitUntil(lambda: catalog.rows([row.id])[0].rating == 4)


def test_notes_are_saved_when_another_model_is_selected(qtbot, catalog, fill, pane):
    fill.add(2)
    first, second = catalog.page(ModelQuery(), 2)
    show(qtbot, pane, first)
    notes = pane.findChild(QPlainTextEdit, "notesEdit")
    notes.setPlainText("Best at 0.7")
    show(qtbot, pane, second)
    assert notes.toPlainText() == ""
    qtbot.waitUntil(lambda: catalog.rows([first.id])[0].notes == "Best at 0.7")
    assert catalog.rows([second.id])[0].notes is None


def test_news_about_the_shown_model_bring_its_new_record(qtbot, catalog, fill, pane):
    row = attach(catalog, fill, b'{"n": 1}')
    show(qtbot, pane, row)
    fill.attach({row.id: [Record("civitai-info", "/x/new.civitai.info", "", b'{"n": 2}')]})
    with qtbot.waitSignal(pane.details_shown):
        pane.refresh(Changes(models=True, ids=frozenset({row.id})))
    assert pane.findChild(QComboBox, "metadataSource").count() == 2


def test_news_about_others_read_no_payload(qtbot, catalog, fill, pane, tasks, payload_reads):
    fill.add(2)
    first, second = catalog.page(ModelQuery(), 2)
    show(qtbot, pane, first)
    payload_reads.clear()
    pane.refresh(Changes(models=True, ids=frozenset({second.id})))
    with qtbot.assertNotEmitted(pane.details_shown, wait=50):
        pass
    assert payload_reads == []


VALUES = [
    None,
    {},
    [],
    3,
    "x",
    {"a": 1},
    {"a": {"b": [1, {"c": None}]}, "d": True},
    list(range(CHUNK * 2 + 5)),
    10**5000,
]


@pytest.mark.parametrize("value", VALUES, ids=range(len(VALUES)))
def test_any_value_makes_a_sound_tree(qtbot, value):
    model = PayloadModel()
    tester = QAbstractItemModelTester(model, FATAL)
    # It would fetch while it is being told of the reset, and then complain of the insertion.
    tester.setUseFetchMore(False)
    model.show_value(value)
    while model.canFetchMore(QModelIndex()):
        model.fetchMore(QModelIndex())
    assert model.rowCount() == (len(value) if isinstance(value, dict | list) else 1)
    for row in range(min(3, model.rowCount())):
        index = model.index(row, 0)
        if model.canFetchMore(index):
            model.fetchMore(index)
        assert model.rowCount(index) == 0 or model.parent(model.index(0, 0, index)) == index
    model.show_value(None, has_value=False)
    assert model.rowCount() == 0
    del tester


def test_a_record_that_its_source_no_longer_holds_says_so(qtbot, catalog, fill, pane):
    row = attach(catalog, fill, b'{"n": 1}')
    (record,) = catalog.records_of(row.id)
    catalog.mark_gone([], [record.id])
    show(qtbot, pane, row)
    assert "no longer in its source" in pane.findChild(QLabel, "metadataNote").text()


def test_the_pictures_of_a_model_are_listed_and_whether_a_copy_is_kept(qtbot, catalog, fill, pane):
    fill.add(2)
    with_pictures, without = catalog.page(ModelQuery(), 2)
    catalog.put_attachments(
        with_pictures.id,
        [
            Attachment("/m/ink_1.jpg", "example", 1, 1, "a" * 64),
            Attachment("/m/ink.png", "preview", 1, 1, "b" * 64, "b" * 64 + ".png"),
        ],
    )
    copy = Path(catalog.copy_path("b" * 64 + ".png"))
    copy.parent.mkdir(parents=True)
    copy.write_bytes(b"p")
    show(qtbot, pane, with_pictures)
    pictures = pane.findChild(QWidget, "detailsPictures")
    labels = {label.text(): label.toolTip() for label in pictures.findChildren(QLabel)}
    assert list(labels) == ["Preview", "/m/ink.png", "Example", "/m/ink_1.jpg"]
    assert str(copy) in labels["/m/ink.png"]
    assert "copy" not in labels["/m/ink_1.jpg"]
    section = pictures.parentWidget()
    assert section.findChild(QToolButton).text() == "Pictures (2)"
    assert not section.isHidden()
    show(qtbot, pane, without)
    assert section.isHidden()


def test_a_long_path_breaks_in_the_pane_and_is_copied_as_it_is(qtbot, catalog, pane):
    path = "/models/" + "a_very_long_name_without_a_blank" * 6 + ".safetensors"
    found = FoundModel(
        path=path,
        size_bytes=218,
        mtime_ns=1,
        inode=1,
        device=1,
        fields={"name": "gone", "type": "lora"},
        origins={},
        format="safetensors",
        header="{}",
        facts={"suggestions": {}, "personal": [], "is_model": True},
    )
    (model_id,) = catalog.put_found([found])
    (file,) = catalog.files_of(model_id)
    catalog.mark_files({file.id: FileState.MISSING})
    show(qtbot, pane, catalog.rows([model_id])[0])
    told = pane.findChild(QLabel, "detailsTrouble")
    assert path in told.text() and path in told.accessibleName()
    line = told.fontMetrics().horizontalAdvance("a_very_long_name_without_a_blank")
    assert told.heightForWidth(line) >= 6 * told.fontMetrics().height()
    told.select_all()
    qtbot.keyClick(told, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert path in QGuiApplication.clipboard().text()


def test_a_preview_that_cant_be_read_says_so(qtbot, catalog, fill, library, tasks, tmp_path):
    path = tmp_path / "front.png"
    image = QImage(8, 8, QImage.Format.Format_RGB32)
    image.fill(0)
    assert image.save(str(path))
    library.add_folder(str(tmp_path))
    ids = fill.add(1)
    library.edit(ids, "preview", str(path))
    path.write_bytes(b"no picture")
    previews = Previews(tasks)
    previews.roots = (str(tmp_path),)
    pane = DetailsPane(library, tasks, previews)
    qtbot.addWidget(pane)
    pane.resize(340, 700)
    pane.show()
    show(qtbot, pane, catalog.rows(ids)[0])
    box = pane.findChild(QWidget, "detailsPreview")
    qtbot.waitUntil(lambda: box.accessibleName() == "The preview can't be read")
    library.edit(ids, "preview", None)
    show(qtbot, pane, catalog.rows(ids)[0])
    assert box.accessibleName() == "No preview"
