"""Scans: every file a row, every state true, nothing of the user's touched."""

import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from modelmgr import demo, progress
from modelmgr.catalog.file_store import KnownFile
from modelmgr.discovery import IgnoreRules, ahead, hashing
from modelmgr.errors import DiskFull, NotFound, Unreadable
from modelmgr.library import Library, fingerprints, scanning
from modelmgr.library.root_scan import JOBS_AT_ONCE, SMALL_BYTES
from modelmgr.progress import Progress, Step
from modelmgr.values import Changes, ModelQuery, ModelRow, ScanReport

Lora = Callable[..., Path]


def rows(library: Library) -> dict[str, ModelRow]:
    return {row.file_name or row.name: row for row in library.catalog.page(ModelQuery(), None)}


def scan(library: Library, *paths: Path, hash_files: bool = True) -> ScanReport:
    report = library.scan([str(path) for path in paths], hash_files=hash_files, progress=Progress())
    assert report.seen == report.added + report.updated + report.unchanged + report.ignored + report.failed
    return report


def snapshot(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    return {
        str(path): (
            path.stat().st_size,
            path.stat().st_mtime_ns,
            path.read_bytes() if path.is_file() else b"",
        )
        for path in sorted(folder.rglob("*"))
    }


@pytest.mark.skipif(not os.path.isdir("/proc"), reason="there is no /proc here")
def test_what_the_system_shows_as_files_is_no_library_folder(
    library: Library, models: Path, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to("/proc")
    report = scan(library, Path("/proc"), Path("/dev/null"), tmp_path / "link", models)
    assert [(problem.path, problem.code) for problem in report.problems] == [
        ("/proc", "outside"),
        ("/dev/null", "outside"),
        (str(tmp_path / "link"), "outside"),
    ]
    assert {problem.message for problem in report.problems} == {"Nothing below /proc, /sys and /dev is read."}
    assert [folder.path for folder in library.catalog.folders()] == [str(models)]
    for refused in (
        lambda: library.add_folder("/sys"),
        lambda: library.move_folder(str(models), "/sys", Progress()),
    ):
        with pytest.raises(Unreadable, match="Nothing below /proc") as error:
            refused()
        assert error.value.code == "outside"


def test_every_file_is_identified_hashed_and_left_alone(
    library: Library, models: Path, lora: Lora, sha256: Callable[[Path], str]
) -> None:
    path = lora("deep/er/one.safetensors")
    (models / "notes.txt").write_text("not a model")
    before = snapshot(models)
    report = scan(library, models)
    assert (report.seen, report.added, report.hashed, report.bytes_hashed) == (1, 1, 1, path.stat().st_size)
    (row,) = rows(library).values()
    assert (row.type, row.base_model, row.format) == ("lora", "SDXL", "safetensors")
    assert (row.sha256, row.hash_state, row.path) == (sha256(path), "done", str(path))
    assert snapshot(models) == before
    again = scan(library)
    assert (again.seen, again.unchanged, again.hashed, again.problems) == (1, 1, 0, [])
    assert [folder.path for folder in library.catalog.folders()] == [str(models)]


def test_without_hashing_a_row_is_identified_and_a_later_scan_hashes_it(
    library: Library, models: Path, lora: Lora
) -> None:
    lora("one.safetensors")
    assert scan(library, models, hash_files=False).hashed == 0
    (row,) = rows(library).values()
    assert (row.type, row.sha256, row.hash_state) == ("lora", None, "none")
    assert scan(library).hashed == 1
    (hashed,) = rows(library).values()
    assert hashed.id == row.id
    assert hashed.hash_state == "done"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.safetensors", b""),
        ("page.safetensors", b"<!DOCTYPE html><html>404</html>"),
        (
            "pointer.gguf",
            b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"a" * 64 + b"\nsize 12345\n",
        ),
        ("cut.safetensors", (5_000).to_bytes(8, "little") + b'{"a":'),
        ("rubbish.bin", bytes(range(256)) * 4),
    ],
)
def test_a_damaged_file_is_a_row_of_unknown_type_and_a_problem_that_says_why(
    library: Library, models: Path, lora: Lora, name: str, content: bytes
) -> None:
    folder = models / "loras"
    lora("good.safetensors", 1, folder)
    (folder / name).write_bytes(content)
    report = scan(library, models)
    assert (report.added, report.failed) == (2, 0)
    found = rows(library)
    assert found[name].type == "unknown"
    assert found["good.safetensors"].type == "lora"
    (problem,) = report.problems
    assert problem.path == str(folder / name)
    assert problem.kept
    assert problem.message.endswith(".")
    assert scan(library).problems == []


