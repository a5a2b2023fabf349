"""One LoRA about which every tool says something at once; the light row that must come of it, written out by hand."""

import json
import os
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from modelmgr.catalog.file_store import EMBEDDED
from modelmgr.library import Library
from modelmgr.progress import Progress
from modelmgr.sqlite import driver
from modelmgr.values import ModelQuery
from tests.inbox import pending_in
from tests.migration.specimens.models import A

STEM = "inkwash_harbor"


def _json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")


def _civitai(folder: Path) -> None:
    version = {
        "id": 990001,
        "modelId": 880001,
        "name": "v1.2",
        "baseModel": "SDXL 1.0",
        "trainedWords": ["inkwash harbor, fog"],
        "model": {"name": "Inkwash Harbor", "type": "LORA", "nsfw": False, "poi": False},
        "files": [
            {
                "id": 770001,
                "name": "inkwashHarbor_v12.safetensors",
                "sizeKB": A["sizeKB"],
                "hashes": {"SHA256": A["sha256"].upper(), "AutoV3": A["AutoV3"].upper()},
                "primary": True,
            }
        ],
    }
    _json(folder / f"{STEM}.civitai.info", version)
    model = {
        "id": 880001,
        "name": "Inkwash Harbor",
        "type": "LORA",
        "nsfw": True,
        "tags": ["ink", "harbor"],
        "allowNoCredit": False,
        "allowCommercialUse": ["Image"],
        "allowDerivatives": True,
        "allowDifferentLicense": False,
        "modelVersions": [version],
    }
    _json(folder / f"{STEM}.api_info.json", model)


def _lora_manager(folder: Path) -> None:
    _json(
        folder / f"{STEM}.metadata.json",
        {
            "file_name": STEM,
            "model_name": "Inkwash Harbor",
            "file_path": str(folder / f"{STEM}.safetensors").replace("\\", "/"),
            "size": len(A["bytes"]),
            "modified": 1_750_000_000.25,
            "sha256": A["sha256"],
            "base_model": "Pony",
            "preview_url": "",
            "notes": "0.7 for ships",
            "from_civitai": True,
            "civitai": {"id": 990001, "modelId": 880001, "baseModel": "SDXL 1.0"},
            "tags": ["Harbor", "favourites of may"],
            "favorite": True,
            "usage_tips": "{}",
        },
    )


def _stability_matrix(folder: Path) -> None:
    _json(
        folder / f"{STEM}.cm-info.json",
        {
            "ModelId": 880001,
            "ModelName": "Inkwash Harbor",
            "Nsfw": False,
            "Tags": ["ink", "sea"],
            "ModelType": "LORA",
            "VersionId": 990001,
            "VersionName": "v1.2",
            "BaseModel": "SDXL 1.0",
            "ImportedAt": "2025-03-02T18:04:11.1234567+00:00",
            "Hashes": {"SHA256": A["sha256"].upper(), "CRC32": A["CRC32"].upper(), "BLAKE3": None},
            "TrainedWords": ["inkwash harbor, fog"],
            "UserTitle": "Harbor for prints",
            "Source": 0,
        },
    )


def _a1111(folder: Path) -> None:
    card = {
        "description": "Fog and masts",
        "sd version": "SDXL",
        "activation text": "harbor at dawn",
        "preferred weight": 0.7,
        "notes": "print at 300 dpi",
    }
    _json(folder / f"{STEM}.json", card)
    (folder / f"{STEM}.txt").write_bytes(b"a note in a text file\r\n")


def _model_manager(folder: Path) -> None:
    (folder / f"{STEM}.md").write_text(
        f"---\nbaseModel: SDXL 1.0\nhashes:\n  SHA256: {A['sha256'].upper()}\n"
        "modelPage: https://civitai.com/models/880001?modelVersionId=990001\nwebsite: Civitai\n---\n\n"
        "# Trigger Words\n\ninkwash harbor, fog\n\n# About this version\n\nx\n\n# Inkwash Harbor\n\nFog.\n",
        encoding="utf-8",
    )
    (folder / f"{STEM}.url").write_bytes(
        b"[InternetShortcut]\r\nURL=https://civitai.com/models/880001?modelVersionId=990001\r\n"
    )


