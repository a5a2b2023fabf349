"""What several witnesses of one model amount to, and where each value comes from."""

import os
from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmgr.migration.mapping import (
    LIGHT_COLUMNS,
    Merged,
    merge,
    stem_of,
)
from modelmgr.migration.witnesses import Case, HeaderFacts, Witness, chief
from modelmgr.values import Claims, Origin

PATH = "/models/loras/inkwash_harbor.safetensors"
SHA256 = "9548c2eb5134c9387290ee3b2f0e230918611259b79e46847aeaaef625b8445b"
PAGE = "https://civitai.com/models/880001?modelVersionId=990001"
LICENSE = "civitai:credit=optional;commercial=image;derivatives=yes;relicense=no"


def witness(
    record_id: int,
    source: str = "civitai-info",
    personal: str = "",
    agrees: bool | None = None,
    fits: bool | None = None,
    mtime: float | None = None,
    claims: dict[str, Any] | None = None,
    source_path: str = "",
    **fields: Any,
) -> Witness:
    said = Claims(fields=fields, personal=frozenset(personal.split()), **(claims or {}))
    return Witness(record_id, source, said, source_path, mtime, 0, agrees, fits)


def merged(*witnesses: Witness, **facts: Any) -> Merged:
    known: dict[str, Any] = {
        "sha256": SHA256,
        "file_path": PATH,
        "size_bytes": 184,
        "header": None,
        "user": {},
    }
    return merge(Case(witnesses, **{**known, **facts}))


def value(column: str, *witnesses: Witness, **facts: Any) -> Any:
    return merged(*witnesses, **facts).fields[column]


# --- all sources of one LoRA at once ------------------------------------------------------------------------


def all_sources() -> list[Witness]:
    return [
        witness(
            1,
            "lora-manager",
            "notes favorite",
            agrees=True,
            mtime=500,
            name="Inkwash Harbor",
            type="lora",
            base_model="SDXL Lightning",
            tags=["style", "harbor"],
            favorite=True,
            nsfw=False,
            notes="best at 0.7",
            trigger_words=["inkwash harbor"],
            preview="/models/loras/inkwash_harbor.webp",
            source_url=PAGE,
            license=LICENSE,
        ),
        witness(
            2,
            "civitai-info",
            agrees=True,
            mtime=900,
            claims={"time": 400.0},
            name="Inkwash Harbor - v1.2",
            type="lora",
            base_model="SDXL Lightning",
            tags=["Style", "fog"],
            nsfw=True,
            trigger_words=["inkwash harbor", "masts"],
            source_url=PAGE,
            license=LICENSE,
        ),
        witness(
            3,
            "stability-matrix",
            "name",
            agrees=True,
            claims={"time": 450.0},
            name="My Harbor",
            type="lora",
            base_model="SDXL 1.0",
            tags=["harbor", "ships"],
            favorite=False,
        ),
        witness(
            4,
            "invokeai-db",
            "name notes trigger_words",
            fits=True,
            claims={"time": 300.0},
            name="Inkwash (Invoke)",
            type="lora",
            base_model="SDXL",
            notes="use at night",
            trigger_words=["ink, fog"],
        ),
        witness(
            5,
            "a1111-user-json",
            "base_model notes trigger_words",
            mtime=600,
            type="checkpoint",
            base_model="SDXL",
            notes="lower to 0.5",
            trigger_words=["inkwash harbor, masts"],
        ),
        witness(6, "a1111-txt", "notes", mtime=100, notes=" best  at\n0.7\n"),
        witness(
            7, "model-manager-md", agrees=True, mtime=200, base_model="SDXL 1.0", source_url="https://x/y"
        ),
        witness(
            8,
            "sdnext-json",
            mtime=800,
            name="Something else",
            trigger_words=["loose"],
            preview="/models/x.png",
        ),
        witness(9, "comfyui-assets", mtime=800, base_model="SDXL", tags=["mine"]),
        witness(10, "pumas-metadata", agrees=True, mtime=50, tags=["ink"], license="mit"),
        witness(11, "generic-csv", "rating tags", mtime=700, rating=4, tags=["Ships", "csv"]),
        witness(12, "rgthree-info", "tags", mtime=350, tags=["night"]),
        witness(
            13,
            "civitai-json",
            "notes favorite",
            agrees=False,
            fits=False,
            mtime=20,
            name="Another file",
            type="vae",
            base_model="SD 1.5",
            tags=["wrong"],
            nsfw=True,
            notes="of the file before",
            favorite=True,
            trigger_words=["wrong"],
        ),
        witness(14, "civitai-info", claims={"marker": True}, mtime=999, name="{}"),
        witness(15, "civitai-info", claims={"problem": "unparsed_payload"}, mtime=999),
    ]


