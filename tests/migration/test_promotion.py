"""The verdict on a pending record: every case of the promotion table, and those that refine it."""

from dataclasses import replace
from typing import Any

import pytest

from modelmgr.migration.promotion import (
    Candidate,
    Facts,
    Undecided,
    Verdict,
    choose_file,
    compare,
    size_fits,
    verdict,
)
from modelmgr.values import Claims

# Of two small files: a LoRA of 184 bytes and a checkpoint of 2 MiB.
INK = {
    "sha256": "9548c2eb5134c9387290ee3b2f0e230918611259b79e46847aeaaef625b8445b",
    "AutoV2": "9548c2eb51",
    "AutoV1": "e3b0c442",
    "AutoV3": "d53eda7a637c",
    "CRC32": "fdd31d46",
    "BLAKE3": "2e01a1757db171070edec36339d0f4740d248272d558566599810215015b8cf2",
}
LEAF = {
    "sha256": "f6fc015f5cee804ba65df8a2da7db5d375c30b5072a05768e58c9598aa7ec0e6",
    "AutoV2": "f6fc015f5c",
    "AutoV1": "fee47b1f",
    "AutoV3": "7995dfceebfb",
    "CRC32": "51e8de80",
    "BLAKE3": "9c21623064335e9541f5f2559edda31bded56524ecfb182e8e150ccc0b4ba008",
}
ADDNET = "d53eda7a637c99cc7fb566d96e9fa109bf15c478410a3f5eb4d4c4e26cd081f6"
PATH = "/models/loras/inkwash_harbor.safetensors"
FOUND = Facts(candidates=(PATH,), computed=INK, file_path=PATH, size_bytes=184)
BESIDE = Claims(stem_names=("inkwash_harbor.safetensors",))


def judge(claims: Claims, facts: Facts = FOUND, **wishes: bool) -> Verdict:
    return verdict(claims, facts, **{"attach_anyway": False, "allow_missing": False, **wishes})


# --- the promotion table ------------------------------------------------------------------------------------


def test_an_equal_full_hash_promotes():
    assert judge(Claims(sha256=INK["sha256"])) == Verdict(True, binding="sha256")
    assert judge(Claims(sha256=INK["sha256"].upper())).promote


def test_an_equal_full_hash_counts_more_than_a_partial_one_that_differs():
    assert judge(Claims(sha256=INK["sha256"], partial_hashes={"CRC32": LEAF["CRC32"]})).promote


def test_without_a_claimed_hash_the_file_beside_promotes():
    assert judge(BESIDE) == Verdict(True, binding="stem")


def test_without_a_claimed_hash_the_file_at_the_path_promotes():
    assert judge(Claims(path="D:\\AI\\loras\\Inkwash_Harbor.safetensors")) == Verdict(True, binding="path")


def test_a_record_that_could_not_be_parsed_promotes_with_the_file_beside():
    assert judge(replace(BESIDE, problem="unparsed_payload")).promote


def test_a_marker_binds():
    assert judge(replace(BESIDE, marker=True)).promote


def test_a_full_hash_that_differs_stays_and_names_both_values():
    stays = judge(replace(BESIDE, sha256=LEAF["sha256"]))
    assert (stays.promote, stays.problem) == (False, "hash_mismatch")
    assert stays.candidates == (PATH,)
    assert "SHA-256" in stays.message and LEAF["sha256"] in stays.message and INK["sha256"] in stays.message


def test_a_size_that_differs_too_is_named_beside_the_hash():
    claims = replace(BESIDE, sha256=LEAF["sha256"], size_bytes=2_097_248)
    message = judge(claims).message
    assert "2097248 bytes" in message and "and 184" in message
    assert "bytes" not in judge(replace(claims, size_bytes=184)).message


def test_a_full_hash_that_differs_is_attached_if_the_user_says_so():
    attached = judge(replace(BESIDE, sha256=LEAF["sha256"]), attach_anyway=True)
    assert attached == Verdict(True, binding="manual")


@pytest.mark.parametrize("kind", ["AutoV2", "AutoV1", "AutoV3", "CRC32", "BLAKE3"])
def test_a_partial_hash_that_contradicts_stays_and_is_named(kind: str):
    facts = replace(FOUND, computed=LEAF)
    stays = judge(replace(BESIDE, partial_hashes={kind: ("ABCDEF0123456789" * 4)[: len(LEAF[kind])]}), facts)
    assert stays.problem == "hash_mismatch"
    assert f"{kind} abcdef01" in stays.message and LEAF[kind] in stays.message


