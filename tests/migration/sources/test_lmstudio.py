"""LM Studio's layout, settings and virtual models."""

import json
from pathlib import Path

import pytest

from modelmgr.catalog import Catalog
from modelmgr.library import Library
from modelmgr.progress import Progress
from tests.inbox import pending_in
from tests.migration.sources.walk import walk
from tests.migration.specimens.huggingface import put
from tests.migration.specimens.lmstudio import (
    CONFIG,
    FILE,
    MODEL_YAML,
    SETTINGS,
    YAML,
    write,
    write_config,
    write_full,
    write_yaml,
    write_yaml_full,
)
from tests.migration.specimens.models import HERON, C


def test_the_layout_names_publisher_and_repository(tmp_path: Path) -> None:
    write(tmp_path)
    record, claims = walk(tmp_path).one("lmstudio")
    assert record.source_path == str(tmp_path / ".lmstudio/models")
    assert record.record_key == FILE
    assert json.loads(record.payload) == {
        "publisher": "sample-org",
        "repo": "tiny-heron-GGUF",
        "file": "tiny-heron-Q8_0.gguf",
        "fetched": False,
    }
    assert record.extra == {"made": True, "file": str(tmp_path / ".lmstudio/models" / FILE)}
    assert claims.fields == {"type": "llm"}
    assert claims.path == str(tmp_path / ".lmstudio/models" / FILE)
    assert (claims.sha256, claims.flags) == (None, ("guessed-page",))


def test_traces_of_a_download_prove_the_page(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / ".lmstudio/models/sample-org/tiny-heron-GGUF/.cache/huggingface").mkdir(parents=True)
    _, claims = walk(tmp_path).one("lmstudio")
    assert claims.fields["source_url"] == "https://huggingface.co/sample-org/tiny-heron-GGUF"
    assert claims.flags == ()


def test_levels_projectors_and_folders_of_shards(tmp_path: Path) -> None:
    write_full(tmp_path)
    found = walk(tmp_path)
    layout = {
        record.record_key: (json.loads(record.payload), claims)
        for record, claims in zip(found.records, found.claims, strict=True)
        if record.record_key
    }
    assert {
        key: (said["publisher"], said["repo"], claims.fields["type"])
        for key, (said, claims) in layout.items()
    } == {
        "loose.gguf": (None, None, "llm"),
        "two-levels/heron.gguf": (None, "two-levels", "llm"),
        "sample-org/heron-mlx/model-00001-of-00002.safetensors": ("sample-org", "heron-mlx", "llm"),
        "sample-org/tiny-heron-GGUF/mmproj-tiny-heron.gguf": ("sample-org", "tiny-heron-GGUF", "mmproj"),
        FILE: ("sample-org", "tiny-heron-GGUF", "llm"),
    }
    assert layout["loose.gguf"][1].flags == ()


def test_another_folder_of_models_is_none(tmp_path: Path) -> None:
    put(tmp_path / "ComfyUI/models" / FILE, HERON)
    assert walk(tmp_path).records == []


def test_a_home_of_another_name_is_told_by_what_lies_in_it(tmp_path: Path) -> None:
    put(tmp_path / "studio/models" / FILE, HERON)
    put(tmp_path / "studio/settings.json", "{}")
    (tmp_path / "studio/.internal").mkdir()
    assert walk(tmp_path).one("lmstudio")[0].record_key == FILE


def test_settings_of_a_model_are_kept_and_bound(tmp_path: Path) -> None:
    write_config(tmp_path)
    found = walk(tmp_path)
    ((record, claims),) = [
        (record, claims)
        for record, claims in zip(found.records, found.claims, strict=True)
        if record.source_path.endswith(CONFIG)
    ]
    assert record.payload == json.dumps(SETTINGS).encode()
    assert claims.path == str(tmp_path / ".lmstudio/models" / FILE)
    assert (claims.fields, claims.marker) == ({}, False)
    with Catalog.open(tmp_path / "catalog.sqlite") as catalog:
        library = Library(catalog)
        library.import_paths([str(tmp_path / ".lmstudio")], progress=Progress())
        assert [row.problem for row in pending_in(catalog)] == [None, None]
        library.promote(None, progress=Progress())
        details = catalog.details(C["sha256"])
        assert details is not None
        assert len(details.records) == 2
        assert details.row.notes is None


@pytest.mark.parametrize("text", ["", "{", "\0\0", "[]", "null", '"x"'])
def test_broken_settings_of_a_model_are_kept(tmp_path: Path, text: str) -> None:
    put(tmp_path / CONFIG, text)
    record, claims = walk(tmp_path).one("lmstudio")
    assert record.payload == text.encode()
    assert claims.path == str(tmp_path / ".lmstudio/models" / FILE)
    assert claims.problem in (None, "unparsed_payload")


def test_a_preset_is_of_no_model(tmp_path: Path) -> None:
    put(tmp_path / ".lmstudio/config-presets/brief.preset.json", '{"name": "Brief"}')
    record, claims = walk(tmp_path).one("lmstudio")
    assert record.payload == b'{"name": "Brief"}'
    assert (claims.marker, claims.flags) == (True, ("no-model",))
    assert claims.path is None


