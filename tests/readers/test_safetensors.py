"""Headers of safetensors files, the good and the bad."""

import json
import struct
from collections.abc import Callable

import pytest

from modelmgr.readers import read_header
from modelmgr.readers.header import Header

GOOD = b'{"w":{"dtype":"F32","shape":[4,4],"data_offsets":[0,64]}}'


def codes(header: Header) -> list[str]:
    return [problem.code for problem in header.problems]


def entry(dtype: str = "F32", shape: str = "[4,4]", offsets: str = "[0,64]") -> bytes:
    return f'{{"w":{{"dtype":"{dtype}","shape":{shape},"data_offsets":{offsets}}}}}'.encode()


def test_a_good_header_is_read_without_a_word_of_complaint(raw_safetensors: Callable[..., str]) -> None:
    header = read_header(raw_safetensors(GOOD, 64))
    assert (header.format, header.tensor_count, header.parameter_count, header.precision) == (
        "safetensors",
        1,
        16,
        "F32",
    )
    assert header.data_offset == 8 + len(GOOD)
    assert header.problems == ()


@pytest.mark.parametrize(
    "header",
    [
        b'{"w": {"dtype": "F32", "shape": [4, 4], "data_offsets": [0, 64]}}',
        b'{"w":{"shape":[4,4],"dtype":"F32","data_offsets":[0,64]}}',
        b'{\n "w":{"dtype":"F32","shape":[4,4],"data_offsets":[0,64]}\n}',
        b'{"w":{"dtype":"F32","shape":[4,4],"data_offsets":[0,64]},"__metadata__":{"a":"b"}}',
        b'{"__metadata__":{"a":"b"},"w":{"dtype":"F32","shape":[4,4],"data_offsets":[0,64]}}',
        GOOD + b"        ",
        b'{"\\u0077":{"dtype":"F32","shape":[4,4],"data_offsets":[0,64]}}',
    ],
)
def test_every_spelling_of_a_header_says_the_same(header: bytes, raw_safetensors: Callable[..., str]) -> None:
    found = read_header(raw_safetensors(header, 64))
    assert (found.tensor_count, found.parameter_count, found.precision) == (1, 16, "F32")
    assert found.problems == ()


@pytest.mark.parametrize("size", range(8))
def test_a_file_shorter_than_its_length_field_is_truncated(size: int, file_of: Callable[..., str]) -> None:
    header = read_header(file_of(struct.pack("<Q", 64)[:size], "x.safetensors"))
    assert (header.format, header.type) == ("empty" if size == 0 else "invalid", "unknown")
    assert codes(header) == ["empty_file" if size == 0 else "truncated"]


@pytest.mark.parametrize("length", [64, 2, 100_000_000])
def test_a_length_field_alone_is_truncated(length: int, file_of: Callable[..., str]) -> None:
    header = read_header(file_of(struct.pack("<Q", length), "x.safetensors"))
    assert (header.format, codes(header)) == ("invalid", ["truncated"])


def test_a_header_cut_in_the_middle_is_truncated(file_of: Callable[..., str]) -> None:
    header = read_header(file_of(struct.pack("<Q", len(GOOD)) + GOOD[:20], "x.safetensors"))
    assert (header.format, codes(header)) == ("safetensors", ["truncated"])


@pytest.mark.parametrize("missing", [1, 32, 64])
def test_data_cut_off_is_truncated_and_told_in_bytes(
    missing: int, raw_safetensors: Callable[..., str]
) -> None:
    header = read_header(raw_safetensors(GOOD, 64 - missing))
    assert codes(header) == ["truncated"]
    whole = 8 + len(GOOD) + 64
    assert f"{whole - missing:,} of {whole:,} bytes" in header.problems[0].message
    assert header.tensor_count == 1
    assert header.problems[0].kept


def test_bytes_behind_the_last_tensor_are_told(raw_safetensors: Callable[..., str]) -> None:
    assert codes(read_header(raw_safetensors(GOOD, 65))) == ["trailing_data"]


@pytest.mark.parametrize("length", [0, 1, 2**63, 2**64 - 1, 100_000_001])
def test_an_impossible_length_is_refused_before_anything_is_read(
    length: int, raw_safetensors: Callable[..., str]
) -> None:
    header = read_header(raw_safetensors(GOOD, 64, length=length))
    assert (header.format, header.type, codes(header)) == ("invalid", "unknown", ["header_invalid"])


def test_an_empty_object_is_a_valid_header_without_tensors(raw_safetensors: Callable[..., str]) -> None:
    header = read_header(raw_safetensors(b"{}"))
    assert (header.format, header.type, header.tensor_count, header.problems) == (
        "safetensors",
        "unknown",
        0,
        (),
    )


