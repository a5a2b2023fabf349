"""A catalog with made-up models, put there as a scan and a promotion would, and the tasks of a window."""

import gc
import json
from collections.abc import Iterator
from functools import partialmethod
from pathlib import Path

import pytest
from PySide6.QtCore import QLocale, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMainWindow, QWidget
from pytestqt.qtbot import QtBot

from modelmgr.catalog import Catalog
from modelmgr.catalog.found import FoundModel
from modelmgr.catalog.import_store import NewRecord
from modelmgr.gui import open_window, theme
from modelmgr.gui.measures import first_size
from modelmgr.gui.tasks import Tasks
from modelmgr.library import Library
from modelmgr.values import BatchState, Hashes, Origin, PendingQuery, Record, Totals
from tests.gui import elsewhere
from tests.inbox import pending_in

MANY_WIDGETS = 1000
"""Of closed windows, that wait for a collection of garbage; each costs up to 20 MiB and time at a change of style."""


PATIENCE_MS = 30_000
"""What never comes fails a test; what does come may take more than five seconds of a busy machine."""


class PatientBot(QtBot):
    """Waits so long, where a test names no other time."""

    waitUntil = partialmethod(QtBot.waitUntil, timeout=PATIENCE_MS)
    waitSignal = partialmethod(QtBot.waitSignal, timeout=PATIENCE_MS)
    waitSignals = partialmethod(QtBot.waitSignals, timeout=PATIENCE_MS)
    waitCallback = partialmethod(QtBot.waitCallback, timeout=PATIENCE_MS)
    waitActive = partialmethod(QtBot.waitActive, timeout=PATIENCE_MS)
    waitExposed = partialmethod(QtBot.waitExposed, timeout=PATIENCE_MS)


@pytest.fixture
def qtbot(qapp: QApplication, request: pytest.FixtureRequest) -> PatientBot:
    """The bot of pytest-qt, with patience."""
    return PatientBot(request)


@pytest.fixture(scope="package", autouse=True)
def garbage_goes_in_the_end() -> Iterator[None]:
    """Destroy what is left of the windows here: the tests of other rooms have threads of their own."""
    yield
    gc.collect()


@pytest.fixture(scope="module", autouse=True)
def each_file_begins_bare(qapp: QApplication) -> None:
    """Take off the style sheet that windows of other files have given the application."""
    if qapp.styleSheet():
        qapp.setStyleSheet("")


@pytest.fixture(autouse=True)
def garbage_stays() -> Iterator[None]:
    """Let no worker thread of a test destroy what is left of a widget; see `modelmgr.gui.garbage`."""
    gc.disable()
    yield
    if len(QApplication.allWidgets()) > MANY_WIDGETS:
        gc.collect()
    gc.enable()


@pytest.fixture(autouse=True)
def no_key_stays_down() -> Iterator[None]:
    """Let go of Ctrl and Shift: Qt takes a key that a test struck with them for held from then on."""
    yield
    if QGuiApplication.keyboardModifiers():
        QTest.keyRelease(QWidget(), Qt.Key.Key_Control)


@pytest.fixture(autouse=True)
def qt_is_loaded_in_the_gui_thread_alone() -> Iterator[None]:
    """Fail a test whose worker loaded a module that makes classes of Qt's; see `modelmgr.gui.tasks`."""
    before = len(elsewhere.loaded)
    yield
    assert elsewhere.loaded[before:] == []


# What the tests read is written as anywhere, wherever they run.
QLocale.setDefault(QLocale.c())

TYPES = ("lora", "checkpoint", "vae", "embedding")
BASES = ("SDXL 1.0", "SD 1.5", "Flux.1 D", None)


def payload_of(number: int) -> bytes:
    """Return the payload that model `number` carries."""
    return json.dumps(
        {"name": f"Model {number:05}", "id": number, "stats": {"downloads": number * 7}}
    ).encode()


