"""Files that really exist, as published packages carry them (``tests/data/real/ORIGINS.md``)."""

import lzma
import re
from pathlib import Path

import pytest

from modelmgr.readers import read_header
from modelmgr.readers.header import Header
from tests.readers.faithful.tables import tensors_of

REAL = Path(__file__).parent.parent / "data" / "real"


def read(name: str, folder: Path, size_bytes: int | None = None) -> Header:
    """Read a file as its package has it: whole, unpacked, or its header with empty bytes behind."""
    path = folder / name
    if (REAL / name).exists():
        return read_header(str(REAL / name))
    if (REAL / f"{name}.xz").exists():
        path.write_bytes(lzma.decompress((REAL / f"{name}.xz").read_bytes()))
    else:
        assert size_bytes is not None
        path.write_bytes((REAL / f"{name}.head").read_bytes())
        with path.open("r+b") as file:
            file.truncate(size_bytes)
    return read_header(str(path))


def test_every_file_has_an_origin() -> None:
    named = set(re.findall(r"`([^`/*]+\.\w+)`", (REAL / "ORIGINS.md").read_text(encoding="utf-8")))
    assert {path.name for path in REAL.iterdir()} - {"ORIGINS.md"} <= named


@pytest.mark.parametrize(
    ("name", "tensors", "parameters"),
    [
        ("lpips-v0.0-alex.pth", 5, 1_152),
        ("lpips-v0.1-alex.pth", 5, 1_152),
        ("lpips-v0.1-squeeze.pth", 7, 2_240),
        ("lpips-v0.1-vgg.pth", 5, 1_472),
        ("facenet-pnet.pt", 13, 6_632),
    ],
)
def test_pytorch_before_its_zip(name: str, tensors: int, parameters: int, tmp_path: Path) -> None:
    header = read(name, tmp_path)
    assert (header.format, header.type, header.precision) == ("torch-legacy", "unknown", "F32")
    assert (header.tensor_count, header.parameter_count) == (tensors, parameters)
    assert header.problems == ()
    assert header.facts["pickle_scan"]["verdict"] == "none_found"


def test_a_sentence_encoder(tmp_path: Path) -> None:
    header = read("all-MiniLM-L6-v2.safetensors", tmp_path, 90_868_376)
    assert (header.format, header.type, header.variant) == (
        "safetensors",
        "text_embedding_model",
        "BERT-like",
    )
    assert header.metadata == {"format": "pt"}
    assert header.problems == ()
    # The class makes the very tensors that the file holds, but for the positions, which older versions stored.
    assert header.tensor_count == len(tensors_of("text_and_vision/minilm-l6")) + 1


def test_a_table_of_words_is_no_embedding_of_an_image_model(tmp_path: Path) -> None:
    header = read("wordllama-l2_supercat_256.safetensors", tmp_path, 16_384_096)
    assert (header.type, header.base_model, header.precision) == ("unknown", None, "F16")
    assert header.parameter_count == 32_000 * 256
    assert header.problems == ()


def test_a_network_that_no_table_knows(tmp_path: Path) -> None:
    header = read("silero_vad_16k.safetensors", tmp_path, 1_239_748)
    assert (header.type, header.tensor_count, header.parameter_count) == ("unknown", 15, 309_633)
    assert header.problems == ()


def test_a_cut_download_of_it_is_told(tmp_path: Path) -> None:
    header = read("silero_vad_16k.safetensors", tmp_path, 1_000_000)
    assert [problem.code for problem in header.problems] == ["truncated"]
    assert header.tensor_count == 15


@pytest.mark.parametrize(
    ("name", "word", "model"),
    [("ggml-vocab-bert-bge.gguf", "bert", "bert-bge"), ("ggml-vocab-phi-3.gguf", "phi3", "Phi3")],
)
def test_vocabularies(name: str, word: str, model: str, tmp_path: Path) -> None:
    header = read(name, tmp_path)
    assert (header.format, header.type, header.tensor_count) == ("gguf", "vocab", 0)
    assert (header.architecture, header.metadata["general.name"]) == (word, model)
    assert header.problems == ()


@pytest.mark.parametrize(
    ("name", "producer", "tensors"),
    [
        ("onnx-light_squeezenet.onnx", "onnx-caffe2", 52),
        ("onnx-light_shufflenet.onnx", "onnx-caffe2", 281),
        ("onnx-test_operator_conv.onnx", "pytorch", 1),
        ("onnxruntime-logreg_iris.onnx", "OnnxMLTools", 0),
    ],
)
def test_onnx(name: str, producer: str, tensors: int, tmp_path: Path) -> None:
    header = read(name, tmp_path)
    assert (header.format, header.metadata["producer_name"]) == ("onnx", producer)
    assert header.tensor_count == tensors
    assert header.problems == ()
