"""What headers with true tensor names and shapes are taken for."""

from collections.abc import Callable
from typing import Any

import pytest

from modelmgr.readers import read_header
from modelmgr.readers.header import Header

Shapes = dict[str, tuple[Any, ...]]


def below(prefix: str, shapes: Shapes) -> Shapes:
    return {prefix + name: shape for name, shape in shapes.items()}


def unet(
    *,
    context: int,
    channels: int = 320,
    levels: tuple[int, ...] = (1, 1, 1, 0),
    linear: bool = False,
    vector: int | None = None,
    inputs: int = 4,
    resnets: int = 2,
) -> Shapes:
    """Return the way down of a UNet in the original layout; `levels` are the depths of its transformers."""
    shapes: Shapes = {
        "input_blocks.0.0.weight": (channels, inputs, 3, 3),
        "time_embed.0.weight": (4 * channels, channels),
        "out.2.weight": (4, channels, 3, 3),
    }
    if vector is not None:
        shapes["label_emb.0.0.weight"] = (4 * channels, vector)
    block = 1
    for level, depth in enumerate(levels):
        width = channels * min(2**level, 4)
        for _ in range(resnets):
            shapes[f"input_blocks.{block}.0.in_layers.0.weight"] = (width,)
            shapes[f"input_blocks.{block}.0.out_layers.3.weight"] = (width, width, 3, 3)
            if depth:
                shapes[f"input_blocks.{block}.1.proj_in.weight"] = (
                    (width, width) if linear else (width, width, 1, 1)
                )
            for index in range(depth):
                inner = f"input_blocks.{block}.1.transformer_blocks.{index}"
                shapes[f"{inner}.attn1.to_q.weight"] = (width, width)
                shapes[f"{inner}.attn2.to_k.weight"] = (width, context)
            block += 1
        if level + 1 < len(levels):
            shapes[f"input_blocks.{block}.0.op.weight"] = (width, width, 3, 3)
            block += 1
    return shapes


def diffusers_unet(
    *,
    context: int,
    levels: tuple[int, ...] = (1, 1, 1, 0),
    linear: bool = False,
    vector: int | None = None,
    inputs: int = 4,
) -> Shapes:
    """Return the way down of a UNet in the diffusers layout."""
    shapes: Shapes = {
        "conv_in.weight": (320, inputs, 3, 3),
        "mid_block.resnets.0.conv1.weight": (1280, 1280, 3, 3),
        "up_blocks.0.resnets.0.conv1.weight": (1280, 2560, 3, 3),
    }
    if vector is not None:
        shapes["add_embedding.linear_1.weight"] = (1280, vector)
    for block, depth in enumerate(levels):
        width = 320 * min(2**block, 4)
        for resnet in range(2):
            shapes[f"down_blocks.{block}.resnets.{resnet}.conv1.weight"] = (width, width, 3, 3)
            inner = f"down_blocks.{block}.attentions.{resnet}"
            if depth:
                shapes[f"{inner}.proj_in.weight"] = (width, width) if linear else (width, width, 1, 1)
            for index in range(depth):
                shapes[f"{inner}.transformer_blocks.{index}.attn2.to_k.weight"] = (width, context)
    return shapes


SD15 = unet(context=768)
SD2 = unet(context=1024, linear=True)
SDXL = unet(context=2048, levels=(0, 2, 10), linear=True, vector=2816)
REFINER = unet(context=1280, channels=384, levels=(0, 4, 4, 0), linear=True, vector=2560)
VAE4: Shapes = {
    "encoder.conv_in.weight": (128, 3, 3, 3),
    "encoder.down.2.downsample.conv.weight": (512, 512, 3, 3),
    "decoder.conv_in.weight": (512, 4, 3, 3),
    "decoder.mid.block_1.conv1.weight": (512, 512, 3, 3),
    "decoder.up.3.upsample.conv.weight": (512, 512, 3, 3),
}
VAE16: Shapes = {**VAE4, "decoder.conv_in.weight": (512, 16, 3, 3)}
CLIP_L: Shapes = {f"text_model.encoder.layers.{n}.mlp.fc1.weight": (3072, 768) for n in range(12)}
CLIP_G: Shapes = {f"text_model.encoder.layers.{n}.mlp.fc1.weight": (5120, 1280) for n in range(32)}
OPEN_CLIP_G: Shapes = {
    **{f"transformer.resblocks.{n}.mlp.c_fc.weight": (5120, 1280) for n in range(32)},
    "ln_final.weight": (1280,),
}
SDXL_PARTS: Shapes = {
    **below("conditioner.embedders.0.transformer.", CLIP_L),
    **below("conditioner.embedders.1.model.", OPEN_CLIP_G),
    **below("first_stage_model.", VAE4),
}
LDM = "model.diffusion_model."


def flux(*, guidance: bool = True, inputs: int = 64, norm: str = "scale") -> Shapes:
    shapes: Shapes = {
        "img_in.weight": (3072, inputs),
        "img_in.bias": (3072,),
        "txt_in.weight": (3072, 4096),
        "vector_in.in_layer.weight": (3072, 768),
        "final_layer.linear.weight": (64, 3072),
    }
    for block in range(19):
        shapes[f"double_blocks.{block}.img_attn.norm.key_norm.{norm}"] = (128,)
        shapes[f"double_blocks.{block}.img_attn.qkv.weight"] = (9216, 3072)
    if guidance:
        shapes["guidance_in.in_layer.weight"] = (3072, 256)
    return shapes


def diffusers_flux(*, guidance: bool = True, inputs: int = 64) -> Shapes:
    shapes: Shapes = {
        "x_embedder.weight": (3072, inputs),
        "context_embedder.weight": (3072, 4096),
        "transformer_blocks.0.attn.add_q_proj.weight": (3072, 3072),
        "single_transformer_blocks.0.proj_mlp.weight": (12288, 3072),
        "single_transformer_blocks.0.attn.to_q.weight": (3072, 3072),
        "proj_out.weight": (64, 3072),
    }
    if guidance:
        shapes["time_text_embed.guidance_embedder.linear_1.weight"] = (3072, 256)
    return shapes


def flux2(context: int, hidden: int) -> Shapes:
    return {
        "img_in.weight": (hidden, 128),
        "txt_in.weight": (hidden, context),
        "double_stream_modulation_img.lin.weight": (6 * hidden, hidden),
        "double_blocks.0.img_attn.norm.key_norm.scale": (128,),
        "double_blocks.0.img_attn.qkv.weight": (3 * hidden, hidden),
        "single_blocks.0.linear1.weight": (9 * hidden, hidden),
    }


def mmdit(width: int, *, normed: bool, dual: bool = False) -> Shapes:
    shapes: Shapes = {
        "x_embedder.proj.weight": (width, 16, 2, 2),
        "context_embedder.weight": (width, 4096),
        "y_embedder.mlp.0.weight": (width, 2048),
    }
    for block in range(6):
        shapes[f"joint_blocks.{block}.context_block.attn.qkv.weight"] = (3 * width, width)
        if normed:
            shapes[f"joint_blocks.{block}.context_block.attn.ln_q.weight"] = (64,)
        if dual:
            shapes[f"joint_blocks.{block}.x_block.attn2.qkv.weight"] = (3 * width, width)
    return shapes


def wan(dim: int, inputs: int, *, outputs: int = 16, extra: Shapes | None = None) -> Shapes:
    return {
        "head.modulation": (1, 2, dim),
        "head.head.weight": (4 * outputs, dim),
        "patch_embedding.weight": (dim, inputs, 1, 2, 2),
        "blocks.0.self_attn.q.weight": (dim, dim),
        "blocks.0.cross_attn.k.weight": (dim, dim),
        "blocks.0.ffn.0.weight": (8960 if dim == 1536 else 13824, dim),
        "text_embedding.0.weight": (dim, 4096),
        **(extra or {}),
    }


IMAGE_EMBEDDER: Shapes = {"img_emb.proj.0.bias": (1280,), "blocks.0.cross_attn.k_img.weight": (5120, 5120)}

LUMINA: Shapes = {
    "cap_embedder.1.weight": (2304, 2304),
    "noise_refiner.0.attention.k_norm.weight": (96,),
    "layers.0.attention.qkv.weight": (3840, 2304),
    "x_embedder.weight": (2304, 64),
}
Z_IMAGE: Shapes = {
    "cap_embedder.1.weight": (3840, 2560),
    "noise_refiner.0.attention.k_norm.weight": (128,),
    "layers.0.attention.qkv.weight": (11520, 3840),
    "x_embedder.weight": (3840, 64),
}
QWEN: Shapes = {
    "txt_norm.weight": (3584,),
    "img_in.weight": (3072, 64),
    "txt_in.weight": (3072, 3584),
    "transformer_blocks.0.img_mlp.net.0.proj.weight": (12288, 3072),
    "transformer_blocks.0.attn.add_k_proj.weight": (3072, 3072),
    "proj_out.weight": (64, 3072),
}

