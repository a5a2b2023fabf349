import json
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelmgr.migration.sources.rgthree import RgthreeInfo
from modelmgr.values import Record
from tests.migration.specimens.models import A, B
from tests.migration.specimens.sidecars import RGTHREE, RGTHREE_FULL, VERSION

SOURCE = RgthreeInfo()
NAME = "inkwash_harbor.safetensors.rgthree-info.json"


@pytest.fixture
def beside(shelf):
    path = shelf.put("inkwash_harbor.safetensors")
    os.utime(path, ns=(1_753_000_000_250_000_000, 1_753_000_000_250_000_000))
    return shelf


def said(shelf, value=RGTHREE_FULL, **changed):
    return shelf.claims(SOURCE, NAME, json.dumps({**value, **changed}).encode())


# --- the good record --------------------------------------------------------------------------------------


def test_every_field_gives_all_light_columns(beside):
    claims = said(beside)
    assert claims.fields == {
        "name": "Inkwash Harbor - v1.2",
        "type": "lora",
        "base_model": "SDXL 1.0",
        "nsfw": False,
        "trigger_words": ("inkwash harbor",),
        "notes": "best at 0.7",
        "tags": ("mine",),
        "source_url": "https://civitai.com/models/880001?modelVersionId=990001",
    }
    assert claims.personal == {"notes", "tags"}
    assert (claims.sha256, claims.own_hash) == (A["sha256"], True)
    assert claims.partial_hashes == {"AutoV3": "d53eda7a637c"}
    assert claims.size_hint_bytes == 184
    assert claims.stem_names == ("inkwash_harbor.safetensors",)
    assert claims.path == "D:\\ComfyUI\\models\\loras\\inkwash_harbor.safetensors"
    assert claims.flags == ()


def test_only_the_file_of_that_very_name_is_meant(beside):
    beside.put("inkwash_harbor.ckpt")
    assert said(beside).stem_names == ("inkwash_harbor.safetensors",)
    claims = beside.claims(SOURCE, "inkwash_harbor.ckpt.rgthree-info.json", json.dumps(RGTHREE).encode())
    assert claims.stem_names == ("inkwash_harbor.ckpt",)


# --- trigger words ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "found", "typed", "flags"),
    [
        (
            [
                {"word": "ink", "civitai": True},
                {"word": "1boy", "metadata": True, "count": 9},
                {"word": "sky"},
            ],
            ("ink",),
            False,
            (),
        ),
        ([{"word": "ink", "civitai": True}, {"word": "mine", "user": True}], ("ink", "mine"), True, ()),
        (["ink", "fog, sea", 5, ""], ("ink", "fog, sea", "5"), False, ()),
        ("ink, fog", ("ink, fog",), False, ()),
        ([{"word": ["x"], "user": True}, [1], None], None, False, ("members-skipped",)),
        ([{"word": "1boy", "metadata": True}], None, False, ()),
        (None, None, False, ()),
    ],
)
def test_training_tags_are_no_trigger_words(beside, words, found, typed, flags):
    claims = said(beside, RGTHREE, trainedWords=words)
    assert claims.fields.get("trigger_words") == found
    assert ("trigger_words" in claims.personal) is typed
    assert claims.flags == flags


def test_the_older_list_is_read_too(beside):
    claims = said(beside, RGTHREE, trainedWords=None, triggerWords=["ink", "fog"])
    assert claims.fields["trigger_words"] == ("ink", "fog")


def test_civitais_words_stand_in_where_the_tool_has_none(beside):
    raw = {"civitai": VERSION}
    assert said(beside, RGTHREE, trainedWords=[], raw=raw).fields["trigger_words"] == (
        "inkwash harbor",
        "fog",
    )


# --- hashes -----------------------------------------------------------------------------------------------


def test_a_hash_of_another_time_is_stale_and_civitais_stays_a_claim(beside):
    os.utime(beside.folder / "inkwash_harbor.safetensors", (1_753_000_010, 1_753_000_010))
    claims = said(beside)
    assert (claims.sha256, claims.own_hash) == (A["sha256"], False)
    assert claims.flags == ("stale-hash",)
    claims = said(beside, raw=None)
    assert (claims.sha256, claims.flags) == (None, ("stale-hash",))


