"""Whole headers of published models: every name and shape that a real file has, in all layouts and disguises.

The tables hold what the models' own classes make of the published configurations (see `tests.readers.faithful`);
``expected.txt`` says what each is.
"""

from collections.abc import Callable, Mapping
from math import prod
from typing import Any, NamedTuple

import pytest

from modelmgr.readers import read_header
from modelmgr.readers.header import Header
from modelmgr.readers.rules import load
from tests.readers.faithful import tables
from tests.readers.faithful.adapters import adapter, dotted, lora, modules_of, peft, underscored
from tests.readers.faithful.cases import Case, adapters
from tests.readers.faithful.tables import Shape, Tensors, fold, tensors_of, unfold

Write = Callable[..., str]
SPECS = dict[str, tuple[str, Shape]]


class Expected(NamedTuple):
    """One line of ``expected.txt``."""

    reference: str
    type: str
    base: str | None
    candidates: tuple[str, ...]
    variant: str | None


def _expected() -> dict[str, Expected]:
    lines = (tables.FOLDER.parent / "expected.txt").read_text(encoding="utf-8").splitlines()
    found: dict[str, Expected] = {}
    for line in lines:
        if not line or line.startswith("#"):
            continue
        reference, kind, rest = line.split(None, 2)
        base, variant = (part.strip() for part in rest.rsplit("  ", 1))
        candidates = tuple(base.strip("[]").split(" | ")) if base.startswith("[") else ()
        assert reference not in found
        found[reference] = Expected(
            reference,
            kind,
            None if base == "-" or candidates else base,
            candidates,
            None if variant == "-" else variant,
        )
    return found


EXPECTED = _expected()
BASES = {
    "SD 1.5": "SD 1.x",
    "Hunyuan DiT": "Hunyuan 1",
    "PixArt-Alpha": "PixArt a",
    "PixArt-Sigma": "PixArt E",
    "Lumina 2": "Lumina",
    "Lumina-Next": "Lumina",
    "Qwen-Image": "Qwen",
    "Qwen-Image 2.1": "Qwen",
    "Z-Image": "ZImage",
    "ERNIE-Image": "Ernie",
    "Ideogram 4": "Ideogram 4.0",
    "Wan 2.1": "Wan Video",
    "Wan 2.2": "Wan Video",
    "Wan 2.x": "Wan Video",
    "LTX-Video": "LTXV",
    "LTX-2": "LTXV2",
}
"""The library's word for a proven base, where it is another one."""
ONE_SPELLING = frozenset(
    """hidream-i1 omnigen2 qwen-image qwen-image-layered cascade-b cascade-c cascade-c-lite ernie-image krea-2
    ideogram-4 joyimage-edit hunyuan3d-2 hunyuan3d-2-mini hunyuan3d-21 kandinsky5-t2v-lite kandinsky5-t2i-lite
    kandinsky5-t2v-pro""".split()  # noqa: SIM905
)
"""Models that nobody spells in another way."""
BLACK_FOREST = ("flux", "flex", "chroma")
"""How the names of models begin whose original layout is that of Flux."""
ADAPTERS = adapters()


def read(tensors: Mapping[str, Any], write: Write, **options: Any) -> Header:
    return read_header(write(tensors, **options))


def told(header: Header) -> tuple[str, str | None, tuple[str, ...], str | None]:
    """Return type, proven base, candidates and variant."""
    return header.type, header.architecture, header.candidates, header.variant


def below(prefix: str, reference: str) -> Tensors:
    return {prefix + name: spec for name, spec in tensors_of(reference).items()}


# --- the tables --------------------------------------------------------------------------------------------


def test_every_model_of_the_tables_has_an_expectation() -> None:
    groups = sorted(path.stem for path in tables.FOLDER.glob("*.txt"))
    assert {f"{group}/{name}" for group in groups for name in tables.read(group)} == EXPECTED.keys()


