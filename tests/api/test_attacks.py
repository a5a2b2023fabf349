"""Attacks on the whole door, from a socket: who fills the memory, and who keeps others waiting."""

import asyncio
import contextlib
import gc
import hmac
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from modelmgr.api.body import BodyInvalid, read_object
from modelmgr.api.limits import KIB, Limits
from modelmgr.api.server import QUESTION_THREADS
from modelmgr.api.token import TokenFile
from modelmgr.values import MIB
from tests.api.doors import Door, parse, read_all, until
from tests.api.served import Client, Served

LARGE = b"0123456789abcdef" * MIB


class App:
    """Answers `/large` with 16 MiB and all else with its path; remembers the most that a connection held back."""

    def __init__(self) -> None:
        self.seen = self.answered = 0
        self.most_held_bytes = 0
        self.held: Callable[[], int] = lambda: 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()
        self.seen += 1
        await asyncio.sleep(0)  # whoever asks a worker lets the loop read meanwhile
        await asyncio.sleep(0)
        self.most_held_bytes = max(self.most_held_bytes, self.held())
        body = LARGE if scope["path"] == "/large" else scope["path"].encode()
        headers = [(b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})
        self.answered += 1


def get(door: Door, path: str, *lines: str) -> bytes:
    return door.head(*lines, line=f"GET {path} HTTP/1.1")


def unread_bytes(door: Door) -> int:
    """How much waits on the way out for clients that don't read."""
    return sum(connection.unread_bytes for connection in list(door.protocol.registry._of))


