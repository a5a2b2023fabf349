"""The gate, from bytes on a socket: what gets in, what does not, and what each answer carries."""

import asyncio
import gzip
import http.client
import json
import os
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from modelmgr.api.gate import Gate, objection
from modelmgr.api.limits import Limits
from modelmgr.api.token import TokenFile
from tests.api.doors import Door, Reply, parse, read_all, read_reply, until

LOOPBACK = "127.0.0.1"


class Echo:
    """Answers with what it was asked, and remembers it."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, bytes]] = []
        self.working = 0
        self._go_on = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def let_go(self) -> None:
        """End the waiting of all, those that come later too."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._go_on.set)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        message = await receive()
        assert message["more_body"] is False
        body = message["body"]
        self.seen.append((scope["method"], scope["path"], body))
        match scope["path"]:
            case "/api/fault":
                raise ValueError("/home/user/secret")
            case "/api/half":
                await send(
                    {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"9")]}
                )
                await send({"type": "http.response.body", "body": b"half", "more_body": True})
                raise ValueError("/home/user/secret")
            case "/api/events":
                await send({"type": "http.response.start", "status": 200, "headers": []})
                await send({"type": "http.response.body", "body": b"data: {}\n\n", "more_body": True})
                assert (await receive())["type"] == "http.disconnect"
                return
        if scope["path"] == "/api/wait" or body.startswith(b"wait"):
            self.working += 1
            self._loop = asyncio.get_running_loop()
            await self._go_on.wait()
        status = 404 if scope["path"] == "/api/nowhere" else 200
        said = json.dumps(
            [scope["method"], scope["path"], scope["query_string"].decode(), len(body)]
        ).encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(said)),
            (b"Server", b"made up"),
            (b"Access-Control-Allow-Origin", b"*"),
            (b"cache-control", b"public"),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": said})


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Door, Echo]]:
    """One server for all tests that neither fill it nor change its token."""
    echo = Echo()
    token = TokenFile.open(tmp_path_factory.mktemp("gate") / "token")
    door = Door(echo, token, Limits(body_s=0.2, linger_s=0.1))
    yield door, echo
    door.close()


@pytest.fixture
def door(shared: tuple[Door, Echo]) -> Door:
    return shared[0]


@pytest.fixture
def echo(shared: tuple[Door, Echo]) -> Echo:
    shared[1].seen.clear()
    return shared[1]


def is_refused(reply: Reply, status: int, code: str) -> None:
    assert (reply.status, reply.code) == (status, code)
    error = json.loads(reply.body)["error"]
    assert set(error) == {"code", "message", "details"}
    assert error["message"].endswith(".")
    assert reply.rest == b"", "one answer, and then the end"
    assert reply.header("connection") == "close"
    assert reply.header("content-type") == "application/json"
    is_safe(reply)


def is_safe(reply: Reply) -> None:
    assert reply.header("x-content-type-options") == "nosniff"
    assert reply.header("cache-control") == "no-store"
    assert reply.header("date")
    names = [name for name, _ in reply.headers]
    assert "server" not in names
    assert not [name for name in names if name.startswith("access-control")]


def post(
    door: Door, body: bytes, *lines: str, path: str = "/api/echo", kind: str | None = "application/json"
) -> bytes:
    said = list(lines)
    if kind is not None:
        said.append(f"Content-Type: {kind}")
    if not any(line.lower().startswith("content-length") for line in lines):
        said.append(f"Content-Length: {len(body)}")
    return door.head(*said, line=f"POST {path} HTTP/1.1") + body


# What gets in


def test_a_good_request_is_answered_and_the_next_on_the_same_connection_too(door: Door, echo: Echo) -> None:
    with door.connect() as client:
        for path in ("/api/echo?search=a%20b", "/api/models"):
            client.sendall(door.head(line=f"GET {path} HTTP/1.1"))
            reply = read_reply(client)
            assert reply.status == 200
            assert reply.header("connection") is None
            is_safe(reply)
    assert [path for _, path, _ in echo.seen] == ["/api/echo", "/api/models"]


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "LocalHost", "[::1]"])
def test_the_names_of_this_computer_get_in(door: Door, name: str) -> None:
    request = door.head("Connection: close").replace(LOOPBACK.encode(), name.encode(), 1)
    assert door.ask(request).status == 200


