"""Civitai Helper's sidecar of model A: a version object, and a model object under the same name."""

import json
from pathlib import Path
from typing import Any

from tests.migration.specimens import Specimen
from tests.migration.specimens.models import A

MINIMAL: dict[str, Any] = {
    "id": 990001,
    "modelId": 880001,
    "name": "v1.2",
    "baseModel": "SDXL 1.0",
    "model": {"name": "Inkwash Harbor", "type": "LORA"},
}
FULL: dict[str, Any] = {
    **MINIMAL,
    "createdAt": "2024-05-03T09:12:44.120Z",
    "updatedAt": "2024-06-01T00:00:00.000Z",
    "publishedAt": "2024-05-03T10:00:00.000Z",
    "status": "Published",
    "availability": "Public",
    "trainedWords": ["inkwash harbor", "fog, wet cobblestones, inkwash harbor"],
    "trainingStatus": None,
    "trainingDetails": None,
    "baseModelType": "Standard",
    "earlyAccessTimeFrame": 0,
    "earlyAccessEndsAt": None,
    "earlyAccessConfig": None,
    "description": "<p>Sharper masts &amp; less fog.</p>",
    "uploadType": "Created",
    "usageControl": "Download",
    "air": "urn:air:sdxl:lora:civitai:880001@990001",
    "nsfwLevel": 1,
    "stats": {"downloadCount": 412, "ratingCount": 9, "rating": 4.89, "thumbsUpCount": 3},
    "model": {
        "name": "Inkwash Harbor",
        "type": "LORA",
        "nsfw": False,
        "poi": False,
        "minor": False,
        "mode": None,
        "description": "<p>Fog and masts.</p>",
        "tags": ["style", "ink"],
        "allowNoCredit": True,
        "allowCommercialUse": ["Image", "Rent"],
        "allowDerivatives": True,
        "allowDifferentLicense": False,
        "creator": {"username": "sample_author", "image": None},
    },
    "creator": "{}",
    "files": [
        {
            "id": 770001,
            "sizeKB": A["sizeKB"],
            "name": "inkwash_harbor_v12.safetensors",
            "type": "Model",
            "primary": True,
            "metadata": {"fp": "fp16", "size": None, "format": "SafeTensor"},
            "pickleScanResult": "Success",
            "pickleScanMessage": None,
            "virusScanResult": "Success",
            "virusScanMessage": None,
            "scannedAt": "2024-05-03T09:20:00.000Z",
            "hashes": {kind: A[key].upper() for kind, key in (("SHA256", "sha256"), ("AutoV3", "AutoV3"))},
            "downloadUrl": "https://civitai.com/api/download/models/990001",
        },
        {"name": "inkwash_harbor.zip", "type": "Training Data", "sizeKB": 12.5, "hashes": {}},
    ],
    "images": [
        {"url": "https://image.civitai.com/x/width=450/1.jpeg", "nsfw": "Soft", "hash": "U9F=", "meta": None},
        {
            "url": "https://image.civitai.com/x/2.mp4",
            "nsfw": True,
            "type": "video",
            "local_file": "C:\\x.mp4",
        },
    ],
    "videos": [],
    "downloadUrl": "https://civitai.com/api/download/models/990001",
    "source": "archive_db",
    "extensions": {
        "sd_civitai_helper": {"version": "1.8.11", "last_update": 1753000000, "skeleton_file": False}
    },
    "skeleton_file": False,
}
OF_MODEL: dict[str, Any] = {
    **{key: value for key, value in FULL["model"].items() if key != "minor"},
    "id": 880001,
    "modelVersions": [
        {
            "id": 990002,
            "name": "v2",
            "baseModel": "Pony",
            "files": [{"name": "inkwash_harbor_v2.safetensors"}],
        },
        {key: value for key, value in FULL.items() if key not in ("modelId", "model")},
    ],
}


def _write(folder: Path, value: Any = MINIMAL) -> None:
    (folder / "inkwash_harbor.safetensors").write_bytes(A["bytes"])
    (folder / "inkwash_harbor.civitai.info").write_text(json.dumps(value, indent=4), encoding="ascii")


SPECIMENS = [
    Specimen(
        "civitai-info",
        "json",
        "inkwash_harbor.civitai.info",
        _write,
        full=lambda folder: _write(folder, FULL),
        owns_name=True,
    ),
    Specimen(
        "civitai-info",
        "json",
        "inkwash_harbor.civitai.info",
        lambda folder: _write(folder, OF_MODEL),
        owns_name=True,
    ),
]
