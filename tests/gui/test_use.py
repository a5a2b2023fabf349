"""What leads out of the window: copies of what other programs ask for, and files that are dragged."""

import os

import pytest
from PySide6.QtGui import QGuiApplication

from modelmgr.gui.previews import Previews
from modelmgr.gui.table.model import LibraryModel
from modelmgr.gui.table.view import LibraryView
from modelmgr.gui.use import Uses, files_to_drag, mime_of, prompt_tag_of
from modelmgr.values import ModelQuery, ModelRow


@pytest.mark.parametrize(
    ("model_type", "file_name", "weight", "tag"),
    [
        ("lora", "ink.v2.safetensors", 80, "<lora:ink.v2:0.8>"),
        ("lora", "ink.safetensors", 100, "<lora:ink:1>"),
        ("lora", "ink.safetensors", 125, "<lora:ink:1.25>"),
        ("hypernetwork", "fog.pt", 80, "<hypernet:fog:0.8>"),
        ("embedding", "easy negative.pt", 80, "easy negative"),
        ("checkpoint", "large.safetensors", 80, ""),
        ("lora", None, 80, ""),
    ],
)
def test_a_prompt_names_a_model(model_type, file_name, weight, tag):
    assert prompt_tag_of(ModelRow(1, None, "Ink", model_type, 1, file_name=file_name), weight) == tag


@pytest.fixture
def uses(qtbot, catalog, tasks, fill) -> Uses:
    fill.add(8)
    model = LibraryModel(catalog, tasks)
    view = LibraryView(model, Previews(tasks))
    qtbot.addWidget(view)
    model.load_at_once(ModelQuery())
    qtbot.waitUntil(lambda: model.is_complete)
    made = Uses(catalog, tasks, model, view.selection)
    made.view = view
    return made


def test_what_is_selected_is_copied_a_line_each(qtbot, uses):
    uses.view.selectAll()
    with qtbot.waitSignal(uses.message) as told:
        uses.copy_prompt_tags()
    # Of eight models two are LoRAs and two embeddings.
    assert QGuiApplication.clipboard().text().splitlines() == [
        "<lora:model_00000:0.8>",
        "model_00003",
        "<lora:model_00004:0.8>",
        "model_00007",
    ]
    assert told.args == ["Copied 4 prompt tags of 8 models."]
    with qtbot.waitSignal(uses.message) as told:
        uses.copy_hashes()
    assert QGuiApplication.clipboard().text().splitlines()[1] == f"{2:064x}"
    assert told.args == ["Copied 8 hashes."]


def test_nothing_to_copy_leaves_the_clipboard_as_it_is(qtbot, uses):
    QGuiApplication.clipboard().setText("before")
    uses.view.selectRow(1)
    with qtbot.waitSignal(uses.message):
        uses.copy_prompt_tags()
    assert QGuiApplication.clipboard().text() == "before"


def test_only_files_that_exist_are_dragged(catalog, fill):
    ids = fill.add(3)
    there = fill.folder / "model_00001.safetensors"
    there.write_bytes(b"x")
    assert files_to_drag(catalog, ids) == [str(there)]


@pytest.mark.parametrize("name", ["a b#c?.safetensors", "ü.pt", os.fsdecode(b"odd \xff.pt")])
def test_dragged_files_are_addresses_and_text(name):
    mime = mime_of([f"/models/{name}"])
    (url,) = mime.urls()
    if "\udcff" not in name:
        assert url.toLocalFile() == f"/models/{name}"
    assert b"%FF" in bytes(url.toEncoded().data()) or "\udcff" not in name
    assert mime.text().startswith("/models/")
