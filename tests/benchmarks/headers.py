"""From a path to what the file is: header files with true names and sparse tensors, and how long they take.

The limits are the formats' own readers. They are no dependency of the program or its tests: `pip install safetensors
gguf numpy` brings them; without them the benchmark is left out.
"""

import json
import struct
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelmgr.readers import read_header, tensor_table, tensors

if TYPE_CHECKING:
    from run import Bench

Shapes = dict[str, tuple[int, ...]]

VOCABULARY = 128_000
FORGET = (tensor_table.forget, tensors.forget)


def lora(rank: int, *, first_block: int = 4) -> Shapes:
    """Return the tensors of an SDXL LoRA of the attention layers, 900 of them; other blocks have other names."""
    shapes: Shapes = {}
    for block in range(first_block, first_block + 5):
        for layer in range(10):
            for part in (
                "attn1_to_q",
                "attn1_to_k",
                "attn1_to_v",
                "attn1_to_out_0",
                "attn2_to_q",
                "attn2_to_k",
            ):
                module = f"lora_unet_input_blocks_{block}_1_transformer_blocks_{layer}_{part}"
                shapes[f"{module}.alpha"] = ()
                shapes[f"{module}.lora_down.weight"] = (rank, 2048 if part == "attn2_to_k" else 1280)
                shapes[f"{module}.lora_up.weight"] = (1280, rank)
    return shapes


def checkpoint() -> Shapes:
    """Return some 1,800 tensors as an SDXL checkpoint has them: the U-Net's transformers, VAE and text encoders."""
    shapes: Shapes = {}
    unet = "model.diffusion_model."
    shapes[f"{unet}input_blocks.0.0.weight"] = (320, 4, 3, 3)
    shapes[f"{unet}input_blocks.0.0.bias"] = (320,)
    shapes[f"{unet}label_emb.0.0.weight"] = (1280, 2816)
    for place, depth, width in (
        *((f"input_blocks.{n}", 2, 640) for n in (4, 5)),
        *((f"input_blocks.{n}", 10, 1280) for n in (7, 8)),
        ("middle_block", 10, 1280),
        *((f"output_blocks.{n}", 10, 1280) for n in (0, 1, 2)),
        *((f"output_blocks.{n}", 2, 640) for n in (3, 4, 5)),
    ):
        for part in ("in_layers.0", "emb_layers.1", "out_layers.0", "norm", "proj_in", "proj_out"):
            inner = 0 if "layers" in part else 1
            shapes[f"{unet}{place}.{inner}.{part}.weight"] = (width, width)
            shapes[f"{unet}{place}.{inner}.{part}.bias"] = (width,)
        for layer in range(depth):
            for attention, context in (("attn1", width), ("attn2", 2048)):
                for part in ("to_q", "to_k", "to_v"):
                    wide = width if part == "to_q" else context
                    shapes[f"{unet}{place}.1.transformer_blocks.{layer}.{attention}.{part}.weight"] = (
                        width,
                        wide,
                    )
                shapes[f"{unet}{place}.1.transformer_blocks.{layer}.{attention}.to_out.0.weight"] = (
                    width,
                    width,
                )
            for norm in ("norm1", "norm2", "norm3", "attn1.to_out.0", "ff.net.2"):
                shapes[f"{unet}{place}.1.transformer_blocks.{layer}.{norm}.bias"] = (width,)
            shapes[f"{unet}{place}.1.transformer_blocks.{layer}.ff.net.0.proj.weight"] = (8 * width, width)
    for layer in range(32):
        start = f"conditioner.embedders.1.model.transformer.resblocks.{layer}."
        for part in ("attn.out_proj", "ln_1", "ln_2", "mlp.c_fc", "mlp.c_proj"):
            shapes[f"{start}{part}.weight"] = (1280, 1280)
            shapes[f"{start}{part}.bias"] = (1280,)
        shapes[f"{start}attn.in_proj_weight"] = (3840, 1280)
    for layer in range(12):
        for part in ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "layer_norm1", "mlp.fc1"):
            start = f"conditioner.embedders.0.transformer.text_model.encoder.layers.{layer}."
            shapes[f"{start}{part}.weight"] = (768, 768)
            shapes[f"{start}{part}.bias"] = (768,)
    for number in range(244):
        shapes[f"first_stage_model.decoder.up.{number // 60}.block.{number % 60}.conv1.weight"] = (
            128,
            128,
            3,
            3,
        )
    return shapes


def large() -> Shapes:
    """Return some 5,000 tensors as a quantised diffusion model with its text encoder has them."""
    shapes: Shapes = {}
    for block in range(57):
        for part in (
            "attn.qkv",
            "attn.proj",
            "mlp.0",
            "mlp.2",
            "mod.lin",
            "norm.query_norm",
            "norm.key_norm",
        ):
            for stream in ("img", "txt"):
                start = f"model.diffusion_model.double_blocks.{block}.{stream}_{part}."
                shapes[f"{start}weight"] = (3072, 3072)
                shapes[f"{start}bias"] = (3072,)
                shapes[f"{start}weight_scale"] = ()
                shapes[f"{start}input_scale"] = ()
    for layer in range(64):
        for part in ("attn.q", "attn.k", "attn.v", "attn.o", "ff.wi_0", "ff.wi_1", "ff.wo", "norm"):
            start = f"text_encoders.t5xxl.transformer.encoder.block.{layer}.layer.0.{part}."
            shapes |= {f"{start}weight": (4096, 4096), f"{start}weight_scale": (), f"{start}input_scale": ()}
    return shapes


