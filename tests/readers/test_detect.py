"""What a file is, by its bytes: formats, look-alikes, and files that are no model."""

import io
import os
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modelmgr.readers import read_header
from modelmgr.readers.header import Header

SAFETENSORS = (
    struct.pack("<Q", 64) + b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}          ' + b"1234"
)
GGUF = b"GGUF" + struct.pack("<IQQ", 3, 0, 0)
LEGACY = (
    bytes.fromhex("80028a0a6cfc9c46f9206aa850192e")
    + b"\x80\x02M\xe9\x03."
    + 2 * b"\x80\x02}."
    + b"\x80\x02]."
)
PICKLE = b"\x80\x04}."


def codes(header: Header) -> list[str]:
    return [problem.code for problem in header.problems]


def zipped(*names: str, encrypted: bool = False) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, PICKLE if name.endswith(".pkl") else b"content")
    content = buffer.getvalue()
    if encrypted:
        start = content.index(b"PK\x01\x02")
        content = content[: start + 8] + b"\x01" + content[start + 9 :]
    return content


TORCH_ZIP = zipped("archive/data.pkl", "archive/version", "archive/data/0")
TORCHSCRIPT = zipped("m/data.pkl", "m/constants.pkl", "m/code/x.py")


def varint(number: int) -> bytes:
    encoded = b""
    while number > 0x7F:
        encoded += bytes([number & 0x7F | 0x80])
        number >>= 7
    return encoded + bytes([number])


def message(number: int, content: bytes | int) -> bytes:
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    return varint(number << 3 | 2) + varint(len(content)) + content


def value_info(name: str, dims: list[int | str]) -> bytes:
    shape = b"".join(
        message(1, message(1, dim) if isinstance(dim, int) else message(2, dim.encode())) for dim in dims
    )
    return message(1, name.encode()) + message(2, message(1, message(1, 1) + message(2, shape)))


def onnx(
    inputs: list[list[int | str]], outputs: list[list[int | str]], *, weight_bytes: int = 20_000
) -> bytes:
    weight = message(1, 3) + message(2, 1) + message(8, b"w") + message(9, b"\x07" * weight_bytes)
    graph = message(2, b"graph") + message(5, weight) + message(11, value_info("w", [3]))
    graph += b"".join(message(11, value_info(f"in{n}", dims)) for n, dims in enumerate(inputs))
    graph += b"".join(message(12, value_info(f"out{n}", dims)) for n, dims in enumerate(outputs))
    model = message(1, 8) + message(2, b"pytorch") + message(3, b"2.1") + message(7, graph)
    return (
        model
        + message(8, message(1, b"") + message(2, 17))
        + message(14, message(1, b"k") + message(2, b"v"))
    )


NUMPY = (
    b"\x93NUMPY\x01\x00\x42\x00{'descr': '<f4', 'fortran_order': False, 'shape': (0,), }".ljust(75) + b"\n"
)
ONNX = onnx([["N", 3, "H", "W"]], [["N", 3, "H4", "W4"]])


@pytest.mark.parametrize(
    ("content", "name", "expected"),
    [
        (SAFETENSORS, "x.safetensors", "safetensors"),
        (SAFETENSORS, "5f2d8c", "safetensors"),
        (GGUF, "x.gguf", "gguf"),
        (TORCH_ZIP, "x.pth", "torch-zip"),
        (TORCH_ZIP, "x.ckpt", "torch-zip"),
        (zipped("data.pkl", "data/0"), "x.pt", "torch-zip"),
        (TORCHSCRIPT, "x.pt", "torchscript"),
        (LEGACY, "x.ckpt", "torch-legacy"),
        (PICKLE, "x.pt", "pickle"),
        (NUMPY, "x.npy", "numpy"),
        (zipped("a.npy", "b.npy"), "x.npz", "numpy"),
        (ONNX, "x.onnx", "onnx"),
    ],
)
def test_a_format_is_known_by_its_first_bytes(
    content: bytes, name: str, expected: str, file_of: Callable[..., str]
) -> None:
    header = read_header(file_of(content, name))
    assert (header.format, header.problems) == (expected, ())


