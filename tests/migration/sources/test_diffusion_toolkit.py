import copy
import json
from contextlib import closing

import pytest

from modelmgr.catalog import Catalog
from modelmgr.library import Library
from modelmgr.migration.sources.diffusion_toolkit import DiffusionToolkitDatabase, DiffusionToolkitModels
from modelmgr.progress import Progress
from modelmgr.sqlite import driver
from modelmgr.values import Record
from tests.inbox import pending_in
from tests.migration.specimens.diffusion_toolkit import CATALOGUE, write_database
from tests.migration.specimens.models import A, B

MODELS = DiffusionToolkitModels()
DATABASE = DiffusionToolkitDatabase()
A_SHA256 = "9548c2eb5134c9387290ee3b2f0e230918611259b79e46847aeaaef625b8445b"
B_SHA256 = "f6fc015f5cee804ba65df8a2da7db5d375c30b5072a05768e58c9598aa7ec0e6"


def catalogue(count=1):
    """A catalogue of which only the first model is known here."""
    made = copy.deepcopy(CATALOGUE)
    for number in range(1, count):
        other = copy.deepcopy(CATALOGUE["models"][0])
        other["id"] = number
        other["modelVersions"][0]["files"][0]["hashes"] = {"SHA256": f"{number:064x}"}
        made["models"].append(other)
    return made


def read(shelf, value):
    shelf.put("models.json", value if isinstance(value, bytes) else json.dumps(value).encode())
    return shelf.read(MODELS, "models.json")


def test_an_entry_says_what_civitai_said(shelf):
    (record,) = read(shelf, CATALOGUE)
    assert record.record_key == "880002/990002/770002"
    assert json.loads(record.payload) == CATALOGUE["models"][0]["modelVersions"][0]
    claims = MODELS.claims(record, frozenset())
    assert claims.fields == {
        "name": "Copperleaf XL - v3 fp16",
        "source_url": "https://civitai.com/models/880002?modelVersionId=990002",
    }
    assert (claims.sha256, claims.own_hash) == (B_SHA256, False)
    assert claims.partial_hashes == {"AutoV1": "fee47b1f", "AutoV2": "f6fc015f5c"}
    assert (claims.size_hint_bytes, claims.path, claims.stem_names) == (2_097_248, None, ())


def test_each_file_of_a_version_that_has_a_hash_is_asked_for(shelf):
    value = catalogue()
    files = value["models"][0]["modelVersions"][0]["files"]
    files.append({"id": 5, "name": "b", "type": "VAE", "hashes": {"SHA256": A_SHA256}})
    files.append({"id": 6, "name": "c", "hashes": {"SHA256": None}})
    files.append({"id": 7, "name": "d"})
    files.append(None)
    first, second = read(shelf, value)
    assert first.payload == second.payload
    assert MODELS.claims(first, frozenset()).sha256 == B_SHA256
    claims = MODELS.claims(second, frozenset())
    assert (claims.sha256, claims.fields["type"]) == (A_SHA256, "vae")
    assert claims.sibling_sha256 == (B_SHA256,)


def test_the_catalogue_gives_no_record_but_for_a_file_that_is_held(shelf, tmp_path):
    shelf.put("models.json", json.dumps(catalogue(200)).encode())
    with Catalog.open(tmp_path / "catalog.sqlite") as catalog:
        library = Library(catalog)
        report = library.import_paths([str(shelf.folder)], progress=Progress())
        assert (report.imported, report.failed) == (0, 0)
        shelf.put("mine.safetensors", B["bytes"])
        library.scan([str(shelf.folder)], progress=Progress())
        report = library.import_paths([str(shelf.folder)], progress=Progress())
        assert report.imported == 1
        (row,) = pending_in(catalog)
        assert (row.source, row.file_path) == (
            "diffusion-toolkit-models",
            str(shelf.folder / "mine.safetensors"),
        )
        assert library.promote(None, progress=Progress()).promoted == 1


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"{}",
        b"null",
        [],
        {"models": []},
        {"date": 1, "models": {}},
        {"date": 1, "models": [{"name": "x", "sha256": A_SHA256}]},
        {"models": CATALOGUE["models"]},
    ],
)
def test_other_lists_of_models_are_none(shelf, value):
    assert read(shelf, value) == []
    assert shelf.problems == []