def test_the_settings_name_the_folder_of_models_and_nothing_else(tmp_path: Path) -> None:
    put(tmp_path / "settings.json", '{"downloadsFolder": "/data/llm", "apiToken": "secret"}')
    found = walk(tmp_path)
    assert found.records == []
    assert [(root.path, root.type, root.source) for root in found.roots] == [
        ("/data/llm", "unknown", "lmstudio")
    ]


@pytest.mark.parametrize("text", ["{}", "[]", "{", '{"downloadsFolder": 7}', '{"downloadsFolder": ""}'])
def test_other_settings_are_ignored(tmp_path: Path, text: str) -> None:
    put(tmp_path / "settings.json", text)
    found = walk(tmp_path)
    assert (found.records, found.roots, found.ignored) == ([], [], ["settings.json"])


def test_the_home_pointer_names_a_home(tmp_path: Path) -> None:
    put(tmp_path / ".lmstudio-home-pointer", f"{tmp_path}/elsewhere\n")
    found = walk(tmp_path)
    assert [root.path for root in found.roots] == [str(tmp_path / "elsewhere/models")]
    assert found.records == []


@pytest.mark.parametrize("text", ["", "relative/path", "/a\0b", "/a\n/b", "\xff" * 10])
def test_a_pointer_that_points_nowhere(tmp_path: Path, text: str) -> None:
    put(tmp_path / ".lmstudio-home-pointer", text)
    assert walk(tmp_path).roots == []


def test_what_is_said_of_models_finds_them_where_the_settings_put_them(tmp_path: Path) -> None:
    elsewhere = tmp_path / "disk" / "llm"
    put(tmp_path / "home/.lmstudio/settings.json", json.dumps({"downloadsFolder": str(elsewhere)}))
    put(tmp_path / "home" / CONFIG, json.dumps(SETTINGS))
    put(tmp_path / "home" / YAML, MODEL_YAML)
    put(elsewhere / FILE, HERON)
    found = walk(tmp_path)
    assert [claims.path for claims in found.claims] == [str(elsewhere / FILE)] * 2
    # Settings above what the user named are not opened.
    named = walk(tmp_path / "home/.lmstudio/.internal")
    assert [claims.path for claims in named.claims] == [str(tmp_path / "home/.lmstudio/models" / FILE)]


# --- virtual models ---------------------------------------------------------------------------------------


def test_a_virtual_model_speaks_of_its_local_file(tmp_path: Path) -> None:
    write_yaml(tmp_path)
    record, claims = walk(tmp_path).one("lmstudio-model-yaml")
    assert (record.payload, record.record_key) == (MODEL_YAML.encode(), "")
    assert claims.fields == {"name": "tiny-heron", "type": "llm"}
    assert claims.path == str(tmp_path / ".lmstudio/models" / FILE)


def test_what_stands_around_it_is_kept(tmp_path: Path) -> None:
    write_yaml_full(tmp_path)
    record, claims = walk(tmp_path).one("lmstudio-model-yaml")
    assert record.extra is not None
    assert record.extra["beside"] == {"manifest.json": '{"type": "model"}'}
    assert claims.fields["preview"] == str(tmp_path / YAML.replace("model.yaml", "thumbnail.png"))


def test_it_speaks_of_every_quantisation(tmp_path: Path) -> None:
    write_yaml(tmp_path)
    put(tmp_path / ".lmstudio/models/sample-org/tiny-heron-GGUF/tiny-heron-Q4.gguf", HERON + b"4")
    put(tmp_path / ".lmstudio/models/sample-org/tiny-heron-GGUF/mmproj-x.gguf", HERON + b"m")
    found = walk(tmp_path).of("lmstudio-model-yaml")
    assert list(found) == ["sample-org/tiny-heron-GGUF/tiny-heron-Q4.gguf", FILE]
    assert all("name" not in claims.fields for _, claims in found.values())


@pytest.mark.parametrize(
    ("base", "bound"),
    [
        ("base: Sample-Org/Tiny-Heron-gguf", True),
        ("base: [{key: sample-org/tiny-heron-GGUF}]", True),
        ("base: [{key: nobody/nothing, sources: [{user: sample-org, repo: TINY-heron-GGUF}]}]", True),
        ("base: ../models/sample-org", False),
        ("base: [{key: a/.., sources: [{user: .., repo: ..}, 7, null]}, 7]", False),
        ("base: 7", False),
        ("base:", False),
    ],
)
def test_repositories_are_found_whatever_the_case(tmp_path: Path, base: str, bound: bool) -> None:
    write_yaml(tmp_path)
    put(tmp_path / YAML, f"model: sample-org/tiny-heron\n{base}\n")
    _, claims = walk(tmp_path).one("lmstudio-model-yaml")
    assert (claims.path is not None) == bound


def test_a_broken_one_is_kept_in_the_hub_only(tmp_path: Path) -> None:
    put(tmp_path / YAML, "model: [\n")
    put(tmp_path / "x/model.yaml", "model: [\n")
    put(tmp_path / "y/model.yaml", "model: x\nlayers: 7\n")
    found = walk(tmp_path)
    record, claims = found.one("lmstudio-model-yaml")
    assert record.source_path == str(tmp_path / YAML)
    assert claims.problem == "unparsed_payload"
    assert sorted(found.ignored) == ["x/model.yaml", "y/model.yaml"]
