"""Where sources disagree: what each says, side by side, and the choice that stays."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtWidgets import QLabel, QPushButton, QScrollArea, QWidget

from modelmgr.catalog import Catalog
from modelmgr.demo import write_safetensors
from modelmgr.gui.compare import CompareDialog, OpinionCard
from modelmgr.gui.tasks import Tasks
from modelmgr.library import Library
from modelmgr.progress import Progress
from modelmgr.values import ModelQuery, ModelRow, PendingQuery
from tests.inbox import pending_in

WAIT_MS = 10_000


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """One LoRA of which two tools tell different things."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    tensors = {"lora_unet_a.lora_down.weight": ("F16", (4, 8)), "lora_unet_a.lora_up.weight": ("F16", (8, 4))}
    model = folder / "ink.safetensors"
    write_safetensors(model, tensors, {})
    told = {"file_path": str(model), "model_name": "Ink by hand", "base_model": "SDXL 1.0", "civitai": {}}
    (folder / "ink.metadata.json").write_text(json.dumps(told | {"tags": ["ink"], "sha256": ""}))
    version = {"id": 3, "modelId": 7, "name": "v1", "baseModel": "Pony", "trainedWords": ["inkwash"]}
    version["model"] = {"name": "Ink of the catalogue", "type": "LORA", "tags": ["style"]}
    (folder / "ink.civitai.info").write_text(json.dumps(version))
    for at, name in enumerate(("ink.civitai.info", "ink.metadata.json")):  # the newer wins
        os.utime(folder / name, (1_700_000_000 + at, 1_700_000_000 + at))
    return folder


@pytest.fixture
def model(shelf: Path, library: Library) -> ModelRow:
    """That LoRA in the library, with both records."""
    library.scan([str(shelf)], progress=Progress())
    library.import_paths([str(shelf)], progress=Progress())
    library.promote(None, progress=Progress())
    (row,) = library.catalog.page(ModelQuery(), None)
    return row


def value_of(card: OpinionCard) -> str:
    return card.findChild(QLabel, "opinionValue").text()


class Compared:
    """The dialog as a person sees it."""

    def __init__(self, qtbot, dialog: CompareDialog, parent: QWidget) -> None:
        self.qtbot = qtbot
        self.parent = parent
        self.dialog = dialog

    def cards(self, column: str) -> list[OpinionCard]:
        body = self.dialog.findChild(QWidget, "compareScroll").widget()
        return [card for card in body.findChildren(OpinionCard) if card.property("column") == column]

    def texts(self, column: str) -> list[tuple[str, str]]:
        return [
            (value_of(card), card.findChild(QLabel, "opinionSource").text()) for card in self.cards(column)
        ]

    def click(self, button: QPushButton) -> None:
        with self.qtbot.waitSignals([self.dialog.chosen, self.dialog.shown], timeout=WAIT_MS, order="strict"):
            self.qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


@pytest.fixture
def compare(qtbot, library: Library, tasks: Tasks) -> Callable[..., Compared]:
    def make(**ids: int) -> Compared:
        parent = QWidget()
        qtbot.addWidget(parent)
        dialog = CompareDialog(library, tasks, "Ink", parent, **ids)
        with qtbot.waitSignal(dialog.shown, timeout=WAIT_MS):
            dialog.show()
        return Compared(qtbot, dialog, parent)

    return make


def test_each_value_stands_beside_the_others_with_the_one_who_says_it(compare, model):
    seen = compare(model_id=model.id)
    assert model.name == "Ink by hand"
    assert seen.texts("name") == [
        ("Ink by hand", "LoRA Manager, typed there"),
        ("Ink of the catalogue - v1", "Civitai Helper, found beside the file"),
    ]
    assert [value for value, _source in seen.texts("base_model")] == ["SDXL 1.0", "Pony"]
    assert [card.can_choose for card in seen.cards("name")] == [False, True]
    assert "The sources disagree about" in seen.dialog.findChild(QLabel, "compareWords").text()


def test_cards_that_have_no_room_beside_each_other_stand_below(qtbot, compare, model):
    seen = compare(model_id=model.id)
    viewport = seen.dialog.findChild(QScrollArea, "compareScroll").viewport()

    def places() -> list[QRect]:
        return [QRect(card.mapTo(viewport, QPoint(0, 0)), card.size()) for card in seen.cards("name")]

    seen.dialog.resize(700, 500)
    qtbot.waitUntil(lambda: places()[1].left() > places()[0].right(), timeout=WAIT_MS)
    seen.dialog.resize(340, 500)
    qtbot.waitUntil(lambda: places()[1].top() > places()[0].bottom(), timeout=WAIT_MS)
    assert all(place.right() <= viewport.width() for place in places())


def test_a_click_on_a_value_shows_it_from_now_on(compare, model, library: Library):
    seen = compare(model_id=model.id)
    seen.click(seen.cards("base_model")[1])
    assert library.catalog.rows([model.id])[0].base_model == "Pony"
    assert seen.texts("base_model")[0] == ("Pony", "you")
    library.relight(model.id)
    assert library.catalog.rows([model.id])[0].base_model == "Pony"


def test_the_way_back_leads_to_what_the_sources_say(compare, model, library: Library):
    seen = compare(model_id=model.id)
    assert seen.dialog.findChildren(QPushButton, "backToAutomatic") == []
    seen.click(seen.cards("name")[1])
    assert library.catalog.rows([model.id])[0].name == "Ink of the catalogue - v1"
    (back,) = (
        seen.dialog.findChild(QWidget, "compareScroll").widget().findChildren(QPushButton, "backToAutomatic")
    )
    seen.click(back)
    assert library.catalog.rows([model.id])[0].name == "Ink by hand"
    assert seen.texts("name")[0][0] == "Ink by hand"


