"""ONNX models, the weights beside them, and two formats that are told by text: ncnn and NumPy."""

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from modelmgr.readers import read_header
from modelmgr.readers.header import Header
from modelmgr.readers.onnx import FIELD_LIMIT

Write = Callable[..., str]
Dims = Sequence[int | str]


def varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def message(number: int, content: bytes | int) -> bytes:
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    return varint(number << 3 | 2) + varint(len(content)) + content


def value_info(name: str, dims: Dims, kind: int = 1) -> bytes:
    shape = b"".join(
        message(1, message(1, dim) if isinstance(dim, int) else message(2, dim.encode())) for dim in dims
    )
    return message(1, name.encode()) + message(2, message(1, message(1, kind) + message(2, shape)))


def weight(name: str, dims: Sequence[int], kind: int = 1, *, packed: bool = False, **external: str) -> bytes:
    shape = [b"".join(map(varint, dims))] if packed else dims
    content = b"".join(message(1, part) for part in shape) + message(2, kind) + message(8, name.encode())
    for key, text in external.items():
        content += message(13, message(1, key.encode()) + message(2, text.encode()))
    return content + (message(14, 1) if external else message(9, b"\0"))


def model(
    inputs: dict[str, Dims] | None = None,
    outputs: dict[str, Dims] | None = None,
    weights: Sequence[bytes] = (),
    properties: dict[str, str] | None = None,
    more: bytes = b"",
) -> bytes:
    graph = b"".join(message(5, content) for content in weights)
    graph += b"".join(message(11, value_info(name, dims)) for name, dims in (inputs or {}).items())
    graph += b"".join(message(12, value_info(name, dims)) for name, dims in (outputs or {}).items())
    opsets = message(8, message(2, 17)) + message(8, message(1, b"com.microsoft") + message(2, 1))
    pairs = b"".join(
        message(14, message(1, key.encode()) + message(2, text.encode()))
        for key, text in (properties or {}).items()
    )
    return message(1, 8) + message(2, b"pytorch") + message(7, graph + more) + opsets + pairs


def codes(header: Header) -> list[str]:
    return [problem.code for problem in header.problems]


def test_weights_tell_names_shapes_and_precision(file_of: Write) -> None:
    content = model(
        {"x": ["N", 3], "w": [4, 5]},
        {"y": ["N", 4]},
        [
            weight("w", (4, 5), 10),
            weight("v", (7,), 10, packed=True),
            weight("scalar", (), 1),
            weight("shape", (4,), 7),
        ],
    )
    header = read_header(file_of(content, "x.onnx"))
    assert (header.tensor_count, header.parameter_count, header.precision) == (4, 28, "F16")
    assert [value["name"] for value in header.facts["inputs"]] == ["x"]
    assert header.facts["opset"] == 17
    assert header.facts["opset_domains"] == {"com.microsoft": 1}
    assert header.problems == ()


def test_weights_beside_the_model_are_asked_for_their_size(tmp_path: Path, file_of: Write) -> None:
    place = {"location": "x.onnx_data", "offset": "100", "length": "80"}
    path = file_of(model(weights=[weight("w", (20,), **place)]), "x.onnx")
    assert codes(read_header(path)) == ["parts_missing"]
    (tmp_path / "x.onnx_data").write_bytes(bytes(179))
    header = read_header(path)
    assert codes(header) == ["truncated"]
    assert "179 of 180 bytes" in header.problems[0].message
    (tmp_path / "x.onnx_data").write_bytes(bytes(180))
    header = read_header(path)
    assert header.problems == ()
    assert header.facts["external_data"] == [{"name": "x.onnx_data", "size_bytes": 180, "needed_bytes": 180}]
    assert header.parameter_count == 20


def test_weights_may_lie_in_a_folder_below(tmp_path: Path, file_of: Write) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "w").write_bytes(bytes(80))
    path = file_of(model(weights=[weight("w", (20,), location="./data/w")]), "x.onnx")
    assert read_header(path).problems == ()


@pytest.mark.parametrize(
    "location", ["../x", "/etc/passwd", "a/../../x", "C:\\x", "a\\..\\x", "\0", "", "x" * 99_999]
)
def test_weights_outside_of_the_folder_are_not_looked_at(file_of: Write, location: str) -> None:
    header = read_header(file_of(model(weights=[weight("w", (20,), location=location)]), "x.onnx"))
    assert codes(header) in (["outside"], ["parts_missing"])
    assert (codes(header) == ["parts_missing"]) == (len(location) > 100)


