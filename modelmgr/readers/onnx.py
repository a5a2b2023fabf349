"""The outline of an ONNX model: a protobuf without magic, so its shape is the only proof.

Fields by number (onnx/onnx, onnx/onnx.proto, ModelProto, GraphProto, TensorProto, ValueInfoProto). Lengths are held
against the enclosing message; nodes and the bytes of weights are stepped over. Weights that lie in files beside the
model are asked for their size, never opened.
"""

import math
import os
from collections.abc import Iterator
from dataclasses import field
from typing import Any

from modelmgr import parts
from modelmgr.lazily import dataclass
from modelmgr.readers import rules
from modelmgr.readers.contents import TENSOR_LIMIT, Contents, Defect, FileBytes, Spec, quoted
from modelmgr.readers.identify import Verdict, word_of
from modelmgr.readers.tensors import Tensors
from modelmgr.told.texts import clean

FIELD_LIMIT = 300_000
"""A model of a few hundred layers has some 20,000 nodes and weights; each is a field, a weight has some more."""
TEXT_LIMIT_BYTES = 64 * 1024
NAME_LIMIT_BYTES = 512
VALUE_LIMIT = 64
PROPERTY_LIMIT = 1000
EXTERNAL_LIMIT = 64
_BLOCK_BYTES = 4096
_NEWEST_IR = 20
_TYPES = {
    1: ("F32", 32), 2: ("U8", 8), 3: ("I8", 8), 4: ("U16", 16), 5: ("I16", 16), 6: ("I32", 32), 7: ("I64", 64),
    8: ("STRING", 0), 9: ("BOOL", 8), 10: ("F16", 16), 11: ("F64", 64), 12: ("U32", 32), 13: ("U64", 64),
    14: ("C64", 64), 15: ("C128", 128), 16: ("BF16", 16), 17: ("F8_E4M3", 8), 18: ("F8_E4M3FNUZ", 8),
    19: ("F8_E5M2", 8), 20: ("F8_E5M2FNUZ", 8), 21: ("U4", 4), 22: ("I4", 4), 23: ("F4", 4), 24: ("F8_E8M0", 8),
    25: ("U2", 2), 26: ("I2", 2),
}  # fmt: skip
# What counts positions and shapes is no parameter.
_NO_PARAMETERS = frozenset(("I64", "BOOL", "STRING"))
_EXTERNAL = 1


class _Broken(Exception):
    """Not this protobuf, or a damaged one."""


class _TooLong(Exception):
    """More fields than any model has."""


@dataclass(slots=True)
class _Walk:
    """Walks protobuf fields in a file through one block of buffer; counts them."""

    file: FileBytes
    block: bytes = b""
    block_start: int = 0
    fields: int = field(default=0)

    def fields_of(self, position: int, end: int) -> Iterator[tuple[int, int, int, int]]:
        """Yield field number, wire type, value (or start of the content) and the position behind each field."""
        while position < end:
            self.fields += 1
            if self.fields > FIELD_LIMIT:
                raise _TooLong
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
            yield number, wire, value, behind
            position = behind

    def varint(self, position: int) -> tuple[int, int]:
        """Return a number of seven bits a byte, and the position behind it."""
        value = shift = 0
        while shift < 70:
            offset = position - self.block_start
            if not 0 <= offset < len(self.block):
                self.block = self.file.at(position, _BLOCK_BYTES)
                self.block_start = position
                offset = 0
                if not self.block:
                    raise _Broken
            byte = self.block[offset]
            position += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value, position
            shift += 7
        raise _Broken

    def text(self, start: int, end: int, limit: int = TEXT_LIMIT_BYTES) -> str:
        return clean(self.file.at(start, min(end - start, limit)).decode("utf-8", "replace"))

    def pair(self, position: int, end: int) -> tuple[str, str]:
        """Read a StringStringEntryProto."""
        key = text = ""
        for number, wire, value, behind in self.fields_of(position, end):
            if wire == 2 and number == 1:
                key = self.text(value, behind)
            elif wire == 2 and number == 2:
                text = self.text(value, behind)
        return key, text


@dataclass(slots=True)
class _Graph:
    inputs: list[dict[str, Any]] = field(default_factory=list)
    outputs: list[dict[str, Any]] = field(default_factory=list)
    specs: dict[str, Spec] = field(default_factory=dict)
    external: dict[str, int] = field(default_factory=dict)


