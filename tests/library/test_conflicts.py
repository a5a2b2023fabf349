"""What becomes of records that contradict their file, each other, or the names around them.

Each through the program's own commands, with real files; the hashes of the models are written out.
"""

import contextlib
import io
import json
import os
import sqlite3
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from modelmgr import cli
from modelmgr.catalog.file_store import EMBEDDED
from modelmgr.progress import Progress
from modelmgr.values import ModelQuery
from tests.migration.specimens.models import COPPERLEAF, HERON, INKWASH, A, B, safetensors

# The tensors of model A under another header; its own SHA-256.
REWRITTEN = safetensors(
    b'{"__metadata__":{"modelspec.title":"Ink"},"w":{"dtype":"F32","shape":[16],"data_offsets":[0,64]}}',
    112,
    b"\x41" * 64,
)
REWRITTEN_SHA256 = "f9893a8618a2a5223f5bb8415aa1bb5d67f9ebc007503e6eadf4e92967884fcd"
OTHER_SHA256 = "5e" * 32


class Program:
    """The command line on one catalog."""

    def __init__(self, catalog: Path) -> None:
        self.catalog = catalog

    def __call__(self, *words: str | Path) -> Any:
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            self.code = cli.main(["--catalog", str(self.catalog), *map(str, words), "--json"])
        return json.loads(out.getvalue())

    def take(self, *paths: Path, scan: bool = True) -> dict[str, Any]:
        """Scan, import and promote all; return what the promotion answers."""
        if scan:
            self("scan", *paths)
        self("migrate", "import", *paths)
        return self("pending", "promote", "--all")

    @property
    def pending(self) -> list[dict[str, Any]]:
        """All imported records, by container and key."""
        found = self("pending", "list")["pending"]
        return sorted(found, key=lambda row: (row["source_path"], row["record_key"], row["id"]))

    @property
    def models(self) -> list[dict[str, Any]]:
        return self("list", "--sort", "name")["models"]

    def states(self) -> dict[str, tuple[str, str | None]]:
        """State and problem of each record, by the name of its container."""
        return {os.path.basename(row["source_path"]): (row["state"], row["problem"]) for row in self.pending}

    def show(self, sha256: str) -> dict[str, Any]:
        return self("show", sha256)


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path / "catalog.sqlite")


def said(shown: dict[str, Any]) -> list[dict[str, Any]]:
    """What other tools said of a model, without what its file says of itself."""
    return [record for record in shown["records"] if record["source"] != EMBEDDED]


def put(path: Path, content: bytes | dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path


def version(*files: dict[str, Any], **more: Any) -> dict[str, Any]:
    """An answer of Civitai about a version with these files."""
    about = {"name": "Inkwash Harbor", "type": "LORA", "nsfw": False}
    return {
        "id": 990001,
        "modelId": 880001,
        "name": "v1",
        "baseModel": "SDXL 1.0",
        "trainedWords": ["inkwash"],
        "model": about,
        "files": list(files),
    } | more


def entry(sha256: str | None = None, name: str = "ink.safetensors", **more: Any) -> dict[str, Any]:
    hashes = {"SHA256": sha256.upper()} if sha256 else {}
    return {"name": name, "type": "Model", "hashes": hashes} | more


# --- 18.2: files of one stem --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "meant"),
    [
        (entry(A["sha256"], "else.bin"), "x.safetensors"),
        (entry(B["sha256"], "x.safetensors"), "x.ckpt"),
        ({"name": "x.CKPT", "type": "Model"}, "x.ckpt"),
        ({"name": "else", "type": "Model", "sizeKB": 2048.09375}, "x.ckpt"),
        ({"name": "else", "type": "Model", "sizeKB": 0.1796875}, "x.safetensors"),
    ],
)
def test_hash_then_name_then_size_tell_which_file_of_a_stem_is_meant(program, tmp_path, file, meant):
    put(tmp_path / "m" / "x.safetensors", INKWASH)
    put(tmp_path / "m" / "x.ckpt", COPPERLEAF)
    put(tmp_path / "m" / "x.gguf", HERON)
    put(tmp_path / "m" / "x.civitai.info", version(file))
    assert program.take(tmp_path / "m")["promoted"] == 1
    (row,) = program.pending
    assert row["file_path"] == str(tmp_path / "m" / meant)


def test_a_sidecar_that_tells_no_file_of_its_stem_waits_and_fills_nothing(program, tmp_path):
    put(tmp_path / "m" / "x.safetensors", INKWASH)
    put(tmp_path / "m" / "x.ckpt", COPPERLEAF)
    put(tmp_path / "m" / "x.civitai.info", version())
    program.take(tmp_path / "m")
    (row,) = program.pending
    assert (row["state"], row["problem"]) == ("pending", "ambiguous")
    assert [model["trigger_words"] for model in program.models] == [[], []]


