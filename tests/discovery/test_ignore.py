"""The rules of what a scan leaves out: their patterns, and their way into the catalog and back."""

import subprocess
from pathlib import Path

import pytest

from modelmgr.discovery import IgnoreRules
from modelmgr.discovery.ignore import finished_name
from modelmgr.errors import Usage


@pytest.mark.parametrize("rules", [IgnoreRules(), IgnoreRules(("*.tmp.pt", "/a/**", "!b"), skip_hidden=True)])
def test_rules_come_back_from_json(rules: IgnoreRules) -> None:
    assert IgnoreRules.from_json(rules.as_json()) == rules


def test_nothing_said_means_the_defaults() -> None:
    assert IgnoreRules.from_json({}) == IgnoreRules()


@pytest.mark.parametrize(
    "values",
    [
        {"patterns": "*.pt"},
        {"patterns": [1]},
        {"patterns": None},
        {"skip_hidden": 1},
        {"skip_hidden": "no"},
        {"patterns": ["a["]},
    ],
)
def test_other_values_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(Usage):
        IgnoreRules.from_json(values)


@pytest.mark.parametrize("pattern", ["a[", "a\\", "!", "/", "a[b"])
def test_a_pattern_without_sense_is_named(pattern: str) -> None:
    with pytest.raises(Usage) as raised:
        IgnoreRules(("*.ok", pattern))
    assert repr(pattern) in raised.value.message
    assert raised.value.details == {"pattern": pattern}


def test_comments_and_empty_lines_are_no_patterns() -> None:
    matches = IgnoreRules(("# note", "", "  ", "*.pt")).matcher()
    assert matches is not None
    assert matches("a/x.pt")
    assert not matches("# note")


def test_without_patterns_nothing_is_asked() -> None:
    assert IgnoreRules(skip_hidden=True).matcher() is None


PATTERNS = (
    "*.bak.pt",
    "/top.pt",
    "old/",
    "deep/**/x.pt",
    "!keep.bak.pt",
    "[ab]?.gguf",
    "a/b",
    r"\!odd.pt",
    "**/t/*.pt",
)
PATHS = (
    *(
        "x.bak.pt",
        "d/x.bak.pt",
        "keep.bak.pt",
        "d/keep.bak.pt",
        "top.pt",
        "d/top.pt",
        "old/x.pt",
        "d/old/x.pt",
    ),
    *(
        "deep/x.pt",
        "deep/1/2/x.pt",
        "deep/1/y.pt",
        "a1.gguf",
        "c1.gguf",
        "d/b2.gguf",
        "a/b/x.pt",
        "d/a/b/x.pt",
    ),
    *("!odd.pt", "t/x.pt", "d/t/x.pt", "t/d/x.pt"),
)


def test_patterns_mean_what_they_mean_to_git(tmp_path: Path) -> None:
    try:
        subprocess.run(["git", "init", "-q", tmp_path], check=True)
    except OSError:
        pytest.skip("git is not there")
    (tmp_path / ".gitignore").write_text("\n".join(PATTERNS))
    for path in PATHS:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    command = ["git", "-C", str(tmp_path), "check-ignore", "--no-index", *PATHS]
    told = set(subprocess.run(command, capture_output=True, text=True, check=False).stdout.split("\n")) - {""}
    told = {path[1:-1].replace("\\\\", "\\") if path.startswith('"') else path for path in told}
    matches = IgnoreRules(PATTERNS).matcher()
    assert matches is not None
    ours = {
        path
        for path in PATHS
        if matches(path) or any(matches(f"{folder}/") for folder in list(Path(path).parents)[:-1])
    }
    assert ours == told


@pytest.mark.parametrize(
    ("name", "finished"),
    [
        ("x.safetensors.part", "x.safetensors"),
        ("x.safetensors.PART", "x.safetensors"),
        ("x.part", "x"),
        (".part", None),
        ("part", None),
        ("x.safetensors", None),
        (".x.pt.a1B2c3", "x.pt"),
        ("x.pt.a1B2c3", None),
        ("sha256-" + "0" * 64 + "-partial-3", "sha256-" + "0" * 64),
        ("sha256-" + "0" * 64, None),
    ],
)
def test_the_name_in_the_end(name: str, finished: str | None) -> None:
    assert finished_name(name) == finished
