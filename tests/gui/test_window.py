"""The window as a whole: from start to first row, what the panes do together, and what comes back."""

import gc
import json
import socket
import threading
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, QMimeData, QPoint, QPointF, Qt, QTimer, QUrl
from PySide6.QtGui import (
    QAction,
    QContextMenuEvent,
    QDragEnterEvent,
    QDropEvent,
    QFont,
    QKeySequence,
    QPalette,
)
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QCheckBox,
    QComboBox,
    QLabel,
    QLineEdit,
    QListWidget,
    QMainWindow,
    QPlainTextEdit,
    QPushButton,
    QSpinBox,
    QTableView,
    QTreeView,
    QTreeWidget,
    QWidget,
    QWizard,
)

from modelmgr.catalog import Catalog
from modelmgr.demo import write_safetensors
from modelmgr.errors import CatalogTooNew
from modelmgr.gui import app, open_window, theme
from modelmgr.gui.app import open_error_window
from modelmgr.gui.pending.preview import PendingPreview
from modelmgr.gui.search.words import searched_text
from modelmgr.gui.shell.afterwards import Afterwards
from modelmgr.gui.strips import UndoStrip
from modelmgr.gui.table.columns import COLUMN_OF_NAME
from modelmgr.library import Library
from modelmgr.progress import Progress
from modelmgr.settings import Settings, settings_path, window_state_path
from modelmgr.sqlite import driver
from modelmgr.values import FileState, ModelQuery

ACTIONS = (
    "actionAddFolder",
    "actionScan",
    "actionImportLegacy",
    "actionPromote",
    "actionShowPending",
    "actionShowLibrary",
    "actionSettings",
)
WIDGETS = {
    "libraryTable": QTableView,
    "searchEdit": QLineEdit,
    "filterPanel": QWidget,
    "detailsPane": QWidget,
    "detailsName": QWidget,
    "detailsPreview": QWidget,
    "metadataSource": QComboBox,
    "metadataTree": QTreeView,
    "metadataRaw": QPlainTextEdit,
    "filesTable": QTableView,
    "pendingTable": QTableView,
    "taskProgress": QWidget,
    "countLabel": QWidget,
}


@pytest.fixture
def path(catalog, fill, tmp_path) -> Path:
    """A closed catalog of 40 models."""
    fill.add(40)
    catalog.close()
    return tmp_path / "catalog.sqlite"


@pytest.fixture
def window(open_on, path) -> QMainWindow:
    return open_on(path)


def fill_inbox(catalog: Catalog, folder: Path) -> None:
    """Let records of two kinds wait."""
    for name, suffix, told in (
        ("a", ".civitai.info", {"id": 1, "modelId": 7, "model": {"name": "A", "type": "LORA"}}),
        ("b", ".json", {"description": "B", "sd version": "SD1", "activation text": "b"}),
    ):
        write_safetensors(folder / f"{name}.safetensors", {"x.lora_up.weight": ("F16", (4, 8))}, {"n": name})
        (folder / f"{name}{suffix}").write_text(json.dumps(told))
    Library(catalog).import_paths([str(folder)], progress=Progress())


def find(window, name, kind=QWidget):
    found = window.findChild(kind, name)
    assert found is not None, name
    return found


@pytest.fixture
def large_letters(qapp):
    """Letters of 20 points, as long as the test lasts."""
    before = qapp.font()
    large = QFont(before)
    large.setPointSizeF(20)
    qapp.setFont(large)
    yield
    qapp.setFont(before)


def first_names(window, count=3) -> list[str]:
    model = find(window, "libraryTable").model()
    return [model.index(row, 0).data() for row in range(min(count, model.rowCount()))]


def wait_for(qtbot, window, rows: int) -> None:
    model = find(window, "libraryTable").model()
    qtbot.waitUntil(lambda: model.rowCount() == rows and model.is_complete)


def test_what_is_promised_is_found_in_every_moment_of_a_start(qtbot, open_on, path):
    window = open_on(path)
    inbox = find(window, "pendingPage")
    missing = set()

    def look() -> None:
        missing.update(name for name, kind in WIDGETS.items() if window.findChild(kind, name) is None)

    turns = QTimer(window)  # one look in each turn of the event loop, between the steps that make the rest
    turns.timeout.connect(look)
    turns.start()
    qtbot.waitUntil(lambda: inbox.layout() is not None)
    assert not missing


def test_everything_that_is_promised_is_there_at_once(window):
    for name, kind in WIDGETS.items():
        assert find(window, name, kind).accessibleName() or isinstance(find(window, name), QLabel), name
    menu_actions = {
        action
        for menu in window.menuBar().actions()
        for action in menu.menu().actions()
        if not action.isSeparator()
    }
    for name in ACTIONS:
        action = find(window, name, QAction)
        assert not action.shortcut().isEmpty(), name
        assert action in menu_actions, name


@pytest.mark.parametrize("width", [1024, 1280, 1920])
def test_the_search_takes_the_room_that_buttons_leave(qtbot, window, width):
    window.resize(width, 700)
    search = find(window, "searchEdit", QLineEdit)
    add = find(window, "addButton")
    qtbot.waitUntil(lambda: search.width() >= min(700, width - 720))
    assert add.isVisible()
    assert search.x() + search.width() < add.x()


