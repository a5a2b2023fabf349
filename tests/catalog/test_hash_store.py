"""From a hash of any kind to models and records, and how far each is to be trusted."""

from collections.abc import Callable
from pathlib import Path

import pytest

from modelmgr.catalog import Catalog, engine, hash_store
from modelmgr.catalog.found import FoundModel
from modelmgr.catalog.import_store import NewRecord
from modelmgr.errors import Usage
from modelmgr.progress import Progress
from modelmgr.values import Hashes, HashMatch, PendingQuery, PendingState, Record

Found = Callable[..., FoundModel]

REAL = "ab12" * 16  # the computed hash of the one file
CLAIMED = "cd34" * 16
BLAKE3 = "5e" * 32


def hashed(catalog: Catalog, found: Found, path: str = "/m/Ink.safetensors", sha256: str = REAL) -> int:
    """Put a file with a computed hash into the catalog; return its model."""
    (model,) = catalog.put_found([found(path)])
    outcome = catalog.put_hash(catalog.files_of(model)[0].id, 100, 10**18, Hashes(sha256))
    assert outcome is not None
    return outcome.model_id


def imported(catalog: Catalog, key: str, sha256: str | None = None, **hashes: str) -> int:
    """Import a record that claims these hashes; return its pending id."""
    record = Record("generic-json", "/m/x.json", key, b'{"k": "' + key.encode() + b'"}')
    batch = catalog.begin_batch(["/m"], None)
    new = NewRecord(record, f"name {key}", "lora", None, sha256, None, None, "", hashes=hashes)
    assert catalog.put_records(batch, [new]) == ["added"]
    return max(catalog.pending_order(PendingQuery()))


def brief(found: list[HashMatch]) -> list[tuple[str, str, str | None, str, str]]:
    return [(match.kind, match.trust, match.sha256, match.record_key, match.name) for match in found]


def test_a_computed_hash_is_found_whole_and_by_its_beginning_in_any_case(
    catalog: Catalog, found: Found
) -> None:
    model = hashed(catalog, found)
    (match,) = catalog.by_hash(REAL.upper())
    assert match == HashMatch(
        "SHA256", "computed", catalog.rows([model])[0], REAL, "", "", "", None, None, "Ink"
    )
    assert brief(catalog.by_hash("AB12ab12aB")) == [("AutoV2", "computed", REAL, "", "Ink")]
    # No hash has eight or twelve digits of a SHA-256, nor 63.
    assert [catalog.by_hash(REAL[:digits]) for digits in (8, 9, 12, 63)] == [[]] * 4


def test_what_pending_records_claim_is_found_by_every_kind(catalog: Catalog) -> None:
    pending = imported(
        catalog, "k", CLAIMED,
        AutoV1="00aa11bb", AutoV2="1234567890", AutoV3="abcdefabcdef", CRC32="00AA11BB".lower(), BLAKE3=BLAKE3,
    )  # fmt: skip
    assert brief(catalog.by_hash("00aa11bb")) == [
        ("AutoV1", "claimed", CLAIMED, "k", "name k"),
        ("CRC32", "claimed", CLAIMED, "k", "name k"),
    ]
    expected = HashMatch(
        "AutoV3", "claimed", None, CLAIMED, "generic-json", "/m/x.json", "k", None, pending, "name k"
    )
    assert catalog.by_hash("ABCDEFabcdef") == [expected]
    assert catalog.by_hash("abcdefabcdef" + "0" * 52) == [expected]
    assert brief(catalog.by_hash(BLAKE3)) == [("BLAKE3", "claimed", CLAIMED, "k", "name k")]
    for digits in ("1234567890", CLAIMED[:10]):
        assert brief(catalog.by_hash(digits)) == [("AutoV2", "claimed", CLAIMED, "k", "name k")]
    assert brief(catalog.by_hash(CLAIMED)) == [("SHA256", "claimed", CLAIMED, "k", "name k")]


def test_an_autov2_that_only_repeats_the_sha256_takes_no_row(catalog: Catalog) -> None:
    imported(catalog, "k", CLAIMED, AutoV2=CLAIMED[:10])
    rows = catalog._reader.execute_sql("SELECT count(*) FROM known_hashes").fetchone()
    assert rows == (0,)
    assert len(catalog.by_hash(CLAIMED[:10])) == 1