def test_a_table_is_folded_without_loss() -> None:
    tensors: Tensors = {
        f"blocks.{block}.{part}.weight": ("F16", (4, 4)) for block in (0, 1, 2, 5) for part in ("q", "k")
    }
    tensors |= {"blocks.0.q.bias": ("F16", (4,)), "step": ("I64", ())}
    lines = fold(tensors, "F16")
    assert lines == ["blocks.{0-2,5}.{k|q}.weight 4 4", "blocks.0.q.bias 4", "step :I64"]
    assert list(unfold("a.{0-2,5}.{k|q}")) == [f"a.{n}.{part}" for n in (0, 1, 2, 5) for part in "kq"]


@pytest.mark.parametrize(
    ("reference", "parameters"),
    [
        ("unets_ldm/sd15", 859_520_964),
        ("unets_ldm/sd2", 865_910_724),
        ("unets_ldm/sdxl", 2_567_463_684),
        ("unets_diffusers/sdxl", 2_567_463_684),
        ("unets_ldm/ssd-1b", 1_330_000_000),
        ("unets_diffusers/svd", 1_524_623_082),
        ("transformers_original/flux1-dev", 11_901_408_320),
        ("transformers_of_images_diffusers/flux1-dev", 11_901_408_320),
        ("transformers_original/flux1-schnell", 11_891_178_560),
        ("original_of_2026/flux2-dev", 32_200_000_000),
        ("original_of_2026/flux2-klein-9b", 9_080_000_000),
        ("original_of_2026/z-image", 6_150_000_000),
        ("transformers_original/chroma", 8_900_000_000),
        ("transformers_of_images_diffusers/qwen-image", 20_430_401_088),
        ("transformers_of_images_diffusers/cogview4", 6_369_118_272),
        ("video_original/wan-t2v-14b", 14_288_491_584),
        ("video_original/wan21-t2v-13b", 1_418_996_800),
        ("video_original/hunyuan-video-t2v", 12_821_012_544),
        ("video_original/ltx-2b", 1_923_000_000),
        ("text_and_vision/clip-l", 123_060_480),
        ("text_and_vision/t5-xxl", 4_762_310_656),
        ("text_and_vision/llama-3-8b", 8_030_261_248),
        ("text_and_vision/qwen25-7b", 7_615_616_512),
        ("text_and_vision/mistral-7b-v03", 7_248_023_552),
        ("text_and_vision/bert-base", 109_482_240),
        ("autoencoders_original/kl-f8", 83_653_863),
        ("upscalers/real-esrgan-4x", 16_697_987),
    ],
)
def test_the_tables_have_the_published_number_of_parameters(reference: str, parameters: int) -> None:
    counted = sum(prod(shape) for dtype, shape in tensors_of(reference).values() if dtype[0] != "I")
    assert abs(counted - parameters) <= parameters / 500


# --- models alone ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("expected", EXPECTED.values(), ids=EXPECTED)
def test_a_whole_header_is_known(expected: Expected, safetensors_file: Write) -> None:
    header = read(tensors_of(expected.reference), safetensors_file)
    assert (header.type, header.candidates, header.variant) == (
        expected.type,
        expected.candidates,
        expected.variant,
    )
    assert expected.base == header.architecture
    assert header.base_model == BASES.get(expected.base or "", expected.base)
    group, _, name = expected.reference.partition("/")
    if expected.type == "diffusion_model" and name not in ONE_SPELLING:
        original = "bfl" if name.startswith(BLACK_FOREST) else "ldm"
        assert header.layout == ("diffusers" if group.endswith("_diffusers") else original)
    assert header.problems == ()
    assert header.evidence
    if expected.candidates:
        assert (header.base_model, header.confidence) == (None, "ambiguous")


@pytest.mark.parametrize(
    "reference",
    [
        "unets_ldm/sdxl",
        "transformers_original/flux1-dev",
        "transformers_original/sd35-large",
        "video_original/wan-t2v-14b",
        "video_original/hunyuan-video-t2v",
        "original_of_2026/z-image",
        "transformers_of_images_diffusers/qwen-image",
    ],
)
@pytest.mark.parametrize(
    "prefix", ["model.diffusion_model.", "diffusion_model.", "model.model.diffusion_model.", "transformer."]
)
def test_a_prefix_changes_nothing(reference: str, prefix: str, safetensors_file: Write) -> None:
    header = read(below(prefix, reference), safetensors_file)
    expected = EXPECTED[reference]
    assert told(header) == ("diffusion_model", expected.base, (), expected.variant)


