"""Adapters of all dialects and algorithms: what they change, how they are written, and what they are."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from tests.readers.faithful.adapters import (
    Modules,
    adapter,
    boft,
    dora,
    dora_peft,
    dotted,
    full,
    glora,
    ia3,
    locon,
    loha,
    lokr,
    lokr_full,
    lora,
    modules_of,
    oft,
    old_diffusers,
    peft,
    peft_default,
    underscored,
)
from tests.readers.faithful.tables import Shape

_INNER = r"(proj_in|proj_out|to_q|to_k|to_v|to_out\.0|ff\.net\.0\.proj|ff\.net\.2)\.weight$"
_ATTENTION = r"\.(to_q|to_k|to_v|to_out\.0)\.weight$"


class Case(NamedTuple):
    """An adapter: its tensors, and type, base and algorithm to be found."""

    tensors: Mapping[str, Shape]
    base: str | None
    algorithm: str
    type: str = "lora"
    rank: int | str | None = 16
    candidates: tuple[str, ...] = ()


def _blocks(reference: str, *words: str, prefix: str = "") -> Modules:
    """Return the matrices of a transformer's blocks, without norms that scale."""
    inside = r"(^|\.)(" + "|".join(words) + r")(\.|$).*\.weight$"
    found = modules_of(reference, inside, prefix)
    return {
        path: shape
        for path, shape in found.items()
        if len(shape) == 2 and not path.endswith(("norm_q", "norm_k", "key_norm", "query_norm", "embed"))
    }


def adapters() -> dict[str, Case]:
    """Return all cases by name."""
    sd1 = modules_of("unets_diffusers/sd15", r"attentions\.\d+\..*" + _INNER)
    sd2 = modules_of("unets_diffusers/sd21", r"attentions\.\d+\..*" + _INNER)
    convolutions = modules_of("unets_diffusers/sd15", r"(resnets|samplers)\.\d+\.conv")
    xl = modules_of("unets_ldm/sdxl", r"^(input|middle|output)_block.*" + _INNER)
    xl_diffusers = modules_of("unets_diffusers/sdxl", r"attentions\.\d+\..*" + _ATTENTION)
    clip_l = modules_of("text_and_vision/clip-l", r"\.(self_attn\.\w+|mlp\.fc\d)\.weight$")
    clip_h = modules_of("text_and_vision/clip-h", r"\.(self_attn\.\w+|mlp\.fc\d)\.weight$")
    clip_g = modules_of("text_and_vision/clip-g", r"\.(self_attn\.\w+|mlp\.fc\d)\.weight$")
    unet, te, te1, te2 = map(underscored, ("lora_unet_", "lora_te_", "lora_te1_", "lora_te2_"))
    kohya_te = adapter(clip_l, te1, lora) | adapter(clip_g, te2, lora)
    cases = {
        # Stable Diffusion
        "SD 1.5 kohya": Case(adapter(sd1, unet, lora) | adapter(clip_l, te, lora), "SD 1.5", "lora"),
        "SD 1.5 kohya, UNet alone": Case(adapter(sd1, unet, lora), "SD 1.5", "lora"),
        "SD 1.5 kohya, text encoder alone": Case(adapter(clip_l, te, lora), "SD 1.5", "lora"),
        "SD 1.5 LoCon": Case(adapter(sd1 | convolutions, unet, locon), "SD 1.5", "locon"),
        "SD 1.5 3x3 convolutions": Case(adapter(sd1 | convolutions, unet, lora), "SD 1.5", "locon"),
        "SD 1.5 LoHa": Case(adapter(sd1, unet, loha), "SD 1.5", "loha", rank=8),
        "SD 1.5 LoKr": Case(adapter(sd1, unet, lokr), "SD 1.5", "lokr", rank=8),
        "SD 1.5 LoKr, both halves whole": Case(adapter(sd1, unet, lokr_full), "SD 1.5", "lokr", rank=None),
        "SD 1.5 GLoRA": Case(adapter(sd1, unet, glora), "SD 1.5", "glora", rank=8),
        "SD 1.5 full difference": Case(adapter(sd1, unet, full), "SD 1.5", "full", rank=None),
        "SD 1.5 before diffusers 0.22": Case(
            old_diffusers(modules_of("unets_diffusers/sd15", r"attn\d" + _ATTENTION)),
            "SD 1.5",
            "lora",
            rank=4,
        ),
        "SD 1.5 PEFT": Case(
            adapter(modules_of("unets_diffusers/sd15", _ATTENTION), dotted("base_model.model.unet."), peft),
            "SD 1.5",
            "lora",
        ),
        "SD 2.1 kohya": Case(adapter(sd2, unet, lora) | adapter(clip_h, te, lora), "SD 2.x", "lora"),
        "SD 2.1 text encoder alone": Case(adapter(clip_h, te, lora), "SD 2.x", "lora"),
        # SDXL
        "SDXL kohya": Case(adapter(xl, unet, lora) | kohya_te, "SDXL", "lora"),
        "SDXL kohya, UNet alone": Case(adapter(xl, unet, lora), "SDXL", "lora"),
        "SDXL kohya, text encoders alone": Case(kohya_te, "SDXL", "lora"),
        "SDXL diffusers": Case(adapter(xl_diffusers, dotted("unet."), peft), "SDXL", "lora"),
        "SDXL kohya with diffusers' names": Case(adapter(xl_diffusers, unet, lora), "SDXL", "lora"),
        "SDXL DoRA": Case(adapter(xl, unet, dora), "SDXL", "dora"),
        "SDXL DoRA of PEFT": Case(adapter(xl_diffusers, dotted("unet."), dora_peft), "SDXL", "dora"),
        "SDXL LoHa": Case(adapter(xl, unet, loha), "SDXL", "loha", rank=8),
        "SDXL LoKr": Case(adapter(xl, unet, lokr), "SDXL", "lokr", rank=8),
        "SDXL OFT": Case(adapter(xl, underscored("oft_unet_"), oft), "SDXL", "oft", rank=None),
        "SDXL BOFT": Case(adapter(xl, unet, boft), "SDXL", "boft", rank=None),
        "SDXL (IA)3": Case(
            adapter(
                {path: shape for path, shape in xl.items() if path.endswith(("to_k", "to_v", "ff.net.2"))},
                unet,
                ia3,
            ),
            "SDXL",
            "ia3",
            rank=None,
        ),
        "SDXL slider": Case(
            adapter({path: shape for path, shape in xl.items() if ".attn1." in path}, unet, lora),
            "SDXL",
            "lora",
            rank=16,
        ),
        "SDXL LyCORIS of SimpleTuner": Case(
            adapter(xl_diffusers, underscored("lycoris_"), lokr), "SDXL", "lokr", rank=8
        ),
        "Kolors": Case(
            adapter(
                modules_of("unets_diffusers/kolors", r"attentions\.\d+\..*" + _ATTENTION),
                dotted("unet."),
                peft,
            ),
            "SDXL",
            "lora",
        ),
        "Stable Cascade": Case(
            adapter(
                modules_of(
                    "transformers_original/cascade-c", r"attention\.attn\.(to_[qkv]|out_proj)\.weight$"
                ),
                underscored("lora_prior_unet_"),
                lora,
            ),
            "Stable Cascade",
            "lora",
        ),
    }
    return cases | _of_transformers() | _of_text_models()


