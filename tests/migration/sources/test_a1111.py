import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmgr.migration.sources.a1111 import A1111Json, A1111Text
from modelmgr.values import Record

JSON = A1111Json()
TEXT = A1111Text()
A_SHA256 = "9548c2eb5134c9387290ee3b2f0e230918611259b79e46847aeaaef625b8445b"
B_SHA256 = "f6fc015f5cee804ba65df8a2da7db5d375c30b5072a05768e58c9598aa7ec0e6"
NAME = "inkwash_harbor.json"

CARD = {
    "description": "Fog and masts.",
    "sd version": "SDXL",
    "activation text": "inkwash harbor, fog",
    "preferred weight": 0.75,
    "negative text": "",
    "notes": "lower to 0.5 with ControlNet – gut für Häfen",
}
VERSION = {
    "id": 990001,
    "modelId": 880001,
    "name": "v1.2",
    "baseModel": "SDXL Lightning",
    "trainedWords": ["inkwash harbor"],
    "model": {"name": "Inkwash Harbor", "type": "LORA"},
    "files": [{"name": "inkwash_harbor.safetensors", "type": "Model", "hashes": {"SHA256": A_SHA256}}],
}
MODEL = {
    "id": 880001,
    "name": "Inkwash Harbor",
    "type": "LORA",
    "description": "<p>Fog.</p>",
    "tags": ["ink"],
    "modelVersions": [
        {
            "id": 990002,
            "name": "v2",
            "baseModel": "Pony",
            "files": [{"name": "v2.safetensors", "hashes": {"SHA256": B_SHA256}}],
        },
        {**VERSION, "model": None},
    ],
}


def written(value):
    return json.dumps(value, indent=4, ensure_ascii=False).encode()


@pytest.fixture
def beside(shelf):
    shelf.put("inkwash_harbor.safetensors")
    return shelf


# --- the person's card ------------------------------------------------------------------------------------


def test_the_card_is_the_persons(beside):
    claims = beside.claims(JSON, NAME, written(CARD))
    assert claims.fields == {
        "notes": "lower to 0.5 with ControlNet – gut für Häfen",
        "base_model": "SDXL",
        "trigger_words": ("inkwash harbor, fog",),
    }
    assert claims.personal == {"notes", "base_model", "trigger_words"}
    assert (claims.sha256, claims.partial_hashes, claims.path) == (None, {}, None)
    assert claims.stem_names == ("inkwash_harbor.safetensors",)
    assert beside.record(JSON, NAME).source == "a1111-user-json"
    assert beside.record(JSON, NAME).extra is None


@pytest.mark.parametrize(
    ("value", "source"),
    [
        ({"notes": "x"}, "a1111-user-json"),
        ({"description": "x"}, "a1111-user-json"),
        ({"sd_version": "SD1"}, "a1111-user-json"),
        ({"activation-text": "x"}, "a1111-user-json"),
        ({"vae_te": None}, "a1111-user-json"),
        ({"sha256": A_SHA256}, "a1111-user-json"),
        ({"modelId": "Model not found", "modelVersionId": "Model not found"}, "a1111-user-json"),
        ({"extensions": {"sd_civitai_helper": {"version": "1"}}}, "a1111-user-json"),
        (VERSION, "civitai-json"),
        ({"id": 5, "trainedWords": []}, "civitai-json"),
        (MODEL, "sdnext-json"),
        ({"id": 5, "modelVersions": []}, "sdnext-json"),
        ([MODEL], "sdnext-json"),
        ({**MODEL, **CARD}, "sdnext-json"),
        ({"description": "x", "other": 1}, "unknown-json"),
        ({"nodes": [], "links": [], "version": 0.4}, "unknown-json"),
        ({}, "unknown-json"),
        (None, "unknown-json"),
    ],
)
def test_a_json_file_beside_a_model_is_told_by_its_keys(beside, value, source):
    assert beside.record(JSON, NAME, written(value)).source == source


