"""Folders of diffusers and transformers, read as one model."""

import json
import os
from collections.abc import Callable, Mapping
from math import prod
from pathlib import Path
from typing import Any

import pytest

from modelmgr.readers import read_group, read_header
from modelmgr.readers.header import Header
from tests.readers.shapes import Shapes, diffusers_unet
from tests.readers.torch_files import state_dict, torch_zip

SD15 = diffusers_unet(context=768)
SDXL = diffusers_unet(context=2048, levels=(0, 2, 10), linear=True, vector=2816)
FLUX: Shapes = {
    "x_embedder.weight": (3072, 64),
    "context_embedder.weight": (3072, 4096),
    "transformer_blocks.0.attn.add_q_proj.weight": (3072, 3072),
    "single_transformer_blocks.0.proj_mlp.weight": (12288, 3072),
    "single_transformer_blocks.0.attn.to_q.weight": (3072, 3072),
    "proj_out.weight": (64, 3072),
}
GUIDANCE: Shapes = {"time_text_embed.guidance_embedder.linear_1.weight": (3072, 256)}
VAE: Shapes = {
    "encoder.conv_in.weight": (128, 3, 3, 3),
    "decoder.conv_in.weight": (512, 4, 3, 3),
    "decoder.mid_block.resnets.0.conv1.weight": (512, 512, 3, 3),
    "decoder.up_blocks.0.resnets.0.conv1.weight": (512, 512, 3, 3),
}
CLIP_L: Shapes = {f"text_model.encoder.layers.{at}.mlp.fc1.weight": (3072, 768) for at in range(12)}
CLIP_G: Shapes = {f"text_model.encoder.layers.{at}.mlp.fc1.weight": (5120, 1280) for at in range(32)}
# A language model that shares its embeddings with its head: the tensors alone can't tell what it is for.
QWEN: Shapes = {
    "model.embed_tokens.weight": (151936, 1024),
    "model.layers.0.input_layernorm.weight": (1024,),
    "model.layers.0.self_attn.q_norm.weight": (128,),
    "model.layers.0.self_attn.q_proj.weight": (2048, 1024),
    "model.layers.0.post_attention_layernorm.weight": (1024,),
}
UNKNOWN: Shapes = {"strange.weight": (3, 5)}
DIFFUSION = "diffusion_pytorch_model.safetensors"

Write = Callable[..., str]


@pytest.fixture
def folder(tmp_path: Path, safetensors_file: Write) -> Callable[..., Path]:
    """Write a folder: relative path -> shapes of a safetensors file, or the value of a JSON file."""

    def write(files: Mapping[str, Any], name: str = "Tiny") -> Path:
        root = tmp_path / name
        for relative, content in files.items():
            (root / relative).parent.mkdir(parents=True, exist_ok=True)
            if relative.endswith(".json"):
                text = content if isinstance(content, str) else json.dumps(content)
                (root / relative).write_text(text, encoding="utf-8")
            else:
                safetensors_file(content, name=f"{name}/{relative}")
        return root

    return write


def read(root: Path, marker: str, kind: str = "diffusers-folder") -> Header:
    members = {
        path.relative_to(root).as_posix(): str(path)
        for path in sorted(root.rglob("*"))
        if path.suffix in (".safetensors", ".bin")
    }
    return read_group(kind, str(root), members, str(root / marker))


def codes(header: Header) -> list[str]:
    return [problem.code for problem in header.problems]


# --- pipelines --------------------------------------------------------------------------------------------


def sdxl(**changes: Any) -> dict[str, Any]:
    return {
        "model_index.json": {
            "_class_name": "StableDiffusionXLPipeline",
            "_diffusers_version": "0.30.0",
            "unet": ["diffusers", "UNet2DConditionModel"],
            "vae": ["diffusers", "AutoencoderKL"],
            "text_encoder": ["transformers", "CLIPTextModel"],
            "text_encoder_2": ["transformers", "CLIPTextModelWithProjection"],
            "tokenizer": ["transformers", "CLIPTokenizer"],
            "scheduler": ["diffusers", "EulerDiscreteScheduler"],
            "image_encoder": [None, None],
            **changes,
        },
        "unet/config.json": {"_class_name": "UNet2DConditionModel", "cross_attention_dim": 2048},
        f"unet/{DIFFUSION}": SDXL,
        f"vae/{DIFFUSION}": VAE,
        "text_encoder/model.safetensors": CLIP_L,
        "text_encoder_2/model.safetensors": CLIP_G,
    }


