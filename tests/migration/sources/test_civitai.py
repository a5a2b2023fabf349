import json
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelmgr.migration.sources.civitai import CivitaiInfo, civitai_claims, license_of, model_claims
from modelmgr.values import Record

SOURCE = CivitaiInfo()
A_SHA256 = "9548c2eb5134c9387290ee3b2f0e230918611259b79e46847aeaaef625b8445b"
B_SHA256 = "f6fc015f5cee804ba65df8a2da7db5d375c30b5072a05768e58c9598aa7ec0e6"
NAME = "inkwash_harbor.civitai.info"


def a_file(**changed):
    return {
        "id": 770001,
        "sizeKB": 0.1796875,
        "name": "inkwash_harbor_v12.safetensors",
        "type": "Model",
        "primary": True,
        "metadata": {"fp": "fp16", "size": None, "format": "SafeTensor"},
        "pickleScanResult": "Success",
        "virusScanResult": "Success",
        "hashes": {
            "AutoV2": "9548C2EB51",
            "SHA256": A_SHA256.upper(),
            "CRC32": "FDD31D46",
            "BLAKE3": "2E01A1757DB171070EDEC36339D0F4740D248272D558566599810215015B8CF2",
            "AutoV3": "D53EDA7A637C",
        },
        **changed,
    }


def version(**changed):
    return {
        "id": 990001,
        "modelId": 880001,
        "name": "v1.2",
        "createdAt": "2024-05-03T09:12:44.120Z",
        "publishedAt": "2024-05-03T10:00:00.000Z",
        "status": "Published",
        "trainedWords": ["inkwash harbor", "fog, wet cobblestones, inkwash harbor"],
        "baseModel": "SDXL 1.0",
        "baseModelType": "Standard",
        "description": "<p>Sharper masts &amp; less fog.</p>",
        "nsfwLevel": 1,
        "stats": {"downloadCount": 412, "ratingCount": 9, "rating": 4.89},
        "model": {"name": "Inkwash Harbor", "type": "LORA", "nsfw": False, "poi": False},
        "files": [a_file()],
        "images": [
            {
                "url": "https://image.civitai.com/x/width=450/1.jpeg",
                "nsfwLevel": 1,
                "width": 832,
                "height": 1216,
                "hash": "U9F=",
                "type": "image",
                "meta": {"prompt": "inkwash harbor", "seed": 7},
            }
        ],
        "downloadUrl": "https://civitai.com/api/download/models/990001",
        **changed,
    }


def model(*versions, **changed):
    return {
        "id": 880001,
        "name": "Inkwash Harbor",
        "type": "LORA",
        "nsfw": False,
        "tags": ["style", "ink"],
        "allowNoCredit": True,
        "allowCommercialUse": ["Image"],
        "allowDerivatives": True,
        "allowDifferentLicense": False,
        "modelVersions": list(versions),
        **changed,
    }


def written(value):
    return json.dumps(value, indent=4).encode()


@pytest.fixture
def beside(shelf):
    shelf.put("inkwash_harbor.safetensors")
    return shelf


# --- the good record --------------------------------------------------------------------------------------


def test_the_example_gives_all_light_columns(beside):
    claims = beside.claims(SOURCE, NAME, written(version()))
    assert claims.fields == {
        "name": "Inkwash Harbor - v1.2",
        "type": "lora",
        "base_model": "SDXL 1.0",
        "nsfw": False,
        "trigger_words": ("inkwash harbor", "fog, wet cobblestones, inkwash harbor"),
        "source_url": "https://civitai.com/models/880001?modelVersionId=990001",
    }
    assert claims.personal == frozenset()
    assert (claims.sha256, claims.own_hash) == (A_SHA256, False)
    assert claims.partial_hashes == {
        "AutoV2": "9548c2eb51",
        "AutoV3": "d53eda7a637c",
        "BLAKE3": "2e01a1757db171070edec36339d0f4740d248272d558566599810215015b8cf2",
        "CRC32": "fdd31d46",
    }
    assert (claims.size_bytes, claims.size_hint_bytes) == (None, 184)
    assert claims.stem_names == ("inkwash_harbor.safetensors",)
    assert (claims.path, claims.problem, claims.marker, claims.flags) == (None, None, False, ())
    assert claims.time == pytest.approx(1_714_730_400)


