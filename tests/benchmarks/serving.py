"""The local API in a process of its own, for the benchmarks: ours on a catalog, or the bare framework.

Usage: serving.py ours CATALOG TOKEN_FILE | bare. The first line of its output is a JSON document with port and token.
Then it answers words on its input, a line each: ``rss`` by its resident size in KiB; ``body FILE`` (bare alone) has it
answer with the bytes of that file from now on; the end of its input ends it.
"""

import contextlib
import json
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
TIMEOUT_S = 60.0


# --- the servers ------------------------------------------------------------------------------------------


def serve_ours(catalog_path: str, token_path: str) -> None:
    """Serve a catalog as `modelmgr serve` does."""
    from modelmgr.api.server import ApiServer
    from modelmgr.api.token import TokenFile
    from modelmgr.catalog import Catalog
    from modelmgr.library import Library

    token = TokenFile.open(token_path)
    with Catalog.open(catalog_path) as catalog:
        server = ApiServer(Library(catalog), token, port=0)
        address = server.open()
        port = int(address.rsplit(":", 1)[1])
        _answer({"port": port, "token": token.value()}, lambda path: None)
        server.close()


def serve_bare() -> None:
    """Serve one route of the framework, in the same configuration and without anything of ours."""
    import uvicorn
    from fastapi import FastAPI
    from fastapi.responses import Response

    body = b""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)

    @app.get("/api/models")
    async def models() -> Response:
        return Response(body, media_type="application/json")

    def take(path: str) -> None:
        nonlocal body
        body = Path(path).read_bytes()

    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(1024)
    config = uvicorn.Config(
        app, http="h11", ws="none", lifespan="off", loop="asyncio", log_config=None, access_log=False,
        proxy_headers=False, server_header=False, backlog=1024,
    )  # fmt: skip
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    _answer({"port": listener.getsockname()[1], "token": ""}, take)
    server.should_exit = True
    thread.join()


def _answer(place: dict[str, Any], take_body: Callable[[str], None]) -> None:
    print(json.dumps(place), flush=True)
    for line in sys.stdin:
        word, _, rest = line.strip().partition(" ")
        if word == "body":
            take_body(rest)
        print(_rss_kib(), flush=True)


def _rss_kib() -> int | None:
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return None
    (line,) = (line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1])


# --- who asks them ----------------------------------------------------------------------------------------


class Server:
    """One of the servers, as who asks it sees it."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        place = json.loads(self._line())
        self.port: int = place["port"]
        self._token: str = place["token"]

    def rss_kib(self) -> int | None:
        """Return its resident size now."""
        self._tell("rss")
        return json.loads(self._line().replace("None", "null"))

    def give_body(self, path: Path) -> None:
        """Have the bare one answer with these bytes."""
        self._tell(f"body {path}")
        self._line()

    def request(self, target: str, *headers: str) -> bytes:
        """Return a request as bytes."""
        lines = [
            f"GET {target} HTTP/1.1",
            f"Host: 127.0.0.1:{self.port}",
            f"Authorization: Bearer {self._token}",
            *headers,
        ]
        return "\r\n".join([*lines, "", ""]).encode("ascii")

    def _tell(self, words: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(words + "\n")
        self._process.stdin.flush()

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


@contextlib.contextmanager
def server(*words: str) -> Iterator[Server]:
    """Run one of the servers in a process of its own."""
    with subprocess.Popen(
        [sys.executable, str(HERE / "serving.py"), *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=HERE.parent.parent,
    ) as process:
        yield Server(process)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(TIMEOUT_S) == 0


class Client:
    """One connection that stays open; it does as little as can be, for its time counts as the server's."""

    def __init__(self, asked: Server) -> None:
        self._port = asked.port
        self._socket = self._connect()

    def _connect(self) -> socket.socket:
        found = socket.create_connection(("127.0.0.1", self._port), timeout=TIMEOUT_S)
        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return found

    def ask(self, request: bytes) -> tuple[int, bytes, bytes]:
        """Return status, head and body."""
        self._socket.sendall(request)
        data = b""
        while (end := data.find(b"\r\n\r\n")) < 0:
            part = self._socket.recv(1 << 20)
            assert part, "the server has closed the connection"
            data += part
        head, parts = data[:end], [data[end + 4 :]]
        status = int(head[9:12])
        missing = _length(head) - len(parts[0]) if status not in (204, 304) else 0
        while missing > 0:
            part = self._socket.recv(1 << 20)
            assert part, "the server has closed the connection"
            parts.append(part)
            missing -= len(part)
        return status, head, b"".join(parts)

    def get(self, request: bytes) -> bytes:
        """Return the body of an answer that must be good."""
        status, _, body = self.ask(request)
        assert status == 200, (status, request, body[:500])
        return body

    def close(self) -> None:
        """End the connection."""
        self._socket.close()


def _length(head: bytes) -> int:
    lowered = head.lower()
    at = lowered.find(b"content-length:")
    return int(lowered[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0


def timed(client: Client, request: bytes, status: int = 200) -> float:
    """Return how long an answer took, in seconds."""
    begun = time.perf_counter()
    found, _, body = client.ask(request)
    took = time.perf_counter() - begun
    assert found == status, (found, body[:500])
    return took


class Load:
    """So many requests a second, whatever becomes of the answers; late ones count from when they were due.

    Args:
        asked: the server.
        requests: asked in turn.
        rate: requests a second.
        connections: over which they go.
    """

    def __init__(self, asked: Server, requests: Sequence[bytes], rate: int, connections: int = 8) -> None:
        self._asked = asked
        self._requests = requests
        self._rate = rate
        self._connections = connections
        self._lock = threading.Lock()
        self.times: list[float] = []

    def run(self, seconds: float, look: Callable[[], None], looks: int) -> None:
        """Ask, and call `look` at the beginning, at the end, and in between at equal distances."""
        begun = time.monotonic() + 0.1
        total = int(seconds * self._rate)
        threads = [
            threading.Thread(target=self._ask, args=(first, total, begun))
            for first in range(self._connections)
        ]
        for thread in threads:
            thread.start()
        for number in range(looks):
            _wait_until(begun + seconds * number / (looks - 1))
            look()
        for thread in threads:
            thread.join()

    def _ask(self, first: int, total: int, begun: float) -> None:
        client = Client(self._asked)
        times = []
        for number in range(first, total, self._connections):
            due = begun + number / self._rate
            _wait_until(due)
            status, _, body = client.ask(self._requests[number % len(self._requests)])
            assert status in (200, 304), (status, body[:500])
            times.append(time.monotonic() - due)
        client.close()
        with self._lock:
            self.times += times


@contextlib.contextmanager
def idle_connections(asked: Server, number: int) -> Iterator[None]:
    """Hold so many connections that ask nothing: silent ones, begun requests, and some that rest after an answer."""
    half = asked.request("/api/models")[:20]
    with contextlib.ExitStack() as stack:
        for each in range(number):
            found = stack.enter_context(
                socket.create_connection(("127.0.0.1", asked.port), timeout=TIMEOUT_S)
            )
            if each % 3 == 1:
                found.sendall(half)
            elif each % 3 == 2:
                found.sendall(asked.request("/api/health"))
                assert select.select([found], [], [], TIMEOUT_S)[0]
        yield


def _wait_until(moment: float) -> None:
    while (missing := moment - time.monotonic()) > 0:
        time.sleep(missing)


if __name__ == "__main__":
    sys.path.insert(0, str(HERE.parent.parent))
    if sys.argv[1] == "ours":
        serve_ours(*sys.argv[2:])
    else:
        serve_bare()
