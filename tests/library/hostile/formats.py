"""Files of every format that lie, are cut, blow up or would run code: model-identification's bad inputs, as bytes."""
# ruff: noqa: E501 - tables of bytes

import io
import json
import os
import struct
import zipfile
import zlib
from typing import Any

from tests.library.hostile.maker import Maker, beginning, lora
from tests.readers.conftest import gguf_bytes
from tests.readers.test_pickle_danger import FORMS
from tests.readers.torch_files import MAGIC, Call, Global, Raw, legacy, pickled, state_dict, torch_zip

WEIGHTS = {"conv.weight": (8, 3, 3, 3), "conv.bias": (8,)}
ENTRY: dict[str, Any] = {"dtype": "F16", "shape": [4], "data_offsets": [0, 8]}


def safetensors(maker: Maker) -> None:
    one = b'{"w":{"dtype":"F16","shape":[4],"data_offsets":[0,8]}}'
    whole = beginning(one) + b"\0" * 8
    folder = maker.folder("safetensors/length")
    for name, content in {
        "empty": b"", "one": b"\1", "seven": b"1234567", "eight": struct.pack("<Q", 50), "only_header": beginning(one),
        "cut_header": beginning(one)[:20], "cut_data": whole[:-3], "zeros": bytes(64), "n0": beginning(b"", 0) + b"{}" * 8,
        "n1": beginning(b"{", 1) + bytes(8), "n_2_63": beginning(one, 2**63), "n_2_64": beginning(one, 2**64 - 1),
        "n_over": beginning(one, 100_000_001), "n_most": beginning(one, 100_000_000), "no_brace": beginning(b"[" + one[1:]),
        "bom": beginning(b"\xef\xbb\xbf" + one) + bytes(8), "spaces": beginning(b"   " + one) + bytes(8),
    }.items():  # fmt: skip
        maker.file(folder, f"{name}.safetensors", content, "any")
    maker.file(folder, "n2.safetensors", beginning(b"{}"), "any")
    maker.file(folder, "trailing.safetensors", whole + b"PK\3\4 and more", "trailing_data")
    maker.file(folder, "nul_padding.safetensors", beginning(one + b"\0\0\0") + bytes(8), "any")
    folder = maker.folder("safetensors/json")
    for name, header in {
        "list": b'{"a":1}'.replace(b"{", b"[").replace(b"}", b"]"),
        "deep_lists": b'{"a":' + b"[" * 10_000, "deep_objects": b'{"a":' * 10_000,
        "deep_closed": b'{"a":' + b"[" * 5_000 + b"]" * 5_000 + b"}", "cut_string": b'{"a', "bad_utf8": b'{"\xff\xfe":1}',
        "twice": one[:-1] + b"," + one[1:], "nan": b'{"a":NaN}', "infinity": b'{"a":Infinity}', "text": b'{"a":"b"}',
        "null": b'{"a":null}', "huge_int": b'{"a":' + b"9" * 5_000 + b"}", "surrogate": b'{"\\ud800":{"dtype":"F16"}}',
        "no_value": b'{"a"}', "comma": b'{"a":1,}', "two": b"{}{}",
    }.items():  # fmt: skip
        maker.file(folder, f"{name}.safetensors", beginning(header) + bytes(8), "any")
    folder = maker.folder("safetensors/entries")
    for number, change in enumerate([
        {"shape": [1e400]}, {"shape": [-1]}, {"shape": [1.5]}, {"shape": [True]}, {"shape": None}, {"shape": "4"},
        {"shape": [2**62, 2**62, 4]}, {"shape": [2**63]}, {"shape": [0, 2**64]}, {"shape": [1] * 5_000}, {"shape": []},
        {"shape": {"a": 1}}, {"shape": [[4]]}, {"shape": [10**4_000]}, {"data_offsets": [8, 0]}, {"data_offsets": [0, 2**64]},
        {"data_offsets": [-8, 0]}, {"data_offsets": [0]}, {"data_offsets": None}, {"data_offsets": [0, 8, 9]},
        {"data_offsets": ["0", "8"]}, {"data_offsets": [0.0, 8.0]}, {"data_offsets": [4, 12]}, {"dtype": "F9999"},
        {"dtype": None}, {"dtype": ["F16"]}, {"dtype": "F16" * 100_000}, {"dtype": ""}, {"dtype": {}}, {"more": {"a": []}},
    ]):  # fmt: skip
        header = json.dumps({"w": ENTRY | change}).encode()
        maker.file(folder, f"entry{number:02}.safetensors", beginning(header) + bytes(8), "any")
    for number, name in enumerate([
        "a/b", "../../../etc/passwd", "a\0b", "a\nb", "x" * 10_240, "\u202egpj.exe", "\ud800", "", "__proto__",
        "__metadata__ ", "a" * 300_000, "<img src=file:///dev/zero>", "\x1b]0;x\x07", "e\u0301" * 500,
    ]):  # fmt: skip
        maker.file(
            folder,
            f"name{number:02}.safetensors",
            beginning(json.dumps({name: ENTRY}).encode()) + bytes(8),
            "any",
        )
    overlapping = {"a": ENTRY, "b": ENTRY | {"data_offsets": [4, 12]}}
    maker.file(folder, "overlap.safetensors", beginning(json.dumps(overlapping).encode()) + bytes(12), "any")
    folder = maker.folder("safetensors/metadata")
    metadata: list[Any] = [
        None, [], "x", 5, {"a": 1}, {"a": None}, {"a": {"b": [1, {"c": {}}]}}, {"a": "x" * 2_000_000},
        {"ss_tag_frequency": "{broken"}, {"ss_tag_frequency": json.dumps({"a": {"b": "c"}})},
        {"ss_tag_frequency": json.dumps([1, 2])}, {"ss_tag_frequency": json.dumps({"x": {"y": 10**400}})},
        {"ss_tag_frequency": "[" * 100_000}, {"modelspec.date": "99999-99-99"}, {"ss_training_started_at": "1e400"},
        {"ss_training_started_at": "-9" * 200}, {"ss_learning_rate": "NaN"}, {"ss_resolution": "(" * 500},
        {"ss_network_args": json.dumps(json.dumps(json.dumps({"algo": "loha"})))}, {"modelspec.thumbnail": "data:image/png;base64," + "A" * 500_000},
        {"modelspec.architecture": "stable-diffusion-xl-v1-base"}, {"ss_base_model_version": "\x1b[2J\u202e<b>"},
        {"sshs_model_hash": "../../etc"}, {f"k{n}": "v" for n in range(20_000)}, {"\ud800": "\udfff"}, {"a\0b": "c\0d"},
        {"workflow": "{" * 5_000}, {"ss_num_epochs": "9" * 5_000}, {"ss_datasets": json.dumps([{"tag_frequency": 5}])},
        {"ss_dataset_dirs": json.dumps({"\ud800": {"n_repeats": "x"}})}, {"ss_bucket_info": "null"},
    ]  # fmt: skip
    for number, told in enumerate(metadata):
        header = json.dumps({"__metadata__": told, "w": ENTRY}).encode()
        maker.file(folder, f"metadata{number:02}.safetensors", beginning(header) + bytes(8), "any")
    folder = maker.folder("safetensors/size")
    many = (
        b"{"
        + b",".join(b'"w%d":{"dtype":"F16","shape":[0],"data_offsets":[0,0]}' % n for n in range(100_000))
        + b"}"
    )
    maker.file(folder, "tensors_100k.safetensors", beginning(many), "any")
    maker.file(folder, "sparse_header.safetensors", beginning(b"{", 99_000_000), "any", sparse=99_000_000)
    if maker.large:
        maker.file(
            folder, "sparse_64gb.safetensors", beginning(one), "any", sparse=64 * 2**30
        )  # hashed it would take minutes
        big = 100_000_000 - 64
        for name, header in {
            "value_100mb": b'{"__metadata__":{"a":"' + b"x" * big, "brackets_100mb": b'{"a":' + b"[" * big,
            "quotes_100mb": b"{" + b'"' * big + b"}", "nuls_100mb": b"{}" + b"\0" * big, "spaces_100mb": one + b" " * big,
            "meta_20mb": json.dumps({"__metadata__": {"a": "y" * 20_000_000}, "w": ENTRY}).encode(),
            "objects_100mb": b'{"x":' * (big // 5), "many": b"{" + b",".join(
                b'"w%d":{"dtype":"F16","shape":[0],"data_offsets":[0,0]}' % n for n in range(900_000)) + b"}",
        }.items():  # fmt: skip
            maker.file(folder, f"{name}.safetensors", beginning(header[:100_000_000]) + bytes(8), "any")


