"""The walk for models: what it lists, what it leaves out and says so, and how it knows an unchanged folder."""

import os
import socket
import stat
import time
from collections.abc import Iterable
from pathlib import Path
from random import Random

import pytest

from modelmgr.discovery import (
    HIDDEN,
    NO_RULES,
    PARTIAL_DOWNLOAD,
    PATTERN,
    Folder,
    IgnoreRules,
    changed_folders,
    ignored_files,
    looks_like_a_model,
    scan,
    walk_folders,
)
from modelmgr.progress import Cancelled, Progress
from modelmgr.values import Problem

SHA = "0123456789abcdef" * 4


def walk(
    root: Path,
    rules: IgnoreRules = NO_RULES,
    *,
    library: Path | None = None,
    known: Iterable[tuple[int, int]] = (),
) -> tuple[dict[str, Folder], list[Problem]]:
    problems: list[Problem] = []
    found = walk_folders(
        str(root),
        Progress(),
        problems.append,
        rules,
        library=str(library) if library is not None else None,
        known=known,
    )
    return {os.path.relpath(folder.path, root): folder for folder in found}, problems


def files(folders: dict[str, Folder]) -> list[str]:
    return [
        os.path.normpath(os.path.join(path, row[0]))
        for path, folder in folders.items()
        for row in folder.files
    ]


def ignored(root: Path, folders: dict[str, Folder]) -> dict[str, str]:
    return {
        path.removeprefix(str(root) + os.sep): reason
        for folder in folders.values()
        for path, reason in folder.ignored
    }