def test_the_first_rows_are_there_when_it_is_shown_and_nothing_is_selected(window):
    assert window.isVisible()
    assert first_names(window) == ["Model 00000", "Model 00001", "Model 00002"]
    assert not find(window, "libraryTable").selectionModel().hasSelection()
    assert find(window, "metadataRaw").toPlainText() == ""


def test_nothing_is_asked_before_the_first_paint(qtbot, window):
    def at_work() -> list[str]:
        return [each.name for each in threading.enumerate() if each.name.startswith("modelmgr-ask")]

    count, panel = window.findChild(QLabel, "countLabel"), window.findChild(QTreeWidget)
    assert (count.text(), at_work()) == ("40 models", [])
    window.repaint()
    assert not at_work()
    qtbot.waitUntil(lambda: "," in count.text())
    assert panel.topLevelItem(0).text(0)
    assert at_work()


def test_a_window_that_nobody_sees_asks_all_the_same(qtbot, window):
    window.hide()
    count = window.findChild(QLabel, "countLabel")
    qtbot.waitUntil(lambda: "," in count.text())


def test_no_two_actions_have_the_same_shortcut(window):
    keys = [
        action.shortcut().toString(QKeySequence.SequenceFormat.PortableText)
        for action in window.findChildren(QAction)
        if not action.shortcut().isEmpty()
    ]
    assert len(keys) == len(set(keys)), sorted(keys)


def test_the_count_names_models_selection_and_size(qtbot, window):
    label = find(window, "countLabel")
    qtbot.waitUntil(lambda: label.text() == "40 models, 820 MB")
    table = find(window, "libraryTable")
    table.selectRow(0)
    assert label.text() == "40 models, 1 selected, 820 MB"
    table.selectAll()
    assert label.text() == "40 models, 40 selected, 820 MB"


def test_each_page_counts_what_is_on_it(qtbot, window):
    label = find(window, "countLabel")
    qtbot.waitUntil(lambda: label.text() == "40 models, 820 MB")
    find(window, "actionShowPending", QAction).trigger()
    qtbot.waitUntil(lambda: label.text().endswith("records") or label.text().endswith("record"))
    find(window, "actionShowLibrary", QAction).trigger()
    assert label.text() == "40 models, 820 MB"


def test_every_command_has_an_icon_but_for_the_stars(qtbot, window):
    def bare() -> list[str]:
        names = {each.objectName() for each in window.findChildren(QAction) if each.icon().isNull()}
        return sorted(name for name in names if name.startswith("action") and "Rate" not in name)

    qtbot.waitUntil(lambda: bare() == [])


def test_selecting_a_row_shows_its_payload(qtbot, window):
    with qtbot.waitSignal(find(window, "detailsPane").details_shown):
        find(window, "libraryTable").selectRow(7)
    assert json.loads(find(window, "metadataRaw").toPlainText())["id"] == 7
    assert find(window, "detailsName").text() == "Model 00007"
    tree = find(window, "metadataTree").model()
    assert tree.index(1, 1).data() == "7"


def test_search_narrows_while_one_types_and_escape_clears_it(qtbot, window):
    search = find(window, "searchEdit")
    qtbot.keyClicks(search, "00012")
    wait_for(qtbot, window, 1)
    assert first_names(window) == ["Model 00012"]
    qtbot.keyClick(search, Qt.Key.Key_Escape)
    wait_for(qtbot, window, 40)


def test_enter_in_the_search_goes_to_the_first_row(qtbot, window):
    search, table = find(window, "searchEdit"), find(window, "libraryTable")
    qtbot.keyClick(search, Qt.Key.Key_Return)
    assert table.selectionModel().isRowSelected(0)


def test_a_click_on_a_column_sorts_by_it(qtbot, window):
    table = find(window, "libraryTable")
    table.horizontalHeader().sectionClicked.emit(3)
    qtbot.waitUntil(lambda: first_names(window, 1) == ["Model 00039"])
    table.horizontalHeader().sectionClicked.emit(3)
    qtbot.waitUntil(lambda: first_names(window, 1) == ["Model 00000"])


def test_whoever_sorts_the_view_sorts_the_catalog(qtbot, window):
    table = find(window, "libraryTable")
    for order, first in (("Descending", "Model 00039"), ("Ascending", "Model 00000")):
        table.sortByColumn(0, getattr(Qt.SortOrder, f"{order}Order"))
        qtbot.waitUntil(lambda first=first: first_names(window, 1) == [first])
    table.sortByColumn(99, Qt.SortOrder.AscendingOrder)


def facet(window, name: str):
    tree = find(window, "facetTree")
    return tree.findItems(name, Qt.MatchFlag.MatchRecursive | Qt.MatchFlag.MatchExactly)


def press(qtbot, window, name: str) -> None:
    qtbot.waitUntil(lambda: bool(facet(window, name)))
    tree, (item, *_) = find(window, "facetTree"), facet(window, name)
    tree.scrollToItem(item)
    qtbot.mouseClick(tree.viewport(), Qt.MouseButton.LeftButton, pos=tree.visualItemRect(item).center())


