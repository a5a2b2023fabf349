"""From records to models: each case of the promotion, with real files and real sidecars."""

import base64
import csv
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from modelmgr.library import Library
from modelmgr.progress import Progress
from modelmgr.values import ImportReport, ModelQuery, ModelRow, PendingModel, PromoteReport
from tests.inbox import pending_in

Lora = Callable[..., Path]
Info = Callable[..., bytes]
Hash = Callable[[Path], str]


def imported(library: Library, *paths: Path) -> ImportReport:
    report = library.import_paths([str(path) for path in paths], progress=Progress())
    assert report.seen == report.imported + report.unchanged + report.ignored + report.failed
    return report


def promote(library: Library, **options: bool) -> PromoteReport:
    return library.promote(None, progress=Progress(), **options)


def pending(library: Library) -> list[PendingModel]:
    return pending_in(library.catalog)


def only(library: Library) -> ModelRow:
    (row,) = library.catalog.page(ModelQuery(), None)
    return row


def test_a_claimed_hash_that_is_true_is_promoted_with_every_byte(
    library: Library, models: Path, lora: Lora, civitai_info: Info, sha256: Hash
) -> None:
    path = lora("inkwash.safetensors")
    payload = civitai_info(path, sha256(path))
    report = imported(library, models)
    assert (report.imported, report.problems, report.model_count) == (1, [], 1)
    (row,) = pending(library)
    assert (row.source, row.name, row.type, row.sha256, row.file_path, row.problem) == (
        "civitai-info",
        "Inkwash - v1.2",
        "lora",
        sha256(path),
        str(path),
        None,
    )
    assert promote(library).promoted == 1
    model = only(library)
    assert (model.sha256, model.name, model.base_model) == (sha256(path), "Inkwash - v1.2", "SDXL 1.0")
    assert (model.trigger_words, model.file_state, model.hash_state) == (
        ("inkwash harbor",),
        "present",
        "done",
    )
    details = library.catalog.details(sha256(path))
    assert details is not None
    assert [record.payload for record in details.records] == [payload]
    assert details.provenance["base_model"].record_id == details.records[0].id
    assert [row.state for row in pending(library)] == ["promoted"]


def test_without_a_claim_the_computed_hash_counts(
    library: Library, models: Path, lora: Lora, civitai_info: Info, sha256: Hash
) -> None:
    path = lora("one.safetensors")
    civitai_info(path)
    imported(library, models)
    assert promote(library).promoted == 1
    assert only(library).sha256 == sha256(path)


def test_a_false_claim_stays_until_the_user_attaches_it_anyway(
    library: Library, models: Path, lora: Lora, civitai_info: Info, sha256: Hash
) -> None:
    path = lora("one.safetensors")
    payload = civitai_info(path, "ab" * 32)
    imported(library, models)
    report = promote(library)
    assert (report.promoted, report.stayed, report.problems[0].code) == (0, 1, "hash_mismatch")
    (row,) = pending(library)
    assert (row.state, row.problem) == ("pending", "hash_mismatch")
    assert "ab" * 32 in row.message
    assert library.catalog.count(ModelQuery()) == 0
    assert promote(library, attach_anyway=True).promoted == 1
    details = library.catalog.details(sha256(path))
    assert details is not None
    assert details.records[0].payload == payload


def test_what_waits_tells_the_computed_hash_of_its_file_before_a_claimed_one(
    library: Library, models: Path, lora: Lora, civitai_info: Info, sha256: Hash
) -> None:
    silent, liar, gone = lora("silent.safetensors"), lora("liar.safetensors"), lora("gone.safetensors")
    civitai_info(silent)
    civitai_info(liar, "ab" * 32)
    civitai_info(gone, "cd" * 32)
    gone.unlink()
    imported(library, models)
    assert {row.sha256 for row in pending(library)} == {None, "ab" * 32, "cd" * 32}
    library.scan([str(models)], progress=Progress())
    found = {Path(row.source_path).name.split(".")[0]: row.sha256 for row in pending(library)}
    assert found == {"silent": sha256(silent), "liar": sha256(liar), "gone": "cd" * 32}
    assert [match.trust for match in library.catalog.by_hash("ab" * 32)] == ["claimed"]