@pytest.mark.parametrize(
    "value",
    [
        {"_class_name": "UNet2DConditionModel", "act_fn": "silu"},
        {"architectures": ["LlamaForCausalLM"]},
        {"model_type": "llama", "hidden_size": 4096},
        {"num_train_timesteps": 1000, "beta_start": 0.1},
        [1, 2, 3],
        [{"text": "a caption"}],
        [],
        "text",
        5,
        True,
    ],
)
def test_the_configuration_of_a_model_and_other_json_are_no_records(beside, value):
    beside.put(NAME, written(value))
    assert beside.read(JSON, NAME) == []
    assert beside.problems == []


@pytest.mark.parametrize(
    "name",
    [
        "config.json",
        "tokenizer.json",
        "package.json",
        "generation_config.json",
        "model_index.json",
        "metadata.json",
        "settings.json",
        "Cache.JSON",
    ],
)
def test_files_of_libraries_are_none_even_beside_a_model_of_that_name(shelf, name):
    shelf.put(os.path.splitext(name)[0] + ".safetensors")
    shelf.put(name, written(CARD))
    assert shelf.read(JSON, name) == []


def test_files_of_other_sources_are_left_to_them(shelf):
    for ending in ("metadata", "cm-info", "rgthree-info", "swarm", "api_info", "recipe"):
        shelf.put(f"x.{ending}.safetensors")
        shelf.put(f"x.{ending}.json", written(CARD))
        assert shelf.read(JSON, f"x.{ending}.json") == []


def test_captions_and_settings_of_pictures_are_no_records(shelf):
    for stem in ("x", "y"):
        shelf.put(f"{stem}.png", b"")
        shelf.put(f"{stem}.txt", b"a caption")
        shelf.put(f"{stem}.json", written(CARD))
    shelf.put("z.safetensors")
    assert [shelf.read(JSON, "x.json"), shelf.read(TEXT, "x.txt")] == [[], []]
    assert shelf.read(JSON, "y.json") == []


def test_a_workflow_beside_a_model_with_another_stem_is_no_record(beside):
    beside.put("my_workflow.json", written({"nodes": [], "links": []}))
    assert beside.read(JSON, "my_workflow.json") == []


def test_keys_may_have_blanks_or_marks_between_their_words(beside):
    card = {"sd_version": "SD1", "Activation-Text": "fog", "negative_text": "", "NOTES": "n"}
    claims = beside.claims(JSON, NAME, written(card))
    assert claims.fields == {"base_model": "SD 1.x", "trigger_words": ("fog",), "notes": "n"}


@pytest.mark.parametrize(
    ("card", "base"),
    [
        ({"sd version": "SD2"}, "SD 2.x"),
        ({"sd version": "SD3"}, "SD 3.x"),
        ({"sd version": "Flux"}, "Flux.1"),
        ({"sd version": "Unknown"}, None),
        ({"sd version": "Other"}, None),
        ({"sd version": ""}, None),
        ({"sd_version_str": "SdVersion.SDXL"}, "SDXL"),
        ({"sd_version_str": "SdVersion.Unknown"}, None),
        ({"sd version": "Unknown", "sd_version_str": "SdVersion.Flux"}, "Flux.1"),
        ({"sd version": ["SD1"]}, None),
        ({"sd version": None}, None),
    ],
)
def test_the_base_model_is_coarse(beside, card, base):
    assert beside.claims(JSON, NAME, written({"notes": "n", **card})).fields.get("base_model") == base


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("inkwash harbor, fog", ("inkwash harbor, fog",)),
        ("fog, masts || wet stones", ("fog, masts", "wet stones")),
        ("a || a ||  || b", ("a", "b")),
        ("", None),
        (None, None),
        (["a", "b"], ("a", "b")),
        (7, ("7",)),
        ({"x": 1}, None),
    ],
)
def test_the_activation_text_is_one_entry(beside, words, found):
    claims = beside.claims(JSON, NAME, written({"activation text": words}))
    assert claims.fields.get("trigger_words") == found


