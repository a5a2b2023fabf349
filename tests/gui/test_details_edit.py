"""Editing in the details: at the place where a value is read, for one model and for many, and the way back."""

import json
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, Qt, QUrl
from PySide6.QtGui import QAction, QContextMenuEvent, QDragEnterEvent, QImage
from PySide6.QtWidgets import (
    QApplication,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QTableView,
    QWidget,
)

from modelmgr.gui.details import DetailsPane
from modelmgr.gui.details.about import description_in, readable
from modelmgr.gui.details.chips import ChipsEdit
from modelmgr.gui.details.pictures import PictureStrip
from modelmgr.gui.previews import Previews
from modelmgr.gui.shell.drafts import Drafts
from modelmgr.gui.text import column_text
from modelmgr.library import Library
from modelmgr.values import Changes, ModelQuery, Record
from tests.gui.heartbeat import LIMIT_MS, watched


@pytest.fixture
def pane(qtbot, library: Library, tasks) -> DetailsPane:
    made = DetailsPane(library, tasks, Previews(tasks))
    qtbot.addWidget(made)
    made.resize(340, 900)
    made.show()
    return made


@pytest.fixture
def rows(catalog, fill):
    fill.add(3)
    return catalog.page(ModelQuery(), 3)


def show(qtbot, pane, row) -> None:
    with qtbot.waitSignal(pane.details_shown):
        pane.show_model(row)


def start(pane, column: str, prefix: str = ""):
    field = pane.findChild(QWidget, f"{prefix}{column}Field")
    field.start()
    return field, pane.findChild(QWidget, f"{prefix}{column}Editor")


def type_into(qtbot, editor, text: str, *, enter: bool = True) -> None:
    editor.selectAll()
    qtbot.keyClicks(editor, text)
    if enter:
        qtbot.keyClick(editor, Qt.Key.Key_Return)


def test_a_line_is_edited_at_its_place(qtbot, catalog, pane, rows):
    show(qtbot, pane, rows[0])
    field = pane.findChild(QWidget, "base_modelField")
    qtbot.mouseClick(field, Qt.MouseButton.LeftButton)
    with qtbot.waitSignal(pane.row_changed) as told:
        type_into(qtbot, pane.findChild(QLineEdit, "base_modelEditor"), "Pony")
    assert told.args[0].base_model == "Pony"
    assert not field.is_editing
    qtbot.waitUntil(lambda: catalog.rows([rows[0].id])[0].base_model == "Pony")


def test_escape_leaves_all_as_it_is(qtbot, catalog, pane, rows):
    show(qtbot, pane, rows[0])
    field, editor = start(pane, "license")
    type_into(qtbot, editor, "mine", enter=False)
    qtbot.keyClick(editor, Qt.Key.Key_Escape)
    assert not field.is_editing
    assert catalog.rows([rows[0].id])[0].license is None


def test_notes_that_nobody_typed_are_no_edit(qtbot, catalog, pane, rows, library):
    long = "A line.\r\nAnother one.\u2029A third.\n" * 40
    library.edit([rows[0].id], "notes", long)
    edits_before = len(catalog.edits_of(rows[0].id))
    (row, other) = catalog.rows([rows[0].id, rows[1].id])
    show(qtbot, pane, row)
    notes = pane.findChild(QPlainTextEdit, "notesEdit")
    assert notes.toPlainText().startswith("A line.\nAnother one.")
    show(qtbot, pane, other)
    show(qtbot, pane, row)
    notes.setFocus()
    pane.flush()
    assert catalog.rows([row.id])[0].notes == row.notes
    assert len(catalog.edits_of(row.id)) == edits_before


def test_notes_of_several_tools_stand_under_their_names(qtbot, catalog, pane, rows, library):
    told = "[lora-manager]\nbest at 0.7\n\n[a1111-txt]\nof a text\n\n[not-a-tool]"
    library.edit([rows[0].id], "notes", told)
    row, other = catalog.rows([rows[0].id, rows[1].id])
    show(qtbot, pane, row)
    notes = pane.findChild(QPlainTextEdit, "notesEdit")
    shown = "[LoRA Manager]\nbest at 0.7\n\n[A1111 text note]\nof a text\n\n[not-a-tool]"
    assert notes.toPlainText() == shown
    show(qtbot, pane, other)
    pane.flush()
    assert catalog.rows([row.id])[0].notes == told
    assert column_text("notes", told, lines=True) == shown