def make(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        if name.endswith("/"):
            path.mkdir(parents=True, exist_ok=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(name.encode("utf-8", "surrogateescape"))


def settle(*folders: Path) -> None:
    """Give folders a time that is long past."""
    for folder in folders:
        os.utime(folder, ns=(1_600_000_000_123_456_789, 1_600_000_000_123_456_789))


# --- what is listed ---------------------------------------------------------------------------------------


def test_every_folder_comes_with_its_models_and_the_other_names(tmp_path: Path) -> None:
    make(tmp_path, "b.safetensors", "a.GGUF", "a.txt", "sub/deep/x.Pt", "sub/deep/x.civitai.info", "empty/")
    folders, problems = walk(tmp_path)
    assert list(folders) == [".", "empty", "sub", "sub/deep"]
    assert files(folders) == ["a.GGUF", "b.safetensors", "sub/deep/x.Pt"]
    assert folders["."].names == ["a.txt"]
    assert folders["."].folders == ["empty", "sub"]
    assert folders["sub/deep"].names == ["x.civitai.info"]
    assert problems == []


def test_a_row_has_the_facts_of_the_file(tmp_path: Path) -> None:
    make(tmp_path, "x.safetensors")
    (tmp_path / "link.safetensors").symlink_to("x.safetensors")
    facts = os.stat(tmp_path / "x.safetensors")
    shared = (facts.st_size, facts.st_mtime_ns, facts.st_ino, facts.st_dev)
    folder = walk(tmp_path)[0]["."]
    assert folder.files == [("link.safetensors", *shared, True), ("x.safetensors", *shared, False)]
    assert (folder.inode, folder.device) == (os.stat(tmp_path).st_ino, facts.st_dev)


@pytest.mark.parametrize(
    "name", ["x.safetensors", "x.SFT", "x.CkPt", "x.pt2", "x.onnx", "a.b.bin", ".pt", "\udcff.gguf", "ä.zip"]
)
def test_a_name_with_the_ending_of_a_model_is_one(tmp_path: Path, name: str) -> None:
    make(tmp_path, name)
    assert looks_like_a_model(name)
    assert files(walk(tmp_path)[0]) == [name]


@pytest.mark.parametrize(
    "name", ["pt", "safetensors", "x.pth.txt", "x.p", "xpt", "x.json", "x.engine2", "x."]
)
def test_another_name_is_none(tmp_path: Path, name: str) -> None:
    make(tmp_path, name)
    assert not looks_like_a_model(name)
    folders, _ = walk(tmp_path)
    assert files(folders) == []
    assert folders["."].names == [name]
    assert folders["."].digest == ""


def test_a_blob_is_a_model_in_a_folder_of_blobs_only(tmp_path: Path) -> None:
    names = [f"sha256-{SHA}", f"sha256:{SHA}", SHA, SHA[:40]]
    make(
        tmp_path,
        *(f"blobs/{name}" for name in [*names, SHA[:39], "x.gguf"]),
        *(f"o/{name}" for name in names),
    )
    folders, _ = walk(tmp_path)
    assert files(folders) == sorted(f"blobs/{name}" for name in [*names, "x.gguf"])
    assert folders["blobs"].names == [SHA[:39]]


def test_snapshots_come_before_blobs(tmp_path: Path) -> None:
    make(tmp_path, f"blobs/{SHA}", "snapshots/x.gguf", "refs/main")
    assert list(walk(tmp_path)[0]) == [".", "refs", "snapshots", "blobs"]


def test_a_folder_with_the_name_of_a_model_is_a_folder(tmp_path: Path) -> None:
    make(tmp_path, "x.safetensors/y.safetensors")
    (tmp_path / "link.pt").symlink_to("x.safetensors")
    folders, problems = walk(tmp_path)
    assert files(folders) == ["x.safetensors/y.safetensors"]
    assert problems == []


# --- links ------------------------------------------------------------------------------------------------


def test_a_folder_is_met_by_its_own_path_rather_than_by_a_link(tmp_path: Path) -> None:
    make(tmp_path, "z/x.pt")
    (tmp_path / "a").symlink_to("z")
    folders, _ = walk(tmp_path)
    assert files(folders) == ["z/x.pt"]
    assert folders["z"].link_target is None


def test_below_a_link_each_folder_says_where_it_lies(tmp_path: Path) -> None:
    make(tmp_path, "library/", "other/deep/x.pt")
    (tmp_path / "library" / "link").symlink_to(tmp_path / "other")
    folders, _ = walk(tmp_path / "library")
    assert files(folders) == ["link/deep/x.pt"]
    assert [folders[name].link_target for name in (".", "link", "link/deep")] == [
        None,
        str(tmp_path / "other"),
        str(tmp_path / "other" / "deep"),
    ]


def test_links_into_the_kernels_folders_lead_nowhere(tmp_path: Path) -> None:
    (tmp_path / "x.bin").symlink_to("/proc/version")
    (tmp_path / "y.bin").symlink_to("/dev/null")
    (tmp_path / "z").symlink_to("/sys")
    folders, problems = walk(tmp_path)
    assert files(folders) == []
    assert [(os.path.basename(problem.path), problem.code) for problem in problems] == [
        ("y.bin", "unreadable")
    ]


# --- what is left out -------------------------------------------------------------------------------------

PARTIAL = [
    "x.safetensors.part",
    "x.safetensors.CRDOWNLOAD",
    "x.ckpt.tmp",
    "x.gguf.incomplete",
    "x.gguf.aria2",
    "x.pt.!qB",
    "x.pt.opdownload",
    ".x.safetensors.Ab3dE6",
    f"blobs/sha256-{SHA}-partial",
    f"blobs/sha256-{SHA}-partial-12",
    f"blobs/{SHA}.incomplete",
]


@pytest.mark.parametrize("name", PARTIAL)
def test_a_partial_download_is_ignored_and_said(tmp_path: Path, name: str) -> None:
    make(tmp_path, name)
    folders, _ = walk(tmp_path)
    assert files(folders) == []
    assert ignored(tmp_path, folders) == {name: PARTIAL_DOWNLOAD}
    assert [one for folder in folders.values() for one in folder.names] == []


@pytest.mark.parametrize(
    "name", ["x.txt.part", "x.part", ".part", "notes.tmp", f"{SHA}.incomplete", "a.b.Ab3dE6"]
)
def test_what_will_be_no_model_is_another_name(tmp_path: Path, name: str) -> None:
    make(tmp_path, name)
    folders, _ = walk(tmp_path)
    assert ignored(tmp_path, folders) == {}
    assert folders["."].names == [name]


def test_what_aria2_still_writes_is_ignored(tmp_path: Path) -> None:
    make(tmp_path, "x.safetensors", "x.safetensors.aria2", "y.safetensors")
    folders, _ = walk(tmp_path)
    assert files(folders) == ["y.safetensors"]
    assert ignored(tmp_path, folders) == dict.fromkeys(
        ("x.safetensors", "x.safetensors.aria2"), PARTIAL_DOWNLOAD
    )


def test_safaris_folder_of_a_download_is_not_entered(tmp_path: Path) -> None:
    make(tmp_path, "x.safetensors.download/x.safetensors", "my.download/y.safetensors")
    folders, _ = walk(tmp_path)
    assert files(folders) == ["my.download/y.safetensors"]
    assert ignored(tmp_path, folders) == {"x.safetensors.download/": PARTIAL_DOWNLOAD}


def test_hidden_things_are_listed_unless_the_user_objects(tmp_path: Path) -> None:
    make(tmp_path, ".cache/x.pt", ".y.pt", "z.pt", ".git/config", ".git/w.pt")
    assert files(walk(tmp_path)[0]) == [".y.pt", "z.pt", ".cache/x.pt"]
    folders, _ = walk(tmp_path, IgnoreRules(skip_hidden=True))
    assert files(folders) == ["z.pt"]
    assert ignored(tmp_path, folders) == {".cache/": HIDDEN, ".y.pt": HIDDEN}


def test_patterns_are_relative_to_the_library_wherever_the_walk_begins(tmp_path: Path) -> None:
    make(tmp_path, "a/old/x.pt", "a/new/x.pt", "a/new/keep_test.pt", "old/y.pt", "test.pt")
    rules = IgnoreRules(("/a/old/", "*test.pt", "!keep_test.pt"))
    folders, _ = walk(tmp_path, rules)
    assert files(folders) == ["a/new/keep_test.pt", "a/new/x.pt", "old/y.pt"]
    assert ignored(tmp_path, folders) == {"a/old/": PATTERN, "test.pt": PATTERN}
    folders, _ = walk(tmp_path / "a", rules, library=tmp_path)
    assert files(folders) == ["new/keep_test.pt", "new/x.pt"]


def test_every_ignored_file_can_be_listed(tmp_path: Path) -> None:
    make(tmp_path, "old/deep/x.pt", "old/y.pt.part", "old/z.txt", "z.gguf.tmp", ".h/w.pt", "ok.pt")
    rules = IgnoreRules(("old/",), skip_hidden=True)
    found = dict(ignored_files(str(tmp_path), Progress(), lambda problem: None, rules))
    assert {path.removeprefix(str(tmp_path) + "/"): reason for path, reason in found.items()} == {
        "old/deep/x.pt": PATTERN,
        "old/y.pt.part": PARTIAL_DOWNLOAD,
        "z.gguf.tmp": PARTIAL_DOWNLOAD,
        ".h/w.pt": HIDDEN,
    }


# --- what strangers make ----------------------------------------------------------------------------------


def test_nothing_in_a_hostile_tree_hides_its_neighbours(tmp_path: Path) -> None:
    make(
        tmp_path, "good.pt", "sub/good.pt", "line\nbreak.pt", "CASE.pt", "case.pt", "e\u0301.pt", "\u00e9.pt"
    )
    make(tmp_path, "\udcfe\udcff.pt", "locked/x.pt", "long" + "g" * 247 + ".pt")
    os.mkfifo(tmp_path / "fifo.safetensors")
    os.mkfifo(tmp_path / "fifo.txt")
    with socket.socket(socket.AF_UNIX) as server:
        here = os.getcwd()
        os.chdir(tmp_path)
        try:
            server.bind("s.gguf")
        finally:
            os.chdir(here)
    (tmp_path / "dangling.pt").symlink_to("nowhere")
    (tmp_path / "dangling.txt").symlink_to("nowhere")
    (tmp_path / "loop.pt").symlink_to("loop.pt")
    (tmp_path / "sub" / "up").symlink_to("..")
    (tmp_path / "sub" / "all").symlink_to("/")
    (tmp_path / "ping").symlink_to("pong")
    (tmp_path / "pong").symlink_to("ping")
    (tmp_path / "far.pt").symlink_to("y" * 300)
    os.utime(tmp_path / "good.pt", ns=(-(10**18), -(10**18)))
    folders, problems = walk(tmp_path)
    listed = set(files(folders)) - {"locked/x.pt"}
    assert listed == {
        *("good.pt", "sub/good.pt", "line\nbreak.pt", "CASE.pt", "case.pt", "e\u0301.pt", "\u00e9.pt"),
        *("\udcfe\udcff.pt", "long" + "g" * 247 + ".pt"),
    }
    assert folders["."].names == []
    told = sorted((os.path.basename(problem.path), problem.code) for problem in problems)
    assert told == [
        ("dangling.pt", "not_found"),
        ("far.pt", "unreadable"),
        ("fifo.safetensors", "unreadable"),
        ("loop.pt", "unreadable"),
        ("ping", "unreadable"),
        ("pong", "unreadable"),
        ("s.gguf", "unreadable"),
    ]
    assert next(row[2] for row in folders["."].files if row[0] == "good.pt") == -(10**18)


def test_a_folder_that_may_not_be_read_is_one_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path, "locked/x.pt", "open/x.pt")
    (tmp_path / "locked").chmod(0)
    try:
        if os.access(tmp_path / "locked", os.R_OK):  # root may read all
            real = os.open

            def refuse(path: str, *rest: int) -> int:
                if path == str(tmp_path / "locked"):
                    raise PermissionError(13, "Permission denied", path)
                return real(path, *rest)

            monkeypatch.setattr(os, "open", refuse)
        folders, problems = walk(tmp_path)
    finally:
        monkeypatch.undo()
        (tmp_path / "locked").chmod(0o700)
    assert files(folders) == ["open/x.pt"]
    assert [(problem.path, problem.code) for problem in problems] == [
        (str(tmp_path / "locked"), "unreadable")
    ]


def test_paths_beyond_the_systems_limit_are_told(tmp_path: Path) -> None:
    make(tmp_path, "good.pt")
    here = os.getcwd()
    os.chdir(tmp_path)
    try:
        depth = 0
        while depth * 201 < 5_000:
            os.mkdir("d" * 200)
            os.chdir("d" * 200)
            depth += 1
        Path("x.pt").touch()
        folders, problems = walk(tmp_path)
        os.unlink("x.pt")
        for _ in range(depth):
            os.chdir("..")
            os.rmdir("d" * 200)
    finally:
        os.chdir(here)
    assert files(folders) == ["good.pt"]
    assert [problem.code for problem in problems] == ["unreadable"]


def test_a_cancel_is_heard_within_one_large_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "_LISTED_AT_ONCE", 1)
    make(tmp_path, "x.pt", "y.txt")
    progress = Progress()
    (tmp_path / "dangling.pt").symlink_to("nowhere")
    with pytest.raises(Cancelled):
        list(walk_folders(str(tmp_path), progress, lambda problem: progress.cancel()))


