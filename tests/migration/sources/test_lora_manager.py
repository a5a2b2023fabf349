import hashlib
import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmgr.catalog import Catalog
from modelmgr.library import Library
from modelmgr.migration.sources.lora_manager import LoraManager
from modelmgr.progress import Progress
from modelmgr.values import ModelQuery, Record
from tests.inbox import pending_in
from tests.migration.specimens.models import A, B, C

SOURCE = LoraManager()
NAME = "inkwash_harbor.metadata.json"
A_SHA256 = "9548c2eb5134c9387290ee3b2f0e230918611259b79e46847aeaaef625b8445b"
B_SHA256 = "f6fc015f5cee804ba65df8a2da7db5d375c30b5072a05768e58c9598aa7ec0e6"

MODEL = {
    "name": "Inkwash Harbor",
    "type": "LORA",
    "nsfw": False,
    "tags": ["style"],
    "allowNoCredit": True,
    "allowCommercialUse": ["Image"],
    "allowDerivatives": True,
    "allowDifferentLicense": False,
}
CIVITAI = {
    "id": 990001,
    "modelId": 880001,
    "name": "v1.2",
    "baseModel": "SDXL Lightning",
    "trainedWords": ["inkwash harbor"],
    "model": MODEL,
    "customImages": [],
}


def sidecar(**changed):
    return {
        "file_name": "inkwash_harbor",
        "model_name": "Inkwash Harbor",
        "file_path": "D:/AI/loras/inkwash_harbor.safetensors",
        "size": 184.0,
        "modified": 1753000000.25,
        "sha256": A_SHA256,
        "base_model": "SDXL 1.0",
        "preview_url": "D:/AI/loras/inkwash_harbor.webp",
        "preview_nsfw_level": 1,
        "notes": "best at 0.7",
        "from_civitai": True,
        "civitai": CIVITAI,
        "tags": ["style", "harbor"],
        "modelDescription": "<p>Fog.</p>",
        "civitai_deleted": False,
        "favorite": True,
        "exclude": False,
        "db_checked": False,
        "skip_metadata_refresh": False,
        "metadata_source": "civitai_api",
        "last_checked_at": 1753000100.0,
        "hash_status": "completed",
        "trainedWords": [],
        "usage_tips": '{"strength": 0.7}',
        "autov3": "d53eda7a637c",
        **changed,
    }


def written(value):
    return json.dumps(value, indent=2, ensure_ascii=False).encode()


@pytest.fixture
def beside(shelf):
    shelf.put("inkwash_harbor.safetensors")
    return shelf


def said(shelf, **changed):
    return shelf.claims(SOURCE, NAME, written(sidecar(**changed)))


# --- the good record --------------------------------------------------------------------------------------


def test_the_example_gives_all_light_columns(beside):
    claims = said(beside)
    assert claims.fields == {
        "name": "Inkwash Harbor",
        "type": "lora",
        "base_model": "SDXL Lightning",
        "tags": ("style", "harbor"),
        "favorite": True,
        "nsfw": False,
        "notes": "best at 0.7",
        "trigger_words": ("inkwash harbor",),
        "source_url": "https://civitai.com/models/880001?modelVersionId=990001",
        "license": "civitai:credit=optional;commercial=image;derivatives=yes;relicense=no",
    }
    assert claims.personal == {"notes", "favorite", "tags"}
    assert (claims.sha256, claims.own_hash) == (A_SHA256, False)
    assert claims.partial_hashes == {"AutoV3": "d53eda7a637c"}
    assert (claims.size_bytes, claims.size_hint_bytes) == (None, 184)
    assert claims.path == "D:/AI/loras/inkwash_harbor.safetensors"
    assert claims.stem_names == ("inkwash_harbor.safetensors",)
    assert claims.time == 1753000000.25
    assert (claims.problem, claims.marker, claims.flags) == (None, False, ())