def test_health_needs_no_token(door: Door) -> None:
    request = door.head("Connection: close", line="GET /api/health HTTP/1.1", authorized=False)
    assert door.ask(request).status == 200


@pytest.mark.parametrize(
    "kind",
    [
        "application/json",
        "Application/JSON",
        "application/json; charset=utf-8",
        'application/json;charset="UTF-8"',
    ],
)
def test_a_json_body_comes_in_as_it_is_in_one_piece(door: Door, echo: Echo, kind: str) -> None:
    body = b'{"paths": ["' + b"a" * 60_000 + b'"]}'
    with door.connect() as client:
        client.sendall(post(door, body, "Connection: close", kind=kind))
        reply = read_reply(client)
    assert reply.status == 200
    assert echo.seen == [("POST", "/api/echo", body)]


def test_a_client_that_waits_for_100_continue_gets_it(door: Door) -> None:
    head = post(door, b"", "Expect: 100-continue", "Content-Length: 2", "Connection: close")
    with door.connect() as client:
        client.sendall(head)
        assert client.recv(1024).startswith(b"HTTP/1.1 100 ")
        client.sendall(b"{}")
        assert read_reply(client).status == 200


def test_http_1_0_gets_in_with_a_host(door: Door) -> None:
    assert door.ask(door.head(line="GET /api/echo HTTP/1.0")).status == 200


@pytest.mark.parametrize("site", ["none", "same-origin"])
def test_a_typed_address_gets_in(door: Door, site: str) -> None:
    assert door.ask(door.head(f"Sec-Fetch-Site: {site}", "Connection: close")).status == 200


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PUT", "DELETE", "TRACE", "BREW"])
def test_a_method_is_the_applications_affair_whatever_overrides_say(
    door: Door, echo: Echo, method: str
) -> None:
    overrides = ["X-HTTP-Method-Override: POST", "X-Method-Override: POST", "X-HTTP-Method: POST"]
    overrides += ["X-Original-URL: /api/health", "X-Rewrite-URL: /api/health", "X-Forwarded-Host: localhost"]
    reply = door.ask(
        door.head(*overrides, "Connection: close", line=f"{method} /api/echo?_method=POST HTTP/1.1")
    )
    assert reply.status == 200
    assert reply.body == b"" if method == "HEAD" else reply.body.startswith(b"[")
    assert echo.seen == [(method, "/api/echo", b"")]


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "TRACE", "get"])
def test_no_method_gets_in_without_a_token(door: Door, echo: Echo, method: str) -> None:
    reply = door.ask(door.head(line=f"{method} /api/echo HTTP/1.1", authorized=False))
    assert reply.status == 401
    assert echo.seen == []


def test_an_error_of_the_application_ends_the_connection(door: Door) -> None:
    reply = door.ask(door.head(line="GET /api/nowhere HTTP/1.1"))
    assert (reply.status, reply.header("connection")) == (404, "close")
    is_safe(reply)


# Who does not


@pytest.mark.parametrize(
    "name",
    [
        "evil.example:{port}",
        "evil.example",
        "127.0.0.1.evil.example:{port}",
        "localhost.evil.example:{port}",
        "localhost.:{port}",
        "127.0.0.1",
        "localhost",
        "127.0.0.1:{port}0",
        "127.0.0.1:0{port}",
        "127.0.0.1:",
        "127.1:{port}",
        "127.0.0.2:{port}",
        "0.0.0.0:{port}",
        "2130706433:{port}",
        "0x7f000001:{port}",
        "[::]:{port}",
        "[::ffff:127.0.0.1]:{port}",
        "::1:{port}",
        "user@127.0.0.1:{port}",
        "127.0.0.1:{port}/",
        "127.0.0.1:{port}, evil.example",
        "127.0.0.1:{port} evil.example",
        "\u00e9vil:{port}",
        "null",
    ],
)
@pytest.mark.parametrize("path", ["/api/echo", "/api/health"])
def test_a_name_that_someone_else_may_own_is_refused(door: Door, echo: Echo, name: str, path: str) -> None:
    request = f"GET {path} HTTP/1.1\r\nHost: {name.format(port=door.port)}\r\n"
    request += f"Authorization: Bearer {door.token.value()}\r\n\r\n"
    is_refused(door.ask(request.encode("latin-1")), 403, "foreign_host")
    assert echo.seen == []


