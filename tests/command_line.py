"""The command line as a process, and a small library for it: what its tests share."""

import hashlib
import json
import os
import struct
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any


def words(text: str) -> set[str]:
    return set(text.split())


LIGHT_COLUMNS = words(
    "name type size_bytes sha256 base_model format path file_name folder file_count tags rating favorite nsfw "
    "trigger_words notes license source_url preview added_at modified_at hash_state file_state"
)
IMPORT_KEYS = words("batch_id seen imported unchanged ignored failed problems by_source")
UNKNOWN_SHA256 = "00000000" * 8


@dataclass
class Answer:
    """What a finished process left."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.out.isascii()
        return json.loads(self.out)


def command(catalog: Path | str, *said: str | Path) -> list[str]:
    return [sys.executable, "-m", "modelmgr", "--catalog", str(catalog), *map(str, said)]


def run(catalog: Path | str, *words: str | Path, **environment: str) -> Answer:
    done = subprocess.run(
        command(catalog, *words),
        capture_output=True,
        timeout=120,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert b"Traceback" not in done.stderr, done.stderr.decode()
    return Answer(done.returncode, done.stdout.decode(), done.stderr.decode())


def write_model(path: Path | str, filling: bytes = b"\0", metadata: dict[str, str] | None = None) -> str:
    """Write a small safetensors LoRA and return its SHA-256."""
    block = "lora_unet_down_blocks_0_attentions_0_proj_in"
    header: dict[str, Any] = {
        f"{block}.lora_down.weight": {"dtype": "F16", "shape": [4, 320], "data_offsets": [0, 2560]},
        f"{block}.lora_up.weight": {"dtype": "F16", "shape": [320, 4], "data_offsets": [2560, 5120]},
    }
    if metadata:
        header["__metadata__"] = metadata
    packed = json.dumps(header).encode()
    body = struct.pack("<Q", len(packed)) + packed + (filling * 5120)[:5120]
    with open(path, "wb") as file:
        file.write(body)
    return hashlib.sha256(body).hexdigest()


def write_sidecar(path: Path, name: str, sha256: str | None = None, number: int = 1) -> bytes:
    """Write a sidecar as a browser extension of A1111 leaves it, and return its bytes."""
    file: dict[str, Any] = {"name": path.name, "primary": True}
    if sha256 is not None:
        file["hashes"] = {"SHA256": sha256.upper()}
    payload = json.dumps(
        {
            "id": number,
            "modelId": number * 10,
            "name": "v1.0",
            "baseModel": "SD 1.5",
            "trainedWords": ["inkwash"],
            "model": {"name": name, "type": "LORA", "nsfw": False},
            "files": [file],
        },
        indent=3,
    ).encode()
    path.write_bytes(payload)
    return payload


@dataclass
class Library:
    """Three files of two contents, two records, a damaged sidecar, and the catalog that knows them."""

    root: Path
    catalog: Path
    ink: str
    copper: str
    ink_payload: bytes

    def run(self, *words: str | Path) -> Answer:
        return run(self.catalog, *words)


def write_library(root: Path) -> Library:
    models = root / "models" / "Lora"
    models.mkdir(parents=True)
    ink = write_model(models / "inkwash.safetensors", b"i")
    write_model(models / "inkwash copy.safetensors", b"i")
    copper = write_model(models / "copperleaf.safetensors", b"c")
    payload = write_sidecar(models / "inkwash.civitai.info", "Inkwash Harbor", ink)
    return Library(root, root / "catalog.sqlite", ink, copper, payload)
