"""HTTP without what h11 is lenient about, and how a request that breaks it is refused."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import h11

from modelmgr.api.limits import Limits

SAFE_HEADERS: Sequence[tuple[bytes, bytes]] = (
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
)
CLOSE = (b"connection", b"close")


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that ends the connection: status, and the three parts of an error.

    Attributes:
        status: of HTTP.
        code: a short word that programs can test.
        message: one sentence.
        details: the facts.
        extra: headers of this answer alone.
    """

    status: int
    code: str
    message: str
    details: Mapping[str, Any] = field(default_factory=dict)
    extra: Sequence[tuple[bytes, bytes]] = ()

    def body(self) -> bytes:
        """Return the JSON document."""
        error = {"code": self.code, "message": self.message, "details": dict(self.details)}
        return json.dumps({"error": error}).encode("ascii")

    def headers(self) -> list[tuple[bytes, bytes]]:
        """Return the headers that belong to it, but for those that every answer has."""
        return [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(self.body())),
            CLOSE,
            *self.extra,
        ]


_HEAD_END = re.compile(rb"\n\r?\n")
# Control characters, line ends other than CR LF, and lines that continue the one above (RFC 9112, 2.2 and 5.2).
_ODD = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)|(?<!\r)\n|\n[ \t]")
_LENGTH = re.compile(rb"^content-length[ \t]*:[ \t]*(.*?)[ \t\r]*$", re.IGNORECASE | re.MULTILINE)
_CODING = re.compile(rb"^transfer-encoding[ \t]*:", re.IGNORECASE | re.MULTILINE)
_DIGITS = re.compile(rb"[0-9]{1,20}")


class StrictConnection(h11.Connection):
    """h11, without what it is lenient about.

    A body has a length, said once, in digits: then no two readers can differ on where the next request begins.

    Attributes:
        refusal: what is to be said after `next_event` has raised.
    """

    def __init__(self, limits: Limits, heard: Callable[[object], None]) -> None:
        super().__init__(h11.SERVER, limits.header_bytes)
        self._limit_bytes = limits.header_bytes
        self._heard = heard
        self.refusal = Refusal(400, "bad_request", "This is no proper HTTP/1.1 request.")

    def next_event(self) -> Any:
        """Return what `h11.Connection.next_event` does, or raise what it does."""
        if self.their_state is h11.IDLE and (refusal := self._objection()) is not None:
            self.refusal = refusal
            raise h11.RemoteProtocolError(refusal.message, error_status_hint=refusal.status)
        event = super().next_event()
        self._heard(event)
        return event

    @property
    def holds_bytes(self) -> bool:
        """Whether something was received that is not yet a whole request."""
        return bool(self.trailing_data[0])

    def _objection(self) -> Refusal | None:
        data, _ = self.trailing_data
        end = _HEAD_END.search(data)
        head = data[: end.end()] if end is not None else data
        if len(head) > self._limit_bytes:
            return Refusal(
                431,
                "headers_too_large",
                "Request line and headers are too large.",
                {"limit_bytes": self._limit_bytes},
            )
        if end is None:
            return None
        if _ODD.search(head) is not None:
            return self.refusal
        lengths = _LENGTH.findall(head)
        if len(lengths) > 1 or (lengths and _DIGITS.fullmatch(lengths[0]) is None):
            return Refusal(400, "bad_length", "Content-Length must be given once, in digits.")
        if _CODING.search(head) is not None:
            if lengths:
                return Refusal(400, "bad_length", "Content-Length and Transfer-Encoding exclude each other.")
            return Refusal(411, "length_required", "Transfer-Encoding is not taken; give a Content-Length.")
        return None