DIFFUSION_MODELS: list[tuple[str, Shapes, str, str | None, str | None]] = [
    ("sd1", SD15, "SD 1.x", None, "ldm"),
    ("sd1 inpaint", unet(context=768, inputs=9), "SD 1.x", "inpaint", "ldm"),
    ("sd1 instruct", unet(context=768, inputs=8), "SD 1.x", "instruct-pix2pix", "ldm"),
    ("sd1 diffusers", diffusers_unet(context=768), "SD 1.x", None, "diffusers"),
    ("sd1 diffusers inpaint", diffusers_unet(context=768, inputs=9), "SD 1.x", "inpaint", "diffusers"),
    ("sd2", SD2, "SD 2.x", None, "ldm"),
    ("sd2 depth", unet(context=1024, linear=True, inputs=5), "SD 2.x", "depth", "ldm"),
    ("sd2 unclip", unet(context=1024, linear=True, vector=2048), "SD 2.x", "unCLIP-H", "ldm"),
    ("sd2 diffusers", diffusers_unet(context=1024, linear=True), "SD 2.x", None, "diffusers"),
    ("x4", unet(context=1024, channels=256, linear=True, inputs=7), "SD 2.x", "x4-upscaler", "ldm"),
    ("sdxl", SDXL, "SDXL", None, "ldm"),
    (
        "sdxl inpaint",
        unet(context=2048, levels=(0, 2, 10), linear=True, vector=2816, inputs=9),
        "SDXL",
        "inpaint",
        "ldm",
    ),
    (
        "sdxl diffusers",
        diffusers_unet(context=2048, levels=(0, 2, 10), linear=True, vector=2816),
        "SDXL",
        None,
        "diffusers",
    ),
    ("ssd-1b", unet(context=2048, levels=(0, 2, 4), linear=True, vector=2816), "SDXL", "SSD-1B", "ldm"),
    ("vega", unet(context=2048, levels=(0, 1, 2), linear=True, vector=2816), "SDXL", "Segmind Vega", "ldm"),
    (
        "koala",
        unet(context=2048, levels=(0, 2, 5), linear=True, vector=2816, resnets=1),
        "SDXL",
        "KOALA-700M",
        "ldm",
    ),
    (
        "ssd-1b diffusers",
        diffusers_unet(context=2048, levels=(0, 2, 4), linear=True, vector=2816),
        "SDXL",
        "SSD-1B",
        "diffusers",
    ),
    (
        "playground",
        {**SDXL, "edm_mean": (1, 4, 1, 1), "edm_std": (1, 4, 1, 1)},
        "Playground v2.5",
        None,
        "ldm",
    ),
    ("v-pred", {**SDXL, "v_pred": (0,), "ztsnr": (0,)}, "SDXL", "v-prediction", "ldm"),
    ("refiner", REFINER, "SDXL Refiner", None, "ldm"),
    (
        "kolors",
        diffusers_unet(context=2048, levels=(0, 2, 10), linear=True, vector=5632),
        "Kolors",
        None,
        "diffusers",
    ),
    (
        "svd",
        {
            **unet(context=1024, linear=True, vector=768, inputs=8),
            "input_blocks.1.1.time_stack.0.attn1.to_q.weight": (320, 320),
        },
        "SVD",
        None,
        "ldm",
    ),
    ("sd3", mmdit(1536, normed=False), "SD 3", "medium", "ldm"),
    ("sd3.5 medium", mmdit(1536, normed=True, dual=True), "SD 3.5", "medium", "ldm"),
    ("sd3.5 large", mmdit(2432, normed=True), "SD 3.5", "large", "ldm"),
    (
        "sd3.5 diffusers",
        {
            "transformer_blocks.0.attn.add_q_proj.weight": (2432, 2432),
            "transformer_blocks.0.attn.norm_q.weight": (64,),
            "pos_embed.proj.weight": (2432, 16, 2, 2),
        },
        "SD 3.5",
        "large",
        "diffusers",
    ),
    ("flux dev", flux(), "Flux.1 D", None, "bfl"),
    ("flux dev, norms as weights", flux(norm="weight"), "Flux.1 D", None, "bfl"),
    ("flux schnell", flux(guidance=False), "Flux.1 S", None, "bfl"),
    ("flux fill", flux(inputs=384), "Flux.1 D", "fill", "bfl"),
    ("flux canny", flux(inputs=128), "Flux.1 D", "control", "bfl"),
    ("flux diffusers", diffusers_flux(), "Flux.1 D", None, "diffusers"),
    ("flux schnell diffusers", diffusers_flux(guidance=False), "Flux.1 S", None, "diffusers"),
    ("flux fill diffusers", diffusers_flux(inputs=384), "Flux.1 D", "fill", "diffusers"),
    ("flux.2 dev", flux2(15360, 6144), "Flux.2 D", None, "bfl"),
    ("flux.2 klein 9b", flux2(12288, 4096), "Flux.2 Klein 9B", None, "bfl"),
    ("flux.2 klein 4b", flux2(7680, 3072), "Flux.2 Klein 4B", None, "bfl"),
    (
        "flux.2 diffusers",
        {
            "double_stream_modulation_img.linear.weight": (36864, 6144),
            "context_embedder.weight": (6144, 15360),
            "single_transformer_blocks.0.attn.to_qkv_mlp_proj.weight": (55296, 6144),
        },
        "Flux.2 D",
        None,
        "diffusers",
    ),
    (
        "chroma",
        {**flux(guidance=False), "distilled_guidance_layer.norms.0.scale": (5120,)},
        "Chroma",
        None,
        "bfl",
    ),
    ("z-image", Z_IMAGE, "ZImage", None, "ldm"),
    ("z-image diffusers", {**Z_IMAGE, "all_x_embedder.2-1.weight": (3840, 64)}, "ZImage", None, "diffusers"),
    ("lumina", LUMINA, "Lumina", None, "ldm"),
    (
        "lumina diffusers",
        {
            "time_caption_embed.timestep_embedder.linear_1.bias": (1024,),
            "norm_out.linear_2.weight": (64, 2304),
            "x_embedder.weight": (2304, 64),
        },
        "Lumina",
        None,
        "diffusers",
    ),
    (
        "omnigen",
        {
            "time_caption_embed.timestep_embedder.linear_1.bias": (1024,),
            "norm_out.linear_2.weight": (64, 2520),
            "ref_image_patch_embedder.weight": (2520, 64),
        },
        "OmniGen2",
        None,
        "diffusers",
    ),
    ("qwen", QWEN, "Qwen", None, None),
    ("qwen edit", {**QWEN, "__index_timestep_zero__": (1,)}, "Qwen", "edit", None),
    ("wan t2v 1.3b", wan(1536, 16), "Wan Video", "T2V 1.3B", "ldm"),
    ("wan t2v 14b", wan(5120, 16), "Wan Video", "T2V 14B", "ldm"),
    ("wan i2v 14b", wan(5120, 36, extra=IMAGE_EMBEDDER), "Wan Video", "I2V 14B", "ldm"),
    ("wan 2.2 i2v", wan(5120, 36), "Wan Video", "I2V A14B", "ldm"),
    ("wan 2.2 5b", wan(3072, 48, outputs=48), "Wan Video", "TI2V 5B", "ldm"),
    (
        "wan vace",
        wan(5120, 16, extra={"vace_patch_embedding.weight": (5120, 96, 1, 2, 2)}),
        "Wan Video",
        "VACE 14B",
        "ldm",
    ),
    (
        "wan flf",
        wan(5120, 36, extra={**IMAGE_EMBEDDER, "img_emb.emb_pos": (1, 514, 1280)}),
        "Wan Video",
        "FLF2V 14B",
        "ldm",
    ),
    ("wan fun control", wan(5120, 48, extra=IMAGE_EMBEDDER), "Wan Video", "Fun Control", "ldm"),
    (
        "wan diffusers",
        {
            "condition_embedder.text_embedder.linear_1.weight": (5120, 4096),
            "condition_embedder.image_embedder.ff.net.0.proj.weight": (1280, 1280),
            "patch_embedding.weight": (5120, 36, 1, 2, 2),
            "proj_out.weight": (64, 5120),
        },
        "Wan Video",
        "I2V 14B",
        "diffusers",
    ),
    (
        "hunyuan video",
        {
            "txt_in.individual_token_refiner.blocks.0.norm1.weight": (3072,),
            "img_in.proj.weight": (3072, 16, 1, 2, 2),
            "vector_in.in_layer.weight": (3072, 768),
            "final_layer.linear.weight": (64, 3072),
        },
        "Hunyuan Video",
        "T2V",
        "ldm",
    ),
    (
        "hunyuan image",
        {
            "txt_in.individual_token_refiner.blocks.0.norm1.weight": (3584,),
            "img_in.proj.weight": (3584, 64, 1, 1),
            "final_layer.linear.weight": (64, 3584),
        },
        "Hunyuan Image 2.1",
        None,
        "ldm",
    ),
    (
        "hunyuan dit",
        {"mlp_t5.0.weight": (8192, 2048), "extra_embedder.0.weight": (5632, 1024)},
        "Hunyuan 1",
        "1.2",
        "ldm",
    ),
    (
        "ltx",
        {
            "adaln_single.emb.timestep_embedder.linear_1.bias": (2048,),
            "transformer_blocks.0.attn2.to_k.weight": (2048, 2048),
        },
        "LTXV",
        "2B",
        "ldm",
    ),
    (
        "ltx-2",
        {
            "adaln_single.emb.timestep_embedder.linear_1.bias": (4096,),
            "audio_adaln_single.linear.weight": (12288, 2048),
        },
        "LTXV2",
        None,
        "ldm",
    ),
    (
        "ltx diffusers",
        {"time_embed.emb.timestep_embedder.linear_1.bias": (2048,), "proj_in.weight": (2048, 128)},
        "LTXV",
        "2B",
        "diffusers",
    ),
    (
        "pixart alpha",
        {"t_block.1.weight": (6912, 1152), "ar_embedder.mlp.0.weight": (384, 256)},
        "PixArt a",
        None,
        "ldm",
    ),
    (
        "pixart sigma",
        {"t_block.1.weight": (6912, 1152), "x_embedder.proj.weight": (1152, 4, 2, 2)},
        "PixArt E",
        None,
        "ldm",
    ),
    (
        "pixart alpha diffusers",
        {
            "adaln_single.emb.timestep_embedder.linear_1.bias": (1152,),
            "adaln_single.emb.resolution_embedder.linear_1.weight": (384, 256),
            "pos_embed.proj.bias": (1152,),
        },
        "PixArt a",
        "1024",
        "diffusers",
    ),
    ("auraflow", {"double_layers.0.attn.w1q.weight": (3072, 3072)}, "AuraFlow", None, "ldm"),
    (
        "cascade c",
        {"clf.1.weight": (16, 2048, 1, 1), "clip_txt_mapper.weight": (2048, 1280)},
        "Stable Cascade",
        "stage C",
        "ldm",
    ),
    (
        "cascade b",
        {
            "clf.1.weight": (16, 320, 1, 1),
            "clip_mapper.weight": (1280, 1280),
            "down_blocks.1.0.channelwise.0.weight": (2560, 640),
        },
        "Stable Cascade",
        "stage B",
        "ldm",
    ),
    ("mochi", {"t5_yproj.weight": (1536, 4096)}, "Mochi", None, "ldm"),
    ("hidream", {"caption_projection.0.linear.weight": (2560, 4096)}, "HiDream", None, None),
    (
        "anima",
        {"blocks.0.mlp.layer1.weight": (8192, 2048), "llm_adapter.embed.weight": (32128, 1024)},
        "Anima",
        None,
        "ldm",
    ),
]