def test_the_companion_vae_takes_neither_sidecar_nor_note_of_its_checkpoint(program, tmp_path):
    put(tmp_path / "m" / "x.safetensors", INKWASH)
    put(tmp_path / "m" / "x.vae.pt", COPPERLEAF)
    put(tmp_path / "m" / "x.json", {"notes": "mine", "activation text": "mist", "sd version": "SDXL"})
    put(tmp_path / "m" / "x.civitai.info", version())
    assert program.take(tmp_path / "m")["promoted"] == 2
    assert {row["file_path"] for row in program.pending} == {str(tmp_path / "m" / "x.safetensors")}
    vae = next(model for model in program.models if model["file_name"] == "x.vae.pt")
    assert (vae["notes"], vae["trigger_words"]) == (None, [])


def test_a_sidecar_whose_checkpoint_is_away_is_not_its_companion_vaes(program, tmp_path):
    put(tmp_path / "m" / "x.vae.pt", COPPERLEAF)
    put(tmp_path / "m" / "x.civitai.info", version())
    program.take(tmp_path / "m")
    assert program.states() == {"x.civitai.info": ("pending", "no_file")}


# --- 18.3: one stem in several folders ----------------------------------------------------------------------


def webui(root: Path, entries: dict[str, dict[str, Any]]) -> Path:
    put(root / "webui.py", b"")
    return put(root / "cache.json", {"hashes": entries})


def aged(path: Path, seconds: float) -> Path:
    os.utime(path, (seconds, seconds))
    return path


def test_the_hash_of_one_stem_is_never_given_to_several_files(program, tmp_path):
    loras = tmp_path / "ui" / "models" / "Lora"
    first = aged(put(loras / "a" / "ink.safetensors", INKWASH), 1_700_000_000)
    second = aged(put(loras / "b" / "ink.safetensors", COPPERLEAF), 1_700_000_000)
    webui(tmp_path / "ui", {"lora/ink": {"mtime": 1_700_000_000.0, "sha256": A["sha256"]}})
    assert first.exists() and second.exists()
    program.take(tmp_path / "ui")
    (row,) = program.pending
    # Neither name nor time tells them apart; the file's own hash does.
    assert (row["state"], row["file_path"]) == ("promoted", str(first))
    assert [len(said(program.show(sha256))) for sha256 in (A["sha256"], B["sha256"])] == [1, 0]


def test_a_stem_that_nothing_tells_apart_stays_unbound(program, tmp_path):
    loras = tmp_path / "ui" / "models" / "Lora"
    for name, content in (("a", INKWASH), ("b", COPPERLEAF)):
        aged(put(loras / name / "ink.safetensors", content), 1_700_000_000)
    webui(tmp_path / "ui", {"lora/ink": {"mtime": 1_700_000_000.0, "sha256": OTHER_SHA256}})
    program.take(tmp_path / "ui")
    (row,) = program.pending
    assert row["state"] == "pending"
    assert row["problem"] in ("no_file", "ambiguous")


# --- 18.4: the hash says otherwise --------------------------------------------------------------------------


def test_equal_tensors_under_another_header_bind_and_the_claim_stays(program, tmp_path):
    put(tmp_path / "m" / "ink.safetensors", REWRITTEN)
    file = entry(A["sha256"])
    file["hashes"]["AutoV3"] = "D53EDA7A637C"
    payload = version(file)
    put(tmp_path / "m" / "ink.civitai.info", payload)
    assert program.take(tmp_path / "m")["promoted"] == 1
    shown = program.show(REWRITTEN_SHA256)
    assert shown["trigger_words"] == ["inkwash"]
    assert json.loads(shown["records"][0]["payload_text"]) == payload
    assert shown["provenance"]["trigger_words"]["rank"] == 3


def test_a_former_hash_that_was_proved_binds_what_else_claims_it(program, tmp_path):
    put(tmp_path / "m" / "ink.safetensors", REWRITTEN)
    put(tmp_path / "m" / "ink.metadata.json", own(sha256=A["sha256"], civitai={"id": 5}))
    program.take(tmp_path / "m")
    assert program.states() == {"ink.metadata.json": ("pending", "hash_mismatch")}
    file = entry(A["sha256"])
    file["hashes"]["AutoV3"] = "D53EDA7A637C"
    put(tmp_path / "m" / "ink.safetensors.civitai.info", version(file))
    program.take(tmp_path / "m")
    assert program.states()["ink.metadata.json"] == ("promoted", None)
    shown = program.show(REWRITTEN_SHA256)
    assert (shown["notes"], shown["provenance"]["base_model"]["rank"]) == ("mine", 3)
    # A file of other content in its place knows nothing of that.
    put(tmp_path / "m" / "ink.safetensors", COPPERLEAF)
    put(tmp_path / "m" / "ink.metadata.json", own(sha256=A["sha256"], civitai={"id": 6}))
    program.take(tmp_path / "m")
    assert [row["problem"] for row in program.pending if row["state"] == "pending"] == ["hash_mismatch"]


def test_the_tensors_hash_in_the_place_of_the_whole_files_binds(program, tmp_path):
    put(tmp_path / "m" / "ink.safetensors", REWRITTEN)
    put(tmp_path / "m" / "ink.civitai.info", version(entry(A["addnet"])))
    assert program.take(tmp_path / "m")["promoted"] == 1
    assert [model["sha256"] for model in program.models] == [REWRITTEN_SHA256]


