"""The documents that every door gives out."""

import json
import math

from modelmgr import documents
from modelmgr.values import ImportReport, ModelDetails, ModelRow, Origin, Problem, StoredRecord


def record(content: bytes) -> StoredRecord:
    return StoredRecord(1, "civitai-info", "/x.civitai.info", "", "0" * 64, len(content), content, None, 0)


def details(content: bytes) -> dict[str, object]:
    row = ModelRow(1, "a" * 64, "Ink", "lora", 10)
    return documents.details(
        ModelDetails("a" * 64, row, (record(content),), (), None, {"name": Origin("user", 1)})
    )


def test_a_payload_that_is_no_strict_json_is_given_out_as_json() -> None:
    content = (
        b'{"a": NaN, "b": 1e999, "c": ' + b"9" * 5000 + b', "d": "\\ud800", "e": [-Infinity, true, 1.5]}'
    )
    document = details(content)
    text = json.dumps(document, allow_nan=False)
    assert text.isascii()
    shown = document["meta_json"]
    assert isinstance(shown, dict)
    assert (shown["a"], shown["b"], shown["c"]) == (None, None, "9" * 5000)
    assert shown["e"] == [None, True, 1.5]


def test_a_payload_that_does_not_parse_is_null_and_its_text_stays() -> None:
    document = details(b"\xff{not json")
    assert document["meta_json"] is None
    (shown,) = document["records"]  # type: ignore[misc]
    assert shown["size"] == 10
    assert "not json" in shown["payload_text"]


def test_whatever_a_reader_made_of_a_header_can_be_written() -> None:
    odd = {1: (math.inf, {"x": b"bytes"}), "deep": [[None]], "n": 10**5000}
    assert json.dumps(documents.json_safe(odd), allow_nan=False)


def test_a_dry_run_tells_more_than_an_import() -> None:
    report = ImportReport(seen=2, added=1, failed=1, problems=[Problem("/x", "too_large", "Too large.")])
    done = documents.imported(report)
    assert done["seen"] == done["imported"] + done["unchanged"] + done["ignored"] + done["failed"]
    assert done["problems"] == [
        {"path": "/x", "record_key": "", "code": "too_large", "message": "Too large.", "kept": False}
    ]
    report.dry_run = True
    assert set(documents.imported(report)) - set(done) == {
        "sources",
        "samples",
        "model_paths",
        "ignored_paths",
    }