@pytest.mark.parametrize(
    "header",
    [
        b"\xef\xbb\xbf" + GOOD,
        b" " + GOOD,
        b"[" + GOOD[1:],
        b'{"w":',
        b"{" + b"\xff\xfe" * 20 + b"}",
        b"{" + b'"a":{' * 10_000 + b"}" * 10_001,
        b'{"a":' + b"[" * 10_000 + b"]" * 10_000 + b"}",
        b'{"a":NaN}',
        b'{"a":' + b"9" * 5000 + b"}",
        GOOD[:-1],
        GOOD + b"}",
        b'{"w":{"dtype":"F32","shape":[4,4],"data_offsets":[0,64]},}',
        b'{"w":{"dtype":"F32","shape":[4,04],"data_offsets":[0,64]}}',
        b'{"w\x01":{"dtype":"F32","shape":[4,4],"data_offsets":[0,64]}}',
        b'{"__metadata__":{"a":"b"},}',
        b'{"__metadata__":{"a":"b"}"w":1}',
    ],
)
def test_what_is_no_json_object_is_invalid(header: bytes, raw_safetensors: Callable[..., str]) -> None:
    found = read_header(raw_safetensors(header, 64))
    assert (found.format, found.type, codes(found)) == ("invalid", "unknown", ["header_invalid"])


def test_nul_padding_is_stripped_and_told(raw_safetensors: Callable[..., str]) -> None:
    header = read_header(raw_safetensors(GOOD + b"\0\0\0", 64))
    assert (header.tensor_count, codes(header)) == (1, ["header_padding"])


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (entry(offsets="[64,0]"), ["size_mismatch", "offsets", "trailing_data"]),
        (entry(offsets="[4,68]"), ["truncated", "offsets"]),
        (entry(offsets="[0,60]"), ["size_mismatch", "trailing_data"]),
        (entry(shape="[4,5]"), ["size_mismatch"]),
        (entry(dtype="F4", shape="[3]", offsets="[0,64]"), ["size_mismatch"]),
        (entry(shape="[4294967296,4294967296,4294967296]"), ["size_mismatch"]),
        (entry(shape="[-1]"), ["tensor_invalid", "trailing_data"]),
        (entry(shape="[1.5]"), ["tensor_invalid", "trailing_data"]),
        (entry(shape="[1e400]"), ["tensor_invalid", "trailing_data"]),
        (entry(shape="[true]"), ["tensor_invalid", "trailing_data"]),
        (entry(shape="[99999999999999999999]"), ["tensor_invalid", "trailing_data"]),
        (entry(shape="[" + ",".join(["1"] * 65) + "]"), ["tensor_invalid", "trailing_data"]),
        (entry(shape='"4"'), ["tensor_invalid", "trailing_data"]),
        (entry(dtype="F" * 200), []),
        (entry(offsets="[0]"), ["tensor_invalid", "trailing_data"]),
        (entry(offsets="[0,99999999999999999999]"), ["tensor_invalid", "trailing_data"]),
        (b'{"w":{"dtype":"F32","shape":[4,4]}}', ["tensor_invalid", "trailing_data"]),
        (b'{"w":[1,2]}', ["tensor_invalid", "trailing_data"]),
        (b'{"w":null}', ["tensor_invalid", "trailing_data"]),
    ],
)
def test_a_wrong_entry_is_told_and_the_file_stays_listed(
    header: bytes, expected: list[str], raw_safetensors: Callable[..., str]
) -> None:
    found = read_header(raw_safetensors(header, 64))
    assert found.format == "safetensors"
    assert codes(found) == expected


def test_overlaps_and_gaps_between_tensors_are_told(raw_safetensors: Callable[..., str]) -> None:
    for second in ("[32,96]", "[96,160]"):
        header = (
            '{"a":{"dtype":"F32","shape":[4,4],"data_offsets":[0,64]},'
            f'"b":{{"dtype":"F32","shape":[4,4],"data_offsets":{second}}}}}'
        )
        end = int(second[1:-1].split(",")[1])
        assert codes(read_header(raw_safetensors(header.encode(), end))) == ["offsets"]


def test_tensors_in_another_order_than_their_bytes_are_fine(raw_safetensors: Callable[..., str]) -> None:
    header = (
        b'{"b":{"dtype":"F32","shape":[4,4],"data_offsets":[64,128]},'
        b'"z":{"dtype":"F32","shape":[0,4],"data_offsets":[64,64]},'
        b'"a":{"dtype":"F32","shape":[4,4],"data_offsets":[0,64]}}'
    )
    assert read_header(raw_safetensors(header, 128)).problems == ()


