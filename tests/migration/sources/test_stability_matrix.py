import json
import os

import pytest

from modelmgr.migration import detect
from modelmgr.migration.sources.stability_matrix import StabilityMatrix, StabilityMatrixSettings
from modelmgr.progress import Progress
from modelmgr.values import Root
from tests.migration.specimens.stability_matrix import FULL, sidecar

SOURCE, SETTINGS = StabilityMatrix(), StabilityMatrixSettings()
NAME = "copperleaf_xl.cm-info.json"
B_SHA256 = "f6fc015f5cee804ba65df8a2da7db5d375c30b5072a05768e58c9598aa7ec0e6"


@pytest.fixture
def beside(shelf):
    shelf.put("copperleaf_xl.safetensors", shelf.B["bytes"])
    return shelf


def said(shelf, **changed):
    return shelf.claims(SOURCE, NAME, sidecar({**FULL, **changed}))


# --- the good record --------------------------------------------------------------------------------------


def test_the_example_gives_all_light_columns(beside):
    beside.put("copperleaf_xl.preview.jpeg", b"\xff\xd8")
    claims = said(beside)
    assert claims.fields == {
        "name": "My copper base",
        "type": "checkpoint",
        "base_model": "SDXL 1.0",
        "nsfw": False,
        "tags": ("base model", "metal"),
        "source_url": "https://civitai.com/models/880002?modelVersionId=990002",
        "preview": str(beside.folder / "copperleaf_xl.preview.jpeg"),
    }
    assert claims.personal == {"name"}
    assert (claims.sha256, claims.own_hash) == (B_SHA256, False)
    assert claims.partial_hashes == {
        "CRC32": "51e8de80",
        "BLAKE3": "9c21623064335e9541f5f2559edda31bded56524ecfb182e8e150ccc0b4ba008",
    }
    assert claims.stem_names == ("copperleaf_xl.safetensors",)
    assert claims.time == pytest.approx(1_740_938_651.123456)  # seven digits of a second
    assert (claims.problem, claims.marker, claims.flags) == (None, False, ())


def test_without_a_title_of_the_person_the_name_is_model_and_version(beside):
    claims = said(beside, UserTitle=None)
    assert (claims.fields["name"], claims.personal) == ("Copperleaf XL - v3 fp16", frozenset())
    assert said(beside, UserTitle=" ", VersionName="").fields["name"] == "Copperleaf XL"


def test_trigger_words_stay_whole_entries(beside):
    assert said(beside, TrainedWords=["a, b", " c "]).fields["trigger_words"] == ("a, b", "c")


@pytest.mark.parametrize(
    "address", ["https://image.civitai.com/x.jpeg", "D:\\elsewhere\\x.png", "", None, 7, "a\0b"]
)
def test_a_picture_that_is_not_here_is_no_preview(beside, address):
    assert "preview" not in said(beside, ThumbnailImageUrl=address).fields


# --- types ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "kind", "flags"),
    [
        ("LORA", "lora", ()),
        ("loCON", "lora", ()),
        ("TextualInversion", "embedding", ()),
        ("Other", "other", ()),
        (1, "checkpoint", ()),
        ("2", "embedding", ()),
        (3, "hypernetwork", ()),
        ("Unknown", None, ()),
        (0, None, ()),
        ("All", None, ()),
        (None, None, ()),
        (9, None, ("unknown-type:9",)),
        ("HoloDeck", None, ("unknown-type:HoloDeck",)),
    ],
)
def test_a_type_is_a_word_or_the_number_of_one(beside, word, kind, flags):
    claims = said(beside, ModelType=word)
    assert (claims.fields.get("type"), claims.flags) == (kind, flags)


# --- where a record is from -------------------------------------------------------------------------------

BEFORE, AFTER = "2026-04-06T23:59:59.9999999+00:00", "2026-04-07T00:00:00.0000000+00:00"
STATS = {"downloadCount": 1}
NO_IDS = {"ModelId": None, "VersionId": None}


