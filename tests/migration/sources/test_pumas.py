"""Pumas-Library: metadata.json, the index with the person's reviews, the launcher's list, the registry."""

import json
import os
from contextlib import closing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelmgr.catalog import Catalog
from modelmgr.library import Library
from modelmgr.migration import detect
from modelmgr.migration.sources.pumas import PumasIndex, PumasMetadata
from modelmgr.migration.sources.pumas_launcher import PumasLauncherModels
from modelmgr.migration.sources.pumas_registry import PumasRegistry
from modelmgr.progress import Progress
from modelmgr.sqlite import driver
from modelmgr.values import Claims, ModelQuery, PendingQuery, Record
from tests.inbox import pending_in
from tests.migration.specimens import pumas as specimen
from tests.migration.specimens.models import A, B, C

METADATA, INDEX, LAUNCHER, REGISTRY = PumasMetadata(), PumasIndex(), PumasLauncherModels(), PumasRegistry()
NAME = "metadata.json"


def written(value):
    return json.dumps(value, indent=2, ensure_ascii=False).encode()


def found_below(folder, source_id):
    problems = []
    found = list(detect.find([str(folder)], library_folders=[], progress=Progress(), report=problems.append))
    assert problems == []
    return [one for one in found if one.source is not None and one.source.id == source_id]


def read(folder, source_id):
    problems = []
    records = []
    for found in found_below(folder, source_id):
        records += found.source.records(found.container, Progress(), problems.append)
    assert problems == []
    return records


@pytest.fixture
def heron(shelf):
    shelf.put("tiny-heron.gguf", C["bytes"])
    return shelf


def said(shelf, **changed):
    return shelf.claims(METADATA, NAME, written({**specimen.METADATA, **changed}))


# --- metadata.json ------------------------------------------------------------------------------------------


def test_the_example_gives_all_light_columns(heron):
    assert said(heron) == Claims(
        fields={
            "name": "Tiny Heron",
            "type": "llm",
            "base_model": "sample-org/heron",
            "tags": ("gguf",),
            "notes": "test bird",
            "source_url": "https://huggingface.co/sample-org/tiny-heron-gguf",
            "license": "apache-2.0",
        },
        personal=frozenset(("notes",)),
        sha256=C["sha256"],
        own_hash=True,
        partial_hashes={"BLAKE3": C["BLAKE3"]},
        size_bytes=24,
        path="tiny-heron.gguf",
        stem_names=("tiny-heron.gguf",),
        time=1777629600.0,
    )


@pytest.mark.parametrize("version", [None, 1, 2])
def test_each_version_of_the_schema_is_read(heron, version):
    value = {key: value for key, value in specimen.METADATA.items() if key not in ("files", "schema_version")}
    if version is not None:
        value["schema_version"] = version
    if version != 2:
        value["inference_settings"] = {"top_k": 40}  # an object, which the tool itself drops today
    claims = heron.claims(METADATA, NAME, written(value))
    assert (claims.fields["name"], claims.sha256, claims.size_bytes) == ("Tiny Heron", C["sha256"], 24)
    assert claims.stem_names == ("tiny-heron.gguf",)


@pytest.mark.parametrize(
    ("base", "found"),
    [
        (["sample-org/heron", "other/x"], "sample-org/heron"),
        ("sample-org/heron", "sample-org/heron"),
        (["stabilityai/stable-diffusion-xl-base-1.0"], "SDXL 1.0"),
        ("runwayml/stable-diffusion-v1-5", "SD 1.5"),
        ([], None),
        (None, None),
        ("unknown", None),
        ([{"id": 1}], None),
    ],
)
def test_the_base_model_is_a_list_or_one_text(heron, base, found):
    assert said(heron, base_model=base).fields.get("base_model") == found


@pytest.mark.parametrize(
    ("word", "more", "kind"),
    [
        ("llm", {}, "llm"),
        ("vlm", {}, "vlm"),
        ("reranker", {}, "reranker"),
        ("diffusion", {}, "checkpoint"),
        ("embedding", {}, "text_embedding_model"),
        ("audio", {}, "audio"),
        ("vision", {"pipeline_tag": "object-detection"}, "detector"),
        ("vision", {"task_type_primary": "image_segmentation"}, "segmenter"),
        ("vision", {}, None),
        ("unknown", {}, None),
        (None, {}, None),
        (["llm"], {}, None),
    ],
)
def test_the_types_are_the_tools_own_words(heron, word, more, kind):
    claims = said(heron, model_type=word, **more)
    assert claims.fields.get("type") == kind
    assert claims.flags == ()