@pytest.mark.parametrize("number", ["-1", "1e9", "9" * 5000, "²", "0x10", ""])
def test_numbers_that_are_none_count_nothing(tmp_path: Path, file_of: Write, number: str) -> None:
    (tmp_path / "d").write_bytes(bytes(80))
    content = model(weights=[weight("w", (20,), location="d", offset=number, length=number)])
    assert read_header(file_of(content, "x.onnx")).problems == ()


@pytest.mark.parametrize(
    ("inputs", "outputs", "kind", "base", "variant"),
    [
        ({"in": ["N", 3, 64, 64]}, {"out": ["N", 3, 256, 256]}, "upscaler", None, "4x"),
        ({"in": [1, 1, "h", "w"]}, {"out": [1, 1, "h", "w"]}, "upscaler", None, None),
        (
            {"sample": ["B", 4, "H", "W"], "timestep": [1], "encoder_hidden_states": ["B", "S", 768]},
            {"out_sample": ["B", 4, "H", "W"]},
            "diffusion_model",
            "SD 1.x",
            None,
        ),
        (
            {"sample": ["B", 4, "H", "W"], "timestep": [1], "encoder_hidden_states": ["B", "S", 2048]},
            {"out_sample": ["B", 4, "H", "W"]},
            "diffusion_model",
            "SDXL",
            None,
        ),
        ({"latent_sample": ["B", 4, "H", "W"]}, {"sample": ["B", 3, "H", "W"]}, "vae", None, "decoder"),
        (
            {
                "input_ids": ["B", "S"],
                "attention_mask": ["B", "S"],
                "past_key_values.0.key": ["B", 8, "P", 64],
            },
            {"logits": ["B", "S", 151936], "present.0.key": ["B", 8, "P", 64]},
            "llm",
            None,
            None,
        ),
        (
            {"input_ids": ["B", "S"], "attention_mask": ["B", "S"]},
            {"last_hidden_state": ["B", "S", 384]},
            "text_embedding_model",
            None,
            None,
        ),
        (
            {"input_ids": ["B", "S"]},
            {"last_hidden_state": [1, 2], "pooler_output": [1]},
            "text_encoder",
            None,
            None,
        ),
        ({"input_ids": ["B", "S"], "attention_mask": [1]}, {"logits": ["B", 2]}, "classifier", None, None),
        ({"pixel_values": ["B", 3, 224, 224]}, {"image_embeds": ["B", 512]}, "clip_vision", None, None),
        ({"input": ["B", "T"], "state": [2, "B", 128], "sr": []}, {"output": ["B", 1]}, "audio", None, None),
        ({"x": ["N", "T"]}, {"y": ["N", "T", 512]}, "unknown", None, None),
    ],
)
def test_what_goes_in_and_out_tells_what_it_is_for(
    file_of: Write,
    inputs: dict[str, Dims],
    outputs: dict[str, Dims],
    kind: str,
    base: str | None,
    variant: str | None,
) -> None:
    header = read_header(file_of(model(inputs, outputs), "x.onnx"))
    assert (header.type, header.base_model, header.variant) == (kind, base, variant)
    assert header.confidence == ("certain" if kind == "unknown" else "metadata")


def test_a_detector_is_told_by_its_exporter(file_of: Write) -> None:
    content = model(
        {"images": [1, 3, 640, 640]}, {"output0": [1, 84, 8400]}, (), {"task": "detect", "stride": "32"}
    )
    header = read_header(file_of(content, "face.onnx"))
    assert (header.type, header.variant, header.metadata["stride"]) == ("detector", "YOLO", "32")


def test_a_property_replaces_nothing_that_the_model_itself_says(file_of: Write) -> None:
    header = read_header(file_of(model(properties={"producer_name": "x"}), "x.onnx"))
    assert header.metadata["producer_name"] == "pytorch"


def test_more_fields_than_any_model_has_are_not_read(file_of: Write) -> None:
    begin = time.process_time()
    more = message(1, b"") * (FIELD_LIMIT + 9)
    header = read_header(file_of(model({"in": [1, 3, 64, 64]}, {"out": [1, 3, 64, 64]}, more=more), "x.onnx"))
    assert (header.format, header.type, codes(header)) == ("onnx", "upscaler", ["too_large"])
    assert time.process_time() - begin < 2


