"""ComfyUI-Lora-Manager's recipes: kept whole, and no model."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmgr.catalog import Catalog
from modelmgr.library import Library
from modelmgr.migration.sources.lora_manager_recipe import LoraManagerRecipe
from modelmgr.progress import Progress
from modelmgr.values import Claims, Record
from tests.inbox import pending_in
from tests.migration.specimens import lora_manager as specimen

SOURCE = LoraManagerRecipe()
NAME = "5d1c8a0e-3f0b-4a51-9a43-0c9a1b2d3e4f.recipe.json"
LORA = specimen.RECIPE["loras"][0]


def written(**changed):
    return json.dumps({**specimen.RECIPE, **changed}, indent=4).encode()


def test_a_recipe_is_a_mark_with_a_title(shelf):
    assert shelf.claims(SOURCE, NAME, written()) == Claims(
        fields={"name": "Harbor at dawn"}, time=1753000200.5, marker=True, flags=("no-model",)
    )


@pytest.mark.parametrize(
    ("loras", "checkpoint", "missing"),
    [
        ([LORA], None, False),
        ([{**LORA, "hash": ""}], None, False),
        ([{**LORA, "hash": "d53eda7a637c"}], {"hash": "f6fc015f5c"}, False),
        ([LORA, {**LORA, "isDeleted": True}], None, True),
        ([{"hash": "", "file_name": "", "modelName": "Gone", "strength": 1.0}], None, True),
        ([LORA], {"modelName": "Gone"}, True),
        ([], None, False),
        (None, [], False),
        ([5, None, "x"], 7, False),
    ],
)
def test_a_recipe_whose_lora_is_missing_says_so(shelf, loras, checkpoint, missing):
    claims = shelf.claims(SOURCE, NAME, written(loras=loras, checkpoint=checkpoint))
    assert claims.flags == (("no-model", "missing-models") if missing else ("no-model",))
    assert claims.marker


@pytest.mark.parametrize(
    "content",
    [
        b"{}",
        b"",
        b"null",
        b"[]",
        b'{"id": 1}',
        b'{"loras": []}',
        b'{"name": "soup", "ingredients": []}',
        written()[:200],
        b"[" * 10_000,
    ],
)
def test_other_recipes_are_not_taken(shelf, content):
    shelf.put(NAME, content)
    assert shelf.read(SOURCE, NAME) == []
    assert shelf.problems == []


def test_a_recipe_never_becomes_a_model_nor_changes_one(tmp_path):
    folder = tmp_path / "loras"
    folder.mkdir()
    specimen.write_full_recipe(folder)
    before = (folder / NAME).read_bytes()
    with Catalog.open(tmp_path / "catalog.sqlite") as catalog:
        library = Library(catalog)
        report = library.import_paths([str(folder)], progress=Progress())
        assert (report.imported, report.failed) == (1, 0)
        (row,) = pending_in(catalog)
        assert (row.name, row.source, row.problem) == ("Harbor at dawn", "lora-manager-recipe", "no_model")
        assert catalog.pending_record(row.id).payload == before
        assert library.promote(None, allow_missing=True, progress=Progress()).promoted == 0


@given(st.binary(max_size=200) | st.text(max_size=50).map(lambda text: json.dumps({"title": text}).encode()))
def test_claims_of_any_bytes_are_claims(payload):
    claims = SOURCE.claims(Record("lora-manager-recipe", f"/a/{NAME}", "", payload), frozenset())
    assert claims.marker or claims.problem == "unparsed_payload"
