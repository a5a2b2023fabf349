"""The format of a file by its first bytes; its name counts only as what the user may expect.

Pickles are looked into without being run, see `modelmgr.readers.torch_pickle`.
"""

import os
import re
from functools import lru_cache
from typing import NamedTuple

from modelmgr.readers import gguf, ncnn, numpy_array, onnx, rules, safetensors, torch_pickle
from modelmgr.readers.contents import Contents, Defect, FileBytes
from modelmgr.told.texts import clean

HEAD_BYTES = 512
_POINTER_LIMIT_BYTES = 1024
_LEGACY_TORCH = bytes.fromhex("80028a0a6cfc9c46f9206aa850192e")
_TORCH_TAR = (b"sys_info", b"pickle", b"storages", b"tensors")
_OLD_GGML = {
    b"ggml": "ggml", b"lmgg": "ggml", b"ggmf": "ggmf", b"fmgg": "ggmf",
    b"ggjt": "ggjt", b"tjgg": "ggjt", b"ggla": "ggla", b"algg": "ggla",
}  # fmt: skip

TORCH_FORMATS = frozenset(("torch-zip", "torch-legacy", "torchscript", "pickle"))

_EXPECTED: dict[str, frozenset[str]] = {
    ".safetensors": frozenset(("safetensors",)),
    ".sft": frozenset(("safetensors",)),
    ".gguf": frozenset(("gguf",)),
    ".onnx": frozenset(("onnx",)),
    ".ckpt": TORCH_FORMATS,
    ".pt": TORCH_FORMATS,
    ".pth": TORCH_FORMATS,
    ".pt2": TORCH_FORMATS | {"zip"},
    ".pkl": TORCH_FORMATS,
    ".jit": frozenset(("torchscript",)),
    ".bin": TORCH_FORMATS | {"ncnn", "onnx"},
}
_LABELS = {
    "safetensors": "a safetensors file",
    "gguf": "a GGUF file",
    "onnx": "an ONNX model",
    "torch-zip": "a PyTorch zip",
    "torchscript": "a TorchScript module",
    "torch-legacy": "an old PyTorch file",
    "pickle": "a Python pickle",
    "numpy": "a NumPy file",
    "ncnn": "an ncnn model",
    "zip": "a zip archive",
}


class _Foreign(NamedTuple):
    """What stands under the name of a model and is none, as ``resources/identification/foreign.json`` has it."""

    begins: tuple[tuple[re.Pattern[bytes], str], ...]
    download: re.Pattern[bytes]
    refusal: re.Pattern[bytes]
    pointers: dict[bytes, str]


@lru_cache(maxsize=1)
def _foreign() -> _Foreign:
    data = rules.load("foreign")

    def signature(digits: str) -> re.Pattern[bytes]:
        pairs = (digits[at : at + 2] for at in range(0, len(digits), 2))
        return re.compile(
            b"".join(b"." if pair == ".." else re.escape(bytes.fromhex(pair)) for pair in pairs), re.DOTALL
        )

    begins, says = ("|".join(data["download"][key]).encode() for key in ("begins", "says"))
    return _Foreign(
        tuple((signature(digits), what) for digits, what in data["begins"].items()),
        re.compile(rb"\s*(?:<!--.*?-->\s*)*(?:" + begins + b")", re.IGNORECASE | re.DOTALL),
        re.compile(rb"\b(?:" + says + rb")\b", re.IGNORECASE),
        {text.encode(): whose for text, whose in data["pointer"].items()},
    )


def read_contents(file: FileBytes, path: str) -> Contents:
    """Read the header of whatever the file is.

    Always answers: a file that is no model comes back with the format it has and one defect that says what it is.
    """
    contents = _read(file, path)
    _compare_with_name(contents, path)
    return contents


def _read(file: FileBytes, path: str) -> Contents:
    if file.size_bytes == 0:
        return Contents("empty", defects=[Defect("empty_file", "The file is empty.")])
    head = file.at(0, HEAD_BYTES)
    magic = head[:4]
    if magic == gguf.MAGIC:
        return gguf.read(file)
    if magic in _OLD_GGML:
        return _unsupported(f"An old GGML file ({_OLD_GGML[magic]}); today's programs can't load it.")
    if magic == b"PK\x03\x04":
        contents = torch_pickle.read_zip(file)
        if contents.format == "zip" and not contents.defects:
            contents.defects.append(
                Defect("not_a_model", "The file is a zip archive that holds no PyTorch model.")
            )
        return contents
    if _looks_like_safetensors(head):
        return safetensors.read(file)
    if head.startswith(_LEGACY_TORCH):
        return torch_pickle.read_stream(file, "torch-legacy")
    if len(head) > 2 and head[0] == 0x80 and head[1] <= 5:
        return torch_pickle.read_stream(file)
    if (text := _foreign_text(_as_utf8(head), file)) is not None:
        return text
    if head.startswith(numpy_array.MAGIC):
        contents = numpy_array.read(file)
        torch_pickle.look_into_array(file, contents)
        return contents
    if path.lower().endswith(".bin") and (weights := ncnn.read(path)) is not None:
        return weights
    if head[0] == 0x08 and (model := onnx.read(file, path) or onnx.cut_off(file)) is not None:
        return model
    if head[257:262] == b"ustar":
        if head[:100].split(b"\0", 1)[0].removeprefix(b"./") in _TORCH_TAR:
            return Contents(
                "torch-legacy",
                defects=[Defect("unsupported", "A PyTorch tar file of 2016; it is not read.")],
                facts={"pickle_scan": torch_pickle.unscanned(torch_pickle.TAR)},
            )
        return Contents("unknown", defects=[Defect("not_a_model", "The file is a tar archive.")])
    return _nothing_known(head, file, path)