# --- bundles -----------------------------------------------------------------------------------------------

LDM = "model.diffusion_model."
VAE = below("first_stage_model.", "autoencoders_original/kl-f8")
SCHEDULE: Tensors = dict.fromkeys(
    ("betas", "alphas_cumprod", "alphas_cumprod_prev", "sqrt_alphas_cumprod", "log_one_minus_alphas_cumprod"),
    ("F32", (1000,)),
)


def open_clip_text(prefix: str, name: str) -> Tensors:
    """Return the text half of an OpenCLIP model."""
    return {
        prefix + key: spec
        for key, spec in tensors_of(f"text_and_vision/open-clip-{name}").items()
        if not key.startswith("visual.")
    }


SD1_PARTS = VAE | SCHEDULE | below("cond_stage_model.transformer.", "text_and_vision/clip-l")
SDXL_PARTS = (
    VAE
    | below("conditioner.embedders.0.transformer.", "text_and_vision/clip-l")
    | open_clip_text("conditioner.embedders.1.model.", "ViT-bigG-14")
)
BUNDLES: dict[str, tuple[Tensors, str, str | None, set[str]]] = {
    "SD 1.5": (below(LDM, "unets_ldm/sd15") | SD1_PARTS, "SD 1.5", None, {"VAE", "CLIP-L"}),
    "SD 1.5 with EMA": (
        below(LDM, "unets_ldm/sd15")
        | {"model_ema." + name.replace(".", ""): spec for name, spec in below(LDM, "unets_ldm/sd15").items()}
        | SD1_PARTS,
        "SD 1.5",
        None,
        {"VAE", "CLIP-L", "EMA"},
    ),
    "SD 1.5 inpainting": (
        below(LDM, "unets_ldm/sd15-inpaint") | SD1_PARTS,
        "SD 1.5",
        "inpaint",
        {"VAE", "CLIP-L"},
    ),
    "SD 1.5 without a VAE": (
        below(LDM, "unets_ldm/sd15") | below("cond_stage_model.transformer.", "text_and_vision/clip-l"),
        "SD 1.5",
        None,
        {"CLIP-L"},
    ),
    "SD 2.1": (
        below(LDM, "unets_ldm/sd2") | VAE | SCHEDULE | open_clip_text("cond_stage_model.model.", "ViT-H-14"),
        "SD 2.x",
        None,
        {"VAE", "CLIP-H"},
    ),
    "SDXL": (below(LDM, "unets_ldm/sdxl") | SDXL_PARTS, "SDXL", None, {"VAE", "CLIP-L", "CLIP-G"}),
    "SDXL inpainting": (
        below(LDM, "unets_ldm/sdxl-inpaint") | SDXL_PARTS,
        "SDXL",
        "inpaint",
        {"VAE", "CLIP-L", "CLIP-G"},
    ),
    "SDXL v-prediction": (
        below(LDM, "unets_ldm/sdxl") | SDXL_PARTS | {"v_pred": ("F32", ()), "ztsnr": ("F32", ())},
        "SDXL",
        "v-prediction",
        {"VAE", "CLIP-L", "CLIP-G"},
    ),
    "Playground v2.5": (
        below(LDM, "unets_ldm/sdxl")
        | SDXL_PARTS
        | {"edm_mean": ("F32", (1, 4, 1, 1)), "edm_std": ("F32", (1, 4, 1, 1))},
        "Playground v2.5",
        None,
        {"VAE", "CLIP-L", "CLIP-G"},
    ),
    "SDXL refiner": (
        below(LDM, "unets_ldm/sdxl-refiner")
        | VAE
        | open_clip_text("conditioner.embedders.0.model.", "ViT-bigG-14"),
        "SDXL Refiner",
        None,
        {"VAE", "CLIP-G"},
    ),
    "SVD": (
        below(LDM, "unets_ldm/svd") | below("first_stage_model.", "autoencoders_original/svd"),
        "SVD",
        None,
        {"VAE"},
    ),
    "SD 3 medium with its encoders": (
        below(LDM, "transformers_original/sd3-medium")
        | below("first_stage_model.", "autoencoders_original/kl-16")
        | below("text_encoders.clip_l.transformer.", "text_and_vision/clip-l")
        | below("text_encoders.clip_g.transformer.", "text_and_vision/clip-g")
        | below("text_encoders.t5xxl.transformer.", "text_and_vision/t5-xxl"),
        "SD 3",
        "medium",
        {"VAE", "CLIP-L", "CLIP-G", "T5-XXL"},
    ),
    "Flux.1 all in one": (
        below(LDM, "transformers_original/flux1-dev")
        | below("vae.", "autoencoders_original/kl-16")
        | below("text_encoders.clip_l.transformer.", "text_and_vision/clip-l")
        | below("text_encoders.t5xxl.transformer.", "text_and_vision/t5-xxl"),
        "Flux.1 D",
        None,
        {"VAE", "CLIP-L", "T5-XXL"},
    ),
    "LTX-Video with its VAE": (
        below(LDM, "video_original/ltx-2b") | below("vae.", "autoencoders_original/ltx-091"),
        "LTX-Video",
        "2B",
        {"VAE"},
    ),
    "Stable Cascade stage C": (
        below(LDM, "transformers_original/cascade-c") | below("text_encoder.", "text_and_vision/clip-g"),
        "Stable Cascade",
        "stage C",
        {"text encoder"},
    ),
}