class Fill:
    """Puts models into a catalog."""

    def __init__(self, catalog: Catalog, folder: Path) -> None:
        self.catalog = catalog
        self.folder = folder

    def add(self, count: int, *, first: int = 0, hashed: bool = True, records: bool = True) -> list[int]:
        """Add models named ``Model 00000`` and so on; each has a file, and a record if `records`."""
        found = []
        for number in range(first, first + count):
            fields = {
                "name": f"Model {number:05}",
                "type": TYPES[number % len(TYPES)],
                "base_model": BASES[number % len(BASES)],
                "tags": ("ink", f"tag{number % 7}"),
                "rating": number % 6 or None,
                "trigger_words": (f"word{number}",),
            }
            found.append(
                FoundModel(
                    path=str(self.folder / f"model_{number:05}.safetensors"),
                    size_bytes=1_000_000 * (number + 1),
                    mtime_ns=1_700_000_000_000_000_000 + number,
                    inode=number + 1,
                    device=7,
                    fields=fields,
                    origins={"name": Origin("file", 7), "type": Origin("header", 2)},
                    format="safetensors",
                    header=json.dumps({"format": "safetensors", "architecture": "unet", "tensor_count": 12}),
                    facts={
                        "type": fields["type"],
                        "base_model": fields["base_model"],
                        "certain": True,
                        "suggestions": {"name": fields["name"]},
                        "personal": [],
                        "is_model": True,
                    },
                )
            )
        ids = self.catalog.put_found(found)
        if not hashed:
            return ids
        for number, (model_id, model) in enumerate(zip(ids, found, strict=True), first):
            (file,) = self.catalog.files_of(model_id)
            self.catalog.put_hash(file.id, model.size_bytes, model.mtime_ns, Hashes(f"{number + 1:064x}"))
        if records:
            self._attach(ids, first)
        return ids

    def _attach(self, ids: list[int], first: int) -> None:
        self.attach(
            {
                model_id: [
                    Record("civitai-info", f"/elsewhere/{number}.civitai.info", "", payload_of(number))
                ]
                for number, model_id in enumerate(ids, first)
            }
        )

    def attach(self, records: dict[int, list[Record]]) -> None:
        """Attach records to models; the first of each becomes its chief record."""
        batch = self.catalog.begin_batch(["/elsewhere"], None)
        new = [
            NewRecord(record, f"r{model_id}", "lora", None, None, None, None, "")
            for model_id, found in records.items()
            for record in found
        ]
        self.catalog.put_records(batch, new)
        self.catalog.end_batch(batch, BatchState.DONE, Totals(seen=len(new), added=len(new)))
        rows = pending_in(self.catalog, PendingQuery(states=("pending",)))
        by_place = {(row.source_path, row.record_key): row.id for row in rows}
        for model_id, found in records.items():
            (model,) = self.catalog.rows([model_id])
            attached = [
                self.catalog.attach(
                    by_place[record.source_path, record.record_key],
                    model_id,
                    model.sha256 or "",
                    None,
                    "path",
                )
                for record in found
            ]
            self.catalog.set_chief(model_id, attached[0])


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    """A new catalog."""
    with Catalog.open(tmp_path / "catalog.sqlite") as made:
        yield made


@pytest.fixture
def fill(catalog: Catalog, tmp_path: Path) -> Fill:
    """Something to put models into the catalog with."""
    folder = tmp_path / "models"
    folder.mkdir()
    return Fill(catalog, folder)


@pytest.fixture
def library(catalog: Catalog) -> Library:
    """The deeds on that catalog."""
    return Library(catalog)


@pytest.fixture
def tasks(qapp: QApplication) -> Iterator[Tasks]:
    """The door to threads; closed after the test, before the catalog is."""
    theme.apply(qapp)
    made = Tasks()
    yield made
    assert made.shutdown()


@pytest.fixture
def open_on(qapp, qtbot):
    """Open windows of a usual size, whatever the screen of the tests is; each is closed after the test."""
    windows: list[QMainWindow] = []

    def open_(path: Path) -> QMainWindow:
        window = open_window(path)
        if window.size() == first_size(window):
            window.resize(1360, 860)
        qtbot.addWidget(window)
        windows.append(window)
        return window

    yield open_
    for window in windows:
        window.close()