@pytest.mark.parametrize(("claim", "promoted"), [("true", 1), ("false", 0)])
def test_a_partial_claim_is_held_against_the_computed_hash(
    library: Library, models: Path, lora: Lora, civitai_info: Info, sha256: Hash, claim: str, promoted: int
) -> None:
    path = lora("one.safetensors")
    short = sha256(path)[:10].upper() if claim == "true" else "0123456789"
    files = [{"name": path.name, "type": "Model", "primary": True, "hashes": {"AutoV2": short}}]
    civitai_info(path, files=files)
    imported(library, models)
    report = promote(library)
    assert (report.promoted, [problem.code for problem in report.problems]) == (
        promoted,
        [] if promoted else ["hash_mismatch"],
    )


def test_a_record_without_file_stays_unless_it_claims_a_hash_and_the_user_wants_it(
    library: Library, models: Path, lora: Lora, civitai_info: Info, sha256: Hash
) -> None:
    path = lora("one.safetensors")
    digest, data = sha256(path), path.read_bytes()
    civitai_info(path, digest)
    path.unlink()
    bare = models / "bare.safetensors"
    civitai_info(bare)
    imported(library, models)
    assert {row.problem for row in pending(library)} == {"no_file"}
    assert promote(library).stayed == 2
    report = promote(library, allow_missing=True)
    assert (report.promoted, report.stayed) == (1, 1)
    row = only(library)
    assert (row.sha256, row.file_state, row.path, row.file_count) == (digest, "missing", None, 0)
    (models / "elsewhere.safetensors").write_bytes(data)
    library.scan([str(models)], progress=Progress())
    linked = only(library)
    assert (linked.id, linked.file_state, linked.name) == (row.id, "present", row.name)


@pytest.mark.parametrize("are_keys", [False, True], ids=["rows", "keys"])
def test_what_records_make_of_a_model_is_the_same_in_whatever_order_they_are_promoted(
    tmp_path: Path, are_keys: bool
) -> None:
    from modelmgr.catalog import Catalog

    said = {"sha256": "ab" * 32, "path": "/away/x.safetensors"}
    rows = [
        {**said, "name": "first", "rating": 1, "tags": ["a"]},
        {**said, "name": "second", "rating": 5, "size": 4096},
        {**said, "name": "third", "rating": 3, "tags": ["b"], "size_kb": 7},
    ]
    rows += [{"name": f"row {number}"} for number in range(3, 10)] + [{**said, "name": "last", "tags": ["c"]}]
    export = tmp_path / "export.json"
    export.write_text(json.dumps({f"key {at:02}": row for at, row in enumerate(rows)} if are_keys else rows))
    answers = []
    for turn in (1, -1):
        with Catalog.open(tmp_path / f"{turn}.sqlite") as catalog:
            other = Library(catalog)
            imported(other, export)
            for row in pending(other)[::turn]:
                other.promote([row.id], allow_missing=True, progress=Progress())
            model = only(other)
            answers.append((model.name, model.rating, model.tags, model.size_bytes))
    assert answers == [("last", 3, ("c", "b", "a"), 4096)] * 2


def test_locate_sets_the_path_and_promotion_still_verifies_it(
    library: Library, models: Path, lora: Lora, civitai_info: Info, tmp_path: Path
) -> None:
    path = lora("one.safetensors")
    civitai_info(path, "ab" * 32)
    moved = path.rename(tmp_path / "far away.safetensors")
    imported(library, models)
    (row,) = pending(library)
    library.locate(row.id, str(moved))
    assert [row.file_path for row in pending(library)] == [str(moved)]
    assert promote(library).problems[0].code == "hash_mismatch"


def test_several_records_of_one_model_are_all_attached_and_merged(
    library: Library, models: Path, lora: Lora, civitai_info: Info, sha256: Hash
) -> None:
    path = lora("one.safetensors")
    civitai_info(path, sha256(path))
    path.with_suffix(".json").write_text(
        json.dumps({"notes": "my note", "activation text": "mist", "sd version": "SDXL"})
    )
    manager = {
        "file_name": "one",
        "model_name": "My Harbor",
        "file_path": str(path),
        "sha256": sha256(path),
        "base_model": "SDXL 1.0",
        "favorite": True,
        "tags": ["harbor"],
        "civitai": {},
    }
    path.with_suffix(".metadata.json").write_text(json.dumps(manager))
    report = imported(library, models)
    assert {source: counts["imported"] for source, counts in report.by_source.items()} == {
        "civitai-info": 1,
        "a1111-user-json": 1,
        "lora-manager": 1,
    }
    assert promote(library).promoted == 3
    row = only(library)
    assert (row.name, row.favorite, row.base_model, row.tags) == ("My Harbor", True, "SDXL 1.0", ("harbor",))
    assert row.notes is not None
    assert "my note" in row.notes
    assert set(row.trigger_words) == {"mist", "inkwash harbor"}
    details = library.catalog.details(row.sha256 or "")
    assert details is not None
    assert {record.source for record in details.records} == {
        "civitai-info",
        "a1111-user-json",
        "lora-manager",
    }


