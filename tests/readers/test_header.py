"""What a header gives out: safe, bounded, and only what its metadata really say."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from modelmgr.readers import read_header
from modelmgr.readers.header import Header
from modelmgr.told import CUT_MARK

W: dict[str, Any] = {"w": (16,)}


def test_everything_it_knows_is_given_out(safetensors_file: Callable[..., str]) -> None:
    module = "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k"
    shapes = {f"{module}.lora_down.weight": (8, 768), f"{module}.lora_up.weight": (640, 8)}
    answer = read_header(safetensors_file(shapes, {"a": "b"})).as_json()
    assert {key: answer[key] for key in ("format", "type", "base_model", "algorithm", "rank", "layout")} == {
        "format": "safetensors",
        "type": "lora",
        "base_model": "SD 1.x",
        "algorithm": "lora",
        "rank": 8,
        "layout": "kohya",
    }
    expected = {
        "candidates",
        "variant",
        "architecture",
        "precision",
        "components",
        "tensor_count",
        "parameter_count",
    }
    assert expected | {"metadata", "confidence", "evidence", "problems", "data_offset"} <= answer.keys()
    assert answer["evidence"][-1] == "in: attn2.to_k = 768"
    assert answer["metadata"] == {"a": "b"}
    assert len(answer["rules_version"]) == 12


def test_long_texts_are_cut_with_a_mark(safetensors_file: Callable[..., str]) -> None:
    metadata = read_header(safetensors_file(W, {"short": "x" * 2000, "long": "x" * 2001})).as_json()[
        "metadata"
    ]
    assert metadata["short"] == "x" * 2000
    assert metadata["long"] == "x" * 2000 + CUT_MARK


@pytest.mark.parametrize("character", ["x", "模", "\x01", "\U0001f600", '"'])
def test_huge_metadata_are_bounded_and_their_number_told(
    character: str, safetensors_file: Callable[..., str]
) -> None:
    metadata = {f"{character * 300}{n}": character * 3000 for n in range(200)}
    answer = read_header(safetensors_file(W, metadata)).as_json()
    assert len(json.dumps(answer)) < 256 * 1024
    assert answer["metadata_omitted"] > 0
    assert len(answer["metadata"]) + answer["metadata_omitted"] == 200


def test_nothing_given_out_breaks_json_or_utf8() -> None:
    header = Header(
        "gguf",
        variant="\ud83d",
        metadata={
            "nan": float("nan"),
            "big": 2**70,
            "huge": 10**6000,
            "list": [[[[[[[[1]]]]]]]],
            "many": list(range(1000)),
            "map": {"\udc00": "\ud800", 7: None},
            "bytes": b"x",
            "flag": True,
        },
        facts={"inputs": [{"name": "\ud83d"}]},
    )
    text = json.dumps(header.as_json(), allow_nan=False, ensure_ascii=False)
    assert json.loads(text.encode("utf-8"))["metadata"]["flag"] is True


def suggested(metadata: dict[str, str], write: Callable[..., str]) -> dict[str, Any]:
    return dict(read_header(write(W, metadata)).suggestions)


def test_the_model_specification_offers_columns(safetensors_file: Callable[..., str]) -> None:
    metadata = {
        "modelspec.sai_model_spec": "1.0.1",
        "modelspec.title": "Inkwash Harbor",
        "modelspec.trigger_phrase": "inkwash, harbor at dusk",
        "modelspec.tags": "ink, harbor,, ink ,",
        "modelspec.license": "CC-BY-4.0",
        "modelspec.description": "long text of the author",
    }
    assert suggested(metadata, safetensors_file) == {
        "name": "Inkwash Harbor",
        "trigger_words": ["inkwash, harbor at dusk"],
        "tags": ["ink", "harbor"],
        "license": "CC-BY-4.0",
    }
    assert read_header(safetensors_file(W, metadata)).personal == frozenset()


def test_what_a_person_typed_into_the_header_wins_and_is_marked(safetensors_file: Callable[..., str]) -> None:
    metadata = {
        "modelspec.title": "inkwash_v1",
        "ssmd_display_name": "Inkwash",
        "ssmd_keywords": "inkwash, harbor",
        "ssmd_description": "good at 0.8",
        "ssmd_rating": "4",
        "ssmd_tags": "style",
        "ssmd_source": "https://example.org/m/1?token=secret&v=2",
        "ssmd_cover_images": "[]",
    }
    header = read_header(safetensors_file(W, metadata))
    assert header.suggestions == {
        "name": "Inkwash",
        "trigger_words": ["inkwash", "harbor"],
        "notes": "good at 0.8",
        "rating": 4,
        "tags": ["style"],
        "source_url": "https://example.org/m/1?v=2",
    }
    assert header.personal == {"name", "trigger_words", "notes", "rating", "tags", "source_url"}


@pytest.mark.parametrize(
    "metadata",
    [
        {
            "ssmd_display_name": "",
            "ssmd_rating": "0",
            "ssmd_tags": "",
            "ssmd_keywords": " , ",
            "ssmd_source": "",
        },
        {"modelspec.title": "None", "modelspec.license": "null", "modelspec.tags": "[]"},
        {"modelspec.title": "\u200b\u202e \x07", "ssmd_rating": "9", "ssmd_source": "javascript:alert(1)"},
        {"ssmd_source": "http://[bad", "ssmd_rating": "4.5"},
        {"ss_tag_frequency": '{"10_a": {"1girl": 10}}', "ss_output_name": "last"},
    ],
)
def test_placeholders_and_training_tags_say_nothing(
    metadata: dict[str, str], safetensors_file: Callable[..., str]
) -> None:
    assert suggested(metadata, safetensors_file) == {}


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ([("general.license", "str", "apache-2.0")], {"license": "apache-2.0"}),
        (
            [("general.license", "str", "other"), ("general.license.name", "str", "Gemma")],
            {"license": "Gemma"},
        ),
        (
            [("general.license", "str", "other"), ("general.license.link", "str", "https://x.org/l")],
            {"license": "https://x.org/l"},
        ),
        ([("general.license", "str", "other")], {"license": "other"}),
        (
            [("general.url", "str", "https://x.org/u"), ("general.repo_url", "str", "https://x.org/r")],
            {"source_url": "https://x.org/r"},
        ),
        ([("general.source.url", "str", "https://x.org/s")], {"source_url": "https://x.org/s"}),
        (
            [("general.name", "str", "Tiny\nHeron"), ("general.tags", "arr", ["a", "b", "a"], "str")],
            {"name": "Tiny Heron", "tags": ["a", "b"]},
        ),
        (
            [("general.tags", "arr", [f"t{n}" for n in range(100)], "str")],
            {"tags": [f"t{n}" for n in range(64)]},
        ),
        ([("general.name", "u32", 7), ("general.tags", "u32", 7)], {}),
        ([("general.name", "str", "D:\\models")], {}),
        ([("general.name", "str", "/workspace/out")], {}),
        ([("general.name", "str", "..")], {}),
        ([("general.name", "str", "47b6801b24d15ff9bcd8c96dfaea0be9ed3a0301")], {}),
        ([("general.name", "str", "org/Heron 1.5")], {"name": "org/Heron 1.5"}),
    ],
)
def test_a_gguf_header_offers_columns(
    pairs: list[tuple[Any, ...]], expected: dict[str, Any], gguf_file: Callable[..., str]
) -> None:
    assert dict(read_header(gguf_file(pairs)).suggestions) == expected


@pytest.mark.parametrize(
    "frequency",
    [
        {"10_ink": {"inkwash": 40, "harbor ": 7}, "3_more": {"inkwash": 2}},
        {"inkwash": 42, "harbor": 7},
        json.dumps({"10_ink": {"inkwash": 42, "harbor": 7, "odd": -1, "odder": "x"}}),
    ],
)
def test_the_tags_of_a_training_are_counted(frequency: Any, safetensors_file: Callable[..., str]) -> None:
    header = read_header(safetensors_file(W, {"ss_tag_frequency": json.dumps(frequency)}))
    assert header.as_json()["training_tags"] == [["inkwash", 42], ["harbor", 7]]
    assert header.suggestions == {}


@pytest.mark.parametrize(
    "frequency", ["{broken", "[1, 2]", "3", '"\\"\\\\\\"1\\\\\\"\\""', '{"a": {"b": 1e400}}', "[" * 100_000]
)
def test_broken_tags_of_a_training_say_nothing(frequency: str, safetensors_file: Callable[..., str]) -> None:
    header = read_header(safetensors_file(W, {"ss_tag_frequency": frequency}))
    assert "training_tags" not in header.as_json()
    assert header.problems == ()