@pytest.mark.parametrize("kind", ["AutoV2", "AutoV1", "AutoV3", "CRC32", "BLAKE3"])
def test_a_partial_hash_that_agrees_promotes(kind: str):
    facts = replace(FOUND, computed=LEAF)
    assert judge(replace(BESIDE, partial_hashes={kind: LEAF[kind].upper()}), facts).promote


@pytest.mark.parametrize(("same", "holds"), [("BLAKE3", True), ("AutoV2", True), ("CRC32", False)])
def test_of_partial_hashes_that_disagree_only_an_equal_one_of_the_whole_file_counts(same: str, holds: bool):
    claimed = {kind: "ABCDEF0123456789"[: len(LEAF[kind])] for kind in ("AutoV1", "AutoV3")}
    agrees = compare(Claims(partial_hashes={**claimed, same: LEAF[same]}), LEAF)
    assert agrees.holds is holds


def test_a_partial_hash_is_compared_only_with_what_was_computed():
    facts = replace(FOUND, computed={"sha256": LEAF["sha256"]})
    claims = {"AutoV1": "abcdef01", "AutoV3": "abcdef012345", "CRC32": "abcdef01", "BLAKE3": "ab" * 32}
    assert judge(replace(BESIDE, partial_hashes=claims), facts).promote
    assert judge(replace(BESIDE, partial_hashes={"AutoV2": "abcdef0123"}), facts).problem == "hash_mismatch"


def test_no_file_but_a_full_hash_stays_unless_the_user_allows_it():
    claims = Claims(sha256=INK["sha256"], path="/gone/ink.safetensors")
    stays = judge(claims, Facts())
    assert stays.problem == "no_file"
    assert "/gone/ink.safetensors" in stays.message and INK["sha256"] in stays.message
    assert judge(claims, Facts(), allow_missing=True) == Verdict(True, binding="sha256")


def test_no_file_and_no_full_hash_stays_whatever_the_user_allows():
    claims = Claims(path="/gone/ink.safetensors", partial_hashes={"AutoV2": INK["AutoV2"]})
    assert judge(claims, Facts()).problem == "no_file"
    assert judge(claims, Facts(), allow_missing=True).problem == "no_file"
    assert judge(Claims(), Facts()).message


def test_a_false_full_hash_makes_no_model_without_file():
    nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    for value in (nothing, "0" * 64, "NOHASH", "", "random:" + "a" * 64):
        assert judge(Claims(sha256=value), Facts(), allow_missing=True).problem == "no_file"


def test_several_files_are_ambiguous_and_listed():
    facts = Facts(candidates=("/a/x.safetensors", "/a/x.ckpt"))
    stays = judge(Claims(stem_names=("x.safetensors", "x.ckpt")), facts)
    assert (stays.problem, stays.candidates) == ("ambiguous", facts.candidates)
    assert "/a/x.safetensors" in stays.message and "/a/x.ckpt" in stays.message


def test_a_long_list_of_files_is_cut_in_the_message_only():
    facts = Facts(candidates=tuple(f"/a/{number}.ckpt" for number in range(9)))
    stays = judge(Claims(), facts)
    assert "and 4 more" in stays.message and len(stays.candidates) == 9


def test_a_message_can_be_stored_whatever_the_path_holds():
    for path in ("/m/caf\udce9\n.safetensors", "/m/" + "x" * 100_000):
        for stays in (
            judge(Claims(path=path), Facts()),
            judge(Claims(), Facts(outside=path)),
            judge(Claims(), Facts(candidates=(path, "/b"))),
            judge(Claims(sha256=LEAF["sha256"]), replace(FOUND, file_path=path)),
        ):
            assert stays.message.encode() and len(stays.message) < 2_000
            assert "\n" not in stays.message


def test_a_path_outside_stays_outside_even_if_missing_files_are_allowed():
    claims = Claims(path="/etc/x.safetensors", sha256=INK["sha256"])
    for allow in (False, True):
        stays = judge(claims, Facts(outside="/etc/x.safetensors"), allow_missing=allow)
        assert stays.problem == "outside" and "/etc/x.safetensors" in stays.message


def test_a_known_file_with_the_hash_is_worth_more_than_a_path_outside():
    claims = Claims(path="/etc/x.safetensors", sha256=INK["sha256"])
    assert judge(claims, replace(FOUND, outside="/etc/x.safetensors")) == Verdict(True, binding="sha256")


def test_a_disk_that_is_away_is_named_as_such():
    stays = judge(Claims(path="/mnt/disk/x.safetensors"), Facts(offline=True))
    assert stays.problem == "no_file" and "offline" in stays.message


