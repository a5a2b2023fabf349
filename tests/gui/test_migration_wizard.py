"""From dropped paths to a report whose totals add up, on real files and a real catalog."""

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent, QGuiApplication
from PySide6.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QFrame,
    QLabel,
    QListWidget,
    QPlainTextEdit,
    QProgressBar,
    QPushButton,
    QTabWidget,
    QToolButton,
    QTreeWidget,
    QWidget,
    QWizard,
)

from modelmgr.demo import DemoLibrary, write_demo_library, write_inkwash_harbor
from modelmgr.errors import ModelmgrError
from modelmgr.gui.measures import scaled
from modelmgr.gui.reasons import source_label
from modelmgr.gui.shell.drafts import LONGEST_CHARS, Drafts
from modelmgr.gui.strips import AskStrip, UndoStrip
from modelmgr.gui.tasks import DEED_THREADS, Tasks
from modelmgr.gui.text import unbroken
from modelmgr.gui.wizard import MigrationWizard
from modelmgr.gui.wizard.drop_area import dropped_paths
from modelmgr.gui.wizard.journey import (
    Offer,
    RecordSteps,
    chosen_paths,
    chosen_text,
    offers_of,
    scan_targets,
)
from modelmgr.gui.wizard.parts import (
    NO_NUMBER,
    PATH,
    fill_with_problems,
    make_item,
    make_list,
    make_problem_list,
)
from modelmgr.gui.wizard.report import offer_words, preview_sentence
from modelmgr.gui.wizard.wizard import CHOSEN_DRAFT, IMPORT, PREVIEW, REPORT, SOURCES
from modelmgr.library import Library
from modelmgr.progress import Progress, Within
from modelmgr.values import ImportReport, InstalledTool, ModelQuery, PendingQuery, Problem, Root
from tests.inbox import pending_in

WAIT_MS = 20_000


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> DemoLibrary:
    """The demo library; read only, so that one will do."""
    return write_demo_library(tmp_path_factory.mktemp("demo"))


class Wizard:
    """The wizard as a person sees it."""

    def __init__(self, qtbot, wizard: MigrationWizard) -> None:
        self.qtbot = qtbot
        self.wizard = wizard

    def child(self, kind: type, name: str):
        found = self.wizard.findChild(kind, name)
        assert found is not None, name
        return found

    def click(self, name: str) -> None:
        button = self.child(QPushButton, name)
        self.qtbot.waitUntil(lambda: button.isEnabled() and button.isVisible(), timeout=WAIT_MS)
        self.qtbot.mouseClick(button, Qt.MouseButton.LeftButton)

    def wait_page(self, page: int) -> None:
        self.qtbot.waitUntil(lambda: self.wizard.currentId() == page, timeout=WAIT_MS)

    def wait_preview(self) -> ImportReport:
        self.wait_page(PREVIEW)
        self.qtbot.waitUntil(lambda: self.wizard.journey.preview is not None, timeout=WAIT_MS)
        return self.wizard.journey.preview

    def figures(self) -> dict[str, int]:
        names = ("Seen", "Imported", "Unchanged", "Ignored", "Failed")
        return {name: int(self.child(QLabel, f"report{name}").text().replace(",", "")) for name in names}


@pytest.fixture
def open_wizard(qtbot, library: Library, tasks: Tasks) -> Callable[..., Wizard]:
    def make(*paths: object, library: Library = library, drafts: Drafts | None = None) -> Wizard:
        wizard = MigrationWizard(library, tasks, [str(path) for path in paths], drafts=drafts)
        qtbot.addWidget(wizard)
        with qtbot.waitExposed(wizard):
            wizard.open()
        return Wizard(qtbot, wizard)

    return make


def pending_count(library: Library) -> int:
    return library.catalog.pending_count(PendingQuery())


class HeldLater(Library):
    """A library whose scan or promotion (`held`) begins only when it is cancelled."""

    def __init__(self, catalog, held: str) -> None:
        super().__init__(catalog)
        self.held = held
        self.reached = threading.Event()
        self.cancelled = threading.Event()

    def _wait(self, deed: str, progress: Progress) -> None:
        if self.held == deed:
            self.reached.set()
            while not progress.is_cancelled:
                self.cancelled.wait(0.01)

    def scan(self, *args, progress: Progress, **options):
        self._wait("scan", progress)
        return super().scan(*args, progress=progress, **options)

    def promote(self, *args, progress: Progress, **options):
        self._wait("promote", progress)
        return super().promote(*args, progress=progress, **options)


class HeldLibrary(Library):
    """A library that waits at a known record of an import, until it is let go or cancelled."""

    def __init__(self, catalog, hold_at: int) -> None:
        super().__init__(catalog)
        self.hold_at = hold_at
        self.reached = threading.Event()
        self.let_go = threading.Event()

    def import_paths(self, paths, *, source=None, progress: Progress) -> ImportReport:
        return super().import_paths(paths, source=source, progress=_Held(self, progress))


class _Held(Within):
    """Hands steps on, and stops at the one that the library waits for."""

    def __init__(self, library: HeldLibrary, progress: Progress) -> None:
        super().__init__(progress)
        self._library = library
        self._steps = 0

    def step(self, done, total, text="", unit="files") -> None:
        self._outer.step(done, total, text, unit)
        self._steps += 1
        if self._steps == self._library.hold_at:
            self._library.reached.set()
            while not self._library.let_go.wait(0.01):
                self.check()


# --- the walk ---------------------------------------------------------------------------------------------


def test_from_dropped_paths_to_a_report_whose_totals_add_up(qtbot, open_wizard, demo, library):
    seen = open_wizard(demo.root)
    preview = seen.wait_preview()
    assert pending_count(library) == 0
    assert library.catalog.folders() == []
    seen.child(QCheckBox, "addModelsBox").setChecked(False)
    commit = seen.child(QPushButton, "commitButton")
    assert commit.text() == f"&Import {preview.imported} records"
    with qtbot.waitSignal(seen.wizard.imported, timeout=WAIT_MS) as imported:
        seen.click("commitButton")
    seen.wait_page(REPORT)
    figures = seen.figures()
    parts = ("Imported", "Unchanged", "Ignored", "Failed")
    assert figures["Seen"] == sum(figures[part] for part in parts) > 0
    assert figures["Imported"] == preview.imported == pending_count(library)
    assert imported.args[0].seen == figures["Seen"]
    review = seen.child(QPushButton, "reviewPendingButton")
    qtbot.waitUntil(lambda: review.isEnabled() and str(preview.imported) in review.text(), timeout=WAIT_MS)
    with qtbot.waitSignal(seen.wizard.review_requested):
        seen.click("reviewPendingButton")
    assert not seen.wizard.isVisible()


def test_importing_again_adds_nothing_and_says_so(qtbot, open_wizard, demo, library):
    library.import_paths([str(demo.root)], progress=Progress())
    before = pending_count(library)
    seen = open_wizard(demo.root)
    preview = seen.wait_preview()
    assert preview.imported == 0
    assert "all of them known already" in preview_sentence(preview)
    seen.child(QCheckBox, "addModelsBox").setChecked(False)
    assert seen.child(QPushButton, "commitButton").text() == "&Import"
    seen.click("commitButton")
    seen.wait_page(REPORT)
    assert seen.figures()["Imported"] == 0
    assert seen.figures()["Unchanged"] == before == pending_count(library)


