"""Hashes that records claim and files have, from the import to the undo: what `by_hash` knows at each step."""

import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from modelmgr.library import Library
from modelmgr.progress import Cancelled, Progress
from modelmgr.values import PendingQuery

Lora = Callable[..., Path]
Info = Callable[..., bytes]
Sha256 = Callable[[Path], str]

CLAIMED = {
    "AutoV1": "1A1A1A1A",
    "AutoV2": "2B2B2B2B2B",
    "AutoV3": "3C3C3C3C3C3C",
    "BLAKE3": "4D" * 32,
}


def found(library: Library, digits: str) -> list[tuple[str, str, str | None]]:
    return [(match.kind, match.trust, match.sha256) for match in library.catalog.by_hash(digits)]


def bring_in(library: Library, folder: Path) -> list[int]:
    library.import_paths([str(folder)], progress=Progress())
    return list(library.catalog.pending_order(PendingQuery()))


def claiming(model: Path, *versions: dict[str, str]) -> dict[str, object]:
    names = [model.name, *(f"other {number}.safetensors" for number in range(1, len(versions)))]
    return {
        "files": [
            {"name": name, "type": "Model", "primary": number == 0, "hashes": hashes}
            for number, (name, hashes) in enumerate(zip(names, versions, strict=True))
        ]
    }


def test_claims_are_found_after_the_import_the_promotion_the_clearing_and_the_undo(
    library: Library, models: Path, lora: Lora, civitai_info: Info, sha256: Sha256
) -> None:
    path = lora("ink.safetensors")
    own = sha256(path)
    civitai_info(path, **claiming(path, {**CLAIMED, "SHA256": own.upper(), "AutoV2": own[:10]}))
    (pending,) = bring_in(library, models)
    for kind in ("AutoV1", "AutoV3", "BLAKE3"):
        assert found(library, CLAIMED[kind]) == [(kind, "claimed", own)]
    assert found(library, own) == [("SHA256", "claimed", own)]
    assert found(library, own[:10]) == [("AutoV2", "claimed", own)]
    (before,) = library.catalog.by_hash(CLAIMED["AutoV3"])
    assert (before.pending_id, before.record_id, before.source) == (pending, None, "civitai-info")
    assert before.source_path == str(models / "ink.civitai.info")

    assert library.promote(None, progress=Progress()).promoted == 1
    assert found(library, own) == [("SHA256", "computed", own)]
    assert found(library, own[:10]) == [("AutoV2", "computed", own)]
    for kind in ("AutoV1", "AutoV3", "BLAKE3"):
        (match,) = library.catalog.by_hash(CLAIMED[kind])
        assert (match.trust, match.pending_id) == ("claimed", None)
        assert match.record_id is not None
        assert match.model is not None
        assert match.model.path == str(path)

    library.undo_promotion([pending], Progress())
    assert library.catalog.by_hash(CLAIMED["AutoV3"]) == [before]

    library.promote(None, progress=Progress())
    assert library.clear_promoted() == 1
    assert [match.pending_id for match in library.catalog.by_hash(CLAIMED["AutoV3"])] == [None]
    assert found(library, CLAIMED["BLAKE3"]) == [("BLAKE3", "claimed", own)]


def test_what_was_computed_to_prove_a_claim_is_known_until_the_file_is_rewritten(
    library: Library, models: Path, lora: Lora, civitai_info: Info, sha256: Sha256
) -> None:
    path = lora("ink.safetensors")
    crc = f"{zlib.crc32(path.read_bytes()):08x}"
    civitai_info(path, **claiming(path, {"CRC32": crc.upper()}))
    bring_in(library, models)
    assert found(library, crc) == [("CRC32", "claimed", None)]
    library.promote(None, progress=Progress())
    former = sha256(path)
    assert found(library, crc) == [("CRC32", "computed", former)]
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    library.scan([str(models)], progress=Progress())
    assert sha256(path) != former
    # The record stays with the content of which it spoke; the file has another one now.
    assert found(library, crc) == [("CRC32", "claimed", former)]
    assert found(library, sha256(path)) == [("SHA256", "computed", sha256(path))]
    # No known file has that content any more.
    assert found(library, former) == [("SHA256", "claimed", former)]