def test_a_pipeline_is_a_checkpoint_of_its_components(folder: Callable[..., Path]) -> None:
    header = read(folder(sdxl()), "model_index.json")
    assert (header.format, header.type, header.base_model) == ("diffusers-folder", "checkpoint", "SDXL")
    assert header.components == ("VAE", "CLIP-L", "CLIP-G")
    assert (header.layout, header.precision, header.confidence) == ("diffusers", "F16", "certain")
    assert header.tensor_count == len(SDXL) + len(VAE) + len(CLIP_L) + len(CLIP_G)
    assert header.parameter_count is not None
    assert header.facts["pipeline"] == "StableDiffusionXLPipeline"
    assert header.facts["classes"]["vae"] == "AutoencoderKL"
    assert header.problems == ()


def test_the_tensors_win_against_the_class(folder: Callable[..., Path]) -> None:
    header = read(folder(sdxl() | {f"unet/{DIFFUSION}": SD15}), "model_index.json")
    assert header.base_model == "SD 1.x"
    assert codes(header) == ["metadata_conflict"]
    assert "StableDiffusionXLPipeline" in header.problems[0].message


@pytest.mark.parametrize(("guidance", "base"), [(True, "Flux.1 D"), (False, "Flux.1 S")])
def test_a_config_refines_the_family(folder: Callable[..., Path], guidance: bool, base: str) -> None:
    header = read(
        folder(
            {
                "model_index.json": {
                    "_class_name": "FluxPipeline",
                    "transformer": ["diffusers", "FluxTransformer2DModel"],
                },
                "transformer/config.json": {"guidance_embeds": guidance, "in_channels": 64},
                f"transformer/{DIFFUSION}": FLUX | (GUIDANCE if guidance else {}),
            }
        ),
        "model_index.json",
    )
    assert (header.type, header.base_model) == ("diffusion_model", base)


def test_a_pipeline_whose_tensors_say_nothing_is_told_by_its_class(folder: Callable[..., Path]) -> None:
    header = read(folder(sdxl() | {f"unet/{DIFFUSION}": UNKNOWN}), "model_index.json")
    assert (header.type, header.base_model, header.confidence) == ("checkpoint", "SDXL", "metadata")
    assert any("StableDiffusionXLPipeline" in line for line in header.evidence)


def test_components_without_weights_are_told(folder: Callable[..., Path]) -> None:
    files = sdxl()
    del files[f"vae/{DIFFUSION}"], files["text_encoder_2/model.safetensors"]
    header = read(folder(files), "model_index.json")
    assert header.base_model == "SDXL"
    (problem,) = header.problems
    assert (problem.code, '"vae", "text_encoder_2"' in problem.message) == ("parts_missing", True)


def test_shards_of_a_component_are_one(folder: Callable[..., Path]) -> None:
    names = [f"unet/diffusion_pytorch_model-{number:05}-of-00003.safetensors" for number in (1, 2)]
    half = len(SDXL) // 2
    files = sdxl() | {
        names[0]: dict(list(SDXL.items())[:half]),
        names[1]: dict(list(SDXL.items())[half:]),
        "unet/diffusion_pytorch_model.safetensors.index.json": {
            "weight_map": {"gone.weight": names[1].partition("/")[2], "x": "../vae/y.safetensors"}
        },
    }
    del files[f"unet/{DIFFUSION}"]
    header = read(folder(files), "model_index.json")
    assert header.base_model == "SDXL"
    assert codes(header) == ["parts_missing", "parts_missing", "outside"]
    assert "unet/diffusion_pytorch_model-00003-of-00003" in header.problems[0].message


def test_other_forms_of_the_same_weights_are_not_counted_twice(folder: Callable[..., Path]) -> None:
    files = sdxl() | {
        "unet/diffusion_pytorch_model.fp16.safetensors": SDXL,
        "vae/diffusion_pytorch_model.fp16.safetensors": VAE,
    }
    root = folder(files)
    assert read(root, "model_index.json").tensor_count == len(SDXL) + len(VAE) + len(CLIP_L) + len(CLIP_G)
    os.truncate(root / "vae/diffusion_pytorch_model.fp16.safetensors", 2000)
    header = read(root, "model_index.json")
    assert codes(header) == ["truncated"]
    assert header.facts["other_forms"] == [
        "unet/diffusion_pytorch_model.fp16.safetensors",
        "vae/diffusion_pytorch_model.fp16.safetensors",
    ]