def test_exactly_one_host_is_needed(door: Door, echo: Echo) -> None:
    good = f"Host: 127.0.0.1:{door.port}"
    without = door.head().replace(f"{good}\r\n".encode(), b"")
    is_refused(door.ask(without), 400, "bad_request")
    is_refused(door.ask(without.replace(b"HTTP/1.1", b"HTTP/1.0")), 400, "bad_host")
    is_refused(door.ask(without.replace(b"\r\n", b"\r\nHost:\r\n", 1)), 403, "foreign_host")
    is_refused(door.ask(door.head(good)), 400, "bad_request")
    is_refused(door.ask(door.head("Host: evil.example")), 400, "bad_request")
    assert echo.seen == []


@pytest.mark.parametrize(
    "line",
    [
        "Origin: http://evil.example",
        "Origin: null",
        "Origin: http://127.0.0.1:{port}",
        "Origin: chrome-extension://abcdefgh",
        "Origin: file://",
        "Origin:",
        "Sec-Fetch-Site: cross-site",
        "Sec-Fetch-Site: same-site",
        "Sec-Fetch-Site: None",
        "Sec-Fetch-Site:",
        "Sec-Fetch-Site: none\r\nSec-Fetch-Site: cross-site",
        "Sec-Fetch-Site: none, cross-site",
    ],
)
@pytest.mark.parametrize("path", ["/api/echo", "/api/health"])
def test_a_page_in_a_browser_is_refused(door: Door, echo: Echo, line: str, path: str) -> None:
    request = door.head(line.format(port=door.port), line=f"GET {path} HTTP/1.1")
    is_refused(door.ask(request), 403, "foreign_origin")
    assert echo.seen == []


def test_a_preflight_is_refused(door: Door, echo: Echo) -> None:
    asked = ["Origin: http://evil.example", "Access-Control-Request-Method: POST"]
    asked.append("Access-Control-Request-Private-Network: true")
    is_refused(door.ask(door.head(*asked, line="OPTIONS /api/echo HTTP/1.1")), 403, "foreign_origin")
    assert echo.seen == []


@pytest.mark.parametrize(
    "line",
    [
        "",
        "Authorization: Bearer",
        "Authorization: Bearer ",
        "Authorization: Bearer wrong",
        "Authorization: Bearer {token}x",
        "Authorization: Bearer {short}",
        "Authorization: Bearer  {token}",
        "Authorization: Bearer\t{token}",
        "Authorization: Bearer {token} {token}",
        "Authorization: Bearer {token},",
        'Authorization: Bearer "{token}"',
        "Authorization: {token}",
        "Authorization: Basic {token}",
        "Authorization: Digest {token}",
        "Authorization: Bearer {upper}",
        "Authorization: Bearer t\u00f6ken",
        "Authorization: Bearer null",
        "Authorization: Bearer {token}\r\nAuthorization: Bearer {token}",
        "Authorization: Bearer {token}\r\nAuthorization: Basic eDp5",
        "Proxy-Authorization: Bearer {token}",
        "X-Api-Key: {token}",
        "Cookie: token={token}",
        "Authorization: Bearer wrong\r\nX-Forwarded-Authorization: Bearer {token}",
    ],
)
def test_who_does_not_hold_the_token_is_refused(door: Door, echo: Echo, line: str) -> None:
    token = door.token.value()
    said = line.format(token=token, short=token[:-1], upper=token.swapcase())
    reply = door.ask(door.head(*([said] if said else []), authorized=False))
    is_refused(reply, 401, "unauthorized")
    assert reply.header("www-authenticate") == "Bearer"
    assert token.encode() not in reply.body
    assert echo.seen == []


def test_the_scheme_may_be_spelt_in_any_case(door: Door) -> None:
    request = door.head("Connection: close").replace(b"Bearer", b"bearer")
    assert door.ask(request).status == 200


@pytest.mark.parametrize("name", ["token", "access_token", "authorization", "api_key"])
def test_a_token_in_the_address_is_none(door: Door, echo: Echo, name: str) -> None:
    line = f"GET /api/echo?{name}={door.token.value()} HTTP/1.1"
    is_refused(door.ask(door.head(line=line, authorized=False)), 401, "unauthorized")
    assert echo.seen == []