def test_computed_comes_first_and_a_claim_adds_nothing_to_it(catalog: Catalog, found: Found) -> None:
    model = hashed(catalog, found)
    catalog.put_partial_hashes("/m/Ink.safetensors", {"AutoV3": "abcdefabcdef", "CRC32": "00aa11bb"})
    imported(catalog, "other", None, AutoV3="abcdefabcdef")
    promoted = imported(catalog, "own", REAL, AutoV3="abcdefabcdef", AutoV1="77777777")
    record = catalog.attach(
        promoted, model, REAL, None, "sha256", 1, {"AutoV3": "abcdefabcdef", "SHA256": REAL}
    )
    assert brief(catalog.by_hash("abcdefabcdef")) == [
        ("AutoV3", "computed", REAL, "", "Ink"),
        ("AutoV3", "claimed", None, "other", "name other"),
    ]
    assert brief(catalog.by_hash(REAL)) == [("SHA256", "computed", REAL, "", "Ink")]
    # The active record claims no AutoV1 of this file: what the pending row said of another one counts no more.
    assert catalog.by_hash("77777777") == []
    assert record == 1


def test_an_active_record_answers_for_what_it_claims_until_it_is_taken_away(
    catalog: Catalog, found: Found
) -> None:
    model = hashed(catalog, found)
    for key in ("a", "b"):
        pending = imported(catalog, key, CLAIMED, BLAKE3=BLAKE3)
        catalog.attach(pending, model, REAL, None, "anyway", 1, {"SHA256": CLAIMED, "BLAKE3": BLAKE3})
    catalog.set_chief(model, 2)
    (match,) = catalog.by_hash(CLAIMED)
    assert match == HashMatch(
        "SHA256", "claimed", catalog.rows([model])[0], REAL, "generic-json", "/m/x.json", "b", 2, None, "Ink"
    )
    assert brief(catalog.by_hash(CLAIMED[:10])) == [("AutoV2", "claimed", REAL, "b", "Ink")]
    assert brief(catalog.by_hash(BLAKE3)) == [("BLAKE3", "claimed", REAL, "b", "Ink")]
    assert catalog.clear_promoted() == 2
    assert len(catalog.by_hash(CLAIMED)) == 1
    assert catalog._reader.execute_sql("SELECT DISTINCT holder FROM known_hashes").fetchall() == [("record",)]


def test_an_undo_leads_back_to_the_pending_record(catalog: Catalog, found: Found) -> None:
    model = hashed(catalog, found)
    pending = imported(catalog, "a", CLAIMED, BLAKE3=BLAKE3)
    catalog.attach(pending, model, REAL, None, "anyway", 1, {"SHA256": CLAIMED, "BLAKE3": BLAKE3})
    catalog.detach(pending, CLAIMED, None, None, "", ())
    for digits, kind in ((BLAKE3, "BLAKE3"), (CLAIMED, "SHA256")):
        (match,) = catalog.by_hash(digits)
        assert (match.kind, match.model, match.pending_id) == (kind, None, pending)
    assert catalog._reader.execute_sql("SELECT DISTINCT holder FROM known_hashes").fetchall() == [
        ("pending",)
    ]


def test_a_dismissed_record_still_claims(catalog: Catalog) -> None:
    pending = imported(catalog, "a", None, BLAKE3=BLAKE3)
    catalog.set_state([pending], PendingState.PENDING, PendingState.DISMISSED)
    assert [match.pending_id for match in catalog.by_hash(BLAKE3)] == [pending]