def read(file: FileBytes, path: str) -> Contents | None:
    """Read producer, operator sets, inputs, outputs, weights' names and metadata; None if it is no ONNX model."""
    walk = _Walk(file)
    contents = Contents("onnx")
    texts = {2: "producer_name", 3: "producer_version", 4: "domain", 6: "doc_string"}
    opsets: dict[str, int] = {}
    ir_version = 0
    place: tuple[int, int] | None = None
    graph = _Graph()
    try:
        for number, wire, value, behind in walk.fields_of(0, file.size_bytes):
            if number == 1 and wire == 0:
                ir_version = value
            elif number in texts and wire == 2:
                if behind > value:
                    contents.metadata[texts[number]] = walk.text(value, behind)
            elif number == 7 and wire == 2:
                place = (value, behind)
            elif number == 8 and wire == 2 and len(opsets) < VALUE_LIMIT:
                domain, version = _opset(walk, value, behind)
                opsets[domain] = max(version, opsets.get(domain, 0))
            elif number == 14 and wire == 2 and len(contents.metadata) < PROPERTY_LIMIT:
                key, text = walk.pair(value, behind)
                contents.metadata.setdefault(key, text)
            elif number > 26 or (number == 1 and wire != 0):
                return None
        if not 1 <= ir_version <= _NEWEST_IR or place is None:
            return None
        _read_graph(walk, *place, graph)
    except _Broken:
        return None
    except _TooLong:
        if not 1 <= ir_version <= _NEWEST_IR or place is None:
            return None
        contents.complete = False
        message = f"The model has more than {FIELD_LIMIT:,} nodes and weights; the rest was not read."
        contents.defects.append(Defect("too_large", message))
    contents.specs = graph.specs
    contents.facts["ir_version"] = ir_version
    contents.facts["opset"] = opsets.pop("ai.onnx", 0)
    if opsets:
        contents.facts["opset_domains"] = opsets
    contents.facts["inputs"] = [value for value in graph.inputs if value["name"] not in graph.specs][
        :VALUE_LIMIT
    ]
    contents.facts["outputs"] = graph.outputs
    parameters = sum(
        math.prod(spec.shape) for spec in graph.specs.values() if spec.dtype not in _NO_PARAMETERS
    )
    if parameters:
        contents.facts["parameter_count"] = parameters
    _look_beside(contents, os.path.dirname(path), graph.external)
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
                return Contents("onnx", defects=[Defect("truncated", message)], complete=False)
            elif tag not in (0x12, 0x1A, 0x22, 0x28, 0x32, 0x42):
                return None
            position = behind + (value if tag & 7 == 2 else 0)
    except _Broken:
        return None
    return None


def identify(contents: Contents, name: str) -> Verdict:
    """Tell what the model is for by the names and shapes that go in and out.

    Nothing but habit gives these their names, so that the answer is never certain.
    """
    told = _told(contents)
    answer = rules.match("onnx", rules.View("onnx", Tensors({}), told, name))
    sizes = contents.bytes_by_dtype()
    verdict = Verdict(precision=next(iter(sizes), None))
    if answer is not None:
        verdict.type = answer["type"]
        verdict.base_model = word_of(answer.get("base"))
        verdict.variant = answer.get("variant")
        verdict.confidence = "metadata"
        verdict.evidence = tuple(answer["evidence"])
        if verdict.type == "upscaler" and "scale" in told:
            verdict.variant = f"{told['scale']}x"
    return verdict


def _told(contents: Contents) -> dict[str, Any]:
    """Return what the rules ask for: the names in one text, and what a few shapes say."""
    inputs, outputs = contents.facts.get("inputs", []), contents.facts.get("outputs", [])
    told: dict[str, Any] = dict(contents.metadata)
    told["inputs"] = "".join(f",{value['name']}" for value in inputs) + ","
    told["outputs"] = "".join(f",{value['name']}" for value in outputs) + ","
    for value in (*inputs, *outputs):
        told[f"rank of {value['name']}"] = len(value["shape"])
        if value["shape"] and isinstance(value["shape"][-1], int):
            told[f"width of {value['name']}"] = value["shape"][-1]
    if len(inputs) == 1 and len(outputs) == 1 and _is_image(inputs[0]) and _is_image(outputs[0]):
        told["image_to_image"] = True
        before, after = inputs[0]["shape"][2], outputs[0]["shape"][2]
        if isinstance(before, int) and isinstance(after, int) and after % before == 0:
            told["scale"] = after // before
    return told


def _is_image(value: dict[str, Any]) -> bool:
    """Tell whether a value is a batch of images: [N, 3 or 1, H, W]."""
    shape = value["shape"]
    return len(shape) == 4 and shape[1] in (1, 3) and not (isinstance(shape[2], int) and shape[2] < 8)


def _opset(walk: _Walk, position: int, end: int) -> tuple[str, int]:
    domain, version = "", 0
    for number, wire, value, behind in walk.fields_of(position, end):
        if number == 1 and wire == 2:
            domain = walk.text(value, behind, NAME_LIMIT_BYTES)
        elif number == 2 and wire == 0:
            version = value
    return domain or "ai.onnx", version


