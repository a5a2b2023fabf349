"""What editors put into the headers of model files, and what that does to the hashes of sidecars."""

import json

from modelmgr.catalog.file_store import EMBEDDED
from modelmgr.progress import Progress
from tests.inbox import pending_in
from tests.migration.specimens.models import A
from tests.migration.specimens.sidecars import SWARM, SWARM_FULL, WORDS, header


def test_the_tensors_hash_holds_where_the_header_was_rewritten(library, models):
    """The tool wrote a title into the header: every hash of the whole file has changed, that of the tensors hasn't."""
    text = (
        b'{"__metadata__":{"modelspec.title":"Ink"},"w":{"dtype":"F32","shape":[16],"data_offsets":[0,64]}}'
    )
    (models / "ink.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + b"A" * 64)
    (models / "ink.swarm.json").write_text(json.dumps(SWARM_FULL))
    (models / "ink.civitai.info").write_text(
        json.dumps(
            {"id": 5, "files": [{"type": "Model", "hashes": {"SHA256": A["sha256"], "AutoV3": A["AutoV3"]}}]}
        )
    )
    library.scan([str(models)], progress=Progress())
    library.import_paths([str(models)], progress=Progress())
    assert library.promote(None, progress=Progress()).promoted == 2
    rows = pending_in(library.catalog)
    assert {(row.source, row.state, row.problem) for row in rows} == {
        ("civitai-info", "promoted", None),
        ("swarmui-json", "promoted", None),
    }


def test_a_hash_of_other_tensors_is_a_mismatch(library, models):
    (models / "ink.safetensors").write_bytes(A["bytes"])
    value = {**SWARM, "modelspec.hash_sha256": "0x" + "ab" * 32}
    (models / "ink.swarm.json").write_text(json.dumps(value))
    library.scan([str(models)], progress=Progress())
    library.import_paths([str(models)], progress=Progress())
    assert library.promote(None, progress=Progress()).promoted == 0
    (row,) = pending_in(library.catalog)
    assert row.problem == "hash_mismatch"


def rows_of(library):
    return pending_in(library.catalog)


def test_a_persons_words_in_a_header_are_a_record_in_any_import(library, models):
    path = models / "typed.safetensors"
    path.write_bytes(header(WORDS))
    (models / "plain.safetensors").write_bytes(A["bytes"])
    library.scan([str(models)], progress=Progress())
    report = library.import_paths([str(models)], progress=Progress())
    assert (report.seen, report.imported, report.model_count) == (1, 1, 2)
    (row,) = rows_of(library)
    assert (row.source, row.source_path, row.file_path) == ("safetensors-header", str(path), str(path))
    assert library.catalog.pending_record(row.id).payload == WORDS
    assert library.promote(None, progress=Progress()).promoted == 1
    model = library.catalog.details(library.catalog.known_file(str(path)).sha256)
    assert (model.row.name, model.row.rating, model.row.trigger_words) == ("Ink, mine", 4, ("ink", "fog"))
    assert [record.payload for record in model.records if record.source != EMBEDDED] == [WORDS]
    again = library.import_paths([str(models)], progress=Progress())
    assert (again.imported, again.unchanged) == (0, 1)


def test_a_rewritten_header_is_a_new_version_and_the_old_one_stays(library, models):
    path = models / "typed.safetensors"
    path.write_bytes(header(WORDS))
    library.import_paths([str(models)], progress=Progress())
    path.write_bytes(header(WORDS.replace(b'"4"', b'"2"')))
    report = library.import_paths([str(models)], progress=Progress())
    assert (report.updated, report.added) == (1, 0)
    payloads = {library.catalog.pending_record(row.id).payload for row in rows_of(library)}
    assert WORDS.replace(b'"4"', b'"2"') in payloads


def test_all_headers_are_records_where_the_user_asks_for_them(library, models):
    (models / "typed.safetensors").write_bytes(header(WORDS))
    (models / "plain.safetensors").write_bytes(A["bytes"])
    (models / "x.civitai.info").write_bytes(b"{}")
    before = {path: path.read_bytes() for path in models.iterdir()}
    report = library.import_paths([str(models)], source="safetensors-header", progress=Progress())
    assert (report.seen, report.imported, report.ignored, report.failed) == (3, 2, 1, 0)
    payloads = sorted(library.catalog.pending_record(row.id).payload for row in rows_of(library))
    assert payloads == sorted([WORDS, b'{"ss_output_name":"inkwash_harbor"}'])
    assert {path: path.read_bytes() for path in models.iterdir()} == before
