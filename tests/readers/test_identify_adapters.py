"""What the tensors of adapters are taken for."""

from collections.abc import Callable
from typing import Any

import pytest

from modelmgr.readers import read_header
from tests.readers.shapes import LDM, SDXL, SDXL_PARTS, Shapes, below, peft


def kohya(modules: dict[str, tuple[int, int]], *, rank: int = 16, alpha: bool = True) -> Shapes:
    shapes: Shapes = {}
    for module, (inward, outward) in modules.items():
        shapes[f"{module}.lora_down.weight"] = (rank, inward)
        shapes[f"{module}.lora_up.weight"] = (outward, rank)
        if alpha:
            shapes[f"{module}.alpha"] = ()
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
