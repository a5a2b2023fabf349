"""InvokeAI: databases of every schema version, and the model lists of 2.x and 3.x."""

import json
from contextlib import closing
from pathlib import Path
from typing import Any

from modelmgr.sqlite import driver
from tests.migration.specimens import Specimen
from tests.migration.specimens.models import A, B

VERSIONS = (1, 3, 7, 8, 19, 20, 22, 23, 24, 25, 26, 32)

KEY_A = "0d2c6b5e-39d5-4c4e-8f5a-2f2f3e1c7a11"
KEY_B = "6f0c2f1e-7a53-4c53-9a40-5d9f6a1f0b22"
TIME = "2026-03-01 10:20:30.456"

_GENERATED = ("hash", "base", "type", "path", "format", "name", "description", "source", "source_type")
_GENERATED += ("source_api_response", "trigger_phrases")
_OPTIONAL = ("description", "source_api_response", "trigger_phrases", "file_size")


def schema(version: int) -> list[str]:
    """Return what InvokeAI has created when it reached a version, as far as models are concerned."""
    statements = [
        "CREATE TABLE migrations (version INTEGER PRIMARY KEY, migrated_at DATETIME NOT NULL"
        " DEFAULT(STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW')))",
        *(f"INSERT INTO migrations VALUES ({number}, '{TIME}')" for number in range(version + 1)),
        "CREATE TABLE images (image_name TEXT NOT NULL PRIMARY KEY, metadata TEXT)",
        "INSERT INTO images VALUES ('a.png', '{\"secret\": \"of the pictures\"}')",
        "CREATE TABLE session_queue (item_id INTEGER PRIMARY KEY, session TEXT)",
    ]
    times = "created_at DATETIME, updated_at DATETIME"
    if version < 3:
        statements.append(
            "CREATE TABLE model_config (id TEXT NOT NULL PRIMARY KEY, base TEXT NOT NULL, type TEXT NOT NULL,"
            f" name TEXT NOT NULL, path TEXT NOT NULL, original_hash TEXT, config TEXT NOT NULL, {times})"
        )
        return statements
    columns = [*_GENERATED[:6], "original_hash"] if version < 7 else list(_GENERATED)
    if version >= 19:
        columns.append("file_size")
    generated = ", ".join(
        f"{column} {'INTEGER' if column == 'file_size' else 'TEXT'} GENERATED ALWAYS AS"
        f" (json_extract(config, '$.{column}')) VIRTUAL"
        f"{'' if column in _OPTIONAL or version < 7 else ' NOT NULL'}"
        for column in columns
    )
    unique = ", UNIQUE(name, base, type)" if 7 <= version < 22 else ""
    table = "model_config" if version < 7 else "models"
    statements.append(
        f"CREATE TABLE {table} (id TEXT NOT NULL PRIMARY KEY, {generated}, config TEXT NOT NULL, {times}{unique})"
    )
    if version >= 7:
        statements.append("CREATE UNIQUE INDEX models_path ON models(path)")
    if version >= 20:
        # Versions 22 to 31 leave the foreign keys to a table that is gone.
        models = "models_old" if 22 <= version < 32 else "models"
        statements.append(
            "CREATE TABLE model_relationships (model_key_1 TEXT NOT NULL, model_key_2 TEXT NOT NULL,"
            " created_at TEXT, PRIMARY KEY (model_key_1, model_key_2),"
            f' FOREIGN KEY (model_key_1) REFERENCES "{models}"(id) ON DELETE CASCADE)'
        )
    if version >= 32:
        statements.append(
            "CREATE TABLE applied_migrations (migration_id TEXT PRIMARY KEY, legacy_version INTEGER, migrated_at)"
        )
    return statements


def config(**changes: Any) -> dict[str, Any]:
    """Return the configuration of model B as newer versions write it."""
    return {
        "key": KEY_B,
        "hash": f"blake3:{B['BLAKE3']}",
        "path": f"{KEY_B}/copperleaf_xl.safetensors",
        "file_size": 2097248,
        "name": "Copperleaf XL",
        "description": "warm metals, use with 28 steps",
        "source": "https://civitai.com/api/download/models/990002",
        "source_type": "url",
        "source_api_response": None,
        "source_url": None,
        "cover_image": None,
        "type": "main",
        "format": "checkpoint",
        "base": "sdxl",
        "variant": "normal",
        "prediction_type": "epsilon",
        "config_path": None,
        "trigger_phrases": None,
        "default_settings": {"scheduler": "euler", "steps": 28},
        **changes,
    }


