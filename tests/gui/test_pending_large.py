"""A hundred thousand waiting records, and a look at twenty thousand sidecars: the window never stands still."""

import json

import pytest
from PySide6.QtWidgets import QLineEdit, QTableView

from modelmgr.catalog.import_store import NewRecord
from modelmgr.gui.pending.page import PendingPage
from modelmgr.gui.tasks import Tasks
from modelmgr.gui.wizard import MigrationWizard
from modelmgr.library import Library
from modelmgr.values import BatchState, Record, Totals
from tests.gui.heartbeat import LIMIT_MS, watched

ROWS = 100_000
SIDECARS = 20_000
ROUNDS = 5
"""What counts is the calmest."""

WAIT_MS = 120_000
PROBLEMS = (None, None, None, "no_file", "hash_mismatch", "ambiguous")


@pytest.fixture
def crowd(library: Library) -> Library:
    """Put many waiting records into the catalog."""
    batch = library.catalog.begin_batch(["/data"], None)
    for start in range(0, ROWS, 500):
        library.catalog.put_records(
            batch,
            [
                NewRecord(
                    Record("civitai-info", f"/data/loras/{number % 97}/m{number}.civitai.info", "", b"{}"),
                    f"Model {number:06}",
                    "lora",
                    "SDXL 1.0",
                    None,
                    f"/data/loras/m{number}.safetensors",
                    PROBLEMS[number % len(PROBLEMS)],
                    "There is no file D:/AI/loras/m.safetensors.",
                )
                for number in range(start, start + 500)
            ],
        )
    library.catalog.end_batch(batch, BatchState.DONE, Totals(seen=ROWS, added=ROWS))
    return library


def test_the_inbox_of_a_hundred_thousand_never_stands_still(qtbot, crowd: Library, tasks: Tasks):
    pauses: dict[str, float] = {}

    def rows_are_there(count: int) -> None:
        def is_there() -> bool:
            return model.is_loaded and model.rowCount() == count and model.index(0, 0).data() != "…"

        qtbot.waitUntil(is_there, timeout=WAIT_MS)

    for _round in range(ROUNDS):
        page = PendingPage(crowd, tasks)
        qtbot.addWidget(page)
        page.resize(1280, 720)
        view = page.findChild(QTableView, "pendingTable")
        model = view.model()
        with watched() as beats:
            page.show()
            rows_are_there(ROWS)
        pauses["open"] = min(beats.work_ms, pauses.get("open", beats.work_ms))
    deeds = {
        "a group": (lambda: page.show_group("missing"), ROWS // 6 + 1),
        "all again": (lambda: page.show_group("waiting"), ROWS),
        "a search": (lambda: page.findChild(QLineEdit, "pendingSearch").setText("004123"), 1),
        "no search": (lambda: page.findChild(QLineEdit, "pendingSearch").clear(), ROWS),
        "another order": (lambda: view.sort_wanted.emit("name", True), ROWS),
    }
    deeds["news while all is selected"] = (lambda: (view.selectAll(), page.reload()), ROWS)
    for _round in range(ROUNDS):
        for name, (deed, count) in deeds.items():
            with watched() as before, qtbot.waitSignal(model.reordered, timeout=WAIT_MS):
                deed()
            with watched() as after:
                rows_are_there(count)
            longest = max(before.work_ms, after.work_ms)
            pauses[name] = min(longest, pauses.get(name, longest))
        assert view.selected_count == ROWS
        view.clearSelection()
        view.sort_wanted.emit("id", False)
        rows_are_there(ROWS)
    assert max(pauses.values()) < LIMIT_MS, pauses


def test_a_look_at_twenty_thousand_sidecars_never_stops_the_window(qtbot, tmp_path, library, tasks):
    folder = tmp_path / "loras"
    folder.mkdir()
    for number in range(SIDECARS):
        told = {"id": number, "modelId": 7, "baseModel": "SDXL 1.0", "model": {"name": f"Model {number}"}}
        (folder / f"m{number}.civitai.info").write_text(json.dumps(told))
    wizard = MigrationWizard(library, tasks)
    qtbot.addWidget(wizard)
    wizard.open()
    with watched() as beats:
        wizard.set_paths([str(folder)])
        qtbot.waitUntil(lambda: wizard.journey.preview is not None, timeout=WAIT_MS)
        qtbot.waitUntil(lambda: not tasks.running, timeout=WAIT_MS)
    assert wizard.journey.preview is not None
    assert wizard.journey.preview.seen == SIDECARS
    assert beats.work_ms < LIMIT_MS
