"""The command line in odd surroundings: names of any bytes, terminals, pipes, and signals at any moment."""

import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from modelmgr import cli
from modelmgr.catalog import Catalog
from tests.command_line import (
    command,
    run,
    write_model,
    write_sidecar,
)

HOSTILE = "evil\x1b[31m\u202egnp\u200b\n.safetensors"


@pytest.mark.skipif(sys.platform == "win32", reason="such names can't be made there")
def test_control_and_direction_marks_of_names_reach_no_terminal(tmp_path: Path) -> None:
    write_model(tmp_path / HOSTILE)
    (tmp_path / "broken\x1b]0;x\x07.safetensors").write_bytes(b"\xff" * 20)
    catalog = tmp_path / "catalog.sqlite"
    scan = run(catalog, "scan", tmp_path)
    listed = run(catalog, "list")
    sha256 = next(
        row["sha256"] for row in run(catalog, "list", "--json").json["models"] if "evil" in row["path"]
    )
    shown = run(catalog, "show", sha256)
    wrong = run(catalog, "scan", tmp_path / "not\x1bthere")
    for answer in (scan, listed, shown, wrong):
        for text in (answer.out, answer.err):
            assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]", text)
    assert "\u241b[31m\\u202e" in shown.out


@pytest.mark.skipif(sys.platform != "linux", reason="only there a path is any bytes")
def test_paths_that_are_no_utf8_go_out_and_come_back(tmp_path: Path) -> None:
    folder = os.path.join(os.fsencode(tmp_path), b"caf\xe9 \x80")
    os.mkdir(folder)
    write_model(os.fsdecode(os.path.join(folder, b"m\xff.safetensors")))
    catalog = tmp_path / "catalog.sqlite"
    assert run(catalog, "scan", os.fsdecode(folder)).code == 0
    answer = run(catalog, "list", "--json")
    assert "\\udce9" in answer.out
    (row,) = answer.json["models"]
    assert os.fsencode(row["path"]) == os.path.join(folder, b"m\xff.safetensors")
    assert run(catalog, "scan", row["path"], "--json").json["unchanged"] == 1
    assert "caf\\xe9 \\x80" in run(catalog, "folders", "list").out
    (again,) = run(catalog, "folders", "list", "--json").json["folders"]
    assert run(catalog, "folders", "remove", again["path"], "--json").json["folders"] == []


def test_output_survives_a_terminal_that_knows_only_ascii(tmp_path: Path) -> None:
    write_model(tmp_path / "tusche 墨 é.safetensors")
    catalog = tmp_path / "catalog.sqlite"
    run(catalog, "scan", tmp_path)
    answer = run(catalog, "list", PYTHONIOENCODING="ascii")
    assert answer.code == 0
    assert "tusche" in answer.out


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names of files are always UTF-8")
@pytest.mark.parametrize("setting", [{"PYTHONIOENCODING": "ascii"}, {"PYTHONCOERCECLOCALE": "0"}])
def test_names_are_found_and_shown_where_the_locale_knows_only_ascii(
    tmp_path: Path, setting: dict[str, str]
) -> None:
    names = ("tusche 墨 é.safetensors", os.fsdecode(b"\xff.safetensors"))
    for filling, name in zip((b"1", b"2"), names, strict=True):
        write_model(tmp_path / name, filling)
    catalog, ascii_only = tmp_path / "catalog.sqlite", {"LC_ALL": "C", "PYTHONUTF8": "0", **setting}
    scanned = run(catalog, "scan", tmp_path, "--json", **ascii_only).json
    assert (scanned["added"], scanned["problems"]) == (2, [])
    os.unlink(tmp_path / names[1])
    checked = run(catalog, "verify", "--json", **ascii_only).json
    assert (checked["ok"], [problem["path"] for problem in checked["problems"]]) == (
        1,
        [str(tmp_path / names[1])],
    )
    rows = run(catalog, "list", "--json", **ascii_only).json["models"]
    assert {row["path"] for row in rows} == {str(tmp_path / name) for name in names}
    told = run(catalog, "verify", **ascii_only)
    assert told.out.isascii() and "\\xff.safetensors" in told.out
    assert "tusche \\u58a8 \\xe9" in run(catalog, "list", **ascii_only).out
    typed = run(catalog, "scan", tmp_path / "nichts é", "--json", **ascii_only).json
    assert typed["problems"][0]["path"] == str(tmp_path / "nichts é")
    for kind in ("--csv", "--jsonl"):
        assert run(catalog, "export", kind, tmp_path / "é.out", **ascii_only).code == 0