def test_the_date_may_come_last_and_ids_may_be_missing(shelf):
    value = {"models": catalogue(2)["models"], "date": 5}
    del value["models"][0]["id"], value["models"][0]["modelVersions"][0]["id"]
    first, second = read(shelf, value)
    assert first.record_key.startswith("@")
    assert MODELS.claims(first, frozenset()).fields["name"] == "Copperleaf XL - v3 fp16"
    assert second.record_key == "1/990002/770002"


def test_a_cut_catalogue_gives_what_is_whole(shelf):
    content = json.dumps(catalogue(3)).encode()
    records = read(shelf, content[:-100])
    assert [record.record_key.partition("/")[0] for record in records] == ["880002", "1"]
    assert [(problem.code, problem.kept) for problem in shelf.problems] == [("unparsed_payload", True)]


@pytest.mark.parametrize(
    "odd", [None, 5, "x", [], {}, [[]], {"modelVersions": 5}, {"modelVersions": [None, 5]}]
)
def test_odd_members_harm_nobody(shelf, odd):
    value = catalogue()
    value["models"].append(odd)
    assert len(read(shelf, value)) == 1


@pytest.mark.parametrize("extra", [None, {}, {"around": 5, "sha256": 7}, {"around": [None, {}]}])
def test_an_extra_of_another_shape_harms_nothing(extra):
    payload = json.dumps(CATALOGUE["models"][0]["modelVersions"][0]).encode()
    claims = MODELS.claims(
        Record("diffusion-toolkit-models", "/x/models.json", "k", payload, extra), frozenset()
    )
    assert claims.sha256 == B_SHA256


# --- the database -----------------------------------------------------------------------------------------


def test_a_database_without_the_table_gives_no_record(shelf):
    write_database(shelf.folder, with_models=False)
    assert shelf.probe(DATABASE, "diffusion-toolkit.db")
    assert shelf.read(DATABASE, "diffusion-toolkit.db") == []


def test_the_table_of_models_is_read_and_pictures_are_not(shelf):
    write_database(shelf.folder, full=True)
    (record,) = shelf.read(DATABASE, "diffusion-toolkit.db")
    assert json.loads(record.payload) == {
        "Id": 1,
        "Name": "Inkwash Harbor",
        "Path": str(shelf.folder / "inkwash_harbor.safetensors"),
        "Hash": "e3b0c442",
        "Hashv2": "9548c2eb51",
        "SHA256": A_SHA256,
    }
    claims = DATABASE.claims(record, frozenset())
    assert claims.fields == {"name": "Inkwash Harbor"}
    assert (claims.sha256, claims.own_hash) == (A_SHA256, True)
    assert claims.partial_hashes == {"AutoV2": "9548c2eb51"}
    assert claims.path == str(shelf.folder / "inkwash_harbor.safetensors")


def test_a_table_that_nobody_knows_is_kept(shelf):
    write_database(shelf.folder)
    with closing(driver.connect(shelf.folder / "diffusion-toolkit.db")) as connection, connection:
        connection.execute("CREATE TABLE Notes (Id INTEGER PRIMARY KEY, Text TEXT)")
        connection.execute("INSERT INTO Notes (Text) VALUES ('about a model')")
    _, record = shelf.read(DATABASE, "diffusion-toolkit.db")
    assert b"about a model" in record.payload
    assert DATABASE.claims(record, frozenset()).marker


@pytest.mark.parametrize("value", [None, b"\xff\0", "", "a\0b"])
def test_odd_columns_are_no_claims(shelf, value):
    write_database(shelf.folder)
    with closing(driver.connect(shelf.folder / "diffusion-toolkit.db")) as connection, connection:
        connection.execute("UPDATE Model SET Name = ?, Path = ?, SHA256 = ?, Hashv2 = ?", (value,) * 4)
    (record,) = shelf.read(DATABASE, "diffusion-toolkit.db")
    claims = DATABASE.claims(record, frozenset())
    assert (claims.sha256, claims.partial_hashes, claims.path) == (None, {}, None)


def test_the_hash_of_an_invented_model_is_what_it_is():
    assert (A["sha256"], B["sha256"]) == (A_SHA256, B_SHA256)