def test_the_walk_by_paths_finds_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, "a/x.pt", "a/y.txt", "a/z.pt.part", ".h/x.gguf", "config.json", "w.onnx")
    settle(tmp_path, tmp_path / "a", tmp_path / ".h")
    rules = IgnoreRules(("z*",))
    by_descriptor = walk(tmp_path, rules)
    monkeypatch.setattr(scan, "_BY_DESCRIPTOR", False)
    assert walk(tmp_path, rules) == by_descriptor


# --- unchanged folders ------------------------------------------------------------------------------------


def digest(root: Path) -> str:
    return walk(root)[0]["."].digest


def test_a_digest_stays_until_a_model_or_a_marker_changes(tmp_path: Path) -> None:
    make(tmp_path, "x.pt", "y.pt", "config.json", "z.index.json", "notes.txt")
    first = digest(tmp_path)
    assert len(first) == 32
    seen = {first}
    (tmp_path / "notes.txt").write_text("other")
    (tmp_path / "new.txt").touch()
    assert digest(tmp_path) == first
    for change in (
        lambda: (tmp_path / "x.pt").write_bytes(b"12345"),
        lambda: os.utime(tmp_path / "x.pt", ns=(0, 0)),
        lambda: (tmp_path / "x.pt").rename(tmp_path / "x2.pt"),
        lambda: (tmp_path / "config.json").write_text("{}"),
        lambda: (tmp_path / "z.index.json").unlink(),
        lambda: (tmp_path / "y.pt").unlink(),
        lambda: (tmp_path / "adapter_config.json").touch(),
    ):
        change()
        seen.add(digest(tmp_path))
    assert len(seen) == 8