@pytest.mark.parametrize(("tensors", "base", "variant", "parts"), BUNDLES.values(), ids=BUNDLES)
def test_a_bundle_is_a_checkpoint_of_its_parts(
    tensors: Tensors, base: str, variant: str | None, parts: set[str], safetensors_file: Write
) -> None:
    header = read(tensors, safetensors_file)
    assert told(header) == ("checkpoint", base, (), variant)
    assert set(header.components) == parts
    assert header.confidence == "certain"
    assert header.problems == ()


def test_a_vae_that_was_cut_out_of_its_training_stays_a_vae(safetensors_file: Write) -> None:
    loss: Tensors = {f"loss.perceptual_loss.net.slice{n}.weight": ("F32", (64, 3, 3, 3)) for n in range(5)}
    header = read({**tensors_of("autoencoders_original/kl-f8"), **loss}, safetensors_file)
    assert header.type == "vae"
    header = read({**VAE, **loss}, safetensors_file)
    assert header.type == "vae"


# --- adapters ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", ADAPTERS.values(), ids=ADAPTERS)
def test_a_whole_adapter_is_known(case: Case, safetensors_file: Write) -> None:
    header = read(case.tensors, safetensors_file)
    assert (header.type, header.architecture, header.candidates) == (case.type, case.base, case.candidates)
    assert (header.algorithm, header.rank) == (case.algorithm, case.rank)
    assert header.problems == ()


@pytest.mark.parametrize(
    ("name", "tensors"),
    [
        ("SD 1.5 kohya, UNet alone", 3 * 192),
        ("SD 1.5 kohya", 3 * 264),
        ("SDXL kohya, UNet alone", 3 * 722),
        ("SDXL kohya", 3 * 986),
        ("Flux.1 kohya", 3 * 304),
        ("Flux.1 diffusers", 2 * 494),
        ("Flux.1 ai-toolkit", 2 * 228),
        ("Wan 14B", 2 * 400),
    ],
)
def test_adapters_change_as_many_modules_as_published_ones(name: str, tensors: int) -> None:
    assert len(ADAPTERS[name].tensors) == tensors


SAME_MODULES = {
    "Bria": "Flux.1",
    "LongCat-Image": "Flux.1",
    "Kolors": "SDXL",
    "PixArt-Alpha": "PixArt",
    "PixArt-Sigma": "PixArt",
    "video_original/wan22-animate-14b": "Wan 2.1",
    "transformers_of_video_diffusers/wan22-animate": "Wan 2.1",
}
"""Families, or models, whose LoRAs change modules of another family's names and widths."""