def _comfyui_nodes(folder: Path) -> None:
    _json(
        folder / f"{STEM}.safetensors.rgthree-info.json",
        {
            "file": f"{STEM}.safetensors",
            "name": "Inkwash Harbor - v1.2",
            "type": "LORA",
            "baseModel": "SDXL 1.0",
            "sha256": A["sha256"],
            "trainedWords": [
                {"word": "harbor lights", "user": True},
                {"word": "1girl", "count": 12, "metadata": True},
            ],
            "userTags": ["for comics"],
            "userNote": "strong above 1.0",
        },
    )
    (folder / f"{STEM}.sha256").write_bytes(A["sha256"].encode())
    _json(
        folder / f"{STEM}.swarm.json",
        {
            "modelspec.title": "Harbor (Swarm)",
            "modelspec.license": "CC-BY-4.0",
            "modelspec.tags": "ink, swarm",
        },
    )


def _invokeai(root: Path, model: Path) -> None:
    key = "6f0c2f1e-7a53-4c53-9a40-5d9f6a1f0b22"
    config = {
        "key": key,
        "hash": f"blake3:{A['BLAKE3']}",
        "path": str(model),
        "file_size": len(A["bytes"]),
        "name": "Harbor, ink",
        "description": "for the Invoke canvas",
        "source": str(model),
        "source_type": "path",
        "type": "lora",
        "base": "sdxl",
        "format": "lycoris",
        "trigger_phrases": ["inked harbor"],
    }
    folder = root / "databases"
    folder.mkdir(parents=True)
    with closing(driver.connect(folder / "invokeai.db")) as connection, connection:
        connection.execute("CREATE TABLE migrations(version INTEGER PRIMARY KEY, migrated_at TEXT)")
        connection.execute("INSERT INTO migrations VALUES (22, '2026-01-01 00:00:00.000')")
        connection.execute(
            "CREATE TABLE models(id TEXT NOT NULL PRIMARY KEY, config TEXT NOT NULL, created_at TEXT, "
            "updated_at TEXT, name TEXT GENERATED ALWAYS AS (json_extract(config, '$.name')) VIRTUAL)"
        )
        connection.execute(
            "INSERT INTO models(id, config, created_at, updated_at) VALUES (?, ?, ?, ?)",
            (key, json.dumps(config), "2026-05-01 10:00:00.000", "2026-05-02 10:00:00.000"),
        )


def _export(root: Path, model: Path) -> Path:
    root.mkdir()
    path = root / "models_export.csv"
    path.write_text(
        f'name,path,sha256,rating,notes\r\nHarbour,"{model}",{A["sha256"]},4,"rated in a spreadsheet"\r\n',
        encoding="utf-8",
    )
    return path


