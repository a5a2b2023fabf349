import io
import os
import pickle
import pickletools
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmgr.migration.reading.plain_pickle import OPERATIONS_LIMIT, Refused, plain_value

ENTRY = {
    "mtime": 1719000000.5,
    "sha256": None,
    "value": {"ss_tag": {"fog": 7}, "list": [1, True, "ä", -(2**70)]},
}


@pytest.mark.parametrize("protocol", range(6))
def test_plain_values_are_read_from_every_protocol(protocol):
    assert plain_value(pickle.dumps(ENTRY, protocol=protocol)) == ENTRY


def test_texts_that_were_put_aside_are_found_again():
    shared = "a long text that stands twice" * 3
    value = {"a": shared, "b": [shared, {"c": shared}]}
    assert plain_value(pickle.dumps(value, protocol=4)) == value


def test_what_follows_the_end_is_not_looked_at():
    assert plain_value(pickle.dumps({"a": 1}) + b"\0\0rest") == {"a": 1}


class Bomb:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("protocol", range(6))
def test_a_pickle_that_would_run_code_does_not_run(tmp_path: Path, protocol):
    target = tmp_path / "made"
    content = pickle.dumps({"mtime": 1.0, "value": Bomb(target)}, protocol=protocol)
    with pytest.raises(Refused, match="more than plain data"):
        plain_value(content)
    assert not target.exists()
    pickle.loads(content)
    assert target.exists(), "the pickle really is one that runs"


class WithId(pickle.Pickler):
    def persistent_id(self, value):
        return "outside" if value == "there" else None


@pytest.mark.parametrize(
    "value",
    [
        {1: 2},
        {None: 2},
        {"a": (1, 2)},
        {"a": {1}},
        {"a": frozenset((1,))},
        {"a": b"x"},
        {"a": bytearray(b"x")},
        1j,
    ],
    ids=str,
)
def test_other_values_are_refused(value):
    with pytest.raises(Refused):
        plain_value(pickle.dumps(value, protocol=5))


@pytest.mark.parametrize("protocol", [0, 5])
def test_a_persistent_id_is_refused(protocol):
    file = io.BytesIO()
    WithId(file, protocol).dump({"a": "there"})
    with pytest.raises(Refused, match="more than plain data"):
        plain_value(file.getvalue())


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"}",
        b".",
        b"N",
        b"(.",
        b"a.",
        b"}a.",
        b"]u.",
        b"h\x07.",
        b"}(N.",
        b"](\x8c\x01au.",
        b"e.",
        b"NN.",
        b"\x8d" + struct.pack("<Q", 2**62) + b"x.",
        b"\x8b" + struct.pack("<i", -5) + b".",
        b"I" + b"9" * 10_000 + b"\n.",
        b"Fnot a float\n.",
        b"\x8c\x02\xff\xfe.",
        b'{"mtime": 1}',
        bytes(range(256)),
        b"\0" * 1000,
    ],
)
def test_damaged_bytes_are_refused(content):
    with pytest.raises(Refused) as caught:
        plain_value(content)
    assert str(caught.value).endswith(".")


@given(st.binary(max_size=300))
def test_any_bytes_are_a_plain_value_or_refused(content):
    try:
        value = plain_value(content)
    except Refused:
        return
    assert value is None or isinstance(value, bool | int | float | str | list | dict)


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(PLAIN, st.integers(0, 5))
def test_every_plain_value_comes_back(value, protocol):
    assert plain_value(pickle.dumps(value, protocol=protocol)) == value


@given(PLAIN, st.data())
def test_a_cut_or_bent_pickle_runs_nothing(value, data):
    content = bytearray(pickle.dumps(value, protocol=4))
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] = data.draw(st.integers(0, 255))
    for one in (bytes(content), bytes(content[:place])):
        try:
            plain_value(one)
        except Refused:
            continue


def test_a_text_with_a_wrong_escape_is_refused():
    with pytest.raises(Refused, match="damaged"):
        plain_value(b"S'a\\qb'\n.")


def test_a_list_within_itself_and_a_tower_of_lists_end():
    inner: list[object] = []
    inner.append(inner)
    assert plain_value(pickle.dumps(inner))[0] is not None
    assert plain_value(b"]" * 100_000 + b"a" * 99_999 + b".")


def test_too_many_parts_and_too_many_bytes_are_refused():
    with pytest.raises(Refused, match="too many parts"):
        plain_value(b"N" * (OPERATIONS_LIMIT + 1) + b".")
    with pytest.raises(Refused, match="64 MiB"):
        plain_value(b"N" * ((64 << 20) + 1))


def test_every_operation_that_is_not_plain_is_refused():
    looked_up = {"GLOBAL", "STACK_GLOBAL", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "REDUCE", "BUILD"}
    by_name = {operation.name: operation for operation in pickletools.opcodes}
    arguments = {"GLOBAL": b"os\nsystem\n", "INST": b"os\nsystem\n"}
    for name in sorted(looked_up | {"PERSID", "BINPERSID", "EXT1", "EXT2", "EXT4", "NEXT_BUFFER"}):
        code = by_name[name].code.encode("latin-1")
        content = b"]]]" + code + arguments.get(name, b"x\n\0\0\0") + b"."
        with pytest.raises(Refused, match="more than plain data"):
            plain_value(content)