@pytest.mark.parametrize("weight", [0, 0.75, "0.8", None, "much"])
def test_the_preferred_weight_stays_in_the_payload(beside, weight):
    claims = beside.claims(JSON, NAME, written({"preferred weight": weight, "vae": ["x"], "mine": {"a": 1}}))
    assert (claims.fields, claims.problem, claims.marker) == ({}, None, False)


def test_all_null_is_a_record_that_says_nothing(beside):
    claims = beside.claims(JSON, NAME, written(dict.fromkeys(CARD)))
    assert (claims.fields, claims.problem) == ({}, None)


def test_the_description_is_the_notes_where_nobody_wrote_any(beside):
    claims = beside.claims(JSON, NAME, written({**CARD, "notes": ""}))
    assert claims.fields["notes"] == "Fog and masts."
    assert "notes" in claims.personal


@pytest.mark.parametrize(
    ("ending", "said"),
    [
        (".civitai.info", VERSION),
        (".metadata.json", {"file_name": "inkwash_harbor", "civitai": VERSION}),
        (".cm-info.json", {"ModelId": 880001, "ModelName": "Inkwash Harbor"}),
        (".api_info.json", MODEL),
    ],
)
def test_the_description_is_a_copy_where_a_catalogues_record_lies_beside(beside, ending, said):
    beside.put(f"inkwash_harbor{ending}", written(said))
    record = beside.record(JSON, NAME, written({**CARD, "notes": ""}))
    assert "notes" not in JSON.claims(record, beside.names()).fields
    assert "notes" not in JSON.claims(record, frozenset()).fields, "also when nobody looks into the folder"


@pytest.mark.parametrize(
    ("ending", "content"),
    [
        (".civitai.info", b"{}"),
        (".civitai.info", b""),
        (".civitai.info", b"null"),
        (".civitai.info", b'{"error": "Model not found"}'),
        (".civitai.info", b'{"id": "", "modelId": "", "skeleton_file": true}'),
        (".metadata.json", b'{"file_name": "inkwash_harbor", "sha256": "", "civitai": {}}'),
        (".metadata.json", b'{"file_name": "inkwash_harbor", "sha256": "", "civitai": null}'),
    ],
)
def test_the_description_is_the_notes_where_civitai_knows_nothing_of_the_model(beside, ending, content):
    beside.put(f"inkwash_harbor{ending}", content)
    record = beside.record(JSON, NAME, written({**CARD, "notes": ""}))
    claims = JSON.claims(record, beside.names())
    assert (claims.fields["notes"], "notes" in claims.personal) == ("Fog and masts.", True)


# --- tools that fill the card -----------------------------------------------------------------------------

HELPER = {**CARD, "sd version": "SDXL", "extensions": {"sd_civitai_helper": {"version": "1.8.11"}}}


def test_the_versions_description_is_not_the_persons_notes(beside):
    beside.put(
        "inkwash_harbor.civitai.info",
        written({**VERSION, "description": "<p>Sharper masts &amp; <b>less</b> fog.</p>"}),
    )
    record = beside.record(JSON, NAME, written({**HELPER, "notes": "Sharper masts & less\nfog."}))
    claims = JSON.claims(record, beside.names())
    assert "notes" not in claims.fields
    assert claims.personal == frozenset()
    assert claims.fields["trigger_words"] == ("inkwash harbor, fog",)


def test_notes_that_differ_from_it_are_the_persons(beside):
    beside.put("inkwash_harbor.civitai.info", written({**VERSION, "description": "<p>Sharper masts</p>"}))
    claims = beside.claims(JSON, NAME, written(HELPER))
    assert claims.fields["notes"] == CARD["notes"]
    assert claims.personal == {"notes"}


BROWSER = {
    "activation text": "fog",
    "sd version": "SDXL",
    "description": "Fog.",
    "modelId": 880001,
    "modelVersionId": 990001,
    "sha256": A_SHA256.upper(),
    "unpackList": [],
}