def test_another_body_of_the_same_name_size_and_time_changes_the_digest(tmp_path: Path) -> None:
    make(tmp_path, "x.pt")
    os.utime(tmp_path / "x.pt", ns=(5, 5))
    first = digest(tmp_path)
    (tmp_path / "new").write_bytes(b"xxxx")
    os.utime(tmp_path / "new", ns=(5, 5))
    os.replace(tmp_path / "new", tmp_path / "x.pt")
    assert digest(tmp_path) != first


def test_only_changed_folders_and_what_is_new_below_them_are_walked(tmp_path: Path) -> None:
    make(tmp_path, "a/x.pt", "a/known/y.pt", "b/z.pt")
    (tmp_path / "a" / "link").symlink_to(tmp_path / "b")
    known = {(folder.device, folder.inode) for folder in walk(tmp_path)[0].values()}
    make(tmp_path, "a/new/deep/w.pt")
    (tmp_path / "b" / "new").symlink_to(tmp_path)
    folders, _ = walk(tmp_path / "a", library=tmp_path, known=known)
    assert list(folders) == [".", "new", "new/deep"]
    assert list(walk(tmp_path / "b", library=tmp_path, known=known)[0]) == ["."]


def test_the_quick_check_tells_changed_and_gone_folders(tmp_path: Path) -> None:
    make(tmp_path, "a/x.pt", "b/x.pt", "c/x.pt", "d/")
    settle(*(tmp_path / name for name in "abcd"), tmp_path)
    known = {folder.path: folder.mtime_ns for folder in walk(tmp_path)[0].values()}
    assert changed_folders(known, Progress()) == ([], [])
    make(tmp_path, "a/y.pt")
    (tmp_path / "c" / "x.pt").unlink()
    (tmp_path / "c").rmdir()
    (tmp_path / "d").rmdir()
    (tmp_path / "d").touch()
    changed, gone = changed_folders(known, Progress())
    assert set(changed) == {str(tmp_path), str(tmp_path / "a"), str(tmp_path / "d")}
    assert gone == [str(tmp_path / "c")]
    cancelled = Progress()
    cancelled.cancel()
    with pytest.raises(Cancelled):
        changed_folders(known, cancelled)