def test_the_models_that_were_found_are_added_and_what_is_clear_is_promoted(
    qtbot, open_wizard, demo, library
):
    folder = demo.folders[0]
    seen = open_wizard(folder)
    preview = seen.wait_preview()
    assert seen.child(QCheckBox, "addModelsBox").isChecked()
    assert not seen.child(QCheckBox, "promoteBox").isChecked()
    seen.child(QCheckBox, "promoteBox").setChecked(True)
    seen.click("commitButton")
    seen.wait_page(REPORT)
    journey = seen.wizard.journey
    assert journey.scanned is not None
    assert journey.scanned.added > 0
    assert journey.promoted is not None
    assert journey.promoted.promoted > 0
    assert library.catalog.count(ModelQuery()) > 0
    assert [each.path for each in library.catalog.folders()] == [str(folder)]
    assert preview.model_count >= journey.scanned.added
    strip = seen.child(UndoStrip, "undoStrip")
    assert strip.isVisible()
    assert strip.words.startswith(f"{journey.promoted.promoted} records were promoted")
    # And back: what was promoted waits again.
    qtbot.mouseClick(strip.findChild(QPushButton, "undoPromotionStripButton"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: journey.undone is not None, timeout=WAIT_MS)
    assert journey.undone.undone == journey.promoted.promoted
    assert "wait again" in seen.child(QLabel, "reportLines").text()
    assert not strip.isVisible()
    assert library.catalog.pending_count(PendingQuery(states=("promoted",))) == 0
    assert "added" in seen.child(QLabel, "reportLines").text()


def test_copies_of_the_previews_are_kept_only_where_that_is_ticked(qtbot, open_wizard, tmp_path, library):
    folder = tmp_path / "shelf"
    folder.mkdir()
    model = write_inkwash_harbor(folder)
    model.with_suffix(".civitai.info").write_text(
        '{"id": 1, "modelId": 2, "name": "v1", "model": {"name": "Ink"}}'
    )
    picture = model.with_suffix(".png")
    picture.write_bytes(b"picture")
    seen = open_wizard(folder)
    seen.wait_preview()
    promote, keep = seen.child(QCheckBox, "promoteBox"), seen.child(QCheckBox, "keepPreviewsBox")
    assert not keep.isChecked()
    assert not keep.isEnabled()
    promote.setChecked(True)
    assert keep.isEnabled()
    keep.setChecked(True)
    assert seen.wizard.journey.keep_previews
    promote.setChecked(False)
    assert not seen.wizard.journey.keep_previews
    promote.setChecked(True)
    seen.click("commitButton")
    seen.wait_page(REPORT)
    assert seen.wizard.journey.promoted.promoted == 1
    (model_id,) = library.catalog.order(ModelQuery())
    (found,) = library.catalog.attachments_of(model_id)
    assert found.path == str(picture)
    assert found.copy_path is not None
    assert Path(found.copy_path).read_bytes() == b"picture"


def test_only_models_can_be_added_where_no_tool_has_said_anything(qtbot, open_wizard, tmp_path, library):
    folder = tmp_path / "plain"
    folder.mkdir()
    model = write_inkwash_harbor(folder)
    seen = open_wizard(folder)
    seen.wait_preview()
    assert seen.child(QPushButton, "commitButton").text() == "&Add 1 model file"
    seen.click("commitButton")
    seen.wait_page(REPORT)
    (row,) = library.catalog.page(ModelQuery(), None)
    assert row.path == str(model)


def test_nothing_known_means_nothing_to_import(qtbot, open_wizard, tmp_path):
    (tmp_path / "readme.txt").write_text("hello")
    seen = open_wizard(tmp_path / "readme.txt")
    seen.wait_preview()
    assert not seen.child(QPushButton, "commitButton").isEnabled()
    words = [label.text() for label in seen.wizard.currentPage().findChildren(QLabel)]
    assert any(each.startswith("Nothing was found here that the program knows. Go back") for each in words)
    other = seen.child(QPushButton, "chooseElseButton")
    qtbot.waitUntil(other.hasFocus, timeout=WAIT_MS)
    assert not seen.child(QPushButton, "lookAgainButton").isVisible()
    qtbot.keyClick(other, Qt.Key.Key_Return)
    seen.wait_page(SOURCES)


def test_what_is_not_there_is_named_and_looked_for_again(qtbot, open_wizard, tmp_path):
    path = tmp_path / ("away_" * 30) / "ink.metadata.json"
    seen = open_wizard(path)
    seen.wait_preview()
    words = seen.child(QLabel, "nothingToImportWords")
    assert words.text().replace("\u200b", "") == f"{path}\nThere is no such file or folder."
    assert seen.wizard.width() <= seen.wizard.screen().availableSize().width()
    assert not seen.child(QTabWidget, "previewTabs").isVisible()
    path.parent.mkdir()
    path.write_text(json.dumps({"model_name": "Ink", "civitai": {}, "sha256": "", "file_path": "/x/ink.pt"}))
    seen.click("lookAgainButton")
    assert seen.wait_preview().imported == 1
    assert not words.isVisible()
    assert seen.child(QTabWidget, "previewTabs").isVisible()


class FailingLibrary(Library):
    """A library whose first look does not come to its end."""

    has_failed = False

    def preview(self, paths, *, progress: Progress) -> ImportReport:
        if not self.has_failed:
            self.has_failed = True
            raise ModelmgrError("The disk is full of moths.")
        return super().preview(paths, progress=progress)


def test_a_look_that_fails_says_why_and_can_be_repeated(qtbot, open_wizard, demo, catalog):
    seen = open_wizard(demo.root, library=FailingLibrary(catalog))
    words = lambda: seen.child(QLabel, "nothingToImportWords")  # noqa: E731
    qtbot.waitUntil(
        lambda: seen.wizard.findChild(QLabel, "nothingToImportWords") is not None, timeout=WAIT_MS
    )
    qtbot.waitUntil(lambda: words().isVisible(), timeout=WAIT_MS)
    assert words().text() == "The disk is full of moths."
    assert not seen.child(QPushButton, "commitButton").isEnabled()
    seen.click("lookAgainButton")
    seen.wait_preview()
    assert not words().isVisible()
    assert seen.child(QTreeWidget, "previewSources").isVisible()


def test_what_could_not_be_read_alone_is_nothing_to_import(qtbot, open_wizard, tmp_path):
    seen = open_wizard(tmp_path / "not there")
    preview = seen.wait_preview()
    assert (preview.seen, preview.failed) == (1, 1)
    assert not seen.child(QPushButton, "commitButton").isEnabled()


def test_what_a_stopped_import_left_ready_is_promoted_with_the_rest(qtbot, open_wizard, tmp_path, library):
    folder = tmp_path / "loras"
    folder.mkdir()
    model = write_inkwash_harbor(folder)
    first, second = (model.with_name(model.stem + ending) for ending in (".civitai.info", ".metadata.json"))
    first.write_text('{"id": 1, "modelId": 1, "name": "v1", "model": {"name": "Inkwash Harbor"}}')
    library.import_paths([str(first)], progress=Progress())
    second.write_text(json.dumps({"file_name": model.stem, "model_name": "Inkwash", "sha256": ""}))
    seen = open_wizard(folder)
    assert seen.wait_preview().imported == 1
    seen.child(QCheckBox, "promoteBox").setChecked(True)
    seen.click("commitButton")
    seen.wait_page(REPORT)
    assert seen.wizard.journey.promoted.promoted == 2
    assert library.catalog.pending_count(PendingQuery(states=("pending",))) == 0


def test_model_files_of_the_library_are_not_offered_to_it_again(qtbot, open_wizard, demo, library):
    for folder in demo.folders:
        library.add_folder(str(folder))
    seen = open_wizard(demo.root)
    assert seen.wait_preview().model_count > 0
    box = seen.child(QCheckBox, "addModelsBox")
    qtbot.waitUntil(lambda: seen.child(QPushButton, "commitButton").isEnabled(), timeout=WAIT_MS)
    assert box.isHidden() and not box.isChecked()
    seen.click("commitButton")
    seen.wait_page(REPORT)
    assert str(demo.root) not in library.catalog.folder_facts()


def test_an_import_counts_records_and_only_names_what_is_read_meanwhile():
    told = []

    class Heard(Progress):
        def step(self, done, total, text="", unit="files"):
            told.append((done, total, text, unit))

    looking = RecordSteps(Heard())
    looking.step(7, None, "a.safetensors")
    looking.step(1, None, "a.civitai.info", "records")
    looking.step(12, None, "b.safetensors")
    looking.step(4096, 8192, "list.json", "bytes")
    looking.step(2, None, "list.json", "records")
    looking.step(1, None, "tool.db", "records")
    assert told == [
        (7, None, "a.safetensors", "files"),
        (1, None, "a.civitai.info", "records"),
        (1, None, "b.safetensors", "records"),
        (1, None, "list.json", "records"),
        (2, None, "list.json", "records"),
        (2, None, "tool.db", "records"),
    ]
    told.clear()
    importing = RecordSteps(Heard(), expected=2)
    importing.step(9, None, "a.safetensors")
    importing.step(3, None, "c.civitai.info", "records")
    assert told == [(0, 2, "a.safetensors", "records"), (3, 3, "c.civitai.info", "records")]


# --- where from -------------------------------------------------------------------------------------------


def test_it_opens_where_it_asks_for_sources_and_nothing_is_ticked(open_wizard):
    seen = open_wizard()
    assert seen.wizard.currentId() == SOURCES
    assert seen.wizard.currentPage().objectName() == "sourcesPage"
    assert not seen.child(QPushButton, "nextButton").isEnabled()
    assert not any(box.isChecked() for box in seen.wizard.findChildren(QCheckBox, "foundInstall"))


def test_paths_are_dropped_chosen_and_taken_away_again(qtbot, open_wizard, demo):
    seen = open_wizard()
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(demo.csv)), QUrl.fromLocalFile(str(demo.folders[0]))])
    drop = QDropEvent(
        QPointF(5, 5),
        Qt.DropAction.CopyAction,
        mime,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    seen.child(QFrame, "dropArea").dropEvent(drop)
    chosen = seen.child(QListWidget, "chosenPaths")
    assert [chosen.item(at).text() for at in range(chosen.count())] == [str(demo.csv), str(demo.folders[0])]
    seen.child(QFrame, "dropArea").dropEvent(drop)
    assert chosen.count() == 2
    chosen.item(0).setSelected(True)
    qtbot.keyClick(chosen, Qt.Key.Key_Delete)
    assert seen.wizard.journey.paths == [str(demo.folders[0])]
    assert seen.child(QPushButton, "nextButton").isEnabled()
    chosen.item(0).setSelected(True)
    seen.click("removePathButton")
    assert not seen.child(QPushButton, "nextButton").isEnabled()


def test_paths_are_pasted(qtbot, open_wizard, demo, tmp_path):
    seen = open_wizard()
    chosen = seen.child(QListWidget, "chosenPaths")
    clipboard = QGuiApplication.clipboard()
    clipboard.setText(f'"{demo.root}"\nno path at all\n  {tmp_path}\n')
    seen.child(QPushButton, "addFolderButton").setFocus()
    qtbot.keyClick(seen.wizard.focusWidget(), Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    assert [chosen.item(at).text() for at in range(chosen.count())] == [str(demo.root), str(tmp_path)]
    files = QMimeData()
    files.setUrls([QUrl.fromLocalFile(str(demo.csv))])
    clipboard.setMimeData(files)
    qtbot.keyClick(seen.wizard.focusWidget(), Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    assert seen.wizard.journey.paths[2:] == [str(demo.csv)]
    clipboard.clear()  # what is in it would outlive the application


def test_what_was_chosen_when_the_program_ended_early_is_offered_again(qtbot, open_wizard, tmp_path, tasks):
    file = tmp_path / "drafts.json"
    crashed = Drafts(file, tasks)
    seen = open_wizard(drafts=crashed)
    seen.wizard.page(SOURCES).add_paths([str(tmp_path), str(tmp_path / "b")])
    crashed.close()
    assert file.exists()
    drafts = Drafts(file, tasks)
    again = open_wizard(drafts=drafts)
    strip = again.child(QFrame, "chosenBefore")
    assert strip.isVisible()
    assert strip.words == "When the program ended early, you had chosen 2 places."
    assert again.wizard.journey.paths == []
    again.wizard.reject()
    assert drafts.take(CHOSEN_DRAFT) is not None  # not decided yet
    third = open_wizard(drafts=drafts)
    third.click("chooseAgainButton")
    assert third.wizard.journey.paths == [str(tmp_path), str(tmp_path / "b")]
    assert not third.child(QFrame, "chosenBefore").isVisible()
    third.wizard.reject()
    drafts.close()
    assert not file.exists()


def test_what_is_kept_of_many_chosen_paths_are_whole_ones(qtbot, open_wizard, tmp_path, tasks):
    file = tmp_path / "drafts.json"
    odd = [str(tmp_path / name) for name in ("line\nend", "line\u2028end", 'a "quoted" ü', "no\udcffutf8")]
    many = [str(tmp_path / f"style-{number:04d}.safetensors") for number in range(400)]
    crashed = Drafts(file, tasks)
    open_wizard(drafts=crashed).wizard.page(SOURCES).add_paths(odd + many)
    crashed.close()
    drafts = Drafts(file, tasks)
    assert len(drafts.take(CHOSEN_DRAFT)) <= LONGEST_CHARS
    again = open_wizard(drafts=drafts)
    again.click("chooseAgainButton")
    chosen = again.wizard.journey.paths
    assert chosen == (odd + many)[: len(chosen)]
    assert len(odd) < len(chosen) < len(odd + many)
    longest = chosen_text(many, LONGEST_CHARS)
    assert len(longest) + len(f',\n"{many[0]}"') > LONGEST_CHARS >= len(longest)
    assert chosen_text(["/a"], 4) == "[]"


@pytest.mark.parametrize("text", ["", "/a path", '{"a": 1}', "3", "[" * 9_000])
def test_a_text_that_is_no_list_of_paths_offers_none(text):
    assert chosen_paths(text) == []


@pytest.fixture
def left_behind(tmp_path, tasks) -> Callable[[], Drafts]:
    """Drafts in which a session that ended early has left one chosen path; each call is the next start."""
    file = tmp_path / "drafts.json"
    crashed = Drafts(file, tasks)
    crashed.keep(CHOSEN_DRAFT, chosen_text([str(tmp_path / "A")], LONGEST_CHARS))
    crashed.close()
    return lambda: Drafts(file, tasks)


@pytest.mark.parametrize("imports", [False, True])
def test_an_offer_that_nobody_has_seen_outlives_a_drop(open_wizard, demo, left_behind, tmp_path, imports):
    drafts = left_behind()
    dropped = open_wizard(demo.jsonl, drafts=drafts)
    dropped.wait_preview()
    if imports:
        dropped.click("commitButton")
        dropped.wait_page(REPORT)
        dropped.click("finishButton")
    else:
        dropped.click("backButton")
        dropped.wait_page(SOURCES)
        assert dropped.child(QFrame, "chosenBefore").isVisible()
        dropped.wizard.reject()
    drafts.close()
    assert chosen_paths(left_behind().take(CHOSEN_DRAFT)) == [str(tmp_path / "A")]


@pytest.mark.parametrize("ends", ["cancelled", "taken away", "crash"])
def test_an_open_offer_is_not_overwritten_by_what_is_chosen_beside_it(
    open_wizard, left_behind, tmp_path, ends
):
    drafts = left_behind()
    seen = open_wizard(drafts=drafts)
    seen.wizard.page(SOURCES).add_paths([str(tmp_path / "B")])
    if ends == "cancelled":
        seen.wizard.reject()
    elif ends == "taken away":
        seen.child(QListWidget, "chosenPaths").selectAll()
        seen.click("removePathButton")
    drafts.close()
    kept = [str(tmp_path / name) for name in ("AB" if ends == "crash" else "A")]
    assert chosen_paths(left_behind().take(CHOSEN_DRAFT)) == kept


def test_an_offer_that_is_declined_is_gone(open_wizard, left_behind):
    drafts = left_behind()
    seen = open_wizard(drafts=drafts)
    seen.child(QToolButton, "chosenBeforeClose").click()
    seen.wizard.reject()
    drafts.close()
    assert not left_behind().found


def test_a_folder_can_be_chosen_in_a_dialog(qtbot, open_wizard, demo):
    seen = open_wizard()
    seen.click("addFolderButton")
    dialog = seen.child(QFileDialog, "addFolderDialog")
    dialog.filesSelected.emit([str(demo.root)])
    dialog.close()
    seen.click("nextButton")
    assert seen.wait_preview().imported > 0


class FurnishedLibrary(Library):
    """A library on a computer where these tools are found."""

    tools: list[InstalledTool]

    def __init__(self, catalog, *tools: InstalledTool) -> None:
        super().__init__(catalog)
        self.tools = list(tools)

    def installed_tools(self) -> list[InstalledTool]:
        return self.tools


def boxes(seen: Wizard) -> dict[str, QCheckBox]:
    return {box.text(): box for box in seen.wizard.findChildren(QCheckBox, "foundInstall")}


def test_other_tools_on_this_computer_are_named_with_their_places_and_chosen_by_hand(
    qtbot, open_wizard, tmp_path, catalog
):
    places = [str(tmp_path / name) for name in ("ComfyUI", "assets.db", "a", "b", "c")]
    (tmp_path / "own").mkdir()
    library = FurnishedLibrary(
        catalog, InstalledTool("ComfyUI", tuple(places[:2])), InstalledTool("Jan", tuple(places[2:]))
    )
    library.add_folder(str(tmp_path / "own"))
    seen = open_wizard(library=library)
    qtbot.waitUntil(lambda: len(boxes(seen)) == 3, timeout=WAIT_MS)
    assert not any(box.isChecked() for box in boxes(seen).values())
    assert seen.wizard.journey.paths == []
    shown = [label.text() for label in seen.child(QWidget, "foundInstalls").findChildren(QLabel)]
    assert [text for text in shown if text.startswith(str(tmp_path))][1:] == places[:3]
    assert "and 2 more places" in shown
    boxes(seen)["ComfyUI"].click()
    assert seen.wizard.journey.paths == places[:2]
    boxes(seen)["ComfyUI"].click()
    assert seen.wizard.journey.paths == []
    card = seen.wizard.findChildren(QFrame, "toolCard")[2]
    qtbot.mouseClick(card, Qt.MouseButton.LeftButton, pos=QPoint(card.width() - 5, card.height() - 5))
    assert seen.wizard.journey.paths == places[2:]
    seen.click("chooseAllButton")
    assert sorted(seen.wizard.journey.paths) == sorted(places)
    assert [name for name, box in boxes(seen).items() if not box.isChecked()] == ["Beside your models"]


def test_rows_of_tables_have_no_column_for_keys(qtbot, open_wizard, demo):
    seen = open_wizard(demo.csv)
    seen.wait_preview()
    fields = seen.child(QTreeWidget, "previewFields")
    qtbot.waitUntil(lambda: fields.isColumnHidden(2), timeout=WAIT_MS)
    assert fields.columnWidth(1) > fields.columnWidth(0)


def test_the_folders_of_the_library_are_a_card_too(qtbot, open_wizard, demo, catalog):
    library = FurnishedLibrary(catalog)
    folder, gone = str(demo.folders[0]), demo.root / "gone"
    gone.mkdir()
    for path in (folder, str(gone)):
        library.add_folder(path)
    gone.rmdir()
    library.scan([], progress=Progress())
    seen = open_wizard(library=library)
    qtbot.waitUntil(lambda: list(boxes(seen)) == ["Beside your models"], timeout=WAIT_MS)
    expected = sum(found.records for found in library.detect([folder], Progress()).found)
    count = seen.child(QLabel, "foundCount")
    qtbot.waitUntil(lambda: count.text() == f"{expected} records", timeout=WAIT_MS)
    boxes(seen)["Beside your models"].click()
    assert seen.wizard.journey.paths == [folder]


def test_each_card_says_how_many_records_lie_there(qtbot, open_wizard, demo, catalog):
    library = FurnishedLibrary(catalog, InstalledTool("ComfyUI", (str(demo.folders[0]),)))
    seen = open_wizard(library=library)
    qtbot.waitUntil(lambda: len(boxes(seen)) == 1, timeout=WAIT_MS)
    expected = sum(found.records for found in library.detect([str(demo.folders[0])], Progress()).found)
    count = seen.child(QLabel, "foundCount")
    qtbot.waitUntil(lambda: count.text() == f"{expected} records", timeout=WAIT_MS)
    assert f"{expected} records" in boxes(seen)["ComfyUI"].accessibleDescription()


def test_counting_ends_with_the_page(qtbot, open_wizard, demo, catalog, tasks):
    library = FurnishedLibrary(catalog, InstalledTool("ComfyUI", (str(demo.root),)))
    seen = open_wizard(library=library)
    qtbot.waitUntil(lambda: len(boxes(seen)) == 1, timeout=WAIT_MS)
    seen.wizard.reject()
    qtbot.waitUntil(lambda: not tasks.running, timeout=WAIT_MS)


def test_a_tool_whose_place_is_taken_away_is_no_longer_ticked(qtbot, open_wizard, tmp_path, catalog):
    library = FurnishedLibrary(catalog, InstalledTool("Jan", (str(tmp_path / "a"), str(tmp_path / "b"))))
    seen = open_wizard(library=library)
    qtbot.waitUntil(lambda: len(boxes(seen)) == 1, timeout=WAIT_MS)
    boxes(seen)["Jan"].click()
    seen.child(QListWidget, "chosenPaths").item(0).setSelected(True)
    seen.click("removePathButton")
    assert seen.wizard.journey.paths == [str(tmp_path / "b")]
    assert not boxes(seen)["Jan"].isChecked()


@pytest.mark.skipif(os.name != "posix", reason="names of bytes are a matter of POSIX")
def test_a_dropped_name_that_is_no_utf8_keeps_its_bytes():
    mime = QMimeData()
    mime.setUrls([QUrl.fromEncoded(b"file:///data/odd%FFname"), QUrl("https://example.org/x")])
    assert dropped_paths(mime) == ["/data/odd\udcffname"]


# --- what is there ----------------------------------------------------------------------------------------


def test_the_preview_shows_sources_samples_problems_and_ignored_files(qtbot, open_wizard, demo):
    seen = open_wizard(demo.root)
    preview = seen.wait_preview()
    table = seen.child(QTreeWidget, "previewSources")
    lines = {}
    for at in range(table.topLevelItemCount()):
        item = table.topLevelItem(at)
        lines[item.text(0)] = (item.text(1), item.text(2))
    assert lines["Civitai Helper"] == ("34", "34")
    assert len(lines) == len(preview.by_source)
    samples = seen.child(QTreeWidget, "previewSamples")
    of_first = [sample for sample in preview.samples if sample.source == next(iter(preview.by_source))]
    assert samples.topLevelItemCount() == len(of_first)
    samples.setCurrentItem(samples.topLevelItem(1))
    assert seen.child(QPlainTextEdit, "previewRaw").toPlainText()[:40] == of_first[1].raw_text[:40]
    problems = seen.child(QTreeWidget, "previewProblems")
    group = problems.topLevelItem(0)
    assert (group.text(0), group.text(1)) == ("Its text can't be read as data (1)", "Taken, with a doubt")
    assert group.text(2).startswith("The text of this record could not be read")
    assert group.child(0).text(1) == str(demo.broken_sidecar)
    assert seen.child(QTreeWidget, "previewIgnored").topLevelItemCount() == preview.ignored
    labels = [label.text() for label in seen.wizard.currentPage().findChildren(QLabel)]
    assert "Your files stay where they are." in labels


def fields(seen: Wizard) -> dict[str, str]:
    tree = seen.child(QTreeWidget, "previewFields")
    items = (tree.topLevelItem(at) for at in range(tree.topLevelItemCount()))
    return {item.text(0): item.text(1) for item in items}


def test_a_sample_shows_its_columns_beside_its_text_and_a_token_as_dots(qtbot, open_wizard, tmp_path):
    model = write_inkwash_harbor(tmp_path)
    told = {"file_path": str(model), "model_name": "Ink", "base_model": "SDXL 1.0", "tags": ["ink", "fog"]}
    told |= {"civitai": {}, "sha256": "", "download": "https://example.org/d?token=abcdef"}
    text = json.dumps(told)
    (tmp_path / "other.metadata.json").write_text(text)
    seen = open_wizard(tmp_path / "other.metadata.json")
    seen.wait_preview()
    assert fields(seen)["Name"] == "Ink"
    assert fields(seen)["Base model"] == "SDXL 1.0"
    assert fields(seen)["Tags"] == "ink, fog"
    assert seen.child(QPlainTextEdit, "previewRaw").toPlainText() == text.replace("abcdef", "••••••")


def test_each_column_says_which_key_tells_it_and_the_rest_is_listed_as_kept(qtbot, open_wizard, tmp_path):
    write_inkwash_harbor(tmp_path)
    told = {"model_name": "Ink", "base_model": "SDXL 1.0", "civitai": {}, "sha256": "", "db_checked": False}
    (tmp_path / "other.metadata.json").write_text(json.dumps(told, indent=1))
    seen = open_wizard(tmp_path / "other.metadata.json")
    seen.wait_preview()
    tree = seen.child(QTreeWidget, "previewFields")

    def lines() -> dict[str, tuple[str, str]]:
        items = [tree.topLevelItem(at) for at in range(tree.topLevelItemCount())]
        items += [item.child(at) for item in items for at in range(item.childCount())]
        return {item.text(0): (item.text(1), item.text(2)) for item in items}

    qtbot.waitUntil(lambda: lines()["Name"] == ("Ink", "model_name"), timeout=WAIT_MS)
    assert lines()["Base model"] == ("SDXL 1.0", "base_model")
    assert lines()["db_checked"] == ("False", "")
    tree.setCurrentItem(tree.findItems("Base model", Qt.MatchFlag.MatchExactly)[0])
    raw = seen.child(QPlainTextEdit, "previewRaw")
    assert raw.textCursor().selectedText().strip() == '"base_model": "SDXL 1.0",'


def test_each_source_says_how_many_of_its_records_have_found_their_file(qtbot, open_wizard, tmp_path):
    model = write_inkwash_harbor(tmp_path)
    for name, path in (("here", str(model)), ("gone", str(tmp_path / "gone.safetensors"))):
        told = {"file_path": path, "model_name": name, "civitai": {}, "sha256": ""}
        (tmp_path / f"{name}.metadata.json").write_text(json.dumps(told))
    seen = open_wizard(tmp_path)
    seen.wait_preview()
    table = seen.child(QTreeWidget, "previewSources")
    rows = {}
    for at in range(table.topLevelItemCount()):
        item = table.topLevelItem(at)
        rows[item.text(0)] = (item.text(1), item.text(6))
    assert rows["LoRA Manager"] == ("2", "1")


def test_choosing_a_source_leads_to_its_sample(qtbot, open_wizard, demo):
    seen = open_wizard(demo.root)
    seen.wait_preview()
    table, samples = seen.child(QTreeWidget, "previewSources"), seen.child(QTreeWidget, "previewSamples")
    for at in range(table.topLevelItemCount()):
        table.setCurrentItem(table.topLevelItem(at))
        assert source_label(samples.currentItem().data(0, PATH).source) == table.topLevelItem(at).text(0)


def test_what_is_not_taken_stands_before_what_is_taken_with_a_doubt(qtbot):
    parent = QWidget()
    qtbot.addWidget(parent)
    tree = make_problem_list(parent, "x")
    doubts = [Problem(f"/d/{number}.json", "unparsed_payload", "why", kept=True) for number in range(20)]
    fill_with_problems(tree, [*doubts, Problem("/d/big.db", "too_large", "It has 300 MiB.")])
    first, second = tree.topLevelItem(0), tree.topLevelItem(1)
    assert (first.text(0), first.text(1)) == ("Too large to be read (1)", "Not taken")
    assert (first.child(0).text(0), first.child(0).text(2)) == ("big.db", "It has 300 MiB.")
    assert (second.text(0), second.childCount(), second.isExpanded()) == (
        "Its text can't be read as data (20)",
        20,
        False,
    )


def test_folders_of_settings_and_records_are_gathered_for_an_offer(tmp_path):
    for name in ("comfy/loras", "far"):
        (tmp_path / name).mkdir(parents=True)
    comfy, far = str(tmp_path / "comfy"), str(tmp_path / "far")
    report = ImportReport(
        outside_folders={comfy + "/loras/ink": 3, far: 2},
        roots=[
            Root(comfy + "/loras", "lora", "comfyui-paths", "/x.yaml"),
            Root(comfy, "unknown", "comfyui-paths", "/x.yaml"),
            Root(str(tmp_path / "off"), "vae", "lora-manager-settings", "/s.json"),
            Root(str(tmp_path / "mine" / "vae"), "vae", "comfyui-paths", "/x.yaml"),
        ],
    )
    assert offers_of(report, [str(tmp_path / "mine")]) == [
        Offer(comfy, 3, ("comfyui-paths",), ("lora",), True),
        Offer(far, 2, (), (), True),
        Offer(str(tmp_path / "off"), 0, ("lora-manager-settings",), ("vae",), False),
    ]
    assert offer_words(offers_of(report, [])[0]) == (
        "3 records speak of files in it · named by the settings of ComfyUI folders · for LoRA"
    )


class SettledLibrary(Library):
    """A library whose preview meets the settings of another tool."""

    roots: tuple[Root, ...] = ()

    def preview(self, paths, *, source=None, progress) -> ImportReport:
        report = super().preview(paths, source=source, progress=progress)
        report.roots += self.roots
        return report


def test_a_folder_that_settings_name_joins_the_library_by_a_tick(qtbot, open_wizard, tmp_path, catalog):
    folder = tmp_path / "models"
    folder.mkdir()
    model = write_inkwash_harbor(folder)
    settings = tmp_path / "note.txt"
    settings.write_text("x")
    library = SettledLibrary(catalog)
    library.roots = (
        Root(str(folder), "lora", "comfyui-paths", str(settings)),
        Root(str(tmp_path / "off"), "vae", "comfyui-paths", str(settings)),
    )
    seen = open_wizard(settings, library=library)
    seen.wait_preview()
    assert not seen.child(QPushButton, "commitButton").isEnabled()
    seen.click("chooseFoldersButton")
    there, gone = seen.wizard.findChildren(QCheckBox, "addOutsideBox")
    assert (there.isChecked(), there.isEnabled(), gone.isEnabled()) == (False, True, False)
    assert there.hasFocus()
    qtbot.keyClick(there, Qt.Key.Key_Space)
    assert seen.child(QPushButton, "chooseFoldersButton").text() == "&Folders to add: 1 of 2…"
    assert seen.child(QPushButton, "commitButton").text() == "&Add 1 folder"
    seen.click("commitButton")
    seen.wait_page(REPORT)
    assert [each.path for each in library.catalog.folders()] == [str(folder)]
    assert [row.path for row in library.catalog.page(ModelQuery(), None)] == [str(model)]


def test_back_leads_to_the_sources_and_keeps_what_was_chosen(qtbot, open_wizard, demo):
    seen = open_wizard(demo.csv)
    seen.wait_preview()
    seen.click("backButton")
    seen.wait_page(SOURCES)
    assert seen.wizard.journey.paths == [str(demo.csv)]
    seen.click("nextButton")
    assert seen.wait_preview() is not None


def test_other_paths_begin_anew_at_their_preview(qtbot, open_wizard, demo):
    seen = open_wizard(demo.csv)
    seen.wait_preview()
    seen.wizard.set_paths([str(demo.jsonl)])
    assert seen.wizard.currentId() == PREVIEW
    preview = seen.wait_preview()
    assert all(sample.source_path == str(demo.jsonl) for sample in preview.samples)


def test_closing_while_it_looks_stops_the_look_and_asks_nothing(qtbot, open_wizard, demo, tasks):
    seen = open_wizard(demo.root)
    seen.wizard.reject()
    assert not seen.wizard.isVisible()
    qtbot.waitUntil(lambda: not tasks.running, timeout=WAIT_MS)


def test_folders_that_records_speak_of_are_offered_and_added_before_the_import(
    qtbot, open_wizard, tmp_path, library
):
    folder, far = tmp_path / "here", tmp_path / "far"
    folder.mkdir()
    far.mkdir()
    model = write_inkwash_harbor(far)
    told = {"file_path": str(model), "model_name": "Ink", "base_model": "SDXL 1.0", "civitai": {}}
    (folder / "ink.metadata.json").write_text(json.dumps(told))
    seen = open_wizard(folder)
    preview = seen.wait_preview()
    assert preview.outside_folders == {str(far): 1}
    (box,) = seen.wizard.findChildren(QCheckBox, "addOutsideBox")
    assert not box.isChecked()
    assert str(far) in box.text()
    box.setChecked(True)
    assert library.catalog.folders() == []
    seen.click("commitButton")
    seen.wait_page(REPORT)
    assert [each.path for each in library.catalog.folders()] == [str(far)]
    (row,) = pending_in(library.catalog)
    assert row.problem is None
    assert row.file_path == str(model)


def test_only_paths_that_hold_models_are_scanned(tmp_path):
    with_models, without = tmp_path / "a", tmp_path / "b"
    with_models.mkdir()
    without.mkdir()
    file = str(with_models / "x.safetensors")
    report = ImportReport(model_paths=[file], model_count=1)
    paths = [str(with_models), str(without), file, str(tmp_path / "x.json")]
    assert scan_targets(paths, report) == [str(with_models), file]
    report.model_count = 5_000
    assert scan_targets(paths, report) == [str(with_models), str(without), file]


# --- importing --------------------------------------------------------------------------------------------


def test_stopping_in_the_middle_keeps_whole_records(qtbot, open_wizard, demo, catalog):
    library = HeldLibrary(catalog, hold_at=40)
    seen = open_wizard(demo.root, library=library)
    preview = seen.wait_preview()
    seen.click("commitButton")
    qtbot.waitUntil(library.reached.is_set, timeout=WAIT_MS)
    seen.click("importCancelButton")
    seen.wait_page(REPORT)
    figures = seen.figures()
    kept = pending_count(library)
    assert 0 < figures["Imported"] == kept < preview.imported
    assert figures["Seen"] == sum(figures[part] for part in ("Imported", "Unchanged", "Ignored", "Failed"))
    words = [label.text() for label in seen.wizard.currentPage().findChildren(QLabel)]
    assert any("Whole records were kept" in each for each in words)
    for row in pending_in(catalog):
        record = catalog.pending_record(row.id)
        assert record is not None
        assert record.payload_sha256 == row.payload_sha256
    assert any(f"Left: {preview.imported - kept} record" in each for each in words)
    assert "Stopped" in words
    library.hold_at = -1
    seen.wizard.journey.preview = None
    seen.click("importRestButton")
    assert seen.wait_preview().imported + kept == preview.imported
    seen.click("commitButton")
    seen.wait_page(REPORT)
    assert pending_count(library) == preview.imported
    assert not seen.child(QPushButton, "importRestButton").isVisible()


def test_an_import_that_was_stopped_before_it_began_is_not_done(qtbot, open_wizard, demo, library, tasks):
    seen = open_wizard(demo.jsonl)
    preview = seen.wait_preview()
    let_go = threading.Event()
    for _ in range(DEED_THREADS):
        tasks.run("Held", lambda _progress: let_go.wait(WAIT_MS / 1000))
    seen.click("commitButton")
    seen.wait_page(IMPORT)
    seen.click("importCancelButton")
    seen.wait_page(REPORT)
    words = [label.text() for label in seen.wizard.currentPage().findChildren(QLabel)]
    assert "Stopped" in words
    assert "Done" not in words
    assert "Nothing was imported." in words
    let_go.set()
    seen.click("importRestButton")
    seen.wait_preview()
    seen.click("commitButton")
    seen.wait_page(REPORT)
    assert pending_count(library) == preview.imported


@pytest.mark.parametrize(
    ("held", "told"),
    [
        ("scan", ["No model file was added.", "Nothing was promoted."]),
        ("promote", ["model files were added.", "The promotion was stopped: 0 records were promoted."]),
    ],
)
def test_what_is_stopped_when_the_records_are_in_is_not_done(qtbot, open_wizard, demo, catalog, held, told):
    library = HeldLater(catalog, held)
    seen = open_wizard(demo.folders[0], library=library)
    seen.wait_preview()
    seen.child(QCheckBox, "promoteBox").setChecked(True)
    seen.click("commitButton")
    qtbot.waitUntil(library.reached.is_set, timeout=WAIT_MS)
    seen.click("importCancelButton")
    seen.wait_page(REPORT)
    assert seen.wizard.journey.imported is not None and not seen.wizard.journey.imported.cancelled
    words = "\n".join(label.text() for label in seen.wizard.currentPage().findChildren(QLabel))
    assert "Stopped" in words.split("\n") and "Done" not in words.split("\n")
    assert "were imported." in words
    assert [line for line in told if line in words] == told
    assert "no model files were found" not in words
    library.held = ""
    seen.wizard.journey.preview = None
    seen.click("importRestButton")
    seen.wait_preview()
    seen.child(QCheckBox, "promoteBox").setChecked(True)
    seen.click("commitButton")
    seen.wait_page(REPORT)
    assert seen.wizard.journey.is_whole
    promoted = seen.wizard.journey.promoted
    assert promoted is not None and promoted.promoted > 0


def test_closing_while_it_imports_asks_first(qtbot, open_wizard, demo, catalog):
    library = HeldLibrary(catalog, hold_at=10)
    seen = open_wizard(demo.root, library=library)
    seen.wait_preview()
    seen.click("commitButton")
    qtbot.waitUntil(library.reached.is_set, timeout=WAIT_MS)
    seen.wizard.close()
    assert seen.wizard.isVisible()
    no = seen.child(AskStrip, "stopImportQuestion").findChild(QPushButton, "askNo")
    qtbot.waitUntil(no.hasFocus, timeout=WAIT_MS)
    qtbot.keyClick(no, Qt.Key.Key_Escape)
    assert seen.wizard.is_importing
    qtbot.waitUntil(lambda: seen.wizard.findChild(AskStrip, "stopImportQuestion") is None, timeout=WAIT_MS)
    seen.wizard.reject()
    with qtbot.waitSignal(seen.wizard.imported, timeout=WAIT_MS) as imported:
        seen.click("confirmStopButton")
    assert imported.args[0].cancelled
    qtbot.waitUntil(lambda: not seen.wizard.isVisible(), timeout=WAIT_MS)


def test_a_running_import_shows_its_progress_and_takes_no_other_paths(qtbot, open_wizard, demo, catalog):
    library = HeldLibrary(catalog, hold_at=60)
    seen = open_wizard(demo.root, library=library)
    seen.wait_preview()
    seen.child(QCheckBox, "addModelsBox").setChecked(False)
    seen.click("commitButton")
    qtbot.waitUntil(library.reached.is_set, timeout=WAIT_MS)
    assert seen.wizard.currentId() == IMPORT
    seen.wizard.set_paths([str(demo.csv)])
    assert seen.wizard.currentId() == IMPORT
    assert seen.wizard.journey.paths == [str(demo.root)]
    bar = seen.child(QProgressBar, "importProgress")
    assert bar.accessibleName()
    library.let_go.set()
    seen.wait_page(REPORT)


class SlowScan(Library):
    """A library whose scan waits until it is let go."""

    def __init__(self, catalog) -> None:
        super().__init__(catalog)
        self.reached = threading.Event()
        self.let_go = threading.Event()

    def scan(self, paths=(), **how):
        self.reached.set()
        while not self.let_go.wait(0.01):
            how["progress"].check()
        return super().scan(paths, **how)


@pytest.mark.parametrize("leave", ["goOnButton", "close"])
def test_the_rest_goes_on_in_the_background_once_the_records_are_in(
    qtbot, open_wizard, demo, catalog, tasks, leave
):
    library = SlowScan(catalog)
    seen = open_wizard(demo.folders[2], library=library)
    seen.wait_preview()
    seen.click("commitButton")
    qtbot.waitUntil(library.reached.is_set, timeout=WAIT_MS)
    qtbot.waitUntil(lambda: seen.child(QPushButton, "goOnButton").isVisible(), timeout=WAIT_MS)
    if leave == "close":
        seen.wizard.close()
    else:
        seen.click("goOnButton")
        seen.wait_page(REPORT)
        assert "still being added" in seen.child(QLabel, "reportLines").text()
        seen.click("finishButton")
    assert not seen.wizard.isVisible()
    assert len(tasks.running) == 1
    library.let_go.set()
    qtbot.waitUntil(lambda: not tasks.running, timeout=WAIT_MS)
    assert catalog.count(ModelQuery()) > 0


# --- done -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["txt", "json"])
def test_the_report_can_be_saved_as_text_and_as_json(qtbot, open_wizard, demo, tmp_path, suffix, tasks):
    seen = open_wizard(demo.root)
    seen.wait_preview()
    seen.child(QCheckBox, "addModelsBox").setChecked(False)
    seen.click("commitButton")
    seen.wait_page(REPORT)
    target = tmp_path / f"report.{suffix}"
    seen.click("saveReportButton")
    dialog = seen.child(QFileDialog, "saveReportDialog")
    dialog.fileSelected.emit(str(target))
    dialog.close()
    told = seen.child(QLabel, "reportSaved")
    qtbot.waitUntil(told.isVisible, timeout=WAIT_MS)
    assert unbroken(told.text()) == f"The report was saved: {target}"
    text = target.read_text("utf-8")
    figures = seen.figures()
    if suffix == "json":
        found = json.loads(text)
        assert found["import"]["seen"] == figures["Seen"]
        assert found["import"]["problems"][0]["code"] == "unparsed_payload"
        assert found["paths"] == [str(demo.root)]
    else:
        assert f"{figures['Seen']} seen = {figures['Imported']} imported" in text
        assert f"unparsed_payload: {demo.broken_sidecar}" in text


def test_a_report_that_can_not_be_written_is_said_where_it_is_seen(qtbot, open_wizard, demo, tmp_path):
    seen = open_wizard(demo.csv)
    seen.wait_preview()
    seen.click("commitButton")
    seen.wait_page(REPORT)
    told = seen.child(QLabel, "reportSaved")
    assert not told.isVisible()
    seen.click("saveReportButton")
    dialog = seen.child(QFileDialog, "saveReportDialog")
    dialog.fileSelected.emit(str(tmp_path / "not" / "there" / "report.txt"))
    dialog.close()
    qtbot.waitUntil(told.isVisible, timeout=WAIT_MS)
    assert "could not be written" in told.text()


def test_what_waits_is_listed_by_what_is_to_be_done(qtbot, open_wizard, demo, library):
    seen = open_wizard(demo.root)
    seen.wait_preview()
    seen.child(QCheckBox, "addModelsBox").setChecked(False)
    seen.click("commitButton")
    seen.wait_page(REPORT)
    waiting = seen.child(QTreeWidget, "reportDecisions")
    qtbot.waitUntil(lambda: waiting.topLevelItemCount() > 0, timeout=WAIT_MS)
    lines = {
        waiting.topLevelItem(at).text(0): waiting.topLevelItem(at).text(1)
        for at in range(waiting.topLevelItemCount())
    }
    ready = library.catalog.pending_count(PendingQuery(problems=("none",)))
    assert ready > 50
    assert lines == {
        "Ready to promote": str(ready),
        "Its file was not found": "1",
        "Its text can't be read as data": "1",
    }


def test_each_number_of_the_report_leads_to_what_it_counts(qtbot, open_wizard, demo):
    seen = open_wizard(demo.root)
    seen.wait_preview()
    seen.child(QCheckBox, "addModelsBox").setChecked(False)
    seen.click("commitButton")
    seen.wait_page(REPORT)
    tabs = seen.child(QTabWidget, "reportTabs")
    qtbot.waitUntil(lambda: tabs.isTabVisible(0), timeout=WAIT_MS)
    for figure, name in (
        ("reportIgnored", "reportIgnored"),
        ("reportSeen", "reportSources"),
        ("reportImported", "reportDecisions"),
    ):
        seen.click(f"{figure}Button")
        assert seen.child(QTreeWidget, name).isVisible(), name
    assert not seen.child(QPushButton, "reportFailedButton").isEnabled()


def test_a_line_of_what_waits_leads_to_its_group(qtbot, open_wizard, demo):
    seen = open_wizard(demo.root)
    seen.wait_preview()
    seen.child(QCheckBox, "addModelsBox").setChecked(False)
    seen.click("commitButton")
    seen.wait_page(REPORT)
    waiting = seen.child(QTreeWidget, "reportDecisions")
    qtbot.waitUntil(lambda: waiting.topLevelItemCount() == 3, timeout=WAIT_MS)
    with qtbot.waitSignal(seen.wizard.review_requested) as wanted:
        waiting.itemActivated.emit(waiting.topLevelItem(1), 0)
    assert wanted.args == ["missing"]


def test_records_that_are_gone_from_their_source_are_told(qtbot, open_wizard, tmp_path, library):
    told = {"file_path": "/n/a.safetensors", "model_name": "A", "civitai": {}, "sha256": ""}
    for name in ("a", "b"):
        (tmp_path / f"{name}.metadata.json").write_text(json.dumps(told))
    library.import_paths([str(tmp_path)], progress=Progress())
    (tmp_path / "b.metadata.json").unlink()
    seen = open_wizard(tmp_path)
    seen.wait_preview()
    seen.click("commitButton")
    seen.wait_page(REPORT)
    words = "1 known record is no longer in the source; what is known stays."
    assert words in seen.child(QLabel, "reportLines").text()
    assert pending_count(library) == 2


# --- for everybody ----------------------------------------------------------------------------------------


def test_every_part_is_found_by_its_name_and_has_one_for_those_who_hear_it(open_wizard, demo):
    seen = open_wizard()
    assert seen.wizard.objectName() == "migrationWizard"
    for page, name in enumerate(("sourcesPage", "previewPage", "importPage", "reportPage")):
        assert seen.wizard.page(page).objectName() == name
        assert seen.wizard.page(page).accessibleName()
    for name in ("importProgress", "chosenPaths"):
        assert seen.child(QWidget, name).accessibleName(), name
    # The rest is built when its page is first shown.
    assert seen.wizard.findChild(QWidget, "previewSamples") is None
    assert seen.wizard.findChild(QWidget, "reportTabs") is None
    seen.wizard.set_paths([str(demo.root)])
    seen.wait_preview()
    for name in ("previewSources", "previewSamples", "previewProblems", "previewRaw"):
        assert seen.child(QWidget, name).accessibleName(), name
    assert isinstance(seen.wizard, QWizard)


def test_a_second_way_through_it_shows_nothing_of_the_first(qtbot, open_wizard, demo, tmp_path):
    seen = open_wizard(demo.root)
    for paths in ([str(demo.root)], [str(tmp_path / "one.metadata.json")]):
        if paths[0].endswith(".json"):
            told = {"file_path": "/x", "model_name": "One", "base_model": "Pony", "civitai": {}, "sha256": ""}
            (tmp_path / "one.metadata.json").write_text(json.dumps(told))
            seen.wizard.set_paths(paths)
        seen.wait_preview()
        seen.click("commitButton")
        seen.wait_page(REPORT)
    assert seen.wizard.journey.imported.seen == 1
    assert seen.child(QLabel, "reportSeen").text() == "1"
    assert seen.child(QTreeWidget, "reportSources").topLevelItemCount() == 1
    assert seen.child(QTreeWidget, "reportIgnored").topLevelItemCount() == 0
    samples = seen.child(QTreeWidget, "previewSamples")
    assert [samples.topLevelItem(0).text(0), samples.topLevelItemCount()] == ["One", 1]


def test_of_a_thousand_dropped_files_the_first_are_listed_and_the_others_counted(open_wizard, tmp_path):
    seen = open_wizard()
    paths = [str(tmp_path / f"{number}.json") for number in range(1_000)]
    seen.wizard.page(SOURCES).add_paths(paths)
    chosen = seen.child(QListWidget, "chosenPaths")
    assert (chosen.count(), chosen.item(200).text()) == (201, "and 800 more")
    assert seen.wizard.journey.paths == paths


def test_hostile_words_in_a_source_are_shown_as_plain_text(qtbot, open_wizard, tmp_path):
    bait = '<img src="file:///dev/zero">\u202eevil'
    told = {"file_path": "/x", "model_name": bait, "base_model": bait, "civitai": {}, "sha256": ""}
    (tmp_path / "bait.metadata.json").write_text(json.dumps(told))
    seen = open_wizard(tmp_path / "bait.metadata.json")
    seen.wait_preview()
    samples = seen.child(QTreeWidget, "previewSamples")
    assert samples.topLevelItem(0).text(0) == '<img src="file:///dev/zero">⇤evil'
    assert "<img" not in samples.topLevelItem(0).toolTip(0)
    for label in seen.wizard.findChildren(QLabel):
        assert "img" not in label.text() or label.textFormat() == Qt.TextFormat.PlainText


def test_the_steps_give_their_room_to_the_page_where_letters_are_large(qtbot, open_wizard, demo):
    seen = open_wizard(demo.csv)
    seen.wait_preview()
    steps, table = seen.wizard.sideWidget(), seen.child(QTreeWidget, "previewSources")
    seen.wizard.resize(scaled(seen.wizard, 640), 600)
    assert steps.isVisible()
    narrow = table.width()
    seen.wizard.resize(scaled(seen.wizard, 580), 600)
    assert not steps.isVisible()
    qtbot.waitUntil(lambda: table.width() > narrow)
    seen.wizard.resize(scaled(seen.wizard, 640), 600)
    assert steps.isVisible()


def test_where_there_is_no_room_columns_without_a_number_are_left_out(qtbot):
    titles = ["Source", "Records", "Changed", "Unreadable", "File found"]
    page = QWidget()
    qtbot.addWidget(page)
    tree = make_list(page, "numbers", "Numbers", titles, numbers=True)
    tree.addTopLevelItem(make_item(["Civitai Helper", "34", NO_NUMBER, NO_NUMBER, "34"], numbers_from=1))
    page.resize(900, 300)
    with qtbot.waitExposed(page):
        page.show()

    def seen_at(width: int) -> list[str]:
        tree.resize(width, 120)
        qtbot.waitUntil(lambda: tree.horizontalScrollBar().maximum() == 0)
        return [title for at, title in enumerate(titles) if not tree.isColumnHidden(at)]

    assert seen_at(800) == titles
    assert seen_at(280) == ["Source", "Records", "File found"]
    assert seen_at(800) == titles