def test_a_path_outside_stays_until_its_folder_is_added(
    library: Library, models: Path, lora: Lora, tmp_path: Path, sha256: Hash
) -> None:
    path = lora("one.safetensors", folder=tmp_path / "data")
    table = tmp_path / "exports" / "models.csv"
    table.parent.mkdir()
    with table.open("w", newline="") as file:
        csv.writer(file).writerows([["name", "path", "notes"], ["One", str(path), "mine"]])
    report = imported(library, table)
    assert report.outside_folders == {str(path.parent): 1}
    assert [row.problem for row in pending(library)] == ["outside"]
    assert promote(library).problems[0].code == "outside"
    library.add_folder(str(path.parent))
    assert promote(library).promoted == 1
    assert (only(library).sha256, only(library).notes) == (sha256(path), "mine")


def test_a_sidecar_whose_link_leads_outside_is_read_once_its_folder_is_added(
    library: Library, models: Path, lora: Lora, civitai_info: Info, tmp_path: Path, sha256: Hash
) -> None:
    path = lora("one.safetensors")
    civitai_info(path, sha256(path))
    sidecar, elsewhere = path.with_suffix(".civitai.info"), tmp_path / "elsewhere"
    elsewhere.mkdir()
    sidecar.rename(elsewhere / sidecar.name)
    sidecar.symlink_to(elsewhere / sidecar.name)
    (models / "devices").symlink_to("/proc")
    for report in (library.preview([str(models)], progress=Progress()), imported(library, models)):
        assert report.outside_folders == {str(elsewhere): 1}
    library.add_folder(str(elsewhere))
    assert imported(library, models).outside_folders == {}
    assert promote(library).promoted == 1


def test_a_file_that_was_replaced_is_not_named_as_the_one_that_is_meant(
    library: Library, models: Path, lora: Lora, civitai_info: Info, sha256: Hash
) -> None:
    path = lora("one.safetensors", 1)
    civitai_info(path, sha256(path))
    library.scan([str(models)], progress=Progress())
    lora("two.safetensors", 2).replace(path)
    imported(library, models)
    (problem,) = promote(library).problems
    assert problem.code == "hash_mismatch"
    assert sha256(path) in problem.message
    assert "has the claimed one" not in problem.message


def test_an_ambiguous_stem_stays_with_its_candidates(
    library: Library, models: Path, lora: Lora, civitai_info: Info
) -> None:
    one = lora("one.safetensors", 1)
    two = lora("one.ckpt", 2)
    civitai_info(one, files=[])
    imported(library, models)
    assert promote(library).problems[0].code == "ambiguous"
    (row,) = pending(library)
    assert set(row.candidates) == {str(one), str(two)}


def test_a_claimed_hash_tells_which_of_several_files_of_a_stem_is_meant(
    library: Library, models: Path, lora: Lora, civitai_info: Info, sha256: Hash
) -> None:
    lora("one.safetensors", 1)
    meant = lora("one.ckpt", 2)
    files = [{"name": "other.bin", "type": "Model", "hashes": {"SHA256": sha256(meant)}}]
    civitai_info(meant, files=files)
    imported(library, models)
    assert promote(library).promoted == 1
    assert (only(library).path, only(library).sha256) == (str(meant), sha256(meant))


def test_a_table_of_the_library_has_a_row_for_every_record(
    library: Library, models: Path, lora: Lora, civitai_info: Info, tmp_path: Path
) -> None:
    path = lora("=one.safetensors", 1)
    payload = civitai_info(path)
    path.with_suffix(".txt").write_bytes(b"=1+1 \xff")
    lora("two.safetensors", 2)
    library.scan([str(models)], progress=Progress())
    imported(library, models)
    promote(library)
    target = tmp_path / "library.csv"
    with target.open("w", newline="") as out:
        assert library.export_library(out, "csv", Progress()) == (2, 2)
    with target.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {base64.b64decode(row["payload_base64"]) for row in rows} == {payload, b"=1+1 \xff", b""}
    assert len(rows) == 3
    assert not [cell for row in rows for cell in row.values() if cell.startswith(("=", "+", "-", "@"))]


