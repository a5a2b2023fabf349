"""A translation is gathered from the program, made, and spoken; what was forgotten on a screen `test_screens` finds."""

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from string import Formatter
from xml.etree import ElementTree

import pytest
from PySide6.QtCore import QLocale, QTranslator

from modelmgr.errors import NotFound
from modelmgr.gui import language
from modelmgr.gui.outcomes import error_text, sentence
from modelmgr.gui.sentences import spoken, use_templates
from modelmgr.gui.text import _TYPE_LABELS, counted, type_label
from modelmgr.values import ImportReport, MoveReport, PromoteReport, ScanReport, UndoReport, VerifyReport
from modelmgr.vocabulary import TYPES
from tests import sentences, translations
from tests.gui.pseudo import Pseudo, plain, pseudo


def test_a_translation_is_gathered_made_and_spoken(qapp, tmp_path, monkeypatch):
    places = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    lrelease = shutil.which("pyside6-lrelease", path=places)
    if lrelease is None:
        pytest.skip("the tool that makes .qm files is not there")
    monkeypatch.setattr(translations, "FOLDER", tmp_path)
    path = translations.write("de")
    tree = ElementTree.parse(path)
    for context in tree.getroot().iter("context"):
        for message in context.iter("message"):
            said_in_german = {
                "%n model": ["%n Modell", "%n Modelle"],
                "Language model": "Sprachmodell",
                "&Add folder…": "Ordner &hinzufügen …",
            }.get(message.findtext("source", ""))
            translation = message.find("translation")
            if isinstance(said_in_german, list):
                for form in said_in_german:
                    ElementTree.SubElement(translation, "numerusform").text = form
            elif said_in_german:
                translation.text = said_in_german
            if said_in_german:
                del translation.attrib["type"]
    tree.write(path, encoding="utf-8")
    subprocess.run([lrelease, str(path)], check=True, capture_output=True)
    assert translations.write("de") == path
    assert "Sprachmodell" in path.read_text(encoding="utf-8")  # what is translated stays
    monkeypatch.setattr(language, "resource_path", lambda *_parts: tmp_path)
    try:
        assert not language.install(qapp, QLocale("fr_FR"))
        assert language.install(qapp, QLocale("de_DE"))
        assert counted(1, "model") == "1 Modell"
        assert counted(12_345, "model") == "12,345 Modelle"
        assert type_label("llm") == "Sprachmodell"
        assert type_label("checkpoint") == "Checkpoint"
    finally:
        for translator in qapp.findChildren(QTranslator):
            qapp.removeTranslator(translator)
            translator.setParent(None)


def test_english_needs_no_translation():
    assert counted(1, "model") == "1 model"
    assert counted(12_345, "entry", "entries") == "12,345 entries"


def test_what_is_gathered_is_what_the_window_says():
    gathered = translations.texts()
    assert translations.Text("Counted", "%n model", plural=True) in gathered
    assert translations.Text("Words", "Ready to promote") in gathered
    for context, source in (
        ("Columns", "Base model"),
        ("PendingColumns", "Why"),
        ("Commands", "&Add folder…"),
        ("MigrationWizard", "&Import"),
    ):
        assert translations.Text(context, source) in gathered, source
    assert len({text.context for text in gathered}) > 30


@pytest.fixture
def spoken_in_pseudo(qapp):
    """The window speaks the language that nobody speaks."""
    translator = Pseudo()
    qapp.installTranslator(translator)
    use_templates(sentences.templates())
    yield
    qapp.removeTranslator(translator)
    use_templates(())


def test_a_sentence_of_another_room_is_said_with_its_values(spoken_in_pseudo):
    assert spoken("There is no folder /srv/Lora {x}.") == pseudo("There is no folder {new}.").format(
        new="/srv/Lora {x}"
    )
    assert (
        spoken('The header does not begin with "{".')
        == pseudo('The header does not begin with "{{".').format()
    )
    cause = spoken("The value's file a.bin can't be read. The file isn't there any more.")
    assert pseudo("The file isn't there any more.") in cause  # a sentence in a sentence
    assert spoken("Nobody ever says this.") == "Nobody ever says this."
    assert spoken("x" * 100_000) == "x" * 100_000


def test_every_template_finds_itself(spoken_in_pseudo):
    lost = []
    for template in sentences.templates():
        names = {
            name: f"<{name}>" for _words, name, _form, _conversion in Formatter().parse(template) if name
        }
        if spoken(template.format(**names)) != pseudo(template).format(**names):
            lost.append(template)
    assert lost == []


def test_without_a_translation_a_sentence_stays_as_it_is(qapp):
    assert spoken("There is no folder /srv.") == "There is no folder /srv."


def test_reports_and_errors_are_told_in_one_language(spoken_in_pseudo):
    reports = [
        ScanReport(seen=9, added=3, moved=1, updated=2, missing=1, offline=2, failed=1),
        ScanReport(cancelled=True),
        ImportReport(seen=6, added=1, unchanged=2, failed=3),
        PromoteReport(promoted=2, stayed=1),
        UndoReport(undone=1, stayed=1),
        VerifyReport(checked=2, ok=2),
        VerifyReport(checked=4, ok=2, changed=1, missing=1),
        MoveReport(found=2, changed=1, absent=1),
    ]
    for told in [
        *map(sentence, reports),
        error_text(NotFound("There is no model 7.")),
        error_text(ValueError()),
    ]:
        assert not re.search("[a-z]{2}", re.sub("⟦.*⟧", "", told)), told
        assert not plain(told), told


_FOR_NOBODY = {"info", "warning", "error", "OSError", "PermissionError", "Forms"}
"""What is called with words of the log, and with what is gathered in another form."""
_CODE = re.compile(r"[\w\]]+ \{ ?[a-z-]+:|[(\[<]\S*[\\|+=]|\$\(|<[a-z]+ |\]$| \| None$|: Bearer")


def test_no_sentence_of_the_window_is_left_out_or_put_together_of_pieces():
    known = {text.source for text in translations.texts()}
    left = []
    for path in sorted(translations.GUI.rglob("*.py")):
        if path.name in ("diagnostics.py", "logs.py"):
            continue  # for those who mend the program
        for template, given_to in sentences.strings(ast.parse(path.read_text(encoding="utf-8"))):
            text = template.replace("{{", "{").replace("}}", "}")
            words = re.findall(r"[^\W\d_]{2,}", re.sub(r"\{\w+\}", "", text))
            has_enough = len(words) > (1 if re.search(r"\{\w+\}", text) else 2) and any(
                map(str.islower, words)
            )
            if given_to in _FOR_NOBODY or text in known or not has_enough or " " not in text:
                continue
            if not _CODE.search(text):
                left.append(f"{path.name}: {text}")
    assert left == []


def test_every_type_of_model_has_a_label():
    assert set(TYPES) <= set(_TYPE_LABELS)
