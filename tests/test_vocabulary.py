"""One vocabulary: the words of every tool lead to ours, and nothing is guessed."""

import pytest

from modelmgr.vocabulary import (
    TYPES,
    base_of_air,
    base_of_architecture,
    canonical_base,
    canonical_type,
    collapsed_base,
    family_of,
    is_companion,
    is_complete_base,
    is_finer,
    type_of_folder,
    type_of_name,
    type_of_part,
)


@pytest.mark.parametrize("kind", TYPES)
def test_every_canonical_type_is_its_own_word(kind: str):
    assert canonical_type(kind) == kind


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        # Civitai
        ("Checkpoint", "checkpoint"),
        ("LORA", "lora"),
        ("LoCon", "lora"),
        ("DoRA", "lora"),
        ("TextualInversion", "embedding"),
        ("Negative", "embedding"),
        ("Hypernetwork", "hypernetwork"),
        ("VAE", "vae"),
        ("Controlnet", "controlnet"),
        ("Text Encoder", "text_encoder"),
        ("UNet", "diffusion_model"),
        ("Diffusion Model", "diffusion_model"),
        ("Upscaler", "upscaler"),
        ("MotionModule", "motion_module"),
        ("Detection", "detector"),
        ("AestheticGradient", "aesthetic_gradient"),
        ("Poses", "pose"),
        ("Wildcards", "wildcard"),
        ("Workflows", "workflow"),
        ("Other", "other"),
        ("", "unknown"),
        # Stability Matrix
        ("Model", "checkpoint"),
        ("Unknown", "unknown"),
        ("All", "unknown"),
        # InvokeAI
        ("main", "checkpoint"),
        ("onnx", "checkpoint"),
        ("control_lora", "control_lora"),
        ("t2i_adapter", "t2i_adapter"),
        ("ip_adapter", "ip_adapter"),
        ("clip_embed", "text_encoder"),
        ("t5_encoder", "text_encoder"),
        ("qwen3_vl_encoder", "text_encoder"),
        ("gemma2_encoder", "text_encoder"),
        ("clip_vision", "clip_vision"),
        ("siglip", "clip_vision"),
        ("flux_redux", "style_model"),
        ("spandrel_image_to_image", "upscaler"),
        ("text_llm", "llm"),
        ("prompt_enhancer", "llm"),
        ("llava_onevision", "vlm"),
        ("pid_decoder", "other"),
        ("external_image_generator", "unknown"),
        # ComfyUI-Lora-Manager
        ("diffusion_model", "diffusion_model"),
        ("unet", "diffusion_model"),
        # Pumas
        ("diffusion", "checkpoint"),
        ("vision", "detector"),
        ("reranker", "reranker"),
        ("audio", "audio"),
        # others
        ("Stable-diffusion", "checkpoint"),
        ("diffusion_models", "diffusion_model"),
        ("textual-inversion", "embedding"),
        ("control-lora", "control_lora"),
        ("text-generation", "llm"),
        ("image-text-to-text", "vlm"),
        ("sentence-similarity", "text_embedding_model"),
        ("text-ranking", "reranker"),
        ("automatic-speech-recognition", "audio"),
        # headers
        ("lycoris", "lora"),
        ("controlnet_lllite", "controlnet"),
        ("embedding_model", "text_embedding_model"),
        ("audio_model", "audio"),
    ],
)
def test_a_word_of_any_tool_leads_to_the_canonical_type(word: str, kind: str):
    assert canonical_type(word) == kind


@pytest.mark.parametrize("word", ["LORA", "loras", "Lora", "lo ra", "LO-RA", "lo_ras"])
def test_case_blanks_dashes_and_a_plural_s_make_no_difference_to_a_type(word: str):
    assert canonical_type(word) == "lora"


@pytest.mark.parametrize("word", ["safetensors", "GGUF", "brand new thing", "x" * 100_000])
def test_a_type_that_no_list_has_is_unknown(word: str):
    assert canonical_type(word) == "unknown"


