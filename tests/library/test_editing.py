"""The user's own values: set for one model or many, kept against everything, with a history and a way back."""

import json
import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from modelmgr import demo
from modelmgr.catalog import Catalog, edit_store
from modelmgr.edits import EDITABLE, NOTES_CHARACTERS
from modelmgr.errors import ModelmgrError, NotFound, Usage
from modelmgr.library import Library
from modelmgr.progress import Progress, Step
from modelmgr.values import Changes, Door, Edit, EditGroup, ModelDetails, ModelQuery, ModelRow, Origin

Lora = Callable[..., Path]
Info = Callable[..., bytes]
Hash = Callable[[Path], str]

ALL: dict[str, Any] = {
    "name": "Mine",
    "type": "embedding",
    "base_model": "Pony",
    "tags": ["mine", "ink"],
    "rating": 4,
    "favorite": True,
    "nsfw": False,
    "notes": "best at 0.7",
    "trigger_words": ["my harbor"],
    "license": "MIT",
    "source_url": "https://example.org/ink",
}


def rows(library: Library) -> list[ModelRow]:
    return library.catalog.page(ModelQuery(), None)


def only(library: Library) -> ModelRow:
    (row,) = rows(library)
    return row


def details(library: Library, row: ModelRow) -> ModelDetails:
    found = library.catalog.details(row.id)
    assert found is not None
    return found


def shown(row: ModelRow) -> dict[str, Any]:
    return {
        column: list(value) if isinstance(value := getattr(row, column), tuple) else value for column in ALL
    }


def scan(library: Library, *paths: Path, hash_files: bool = True) -> None:
    library.scan([str(path) for path in paths], hash_files=hash_files, progress=Progress())


def import_all(library: Library, *paths: Path) -> None:
    library.import_paths([str(path) for path in paths], progress=Progress())
    library.promote(None, progress=Progress())


@pytest.fixture
def known(library: Library, models: Path, lora: Lora, civitai_info: Info, sha256: Hash) -> ModelRow:
    """A model with a record."""
    path = lora("inkwash.safetensors")
    civitai_info(path, sha256(path))
    import_all(library, models)
    return only(library)


@pytest.fixture
def many(library: Library, models: Path, lora: Lora) -> list[int]:
    """Some models without records."""
    for number in range(5):
        lora(f"ink {number}.safetensors", number)
    scan(library, models)
    return [row.id for row in rows(library)]


# --- setting ----------------------------------------------------------------------------------------------


def test_each_column_is_set_and_goes_back(library: Library, known: ModelRow) -> None:
    report = library.edit_models([known.id], ALL)
    assert (report.models, report.changed, report.cancelled) == (1, 1, False)
    assert shown(only(library)) == ALL
    assert details(library, known).edited == tuple(sorted(ALL))
    assert {details(library, known).provenance[column] for column in ALL} == {Origin("user", 1)}
    assert library.edit_models([known.id], dict.fromkeys(ALL)).changed == 1
    assert only(library) == known
    assert details(library, known).edited == ()


def test_a_column_can_be_emptied(library: Library, known: ModelRow) -> None:
    empty = {"base_model": "", "tags": [], "trigger_words": [], "rating": 0, "notes": "", "license": ""}
    library.edit_models([known.id], ALL)
    library.edit_models([known.id], empty)
    row = only(library)
    assert [getattr(row, column) for column in empty] == [None, (), (), None, None, None]


@pytest.mark.parametrize("kind", ["LORA", "Checkpoint"])
@pytest.mark.parametrize("column", [*ALL, "preview"])
def test_what_is_shown_at_once_is_what_a_merge_of_all_would_show(
    library: Library,
    models: Path,
    lora: Lora,
    civitai_info: Info,
    sha256: Hash,
    column: str,
    kind: str,
) -> None:
    path = lora("inkwash.safetensors") if kind == "LORA" else models / "inkwash.ckpt"
    if kind != "LORA":
        path.write_bytes(b"\x80\x02}.")
    said = json.loads(civitai_info(path, sha256(path)))
    said["model"]["type"] = kind
    path.with_suffix(".civitai.info").write_text(json.dumps(said))
    picture = models / "mine.png"
    demo.write_png(picture, "mine", 8, 8)
    import_all(library, models)
    row = only(library)
    values = [ALL.get(column, str(picture)), *({"base_model": ["SDXL 1.0", "Flux.1 D"]}.get(column, []))]
    for value in values:
        library.edit_models([row.id], {column: value})
        at_once, found = only(library), details(library, row).provenance
        library.relight(row.id)
        assert only(library) == at_once
        assert details(library, row).provenance == found
        assert library.catalog.count(ModelQuery(search="inkwash v1.2")) == 1