def write_safetensors(path: Path, shapes: Shapes, metadata: dict[str, str]) -> None:
    """Write a header in the reference library's spelling, and sparse tensors of 16 bits."""
    header: dict[str, Any] = {"__metadata__": metadata}
    offset = 0
    for name, shape in shapes.items():
        end = offset + 2 * prod(shape)
        header[name] = {"dtype": "F16", "shape": list(shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + offset)


def trainings(files: int) -> Iterator[dict[str, str]]:
    """Yield the metadata of trainings, each with other words."""
    for number in range(files):
        tags = {f"tag {other}": (other * 37 + number) % 100 + 1 for other in range(200)}
        yield {
            "ss_output_name": f"training {number}",
            "ss_base_model_version": "sdxl_base_v1-0",
            "ss_network_dim": "32",
            "ss_tag_frequency": json.dumps({"10_things": tags}),
            "ss_training_comment": "x" * 500,
        }


def write_gguf(path: Path, *, architecture: str, vocabulary: int, names: Sequence[str]) -> None:
    """Write a GGUF of version 3 with small tensors, and a vocabulary with its merges."""

    def text(value: str) -> bytes:
        content = value.encode()
        return struct.pack("<Q", len(content)) + content

    def texts(key: str, values: Sequence[str]) -> bytes:
        start = text(key) + struct.pack("<IIQ", 9, 8, len(values))
        return start + b"".join(map(text, values))

    pairs = [text("general.architecture") + struct.pack("<I", 8) + text(architecture)]
    pairs += [text(f"{architecture}.context_length") + struct.pack("<II", 4, 8192)]
    if vocabulary:
        pairs += [texts("tokenizer.ggml.tokens", [f"token {number}" for number in range(vocabulary)])]
        pairs += [texts("tokenizer.ggml.merges", [f"to {number}" for number in range(vocabulary)])]
    header = b"GGUF" + struct.pack("<IQQ", 3, len(names), len(pairs)) + b"".join(pairs)
    for number, name in enumerate(names):
        header += text(name) + struct.pack("<IQQIQ", 2, 32, 8, 1, 512 * number)
    header += b"\0" * (-len(header) % 32)
    with path.open("wb") as file:
        file.write(header)
        file.truncate(len(header) + 512 * len(names))


def headers(bench: "Bench") -> None:
    """From a path to what the file is, against the formats' own readers, which only hand out the metadata."""
    try:
        from gguf import GGUFReader
        from safetensors import safe_open
    except ImportError:
        bench.lines.append(["headers: left out, for it takes `pip install safetensors gguf numpy`"])
        return

    def ours() -> None:
        for path in paths:
            read_header(path)

    def limit() -> None:
        for path in paths:
            with safe_open(path, "np") as file:
                file.metadata()

    for title, shapes, files in (
        ("LoRA", lora(32), 25 * bench.scale),
        ("checkpoint", checkpoint(), 25 * bench.scale),
        ("large model", large(), 5 * bench.scale),
    ):
        folder = bench.folder / title
        folder.mkdir()
        paths = [str(folder / f"{number}.safetensors") for number in range(files)]
        for path, told in zip(paths, trainings(files), strict=True):
            write_safetensors(Path(path), shapes, told)
        with open(paths[0], "rb") as file:
            kilobytes = int.from_bytes(file.read(8), "little") // 1000
        title = f"{title} ({len(shapes):,}, header {kilobytes:,} kB)"
        ours()
        bench.against(title, ours, limit, unit="file", amount=files)
        bench.against(
            f"{title}, new shapes", partial(_unseen, paths, FORGET[:1]), limit, unit="file", amount=files
        )
        bench.against(
            f"{title}, new names", partial(_unseen, paths, FORGET), limit, unit="file", amount=files
        )
    _ggufs(bench, GGUFReader)


def _ggufs(bench: "Bench", reader: Callable[[str], object]) -> None:
    llm = [f"blk.{layer}.{part}.weight" for layer in range(32) for part in ("attn_q", "attn_k", "ffn_up")]
    diffusion = [f"double_blocks.{layer}.{n}.weight" for layer in range(19) for n in range(30)]
    for title, architecture, words, names in (
        ("GGUF of a text model", "llama", VOCABULARY // (1 if bench.scale > 1 else 8), llm),
        ("GGUF of a diffusion model", "flux", 0, diffusion),
    ):
        # One of a vocabulary takes the reader seconds.
        paths = [str(bench.folder / f"{architecture}{number}.gguf") for number in range(1 if words else 5)]
        for path in paths:
            write_gguf(Path(path), architecture=architecture, vocabulary=words, names=names)
        title = f"{title} ({len(names):,}, {words:,} words)"
        for kind, forget in (("", ()), (", new shapes", FORGET[:1]), (", new names", FORGET)):
            bench.against(
                f"{title}{kind}",
                partial(_unseen, paths, forget),
                partial(_each, reader, paths),
                unit="file",
                amount=len(paths),
            )


def _each(reader: Callable[[str], object], paths: Sequence[str]) -> None:
    for path in paths:
        reader(path)


def _unseen(paths: Sequence[str], forget: Sequence[Callable[[], None]]) -> None:
    """Read each header after something was forgotten: tables alone, or the names too."""
    for path in paths:
        for each in forget:
            each()
        read_header(path)
