"""Window, command line and two servers at work on one catalog at once: nobody waits in vain, nothing is lost.

``MODELMGR_SOAK_S`` says for how long; with ``-s`` the figures are shown.
"""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from modelmgr.catalog import Catalog
from modelmgr.demo import write_safetensors
from modelmgr.library import Library
from modelmgr.progress import Progress
from modelmgr.settings import Settings, settings_path
from modelmgr.values import ModelQuery, PendingQuery
from tests.api.served import Answer, Client
from tests.inbox import pending_in

SOAK_S = float(os.environ.get("MODELMGR_SOAK_S", "10"))
PATIENCE_S = 120.0
BASE_MODELS = 30
INLINE_MODELS = 10
ROOT = Path(__file__).parent.parent.parent


@dataclass
class Stage:
    """What all actors share.

    Attributes:
        scanned: a library folder, which grows.
        acknowledged: the inline payloads that a finished job has taken, by record key.
        done: how often what was done.
        faults: what must not happen.
    """

    catalog: Path
    scanned: Path
    until: float
    acknowledged: dict[str, bytes] = field(default_factory=dict)
    done: Counter[str] = field(default_factory=Counter)
    slowest: dict[str, float] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def goes_on(self) -> bool:
        return time.monotonic() < self.until and not self.faults

    def note(self, what: str, took_s: float = 0.0, times: int = 1) -> None:
        with self.lock:
            self.done[what] += times
            self.slowest[what] = max(self.slowest.get(what, 0.0), took_s)


def write_model(folder: Path, name: str) -> Path:
    path = folder / f"{name}.safetensors"
    part = path.with_suffix(".part")
    write_safetensors(part, {"w": ("F32", [16])}, {"ss_output_name": name}, fill=0x41)
    part.rename(path)
    return path


# --- the actors -------------------------------------------------------------------------------------------


def run(stage: Stage, *words: str, may: tuple[int, ...] = (0, 1)) -> Any:
    """Run a command in a process of its own; 1 means that it met problems."""
    begun = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "modelmgr", "--catalog", str(stage.catalog), *words, "--json"],
        capture_output=True, cwd=ROOT, timeout=PATIENCE_S,
    )  # fmt: skip
    stage.note(
        " ".join(words[:2] if words[0] in ("pending", "migrate") else words[:1]), time.monotonic() - begun
    )
    assert done.returncode in may, (words, done.returncode, done.stdout[-2000:], done.stderr[-2000:])
    assert not done.stderr, (words, done.stderr[-2000:])
    document = json.loads(done.stdout)
    assert "error" not in document, (words, document)
    return document


def scan_and_list(stage: Stage) -> None:
    """Bring new model files, scan, list, verify."""
    number = 0
    while stage.goes_on:
        number += 1
        path = write_model(stage.scanned, f"new {number}")
        report = run(stage, "scan", str(stage.scanned))
        assert report["failed"] == 0, report
        listed = run(stage, "list", "--search", f'"new {number}"', "--limit", "1000")
        assert str(path) in [model["path"] for model in listed["models"]], number
        if number % 4 == 0:
            report = run(stage, "verify")
            assert report["changed"] == 0, report


def import_and_undo(stage: Stage) -> None:
    """Bring new sidecars, import them, promote all that can be, take it back every third time."""
    number = 0
    while stage.goes_on:
        number += 1
        payload = {"id": number, "modelId": number, "name": "v1", "model": {"name": f"side {number}"}}
        (stage.scanned / f"base {number % BASE_MODELS}.civitai.info").write_text(json.dumps(payload))
        report = run(stage, "migrate", "import", str(stage.scanned))
        assert report["seen"] == sum(report[key] for key in ("imported", "unchanged", "ignored", "failed")), (
            report
        )
        run(stage, "pending", "promote", "--all")
        if number % 3 == 0:
            run(stage, "pending", "undo", "--last")
        run(stage, "pending", "list", "--state", "pending")