def test_scalars_empty_shapes_and_unknown_types_are_no_errors(raw_safetensors: Callable[..., str]) -> None:
    header = (
        b'{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]},'
        b'"b":{"dtype":"F16","shape":[0,7],"data_offsets":[4,4]},'
        b'"c":{"dtype":"F99_NEW","shape":[3],"data_offsets":[4,13]}}'
    )
    found = read_header(raw_safetensors(header, 13))
    assert (found.problems, found.tensor_count, found.precision) == ((), 3, "F99_NEW")


@pytest.mark.parametrize(
    "header",
    [
        b'{"w":{"dtype":"F32","shape":[4,4],"data_offsets":[0,64]},"w":{"dtype":"F32","shape":[4,4],"data_offsets":[0,64]}}',
        b'{"w":{"dtype":"F32","dtype":"F32","shape":[4,4],"data_offsets":[0,64]}}',
        b'{"__metadata__":{"a":"1","a":"2"},"w":{"dtype":"F32","shape":[4,4],"data_offsets":[0,64]}}',
        b'{"__metadata__":{"a":"1"},"__metadata__":{"a":"2"},"w":{"dtype":"F32","shape":[4,4],"data_offsets":[0,64]}}',
    ],
)
def test_a_key_that_stands_twice_is_told(header: bytes, raw_safetensors: Callable[..., str]) -> None:
    found = read_header(raw_safetensors(header, 64))
    assert "duplicate_keys" in codes(found)
    assert found.tensor_count == 1


@pytest.mark.parametrize(
    "name",
    [
        "a/b",
        "..",
        "a\\u0000b",
        "a\\nb",
        "n" * 10_240,
        "\\u202eabc",
        "\\ud83d",
        "模型",
        "a\\\\b",
        "a\\u0022b",
        "\x7f",
    ],
)
def test_strange_tensor_names_are_read_and_given_out_safely(
    name: str, raw_safetensors: Callable[..., str]
) -> None:
    header = entry(offsets="[0,60]").decode().replace('"w"', f'"{name}"')
    found = read_header(raw_safetensors(header.encode(), 60))
    assert codes(found) == ["size_mismatch"]
    assert found.tensor_count == 1
    json.dumps(found.as_json()).encode("utf-8")
    assert "\0" not in json.dumps(found.as_json(), ensure_ascii=False)
    assert "\n" not in found.problems[0].message


@pytest.mark.parametrize("metadata", ["null", "[]", "3", '"a"'])
def test_metadata_that_is_no_object_is_told(metadata: str, raw_safetensors: Callable[..., str]) -> None:
    header = f'{{"__metadata__":{metadata},"w":{{"dtype":"F32","shape":[4,4],"data_offsets":[0,64]}}}}'
    found = read_header(raw_safetensors(header.encode(), 64))
    assert (codes(found), found.tensor_count, dict(found.metadata)) == (["metadata_invalid"], 1, {})


def test_metadata_values_of_other_types_are_read_as_text(raw_safetensors: Callable[..., str]) -> None:
    header = (
        b'{"__metadata__":{"n":1,"o":{"a":[1]},"z":null,"t":"x\\ud83dy\\u0000"},'
        b'"w":{"dtype":"F32","shape":[4,4],"data_offsets":[0,64]}}'
    )
    found = read_header(raw_safetensors(header, 64))
    assert codes(found) == ["metadata_invalid"]
    assert dict(found.metadata) == {"n": "1", "o": '{"a": [1]}', "z": "null", "t": "x\ufffdy"}


def test_a_value_of_20_megabytes_is_cut_and_the_tensors_still_read(
    raw_safetensors: Callable[..., str],
) -> None:
    value = json.dumps('{"tag \\u1234": 1, ' * 1_200_000)
    header = f'{{"__metadata__":{{"a":"1","big":{value},"z":"2"}},' + entry().decode()[1:]
    assert len(header) > 20_000_000
    found = read_header(raw_safetensors(header.encode(), 64))
    assert (codes(found), found.tensor_count, found.metadata["z"]) == (["metadata_cut"], 1, "2")
    assert len(json.dumps(found.as_json())) < 256 * 1024


