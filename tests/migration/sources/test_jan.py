"""Jan's three generations."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from modelmgr.catalog import Catalog
from modelmgr.library import Library
from modelmgr.migration.sources.jan import JanModelJson
from modelmgr.progress import Progress
from modelmgr.values import Claims, ModelQuery, Record
from tests.inbox import pending_in
from tests.migration.sources.walk import walk
from tests.migration.specimens.huggingface import put
from tests.migration.specimens.jan import (
    JSON,
    MODEL_JSON,
    MODEL_YML,
    YML,
    write_json,
    write_yml,
    write_yml_full,
)
from tests.migration.specimens.models import HERON, INKWASH, C

CORTEX = """# BEGIN GENERAL GGUF METADATA
id: sample-org:tiny-heron:tiny-heron-Q8_0.gguf
model: sample-org:tiny-heron:tiny-heron-Q8_0.gguf
name: Tiny Heron Q8
version: 1
files:
  - models/huggingface.co/sample-org/tiny-heron/tiny-heron-Q8_0.gguf
engine: llama-cpp
prompt_template: "{prompt}"
ctx_len: 4096
"""
CORTEX_PLACE = "data/models/huggingface.co/sample-org/tiny-heron/tiny-heron-Q8_0"


# --- the newest -------------------------------------------------------------------------------------------


def test_the_stem_is_no_name(tmp_path: Path) -> None:
    write_yml(tmp_path)
    record, claims = walk(tmp_path).one("jan-model-yml")
    assert record.payload == MODEL_YML.encode()
    assert claims.fields == {"type": "llm", "name": "Tiny Heron"}
    assert claims.path == str(tmp_path / "data/llamacpp/models/sample-org/tiny-heron/model.gguf")
    assert (claims.size_bytes, claims.sha256) == (None, None)


def test_without_name_the_id_is_the_name(tmp_path: Path) -> None:
    write_yml(tmp_path)
    put(tmp_path / YML, "model_path: llamacpp/models/sample-org/tiny-heron/model.gguf\n")
    assert walk(tmp_path).one("jan-model-yml")[1].fields["name"] == "sample-org/tiny-heron"


def test_later_keys(tmp_path: Path) -> None:
    write_yml_full(tmp_path)
    _, claims = walk(tmp_path).one("jan-model-yml")
    assert claims.sha256 == C["sha256"]
    assert claims.flags == ("has-projector",)
    put(tmp_path / YML, MODEL_YML + "embedding: true\n")
    assert walk(tmp_path).one("jan-model-yml")[1].fields["type"] == "text_embedding_model"


def test_an_imported_file_has_an_absolute_path(tmp_path: Path) -> None:
    put(tmp_path / "mine/heron.gguf", HERON)
    put(tmp_path / YML, f"model_path: {tmp_path}/mine/heron.gguf\nname: Heron\nsize_bytes: 24\n")
    with Catalog.open(tmp_path / "catalog.sqlite") as catalog:
        library = Library(catalog)
        library.import_paths([str(tmp_path)], progress=Progress())
        (row,) = pending_in(catalog)
        assert (row.file_path, row.problem) == (str(tmp_path / "mine/heron.gguf"), None)
        library.promote(None, progress=Progress())
        (model,) = catalog.page(ModelQuery(), None)
        assert (model.name, model.sha256) == ("Heron", C["sha256"])


def test_a_path_from_another_computer_finds_the_file_beside(tmp_path: Path) -> None:
    write_yml(tmp_path)
    put(
        tmp_path / YML,
        "model_path: 'D:\\Jan\\data\\llamacpp\\models\\sample-org\\tiny-heron\\model.gguf'\nname: Heron\n",
    )
    with Catalog.open(tmp_path / "catalog.sqlite") as catalog:
        Library(catalog).import_paths([str(tmp_path)], progress=Progress())
        (row,) = pending_in(catalog)
        assert row.file_path == str(tmp_path / "data/llamacpp/models/sample-org/tiny-heron/model.gguf")


def test_a_path_that_climbs_out_stays_outside(tmp_path: Path) -> None:
    put(tmp_path / "secret.gguf", HERON)
    put(tmp_path / YML, "model_path: ../secret.gguf\nname: x\n")
    with Catalog.open(tmp_path / "catalog.sqlite") as catalog:
        Library(catalog).import_paths([str(tmp_path / "data")], progress=Progress())
        (row,) = pending_in(catalog)
        assert row.problem == "outside"


@pytest.mark.parametrize("text", ["model_path: [\n", "\tmodel_path: x\n", "a: *b\n"])
def test_a_broken_one_is_kept_in_jans_folder_only(tmp_path: Path, text: str) -> None:
    put(tmp_path / YML, text)
    put(tmp_path / "elsewhere/model.yml", text)
    record, claims = walk(tmp_path).one("jan-model-yml")
    assert record.payload == text.encode()
    assert (claims.problem, claims.fields) == ("unparsed_payload", {"name": "sample-org/tiny-heron"})


def test_the_settings_name_the_data_folder(tmp_path: Path) -> None:
    put(tmp_path / "settings.json", json.dumps({"data_folder": "/data/jan"}))
    found = walk(tmp_path)
    assert [(root.path, root.source) for root in found.roots] == [("/data/jan", "jan-model-yml")]
    assert found.records == []


# --- between them: Cortex ---------------------------------------------------------------------------------


def test_a_model_of_cortex(tmp_path: Path) -> None:
    put(tmp_path / f"{CORTEX_PLACE}.gguf", HERON)
    put(tmp_path / f"{CORTEX_PLACE}.yml", CORTEX)
    record, claims = walk(tmp_path).one("jan-model-yml")
    assert record.payload == CORTEX.encode()
    assert claims.fields == {"type": "llm", "name": "Tiny Heron Q8"}
    with Catalog.open(tmp_path / "catalog.sqlite") as catalog:
        Library(catalog).import_paths([str(tmp_path)], progress=Progress())
        (row,) = pending_in(catalog)
        assert row.file_path == str(tmp_path / f"{CORTEX_PLACE}.gguf")


def test_cortex_without_files_means_the_one_beside(tmp_path: Path) -> None:
    put(tmp_path / f"{CORTEX_PLACE}.gguf", HERON)
    put(tmp_path / f"{CORTEX_PLACE}.yaml", CORTEX.replace("files:", "zz:"))
    assert walk(tmp_path).one("jan-model-yml")[1].stem_names == ("tiny-heron-Q8_0.gguf",)


def test_other_yaml_beside_models_is_none(tmp_path: Path) -> None:
    put(tmp_path / "models/x.gguf", HERON)
    put(tmp_path / "models/x.yaml", "model:\n  base_learning_rate: 1.0e-4\n  target: ldm.x\n")
    put(tmp_path / "models/y.yml", "name: x\nengine: steam\n")
    put(tmp_path / "models/model.yml", "name: x\nversion: 1\n")
    assert walk(tmp_path).records == []


# --- the oldest -------------------------------------------------------------------------------------------


def claims_of(said: dict[str, Any], *siblings: str, folder: str = "tiny-heron") -> Claims:
    record = Record("jan-model-json", f"/jan/models/{folder}/model.json", "", json.dumps(said).encode())
    return JanModelJson().claims(record, frozenset(siblings))


def test_a_model_json(tmp_path: Path) -> None:
    write_json(tmp_path)
    record, claims = walk(tmp_path).one("jan-model-json")
    assert record.payload == (tmp_path / JSON).read_bytes()
    assert claims.fields == {
        "name": "Tiny Heron",
        "type": "llm",
        "notes": "A very small bird.",
        "tags": ("7B", "Tiny"),
        "source_url": "https://huggingface.co/sample-org/tiny-heron-GGUF",
    }
    assert claims.stem_names == ("tiny-heron.gguf",)
    assert claims.size_bytes is None


def test_the_file_beside_it() -> None:
    assert claims_of(MODEL_JSON, "tiny-heron.gguf", "other.gguf").stem_names == ("tiny-heron.gguf",)
    said = {**MODEL_JSON, "sources": []}
    assert claims_of(said, "tiny-heron", "model.json").stem_names == ("tiny-heron",)
    assert claims_of(said, "a.gguf", "mmproj.gguf").stem_names == ("a.gguf",)
    assert claims_of(said, "a.gguf", "b.gguf").stem_names == ("a.gguf", "b.gguf")


def test_an_imported_file_lies_elsewhere() -> None:
    said = {**MODEL_JSON, "sources": [{"filename": "heron.gguf", "url": "/mine/heron.gguf"}]}
    claims = claims_of(said)
    assert claims.path == "/mine/heron.gguf"
    assert "source_url" not in claims.fields


def test_the_older_address() -> None:
    said = {key: value for key, value in MODEL_JSON.items() if key != "sources"}
    claims = claims_of(said | {"source_url": "https://huggingface.co/o/r/resolve/main/x.gguf?token=abc"})
    assert claims.fields["source_url"] == "https://huggingface.co/o/r"
    assert "contains-secret" in claims.flags
    claims = claims_of(said | {"source_url": "https://example.com/x.gguf"})
    assert "source_url" not in claims.fields


@pytest.mark.parametrize("engine", ["openai", "groq", "anthropic"])
def test_a_remote_model_has_no_file(engine: str) -> None:
    claims = claims_of({**MODEL_JSON, "engine": engine}, "tiny-heron.gguf")
    assert claims.marker
    assert claims.stem_names == ()
    assert {"remote-model", "no-model"} <= set(claims.flags)


@pytest.mark.parametrize(
    "engine", ["nitro", "nitro-tensorrt-llm", "llama-cpp", "cortex.llamacpp", "", 7, None]
)
def test_a_local_engine_has_one(engine: object) -> None:
    assert claims_of({**MODEL_JSON, "engine": engine}, "tiny-heron.gguf").stem_names or engine == 7


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"id": "x"},
        {"id": "x", "name": "x", "version": 1},
        {"modelTopology": {}, "weightsManifest": [], "format": "layers-model"},
        {"id": 7, "sources": [], "engine": "nitro"},
        [],
        None,
    ],
)
def test_another_model_json_is_none(tmp_path: Path, said: object) -> None:
    put(tmp_path / "x/model.json", json.dumps(said))
    assert "jan-model-json" not in walk(tmp_path).sources


def test_the_model_of_the_same_stem_is_not_meant_by_an_editors_json(tmp_path: Path) -> None:
    put(tmp_path / "Lora/model.safetensors", INKWASH)
    put(tmp_path / "Lora/model.json", '{"description": "x", "sd version": "SD1", "activation text": "a"}')
    assert walk(tmp_path).sources == ["a1111-user-json"]


def test_all_generations_at_once(tmp_path: Path) -> None:
    write_yml(tmp_path)
    write_json(tmp_path)
    put(tmp_path / f"{CORTEX_PLACE}.gguf", HERON)
    put(tmp_path / f"{CORTEX_PLACE}.yml", CORTEX)
    with Catalog.open(tmp_path / "catalog.sqlite") as catalog:
        library = Library(catalog)
        report = library.import_paths([str(tmp_path)], progress=Progress())
        assert (report.imported, report.failed) == (3, 0)
        assert library.promote(None, progress=Progress()).promoted == 3
        (model,) = catalog.page(ModelQuery(), None)
        assert model.sha256 == C["sha256"]
        assert model.file_count == 3
        assert os.path.isfile(model.path or "")
