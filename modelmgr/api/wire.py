"""The wire: connections as bytes and time. Who talks slowly, oddly or not at all is cut here, before any route.

What is asked, and who may ask it, is the gate's affair. No names or bytes of a request are ever given back.
"""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable
from enum import IntEnum
from http import HTTPStatus
from typing import Any, ClassVar, cast

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from modelmgr.api.limits import Limits, spare_descriptors
from modelmgr.api.strict import SAFE_HEADERS, Refusal, StrictConnection

# What uvicorn itself would say of bad requests: anyone on this computer could fill the terminal with it.
_silent = logging.getLogger(f"{__name__}.uvicorn")
_silent.setLevel(logging.CRITICAL + 1)


class Standing(IntEnum):
    """What a connection is at; those that may be closed for a new one come first, in this order."""

    NEW = 0  # no whole request yet
    RESTING = 1  # between two requests
    LEAVING = 2  # answered for the last time
    BUSY = 3


class Connections:
    """All connections of one server, in its event loop; makes room for a new one, and for a new answer.

    Args:
        most: how many there may be.
        unread_bytes: how much of their answers may wait for slow readers.
    """

    def __init__(self, most: int, unread_bytes: int) -> None:
        self.most = most
        self._unread_bytes = unread_bytes
        self._slow: dict[GuardedProtocol, None] = {}
        self._of: dict[GuardedProtocol, Standing] = {}
        # Dictionaries keep the order in which their members came.
        self._members: dict[Standing, dict[GuardedProtocol, None]] = {standing: {} for standing in Standing}

    def enter(self, connection: "GuardedProtocol") -> bool:
        """Take a new one in, for which the oldest that asks nothing has to go; False if all are at work."""
        if len(self._of) >= self.most:
            idle = [self._members[standing] for standing in Standing if standing != Standing.BUSY]
            oldest = next((next(iter(members)) for members in idle if members), None)
            if oldest is None:
                return False
            self.leave(oldest)
            oldest.cut()
        self.move(connection, Standing.NEW)
        return True

    def move(self, connection: "GuardedProtocol", standing: Standing) -> None:
        """Note what a connection is at from now on."""
        self.leave(connection)
        self._of[connection] = standing
        self._members[standing][connection] = None

    def leave(self, connection: "GuardedProtocol") -> None:
        """Forget a connection."""
        standing = self._of.pop(connection, None)
        if standing is not None:
            del self._members[standing][connection]

    def wait_for(self, connection: "GuardedProtocol") -> None:
        """Note that an answer waits for its reader; too much of that, and who has let us wait the longest is cut.

        The last one always stays: an answer larger than all of the room is still an answer.
        """
        self._slow[connection] = None
        held_bytes = sum(slow.unread_bytes for slow in self._slow)
        for slow in list(self._slow)[:-1]:
            if held_bytes <= self._unread_bytes:
                break
            held_bytes -= slow.unread_bytes
            self.end_wait(slow)
            slow.cut()

    def end_wait(self, connection: "GuardedProtocol") -> None:
        """Note that it does not wait any longer."""
        self._slow.pop(connection, None)


class _Transport(asyncio.Transport):
    """A connection's transport as uvicorn sees it: to close it is left to `GuardedProtocol`."""

    def __init__(
        self, raw: asyncio.Transport, close: Callable[[], None], is_closing: Callable[[], bool]
    ) -> None:
        super().__init__()
        self._raw = raw
        self._close = close
        self._is_closing = is_closing

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._raw.get_extra_info(name, default)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._raw.write(data)

    def pause_reading(self) -> None:
        self._raw.pause_reading()

    def resume_reading(self) -> None:
        self._raw.resume_reading()

    def is_closing(self) -> bool:
        return self._is_closing()

    def close(self) -> None:
        self._close()


class _Flow(FlowControl):
    """Uvicorn's flow control, which does not read on while a further request waits already.

    Uvicorn does each time that a request's body is asked for, also when that has come whole: who sends requests
    without end would fill the memory.
    """

    def __init__(self, transport: asyncio.Transport, conn: StrictConnection) -> None:
        super().__init__(transport)
        self._conn = conn

    def resume_reading(self) -> None:
        if not (self._conn.their_state is h11.DONE and self._conn.holds_bytes):
            super().resume_reading()


