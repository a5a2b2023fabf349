"""The different values that witnesses give a column, side by side, and the choice of a person among them."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from modelmgr.errors import Usage
from modelmgr.library import Library
from modelmgr.progress import Progress
from modelmgr.values import ModelQuery, ModelRow, Opinion, PendingQuery
from tests.inbox import pending_in

Lora = Callable[..., Path]
Info = Callable[..., bytes]
Hash = Callable[[Path], str]


def only(library: Library) -> ModelRow:
    (row,) = library.catalog.page(ModelQuery(), None)
    return row


def take(library: Library, *paths: Path) -> None:
    library.import_paths([str(path) for path in paths], progress=Progress())


def promote(library: Library) -> None:
    assert library.promote(None, progress=Progress()).stayed == 0


def record_id(library: Library, source: str) -> int:
    (found,) = (
        record.id for record in library.catalog.records_of(only(library).id) if record.source == source
    )
    return found


def pending_id(library: Library, source: str) -> int:
    (row,) = pending_in(library.catalog, PendingQuery(sources=(source,)))
    return row.id


def lora_manager(model: Path, **fields: object) -> Path:
    path = model.with_suffix(".metadata.json")
    said = {"file_path": str(model), "model_name": model.stem, "base_model": "Pony"} | fields
    path.write_text(json.dumps(said))
    return path


def card(model: Path, **fields: object) -> Path:
    path = model.with_suffix(".json")
    path.write_text(json.dumps(fields))
    return path


def test_each_different_value_stands_once_and_the_shown_one_first(
    library: Library, models: Path, lora: Lora, civitai_info: Info, sha256: Hash
) -> None:
    path = lora("inkwash.safetensors")
    civitai_info(path, sha256(path))
    lora_manager(path, model_name="My ink", notes="best at 0.7", modified=2.0)
    card(path, notes="best at 0.7", **{"sd version": "SDXL", "activation text": "inkwash harbor"})
    take(library, models)
    promote(library)
    ids = {
        source: record_id(library, source) for source in ("civitai-info", "lora-manager", "a1111-user-json")
    }
    said = library.opinions(only(library).id)
    assert said["name"] == (
        Opinion(
            "lora-manager",
            ids["lora-manager"],
            2,
            "My ink",
            True,
            None,
            str(models / "inkwash.metadata.json"),
        ),
        Opinion(
            "civitai-info",
            ids["civitai-info"],
            3,
            "Inkwash - v1.2",
            False,
            None,
            str(models / "inkwash.civitai.info"),
        ),
    )
    assert [(one.source, one.rank, one.value, one.shown) for one in said["base_model"]] == [
        ("civitai-info", 3, "SDXL 1.0", True),
        ("a1111-user-json", 2, "SDXL", False),
        ("lora-manager", 6, "Pony", False),
    ]
    assert [(one.value, one.shown) for one in said["notes"]] == [("best at 0.7", True)]
    assert [(one.value, one.shown) for one in said["trigger_words"]] == [(("inkwash harbor",), True)]
    assert "rating" not in said
    assert "favorite" not in said


def test_what_is_joined_of_several_is_said_by_nobody(
    library: Library, models: Path, lora: Lora, civitai_info: Info, sha256: Hash
) -> None:
    path = lora("inkwash.safetensors")
    civitai_info(path, sha256(path), tags=["style", "harbor"])
    lora_manager(path, tags=["Harbor", "fog"])
    take(library, models)
    promote(library)
    tags = library.opinions(only(library).id)["tags"]
    assert [(one.source, one.record_id, one.rank, one.value, one.shown) for one in tags] == [
        ("merged", None, 2, ("Harbor", "fog", "style"), True),
        ("lora-manager", record_id(library, "lora-manager"), 2, ("Harbor", "fog"), False),
        ("civitai-info", record_id(library, "civitai-info"), 3, ("style", "harbor"), False),
    ]
    assert only(library).tags == ("Harbor", "fog", "style")


def test_a_choice_is_the_users_and_can_be_taken_back(
    library: Library, models: Path, lora: Lora, civitai_info: Info, sha256: Hash
) -> None:
    path = lora("inkwash.safetensors")
    civitai_info(path, sha256(path))
    take(library, models)
    promote(library)
    row = only(library)
    library.choose([row.id], "name", "inkwash")
    said = library.opinions(row.id)["name"]
    assert [(one.source, one.rank, one.value, one.shown) for one in said] == [
        ("user", 1, "inkwash", True),
        ("civitai-info", 3, "Inkwash - v1.2", False),
    ]
    assert only(library).name == "inkwash"
    library.choose([row.id], "trigger_words", [])
    said = library.opinions(row.id)["trigger_words"]
    assert [(one.source, one.value, one.shown) for one in said] == [
        ("user", (), True),
        ("civitai-info", ("inkwash harbor",), False),
    ]
    library.choose([row.id], "name", None)
    assert only(library).name == "Inkwash - v1.2"
    with pytest.raises(Usage):
        library.choose([row.id], "sha256", "0" * 64)


def test_a_preview_that_is_not_there_is_an_opinion_and_not_shown(
    library: Library, models: Path, lora: Lora
) -> None:
    path = lora("inkwash.safetensors")
    gone = str(models / "gone.webp")
    lora_manager(path, preview_url=gone)
    take(library, models)
    promote(library)
    said = library.opinions(only(library).id)["preview"]
    assert [(one.source, one.rank, one.value, one.shown) for one in said] == [
        ("file", 7, None, True),
        ("lora-manager", 6, gone, False),
    ]


def test_a_record_of_another_file_is_heard_but_not_shown(
    library: Library, models: Path, lora: Lora, civitai_info: Info
) -> None:
    path = lora("inkwash.safetensors")
    civitai_info(
        path,
        files=[{"name": path.name, "type": "Model", "sizeKB": 2048.0, "hashes": {"SHA256": "AB" * 32}}],
    )
    take(library, models)
    library.promote(None, attach_anyway=True, progress=Progress())
    said = library.opinions(only(library).id)["name"]
    assert [(one.source, one.rank, one.value, one.shown) for one in said] == [
        ("file", 7, "inkwash", True),
        ("civitai-info", 8, "Inkwash - v1.2", False),
    ]


def test_pending_records_of_one_file_stand_beside_each_other_and_beside_the_model(
    library: Library, models: Path, lora: Lora, civitai_info: Info, sha256: Hash
) -> None:
    path, other = lora("inkwash.safetensors"), lora("other.safetensors", 0x42)
    civitai_info(other, sha256(other))
    civitai_info(path, sha256(path))
    take(library, models)
    promote(library)
    lora_manager(path, model_name="My ink")
    card(path, **{"sd version": "SD1"})
    take(library, models)
    row = next(row for row in library.catalog.page(ModelQuery(), None) if row.path == str(path))
    (info,) = (record.id for record in library.catalog.records_of(row.id))
    manager, user = pending_id(library, "lora-manager"), pending_id(library, "a1111-user-json")
    for asked in (manager, user):
        said = library.pending_opinions(asked)
        assert [(one.record_id, one.pending_id, one.rank, one.value, one.shown) for one in said["name"]] == [
            (None, manager, 2, "My ink", True),
            (info, None, 3, "Inkwash - v1.2", False),
        ]
        assert [(one.record_id, one.pending_id, one.value, one.shown) for one in said["base_model"]] == [
            (None, user, "SD 1.x", True),
            (info, None, "SDXL 1.0", False),
            (None, None, "SDXL", False),
            (None, manager, "Pony", False),
        ]
    assert row.name == "Inkwash - v1.2"


def test_pending_records_of_one_claimed_hash_speak_of_one_model_that_is_not_here(
    library: Library, tmp_path: Path, civitai_info: Info
) -> None:
    folder = tmp_path / "sidecars"
    folder.mkdir()
    civitai_info(folder / "a.safetensors", "ab" * 32)
    civitai_info(folder / "b.safetensors", "ab" * 32, name="v2")
    civitai_info(folder / "c.safetensors", "cd" * 32)
    take(library, folder)
    ids = {Path(row.source_path).name: row.id for row in pending_in(library.catalog)}
    said = library.pending_opinions(ids["a.civitai.info"])["name"]
    assert {one.value for one in said} == {"A - v1.2", "B - v2"}
    assert {one.pending_id for one in said} == {ids["a.civitai.info"], ids["b.civitai.info"]}
    assert [one.shown for one in said] == [True, False]


def test_a_file_that_no_scan_has_met_says_what_its_header_says(
    library: Library, models: Path, lora: Lora, civitai_info: Info
) -> None:
    path = lora("inkwash.safetensors")
    civitai_info(path)
    take(library, models)
    said = library.pending_opinions(pending_id(library, "civitai-info"))
    assert [(one.source, one.value) for one in said["base_model"]] == [
        ("civitai-info", "SDXL 1.0"),
        ("header", "SDXL"),
    ]
    assert library.catalog.count(ModelQuery()) == 0


def test_of_what_is_not_there_nothing_is_said(library: Library) -> None:
    assert library.opinions(7) == {}
    assert library.pending_opinions(7) == {}


def test_what_one_source_says_is_chosen_wherever_it_differs_and_undone_as_one(
    library: Library, models: Path, lora: Lora, civitai_info: Info
) -> None:
    paths = [lora(f"ink_{number}.safetensors") for number in range(3)]
    for number, path in enumerate(paths):
        path.with_suffix(".civitai.info").write_bytes(civitai_info(path, baseModel="SDXL 1.0"))
        lora_manager(path, model_name=f"By hand {number}", base_model="Pony")
    take(library, models)
    promote(library)
    rows = library.catalog.page(ModelQuery(), None)
    assert {row.base_model for row in rows} == {"Pony"}
    library.edit([rows[0].id], "base_model", "SD 1.5")
    report = library.choose_alike("base_model", "civitai-info", Progress())
    assert (report.models, report.changed) == (3, 2)
    after = {row.id: row.base_model for row in library.catalog.page(ModelQuery(), None)}
    assert after.pop(rows[0].id) == "SD 1.5"
    assert set(after.values()) == {"SDXL 1.0"}
    assert library.choose_alike("base_model", "civitai-info", Progress()).changed == 0
    library.undo_edit(report.group)
    after = {row.id: row.base_model for row in library.catalog.page(ModelQuery(), None)}
    assert sorted(filter(None, after.values())) == ["Pony", "Pony", "SD 1.5"]