def test_another_file_of_the_same_version_binds_to_its_entry(program, tmp_path):
    put(tmp_path / "m" / "ink.safetensors", INKWASH)
    pruned = entry(B["sha256"], "ink_full.safetensors", primary=True, sizeKB=2048.09375)
    ours = entry(A["sha256"], "ink_small.safetensors", type="VAE", sizeKB=0.1796875)
    put(tmp_path / "m" / "ink.civitai.info", version(pruned, ours))
    assert program.take(tmp_path / "m")["promoted"] == 1
    (model,) = program.models
    assert (model["sha256"], model["type"], model["base_model"]) == (A["sha256"], "vae", "SDXL 1.0")


def test_the_version_of_a_model_object_is_the_one_with_the_hash_and_not_the_first(program, tmp_path):
    put(tmp_path / "m" / "ink.safetensors", INKWASH)
    newest = version(entry(B["sha256"]), id=990009, name="v9", baseModel="Pony", trainedWords=["new"])
    ours = version(entry(A["sha256"]), id=990001, name="v1", baseModel="SD 1.5", trainedWords=["old"])
    about = {"id": 880001, "name": "Inkwash Harbor", "type": "LORA", "modelVersions": [newest, ours]}
    put(tmp_path / "m" / "ink.civitai.info", about)
    assert program.take(tmp_path / "m")["promoted"] == 1
    (model,) = program.models
    assert (model["base_model"], model["trigger_words"]) == ("SD 1.5", ["old"])
    assert model["source_url"] == "https://civitai.com/models/880001?modelVersionId=990001"


def test_a_wrong_hash_with_a_right_size_is_shown_and_fills_the_lowest_rank_if_wanted(program, tmp_path):
    put(tmp_path / "m" / "ink.safetensors", INKWASH)
    put(tmp_path / "m" / "ink.civitai.info", version(entry(OTHER_SHA256, sizeKB=0.1796875)))
    assert program.take(tmp_path / "m")["promoted"] == 0
    assert program.states() == {"ink.civitai.info": ("pending", "hash_mismatch")}
    assert program.models[0]["base_model"] is None
    assert program("pending", "promote", "--all", "--attach-anyway")["promoted"] == 1
    shown = program.show(A["sha256"])
    assert (shown["base_model"], shown["provenance"]["base_model"]["rank"]) == ("SDXL 1.0", 6)
    assert shown["sha256"] == A["sha256"]


def test_a_record_of_another_file_gives_only_the_persons_own_words(program, tmp_path):
    put(tmp_path / "m" / "ink.safetensors", INKWASH)
    said = {
        "file_name": "ink",
        "model_name": "Another",
        "size": 2097248,
        "sha256": OTHER_SHA256,
        "base_model": "Pony",
        "tags": ["harbor"],
        "notes": "0.7 for ships",
        "favorite": True,
        "civitai": {"id": 5, "baseModel": "Pony"},
    }
    put(tmp_path / "m" / "ink.metadata.json", said)
    assert program.take(tmp_path / "m")["promoted"] == 0
    assert program.states() == {"ink.metadata.json": ("pending", "hash_mismatch")}
    assert program("pending", "promote", "--all", "--attach-anyway")["promoted"] == 1
    (model,) = program.models
    assert (model["name"], model["base_model"], model["tags"]) == ("ink", None, [])
    assert (model["notes"], model["favorite"]) == ("0.7 for ships", True)


def test_a_stale_entry_of_a_cache_is_no_conflict(program, tmp_path):
    path = aged(put(tmp_path / "ui" / "models" / "Lora" / "ink.safetensors", INKWASH), 1_700_000_000)
    webui(tmp_path / "ui", {"lora/ink": {"mtime": 1_600_000_000.0, "sha256": OTHER_SHA256}})
    answer = program.take(tmp_path / "ui")
    assert (answer["promoted"], answer["stayed"], answer["problems"]) == (1, 0, [])
    assert program.models[0]["path"] == str(path)


def own(**changed: Any) -> dict[str, Any]:
    """A sidecar of LoRA Manager that Civitai never answered: the hash is the tool's own."""
    return {
        "file_name": "ink",
        "model_name": "Ink",
        "sha256": OTHER_SHA256,
        "size": 184,
        "base_model": "Pony",
        "notes": "mine",
        "civitai": {},
    } | changed


def test_a_tools_own_hash_of_half_a_file_is_no_conflict(program, tmp_path):
    put(tmp_path / "m" / "ink.safetensors", INKWASH)
    put(tmp_path / "m" / "ink.metadata.json", own(size=100))
    assert program.take(tmp_path / "m")["problems"] == []
    shown = program.show(A["sha256"])
    assert (shown["notes"], shown["base_model"]) == ("mine", "Pony")
    assert shown["sha256"] == A["sha256"]


def test_a_tools_own_hash_that_differs_where_size_and_time_are_equal_is_reported(program, tmp_path):
    put(tmp_path / "m" / "ink.safetensors", INKWASH)
    put(tmp_path / "m" / "ink.metadata.json", own())
    aged(put(tmp_path / "ui" / "models" / "Lora" / "leaf.safetensors", COPPERLEAF), 1_700_000_000)
    webui(tmp_path / "ui", {"lora/leaf": {"mtime": 1_700_000_000.0, "sha256": OTHER_SHA256}})
    assert program.take(tmp_path / "m", tmp_path / "ui")["promoted"] == 0
    assert program.states() == {
        "ink.metadata.json": ("pending", "hash_mismatch"),
        "cache.json": ("pending", "hash_mismatch"),
    }