def _looks_like_safetensors(head: bytes) -> bool:
    """Tell whether a plausible length and the opening brace of a header stand at the start (cut off or not)."""
    return (
        len(head) > 8
        and head[8] == 0x7B
        and 2 <= int.from_bytes(head[:8], "little") <= safetensors.HEADER_LIMIT_BYTES
    )


def _as_utf8(head: bytes) -> bytes:
    """Return the beginning of a text without its mark, and in UTF-8 if the mark says that it is in UTF-16."""
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return head.decode("utf-16", "ignore").encode()
    return head.removeprefix(b"\xef\xbb\xbf")


def _foreign_text(head: bytes, file: FileBytes) -> Contents | None:
    """Tell what came instead of a model: a pointer to it, or what a server said."""
    foreign = _foreign()
    for start, whose in foreign.pointers.items():
        if head.startswith(start):
            return _pointer(file, whose)
    is_whole = file.size_bytes <= HEAD_BYTES
    if foreign.download.match(head) or (is_whole and _is_text(head) and foreign.refusal.search(head)):
        message = "The file is a web page or an error message: a failed download."
        return Contents("text", defects=[Defect("not_a_model", message)])
    return None


def _nothing_known(head: bytes, file: FileBytes, path: str) -> Contents:
    for signature, what in _foreign().begins:
        if signature.match(head):
            message = f"The file is {what}; that is not read as a model."
            return Contents("unknown", defects=[Defect("not_a_model", message)])
    if "pickle" in _EXPECTED.get(_suffix(path), ()) and (found := torch_pickle.read_text(file)) is not None:
        return found
    if len(head) >= 8 and _is_text(head):
        return Contents("text", defects=[Defect("not_a_model", "The file is plain text.")])
    if _suffix(path) in (".safetensors", ".sft"):
        # No safetensors header stands there: its reader says in which way not.
        contents = safetensors.read(file)
        contents.format = "invalid"
        return contents
    if not head.strip(b"\0"):
        return Contents(
            "unknown",
            defects=[Defect("not_a_model", "The file begins with NUL bytes only: an unfinished download?")],
        )
    return Contents(
        "unknown", defects=[Defect("not_a_model", "The file is in no format that holds a model.")]
    )


def _unsupported(message: str) -> Contents:
    return Contents("unknown", defects=[Defect("unsupported", message)])


def _pointer(file: FileBytes, whose: str) -> Contents:
    """Read a pointer of Git LFS (git-lfs/git-lfs, docs/spec.md, "The Pointer"), lines of key and value, or another."""
    contents = Contents("lfs-pointer")
    for line in _as_utf8(file.at(0, _POINTER_LIMIT_BYTES)).decode("utf-8", "replace").splitlines():
        key, _, value = line.partition(" ")
        if key in ("oid", "size"):
            contents.metadata[f"lfs.{key}"] = clean(value.strip())
    size = contents.metadata.get("lfs.size", "")
    message = f"The file is a {whose} pointer; the model itself was not downloaded."
    if size.isdecimal() and len(size) < 16:
        message = (
            f"The file is a {whose} pointer; the model itself of {int(size):,} bytes was not downloaded."
        )
    contents.defects.append(Defect("lfs_pointer", message))
    return contents


def _is_text(head: bytes) -> bool:
    if any(byte < 32 and byte not in b"\t\n\r\f\x1b" for byte in head):
        return False
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        # The head may end inside a character.
        return error.start >= len(head) - 3
    return True


def _suffix(path: str) -> str:
    return os.path.splitext(path)[1].lower()


def _compare_with_name(contents: Contents, path: str) -> None:
    suffix = _suffix(path)
    expected = _EXPECTED.get(suffix)
    if expected is None or contents.format in expected or contents.format not in _LABELS:
        return
    contents.defects.insert(
        0, Defect("wrong_suffix", f"The file is named {suffix} but is {_LABELS[contents.format]}.")
    )
