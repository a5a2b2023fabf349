"""Cutting JSON without parsing it: every range is exact, whatever surrounds it."""

import json
import random
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelmgr.migration.reading.export_file import ExportFile
from modelmgr.migration.reading.json_ranges import Cut, elements

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


class SmallParts(ExportFile):
    """A file whose view comes in tiny parts, so that everything is cut in the middle somewhere."""

    def view(self, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        for part in super().view(start, end):
            for at in range(0, len(part), 3):
                yield part[at : at + 3]


def export(content: bytes, *, small_parts: bool = True) -> ExportFile:
    kind = SmallParts if small_parts else ExportFile
    return kind("list.json", len(content), lambda start, end: content[start:end], whole=True)


def cut(content: bytes, *, small_parts: bool = True) -> tuple[list[tuple[bytes, bool]], list[int]]:
    """Return the elements of a list with their state, and where it ended without bracket."""
    file, open_ends = export(content, small_parts=small_parts), []
    found = [
        (file.range(member.start, member.end), member.broken)
        for member in elements(file, 0, open_ends.append)
    ]
    return found, open_ends


def blanks(rng: random.Random) -> str:
    return "".join(
        rng.choice([" ", "\n", "\t", "\r\n", "/* ] , */", "// }\n", ""]) for _ in range(rng.randint(0, 3))
    )


def spelt(value: object, rng: random.Random) -> str:
    """Return JSON text with random blanks and comments, and escapes or none."""
    if isinstance(value, list):
        inner = ",".join(blanks(rng) + spelt(item, rng) + blanks(rng) for item in value)
        return f"[{inner}{blanks(rng)}]"
    if isinstance(value, dict):
        inner = ",".join(
            f"{blanks(rng)}{json.dumps(key)}{blanks(rng)}:{blanks(rng)}{spelt(item, rng)}{blanks(rng)}"
            for key, item in value.items()
        )
        return f"{{{inner}{blanks(rng)}}}"
    return json.dumps(value, ensure_ascii=rng.random() < 0.5)


@settings(max_examples=150, deadline=None)
@given(st.lists(VALUES, max_size=6), st.integers(0, 2**32), st.booleans())
def test_every_element_of_a_list_is_cut_to_the_byte(
    values: list[object], seed: int, small_parts: bool
) -> None:
    rng = random.Random(seed)
    pieces = [spelt(value, rng) for value in values]
    text = (
        "["
        + ",".join(blanks(rng) + piece + blanks(rng) for piece in pieces)
        + "]"
        + rng.choice(["", "\n", "\0\0"])
    )
    expected = [(piece.encode("utf-8", "surrogatepass"), False) for piece in pieces]
    assert cut(text.encode("utf-8", "surrogatepass"), small_parts=small_parts) == (expected, [])


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.text(), VALUES, max_size=6), st.integers(0, 2**32))
def test_every_member_of_an_object_is_cut_with_its_key(values: dict[str, object], seed: int) -> None:
    rng = random.Random(seed)
    content = spelt(values, rng).encode("utf-8", "surrogatepass")
    found = Cut(export(content).view())
    members = list(found)
    assert found.closed
    assert found.end == len(content)
    assert [json.loads(content[one.key_start : one.key_end]) for one in members] == list(values)
    scalars = [value for value in values.values() if not isinstance(value, list | dict)]
    plain = [content[one.start : one.end] for one in members if one.kind not in (b"[", b"{")]
    assert [json.loads(text) for text in plain] == scalars


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=60), st.booleans())
def test_no_bytes_make_it_fail_or_overlap(content: bytes, small_parts: bool) -> None:
    file = export(b"[" + content, small_parts=small_parts)
    position = 0
    for member in elements(file, 0, lambda unit: None):
        assert position <= member.start <= member.end <= file.units
        position = member.end


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b'[{"a":1},{"a":tru},{"a":2}]', [b'{"a":1}', b'{"a":tru}', b'{"a":2}']),
        (b'[{"a":1},{"a":"open},{"a":3}]', [b'{"a":1}', b'{"a":"open}', b'{"a":3}']),
        (b'[{"a":1},{"a":[2},{"a":3}]', [b'{"a":1}', b'{"a":[2}', b'{"a":3}']),
        (b'[{"a":{"b":2},{"a":3},{"a":4}]', [b'{"a":{"b":2}', b'{"a":3}', b'{"a":4}']),
        (b'[{"p":"C:\\"},{"p":2},{"p":3}]', [b'{"p":"C:\\"}', b'{"p":2}', b'{"p":3}']),
        (b'[{"a":1},{"a":3', [b'{"a":1}', b'{"a":3']),
        (b'[\n  {"a":1},\n  {"a":"open\n  },\n  {"a":3}\n]\n', [b'{"a":1}', b'{"a":"open\n  }', b'{"a":3}']),
    ],
)
def test_a_broken_element_does_not_hide_its_neighbours(content: bytes, expected: list[bytes]) -> None:
    found, _ = cut(content)
    assert [piece for piece, _ in found] == expected