HEADER = HeaderFacts(
    "lora",
    "SDXL",
    certain=True,
    suggestions={
        "name": "inkwash_harbor",
        "tags": ["anime"],
        "trigger_words": ["inkwsh"],
        "rating": 3,
    },
)

EXPECTED = {
    "name": "My Harbor",
    "type": "lora",
    "base_model": "SDXL Lightning",
    "tags": ("Ships", "csv", "night", "style", "harbor", "fog", "ink", "anime", "mine"),
    "rating": 4,
    "favorite": True,
    "nsfw": True,
    "notes": (
        "[a1111-user-json]\nlower to 0.5\n\n[lora-manager]\nbest at 0.7\n\n[invokeai-db]\nuse at night\n\n"
        "[civitai-json]\nof the file before"
    ),
    "trigger_words": ("ink, fog", "inkwash harbor", "masts", "inkwsh"),
    "preview": "/models/loras/inkwash_harbor.webp",
    "license": LICENSE,
    "source_url": PAGE,
}

EXPECTED_ORIGINS = {
    "name": Origin("stability-matrix", 2, 3),
    "type": Origin("header", 2),
    "base_model": Origin("lora-manager", 3, 1),
    "tags": Origin("generic-csv", 2, 11),
    "rating": Origin("generic-csv", 2, 11),
    "favorite": Origin("lora-manager", 2, 1),
    "nsfw": Origin("civitai-info", 3, 2),
    "notes": Origin("a1111-user-json", 2, 5),
    "trigger_words": Origin("a1111-user-json", 2, 5),
    "preview": Origin("lora-manager", 3, 1),
    "license": Origin("lora-manager", 3, 1),
    "source_url": Origin("lora-manager", 3, 1),
}


def test_all_sources_of_one_lora_amount_to_the_row_that_a_person_would_write():
    result = merged(*all_sources(), header=HEADER)
    assert result.fields == EXPECTED
    assert result.origins == EXPECTED_ORIGINS


def test_the_order_in_which_the_witnesses_come_makes_no_difference():
    assert merged(*reversed(all_sources()), header=HEADER) == merged(*all_sources(), header=HEADER)


def test_what_was_edited_here_wins_over_all_of_them():
    user = {
        "name": "Mine",
        "type": "embedding",
        "base_model": "Pony",
        "tags": [],
        "rating": 1,
        "favorite": False,
        "nsfw": False,
        "notes": "",
        "trigger_words": ["a", "b"],
    }
    result = merged(*all_sources(), header=HEADER, user=user)
    assert {column: result.fields[column] for column in user} == {
        **user,
        "tags": (),
        "notes": None,
        "trigger_words": ("a", "b"),
    }
    assert {result.origins[column] for column in user} == {Origin("user", 1)}
    assert result.fields["license"] == LICENSE


def test_a_column_that_is_no_longer_edited_shows_the_imported_value_again():
    assert value("name", witness(1, name="Ink"), user={"name": None}) == "Ink"


# --- ranks --------------------------------------------------------------------------------------------------