def test_notes_are_as_high_as_they_are_long_in_whole_lines(qtbot, pane, rows, library, catalog):
    heights = []
    for text in ("short", "line\n" * 5, "line\n" * 500):
        library.edit([rows[0].id], "notes", text)
        show(qtbot, pane, catalog.rows([rows[0].id])[0])
        notes = pane.findChild(QPlainTextEdit, "notesEdit")
        heights.append(notes.height())
    assert heights[0] < heights[1] < heights[2] < pane.height() / 3
    line = notes.fontMetrics().lineSpacing()
    assert (heights[2] - heights[0]) % line == (heights[1] - heights[0]) % line == 0


def test_tags_are_chips(qtbot, catalog, pane, rows):
    show(qtbot, pane, rows[0])
    field, editor = start(pane, "tags")
    assert isinstance(editor, ChipsEdit)
    qtbot.keyClicks(editor.field, "sea, Ink,")
    assert editor.entries() == [*rows[0].tags, "sea"]
    next(chip for chip in editor.findChildren(QWidget, "chip") if chip.property("entry") == "ink").click()
    qtbot.keyClick(editor.field, Qt.Key.Key_Return)
    assert not field.is_editing
    wanted = (*[tag for tag in rows[0].tags if tag != "ink"], "sea")
    qtbot.waitUntil(lambda: catalog.rows([rows[0].id])[0].tags == wanted)


def test_tags_are_completed_with_those_of_the_library(qtbot, pane, rows):
    show(qtbot, pane, rows[0])
    _field, editor = start(pane, "tags")
    completer = editor.field.completer()
    qtbot.waitUntil(lambda: "ink" in completer.model().stringList())
    qtbot.keyClicks(editor.field, "TAG1")
    assert completer.completionCount() == 1


def test_trigger_words_are_one_a_line(qtbot, catalog, pane, rows):
    show(qtbot, pane, rows[0])
    field, editor = start(pane, "trigger_words")
    editor.setPlainText("a whole prompt, with commas\nink wash\n\n")
    field.finish()
    wanted = ("a whole prompt, with commas", "ink wash")
    qtbot.waitUntil(lambda: set(catalog.rows([rows[0].id])[0].trigger_words) == set(wanted))


def test_the_name_is_edited_in_the_head(qtbot, catalog, pane, rows):
    show(qtbot, pane, rows[0])
    pane.findChild(QWidget, "renameButton").click()
    type_into(qtbot, pane.findChild(QLineEdit, "detailsNameEdit"), "Ink " + "x" * 200)
    qtbot.waitUntil(lambda: catalog.rows([rows[0].id])[0].name.startswith("Ink xx"))
    assert pane.findChild(QLabel, "detailsName").text().startswith("Ink xx")


def test_what_is_being_typed_is_saved_when_something_else_is_selected(qtbot, catalog, pane, rows):
    show(qtbot, pane, rows[0])
    _field, editor = start(pane, "license")
    type_into(qtbot, editor, "mit", enter=False)
    show(qtbot, pane, rows[1])
    qtbot.waitUntil(lambda: catalog.rows([rows[0].id])[0].license == "mit")
    assert catalog.rows([rows[1].id])[0].license is None


def test_what_a_column_does_not_take_is_kept_and_said(qtbot, catalog, pane, rows):
    show(qtbot, pane, rows[0])
    field, editor = start(pane, "source_url")
    type_into(qtbot, editor, "javascript:alert(1)")
    assert field.is_editing
    assert "http" in pane.findChild(QLabel, "source_urlProblem").text()
    show(qtbot, pane, rows[1])
    note = pane.findChild(QLabel, "unsavedNote")
    assert not note.text()
    show(qtbot, pane, rows[0])
    assert "javascript:alert(1)" in note.text()
    pane.findChild(QPushButton, "unsavedNoteButton").click()
    again = pane.findChild(QLineEdit, "source_urlEditor")
    assert again.text() == "javascript:alert(1)"
    type_into(qtbot, again, "https://example.org/ink")
    qtbot.waitUntil(lambda: catalog.rows([rows[0].id])[0].source_url == "https://example.org/ink")
    qtbot.waitUntil(lambda: not note.text())


