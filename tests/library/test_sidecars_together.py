"""Sidecars of several tools, or of several eras of one, beside the same model."""

import json

from modelmgr.progress import Progress
from tests.inbox import pending_in
from tests.migration.specimens.models import A, B
from tests.migration.specimens.sidecars import LINK, NOTE, VERSION
from tests.migration.specimens.stability_matrix import FULL, sidecar


def imported(library, folder):
    """Scan, import and promote a folder; return source -> record that came."""
    library.scan([str(folder)], progress=Progress())
    library.import_paths([str(folder)], progress=Progress())
    library.promote(None, progress=Progress())
    rows = pending_in(library.catalog)
    assert {(row.state, row.problem) for row in rows} == {("promoted", None)}
    return {row.source: library.catalog.pending_record(row.id) for row in rows}


def test_what_the_forerunner_left_beside_the_note_counts_once(library, models):
    (models / "inkwash_harbor.safetensors").write_bytes(A["bytes"])
    (models / "inkwash_harbor.md").write_text(NOTE.replace("inkwash harbor, fog", "inkwash harbor"))
    (models / "inkwash_harbor.txt").write_text("best at 0.7")
    (models / "inkwash_harbor.url").write_text(LINK)
    version = {**VERSION, "trainedWords": ["inkwash harbor"]}
    (models / "inkwash_harbor.json").write_text(json.dumps(version))
    records = imported(library, models)
    assert records.keys() == {"model-manager-md", "a1111-txt", "cdb-boop-url", "civitai-json"}
    row = library.catalog.details(A["sha256"]).row
    assert row.trigger_words == ("inkwash harbor",)
    assert row.notes == "best at 0.7"
    assert row.base_model == "SDXL 1.0"
    assert row.source_url.startswith("https://civitai.com/models/880001")


def test_a_star_in_stability_matrix_is_a_favourite_here(library, models):
    folder = models / "SM" / "Models" / "StableDiffusion"
    folder.mkdir(parents=True)
    (folder / "copperleaf_xl.safetensors").write_bytes(B["bytes"])
    (folder / "copperleaf_xl.cm-info.json").write_bytes(sidecar(FULL))
    settings = models / "SM" / "settings.json"
    settings.write_text(json.dumps({"FavoriteModels": [], "SomeKey": "s3cret"}))
    imported(library, models)
    assert library.catalog.details(B["sha256"]).row.favorite is False
    settings.write_text(json.dumps({"FavoriteModels": [880002], "SomeKey": "s3cret"}))
    records = imported(library, models)
    row = library.catalog.details(B["sha256"]).row
    assert (row.favorite, row.name, row.type) == (True, "My copper base", "checkpoint")
    assert records.keys() == {"stability-matrix"}
    assert b"s3cret" not in json.dumps([dict(record.extra or {}) for record in records.values()]).encode()