def test_a_type_that_nobody_knows_is_told_of(heron):
    assert said(heron, model_type="holodeck").flags == ("unknown-type:holodeck",)


@pytest.mark.parametrize(
    ("changed", "url"),
    [
        ({}, "https://huggingface.co/sample-org/tiny-heron-gguf"),
        ({"repo_id": None, "download_url": "https://example.org/x?token=1"}, "https://example.org/x"),
        ({"repo_id": "../../x y", "download_url": None}, None),
        ({"repo_id": None, "download_url": "https://civitai.com/api/download/models/1"}, None),
    ],
)
def test_the_page_is_the_repositorys_else_the_downloads(heron, changed, url):
    assert said(heron, **changed).fields.get("source_url") == url


@pytest.mark.parametrize(
    ("changed", "terms"),
    [
        ({}, "apache-2.0"),
        ({"license_status": "license_unknown"}, None),
        ({"license_status": "license_unknown", "model_card": {"license": "mit"}}, "mit"),
        (
            {"license_status": None, "model_card": {"license": "other", "license_name": "heron-open"}},
            "heron-open",
        ),
        ({"license_status": None, "model_card": []}, None),
    ],
)
def test_the_licence_is_said_unless_it_is_unknown(heron, changed, terms):
    assert said(heron, **changed).fields.get("license") == terms


def test_of_several_files_the_one_with_the_hash_is_meant(heron):
    heron.put("mmproj-heron.gguf", A["bytes"])
    heron.put("heron-q8.gguf", B["bytes"])
    files = [
        {"name": "mmproj-heron.gguf", "size": 184, "sha256": A["sha256"]},
        {"name": "heron-q8.gguf", "size": 2097248, "sha256": B["sha256"], "blake3": B["BLAKE3"]},
        {"name": "tiny-heron.gguf", "size": 24, "sha256": C["sha256"]},
        {"name": "config.json", "size": 3, "sha256": None},
    ]
    claims = said(heron, files=files)
    assert (claims.stem_names, claims.sha256, claims.size_bytes) == (("tiny-heron.gguf",), C["sha256"], 24)
    assert set(claims.sibling_sha256) == {A["sha256"], B["sha256"]}
    known = heron.claims(METADATA, NAME, sha256=B["sha256"])
    assert (known.stem_names, known.size_bytes) == (("heron-q8.gguf",), 2097248)
    assert known.partial_hashes == {"BLAKE3": B["BLAKE3"]}
    undecided = said(heron, files=[{**entry, "sha256": None} for entry in files])
    assert set(undecided.stem_names) == {"tiny-heron.gguf", "heron-q8.gguf"}
    assert undecided.sha256 == C["sha256"]
    assert "several-files" in undecided.flags


def test_of_shards_the_first_is_meant(shelf):
    names = [f"heron-0000{number}-of-00002.safetensors" for number in (1, 2)]
    for name in names:
        shelf.put(name)
    claims = said(
        shelf, files=[{"name": name, "size": 184, "sha256": None} for name in reversed(names)], hashes={}
    )
    assert (claims.stem_names, claims.path, claims.size_bytes) == ((names[0],), names[0], 184)
    assert claims.flags == ()


def test_of_a_pipeline_the_denoiser_stands_for_all(shelf):
    parts = (
        "text_encoder/model.safetensors",
        "unet/diffusion_pytorch_model.safetensors",
        "vae/x.safetensors",
    )
    for part in parts:
        (shelf.folder / part).parent.mkdir()
        (shelf.folder / part).write_bytes(A["bytes"])
    files = [{"name": part, "size": 184, "sha256": A["sha256"]} for part in parts]
    claims = said(
        shelf, model_type="diffusion", bundle_format="diffusers_directory", files=files, hashes=None
    )
    assert (claims.path, claims.stem_names) == ("unet/diffusion_pytorch_model.safetensors", ())
    assert (claims.fields["type"], claims.sha256, claims.size_bytes) == ("checkpoint", A["sha256"], 184)


