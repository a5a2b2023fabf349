"""Records that vanish from their containers are marked, kept, and welcome back; changed ones get a further version."""

import json
import os
import shutil
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import pytest

from modelmgr.library import Library
from modelmgr.progress import Progress
from modelmgr.values import ImportReport, ModelQuery, ModelRow, PendingQuery, PromoteReport
from tests.inbox import pending_in


def database(path: Path, names: Iterable[str], rating: int = 3) -> Path:
    """Write a generic database with a model a name, its key from the name."""
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as conn:
        conn.execute(
            "CREATE TABLE models(id INTEGER PRIMARY KEY, sha256 TEXT, name TEXT, rating INT, meta_json TEXT)"
        )
        conn.executemany(
            "INSERT INTO models VALUES (?, ?, ?, ?, ?)",
            ((ord(name), None, name, rating, json.dumps({"name": name})) for name in names),
        )
        conn.commit()
    return path


def take(library: Library, *paths: Path) -> ImportReport:
    return library.import_paths([str(path) for path in paths], progress=Progress())


def promote_all(library: Library) -> PromoteReport:
    ids = list(library.catalog.pending_order(PendingQuery(states=("pending",))))
    return library.promote(ids, progress=Progress())


def shown(library: Library) -> list[ModelRow]:
    return library.catalog.page(ModelQuery(), None)


def gone(library: Library) -> set[str]:
    """Return the names of the pending models that are marked."""
    return {row.name for row in pending_in(library.catalog) if row.gone_at is not None}


def tables(library: Library) -> dict[str, list[tuple[object, ...]]]:
    """Return every row of the catalog that an import may touch, but for those of its batches."""
    with closing(sqlite3.connect(library.catalog.path)) as conn:
        return {
            table: sorted(conn.execute(f"SELECT * FROM {table}").fetchall(), key=repr)
            for table in ("pending_models", "records", "gone_records", "models", "origins", "files")
        }


def test_rows_that_are_gone_from_a_database_are_marked_and_come_back(
    library: Library, tmp_path: Path
) -> None:
    path = database(tmp_path / "models.db", "ABC")
    assert take(library, path).imported == 3
    database(path, "B")
    report = take(library, path)
    assert (report.seen, report.unchanged, report.gone) == (1, 1, 2)
    assert gone(library) == {"A", "C"}
    assert take(library, path).gone == 0
    assert gone(library) == {"A", "C"}
    database(path, "AB")
    report = take(library, path)
    assert (report.seen, report.unchanged, report.gone) == (2, 2, 0)
    assert gone(library) == {"C"}


def test_a_second_unchanged_import_changes_no_row_but_its_own_batch(library: Library, tmp_path: Path) -> None:
    path = database(tmp_path / "models.db", "ABC")
    take(library, path)
    database(path, "AB")
    take(library, path)
    before = tables(library)
    report = take(library, path)
    assert (report.imported, report.unchanged, report.gone) == (0, 2, 0)
    assert tables(library) == before


def test_lines_that_are_gone_from_json_lines_are_marked(library: Library, tmp_path: Path) -> None:
    path = tmp_path / "list.jsonl"
    path.write_text('{"name": "A"}\n{"name": "B"}\n{"name": "C"}\n')
    take(library, path)
    path.write_text('{"name": "A"}\n{"name": "B2"}\n')
    report = take(library, path)
    # A line is known by its number: the second has a further version, the third is gone.
    assert (report.unchanged, report.updated, report.gone) == (1, 1, 1)
    assert gone(library) == {"C"}


def test_a_sidecar_that_was_removed_is_marked_and_one_of_a_removed_folder_too(
    library: Library, tmp_path: Path
) -> None:
    root = tmp_path / "models"
    (root / "deep" / "er").mkdir(parents=True)
    for name in ("A", "deep/B", "deep/er/C", "D"):
        (root / f"{name}.civitai.info").write_text('{"id": 1, "modelId": 2}')
    take(library, root)
    (root / "A.civitai.info").unlink()
    shutil.rmtree(root / "deep")
    report = take(library, root)
    assert (report.unchanged, report.gone) == (1, 3)
    assert gone(library) == {"A", "B", "C"}
    (root / "A.civitai.info").write_text('{"id": 1, "modelId": 3}')
    report = take(library, root)
    assert (report.unchanged, report.updated, report.gone) == (1, 1, 0)
    assert gone(library) == {"B", "C"}
    assert len(pending_in(library.catalog)) == 5


def test_a_folder_that_is_away_or_empty_or_behind_a_dead_link_marks_nothing(
    library: Library, tmp_path: Path
) -> None:
    root, disk = tmp_path / "models", tmp_path / "disk"
    for folder in (root, root / "mount", disk):
        folder.mkdir()
    (root / "link").symlink_to(disk)
    (root / "kept.txt").write_text("a note")
    for path in (root / "mount" / "A", disk / "B", root / "C"):
        path.with_name(f"{path.name}.civitai.info").write_text('{"id": 1, "modelId": 2}')
    assert take(library, root).imported == 3
    (root / "mount" / "A.civitai.info").unlink()  # as if its disk were not mounted
    disk.rename(tmp_path / "elsewhere")
    assert take(library, root).gone == 0
    root.rename(tmp_path / "away")
    assert take(library, root).gone == 0
    root.mkdir()
    assert take(library, root).gone == 0
    assert gone(library) == set()