@pytest.mark.parametrize(
    ("changed", "page", "catalogue_hash"),
    [
        # 2 was "other" before the day on which it became CivArchive; a relative address is CivArchive's always.
        ({"Source": 2, "ImportedAt": BEFORE, "Stats": STATS, **NO_IDS}, None, True),
        ({"Source": 2, "ImportedAt": AFTER, "Stats": STATS, **NO_IDS}, None, False),
        ({"Source": 2, "ImportedAt": AFTER, "Stats": None, **NO_IDS}, None, True),
        (
            {"Source": 2, "ImportedAt": BEFORE, "SourceUrl": "/models/5?x=1", **NO_IDS},
            "https://civarchive.com/models/5?x=1",
            False,
        ),
        ({"Source": "CivArchive", "SourceUrl": "sha256/ab"}, "https://civarchive.com/sha256/ab", False),
        ({"Source": 3, **NO_IDS}, None, True),
        ({"Source": 1, **NO_IDS}, "https://openmodeldb.info/models/Copperleaf%20XL", False),
        (
            {"Source": "OpenModelDb", "ModelName": "4x/Ä", **NO_IDS},
            "https://openmodeldb.info/models/4x%2F%C3%84",
            False,
        ),
        ({"Source": None}, "https://civitai.com/models/880002?modelVersionId=990002", True),
        ({"Source": "Civitai", "VersionId": None}, "https://civitai.com/models/880002", True),
        (
            {"Source": 0, "SourceUrl": "https://civitai.red/models/7?token=s3cret"},
            "https://civitai.com/models/7",
            True,
        ),
    ],
)
def test_the_site_decides_on_page_and_hash(beside, changed, page, catalogue_hash):
    claims = said(beside, **changed)
    assert claims.fields.get("source_url") == page
    # Elsewhere than on Civitai the hash is that of the version's chief file, whichever was downloaded.
    assert (claims.sha256 == B_SHA256) is catalogue_hash
    assert (claims.sibling_sha256 == (B_SHA256,)) is not catalogue_hash
    assert bool(claims.partial_hashes) is catalogue_hash


def test_a_file_without_model_id_has_no_key_for_it(beside):
    value = {key: one for key, one in FULL.items() if key not in ("ModelId", "VersionId", "Source")}
    claims = beside.claims(SOURCE, NAME, sidecar(value))
    assert "source_url" not in claims.fields
    assert claims.fields["name"] == "My copper base"


# --- binding ----------------------------------------------------------------------------------------------


def test_of_two_files_of_the_stem_the_remote_name_and_the_format_come_first(beside):
    beside.put("copperleaf_xl.ckpt")
    assert said(beside).stem_names == ("copperleaf_xl.safetensors", "copperleaf_xl.ckpt")
    pickle = {"fp": None, "size": None, "format": "PickleTensor"}
    assert said(beside, FileMetadata=pickle, Hashes={}).stem_names == ("copperleaf_xl.ckpt",)
    assert said(beside, RemoteFileName="copperleaf_xl.ckpt", Hashes={}).stem_names == ("copperleaf_xl.ckpt",)
    claims = said(beside, FileMetadata=None, Hashes=None)
    assert set(claims.stem_names) == {"copperleaf_xl.ckpt", "copperleaf_xl.safetensors"}
    assert "several-files" in claims.flags


@pytest.mark.parametrize("content", [b"", b"{}", b"null"])
def test_marks_of_nothing_known_are_kept(beside, content):
    claims = beside.claims(SOURCE, NAME, content)
    assert (claims.marker, claims.fields) == (True, {})


@pytest.mark.parametrize(
    "content", [b"[1]", b'{"modelName": "x"}', b'{"hashes": {}}', b'{"error": "x"}', b'"text"']
)
def test_json_of_others_under_the_name_is_nobodys(beside, content):
    beside.put(NAME, content)
    assert not beside.probe(SOURCE, NAME)


# --- settings ---------------------------------------------------------------------------------------------


def library(folder, settings):
    """Write a library of the tool with one model; return the sidecar's path."""
    lora = folder / "Models" / "Lora"
    lora.mkdir(parents=True)
    (folder / "settings.json").write_bytes(json.dumps(settings).encode())
    (lora / "x.safetensors").write_bytes(b"x")
    (lora / "x.cm-info.json").write_bytes(sidecar(FULL))
    return lora / "x.cm-info.json"


def found_below(path, problems):
    return list(detect.find([str(path)], library_folders=[], progress=Progress(), report=problems.append))


def records_below(path):
    problems = []
    found = [one for one in found_below(path, problems) if one.source is not None]
    records = [
        record for one in found for record in one.source.records(one.container, Progress(), problems.append)
    ]
    assert problems == []
    return found, records