def test_a_minimal_sidecar_needs_none_of_the_tools_required_fields(beside):
    claims = beside.claims(SOURCE, NAME, written({"model_name": "Mine", "base_model": "Unknown"}))
    assert claims.fields == {"name": "Mine"}
    assert claims.personal == {"name"}


def test_all_null_is_a_record_that_says_nothing(beside):
    claims = beside.claims(SOURCE, NAME, written(dict.fromkeys(sidecar())))
    assert (claims.fields, claims.sha256, claims.size_bytes, claims.path) == ({}, None, None, None)
    assert (claims.problem, claims.marker) == (None, False)


# --- detection --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "taken"),
    [
        ({"file_path": "x", "sha256": ""}, True),
        ({"civitai": None, "base_model": None}, True),
        ({"preview_nsfw_level": 0, "from_civitai": False}, True),
        ({"file_path": "x"}, False),
        ({"format": "pt", "name": "x"}, False),
        ({}, False),
        (None, False),
        ([sidecar()], False),
        ("text", False),
    ],
)
def test_two_of_the_tools_keys_make_a_record(beside, value, taken):
    beside.put(NAME, written(value))
    assert bool(beside.read(SOURCE, NAME)) is taken
    assert beside.problems == []


@pytest.mark.parametrize(
    "name",
    [
        "metadata.json",
        "x.metadata",
        "x.safetensors.metadata",
        "x.json",
        ".metadata.json",
        "x.metadata.json.tmp2",
    ],
)
def test_metadata_of_other_programs_is_not_wanted(name):
    assert not SOURCE.wants(name, True)


@pytest.mark.parametrize(
    "make",
    [
        lambda: written(sidecar())[:300],
        lambda: b"<html>",
        lambda: b"\x00" * 10,
        lambda: b"[" * 10_000,
        lambda: b'"' + b"x" * (65 << 20) + b'"',
    ],
    ids=["cut", "html", "zeros", "deep", "large"],
)
def test_what_can_not_be_parsed_under_the_name_is_a_record(beside, make):
    claims = beside.claims(SOURCE, NAME, make())
    assert (claims.problem, claims.fields, claims.stem_names) == (
        "unparsed_payload",
        {},
        ("inkwash_harbor.safetensors",),
    )
    assert claims.message


def test_an_empty_file_is_a_mark(beside):
    claims = beside.claims(SOURCE, NAME, b"")
    assert (claims.marker, claims.problem, claims.fields) == (True, None, {})


def test_models_in_the_tools_waste_bin_are_left_there(beside):
    bin_folder = beside.folder / ".lm-pending-delete" / "batch"
    bin_folder.mkdir(parents=True)
    beside.folder = bin_folder
    beside.put("inkwash_harbor.safetensors")
    beside.put(NAME, written(sidecar()))
    assert beside.read(SOURCE, NAME) == []


def test_a_backup_is_a_record_of_its_own_and_speaks_softly(beside):
    beside.put(NAME, written(sidecar()))
    record = beside.record(SOURCE, f"{NAME}.bak", written(sidecar(notes="older")))
    for names in (beside.names(), frozenset()):
        claims = SOURCE.claims(record, names)
        assert claims.fields["notes"] == "older"
        assert claims.personal == frozenset()
        assert "backup" in claims.flags
    assert SOURCE.claims(record, beside.names()).stem_names == ("inkwash_harbor.safetensors",)


def test_a_backup_whose_sidecar_is_gone_is_all_there_is(beside):
    claims = beside.claims(SOURCE, f"{NAME}.bak", written(sidecar()))
    assert claims.personal == {"notes", "favorite", "tags"}
    assert claims.flags == ()


def test_the_leavings_of_a_crash_count_only_where_the_sidecar_is_missing(beside):
    beside.put(f"{NAME}.tmp", written(sidecar()))
    assert len(beside.read(SOURCE, f"{NAME}.tmp")) == 1
    beside.put(NAME, written(sidecar()))
    assert beside.read(SOURCE, f"{NAME}.tmp") == []


