"""Stability Matrix's sidecar of model B."""

import json
from pathlib import Path
from typing import Any

from tests.migration.specimens import Specimen
from tests.migration.specimens.models import B

MINIMAL: dict[str, Any] = {
    "ModelName": "Copperleaf XL",
    "ModelType": "Checkpoint",
    "VersionName": "v3 fp16",
    "BaseModel": "SDXL 1.0",
    "Hashes": {"SHA256": B["sha256"].upper(), "CRC32": None, "BLAKE3": None},
}
FULL: dict[str, Any] = {
    "ModelId": 880002,
    "ModelName": "Copperleaf XL",
    "ModelDescription": "<p>Warm metals.</p>",
    "Nsfw": False,
    "Tags": ["base model", "metal"],
    "ModelType": "Checkpoint",
    "VersionId": 990002,
    "VersionName": "v3 fp16",
    "VersionDescription": None,
    "AuthorUsername": "sample_author",
    "BaseModel": "SDXL 1.0",
    "RemoteFileName": "copperleafXL_v3.safetensors",
    "RemoteFileId": 770002,
    "FileMetadata": {"fp": "fp16", "size": "pruned", "format": "SafeTensor"},
    "ImportedAt": "2025-03-02T18:04:11.1234567+00:00",
    "Hashes": {"SHA256": B["sha256"].upper(), "CRC32": B["CRC32"].upper(), "BLAKE3": B["BLAKE3"].upper()},
    "TrainedWords": [],
    "Stats": None,
    "UserTitle": "My copper base",
    "ThumbnailImageUrl": "C:\\SM\\Models\\StableDiffusion\\copperleaf_xl.preview.jpeg",
    "InferenceDefaults": {
        "Sampler": {"Name": "euler"},
        "Scheduler": None,
        "Steps": 28,
        "CfgScale": 5.5,
        "Width": 1024,
        "Height": 1024,
    },
    "Source": 0,
    "SourceUrl": None,
}


def sidecar(value: Any) -> bytes:
    """Return the bytes as .NET writes them: one line, ``<`` and the like escaped."""
    text = json.dumps(value, separators=(",", ":"))
    for character in "<>&'+`":
        text = text.replace(character, f"\\u{ord(character):04X}")
    return text.encode()


def _write(folder: Path, value: Any = MINIMAL) -> None:
    (folder / "copperleaf_xl.safetensors").write_bytes(B["bytes"])
    (folder / "copperleaf_xl.cm-info.json").write_bytes(sidecar(value))


SPECIMENS = [
    Specimen(
        "stability-matrix",
        "json",
        "copperleaf_xl.cm-info.json",
        _write,
        full=lambda folder: _write(folder, FULL),
        owns_name=True,
    )
]