def lora(**changes: Any) -> dict[str, Any]:
    """Return the configuration of model A."""
    said = config(
        key=KEY_A,
        hash=f"blake3:{A['BLAKE3']}",
        path=f"{KEY_A}/inkwash_harbor.safetensors",
        file_size=184,
        name="Inkwash Harbor",
        description=None,
        source="sample-org/inkwash:fp16:weights",
        source_type="hf_repo_id",
        type="lora",
        format="lycoris",
        trigger_phrases=["inkwash", "harbor"],
    )
    return {**said, **changes}


def write_database(path: Path, version: int, *configs: dict[str, Any] | str | bytes, **columns: str) -> None:
    """Write a database of a schema version with a row for each configuration; text and bytes as they are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    table = "model_config" if version < 7 else "models"
    with closing(driver.connect(path)) as connection, connection:
        for statement in schema(version):
            connection.execute(statement)
        for number, said in enumerate(configs):
            key = said["key"] if isinstance(said, dict) else f"row-{number}"
            row = {"id": key, "config": json.dumps(said) if isinstance(said, dict) else said}
            row |= {"created_at": TIME, "updated_at": TIME, **columns}
            if version < 3 and isinstance(said, dict):
                row |= {name: said[name] for name in ("base", "type", "name", "path")}
                row["original_hash"] = said["hash"]
            connection.execute(
                f"INSERT INTO {table}({', '.join(row)}) VALUES ({', '.join('?' * len(row))})",
                list(row.values()),
            )


def place(root: Path, relative: str, content: bytes = B["bytes"]) -> Path:
    path = root / relative
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def _write(folder: Path, version: int = 24) -> None:
    place(folder, f"models/{KEY_B}/copperleaf_xl.safetensors")
    write_database(folder / "databases" / "invokeai.db", version, config())


def _write_full(folder: Path) -> None:
    place(folder, f"models/{KEY_B}/copperleaf_xl.safetensors")
    place(folder, f"models/{KEY_A}/inkwash_harbor.safetensors", A["bytes"])
    place(folder, f"models/model_images/{KEY_A}.webp", b"RIFF....WEBP")
    card = {"cardData": {"license": "openrail", "tags": ["ink"]}}
    database = folder / "databases" / "invokeai.db"
    write_database(
        database,
        32,
        config(source_url="https://civitai.com/models/880002?modelVersionId=990002", submodels=None),
        lora(description="soft edges", source_api_response=json.dumps(card), cover_image="api/v2/models/i/x"),
    )
    with closing(driver.connect(database)) as connection, connection:
        connection.execute("INSERT INTO model_relationships VALUES (?, ?, ?)", (KEY_A, KEY_B, TIME))


LIST_OF_3 = b"""\
# This file describes the alternative machine learning models
# available to InvokeAI script.

__metadata__:
  version: 3.0.0
sdxl/main/copperleaf:
  path: sdxl/main/copperleaf_xl.safetensors
  description: Copperleaf, warm metals
  variant: normal
  config: configs/stable-diffusion/sd_xl_base.yaml
  format: checkpoint
"""
LIST_OF_2 = b"""\
# This file describes the alternative machine learning models
copperleaf-1.5:
    description: Copperleaf, warm metals
    weights: models/ldm/copperleaf_xl.safetensors
    config: ./configs/stable-diffusion/v1-inference.yaml
    width: 512
    height: 512
    vae: ./models/ldm/vae-ft-mse.ckpt
    format: ckpt
    default: true
"""


def _write_list(folder: Path) -> None:
    place(folder, "models/sdxl/main/copperleaf_xl.safetensors")
    place(folder, "configs/models.yaml", LIST_OF_3)


SPECIMENS = [
    Specimen("invokeai-db", "sqlite", "databases/invokeai.db", _write, full=_write_full),
    Specimen("invokeai-yaml", "yaml", "configs/models.yaml", _write_list),
]
