"""Words for numbers, and what foreign text may look like."""

from datetime import datetime

import pytest
from PySide6.QtCore import QLocale

from modelmgr.gui import text
from modelmgr.gui.reasons import hash_words, origin_text, source_label
from modelmgr.gui.text import (
    about_text,
    age_text,
    column_order,
    column_text,
    counted,
    date_text,
    exact_size_text,
    foreign_text,
    is_web_address,
    plain_tip,
    size_text,
    type_label,
)
from modelmgr.gui.theme import customs_of
from modelmgr.migration.sources import ALL
from modelmgr.values import HashMatch, ModelRow


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 KB"),
        (218_000_000, "218 MB"),
        (6_500_000_000, "6.5 GB"),
        (999_600_000, "1.0 GB"),
        (4_100_000_000_000, "4.1 TB"),
        (None, ""),
    ],
)
def test_sizes_have_the_digits_that_count(size, words):
    assert size_text(size) == words


def test_exact_sizes_are_exact():
    assert exact_size_text(218_123_456) == "218,123,456 bytes"
    assert exact_size_text(1) == "1 byte"


@pytest.mark.parametrize(
    ("age", "words"),
    [(0, "now"), (60, "1 min"), (7200, "2 h"), (3 * 86400, "3 d"), (8 * 86400, "1 w"), (400 * 86400, "1 y")],
)
def test_ages_are_short(age, words):
    assert age_text(1_000_000_000, 1_000_000_000 + age) == words


def test_times_beyond_any_calendar_are_shown_as_numbers():
    assert date_text(10**15) == str(10**15)
    assert date_text(-(10**15)) == str(-(10**15))


def test_what_is_left_is_rounded_up():
    guesses = [about_text(seconds) for seconds in (0.2, 31, 61, 250, 5_300, 7_800)]
    assert guesses == [
        "a few seconds",
        "about 40 s",
        "about 1 min",
        "about 4 min",
        "about 88 min",
        "about 2 h",
    ]


def test_one_is_singular():
    assert (counted(1, "model"), counted(12345, "model")) == ("1 model", "12,345 models")


@pytest.mark.parametrize(
    "mark", ["\x00", "\x1b", "\x7f", "\x9b", "\u200f", "\u202e", "\u2066", "\ufeff", "\U000e0041"]
)
def test_marks_that_a_screen_obeys_become_visible(mark):
    shown = foreign_text(f"a{mark}b")
    assert len(shown) == 3
    assert mark not in shown
    assert shown[1].isprintable()


def test_letters_of_all_scripts_stay_as_they_are():
    text = "Ärger, 漢字, ابجد, e\u0301, 😀"
    assert foreign_text(text) == text


def test_lone_surrogates_of_paths_do_not_reach_qt():
    assert foreign_text("a\udcffb").encode("utf-8") == "a\ufffdb".encode()


def test_lines_stay_only_where_there_are_lines():
    assert foreign_text("a\nb\tc") == "a␊b␉c"
    assert foreign_text("a\nb\tc", lines=True) == "a\nb\tc"


def test_long_text_is_cut_with_an_ellipsis():
    assert foreign_text("x" * 10, 4) == "xxx…"
    assert foreign_text("x" * 4, 4) == "xxxx"


def test_a_tip_is_never_read_as_html():
    assert plain_tip("<img src='file:///dev/zero'>") == (
        '<p style="white-space:pre-wrap">&lt;img src=&#x27;file:///dev/zero&#x27;&gt;</p>'
    )


def test_types_have_nice_labels():
    assert [type_label(word) for word in ("lora", "text_encoder", "vae", "")] == [
        "LoRA",
        "Text encoder",
        "VAE",
        "",
    ]


def test_only_plain_https_addresses_are_offered_as_links():
    assert is_web_address("https://civitai.com/models/1")
    for address in ("http://a", "file:///etc/passwd", "javascript:x", "https://a\u202eb", None):
        assert not is_web_address(address)


def test_from_right_to_left_a_size_keeps_its_order():
    text.read_from_right(True)
    try:
        assert text.size_text(536_000) == "\u200e536 KB"
    finally:
        text.read_from_right(False)
    assert text.size_text(536_000) == "536 KB"


def test_permissions_of_a_catalogue_are_said_in_words():
    permissions = "civitai:credit=optional;commercial=image,rent;derivatives=yes;relicense=no"
    said = text.license_text(permissions)
    assert said == "Credit optional, commercial use: image, rent, derivatives allowed, same licence"
    assert text.license_text("civitai:") == "civitai:"
    assert text.license_text("apache-2.0\x07") == "apache-2.0␇"
    assert text.license_text(None) == ""