def test_an_embedding_of_pumas_is_a_text_embedding_model():
    assert canonical_type("embedding", tool="pumas") == "text_embedding_model"
    assert canonical_type("llm", tool="pumas") == "llm"
    assert canonical_type("embedding") == "embedding"


def test_a_quantised_main_of_invokeai_is_a_diffusion_model():
    assert canonical_type("main", variant="gguf_quantized") == "diffusion_model"
    assert canonical_type("main", variant="bnb_quantized_nf4b") == "diffusion_model"
    assert canonical_type("main", variant="diffusers") == "checkpoint"


def test_the_word_of_one_file_refines_the_version_and_a_plain_one_does_not():
    assert type_of_part("Text Encoder") == "text_encoder"
    assert type_of_part("Diffusion Model") == "diffusion_model"
    assert [type_of_part(word) for word in ("Model", "Pruned Model", "Archive", "Config")] == [None] * 4
    assert is_companion("Training Data") and is_companion("Config") and not is_companion("Model")


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/sd/models/Stable-diffusion/a.safetensors", "checkpoint"),
        ("/sd/models/VAE-approx/a.pt", "vae_approx"),
        ("/sd/embeddings/a.pt", "embedding"),
        ("/sd/models/RealESRGAN/a.pth", "upscaler"),
        ("/sd/models/Codeformer/a.pth", "face_restore"),
        ("/comfy/models/diffusion_models/flux/a.safetensors", "diffusion_model"),
        ("/comfy/models/clip/a.safetensors", "text_encoder"),
        ("/comfy/models/ipadapter/a.safetensors", "ip_adapter"),
        ("/comfy/models/sams/a.pth", "segmenter"),
        ("/comfy/models/model_patches/a.safetensors", "model_patch"),
        ("/comfy/models/audio_encoders/a.safetensors", "audio"),
        ("/matrix/Models/IpAdaptersXl/a.bin", "ip_adapter"),
        ("/matrix/Models/AfterDetailer/a.pt", "detector"),
        ("/matrix/Models/DeepDanbooru/a.pt", "classifier"),
        ("/matrix/Models/PromptExpansion/a", "llm"),
        ("/swarm/Models/yolov8/a.pt", "detector"),
        ("/invoke/models/sdxl/main/a.safetensors", "checkpoint"),
        ("/invoke/models/any/t5_encoder/a/model.safetensors", "text_encoder"),
        ("D:\\AI\\LoRAs\\ink\\a.safetensors", "lora"),
        ("/data/lora/vae/a.safetensors", "vae"),
        ("/repository/refs/main/a.safetensors", None),
        ("/data/stuff/a.safetensors", None),
        ("", None),
    ],
)
def test_the_nearest_telling_folder_gives_the_type(path: str, kind: str | None):
    assert type_of_folder(path) == kind


def test_folders_above_the_root_that_was_named_do_not_count():
    assert type_of_folder("/loras/collection/new/a.safetensors", root="/loras/collection") is None
    assert type_of_folder("/data/loras/new/a.safetensors", root="/data/loras") == "lora"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("mmproj-model-f16.gguf", "mmproj"),
        ("x.vae.pt", "vae"),
        ("flux_text_encoder.safetensors", "text_encoder"),
        ("x.safetensors", None),
    ],
)
def test_a_file_name_hints_at_few_types(name: str, kind: str | None):
    assert type_of_name(name) == kind


