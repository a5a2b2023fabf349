"""What a model is and why: confidence, candidates, evidence, danger, hashes, and what the file says itself."""

from dataclasses import replace

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QComboBox,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QScrollArea,
    QTableWidget,
    QToolButton,
    QWidget,
)

from modelmgr.gui.details import DetailsPane
from modelmgr.gui.details.hashes import worth_showing
from modelmgr.gui.details.identity import sure_words
from modelmgr.gui.details.loading import Loaded
from modelmgr.gui.details.pane import WHY_MS
from modelmgr.gui.details.told import facts_of, read_template, templates_of
from modelmgr.gui.previews import Previews
from modelmgr.library import Library
from modelmgr.values import FileState, ModelFile, ModelRow, Origin, Record
from modelmgr.vocabulary import evidence_words

ROW = ModelRow(1, "a" * 64, "Ink", "lora", 1_000, "SDXL 1.0", hash_state="done")
CANDIDATES = ["SDXL 1.0", "Pony", "Illustrious"]
HEADER = {
    "format": "safetensors",
    "type": "lora",
    "base_model": None,
    "candidates": CANDIDATES,
    "confidence": "ambiguous",
    "evidence": [
        "lora_unet_input_blocks_4_1.lora_down.weight [32, 640]",
        "ss_base_model_version = sdxl_\u202ebase",
    ],
    "problems": [{"code": "header_padding", "message": "The header is padded with odd bytes."}],
    "rank": 32,
    "alpha": 16.0,
    "tensor_count": 2166,
}


@pytest.fixture
def pane(qtbot, library: Library, tasks) -> DetailsPane:
    made = DetailsPane(library, tasks, Previews(tasks))
    qtbot.addWidget(made)
    made.resize(340, 900)
    made.show()
    return made


@pytest.fixture
def show(qtbot, catalog, fill, pane):
    """Show a model of the catalog with other details than the catalog has."""
    (model_id,) = fill.add(1, records=False)

    def show_(row=None, **parts) -> ModelRow:
        row = row or catalog.rows([model_id])[0]
        with qtbot.waitSignal(pane.details_shown):
            pane.show_model(row)
        details = catalog.details(row.id)
        shown = replace(details, row=row, **parts)
        pane._show_details(Loaded(shown.asked, shown))
        return row

    return show_


def find(pane, name, kind=QWidget):
    found = pane.findChild(kind, name)
    assert found is not None, name
    return found


def told(pane, name) -> list[str]:
    return [
        label.accessibleName() for label in find(pane, name).findChildren(QLabel) if label.accessibleName()
    ]


# --- how sure -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "origins", "words"),
    [
        ({"confidence": "certain", "base_model": "SDXL 1.0", "candidates": []}, {}, "Certain"),
        ({"confidence": "metadata", "base_model": "SDXL 1.0", "candidates": []}, {}, "metadata in the file"),
        ({"confidence": "name", "base_model": "SDXL 1.0", "candidates": []}, {}, "file's name"),
        ({}, {}, "leaves open"),
        ({"candidates": []}, {}, "Likely"),
        ({"candidates": [], "type": "unknown"}, {}, "Nothing in the file"),
        ({"format": "text", "type": "unknown", "candidates": [], "confidence": "certain"}, {}, "Nothing in the file"),
        ({}, {"base_model": "user"}, "You set the base model."),
        ({"type": "vae"}, {"type": "user", "base_model": "user"}, "type and base model. The file itself says VAE"),
        (
            {"confidence": "certain", "base_model": "SD 1.x", "candidates": []},
            {"base_model": "lora-manager"},
            "LoRA Manager says that it is made for SDXL 1.0. The file itself says SD 1.x.",
        ),
    ],
)  # fmt: skip
def test_it_says_how_sure_it_is(header, origins, words):
    found = {column: Origin(source, 1 if source == "user" else 3) for column, source in origins.items()}
    assert words in sure_words(ROW, HEADER | header, found)


def test_a_finer_word_contradicts_nothing():
    origins = {"base_model": Origin("lora-manager", 3)}
    words = sure_words(ROW, HEADER | {"base_model": "SDXL", "candidates": []}, origins)
    assert words == "LoRA Manager says that it is made for SDXL 1.0."


def test_long_words_are_cut_in_their_middle_and_told_whole(pane, show):
    digits = "e398" * 16
    show(
        header=HEADER
        | {"shown": [{"group": "Training", "label": "Hash of the model before", "value": digits}]}
    )
    (value,) = [
        label
        for label in find(pane, "toldTraining").findChildren(QLabel)
        if label.accessibleName().endswith(digits)
    ]
    assert value.text() == "e398e398e398e3…98e398e398"
    assert digits in value.toolTip()