def test_what_civitai_browser_wrote_is_not_the_persons(beside):
    claims = beside.claims(JSON, NAME, written(BROWSER))
    assert claims.personal == frozenset()
    assert claims.fields["source_url"] == "https://civitai.com/models/880001?modelVersionId=990001"
    assert (claims.sha256, claims.own_hash) == (A_SHA256, True)


@pytest.mark.parametrize("model_id", ["Model not found", None, [], "x"])
def test_a_model_that_was_not_found_has_no_page(beside, model_id):
    claims = beside.claims(JSON, NAME, written({**BROWSER, "modelId": model_id, "sha256": ""}))
    assert "source_url" not in claims.fields
    assert (claims.sha256, claims.own_hash) == (None, False)


def test_a_hash_that_is_older_than_its_model_is_stale(beside):
    path = beside.put(NAME, written(BROWSER))
    os.utime(path, ns=(10**18, 10**18))
    record = beside.record(JSON, NAME)
    assert record.extra == {"older_than": ["inkwash_harbor.safetensors"]}
    for names in (beside.names(), frozenset()):
        claims = JSON.claims(record, names)
        assert (claims.sha256, claims.own_hash) == (None, False)
        assert "stale-hash" in claims.flags
    os.utime(beside.folder / "inkwash_harbor.safetensors", ns=(10**18 + 2 * 10**9, 10**18 + 2 * 10**9))
    assert beside.claims(JSON, NAME).sha256 == A_SHA256, "disks with even seconds only"


# --- Civitai's answers ------------------------------------------------------------------------------------


def test_a_version_object_is_read_as_one(beside):
    claims = beside.claims(JSON, NAME, written(VERSION))
    assert claims.fields["name"] == "Inkwash Harbor - v1.2"
    assert claims.fields["base_model"] == "SDXL Lightning"
    assert "notes" not in claims.fields
    assert (claims.sha256, claims.own_hash, claims.personal) == (A_SHA256, False, frozenset())


def test_a_model_object_speaks_of_the_version_that_the_file_is(beside):
    claims = beside.claims(JSON, NAME, written(MODEL))
    assert claims.fields["name"] == "Inkwash Harbor - v1.2"
    assert (claims.sha256, claims.sibling_sha256) == (A_SHA256, (B_SHA256,))
    claims = beside.claims(JSON, NAME, written(MODEL), sha256=B_SHA256)
    assert claims.fields["name"] == "Inkwash Harbor - v2"
    assert claims.fields["base_model"] == "Pony"


def test_a_model_object_whose_versions_were_emptied_keeps_the_models_fields(beside):
    claims = beside.claims(JSON, NAME, written({**MODEL, "modelVersions": []}))
    assert claims.fields == {
        "name": "Inkwash Harbor",
        "type": "lora",
        "tags": ("ink",),
        "source_url": "https://civitai.com/models/880001",
    }


def test_tags_may_be_an_object_and_its_values_count(beside):
    value = {**MODEL, "tags": {"1": "ink", "2": "harbor"}, "modelVersions": []}
    assert beside.claims(JSON, NAME, written(value)).fields["tags"] == ("ink", "harbor")


@pytest.mark.parametrize("versions", [None, [], {}, "x", [None], [5]])
def test_versions_of_another_shape_leave_the_models_fields(beside, versions):
    claims = beside.claims(JSON, NAME, written({**MODEL, "modelVersions": versions}))
    assert (claims.fields["name"], claims.sha256, claims.problem) == ("Inkwash Harbor", None, None)


def test_a_list_is_read_by_its_first_element(beside):
    assert beside.claims(JSON, NAME, written([MODEL, 5])).fields["name"] == "Inkwash Harbor - v1.2"


