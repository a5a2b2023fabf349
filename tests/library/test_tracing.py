"""What became of each key of a record."""

import json

from modelmgr.library import trace
from modelmgr.library.tracing import TRACED_BYTES
from modelmgr.values import Record


def told(record: Record) -> dict[str, tuple[str, ...]]:
    keys = trace(record)
    assert keys is not None
    return {".".join(key.path): key.columns for key in keys}


def civitai(**more: object) -> Record:
    said = {
        "id": 5,
        "modelId": 4,
        "name": "v1",
        "baseModel": "SDXL 1.0",
        "trainedWords": ["ink"],
        "model": {"name": "Ink", "type": "LORA", "poi": False},
        "stats": {"downloadCount": 7, "ratingCount": 1},
        **more,
    }
    return Record("civitai-info", "/models/ink.civitai.info", "", json.dumps(said).encode())


def test_each_key_says_which_columns_it_tells_and_the_rest_is_kept():
    keys = told(civitai())
    assert keys["model.name"] == ("name",)
    assert keys["model.type"] == ("type",)
    assert keys["baseModel"] == ("base_model",)
    assert keys["trainedWords"] == ("trigger_words",)
    # Of an object that tells nothing, nobody needs the insides.
    assert keys["stats"] == ()
    assert keys["model.poi"] == ()


def test_what_two_keys_say_alike_is_told_of_both():
    said = {
        "file_path": "/models/ink.safetensors",
        "model_name": "Ink",
        "base_model": "SDXL 1.0",
        "tags": ["fog"],
        "civitai": {
            "id": 1,
            "modelId": 2,
            "baseModel": "SDXL 1.0",
            "model": {"name": "Ink", "tags": ["fog"]},
        },
    }
    record = Record("lora-manager", "/models/ink.metadata.json", "", json.dumps(said).encode())
    keys = told(record)
    assert keys["base_model"] == keys["civitai.baseModel"] == ("base_model",)
    assert keys["tags"] == ("tags",)
    assert keys["model_name"] == ("name",)


def test_columns_beside_the_payload_are_told_too():
    extra = {
        "columns": {
            "name": {"storage": "text", "value": "Ink"},
            "shelf": {"storage": "integer", "value": 3},
        }
    }
    keys = trace(Record("generic-sqlite", "/models/x.sqlite", "1", b'{"rating": 4}', extra))
    assert keys is not None
    beside = {key.path[0]: key.columns for key in keys if key.is_beside}
    assert beside == {"name": ("name",), "shelf": ()}


def test_what_is_no_object_or_too_large_is_not_traced():
    assert trace(Record("a1111-txt", "/models/x.txt", "", b"use early")) is None
    assert trace(Record("civitai-info", "/models/x", "", b'{"id": 5, "na')) is None
    assert trace(civitai(description="x" * TRACED_BYTES)) is None
    assert trace(civitai(**{f"key{number}": number for number in range(10_000)})) is None