@pytest.mark.parametrize("dim", [0, 2**63, 2**64 - 1])
def test_senseless_dimensions_break_nothing(file_of: Write, dim: int) -> None:
    content = model({"in": [1, 3, dim, 8]}, {"out": [1, 3, dim, 8]}, [weight("w", [dim] * 80)])
    header = read_header(file_of(content, "x.onnx"))
    assert header.format == "onnx"
    assert header.parameter_count is None
    header.as_json()


# --- ncnn -------------------------------------------------------------------------------------------------

PARAM = """7767517
4 4
Input            data      0 1 data
Convolution      conv      1 1 data feature 0=12 1=3
PixelShuffle     shuffle   1 1 feature large 0=2
BinaryOp         sum       1 1 large output 0=0
"""


def ncnn(tmp_path: Path, param: str | bytes) -> Header:
    (tmp_path / "x.param").write_bytes(param if isinstance(param, bytes) else param.encode())
    (tmp_path / "x.bin").write_bytes(b"\x47\x6b\x30\x01" + bytes(range(1, 100)))
    return read_header(str(tmp_path / "x.bin"))


def test_the_text_beside_ncnn_weights_tells_what_they_are_for(tmp_path: Path) -> None:
    header = ncnn(tmp_path, PARAM)
    assert (header.format, header.type, header.problems) == ("ncnn", "upscaler", ())
    assert header.facts["layers"] == 4
    assert (header.facts["inputs"], header.facts["outputs"]) == (["data"], ["output"])
    assert header.facts["layer_kinds"]["PixelShuffle"] == 1


@pytest.mark.parametrize(
    ("param", "code"),
    [
        ("7767517\n9 9\n" + PARAM.partition("4 4\n")[2], "truncated"),
        ("7767517", "header_invalid"),
        ("7767517\nmany few\n", "header_invalid"),
        ("7767517\n" + "9" * 5000 + " 1\n", "truncated"),
        (b"7767517\n1 1\n\xff\xfe \0 99999999999 99999999999 a\n", None),
        ("7767517\n1 1\n" + "x " * 100_000, "truncated"),
    ],
)
def test_a_broken_text_beside_ncnn_weights_is_told(
    tmp_path: Path, param: str | bytes, code: str | None
) -> None:
    header = ncnn(tmp_path, param)
    assert header.format == "ncnn"
    assert codes(header) == ([] if code is None else [code])
    header.as_json()


def test_a_pipe_beside_a_bin_blocks_nobody(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.param")
    (tmp_path / "x.bin").write_bytes(b"\x47\x6b\x30\x01" + bytes(range(1, 100)))
    assert read_header(str(tmp_path / "x.bin")).format == "unknown"


# --- NumPy ------------------------------------------------------------------------------------------------


def npy(header: str, data_bytes: int = 0, version: int = 1) -> bytes:
    text = header.encode().ljust(117) + b"\n"
    return (
        b"\x93NUMPY"
        + bytes([version, 0])
        + len(text).to_bytes(2 if version == 1 else 4, "little")
        + text
        + bytes(data_bytes)
    )


@pytest.mark.parametrize("version", [1, 2, 3])
def test_an_array_tells_type_and_shape(file_of: Write, version: int) -> None:
    content = npy("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }", 48, version)
    header = read_header(file_of(content, "x.npy"))
    assert (header.format, header.tensor_count, header.problems) == ("numpy", 1, ())


@pytest.mark.parametrize(
    ("header", "data_bytes", "code"),
    [
        ("{'descr': '<f4', 'shape': (3, 4)}", 47, "truncated"),
        ("{'descr': '|O', 'shape': (3,)}", 99, "unsupported"),
        ("{'descr': [('a', '<f4')], 'shape': (3,)}", 12, "header_invalid"),
        ("{'descr': __import__('os').system('true')}", 0, "header_invalid"),
        ("{'descr': '<f4', 'shape': (" + "9" * 90 + ",)}", 0, "header_invalid"),
        ("{'descr': '|b1', 'shape': ()}", 1, None),
    ],
)
def test_a_broken_array_is_told(file_of: Write, header: str, data_bytes: int, code: str | None) -> None:
    found: Any = read_header(file_of(npy(header, data_bytes), "x.npy"))
    assert codes(found)[:1] == ([] if code is None else [code])