def test_a_file_that_two_tools_wrote_is_read_as_both(beside):
    claims = beside.claims(JSON, NAME, written({**MODEL, **CARD}))
    assert claims.fields["name"] == "Inkwash Harbor - v1.2"
    assert claims.fields["type"] == "lora"
    assert claims.fields["notes"] == CARD["notes"]
    assert claims.fields["trigger_words"] == ("inkwash harbor, fog", "inkwash harbor")
    assert claims.fields["base_model"] == "SDXL Lightning", "the finer word of the same family"
    assert claims.personal == {"notes", "trigger_words"}
    assert claims.sha256 == A_SHA256


def test_the_version_that_the_browser_noted_is_the_files(beside):
    claims = beside.claims(JSON, NAME, written({**MODEL, "modelVersionId": 990002, "notes": "n"}))
    assert claims.fields["base_model"] == "Pony"
    assert claims.fields["notes"] == "n"


def test_the_persons_base_model_wins_over_another_family(beside):
    claims = beside.claims(JSON, NAME, written({**VERSION, "sd version": "SD1"}))
    assert claims.fields["base_model"] == "SD 1.x"
    assert "base_model" in claims.personal


# --- text -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "notes"),
    [
        ("gut für Häfen\r\n".encode(), "gut für Häfen"),
        (b"\xef\xbb\xbf" + "Häfen".encode(), "Häfen"),
        (b"\xff\xfe" + "Häfen".encode("utf-16-le"), "Häfen"),
        ("gut für Häfen".encode("cp1252"), "gut für Häfen"),
        ("墨の港".encode("cp932"), "墨の港"),
        ("弒署邴".encode("gbk"), "弒署邴"),
        (b"a\0b", "ab"),
        ("🌊 עברית".encode(), "🌊 עברית"),
        (b'{"not": "json for us"', '{"not": "json for us"'),
        pytest.param(b"x" * 1_048_576, "x" * 1_048_576, id="a mebibyte"),
    ],
)
def test_a_text_beside_a_model_is_the_persons_notes(beside, content, notes):
    claims = beside.claims(TEXT, "inkwash_harbor.txt", content)
    assert claims.fields == {"notes": notes}
    assert claims.personal == {"notes"}
    assert claims.stem_names == ("inkwash_harbor.safetensors",)
    assert beside.record(TEXT, "inkwash_harbor.txt").source == "a1111-txt"


@pytest.mark.parametrize("content", [b"", b" \r\n", b"\xef\xbb\xbf"])
def test_an_empty_text_is_a_mark(beside, content):
    claims = beside.claims(TEXT, "inkwash_harbor.txt", content)
    assert (claims.marker, claims.fields, claims.problem) == (True, {}, None)


def test_a_text_of_65_mebibytes_is_kept_unread(beside):
    claims = beside.claims(TEXT, "inkwash_harbor.txt", b"x" * (65 << 20))
    assert (claims.problem, claims.fields) == ("unparsed_payload", {})


def test_the_description_file_counts_where_there_is_no_text(beside):
    claims = beside.claims(TEXT, "inkwash_harbor.description.txt", b"fog")
    assert claims.fields == {"notes": "fog"}
    assert claims.stem_names == ("inkwash_harbor.safetensors",)
    beside.put("inkwash_harbor.txt", b"other")
    record = beside.record(TEXT, "inkwash_harbor.description.txt")
    assert TEXT.claims(record, beside.names()).fields == {}
    assert TEXT.claims(record, frozenset()).fields == {}


def test_a_text_that_only_repeats_the_cards_description_is_no_second_note(beside):
    beside.put(NAME, written(CARD))
    record = beside.record(TEXT, "inkwash_harbor.txt", b" Fog and masts.\n")
    assert record.extra == {"same_text_as": NAME}
    assert TEXT.claims(record, beside.names()).fields == {}
    assert beside.claims(TEXT, "inkwash_harbor.txt", b"Other words.").fields == {"notes": "Other words."}