def is_of(base: str, family: str) -> bool:
    """Tell whether `base` is `family` or a finer name of it."""
    known = load("bases")["bases"]
    while base != family and "of" in known[base]:
        base = known[base]["of"]
    return base == family


@pytest.mark.parametrize(
    "expected",
    [case for case in EXPECTED.values() if case.type in ("diffusion_model", "audio")],
    ids=lambda case: case.reference,
)
@pytest.mark.parametrize("dialect", ["kohya", "dotted"])
def test_an_adapter_of_all_blocks_claims_no_other_family(
    dialect: str, expected: Expected, safetensors_file: Write
) -> None:
    inside = r"(^|\.|_)(blocks|layers|block|input_blocks|middle_block|output_blocks)\..*\.weight$"
    modules = {
        path: shape
        for path, shape in modules_of(expected.reference, inside).items()
        if len(shape) == 2 and "norm" not in path.rpartition(".")[2]
    }
    spell, algorithm = (
        (underscored("lora_unet_"), lora) if dialect == "kohya" else (dotted("transformer."), peft)
    )
    header = read(adapter(modules, spell, algorithm), safetensors_file)
    assert (header.type, header.algorithm) == ("lora", "lora")
    base = expected.base or "PixArt"
    alike = SAME_MODULES.get(expected.reference, SAME_MODULES.get(base, base))
    if header.architecture is None:
        assert header.confidence == "ambiguous"
        assert {word_of(base), word_of(alike)} & set(header.candidates)
    else:
        assert is_of(base, header.architecture) or is_of(alike, header.architecture)


def word_of(base: str) -> str:
    """Return the library's word for a base."""
    word: str = load("bases")["bases"][base].get("word", base)
    return word


def test_half_an_adapter_is_told(safetensors_file: Write) -> None:
    tensors = dict(ADAPTERS["SDXL kohya"].tensors)
    removed = [name for name in tensors if name.endswith("lora_up.weight")][:3]
    for name in removed:
        del tensors[name]
    header = read(tensors, safetensors_file)
    assert (header.type, header.architecture) == ("lora", "SDXL")
    assert [problem.code for problem in header.problems] == ["incomplete_pair"]


# --- what steers -------------------------------------------------------------------------------------------


def animatediff(reference: str) -> dict[str, Shape]:
    """Return a motion module under the names of AnimateDiff's own files."""
    renamed: dict[str, Shape] = {}
    for name, (_, shape) in tensors_of(reference).items():
        name = name.replace("motion_modules.", "motion_modules.", 1)
        head, dot, tail = name.partition(".transformer_blocks.0.")
        if not dot:
            start, _, last = name.rpartition(".motion_modules.")
            index, _, rest = last.partition(".")
            renamed[f"{start}.motion_modules.{index}.temporal_transformer.{rest}"] = shape
            continue
        if tail == "pos_embed.pe":
            for number in (0, 1):
                renamed[
                    f"{head}.temporal_transformer.transformer_blocks.0.attention_blocks.{number}.pos_encoder.pe"
                ] = shape
            continue
        for number in (1, 2):
            tail = tail.replace(f"attn{number}.", f"attention_blocks.{number - 1}.")
            tail = tail.replace(f"norm{number}.", f"norms.{number - 1}.")
        tail = tail.replace("norm3.", "ff_norm.")
        renamed[f"{head}.temporal_transformer.transformer_blocks.0.{tail}"] = shape
    return renamed


@pytest.mark.parametrize(
    ("reference", "base", "variant"),
    [
        ("unets_diffusers/motion-v1", "SD 1.5", "v1"),
        ("unets_diffusers/motion-v2", "SD 1.5", "v2"),
        ("unets_diffusers/motion-v3", "SD 1.5", "v3"),
        ("unets_diffusers/motion-sdxl", "SDXL", None),
    ],
)
def test_a_motion_module_with_its_authors_names(
    reference: str, base: str, variant: str | None, safetensors_file: Write
) -> None:
    tensors = animatediff(reference)
    assert any(
        ".temporal_transformer.transformer_blocks.0.attention_blocks.1.to_q" in name for name in tensors
    )
    assert told(read(tensors, safetensors_file)) == ("motion_module", base, (), variant)


