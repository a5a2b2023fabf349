"""Large payloads looked into in parts: what is found is what a parser finds, and broken ones say where they break."""

import json
import random
from typing import Any

import pytest

from modelmgr import payload_parts
from modelmgr.payload_parts import PIECE_BYTES, Part, Payload, find_words
from modelmgr.progress import Cancelled, Progress


def payload_of(written: bytes) -> Payload:
    return Payload(lambda first, size: written[first : first + size], len(written))


def whole(payload: Payload, value: Any) -> Any:
    if not isinstance(value, Part):
        return value
    if value.kind == "text":
        return payload.text(value, value.size_bytes)
    found: list[tuple[str, Any]] = []
    start = None
    while True:
        members = payload.members(value, start, len(found), 7)
        assert not members.trouble
        found += [(key, whole(payload, inner)) for key, inner in members.found]
        start = members.then
        if start is None:
            return dict(found) if value.kind == "object" else [inner for _, inner in found]


def anything(numbers: random.Random, depth: int = 0) -> Any:
    kind = numbers.random()
    if depth > 4 or kind < 0.3:
        texts = ['a\\"b{[é😀' * numbers.randint(0, 5), "x" * numbers.randint(0, 90_000) + "\\"]
        return numbers.choice([1, -2.5e9, True, None, *texts])
    if kind < 0.65:
        return [anything(numbers, depth + 1) for _ in range(numbers.randint(0, 9))]
    return {f'k"{n}]é': anything(numbers, depth + 1) for n in range(numbers.randint(0, 9))}


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("is_ascii", [True, False])
def test_what_is_found_in_parts_is_what_was_written(seed, is_ascii):
    value = [anything(random.Random(seed)) for _ in range(3)]
    payload = payload_of(json.dumps(value, ensure_ascii=is_ascii, indent=seed % 3 or None).encode())
    assert whole(payload, payload.root()) == value


def test_a_part_that_never_ends_can_still_be_looked_into():
    payload = payload_of(b'{"a": 1, "b": [{"c": 2}, {"d": ')
    members = payload.members(payload.root(), None, 0, 10)
    assert [key for key, _ in members.found] == ["a", "b"]
    assert members.trouble.startswith("It ends in the middle at byte")
    inner = payload.members(members.found[1][1], None, 0, 10)
    assert inner.found[0] == ("0", {"c": 2})


@pytest.mark.parametrize("written", [b"", b"  ", b"\xff\xfe[\0", b"never", b"{'a': 1}", b"[1 2 \x00]"])
def test_what_is_no_json_says_so(written):
    payload = payload_of(written)
    try:
        members = payload.members(payload.root(), None, 0, 10)
    except ValueError as error:
        assert "byte" in str(error)
    else:
        assert "byte" in members.trouble


def test_a_hundred_thousand_levels_are_one_line_each():
    payload = payload_of(b"[" * 100_000 + b"]" * 100_000)
    value = payload.root()
    for _ in range(50):
        ((_, value),) = payload.members(value, None, 0, 10).found
    assert isinstance(value, Part)


def test_only_pieces_are_read():
    sizes = []
    written = b'{"a": [' + b"1," * 500_000 + b'1], "b": 2}'

    def read(first: int, size: int) -> bytes:
        sizes.append(size)
        return written[first : first + size]

    payload = Payload(read, len(written))
    members = payload.members(payload.root(), None, 0, 10)
    assert members.found[1] == ("b", 2)
    assert max(sizes) <= payload_parts.PIECE_BYTES


def test_nobody_waits_for_what_is_not_wanted_any_more():
    written = b'{"a": [' + b"1," * 500_000 + b'1], "b": 2}'
    progress = Progress()
    payload = Payload(lambda first, size: written[first : first + size], len(written), progress)
    progress.cancel()
    with pytest.raises(Cancelled):
        payload.members(payload.root(), None, 0, 10)


# --- finding --------------------------------------------------------------------------------------------------


def found_in(written: bytes, words: str, limit: int = 100) -> tuple[list[bytes], bool]:
    """Return what was found, as it is written there."""
    places, is_more = find_words(
        lambda first, count: written[first : first + count], words, limit, Progress()
    )
    return [written[first:last] for first, last in places], is_more


@pytest.mark.parametrize("before", [0, 1, PIECE_BYTES - 3, PIECE_BYTES - 1, PIECE_BYTES, 3 * PIECE_BYTES - 2])
def test_words_are_found_wherever_a_piece_ends(before):
    written = b"." * before + b"haRbour" + b"." * 100 + b"HARBOUR"
    assert found_in(written, "Harbour") == ([b"haRbour", b"HARBOUR"], False)


def test_words_are_found_as_they_may_be_written():
    written = "Hafen-Ästhetik, h\\u00e4fen HÄFEN".encode()
    assert found_in(written, "ästhetik") == (["Ästhetik".encode()], False)
    assert found_in(written, "häfen") == ([b"h\\u00e4fen", "HÄFEN".encode()], False)
    assert found_in(b"a.c abc", "a.c") == ([b"a.c"], False)
    assert found_in(b"aaaa", "aa") == ([b"aa", b"aa"], False)
    assert found_in(b"", "a") == ([], False)
    assert found_in(b"a" * 500, "a", 7) == ([b"a"] * 7, True)


def test_a_search_is_given_up_between_two_pieces():
    progress = Progress()
    reads = []

    def read(first: int, count: int) -> bytes:
        reads.append(count)
        if len(reads) == 3:
            progress.cancel()
        return b"." * count

    with pytest.raises(Cancelled):
        find_words(read, "words", 100, progress)
    assert len(reads) == 3
    assert max(reads) < 2 * PIECE_BYTES