def test_a_linked_neighbour_is_not_looked_into(beside, tmp_path):
    (tmp_path / "card.json").write_bytes(written(CARD))
    (beside.folder / NAME).symlink_to(tmp_path / "card.json")
    record = beside.record(TEXT, "inkwash_harbor.txt", b"Fog and masts.")
    assert record.extra is None


@pytest.mark.parametrize("name", ["readme.txt", "other.txt", "inkwash_harbor.safetensors.txt"])
def test_a_text_without_a_model_of_its_stem_is_no_record(beside, name):
    beside.put(name, b"text")
    assert beside.read(TEXT, name) == []


# --- models that are folders ------------------------------------------------------------------------------


@pytest.fixture
def pipeline(shelf):
    """A folder of Diffusers beside the shelf's files, with its parts."""
    for name in ("copperleaf/unet/diffusion_pytorch_model.safetensors", "copperleaf/vae/model.safetensors"):
        (shelf.folder / name).parent.mkdir(parents=True)
        shelf.put(name)
    shelf.put("copperleaf/model_index.json", written({"_class_name": "StableDiffusionXLPipeline"}))
    return shelf


def test_a_text_beside_the_folder_of_a_model_is_sdnexts(pipeline):
    record = pipeline.record(TEXT, "copperleaf.txt", b"slow but good")
    assert record.source == "sdnext-txt"
    claims = TEXT.claims(record, frozenset())
    assert (claims.fields, claims.stem_names) == ({"notes": "slow but good"}, ())
    assert claims.path == "copperleaf/unet/diffusion_pytorch_model.safetensors"


def test_a_text_in_the_folder_under_its_name_is_too(pipeline):
    pipeline.folder = pipeline.folder / "copperleaf"
    record = pipeline.record(TEXT, "copperleaf.txt", b"slow but good")
    assert record.source == "sdnext-txt"
    assert TEXT.claims(record, frozenset()).path == "unet/diffusion_pytorch_model.safetensors"
    pipeline.put("readme.txt", b"of the author")
    assert pipeline.read(TEXT, "readme.txt") == []


def test_an_answer_of_civitai_for_a_folder_claims_no_hash_of_it(pipeline):
    record = pipeline.record(JSON, "copperleaf.json", written(MODEL))
    assert record.source == "sdnext-json"
    claims = JSON.claims(record, pipeline.names())
    assert claims.path == "copperleaf/unet/diffusion_pytorch_model.safetensors"
    assert claims.fields["name"] == "Inkwash Harbor"
    assert (claims.sha256, claims.sibling_sha256, claims.partial_hashes) == (None, (), {})


@pytest.mark.parametrize("files", [5, [], [5], ["a\0b"], {"a": 1}])
def test_weights_of_another_shape_are_none(pipeline, files):
    record = Record("sdnext-txt", str(pipeline.folder / "copperleaf.txt"), "", b"x", {"files": files})
    assert TEXT.claims(record, frozenset()).path is None


def test_a_folder_without_an_index_is_no_model(shelf):
    (shelf.folder / "copperleaf").mkdir()
    shelf.put("copperleaf.txt", b"x")
    shelf.put("copperleaf.json", written(MODEL))
    assert [shelf.read(TEXT, "copperleaf.txt"), shelf.read(JSON, "copperleaf.json")] == [[], []]


# --- several files, odd bytes -----------------------------------------------------------------------------


def test_several_files_of_the_stem_are_all_candidates(beside):
    beside.put("inkwash_harbor.ckpt", beside.B["bytes"])
    for claims in (beside.claims(JSON, NAME, written(CARD)), beside.claims(TEXT, "inkwash_harbor.txt", b"x")):
        assert claims.stem_names == ("inkwash_harbor.ckpt", "inkwash_harbor.safetensors")
        assert "several-files" in claims.flags


@pytest.mark.parametrize("content", [b"", b" \n"])
def test_an_empty_json_file_is_a_mark(beside, content):
    record = beside.record(JSON, NAME, content)
    claims = JSON.claims(record, beside.names())
    assert (record.source, claims.marker, claims.problem) == ("a1111-user-json", True, None)