def test_of_two_claims_the_file_itself_decides_even_if_no_scan_has_hashed_it(program, tmp_path):
    put(tmp_path / "m" / "ink.safetensors", INKWASH)
    put(tmp_path / "m" / "ink.civitai.info", version(entry(OTHER_SHA256)))
    put(tmp_path / "m" / "ink.metadata.json", own(sha256=A["sha256"]))
    program("scan", tmp_path / "m", "--no-hash")
    program.take(tmp_path / "m", scan=False)
    assert program.states() == {
        "ink.civitai.info": ("pending", "hash_mismatch"),
        "ink.metadata.json": ("promoted", None),
    }
    (model,) = program.models
    assert (model["sha256"], model["base_model"]) == (A["sha256"], "Pony")


def test_two_claims_about_a_file_that_is_away_are_two_records_without_file(program, tmp_path):
    put(tmp_path / "m" / "ink.civitai.info", version(entry(OTHER_SHA256)))
    put(tmp_path / "m" / "ink.metadata.json", own(sha256=A["sha256"]))
    program.take(tmp_path / "m")
    assert program.states() == {
        "ink.civitai.info": ("pending", "no_file"),
        "ink.metadata.json": ("pending", "no_file"),
    }
    assert program("pending", "promote", "--all", "--allow-missing")["promoted"] == 2
    assert {model["sha256"] for model in program.models} == {OTHER_SHA256, A["sha256"]}


def test_of_two_files_with_one_claim_each_is_hashed(program, tmp_path):
    put(tmp_path / "m" / "one.safetensors", INKWASH)
    put(tmp_path / "m" / "two.safetensors", COPPERLEAF)
    for name in ("one", "two"):
        put(tmp_path / "m" / f"{name}.civitai.info", version(entry(A["sha256"], f"{name}.safetensors")))
    program.take(tmp_path / "m", scan=False)
    assert program.states() == {
        "one.civitai.info": ("promoted", None),
        "two.civitai.info": ("pending", "hash_mismatch"),
    }
    (waiting,) = program("pending", "list", "--problem", "hash_mismatch")["pending"]
    assert waiting["file_path"] == str(tmp_path / "m" / "two.safetensors")


# --- 18.5: the file is away ---------------------------------------------------------------------------------


def test_a_missing_file_is_found_when_it_appears_anywhere(program, tmp_path):
    put(tmp_path / "m" / "ink.civitai.info", version(entry(A["sha256"])))
    put(tmp_path / "m" / "ink.txt", b"no model, no note")
    program.take(tmp_path / "m")
    assert program.states() == {"ink.civitai.info": ("pending", "no_file")}
    moved = put(tmp_path / "other" / "renamed.safetensors", INKWASH)
    program("scan", tmp_path / "other")
    assert program("pending", "promote", "--all")["promoted"] == 1
    (model,) = program.models
    assert (model["path"], model["file_state"], model["base_model"]) == (str(moved), "present", "SDXL 1.0")


def test_a_model_whose_file_is_away_keeps_all_that_is_known_and_links_itself(program, tmp_path):
    put(tmp_path / "m" / "ink.metadata.json", own(sha256=A["sha256"], favorite=True))
    program("migrate", "import", tmp_path / "m")
    assert program("pending", "promote", "--all", "--allow-missing")["promoted"] == 1
    (model,) = program.models
    assert (model["file_state"], model["path"], model["notes"]) == ("missing", None, "mine")
    assert (model["favorite"], model["name"], model["base_model"]) == (True, "Ink", "Pony")
    program("scan", tmp_path / "m")
    assert [model["file_state"] for model in program.models] == ["missing"]
    put(tmp_path / "m" / "sub" / "back.safetensors", INKWASH)
    program("scan", tmp_path / "m")
    (back,) = program.models
    assert (back["file_state"], back["name"], back["notes"]) == ("present", "Ink", "mine")


def test_a_root_that_is_away_is_offline_and_its_records_say_so(program, tmp_path):
    put(tmp_path / "disk" / "ink.safetensors", INKWASH)
    rows = f"name,path,notes\nInk,{tmp_path}/disk/ink.safetensors,mine\n"
    export = put(tmp_path / "export" / "models.csv", rows.encode())
    program("scan", tmp_path / "disk")
    (tmp_path / "disk").rename(tmp_path / "unplugged")
    program("scan")
    assert [model["file_state"] for model in program.models] == ["offline"]
    program("migrate", "import", export)
    problems = program("pending", "promote", "--all")["problems"]
    assert [problem["code"] for problem in problems] == ["no_file"]
    assert "offline" in problems[0]["message"]
    (tmp_path / "unplugged").rename(tmp_path / "disk")
    assert program.take(export, scan=False)["promoted"] == 1
    program("scan")
    assert [(model["file_state"], model["notes"]) for model in program.models] == [("present", "mine")]


# --- 18.6: several records of one source --------------------------------------------------------------------