@pytest.mark.parametrize(
    ("word", "base"),
    [
        # Civitai, in other spellings
        ("SD 1.5", "SD 1.5"),
        ("SD 15", "SD 1.5"),
        ("flux1d", "Flux.1 D"),
        ("FLUX.1_D", "Flux.1 D"),
        ("sd 2.1 768", "SD 2.1 768"),
        ("Pony", "Pony"),
        ("wan video 2.2 i2v-a14b", "Wan Video 2.2 I2V-A14B"),
        ("SD 3", "SD 3"),
        # A1111, Forge
        ("SD1", "SD 1.x"),
        ("SD2", "SD 2.x"),
        ("SD3", "SD 3.x"),
        ("SDXL", "SDXL"),
        ("Flux", "Flux.1"),
        ("SdVersion.SD1", "SD 1.x"),
        ("SdVersion.SDXL", "SDXL"),
        ("SdVersion.Unknown", None),
        # SD.Next
        ("xl", "SDXL"),
        ("f1", "Flux.1"),
        ("f2", "Flux.2"),
        ("hv", "Hunyuan Video"),
        ("sc", "Stable Cascade"),
        ("zimage", "ZImage"),
        # InvokeAI
        ("sd-1", "SD 1.x"),
        ("sd-2", "SD 2.x"),
        ("sd-3", "SD 3.x"),
        ("sdxl-refiner", "SDXL Refiner"),
        ("flux2", "Flux.2"),
        ("z-image", "ZImage"),
        ("qwen-image", "Qwen"),
        ("krea-2", "Krea 2"),
        ("cogview4", "CogView4"),
        ("ernie-image", "Ernie"),
        ("ideogram-4", "Ideogram 4.0"),
        # kohya
        ("sd_v1", "SD 1.x"),
        ("sd_v2_v", "SD 2.x"),
        ("sdxl_base_v1-0", "SDXL"),
        ("sdxl_base_v1-0_anything", "SDXL"),
        ("sd3_m", "SD 3.x"),
        ("flux1", "Flux.1"),
        ("flux2-klein", "Flux.2"),
        ("qwen_image_edit", "Qwen"),
        ("hunyuan_video_i2v", "Hunyuan Video"),
        ("hunyuan-image-2.1", "Hunyuan Image 2.1"),
        ("lumina2", "Lumina"),
        ("stable_cascade_c", "Stable Cascade"),
        # modelspec.architecture
        ("stable-diffusion-v1-inpainting", "SD 1.x"),
        ("stable-diffusion-v2-768-v", "SD 2.x"),
        ("stable-diffusion-v2-unclip-h", "SD 2.1 Unclip"),
        ("stable-diffusion-xl-v1-base/lora", "SDXL"),
        ("stable-diffusion-xl-turbo-v1", "SDXL Turbo"),
        ("stable-diffusion-3-5-large", "SD 3.5 Large"),
        ("flux-1-dev/textual-inversion", "Flux.1 D"),
        ("flux-1-schnell", "Flux.1 S"),
        ("stable-cascade-v1-stage-c", "Stable Cascade"),
        ("stable-video-diffusion-img2vid-v0_9", "SVD"),
        ("anima-preview", "Anima"),
        # repositories
        ("runwayml/Stable-Diffusion-v1-5", "SD 1.5"),
        ("stabilityai/stable-diffusion-2-1", "SD 2.1 768"),
        ("Qwen/Qwen-Image-Edit-2509", "Qwen"),
        ("https://huggingface.co/black-forest-labs/FLUX.1-schnell", "Flux.1 S"),
        ("someone/some-model", "someone/some-model"),
        ("Qwen/Qwen2.5-7B-Instruct", "Qwen/Qwen2.5-7B-Instruct"),
        # headers
        ("PixArt-Sigma", "PixArt E"),
        ("Wan 2.2", "Wan Video"),
        ("Hunyuan DiT", "Hunyuan 1"),
        ("LTX-2", "LTXV2"),
    ],
)
def test_a_word_of_any_tool_leads_to_the_canonical_base(word: str, base: str | None):
    assert canonical_base(word) == base


@pytest.mark.parametrize(
    "word", ["Other", "Unknown", "unknown", "any", "external", "", "null", "None", "-", " "]
)
def test_words_for_nothing_are_no_base_model(word: str):
    assert canonical_base(word) is None


@pytest.mark.parametrize("word", ["Qwen 3", "Flux.2 Klein 12B", "Animagine XL", "ZImageEdit", "sdxl-ish"])
def test_a_base_that_no_list_has_stays_as_it_was_written(word: str):
    assert canonical_base(f"  {word} ") == word


