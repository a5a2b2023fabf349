import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmgr.api.body import BodyInvalid, BodyRefused, Raw, read_object

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
SPACE = st.text(" \t\r\n", max_size=3)


@given(VALUES, SPACE, SPACE, SPACE, st.booleans())
def test_a_meta_json_is_the_bytes_that_stood_there(value, before, after, around, ascii_only):
    written = json.dumps(value, ensure_ascii=ascii_only, indent=1).encode("utf-8", "surrogatepass")
    try:
        written.decode()
    except UnicodeDecodeError:
        written = json.dumps(value).encode()
    space = [part.encode() for part in (before, after, around)]
    body = (
        space[2] + b'{"dry_run":true,"models":[{"name":"a","meta_json":' + space[0] + written + space[1]
        + b'},{"meta_json":1}]' + space[2] + b"}" + space[2]
    )  # fmt: skip
    found = read_object(body)
    assert found["models"][0]["meta_json"] == Raw(written)
    assert found["models"][0]["name"] == "a"
    assert found["models"][1] == {"meta_json": Raw(b"1")}
    assert found["dry_run"] is True


@pytest.mark.parametrize(
    "payload",
    [
        b'{"b" :1,\t"a":2,  "a":3}',
        b"[NaN, -Infinity, 1e999, 1E-2, -0.0]",
        b'"\\ud800 \\u0000 \xc3\xa4"',
        b"9" * 5000,
        b"null",
        b'""',
        b"{}",
        b"[" * 150 + b"]" * 150,
    ],
)
def test_what_json_readers_would_change_stays(payload):
    assert read_object(b'{"models":[{"meta_json":' + payload + b"}]}") == {
        "models": [{"meta_json": Raw(payload)}]
    }


@given(VALUES)
def test_everything_else_is_read_as_json(value):
    if not isinstance(value, dict):
        with pytest.raises(BodyInvalid) as caught:
            read_object(json.dumps(value).encode())
        assert caught.value.status == 400
        return
    value.pop("models", None)
    small = json.loads(json.dumps(value), parse_int=lambda digits: int(digits[-15:].lstrip("-") or 0))
    assert read_object(json.dumps(small).encode()) == small


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"[]",
        b"null",
        b'"{}"',
        b"{",
        b"{}{}",
        b"{,}",
        b'{"a":1,}',
        b'{"a" 1}',
        b"{'a':1}",
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":01}',
        b'{"a":"\n"}',
        b'{"a":"\xff"}',
        b"\xef\xbb\xbf{}",
        b'{"a":1}\0',
        b'{"models":[1,]}',
        b'{"models":[{}',
        b'{"models":[{"meta_json":}]}',
        b'{"models":[{"meta_json":nope}]}',
        b'{"models":[{"meta_json":"\xff"}]}',
        "{}".encode("utf-16"),
    ],
)
def test_what_is_no_json_object_is_malformed(body):
    with pytest.raises(BodyInvalid) as caught:
        read_object(body)
    assert caught.value.status == 400
    assert caught.value.code == "invalid_json"


@pytest.mark.parametrize(
    ("body", "key"),
    [
        (b'{"a":1,"a":1}', "a"),
        (b'{"\\u0061":1,"a":2}', "a"),
        (b'{"paths":[],"models":[],"paths":[]}', "paths"),
        (b'{"models":[{"meta_json":1,"meta_json":1}]}', "meta_json"),
        (b'{"models":[{"name":"x","meta_json":1,"name":"y"}]}', "name"),
        (b'{"x":{"y":[{"a":1,"a":2}]}}', "a"),
    ],
)
def test_a_key_that_is_there_twice_is_refused(body, key):
    with pytest.raises(BodyRefused) as caught:
        read_object(body)
    assert (caught.value.status, caught.value.code) == (422, "doubled_key")
    assert caught.value.details == {"key": key}


@pytest.mark.parametrize("head", [b'{"a":', b'{"models":', b'{"models":[{"meta_json":'])
def test_a_bottomless_body_is_refused(head):
    depth = max(200_000, sys.getrecursionlimit() * 10)
    with pytest.raises(BodyRefused) as caught:
        read_object(head + b"[" * depth)
    assert (caught.value.status, caught.value.code) == (422, "too_deep")


def test_a_number_beyond_all_bounds_is_no_integer():
    assert read_object(b'{"ids":[' + b"9" * 100_000 + b"]}") == {"ids": [float("inf")]}
