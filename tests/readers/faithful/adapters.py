"""Adapters as their trainers write them: the names and shapes follow from the model they change.

A trainer picks modules of a model by the classes or names it knows, spells their paths in its own way and stores the
factors of its algorithm for each. Here the models come from the tables, so the number of modules and every width are
the true ones.
"""

import re
from collections.abc import Callable, Mapping

from tests.readers.faithful.tables import Shape, tensors_of

Modules = dict[str, Shape]
"""Path of a module -> shape of its weight."""
Weights = dict[str, Shape]


def modules_of(reference: str, pattern: str, prefix: str = "") -> Modules:
    """Return the weight matrices of a model whose path fits `pattern`."""
    fits = re.compile(pattern).search
    return {
        name.removeprefix(prefix).removesuffix(".weight"): shape
        for name, (_, shape) in tensors_of(reference).items()
        if name.endswith(".weight") and len(shape) in (2, 4) and fits(name)
    }


def underscored(prefix: str) -> Callable[[str], str]:
    """Return how kohya and LyCORIS spell a module: the prefix, and ``_`` for every dot."""
    return lambda path: prefix + path.replace(".", "_")


def dotted(prefix: str = "") -> Callable[[str], str]:
    """Return how diffusers, ai-toolkit and PEFT spell a module."""
    return lambda path: prefix + path


# --- algorithms: the factors of one module ------------------------------------------------------------------


def lora(shape: Shape, rank: int = 16) -> Weights:
    """kohya-ss/sd-scripts networks/lora.py; a convolution keeps its kernel in the first factor."""
    return {
        "lora_down.weight": (rank, *shape[1:]),
        "lora_up.weight": (shape[0], rank, *(1,) * (len(shape) - 2)),
        "alpha": (),
    }


def peft(shape: Shape, rank: int = 16) -> Weights:
    """huggingface/peft LoraLayer, as diffusers saves it."""
    return {
        "lora_A.weight": (rank, *shape[1:]),
        "lora_B.weight": (shape[0], rank, *(1,) * (len(shape) - 2)),
    }


def peft_default(shape: Shape, rank: int = 16) -> Weights:
    return {name.replace(".weight", ".default.weight"): part for name, part in peft(shape, rank).items()}


def dora(shape: Shape, rank: int = 16) -> Weights:
    """DoRA as LyCORIS and OneTrainer write it: LoRA and a magnitude for every output."""
    return lora(shape, rank) | {"dora_scale": (shape[0], *(1,) * (len(shape) - 1))}


def dora_peft(shape: Shape, rank: int = 16) -> Weights:
    return peft(shape, rank) | {"lora_magnitude_vector": (shape[0],)}


def locon(shape: Shape, rank: int = 16) -> Weights:
    """LyCORIS LoCon with a Tucker core for 3x3 convolutions."""
    if len(shape) == 4 and shape[-1] > 1:
        return {
            "lora_down.weight": (rank, shape[1], 1, 1),
            "lora_mid.weight": (rank, rank, *shape[2:]),
            "lora_up.weight": (shape[0], rank, 1, 1),
            "alpha": (),
        }
    return lora(shape, rank)


def loha(shape: Shape, rank: int = 8) -> Weights:
    """LyCORIS LoHa: a Hadamard product of two low-rank matrices."""
    inner = shape[1]
    for size in shape[2:]:
        inner *= size
    return {
        "hada_w1_a": (shape[0], rank),
        "hada_w1_b": (rank, inner),
        "hada_w2_a": (shape[0], rank),
        "hada_w2_b": (rank, inner),
        "alpha": (),
    }


def _factors(width: int, factor: int = 8) -> tuple[int, int]:
    small = max(part for part in range(1, factor + 1) if width % part == 0)
    return small, width // small


def lokr(shape: Shape, rank: int = 8) -> Weights:
    """LyCORIS LoKr: a Kronecker product, its larger half factorised again."""
    (out_small, out_large), (in_small, in_large) = _factors(shape[0]), _factors(shape[1])
    return {
        "lokr_w1": (out_small, in_small),
        "lokr_w2_a": (out_large, rank),
        "lokr_w2_b": (rank, in_large),
        "alpha": (),
    }


def lokr_full(shape: Shape) -> Weights:
    (out_small, out_large), (in_small, in_large) = _factors(shape[0]), _factors(shape[1])
    return {"lokr_w1": (out_small, in_small), "lokr_w2": (out_large, in_large), "alpha": ()}


def oft(shape: Shape, blocks: int = 4) -> Weights:
    """Orthogonal finetuning (kohya-ss networks/oft.py, LyCORIS diag-oft): rotations of the output in blocks."""
    return {"oft_blocks": (blocks, shape[0] // blocks, shape[0] // blocks), "alpha": ()}


def boft(shape: Shape, blocks: int = 4) -> Weights:
    """LyCORIS BOFT: butterfly factors of such rotations."""
    return {"oft_blocks": (2, blocks, shape[0] // blocks, shape[0] // blocks), "alpha": ()}


def glora(shape: Shape, rank: int = 8) -> Weights:
    """LyCORIS GLoRA."""
    return {
        "a1.weight": (shape[1], rank),
        "a2.weight": (rank, shape[1]),
        "b1.weight": (shape[0], rank),
        "b2.weight": (rank, shape[1]),
        "alpha": (),
    }


def ia3(shape: Shape) -> Weights:
    """LyCORIS (IA)3: one scale for each output or input."""
    return {"weight": (shape[0], 1), "on_input": ()}


def full(shape: Shape) -> Weights:
    """LyCORIS full: the difference itself."""
    return {"diff": shape}


def adapter(
    modules: Mapping[str, Shape], spell: Callable[[str], str], algorithm: Callable[[Shape], Weights]
) -> dict[str, Shape]:
    """Return the tensors of an adapter of these modules."""
    return {
        f"{spell(path)}.{part}": factor
        for path, shape in modules.items()
        for part, factor in algorithm(shape).items()
    }


def old_diffusers(modules: Mapping[str, Shape], prefix: str = "unet.", rank: int = 4) -> dict[str, Shape]:
    """Return a LoRA as diffusers before 0.22 wrote it: attention processors hold the factors."""
    tensors: dict[str, Shape] = {}
    for path, shape in modules.items():
        head, _, last = path.removesuffix(".0").rpartition(".")
        start = f"{prefix}{head}.processor.{last}_lora"
        tensors[f"{start}.down.weight"] = (rank, shape[1])
        tensors[f"{start}.up.weight"] = (shape[0], rank)
    return tensors