def test_an_old_token_is_refused_as_soon_as_there_is_a_new_one(open_door: Callable[..., Door]) -> None:
    door = open_door(Echo())
    old = door.head("Connection: close")
    assert door.ask(old).status == 200
    door.token.renew()
    is_refused(door.ask(old), 401, "unauthorized")
    assert door.ask(door.head("Connection: close")).status == 200
    current = door.head("Connection: close")
    os.unlink(door.token.path)
    is_refused(door.ask(current), 401, "unauthorized")


@pytest.mark.parametrize(
    "path",
    ["/api/health/", "/api/health%2f", "/api/%68ealth", "//api/health", "/api/Health", "/api/health;x", "/"],
)
def test_only_the_very_path_of_health_is_open(door: Door, echo: Echo, path: str) -> None:
    reply = door.ask(door.head(line=f"GET {path} HTTP/1.1", authorized=False))
    assert reply.status in (400, 401)
    assert echo.seen == []


# Bodies


@pytest.mark.parametrize(
    "kind",
    [
        None,
        "",
        "text/plain",
        "text/plain; application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json, text/plain",
        "application/json; charset=utf-16",
        "application/json; charset=utf-8; x=y",
        "application/json\r\nContent-Type: application/json",
        "application/json\r\nContent-Type: text/plain",
        "application/jsonp",
        "application/problem+json",
        "text/json",
        "*/*",
    ],
)
def test_what_a_form_can_send_is_refused(door: Door, echo: Echo, kind: str | None) -> None:
    is_refused(door.ask(post(door, b'{"all": true}', kind=kind)), 415, "content_type")
    assert echo.seen == []


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "identity", "GZIP", ""])
def test_a_compressed_body_is_refused(door: Door, echo: Echo, coding: str) -> None:
    request = post(door, gzip.compress(b"0" * 100_000), f"Content-Encoding: {coding}")
    is_refused(door.ask(request), 415, "content_encoding")
    assert echo.seen == []


def test_a_body_of_patch_is_held_to_the_same_rules(door: Door, echo: Echo) -> None:
    for kind in ("text/plain", "application/json-patch+json", "multipart/form-data; boundary=x"):
        request = door.head(f"Content-Type: {kind}", "Content-Length: 2", line="PATCH /api/echo HTTP/1.1")
        is_refused(door.ask(request + b"{}"), 415, "content_type")
    request = door.head("Content-Type: application/json", line="PATCH /api/echo HTTP/1.1")
    is_refused(door.ask(request), 411, "length_required")
    assert echo.seen == []
    said = ("Content-Type: application/json", "Content-Length: 2", "Connection: close")
    assert door.ask(door.head(*said, line="PATCH /api/echo HTTP/1.1") + b"{}").status == 200
    assert echo.seen == [("PATCH", "/api/echo", b"{}")]


def test_a_length_is_needed(door: Door, echo: Echo) -> None:
    request = door.head("Content-Type: application/json", line="POST /api/echo HTTP/1.1")
    is_refused(door.ask(request), 411, "length_required")
    chunked = door.head(
        "Content-Type: application/json", "Transfer-Encoding: chunked", line="POST /api/echo HTTP/1.1"
    )
    is_refused(door.ask(chunked + b"2\r\n{}\r\n0\r\n\r\n"), 411, "length_required")
    assert echo.seen == []


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
def test_a_body_where_none_belongs_is_refused(door: Door, echo: Echo, method: str) -> None:
    with door.connect() as client:
        client.sendall(door.head("Content-Length: 2", line=f"{method} /api/echo HTTP/1.1") + b"{}")
        said = read_all(client)
    assert said.startswith(b"HTTP/1.1 400 ")
    assert echo.seen == []


@pytest.mark.parametrize(
    ("path", "limit_bytes"), [("/api/echo", 64 * 1024), ("/api/migration/import_models", 8 * 1024 * 1024)]
)
def test_a_body_may_be_so_large_and_no_larger(door: Door, echo: Echo, path: str, limit_bytes: int) -> None:
    client = http.client.HTTPConnection(LOOPBACK, door.port, timeout=10)
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {door.token.value()}"}
    client.request("POST", path, b"x" * limit_bytes, headers)
    answer = client.getresponse()
    assert answer.status == 200
    answer.read()
    assert [len(body) for _, _, body in echo.seen] == [limit_bytes]
    # Declared, and sent too: an ordinary client sends all before it reads, and still gets to read why.
    for excess in (1, 12_000_000):
        client.request("POST", path, b"x" * (limit_bytes + excess), headers)
        answer = client.getresponse()
        assert answer.status == 413
        assert json.loads(answer.read())["error"]["details"] == {"limit_bytes": limit_bytes}
    client.close()
    # Declared alone.
    is_refused(door.ask(post(door, b"", f"Content-Length: {limit_bytes + 1}", path=path)), 413, "too_large")
    is_refused(door.ask(post(door, b"", "Content-Length: " + "9" * 20, path=path)), 413, "too_large")
    assert len(echo.seen) == 1