@pytest.mark.parametrize(
    ("word", "variant", "base"),
    [
        ("flux", "dev", "Flux.1 D"),
        ("flux", "dev_fill", "Flux.1 D"),
        ("flux", "schnell", "Flux.1 S"),
        ("flux", "normal", "Flux.1"),
        ("flux2", "klein_9b_base", "Flux.2 Klein 9B-base"),
        ("z-image", "zbase", "ZImageBase"),
        ("wan", "ti2v_5b", "Wan Video 2.2 TI2V-5B"),
        ("wan", "5b", "Wan Video 2.2 TI2V-5B"),
        ("wan", "a14b", "Wan Video"),
        ("sdxl", "normal", "SDXL"),
    ],
)
def test_a_variant_refines_the_base_that_it_belongs_to(word: str, variant: str, base: str):
    assert canonical_base(word, variant=variant) == base


def test_architectures_of_gguf_are_a_vocabulary_of_their_own():
    assert base_of_architecture("qwen_image") == "Qwen"
    assert base_of_architecture("hyvid") == "Hunyuan Video"
    assert [base_of_architecture(word) for word in ("llama", "qwen2", "qwen3", "cosmos")] == [
        "llama",
        "qwen2",
        "qwen3",
        "cosmos",
    ]
    assert base_of_architecture("") is None


@pytest.mark.parametrize(
    ("urn", "base"),
    [
        ("urn:air:sd1:lora:civitai:1@2", "SD 1.x"),
        ("urn:air:flux1:checkpoint:civitai:1@2", "Flux.1"),
        ("air:SDXL:lora:civitai:1@2", "SDXL"),
        ("urn:air:qwen:lora:civitai:1@2", "Qwen"),
        ("urn:air:other:lora:civitai:1@2", None),
        ("civitai:1@2", None),
    ],
)
def test_the_ecosystem_of_an_air_names_the_base(urn: str, base: str | None):
    assert base_of_air(urn) == base


@pytest.mark.parametrize(
    ("fine", "coarse"),
    [
        ("SD 1.5", "SD 1.x"),
        ("SDXL Lightning", "SDXL"),
        ("Pony", "SDXL"),
        ("Illustrious", "SDXL"),
        ("NoobAI", "SDXL"),
        ("SD 3", "SD 3.x"),
        ("SD 3.5 Medium", "SD 3.x"),
        ("Flux.1 Kontext", "Flux.1"),
        ("Pony V7", "AuraFlow"),
        ("Wan Video 2.2 TI2V-5B", "Wan Video"),
    ],
)
def test_a_fine_value_beats_the_coarse_one_of_its_family(fine: str, coarse: str):
    assert family_of(fine) == coarse == family_of(coarse)
    assert is_finer(fine, coarse)
    assert not is_finer(coarse, fine)
    assert not is_finer(coarse, coarse)


def test_values_of_two_families_and_two_fine_values_are_not_finer_than_each_other():
    assert not is_finer("Pony V7", "SDXL")
    assert not is_finer("SDXL Refiner", "SDXL")
    assert not is_finer("Pony", "SDXL 1.0")
    assert not is_finer("llama", "SDXL")
    assert family_of("llama") is None


def test_only_the_older_families_are_spread_as_complete_checkpoints():
    assert is_complete_base("Pony") and is_complete_base("SD 1.5") and is_complete_base("SVD XT")
    assert not is_complete_base("Flux.1 D") and not is_complete_base("llama")


@pytest.mark.parametrize(
    ("word", "collapsed"),
    [
        ("SDXL Lightning", "SDXL 1.0"),
        ("Illustrious", "Illustrious"),
        ("Pony", "Pony"),
        ("Flux.1 D", "Flux.1 D"),
        ("Qwen", "Qwen"),
    ],
)
def test_the_substring_table_of_lora_manager_is_known(word: str, collapsed: str):
    assert collapsed_base(word) == collapsed
