"""Make the tables from the model classes of public packages with the published configurations.

Not part of the tests: it needs torch, diffusers, transformers, open_clip_torch and spandrel (``pip install`` them
anywhere) and writes ``tables/*.txt``. The models are made on torch's meta device: names and shapes, no weights.

    python -m tests.readers.faithful.make
"""

import sys
from collections.abc import Iterable, Mapping
from typing import Any

import torch

from tests.readers.faithful.tables import FOLDER, Tensors, fold

DTYPES = {
    torch.int64: "I64",
    torch.int32: "I32",
    torch.bool: "BOOL",
    torch.uint8: "U8",
}


def tensors_of(state: Mapping[str, Any], dtype: str) -> Tensors:
    """Return the names, types and shapes of a state dict whose weights are to be stored as `dtype`."""
    return {name: (DTYPES.get(value.dtype, dtype), tuple(value.shape)) for name, value in state.items()}


def made(make: Any, *args: Any, **config: Any) -> dict[str, Any]:
    """Make a model without weights and return what it would store."""
    with torch.device("meta"):
        state: dict[str, Any] = make(*args, **config).state_dict()
    return state


def write(group: str, about: str, models: Iterable[tuple[str, str, Mapping[str, Any]]]) -> None:
    """Write one file of tables from (name, type, state dict); a model much like an earlier one as its difference."""
    known: dict[str, Tensors] = {}
    lines = [f"# {about}"]
    for name, dtype, state in models:
        tensors = tensors_of(state, dtype)
        body = fold(tensors, dtype)
        for other, theirs in known.items():
            gone = {key: theirs[key] for key in theirs.keys() - tensors.keys()}
            new = {key: spec for key, spec in tensors.items() if theirs.get(key) != spec}
            change = [f"= {other}", *(f"- {line.split(' ')[0]}" for line in sorted(fold(gone, dtype)))]
            change += fold(new, dtype)
            if len("".join(change)) < len("".join(body)) // 2:
                body = change
        known[name] = tensors
        lines += ["", f"[{name} {dtype}]", *body]
    FOLDER.mkdir(exist_ok=True)
    text = "\n".join(lines) + "\n"
    (FOLDER / f"{group}.txt").write_text(text, encoding="utf-8")
    print(f"{group}: {len(known)} models, {len(text):,} bytes", file=sys.stderr)


def unets() -> Iterable[tuple[str, str, Mapping[str, Any]]]:
    """UNets and what steers them, in the diffusers layout (config.json of the published repositories)."""
    import diffusers

    unet = diffusers.UNet2DConditionModel
    sd1: dict[str, Any] = {"cross_attention_dim": 768, "attention_head_dim": 8}
    sd2: dict[str, Any] = {
        "cross_attention_dim": 1024,
        "attention_head_dim": (5, 10, 20, 20),
        "use_linear_projection": True,
    }
    down, plain = "CrossAttnDownBlock2D", "DownBlock2D"
    up, plain_up = "CrossAttnUpBlock2D", "UpBlock2D"
    xl: dict[str, Any] = {
        "cross_attention_dim": 2048,
        "attention_head_dim": (5, 10, 20),
        "use_linear_projection": True,
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 256,
        "projection_class_embeddings_input_dim": 2816,
        "transformer_layers_per_block": (1, 2, 10),
        "block_out_channels": (320, 640, 1280),
        "down_block_types": (plain, down, down),
        "up_block_types": (up, up, plain_up),
    }
    refiner = xl | {
        "cross_attention_dim": 1280,
        "attention_head_dim": (6, 12, 24, 24),
        "projection_class_embeddings_input_dim": 2560,
        "transformer_layers_per_block": 4,
        "block_out_channels": (384, 768, 1536, 1536),
        "down_block_types": (plain, down, down, plain),
        "up_block_types": (plain_up, up, up, plain_up),
    }
    kolors = xl | {
        "projection_class_embeddings_input_dim": 5632,
        "encoder_hid_dim": 4096,
        "encoder_hid_dim_type": "text_proj",
    }
    upscaler: dict[str, Any] = {
        "in_channels": 7,
        "block_out_channels": (256, 512, 512, 1024),
        "down_block_types": (plain, down, down, down),
        "up_block_types": (up, up, up, plain_up),
        "attention_head_dim": 8,
        "cross_attention_dim": 1024,
        "use_linear_projection": True,
        "only_cross_attention": (True, True, True, False),
        "num_class_embeds": 1000,
    }
    small: dict[str, Any] = {
        "block_out_channels": (320, 640, 1280),
        "layers_per_block": 1,
        "down_block_types": (plain, down, down),
        "up_block_types": (up, up, plain_up),
        "mid_block_type": None,
    }
    yield "sd15", "F16", made(unet, **sd1)
    yield "sd15-inpaint", "F16", made(unet, in_channels=9, **sd1)
    yield "sd15-instruct-pix2pix", "F16", made(unet, in_channels=8, **sd1)
    yield "sdxs-512", "F16", made(unet, **sd1, **small)
    yield (
        "sdxs-512-09",
        "F16",
        made(
            unet,
            **sd2
            | small
            | {"attention_head_dim": (5, 10, 20)}
            | {"down_block_types": (down,) * 3, "up_block_types": (up,) * 3},
        ),
    )
    yield "sd21", "F16", made(unet, **sd2)
    yield "sd2-inpaint", "F16", made(unet, in_channels=9, **sd2)
    yield "sd2-depth", "F16", made(unet, in_channels=5, **sd2)
    yield (
        "sd21-unclip-l",
        "F16",
        made(unet, class_embed_type="projection", projection_class_embeddings_input_dim=1536, **sd2),
    )
    yield (
        "sd21-unclip-h",
        "F16",
        made(unet, class_embed_type="projection", projection_class_embeddings_input_dim=2048, **sd2),
    )
    yield "x4-upscaler", "F16", made(unet, **upscaler)
    yield "sdxl", "F16", made(unet, **xl)
    yield "sdxl-inpaint", "F16", made(unet, in_channels=9, **xl)
    yield "sdxl-instruct-pix2pix", "F16", made(unet, in_channels=8, **xl)
    yield "sdxl-refiner", "F16", made(unet, **refiner)
    yield "ssd-1b", "F16", made(unet, **xl | {"transformer_layers_per_block": [1, 2, 4]})
    yield "segmind-vega", "F16", made(unet, **xl | {"transformer_layers_per_block": [1, 1, 2]})
    yield "kolors", "F16", made(unet, **kolors)
    yield "svd", "F16", made(diffusers.UNetSpatioTemporalConditionModel)
    control = diffusers.ControlNetModel
    controls_xl = {key: value for key, value in xl.items() if key != "up_block_types"}
    yield "controlnet-sd15", "F16", made(control, **sd1)
    yield "controlnet-sd21", "F16", made(control, **sd2)
    yield "controlnet-sdxl", "F16", made(control, **controls_xl)
    yield (
        "controlnet-sdxl-small",
        "F16",
        made(
            control,
            **controls_xl
            | {
                "down_block_types": (plain, plain, plain),
                "transformer_layers_per_block": (0, 0, 0),
                "mid_block_type": "UNetMidBlock2D",
            },
        ),
    )
    yield "controlnet-union-sdxl", "F16", made(diffusers.ControlNetUnionModel, **controls_xl)
    yield "sparsectrl", "F16", made(diffusers.SparseControlNetModel)
    yield "t2i-sd15", "F16", made(diffusers.T2IAdapter, adapter_type="full_adapter")
    yield "t2i-sd15-sketch", "F16", made(diffusers.T2IAdapter, in_channels=1, adapter_type="full_adapter")
    yield (
        "t2i-sd15-light",
        "F16",
        made(diffusers.T2IAdapter, channels=[320, 640, 1280], num_res_blocks=4, adapter_type="light_adapter"),
    )
    yield (
        "t2i-sdxl",
        "F16",
        made(diffusers.T2IAdapter, downscale_factor=16, adapter_type="full_adapter_xl"),
    )
    yield (
        "motion-v1",
        "F16",
        made(diffusers.MotionAdapter, use_motion_mid_block=False, motion_max_seq_length=24),
    )
    yield "motion-v2", "F16", made(diffusers.MotionAdapter)
    yield "motion-v3", "F16", made(diffusers.MotionAdapter, use_motion_mid_block=False)
    yield "motion-pia", "F16", made(diffusers.MotionAdapter, use_motion_mid_block=False, conv_in_channels=9)
    yield (
        "motion-sdxl",
        "F16",
        made(diffusers.MotionAdapter, block_out_channels=(320, 640, 1280), use_motion_mid_block=False),
    )


