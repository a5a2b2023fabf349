"""The log file: what nobody caught is in it, a stranger's text can't forge a line, and it stays small."""

import logging
import sys
import threading
from pathlib import Path

import pytest
from PySide6.QtCore import qWarning

from modelmgr.gui import logs


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch) -> None:
    """Give the logs a folder of the test."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.mark.logs("nobody expected")
@pytest.mark.logs("from Qt")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_what_nobody_caught_is_in_it(qapp, tmp_path):
    hooks = (sys.excepthook, threading.excepthook)
    with logs.kept(tmp_path / "c.sqlite"):
        try:
            raise ValueError("in the window")
        except ValueError as error:
            sys.excepthook(type(error), error, error.__traceback__)
        thread = threading.Thread(target=lambda: 1 / 0, name="reader")
        thread.start()
        thread.join()
        qWarning("from Qt")
    assert (sys.excepthook, threading.excepthook) == hooks
    path = logs.path_for(tmp_path / "c.sqlite")
    assert path.stat().st_mode & 0o777 == 0o600
    text = path.read_text()
    assert "ValueError: in the window" in text
    assert "in thread reader" in text
    assert "ZeroDivisionError" in text
    assert "from Qt" in text


@pytest.mark.logs("a name")
def test_a_name_can_neither_forge_a_line_nor_steer_a_terminal(tmp_path):
    path = tmp_path / "c.sqlite"
    with logs.kept(path):
        logging.getLogger("modelmgr.x").warning("a name: %s", "x\n2026-01-01 ERROR forged\x1b[31m\u202e\x07")
    lines = logs.tail(path, 5)
    assert len(lines) == 2
    assert lines[1].startswith("    2026-01-01 ERROR forged\\x1b[31m\\u202e\\x07")


@pytest.mark.logs("word")
def test_it_stays_small(tmp_path, monkeypatch):
    monkeypatch.setattr(logs, "LOG_BYTES", 10_000)
    path = tmp_path / "c.sqlite"
    with logs.kept(path):
        for _ in range(40):
            logging.getLogger("modelmgr.x").warning("%s", "word " * 10_000)
    files = list(logs.folder().iterdir())
    assert len(files) == logs.OLD_LOGS + 1
    assert all(file.stat().st_size < 20_000 for file in files)


def test_of_catalogs_that_are_gone_few_logs_stay(tmp_path):
    for number in range(logs.MOST_LOGS + 5):
        with logs.kept(tmp_path / f"{number}.sqlite"):
            pass
    assert len(list(logs.folder().glob("*.log"))) == logs.MOST_LOGS


@pytest.mark.logs("no log file")
def test_without_a_place_for_it_the_window_works_as_well(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    with logs.kept(tmp_path / "c.sqlite"):
        assert logs.tail(tmp_path / "c.sqlite", 3) == []
    assert not Path(tmp_path / "file" / "modelmgr").exists()