def test_without_a_header_nothing_is_claimed():
    assert sure_words(ROW, None, {}) == "Nobody has looked into the file yet."


def test_a_candidate_is_chosen_and_sticks_until_it_is_taken_back(qtbot, catalog, fill, library, pane, show):
    row = show(header=HEADER)
    chips = find(pane, "identityCandidates").findChildren(QToolButton, "candidateButton")
    assert [chip.text() for chip in chips] == CANDIDATES
    assert [chip.isChecked() for chip in chips] == [row.base_model == word for word in CANDIDATES]
    with qtbot.waitSignal(pane.row_changed) as changed:
        qtbot.mouseClick(chips[1], Qt.MouseButton.LeftButton)
    assert changed.args[0].base_model == "Pony"
    qtbot.waitUntil(lambda: catalog.rows([row.id])[0].base_model == "Pony")
    library.relight(row.id)
    assert catalog.rows([row.id])[0].base_model == "Pony"
    show(header=HEADER, row=catalog.rows([row.id])[0], provenance={"base_model": Origin("user", 1)})
    assert "You set the base model." in find(pane, "identityWords", QLabel).text()
    reset = find(pane, "resetIdentityButton", QPushButton)
    assert reset.isVisibleTo(pane)
    qtbot.mouseClick(reset, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: catalog.rows([row.id])[0].base_model != "Pony")


def test_what_shares_every_tensor_is_named_and_can_be_chosen(pane, show):
    header = {"format": "safetensors", "type": "checkpoint", "base_model": "SDXL", "confidence": "certain"}
    header |= {"finer": ["Pony", "Illustrious", "NoobAI"], "base_by_name": "Pony"}
    row = show(header=header)
    chips = find(pane, "identityCandidates").findChildren(QToolButton, "candidateButton")
    assert [chip.text() for chip in chips] == ["SDXL", "Pony", "Illustrious", "NoobAI"]
    assert "Pony, Illustrious or NoobAI can't be told" in sure_words(row, header, {})
    assert sure_words(row._replace(base_model="Pony"), header, {}).endswith("its name says Pony.")
    assert "can't be told" not in sure_words(row, header | {"confidence": "metadata", "finer": []}, {})


def test_while_the_answer_is_on_its_way_no_candidate_is_taken(qtbot, catalog, pane, show):
    row = show(header=HEADER)
    pane.show_model(row)
    chip = find(pane, "identityCandidates").findChildren(QToolButton, "candidateButton")[1]
    with qtbot.assertNotEmitted(pane.row_changed):
        chip.click()


def test_the_evidence_can_be_read_and_copied(pane, show):
    row = show(header=HEADER)
    evidence = find(pane, "evidenceLines", QPlainTextEdit)
    section = evidence.parentWidget()
    assert section.findChild(QToolButton).text() == f"Why does it say {row.base_model}?"
    assert not section.isHidden()
    assert "sdxl_⇤base" in evidence.toPlainText()
    evidence.selectAll()
    assert evidence.exact_selection() == "\n".join(HEADER["evidence"])
    show(header=HEADER | {"evidence": []})
    assert section.isHidden()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("$adapter_share > 0.5", "adapter share > 0.5"),
        ("@ss_base_model_version = sdxl", "metadata: ss_base_model_version = sdxl"),
        ("in: attn2.to_k = 2048", "input of attn2.to_k = 2048"),
        ("!module: single_blocks", "not: changes single_blocks"),
        (
            "first_stage_model.decoder.conv_in.weight[1] = 4",
            "first_stage_model.decoder.conv_in.weight[1] = 4",
        ),
        ("", ""),
    ],
)
def test_conditions_are_told_in_words(line, words):
    assert evidence_words(line) == words


# --- danger and problems ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verdict", "message", "role"),
    [
        ("dangerous", "Dangerous import os.system found.", "problem"),
        ("none_found", "No known danger found, not verified.", ""),
        ("unscanned", "Could not be scanned: it took too long.", ""),
    ],
)
def test_what_a_pickle_would_do_is_said_in_words(pane, show, verdict, message, role):
    scan = {"verdict": verdict, "message": message, "dangerous": ["os.system"], "unusual": []}
    show(header=HEADER | {"pickle_scan": scan})
    badge = find(pane, "dangerBadge", QLabel)
    assert badge.isVisibleTo(pane)
    assert badge.text() == message
    assert "safe" not in badge.text().lower()
    assert badge.property("role") == role
    assert "os.system" in badge.toolTip()
    show(header=HEADER)
    assert not badge.isVisibleTo(pane)


