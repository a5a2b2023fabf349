"""A whole server of tests: the real application on a real catalog, and a small client of it."""

import contextlib
import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelmgr.api.jobs import Job
from modelmgr.api.server import ApiServer
from modelmgr.api.token import TokenFile
from modelmgr.catalog import Catalog
from modelmgr.library import Library

PATIENCE_S = 20.0


@dataclass(frozen=True)
class Answer:
    """One answer of the server; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        assert self.headers["content-type"] == "application/json"
        assert self.body.isascii()
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The error's code."""
        assert self.status >= 400, self.body
        error = self.json["error"]
        assert set(self.json) == {"error"}
        assert set(error) == {"code", "message", "details"}
        assert error["message"].endswith((".", "?"))
        return str(error["code"])


class Client:
    """Talks with one server over connections of its own; any thread may use it."""

    def __init__(self, port: int, token: str) -> None:
        self.port = port
        self.token = token

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)

    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def ask(
        self, method: str, target: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send a request and return the answer; a body that isn't bytes is sent as JSON."""
        said = {**self.headers(), **(headers or {})}
        if body is not None:
            said.setdefault("Content-Type", "application/json")
            body = body if isinstance(body, bytes) else json.dumps(body).encode()
        with contextlib.closing(self.connect()) as connection:
            connection.request(method, target, body, said)
            answer = connection.getresponse()
            names = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, names, answer.read())

    def get(self, target: str, headers: Mapping[str, str] | None = None) -> Answer:
        return self.ask("GET", target, headers=headers)

    def post(self, target: str, body: Any) -> Answer:
        return self.ask("POST", target, body)

    def all(self, target: str) -> list[Any]:
        """Return `models` or `pending` of all pages."""
        found: list[Any] = []
        mark, cursor = "&" if "?" in target else "?", ""
        while True:
            answer = self.get(target + cursor)
            assert answer.status == 200, answer.body
            page = answer.json
            found += page["models"] if "models" in page else page["pending"]
            if page["next_cursor"] is None:
                return found
            cursor = f"{mark}cursor={page['next_cursor']}"

    def job(self, target: str, body: Any) -> dict[str, Any]:
        """Start a job, and return it when it is over."""
        started = self.post(target, body)
        assert started.status == 202, started.body
        assert set(started.json) == {"job"}
        assert started.headers["location"] == f"/api/jobs/{started.json['job']}"
        return self.over(started.json["job"])

    def over(self, job_id: str) -> dict[str, Any]:
        """Return a job when it is over."""
        found: dict[str, Any] = {}

        def is_over() -> bool:
            found.update(self.get(f"/api/jobs/{job_id}").json)
            return found["state"] not in ("queued", "running")

        until(is_over)
        return found


@dataclass(frozen=True)
class Served:
    """A server that is open, and what it serves."""

    catalog: Catalog
    library: Library
    token: TokenFile
    server: ApiServer
    client: Client


@contextlib.contextmanager
def served(
    catalog_path: Path, token_path: Path, start_job: Callable[[Job], None] | None = None
) -> Iterator[Served]:
    """Serve a catalog on a free port."""
    with contextlib.ExitStack() as stack:
        catalog = Catalog.open(catalog_path)
        stack.callback(catalog.close)
        library = Library(catalog)
        token = TokenFile.open(token_path)
        server = ApiServer(library, token, port=0, start_job=start_job)
        stack.callback(server.close)
        address = server.open()
        client = Client(int(address.rpartition(":")[2]), token.value())
        yield Served(catalog, library, token, server, client)


def until(holds: Callable[[], bool]) -> None:
    """Wait for something that other threads bring about."""
    end = time.monotonic() + PATIENCE_S
    pause = threading.Event()
    while not holds():
        assert time.monotonic() < end, "it did not come to that"
        pause.wait(0.01)
