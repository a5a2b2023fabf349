"""A walk in two processes: the same folders in the same order as in one, whatever becomes of the other."""

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import psutil
import pytest

from modelmgr.discovery import IgnoreRules, ahead, second, walk_folders, walk_known_folders
from modelmgr.discovery.scan import NO_RULES, Packed
from modelmgr.progress import Cancelled, Progress
from modelmgr.values import Problem

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there one process lists")


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start the second process with the first folder, also where there is one processor."""
    monkeypatch.setattr(ahead, "START_S", 0.0)
    monkeypatch.setattr(ahead, "is_worth_it", lambda: True)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Make a library with all that a walk may meet."""
    random = Random(7)
    root = tmp_path / "library"
    for number in range(120):
        folder = root / f"{number % 7}" / f"{number % 13}" / f"folder {number} \udcff"
        folder.mkdir(parents=True)
        for each in range(random.randrange(6)):
            (folder / f"model {each} ä\udce4.safetensors").write_bytes(bytes(each))
        (folder / "picture.png").touch()
    (root / "3/link").symlink_to(root / "4")
    (root / "3/outside").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere/below").mkdir(parents=True)
    (tmp_path / "elsewhere/below/x.gguf").touch()
    (root / "5/none.gguf").symlink_to("nowhere")
    (root / "5/hard.gguf").hardlink_to(next(root.rglob("*.safetensors")))
    (root / "5/soft.gguf").symlink_to(root / "5/hard.gguf")
    (root / "6/.hidden").mkdir()
    (root / "6/.hidden/model.pt").touch()
    (root / "6/model.pt.part").touch()
    (root / "6/config.json").touch()
    os.mkfifo(root / "6/pipe.pt")
    for path, _, _ in os.walk(tmp_path):  # long past, so that the time counts
        os.utime(path, (1_700_000_000, 1_700_000_000))
    return root


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Have the walk wait for what was asked for; return how many folders each answer had."""
    answers: list[int] = []
    exchange, unpacked = ahead.Ahead._exchange, ahead._unpacked

    def exchange_twice(self: ahead.Ahead, wait_s: float) -> None:
        exchange(self, 10.0)
        exchange(self, 10.0)

    def counted(found: list[Any], packed: memoryview) -> Iterator[Any]:
        answers.append(len(found))
        return unpacked(found, packed)

    monkeypatch.setattr(ahead.Ahead, "_exchange", exchange_twice)
    monkeypatch.setattr(ahead, "_unpacked", counted)
    return answers


def listed(walk: Iterator[ahead.Folder]) -> list[object]:
    return [folder._replace(rows=folder.files, names=sorted(folder.names)) for folder in walk]


def same(root: Path, rules: IgnoreRules = NO_RULES) -> None:
    """Walk both ways."""
    problems: tuple[list[Problem], list[Problem]] = ([], [])
    one = listed(walk_folders(str(root), Progress(), problems[0].append, rules))
    two = listed(walk_known_folders(str(root), Progress(), problems[1].append, rules))
    assert two == one
    assert problems[1] == problems[0] != []


def children() -> list[psutil.Process]:
    """Return the living children that list folders."""
    found = []
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.Error):  # it has ended
            if "modelmgr.discovery.ahead" in child.cmdline():
                found.append(child)
    return found


@pytest.mark.parametrize("rules", [NO_RULES, IgnoreRules(("*4*", "!keep"), skip_hidden=True)])
def test_two_processes_list_what_one_does(tree: Path, rules: IgnoreRules, waiting: list[int]) -> None:
    same(tree, rules)
    assert sum(waiting) > 20
    assert not children()


def test_it_goes_on_alone_when_the_other_ends(tree: Path) -> None:
    expected = listed(walk_folders(str(tree), Progress(), lambda problem: None))
    found = []
    killed = 0
    for folder in walk_known_folders(str(tree), Progress(), lambda problem: None):
        found.append(folder)
        for child in children():
            child.send_signal(signal.SIGKILL)
            killed += 1
    assert killed
    assert listed(iter(found)) == expected


def test_it_goes_on_alone_when_the_other_says_nothing(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = listed(walk_folders(str(tree), Progress(), lambda problem: None))
    monkeypatch.setattr(second, "SILENCE_LIMIT_S", 0.2)
    found = []
    stopped: set[int] = set()
    for folder in walk_known_folders(str(tree), Progress(), lambda problem: None):
        found.append(folder)
        for child in children():
            child.send_signal(signal.SIGSTOP)
            stopped.add(child.pid)
    assert len(stopped) == 1
    assert listed(iter(found)) == expected
    assert not children()


def test_a_request_that_nobody_takes_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(second, "SILENCE_LIMIT_S", 0.2)
    other = second.Second("modelmgr.discovery.ahead")
    other.ask(("/", NO_RULES.as_json()))
    try:
        assert other.has_started(30.0)
        (child,) = children()
        child.send_signal(signal.SIGSTOP)
        with pytest.raises(TimeoutError):
            other.ask([("/" + "x" * 4096, None)] * 1024)  # more than a pipe holds
        with pytest.raises(TimeoutError):
            while True:
                assert other.answer(0.1) is None
    finally:
        other.close()
    assert not children()


def test_what_waits_is_bounded_by_names_and_not_by_folders(
    tmp_path: Path, waiting: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ahead, "AHEAD_NAMES", 100)
    for number in range(60):
        folder = tmp_path / "root" / f"{number:02}"
        folder.mkdir(parents=True)
        for each in range(40):
            (folder / f"{each}.{'gguf' if number % 2 else 'png'}").touch()
    most = 0
    keep = ahead.Ahead._keep

    def noted(self: ahead.Ahead, path: str, listed: ahead._Listed) -> None:
        nonlocal most
        keep(self, path, listed)
        names = sum(each.folder.file_count + len(each.folder.names) for each in self._ready.values())
        assert names == self._ready_names
        most = max(most, names)

    monkeypatch.setattr(ahead.Ahead, "_keep", noted)
    found = listed(walk_known_folders(str(tmp_path / "root"), Progress(), lambda problem: None))
    assert found == listed(walk_folders(str(tmp_path / "root"), Progress(), lambda problem: None))
    assert sum(waiting) > 20
    assert 100 <= most < 100 + ahead.BATCH_FOLDERS * 40


def test_it_goes_on_alone_when_the_other_can_not_start(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(second.sys, "executable", str(tree / "no such program"))
    same(tree)


def test_it_goes_on_alone_where_the_other_would_read_other_names(tree: Path) -> None:
    (tree / "1/caf\u00e9/t\u00e9").mkdir(parents=True)
    program = """
        import sys
        from modelmgr.discovery import ahead, walk_folders, walk_known_folders
        from modelmgr.progress import Progress
        ahead.START_S, ahead.is_worth_it = 0.0, lambda: True
        exchange = ahead.Ahead._exchange
        ahead.Ahead._exchange = lambda self, wait_s: exchange(self, 10.0)
        one, two = (
            [(folder.path, folder.files) for folder in walk(sys.argv[1], Progress(), lambda problem: None)]
            for walk in (walk_folders, walk_known_folders)
        )
        assert one == two and len(one) > 120
        print(sys.getfilesystemencoding())
    """
    # The second process hears nothing of the environment.
    environment = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0"}
    answer = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), os.fsencode(tree)],
        env=environment,
        capture_output=True,
        check=True,
    )
    assert sys.platform != "linux" or answer.stdout == b"ascii\n"


def test_what_is_no_text_in_the_path_of_imports_is_passed_by(
    tree: Path, waiting: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path, tree])
    same(tree)
    assert sum(waiting) > 20


def test_a_folder_that_another_took_the_place_of_is_listed_anew(tmp_path: Path, waiting: list[int]) -> None:
    for name in "abcdef":
        (tmp_path / "root" / name).mkdir(parents=True)
        (tmp_path / "root" / name / f"{name}.gguf").touch()
    (tmp_path / "new").mkdir()
    (tmp_path / "new/other.gguf").touch()
    found: dict[str, list[str]] = {}
    for folder in walk_known_folders(str(tmp_path / "root"), Progress(), lambda problem: None):
        found[os.path.basename(folder.path)] = [row[0] for row in folder.files]
        if folder.path.endswith("a"):  # what comes next was asked for
            (tmp_path / "root/f").rename(tmp_path / "old")
            (tmp_path / "new").rename(tmp_path / "root/f")
    assert found == {"root": [], **{name: [f"{name}.gguf"] for name in "abcde"}, "f": ["other.gguf"]}
    assert sum(waiting) > 2


def test_cancelled_it_leaves_no_process(tree: Path) -> None:
    progress = Progress()
    walk = walk_known_folders(str(tree), progress, lambda problem: None)
    for _ in range(5):
        next(walk)
    (child,) = children()
    progress.cancel()
    with pytest.raises(Cancelled):
        list(walk)
    assert not child.is_running()


def test_a_process_that_is_killed_leaves_none(tree: Path) -> None:
    program = """
        import signal, sys
        from modelmgr.discovery import ahead
        from modelmgr.progress import Progress
        ahead.START_S, ahead.is_worth_it = 0.0, lambda: True
        walk = ahead.walk_known_folders(sys.argv[1], Progress(), print)
        for _ in range(5):
            next(walk)
        print("walking", flush=True)
        signal.pause()
    """
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program), str(tree)], stdout=subprocess.PIPE
    )
    assert parent.stdout is not None
    with parent:
        assert parent.stdout.readline() == b"walking\n"
        (child,) = psutil.Process(parent.pid).children()
        parent.kill()
    child.wait(10)


def test_a_hundred_thousand_files_are_a_few_bytes_each() -> None:
    rows = [(f"m{number}\udcff.gguf", number, -number, 1 << 62, 5, number % 2 == 0) for number in range(1000)]
    packed = Packed.of(rows)
    assert packed.rows() == rows
    assert sum(map(len, packed)) < 60 * len(rows)
    assert Packed(b"", b"").rows() == []