def ip_adapter(reference: str, *, plus: bool, face: bool = False) -> dict[str, Shape]:
    """Return an IP-Adapter: a key and a value projection for each cross attention, and the image's projection."""
    crosses = [shape for _, shape in sorted(modules_of(reference, r"attn2\.to_k").items())]
    tensors: dict[str, Shape] = {}
    for index, (out, context) in enumerate(crosses):
        tensors[f"ip_adapter.{2 * index + 1}.to_k_ip.weight"] = (out, context)
        tensors[f"ip_adapter.{2 * index + 1}.to_v_ip.weight"] = (out, context)
    width = crosses[0][1]
    if plus:
        tensors |= {"image_proj.latents": (1, 16, width), "image_proj.proj_in.weight": (width, 1280)}
        tensors |= {"image_proj.proj_out.weight": (width, width), "image_proj.norm_out.weight": (width,)}
    elif face:
        tensors |= {"image_proj.proj.0.weight": (1024, 512), "image_proj.proj.2.weight": (4 * width, 1024)}
        tensors |= {"image_proj.norm.weight": (width,)}
    else:
        tensors |= {"image_proj.proj.weight": (4 * width, 1024), "image_proj.norm.weight": (width,)}
    return tensors


@pytest.mark.parametrize(
    ("reference", "plus", "face", "base", "variant"),
    [
        ("unets_diffusers/sd15", False, False, "SD 1.5", None),
        ("unets_diffusers/sd15", True, False, "SD 1.5", "Plus"),
        ("unets_diffusers/sd15", False, True, "SD 1.5", "full or FaceID"),
        ("unets_diffusers/sdxl", False, False, "SDXL", None),
        ("unets_diffusers/sdxl", True, False, "SDXL", "Plus"),
    ],
)
def test_an_ip_adapter_is_known_by_the_width_of_its_projections(
    reference: str, plus: bool, face: bool, base: str, variant: str | None, safetensors_file: Write
) -> None:
    header = read(ip_adapter(reference, plus=plus, face=face), safetensors_file)
    assert told(header) == ("ip_adapter", base, (), variant)


def test_a_small_control_net_for_sdxl_is_known_by_the_modules_it_hangs_on(safetensors_file: Write) -> None:
    spell = underscored("lllite_unet_")
    tensors: dict[str, Shape] = {}
    for path, shape in modules_of("unets_ldm/sdxl", r"^input.*attn[12]\.to_[qkv]").items():
        start = spell(path)
        tensors |= {f"{start}.down.0.weight": (64, shape[1]), f"{start}.mid.0.weight": (64, 96)}
        tensors |= {f"{start}.up.0.weight": (shape[1], 64), f"{start}.conditioning1.0.weight": (16, 3, 4, 4)}
    assert told(read(tensors, safetensors_file)) == ("controlnet", "SDXL", (), "LLLite")


# --- packed weights ----------------------------------------------------------------------------------------