def test_danger_is_told_before_the_details_are_there(catalog, pane, show):
    row = show(header=HEADER)
    pane.show_model(row._replace(danger="dangerous"))
    assert find(pane, "dangerBadge", QLabel).text() == "Dangerous instructions found."
    pane.show_model(row)
    assert not find(pane, "dangerBadgeLine").isVisibleTo(pane)


def test_what_is_wrong_with_a_file_is_one_sentence_each(pane, show):
    many = [{"code": "x", "message": f"Fault {n}."} for n in range(5)]
    show(header=HEADER | {"problems": many})
    assert find(pane, "fileProblems", QLabel).text() == "Fault 0.\nFault 1.\nFault 2.\n… and 2 more"
    for odd in ("text", [1, None, {"code": "x"}], {}):
        show(header=HEADER | {"problems": odd})
        assert not find(pane, "fileProblemsLine").isVisibleTo(pane)


# --- hashes and files ---------------------------------------------------------------------------------------

HASHES = (
    ("CRC32", "fdd31d46", "claimed"),
    ("SHA256", "b" * 64, "former"),
    ("AutoV2", "a" * 10, "claimed"),
    ("AutoV3", "c" * 12, "computed"),
    ("SHA256", "a" * 64, "computed"),
    ("AutoV2", "a" * 10, "computed"),
    ("SHA256", "d" * 64, "claimed"),
)


def test_computed_hashes_come_first_and_claims_that_agree_are_left_out():
    assert [(kind, trust) for kind, _digits, trust in worth_showing(HASHES)] == [
        ("SHA256", "computed"),
        ("AutoV2", "computed"),
        ("AutoV3", "computed"),
        ("SHA256", "claimed"),
        ("CRC32", "claimed"),
        ("SHA256", "former"),
    ]


def test_every_hash_can_be_copied_whole(qtbot, pane, show):
    row = show(header=HEADER, hashes=HASHES)
    shown = [label.text() for label in pane.findChildren(QLabel, "hashDigits") if not label.isHidden()]
    assert shown[0] == "a" * 64
    copies = [button for button in pane.findChildren(QToolButton, "copyHashButton") if not button.isHidden()]
    assert copies[2].accessibleName() == "Copy AutoV3"
    copies[2].click()
    assert QGuiApplication.clipboard().text() == "c" * 12
    assert "was rewritten" in find(pane, "rewrittenNote", QLabel).text()
    with qtbot.waitSignal(pane.hashes_wanted) as wanted:
        find(pane, "computeHashesButton", QPushButton).click()
    assert wanted.args == [row.id]
    show(
        header=HEADER, hashes=(*HASHES[4:5], ("CRC32", "0" * 8, "computed"), ("BLAKE3", "e" * 64, "computed"))
    )
    assert find(pane, "computeHashesButton").isHidden()
    assert not find(pane, "rewrittenNoteLine").isVisibleTo(pane)


def test_links_and_parts_say_what_they_are(pane, show):
    show(
        files=(
            ModelFile("/m/ink.safetensors", 9, 0, FileState.PRESENT),
            ModelFile("/l/ink.safetensors", 9, 0, FileState.PRESENT, link_target="/m/ink.safetensors"),
            ModelFile("/d/unet/model.safetensors", 9, 0, FileState.MISSING, member="unet/model.safetensors"),
        )
    )
    table = find(pane, "filesTable", QTableWidget)
    assert [table.item(row, 0).text() for row in range(3)] == [
        "ink.safetensors",
        "ink.safetensors\nlink to /m/ink.safetensors",
        "unet/model.safetensors",
    ]
    assert table.item(2, 1).text() == "Missing"
    assert table.rowHeight(1) > table.rowHeight(0)


@pytest.mark.parametrize(
    ("state", "button", "signal"),
    [(FileState.MISSING, "Locate…", "locate_wanted"), (FileState.OFFLINE, "Folder moved…", "move_wanted")],
)
def test_a_lost_file_has_a_way_back(qtbot, catalog, pane, show, state, button, signal):
    row = show()
    pane.show_model(row._replace(file_state=state))
    way = find(pane, "detailsTroubleButton", QPushButton)
    assert way.text() == button
    with qtbot.waitSignal(getattr(pane, signal)) as wanted:
        way.click()
    assert wanted.args[0].id == row.id
    pane.show_model(row)
    assert not way.isVisibleTo(pane)