def test_what_can_not_be_written_is_kept_and_said(qtbot, catalog, pane, rows):
    show(qtbot, pane, rows[0])
    notes = pane.findChild(QPlainTextEdit, "notesEdit")
    notes.setPlainText("x" * 40_000)
    with qtbot.waitSignal(pane.message) as told:
        show(qtbot, pane, rows[1])
    assert "not saved" in told.args[0]
    show(qtbot, pane, rows[0])
    assert notes.toPlainText() == ""
    pane.findChild(QPushButton, "unsavedNoteButton").click()
    assert notes.toPlainText() == "x" * 40_000


def test_a_value_of_the_user_goes_back_to_what_was_imported(qtbot, catalog, fill, library, pane, rows):
    told = {
        "id": 1,
        "modelId": 2,
        "name": "v1",
        "baseModel": "Pony",
        "model": {"name": "Ink", "type": "LORA"},
    }
    fill.attach({rows[0].id: [Record("civitai-info", "/x/t.civitai.info", "", json.dumps(told).encode())]})
    library.edit([rows[0].id], "base_model", "Flux.1 D")
    show(qtbot, pane, catalog.rows([rows[0].id])[0])
    field = pane.findChild(QWidget, "base_modelField")
    pane.findChild(QWidget, "base_modelOrigin").click()
    qtbot.waitUntil(lambda: field.findChild(QWidget, "originMenu") is not None)
    menu = field.findChild(QWidget, "originMenu")
    texts = [action.text() for action in menu.actions()]
    assert "According to: you" in texts
    assert any(text.startswith("Imported: ") for text in texts)
    menu.findChild(QAction, "backToImported").trigger()
    qtbot.waitUntil(lambda: catalog.rows([rows[0].id])[0].base_model != "Flux.1 D")


def test_a_field_is_one_stop_and_its_mark_opens_by_keys(qtbot, catalog, library, pane, rows):
    library.edit([rows[0].id], "base_model", "Flux.1 D")
    show(qtbot, pane, catalog.rows([rows[0].id])[0])
    field, mark = pane.findChild(QWidget, "base_modelField"), pane.findChild(QWidget, "base_modelOrigin")
    assert mark.isVisible() and mark.accessibleName() and mark.focusPolicy() == Qt.FocusPolicy.NoFocus
    field.setFocus()
    qtbot.keyClick(field, Qt.Key.Key_Tab)
    assert pane.window().focusWidget() is pane.findChild(QWidget, "licenseField")
    for ask in (
        lambda: qtbot.keyClick(field, Qt.Key.Key_Down, Qt.KeyboardModifier.AltModifier),
        lambda: QApplication.sendEvent(
            field, QContextMenuEvent(QContextMenuEvent.Reason.Keyboard, QPoint(1, 1), QPoint(1, 1))
        ),
    ):
        ask()
        qtbot.waitUntil(lambda: field.findChild(QWidget, "originMenu") is not None)
        menu = field.findChild(QWidget, "originMenu")
        assert menu.findChild(QAction, "backToImported") is not None
        menu.close()
        qtbot.waitUntil(lambda: field.findChild(QWidget, "originMenu") is None)


def test_trigger_words_say_what_they_are(qtbot, catalog, library, pane, rows):
    library.edit([rows[0].id], "trigger_words", ["ink", "harbor"])
    show(qtbot, pane, catalog.rows([rows[0].id])[0])
    field = pane.findChild(QWidget, "trigger_wordsField")

    def told() -> list[str]:
        return [label.text() for label in field.findChildren(QLabel) if label.isVisible()]

    assert told() == ["Trigger words", "ink, harbor"]
    library.edit([rows[0].id], "trigger_words", [])
    show(qtbot, pane, catalog.rows([rows[0].id])[0])
    qtbot.waitUntil(lambda: told() == ["No trigger words"])


def test_the_history_says_what_was_edited(qtbot, catalog, library, pane, rows):
    library.edit([rows[0].id], "rating", 4)
    show(qtbot, pane, catalog.rows([rows[0].id])[0])
    steps = pane.findChild(QWidget, "historySteps")
    assert any("★★★★" in label.text() for label in steps.findChildren(QLabel))
    (back,) = pane.findChildren(QPushButton, "backButton")
    back.click()
    qtbot.waitUntil(lambda: not catalog.user_layers([rows[0].id]))


