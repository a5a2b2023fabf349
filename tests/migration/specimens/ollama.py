"""Ollama's store as the specification's example has it."""

import hashlib
import json
from pathlib import Path
from typing import Any

from tests.migration.specimens import Specimen
from tests.migration.specimens.huggingface import put
from tests.migration.specimens.models import HERON, INKWASH, C

MEDIA = "application/vnd.ollama.image."
CONFIG = b'{"model_format":"gguf","model_family":"llama"}'
TEMPLATE = b"{{ .Prompt }}"
LICENSE = b"Apache-2.0\n"
PARAMS = b'{"temperature":0.7,"stop":["<|end|>"]}\n'
TAG = "registry.ollama.ai/library/tiny-heron/latest"


def digest(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def blob(folder: Path, content: bytes, mark: str = "-") -> str:
    put(folder / "models/blobs" / digest(content).replace(":", mark), content)
    return digest(content)


def layer(kind: str, content: bytes, **more: Any) -> dict[str, Any]:
    return {"mediaType": MEDIA + kind, "digest": digest(content), "size": len(content), **more}


def manifest(*layers: dict[str, Any], config: bytes = CONFIG, **more: Any) -> bytes:
    said = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
        "config": {
            "mediaType": "application/vnd.docker.container.image.v1+json",
            "digest": digest(config),
            "size": len(config),
        },
        "layers": list(layers),
    }
    return json.dumps(said | more, separators=(",", ":")).encode()


def put_manifest(folder: Path, content: bytes, tag: str = TAG) -> None:
    put(folder / "models/manifests" / tag, content)


STANDARD = (
    layer("model", HERON),
    layer("template", TEMPLATE),
    layer("license", LICENSE),
    layer("params", PARAMS),
)


def write(folder: Path) -> None:
    for content in (HERON, CONFIG, TEMPLATE, LICENSE, PARAMS):
        blob(folder, content)
    put_manifest(folder, manifest(*STANDARD))


def write_full(folder: Path) -> None:
    write(folder)
    config = json.dumps(
        {
            "model_format": "gguf",
            "model_family": "llama",
            "model_families": ["llama", "clip"],
            "model_type": "8.0B",
            "file_type": "Q4_K_M",
            "architecture": "amd64",
            "os": "linux",
            "rootfs": {"type": "layers", "diff_ids": []},
            "context_length": 8192,
            "capabilities": ["completion", "vision"],
            "base_name": "Heron",
        }
    ).encode()
    messages = b'[{"role":"user","content":"hello"}]'
    for content in (config, INKWASH, b"Be brief.", messages, b"MIT\n"):
        blob(folder, content)
    layers = (
        *STANDARD,
        layer("projector", INKWASH),
        layer("system", b"Be brief."),
        layer("messages", messages),
        layer("license", b"MIT\n"),
        layer("json", b"absent", name="config.json"),
    )
    put_manifest(
        folder, manifest(*layers, config=config, zz_unknown=[1]), "hf.co/sample-org/tiny-heron-GGUF/Q8_0"
    )
    put_manifest(folder, manifest(layer("adapter", INKWASH)), "registry.ollama.ai/someone/heron-ink/latest")


assert C["sha256"] == digest(HERON)[7:]

SPECIMENS = [Specimen("ollama", "folder", "models", write, full=write_full)]
