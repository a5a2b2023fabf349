"""Tensors as published models and adapters name and shape them, as few as decide what they are."""

from typing import Any

Shapes = dict[str, tuple[Any, ...]]


def below(prefix: str, shapes: Shapes) -> Shapes:
    return {prefix + name: shape for name, shape in shapes.items()}


def unet(
    *,
    context: int,
    channels: int = 320,
    levels: tuple[int, ...] = (1, 1, 1, 0),
    linear: bool = False,
    vector: int | None = None,
    inputs: int = 4,
    resnets: int = 2,
) -> Shapes:
    """Return the way down of a UNet in the original layout; `levels` are the depths of its transformers."""
    shapes: Shapes = {
        "input_blocks.0.0.weight": (channels, inputs, 3, 3),
        "time_embed.0.weight": (4 * channels, channels),
        "out.2.weight": (4, channels, 3, 3),
    }
    if vector is not None:
        shapes["label_emb.0.0.weight"] = (4 * channels, vector)
    block = 1
    for level, depth in enumerate(levels):
        width = channels * min(2**level, 4)
        for _ in range(resnets):
            shapes[f"input_blocks.{block}.0.in_layers.0.weight"] = (width,)
            shapes[f"input_blocks.{block}.0.out_layers.3.weight"] = (width, width, 3, 3)
            if depth:
                shapes[f"input_blocks.{block}.1.proj_in.weight"] = (
                    (width, width) if linear else (width, width, 1, 1)
                )
            for index in range(depth):
                inner = f"input_blocks.{block}.1.transformer_blocks.{index}"
                shapes[f"{inner}.attn1.to_q.weight"] = (width, width)
                shapes[f"{inner}.attn2.to_k.weight"] = (width, context)
            block += 1
        if level + 1 < len(levels):
            shapes[f"input_blocks.{block}.0.op.weight"] = (width, width, 3, 3)
            block += 1
    return shapes


def diffusers_unet(
    *,
    context: int,
    levels: tuple[int, ...] = (1, 1, 1, 0),
    linear: bool = False,
    vector: int | None = None,
    inputs: int = 4,
) -> Shapes:
    """Return the way down of a UNet in the diffusers layout."""
    shapes: Shapes = {
        "conv_in.weight": (320, inputs, 3, 3),
        "mid_block.resnets.0.conv1.weight": (1280, 1280, 3, 3),
        "up_blocks.0.resnets.0.conv1.weight": (1280, 2560, 3, 3),
    }
    if vector is not None:
        shapes["add_embedding.linear_1.weight"] = (1280, vector)
    for block, depth in enumerate(levels):
        width = 320 * min(2**block, 4)
        for resnet in range(2):
            shapes[f"down_blocks.{block}.resnets.{resnet}.conv1.weight"] = (width, width, 3, 3)
            inner = f"down_blocks.{block}.attentions.{resnet}"
            if depth:
                shapes[f"{inner}.proj_in.weight"] = (width, width) if linear else (width, width, 1, 1)
            for index in range(depth):
                shapes[f"{inner}.transformer_blocks.{index}.attn2.to_k.weight"] = (width, context)
    return shapes


SD15 = unet(context=768)
SDXL = unet(context=2048, levels=(0, 2, 10), linear=True, vector=2816)
VAE4: Shapes = {
    "encoder.conv_in.weight": (128, 3, 3, 3),
    "encoder.down.2.downsample.conv.weight": (512, 512, 3, 3),
    "decoder.conv_in.weight": (512, 4, 3, 3),
    "decoder.mid.block_1.conv1.weight": (512, 512, 3, 3),
    "decoder.up.3.upsample.conv.weight": (512, 512, 3, 3),
}
VAE16: Shapes = {**VAE4, "decoder.conv_in.weight": (512, 16, 3, 3)}
CLIP_L: Shapes = {f"text_model.encoder.layers.{n}.mlp.fc1.weight": (3072, 768) for n in range(12)}
OPEN_CLIP_G: Shapes = {
    **{f"transformer.resblocks.{n}.mlp.c_fc.weight": (5120, 1280) for n in range(32)},
    "ln_final.weight": (1280,),
}
SDXL_PARTS: Shapes = {
    **below("conditioner.embedders.0.transformer.", CLIP_L),
    **below("conditioner.embedders.1.model.", OPEN_CLIP_G),
    **below("first_stage_model.", VAE4),
}
LDM = "model.diffusion_model."


def flux(*, guidance: bool = True, inputs: int = 64, norm: str = "scale") -> Shapes:
    shapes: Shapes = {
        "img_in.weight": (3072, inputs),
        "img_in.bias": (3072,),
        "txt_in.weight": (3072, 4096),
        "vector_in.in_layer.weight": (3072, 768),
        "final_layer.linear.weight": (64, 3072),
    }
    for block in range(19):
        shapes[f"double_blocks.{block}.img_attn.norm.key_norm.{norm}"] = (128,)
        shapes[f"double_blocks.{block}.img_attn.qkv.weight"] = (9216, 3072)
    if guidance:
        shapes["guidance_in.in_layer.weight"] = (3072, 256)
    return shapes


def flux2(context: int, hidden: int) -> Shapes:
    return {
        "img_in.weight": (hidden, 128),
        "txt_in.weight": (hidden, context),
        "double_stream_modulation_img.lin.weight": (6 * hidden, hidden),
        "double_blocks.0.img_attn.norm.key_norm.scale": (128,),
        "double_blocks.0.img_attn.qkv.weight": (3 * hidden, hidden),
        "single_blocks.0.linear1.weight": (9 * hidden, hidden),
    }


def wan(dim: int, inputs: int, *, outputs: int = 16, extra: Shapes | None = None) -> Shapes:
    return {
        "head.modulation": (1, 2, dim),
        "head.head.weight": (4 * outputs, dim),
        "patch_embedding.weight": (dim, inputs, 1, 2, 2),
        "blocks.0.self_attn.q.weight": (dim, dim),
        "blocks.0.cross_attn.k.weight": (dim, dim),
        "blocks.0.ffn.0.weight": (8960 if dim == 1536 else 13824, dim),
        "text_embedding.0.weight": (dim, 4096),
        **(extra or {}),
    }


Z_IMAGE: Shapes = {
    "cap_embedder.1.weight": (3840, 2560),
    "noise_refiner.0.attention.k_norm.weight": (128,),
    "layers.0.attention.qkv.weight": (11520, 3840),
    "x_embedder.weight": (3840, 64),
}
QWEN: Shapes = {
    "txt_norm.weight": (3584,),
    "img_in.weight": (3072, 64),
    "txt_in.weight": (3072, 3584),
    "transformer_blocks.0.img_mlp.net.0.proj.weight": (12288, 3072),
    "transformer_blocks.0.attn.add_k_proj.weight": (3072, 3072),
    "proj_out.weight": (64, 3072),
}


def peft(modules: dict[str, tuple[int, int]], *, rank: int = 16, middle: str = "") -> Shapes:
    shapes: Shapes = {}
    for module, (inward, outward) in modules.items():
        shapes[f"{module}.lora_A{middle}.weight"] = (rank, inward)
        shapes[f"{module}.lora_B{middle}.weight"] = (outward, rank)
    return shapes