def reluctant(door: Door) -> socket.socket:
    """Return a client that takes next to nothing unless it reads."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * KIB)
    client.settimeout(10)
    client.connect(("127.0.0.1", door.port))
    return client


# --- what any user of this computer can do ----------------------------------------------------------------


def test_who_asks_on_and_on_without_reading_holds_no_turn(open_door: Callable[..., Door]) -> None:
    door = open_door(app := App(), Limits(requests=2))
    with ExitStack() as stack:
        for _ in range(4):
            client = stack.enter_context(reluctant(door))
            client.sendall(get(door, "/large") * 20)
        until(lambda: app.seen == 4 and unread_bytes(door) > 4 * MIB)
        began = time.monotonic()
        assert door.ask(get(door, "/a", "Connection: close")).body == b"/a"
        assert time.monotonic() - began < 1
        assert app.seen == 5, "nobody's second question is begun before the first answer was taken"


def test_all_questions_of_a_client_that_reads_late_are_answered_in_order(
    open_door: Callable[..., Door],
) -> None:
    door = open_door(App())
    with reluctant(door) as client:
        client.sendall(
            get(door, "/large") + get(door, "/b") + get(door, "/large") + get(door, "/c", "Connection: close")
        )
        until(lambda: unread_bytes(door) > MIB)
        said = read_all(client)
    for body in (LARGE, b"/b", LARGE, b"/c"):
        reply = parse(said)
        assert (reply.status, reply.body) == (200, body)
        said = reply.rest
    assert said == b""


def test_questions_without_end_do_not_fill_the_memory(open_door: Callable[..., Door]) -> None:
    door = open_door(app := App())
    app.held = lambda: max(
        len(connection.conn.trailing_data[0]) for connection in door.server.server_state.connections
    )
    question = get(door, "/a", f"X-Filling: {'x' * 8000}")
    with door.connect() as client:
        sender = threading.Thread(
            target=client.sendall, args=(question * 999 + get(door, "/z", "Connection: close"),)
        )
        sender.start()
        assert read_all(client).endswith(b"/z")
        sender.join()
    assert app.seen == 1000
    assert app.most_held_bytes <= 512 * KIB


def test_a_guess_at_the_token_is_compared_in_equal_time_and_as_a_whole(
    open_door: Callable[..., Door], monkeypatch: pytest.MonkeyPatch
) -> None:
    door = open_door(App())
    token, compared = door.token.value(), []
    equal = hmac.compare_digest

    def listens(one: bytes, other: bytes) -> bool:
        compared.append(one)
        return equal(one, other)

    monkeypatch.setattr(hmac, "compare_digest", listens)
    guesses = ["A" * 43, token[:42], token[:42] + "!", f"{token}A", "x"]
    for guess in guesses:
        lines = [f"Authorization: Bearer {guess}"]
        assert door.ask(door.head(*lines, authorized=False)).status == 401
    assert compared == [guess.encode() for guess in guesses]


def test_an_old_token_counts_no_more_although_it_is_known(tmp_path: Path) -> None:
    # Known by its stamp from the first look on, as a file is that was written long ago.
    token = TokenFile.open(tmp_path / "token", settled_s=0)
    with contextlib.closing(Door(App(), token, Limits())) as door:
        old = get(door, "/a", "Connection: close")
        assert [door.ask(old).status for _ in range(3)] == [200] * 3
        other = tmp_path / "other"
        other.write_bytes(b"two-word\n")
        other.chmod(0o600)
        other.replace(token.path)
        assert door.ask(old).status == 401
        assert door.ask(get(door, "/a", "Connection: close")).status == 200


def test_who_listens_with_an_old_token_hears_nothing_more(writing: Served) -> None:
    with contextlib.closing(writing.client.connect()) as connection:
        connection.request("GET", "/api/events", headers=writing.client.headers())
        with connection.getresponse() as stream:
            assert stream.readline() == b"event: hello\n"
            while stream.readline() != b"\n":
                pass
            writing.token.renew()
            client = Client(writing.client.port, writing.token.value())
            client.job("/api/migration/promote", {"all": True})
            assert stream.readline() == b""


_FEW_DESCRIPTORS = """
import resource, sys
from modelmgr.cli import main
resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows counts no descriptors")
def test_a_rush_of_clients_does_not_use_up_the_descriptors(tmp_path: Path) -> None:
    words = ["--catalog", str(tmp_path / "catalog.sqlite"), "serve", "--port", "0", "--json"]
    with subprocess.Popen(
        [sys.executable, "-c", _FEW_DESCRIPTORS, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        try:
            assert process.stdout is not None
            port = int(json.loads(process.stdout.readline())["address"].rpartition(":")[2])
            client = Client(port, (tmp_path / "catalog.sqlite.token").read_text().strip())
            with ExitStack() as stack:
                rush = [stack.enter_context(socket.socket()) for _ in range(400)]
                for one in rush:
                    one.setblocking(False)
                for one in rush:
                    one.connect_ex(("127.0.0.1", port))
                assert client.get("/api/models").status == 200
        finally:
            process.terminate()
            _, said = process.communicate(timeout=20)
    assert said == b""


# --- what a client with the token can do ------------------------------------------------------------------


def test_of_answers_that_nobody_takes_only_so_much_is_held(open_door: Callable[..., Door]) -> None:
    door = open_door(app := App(), Limits(unread_bytes=40 * MIB))
    with ExitStack() as stack:
        slow = []
        for number in range(1, 6):
            slow.append(stack.enter_context(reluctant(door)))
            slow[-1].sendall(get(door, "/large", "Connection: close"))
            until(lambda number=number: app.answered == number)
            assert min(number, 2) * 8 * MIB < unread_bytes(door) <= 40 * MIB
        assert door.ask(get(door, "/large", "Connection: close")).body == LARGE
        assert parse(read_all(slow[-1])).body == LARGE
        with suppress(ConnectionResetError):  # who let us wait the longest was cut
            assert len(read_all(slow[0])) < len(LARGE)
    door = open_door(App(), Limits(unread_bytes=MIB))
    assert door.ask(get(door, "/large", "Connection: close")).body == LARGE


@pytest.mark.parametrize(
    "make",
    [
        lambda: b'{"%s": 1}' % (b"k" * 4_000_000),
        lambda: b'{"k": {"%s": 1}}' % (b"k" * 4_000_000),
        lambda: b'{"%s": 1, "%s": 2}' % ((b"k" * 2_000_000,) * 2),
        lambda: (
            b'{"models": [{"meta_json": 1, %s}]}' % b", ".join(b'"%d": 1' % key for key in range(300_000))
        ),
        lambda: b'{"k": {%s}}' % b", ".join(b'"%d": 1' % key for key in range(300_000)),
    ],
    ids=["long key", "deeper", "twice", "many keys", "many deeper"],
)
def test_keys_by_the_megabyte_are_refused_in_few_words(empty: Served, make: Callable[[], bytes]) -> None:
    answer = empty.client.post("/api/migration/import_models", make())
    assert (answer.status, answer.code) == (422, "unknown_key")
    assert len(answer.body) < KIB


def test_a_payload_of_a_million_lists_lets_others_go_on_soon() -> None:
    body = b'{"models": [{"meta_json": [%s]}]}' % b",".join([b"[]"] * 1_000_000)
    collections = []
    gc.callbacks.append(lambda phase, info: collections.append(phase))
    try:
        read_object(body)
        assert len(collections) < 100, "the decoder makes no cycles, so none are searched"
    finally:
        gc.callbacks.pop()
    assert gc.isenabled()
    with pytest.raises(BodyInvalid):
        read_object(body[:-3])
    assert gc.isenabled()


def test_workers_do_not_run_ahead_of_the_loop_with_their_answers(empty: Served) -> None:
    done = threading.Semaphore(0)
    answers = []

    def question() -> None:
        answers.append(b"")
        done.release()

    async def probe() -> int:
        asked = [asyncio.ensure_future(empty.server._ask(question)) for _ in range(20)]
        await asyncio.sleep(0)
        for _ in range(QUESTION_THREADS):
            assert done.acquire(timeout=10)
        # The loop stands still here, as it does while it copies a large answer.
        assert not done.acquire(timeout=0.1)
        ahead = len(answers)
        await asyncio.gather(*asked)
        return ahead

    loop = empty.server._loop
    assert loop is not None
    assert asyncio.run_coroutine_threadsafe(probe(), loop).result(20) == QUESTION_THREADS
    assert len(answers) == 20
