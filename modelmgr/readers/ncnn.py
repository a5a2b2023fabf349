"""The weights of an ncnn model: a file without magic, told by the text beside it that describes the network.

The text (Tencent/ncnn, docs/developer-guide/param-and-model-file-structure.md): the number 7767517, a line with the
numbers of layers and blobs, then a line a layer: type, name, number of inputs and outputs, their names, parameters.
"""

import os
from collections import Counter

from modelmgr.readers.contents import Contents, Defect
from modelmgr.told.texts import clean

MAGIC = b"7767517"
PARAM_LIMIT_BYTES = 4 * 1024 * 1024
LAYER_LIMIT = 50_000
_KINDS_SHOWN = 16
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


def read(path: str) -> Contents | None:
    """Return what the ``.param`` beside a ``.bin`` says, or None if there is none."""
    text = _param(path[: -len(".bin")] + ".param")
    if text is None:
        return None
    contents = Contents("ncnn")
    lines = text.decode("utf-8", "replace").splitlines()[1 : LAYER_LIMIT + 2]
    counts = lines[0].split() if lines else []
    if len(counts) != 2 or not all(count.isascii() and count.isdigit() for count in counts):
        contents.defects.append(
            Defect("header_invalid", "The .param beside it doesn't say how many layers there are.")
        )
        return contents
    kinds: Counter[str] = Counter()
    made: dict[str, None] = {}
    used: set[str] = set()
    inputs: list[str] = []
    for line in lines[1:]:
        words = line.split(maxsplit=200)
        if len(words) < 4 or not (
            words[2].isascii() and words[2].isdigit() and words[3].isascii() and words[3].isdigit()
        ):
            continue
        taken, given = int(words[2][:6]), int(words[3][:6])
        kinds[clean(words[0][:100])] += 1
        used.update(words[4 : 4 + taken])
        made.update(dict.fromkeys(words[4 + taken : 4 + taken + given]))
        if words[0] == "Input":
            inputs += words[4 + taken : 4 + taken + given]
    contents.facts["layers"] = int(counts[0][:9])
    contents.facts["layer_kinds"] = dict(kinds.most_common(_KINDS_SHOWN))
    contents.facts["inputs"] = [clean(name[:200]) for name in inputs[:_KINDS_SHOWN]]
    contents.facts["outputs"] = [clean(name[:200]) for name in made if name not in used][:_KINDS_SHOWN]
    if int(counts[0][:9]) > kinds.total():
        contents.defects.append(
            Defect(
                "truncated", f"The .param beside it has {kinds.total():,} of {int(counts[0][:9]):,} layers."
            )
        )
    return contents


def is_upscaler(contents: Contents) -> bool:
    """Tell whether one image goes in, is made larger on the way, and one comes out."""
    facts = contents.facts
    larger = facts.get("layer_kinds", {}).keys() & {"PixelShuffle", "Interp", "Deconvolution"}
    return bool(larger) and len(facts.get("inputs", ())) == 1 and len(facts.get("outputs", ())) == 1


def _param(path: str) -> bytes | None:
    try:
        descriptor = os.open(path, _FLAGS)
    except (OSError, ValueError):
        return None
    try:
        if os.read(descriptor, len(MAGIC)) != MAGIC:
            return None
        os.lseek(descriptor, 0, os.SEEK_SET)
        return os.read(descriptor, PARAM_LIMIT_BYTES)
    except OSError:
        return None
    finally:
        os.close(descriptor)