def test_a_minimal_version_is_enough(beside):
    claims = beside.claims(SOURCE, NAME, written({"id": 1, "baseModel": "Pony"}))
    assert claims.fields == {"base_model": "Pony"}
    assert claims.sha256 is None


def test_what_the_forks_add_is_read_too(beside):
    about = {
        "name": "Inkwash Harbor",
        "type": "LoCon",
        "nsfw": True,
        "tags": ["style", "harbor", "style"],
        "allowNoCredit": False,
        "allowCommercialUse": ["Sell", "Image"],
        "allowDerivatives": False,
        "allowDifferentLicense": True,
        "creator": {"username": "sample"},
    }
    said = version(
        model=about,
        updatedAt="2025-01-01T00:00:00Z",
        extensions={"sd_civitai_helper": {"version": "1.8", "last_update": 1_753_000_000}},
        source="civarchive",
        somethingNew={"deep": [1]},
    )
    claims = beside.claims(SOURCE, NAME, written(said))
    assert claims.fields["type"] == "lora"
    assert claims.fields["nsfw"] is True
    assert claims.fields["tags"] == ("style", "harbor")
    assert (
        claims.fields["license"]
        == "civitai:credit=required;commercial=image,sell;derivatives=no;relicense=yes"
    )
    assert claims.time == pytest.approx(1_735_689_600)


# --- detection and binding --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "inkwash_harbor.safetensors.civitai.info",
        "INKWASH_HARBOR.CIVITAI.INFO",
        "inkwash_harbor.civitai.json",
        "inkwash_harbor.civitai.full.json",
    ],
)
def test_all_names_of_the_sidecar_bind_to_the_model(beside, name):
    claims = beside.claims(SOURCE, name, written(version()))
    assert claims.stem_names == ("inkwash_harbor.safetensors",)


def test_a_stem_with_dots_stays_whole(shelf):
    shelf.put("my.model.v1.ckpt")
    shelf.put("my.model.ckpt")
    assert shelf.claims(SOURCE, "my.model.v1.civitai.info", b"{}").stem_names == ("my.model.v1.ckpt",)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"null",
        b"[]",
        b"5",
        b'"text"',
        b"{",
        b"\xff\xfe\x00",
        b"<html>proxy</html>",
        b'{"error": "x"}',
        b'{"a": 1}',
    ],
)
def test_anything_under_the_name_is_a_record_with_exactly_its_bytes(beside, content):
    record = beside.record(SOURCE, NAME, content)
    assert (record.source, record.payload, record.extra) == ("civitai-info", content, None)


@pytest.mark.parametrize(
    ("value", "taken"),
    [
        (version(), True),
        (model(), True),
        ({"id": "", "skeleton_file": True}, True),
        ({"error": "Model not found"}, True),
        ({}, True),
        ({"id": 3}, False),
        ({"nodes": [], "links": []}, False),
        ([version()], False),
    ],
)
def test_a_name_that_others_use_too_is_taken_only_for_what_it_holds(beside, value, taken):
    beside.put("inkwash_harbor.civitai.json", written(value))
    assert beside.probe(SOURCE, "inkwash_harbor.civitai.json") is taken
    assert beside.problems == []


@pytest.mark.parametrize(
    "name", ["x.info", "x.json", "x.info.json", "civitai.info.txt", "x.civitai.infos", "Disk.info"]
)
def test_files_of_other_programs_are_not_wanted(name):
    assert not SOURCE.wants(name, False)
    assert not SOURCE.wants(name, True)


def test_what_can_not_be_probed_is_reported(beside):
    os.mkfifo(beside.folder / "inkwash_harbor.civitai.json")
    assert not beside.probe(SOURCE, "inkwash_harbor.civitai.json")
    assert [problem.code for problem in beside.problems] == ["unreadable"]


