"""Folders as they are published: the true names and shapes of each model, beside the class that its config names.

The tables are those of `tests.readers.faithful`; classes and values of the configs are from the published
``model_index.json`` and ``config.json`` of each model.
"""

import json
import math
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from modelmgr.readers import read_group
from modelmgr.readers.header import Header
from tests.readers.faithful.tables import Shape, tensors_of

BITS = {"F64": 64, "F32": 32, "F16": 16, "BF16": 16, "I64": 64, "U8": 8, "I8": 8}
UNETS = "unets_diffusers"
IMAGES = "transformers_of_images_diffusers"
VIDEO = "transformers_of_video_diffusers"
TEXT = "text_and_vision"


def write(path: Path, tensors: Mapping[str, tuple[str, Shape]]) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    header: dict[str, Any] = {}
    offset = 0
    for name, (dtype, shape) in tensors.items():
        end = offset + math.prod(shape) * BITS[dtype] // 8
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + offset)
    return str(path)


def write_shards(root: Path, stem: str, reference: str) -> dict[str, str]:
    """Write a model in two parts; return them as members."""
    items = list(tensors_of(reference).items())
    half = len(items) // 2
    names = [f"{stem}-{number:05}-of-00002.safetensors" for number in (1, 2)]
    return {
        name: write(root / name, dict(part))
        for name, part in zip(names, (items[:half], items[half:]), strict=True)
    }


def read_pipeline(
    root: Path, pipeline: str, components: Mapping[str, str], configs: Mapping[str, Mapping[str, Any]]
) -> Header:
    index: dict[str, Any] = {"_class_name": pipeline, "_diffusers_version": "0.35.0"}
    members: dict[str, str] = {}
    for component, reference in components.items():
        index[component] = ["diffusers", "AModel"]
        members |= write_shards(root, f"{component}/diffusion_pytorch_model", reference)
    for component, config in configs.items():
        index.setdefault(component, ["diffusers", "AScheduler"])
        (root / component).mkdir(exist_ok=True)
        name = "scheduler_config.json" if component == "scheduler" else "config.json"
        (root / component / name).write_text(json.dumps(config))
    (root / "model_index.json").write_text(json.dumps(index))
    return read_group("diffusers-folder", str(root), members, str(root / "model_index.json"))


