"""What AUTOMATIC1111, Forge and SD.Next keep beside models and in their caches; additional-networks' hashes."""

import json
import os
import pickle
from contextlib import closing
from pathlib import Path
from typing import Any

from modelmgr.sqlite import driver
from tests.migration.specimens import Specimen
from tests.migration.specimens.models import A, B

TIME = 1719000000.5

DISKCACHE = (
    "CREATE TABLE Settings (key TEXT NOT NULL UNIQUE, value)",
    "CREATE TABLE Cache (rowid INTEGER PRIMARY KEY, key BLOB, raw INTEGER, store_time REAL, expire_time REAL,"
    " access_time REAL, access_count INTEGER DEFAULT 0, tag BLOB, size INTEGER DEFAULT 0,"
    " mode INTEGER DEFAULT 0, filename TEXT, value BLOB)",
    "CREATE UNIQUE INDEX Cache_key_raw ON Cache(key, raw)",
    "INSERT INTO Settings VALUES ('eviction_policy', 'least-recently-stored'), ('size_limit', 4294967296)",
)
"""As python-diskcache 5.6 makes them."""


def model(path: Path, content: bytes, time: float = TIME) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (time, time))


def lora(folder: Path) -> None:
    model(folder / "models" / "Lora" / "ink" / "inkwash_harbor.safetensors", A["bytes"])


def checkpoint(folder: Path) -> None:
    model(folder / "models" / "Stable-diffusion" / "sub" / "copperleaf_xl.safetensors", B["bytes"])


def put(path: Path, value: Any, indent: int = 4) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=indent, ensure_ascii=False), encoding="utf-8")


def diskcache(folder: Path, rows: dict[str, Any], section: str = "hashes") -> Path:
    """Write a store; values that are bytes are taken for pickles already."""
    path = folder / "cache" / section / "cache.db"
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(driver.connect(path)) as connection, connection:
        for statement in DISKCACHE:
            connection.execute(statement)
        for key, value in rows.items():
            content = value if isinstance(value, bytes) else pickle.dumps(value, protocol=5)
            connection.execute(
                "INSERT INTO Cache (key, raw, store_time, access_time, size, mode, value) VALUES (?, 1, ?, ?, 0, 4, ?)",
                (key, TIME, TIME, content),
            )
    return path


# --- beside a model ---------------------------------------------------------------------------------------

CARD: dict[str, Any] = {
    "description": "Fog and masts.",
    "sd version": "SDXL",
    "activation text": "inkwash harbor, fog",
    "preferred weight": 0.75,
    "negative text": "",
    "notes": "lower to 0.5 with ControlNet – gut für Häfen",
}
VERSION: dict[str, Any] = {
    "id": 990001,
    "modelId": 880001,
    "name": "v1.2",
    "baseModel": "SDXL 1.0",
    "trainedWords": ["inkwash harbor"],
    "model": {"name": "Inkwash Harbor", "type": "LORA", "nsfw": False},
    "files": [
        {
            "name": "inkwash_harbor.safetensors",
            "type": "Model",
            "sizeKB": A["sizeKB"],
            "hashes": {"SHA256": A["sha256"].upper()},
        }
    ],
}
MODEL: dict[str, Any] = {
    "id": 880001,
    "name": "Inkwash Harbor",
    "type": "LORA",
    "tags": ["ink", "harbor"],
    "nsfw": False,
    "modelVersions": [{key: value for key, value in VERSION.items() if key != "model"}],
}


def _beside(ending: str, value: Any) -> Any:
    def write(folder: Path) -> None:
        model(folder / "inkwash_harbor.safetensors", A["bytes"])
        if isinstance(value, str):
            (folder / f"inkwash_harbor{ending}").write_text(value, encoding="utf-8")
        else:
            put(folder / f"inkwash_harbor{ending}", value)

    return write


def _folder_text(folder: Path) -> None:
    pipeline = folder / "models" / "Diffusers" / "copperleaf"
    model(pipeline / "unet" / "diffusion_pytorch_model.safetensors", B["bytes"])
    put(
        pipeline / "model_index.json",
        {"_class_name": "StableDiffusionXLPipeline", "unet": ["diffusers", "U"]},
    )
    (pipeline.parent / "copperleaf.txt").write_text("slow but good\n", encoding="utf-8")


# --- caches -----------------------------------------------------------------------------------------------