@pytest.mark.parametrize(
    ("path", "drive"),
    [
        ("/run/media/ann/Models/loras/a.pt", "Models"),
        ("/media/ann/My disk/a.pt", "My disk"),
        ("/Volumes/Models/a.pt", "Models"),
        ("E:\\models\\a.pt", "E:"),
        ("/mnt/big/a.pt", "big"),
        ("/home/ann/models/a.pt", None),
        ("/mnt/a.pt", None),
    ],
)
def test_a_drive_that_is_away_is_called_by_its_name(pane, show, path, drive):
    row = show()
    pane.show_model(row._replace(file_state=FileState.OFFLINE, path=path))
    words = find(pane, "detailsTrouble", QLabel).text()
    assert words.startswith(
        f"The drive “{drive}” is not connected." if drive else "The folder can't be reached"
    )
    assert path in words


# --- what the file says -------------------------------------------------------------------------------------


def test_what_a_file_says_stands_in_its_group(pane, show):
    shown = [
        {"group": "About", "label": "Author", "value": "harbor\u202emaster"},
        {"group": "Training", "label": "Images", "value": 1200},
        {"group": "New", "label": "Odd", "value": "x" * 900},
        "no entry",
        {"group": "Training", "label": "Nothing", "value": ""},
    ]
    show(header=HEADER | {"shown": shown})
    assert told(pane, "toldAbout") == ["Author: harbor⇤master"]
    assert told(pane, "toldTraining") == ["Images: 1,200"]
    assert told(pane, "toldTechnical")[0].startswith("Odd: xxx")
    assert find(pane, "toldMergeSection").isHidden()
    show(header=None)
    assert find(pane, "toldSections").isHidden()


@pytest.mark.parametrize("odd", [None, 3, "x", {}, [[]], [{"group": None, "label": None, "value": None}]])
def test_odd_facts_do_no_harm(odd):
    assert not any(facts_of({"shown": odd}).values())


def test_the_tags_of_a_training_are_shown_and_copied(qtbot, pane, show):
    tags = [[f"tag {n}", 100 - n] for n in range(20)] + ["odd", [1], ["none", 0]]
    show(header=HEADER | {"training_tags": tags})
    bars = find(pane, "trainingTags")
    assert bars.accessibleDescription().startswith("tag 0: 100, tag 1: 99")
    before = bars.height()
    more = find(pane, "moreTagsButton", QPushButton)
    assert more.text() == "Show 8 more"
    more.click()
    assert bars.height() > before
    find(pane, "copyTagsButton", QPushButton).click()
    assert QGuiApplication.clipboard().text() == ", ".join(f"tag {n}" for n in range(20))
    assert not find(pane, "toldTrainingSection").isHidden()


def test_a_chat_template_is_text_and_can_be_seen_whole(qtbot, catalog, fill, pane, show):
    whole = "{% for m in messages %}" + "x" * 3000
    metadata = {
        "tokenizer.chat_template.tools": "<b>{{ tools }}</b>",
        "tokenizer.chat_template": whole[:2000] + " […]",
        "tokenizer.ggml.model": "gpt2",
    }
    assert [template.key for template in templates_of({"metadata": metadata})] == [
        "tokenizer.chat_template",
        "tokenizer.chat_template.tools",
    ]
    (model_id,) = fill.add(1, first=7, records=False)
    payload = b'{"tokenizer.chat_template": "%s"}' % whole.encode()
    fill.attach({model_id: [Record("embedded", "/m/x.gguf", "", payload)]})
    row = catalog.rows([model_id])[0]
    show(row=row, header=HEADER | {"metadata": metadata})
    text, button = find(pane, "chatTemplate", QPlainTextEdit), find(pane, "wholeTemplateButton", QPushButton)
    assert text.toPlainText().endswith("[…]")
    button.click()
    qtbot.waitUntil(lambda: text.toPlainText() == whole)
    assert button.isHidden()
    find(pane, "chatTemplates", QComboBox).setCurrentIndex(1)
    assert text.toPlainText() == "<b>{{ tools }}</b>"


@pytest.mark.parametrize("payload", [b"", b"[1]", b'{"k": 3}', b"[" * 100_000, b"\xff"])
def test_an_odd_record_has_no_template(catalog, fill, payload):
    (model_id,) = fill.add(1, records=False)
    fill.attach({model_id: [Record("embedded", "/m/x.gguf", "", payload)]})
    (record,) = catalog.records_of(model_id)
    assert read_template(catalog, record.id, "k") == ("k", None)


