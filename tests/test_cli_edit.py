"""`edit` and `edits` as programs and people meet them."""

from pathlib import Path

import pytest

from tests.command_line import UNKNOWN_SHA256, Library, run, words, write_library

EDIT_KEYS = words("group models changed problems cancelled")
UNDO_KEYS = words("group changed skipped problems cancelled")


@pytest.fixture
def library(tmp_path: Path) -> Library:
    """A library that is scanned; each test has its own."""
    made = write_library(tmp_path)
    assert made.run("scan", made.root / "models", "--json").code == 0
    return made


def test_values_are_set_for_several_models_and_undone_as_one(library: Library) -> None:
    said = library.run(
        *("edit", library.ink[:8], library.copper, "--set", "rating=4", "--set", "favorite=yes"),
        *("--set", "tags=ink, paper", "--add-tag", "new", "--note", "spring", "--json"),
    )
    assert said.code == 0, said
    assert set(said.json) == EDIT_KEYS
    assert (said.json["models"], said.json["changed"], said.json["problems"]) == (2, 2, [])
    for sha256 in (library.ink, library.copper):
        shown = library.run("show", sha256, "--json").json
        assert (shown["rating"], shown["favorite"], shown["tags"]) == (4, True, ["ink", "paper", "new"])
        assert shown["edited"] == ["favorite", "rating", "tags"]
    reset = library.run("edit", library.copper, "--reset", "rating", "--remove-tag", "INK", "--json")
    assert reset.json["changed"] == 1
    undone = library.run("edit", "--undo", str(said.json["group"]), "--json")
    assert undone.code == 1
    assert set(undone.json) == UNDO_KEYS
    assert (undone.json["changed"], undone.json["skipped"]) == (2, 2)
    assert {(one["path"], one["record_key"], one["code"]) for one in undone.json["problems"]} == {
        (library.copper, "rating", "changed_since"),
        (library.copper, "tags", "changed_since"),
    }
    assert library.run("show", library.ink, "--json").json["edited"] == []
    redone = library.run("edit", "--redo", "--json")
    assert (redone.code, redone.json["group"]) == (0, said.json["group"])
    assert library.run("show", library.ink, "--json").json["rating"] == 4


def test_the_history_says_what_came_from_where(library: Library) -> None:
    library.run("edit", library.ink, "--set", "name=My ink", "--note", "shorter")
    library.run("edit", library.ink, "--set", "rating=3")
    library.run("edit", "--undo")
    said = library.run("edits", library.ink[:10], "--json")
    assert said.code == 0
    assert set(said.json) == words("sha256 edits columns")
    rating, name = said.json["edits"]
    assert (rating["column"], rating["before"], rating["after"], rating["undone"]) == (
        "rating",
        None,
        3,
        True,
    )
    assert name == {
        "group": 1,
        "made_at": name["made_at"],
        "door": "cli",
        "note": "shorter",
        "column": "name",
        "before": None,
        "after": "My ink",
        "undone": False,
    }
    assert said.json["columns"]["name"] == {
        "value": "My ink",
        "source": "user",
        "edited": True,
        "imported": said.json["columns"]["name"]["imported"],
        "imported_source": "file",
    }
    assert said.json["columns"]["name"]["imported"] in ("inkwash", "inkwash copy")
    assert said.json["columns"]["rating"]["edited"] is False
    lines = library.run("edits", library.ink).out
    assert "My ink" in lines
    assert "#1: name imported -> My ink (shorter)" in lines
    assert "#2, undone: rating imported -> 3" in lines
    assert "Nothing was edited." in library.run("edits", library.copper).out


def test_models_that_are_not_there_are_problems_and_stop_nothing(library: Library) -> None:
    said = library.run("edit", UNKNOWN_SHA256, library.ink, "--set", "notes=a=b", "--json")
    assert (said.code, said.json["changed"]) == (1, 1)
    assert [problem["code"] for problem in said.json["problems"]] == ["not_found"]
    assert library.run("show", library.ink, "--json").json["notes"] == "a=b"
    only_wrong = library.run("edit", UNKNOWN_SHA256, "--set", "notes=x", "--json")
    assert (only_wrong.code, only_wrong.json["group"], only_wrong.json["changed"]) == (1, None, 0)
    missing = library.run("edits", UNKNOWN_SHA256, "--json")
    assert (missing.code, missing.json["error"]["code"]) == (1, "not_found")
    gone = library.run("edit", "--undo", "99", "--json")
    assert (gone.code, gone.json["error"]["code"]) == (1, "not_found")


def test_nothing_to_undo_is_said_and_no_problem(library: Library) -> None:
    said = library.run("edit", "--undo", "--json")
    assert (said.code, said.json["group"], said.json["changed"]) == (0, None, 0)
    assert library.run("edit", "--redo").out == "There is nothing to redo.\n"


@pytest.mark.parametrize(
    "said",
    [
        [],
        ["abcdef12"],
        ["--set", "rating=3"],
        ["abcdef12", "--set", "rating"],
        ["abcdef12", "--set", "rating=6"],
        ["abcdef12", "--set", "colour=red"],
        ["abcdef12", "--set", "type=spaceship"],
        ["abcdef12", "--set", "favorite=maybe"],
        ["abcdef12", "--set", "name="],
        ["abcdef12", "--set", "source_url=ftp://example.org"],
        ["abcdef12", "--reset", "sha256"],
        ["abcdef12", "--set", "rating=1", "--set", "rating=2"],
        ["abcdef12", "--set", "rating=1", "--reset", "rating"],
        ["--undo", "--redo"],
        ["abcdef12", "--undo"],
        ["--undo", "1", "--set", "rating=3"],
        ["--undo", "first"],
        ["xyz", "--set", "rating=3"],
    ],
    ids=" ".join,
)
def test_wrong_words_are_wrong_usage_and_touch_nothing(tmp_path: Path, said: list[str]) -> None:
    answer = run(tmp_path / "catalog.sqlite", "edit", *said, "--json")
    assert answer.code == 2, answer
    assert answer.json["error"]["code"] == "usage"
    assert not (tmp_path / "catalog.sqlite").exists()


def test_a_name_with_control_marks_reaches_no_terminal(library: Library) -> None:
    library.run("edit", library.ink, "--set", "name=a\u202eb\x1b[31m", "--note", "c\u202ed")
    out = library.run("edits", library.ink).out
    assert "\u202e" not in out
    assert "\x1b" not in out