@pytest.mark.skipif(sys.platform == "win32", reason="no such terminals and signals there")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_cancelled_import_keeps_whole_records_says_so_and_can_be_finished(
    tmp_path: Path, number: signal.Signals
) -> None:
    records = 3_000
    models = tmp_path / "models"
    models.mkdir()
    for at in range(records):
        write_sidecar(models / f"m{at}.civitai.info", f"Model {at}", number=at)
    catalog = tmp_path / "catalog.sqlite"
    code, out, drawn = stopped_when_busy(command(catalog, "migrate", "import", models, "--json"), number)
    assert code == 130
    report = json.loads(out)
    assert report["cancelled"] is True
    assert report["imported"] < records
    assert b"records" in drawn
    kept = run(catalog, "pending", "list", "--json").json
    assert kept["total"] == report["imported"]
    assert run(catalog, "check").code == 0
    assert run(catalog, "migrate", "import", models, "--json").json["imported"] == records - kept["total"]
    assert run(catalog, "pending", "list", "--json").json["total"] == records


@pytest.mark.skipif(sys.platform == "win32", reason="no such signals there")
@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_before_the_first_record_is_answered_with_the_counts(
    tmp_path: Path, number: signal.Signals, times: int
) -> None:
    models = tmp_path / "models"
    models.mkdir()
    write_sidecar(models / "m.civitai.info", "Inkwash", write_model(models / "m.safetensors"))
    catalog = tmp_path / "catalog.sqlite"
    imported = signalled_at_start(number, times, catalog, "migrate", "import", models, "--json")
    assert (imported["seen"], imported["imported"], imported["cancelled"]) == (0, 0, True)
    assert run(catalog, "migrate", "import", models).code == 0
    promoted = signalled_at_start(number, times, catalog, "pending", "promote", "--all", "--json")
    assert promoted == {"promoted": 0, "stayed": 0, "problems": [], "cancelled": True}
    assert run(catalog, "pending", "promote", "--all", "--json").json["promoted"] == 1
    error = signalled_at_start(number, times, catalog, "list", "--json")["error"]
    assert error["code"] == "cancelled"


@pytest.mark.skipif(sys.platform == "win32", reason="no such signals there")
@pytest.mark.parametrize(
    "room",
    [
        "PySide6.QtWidgets",
        "modelmgr.gui.app",
        "modelmgr.gui.instance",
        "modelmgr.gui.logs",
        "modelmgr.catalog",
        "modelmgr.gui.shell.errands",
    ],
)
def test_a_signal_closes_the_window_whatever_of_it_is_loading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: str
) -> None:
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    # Of an empty library the whole window is made before it is shown.
    done = signalled_when_loading(room, signal.SIGTERM, 1, tmp_path / "catalog.sqlite", "gui")
    assert done.returncode == 130
    assert b"Traceback" not in done.stderr


def signalled_at_start(number: signal.Signals, times: int, catalog: Path, *said: str | Path) -> Any:
    """Run a command that gets a signal so many times while it loads its room, and return its answer."""
    done = signalled_when_loading("modelmgr.catalog", number, times, catalog, *said)
    assert (done.returncode, done.stderr) == (130, b"")
    return json.loads(done.stdout)


def signalled_when_loading(
    room: str, number: signal.Signals, times: int, catalog: Path, *said: str | Path
) -> subprocess.CompletedProcess[bytes]:
    program = (
        "import os, signal, sys\n"
        "class Finder:\n"
        "    def find_spec(self, name, *_):\n"
        f"        if name == {room!r}:\n"
        f"            for _ in range({times}): signal.raise_signal({int(number)})\n"
        "sys.meta_path.insert(0, Finder())\n"
        "from modelmgr.cli import main\n"
        "sys.exit(main())\n"
    )
    words = ["--catalog", str(catalog), *map(str, said)]
    return subprocess.run(
        [sys.executable, "-c", program, *words], capture_output=True, timeout=60, check=False
    )


@pytest.mark.skipif(sys.platform == "win32", reason="no such terminals and signals there")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_who_cancels_twice_gets_the_counts_too(tmp_path: Path, number: signal.Signals) -> None:
    records = 3_000  # enough that some are left when the signals come
    models = tmp_path / "models"
    models.mkdir()
    for at in range(records):
        filling = f"{at} ".encode()
        digits = write_model(models / f"m{at}.safetensors", filling)
        write_sidecar(models / f"m{at}.civitai.info", f"Model {at}", digits, at)
    catalog = tmp_path / "catalog.sqlite"
    words = command(catalog, "migrate", "import", models, "--json")
    code, out, _ = stopped_when_busy(words, number, times=2)
    kept = run(catalog, "pending", "list", "--json").json["total"]
    assert (code, json.loads(out)["imported"]) == (130, kept)
    assert run(catalog, "migrate", "import", models, "--json").json["imported"] == records - kept
    words = command(catalog, "pending", "promote", "--all", "--json")
    code, out, _ = stopped_when_busy(words, number, times=2)
    done = run(catalog, "pending", "list", "--state", "promoted", "--json").json["total"]
    assert (code, json.loads(out)["promoted"]) == (130, done)
    assert run(catalog, "check").code == 0


def stopped_when_busy(words: list[str], number: signal.Signals, times: int = 1) -> tuple[int, bytes, bytes]:
    """Start a command on a terminal, send a signal once its progress shows records, and wait for its end."""
    import pty

    master, slave = pty.openpty()
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=slave)
    os.close(slave)
    drawn = b""
    while b"records" not in drawn:
        drawn += os.read(master, 4096)
    for _ in range(times):
        process.send_signal(number)
    drain = threading.Thread(target=drained, args=(master,))
    drain.start()
    out, _ = process.communicate(timeout=5)
    drain.join()
    os.close(master)
    return process.returncode, out, drawn