def test_a_renamed_file_is_still_the_one_in_the_folder(shelf):
    shelf.put("renamed.gguf", C["bytes"])
    assert said(shelf).stem_names == ("renamed.gguf",)


@pytest.mark.parametrize(
    ("hashes", "sha256", "partial"),
    [
        ({"sha256": C["sha256"].upper()}, C["sha256"], {}),
        ({"sha256": "", "blake3": C["BLAKE3"].upper()}, None, {"BLAKE3": C["BLAKE3"]}),
        ({"sha256": "0" * 64, "blake3": "x"}, None, {}),
        (None, None, {}),
        ([], None, {}),
    ],
)
def test_hashes_that_say_nothing_are_none(heron, hashes, sha256, partial):
    claims = said(heron, hashes=hashes, files=None)
    assert (claims.sha256, claims.partial_hashes, claims.own_hash) == (sha256, partial, sha256 is not None)


@pytest.mark.parametrize(
    ("picture", "found"),
    [
        ("preview.png", "{folder}/preview.png"),
        ("/data/p.png", "/data/p.png"),
        ("D:\\p.png", None),
        ("a\0", None),
    ],
)
def test_a_preview_lies_in_the_folder_or_where_it_says(heron, picture, found):
    expected = found and found.format(folder=heron.folder)
    assert said(heron, preview_image=picture).fields.get("preview") == expected


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"null",
        b"[]",
        b'{"name": "x", "version": 1}',
        b'{"model_id": 5, "cleaned_name": null}',
        b'{"model_id": "x"',
        b"[" * 10_000,
        written({"loras/a.safetensors": {"hash": "x"}}),
    ],
)
def test_metadata_of_another_program_is_not_taken(heron, content):
    heron.put(NAME, content)
    assert heron.read(METADATA, NAME) == []
    assert heron.problems == []


def test_without_weights_beside_it_only_the_tools_own_keys_make_a_record(shelf):
    shelf.put(NAME, written({"model_id": "x", "description": "of a web site"}))
    assert shelf.read(METADATA, NAME) == []
    shelf.put(NAME, written({"model_id": "x", "storage_kind": "external_reference"}))
    assert len(shelf.read(METADATA, NAME)) == 1


def test_an_unfinished_import_of_the_tool_is_left_alone(shelf):
    shelf.folder = shelf.folder / ".tmp_import_1234"
    shelf.folder.mkdir()
    shelf.put("tiny-heron.gguf", C["bytes"])
    shelf.put(NAME, written(specimen.METADATA))
    assert shelf.read(METADATA, NAME) == []


def test_an_external_reference_binds_only_where_the_user_let_us_look(tmp_path):
    outside = specimen.write_model(tmp_path / "elsewhere")
    folder = tmp_path / "library" / "llm" / "heron" / "tiny_heron"
    folder.mkdir(parents=True)
    value = {**specimen.METADATA, "storage_kind": "external_reference", "entry_path": str(outside)}
    (folder / NAME).write_bytes(written(value))
    with Catalog.open(tmp_path / "catalog.sqlite") as catalog:
        library = Library(catalog)
        report = library.import_paths([str(tmp_path / "library")], progress=Progress())
        assert report.outside_folders == {str(tmp_path / "elsewhere"): 1}
        (row,) = pending_in(catalog)
        assert row.problem == "outside"
        library.add_folder(str(tmp_path / "elsewhere"))
        assert library.promote(None, progress=Progress()).promoted == 1
        (model,) = catalog.page(ModelQuery(), None)
        assert (model.name, model.path, model.sha256) == ("Tiny Heron", str(outside), C["sha256"])


# --- the index ----------------------------------------------------------------------------------------------


def index_claims(folder):
    (record,) = [record for record in read(folder, "pumas-index") if "columns" in record.extra]
    return INDEX.claims(record, frozenset())


