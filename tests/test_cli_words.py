"""What people read on the command line: help, lines, sentences on what went wrong, on terminals and in pipes."""

import argparse
import os
import re
import shlex
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from modelmgr.catalog import Catalog
from modelmgr.cli.commands import COMMANDS, build_parser
from modelmgr.cli.parser import sha256
from modelmgr.values import ModelQuery
from tests.command_line import (
    UNKNOWN_SHA256,
    Library,
    command,
    run,
    write_library,
    write_model,
    write_sidecar,
)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """A library that is scanned, with a promoted and a pending record; tests only read it."""
    made = write_library(tmp_path_factory.mktemp("library"))
    write_model(made.root / "models" / f"{'verdigris ' * 22}.safetensors", b"v")
    write_sidecar(made.root / "models" / "gone.civitai.info", "Gone", UNKNOWN_SHA256, 7)
    for said in (
        ["scan", str(made.root / "models")],
        ["migrate", "import", str(made.root / "models")],
        ["pending", "promote", "--all"],
        ["edit", made.ink, "--set", "name=Mine", "--set", "notes=one\ntwo", "--add-tag", "ink"],
    ):
        assert made.run(*said).code in (0, 1), said
    return made


def on_terminal(catalog: Path, *said: str, columns: int) -> str:
    """Run a command on a terminal so wide, and return what it drew there."""
    import fcntl
    import pty
    import termios

    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    process = subprocess.Popen(
        command(catalog, *said), stdin=slave, stdout=slave, stderr=slave, env=environment
    )
    os.close(slave)
    drawn = b""
    while True:
        try:
            some = os.read(master, 65_536)
        except OSError:  # Linux says so when the last writer has gone
            break
        if not some:
            break
        drawn += some
    os.close(master)
    process.wait(60)
    return drawn.decode().replace("\r\n", "\n")


# --- the table and its help -------------------------------------------------------------------------------


@pytest.mark.parametrize("told", COMMANDS, ids=lambda told: told.words)
def test_every_command_has_its_deed_and_examples_that_are_right(told) -> None:
    deed = getattr(told.module(), told.deed)
    assert deed.__doc__
    for example in told.examples:
        said = shlex.split(example.partition(" > ")[0])
        assert " ".join(said).startswith(told.words)
        args = build_parser().parse_args(said)
        assert (args.module, args.deed) == (told.module, told.deed)


def test_help_of_a_command_is_a_sentence_with_examples(tmp_path: Path) -> None:
    answer = run(tmp_path / "catalog.sqlite", "list", "--help")
    assert answer.code == 0
    assert "\nList models.\n" in answer.out
    assert "\nExamples:\n  modelmgr list --type lora" in answer.out
    assert "size:>2GB" in answer.out
    first = run(tmp_path / "catalog.sqlite", "--help").out
    assert "First steps:\n  modelmgr scan ~/models" in first


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("lst", "there is no command 'lst'; did you mean 'list'?"),
        ("migrate imprt x", "there is no command 'imprt'; did you mean 'import'?"),
        ("folders", "modelmgr folders what? There are add, remove, list, ignore, ignored, move."),
        ("list --catalog=x", "--catalog=x; it stands before the command: modelmgr --catalog FILE COMMAND"),
        ("--json list", "--json; it stands after the command: modelmgr COMMAND --json"),
        ("stats --colour", "unrecognized arguments: --colour"),
    ],
)
def test_wrong_words_are_answered_with_the_right_ones(tmp_path: Path, said: str, told: str) -> None:
    answer = run(tmp_path / "catalog.sqlite", *said.split())
    assert answer.code == 2
    assert told in answer.out + answer.err
    if said.startswith("stats"):
        assert answer.err.startswith("usage: modelmgr stats ")


# --- sentences --------------------------------------------------------------------------------------------


def test_one_missing_file_is_missing_and_two_are(tmp_path: Path) -> None:
    made = write_library(tmp_path)
    made.run("scan", tmp_path / "models")
    (tmp_path / "models" / "Lora" / "copperleaf.safetensors").unlink()
    assert "\n1 known file is missing.\n" in made.run("scan").out
    (tmp_path / "models" / "Lora" / "inkwash copy.safetensors").unlink()
    said = made.run("scan").out
    assert "\n2 known files are missing.\n" in said
    assert "can't be reached" not in said


def test_nothing_to_do_is_said_in_a_sentence(tmp_path: Path) -> None:
    catalog = tmp_path / "catalog.sqlite"
    (tmp_path / "empty").mkdir()
    assert run(catalog, "migrate", "import", tmp_path / "empty").out == "There is nothing to import there.\n"
    assert run(catalog, "migrate", "resume").out == "No import was interrupted.\n"
    assert run(catalog, "duplicates").out == "No model has several files.\n"
    listed = run(catalog, "list")
    assert (listed.out, listed.err) == ("0 models\n", "modelmgr: Find models with: modelmgr scan PATH\n")
    assert run(catalog, "list", "--type", "vae").err == ""
    run(catalog, "folders", "add", tmp_path / "empty")
    assert run(catalog, "folders", "ignored", tmp_path / "empty").out == "Nothing is left out.\n"


