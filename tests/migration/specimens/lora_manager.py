"""ComfyUI-Lora-Manager: a sidecar, the cache of it, and a recipe."""

import json
from contextlib import closing
from pathlib import Path
from typing import Any

from modelmgr.sqlite import driver
from tests.migration.specimens import Specimen
from tests.migration.specimens.models import A

MODEL = {
    "name": "Inkwash Harbor",
    "type": "LORA",
    "nsfw": False,
    "tags": ["style"],
    "allowNoCredit": True,
    "allowCommercialUse": ["Image"],
    "allowDerivatives": True,
    "allowDifferentLicense": False,
}
SIDECAR: dict[str, Any] = {
    "file_name": "inkwash_harbor",
    "model_name": "Inkwash Harbor",
    "file_path": "D:/AI/loras/inkwash_harbor.safetensors",
    "size": 184.0,
    "modified": 1753000000.25,
    "sha256": A["sha256"],
    "base_model": "SDXL 1.0",
    "preview_url": "D:/AI/loras/inkwash_harbor.webp",
    "preview_nsfw_level": 1,
    "notes": "best at 0.7",
    "from_civitai": True,
    "civitai": {
        "id": 990001,
        "modelId": 880001,
        "name": "v1.2",
        "baseModel": "SDXL Lightning",
        "trainedWords": ["inkwash harbor"],
        "model": MODEL,
        "customImages": [],
    },
    "tags": ["style", "harbor"],
    "modelDescription": "<p>Fog.</p>",
    "civitai_deleted": False,
    "favorite": True,
    "exclude": False,
    "db_checked": False,
    "skip_metadata_refresh": False,
    "metadata_source": "civitai_api",
    "last_checked_at": 1753000100.0,
    "hash_status": "completed",
    "trainedWords": [],
    "usage_tips": '{"strength": 0.7}',
    "autov3": "d53eda7a637c",
    "hf_url": "",
    "folder": "",
}

# The columns in the order in which versions of the tool added them.
FIRST_COLUMNS = (
    "model_type TEXT NOT NULL, file_path TEXT NOT NULL, file_name TEXT, model_name TEXT, folder TEXT, size INTEGER,"
    " modified REAL, sha256 TEXT, base_model TEXT, preview_url TEXT, preview_nsfw_level INTEGER,"
    " from_civitai INTEGER, favorite INTEGER, notes TEXT, usage_tips TEXT, civitai_id INTEGER,"
    " civitai_model_id INTEGER, civitai_name TEXT, trained_words TEXT, exclude INTEGER, db_checked INTEGER,"
    " last_checked_at REAL, PRIMARY KEY (model_type, file_path)"
)
ADDED_COLUMNS = (
    "metadata_source TEXT",
    "civitai_creator_username TEXT",
    "civitai_model_type TEXT",
    "civitai_deleted INTEGER DEFAULT 0",
    "skip_metadata_refresh INTEGER DEFAULT 0",
    "license_flags INTEGER DEFAULT 127",
    "hash_status TEXT DEFAULT 'completed'",
    "hf_url TEXT DEFAULT ''",
    "autov3 TEXT",
)
TABLES = (
    "model_tags (model_type TEXT NOT NULL, file_path TEXT NOT NULL, tag TEXT NOT NULL,"
    " PRIMARY KEY (model_type, file_path, tag))",
    "hash_index (model_type TEXT NOT NULL, sha256 TEXT NOT NULL, file_path TEXT NOT NULL,"
    " PRIMARY KEY (model_type, sha256, file_path))",
    "excluded_models (model_type TEXT NOT NULL, file_path TEXT NOT NULL, PRIMARY KEY (model_type, file_path))",
)
LATER_TABLE = (
    "autov3_index (model_type TEXT NOT NULL, autov3 TEXT NOT NULL, file_path TEXT NOT NULL,"
    " PRIMARY KEY (model_type, autov3, file_path))"
)

RECIPE: dict[str, Any] = {
    "id": "5d1c8a0e-3f0b-4a51-9a43-0c9a1b2d3e4f",
    "file_path": "D:/AI/loras/recipes/5d1c8a0e-3f0b-4a51-9a43-0c9a1b2d3e4f.webp",
    "title": "Harbor at dawn",
    "modified": 1753000200.5,
    "created_date": 1753000150.0,
    "base_model": "SDXL 1.0",
    "loras": [
        {
            "file_name": "inkwash_harbor",
            "hash": A["sha256"],
            "strength": 0.7,
            "modelVersionId": 990001,
            "modelName": "Inkwash Harbor",
            "modelVersionName": "v1.2",
            "isDeleted": False,
            "exclude": False,
        }
    ],
}