def test_a_row_is_its_json_with_what_stands_in_columns(tmp_path):
    specimen.write_index_of(tmp_path, specimen.METADATA)
    (record,) = read(tmp_path, "pumas-index")
    assert record.record_key == "llm/heron/tiny_heron"
    assert b'"official_name"' not in record.payload
    assert record.extra["payload_column"] == "metadata_json"
    assert record.extra["columns"]["tags_json"] == {"storage": "text", "value": '["gguf"]'}
    path = str(tmp_path / "llm/heron/tiny_heron/tiny-heron.gguf")
    claims = INDEX.claims(record, frozenset())
    assert claims == Claims(
        fields={
            "name": "Tiny Heron",
            "type": "llm",
            "base_model": "sample-org/heron",
            "tags": ("gguf",),
            "notes": "test bird",
            "source_url": "https://huggingface.co/sample-org/tiny-heron-gguf",
            "license": "apache-2.0",
        },
        personal=frozenset(("notes",)),
        sha256=C["sha256"],
        own_hash=True,
        partial_hashes={"BLAKE3": C["BLAKE3"]},
        size_bytes=24,
        path=path,
        other_paths=("llm/heron/tiny_heron/tiny-heron.gguf",),
        time=1777716000.0,
    )


def test_the_id_that_stands_in_for_a_name_is_no_name(tmp_path):
    specimen.write_index_of(tmp_path, {**specimen.METADATA, "official_name": specimen.MODEL_ID})
    assert index_claims(tmp_path).fields["name"] == "tiny_heron"


def test_a_review_lies_on_top_and_is_the_persons(tmp_path):
    database = specimen.write_index_of(tmp_path, {**specimen.METADATA, "model_card": {"a": 1}})
    specimen.add_overlay(database, {"official_name": "Old"}, name="ov", status="superseded")
    specimen.add_overlay(
        database,
        {
            "official_name": "My heron",
            "model_type": "embedding",
            "base_model": None,
            "tags": ["bird"],
            "license_status": None,
            "model_card": {"license": "mit", "a": None},
        },
        name="ov-1",
    )
    claims = index_claims(tmp_path)
    assert claims.fields == {
        "name": "My heron",
        "type": "text_embedding_model",
        "tags": ("bird",),
        "notes": "test bird",
        "source_url": "https://huggingface.co/sample-org/tiny-heron-gguf",
        "license": "mit",
    }
    assert claims.personal == {"name", "type", "tags", "notes", "license"}


def test_all_that_is_said_of_a_model_goes_with_it_and_the_rest_is_kept(tmp_path):
    database = specimen.write_index_of(tmp_path, specimen.METADATA)
    specimen.add_overlay(database, {"notes": "x"}, name="ov", status="reverted")
    with closing(driver.connect(database)) as connection, connection:
        connection.execute(
            "INSERT INTO model_metadata_baselines VALUES (?, 2, '{\"a\": 1}', 'then', 'ann')",
            (specimen.MODEL_ID,),
        )
        connection.execute(
            "INSERT INTO model_link_exclusions VALUES (?, 'comfyui', 'then')", (specimen.MODEL_ID,)
        )
        connection.execute("INSERT INTO model_link_exclusions VALUES ('gone/x', 'comfyui', 'then')")
        connection.execute("INSERT INTO task_signature_mappings VALUES (1, 'text->text', 'chat')")
    first, *rest = read(tmp_path, "pumas-index")
    related = first.extra["related"]
    assert related["model_metadata_overlays"][0]["overlay_json"] == '{"notes": "x"}'
    assert related["model_metadata_baselines"][0]["baseline_json"] == '{"a": 1}'
    assert related["model_link_exclusions"][0]["app_id"] == "comfyui"
    assert [(record.extra["table"], json.loads(record.payload)[0]) for record in rest] == [
        ("model_link_exclusions", {"model_id": "gone/x", "app_id": "comfyui", "excluded_at": "then"}),
        ("task_signature_mappings", {"id": 1, "signature_key": "text->text", "task_type_primary": "chat"}),
    ]
    assert all(
        INDEX.claims(record, frozenset()) == Claims(marker=True, flags=("no-model",)) for record in rest
    )
    assert INDEX.claims(first, frozenset()).fields["notes"] == "test bird"


