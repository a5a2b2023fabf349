"""Pumas-Library: a model's folder, the index of the library, and the launcher's older list."""

import json
from contextlib import closing
from pathlib import Path
from typing import Any

from modelmgr.sqlite import driver
from tests.migration.specimens import Specimen
from tests.migration.specimens.models import C

MODEL_ID = "llm/heron/tiny_heron"
FILES = [
    {"name": "tiny-heron.gguf", "original_name": None, "size": 24, "sha256": C["sha256"], "blake3": None}
]
METADATA: dict[str, Any] = {
    "schema_version": 2,
    "model_id": MODEL_ID,
    "family": "heron",
    "model_type": "llm",
    "official_name": "Tiny Heron",
    "cleaned_name": "tiny_heron",
    "tags": ["gguf"],
    "base_model": ["sample-org/heron"],
    "hashes": {"sha256": C["sha256"], "blake3": C["BLAKE3"]},
    "files": FILES,
    "notes": "test bird",
    "size_bytes": 24,
    "added_date": "2026-05-01T10:00:00Z",
    "repo_id": "sample-org/tiny-heron-gguf",
    "license_status": "apache-2.0",
    "storage_kind": "library_owned",
    "import_state": "ready",
}
MINIMAL: dict[str, Any] = {"model_id": MODEL_ID, "cleaned_name": "tiny_heron", "official_name": "Tiny Heron"}
FULL: dict[str, Any] = {
    **METADATA,
    "subtype": "gguf",
    "architecture_family": "heron",
    "config_model_type": "heron",
    "preview_image": "preview.png",
    "release_date": "2026-04-01",
    "updated_date": "2026-05-02T10:00:00.1234567+00:00",
    "download_url": "https://huggingface.co/sample-org/tiny-heron-gguf",
    "publisher": "sample-org",
    "upstream_revision": "main",
    "model_card": {"license": "apache-2.0"},
    "inference_settings": [{"key": "top_k", "label": "Top K", "param_type": "Integer", "default": 40}],
    "match_source": "filename",
    "match_method": "exact",
    "match_confidence": 0.93,
    "pending_online_lookup": False,
    "lookup_attempts": 1,
    "source_path": "/downloads/tiny-heron.gguf",
    "validation_state": "valid",
    "validation_errors": [],
    "expected_files": ["tiny-heron.gguf"],
    "pipeline_tag": "text-generation",
    "input_modalities": ["text"],
    "recommended_backend": "llama.cpp",
    "metadata_needs_review": False,
    "compatible_apps": ["llama-cpp"],
}

INDEX = (
    "models (id TEXT PRIMARY KEY, path TEXT NOT NULL, cleaned_name TEXT NOT NULL, official_name TEXT NOT NULL,"
    " model_type TEXT NOT NULL, tags_json TEXT NOT NULL, hashes_json TEXT NOT NULL, metadata_json TEXT NOT NULL,"
    " updated_at TEXT NOT NULL)"
)
GOVERNANCE = (
    "model_link_exclusions (model_id TEXT NOT NULL, app_id TEXT NOT NULL, excluded_at TEXT NOT NULL,"
    " PRIMARY KEY (model_id, app_id))",
    "model_metadata_baselines (model_id TEXT PRIMARY KEY, schema_version INTEGER NOT NULL, baseline_json TEXT,"
    " created_at TEXT, created_by TEXT)",
    "model_metadata_overlays (overlay_id TEXT PRIMARY KEY, model_id TEXT NOT NULL, overlay_json TEXT NOT NULL,"
    " status TEXT NOT NULL DEFAULT 'active', reason TEXT, created_at TEXT, created_by TEXT NOT NULL)",
    "model_metadata_history (event_id INTEGER PRIMARY KEY AUTOINCREMENT, model_id TEXT NOT NULL, overlay_id TEXT,"
    " actor TEXT NOT NULL, action TEXT NOT NULL, field_path TEXT, old_value_json TEXT, new_value_json TEXT,"
    " reason TEXT, created_at TEXT)",
    "task_signature_mappings (id INTEGER PRIMARY KEY, signature_key TEXT, task_type_primary TEXT)",
)
# What the tool leaves out of the JSON, for it is in columns or worth nothing to it.
COLUMN_OWNED = ("model_id", "model_type", "cleaned_name", "official_name", "hashes", "tags")

LAUNCHER: dict[str, Any] = {
    "path": "",
    "size": 24,
    "sha256": C["sha256"],
    "addedDate": "2026-05-01T10:00:00Z",
    "lastUsed": None,
    "tags": ["bird"],
    "modelType": "llm",
    "resolution": None,
    "usedByVersions": ["v0.3.1"],
    "source": "local",
    "baseModel": None,
}


def write_model(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "tiny-heron.gguf"
    path.write_bytes(C["bytes"])
    return path


def write_metadata(folder: Path, said: dict[str, Any]) -> None:
    write_model(folder / MODEL_ID)
    text = json.dumps(said, indent=2, ensure_ascii=False)
    (folder / MODEL_ID / "metadata.json").write_text(text, encoding="utf-8")


def write_index_of(folder: Path, said: dict[str, Any], *, governance: bool = True) -> Path:
    """Write the index of a library with one model; its folder is made too."""
    write_model(folder / MODEL_ID)
    database = folder / "models.db"
    left = {key: value for key, value in said.items() if key not in COLUMN_OWNED}
    with closing(driver.connect(database)) as connection, connection:
        for table in (INDEX, *(GOVERNANCE if governance else ())):
            connection.execute(f"CREATE TABLE {table}")
        connection.execute(
            "INSERT INTO models VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                MODEL_ID,
                str(folder / MODEL_ID),
                said["cleaned_name"],
                said["official_name"],
                said.get("model_type", "llm"),
                json.dumps(said.get("tags", [])),
                json.dumps(said.get("hashes", {})),
                json.dumps({**left, "download_incomplete": False, "primary_format": "gguf"}),
                "2026-05-02T10:00:00Z",
            ),
        )
    return database


def add_overlay(
    database: Path, overlay: dict[str, Any], *, name: str = "ov-1", status: str = "active"
) -> None:
    """Add a person's review of the model."""
    with closing(driver.connect(database)) as connection, connection:
        connection.execute(
            "INSERT INTO model_metadata_overlays VALUES (?, ?, ?, ?, 'by hand', ?, 'ann')",
            (name, MODEL_ID, json.dumps(overlay), status, f"2026-06-0{len(name)}T00:00:00Z"),
        )


def write_full_index(folder: Path) -> None:
    database = write_index_of(folder, FULL)
    add_overlay(database, {"notes": "mine", "tags": ["bird"]})


def write_launcher(folder: Path, said: dict[str, Any] | None = None) -> None:
    path = str(write_model(folder))
    record = {**(LAUNCHER if said is None else said), "path": path}
    (folder / "models.json").write_text(json.dumps({path: record}, indent=2), encoding="utf-8")


SPECIMENS = [
    Specimen(
        "pumas-metadata",
        "json",
        f"{MODEL_ID}/metadata.json",
        lambda folder: write_metadata(folder, {**MINIMAL, "files": FILES}),
        full=lambda folder: write_metadata(folder, FULL),
    ),
    Specimen(
        "pumas-index",
        "sqlite",
        "models.db",
        lambda folder: write_index_of(folder, {**MINIMAL, "files": FILES}),
        full=write_full_index,
    ),
    Specimen(
        "pumas-launcher-models",
        "map",
        "models.json",
        lambda folder: write_launcher(folder, {"size": 24, "addedDate": "2026-05-01", "modelType": "llm"}),
        full=write_launcher,
    ),
]
