"""Hugging Face's cache without links (as on Windows), a download into a plain folder, a card, a pipeline."""

import json
import os
from pathlib import Path

from tests.migration.specimens import Specimen
from tests.migration.specimens.models import HERON, INKWASH, C

COMMIT = "3f0c1d2e4b5a69788796a5b4c3d2e1f00f1e2d3c"
CARD = b"---\nlicense: apache-2.0\n---\n# Tiny Heron\n"
CARD_BLOB = "541ef94f887ec098a4c06393526bc2fab494c8f4"
REPOSITORY = "models--sample-org--tiny-heron-gguf"
SNAPSHOT = f"{REPOSITORY}/snapshots/{COMMIT}"

FULL_CARD = b"""---
license: other
license_name: heron-licence
license_link: https://example.com/licence
base_model:
- stabilityai/stable-diffusion-xl-base-1.0
base_model_relation: adapter
tags:
- lora
- ink
- base_model:stabilityai/stable-diffusion-xl-base-1.0
- license:other
- region:us
- arxiv:2401.00001
- dataset:sample-org/herons
- not-for-all-audiences
pipeline_tag: text-to-image
library_name: diffusers
language: no
datasets: sample-org/herons
metrics: fid
instance_prompt: inkwash harbor, ink style
widget:
- text: a harbour
model-index: []
model_name: Inkwash Harbor
inference: false
thumbnail: harbour.png
extra_gated_prompt: Be kind.
zz_version: 1.0
---
# Inkwash Harbor

---
Not the front matter.
"""


def put(path: Path, content: bytes | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def link(path: Path, target: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)


def write_linked(folder: Path, repository: str = REPOSITORY) -> Path:
    """Write the cache of the specification's example, with links; return the repository's folder."""
    root = folder / repository
    put(root / "refs/main", COMMIT)
    put(root / "blobs" / C["sha256"], HERON)
    put(root / "blobs" / CARD_BLOB, CARD)
    link(root / "snapshots" / COMMIT / "tiny-heron.gguf", f"../../blobs/{C['sha256']}")
    link(root / "snapshots" / COMMIT / "README.md", f"../../blobs/{CARD_BLOB}")
    return root


def tree(**files: dict[str, object]) -> str:
    return json.dumps({"format_version": 1, "files": files})


def write_copies(folder: Path) -> None:
    root = folder / REPOSITORY
    put(root / "refs/main", COMMIT + "\n")
    put(root / "snapshots" / COMMIT / "tiny-heron.gguf", HERON)
    entry = {
        "size": 135,
        "blob_id": "0" * 39 + "1",
        "lfs_sha256": C["sha256"],
        "lfs_size": 24,
        "xet_hash": "9" * 64,
    }
    put(root / "trees" / f"{COMMIT}.json", tree(**{"tiny-heron.gguf": entry}))


def write_copies_full(folder: Path) -> None:
    write_copies(folder)
    root = folder / REPOSITORY
    put(root / "refs/refs/pr/1", "1" * 40)
    put(root / "snapshots" / ("1" * 40) / "tiny-heron.gguf", HERON)
    put(root / "snapshots" / COMMIT / "config.json", "{}")
    put(root / "snapshots" / COMMIT / "tiny-heron-Q4_K_M.gguf", HERON)
    put(root / "blobs" / f"{'a' * 64}.incomplete", b"GG")
    put(root / ".no_exist" / COMMIT / "adapter_config.json", b"")


def write_local(folder: Path, written_at: float = 1_760_000_000.5) -> None:
    put(folder / "tiny-heron.gguf", HERON)
    os.utime(folder / "tiny-heron.gguf", (1_759_999_999, 1_759_999_999))
    text = f"{COMMIT}\n{C['sha256']}\n{written_at}\n"
    put(folder / ".cache/huggingface/download/tiny-heron.gguf.metadata", text)


def write_card(folder: Path) -> None:
    put(folder / "tiny-heron.gguf", HERON)
    put(folder / "README.md", CARD)


def write_card_full(folder: Path) -> None:
    put(folder / "inkwash_harbor.safetensors", INKWASH)
    put(folder / "harbour.png", b"\x89PNG\r\n\x1a\n")
    put(folder / "README.md", FULL_CARD)


PIPELINE = {
    "_class_name": "StableDiffusionXLPipeline",
    "_diffusers_version": "0.30.0",
    "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["diffusers", "AutoencoderKL"],
}


def write_pipeline(folder: Path) -> None:
    put(folder / "copperleaf/model_index.json", json.dumps(PIPELINE, indent=2))
    put(folder / "copperleaf/unet/config.json", '{"_class_name": "UNet2DConditionModel"}')
    put(folder / "copperleaf/unet/diffusion_pytorch_model.safetensors", INKWASH)
    put(folder / "copperleaf/vae/config.json", '{"_class_name": "AutoencoderKL"}')
    put(folder / "copperleaf/vae/diffusion_pytorch_model.safetensors", INKWASH)


def write_pipeline_full(folder: Path) -> None:
    write_pipeline(folder)
    more = {
        "_name_or_path": "stabilityai/stable-diffusion-xl-base-1.0",
        "feature_extractor": [None, None],
        "force_zeros_for_empty_prompt": True,
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "options": ["a", "b", "c"],
    }
    put(folder / "copperleaf/model_index.json", json.dumps(PIPELINE | more))
    put(folder / "copperleaf/text_encoder/model.safetensors", INKWASH)


SPECIMENS = [
    Specimen("hf-cache", "folder", REPOSITORY, write_copies, full=write_copies_full),
    Specimen("hf-local-dir", "text", ".cache/huggingface/download/tiny-heron.gguf.metadata", write_local),
    Specimen("hf-model-card", "text", "README.md", write_card, full=write_card_full),
    Specimen(
        "diffusers-folder", "json", "copperleaf/model_index.json", write_pipeline, full=write_pipeline_full
    ),
]