def test_sections_stay_as_they_were_folded(pane):
    for make in pane.late_parts():
        make()
    buttons = [button for button in pane.findChildren(QToolButton) if button.property("role") == "section"]
    assert all(button.objectName() for button in buttons)
    assert {"hashesFold", "toldTrainingFold", "toldChatTemplateFold"} <= {
        each.objectName() for each in buttons
    }
    state = pane.fold_state()
    assert {"header", "evidence", "hashes", "told Training", "told Chat template"} <= set(state)
    pane.restore_folds({"hashes": True, "told Training": False})
    assert pane.fold_state()["hashes"] is True
    assert pane.fold_state()["told Training"] is False


def test_no_word_of_a_stranger_is_html(catalog, pane, show):
    evil = "<img src='file:///dev/zero'>"
    show(
        header=HEADER
        | {
            "candidates": [evil, "Pony"],
            "evidence": [evil],
            "problems": [{"code": "x", "message": evil}],
            "pickle_scan": {"verdict": "dangerous", "message": evil, "dangerous": [evil], "unusual": []},
            "shown": [{"group": "About", "label": evil, "value": evil}],
            "training_tags": [[evil, 3]],
        },
        hashes=((evil, evil, "computed"),),
    )
    for label in pane.findChildren(QLabel):
        assert label.textFormat() == Qt.TextFormat.PlainText
        assert "<img" not in label.toolTip()
    for button in pane.findChildren(QToolButton):
        assert "<img" not in button.toolTip()


def test_what_the_file_leaves_open_is_offered_first_where_the_base_is_typed(qtbot, pane, show):
    show(header=HEADER)
    field = find(pane, "base_modelField")
    field.start()
    completer = find(pane, "base_modelEditor", QLineEdit).completer()
    qtbot.waitUntil(lambda: completer.model().rowCount() > 40)
    words = [completer.model().index(row, 0).data() for row in range(completer.model().rowCount())]
    assert words[:3] == CANDIDATES
    assert len(set(words)) == len(words)


def test_a_word_that_is_chosen_from_the_list_is_taken(qtbot, pane, show, catalog):
    row = show(header=HEADER)
    field = find(pane, "base_modelField")
    field.start()
    editor = find(pane, "base_modelEditor", QLineEdit)
    editor.setText("Pony")
    editor.completer().activated.emit("Pony")
    qtbot.waitUntil(lambda: not field.is_editing)
    qtbot.waitUntil(lambda: catalog.rows([row.id])[0].base_model == "Pony")


def test_the_mark_of_a_field_leads_to_what_decided(qtbot, pane, show):
    row = show(header=HEADER)
    pane.resize(340, 400)
    section = find(pane, "evidenceSection")
    assert not section.is_open
    field = find(pane, "typeField")
    menu = field.origin_menu()
    (why,) = [action for action in menu.actions() if action.objectName() == "whyAction"]
    assert why.text() == "Why does it say LoRA?"
    why.trigger()
    assert section.is_open
    scroll = find(pane, "detailsScroll", QScrollArea)
    bar = scroll.verticalScrollBar()
    # At the top of the pane, or as far up as there is something below it.
    qtbot.waitUntil(
        lambda: (
            bar.value() > 0
            and (0 <= section.mapTo(scroll.viewport(), QPoint(0, 0)).y() < 60 or bar.value() == bar.maximum())
        )
    )
    licence = find(pane, "licenseField").origin_menu()
    assert "whyAction" not in {action.objectName() for action in licence.actions()}
    assert row.type == "lora"


def test_after_the_reasons_were_asked_for_a_field_keeps_the_keyboard(qtbot, pane, show):
    show(header=HEADER)
    pane.resize(340, 700)
    field = find(pane, "typeField")
    (why,) = [action for action in field.origin_menu().actions() if action.objectName() == "whyAction"]
    why.trigger()
    qtbot.wait(2 * WHY_MS)
    for column in ("tags", "trigger_words"):
        other = find(pane, f"{column}Field")
        other.start()
        qtbot.wait(100)  # its editor changes how long the page is
        assert other.is_editing


def test_a_list_of_types_that_is_closed_without_a_choice_changes_nothing(qtbot, pane, show, catalog):
    row = show(header=HEADER)
    field = find(pane, "typeField")
    field.start()
    box = find(pane, "typeEditor", QComboBox)
    assert box.view().isVisible()
    box.hidePopup()
    qtbot.waitUntil(lambda: not field.is_editing)
    assert catalog.rows([row.id])[0].type == row.type