def test_without_witnesses_the_row_is_full_of_harmless_values():
    result = merged(file_path="/data/inkwash.v1.safetensors")
    assert tuple(result.fields) == LIGHT_COLUMNS
    assert result.fields["name"] == "inkwash.v1"
    assert result.fields["type"] == "unknown"
    assert result.fields["tags"] == result.fields["trigger_words"] == ()
    assert result.fields["favorite"] is False
    assert result.origins == {"name": Origin("file", 7), "type": Origin("file", 7)}


def test_each_rank_beats_the_next():
    ranks = [
        witness(1, "generic-csv", "source_url", source_url="personal"),
        witness(2, agrees=True, source_url="verified"),
        witness(3, fits=True, source_url="fitting"),
        HeaderFacts(suggestions={"source_url": "header"}),
        witness(4, source_url="bound"),
    ]
    shown = []
    while ranks:
        header = next((rank for rank in ranks if isinstance(rank, HeaderFacts)), None)
        result = merged(*(rank for rank in ranks if isinstance(rank, Witness)), header=header)
        shown.append((result.fields["source_url"], result.origins["source_url"].rank))
        ranks.pop(0)
    assert shown == [("personal", 2), ("verified", 3), ("fitting", 4), ("header", 5), ("bound", 6)]


def test_without_a_computed_hash_or_a_size_nothing_is_verified():
    result = merged(witness(1, agrees=True, fits=True, name="Ink"), sha256=None, size_bytes=None)
    assert result.origins["name"].rank == 6


def test_an_empty_value_never_beats_a_filled_one():
    empty = witness(
        1,
        "lora-manager",
        "name tags notes",
        agrees=True,
        name=" ",
        tags=[],
        notes="",
        base_model=None,
        rating=0,
    )
    filled = witness(2, name="Ink", tags=["a"], notes="n", base_model="SDXL", rating=2)
    fields = merged(empty, filled).fields
    assert [fields[column] for column in ("name", "tags", "notes", "base_model", "rating")] == [
        "Ink",
        ("a",),
        "n",
        "SDXL",
        2,
    ]


def test_within_a_rank_the_newer_record_wins_by_its_own_time_then_by_its_containers():
    old = witness(1, claims={"time": 10.0}, mtime=99, name="old")
    new = witness(2, claims={"time": 20.0}, mtime=1, name="new")
    newest = witness(3, mtime=30, name="newest")
    assert value("name", old, new) == "new"
    assert value("name", old, new, newest) == "newest"


def test_within_a_rank_and_time_the_sources_have_an_order():
    sources = ["lora-manager", "stability-matrix", "civitai-info", "invokeai-db", "sdnext-json"]
    sources += ["model-manager-md", "comfyui-assets", "pumas-metadata", "a1111-user-json", "lmstudio"]
    witnesses = [witness(number, source, name=source) for number, source in enumerate(sources)]
    while witnesses:
        assert value("name", *reversed(witnesses)) == sources[0]
        witnesses.pop(0)
        sources.pop(0)


def test_a_live_container_comes_before_its_backup():
    live = witness(1, "invokeai-db", "name", mtime=1, name="live", source_path="/i/invokeai.db")
    backup = witness(
        2, "invokeai-db", "name", mtime=9, name="old", source_path="/i/invokeai_backup_20250101-000000.db"
    )
    assert value("name", backup, live) == "live"
    assert value("name", backup) == "old"


def test_the_sidecar_of_lora_manager_comes_before_its_cache():
    sidecar = witness(1, "lora-manager", "notes", agrees=True, mtime=1, name="sidecar")
    cache = witness(2, "lora-manager-cache", agrees=True, mtime=9, name="cache", license="mit")
    fields = merged(cache, sidecar).fields
    assert (fields["name"], fields["license"]) == ("sidecar", "mit")