@pytest.mark.parametrize("content", ["{broken", "5", "null", "", None])
def test_a_row_whose_json_is_broken_still_has_its_columns(tmp_path, content):
    database = specimen.write_index_of(tmp_path, specimen.METADATA, governance=False)
    with closing(driver.connect(database)) as connection, connection:
        connection.execute("CREATE TABLE copy AS SELECT * FROM models")
        connection.execute("DROP TABLE models")
        connection.execute("ALTER TABLE copy RENAME TO models")
        connection.execute("UPDATE models SET metadata_json = ?", (content,))
    (record,) = read(tmp_path, "pumas-index")
    assert (record.payload == (content or "").encode()) is (content is not None)
    claims = INDEX.claims(record, frozenset())
    assert (claims.fields["name"], claims.sha256) == ("Tiny Heron", C["sha256"])
    assert claims.problem == ("unparsed_payload" if content == "{broken" else None)
    assert claims.path == str(tmp_path / "llm/heron/tiny_heron")


def test_file_row_and_review_of_one_model_are_one_model(tmp_path):
    library_root = tmp_path / "shared-resources" / "models"
    specimen.write_metadata(library_root, specimen.METADATA)
    stale = {**specimen.METADATA, "official_name": "Stale", "license_status": "mit", "pipeline_tag": "x"}
    database = specimen.write_index_of(library_root, stale)
    specimen.add_overlay(database, {"base_model": "sample-org/crane"})
    with Catalog.open(tmp_path / "catalog.sqlite") as catalog:
        library = Library(catalog)
        library.import_paths([str(library_root)], progress=Progress())
        assert library.promote(None, progress=Progress()).promoted == 2
        (row,) = catalog.page(ModelQuery(), None)
        assert (row.name, row.license, row.notes) == ("Tiny Heron", "apache-2.0", "test bird")
        assert row.base_model == "sample-org/crane"
        specimen.add_overlay(database, {"notes": "mine"}, name="ov-12", status="superseded")
        assert library.import_paths([str(library_root)], progress=Progress()).imported == 1


def test_an_index_that_was_moved_with_its_library_finds_the_files(tmp_path):
    old = tmp_path / "old"
    specimen.write_index_of(old, specimen.METADATA)
    new = tmp_path / "new"
    os.rename(old, new)
    with Catalog.open(tmp_path / "catalog.sqlite") as catalog:
        Library(catalog).import_paths([str(new)], progress=Progress())
        (row,) = pending_in(catalog)
        assert row.file_path == str(new / "llm/heron/tiny_heron/tiny-heron.gguf")


def bound(tmp_path, folder):
    with Catalog.open(tmp_path / "catalog.sqlite") as catalog:
        Library(catalog).import_paths([str(folder)], progress=Progress())
        page = pending_in(catalog, PendingQuery(sources=("pumas-index", "pumas-metadata")))
        return {(row.source, row.name): row.file_path for row in page}


@pytest.mark.parametrize("moved", [False, True])
def test_a_row_without_a_list_of_files_means_the_weights_in_its_folder(tmp_path, moved):
    old = tmp_path / "old"
    lean = {key: value for key, value in specimen.METADATA.items() if key not in ("files", "hashes")}
    specimen.write_index_of(old, lean)
    (old / specimen.MODEL_ID / "mmproj-tiny-heron.gguf").write_bytes(A["bytes"])
    new = tmp_path / ("new" if moved else "old")
    os.rename(old, new)
    weights = str(new / "llm/heron/tiny_heron/tiny-heron.gguf")
    assert bound(tmp_path, new) == {("pumas-index", "Tiny Heron"): weights}


def test_a_row_without_a_list_of_files_means_none_of_several_in_its_folder(tmp_path):
    library = tmp_path / "library"
    lean = {key: value for key, value in specimen.METADATA.items() if key not in ("files", "hashes")}
    specimen.write_index_of(library, lean)
    (library / specimen.MODEL_ID / "another.gguf").write_bytes(A["bytes"])
    assert bound(tmp_path, library) == {("pumas-index", "Tiny Heron"): None}