def test_a_model_of_several_files_is_compared_with_no_claimed_hash():
    facts = replace(FOUND, computed={})
    assert judge(Claims(sha256=LEAF["sha256"], path=PATH), facts) == Verdict(True, binding="path")


# --- what the hash may say otherwise ------------------------------------------------------------------------


def test_equal_tensors_under_a_rewritten_header_promote_and_keep_the_former_hash():
    claims = replace(
        BESIDE, sha256=LEAF["sha256"], partial_hashes={"AutoV3": "D53EDA7A637C", "AutoV2": LEAF["AutoV2"]}
    )
    promoted = judge(claims)
    assert promoted == Verdict(True, former_sha256=LEAF["sha256"], binding="stem")


def test_the_long_form_of_the_tensors_hash_counts_like_the_short_one():
    claims = replace(BESIDE, sha256=LEAF["sha256"], partial_hashes={"AutoV3": ADDNET})
    assert judge(claims).former_sha256 == LEAF["sha256"]


def test_a_tensors_hash_in_the_place_of_the_full_one_is_recognised():
    assert judge(replace(BESIDE, sha256=ADDNET)) == Verdict(True, binding="stem")


def test_the_tensors_hash_of_nothing_proves_nothing():
    claims = replace(BESIDE, sha256=LEAF["sha256"], partial_hashes={"AutoV3": "e3b0c44298fc"})
    facts = replace(FOUND, computed={**INK, "AutoV3": "e3b0c44298fc"})
    assert judge(claims, facts).problem == "hash_mismatch"


def test_the_hash_of_another_file_of_the_version_promotes():
    claims = replace(BESIDE, sha256=LEAF["sha256"], sibling_sha256=("0f" * 32, INK["sha256"].upper()))
    assert judge(claims) == Verdict(True, binding="sha256")


@pytest.mark.parametrize(
    ("size_bytes", "own_hash"), [(184, False), (2_000_000, False), (184, True), (None, True)]
)
def test_no_equal_hash_stays(size_bytes: int | None, own_hash: bool):
    claims = replace(BESIDE, sha256=LEAF["sha256"], own_hash=own_hash, size_bytes=size_bytes)
    assert judge(claims).problem == "hash_mismatch"


def test_hashes_that_a_tool_computed_of_a_file_of_another_size_say_nothing():
    stale = replace(BESIDE, own_hash=True, size_bytes=2_000_000)
    facts = replace(FOUND, computed={**INK, "BLAKE3": "2e" * 32})
    assert judge(replace(stale, sha256=LEAF["sha256"])) == Verdict(True, binding="stem")
    assert judge(replace(stale, partial_hashes={"BLAKE3": "ab" * 32}), facts) == Verdict(True, binding="stem")
    # A catalogue's short hash beside it does.
    short = replace(stale, sha256=LEAF["sha256"], partial_hashes={"AutoV2": "ffffffffff"})
    assert judge(short).problem == "hash_mismatch"


def test_a_hash_that_other_records_proved_to_be_the_files_former_one_promotes():
    facts = replace(FOUND, former=frozenset([LEAF["sha256"]]))
    promoted = judge(replace(BESIDE, sha256=LEAF["sha256"]), facts)
    assert promoted == Verdict(True, former_sha256=LEAF["sha256"], binding="stem")


def test_the_file_that_has_the_claimed_hash_is_named():
    facts = replace(FOUND, holder="/models/old/leaf.safetensors")
    assert (
        "/models/old/leaf.safetensors has the claimed one."
        in judge(replace(BESIDE, sha256=LEAF["sha256"]), facts).message
    )


@pytest.mark.parametrize("value", ["e3b0c442", "de2f2560", "00000000", "", "NOFILE"])
def test_a_partial_hash_that_is_known_to_be_false_is_not_compared(value: str):
    facts = replace(FOUND, computed=LEAF)
    assert judge(replace(BESIDE, partial_hashes={"AutoV1": value}), facts) == Verdict(True, binding="stem")


def test_the_old_hash_of_a_file_too_small_for_it_is_not_compared():
    assert judge(replace(BESIDE, partial_hashes={"AutoV1": "fee47b1f"})).promote


def test_an_equal_hash_of_the_whole_file_outweighs_a_stale_one_of_its_tensors():
    claims = replace(BESIDE, partial_hashes={"AutoV2": INK["AutoV2"], "AutoV3": "abcdef012345"})
    assert judge(claims).promote