def test_a_sidecar_without_model_keeps_its_claims(shelf):
    claims = shelf.claims(SOURCE, NAME, written(version()))
    assert (claims.stem_names, claims.sha256) == ((), A_SHA256)
    assert claims.fields["name"] == "Inkwash Harbor - v1.2"


def test_the_hash_decides_between_files_of_one_stem_so_all_stay_listed(beside):
    beside.put("inkwash_harbor.ckpt", beside.B["bytes"])
    claims = beside.claims(SOURCE, NAME, written(version()))
    assert claims.stem_names == ("inkwash_harbor.safetensors", "inkwash_harbor.ckpt")
    assert "several-files" in claims.flags


@pytest.mark.parametrize(
    ("file", "meant"),
    [
        (a_file(name="inkwash_harbor.ckpt", hashes={}), ("inkwash_harbor.ckpt",)),
        (a_file(hashes={}), ("inkwash_harbor.safetensors",)),
        (a_file(hashes={}, metadata={"format": "PickleTensor"}), ("inkwash_harbor.ckpt",)),
        (a_file(hashes={}, name=None, metadata=None), ("inkwash_harbor.ckpt", "inkwash_harbor.safetensors")),
    ],
)
def test_without_a_hash_name_and_format_decide_between_files_of_one_stem(beside, file, meant):
    beside.put("inkwash_harbor.ckpt")
    beside.put("inkwash_harbor.gguf")
    claims = beside.claims(SOURCE, NAME, written(version(files=[file])))
    assert claims.stem_names == meant


def test_the_companion_vae_is_not_the_checkpoints_file(beside):
    beside.put("inkwash_harbor.vae.pt")
    assert beside.claims(SOURCE, NAME, b"{}").stem_names == ("inkwash_harbor.safetensors",)


# --- marks ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        {},
        None,
        {"id": "", "modelId": "", "name": "", "files": [{"hashes": {"SHA256": ""}}], "model": {"name": "x"}},
        {"id": 5, "skeleton_file": True, "model": {"name": "x", "type": "LORA"}, "baseModel": "Pony"},
        {"id": 5, "extensions": {"sd_civitai_helper": {"skeleton_file": True}}, "baseModel": "Pony"},
        {"error": "Model not found"},
        {"error": "x", "message": "y"},
    ],
)
def test_marks_of_no_answer_bind_and_say_nothing(beside, value):
    claims = beside.claims(SOURCE, NAME, written(value))
    assert (claims.marker, claims.fields, claims.sha256, claims.problem) == (True, {}, None, None)
    assert claims.stem_names == ("inkwash_harbor.safetensors",)


def test_an_empty_file_is_a_mark(beside):
    claims = beside.claims(SOURCE, NAME, b"")
    assert (claims.marker, claims.problem) == (True, None)


def test_a_skeleton_made_by_hand_is_read_as_far_as_it_goes(beside):
    content = b'{"id":, "modelId":, "model": {"name": "Mine", "type": "checkpoint"}, "trainedWords": ["fog"]}'
    claims = beside.claims(SOURCE, NAME, content)
    assert not claims.marker
    assert claims.fields == {"name": "Mine", "type": "checkpoint", "trigger_words": ("fog",)}
    assert claims.flags == ("parsed-tolerant",)


# --- model objects ----------------------------------------------------------------------------------------


def test_a_model_object_under_the_name_speaks_of_no_version_it_does_not_know(beside):
    newer = version(id=990002, name="v2", baseModel="Pony", files=[a_file(hashes={"SHA256": B_SHA256})])
    claims = beside.claims(SOURCE, NAME, written(model(newer, version())))
    assert claims.fields == {
        "name": "Inkwash Harbor",
        "type": "lora",
        "tags": ("style", "ink"),
        "nsfw": False,
        "source_url": "https://civitai.com/models/880001",
        "license": "civitai:credit=optional;commercial=image;derivatives=yes;relicense=no",
    }
    assert claims.sha256 is None
    assert claims.sibling_sha256 == (B_SHA256, A_SHA256)
    assert "version-unknown" in claims.flags


