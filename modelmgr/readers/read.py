"""From a path to a `Header`: open, recognise, read, identify."""

import errno
import hashlib
import json
import math
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from modelmgr.readers import classes, detect, ncnn, onnx
from modelmgr.readers.classes import Said
from modelmgr.readers.contents import Contents, FileBytes
from modelmgr.readers.header import Header
from modelmgr.readers.identify import Statement, Verdict, identify, recognise
from modelmgr.readers.rules import version
from modelmgr.readers.suggest import picture, suggestions
from modelmgr.values import Problem

_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_TELLING = frozenset(("gguf", "onnx")) | detect.TORCH_FORMATS


def read_header(path: str) -> Header:
    """Read a file's header and tell what the file is.

    Whatever is in the file, there is an answer; what is wrong with it stands in the header's problems. Tensor data
    are not read, nothing is executed or unpickled.

    Raises:
        OSError: the file is gone, is no regular file, or can't be opened or read.
    """
    contents = contents_of(path)
    return header_of(contents, path, judged(contents, os.path.basename(path), classes.beside(path)))


def read_open(descriptor: int, path: str, size_bytes: int, head: bytes | memoryview = b"") -> Header:
    """Read the header of a regular file that is open, as `read_header` does.

    Args:
        descriptor: open for reading; its position is moved, it stays open.
        path: where the file is; its name is the last and weakest witness.
        size_bytes: its size when it was opened.
        head: its first bytes, if they were read already; a header that lies in them costs no further read.

    Raises:
        OSError: the file can't be read.
    """
    contents = detect.read_contents(FileBytes(descriptor, size_bytes, head), path)
    return header_of(contents, path, judged(contents, os.path.basename(path), classes.beside(path)))


def read_heads(heads: Sequence[tuple[str, int, bytes]]) -> list[Header]:
    """Read headers that are in memory, as `read_open` does each: one step with all of them, then the next.

    Processors keep at hand what one step works with, but not what all of them do: of some dozens it takes a quarter
    less time.

    Args:
        heads: path and size of each file, and its first bytes with the whole header among them.
    """
    read = [detect.read_contents(FileBytes(-1, size_bytes, head), path) for path, size_bytes, head in heads]
    places = [(contents, path) for contents, (path, *_) in zip(read, heads, strict=True)]
    verdicts = [judged(contents, os.path.basename(path), classes.beside(path)) for contents, path in places]
    return [header_of(*place, verdict) for place, verdict in zip(places, verdicts, strict=True)]


def contents_of(path: str) -> Contents:
    """Return names, shapes and metadata of a file, not yet identified.

    Raises:
        OSError: as `read_header`.
    """
    descriptor = os.open(path, _FLAGS)
    try:
        # Opened without blocking, so a pipe gets this far, and no further.
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "not a regular file", path)
        head = os.read(descriptor, detect.HEAD_BYTES)
        return detect.read_contents(FileBytes(descriptor, status.st_size, head), path)
    finally:
        os.close(descriptor)


def verdict_of(contents: Contents, name: str, said: Sequence[Statement] = ()) -> Verdict:
    """Tell what a header belongs to, by the means that there are for its format."""
    named = contents.format in ("safetensors", "gguf") or (
        contents.specs and contents.format in detect.TORCH_FORMATS
    )
    return identify(contents, name, said) if named else _unread(contents, name)


def judged(contents: Contents, name: str, said: Said | None) -> Verdict:
    """Tell what a header belongs to, with what a config beside it says; what that states becomes facts."""
    if said is None:
        return recognise(contents, name) if contents.format == "safetensors" else verdict_of(contents, name)
    asked = replace(contents, metadata=said.metadata | contents.metadata) if said.metadata else contents
    verdict = verdict_of(asked, name, said.statements)
    classes.settle(verdict, said)
    contents.facts = said.facts | contents.facts
    return verdict


def header_of(contents: Contents, path: str, verdict: Verdict) -> Header:
    """Put what was read and what it was taken for into one answer."""
    columns, personal = suggestions(contents.metadata)
    shared = None if contents.facts else verdict.shared
    defects = contents.defects + verdict.defects
    embedded, made = _embedded(contents)
    if verdict.base_model is not None and verdict.finer:
        contents.facts["finer"] = list(verdict.finer)
        if verdict.base_by_name is not None:
            contents.facts["base_by_name"] = verdict.base_by_name
    parameters = contents.facts.get("parameter_count", verdict.parameter_count)
    return Header(
        format=contents.format,
        type=verdict.type,
        base_model=verdict.base_model,
        candidates=verdict.candidates,
        variant=verdict.variant,
        architecture=verdict.architecture,
        algorithm=verdict.algorithm,
        rank=verdict.rank,
        alpha=verdict.alpha,
        precision=verdict.precision,
        layout=verdict.layout,
        components=verdict.components,
        parameter_count=parameters if parameters is not None and parameters < 2**63 else None,
        tensor_count=len(contents.specs),
        metadata=contents.metadata,
        data_offset=contents.data_offset,
        confidence=verdict.confidence,
        evidence=verdict.evidence,
        problems=tuple(Problem(path, defect.code, defect.message, kept=True) for defect in defects),
        suggestions=columns,
        personal=personal,
        facts=contents.facts,
        rules_version=version(),
        embedded=embedded,
        embedded_made=made,
        embedded_sha256=None if embedded is None else hashlib.sha256(embedded).hexdigest(),
        picture=picture(contents.metadata),
        shared=shared,
    )


def _embedded(contents: Contents) -> tuple[bytes | None, bool]:
    """Return what the file says of itself as a record's payload, and whether it was written by us."""
    if not contents.metadata.keys() - {"format"}:
        return None, False
    if contents.embedded is not None:
        return contents.embedded, False
    if contents.format not in _TELLING:
        return None, False
    text = json.dumps(_plain(contents.metadata), ensure_ascii=False)
    return text.encode("utf-8", "replace"), True


def _plain(value: Any) -> Any:
    """Return a value with texts for what JSON, or a reader of JSON, has no words for."""
    if value is None or isinstance(value, (str, bool)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, int):
        return value if value.bit_length() <= 64 else hex(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(member) for key, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(member) for member in value]
    return str(value)


def _unread(contents: Contents, name: str) -> Verdict:
    """Answer for the formats whose tensors are not looked at."""
    if contents.format == "onnx":
        return onnx.identify(contents, name)
    if contents.format == "ncnn" and ncnn.is_upscaler(contents):
        return Verdict("upscaler", confidence="metadata", evidence=("one image in, a larger one out",))
    if contents.format in detect.TORCH_FORMATS:
        return Verdict(confidence="ambiguous", evidence=("a pickle without tensors that can be told",))
    return Verdict()