def expected_of(header: Header) -> tuple[str, str | None, str | None, str | None]:
    return header.type, header.base_model, header.variant, header.layout


@pytest.mark.parametrize(
    ("shapes", "base", "variant", "layout"),
    [case[1:] for case in DIFFUSION_MODELS],
    ids=[case[0] for case in DIFFUSION_MODELS],
)
@pytest.mark.parametrize("prefix", ["", LDM])
def test_a_diffusion_model_is_known_by_its_tensors(
    prefix: str,
    shapes: Shapes,
    base: str,
    variant: str | None,
    layout: str | None,
    safetensors_file: Callable[..., str],
) -> None:
    # A prefix shows only where a few names have it.
    filler = {f"{prefix}zz.{n}.weight": (1,) for n in range(6)}
    header = read_header(safetensors_file({**below(prefix, shapes), **filler}))
    assert expected_of(header) == ("diffusion_model", base, variant, layout)
    assert header.confidence == "certain"
    assert header.problems == ()
    assert header.evidence


@pytest.mark.parametrize(
    "prefix",
    [
        "diffusion_model.",
        "model.model.",
        "net.",
        "transformer.",
        "unet.",
        "model.",
        "model.model.diffusion_model.",
    ],
)
def test_every_prefix_is_seen_through(prefix: str, safetensors_file: Callable[..., str]) -> None:
    assert read_header(safetensors_file(below(prefix, SDXL))).base_model == "SDXL"


@pytest.mark.parametrize(
    ("parts", "components"),
    [
        (SDXL_PARTS, ("VAE", "CLIP-L", "CLIP-G")),
        (below("first_stage_model.", VAE4), ("VAE",)),
        (below("vae.", VAE16), ("VAE",)),
        (below("text_encoders.t5xxl.transformer.", {"shared.weight": (32128, 4096)}), ("T5-XXL",)),
        (below("text_encoder_2.", {"shared.weight": (32128, 4096)}), ("text encoder 2",)),
    ],
)
def test_a_bundle_is_a_checkpoint_and_its_parts_are_named(
    parts: Shapes, components: tuple[str, ...], safetensors_file: Callable[..., str]
) -> None:
    header = read_header(safetensors_file({**below(LDM, SDXL), **parts}))
    assert (header.type, header.base_model, header.components) == ("checkpoint", "SDXL", components)


def test_ema_weights_make_no_checkpoint(safetensors_file: Callable[..., str]) -> None:
    header = read_header(safetensors_file({**below(LDM, SD15), "model_ema.decay": ()}))
    assert (header.type, header.components) == ("diffusion_model", ("EMA",))


# --- what the header leaves open --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shapes", "name", "base", "candidates", "confidence"),
    [
        (VAE4, "vae.safetensors", None, ("SD 1.x", "SD 2.x", "SDXL"), "ambiguous"),
        (VAE4, "sdxl_vae.safetensors", "SDXL", ("SD 1.x", "SD 2.x", "SDXL"), "name"),
        (VAE4, "vae-ft-mse-840000-ema-pruned.safetensors", "SD 1.x", ("SD 1.x", "SD 2.x", "SDXL"), "name"),
        (VAE16, "vae.safetensors", None, ("Flux.1", "SD 3.x"), "ambiguous"),
        (VAE16, "ae.safetensors", "Flux.1", ("Flux.1", "SD 3.x"), "name"),
        (VAE16, "sd3_vae.safetensors", "SD 3.x", ("Flux.1", "SD 3.x"), "name"),
        ({**VAE4, "decoder.conv_in.weight": (512, 32, 3, 3)}, "x.safetensors", "Flux.2", (), "certain"),
        (
            below("first_stage_model.", {**VAE4, **{f"loss.{n}.weight": (1,) for n in range(9)}}),
            "x.safetensors",
            None,
            ("SD 1.x", "SD 2.x", "SDXL"),
            "ambiguous",
        ),
        (
            {
                "decoder.conv_in.weight": (512, 4, 3, 3),
                "decoder.mid_block.resnets.0.conv1.weight": (512, 512, 3, 3),
                "encoder.conv_in.weight": (128, 3, 3, 3),
            },
            "diffusion_pytorch_model.safetensors",
            None,
            ("SD 1.x", "SD 2.x", "SDXL"),
            "ambiguous",
        ),
        (
            {"decoder.middle.0.residual.0.gamma": (384, 1, 1, 1)},
            "vae.safetensors",
            None,
            ("Wan Video", "Qwen"),
            "ambiguous",
        ),
        (
            {"decoder.middle.0.residual.0.gamma": (384, 1, 1, 1)},
            "qwen_image_vae.safetensors",
            "Qwen",
            ("Wan Video", "Qwen"),
            "name",
        ),
        (
            {
                "decoder.middle.0.residual.0.gamma": (1, 1, 1, 1),
                "decoder.upsamples.0.upsamples.0.residual.2.weight": (1, 1, 3, 3, 3),
            },
            "x.safetensors",
            "Wan Video",
            (),
            "certain",
        ),
        (
            {"decoder.conv_in.conv.weight": (512, 16, 3, 3, 3)},
            "x.safetensors",
            "Hunyuan Video",
            (),
            "certain",
        ),
    ],
)
def test_a_vae_names_the_families_that_share_it(
    shapes: Shapes,
    name: str,
    base: str | None,
    candidates: tuple[str, ...],
    confidence: str,
    safetensors_file: Callable[..., str],
) -> None:
    header = read_header(safetensors_file(shapes, name=name))
    assert (header.type, header.base_model, header.candidates, header.confidence) == (
        "vae",
        base,
        candidates,
        confidence,
    )


