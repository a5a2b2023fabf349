import json

import pytest

from modelmgr.migration.sources.swarmui import SwarmUi
from tests.migration.specimens.sidecars import SWARM, SWARM_FULL

SOURCE = SwarmUi()
NAME = "inkwash_harbor.swarm.json"


@pytest.fixture
def beside(shelf):
    shelf.put("inkwash_harbor.safetensors")
    return shelf


def test_every_field_gives_all_light_columns(beside):
    claims = beside.claims(SOURCE, NAME, json.dumps(SWARM_FULL).encode())
    assert claims.fields == {
        "name": "Inkwash Harbor",
        "type": "lora",
        "base_model": "SDXL",
        "trigger_words": ("inkwash harbor, fog",),
        "tags": ("ink", "harbor"),
        "license": "apache-2.0",
        "notes": "Fog and masts.",
    }
    assert claims.personal == {"notes"}
    assert (claims.sha256, claims.partial_hashes) == (None, {"AutoV3": "d53eda7a637c"})
    assert claims.stem_names == ("inkwash_harbor.safetensors",)


def test_a_catalogues_html_is_no_note_and_the_stem_no_name(beside):
    value = {"modelspec.description": "From <a href='x'>Civitai</a>", "modelspec.title": "inkwash_harbor"}
    assert beside.claims(SOURCE, NAME, json.dumps(value).encode()).fields == {}


@pytest.mark.parametrize("digits", ["", "0x", "0x" + "0" * 64, "e3b0c44298fc", 5, None, ["0xab"]])
def test_a_hash_that_says_nothing_is_none(beside, digits):
    claims = beside.claims(SOURCE, NAME, json.dumps({**SWARM, "modelspec.hash_sha256": digits}).encode())
    assert claims.partial_hashes == {}


@pytest.mark.parametrize(
    ("content", "taken"),
    [
        (json.dumps(SWARM).encode(), True),
        (b'{"sui_image_params": {"prompt": "x"}}', False),
        (b'{"modelspec.title"', False),
        (b"{}", False),
    ],
)
def test_beside_a_picture_only_a_models_keys_count(shelf, content, taken):
    shelf.put("inkwash_harbor.png", b"\x89PNG")
    shelf.put(NAME, content)
    assert shelf.probe(SOURCE, NAME) is taken