def _read_graph(walk: _Walk, position: int, end: int, graph: _Graph) -> None:
    for number, wire, value, behind in walk.fields_of(position, end):
        if wire != 2:
            continue
        if number == 5 and len(graph.specs) < TENSOR_LIMIT:
            _read_weight(walk, value, behind, graph)
        elif number == 11 and len(graph.inputs) < TENSOR_LIMIT:
            graph.inputs.append(_value_info(walk, value, behind))
        elif number == 12 and len(graph.outputs) < VALUE_LIMIT:
            graph.outputs.append(_value_info(walk, value, behind))


def _read_weight(walk: _Walk, position: int, end: int, graph: _Graph) -> None:
    name, kind = "", 0
    shape: list[int] = []
    pairs: dict[str, str] = {}
    external = False
    for number, wire, value, behind in walk.fields_of(position, end):
        if number == 1 and wire == 0 and len(shape) < VALUE_LIMIT:
            shape.append(value)
        elif number == 1 and wire == 2:
            while value < behind and len(shape) < VALUE_LIMIT:
                dim, value = walk.varint(value)
                shape.append(dim)
        elif number == 2 and wire == 0:
            kind = value
        elif number == 8 and wire == 2:
            name = walk.text(value, behind, NAME_LIMIT_BYTES)
        elif number == 13 and wire == 2 and len(pairs) < VALUE_LIMIT:
            key, text = walk.pair(value, behind)
            pairs[key] = text
        elif number == 14 and wire == 0:
            external = value == _EXTERNAL
    dtype, bits = _TYPES.get(kind, (f"type {kind}", 0))
    spec = Spec(dtype, tuple(shape), -(-math.prod(shape) * bits // 8))
    graph.specs[name] = spec
    location = pairs.get("location")
    if (
        external
        and location is not None
        and (location in graph.external or len(graph.external) < EXTERNAL_LIMIT)
    ):
        extent = _number(pairs.get("offset")) + (_number(pairs.get("length")) or spec.size_bytes)
        graph.external[location] = max(extent, graph.external.get(location, 0))


def _number(text: str | None) -> int:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 19 else 0


def _look_beside(contents: Contents, folder: str, external: dict[str, int]) -> None:
    """State which files hold the weights, and what is wrong with them."""
    found: list[dict[str, Any]] = []
    for location, extent in external.items():
        steps = [step for step in location.split("/") if step != "."]
        if not all(map(parts.is_plain, steps)):
            contents.defects.append(
                Defect("outside", f"The model names weights outside of its folder: {quoted(location)}.")
            )
            continue
        size_bytes: int | None = None
        try:
            size_bytes = os.stat(os.path.join(folder, *steps)).st_size
        except (OSError, ValueError):
            contents.defects.append(
                Defect("parts_missing", f"The weights should lie in {quoted(location)}, which is not there.")
            )
        if size_bytes is not None and size_bytes < extent:
            message = f"The weights in {quoted(location)} are cut off: {size_bytes:,} of {extent:,} bytes."
            contents.defects.append(Defect("truncated", message))
        found.append({"name": location, "size_bytes": size_bytes, "needed_bytes": extent})
    if found:
        contents.facts["external_data"] = found


def _value_info(walk: _Walk, position: int, end: int) -> dict[str, Any]:
    name, dtype = "", ""
    shape: list[int | str] = []
    for number, wire, value, behind in walk.fields_of(position, end):
        if number == 1 and wire == 2:
            name = walk.text(value, behind, NAME_LIMIT_BYTES)
        elif number == 2 and wire == 2:
            dtype, shape = _tensor_type(walk, value, behind)
    return {"name": name, "dtype": dtype, "shape": shape}


def _tensor_type(walk: _Walk, position: int, end: int) -> tuple[str, list[int | str]]:
    dtype = ""
    shape: list[int | str] = []
    for number, wire, value, behind in walk.fields_of(position, end):
        if number != 1 or wire != 2:  # a sequence, a map: no tensor
            continue
        for inner, kind, content, inner_end in walk.fields_of(value, behind):
            if inner == 1 and kind == 0:
                dtype = _TYPES.get(content, (f"type {content}", 0))[0]
            elif inner == 2 and kind == 2:
                shape = _dims(walk, content, inner_end)
    return dtype, shape


def _dims(walk: _Walk, position: int, end: int) -> list[int | str]:
    dims: list[int | str] = []
    for _, wire, value, behind in walk.fields_of(position, end):
        if wire != 2:
            raise _Broken
        dims.append(_dim(walk, value, behind))
        if len(dims) == VALUE_LIMIT:
            break
    return dims


def _dim(walk: _Walk, position: int, end: int) -> int | str:
    for number, wire, value, behind in walk.fields_of(position, end):
        if number == 1 and wire == 0:
            return value if value < 2**63 else -1
        if number == 2 and wire == 2:
            return walk.text(value, behind, 128)
    return "?"