@pytest.mark.parametrize("storage", ["library_owned", "external_reference"])
def test_a_pipeline_without_a_list_of_files_is_bound_by_its_folder(tmp_path, storage):
    library = tmp_path / "all" / "models"
    own = library / "diffusion" / "sdxl" / "pipe"
    pipeline = own if storage == "library_owned" else tmp_path / "all" / "elsewhere"
    for folder in (own, pipeline / "unet", pipeline / "vae"):
        folder.mkdir(parents=True, exist_ok=True)
    (pipeline / "model_index.json").write_bytes(b'{"_class_name": "StableDiffusionXLPipeline"}')
    for part, content in (("unet", B["bytes"]), ("vae", A["bytes"])):
        (pipeline / part / "diffusion_pytorch_model.safetensors").write_bytes(content)
    said = {
        "schema_version": 2,
        "model_id": "diffusion/sdxl/pipe",
        "official_name": "Pipe",
        "storage_kind": storage,
        "bundle_format": "diffusers_directory",
        "entry_path": str(pipeline),
    }
    (own / NAME).write_bytes(written(said))
    weights = str(pipeline / "unet/diffusion_pytorch_model.safetensors")
    assert bound(tmp_path, tmp_path / "all") == {("pumas-metadata", "Pipe"): weights}


# --- the launcher's list --------------------------------------------------------------------------------------


def launcher_records(folder, value):
    text = value if isinstance(value, bytes) else written(value)
    (folder / "models.json").write_bytes(text)
    return read(folder, "pumas-launcher-models")


def test_each_record_is_its_range_of_the_file(tmp_path):
    path = "checkpoints/copperleaf.safetensors"
    first = {**specimen.LAUNCHER, "path": path, "modelType": "checkpoint", "baseModel": "SDXL 1.0"}
    text = b'{ "%s" : %s,\n "x/y.gguf": {"path": "x/y.gguf",  "size": NaN} }' % (
        path.encode(),
        written(first),
    )
    records = launcher_records(tmp_path, text)
    assert [record.record_key for record in records] == [path, "x/y.gguf"]
    assert [record.payload for record in records] == [written(first), b'{"path": "x/y.gguf",  "size": NaN}']
    claims = LAUNCHER.claims(records[0], frozenset())
    assert claims == Claims(
        fields={"type": "checkpoint", "base_model": "SDXL 1.0", "tags": ("bird",)},
        sha256=C["sha256"],
        own_hash=True,
        size_bytes=24,
        path=path,
        other_paths=("../../shared-resources/models/checkpoints/copperleaf.safetensors",),
        time=1777629600.0,
    )


def test_a_relative_path_is_looked_for_below_the_launcher(tmp_path):
    model = specimen.write_model(tmp_path / "shared-resources" / "models" / "llm")
    folder = tmp_path / "launcher-data" / "metadata"
    folder.mkdir(parents=True)
    record = {**specimen.LAUNCHER, "path": "llm/tiny-heron.gguf"}
    (folder / "models.json").write_bytes(written({"llm/tiny-heron.gguf": record}))
    with Catalog.open(tmp_path / "catalog.sqlite") as catalog:
        Library(catalog).import_paths([str(tmp_path)], progress=Progress())
        (row,) = pending_in(catalog, PendingQuery(sources=("pumas-launcher-models",)))
        assert row.file_path == str(model)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{}",
        b"[]",
        b'{"date": 1, "models": []}',
        b'{"a.gguf": {"path": "a.gguf", "sha256": "x"}}',
        b'{"a": 5}',
    ],
)
def test_other_lists_of_models_are_not_taken(tmp_path, text):
    assert launcher_records(tmp_path, text) == []


def test_broken_wrong_and_repeated_members_are_not_lost(tmp_path):
    good = written({**specimen.LAUNCHER, "path": "a.gguf"})
    text = b'{"a.gguf": %s, "a.gguf": %s, "n": 5, "o": {"x": 1}, "b.gguf": {"path": "b.gguf", "tags": [1,' % (
        good,
        good,
    )
    records = launcher_records(tmp_path, text)
    assert [record.record_key for record in records] == ["a.gguf", "a.gguf#2", "b.gguf", "o"]
    assert records[2].extra["beside"] == ['"n": 5']
    assert LAUNCHER.claims(records[1], frozenset()).path == "a.gguf"
    assert records[2].payload == b'{"path": "b.gguf", "tags": [1,'
    assert LAUNCHER.claims(records[2], frozenset()).problem == "unparsed_payload"


# --- the registry -------------------------------------------------------------------------------------------