@pytest.mark.parametrize(
    ("content", "name", "code", "expected"),
    [
        (b"", "x.safetensors", "empty_file", "empty"),
        (b"ggjt\x03\0\0\0", "x.bin", "unsupported", "unknown"),
        (b"lmgg" + b"\0" * 20, "x.bin", "unsupported", "unknown"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"a" * 64 + b"\nsize 6938040682\n",
            "x.safetensors",
            "lfs_pointer",
            "lfs-pointer",
        ),
        (b"<!DOCTYPE html><html>Sign in</html>", "x.safetensors", "not_a_model", "text"),
        (b"\n <HTML><body>404</body>", "x.gguf", "not_a_model", "text"),
        (b'{"error":"Invalid token"}', "x.safetensors", "not_a_model", "text"),
        (b'{ "error": "x"}', "x.ckpt", "not_a_model", "text"),
        (b"<?xml version='1.0'?><Error/>", "x.pth", "not_a_model", "text"),
        (b"Access denied, please log in.\n", "x.safetensors", "not_a_model", "text"),
        (b"\xef\xbb\xbf\r\n<!-- x -->\n<HEAD><title>x", "x.safetensors", "not_a_model", "text"),
        ("<html>403</html>".encode("utf-16"), "x.safetensors", "not_a_model", "text"),
        (b"/annex/objects/SHA256E-s9--aa.safetensors\n", "x.safetensors", "lfs_pointer", "lfs-pointer"),
        (b"\x1f\x8b\x08\0" + bytes(range(1, 200)), "x.safetensors", "not_a_model", "unknown"),
        (b"model.tensors" + b"\0" * 244 + b"ustar\x0000" + b"\0" * 300, "x.pth", "not_a_model", "unknown"),
        ("Esta página em português\n".encode() * 40, "leia.pt", "not_a_model", "text"),
        (b"<div tal:content='x'>\xc3", "page.pt", "not_a_model", "text"),
        (b"\x7fELF\x02\x01\x01\0" + bytes(range(1, 200)), "firmware.bin", "not_a_model", "unknown"),
        (
            b"\x0a\x0e\x0a\x05<unk>\x15\0\0\0\0\x18\x02" + b"\x0a\x01" * 50,
            "tokenizer.model",
            "not_a_model",
            "unknown",
        ),
        (b"\0" * 4096, "x.ckpt", "not_a_model", "unknown"),
        (b"\0" * 4096, "x.safetensors", "header_invalid", "invalid"),
        (zipped("a.txt", "b.class"), "x.zip", "not_a_model", "zip"),
        (TORCH_ZIP[:-30], "x.pth", "truncated", "torch-zip"),
        (zipped("a/data.pkl", encrypted=True), "x.pth", "encrypted", "torch-zip"),
        (zipped("a/data.pkl", "b/data.pkl"), "x.pth", "duplicate_keys", "torch-zip"),
        (b"pickle" + b"\0" * 251 + b"ustar\x0000" + b"\0" * 300, "x.pth", "unsupported", "torch-legacy"),
        (b"notes.txt" + b"\0" * 248 + b"ustar\x0000" + b"\0" * 300, "x.pth", "not_a_model", "unknown"),
        (ONNX[:8000], "x.onnx", "truncated", "onnx"),
    ],
)
def test_a_file_that_is_no_whole_model_says_so_in_one_sentence(
    content: bytes, name: str, code: str, expected: str, file_of: Callable[..., str]
) -> None:
    path = file_of(content, name)
    header = read_header(path)
    assert (header.format, header.type, codes(header)) == (expected, "unknown", [code])
    problem = header.problems[0]
    assert (problem.path, problem.kept) == (path, True)
    assert problem.message.endswith((".", "?")) and "\n" not in problem.message


def test_a_pointer_tells_the_size_of_what_is_missing(file_of: Callable[..., str]) -> None:
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"a" * 64 + b"\nsize 6938040682\n"
    header = read_header(file_of(pointer, "x.safetensors"))
    assert "6,938,040,682 bytes" in header.problems[0].message
    assert header.metadata["lfs.oid"] == "sha256:" + "a" * 64


@pytest.mark.parametrize(
    "said",
    [
        b"Invalid username or password.",
        b'{"message":"Not Found"}',
        b"Entry not found\r\n",
        b"Access to model a/b is restricted and you are not in the authorized list.",
        b"<Error><Code>AccessDenied</Code></Error>",
    ],
)
def test_what_a_server_said_instead_is_a_failed_download(said: bytes, file_of: Callable[..., str]) -> None:
    (problem,) = read_header(file_of(said, "x.safetensors")).problems
    assert "failed download" in problem.message


