"""The commands of the window: reachable from menus, by name and by keys, and what they say when they are off."""

from collections import Counter
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QGuiApplication, QKeySequence
from PySide6.QtWidgets import (
    QApplication,
    QLabel,
    QLineEdit,
    QListView,
    QMainWindow,
    QMenu,
    QTableView,
    QWidget,
)

from modelmgr.gui.settings_dialog import SettingsDialog, setting_titles
from modelmgr.gui.shell.actions import ABSENT, SELECTION, Command, Menu, menus
from modelmgr.gui.shell.entries import Entry, ranked


@pytest.fixture
def window(open_on, catalog, fill, tmp_path) -> QMainWindow:
    """A window on 8 models."""
    fill.add(8)
    catalog.close()
    return open_on(tmp_path / "catalog.sqlite")


def find(window, name, kind=QWidget):
    found = window.findChild(kind, name)
    assert found is not None, name
    return found


def in_menus(menu: QMenu) -> set[QAction]:
    found = set()
    for action in menu.actions():
        found |= in_menus(action.menu()) if action.menu() else {action}
    return found


def all_in_menus(window) -> set[QAction]:
    return set().union(*(in_menus(action.menu()) for action in window.menuBar().actions()))


def test_every_action_with_a_name_is_in_a_menu(window):
    named = {action for action in window.actions() if action.objectName().startswith("action")}
    assert len(named) > 20
    assert named <= all_in_menus(window)


def test_what_opens_a_menu_has_an_icon_as_its_neighbours_have(qtbot, window):
    menus = [action.menu() for action in window.menuBar().actions()]
    row_menus = [menu for menu in window.findChildren(QMenu) if menu.parent().objectName() == "libraryTable"]
    opening = [action for menu in menus + row_menus for action in menu.actions() if action.menu()]
    assert len(opening) == 4
    qtbot.waitUntil(lambda: not any(action.icon().isNull() for action in opening))


def test_no_two_commands_share_keys_where_both_count(window):
    keys = Counter(
        key.toString(QKeySequence.SequenceFormat.PortableText)
        for action in all_in_menus(window)
        for key in action.shortcuts()
    )
    assert {key: number for key, number in keys.items() if number > 1} == {}


def test_no_two_entries_of_a_menu_share_a_mnemonic(window):
    for action in window.menuBar().actions():
        letters = Counter(
            entry.text()[entry.text().index("&") + 1].casefold()
            for entry in action.menu().actions()
            if "&" in entry.text()
        )
        assert {letter: number for letter, number in letters.items() if number > 1} == {}, action.text()


# --- by name ------------------------------------------------------------------------------------------------


def entries(*titles: str) -> list[Entry]:
    return [Entry(title, title, "Edit", run=print) for title in titles]


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("sc", "Scan folders"),
        ("fol sc", "Scan folders"),
        ("add", "Add folder"),
        ("cptw", "Copy trigger words"),
        ("copy pa", "Copy path"),
    ],
)
def test_a_few_letters_find_what_is_meant(typed, first):
    found = ranked(entries("Copy path", "Copy trigger words", "Add folder", "Scan folders"), typed)
    assert found[0].title == first


def test_chance_letters_mean_nothing_and_recent_ones_come_first():
    some = entries("Copy path", "Show what is in the folder of this")
    assert ranked(some, "swof") == []
    assert [entry.title for entry in ranked(some, "", [some[1].key])] == [some[1].title, some[0].title]
    assert ranked(some, "zz") == []


def opened(qtbot, window) -> QLineEdit:
    find(window, "actionCommands", QAction).trigger()
    return window.findChildren(QLineEdit, "commandEdit")[-1]


def rows(edit: QLineEdit) -> list[Entry]:
    model = find(edit.window(), "commandList", QListView).model()
    return [model.entry(row) for row in range(model.rowCount())]


def test_what_is_off_says_why_and_does_not_run(qtbot, window):
    edit = opened(qtbot, window)
    qtbot.keyClicks(edit, "rename")
    (entry, *_) = rows(edit)
    assert entry.why_not == "Select a model first"
    qtbot.keyClick(edit, Qt.Key.Key_Return)
    assert edit.window().isVisible()
    qtbot.keyClick(edit, Qt.Key.Key_Escape)