def transformers_of_images() -> Iterable[tuple[str, str, Mapping[str, Any]]]:
    """Image transformers and their ControlNets in the diffusers layout."""
    import diffusers as d

    sd3: dict[str, Any] = {"num_layers": 24, "num_attention_heads": 24, "caption_projection_dim": 1536}
    large: dict[str, Any] = {
        "num_layers": 38,
        "num_attention_heads": 38,
        "caption_projection_dim": 2432,
        "qk_norm": "rms_norm",
        "pos_embed_max_size": 192,
    }
    yield "sd3-medium", "F16", made(d.SD3Transformer2DModel, **sd3, pos_embed_max_size=192)
    yield "sd35-large", "BF16", made(d.SD3Transformer2DModel, **large)
    medium = sd3 | {
        "qk_norm": "rms_norm",
        "dual_attention_layers": tuple(range(13)),
        "pos_embed_max_size": 384,
    }
    yield "sd35-medium", "BF16", made(d.SD3Transformer2DModel, **medium)
    stage_c: dict[str, Any] = {
        "clip_text_in_channels": 1280,
        "clip_image_in_channels": 768,
        "switch_level": (False,),
    }
    yield "cascade-c", "BF16", made(d.StableCascadeUNet, **stage_c)
    yield (
        "cascade-c-lite",
        "BF16",
        made(
            d.StableCascadeUNet,
            **stage_c
            | {
                "block_out_channels": (1536, 1536),
                "num_attention_heads": (24, 24),
                "conditioning_dim": 1536,
                "down_num_layers_per_block": (4, 12),
                "up_num_layers_per_block": (12, 4),
            },
        ),
    )
    residual, timed, attention = "SDCascadeResBlock", "SDCascadeTimestepBlock", "SDCascadeAttnBlock"
    stage_b: dict[str, Any] = {
        "in_channels": 4,
        "out_channels": 4,
        "patch_size": 2,
        "conditioning_dim": 1280,
        "block_out_channels": (320, 640, 1280, 1280),
        "num_attention_heads": (0, 0, 20, 20),
        "down_num_layers_per_block": (2, 6, 28, 6),
        "up_num_layers_per_block": (6, 28, 6, 2),
        "down_blocks_repeat_mappers": (1, 1, 1, 1),
        "up_blocks_repeat_mappers": (3, 3, 2, 2),
        "block_types_per_layer": (
            (residual, timed),
            (residual, timed),
            (residual, timed, attention),
            (residual, timed, attention),
        ),
        "dropout": (0, 0, 0.1, 0.1),
        "self_attn": True,
        "effnet_in_channels": 16,
        "pixel_mapper_in_channels": 3,
        "timestep_conditioning_type": ("sca",),
    }
    yield "cascade-b", "BF16", made(d.StableCascadeUNet, **stage_b)
    flux = d.FluxTransformer2DModel
    yield "flux1-dev", "BF16", made(flux, guidance_embeds=True)
    yield "flux1-schnell", "BF16", made(flux)
    yield "flux1-fill", "BF16", made(flux, guidance_embeds=True, in_channels=384, out_channels=64)
    yield "flux1-canny", "BF16", made(flux, guidance_embeds=True, in_channels=128, out_channels=64)
    yield "flex1-alpha", "BF16", made(flux, guidance_embeds=True, num_layers=8)
    flux2 = d.Flux2Transformer2DModel
    yield "flux2-dev", "BF16", made(flux2)
    klein: dict[str, Any] = {"num_layers": 5, "num_single_layers": 20, "guidance_embeds": False}
    yield (
        "flux2-klein-4b",
        "BF16",
        made(flux2, **klein, num_attention_heads=24, joint_attention_dim=7680),
    )
    nine = klein | {"num_layers": 8, "num_single_layers": 24}
    yield "flux2-klein-9b", "BF16", made(flux2, **nine, num_attention_heads=32, joint_attention_dim=12288)
    yield "chroma", "BF16", made(d.ChromaTransformer2DModel)
    yield "auraflow", "F16", made(d.AuraFlowTransformer2DModel)
    pixart: dict[str, Any] = {"caption_channels": 4096}
    yield (
        "pixart-alpha-1024",
        "F16",
        made(d.PixArtTransformer2DModel, **pixart, use_additional_conditions=True),
    )
    yield (
        "pixart-alpha-512",
        "F16",
        made(d.PixArtTransformer2DModel, **pixart, sample_size=64, use_additional_conditions=False),
    )
    yield (
        "pixart-sigma-1024",
        "F16",
        made(d.PixArtTransformer2DModel, **pixart, use_additional_conditions=False),
    )
    hunyuan: dict[str, Any] = {
        "num_attention_heads": 16,
        "attention_head_dim": 88,
        "in_channels": 4,
        "patch_size": 2,
        "hidden_size": 1408,
        "num_layers": 40,
        "mlp_ratio": 4.3637,
        "sample_size": 128,
    }
    dit = d.HunyuanDiT2DModel
    yield "hunyuan-dit-11", "F16", made(dit, **hunyuan, use_style_cond_and_image_meta_size=True)
    yield "hunyuan-dit-12", "F16", made(dit, **hunyuan, use_style_cond_and_image_meta_size=False)
    yield "hunyuan-image-21", "BF16", made(d.HunyuanImageTransformer2DModel, text_embed_2_dim=1472)
    yield "lumina-2", "BF16", made(d.Lumina2Transformer2DModel, cap_feat_dim=2304)
    yield "lumina-next", "BF16", made(d.LuminaNextDiT2DModel, num_kv_heads=8)
    yield "z-image", "BF16", made(d.ZImageTransformer2DModel)
    yield "qwen-image", "BF16", made(d.QwenImageTransformer2DModel)
    yield "qwen-image-layered", "BF16", made(d.QwenImageTransformer2DModel, use_additional_t_cond=True)
    yield "qwen-image-21", "BF16", made(d.QwenImage21Transformer2DModel)
    yield (
        "hidream-i1",
        "BF16",
        made(
            d.HiDreamImageTransformer2DModel,
            patch_size=2,
            in_channels=16,
            out_channels=16,
            caption_channels=[4096, 4096],
            llama_layers=list(range(48)),
        ),
    )
    yield (
        "omnigen-1",
        "BF16",
        made(
            d.OmniGenTransformer2DModel, rope_scaling={"short_factor": [1.0] * 48, "long_factor": [1.0] * 48}
        ),
    )
    yield "cogview3-plus", "BF16", made(d.CogView3PlusTransformer2DModel)
    yield (
        "cogview4",
        "BF16",
        made(d.CogView4Transformer2DModel, attention_head_dim=128, num_attention_heads=32, num_layers=28),
    )
    sana: dict[str, Any] = {"in_channels": 32, "out_channels": 32}
    yield "sana-1600m", "BF16", made(d.SanaTransformer2DModel, **sana)
    yield (
        "sana-600m",
        "BF16",
        made(
            d.SanaTransformer2DModel,
            **sana,
            num_layers=28,
            num_attention_heads=36,
            num_cross_attention_heads=16,
            cross_attention_head_dim=72,
            cross_attention_dim=1152,
        ),
    )
    yield (
        "sana-sprint",
        "BF16",
        made(d.SanaTransformer2DModel, **sana, guidance_embeds=True, qk_norm="rms_norm_across_heads"),
    )
    yield "ernie-image", "BF16", made(d.ErnieImageTransformer2DModel, num_layers=36)
    yield "krea-2", "BF16", made(d.Krea2Transformer2DModel)
    yield "ideogram-4", "BF16", made(d.Ideogram4Transformer2DModel)
    yield (
        "joyimage-edit",
        "BF16",
        made(d.JoyImageEditTransformer3DModel, num_layers=40, hidden_size=4096, num_attention_heads=32),
    )
    yield "longcat-image", "BF16", made(d.LongCatImageTransformer2DModel, num_layers=10, num_single_layers=20)
    yield "ovis-image", "BF16", made(d.OvisImageTransformer2DModel)
    yield "bria-32", "BF16", made(d.BriaTransformer2DModel, num_layers=8, num_single_layers=28)
    yield (
        "glm-image",
        "BF16",
        made(d.GlmImageTransformer2DModel, attention_head_dim=128, num_attention_heads=32),
    )
    yield "prx", "BF16", made(d.PRXTransformer2DModel)
    yield "flux3", "BF16", made(d.Flux3Transformer2DModel)
    control = d.FluxControlNetModel
    yield "controlnet-flux1", "BF16", made(control, num_layers=5, num_single_layers=10, guidance_embeds=True)
    yield (
        "controlnet-flux1-union",
        "BF16",
        made(control, num_layers=5, num_single_layers=10, guidance_embeds=True, num_mode=10),
    )
    yield (
        "controlnet-sd3",
        "F16",
        made(
            d.SD3ControlNetModel,
            num_layers=12,
            num_attention_heads=24,
            caption_projection_dim=1536,
            pos_embed_max_size=192,
        ),
    )
    yield (
        "controlnet-sd3-inpaint",
        "F16",
        made(
            d.SD3ControlNetModel,
            num_layers=23,
            num_attention_heads=24,
            caption_projection_dim=1536,
            pos_embed_max_size=192,
            extra_conditioning_channels=1,
        ),
    )
    yield "controlnet-qwen-image", "BF16", made(d.QwenImageControlNetModel, num_layers=5)
    yield (
        "controlnet-qwen-image-inpaint",
        "BF16",
        made(d.QwenImageControlNetModel, num_layers=6, extra_condition_channels=4),
    )
    yield (
        "controlnet-hunyuan-dit",
        "F16",
        made(
            d.HunyuanDiT2DControlNetModel,
            num_attention_heads=16,
            attention_head_dim=88,
            in_channels=4,
            patch_size=2,
            hidden_size=1408,
            mlp_ratio=4.3637,
            sample_size=128,
        ),
    )
    yield "controlnet-sana", "BF16", made(d.SanaControlNetModel)


