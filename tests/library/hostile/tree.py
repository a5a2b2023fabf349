"""A folder full of what strangers, broken disks and broken downloads leave: each case beside a good model.

Every case has a folder of its own; what is in there must be listed or told, and must not keep the neighbour from being
listed. What a case must not touch lies outside of the tree, beside it.
"""

from pathlib import Path

from tests.library.hostile import folders, formats, places
from tests.library.hostile.maker import Maker, Tree


def make(place: Path, seed: int = 1, *, large: bool = False) -> Tree:
    """Write the tree.

    Args:
        place: an empty folder.
        seed: of what is random in it.
        large: with headers of 100 MB, ten thousand names in a folder and the like.
    """
    maker = Maker(place, seed, large)
    for write in (
        formats.safetensors, formats.gguf_files, formats.archives, formats.pickles, formats.onnx, formats.others,
        formats.suffixes, formats.damaged, folders.shards, folders.marked, folders.pipelines, places.names,
        places.links, places.devices, places.paths, places.downloads,
    ):  # fmt: skip
        write(maker)
    return Tree(maker.root, maker.outside, maker.canary, maker.bad, maker.good)