def test_a_payload_that_does_not_parse_is_kept_listed_and_promoted(
    library: Library, models: Path, lora: Lora, sha256: Hash
) -> None:
    path = lora("one.safetensors")
    payload = b'{"id": 12, "files": [{'
    path.with_suffix(".civitai.info").write_bytes(payload)
    report = imported(library, models)
    assert (report.imported, report.failed) == (1, 0)
    assert [(problem.code, problem.kept) for problem in report.problems] == [("unparsed_payload", True)]
    assert promote(library).promoted == 1
    details = library.catalog.details(sha256(path))
    assert details is not None
    assert details.records[0].payload == payload
    assert only(library).name == "one"


def test_a_changed_payload_is_a_new_version_beside_the_old(
    library: Library, models: Path, lora: Lora, civitai_info: Info, sha256: Hash
) -> None:
    path = lora("one.safetensors")
    first = civitai_info(path, sha256(path))
    imported(library, models)
    promote(library)
    second = civitai_info(path, sha256(path), trainedWords=["other words"])
    report = imported(library, models)
    assert (report.imported, report.updated) == (1, 1)
    promote(library)
    details = library.catalog.details(sha256(path))
    assert details is not None
    assert {record.payload for record in details.records} == {first, second}


def test_a_dry_run_says_what_an_import_would_do_and_writes_nothing(
    library: Library, models: Path, lora: Lora, civitai_info: Info
) -> None:
    civitai_info(lora("one.safetensors"))
    (models / "readme.md").write_text("hello")
    preview = library.preview([str(models)], progress=Progress())
    assert (preview.seen, preview.imported, preview.ignored, preview.batch_id) == (2, 1, 1, None)
    assert preview.samples[0].fields["name"] == "One - v1.2"
    assert preview.samples[0].raw_text.startswith("{")
    assert pending(library) == []
    assert library.catalog.batches() == []
    report = imported(library, models)
    assert (report.seen, report.imported, report.ignored) == (preview.seen, preview.imported, preview.ignored)
    again = library.preview([str(models)], progress=Progress())
    assert again.unchanged == 1
    assert again.bound == preview.bound == {"civitai-info": 1}


def test_a_dry_run_says_how_many_records_have_found_their_file(
    library: Library, models: Path, tmp_path: Path, lora: Lora
) -> None:
    here, far = lora("here.safetensors"), lora("there.safetensors")
    (tmp_path / "far").mkdir()
    far = far.rename(tmp_path / "far" / far.name)
    for name, path in (("here", here), ("gone", models / "gone.safetensors"), ("far", far)):
        told = {"file_path": str(path), "model_name": name, "civitai": {}, "sha256": ""}
        (models / f"{name}.metadata.json").write_text(json.dumps(told))
    preview = library.preview([str(models)], progress=Progress())
    assert preview.by_source["lora-manager"]["seen"] == 3
    assert preview.bound == {"lora-manager": 1}


def test_exports_come_back_record_for_record(
    library: Library, models: Path, lora: Lora, civitai_info: Info, tmp_path: Path, sha256: Hash
) -> None:
    from modelmgr.catalog import Catalog

    path = lora("one.safetensors")
    civitai_info(path, sha256(path))
    (models / "broken.civitai.info").write_bytes(b"\xff\xfe{\0")
    imported(library, models)
    promote(library)
    for name in ("pending", "library"):
        target = tmp_path / f"{name}.jsonl"
        with target.open("w") as out:
            if name == "pending":
                assert library.export_pending(out, Progress()) == 2
            else:
                assert library.export_library(out, "jsonl", Progress()) == (1, 1)
        with Catalog.open(tmp_path / f"{name}.sqlite") as other:
            again = Library(other)
            report = again.import_paths([str(target)], progress=Progress())
            assert report.failed == 0
            taken = {(record.source, record.source_path, record.payload) for _, record in other.export_rows()}
        ours = {
            (record.source, record.source_path, record.payload)
            for row, record in library.catalog.export_rows()
            if name == "pending" or row.state == "promoted"
        }
        assert taken == ours


