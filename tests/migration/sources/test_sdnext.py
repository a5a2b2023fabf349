import json

import pytest

from modelmgr.migration.sources.sdnext import SdnextMetadata
from tests.migration.specimens.models import A

METADATA = SdnextMetadata()
LORA = "models/Lora/inkwash_harbor.safetensors"
SAID = {"ss_output_name": "inkwash_harbor", "modelspec.thumbnail": "data", "workflow": "workflow"}


def read(shelf, value):
    shelf.put("metadata.json", value if isinstance(value, bytes) else json.dumps(value, indent=2).encode())
    return shelf.read(METADATA, "metadata.json")


def test_each_path_is_a_record_that_says_nothing_but_where(shelf):
    first, second = read(shelf, {LORA: SAID, "C:\\AI\\models\\Lora\\b.safetensors": {}})
    assert (first.source, first.record_key) == ("sdnext-metadata", LORA)
    assert json.loads(first.payload) == SAID
    claims = METADATA.claims(first, frozenset())
    assert (claims.path, claims.other_paths, claims.fields) == (LORA, (), {})
    assert (claims.sha256, claims.problem, claims.marker) == (None, None, False)
    claims = METADATA.claims(second, frozenset())
    assert claims.path == "C:\\AI\\models\\Lora\\b.safetensors"
    assert claims.other_paths == ("C:/AI/models/Lora/b.safetensors",)


def test_placeholders_are_no_pictures(shelf):
    (record,) = read(shelf, {LORA: {"ssmd_cover_images": "data", "modelspec.thumbnail": "data"}})
    assert METADATA.claims(record, frozenset()).fields == {}


def test_in_the_data_folder_paths_are_those_of_the_folder_above(shelf):
    (shelf.folder / "data").mkdir()
    (shelf.folder / "models" / "Lora").mkdir(parents=True)
    (shelf.folder / LORA).write_bytes(A["bytes"])
    shelf.put("data/metadata.json", json.dumps({"models\\Lora\\inkwash_harbor.safetensors": SAID}).encode())
    shelf.folder = shelf.folder / "data"
    (record,) = shelf.read(METADATA, "metadata.json")
    claims = METADATA.claims(record, frozenset())
    assert claims.path == "models\\Lora\\inkwash_harbor.safetensors"
    assert claims.other_paths == (LORA, f"../{LORA}")


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"{}",
        b"null",
        b"[]",
        {"model_id": "x", "cleaned_name": "x"},
        {"name": "package", "version": "1"},
        {"a.safetensors": "text"},
        {"weight_map": {"x": "model-00001-of-00002.safetensors"}, "metadata": {"total_size": 1}},
        {LORA: {}, "a": {}, "b": {}},
    ],
)
def test_metadata_of_other_programs_is_none(shelf, value):
    assert read(shelf, value) == []
    assert shelf.problems == []


def test_a_cut_file_and_odd_values_lose_nothing_else(shelf):
    content = json.dumps({LORA: SAID, "x.safetensors": "text", "b.safetensors": SAID})[:-20].encode()
    records = read(shelf, content)
    assert [record.record_key for record in records] == [LORA, "b.safetensors"]
    assert METADATA.claims(records[1], frozenset()).problem == "unparsed_payload"
    assert content.endswith(records[1].payload)
    assert [(problem.code, problem.record_key) for problem in shelf.problems] == [
        ("unparsed_payload", "x.safetensors")
    ]


def test_what_is_no_path_comes_last_and_fills_nothing(shelf):
    first, second = read(shelf, {"version": {"a": 1}, LORA: SAID})
    assert (first.record_key, second.record_key) == (LORA, "version")
    assert METADATA.claims(second, frozenset()).marker


def test_not_a_number_is_read(shelf):
    (record,) = read(shelf, f'{{"{LORA}": {{"ss_v": NaN,}}, }}'.encode())
    assert METADATA.claims(record, frozenset()).flags == ("parsed-tolerant",)
