import threading
import time

import pytest

from modelmgr.api.server import ApiServer, _Workers
from modelmgr.api.token import TokenFile
from modelmgr.catalog import Catalog
from modelmgr.errors import ModelmgrError
from modelmgr.library import Library


@pytest.fixture
def library(tmp_path):
    with Catalog.open(tmp_path / "catalog.sqlite") as catalog:
        yield Library(catalog)


@pytest.fixture
def token(tmp_path):
    return TokenFile.open(tmp_path / "token")


def test_workers_do_all_that_was_put_before_they_end():
    workers = _Workers("test", 3)
    workers.start()
    done = []
    for number in range(200):
        workers.put(lambda number=number: done.append(number))
    workers.stop(10)
    assert sorted(done) == list(range(200))


@pytest.mark.logs("did not stop")
def test_workers_that_are_stuck_are_left_behind():
    begun, let_go = threading.Event(), threading.Event()

    def stuck():
        begun.set()
        let_go.wait(30)

    workers = _Workers("test", 2)
    workers.start()
    workers.put(stuck)
    assert begun.wait(10)
    start = time.monotonic()
    workers.stop(0.1)
    assert time.monotonic() - start < 5
    let_go.set()


def test_a_server_that_never_opened_can_be_closed(library, token):
    ApiServer(library, token, port=0).close()


def test_a_port_that_is_taken_is_said_in_words(library, token):
    first = ApiServer(library, token, port=0)
    address = first.open()
    try:
        second = ApiServer(library, token, port=int(address.rpartition(":")[2]))
        with pytest.raises(ModelmgrError) as caught:
            second.open()
        assert caught.value.code == "port_in_use"
        second.close()
    finally:
        first.close()


def test_a_port_is_free_again_at_once(library, token):
    first = ApiServer(library, token, port=0)
    port = int(first.open().rpartition(":")[2])
    first.close()
    again = ApiServer(library, token, port=port)
    assert again.open() == f"http://127.0.0.1:{port}"
    again.close()
