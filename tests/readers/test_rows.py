"""Rows of the decision tables that no whole header reaches: rare forms, old names, one half, words alone."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from modelmgr.readers import read_header
from modelmgr.readers.header import Header
from tests.readers.faithful.adapters import adapter, dotted, lora, peft, underscored
from tests.readers.faithful.tables import tensors_of

Write = Callable[..., str]
Shapes = Mapping[str, tuple[Any, ...]]
Answer = tuple[str, str | None, str | None]


def told(header: Header) -> Answer:
    return header.type, header.architecture, header.variant


def matrices(*names: str, width: int = 8) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (width, width) for name in names}


def names(*whole: str) -> dict[str, tuple[int, ...]]:
    return dict.fromkeys(whole, (8, 8))


FLUX = {"double_blocks.0.img_attn.norm.key_norm.scale": (128,)}
FLUX_DIFFUSERS = {
    "x_embedder.weight": (3072, 64),
    "context_embedder.weight": (3072, 4096),
    "single_transformer_blocks.0.proj_mlp.weight": (12288, 3072),
    "transformer_blocks.0.attn.add_q_proj.weight": (3072, 3072),
}
LUMINA = {"cap_embedder.1.weight": (3840, 2560), "noise_refiner.0.attention.k_norm.weight": (128,)}
COSMOS = "blocks.block0.blocks.0.block.attn.to_q.0.weight"
COSMOS_DIFFUSERS = {
    "time_embed.t_embedder.linear_1.weight": (8, 8),
    "transformer_blocks.0.norm1.linear_1.weight": (8, 8),
}
WAN = {"head.modulation": (1, 2, 5120), "patch_embedding.weight": (5120, 16, 1, 2, 2)}
LANGUAGE = {"model.layers.0.input_layernorm.weight": (8,), "lm_head.weight": (8, 8)}
VISION = {"vision_model.encoder.layers.0.layer_norm1.weight": (1024,)}

DIFFUSION: list[tuple[str, Shapes, str, str | None]] = [
    ("Trellis 2", names("img2shape.t_embedder.mlp.0.weight"), "Trellis 2", None),
    (
        "Hunyuan Video 1.5",
        names("txt_in.individual_token_refiner.blocks.0.norm1.weight", "cond_type_embedding.weight")
        | {"img_in.proj.weight": (2048, 65, 1, 1, 1)},
        "Hunyuan Video 1.5",
        None,
    ),
    (
        "Flux.2 Klein 4B, text width packed away",
        {"double_stream_modulation_img.lin.weight": (18432, 3072)},
        "Flux.2 Klein 4B",
        None,
    ),
    (
        "Flux.2 Klein 9B, text width packed away",
        {"double_stream_modulation_img.lin.weight": (24576, 4096)},
        "Flux.2 Klein 9B",
        None,
    ),
    (
        "Flux.2 D, text width packed away",
        {"double_stream_modulation_img.lin.weight": (36864, 6144)},
        "Flux.2 D",
        None,
    ),
    (
        "Flux.2 Klein 4B diffusers, likewise",
        {"double_stream_modulation_img.linear.weight": (18432, 3072)},
        "Flux.2 Klein 4B",
        None,
    ),
    (
        "Flux.2 Klein 9B diffusers, likewise",
        {"double_stream_modulation_img.linear.weight": (24576, 4096)},
        "Flux.2 Klein 9B",
        None,
    ),
    (
        "Flux.2 D diffusers, likewise",
        {"double_stream_modulation_img.linear.weight": (36864, 6144)},
        "Flux.2 D",
        None,
    ),
    (
        "Ovis-Image",
        FLUX
        | {"img_in.weight": (3072, 64)}
        | names("double_blocks.0.img_mlp.gate_proj.weight", "txt_norm.scale"),
        "Ovis-Image",
        None,
    ),
    (
        "LongCat-Image",
        FLUX | {"img_in.weight": (3072, 64), "txt_in.weight": (3072, 3584)},
        "LongCat-Image",
        None,
    ),
    ("Flux.1 S control", FLUX | {"img_in.weight": (3072, 128)}, "Flux.1 S", "control"),
    ("Flux.1 S fill", FLUX | {"img_in.weight": (3072, 384)}, "Flux.1 S", "fill"),
    (
        "Flux.1 S control diffusers",
        FLUX_DIFFUSERS | {"x_embedder.weight": (3072, 128)},
        "Flux.1 S",
        "control",
    ),
    ("Flux.1 S fill diffusers", FLUX_DIFFUSERS | {"x_embedder.weight": (3072, 448)}, "Flux.1 S", "fill"),
    (
        "Bria FIBO",
        FLUX_DIFFUSERS
        | names("time_embed.timestep_embedder.linear_1.weight", "caption_projection.0.linear.weight"),
        "Bria",
        "FIBO",
    ),
    ("MiniMax H3", matrices("video_patch_proj", "audio_patch_proj"), "MiniMax H3", None),
    ("Cosmos 7B V2V", {COSMOS: (4096, 4096), "x_embedder.proj.1.weight": (4096, 72)}, "Cosmos", "7B V2V"),
    ("Cosmos 14B T2V", {COSMOS: (5120, 5120), "x_embedder.proj.1.weight": (5120, 68)}, "Cosmos", "14B T2V"),
    (
        "Cosmos 7B V2V diffusers",
        COSMOS_DIFFUSERS | {"patch_embed.proj.weight": (4096, 72)},
        "Cosmos",
        "7B V2V",
    ),
    (
        "Cosmos Predict2 14B V2W diffusers",
        COSMOS_DIFFUSERS | {"patch_embed.proj.weight": (5120, 72)},
        "Cosmos Predict2",
        "14B V2W",
    ),
    (
        "Cosmos 14B of either generation",
        COSMOS_DIFFUSERS | {"patch_embed.proj.weight": (5120, 72), "learnable_pos_embed.pos_emb_t": (8, 8)},
        "Cosmos",
        "14B",
    ),
    ("NewBie", LUMINA | matrices("clip_text_pooled_proj.0"), "NewBie", None),
    ("Z-Image of pixels", LUMINA | matrices("dec_net.cond_embed"), "Z-Image", "pixel"),
    ("Z-Image Omni", LUMINA | matrices("siglip_embedder.0"), "Z-Image", "omni"),
    ("Z-Image diffusers, cut", matrices("all_x_embedder.2-1"), "Z-Image", None),
    ("OmniGen", matrices("input_x_embedder.proj", "llm.layers.0.self_attn.qkv_proj"), "OmniGen", None),
    (
        "Boogu",
        names("time_caption_embed.timestep_embedder.linear_1.bias", "norm_out.linear_2.weight")
        | matrices("double_stream_layers.0.img_instruct_attn.to_q"),
        "Boogu",
        None,
    ),
    (
        "OmniGen 2 without its reference images",
        names("time_caption_embed.timestep_embedder.linear_1.bias", "norm_out.linear_2.weight")
        | {"x_embedder.weight": (2520, 64)},
        "OmniGen2",
        None,
    ),
    (
        "CogVideoX of its authors",
        matrices("mixins.patch_embed.proj", "transformer.layers.0.attention.query_key_value"),
        "CogVideoX",
        None,
    ),
    ("CogVideoX of ComfyUI", matrices("blocks.0.norm1.linear"), "CogVideoX", None),
    ("SeedVR2 7B", matrices("blocks.35.mlp.vid.proj_out"), "SeedVR2", "7B"),
    ("SeedVR2 3B", matrices("blocks.31.mlp.all.proj_in_gate"), "SeedVR2", "3B"),
    ("HiDream O1", matrices("t_embedder1.mlp.0", "x_embedder.proj1"), "HiDream-O1", None),
    (
        "Lens",
        names("transformer_blocks.0.attn.norm_added_q.weight", "transformer_blocks.0.img_mlp.w1.weight"),
        "Lens",
        None,
    ),
    (
        "Mage-Flow",
        {"txt_norm.weight": (2560,), "img_in.weight": (3072, 64), "proj_out.weight": (128, 3072)},
        "Mage-Flow",
        None,
    ),
    (
        "ERNIE-Image diffusers",
        {"text_proj.weight": (3072, 2560), "x_embedder.proj.weight": (3072, 128, 1, 1)},
        "ERNIE-Image",
        None,
    ),
    (
        "SkyReels diffusers",
        names("context_embedder.token_refiner.refiner_blocks.0.attn.to_q.weight")
        | {"x_embedder.proj.weight": (3072, 32, 1, 2, 2)},
        "Hunyuan Video",
        "SkyReels I2V",
    ),
    ("SCAIL", WAN | matrices("patch_embedding_pose"), "Wan 2.1", "SCAIL"),
    ("SCAIL 2", WAN | matrices("patch_embedding_mask"), "Wan 2.1", "SCAIL 2"),
    ("WanDancer", WAN | matrices("patch_embedding_global"), "Wan 2.1", "WanDancer"),
    ("a Wan of another width", WAN | {"head.modulation": (1, 2, 2048)}, "Wan 2.x", None),
    (
        "SD 3.5 of another width",
        names(
            "joint_blocks.0.context_block.attn.qkv.weight", "joint_blocks.0.context_block.attn.ln_q.weight"
        ),
        "SD 3.5",
        None,
    ),
    ("PixelDiT", matrices("core.pixel_embedder.proj"), None, "PixelDiT"),
]
OTHER: list[tuple[str, Shapes, Answer]] = [
    (
        "MiniMax Music",
        names("cond_layer_logits", "latent_conditioners.0.weight"),
        ("audio", "MiniMax Music", None),
    ),
    (
        "ACE-Step 1.5",
        names("encoder.lyric_encoder.layers.0.input_layernorm.weight"),
        ("audio", "ACE-Step", "1.5"),
    ),
    ("PiD", matrices("lq_proj.latent_proj.0"), ("vae", None, "PiD decoder")),
    (
        "ControlNet of Z-Image",
        names("control_layers.0.after_proj.weight", "control_noise_refiner.0.attention.qkv.weight"),
        ("controlnet", "Z-Image", None),
    ),
    (
        "ControlNet of Stable Cascade on EfficientNet",
        {"backbone.0.0.weight": (24, 3, 3, 3), "projections.0.0.weight": (1280, 1280, 1, 1)}
        | names("backbone.1.0.block.0.1.num_batches_tracked"),
        ("controlnet", "Stable Cascade", None),
    ),
    (
        "Gemma 3 4B as published, with its eyes",
        {f"language_model.model.layers.{n}.self_attn.q_norm.weight": (256,) for n in range(34)}
        | {"language_model.model.layers.0.post_feedforward_layernorm.weight": (2560,)}
        | matrices("language_model.lm_head", "vision_tower.vision_model.encoder.layers.0.self_attn.q_proj"),
        ("llm", "gemma3", "Gemma 3 4B"),
    ),
    (
        "Qwen 3.5 as published, with its eyes",
        names(
            "model.language_model.layers.0.linear_attn.A_log",
            "model.visual.pos_embed.weight",
            "lm_head.weight",
        ),
        ("llm", "qwen35", "Qwen3.5"),
    ),
    (
        "Qwen3-Next",
        LANGUAGE
        | names("model.layers.0.linear_attn.A_log", "model.layers.0.linear_attn.in_proj_qkvz.weight"),
        ("llm", "qwen3next", "Qwen3-Next"),
    ),
    (
        "another that sees and speaks",
        names("model.language_model.layers.0.input_layernorm.weight", "lm_head.weight"),
        ("llm", None, "vision and language"),
    ),
    (
        "Qwen 3.5",
        LANGUAGE | {"model.layers.0.linear_attn.A_log": (32,)},
        ("llm", "qwen35", "Qwen3.5"),
    ),
    (
        "IP-Adapter of SD 2",
        {"ip_adapter.1.to_k_ip.weight": (320, 1024), "image_proj.proj.weight": (8, 8)},
        ("ip_adapter", "SD 2.x", None),
    ),
    (
        "FaceID of SDXL",
        {"ip_adapter.1.to_k_ip.weight": (640, 2048), "image_proj.proj.0.weight": (8, 8)},
        ("ip_adapter", "SDXL", "full or FaceID"),
    ),
    (
        "LLLite of Anima",
        names("lllite_dit_blocks_0_self_attn_q_proj.down.0.weight", "lllite_conditioning1.conv1.weight"),
        ("controlnet", "Anima", "LLLite"),
    ),
    (
        "GLIGEN of SDXL",
        {"position_net.null_positive_feature": (2048,)},
        ("gligen", "SDXL", None),
    ),
    (
        "GLIGEN's layers of SD 1.5",
        {f"input_blocks.{n}.1.transformer_blocks.0.fuser.linear.weight": (320, 768) for n in (1, 2)},
        ("gligen", "SD 1.5", None),
    ),
    (
        "GLIGEN's layers of SDXL",
        {f"input_blocks.{n}.1.transformer_blocks.0.fuser.linear.weight": (640, 2048) for n in (4, 5)},
        ("gligen", "SDXL", None),
    ),
    (
        "control LoRA of SDXL",
        {"lora_controlnet": (), "input_blocks.4.1.transformer_blocks.0.attn2.to_k.down": (128, 2048)},
        ("control_lora", "SDXL", None),
    ),
    (
        "control LoRA of SD 1.5",
        {"lora_controlnet": (), "input_blocks.1.1.transformer_blocks.0.attn2.to_k.down": (128, 768)},
        ("control_lora", "SD 1.5", None),
    ),
    (
        "control LoRA of SD 2",
        {"lora_controlnet": (), "input_blocks.1.1.transformer_blocks.0.attn2.to_k.down": (128, 1024)},
        ("control_lora", "SD 2.x", None),
    ),
    (
        "embedding of SD 3",
        {"clip_l": (2, 768), "clip_g": (2, 1280), "t5xxl": (2, 4096)},
        ("embedding", "SD 3.x", None),
    ),
    ("embedding of CLIP-G alone, older name", {"emb_params": (4, 1280)}, ("embedding", "SDXL", None)),
    ("embedding of CLIP-G, diffusers", {"<token>": (1280,)}, ("embedding", "SDXL", None)),
    ("SAM 3", matrices("detector.backbone.vision.trunk"), ("detector", None, "SAM 3")),
    ("RT-DETR", matrices("encoder.pan_blocks.1.cv4.conv"), ("detector", None, "RT-DETR")),
    (
        "Depth Anything 3",
        matrices("backbone.embeddings.patch_embeddings.projection"),
        ("detector", None, "Depth Anything 3"),
    ),
    (
        "SDXL's CLIP-G of newer transformers",
        names("embeddings.token_embedding.weight", "encoder.layers.30.mlp.fc1.weight"),
        ("text_encoder", None, "CLIP-G"),
    ),
    (
        "CLIP-H likewise",
        names("embeddings.token_embedding.weight", "encoder.layers.22.mlp.fc1.weight"),
        ("text_encoder", None, "CLIP-H"),
    ),
    ("Jina CLIP 2", matrices("model.encoder.layers.0.mixer.Wqkv"), ("text_encoder", None, "Jina CLIP 2")),
    (
        "UMT5-base",
        {"shared.weight": (256384, 768), "encoder.block.0.layer.0.SelfAttention.k.weight": (768, 768)},
        ("text_encoder", None, "UMT5-base"),
    ),
    (
        "Gemma 3 4B",
        LANGUAGE
        | {f"model.layers.{n}.self_attn.q_norm.weight": (256,) for n in range(34)}
        | {"model.layers.0.post_feedforward_layernorm.weight": (2560,)},
        ("llm", "gemma3", "Gemma 3 4B"),
    ),
    (
        "Gemma 3 12B",
        LANGUAGE
        | {f"model.layers.{n}.self_attn.q_norm.weight": (256,) for n in range(48)}
        | {"model.layers.0.post_feedforward_layernorm.weight": (3840,)},
        ("llm", "gemma3", "Gemma 3 12B"),
    ),
    (
        "Qwen3-VL 8B",
        LANGUAGE
        | {
            "model.visual.deepstack_merger_list.0.norm.weight": (8,),
            "model.visual.merger.linear_fc2.weight": (4096, 8),
        },
        ("llm", "qwen3vl", "Qwen3-VL 8B"),
    ),
    (
        "Qwen2.5-VL 3B",
        LANGUAGE | {"visual.patch_embed.proj.weight": (8, 8), "model.layers.0.self_attn.k_proj.bias": (256,)},
        ("llm", "qwen2vl", "Qwen2.5-VL 3B"),
    ),
    (
        "Mistral Small, 30 layers",
        LANGUAGE | {f"model.layers.{n}.post_attention_layernorm.weight": (5120,) for n in range(30)},
        ("llm", "mistral", "Mistral Small 24B, 30 layers"),
    ),
    (
        "Ministral 3B",
        LANGUAGE | {f"model.layers.{n}.post_attention_layernorm.weight": (3072,) for n in range(26)},
        ("llm", "mistral3", "Ministral 3B"),
    ),
    (
        "SigLIP 512",
        {
            "vision_model.encoder.layers.0.layer_norm1.weight": (1152,),
            "vision_model.embeddings.position_embedding.weight": (1024, 1152),
        },
        ("clip_vision", None, "SigLIP so400m 512"),
    ),
    (
        "SigLIP of another size",
        {"vision_model.encoder.layers.0.layer_norm1.weight": (1152,)},
        ("clip_vision", None, "SigLIP so400m"),
    ),
    (
        "LLaVA's eyes",
        VISION
        | {
            "vision_model.encoder.layers.22.layer_norm1.weight": (1024,),
            "multi_modal_projector.linear_1.weight": (8, 8),
        },
        ("clip_vision", None, "LLaVA"),
    ),
    *(
        (
            f"OpenCLIP's eyes {word}",
            {f"visual.transformer.resblocks.{n}.attn.in_proj_weight": (8, 8) for n in range(depth)},
            ("clip_vision", None, word),
        )
        for word, depth in (("CLIP bigG", 48), ("CLIP H", 32), ("CLIP L", 24))
    ),
    (
        "x1 Real-ESRGAN",
        {"conv_first.weight": (64, 48, 3, 3), "body.0.rdb1.conv1.weight": (8, 8, 3, 3)},
        ("upscaler", None, "Real-ESRGAN 1x"),
    ),
    (
        "CodeFormer",
        {
            "quantize.embedding.weight": (1024, 256),
            "encoder.blocks.0.weight": (64, 3, 3, 3),
            "ft_layers.0.linear1.weight": (8, 8),
        },
        ("upscaler", None, "CodeFormer (face)"),
    ),
    (
        "half a TAESD",
        {"0.weight": (64, 3, 3, 3), "1.conv.0.weight": (64, 64, 3, 3), "14.weight": (32, 64, 3, 3)},
        ("vae_approx", "Flux.2", "TAESD encoder"),
    ),
    *(
        (
            f"TAEHV of {channels}",
            {"decoder.22.bias": (3,), "decoder.1.weight": (256, channels, 3, 3)},
            ("vae_approx", base, "TAEHV"),
        )
        for channels, base in ((48, "Wan 2.2"), (128, "LTX-2"), (24, None))
    ),
    (
        "Cascade's EffNet and previewer",
        names("encoder.backbone.1.0.block.0.1.num_batches_tracked"),
        ("vae", "Stable Cascade", "EffNet encoder and previewer"),
    ),
    (
        "Cascade's EffNet",
        names("backbone.1.0.block.0.1.num_batches_tracked"),
        ("vae", "Stable Cascade", "EffNet encoder"),
    ),
    ("Cascade's previewer", names("blocks.11.num_batches_tracked"), ("vae", "Stable Cascade", "previewer")),
    (
        "DC-AE of its authors",
        matrices("encoder.project_in.conv", "encoder.stages.0.op_list.0.main.conv1.conv"),
        ("vae", "Sana", "DC-AE"),
    ),
    (
        "SeedVR2's VAE",
        names("decoder.up_blocks.2.upsamplers.0.upscale_conv.weight"),
        ("vae", "SeedVR2", None),
    ),
    ("Mage-Flow's VAE", names("student.dconv_encoder.proj_out.weight"), ("vae", "Mage-Flow", None)),
    ("no VAE at all", names("pixel_space_vae"), ("vae", None, "pixel space")),
    ("nothing but a header", {}, ("unknown", None, None)),
]


@pytest.mark.parametrize(
    ("tensors", "base", "variant"), [case[1:] for case in DIFFUSION], ids=[case[0] for case in DIFFUSION]
)
def test_a_rare_diffusion_model(
    tensors: Shapes, base: str | None, variant: str | None, safetensors_file: Write
) -> None:
    assert told(read_header(safetensors_file(tensors))) == ("diffusion_model", base, variant)


@pytest.mark.parametrize(("tensors", "answer"), [case[1:] for case in OTHER], ids=[case[0] for case in OTHER])
def test_another_rare_file(tensors: Shapes, answer: Answer, safetensors_file: Write) -> None:
    assert told(read_header(safetensors_file(tensors))) == answer


@pytest.mark.parametrize(
    ("tensors", "candidates"),
    [
        ({"clip_l": (2, 768)}, ("SD 1.x", "SDXL")),
        (LUMINA | {"cap_embedder.1.weight": (1024, 1024)}, ("Lumina", "ZImage")),
        (
            names("time_caption_embed.timestep_embedder.linear_1.bias", "norm_out.linear_2.weight"),
            ("Lumina", "OmniGen2"),
        ),
    ],
)
def test_what_several_share_names_them(
    tensors: Shapes, candidates: tuple[str, ...], safetensors_file: Write
) -> None:
    header = read_header(safetensors_file(tensors))
    assert header.base_model is None
    assert set(header.candidates) == set(candidates)
    assert header.confidence == "ambiguous"


# --- variants of UNets, and of what steers them --------------------------------------------------------------


def test_variants_that_marks_beside_a_unet_tell(safetensors_file: Write) -> None:
    zero = dict(tensors_of("unets_ldm/sd15-instruct-pix2pix")) | {"cc_projection.weight": ("F16", (768, 772))}
    assert told(read_header(safetensors_file(zero)))[1:] == ("SD 1.5", "Stable Zero123")
    edm = dict(tensors_of("unets_ldm/sdxl")) | {"edm_vpred.sigma_max": ("F32", ())}
    assert told(read_header(safetensors_file(edm)))[1:] == ("SDXL", "EDM v-prediction")
    kolors = dict(tensors_of("unets_ldm/kolors")) | {"input_blocks.0.0.weight": ("F16", (320, 9, 3, 3))}
    assert told(read_header(safetensors_file(kolors)))[1:] == ("Kolors", "inpaint")
    difference = dict(tensors_of("unets_ldm/controlnet-sd15")) | {"difference": ("F16", ())}
    assert told(read_header(safetensors_file(difference))) == ("controlnet", "SD 1.5", "difference")


def test_a_t2i_adapter_says_itself_that_it_is_for_sdxl(safetensors_file: Write) -> None:
    light = tensors_of("unets_diffusers/t2i-sd15-light")
    header = read_header(safetensors_file(light, {"adapter_type": "light_adapter_xl"}))
    assert (header.type, header.base_model, header.confidence) == ("t2i_adapter", "SDXL", "metadata")


# --- adapters of few modules ---------------------------------------------------------------------------------

UNET, DIFFUSERS = underscored("lora_unet_"), dotted("transformer.")


@pytest.mark.parametrize(
    ("modules", "spell", "base"),
    [
        ({"txt_in": (4096, 12288), "double_blocks.0.img_mod.lin": (8, 8)}, UNET, "Flux.2 Klein 9B"),
        ({"txt_in": (6144, 15360), "double_blocks.0.img_mod.lin": (8, 8)}, UNET, "Flux.2 D"),
        ({"double_blocks.0.img_mlp.0": (24576, 8)}, UNET, "Flux.2 Klein 9B"),
        ({"double_blocks.0.img_mlp.0": (36864, 8)}, UNET, "Flux.2 D"),
        ({"double_blocks.12.img_attn.proj": (3072, 3072)}, UNET, "Flux.1"),
        ({"double_blocks.0.img_mod.lin": (18432, 8)}, UNET, "Flux.1"),
        ({"single_transformer_blocks.0.attn.to_q": (3584, 3584)}, DIFFUSERS, "Hunyuan Image 2.1"),
        (
            {
                "temporal_transformer_blocks.0.attn1.to_q": (1152, 1152),
                "transformer_blocks.0.attn1.to_q": (1152, 1152),
            },
            DIFFUSERS,
            "Latte",
        ),
        (
            {
                "transformer_blocks.0.attn1.to_q": (5120, 5120),
                "transformer_blocks.0.attn2.to_k": (5120, 1024),
            },
            DIFFUSERS,
            "Cosmos",
        ),
        ({"transformer_blocks.0.attn1.to_q": (2560, 2560)}, DIFFUSERS, "CogView3"),
        (
            {
                "transformer_blocks.0.attn1.to_q": (1152, 1152),
                "transformer_blocks.0.ff.conv_inverted": (8, 8),
            },
            DIFFUSERS,
            "Sana",
        ),
    ],
)
def test_a_few_modules_tell_the_family(
    modules: dict[str, tuple[int, ...]],
    spell: Callable[[str], str],
    base: str,
    safetensors_file: Write,
) -> None:
    algorithm = lora if spell is UNET else peft
    header = read_header(safetensors_file(adapter(modules, spell, algorithm)))
    assert (header.type, header.architecture) == ("lora", base)


@pytest.mark.parametrize(
    ("modules", "candidates"),
    [
        ({"double_blocks.0.img_attn.proj": (3072, 3072)}, ("Flux.1", "Flux.2 Klein 4B")),
        ({"single_transformer_blocks.0.attn.to_q": (4096, 4096)}, ("Flux.1", "Flux.2")),
        ({"layers.0.attention.to_q": (1000, 1000)}, ("ZImage", "Lumina")),
    ],
)
def test_too_few_modules_name_several_families(
    modules: dict[str, tuple[int, ...]], candidates: tuple[str, ...], safetensors_file: Write
) -> None:
    header = read_header(safetensors_file(adapter(modules, DIFFUSERS, peft)))
    assert header.confidence == "ambiguous"
    assert header.candidates == candidates


@pytest.mark.parametrize(
    ("modules", "spell", "base"),
    [
        ({"text_model.encoder.layers.0.mlp.fc1": (5120, 1280)}, underscored("lora_te1_"), "SDXL"),
        ({"text_model.encoder.layers.0.mlp.fc1": (5120, 1280)}, dotted("text_encoder_2."), "SDXL"),
        ({"encoder.block.0.layer.0.SelfAttention.q": (4096, 4096)}, underscored("lora_te3_"), None),
    ],
)
def test_a_text_encoders_width_tells_the_family(
    modules: dict[str, tuple[int, ...]],
    spell: Callable[[str], str],
    base: str | None,
    safetensors_file: Write,
) -> None:
    header = read_header(safetensors_file(adapter(modules, spell, lora)))
    assert (header.type, header.architecture) == ("lora", base)


# --- words alone ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metadata", "answer"),
    [
        ({"model_class": "NunchakuFluxTransformer2dModel"}, ("diffusion_model", "Flux.1")),
        ({"model_class": "NunchakuQwenImageTransformer2DModel"}, ("diffusion_model", "Qwen-Image")),
        ({"model_class": "NunchakuZImageTransformer2DModel"}, ("diffusion_model", "Z-Image")),
        ({"model_class": "NunchakuT5EncoderModel"}, ("text_encoder", None)),
        ({"modelspec.architecture": "stable-diffusion-v1/textual-inversion"}, ("embedding", "SD 1.5")),
        ({"modelspec.architecture": "stable-diffusion-xl-v1-base/controlnet"}, ("controlnet", "SDXL")),
        (
            {"modelspec.architecture": "stable-diffusion-xl-v1-base/control-net-lllite"},
            ("controlnet", "SDXL"),
        ),
        ({"modelspec.architecture": "stable-diffusion-xl-v1-base/control-lora"}, ("control_lora", "SDXL")),
        ({"modelspec.architecture": "stable-diffusion-xl-v1-base/vae"}, ("vae", "SDXL")),
    ],
)
def test_a_statement_tells_where_no_name_is_known(
    metadata: dict[str, str], answer: tuple[str, str | None], safetensors_file: Write
) -> None:
    header = read_header(safetensors_file(matrices("a", "b"), metadata))
    assert (header.type, header.architecture) == answer
    assert header.confidence == "metadata"


@pytest.mark.parametrize(
    ("word", "base"),
    [
        ("sd1", "SD 1.5"),
        ("sdxl", "SDXL"),
        ("sd3", "SD 3.x"),
        ("flux", "Flux.1"),
        ("flux2", "Flux.2"),
        ("aura", "AuraFlow"),
        ("hidream", "HiDream"),
        ("cosmos", "Cosmos"),
        ("ltxv", "LTX-Video"),
        ("ltx2", "LTX-2"),
        ("hyvid", "Hunyuan Video"),
        ("wan", "Wan 2.x"),
        ("lumina2", "Lumina 2"),
        ("qwen_image", "Qwen-Image"),
        ("qwen_image21", "Qwen-Image 2.1"),
        ("ideogram4", "Ideogram 4"),
        ("krea2", "Krea 2"),
        ("minimax_h3", "MiniMax H3"),
        ("chroma", "Chroma"),
        ("omnigen", None),
        ("hunyuan_image", "Hunyuan Image 2.1"),
        ("z_image", "Z-Image"),
    ],
)
def test_an_image_models_word_tells_where_its_tensors_do_not(
    word: str, base: str | None, gguf_file: Write
) -> None:
    header = read_header(gguf_file([("general.architecture", "str", word)], [("a.weight", (8, 32), 0)]))
    assert (header.type, header.architecture) == ("diffusion_model", base)
    assert header.confidence in ("metadata", "ambiguous")


@pytest.mark.parametrize(
    ("word", "tensors", "answer"),
    [
        (
            "pig",
            {"decoder.conv_in.weight": (512, 16, 3, 3), "decoder.mid.block_1.conv1.weight": (8, 8, 3, 3)},
            "vae",
        ),
        ("pig", {"text_model.encoder.layers.0.mlp.fc1.weight": (3072, 768)}, "text_encoder"),
        ("cow", {"a.weight": (8, 32)}, "unknown"),
        (
            "llama",
            {"blk.0.attn_q.weight.lora_a": (8, 32), "blk.0.attn_q.weight.lora_b": (32, 8)},
            "llm_adapter",
        ),
    ],
)
def test_borrowed_words_say_nothing(
    word: str, tensors: dict[str, tuple[int, ...]], answer: str, gguf_file: Write
) -> None:
    stored = [(name, shape, 0) for name, shape in tensors.items()]
    assert read_header(gguf_file([("general.architecture", "str", word)], stored)).type == answer


@pytest.mark.parametrize(
    ("rows", "width", "variant"),
    [(256384, 4096, "UMT5-XXL"), (256384, 768, "UMT5"), (32128, 2048, "T5-XL"), (32128, 4096, "T5-XXL")],
)
def test_t5_in_gguf_by_its_vocabulary(rows: int, width: int, variant: str, gguf_file: Write) -> None:
    pairs = [("general.architecture", "str", "t5encoder")]
    header = read_header(gguf_file(pairs, [("token_embd.weight", (rows, width), 1)]))
    assert (header.type, header.variant) == ("text_encoder", variant)


def test_an_image_lora_in_gguf_is_a_lora(gguf_file: Write) -> None:
    pairs = [
        ("general.architecture", "str", "flux"),
        ("general.type", "str", "adapter"),
        ("adapter.type", "str", "lora"),
    ]
    tensors = [("double_blocks.0.img_attn.proj.weight.lora_a", (16, 3072), 1)]
    assert read_header(gguf_file(pairs, tensors)).type == "lora"


def test_a_later_part_that_names_its_word(gguf_file: Write) -> None:
    pairs = [("general.architecture", "str", "llama"), ("split.no", "u16", 1), ("split.count", "u16", 2)]
    header = read_header(gguf_file(pairs, [("blk.9.attn_q.weight", (8, 32), 1)]))
    assert (header.type, header.architecture) == ("shard", "llama")