@pytest.mark.parametrize("hashes", [{"SHA256": A_SHA256.upper()}, {"AutoV2": "9548C2EB51"}])
def test_the_files_hash_tells_the_version(beside, hashes):
    newer = version(id=990002, name="v2", baseModel="Pony", files=[a_file(hashes={"SHA256": B_SHA256})])
    older = version(files=[a_file(hashes=hashes)])
    claims = beside.claims(SOURCE, NAME, written(model(newer, older)), sha256=A_SHA256)
    assert claims.fields["name"] == "Inkwash Harbor - v1.2"
    assert claims.fields["base_model"] == "SDXL 1.0"
    assert claims.fields["source_url"] == "https://civitai.com/models/880001?modelVersionId=990001"
    assert claims.sha256 == (A_SHA256 if "SHA256" in hashes else None)
    assert claims.sibling_sha256 == (B_SHA256,)


def test_a_name_that_only_one_version_has_tells_the_version(beside):
    other = version(id=990002, name="v2", baseModel="Pony", files=[a_file(name="v2.safetensors")])
    mine = version(files=[a_file(name="inkwash_harbor.safetensors")])
    claims = beside.claims(SOURCE, NAME, written(model(other, mine)))
    assert claims.fields["base_model"] == "SDXL 1.0"
    both = model(version(id=990002, files=mine["files"]), mine)
    assert "base_model" not in beside.claims(SOURCE, NAME, written(both)).fields


def test_a_model_object_with_emptied_versions_has_its_own_fields(beside):
    claims = beside.claims(SOURCE, NAME, written(model()))
    assert claims.fields["name"] == "Inkwash Harbor"
    assert claims.sibling_sha256 == ()
    assert claims.flags == ()


def test_the_id_that_another_tool_noted_tells_the_version():
    claims = model_claims(model(version(id=5, name="v5"), version(id=6, name="v6")), version_id=6)
    assert claims.fields["name"] == "Inkwash Harbor - v6"


def test_old_dumps_have_objects_for_tags_and_sdnext_takes_an_objects_values():
    assert model_claims(model(tags=[{"name": "ink"}, {"id": 3}])).fields["tags"] == ("ink",)
    assert "members-skipped" in model_claims(model(tags=[{"id": 3}])).flags
    assert model_claims(model(tags={"0": "ink", "1": "fog"})).fields["tags"] == ("ink", "fog")


# --- which entry of files[] -------------------------------------------------------------------------------

VAE = {"name": "vae.pt", "type": "VAE", "hashes": {"SHA256": B_SHA256}, "sizeKB": 2048.09375}


def test_the_only_model_among_the_files_is_meant(beside):
    claims = beside.claims(SOURCE, NAME, written(version(files=[VAE, a_file(primary=None)])))
    assert (claims.sha256, claims.sibling_sha256) == (A_SHA256, (B_SHA256,))
    assert claims.fields["type"] == "lora"


def test_the_hash_of_another_file_of_the_version_is_among_the_siblings(beside):
    files = [a_file(), a_file(name="full.safetensors", primary=None, hashes={"SHA256": B_SHA256})]
    claims = beside.claims(SOURCE, NAME, written(version(files=files)))
    assert (claims.sha256, claims.sibling_sha256) == (A_SHA256, (B_SHA256,))
    claims = beside.claims(SOURCE, NAME, written(version(files=files)), sha256=B_SHA256)
    assert (claims.sha256, claims.sibling_sha256) == (B_SHA256, (A_SHA256,))


def test_an_equal_name_counts_more_than_the_primary_mark(beside):
    files = [a_file(), a_file(name="Inkwash_Harbor.safetensors", primary=None, hashes={"SHA256": B_SHA256})]
    assert beside.claims(SOURCE, NAME, written(version(files=files))).sha256 == B_SHA256