@pytest.mark.parametrize("content", [b"{}", b"null"])
def test_an_empty_object_is_a_mark(beside, content):
    claims = beside.claims(JSON, NAME, content)
    assert (claims.marker, claims.problem, claims.fields) == (True, None, {})


@pytest.mark.parametrize(
    "make",
    [
        lambda: written(CARD)[:60],
        lambda: b"<html>",
        lambda: b"\x00\x00",
        lambda: b"[" * 10_000,
        lambda: b'"' + b"x" * (65 << 20) + b'"',
    ],
    ids=["cut", "html", "zeros", "deep", "large"],
)
def test_what_can_not_be_parsed_beside_its_model_is_a_record(beside, make):
    record = beside.record(JSON, NAME, make())
    claims = JSON.claims(record, beside.names())
    assert (record.source, claims.problem) == ("a1111-user-json", "unparsed_payload")
    assert claims.message
    assert claims.stem_names == ("inkwash_harbor.safetensors",)


def test_what_can_not_be_parsed_without_a_model_is_none(shelf):
    shelf.put(NAME, b"{")
    assert shelf.read(JSON, NAME) == []


@pytest.mark.parametrize(
    ("content", "flags"),
    [
        (b"\xef\xbb\xbf" + written({"notes": "x"}), ()),
        (b"\xff\xfe" + json.dumps({"notes": "x"}).encode("utf-16-le"), ()),
        (b'{"notes": "x", "preferred weight": NaN,} // hm', ("parsed-tolerant",)),
        (b'{"notes": "y", "notes": "x"}', ("duplicate-keys",)),
        (b'{"notes": "x\\u0000", "seed": 1e400}', ()),
    ],
)
def test_odd_text_is_read_and_its_bytes_are_kept(beside, content, flags):
    claims = beside.claims(JSON, NAME, content)
    assert (claims.fields["notes"], claims.flags) == ("x", flags)


def test_a_forbidden_or_special_file_is_reported_and_no_record(beside):
    os.mkfifo(beside.folder / NAME)
    assert not beside.probe(JSON, NAME)
    assert [(problem.code, problem.kept) for problem in beside.problems] == [("unreadable", False)]


def test_a_huge_file_is_reported_unread(beside):
    with (beside.folder / NAME).open("wb") as file:
        file.truncate(1 << 40)
    assert not beside.probe(JSON, NAME)
    assert [problem.code for problem in beside.problems] == ["too_large"]


def test_reading_twice_gives_the_same_and_changes_nothing(beside):
    beside.put(NAME, written(CARD))
    beside.put("inkwash_harbor.txt", b"notes")
    before = beside.state()
    assert beside.record(JSON, NAME) == beside.record(JSON, NAME)
    assert beside.record(TEXT, "inkwash_harbor.txt") == beside.record(TEXT, "inkwash_harbor.txt")
    assert beside.state() == before


WORDS = st.sampled_from(
    [
        "sd version",
        "activation text",
        "notes",
        "description",
        "preferred weight",
        "sha256",
        "modelId",
        "modelVersionId",
        "extensions",
        "sd_civitai_helper",
        "id",
        "modelVersions",
        "files",
        "hashes",
        "baseModel",
        "vae",
        "_class_name",
        "model_type",
        "trainedWords",
    ]
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just(A_SHA256),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(WORDS | st.text(max_size=4), inner, max_size=6)
    ),
    max_leaves=30,
)
KINDS = st.sampled_from(JSON.record_ids)
NAMES = st.sampled_from([frozenset(), frozenset(["x.safetensors"]), frozenset(["x.ckpt", "x.pt", "x.txt"])])


@given(ANYTHING, KINDS, NAMES)
def test_no_value_makes_the_claims_raise(value, kind, names):
    claims = JSON.claims(Record(kind, "/a/x.json", "", json.dumps(value).encode()), names, A_SHA256)
    assert set(claims.stem_names) <= names
