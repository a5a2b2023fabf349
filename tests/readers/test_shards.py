"""The parts of a split model, read as one."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modelmgr.readers import read_group, read_header
from modelmgr.readers.header import Header

LLAMA: list[dict[str, tuple[int, ...]]] = [
    {
        "model.embed_tokens.weight": (128256, 4096),
        "model.layers.0.post_attention_layernorm.weight": (4096,),
        "model.layers.0.self_attn.q_proj.weight": (4096, 4096),
    },
    {"model.layers.1.self_attn.q_proj.weight": (4096, 4096)},
    {"model.norm.weight": (4096,), "lm_head.weight": (128256, 4096)},
]


def name_of(number: int, count: int = 3, suffix: str = ".safetensors") -> str:
    return f"big-{number:05}-of-{count:05}{suffix}"


def group(folder: Path, *names: str, marker: str | None = None, first: str | None = None) -> Header:
    members = {name: str(folder / name) for name in names}
    place = str(folder / (first or names[0]))
    return read_group("shards", place, members, None if marker is None else str(folder / marker))


def codes(header: Header) -> list[str]:
    return [problem.code for problem in header.problems]


@pytest.fixture
def llama(tmp_path: Path, safetensors_file: Callable[..., str]) -> list[str]:
    names = [name_of(number) for number in (1, 2, 3)]
    for name, tensors in zip(names, LLAMA, strict=True):
        safetensors_file(tensors, {"format": "pt"}, name=name, dtype="BF16")
    return names


def put_index(folder: Path, weight_map: dict[str, Any], name: str = "big.safetensors.index.json") -> str:
    (folder / name).write_text(json.dumps({"metadata": {"total_size": "7"}, "weight_map": weight_map}))
    return name


def test_the_union_of_the_headers_is_the_model(tmp_path: Path, llama: list[str]) -> None:
    header = group(tmp_path, *llama)
    assert (header.format, header.type, header.base_model, header.variant) == (
        "sharded-safetensors",
        "llm",
        "llama",
        "Llama 3 8B",
    )
    assert header.tensor_count == 6
    assert header.parameter_count == 2 * 128256 * 4096 + 2 * 4096 * 4096 + 2 * 4096
    assert header.precision == "BF16"
    assert header.problems == ()


def test_a_part_alone_is_a_shard(tmp_path: Path, llama: list[str]) -> None:
    assert read_header(str(tmp_path / llama[1])).type == "shard"


def test_missing_parts_are_named(tmp_path: Path, llama: list[str]) -> None:
    header = group(tmp_path, llama[0], llama[2])
    assert header.type == "llm"
    assert [(problem.code, problem.message) for problem in header.problems] == [
        ("parts_missing", f'1 of 3 parts is missing: "{llama[1]}".')
    ]


def test_an_index_tells_of_parts_and_tensors_that_are_away(tmp_path: Path, llama: list[str]) -> None:
    index = put_index(
        tmp_path,
        {
            "model.norm.weight": llama[2],
            "model.gone.weight": llama[1],
            "x": "more.safetensors",
            "y": llama[0],
        },
    )
    header = group(tmp_path, *llama, marker=index)
    messages = [problem.message for problem in header.problems]
    assert codes(header) == ["parts_missing", "parts_missing"]
    assert messages[0] == '1 of 4 parts is missing: "more.safetensors".'
    assert '"model.gone.weight"' in messages[1]
    assert '"x"' not in messages[1]


@pytest.mark.parametrize("name", ["../other.safetensors", "/etc/x.bin", "a\\b.safetensors", "C:x.bin"])
def test_an_index_that_leads_out_of_its_folder_is_a_problem(
    tmp_path: Path, llama: list[str], name: str
) -> None:
    index = put_index(tmp_path, {"model.norm.weight": llama[2], "x": name})
    assert codes(group(tmp_path, *llama, marker=index)) == ["outside"]


@pytest.mark.parametrize(
    "content", [b"", b"\0" * 9, b"{", b"[" * 200_000, b'{"weight_map": []}', b"\xff\xfe"]
)
def test_a_broken_index_changes_nothing(tmp_path: Path, llama: list[str], content: bytes) -> None:
    (tmp_path / "i.index.json").write_bytes(content)
    assert group(tmp_path, *llama, marker="i.index.json").problems == ()


def test_what_is_wrong_with_one_part_is_told_with_its_name(
    tmp_path: Path, llama: list[str], file_of: Callable[..., str]
) -> None:
    os.truncate(tmp_path / llama[0], os.path.getsize(tmp_path / llama[0]) - 5)
    os.truncate(tmp_path / llama[2], os.path.getsize(tmp_path / llama[2]) - 5)
    header = group(tmp_path, *llama)
    assert header.type == "llm"
    (problem,) = header.problems
    assert problem.code == "truncated"
    assert problem.message.startswith(f'"{llama[0]}": ')
    assert problem.message.endswith("(1 more part likewise)")


def test_a_part_that_is_gone_or_no_file_hides_no_other(tmp_path: Path, llama: list[str]) -> None:
    (tmp_path / llama[1]).unlink()
    (tmp_path / llama[2]).unlink()
    (tmp_path / llama[2]).mkdir()
    header = group(tmp_path, *llama)
    assert header.tensor_count == 3
    assert codes(header) == ["not_found", "unreadable"]


def test_a_part_that_was_not_downloaded_is_told(
    tmp_path: Path, llama: list[str], file_of: Callable[..., str]
) -> None:
    file_of(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 7\n", llama[0])
    header = group(tmp_path, *llama)
    assert (header.format, codes(header)) == ("sharded-safetensors", ["lfs_pointer"])


def test_a_tensor_in_two_parts_is_told(tmp_path: Path, safetensors_file: Callable[..., str]) -> None:
    for number in (1, 2):
        safetensors_file({"a": (2,), f"b{number}": (2,)}, name=name_of(number, 2))
    header = group(tmp_path, name_of(1, 2), name_of(2, 2))
    assert (header.tensor_count, codes(header)) == (3, ["duplicate_keys"])


# --- GGUF -------------------------------------------------------------------------------------------------

PAIRS = [
    ("general.architecture", "str", "llama"),
    ("general.name", "str", "Tiny Heron"),
    ("general.file_type", "u32", 15),
    ("llama.context_length", "u32", 4096),
]


def split(number: int, count: int, tensors: int) -> list[tuple[Any, ...]]:
    return [
        ("split.no", "u16", number),
        ("split.count", "u16", count),
        ("split.tensors.count", "i32", tensors),
    ]


@pytest.fixture
def heron(gguf_file: Callable[..., str]) -> list[str]:
    names = [name_of(number, 3, ".gguf") for number in (1, 2, 3)]
    gguf_file([*PAIRS, *split(0, 3, 2)], [("token_embd.weight", (32, 256), 8)], name=names[0])
    gguf_file(split(1, 3, 2), [("blk.0.attn_q.weight", (32, 256), 12)], name=names[1])
    gguf_file(split(2, 3, 2), [], name=names[2])
    return names


def test_a_split_gguf_has_the_pairs_of_its_first_part_and_the_tensors_of_all(
    tmp_path: Path, heron: list[str]
) -> None:
    header = group(tmp_path, *heron)
    assert (header.format, header.type, header.base_model) == ("gguf", "llm", "llama")
    assert header.tensor_count == 2
    assert header.parameter_count == 2 * 32 * 256
    assert header.precision == "Q4_K_M"
    assert header.facts["context_length"] == 4096
    assert header.facts["split_count"] == 3
    assert "split_no" not in header.facts
    assert header.metadata["general.name"] == "Tiny Heron"
    assert header.problems == ()


def test_a_split_gguf_without_its_first_part_says_so(tmp_path: Path, heron: list[str]) -> None:
    header = group(tmp_path, heron[1], heron[2], first=heron[0])
    assert codes(header)[0] == "parts_missing"
    assert header.tensor_count == 1


def test_a_split_gguf_without_pairs_says_so(tmp_path: Path, gguf_file: Callable[..., str]) -> None:
    for number in (0, 1):
        gguf_file(
            split(number, 2, 2), [(f"blk.{number}.attn_q.weight", (32, 256), 0)], name=name_of(number + 1, 2)
        )
    assert "metadata_invalid" in codes(group(tmp_path, name_of(1, 2), name_of(2, 2)))


def test_numbers_that_disagree_are_told(tmp_path: Path, gguf_file: Callable[..., str]) -> None:
    for number in (0, 1):
        gguf_file(
            [*PAIRS, *split(number, 7, 9)],
            [(f"blk.{number}.attn_q.weight", (32, 256), 0)],
            name=name_of(number + 1, 2),
        )
    header = group(tmp_path, name_of(1, 2), name_of(2, 2))
    assert [problem.message for problem in header.problems if problem.code == "header_invalid"] == [
        "The header tells of 7 parts, the names of 2.",
        "The parts hold 2 of 9 tensors.",
    ]


def test_no_part_is_believed_above_the_limit_of_all(
    tmp_path: Path, raw_safetensors: Callable[..., str]
) -> None:
    for part in (1, 2):
        entries = ",".join(
            f'"t{part}.{at}":{{"dtype":"F16","shape":[0],"data_offsets":[0,0]}}' for at in range(150_000)
        )
        raw_safetensors(f"{{{entries}}}".encode(), name=name_of(part, 2))
    header = group(tmp_path, name_of(1, 2), name_of(2, 2))
    assert header.tensor_count == 150_000
    assert "too_large" in codes(header)
