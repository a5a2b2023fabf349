"""Installed tools are found by looking, and by nothing else."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from modelmgr.migration.installed import find_installed, place_of
from modelmgr.migration.source import Container, LegacySource, Place, Report
from modelmgr.migration.sources import ALL
from modelmgr.progress import Progress
from modelmgr.values import Claims, InstalledTool, Record


class Heron(LegacySource):
    """A source of a tool that keeps its things in three places."""

    id = "heron"
    record_ids = ("heron",)
    places = (
        Place("Heron", "~/.heron"),
        Place("Heron", "$HERON_HOME/models"),
        Place("Heron", "~/.heron/models"),
        Place("Heron for Windows", "$APPDATA/Heron", "win32"),
    )

    def probe(self, container: Container, report: Report) -> bool:
        raise AssertionError("nothing is opened to find a tool")

    def records(self, container: Container, progress: Progress, report: Report) -> Iterator[Record]:
        raise AssertionError("nothing is read to find a tool")

    def claims(self, record: Record, siblings: frozenset[str], sha256: str | None = None) -> Claims:
        return Claims()


def test_a_tool_is_found_where_it_usually_is_and_named_once(tmp_path: Path):
    (tmp_path / "home/.heron/models").mkdir(parents=True)
    (tmp_path / "disk/models").mkdir(parents=True)
    known = {"HOME": str(tmp_path / "home"), "HERON_HOME": str(tmp_path / "disk")}
    assert find_installed(known, "linux", [Heron()]) == [
        InstalledTool("Heron", (str(tmp_path / "home/.heron"), str(tmp_path / "disk/models")))
    ]


def test_two_ways_to_one_folder_are_one_place(tmp_path: Path):
    (tmp_path / "home/.heron").mkdir(parents=True)
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk/models").symlink_to(tmp_path / "home/.heron")
    known = {"HOME": str(tmp_path / "home"), "HERON_HOME": str(tmp_path / "disk")}
    assert find_installed(known, "linux", [Heron()]) == [
        InstalledTool("Heron", (str(tmp_path / "home/.heron"),))
    ]


def test_nothing_is_found_where_nothing_is(tmp_path: Path):
    assert find_installed({"HOME": str(tmp_path)}, "linux", [Heron()]) == []
    assert find_installed({}, "linux", [Heron()]) == []


@pytest.mark.parametrize(
    ("template", "system", "expected"),
    [
        ("~/.heron", "linux", "/home/ann/.heron"),
        ("~", "linux", "/home/ann"),
        ("$BASE/models", "linux", "/srv/base/models"),
        ("${BASE}x", "linux", "/srv/basex"),
        ("$MISSING/models", "linux", None),
        ("$EMPTY/models", "linux", None),
        ("$RELATIVE/models", "linux", None),
        ("models", "linux", None),
        ("~/.heron", "darwin", "/home/ann/.heron"),
    ],
)
def test_a_template_becomes_a_path_or_nothing(template: str, system: str, expected: str | None):
    known = {"HOME": "/home/ann", "BASE": "/srv/base", "EMPTY": "", "RELATIVE": "here"}
    assert place_of(Place("Heron", template), known, system) == expected


def test_a_place_of_another_system_is_none():
    assert place_of(Place("Heron", "~/x", "win32"), {"HOME": "/home/ann"}, "linux") is None


def test_every_place_of_every_source_is_a_path_where_its_variables_are_set():
    for place in (place for source in ALL for place in source.places):
        assert place.tool
        assert "\\" not in place.path
        assert place.path[0] in "~$/" or (place.system == "win32" and place.path[1:3] == ":/")