def test_other_folders_and_files_that_are_not_named_keep_their_records(
    library: Library, tmp_path: Path
) -> None:
    first, second = tmp_path / "first", tmp_path / "first and second"
    for folder in (first, second):
        folder.mkdir()
        for name in "AB":
            (folder / f"{folder.name} {name}.civitai.info").write_text('{"id": 1, "modelId": 2}')
    take(library, first, second)
    for folder in (first, second):
        (folder / f"{folder.name} A.civitai.info").unlink()
    assert take(library, first).gone == 1
    assert gone(library) == {"first A"}


def test_a_container_with_a_problem_hides_nothing_from_the_user(library: Library, tmp_path: Path) -> None:
    path = tmp_path / "list.json"
    path.write_text('[{"name": "A"}, {"name": "B"}, {"name": "C"}]')
    assert take(library, path).imported == 3
    path.write_text('"no list at all"')
    report = take(library, path)
    assert (report.failed, report.gone) == (1, 0)
    assert gone(library) == set()


def test_a_cancelled_run_marks_nothing(library: Library, tmp_path: Path) -> None:
    path = database(tmp_path / "models.db", "ABC")
    take(library, path)
    database(path, "B")

    class Stopping(Progress):
        def step(self, done: int, total: int | None, text: str = "", unit: str = "files") -> None:
            if unit == "records":  # heard when the rows are compared, at the latest
                self.cancel()

    report = library.import_paths([str(path)], progress=Stopping())
    assert report.cancelled
    assert (report.gone, gone(library)) == (0, set())


def test_the_record_of_a_model_is_marked_and_shown_after_its_pending_row_was_cleared(
    library: Library, models: Path, lora, civitai_info
) -> None:
    lora("a.safetensors")
    civitai_info(models / "a.safetensors")
    library.scan([str(models)], progress=Progress())
    take(library, models)
    assert promote_all(library).promoted == 1
    assert library.catalog.clear_promoted() == 1
    (models / "a.civitai.info").unlink()
    assert take(library, models).gone == 1
    (row,) = shown(library)
    (record,) = library.catalog.records_of(row.id)
    assert record.gone_at is not None
    civitai_info(models / "a.safetensors")
    take(library, models)
    assert [record.gone_at for record in library.catalog.records_of(row.id)] == [None]


def test_a_changed_container_adds_versions_that_win_once_they_are_promoted(
    library: Library, models: Path, lora, civitai_info
) -> None:
    lora("a.safetensors")
    first = civitai_info(models / "a.safetensors", name="first")
    library.scan([str(models)], progress=Progress())
    take(library, models)
    promote_all(library)
    (row,) = shown(library)
    assert row.name == "A - first"
    second = civitai_info(models / "a.safetensors", name="second")
    report = take(library, models)
    assert (report.updated, report.gone) == (1, 0)
    (row,) = shown(library)
    assert row.name == "A - first"
    promote_all(library)
    (row,) = shown(library)
    assert row.name == "A - second"
    assert {record.payload for record in library.catalog.records_of(row.id)} == {first, second}


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
def test_a_container_with_a_name_that_is_no_unicode_is_marked(library: Library, tmp_path: Path) -> None:
    root = tmp_path / "models"
    root.mkdir()
    odd = os.path.join(os.fsencode(root), b"caf\xe9.civitai.info")
    for path in (odd, os.path.join(os.fsencode(root), b"B.civitai.info")):
        with open(path, "wb") as file:
            file.write(b"{}")
    take(library, root)
    os.unlink(odd)
    assert take(library, root).gone == 1


def test_a_card_speaks_of_the_models_that_are_there_now(library: Library, tmp_path: Path) -> None:
    folder = tmp_path / "import" / "repo"
    (folder / ".cache" / "huggingface").mkdir(parents=True)
    (folder / "README.md").write_text("---\nlicense: mit\n---\n")
    (folder / "a.gguf").write_bytes(b"GGUF a")
    assert take(library, tmp_path / "import").imported == 1
    (folder / "b.gguf").write_bytes(b"GGUF b")
    report = take(library, tmp_path / "import")
    assert (report.seen - report.ignored, report.imported, report.gone) == (2, 2, 1)
    (folder / "b.gguf").unlink()
    report = take(library, tmp_path / "import")
    assert (report.unchanged, report.gone) == (1, 2)
    kept = pending_in(library.catalog)
    assert {(row.record_key, row.gone_at is not None) for row in kept} == {
        ("", False),
        ("a.gguf", True),
        ("b.gguf", True),
    }
