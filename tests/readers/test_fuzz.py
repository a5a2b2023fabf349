"""No bytes make a reader raise, hang, or give out what JSON can't hold."""

import json
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelmgr.readers import read_header

BOUNDED = settings(
    max_examples=200,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
LIMIT_S = 5.0  # a guard against hanging, not a measurement
"""Of processor time; readers are built for less than half of it."""
NAMES = ["x.safetensors", "x.gguf", "x.ckpt", "x.bin", "x.onnx", "x"]
MAGICS = [
    b"",
    b"GGUF",
    b"GGUF\x03\0\0\0",
    b"PK\x03\x04",
    b"PK\x05\x06",
    b"\x80\x02",
    b"\x08\x08\x3a",
    b"\x93NUMPY",
    b"ggjt",
    b"version https://git-lfs.github.com/spec/v1\n",
]
NUMBERS = st.sampled_from([0, 1, 2, 3, 8, 9, 32, 255, 2**16, 2**31, 2**32 - 1, 2**53, 2**63, 2**64 - 1])
KEYS = st.sampled_from(
    [
        "__metadata__",
        "dtype",
        "shape",
        "data_offsets",
        "w",
        "a.lora_down.weight",
        "a.lora_up.weight",
        "\ud83d",
        "",
    ]
)
JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["F32", "F16", "U8", "XX"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
ENTRIES = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from(["F32", "F16", "F4", "NEW"]),
        "shape": st.lists(NUMBERS | st.integers(0, 9), max_size=5),
        "data_offsets": st.lists(NUMBERS | st.integers(0, 99), min_size=2, max_size=2),
    }
)
TENSOR_NAMES = st.sampled_from(
    [
        "conv_in.weight",
        "img_in.weight",
        "model.diffusion_model.input_blocks.0.0.weight",
        "head.modulation",
        "x.lora_A.weight",
        "x.lora_B.weight",
        "x.lokr_w1",
        "x.lokr_w2",
        "x.oft_blocks",
        "lora_unet_a.alpha",
        "emb_params",
        "decoder.conv_in.weight",
        "img_in.weight.quant_state.bitsandbytes__nf4",
    ]
)


def check(content: bytes, name: str, folder: Path) -> None:
    path = folder / name
    path.write_bytes(content)
    start = time.process_time()
    header = read_header(str(path))
    text = json.dumps(header.as_json(), allow_nan=False)
    assert time.process_time() - start < LIMIT_S
    assert len(text) < 300 * 1024
    json.dumps(header.suggestions).encode("utf-8")
    assert all(problem.message and problem.code for problem in header.problems)


@BOUNDED
@given(magic=st.sampled_from(MAGICS), rest=st.binary(max_size=400), name=st.sampled_from(NAMES))
def test_any_bytes_have_an_answer(magic: bytes, rest: bytes, name: str, tmp_path: Path) -> None:
    check(magic + rest, name, tmp_path)


@BOUNDED
@given(
    header=st.dictionaries(KEYS, JSON_VALUES | ENTRIES, max_size=6),
    data=st.integers(0, 200),
    compact=st.booleans(),
)
def test_any_json_header_has_an_answer(
    header: dict[str, Any], data: int, compact: bool, tmp_path: Path
) -> None:
    text = json.dumps(header, separators=(",", ":") if compact else None).encode()
    check(struct.pack("<Q", len(text)) + text + bytes(data), "x.safetensors", tmp_path)


@BOUNDED
@given(
    header=st.dictionaries(TENSOR_NAMES, ENTRIES, max_size=8),
    metadata=st.dictionaries(
        st.sampled_from(["modelspec.architecture", "ss_network_alpha", "ss_v2", "modelspec.tags"]),
        st.text(max_size=20),
    ),
)
def test_any_shapes_under_known_names_have_an_answer(
    header: dict[str, Any], metadata: dict[str, str], tmp_path: Path
) -> None:
    text = json.dumps({"__metadata__": metadata, **header}, separators=(",", ":")).encode()
    check(struct.pack("<Q", len(text)) + text, "x.safetensors", tmp_path)