def test_among_equals_none_is_meant(beside):
    files = [a_file(primary=None, name="a"), a_file(primary=None, name="b", hashes={"SHA256": B_SHA256})]
    claims = beside.claims(SOURCE, NAME, written(version(files=files)))
    assert (claims.sha256, claims.partial_hashes, claims.size_hint_bytes) == (None, {}, None)
    assert claims.sibling_sha256 == (A_SHA256, B_SHA256)


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("Model", "checkpoint"),
        ("Pruned Model", "checkpoint"),
        ("VAE", "vae"),
        ("Text Encoder", "text_encoder"),
        ("Negative", "embedding"),
        ("UNet", "diffusion_model"),
        ("Diffusion Model", "diffusion_model"),
    ],
)
def test_the_files_own_type_refines_the_models(word, kind):
    said = version(model={"name": "x", "type": "Checkpoint"}, files=[a_file(type=word)])
    assert civitai_claims(said).fields["type"] == kind


def test_a_config_is_a_companion_and_no_model():
    claims = civitai_claims(version(files=[a_file(type="Config", name="x.yaml")]), stem="x")
    assert "companion" in claims.flags
    assert "type" not in claims.fields


# --- single fields ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kibibytes", "hint"),
    [
        (0.1796875, 184),
        (2048.0927734375001, 2097247),
        ("2048.09375", 2097248),
        (-1, None),
        (0, None),
        (1e400, None),
        ([], None),
    ],
)
def test_a_size_in_kibibytes_is_a_hint(beside, kibibytes, hint):
    claims = beside.claims(SOURCE, NAME, written(version(files=[a_file(sizeKB=kibibytes)])))
    assert (claims.size_bytes, claims.size_hint_bytes) == (None, hint)


@pytest.mark.parametrize(
    ("flag", "level", "nsfw"),
    [
        (True, 1, True),
        (False, 31, False),
        ("true", 1, True),
        ("", 31, True),
        (None, 4, True),
        (None, 3, False),
        (None, 35, True),
        (None, 0, None),
        (None, "5", True),
        (None, None, None),
    ],
)
def test_nsfw_is_the_models_flag_else_the_bits_of_the_level(flag, level, nsfw):
    said = version(model={"nsfw": flag}, nsfwLevel=level)
    assert civitai_claims(said).fields.get("nsfw") is nsfw


@pytest.mark.parametrize("image", [{"nsfw": True}, {"nsfw": "X"}, {"nsfw": "Soft"}, {"nsfwLevel": 16}])
def test_an_images_rating_never_speaks_of_the_model(image):
    assert "nsfw" not in civitai_claims(version(model={}, nsfwLevel=0, images=[image])).fields


@pytest.mark.parametrize(
    ("uses", "commercial"),
    [
        ("None", "none"),
        ("Sell", "sell"),
        (["Image", "RentCivit", "Rent", "Sell"], "image,rent,rentcivit,sell"),
        ([], "none"),
        ("{Image,Rent}", "image,rent"),
        ("{}", "none"),
        (False, "none"),
        ({"x": 1}, "none"),
    ],
)
def test_commercial_use_came_in_many_shapes(uses, commercial):
    assert license_of({"allowCommercialUse": uses}) == f"civitai:commercial={commercial}"


def test_no_license_is_made_of_defaults():
    assert license_of({}) is None
    assert license_of(dict.fromkeys(["allowNoCredit", "allowCommercialUse", "allowDerivatives"])) is None
    assert license_of({"allowDerivatives": "false"}) == "civitai:derivatives=no"