@pytest.mark.parametrize("seed", range(20))
def test_walking_what_changed_ends_where_walking_everything_does(tmp_path: Path, seed: int) -> None:
    random = Random(seed)
    remembered: dict[str, Folder] = {}
    for _ in range(12):
        for _ in range(random.randrange(1, 6)):
            disturb(tmp_path, random)
        if remembered:
            known = {path: folder.mtime_ns for path, folder in remembered.items()}
            changed, gone = changed_folders(known, Progress())
            for path in gone:
                del remembered[path]
            identities = [
                (facts.st_dev, facts.st_ino)
                for path in remembered
                if path not in changed
                for facts in [os.stat(path)]
            ]
            for path in changed:
                for folder in walk_folders(
                    path, Progress(), lambda problem: None, library=str(tmp_path), known=identities
                ):
                    remembered[folder.path] = folder
        else:
            remembered = {folder.path: folder for folder in walk(tmp_path)[0].values()}
        whole = {folder.path: folder for folder in walk(tmp_path)[0].values()}
        assert {path: folder.files for path, folder in remembered.items()} == {
            path: folder.files for path, folder in whole.items()
        }
        for number, path in enumerate(remembered):  # long past, and each another time
            os.utime(path, ns=(number, 10**18 + number))
            remembered[path] = remembered[path]._replace(mtime_ns=10**18 + number)


def disturb(root: Path, random: Random) -> None:
    """Do one of the things that people do to a library."""
    folders = [Path(path) for path, _, _ in os.walk(root)]
    folder, other = random.choice(folders), random.choice(folders)
    name = f"{random.randrange(10**6)}"
    match random.randrange(5):
        case 0 | 1:
            (folder / f"{name}.pt").write_text(name)
        case 2:
            (folder / name).mkdir()
        case 3 if folder != root and folder not in (other, *other.parents):
            folder.rename(other / name)
        case 4:
            for path in folder.glob("*.pt"):
                path.unlink()


def test_a_folder_that_changed_just_now_is_looked_at_once_more(tmp_path: Path) -> None:
    now = time.time_ns()
    for mtime_ns, known in (
        (now + 10**12, 0),  # another computer's clock
        (now - 10**9, now - 10**9),
        (now // 10**9 * 10**9, 0),  # a clock of whole seconds
        (1_600_000_000 * 10**9, 1_600_000_000 * 10**9),
    ):
        os.utime(tmp_path, ns=(mtime_ns, mtime_ns))
        assert walk(tmp_path)[0]["."].mtime_ns == known
    assert stat.S_ISDIR(os.stat(tmp_path).st_mode)
