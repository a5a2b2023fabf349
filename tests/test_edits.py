"""What each column takes of the user, in which form, and what it refuses."""

from typing import Any

import pytest

from modelmgr import edits, vocabulary
from modelmgr.errors import Usage


@pytest.mark.parametrize(
    ("column", "given", "kept"),
    [
        ("name", "  Ink\twash\r\nharbor\x00 \x1b[31m", "Ink wash harbor [31m"),
        ("name", "half \ud83d", "half \ufffd"),
        ("name", "\u2028a\u2028b", "a b"),
        ("type", "LORA", "lora"),
        ("type", " Textual Inversion ", "embedding"),
        ("type", "unknown", "unknown"),
        ("base_model", "sdxl", "SDXL"),
        ("base_model", "My own base", "My own base"),
        ("base_model", "", ""),
        ("tags", [" ink ", "Ink", "", "harbor\n"], ["ink", "harbor"]),
        ("tags", (), []),
        ("trigger_words", ["Ink", "ink", "ink, harbor"], ["Ink", "ink", "ink, harbor"]),
        ("rating", 5, 5),
        ("rating", 0, 0),
        ("favorite", False, False),
        ("nsfw", True, True),
        ("notes", " a\r\nb\rc\x07\td ", "a\nb\nc\td"),
        ("license", "MIT\n", "MIT"),
        ("source_url", " https://example.org/m?v=1 ", "https://example.org/m?v=1"),
        ("source_url", "", ""),
        ("preview", "/a/../b.png", "/b.png"),
        ("preview", "", ""),
    ],
)
def test_a_value_takes_its_normal_form(column: str, given: Any, kept: Any) -> None:
    assert edits.checked(column, given) == kept
    assert edits.checked(column, kept) == kept


@pytest.mark.parametrize(
    ("column", "given"),
    [
        ("name", ""),
        ("name", " \x00\n"),
        ("name", "x" * 1001),
        ("name", 3),
        ("name", None),
        ("type", "sandwich"),
        ("type", ""),
        ("type", ["lora"]),
        ("base_model", "x" * 201),
        ("tags", "ink"),
        ("tags", ["x" * 201]),
        ("tags", [f"tag {number}" for number in range(1001)]),
        ("tags", [1]),
        ("rating", 6),
        ("rating", -1),
        ("rating", 4.0),
        ("rating", True),
        ("rating", "4"),
        ("favorite", 1),
        ("favorite", "yes"),
        ("notes", "x" * 32_001),
        ("source_url", "ftp://example.org/"),
        ("source_url", "javascript:alert(1)"),
        ("source_url", "https://"),
        ("source_url", "https://exa mple.org/"),
        ("source_url", "https://[::1"),
        ("source_url", "https://example.org:99999/"),
        ("preview", "b.png"),
        ("preview", "/b\0.png"),
        ("sha256", "0" * 64),
        ("size_bytes", 1),
    ],
)
def test_what_a_column_does_not_take_is_refused_by_name(column: str, given: Any) -> None:
    with pytest.raises(Usage) as refused:
        edits.checked(column, given)
    assert refused.value.details["column"] == column
    assert refused.value.details["allowed"]
    assert column in refused.value.message
    assert len(refused.value.message) < 1000


def test_every_type_and_base_of_the_vocabulary_is_taken_as_it_is() -> None:
    for word in vocabulary.TYPES:
        assert edits.checked("type", word) == word
    for word in vocabulary.BASES:
        assert edits.checked("base_model", word) == word


@pytest.mark.parametrize(
    ("column", "text", "kept"),
    [
        ("rating", "4", 4),
        ("rating", "", 0),
        ("favorite", "yes", True),
        ("nsfw", "False", False),
        ("tags", "ink, harbor,", ["ink", "harbor"]),
        ("tags", '["a, b", "c"]', ["a, b", "c"]),
        ("tags", "", []),
        ("tags", "[draft], x", ["[draft]", "x"]),
        ("notes", "a=b", "a=b"),
    ],
)
def test_words_of_the_command_line_stand_for_values(column: str, text: str, kept: Any) -> None:
    assert edits.parsed(column, text) == kept


@pytest.mark.parametrize(("column", "text"), [("rating", "four"), ("rating", "²"), ("favorite", "maybe")])
def test_words_that_stand_for_nothing_are_refused(column: str, text: str) -> None:
    with pytest.raises(Usage, match=column):
        edits.parsed(column, text)


def test_entries_come_and_go_tags_whatever_their_case() -> None:
    assert edits.with_entries("tags", ["Ink", "wip"], ["ink", "new"], ["WIP"]) == ["Ink", "new"]
    assert edits.with_entries("trigger_words", ["Ink", "ink"], ["INK"], ["ink"]) == ["Ink", "INK"]
