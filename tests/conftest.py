"""What holds for every test: a home of its own, silence in the log, no thread left behind."""

import gc
import logging
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# The same examples each time, however busy the machine; with MODELMGR_EXPLORE set, new ones each time.
settings.register_profile(
    "modelmgr",
    deadline=None,
    derandomize=not os.environ.get("MODELMGR_EXPLORE"),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("modelmgr")

_HOME = tempfile.mkdtemp(prefix="modelmgr-tests-")
_HOME_VARIABLES = {
    "HOME": "",
    "USERPROFILE": "",
    "APPDATA": "roaming",
    "LOCALAPPDATA": "local",
    "XDG_CONFIG_HOME": "config",
    "XDG_DATA_HOME": "data",
    "XDG_CACHE_HOME": "cache",
    "XDG_STATE_HOME": "state",
    "XDG_RUNTIME_DIR": "runtime",
}
_LEFTOVER_GRACE_S = 5.0
_MINUTES = {
    "test_screens.py": 3.0,
    "test_watchdog.py": 2.0,
}
"""How long the longest files take, roughly."""


def pytest_configure(config: pytest.Config) -> None:
    """Point every place of the user into a temporary folder, before anything of the program is imported."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    os.environ.pop("MODELMGR_CATALOG", None)
    for name, folder in _HOME_VARIABLES.items():
        path = os.path.join(_HOME, folder) if folder else _HOME
        os.makedirs(path, mode=0o700, exist_ok=True)
        os.environ[name] = path
    config.addinivalue_line("markers", "logs(text): the test causes a warning that contains the text")


def pytest_collection_finish() -> None:
    """Set aside the ten thousand tests themselves: a collection of garbage would look at each of them, for 0.3 s."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Hand out whole files, the longest first, so that none of them begins when all others are done."""
    from xdist.scheduler import LoadFileScheduling

    class LongestFirst(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = super()._split_scope(nodeid)
            # The walks through all screens: each look is as long as a file.
            return nodeid.split("-show_", 1)[0] if "-show_" in nodeid else file

    config.option.loadscopereorder = False
    return LongestFirst(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the longest files first where several processes share them; see above."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: -_MINUTES.get(item.path.name, 0.0))


def pytest_unconfigure() -> None:
    """Take the temporary home away."""
    shutil.rmtree(_HOME, ignore_errors=True)


class _Warnings(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(f"{record.name}: {record.getMessage()}")


@pytest.fixture(autouse=True)
def _announced_warnings(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that makes the program log a warning which no ``logs`` mark announces, and the other way."""
    expected = [str(mark.args[0]) for mark in request.node.iter_markers("logs")]
    handler = _Warnings()
    root = logging.getLogger("modelmgr")
    root.addHandler(handler)
    yield
    root.removeHandler(handler)
    unannounced = [message for message in handler.messages if not any(text in message for text in expected)]
    missed = [text for text in expected if not any(text in message for message in handler.messages)]
    assert not unannounced, f"logged, but not announced by a mark: {unannounced}"
    assert not missed, f"announced by a mark, but not logged: {missed}"


@pytest.fixture(autouse=True)
def _no_thread_left() -> Iterator[None]:
    """Fail a test that leaves a thread running."""
    before = set(threading.enumerate())
    yield
    until = time.monotonic() + _LEFTOVER_GRACE_S
    left = [
        thread
        for thread in threading.enumerate()
        # A dummy stands for a thread that Qt made; Python does not know when it ends.
        if thread not in before and not isinstance(thread, threading._DummyThread)
    ]
    for thread in left:
        thread.join(max(0.0, until - time.monotonic()))
    running = [thread.name for thread in left if thread.is_alive()]
    assert not running, f"threads left running: {running}"