def test_what_a_sidecar_no_longer_says_is_not_fetched_from_the_cache():
    sidecar = witness(1, "lora-manager", "notes", agrees=True, mtime=1, notes="new", tags=["new"])
    cache = witness(
        2,
        "lora-manager-cache",
        "notes favorite",
        agrees=True,
        notes="old",
        favorite=True,
        tags=["old"],
        license="mit",
    )
    fields = merged(cache, sidecar).fields
    assert (fields["notes"], fields["favorite"], fields["tags"]) == ("new", False, ("new",))
    assert fields["license"] == "mit"
    alone = merged(cache).fields
    assert (alone["notes"], alone["favorite"], alone["tags"]) == ("old", True, ("old",))


@pytest.mark.parametrize(
    "sidecar",
    [
        witness(1, "lora-manager", agrees=True, claims={"problem": "unparsed_payload"}),
        witness(1, "lora-manager", agrees=True, claims={"marker": True}),
        witness(1, "lora-manager", agrees=True, source_path="/m/x.metadata.json.bak", notes="older"),
    ],
)
def test_a_cache_is_heard_where_its_sidecar_is_broken_or_laid_aside(sidecar):
    cache = witness(2, "lora-manager-cache", "notes favorite", agrees=True, notes="old", favorite=True)
    fields = merged(cache, sidecar).fields
    assert fields["favorite"] is True
    assert "old" in fields["notes"]


def test_a_review_in_the_index_of_pumas_counts_beside_the_file():
    said = witness(1, "pumas-metadata", "notes", agrees=True, mtime=1, name="file", tags=["a"], license="mit")
    index = witness(
        2, "pumas-index", "name", agrees=True, mtime=9, name="mine", tags=["b"], license="gpl", nsfw=True
    )
    fields = merged(index, said).fields
    assert (fields["name"], fields["tags"], fields["license"], fields["nsfw"]) == (
        "mine",
        ("a",),
        "mit",
        True,
    )


# --- hashes that say otherwise ------------------------------------------------------------------------------


def test_a_record_of_another_file_fills_nothing_but_the_persons_notes_favourite_and_rating():
    other = witness(
        1,
        "lora-manager",
        "notes favorite rating name tags",
        agrees=False,
        fits=False,
        name="Other",
        type="vae",
        base_model="SD 1.5",
        tags=["x"],
        notes="mine",
        favorite=True,
        rating=5,
        trigger_words=["x"],
        license="mit",
    )
    fields = merged(other).fields
    assert fields == {
        **merged().fields,
        "notes": "mine",
        "favorite": True,
        "rating": 5,
    }


def test_notes_that_a_catalogue_gave_go_with_the_other_file():
    assert value("notes", witness(1, agrees=False, fits=False, notes="theirs")) is None


@pytest.mark.parametrize("fits", [True, None])
def test_a_wrong_hash_with_a_right_size_leaves_the_lowest_rank(fits: bool | None):
    doubtful = witness(1, agrees=False, fits=fits, name="Ink")
    assert merged(doubtful).origins["name"] == Origin("civitai-info", 6, 1)


def test_a_marker_fills_nothing_and_overwrites_nothing():
    marker = witness(1, "lora-manager", "name favorite", claims={"marker": True}, name="x", favorite=True)
    assert merged(marker) == merged()


# --- name ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "stem"),
    [
        ("/a/b.c.safetensors", "b.c"),
        ("D:\\ai\\b.ckpt", "b"),
        ("/a/sdxl-base-1.0", "sdxl-base-1.0"),
        ("/a/.safetensors", ".safetensors"),
    ],
)
def test_the_stem_is_the_name_without_its_last_ending(path: str, stem: str):
    assert stem_of(path) == stem


@pytest.mark.skipif(os.sep == "\\", reason="there a backslash parts names")
def test_a_backslash_in_the_name_of_a_file_parts_nothing():
    assert value("name", file_path="/m/ink\\wash\\.safetensors") == "ink\\wash\\"


def test_a_title_in_the_header_comes_after_every_record_and_before_the_stem():
    header = HeaderFacts(suggestions={"name": "last-000010"})
    assert value("name", header=header) == "last-000010"
    assert value("name", witness(1, name="Ink"), header=header) == "Ink"


