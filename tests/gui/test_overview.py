"""The overview: its numbers add up, and each leads to what it counts."""

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QFileDialog, QLabel, QLineEdit, QMainWindow, QTableView, QWidget, QWizard

from modelmgr.catalog import Catalog
from modelmgr.gui.overview.figures import load_disks, load_figures
from modelmgr.gui.overview.page import AGAIN_MS, OverviewPage
from modelmgr.gui.overview.rows import Row
from modelmgr.library import Library
from modelmgr.settings import Settings, settings_path
from modelmgr.values import FileState, ModelQuery


@pytest.fixture
def path(catalog, fill, tmp_path) -> Path:
    """A closed catalog of 40 models, two of which are missing."""
    fill.add(40)
    Library(catalog).add_folder(str(fill.folder))
    for model_id in catalog.order(ModelQuery())[:2]:
        (file,) = catalog.files_of(model_id)
        catalog.mark_files({file.id: FileState.MISSING})
    catalog.close()
    # The files are made up: a look at the disk would find that they are not there, and say so in time or not.
    made = tmp_path / "catalog.sqlite"
    Settings(check_at_start=False, watch_folders=False).save(settings_path(made))
    return made


def find(window, name, kind=QWidget):
    found = window.findChild(kind, name)
    assert found is not None, name
    return found


def rows(window, block: str) -> list[Row]:
    return [row for row in find(window, block).findChildren(Row) if row.isVisible()]


@pytest.fixture
def window(qtbot, open_on, path) -> QMainWindow:
    """A window with the overview in front, counted."""
    made = open_on(path)
    find(made, "actionShowOverview", QAction).trigger()
    qtbot.waitUntil(lambda: find(made, "overviewTitle", QLabel).text() == "40 models, 820 MB")
    return made


def test_the_numbers_add_up(path):
    with Catalog.open(path) as catalog:
        figures = load_figures(catalog)
    for shares in (figures.types, figures.bases):
        assert sum(share.models for share in shares) == figures.models == 40
        assert sum(share.size_bytes for share in shares) == figures.size_bytes
        assert [share.size_bytes for share in shares] == sorted(
            (share.size_bytes for share in shares), reverse=True
        )
    (place,) = figures.places
    assert place.models == 40
    assert figures.states["missing"] == 2
    assert figures.files == 38


def test_bars_begin_and_end_on_one_line(qtbot, window):
    qtbot.waitUntil(lambda: bool(rows(window, "overviewDisks") and rows(window, "overviewPlaces")))
    names = ("overviewPlaces", "overviewDisks", "overviewTypes", "overviewBases")

    def bars():
        return [row.bar() for name in names for row in rows(window, name) if row.has_bar]

    qtbot.waitUntil(lambda: len({(bar.left(), bar.right()) for bar in bars()}) == 1)
    assert len(bars()) > 4
    assert bars()[0].left() > 0
    assert bars()[0].width() > 40


def test_a_folder_is_named_as_long_as_there_is_room(qtbot, window):
    window.resize(1900, 900)
    qtbot.waitUntil(lambda: bool(rows(window, "overviewPlaces")))
    (row,) = rows(window, "overviewPlaces")
    wanted = row.name_width()
    qtbot.waitUntil(lambda: row.bar().left() >= min(wanted, row.width() // 2))


def test_the_total_is_said_once(window):
    count = find(window, "countLabel", QLabel)
    assert not count.isVisible()
    find(window, "actionShowLibrary", QAction).trigger()
    assert count.isVisible()
    assert count.text().startswith("40 models")


def test_every_number_leads_to_what_it_counts(qtbot, window):
    table = find(window, "libraryTable", QTableView).model()
    for block, name, count in (
        ("overviewTypes", "LoRA", 10),
        ("overviewBases", "Not known", 10),
        ("overviewAttention", "Their file is missing", 2),
        ("overviewPlaces", None, 40),
    ):
        find(window, "actionShowOverview", QAction).trigger()
        row = next(
            row for row in rows(window, block) if name is None or row.accessibleName().startswith(name)
        )
        qtbot.mouseClick(row, Qt.MouseButton.LeftButton)
        assert find(window, "libraryTable").isVisible()
        qtbot.waitUntil(lambda count=count: table.rowCount() == count)
    assert find(window, "searchEdit", QLineEdit).text().startswith("folder:")


def test_a_row_is_pressed_by_the_keyboard_too(qtbot, window):
    row = rows(window, "overviewTypes")[0]
    row.setFocus()
    qtbot.keyClick(row, Qt.Key.Key_Space)
    assert find(window, "libraryTable").isVisible()


def test_it_counts_again_when_something_was_written(qtbot, window, path, fill):
    with Catalog.open(path) as other:
        fill.catalog = other
        fill.add(2, first=100)
    title = find(window, "overviewTitle", QLabel)
    qtbot.waitUntil(lambda: title.text().startswith("42 models"), timeout=15_000)


def test_it_counts_more_rarely_where_that_takes_long(window, path):
    page = find(window, "overviewPage", OverviewPage)
    with Catalog.open(path) as catalog:
        figures = load_figures(catalog)
    page._on_figures((figures, 60.0))
    assert page._later.interval() == 120_000
    page._on_figures((figures, 0.01))
    assert page._later.interval() == AGAIN_MS


def test_an_empty_library_offers_the_ways_in(qtbot, open_on, tmp_path):
    window = open_on(tmp_path / "empty.sqlite")
    find(window, "actionShowOverview", QAction).trigger()
    qtbot.waitUntil(lambda: bool(rows(window, "overviewAttention")))
    add, bring, demo = rows(window, "overviewAttention")
    assert find(window, "overviewAttention").accessibleName() == "Ways in"
    assert [row.accessibleName() for row in (add, bring, demo)] == [
        "Add a folder…",
        "Bring in what other tools know…",
        "Look at the demo",
    ]
    assert not rows(window, "overviewTypes")
    add.click()
    qtbot.waitUntil(lambda: bool(window.findChildren(QFileDialog)))
    window.findChildren(QFileDialog)[-1].reject()
    bring.click()
    qtbot.waitUntil(lambda: window.findChild(QWizard, "migrationWizard") is not None)
    window.findChild(QWizard, "migrationWizard").reject()


def test_a_library_in_which_all_is_well_says_so(qtbot, open_on, catalog, fill, tmp_path):
    fill.add(1)
    catalog.close()
    window = open_on(tmp_path / "catalog.sqlite")
    find(window, "actionShowOverview", QAction).trigger()
    qtbot.waitUntil(lambda: bool(rows(window, "overviewAttention")))
    assert rows(window, "overviewAttention")[0].accessibleName() == "Nothing: all is well"


def test_a_folder_that_is_gone_has_no_disk(tmp_path):
    disks = load_disks([str(tmp_path), str(tmp_path / "gone")])
    assert list(disks) == [str(tmp_path)]
    assert 0 <= disks[str(tmp_path)].free_bytes <= disks[str(tmp_path)].total_bytes
