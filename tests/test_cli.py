"""The command line as programs and people meet it: a process with words, output and an exit code."""

import argparse
import base64
import csv
import hashlib
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from modelmgr import filters
from modelmgr.cli.commands import build_parser
from modelmgr.sqlite import driver
from modelmgr.values import ModelQuery
from tests.command_line import (
    IMPORT_KEYS,
    LIGHT_COLUMNS,
    UNKNOWN_SHA256,
    Library,
    command,
    run,
    words,
    write_library,
    write_model,
    write_sidecar,
)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """A library that is scanned, imported and promoted; tests only read it."""
    made = write_library(tmp_path_factory.mktemp("library"))
    scan = made.run("scan", made.root / "models", "--json")
    assert scan.code == 0, scan
    imported = made.run("migrate", "import", made.root / "models", "--json")
    assert imported.code == 0, imported
    promoted = made.run("pending", "promote", "--all", "--json")
    assert promoted.code == 0, promoted
    assert promoted.json["promoted"] == 1
    return made


def test_help_is_there_at_once_and_loads_neither_database_nor_window() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "modelmgr", "--help"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert "migrate" in done.stdout
    for heavy in ("peewee", "PySide6", "sqlite3", "platformdirs", "fastapi", "modelmgr.library"):
        assert not re.search(rf"\b{heavy}\b", done.stderr), heavy


def test_only_serving_loads_what_serving_needs(library: Library) -> None:
    words = [sys.executable, "-X", "importtime", "-m", "modelmgr", "--catalog", str(library.catalog), "list"]
    done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60)
    assert "Inkwash Harbor" in done.stdout
    for heavy in ("fastapi", "starlette", "pydantic", "uvicorn", "asyncio", "PIL", "modelmgr.api"):
        assert not re.search(rf"\b{heavy}\b", done.stderr), heavy


def test_every_command_is_told_in_the_documents() -> None:
    text = (Path(__file__).parent.parent / "_codex" / "backend_apis.md").read_text("utf-8")
    missing = [words for words in each_command(build_parser()) if f"`{words}" not in text]
    assert not missing


def test_what_readme_shows_is_taken_as_it_stands() -> None:
    text = (Path(__file__).parent.parent / "README.md").read_text("utf-8")
    lines = re.findall(r"^modelmgr (.+)$", text, re.MULTILINE)
    assert len(lines) > 10
    for line in lines:
        build_parser().parse_args(shlex.split(line))  # ends the program if it is no command


def each_command(parser: argparse.ArgumentParser, before: str = "") -> Iterator[str]:
    groups = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    for group in groups:
        for name, below in group.choices.items():
            yield from each_command(below, f"{before}{name} ")
    if not groups:
        yield before.strip()