def test_two_transformers_make_it_wan_2_2(folder: Callable[..., Path]) -> None:
    header = read(
        folder(
            {
                "model_index.json": {
                    "_class_name": "WanImageToVideoPipeline",
                    "transformer": ["diffusers", "WanTransformer3DModel"],
                    "transformer_2": ["diffusers", "WanTransformer3DModel"],
                },
                "transformer/config.json": {"in_channels": 36},
                "transformer_2/config.json": {"in_channels": 36},
                f"transformer/{DIFFUSION}": UNKNOWN,
                f"transformer_2/{DIFFUSION}": UNKNOWN,
            }
        ),
        "model_index.json",
    )
    assert (header.base_model, header.variant) == ("Wan Video", "I2V A14B")


@pytest.mark.parametrize(
    ("pipeline", "configs", "base", "variant"),
    [
        ("StableDiffusionPipeline", {"unet": {"cross_attention_dim": 768}}, "SD 1.x", None),
        ("StableDiffusionPipeline", {"unet": {"cross_attention_dim": 1024}}, "SD 2.x", None),
        (
            "StableDiffusionInpaintPipeline",
            {"unet": {"cross_attention_dim": 768, "in_channels": 9}},
            "SD 1.x",
            "inpaint",
        ),
        ("StableDiffusionXLImg2ImgPipeline", {"unet": {"cross_attention_dim": 1280}}, "SDXL Refiner", None),
        ("StableDiffusionXLPipeline", {"unet": {"encoder_hid_dim": 4096}}, "Kolors", None),
        ("KolorsPipeline", {}, "Kolors", None),
        ("StableDiffusion3Pipeline", {"transformer": {"num_layers": 38}}, "SD 3.5 Large", "large"),
        ("FluxPipeline", {"transformer": {"guidance_embeds": True}}, "Flux.1 D", None),
        ("FluxPipeline", {"transformer": {"guidance_embeds": False}}, "Flux.1 S", None),
        ("FluxFillPipeline", {"transformer": {"in_channels": 384}}, "Flux.1 D", "fill"),
        ("FluxControlPipeline", {"transformer": {"in_channels": 128}}, "Flux.1 D", "control"),
        ("FluxKontextPipeline", {}, "Flux.1 Kontext", None),
        ("Flux2Pipeline", {"transformer": {"joint_attention_dim": 15360}}, "Flux.2 D", None),
        ("Flux2KleinPipeline", {"transformer": {"joint_attention_dim": 7680}}, "Flux.2 Klein 4B", None),
        ("Flux2KleinPipeline", {"transformer": {"joint_attention_dim": 12288}}, "Flux.2 Klein 9B", None),
        ("ChromaPipeline", {}, "Chroma", None),
        ("QwenImageEditPlusPipeline", {}, "Qwen", "edit"),
        ("ZImagePipeline", {"scheduler": {"shift": 3.0}}, "ZImageTurbo", None),
        ("ZImagePipeline", {"scheduler": {"shift": 6.0}}, "ZImageBase", None),
        ("WanPipeline", {"transformer": {"in_channels": 48}}, "Wan Video", "TI2V 5B"),
        ("HunyuanVideoPipeline", {}, "Hunyuan Video", None),
        ("LTXPipeline", {}, "LTXV", None),
        ("LTX2Pipeline", {}, "LTXV2", None),
        ("Lumina2Pipeline", {}, "Lumina", None),
        ("PixArtSigmaPipeline", {}, "PixArt E", None),
        ("HiDreamImagePipeline", {}, "HiDream", None),
        ("StableCascadePriorPipeline", {}, "Stable Cascade", "stage C"),
        ("AuraFlowPipeline", {}, "AuraFlow", None),
        ("CogView4Pipeline", {}, "CogView4", None),
        ("CogVideoXImageToVideoPipeline", {}, "CogVideoX", None),
        ("SanaSprintPipeline", {}, "Sana", None),
        ("MochiPipeline", {}, "Mochi", None),
        ("Kandinsky5T2VPipeline", {}, "Kandinsky 5", None),
        ("Ideogram4Pipeline", {}, "Ideogram 4.0", None),
        ("ErnieImagePipeline", {}, "Ernie", None),
        ("SomethingNewPipeline", {}, None, None),
    ],
)
def test_what_each_pipeline_class_says(
    folder: Callable[..., Path],
    pipeline: str,
    configs: dict[str, dict[str, Any]],
    base: str | None,
    variant: str | None,
) -> None:
    files: dict[str, Any] = {
        "model_index.json": {"_class_name": pipeline} | {part: ["diffusers", "X"] for part in configs},
        f"transformer/{DIFFUSION}": UNKNOWN,
    }
    for part, config in configs.items():
        name = "scheduler_config.json" if part == "scheduler" else "config.json"
        files[f"{part}/{name}"] = config
    header = read(folder(files), "model_index.json")
    assert (header.type, header.base_model, header.variant) == ("checkpoint", base, variant)
    assert header.confidence == "metadata"


