"""Which files below a folder may be models, told by name; the content is asked later."""

import os
import re
from collections.abc import Callable, Iterator

from modelmgr import tree
from modelmgr.progress import Progress
from modelmgr.values import MODEL_SUFFIXES, Problem

# Ollama names its blobs sha256-<hex> (older: sha256:<hex>), the Hugging Face cache by the bare SHA-256 or git blob id.
_BLOB = re.compile(r"(sha256[-:])?([0-9a-f]{64}|[0-9a-f]{40})\Z")


def looks_like_a_model(name: str) -> bool:
    """Tell whether a file of this name is worth a look: a model suffix, or the name of a blob."""
    suffix = os.path.splitext(name)[1].lower()
    return suffix in MODEL_SUFFIXES or (not suffix and _BLOB.match(name) is not None)


def is_blob(path: str) -> bool:
    """Tell whether a path is a bare blob of Ollama or the Hugging Face cache: a model only if its content is one."""
    folder, name = os.path.split(path)
    return os.path.basename(folder) == "blobs" and _BLOB.match(name) is not None


def walk_models(
    root: str, progress: Progress, report: Callable[[Problem], None]
) -> Iterator[list[tree.Entry]]:
    """Yield the files below `root` that may be models, a folder at a time. See `tree.walk` for what is entered."""
    for listing in tree.walk(root, progress, wanted=looks_like_a_model, report=report):
        found = [
            entry
            for entry in listing.entries
            if os.path.splitext(entry.name)[1].lower() in MODEL_SUFFIXES or is_blob(entry.path)
        ]
        if found:
            yield found