def test_a_title_that_the_person_typed_into_the_header_ranks_as_such():
    header = HeaderFacts(suggestions={"name": "Typed"}, personal=frozenset(["name"]))
    assert merged(witness(1, agrees=True, name="Ink"), header=header).fields["name"] == "Typed"


def test_a_model_without_file_is_called_what_its_record_remembers():
    facts: dict[str, Any] = {"file_path": None, "size_bytes": None}
    assert value("name", witness(1, claims={"path": "D:\\ai\\ink.safetensors"}), **facts) == "ink"
    assert value("name", witness(1, claims={"stem_names": ("ink.ckpt",)}), **facts) == "ink"
    assert value("name", **facts) == SHA256[:12]
    assert value("name", **{**facts, "sha256": None}) == "unknown"


def test_names_lose_what_no_text_column_holds():
    assert value("name", witness(1, name=" In\x00k\nwash \ud83d")) == "Ink wash \ufffd"
    assert value("name", file_path="/a/caf\udce9.safetensors") == "caf\ufffd"


# --- type ---------------------------------------------------------------------------------------------------


def test_the_files_structure_overrules_a_catalogue_but_not_the_person():
    catalogue = witness(1, agrees=True, type="checkpoint")
    person = witness(2, "generic-csv", "type", type="vae")
    header = HeaderFacts("diffusion_model", certain=True)
    assert value("type", catalogue, header=header) == "diffusion_model"
    assert value("type", catalogue, person, header=header) == "vae"


@pytest.mark.parametrize(
    ("claimed", "header", "shown"),
    [
        ("checkpoint", "diffusion_model", "diffusion_model"),
        ("diffusion_model", "checkpoint", "checkpoint"),
        ("lora", "embedding", "embedding"),
        ("lora", "vae", "lora"),
    ],
)
def test_an_uncertain_structure_overrules_a_catalogue_only_where_catalogues_mix_types_up(
    claimed: str, header: str, shown: str
):
    assert value("type", witness(1, agrees=True, type=claimed), header=HeaderFacts(header)) == shown


def test_a_catalogue_comes_before_a_tools_index_that_is_as_well_bound():
    index = witness(1, "lora-manager", agrees=True, mtime=9, type="lora")
    catalogue = witness(2, "civitai-info", agrees=True, mtime=1, type="vae")
    assert value("type", index, catalogue) == "vae"


def test_a_type_that_a_tool_took_from_the_folder_is_worth_what_the_folder_is():
    by_folder = witness(1, "a1111-user-json", agrees=True, mtime=9, type="checkpoint")
    assert value("type", by_folder, witness(2, type="vae")) == "vae"
    assert value("type", by_folder) == "lora"
    assert value("type", by_folder, file_path="/x/ink.safetensors") == "checkpoint"


def test_an_uncertain_header_comes_before_the_folder_and_the_folder_before_the_name():
    assert value("type", header=HeaderFacts("vae")) == "vae"
    assert value("type", header=HeaderFacts("unknown")) == "lora"
    assert value("type", file_path="/models/loras/x.vae.pt") == "lora"
    assert value("type", file_path="/data/x.vae.pt") == "vae"


def test_other_is_shown_only_where_nothing_says_more():
    other = witness(1, agrees=True, type="other")
    assert value("type", other) == "lora"
    assert value("type", other, witness(2, type="vae")) == "vae"
    assert value("type", other, file_path="/data/x.safetensors") == "other"


def test_a_language_model_among_text_encoders_is_one():
    header = HeaderFacts("llm", certain=True)
    assert value("type", header=header, file_path="/m/text_encoders/x.gguf") == "text_encoder"
    assert value("type", header=header, file_path="/m/x.gguf") == "llm"
    reranker = witness(1, "pumas-metadata", agrees=True, type="reranker")
    assert value("type", reranker, header=header, file_path="/m/x.gguf") == "reranker"


