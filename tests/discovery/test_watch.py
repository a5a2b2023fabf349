"""The watch: changes are told once, together, and a cancel ends it at once; by the system or by looking again."""

import logging
import os
import queue
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from modelmgr.discovery import Pace, watch, watch_folders
from modelmgr.progress import Cancelled, Progress

QUICK = Pace(quiet_s=0.3, longest_s=1.5, poll_s=0.2, reconcile_s=0.5)
NETWORK = psutil.disk_partitions(all=True)[0]._replace(mountpoint=os.sep, fstype="nfs4")
SYSTEM_ALONE = Pace(quiet_s=0.3, longest_s=1.5, poll_s=3600, reconcile_s=3600)

WITHOUT_WATCHES = """
import logging, os, sys
from modelmgr.discovery import Pace, watch_folders
from modelmgr.progress import Cancelled, Progress

logging.basicConfig(level=logging.INFO)
progress, known = Progress(), {}
for path, _, _ in os.walk(sys.argv[1]):
    known[path] = os.stat(path).st_mtime_ns
known[sys.argv[1]] = 0

def tell(changed):
    if changed == {sys.argv[1]}:
        open(os.path.join(sys.argv[1], "a", "x.pt"), "w").close()
    else:
        print(*changed)
        progress.cancel()

try:
    watch_folders(lambda: known, progress, tell, pace=Pace(0.2, 1, 0.2, 0.5))
except Cancelled:
    pass
"""


class Watched:
    """A watch in a thread. As a scan would, it looks at all folders anew whenever something is told."""

    def __init__(self, root: Path, pace: Pace) -> None:
        self.progress = Progress()
        self.told: queue.Queue[set[str]] = queue.Queue()
        self._root = root
        self._known: dict[str, int] = {}
        self._look()
        self._known[str(root)] = 0  # told at the start: then the watch listens
        self._thread = threading.Thread(target=self._run, args=(pace,))
        self._thread.start()
        self.until(".")

    def _look(self) -> None:
        self._known = {path: os.stat(path).st_mtime_ns for path, _, _ in os.walk(self._root)}

    def _tell(self, changed: set[str]) -> None:
        self._look()
        self.told.put(changed)

    def _run(self, pace: Pace) -> None:
        with pytest.raises(Cancelled):
            watch_folders(lambda: self._known, self.progress, self._tell, pace=pace)

    def next(self) -> set[str]:
        """Return what is told next, as paths below the root."""
        return {os.path.relpath(path, self._root) for path in self.told.get(timeout=20)}

    def until(self, folder: str) -> None:
        """Wait until a folder was told."""
        while folder not in self.next():
            pass

    def stop(self) -> float:
        """End the watch; return how long that took, in seconds."""
        start = time.monotonic()
        self.progress.cancel()
        self._thread.join(10)
        return time.monotonic() - start


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("a", "b", "b/c"):
        (tmp_path / name).mkdir()
    return tmp_path


@pytest.fixture
def watched(root: Path) -> Iterator[Callable[[Pace], Watched]]:
    started: list[Watched] = []

    def start(pace: Pace) -> Watched:
        started.append(Watched(root, pace))
        return started[-1]

    yield start
    for one in started:
        one.stop()