def transformers_of_video() -> Iterable[tuple[str, str, Mapping[str, Any]]]:
    """Video and audio transformers in the diffusers layout."""
    import diffusers as d

    wan = d.WanTransformer3DModel
    small: dict[str, Any] = {"num_attention_heads": 12, "ffn_dim": 8960, "num_layers": 30}
    image: dict[str, Any] = {"image_dim": 1280, "added_kv_proj_dim": 5120}
    yield "wan21-t2v-13b", "BF16", made(wan, **small)
    yield "wan-t2v-14b", "BF16", made(wan)
    yield "wan21-i2v-14b", "BF16", made(wan, in_channels=36, **image)
    yield "wan21-flf2v-14b", "BF16", made(wan, in_channels=36, **image, pos_embed_seq_len=514)
    yield "wan22-i2v-a14b", "BF16", made(wan, in_channels=36)
    yield (
        "wan22-ti2v-5b",
        "BF16",
        made(wan, in_channels=48, out_channels=48, num_attention_heads=24, ffn_dim=14336, num_layers=30),
    )
    vace = d.WanVACETransformer3DModel
    yield "wan21-vace-13b", "BF16", made(vace, **small, vace_layers=list(range(0, 30, 2)))
    yield "wan21-vace-14b", "BF16", made(vace)
    yield (
        "wan22-animate",
        "BF16",
        made(d.WanAnimateTransformer3DModel, image_dim=1280, added_kv_proj_dim=5120),
    )
    hunyuan = d.HunyuanVideoTransformer3DModel
    yield "hunyuan-video-t2v", "BF16", made(hunyuan)
    yield "hunyuan-video-i2v", "BF16", made(hunyuan, in_channels=33, image_condition_type="latent_concat")
    yield "hunyuan-video-15", "BF16", made(d.HunyuanVideo15Transformer3DModel)
    yield (
        "framepack",
        "BF16",
        made(
            d.HunyuanVideoFramepackTransformer3DModel,
            image_condition_type="latent_concat",
            has_image_proj=True,
            has_clean_x_embedder=True,
        ),
    )
    ltx = d.LTXVideoTransformer3DModel
    yield "ltx-2b", "BF16", made(ltx)
    yield (
        "ltx-13b",
        "BF16",
        made(ltx, num_attention_heads=32, attention_head_dim=128, cross_attention_dim=4096, num_layers=48),
    )
    yield "ltx-2", "BF16", made(d.LTX2VideoTransformer3DModel)
    yield "mochi", "BF16", made(d.MochiTransformer3DModel)
    cog = d.CogVideoXTransformer3DModel
    yield "cogvideox-2b", "F16", made(cog)
    five: dict[str, Any] = {
        "num_attention_heads": 48,
        "num_layers": 42,
        "use_rotary_positional_embeddings": True,
    }
    yield "cogvideox-5b", "BF16", made(cog, **five)
    yield (
        "cogvideox-5b-i2v",
        "BF16",
        made(cog, **five, in_channels=32, use_learned_positional_embeddings=True),
    )
    yield "cogvideox15-5b", "BF16", made(cog, **five, patch_size_t=2, patch_bias=False)
    cosmos = d.CosmosTransformer3DModel
    yield "cosmos1-7b-t2w", "BF16", made(cosmos)
    yield "cosmos1-14b-t2w", "BF16", made(cosmos, num_attention_heads=40, num_layers=36)
    two: dict[str, Any] = {"num_attention_heads": 16, "extra_pos_embed_type": None}
    yield "cosmos-predict2-2b-t2i", "BF16", made(cosmos, **two)
    yield "cosmos-predict2-2b-v2w", "BF16", made(cosmos, **two, in_channels=17)
    yield (
        "cosmos-predict2-14b-t2i",
        "BF16",
        made(cosmos, num_attention_heads=40, num_layers=36, extra_pos_embed_type=None),
    )
    kandinsky = d.Kandinsky5Transformer3DModel
    lite: dict[str, Any] = {
        "in_visual_dim": 16,
        "out_visual_dim": 16,
        "model_dim": 1792,
        "ff_dim": 7168,
        "num_visual_blocks": 32,
        "visual_cond": True,
    }
    yield "kandinsky5-t2v-lite", "BF16", made(kandinsky, **lite)
    yield (
        "kandinsky5-t2i-lite",
        "BF16",
        made(
            kandinsky,
            **lite | {"model_dim": 2560, "ff_dim": 10240, "num_visual_blocks": 50, "visual_cond": False},
        ),
    )
    yield (
        "kandinsky5-t2v-pro",
        "BF16",
        made(
            kandinsky,
            **lite
            | {
                "model_dim": 4096,
                "ff_dim": 16384,
                "num_visual_blocks": 60,
                "num_text_blocks": 4,
                "time_dim": 1024,
            },
        ),
    )
    yield "allegro", "BF16", made(d.AllegroTransformer3DModel)
    yield (
        "latte",
        "F16",
        made(
            d.LatteTransformer3DModel,
            num_attention_heads=16,
            attention_head_dim=72,
            in_channels=4,
            out_channels=8,
            num_layers=28,
            cross_attention_dim=1152,
            attention_bias=True,
            patch_size=2,
            activation_fn="gelu-approximate",
            num_embeds_ada_norm=1000,
            norm_type="ada_norm_single",
            norm_elementwise_affine=False,
            norm_eps=1e-6,
            caption_channels=4096,
        ),
    )
    yield (
        "skyreels-v2-13b",
        "BF16",
        made(d.SkyReelsV2Transformer3DModel, num_attention_heads=12, ffn_dim=8960, num_layers=30),
    )
    yield "sana-video", "BF16", made(d.SanaVideoTransformer3DModel)
    yield "minimax-h3", "BF16", made(d.MiniMaxH3Transformer3DModel)
    yield "ace-step-15", "BF16", made(d.AceStepTransformer1DModel)
    yield (
        "stable-audio",
        "F16",
        made(
            d.StableAudioDiTModel,
        ),
    )