@pytest.fixture
def harbor(tmp_path: Path, library: Library) -> dict[str, Any]:
    """Everything about one LoRA, imported and promoted; its light row and details."""
    folder = tmp_path / "comfy/models/loras"
    folder.mkdir(parents=True)
    model = folder / f"{STEM}.safetensors"
    model.write_bytes(A["bytes"])
    (folder / f"{STEM}.preview.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    for write in (_civitai, _lora_manager, _stability_matrix, _a1111, _model_manager, _comfyui_nodes):
        write(folder)
    _invokeai(tmp_path / "invokeai", model)
    export = _export(tmp_path / "exports", model)
    # Where a record has no time of its own its container's counts: an hour apart, in the order of the names.
    for hour, path in enumerate(sorted(folder.iterdir())):
        os.utime(path, (1_700_000_000 + 3600 * hour,) * 2)
    os.utime(export, (1_710_000_000,) * 2)
    report = library.import_paths(
        [str(tmp_path / "comfy"), str(tmp_path / "invokeai"), str(export)], progress=Progress()
    )
    promoted = library.promote(None, progress=Progress())
    (row,) = library.catalog.page(ModelQuery(), None)
    return {"report": report, "promoted": promoted, "row": row, "folder": folder, "library": library}


def test_every_source_has_its_record_and_all_are_attached(harbor):
    library = harbor["library"]
    sources = sorted(row.source for row in pending_in(library.catalog))
    assert sources == [
        "a1111-txt",
        "a1111-user-json",
        "cdb-boop-url",
        "civitai-browser-api",
        "civitai-info",
        "generic-csv",
        "invokeai-db",
        "lora-manager",
        "model-manager-md",
        "pysssss-sha256",
        "rgthree-info",
        "stability-matrix",
        "swarmui-json",
    ]
    assert (harbor["promoted"].promoted, harbor["promoted"].stayed) == (13, 0)
    details = library.catalog.details(A["sha256"])
    assert sorted(record.source for record in details.records if record.source != EMBEDDED) == sources


def test_the_light_row_is_the_one_that_the_order_of_ranks_gives(harbor):
    row, folder = harbor["row"], harbor["folder"]
    assert row.sha256 == A["sha256"]
    assert row.size_bytes == 184
    assert (row.path, row.file_count) == (str(folder / f"{STEM}.safetensors"), 1)
    # Typed in InvokeAI in 2026, after the title of 2025 in Stability Matrix; all others repeat a catalogue.
    assert row.name == "Harbor, ink"
    assert row.type == "lora"
    # Set by hand in LoRA Manager; a finer word than the "SDXL 1.0" of the catalogues anyway.
    assert row.base_model == "Pony"
    assert row.favorite is True
    assert row.rating == 4
    # The model's page says so, and its hash is the file's; a flag of another copy does not take it back.
    assert row.nsfw is True
    assert row.source_url == "https://civitai.com/models/880001?modelVersionId=990001"
    assert row.license == "civitai:credit=required;commercial=image;derivatives=yes;relicense=no"
    assert row.preview == str(folder / f"{STEM}.preview.png")


def test_lists_join_what_all_of_them_say(harbor):
    row = harbor["row"]
    # What persons typed comes first; "harbor" and "Harbor" are one.
    assert set(row.tags) == {"Harbor", "favourites of may", "for comics", "ink", "sea", "swarm"}
    assert set(row.tags[:3]) == {"Harbor", "favourites of may", "for comics"}
    assert set(row.trigger_words) == {
        "harbor at dawn",
        "inked harbor",
        "harbor lights",
        "inkwash harbor",
        "fog",
    }, row.trigger_words
    assert "1girl" not in row.trigger_words


def test_every_note_of_a_person_is_there_newest_first_under_its_source(harbor):
    notes = harbor["row"].notes
    places = [
        notes.index(text)
        for text in (
            "[invokeai-db]\nfor the Invoke canvas",  # 2026
            "0.7 for ships",  # 2025
            "rated in a spreadsheet",  # March 2024
            "a note in a text file",  # November 2023, an hour after another
        )
    ]
    assert places == sorted(places)
    assert "print at 300 dpi" in notes
    assert "strong above 1.0" in notes


def test_each_value_knows_its_record_and_rank(harbor):
    details = harbor["library"].catalog.details(A["sha256"])
    by_id = {record.id: record.source for record in details.records}
    told = {
        column: (origin.source, origin.rank, by_id.get(origin.record_id))
        for column, origin in details.provenance.items()
    }
    assert told["name"] == ("invokeai-db", 2, "invokeai-db")
    assert told["base_model"] == ("lora-manager", 2, "lora-manager")
    assert told["favorite"] == ("lora-manager", 2, "lora-manager")
    assert told["rating"] == ("generic-csv", 2, "generic-csv")
    assert told["nsfw"] == ("civitai-browser-api", 3, "civitai-browser-api")


def test_a_value_typed_here_stays_whatever_is_imported_again(harbor):
    library, folder = harbor["library"], harbor["folder"]
    library.edit([harbor["row"].id], "name", "Mine")
    _json(folder / f"{STEM}.metadata.json", {"model_name": "Theirs", "sha256": A["sha256"], "notes": "newer"})
    report = library.import_paths([str(folder)], progress=Progress())
    assert (report.imported, report.updated) == (1, 1)
    library.promote(None, progress=Progress())
    (row,) = library.catalog.page(ModelQuery(), None)
    assert row.name == "Mine"
    assert "newer" in row.notes


def test_a_picture_that_a_record_names_is_shown_if_it_lies_below_what_was_imported(tmp_path, library):
    folder, covers, elsewhere = (tmp_path / name for name in ("import/loras", "import/covers", "elsewhere"))
    for place in (folder, covers, elsewhere):
        place.mkdir(parents=True)
    for place in (covers, elsewhere):
        (place / "cover.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    for name, cover in (("near", covers / "cover.png"), ("far", elsewhere / "cover.png")):
        (folder / f"{name}.safetensors").write_bytes(A["bytes"] + name.encode())
        _json(
            folder / f"{name}.metadata.json",
            {"model_name": name, "civitai": {}, "preview_url": str(cover), "file_path": ""},
        )
    library.import_paths([str(tmp_path / "import")], progress=Progress())
    library.promote(None, progress=Progress())
    shown = {row.name: row.preview for row in library.catalog.page(ModelQuery(), None)}
    assert shown == {"near": str(covers / "cover.png"), "far": None}