def test_who_is_refused_does_not_get_to_send_a_body(door: Door) -> None:
    request = post(door, b"", "Expect: 100-continue", "Content-Length: 70000")
    is_refused(door.ask(request), 413, "too_large")


def test_a_body_that_does_not_come_is_not_waited_for(door: Door, echo: Echo) -> None:
    is_refused(door.ask(post(door, b"{", "Content-Length: 20")), 408, "timeout")
    assert echo.seen == []


def test_a_client_that_goes_while_it_sends_leaves_nothing(door: Door, echo: Echo) -> None:
    with door.connect() as client:
        client.sendall(post(door, b"{", "Content-Length: 20"))
    until(lambda: not door.server.server_state.connections and not door.server.server_state.tasks)
    assert echo.seen == []


# Targets


@pytest.mark.parametrize(
    "target",
    [
        "http://127.0.0.1:{port}/api/echo",
        "http://evil.example/api/echo",
        "https://evil.example/api/echo",
        "file:///etc/passwd",
        "*",
        "api/echo",
        "127.0.0.1:{port}",
        "?x",
        "/api/echo#part",
        "/api\\echo",
        "/api/echo?a\\b",
        "/api/%00",
        "/api/%0d%0aSet-Cookie:x",
        "/api/%1b[31m",
        "/api/%7f",
        "/api/%5c..%5cecho",
        "/api/..%5cx",
        "/api/../etc/passwd",
        "/../../etc/passwd",
        "/api/./echo",
        "/api/%2e%2e/echo",
        "/api/%2E./echo",
        "/api/..%2fecho",
        "/api/models%2Fscan",
        "/api/%ff",
        "/api/%c0%ae%c0%ae/echo",
        "/api/%ed%b2%80",
        "/api/%c2%85",
        "/api/%zz",
        "/api/%",
        "/api/%4",
    ],
)
@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
def test_an_odd_target_is_refused(door: Door, echo: Echo, target: str, method: str) -> None:
    reply = door.ask(door.head(line=f"{method} {target.format(port=door.port)} HTTP/1.1"))
    assert reply.code in ("bad_target", "bad_request")
    is_refused(reply, 400, reply.code)
    assert echo.seen == []


def test_connect_is_refused(door: Door, echo: Echo) -> None:
    for target in (f"127.0.0.1:{door.port}", "evil.example:443"):
        is_refused(door.ask(door.head(line=f"CONNECT {target} HTTP/1.1")), 400, "bad_target")
    assert echo.seen == []


@pytest.mark.parametrize("version", ["0.9", "1.2", "2.0", "3.0"])
def test_other_versions_of_http_are_refused(door: Door, echo: Echo, version: str) -> None:
    is_refused(door.ask(door.head(line=f"GET /api/echo HTTP/{version}")), 400, "bad_request")
    assert echo.seen == []


def test_names_beyond_ascii_and_odd_words_in_a_query_are_the_applications_affair(
    door: Door, echo: Echo
) -> None:
    line = "GET /api/%C3%A9?search=%00%ff'%20OR%201=1 HTTP/1.1"
    assert door.ask(door.head("Connection: close", line=line)).status == 200
    assert echo.seen == [("GET", "/api/é", b"")]


def test_a_websocket_is_refused_and_an_offer_of_http2_is_passed_over(door: Door, echo: Echo) -> None:
    asked = [
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ]
    is_refused(door.ask(door.head("Upgrade: websocket", *asked)), 400, "bad_request")
    is_refused(door.ask(door.head("Upgrade: WebSocket", *asked, authorized=False)), 401, "unauthorized")
    assert echo.seen == []
    with door.connect() as client:
        offer = ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk"]
        for _ in range(2):
            client.sendall(door.head(*offer))
            assert read_reply(client).status == 200


# What `wire` or uvicorn keeps from getting so far is refused here too