def autoencoders() -> Iterable[tuple[str, str, Mapping[str, Any]]]:
    """Autoencoders in the diffusers layout."""
    import diffusers as d

    kl: dict[str, Any] = {
        "block_out_channels": (128, 256, 512, 512),
        "down_block_types": ("DownEncoderBlock2D",) * 4,
        "up_block_types": ("UpDecoderBlock2D",) * 4,
        "layers_per_block": 2,
    }
    bare: dict[str, Any] = {"use_quant_conv": False, "use_post_quant_conv": False}
    yield "kl-f8", "F16", made(d.AutoencoderKL, **kl)
    yield "kl-16", "F16", made(d.AutoencoderKL, **kl, **bare, latent_channels=16)
    yield (
        "kl-x4",
        "F16",
        made(
            d.AutoencoderKL,
            **kl
            | {
                "block_out_channels": (128, 256, 512),
                "down_block_types": ("DownEncoderBlock2D",) * 3,
                "up_block_types": ("UpDecoderBlock2D",) * 3,
            },
        ),
    )
    yield "kl-flux2", "BF16", made(d.AutoencoderKLFlux2)
    yield (
        "temporal-svd",
        "F16",
        made(
            d.AutoencoderKLTemporalDecoder,
            block_out_channels=(128, 256, 512, 512),
            down_block_types=("DownEncoderBlock2D",) * 4,
            layers_per_block=2,
        ),
    )
    yield "wan21", "BF16", made(d.AutoencoderKLWan)
    yield (
        "wan22",
        "BF16",
        made(
            d.AutoencoderKLWan,
            base_dim=160,
            decoder_base_dim=256,
            z_dim=48,
            is_residual=True,
            in_channels=12,
            out_channels=12,
            patch_size=2,
        ),
    )
    yield "qwen-image", "BF16", made(d.AutoencoderKLQwenImage)
    yield "qwen-image-21", "BF16", made(d.AutoencoderKLQwenImage21)
    yield "hunyuan-video", "F16", made(d.AutoencoderKLHunyuanVideo)
    yield "hunyuan-video-15", "F16", made(d.AutoencoderKLHunyuanVideo15)
    yield (
        "hunyuan-image-21",
        "BF16",
        made(
            d.AutoencoderKLHunyuanImage,
            in_channels=3,
            out_channels=3,
            latent_channels=64,
            block_out_channels=(128, 256, 512, 512, 1024, 1024),
            layers_per_block=2,
            spatial_compression_ratio=32,
            sample_size=384,
            scaling_factor=0.75289,
        ),
    )
    yield "hunyuan-image-21-refiner", "F16", made(d.AutoencoderKLHunyuanImageRefiner)
    yield "ltx-090", "BF16", made(d.AutoencoderKLLTXVideo)
    yield (
        "ltx-091",
        "BF16",
        made(
            d.AutoencoderKLLTXVideo,
            decoder_block_out_channels=(256, 512, 1024),
            decoder_layers_per_block=(5, 6, 7, 8),
            decoder_spatio_temporal_scaling=(True, True, True),
            decoder_inject_noise=(True, True, True, False),
            upsample_residual=(True, True, True),
            upsample_factor=(2, 2, 2),
            timestep_conditioning=True,
        ),
    )
    yield (
        "ltx-095",
        "BF16",
        made(
            d.AutoencoderKLLTXVideo,
            block_out_channels=(128, 256, 512, 1024, 2048),
            down_block_types=("LTXVideo095DownBlock3D",) * 4,
            decoder_block_out_channels=(256, 512, 1024),
            layers_per_block=(4, 6, 6, 2, 2),
            decoder_layers_per_block=(5, 5, 5, 5),
            spatio_temporal_scaling=(True,) * 4,
            decoder_spatio_temporal_scaling=(True,) * 3,
            decoder_inject_noise=(False,) * 4,
            downsample_type=("spatial", "temporal", "spatiotemporal", "spatiotemporal"),
            upsample_residual=(True,) * 3,
            upsample_factor=(2, 2, 2),
            timestep_conditioning=True,
        ),
    )
    yield "ltx2-video", "BF16", made(d.AutoencoderKLLTX2Video)
    yield "cogvideox", "F16", made(d.AutoencoderKLCogVideoX)
    yield "mochi", "BF16", made(d.AutoencoderKLMochi)
    yield "cosmos1", "BF16", made(d.AutoencoderKLCosmos)
    yield "allegro", "BF16", made(d.AutoencoderKLAllegro)
    deep: dict[str, Any] = {
        "encoder_block_types": ("ResBlock",) * 3 + ("EfficientViTBlock",) * 3,
        "decoder_block_types": ("ResBlock",) * 3 + ("EfficientViTBlock",) * 3,
    }
    yield (
        "dc-sana",
        "BF16",
        made(
            d.AutoencoderDC,
            **deep,
            upsample_block_type="interpolate",
            downsample_block_type="conv",
            decoder_act_fns="silu",
            decoder_norm_types="rms_norm",
        ),
    )
    yield "taesd", "F16", made(d.AutoencoderTiny)
    yield "taef1", "F16", made(d.AutoencoderTiny, latent_channels=16)
    yield (
        "paella-vq",
        "F16",
        made(
            d.pipelines.deprecated.wuerstchen.modeling_paella_vq_model.PaellaVQModel
            if hasattr(d.pipelines, "deprecated")
            else d.pipelines.wuerstchen.modeling_paella_vq_model.PaellaVQModel
        ),
    )
    yield "oobleck", "F16", made(d.AutoencoderOobleck)


