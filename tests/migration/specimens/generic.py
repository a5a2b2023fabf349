"""Exports that scripts write: JSON, JSON Lines, CSV and a database, each of model A."""

import json
from contextlib import closing
from pathlib import Path

from modelmgr.sqlite import driver
from tests.migration.specimens import Specimen
from tests.migration.specimens.models import A

MINIMAL = {"name": "Inkwash Harbor", "sha256": A["sha256"], "path": "inkwash_harbor.safetensors"}
FULL = {
    **MINIMAL,
    "type": "LORA",
    "base_model": "SDXL 1.0",
    "tags": ["ink", "harbor"],
    "rating": 4,
    "favorite": True,
    "nsfw": False,
    "notes": "best at 0.7",
    "trigger_words": ["inkwash harbor"],
    "license": "apache-2.0",
    "source_url": "https://civitai.com/models/880001?modelVersionId=990001",
    "size_bytes": len(A["bytes"]),
    "meta_json": {"made by": "hand"},
}


def _model(folder: Path) -> None:
    (folder / "inkwash_harbor.safetensors").write_bytes(A["bytes"])


def _json(row: dict[str, object]) -> str:
    return json.dumps([row, {**row, "name": "Twice", "meta_json": {"copy": 2}}])


def _write_json(folder: Path, row: dict[str, object] = MINIMAL) -> None:
    _model(folder)
    (folder / "models_export.json").write_text(_json(row), encoding="utf-8")


def _write_lines(folder: Path, row: dict[str, object] = MINIMAL) -> None:
    _model(folder)
    (folder / "models_export.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")


def _write_csv(folder: Path, row: dict[str, object] = MINIMAL) -> None:
    _model(folder)
    values = [json.dumps(value) if isinstance(value, list | dict) else str(value) for value in row.values()]
    line = ",".join('"' + value.replace('"', '""') + '"' for value in values)
    (folder / "models_export.csv").write_text(",".join(row) + "\r\n" + line + "\r\n", encoding="utf-8")


def _write_database(folder: Path, row: dict[str, object] = MINIMAL) -> None:
    _model(folder)
    with closing(driver.connect(folder / "models_export.db")) as connection, connection:
        connection.execute(f"CREATE TABLE models({', '.join(row)})")
        values = [json.dumps(value) if isinstance(value, list | dict) else value for value in row.values()]
        connection.execute(f"INSERT INTO models VALUES ({', '.join('?' * len(values))})", values)


SPECIMENS = [
    Specimen(
        "generic-json",
        "map",
        "models_export.json",
        _write_json,
        records=2,
        named=True,
        full=lambda folder: _write_json(folder, FULL),
    ),
    Specimen(
        "generic-jsonl",
        "map",
        "models_export.jsonl",
        _write_lines,
        named=True,
        full=lambda folder: _write_lines(folder, FULL),
    ),
    Specimen(
        "generic-csv",
        "map",
        "models_export.csv",
        _write_csv,
        named=True,
        full=lambda folder: _write_csv(folder, FULL),
    ),
    Specimen(
        "generic-sqlite",
        "sqlite",
        "models_export.db",
        _write_database,
        named=True,
        full=lambda folder: _write_database(folder, FULL),
    ),
]