class GuardedProtocol(H11Protocol):
    """Uvicorn's HTTP over h11, with limits of time and number. `guarded` makes one for a server.

    A connection ends in two steps: the sending side at once; the receiving side when the client has closed too, or
    has sent nothing for a while. Closed in one step, bytes that the client still sends would have its system throw
    the answer away before the client has read it (RFC 9112, 9.6).
    """

    limits: ClassVar[Limits]
    registry: ClassVar[Connections]

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.logger = _silent
        self.timeout_keep_alive = self.limits.idle_s  # type: ignore[assignment]  # call_later takes it
        self.conn: StrictConnection = StrictConnection(self.limits, self._on_event)
        self._raw: asyncio.Transport
        self._clocks: dict[str, asyncio.TimerHandle] = {}
        self._is_leaving = False
        self._is_ending = False
        self._has_sent_all = False
        self._is_taken = True
        self._left_at = self._moved_at = 0.0
        self._unread_bytes = 0
        self._drained_bytes = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take it in, or turn it away because all others are at work."""
        self._raw = cast(asyncio.Transport, transport)
        # asyncio leaves this out where the listening socket was made without its protocol's number; then each answer
        # on a connection that stays open waits 40 ms for the client's acknowledgement of its headers.
        with contextlib.suppress(OSError):
            self._raw.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        guarded_transport = _Transport(self._raw, self._leave, self._is_closing)
        super().connection_made(guarded_transport)
        self.flow: _Flow = _Flow(guarded_transport, self.conn)
        if self.registry.enter(self):
            self._set_clock("header", self.limits.header_s, self._on_header_late)
        else:
            self._is_ending = True
            self._refuse(Refusal(503, "too_many_connections", "All connections are in use."))

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._stop_clocks()
        self.registry.leave(self)
        self.registry.end_wait(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Hand it to h11, unless nothing more is answered here."""
        if self._is_leaving:
            self._drained_bytes += len(data)
            self._moved_at = self.loop.time()
            if self._drained_bytes > self.limits.linger_bytes:
                self._raw.abort()
            return
        if self.conn.their_state is h11.IDLE and "header" not in self._clocks:
            self._set_clock("header", self.limits.header_s, self._on_header_late)
        super().data_received(data)

    def eof_received(self) -> bool:  # type: ignore[override]  # asyncio takes a bool
        """Still answer a client that has asked and shut its sending side; True keeps the connection open for that.

        An answer that has begun may be a stream without an end; then it is taken for what it mostly is, a client
        that has gone.
        """
        if self._has_sent_all:
            return True
        self._has_sent_all = True
        if self._is_leaving:
            self._linger()
            return True
        cycle = self.cycle
        if cycle is None or cycle.response_started or not self._is_asked():
            return False
        self._set_clock("half closed", self.limits.header_s, self._on_half_closed)
        return True

    def pause_writing(self) -> None:
        """Begin to watch a client that does not read what it asked for."""
        super().pause_writing()
        self._watch_reader()
        self.registry.wait_for(self)

    def resume_writing(self) -> None:
        """End that."""
        self._stop_clock("reader")
        self.registry.end_wait(self)
        super().resume_writing()
        if not self._is_taken:
            self._is_taken = True
            self._go_on()

    def on_response_complete(self) -> None:
        """Wait for the next request, or begin with it if it is there.

        Not before the client has taken this answer: the next one would wait for it with all that it holds, a turn at
        work above all.
        """
        if not self._is_closing():
            self.registry.move(self, Standing.RESTING)
            if self.flow.write_paused:
                self._is_taken = False
                return
        self._go_on()

    def _go_on(self) -> None:
        super().on_response_complete()
        if self._is_closing():
            return
        self.flow.resume_reading()
        if self.cycle.response_complete and self._has_sent_all:
            self._leave()
        elif self.conn.their_state is h11.IDLE and self.conn.holds_bytes:
            self._set_clock("header", self.limits.header_s, self._on_header_late)

    def send_400_response(self, msg: str) -> None:
        """Answer what h11 or we could not read."""
        self._refuse(self.conn.refusal)

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection on which nothing more was asked."""
        self._raw.close()

    def shutdown(self) -> None:
        """Close as soon as the request at work is answered, in any case soon."""
        self._is_ending = True
        self._set_clock("closing", self.limits.closing_s, self._raw.abort)
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.keep_alive = False
        else:
            self._raw.close()

    @property
    def unread_bytes(self) -> int:
        """How much was written that the client has not taken."""
        return self._raw.get_write_buffer_size()

    def cut(self) -> None:
        """End the connection at once."""
        self._raw.abort()

    def _should_upgrade(self) -> bool:
        return False

    def _is_asked(self) -> bool:
        """Whether a whole request waits for its answer."""
        return not self.cycle.response_complete and self.conn.their_state is not h11.SEND_BODY

    def _is_closing(self) -> bool:
        return self._is_leaving or self._raw.is_closing()

    def _on_event(self, event: object) -> None:
        if isinstance(event, h11.Request):
            self._stop_clock("header")
        elif isinstance(event, h11.EndOfMessage):
            self.registry.move(self, Standing.BUSY)

    def _on_half_closed(self) -> None:
        if self.cycle.response_started and not self._raw.get_write_buffer_size():
            self.cut()
        else:
            self._set_clock("half closed", self.limits.header_s, self._on_half_closed)

    def _on_header_late(self) -> None:
        self._stop_clock("header")
        if self.conn.holds_bytes:
            self._refuse(Refusal(408, "timeout", "The request's headers did not come in time."))
        else:
            self._raw.close()

    def _refuse(self, refusal: Refusal) -> None:
        """Answer what never became a request: h11 has no say in it."""
        headers = [*self.server_state.default_headers, *refusal.headers(), *SAFE_HEADERS]
        lines = [
            b"HTTP/1.1 %d %s" % (refusal.status, HTTPStatus(refusal.status).phrase.encode("ascii")),
            *(b"%s: %s" % header for header in headers),
            b"",
            refusal.body(),
        ]
        self._raw.write(b"\r\n".join(lines))
        self._leave()

    def _watch_reader(self) -> None:
        self._unread_bytes = self._raw.get_write_buffer_size()
        self._set_clock("reader", self.limits.reader_s, self._on_reader_due)

    def _on_reader_due(self) -> None:
        if self._raw.get_write_buffer_size() < self._unread_bytes:
            self._watch_reader()
        else:
            self._raw.abort()

    def _leave(self) -> None:
        """Close the sending side behind what was written, and wait a little for the client to do the same."""
        if self._is_closing():
            return
        self._is_leaving = True
        self._stop_clocks()
        self._unset_keepalive_if_required()
        if not self._is_ending:
            self.registry.move(self, Standing.LEAVING)
        try:
            self._raw.write_eof()
        except OSError:  # macOS says here that the client has gone
            self._raw.abort()
            return
        if not self._has_sent_all:
            self._raw.resume_reading()
        self._left_at = self._moved_at = self.loop.time()
        self._unread_bytes = self._raw.get_write_buffer_size()
        self._linger()

    def _linger(self) -> None:
        """Close once all is sent and the client is silent; cut it when it takes nothing."""
        now = self.loop.time()
        unread_bytes = self._raw.get_write_buffer_size()
        if unread_bytes != self._unread_bytes:
            self._unread_bytes, self._moved_at = unread_bytes, now
        silent_s = now - self._moved_at
        if unread_bytes:
            if silent_s >= self.limits.reader_s:
                self._raw.abort()
                return
        elif (
            self._has_sent_all
            or self._is_ending
            or silent_s >= self.limits.linger_s
            or now - self._left_at >= self.limits.linger_total_s
        ):
            self._raw.close()
            return
        self._set_clock("linger", self.limits.linger_s, self._linger)

    def _set_clock(self, name: str, seconds: float, due: Callable[[], None]) -> None:
        self._stop_clock(name)
        self._clocks[name] = self.loop.call_later(seconds, due)

    def _stop_clock(self, name: str) -> None:
        clock = self._clocks.pop(name, None)
        if clock is not None:
            clock.cancel()

    def _stop_clocks(self) -> None:
        for name in list(self._clocks):
            self._stop_clock(name)


def guarded(limits: Limits) -> type[GuardedProtocol]:
    """Return the protocol for one server, to be handed to ``uvicorn.Config(http=...)``.

    There are fewer connections than `limits` says where the system leaves too few descriptors for them.
    """

    class Guarded(GuardedProtocol):
        pass

    Guarded.limits = limits
    most = min(limits.connections, spare_descriptors() or limits.connections)
    Guarded.registry = Connections(most, limits.unread_bytes)
    return Guarded