@pytest.fixture(params=["told", "looked at"])
def pace(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Pace:
    """Run a test where the system tells, and where every file system counts as one of a network."""
    if request.param == "told":
        return SYSTEM_ALONE
    monkeypatch.setattr(psutil, "disk_partitions", lambda all: [NETWORK])
    return QUICK


def test_what_comes_and_goes_is_told_by_its_folder(
    root: Path, watched: Callable[[Pace], Watched], pace: Pace
) -> None:
    one = watched(pace)
    (root / "b" / "c" / "new.safetensors").touch()
    one.until("b/c")
    (root / "b" / "c" / "new.safetensors").rename(root / "a" / "moved.safetensors")
    met = one.next()
    while met != {"a", "b/c"}:
        met |= one.next()
    (root / "a" / "moved.safetensors").unlink()
    one.until("a")


def test_a_new_folder_is_told_by_its_parent_and_watched_from_then_on(
    root: Path, watched: Callable[[Pace], Watched], pace: Pace
) -> None:
    one = watched(pace)
    (root / "a" / "new").mkdir()
    one.until("a")
    (root / "a" / "new" / "x.gguf").touch()
    one.until("a/new")
    shutil.rmtree(root / "b")
    one.until(".")
    (root / "b").mkdir()
    one.until(".")
    (root / "b" / "x.gguf").touch()
    one.until("b")


def test_a_moved_folder_is_watched_where_it_is_now(
    root: Path, watched: Callable[[Pace], Watched], pace: Pace
) -> None:
    one = watched(pace)
    (root / "b").rename(root / "a" / "moved")
    one.until("a")
    (root / "a" / "moved" / "c" / "x.pt").touch()
    one.until("a/moved/c")


def test_a_file_written_in_place_is_told(root: Path, watched: Callable[[Pace], Watched]) -> None:
    (root / "a" / "x.gguf").write_bytes(b"1")
    one = watched(SYSTEM_ALONE)
    (root / "a" / "x.gguf").write_bytes(b"2")
    assert one.next() == {"a"}


def test_a_burst_is_told_at_once(root: Path, watched: Callable[[Pace], Watched]) -> None:
    one = watched(SYSTEM_ALONE)
    for number in range(2_000):
        (root / ("a" if number % 2 else "b") / f"{number}.pt").touch()
    assert one.next() == {"a", "b"}
    assert one.told.empty()


def test_what_happened_before_the_watch_is_told(tmp_path: Path) -> None:
    progress = Progress()
    told: list[set[str]] = []

    def tell(changed: set[str]) -> None:
        told.append(changed)
        progress.cancel()

    known = {str(tmp_path): os.stat(tmp_path).st_mtime_ns - 1, str(tmp_path / "gone"): 5}
    with pytest.raises(Cancelled):
        watch_folders(lambda: known, progress, tell, pace=QUICK)
    assert told == [set(known)]


@pytest.mark.parametrize("remote", [False, True])
def test_a_cancel_ends_it_at_once(
    root: Path, watched: Callable[[Pace], Watched], monkeypatch: pytest.MonkeyPatch, remote: bool
) -> None:
    if remote:
        monkeypatch.setattr(psutil, "disk_partitions", lambda all: [NETWORK])
    assert watched(Pace()).stop() < 1  # a tenth of a second, on a machine that has time


def test_a_name_that_is_no_text_ends_nothing(
    root: Path, watched: Callable[[Pace], Watched], caplog: pytest.LogCaptureFixture
) -> None:
    one = watched(QUICK)
    with caplog.at_level(logging.INFO, watch.__name__):
        open(os.fsencode(root / "a") + b"/\xff.safetensors", "wb").close()
        one.until("a")
        os.mkdir(os.fsencode(root / "b") + b"/\xfe")
        one.until("b")
        (root / "b" / "c" / "x.pt").touch()
        one.until("b/c")


def test_where_the_system_has_no_watches_left_folders_are_looked_at(root: Path) -> None:
    limit = 'echo 2 > /proc/sys/user/max_inotify_watches && exec "$@"'
    command = ["unshare", "--user", "--map-root-user", "sh", "-c", limit, "sh"]
    try:
        subprocess.run([*command, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no user namespaces here")
    done = subprocess.run(
        [*command, sys.executable, "-c", WITHOUT_WATCHES, str(root)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == f"{root / 'a'}\n"
    assert "OS file watch limit reached" in done.stderr


def test_a_link_to_the_root_of_all_is_not_followed(root: Path, watched: Callable[[Pace], Watched]) -> None:
    (root / "a" / "all").symlink_to("/")
    one = watched(SYSTEM_ALONE)
    (root / "a" / "x.pt").touch()
    assert one.next() == {"a"}
    assert one.stop() < 1
