"""Headers of GGUF files, the good and the bad."""

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modelmgr.readers import read_header
from modelmgr.readers.header import Header

LLAMA: list[tuple[Any, ...]] = [
    ("general.architecture", "str", "llama"),
    ("general.name", "str", "Tiny Heron"),
    ("llama.context_length", "u32", 8192),
    ("llama.block_count", "u32", 2),
    ("llama.attention.head_count", "u64", 32),
    ("llama.attention.head_count_kv", "arr", [8, 8], "i32"),
    ("llama.expert_count", "u32", 8),
    ("general.file_type", "u32", 15),
]
TENSORS = [
    ("token_embd.weight", (512, 256), 12),
    ("blk.0.attn_norm.weight", (256,), 0),
    ("output.weight", (512, 256), 14),
]


def codes(header: Header) -> list[str]:
    return [problem.code for problem in header.problems]


@pytest.mark.parametrize(("version", "order"), [(1, "<"), (2, "<"), (3, "<"), (3, ">")])
def test_every_version_and_byte_order_says_the_same(
    version: int, order: str, gguf_file: Callable[..., str]
) -> None:
    header = read_header(gguf_file(LLAMA, TENSORS, version=version, order=order))
    assert (header.format, header.type, header.base_model, header.precision) == (
        "gguf",
        "llm",
        "llama",
        "Q4_K_M",
    )
    assert header.problems == ()
    assert header.tensor_count == 3
    assert header.parameter_count == 2 * 512 * 256 + 256
    facts = header.as_json()
    assert (facts["context_length"], facts["block_count"], facts["head_count"]) == (8192, 2, 32)
    assert (facts["head_count_kv"], facts["expert_count"], facts["gguf_version"]) == ([8, 8], 8, version)
    data_bytes = 512 * 144 + 1024 + 512 * 210
    assert facts["bits_per_weight"] == round(8 * data_bytes / (2 * 512 * 256 + 256), 2)


def test_a_vocabulary_is_counted_and_stepped_over(gguf_file: Callable[..., str]) -> None:
    tokens = [f"token {n} " + "x" * (n % 40) for n in range(30_000)]
    pairs = [
        *LLAMA,
        ("tokenizer.ggml.tokens", "arr", tokens, "str"),
        ("tokenizer.ggml.scores", "arr", [0.5] * 30_000, "f32"),
        ("tokenizer.ggml.merges", "arr", tokens, "str"),
        ("general.tags", "arr", ["a", "b"], "str"),
    ]
    header = read_header(gguf_file(pairs, TENSORS))
    assert (header.problems, header.tensor_count, header.facts["vocab_size"]) == ((), 3, 30_000)
    assert header.suggestions["tags"] == ["a", "b"]
    assert len(json.dumps(header.as_json())) < 20_000


def test_the_quantisation_is_told_by_the_tensors_where_nobody_states_it(
    gguf_file: Callable[..., str],
) -> None:
    header = read_header(gguf_file(LLAMA[:2], TENSORS))
    assert header.precision == "Q6_K (by tensors)"
    header = read_header(gguf_file([*LLAMA[:2], ("general.file_type", "u32", 1024 + 7)], TENSORS))
    assert header.precision == "Q8_0 (guessed)"
    header = read_header(gguf_file([*LLAMA[:2], ("general.file_type", "u32", 4)], TENSORS))
    assert header.precision == "Q6_K (by tensors)"


@pytest.mark.parametrize("version", [0, 4, 0xFFFF])
def test_an_unknown_version_is_told_and_read_no_further(version: int, gguf_file: Callable[..., str]) -> None:
    header = read_header(gguf_file(LLAMA, TENSORS, version=version))
    assert (header.format, header.type, codes(header)) == ("gguf", "unknown", ["unsupported_version"])


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"GGUF", "truncated"),
        (b"GGUF\x03\0\0\0", "truncated"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 2**63), "header_invalid"),
        (b"GGUF" + struct.pack("<IQQ", 3, 2**40, 0), "header_invalid"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1), "truncated"),
        (b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 2**50) + b"key", "header_invalid"),
        (b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 60_000) + b"key", "truncated"),
        (
            b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 3) + b"key" + struct.pack("<IQ", 8, 2**64 - 1),
            "header_invalid",
        ),
        (b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 3) + b"key" + struct.pack("<I", 13), "header_invalid"),
        (
            b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 3) + b"key" + struct.pack("<IIQ", 9, 4, 2**60),
            "header_invalid",
        ),
        (b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 3) + b"key" + struct.pack("<IIQ", 9, 4, 50), "truncated"),
        (
            b"GGUF"
            + struct.pack("<IQQQ", 3, 0, 1, 3)
            + b"key"
            + struct.pack("<IIQ", 9, 77, 1)
            + b"1234567890",
            "header_invalid",
        ),
        (
            b"GGUF"
            + struct.pack("<IQQQ", 3, 0, 1, 3)
            + b"key"
            + struct.pack("<I", 9)
            + struct.pack("<IQ", 9, 1) * 1000,
            "header_invalid",
        ),
        (b"GGUF" + struct.pack("<IQQQ", 3, 1, 0, 1) + b"t" + struct.pack("<I", 2**32 - 1), "header_invalid"),
        (
            b"GGUF" + struct.pack("<IQQQ", 3, 1, 0, 1) + b"t" + struct.pack("<I", 6) + b"\1" * 99,
            "header_invalid",
        ),
        (b"GGUF" + struct.pack("<IQQQ", 3, 1, 0, 5000) + b"t" * 6000, "header_invalid"),
    ],
)
def test_a_damaged_header_is_told_in_one_sentence(
    content: bytes, code: str, file_of: Callable[..., str]
) -> None:
    header = read_header(file_of(content, "x.gguf"))
    assert (header.format, codes(header)) == ("gguf", [code])


