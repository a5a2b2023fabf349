from types import SimpleNamespace

from modelmgr.api import answers
from modelmgr.api.answers import KnownAnswers


def asked(query, none_match=""):
    scope = {"raw_path": b"/api/models", "query_string": query}
    return SimpleNamespace(scope=scope, headers={"if-none-match": none_match})


def test_what_is_known_is_bounded_in_bytes():
    known = KnownAnswers()
    size = answers._LARGEST_KNOWN_BYTES
    most = answers._KNOWN_BYTES // size
    made = []

    def make(number):
        made.append(number)
        return b"%d" % (number % 10) * size

    for number in range(most + 3):
        known.answer(asked(b"limit=%d" % number), "1", lambda number=number: make(number))
    assert known._held_bytes == most * size
    made.clear()
    newest, oldest = most + 2, 0
    known.answer(asked(b"limit=%d" % newest), "1", lambda: make(newest))
    known.answer(asked(b"limit=%d" % oldest), "1", lambda: make(oldest))
    assert made == [oldest]


def test_what_is_larger_than_that_is_made_each_time():
    known = KnownAnswers()
    made = []

    def make():
        made.append(1)
        return b"x" * (answers._LARGEST_KNOWN_BYTES + 1)

    for _ in range(2):
        assert len(known.answer(asked(b""), "1", make).body) == answers._LARGEST_KNOWN_BYTES + 1
    assert (len(made), known._held_bytes) == (2, 0)


def test_another_version_knows_nothing_of_the_one_before():
    known = KnownAnswers()
    assert known.answer(asked(b""), "1", lambda: {"a": 1}).body == b'{"a":1}'
    assert known.answer(asked(b""), "2", lambda: {"a": 2}).body == b'{"a":2}'
    assert known.answer(asked(b""), "1", lambda: {"a": 3}).body == b'{"a":3}'


def test_an_error_is_not_kept():
    known = KnownAnswers()

    def fails():
        raise KeyError

    for _ in range(2):
        try:
            known.answer(asked(b""), "1", fails)
        except KeyError:
            continue
        raise AssertionError
    assert known.answer(asked(b""), "1", dict).body == b"{}"
