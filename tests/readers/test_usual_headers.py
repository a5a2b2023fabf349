"""A usual header is read in a fast way, any other in full; nobody can tell by the answer which way it was."""

import json
import re
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelmgr.readers import gguf, safetensors, tensor_table
from modelmgr.readers.contents import Contents, FileBytes

EXAMPLES = settings(max_examples=400, derandomize=True, deadline=None)
PIECES = st.sampled_from(
    [
        *(
            b'"',
            b",",
            b"{",
            b"}",
            b"[",
            b"]",
            b":",
            b"]},",
            b",}",
            b" ",
            b"\n",
            b"\\",
            b"\\n",
            b"\xff",
            b"\0",
        ),
        *(b"0", b"1", b"01", b"-1", b"1.5", b"9" * 18, b"9" * 19, b"true", b"null", b"\xc3\xa9", b"\xc2\x85"),
        *(b'"dtype"', b'"shape"', b'"data_offsets"', b'"F16"', b'"__metadata__":{},', b'"a":1,', b"dtype"),
    ]
)
EDITS = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 12), PIECES), max_size=3)
"""Where, how many bytes go, and what comes."""
SHAPES = st.lists(st.sampled_from([0, 1, 2, 3, 8, 2**40, 2**62]), max_size=3)
TENSORS = st.lists(
    st.tuples(
        st.sampled_from(["a.weight", "b.weight", "__metadata__", "\u00e9", "a]},b", "a:b", "a{", ""])
        | st.text(st.characters(codec="utf-8"), max_size=6),
        st.sampled_from(["F16", "F32", "F4", "U8", "NEW", ""]),
        SHAPES,
        st.sampled_from([0, 0, 0, 0, 1, -1]),
    ),
    min_size=1,
    max_size=5,
)


def edited(content: bytes, edits: list[tuple[float, int, bytes]]) -> bytes:
    for place, gone, new in edits:
        start = round(place * len(content))
        content = content[:start] + new + content[start + gone :]
    return content


def told(contents: Contents) -> list[Any]:
    """Return all that is found, but for places in the file."""
    return [
        contents.format,
        list(contents.specs.items()),
        contents.metadata,
        contents.embedded,
        sorted(contents.bytes_by_dtype().items()),
        contents.parameter_count(),
        [(defect.code, re.sub(r"[0-9,]+", "", defect.message)) for defect in contents.defects],
    ]


def of_safetensors(header: bytes) -> Contents:
    tensor_table.forget()
    content = struct.pack("<Q", len(header)) + header + bytes(64)
    return safetensors.read(FileBytes(-1, len(content), content))


@EXAMPLES
@given(tensors=TENSORS, more=st.sampled_from([0, 0, 400]), said=st.booleans(), edits=EDITS)
def test_a_header_in_the_usual_spelling_says_what_it_says_in_another(
    tensors: list[tuple[str, str, list[int], int]],
    more: int,
    said: bool,
    edits: list[tuple[float, int, bytes]],
) -> None:
    entries = ['"__metadata__":{"format":"pt","note":"a"}'] if said else []
    offset = 0
    for name, dtype, shape, moved in [*tensors, *((f"layers.{n}.w", "F16", [2, n], 0) for n in range(more))]:
        end = offset + max(tensor_table.expected_bytes(dtype, tuple(shape)), 0) + moved
        dims = ",".join(map(str, shape))
        entry = f'{{"dtype":"{dtype}","shape":[{dims}],"data_offsets":[{offset},{end}]}}'
        entries.append(f"{json.dumps(name, ensure_ascii=False)}:{entry}")
        offset = end
    header = edited(("{" + ",".join(entries) + "}").encode("utf-8", "surrogatepass"), edits)
    # A space behind the first brace changes no meaning, but is another spelling.
    other = header.replace(b"{", b"{ ", 1)
    assert told(of_safetensors(header)) == told(of_safetensors(other))


@pytest.mark.parametrize("odd", [b"null:", b" :", b"::", b":", b""])
@pytest.mark.parametrize("said", [b"", b'"__metadata__":{},', b'"__metadata__":{"note":"a"},'])
def test_what_stands_before_a_shape_is_no_part_of_its_type(odd: bytes, said: bytes) -> None:
    first = b'"a":{"dtype":"F16","shape":[2],"data_offsets":[0,4]}'
    header = b"{" + said + first + b',"b":{"dtype":"F16","shape"' + odd + b'[2],"data_offsets":[4,8]}}'
    assert told(of_safetensors(header)) == told(of_safetensors(header.replace(b"{", b"{ ", 1)))


@pytest.mark.parametrize("said", [b"{}", b'{"note":"a"}'])
@pytest.mark.parametrize("more", [b"", b'"a":{"dtype":"F16","shape":[2],"data_offsets":[0,4]}}'])
def test_nothing_follows_the_brace_that_ends_the_header(said: bytes, more: bytes) -> None:
    header = b'{"__metadata__":' + said + b"}" + more
    assert told(of_safetensors(header)) == told(of_safetensors(header.replace(b"{", b"{ ", 1)))


@pytest.mark.parametrize("space", [b" ", b"\n", b""])
def test_the_metadata_are_kept_without_the_space_before_them(space: bytes) -> None:
    entry = b',"a":{"dtype":"F16","shape":[2],"data_offsets":[0,4]}}'
    assert of_safetensors(b'{"__metadata__":' + space + b'{"note":"a"}' + entry).embedded == b'{"note":"a"}'


def of_gguf(pairs: bytes, count: int, infos: bytes) -> Contents:
    tensor_table.forget()
    content = b"GGUF" + struct.pack("<IQQ", 3, count, 2) + pairs + infos + bytes(64)
    return gguf.read(FileBytes(-1, len(content), content))


def pair(key: str, value: str) -> bytes:
    return b"".join(
        (struct.pack("<Q", len(key)), key.encode(), struct.pack("<IQ", 8, len(value)), value.encode())
    )


@EXAMPLES
@given(
    tensors=TENSORS,
    more=st.sampled_from([0, 0, 50]),
    missing=st.sampled_from([0, 0, 0, 1]),
    edits=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 9), PIECES | st.binary(max_size=8)), max_size=2),
)
def test_infos_of_a_usual_gguf_say_what_they_say_elsewhere(
    tensors: list[tuple[str, str, list[int], int]],
    more: int,
    missing: int,
    edits: list[tuple[float, int, bytes]],
) -> None:
    infos = []
    for name, dtype, shape, moved in [*tensors, *((f"blk.{n}.w", "F16", [32, n], 0) for n in range(more))]:
        named = name.encode("utf-8", "surrogatepass")
        infos.append(
            struct.pack("<Q", len(named))
            + named
            + struct.pack(
                f"<I{len(shape)}QIQ", len(shape), *shape, len(dtype), 32 * (len(infos) % 3) + moved % 64
            )
        )
    content = edited(b"".join(infos), edits)
    stated = pair("general.architecture", "flux")
    found = [
        # What a converter did to a shape is looked up for each tensor; here there is none of that name.
        of_gguf(stated + pair(key, "x"), len(infos) + missing, content)
        for key in ("comfy.gguf.orig_names.other", "comfy.gguf.orig_shape.other")
    ]
    for contents in found:
        contents.metadata = {"general.architecture": contents.metadata["general.architecture"]}
    assert told(found[0]) == told(found[1])
    assert found[0].facts == found[1].facts
