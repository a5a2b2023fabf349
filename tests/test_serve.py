"""`modelmgr serve` as programs and people meet it: a process with a line of output, a port and an end."""

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from modelmgr.api.server import DEFAULT_PORT
from modelmgr.catalog import Catalog
from modelmgr.cli.commands import build_parser
from modelmgr.sqlite import driver
from tests.api.served import Client

PATIENCE_S = 20.0
END_S = 5.0
GIB = 1024**3

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="modes and signals of POSIX")


def stops() -> list[signal.Signals]:
    """Return the signals that ask a process to end and that this system can send to another process."""
    if sys.platform == "win32":
        return [signal.CTRL_BREAK_EVENT]
    return [signal.SIGTERM, signal.SIGINT]


class Served:
    """A running `modelmgr serve`."""

    def __init__(self, catalog: Path, *words: str | Path) -> None:
        self.catalog = catalog
        self.process = subprocess.Popen(
            [sys.executable, "-m", "modelmgr", "--catalog", str(catalog), "serve", *map(str, words)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,  # no line is read ahead
            creationflags=subprocess.CREATE_NEW_PROCESS_GROUP if sys.platform == "win32" else 0,
        )
        assert self.process.stdout is not None
        self.first_line = self.process.stdout.readline().decode()
        self.is_over = False

    @property
    def port(self) -> int:
        found = re.search(r"http://127\.0\.0\.1:([0-9]+)", self.first_line)
        assert found is not None, self.end()
        return int(found[1])

    @property
    def client(self) -> Client:
        return Client(self.port, Path(f"{self.catalog}.token").read_text().strip())

    def end(self, number: signal.Signals | None = None) -> tuple[int, str, str]:
        """Ask it to end, or wait for its own end; return its exit code and what else it said."""
        if number is not None:
            self.process.send_signal(number)
        began = time.monotonic()
        out, err = self.process.communicate(timeout=PATIENCE_S)
        out = out or b""  # None once a test has closed it
        assert number is None or time.monotonic() - began < END_S
        self.is_over = True
        return self.process.returncode, out.decode(), err.decode()

    def close(self) -> None:
        """Leave nothing behind, whatever the test met."""
        if not self.is_over:
            self.process.kill()
            self.process.communicate()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Served]]:
    """Return what starts a server, on a new catalog and a free port unless the words say otherwise."""
    with contextlib.ExitStack() as stack:

        def started(*words: str | Path, catalog: Path | None = None) -> Served:
            port = () if "--port" in words else ("--port", "0")
            served = Served(catalog or tmp_path / "catalog.sqlite", *port, *words)
            stack.callback(served.close)
            return served

        yield started


def until(holds: Callable[[], bool]) -> None:
    pause = threading.Event()
    end = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end, "it did not come to that"
        pause.wait(0.02)


def error_of(answer: tuple[int, str, str], first_line: str) -> dict[str, Any]:
    assert answer[1] == ""
    assert "Traceback" not in answer[2]
    error: dict[str, Any] = json.loads(first_line)["error"]
    return error


# --- how it begins ----------------------------------------------------------------------------------------


def test_the_address_is_the_first_line_and_the_token_lets_in(serve, tmp_path: Path) -> None:
    served = serve()
    assert re.fullmatch(r"http://127\.0\.0\.1:[1-9][0-9]*\r?\n", served.first_line)
    health = Client(served.port, "not the token").get("/api/health")
    assert (health.status, health.json["catalog"]) == (200, "ok")
    assert Client(served.port, "not the token").get("/api/models").status == 401
    models = served.client.get("/api/models")
    assert (models.status, models.json["models"], models.json["total"]) == (200, [], 0)
    for address in {found[4][0] for found in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}:
        if address != "127.0.0.1":  # this computer, as others see it
            with pytest.raises(OSError), socket.create_connection((address, served.port), timeout=1):
                pass
    if sys.platform != "win32":
        assert stat.S_IMODE((tmp_path / "catalog.sqlite.token").stat().st_mode) == 0o600
    code, out, err = served.end(stops()[0])
    assert (code, err) == (130, "")
    assert str(tmp_path / "catalog.sqlite.token") in out


