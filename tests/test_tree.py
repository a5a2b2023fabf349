"""The walk of folders: everything once, nothing outside, nothing that hangs."""

import os
from pathlib import Path

import pytest

from modelmgr import tree
from modelmgr.progress import Cancelled, Progress
from modelmgr.values import Problem


def walk(root: Path, **options: int) -> tuple[list[tree.Listing], list[Problem]]:
    problems: list[Problem] = []
    found = list(
        tree.walk(
            str(root), Progress(), wanted=lambda name: name.endswith(".m"), report=problems.append, **options
        )
    )
    return found, problems


def entries(listings: list[tree.Listing]) -> list[str]:
    return [entry.path for listing in listings for entry in listing.entries]


def test_parents_come_first_and_only_wanted_files_are_looked_at(tmp_path: Path) -> None:
    (tmp_path / "b" / "c").mkdir(parents=True)
    for name in ("a.m", "a.txt", "b/b.m", "b/c/c.m"):
        (tmp_path / name).write_text(name)
    found, problems = walk(tmp_path)
    assert [listing.path for listing in found] == [str(tmp_path / part) for part in ("", "b", "b/c")]
    assert entries(found) == [str(tmp_path / name) for name in ("a.m", "b/b.m", "b/c/c.m")]
    assert found[0].names == ("a.m", "a.txt")
    assert problems == []


def test_links_to_folders_are_followed_once_and_never_upwards(tmp_path: Path) -> None:
    root, other = tmp_path / "root", tmp_path / "other"
    root.mkdir()
    other.mkdir()
    (other / "o.m").write_text("o")
    (root / "one").symlink_to(other)
    (root / "two").symlink_to(other)
    (root / "up").symlink_to(tmp_path)
    (root / "self").symlink_to(root)
    (root / "slash").symlink_to("/")
    (root / "proc").symlink_to("/proc")
    found, problems = walk(root)
    assert entries(found) == [str(root / "one" / "o.m")]
    assert found[-1].link_target == str(other)
    assert problems == []


def test_a_folder_is_entered_by_its_own_path_first(tmp_path: Path) -> None:
    for name in ("a/deep", "z/deep"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "x.m").touch()
    (tmp_path / "a" / "early").symlink_to(tmp_path / "z" / "deep")
    found, _ = walk(tmp_path)
    assert entries(found) == [str(tmp_path / "a" / "deep" / "x.m"), str(tmp_path / "z" / "deep" / "x.m")]


def test_folders_that_are_known_are_not_entered_again(tmp_path: Path) -> None:
    (tmp_path / "old" / "new").mkdir(parents=True)
    (tmp_path / "new").mkdir()
    facts = os.stat(tmp_path / "old")
    root = os.stat(tmp_path)
    places = tree.descend(
        str(tmp_path),
        Progress(),
        lambda place: (place.path, [(name, False) for name in ("old", "new") if place.path == str(tmp_path)]),
        report=lambda _: None,
        known=[(root.st_dev, root.st_ino), (facts.st_dev, facts.st_ino)],
    )
    assert list(places) == [str(tmp_path), str(tmp_path / "new")]


def test_what_is_no_regular_file_is_a_problem_and_not_an_entry(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.m")
    (tmp_path / "gone.m").symlink_to(tmp_path / "nowhere")
    (tmp_path / "loop.m").symlink_to(tmp_path / "loop.m")
    (tmp_path / "gone.txt").symlink_to(tmp_path / "nowhere")
    found, problems = walk(tmp_path)
    assert entries(found) == []
    assert {(os.path.basename(problem.path), problem.code) for problem in problems} == {
        ("pipe.m", "unreadable"),
        ("gone.m", "not_found"),
        ("loop.m", "unreadable"),
    }


def test_too_deep_is_told_and_not_silent(tmp_path: Path) -> None:
    deep = tmp_path / "1" / "2" / "3"
    deep.mkdir(parents=True)
    (deep / "x.m").touch()
    found, problems = walk(tmp_path, max_depth=2)
    assert entries(found) == []
    assert [(problem.path, problem.code) for problem in problems] == [(str(deep), "too_deep")]
    assert walk(tmp_path, max_depth=3)[1] == []


def test_a_tree_deeper_than_python_recurses_is_walked(tmp_path: Path) -> None:
    depth = 1_200
    here = os.getcwd()
    os.chdir(tmp_path)
    try:
        for _ in range(depth):
            os.mkdir("d")
            os.chdir("d")
        found, _ = walk(tmp_path)
        assert len(found) == depth + 1
        for _ in range(depth):  # what clears up behind the tests recurses
            os.chdir("..")
            os.rmdir("d")
    finally:
        os.chdir(here)


def test_a_cancelled_walk_ends(tmp_path: Path) -> None:
    progress = Progress()
    progress.cancel()
    with pytest.raises(Cancelled):
        list(tree.walk(str(tmp_path), progress, wanted=lambda _: True, report=lambda _: None))


def test_numbers_fold_into_a_signed_column() -> None:
    assert tree.signed64(5) == 5
    assert tree.signed64(2**64 - 1) == -1
    assert tree.signed64(2**127 + 7) == 7