def test_a_picture_of_the_model_or_a_file_becomes_the_preview(qtbot, catalog, pane, rows, tmp_path):
    picture = tmp_path / "front.png"
    image = QImage(16, 16, QImage.Format.Format_RGB32)
    image.fill(Qt.GlobalColor.red)
    assert image.save(str(picture))
    show(qtbot, pane, rows[0])
    strip = pane.findChild(PictureStrip, "pictureStrip")
    strip.chosen.emit(str(picture))
    qtbot.waitUntil(lambda: catalog.rows([rows[0].id])[0].preview is not None)
    pane.refresh(Changes(models=True, ids=frozenset({rows[0].id})))
    qtbot.waitUntil(lambda: strip.shown is not None)
    strip.open_viewer()
    viewer = strip.findChild(QWidget, "pictureViewer")
    qtbot.keyClick(viewer, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: not viewer.isVisible())


def test_a_dropped_picture_is_for_the_preview_and_all_else_for_the_window(qtbot, pane, rows, tmp_path):
    show(qtbot, pane, rows[0])
    strip = pane.findChild(PictureStrip, "pictureStrip")
    taken = []
    strip.chosen.connect(taken.append)
    for name, is_taken in (("x.png", True), ("x.safetensors", False)):
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(str(tmp_path / name))])
        place, actions = QPoint(5, 5), Qt.DropAction.CopyAction
        buttons, keys = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
        event = QDragEnterEvent(place, actions, data, buttons, keys)
        event.ignore()
        strip.dragEnterEvent(event)
        assert event.isAccepted() is is_taken


def test_several_pictures_have_arrows(qtbot, pane, rows, tmp_path):
    paths = []
    for color in (Qt.GlobalColor.red, Qt.GlobalColor.blue, Qt.GlobalColor.green):
        image = QImage(16, 16, QImage.Format.Format_RGB32)
        image.fill(color)
        paths.append(str(tmp_path / f"{len(paths)}.png"))
        assert image.save(paths[-1])
    strip = pane.findChild(PictureStrip, "pictureStrip")
    show(qtbot, pane, rows[0])
    strip.show_pictures(rows[0], paths, (str(tmp_path),))
    assert pane.findChild(QLabel, "pictureCount").text() == "1 of 3"
    qtbot.keyClick(strip, Qt.Key.Key_Left)
    assert strip.shown == paths[2]
    pane.findChild(QWidget, "nextPicture").click()
    assert strip.shown == paths[0]
    qtbot.waitUntil(lambda: strip.box.pixmap_shown is not None)
    strip.open_viewer()
    viewer = strip.findChild(QWidget, "pictureViewer")
    qtbot.keyClick(viewer, Qt.Key.Key_Right)
    qtbot.keyClick(viewer, Qt.Key.Key_Space)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (
            "<p>Fine <b>lines</b> &amp; wash.</p><ul><li>one</li><li>two</li></ul>",
            "Fine lines & wash.\n• one\n• two",
        ),
        ("a<br>b<script>evil()</script><style>p{}</style>", "a\nb"),
        ('<img src="file:///dev/zero"><a href="https://x/">there</a>', "there"),
        ("plain < text\nof two lines", "plain < text\nof two lines"),
        ("\u202eevil\x07", "⇤evil␇"),
        ("<p>" * 50_000, ""),
        ("see https://x/?token=abcdef", "see https://x/?token=••••••"),
    ],
)
def test_a_description_is_plain_text(written, shown):
    assert readable(written) == shown
    assert description_in({"model": {"description": written}}) == shown


def test_a_description_is_shown_where_there_is_one(qtbot, catalog, fill, pane, rows):
    payload = json.dumps({"description": "<p>Ink on rough paper.</p>" * 30}).encode()
    fill.attach({rows[0].id: [Record("civitai-info", "/x/d.civitai.info", "", payload)]})
    catalog.set_chief(rows[0].id, max(record.id for record in catalog.records_of(rows[0].id)))
    show(qtbot, pane, rows[0])
    words = pane.findChild(QPlainTextEdit, "descriptionText")
    assert words.toPlainText().startswith("Ink on rough paper.")
    before = words.height()
    pane.findChild(QPushButton, "moreDescription").click()
    assert words.height() > before
    show(qtbot, pane, rows[1])
    assert not words.isVisibleTo(pane)


