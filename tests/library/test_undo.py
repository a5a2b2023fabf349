"""A promotion taken back: the record is pending again, and the library is as if it had never been promoted."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from modelmgr.library import Library
from modelmgr.progress import Progress
from modelmgr.values import ModelQuery, ModelRow, PendingQuery, Problem, UndoReport
from tests.inbox import pending_in

Lora = Callable[..., Path]
Info = Callable[..., bytes]
Hash = Callable[[Path], str]


def rows(library: Library) -> list[ModelRow]:
    return library.catalog.page(ModelQuery(sort="added_at"), None)


def take(library: Library, *paths: Path) -> None:
    library.import_paths([str(path) for path in paths], progress=Progress())


def undo(library: Library, *ids: int) -> UndoReport:
    report = library.undo_promotion(ids, Progress())
    assert report.stayed == len(report.problems)
    return report


def test_all_is_as_before_the_promotion(
    library: Library, models: Path, lora: Lora, civitai_info: Info, sha256: Hash
) -> None:
    path = lora("inkwash.safetensors")
    payload = civitai_info(path, sha256(path))
    library.scan([str(models)], progress=Progress())
    take(library, models)
    former_rows, former = rows(library), pending_in(library.catalog)
    report = library.promote(None, progress=Progress())
    assert rows(library)[0].name == "Inkwash - v1.2"
    assert undo(library, *report.pending_ids) == UndoReport(undone=1)
    assert rows(library) == former_rows
    assert pending_in(library.catalog) == former
    assert library.catalog.records_of(former_rows[0].id) == []
    record = library.catalog.pending_record(former[0].id)
    assert record is not None
    assert record.payload == payload
    assert library.check(Progress()) == []
    assert library.promote(None, progress=Progress()).promoted == 1
    assert rows(library)[0].name == "Inkwash - v1.2"


def test_other_records_and_the_users_values_stay(
    library: Library, models: Path, lora: Lora, civitai_info: Info, sha256: Hash
) -> None:
    path = lora("inkwash.safetensors")
    civitai_info(path, sha256(path))
    path.with_suffix(".json").write_text(json.dumps({"notes": "lower", "sd version": "SDXL"}))
    take(library, models)
    library.promote(None, progress=Progress())
    (row,) = rows(library)
    library.edit([row.id], "rating", 4)
    ids = {row.source: row.id for row in pending_in(library.catalog)}
    assert undo(library, ids["civitai-info"]).undone == 1
    (row,) = rows(library)
    assert (row.name, row.base_model, row.notes, row.rating) == ("inkwash", "SDXL", "lower", 4)
    assert [record.source for record in library.catalog.records_of(row.id)] == ["a1111-user-json"]
    states = {row.source: row.state for row in pending_in(library.catalog)}
    assert states == {"civitai-info": "pending", "a1111-user-json": "promoted"}


@pytest.mark.parametrize("edited", [False, True])
def test_a_model_of_which_nothing_is_left_goes(
    library: Library, tmp_path: Path, civitai_info: Info, edited: bool
) -> None:
    folder = tmp_path / "sidecars"
    folder.mkdir()
    civitai_info(folder / "gone.safetensors", "ab" * 32)
    take(library, folder)
    (former,) = pending_in(library.catalog)
    assert former.problem == "no_file"
    report = library.promote(None, allow_missing=True, progress=Progress())
    (row,) = rows(library)
    assert (row.sha256, row.file_state) == ("ab" * 32, "missing")
    if edited:
        library.edit([row.id], "rating", 5)
    assert undo(library, *report.pending_ids).undone == 1
    assert [(row.name, row.rating) for row in rows(library)] == ([("abababababab", 5)] if edited else [])
    assert pending_in(library.catalog) == [former]


def test_a_located_file_stays_located(
    library: Library, models: Path, tmp_path: Path, lora: Lora, civitai_info: Info
) -> None:
    path = lora("inkwash.safetensors")
    folder = tmp_path / "sidecars"
    folder.mkdir()
    civitai_info(folder / "elsewhere.safetensors")
    take(library, folder)
    (former,) = pending_in(library.catalog)
    library.locate(former.id, str(path))
    report = library.promote(None, progress=Progress())
    assert undo(library, *report.pending_ids).undone == 1
    (now,) = pending_in(library.catalog)
    assert (now.state, now.file_path, now.problem) == ("pending", str(path), None)
    assert library.promote(None, progress=Progress()).promoted == 1


def test_what_is_not_promoted_stays_and_says_so(
    library: Library, models: Path, lora: Lora, civitai_info: Info
) -> None:
    civitai_info(lora("inkwash.safetensors"))
    take(library, models)
    (row,) = pending_in(library.catalog)
    report = undo(library, row.id, 77, row.id)
    assert (report.undone, report.stayed) == (0, 2)
    assert report.problems == [
        Problem(row.source_path, "not_promoted", "Inkwash - v1.2 is not promoted."),
        Problem("", "not_found", "There is no pending model 77."),
    ]
    library.dismiss([row.id])
    assert undo(library, row.id).stayed == 1
    assert pending_in(library.catalog) == [replace(row, state="dismissed")]


def test_the_last_run_is_known_until_it_is_undone(
    library: Library, models: Path, lora: Lora, civitai_info: Info
) -> None:
    assert library.catalog.last_promoted() == []
    for number in (1, 2, 3):
        civitai_info(lora(f"m{number}.safetensors", number))
    take(library, models)
    first, second, third = (row.id for row in pending_in(library.catalog))
    assert library.promote([first], progress=Progress()).promotion == 1
    report = library.promote([second, third], progress=Progress())
    assert report.promotion == 2
    assert library.promote([first], progress=Progress()).promotion is None
    assert library.catalog.last_promoted() == [second, third]
    undo(library, second)
    assert library.catalog.last_promoted() == [third]
    undo(library, third)
    assert library.catalog.last_promoted() == [first]
    assert library.promote([third], progress=Progress()).promotion == 2


def test_a_cancelled_undo_leaves_whole_records(
    library: Library, models: Path, lora: Lora, civitai_info: Info
) -> None:
    for number in (1, 2, 3):
        civitai_info(lora(f"m{number}.safetensors", number))
    take(library, models)
    ids = library.promote(None, progress=Progress()).pending_ids
    progress = Progress(lambda step: progress.cancel())
    report = library.undo_promotion(ids, progress)
    assert report.cancelled
    states = [row.state for row in pending_in(library.catalog)]
    assert states.count("pending") == report.undone == 1
    records = sum(len(library.catalog.records_of(row.id)) for row in rows(library))
    assert records == states.count("promoted")
    assert undo(library, *ids).undone == 3 - report.undone


def test_a_cleared_record_does_not_come_again_but_a_new_version_of_it_does(
    library: Library, models: Path, lora: Lora, civitai_info: Info
) -> None:
    model = lora("inkwash.safetensors")
    civitai_info(model)
    take(library, models)
    library.promote(None, progress=Progress())
    assert library.clear_promoted() == 1
    again = library.import_paths([str(models)], progress=Progress())
    assert (again.imported, again.unchanged) == (0, 1)
    assert library.catalog.pending_count(PendingQuery()) == 0
    civitai_info(model, notes="changed")
    changed = library.import_paths([str(models)], progress=Progress())
    assert (changed.updated, changed.unchanged) == (1, 0)
    library.promote(None, progress=Progress())
    (row,) = rows(library)
    assert len(library.catalog.records_of(row.id)) == 2
