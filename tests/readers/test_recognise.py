"""Headers with equal tensors are identified once, and yet each as if it were alone."""

import random
from collections.abc import Callable
from itertools import product

import pytest

from modelmgr.readers import tensor_table
from modelmgr.readers.identify import identify, recognise
from modelmgr.readers.read import contents_of, header_of

LORA = {
    f"lora_unet_input_blocks_4_1_transformer_blocks_{block}_attn2_to_k.{part}": shape
    for block in range(3)
    for part, shape in (("alpha", ()), ("lora_down.weight", (4, 2048)), ("lora_up.weight", (640, 4)))
}
VAE = {"decoder.conv_in.weight": (512, 16, 3, 3), "encoder.conv_in.weight": (128, 3, 3, 3)}
NAMES = (
    "x.safetensors",
    "my_pony_ink.safetensors",
    "animagine-noob.safetensors",
    "ae.safetensors",
    "sd3 vae.safetensors",
    "model-00002-of-00003.safetensors",
)
SAID: tuple[dict[str, str], ...] = (
    {},
    {"modelspec.title": "Ink"},
    {"modelspec.title": "Illustrious ink", "ss_steps": "3"},
    {"modelspec.title": "PonyXL"},
    {"ss_base_model_version": "sdxl_base_v1-0"},
    {"ss_base_model_version": "sd_v1", "ss_network_alpha": "2"},
    {"modelspec.architecture": "stable-diffusion-xl-v1-base/lora", "ss_network_alpha": "8"},
    {"ss_sd_model_name": "noobai.safetensors", "name": "flux"},
    {"ss_training_comment": "a" * 10_000},
)


@pytest.mark.parametrize("tensors", [LORA, VAE, {}], ids=["lora", "vae", "none"])
@pytest.mark.parametrize("seed", range(3))
def test_what_was_found_of_another_header_is_found_of_this_one(
    safetensors_file: Callable[..., str], tensors: dict[str, tuple[int, ...]], seed: int
) -> None:
    tensor_table.forget()
    cases = list(product(NAMES, SAID))
    random.Random(seed).shuffle(cases)
    for name, metadata in cases:
        path = safetensors_file(tensors, metadata, name=name)
        shared, alone = contents_of(path), contents_of(path)
        alone.derived = {}
        expected = header_of(alone, path, identify(alone, name))
        found = header_of(shared, path, recognise(shared, name))
        assert found.as_json() == expected.as_json()
        assert found.kept() == expected.kept()