def gguf_files(maker: Maker) -> None:
    def text(value: bytes) -> bytes:
        return struct.pack("<Q", len(value)) + value

    def raw(
        pairs: bytes, count: int = 1, infos: bytes = b"", tensor_count: int = 0, version: int = 3
    ) -> bytes:
        return b"GGUF" + struct.pack("<IQQ", version, tensor_count, count) + pairs + infos

    def pair(key: bytes, kind: int, value: bytes) -> bytes:
        return text(key) + struct.pack("<I", kind) + value

    arch = pair(b"general.architecture", 8, text(b"llama"))
    info = text(b"blk.0.attn_q.weight")
    nested = struct.pack("<IQ", 9, 1) * 1_000
    cases = {
        "magic": b"GGUF", "cut": b"GGUF\3\0\0", "version0": raw(arch, version=0), "version4": raw(arch, version=4),
        "big_endian": b"GGUF" + struct.pack(">IQQ", 3, 0, 0), "version_wild": raw(arch, version=0xFFFFFFFF),
        "v1_cut": b"GGUF" + struct.pack("<III", 1, 1, 1), "v1_lengths": b"GGUF" + struct.pack("<IIII", 1, 0, 1, 0xFFFFFFFF),
        "kv_2_63": raw(arch, 2**63), "kv_2_64": raw(arch, 2**64 - 1), "tensors_2_64": raw(arch, 1, b"", 2**64 - 1),
        "string_beyond": raw(pair(b"a", 8, struct.pack("<Q", 2**40))), "string_wraps": raw(pair(b"a", 8, struct.pack("<Q", 2**64 - 8))),
        "key_beyond": raw(struct.pack("<Q", 2**63)), "key_long": raw(pair(b"k" * 70_000, 4, b"\0" * 4)),
        "array_2_60": raw(pair(b"a", 9, struct.pack("<IQ", 4, 2**60))), "array_bytes_wrap": raw(pair(b"a", 9, struct.pack("<IQ", 10, 2**61 + 1))),
        "array_nested": raw(pair(b"a", 9, nested)), "array_of_texts": raw(pair(b"a", 9, struct.pack("<IQ", 8, 2**32))),
        "kind_13": raw(pair(b"a", 13, bytes(8))), "kind_wild": raw(pair(b"a", 0xFFFFFFFF, bytes(8))), "bool_7": raw(pair(b"a", 7, b"\7")),
        "twice": raw(arch + arch, 2), "two_kinds": raw(arch + pair(b"general.architecture", 4, bytes(4)), 2),
        "arch_number": raw(pair(b"general.architecture", 4, bytes(4))), "arch_spaces": raw(pair(b"general.architecture", 8, text(b"  lla ma "))),
        "arch_bytes": raw(pair(b"general.architecture", 8, text(b"\xff\xfe\0\x1b"))), "arch_list": raw(pair(b"general.architecture", 9, struct.pack("<IQ", 8, 1) + text(b"x"))),
        **{f"alignment_{n}": raw(arch + pair(b"general.alignment", 4, struct.pack("<I", n)), 2) for n in (0, 3, 2**31)},
        "alignment_text": raw(arch + pair(b"general.alignment", 8, text(b"32")), 2),
        **{f"dims_{n}": raw(arch, 1, info + struct.pack("<I", n) + bytes(64), 1) for n in (0, 5, 2**32 - 1)},
        "dims_huge": raw(arch, 1, info + struct.pack("<IQQQQIQ", 4, 2**63, 2**63, 2**63, 2**63, 0, 0), 1),
        "offset_beyond": raw(arch, 1, info + struct.pack("<IQIQ", 1, 4, 0, 2**63), 1),
        "offset_odd": raw(arch, 1, info + struct.pack("<IQIQ", 1, 4, 0, 3), 1) + bytes(64),
        "type_57": raw(arch, 1, info + struct.pack("<IQIQ", 1, 4, 57, 0), 1) + bytes(64),
        "type_removed": raw(arch, 1, info + struct.pack("<IQIQ", 1, 4, 4, 0), 1) + bytes(64),
        "name_beyond": raw(arch, 1, struct.pack("<Q", 2**62), 1), "name_bytes": raw(arch, 1, text(b"\xff\0\n") + struct.pack("<IQIQ", 1, 4, 0, 0), 1) + bytes(64),
        "nan": raw(pair(b"a", 6, struct.pack("<f", float("nan")))), "inf": raw(pair(b"a", 12, struct.pack("<d", float("inf")))),
        "split": raw(arch + pair(b"split.no", 2, b"\xff\xff") + pair(b"split.count", 2, b"\xff\xff") + pair(b"split.tensors.count", 5, struct.pack("<i", -1)), 4),
        "split_text": raw(arch + pair(b"split.count", 8, text(b"many")), 2),
        "template": raw(arch + pair(b"tokenizer.chat_template", 8, text(b"{% for x in range(10**9) %}" + b"a" * 100_000)), 2),
        "context_text": raw(arch + pair(b"llama.context_length", 8, text(b"x")) + pair(b"llama.block_count", 12, struct.pack("<d", float("nan"))), 3),
        "file_type_wild": raw(arch + pair(b"general.file_type", 4, struct.pack("<I", 2**32 - 1)), 2),
        "parameters_wild": raw(arch + pair(b"general.parameter_count", 10, struct.pack("<Q", 2**64 - 1)), 2),
        "lists": raw(arch + pair(b"general.tags", 9, struct.pack("<IQ", 9, 2) + (struct.pack("<IQ", 8, 1) + text(b"t")) * 2), 2),
    }  # fmt: skip
    folder = maker.folder("gguf")
    for name, content in cases.items():
        maker.file(folder, f"{name}.gguf", content, "any")
    header, count = gguf_bytes([("general.architecture", "str", "llama")], [("w", (4, 4), 0)])
    maker.file(folder, "data_cut.gguf", header + bytes(count - 9), "truncated")
    maker.file(folder, "sound.gguf", header + bytes(count))
    if maker.large:
        keys = b"".join(pair(b"key %d " % n + b"x" * 800, 4, struct.pack("<I", n)) for n in range(65_000))
        words = pair(b"k", 9, struct.pack("<IQ", 8, 999_000) + text(b"") * 999_000)
        long = b"".join(pair(b"k%d" % n, 8, text(b"\xff" * 8_000_000)) for n in range(7))
        for name, content in {"keys": raw(keys, 65_000), "words": raw(words), "texts": raw(long, 7)}.items():
            maker.file(folder, f"large_{name}.gguf", content, "any")