def test_what_the_user_had_set_comes_back_from_an_export_and_overwrites_nothing(
    library: Library, models: Path, lora: Lora, civitai_info: Info, sha256: Hash, tmp_path: Path
) -> None:
    from modelmgr.catalog import Catalog

    inked, plain = lora("inked.safetensors"), lora("plain.safetensors")
    civitai_info(inked)
    library.scan([str(models)], progress=Progress())
    imported(library, models)
    promote(library)
    ids = library.catalog.ids_of([sha256(inked), sha256(plain)])
    library.edit_models(
        [ids[sha256(inked)]], {"name": "Mine", "rating": 5, "notes": "", "license": "mit"}, add_tags=["x"]
    )
    library.edit_models([ids[sha256(plain)]], {"favorite": True})
    target = tmp_path / "e.jsonl"
    with target.open("w") as out:
        library.export_library(out, "jsonl", Progress())
    with Catalog.open(tmp_path / "other.sqlite") as catalog:
        other = Library(catalog)
        other.scan([str(models)], progress=Progress())
        ids = catalog.ids_of([sha256(inked), sha256(plain)])
        other.edit_models([ids[sha256(inked)]], {"rating": 1})
        assert imported(other, target).imported == 3
        assert imported(other, target).unchanged == 3
        assert promote(other).promoted == 3
        row = catalog.rows([ids[sha256(inked)]])[0]
        assert (row.name, row.rating, row.notes, row.license, row.tags) == ("Mine", 1, None, "mit", ("x",))
        assert catalog.rows([ids[sha256(plain)]])[0].favorite
        details = catalog.details(sha256(inked))
        assert details is not None
        assert [record.source for record in details.records] == ["civitai-info", "modelmgr-export"]
        assert {edit.door for edit in catalog.edits_of(row.id)} == {"window", "export"}
        # All of it is one edit, and the way back leads to what was imported.
        assert other.undo_edit().changed == 2
        row = catalog.rows([row.id])[0]
        assert (row.name, row.rating, row.tags) == ("Inked - v1.2", 1, ())
        assert promote(other).promoted == 0


def test_values_of_an_export_that_no_column_takes_are_left_to_the_record(
    library: Library, models: Path, lora: Lora, sha256: Hash, tmp_path: Path
) -> None:
    path = lora("one.safetensors")
    library.scan([str(models)], progress=Progress())
    line: dict[str, object] = dict.fromkeys(("hash_state", "file_state", "records"))
    user = {
        "rating": 9,
        "type": "nonsense",
        "tags": 5,
        "preview": "/etc/passwd",
        "name": "Kept",
        "no": "column",
    }
    line |= {"sha256": sha256(path), "path": str(path), "name": "one", "user": user, "records": []}
    target = tmp_path / "e.jsonl"
    target.write_text(json.dumps(line))
    assert imported(library, target).imported == 1
    assert promote(library).promoted == 1
    row = only(library)
    assert (row.name, row.rating, row.type, row.tags, row.preview) == ("Kept", None, "lora", (), None)


@pytest.mark.parametrize("kind", ["pending", "library"])
def test_what_was_newer_is_newer_in_the_catalog_that_takes_an_export_too(
    library: Library, models: Path, lora: Lora, tmp_path: Path, kind: str
) -> None:
    from modelmgr.catalog import Catalog

    path = lora("one.safetensors")
    texts, sidecar = path.with_suffix(".txt"), path.with_suffix(".metadata.json")
    said = {"model_name": "One", "base_model": "SDXL 1.0", "sha256": "", "notes": "first words"}
    sidecar.write_text(json.dumps(said))
    texts.write_text("of a text")
    for age, file in enumerate((texts, sidecar)):
        os.utime(file, (1_700_000_000 - age, 1_700_000_000 - age))
    imported(library, models)
    sidecar.write_text(json.dumps(said | {"notes": "last words", "model_name": "Last"}))
    os.utime(sidecar, (1_700_000_000 - 1, 1_700_000_000 - 1))  # as a tool may that copies its files
    imported(library, models)
    promote(library)
    ours = only(library)
    assert (ours.name, ours.notes) == ("Last", "[a1111-txt]\nof a text\n\n[lora-manager]\nlast words")
    target = tmp_path / "e.jsonl"
    with target.open("w") as out:
        if kind == "pending":
            library.export_pending(out, Progress())
        else:
            library.export_library(out, "jsonl", Progress())
    with Catalog.open(tmp_path / "other.sqlite") as other:
        again = Library(other)
        again.scan([str(models)], progress=Progress())
        imported(again, target)
        promote(again)
        theirs = only(again)
        assert (theirs.name, theirs.notes) == (ours.name, ours.notes)
        assert [record.container_mtime for record in other.records_of(theirs.id)] == [
            record.container_mtime for record in library.catalog.records_of(ours.id)
        ]