@pytest.mark.parametrize(
    ("shapes", "variant", "candidates"),
    [
        (
            {"taesd_decoder.1.weight": (64, 4, 3, 3), "taesd_encoder.0.weight": (64, 3, 3, 3)},
            "TAESD",
            ("SD 1.x", "SDXL"),
        ),
        (
            {"1.weight": (64, 16, 3, 3), "3.conv.0.weight": (64, 64, 3, 3)},
            "TAESD decoder",
            ("Flux.1", "SD 3.x"),
        ),
        (
            {"decoder.22.bias": (12,), "decoder.1.weight": (256, 16, 3, 3)},
            "TAEHV",
            ("Wan Video", "Hunyuan Video"),
        ),
    ],
)
def test_a_small_preview_decoder_is_vae_approx(
    shapes: Shapes, variant: str, candidates: tuple[str, ...], safetensors_file: Callable[..., str]
) -> None:
    header = read_header(safetensors_file(shapes))
    assert (header.type, header.variant, header.candidates) == ("vae_approx", variant, candidates)


@pytest.mark.parametrize(
    ("metadata", "name", "architecture", "confidence"),
    [
        ({}, "model.safetensors", "Wan 2.x", "certain"),
        ({}, "Wan2.2_T2V_high_noise.safetensors", "Wan 2.2", "name"),
        ({}, "wan2.1_t2v_14B.safetensors", "Wan 2.1", "name"),
        ({"model_type": "Wan2_2-T2V-A14B-high"}, "wan2.1.safetensors", "Wan 2.2", "metadata"),
    ],
)
def test_two_generations_of_wan_differ_in_metadata_or_name_only(
    metadata: dict[str, str],
    name: str,
    architecture: str,
    confidence: str,
    safetensors_file: Callable[..., str],
) -> None:
    header = read_header(safetensors_file(wan(5120, 16), metadata, name=name))
    assert (header.base_model, header.architecture, header.confidence) == (
        "Wan Video",
        architecture,
        confidence,
    )


# --- metadata ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metadata", "base"),
    [
        ({"ss_sd_model_name": "ponyDiffusionV6XL_v6StartWithThisOne.safetensors"}, "Pony"),
        ({"ss_sd_model_name": "PDXL.safetensors"}, "Pony"),
        ({"ss_sd_model_name": "Illustrious-XL-v0.1.safetensors"}, "Illustrious"),
        ({"ss_sd_model_name": "noobaiXLNAIXL_vPred10Version.safetensors"}, "NoobAI"),
        ({"ss_sd_model_name": "noobai-illustrious.safetensors"}, "NoobAI"),
        ({"ss_sd_model_name": "animagine-xl-3.1-pony.safetensors"}, "SDXL"),
        ({"ss_sd_model_name": "sd_xl_base_1.0.safetensors"}, "SDXL"),
        ({"modelspec.title": "A Pony realism"}, "Pony"),
        ({"ss_sd_model_name": "il"}, "Illustrious"),
        ({"ss_sd_model_name": "il_foo.safetensors"}, "SDXL"),
        ({"ss_sd_model_name": "None", "modelspec.title": "x"}, "SDXL"),
        ({"modelspec.architecture": "stable-diffusion-xl-turbo-v1"}, "SDXL Turbo"),
        ({"ss_tag_frequency": '{"1_pony": {"pony": 10}}'}, "SDXL"),
    ],
)
def test_finer_names_of_sdxl_come_from_embedded_metadata(
    metadata: dict[str, str], base: str, safetensors_file: Callable[..., str]
) -> None:
    header = read_header(safetensors_file(SDXL, metadata))
    assert (header.base_model, header.architecture) == (base, "SDXL")
    assert header.confidence == ("certain" if base == "SDXL" else "metadata")


def test_a_file_name_alone_makes_no_pony(safetensors_file: Callable[..., str]) -> None:
    header = read_header(safetensors_file(SDXL, name="ponyDiffusionV6XL.safetensors"))
    assert (header.base_model, header.facts["base_by_name"]) == ("SDXL", "Pony")
    assert header.as_json()["finer"] == ["Pony", "Illustrious", "NoobAI"]
    assert "base_by_name" not in read_header(safetensors_file(SDXL, name="animagine.safetensors")).facts
    assert read_header(safetensors_file(SD15, name="pony.safetensors")).base_model == "SD 1.x"


@pytest.mark.parametrize(
    ("shapes", "metadata", "base"),
    [
        (SDXL, {"modelspec.architecture": "stable-diffusion-v1"}, "SDXL"),
        (SD15, {"ss_base_model_version": "sdxl_base_v1-0"}, "SD 1.x"),
        (flux(), {"modelspec.architecture": "stable-diffusion-xl-v1-base"}, "Flux.1 D"),
        (flux(guidance=False), {"modelspec.architecture": "flux-1-dev"}, "Flux.1 S"),
    ],
)
def test_the_tensors_win_over_metadata_and_the_conflict_is_told(
    shapes: Shapes, metadata: dict[str, str], base: str, safetensors_file: Callable[..., str]
) -> None:
    header = read_header(safetensors_file(shapes, metadata))
    assert (header.base_model, [problem.code for problem in header.problems]) == (base, ["metadata_conflict"])


@pytest.mark.parametrize(
    ("metadata", "base", "confidence"),
    [
        ({"modelspec.architecture": "stable-diffusion-xl-v1-base/vae"}, "SDXL", "metadata"),
        ({"modelspec.architecture": "stable-diffusion-v1/vae"}, "SD 1.x", "metadata"),
        ({"modelspec.architecture": "flux-1-dev/vae"}, None, "ambiguous"),
    ],
)
def test_metadata_choose_among_the_candidates(
    metadata: dict[str, str], base: str | None, confidence: str, safetensors_file: Callable[..., str]
) -> None:
    header = read_header(safetensors_file(VAE4, metadata, name="vae.safetensors"))
    assert (header.base_model, header.confidence) == (base, confidence)
    assert header.candidates == ("SD 1.x", "SD 2.x", "SDXL")


def test_statements_about_what_has_no_base_say_nothing(safetensors_file: Callable[..., str]) -> None:
    statement = {"modelspec.architecture": "stable-diffusion-v1", "ss_base_model_version": "sdxl_base_v1-0"}
    for shapes, kind in ((CLIP_L, "text_encoder"), ({"w": (16,)}, "unknown")):
        header = read_header(safetensors_file(shapes, statement))
        assert (header.type, header.base_model, header.problems) == (kind, None, ())
    conflicts = read_header(safetensors_file(flux(), statement)).problems
    assert [problem.code for problem in conflicts] == ["metadata_conflict"]


def test_metadata_alone_make_no_refiner(safetensors_file: Callable[..., str]) -> None:
    header = read_header(safetensors_file(SDXL, {"modelspec.architecture": "stable-diffusion-xl-v1-refiner"}))
    assert (header.base_model, header.confidence, header.problems) == ("SDXL", "certain", ())


@pytest.mark.parametrize(
    ("shapes", "name", "kind"),
    [
        (QWEN, "diffusion_pytorch_model-00001-of-00009.safetensors", "diffusion_model"),
        (QWEN, "diffusion_pytorch_model-00002-of-00009.safetensors", "shard"),
        ({"x.weight": (2, 2)}, "model-00001-of-00004.safetensors", "shard"),
        ({"x.weight": (2, 2)}, "model-00001-of-00001.safetensors", "unknown"),
    ],
)
def test_a_later_part_of_a_split_model_is_a_shard(
    shapes: Shapes, name: str, kind: str, safetensors_file: Callable[..., str]
) -> None:
    header = read_header(safetensors_file(shapes, name=name))
    assert header.type == kind
    assert header.confidence == ("name" if kind == "shard" else "certain")


def test_unknown_tensors_with_a_trainers_metadata_are_a_lora_by_statement(
    safetensors_file: Callable[..., str],
) -> None:
    header = read_header(
        safetensors_file(
            {"w": (16,)}, {"ss_network_module": "networks.lora", "ss_base_model_version": "sd_v1"}
        )
    )
    assert (header.type, header.base_model, header.confidence) == ("lora", "SD 1.x", "metadata")


# --- adapters ---------------------------------------------------------------------------------------------


def kohya(modules: dict[str, tuple[int, int]], *, rank: int = 16, alpha: bool = True) -> Shapes:
    shapes: Shapes = {}
    for module, (inward, outward) in modules.items():
        shapes[f"{module}.lora_down.weight"] = (rank, inward)
        shapes[f"{module}.lora_up.weight"] = (outward, rank)
        if alpha:
            shapes[f"{module}.alpha"] = ()
    return shapes


def peft(modules: dict[str, tuple[int, int]], *, rank: int = 16, middle: str = "") -> Shapes:
    shapes: Shapes = {}
    for module, (inward, outward) in modules.items():
        shapes[f"{module}.lora_A{middle}.weight"] = (rank, inward)
        shapes[f"{module}.lora_B{middle}.weight"] = (outward, rank)
    return shapes


def unet_modules(prefix: str, context: int) -> dict[str, tuple[int, int]]:
    return {
        f"{prefix}_down_blocks_1_attentions_0_transformer_blocks_0_attn1_to_q": (640, 640),
        f"{prefix}_down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k": (context, 640),
        f"{prefix}_down_blocks_1_attentions_0_proj_in": (640, 640),
    }


