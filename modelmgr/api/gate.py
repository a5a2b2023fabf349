"""The gate: what a request must be like before the application sees it. The outermost layer; denied by default.

The rules against web pages (DNS rebinding, cross-site forms, foreign origins), against other users of the computer
(the token) and against too much at once stand here, in one place; `wire` has cut what is slow or no HTTP. No answer
ever carries a CORS header: no page of a browser may read one.
"""

import asyncio
import contextlib
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from functools import partial
from typing import Any
from urllib.parse import unquote_to_bytes

from modelmgr.api.jobs import FAULT
from modelmgr.api.limits import Limits
from modelmgr.api.strict import CLOSE, SAFE_HEADERS, Refusal
from modelmgr.api.token import TokenFile

log = logging.getLogger(__name__)

OPEN_PATH = b"/api/health"
IMPORT_PATH = "/api/migration/import_models"
STREAM_PATH = "/api/events"

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]

_NAMES = ("127.0.0.1", "localhost", "[::1]")
_OWN_SITES = (b"none", b"same-origin")
_NOT_IN_TARGET = re.compile(rb"[^\x21-\x7e]|[\\#]")
_NO_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\\]")
_JSON = re.compile(rb'application/json(?:[ \t]*;[ \t]*charset=(?:utf-8|"utf-8"))?', re.IGNORECASE)
_NEVER_SENT = (b"server", b"access-control-", *(name for name, _ in SAFE_HEADERS))


class _TokenRenewed(Exception):
    """A stream ends here: the token with which it was opened counts no more."""


class Refused(Exception):
    """A request ends here.

    Attributes:
        refusal: the answer.
    """

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.code)
        self.refusal = refusal


def objection(scope: Scope, port: int, holds: Callable[[bytes], bool], limits: Limits) -> Refusal | None:
    """Return why a request is refused before its body is read, or None.

    Args:
        scope: of ASGI; header names in lower case.
        port: on which the server listens.
        holds: tells whether a word is the token.
        limits: of body sizes.
    """
    headers = _headers(scope)
    return (
        _odd_target(scope)
        or _from_elsewhere(headers, port)
        or _without_token(scope, headers, holds)
        or _odd_body(scope, headers, limits)
    )


def _headers(scope: Scope) -> dict[bytes, list[bytes]]:
    headers: dict[bytes, list[bytes]] = {}
    for name, value in scope["headers"]:
        headers.setdefault(name, []).append(value)
    return headers


def _odd_target(scope: Scope) -> Refusal | None:
    if scope["http_version"] not in ("1.0", "1.1"):
        return Refusal(400, "bad_request", "Only HTTP/1.1 is spoken here.")
    raw_path: bytes = scope["raw_path"]
    refusal = Refusal(400, "bad_target", "The request's target must be a plain path.")
    if not raw_path.startswith(b"/"):  # absolute-form (of proxies), authority-form, asterisk-form
        return refusal
    if _NOT_IN_TARGET.search(raw_path) or _NOT_IN_TARGET.search(scope["query_string"]):
        return refusal
    if _NO_ESCAPE.search(raw_path) or b"%2f" in raw_path.lower():
        return refusal
    try:
        path = unquote_to_bytes(raw_path).decode("utf-8")
    except UnicodeDecodeError:
        return refusal
    if _CONTROL.search(path) or not {".", ".."}.isdisjoint(path.split("/")):
        return refusal
    return None