def test_a_distilled_krea_is_turbo(folder: Callable[..., Path]) -> None:
    files = {
        "model_index.json": {"_class_name": "Krea2Pipeline", "is_distilled": True},
        f"transformer/{DIFFUSION}": UNKNOWN,
    }
    header = read(folder(files), "model_index.json")
    assert (header.base_model, header.variant) == ("Krea 2", "turbo")


# --- one component ----------------------------------------------------------------------------------------


def test_a_component_alone_is_what_its_class_says(folder: Callable[..., Path]) -> None:
    files = {
        "config.json": {"_class_name": "ControlNetModel", "cross_attention_dim": 2048},
        DIFFUSION: UNKNOWN,
        "diffusion_pytorch_model.fp16.safetensors": UNKNOWN,
    }
    header = read(folder(files), "config.json")
    assert (header.format, header.type, header.base_model) == ("diffusers-folder", "controlnet", "SDXL")
    assert header.facts["class"] == "ControlNetModel"


def test_a_components_tensors_win(folder: Callable[..., Path]) -> None:
    header = read(folder({"config.json": {"_class_name": "AutoencoderKL"}, DIFFUSION: SDXL}), "config.json")
    assert (header.type, header.base_model) == ("diffusion_model", "SDXL")


# --- transformers -----------------------------------------------------------------------------------------


def transformers(folder: Callable[..., Path], config: Any, shapes: Shapes, **more: Any) -> Header:
    half = max(1, len(shapes) // 2)
    files = {
        "config.json": config,
        "model-00001-of-00002.safetensors": dict(list(shapes.items())[:half]),
        "model-00002-of-00002.safetensors": dict(list(shapes.items())[half:]),
        **more,
    }
    return read(folder(files), "config.json", "transformers-folder")


def test_a_class_tells_what_a_language_model_is_for(folder: Callable[..., Path]) -> None:
    config = {
        "architectures": ["Qwen3ForCausalLM"],
        "model_type": "qwen3",
        "max_position_embeddings": 40960,
        "num_hidden_layers": 28,
        "quantization_config": {"quant_method": "gptq"},
    }
    header = transformers(folder, config, QWEN)
    assert (header.format, header.type, header.base_model) == ("transformers-folder", "llm", "qwen3")
    assert header.variant == "Qwen3 0.6B"
    assert header.tensor_count == len(QWEN)
    assert (header.facts["context_length"], header.facts["block_count"]) == (40960, 28)
    assert header.facts["quantization_method"] == "gptq"
    assert header.facts["class"] == "Qwen3ForCausalLM"
    assert header.problems == ()


@pytest.mark.parametrize(
    ("config", "kind", "base"),
    [
        ({"architectures": ["DeepseekV3ForCausalLM"], "model_type": "deepseek_v3"}, "llm", "deepseek2"),
        ({"architectures": ["BrandNewForCausalLM"], "model_type": "brand_new"}, "llm", "brand_new"),
        ({"architectures": ["T5EncoderModel"], "model_type": "t5"}, "text_encoder", None),
        ({"architectures": ["CLIPTextModelWithProjection"]}, "text_encoder", None),
        ({"architectures": ["CLIPVisionModelWithProjection"]}, "clip_vision", None),
        ({"architectures": ["SiglipModel"]}, "clip_vision", None),
        ({"architectures": ["BertModel"]}, "text_embedding_model", None),
        ({"architectures": ["WhisperForConditionalGeneration"]}, "audio", None),
        ({"architectures": ["BertForSequenceClassification"]}, "classifier", None),
        ({"architectures": [3], "model_type": ["x"]}, "unknown", None),
        ({"architectures": {}, "model_type": "x"}, "unknown", None),
    ],
)
def test_what_each_class_of_transformers_says(
    folder: Callable[..., Path], config: Any, kind: str, base: str | None
) -> None:
    header = transformers(folder, config, UNKNOWN)
    assert (header.type, header.base_model) == (kind, base)


def test_a_sentence_encoder_is_told_by_its_modules(folder: Callable[..., Path]) -> None:
    config = {"architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3"}
    header = transformers(folder, config, QWEN, **{"modules.json": []})
    assert header.type == "text_embedding_model"


def test_the_safetensors_are_read_where_both_forms_are_there(folder: Callable[..., Path]) -> None:
    config = {"architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3"}
    header = transformers(folder, config, QWEN, **{"pytorch_model.bin": UNKNOWN})
    assert (header.type, header.tensor_count) == ("llm", len(QWEN))
    assert header.facts["other_forms"] == ["pytorch_model.bin"]
    assert codes(header) == ["wrong_suffix"]


# --- what strangers write ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "null",
        "[" * 100_000,
        '{"a":' * 5_000,
        '{"_class_name": ' + '{"a":' * 100 + "1" + "}" * 101,
        '{"_class_name": 1e999, "architectures": NaN, "unet": [1, 2], "vae": [null, {}]}',
        '{"_class_name": "' + "x" * 100_000 + '"}',
        json.dumps({"_class_name": "\ud800\0", "../x": ["a", "b"], "vae": ["diffusers", "A" * 100_000]}),
        json.dumps({f"part{at}": ["diffusers", "Model"] for at in range(50_000)}),
        " " * (4 * 1024 * 1024 + 1),
    ],
)
@pytest.mark.parametrize("kind", ["diffusers-folder", "transformers-folder"])
@pytest.mark.parametrize("marker", ["model_index.json", "config.json"])
def test_a_hostile_config_leaves_the_tensors(
    folder: Callable[..., Path], content: str, kind: str, marker: str
) -> None:
    root = folder({marker: content, f"unet/{DIFFUSION}": SDXL})
    header = read(root, marker, kind)
    assert header.base_model == "SDXL"
    json.dumps(header.as_json(), allow_nan=False).encode()