def test_a_string_that_runs_out_of_the_file_ends_the_walk(
    file_of: Callable[..., str], gguf_header: Callable[..., Any]
) -> None:
    content, _ = gguf_header([("a.tokens", "arr", ["x" * 10] * 200, "str")])
    start = content.index(b"x" * 10)
    for length in (2**63, 2**64 - 1, 10_000):
        position = start - 8 + 150 * 18
        bad = content[:position] + struct.pack("<Q", length) + content[position + 8 :]
        header = read_header(file_of(bad, "x.gguf"))
        assert codes(header) == ["truncated"]


def test_pairs_before_the_damage_still_count(
    file_of: Callable[..., str], gguf_header: Callable[..., Any]
) -> None:
    content, _ = gguf_header(LLAMA, TENSORS)
    header = read_header(file_of(content[:-200], "x.gguf"))
    assert codes(header) == ["truncated"]
    assert (header.type, header.base_model) == ("llm", "llama")


def test_data_cut_off_is_told_in_bytes(gguf_file: Callable[..., str]) -> None:
    path = Path(gguf_file(LLAMA, TENSORS))
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.truncate(size - 1000)
    header = read_header(str(path))
    assert (codes(header), header.type) == (["truncated"], "llm")
    assert f"{size - 1000:,} of" in header.problems[0].message


def test_bytes_behind_the_data_are_told_but_for_what_fills_up_the_last_tensor(
    file_of: Callable[..., str], gguf_header: Callable[..., Any]
) -> None:
    for tensors, padding, words in (
        ([("a.weight", (9,), 0)], 28, "13 bytes follow the last tensor; no tensor claims them."),
        ([], 0, "13 bytes follow the header, which names no tensor."),
    ):
        content, data_bytes = gguf_header(LLAMA, tensors)
        whole = content + bytes(data_bytes)
        for each in (whole, whole[: len(whole) - padding]):
            assert codes(read_header(file_of(each, "x.gguf"))) == []
        (problem,) = read_header(file_of(whole + b"PK\3\4 and more", "x.gguf")).problems
        assert (problem.code, problem.message) == ("trailing_data", words)


def test_behind_tensors_of_unknown_size_nothing_is_told(
    file_of: Callable[..., str], gguf_header: Callable[..., Any]
) -> None:
    content, data_bytes = gguf_header(LLAMA, [("a.weight", (8,), 0)])
    content = content.replace(struct.pack("<QIQ", 8, 0, 0), struct.pack("<QIQ", 8, 57, 0))
    assert codes(read_header(file_of(content + bytes(data_bytes + 1000), "x.gguf"))) == []


def test_a_key_that_stands_twice_keeps_its_first_value(gguf_file: Callable[..., str]) -> None:
    header = read_header(gguf_file([*LLAMA, ("general.architecture", "u32", 7)], TENSORS))
    assert (codes(header), header.base_model) == (["duplicate_keys"], "llama")
    header = read_header(gguf_file(LLAMA, [*TENSORS, TENSORS[1]]))
    assert codes(header) == ["duplicate_keys"]


def test_an_architecture_that_is_no_text_is_told(gguf_file: Callable[..., str]) -> None:
    header = read_header(gguf_file([("general.architecture", "u32", 7), *LLAMA[1:]], TENSORS))
    assert (codes(header), header.type, header.base_model) == (["metadata_invalid"], "llm", None)


@pytest.mark.parametrize(("kind", "value"), [("u32", 0), ("u32", 3), ("i32", -8), ("str", "32")])
def test_an_impossible_alignment_is_told_and_32_taken(
    kind: str, value: Any, gguf_file: Callable[..., str]
) -> None:
    header = read_header(gguf_file([*LLAMA, ("general.alignment", kind, value)], TENSORS))
    assert codes(header) == ["alignment"]