@pytest.mark.parametrize(
    ("pipeline", "model", "config", "base", "variant"),
    [
        ("StableDiffusionPipeline", f"{UNETS}/sd15", {"cross_attention_dim": 768}, "SD 1.x", None),
        ("StableDiffusionInpaintPipeline", f"{UNETS}/sd15-inpaint", {"in_channels": 9}, "SD 1.x", "inpaint"),
        ("StableDiffusionPipeline", f"{UNETS}/sd21", {"cross_attention_dim": 1024}, "SD 2.x", None),
        ("StableDiffusionDepth2ImgPipeline", f"{UNETS}/sd2-depth", {"in_channels": 5}, "SD 2.x", "depth"),
        ("StableUnCLIPImg2ImgPipeline", f"{UNETS}/sd21-unclip-h", {}, "SD 2.x", "unCLIP-H"),
        (
            "StableDiffusionUpscalePipeline",
            f"{UNETS}/x4-upscaler",
            {"cross_attention_dim": 1024},
            "SD 2.x",
            "x4-upscaler",
        ),
        ("StableDiffusionXLPipeline", f"{UNETS}/sdxl", {"cross_attention_dim": 2048}, "SDXL", None),
        ("StableDiffusionXLInpaintPipeline", f"{UNETS}/sdxl-inpaint", {"in_channels": 9}, "SDXL", "inpaint"),
        ("StableDiffusionXLPipeline", f"{UNETS}/ssd-1b", {"cross_attention_dim": 2048}, "SDXL", "SSD-1B"),
        (
            "StableDiffusionXLImg2ImgPipeline",
            f"{UNETS}/sdxl-refiner",
            {"cross_attention_dim": 1280},
            "SDXL Refiner",
            None,
        ),
        ("KolorsPipeline", f"{UNETS}/kolors", {"encoder_hid_dim": 4096}, "Kolors", None),
        ("StableVideoDiffusionPipeline", f"{UNETS}/svd", {"cross_attention_dim": 1024}, "SVD", None),
        ("StableDiffusion3Pipeline", f"{IMAGES}/sd3-medium", {"num_layers": 24}, "SD 3", "medium"),
        ("StableDiffusion3Pipeline", f"{IMAGES}/sd35-medium", {"num_layers": 24}, "SD 3.5", "medium"),
        ("StableDiffusion3Pipeline", f"{IMAGES}/sd35-large", {"num_layers": 38}, "SD 3.5 Large", "large"),
        ("FluxPipeline", f"{IMAGES}/flux1-dev", {"guidance_embeds": True}, "Flux.1 D", None),
        ("FluxPipeline", f"{IMAGES}/flux1-schnell", {"guidance_embeds": False}, "Flux.1 S", None),
        ("FluxKontextPipeline", f"{IMAGES}/flux1-dev", {"guidance_embeds": True}, "Flux.1 Kontext", None),
        ("FluxFillPipeline", f"{IMAGES}/flux1-fill", {"in_channels": 384}, "Flux.1 D", "fill"),
        ("FluxControlPipeline", f"{IMAGES}/flux1-canny", {"in_channels": 128}, "Flux.1 D", "control"),
        ("Flux2Pipeline", f"{IMAGES}/flux2-dev", {"joint_attention_dim": 15360}, "Flux.2 D", None),
        ("Flux2KleinPipeline", f"{IMAGES}/flux2-klein-4b", {}, "Flux.2 Klein 4B", None),
        ("Flux2KleinPipeline", f"{IMAGES}/flux2-klein-9b", {}, "Flux.2 Klein 9B", None),
        ("ChromaPipeline", f"{IMAGES}/chroma", {}, "Chroma", None),
        ("AuraFlowPipeline", f"{IMAGES}/auraflow", {}, "AuraFlow", None),
        ("PixArtAlphaPipeline", f"{IMAGES}/pixart-alpha-1024", {}, "PixArt a", "1024"),
        ("PixArtSigmaPipeline", f"{IMAGES}/pixart-sigma-1024", {}, "PixArt E", None),
        ("HunyuanDiTPipeline", f"{IMAGES}/hunyuan-dit-12", {}, "Hunyuan 1", "1.2"),
        ("Lumina2Pipeline", f"{IMAGES}/lumina-2", {}, "Lumina", None),
        ("QwenImagePipeline", f"{IMAGES}/qwen-image", {}, "Qwen", None),
        ("QwenImageEditPipeline", f"{IMAGES}/qwen-image", {}, "Qwen", "edit"),
        ("QwenImageLayeredPipeline", f"{IMAGES}/qwen-image-layered", {}, "Qwen", "layered"),
        ("HiDreamImagePipeline", f"{IMAGES}/hidream-i1", {}, "HiDream", None),
        ("CogView4Pipeline", f"{IMAGES}/cogview4", {}, "CogView4", None),
        ("SanaPipeline", f"{IMAGES}/sana-1600m", {}, "Sana", None),
        ("ErnieImagePipeline", f"{IMAGES}/ernie-image", {}, "Ernie", None),
        ("Krea2Pipeline", f"{IMAGES}/krea-2", {}, "Krea 2", None),
        ("Ideogram4Pipeline", f"{IMAGES}/ideogram-4", {}, "Ideogram 4.0", None),
        ("JoyImageEditPipeline", f"{IMAGES}/joyimage-edit", {}, "JoyImage", None),
        ("LongCatImagePipeline", f"{IMAGES}/longcat-image", {}, "LongCat-Image", None),
        ("OvisImagePipeline", f"{IMAGES}/ovis-image", {}, "Ovis-Image", None),
        ("WanPipeline", f"{VIDEO}/wan21-t2v-13b", {"in_channels": 16}, "Wan Video", "T2V 1.3B"),
        ("WanImageToVideoPipeline", f"{VIDEO}/wan21-i2v-14b", {"image_dim": 1280}, "Wan Video", "I2V 14B"),
        ("WanPipeline", f"{VIDEO}/wan22-ti2v-5b", {"in_channels": 48}, "Wan Video", "TI2V 5B"),
        ("WanVACEPipeline", f"{VIDEO}/wan21-vace-14b", {"in_channels": 16}, "Wan Video", "VACE 14B"),
        ("HunyuanVideoPipeline", f"{VIDEO}/hunyuan-video-t2v", {}, "Hunyuan Video", "T2V"),
        ("HunyuanVideo15Pipeline", f"{VIDEO}/hunyuan-video-15", {}, "Hunyuan Video 1.5", None),
        ("LTXPipeline", f"{VIDEO}/ltx-2b", {}, "LTXV", "2B"),
        ("LTX2Pipeline", f"{VIDEO}/ltx-2", {}, "LTXV2", None),
        ("MochiPipeline", f"{VIDEO}/mochi", {}, "Mochi", None),
        ("CogVideoXPipeline", f"{VIDEO}/cogvideox-5b", {}, "CogVideoX", None),
        ("CosmosTextToWorldPipeline", f"{VIDEO}/cosmos1-7b-t2w", {}, "Cosmos", "7B T2V"),
        (
            "Cosmos2TextToImagePipeline",
            f"{VIDEO}/cosmos-predict2-2b-t2i",
            {},
            "Cosmos Predict2",
            "2B T2I",
        ),
        ("Kandinsky5T2VPipeline", f"{VIDEO}/kandinsky5-t2v-lite", {}, "Kandinsky 5", "video lite"),
    ],
)
def test_a_published_pipeline_is_told(
    tmp_path: Path, pipeline: str, model: str, config: dict[str, Any], base: str, variant: str | None
) -> None:
    main = "unet" if model.startswith(UNETS) else "transformer"
    header = read_pipeline(
        tmp_path, pipeline, {main: model, "vae": "autoencoders_diffusers/kl-f8"}, {main: config}
    )
    assert (header.type, header.base_model, header.variant) == ("checkpoint", base, variant)
    assert header.components == ("VAE",)
    assert header.problems == ()


