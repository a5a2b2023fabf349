import json

import pytest

from modelmgr.migration.sources.civitai_browser import CivitaiBrowserApi
from tests.migration.specimens.models import A
from tests.migration.specimens.sidecars import BROWSER, VERSION

SOURCE = CivitaiBrowserApi()
NAME = "inkwash_harbor.api_info.json"


@pytest.fixture
def beside(shelf):
    shelf.put("inkwash_harbor.safetensors")
    return shelf


def test_the_version_is_the_one_with_a_file_of_the_models_name(beside):
    claims = beside.claims(SOURCE, NAME, json.dumps(BROWSER).encode())
    assert claims.fields == {
        "name": "Inkwash Harbor - v1.2",
        "type": "lora",
        "base_model": "SDXL 1.0",
        "tags": ("ink",),
        "nsfw": False,
        "trigger_words": ("inkwash harbor", "fog"),
        "source_url": "https://civitai.com/models/880001?modelVersionId=990001",
        "license": "civitai:credit=optional",
    }
    assert (claims.sha256, claims.own_hash) == (A["sha256"], False)
    assert claims.stem_names == ("inkwash_harbor.safetensors",)


def test_the_newest_version_is_never_taken_for_the_files(beside):
    versions = [{**VERSION, "id": 5, "name": "v9", "baseModel": "Pony", "files": []}, VERSION]
    content = json.dumps({**BROWSER, "modelVersions": versions}).encode()
    claims = beside.claims(SOURCE, NAME, content)
    assert claims.fields["name"] == "Inkwash Harbor"
    assert "base_model" not in claims.fields
    assert claims.flags == ("version-unknown",)
    known = beside.claims(SOURCE, NAME, content, sha256=A["sha256"])
    assert (known.fields["name"], known.fields["base_model"]) == ("Inkwash Harbor - v1.2", "SDXL 1.0")


@pytest.mark.parametrize(
    ("content", "taken"),
    [(b'{"modelVersions": []}', True), (b"{}", True), (b'{"id": 5}', False), (b"[]", False), (b'{"a', True)],
)
def test_a_model_object_or_what_can_not_be_read_is_taken(beside, content, taken):
    beside.put(NAME, content)
    assert beside.probe(SOURCE, NAME) is taken
