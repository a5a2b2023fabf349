"""What the user does about models and folders that the program got wrong or lost."""

import os
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QFileDialog,
    QLabel,
    QLineEdit,
    QListWidget,
    QPlainTextEdit,
    QPushButton,
    QTableView,
    QTreeWidget,
    QWidget,
)

from modelmgr.catalog import Catalog
from modelmgr.gui.folder_move import FolderMoveDialog, move_words
from modelmgr.gui.folder_rules import FolderRulesDialog, ignored_words
from modelmgr.library import Library
from modelmgr.progress import Progress
from modelmgr.values import FileState, IgnoredFile, ModelQuery, MoveReport

WAIT_MS = 10_000


def header(number: int) -> bytes:
    """Return a small safetensors file of its own content."""
    text = b'{"t":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'
    return len(text).to_bytes(8, "little") + text + number.to_bytes(8, "little")


@pytest.fixture
def folder(tmp_path) -> Path:
    """A folder of four models."""
    made = tmp_path / "mine"
    (made / "sub").mkdir(parents=True)
    for number in range(4):
        place = made / "sub" if number == 3 else made
        (place / f"model {number}.safetensors").write_bytes(header(number))
    return made


@pytest.fixture
def scanned(catalog, library, folder) -> Catalog:
    """A catalog that knows them."""
    library.scan([str(folder)], progress=Progress())
    return catalog


@pytest.fixture
def host(qtbot) -> QWidget:
    """The widget above a dialog."""
    made = QWidget()
    qtbot.addWidget(made)
    return made


def find(widget: QWidget, name: str, kind=QWidget):
    found = widget.findChild(kind, name)
    assert found is not None, name
    return found


def rows_by_name(catalog: Catalog) -> dict:
    return {row.name: row for row in catalog.page(ModelQuery(), None)}


# --- type and base model ------------------------------------------------------------------------------------


@pytest.fixture
def window(open_on, scanned, tmp_path):
    scanned.close()
    return open_on(tmp_path / "catalog.sqlite")


def line(window) -> str:
    return find(window, "taskLine", QLabel).text()


def look(tmp_path) -> Catalog:
    return Catalog.open(tmp_path / "catalog.sqlite")


def choose_type(qtbot, window, word: str, prefix: str = "") -> None:
    box = find(window, f"{prefix}typeEditor", QComboBox)
    box.setCurrentIndex(box.findData(word))
    box.activated.emit(box.currentIndex())
    qtbot.waitUntil(lambda: not find(window, f"{prefix}typeField").is_editing)


def test_many_are_corrected_in_the_fields_and_it_sticks(qtbot, window, tmp_path, folder):
    table = find(window, "libraryTable", QTableView)
    qtbot.waitUntil(lambda: table.model().rowCount() == 4)
    table.selectAll()
    find(window, "actionCorrect", QAction).trigger()
    choose_type(qtbot, window, "controlnet", "all_")
    base = find(window, "all_base_modelField")
    base.start()
    editor = find(window, "all_base_modelEditor", QLineEdit)
    qtbot.keyClicks(editor, "pony")
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: line(window) == "Base model of 4 models changed.", timeout=WAIT_MS)
    with look(tmp_path) as catalog:
        (folder / "model 0.safetensors").write_bytes(header(100))
        Library(catalog).scan([], progress=Progress())
        found = rows_by_name(catalog)
        assert {found[f"model {n}"].base_model for n in (1, 2, 3)} == {"Pony"}
        assert {found[f"model {n}"].type for n in (1, 2, 3)} == {"controlnet"}
    table.selectAll()
    find(window, "actionResetIdentity", QAction).trigger()
    qtbot.waitUntil(lambda: line(window).startswith("Type and base model of"), timeout=WAIT_MS)
    with look(tmp_path) as catalog:
        assert {row.base_model for row in catalog.page(ModelQuery(), None)} == {None}


def test_one_is_corrected_where_the_details_are_hidden(qtbot, window, tmp_path):
    table = find(window, "libraryTable", QTableView)
    qtbot.waitUntil(lambda: table.model().rowCount() == 4)
    table.selectRow(1)
    name = table.model().index(1, 0).data()
    find(window, "actionDetails", QAction).setChecked(False)
    find(window, "actionCorrect", QAction).trigger()
    assert find(window, "detailsPane").isVisible()
    choose_type(qtbot, window, "vae")
    assert find(window, "base_modelField").y() > find(window, "typeField").y()
    with look(tmp_path) as catalog:
        qtbot.waitUntil(lambda: rows_by_name(catalog)[name].type == "vae", timeout=WAIT_MS)