def test_hashes_of_a_file_go_when_it_is_rewritten_and_when_it_goes(catalog: Catalog, found: Found) -> None:
    model = hashed(catalog, found)
    path = "/m/Ink.safetensors"
    file = catalog.files_of(model)[0]
    catalog.put_partial_hashes(path, {"BLAKE3": BLAKE3})
    catalog.put_former_hash(path, CLAIMED)
    assert brief(catalog.by_hash(BLAKE3)) == [("BLAKE3", "computed", REAL, "", "Ink")]
    assert brief(catalog.by_hash(CLAIMED)) == [("SHA256", "claimed", REAL, "", "Ink")]
    assert brief(catalog.by_hash(CLAIMED[:10])) == [("AutoV2", "claimed", REAL, "", "Ink")]
    catalog.touch_file(file.id, file.size_bytes, 10**18 + 1, 0, 1)
    assert catalog.by_hash(BLAKE3) == []
    assert (
        len(catalog.by_hash(CLAIMED)) == 1
    )  # what it was formerly, it was: its tensors may still be the same
    # The model keeps its identity while its file is hashed again.
    assert brief(catalog.by_hash(REAL)) == [("SHA256", "computed", REAL, "", "Ink")]
    catalog.put_partial_hashes(path, {"BLAKE3": BLAKE3})
    catalog.put_found([found(path, size_bytes=7)._replace(file_id=file.id)])
    assert catalog.by_hash(BLAKE3) == []
    catalog.put_partial_hashes(path, {"BLAKE3": BLAKE3})
    catalog.add_folder("/m", 1)
    catalog.remove_folder("/m")
    assert catalog.by_hash(BLAKE3) == []
    assert catalog._reader.execute_sql("SELECT count(*) FROM known_hashes").fetchone() == (0,)


def test_a_model_without_a_file_has_a_claimed_hash_until_a_file_bears_it_out(
    catalog: Catalog, found: Found
) -> None:
    model, _ = catalog.ensure_model(CLAIMED, "Nowhere", 5)
    assert brief(catalog.by_hash(CLAIMED)) == [("SHA256", "claimed", CLAIMED, "", "Nowhere")]
    pending = imported(catalog, "a", CLAIMED)
    catalog.attach(pending, model, CLAIMED, None, "sha256", 1, {"SHA256": CLAIMED})
    (match,) = catalog.by_hash(CLAIMED)
    assert (match.trust, match.record_key, match.record_id) == ("claimed", "a", 1)
    assert hashed(catalog, found, sha256=CLAIMED) == model
    assert [match.trust for match in catalog.by_hash(CLAIMED)] == ["computed"]


def test_paths_and_keys_of_any_bytes_come_back_as_they_were(catalog: Catalog) -> None:
    record = Record("generic-json", "/m/\udcff.json", "k\ud800", b"{}")
    batch = catalog.begin_batch(["/m"], None)
    new = NewRecord(record, "x", "lora", None, None, None, None, "", hashes={"BLAKE3": BLAKE3})
    catalog.put_records(batch, [new])
    (match,) = catalog.by_hash(BLAKE3)
    assert (match.source_path, match.record_key) == ("/m/\udcff.json", "k\ud800")


def test_hashes_stand_by_their_own_records_however_the_chunk_was_written(catalog: Catalog) -> None:
    """A chunk of many statements; one that meets a record that is known, and so is written one by one."""

    def new(number: int) -> NewRecord:
        record = Record("generic-json", "/m/x.json", str(number), b"%d" % number)
        hashes = {"BLAKE3": f"{number:064x}", "CRC32": f"{number:08x}"}
        return NewRecord(record, f"n{number}", "lora", None, None, None, None, "", hashes=hashes)

    batch = catalog.begin_batch(["/m"], None)
    assert catalog.put_records(batch, [new(1)]) == ["added"]
    many = [new(number) for number in range(2, 402)]
    assert set(catalog.put_records(batch, many, states=["added"] * 400)) == {"added"}
    mixed = [new(number) for number in range(395, 420)]
    catalog.put_records(batch, mixed, states=["added"] * 25)
    for number in range(1, 420):
        for digits in (f"{number:064x}", f"{number:08x}"):
            (match,) = catalog.by_hash(digits)
            assert (match.record_key, match.name) == (str(number), f"n{number}")
    assert catalog._reader.execute_sql("SELECT count(*) FROM known_hashes").fetchone() == (2 * 419,)


def test_of_very_many_claims_only_the_first_are_given_and_models_come_before_them(
    catalog: Catalog, found: Found
) -> None:
    batch = catalog.begin_batch(["/m"], None)
    records = [
        NewRecord(
            Record("generic-json", "/m/x.json", str(number), b"{}"), "x", "lora", None, None, None, None, "",
            hashes={"AutoV3": "abcdefabcdef"},
        )
        for number in range(500)
    ]  # fmt: skip
    catalog.put_records(batch, records, states=["added"] * 500)
    hashed(catalog, found)
    catalog.put_partial_hashes("/m/Ink.safetensors", {"AutoV3": "abcdefabcdef"})
    matches = catalog.by_hash("abcdefabcdef")
    assert len(matches) == hash_store.MATCHES
    assert [match.trust for match in matches[:2]] == ["computed", "claimed"]