def test_what_can_not_be_read_is_reported(beside):
    os.mkfifo(beside.folder / NAME)
    assert not beside.probe(SOURCE, NAME)
    assert [problem.code for problem in beside.problems] == ["unreadable"]


# --- kinds ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "kind"),
    [
        ({}, "lora"),
        ({"civitai": {**CIVITAI, "model": {**MODEL, "type": "LoCon"}}}, "lora"),
        ({"civitai": {**CIVITAI, "model": {**MODEL, "type": "DoRA"}}}, "lora"),
        ({"civitai": None}, None),
        ({"sub_type": "checkpoint", "civitai": None}, "checkpoint"),
        ({"sub_type": "diffusion_model", "model_type": "checkpoint"}, "diffusion_model"),
        ({"model_type": "diffusion_model", "civitai": None}, "diffusion_model"),
        ({"model_type": "unet", "civitai": None}, "diffusion_model"),
        ({"model_type": "Checkpoint"}, "checkpoint"),
        ({"sub_type": "embedding"}, "embedding"),
        ({"model_type": "TextualInversion", "civitai": {}}, "embedding"),
        ({"sub_type": "holodeck"}, "lora"),
        ({"sub_type": 5, "model_type": []}, "lora"),
        (
            {
                "sub_type": "checkpoint",
                "civitai": {**CIVITAI, "baseModel": "Flux.1 D", "model": {**MODEL, "type": "Checkpoint"}},
            },
            "checkpoint",
        ),
    ],
)
def test_the_kind_is_the_tools_word_else_civitais(beside, changed, kind):
    assert said(beside, **changed).fields.get("type") == kind


# --- what the person typed --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("base", "civitai", "found", "edited"),
    [
        ("SDXL 1.0", "SDXL Lightning", "SDXL Lightning", False),
        ("SDXL 1.0", "SDXL 1.0", "SDXL 1.0", False),
        ("Illustrious", "Chilled Base", "Chilled Base", False),
        ("Flux.1 D", "Flux.1 D", "Flux.1 D", False),
        ("Pony", "SDXL Lightning", "Pony", True),
        ("My Base", "SDXL Lightning", "My Base", True),
        ("Unknown", "SDXL Lightning", "SDXL Lightning", False),
        ("", "Pony", "Pony", False),
        (None, "Pony", "Pony", False),
        ("SD 1.5", "", "SD 1.5", False),
        ("SD 1.5", None, "SD 1.5", False),
        ("Unknown", None, None, False),
    ],
)
def test_a_collapsed_base_model_gives_way_and_an_edited_one_stays(beside, base, civitai, found, edited):
    claims = said(beside, base_model=base, civitai={**CIVITAI, "baseModel": civitai})
    assert claims.fields.get("base_model") == found
    assert ("base_model" in claims.personal) is edited


@pytest.mark.parametrize(
    ("changed", "edited"),
    [
        ({"model_name": "Inkwash Harbor"}, False),
        ({"model_name": "Inkwash Harbor - v1.2"}, False),
        ({"model_name": "inkwash_harbor"}, False),
        ({"model_name": "inkwash_harbor", "civitai": None}, False),
        ({"model_name": "old_name", "file_name": "old_name.safetensors"}, False),
        ({"model_name": "My harbor"}, True),
        ({"model_name": "My harbor", "civitai": None}, True),
    ],
)
def test_a_name_counts_as_typed_where_the_tool_would_not_have_written_it(beside, changed, edited):
    claims = said(beside, **changed)
    assert claims.fields["name"] == changed["model_name"]
    assert ("name" in claims.personal) is edited