# --- an absent catalog ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["list"], {"total": 0, "models": []}),
        (["pending", "list"], {"total": 0, "pending": []}),
        (["folders", "list"], {"folders": []}),
        (["duplicates"], {"groups": []}),
        (
            ["stats"],
            {"models": 0, "files": 0, "bytes": 0, "by_type": {}, "by_base_model": {}, "by_folder": {}},
        ),
        (["check"], {"ok": True, "problems": []}),
        (["verify"], {"checked": 0, "ok": 0, "changed": 0, "missing": 0, "problems": []}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_questions_to_a_catalog_that_is_not_there_answer_nothing_and_create_nothing(
    tmp_path: Path, words: list[str], expected: dict[str, Any]
) -> None:
    answer = run(tmp_path / "catalog.sqlite", *words, "--json")
    assert answer.code == 0
    assert expected.items() <= answer.json.items()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", [["check"], ["backup", "x"], ["restore", "catalog.sqlite"]], ids=str)
def test_what_keeps_a_catalog_from_being_looked_after_is_its_problem(
    tmp_path: Path, words: list[str]
) -> None:
    catalog = tmp_path / "catalog.sqlite"
    catalog.write_bytes(b"no catalog" * 100)
    answer = run(catalog, words[0], *(tmp_path / word for word in words[1:]), "--json")
    assert (answer.code, answer.json["ok"]) == (3, False)
    error, (problem,) = answer.json["error"], answer.json["problems"]
    assert (problem["code"], problem["message"]) == (error["code"], error["message"])
    assert (problem["path"], problem["kept"]) == (str(catalog), False)


def test_an_empty_file_is_a_new_catalog(tmp_path: Path) -> None:
    empty = tmp_path / "catalog.sqlite"
    empty.touch()
    assert run(empty, "list", "--json").json["total"] == 0
    assert empty.stat().st_size == 0
    (tmp_path / "models").mkdir()
    assert run(empty, "folders", "add", tmp_path / "models").code == 0
    assert empty.stat().st_size > 0


def test_the_catalog_of_the_user_is_in_the_data_folder_unless_the_environment_names_one(
    tmp_path: Path,
) -> None:
    named = tmp_path / "named.sqlite"
    home = {name: str(tmp_path / "home") for name in ("HOME", "XDG_DATA_HOME", "LOCALAPPDATA", "APPDATA")}
    (tmp_path / "models").mkdir()
    words = [sys.executable, "-m", "modelmgr", "folders", "add", str(tmp_path / "models")]
    subprocess.run(
        [*words[:3], "list"], env={**os.environ, **home}, check=True, capture_output=True, timeout=60
    )
    assert not (tmp_path / "home").exists()
    subprocess.run(
        words, env={**os.environ, **home, "MODELMGR_CATALOG": str(named)}, check=True, capture_output=True
    )
    assert named.exists()
    assert not (tmp_path / "home").exists()
    subprocess.run(words, env={**os.environ, **home}, check=True, capture_output=True, timeout=60)
    assert [path.name for path in (tmp_path / "home").rglob("catalog.sqlite")] == ["catalog.sqlite"]


# --- what goes wrong --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        ["no-such-command"],
        ["folders"],
        ["migrate", "import"],
        ["show", "xyz"],
        ["show", "abc"],
        ["list", "--limit", "-1"],
        ["list", "--sort", "colour"],
        ["list", "--type", "spaceship"],
        ["list", "--state", "colourful"],
        ["list", "--favorite", "yes"],
        ["list", "--search", "ab\udc80cd"],
        ["pending", "promote"],
        ["pending", "promote", "--all", "1"],
        ["pending", "dismiss", "one"],
        ["pending", "undo"],
        ["pending", "undo", "--last", "1"],
        ["export", "--sidecars", "somebody", "out"],
        ["export", "--sidecars", "a1111", "--jsonl", "out"],
        ["export", "--jsonl", "--overwrite", "out"],
        ["pending", "list", "--state", "lost"],
        ["migrate", "import", "--source", "no-such-tool", "."],
        ["export", "somewhere"],
        ["scan", ""],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_exit_code_2(tmp_path: Path, words: list[str]) -> None:
    answer = run(tmp_path / "catalog.sqlite", *words, "--json")
    assert answer.code == 2
    assert answer.json["error"]["code"] == "usage"
    assert not (tmp_path / "catalog.sqlite").exists() or "--source" in words


@pytest.mark.parametrize(
    "words",
    [["list"], ["show", UNKNOWN_SHA256], ["folders", "add", "."], ["pending", "list"], ["check"], ["stats"]],
    ids=" ".join,
)
@pytest.mark.parametrize("fault", ["too new", "of another program", "damaged", "a folder"])
def test_a_catalog_that_cannot_be_used_is_exit_code_3_and_stays_as_it_was(
    tmp_path: Path, fault: str, words: list[str]
) -> None:
    catalog = tmp_path / "catalog.sqlite"
    if fault == "a folder":
        catalog.mkdir()
    elif fault == "damaged":
        catalog.write_bytes(b"no database at all" * 100)
    else:
        conn = driver.connect(str(catalog))
        conn.execute(f"PRAGMA application_id={0x6D6D6772 if fault == 'too new' else 1234}")
        conn.execute("PRAGMA user_version=999")
        conn.execute("CREATE TABLE t(x)")
        conn.commit()
        conn.close()
    before = catalog.read_bytes() if catalog.is_file() else b""
    answer = run(catalog, *words, "--json")
    assert answer.code == 3
    error = answer.json["error"]
    assert error["code"].startswith("catalog_")
    assert error["message"]
    if fault == "too new":
        assert error["code"] == "catalog_too_new"
    assert (catalog.read_bytes() if catalog.is_file() else b"") == before
    assert [path.name for path in tmp_path.iterdir()] == ["catalog.sqlite"]


def test_a_path_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    catalog, nowhere = tmp_path / "catalog.sqlite", tmp_path / "nowhere"
    for said in (
        ["scan"],
        ["migrate", "import"],
        ["migrate", "detect"],
        ["folders", "add"],
        ["folders", "remove"],
    ):
        answer = run(catalog, *said, nowhere, "--json")
        assert answer.code == 1, said
        assert [problem["code"] for problem in answer.json["problems"]] == ["not_found"], said
    for said in (["restore", str(nowhere)], ["show", UNKNOWN_SHA256]):
        answer = run(catalog, *said, "--json")
        assert answer.code == 1, said
        assert answer.json["error"]["code"] == "not_found", said


def test_ids_and_hashes_that_are_not_there_are_problems_and_stop_nothing(library: Library) -> None:
    verified = library.run("verify", library.copper, UNKNOWN_SHA256, "--json")
    assert verified.code == 1
    assert [problem["code"] for problem in verified.json["problems"]] == ["not_found"]
    assert (verified.json["checked"], verified.json["ok"]) == (1, 1)
    only_wrong = library.run("verify", UNKNOWN_SHA256, "--json")
    assert (only_wrong.code, only_wrong.json["checked"]) == (1, 0)
    for said in (["promote"], ["dismiss"], ["undo"]):
        answer = library.run("pending", *said, "424242", str(2**70), "--json")
        assert answer.code == 1
        assert {problem["code"] for problem in answer.json["problems"]} == {"not_found"}
        assert [problem["message"] for problem in answer.json["problems"]] == [
            f"No pending model has the ID {number}." for number in (424242, 2**70)
        ]
    answer = library.run("edit", "--undo", str(2**70), "--json")
    assert answer.json["error"]["message"] == f"There is no edit {2**70}."


def test_a_disk_without_room_for_the_output_is_told_in_a_sentence(library: Library) -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full here")
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            command(library.catalog, "list", "--json"),
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
            timeout=60,
        )
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr
    assert done.stderr.startswith(b"modelmgr: ")