def test_facets_narrow_and_several_of_one_kind_widen(qtbot, window):
    press(qtbot, window, "LoRA")
    wait_for(qtbot, window, 10)
    press(qtbot, window, "VAE")
    wait_for(qtbot, window, 20)
    press(qtbot, window, "LoRA")
    wait_for(qtbot, window, 10)
    press(qtbot, window, "All models")
    wait_for(qtbot, window, 40)


def test_nothing_found_says_so_and_leads_out(qtbot, window):
    press(qtbot, window, "LoRA")
    wait_for(qtbot, window, 10)
    find(window, "searchEdit").setText("zebra")
    qtbot.waitUntil(lambda: window.findChild(QWidget, "nothingMatchesTitle") is not None)
    title = find(window, "nothingMatchesTitle")
    qtbot.waitUntil(title.isVisible)
    assert title.text() == "Nothing matches zebra type:lora"
    near = find(window, "nearMissButton", QPushButton)
    qtbot.waitUntil(near.isVisible)
    assert "10 models" in near.text()
    qtbot.mouseClick(find(window, "showAllButton"), Qt.MouseButton.LeftButton)
    wait_for(qtbot, window, 40)
    assert find(window, "searchEdit").text() == ""


def test_an_empty_library_offers_three_ways_in(open_on, tmp_path):
    window = open_on(tmp_path / "new.sqlite")
    for name in ("firstAddFolder", "firstImport", "firstDemo"):
        assert find(window, name).isVisible()


def test_the_window_comes_back_as_it_was(qtbot, open_on, path):
    window = open_on(path)
    table = find(window, "libraryTable")
    press(qtbot, window, "LoRA")
    wait_for(qtbot, window, 10)
    table.horizontalHeader().sectionClicked.emit(3)
    qtbot.waitUntil(lambda: first_names(window, 1) == ["Model 00036"])
    table.setColumnWidth(4, 133)
    window.resize(781, 611)
    window.close()
    again = open_on(path)
    assert (again.width(), again.height()) == (781, 611)
    assert first_names(again, 1) == ["Model 00036"]
    table = find(again, "libraryTable")
    assert table.model().rowCount() == 10
    assert table.columnWidth(4) == 133
    assert table.horizontalHeader().sortIndicatorSection() == 3
    assert find(again, "filterChips").isVisible()


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"\xff\xfe", b'{"geometry": 3, "columns": {}, "query": {"sort": 9}}']
)
def test_an_odd_state_file_does_no_harm(open_on, path, content):
    window_state_path(path).write_bytes(content)
    assert first_names(open_on(path), 1) == ["Model 00000"]


def test_what_another_process_writes_is_seen(qtbot, window, path, fill, tmp_path):
    with Catalog.open(path) as other:
        fill.catalog = other
        fill.add(2, first=100)
    qtbot.waitUntil(lambda: find(window, "libraryTable").model().rowCount() == 42, timeout=10_000)


def test_an_edit_reaches_the_catalog_and_the_other_pane(qtbot, window, path):
    table = find(window, "libraryTable")
    with qtbot.waitSignal(find(window, "detailsPane").details_shown):
        table.selectRow(0)
    find(window, "actionFavorite", QAction).trigger()
    assert find(window, "favoriteButton").isChecked()
    window.close()
    with Catalog.open(path) as catalog:
        assert [row.name for row in catalog.rows(catalog.order(ModelQuery(favorite=True)))] == ["Model 00000"]