def test_what_was_used_lately_comes_first_even_after_a_restart(qtbot, window, open_on, tmp_path):
    edit = opened(qtbot, window)
    qtbot.keyClicks(edit, "fold filt")
    assert rows(edit) == []
    assert find(edit.window(), "commandNothing", QLabel).isVisible()
    edit.clear()
    qtbot.keyClicks(edit, "pend")
    qtbot.keyClick(edit, Qt.Key.Key_Return)
    assert find(window, "actionShowPending", QAction).isChecked()
    window.close()
    again = open_on(tmp_path / "catalog.sqlite")
    edit = opened(qtbot, again)
    assert [entry.title for entry in rows(edit)[:2]] == ["Used lately", rows(edit)[1].title]
    assert rows(edit)[1].key == "actionShowPending"
    qtbot.keyClick(edit, Qt.Key.Key_Down)
    qtbot.keyClick(edit, Qt.Key.Key_Escape)


def test_the_palette_is_as_high_as_what_it_finds(qtbot, window):
    edit = opened(qtbot, window)
    palette, found = edit.window(), find(edit.window(), "commandList", QListView)
    whole = palette.height()
    qtbot.keyClicks(edit, "copy pa")
    assert 0 < len(rows(edit)) < 6
    shown = found.visualRect(found.model().index(len(rows(edit)) - 1, 0))
    assert palette.height() < whole / 2
    assert shown.bottom() <= found.viewport().height() <= shown.bottom() + shown.height()
    edit.setText("nothing is called like this")
    assert find(palette, "commandNothing", QLabel).isVisible()
    edit.clear()
    assert palette.height() == whole


def test_a_setting_is_found_by_its_name(qtbot, window):
    edit = opened(qtbot, window)
    qtbot.keyClicks(edit, "previews")
    qtbot.keyClick(edit, Qt.Key.Key_Return)
    dialog = find(window, "settingsDialog", SettingsDialog)
    assert find(dialog, "settingPreviews").isVisible()
    dialog.reject()


def test_every_setting_can_be_looked_for(qtbot, window):
    find(window, "actionSettings", QAction).trigger()
    dialog = find(window, "settingsDialog", SettingsDialog)
    controls = {
        widget.objectName()
        for widget in dialog.findChildren(QWidget)
        if widget.objectName().startswith("setting") and not widget.objectName().startswith("settings")
    }
    buttons = {"settingAddFolder", "settingFolderRules", "settingMoveFolder", "settingRemoveFolder"}
    assert controls - buttons == set(setting_titles())
    search = find(dialog, "settingsSearch", QLineEdit)
    assert dialog.focusWidget() is search
    qtbot.keyClicks(search, "comfort")
    assert find(dialog, "settingComfortable").isVisible()
    qtbot.keyClick(search, Qt.Key.Key_Return)
    assert dialog.isVisible()
    assert dialog.focusWidget() is find(dialog, "settingComfortable")
    search.setText("zebra")
    assert find(dialog, "settingsNote").isVisible()
    search.setFocus()
    qtbot.keyClick(search, Qt.Key.Key_Escape)
    assert dialog.isVisible() and not search.text()
    dialog.activateWindow()
    find(dialog, "settingComfortable").setFocus()
    qtbot.keyClick(dialog.focusWidget(), Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: dialog.focusWidget() is search)
    qtbot.keyClick(search, Qt.Key.Key_Escape)
    assert not dialog.isVisible()


def test_fields_of_the_settings_that_stand_together_are_equally_high(qtbot, window):
    find(window, "actionSettings", QAction).trigger()
    dialog = find(window, "settingsDialog", SettingsDialog)
    dialog.show_tab("reading")
    names = ("settingHashKinds", "settingHashWorkers", "settingReadLimit")
    assert len({find(dialog, name).height() for name in names}) == 1
    dialog.reject()


# --- shortcuts and diagnostics ------------------------------------------------------------------------------


def test_the_list_of_shortcuts_has_every_key_and_can_be_searched(qtbot, window):
    find(window, "actionShortcuts", QAction).trigger()
    dialog = find(window, "shortcutList")
    model = find(dialog, "shortcuts", QListView).model()
    shown = {model.entry(row).key for row in range(model.rowCount())}
    with_keys = {action.objectName() for action in window.actions() if not action.shortcut().isEmpty()}
    assert with_keys <= shown
    qtbot.keyClicks(find(dialog, "shortcutEdit", QLineEdit), "ctrl+k")
    assert model.entry(0).key == "actionCommands"
    dialog.reject()