def test_all_names_of_a_model_are_found_by_search(program, tmp_path):
    put(tmp_path / "m" / "ink.safetensors", INKWASH)
    rows = "name,path\nHarbor at Dusk,ink.safetensors\nPier in Fog,ink.safetensors\n"
    put(tmp_path / "m" / "list.csv", rows.encode())
    put(tmp_path / "m" / "ink.metadata.json", own(sha256=A["sha256"], model_name="Inkwash"))
    program("scan", tmp_path / "m")
    program("migrate", "import", tmp_path / "m", tmp_path / "m" / "list.csv")
    assert program("pending", "promote", "--all")["promoted"] == 3
    assert [model["name"] for model in program.models] == ["Inkwash"]
    for words in ("inkwash", "harbor dusk", "pier", "ink.safetensors"):
        assert program("list", "--search", words)["total"] == 1, words
    assert program("list", "--search", "lighthouse")["total"] == 0
    program("scan", tmp_path / "m")
    assert program("list", "--search", "pier")["total"] == 1


def test_a_search_forgets_the_names_of_records_that_left(library, models):
    put(models / "ink.safetensors", INKWASH)
    put(models / "ink.metadata.json", own(sha256=A["sha256"], model_name="Inkwash"))
    put(models / "ink.civitai.info", version(entry(A["sha256"])))
    library.scan([str(models)], progress=Progress())
    library.import_paths([str(models)], progress=Progress())
    report = library.promote(None, progress=Progress())
    assert library.catalog.count(ModelQuery("harbor")) == 1
    library.undo_promotion(report.pending_ids, Progress())
    assert library.catalog.count(ModelQuery("harbor")) == 0


# --- 18.7: orphans ------------------------------------------------------------------------------------------


def test_a_sidecar_that_was_left_behind_joins_what_the_person_wrote_there(program, tmp_path):
    moved = put(tmp_path / "m" / "new" / "ink.safetensors", INKWASH)
    left = own(sha256=A["sha256"], notes="0.7 for ships", tags=["mine"], favorite=True)
    put(tmp_path / "m" / "old" / "ink.metadata.json", left)
    fresh = own(sha256=A["sha256"], notes="", tags=["harbor"], favorite=False)
    put(tmp_path / "m" / "new" / "ink.metadata.json", fresh)
    assert program.take(tmp_path / "m")["promoted"] == 2
    assert {row["file_path"] for row in program.pending} == {str(moved)}
    (model,) = program.models
    assert (model["notes"], model["favorite"]) == ("0.7 for ships", True)
    assert sorted(model["tags"]) == ["harbor", "mine"]
    assert len(said(program.show(A["sha256"]))) == 2


def test_a_sidecar_left_behind_is_offered_the_file_that_its_stored_path_ends_like(program, tmp_path):
    moved = put(tmp_path / "m" / "new" / "loras" / "ink.safetensors", INKWASH)
    left = own(sha256="", notes="mine", file_path="D:\\AI\\loras\\ink.safetensors")
    put(tmp_path / "m" / "old" / "ink.metadata.json", left | {"size": 0})
    program.take(tmp_path / "m")
    (row,) = program.pending
    assert (row["state"], row["problem"]) == ("pending", "ambiguous")
    (problem,) = program("pending", "promote", "--all")["problems"]
    assert str(moved) in problem["message"]
    # An equal size makes a binding of it.
    put(tmp_path / "m" / "old" / "ink.metadata.json", left | {"size": 184})
    assert program.take(tmp_path / "m")["promoted"] == 1
    assert program.models[0]["notes"] == "mine"


def test_a_name_alone_is_no_tail(program, tmp_path):
    put(tmp_path / "m" / "new" / "pony" / "ink.safetensors", INKWASH)
    left = own(sha256="", file_path="D:\\AI\\loras\\ink.safetensors")
    put(tmp_path / "m" / "old" / "ink.metadata.json", left)
    program.take(tmp_path / "m")
    assert program.states() == {"ink.metadata.json": ("pending", "no_file")}


def test_a_known_file_that_is_gone_is_nobodys(program, tmp_path):
    file = put(tmp_path / "m" / "ink.safetensors", INKWASH)
    program("scan", tmp_path / "m")
    file.unlink()
    program("scan", tmp_path / "m")
    put(tmp_path / "left" / "other.metadata.json", own(sha256=A["sha256"]))
    program("migrate", "import", tmp_path / "left")
    assert program.states() == {"other.metadata.json": ("pending", "no_file")}


def test_a_hash_from_before_a_file_was_replaced_tells_nothing_of_it(program, tmp_path):
    replaced = put(tmp_path / "m" / "ink.safetensors", INKWASH)
    program("scan", tmp_path / "m")
    put(replaced, COPPERLEAF)
    meant = put(tmp_path / "m" / "ink.ckpt", INKWASH)
    put(tmp_path / "m" / "ink.civitai.info", version(entry(A["sha256"])))
    assert program.take(tmp_path / "m", scan=False)["promoted"] == 1
    assert [row["file_path"] for row in program.pending] == [str(meant)]