@pytest.mark.parametrize(("shift", "base"), [(3.0, "ZImageTurbo"), (6.0, "ZImageBase"), (None, "ZImage")])
def test_the_scheduler_tells_the_turbo(tmp_path: Path, shift: float | None, base: str) -> None:
    configs = {} if shift is None else {"scheduler": {"shift": shift}}
    header = read_pipeline(tmp_path, "ZImagePipeline", {"transformer": f"{IMAGES}/z-image"}, configs)
    assert (header.type, header.base_model) == ("diffusion_model", base)


@pytest.mark.parametrize(
    ("pipeline", "model", "variant"),
    [("WanPipeline", "wan-t2v-14b", "T2V A14B"), ("WanImageToVideoPipeline", "wan22-i2v-a14b", "I2V A14B")],
)
def test_two_transformers_are_one_wan_2_2(tmp_path: Path, pipeline: str, model: str, variant: str) -> None:
    both = dict.fromkeys(("transformer", "transformer_2"), f"{VIDEO}/{model}")
    inputs = {"in_channels": 36 if variant.startswith("I2V") else 16}
    header = read_pipeline(tmp_path, pipeline, both, dict.fromkeys(both, inputs))
    assert (header.base_model, header.variant) == ("Wan Video", variant)
    assert header.components == ("transformer 2",)
    assert header.problems == ()


