"""DiffusionToolkit: its copy of Civitai's catalogue, and a database that has the table of models."""

import json
from contextlib import closing
from pathlib import Path
from typing import Any

from modelmgr.sqlite import driver
from tests.migration.specimens import Specimen
from tests.migration.specimens.models import A, B

CATALOGUE: dict[str, Any] = {
    "date": 1719000000.5,
    "models": [
        {
            "id": 880002,
            "name": "Copperleaf XL",
            "creator": {"username": "sample_author"},
            "modelVersions": [
                {
                    "id": 990002,
                    "name": "v3 fp16",
                    "trainedWords": [],
                    "files": [
                        {
                            "id": 770002,
                            "sizeKB": 2048.09375,
                            "name": "copperleafXL_v3.safetensors",
                            "type": "Model",
                            "hashes": {
                                "AutoV1": "FEE47B1F",
                                "AutoV2": "F6FC015F5C",
                                "SHA256": B["sha256"].upper(),
                            },
                            "primary": True,
                        }
                    ],
                }
            ],
        }
    ],
}
TABLES = (
    "CREATE TABLE Image (Id INTEGER PRIMARY KEY, Path TEXT, Model TEXT, ModelHash TEXT, Rating INTEGER)",
    "CREATE TABLE Model (Id INTEGER PRIMARY KEY, Name TEXT, Path TEXT, Hash TEXT, Hashv2 TEXT, SHA256 TEXT)",
)


def write_catalogue(folder: Path) -> None:
    (folder / "copperleaf_xl.safetensors").write_bytes(B["bytes"])
    (folder / "models.json").write_text(json.dumps(CATALOGUE), encoding="utf-8")


def write_database(folder: Path, *, with_models: bool = True, full: bool = False) -> None:
    path = folder / "inkwash_harbor.safetensors"
    path.write_bytes(A["bytes"])
    with closing(driver.connect(folder / "diffusion-toolkit.db")) as connection, connection:
        for statement in TABLES if with_models else TABLES[:1]:
            connection.execute(statement)
        connection.execute(
            "INSERT INTO Image (Path, Model, ModelHash, Rating) VALUES ('a.png', 'inkwash_harbor', 'e3b0c442', 9)"
        )
        if with_models:
            hashes = ("e3b0c442", A["AutoV2"], A["sha256"]) if full else (None, None, A["sha256"])
            connection.execute(
                "INSERT INTO Model (Name, Path, Hash, Hashv2, SHA256) VALUES ('Inkwash Harbor', ?, ?, ?, ?)",
                (str(path), *hashes),
            )


SPECIMENS = [
    Specimen("diffusion-toolkit-models", "map", "models.json", write_catalogue, full=write_catalogue),
    Specimen(
        "diffusion-toolkit-db",
        "sqlite",
        "diffusion-toolkit.db",
        write_database,
        full=lambda folder: write_database(folder, full=True),
    ),
]