# --- folders that are elsewhere -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("report", "words"),
    [
        (MoveReport(), "Nothing is known of any file in the old folder."),
        (MoveReport(absent=3), "None of its 3 files lies in the new folder."),
        (MoveReport(found=3), "3 of 3 files would be found there."),
        (
            MoveReport(found=3, changed=1, absent=2),
            "3 of 6 files would be found there. 1 has another size and would be read anew. "
            "2 are not there and would stay missing.",
        ),
    ],
)
def test_a_move_is_told_before_it_is_done(report, words):
    assert move_words(report) == words


def move_dialog(qtbot, host, library, tasks, old="") -> FolderMoveDialog:
    dialog = FolderMoveDialog(library, tasks, library.catalog.folders(), old, host)
    dialog.show()
    return dialog


def test_the_preview_counts_and_writes_nothing(qtbot, host, scanned, library, tasks, folder, tmp_path):
    folder.rename(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "model 0.safetensors").unlink()
    dialog = move_dialog(qtbot, host, library, tasks)
    accept, words = find(dialog, "moveAccept", QPushButton), find(dialog, "moveWords", QLabel)
    assert not accept.isEnabled()
    with qtbot.waitSignal(dialog.previewed):
        find(dialog, "moveNew", QLineEdit).setText(str(tmp_path / "elsewhere"))
    assert words.text() == "3 of 4 files would be found there. 1 is not there and would stay missing."
    assert (accept.text(), accept.isEnabled()) == ("Move 3 files", True)
    assert [each.path for each in scanned.folders()] == [str(folder)]
    find(dialog, "moveNew", QLineEdit).setText(str(tmp_path / "nowhere"))
    assert not accept.isEnabled()
    qtbot.waitUntil(lambda: "There is no folder" in words.text())
    assert not accept.isEnabled()
    find(dialog, "moveNew", QLineEdit).setText(str(folder))
    qtbot.waitUntil(lambda: "knows it already" in words.text())


def test_only_what_was_previewed_is_accepted(qtbot, host, scanned, library, tasks, folder, tmp_path):
    folder.rename(tmp_path / "elsewhere")
    dialog = move_dialog(qtbot, host, library, tasks, str(folder))
    with qtbot.waitSignal(dialog.previewed):
        find(dialog, "moveNew", QLineEdit).setText(str(tmp_path / "elsewhere"))
    with qtbot.waitSignal(dialog.wanted) as wanted:
        find(dialog, "moveAccept", QPushButton).click()
    assert wanted.args == [str(folder), str(tmp_path / "elsewhere")]


def test_a_moved_folder_keeps_what_is_known_of_its_models(qtbot, open_on, scanned, library, folder, tmp_path):
    row = rows_by_name(scanned)["model 1"]
    library.edit([row.id], "notes", "Best at 0.7")
    folder.rename(tmp_path / "elsewhere")
    library.scan([], progress=Progress())
    scanned.close()
    window = open_on(tmp_path / "catalog.sqlite")
    qtbot.waitUntil(lambda: bool(window.folders))
    find(window, "actionMoveFolder", QAction).trigger()
    dialog = find(window, "folderMoveDialog", FolderMoveDialog)
    with qtbot.waitSignal(dialog.previewed):
        find(dialog, "moveNew", QLineEdit).setText(str(tmp_path / "elsewhere"))
    find(dialog, "moveAccept", QPushButton).click()
    qtbot.waitUntil(lambda: line(window) == "4 files were found in the new folder.", timeout=WAIT_MS)
    with look(tmp_path) as catalog:
        found = rows_by_name(catalog)["model 1"]
        assert (found.id, found.notes, found.file_state) == (row.id, "Best at 0.7", FileState.PRESENT)
        assert found.path == str(tmp_path / "elsewhere" / "model 1.safetensors")


# --- lost files ---------------------------------------------------------------------------------------------