class Asker:
    """A program that talks with one of the servers."""

    def __init__(self, stage: Stage, client: Client, name: str) -> None:
        self.stage = stage
        self.name = name
        self._client = client
        self._pause = threading.Event()

    def ask(
        self, method: str, target: str, body: Any = None, may: tuple[int, ...] = (200,), **how: Any
    ) -> Answer:
        begun = time.monotonic()
        answer = self._client.ask(method, target, body, **how)
        route = re.sub(r"/[0-9a-f]{10,}|/[0-9]+$", "/…", target.partition("?")[0])
        self.stage.note(f"{method} {route}", time.monotonic() - begun)
        assert answer.status in may, (self.name, method, target, answer.status, answer.body[:1000])
        return answer

    def job(self, target: str, body: Any, *, cancel: bool = False) -> dict[str, Any]:
        """Have something done and return the job when it is over; `cancel` asks to stop it at once."""
        begun = time.monotonic()
        job_id = self.ask("POST", target, body, (202,)).json["job"]
        if cancel:
            self.ask("DELETE", f"/api/jobs/{job_id}")
        while True:
            found: dict[str, Any] = self.ask("GET", f"/api/jobs/{job_id}").json
            if found["state"] not in ("queued", "running"):
                break
            assert time.monotonic() - begun < PATIENCE_S, found
            self._pause.wait(0.02)
        assert found["state"] in (("done", "cancelled") if cancel else ("done",)), found
        self.stage.note(f"job {found['kind']} {found['state']}", time.monotonic() - begun)
        return found

    def read(self) -> None:
        """Walk through the library in pages, look at models closely, scan and cancel."""
        base = {str(self.stage.scanned / f"base {number}.safetensors") for number in range(BASE_MODELS)}
        number, tag = 0, ""
        while self.stage.goes_on:
            number += 1
            seen: list[dict[str, Any]] = []
            cursor = ""
            while True:
                page = self.ask("GET", f"/api/models?limit=7&sort=added_at{cursor}").json
                seen += page["models"]
                if page["next_cursor"] is None:
                    break
                cursor = f"&cursor={page['next_cursor']}"
            paths = Counter(model["path"] for model in seen if model["path"])
            assert {path: paths[path] for path in base} == dict.fromkeys(base, 1)
            assert max(paths.values()) == 1
            self.stage.note("walks")
            model = seen[number % len(seen)]
            if model["sha256"]:
                found = self.ask("GET", f"/api/models/{model['sha256']}", may=(200, 404))
                if found.status == 200:
                    for record in found.json["records"]:
                        self.ask(
                            "GET", f"/api/models/{model['sha256']}/records/{record['id']}", may=(200, 404)
                        )
                self.ask("GET", f"/api/models/by-hash/{model['sha256'][:10]}")
            self.ask("GET", "/api/pending?limit=100")
            answer = self.ask("GET", "/api/models?limit=1", may=(200, 304), headers={"If-None-Match": tag})
            tag = answer.headers["etag"]
            if number % 3 == 0:
                self.job("/api/models/scan", {}, cancel=number % 2 == 0)

    def feed(self) -> None:
        """Hand over models, some of them in vain because the job is cancelled, and promote."""
        number = 0
        while self.stage.goes_on:
            number += 1
            models = {}
            for each in range(INLINE_MODELS):
                name = f"{self.name} {number} {each}"
                meta = {"name": name, "note": "é" * 50, "from": self.name, "each": each}
                if each % 2:
                    key = f"{number * INLINE_MODELS + each:060x}{self.name.encode().hex()[:4]:0>4}"
                    models[key] = {"name": name, "sha256": key, "meta_json": meta}
                else:
                    models[name] = {"name": name, "meta_json": meta}
            # The same bytes that `Client` sends: `json.dumps` of the whole holds that of the part.
            payloads = {key: json.dumps(model["meta_json"]).encode() for key, model in models.items()}
            job = self.job(
                "/api/migration/import_models", {"models": list(models.values())}, cancel=number % 7 == 0
            )
            if job["state"] == "done":
                assert (job["result"]["imported"], job["result"]["failed"]) == (INLINE_MODELS, 0), job
                with self.stage.lock:
                    self.stage.acknowledged |= payloads
            if number % 2 == 0:
                everything = {"all": True, "allow_missing": True}
                self.job("/api/migration/promote", everything, cancel=number % 6 == 0)


# --- the stage --------------------------------------------------------------------------------------------


@contextlib.contextmanager
def window(catalog: Path) -> Iterator[tuple[Client, dict[str, Any]]]:
    """Open the window with its local API; the dictionary is filled at the end with what it did."""
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    Settings(api_enabled=True, api_port=port).save(settings_path(catalog))
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "PYTHONPATH": str(ROOT)}
    did: dict[str, Any] = {}
    with subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("window_process.py")), str(catalog), str(BASE_MODELS)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
    ) as process:  # fmt: skip
        try:
            token = Path(f"{catalog}.token")
            begun = time.monotonic()
            while not _answers(port) or not token.exists():
                assert process.poll() is None, process.communicate()
                assert time.monotonic() - begun < PATIENCE_S
                threading.Event().wait(0.05)
            yield Client(port, token.read_text().strip()), did
        finally:
            out, errors = process.communicate("\n", timeout=PATIENCE_S)
    assert process.returncode == 0, errors
    quiet = [line for line in errors.splitlines() if "This plugin does not support" not in line]
    assert not quiet, errors
    did.update(json.loads(out.splitlines()[-1]))


def _answers(port: int) -> bool:
    try:
        return Client(port, "").get("/api/health").status == 200
    except OSError:
        return False