def test_a_list_inside_a_broken_element_is_not_taken_for_the_outer_one() -> None:
    content = b'[{"name":"x","tags":[{"name":"t1"},{"name":"t2"},{"name":"t3"}],"note":"open},{"name":"y"}]'
    found, _ = cut(content)
    assert [piece for piece, _ in found] == [content[1 : -len(',{"name":"y"}]')], b'{"name":"y"}']


def test_a_list_in_an_object_goes_on_behind_a_broken_element() -> None:
    content = b'{"models":[{"n":1,"t":[{"n":0},{"n":0}]},{"n":"open},{"n":3},/**/{"n":4}], "by": {"n": 5}}'
    file = export(content)
    found = [file.range(one.start, one.end) for one in elements(file, 10, lambda unit: None)]
    assert found == [b'{"n":1,"t":[{"n":0},{"n":0}]}', b'{"n":"open}', b'{"n":3}', b'{"n":4}']


def test_a_list_that_ends_between_elements_says_where() -> None:
    assert cut(b'[{"a":1},') == ([(b'{"a":1}', False)], [9])


def test_a_broken_element_of_a_large_file_reaches_to_its_end() -> None:
    content = b'[{"a":1},{"a":"open},{"a":3}]'
    file = ExportFile("x", len(content), lambda start, end: content[start:end], whole=False)
    found = [(file.range(one.start, one.end), one.broken) for one in elements(file, 0, lambda unit: None)]
    assert found == [(b'{"a":1}', False), (b'{"a":"open},{"a":3}]', True)]


def test_deep_nesting_needs_no_recursion() -> None:
    deep = b"[" * 200_000 + b"]" * 200_000
    found, _ = cut(b"[" + deep + b",1]", small_parts=False)
    assert found == [(deep, False), (b"1", False)]


def test_what_is_deeper_than_any_record_is_broken() -> None:
    content = b"[" + b"[0" * 1_000_001 + b"]" * 1_000_001 + b"]"
    found, _ = cut(content, small_parts=False)
    assert found == [(content[1:-1], True)]


def test_comments_hide_brackets_and_quotes_wherever_the_text_is_cut() -> None:
    content = b'[{"a": /* ] " */ [1, // } "\n\n 2] }, 7 /* , */ , 8 // ,\n]'.replace(b"\\n", b"\n")
    found, _ = cut(content)
    assert found == [(content[1 : content.index(b", 7")], False), (b"7", False), (b"8", False)]


def test_what_follows_the_list_is_found_unless_it_is_zero_bytes() -> None:
    first = Cut(export(b"[1] \0\0\n").view())
    assert len(list(first)) == 1
    assert first.rest() == -1
    second = Cut(export(b"[1] [2]").view())
    assert len(list(second)) == 1
    assert second.rest() == 4