def test_the_encoders_of_a_pipeline_are_named(tmp_path: Path) -> None:
    parts = {
        "transformer": f"{IMAGES}/sd35-medium",
        "text_encoder": f"{TEXT}/clip-l",
        "text_encoder_2": f"{TEXT}/clip-g",
        "text_encoder_3": f"{TEXT}/t5-xxl",
        "vae": "autoencoders_diffusers/kl-16",
    }
    header = read_pipeline(tmp_path, "StableDiffusion3Pipeline", parts, {})
    assert header.components == ("CLIP-L", "CLIP-G", "T5-XXL", "VAE")


def test_a_class_that_lies_is_a_problem(tmp_path: Path) -> None:
    header = read_pipeline(tmp_path, "FluxPipeline", {"unet": f"{UNETS}/sdxl"}, {})
    assert header.base_model == "SDXL"
    assert [problem.code for problem in header.problems] == ["metadata_conflict"]


@pytest.mark.parametrize(
    ("architecture", "model_type", "model", "kind", "base", "variant"),
    [
        ("CLIPTextModel", "clip_text_model", "clip-l", "text_encoder", None, "CLIP-L"),
        ("T5EncoderModel", "t5", "t5-xxl", "text_encoder", None, "T5-XXL"),
        ("UMT5EncoderModel", "umt5", "umt5-xxl", "text_encoder", None, "UMT5-XXL"),
        ("Gemma2Model", "gemma2", "gemma-2-2b", "text_encoder", None, "Gemma 2 2B"),
        ("Gemma2ForCausalLM", "gemma2", "gemma-2-2b", "llm", "gemma2", "Gemma 2 2B"),
        ("Gemma3ForCausalLM", "gemma3_text", "gemma-3-1b", "llm", "gemma3", "Gemma 3 1B"),
        ("LlamaForCausalLM", "llama", "llama-3-8b", "llm", "llama", "Llama 3 8B"),
        ("LlamaForCausalLM", "llama", "llama-2-7b", "llm", "llama", None),
        ("MistralForCausalLM", "mistral", "mistral-7b-v03", "llm", "mistral", None),
        ("Phi3ForCausalLM", "phi3", "phi-3-mini", "llm", "phi3", None),
        ("GPT2LMHeadModel", "gpt2", "gpt2", "llm", "gpt2", "GPT-2"),
        ("Qwen3ForCausalLM", "qwen3", "qwen3-06b", "llm", "qwen3", "Qwen3 0.6B"),
        (
            "Qwen2_5_VLForConditionalGeneration",
            "qwen2_5_vl",
            "qwen25-vl-7b",
            "llm",
            "qwen2vl",
            "Qwen2.5-VL 7B",
        ),
        ("GptOssForCausalLM", "gpt_oss", "gpt-oss-20b", "llm", "gpt-oss", "GPT-OSS 20B"),
        ("BertModel", "bert", "minilm-l6", "text_embedding_model", None, "BERT-like"),
        (
            "CLIPVisionModelWithProjection",
            "clip_vision_model",
            "clip-vision-h",
            "clip_vision",
            None,
            "CLIP H",
        ),
        ("SiglipModel", "siglip", "siglip-384", "clip_vision", None, "SigLIP so400m 384"),
        ("Dinov2Model", "dinov2", "dinov2-l", "clip_vision", None, "DINOv2 L"),
    ],
)
def test_a_published_folder_of_transformers_is_told(
    tmp_path: Path,
    architecture: str,
    model_type: str,
    model: str,
    kind: str,
    base: str | None,
    variant: str | None,
) -> None:
    members = write_shards(tmp_path, "model", f"{TEXT}/{model}")
    marker = tmp_path / "config.json"
    marker.write_text(json.dumps({"architectures": [architecture], "model_type": model_type}))
    header = read_group("transformers-folder", str(tmp_path), members, str(marker))
    assert (header.type, header.base_model, header.variant) == (kind, base, variant)
    assert header.problems == ()
