import json
from pathlib import Path

import pytest

from modelmgr.migration.reading.export_file import open_export
from modelmgr.migration.reading.json_entries import EntryReader, key_of, parsed, whole_object
from modelmgr.progress import Progress
from modelmgr.values import Record


def read(path: Path, content: bytes):
    path.write_bytes(content)
    problems = []
    with open_export(str(path)) as file:
        whole = whole_object(file)
        assert whole is not None
        return list(EntryReader(file, Progress(), problems.append).entries(whole, "p/")), problems


@pytest.fixture
def path(tmp_path):
    return tmp_path / "map.json"


def test_each_member_is_its_exact_bytes(path):
    entries, problems = read(path, b' {"a" : {"x": NaN} , "\\u00e4": [1,2 ], "c": "d"}\n')
    assert [(entry.key, entry.record_key, entry.payload, entry.kind) for entry in entries] == [
        ("a", "p/a", b'{"x": NaN}', b"{"),
        ("ä", "p/ä", b"[1,2 ]", b"["),
        ("c", "p/c", b'"d"', b'"'),
    ]
    assert entries[1].extra == {"key": '"\\u00e4"'}
    assert problems == []


def test_one_key_very_often_is_numbered_in_time(path):
    entries, _ = read(path, b"{" + b",".join([b'"a": 1'] * 50_000) + b', "a#2": 5}')
    keys = [entry.record_key for entry in entries]
    assert keys[:3] == ["p/a", "p/a#2", "p/a#3"]
    assert keys[-1] == "p/a#2#2"
    assert len(set(keys)) == 50_001


def test_a_key_of_megabytes_is_part_of_the_bytes(path):
    long = b'"' + b"k" * (2 << 20) + b'": {}'
    entries, _ = read(path, b'{"a": {}, ' + long + b', "b": {}}')
    assert [entry.key for entry in entries] == ["a", "", "b"]
    assert entries[1].payload == long
    assert entries[1].extra == {"broken": {"offset": 10}}


def test_a_long_key_has_a_short_name(path):
    entries, _ = read(path, json.dumps({"k" * 5000: 1}).encode())
    assert len(entries[0].record_key) == 71
    assert entries[0].key == "k" * 5000


@pytest.mark.parametrize(
    ("content", "payloads", "codes"),
    [
        (b'{"a": {"x": 1}, "b": {"y": ', [b'{"x": 1}', b'{"y": '], []),
        (b'{"a": {"x": 1}, "b', [b'{"x": 1}', b'"b'], []),
        (b'{"a": {"x": 1}, "b" {"y": 2}}', [b'{"x": 1}', b'"b" {"y": 2}}'], []),
        (b'{"a": {"x": 1}', [b'{"x": 1}'], ["truncated"]),
        (b'{"a": {"x": 1},', [b'{"x": 1}'], ["truncated"]),
        (b'{"a": {"x": 1}}\0\0', [b'{"x": 1}'], []),
    ],
)
def test_no_byte_behind_a_damaged_place_is_lost(path, content, payloads, codes):
    entries, problems = read(path, content)
    assert [entry.payload for entry in entries] == payloads
    assert [problem.code for problem in problems] == codes
    assert all(problem.kept for problem in problems)


def test_a_record_of_an_entry_tells_key_and_value(path):
    entries, _ = read(path, '\ufeff{"Häfen": {"x": "ä"}}'.encode("utf-16-le"))
    (entry,) = entries
    record = Record("s", str(path), entry.record_key, entry.payload, entry.extra)
    assert (key_of(record), parsed(record).value) == ("Häfen", {"x": "ä"})
    assert key_of(Record("s", "/x", "", b"1", None)) is None
    assert parsed(Record("s", "/x", "", b"1", {"codec": "no codec"})).value == 1
