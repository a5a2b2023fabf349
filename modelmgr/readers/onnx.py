"""The outline of an ONNX model: a protobuf without magic, so its shape is the only proof.

Fields by number (onnx/onnx, onnx/onnx.proto, ModelProto, GraphProto, ValueInfoProto). Lengths are held against the
enclosing message; weights are stepped over.
"""

from dataclasses import dataclass, field
from typing import Any

from modelmgr.readers.contents import Contents, Defect, FileBytes, clean

FIELD_LIMIT = 100_000
TEXT_LIMIT_BYTES = 64 * 1024
VALUE_LIMIT = 64
_BLOCK_BYTES = 4096
_NEWEST_IR = 20
_TENSOR_TYPES = {1: "F32", 2: "U8", 3: "I8", 5: "I16", 6: "I32", 7: "I64", 10: "F16", 11: "F64", 16: "BF16"}


class _Broken(Exception):
    """Not this protobuf, or a damaged one."""


@dataclass(slots=True)
class _Walk:
    """Walks protobuf fields in a file through one block of buffer; counts them."""

    file: FileBytes
    block: bytes = b""
    block_start: int = 0
    fields: int = field(default=0)

    def byte(self, position: int) -> int:
        offset = position - self.block_start
        if not 0 <= offset < len(self.block):
            self.block = self.file.at(position, _BLOCK_BYTES)
            self.block_start = position
            offset = 0
            if not self.block:
                raise _Broken
        return self.block[offset]

    def varint(self, position: int) -> tuple[int, int]:
        value = shift = 0
        while shift < 70:
            byte = self.byte(position)
            position += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value, position
            shift += 7
        raise _Broken

    def next(self, position: int, end: int) -> tuple[int, int, int, int]:
        """Return field number, wire type, value (or start of the content) and the position behind the field."""
        self.fields += 1
        if self.fields > FIELD_LIMIT:
            raise _Broken
        tag, position = self.varint(position)
        number, wire = tag >> 3, tag & 7
        if number == 0:
            raise _Broken
        if wire == 0:
            value, behind = self.varint(position)
        elif wire == 2:
            length, value = self.varint(position)
            behind = value + length
        elif wire in (1, 5):
            value, behind = position, position + (8 if wire == 1 else 4)
        else:
            raise _Broken
        if behind > end:
            raise _Broken
        return number, wire, value, behind

    def text(self, start: int, end: int) -> str:
        return clean(self.file.at(start, min(end - start, TEXT_LIMIT_BYTES)).decode("utf-8", "replace"))


def read(file: FileBytes) -> Contents | None:
    """Read producer, operator sets, inputs, outputs and metadata; None if the file is no ONNX model."""
    walk = _Walk(file)
    contents = Contents("onnx")
    opsets: list[int] = []
    ir_version = 0
    graph: tuple[int, int] | None = None
    position = 0
    try:
        while position < file.size_bytes:
            number, wire, value, behind = walk.next(position, file.size_bytes)
            if number == 1 and wire == 0:
                ir_version = value
            elif number == 2 and wire == 2:
                contents.metadata["producer_name"] = walk.text(value, behind)
            elif number == 3 and wire == 2:
                contents.metadata["producer_version"] = walk.text(value, behind)
            elif number == 7 and wire == 2:
                graph = (value, behind)
            elif number == 8 and wire == 2:
                opsets.append(_opset(walk, value, behind))
            elif number == 14 and wire == 2 and len(contents.metadata) < 1000:
                key, text = _pair(walk, value, behind)
                contents.metadata[key] = text
            elif number > 25 or (number == 1 and wire != 0):
                return None
            position = behind
        if not 1 <= ir_version <= _NEWEST_IR or graph is None:
            return None
        inputs, outputs = _graph(walk, *graph)
    except _Broken:
        return None
    contents.facts["ir_version"] = ir_version
    contents.facts["opset"] = max(opsets, default=0)
    contents.facts["inputs"] = inputs
    contents.facts["outputs"] = outputs
    return contents


def cut_off(file: FileBytes) -> Contents | None:
    """Tell whether this is the beginning of an ONNX model whose graph runs past the end of the file."""
    walk = _Walk(file)
    position = 0
    ir_version = 0
    try:
        for _ in range(32):
            tag, start = walk.varint(position)
            value, behind = walk.varint(start)
            if tag == 0x08:
                ir_version = value
            elif tag == 0x3A and 1 <= ir_version <= _NEWEST_IR and behind + value > file.size_bytes > 64:
                total = behind + value
                message = f"The file is cut off: {file.size_bytes:,} of at least {total:,} bytes."
                return Contents("onnx", defects=[Defect("truncated", message)])
            elif tag not in (0x12, 0x1A, 0x22, 0x28, 0x32, 0x42):
                return None
            position = behind + (value if tag & 7 == 2 else 0)
    except _Broken:
        return None
    return None


