"""Models of several files whose indexes and configs lie, lead outside, are huge, or no files at all."""
# ruff: noqa: E501 - tables of bytes

import json
import os
from pathlib import Path

from tests.library.hostile.formats import WEIGHTS
from tests.library.hostile.maker import Maker, lora, make_socket, tensors
from tests.readers.conftest import gguf_bytes
from tests.readers.torch_files import state_dict, torch_zip


def shards(maker: Maker) -> None:
    def part(number: int, name: str = "w") -> bytes:
        return tensors({f"{name}{number}": (4, 4)}, fill=bytes([number % 250 + 1, maker.number % 251]))

    folder = maker.folder("shards/lies")
    for number in (1, 2):
        maker.file(folder, f"model-0000{number}-of-00002.safetensors", part(number), "any")
    places = {
        "w1": "../../../outside/secret.safetensors",
        "w2": str(maker.outside / "secret.safetensors"),
        "w3": "model-00001-of-00002.safetensors",
        "w4": "a\0b",
        "w5": "",
        "w6": ".",
    }
    (folder / "model.safetensors.index.json").write_text(
        json.dumps({"metadata": {"total_size": "NaN"}, "weight_map": places})
    )
    maker.file(maker.folder("shards/single"), "m-00002-of-00009.safetensors", part(2), "any")
    folder = maker.folder("shards/million")
    maker.file(folder, "m-00001-of-999999.safetensors", part(3), "any")
    maker.file(folder, "m-00002-of-999999.safetensors", part(4), "any")
    folder = maker.folder("shards/mixed")
    for number, content in enumerate(
        [part(5), b"", part(5), b"<html>", torch_zip(state_dict(WEIGHTS)), lora(9_001)]
    ):
        maker.file(folder, f"m-0000{number}-of-00003.safetensors", content, "any")
    for number, index in enumerate([
        b"", b"{", b"[]", b'{"weight_map":[]}', b'{"weight_map":{"a":5,"b":null,"c":["x"]}}', b'{"weight_map":' + b"[" * 100_000, b"\xff\xfe{", b'{"metadata":{"total_size":1e999}}',
        b'{"weight_map":{' + b",".join(b'"t%d":"model-%05d-of-99999.safetensors"' % (n, n) for n in range(50_000)) + b"}}",
        json.dumps({"weight_map": {"a": "good.safetensors", "b": "x.safetensors", "c": "X" * 300_000}}).encode(),
    ]):  # fmt: skip
        folder = maker.folder(f"shards/index{number}")
        maker.file(folder, "model-00001-of-00002.safetensors", part(10 + number), "any")
        maker.file(folder, "model-00002-of-00002.safetensors", part(30 + number, "v"), "any")
        (folder / "model.safetensors.index.json").write_bytes(index)
    folder = maker.folder("shards/pipe_index")
    maker.file(folder, "model-00001-of-00002.safetensors", part(50), "any")
    maker.file(folder, "model-00002-of-00002.safetensors", part(51), "any")
    os.mkfifo(folder / "model.safetensors.index.json")
    folder = maker.folder("shards/zero_index")
    maker.file(folder, "model-00001-of-00002.safetensors", part(52), "any")
    maker.file(folder, "model-00002-of-00002.safetensors", part(53), "any")
    (folder / "model.safetensors.index.json").symlink_to("/dev/zero")
    folder = maker.folder("shards/large_index")
    maker.file(folder, "model-00001-of-00002.safetensors", part(54), "any")
    maker.file(folder, "model-00002-of-00002.safetensors", part(55), "any")
    with (folder / "model.safetensors.index.json").open("wb") as file:
        file.truncate(10**8)
    folder = maker.folder("shards/linked")
    (maker.outside / "m-00002-of-00002.safetensors").write_bytes(part(57))
    maker.file(folder, "m-00001-of-00002.safetensors", part(56), "any")
    (folder / "m-00002-of-00002.safetensors").symlink_to("gone")
    maker.told(folder / "m-00002-of-00002.safetensors", "not_found")
    folder = maker.folder("shards/gguf")
    for number in range(1, 4):
        header, count = gguf_bytes(
            [("split.no", "u16", 7), ("split.count", "u16", 99)], [("w", (4, number), 0)]
        )
        maker.file(folder, f"m-0000{number}-of-00003.gguf", header + bytes(count), "any")