def test_drafts_outlive_a_crash(qtbot, catalog, library, tasks, pane, rows, tmp_path):
    path = tmp_path / "drafts.json"
    drafts = Drafts(path, tasks)
    pane.use_drafts(drafts)
    show(qtbot, pane, rows[0])
    _field, editor = start(pane, "license")
    type_into(qtbot, editor, "half a wo", enter=False)
    drafts.close()
    later = DetailsPane(library, tasks, Previews(tasks))
    qtbot.addWidget(later)
    later.use_drafts(Drafts(path, tasks))
    later.show()
    show(qtbot, later, rows[0])
    assert "half a wo" in later.findChild(QLabel, "unsavedNote").text()
    later.findChild(QPushButton, "unsavedNoteButton").click()
    type_into(qtbot, later.findChild(QLineEdit, "licenseEditor"), "half a word")
    qtbot.waitUntil(lambda: catalog.rows([rows[0].id])[0].license == "half a word")
    qtbot.waitUntil(lambda: not later.findChild(QLabel, "unsavedNote").text())


# --- many ------------------------------------------------------------------------------------------------


@pytest.fixture
def several(qtbot, pane, rows):
    ids = [row.id for row in rows]
    pane.follow(lambda: ids)
    pane.show_count(3)
    title = pane.findChild(QLabel, "comparisonSize")
    qtbot.waitUntil(lambda: bool(title.text()))
    return ids


def test_several_models_are_compared(qtbot, pane, several):
    assert pane.findChild(QLabel, "comparisonTitle").text() == "3 models"
    assert pane.findChild(QLabel, "comparisonSize").text() == "6.0 MB in all"
    facts = {
        label.accessibleName() for label in pane.findChild(QWidget, "comparisonFacts").findChildren(QLabel)
    }
    assert any(fact.startswith("Type: ") and "LoRA (1)" in fact for fact in facts)
    assert pane.findChild(QLabel, "all_base_modelValue").text() == "different"
    assert pane.findChild(QLabel, "all_tagsValue").text() == "ink, …"


def test_what_is_different_is_left_alone_unless_it_is_typed(qtbot, catalog, pane, several):
    before = catalog.rows(several)
    field, editor = start(pane, "base_model", "all_")
    assert editor.text() == ""
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    assert not field.is_editing
    _field, chips = start(pane, "tags", "all_")
    qtbot.keyClicks(chips.field, "sea,")
    qtbot.keyClick(chips.field, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: all("sea" in row.tags for row in catalog.rows(several)))
    after = catalog.rows(several)
    assert [row.base_model for row in after] == [row.base_model for row in before]
    assert [set(row.tags) - {"sea"} for row in after] == [set(row.tags) for row in before]


def test_one_edit_of_many_is_undone_as_one(qtbot, catalog, pane, several):
    before = [row.base_model for row in catalog.rows(several)]
    _field, editor = start(pane, "base_model", "all_")
    with qtbot.waitSignal(pane.editor.ways_changed, check_params_cb=lambda undo, _redo: bool(undo)) as ways:
        type_into(qtbot, editor, "Pony")
    assert ways.args == ["base model of 3 models", ""]
    assert [row.base_model for row in catalog.rows(several)] == ["Pony"] * 3
    with qtbot.waitSignal(pane.editor.ways_changed, check_params_cb=lambda _undo, redo: bool(redo)) as ways:
        pane.editor.undo()
    assert ways.args == ["", "base model of 3 models"]
    assert [row.base_model for row in catalog.rows(several)] == before
    pane.editor.redo()
    qtbot.waitUntil(lambda: [row.base_model for row in catalog.rows(several)] == ["Pony"] * 3)


def test_notes_of_many_are_added_or_replaced(qtbot, catalog, library, pane, several):
    library.edit_models(several[:1], {"notes": "mine"})
    field = pane.findChild(QPlainTextEdit, "notesOfAll")
    add, replace = (pane.findChild(QPushButton, name) for name in ("addNotes", "replaceNotes"))
    assert not add.isVisibleTo(pane)
    field.setPlainText("good with ink\n")
    assert add.isVisibleTo(pane)
    assert replace.isVisibleTo(pane)
    with qtbot.waitSignal(pane.editor.saved):
        add.click()
    assert [row.notes for row in catalog.rows(several)] == ["mine\ngood with ink", *["good with ink"] * 2]
    assert field.toPlainText() == ""
    field.setPlainText("all alike")
    with qtbot.waitSignal(pane.editor.saved):
        replace.click()
    assert {row.notes for row in catalog.rows(several)} == {"all alike"}
    library.undo_edit()
    library.undo_edit()
    assert [row.notes or "" for row in catalog.rows(several)] == ["mine", "", ""]


