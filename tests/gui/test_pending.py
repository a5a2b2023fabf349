"""The inbox: what waits, why, and every deed that settles it, on real files and a real catalog."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from PySide6.QtCore import QItemSelectionModel, QPoint, Qt
from PySide6.QtGui import QAction, QFont
from PySide6.QtTest import QAbstractItemModelTester
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QTableView,
    QToolButton,
    QTreeWidget,
    QWidget,
)

from modelmgr.catalog import Catalog
from modelmgr.catalog.import_store import NewRecord
from modelmgr.demo import write_safetensors
from modelmgr.gui import focus
from modelmgr.gui.compare import CompareDialog, OpinionCard
from modelmgr.gui.map_root import MapRootDialog
from modelmgr.gui.pending.alike import FileRule, locate_alike, rule_of
from modelmgr.gui.pending.deeds import PendingDeeds
from modelmgr.gui.pending.page import PendingPage
from modelmgr.gui.pending.reading import Preview, read_preview
from modelmgr.gui.pending.table import PendingTable
from modelmgr.gui.reasons import (
    explanation,
    folder_in,
    gather_folders,
    missing_folder,
    problem_label,
    reason,
    source_label,
    tail_below,
)
from modelmgr.gui.strips import AskStrip, StripPlace, UndoStrip, WorkStrip
from modelmgr.gui.tasks import Tasks
from modelmgr.gui.text import breakable
from modelmgr.library import Library
from modelmgr.progress import Progress
from modelmgr.values import BatchState, InlineModel, ModelQuery, PendingQuery, PendingState, Record, Totals
from tests.gui import judges
from tests.inbox import pending_in

WAIT_MS = 20_000
WHY, BASE = 1, 3


def write_model(path: Path) -> Path:
    """Write a LoRA whose bytes are its own."""
    tensors = {"lora_unet_a.lora_down.weight": ("F16", (4, 8)), "lora_unet_a.lora_up.weight": ("F16", (8, 4))}
    write_safetensors(path, tensors, {"ss_output_name": path.name})
    return path


def write_civitai(path: Path, name: str, number: int) -> Path:
    """Write a sidecar without any hash."""
    told = {"id": number, "modelId": 7, "name": "v1", "model": {"name": name, "type": "LORA"}}
    path.write_text(json.dumps(told | {"trainedWords": ["ink", "harbor"]}), encoding="utf-8")
    return path


def write_lora_manager(path: Path, name: str, file_path: str, sha256: str = "") -> Path:
    """Write a sidecar that names a file, and claims a hash."""
    told = {
        "file_path": file_path,
        "sha256": sha256,
        "model_name": name,
        "base_model": "SDXL 1.0",
        "civitai": {},
    }
    path.write_text(json.dumps(told), encoding="utf-8")
    return path


@dataclass
class Inbox:
    """An imported folder with one record of each kind, and three that are clear."""

    folder: Path
    far: Path
    library: Library

    def id_of(self, name: str) -> int:
        rows = pending_in(self.library.catalog)
        return next(row.id for row in rows if row.name.startswith(name))

    def row(self, name: str):
        return self.library.catalog.pending_rows([self.id_of(name)])[0]

    def promote(self) -> None:
        """Let the program find out which claimed hash is wrong; the rest stays as it was."""
        self.library.promote([self.id_of("Wrong")], progress=Progress())


@pytest.fixture
def inbox(tmp_path: Path, library: Library) -> Inbox:
    folder, far = tmp_path / "import", tmp_path / "far"
    folder.mkdir()
    far.mkdir()
    for number in range(3):
        write_model(folder / f"ink_{number}.safetensors")
        write_civitai(folder / f"ink_{number}.civitai.info", f"Ink {number}", number + 1)
    wrong = write_model(folder / "wrong.safetensors")
    write_lora_manager(folder / "wrong.metadata.json", "Wrong", str(wrong), "ab" * 32)
    write_lora_manager(folder / "gone.metadata.json", "Gone", "D:/AI/loras/gone.safetensors", "cd" * 32)
    write_model(folder / "broken.safetensors")
    (folder / "broken.civitai.info").write_text('{"id": 5, "model": {"na', encoding="utf-8")
    write_lora_manager(folder / "spoken.metadata.json", "Spoken", str(write_model(far / "far.safetensors")))
    write_model(folder / "two.safetensors")
    (folder / "two.pt").write_bytes(b"PK\x03\x04 of something else")
    write_civitai(folder / "two.civitai.info", "Two", 9)
    library.import_paths([str(folder)], progress=Progress())
    made = Inbox(folder, far, library)
    made.promote()
    return made


class Page:
    """The page as a person sees it."""

    def __init__(self, qtbot, page: PendingPage) -> None:
        self.qtbot = qtbot
        self.page = page
        self.table = page.findChild(QTableView, "pendingTable")
        self.groups = page.findChild(QTreeWidget, "pendingGroups")

    @property
    def model(self) -> PendingTable:
        return self.table.model()

    def text(self, row: int, column: int) -> str:
        return self.model.index(row, column).data()

    def names(self) -> list[str]:
        return [self.text(row, 0) for row in range(self.model.rowCount())]

    def show(self, group: str, rows: int) -> None:
        self.page.show_group(group)
        self.wait_rows(rows)

    def wait_rows(self, rows: int) -> None:
        def is_there() -> bool:
            return self.model.is_loaded and self.names().count("…") == 0 and len(self.names()) == rows

        self.qtbot.waitUntil(is_there, timeout=WAIT_MS)

    def select(self, name: str) -> None:
        row = next(row for row, text in enumerate(self.names()) if text.startswith(name))
        self.table.selectRow(row)

    def button(self, name: str) -> QPushButton:
        return self.page.findChild(QPushButton, name)

    def click(self, name: str) -> None:
        # What a button offers follows the rows, and they are read beside the window: wait as a person would.
        button = self.button(name)
        self.qtbot.waitUntil(lambda: button.isEnabled() and button.isVisible(), timeout=WAIT_MS)
        self.qtbot.mouseClick(button, Qt.MouseButton.LeftButton)

    def count(self, group: int) -> str:
        return self.groups.topLevelItem(group).text(1)


@pytest.fixture
def make_page(qtbot, library: Library, tasks: Tasks) -> Callable[[], Page]:
    def make() -> Page:
        page = PendingPage(library, tasks)
        qtbot.addWidget(page)
        page.resize(1200, 720)
        with qtbot.waitExposed(page):
            page.show()
        return Page(qtbot, page)

    return make


@pytest.fixture
def page(make_page: Callable[[], Page], inbox: Inbox) -> Page:
    made = make_page()
    made.wait_rows(8)
    made.qtbot.waitUntil(lambda: made.count(0) == "8")  # asked beside the rows, answered when it pleases
    return made


# --- what is shown ----------------------------------------------------------------------------------------


def test_every_waiting_record_stands_there_with_its_reason(page):
    reasons = {page.text(row, 0).split(" - ")[0]: page.text(row, WHY) for row in range(8)}
    assert reasons == {
        "Ink 0": "Ready to promote",
        "Ink 1": "Ready to promote",
        "Ink 2": "Ready to promote",
        "Wrong": "The claimed hash is not the file's",
        "Gone": "Its file was not found",
        "broken": "Its text can't be read as data",
        "Spoken": "Outside the library folders",
        "Two": "Several files fit",
    }


def test_the_groups_count_what_there_is_to_do(page):
    words = [(page.groups.topLevelItem(at).text(0), page.count(at)) for at in range(9)]
    assert words == [
        ("Everything waiting", "8"),
        ("Ready to promote", "3"),
        ("Needs a decision", "3"),
        ("File not found", "1"),
        ("Can't be read", "1"),
        ("About no model", ""),
        ("Promoted", ""),
        ("Dismissed", ""),
        ("All records", "8"),
    ]


def test_what_was_handed_over_the_http_api_shows_its_key_as_its_place(make_page, library):
    given = [InlineModel(b"{}", name="Ink"), InlineModel(b"null")]
    library.import_paths([], models=given, progress=Progress())
    page = make_page()
    page.wait_rows(2)
    assert [[page.text(row, column) for column in (0, 4, 5)] for row in range(2)] == [
        ["Ink", "HTTP API", "Ink"],
        ["unknown", "HTTP API", ""],
    ]


def test_what_speaks_of_no_model_stands_by_itself(qtbot, page, inbox):
    recipe = {"id": "5d1c8a0e", "title": "Harbor at dawn", "loras": [], "created_date": 1753000200.5}
    (inbox.folder / "5d1c8a0e.recipe.json").write_text(json.dumps(recipe), encoding="utf-8")
    inbox.library.import_paths([str(inbox.folder)], progress=Progress())
    page.page.reload()
    page.show("other", 1)
    assert page.names() == ["Harbor at dawn"]
    assert page.text(0, WHY) == "Kept; it is about no single model"
    qtbot.waitUntil(lambda: (page.count(4), page.count(5)) == ("1", "1"))
    page.table.selectRow(0)
    page.click("dismissButton")


@pytest.mark.parametrize(
    ("group", "names"),
    [
        ("ready", ["Ink 0", "Ink 1", "Ink 2"]),
        ("decision", ["Spoken", "Two", "Wrong"]),
        ("missing", ["Gone"]),
        ("unreadable", ["broken"]),
    ],
)
def test_a_group_shows_its_records_alone(page, group, names):
    page.show(group, len(names))
    assert sorted(name.split(" - ")[0] for name in page.names()) == names


def test_the_model_of_the_table_keeps_all_rules_of_models(qtbot, page):
    tester = QAbstractItemModelTester(page.model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    for group, rows in (("decision", 3), ("promoted", 0), ("waiting", 8)):
        page.page.show_group(group)
        qtbot.waitUntil(lambda rows=rows: page.model.rowCount() == rows, timeout=WAIT_MS)
    page.page.reload()
    page.wait_rows(8)
    del tester


def test_a_click_on_a_title_sorts(qtbot, page):
    header = page.table.horizontalHeader()
    place = QPoint(header.sectionViewportPosition(0) + 20, header.height() // 2)
    qtbot.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=place)
    qtbot.waitUntil(lambda: page.names()[0].startswith("broken"), timeout=WAIT_MS)
    qtbot.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=place)
    qtbot.waitUntil(lambda: page.names()[0].startswith("Wrong"), timeout=WAIT_MS)


def test_the_list_can_be_searched(qtbot, page):
    edit = page.page.findChild(QLineEdit, "pendingSearch")
    edit.setText("ink")
    page.wait_rows(3)
    edit.setText("nothing like this")
    empty = page.page.findChild(QLabel, "pendingEmpty")
    qtbot.waitUntil(lambda: empty.isVisible(), timeout=WAIT_MS)
    assert empty.text() == "Nothing here matches “nothing like this”"
    qtbot.keyClick(edit, Qt.Key.Key_Escape)
    page.wait_rows(8)


def test_an_inbox_that_never_held_anything_says_what_to_do_next(qtbot, make_page):
    page = make_page()
    button = page.button("pendingNothingImport")
    qtbot.waitUntil(button.isVisible, timeout=WAIT_MS)
    with qtbot.waitSignal(page.page.import_requested):
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def test_news_from_another_program_changes_counts_and_rows(page, inbox):
    inbox.library.dismiss([inbox.id_of("Gone")])
    page.page.reload()
    page.wait_rows(7)
    page.qtbot.waitUntil(lambda: page.count(7) == "1")


# --- the selected record ----------------------------------------------------------------------------------


def test_selecting_a_record_shows_what_it_says_and_its_raw_text(qtbot, page, inbox):
    preview = page.page.findChild(QLabel, "pendingHint").parent()
    with qtbot.waitSignal(preview.shown, timeout=WAIT_MS):
        page.select("Ink 1")
    raw = preview.findChild(QPlainTextEdit, "pendingRaw")
    assert raw.toPlainText() == (inbox.folder / "ink_1.civitai.info").read_text()
    assert preview.findChild(QLabel, "pendingName").text() == "Ink 1 - v1"
    assert any(label.text() == "ink, harbor" for label in preview.findChildren(QLabel))


def test_for_a_wrong_hash_the_claimed_and_the_computed_one_stand_side_by_side(qtbot, page, inbox):
    preview = page.page.findChild(QLabel, "pendingHint").parent()
    with qtbot.waitSignal(preview.shown, timeout=WAIT_MS):
        page.select("Wrong")
    claimed = preview.findChildren(QLabel, "pendingClaimed")[0].text()
    computed = preview.findChildren(QLabel, "pendingComputed")[0].text()
    assert claimed == "ab" * 32
    assert len(computed) == 64
    assert computed in inbox.row("Wrong").message
    assert any(label.text() == "differs" for label in preview.findChildren(QLabel))


def test_a_payload_that_does_not_parse_is_shown_raw_with_the_place_where_it_breaks(qtbot, page):
    preview = page.page.findChild(QLabel, "pendingHint").parent()
    with qtbot.waitSignal(preview.shown, timeout=WAIT_MS):
        page.select("broken")
    assert preview.findChild(QPlainTextEdit, "pendingRaw").toPlainText() == '{"id": 5, "model": {"na'
    note = preview.findChild(QLabel, "pendingNote")
    assert note.isVisible()
    assert "byte 20" in note.text()


def test_an_answer_that_comes_late_for_an_earlier_row_is_dropped(qtbot, page):
    preview = page.page.findChild(QLabel, "pendingHint").parent()
    shown: list[int] = []
    preview.shown.connect(shown.append)
    with qtbot.waitSignal(preview.shown, timeout=WAIT_MS) as signal:
        page.select("Ink 0")
        page.select("Wrong")
    last = page.model.ids[page.table.selectionModel().selectedRows()[0].row()]
    assert signal.args == [last]
    assert shown == [last]
    assert "Wrong" in preview.findChild(QPlainTextEdit, "pendingRaw").toPlainText()


class CountingTasks(Tasks):
    """The tasks of a window, with a count of the records that were read."""

    def __init__(self) -> None:
        super().__init__()
        self.records = 0

    def ask(self, question, answer, *, failed=None, key=None) -> None:
        if getattr(question, "func", None) is read_preview:
            self.records += 1
        super().ask(question, answer, failed=failed, key=key)


def many(catalog: Catalog, count: int) -> None:
    batch = catalog.begin_batch(["/elsewhere"], None)
    new = [
        NewRecord(
            Record("civitai-info", f"/elsewhere/{number}.civitai.info", "", b'{"n": %d}' % number),
            f"Model {number:05}",
            "lora",
            "SDXL 1.0",
            None,
            None,
            None,
            "",
        )
        for number in range(count)
    ]
    catalog.put_records(batch, new)
    catalog.end_batch(batch, BatchState.DONE, Totals(seen=count, added=count))


def test_holding_an_arrow_key_over_a_hundred_rows_reads_a_few_records(qtbot, library):
    many(library.catalog, 120)
    tasks = CountingTasks()
    page = PendingPage(library, tasks)
    qtbot.addWidget(page)
    page.show()
    seen = Page(qtbot, page)
    qtbot.waitUntil(lambda: seen.model.rowCount() == 120 and seen.text(110, 0) != "…", timeout=WAIT_MS)
    seen.table.selectRow(0)
    preview = page.findChild(QLabel, "pendingHint").parent()
    last = seen.model.ids[100]
    with qtbot.waitSignal(preview.shown, timeout=WAIT_MS, check_params_cb=lambda row_id: row_id == last):
        for _ in range(100):
            qtbot.keyClick(seen.table, Qt.Key.Key_Down)
    assert 1 <= tasks.records <= 5
    assert tasks.shutdown()


def test_many_rows_come_by_pages_and_ctrl_a_is_a_range(qtbot, library, tasks):
    many(library.catalog, 2_000)
    page = PendingPage(library, tasks)
    qtbot.addWidget(page)
    page.show()
    seen = Page(qtbot, page)
    qtbot.waitUntil(lambda: seen.model.rowCount() == 2_000 and seen.text(0, 0) != "…", timeout=WAIT_MS)
    assert seen.text(1_500, 0) == "…"
    seen.table.scrollToBottom()
    qtbot.waitUntil(lambda: seen.text(1_999, 0) == "Model 01999", timeout=WAIT_MS)
    seen.table.selectAll()
    assert seen.table.stretches == [(0, 1_999)]
    hint = page.findChild(QLabel, "pendingHint")
    assert hint.text() == "2,000 records are selected"


def test_an_import_that_adds_rows_leaves_what_is_selected_alone(qtbot, library, tasks):
    many(library.catalog, 50)
    page = PendingPage(library, tasks)
    qtbot.addWidget(page)
    page.show()
    seen = Page(qtbot, page)
    qtbot.waitUntil(lambda: seen.model.rowCount() == 50, timeout=WAIT_MS)
    seen.table.selectRow(7)
    batch = library.catalog.begin_batch(["/more"], None)
    record = Record("civitai-info", "/more/x.civitai.info", "", b"{}")
    library.catalog.put_records(batch, [NewRecord(record, "New", "lora", None, None, None, None, "")])
    with qtbot.waitSignal(seen.model.rowsInserted, timeout=WAIT_MS):
        page.reload()
    assert seen.table.selected_ids == [seen.model.ids[7]]


# --- deeds ------------------------------------------------------------------------------------------------


def test_promoting_what_is_ready_moves_rows_and_says_so(qtbot, page, inbox):
    assert page.button("promoteReadyButton").text() == "Promote 3 ready"
    with qtbot.waitSignal(page.page.message, timeout=WAIT_MS) as said:
        page.click("promoteReadyButton")
    assert said.args == ["3 records were promoted."]
    page.wait_rows(5)
    page.qtbot.waitUntil(lambda: (page.count(1), page.count(6)) == ("", "3"))
    page.show("promoted", 3)
    assert inbox.library.catalog.stats()["models"] == 3


def test_promoting_selected_records_says_what_needs_a_decision(qtbot, page):
    page.table.selectAll()
    with qtbot.waitSignal(page.page.message, timeout=WAIT_MS) as said:
        page.click("promoteSelectedButton")
    # The record whose text can't be read is promoted as well: its file stands beside it.
    assert said.args == ["4 records were promoted, 4 need a decision."]
    page.wait_rows(4)


def test_what_takes_a_selection_is_off_without_one(page):
    assert not page.button("promoteSelectedButton").isEnabled()
    page.select("Ink 0")
    assert page.button("promoteSelectedButton").isEnabled()


def test_what_can_not_be_read_can_be_promoted(qtbot, page, inbox):
    page.show("unreadable", 1)
    with qtbot.waitSignal(page.page.message, timeout=WAIT_MS) as said:
        page.click("promoteReadyButton")
    assert said.args == ["1 record was promoted."]
    assert inbox.row("broken").state == "promoted"


def test_attaching_in_spite_of_a_wrong_hash_asks_first(qtbot, page, inbox):
    page.select("Wrong")
    page.click("attachAnywayButton")
    box = page.page.findChild(AskStrip, "attachAnywayQuestion")
    assert "wrong.safetensors" in box.words
    qtbot.waitUntil(lambda: box.findChild(QPushButton, "askNo").hasFocus())
    assert box.findChild(QPushButton, "askNo").text() == "Don't attach"
    with qtbot.waitSignal(page.page.message, timeout=WAIT_MS) as said:
        qtbot.mouseClick(box.findChild(QPushButton, "confirmAttachButton"), Qt.MouseButton.LeftButton)
    assert said.args == ["1 record was promoted."]
    page.wait_rows(7)
    row = inbox.row("Wrong")
    assert row.state == "promoted"
    assert row.sha256 != "ab" * 32
    record = inbox.library.catalog.pending_record(row.id)
    assert record is not None
    assert b"abab" in record.payload


def test_attaching_can_be_left_alone(qtbot, page, inbox):
    page.select("Wrong")
    page.click("attachAnywayButton")
    box = page.page.findChild(AskStrip, "attachAnywayQuestion")
    with qtbot.waitSignal(box.declined):
        qtbot.keyClick(box.findChild(QPushButton, "askNo"), Qt.Key.Key_Escape)
    assert inbox.row("Wrong").state == "pending"


def test_attaching_a_mixed_selection_touches_only_what_has_a_wrong_hash(qtbot, page, inbox):
    page.table.selectAll()
    page.click("attachAnywayButton")
    box = page.page.findChild(AskStrip, "attachAnywayQuestion")
    assert box.words == "Attach 1 record to their files although the hashes differ?"
    with qtbot.waitSignal(page.page.message, timeout=WAIT_MS):
        qtbot.mouseClick(box.findChild(QPushButton, "confirmAttachButton"), Qt.MouseButton.LeftButton)
    assert inbox.row("Wrong").state == "promoted"
    assert inbox.row("Ink 0").state == "pending"


def test_of_several_files_that_fit_a_person_chooses_one(qtbot, page, inbox):
    page.show("decision", 3)
    preview = page.page.findChild(QLabel, "pendingHint").parent()
    with qtbot.waitSignal(preview.shown, timeout=WAIT_MS):
        page.select("Two")
    choices = preview.findChildren(QPushButton, "useCandidateButton")
    wanted = next(choice for choice in choices if "two.safetensors" in choice.accessibleName())
    with qtbot.waitSignal(page.page.message, timeout=WAIT_MS) as said:
        qtbot.mouseClick(wanted, Qt.MouseButton.LeftButton)
    assert said.args == ["The record is bound to two.safetensors and ready to promote."]
    page.wait_rows(2)
    assert inbox.row("Two").problem is None
    assert inbox.row("Two").file_path == str(inbox.folder / "two.safetensors")


def test_a_record_whose_file_is_gone_can_be_told_where_it_is(qtbot, page, inbox):
    model = write_model(inbox.folder / "renamed.safetensors")
    page.show("missing", 1)
    page.select("Gone")
    page.click("locateButton")
    dialog = page.page.findChild(QFileDialog, "locateDialog")
    with qtbot.waitSignal(page.page.message, timeout=WAIT_MS):
        dialog.fileSelected.emit(str(model))
    dialog.close()
    page.show("ready", 4)
    assert inbox.row("Gone").file_path == str(model)


def test_a_file_that_vanished_meanwhile_is_said_and_nothing_changes(qtbot, page, inbox):
    page.select("Gone")
    page.click("locateButton")
    dialog = page.page.findChild(QFileDialog, "locateDialog")
    with qtbot.waitSignal(page.page.message, timeout=WAIT_MS) as said:
        dialog.fileSelected.emit(str(inbox.folder / "never.safetensors"))
    dialog.close()
    assert "never.safetensors" in said.args[0]
    assert inbox.row("Gone").problem == "no_file"


def test_a_record_can_be_kept_without_a_file(qtbot, page, inbox):
    page.show("missing", 1)
    page.select("Gone")
    with qtbot.waitSignal(page.page.message, timeout=WAIT_MS):
        page.click("keepWithoutFileButton")
    assert inbox.row("Gone").state == "promoted"
    details = inbox.library.catalog.details("cd" * 32)
    assert details is not None
    assert details.row.file_count == 0


def test_dismissed_records_are_kept_and_come_back(qtbot, page, inbox):
    page.select("Wrong")
    with qtbot.waitSignal(page.page.message, timeout=WAIT_MS) as said:
        page.click("dismissButton")
    assert said.args == ["1 record was dismissed and can be restored."]
    page.show("dismissed", 1)
    page.select("Wrong")
    with qtbot.waitSignal(page.page.message, timeout=WAIT_MS) as said:
        page.click("restoreButton")
    assert said.args == ["1 record waits again."]
    assert inbox.row("Wrong").state == "pending"


def test_a_dismissal_is_undone_with_one_click(qtbot, page, inbox):
    page.select("Gone")
    with qtbot.waitSignal(page.page.message, timeout=WAIT_MS):
        page.click("dismissButton")
    # What is dismissed already stays so when more is dismissed, and when that is undone.
    page.show("all", 8)
    page.table.selectAll()
    with qtbot.waitSignal(page.page.message, timeout=WAIT_MS) as said:
        page.click("dismissButton")
    assert said.args == ["7 records were dismissed and can be restored."]
    qtbot.waitUntil(lambda: len(page.page.findChildren(UndoStrip)) == 1, timeout=WAIT_MS)
    assert page.page.findChild(UndoStrip).words == "7 records were dismissed."
    with qtbot.waitSignal(page.page.message, timeout=WAIT_MS) as said:
        page.click("undoPromotionStripButton")
    assert said.args == ["7 records wait again."]
    assert inbox.row("Gone").state == "dismissed"
    assert inbox.row("Two").state == "pending"
    qtbot.waitUntil(lambda: not page.page.findChildren(UndoStrip), timeout=WAIT_MS)


class HeldLibrary(Library):
    """A library whose promotions wait until they are let go."""

    def __init__(self, catalog: Catalog) -> None:
        super().__init__(catalog)
        self.let_go = threading.Event()

    def promote(self, ids, *, progress: Progress, **how):
        while not self.let_go.wait(0.01):
            progress.check()
        return super().promote(ids, progress=progress, **how)


def test_a_promotion_can_be_stopped_whatever_is_dismissed_meanwhile(qtbot, inbox, catalog, tasks):
    library = HeldLibrary(catalog)
    held = PendingPage(library, tasks)
    qtbot.addWidget(held)
    held.resize(1200, 720)
    with qtbot.waitExposed(held):
        held.show()
    page = Page(qtbot, held)
    page.wait_rows(8)
    page.click("promoteReadyButton")
    qtbot.waitUntil(lambda: page.button("workStop").isVisible(), timeout=WAIT_MS)
    page.select("Gone")
    with qtbot.waitSignal(held.message, timeout=WAIT_MS):
        page.click("dismissButton")
    assert page.button("workStop").isVisible()
    with qtbot.waitSignal(held.message, timeout=WAIT_MS) as said:
        page.click("undoPromotionStripButton")
    assert said.args == ["1 record waits again."]
    qtbot.waitUntil(lambda: not held.findChildren(UndoStrip), timeout=WAIT_MS)
    page.click("workStop")
    qtbot.waitUntil(lambda: not held.findChildren(WorkStrip), timeout=WAIT_MS)
    assert held.findChild(StripPlace).isHidden()
    assert catalog.stats()["models"] == 0


def test_a_question_stays_while_a_dismissal_is_taken_back(qtbot, page, inbox):
    page.select("Gone")
    with qtbot.waitSignal(page.page.message, timeout=WAIT_MS):
        page.click("dismissButton")
    page.select("Wrong")
    page.click("attachAnywayButton")
    with qtbot.waitSignal(page.page.message, timeout=WAIT_MS):
        page.page.findChild(PendingDeeds).restore([inbox.id_of("Gone")])
    assert page.page.findChild(AskStrip).isVisible()


def test_a_question_stays_while_another_deed_ends_and_its_undo_stands_beside_it(qtbot, page, inbox):
    page.select("Wrong")
    page.click("attachAnywayButton")
    question = page.page.findChild(AskStrip, "attachAnywayQuestion")
    with qtbot.waitSignal(page.page.message, timeout=WAIT_MS):
        page.page.findChild(PendingDeeds).dismiss([inbox.id_of("Gone")])
    qtbot.waitUntil(lambda: len(page.page.findChildren(UndoStrip)) == 1, timeout=WAIT_MS)
    assert question.isVisible()
    with qtbot.waitSignal(page.page.message, timeout=WAIT_MS):
        page.button("promoteReadyButton").click()
    qtbot.waitUntil(
        lambda: "promoted" in "".join(strip.words for strip in page.page.findChildren(UndoStrip)),
        timeout=WAIT_MS,
    )
    (undo,) = page.page.findChildren(UndoStrip)
    assert question.isVisible()
    qtbot.waitUntil(lambda: undo.geometry().bottom() < question.geometry().top(), timeout=WAIT_MS)
    question.findChild(QPushButton, "askNo").click()
    qtbot.waitUntil(lambda: not page.page.findChildren(AskStrip), timeout=WAIT_MS)
    assert undo.isVisible(), "an answer takes only its question away"


def test_a_question_that_is_asked_anew_stands_once(qtbot, page):
    page.select("Wrong")
    page.click("attachAnywayButton")
    page.click("attachAnywayButton")
    qtbot.waitUntil(lambda: len(page.page.findChildren(AskStrip)) == 1, timeout=WAIT_MS)
    page.page.findChild(AskStrip).findChild(QPushButton, "askNo").click()
    qtbot.waitUntil(page.page.findChild(StripPlace).isHidden, timeout=WAIT_MS)


def test_the_columns_share_the_room_until_a_person_divides_it(qtbot, page):
    table = page.table
    bar = table.horizontalScrollBar()
    page.page.resize(1024, 700)
    qtbot.waitUntil(lambda: bar.maximum() == 0, timeout=WAIT_MS)
    narrow = table.columnWidth(0)
    page.page.resize(1800, 700)
    qtbot.waitUntil(lambda: table.columnWidth(0) > narrow + 100, timeout=WAIT_MS)
    page.show("ready", 3)
    assert table.columnWidth(1) == 0
    page.show("waiting", 8)
    page.page.resize(1024, 700)
    qtbot.waitUntil(lambda: table.columnWidth(0) == narrow, timeout=WAIT_MS)
    table.horizontalHeader().resizeSection(0, 300)
    page.page.resize(1200, 700)
    assert table.columnWidth(0) == 300


@pytest.mark.parametrize("letters", [1.0, 1.5])
def test_no_title_of_a_column_is_cut_however_narrow_the_window(qtbot, qapp, make_page, inbox, letters):
    font = qapp.font()
    larger = QFont(font)
    larger.setPointSizeF(font.pointSizeF() * letters)
    qapp.setFont(larger)
    try:
        page = make_page()
        page.page.resize(820, 600)
        header = page.table.horizontalHeader()
        for section in (-1, BASE):  # sorted by nothing, and by what has the least room for its arrow
            header.setSortIndicator(section, Qt.SortOrder.AscendingOrder)
            qtbot.wait_until(lambda: page.table.viewport().width() > 0)
            assert judges.cut(header) == []
            assert header.sectionSize(BASE) >= header.width_of_title(BASE)
    finally:
        qapp.setFont(font)


def test_after_a_deed_the_next_record_is_selected(qtbot, page, inbox):
    page.show("decision", 3)
    page.table.selectRow(0)
    following = page.text(1, 0)
    with qtbot.waitSignal(page.page.message, timeout=WAIT_MS):
        page.click("dismissButton")
    page.wait_rows(2)
    (selected,) = page.table.selected_ids
    assert inbox.library.catalog.pending_rows([selected])[0].name == following


def test_clearing_promoted_records_asks_first_and_keeps_their_payloads(qtbot, page, inbox):
    inbox.library.promote([inbox.id_of("Ink 0")], progress=Progress())
    page.page.reload()
    page.show("promoted", 1)
    page.click("clearPromotedButton")
    box = page.page.findChild(AskStrip, "clearPromotedQuestion")
    with qtbot.waitSignal(page.page.message, timeout=WAIT_MS) as said:
        qtbot.mouseClick(box.findChild(QPushButton, "confirmClearButton"), Qt.MouseButton.LeftButton)
    assert said.args == ["1 promoted record was cleared from the list."]
    (model,) = inbox.library.catalog.page(ModelQuery(), None)
    details = inbox.library.catalog.details(model.id)
    assert details is not None
    assert details.records[0].payload == (inbox.folder / "ink_0.civitai.info").read_bytes()


def test_what_is_decided_with_the_record_does_not_stand_in_the_bar_too(qtbot, page):
    page.show("decision", 3)
    page.select("Wrong")
    qtbot.waitUntil(lambda: page.button("attachShownButton") is not None)
    for words in ("Attach anyway", "Dismiss"):
        seen = [each for each in page.page.findChildren(QPushButton) if each.isVisible()]
        assert sum(each.text().replace("&", "").startswith(words) for each in seen) == 1, words
    page.table.selectAll()
    qtbot.waitUntil(page.button("attachAnywayButton").isVisible)
    assert page.button("dismissButton").isVisible()


def test_the_pending_menu_has_the_deeds_of_the_page(qtbot, inbox, open_on):
    window = open_on(Path(inbox.library.catalog.path))
    names = ("actionPromoteSelected", "actionLocateRecord", "actionDismissRecords")
    deeds = [window.findChild(QAction, name) for name in names]
    assert not any(deed.isEnabled() for deed in deeds)
    window.findChild(QAction, "actionShowPending").trigger()
    page = Page(qtbot, window.findChild(PendingPage))
    page.wait_rows(8)
    assert set(deeds) <= set(page.table.actions())
    assert not any(deed.isEnabled() for deed in deeds)
    page.select("Ink 0")
    qtbot.waitUntil(lambda: all(deed.isEnabled() for deed in deeds))
    window.findChild(QAction, "actionShowLibrary").trigger()
    assert not any(deed.isEnabled() for deed in deeds)
    window.findChild(QAction, "actionShowPending").trigger()
    qtbot.waitUntil(lambda: all(deed.isEnabled() for deed in deeds))
    deeds[-1].trigger()
    page.wait_rows(7)
    assert inbox.row("Ink 0").state == PendingState.DISMISSED


def test_only_the_deeds_that_fit_can_be_done(page):
    page.show("decision", 3)
    page.select("Two")
    assert not page.button("attachAnywayButton").isEnabled()
    page.select("Wrong")
    assert page.button("attachAnywayButton").isEnabled()
    page.table.clearSelection()
    for name in ("attachAnywayButton", "locateButton", "dismissButton", "tryAgainButton"):
        assert not page.button(name).isEnabled(), name


# --- for all alike ----------------------------------------------------------------------------------------


def test_a_wrong_hash_is_decided_with_the_record_and_for_all_alike(qtbot, make_page, tmp_path, library):
    for number in range(3):
        model = write_model(tmp_path / f"w{number}.safetensors")
        write_lora_manager(
            tmp_path / f"w{number}.metadata.json", f"W {number}", str(model), f"{number + 10:02x}" * 32
        )
    library.import_paths([str(tmp_path)], progress=Progress())
    assert library.promote(None, progress=Progress()).stayed == 3
    page = make_page()
    page.show("decision", 3)
    page.select("W 1")
    box = lambda: page.page.findChild(QCheckBox, "forAllAlike")  # noqa: E731
    qtbot.waitUntil(lambda: box() is not None and box().isVisible(), timeout=WAIT_MS)
    assert box().text() == "For all 3 alike"
    box().setChecked(True)
    with qtbot.waitSignal(page.page.message, timeout=WAIT_MS) as said:
        page.click("attachShownButton")
    assert said.args == ["3 records were promoted."]
    page.wait_rows(0)
    # One click takes all three back.
    with qtbot.waitSignal(page.page.message, timeout=WAIT_MS) as said:
        page.click("undoPromotionStripButton")
    assert said.args == ["3 records wait again."]


def test_one_record_alone_is_set_aside_with_a_click_beside_it(qtbot, page, inbox):
    page.show("decision", 3)
    page.select("Wrong")
    assert not page.page.findChild(QCheckBox, "forAllAlike").isVisible()
    with qtbot.waitSignal(page.page.message, timeout=WAIT_MS):
        page.click("dismissShownButton")
    assert inbox.row("Wrong").state == "dismissed"
    assert inbox.row("Two").state == "pending"


@pytest.mark.parametrize(
    ("chosen", "others", "folder", "suffix"),
    [
        ("/keep/a.pt", ("/backup/a.pt",), "/keep", ""),
        ("/data/keep/loras/a.pt", ("/data/backup/loras/a.pt",), "/data/keep", ""),
        ("/data/a.safetensors", ("/data/a.pt",), "", ".safetensors"),
    ],
)
def test_a_choice_among_files_is_a_rule_for_others(chosen, others, folder, suffix):
    assert rule_of(chosen, (chosen, *others)) == FileRule(folder, suffix)


def test_a_choice_that_tells_nothing_is_no_rule():
    assert rule_of("/data/a.pt", ("/data/a.pt",)) is None
    assert rule_of("/data/a.pt", ("/data/a.pt", "/data/b.pt")) is None
    assert FileRule("/keep", "").choose(("/keep/x.pt", "/keep/y.pt")) is None


def test_a_choice_of_file_binds_all_alike(library, inbox):
    for number in range(2):
        write_model(inbox.folder / f"pair_{number}.safetensors")
        (inbox.folder / f"pair_{number}.pt").write_bytes(f"PK{number}".encode())
        write_civitai(inbox.folder / f"pair_{number}.civitai.info", f"Pair {number}", 20 + number)
    library.import_paths([str(inbox.folder)], progress=Progress())
    waiting = PendingQuery(states=("pending",), problems=("ambiguous",))
    assert library.catalog.pending_count(waiting) == 3
    assert locate_alike(library, waiting, FileRule("", ".safetensors"), Progress()) == 3
    assert inbox.row("Pair 1").file_path == str(inbox.folder / "pair_1.safetensors")
    assert library.catalog.pending_count(waiting) == 0


def test_enter_leads_from_the_list_to_the_decision(qtbot, page):
    page.show("decision", 3)
    page.select("Wrong")
    qtbot.waitUntil(lambda: page.button("attachShownButton") is not None, timeout=WAIT_MS)
    page.table.setFocus()
    page.table.setCurrentIndex(page.table.selectionModel().selectedRows()[0])
    qtbot.keyClick(page.table, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: page.button("attachShownButton").hasFocus(), timeout=WAIT_MS)


def test_an_inbox_in_which_all_is_done_is_no_empty_table(qtbot, page, inbox):
    page.table.selectAll()
    with qtbot.waitSignal(page.page.message, timeout=WAIT_MS):
        page.click("promoteReadyButton")
    page.wait_rows(5)
    page.table.selectAll()
    with qtbot.waitSignal(page.page.message, timeout=WAIT_MS):
        page.click("dismissButton")
    page.wait_rows(0)
    words = page.page.findChild(QLabel, "pendingEmpty")
    qtbot.waitUntil(words.isVisible, timeout=WAIT_MS)
    assert words.text() == "All done. Nothing is waiting."
    page.click("pendingEmptyHistory")
    assert page.page.group == "promoted"


# --- undo -------------------------------------------------------------------------------------------------


def test_a_promotion_is_undone_with_one_click(qtbot, page, inbox):
    with qtbot.waitSignal(page.page.message, timeout=WAIT_MS):
        page.click("promoteReadyButton")
    page.wait_rows(5)
    assert inbox.library.catalog.stats()["models"] == 3
    with qtbot.waitSignal(page.page.message, timeout=WAIT_MS) as said:
        page.click("undoPromotionStripButton")
    assert said.args == ["3 records wait again."]
    page.wait_rows(8)
    assert page.button("undoPromotionStripButton") is None
    assert [inbox.row(f"Ink {number}").state for number in range(3)] == ["pending"] * 3
    page.qtbot.waitUntil(lambda: page.count(1) == "3")


def test_what_was_promoted_long_ago_is_undone_from_the_history(qtbot, page, inbox):
    inbox.library.promote([inbox.id_of("Ink 0"), inbox.id_of("Ink 1")], progress=Progress())
    page.page.reload()
    page.show("promoted", 2)
    assert not page.button("undoPromotionButton").isEnabled()
    page.select("Ink 1")
    with qtbot.waitSignal(page.page.message, timeout=WAIT_MS) as said:
        page.click("undoPromotionButton")
    assert said.args == ["1 record waits again."]
    page.wait_rows(1)
    assert inbox.row("Ink 1").state == "pending"
    assert inbox.row("Ink 0").state == "promoted"


# --- filters ----------------------------------------------------------------------------------------------


def choose(page, name: str, words: str) -> None:
    box = page.page.findChild(QComboBox, name)
    page.qtbot.waitUntil(lambda: box.isVisible() and box.findText(words) >= 0, timeout=WAIT_MS)
    box.setFocus()
    while box.currentText() != words:
        before = box.currentIndex()
        page.qtbot.keyClick(box, Qt.Key.Key_Down)
        assert box.currentIndex() > before


def test_the_list_is_filtered_by_source_with_numbers_beside_each(page):
    choose(page, "pendingSourceFilter", "LoRA Manager (3)")
    page.wait_rows(3)
    assert sorted(page.names()) == ["Gone", "Spoken", "Wrong"]
    off = page.page.findChild(QToolButton, "pendingFiltersOff")
    page.qtbot.mouseClick(off, Qt.MouseButton.LeftButton)
    page.wait_rows(8)
    assert not off.isVisible()


def test_filters_narrow_each_other_and_what_is_promoted_at_once(qtbot, page, inbox):
    choose(page, "pendingSourceFilter", "Civitai Helper (5)")
    page.wait_rows(5)
    choose(page, "pendingProblemFilter", "Several files fit (1)")
    page.wait_rows(1)
    assert page.names() == ["Two - v1"]
    qtbot.waitUntil(lambda: page.button("promoteReadyButton").text() == "Promote ready", timeout=WAIT_MS)
    assert not page.button("promoteReadyButton").isEnabled()


def test_only_what_the_filters_let_through_is_promoted(qtbot, page, inbox):
    page.page.findChild(QLineEdit, "pendingSearch").setText("ink_1.civitai")
    page.wait_rows(1)
    qtbot.waitUntil(lambda: page.button("promoteReadyButton").text() == "Promote 1 ready", timeout=WAIT_MS)
    with qtbot.waitSignal(page.page.message, timeout=WAIT_MS) as said:
        page.click("promoteReadyButton")
    assert said.args == ["1 record was promoted."]
    assert [inbox.row(f"Ink {number}").state for number in range(3)] == ["pending", "promoted", "pending"]


def test_the_list_is_filtered_by_type(page, inbox):
    (inbox.folder / "more.metadata.json").write_text(
        json.dumps({"file_path": "/n/v.safetensors", "model_name": "Vee", "sha256": "", "model_type": "vae"})
    )
    inbox.library.import_paths([str(inbox.folder)], progress=Progress())
    page.page.reload()
    page.wait_rows(9)
    box = page.page.findChild(QComboBox, "pendingTypeFilter")
    kinds = {row.type for row in pending_in(inbox.library.catalog)}
    page.qtbot.waitUntil(
        lambda: {box.itemData(at)[0] for at in range(1, box.count())} == kinds, timeout=WAIT_MS
    )
    choose(page, "pendingTypeFilter", "LoRA (5)")
    page.wait_rows(5)


def test_a_record_that_its_source_no_longer_holds_says_so(qtbot, page, inbox):
    (inbox.folder / "gone.metadata.json").unlink()
    inbox.library.import_paths([str(inbox.folder)], progress=Progress())
    page.page.reload()
    preview = page.page.findChild(QLabel, "pendingHint").parent()
    row_id = inbox.id_of("Gone")
    qtbot.waitUntil(lambda: getattr(page.model.known(row_id), "gone_at", None) is not None, timeout=WAIT_MS)
    with qtbot.waitSignal(preview.shown, timeout=WAIT_MS):
        page.select("Gone")
    assert any(label.text() == "Gone since" for label in preview.findChildren(QLabel))


# --- secrets and comparison -------------------------------------------------------------------------------


def test_a_token_is_shown_as_dots_until_it_is_asked_for(qtbot, page, inbox):
    told = {"id": 30, "modelId": 7, "name": "v1", "model": {"name": "Token", "type": "LORA"}}
    text = json.dumps(told | {"downloadUrl": "https://example.org/d?token=abcdef"})
    write_model(inbox.folder / "token.safetensors")
    (inbox.folder / "token.civitai.info").write_text(text)
    inbox.library.import_paths([str(inbox.folder)], progress=Progress())
    page.page.reload()
    page.wait_rows(9)
    preview = page.page.findChild(QLabel, "pendingHint").parent()
    with qtbot.waitSignal(preview.shown, timeout=WAIT_MS):
        page.select("Token")
    raw = preview.findChild(QPlainTextEdit, "pendingRaw")
    assert raw.toPlainText() == text.replace("abcdef", "••••••")
    page.click("showSecretButton")
    assert raw.toPlainText() == text
    with qtbot.waitSignal(preview.shown, timeout=WAIT_MS):
        page.select("Ink 0")
    assert not page.button("showSecretButton").isVisible()


def test_a_record_is_compared_with_the_others_about_its_file(qtbot, page):
    preview = page.page.findChild(QLabel, "pendingHint").parent()
    with qtbot.waitSignal(preview.shown, timeout=WAIT_MS):
        page.select("Ink 0")
    # Not by Qt's own chain: who asks a widget for the next one takes layout items away (PySide 6.11).
    chain = [widget.objectName() for widget in focus._in_order(page.page)]
    assert chain.index("compareSourcesButton") < chain.index("pendingRaw")
    page.click("compareSourcesButton")
    dialog = page.page.findChild(CompareDialog)
    with qtbot.waitSignal(dialog.shown, timeout=WAIT_MS):
        pass
    cards = [card for card in dialog.findChildren(OpinionCard) if card.property("column") == "name"]
    assert [card.findChild(QLabel, "opinionValue").text() for card in cards] == ["Ink 0 - v1"]
    dialog.reject()


# --- folders that records speak of ------------------------------------------------------------------------


def test_a_folder_that_records_speak_of_can_be_added_with_one_click(qtbot, page, inbox):
    page.show("decision", 3)
    banner = lambda: page.page.findChild(QPushButton, "pendingBannerButton")  # noqa: E731
    qtbot.waitUntil(lambda: banner() is not None and banner().isVisible(), timeout=WAIT_MS)
    words = page.page.findChild(QLabel, "pendingBannerText").text()
    assert words == f"1 record speaks of files in {inbox.far}"
    with qtbot.waitSignal(page.page.add_folder_requested) as wanted:
        qtbot.mouseClick(banner(), Qt.MouseButton.LeftButton)
    assert wanted.args == [str(inbox.far)]


def test_a_folder_of_another_computer_can_be_said_to_be_elsewhere_now(qtbot, page, inbox):
    moved = inbox.folder.parent / "moved" / "loras"
    moved.mkdir(parents=True)
    model = write_model(moved / "gone.safetensors")
    page.show("missing", 1)
    banner = lambda: page.page.findChild(QPushButton, "pendingBannerButton")  # noqa: E731
    qtbot.waitUntil(lambda: banner() is not None and banner().isVisible(), timeout=WAIT_MS)
    assert "D:/AI/loras" in page.page.findChild(QLabel, "pendingBannerText").text()
    qtbot.mouseClick(banner(), Qt.MouseButton.LeftButton)
    dialog = page.page.findChild(MapRootDialog)
    words = dialog.findChild(QLabel, "mapWords")
    qtbot.waitUntil(lambda: "1 record speaks of missing files" in words.text(), timeout=WAIT_MS)
    assert dialog.findChild(QComboBox, "mapOld").currentText() == "D:/AI/loras"
    accept = dialog.findChild(QPushButton, "mapAccept")
    assert not accept.isEnabled()
    qtbot.mouseClick(dialog.findChild(QPushButton, "mapChoose"), Qt.MouseButton.LeftButton)
    dialog.findChild(QFileDialog, "mapFolderDialog").fileSelected.emit(str(moved))
    qtbot.waitUntil(lambda: accept.isEnabled() and accept.text() == "Map 1 record", timeout=WAIT_MS)
    examples = dialog.findChild(QTreeWidget, "mapExamples")
    assert (examples.topLevelItem(0).text(0), examples.topLevelItem(0).text(1)) == (str(model), "yes")
    assert inbox.row("Gone").problem == "no_file"
    with qtbot.waitSignal(page.page.message, timeout=WAIT_MS) as said:
        qtbot.mouseClick(accept, Qt.MouseButton.LeftButton)
    assert said.args == ["1 record has found its file."]
    assert inbox.row("Gone").file_path == str(model)


def test_a_folder_is_mapped_by_hand_and_nothing_is_offered_where_nothing_is_found(qtbot, page, inbox):
    moved = inbox.folder.parent / "moved"
    (moved / "loras").mkdir(parents=True)
    page.show("missing", 1)
    page.click("mapFolderButton")
    dialog = page.page.findChild(MapRootDialog)
    old, new = dialog.findChild(QComboBox, "mapOld"), dialog.findChild(QLineEdit, "mapNew")
    words, accept = dialog.findChild(QLabel, "mapWords"), dialog.findChild(QPushButton, "mapAccept")
    old.setEditText("d:\\ai")
    new.setText(str(moved))
    qtbot.waitUntil(lambda: "None of these files would be found." in words.text(), timeout=WAIT_MS)
    assert not accept.isEnabled()
    new.setText(str(moved / "never"))
    qtbot.waitUntil(lambda: "There is no folder" in words.text(), timeout=WAIT_MS)
    model = write_model(moved / "loras" / "gone.safetensors")
    new.setText(str(moved))
    qtbot.waitUntil(accept.isEnabled, timeout=WAIT_MS)
    with qtbot.waitSignal(page.page.message, timeout=WAIT_MS):
        qtbot.mouseClick(accept, Qt.MouseButton.LeftButton)
    assert inbox.row("Gone").file_path == str(model)


@pytest.mark.parametrize(
    ("path", "root", "tail"),
    [
        ("D:\\AI\\loras\\x.safetensors", "d:/ai", "loras/x.safetensors"),
        ("\\\\?\\D:\\AI\\x.safetensors", "D:\\AI\\", "x.safetensors"),
        ("/data/models/x.safetensors", "/data", "models/x.safetensors"),
        ("/Data/models/x.safetensors", "/data", ""),
        ("/data2/x.safetensors", "/data", ""),
        ("x.safetensors", "", ""),
    ],
)
def test_what_lies_below_a_root_of_any_system(path, root, tail):
    assert tail_below(path, root) == tail


@pytest.mark.parametrize(
    ("counts", "gathered"),
    [
        ({}, []),
        ({"/data/models/loras": 3}, [("/data/models/loras", 3)]),
        ({"/data/models/loras": 3, "/data/models/vae/sdxl": 4}, [("/data/models", 7)]),
        ({"/home/kit/AI/a": 1, "/home/kit/AI/b": 1}, [("/home/kit/AI", 2)]),
        ({"/home/kit/AI": 1, "/home/ann/AI": 2}, [("/home/ann/AI", 2), ("/home/kit/AI", 1)]),
        ({r"D:\AI\loras": 3, r"D:\AI\vae": 2}, [(r"D:\AI", 5)]),
        ({"/mnt/one/models": 1, "/mnt/two/models": 1}, [("/mnt/one/models", 1), ("/mnt/two/models", 1)]),
    ],
)
def test_folders_in_one_place_are_gathered(counts, gathered):
    assert gather_folders(counts) == gathered


def test_the_folder_of_a_missing_file_is_read_from_the_sentence():
    assert missing_folder("There is no file D:\\AI\\x.safetensors.") == "D:\\AI"
    sentence = f"There is no file /data/a b/x.safetensors, and none with SHA-256 {'a' * 64} is known."
    assert missing_folder(sentence) == "/data/a b"
    assert missing_folder("There is no file x.safetensors.") == ""
    assert missing_folder("Something else.") == ""
    assert folder_in("/x") == ""


# --- words ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "code",
    [
        "unparsed_payload",
        "too_large",
        "too_deep",
        "changed_while_reading",
        "outside",
        "unreadable",
        "not_found",
        "hash_mismatch",
        "no_file",
        "ambiguous",
    ],
)
def test_every_problem_of_the_contract_has_words(code):
    assert "_" not in reason(code)
    assert explanation(code).endswith(".")
    assert explanation(code) != reason(code) + "."


def test_a_code_that_nobody_knows_is_made_readable():
    assert problem_label("odd_new_problem") == "Odd new problem"
    assert explanation("odd_new_problem") == "Odd new problem."
    assert source_label("some-new-tool\u202e") == "Some new tool⇤"


def test_a_long_path_may_break_in_a_label_and_stays_the_same_to_read():
    text = "There is no file /data/models/" + "x" * 40
    assert breakable(text).replace("\u200b", "") == text
    assert max(len(part) for part in breakable(text).replace(" ", "\u200b").split("\u200b")) <= 17


def test_a_record_that_is_gone_is_said_to_be(library):
    many(library.catalog, 1)
    (row,) = pending_in(library.catalog)
    found = read_preview(library.catalog, row, 10)
    assert (found.text, found.has_more, found.is_gone) == ('{"n": 0}', False, False)
    gone = type(row)(**{name: getattr(row, name) for name in row.__slots__} | {"id": 999})
    assert read_preview(library.catalog, gone, 10) == Preview(999, is_gone=True)


def test_hostile_words_reach_the_screen_as_plain_text(qtbot, library, tasks):
    batch = library.catalog.begin_batch(["/elsewhere"], None)
    bait = '<img src="file:///dev/zero"><b>\u202eevil\u0007'
    record = Record("civitai-info", "/elsewhere/x.civitai.info", "", json.dumps({"a": bait}).encode())
    library.catalog.put_records(batch, [NewRecord(record, bait, bait, bait, None, None, "no_file", bait)])
    page = PendingPage(library, tasks)
    qtbot.addWidget(page)
    page.show()
    seen = Page(qtbot, page)
    seen.wait_rows(1)
    preview = page.findChild(QLabel, "pendingHint").parent()
    with qtbot.waitSignal(preview.shown, timeout=WAIT_MS):
        seen.table.selectRow(0)
    for label in page.findChildren(QLabel):
        if "img" in label.text():
            assert label.textFormat() == Qt.TextFormat.PlainText
            assert "\u202e" not in label.text()
    tip = seen.model.index(0, 0).data(Qt.ItemDataRole.ToolTipRole)
    assert "<img" not in tip


@pytest.mark.parametrize("button", ["promoteReadyButton", "promoteSelectedButton"])
def test_after_a_deed_the_records_have_the_keyboard_not_what_stands_beside_the_button(page, button):
    page.page.activateWindow()
    page.select("Ink 1")
    page.button(button).setFocus()
    page.click(button)
    rows = 5 if button == "promoteReadyButton" else 7
    page.wait_rows(rows)
    page.qtbot.waitUntil(page.table.hasFocus, timeout=WAIT_MS)


def test_the_whole_page_can_be_worked_with_the_keyboard(qtbot, page):
    names = ("pendingGroups", "pendingTable", "pendingSearch", "pendingRaw", "promoteReadyButton")
    for name in names:
        widget = page.page.findChild(QWidget, name)
        assert widget.focusPolicy() & Qt.FocusPolicy.TabFocus, name
        assert widget.accessibleName() or isinstance(widget, QPushButton), name
    page.groups.setFocus()
    qtbot.keyClick(page.groups, Qt.Key.Key_Down)
    assert page.page.group == "ready"
    page.wait_rows(3)
    page.table.setFocus()
    index = page.model.index(0, 0)
    page.table.selectionModel().setCurrentIndex(index, QItemSelectionModel.SelectionFlag.NoUpdate)
    qtbot.keyClick(page.table, Qt.Key.Key_Down)
    assert page.table.selected_count == 1