FLUX_KOHYA = {
    **{f"lora_unet_double_blocks_{n}_img_attn_qkv": (3072, 9216) for n in range(19)},
    **{f"lora_unet_double_blocks_{n}_img_mlp_0": (3072, 12288) for n in range(19)},
    **{f"lora_unet_single_blocks_{n}_linear1": (3072, 21504) for n in range(38)},
}
FLUX_DIFFUSERS = {
    "transformer.transformer_blocks.0.attn.add_k_proj": (3072, 3072),
    "transformer.single_transformer_blocks.0.attn.to_q": (3072, 3072),
    "transformer.single_transformer_blocks.0.proj_mlp": (3072, 12288),
}
WAN_14B = {
    "diffusion_model.blocks.0.self_attn.q": (5120, 5120),
    "diffusion_model.blocks.0.cross_attn.v": (5120, 5120),
    "diffusion_model.blocks.0.ffn.0": (5120, 13824),
}

LORAS: list[tuple[str, Shapes, str | None, str]] = [
    ("sd1", kohya(unet_modules("lora_unet", 768)), "SD 1.x", "kohya"),
    ("sd2", kohya(unet_modules("lora_unet", 1024)), "SD 2.x", "kohya"),
    ("sdxl", kohya(unet_modules("lora_unet", 2048)), "SDXL", "kohya"),
    ("refiner", kohya(unet_modules("lora_unet", 1280)), "SDXL Refiner", "kohya"),
    (
        "sdxl ldm names",
        kohya({"lora_unet_input_blocks_4_1_transformer_blocks_0_attn2_to_k": (2048, 640)}),
        "SDXL",
        "kohya",
    ),
    (
        "sd1 diffusers",
        peft({"unet.down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k": (768, 320)}),
        "SD 1.x",
        "diffusers",
    ),
    (
        "sd1 old diffusers",
        {
            "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn2.processor.to_k_lora.down.weight": (
                4,
                768,
            ),
            "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn2.processor.to_k_lora.up.weight": (
                320,
                4,
            ),
        },
        None,
        "diffusers",
    ),
    ("flux kohya", kohya(FLUX_KOHYA), "Flux.1", "kohya"),
    ("flux diffusers", peft(FLUX_DIFFUSERS), "Flux.1", "diffusers"),
    (
        "flux peft",
        peft({f"base_model.model.{m[12:]}": w for m, w in FLUX_DIFFUSERS.items()}),
        "Flux.1",
        "peft",
    ),
    (
        "flux ai-toolkit",
        peft({"diffusion_model.double_blocks.0.img_mlp.0": (3072, 12288)}),
        "Flux.1",
        "comfy",
    ),
    (
        "flux onetrainer",
        kohya({"lora_transformer_single_transformer_blocks_0_proj_mlp": (3072, 12288)}),
        "Flux.1",
        "onetrainer",
    ),
    (
        "flux xlabs",
        {
            "double_blocks.0.processor.qkv_lora1.down.weight": (16, 3072),
            "double_blocks.0.processor.qkv_lora1.up.weight": (9216, 16),
        },
        "Flux.1",
        "xlabs",
    ),
    (
        "klein 4b",
        peft({"diffusion_model.double_blocks.0.img_mlp.0": (3072, 18432)}),
        "Flux.2 Klein 4B",
        "comfy",
    ),
    (
        "klein 9b",
        peft({"diffusion_model.double_blocks.0.img_attn.proj": (4096, 4096)}),
        "Flux.2 Klein 9B",
        "comfy",
    ),
    ("flux.2", peft({"diffusion_model.double_blocks.0.img_attn.proj": (6144, 6144)}), "Flux.2 D", "comfy"),
    (
        "flux.2 diffusers",
        peft({"transformer.single_transformer_blocks.0.attn.to_qkv_mlp_proj": (6144, 55296)}),
        "Flux.2 D",
        "diffusers",
    ),
    (
        "chroma",
        peft({"diffusion_model.distilled_guidance_layer.layers.0.in_layer": (5120, 5120)}),
        "Chroma",
        "comfy",
    ),
    (
        "hunyuan video",
        peft({f"diffusion_model.double_blocks.{n}.img_attn.qkv": (3072, 9216) for n in range(20)}),
        "Hunyuan Video",
        "comfy",
    ),
    (
        "hunyuan video dotted",
        peft({"transformer.double_blocks.0.img_attn_qkv": (3072, 9216)}),
        "Hunyuan Video",
        "diffusers",
    ),
    (
        "auraflow",
        peft({"transformer.joint_transformer_blocks.0.attn.add_k_proj": (3072, 3072)}),
        "AuraFlow",
        "diffusers",
    ),
    (
        "sd3.5 large",
        peft({"transformer.transformer_blocks.0.attn.add_k_proj": (2432, 2432)}),
        "SD 3.5",
        "diffusers",
    ),
    (
        "sd3.5 medium",
        peft(
            {
                "transformer.transformer_blocks.0.attn.add_k_proj": (1536, 1536),
                "transformer.transformer_blocks.0.attn2.to_k": (1536, 1536),
            }
        ),
        "SD 3.5",
        "diffusers",
    ),
    ("sd3", peft({"transformer.transformer_blocks.0.attn.add_k_proj": (1536, 1536)}), "SD 3.x", "diffusers"),
    ("sd3 kohya", kohya({"lora_unet_joint_blocks_0_x_block_attn_qkv": (1536, 4608)}), "SD 3.x", "kohya"),
    (
        "qwen",
        peft({"transformer_blocks.0.img_mlp.net.0.proj": (3072, 12288)}, middle=".default"),
        "Qwen",
        "peft",
    ),
    (
        "qwen deep",
        peft({f"transformer.transformer_blocks.{n}.attn.to_q": (3072, 3072) for n in range(60)}),
        "Qwen",
        "diffusers",
    ),
    ("wan 14b", peft(WAN_14B), "Wan Video", "comfy"),
    ("wan 1.3b", peft({"diffusion_model.blocks.0.self_attn.q": (1536, 1536)}), "Wan Video", "comfy"),
    ("wan kohya", kohya({"lora_unet__blocks_0_cross_attn_k": (5120, 5120)}), "Wan Video", "kohya"),
    ("wan diffusers", peft({"transformer.blocks.0.attn1.to_q": (5120, 5120)}), "Wan Video", "diffusers"),
    (
        "anima",
        kohya(
            {
                "lora_unet_blocks_0_cross_attn_k_proj": (1024, 2048),
                "lora_unet_llm_adapter_blocks_0_self_attn_q_proj": (1024, 1024),
            }
        ),
        "Anima",
        "kohya",
    ),
    ("cosmos", kohya({"lora_unet_blocks_0_cross_attn_k_proj": (1024, 2048)}), "Cosmos Predict2", "kohya"),
    ("z-image", peft({"diffusion_model.layers.0.attention.to_q": (3840, 3840)}), "ZImage", "comfy"),
    ("z-image kohya", kohya({"lora_unet__layers_0_attention_qkv": (3840, 11520)}), "ZImage", "kohya"),
    ("lumina", peft({"diffusion_model.layers.0.attention.qkv": (2304, 3840)}), "Lumina", "comfy"),
    (
        "hidream",
        peft({"diffusion_model.double_stream_blocks.0.block.ff_i.shared_experts.w1": (2560, 6912)}),
        "HiDream",
        "comfy",
    ),
    ("ltx", peft({"diffusion_model.transformer_blocks.0.attn1.to_q": (2048, 2048)}), "LTXV", "comfy"),
    (
        "ltx-2",
        peft(
            {
                "diffusion_model.transformer_blocks.0.attn1.to_q": (4096, 4096),
                "diffusion_model.transformer_blocks.0.audio_attn1.to_q": (2048, 2048),
            }
        ),
        "LTXV2",
        "comfy",
    ),
    (
        "pixart",
        peft(
            {f"transformer.transformer_blocks.0.{part}": (1152, 1152) for part in ("attn1.to_q", "ff.net.2")}
        ),
        "PixArt",
        "diffusers",
    ),
    (
        "hunyuan image",
        kohya({"lora_unet_double_blocks_0_img_attn_qkv": (3584, 10752)}),
        "Hunyuan Image 2.1",
        "kohya",
    ),
    (
        "flux simpletuner",
        kohya(
            {
                "lycoris_transformer_blocks_0_attn_to_k": (3072, 3072),
                "lycoris_single_transformer_blocks_0_attn_to_k": (3072, 3072),
            }
        ),
        "Flux.1",
        "lycoris",
    ),
    (
        "krea 2",
        peft(
            {
                "diffusion_model.blocks.0.attn.wq": (2560, 2560),
                "diffusion_model.blocks.0.attn.gate": (2560, 2560),
            }
        ),
        "Krea 2",
        "comfy",
    ),
    (
        "cascade",
        kohya({"lora_prior_unet_down_blocks_0_2_attention_attn_to_q": (2048, 2048)}),
        "Stable Cascade",
        "kohya",
    ),
    (
        "sdxl text only",
        kohya({"lora_te2_text_model_encoder_layers_0_mlp_fc1": (1280, 5120)}),
        "SDXL",
        "kohya",
    ),
    ("sd1 text only", kohya({"lora_te_text_model_encoder_layers_0_mlp_fc1": (768, 3072)}), "SD 1.x", "kohya"),
    (
        "sdxl slider",
        kohya(
            {
                f"lora_unet_down_blocks_2_attentions_1_transformer_blocks_{n}_attn1_to_q": (1280, 1280)
                for n in range(10)
            }
        ),
        "SDXL",
        "kohya",
    ),
]