def test_the_diagnostics_have_counts_and_no_home(qtbot, window, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    clipboard = QGuiApplication.clipboard()
    clipboard.clear()
    find(window, "actionCopyDiagnostics", QAction).trigger()
    qtbot.waitUntil(lambda: "modelmgr" in clipboard.text())
    text = clipboard.text()
    assert "models: 8" in text
    assert "api_enabled: False" in text
    assert f"Catalog: {Path('~/catalog.sqlite')}" in text
    assert str(tmp_path) not in text
    assert QApplication.activeModalWidget() is None


# --- recent folders -----------------------------------------------------------------------------------------


def test_a_folder_that_was_added_is_found_again(qtbot, window, open_on, tmp_path):
    menu = find(window, "recentMenu", QMenu)
    assert not menu.menuAction().isEnabled()
    folder = tmp_path / "one & two"
    folder.mkdir()
    window.add_folder(str(folder))
    qtbot.waitUntil(lambda: bool(window.folders))
    window.drop_paths([str(tmp_path / "elsewhere")])
    find(window, "migrationWizard").reject()
    qtbot.waitUntil(lambda: not window._tasks.running)
    window.close()
    again = open_on(tmp_path / "catalog.sqlite")
    qtbot.waitUntil(lambda: bool(again.folders))
    menu = find(again, "recentMenu", QMenu)
    menu.aboutToShow.emit()
    texts = [action.text().replace("&&", "&") for action in menu.actions() if not action.isSeparator()]
    assert [text.rsplit("/", 1)[-1] for text in texts[:2]] == ["elsewhere", "one & two"]
    menu.actions()[1].trigger()
    assert find(again, "searchEdit", QLineEdit).text() == f'folder:"{folder}"'
    edit = opened(qtbot, again)
    qtbot.keyClicks(edit, "elsew")
    assert rows(edit)[-1].place == "Recent folder"
    qtbot.keyClick(edit, Qt.Key.Key_Escape)
    menu.actions()[-1].trigger()
    assert not menu.menuAction().isEnabled()


def test_the_rating_menu_is_off_while_nothing_is_selected(qtbot, window):
    (rating,) = (
        action
        for bar in window.menuBar().actions()
        for action in bar.menu().actions()
        if action.menu() is not None and action.text() == "R&ating"
    )
    assert not rating.isEnabled()
    table = window.findChild(QTableView, "libraryTable")
    qtbot.waitUntil(lambda: table.model().rowCount() > 0)
    table.selectRow(0)
    qtbot.waitUntil(rating.isEnabled)
    table.clearSelection()
    qtbot.waitUntil(lambda: not rating.isEnabled())


PAGES = ["actionShowPending", "actionShowOverview"]
"""Those that stand in front of the models."""


def of_models() -> list[str]:
    """Return the commands that do something with the selected models."""
    found, entries = [], [entry for menu in menus() for entry in menu.entries]
    for entry in entries:
        if isinstance(entry, Menu):
            entries += entry.entries
        elif isinstance(entry, Command) and entry.needs in (SELECTION, ABSENT):
            found.append(entry.name)
    return found


@pytest.mark.parametrize("page", PAGES)
def test_what_is_done_to_selected_models_is_off_where_nobody_sees_them(qtbot, window, page):
    find(window, "libraryTable", QTableView).selectRow(2)
    actions = {name: find(window, name, QAction) for name in of_models()}
    before = {name for name, action in actions.items() if action.isEnabled()}
    assert set(actions) - before == {"actionLocate"}
    find(window, page, QAction).trigger()
    assert [name for name, action in actions.items() if action.isEnabled()] == []
    entries = {entry.key: entry.why_not for entry in rows(opened(qtbot, window)) if entry.key in actions}
    assert set(entries.values()) == {"Only where the models are shown"} and set(entries) == set(actions)
    find(window, "commandEdit").window().reject()
    find(window, "actionShowLibrary", QAction).trigger()
    assert {name for name, action in actions.items() if action.isEnabled()} == before


@pytest.mark.parametrize("page", PAGES)
def test_keys_change_no_model_that_nobody_sees(qtbot, window, page):
    find(window, "libraryTable", QTableView).selectRow(2)
    find(window, page, QAction).trigger()
    qtbot.keyClick(window, Qt.Key.Key_D, Qt.KeyboardModifier.ControlModifier)
    find(window, "actionShowLibrary", QAction).trigger()
    with qtbot.waitSignal(window._details.editor.saved) as first_saved:
        find(window, "actionRate3", QAction).trigger()
    assert first_saved.args[0].changes == {"rating": 3}


def test_the_columns_are_chosen_where_they_are_seen(window):
    columns = next(
        action
        for bar in window.menuBar().actions()
        for action in bar.menu().actions()
        if action.menu() is not None and action.text() == "Columns"
    )
    assert columns.isEnabled()
    find(window, "actionShowPending", QAction).trigger()
    assert not columns.isEnabled()