def test_agreement_is_told_in_three_words():
    assert compare(Claims(sha256=INK["sha256"]), INK).holds is True
    assert compare(Claims(partial_hashes={"CRC32": "FDD31D46"}), INK).holds is True
    assert compare(Claims(sha256=LEAF["sha256"]), INK).holds is False
    assert compare(Claims(), INK).holds is None
    assert compare(Claims(sha256=LEAF["sha256"]), {}).holds is None


def test_a_size_in_kilobytes_is_a_hint_with_a_tolerance():
    assert size_fits(Claims(size_bytes=184), 184) is True
    assert size_fits(Claims(size_bytes=185), 184) is False
    assert size_fits(Claims(size_hint_bytes=1000), 184) is True
    assert size_fits(Claims(size_hint_bytes=5000), 184) is False
    assert size_fits(Claims(), 184) is None
    assert size_fits(Claims(size_bytes=184), None) is None


# --- which of several files ---------------------------------------------------------------------------------


def choose(claims: Claims, *candidates: Candidate, source: str = "") -> str | Undecided | None:
    return choose_file(claims, candidates, source=source)


def files(*names: str, **facts: Any) -> list[Candidate]:
    return [Candidate(f"/m/{name}", 100 + place, **facts) for place, name in enumerate(names)]


def test_no_candidate_is_no_file_and_one_is_the_file():
    assert choose(Claims()) is None
    assert choose(Claims(sha256=LEAF["sha256"]), *files("x.ckpt")) == "/m/x.ckpt"


def test_the_hash_decides_before_the_name():
    ink = Candidate("/m/x.ckpt", 184, INK["sha256"])
    other = Candidate("/m/x.safetensors", 9, LEAF["sha256"])
    claims = Claims(sha256=INK["sha256"], path="x.safetensors")
    assert choose(claims, other, ink) == "/m/x.ckpt"
    assert choose(Claims(sibling_sha256=(INK["sha256"],)), other, ink) == "/m/x.ckpt"
    assert choose(Claims(partial_hashes={"AutoV2": "9548C2EB51"}), other, ink) == "/m/x.ckpt"


def test_copies_of_one_content_are_one_file():
    copies = files("a/x.safetensors", "b/x.safetensors", sha256=INK["sha256"])
    assert choose(Claims(sha256=INK["sha256"]), *copies) == "/m/a/x.safetensors"
    assert choose(Claims(sha256=INK["sha256"], path="D:\\b\\x.safetensors"), *copies) == "/m/a/x.safetensors"


def test_the_name_decides_before_the_size():
    candidates = files("x.safetensors", "x.ckpt")
    assert choose(Claims(path="C:/models/X.ckpt", size_bytes=100), *candidates) == "/m/x.ckpt"


def test_a_name_in_the_same_case_is_preferred():
    candidates = files("X.safetensors", "x.safetensors")
    assert choose(Claims(path="/old/x.safetensors"), *candidates) == "/m/x.safetensors"
    assert choose(Claims(path="/old/X.safetensors"), *candidates) == "/m/X.safetensors"


def test_the_longest_common_tail_of_a_foreign_path_decides():
    candidates = files("a/x.safetensors", "b/x.safetensors")
    assert choose(Claims(path="D:\\ai\\b\\x.safetensors"), *candidates) == "/m/b/x.safetensors"
    assert choose(Claims(path="D:\\ai\\c\\x.safetensors"), *candidates) is Undecided.SEVERAL


def test_the_ending_of_the_catalogues_file_decides():
    candidates = files("x.safetensors", "x.ckpt")
    assert choose(Claims(path="copperleafXL_v3.safetensors"), *candidates) == "/m/x.safetensors"


def test_the_exact_size_decides_and_then_the_hint():
    candidates = [Candidate("/m/x.safetensors", 50_000), Candidate("/m/x.ckpt", 90_000)]
    assert choose(Claims(size_bytes=90_000), *candidates) == "/m/x.ckpt"
    assert choose(Claims(size_hint_bytes=49_500), *candidates) == "/m/x.safetensors"


def test_civitai_helper_never_means_a_gguf():
    candidates = files("x.gguf", "x.safetensors")
    assert choose(Claims(), *candidates, source="civitai-info") == "/m/x.safetensors"
    assert choose(Claims(), *candidates) is Undecided.SEVERAL


def test_a_checkpoints_record_does_not_mean_its_companion_vae():
    candidates = files("x.vae.pt", "x.ckpt")
    assert choose(Claims(fields={"type": "checkpoint"}), *candidates) == "/m/x.ckpt"


def test_nothing_that_tells_them_apart_leaves_it_open():
    assert choose(Claims(fields={"type": "lora"}), *files("x.pt", "x.ckpt")) is Undecided.SEVERAL