@pytest.mark.parametrize(
    ("base", "path", "second", "shown"),
    [
        ("Pony", "/m/x.ckpt", "diffusion_model", "checkpoint"),
        ("Flux.1 D", "/m/x.ckpt", None, "checkpoint"),
        ("Flux.1 D", "/m/x.ckpt", "diffusion_model", "diffusion_model"),
        ("Flux.1 D", "/m/unet/x.ckpt", None, "diffusion_model"),
        ("Flux.1 D", "D:\\m\\x.gguf", None, "diffusion_model"),
        (None, "/m/unet/x.ckpt", None, "checkpoint"),
    ],
)
def test_without_a_header_base_and_a_second_hint_tell_a_checkpoint_from_its_denoiser(
    base: str | None, path: str, second: str | None, shown: str
):
    claims = {"path": path}
    witnesses = [witness(1, "stability-matrix", mtime=9, claims=claims, type="checkpoint", base_model=base)]
    if second is not None:
        witnesses.append(witness(2, "lora-manager", type=second))
    assert value("type", *witnesses, file_path=None, size_bytes=None) == shown


def test_a_file_that_is_there_is_what_its_tool_says_whatever_its_base():
    unet = witness(1, "lora-manager", type="diffusion_model", base_model="SDXL 1.0")
    assert (
        value("type", unet, header=HeaderFacts("unknown"), file_path="/m/x.safetensors") == "diffusion_model"
    )
    assert value("type", unet, file_path=None, size_bytes=None) == "checkpoint"


# --- base model ---------------------------------------------------------------------------------------------


def test_a_finer_base_of_the_family_wins_whatever_its_rank():
    coarse = witness(1, "a1111-user-json", "base_model", base_model="SDXL")
    assert value("base_model", coarse, witness(2, base_model="Pony")) == "Pony"
    assert value("base_model", coarse, witness(2, base_model="Flux.1 D")) == "SDXL"
    assert value("base_model", header=HeaderFacts(base_model="SDXL")) == "SDXL"


def test_between_two_fine_bases_the_rank_decides():
    edited = witness(1, "lora-manager", "base_model", base_model="Illustrious")
    assert value("base_model", edited, witness(2, agrees=True, base_model="Pony")) == "Illustrious"


def test_the_architecture_of_a_gguf_yields_to_any_record():
    header = HeaderFacts("diffusion_model", "Flux.1", certain=True)
    record = witness(1, base_model="Chroma")
    assert value("base_model", record, header=header, file_path="/m/x.gguf") == "Chroma"
    assert value("base_model", record, header=header, file_path="/m/x.safetensors") == "Flux.1"


# --- lists and texts ----------------------------------------------------------------------------------------


def test_tags_are_united_by_rank_and_keep_their_first_spelling():
    loose = witness(1, tags=["INK", "late"])
    close = witness(2, agrees=True, tags=["Ink", " harbor ", "", "ink", 7])
    assert value("tags", loose, close) == ("Ink", "harbor", "late")


def test_loosely_bound_trigger_words_are_heard_only_where_no_others_are():
    loose, close = witness(1, trigger_words=["loose"]), witness(2, fits=True, trigger_words=["close"])
    assert value("trigger_words", loose, close) == ("close",)
    assert value("trigger_words", loose) == ("loose",)


@pytest.mark.parametrize(
    ("entries", "shown"),
    [
        (["a, b", "a", "b"], ("a", "b")),
        (["a", "b", "a,b"], ("a", "b")),
        (["a, b", "a"], ("a, b", "a")),
        (["b, a", "a", "b"], ("b, a", "a", "b")),
        (["a", "A", " a "], ("a", "A")),
    ],
)
def test_an_entry_that_repeats_the_others_joined_is_dropped(entries: list[str], shown: tuple[str, ...]):
    assert value("trigger_words", witness(1, agrees=True, trigger_words=entries)) == shown