@pytest.mark.parametrize(
    ("begins", "what"),
    [
        (b"\x1f\x8b\x08\0", "a gzip archive"),
        (b"RIFF\x24\0\0\0WEBPVP8 ", "a WebP picture"),
        (b"\0\0\0 ftypisom", "an MP4 video"),
        (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    ],
)
def test_a_file_of_another_kind_is_called_what_it_is(
    begins: bytes, what: str, file_of: Callable[..., str]
) -> None:
    for name in ("x.safetensors", "x.ckpt", "x.gguf", "x.bin"):
        (problem,) = read_header(file_of(begins + bytes(range(100, 200)), name)).problems
        assert what in problem.message


FORMATS = {
    "safetensors": (SAFETENSORS, {".safetensors", ".sft"}),
    "gguf": (GGUF, {".gguf"}),
    "torch-zip": (TORCH_ZIP, {".ckpt", ".pt", ".pth", ".bin", ".pkl", ".pt2"}),
    "torch-legacy": (LEGACY, {".ckpt", ".pt", ".pth", ".bin", ".pkl", ".pt2"}),
    "pickle": (PICKLE, {".ckpt", ".pt", ".pth", ".bin", ".pkl", ".pt2"}),
    "onnx": (ONNX, {".onnx", ".bin"}),
}


@pytest.mark.parametrize(
    "suffix", [".safetensors", ".sft", ".gguf", ".onnx", ".ckpt", ".pt", ".pth", ".bin", ".PTH"]
)
@pytest.mark.parametrize("kind", FORMATS)
def test_a_wrong_suffix_is_told_whatever_the_pair(
    kind: str, suffix: str, file_of: Callable[..., str]
) -> None:
    content, right = FORMATS[kind]
    header = read_header(file_of(content, "x" + suffix))
    assert header.format == kind
    assert codes(header) == ([] if suffix.lower() in right else ["wrong_suffix"])


def test_no_suffix_and_foreign_suffixes_expect_nothing(file_of: Callable[..., str]) -> None:
    for name in ("sha256-5f2d8c", "x.model", "x.safetensors.part"):
        assert read_header(file_of(SAFETENSORS, name)).problems == ()


def test_ncnn_weights_are_known_by_the_file_beside(tmp_path: Path) -> None:
    weights = tmp_path / "net.bin"
    weights.write_bytes(b"\x47\x6b\x30\x01" + bytes(range(1, 100)))
    assert read_header(str(weights)).format == "unknown"
    (tmp_path / "net.param").write_bytes(b"7767517\n0 0\n")
    header = read_header(str(weights))
    assert (header.format, header.problems) == ("ncnn", ())
    (tmp_path / "net.param").unlink()
    (tmp_path / "net.param").mkdir()
    assert read_header(str(weights)).format == "unknown"


def test_a_zip_with_a_zip64_directory_is_read(file_of: Callable[..., str]) -> None:
    content = TORCH_ZIP
    start = content.index(b"PK\x01\x02")
    end = content.index(b"PK\x05\x06")
    record = struct.pack("<4sQHHIIQQQQ", b"PK\x06\x06", 44, 45, 45, 0, 0, 3, 3, end - start, start)
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, end, 1)
    tail = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    assert read_header(file_of(content[:end] + record + locator + tail, "x.pth")).format == "torch-zip"


def test_a_zip64_record_that_is_not_there_is_told(file_of: Callable[..., str]) -> None:
    tail = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    content = TORCH_ZIP[: TORCH_ZIP.index(b"PK\x05\x06")]
    assert codes(read_header(file_of(content + tail, "x.pth"))) == ["too_large"]
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, 0, 1)
    assert codes(read_header(file_of(content + locator + tail, "x.pth"))) == ["too_large"]
    assert codes(read_header(file_of(b"PK\x03\x04", "x.zip"))) == ["truncated"]


@pytest.mark.parametrize(
    ("count", "size", "offset", "code"),
    [(60_000, 100, 0xFFFFFF00, "header_invalid"), (3, 2**30, 0, "too_large"), (3, 40, 0, "header_invalid")],
)
def test_a_false_zip_directory_is_told(
    count: int, size: int, offset: int, code: str, file_of: Callable[..., str]
) -> None:
    end = TORCH_ZIP.index(b"PK\x05\x06")
    tail = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, count, count, size, offset, 0)
    assert code in codes(read_header(file_of(TORCH_ZIP[:end] + tail, "x.pth")))


def test_an_onnx_model_tells_its_inputs_and_outputs(file_of: Callable[..., str]) -> None:
    header = read_header(file_of(ONNX, "4x.onnx"))
    assert (header.type, header.metadata["producer_name"], header.metadata["k"]) == (
        "upscaler",
        "pytorch",
        "v",
    )
    facts = header.as_json()
    assert (facts["opset"], facts["ir_version"]) == (17, 8)
    assert facts["inputs"] == [{"name": "in0", "dtype": "F32", "shape": ["N", 3, "H", "W"]}]