@pytest.mark.parametrize(
    ("shapes", "base", "layout"),
    [case[1:] for case in LORAS if case[2]],
    ids=[case[0] for case in LORAS if case[2]],
)
def test_a_lora_is_known_by_the_modules_it_changes(
    shapes: Shapes, base: str, layout: str, safetensors_file: Callable[..., str]
) -> None:
    header = read_header(safetensors_file(shapes))
    assert (header.type, header.base_model, header.algorithm, header.layout) == ("lora", base, "lora", layout)
    assert header.rank in (4, 16)
    assert header.problems == ()


@pytest.mark.parametrize(
    ("shapes", "candidates"),
    [
        (
            peft({f"transformer.transformer_blocks.{n}.attn.to_q": (3072, 3072) for n in range(19)}),
            ("Qwen", "Flux.1"),
        ),
        (kohya({"lora_te1_text_model_encoder_layers_0_mlp_fc1": (768, 3072)}), ("SDXL", "Flux.1", "SD 1.x")),
        (kohya({"lora_unet_down_blocks_0_attentions_0_proj_in": (320, 320)}), ("SD 1.x", "SD 2.x")),
    ],
)
def test_a_lora_that_fits_several_families_names_them(
    shapes: Shapes, candidates: tuple[str, ...], safetensors_file: Callable[..., str]
) -> None:
    header = read_header(safetensors_file(shapes))
    assert (header.type, header.base_model, header.candidates, header.confidence) == (
        "lora",
        None,
        candidates,
        "ambiguous",
    )


MODULE = "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k"


@pytest.mark.parametrize(
    ("shapes", "algorithm", "rank"),
    [
        (kohya({MODULE: (768, 640)}, rank=8), "lora", 8),
        ({**kohya({MODULE: (768, 640)}), f"{MODULE}.dora_scale": (640, 1)}, "dora", 16),
        (
            {f"{MODULE}.lora_down.weight": (4, 768, 3, 3), f"{MODULE}.lora_up.weight": (640, 4, 1, 1)},
            "locon",
            4,
        ),
        (
            {
                f"{MODULE}.hada_w1_a": (640, 4),
                f"{MODULE}.hada_w1_b": (4, 768),
                f"{MODULE}.hada_w2_a": (640, 4),
                f"{MODULE}.hada_w2_b": (4, 768),
                f"{MODULE}.alpha": (),
            },
            "loha",
            4,
        ),
        (
            {f"{MODULE}.lokr_w1": (16, 16), f"{MODULE}.lokr_w2_a": (40, 8), f"{MODULE}.lokr_w2_b": (8, 48)},
            "lokr",
            8,
        ),
        ({f"{MODULE}.lokr_w1": (16, 16), f"{MODULE}.lokr_w2": (40, 48), f"{MODULE}.alpha": ()}, "lokr", None),
        (
            {f"{MODULE}.lokr_w1": (16, 16), f"{MODULE}.lokr_w2_a": (40, 8), f"{MODULE}.lokr_w2_b": ()},
            "lokr",
            None,
        ),
        ({f"{MODULE}.oft_blocks": (8, 80, 80)}, "oft", None),
        ({f"{MODULE}.oft_blocks": (4, 8, 80, 80)}, "boft", None),
        (
            {
                f"{MODULE}.a1.weight": (4, 768),
                f"{MODULE}.a2.weight": (768, 4),
                f"{MODULE}.b1.weight": (4, 768),
                f"{MODULE}.b2.weight": (640, 4),
            },
            "glora",
            4,
        ),
        ({f"{MODULE}.on_input": (), f"{MODULE}.weight": (640,)}, "ia3", None),
        ({f"{MODULE}.diff": (640, 768), f"{MODULE}.diff_b": (640,)}, "full", None),
        ({f"{MODULE}.w_norm": (640,), f"{MODULE}.b_norm": (640,)}, "norm", None),
        (
            {**kohya({MODULE: (768, 640)}, rank=4), **kohya({MODULE + "_x": (640, 640)}, rank=32)},
            "lora",
            "4-32",
        ),
    ],
)
def test_the_algorithm_and_the_rank_are_told(
    shapes: Shapes, algorithm: str, rank: Any, safetensors_file: Callable[..., str]
) -> None:
    header = read_header(safetensors_file(shapes))
    assert (header.type, header.algorithm, header.rank) == ("lora", algorithm, rank)
    if algorithm in ("lora", "loha", "locon", "dora", "full") or rank == 8:
        assert header.base_model == "SD 1.x"


def test_alpha_comes_from_the_metadata(safetensors_file: Callable[..., str]) -> None:
    assert (
        read_header(safetensors_file(kohya({MODULE: (768, 640)}), {"ss_network_alpha": "8.0"})).alpha == 8.0
    )
    assert (
        read_header(safetensors_file(kohya({MODULE: (768, 640)}), {"ss_network_alpha": "None"})).alpha is None
    )


def test_a_missing_half_is_told(safetensors_file: Callable[..., str]) -> None:
    shapes = kohya({MODULE: (768, 640), MODULE + "_2": (768, 640)})
    del shapes[MODULE + "_2.lora_up.weight"]
    header = read_header(safetensors_file(shapes))
    assert (header.type, [problem.code for problem in header.problems]) == ("lora", ["incomplete_pair"])


def test_a_checkpoint_with_leftover_adapter_keys_stays_a_checkpoint(
    safetensors_file: Callable[..., str],
) -> None:
    shapes = {**below(LDM, SDXL), **SDXL_PARTS, **kohya({MODULE: (2048, 640)})}
    header = read_header(safetensors_file(shapes))
    assert (header.type, header.base_model, header.algorithm) == ("checkpoint", "SDXL", None)


def test_a_lora_that_carries_whole_tensors_stays_a_lora(safetensors_file: Callable[..., str]) -> None:
    shapes = {
        **peft({f"diffusion_model.blocks.{n}.self_attn.{p}": (5120, 5120) for n in range(4) for p in "qkvo"}),
        "diffusion_model.patch_embedding.weight": (5120, 36, 1, 2, 2),
        "diffusion_model.head.modulation": (1, 2, 5120),
    }
    header = read_header(safetensors_file(shapes))
    assert (header.type, header.base_model) == ("lora", "Wan Video")


def test_a_lora_of_a_language_model_is_an_llm_adapter(safetensors_file: Callable[..., str]) -> None:
    shapes = peft({f"base_model.model.model.layers.{n}.self_attn.q_proj": (4096, 4096) for n in range(4)})
    header = read_header(safetensors_file(shapes))
    assert (header.type, header.base_model, header.rank) == ("llm_adapter", None, 16)


def test_metadata_refine_the_base_of_a_lora(safetensors_file: Callable[..., str]) -> None:
    header = read_header(safetensors_file(kohya(FLUX_KOHYA), {"modelspec.architecture": "flux-1-dev/lora"}))
    assert (header.base_model, header.architecture, header.confidence) == ("Flux.1 D", "Flux.1", "metadata")
    header = read_header(safetensors_file(kohya(FLUX_KOHYA), {"ss_base_model_version": "chroma"}))
    assert (header.base_model, header.problems) == ("Chroma", ())


# --- control, text, pictures ------------------------------------------------------------------------------