def test_a_prompt_stays_one_entry():
    prompt = "inkwash harbor, fog,\nmasts"
    assert value("trigger_words", witness(1, agrees=True, trigger_words=[prompt])) == (prompt,)


def test_one_note_stands_alone_and_line_ends_are_made_equal():
    assert value("notes", witness(1, "a1111-txt", "notes", notes=" one\r\ntwo\r ")) == "one\ntwo"


def test_equal_notes_are_shown_once_and_the_newest_is_kept():
    notes = [witness(1, "a1111-txt", mtime=1, notes="a  b"), witness(2, "lora-manager", mtime=2, notes="a b")]
    assert merged(*notes).fields["notes"] == "a b"
    assert merged(*notes).origins["notes"].record_id == 2


def test_joined_notes_that_come_back_from_an_export_repeat_nothing():
    notes = [
        witness(1, "a1111-txt", mtime=1, notes="one"),
        witness(2, "lora-manager", mtime=2, notes="two\n\n[2]\nx"),
    ]
    joined = value("notes", *notes)
    assert joined == "[lora-manager]\ntwo\n\n[2]\nx\n\n[a1111-txt]\none"
    back = witness(3, "sdnext", mtime=3, notes=joined)
    assert value("notes", *notes, back) == value("notes", back) == joined
    longer = witness(3, "sdnext", mtime=3, notes=f"mine\n\n{joined}")
    assert value("notes", longer) == f"mine\n\n{joined}"


def test_a_note_of_megabytes_is_cut_in_the_light_column():
    shown = value("notes", witness(1, "a1111-txt", "notes", notes="x" * 5_000_000))
    assert len(shown) == 32_768 and shown.endswith("…")


def test_a_rating_is_the_persons_newest_of_the_highest_rank():
    assert (
        value(
            "rating",
            witness(1, "x", "rating", mtime=1, rating=2),
            witness(2, "y", "rating", mtime=2, rating=4),
        )
        == 4
    )
    assert value("rating", witness(1, rating=9)) is None
    assert value("rating", header=HeaderFacts(suggestions={"rating": 3})) == 3


def test_a_favourite_of_any_tool_is_one():
    assert (
        value("favorite", witness(1, "lora-manager", "favorite", favorite=False), witness(2, favorite=True))
        is True
    )
    assert value("favorite", witness(1, favorite=False)) is False


def test_nsfw_is_true_if_a_well_bound_record_says_so():
    no = witness(1, agrees=True, nsfw=False)
    assert value("nsfw", no, witness(2, fits=True, nsfw=True)) is True
    assert value("nsfw", no, witness(2, nsfw=True)) is False
    assert value("nsfw", witness(2, nsfw=True)) is True
    assert value("nsfw", witness(2, name="Ink")) is None


def test_a_preview_path_keeps_its_undecodable_bytes():
    assert value("preview", witness(1, preview="/m/caf\udce9.png")) == "/m/caf\udce9.png"


# --- the chief record ---------------------------------------------------------------------------------------


def test_the_chief_record_is_the_fullest_of_the_best_bound_whatever_the_order():
    witnesses = [
        witness(1, agrees=True, claims={"marker": True}),
        witness(2, agrees=True, claims={"problem": "unparsed_payload"}),
        witness(3, "a1111-txt", "notes", notes="n"),
        witness(4, "civitai-info", agrees=True, name="a", type="lora", base_model="SDXL"),
        witness(5, "lora-manager", agrees=True, name="a"),
        witness(6, agrees=False, fits=False, name="a", type="lora", base_model="SDXL", tags=["x"]),
    ]
    assert {chief(order) for order in permutations(witnesses)} == {4}


def test_a_record_that_says_nothing_is_chief_where_it_is_the_only_one():
    assert chief([witness(9, claims={"marker": True})]) == 9


