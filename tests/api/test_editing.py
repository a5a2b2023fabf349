"""PATCH: what the user says of a model over HTTP, and that nothing is overwritten blindly."""

import json
from pathlib import Path
from typing import Any

import pytest

from modelmgr import demo
from modelmgr.api.editing import _states
from modelmgr.api.shapes import ModelEdited
from modelmgr.values import ModelQuery, ModelRow
from tests.api.served import Answer, Served
from tests.api.stock import cli

NOBODY = "0" * 64


@pytest.fixture
def row(writing: Served) -> ModelRow:
    """One of the models, with a sidecar."""
    return writing.catalog.page(ModelQuery(types=("lora",), search="inkwash"), 1)[0]


def etag(served: Served, sha256: str | None) -> str:
    return served.client.get(f"/api/models/{sha256}").headers["etag"]


def patch(served: Served, sha256: str | None, body: Any, tag: str | None) -> Answer:
    headers = {} if tag is None else {"If-Match": tag}
    return served.client.ask("PATCH", f"/api/models/{sha256}", body, headers)


def test_values_are_set_reset_and_extended_and_the_next_edit_follows(writing: Served, row: ModelRow) -> None:
    body = {
        "set": {
            "name": "Mine",
            "type": "LORA",
            "base_model": "sdxl",
            "rating": 5.0,
            "tags": ["a", "A", " b "],
        },
        "add_trigger_words": ["my harbor"],
        "note": "by a program",
    }
    answer = patch(writing, row.sha256, body, etag(writing, row.sha256))
    assert answer.status == 200
    ModelEdited.model_validate(answer.json)
    said = answer.json
    assert (said["name"], said["type"], said["base_model"], said["rating"]) == ("Mine", "lora", "SDXL", 5)
    assert (said["tags"], said["trigger_words"]) == (["a", "b"], [*row.trigger_words, "my harbor"])
    assert said["edited"] == ["base_model", "name", "rating", "tags", "trigger_words", "type"]
    shown = writing.client.get(f"/api/models/{row.sha256}")
    assert shown.headers["etag"] == answer.headers["etag"]
    assert shown.json["edited"] == said["edited"]
    assert {key: shown.json[key] for key in said if key != "group"} == {
        key: said[key] for key in said if key != "group"
    }
    (edit, *_) = writing.catalog.edits_of(row.id)
    assert (edit.door, edit.note, edit.group) == ("api", "by a program", said["group"])
    back = patch(writing, row.sha256, {"reset": said["edited"]}, answer.headers["etag"])
    assert back.status == 200
    assert back.json["edited"] == []
    assert writing.catalog.rows([row.id]) == [row]
    assert writing.library.undo_edit().group == back.json["group"]
    assert writing.catalog.rows([row.id])[0].name == "Mine"


def test_what_is_so_already_is_no_edit(writing: Served, row: ModelRow) -> None:
    first = patch(writing, row.sha256, {"set": {"rating": 3}}, etag(writing, row.sha256))
    again = patch(writing, row.sha256, {"set": {"rating": 3}}, first.headers["etag"])
    assert (again.status, again.json["group"]) == (200, None)
    assert again.headers["etag"] == first.headers["etag"]


def test_nothing_is_overwritten_blindly(writing: Served, row: ModelRow) -> None:
    seen = etag(writing, row.sha256)
    for tag in (None, "*", " * "):
        answer = patch(writing, row.sha256, {"set": {"rating": 1}}, tag)
        assert (answer.status, answer.code) == (428, "if_match_required")
    for tag in (f"W/{seen}", seen.strip('"'), '""', '"x"', seen[:-2] + '"', f'"{NOBODY}.{NOBODY[:32]}"'):
        answer = patch(writing, row.sha256, {"set": {"rating": 1}}, tag)
        assert (answer.status, answer.code) == (412, "stale"), tag
    writing.library.edit([row.id], "notes", "somebody else's")
    answer = patch(writing, row.sha256, {"set": {"notes": "mine"}}, seen)
    assert (answer.status, answer.code) == (412, "stale")
    assert writing.catalog.rows([row.id])[0].notes == "somebody else's"
    answer = patch(
        writing, row.sha256, {"set": {"notes": "mine"}}, f'"other.{NOBODY}", {etag(writing, row.sha256)}'
    )
    assert answer.status == 200


