"""What headers with true tensor names and shapes are taken for; adapters have tests of their own."""

from collections.abc import Callable
from typing import Any

import pytest

from modelmgr.readers import read_header
from modelmgr.readers.header import Header
from tests.readers.shapes import (
    CLIP_L,
    LDM,
    QWEN,
    SD15,
    SDXL,
    SDXL_PARTS,
    VAE4,
    VAE16,
    Z_IMAGE,
    Shapes,
    below,
    diffusers_unet,
    flux,
    flux2,
    peft,
    wan,
)

DIFFUSION_MODELS: list[tuple[str, Shapes, str, str | None, str | None]] = [
    ("flux dev, norms as weights", flux(norm="weight"), "Flux.1 D", None, "bfl"),
    ("qwen edit", {**QWEN, "__index_timestep_zero__": (1,)}, "Qwen", "edit", None),
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


# --- control, text, pictures ------------------------------------------------------------------------------

OTHERS: list[tuple[str, Shapes, str, str | None, str | None]] = [
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
        "control lora",
        {"lora_controlnet": (0,), "label_emb.0.0.weight": (1280, 2816)},
        "control_lora",
        "SDXL",
        None,
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
        "redux",
        {"redux_up.weight": (12288, 1152), "redux_down.weight": (4096, 12288)},
        "style_model",
        "Flux.1",
        "Redux",
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