def test_a_file_that_a_hash_speaks_against_is_not_offered_however_alike(program, tmp_path):
    put(tmp_path / "m" / "new" / "loras" / "ink.safetensors", INKWASH)
    left = own(sha256=OTHER_SHA256, file_path="D:\\AI\\loras\\ink.safetensors")
    put(tmp_path / "m" / "old" / "ink.metadata.json", left | {"size": 184})
    program.take(tmp_path / "m")
    assert program.states() == {"ink.metadata.json": ("pending", "no_file")}


def test_a_sidecar_with_a_counter_in_its_name_is_a_candidate_only(program, tmp_path):
    put(tmp_path / "m" / "ink.safetensors", INKWASH)
    put(tmp_path / "m" / "ink (1).civitai.info", version())
    program.take(tmp_path / "m")
    assert program.states() == {"ink (1).civitai.info": ("pending", "ambiguous")}
    put(tmp_path / "m" / "ink (1).civitai.info", version(entry(A["sha256"])))
    assert program.take(tmp_path / "m")["promoted"] == 1


def test_a_new_file_under_an_old_name_does_not_take_the_old_ones_record(program, tmp_path):
    put(tmp_path / "m" / "ink.safetensors", COPPERLEAF)
    put(tmp_path / "m" / "archive" / "ink_old.safetensors", INKWASH)
    put(tmp_path / "m" / "ink.civitai.info", version(entry(A["sha256"], sizeKB=0.1796875)))
    program.take(tmp_path / "m")
    (row,) = program.pending
    assert (row["state"], row["problem"]) == ("pending", "hash_mismatch")
    listed = program("pending", "promote", "--all")["problems"][0]["message"]
    assert "ink_old.safetensors" in listed  # the file that has the claimed hash


# --- 18.8: importing again ----------------------------------------------------------------------------------


def test_again_changed_and_gone(program, tmp_path):
    put(tmp_path / "m" / "ink.safetensors", INKWASH)
    first = own(sha256=A["sha256"], tags=["a"], favorite=True, modified=1_700_000_000.0)
    sidecar = put(tmp_path / "m" / "ink.metadata.json", first)
    program("scan", tmp_path / "m")
    report = program("migrate", "import", tmp_path / "m")
    assert (report["imported"], report["unchanged"]) == (1, 0)
    report = program("migrate", "import", tmp_path / "m")
    assert (report["imported"], report["unchanged"]) == (0, 1)
    program("pending", "promote", "--all")
    changed = first | {"notes": "changed", "tags": ["b"], "favorite": False, "base_model": ""}
    put(sidecar, changed)
    assert program.take(tmp_path / "m")["promoted"] == 1
    # What the newer version no longer says is kept; what it says otherwise is said no more.
    (model,) = program.models
    assert (model["notes"], model["tags"], model["favorite"]) == ("changed", ["b"], False)
    assert (model["name"], model["base_model"]) == ("Ink", "Pony")
    records = said(program.show(A["sha256"]))
    assert [json.loads(record["payload_text"]) for record in records] == [changed, first]
    sidecar.unlink()
    program("migrate", "import", tmp_path / "m")
    assert [record["gone"] for record in said(program.show(A["sha256"]))] == [True, True]
    assert program.models[0]["notes"] == "changed"


@pytest.mark.parametrize("content", [b"", b'{"notes": "cut o'])
def test_a_version_that_says_nothing_takes_nothing_away(program, tmp_path, content):
    put(tmp_path / "m" / "ink.safetensors", INKWASH)
    sidecar = put(tmp_path / "m" / "ink.metadata.json", own(sha256=A["sha256"], favorite=True))
    program.take(tmp_path / "m")
    put(sidecar, content)
    assert program.take(tmp_path / "m")["promoted"] == 1
    (model,) = program.models
    assert (model["notes"], model["favorite"], model["base_model"]) == ("mine", True, "Pony")


# --- 18.9: one file, several paths --------------------------------------------------------------------------


@pytest.mark.parametrize("link", [os.link, os.symlink])
def test_a_link_is_one_file_with_two_places_and_sidecars_at_each(program, tmp_path, link):
    real = put(tmp_path / "m" / "real" / "ink.safetensors", INKWASH)
    (tmp_path / "m" / "linked").mkdir()
    link(real, tmp_path / "m" / "linked" / "harbor.safetensors")
    put(tmp_path / "m" / "real" / "ink.civitai.info", version())
    put(tmp_path / "m" / "linked" / "harbor.json", {"notes": "at the link", "sd version": "SDXL"})
    assert program.take(tmp_path / "m")["promoted"] == 2
    (model,) = program.models
    assert (model["file_count"], model["notes"]) == (2, "at the link")
    assert model["trigger_words"] == ["inkwash"]
    shown = program.show(A["sha256"])
    assert {record["source"] for record in said(shown)} == {"civitai-info", "a1111-user-json"}
    assert len(shown["files"]) == 2
    assert program("list", "--search", "harbor.safetensors")["total"] == 1
    assert program("list", "--search", "ink.safetensors")["total"] == 1
    assert [group["reclaimable_bytes"] for group in program("duplicates")["groups"]] == [0]


