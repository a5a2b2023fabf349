"""A scan of everything hostile: it ends soon, lists or tells every file, runs nothing, and comes to rest."""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest

from modelmgr.catalog import Catalog
from modelmgr.library import Library
from modelmgr.progress import Progress
from modelmgr.readers import pickle_process, read_header
from modelmgr.values import FileState, ModelQuery, ScanReport
from tests.library.hostile.maker import lora as lora_bytes
from tests.library.hostile.maker import tensors
from tests.library.hostile.tree import Tree, make

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="such names and files are those of POSIX")
MEMORY_LIMIT_KIB = 512 * 1024
TIME_LIMIT_S = 60
FILE_LIMIT_S = 5.0
"""Processor time, for others use the clock's."""
MESSAGE_LIMIT = 600
# A new process begins with the peak of the one that made it; between the tests and the program stands a small one.
LAUNCHER = """
import os, subprocess, sys
process = subprocess.Popen(sys.argv[2:])
_, status, usage = os.wait4(process.pid, 0)
open(sys.argv[1], "w").write(str(usage.ru_maxrss))
sys.exit(os.waitstatus_to_exitcode(status))
"""


class Scanned(NamedTuple):
    """The tree after its first scan by the program."""

    tree: Tree
    catalog: Path
    code: int
    report: dict[str, Any]
    error: str
    seconds: float
    peak_kib: int


def run(catalog: Path, *words: str) -> tuple[int, str, str, float, int]:
    """Run the program; return exit code, both outputs, seconds and the peak of its memory."""
    start = time.monotonic()
    peak = catalog.parent / "peak"
    launch = [sys.executable, "-c", LAUNCHER, str(peak)]
    command = [sys.executable, "-m", "modelmgr", "--catalog", str(catalog), *words]
    done = subprocess.run([*launch, *command], capture_output=True, text=True, check=False)
    seconds = time.monotonic() - start
    return done.returncode, done.stdout, done.stderr, seconds, int(peak.read_text(encoding="ascii"))


@pytest.fixture(scope="module")
def scanned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scanned]:
    place = tmp_path_factory.mktemp("hostile")
    tree = make(place)
    code, out, error, seconds, peak_kib = run(place / "c.sqlite", "scan", str(tree.root), "--json")
    yield Scanned(tree, place / "c.sqlite", code, json.loads(out), error, seconds, peak_kib)
    for folder, _, _ in os.walk(tree.root):
        os.chmod(folder, 0o700)


@pytest.fixture
def hostile(scanned: Scanned) -> Iterator[Library]:
    """The library that the program's scan has left."""
    with Catalog.open(scanned.catalog) as catalog:
        yield Library(catalog)


def adds_up(report: ScanReport) -> bool:
    """Tell whether every file that was seen is counted once."""
    parts = (report.added, report.updated, report.unchanged, report.ignored, report.failed)
    return report.seen == sum(parts)


def test_the_scan_ends_in_bounds_and_runs_nothing(scanned: Scanned) -> None:
    report = scanned.report
    assert (scanned.code, scanned.error) == (1, "")
    assert report["seen"] == sum(
        report[name] for name in ("added", "updated", "unchanged", "ignored", "failed")
    )
    assert not scanned.tree.canary.exists()
    assert scanned.seconds < TIME_LIMIT_S
    if sys.platform == "linux":
        assert scanned.peak_kib < MEMORY_LIMIT_KIB


def test_every_file_is_listed_or_told(scanned: Scanned, hostile: Library) -> None:
    listed = set(hostile.catalog.known_files(str(scanned.tree.root)))
    told: dict[str, set[str]] = {}
    for problem in scanned.report["problems"]:
        told.setdefault(problem["path"], set()).add(problem["code"])
    assert [path for path in scanned.tree.good if path not in listed] == []
    assert [path for path in listed if path.startswith(str(scanned.tree.outside))] == []
    for bad in scanned.tree.bad:
        codes = told.get(bad.path, set())
        if bad.listed:
            assert bad.path in listed, bad
        if bad.codes:
            assert codes & bad.codes, (bad, codes)
        elif bad.codes is not None and bad.listed:
            assert not codes, (bad, codes)


def taken() -> float:
    """Return the processor time of this process and of those that read pickles for it, in seconds."""
    child = pickle_process._process._child
    alive = 0.0
    with contextlib.suppress(psutil.Error):
        alive = sum(psutil.Process(child.pid).cpu_times()[:2]) if child is not None else 0.0
    return sum(os.times()[:4]) + alive


def test_no_single_file_takes_long(scanned: Scanned) -> None:
    slow: list[tuple[float, str]] = []
    for file in (*scanned.tree.good, *(bad.path for bad in scanned.tree.bad)):
        if os.path.isfile(file):
            before = taken()
            with contextlib.suppress(OSError):
                read_header(file)
            if taken() - before > FILE_LIMIT_S:
                slow.append((taken() - before, file))
    assert slow == []


def test_every_problem_is_one_sentence(scanned: Scanned) -> None:
    problems = scanned.report["problems"]
    for problem in problems:
        message = problem["message"]
        assert problem["path"] and problem["code"]
        assert message.endswith((".", "?")) and message.isprintable() and len(message) < MESSAGE_LIMIT, (
            problem
        )
    twice = Counter((problem["path"], problem["code"], problem["message"]) for problem in problems)
    assert [problem for problem, count in twice.items() if count > 1] == []


@pytest.mark.parametrize("hash_files", [True, False])
def test_a_second_scan_finds_nothing_new(scanned: Scanned, hostile: Library, hash_files: bool) -> None:
    before = hostile.catalog.known_files(str(scanned.tree.root))
    report = hostile.scan([str(scanned.tree.root)], hash_files=hash_files, progress=Progress())
    assert adds_up(report)
    assert (report.added, report.updated, report.missing, report.moved, report.hashed) == (0, 0, 0, 0, 0)
    assert (report.seen, report.failed) == (scanned.report["seen"], scanned.report["failed"])
    assert hostile.catalog.known_files(str(scanned.tree.root)) == before