def test_moved_copied_linked_and_vanished_files_keep_one_model(
    library: Library, models: Path, lora: Lora
) -> None:
    path = lora("one.safetensors")
    scan(library, models)
    (before,) = rows(library).values()
    library.edit([before.id], "notes", "keep me")
    shutil.copy(path, models / "copy.safetensors")
    (models / "link.safetensors").symlink_to(path)
    os.link(path, models / "hard.safetensors")
    scan(library)
    (row,) = rows(library).values()
    assert (row.id, row.file_count, row.notes) == (before.id, 4, "keep me")
    assert [group.reclaimable_bytes for group in library.catalog.duplicates()] == [row.size_bytes]
    for each in models.iterdir():
        if each != models / "copy.safetensors":
            each.unlink()
    (models / "copy.safetensors").rename(models / "moved.safetensors")
    report = scan(library)
    assert (report.moved, report.missing) == (1, 3)
    (row,) = rows(library).values()
    assert (row.id, row.path, row.file_state, row.file_count) == (
        before.id,
        str(models / "moved.safetensors"),
        "present",
        1,
    )
    (models / "moved.safetensors").unlink()
    (models / "other.txt").touch()
    scan(library)
    (row,) = rows(library).values()
    assert (row.id, row.file_state, row.notes) == (before.id, "missing", "keep me")


def test_a_replaced_file_is_a_new_model_and_the_old_one_is_missing(
    library: Library, models: Path, lora: Lora
) -> None:
    path = lora("one.safetensors", 1)
    scan(library, models)
    (old,) = rows(library).values()
    lora("one.safetensors", 2)
    report = scan(library)
    assert report.updated == 1
    states = {row.sha256: row.file_state for row in library.catalog.page(ModelQuery(), None)}
    assert states.pop(old.sha256) == "missing"
    assert list(states.values()) == ["present"]
    assert path.exists()