@pytest.mark.parametrize("modified", [None, "x", -1, 1e300, 1_753_000_001_000])
def test_a_time_that_fits_or_says_nothing_leaves_the_hash(beside, modified):
    assert said(beside, modified=modified).own_hash


def test_the_catalogues_other_file_is_a_sibling(beside):
    other = {
        **VERSION,
        "files": [{**VERSION["files"][0], "hashes": {"SHA256": B["sha256"], "CRC32": "51E8DE80"}}],
    }
    claims = said(beside, raw={"civitai": other})
    assert (claims.sha256, claims.sibling_sha256) == (A["sha256"], (B["sha256"],))
    assert (claims.partial_hashes, claims.size_hint_bytes) == ({}, None)


# --- what is one ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "taken"),
    [(RGTHREE, True), ({}, True), ({"theme": "dark"}, False), ([], False), ({"sha256": "x"}, True)],
)
def test_without_its_model_the_keys_tell(shelf, value, taken):
    shelf.put(NAME, json.dumps(value).encode())
    assert shelf.probe(SOURCE, NAME) is taken


def test_links_without_a_page_are_left(beside):
    links = ["https://civitai.com/api/v1/model-versions/5", 7, "ftp://x", None]
    claims = said(beside, RGTHREE, links=links)
    assert "source_url" not in claims.fields


# --- the cache --------------------------------------------------------------------------------------------


def cached(shelf, kind, value):
    name = f"{A['sha256']}.{kind}.json"
    return shelf.claims(SOURCE, name, json.dumps(value).encode())


def test_a_cached_answer_is_bound_by_the_hash_in_its_name(shelf):
    claims = cached(shelf, "civitai", {"url": "u", "timestamp": 1_753_000_000.5, "response": VERSION})
    assert claims.fields["name"] == "Inkwash Harbor - v1.2"
    assert (claims.sha256, claims.own_hash, claims.stem_names) == (A["sha256"], True, ())
    assert claims.partial_hashes == {"AutoV3": "d53eda7a637c"}
    assert claims.time == 1_753_000_000.5


def test_an_answer_about_another_file_keeps_the_names_hash(shelf):
    other = {**VERSION, "files": [{"type": "Model", "hashes": {"SHA256": B["sha256"]}}]}
    claims = cached(shelf, "civitai", {"url": "u", "timestamp": 1, "response": other})
    assert (claims.sha256, claims.sibling_sha256) == (A["sha256"], (B["sha256"],))


def test_no_answer_is_a_mark(shelf):
    claims = cached(shelf, "civitai", {"url": "u", "timestamp": 1, "response": {"error": "Model not found"}})
    assert (claims.marker, claims.sha256, claims.fields) == (True, A["sha256"], {})


def test_cached_metadata_is_read_as_a_header_is(shelf):
    response = {"ss_network_module": "networks.lora", "ssmd_rating": "4", "ss_tag_frequency": "{}"}
    claims = cached(shelf, "metadata", {"url": "u", "timestamp": 1, "response": response})
    assert claims.fields == {"type": "lora", "rating": 4}
    assert claims.personal == {"rating"}


@pytest.mark.parametrize("name", ["x.civitai.json", "ab" * 31 + ".civitai.json", "ab" * 32 + ".json"])
def test_other_names_are_no_cache(name):
    assert not SOURCE.wants(name, False)


def test_other_json_under_such_a_name_is_nobodys(shelf):
    name = f"{A['sha256']}.metadata.json"
    shelf.put(name, b'{"file_path": "x", "sha256": "y"}')
    assert not shelf.probe(SOURCE, name)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*RGTHREE_FULL, "civitai", "word", "user", "response"]), inner, max_size=5
        )
    ),
    max_leaves=20,
)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(JSON, st.sampled_from([NAME, f"{A['sha256']}.civitai.json", f"{A['sha256']}.metadata.json"]))
def test_no_value_makes_the_claims_raise(value, name):
    record = Record("rgthree-info", f"/a/{name}", "", json.dumps(value).encode())
    SOURCE.claims(record, frozenset(["inkwash_harbor.safetensors"]))
