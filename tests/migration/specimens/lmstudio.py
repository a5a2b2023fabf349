"""LM Studio's folder of models, the settings of one of them, and a virtual model."""

import json
from pathlib import Path

from tests.migration.specimens import Specimen
from tests.migration.specimens.huggingface import put
from tests.migration.specimens.models import HERON

FILE = "sample-org/tiny-heron-GGUF/tiny-heron-Q8_0.gguf"
CONFIG = f".lmstudio/.internal/user-concrete-model-default-config/{FILE}.json"
YAML = ".lmstudio/hub/models/sample-org/tiny-heron/model.yaml"
MODEL_YAML = """model: sample-org/tiny-heron
base:
  - key: sample-org/tiny-heron-gguf
    sources:
      - type: huggingface
        user: sample-org
        repo: tiny-heron-GGUF
"""
SETTINGS = {
    "preset": "",
    "operation": {"fields": [{"key": "llm.prediction.systemPrompt", "value": "Be brief."}]},
    "load": {"fields": [{"key": "llm.load.contextLength", "value": 8192}]},
}


def write(folder: Path) -> None:
    put(folder / ".lmstudio/models" / FILE, HERON)


def write_config(folder: Path) -> None:
    put(folder / ".lmstudio/models" / FILE, HERON)
    put(folder / CONFIG, json.dumps(SETTINGS))


def write_full(folder: Path) -> None:
    write_config(folder)
    put(folder / ".lmstudio/models/sample-org/tiny-heron-GGUF/mmproj-tiny-heron.gguf", HERON + b"\0" * 8)
    put(folder / ".lmstudio/models/loose.gguf", HERON)
    put(folder / ".lmstudio/models/two-levels/heron.gguf", HERON)
    put(folder / ".lmstudio/models/sample-org/heron-mlx/config.json", "{}")
    put(folder / ".lmstudio/models/sample-org/heron-mlx/model-00001-of-00002.safetensors", HERON)
    put(folder / ".lmstudio/models/sample-org/heron-mlx/model-00002-of-00002.safetensors", HERON)


def write_yaml(folder: Path) -> None:
    put(folder / ".lmstudio/models" / FILE, HERON)
    put(folder / YAML, MODEL_YAML)


def write_yaml_full(folder: Path) -> None:
    write_yaml(folder)
    more = "metadataOverrides:\n  domain: llm\nconfig: {}\ncustomFields: []\nsuggestions: []\nzz: 1.0\n"
    put(folder / YAML, MODEL_YAML + more)
    put(folder / YAML.replace("model.yaml", "manifest.json"), '{"type": "model"}')
    put(folder / YAML.replace("model.yaml", "thumbnail.png"), b"\x89PNG\r\n\x1a\n")


SPECIMENS = [
    Specimen("lmstudio", "folder", ".lmstudio/models", write, full=write_full),
    Specimen("lmstudio-model-yaml", "yaml", YAML, write_yaml, full=write_yaml_full),
]