@pytest.mark.parametrize(
    ("tags", "found", "edited"),
    [
        (["Style"], ("Style",), False),
        (["style", "harbor"], ("style", "harbor"), True),
        (None, ("style",), False),
        ([], ("style",), False),
        ("style, fog", ("style", "fog"), True),
        ('["fog"]', ("fog",), True),
        ([{"name": "fog"}, 7], ("fog", "7"), True),
        ({"x": 1}, ("style",), False),
    ],
)
def test_tags_count_as_typed_where_they_differ_from_civitais(beside, tags, found, edited):
    claims = said(beside, tags=tags)
    assert claims.fields["tags"] == found
    assert ("tags" in claims.personal) is edited


def test_no_favorite_and_no_notes_are_not_said(beside):
    claims = said(beside, favorite=False, notes="")
    assert not {"favorite", "notes"} & claims.fields.keys()
    assert said(beside, favorite="true").fields["favorite"] is True


def test_trigger_words_are_joined_in_order(beside):
    claims = said(
        beside,
        trainedWords=["mine", "fog, stones"],
        civitai={**CIVITAI, "trainedWords": ["inkwash harbor", "mine"]},
    )
    assert claims.fields["trigger_words"] == ("mine", "fog, stones", "inkwash harbor")
    assert "trigger_words" not in claims.personal


# --- traps ------------------------------------------------------------------------------------------------


def test_the_licence_that_the_tool_fills_in_is_no_licence(beside):
    filled = {
        **MODEL,
        "allowNoCredit": True,
        "allowCommercialUse": ["Sell"],
        "allowDerivatives": True,
        "allowDifferentLicense": True,
    }
    assert "license" not in said(beside, civitai={**CIVITAI, "model": filled}).fields
    real = {**filled, "allowNoCredit": False}
    assert (
        said(beside, civitai={**CIVITAI, "model": real})
        .fields["license"]
        .startswith("civitai:credit=required")
    )


@pytest.mark.parametrize(
    ("size", "exact", "hint"),
    [
        (184, 184, None),
        (184.0, None, 184),
        (183.9996, None, 184),
        (0, None, None),
        ("184", None, None),
        (True, None, None),
        (1e400, None, None),
        (None, None, None),
    ],
)
def test_only_a_whole_number_is_an_exact_size(beside, size, exact, hint):
    claims = said(beside, size=size)
    assert (claims.size_bytes, claims.size_hint_bytes) == (exact, hint)


@pytest.mark.parametrize("civitai", [None, {}, [], "x"])
def test_without_an_answer_of_civitai_the_hash_is_the_tools_own(beside, civitai):
    claims = said(beside, civitai=civitai)
    assert (claims.sha256, claims.own_hash) == (A_SHA256, True)


@pytest.mark.parametrize(
    "sha256", ["", None, "0" * 64, "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855"]
)
def test_no_hash_is_no_claim(beside, sha256):
    claims = said(beside, sha256=sha256, autov3=None)
    assert (claims.sha256, claims.own_hash, claims.partial_hashes) == (None, False, {})


def test_an_upper_case_hash_is_the_same_hash(beside):
    assert said(beside, sha256=A_SHA256.upper()).sha256 == A_SHA256


FILES = [
    {
        "name": "a.safetensors",
        "type": "Model",
        "primary": True,
        "sizeKB": 2048.09375,
        "hashes": {"SHA256": B_SHA256, "AutoV2": "F6FC015F5C"},
    },
    {
        "name": "b.safetensors",
        "type": "Model",
        "sizeKB": 0.1796875,
        "hashes": {"SHA256": A_SHA256, "AutoV2": "9548C2EB51"},
    },
]


def test_the_sidecars_hash_tells_which_of_civitais_files_it_is(beside):
    claims = said(beside, civitai={**CIVITAI, "files": FILES}, size=None, autov3=None)
    assert (claims.sha256, claims.sibling_sha256) == (A_SHA256, (B_SHA256,))
    assert (claims.partial_hashes, claims.size_hint_bytes) == ({"AutoV2": "9548c2eb51"}, 184)


