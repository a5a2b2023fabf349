"""Which files are one model, told by their names and the small files beside them."""

import json
from pathlib import Path

import pytest

from modelmgr.discovery.groups import Group, components_of, groups_in, pipeline, read_marker
from modelmgr.parts import USUAL_COMPONENTS


def groups_of(folder: Path) -> list[Group]:
    names = sorted(path.name for path in folder.iterdir())
    models = [name for name in names if not name.endswith((".json", ".md", ".txt"))]
    return groups_in(str(folder), models, [name for name in names if name not in models], read_marker)


def fill(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_bytes(b"")
    return folder


def put(folder: Path, name: str, value: object) -> None:
    (folder / name).write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")


def index_of(*names: str) -> dict[str, object]:
    return {
        "metadata": {"total_size": 1.0},
        "weight_map": {f"layer.{at}": name for at, name in enumerate(names)},
    }


@pytest.mark.parametrize(
    "form",
    [
        "big-{:05}-of-00003.gguf",
        "big-{:05}-of-00003.safetensors",
        "big-{:05}-of-00003.bin",
        "big-{:05}-of-000003.safetensors",
        "big-{:05}-of-00003.fp16.safetensors",
        "Ein Großes-{:05}-of-00003.SAFETENSORS",
    ],
)
def test_numbered_files_are_one_model(tmp_path: Path, form: str) -> None:
    names = [form.format(number) for number in (1, 2, 3)]
    (group,) = groups_of(fill(tmp_path, *names, "other.safetensors"))
    assert group.kind == "shards"
    assert list(group.members) == names
    assert group.path == str(tmp_path / names[0])
    assert group.missing == ()
    assert group.marker is None
    assert form.startswith(group.name)


def test_an_absent_part_is_missed_and_the_path_stays_that_of_the_first(tmp_path: Path) -> None:
    names = [f"big-{number:05}-of-00004.gguf" for number in (1, 2, 3, 4)]
    (group,) = groups_of(fill(tmp_path, names[1], names[3]))
    assert group.missing == (names[0], names[2])
    assert group.path == str(tmp_path / names[0])


def test_a_part_alone_is_no_group(tmp_path: Path) -> None:
    assert groups_of(fill(tmp_path, "big-00002-of-00003.gguf")) == []


def test_other_counts_endings_or_stems_are_other_models(tmp_path: Path) -> None:
    fill(tmp_path, "a-00001-of-00002.gguf", "a-00002-of-00002.gguf")
    fill(tmp_path, "a-00001-of-00003.gguf", "a-00002-of-00003.gguf")
    fill(tmp_path, "a-00001-of-00002.safetensors", "b-00002-of-00002.safetensors")
    assert [group.members.keys() for group in groups_of(tmp_path)] == [
        {"a-00001-of-00002.gguf", "a-00002-of-00002.gguf"},
        {"a-00001-of-00003.gguf", "a-00002-of-00003.gguf"},
    ]


def test_numbers_from_zero_are_understood(tmp_path: Path) -> None:
    (group,) = groups_of(fill(tmp_path, "a-00000-of-00002.bin", "a-00001-of-00002.bin"))
    assert group.missing == ()


@pytest.mark.parametrize(
    "name", ["a-00003-of-00002.gguf", "a-00001-of-00001.gguf", "lora-1-of-2.safetensors"]
)
def test_what_only_looks_like_a_number_is_none(tmp_path: Path, name: str) -> None:
    assert groups_of(fill(tmp_path, name, name.replace("1-of", "2-of"), "b-00001-of-00001.gguf")) == []


def test_an_index_names_parts_of_any_name(tmp_path: Path) -> None:
    fill(tmp_path, "layer-a.safetensors", "layer-b.safetensors", "alone.safetensors")
    put(
        tmp_path,
        "big.safetensors.index.json",
        index_of("layer-b.safetensors", "layer-a.safetensors", "c.bin"),
    )
    (group,) = groups_of(tmp_path)
    assert group.members.keys() == {"layer-a.safetensors", "layer-b.safetensors"}
    assert group.missing == ("c.bin",)
    assert group.marker == str(tmp_path / "big.safetensors.index.json")
    assert group.name == "big"


def test_an_index_leads_nowhere_else(tmp_path: Path) -> None:
    folder = fill(tmp_path / "in", "a.safetensors")
    fill(tmp_path, "b.safetensors")
    put(
        folder,
        "x.safetensors.index.json",
        index_of("a.safetensors", "../b.safetensors", str(tmp_path / "b.safetensors"), "..\\b.safetensors"),
    )
    assert groups_of(folder) == []


@pytest.mark.parametrize(
    "content",
    ["", "[", "null", "[" * 100_000, '{"weight_map": 3}', '{"weight_map": {"a": {"b": 1}}}', '"' * 99_999],
)
def test_a_broken_index_leaves_the_numbers(tmp_path: Path, content: str) -> None:
    fill(tmp_path, "m-00001-of-00002.safetensors", "m-00002-of-00002.safetensors")
    put(tmp_path, "m.safetensors.index.json", content)
    (group,) = groups_of(tmp_path)
    assert len(group.members) == 2


@pytest.mark.parametrize("config", [{"architectures": ["Qwen3ForCausalLM"]}, {"model_type": "qwen3"}])
def test_a_transformers_folder_is_one_model_with_all_its_forms(tmp_path: Path, config: object) -> None:
    folder = fill(tmp_path / "Tiny", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
    fill(folder, "pytorch_model.bin", "my-lora.safetensors")
    put(folder, "config.json", config)
    put(folder, "model.safetensors.index.json", index_of("model-00001-of-00002.safetensors"))
    (group,) = groups_of(folder)
    assert (group.kind, group.name, group.path) == ("transformers-folder", "Tiny", str(folder))
    assert group.members.keys() == {
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
        "pytorch_model.bin",
    }
    assert group.marker == str(folder / "config.json")


def test_one_weight_file_beside_a_config_stays_a_file(tmp_path: Path) -> None:
    fill(tmp_path, "model.safetensors", "my-lora.safetensors")
    put(tmp_path, "config.json", {"architectures": ["BertModel"]})
    assert groups_of(tmp_path) == []


def test_a_diffusers_component_alone_is_one_model(tmp_path: Path) -> None:
    names = ["diffusion_pytorch_model.fp16.safetensors", "diffusion_pytorch_model.safetensors"]
    fill(tmp_path, *names, "model.safetensors")
    put(tmp_path, "config.json", {"_class_name": "ControlNetModel"})
    (group,) = groups_of(tmp_path)
    assert (group.kind, list(group.members)) == ("diffusers-folder", names)


def test_another_config_says_nothing(tmp_path: Path) -> None:
    fill(tmp_path, "model.safetensors", "model.fp16.safetensors")
    put(tmp_path, "config.json", {"title": "settings of another program"})
    assert groups_of(tmp_path) == []


def test_shards_of_a_form_that_was_not_fetched_are_not_missed(tmp_path: Path) -> None:
    fill(tmp_path, "model.safetensors", "model.fp16.safetensors")
    put(tmp_path, "config.json", {"model_type": "llama"})
    put(tmp_path, "pytorch_model.bin.index.json", index_of("pytorch_model-00001-of-00002.bin", "x.bin"))
    (group,) = groups_of(tmp_path)
    assert group.missing == ()


def test_a_snapshot_of_the_hub_is_called_like_its_repository(tmp_path: Path) -> None:
    folder = tmp_path / "models--sample-org--tiny-heron" / "snapshots" / ("ab" * 20)
    fill(folder, "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
    assert [group.name for group in groups_of(folder)] == ["tiny-heron"]


PIPELINE = {
    "_class_name": "StableDiffusionXLPipeline",
    "_diffusers_version": "0.30.0",
    "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["diffusers", "AutoencoderKL"],
    "scheduler": ["diffusers", "EulerDiscreteScheduler"],
    "image_encoder": [None, None],
    "force_zeros_for_empty_prompt": True,
    "../outside": ["diffusers", "AutoencoderKL"],
}


def test_a_pipeline_names_its_components() -> None:
    assert components_of(json.dumps(PIPELINE).encode()) == ("unet", "vae", "scheduler")
    assert components_of(b'{"_class_name": "FluxPipeline"}') == USUAL_COMPONENTS
    assert components_of(b'{"_class_name": 3}') is None
    assert components_of(b"[]") is None
    assert components_of(b"[" * 100_000) is None


def test_a_pipeline_is_one_model_of_its_components(tmp_path: Path) -> None:
    unet = [f"diffusion_pytorch_model-0000{number}-of-00002.safetensors" for number in (1, 2)]
    listings = {
        "unet": ([unet[0], "my-own.safetensors"], ["config.json"]),
        "vae": (["diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.fp16.safetensors"], []),
        "scheduler": ([], ["scheduler_config.json"]),
    }
    group = pipeline(str(tmp_path / "XL"), listings, read_marker)
    assert group is not None
    assert (group.kind, group.name, group.path) == ("diffusers-folder", "XL", str(tmp_path / "XL"))
    assert list(group.members) == [
        f"unet/{unet[0]}",
        "vae/diffusion_pytorch_model.fp16.safetensors",
        "vae/diffusion_pytorch_model.safetensors",
    ]
    assert group.members[f"unet/{unet[0]}"] == str(tmp_path / "XL" / "unet" / unet[0])
    assert group.missing == (f"unet/{unet[1]}",)


def test_a_pipeline_without_weights_is_none(tmp_path: Path) -> None:
    assert pipeline(str(tmp_path), {"scheduler": ([], ["scheduler_config.json"])}, read_marker) is None


def test_shards_that_were_not_fetched_at_all_are_missed_in_a_pipeline(tmp_path: Path) -> None:
    unet = fill(tmp_path / "unet")
    put(unet, "x.safetensors.index.json", index_of("x-1.safetensors", "x-2.safetensors"))
    listings = {
        "unet": ([], ["x.safetensors.index.json"]),
        "vae": (["diffusion_pytorch_model.safetensors"], []),
    }
    group = pipeline(str(tmp_path), listings, read_marker)
    assert group is not None
    assert group.missing == ("unet/x-1.safetensors", "unet/x-2.safetensors")


def test_a_marker_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    with path.open("wb") as file:
        file.truncate(5 * 1024 * 1024)
    assert read_marker(str(path)) is None
    assert read_marker(str(tmp_path)) is None
    assert read_marker(str(tmp_path / "absent.json")) is None


def test_an_index_is_read_only_where_the_numbers_leave_something_open(tmp_path: Path) -> None:
    read: list[str] = []

    def note(path: str) -> bytes | None:
        read.append(path)
        return read_marker(path)

    names = [f"model-{number:05}-of-00003.safetensors" for number in (1, 2, 3)]
    put(tmp_path, "model.safetensors.index.json", index_of(*names, "more.safetensors"))
    (group,) = groups_in(str(tmp_path), names, ["model.safetensors.index.json"], note)
    assert group.marker == str(tmp_path / "model.safetensors.index.json")
    assert (group.missing, read) == ((), [])
    (group,) = groups_in(str(tmp_path), names[:2], ["model.safetensors.index.json"], note)
    assert group.missing == (names[2], "more.safetensors")
    assert len(read) == 1


def test_hostile_numbers_cost_nothing() -> None:
    names = [f"m{model}-{number:05}-of-999999.gguf" for model in range(500) for number in (1, 2)]
    groups = groups_in("/models", names, [], read_marker)
    assert len(groups) == 500
    assert {len(group.missing) for group in groups} == {100}


def test_no_file_is_in_two_groups(tmp_path: Path) -> None:
    names = [f"m-{number:05}-of-00002.safetensors" for number in (1, 2)]
    put(tmp_path, "a.index.json", index_of(names[0], "x.safetensors"))
    put(tmp_path, "b.index.json", index_of(names[1], "x.safetensors", "y.safetensors"))
    fill(tmp_path, *names, "x.safetensors", "y.safetensors")
    members = [name for group in groups_of(tmp_path) for name in group.members]
    assert sorted(members) == sorted(set(members))
    assert {*names, "x.safetensors"} <= set(members)