def is_upscaler(contents: Contents) -> bool:
    """Tell whether the model maps one image batch to one image batch: [N, 3 or 1, H, W] on both sides."""
    inputs, outputs = contents.facts.get("inputs", []), contents.facts.get("outputs", [])
    return len(inputs) == 1 and len(outputs) == 1 and _is_image(inputs[0]) and _is_image(outputs[0])


def _is_image(value: dict[str, Any]) -> bool:
    shape = value["shape"]
    return len(shape) == 4 and shape[1] in (1, 3) and not (isinstance(shape[2], int) and 0 < shape[2] < 8)


def _opset(walk: _Walk, position: int, end: int) -> int:
    domain, version = "", 0
    while position < end:
        number, wire, value, behind = walk.next(position, end)
        if number == 1 and wire == 2:
            domain = walk.text(value, behind)
        elif number == 2 and wire == 0:
            version = value
        position = behind
    return version if domain in ("", "ai.onnx") else 0


def _pair(walk: _Walk, position: int, end: int) -> tuple[str, str]:
    key = text = ""
    while position < end:
        number, wire, value, behind = walk.next(position, end)
        if wire == 2 and number == 1:
            key = walk.text(value, behind)
        elif wire == 2 and number == 2:
            text = walk.text(value, behind)
        position = behind
    return key, text


def _graph(walk: _Walk, position: int, end: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return inputs (without those that are weights) and outputs."""
    inputs: list[dict[str, Any]] = []
    outputs: list[dict[str, Any]] = []
    weights: set[str] = set()
    while position < end:
        number, wire, value, behind = walk.next(position, end)
        if wire == 2 and number == 5:
            weights.add(_weight_name(walk, value, behind))
        elif wire == 2 and number == 11 and len(inputs) < FIELD_LIMIT:
            inputs.append(_value_info(walk, value, behind))
        elif wire == 2 and number == 12 and len(outputs) < VALUE_LIMIT:
            outputs.append(_value_info(walk, value, behind))
        position = behind
    return [value for value in inputs if value["name"] not in weights][:VALUE_LIMIT], outputs


def _weight_name(walk: _Walk, position: int, end: int) -> str:
    while position < end:
        number, wire, value, behind = walk.next(position, end)
        if number == 8 and wire == 2:
            return walk.text(value, min(behind, value + 512))
        position = behind
    return ""


def _value_info(walk: _Walk, position: int, end: int) -> dict[str, Any]:
    name, dtype = "", ""
    shape: list[int | str] = []
    while position < end:
        number, wire, value, behind = walk.next(position, end)
        if number == 1 and wire == 2:
            name = walk.text(value, min(behind, value + 512))
        elif number == 2 and wire == 2:
            dtype, shape = _tensor_type(walk, value, behind)
        position = behind
    return {"name": name, "dtype": dtype, "shape": shape}


def _tensor_type(walk: _Walk, position: int, end: int) -> tuple[str, list[int | str]]:
    dtype = ""
    shape: list[int | str] = []
    while position < end:
        number, wire, value, behind = walk.next(position, end)
        if number == 1 and wire == 2:  # TypeProto.tensor_type
            position, end = value, behind
            continue
        if number == 1 and wire == 0:
            dtype = _TENSOR_TYPES.get(value, f"type {value}")
        elif number == 2 and wire == 2:
            shape = _dims(walk, value, behind)
        position = behind
    return dtype, shape


def _dims(walk: _Walk, position: int, end: int) -> list[int | str]:
    dims: list[int | str] = []
    while position < end and len(dims) < VALUE_LIMIT:
        _, wire, value, behind = walk.next(position, end)
        if wire != 2:
            raise _Broken
        dims.append(_dim(walk, value, behind))
        position = behind
    return dims


def _dim(walk: _Walk, position: int, end: int) -> int | str:
    while position < end:
        number, wire, value, behind = walk.next(position, end)
        if number == 1 and wire == 0:
            return value
        if number == 2 and wire == 2:
            return walk.text(value, min(behind, value + 128))
        position = behind
    return "?"