def test_what_a_search_did_not_understand_is_told_beside_the_answer(library: Library) -> None:
    said = library.run("list", "--search", "type:lora rating:")
    assert (said.code, "Mine" in said.out) == (0, True)
    assert said.err.startswith("modelmgr: rating: waits for a value")
    said = library.run("list", "--search", "colour:red size:abc")
    assert said.out == "0 models\n"
    assert said.err.startswith(
        "modelmgr: Looked for: contains “colour:red”; contains “size:abc” (“abc” is no size"
    )
    assert said.err.count("\n") == 1
    assert library.run("list", "--search", "type:lora").err == ""
    assert library.run("list", "--search", "size:abc", "--json").err == ""


def test_show_names_what_the_user_set_and_tells_conditions_in_words(library: Library) -> None:
    said = library.run("show", library.ink).out
    lines = said.splitlines()
    assert lines[0] == "Mine"
    assert "  Set by you:    name, notes, tags" in lines
    assert "  Tags:          ink  [you]" in lines
    at = lines.index("  Notes:         one")
    assert lines[at + 1] == "                 two  [you]"
    assert not re.search(r"^  [$@!]", said, re.MULTILINE)
    assert re.search(r"^  Added:         \d{4}-\d\d-\d\d \d\d:\d\d$", said, re.MULTILINE)
    other = library.run("show", library.copper).out
    assert "Set by you" not in other
    assert "No records of other tools.\n" in other


def test_show_calls_tools_by_their_names(tmp_path: Path) -> None:
    made = write_library(tmp_path)
    folder = tmp_path / "models" / "Lora"
    (folder / "copperleaf.json").write_text('{"notes": "warm"}')
    (folder / "copperleaf.metadata.json").write_text(
        '{"file_path": "", "model_name": "Leaf", "notes": "best"}'
    )
    made.run("scan", tmp_path / "models")
    made.run("migrate", "import", folder)
    made.run("pending", "promote", "--all")
    lines = made.run("show", made.copper).out.splitlines()
    assert lines[0] == "Leaf"
    words = {line.removeprefix("  Notes:").strip() for line in lines}
    assert {"[LoRA Manager]", "best", "[A1111 notes]"} <= words
    assert re.search(r"^  \d+  LoRA Manager  .*copperleaf\.metadata\.json$", "\n".join(lines), re.MULTILINE)
    shown = made.run("show", made.copper, "--json").json
    assert {"[lora-manager]", "[a1111-user-json]"} <= set(shown["notes"].splitlines())


def test_columns_that_say_nothing_are_left_out(library: Library) -> None:
    title, *_ = library.run("list").out.splitlines()
    assert title.split() == ["SHA256", "Type", "Base", "model", "Size", "Name"]
    only = library.run("list", "--limit", "1").out.splitlines()[-1]
    assert only == "3 models, 1 shown; --limit and --offset show others."


# --- terminals and pipes ----------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform == "win32", reason="no such terminals there")
@pytest.mark.parametrize("columns", [60, 80, 200])
def test_lists_fit_into_the_terminal(library: Library, columns: int) -> None:
    listed = on_terminal(library.catalog, "list", columns=columns)
    assert "\x1b" not in listed
    (line,) = [line for line in listed.splitlines() if "verdigris" in line]
    assert "…" in line
    assert len(line) == columns
    waiting = on_terminal(library.catalog, "pending", "list", "--state", "pending", columns=columns)
    assert re.search(r"^ *\d+  pending  .*\n    The record names no file ", waiting, re.MULTILINE)
    piped = library.run("pending", "list", "--state", "pending").out
    assert re.search(r"^ *\d+  pending  .*The record names no file ", piped, re.MULTILINE)


@pytest.mark.skipif(sys.platform == "win32", reason="no such terminals there")
def test_progress_is_drawn_on_a_terminal_and_never_into_pipes(tmp_path: Path) -> None:
    made = write_library(tmp_path)
    drawn = on_terminal(made.catalog, "scan", str(tmp_path / "models"), columns=80)
    assert "\r\x1b[K" in drawn
    assert drawn.endswith("\n")
    last = drawn.rpartition("\x1b[K")[2]
    assert last.startswith("3 files seen: 3 added")
    piped = made.run("scan")
    assert "\x1b" not in piped.out + piped.err
    assert piped.err == ""


def test_a_hash_that_could_not_be_computed_is_told_from_one_that_waits(tmp_path: Path) -> None:
    made = write_library(tmp_path)
    made.run("scan", tmp_path / "models")
    with Catalog.open(made.catalog) as catalog:
        one, two, *_ = catalog.page(ModelQuery(), None)
        catalog.touch_file(catalog.files_of(one.id)[0].id, 1, 1, 1, 1)
        catalog.touch_file(catalog.files_of(two.id)[0].id, 1, 2, 2, 1)
        catalog.set_hash_state([one.id], "failed")
        catalog.set_hash_state([two.id], "none")
    assert "hash failed" in made.run("list").out
    assert "not hashed" in made.run("list").out
    assert "  State:         hash failed" in made.run("show", one.sha256 or "").out.splitlines()
    assert "  State:         not hashed" in made.run("show", two.sha256 or "").out.splitlines()


@pytest.mark.parametrize(
    "spelling", ["{}", "sha256:{}", "SHA256:{}", "sha256-{}", "0x{}", "blake3:{}", " {} "]
)
def test_a_hash_is_taken_as_other_programs_write_it(spelling: str) -> None:
    assert sha256(spelling.format("AB" * 32)) == "ab" * 32
    for other in ("x", "sha256:x", "", "ab", "ab" * 33, "md5:" + "ab" * 16):
        with pytest.raises(argparse.ArgumentTypeError):
            sha256(spelling.format(other))