def test_a_starred_model_is_a_favourite_if_the_settings_are_in_sight(tmp_path):
    path = library(tmp_path / "SM", {"FavoriteModels": [5, 880002, None, "x"], "Token": "s3cret"})
    _, (record,) = records_below(tmp_path / "SM")
    assert record.payload == path.read_bytes()
    assert record.extra == {"columns": {"FavoriteModels": {"storage": "integer", "value": 880002}}}
    claims = SOURCE.claims(record, frozenset(["x.safetensors"]))
    assert claims.fields["favorite"] is True
    assert claims.personal == {"name", "favorite"}
    # Only the models were named: what lies above them is not opened.
    for narrow in (tmp_path / "SM" / "Models", path.parent, path):
        _, (record,) = records_below(narrow)
        assert record.extra is None


@pytest.mark.parametrize("settings", [{"FavoriteModels": [5]}, {"FavoriteModels": "880002"}, {}, [880002]])
def test_an_other_list_makes_no_favourite(tmp_path, settings):
    library(tmp_path / "SM", settings)
    _, records = records_below(tmp_path / "SM")
    assert [record.extra for record in records] == [None]


def test_settings_give_the_folder_of_models_and_no_record(tmp_path):
    library(tmp_path / "SM", {"FavoriteModels": []})
    found, records = records_below(tmp_path / "SM")
    settings = next(one for one in found if one.source.id == "stability-matrix-settings")
    path = str(tmp_path / "SM" / "settings.json")
    assert settings.path == path
    assert SETTINGS.roots(settings.container) == (
        Root(str(tmp_path / "SM" / "Models"), "unknown", "stability-matrix-settings", path),
    )
    assert [record.source for record in records] == ["stability-matrix"]


@pytest.mark.parametrize(
    ("name", "value", "paths"),
    [
        ("settings.json", {"ModelDirectoryOverride": "/data/ai"}, ["/data/ai"]),
        ("settings.json", {"ModelDirectoryOverride": "/data/../ai/", "Secret": "x"}, ["/ai"]),
        ("settings.json", {"ModelDirectoryOverride": "D:\\AI\\Models"}, []),
        ("settings.json", {"ModelDirectoryOverride": None}, ["{here}/Models"]),
        ("library.json", {"LibraryPath": "/data/sm"}, ["/data/sm/Models"]),
        ("library.json", {"LibraryPath": "D:\\SM"}, []),
    ],
)
def test_roots_are_absolute_folders_of_this_computer(shelf, name, value, paths):
    shelf.put(name, json.dumps(value).encode())
    assert shelf.probe(SETTINGS, name)
    roots = SETTINGS.roots(shelf.container(name))
    assert [root.path for root in roots] == [path.format(here=shelf.folder) for path in paths]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("settings.json", {"theme": "dark"}),
        ("settings.json", {"folder_paths": {}}),
        ("settings.json", []),
        ("library.json", {"name": "x"}),
        ("library.json", {"LibraryPath": ""}),
    ],
)
def test_settings_of_other_programs_are_nobodys(shelf, name, value):
    shelf.put(name, json.dumps(value).encode())
    assert not shelf.probe(SETTINGS, name)
    assert shelf.problems == []


# --- the index that is no SQLite --------------------------------------------------------------------------


def litedb(version):
    """Return the first page of a LiteDB file: its mark stands at byte 32 (version 5) or 25 (version 4)."""
    return (b"\0" * (32 if version == 5 else 25) + b"** This is a LiteDB file **").ljust(8192, b"\7")


@pytest.mark.parametrize("version", [4, 5])
def test_a_litedb_file_that_is_offered_is_refused_with_the_reason(tmp_path, version):
    path = tmp_path / "StabilityMatrix.db"
    path.write_bytes(litedb(version))
    problems = []
    assert found_below(path, problems) == []
    ((problem),) = problems
    assert (problem.path, problem.code, problem.kept) == (str(path), "not_sqlite", False)
    assert "LiteDB" in problem.message


def test_a_litedb_file_that_a_walk_meets_is_ignored(tmp_path):
    (tmp_path / "StabilityMatrix.db").write_bytes(litedb(5))
    problems = []
    assert [one.kind for one in found_below(tmp_path, problems)] == ["ignored"]
    assert problems == []


def test_nothing_of_a_library_is_touched(tmp_path):
    library(tmp_path / "SM", {"FavoriteModels": [880002]})

    def state():
        return {
            str(path): (os.stat(path).st_mtime_ns, path.is_dir() or path.read_bytes())
            for path in sorted(tmp_path.rglob("*"))
        }

    before = state()
    records_below(tmp_path / "SM")
    assert state() == before