# --- whatever a record may hold -----------------------------------------------------------------------------

ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(
    st.dictionaries(st.sampled_from(LIGHT_COLUMNS), ODD), st.dictionaries(st.sampled_from(LIGHT_COLUMNS), ODD)
)
def test_values_of_any_shape_become_columns_that_can_be_stored(said: dict[str, Any], user: dict[str, Any]):
    header = HeaderFacts(suggestions=said)
    fields = merged(witness(1, agrees=True, personal="notes", **said), header=header, user=user).fields
    for column in LIGHT_COLUMNS:
        shown = fields[column]
        for text in shown if isinstance(shown, tuple) else [shown]:
            assert text is None or isinstance(text, str | int)
            if isinstance(text, str) and column != "preview":
                assert "\x00" not in text and text.encode()
    assert fields["name"] and fields["type"]
    assert isinstance(fields["favorite"], bool)


def test_of_the_versions_of_one_record_the_newest_is_heard_and_an_older_one_fills_its_gaps():
    def version(number: int, path: str = "/m/x.metadata.json", **fields: Any) -> Witness:
        claims = Claims(fields, personal=frozenset({"notes", "favorite", "tags"} & fields.keys()))
        return Witness(number, "lora-manager", claims, path, imported_at=number)

    old = version(1, name="Old", notes="old", tags=("a",), favorite=True, base_model="Pony")
    new = version(2, name="New", notes="new", tags=("b",))
    shown = merged(old, new)
    assert (shown.fields["name"], shown.fields["notes"], shown.fields["tags"]) == ("New", "new", ("b",))
    assert (shown.fields["favorite"], shown.fields["base_model"]) == (False, "Pony")
    assert shown.origins["base_model"].record_id == 1
    assert chief([old, new]) == 2
    # What lies elsewhere is another record, and a version that can't be read or says nothing replaces none.
    other = version(2, "/n/x.metadata.json", notes="new")
    assert merged(old, other).fields["notes"] == "[lora-manager]\nnew\n\n[lora-manager]\nold"
    broken = replace(new, claims=Claims(problem="unparsed_payload"))
    marker = replace(new, claims=Claims(marker=True))
    assert merged(old, broken).fields == merged(old, marker).fields == merged(old).fields
    # Of a newer version that speaks of another file only the person's own words count.
    elsewhere = replace(new, hash_agrees=False, size_fits=False)
    shown = merged(old, elsewhere)
    assert (shown.fields["name"], shown.fields["tags"], shown.fields["notes"]) == ("Old", ("a",), "new")


def test_a_file_name_refines_the_base_only_where_nobody_says_another():
    header = HeaderFacts("checkpoint", "SDXL", certain=True, base_by_name="Pony")
    alone = merged(header=header)
    assert alone.fields["base_model"] == "Pony"
    assert (alone.origins["base_model"].source, alone.origins["base_model"].rank) == ("file", 7)
    assert value("base_model", witness(1, base_model="SDXL 1.0"), header=header) == "SDXL 1.0"
    assert value("base_model", witness(1, base_model="Illustrious"), header=header) == "Illustrious"


@given(
    kind=st.sampled_from(["lora", "llm", "checkpoint", "diffusion_model", "vae", "unknown"]),
    base=st.sampled_from([None, "SDXL", "SD 1.5", "Flux", " "]),
    by_name=st.sampled_from([None, "Pony", "Illustrious"]),
    certain=st.booleans(),
    path=st.sampled_from(
        [
            PATH,
            "/x/text_encoders/a.gguf",
            "/x/vae/b.SFT",
            "/x/lora.v1.0",
            "C:\\m\\checkpoints\\c.gguf",
            "/m/d",
        ]
    ),
)
def test_a_structure_of_which_nobody_speaks_says_what_it_says_beside_others(
    kind: str, base: str | None, by_name: str | None, certain: bool, path: str
) -> None:
    header = HeaderFacts(kind, base, certain, base_by_name=by_name)
    silent = header._replace(suggestions={"license": ""})
    for _ in range(2):
        assert merged(header=header, file_path=path) == merged(header=silent, file_path=path)