@pytest.mark.parametrize(
    "text", ["", "abc", "0" * 7, "0" * 65, "x" * 10, "0" * 9 + "g", "' OR 1=1", "0" * 8 + "\n", "०" * 10]
)
def test_what_is_no_hash_is_refused(catalog: Catalog, text: str) -> None:
    with pytest.raises(Usage, match="8 to 64 hex digits"):
        catalog.by_hash(text)


def test_no_statement_reads_a_payload_or_walks_a_table(catalog: Catalog, found: Found) -> None:
    model = hashed(catalog, found)
    pending = imported(catalog, "a", CLAIMED, BLAKE3=BLAKE3)
    catalog.attach(pending, model, REAL, None, "anyway", 1, {"SHA256": CLAIMED, "BLAKE3": BLAKE3})
    statements: list[str] = []
    catalog.trace(statements.append)
    for digits in (REAL, REAL[:10], BLAKE3, "00000000", "abcdefabcdef"):
        catalog.by_hash(digits)
    catalog.trace(None)
    assert not [sql for sql in statements if "meta_json" in sql]
    for sql in statements:
        if sql.startswith("SELECT"):
            plan = [row[3] for row in catalog._reader.execute_sql(f"EXPLAIN QUERY PLAN {sql}")]
            assert not [step for step in plan if step.startswith("SCAN")], (sql, plan)
            if "known_hashes" in sql:
                assert "INDEX knownhashtable_hash (hash" in plan[0], (sql, plan)


def test_one_payload_is_given_only_where_model_and_record_belong_together(
    catalog: Catalog, found: Found
) -> None:
    model = hashed(catalog, found)
    other, _ = catalog.ensure_model(CLAIMED, "Other", 5)
    record = catalog.attach(imported(catalog, "a"), model, REAL, None, "anyway")
    theirs = catalog.attach(imported(catalog, "b"), other, CLAIMED, None, "anyway")
    assert record is not None
    assert theirs is not None
    statements: list[str] = []
    catalog.trace(statements.append)
    assert catalog.record_of(REAL, record) == b'{"k": "a"}'
    assert len(statements) == 1
    catalog.trace(None)
    assert catalog.record_of(CLAIMED, theirs) == b'{"k": "b"}'
    assert catalog.record_of(REAL, theirs) is None
    assert catalog.record_of("0" * 64, record) is None
    assert catalog.record_of(REAL, 99) is None
    assert catalog.check(Progress()) == []


def test_a_catalog_of_version_2_is_upgraded_and_knows_what_it_has_not_read(
    tmp_path: Path, found: Found
) -> None:
    path = tmp_path / "c.sqlite"
    with Catalog.open(path) as catalog:
        model = hashed(catalog, found)
        catalog.put_partial_hashes(
            "/m/Ink.safetensors", {"BLAKE3": BLAKE3, "former": f"{CLAIMED} {'1' * 64}"}
        )
        promoted = imported(catalog, "a", REAL)
        catalog.attach(promoted, model, REAL, None, "sha256")
        imported(catalog, "b", None)
    conn = engine.connect(str(path), "mode=rw")
    fresh = objects(conn)
    for name in engine._HASH_TRIGGERS:
        conn.execute(f"DROP TRIGGER {name}")
    conn.execute("DROP TABLE known_hashes")
    conn.execute("DROP INDEX models_format")
    conn.execute("PRAGMA user_version=2")
    conn.close()
    with Catalog.open(path) as catalog:
        assert brief(catalog.by_hash(BLAKE3)) == [("BLAKE3", "computed", REAL, "", "Ink")]
        assert brief(catalog.by_hash(CLAIMED)) == [("SHA256", "claimed", REAL, "", "Ink")]
        assert brief(catalog.by_hash("1" * 64)) == [("SHA256", "claimed", REAL, "", "Ink")]
        assert catalog.unread() == [("pending", 1), ("pending", 2), ("record", 1)]
        assert catalog.check(Progress()) == []
    conn = engine.connect(str(path), "mode=rw")
    assert objects(conn) == fresh
    conn.close()


def objects(conn: engine.Connection) -> set[tuple[str, str]]:
    return {
        (row[0], row[1]) for row in conn.execute("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL")
    }