def text_and_vision() -> Iterable[tuple[str, str, Mapping[str, Any]]]:
    """Text encoders, language models and vision encoders (config.json of the published repositories)."""
    import open_clip
    import transformers as t

    large = t.CLIPTextConfig(
        hidden_size=768, intermediate_size=3072, num_attention_heads=12, projection_dim=768
    )
    huge = t.CLIPTextConfig(
        hidden_size=1024, intermediate_size=4096, num_hidden_layers=23, num_attention_heads=16
    )
    big = t.CLIPTextConfig(
        hidden_size=1280,
        intermediate_size=5120,
        num_hidden_layers=32,
        num_attention_heads=20,
        projection_dim=1280,
    )
    yield "clip-l", "F16", old_clip(made(t.CLIPTextModel, large))
    yield "clip-h", "F16", old_clip(made(t.CLIPTextModel, huge))
    yield "clip-g", "F16", old_clip(made(t.CLIPTextModelWithProjection, big))
    yield "clip-l-bare", "F16", made(t.CLIPTextModel, large)
    for name in ("ViT-L-14", "ViT-H-14", "ViT-bigG-14"):
        yield f"open-clip-{name}", "F16", made(open_clip.CLIP, **openclip_config(open_clip, name))
    t5 = t.T5Config(
        vocab_size=32128,
        d_model=4096,
        d_kv=64,
        d_ff=10240,
        num_layers=24,
        num_heads=64,
        feed_forward_proj="gated-gelu",
        tie_word_embeddings=False,
    )
    yield "t5-xxl", "F16", without(made(t.T5EncoderModel, t5), "encoder.embed_tokens.weight")
    yield (
        "t5-base",
        "F16",
        without(
            made(
                t.T5EncoderModel,
                t.T5Config(vocab_size=32128, d_model=768, d_kv=64, d_ff=3072, num_layers=12, num_heads=12),
            ),
            "encoder.embed_tokens.weight",
        ),
    )
    yield (
        "umt5-xxl",
        "BF16",
        without(
            made(
                t.UMT5EncoderModel,
                t.UMT5Config(
                    vocab_size=256384, d_model=4096, d_kv=64, d_ff=10240, num_layers=24, num_heads=64
                ),
            ),
            "encoder.embed_tokens.weight",
        ),
    )
    yield (
        "pile-t5-xl",
        "F16",
        without(
            made(
                t.UMT5EncoderModel,
                t.UMT5Config(vocab_size=32128, d_model=2048, d_kv=64, d_ff=5120, num_layers=24, num_heads=32),
            ),
            "encoder.embed_tokens.weight",
        ),
    )
    yield (
        "t5-11b",
        "F16",
        without(
            made(
                t.T5EncoderModel,
                t.T5Config(
                    vocab_size=32128, d_model=1024, d_kv=128, d_ff=65536, num_layers=24, num_heads=128
                ),
            ),
            "encoder.embed_tokens.weight",
        ),
    )
    yield (
        "byt5-small",
        "BF16",
        without(
            made(
                t.T5EncoderModel,
                t.T5Config(
                    vocab_size=1510,
                    d_model=1472,
                    d_kv=64,
                    d_ff=3584,
                    num_layers=12,
                    num_heads=6,
                    feed_forward_proj="gated-gelu",
                ),
            ),
            "encoder.embed_tokens.weight",
        ),
    )
    yield (
        "llama-3-8b",
        "BF16",
        made(
            t.LlamaForCausalLM,
            t.LlamaConfig(
                vocab_size=128256,
                hidden_size=4096,
                intermediate_size=14336,
                num_hidden_layers=32,
                num_attention_heads=32,
                num_key_value_heads=8,
            ),
        ),
    )
    yield "llama-2-7b", "F16", made(t.LlamaForCausalLM, t.LlamaConfig())
    yield (
        "mistral-7b-v03",
        "BF16",
        made(
            t.MistralForCausalLM,
            t.MistralConfig(
                vocab_size=32768, hidden_size=4096, intermediate_size=14336, num_key_value_heads=8
            ),
        ),
    )
    yield (
        "mistral-small-24b",
        "BF16",
        made(
            t.MistralForCausalLM,
            t.MistralConfig(
                vocab_size=131072,
                hidden_size=5120,
                intermediate_size=32768,
                num_hidden_layers=40,
                num_attention_heads=32,
                num_key_value_heads=8,
                head_dim=128,
            ),
        ),
    )
    yield "gemma-2-2b", "BF16", without(made(t.Gemma2ForCausalLM, t.Gemma2Config()), "lm_head.weight")
    yield (
        "gemma-3-1b",
        "BF16",
        without(
            made(
                t.Gemma3ForCausalLM,
                t.Gemma3TextConfig(
                    hidden_size=1152,
                    intermediate_size=6912,
                    num_hidden_layers=26,
                    num_attention_heads=4,
                    num_key_value_heads=1,
                    head_dim=256,
                    vocab_size=262144,
                ),
            ),
            "lm_head.weight",
        ),
    )
    qwen2 = {
        "vocab_size": 151936,
        "hidden_size": 2048,
        "intermediate_size": 11008,
        "num_hidden_layers": 36,
        "num_attention_heads": 16,
        "num_key_value_heads": 2,
        "tie_word_embeddings": True,
    }
    yield "qwen25-3b", "BF16", without(made(t.Qwen2ForCausalLM, t.Qwen2Config(**qwen2)), "lm_head.weight")
    yield (
        "qwen25-7b",
        "BF16",
        made(
            t.Qwen2ForCausalLM,
            t.Qwen2Config(
                vocab_size=152064,
                hidden_size=3584,
                intermediate_size=18944,
                num_hidden_layers=28,
                num_attention_heads=28,
                num_key_value_heads=4,
            ),
        ),
    )
    for name, width, inner, depth, heads in (
        ("06b", 1024, 3072, 28, 16),
        ("17b", 2048, 6144, 28, 16),
        ("4b", 2560, 9728, 36, 32),
        ("8b", 4096, 12288, 36, 32),
    ):
        yield (
            f"qwen3-{name}",
            "BF16",
            without(
                made(
                    t.Qwen3ForCausalLM,
                    t.Qwen3Config(
                        vocab_size=151936,
                        hidden_size=width,
                        intermediate_size=inner,
                        num_hidden_layers=depth,
                        num_attention_heads=heads,
                        num_key_value_heads=8,
                        head_dim=128,
                    ),
                ),
                "lm_head.weight" if name != "8b" else "",
            ),
        )
    yield (
        "qwen25-vl-7b",
        "BF16",
        vl_as_stored(
            made(
                t.Qwen2_5_VLForConditionalGeneration,
                t.Qwen2_5_VLConfig(
                    text_config={
                        "vocab_size": 152064,
                        "hidden_size": 3584,
                        "intermediate_size": 18944,
                        "num_hidden_layers": 28,
                        "num_attention_heads": 28,
                        "num_key_value_heads": 4,
                    },
                    vision_config={
                        "depth": 32,
                        "hidden_size": 1280,
                        "intermediate_size": 3420,
                        "out_hidden_size": 3584,
                    },
                ),
            )
        ),
    )
    yield (
        "qwen3-vl-4b",
        "BF16",
        made(
            t.Qwen3VLForConditionalGeneration,
            t.Qwen3VLConfig(
                text_config={
                    "vocab_size": 151936,
                    "hidden_size": 2560,
                    "intermediate_size": 9728,
                    "num_hidden_layers": 36,
                    "num_attention_heads": 32,
                    "num_key_value_heads": 8,
                },
                vision_config={
                    "depth": 24,
                    "hidden_size": 1024,
                    "intermediate_size": 4096,
                    "out_hidden_size": 2560,
                },
            ),
        ),
    )
    yield "gpt-oss-20b", "BF16", made(t.GptOssForCausalLM, t.GptOssConfig(num_hidden_layers=24))
    yield "phi-3-mini", "BF16", made(t.Phi3ForCausalLM, t.Phi3Config())
    yield "gpt2", "F32", made(t.GPT2Model, t.GPT2Config())
    yield "bert-base", "F32", made(t.BertModel, t.BertConfig())
    yield (
        "minilm-l6",
        "F32",
        made(
            t.BertModel,
            t.BertConfig(
                hidden_size=384, num_hidden_layers=6, num_attention_heads=12, intermediate_size=1536
            ),
        ),
    )
    vision = {
        "hidden_size": 1024,
        "intermediate_size": 4096,
        "num_hidden_layers": 24,
        "num_attention_heads": 16,
        "patch_size": 14,
        "projection_dim": 768,
    }
    yield (
        "clip-vision-l",
        "F16",
        old_clip(made(t.CLIPVisionModelWithProjection, t.CLIPVisionConfig(**vision))),
    )
    yield (
        "clip-vision-l-336",
        "F16",
        old_clip(made(t.CLIPVisionModelWithProjection, t.CLIPVisionConfig(**vision, image_size=336))),
    )
    yield (
        "clip-vision-h",
        "F16",
        old_clip(
            made(
                t.CLIPVisionModelWithProjection,
                t.CLIPVisionConfig(
                    **vision
                    | {
                        "hidden_size": 1280,
                        "intermediate_size": 5120,
                        "num_hidden_layers": 32,
                        "projection_dim": 1024,
                    }
                ),
            )
        ),
    )
    yield (
        "clip-vision-bigg",
        "F16",
        old_clip(
            made(
                t.CLIPVisionModelWithProjection,
                t.CLIPVisionConfig(
                    **vision
                    | {
                        "hidden_size": 1664,
                        "intermediate_size": 8192,
                        "num_hidden_layers": 48,
                        "projection_dim": 1280,
                    }
                ),
            )
        ),
    )
    siglip = {
        "hidden_size": 1152,
        "intermediate_size": 4304,
        "num_hidden_layers": 27,
        "num_attention_heads": 16,
        "patch_size": 14,
    }
    yield (
        "siglip-384",
        "F16",
        old_clip(made(t.SiglipVisionModel, t.SiglipVisionConfig(**siglip, image_size=384))),
    )
    yield (
        "dinov2-l",
        "F32",
        made(
            t.Dinov2Model,
            t.Dinov2Config(
                hidden_size=1024, num_hidden_layers=24, num_attention_heads=16, image_size=518, patch_size=14
            ),
        ),
    )
    yield (
        "dinov2-g",
        "F32",
        made(
            t.Dinov2Model,
            t.Dinov2Config(
                hidden_size=1536,
                num_hidden_layers=40,
                num_attention_heads=24,
                image_size=518,
                patch_size=14,
                use_swiglu_ffn=True,
            ),
        ),
    )