def archives(maker: Maker) -> None:
    folder = maker.folder("zip")
    sound = torch_zip(state_dict(WEIGHTS))
    maker.file(folder, "sound.pth", sound)
    maker.file(folder, "end_cut.pth", sound[:-30], "any")
    maker.file(folder, "half.pth", sound[: len(sound) // 2], "any")
    maker.file(folder, "directory_lies.pth", sound.replace(b"PK\1\2", b"PK\1\3", 1), "any")
    maker.file(folder, "local_lies.pth", sound.replace(b"PK\3\4", b"PK\3\5", 2)[:2] + sound[2:], "any")
    maker.file(folder, "bomb.pth", torch_zip(pickled("A" * 60_000_000), method=zipfile.ZIP_DEFLATED), "any")
    maker.file(folder, "comment.pth", sound[:-2] + struct.pack("<H", 65_535) + b"PK\5\6" * 16_384, "any")
    maker.file(folder, "slip.pth", torch_zip(state_dict(WEIGHTS), root="../../../outside/"), "any")
    maker.file(folder, "absolute.pth", torch_zip(state_dict(WEIGHTS), root=str(maker.outside) + "/"), "any")
    many = io.BytesIO()
    with zipfile.ZipFile(many, "w") as archive:
        for number in range(70_000 if maker.large else 5_000):
            archive.writestr(zipfile.ZipInfo(f"archive/data/{number}"), b"")
    maker.file(folder, "entries.pth", many.getvalue(), "any")
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    maker.file(folder, "claims.pth", b"PK\3\4" + bytes(40) + end, "any")
    wide = struct.pack("<4sQ2H2I4Q", b"PK\6\6", 44, 45, 45, 0, 0, 2**63, 2**63, 2**63, 2**63)
    locator = struct.pack("<4sIQI", b"PK\6\7", 0, 44, 1)
    maker.file(folder, "zip64.pth", b"PK\3\4" + bytes(40) + wide + locator + end, "any")
    overlap = _overlapping(20_000 if maker.large else 300)
    maker.file(folder, "overlap.pth", overlap, "any")
    for name, members in {
        "plain.zip": {"readme.txt": b"x"}, "java.pt": {"META-INF/MANIFEST.MF": b"x", "A.class": b"\xca\xfe\xba\xbe"},
        "arrays.bin": {"a.npy": b"\x93NUMPY\1\0\x08\0{'x':1}"}, "coreml.bin": {"Manifest.json": b"{}", "Data/model.mlmodel": b"\x08\1"},
        "nothing.pt": {}, "long_name.pth": {"x" * 65_000 + "/data.pkl": pickled({})}, "bytes.pth": {"\u202e\n\x1b/data.pkl": pickled({})},
    }.items():  # fmt: skip
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for member, content in members.items():
                archive.writestr(member, content)
        maker.file(folder, name, buffer.getvalue(), "any")
    encrypted = bytearray(sound)
    at = encrypted.find(b"PK\1\2")
    encrypted[at + 8] |= 1
    maker.file(folder, "encrypted.pth", bytes(encrypted), "encrypted")


def _overlapping(count: int) -> bytes:
    """Return an archive of which all members are the same bytes, each unpacking to a thousand times as much."""
    packed = zlib.compressobj(9, zlib.DEFLATED, -15)
    kernel = packed.compress(bytes(1_000_000)) + packed.flush()
    local = struct.pack("<4s5H3I2H", b"PK\3\4", 20, 0, 8, 0, 0, 0, len(kernel), 1_000_000, 1, 0) + b"a"
    names = [b"archive/data.pkl", *(b"archive/data/%d" % number for number in range(count))]
    directory = b"".join(
        struct.pack("<4s6H3I5H2I", b"PK\1\2", 20, 20, 0, 8, 0, 0, 0, len(kernel), 1_000_000, len(name), 0, 0, 0, 0, 0, 0) + name
        for name in names
    )  # fmt: skip
    start = len(local) + len(kernel)
    return (
        local
        + kernel
        + directory
        + struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, len(names), len(names), len(directory), start, 0)
    )


def pickles(maker: Maker) -> None:
    for number, form in enumerate(FORMS):
        bomb = FORMS[form].replace(b"PATH", str(maker.canary).encode())
        inside = {"state_dict": state_dict(WEIGHTS), "x": Raw(bomb)}
        folder = maker.folder(f"pickle/{number:02}")
        maker.file(folder, "plain.pt", bomb + b".")
        maker.file(folder, "cut.pt", bomb, "any")
        maker.file(folder, "archive.pth", torch_zip(inside))
        maker.file(folder, "legacy.bin", legacy(inside))
        maker.file(folder, "named.safetensors", b"\x80\2" + bomb + b".", "wrong_suffix")
        maker.file(folder, "second.ckpt", pickled(1) + b"\x80\2" + bomb + b".", "any")
        maker.file(
            folder,
            "member.pth",
            torch_zip(state_dict(WEIGHTS), others={"archive/data/a.txt": b"\x80\2" + bomb + b"."}),
        )
        maker.file(folder, "unstable.pkl", b"\x80\4" + bomb + b"\xff", "any")
        maker.file(folder, "nullifai.pt", b"7z\xbc\xaf\x27\x1c" + bomb + b".", "any")
    folder = maker.folder("pickle/machine")
    for name, content in {
        "marks": b"\x80\2" + b"(" * (10_000_000 if maker.large else 1_000_000), "long4": b"\x80\2\x8b" + struct.pack("<I", 2**31 - 1) + bytes(64),
        "long4_real": b"\x80\2\x8b" + struct.pack("<I", 3_000_000) + b"\x7f" * 3_000_000 + b".", "unset": b"\x80\2h\x07.", "text0": b"(lp0\nI1\na.",
        "after_reduce": b"\x80\2cos\nmkdir\n(X" + struct.pack("<I", len(str(maker.canary))) + str(maker.canary).encode() + b"tR(((",
        "persid": b"Psome id\n.", "deep": b"\x80\2" + b"]" * 100_000 + b"a" * 99_999 + b".", "self": b"\x80\2]q\0h\0a.",
        "laughs": b"\x80\2]q\0" + b"".join(b"(" + b"h%c" % n * 10 + b"lq%c" % (n + 1) for n in range(60)) + b".",
        "binunicode8": b"\x80\4\x8d" + struct.pack("<Q", 2**63 - 1) + b"x", "frame": b"\x80\4\x95" + struct.pack("<Q", 2**63), "protocol": b"\x80\5.",
        "dups": b"\x80\2]" + b"2" * 2_000_000 + b".", "strings": b"\x80\2(" + b"X\xff\0\0\0" + b"x" * 255 + b"2" * 500_000 + b"t.",
        "memo": b"\x80\2" + b"".join(b"Nr" + struct.pack("<I", n * 4_000) for n in range(100_000)) + b".",
        "int": b"I" + b"9" * 100_000 + b"\n.", "float": b"F1e999999\n.", "negative": b"\x80\2\x8a\xff" + b"\xff" * 255 + b".",
        "ext": b"\x80\2\x82\x07.", "empty": b".", "stops": b"." * 100_000, "numbers": b"\x80\2" + b"K\1" * 1_000_000 + b".",
    }.items():  # fmt: skip
        maker.file(folder, f"{name}.pt", content, "any")
    size = {
        "n": Call(
            Global("torch._utils", "_rebuild_tensor_v2"),
            (Raw(b"N"), -5, (2**62, 2**62, -3), (1, 1), False, Raw(b"N")),
        )
    }
    maker.file(folder, "sizes.pth", torch_zip(pickled(size)), "any")
    maker.file(folder, "magic.pt", pickled(MAGIC), "any")
    maker.file(folder, "tar.pt", b"pickle".ljust(257, b"\0") + b"ustar" + bytes(300), "any")


def _field(number: int, content: bytes | int) -> bytes:
    if isinstance(content, int):
        return bytes((number << 3,)) + _varint(content)
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    out = bytearray()
    while True:
        out.append(value & 127 | (128 if value > 127 else 0))
        value >>= 7
        if not value:
            return bytes(out)


def onnx(maker: Maker) -> None:
    folder = maker.folder("onnx")
    (maker.outside / "weights.data").write_bytes(b"secret" * 100)

    def weight(location: str, length: str = "600", offset: str = "0") -> bytes:
        pairs = [("location", location), ("offset", offset), ("length", length)]
        external = b"".join(
            _field(13, _field(1, key.encode()) + _field(2, value.encode("utf-8", "surrogateescape")))
            for key, value in pairs
        )
        return _field(5, _field(1, 4) + _field(2, 1) + _field(8, b"w") + external + _field(14, 1))

    def model(graph: bytes) -> bytes:
        return (
            _field(1, 8)
            + _field(2, b"x")
            + _field(7, _field(2, b"main") + graph)
            + _field(8, _field(1, b"") + _field(2, 17))
        )

    maker.file(folder, "sound.onnx", model(b""))
    for number, location in enumerate([
        "../../outside/weights.data", str(maker.outside / "weights.data"), "..\\outside\\weights.data", "a\0b", "", ".", "//host/share/x",
        "x" * 5_000, "good.safetensors/x", "/dev/zero", "fifo", "gone.data", "\udcff",
    ]):  # fmt: skip
        maker.file(folder, f"external{number:02}.onnx", model(weight(location)), "any")
    os.mkfifo(folder / "fifo")
    for name, content in {
        "length_wild": model(weight("good.safetensors", "9" * 400, "-5")), "cut": model(b"x" * 500)[:40], "version": _field(1, 99) + _field(7, b""),
        "groups": _field(1, 8) + b"\x3b" * 5_000, "varint": b"\x08" + b"\xff" * 200, "dims": model(_field(5, b"".join(_field(1, 2**63 - 1) for _ in range(2_000)))),
        "nested": _field(1, 8) + _nested(400), "props": model(b"") + b"".join(_field(14, _field(1, b"k%d" % n) + _field(2, b"\xff\x1b" * 50)) for n in range(20_000)),
        "initializers": model(b"".join(_field(5, _field(1, 1) + _field(8, b"w%d" % n)) for n in range(100_000))),
    }.items():  # fmt: skip
        maker.file(folder, f"{name}.onnx", content, "any")


def _nested(depth: int) -> bytes:
    content = b""
    for _ in range(depth):
        content = _field(7, content)
    return content


def others(maker: Maker) -> None:
    folder = maker.folder("others")
    for name, content, code in (
        ("pointer.safetensors", b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"a" * 64 + b"\nsize 12345\n", "lfs_pointer"),
        ("pointer_lies.gguf", b"version https://git-lfs.github.com/spec/v1\noid sha256:../../etc\nsize " + b"9" * 900 + b"\n", "lfs_pointer"),
        ("page.safetensors", b"<!DOCTYPE html><html><script>alert(1)</script>", "not_a_model"),
        ("error.ckpt", b'{"error":"Unauthorized"}', "not_a_model"), ("xml.gguf", b"<?xml version='1.0'?>", "not_a_model"),
        ("firmware.bin", b"\x7fELF" + bytes(range(1, 200)), "not_a_model"), ("plone.pt", b"<tal:block>Ol\xc3\xa1</tal:block>\n" * 9, "not_a_model"),
        ("language.pt", "Portugu\u00eas: n\u00e3o \u00e9 um modelo.\n".encode() * 5, "not_a_model"), ("old.bin", b"ggml" + bytes(40), "unsupported"),
        ("nul.ckpt", bytes(5_000), "not_a_model"), ("tar.bin", b"x".ljust(257, b"\0") + b"ustar" + bytes(300), "not_a_model"),
        ("sevenzip.pt", b"7z\xbc\xaf\x27\x1c" + bytes(90), "any"), ("tensorrt.engine", b"ftrt" + bytes(90), "any"),
    ):  # fmt: skip
        maker.file(folder, name, content, code)
    maker.file(
        folder,
        "sparse_2tb.ckpt" if maker.large else "sparse.ckpt",
        b"",
        "any",
        sparse=2**41 if maker.large else 2**20,
    )
    numpy = (
        b"\x93NUMPY\1\0"
        + struct.pack("<H", 70)
        + b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }".ljust(69)
        + b"\n"
    )
    bomb = FORMS["inst"].replace(b"PATH", str(maker.canary).encode())
    maker.file(folder, "objects.bin", numpy + bomb + b".", "any")
    maker.file(folder, "numpy_lies.bin", b"\x93NUMPY\2\0" + struct.pack("<I", 2**32 - 1) + b"{", "any")
    maker.file(folder, "numpy_eval.bin", numpy.replace(b"'|O'", b"__import__('os').mkdir('x')"[:4]), "any")
    folder = maker.folder("ncnn")
    for number, param in enumerate([
        b"7767517\n2 2\nInput data 0 1 data\nConvolution c 1 1 data out 0=3\n", b"7767517\n" + b"9" * 500 + b" 1\n", b"7767517\n",
        b"7767517\n\xff\xfe\0", b"7767517\n" + b"Input data 0 1 data\n" * 100_000, b"7767517\n-1 -1\n", b"7767517",
    ]):  # fmt: skip
        (folder / f"net{number}.param").write_bytes(param)
        maker.file(folder, f"net{number}.bin", b"\x47\x6b\x30\1" + bytes([number]) * 60, "any")
    os.mkfifo(folder / "pipe.param")
    maker.file(folder, "pipe.bin", b"\x47\x6b\x30\1" + bytes(77), "any")
    (folder / "zero.param").symlink_to("/dev/zero")
    maker.file(folder, "zero.bin", b"\x47\x6b\x30\1" + bytes(78), "any")