CONFIGS = {
    "empty": b"", "brace": b"{", "list": b"[]", "deep": b'{"a":' + b"[" * 100_000, "bytes": b"\xff\xfe\0{", "number": b"5", "null": b"null",
    "types": json.dumps({"_class_name": 5, "architectures": {"a": 1}, "model_type": ["x"], "vae": "x", "unet": [1, 2], "a": [None]}).encode(),
    "outside": json.dumps({"_class_name": "FluxPipeline", "../../outside": ["diffusers", "AutoencoderKL"], "/etc": ["a", "B"], "a\0b": ["a", "B"], ".": ["a", "B"], "..": ["a", "B"], "unet": ["os", "system"]}).encode(),
    "lies": json.dumps({"_class_name": "StableDiffusionXLPipeline", "unet": ["diffusers", "UNet2DConditionModel"], "vae": ["diffusers", "AutoencoderKL"], "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 10**4000}).encode(),
    "script": json.dumps({"_class_name": "<script>\x1b[2J\u202e" * 5_000, "auto_map": {"AutoModel": "evil.Model"}, "architectures": ["\ud800" * 9], "unet": ["a", "\x1b" * 999]}).encode(),
    "wide": json.dumps({f"c{n}": ["diffusers", "AutoencoderKL"] for n in range(20_000)} | {"_class_name": "FluxPipeline"}).encode(),
    "peft": json.dumps({"peft_type": "LORA" * 5_000, "base_model_name_or_path": "../../../etc/passwd\n", "r": -5, "lora_alpha": "NaN", "target_modules": {"a": 1}}).encode(),
}  # fmt: skip


def marked(maker: Maker) -> None:
    for marker in ("config.json", "model_index.json", "adapter_config.json"):
        for name, content in CONFIGS.items():
            folder = maker.folder(f"folders/{marker[:-5]}_{name}")
            (folder / marker).write_bytes(content)
            maker.file(folder, "model.safetensors", tensors({"a": (4, 4)}, fill=name.encode()), "any")
            maker.file(folder, "pytorch_model.bin", torch_zip(state_dict({"a": (len(name), 4)})), "any")
            (folder / "unet").mkdir()
            maker.file(
                folder / "unet",
                "diffusion_pytorch_model.safetensors",
                tensors({"b": (4, 4)}, fill=marker.encode() + name.encode()),
                "any",
            )
        for kind in ("pipe", "zero", "folder", "large", "dangling", "outside", "socket"):
            folder = maker.folder(f"folders/{marker[:-5]}_is_{kind}")
            maker.file(folder, "model.safetensors", tensors({"a": (4, 4)}, fill=kind.encode()), "any")
            maker.file(folder, "pytorch_model.bin", torch_zip(state_dict({"a": (len(kind), 5)})), "any")
            _special(maker, folder / marker, kind)


def _special(maker: Maker, path: Path, kind: str) -> None:
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "zero":
        path.symlink_to("/dev/zero")
    elif kind == "folder":
        path.mkdir()
    elif kind == "dangling":
        path.symlink_to("gone")
    elif kind == "large":
        with path.open("wb") as file:
            file.write(b'{"a":"')
            file.truncate(100_000_000)
    elif kind == "outside":
        target = maker.outside / "config.json"
        target.write_bytes(CONFIGS["lies"])
        path.symlink_to(target)
    else:
        make_socket(path)


def pipelines(maker: Maker) -> None:
    folder = maker.folder("pipeline")
    index = {
        "_class_name": "StableDiffusionXLPipeline",
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "linked": ["a", "B"],
        "gone": ["a", "B"],
    }
    (folder / "model_index.json").write_text(json.dumps(index))
    for number, component in enumerate(("unet", "vae", "text_encoder")):
        (folder / component).mkdir()
        name = "model.safetensors" if component == "text_encoder" else "diffusion_pytorch_model.safetensors"
        maker.file(
            folder / component,
            name,
            (tensors({"x": (4, 4)}, fill=bytes([77, number])), b"", b"<html>")[number],
            "any",
        )
    (maker.outside / "component").mkdir()
    (folder / "linked").symlink_to(folder / "unet")
    os.mkfifo(folder / "vae" / "model.safetensors")
    maker.told(folder / "vae" / "model.safetensors", "unreadable")
    inner = folder / "unet" / "inner"
    inner.mkdir()
    (inner / "model_index.json").write_text(json.dumps(index))
    maker.neighbour(inner)
