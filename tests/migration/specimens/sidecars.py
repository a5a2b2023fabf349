"""The sidecars of the smaller tools, each of model A."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.migration.specimens import Specimen
from tests.migration.specimens.models import A

VERSION: dict[str, Any] = {
    "id": 990001,
    "modelId": 880001,
    "name": "v1.2",
    "trainedWords": ["inkwash harbor", "fog"],
    "baseModel": "SDXL 1.0",
    "model": {"name": "Inkwash Harbor", "type": "LORA", "nsfw": False, "tags": ["ink"]},
    "files": [
        {
            "name": "inkwash_harbor_v12.safetensors",
            "type": "Model",
            "primary": True,
            "sizeKB": A["sizeKB"],
            "hashes": {"SHA256": A["sha256"].upper(), "AutoV3": A["AutoV3"].upper()},
        }
    ],
}
BROWSER: dict[str, Any] = {
    "id": 880001,
    "name": "Inkwash Harbor",
    "type": "LORA",
    "tags": ["ink"],
    "nsfw": False,
    "allowNoCredit": True,
    "modelVersions": [
        {**VERSION, "id": 990009, "name": "v2", "baseModel": "Pony", "files": [{"name": "v2.safetensors"}]},
        {**VERSION, "files": [{**VERSION["files"][0], "name": "inkwash_harbor.safetensors"}]},
    ],
}
RGTHREE: dict[str, Any] = {
    "file": "inkwash_harbor.safetensors",
    "name": "Inkwash Harbor - v1.2",
    "type": "LORA",
    "baseModel": "SDXL 1.0",
    "sha256": A["sha256"],
    "trainedWords": [
        {"word": "inkwash harbor", "civitai": True},
        {"word": "1boy", "metadata": True, "count": 7},
    ],
}
RGTHREE_FULL: dict[str, Any] = {
    **RGTHREE,
    "path": "D:\\ComfyUI\\models\\loras\\inkwash_harbor.safetensors",
    "modified": 1753000000250.0,
    "imageLocal": "/rgthree/api/loras/img?file=inkwash_harbor.safetensors",
    "hasInfoFile": True,
    "baseModelFile": "sd_xl_base_1.0.safetensors",
    "links": [
        "https://civitai.com/api/v1/model-versions/by-hash/9548C2EB51",
        "https://civitai.com/models/880001?modelVersionId=990001",
        "https://civitai.com/models/880001?modelVersionId=990001",
    ],
    "images": [{"url": "https://image.civitai.com/x/1.jpeg", "nsfwLevel": 1, "seed": 7}],
    "raw": {
        "civitai": {**VERSION, "_sha256": A["sha256"], "_civitai_api": "https://civitai.com/api/v1/x"},
        "metadata": {"ss_output_name": "inkwash_harbor"},
    },
    "userTags": ["mine"],
    "userNote": "best at 0.7",
    "strengthMin": 0.4,
    "strengthMax": 0.9,
}
SWARM: dict[str, Any] = {
    "modelspec.title": "Inkwash Harbor",
    "modelspec.architecture": "stable-diffusion-xl-v1-base/lora",
    "modelspec.trigger_phrase": "inkwash harbor, fog",
}
SWARM_FULL: dict[str, Any] = {
    **SWARM,
    "modelspec.author": "sample_author",
    "modelspec.description": "Fog and masts.",
    "modelspec.tags": "ink, harbor",
    "modelspec.usage_hint": "0.7",
    "modelspec.license": "apache-2.0",
    "modelspec.hash_sha256": f"0x{A['addnet']}",
    "modelspec.preview_image": "data:image/jpeg;base64,/9j/4A==",
    "standard_width": 1024,
    "standard_height": 1024,
}
NOTE = f"""---
author: sample_author
baseModel: SDXL 1.0
hashes:
  AutoV2: {A["AutoV2"].upper()}
  SHA256: {A["sha256"].upper()}
metadata:
  format: SafeTensor
  fp: fp16
  size: null
modelPage: https://civitai.com/models/880001?modelVersionId=990001
preview:
- https://image.civitai.com/x/width=450/1.jpeg
website: Civitai
---

# Trigger Words

inkwash harbor, fog

# About this version

Sharper masts & less fog.

# Inkwash Harbor

Fog and masts.
"""
LINK = "[InternetShortcut]\r\nURL=https://civitai.com/models/880001\r\n"


def header(metadata: bytes) -> bytes:
    """Return a small safetensors file with these bytes as its metadata."""
    text = b'{"__metadata__":' + metadata + b',"w":{"dtype":"F32","shape":[16],"data_offsets":[0,64]}}'
    return len(text).to_bytes(8, "little") + text + b"A" * 64


WORDS = (
    b'{"ss_output_name":"ink","ssmd_display_name":"Ink, mine","ssmd_rating":"4","ssmd_keywords":"ink, fog"}'
)


def _writer(name: str, content: bytes) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / "inkwash_harbor.safetensors").write_bytes(A["bytes"])
        (folder / name).write_bytes(content)

    return write


def _json(name: str, value: Any) -> Callable[[Path], None]:
    return _writer(name, json.dumps(value).encode())


def _header(folder: Path) -> None:
    (folder / "typed.safetensors").write_bytes(header(WORDS))


_RGTHREE = "inkwash_harbor.safetensors.rgthree-info.json"
_SWARM = "inkwash_harbor.swarm.json"
_BROWSER = "inkwash_harbor.api_info.json"
_CACHED = f"{A['sha256']}.civitai.json"

SPECIMENS = [
    Specimen(
        "rgthree-info",
        "json",
        _RGTHREE,
        _json(_RGTHREE, RGTHREE),
        full=_json(_RGTHREE, RGTHREE_FULL),
        owns_name=True,
    ),
    Specimen(
        "rgthree-info",
        "json",
        _CACHED,
        _json(_CACHED, {"url": "https://civitai.com/api/v1/x", "timestamp": 1753000000, "response": VERSION}),
        binds=False,
    ),
    Specimen(
        "swarmui-json",
        "json",
        _SWARM,
        _json(_SWARM, SWARM),
        full=_json(_SWARM, SWARM_FULL),
        owns_name=True,
    ),
    Specimen("civitai-browser-api", "json", _BROWSER, _json(_BROWSER, BROWSER), owns_name=True),
    Specimen(
        "model-manager-md", "text", "inkwash_harbor.md", _writer("inkwash_harbor.md", NOTE.encode("ascii"))
    ),
    Specimen("cdb-boop-url", "text", "inkwash_harbor.url", _writer("inkwash_harbor.url", LINK.encode())),
    Specimen(
        "pysssss-sha256",
        "text",
        "inkwash_harbor.sha256",
        _writer("inkwash_harbor.sha256", A["sha256"].encode()),
    ),
    Specimen("safetensors-header", "folder", "typed.safetensors", _header),
]