def test_an_onnx_model_of_something_else_is_unknown(file_of: Callable[..., str]) -> None:
    header = read_header(file_of(onnx([["N", "T"]], [["N", "T", 512]]), "x.onnx"))
    assert (header.format, header.type, header.problems) == ("onnx", "unknown", ())


def test_an_onnx_model_with_odd_but_lawful_fields_is_read(file_of: Callable[..., str]) -> None:
    odd = b"\x0d\0\0\0\0" + b"\x11" + bytes(8)
    value = (
        odd
        + message(1, b"x")
        + message(2, odd + message(1, odd + message(1, 99) + message(2, message(1, b"") + message(1, odd))))
    )
    graph = message(5, message(2, 1)) + message(11, value) + message(12, value) + odd
    model = (
        message(1, 8)
        + message(7, graph)
        + message(8, odd + message(1, b"other") + message(2, 3))
        + message(14, odd)
    )
    header = read_header(file_of(model, "x.onnx"))
    assert (header.format, header.type) == ("onnx", "unknown")
    assert header.facts["inputs"] == [{"name": "x", "dtype": "type 99", "shape": ["?", "?"]}]
    assert header.facts["opset"] == 0


@pytest.mark.parametrize(
    "content",
    [
        b"\x08",
        b"\x08\x08",
        b"\x08\x63" + message(7, b""),
        message(1, 8) + message(30, b"x"),
        message(1, 8) + b"\x3a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        message(1, 8) + message(7, b"\x5a\x7f"),
        message(1, 8) + message(7, message(11, b"\x12\x0a\x0a\x08\x12\x06\x08\x01")),
        message(1, 8) * 5000,
        message(1, 8) * 110_000,
        message(1, 8) + b"\x00\x01",
        message(1, 8) + b"\x0b",
        message(1, 8) + message(7, b"") + message(8, b"\x10\xff"),
        message(1, 8) + b"\x12" + varint(2**40),
        message(1, 8) + b"\x3a",
    ],
)
def test_a_protobuf_of_another_kind_is_no_onnx(content: bytes, file_of: Callable[..., str]) -> None:
    assert read_header(file_of(content + b"\x01" * 3, "x.onnx")).format in ("unknown", "text")


# --- paths ------------------------------------------------------------------------------------------------


def test_links_are_followed(file_of: Callable[..., str], tmp_path: Path) -> None:
    link = tmp_path / "link.safetensors"
    link.symlink_to(file_of(SAFETENSORS, "x.safetensors"))
    assert read_header(str(link)).format == "safetensors"


def test_what_cannot_be_opened_or_is_no_file_is_an_oserror(tmp_path: Path) -> None:
    loop, dangling, folder, pipe = (
        tmp_path / f"{n}.safetensors" for n in ("loop", "dangling", "folder", "pipe")
    )
    loop.symlink_to(loop)
    dangling.symlink_to(tmp_path / "nowhere")
    folder.mkdir()
    os.mkfifo(pipe)
    for path in (loop, dangling, folder, pipe, tmp_path / "gone", Path("/dev/zero")):
        with pytest.raises(OSError):
            read_header(str(path))


def test_names_that_are_no_utf8_are_opened(tmp_path: Path) -> None:
    path = os.fsdecode(os.fsencode(str(tmp_path)) + b"/\xff\xfe.safetensors")
    Path(path).write_bytes(SAFETENSORS)
    header = read_header(path)
    assert (header.format, header.problems) == ("safetensors", ())


def test_a_disk_that_hands_out_little_at_a_time_is_read_whole(
    file_of: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    read = os.read
    path = file_of(SAFETENSORS, "x.safetensors")
    monkeypatch.setattr(os, "read", lambda descriptor, count: read(descriptor, min(count, 7)))
    assert read_header(path).tensor_count == 1


def test_a_file_that_shrinks_while_it_is_read_is_truncated(tmp_path: Path) -> None:
    from modelmgr.readers import gguf, safetensors
    from modelmgr.readers.contents import FileBytes

    path = tmp_path / "x"
    for content, read in ((SAFETENSORS[:40], safetensors.read), (GGUF[:16], gguf.read)):
        path.write_bytes(content)
        descriptor = os.open(path, os.O_RDONLY)
        try:
            found: Any = read(FileBytes(descriptor, 1000))
        finally:
            os.close(descriptor)
        assert found.defects[0].code == "truncated"