def _from_elsewhere(headers: dict[bytes, list[bytes]], port: int) -> Refusal | None:
    """Refuse what a web page could have sent.

    A page cannot choose the Host that its browser sends: that is the name under which the page found us, and a name
    of its author's choice may lead to 127.0.0.1 (DNS rebinding). So only names that no one else can own are taken.
    """
    hosts = headers.get(b"host", [])
    if len(hosts) != 1:
        return Refusal(400, "bad_host", "Exactly one Host must be given.")
    if hosts[0].lower() not in _own_names(port):
        return Refusal(
            403, "foreign_host", f"Host must be 127.0.0.1:{port}, localhost:{port} or [::1]:{port}."
        )
    if b"origin" in headers:
        return Refusal(403, "foreign_origin", "Web pages may not ask.")
    if any(site not in _OWN_SITES for site in headers.get(b"sec-fetch-site", [])):
        return Refusal(403, "foreign_origin", "Web pages may not ask.")
    return None


def _own_names(port: int) -> list[bytes]:
    names = [f"{name}:{port}".encode("ascii") for name in _NAMES]
    return names if port != 80 else [*names, *(name.encode("ascii") for name in _NAMES)]


def _without_token(
    scope: Scope, headers: dict[bytes, list[bytes]], holds: Callable[[bytes], bool]
) -> Refusal | None:
    if scope["raw_path"] == OPEN_PATH:
        return None
    presented = headers.get(b"authorization", [])
    if len(presented) == 1:
        scheme, _, token = presented[0].partition(b" ")
        if scheme.lower() == b"bearer" and holds(token):
            return None
    return Refusal(
        401,
        "unauthorized",
        "The token is missing or wrong: Authorization: Bearer TOKEN.",
        extra=[(b"www-authenticate", b"Bearer")],
    )


def _odd_body(scope: Scope, headers: dict[bytes, list[bytes]], limits: Limits) -> Refusal | None:
    if any(upgrade.lower() == b"websocket" for upgrade in headers.get(b"upgrade", [])):
        return Refusal(400, "bad_request", "There are no websockets here.")
    if b"transfer-encoding" in headers:
        return Refusal(411, "length_required", "Transfer-Encoding is not taken; give a Content-Length.")
    if b"content-encoding" in headers:
        return Refusal(415, "content_encoding", "Bodies are not taken compressed.")
    length_bytes = _length_bytes(scope)
    if scope["method"] in ("POST", "PATCH"):
        types = headers.get(b"content-type", [])
        if len(types) != 1 or _JSON.fullmatch(types[0]) is None:  # a form of a web page can't send this one
            return Refusal(415, "content_type", "Content-Type must be application/json.")
        if length_bytes is None:
            return Refusal(411, "length_required", "Content-Length must be given.")
    elif length_bytes and scope["method"] in ("GET", "HEAD", "DELETE"):
        return Refusal(400, "body_not_taken", f"{scope['method']} takes no body.")
    limit_bytes = limits.import_body_bytes if scope["path"] == IMPORT_PATH else limits.body_bytes
    if length_bytes is not None and length_bytes > limit_bytes:
        return Refusal(413, "too_large", "The body is too large.", {"limit_bytes": limit_bytes})
    return None


def _length_bytes(scope: Scope) -> int | None:
    """Return the body's length; `wire` has seen to it that it is given once at most, and in digits."""
    return next((int(value) for name, value in scope["headers"] if name == b"content-length"), None)