def drop(window, *paths: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    place, both = QPoint(200, 200), Qt.DropAction.CopyAction | Qt.DropAction.MoveAction
    buttons, keys = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(place, both, data, buttons, keys)
    QApplication.sendEvent(window, enter)
    assert enter.isAccepted()
    assert enter.dropAction() == Qt.DropAction.CopyAction
    assert find(window, "dropHint").isVisible()
    QApplication.sendEvent(window, QDropEvent(QPointF(place), both, data, buttons, keys))
    assert not find(window, "dropHint").isVisible()


def test_a_drop_opens_the_wizard_at_what_was_dropped(qtbot, window, tmp_path):
    drop(window, tmp_path)
    wizard = find(window, "migrationWizard")
    assert wizard.isVisible()
    assert wizard.currentPage().objectName() == "previewPage"
    wizard.reject()


def test_text_that_is_dragged_over_is_not_taken(window):
    data = QMimeData()
    data.setText("hello")
    enter = QDragEnterEvent(
        QPoint(10, 10),
        Qt.DropAction.CopyAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    QApplication.sendEvent(window, enter)
    assert not enter.isAccepted()


def test_the_pages_change_by_action(window):
    find(window, "actionShowPending", QAction).trigger()
    assert find(window, "pendingPage").isVisible()
    assert not find(window, "detailsPane").isVisible()
    find(window, "actionShowLibrary", QAction).trigger()
    assert find(window, "libraryTable").isVisible()
    assert find(window, "detailsPane").isVisible()


@pytest.mark.parametrize(
    ("pasted", "searched"),
    [
        ("AutoV2: 6C7440BA8B", "6C7440BA8B"),
        ("sha256:" + "ab" * 32, "ab" * 32),
        ("0x" + "ab" * 32, "ab" * 32),
        ("Model hash: fee47b1f ", "fee47b1f"),
        (" 51e8de80", "51e8de80"),
        ("ink harbor", "ink harbor"),
        ("type:lora", "type:lora"),
        ("hash: ink", "hash: ink"),
    ],
)
def test_of_a_hash_with_its_name_the_digits_are_searched(pasted, searched):
    assert searched_text(pasted) == searched


def test_a_pasted_hash_of_any_kind_finds_its_model(qtbot, open_on, catalog, fill, tmp_path):
    fill.add(3)
    row = catalog.page(ModelQuery(), 3)[1]
    (file,) = catalog.files_of(row.id)
    catalog.put_partial_hashes(file.path, {"AutoV3": "d53eda7a637c", "CRC32": "51e8de80"})
    catalog.close()
    window = open_on(tmp_path / "catalog.sqlite")
    search = find(window, "searchEdit", QLineEdit)
    kinds = {"AutoV3: D53EDA7A637C": "AutoV3", "51E8DE80": "CRC32", row.sha256.upper(): "SHA256"}
    for digits, kind in kinds.items():
        search.setText(digits)
        wait_for(qtbot, window, 1)
        assert first_names(window) == [row.name]
        words = f"It is the {kind} of {row.name}"
        qtbot.waitUntil(lambda words=words: words in find(window, "taskLine", QLabel).text())
        search.clear()
        wait_for(qtbot, window, 3)
    search.setText("0123456789")
    hint = find(window, "nothingMatchesHint", QLabel)
    qtbot.waitUntil(
        lambda: hint.isVisible() and hint.text() == "No file and no record is known by this hash."
    )
    search.setText("ink 0123456789")
    qtbot.waitUntil(lambda: not hint.isVisible())


def test_the_side_panes_fold(window):
    find(window, "actionFilters", QAction).trigger()
    find(window, "actionDetails", QAction).trigger()
    assert not find(window, "filterPanel").isVisible()
    assert not find(window, "detailsPane").isVisible()


def test_settings_are_taken_and_kept_beside_the_catalog(qtbot, window, path):
    find(window, "actionSettings", QAction).trigger()
    dialog = find(window, "settingsDialog")
    find(dialog, "settingComfortable").setChecked(True)
    find(dialog, "settingsSave", QPushButton).click()
    assert find(window, "libraryTable").verticalHeader().defaultSectionSize() >= 44
    assert settings_path(path).parent == path.parent
    assert Settings.load(settings_path(path)).comfortable_rows


def test_a_folder_is_added_in_the_settings(qtbot, window, tmp_path):
    find(window, "actionSettings", QAction).trigger()
    dialog = find(window, "settingsDialog")
    folders = find(dialog, "settingFolders", QListWidget)
    (tmp_path / "new").mkdir()
    find(dialog, "settingAddFolder", QPushButton).click()
    chooser = find(dialog, "addFolderDialog")
    chooser.fileSelected.emit(str(tmp_path / "new"))
    chooser.close()
    qtbot.waitUntil(lambda: folders.count() == 1)
    assert folders.item(0).text() == f"{tmp_path / 'new'}  (being scanned)"
    qtbot.waitUntil(lambda: [folder.path for folder in window.folders] == [str(tmp_path / "new")])
    assert find(dialog, "settingRemoveFolder", QPushButton).isEnabled()
    dialog.reject()


def test_how_files_are_read_is_a_setting(qtbot, window, path):
    find(window, "actionSettings", QAction).trigger()
    dialog = find(window, "settingsDialog")
    kinds, workers = (
        find(dialog, "settingHashKinds", QComboBox),
        find(dialog, "settingHashWorkers", QComboBox),
    )
    assert (kinds.currentData(), workers.currentData()) == ("auto", 0)
    assert find(dialog, "settingReadLimit", QSpinBox).text() == "No limit"
    kinds.setCurrentIndex(kinds.findData("all"))
    workers.setCurrentIndex(workers.findData(1))
    find(dialog, "settingReadLimit", QSpinBox).setValue(200)
    find(dialog, "settingWatch", QCheckBox).setChecked(False)
    find(dialog, "settingCheckAtStart", QCheckBox).setChecked(False)
    find(dialog, "settingsSave", QPushButton).click()
    saved = Settings.load(settings_path(path))
    assert saved == Settings(
        hash_kinds="all", hash_workers=1, read_limit_mb_s=200, watch_folders=False, check_at_start=False
    )


def test_every_setting_has_a_name_for_those_who_hear_it(window):
    find(window, "actionSettings", QAction).trigger()
    dialog = find(window, "settingsDialog")
    for kind in (QCheckBox, QComboBox, QSpinBox, QPushButton, QListWidget):
        for widget in dialog.findChildren(kind):
            assert widget.accessibleName() or widget.text(), widget.objectName()


def test_a_dangerous_file_has_a_badge_and_words(qtbot, window):
    model = find(window, "libraryTable").model()
    row = model.row_at(0)
    name = model.index(0, 0)
    assert "Dangerous" not in name.data(Qt.ItemDataRole.ToolTipRole)
    before = find(window, "libraryTable").grab().toImage()
    model.put_row(row._replace(danger="dangerous"))
    assert "Dangerous instructions found." in name.data(Qt.ItemDataRole.ToolTipRole)
    assert name.data(Qt.ItemDataRole.AccessibleDescriptionRole) == "Dangerous instructions found."
    assert find(window, "libraryTable").grab().toImage() != before


def test_the_palette_can_change_while_it_is_open(qtbot, qapp, window):
    before = qapp.palette()
    try:
        qapp.setPalette(theme.dark_palette())
        qtbot.waitUntil(lambda: "#1d1e20" in qapp.styleSheet())
        assert window.palette().color(QPalette.ColorRole.Base).name() == "#1d1e20"
    finally:
        qapp.setPalette(before)


def test_everything_can_be_called_by_name(qtbot, window):
    find(window, "actionCommands", QAction).trigger()
    edit = find(window, "commandEdit", QLineEdit)
    qtbot.keyClicks(edit, "pend")
    qtbot.keyClick(edit, Qt.Key.Key_Return)
    assert not find(window, "detailsPane").isVisible()


def test_a_scan_adds_what_lies_in_a_folder(qtbot, window, tmp_path):
    folder = tmp_path / "more"
    folder.mkdir()
    (folder / "Quiet Fjord.safetensors").write_bytes(b"\x02\0\0\0\0\0\0\0{}")
    window.add_folder(str(folder))
    wait_for(qtbot, window, 41)
    qtbot.waitUntil(lambda: not window._tasks.running)


def test_a_problem_is_told_in_a_line_and_not_in_a_box(qtbot, window, tmp_path):
    window.add_folder(str(tmp_path / "not there"))
    text = find(window, "messageText")
    qtbot.waitUntil(text.isVisible)
    assert "not added" in text.text()


def test_a_newer_catalog_is_refused_and_not_touched(qtbot, qapp, path, tmp_path):
    connection = driver.connect(path)
    connection.execute("PRAGMA user_version = 999")
    connection.commit()
    connection.close()
    before = path.read_bytes()
    with pytest.raises(CatalogTooNew) as refused:
        open_window(path)
    assert path.read_bytes() == before
    page = open_error_window(refused.value, str(path))
    qtbot.addWidget(page)
    assert "newer" in find(page, "errorTitle").text()
    assert find(page, "errorPath").text() == str(path)


def test_a_promotion_is_told_once(qtbot, open_on, tmp_path):
    folder = tmp_path / "models"
    folder.mkdir()
    write_safetensors(folder / "a.safetensors", {"x.lora_up.weight": ("F16", (4, 8))}, {})
    (folder / "a.civitai.info").write_text(json.dumps({"id": 1, "modelId": 7, "model": {"name": "A"}}))
    with Catalog.open(tmp_path / "inbox.sqlite") as catalog:
        Library(catalog).import_paths([str(folder)], progress=Progress())
    window = open_on(tmp_path / "inbox.sqlite")
    line, lately = find(window, "taskLine", QLabel), find(window, "taskLately")
    said = []
    find(window, "taskProgress").said.connect(said.append)
    find(window, "actionShowPending", QAction).trigger()
    button = find(window, "promoteReadyButton", QPushButton)
    qtbot.waitUntil(button.isEnabled)
    button.click()
    qtbot.waitUntil(lambda: window.findChild(UndoStrip) is not None)
    assert window.findChild(UndoStrip).words == "1 record was promoted." == said[0]
    assert line.text() == ""
    assert lately.isVisible()
    # Whoever is elsewhere by then reads it in the status bar.
    find(window, "undoPromotionStripButton", QPushButton).click()
    qtbot.waitUntil(lambda: line.text() == "1 record waits again.")
    qtbot.waitUntil(lambda: button.isEnabled() and button.text() == "Promote 1 ready")
    button.click()
    find(window, "actionShowLibrary", QAction).trigger()
    qtbot.waitUntil(lambda: line.text() == "1 record was promoted.")


def test_what_other_tools_left_in_a_new_folder_is_offered(qtbot, window, tmp_path):
    folder = tmp_path / "loras"
    folder.mkdir()
    write_safetensors(folder / "a.safetensors", {"x.lora_up.weight": ("F16", (4, 8))}, {})
    (folder / "a.civitai.info").write_text(json.dumps({"id": 1, "modelId": 7, "model": {"name": "A"}}))
    window.add_folder(str(folder))
    bar = find(window, "messageBar")
    qtbot.waitUntil(bar.isVisible)
    assert bar.accessibleName() == "1 record of other tools lies beside the models in “loras”."
    find(bar, "messageButton", QPushButton).click()
    wizard = find(window, "migrationWizard", QWizard)
    qtbot.waitUntil(lambda: wizard.journey.paths == [str(folder)])
    wizard.reject()


def test_missing_models_are_greyed(qtbot, path, open_on):
    with Catalog.open(path) as catalog:
        (file,) = catalog.files_of(catalog.order(ModelQuery())[0])
        catalog.mark_files({file.id: FileState.MISSING})
    window = open_on(path)
    model = find(window, "libraryTable").model()
    assert model.index(0, 0).data(Qt.ItemDataRole.ForegroundRole) == theme.colors().greyed
    assert model.index(1, 0).data(Qt.ItemDataRole.ForegroundRole) is None


def test_states_have_words_where_something_is_amiss(qtbot, path, open_on):
    def table_of(window):
        window.resize(1280, 700)
        return find(window, "libraryTable")

    section = COLUMN_OF_NAME["state"]
    narrow = table_of(open_on(path)).columnWidth(section)
    with Catalog.open(path) as catalog:
        (file,) = catalog.files_of(catalog.order(ModelQuery())[0])
        catalog.mark_files({file.id: FileState.MISSING})
    table = table_of(open_on(path))
    qtbot.waitUntil(lambda: table.columnWidth(section) > narrow + 20)


def test_panes_at_the_sides_are_narrower_in_a_small_window_and_come_back(qtbot, window):
    dock, splitter = find(window, "detailsDock"), find(window, "librarySplitter")

    def sides():
        return splitter.sizes()[0], dock.width()

    window.resize(1280, 700)
    qtbot.waitUntil(lambda: dock.width() > 300)
    wide = sides()
    window.resize(800, 700)
    qtbot.waitUntil(lambda: dock.width() < 280)
    window.resize(1280, 700)
    qtbot.waitUntil(lambda: sides() == wide)
    window.resizeDocks([dock], [400], Qt.Orientation.Horizontal)
    qtbot.waitUntil(lambda: dock.width() == 400)
    window.resize(900, 700)
    qtbot.waitUntil(lambda: dock.width() < 310)
    window.resize(1280, 700)
    qtbot.waitUntil(lambda: dock.width() == 400)


def fold(window):
    """What is seen beside the models, and what the actions say of it."""
    names = (("filterPanel", "actionFilters"), ("detailsPane", "actionDetails"))
    seen = [find(window, pane).isVisible() for pane, _action in names]
    assert seen == [find(window, action, QAction).isChecked() for _pane, action in names]
    return seen


def test_panes_fold_away_where_there_is_no_room_and_come_back(qtbot, window):
    for width, expected in ((1280, [True, True]), (800, [False, True]), (600, [False, False])):
        window.resize(width, 700)
        qtbot.waitUntil(lambda expected=expected: fold(window) == expected)
        qtbot.waitUntil(lambda: find(window, "libraryTable").width() >= 430)
    window.resize(1280, 700)
    qtbot.waitUntil(lambda: fold(window) == [True, True])


def test_who_asks_for_the_filters_in_a_small_window_has_them_there(qtbot, window):
    window.resize(800, 700)
    filters = find(window, "actionFilters", QAction)
    qtbot.waitUntil(lambda: fold(window) == [False, True])
    filters.trigger()
    assert fold(window) == [True, True]
    for width in (780, 1280, 800):
        window.resize(width, 700)
        qtbot.waitUntil(lambda width=width: window.width() == width)
        assert fold(window) == [True, True]
    filters.trigger()
    window.resize(1280, 700)
    qtbot.waitUntil(lambda: fold(window) == [True, True])


def test_what_was_closed_in_a_large_window_stays_closed(qtbot, path, open_on, window):
    window.resize(1280, 700)
    qtbot.waitUntil(lambda: fold(window) == [True, True])
    find(window, "actionFilters", QAction).trigger()
    for width in (800, 1280):
        window.resize(width, 700)
        qtbot.waitUntil(lambda width=width: window.width() == width)
        assert fold(window) == [False, True]


@pytest.mark.parametrize("asks", [False, True])
def test_a_window_that_was_small_opens_as_it_was(qtbot, path, open_on, asks):
    window = open_on(path)
    window.resize(800, 700)
    qtbot.waitUntil(lambda: fold(window) == [False, True])
    if asks:
        find(window, "actionFilters", QAction).trigger()
    window.close()
    again = open_on(path)
    again.resize(800, 700)
    qtbot.waitUntil(lambda: fold(again) == [asks, True])
    again.resize(1280, 700)
    qtbot.waitUntil(lambda: fold(again) == [True, True])


def test_large_letters_leave_the_names_more_room_than_the_details(qtbot, large_letters, path, open_on):
    window = open_on(path)
    window.resize(1024, 768)
    dock, table = find(window, "detailsDock"), find(window, "libraryTable")
    qtbot.waitUntil(lambda: window.width() == 1024 and dock.width() <= 0.35 * 1024)
    assert table.width() > dock.width()
    find(window, "libraryTable").selectRow(0)
    page = find(window, "detailsScroll").widget
    qtbot.waitUntil(lambda: page() is not None and page().isVisible())
    qtbot.waitUntil(lambda: page().width() <= dock.width())


def test_the_inbox_fits_a_small_window_in_large_letters(qtbot, large_letters, path, open_on):
    with Catalog.open(path) as catalog:
        fill_inbox(catalog, path.parent)
    window = open_on(path)
    window.resize(1024, 768)
    find(window, "actionShowPending", QAction).trigger()
    filters = find(window, "pendingFilters")
    qtbot.waitUntil(lambda: filters.isVisible() and filters.findChildren(QComboBox)[0].isVisible())
    qtbot.waitUntil(lambda: window.width() == 1024)
    assert window.minimumSizeHint().width() <= 1024
    groups = find(window, "pendingGroups")
    for height in (700, 768):
        window.resize(1024, height)
        groups.updateGeometries()
        assert groups.header().length() == groups.viewport().width()


def test_the_way_to_commands_that_have_no_room_is_seen_in_the_dark(qtbot, qapp, large_letters, path, open_on):
    before = qapp.palette()
    qapp.setPalette(theme.dark_palette())
    try:
        window = open_on(path)
        window.resize(1024, 768)
        more = find(window, "qt_toolbar_ext_button")
        qtbot.waitUntil(more.isVisible)

        def strongest() -> float:
            image = more.grab().toImage()
            places = [(x, y) for x in range(image.width()) for y in range(image.height())]
            ground = image.pixelColor(0, 0)
            return max(theme.contrast(image.pixelColor(x, y), ground) for x, y in places)

        assert strongest() >= theme.MARK_CONTRAST
        assert more.accessibleName() == "More commands"
    finally:
        qapp.setPalette(before)


def test_the_lists_at_the_side_of_both_pages_are_as_wide(qtbot, path, open_on):
    with Catalog.open(path) as catalog:
        fill_inbox(catalog, path.parent)
    window = open_on(path)
    panel = find(window, "filterPanel")
    qtbot.waitUntil(lambda: panel.isVisible() and panel.width() > 0)
    width = panel.width()
    find(window, "actionShowPending", QAction).trigger()
    groups = find(window, "pendingGroups")
    qtbot.waitUntil(groups.isVisible)
    assert groups.width() == width


def test_chevrons_stand_in_line_with_the_text(qtbot, window):
    find(window, "libraryTable").selectRow(0)
    pane, fold, notes = (find(window, name) for name in ("detailsPane", "aboutFold", "notesEdit"))
    qtbot.waitUntil(lambda: fold.isVisible() and notes.isVisible() and fold.width() > 200)

    def chevron() -> int:
        image = fold.grab().toImage()
        ground = image.pixel(2, 2)
        rows = range(4, image.height() - 4)
        inked = (x for x in range(image.width()) if any(image.pixel(x, y) != ground for y in rows))
        return fold.mapTo(pane, QPoint(next(inked), 0)).x()

    qtbot.waitUntil(lambda: abs(chevron() - notes.mapTo(pane, QPoint(0, 0)).x()) <= 1)


def test_the_window_begins_no_larger_than_the_screen(qtbot, path):
    window = open_window(path)
    qtbot.addWidget(window, before_close_func=QMainWindow.close)
    room = window.screen().availableSize()
    assert window.size().boundedTo(room) == window.size()


def test_closing_twice_is_closing_once(window):
    window.close()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    window.close()


def test_folders_without_a_model_are_told_in_place_of_an_empty_table(open_on, tmp_path, qtbot):
    with Catalog.open(tmp_path / "bare.sqlite") as catalog:
        (tmp_path / "bare").mkdir()
        Library(catalog).add_folder(str(tmp_path / "bare"))
    window = open_on(tmp_path / "bare.sqlite")
    title = find(window, "firstTitle", QLabel)
    qtbot.waitUntil(lambda: title.text() == "No models here yet")
    assert find(window, "firstStart").isVisible()
    assert not find(window, "libraryTable").isVisible()


def test_the_pending_page_fits_a_small_screen(open_on, tmp_path, qtbot):
    window = open_on(tmp_path / "small.sqlite")
    find(window, "actionShowPending", QAction).trigger()
    qtbot.waitUntil(find(window, "pendingPage", QWidget).isVisible)
    assert window.minimumSizeHint().width() <= 853


def test_the_pending_page_comes_back_with_its_group_and_its_numbers(open_on, path, qtbot):
    window = open_on(path)
    find(window, "actionShowPending", QAction).trigger()
    find(window, "pendingPage").show_group("all")
    window.close()
    window = open_on(path)
    page, groups = find(window, "pendingPage"), find(window, "pendingGroups", QTreeWidget)
    assert page.isVisible()
    assert page.group == "all"
    qtbot.waitUntil(lambda: groups.currentItem().text(1) != "")
    assert groups.currentItem().text(0) == "All records"
    qtbot.waitUntil(lambda: find(window, "pendingTable").model().rowCount() > 0)


def test_a_review_gives_the_records_the_keyboard(open_on, path, qtbot):
    window = open_on(path)
    window.open_wizard()
    find(window, "migrationWizard", QWizard).review_requested.emit("all")
    table = find(window, "pendingTable")
    qtbot.waitUntil(lambda: table.model().rowCount() == 40)
    qtbot.waitUntil(lambda: window.focusWidget() is table)


def test_damage_after_a_crash_is_told_with_what_to_do(open_on, path, qtbot):
    conn = driver.connect(str(path))
    # A program that ended without a word, and a row that points to nothing.
    conn.execute(
        "INSERT INTO sessions(host, pid, process_started, opened_at) VALUES (?, ?, 0, 0)",
        (socket.gethostname(), 2**30),
    )
    conn.execute(
        "INSERT INTO headers(model_id, header, facts) VALUES (1000000, '{}', '{}')",
    )
    conn.commit()
    conn.close()
    window = open_on(path)
    words = find(window, "messageText", QLabel)
    qtbot.waitUntil(lambda: "restore a backup" in words.text())
    assert find(window, "messageButton", QPushButton).isVisible()


def test_a_late_step_that_fails_leaves_the_others_their_turn(qtbot):
    done = []
    owner = QWidget()
    qtbot.addWidget(owner)
    afterwards = Afterwards(owner)

    def fail() -> None:
        raise ValueError("one")

    with qtbot.captureExceptions() as raised:
        afterwards.start(owner, [fail, lambda: done.append("two")])
        qtbot.waitUntil(lambda: bool(done))
    assert [kind for kind, _error, _trace in raised] == [ValueError]


def test_a_window_that_can_not_be_made_leaves_nothing_behind(qtbot, tmp_path, monkeypatch):
    was_on = gc.isenabled()
    gc.enable()
    closed = []
    close = Catalog.close
    monkeypatch.setattr(Catalog, "close", lambda self: (closed.append(self), close(self)))
    monkeypatch.setattr(app.MainWindow, "start_growing", lambda self: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        app.open_window(tmp_path / "c.sqlite")
    assert gc.isenabled()
    assert len(closed) == 1
    shown = [each.objectName() for each in QApplication.topLevelWidgets() if each.isVisible()]
    assert "mainWindow" not in shown
    if not was_on:
        gc.disable()


def rename(window, look: str):
    """Open the editor of the name in the view that is seen, after two letters were typed into it."""
    find(window, look, QAction).trigger()
    view = find(window, "libraryTable" if look == "actionShowTable" else "libraryGrid", QAbstractItemView)
    view.setCurrentIndex(view.model().index(7, COLUMN_OF_NAME["name"]))
    find(window, "actionRename", QAction).trigger()
    QTest.keyClicks(view.viewport().findChild(QLineEdit, "nameEditor"), "my")
    return view


def shown_editor(view) -> QLineEdit:
    (editor,) = (each for each in view.viewport().findChildren(QLineEdit, "nameEditor") if each.isVisible())
    return editor


@pytest.mark.parametrize("look", ["actionShowTable", "actionShowGrid"])
def test_a_name_that_is_typed_stays_when_models_change_or_come(qtbot, window, path, fill, look):
    view = rename(window, look)
    model = view.model()
    row_id = model.id_at(7)
    with Catalog.open(path) as other:
        Library(other).edit_models([row_id], {"rating": 4})
        qtbot.waitUntil(lambda: model.known(row_id).rating == 4)
        assert shown_editor(view).text() == "my"
        fill.catalog = other
        fill.add(2, first=100)
        qtbot.waitUntil(lambda: model.rowCount() == 42)
        QTest.keyClicks(shown_editor(view), " name\r")
        qtbot.waitUntil(lambda: [row.name for row in other.rows([row_id])] == ["my name"])


def test_a_name_that_is_typed_is_saved_where_its_model_is_shown_no_more(qtbot, window, path):
    view = rename(window, "actionShowTable")
    row_id = view.model().id_at(7)
    find(window, "searchEdit", QLineEdit).setText("Model 0000")
    qtbot.waitUntil(lambda: view.model().rowCount() == 10)
    shown_editor(view)
    find(window, "searchEdit", QLineEdit).setText("Model 0003")
    qtbot.waitUntil(lambda: row_id not in view.model().ids)
    with Catalog.open(path) as other:
        qtbot.waitUntil(lambda: [row.name for row in other.rows([row_id])] == ["my"])


def test_a_record_that_was_read_meanwhile_takes_nothing_from_beneath_a_menu(
    qtbot, open_on, catalog, tmp_path
):
    fill_inbox(catalog, tmp_path)
    catalog.close()
    window = open_on(tmp_path / "catalog.sqlite")
    find(window, "actionShowPending", QAction).trigger()
    table = find(window, "pendingTable", QTableView)
    qtbot.waitUntil(lambda: table.model().rowCount() > 1)
    table.selectRow(1)
    (preview,) = window.findChildren(PendingPreview)
    qtbot.waitUntil(lambda: preview._sheet is not None and window._tasks.is_answered)
    for number in range(len(preview._sheet.findChildren(QWidget))):
        below = preview._sheet.findChildren(QWidget)[number]
        if below.isVisible():
            shown = [preview._show_facts, lambda: (QApplication.activePopupWidget() or QWidget()).close()]
            for at, each in enumerate(shown):
                QTimer.singleShot(at, window, each)
            place = QPoint(2, 2)
            menu = QContextMenuEvent(QContextMenuEvent.Reason.Mouse, place, below.mapToGlobal(place))
            QApplication.sendEvent(below, menu)