def rows_of(path: str, **changed: Any) -> dict[str, Any]:
    """Return the columns of one row of the cache."""
    return {
        "model_type": "lora",
        "file_path": path,
        "file_name": "inkwash_harbor",
        "model_name": "Inkwash Harbor",
        "folder": "",
        "size": 184,
        "modified": 1753000000.25,
        "sha256": A["sha256"],
        "base_model": "SDXL 1.0",
        "preview_url": "",
        "preview_nsfw_level": 0,
        "from_civitai": 1,
        "favorite": 1,
        "notes": "best at 0.7",
        "usage_tips": '{"strength": 0.7}',
        "civitai_id": 990001,
        "civitai_model_id": 880001,
        "civitai_name": "v1.2",
        "trained_words": '["inkwash harbor"]',
        "exclude": 0,
        "db_checked": 0,
        "last_checked_at": 1753000100.0,
        **changed,
    }


def write_cache_of(
    database: Path, *rows: dict[str, Any], added: int = len(ADDED_COLUMNS), tags: tuple[str, ...] = ("style",)
) -> None:
    """Write a cache with the first `added` of the columns that came later; all its rows have the same tags."""
    with closing(driver.connect(database)) as connection, connection:
        connection.execute(f"CREATE TABLE models ({FIRST_COLUMNS})")
        for column in ADDED_COLUMNS[:added]:
            connection.execute(f"ALTER TABLE models ADD COLUMN {column}")
        for table in (*TABLES, *([LATER_TABLE] if added == len(ADDED_COLUMNS) else [])):
            connection.execute(f"CREATE TABLE {table}")
        for row in rows:
            places = ", ".join("?" * len(row))
            connection.execute(
                f"INSERT INTO models ({', '.join(row)}) VALUES ({places})", tuple(row.values())
            )
            key = (row["model_type"], row["file_path"])
            connection.executemany("INSERT INTO model_tags VALUES (?, ?, ?)", [(*key, tag) for tag in tags])
            if row["sha256"]:
                connection.execute("INSERT INTO hash_index VALUES (?, ?, ?)", (key[0], row["sha256"], key[1]))


def write_model(folder: Path) -> Path:
    path = folder / "inkwash_harbor.safetensors"
    path.write_bytes(A["bytes"])
    return path


def write_sidecar(folder: Path, /, **changed: Any) -> None:
    write_model(folder)
    said = {
        key: changed.get(key, value) for key, value in SIDECAR.items() if key in changed or key in MINIMAL
    }
    text = json.dumps({**said, **changed}, indent=2, ensure_ascii=False)
    (folder / "inkwash_harbor.metadata.json").write_text(text, encoding="utf-8")


MINIMAL = ("file_name", "model_name", "file_path", "size", "modified", "sha256", "base_model", "preview_url")


def write_cache(folder: Path) -> None:
    write_cache_of(folder / "default.sqlite", rows_of(str(write_model(folder))), added=0, tags=())


def write_full_cache(folder: Path) -> None:
    row = rows_of(
        str(write_model(folder)),
        preview_nsfw_level=1,
        metadata_source="civitai_api",
        civitai_creator_username="sample_author",
        civitai_model_type="LORA",
        civitai_deleted=1,
        skip_metadata_refresh=1,
        license_flags=0b0100011,
        hash_status="completed",
        hf_url="https://huggingface.co/sample-org/inkwash",
        autov3=A["AutoV3"],
    )
    write_cache_of(folder / "default.sqlite", row, tags=("style", "harbor"))


def write_recipe(folder: Path, /, **changed: Any) -> None:
    write_model(folder)
    said = {key: RECIPE[key] for key in ("id", "loras")} if not changed else {**RECIPE, **changed}
    (folder / f"{RECIPE['id']}.recipe.json").write_text(json.dumps(said, indent=4), encoding="utf-8")


def write_full_recipe(folder: Path) -> None:
    write_recipe(
        folder,
        checkpoint={"file_name": "copperleaf_xl", "hash": "f6fc015f5c", "modelVersionId": 990002},
        gen_params={"prompt": "harbor", "steps": 20, "seed": 12345678901234567890, "cfg_scale": 6.5},
        fingerprint="9548c2eb:0.7",
        has_workflow=False,
        tags=["harbor"],
        source_path="https://civitai.com/images/1",
        preview_nsfw_level=1,
        folder="",
        favorite=True,
        repair_version=3,
    )


SPECIMENS = [
    Specimen(
        "lora-manager",
        "json",
        "inkwash_harbor.metadata.json",
        write_sidecar,
        full=lambda folder: write_sidecar(folder, **SIDECAR),
        owns_name=True,
    ),
    Specimen("lora-manager-cache", "sqlite", "default.sqlite", write_cache, full=write_full_cache),
    Specimen(
        "lora-manager-recipe",
        "json",
        f"{RECIPE['id']}.recipe.json",
        write_recipe,
        binds=False,
        full=write_full_recipe,
    ),
]