def test_no_payload_is_read_for_what_is_set_and_undone_again(library: Library, known: ModelRow) -> None:
    library.edit_models([known.id], {column: ALL[column] for column in ("rating", "notes", "name")})
    statements: list[str] = []
    library.catalog.trace(statements.append)
    library.edit_models([known.id], {"rating": 5, "name": "Other"}, add_tags=["x"], add_trigger_words=["y"])
    library.edit_models([known.id], {"notes": "other"})
    library.undo_edit()
    library.redo_edit()
    library.catalog.trace(None)
    assert statements
    assert not [sql for sql in statements if "meta_json" in sql]


def test_a_name_that_was_changed_is_still_found_by_the_imported_one(
    library: Library, known: ModelRow
) -> None:
    for name in ("Mine", "Mine too"):
        library.edit_models([known.id], {"name": name})
    assert library.catalog.count(ModelQuery(search=known.name)) == 1
    assert library.catalog.count(ModelQuery(search="mine too")) == 1


def test_nothing_is_changed_if_anything_is_refused(library: Library, known: ModelRow) -> None:
    for wrong in ({"rating": 6}, {"sha256": "0" * 64}, {"type": None, "path": None}):
        with pytest.raises(Usage):
            library.edit_models([known.id], {"name": "Mine", **wrong})
    with pytest.raises(Usage):
        library.edit_models([known.id], {"name": "Mine"}, add_tags=["x" * 300])
    assert only(library) == known
    assert library.catalog.next_undo() is None


def test_what_is_as_it_was_is_no_edit(library: Library, known: ModelRow) -> None:
    library.edit_models([known.id], {"rating": 4}, add_tags=["ink"])
    report = library.edit_models([known.id, 999], {"rating": 4, "notes": None}, add_tags=["INK"])
    assert (report.group, report.models, report.changed) == (None, 1, 0)
    assert len(library.catalog.edits_of(known.id)) == 2


def test_tags_and_words_are_added_to_what_is_shown_and_taken_from_it(
    library: Library, known: ModelRow
) -> None:
    assert known.trigger_words == ("inkwash harbor",)
    library.edit_models(
        [known.id], {"tags": ["a", "wip"]}, add_tags=["b"], remove_tags=["WIP"], add_trigger_words=["x"]
    )
    assert (only(library).tags, only(library).trigger_words) == (("a", "b"), ("inkwash harbor", "x"))
    library.edit_models(
        [known.id], {"trigger_words": None}, add_trigger_words=["y"], remove_trigger_words=["x"]
    )
    assert only(library).trigger_words == ("inkwash harbor", "y")