def test_a_claim_that_contradicts_the_file_leads_to_where_the_user_put_it(
    library: Library, models: Path, lora: Lora, civitai_info: Info, sha256: Sha256
) -> None:
    path = lora("ink.safetensors")
    wrong = "ee11" * 16
    civitai_info(path, sha256=wrong)
    (pending,) = bring_in(library, models)
    assert library.promote(None, attach_anyway=True, progress=Progress()).promoted == 1
    for digits, kind in ((wrong, "SHA256"), (wrong[:10], "AutoV2")):
        assert found(library, digits) == [(kind, "claimed", sha256(path))]
    library.undo_promotion([pending], Progress())
    assert found(library, wrong) == [("SHA256", "claimed", wrong)]


def test_of_a_version_with_several_files_the_record_answers_for_the_one_it_is_attached_to(
    library: Library, models: Path, lora: Lora, civitai_info: Info, sha256: Sha256
) -> None:
    path = lora("ink.safetensors")
    first, second = (
        {"SHA256": "AB" * 32, "AutoV1": "AAAAAAAA"},
        {"SHA256": sha256(path), "AutoV1": "BBBBBBBB"},
    )
    civitai_info(path, **claiming(path, first, second))
    bring_in(library, models)
    assert library.promote(None, attach_anyway=True, progress=Progress()).promoted == 1
    assert found(library, "bbbbbbbb") == [("AutoV1", "claimed", sha256(path))]
    assert found(library, "aaaaaaaa") == []


def test_a_model_without_file_is_a_claim_until_a_scan_meets_its_bytes(
    library: Library, models: Path, tmp_path: Path, lora: Lora, civitai_info: Info, sha256: Sha256
) -> None:
    path = lora("ink.safetensors", folder=tmp_path / "elsewhere")
    own = sha256(path)
    civitai_info(models / "ink.safetensors", sha256=own)
    bring_in(library, models)
    assert library.promote(None, allow_missing=True, progress=Progress()).promoted == 1
    (match,) = library.catalog.by_hash(own)
    assert (match.trust, match.source, match.name) == ("claimed", "civitai-info", "Ink - v1.2")
    library.scan([str(path.parent)], progress=Progress())
    assert found(library, own) == [("SHA256", "computed", own)]


def test_what_an_older_catalog_holds_is_read_by_the_next_scan(
    library: Library, models: Path, lora: Lora, civitai_info: Info, sha256: Sha256
) -> None:
    path, other = lora("ink.safetensors"), lora("copper.safetensors", 0x42)
    own = sha256(path)
    civitai_info(path, **claiming(path, {**CLAIMED, "SHA256": own}))
    bring_in(library, models)
    library.promote(None, progress=Progress())
    civitai_info(other, **claiming(other, {"BLAKE3": "66" * 32, "AutoV2": "7777777777"}))
    library.import_paths([str(models)], progress=Progress())
    asked = [*CLAIMED.values(), "66" * 32, "7777777777", own]
    before = [library.catalog.by_hash(digits) for digits in asked]
    assert [len(matches) for matches in before] == [1] * len(asked)
    with library.catalog.transaction() as writer:  # as the upgrade of the schema leaves it
        writer.execute_sql("DELETE FROM known_hashes")
        for holder, table in (("pending", "pending_models"), ("record", "records")):
            writer.execute_sql(
                "INSERT INTO known_hashes(holder, holder_id, kind, hash) SELECT ?, id, '', '' "
                f"FROM {table} WHERE id > 0",
                (holder,),
            )
    assert len(library.catalog.unread()) == 3
    assert library.catalog.by_hash(CLAIMED["BLAKE3"]) == []
    stopped = Progress()
    stopped.cancel()
    with pytest.raises(Cancelled):
        library.read_hashes(stopped)
    library.scan([str(models)], progress=Progress())
    assert library.catalog.unread() == []
    after = [library.catalog.by_hash(digits) for digits in asked]
    assert after[:-1] == before[:-1]
    assert [match.trust for match in after[-1]] == ["computed"]
    assert library.read_hashes(Progress()) == 0
    assert library.check(Progress()) == []
