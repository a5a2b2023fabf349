"""What the program exported comes back record for record, or is a problem."""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelmgr.migration import detect
from modelmgr.migration.sources import modelmgr_export
from modelmgr.progress import Progress
from modelmgr.values import MIB, ModelRow, Problem, Record, light_json

TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)


def exported(record: Record, **more: Any) -> dict[str, Any]:
    return {
        "id": 5,
        "source": record.source,
        "source_path": record.source_path,
        "record_key": record.record_key,
        **more,
        "payload_sha256": record.payload_sha256,
        "payload_base64": base64.b64encode(record.payload).decode(),
        "extra": record.extra,
    }


def pending_line(record: Record) -> str:
    return json.dumps(exported(record, sha256=None, state="pending", problem="no_file"))


def library_line(*records: Record, user: dict[str, Any] | None = None, **more: Any) -> str:
    row = ModelRow(1, "a" * 64, "Ink", "lora", 184)
    return json.dumps(
        {**light_json(row), "user": user or {}, **more, "records": [exported(one) for one in records]}
    )


RECORDS = [
    Record("civitai-info", "/a/x.civitai.info", "", b'\xef\xbb\xbf{"id": 1}\r\n', None),
    Record(
        "generic-sqlite",
        "/a/\udcff.db",
        "7",
        b"\x00\xff{",
        {"columns": {"n": {"storage": "null", "value": None}}},
    ),
    Record("from-a-later-version", "/b", '["k", 1]', b"", {}),
]


class Shelf:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.problems: list[Problem] = []

    def found(self, name: str, content: str | bytes) -> detect.Found:
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        (found,) = detect.find(
            [str(path)], library_folders=[], progress=Progress(), report=self.problems.append
        )
        return found

    def read(self, content: str | bytes, name: str = "export.jsonl") -> list[Record]:
        found = self.found(name, content)
        assert found.source is not None and found.container is not None
        assert found.source.id == "modelmgr-export"
        return list(found.source.records(found.container, Progress(), self.problems.append))


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path)


@pytest.mark.parametrize("name", ["export.jsonl", "export.ndjson", "EXPORT.JSON"])
def test_pending_records_come_back_as_they_were(shelf: Shelf, name: str) -> None:
    content = "\n".join(map(pending_line, RECORDS)) + "\n"
    assert shelf.read(content, name) == RECORDS
    assert shelf.problems == []


def test_the_records_of_a_library_come_back_as_they_were(shelf: Shelf) -> None:
    content = "\n".join([library_line(), library_line(*RECORDS[:2]), library_line(RECORDS[2])])
    assert shelf.read(content) == RECORDS
    assert shelf.read(library_line(RECORDS[0])) == RECORDS[:1]


def test_what_the_user_had_set_is_a_record_of_its_own(shelf: Shelf) -> None:
    user = {"notes": "n\udcff", "tags": ["ä"], "rating": 0}
    first = library_line(RECORDS[0], user=user)
    *records, own = shelf.read(first)
    path = str(shelf.folder / "export.jsonl")
    said = {"model": {"name": "Ink", "sha256": "a" * 64}}
    assert records == RECORDS[:1]
    assert own == Record("modelmgr-export", path, "a" * 64, json.dumps(user).encode(), said)
    claims = modelmgr_export.ModelmgrExport().claims(own, frozenset())
    assert (claims.sha256, claims.path, claims.marker, claims.problem) == ("a" * 64, None, True, None)
    # What came through an export before comes back as it was, once.
    assert shelf.read(library_line(RECORDS[0], own, user=user)) == [RECORDS[0], own]
    assert [record.payload for record in shelf.read(library_line(own, user={"rating": 1}))] == [
        own.payload,
        b'{"rating": 1}',
    ]
    # The key of a model of several files is no hash that a file could have.
    (folder,) = shelf.read(library_line(user=user, path="/m/a", is_composite=True))
    assert (folder.record_key, folder.extra) == ("/m/a", {"model": {"name": "Ink", "path": "/m/a"}})
    assert shelf.problems == []


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(TEXT, TEXT, st.text(st.characters(codec="utf-8")), st.binary()), min_size=1, max_size=4
    )
)
def test_any_record_comes_back(shelf: Shelf, parts: list[tuple[str, str, str, bytes]]) -> None:
    records = [Record(*part, {"k": [1, None, "ä"]}) for part in parts]
    assert shelf.read("\n".join(map(pending_line, records))) == records


def test_a_payload_is_decoded_in_blocks(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(modelmgr_export, "_BASE64_BLOCK_BYTES", 7)
    record = Record("s", "/p", "", bytes(range(256)))
    assert shelf.read(pending_line(record)) == [record]
    assert shelf.read(pending_line(record).replace("/", "\\/")) == [record]


def test_a_changed_payload_is_not_taken(shelf: Shelf) -> None:
    line = json.loads(pending_line(RECORDS[0]))
    line["payload_base64"] = base64.b64encode(b"changed").decode()
    content = json.dumps(line) + "\n" + pending_line(RECORDS[1])
    assert shelf.read(content) == RECORDS[1:2]
    assert [(problem.code, problem.record_key, problem.kept) for problem in shelf.problems] == [
        ("hash_mismatch", "0/0", False)
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"payload_base64": "***"},
        {"payload_base64": None},
        {"payload_base64": "YQ"},
        {"source": 5},
        {"source_path": ""},
        {"payload_base64": "", "payload_sha256": hashlib.sha256(b"").hexdigest(), "source": None},
    ],
)
def test_a_line_with_odd_fields_does_not_stop_the_next(shelf: Shelf, change: dict[str, Any]) -> None:
    line = {**json.loads(pending_line(RECORDS[0])), **change}
    assert shelf.read(json.dumps(line) + "\n" + pending_line(RECORDS[1])) == RECORDS[1:2]
    assert [problem.code for problem in shelf.problems] == ["unparsed_payload"]


def test_a_cut_export_gives_all_whole_lines(shelf: Shelf) -> None:
    content = pending_line(RECORDS[0]) + "\n" + pending_line(RECORDS[1])[:-20]
    assert shelf.read(content) == RECORDS[:1]
    assert [problem.code for problem in shelf.problems] == ["unparsed_payload"]


def test_a_payload_that_is_too_large_is_a_problem(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(modelmgr_export, "HELD_LIMIT_BYTES", 100)
    content = pending_line(Record("s", "/p", "", b"x" * 200)) + "\n" + pending_line(RECORDS[0])
    assert shelf.read(content) == RECORDS[:1]
    assert [problem.code for problem in shelf.problems] == ["too_large"]


def test_large_lines_are_read(shelf: Shelf) -> None:
    record = Record("s", "/p", "", bytes(range(256)) * (MIB // 256) * 9)
    assert shelf.read(library_line(record) + "\n" + library_line(record)) == [record, record]


@pytest.mark.parametrize(
    "content",
    [
        '{"name": "a"}\n',
        '{"records": [{"name": "a"}]}',
        '[{"source": 1}]',
        '{"source": "x", "payload_base64": ""}\n{}',
    ],
)
def test_other_lists_are_left_to_the_generic_sources(shelf: Shelf, content: str) -> None:
    found = shelf.found("list.jsonl", content)
    assert found.source is not None
    assert found.source.id.startswith("generic-")