def test_short_hashes_of_another_file_are_not_this_files(beside):
    claims = said(beside, civitai={**CIVITAI, "files": FILES[:1]}, size=None, autov3=None)
    assert (claims.sha256, claims.sibling_sha256) == (A_SHA256, (B_SHA256,))
    assert (claims.partial_hashes, claims.size_hint_bytes) == ({}, None)


def test_short_hashes_without_the_full_one_are_held_against_the_sidecars(beside):
    only_short = [{**FILES[0], "hashes": {"AutoV2": "F6FC015F5C"}}]
    claims = said(beside, civitai={**CIVITAI, "files": only_short}, autov3=None)
    assert (claims.sha256, claims.partial_hashes) == (A_SHA256, {})


def test_civitais_hash_stands_in_where_the_sidecar_has_none(beside):
    claims = said(beside, sha256="", civitai={**CIVITAI, "files": FILES[1:]})
    assert (claims.sha256, claims.own_hash) == (A_SHA256, False)


def test_what_the_person_hid_is_imported_all_the_same(beside):
    claims = said(beside, exclude=True, civitai_deleted=True, from_civitai=False)
    assert claims.fields["notes"] == "best at 0.7"
    assert not claims.marker
    assert set(claims.flags) == {"excluded", "deleted-from-catalogue"}


@pytest.mark.parametrize(
    ("modified", "time"),
    [
        (1753000000.25, 1753000000.25),
        (1753000000, 1753000000.0),
        (1753000000250, 1753000000.25),
        ("x", None),
        (0, None),
    ],
)
def test_the_time_is_when_the_model_entered_the_manager(beside, modified, time):
    assert said(beside, modified=modified).time == time


def test_a_page_on_hugging_face_stands_in_for_civitais(beside):
    claims = said(beside, civitai=None, hf_url="https://huggingface.co/org/name?token=x")
    assert claims.fields["source_url"] == "https://huggingface.co/org/name"


@pytest.mark.parametrize(
    "nsfw",
    [
        ({**MODEL, "nsfw": None}, 12, True),
        ({**MODEL, "nsfw": None}, 2, False),
        ({**MODEL, "nsfw": True}, 1, True),
    ],
)
def test_nsfw_is_civitais_and_never_the_previews(beside, nsfw):
    model, level, expected = nsfw
    claims = said(beside, civitai={**CIVITAI, "model": model, "nsfwLevel": level}, preview_nsfw_level=16)
    assert claims.fields["nsfw"] is expected
    assert "nsfw" not in said(beside, civitai=None, preview_nsfw_level=16).fields


# --- paths ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "D:\\AI\\loras\\inkwash_harbor.safetensors",
        "\\\\server\\share\\inkwash_harbor.safetensors",
        "/mnt/c/AI/inkwash_harbor.safetensors",
        "../../../etc/inkwash_harbor.safetensors",
        "inkwash_harbor.safetensors. ",
    ],
)
def test_a_foreign_path_is_kept_as_it_is_spelt(beside, path):
    claims = said(beside, file_path=path)
    assert (claims.path, claims.flags) == (path, ())


def test_a_path_to_another_file_is_flagged(beside):
    assert "path-differs" in said(beside, file_path="/x/other.safetensors").flags


@pytest.mark.parametrize("path", [None, "", 5, "a\0b", []])
def test_what_is_no_path_is_none(beside, path):
    assert said(beside, file_path=path).path is None


def test_path_and_kind_decide_between_files_of_one_stem_where_no_hash_does(beside):
    beside.put("inkwash_harbor.ckpt", beside.B["bytes"])
    without_hash = {"sha256": "", "autov3": None}
    assert said(beside, **without_hash).stem_names == ("inkwash_harbor.safetensors",)
    by_path = said(beside, file_path="E:\\x\\inkwash_harbor.ckpt", **without_hash)
    assert by_path.stem_names == ("inkwash_harbor.ckpt",)
    by_kind = said(beside, file_path="", **without_hash)
    assert by_kind.stem_names == ("inkwash_harbor.safetensors",)
    undecided = said(beside, file_path="", civitai=None, **without_hash)
    assert undecided.stem_names == ("inkwash_harbor.ckpt", "inkwash_harbor.safetensors")
    assert "several-files" in undecided.flags
    assert said(beside).stem_names == ("inkwash_harbor.safetensors", "inkwash_harbor.ckpt")


