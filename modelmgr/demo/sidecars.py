"""Sidecars as the tools write them, beside the models."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from modelmgr.demo.told import CATALOGUE_TYPES, Told, plain


def beside(path: Path, ending: str) -> Path:
    """Return the path with the stem of `path` and another ending, such as ``.preview.png``."""
    return path.with_name(path.stem + ending)


def write_sidecars(path: Path, told: Told) -> None:
    """Write what each tool that the story names says of the model at `path`; a `broken` one is cut off."""
    writers = {
        "civitai": (".civitai.info", _civitai_info),
        "lora-manager": (".metadata.json", _lora_manager),
        "a1111": (".json", _a1111),
        "txt": (".txt", _note),
    }
    for tool, differences in told.story.get("told_by", {}).items():
        ending, text = writers[tool]
        raw = text(told, {**told.story, **differences}).encode()
        if told.story.get("role") == "broken":
            raw = raw[: len(raw) * 6 // 10]
        beside(path, ending).write_bytes(raw)


def _civitai_info(told: Told, story: Mapping[str, Any]) -> str:
    """Return a catalogue's answer about a version, as the helper extensions store it."""
    name = PurePosixPath(told.path).name
    sha256 = told.sha256
    hashes = {"AutoV2": sha256[:10], "SHA256": sha256, "CRC32": told.crc32}
    if told.tensor_sha256:
        hashes["AutoV3"] = told.tensor_sha256[:12]
    if story.get("role") == "mismatch":
        other = hashlib.sha256(b"another upload").hexdigest()
        hashes = {"AutoV2": other[:10], "SHA256": other}
    answer = {
        "id": told.id + 1,
        "modelId": told.id,
        "name": story["version"],
        "createdAt": told.iso,
        "updatedAt": told.iso,
        "publishedAt": told.iso,
        "status": "Published",
        "trainedWords": story["words"],
        "baseModel": story["base"] or "Other",
        "baseModelType": "Inpainting" if "inpainting" in story["tags"] else "Standard",
        "description": story["about"] or None,
        "nsfwLevel": 12 if story.get("nsfw") else 1,
        "stats": {
            "downloadCount": told.id % 9000,
            "ratingCount": told.id % 300,
            "rating": 4.5 + told.id % 5 / 10,
        },
        "model": {
            "name": story["title"],
            "type": story.get("kind") or CATALOGUE_TYPES.get(told.type, "Other"),
            "nsfw": bool(story.get("nsfw")),
            "poi": False,
            "tags": story["tags"],
            **story.get("permits", {}),
        },
        "files": [
            {
                "id": told.id + 2,
                "sizeKB": told.size_bytes / 1024,
                "name": name,
                "type": "Model",
                "primary": True,
                "metadata": {"fp": "fp16", "size": None, "format": "SafeTensor"},
                "pickleScanResult": "Success",
                "virusScanResult": "Success",
                "scannedAt": told.iso,
                "hashes": {kind: value.upper() for kind, value in hashes.items()},
            }
        ],
        "images": [
            {
                "url": f"https://images.example.org/{told.id}/width=450/1.jpeg",
                "nsfwLevel": 8 if story.get("nsfw") else 1,
                "width": 832,
                "height": 1040,
                "hash": "U9F=",
                "type": "image",
                "meta": {
                    "prompt": ", ".join(story["words"]),
                    "seed": told.id % 99991,
                    "steps": 28,
                    "cfgScale": 5.5,
                },
            }
        ],
        "downloadUrl": f"https://downloads.example.org/models/{told.id + 1}",
    }
    return json.dumps(answer, indent=4)


def _lora_manager(told: Told, story: Mapping[str, Any]) -> str:
    """Return a sidecar of ComfyUI-Lora-Manager that was written on another computer."""
    place = PurePosixPath(told.path.removeprefix("ComfyUI/models/"))
    catalogue: dict[str, Any] = {}
    if story["base"]:
        catalogue = {
            "id": told.id + 1,
            "modelId": told.id,
            "name": story["version"],
            "baseModel": story["base"],
            "trainedWords": story["words"],
            "createdAt": told.iso,
            "nsfwLevel": 12 if story.get("nsfw") else 1,
            "model": {
                "name": story["title"],
                "type": story.get("kind") or CATALOGUE_TYPES.get(told.type, "Other"),
                "nsfw": bool(story.get("nsfw")),
                "tags": story["tags"],
                **story.get("permits", {}),
            },
            "creator": {"username": "demo_workshop"},
            "customImages": [],
        }
    sidecar: dict[str, Any] = {
        "file_name": place.stem,
        "model_name": story["title"],
        "file_path": f"D:/AI/{place}",
        "size": told.size_bytes,
        "modified": told.time + 0.25,
        "sha256": told.sha256,
        "base_model": story["base"] or "Unknown",
        "preview_url": f"D:/AI/{place.with_suffix('.preview.png')}",
        "preview_nsfw_level": 8 if story.get("nsfw") else 1,
        "notes": story.get("notes", ""),
        "from_civitai": True,
        "civitai": catalogue,
        "tags": story["tags"],
        "modelDescription": story.get("about", ""),
        "civitai_deleted": False,
        "favorite": bool(story.get("favorite")),
        "exclude": False,
        "db_checked": False,
        "skip_metadata_refresh": False,
        "metadata_source": "civitai_api",
        "last_checked_at": told.time + 600.5,
        "hash_status": "completed",
        "trainedWords": [],
    }
    if told.type == "lora":
        sidecar["usage_tips"] = json.dumps({"strength": story.get("weight", 0.8)})
        sidecar["autov3"] = told.tensor_sha256[:12] if told.tensor_sha256 else None
    else:
        sidecar["sub_type"] = told.type
    return json.dumps(sidecar, indent=2, ensure_ascii=False)


def _a1111(told: Told, story: Mapping[str, Any]) -> str:
    """Return the card's dialog as A1111 saves it; its keys contain spaces."""
    card: dict[str, Any] = {"description": plain(story["about"])}
    if told.type == "lora":
        family = story["base"] or ""
        version = {"SD 1": "SD1", "SD 2": "SD2", "Flux": "Flux"}.get(family[:4], "SDXL")
        card |= {
            "sd version": version,
            "activation text": ", ".join(story["words"]),
            "preferred weight": story.get("weight", 0),
            "negative text": "",
        }
    elif told.type == "checkpoint":
        card["vae"] = "Automatic"
    return json.dumps(card | {"notes": story.get("notes", "")}, indent=4, ensure_ascii=False)


def _note(told: Told, story: Mapping[str, Any]) -> str:
    return (story.get("notes") or plain(story["about"])) + "\n"