OTHERS: list[tuple[str, Shapes, str, str | None, str | None]] = [
    (
        "controlnet sd1",
        below("control_model.", {**SD15, "zero_convs.0.0.weight": (320, 320, 1, 1)}),
        "controlnet",
        "SD 1.x",
        None,
    ),
    ("controlnet sdxl bare", {**SDXL, "zero_convs.0.0.weight": (320, 320, 1, 1)}, "controlnet", "SDXL", None),
    (
        "controlnet sdxl small",
        {"zero_convs.0.0.weight": (320, 320, 1, 1), "label_emb.0.0.weight": (1280, 2816)},
        "controlnet",
        "SDXL",
        None,
    ),
    (
        "controlnet diffusers",
        {**diffusers_unet(context=768), "controlnet_cond_embedding.conv_in.weight": (16, 3, 3, 3)},
        "controlnet",
        "SD 1.x",
        None,
    ),
    (
        "controlnet union",
        {
            **diffusers_unet(context=2048, levels=(0, 2, 10)),
            "controlnet_cond_embedding.conv_in.weight": (16, 3, 3, 3),
            "task_embedding": (8, 320),
            "control_add_embedding.linear_1.bias": (1280,),
        },
        "controlnet",
        "SDXL",
        "union",
    ),
    (
        "controlnet flux",
        {
            "controlnet_blocks.0.weight": (3072, 3072),
            "controlnet_x_embedder.weight": (3072, 64),
            **diffusers_flux(),
        },
        "controlnet",
        "Flux.1",
        None,
    ),
    (
        "controlnet flux xlabs",
        {
            "controlnet_blocks.0.weight": (3072, 3072),
            "double_blocks.0.img_attn.norm.key_norm.scale": (128,),
            "img_in.weight": (3072, 64),
        },
        "controlnet",
        "Flux.1",
        "XLabs",
    ),
    (
        "controlnet sd3",
        {"controlnet_blocks.0.weight": (1536, 1536), "pos_embed_input.proj.weight": (1536, 16, 2, 2)},
        "controlnet",
        "SD 3",
        None,
    ),
    (
        "controlnet qwen",
        {
            "controlnet_blocks.0.weight": (3072, 3072),
            "transformer_blocks.0.img_mlp.net.0.proj.weight": (12288, 3072),
            "controlnet_x_embedder.weight": (3072, 68),
        },
        "controlnet",
        "Qwen",
        "inpaint",
    ),
    (
        "lllite",
        {"lllite_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_q.down.0.weight": (32, 640)},
        "controlnet",
        "SDXL",
        "LLLite",
    ),
    (
        "control lora",
        {"lora_controlnet": (0,), "label_emb.0.0.weight": (1280, 2816)},
        "control_lora",
        "SDXL",
        None,
    ),
    (
        "ip adapter",
        {"image_proj.proj.weight": (3072, 1024), "ip_adapter.1.to_k_ip.weight": (320, 768)},
        "ip_adapter",
        "SD 1.x",
        None,
    ),
    (
        "ip adapter plus",
        {"image_proj.latents": (1, 16, 1280), "ip_adapter.1.to_k_ip.weight": (640, 2048)},
        "ip_adapter",
        "SDXL",
        "Plus",
    ),
    (
        "ip adapter flux",
        {
            "ip_adapter_proj_model.proj.weight": (16384, 768),
            "double_blocks.0.processor.ip_adapter_double_stream_k_proj.weight": (3072, 4096),
        },
        "ip_adapter",
        "Flux.1",
        "XLabs",
    ),
    (
        "t2i",
        {"conv_in.weight": (320, 192, 3, 3), "body.0.block2.weight": (320, 320, 1, 1)},
        "t2i_adapter",
        "SD 1.x",
        None,
    ),
    (
        "t2i sdxl",
        {"conv_in.weight": (320, 768, 3, 3), "body.0.block2.weight": (320, 320, 1, 1)},
        "t2i_adapter",
        "SDXL",
        None,
    ),
    (
        "redux",
        {"redux_up.weight": (12288, 1152), "redux_down.weight": (4096, 12288)},
        "style_model",
        "Flux.1",
        "Redux",
    ),
    (
        "motion",
        {
            f"{block}.motion_modules.0.temporal_transformer.norm.weight": (320,)
            for block in ("down_blocks.0", "down_blocks.3", "mid_block")
        },
        "motion_module",
        "SD 1.x",
        "v2",
    ),
    (
        "gligen",
        {
            "position_net.null_positive_feature": (768,),
            "input_blocks.1.1.transformer_blocks.0.fuser.linear.weight": (320, 768),
        },
        "gligen",
        "SD 1.x",
        None,
    ),
    ("clip l", CLIP_L, "text_encoder", None, "CLIP-L"),
    ("clip g", CLIP_G, "text_encoder", None, "CLIP-G"),
    ("clip g openclip", OPEN_CLIP_G, "text_encoder", None, "CLIP-G"),
    ("clip l with prefix", below("cond_stage_model.transformer.", CLIP_L), "text_encoder", None, "CLIP-L"),
    (
        "t5",
        {
            "shared.weight": (32128, 4096),
            "encoder.block.23.layer.1.DenseReluDense.wi_1.weight": (10240, 4096),
        },
        "text_encoder",
        None,
        "T5-XXL",
    ),
    (
        "umt5",
        {
            "shared.weight": (256384, 4096),
            "encoder.block.23.layer.1.DenseReluDense.wi_1.weight": (10240, 4096),
        },
        "text_encoder",
        None,
        "UMT5-XXL",
    ),
    (
        "clip vision h",
        {
            "vision_model.encoder.layers.0.layer_norm1.weight": (1280,),
            "vision_model.encoder.layers.30.layer_norm1.weight": (1280,),
        },
        "clip_vision",
        None,
        "CLIP H",
    ),
    (
        "siglip",
        {
            "vision_model.encoder.layers.0.layer_norm1.weight": (1152,),
            "vision_model.encoder.layers.22.layer_norm1.weight": (1152,),
            "vision_model.embeddings.position_embedding.weight": (729, 1152),
        },
        "clip_vision",
        None,
        "SigLIP so400m 384",
    ),
    (
        "bert",
        {
            "embeddings.word_embeddings.weight": (30522, 384),
            "encoder.layer.0.attention.self.query.weight": (384, 384),
        },
        "text_embedding_model",
        None,
        "BERT-like",
    ),
    (
        "esrgan 4x",
        {
            **{f"model.{n}.weight": (64, 64, 3, 3) for n in (0, 3, 6, 8, 10)},
            "model.1.sub.0.RDB1.conv1.0.weight": (32, 64, 3, 3),
        },
        "upscaler",
        None,
        "ESRGAN 4x",
    ),
    (
        "esrgan 2x",
        {
            **{f"model.{n}.weight": (64, 64, 3, 3) for n in (0, 3, 5, 7)},
            "model.1.sub.0.RDB1.conv1.0.weight": (32, 64, 3, 3),
        },
        "upscaler",
        None,
        "ESRGAN 2x",
    ),
    (
        "real-esrgan",
        {
            "conv_first.weight": (64, 3, 3, 3),
            "body.0.rdb1.conv1.weight": (32, 64, 3, 3),
            "conv_up2.weight": (64, 64, 3, 3),
        },
        "upscaler",
        None,
        "Real-ESRGAN 4x",
    ),
    (
        "real-esrgan 2x",
        {"conv_first.weight": (64, 12, 3, 3), "body.0.rdb1.conv1.weight": (32, 64, 3, 3)},
        "upscaler",
        None,
        "Real-ESRGAN 2x",
    ),
    (
        "compact",
        {"body.0.weight": (64, 3, 3, 3), "body.1.weight": (64,), "body.2.weight": (48, 64, 3, 3)},
        "upscaler",
        None,
        "Compact 4x",
    ),
    (
        "swinir",
        {"conv_first.weight": (180, 3, 3, 3), "layers.0.residual_group.blocks.0.norm1.weight": (180,)},
        "upscaler",
        None,
        "SwinIR",
    ),
    ("embedding sd1", {"emb_params": (8, 768)}, "embedding", "SD 1.x", None),
    ("embedding sd2", {"emb_params": (8, 1024)}, "embedding", "SD 2.x", None),
    ("embedding sdxl", {"clip_l": (4, 768), "clip_g": (4, 1280)}, "embedding", "SDXL", None),
    ("embedding diffusers", {"<my-token>": (768,)}, "embedding", "SD 1.x", None),
    ("static text model", {"embedding.weight": (32000, 256)}, "unknown", None, None),
    ("nothing known", {"w": (16,)}, "unknown", None, None),
]


@pytest.mark.parametrize(
    ("shapes", "kind", "base", "variant"), [case[1:] for case in OTHERS], ids=[case[0] for case in OTHERS]
)
def test_everything_else_is_known_by_its_tensors(
    shapes: Shapes, kind: str, base: str | None, variant: str | None, safetensors_file: Callable[..., str]
) -> None:
    header = read_header(safetensors_file(shapes))
    assert (header.type, header.base_model, header.variant) == (kind, base, variant)
    assert header.problems == ()


def test_a_flux_control_lora_is_no_plain_lora(safetensors_file: Callable[..., str]) -> None:
    shapes = {
        **peft({"img_in": (128, 3072), "double_blocks.0.img_attn.qkv": (3072, 9216)}),
        "img_in.lora_B.bias": (3072,),
        "double_blocks.0.img_attn.norm.key_norm.scale": (128,),
    }
    header = read_header(safetensors_file(shapes))
    assert (header.type, header.base_model, header.variant) == ("control_lora", "Flux.1 D", "control")