@pytest.mark.parametrize("said", ["null", '"1"', "true", "1e999", "-1e300", "[]"])
def test_an_export_that_says_no_time_or_an_odd_one_is_taken_back_all_the_same(
    library: Library, models: Path, lora: Lora, civitai_info: Info, tmp_path: Path, said: str
) -> None:
    from modelmgr.catalog import Catalog

    civitai_info(lora("one.safetensors"))
    imported(library, models)
    target = tmp_path / "e.jsonl"
    with target.open("w") as out:
        library.export_pending(out, Progress())
    line = json.loads(target.read_text())
    line["container_mtime"] = "said"
    target.write_text(json.dumps(line).replace('"said"', said))
    with Catalog.open(tmp_path / "other.sqlite") as other:
        assert imported(Library(other), target).imported == 1


def test_a_container_behind_a_link_is_read_only_where_it_may_be(
    library: Library, models: Path, lora: Lora, civitai_info: Info, tmp_path: Path
) -> None:
    path = lora("one.safetensors")
    civitai_info(path)
    secret = tmp_path / "secret.json"
    path.with_suffix(".civitai.info").rename(secret)
    path.with_suffix(".civitai.info").symlink_to(secret)
    report = imported(library, models)
    assert (report.imported, report.failed, report.problems[0].code) == (0, 1, "outside")
    library.add_folder(str(tmp_path))
    assert imported(library, models).imported == 1


def test_dismissed_rows_stay_out_until_they_are_taken_back(
    library: Library, models: Path, lora: Lora, civitai_info: Info
) -> None:
    civitai_info(lora("one.safetensors"))
    imported(library, models)
    (row,) = pending(library)
    assert library.dismiss([row.id]) == 1
    assert (promote(library).promoted, promote(library).stayed) == (0, 0)
    assert library.restore_dismissed([row.id]) == 1
    assert promote(library).promoted == 1
    assert library.clear_promoted() == 1
    assert pending(library) == []


@pytest.mark.parametrize("drive", ["D:\\", "\\\\?\\D:\\"])
def test_another_root_brings_the_files_of_foreign_paths_back(
    library: Library, models: Path, lora: Lora, tmp_path: Path, drive: str
) -> None:
    path = lora("loras/one.safetensors")
    table = tmp_path / "models.jsonl"
    table.write_text(json.dumps({"name": "One", "path": drive + "AI\\loras\\one.safetensors"}) + "\n")
    imported(library, table)
    assert [row.problem for row in pending(library)] == ["no_file"]
    assert library.map_root("d:/ai", str(models), Progress()) == 1
    assert [row.file_path for row in pending(library)] == [str(path)]
    assert promote(library).promoted == 1
    assert os.path.exists(path)


@pytest.mark.parametrize("link", ["file", "root", "folder"])
def test_a_recorded_path_is_followed_through_links_only_as_far_as_a_scan_goes(
    library: Library, tmp_path: Path, models: Path, lora: Callable[..., Path], link: str
) -> None:
    target = lora("m.safetensors", folder=tmp_path / "elsewhere")
    if link == "file":
        (models / "sub").mkdir()
        (models / "sub" / "l.safetensors").symlink_to(target)
        path = "sub/l.safetensors"
    else:
        (models / "l").symlink_to("/" if link == "root" else target.parent)
        path = f"l{target}" if link == "root" else "l/m.safetensors"
    (models / "records.jsonl").write_text(json.dumps({"name": "x", "path": path}) + "\n")
    library.import_paths([str(models / "records.jsonl"), str(models)], progress=Progress())
    report = library.promote(None, progress=Progress())
    assert [problem.code for problem in report.problems] == ([] if link == "folder" else ["outside"])


def test_what_waits_for_a_file_finds_the_one_that_others_bring_in(library, models, lora, sha256):
    """The first record knows a hash alone, a later one the path: one promotion is enough for both."""
    path = lora("ink.safetensors")
    first, second = models / "a.json", models / "b.json"
    first.write_text(json.dumps([{"name": "Known by hash", "sha256": sha256(path)}]), encoding="utf-8")
    second.write_text(json.dumps([{"name": "Known by path", "path": str(path)}]), encoding="utf-8")
    library.import_paths([str(models), str(first), str(second)], progress=Progress())
    report = library.promote(None, progress=Progress())
    assert (report.promoted, report.stayed) == (2, 0)