def test_a_value_pinned_to_what_is_shown_anyway_is_a_change_too(writing: Served, row: ModelRow) -> None:
    seen = etag(writing, row.sha256)
    writing.library.edit([row.id], "name", row.name)
    assert patch(writing, row.sha256, {"set": {"rating": 1}}, seen).status == 412


def test_changes_of_other_models_and_of_the_server_leave_an_etag_good(writing: Served, row: ModelRow) -> None:
    seen = etag(writing, row.sha256)
    other = next(found for found in writing.catalog.page(ModelQuery(), None) if found.id != row.id)
    writing.library.edit([other.id], "rating", 2)
    assert etag(writing, row.sha256) != seen
    assert writing.client.get(f"/api/models/{row.sha256}", {"If-None-Match": seen}).status == 200
    restarted = '"another-server-7.' + seen.rpartition(".")[2]
    assert patch(writing, row.sha256, {"set": {"rating": 1}}, restarted).status == 200


def test_details_are_not_modified_until_something_is(writing: Served, row: ModelRow) -> None:
    seen = etag(writing, row.sha256)
    target = f"/api/models/{row.sha256}"
    assert writing.client.get(target, {"If-None-Match": seen}).status == 304
    changed = patch(writing, row.sha256, {"add_tags": ["new"]}, seen)
    assert writing.client.get(target, {"If-None-Match": seen}).status == 200
    assert writing.client.get(target, {"If-None-Match": changed.headers["etag"]}).status == 304


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "missing_key"),
        ({"note": "nothing else"}, "missing_key"),
        ({"set": {}}, "missing_key"),
        ({"set": {"sha256": NOBODY}}, "unknown_key"),
        ({"rating": 5}, "unknown_key"),
        ({"set": {"rating": 6}}, "wrong_value"),
        ({"set": {"rating": None}}, "wrong_value"),
        ({"set": {"rating": True}}, "wrong_value"),
        ({"set": {"rating": "5"}}, "wrong_value"),
        ({"set": {"name": ""}}, "wrong_value"),
        ({"set": {"type": "sandwich"}}, "wrong_value"),
        ({"set": {"tags": "ink"}}, "wrong_value"),
        ({"set": {"tags": [1]}}, "wrong_value"),
        ({"set": {"favorite": 1}}, "wrong_value"),
        ({"set": {"source_url": "javascript:alert(1)"}}, "wrong_value"),
        ({"set": {"preview": "relative.png"}}, "wrong_value"),
        ({"set": {"preview": "/etc/hostname"}}, "outside"),
        ({"set": {"name": "x"}, "reset": ["name"]}, "wrong_value"),
        ({"reset": ["sha256"]}, "wrong_value"),
        ({"reset": "name"}, "wrong_value"),
        ({"add_tags": ["x" * 201]}, "wrong_value"),
        ({"add_tags": [None]}, "wrong_value"),
    ],
)
def test_what_makes_no_sense_changes_nothing(writing: Served, row: ModelRow, body: Any, code: str) -> None:
    seen = etag(writing, row.sha256)
    answer = patch(writing, row.sha256, body, seen)
    assert (answer.status, answer.code) == (422, code), answer.body
    assert etag(writing, row.sha256) == seen


def test_a_refused_value_names_its_column_and_what_is_allowed(writing: Served, row: ModelRow) -> None:
    answer = patch(writing, row.sha256, {"set": {"type": "sandwich"}}, etag(writing, row.sha256))
    details = answer.json["error"]["details"]
    assert details["column"] == "type"
    assert "lora" in details["allowed"]


