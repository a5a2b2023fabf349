"""What tools tell of a model: its story and the facts they would have found."""

import hashlib
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Told:
    """A model that tools tell of: its story, and the facts that they would have found."""

    story: Mapping[str, Any]
    path: str
    type: str
    size_bytes: int
    sha256: str
    tensor_sha256: str | None
    crc32: str
    time: int
    header: Mapping[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> int:
        """A catalogue number far above those in use."""
        return 900_000_000 + int(hashlib.sha256(self.path.encode()).hexdigest()[:6], 16)

    @property
    def iso(self) -> str:
        """The time as catalogues write it."""
        return (
            datetime.fromtimestamp(self.time, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        )


def told_of(path: Path, story: Mapping[str, Any], kind: str, header: Mapping[str, Any]) -> Told:
    """Return what a tool that read the written file at `path` would know of it."""
    content = path.read_bytes()
    tensors = None
    if path.suffix == ".safetensors":
        tensors = hashlib.sha256(memoryview(content)[8 + int.from_bytes(content[:8], "little") :]).hexdigest()
    return Told(
        story=story,
        path=story["path"],
        type=kind,
        size_bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        tensor_sha256=tensors,
        crc32=f"{zlib.crc32(content):08x}",
        time=time_of(story["path"]),
        header=header,
    )


def time_of(name: str) -> int:
    """Return a time between June 2023 and September 2025."""
    return 1_685_600_000 + int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) % 71_000_000


def plain(html: str) -> str:
    """Return a description without its tags."""
    return re.sub(r"<[^>]+>", " ", html).replace("&amp;", "&").strip()


CATALOGUE_TYPES = {
    "checkpoint": "Checkpoint",
    "diffusion_model": "Checkpoint",
    "lora": "LORA",
    "embedding": "TextualInversion",
    "vae": "VAE",
    "controlnet": "Controlnet",
    "upscaler": "Upscaler",
    "motion_module": "MotionModule",
}