@contextlib.contextmanager
def serve(catalog: Path) -> Iterator[Client]:
    """Run `modelmgr serve`."""
    words = [sys.executable, "-m", "modelmgr", "--catalog", str(catalog), "serve", "--port", "0", "--json"]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        try:
            assert process.stdout is not None
            place = json.loads(process.stdout.readline())
            yield Client(
                int(place["address"].rpartition(":")[2]), Path(place["token_file"]).read_text().strip()
            )
        finally:
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, errors) == (130, "")


def play(stage: Stage, *actors: Callable[[], None]) -> None:
    """Have all of them act at once until the time is over or one of them finds a fault."""

    def safely(actor: Callable[[], None]) -> None:
        try:
            actor()
        except Exception as error:
            with stage.lock:
                stage.faults.append(f"{type(error).__name__}: {error}")

    threads = [threading.Thread(target=safely, args=(actor,)) for actor in actors]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.skipif(sys.platform == "win32", reason="stops its processes by signals")
def test_window_command_line_and_servers_work_on_one_catalog_at_once(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "catalog.sqlite", tmp_path / "models", 0.0)
    stage.scanned.mkdir()
    for number in range(BASE_MODELS):
        write_model(stage.scanned, f"base {number}")
    with Catalog.open(stage.catalog) as catalog:
        assert Library(catalog).scan([str(stage.scanned)], progress=Progress()).hashed == BASE_MODELS
        assert sorted(catalog.order(ModelQuery())) == list(range(1, BASE_MODELS + 1))
    with window(stage.catalog) as (of_window, did), serve(stage.catalog) as of_serve:
        stage.until = time.monotonic() + SOAK_S
        play(
            stage,
            lambda: scan_and_list(stage),
            lambda: import_and_undo(stage),
            Asker(stage, of_serve, "reader").read,
            Asker(stage, of_window, "feeder").feed,
            Asker(stage, of_serve, "other feeder").feed,
        )
    for what, times in sorted(stage.done.items()):
        print(f"{what:40} {times:8,} times, slowest {stage.slowest[what]:7.3f} s")
    print(
        f"{len(stage.acknowledged):,} inline models acknowledged; the window edited {len(did['edits'])} models"
    )
    assert not stage.faults
    assert not did["failed"]
    assert did["edits"]
    _check_what_is_there(stage, did["edits"], did["asked"])


def _check_what_is_there(
    stage: Stage, edits: dict[str, dict[str, Any]], asked: tuple[int, str, Any] | None
) -> None:
    with Catalog.open(stage.catalog) as catalog:
        # What was acknowledged is there, once, byte for byte; what was promoted is active once.
        rows = pending_in(catalog, PendingQuery(sources=("api",)))
        times = Counter(row.record_key for row in rows)
        assert {key: times[key] for key in stage.acknowledged} == dict.fromkeys(stage.acknowledged, 1)
        ids = {row.record_key: row.id for row in rows}
        for key, payload in stage.acknowledged.items():
            record = catalog.pending_record(ids[key])
            assert record is not None
            assert record.payload == payload
        promoted = Counter(row.record_key for row in rows if row.state == "promoted")
        active: Counter[str] = Counter()
        everything = catalog.page(ModelQuery(), None)
        for row in everything:
            active.update(
                record.record_key for record in catalog.records_of(row.id) if record.source == "api"
            )
        assert active == promoted
        # What the user set stays.
        shown = {row.id: row for row in everything}
        for model_id, values in edits.items():
            found = catalog.user_values(int(model_id))
            # The one that was being saved when the window closed may be there or not.
            if asked is not None and asked[0] == int(model_id) and found.get(asked[1]) == asked[2]:
                values[asked[1]] = asked[2]
            assert found == values
            assert {column: getattr(shown[int(model_id)], column) for column in values} == values
        # The counts add up, and every file is known once.
        files = sorted(str(path) for path in stage.scanned.glob("*.safetensors"))
        report = Library(catalog).scan([], progress=Progress())
        assert (report.failed, report.missing) == (0, 0)
        assert (
            sorted(path for path in (row.path for row in catalog.page(ModelQuery(), None)) if path) == files
        )
        count = catalog.count(ModelQuery())
        facets = catalog.facets(ModelQuery())
        page = catalog.model_page(ModelQuery(), 1, None, catalog.rows)
        assert count == facets.total == sum(facets.types.values()) == page.total
        assert catalog.stats()["models"] == count
        states = [
            catalog.pending_count(PendingQuery(states=(state,)))
            for state in ("pending", "promoted", "dismissed")
        ]
        assert sum(states) == catalog.pending_count(PendingQuery())
        for batch in catalog.batches():
            assert batch.state in ("done", "cancelled"), batch
    assert run(stage, "check", may=(0,)) == {"ok": True, "problems": []}
