"""Jan's models of the newest and the oldest generation."""

import json
from pathlib import Path

from tests.migration.specimens import Specimen
from tests.migration.specimens.huggingface import put
from tests.migration.specimens.models import HERON, C

YML = "data/llamacpp/models/sample-org/tiny-heron/model.yml"
MODEL_YML = """model_path: llamacpp/models/sample-org/tiny-heron/model.gguf
name: Tiny Heron
size_bytes: 24
"""
JSON = "jan/models/tiny-heron/model.json"
MODEL_JSON = {
    "id": "tiny-heron",
    "object": "model",
    "name": "Tiny Heron",
    "version": "1.0",
    "description": "A very small bird.",
    "format": "gguf",
    "sources": [
        {
            "filename": "tiny-heron.gguf",
            "url": "https://huggingface.co/sample-org/tiny-heron-GGUF/resolve/main/tiny-heron.gguf",
        }
    ],
    "settings": {"ctx_len": 4096},
    "parameters": {"temperature": 0.7},
    "metadata": {"author": "sample-org", "tags": ["7B", "Tiny"], "size": 24},
    "engine": "nitro",
}


def write_yml(folder: Path) -> None:
    put(folder / "data/llamacpp/models/sample-org/tiny-heron/model.gguf", HERON)
    put(folder / YML, MODEL_YML)


def write_yml_full(folder: Path) -> None:
    write_yml(folder)
    more = (
        "mmproj_path: llamacpp/models/sample-org/tiny-heron/mmproj.gguf\nembedding: false\n"
        f"model_sha256: {C['sha256']}\nmodel_size_bytes: 24\nmmproj_sha256: {'0' * 64}\nzz_unknown: 1.0\n"
    )
    put(folder / YML, MODEL_YML + more)


def write_json(folder: Path) -> None:
    put(folder / "jan/models/tiny-heron/tiny-heron.gguf", HERON)
    put(folder / JSON, json.dumps(MODEL_JSON, indent=2))


SPECIMENS = [
    Specimen("jan-model-yml", "yaml", YML, write_yml, full=write_yml_full),
    Specimen("jan-model-json", "json", JSON, write_json, full=write_json),
]
