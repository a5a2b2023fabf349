"""Folders of diffusers: a pipeline, and a component that lies alone."""

import json
from pathlib import Path

import pytest

from modelmgr.migration.sources.diffusers import DiffusersFolder
from modelmgr.values import Record
from tests.migration.sources.walk import walk
from tests.migration.specimens.huggingface import put, write_pipeline, write_pipeline_full
from tests.migration.specimens.models import INKWASH


def test_a_pipeline_is_one_model(tmp_path: Path) -> None:
    write_pipeline(tmp_path)
    found = walk(tmp_path)
    record, claims = found.one("diffusers-folder")
    assert record.payload == (tmp_path / "copperleaf/model_index.json").read_bytes()
    assert record.extra == {
        "files": [
            "unet/diffusion_pytorch_model.safetensors",
            "vae/diffusion_pytorch_model.safetensors",
        ]
    }
    assert claims.fields == {"name": "copperleaf", "type": "checkpoint", "base_model": "SDXL"}
    assert claims.path == "unet/diffusion_pytorch_model.safetensors"
    assert claims.flags == ("several-parts",)
    assert sorted(found.ignored) == ["copperleaf/unet/config.json", "copperleaf/vae/config.json"]


def test_every_field(tmp_path: Path) -> None:
    write_pipeline_full(tmp_path)
    record, claims = walk(tmp_path).one("diffusers-folder")
    assert claims.fields["base_model"] == "SDXL 1.0"
    assert record.extra is not None
    assert len(record.extra["files"]) == 3


@pytest.mark.parametrize(
    ("kind", "base"),
    [
        ("StableDiffusionPipeline", None),
        ("StableDiffusionXLInpaintPipeline", "SDXL"),
        ("StableDiffusion3Pipeline", "SD 3.x"),
        ("FluxPipeline", "Flux.1"),
        ("FluxKontextPipeline", "Flux.1 Kontext"),
        ("Flux2Pipeline", "Flux.2"),
        ("WanImageToVideoPipeline", "Wan Video"),
        ("NobodysPipeline", None),
    ],
)
def test_the_class_of_a_pipeline_tells_its_base(kind: str, base: str | None) -> None:
    record = Record(
        "diffusers-folder", "/m/x/model_index.json", "", json.dumps({"_class_name": kind}).encode()
    )
    claims = DiffusersFolder().claims(record, frozenset())
    assert (claims.fields["type"], claims.fields.get("base_model")) == ("checkpoint", base)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("AutoencoderKL", "vae"),
        ("AutoencoderTiny", "vae_approx"),
        ("ControlNetModel", "controlnet"),
        ("FluxControlNetModel", "controlnet"),
        ("UNet2DConditionModel", "diffusion_model"),
        ("FluxTransformer2DModel", "diffusion_model"),
        ("T2IAdapter", "t2i_adapter"),
        ("MotionAdapter", "motion_module"),
    ],
)
def test_a_component_that_lies_alone(tmp_path: Path, kind: str, expected: str) -> None:
    put(tmp_path / "part/config.json", json.dumps({"_class_name": kind}))
    put(tmp_path / "part/diffusion_pytorch_model.safetensors", INKWASH)
    _, claims = walk(tmp_path).one("diffusers-folder")
    assert (claims.fields["type"], claims.fields["name"]) == (expected, "part")
    assert claims.path == "diffusion_pytorch_model.safetensors"


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "null",
        "",
        "[",
        '{"_class_name": 7}',
        '{"_class_name": "CLIPTextModel"}',
        '{"architectures": ["Heron"]}',
    ],
)
def test_other_configurations_are_none(tmp_path: Path, text: str) -> None:
    put(tmp_path / "x/config.json", text)
    put(tmp_path / "x/generation_config.json", '{"_class_name": "AutoencoderKL"}')
    put(tmp_path / "x/model.safetensors", INKWASH)
    put(tmp_path / "y/config.json", '{"_class_name": "AutoencoderKL"}')
    assert walk(tmp_path).records == []


@pytest.mark.parametrize("text", ["{}", "null", "", "[", '{"_class_name": ""}', '{"unet": ["a", "b"]}'])
def test_an_index_without_class_is_none(tmp_path: Path, text: str) -> None:
    put(tmp_path / "x/model_index.json", text)
    put(tmp_path / "x/unet/model.safetensors", INKWASH)
    assert walk(tmp_path).records == []


def test_the_parts_of_an_index_that_names_none_are_the_usual_ones(tmp_path: Path) -> None:
    put(tmp_path / "x/model_index.json", '{"_class_name": "FluxPipeline", "_diffusers_version": "0.30.0"}')
    for part in ("transformer", "vae", "training"):
        put(tmp_path / f"x/{part}/diffusion_pytorch_model.safetensors", INKWASH)
    record, _ = walk(tmp_path).one("diffusers-folder")
    assert record.extra is not None
    assert [path.partition("/")[0] for path in record.extra["files"]] == ["transformer", "vae"]


def test_absent_parts_and_strangers_are_no_parts(tmp_path: Path) -> None:
    index = {"_class_name": "FluxPipeline", "transformer": ["diffusers", "X"], "safety_checker": [None, None]}
    put(tmp_path / "x/model_index.json", json.dumps(index))
    for folder in ("transformer", "safety_checker", "loras"):
        put(tmp_path / "x" / folder / "model.safetensors", INKWASH)
    record, claims = walk(tmp_path).one("diffusers-folder")
    assert record.extra == {"files": ["transformer/model.safetensors"]}
    assert claims.fields["base_model"] == "Flux.1"