def old_clip(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return the names under which CLIP's published files store the tensors, whatever the class calls them."""
    prefix = "vision_model." if any("patch_embedding" in name for name in state) else "text_model."
    return {
        name if name.startswith((prefix, "text_projection", "visual_projection")) else prefix + name: value
        for name, value in state.items()
    }


def vl_as_stored(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return the names of the published Qwen2.5-VL files: no ``language_model``, the vision tower in front."""
    renamed = {}
    for name, value in state.items():
        name = name.replace("model.language_model.", "model.").replace("model.visual.", "visual.")
        renamed[name] = value
    return renamed


def without(state: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Return what is stored of tied weights: one of the two."""
    return {name: value for name, value in state.items() if name not in names}


def openclip_config(open_clip: Any, name: str) -> dict[str, Any]:
    """Return the arguments of OpenCLIP's class for a published model."""
    config = open_clip.get_model_config(name)
    return {
        "embed_dim": config["embed_dim"],
        "vision_cfg": config["vision_cfg"],
        "text_cfg": config["text_cfg"],
    }


def upscalers() -> Iterable[tuple[str, str, Mapping[str, Any]]]:
    """Image-to-image networks (the classes of spandrel with the settings of well-known models)."""
    import spandrel.architectures as a

    yield "esrgan-4x", "F32", made(a.ESRGAN.ESRGAN, scale=4)
    yield "esrgan-2x", "F32", made(a.ESRGAN.ESRGAN, scale=2)
    yield "esrgan-1x", "F32", made(a.ESRGAN.ESRGAN, scale=1)
    yield "real-esrgan-4x", "F32", rrdb_net()
    yield "real-esrgan-2x", "F32", rrdb_net(inputs=12)
    yield "real-esrgan-4x-anime-6b", "F32", rrdb_net(blocks=6)
    yield (
        "bsrgan-4x",
        "F32",
        rrdb_net(names=("RRDB_trunk.{}.RDB{}.conv{}", "trunk_conv", "upconv{}", "HRconv")),
    )
    yield "compact-4x", "F32", made(a.Compact.Compact, num_conv=32, upscale=4)
    yield "compact-2x", "F32", made(a.Compact.Compact, num_conv=16, upscale=2)
    swin = {"img_size": 64, "window_size": 8, "embed_dim": 180, "depths": [6] * 6, "num_heads": [6] * 6}
    with torch.device("cpu"):
        yield (
            "swinir-m-4x",
            "F32",
            a.SwinIR.SwinIR(
                **swin,
                upscale=4,
                mlp_ratio=2,
                img_range=1.0,
                upsampler="nearest+conv",
                resi_connection="1conv",
            ).state_dict(),
        )
        yield (
            "swinir-classical-2x",
            "F32",
            a.SwinIR.SwinIR(
                **swin,
                upscale=2,
                mlp_ratio=2,
                img_range=1.0,
                upsampler="pixelshuffle",
                resi_connection="1conv",
            ).state_dict(),
        )
        yield (
            "swin2sr-4x",
            "F32",
            a.Swin2SR.Swin2SR(
                **swin,
                upscale=4,
                mlp_ratio=2,
                img_range=1.0,
                upsampler="nearest+conv",
                resi_connection="1conv",
            ).state_dict(),
        )
        yield "rcan-4x", "F32", a.RCAN.RCAN(scale=4).state_dict()
    yield (
        "hat-4x",
        "F32",
        made(
            a.HAT.HAT,
            upscale=4,
            img_size=64,
            window_size=16,
            embed_dim=180,
            depths=(6,) * 6,
            num_heads=(6,) * 6,
            mlp_ratio=2,
            upsampler="pixelshuffle",
            resi_connection="1conv",
        ),
    )
    for name, make, config in (
        ("dat", a.DAT.DAT, {}),
        ("rgt", a.RGT.RGT, {}),
        ("atd", a.ATD.ATD, {}),
        ("drct", a.DRCT.DRCT, {}),
        ("omnisr", a.OmniSR.OmniSR, {}),
        ("span-4x", a.SPAN.SPAN, {"num_in_ch": 3, "num_out_ch": 3}),
        ("plksr", a.PLKSR.PLKSR, {}),
        ("realplksr", a.PLKSR.RealPLKSR, {}),
        ("realcugan-2x", a.RealCUGAN.UpCunet2x, {}),
        ("realcugan-4x", a.RealCUGAN.UpCunet4x, {}),
        ("scunet", a.SCUNet.SCUNet, {}),
        ("drunet", a.DRUNet.DRUNet, {}),
        ("fbcnn", a.FBCNN.FBCNN, {}),
        ("dncnn", a.DnCNN.DnCNN, {}),
        ("craft", a.CRAFT.CRAFT, {}),
        ("grl", a.GRL.GRL, {}),
        ("fdat", a.FDAT.FDAT, {}),
        ("mosr", a.MoSR.MoSR, {}),
        ("moesr", a.MoESR.MoESR, {}),
        ("ditn", a.DITN.DITN, {}),
        ("seemore", a.SeemoRe.SeemoRe, {}),
        ("safmn", a.SAFMN.SAFMN, {"dim": 36}),
        ("swift-srgan", a.SwiftSRGAN.SwiftSRGAN, {}),
        (
            "nafnet",
            a.NAFNet.NAFNet,
            {"width": 64, "middle_blk_num": 12, "enc_blk_nums": [2, 2, 4, 8], "dec_blk_nums": [2, 2, 2, 2]},
        ),
        ("kbnet-s", a.KBNet.KBNet_s, {}),
        ("uformer", a.Uformer.Uformer, {}),
        ("fftformer", a.FFTformer.FFTformer, {}),
        ("retinexformer", a.RetinexFormer.RetinexFormer, {}),
        ("mixdehazenet", a.MixDehazeNet.MixDehazeNet, {}),
        ("gfpgan", a.GFPGAN.GFPGAN, {}),
        ("restoreformer", a.RestoreFormer.RestoreFormer, {}),
        ("lama", a.LaMa.LaMa, {}),
    ):
        yield name, "F32", made(make, **config)


def rrdb_net(
    inputs: int = 3,
    blocks: int = 23,
    names: tuple[str, str, str, str] = ("body.{}.rdb{}.conv{}", "conv_body", "conv_up{}", "conv_hr"),
) -> dict[str, Any]:
    """Return Real-ESRGAN's network: dense blocks whose convolutions take all that came before them."""
    block, trunk, up, last = names
    widths: dict[str, tuple[int, int]] = {"conv_first": (64, inputs)}
    for index in range(blocks):
        for dense in (1, 2, 3):
            for step in range(5):
                out = 64 if step == 4 else 32
                widths[block.format(index, dense, step + 1)] = (out, 64 + 32 * step)
    widths |= {
        trunk: (64, 64),
        up.format(1): (64, 64),
        up.format(2): (64, 64),
        last: (64, 64),
        "conv_last": (3, 64),
    }
    state: dict[str, Any] = {}
    for name, (out, into) in widths.items():
        state[f"{name}.weight"] = torch.empty(out, into, 3, 3, device="meta")
        state[f"{name}.bias"] = torch.empty(out, device="meta")
    return state


GROUPS = {
    "unets_diffusers": unets,
    "transformers_of_images_diffusers": transformers_of_images,
    "transformers_of_video_diffusers": transformers_of_video,
    "autoencoders_diffusers": autoencoders,
    "text_and_vision": text_and_vision,
    "upscalers": upscalers,
}

if __name__ == "__main__":
    for group in sys.argv[1:] or GROUPS:
        write(group, str(GROUPS[group].__doc__).strip(), GROUPS[group]())