class Gate:
    """An ASGI application around another one, which sees only what may come in, with its whole body at hand.

    Args:
        app: answers what is let in. What it raises is answered by 500 and logged.
        token: of the catalog.
        port: on which the server listens; asked with each request.
        limits: of sizes, times and numbers.
    """

    def __init__(
        self, app: ASGIApp, token: TokenFile, port: Callable[[], int], limits: Limits | None = None
    ) -> None:
        self._app = app
        self._token = token
        self._port = port
        self._limits = limits or Limits()
        self._at_work = asyncio.Semaphore(self._limits.requests)
        self._large_bodies = asyncio.Semaphore(self._limits.large_bodies)
        self._streams = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, as ASGI has it."""
        if scope["type"] != "http":
            raise RuntimeError(f"The gate lets in HTTP alone, not {scope['type']}.")
        answer = _Answer(send)
        if scope["path"] == STREAM_PATH:
            answer = _Stream(send, partial(_without_token, scope, _headers(scope), self._token.holds))
        try:
            refusal = objection(scope, self._port(), self._token.holds, self._limits)
            if refusal is not None:
                raise Refused(refusal)
            async with self._held(scope):
                body = await self._body(receive)
                if body is not None:
                    async with self._turn(scope):
                        await self._app(scope, _Whole(body, receive), answer.send)
        except Refused as refused:
            await answer.refuse(refused.refusal)
        except _TokenRenewed:
            await send({"type": "http.response.body", "body": b""})
        except Exception:
            log.exception("A request could not be answered")
            # An answer that has begun ends without its end: the server closes the connection.
            if not answer.has_begun:
                await answer.refuse(Refusal(500, FAULT["code"], FAULT["message"]))

    @contextlib.asynccontextmanager
    async def _held(self, scope: Scope) -> AsyncIterator[None]:
        """Have few large bodies in memory at once, until they are answered."""
        if (_length_bytes(scope) or 0) <= self._limits.body_bytes:
            yield
            return
        try:
            async with asyncio.timeout(self._limits.body_s):
                await self._large_bodies.acquire()
        except TimeoutError:
            raise Refused(Refusal(503, "busy", "Too many large bodies at once; try again.")) from None
        try:
            yield
        finally:
            self._large_bodies.release()

    async def _body(self, receive: Receive) -> bytes | None:
        """Return the whole body, or None if the client has gone meanwhile."""
        parts: list[bytes] = []
        try:
            async with asyncio.timeout(self._limits.body_s):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return None
                    parts.append(message.get("body", b""))
                    if not message.get("more_body", False):
                        return b"".join(parts)
        except TimeoutError:
            raise Refused(Refusal(408, "timeout", "The body did not come in time.")) from None

    @contextlib.asynccontextmanager
    async def _turn(self, scope: Scope) -> AsyncIterator[None]:
        """Wait for a turn; streams, which do not end, have places of their own."""
        if scope["path"] != STREAM_PATH:
            async with self._at_work:
                yield
            return
        if self._streams >= self._limits.streams:
            raise Refused(Refusal(503, "too_many_streams", "Too many event streams are open."))
        self._streams += 1
        try:
            yield
        finally:
            self._streams -= 1


class _Whole:
    """Gives the application the body in one message, and afterwards what comes of the client."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def __call__(self) -> Message:
        if self._body is None:
            return await self._receive()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}


class _Answer:
    """The way out: puts on every answer the headers that it must have, and takes off those that none may have.

    Attributes:
        has_begun: whether a status was sent.
    """

    def __init__(self, send: Send) -> None:
        self._send = send
        self.has_begun = False

    async def send(self, message: Message) -> None:
        """Hand on a message of the application; an error ends the connection."""
        if message["type"] == "http.response.start":
            self.has_begun = True
            headers = [
                header
                for header in message.get("headers", [])
                if not header[0].lower().startswith(_NEVER_SENT)
            ]
            if message["status"] >= 400 and CLOSE not in headers:
                headers.append(CLOSE)
            message = {**message, "headers": [*headers, *SAFE_HEADERS]}
        await self._send(message)

    async def refuse(self, refusal: Refusal) -> None:
        """Answer in the application's place."""
        await self.send(
            {"type": "http.response.start", "status": refusal.status, "headers": refusal.headers()}
        )
        await self._send({"type": "http.response.body", "body": refusal.body()})


class _Stream(_Answer):
    """The way out of an answer without an end: whoever renews the token shuts out those who listen already, too."""

    def __init__(self, send: Send, objection: Callable[[], Refusal | None]) -> None:
        super().__init__(send)
        self._objection = objection

    async def send(self, message: Message) -> None:
        """Hand on a message, unless the token is another one by now."""
        if self.has_begun and self._objection() is not None:
            raise _TokenRenewed
        await super().send(message)
