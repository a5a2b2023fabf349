"""Connections as bytes and time: what is no HTTP, who is slow, who is one too many."""

import asyncio
import logging
import random
import re
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from typing import Any

import pytest

from modelmgr.api.limits import Limits, raise_descriptor_limit
from modelmgr.api.token import TokenFile
from modelmgr.api.wire import guarded
from tests.api.doors import Door, Reply, parse, read_all, read_reply, until

LARGE = b"0123456789abcdef" * 1_000_000


class App:
    """Answers by path; remembers what it was asked."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.gone: list[str] = []
        self._go_on = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def let_go(self) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._go_on.set)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()
        path = scope["path"]
        self._loop = asyncio.get_running_loop()
        self.seen.append(path)
        if path == "/listens":
            # As a stream does that looks whether its reader has gone, before it begins.
            with suppress(TimeoutError):
                await asyncio.wait_for(receive(), 0.05)
        if path == "/late":
            await self._go_on.wait()
        if path in ("/stream", "/late"):
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"one", "more_body": True})
            await receive()
            self.gone.append(path)
            return
        if path == "/wait":
            await self._go_on.wait()
        body = LARGE if path == "/large" else path.encode()
        headers = [(b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Door, App]]:
    app = App()
    door = Door(app, TokenFile.open(tmp_path_factory.mktemp("wire") / "token"), Limits(linger_s=0.1))
    yield door, app
    door.close()


@pytest.fixture
def door(shared: tuple[Door, App]) -> Door:
    return shared[0]


@pytest.fixture
def app(shared: tuple[Door, App]) -> App:
    shared[1].seen.clear()
    return shared[1]


def get(door: Door, path: str, *lines: str) -> bytes:
    return door.head(*lines, line=f"GET {path} HTTP/1.1")


def is_refused(reply: Reply, status: int, code: str) -> None:
    assert (reply.status, reply.code) == (status, code)
    assert reply.rest == b"", "one answer, and then the end"
    assert reply.header("connection") == "close"
    assert reply.header("content-type") == "application/json"
    assert reply.header("x-content-type-options") == "nosniff"
    assert reply.header("cache-control") == "no-store"
    assert reply.header("server") is None


def is_cut(client: socket.socket) -> bool:
    """Whether it ends without a word."""
    try:
        return read_all(client) == b""
    except ConnectionResetError:
        return True


def none_open(door: Door) -> bool:
    return not door.server.server_state.connections


# What is no HTTP, or HTTP that two readers could read in two ways


@pytest.mark.parametrize(
    "request_line",
    [
        b"",
        b" GET /a HTTP/1.1",
        b"GET  /a HTTP/1.1",
        b"GET /a  HTTP/1.1",
        b"GET /a HTTP/1.1 ",
        b"GET /a b HTTP/1.1",
        b"GET\t/a\tHTTP/1.1",
        b"GET /a",
        b"GET /a HTTP/1",
        b"GET /a HTTP/11.1",
        b"GET /a http/1.1",
        b"GET /a HTTPS/1.1",
        b"GET /a HTTP/1.1\x00",
        b"GET /a\x00b HTTP/1.1",
        b"GET /a\x7f HTTP/1.1",
        b"GET /a\x0b HTTP/1.1",
        b"GET /\xc3\xa9 HTTP/1.1",
        b"G\x01T /a HTTP/1.1",
        b"G(T /a HTTP/1.1",
        b"GET /a HTTP/1.1\rX: y",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\x00\x00\x00\x00",
        b"SSH-2.0-OpenSSH_9.6",
        b"PRI * HTTP/2.0",
    ],
)
def test_a_line_that_asks_for_nothing_is_refused(door: Door, app: App, request_line: bytes) -> None:
    host = f"Host: 127.0.0.1:{door.port}\r\nAuthorization: Bearer {door.token.value()}\r\n\r\n"
    reply = door.ask(request_line + b"\r\n" + host.encode())
    assert reply.code in ("bad_request", "bad_target")
    is_refused(reply, 400, reply.code)
    assert app.seen == []


@pytest.mark.parametrize(
    "line",
    [
        b"X: a\x00b",
        b"X: a\x01b",
        b"X: a\x1b[31mb",
        b"X: a\x7fb",
        b"X: a\x0bb",
        b"X: a\rY: b",
        b"X: a\nY: b",
        b"X : a",
        b" X: a",
        b"X: a\r\n b",
        b"X: a\r\n\tContent-Length: 5",
        b"X\x00: a",
        b"X(: a",
        b"X\xe9: a",
        b": a",
        b"no colon",
        b"Content-Length : 5",
    ],
)
def test_an_odd_header_is_refused(door: Door, app: App, line: bytes) -> None:
    is_refused(door.ask(get(door, "/a")[:-2] + line + b"\r\n\r\n"), 400, "bad_request")
    assert app.seen == []


def test_lines_that_end_in_a_bare_line_feed_are_refused(door: Door, app: App) -> None:
    is_refused(door.ask(get(door, "/a").replace(b"\r\n", b"\n")), 400, "bad_request")
    is_refused(door.ask(get(door, "/a")[:-2] + b"\n"), 400, "bad_request")
    assert app.seen == []


@pytest.mark.parametrize(
    ("lines", "status", "code"),
    [
        (["Content-Length: 5", "Content-Length: 6"], 400, "bad_length"),
        (["Content-Length: 5", "Content-Length: 5"], 400, "bad_length"),
        (["content-length: 0", "CONTENT-LENGTH: 44"], 400, "bad_length"),
        (["Content-Length: 5, 6"], 400, "bad_length"),
        (["Content-Length: 5, 5"], 400, "bad_length"),
        (["Content-Length: +5"], 400, "bad_length"),
        (["Content-Length: -5"], 400, "bad_length"),
        (["Content-Length: 0x5"], 400, "bad_length"),
        (["Content-Length: 5.0"], 400, "bad_length"),
        (["Content-Length: 5 6"], 400, "bad_length"),
        (["Content-Length: \xb2"], 400, "bad_length"),
        (["Content-Length:"], 400, "bad_length"),
        (["Content-Length: " + "9" * 21], 400, "bad_length"),
        (["Content-Length: 5", "Transfer-Encoding: chunked"], 400, "bad_length"),
        (["Transfer-Encoding: chunked", "Content-Length: 5"], 400, "bad_length"),
        (["Transfer-Encoding: chunked"], 411, "length_required"),
        (["Transfer-Encoding: Chunked"], 411, "length_required"),
        (["Transfer-Encoding: identity"], 411, "length_required"),
        (["Transfer-Encoding: gzip, chunked"], 411, "length_required"),
        (["Transfer-Encoding: xchunked"], 411, "length_required"),
        (["Transfer-Encoding: chunked", "Transfer-Encoding: identity"], 411, "length_required"),
        (["Transfer-Encoding:\tchunked"], 411, "length_required"),
        (["Transfer-Encoding : chunked"], 411, "length_required"),
        (["Transfer-Encoding:"], 411, "length_required"),
    ],
)
def test_a_body_has_one_length_so_that_nothing_can_be_smuggled(
    door: Door, app: App, lines: list[str], status: int, code: str
) -> None:
    head = door.head("Content-Type: application/json", *lines, line="POST /a HTTP/1.1")
    smuggled = b"0\r\n\r\n" + get(door, "/smuggled")
    is_refused(door.ask(head + smuggled), status, code)
    assert app.seen == []


@pytest.mark.parametrize("size", [33_000, 300_000, 5_000_000])
@pytest.mark.parametrize("form", ["one header", "many headers", "target", "no end"])
def test_headers_have_a_limit(door: Door, app: App, size: int, form: str) -> None:
    match form:
        case "one header":
            request = get(door, "/a", "X: " + "x" * size)
        case "many headers":
            request = get(door, "/a", *["X: y"] * (size // 4))
        case "target":
            request = get(door, "/" + "a" * size)
        case _:
            request = get(door, "/a", "X: " + "x" * size)[:-4]
    is_refused(door.ask(request), 431, "headers_too_large")
    assert app.seen == []


def test_headers_below_the_limit_get_in(door: Door) -> None:
    assert door.ask(get(door, "/a", "Connection: close", "X: " + "x" * 32_000)).body == b"/a"


def test_nothing_of_a_bad_request_is_given_back(door: Door) -> None:
    said = door.talk(get(door, "/private", "Bad\x01: marked"))
    assert said.startswith(b"HTTP/1.1 400 ")
    for word in (b"private", b"marked", door.token.value().encode()):
        assert word not in said


def test_bad_requests_do_not_fill_the_log(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        door.talk(b"\x16\x03\x01\r\n\r\n")
        door.talk(get(door, "/a", "Connection: Upgrade", "Upgrade: h2c", "Connection: close"))
    assert caplog.records == []


# One connection, several requests


def test_requests_in_one_go_are_answered_in_their_order(door: Door) -> None:
    said = door.talk(get(door, "/one") + get(door, "/two") + get(door, "/three", "Connection: close"))
    for path in (b"/one", b"/two", b"/three"):
        reply = parse(said)
        assert (reply.status, reply.body) == (200, path)
        said = reply.rest
    assert said == b""


@pytest.mark.parametrize("bad", ["token", "bytes", "length"])
def test_nothing_behind_a_refused_request_is_answered(door: Door, app: App, bad: str) -> None:
    refused = {
        "token": door.head(authorized=False),
        "bytes": b"\x00\r\n\r\n",
        "length": door.head(
            "Content-Type: application/json", "Content-Length: 999999", line="POST /a HTTP/1.1"
        ),
    }[bad]
    said = door.talk(get(door, "/one") + refused + get(door, "/smuggled") * 3)
    first = parse(said)
    assert (first.status, first.body) == (200, b"/one")
    second = parse(first.rest)
    is_refused(second, {"token": 401, "bytes": 400, "length": 413}[bad], second.code)
    assert app.seen == ["/one"]


def test_a_request_that_comes_byte_by_byte_is_one(door: Door) -> None:
    with door.connect() as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in get(door, "/a"):
            client.sendall(bytes([byte]))
        assert read_reply(client).body == b"/a"


def test_a_client_that_shuts_its_sending_side_is_still_answered(door: Door) -> None:
    with door.connect() as client:
        client.sendall(get(door, "/one") + get(door, "/two"))
        client.shutdown(socket.SHUT_WR)
        assert read_all(client).count(b"200 OK") == 2
    with door.connect() as client:
        client.sendall(get(door, "/large"))
        client.shutdown(socket.SHUT_WR)
        assert parse(read_all(client)).body == LARGE
    with door.connect() as client:
        client.sendall(door.head(authorized=False))
        client.shutdown(socket.SHUT_WR)
        assert parse(read_all(client)).status == 401
    until(lambda: none_open(door))


@pytest.mark.parametrize("said", [b"", b"GET /a HT", b"GET /a HTTP/1.1\r\nHost: x"])
def test_a_client_that_goes_before_it_has_asked_leaves_nothing(door: Door, app: App, said: bytes) -> None:
    with door.connect() as client:
        client.sendall(said)
        client.shutdown(socket.SHUT_WR)
        assert read_all(client) == b""
    until(lambda: none_open(door))
    assert app.seen == []


def test_a_stream_ends_when_its_reader_goes(door: Door, app: App) -> None:
    app.gone.clear()
    with door.connect() as client:
        client.sendall(get(door, "/stream"))
        assert client.recv(1024).startswith(b"HTTP/1.1 200 ")
    until(lambda: app.gone == ["/stream"])
    assert none_open(door)


# Time


def test_answers_on_one_connection_do_not_wait_for_each_other(door: Door) -> None:
    began = time.monotonic()
    with door.connect() as client:
        for _ in range(30):
            client.sendall(get(door, "/a"))
            assert read_reply(client).status == 200
    # 40 ms each where the system gathers small packets.
    assert time.monotonic() - began < 0.6


def test_headers_must_come_in_time(open_door: Callable[..., Door]) -> None:
    door = open_door(app := App(), Limits(header_s=0.15, linger_s=0.1))
    began = time.monotonic()
    with door.connect() as silent, door.connect() as slow, door.connect() as second, door.connect() as piped:
        slow.sendall(get(door, "/a")[:-2])
        for client in (second, piped):
            client.sendall(get(door, "/one") + (b"GET" if client is piped else b""))
            assert read_reply(client).status == 200
        second.sendall(b"G")
        # Who has said nothing hears nothing.
        assert read_all(silent) == b""
        is_refused(parse(read_all(slow)), 408, "timeout")
        is_refused(parse(read_all(second)), 408, "timeout")
        assert b"408" in read_all(piped)
    assert 0.1 < time.monotonic() - began < 3
    assert app.seen == ["/one", "/one"]


def test_drops_do_not_make_the_time_longer(open_door: Callable[..., Door]) -> None:
    door = open_door(App(), Limits(header_s=0.2, linger_s=0.1))
    began = time.monotonic()
    with door.connect() as client:
        client.settimeout(0.02)
        said = b""
        while not said:
            client.sendall(b"X")
            try:
                said = client.recv(4096)
            except TimeoutError:
                assert time.monotonic() - began < 3
    is_refused(parse(said), 408, "timeout")


def test_a_connection_that_rests_is_closed(open_door: Callable[..., Door]) -> None:
    door = open_door(App(), Limits(idle_s=0.1))
    with door.connect() as client:
        client.sendall(get(door, "/a"))
        reply = parse(read_all(client))
        assert (reply.status, reply.rest) == (200, b"")


def small_reader(door: Door) -> socket.socket:
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.settimeout(10)
    client.connect(("127.0.0.1", door.port))
    return client


@pytest.mark.parametrize("lines", [[], ["Connection: close"]], ids=["open", "closing"])
def test_a_client_that_reads_nothing_is_cut(open_door: Callable[..., Door], lines: list[str]) -> None:
    door = open_door(App(), Limits(reader_s=0.2, linger_s=0.05))
    with small_reader(door) as client:
        client.sendall(get(door, "/large", *lines))
        until(lambda: len(door.server.server_state.connections) == 1)
        until(lambda: none_open(door))
        assert len(read_all(client)) < len(LARGE)
    until(lambda: not door.server.server_state.tasks)


@pytest.mark.parametrize("lines", [[], ["Connection: close"]], ids=["open", "closing"])
def test_a_client_that_reads_slowly_gets_all(open_door: Callable[..., Door], lines: list[str]) -> None:
    door = open_door(App(), Limits(reader_s=0.4, linger_s=0.05, linger_total_s=0.05, idle_s=5))
    with small_reader(door) as client:
        client.sendall(get(door, "/large", *lines))
        size_bytes = 0
        began = time.monotonic()
        while size_bytes < len(LARGE):
            part = client.recv(65536)
            assert part
            size_bytes += len(part)
            wait_until(began + min(size_bytes, 8_000_000) / 8_000_000)
    assert time.monotonic() - began > 0.9, "longer than a reader may take nothing"
    assert part.endswith(LARGE[-1000:])


def wait_until(moment: float) -> None:
    until(lambda: time.monotonic() >= moment)


def test_a_stream_whose_reader_has_gone_before_it_began_does_not_stay(open_door: Callable[..., Door]) -> None:
    door = open_door(app := App(), Limits(header_s=0.1))
    with door.connect() as client:
        client.sendall(get(door, "/late"))
        client.shutdown(socket.SHUT_WR)
        until(lambda: app.seen == ["/late"])
        app.let_go()
        assert b"one" in read_all(client)
    until(lambda: app.gone == ["/late"] and none_open(door))


def test_the_end_of_what_a_client_sends_may_be_seen_twice(open_door: Callable[..., Door]) -> None:
    door = open_door(app := App())
    with door.connect() as client:
        client.sendall(get(door, "/listens") * 3)
        client.shutdown(socket.SHUT_WR)
        assert read_all(client).count(b"200 OK") == 3
    assert app.seen == ["/listens"] * 3


def test_a_slow_answer_reaches_a_client_that_shut_its_sending_side(open_door: Callable[..., Door]) -> None:
    door = open_door(app := App(), Limits(header_s=0.05))
    with door.connect() as client:
        client.sendall(get(door, "/wait"))
        client.shutdown(socket.SHUT_WR)
        until(lambda: app.seen == ["/wait"])
        client.settimeout(0.2)
        with pytest.raises(TimeoutError):
            client.recv(1)
        client.settimeout(10)
        app.let_go()
        assert parse(read_all(client)).body == b"/wait"


def test_what_a_refused_client_sends_on_is_thrown_away_within_limits(open_door: Callable[..., Door]) -> None:
    door = open_door(App(), Limits(linger_s=0.2, linger_total_s=0.3, linger_bytes=1_000_000))
    refused = door.head("Content-Length: 9999999999", authorized=False)
    with door.connect() as client:
        client.sendall(refused + b"x" * 900_000)
        assert parse(read_all(client)).status == 401
        with pytest.raises(ConnectionError):
            for _ in range(100):
                client.sendall(b"x" * 65536)
    # A drop now and then does not keep it for ever.
    with door.connect() as client:
        client.sendall(refused)
        began = time.monotonic()
        read_all(client)
        with pytest.raises(ConnectionError):
            while time.monotonic() - began < 5:
                client.sendall(b"x")
                wait_until(time.monotonic() + 0.05)
        assert time.monotonic() - began < 3
    until(lambda: none_open(door))


# Number


def test_a_new_client_takes_the_place_of_the_oldest_that_has_not_asked(
    open_door: Callable[..., Door],
) -> None:
    door = open_door(app := App(), Limits(connections=6))
    with ExitStack() as stack:
        busy = stack.enter_context(door.connect())
        busy.sendall(get(door, "/wait"))
        until(lambda: app.seen == ["/wait"])
        resting = stack.enter_context(door.connect())
        resting.sendall(get(door, "/one"))
        assert read_reply(resting).status == 200
        idle = []
        for number in range(4):
            idle.append(stack.enter_context(door.connect()))
            until(lambda number=number: len(door.server.server_state.connections) == 3 + number)  # type: ignore[misc]
        idle[1].sendall(b"GET /half HTTP/1.1\r\n")
        # Each of these comes when all places are taken, and is answered.
        for gone in idle:
            good = stack.enter_context(door.connect())
            good.sendall(get(door, "/two"))
            assert read_reply(good).status == 200
            assert is_cut(gone)
        # None is left that has not asked: the one that rests longest goes.
        good = stack.enter_context(door.connect())
        good.sendall(get(door, "/three"))
        assert read_reply(good).status == 200
        assert is_cut(resting)
        app.let_go()
        assert read_reply(busy).body == b"/wait"


def test_where_all_are_at_work_a_new_client_is_told_so(open_door: Callable[..., Door]) -> None:
    door = open_door(app := App(), Limits(connections=2))
    with door.connect() as first, door.connect() as second:
        for client in (first, second):
            client.sendall(get(door, "/wait"))
        until(lambda: app.seen == ["/wait", "/wait"])
        with door.connect() as third:
            is_refused(parse(read_all(third)), 503, "too_many_connections")
        app.let_go()
        for client in (first, second):
            assert read_reply(client).body == b"/wait"
    until(lambda: none_open(door))
    assert door.ask(get(door, "/a", "Connection: close")).status == 200


def test_400_idle_clients_keep_no_one_waiting(open_door: Callable[..., Door]) -> None:
    door = open_door(App())
    with ExitStack() as stack:
        for number in range(400):
            client = stack.enter_context(door.connect())
            if number % 2:
                client.sendall(b"GET / HTTP/1.1\r\n")
        until(lambda: len(door.server.server_state.connections) == 400)
        began = time.monotonic()
        assert door.ask(get(door, "/a", "Connection: close")).status == 200
        assert time.monotonic() - began < 1


def test_more_idle_clients_than_there_are_places_turn_no_one_away(open_door: Callable[..., Door]) -> None:
    door = open_door(App(), Limits(connections=50))
    with ExitStack() as stack:
        for _ in range(200):
            stack.enter_context(door.connect())
        began = time.monotonic()
        assert door.ask(get(door, "/a", "Connection: close")).status == 200
        assert time.monotonic() - began < 1
        assert len(door.server.server_state.connections) <= 50


def test_spoilt_requests_by_the_thousand_get_nowhere_and_keep_no_one_waiting(
    open_door: Callable[..., Door],
) -> None:
    door = open_door(app := App(), Limits(header_s=60))
    chance = random.Random(1)
    lines = ["Content-Type: application/json", "Content-Length: 2", "Sec-Fetch-Site: none"]
    good = door.head(*lines, line="POST /api/a?b=%20 HTTP/1.1", authorized=False) + b"{}"
    with ExitStack() as stack:
        for _ in range(400):
            stack.enter_context(door.connect())
        slowest_s = 0.0
        for _ in range(1400):
            spoilt = bytearray(good)
            for _ in range(chance.randint(0, 4)):
                at = chance.randrange(len(spoilt))
                part = bytes(chance.randrange(256) for _ in range(chance.randint(0, 3)))
                spoilt[at : at + chance.randint(0, 3)] = chance.choice(
                    [part, b"\r\n", b"\n", b":", b" ", b"\0"]
                )
            began = time.monotonic()
            with door.connect() as client:
                client.sendall(spoilt)
                client.shutdown(socket.SHUT_WR)
                said = read_all(client)
            slowest_s = max(slowest_s, time.monotonic() - began)
            assert not said or re.match(rb"HTTP/1.1 4\d\d ", said), bytes(spoilt)
        assert slowest_s < 1
        assert app.seen == []
        assert door.ask(get(door, "/a", "Connection: close")).status == 200


def places(limits: Limits) -> int:
    return guarded(limits).registry.most


def test_the_descriptors_of_the_process_bound_the_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (600, before[1]))
        assert places(Limits()) == 472
        assert places(Limits(connections=10)) == 10
        with monkeypatch.context() as patch:
            patch.setattr(resource, "setrlimit", refuses)
            raise_descriptor_limit()
        assert places(Limits()) == 472
        raise_descriptor_limit()
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == min(4096, before[1])
        assert places(Limits()) == 1024
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(8000, before[1]), before[1]))
        raise_descriptor_limit()
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == min(8000, before[1])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def refuses(*_: object) -> None:
    raise ValueError("not allowed to raise maximum limit")


def test_a_system_that_counts_no_descriptors_bounds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    resource = pytest.importorskip("resource")
    with monkeypatch.context() as patch:
        patch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        patch.setattr(resource, "setrlimit", refuses)
        raise_descriptor_limit()
        assert places(Limits()) == 1024
    monkeypatch.setitem(sys.modules, "resource", None)
    raise_descriptor_limit()
    assert places(Limits(connections=5000)) == 5000


# The end


def test_a_server_that_closes_answers_what_is_at_work_and_waits_for_no_one_else(
    open_door: Callable[..., Door],
) -> None:
    door = open_door(app := App(), Limits(closing_s=0.3))
    with ExitStack() as stack:
        idle, half, rests, refused, busy, stuck = (stack.enter_context(door.connect()) for _ in range(6))
        half.sendall(b"GET")
        rests.sendall(get(door, "/a"))
        assert read_reply(rests).status == 200
        refused.sendall(door.head(authorized=False))
        assert parse(read_all(refused)).status == 401
        reader = stack.enter_context(small_reader(door))
        reader.sendall(get(door, "/large"))
        stuck.sendall(get(door, "/stream"))
        assert stuck.recv(1024)
        busy.sendall(get(door, "/wait"))
        until(lambda: "/wait" in app.seen and "/large" in app.seen)
        began = time.monotonic()
        door.server.should_exit = True
        for client in (idle, half, rests):
            assert read_all(client) == b""
        app.let_go()
        assert parse(read_all(busy)).body == b"/wait"
        door.thread.join()
        assert time.monotonic() - began < 2
        assert app.gone == ["/stream"]