@pytest.mark.parametrize(
    ("changed", "url"),
    [
        ({"modelId": None, "id": 5}, None),
        ({"id": None, "downloadUrl": None}, "https://civitai.com/models/880001"),
        ({"id": None}, "https://civitai.com/models/880001?modelVersionId=990001"),
        ({"modelId": "880001"}, "https://civitai.com/models/880001?modelVersionId=990001"),
        (
            {"modelId": None, "id": None, "air": "urn:air:sdxl:lora:civitai:7@8"},
            "https://civitai.com/models/7?modelVersionId=8",
        ),
        ({"modelId": -1}, None),
    ],
)
def test_the_page_is_made_of_the_ids(changed, url):
    assert civitai_claims(version(**changed)).fields.get("source_url") == url


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ([""], None),
        (None, None),
        ("inkwash harbor, fog", ("inkwash harbor, fog",)),
        (["<lora:x:1> fog,", " a\nb "], ("<lora:x:1> fog,", "a\nb")),
        (["fog", "fog", 5, {"word": "x"}], ("fog", "5")),
        ('["a", "b"]', ("a", "b")),
    ],
)
def test_trigger_words_stay_the_entries_they_were(words, found):
    claims = civitai_claims(version(trainedWords=words))
    assert claims.fields.get("trigger_words") == found
    assert ("members-skipped" in claims.flags) == (isinstance(words, list) and {"word": "x"} in words)


@pytest.mark.parametrize(
    ("base", "air", "found"),
    [
        ("Flux.1 D", None, "Flux.1 D"),
        ("Other", None, None),
        ("", "urn:air:sdxl:lora:civitai:1@2", "SDXL"),
        ("Some New Base", None, "Some New Base"),
        (None, None, None),
        (5, None, "5"),
    ],
)
def test_the_base_model_is_civitais_word(base, air, found):
    assert civitai_claims(version(baseModel=base, air=air)).fields.get("base_model") == found


def test_an_unknown_type_is_not_said_and_flagged():
    claims = civitai_claims(version(model={"name": "x", "type": "HoloDeck"}))
    assert "type" not in claims.fields
    assert claims.flags == ("unknown-type:HoloDeck",)


@pytest.mark.parametrize(
    ("about", "name", "found"),
    [
        ({"name": "Ink"}, "v1", "Ink - v1"),
        ({"name": "Ink"}, None, "Ink"),
        ({"name": "Ink"}, "", "Ink"),
        ({}, "v1", None),
        (None, "v1", None),
        ({"name": " \x07Ink\ud83d\0 "}, " v\n1", "Ink\ufffd - v 1"),
        ({"name": "הים 🌊"}, None, "הים 🌊"),
        pytest.param({"name": "x" * 1_048_576}, None, "x" * 1_048_576, id="a mebibyte"),
    ],
)
def test_the_name_is_model_and_version(about, name, found):
    assert civitai_claims(version(model=about, name=name)).fields.get("name") == found


@pytest.mark.parametrize(
    "sha256",
    [
        "",
        None,
        "0",
        "0" * 64,
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "nonsense",
        5,
    ],
)
def test_hashes_that_are_known_to_be_false_are_no_claims(sha256):
    hashes = {
        "SHA256": sha256,
        "AutoV1": "E3B0C442",
        "AutoV2": "E3B0C44298",
        "AutoV3": "E3B0C44298FC",
        "CRC32": None,
    }
    claims = civitai_claims(version(files=[a_file(hashes=hashes)]))
    assert (claims.sha256, claims.partial_hashes, claims.sibling_sha256) == (None, {}, ())


def test_hash_keys_in_any_case_and_a_long_tensor_hash_are_understood():
    long_hash = "d53eda7a637c99cc7fb566d96e9fa109bf15c478410a3f5eb4d4c4e26cd081f6"
    claims = civitai_claims(version(files=[a_file(hashes={"sha256": A_SHA256, "autov3": long_hash})]))
    assert (claims.sha256, claims.partial_hashes) == (A_SHA256, {"AutoV3": "d53eda7a637c"})


def test_a_token_in_a_download_address_is_flagged_and_stays_in_the_payload(beside):
    said = version(downloadUrl="https://civitai.com/api/download/models/990001?token=s3cret")
    claims = beside.claims(SOURCE, NAME, written(said))
    assert claims.flags == ("contains-secret",)
    assert "s3cret" not in repr(claims)