def in_four_bits(tensors: Mapping[str, tuple[str, Shape]]) -> SPECS:
    """Return how bitsandbytes stores a model: two values a byte in one column, and tables beside them."""
    packed: SPECS = {}
    for name, (dtype, shape) in tensors.items():
        if len(shape) != 2 or not name.endswith(".weight") or prod(shape) % 128:
            packed[name] = (dtype, shape)
            continue
        packed[name] = ("U8", (prod(shape) // 2, 1))
        packed[f"{name}.absmax"] = ("F32", (prod(shape) // 64,))
        packed[f"{name}.quant_map"] = ("F32", (16,))
        packed[f"{name}.quant_state.bitsandbytes__nf4"] = ("U8", (75,))
    return packed


def in_scaled_eights(tensors: Mapping[str, tuple[str, Shape]]) -> SPECS:
    """Return how ComfyUI's scaled checkpoints store a model."""
    packed: SPECS = {"scaled_fp8": ("F8_E4M3", (2,))}
    for name, (dtype, shape) in tensors.items():
        if len(shape) == 2 and name.endswith(".weight"):
            packed[name] = ("F8_E4M3", shape)
            packed[name.removesuffix("weight") + "scale_weight"] = ("F32", ())
        else:
            packed[name] = (dtype, shape)
    return packed


PACKABLE = [
    "transformers_original/flux1-dev",
    "transformers_original/flux1-schnell",
    "transformers_original/flux1-fill",
    "transformers_of_images_diffusers/flux1-dev",
    "video_original/wan21-i2v-14b",
    "transformers_of_images_diffusers/qwen-image",
    "video_original/hunyuan-video-t2v",
]


@pytest.mark.parametrize("reference", PACKABLE)
def test_eight_bits_with_scales_are_the_same_model(reference: str, safetensors_file: Write) -> None:
    expected = EXPECTED[reference]
    header = read(in_scaled_eights(tensors_of(reference)), safetensors_file)
    assert told(header) == ("diffusion_model", expected.base, (), expected.variant)
    assert header.precision == "F8_E4M3 (scaled)"


@pytest.mark.parametrize("reference", PACKABLE)
def test_four_bits_are_the_same_model(reference: str, safetensors_file: Write) -> None:
    expected = EXPECTED[reference]
    tensors = tensors_of(reference)
    header = read(in_four_bits(tensors), safetensors_file)
    assert told(header) == ("diffusion_model", expected.base, (), expected.variant)
    assert header.precision == "NF4"
    count = sum(prod(shape) for _, shape in tensors.values())
    assert header.parameter_count is not None
    assert abs(header.parameter_count - count) < count / 100


# --- GGUF --------------------------------------------------------------------------------------------------

Q4_K, F16, F32 = 12, 1, 0


def image_gguf(reference: str, word: str | None, write: Write, *, prefix: str = "", **options: Any) -> Header:
    """Write a diffusion model as converters do: original names, matrices in blocks, the rest as it was."""
    pairs: list[tuple[Any, ...]] = [
        ("general.quantization_version", "u32", 2),
        ("general.file_type", "u32", 15),
    ]
    if word is not None:
        pairs.insert(0, ("general.architecture", "str", word))
    stored: list[tuple[str, Shape, int]] = []
    for name, (_, shape) in tensors_of(reference).items():
        if len(shape) > 4:
            pairs.append((f"comfy.gguf.orig_shape.{name}", "arr", list(shape), "i32"))
            shape = (prod(shape[:-1]), shape[-1])
        kind = Q4_K if len(shape) == 2 and shape[-1] % 256 == 0 else F32 if len(shape) < 2 else F16
        stored.append((prefix + name, shape or (1,), kind))
    return read_header(write(pairs, stored, **options))


@pytest.mark.parametrize(
    ("reference", "word"),
    [
        ("unets_ldm/sd15", "sd1"),
        ("unets_ldm/sdxl", "sdxl"),
        ("unets_ldm/sdxl-inpaint", "sdxl"),
        ("transformers_original/sd3-medium", "sd3"),
        ("transformers_original/sd35-large", "sd3"),
        ("transformers_original/sd35-medium", "sd3"),
        ("transformers_original/flux1-dev", "flux"),
        ("transformers_original/flux1-schnell", "flux"),
        ("transformers_original/flux1-fill", "flux"),
        ("transformers_original/chroma", "flux"),
        ("transformers_original/auraflow", "aura"),
        ("transformers_original/hidream-i1", "hidream"),
        ("transformers_original/cosmos-predict2-2b-t2i", "cosmos"),
        ("transformers_original/lumina-2", "lumina2"),
        ("transformers_original/qwen-image", "qwen_image"),
        ("original_of_2026/z-image", "lumina2"),
        ("original_of_2026/flux2-dev", "flux2"),
        ("original_of_2026/flux2-klein-4b", "flux"),
        ("video_original/hunyuan-video-t2v", "hyvid"),
        ("video_original/ltx-2b", "ltxv"),
        ("video_original/wan21-t2v-13b", "wan"),
        ("video_original/wan21-i2v-14b", "wan"),
        ("video_original/wan22-i2v-a14b", "wan"),
        ("video_original/wan21-vace-14b", "wan"),
        ("video_original/mochi", "wan"),
        ("transformers_original/flux1-dev", None),
    ],
)
def test_a_gguf_image_model_is_known_by_its_tensors_whatever_its_word(
    reference: str, word: str | None, gguf_file: Write
) -> None:
    expected = EXPECTED[reference]
    header = image_gguf(reference, word, gguf_file)
    assert told(header) == (expected.type, expected.base, (), expected.variant)
    assert header.precision == "Q4_K_M"
    assert header.problems == ()


@pytest.mark.parametrize(("version", "order"), [(1, "<"), (2, "<"), (3, "<"), (3, ">")])
def test_every_version_and_byte_order_of_gguf_is_read(version: int, order: str, gguf_file: Write) -> None:
    header = image_gguf("transformers_original/flux1-dev", "flux", gguf_file, version=version, order=order)
    assert told(header) == ("diffusion_model", "Flux.1 D", (), None)
    assert header.tensor_count == 780


LANGUAGE_WORDS = [
    word
    for line in (tables.FOLDER.parent / "language_models.txt").read_text(encoding="utf-8").splitlines()[1:]
    for word in line.split()
]


@pytest.mark.parametrize("word", LANGUAGE_WORDS)
def test_a_language_models_word_is_its_base(word: str, gguf_file: Write) -> None:
    pairs = [
        ("general.architecture", "str", word),
        (f"{word}.context_length", "u32", 8192),
        (f"{word}.block_count", "u32", 2),
        ("general.file_type", "u32", 7),
        ("tokenizer.ggml.tokens", "arr", ["a", "b"], "str"),
    ]
    tensors = [("token_embd.weight", (2048, 256), 8), ("output_norm.weight", (256,), 0)]
    tensors += [(f"blk.{n}.attn_q.weight", (256, 256), 8) for n in range(2)]
    header = read_header(gguf_file(pairs, tensors))
    assert (header.type, header.base_model, header.architecture) == ("llm", word, word)
    assert header.facts["context_length"] == 8192


@pytest.mark.parametrize(
    ("word", "type_"),
    [
        ("clip", "mmproj"),
        ("bert", "text_embedding_model"),
        ("nomic-bert", "text_embedding_model"),
        ("nomic-bert-moe", "text_embedding_model"),
        ("neo-bert", "text_embedding_model"),
        ("modern-bert", "text_embedding_model"),
        ("jina-bert-v2", "text_embedding_model"),
        ("jina-bert-v3", "text_embedding_model"),
        ("gemma-embedding", "text_embedding_model"),
        ("llama-embed", "text_embedding_model"),
        ("eurobert", "text_embedding_model"),
        ("t5", "text_encoder"),
        ("t5encoder", "text_encoder"),
        ("wavtokenizer-dec", "audio"),
    ],
)
def test_other_words_are_other_types(word: str, type_: str, gguf_file: Write) -> None:
    tensors = [("token_embd.weight", (512, 256), 1), ("blk.0.attn_q.weight", (256, 256), 1)]
    header = read_header(gguf_file([("general.architecture", "str", word)], tensors))
    assert header.type == type_


def test_a_vocabulary_without_weights(gguf_file: Write) -> None:
    pairs = [("general.architecture", "str", "llama"), ("tokenizer.ggml.tokens", "arr", ["a"], "str")]
    assert read_header(gguf_file(pairs)).type == "vocab"


def test_parts_of_a_split_model(gguf_file: Write) -> None:
    first = [
        ("general.architecture", "str", "llama"),
        ("split.no", "u16", 0),
        ("split.count", "u16", 2),
        ("split.tensors.count", "i32", 2),
    ]
    header = read_header(
        gguf_file(first, [("token_embd.weight", (512, 256), 1)], name="m-00001-of-00002.gguf")
    )
    assert (header.type, header.base_model) == ("llm", "llama")
    later = [("split.no", "u16", 1), ("split.count", "u16", 2), ("split.tensors.count", "i32", 2)]
    header = read_header(
        gguf_file(later, [("blk.0.attn_q.weight", (256, 256), 1)], name="m-00002-of-00002.gguf")
    )
    assert header.type == "shard"
