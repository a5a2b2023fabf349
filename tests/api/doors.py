"""Doors of tests: the gate and the guarded wire around a small application, on a real socket."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import uvicorn

from modelmgr.api.gate import Gate
from modelmgr.api.limits import Limits
from modelmgr.api.token import TokenFile
from modelmgr.api.wire import guarded

PATIENCE_S = 10.0


@dataclass(frozen=True)
class Reply:
    """One answer, and the bytes that came after it."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    rest: bytes

    def header(self, name: str) -> str | None:
        found = [value for key, value in self.headers if key == name]
        assert len(found) <= 1, f"{name} stands {len(found)} times"
        return found[0] if found else None

    @property
    def code(self) -> str:
        """The error's code."""
        return str(json.loads(self.body)["error"]["code"])


def parse(data: bytes) -> Reply:
    head, _, tail = data.partition(b"\r\n\r\n")
    lines = head.decode("ascii").split("\r\n")
    headers = [
        (name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines[1:])
    ]
    size = int(dict(headers).get("content-length", len(tail)))
    return Reply(int(lines[0].split(" ")[1]), headers, tail[:size], tail[size:])


class Door:
    """A server in a thread."""

    def __init__(self, app: Any, token: TokenFile, limits: Limits) -> None:
        self.token = token
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port = self.listener.getsockname()[1]
        gate = Gate(app, token, lambda: self.port, limits)
        self.protocol = guarded(limits)
        config = uvicorn.Config(
            gate, http=self.protocol, ws="none", lifespan="off", loop="asyncio", log_config=None, access_log=False,
            proxy_headers=False, server_header=False, timeout_graceful_shutdown=2,
        )  # fmt: skip
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self._run, name="door")
        self.thread.start()

    def _run(self) -> None:
        asyncio.run(self.server.serve(sockets=[self.listener]))

    def close(self) -> None:
        self.server.should_exit = True
        self.thread.join()
        self.listener.close()

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S)

    def head(self, *lines: str, line: str = "GET /api/echo HTTP/1.1", authorized: bool = True) -> bytes:
        """Return a request's head that nothing is wrong with, and `lines`."""
        said = [line, f"Host: 127.0.0.1:{self.port}"]
        if authorized:
            said.append(f"Authorization: Bearer {self.token.value()}")
        return "\r\n".join([*said, *lines, "", ""]).encode("latin-1")

    def talk(self, data: bytes) -> bytes:
        """Send bytes and return all that comes until the server closes."""
        with self.connect() as client:
            client.sendall(data)
            return read_all(client)

    def ask(self, data: bytes) -> Reply:
        return parse(self.talk(data))


def read_all(client: socket.socket) -> bytes:
    parts = []
    while part := client.recv(65536):
        parts.append(part)
    return b"".join(parts)


def read_reply(client: socket.socket) -> Reply:
    """Read one answer that has a length from a connection that stays open."""
    data = b""
    while b"\r\n\r\n" not in data or len(parse(data).body) < int(parse(data).header("content-length") or 0):
        part = client.recv(65536)
        assert part, f"closed after {data!r}"
        data += part
    return parse(data)


def until(holds: Callable[[], bool]) -> None:
    """Wait for something that other threads bring about."""
    end = time.monotonic() + PATIENCE_S
    pause = threading.Event()
    while not holds():
        assert time.monotonic() < end, "it did not come to that"
        pause.wait(0.005)