# --- odd bytes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "name", "flags"),
    [
        (b"\xef\xbb\xbf" + written(version()), "Inkwash Harbor - v1.2", ()),
        (b"\xff\xfe" + json.dumps(version()).encode("utf-16-le"), "Inkwash Harbor - v1.2", ()),
        ('{"id": 1, "model": {"name": "Häfen"}}'.encode("cp1252"), "Häfen", ()),
        ('{"id": 1, "model": {"name": "墨の港"}}'.encode("cp932"), "墨の港", ()),
        ('{"id": 1, "model": {"name": "弒署邴"}}'.encode("gbk"), "弒署邴", ()),
        (b'{"id": 1, "model": {"name": "x",}, "stats": NaN} // hm', "x", ("parsed-tolerant",)),
        (b'{"id": 1, "model": {"name": "a", "name": "b"}}', "b", ("duplicate-keys",)),
        (b'{"id": 9007199254740993, "modelId": 1e400, "model": {"name": "x"}}', "x", ()),
    ],
)
def test_odd_text_is_read_and_its_bytes_are_kept(beside, content, name, flags):
    claims = beside.claims(SOURCE, NAME, content)
    assert claims.fields["name"] == name
    assert (claims.flags, claims.problem) == (flags, None)


@pytest.mark.parametrize(
    "make",
    [
        lambda: written(version())[:200],
        lambda: b"<html><body>502</body></html>",
        lambda: b"\x00" * 100,
        lambda: b'{"id":' + b"[" * 10_000,
        lambda: b'{"id": 1, "x": "' + b"x" * (65 << 20) + b'"}',
    ],
    ids=["cut", "html", "zeros", "deep", "large"],
)
def test_what_can_not_be_parsed_is_kept_and_says_why(beside, make):
    claims = beside.claims(SOURCE, NAME, make())
    assert (claims.problem, claims.fields, claims.marker) == ("unparsed_payload", {}, False)
    assert claims.message.endswith(".")
    assert claims.stem_names == ("inkwash_harbor.safetensors",)


def test_reading_twice_gives_the_same_and_changes_nothing(beside):
    beside.put(NAME, written(version()))
    before = beside.state()
    assert beside.record(SOURCE, NAME) == beside.record(SOURCE, NAME)
    assert beside.claims(SOURCE, NAME) == beside.claims(SOURCE, NAME)
    assert beside.state() == before


# --- anything at all --------------------------------------------------------------------------------------

WORDS = st.sampled_from(
    [
        "id",
        "modelId",
        "name",
        "files",
        "model",
        "modelVersions",
        "hashes",
        "SHA256",
        "AutoV2",
        "tags",
        "trainedWords",
        "baseModel",
        "type",
        "nsfw",
        "nsfwLevel",
        "sizeKB",
        "air",
        "extensions",
        "skeleton_file",
        "error",
        "allowCommercialUse",
        "metadata",
        "format",
        "primary",
        "updatedAt",
        "sd_civitai_helper",
    ]
)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(
        [A_SHA256, "9548c2eb51", "LORA", "Model", "VAE", "urn:air:a:b:civitai:1@2", "{a,b}", "2024"]
    )
)
ANYTHING = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(WORDS | st.text(max_size=4), inner, max_size=6)
    ),
    max_leaves=30,
)
NAMES = st.sampled_from(
    [frozenset(), frozenset(["x.safetensors"]), frozenset(["x.ckpt", "x.gguf", "X.safetensors", "x.pt"])]
)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(ANYTHING, NAMES, st.sampled_from([None, A_SHA256]))
def test_no_value_makes_the_claims_raise(value, names, sha256):
    payload = json.dumps(value).encode()
    claims = SOURCE.claims(Record("civitai-info", "/a/x.civitai.info", "", payload), names, sha256)
    assert set(claims.stem_names) <= names
    for text in (claims.fields.get("name"), claims.fields.get("license"), claims.fields.get("source_url")):
        assert text is None or text.encode()