def test_a_link_that_no_scan_has_met_leads_to_the_same_model(program, tmp_path):
    real = put(tmp_path / "m" / "ink.safetensors", INKWASH)
    (tmp_path / "linked").mkdir()
    os.symlink(real, tmp_path / "linked" / "harbor.safetensors")
    put(tmp_path / "linked" / "harbor.civitai.info", version())
    program("scan", tmp_path / "m")
    program.take(tmp_path / "linked", scan=False)
    assert [model["sha256"] for model in program.models] == [A["sha256"]]


def test_two_copies_are_two_files_of_one_model_and_share_their_records(program, tmp_path):
    put(tmp_path / "m" / "a" / "ink.safetensors", INKWASH)
    put(tmp_path / "m" / "b" / "copy.safetensors", INKWASH)
    put(tmp_path / "m" / "a" / "ink.civitai.info", version())
    put(tmp_path / "m" / "b" / "copy.metadata.json", own(sha256=A["sha256"]))
    assert program.take(tmp_path / "m")["promoted"] == 2
    (model,) = program.models
    assert (model["file_count"], model["notes"], model["trigger_words"]) == (2, "mine", ["inkwash"])


# --- 18.10: previews ----------------------------------------------------------------------------------------


def test_the_picture_that_a_record_names_comes_before_those_of_the_stem(program, tmp_path):
    put(tmp_path / "m" / "ink.safetensors", INKWASH)
    plain = put(tmp_path / "m" / "ink.png", b"\x89PNG plain")
    assert program.take(tmp_path / "m")["promoted"] == 0
    assert program.models[0]["preview"] == str(plain)
    by_stem = put(tmp_path / "m" / "ink.preview.webp", b"RIFF preview")
    cover = put(tmp_path / "m" / "cover.png", b"\x89PNG cover")
    put(tmp_path / "m" / "ink.civitai.info", version())
    program.take(tmp_path / "m")
    assert program.models[0]["preview"] == str(by_stem)
    put(tmp_path / "m" / "ink.metadata.json", own(sha256=A["sha256"], preview_url=str(cover)))
    program.take(tmp_path / "m")
    assert program.models[0]["preview"] == str(cover)
    assert {path.name for path in (tmp_path / "m").iterdir() if path.suffix in (".png", ".webp")} == {
        "ink.png",
        "ink.preview.webp",
        "cover.png",
    }


def test_where_a_named_picture_is_gone_the_next_one_counts(program, tmp_path):
    put(tmp_path / "m" / "ink.safetensors", INKWASH)
    put(tmp_path / "m" / "ink.png", b"\x89PNG plain")
    cover = put(tmp_path / "m" / "cover.png", b"\x89PNG cover")
    put(tmp_path / "m" / "ink.metadata.json", own(sha256=A["sha256"], preview_url=str(cover), modified=5.0))
    rows = f"name,path,sha256,preview\nInk,ink.safetensors,{A['sha256']},{tmp_path}/m/gone.png\n"
    table = put(tmp_path / "m" / "list.csv", rows.encode())
    program("scan", tmp_path / "m")
    program("migrate", "import", tmp_path / "m", table)
    program("pending", "promote", "--all")
    shown = program.show(A["sha256"])
    assert shown["preview"] == str(cover)
    assert shown["provenance"]["preview"]["source"] == "lora-manager"


# --- 18.12: markers -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"null", b'{"id": ""}', b'{"error": "Model not found"}'], ids=str
)
def test_a_mark_of_no_answer_binds_and_overwrites_nothing(program, tmp_path, content):
    put(tmp_path / "m" / "ink.safetensors", INKWASH)
    put(tmp_path / "m" / "ink.metadata.json", own(sha256=A["sha256"]))
    put(tmp_path / "m" / "ink.civitai.info", content)
    assert program.take(tmp_path / "m")["promoted"] == 2
    shown = program.show(A["sha256"])
    assert (shown["name"], shown["base_model"], shown["notes"]) == ("Ink", "Pony", "mine")
    assert shown["records"][0]["source"] == "lora-manager"


def test_flags_of_a_catalogue_are_no_marks(program, tmp_path):
    put(tmp_path / "m" / "ink.safetensors", INKWASH)
    said = own(sha256=A["sha256"], from_civitai=False, civitai_deleted=True, civitai=None, tags=["a"])
    put(tmp_path / "m" / "ink.metadata.json", said)
    program.take(tmp_path / "m")
    (model,) = program.models
    assert (model["name"], model["base_model"], model["tags"], model["notes"]) == (
        "Ink",
        "Pony",
        ["a"],
        "mine",
    )


# --- 18.13: backups -----------------------------------------------------------------------------------------


def test_a_backup_ranks_after_the_live_one_and_gives_what_only_it_has(program, tmp_path):
    put(tmp_path / "m" / "ink.safetensors", INKWASH)
    live = put(
        tmp_path / "m" / "ink.metadata.json", own(sha256=A["sha256"], model_name="Live", base_model="")
    )
    backup = put(
        tmp_path / "m" / "ink.metadata.json.bak",
        own(sha256=A["sha256"], model_name="Backup", notes="only in the backup"),
    )
    aged(live, 1_600_000_000)
    aged(backup, 1_700_000_000)
    assert program.take(tmp_path / "m")["promoted"] == 2
    (model,) = program.models
    assert (model["name"], model["base_model"]) == ("Live", "Pony")
    assert "only in the backup" in model["notes"] and "mine" in model["notes"]