def test_a_giant_alignment_makes_the_file_too_short(gguf_file: Callable[..., str]) -> None:
    header = read_header(gguf_file([*LLAMA, ("general.alignment", "u32", 2**31)], TENSORS))
    assert "truncated" in codes(header)


def test_an_unaligned_offset_is_told(file_of: Callable[..., str], gguf_header: Callable[..., Any]) -> None:
    content, data_bytes = gguf_header(LLAMA, [("a.weight", (8,), 0), ("b.weight", (8,), 0)])
    content = content.replace(struct.pack("<IQ", 0, 32), struct.pack("<IQ", 0, 33))
    assert codes(read_header(file_of(content + bytes(data_bytes + 1), "x.gguf"))) == ["offsets"]


def test_an_offset_beyond_the_end_is_truncation(
    file_of: Callable[..., str], gguf_header: Callable[..., Any]
) -> None:
    content, data_bytes = gguf_header(LLAMA, [("a.weight", (8,), 0), ("b.weight", (8,), 0)])
    content = content.replace(struct.pack("<IQ", 0, 32), struct.pack("<IQ", 0, 2**63))
    assert codes(read_header(file_of(content + bytes(data_bytes), "x.gguf"))) == ["truncated"]


def test_scalars_unknown_types_and_five_dimensions_are_read(file_of: Callable[..., str]) -> None:
    infos = (
        struct.pack("<Q", 1) + b"s" + struct.pack("<IIQ", 0, 0, 0)
        + struct.pack("<Q", 1) + b"t" + struct.pack("<IQIQ", 1, 8, 57, 32)
        + struct.pack("<Q", 1) + b"v" + struct.pack("<I5QIQ", 5, 2, 2, 1, 16, 8, 0, 64)
    )  # fmt: skip
    content = b"GGUF" + struct.pack("<IQQ", 3, 3, 0) + infos
    header = read_header(file_of(content + bytes(8192), "x.gguf"))
    assert (header.tensor_count, header.problems) == (3, ())


def test_text_that_is_no_utf8_is_replaced(gguf_file: Callable[..., str]) -> None:
    header = read_header(
        gguf_file([("general.architecture", "str", "llama"), ("general.name", "str", b"a\xff\xfeb")], TENSORS)
    )
    assert header.problems == ()
    assert header.suggestions["name"] == "a\ufffd\ufffdb"


def test_numbers_that_json_cannot_hold_are_given_out_as_text(gguf_file: Callable[..., str]) -> None:
    pairs = [
        *LLAMA,
        ("x.nan", "f32", float("nan")),
        ("x.inf", "f64", float("inf")),
        ("x.big", "u64", 2**64 - 1),
    ]
    metadata = read_header(gguf_file(pairs, TENSORS)).as_json()["metadata"]
    assert (metadata["x.nan"], metadata["x.inf"], metadata["x.big"]) == ("nan", "inf", str(2**64 - 1))


def test_a_file_of_nothing_but_a_header_is_no_error(file_of: Callable[..., str]) -> None:
    header = read_header(file_of(b"GGUF" + struct.pack("<IQQ", 3, 0, 0), "tiny-heron.gguf"))
    assert (header.format, header.type, header.problems) == ("gguf", "unknown", ())


def test_later_parts_of_a_split_file_are_shards(gguf_file: Callable[..., str]) -> None:
    split = [("split.no", "u16", 1), ("split.count", "u16", 3), ("split.tensors.count", "i32", 291)]
    header = read_header(gguf_file(split, TENSORS[1:2]))
    assert (header.type, header.facts["split_no"], header.facts["split_count"]) == ("shard", 1, 3)
    first = read_header(gguf_file([*LLAMA, ("split.no", "u16", 0), ("split.count", "u16", 3)], TENSORS))
    assert first.type == "llm"


def test_numbers_beyond_the_longest_header_are_not_read(file_of: Callable[..., str], tmp_path: Path) -> None:
    start = b"GGUF" + struct.pack("<IQQ", 3, 0, 2)
    numbers = struct.pack("<Q1sIIQ", 1, b"a", 9, 0, 60 * 2**20)
    text = struct.pack("<Q1sIQ", 1, b"b", 8, 10 * 2**20)
    path = Path(file_of(start + numbers, "x.gguf"))
    with path.open("r+b") as file:
        file.seek(len(start + numbers) + 60 * 2**20)
        file.write(text)
        file.truncate(90 * 2**20)
    assert codes(read_header(str(path))) == ["too_large"]
    path.write_bytes(start + numbers[:-8] + struct.pack("<Q", 64 * 2**20) + bytes(65 * 2**20))
    assert codes(read_header(str(path))) == ["too_large"]


def test_an_importance_matrix_is_told(gguf_file: Callable[..., str]) -> None:
    header = read_header(gguf_file([*LLAMA, ("quantize.imatrix.file", "str", "calibration.txt")], TENSORS))
    assert header.as_json()["imatrix"] is True