def test_files_without_a_hash_are_taken_some_at_a_time(
    library: Library, models: Path, lora: Lora, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(9):
        path = lora(f"{number}.safetensors", number)
        (models / f"link {number}.safetensors").hardlink_to(path)
    (models / "symbolic.safetensors").symlink_to(models / "0.safetensors")
    scan(library, models, hash_files=False)
    assert library.catalog.count_without_hash(str(models))[0] == 9  # links are none more
    asked: list[int] = []
    files_without_hash = library.catalog.files_without_hash

    def noted(*asked_for: Any) -> list[KnownFile]:
        found = files_without_hash(*asked_for)
        asked.append(len(found))
        return found

    monkeypatch.setattr(library.catalog, "files_without_hash", noted)
    monkeypatch.setattr(fingerprints, "JOBS_AT_ONCE", 4)
    scan(library)
    assert max(asked) == 4
    files = library.catalog.known_files().values()
    assert len({file.sha256 for file in files} - {None}) == 9
    assert {row.hash_state for row in rows(library).values()} == {"done"}


@pytest.mark.parametrize("size", [1_000, SMALL_BYTES + 1], ids=["small", "large"])
def test_a_download_that_goes_on_leaves_nothing_behind(
    library: Library, models: Path, size: int, sha256: Callable[[Path], str]
) -> None:
    path = models / "ink.safetensors"
    demo.write_safetensors(path, {"w": ("F16", (size,))}, {}, b"ink")
    whole = path.read_bytes()
    stages: list[bytes] = [
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
        b"<!doctype html>",
        b"",
    ]
    stages += [whole[:5], whole[:40], whole[: len(whole) // 2], whole[:-1], whole]
    for content in stages:
        path.write_bytes(content)
        scan(library, models)
        (row,) = library.catalog.page(ModelQuery(), None)
        assert (row.sha256, row.file_state) == (sha256(path), "present")


def test_half_a_file_that_somebody_spoke_of_or_that_only_went_stays(library: Library, models: Path) -> None:
    path, other = models / "ink.safetensors", models / "other.safetensors"
    path.write_bytes(b"<!doctype html>")
    other.write_bytes(b"<!doctype html> 404")
    scan(library, models)
    library.edit([rows(library)[path.name].id], "notes", "get it again")
    path.write_bytes(b"<!doctype html> 403")
    other.unlink()
    scan(library)
    found = {(row.notes, row.file_state) for row in library.catalog.page(ModelQuery(), None)}
    assert found == {("get it again", "missing"), (None, "present"), (None, "missing")}


def test_what_a_rule_hides_before_it_is_hashed_is_told_once(
    library: Library, models: Path, lora: Lora, sha256: Callable[[Path], str]
) -> None:
    hidden = models / "hidden"
    changed, gone = lora("changed.safetensors", 1, hidden), lora("gone.safetensors", 2, hidden)
    scan(library, models, hash_files=False)
    library.edit([rows(library)[changed.name].id], "notes", "keep me")
    library.set_folder_rules(str(models), IgnoreRules(("hidden/",)))
    demo.write_safetensors(changed, {"decoder.up.0.block.0.conv1.weight": ("F32", (64, 64))}, {}, b"x")
    gone.unlink()
    assert {problem.path for problem in scan(library).problems} == {str(changed), str(gone)}
    assert scan(library).problems == []
    found = rows(library)
    row = found[changed.name]
    assert (row.sha256, row.hash_state, row.notes) == (sha256(changed), "done", "keep me")
    assert row.type != "lora"
    assert found[gone.name].file_state == "missing"


def test_of_files_that_are_named_one_by_one_only_models_are_listed(
    library: Library, models: Path, lora: Lora
) -> None:
    (models / "README.md").write_text("# About\n")
    (models / "preview.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(30))
    (models / "empty").touch()
    lora("half").rename(models / "half.safetensors.part")
    (models / "link.safetensors").symlink_to("nowhere")
    (models / "page.gguf").write_text("<!doctype html>")
    lora("ink.safetensors").rename(models / "no ending")
    report = scan(library, *sorted(models.iterdir()))
    assert (report.seen, report.added, report.ignored, report.failed, report.offline) == (7, 2, 4, 1, 0)
    assert rows(library).keys() == {"no ending", "page.gguf"}
    told = {(Path(problem.path).name, problem.code) for problem in report.problems}
    assert told == {("link.safetensors", "not_found"), ("page.gguf", "not_a_model")}


def test_verify_tells_what_is_gone_from_what_is_away_or_closed(
    library: Library, models: Path, lora: Lora
) -> None:
    away = models.with_name("away")
    gone, closed, far = (
        lora("gone.safetensors", 1),
        lora("closed.safetensors", 2),
        lora("far", 3, away / "in"),
    )
    far = far.rename(far.with_suffix(".safetensors"))
    scan(library, models, away)
    gone.unlink()
    closed.unlink()
    closed.symlink_to(closed)
    away.rename(models.with_name("elsewhere"))
    library.scan([str(away)], progress=Progress())
    report = library.verify(progress=Progress())
    assert (report.checked, report.ok, report.missing) == (3, 0, 3)
    told = {problem.path: problem.code for problem in report.problems}
    assert told == {str(gone): "not_found", str(closed): "unreadable", str(far): "offline"}


def test_a_folder_that_is_away_is_offline_and_comes_back(library: Library, models: Path, lora: Lora) -> None:
    lora("one.safetensors")
    scan(library, models)
    away = models.rename(models.with_name("away"))
    for state in ("gone", "empty mount point"):
        if state != "gone":
            models.mkdir()
        report = scan(library)
        assert (report.offline, report.missing, report.failed) == (1, 0, 0)
        (row,) = rows(library).values()
        assert row.file_state == "offline"
        assert [folder.state for folder in library.catalog.folders()] == ["offline"]
    models.rmdir()
    away.rename(models)
    report = scan(library)
    assert (report.updated, report.offline) == (1, 0)
    (row,) = rows(library).values()
    assert (row.file_state, row.hash_state) == ("present", "done")


def test_a_library_folder_that_may_not_be_read_is_one_problem_and_the_scan_goes_on(
    library: Library, models: Path, lora: Lora, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lora("one.safetensors")
    other = lora("two.safetensors", 2, folder=tmp_path / "other")
    scan(library, models, other.parent)
    refused = PermissionError(13, "Permission denied", str(models))
    open_, scandir, listdir = os.open, os.scandir, os.listdir

    def refuse(real: Callable[..., Any]) -> Callable[..., Any]:
        def asked(path: Any, *rest: Any, **more: Any) -> Any:
            if path == str(models):
                raise refused
            return real(path, *rest, **more)

        return asked

    with monkeypatch.context() as patched:  # root may read all
        for name, real in (("open", open_), ("scandir", scandir), ("listdir", listdir)):
            patched.setattr(os, name, refuse(real))
        report = scan(library)
    assert [(problem.path, problem.code) for problem in report.problems] == [(str(models), "unreadable")]
    assert (report.unchanged, report.missing, report.offline) == (1, 0, 0)
    states = {row.file_name: row.file_state for row in rows(library).values()}
    assert states == {"one.safetensors": "unreadable", "two.safetensors": "present"}
    scan(library)
    assert {row.file_state for row in rows(library).values()} == {"present"}


@pytest.mark.skipif(sys.platform == "win32", reason="there one process lists")
def children() -> set[int]:
    return {child.pid for child in psutil.Process().children()}


def test_a_scan_that_fails_leaves_no_process_behind(
    library: Library, models: Path, lora: Lora, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ahead, "START_S", 0.0)
    monkeypatch.setattr(ahead, "is_worth_it", lambda: True)
    for number in range(60):
        lora(f"{number}/x.safetensors", number)
    scan(library, models)
    before, seen = children(), set[int]()

    class Fails(Progress):
        """Fails where the walk goes on, as a full disk would."""

        def step(self, done: int, total: int | None, text: str = "", *more: Any) -> None:
            seen.update(children() - before)
            if os.path.basename(text) == "50":
                raise DiskFull("The disk is full.")

    with pytest.raises(DiskFull) as kept:
        library.scan(hash_files=True, progress=Fails())
    assert seen
    assert not seen & children()
    assert kept.traceback  # whoever shows it keeps it


def test_a_single_file_is_looked_at_alone_and_a_missing_path_is_a_problem(
    library: Library, models: Path, lora: Lora
) -> None:
    path = lora("one.safetensors")
    lora("two.safetensors", 2)
    report = scan(library, path, models / "none.safetensors")
    assert (report.seen, report.added, report.failed, report.hashed) == (2, 1, 1, 1)
    assert [problem.code for problem in report.problems] == ["not_found"]
    assert library.catalog.folders() == []
    with pytest.raises(NotFound):
        library.add_folder(str(path))


def test_links_that_lead_in_circles_or_out_are_harmless(library: Library, models: Path, lora: Lora) -> None:
    lora("a/one.safetensors")
    (models / "a" / "up").symlink_to(models)
    (models / "root").symlink_to("/")
    (models / "devices").symlink_to("/dev")
    (models / "gone.safetensors").symlink_to(models / "nowhere")
    os.mkfifo(models / "pipe.safetensors")
    (models / "folder.safetensors").mkdir()
    report = scan(library, models)
    assert list(rows(library)) == ["one.safetensors"]
    assert sorted((Path(problem.path).name, problem.code) for problem in report.problems) == [
        ("gone.safetensors", "not_found"),
        ("pipe.safetensors", "unreadable"),
    ]


def test_names_of_any_bytes_are_taken(library: Library, models: Path, lora: Lora) -> None:
    odd = os.fsdecode(os.path.join(os.fsencode(models), b"bad \xff\nname.safetensors"))
    shutil.copy(lora("one.safetensors"), odd)
    (models / "one.safetensors").unlink()
    scan(library, models)
    (row,) = rows(library).values()
    assert row.path == odd
    assert scan(library).unchanged == 1


def test_an_empty_place_of_a_disk_is_offline_for_a_quick_check_and_comes_back(
    library: Library, models: Path, lora: Lora
) -> None:
    lora("deep/x.safetensors", 1)
    scan(library, models)
    away = models.rename(models.with_name("away"))
    models.mkdir()
    report = library.quick_check(Progress())
    assert (report.offline, report.missing) == (1, 0)
    assert [row.file_state for row in rows(library).values()] == ["offline"]
    models.rmdir()
    away.rename(models)
    assert library.quick_check(Progress()).updated == 1
    assert [row.file_state for row in rows(library).values()] == ["present"]


class CancelledAt(Progress):
    """Cancels itself at a step that a test chooses."""

    def __init__(self, wanted: Callable[[int, int | None, str], bool]) -> None:
        super().__init__()
        self._wanted = wanted

    def step(self, done: int, total: int | None, text: str = "", unit: str = "files", *more: Any) -> None:
        if self._wanted(done, total, unit):
            self.cancel()
        super().step(done, total, text, unit, *more)


def test_a_folder_that_goes_away_while_that_is_written_down_is_so_at_the_next_look(
    library: Library, models: Path, lora: Lora, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scanning, "FILES_AT_ONCE", 2)
    for fill in range(5):
        lora(f"{fill}.safetensors", fill)
    scan(library, models)
    models.rename(models.with_name("away"))
    stopped = library.quick_check(CancelledAt(lambda done, total, unit: (done, total) == (2, 5)))
    assert stopped.cancelled
    assert sorted(row.file_state for row in rows(library).values()) == ["offline"] * 2 + ["present"] * 3
    assert library.quick_check(Progress()).offline == 5
    assert {row.file_state for row in rows(library).values()} == {"offline"}


def test_a_cancelled_scan_keeps_whole_rows_and_the_next_one_goes_on(
    library: Library, models: Path, lora: Lora
) -> None:
    for number in range(30):
        path = lora(f"{number}.safetensors", number)
        os.truncate(path, SMALL_BYTES + 1)  # those that are hashed after the walk
    hashing = 30 * (SMALL_BYTES + 1)
    report = library.scan([str(models)], progress=CancelledAt(lambda done, total, unit: total == hashing))
    assert report.cancelled
    assert len(rows(library)) == 30
    assert scan(library).unchanged == 30
    assert {row.hash_state for row in rows(library).values()} == {"done"}


def test_a_scan_cancelled_in_its_walk_keeps_what_it_counted(
    library: Library, models: Path, lora: Lora
) -> None:
    for number in range(10):
        lora(f"{number}/{number}.safetensors", number)
    report = library.scan([str(models)], progress=CancelledAt(lambda done, total, unit: done == 6))
    assert report.cancelled
    assert report.seen == report.added == len(rows(library)) <= 6
    assert scan(library).added == 10 - report.added


def test_verify_tells_rot_from_edits_and_from_missing_files(
    library: Library, models: Path, lora: Lora
) -> None:
    rotten, edited, gone, good = (lora(f"{name}.safetensors", fill) for fill, name in enumerate("regx", 1))
    scan(library, models)
    facts = rotten.stat()
    with rotten.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"!")
    os.utime(rotten, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    with edited.open("ab") as file:
        file.write(b"!")
    gone.unlink()
    report = library.verify(progress=Progress())
    assert (report.checked, report.ok, report.changed, report.missing) == (4, 1, 2, 1)
    messages = {Path(problem.path).name[0]: problem.message for problem in report.problems}
    assert "damaged" in messages["r"]
    assert "scan" in messages["e"]
    assert good.exists()


def test_verify_tells_a_file_that_was_cut_while_its_time_stayed(
    library: Library, models: Path, lora: Lora
) -> None:
    path = lora("one.safetensors")
    scan(library, models)
    facts = path.stat()
    os.truncate(path, facts.st_size // 2)
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    report = library.verify(progress=Progress())
    assert report.changed == 1
    assert "half written" in report.problems[0].message
    assert scan(library).updated == 1


def test_the_users_value_outlives_scans_and_can_be_taken_back(
    library: Library, models: Path, lora: Lora
) -> None:
    lora("one.safetensors")
    scan(library, models)
    (row,) = rows(library).values()
    library.edit([row.id], "name", "My name")
    library.edit([row.id], "tags", ["mine"])
    scan(library)
    (mine,) = rows(library).values()
    assert (mine.name, mine.tags) == ("My name", ("mine",))
    details = library.catalog.details(mine.sha256 or "")
    assert details is not None
    assert details.provenance["name"].source == "user"
    library.edit([row.id], "name", None)
    (back,) = rows(library).values()
    assert back.name == "one"


def test_progress_speaks_of_files_and_then_of_bytes(library: Library, models: Path, lora: Lora) -> None:
    lora("one.safetensors")
    steps: list[Step] = []
    library.scan([str(models)], progress=Progress(steps.append))
    assert {step.unit for step in steps} <= {"files", "bytes"}
    assert steps


def test_progress_of_hashes_ends_at_its_total_whatever_links_there_are(
    library: Library, models: Path, lora: Lora, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "REPORT_INTERVAL_S", 0)
    size_bytes = 0
    for number in range(3):
        path = lora(f"{number}.safetensors", number)
        (models / f"hard {number}.safetensors").hardlink_to(path)
        (models / f"symbolic {number}.safetensors").symlink_to(path)
        size_bytes += path.stat().st_size
    scan(library, models, hash_files=False)
    steps: list[Step] = []
    library.hash_waiting(Progress(steps.append))
    last = steps[-1]
    assert (last.done, last.total) == (size_bytes, size_bytes)
    assert (last.files_done, last.files_total) == (3, 3)
    steps.clear()
    library.compute_hashes([row.id for row in rows(library).values()], Progress(steps.append))
    assert (steps[-1].done, steps[-1].total) == (size_bytes, size_bytes)


def test_a_folder_of_many_files_is_written_in_parts_and_remembered_only_whole(
    library: Library, models: Path
) -> None:
    many = 3 * JOBS_AT_ONCE
    for number in range(many):
        (models / f"ink {number}.safetensors").write_bytes(b"%d" % number)
    assert scan(library, models).added == many
    (digest,) = (folder.digest for folder in library.catalog.scanned_folders(str(models)).values())
    assert digest is not None
    assert scan(library, models).unchanged == many


def test_a_file_that_is_cut_off_while_it_is_opened_stops_no_scan(
    library: Library, models: Path, lora: Lora, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        lora(f"{number}.safetensors", number)
    opened = hashing.open_with_facts

    def cut(path: str) -> object:
        found = opened(path)
        if path.endswith("1.safetensors"):
            os.truncate(path, 300)
        return found

    monkeypatch.setattr(hashing, "open_with_facts", cut)
    report = library.scan([str(models)], progress=Progress())
    assert (report.added, report.failed) == (3, 0)
    assert library.catalog.count(ModelQuery()) == 3


def test_many_changed_folders_are_written_together(library: Library, models: Path, lora: Lora) -> None:
    for number in range(120):
        lora("one.safetensors", number, models / str(number % 7) / str(number))
    for path, _, _ in os.walk(models):  # long past, so that the time counts
        os.utime(path, (1_700_000_000, 1_700_000_000))
    scan(library, models)
    for number in range(120):
        lora("two.safetensors", 255 - number, models / str(number % 7) / str(number))
    rung: list[Changes] = []
    stop = library.catalog.subscribe(rung.append)
    report = library.quick_check(Progress())
    stop()
    assert (report.added, report.seen, report.unchanged) == (120, 240, 120)
    assert len(rung) < 60
    assert scan(library).unchanged == 240


def test_a_new_folder_that_is_told_of_with_the_one_above_counts_once(
    library: Library, models: Path, lora: Lora
) -> None:
    lora("one.safetensors", 1)
    scan(library, models)
    lora("two.safetensors", 2, models / "new" / "deep")
    told = [str(models), str(models / "new"), str(models / "new" / "deep")]
    report = library.look_at_changed(told, Progress())
    assert (report.seen, report.added, report.unchanged) == (2, 1, 1)


def test_many_copies_of_one_file_are_read_in_a_time_that_grows_with_them(
    library: Library, models: Path
) -> None:
    took = []
    for count in (400, 1_600):
        folder = models / str(count)
        folder.mkdir(parents=True)
        for number in range(count):
            (folder / f"{number}.gguf").write_bytes(b"GGUF" + count.to_bytes(4, "little"))
        library.scan([str(folder)], hash_files=False, progress=Progress())
        start = time.process_time()
        assert library.hash_waiting(Progress()).hashed == count
        took.append(time.process_time() - start)
    assert took[1] < 10 * took[0], took