def test_many_go_back_to_what_was_imported_as_one(qtbot, catalog, library, pane, several):
    library.edit_models(several, {"license": "mit"})
    page = pane.findChild(QWidget, "comparisonPage")
    page.back_menu().findChild(QAction, "back_license").trigger()
    qtbot.waitUntil(lambda: all(row.license is None for row in catalog.rows(several)))
    assert catalog.next_undo().models == 3


def test_two_models_stand_side_by_side(qtbot, pane, rows):
    ids = [row.id for row in rows[:2]]
    pane.follow(lambda: ids)
    pane.show_count(2)
    sides = pane.findChild(QWidget, "sidesView")
    qtbot.waitUntil(lambda: any(label.text() == "Model 00001" for label in sides.findChildren(QLabel)))
    names = {label.accessibleName() for label in sides.findChildren(QLabel)}
    assert "Name: Model 00000, different" in names


def test_the_edit_menu_names_the_deed_after_a_restart_too(qtbot, catalog, fill, open_on):
    ids = fill.add(2)
    path = Path(catalog.path)
    window = open_on(path)
    table = window.findChild(QTableView, "libraryTable")
    qtbot.waitUntil(lambda: table.model().rowCount() == 2)
    table.selectAll()
    bar = window.findChild(QWidget, "ratingOfAll")
    qtbot.waitUntil(bar.isVisible)
    qtbot.keyClick(bar, Qt.Key.Key_4)
    undo = window.findChild(QAction, "actionUndo")
    qtbot.waitUntil(lambda: undo.text() == "&Undo: rating of 2 models")
    assert [row.rating for row in catalog.rows(ids)] == [4, 4]
    window.close()
    again = open_on(path)
    undo = again.findChild(QAction, "actionUndo")
    qtbot.waitUntil(lambda: undo.text() == "&Undo: rating of 2 models")
    assert undo.shortcut().toString() == "Ctrl+Z"
    undo.trigger()
    qtbot.waitUntil(lambda: [row.rating for row in catalog.rows(ids)] == [None, None])
    redo = again.findChild(QAction, "actionRedo")
    qtbot.waitUntil(lambda: redo.text() == "&Redo: rating of 2 models")


def test_the_edit_menu_names_the_one_model(qtbot, catalog, library, fill, open_on):
    ids = fill.add(1)
    library.edit(ids, "name", "Salt & Ink")
    library.edit(ids, "rating", 3)
    window = open_on(Path(catalog.path))
    undo = window.findChild(QAction, "actionUndo")
    qtbot.waitUntil(lambda: undo.text() == "&Undo: rating of Salt && Ink")
    assert window.findChild(QAction, "actionRedo").text() == "&Redo"
    undo.trigger()
    redo = window.findChild(QAction, "actionRedo")
    qtbot.waitUntil(lambda: redo.text() == "&Redo: rating of Salt && Ink")


def test_many_are_compared_while_the_window_goes_on(qtbot, catalog, fill, pane):
    ids = fill.add(2000, hashed=False)
    pane.follow(lambda: ids)
    for make in pane.late_parts():
        make()
    title = pane.findChild(QLabel, "comparisonSize")
    with watched() as beats:
        pane.show_count(len(ids))
        assert pane.findChild(QLabel, "comparisonTitle").text() == "2,000 models"
        qtbot.waitUntil(lambda: bool(title.text()))
    assert beats.work_ms < LIMIT_MS


@pytest.mark.parametrize("is_marked", [False, True])
def test_enter_makes_a_chip_though_words_are_offered_below_it(qtbot, pane, rows, is_marked):
    show(qtbot, pane, rows[0])
    field, chips = start(pane, "tags")
    qtbot.waitUntil(lambda: "ink" in chips.field.completer().model().stringList())
    field.set_known(["harbour"])
    qtbot.keyClicks(chips.field, "har")
    popup = chips.field.completer().popup()
    qtbot.waitUntil(popup.isVisible)
    if is_marked:
        qtbot.keyClick(popup, Qt.Key.Key_Down)
    qtbot.keyClick(popup, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: not chips.field.text() and not popup.isVisible())
    assert chips.entries() == [*rows[0].tags, "harbour" if is_marked else "har"]
    assert field.is_editing