@BOUNDED
@given(position=st.integers(0, 500), change=st.binary(min_size=1, max_size=9), cut=st.integers(0, 700))
def test_a_changed_gguf_header_has_an_answer(
    position: int, change: bytes, cut: int, tmp_path: Path, gguf_header: Any
) -> None:
    content, data_bytes = gguf_header(
        [
            ("general.architecture", "str", "llama"),
            ("general.alignment", "u32", 32),
            ("llama.context_length", "u64", 8192),
            ("tokenizer.ggml.tokens", "arr", ["ab", "cd", "e"] * 10, "str"),
            ("general.tags", "arr", ["x"], "str"),
        ],
        [("token_embd.weight", (32, 4), 0), ("blk.0.attn_q.weight", (4, 4), 1)],
    )
    content = (content + bytes(data_bytes))[: 200 + cut]
    check(content[:position] + change + content[position + len(change) :], "x.gguf", tmp_path)


@BOUNDED
@given(
    version=NUMBERS,
    tensors=NUMBERS,
    pairs=NUMBERS,
    words=st.lists(NUMBERS | st.integers(0, 12), max_size=30),
    wide=st.lists(st.booleans(), min_size=30, max_size=30),
)
def test_any_numbers_behind_the_magic_have_an_answer(
    version: int, tensors: int, pairs: int, words: list[int], wide: list[bool], tmp_path: Path
) -> None:
    content = b"GGUF" + struct.pack("<IQQ", version & 0xFFFFFFFF, tensors, pairs)
    for word, is_wide in zip(words, wide, strict=False):
        content += struct.pack("<Q", word) if is_wide else struct.pack("<I", word & 0xFFFFFFFF)
    check(content, "x.gguf", tmp_path)


@pytest.mark.parametrize(
    "make",
    [
        lambda: b'{"a":' + b'{"a":' * 300_000,
        lambda: b"[" * 2_000_000,
        lambda: b'{"__metadata__":{' + b",".join(b'"%d":[[[[]]]]' % n for n in range(100_000)) + b"}}",
        lambda: b'{"__metadata__":{"a":"' + b"\\\\" * 4_000_000 + b'"}}',
        lambda: b'{"__metadata__":{"a":"' + b"\\u0041" * 2_000_000,
        lambda: b"{" + b'"' * 4_000_000 + b"}",
        lambda: b'{"__metadata__":{' + b" " * 40_000_000,
        lambda: b'{"__metadata__"' + b" " * 20_000_000 + b":" + b" " * 20_000_000 + b"{}}",
        lambda: (
            b"{"
            + b",".join(
                b'"%d":{"dtype":"F32","shape":[%s],"data_offsets":[0,0]}' % (n, b"1," * 60 + b"1")
                for n in range(9000)
            )
            + b"}"
        ),
        lambda: b"{" + b'"a":{"dtype":"F32","shape":[' + b"9" * 4000 + b'],"data_offsets":[0,0]}}',
        lambda: (
            b"{"
            + b",".join(
                b'"%s.%d.lora_A.weight":{"dtype":"F32","shape":[],"data_offsets":[0,0]}' % (b"9_" * 40, n)
                for n in range(20_000)
            )
            + b"}"
        ),
    ],
    ids=range(11),
)
def test_a_header_built_to_be_slow_is_not(make: Callable[[], bytes], tmp_path: Path) -> None:
    body = make()
    check(struct.pack("<Q", len(body)) + body, "x.safetensors", tmp_path)


@pytest.mark.parametrize("kind", ["strings", "arrays", "keys", "infos"])
def test_a_gguf_header_built_to_be_slow_is_not(kind: str, tmp_path: Path) -> None:
    if kind == "strings":
        content = (
            struct.pack("<IQQ", 3, 0, 1)
            + struct.pack("<Q1sIIQ", 1, b"k", 9, 8, 5_000_000)
            + bytes(40_000_000)
        )
    elif kind == "arrays":
        content = (
            struct.pack("<IQQ", 3, 0, 1)
            + struct.pack("<Q1sIIQ", 1, b"k", 9, 9, 3_000_000)
            + bytes(40_000_000)
        )
    elif kind == "keys":
        pairs = b"".join(struct.pack("<Q5sIIQ", 5, b"%05d" % n, 9, 8, 64) + bytes(512) for n in range(60_000))
        content = struct.pack("<IQQ", 3, 0, 60_000) + pairs
    else:
        infos = b"".join(struct.pack("<Q6sIIQ", 6, b"%06d" % n, 0, 0, 0) for n in range(300_000))
        content = struct.pack("<IQQ", 3, 300_000, 0) + infos
    check(b"GGUF" + content, "x.gguf", tmp_path)
