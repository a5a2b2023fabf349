"""A translation is gathered from the program, made, and spoken; what was forgotten on a screen `test_screens` finds."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PySide6.QtCore import QLocale, QTranslator

from modelmgr.gui import language
from modelmgr.gui.text import counted, type_label
from tests import translations


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
