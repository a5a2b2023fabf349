"""The names by which the files of a split model know each other: the numbers in them, and the index beside them.

For whoever groups files and whoever reads them. Opens nothing.
"""

import json
import re
from collections.abc import Collection, Iterable, Iterator
from itertools import islice
from typing import NamedTuple

INDEX_LIMIT_BYTES = 24 * 1024 * 1024
"""The index of a model of a trillion parameters in 384 experts has some 15 MB."""
USUAL_COMPONENTS = (
    *("transformer", "transformer_2", "unet", "prior", "decoder", "vae"),
    *("text_encoder", "text_encoder_2", "text_encoder_3", "image_encoder"),
)
"""The folders in which diffusers pipelines keep weights, for a ``model_index.json`` that names none."""
ENTRY_LIMIT = 400_000
FILE_LIMIT = 10_000

# diffusers and transformers put a variant into the name: model.safetensors.index.fp16.json.
_INDEX = re.compile(r"(?P<stem>.+)\.index(?:\.[A-Za-z0-9_]{1,16})?\.json\Z", re.DOTALL)
# transformers writes five digits each; some publishers give the count six, diffusers puts the variant behind.
_PART = re.compile(
    r"(?P<prefix>.+)-(?P<number>\d{5,6})-of-(?P<count>\d{5,6})(?P<suffix>(?:\.[A-Za-z0-9_]{1,16}){1,2})\Z",
    re.DOTALL,
)
# No JSON reader: one that builds all objects of a hostile index takes ten times its size in memory.
_PAIR = re.compile(rb'"([^"\\]{1,1024})"[ \t\r\n]{0,16}:[ \t\r\n]{0,16}"((?:[^"\\]|\\.){1,512})"')
_WEIGHTS = (".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".gguf", ".onnx")


class Part(NamedTuple):
    """One of the files of a split model, as its name has it.

    `number` counts from 1 (a few writers: from 0). `digits` and `of_digits` are how many digits the name gives
    the two.
    """

    prefix: str
    number: int
    of: int
    suffix: str
    digits: int
    of_digits: int

    def name(self, number: int) -> str:
        """Return the name of another part of the same model."""
        return f"{self.prefix}-{number:0{self.digits}}-of-{self.of:0{self.of_digits}}{self.suffix}"

    def span(self, numbers: Collection[int]) -> range:
        """Return the numbers of all parts of a model of which some have these numbers."""
        first = min(1, *numbers)  # a few writers count from 0
        return range(first, max(self.of + first - 1, *numbers) + 1)

    def absent(self, numbers: Collection[int], limit: int) -> list[str]:
        """Return the names of the first parts, at most `limit`, that have none of these numbers."""
        have = frozenset(numbers)
        return list(islice((self.name(number) for number in self.span(have) if number not in have), limit))


def part_of(name: str) -> Part | None:
    """Return what ``NAME-00002-of-00005.safetensors`` says; None for a file that is not one of several."""
    found = _PART.match(name) if "-of-" in name else None
    if found is None:
        return None
    number, of = int(found["number"]), int(found["count"])
    if of < 2 or number > of:
        return None
    return Part(found["prefix"], number, of, found["suffix"], len(found["number"]), len(found["count"]))


def numbered(names: Iterable[str]) -> dict[Part, list[int]]:
    """Return the numbers of the parts of each split model; its key has the number 0."""
    models: dict[Part, list[int]] = {}
    for name in names:
        part = part_of(name)
        if part is not None:
            models.setdefault(part._replace(number=0), []).append(part.number)
    return models


def index_stem(name: str) -> str | None:
    """Return what stands before ``.index.json``, with the suffix of the weights; None for another file's name."""
    found = _INDEX.match(name) if name.endswith(".json") else None
    return None if found is None else found["stem"]


def files_named(index: bytes) -> tuple[str, ...]:
    """Return the different file names of an index in order of appearance, at most `FILE_LIMIT`.

    They are a stranger's: they may hold separators.
    """
    names: dict[str, None] = {}
    for _, name in _places(index):
        names[name] = None
        if len(names) >= FILE_LIMIT:
            break
    return tuple(names)


def weight_map(index: bytes) -> dict[str, list[str]]:
    """Return file name -> names of its tensors, as an index tells, however it is broken; bounded as `files_named`."""
    files: dict[str, list[str]] = {}
    for tensor, name in _places(index):
        if name in files or len(files) < FILE_LIMIT:
            files.setdefault(name, []).append(tensor)
    return files


def _places(index: bytes) -> Iterator[tuple[str, str]]:
    """Yield tensor name and file name of each entry of a ``weight_map``."""
    for found in islice(_PAIR.finditer(index), ENTRY_LIMIT):
        name = found[2].decode("utf-8", "replace")
        if "\\" in name:
            name = _unescaped(name)
        if name.lower().endswith(_WEIGHTS):
            yield found[1].decode("utf-8", "replace"), name


def is_plain(name: str) -> bool:
    """Tell whether a name from a file stays in the folder of that file."""
    return name not in ("", ".", "..") and not any(char in name for char in "/\\:\0")


def _unescaped(text: str) -> str:
    try:
        value: str = json.loads(f'"{text}"')
    except ValueError:
        return text
    return value
