"""Settings: odd files do no harm, and each catalog has its own."""

import os

import pytest

from modelmgr.settings import (
    Settings,
    default_catalog_path,
    read_json,
    settings_path,
    window_state_path,
    write_json,
)


def test_settings_come_back(tmp_path):
    chosen = Settings(hash_while_scanning=False, comfortable_rows=True)
    chosen.save(tmp_path / "new" / "settings.json")
    assert Settings.load(tmp_path / "new" / "settings.json") == chosen


@pytest.mark.parametrize(
    "content", [None, b"", b"{", b"[1]", b"\xff", b'{"comfortable_rows": "yes", "x": 1}']
)
def test_what_cannot_be_read_has_its_default(tmp_path, content):
    path = tmp_path / "settings.json"
    if content is not None:
        path.write_bytes(content)
    assert Settings.load(path) == Settings()


@pytest.mark.parametrize("port", ["8765", True, 80, 65536, -1, 8765.0, None, 10**40])
def test_an_odd_port_is_the_usual_one_and_the_rest_holds(tmp_path, port):
    path = tmp_path / "settings.json"
    write_json(path, {"api_enabled": True, "api_port": port, "comfortable_rows": True})
    assert Settings.load(path) == Settings(api_enabled=True, api_port=8765, comfortable_rows=True)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("hash_kinds", "md5"),
        ("hash_kinds", 1),
        ("hash_workers", 3),
        ("hash_workers", True),
        ("hash_workers", 10**40),
        ("read_limit_mb_s", -1),
        ("read_limit_mb_s", 1.5),
        ("watch_folders", "yes"),
    ],
)
def test_an_odd_way_to_hash_is_the_usual_one(tmp_path, name, value):
    path = tmp_path / "settings.json"
    write_json(path, {name: value, "comfortable_rows": True})
    assert Settings.load(path) == Settings(comfortable_rows=True)


def test_a_sensible_way_to_hash_comes_back(tmp_path):
    chosen = Settings(hash_kinds="all", hash_workers=4, read_limit_mb_s=200, watch_folders=False)
    chosen.save(tmp_path / "settings.json")
    assert Settings.load(tmp_path / "settings.json") == chosen


def test_each_catalog_has_its_own(tmp_path):
    mine = settings_path(default_catalog_path())
    other = settings_path(tmp_path / "c.sqlite")
    assert other == tmp_path / "c.sqlite.settings.json"
    assert window_state_path(tmp_path / "c.sqlite") == tmp_path / "c.sqlite.window.json"
    assert mine.name == "settings.json"
    assert not str(mine).startswith(str(tmp_path))


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "state.json"
    write_json(path, {"a": 1})
    with pytest.raises(TypeError):
        write_json(path, {"a": object()})
    assert read_json(path) == {"a": 1}
    assert os.listdir(tmp_path) == ["state.json"]