def test_a_cut_value_ends_in_no_half_character(raw_safetensors: Callable[..., str]) -> None:
    for filler in ("\\u1234", "é", '\\"', "\\\\", "a"):
        for shift in range(7):
            value = "x" * shift + filler * 40_000
            rest = ",".join(f'"{n}":"{"y" * 60_000}"' for n in range(40))
            header = f'{{ "__metadata__" : {{ "big" : "{value}" , {rest} , "z" : 7}},' + entry().decode()[1:]
            found = read_header(raw_safetensors(header.encode(), 64))
            assert (found.tensor_count, found.metadata["z"]) == (1, "7")
            assert set(found.metadata["big"].lstrip("x")) <= {"\u1234", "é", '"', "\\", "a"}


def test_more_metadata_keys_than_anyone_writes_are_told(raw_safetensors: Callable[..., str]) -> None:
    metadata = ",".join(f'"{n}":""' for n in range(10_001))
    header = f'{{"__metadata__":{{{metadata}}},' + entry().decode()[1:]
    found = read_header(raw_safetensors(header.encode(), 64))
    assert (codes(found), len(found.metadata)) == (["metadata_invalid"], 10_000)


@pytest.mark.parametrize("space", ["", " "])
def test_more_shapes_than_any_model_has_are_not_read(space: str, raw_safetensors: Callable[..., str]) -> None:
    header = ",".join(
        f'"{n}":{space}{{"dtype":"F32","shape":[0,{n}],"data_offsets":[0,0]}}' for n in range(20_001)
    )
    assert "too_large" in codes(read_header(raw_safetensors(f"{{{header}}}".encode())))


def test_a_header_of_more_tensors_than_any_model_has_is_not_read(raw_safetensors: Callable[..., str]) -> None:
    header = (
        b"{"
        + b",".join(b'"%d":{"dtype":"F32","shape":[],"data_offsets":[0,0]}' % n for n in range(200_001))
        + b"}"
    )
    found = read_header(raw_safetensors(header))
    assert (found.format, codes(found), found.tensor_count) == ("safetensors", ["too_large"], 0)


def test_a_long_header_of_nothing_but_brackets_is_not_read(raw_safetensors: Callable[..., str]) -> None:
    found = read_header(raw_safetensors(b'{"a":[' + b"[]," * 3_000_000 + b"[]]}"))
    assert codes(found) == ["too_large"]


def test_fifty_thousand_tensors_are_read(safetensors_file: Callable[..., str]) -> None:
    path = safetensors_file(
        {f"model.layers.{n // 500}.mlp.experts.{n}.w.weight": (2, 2) for n in range(50_000)}
    )
    found = read_header(path)
    assert (found.tensor_count, found.problems) == (50_000, ())


def test_the_metadata_bytes_come_out_exactly_as_they_stand(raw_safetensors: Callable[..., str]) -> None:
    exact = '{ "a":"}{", "ü":"\\u00fc", "x\\"":{"y":[1.0]} }'.encode()
    tail = b',"w":{"dtype":"F32","shape":[4,4],"data_offsets":[0,64]}}'
    assert read_header(raw_safetensors(b'{"__metadata__":' + exact + tail, 64)).embedded == exact
    assert read_header(raw_safetensors(b'{"a":1, "__metadata__" : ' + exact + b"}")).embedded == exact
    long = b'{"a":"' + b"\\u0041}" * 500_000 + b'"}'
    found = read_header(raw_safetensors(b'{"__metadata__":' + long + tail, 64))
    assert (found.embedded, found.embedded_made) == (long, False)


@pytest.mark.parametrize(
    "header",
    [
        b'{"__metadata__":%b,"w":{"dtype":"F32","__metadata__":{"d":"e"},"shape":[4,4],"data_offsets":[0,64]}}',
        b'{"__metadata__":{"f":"g"}, "w":["__metadata__",{"d":"e"}], "__metadata__" : %b}',
        b'{"note":"\\"__metadata__\\": {", "__metadata__":%b}',
    ],
)
@pytest.mark.parametrize(
    "exact", [b'{"a":"b","__metadata__":{"c":"d"}}', b'{"a":{"x":[{"__metadata__":{}}]}}', b'{"a":"}"}']
)
def test_a_key_of_that_name_further_inside_holds_other_metadata(
    raw_safetensors: Callable[..., str], header: bytes, exact: bytes
) -> None:
    assert read_header(raw_safetensors(header % exact, 64)).embedded == exact


@pytest.mark.parametrize("told", [b'{"format":"pt"}', b"{}", b"[1]", b"null"])
def test_metadata_that_say_nothing_are_no_record(raw_safetensors: Callable[..., str], told: bytes) -> None:
    assert read_header(raw_safetensors(b'{"__metadata__":' + told + b"}")).embedded is None
    assert read_header(raw_safetensors(GOOD, 64)).embedded is None