def test_with_json_one_document_says_where(serve, tmp_path: Path) -> None:
    served = serve("--json")
    assert json.loads(served.first_line) == {
        "address": f"http://127.0.0.1:{served.port}",
        "token_file": str(tmp_path / "catalog.sqlite.token"),
    }
    assert served.client.get("/api/models").status == 200
    assert served.end(stops()[0]) == (130, "", "")


def test_the_port_is_8765_unless_another_is_named() -> None:
    assert DEFAULT_PORT == 8765
    assert build_parser().parse_args(["serve"]).port is None
    assert build_parser().parse_args(["serve", "--port", "65535"]).port == 65_535


@pytest.mark.parametrize("port", ["65536", "-1", "http", "80.5", ""])
def test_what_is_no_port_is_wrong_usage(serve, tmp_path: Path, port: str) -> None:
    served = serve(f"--port={port}", "--json")
    answer = served.end()
    assert answer[0] == 2
    assert error_of(answer, served.first_line)["code"] == "usage"
    assert list(tmp_path.iterdir()) == []


def test_a_port_that_is_taken_is_told(serve) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        served = serve("--port", str(port), "--json")
        answer = served.end()
    assert answer[0] == 1
    error = error_of(answer, served.first_line)
    assert (error["code"], error["details"]) == ("port_in_use", {"port": port})


# --- the token file ---------------------------------------------------------------------------------------


def test_a_token_file_that_is_there_is_used(serve, tmp_path: Path) -> None:
    named = tmp_path / "own.token"
    named.write_bytes(b"a-word-of-my-own\r\n")
    named.chmod(0o600)
    served = serve("--token-file", named, "--json")
    assert json.loads(served.first_line)["token_file"] == str(named)
    assert Client(served.port, "a-word-of-my-own").get("/api/models").status == 200
    assert served.process.stdout is not None
    served.process.stdout.close()  # nobody reads on, which is none of its business
    served.process.stdout = None
    assert Client(served.port, "another-word").get("/api/models").status == 401
    assert named.read_bytes() == b"a-word-of-my-own\r\n"
    assert not (tmp_path / "catalog.sqlite.token").exists()
    assert served.end(stops()[0]) == (130, "", "")


@posix_only
def test_a_token_file_that_others_can_read_is_closed_to_them(serve, tmp_path: Path) -> None:
    named = tmp_path / "own.token"
    named.write_bytes(b"a-word-of-my-own\n")
    named.chmod(0o644)
    served = serve("--token-file", named)
    assert Client(served.port, "a-word-of-my-own").get("/api/models").status == 200
    assert stat.S_IMODE(named.stat().st_mode) == 0o600
    code, _, err = served.end(signal.SIGTERM)
    assert code == 130
    assert err.startswith("modelmgr: The token file ")
    assert "was open to other users" in err
    assert "a-word" not in err


def not_there(path: Path) -> None:
    path.parent.rmdir()


def empty(path: Path) -> None:
    path.write_bytes(b"")


def two_lines(path: Path) -> None:
    path.write_bytes(b"one\ntwo\n")


def pipe(path: Path) -> None:
    os.mkfifo(path)


@pytest.mark.parametrize(
    "made", [not_there, empty, two_lines, pytest.param(pipe, marks=posix_only), Path.mkdir]
)
def test_a_token_file_that_cannot_be_used_is_told(
    serve, tmp_path: Path, made: Callable[[Path], None]
) -> None:
    named = tmp_path / "folder" / "own.token"
    named.parent.mkdir()
    made(named)
    served = serve("--token-file", named, "--json")
    answer = served.end()
    assert answer[0] == 1
    error = error_of(answer, served.first_line)
    assert (error["code"], error["details"]["path"]) == ("token_file", str(named))


# --- the catalog ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "code"),
    [("newer", "catalog_too_new"), ("damaged", "catalog_damaged"), ("a folder", "catalog_error")],
)
def test_a_catalog_that_cannot_be_used_is_exit_code_3(serve, tmp_path: Path, fault: str, code: str) -> None:
    catalog = tmp_path / "catalog.sqlite"
    if fault == "a folder":
        catalog.mkdir()
    elif fault == "damaged":
        catalog.write_bytes(b"no database at all" * 100)
    else:
        with contextlib.closing(driver.connect(str(catalog))) as conn:
            conn.execute(f"PRAGMA application_id={0x6D6D6772}")
            conn.execute("PRAGMA user_version=999")
            conn.execute("CREATE TABLE t(x)")
            conn.commit()
    served = serve("--json")
    answer = served.end()
    assert answer[0] == 3
    assert error_of(answer, served.first_line)["code"] == code
    assert [path.name for path in tmp_path.iterdir()] == ["catalog.sqlite"]