def test_a_lost_file_is_found_again_by_its_bytes(qtbot, open_on, scanned, library, folder, tmp_path):
    row = rows_by_name(scanned)["model 2"]
    away = tmp_path / "away.safetensors"
    os.rename(folder / "model 2.safetensors", away)
    library.scan([], progress=Progress())
    scanned.close()
    window = open_on(tmp_path / "catalog.sqlite")
    table, locate = find(window, "libraryTable", QTableView), find(window, "actionLocate", QAction)
    qtbot.waitUntil(lambda: table.model().rowCount() == 4)
    names = [table.model().index(place, 0).data() for place in range(4)]
    table.setCurrentIndex(table.model().index(names.index("model 1"), 0))
    assert not locate.isEnabled()
    table.setCurrentIndex(table.model().index(names.index("model 2"), 0))
    assert locate.isEnabled()
    for path, words in (
        (folder / "model 1.safetensors", "another file"),
        (away, "1 model file was found at another place."),
    ):
        locate.trigger()
        dialog = window.findChildren(QFileDialog, "locateModelDialog")[-1]
        dialog.fileSelected.emit(str(path))
        dialog.reject()
        said = find(window, "messageText", QLabel)
        qtbot.waitUntil(lambda words=words, said=said: words in said.text() + line(window), timeout=WAIT_MS)
    with look(tmp_path) as catalog:
        (found,) = catalog.rows([row.id])
        assert found.file_state == FileState.PRESENT
        assert str(away) in [file.path for file in catalog.files_of(row.id)]


# --- what a scan leaves out ---------------------------------------------------------------------------------


def test_what_is_left_out_is_counted_by_reason():
    assert ignored_words([]) == "No file is left out."
    found = [IgnoredFile(f"/m/{n}", "pattern") for n in range(3)]
    found += [IgnoredFile(f"/m/{n}.part", "partial_download") for n in range(2)]
    assert ignored_words(found) == "5 files are left out: 3 by a pattern, 2 partial downloads."
    assert ignored_words([IgnoredFile("/m/x", "some_reason")]) == "1 file is left out: 1 some reason."


def test_rules_are_read_saved_and_their_effect_is_listed(qtbot, host, scanned, library, tasks, folder):
    (folder / "half.safetensors.part").write_bytes(b"x")
    dialog = FolderRulesDialog(library, tasks, str(folder), host)
    dialog.show()
    words, files = find(dialog, "rulesWords", QLabel), find(dialog, "rulesIgnored", QTreeWidget)
    qtbot.waitUntil(lambda: words.text() == "1 file is left out: 1 partial download.", timeout=WAIT_MS)
    patterns, save = find(dialog, "rulesPatterns", QPlainTextEdit), find(dialog, "rulesSave", QPushButton)
    assert not save.isEnabled()
    qtbot.waitUntil(patterns.isEnabled)
    patterns.setPlainText("sub/\n\nmodel 1*\n")
    with qtbot.waitSignal(dialog.saved) as saved:
        qtbot.mouseClick(save, Qt.MouseButton.LeftButton)
    assert saved.args == [str(folder)]
    qtbot.waitUntil(lambda: "by a pattern" in words.text(), timeout=WAIT_MS)
    shown = {
        files.topLevelItem(n).text(0): files.topLevelItem(n).text(1) for n in range(files.topLevelItemCount())
    }
    assert shown["half.safetensors.part"] == "a partial download"
    assert shown["model 1.safetensors"] == "by a pattern"
    assert library.folder_rules(str(folder)).patterns == ("sub/", "model 1*")
    dialog.reject()


def test_a_bad_pattern_is_named_and_what_was_typed_stays(qtbot, host, scanned, library, tasks, folder):
    dialog = FolderRulesDialog(library, tasks, str(folder), host)
    dialog.show()
    patterns = find(dialog, "rulesPatterns", QPlainTextEdit)
    qtbot.waitUntil(patterns.isEnabled)
    patterns.setPlainText("[z-")
    with qtbot.assertNotEmitted(dialog.saved):
        find(dialog, "rulesSave", QPushButton).click()
        qtbot.waitUntil(lambda: "[z-" in find(dialog, "rulesTrouble", QLabel).text())
    assert patterns.toPlainText() == "[z-"
    assert library.folder_rules(str(folder)).patterns == ()
    dialog.reject()


def test_rules_and_moves_begin_in_the_settings(qtbot, window, folder):
    qtbot.waitUntil(lambda: bool(window.folders))
    find(window, "actionSettings", QAction).trigger()
    dialog = find(window, "settingsDialog", QDialog)
    rules = find(dialog, "settingFolderRules", QPushButton)
    # The first folder is chosen: what can be done with one is to be seen.
    assert find(dialog, "settingFolders", QListWidget).currentRow() == 0
    assert rules.isEnabled()
    rules.click()
    find(window, "folderRulesDialog", QDialog).reject()
    find(dialog, "settingMoveFolder", QPushButton).click()
    move = find(window, "folderMoveDialog", QDialog)
    assert find(move, "moveOld", QComboBox).currentData() == str(folder)
    move.reject()
    dialog.reject()
