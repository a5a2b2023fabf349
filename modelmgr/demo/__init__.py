"""Writes a small real library: model files, sidecars of several tools, previews, exports.

`modelmgr demo` opens the window on it and the tests work on it. The files are true safetensors and GGUF files with
the tensor names and decisive dimensions of their families (``resources/demo/blueprints.json``); what tools and
people say about them is invented (``resources/demo/library.json``). Nothing depends on the clock, on chance or on
the folder: two libraries are equal byte for byte.
"""

from modelmgr.demo.model_files import (
    GGUF_TYPES,
    SAFETENSORS_BITS,
    ByteOrder,
    Tensors,
    write_copperleaf_xl,
    write_gguf,
    write_inkwash_harbor,
    write_safetensors,
    write_tiny_heron,
)
from modelmgr.demo.paintings import png, write_png
from modelmgr.demo.shelf import DemoLibrary, Identity, write_demo_library

__all__ = [
    "GGUF_TYPES",
    "SAFETENSORS_BITS",
    "ByteOrder",
    "DemoLibrary",
    "Identity",
    "Tensors",
    "png",
    "write_copperleaf_xl",
    "write_demo_library",
    "write_gguf",
    "write_inkwash_harbor",
    "write_png",
    "write_safetensors",
    "write_tiny_heron",
]