def language_model(**changes: tuple[Any, ...]) -> Shapes:
    shapes: Shapes = {"model.embed_tokens.weight": (151936, 2560), "model.norm.weight": (2560,)}
    for layer in range(36):
        shapes[f"model.layers.{layer}.input_layernorm.weight"] = (2560,)
        shapes[f"model.layers.{layer}.post_attention_layernorm.weight"] = (2560,)
        shapes[f"model.layers.{layer}.self_attn.q_proj.weight"] = (4096, 2560)
        shapes[f"model.layers.{layer}.self_attn.q_norm.weight"] = (128,)
    return {**shapes, **{name.replace("__", "."): shape for name, shape in changes.items()}}


@pytest.mark.parametrize(
    ("shapes", "kind", "base", "confidence"),
    [
        (language_model(), "text_encoder", None, "ambiguous"),
        (language_model(lm_head__weight=(151936, 2560)), "llm", "qwen3", "certain"),
        (language_model(lm_head__weight=(151936, 2560), scaled_fp8=(0,)), "text_encoder", None, "certain"),
    ],
)
def test_a_language_models_layout_is_a_text_encoder_unless_it_can_speak(
    shapes: Shapes, kind: str, base: str | None, confidence: str, safetensors_file: Callable[..., str]
) -> None:
    header = read_header(safetensors_file(shapes))
    assert (header.type, header.base_model, header.variant, header.confidence) == (
        kind,
        base,
        "Qwen3 4B",
        confidence,
    )


# --- storage ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shapes", "precision"),
    [
        ({**SDXL, "zz": ("F32", (4,))}, "F16"),
        ({name: ("F8_E4M3", shape) for name, shape in flux().items()}, "F8_E4M3"),
        (
            {**{name: ("F8_E4M3", shape) for name, shape in flux().items()}, "scaled_fp8": ("F8_E4M3", (2,))},
            "F8_E4M3 (scaled)",
        ),
        (
            {
                **{name: ("U8", shape) for name, shape in flux().items()},
                "img_in.weight.quant_state.bitsandbytes__nf4": ("U8", (98,)),
            },
            "NF4",
        ),
        ({"a.qweight": ("I32", (8, 8)), "a.qzeros": ("I32", (1, 8)), "a.scales": (1, 8)}, "GPTQ or AWQ"),
    ],
)
def test_the_precision_is_that_of_most_bytes(
    shapes: Shapes, precision: str, safetensors_file: Callable[..., str]
) -> None:
    assert read_header(safetensors_file(shapes)).precision == precision


def test_packed_weights_are_unpacked_before_their_shape_decides(safetensors_file: Callable[..., str]) -> None:
    for inputs, variant in ((64, None), (384, "fill")):
        shapes = flux(inputs=inputs)
        shapes["img_in.weight"] = ("U8", (3072 * inputs // 2, 1))
        shapes["img_in.weight.quant_state.bitsandbytes__nf4"] = ("U8", (98,))
        shapes["img_in.weight.absmax"] = ("F32", (3072 * inputs // 64,))
        header = read_header(safetensors_file(shapes))
        assert (header.base_model, header.variant) == ("Flux.1 D", variant)
    shapes = flux2(7680, 3072)
    shapes["txt_in.weight"] = ("U8", (3072, 3840))
    shapes["txt_in.weight_scale"] = ("F8_E4M3", (3072, 480))
    assert read_header(safetensors_file(shapes)).base_model == "Flux.2 Klein 4B"


# --- GGUF -------------------------------------------------------------------------------------------------

WAN_GGUF = [
    ("head.modulation", (1, 2, 5120), 0),
    ("head.head.weight", (64, 5120), 1),
    ("patch_embedding.weight", (5120, 36, 1, 2, 2), 0),
    ("blocks.0.self_attn.q.weight", (5120, 5120), 12),
]
GGUFS: list[tuple[str, list[tuple[Any, ...]], list[tuple[str, tuple[int, ...], int]], str, str | None]] = [
    (
        "llama",
        [("general.architecture", "str", "llama")],
        [("token_embd.weight", (512, 256), 12)],
        "llm",
        "llama",
    ),
    (
        "an unknown word",
        [("general.architecture", "str", "new-llm-9")],
        [("token_embd.weight", (512, 256), 12)],
        "llm",
        "new-llm-9",
    ),
    (
        "embedding",
        [("general.architecture", "str", "nomic-bert")],
        [("token_embd.weight", (512, 256), 12)],
        "text_embedding_model",
        "nomic-bert",
    ),
    (
        "adapter",
        [
            ("general.architecture", "str", "llama"),
            ("general.type", "str", "adapter"),
            ("adapter.type", "str", "lora"),
        ],
        [("blk.0.attn_q.weight.lora_a", (16, 256), 0), ("blk.0.attn_q.weight.lora_b", (256, 16), 0)],
        "llm_adapter",
        "llama",
    ),
    (
        "mmproj",
        [("general.architecture", "str", "clip"), ("clip.has_vision_encoder", "bool", True)],
        [("v.patch_embd.weight", (1024, 3, 14, 14), 1)],
        "mmproj",
        None,
    ),
    (
        "vocab",
        [("general.architecture", "str", "llama"), ("tokenizer.ggml.tokens", "arr", ["a", "b"], "str")],
        [],
        "vocab",
        None,
    ),
    (
        "t5",
        [("general.architecture", "str", "t5encoder")],
        [("token_embd.weight", (32128, 4096), 12), ("enc.blk.0.attn_q.weight", (4096, 4096), 12)],
        "text_encoder",
        None,
    ),
    (
        "audio",
        [("general.architecture", "str", "wavtokenizer-dec")],
        [("token_embd.weight", (512, 256), 12)],
        "audio",
        "wavtokenizer-dec",
    ),
    (
        "flux",
        [("general.architecture", "str", "flux")],
        [(name, shape, 1) for name, shape in flux().items()],
        "diffusion_model",
        "Flux.1 D",
    ),
    (
        "chroma as flux",
        [("general.architecture", "str", "flux")],
        [(name, shape, 1) for name, shape in flux(guidance=False).items()]
        + [("distilled_guidance_layer.norms.0.scale", (5120,), 0)],
        "diffusion_model",
        "Chroma",
    ),
    (
        "z-image as lumina2",
        [("general.architecture", "str", "lumina2")],
        [(name, shape, 1) for name, shape in Z_IMAGE.items()],
        "diffusion_model",
        "ZImage",
    ),
    (
        "qwen image",
        [("general.architecture", "str", "qwen_image")],
        [(name, shape, 1) for name, shape in QWEN.items()],
        "diffusion_model",
        "Qwen",
    ),
    (
        "sdxl",
        [("general.architecture", "str", "sdxl")],
        [(name, shape, 1) for name, shape in SDXL.items()],
        "diffusion_model",
        "SDXL",
    ),
    ("wan", [("general.architecture", "str", "wan")], WAN_GGUF, "diffusion_model", "Wan Video"),
    (
        "pig",
        [("general.architecture", "str", "pig")],
        [(name, shape, 1) for name, shape in flux().items()],
        "diffusion_model",
        "Flux.1 D",
    ),
    (
        "no architecture",
        [],
        [(name, shape, 1) for name, shape in flux().items()],
        "diffusion_model",
        "Flux.1 D",
    ),
    (
        "a word alone",
        [("general.architecture", "str", "hidream")],
        [("x.weight", (4, 4), 1)],
        "diffusion_model",
        "HiDream",
    ),
]


@pytest.mark.parametrize(
    ("pairs", "tensors", "kind", "base"), [case[1:] for case in GGUFS], ids=[case[0] for case in GGUFS]
)
def test_a_gguf_file_is_known_by_its_word_and_its_tensors(
    pairs: list[tuple[Any, ...]],
    tensors: list[tuple[str, tuple[int, ...], int]],
    kind: str,
    base: str | None,
    gguf_file: Callable[..., str],
) -> None:
    header = read_header(gguf_file(pairs, tensors))
    assert (header.type, header.base_model) == (kind, base)
    assert header.problems == ()


def test_shapes_that_a_converter_flattened_are_restored(gguf_file: Callable[..., str]) -> None:
    pairs = [
        ("general.architecture", "str", "wan"),
        ("comfy.gguf.orig_shape.patch_embedding.weight", "arr", [5120, 36, 1, 2, 2], "i32"),
    ]
    tensors = [WAN_GGUF[0], WAN_GGUF[1], ("patch_embedding.weight", (5120 * 36, 4), 0), WAN_GGUF[3]]
    assert read_header(gguf_file(pairs, tensors)).variant == "I2V A14B"


def test_the_repository_of_the_base_refines_an_image_gguf(gguf_file: Callable[..., str]) -> None:
    pairs = [
        ("general.architecture", "str", "flux"),
        (
            "general.base_model.0.repo_url",
            "str",
            "https://huggingface.co/black-forest-labs/FLUX.1-Kontext-dev",
        ),
    ]
    header = read_header(gguf_file(pairs, [(name, shape, 1) for name, shape in flux().items()]))
    assert (header.base_model, header.confidence) == ("Flux.1 Kontext", "metadata")
