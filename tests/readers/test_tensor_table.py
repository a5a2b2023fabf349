"""Tables of tensors are remembered, and files that are open are read from what was read of them already."""

import json
import os
import struct
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from modelmgr.readers import Header, read_header, read_heads, read_open, tensor_table, tensors
from modelmgr.readers.contents import Contents, Spec
from modelmgr.readers.identify import identify
from tests.readers.faithful import tables

LORA = {
    f"lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn{n}_to_k.{part}": shape
    for n in (1, 2)
    for part, shape in (
        ("lora_down.weight", (8, 768 if n == 2 else 640)),
        ("lora_up.weight", (640, 8)),
        ("alpha", ()),
    )
}


@pytest.fixture(autouse=True)
def _nothing_is_known() -> Iterator[None]:
    tensor_table.forget()
    yield
    tensor_table.forget()


def told(header: Header) -> str:
    """Everything but the sentences' paths, as text."""
    return json.dumps([header.as_json(), dict(header.suggestions), repr(header.embedded)], sort_keys=True)


def test_a_table_seen_before_is_judged_by_each_file_s_own_words(safetensors_file: Callable[..., str]) -> None:
    metadata: list[dict[str, str]] = [
        {},
        {"ss_base_model_version": "sd_v1"},
        {"ss_base_model_version": "sdxl_base_v1-0"},
        {"modelspec.title": "Ink", "ss_sd_model_name": "ponyDiffusion"},
    ]
    names = ("x.safetensors", "ink-00001-of-00002.safetensors", "pony.safetensors")
    cold: dict[tuple[int, str], str] = {}
    for number, said in enumerate(metadata):
        for name in names:
            tensor_table.forget()
            cold[number, name] = told(read_header(safetensors_file(LORA, said, name=name)))
    assert len(set(cold.values())) >= len(metadata)
    for _ in range(2):
        for number, said in enumerate(metadata):
            for name in names:
                path = safetensors_file(LORA, said, name=name)
                assert told(read_header(path)) == cold[number, name]


def test_every_known_model_is_the_same_when_its_names_and_shapes_were_seen_before() -> None:
    said = {"ss_base_model_version": "sdxl_base_v1-0", "general.name": "wan2.2 i2v"}
    for group in sorted(path.stem for path in tables.FOLDER.glob("*.txt")):
        for name in tables.read(group):
            specs = {
                key: Spec(spec[0], tuple(spec[1]), 0)
                for key, spec in tables.tensors_of(f"{group}/{name}").items()
            }
            wider = {
                key: Spec(spec.dtype, tuple(2 * dim for dim in spec.shape), 0) for key, spec in specs.items()
            }
            tensors.forget()
            alone = identify(Contents("safetensors", specs), "x.safetensors")
            tensors.forget()
            shared: dict[Any, Any] = {}
            identify(Contents("safetensors", wider, said), "pony-00002-of-00003.safetensors")
            identify(Contents("safetensors", specs, said, derived=shared), "pony-00002-of-00003.safetensors")
            assert identify(Contents("safetensors", specs, derived=shared), "x.safetensors") == alone


def test_a_table_seen_before_says_what_this_file_lacks(safetensors_file: Callable[..., str]) -> None:
    path = safetensors_file(LORA)
    assert read_header(path).problems == ()
    os.truncate(path, os.path.getsize(path) - 100)
    assert [problem.code for problem in read_header(path).problems] == ["truncated"]
    os.truncate(path, os.path.getsize(path) + 200)
    assert [problem.code for problem in read_header(path).problems] == ["trailing_data"]


def test_faults_inside_a_table_are_told_of_every_file(raw_safetensors: Callable[..., str]) -> None:
    entry = '"%s":{"dtype":"F32","shape":[2],"data_offsets":[%d,%d]}'
    gap = ("{" + entry % ("a", 0, 8) + "," + entry % ("b", 16, 24) + "}").encode()
    twice = ("{" + entry % ("a", 0, 8) + "," + entry % ("a", 8, 16) + "}").encode()
    for _ in range(2):
        assert [problem.code for problem in read_header(raw_safetensors(gap, 24)).problems] == ["offsets"]
        assert "duplicate_keys" in [
            problem.code for problem in read_header(raw_safetensors(twice, 16)).problems
        ]


def test_tables_of_one_length_and_one_end_are_told_apart(safetensors_file: Callable[..., str]) -> None:
    tail = {f"w.{n}": (2, 2) for n in range(20)}
    first = read_header(safetensors_file({"first": (4, 2), **tail}))
    other = read_header(safetensors_file({"other": (2, 4), **tail}))
    again = read_header(safetensors_file({"first": (4, 2), **tail}))
    assert first == again
    assert (first.tensor_count, other.tensor_count) == (21, 21)


def test_infos_of_a_gguf_seen_before_are_read_as_at_first(gguf_file: Callable[..., str]) -> None:
    tensors = [(f"blk.{n}.attn_q.weight", (64, 64), 8) for n in range(9)]
    pairs = [("general.architecture", "str", "llama")]
    original = [*pairs, ("comfy.gguf.orig_shape.blk.0.attn_q.weight", "arr", [8, 8, 64], "i32")]
    seen = [told(read_header(gguf_file(pairs, tensors))) for _ in range(2)]
    assert seen[0] == seen[1]
    other = read_header(gguf_file(pairs, [*tensors[:-1], ("blk.8.attn_q.weight", (64, 32), 8)]))
    assert other.parameter_count == 8 * 64 * 64 + 64 * 32
    assert told(read_header(gguf_file(original, tensors))) != seen[0]
    path = gguf_file([*pairs, ("general.alignment", "u32", 64)], tensors)
    assert read_header(path).parameter_count == 9 * 64 * 64
    path = gguf_file(pairs, tensors)
    os.truncate(path, 400)
    assert [problem.code for problem in read_header(path).problems] == ["truncated"]