def suffixes(maker: Maker) -> None:
    folder = maker.folder("suffixes")
    header, count = gguf_bytes([("general.architecture", "str", "llama")], [("w", (4, 4), 0)])
    contents = {
        "safetensors": lora(-1 & 0xFFFF), "gguf": header + bytes(count), "zip": torch_zip(state_dict(WEIGHTS)), "legacy": legacy(state_dict(WEIGHTS)),
        "onnx": _field(1, 8) + _field(7, _field(2, b"main")),
    }  # fmt: skip
    right = {"safetensors": (".safetensors", ".sft"), "gguf": (".gguf",), "onnx": (".onnx", ".bin")}
    for kind, content in contents.items():
        for number, suffix in enumerate(
            (".safetensors", ".ckpt", ".pt", ".pth", ".bin", ".gguf", ".onnx", ".SFT", ".Pt2", ".pkl")
        ):
            expected = right.get(kind, (".ckpt", ".pt", ".pth", ".bin", ".pt2", ".pkl"))
            codes = () if suffix.lower() in expected else ("wrong_suffix",)
            maker.file(folder, f"{kind}{number}{suffix}", content + bytes([number]), "any", *codes)


def damaged(maker: Maker) -> None:
    """Sound files with bytes changed at random."""
    header, count = gguf_bytes(
        [
            ("general.architecture", "str", "llama"),
            ("llama.context_length", "u32", 4096),
            ("a", "arr", ["x", "y"], "str"),
        ],
        [("w", (4, 4), 0)],
    )
    sound = {"a.safetensors": lora(7_000), "b.gguf": header + bytes(count), "c.pth": torch_zip(state_dict(WEIGHTS)), "d.pt": legacy(state_dict(WEIGHTS)),
             "e.onnx": _field(1, 8) + _field(7, _field(2, b"main") + _field(5, _field(1, 4) + _field(8, b"w")))}  # fmt: skip
    folder = maker.folder("damaged")
    for name, content in sound.items():
        for number in range(40 if maker.large else 8):
            changed = bytearray(content)
            for _ in range(maker.random.choice((1, 3, 12))):
                changed[maker.random.randrange(min(len(changed), 600))] = maker.random.choice(
                    (0, 1, 127, 128, 255, maker.random.randrange(256))
                )
            if maker.random.random() < 0.3:
                del changed[maker.random.randrange(len(changed)) :]
            maker.file(folder, f"{number:03}{name}", bytes(changed), "any")