def test_a_choice_holds_for_all_alike_and_is_taken_back_as_one(
    qtbot, compare, tmp_path, library: Library, catalog: Catalog
):
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(3):
        path = folder / f"ink_{number}.safetensors"
        write_safetensors(path, {"a.lora_up.weight": ("F16", (4, 8))}, {"ss_output_name": path.name})
        told = {
            "file_path": str(path),
            "model_name": f"By hand {number}",
            "base_model": "Pony",
            "civitai": {},
        }
        path.with_suffix(".metadata.json").write_text(json.dumps(told))
        told = {
            "id": number + 1,
            "modelId": 7,
            "baseModel": "SDXL 1.0",
            "model": {"name": "x", "type": "LORA"},
        }
        path.with_suffix(".civitai.info").write_text(json.dumps(told))
    library.import_paths([str(folder)], progress=Progress())
    library.promote(None, progress=Progress())
    rows = catalog.page(ModelQuery(), None)
    assert [row.base_model for row in rows] == ["SDXL 1.0"] * 3
    seen = compare(model_id=rows[0].id)
    seen.click(next(card for card in seen.cards("base_model") if value_of(card) == "Pony"))
    alike = seen.dialog.findChild(QPushButton, "chooseAlike")
    assert alike.text() == "Wherever LoRA Manager says otherwise"
    with qtbot.waitSignal(seen.dialog.chosen, timeout=WAIT_MS):
        qtbot.mouseClick(alike, Qt.MouseButton.LeftButton)
    assert [row.base_model for row in catalog.page(ModelQuery(), None)] == ["Pony"] * 3
    with qtbot.waitSignal(seen.dialog.shown, timeout=WAIT_MS):
        qtbot.mouseClick(seen.dialog.findChild(QPushButton, "undoAlike"), Qt.MouseButton.LeftButton)
    bases = sorted(str(row.base_model) for row in catalog.page(ModelQuery(), None))
    assert bases == ["Pony", "SDXL 1.0", "SDXL 1.0"]


def test_a_list_is_chosen_as_one_source_has_it(compare, model, library: Library):
    seen = compare(model_id=model.id)
    assert seen.texts("tags")[0] == ("ink, style", "several together")
    of_civitai = next(card for card in seen.cards("tags") if value_of(card) == "style")
    seen.click(of_civitai)
    assert library.catalog.rows([model.id])[0].tags == ("style",)


def test_with_the_keyboard_a_value_is_chosen_and_the_focus_stays_in_its_line(compare, model, library, qtbot):
    seen = compare(model_id=model.id)
    card = seen.cards("name")[1]
    card.setFocus()
    with qtbot.waitSignals([seen.dialog.chosen, seen.dialog.shown], timeout=WAIT_MS, order="strict"):
        qtbot.keyClick(card, Qt.Key.Key_Space)
    assert library.catalog.rows([model.id])[0].name == "Ink of the catalogue - v1"
    assert [card.accessibleName() for card in seen.cards("name")] == [
        "Name: Ink of the catalogue - v1, you, shown",
        "Name: Ink by hand, LoRA Manager, typed there",
    ]


def test_a_pending_record_is_compared_with_all_that_speak_of_its_file(compare, shelf, library: Library):
    library.import_paths([str(shelf)], progress=Progress())
    row = pending_in(library.catalog)[0]
    seen = compare(pending_id=row.id)
    assert {value for value, _source in seen.texts("name")} == {"Ink by hand", "Ink of the catalogue - v1"}
    assert not any(card.can_choose for card in seen.cards("name"))
    assert "Once the record is promoted" in seen.dialog.findChild(QLabel, "compareWords").text()


def test_of_a_file_that_the_library_knows_a_value_is_chosen_before_the_promotion(
    compare, shelf, library: Library, catalog: Catalog
):
    library.scan([str(shelf)], progress=Progress())
    library.import_paths([str(shelf)], progress=Progress())
    row = pending_in(catalog, PendingQuery(sources=("civitai-info",)))[0]
    seen = compare(pending_id=row.id)
    seen.click(next(card for card in seen.cards("name") if value_of(card) == "Ink of the catalogue - v1"))
    library.promote(None, progress=Progress())
    (model,) = catalog.page(ModelQuery(), None)
    assert model.name == "Ink of the catalogue - v1"


def test_hostile_words_are_shown_as_plain_text_and_secrets_as_dots(compare, tmp_path, library, catalog):
    folder = tmp_path / "odd"
    folder.mkdir()
    write_safetensors(folder / "odd.safetensors", {"lora_unet_a.lora_up.weight": ("F16", (8, 4))}, {})
    bait = '<img src="file:///dev/zero">\u202eevil'
    version = {"id": 3, "modelId": 7, "name": "v", "model": {"name": bait, "type": "LORA"}}
    version["description"] = "see https://example.org/d?token=abcdef"
    (folder / "odd.civitai.info").write_text(json.dumps(version))
    library.scan([str(folder)], progress=Progress())
    library.import_paths([str(folder)], progress=Progress())
    library.promote(None, progress=Progress())
    (row,) = catalog.page(ModelQuery(), None)
    seen = compare(model_id=row.id)
    for label in seen.dialog.findChildren(QLabel):
        assert label.textFormat() == Qt.TextFormat.PlainText
        assert "\u202e" not in label.text()
        assert "abcdef" not in label.text()
    assert "<img" not in seen.cards("name")[0].toolTip()
