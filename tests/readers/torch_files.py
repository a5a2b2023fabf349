"""Writers of PyTorch's files without PyTorch: pickles made by hand of what its own would hold."""

import io
import struct
import zipfile
from collections.abc import Callable, Mapping
from math import prod
from typing import Any, NamedTuple

MAGIC = 0x1950A86A20F9469CFC6C
STORAGES = {
    "F64": ("DoubleStorage", 8),
    "F32": ("FloatStorage", 4),
    "F16": ("HalfStorage", 2),
    "BF16": ("BFloat16Storage", 2),
    "I64": ("LongStorage", 8),
    "I32": ("IntStorage", 4),
    "I16": ("ShortStorage", 2),
    "I8": ("CharStorage", 1),
    "U8": ("ByteStorage", 1),
    "BOOL": ("BoolStorage", 1),
    "C64": ("ComplexFloatStorage", 8),
}
"""Our word for a type -> PyTorch's class of storage, and the bytes of an element."""


class Global(NamedTuple):
    """An import."""

    module: str
    name: str


class Call(NamedTuple):
    """A call, and the state that the result is given."""

    function: Any
    arguments: tuple[Any, ...]
    state: Any = None


class Reference(NamedTuple):
    """A persistent id."""

    value: Any


class Raw(NamedTuple):
    """Instructions as they are; they push one value."""

    content: bytes


def pickled(value: Any, protocol: int = 2) -> bytes:
    """Return a pickle of plain values and the records above, by the instructions that each protocol has."""
    start = bytes((0x80, protocol)) if protocol >= 2 else b""
    return start + instructions(value, protocol) + b"."


def instructions(value: Any, protocol: int = 2) -> bytes:
    def inner(part: Any) -> bytes:
        return instructions(part, protocol)

    match value:
        case Raw(content):
            return content
        case Global(module, name):
            if protocol >= 4:
                return inner(module) + b"\x94" + inner(name) + b"\x94\x93"
            return f"c{module}\n{name}\n".encode()
        case Call(function, arguments, state):
            built = inner(function) + inner(arguments) + b"R"
            return built if state is None else built + inner(state) + b"b"
        case Reference(reference):
            return inner(reference) + b"Q"
        case None:
            return b"N"
        case bool():
            return (b"\x88" if value else b"\x89") if protocol >= 2 else b"I%02d\n" % value
        case int():
            if protocol == 0:
                return b"L%dL\n" % value
            if 0 <= value < 256:
                return b"K" + bytes((value,))
            if -(2**31) <= value < 2**31:
                return b"J" + struct.pack("<i", value)
            content = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
            return b"\x8a" + bytes((len(content),)) + content
        case float():
            return b"F" + repr(value).encode() + b"\n" if protocol == 0 else b"G" + struct.pack(">d", value)
        case str():
            if protocol == 0:
                return b"V" + value.encode("raw-unicode-escape") + b"\n"
            content = value.encode()
            if protocol >= 4 and len(content) < 256:
                return b"\x8c" + bytes((len(content),)) + content
            return b"X" + struct.pack("<I", len(content)) + content
        case bytes():
            return b"B" + struct.pack("<I", len(value)) + value
        case tuple():
            return b"(" + b"".join(map(inner, value)) + b"t"
        case list():
            return b"](" + b"".join(map(inner, value)) + b"e"
        case dict():
            return b"}(" + b"".join(inner(key) + inner(member) for key, member in value.items()) + b"u"
    raise TypeError(value)


def tensor(
    shape: tuple[int, ...],
    dtype: str = "F32",
    key: str = "0",
    *,
    offset: int = 0,
    extra: tuple[Any, ...] = (),
) -> Call:
    """Return a tensor as PyTorch writes it since 0.4; `extra` ends the reference to its storage."""
    storage = Global("torch", STORAGES[dtype][0])
    reference = Reference(("storage", storage, key, "cpu", offset + prod(shape), *extra))
    strides = tuple(prod(shape[at + 1 :]) for at in range(len(shape)))
    hooks = Call(Global("collections", "OrderedDict"), ())
    arguments = (reference, offset, shape, strides, False, hooks)
    return Call(Global("torch._utils", "_rebuild_tensor_v2"), arguments)


def state_dict(shapes: Mapping[str, Any], dtype: str = "F16") -> dict[str, Call]:
    """Return a tensor for each name -> shape or (type, shape), each with a storage of its own."""
    tensors = {}
    for number, (name, shape) in enumerate(shapes.items()):
        kind = dtype
        if shape and isinstance(shape[0], str):
            kind, shape = shape
        tensors[name] = tensor(tuple(shape), kind, str(number))
    return tensors


def storages_of(value: Any) -> dict[str, int]:
    """Return key -> bytes of every storage that a value refers to."""
    found: dict[str, int] = {}
    match value:
        case Reference(("storage", Global(_, kind), key, _, count, *_)):
            width = next(width for name, width in STORAGES.values() if name == kind)
            found[key] = max(found.get(key, 0), count * width)
        case dict():
            for member in value.values():
                found |= storages_of(member)
        case tuple() | list():
            for member in value:
                found |= storages_of(member)
    return found


def torch_zip(
    value: Any,
    *,
    protocol: int = 2,
    root: str = "archive/",
    others: Mapping[str, bytes] | None = None,
    method: int = zipfile.ZIP_STORED,
    prepare: Callable[[zipfile.ZipFile], None] | None = None,
) -> bytes:
    """Return the file that torch.save writes since 1.6; the tensors are zeros, deflated to keep tests small."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        if prepare is not None:
            prepare(archive)
        content = value if isinstance(value, bytes) else pickled(value, protocol)
        archive.writestr(root + "data.pkl", content, method)
        archive.writestr(root + "version", b"3\n")
        if not isinstance(value, bytes):
            for key, count in storages_of(value).items():
                with archive.open(_zeros(f"{root}data/{key}"), "w", force_zip64=True) as member:
                    left = count
                    while left:
                        block = min(left, 1 << 20)
                        member.write(bytes(block))
                        left -= block
        for name, content in (others or {}).items():
            archive.writestr(name, content)
    return buffer.getvalue()


def _zeros(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


def legacy(value: Any, *, data: bool = True) -> bytes:
    """Return the file that torch.save wrote before 1.6."""
    sizes = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
    storages = storages_of(value)
    content = pickled(MAGIC) + pickled(1001) + pickled(sizes) + pickled(value) + pickled(list(storages))
    if data:
        content += b"".join(struct.pack("<q", count) + bytes(count) for count in storages.values())
    return content


def nested_storage(shape: tuple[int, ...], dtype: str = "F32") -> Call:
    """Return a tensor as it stands in a plain pickle: its storage is a file of its own."""
    whole = tensor(shape, dtype)
    file = legacy(whole.arguments[0])
    storage = Call(Global("torch.storage", "_load_from_bytes"), (file,))
    return Call(whole.function, (storage, *whole.arguments[1:]))