def test_bodies_that_are_no_objects_and_doubled_keys_are_refused(writing: Served, row: ModelRow) -> None:
    seen = etag(writing, row.sha256)
    for body, status, code in (
        (b"", 400, "invalid_json"),
        (b"[]", 400, "invalid_json"),
        (b'{"set": {"rating": 1, "rating": 2}}', 422, "doubled_key"),
        (b'{"set": {"rating": 1}, "set": {}}', 422, "doubled_key"),
        (b" " * (70 << 10), 413, "too_large"),
    ):
        answer = patch(writing, row.sha256, body, seen)
        assert (answer.status, answer.code) == (status, code)


def test_models_that_are_not_there_are_told_so(writing: Served) -> None:
    tag = f'"x.{NOBODY[:32]}"'
    answer = patch(writing, NOBODY, {"set": {"rating": 1}}, tag)
    assert (answer.status, answer.code) == (404, "not_found")
    assert patch(writing, "abc", {"set": {"rating": 1}}, tag).status == 422


def test_the_gate_holds_for_edits_as_for_all(writing: Served, row: ModelRow) -> None:
    seen, target = etag(writing, row.sha256), f"/api/models/{row.sha256}"
    said = {"If-Match": seen}
    ask = writing.client.ask
    assert ask("PATCH", target, {"set": {"rating": 1}}, said | {"Authorization": "Bearer no"}).status == 401
    assert ask("PATCH", target, {"set": {"rating": 1}}, said | {"Origin": "null"}).status == 403
    for kind in ("text/plain", "application/x-www-form-urlencoded", "application/merge-patch+json"):
        assert ask("PATCH", target, b"{}", said | {"Content-Type": kind}).status == 415
    assert ask("PATCH", target + "?x=1", {"set": {"rating": 1}}, said).code == "unknown_key"
    assert etag(writing, row.sha256) == seen


def test_a_picture_of_the_library_is_shown(writing: Served, row: ModelRow) -> None:
    folder = Path(row.folder or "")
    picture = folder / "edited for a test.png"
    demo.write_png(picture, "mine", 16, 16)
    try:
        answer = patch(writing, row.sha256, {"set": {"preview": str(picture)}}, etag(writing, row.sha256))
        assert (answer.status, answer.json["preview"]) == (200, str(picture))
        assert writing.client.get(f"/api/models/{row.sha256}/preview").status == 200
    finally:
        picture.unlink()


def test_text_of_any_kind_comes_back_as_it_was(writing: Served, row: ModelRow) -> None:
    for name in ("Ähre 😀 \u202eabc", "x" * 1000, '"quoted" \\ <b>'):
        answer = patch(writing, row.sha256, {"set": {"name": name}}, etag(writing, row.sha256))
        assert answer.json["name"] == name
    half = patch(writing, row.sha256, b'{"set": {"notes": "\\ud800 half"}}', etag(writing, row.sha256))
    assert half.json["notes"] == "\ufffd half"


def test_an_edit_is_heard_of_and_stands_in_the_list(writing: Served, row: ModelRow) -> None:
    before = writing.client.get("/api/models?limit=1").json["data_version"]
    patch(writing, row.sha256, {"set": {"favorite": True}}, etag(writing, row.sha256))
    page = writing.client.get("/api/models?favorite=true&limit=1000").json
    assert page["data_version"] != before
    assert row.sha256 in {model["sha256"] for model in page["models"]}
    (said,) = cli(Path(writing.catalog.path), ["show", row.sha256 or ""])
    assert "favorite" in said["edited"]
    assert json.loads(writing.client.get(f"/api/models/{row.sha256}").body) == said


def test_if_match_is_read_as_http_has_it() -> None:
    assert _states('"a-1.b"') == {"b"}
    assert _states(' "a.b" ,"c.d.e"') == {"b", "e"}
    assert _states('W/"a.b", "c.d"') == {"d"}
    assert _states("a.b") == frozenset()
    assert _states('"nodot"') == frozenset()