# --- 18.14: models of several files -------------------------------------------------------------------------


def test_a_record_beside_shards_binds_or_waits_and_loses_nothing(program, tmp_path):
    put(tmp_path / "m" / "ink-00001-of-00002.safetensors", INKWASH)
    put(tmp_path / "m" / "ink-00002-of-00002.safetensors", COPPERLEAF)
    payload = json.dumps(version()).encode()
    put(tmp_path / "m" / "ink-00001-of-00002.civitai.info", payload)
    put(tmp_path / "m" / "ink.civitai.info", payload)
    program.take(tmp_path / "m")
    assert program.states() == {
        "ink-00001-of-00002.civitai.info": ("promoted", None),
        "ink.civitai.info": ("pending", "no_file"),
    }
    with contextlib.closing(sqlite3.connect(program.catalog)) as connection:
        kept = connection.execute("SELECT meta_json FROM pending_models").fetchall()
    assert kept == [(payload,), (payload,)]


# --- 18.15: case, Unicode form, trailing dots ---------------------------------------------------------------


def test_the_exact_name_comes_before_similar_ones(program, tmp_path):
    exact = put(tmp_path / "m" / "ink.safetensors", INKWASH)
    put(tmp_path / "m" / "INK.safetensors", COPPERLEAF)
    put(tmp_path / "m" / "ink.civitai.info", version())
    program.take(tmp_path / "m")
    assert [row["file_path"] for row in program.pending] == [str(exact)]


def test_a_name_in_another_case_binds_if_it_is_the_only_one(program, tmp_path):
    put(tmp_path / "m" / "Ink.safetensors", INKWASH)
    put(tmp_path / "m" / "iNK.civitai.info", version())
    program.take(tmp_path / "m")
    assert program.states() == {"iNK.civitai.info": ("promoted", None)}
    put(tmp_path / "n" / "Ink.safetensors", INKWASH)
    put(tmp_path / "n" / "INk.safetensors", COPPERLEAF)
    put(tmp_path / "n" / "ink.civitai.info", version())
    program.take(tmp_path / "n")
    assert program.states()["ink.civitai.info"][0] == "pending"


def test_a_name_in_the_other_unicode_form_binds(program, tmp_path):
    put(tmp_path / "m" / (unicodedata.normalize("NFD", "Tusché") + ".safetensors"), INKWASH)
    put(tmp_path / "m" / (unicodedata.normalize("NFC", "Tusché") + ".civitai.info"), version())
    assert program.take(tmp_path / "m")["promoted"] == 1


@pytest.mark.parametrize("said", ["ink.safetensors. ", "ink.safetensors..", "INK.safetensors"])
def test_a_recorded_name_may_have_what_windows_drops(program, tmp_path, said):
    put(tmp_path / "m" / "ink.safetensors", INKWASH)
    put(tmp_path / "m" / "ink.ckpt", COPPERLEAF)
    put(tmp_path / "m" / "ink.metadata.json", own(sha256="", size=0, file_path=f"D:\\loras\\{said}"))
    program.take(tmp_path / "m")
    (row,) = program.pending
    assert (row["state"], row["file_path"]) == ("promoted", str(tmp_path / "m" / "ink.safetensors"))


# --- 18.16: secrets -----------------------------------------------------------------------------------------

SECRET = "b49f3cad0a6f4bd0abcdef0123456789"


def test_a_token_is_kept_in_the_payload_and_in_no_light_column_or_message(program, tmp_path):
    put(tmp_path / "m" / "ink.safetensors", INKWASH)
    url = f"https://civitai.com/api/download/models/990001?token={SECRET}"
    put(tmp_path / "m" / "ink.civitai.info", version(entry(A["sha256"], downloadUrl=url)))
    rows = f"name,path,source_url\nInk,ink.safetensors,https://example.org/m?id=7&token={SECRET}\n"
    put(tmp_path / "m" / "list.csv", rows.encode())
    program("scan", tmp_path / "m")
    report = program("migrate", "import", tmp_path / "m", tmp_path / "m" / "list.csv")
    dry = program("migrate", "import", tmp_path / "m", "--dry-run")
    promoted = program("pending", "promote", "--all")
    for answer in (report, dry, promoted, program.models, program.pending):
        assert SECRET not in json.dumps(answer)
    shown = program.show(A["sha256"])
    light = {key: value for key, value in shown.items() if key not in ("records", "meta_json")}
    assert SECRET not in json.dumps(light)
    kept = [record for record in shown["records"] if record["source"] == "civitai-info"]
    assert json.loads(kept[0]["payload_text"])["files"][0]["downloadUrl"] == url


def test_settings_give_folders_and_no_record(program, tmp_path):
    put(tmp_path / "m" / "ink.safetensors", INKWASH)
    settings = {"civitai_api_key": SECRET, "folder_paths": {"loras": [str(tmp_path / "m")]}}
    put(tmp_path / "lm" / "settings.json", settings)
    report = program("migrate", "import", tmp_path / "lm")
    assert report["imported"] == 0
    assert SECRET not in json.dumps(report)
    assert SECRET.encode() not in program.catalog.read_bytes()