def test_a_config_that_is_a_pipe_blocks_nobody(folder: Callable[..., Path]) -> None:
    root = folder({f"unet/{DIFFUSION}": SDXL})
    os.mkfifo(root / "model_index.json")
    (root / "unet" / "config.json").symlink_to("/dev/zero")
    assert read(root, "model_index.json").base_model == "SDXL"


def test_a_folder_whose_files_are_gone_is_answered(folder: Callable[..., Path]) -> None:
    root = folder({"model_index.json": {"_class_name": "FluxPipeline"}})
    members = {f"unet/{DIFFUSION}": str(root / "unet" / DIFFUSION)}
    header = read_group("diffusers-folder", str(root), members, str(root / "model_index.json"))
    assert (header.type, header.base_model, codes(header)) == ("checkpoint", "Flux.1", ["not_found"])


# --- one file with a config beside it ---------------------------------------------------------------------


def test_a_config_beside_a_single_file_tells_what_it_is_for(folder: Callable[..., Path]) -> None:
    config = {"architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "max_position_embeddings": 40960}
    root = folder({"config.json": config, "model.safetensors": QWEN, "other.safetensors": QWEN})
    header = read_header(str(root / "model.safetensors"))
    assert (header.format, header.type, header.base_model) == ("safetensors", "llm", "qwen3")
    assert header.facts["context_length"] == 40960
    assert read_header(str(root / "other.safetensors")).confidence == "ambiguous"


def test_a_config_beside_a_single_component_refines_its_base(folder: Callable[..., Path]) -> None:
    root = folder(
        {"config.json": {"_class_name": "ControlNetModel", "cross_attention_dim": 768}, DIFFUSION: UNKNOWN}
    )
    header = read_header(str(root / DIFFUSION))
    assert (header.type, header.base_model, header.confidence) == ("controlnet", "SD 1.x", "metadata")


def test_a_config_of_another_program_says_nothing(folder: Callable[..., Path]) -> None:
    root = folder({"config.json": {"title": "x"}, "model.safetensors": SDXL})
    header = read_header(str(root / "model.safetensors"))
    assert (header.type, header.base_model) == ("diffusion_model", "SDXL")


def test_an_adapters_config_says_what_its_header_does_not(folder: Callable[..., Path]) -> None:
    block = "base_model.model.down_blocks.1.attentions.0.transformer_blocks"
    shapes: Shapes = {}
    for at in range(2):
        for half, shape in (("lora_A", (8, 640)), ("lora_B", (640, 8))):
            shapes[f"{block}.{at}.attn1.to_q.{half}.weight"] = shape
        for half, shape in (("lora_A", (8, 2048)), ("lora_B", (640, 8))):
            shapes[f"{block}.{at}.attn2.to_k.{half}.weight"] = shape
    config = {"peft_type": "LORA", "r": 8, "lora_alpha": 16, "base_model_name_or_path": "sample/pony-xl"}
    root = folder({"adapter_config.json": config, "adapter_model.safetensors": shapes})
    header = read_header(str(root / "adapter_model.safetensors"))
    assert (header.type, header.rank, header.alpha) == ("lora", 8, 16.0)
    assert header.base_model == "Pony"
    assert header.facts["adapter_config"]["peft_type"] == "LORA"
    assert "base_model_name_or_path" not in header.metadata


# --- pickles ----------------------------------------------------------------------------------------------

BOMB = b"\x80\x02cos\nmkdir\nX\x06\x00\x00\x00canary\x85R."


def test_weights_in_pickles_are_read_as_others(folder: Callable[..., Path]) -> None:
    files = sdxl()
    del files[f"unet/{DIFFUSION}"]
    root = folder(files)
    small = {name: (1, *shape[1:2]) for name, shape in SDXL.items()}
    (root / "unet" / "diffusion_pytorch_model.bin").write_bytes(torch_zip(state_dict(small)))
    header = read(root, "model_index.json")
    assert header.tensor_count == len(SDXL) + len(VAE) + len(CLIP_L) + len(CLIP_G)
    assert header.parameter_count == sum(
        prod(shape) for shapes in (small, VAE, CLIP_L, CLIP_G) for shape in shapes.values()
    )
    assert header.facts["pickle_scan"]["verdict"] == "none_found"


@pytest.mark.parametrize(
    "name",
    [
        "unet/diffusion_pytorch_model.bin",
        "vae/diffusion_pytorch_model.fp16.bin",
        "text_encoder/pytorch_model-00002-of-00002.bin",
    ],
)
def test_a_danger_in_any_file_is_a_danger_of_the_whole(folder: Callable[..., Path], name: str) -> None:
    root = folder(sdxl())
    (root / name).write_bytes(torch_zip(BOMB))
    (root / "text_encoder_2" / "pytorch_model.bin").write_bytes(torch_zip(state_dict({"a": (1,)})))
    header = read(root, "model_index.json")
    assert header.base_model == "SDXL"
    found = header.facts["pickle_scan"]
    assert (found["verdict"], found["dangerous"]) == ("dangerous", ["os.mkdir"])
    assert found["message"].startswith(f'"{name}": ')


def test_a_danger_in_one_shard_is_a_danger_of_the_whole(tmp_path: Path) -> None:
    names = [f"pytorch_model-{number:05}-of-00003.bin" for number in (1, 2, 3)]
    for name, content in zip(names, (state_dict({"a": (1,)}), BOMB, state_dict({"b": (1,)})), strict=True):
        (tmp_path / name).write_bytes(torch_zip(content))
    members = {name: str(tmp_path / name) for name in names}
    header = read_group("shards", members[names[0]], members, None)
    assert (header.format, header.tensor_count, header.parameter_count) == ("torch-zip", 2, 2)
    assert header.facts["pickle_scan"]["verdict"] == "dangerous"
    assert names[1] in header.facts["pickle_scan"]["message"]


def test_an_onnx_pipeline_is_told_by_its_class(folder: Callable[..., Path]) -> None:
    root = folder(
        {
            "model_index.json": {
                "_class_name": "OnnxStableDiffusionXLPipeline",
                "unet": ["diffusers", "OnnxRuntimeModel"],
            },
            "unet/config.json": {},
        }
    )
    path = root / "unet" / "model.onnx"
    path.write_bytes(b"\x08\x08\x3a\x06\x12\x04main\x42\x02\x10\x11")
    header = read_group(
        "diffusers-folder", str(root), {"unet/model.onnx": str(path)}, str(root / "model_index.json")
    )
    assert (header.type, header.base_model, header.problems) == ("checkpoint", "SDXL", ())