def test_many_models_are_one_edit_with_progress_and_news(
    library: Library, many: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modelmgr.library.editing.AT_ONCE", 2)
    steps: list[Step] = []
    rung: list[Changes] = []
    library.catalog.subscribe(rung.append)
    report = library.edit_models(
        many, {"rating": 3}, add_tags=["x"], note="spring", progress=Progress(steps.append)
    )
    assert (report.models, report.changed) == (5, 5)
    assert {(row.rating, row.tags) for row in rows(library)} == {(3, ("x",))}
    assert steps[0].total == 5
    assert set().union(*(news.ids or () for news in rung)) == set(many)
    found = library.catalog.next_undo()
    assert found is not None
    assert found == EditGroup(
        report.group or 0, found.made_at, "window", "spring", ("rating", "tags"), 5, False
    )
    assert library.undo_edit().changed == 5
    assert {(row.rating, row.tags) for row in rows(library)} == {(None, ())}


class _Stops(Progress):
    """Cancels at its second step."""

    def step(self, done: int, total: int | None, text: str = "", unit: str = "files") -> None:
        if done:
            self.cancel()
        super().step(done, total, text, unit)


def test_a_cancelled_edit_is_undone_and_a_cancelled_undo_goes_on(
    library: Library, many: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modelmgr.library.editing.AT_ONCE", 2)
    report = library.edit_models(many, {"rating": 3}, progress=_Stops())
    assert (report.cancelled, report.changed) == (True, 2)
    assert library.undo_edit(report.group).changed == 2
    report = library.edit_models(many, {"rating": 3})
    half = library.undo_edit(progress=_Stops())
    assert (half.cancelled, half.changed) == (True, 2)
    rest = library.undo_edit()
    assert (rest.group, rest.changed, rest.skipped) == (report.group, 3, [])
    assert {row.rating for row in rows(library)} == {None}


# --- undo and redo ----------------------------------------------------------------------------------------


def test_undo_and_redo_go_back_and_forth_over_a_restart(
    library: Library, known: ModelRow, tmp_path: Path
) -> None:
    library.edit_models([known.id], {"rating": 3})
    library.edit_models([known.id], {"rating": 5, "name": "Mine"}, door=Door.CLI)
    with Catalog.open(tmp_path / "catalog.sqlite") as catalog:
        other = Library(catalog)
        assert other.undo_edit().changed == 1
        assert (only(other).rating, only(other).name) == (3, known.name)
        assert other.undo_edit().changed == 1
        assert only(other).rating is None
        assert other.undo_edit().group is None
    assert library.redo_edit().changed == 1
    assert only(library).rating == 3
    assert library.redo_edit().changed == 1
    assert (only(library).rating, only(library).name) == (5, "Mine")
    assert library.redo_edit().group is None


def test_a_new_edit_ends_the_redo_but_not_by_number(library: Library, known: ModelRow) -> None:
    first = library.edit_models([known.id], {"rating": 3})
    library.undo_edit()
    library.edit_models([known.id], {"notes": "new"})
    assert library.catalog.next_redo() is None
    assert library.redo_edit().group is None
    assert library.redo_edit(first.group).changed == 1
    assert (only(library).rating, only(library).notes) == (3, "new")


def test_what_was_changed_since_is_left_and_named(library: Library, many: list[int]) -> None:
    first = library.edit_models(many, {"rating": 3, "notes": "one"})
    library.edit_models(many[:2], {"rating": 5})
    report = library.undo_edit(first.group)
    assert (report.changed, report.skipped_total) == (5, 2)
    assert {(one.model_id, one.column, one.current, one.wanted) for one in report.skipped} == {
        (model_id, "rating", 5, None) for model_id in many[:2]
    }
    assert {one.name for one in report.skipped} == {row.name for row in library.catalog.rows(many[:2])}
    assert [row.rating for row in library.catalog.rows(many)] == [5, 5, None, None, None]
    assert {row.notes for row in rows(library)} == {None}
    back = library.redo_edit(first.group)
    assert (back.changed, back.skipped_total) == (5, 0)
    assert [row.rating for row in library.catalog.rows(many)] == [5, 5, 3, 3, 3]


def test_a_value_that_came_back_to_what_it_was_is_changed_since_all_the_same(
    library: Library, known: ModelRow
) -> None:
    first = library.edit_models([known.id], {"rating": 3})
    library.edit_models([known.id], {"rating": 4})
    library.edit_models([known.id], {"rating": 3})
    assert library.undo_edit(first.group).skipped_total == 1
    assert only(library).rating == 3


@pytest.mark.parametrize("seed", range(6))
def test_whatever_was_edited_all_of_it_goes_back_and_forth_again(
    library: Library, many: list[int], seed: int
) -> None:
    chance = random.Random(seed)
    layers: list[dict[int, dict[str, Any]]] = []

    def now() -> dict[int, dict[str, Any]]:
        return {model_id: library.catalog.user_values(model_id) for model_id in many}

    imported = rows(library)
    for number in range(25):
        before = now()
        columns = chance.sample([*ALL], chance.randrange(4))
        changes = {
            column: chance.choice([None, ALL[column], {"name": f"name {number}"}.get(column, ALL[column])])
            for column in columns
        }
        tags = chance.sample(["a", "b", "c"], 2)
        report = library.edit_models(
            chance.sample(many, chance.randrange(1, 6)), changes, add_tags=tags[:1], remove_tags=tags[1:]
        )
        if report.group is not None:
            layers.append(before)
        else:
            assert now() == before
    last = now()
    for before in reversed(layers):
        assert library.undo_edit().skipped_total == 0
        assert now() == before
    assert now() == {model_id: {} for model_id in many}
    assert rows(library) == imported
    for after in [*layers[1:], last]:
        assert library.redo_edit().skipped_total == 0
        assert now() == after
    for model_id in many:
        at_once = library.catalog.rows([model_id])
        library.relight(model_id)
        assert library.catalog.rows([model_id]) == at_once


def test_edits_that_are_not_there_or_are_so_already_are_refused(library: Library, known: ModelRow) -> None:
    with pytest.raises(NotFound):
        library.undo_edit(7)
    report = library.edit_models([known.id], {"rating": 3})
    with pytest.raises(Usage, match="in force"):
        library.redo_edit(report.group)
    library.undo_edit(report.group)
    with pytest.raises(Usage, match="undone already"):
        library.undo_edit(report.group)


def test_the_history_tells_everything_the_newest_first(library: Library, known: ModelRow) -> None:
    library.edit_models([known.id], {"rating": 3}, note="why", door=Door.API)
    library.choose([known.id], "name", "inkwash")
    library.edit([known.id], "rating", None)
    library.undo_edit()
    found = library.catalog.edits_of(known.id)
    assert [replace(edit, made_at=0) for edit in found] == [
        Edit(3, 0, "window", "", "rating", 3, None, True),
        Edit(2, 0, "window", "", "name", None, "inkwash", False),
        Edit(1, 0, "api", "why", "rating", None, 3, False),
    ]
    assert library.catalog.edits_of(known.id, 1) == found[:1]


def test_where_a_value_comes_from_and_what_would_be_without_it(library: Library, known: ModelRow) -> None:
    before = library.origins_of(known.id)
    assert set(before) == set(EDITABLE)
    assert {one.is_edited for one in before.values()} == {False}
    assert all((one.shown, one.origin) == (one.imported, one.imported_origin) for one in before.values())
    library.edit_models([known.id], {"name": "Mine", "rating": 2})
    after = library.origins_of(known.id)
    name = after["name"]
    assert (name.shown, name.origin, name.is_edited) == ("Mine", Origin("user", 1), True)
    assert (name.imported, name.imported_origin) == (before["name"].shown, before["name"].origin)
    assert after["rating"].imported is None
    assert after["trigger_words"] == before["trigger_words"]
    assert library.origins_of(999) == {}


def test_the_oldest_edits_are_forgotten_and_their_values_stay(
    library: Library, known: ModelRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edit_store, "HISTORY_GROUPS", 10)
    for number in range(12):
        library.edit_models([known.id], {"notes": f"note {number}"})
    assert [edit.after for edit in library.catalog.edits_of(known.id)][-1] == "note 2"
    monkeypatch.setattr(edit_store, "HISTORY_BYTES", 100)
    library.edit_models([known.id], {"name": "Mine", "license": "MIT"})
    assert {edit.column for edit in library.catalog.edits_of(known.id)} == {"name", "license"}
    assert only(library).notes == "note 11"
    assert library.undo_edit().changed == 1


# --- pictures ---------------------------------------------------------------------------------------------


def test_a_picture_from_anywhere_is_kept_beside_the_catalog(
    library: Library, known: ModelRow, models: Path, tmp_path: Path
) -> None:
    library.add_folder(str(models))
    near, far = models / "near.png", tmp_path / "far.png"
    for picture in (near, far):
        demo.write_png(picture, picture.stem, 8, 8)
    library.edit_models([known.id], {"preview": str(near)})
    assert only(library).preview == str(near)
    library.edit_models([known.id], {"preview": str(far)})
    kept = Path(only(library).preview or "")
    assert kept.is_relative_to(library.catalog.attachments_folder)
    assert kept.read_bytes() == far.read_bytes()
    far.unlink()
    scan(library)
    assert only(library).preview == str(kept)
    found = library.catalog.preview_of(known.sha256 or "")
    assert found is not None
    assert found[0] == str(kept)
    library.undo_edit()
    assert only(library).preview == str(near)
    library.edit_models([known.id], {"preview": None})
    assert only(library).preview is None


def test_what_is_no_picture_is_refused(library: Library, known: ModelRow, tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("no")
    (tmp_path / "folder.png").mkdir()
    outside = tmp_path / "far.png"
    demo.write_png(outside, "far", 8, 8)
    for name in ("words.txt", "folder.png", "none.png"):
        with pytest.raises(Usage, match="picture"):
            library.edit_models([known.id], {"preview": str(tmp_path / name)})
    with pytest.raises(ModelmgrError) as refused:
        library.edit_models([known.id], {"preview": str(outside)}, door=Door.API)
    assert refused.value.code == "outside"


# --- whatever happens ---------------------------------------------------------------------------------------


def rescan(library: Library, models: Path) -> None:
    scan(library)
    scan(library, models)


def reimport(library: Library, models: Path) -> None:
    (info,) = models.glob("*.civitai.info")
    said = json.loads(info.read_bytes())
    info.write_text(json.dumps(said | {"trainedWords": ["other"], "baseModel": "Illustrious"}))
    import_all(library, models)


def unpromote(library: Library, models: Path) -> None:
    ids = library.catalog.last_promoted()
    assert library.undo_promotion(ids, Progress()).undone == 1


def refresh(library: Library, models: Path) -> None:
    library.relight(only(library).id)
    library.catalog.refresh([only(library).id])


def rewrite_header(library: Library, models: Path) -> None:
    (path,) = models.glob("*.safetensors")
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    header["__metadata__"] = {"modelspec.title": "Said by the header", "modelspec.author": "somebody"}
    head = json.dumps(header).encode()
    path.write_bytes(len(head).to_bytes(8, "little") + head + data[8 + size :])
    scan(library, models)


def move(library: Library, models: Path) -> None:
    goal = models / "elsewhere"
    goal.mkdir()
    for path in models.glob("inkwash.*"):
        path.rename(goal / path.name)
    scan(library, models)


def lose(library: Library, models: Path) -> None:
    scan(library, models)
    for path in models.iterdir():
        path.unlink()
    (models / "still there").mkdir()
    scan(library)
    assert only(library).file_state == "missing"


def remove_folder(library: Library, models: Path) -> None:
    library.add_folder(str(models))
    library.remove_folder(str(models))


@pytest.mark.parametrize(
    "happens",
    [rescan, reimport, unpromote, refresh, rewrite_header, move, lose, remove_folder],
    ids=lambda happens: happens.__name__,
)
def test_what_was_typed_survives_and_so_does_its_history(
    library: Library, known: ModelRow, models: Path, happens: Callable[[Library, Path], None]
) -> None:
    scan(library, models)
    report = library.edit_models([known.id], ALL)
    history = library.catalog.edits_of(known.id)
    happens(library, models)
    row = only(library)
    assert row.id == known.id
    assert shown(row) == ALL
    assert library.catalog.edits_of(row.id) == history
    undone = library.undo_edit(report.group)
    assert (undone.changed, undone.skipped_total) == (1, 0)
    assert details(library, row).edited == ()
    assert library.redo_edit().changed == 1
    assert shown(only(library)) == ALL


def test_a_model_of_which_only_the_history_is_left_goes_with_its_folder(
    library: Library, models: Path, lora: Lora
) -> None:
    lora("ink.safetensors")
    scan(library, models)
    library.edit_models([only(library).id], {"rating": 3})
    library.undo_edit()
    library.remove_folder(str(models))
    assert rows(library) == []
    assert library.catalog.next_redo() is None
    assert library.check(Progress()) == []


# --- two models that turn out to be one ---------------------------------------------------------------------


def copies(library: Library, models: Path, lora: Lora) -> tuple[ModelRow, ModelRow]:
    path = lora("ink.safetensors")
    shutil.copy(path, models / "twin.safetensors")
    scan(library, models, hash_files=False)
    one, two = rows(library)
    return one, two


def test_the_history_of_both_is_that_of_the_one(library: Library, models: Path, lora: Lora) -> None:
    one, two = copies(library, models, lora)
    first = library.edit_models([one.id], {"rating": 2, "license": "MIT"})
    second = library.edit_models([two.id], {"rating": 5, "name": "Mine"})
    library.hash_waiting(Progress())
    row = only(library)
    history = library.catalog.edits_of(row.id)
    assert {edit.group for edit in history if edit.door == "window"} == {first.group, second.group}
    assert (row.license, row.name, row.rating) == ("MIT", "Mine", 5)
    report = library.undo_edit(second.group)
    assert report.changed == 1
    # What was said of the other is not thrown away with it.
    assert [(one.column, one.current) for one in report.skipped] == [("rating", 5)]
    assert (only(library).rating, only(library).license) == (5, "MIT")
    found = library.catalog.next_undo()
    assert found is not None
    assert found.id == first.group
    with pytest.raises(NotFound):
        library.undo_edit(next((edit.group for edit in history if edit.door == "merge"), 99))


def test_what_one_deed_did_to_both_is_undone_once(library: Library, models: Path, lora: Lora) -> None:
    one, two = copies(library, models, lora)
    library.edit_models([one.id, two.id], {"rating": 4})
    library.hash_waiting(Progress())
    report = library.undo_edit()
    assert (report.changed, report.skipped_total) == (1, 0)
    assert only(library).rating is None


def test_a_history_without_values_goes_along_too(library: Library, models: Path, lora: Lora) -> None:
    _, two = copies(library, models, lora)
    library.edit_models([two.id], {"rating": 4})
    library.undo_edit()
    library.hash_waiting(Progress())
    assert library.redo_edit().changed == 1
    assert only(library).rating == 4


def test_notes_that_would_be_too_long_stay(library: Library, many: list[int]) -> None:
    long = "x" * NOTES_CHARACTERS
    library.edit_models(many[:1], {"notes": long})
    report = library.edit_models(many, {}, add_notes="more")
    assert report.changed == len(many) - 1
    assert [row.notes for row in library.catalog.rows(many)][:2] == [long, "more"]