def _of_transformers() -> dict[str, Case]:
    unet = underscored("lora_unet_")
    images, video = "transformers_of_images_diffusers/", "transformers_of_video_diffusers/"
    bfl = _blocks("transformers_original/flux1-dev", "double_blocks", "single_blocks")
    flux = _blocks(f"{images}flux1-dev", "transformer_blocks", "single_transformer_blocks")
    flux_attention = {path: shape for path, shape in flux.items() if ".attn." in path}
    attention = r"\.(to_q|to_k|to_v|to_out\.0)\.weight$"

    def diffusers(reference: str, pattern: str = attention) -> Mapping[str, Shape]:
        return adapter(modules_of(reference, pattern), dotted("transformer."), peft)

    def comfy(reference: str, *words: str, prefix: str = "") -> Mapping[str, Shape]:
        return adapter(_blocks(reference, *words, prefix=prefix), dotted("diffusion_model."), peft)

    def kohya(reference: str, *words: str, prefix: str = "") -> Mapping[str, Shape]:
        return adapter(_blocks(reference, *words, prefix=prefix), unet, lora)

    wan = "video_original/"
    return {
        # FLUX.1
        "Flux.1 kohya": Case(adapter(bfl, unet, lora), "Flux.1", "lora"),
        "Flux.1 kohya, later half": Case(
            adapter({path: shape for path, shape in bfl.items() if path.startswith("single")}, unet, lora),
            "Flux.1",
            "lora",
        ),
        "Flux.1 diffusers": Case(adapter(flux, dotted("transformer."), peft), "Flux.1", "lora"),
        "Flux.1 diffusers, attention": Case(
            adapter(flux_attention, dotted("transformer."), peft), "Flux.1", "lora"
        ),
        "Flux.1 PEFT": Case(
            adapter(flux_attention, dotted("base_model.model."), peft_default), "Flux.1", "lora"
        ),
        "Flux.1 ai-toolkit": Case(
            adapter(
                {path: shape for path, shape in bfl.items() if "mod" not in path},
                dotted("diffusion_model."),
                peft,
            ),
            "Flux.1",
            "lora",
        ),
        "Flux.1 OneTrainer DoRA": Case(
            adapter(flux, underscored("lora_transformer_"), dora), "Flux.1", "dora"
        ),
        "Flux.1 XLabs": Case(
            {
                f"double_blocks.{block}.processor.{part}_lora{stream}.{half}.weight": shape
                for block in range(19)
                for stream in (1, 2)
                for part, out in (("qkv", 9216), ("proj", 3072))
                for half, shape in (("down", (16, 3072)), ("up", (out, 16)))
            },
            "Flux.1",
            "lora",
        ),
        "Flux.1 LoKr": Case(adapter(bfl, dotted("diffusion_model."), lokr), "Flux.1", "lokr", rank=8),
        "Chroma": Case(
            kohya(
                "transformers_original/chroma", "double_blocks", "single_blocks", "distilled_guidance_layer"
            ),
            "Chroma",
            "lora",
        ),
        # FLUX.2
        "Flux.2 D": Case(diffusers(f"{images}flux2-dev", r"attn\.to_|ff.*linear_"), "Flux.2 D", "lora"),
        "Flux.2 Klein 9B": Case(
            diffusers(f"{images}flux2-klein-9b", r"attn\.to_|ff.*linear_"), "Flux.2 Klein 9B", "lora"
        ),
        "Flux.2 Klein 4B": Case(
            diffusers(f"{images}flux2-klein-4b", r"attn\.to_|ff.*linear_"), "Flux.2 Klein 4B", "lora"
        ),
        "Flux.2 D of Black Forest's names": Case(
            comfy("original_of_2026/flux2-dev", "double_blocks", "single_blocks"), "Flux.2 D", "lora"
        ),
        "Flux.2 Klein 9B of Black Forest's names": Case(
            comfy("original_of_2026/flux2-klein-9b", "double_blocks", "single_blocks"),
            "Flux.2 Klein 9B",
            "lora",
        ),
        "Flux.2 Klein 4B kohya": Case(
            kohya("original_of_2026/flux2-klein-4b", "double_blocks", "single_blocks"),
            "Flux.2 Klein 4B",
            "lora",
        ),
        # other image models
        "SD 3 medium": Case(diffusers(f"{images}sd3-medium", r"attn\.(to_|add_)"), "SD 3.x", "lora"),
        "SD 3.5 large": Case(diffusers(f"{images}sd35-large", r"attn\.(to_|add_)"), "SD 3.5", "lora"),
        "SD 3.5 medium": Case(diffusers(f"{images}sd35-medium", r"attn2?\.(to_|add_)"), "SD 3.5", "lora"),
        "SD 3.5 large kohya": Case(
            kohya("transformers_original/sd35-large", "joint_blocks"), "SD 3.5", "lora"
        ),
        "SD 3.5 medium kohya": Case(
            kohya("transformers_original/sd35-medium", "joint_blocks"), "SD 3.5", "lora"
        ),
        "AuraFlow": Case(diffusers(f"{images}auraflow", r"attn\.(to_|add_)"), "AuraFlow", "lora"),
        "PixArt": Case(
            diffusers(
                f"{images}pixart-sigma-1024", r"transformer_blocks.*\.(to_\w|to_out\.0|proj|net\.2)\.weight$"
            ),
            "PixArt",
            "lora",
        ),
        "PixArt or the small Sana": Case(
            diffusers(f"{images}pixart-sigma-1024"), None, "lora", candidates=("PixArt", "Sana")
        ),
        "Hunyuan DiT": Case(diffusers(f"{images}hunyuan-dit-12"), "Hunyuan DiT", "lora"),
        "Hunyuan Image 2.1": Case(
            kohya("video_original/hunyuan-image-21", "double_blocks", "single_blocks"),
            "Hunyuan Image 2.1",
            "lora",
        ),
        "Lumina 2": Case(diffusers(f"{images}lumina-2"), "Lumina 2", "lora"),
        "Lumina 2 kohya": Case(kohya("transformers_original/lumina-2", "layers"), "Lumina 2", "lora"),
        "Z-Image": Case(comfy(f"{images}z-image", "layers"), "Z-Image", "lora"),
        "Z-Image kohya": Case(
            kohya("original_of_2026/z-image", "layers", "noise_refiner", "context_refiner"), "Z-Image", "lora"
        ),
        "Qwen-Image": Case(diffusers(f"{images}qwen-image", r"attn\.(to_|add_)"), "Qwen-Image", "lora"),
        "Qwen-Image, bare names": Case(
            adapter(
                modules_of(f"{images}qwen-image", r"(attn\.(to_|add_)|_mlp\.net|_mod\.1)"), dotted(), lora
            ),
            "Qwen-Image",
            "lora",
        ),
        "Qwen-Image kohya": Case(kohya(f"{images}qwen-image", "transformer_blocks"), "Qwen-Image", "lora"),
        "HiDream": Case(diffusers(f"{images}hidream-i1", r"attn1?\.(to_[qkv]|to_out)"), "HiDream", "lora"),
        "OmniGen 2": Case(diffusers("transformers_original/omnigen2"), "OmniGen2", "lora"),
        "Cosmos Predict2": Case(
            comfy("transformers_original/cosmos-predict2-2b-t2i", "blocks"), "Cosmos Predict2", "lora"
        ),
        "Anima": Case(comfy("original_of_2026/anima", "blocks", prefix="net."), "Anima", "lora"),
        "Cosmos Predict2 diffusers": Case(
            diffusers(f"{video}cosmos-predict2-2b-t2i"), "Cosmos Predict2", "lora"
        ),
        "Sana 1.6B": Case(diffusers(f"{images}sana-1600m"), "Sana", "lora"),
        "CogView4": Case(diffusers(f"{images}cogview4"), "CogView4", "lora"),
        "ERNIE-Image": Case(
            diffusers(f"{images}ernie-image", r"layers.*(attn|attention|mlp)"), "ERNIE-Image", "lora"
        ),
        "Krea 2": Case(diffusers(f"{images}krea-2", r"(attn|text_fusion).*\.weight$"), "Krea 2", "lora"),
        "Ideogram 4": Case(
            diffusers(f"{images}ideogram-4", r"layers\..*(attn|attention|feed|ff)"), "Ideogram 4", "lora"
        ),
        # video and sound
        "Wan 2.1 1.3B": Case(comfy(wan + "wan21-t2v-13b", "blocks"), "Wan 2.1", "lora"),
        "Wan 14B": Case(comfy(wan + "wan-t2v-14b", "blocks"), "Wan 2.x", "lora"),
        "Wan 14B musubi": Case(kohya(wan + "wan-t2v-14b", "blocks"), "Wan 2.x", "lora"),
        "Wan 14B diffusers": Case(
            diffusers(video + "wan-t2v-14b", r"^blocks.*(attn\d\.to|ffn\.net)"), "Wan 2.x", "lora"
        ),
        "Wan 2.1 I2V": Case(comfy(wan + "wan21-i2v-14b", "blocks"), "Wan 2.1", "lora"),
        "Wan 2.2 5B": Case(comfy(wan + "wan22-ti2v-5b", "blocks"), "Wan 2.2", "lora"),
        "Hunyuan Video musubi": Case(
            kohya(wan + "hunyuan-video-t2v", "double_blocks", "single_blocks"), "Hunyuan Video", "lora"
        ),
        "Hunyuan Video diffusers": Case(
            diffusers(video + "hunyuan-video-t2v", r"transformer_blocks.*attn\.(to_|add_)"),
            "Hunyuan Video",
            "lora",
        ),
        "Hunyuan Video 1.5 diffusers": Case(
            diffusers(video + "hunyuan-video-15", r"transformer_blocks.*attn\.(to_|add_)"),
            "Hunyuan Video 1.5",
            "lora",
        ),
        "LTX-Video 2B": Case(diffusers(video + "ltx-2b"), "LTX-Video", "lora"),
        "LTX-Video 13B": Case(diffusers(video + "ltx-13b"), "LTX-Video", "lora"),
        "LTX-2": Case(diffusers(video + "ltx-2", r"attn\d?\.to_"), "LTX-2", "lora"),
        "Mochi": Case(diffusers(video + "mochi", r"attn1\.(to_|add_)"), "Mochi", "lora"),
        "CogVideoX 2B": Case(diffusers(video + "cogvideox-2b"), "CogVideoX", "lora"),
        "CogVideoX 5B": Case(diffusers(video + "cogvideox-5b"), "CogVideoX", "lora"),
        "Kandinsky 5": Case(
            diffusers(video + "kandinsky5-t2v-lite", r"blocks.*attention\.(to_|out_)"), "Kandinsky 5", "lora"
        ),
        "ACE-Step 1": Case(
            diffusers("video_original/ace-step-1", r"transformer_blocks.*attn\.(to_|add_)|lyric_proj"),
            "ACE-Step",
            "lora",
        ),
        "Allegro": Case(diffusers(video + "allegro"), "Allegro", "lora"),
    }


def _of_text_models() -> dict[str, Case]:
    llama = modules_of("text_and_vision/llama-3-8b", r"layers\.\d+\.(self_attn|mlp)\.")
    qwen = modules_of("text_and_vision/qwen25-7b", r"self_attn\.[qv]_proj")
    spell: Callable[[str], str] = dotted("base_model.model.")
    return {
        "Llama 3 PEFT": Case(adapter(llama, spell, peft), None, "lora", type="llm_adapter"),
        "Qwen 2.5 PEFT": Case(adapter(qwen, spell, peft), None, "lora", type="llm_adapter"),
    }