@pytest.mark.parametrize(
    "words", [["list", "--limit", "9999"], ["duplicates"], ["stats"], ["verify"], ["check"]]
)
def test_what_is_asked_afterwards_is_answered(scanned: Scanned, words: list[str]) -> None:
    code, out, error, _, _ = run(scanned.catalog, *words, "--json")
    assert (code, error) == (0, "")
    assert json.loads(out)
    code, out, error, _, _ = run(scanned.catalog, *words)
    assert (code, error) == (0, "")
    assert out.replace("\n", "").isprintable()


@pytest.mark.parametrize("kind", ["--jsonl", "--csv"])
def test_everything_can_be_exported(scanned: Scanned, kind: str, tmp_path: Path) -> None:
    code, out, error, _, _ = run(scanned.catalog, "export", kind, str(tmp_path / "all"), "--json")
    assert (code, error) == (0, "")
    assert json.loads(out)["models"] > 0


# --- what such trees have shown ---------------------------------------------------------------------------


def scan(library: Library, folder: Path, progress: Progress | None = None) -> ScanReport:
    return library.scan([str(folder)], progress=progress or Progress())


def test_a_time_that_no_column_holds_is_only_a_time(library: Library, models: Path) -> None:
    path = models / "late.safetensors"
    path.write_bytes(lora_bytes(1))
    os.utime(path, (2**34 - 9, 2**34 - 9))
    if os.stat(path).st_mtime_ns < 2**63:
        pytest.skip("this file system holds no such time")
    assert scan(library, models).hashed == 1
    assert scan(library, models).unchanged == 1
    assert library.verify(progress=Progress()).ok == 1
    library.scan([str(path)], progress=Progress())
    assert models_of(library) == 1


@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may read everything")
def test_what_could_not_be_read_is_tried_again(library: Library, models: Path) -> None:
    path = models / "closed.safetensors"
    path.write_bytes(lora_bytes(1))
    path.chmod(0)
    for _ in range(3):
        assert scan(library, models).failed == 1
        (file,) = library.catalog.known_files().values()
        assert file.state == FileState.UNREADABLE
    path.chmod(0o600)
    report = scan(library, models)
    assert (report.updated, report.hashed, adds_up(report)) == (1, 1, True)
    (file,) = library.catalog.known_files().values()
    assert file.state == FileState.PRESENT
    assert [row.type for row in library.catalog.rows([file.model_id])] == ["lora"]
    assert models_of(library) == 1


def test_a_path_that_can_be_listed_but_not_opened_stays_unread(library: Library, models: Path) -> None:
    here, folder = os.getcwd(), models
    os.chdir(models)
    try:
        while len(str(folder)) < 4096 - 250 - 2:
            folder /= "d" * min(250, 4096 - 8 - len(str(folder)))
            os.mkdir(folder.name)
            os.chdir(folder.name)
        name = "x" * (4096 - len(str(folder))) + ".safetensors"
        Path(name).write_bytes(lora_bytes(1))
    finally:
        os.chdir(here)
    for _ in range(3):
        assert scan(library, models).failed == 1
        (file,) = library.catalog.known_files().values()
        assert file.state == FileState.UNREADABLE
    assert models_of(library) == 1


def models_of(library: Library) -> int:
    """Return how many models there are, ghosts among them."""
    return library.catalog.count(ModelQuery())


class StoppedAt(Progress):
    """Cancels itself when it is told of a text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text

    def step(self, done: int, total: int | None, text: str = "", unit: str = "files", *more: Any) -> None:
        if text == self._text:
            self.cancel()
        super().step(done, total, text, unit, *more)


@pytest.mark.parametrize("kind", ["shards", "pipeline"])
def test_a_model_of_several_files_survives_a_stop_before_it_is_written(
    library: Library, models: Path, kind: str
) -> None:
    if kind == "shards":
        files = [models / f"big-0000{number}-of-00002.safetensors" for number in (1, 2)]
        name = "big"
    else:
        files = [models / "pipe" / part / "diffusion_pytorch_model.safetensors" for part in ("unet", "vae")]
        name = "pipe"
        for file in files:
            file.parent.mkdir(parents=True)
        index = {"_class_name": "FluxPipeline", "unet": ["diffusers", "A"], "vae": ["diffusers", "B"]}
        (models / "pipe" / "model_index.json").write_text(json.dumps(index))
    for number, file in enumerate(files):
        file.write_bytes(tensors({f"w{number}": (4, 4)}, fill=bytes([number + 1])))
    assert scan(library, models, StoppedAt(name)).cancelled
    report = scan(library, models)
    assert adds_up(report)
    known = library.catalog.known_files()
    assert set(known) == set(map(str, files))
    assert len({file.model_id for file in known.values()}) == 1
    assert scan(library, models).unchanged == 2


def test_a_file_that_is_gone_is_missing_though_the_scan_that_saw_it_was_stopped(
    library: Library, models: Path
) -> None:
    for folder in ("a", "b"):
        (models / folder).mkdir()
        for number in range(2):
            (models / folder / f"{number}.safetensors").write_bytes(lora_bytes(ord(folder) + number * 9))
    scan(library, models)
    (models / "a" / "0.safetensors").unlink()
    assert scan(library, models, StoppedAt(str(models / "b"))).cancelled
    report = scan(library, models)
    assert report.missing == 1
    gone = library.catalog.known_files()[str(models / "a" / "0.safetensors")]
    assert gone.state == FileState.MISSING