def write_registry(path, *libraries):
    with closing(driver.connect(path)) as connection, connection:
        connection.execute(
            "CREATE TABLE libraries (id TEXT PRIMARY KEY, name TEXT, path TEXT, created_at TEXT, last_accessed TEXT,"
            " version TEXT, metadata_json TEXT)"
        )
        connection.execute("CREATE TABLE instances (library_path TEXT PRIMARY KEY, connection_token TEXT)")
        connection.execute("INSERT INTO instances VALUES ('/x', 'secret-token')")
        for number, library in enumerate(libraries):
            connection.execute(
                "INSERT INTO libraries VALUES (?, 'x', ?, '', '', '', '{}')", (str(number), library)
            )


def test_the_registry_names_the_folders_of_models_and_nothing_else(tmp_path):
    own = tmp_path / "own" / "models"
    own.mkdir(parents=True)
    path = tmp_path / "registry.db"
    write_registry(path, "/data/pumas", str(own), "D:\\pumas", "relative", None, 5, "/data/../data/pumas")
    (found,) = found_below(tmp_path, "pumas-registry")
    roots = REGISTRY.roots(found.container)
    assert [(root.path, root.type) for root in roots] == [
        ("/data/pumas/shared-resources/models", "unknown"),
        (str(own), "unknown"),
    ]
    assert read(tmp_path, "pumas-registry") == []
    with Catalog.open(tmp_path / "catalog.sqlite") as catalog:
        report = Library(catalog).import_paths([str(path)], progress=Progress())
        assert [root.path for root in report.roots] == [root.path for root in roots]
        assert pending_in(catalog) == []
    assert b"secret-token" not in (tmp_path / "catalog.sqlite").read_bytes()


def test_another_registry_is_not_taken(tmp_path):
    with closing(driver.connect(tmp_path / "registry.db")) as connection, connection:
        connection.execute("CREATE TABLE libraries (id TEXT, path TEXT)")
    assert found_below(tmp_path, "pumas-registry") == []


# --- anything -------------------------------------------------------------------------------------------------

WORDS = st.sampled_from([*specimen.FULL, "name", "size", "sha256", "blake3", "path", "license"])
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(
        [C["sha256"], "llm", "tiny-heron.gguf", "external_reference", "../x.gguf", "D:/x.gguf"]
    ),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(WORDS | st.text(max_size=4), inner, max_size=8)
    ),
    max_leaves=30,
)
SIBLINGS = st.sampled_from(
    [frozenset(), frozenset(["tiny-heron.gguf"]), frozenset(["a.gguf", "b.ckpt", "c.png"])]
)


@given(ANYTHING, SIBLINGS, st.sampled_from([None, C["sha256"]]), ANYTHING)
def test_no_value_makes_the_claims_raise(value, siblings, sha256, other):
    payload = json.dumps(value).encode()
    claims = METADATA.claims(Record("pumas-metadata", "/a/metadata.json", "", payload), siblings, sha256)
    assert set(claims.stem_names) <= siblings
    assert claims.personal <= claims.fields.keys()
    overlays = [{"status": "active", "overlay_json": json.dumps(other)}]
    extra = {
        "columns": {
            "path": {"storage": "text", "value": "/a"},
            "hashes_json": {"storage": "text", "value": "{"},
        },
        "related": {"model_metadata_overlays": overlays},
    }
    claims = INDEX.claims(Record("pumas-index", "/a/models.db", "x", payload, extra), siblings, sha256)
    assert claims.personal <= claims.fields.keys()
    LAUNCHER.claims(Record("pumas-launcher-models", "/a/models.json", "x", payload), siblings, sha256)
    odd = Record("pumas-index", "/a/models.db", "x", payload, {"columns": other, "related": other})
    INDEX.claims(odd, siblings, sha256)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30)
@given(st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=6), ANYTHING, max_size=5))
def test_any_record_of_the_launcher_is_byte_for_byte(tmp_path, members):
    first = {**specimen.LAUNCHER, "path": "first.gguf"}
    text = written(
        {"first.gguf": first, **{f"k{key}": {"path": key, "v": value} for key, value in members.items()}}
    )
    records = launcher_records(tmp_path, text)
    assert len(records) == 1 + len(members)
    for record, value in zip(records[1:], members.values(), strict=True):
        assert record.payload in text
        assert str(json.loads(record.payload)["v"]) == str(value)