def test_many_threads_agree(safetensors_file: Callable[..., str]) -> None:
    paths = [
        safetensors_file(
            {f"{'model.diffusion_model.' if n % 2 else ''}{name}": shape for name, shape in LORA.items()},
            {"ss_base_model_version": "sd_v1" if n % 3 else "sdxl_base"},
            name=f"{n}.safetensors",
        )
        for n in range(12)
    ]
    expected = [told(read_header(path)) for path in paths]
    tensor_table.forget()
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(lambda path: told(read_header(path)), paths * 20)) == expected * 20


def test_headers_that_are_read_together_are_those_that_are_read_alone(
    safetensors_file: Callable[..., str], tmp_path: Path
) -> None:
    Path(tmp_path, "broken.safetensors").write_bytes(b"\x10" + bytes(7) + b"{}")
    Path(tmp_path, "adapter_config.json").write_text('{"peft_type": "LORA", "r": 4}')
    paths = [str(tmp_path / "broken.safetensors")]
    for name in ("one.safetensors", "two.gguf", "adapter_model.safetensors", "three.safetensors"):
        metadata = {"modelspec.title": name, "ss_base_model_version": "sdxl_base"}
        paths.append(safetensors_file(LORA, metadata if name < "t" else {}, name=name))
    contents = [Path(path).read_bytes() for path in paths]
    heads = [(path, len(content), content[:8192]) for path, content in zip(paths, contents, strict=True)]
    assert read_heads(heads) == [read_header(path) for path in paths]
    assert read_heads([]) == []


@pytest.mark.parametrize("head_bytes", [0, 1, 8, 9, 300, 100_000])
def test_an_open_file_is_read_as_a_closed_one(
    head_bytes: int, safetensors_file: Callable[..., str], gguf_file: Callable[..., str]
) -> None:
    for path in (
        safetensors_file(LORA, {"modelspec.title": "Ink"}),
        gguf_file([("general.architecture", "str", "llama")], [("a.weight", (64, 64), 8)]),
    ):
        content = Path(path).read_bytes()
        with open(path, "rb") as file:
            file.seek(17)
            head = memoryview(content)[:head_bytes]
            header = read_open(file.fileno(), path, len(content), head)
            assert header == read_header(path)
            assert header.embedded == read_header(path).embedded


def test_a_header_that_lies_in_the_head_is_not_read_again(safetensors_file: Callable[..., str]) -> None:
    path = safetensors_file(LORA, {"modelspec.title": "Ink"})
    content = Path(path).read_bytes()
    nothing, other = os.pipe()
    os.close(other)
    try:
        # Nothing can be read from there.
        header = read_open(nothing, path, len(content), content[:8192])
    finally:
        os.close(nothing)
    assert header == read_header(path)


def test_the_values_of_a_gguf_become_a_record(gguf_file: Callable[..., str]) -> None:
    template = "{% for message in messages %}ü" * 100_000
    path = gguf_file(
        [
            ("general.architecture", "str", "llama"),
            ("general.name", "str", b"bad \xff text"),
            ("llama.context_length", "u32", 8192),
            ("llama.rope.freq_base", "f32", float("nan")),
            ("llama.attention.head_count", "arr", [1.5, float("inf")], "f32"),
            ("tokenizer.chat_template", "str", template),
            ("tokenizer.ggml.tokens", "arr", [f"t{n}" for n in range(100)], "str"),
            ("tokenizer.ggml.add_bos_token", "bool", True),
        ]
    )
    header = read_header(path)
    assert header.embedded is not None
    assert header.embedded_made
    record = json.loads(header.embedded, parse_constant=pytest.fail)
    assert record == {
        "general.architecture": "llama",
        "general.name": "bad \N{REPLACEMENT CHARACTER} text",
        "llama.context_length": 8192,
        "llama.rope.freq_base": "nan",
        "llama.attention.head_count": [1.5, "inf"],
        "tokenizer.chat_template": template,
        "tokenizer.ggml.tokens": {"count": 100, "first": [f"t{n}" for n in range(64)]},
        "tokenizer.ggml.add_bos_token": True,
    }


def test_texts_of_a_gguf_beyond_all_reason_are_cut(gguf_file: Callable[..., str]) -> None:
    pairs = [(f"text.{n}", "str", b"x" * 6_000_000) for n in range(8)]
    header = read_header(gguf_file([("general.architecture", "str", "llama"), *pairs]))
    assert [len(header.metadata[f"text.{n}"]) for n in range(8)] == [6_000_000] * 2 + [1024] * 6
    assert [problem.code for problem in header.problems] == ["metadata_cut"]


def test_a_file_that_says_nothing_of_itself_has_no_record(
    gguf_file: Callable[..., str], file_of: Callable[..., str]
) -> None:
    assert read_header(gguf_file()).embedded is None
    assert read_header(file_of(struct.pack("<Q", 4))).embedded is None
