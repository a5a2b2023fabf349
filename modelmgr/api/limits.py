"""How much, and how long, a client may ask of the server; how many connections the system bears."""

import logging
from dataclasses import dataclass

from modelmgr.values import MIB

KIB = 1024
# Descriptors that are left for files, databases and the window while all connections are in use.
RESERVED_DESCRIPTORS = 128
WANTED_DESCRIPTORS = 4096
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much, and how long, a client may ask of the server.

    Attributes:
        header_s: from connecting, or from the first byte of a further request, to the end of its headers.
        body_s: for the whole body.
        idle_s: between two requests on one connection.
        reader_s: how long a client may take nothing of what waits for it.
        unread_bytes: of answers that wait for their readers, of all clients.
        linger_s: how long a connection that ends still waits for what the client sends, since its last byte.
        linger_total_s: the same, since its end.
        linger_bytes: how much of it is thrown away before the connection is cut.
        closing_s: until the connections are cut that stay when the server closes.
        connections: open ones, of all clients.
        header_bytes: the request line and all headers.
        body_bytes: of one request.
        import_body_bytes: of a request that brings models along.
        large_bodies: how many bodies above `body_bytes` are held at once.
        requests: at work; more wait for their turn.
        streams: of events.
    """

    header_s: float = 5.0
    body_s: float = 30.0
    idle_s: float = 30.0
    reader_s: float = 60.0
    unread_bytes: int = 256 * MIB
    linger_s: float = 0.25
    linger_total_s: float = 5.0
    linger_bytes: int = 64 * MIB
    closing_s: float = 1.5
    connections: int = 1024
    header_bytes: int = 32 * KIB
    body_bytes: int = 64 * KIB
    import_body_bytes: int = 8 * MIB
    large_bodies: int = 8
    requests: int = 64
    streams: int = 16


def raise_descriptor_limit() -> None:
    """Have the system let this process open as many files and sockets as it may, if that was few."""
    try:
        import resource
    except ImportError:  # Windows counts no descriptors
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(WANTED_DESCRIPTORS, hard)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError) as error:
        log.info("The limit of open files stays at %s: %s", soft, error)


def spare_descriptors() -> int | None:
    """Return how many connections fit beside all else that the process has open; None: any number."""
    try:
        import resource
    except ImportError:
        return None
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return None
    return max(soft - RESERVED_DESCRIPTORS, soft // 2)
