"""The window keeps up with the disk: at the start, while it is open, and without being in the way."""

from pathlib import Path

import pytest
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QLabel, QTableView, QWidget

from modelmgr.catalog import Catalog
from modelmgr.gui.upkeep import Upkeep, options_of
from modelmgr.library import Library
from modelmgr.progress import Progress
from modelmgr.settings import Settings, settings_path
from modelmgr.values import HashState, ModelQuery, ScanOptions

WAIT_MS = 15_000


def write_model(folder: Path, number: int, size: int = 8) -> Path:
    """Write a small safetensors file of its own content."""
    text = b'{"t":{"dtype":"U8","shape":[%d],"data_offsets":[0,%d]}}' % (size, size)
    path = folder / f"model {number}.safetensors"
    path.write_bytes(len(text).to_bytes(8, "little") + text + number.to_bytes(8, "little") + bytes(size - 8))
    return path


@pytest.fixture
def folder(tmp_path) -> Path:
    """A folder of three models."""
    made = tmp_path / "mine"
    made.mkdir()
    for number in range(3):
        write_model(made, number)
    return made


def fill_catalog(path: Path, folder: Path, **options) -> None:
    with Catalog.open(path) as catalog:
        Library(catalog).scan([str(folder)], progress=Progress(), **options)


def hash_states(path: Path) -> list[str]:
    with Catalog.open(path) as catalog:
        return [row.hash_state for row in catalog.page(ModelQuery(), None)]


def rows(window) -> int:
    return window.findChild(QTableView, "libraryTable").model().rowCount()


def line(window) -> str:
    return window.findChild(QLabel, "taskLine").text()


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "catalog.sqlite"


def test_settings_say_how_files_are_hashed():
    chosen = Settings(hash_kinds="all", hash_workers=2, read_limit_mb_s=50)
    assert options_of(chosen) == ScanOptions("all", 2, 50)
    assert options_of(Settings()) == ScanOptions()


def test_what_came_while_the_window_was_closed_is_found_at_the_start(qtbot, open_on, path, folder):
    fill_catalog(path, folder)
    write_model(folder, 3)
    window = open_on(path)
    qtbot.waitUntil(lambda: rows(window) == 4, timeout=WAIT_MS)
    qtbot.waitUntil(lambda: line(window) == "1 model file was added.", timeout=WAIT_MS)


def test_nothing_new_is_nothing_to_tell(qtbot, open_on, path, folder):
    fill_catalog(path, folder)
    window = open_on(path)
    qtbot.waitUntil(lambda: window._upkeep._watch is not None, timeout=WAIT_MS)
    qtbot.waitUntil(lambda: not window._tasks.running, timeout=WAIT_MS)
    assert line(window) == ""


def test_hashing_goes_on_where_it_was_interrupted(qtbot, open_on, path, folder):
    fill_catalog(path, folder, hash_files=False)
    assert HashState.DONE not in hash_states(path)
    window = open_on(path)
    qtbot.waitUntil(lambda: set(hash_states(path)) == {HashState.DONE}, timeout=WAIT_MS)
    assert window.isVisible()


def test_it_is_left_alone_if_the_user_says_so(qtbot, open_on, path, folder):
    fill_catalog(path, folder, hash_files=False)
    Settings(check_at_start=False, watch_folders=False).save(settings_path(path))
    window = open_on(path)
    with qtbot.waitSignal(window._look_soon.timeout):
        pass
    qtbot.waitUntil(lambda: window._upkeep._has_begun, timeout=WAIT_MS)
    assert window._upkeep._watch is None
    assert not window._tasks.running
    assert HashState.DONE not in hash_states(path)


def test_new_files_are_noticed_while_it_is_open(qtbot, open_on, path, folder):
    fill_catalog(path, folder)
    window = open_on(path)
    qtbot.waitUntil(lambda: window._upkeep._watch is not None, timeout=WAIT_MS)
    write_model(folder, 9)
    qtbot.waitUntil(lambda: rows(window) == 4, timeout=40_000)


def test_the_watch_follows_its_setting_and_new_folders(qtbot, open_on, path, folder, tmp_path):
    fill_catalog(path, folder)
    window = open_on(path)
    upkeep = window._upkeep
    qtbot.waitUntil(lambda: upkeep._watch is not None, timeout=WAIT_MS)
    first = upkeep._watch
    other = tmp_path / "other"
    other.mkdir()
    write_model(other, 7)
    window.add_folder(str(other))
    qtbot.waitUntil(lambda: rows(window) == 4 and upkeep._watch not in (None, first), timeout=WAIT_MS)
    upkeep.follow(Settings(watch_folders=False))
    assert upkeep._watch is None
    upkeep.follow(Settings(watch_folders=True))
    assert upkeep._watch is not None


def test_a_scan_takes_the_place_of_quiet_hashing_which_goes_on_afterwards(qtbot, open_on, path, folder):
    fill_catalog(path, folder, hash_files=False)
    Settings(check_at_start=False, watch_folders=False).save(settings_path(path))
    window = open_on(path)
    upkeep = window._upkeep
    qtbot.waitUntil(lambda: upkeep._has_begun and bool(window.folders), timeout=WAIT_MS)
    upkeep.go_on()
    quiet = upkeep._hashing
    assert quiet is not None and quiet.is_quiet and quiet.can_pause
    window.findChild(QAction, "actionScan").trigger()
    assert upkeep._hashing is None
    assert quiet.is_cancelling or not quiet.is_running
    qtbot.waitUntil(lambda: not window._tasks.running, timeout=WAIT_MS)
    assert set(hash_states(path)) == {HashState.DONE}


def test_what_is_looked_at_is_asked_for_first(qtbot, catalog, library, tasks, folder):
    library.scan([str(folder)], hash_files=False, progress=Progress())
    parent = QWidget()
    qtbot.addWidget(parent)
    upkeep = Upkeep(library, tasks, Settings(check_at_start=False, watch_folders=False), parent)
    upkeep.begin()
    row = catalog.page(ModelQuery(), 1)[0]
    for shown in (None, row, row._replace(sha256="a" * 64)):
        upkeep.prefer(shown)
    told: list[object] = []
    tasks.ask(lambda: "told", told.append)
    qtbot.waitUntil(lambda: told == ["told"])