def test_the_preview_is_found_beside_the_sidecar_wherever_it_was(beside):
    picture = beside.put("inkwash_harbor.webp", b"RIFF")
    assert said(beside).fields["preview"] == str(picture)


@pytest.mark.parametrize(
    ("url", "preview"),
    [
        ("/data/previews/x.png", "/data/previews/x.png"),
        ("D:/AI/gone.png", None),
        ("https://image.civitai.com/inkwash_harbor.webp", None),
        ("", None),
        (None, None),
        (5, None),
        ("/a\0b.png", None),
    ],
)
def test_a_remote_or_foreign_preview_is_none(beside, url, preview):
    beside.put("inkwash_harbor.webp", b"RIFF")
    assert said(beside, preview_url=url).fields.get("preview") == preview


# --- odd bytes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "flags"),
    [
        (b"\xef\xbb\xbf" + written(sidecar()), ()),
        (b"\xff\xfe" + json.dumps(sidecar()).encode("utf-16-le"), ()),
        (written(sidecar())[:-1] + b', "x": NaN,}', ("parsed-tolerant",)),
        (written(sidecar())[:-1] + b', "notes": "a", "notes": "best at 0.7"}', ("duplicate-keys",)),
        (written(sidecar()) + b"\0\0", ("parsed-tolerant",)),
        (written(sidecar(seed=10**30)), ()),
        (written(sidecar(civitai_api_key="x")), ("contains-secret",)),
    ],
)
def test_odd_text_is_read_and_its_bytes_are_kept(beside, content, flags):
    claims = beside.claims(SOURCE, NAME, content)
    assert claims.fields["notes"] == "best at 0.7"
    assert claims.flags == flags


@pytest.mark.parametrize(
    ("notes", "found"),
    [
        ("gut für Häfen".encode("cp1252"), "gut für Häfen"),
        ("墨の港".encode("cp932"), "墨の港"),
        ("弒署邴".encode("gbk"), "弒署邴"),
        (b"\\ud83d\\u0000!", "\ufffd!"),
        ("🌊 עברית".encode(), "🌊 עברית"),
        pytest.param(b"x" * 1_048_576, "x" * 1_048_576, id="a mebibyte"),
    ],
)
def test_notes_in_any_encoding_are_read(beside, notes, found):
    content = b'{"file_path": "x", "sha256": "", "notes": "' + notes + b'"}'
    assert beside.claims(SOURCE, NAME, content).fields["notes"] == found


def test_reading_twice_gives_the_same_and_changes_nothing(beside):
    beside.put(NAME, written(sidecar()))
    before = beside.state()
    assert beside.record(SOURCE, NAME) == beside.record(SOURCE, NAME)
    assert beside.claims(SOURCE, NAME) == beside.claims(SOURCE, NAME)
    assert beside.state() == before


WORDS = st.sampled_from(
    [*sidecar(), "sub_type", "model_type", "hf_url", "id", "model", "modelVersions", "files", "type"]
)
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from([A_SHA256, "LORA", "SDXL 1.0", "D:/x.safetensors", "https://a/b"]),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(WORDS | st.text(max_size=4), inner, max_size=8)
    ),
    max_leaves=30,
)
NAMES = st.sampled_from([frozenset(), frozenset(["x.safetensors"]), frozenset(["x.ckpt", "x.pt", "x.png"])])
ENDINGS = st.sampled_from(["", ".bak", ".tmp"])