SOURCES_OF_THE_SPECIFICATION = [
    "civitai-info",
    "lora-manager",
    "stability-matrix",
    "rgthree-info",
    "swarmui-json",
    "civitai-browser-api",
    "lora-manager-recipe",
    "pumas-metadata",
    "sdnext-metadata",
    "diffusers-folder",
    "jan-model-yml",
    "lmstudio-model-yaml",
    "a1111-user-json",
    "sdnext-json",
    "civitai-json",
    "model-manager-md",
    "a1111-txt",
    "pysssss-sha256",
    "cdb-boop-url",
    "a1111-cache-json",
    "a1111-diskcache",
    "addnet-hashes",
    "lora-manager-cache",
    "invokeai-db",
    "comfyui-assets",
    "pumas-index",
    "diffusion-toolkit-db",
    "generic-sqlite",
    "invokeai-yaml",
    "comfyui-paths",
    "hf-cache",
    "ollama",
    "diffusion-toolkit-models",
    "generic-json",
    "generic-jsonl",
    "generic-csv",
    "api",
    "user",
    "header",
    "file",
]


def test_every_source_has_a_name_that_people_know():
    known = {name for source in ALL for name in (source.id, *source.record_ids)}
    assert [
        name for name in sorted(known.union(SOURCES_OF_THE_SPECIFICATION)) if source_label(name) == name
    ] == []
    assert source_label("invokeai-db") == "InvokeAI"


@pytest.mark.parametrize(
    ("source", "rank", "words"),
    [
        ("user", 1, "you"),
        ("lora-manager", 2, "LoRA Manager, typed there"),
        ("civitai-info", 3, "Civitai Helper, its hash fits the file"),
        ("header", 5, "the file's header"),
        ("file", 7, "the file, from its name and folder"),
        ("merged", 2, "several together"),
    ],
)
def test_where_a_value_came_from_is_said_in_words(source, rank, words):
    assert origin_text(source, rank) == words


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("tags", ("ink", "fog"), "ink, fog"),
        ("rating", 3, "★★★"),
        ("favorite", True, "yes"),
        ("nsfw", False, "no"),
        ("type", "lora", "LoRA"),
        ("notes", "a\nb?token=abc", "a␊b?token=•••"),
        ("notes", None, ""),
    ],
)
def test_the_value_of_a_column_is_read_as_a_person_would(column, value, words):
    assert column_text(column, value) == words


def test_columns_stand_in_one_order_everywhere():
    assert column_order(["path", "zzz", "tags", "name"]) == ["name", "tags", "path", "zzz"]


def match(model: int | None, kind: str = "CRC32", trust: str = "computed", source: str = "") -> HashMatch:
    row = None if model is None else ModelRow(model, "a" * 64, f"Ink {model}", "lora", 1)
    return HashMatch(
        kind, trust, row, None, source, "", "", None, None, "Ink\u202e" if row is None else row.name
    )


@pytest.mark.parametrize(
    ("matches", "words"),
    [
        ([], "No file and no record is known by this hash."),
        ([match(1)], "It is the CRC32 of Ink 1."),
        (
            [match(1, trust="claimed", source="lora-manager")],
            "It is the CRC32 of Ink 1, as LoRA Manager claims.",
        ),
        ([match(1, "AutoV1"), match(2), match(2, "AutoV1")], "It is the AutoV1 of Ink 1 and of 1 more."),
        (
            [match(None, source="api", trust="claimed")],
            "HTTP API knows it as the CRC32 of Ink⇤, a record that still waits.",
        ),
    ],
)
def test_what_a_hash_leads_to_is_a_sentence(matches, words):
    assert hash_words(matches) == words


@pytest.mark.parametrize(
    ("name", "count", "size", "day"),
    [
        ("de_DE", "12.345", "6,5 GB", "04.01.2025"),
        ("en_GB", "12,345", "6.5 GB", "04/01/2025"),
        ("C", "12,345", "6.5 GB", "2025-01-04"),
    ],
)
def test_numbers_and_dates_are_written_as_the_user_does(name, count, size, day):
    text.use_customs(customs_of(QLocale(name)))
    try:
        assert text.count_text(12345) == count
        assert text.counted(12345, "model") == f"{count} models"
        assert text.size_text(6_500_000_000) == size
        assert text.exact_size_text(12345) == f"{count} bytes"
        assert text.date_text(datetime(2025, 1, 4, 12, 0).timestamp()).startswith(day)
        assert text.date_text(10**15) == str(10**15)
    finally:
        text.use_customs(text.Customs())


def test_bytes_are_counted_beyond_what_qt_counts():
    assert exact_size_text(6_500_000_000) == "6,500,000,000 bytes"


def test_the_dots_of_a_cut_name_stand_at_its_own_end():
    try:
        assert text.cut_text("Inkwash Har…") == "Inkwash Har…"
        text.read_from_right(True)
        assert text.cut_text("Inkwash Har…") == "Inkwash Har…\u200e"
        assert text.cut_text("Inkwash Harbor") == "Inkwash Harbor"
        assert text.cut_text("מודל אר…") == "מודל אר…"
        assert text.cut_text("12 …") == "12 …"
    finally:
        text.read_from_right(False)