def test_a_body_without_a_length_is_refused_by_the_gate_itself() -> None:
    scope = {
        "http_version": "1.1",
        "method": "POST",
        "path": "/api/echo",
        "raw_path": b"/api/echo",
        "query_string": b"",
        "headers": [
            (b"host", b"localhost:8765"),
            (b"authorization", b"Bearer word"),
            (b"content-type", b"application/json"),
            (b"transfer-encoding", b"chunked"),
        ],
    }
    found = objection(scope, 8765, lambda word: word == b"word", Limits())
    assert found is not None
    assert (found.status, found.code) == (411, "length_required")


@pytest.mark.parametrize(("port", "let_in"), [(80, True), (8765, False)])
def test_a_host_without_a_port_means_port_80(port: int, let_in: bool) -> None:
    for name in (b"localhost", b"127.0.0.1", b"[::1]"):
        scope = {
            "http_version": "1.1",
            "method": "GET",
            "path": "/api/health",
            "raw_path": b"/api/health",
            "query_string": b"",
            "headers": [(b"host", name)],
        }
        assert (objection(scope, port, lambda _: False, Limits()) is None) == let_in


def test_nothing_but_http_gets_in(token: TokenFile) -> None:
    async def no_receive() -> Any:
        raise AssertionError

    async def no_send(_: Any) -> None:
        raise AssertionError

    gate = Gate(Echo(), token, lambda: 8765)
    for kind in ("websocket", "lifespan"):
        with pytest.raises(RuntimeError, match=kind):
            asyncio.run(gate({"type": kind}, no_receive, no_send))


# Faults, and many at once


@pytest.mark.logs("A request could not be answered")
def test_a_fault_is_told_without_its_facts(door: Door) -> None:
    reply = door.ask(door.head(line="GET /api/fault HTTP/1.1"))
    is_refused(reply, 500, "fault")
    assert b"secret" not in reply.body
    assert b"Traceback" not in reply.body


@pytest.mark.logs("A request could not be answered")
def test_an_answer_that_breaks_off_is_seen_to(door: Door) -> None:
    reply = door.ask(door.head(line="GET /api/half HTTP/1.1"))
    assert (reply.header("content-length"), reply.body) == ("9", b"half")


def test_more_requests_than_may_be_at_work_wait_for_their_turn(open_door: Callable[..., Door]) -> None:
    door = open_door(echo := Echo(), Limits(requests=4))
    clients = [door.connect() for _ in range(6)]
    for client in clients:
        client.sendall(door.head(line="GET /api/wait HTTP/1.1"))
    until(lambda: echo.working == 4)
    # Streams wait for no turn.
    with door.connect() as stream:
        stream.sendall(door.head(line="GET /api/events HTTP/1.1"))
        assert stream.recv(1024).startswith(b"HTTP/1.1 200 ")
    assert echo.working == 4
    echo.let_go()
    for client in clients:
        assert read_reply(client).status == 200
        client.close()
    assert echo.working == 6


def test_streams_have_few_places_which_are_free_again_afterwards(open_door: Callable[..., Door]) -> None:
    door = open_door(Echo(), Limits(streams=2))

    def stream() -> socket.socket:
        client = door.connect()
        client.sendall(door.head(line="GET /api/events HTTP/1.1"))
        return client

    with stream() as first, stream() as second:
        for client in (first, second):
            assert client.recv(1024).startswith(b"HTTP/1.1 200 ")
        with stream() as third:
            is_refused(parse(read_all(third)), 503, "too_many_streams")
    until(lambda: not door.server.server_state.tasks)
    with stream() as again:
        assert again.recv(1024).startswith(b"HTTP/1.1 200 ")


def test_few_large_bodies_are_held_at_once(open_door: Callable[..., Door]) -> None:
    door = open_door(echo := Echo(), Limits(large_bodies=1, body_s=0.1))
    path = "/api/migration/import_models"
    large = post(door, b"x" * 70_000, "Connection: close", path=path)
    with door.connect() as first:
        first.sendall(post(door, b"wait" * 20_000, path=path))
        until(lambda: echo.working == 1)
        is_refused(door.ask(large), 503, "busy")
        assert door.ask(post(door, b"{}", "Connection: close", path=path)).status == 200
        echo.let_go()
        assert read_reply(first).status == 200
    assert door.ask(large).status == 200
