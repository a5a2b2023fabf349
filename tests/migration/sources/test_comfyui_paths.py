"""ComfyUI's extra paths: a Root for each folder, and never a record."""

import os
from pathlib import Path

import pytest

from modelmgr.migration import detect
from modelmgr.migration.sources.comfyui_paths import ComfyuiPaths
from modelmgr.progress import Progress

SOURCE = ComfyuiPaths()


def roots(
    folder: Path, content: str | bytes, name: str = "extra_model_paths.yaml"
) -> list[tuple[str, str]] | None:
    """Return path and type of each root, None if the file is nobody's."""
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    found = list(
        detect.find([str(path)], library_folders=[], progress=Progress(), report=lambda problem: None)
    )
    if found[0].source is None or found[0].source.id != "comfyui-paths":
        return None
    container = found[0].container
    assert container is not None
    assert list(SOURCE.records(container, Progress(), lambda problem: None)) == []
    given = SOURCE.roots(container)
    assert all((root.source, root.source_path) == ("comfyui-paths", str(path)) for root in given)
    return [(root.path, root.type) for root in given]


def test_several_folders_stand_in_one_block_one_a_line(tmp_path: Path) -> None:
    content = """\
a111:
    base_path: /data/webui
    checkpoints: models/Stable-diffusion
    loras: |
         models/Lora

         models/LyCORIS
           /elsewhere/loras
    configs: models/Stable-diffusion
    custom_nodes: nodes
other: null
"""
    assert roots(tmp_path, content) == [
        ("/data/webui/models/Stable-diffusion", "checkpoint"),
        ("/data/webui/models/Lora", "lora"),
        ("/data/webui/models/LyCORIS", "lora"),
        ("/elsewhere/loras", "lora"),
    ]


def test_home_and_variables_are_filled_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/heron")
    monkeypatch.setenv("AI_DISK", "/mnt/ai")
    content = "a:\n  base_path: ~/ai\n  vae: vae\nb:\n  base_path: $AI_DISK/more\n  vae: vae\n"
    content += "c:\n  vae: ${AI_DISK}/vae\n"
    assert roots(tmp_path, content) == [
        ("/home/heron/ai/vae", "vae"),
        ("/mnt/ai/more/vae", "vae"),
        ("/mnt/ai/vae", "vae"),
    ]


def test_relative_paths_count_from_the_file(tmp_path: Path) -> None:
    content = "a:\n  base_path: ../shared\n  loras: l\nb:\n  embeddings: e\n"
    assert roots(tmp_path, content) == [
        (os.path.normpath(tmp_path / "../shared/l"), "lora"),
        (str(tmp_path / "e"), "embedding"),
    ]


def test_old_names_and_custom_names_have_types_where_they_can(tmp_path: Path) -> None:
    content = "a:\n  base_path: /ai\n  unet: u\n  clip: c\n  my_own_things: m\n  upscale_models: s\n"
    assert roots(tmp_path, content) == [
        ("/ai/u", "diffusion_model"),
        ("/ai/c", "text_encoder"),
        ("/ai/m", "unknown"),
        ("/ai/s", "upscaler"),
    ]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("checkpoints", "checkpoint"),
        ("loras", "lora"),
        ("vae", "vae"),
        ("vae_approx", "vae_approx"),
        ("text_encoders", "text_encoder"),
        ("clip", "text_encoder"),
        ("diffusion_models", "diffusion_model"),
        ("unet", "diffusion_model"),
        ("clip_vision", "clip_vision"),
        ("style_models", "style_model"),
        ("embeddings", "embedding"),
        ("diffusers", "checkpoint"),
        ("controlnet", "controlnet"),
        ("t2i_adapter", "t2i_adapter"),
        ("gligen", "gligen"),
        ("upscale_models", "upscaler"),
        ("latent_upscale_models", "upscaler"),
        ("hypernetworks", "hypernetwork"),
        ("photomaker", "photomaker"),
        ("classifiers", "classifier"),
        ("model_patches", "model_patch"),
        ("audio_encoders", "audio"),
        ("background_removal", "segmenter"),
        ("detection", "detector"),
        ("frame_interpolation", "other"),
        ("geometry_estimation", "other"),
        ("optical_flow", "other"),
    ],
)
def test_every_registered_name_has_its_type(tmp_path: Path, name: str, kind: str) -> None:
    assert roots(tmp_path, f"a:\n  base_path: /ai\n  {name}: x\n") == [("/ai/x", kind)]


def test_lists_are_taken_and_the_default_section_comes_first(tmp_path: Path) -> None:
    content = "a:\n  loras: [/a, /b]\nb:\n  is_default: true\n  loras:\n  - /c\n  - /a\n"
    assert roots(tmp_path, content) == [("/c", "lora"), ("/a", "lora"), ("/b", "lora")]


def test_folders_of_another_system_are_left_out(tmp_path: Path) -> None:
    content = (
        "a:\n  base_path: D:\\ai\n  loras: l\nb:\n  loras: |\n    \\\\server\\ai\n    /ai/loras\n    E:/ai\n"
    )
    assert roots(tmp_path, content) == [("/ai/loras", "lora")]


def test_the_desktop_s_name_and_any_name_that_the_user_names_are_read(tmp_path: Path) -> None:
    content = "comfyui_desktop:\n  base_path: /ai\n  checkpoints: models/checkpoints\n"
    for name in ("extra_models_config.yaml", "EXTRA_MODEL_PATHS.YML", "my_paths.yaml"):
        assert roots(tmp_path, content, name) == [("/ai/models/checkpoints", "checkpoint")]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null",
        b"a: 1\n",
        b"- loras: x\n",
        b"a:\n  base_path: /x\n",
        b"services:\n  web:\n    image: nginx\n",
        b"a:\n  loras: x\nb: text\n",
        b"a: {loras: [",
        b"\x00\xff",
    ],
)
def test_another_program_s_yaml_gives_nothing(tmp_path: Path, content: bytes) -> None:
    assert roots(tmp_path, content) is None


@pytest.mark.parametrize("said", ["7", "true", "{a: b}", "[1, {x: y}, null]", "'a\\0b'", '"a\\0b"', "''"])
def test_odd_values_give_no_root_and_no_crash(tmp_path: Path, said: str) -> None:
    given = roots(tmp_path, f"a:\n  base_path: /ai\n  vae: v\n  loras: {said}\n")
    assert given is not None
    assert ("/ai/v", "vae") in given
    assert all("\0" not in path for path, _ in given)


def test_no_more_than_a_thousand_roots(tmp_path: Path) -> None:
    lines = "".join(f"    /ai/{number}\n" for number in range(5_000))
    given = roots(tmp_path, f"a:\n  loras: |\n{lines}")
    assert given is not None
    assert len(given) == 1_000