def _cache(folder: Path, *, full: bool = False) -> None:
    lora(folder)
    checkpoint(folder)
    entry = {"mtime": TIME, "sha256": B["sha256"]}
    cache: dict[str, Any] = {"hashes": {"checkpoint/sub/copperleaf_xl.safetensors": entry}}
    if full:
        cache["hashes"]["vae"] = {"mtime": TIME, "sha256": "0f" * 32}
        cache["hashes-addnet"] = {"lora/inkwash_harbor": {"mtime": TIME, "sha256": A["addnet"]}}
        header = {"ss_output_name": "inkwash_harbor", "ss_tag_frequency": {"10_ink": {"fog": 7}}}
        cache["safetensors-metadata"] = {"lora/inkwash_harbor": {"mtime": TIME, "value": header}}
        cache["extensions-git"] = {"x": {"mtime": TIME, "value": {"remote": "y"}}}
    put(folder / "cache.json", cache)


def _sdnext_cache(folder: Path, *, full: bool = False) -> None:
    lora(folder)
    checkpoint(folder)
    entry = {"mtime": TIME, "sha256": B["sha256"]}
    cache: dict[str, Any] = {"hashes": {"checkpoint/sub/copperleaf_xl": entry}}
    if full:
        cache["hashes-addnet"] = {"lora/inkwash_harbor": {"mtime": TIME, "sha256": A["addnet"]}}
    put(folder / "data" / "cache.json", cache, indent=2)


def _metadata(folder: Path, *, full: bool = False) -> None:
    lora(folder)
    said: dict[str, Any] = {"ss_output_name": "inkwash_harbor"}
    if full:
        said |= {
            "modelspec.thumbnail": "data",
            "workflow": "workflow",
            "ss_tag_frequency": {"10_ink": 12},
            "ss_network_dim": "16",
        }
    put(folder / "data" / "metadata.json", {"models/Lora/ink/inkwash_harbor.safetensors": said}, indent=2)


def _diskcache(folder: Path, *, full: bool = False) -> None:
    checkpoint(folder)
    entry = {"mtime": TIME, "sha256": B["sha256"]}
    rows: dict[str, Any] = {"checkpoint/sub/copperleaf_xl.safetensors": entry}
    if full:
        rows["vae"] = {"mtime": TIME, "sha256": None}
    diskcache(folder, rows)


def _addnet(folder: Path, *, full: bool = False) -> None:
    path = folder / "models" / "lora" / "inkwash_harbor.safetensors"
    model(path, A["bytes"])
    said = {"model": A["addnet"], "legacy": "0badf00d", "mtime": TIME}
    hashes = {str(path): said}
    if full:
        hashes["C:\\webui\\models\\lora\\inkwash_harbor.safetensors"] = {**said, "other": 1}
    put(folder / "hashes.json", {"hashes": hashes})


SPECIMENS = [
    Specimen(
        "a1111-user-json",
        "json",
        "inkwash_harbor.json",
        _beside(".json", {"notes": "mine"}),
        full=_beside(".json", CARD),
    ),
    Specimen("civitai-json", "json", "inkwash_harbor.json", _beside(".json", VERSION)),
    Specimen("sdnext-json", "json", "inkwash_harbor.json", _beside(".json", MODEL)),
    Specimen("unknown-json", "json", "inkwash_harbor.json", _beside(".json", {"made_by": "another tool"})),
    Specimen("a1111-txt", "text", "inkwash_harbor.txt", _beside(".txt", "gut für Häfen\n")),
    Specimen("sdnext-txt", "text", "models/Diffusers/copperleaf.txt", _folder_text),
    Specimen("a1111-cache-json", "map", "cache.json", _cache, full=lambda folder: _cache(folder, full=True)),
    Specimen(
        "sdnext-cache",
        "map",
        "data/cache.json",
        _sdnext_cache,
        full=lambda folder: _sdnext_cache(folder, full=True),
    ),
    Specimen(
        "sdnext-metadata",
        "map",
        "data/metadata.json",
        _metadata,
        full=lambda folder: _metadata(folder, full=True),
    ),
    Specimen(
        "a1111-diskcache",
        "sqlite",
        "cache/hashes/cache.db",
        _diskcache,
        full=lambda folder: _diskcache(folder, full=True),
    ),
    Specimen("addnet-hashes", "map", "hashes.json", _addnet, full=lambda folder: _addnet(folder, full=True)),
]
