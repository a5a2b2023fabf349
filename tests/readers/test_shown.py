"""What a header's metadata say, worth showing: by the table, clean and bounded."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmgr.readers import read_header
from modelmgr.readers.rules import load
from modelmgr.told.shown import LIMIT_BYTES, LINE_LIMIT, TEXT_LIMIT, shown

LINES = load("shown")["lines"]
GROUPS = ["About", "Training", "Text model", "Technical", "Merge"]


def values(metadata: dict[str, Any]) -> dict[str, str]:
    return {fact["label"]: fact["value"] for fact in shown(metadata)}


def test_the_table_keeps_its_groups_together_and_its_labels_apart() -> None:
    assert list(dict.fromkeys(line["group"] for line in LINES)) == GROUPS
    assert sorted((line["group"] for line in LINES), key=GROUPS.index) == [line["group"] for line in LINES]
    labels = [(line["group"], line["label"]) for line in LINES]
    assert len(set(labels)) == len(labels)
    assert all(line["keys"] and set(line) == {"group", "label", "as", "keys"} for line in LINES)


def test_a_training_is_told_as_a_person_would(safetensors_file: Callable[..., str]) -> None:
    told = {
        "ss_output_name": "inkwash-v2",
        "ss_sd_model_name": "sd_xl_base_1.0.safetensors",
        "ss_new_sd_model_hash": "31e35c80fc",
        "ss_base_model_version": "sdxl_base_v1-0",
        "ss_training_started_at": "1700000000.5",
        "ss_training_finished_at": "1700009000.9",
        "ss_steps": "1500",
        "ss_epoch": "10",
        "ss_num_train_images": "240",
        "ss_num_reg_images": "0",
        "ss_dataset_dirs": json.dumps({"10_ink": {"n_repeats": 10, "img_count": 24}, "broken": 3}),
        "ss_resolution": "(1024, 1024)",
        "ss_bucket_info": json.dumps(
            {
                "buckets": {
                    "0": {"resolution": [832, 1216], "count": 40},
                    "1": {"resolution": [1024, 1024], "count": 200},
                }
            }
        ),
        "ss_tag_frequency": json.dumps({"10_ink": {"inkwash": 24, "harbor": 7}}),
        "ss_unet_lr": "0.0001",
        "ss_text_encoder_lr": "[5e-05, 5e-05]",
        "ss_optimizer": "bitsandbytes.optim.adamw.AdamW8bit(weight_decay=0.1,betas=(0.9, 0.99))",
        "ss_lr_scheduler": "cosine",
        "ss_lr_warmup_steps": "None",
        "ss_network_dim": "Dynamic",
        "ss_network_alpha": "16.0",
        "ss_network_args": '{"algo": "lokr", "factor": 8, "full_matrix": true}',
        "ss_seed": "1234567890",
        "ss_flip_aug": "False",
    }
    facts = read_header(safetensors_file({"w": (2, 2)}, told)).as_json()["shown"]
    assert {fact["group"] for fact in facts} == {"Training"}
    assert {fact["label"]: fact["value"] for fact in facts} == {
        "Name given by the trainer": "inkwash-v2",
        "Trained on": "sd_xl_base_1.0.safetensors",
        "Hash of what it was trained on": "31e35c80fc",
        "Base model version": "sdxl_base_v1-0",
        "Started": "2023-11-14 22:13 UTC",
        "Duration": "2 h 30 min",
        "Steps": "1,500",
        "Epoch": "10",
        "Images": "240",
        "Image folders": "10_ink: 24 × 10",
        "Training size": "1024 × 1024",
        "Image sizes": "1024 × 1024 (200), 832 × 1216 (40)",
        "Different tags": "2",
        "Learning rate of the U-Net": "0.0001",
        "Learning rate of the text encoder": "5e-05, 5e-05",
        "Optimizer": "AdamW8bit (weight_decay=0.1,betas=(0.9, 0.99))",
        "Scheduler": "cosine",
        "Rank": "Dynamic",
        "Alpha": "16",
        "Network arguments": "algo: lokr, factor: 8, full_matrix: yes",
        "Seed": "1234567890",
        "Images flipped": "no",
    }


def test_a_text_model_is_told_by_its_own_keys(gguf_file: Callable[..., str]) -> None:
    path = gguf_file(
        [
            ("general.architecture", "str", "qwen3moe"),
            ("general.name", "str", "Inkwell"),
            ("general.license", "str", "apache-2.0"),
            ("general.languages", "arr", ["en", "de"], "str"),
            ("general.base_model.count", "u32", 2),
            ("general.base_model.0.name", "str", "Quill"),
            ("general.base_model.1.repo_url", "str", "https://example.org/nib"),
            ("qwen3moe.context_length", "u32", 40960),
            ("qwen3moe.block_count", "u32", 48),
            ("qwen3moe.attention.head_count", "arr", [32, 16, 32], "u32"),
            ("qwen3moe.expert_count", "u32", 128),
            ("qwen3moe.expert_used_count", "u32", 0),
            ("qwen3moe.rope.freq_base", "f32", 1_000_000.0),
            ("tokenizer.ggml.model", "str", "gpt2"),
            ("tokenizer.ggml.tokens", "arr", [f"t{n}" for n in range(3000)], "str"),
            ("clip.has_vision_encoder", "bool", True),
        ]
    )
    facts = read_header(path).as_json()["shown"]
    assert [(fact["label"], fact["value"]) for fact in facts] == [
        ("Title", "Inkwell"),
        ("Languages", "en, de"),
        ("License", "apache-2.0"),
        ("Made from", "Quill, https://example.org/nib"),
        ("Architecture", "qwen3moe"),
        ("Context length", "40,960"),
        ("Layers", "48"),
        ("Attention heads", "16 to 32"),
        ("Experts", "128"),
        ("RoPE base", "1,000,000"),
        ("Tokenizer", "gpt2"),
        ("Vocabulary", "3,000"),
        ("Sees images", "yes"),
    ]


def test_a_merge_names_its_models_with_their_hashes() -> None:
    found = values(
        {
            "modelspec.merged_from": "ink.safetensors, wash.safetensors",
            "sd_merge_models": json.dumps({"ab" * 32: {"name": "ink.safetensors"}, "cd" * 32: {}}),
            "sd_merge_recipe": json.dumps({"interp_method": "Weighted sum", "multiplier": 0.3, "bake": None}),
        }
    )
    assert found == {
        "Merged from": "ink.safetensors, wash.safetensors",
        "Models": "ink.safetensors (ababababab), cdcdcdcdcd",
        "Recipe": "interp_method: Weighted sum, multiplier: 0.3",
    }


@pytest.mark.parametrize(
    ("key", "written", "expected"),
    [
        ("modelspec.date", "2024-05-01T12:30:59Z", "2024-05-01 12:30"),
        ("modelspec.date", "2024\u201005\u201001", "2024-05-01"),
        ("modelspec.date", "2024-05-01T00:00:00", "2024-05-01"),
        ("modelspec.date", "last spring", "last spring"),
        ("modelspec.resolution", "1024x1024", "1024 × 1024"),
        ("modelspec.resolution", "768", "768 × 768"),
        ("modelspec.resolution", "[512, 768]", "512 × 768"),
        ("modelspec.tags", "ink, , wash,None", "ink, wash"),
        ("modelspec.is_negative_embedding", "true", "yes"),
        ("ss_training_started_at", "nan", None),
        ("ss_training_started_at", "1e400", None),
        ("ss_training_started_at", "12", None),
        ("ss_steps", "1e999", "1e999"),
        ("ss_steps", True, None),
        ("ss_seed", 2**300, None),
        ("ss_network_args", "{broken", "{broken"),
        ("ss_network_args", '"{\\"algo\\": \\"loha\\"}"', "algo: loha"),
        ("ss_dataset_dirs", "[" * 100_000, None),
        ("ss_bucket_info", '{"buckets": {"0": {"resolution": [1], "count": "x"}}}', None),
        ("ss_output_name", " None ", None),
        ("ss_output_name", "a\u202eb\u200bc\x1b[31md\ne", "abc[31md e"),
        ("modelspec.title", "<b>&amp;</b>", "<b>&amp;</b>"),
        ("modelspec.title", "x" * 5000, "x" * (LINE_LIMIT - 1) + "…"),
        ("modelspec.description", "first\n\nsecond", "first\n\nsecond"),
        ("modelspec.description", "x" * 5000, "x" * (TEXT_LIMIT - 1) + "…"),
    ],
)
def test_a_value_is_read_by_its_kind_and_cleaned(key: str, written: Any, expected: str | None) -> None:
    assert list(values({key: written}).values()) == ([] if expected is None else [expected])


def test_all_facts_together_are_bounded() -> None:
    keys = [key for line in LINES for key in line["keys"]]
    facts = shown(dict.fromkeys(keys, "ü" * 5000))
    assert len(json.dumps(facts, ensure_ascii=False).encode()) <= LIMIT_BYTES


FOREIGN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


@given(st.data())
def test_whatever_stands_there_there_is_an_answer(data: st.DataObject) -> None:
    keys = [key.replace("{arch}", "a").replace("{}", "0") for line in LINES for key in line["keys"]]
    metadata: dict[str, Any] = {"general.architecture": "a"}
    for key in data.draw(st.lists(st.sampled_from(keys), max_size=8)):
        value = data.draw(FOREIGN)
        metadata[key] = json.dumps(value) if data.draw(st.booleans()) else value
    for fact in shown(metadata):
        assert fact["value"] == fact["value"].strip()
        fact["value"].encode("utf-8")