@pytest.mark.parametrize("said", [["pending", "export", "--jsonl"], ["list", "--help"], ["--version"]])
def test_a_reader_that_goes_away_ends_the_output_quietly(library: Library, said: list[str]) -> None:
    process = subprocess.Popen(
        command(library.catalog, *said),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(60) == 0


@pytest.mark.skipif(sys.platform == "win32", reason="there the current folder can't be removed")
@pytest.mark.parametrize(
    ("named", "said", "code"),
    [("{}", "list", 0), ("{}", "scan models --json", 2), ("catalog.sqlite", "list --json", 3)],
)
def test_a_current_folder_that_is_gone_is_told_of_who_needs_it(
    library: Library, tmp_path: Path, named: str, said: str, code: int
) -> None:
    program = shlex.join(command(named.format(library.catalog)))
    gone = shlex.quote(str(tmp_path / "gone"))
    done = subprocess.run(
        ["/bin/sh", "-c", f"mkdir {gone} && cd {gone} && rmdir {gone} && exec {program} {said}"],
        capture_output=True,
        check=False,
        timeout=60,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    )
    assert done.returncode == code
    if code:
        assert "current folder" in json.loads(done.stdout)["error"]["message"]


@pytest.mark.skipif(sys.platform == "win32", reason="its shell can't close streams")
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("said", ["list", "scan --json", "show nothing"])
def test_streams_that_are_closed_from_the_start_change_nothing_else(
    library: Library, said: str, closed: str
) -> None:
    whole, part = (
        subprocess.run(
            ["/bin/sh", "-c", f"{shlex.join(command(library.catalog))} {said} {ending}"],
            capture_output=True,
            check=False,
            timeout=60,
        )
        for ending in ("", closed)
    )
    assert part.returncode == whole.returncode
    assert bool(part.stdout) == (bool(whole.stdout) and ">&-" not in closed.replace("2>&-", ""))
    assert bool(part.stderr) == (bool(whole.stderr) and "2>&-" not in closed)
    assert library.run("check").code == 0


# --- the library ------------------------------------------------------------------------------------------


def test_a_scan_says_what_it_met_and_a_second_one_that_nothing_changed(tmp_path: Path) -> None:
    made = write_library(tmp_path)
    first = made.run("scan", tmp_path / "models", "--json")
    assert first.code == 0
    counts = first.json
    assert words(
        "seen added updated unchanged ignored failed missing offline hashed bytes_hashed problems elapsed_s"
    ) <= set(counts)
    assert (counts["seen"], counts["added"], counts["hashed"]) == (3, 3, 3)
    again = made.run("scan", "--json").json
    assert (again["seen"], again["unchanged"], again["hashed"]) == (3, 3, 0)
    folders = made.run("folders", "list", "--json").json["folders"]
    assert [folder["path"] for folder in folders] == [str(tmp_path / "models")]
    removed = made.run("folders", "remove", tmp_path / "models", "--json")
    assert (removed.code, removed.json["folders"]) == (0, [])


def test_a_scan_without_hashing_lists_models_by_their_headers(tmp_path: Path) -> None:
    made = write_library(tmp_path)
    assert made.run("scan", tmp_path / "models", "--no-hash", "--json").json["hashed"] == 0
    rows = made.run("list", "--json").json["models"]
    assert {row["sha256"] for row in rows} == {None}
    assert {row["type"] for row in rows} == {"lora"}
    text = made.run("list").out
    assert "not hashed" in text


def test_an_empty_name_of_a_catalog_is_not_the_users_own(tmp_path: Path) -> None:
    for said in (["list"], ["scan"], ["folders", "add", str(tmp_path)]):
        answer = run("", *said, "--json", MODELMGR_CATALOG=str(tmp_path / "own.sqlite"))
        assert (answer.code, answer.json["error"]["code"]) == (2, "usage"), said
    assert list(tmp_path.iterdir()) == []


def test_a_value_may_begin_with_a_dash(library: Library) -> None:
    everything = library.run("list", "--json").json["total"]
    loras = library.run("list", "--search", "type:lora", "--json").json["total"]
    others = library.run("list", "--search", "-type:lora", "--json")
    assert (others.code, others.json["total"]) == (0, everything - loras)
    assert library.run("list", "--tag", "-wip", "--json").json["total"] == 0
    for said in (["--search", "--json"], ["--search"], ["--search", "-h", "x"], ["-x"]):
        assert library.run("list", *said).code == 2, said


def test_list_gives_light_columns_and_filters_in_any_spelling(library: Library) -> None:
    everything = library.run("list", "--json")
    assert everything.code == 0
    assert everything.json["total"] == 2
    assert all(set(row) == LIGHT_COLUMNS for row in everything.json["models"])
    assert "meta_json" not in everything.out
    words = ["--type", "LoRA", "--base", "sd 1.5", "--search", "harbor", "--json"]
    (found,) = library.run("list", *words).json["models"]
    assert found["sha256"] == library.ink
    assert (found["type"], found["base_model"]) == ("lora", "SD 1.5")
    assert library.run("list", "--type", "vae", "--json").json == {"total": 0, "models": []}
    assert library.run("list", "--tag", "nobody", "--json").json["total"] == 0


def test_list_filters_by_folder_state_and_favorites(library: Library) -> None:
    folder = library.root / "models" / "Lora"
    assert library.run("list", "--folder", f"{folder}/", "--json").json["total"] == 2
    assert library.run("list", "--folder", library.root, "--json").json["total"] == 0
    (twice,) = library.run("list", "--state", "duplicate", "--state", "missing", "--json").json["models"]
    assert twice["sha256"] == library.ink
    assert library.run("list", "--favorite", "--json").json["total"] == 0
    assert library.run("list", "--no-favorite", "--json").json["total"] == 2


def test_list_has_an_option_for_every_filter_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    added = filters.Filter(
        "tool", "states", filters.FilterKind.MANY, "the tool that knows it", (), metavar="TOOL"
    )
    monkeypatch.setattr(filters, "MODEL_FILTERS", (*filters.MODEL_FILTERS, added))
    args = build_parser().parse_args(["list", "--tool", "comfyui", "--tool", "a1111"])
    assert args.tool == ["comfyui", "a1111"]
    assert filters.model_query(vars(args)) == ModelQuery(states=("comfyui", "a1111"))


def test_list_sorts_and_takes_stretches(library: Library) -> None:
    def names(*words: str) -> list[str]:
        answer = library.run("list", "--sort", "name", *words, "--json").json
        assert answer["total"] == 2
        return [row["name"] for row in answer["models"]]

    up = names()
    assert names("--desc") == up[::-1]
    assert names("--limit", "1") == up[:1]
    assert names("--limit", "99999999999999999999", "--offset", "1") == up[1:]
    assert names("--limit", "0") == []


def test_show_gives_everything_about_one_model_by_the_first_digits(library: Library) -> None:
    answer = library.run("show", library.ink[:8].upper(), "--json")
    assert answer.code == 0
    details = answer.json
    assert set(details) >= LIGHT_COLUMNS | {"meta_json", "records", "files", "header", "provenance"}
    assert details["meta_json"] == json.loads(library.ink_payload)
    (record,) = details["records"]
    assert record["source"] == "civitai-info"
    assert record["source_path"] == str(library.root / "models" / "Lora" / "inkwash.civitai.info")
    assert record["payload_sha256"] == hashlib.sha256(library.ink_payload).hexdigest()
    assert record["size"] == len(library.ink_payload)
    assert record["payload_text"] == library.ink_payload.decode()
    assert {"id", "record_key", "extra"} <= set(record)
    assert len(details["files"]) == 2
    assert details["provenance"]["name"]["source"] == "civitai-info"
    text = library.run("show", library.ink).out
    assert "Inkwash Harbor" in text
    bare = library.run("show", library.copper, "--json").json
    assert (bare["meta_json"], bare["records"]) == (None, [])


def test_duplicates_stats_and_check(library: Library) -> None:
    (group,) = library.run("duplicates", "--json").json["groups"]
    assert group["sha256"] == library.ink
    assert len(group["files"]) == 2
    assert group["reclaimable_bytes"] == group["size_bytes"]
    stats = library.run("stats", "--json").json
    assert (stats["models"], stats["files"]) == (2, 3)
    assert stats["by_type"]["lora"]["models"] == 2
    assert library.run("check", "--json").json == {"ok": True, "problems": []}
    for said in (["duplicates"], ["stats"], ["check"], ["folders", "list"], ["pending", "list"], ["list"]):
        assert library.run(*said).out


# --- import and promotion ---------------------------------------------------------------------------------


def test_an_import_is_shown_beforehand_done_once_and_promoted(tmp_path: Path) -> None:
    made = write_library(tmp_path)
    models = tmp_path / "models"
    found = made.run("migrate", "detect", models, "--json")
    assert found.code == 0
    (source,) = found.json["sources"]
    assert (source["source"], source["records"]) == ("civitai-info", 1)
    dry = made.run("migrate", "import", models, "--dry-run", "--json")
    assert (dry.code, dry.json["imported"], dry.json["batch_id"]) == (0, 1, None)
    assert not made.catalog.exists()

    first = made.run("migrate", "import", models, "--json")
    assert first.code == 0
    counts = first.json
    assert set(counts) >= IMPORT_KEYS
    assert counts["batch_id"] is not None
    assert counts["imported"] == 1
    assert counts["by_source"]["civitai-info"]["imported"] == 1
    assert counts["seen"] == sum(counts[key] for key in ("imported", "unchanged", "ignored", "failed"))
    again = made.run("migrate", "import", models, "--json").json
    assert (again["imported"], again["unchanged"]) == (0, 1)

    (waiting,) = made.run("pending", "list", "--state", "pending", "--json").json["pending"]
    assert set(waiting) >= words("id source source_path record_key name type sha256 file_path state problem")
    promoted = made.run("pending", "promote", str(waiting["id"]), "--json")
    assert (promoted.code, promoted.json["promoted"], promoted.json["stayed"]) == (0, 1, 0)
    assert made.run("show", made.ink, "--json").json["meta_json"] == json.loads(made.ink_payload)
    assert made.run("pending", "clear-promoted", "--json").json["changed"] == 1
    assert made.run("pending", "list", "--json").json["total"] == 0
    resumed = made.run("migrate", "resume", "--json")
    assert (resumed.code, resumed.json["seen"]) == (0, 0)


def test_pictures_are_told_of_and_copied_where_that_is_wished(tmp_path: Path) -> None:
    made = write_library(tmp_path)
    picture = tmp_path / "models" / "Lora" / "inkwash.preview.png"
    picture.write_bytes(b"picture")
    digest = "2cea274d0bedc39ec4ab6ba9e59ec889e3ed6fb56a1cf088a64d9b383378dc97"
    kept = tmp_path / "catalog.sqlite.attachments" / digest[:2] / f"{digest}.png"
    made.run("migrate", "import", tmp_path / "models")
    assert made.run("pending", "promote", "--all", "--json").json["promoted"] == 1
    told = {"path": str(picture), "kind": "preview", "size": 7, "sha256": digest, "kept": None}
    assert made.run("show", made.ink, "--json").json["attachments"] == [told]
    assert f"1 picture:\n  {picture}  (preview)\n" in made.run("show", made.ink).out
    assert not kept.parent.parent.exists()

    assert made.run("pending", "undo", "--last").code == 0
    promoted = made.run("pending", "promote", "--all", "--keep-previews", "--json")
    assert (promoted.code, promoted.json["promoted"]) == (0, 1)
    assert made.run("show", made.ink, "--json").json["attachments"] == [told | {"kept": str(kept)}]
    assert kept.read_bytes() == b"picture"
    picture.unlink()
    assert made.run("show", made.ink, "--json").json["preview"] == str(kept)


def test_a_promotion_is_taken_back_by_its_ids_or_as_the_last_run(tmp_path: Path) -> None:
    made = write_library(tmp_path)
    made.run("migrate", "import", tmp_path / "models")
    assert made.run("pending", "promote", "--all", "--json").json["promoted"] == 1
    (row,) = made.run("pending", "list", "--json").json["pending"]
    answer = made.run("pending", "undo", "--last", "--json")
    assert (answer.code, answer.json) == (0, {"undone": 1, "stayed": 0, "problems": [], "cancelled": False})
    assert made.run("show", made.ink, "--json").json["records"] == []
    again = made.run("pending", "undo", str(row["id"]), "--json")
    assert (again.code, again.json["undone"], again.json["stayed"]) == (1, 0, 1)
    assert [problem["code"] for problem in again.json["problems"]] == ["not_promoted"]
    nothing = made.run("pending", "undo", "--last")
    assert (nothing.code, nothing.out) == (0, "0 records pending again, 0 stayed.\n")
    assert made.run("pending", "promote", str(row["id"]), "--json").json["promoted"] == 1


def test_sidecars_of_other_tools_go_into_a_folder(library: Library, tmp_path: Path) -> None:
    out = tmp_path / "out"
    answer = library.run("export", "--sidecars", "civitai-info", out, "--json")
    assert answer.code == 0
    assert answer.json == {
        "models": 2,
        "files": 3,
        "originals": 2,
        "skipped": 0,
        "problems": [],
        "cancelled": False,
    }
    assert (out / "Lora" / "inkwash.civitai.info").read_bytes() == library.ink_payload
    copper = out / "Lora" / "copperleaf.civitai.info"
    former = copper.read_bytes()
    assert json.loads(former)["files"][0]["hashes"]["SHA256"] == library.copper.upper()
    copper.write_bytes(b"mine")
    answer = library.run("export", "--sidecars", "civitai-info", out, "--json")
    assert (answer.code, answer.json["files"], answer.json["skipped"]) == (1, 0, 3)
    assert [(one["path"], one["code"]) for one in answer.json["problems"]] == [(str(copper), "exists")]
    assert copper.read_bytes() == b"mine"
    answer = library.run("export", "--sidecars", "civitai-info", "--overwrite", out)
    assert (answer.code, answer.out) == (
        0,
        f"3 sidecars of 2 models written to {out}, 2 of them as they were imported; 0 skipped.\n",
    )
    assert copper.read_bytes() == former
    refused = library.run("export", "--sidecars", "a1111", copper, "--json")
    assert (refused.code, refused.json["error"]["code"]) == (1, "unwritable")


def test_records_that_cannot_be_promoted_stay_and_say_why(tmp_path: Path) -> None:
    made = write_library(tmp_path)
    alone = tmp_path / "models" / "Lora" / "gone.civitai.info"
    write_sidecar(alone, "Gone", UNKNOWN_SHA256, 7)
    made.run("migrate", "import", alone, "--json")
    stayed = made.run("pending", "promote", "--all", "--json")
    assert stayed.code == 1
    assert (stayed.json["promoted"], stayed.json["stayed"]) == (0, 1)
    assert [problem["code"] for problem in stayed.json["problems"]] == ["no_file"]
    listed = made.run("pending", "list", "--problem", "no_file", "--json")
    assert (listed.code, listed.json["total"]) == (0, 1)
    dismissed = made.run("pending", "dismiss", str(listed.json["pending"][0]["id"]), "--json")
    assert (dismissed.code, dismissed.json["changed"]) == (0, 1)
    assert made.run("pending", "list", "--state", "dismissed", "--json").json["total"] == 1


def test_a_model_without_file_can_be_asked_for(tmp_path: Path) -> None:
    made = write_library(tmp_path)
    alone = tmp_path / "models" / "Lora" / "gone.civitai.info"
    write_sidecar(alone, "Gone", "ab" * 32, 7)
    made.run("migrate", "import", alone)
    assert made.run("pending", "promote", "--all", "--allow-missing", "--json").json["promoted"] == 1
    assert made.run("show", "ab" * 32, "--json").json["file_state"] == "missing"


def test_payloads_come_out_byte_for_byte_and_go_in_again(library: Library, tmp_path: Path) -> None:
    lines = library.run("pending", "export", "--jsonl").out.splitlines()
    (record,) = map(json.loads, lines)
    assert set(record) >= words(
        "id source source_path record_key sha256 state problem payload_sha256 payload_base64 extra"
    )
    assert base64.b64decode(record["payload_base64"]) == library.ink_payload

    exported = tmp_path / "library.jsonl"
    answer = library.run("export", "--jsonl", exported, "--json")
    assert (answer.code, answer.json) == (0, {"models": 2, "records": 1})
    taken = run(tmp_path / "second.sqlite", "migrate", "import", exported, "--json")
    assert taken.json["imported"] >= 1
    digests = {
        json.loads(line)["payload_sha256"]
        for line in run(tmp_path / "second.sqlite", "pending", "export", "--jsonl").out.splitlines()
    }
    assert hashlib.sha256(library.ink_payload).hexdigest() in digests

    sheet = tmp_path / "library.csv"
    assert library.run("export", sheet, "--csv").code == 0
    with open(sheet, encoding="utf-8", newline="") as file:
        assert len(list(csv.reader(file))) >= 3
    assert not list(tmp_path.glob("*.part"))


def test_an_export_takes_neither_the_place_of_the_catalog_nor_one_that_is_not_there(library: Library) -> None:
    before = library.catalog.read_bytes()
    assert library.run("export", "--jsonl", library.catalog).code == 2
    assert library.catalog.read_bytes() == before
    answer = library.run("export", "--jsonl", library.root / "nowhere" / "x.jsonl", "--json")
    assert (answer.code, answer.json["error"]["code"]) == (1, "unwritable")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_an_export_follows_a_link_and_takes_the_place_of_no_pipe_or_folder(library: Library) -> None:
    folder, link, pipe = library.root / "far", library.root / "link.jsonl", library.root / "pipe"
    folder.mkdir()
    link.symlink_to(folder / "x.jsonl")
    os.mkfifo(pipe)
    assert library.run("export", "--jsonl", link).code == 0
    assert link.is_symlink()
    assert (folder / "x.jsonl").is_file()
    for target in (pipe, folder):
        answer = library.run("export", "--jsonl", target, "--json")
        assert (answer.code, answer.json["error"]["code"]) == (1, "unwritable")
    assert pipe.is_fifo()


def test_a_backup_is_taken_and_restored_and_the_former_catalog_is_kept(tmp_path: Path) -> None:
    made = write_library(tmp_path)
    made.run("scan", tmp_path / "models")
    backup = tmp_path / "backup.sqlite"
    assert made.run("backup", backup, "--json").json == {"ok": True, "problems": []}
    (tmp_path / "models" / "Lora" / "copperleaf.safetensors").unlink()
    write_model(tmp_path / "models" / "Lora" / "third.safetensors", b"3")
    made.run("scan")
    assert made.run("list", "--json").json["total"] == 3
    restored = made.run("restore", backup, "--json")
    assert restored.code == 0
    assert restored.json["ok"] is True
    assert made.run("list", "--json").json["total"] == 2
    kept = [path for path in tmp_path.rglob("catalog.sqlite") if path != made.catalog]
    assert len(kept) == 1
    assert run(kept[0], "list", "--json").json["total"] == 3