def drained(master: int) -> None:
    """Read a terminal until nobody writes to it any more."""
    while True:
        try:
            if not os.read(master, 4096):
                return
        except OSError:
            return


@pytest.mark.skipif(sys.platform == "win32", reason="no such signals there")
@pytest.mark.parametrize("options", [[], ["-u"]], ids=["buffered", "unbuffered"])
def test_an_answer_is_whole_even_if_a_signal_comes_while_it_is_written(
    tmp_path: Path, options: list[str]
) -> None:
    catalog = tmp_path / "catalog.sqlite"
    ids = [str(number) for number in range(1, 6_001)]
    words = ["--catalog", str(catalog), "pending", "dismiss", *ids, "--json"]
    process = subprocess.Popen(
        [sys.executable, *options, "-m", "modelmgr", *words],
        stdout=subprocess.PIPE,
        env={name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"},
    )
    assert process.stdout is not None
    handle = process.stdout.fileno()
    drawn = b""
    while len(drawn) < 4_096:  # the rest waits for us: a pipe holds a tenth of it
        drawn += os.read(handle, 4_096)
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=60)
    answer = json.loads(drawn + out)
    assert (process.returncode, len(answer["problems"])) == (1, 6_000)


def test_a_console_that_takes_text_is_not_passed_by(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Console(io.RawIOBase):
        """As that of Windows: unbuffered, and no file."""

        shown = b""

        def writable(self) -> bool:
            return True

        def write(self, content: Any) -> int:
            self.shown += bytes(content)
            return len(content)

    console = Console()
    out = io.TextIOWrapper(console, "utf-8", write_through=True)  # type: ignore[type-var]
    monkeypatch.setattr(sys, "stdout", out)
    assert cli.main(["--catalog", str(tmp_path / "catalog.sqlite"), "folders", "list", "--json"]) == 0
    assert sys.stdout is out
    assert json.loads(console.shown)


@pytest.mark.skipif(sys.platform == "win32", reason="no such signals there")
def test_a_signal_is_heard_while_another_program_writes(tmp_path: Path) -> None:
    catalog = tmp_path / "catalog.sqlite"
    with Catalog.open(catalog) as held, held.transaction():
        process = subprocess.Popen(
            command(catalog, "folders", "add", tmp_path, "--json"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        with pytest.raises(subprocess.TimeoutExpired):
            process.communicate(timeout=1.5)  # it waits for its turn
        process.terminate()
        out, err = process.communicate(timeout=5)
    assert process.returncode == 130
    assert json.loads(out)["error"]["code"] == "cancelled"
    assert err == b""
    assert run(catalog, "folders", "list", "--json").json["folders"] == []


@pytest.mark.skipif(sys.platform == "win32", reason="no such signals there")
def test_a_question_ends_at_once_when_it_is_cancelled(tmp_path: Path) -> None:
    """Here it writes to a pipe that nobody reads, as to a pager."""
    library = tmp_path / "models"
    library.mkdir()
    for at in range(300):
        write_sidecar(library / f"m{at}.civitai.info", f"Model {at}", number=at)
    catalog = tmp_path / "catalog.sqlite"
    assert run(catalog, "migrate", "import", library).code == 0
    process = subprocess.Popen(
        command(catalog, "pending", "export", "--jsonl"), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.read(1)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=5)
    assert process.returncode == 130


@pytest.mark.skipif(sys.platform != "linux", reason="other systems always have a screen")
def test_without_a_screen_the_window_says_so(tmp_path: Path) -> None:
    answer = run(
        tmp_path / "catalog.sqlite", "gui", "--json", DISPLAY="", WAYLAND_DISPLAY="", QT_QPA_PLATFORM=""
    )
    assert (answer.code, answer.json["error"]["code"]) == (1, "no_screen")


@pytest.mark.skipif(sys.platform == "win32", reason="there a signal sent to oneself ends the process")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("said", [["list"], ["scan", "--json"]])
def test_a_signal_that_comes_while_the_program_is_loaded_cancels_it(
    number: signal.Signals, said: list[str]
) -> None:
    start = f"""
import os, runpy, sys
class Finder:
    def find_spec(self, name, path, target=None):
        if name == "modelmgr.cli":
            os.kill(os.getpid(), {int(number)})
sys.meta_path.insert(0, Finder())
sys.argv = {["modelmgr", *said]!r}
runpy.run_module("modelmgr", run_name="__main__", alter_sys=True)
"""
    done = subprocess.run([sys.executable, "-c", start], capture_output=True, check=False, timeout=60)
    assert done.returncode == 130
    if "--json" in said:
        assert json.loads(done.stdout)["error"]["code"] == "cancelled"
        assert done.stderr == b""
    else:
        assert done.stderr == b"modelmgr: Cancelled; nothing was begun.\n"
