"""A library in a temporary folder, real small models, and sidecars beside them."""

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from modelmgr import demo
from modelmgr.catalog import Catalog
from modelmgr.library import Library


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    """A library on an empty catalog."""
    with Catalog.open(tmp_path / "catalog.sqlite") as catalog:
        yield Library(catalog)


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """An empty folder for models."""
    folder = tmp_path / "models"
    folder.mkdir()
    return folder


@pytest.fixture
def lora(models: Path) -> Callable[..., Path]:
    """Write a small valid LoRA of its own content; return its path."""

    def write(name: str, fill: int = 0x41, folder: Path | None = None) -> Path:
        path = (folder or models) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        prefix = "lora_unet_input_blocks_4_1_transformer_blocks_0_attn2_to_k"
        tensors = {
            f"{prefix}.lora_down.weight": ("F16", (4, 2048)),
            f"{prefix}.lora_up.weight": ("F16", (640, 4)),
            f"{prefix}.alpha": ("F16", ()),
        }
        demo.write_safetensors(path, tensors, {"format": path.stem}, fill)  # nothing that makes a record
        return path

    return write


@pytest.fixture
def sha256() -> Callable[[Path], str]:
    """Hash a file."""
    return lambda path: hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def civitai_info() -> Callable[..., bytes]:
    """Write a Civitai Helper sidecar beside a model; return its bytes."""

    def write(model: Path, sha256: str | None = None, **fields: Any) -> bytes:
        version = {
            "id": 990001,
            "modelId": 880001,
            "name": "v1.2",
            "trainedWords": ["inkwash harbor"],
            "baseModel": "SDXL 1.0",
            "model": {"name": model.stem.title(), "type": "LORA", "nsfw": False},
            "files": [{"name": model.name, "type": "Model", "primary": True}],
        } | fields
        if sha256 is not None:
            version["files"][0]["hashes"] = {"SHA256": sha256.upper()}
        data = json.dumps(version, indent=4).encode()
        model.with_suffix(".civitai.info").write_bytes(data)
        return data

    return write