@given(ANYTHING, NAMES, ENDINGS, st.sampled_from([None, B_SHA256]))
def test_no_value_makes_the_claims_raise(value, names, ending, sha256):
    record = Record("lora-manager", f"/a/x.metadata.json{ending}", "", json.dumps(value).encode())
    claims = SOURCE.claims(record, names, sha256)
    assert set(claims.stem_names) <= names
    assert claims.personal <= claims.fields.keys()


# --- in a library -------------------------------------------------------------------------------------------


def imported(tmp_path, folder):
    """Import a folder, promote what can be; return the pending rows and the models."""
    with Catalog.open(tmp_path / "catalog.sqlite") as catalog:
        library = Library(catalog)
        library.import_paths([str(folder)], progress=Progress())
        library.promote(None, progress=Progress())
        return pending_in(catalog), catalog.page(ModelQuery(), None)


@pytest.mark.parametrize(
    ("folder", "name", "content", "changed", "kind"),
    [
        ("loras", "inkwash_harbor.safetensors", A, {}, "lora"),
        ("loras", "inkwash_harbor.safetensors", A, {"civitai": {}}, "lora"),
        (
            "checkpoints",
            "inkwash_harbor.safetensors",
            B,
            {"sub_type": "checkpoint", "civitai": None},
            "checkpoint",
        ),
        (
            "unet",
            "inkwash_harbor.gguf",
            C,
            {"sub_type": "diffusion_model", "base_model": "Flux.1 D", "civitai": None},
            "diffusion_model",
        ),
        ("x", "inkwash_harbor.safetensors", A, {"model_type": "embedding", "civitai": None}, "embedding"),
    ],
)
def test_all_kinds_find_their_model_and_its_type(tmp_path, folder, name, content, changed, kind):
    (tmp_path / folder).mkdir()
    (tmp_path / folder / name).write_bytes(content["bytes"])
    said = sidecar(**{"sha256": content["sha256"], "size": len(content["bytes"]), "autov3": None, **changed})
    (tmp_path / folder / NAME).write_bytes(written(said))
    (pending,), (model,) = imported(tmp_path, tmp_path / folder)
    assert (pending.state, pending.problem) == ("promoted", None)
    assert (model.name, model.type, model.sha256) == ("Inkwash Harbor", kind, content["sha256"])
    assert (model.notes, model.favorite) == ("best at 0.7", True)


def test_the_hash_of_a_half_downloaded_file_is_not_taken_for_the_models(tmp_path):
    folder = tmp_path / "loras"
    folder.mkdir()
    (folder / "inkwash_harbor.safetensors").write_bytes(A["bytes"])
    half = hashlib.sha256(A["bytes"][:100]).hexdigest()
    (folder / NAME).write_bytes(written(sidecar(sha256=half, size=100, civitai={}, autov3=None)))
    (pending,), (model,) = imported(tmp_path, folder)
    assert (pending.state, pending.problem) == ("promoted", None)
    assert model.sha256 == A["sha256"]


def test_a_sidecar_that_was_copied_along_with_its_model_binds_by_stem_and_says_so(tmp_path):
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "inkwash_harbor.safetensors").write_bytes(A["bytes"])
    original = tmp_path / "first" / "inkwash_harbor.safetensors"
    for name in ("first", "second"):
        (tmp_path / name / NAME).write_bytes(written(sidecar(file_path=str(original), civitai=None)))
    with Catalog.open(tmp_path / "catalog.sqlite") as catalog:
        Library(catalog).import_paths(
            [str(tmp_path / "first"), str(tmp_path / "second")], progress=Progress()
        )
        first, second = pending_in(catalog)
        assert second.file_path == str(tmp_path / "second" / "inkwash_harbor.safetensors")
        records = [catalog.pending_record(row.id) for row in (first, second)]
    assert [record.extra for record in records] == [None, {"copied_from": str(original)}]
    names = frozenset(["inkwash_harbor.safetensors"])
    assert "copied" in SOURCE.claims(records[1], names).flags
    assert "copied" not in SOURCE.claims(records[0], names).flags