def test_two_servers_may_share_a_catalog(serve, tmp_path: Path) -> None:
    models = tmp_path / "models"
    models.mkdir()
    one = serve()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        free = taken.getsockname()[1]
    other = serve("--port", str(free))
    assert other.port == free
    job = one.client.post("/api/models/scan", {"paths": [str(models)]}).json["job"]
    until(lambda: one.client.get(f"/api/jobs/{job}").json["state"] == "done")
    sidecar = models / "ink.civitai.info"
    sidecar.write_text(json.dumps({"id": 1, "name": "v1", "model": {"name": "Ink", "type": "LORA"}}))
    job = other.client.post("/api/migration/import_models", {"paths": [str(sidecar)]}).json["job"]
    until(lambda: other.client.get(f"/api/jobs/{job}").json["state"] == "done")
    assert one.client.get("/api/pending").json["total"] == 1
    assert one.end(stops()[0])[0] == 130
    assert other.client.get("/api/pending").json["total"] == 1
    assert other.end(stops()[0])[0] == 130


# --- how it ends ------------------------------------------------------------------------------------------


def write_endless_model(path: Path, size_bytes: int) -> None:
    """Write a model whose hash takes a while and whose bytes take no room."""
    header = json.dumps(
        {"a": {"dtype": "U8", "shape": [size_bytes], "data_offsets": [0, size_bytes]}}
    ).encode()
    with open(path, "wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        file.truncate(8 + len(header) + size_bytes)


def open_stream(served: Served) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=PATIENCE_S)
    connection.request("GET", "/api/events", headers=served.client.headers())
    stream = connection.getresponse()
    assert stream.status == 200
    assert stream.readline() == b"event: hello\n"
    return connection, stream


@posix_only
@pytest.mark.parametrize("number", stops())
def test_a_signal_ends_it_soon_while_a_job_runs_and_a_stream_is_open(serve, tmp_path: Path, number) -> None:
    models = tmp_path / "models"
    models.mkdir()
    write_endless_model(models / "endless.safetensors", 64 * GIB)
    served = serve()
    connection, stream = open_stream(served)
    with contextlib.closing(connection), stream, contextlib.closing(served.client.connect()) as idle:
        idle.request("GET", "/api/health")
        assert idle.getresponse().read()
        job = served.client.post("/api/models/scan", {"paths": [str(models)]}).json["job"]
        until(lambda: served.client.get(f"/api/jobs/{job}").json["done"] > 0)
        code, _, err = served.end(number)
        assert (code, err) == (130, "")
        stream.read()  # to its end
    with Catalog.open(tmp_path / "catalog.sqlite") as catalog:
        assert [folder.path for folder in catalog.folders()] == [str(models)]


@posix_only
@pytest.mark.parametrize("insists", [False, True])
def test_work_that_cannot_hear_does_not_keep_it(serve, tmp_path: Path, insists: bool) -> None:
    served = serve()
    with Catalog.open(served.catalog) as held, held.transaction():
        job = served.client.post("/api/models/scan", {"paths": [str(tmp_path)]}).json["job"]
        until(lambda: served.client.get(f"/api/jobs/{job}").json["state"] == "running")
        began = time.monotonic()
        served.process.send_signal(signal.SIGTERM)
        while insists and served.process.poll() is None:
            served.process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                served.process.wait(0.1)
        code, _, err = served.end()
        assert time.monotonic() - began < (1.5 if insists else END_S)
    assert code == 130
    assert "Traceback" not in err
    with Catalog.open(served.catalog) as catalog:
        assert catalog.folders() == []


@posix_only
def test_it_ends_when_nobody_can_hear_where_it_is(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    words = [
        sys.executable,
        "-m",
        "modelmgr",
        "--catalog",
        str(tmp_path / "catalog.sqlite"),
        "serve",
        "--port",
        "0",
    ]
    done = subprocess.run(words, stdout=writing, stderr=subprocess.PIPE, timeout=PATIENCE_S, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")
