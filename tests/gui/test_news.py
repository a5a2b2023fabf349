"""What other processes write reaches the window; what opening it writes is no news to it."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from modelmgr.catalog import Catalog
from modelmgr.errors import CatalogError
from modelmgr.gui import news as news_room
from modelmgr.gui.news import NEWS_INTERVAL_S, News
from modelmgr.gui.tasks import Tasks
from modelmgr.values import Changes

_ANOTHER = """
import sys
from modelmgr.catalog import Catalog
from modelmgr.errors import CatalogError
with Catalog.open(sys.argv[1]) as catalog:
    catalog.add_folder(sys.argv[2], None)
"""


def test_the_windows_own_session_is_no_news_but_what_another_process_writes_is(
    qtbot: QtBot, tmp_path: Path
) -> None:
    told: list[Changes] = []
    with Catalog.open(tmp_path / "c.sqlite") as catalog:
        tasks = Tasks()
        news = News(catalog, tasks)
        news.changed.connect(told.append)
        news.watch_others()
        tasks.change(catalog.session)
        news._ask_version()
        # Changes are made one after another: once this one is done, those before it are.
        seen: list[int] = []
        tasks.change(catalog.session, seen.append)
        qtbot.waitUntil(lambda: bool(seen))
        assert told == []
        subprocess.run(
            [sys.executable, "-c", _ANOTHER, str(tmp_path / "c.sqlite"), str(tmp_path)], check=True
        )
        qtbot.waitUntil(lambda: bool(told))
        assert told[0].folders
        news.stop()
        tasks.shutdown()


def test_what_is_written_before_the_looking_begins_is_news(qtbot: QtBot, tmp_path: Path) -> None:
    told: list[Changes] = []
    with Catalog.open(tmp_path / "c.sqlite") as catalog:
        tasks = Tasks()
        news = News(catalog, tasks)
        with Catalog.open(tmp_path / "c.sqlite") as other:
            other.add_folder(str(tmp_path), None)
        news.changed.connect(told.append)
        news.watch_others()
        qtbot.waitUntil(lambda: bool(told))
        assert told[0].folders
        news.stop()
        tasks.shutdown()


def test_a_steady_writer_elsewhere_is_told_each_time(qtbot: QtBot, tmp_path: Path) -> None:
    told: list[Changes] = []
    with Catalog.open(tmp_path / "c.sqlite") as catalog, Catalog.open(tmp_path / "c.sqlite") as other:
        tasks = Tasks()
        news = News(catalog, tasks)
        news.changed.connect(told.append)
        news.watch_others()
        for number in range(3):
            seen: list[int] = []
            tasks.change(catalog.session, seen.append)
            qtbot.waitUntil(lambda seen=seen: bool(seen))
            (tmp_path / str(number)).mkdir()
            other.add_folder(str(tmp_path / str(number)), None)
            told.clear()
            news._ask_version()
            qtbot.waitUntil(lambda: bool(told))
            assert told[0].ids is None  # anything may have changed, not just what is cheap to look at
        news.stop()
        tasks.shutdown()


def test_where_nobody_knows_what_was_written_before_all_may_be_new(qtbot: QtBot, tmp_path: Path) -> None:
    def was_changed() -> bool:
        raise CatalogError("The disk is gone for a moment.")

    told: list[Changes] = []
    with Catalog.open(tmp_path / "c.sqlite") as catalog:
        tasks = Tasks()
        news = News(catalog, tasks, was_changed=was_changed)
        news.changed.connect(told.append)
        news.watch_others()
        qtbot.waitUntil(lambda: bool(told))
        assert told[0].models
        assert told[0].ids is None
        news.stop()
        tasks.shutdown()


class _Slow(QObject):
    """Reads something for each news, and has not read it before it may."""

    def __init__(self, tasks: Tasks) -> None:
        super().__init__()
        self.may = threading.Event()
        self.told = 0
        self._tasks = tasks

    def take(self, _changes: Changes) -> None:
        self.told += 1
        self._tasks.ask(self.may.wait, self.answer)

    def answer(self, _answer: bool) -> None:
        pass


def _write_from_elsewhere(catalog: Catalog) -> None:
    """Write what is no deed of the user's."""
    thread = threading.Thread(target=_write, args=(catalog,))
    thread.start()
    thread.join()


def _write(catalog: Catalog, _progress: object = None) -> None:
    with catalog.transaction(Changes(models=True)):
        pass


@pytest.fixture
def slow(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Catalog, Tasks, News, _Slow]]:
    """Give a reader to whom something was told that he has not read yet, while more was written."""
    monkeypatch.setattr(news_room, "LONGEST_S", 100_000.0)
    with Catalog.open(tmp_path / "c.sqlite") as catalog:
        tasks = Tasks()
        news, reader = News(catalog, tasks), _Slow(tasks)
        news.changed.connect(reader.take)
        _write_from_elsewhere(catalog)
        qtbot.waitUntil(lambda: reader.told == 1)
        _write_from_elsewhere(catalog)
        qtbot.waitUntil(lambda: news._later.isActive())
        yield catalog, tasks, news, reader
        reader.may.set()
        news.stop()
        tasks.shutdown()


def test_what_goes_on_is_told_more_rarely_where_it_takes_long_to_read(
    slow: tuple[Catalog, Tasks, News, _Slow], qtbot: QtBot
) -> None:
    _catalog, _tasks, news, reader = slow
    assert news._later.remainingTime() > 10 * NEWS_INTERVAL_S * 1000
    assert reader.told == 1
    reader.may.set()
    # As soon as it was read in a moment: one news a second again.
    qtbot.waitUntil(lambda: reader.told == 2)


def test_what_the_user_changes_and_the_end_of_his_deeds_are_told_at_once(
    slow: tuple[Catalog, Tasks, News, _Slow], qtbot: QtBot
) -> None:
    catalog, tasks, news, reader = slow
    tasks.change(partial(_write, catalog))
    qtbot.waitUntil(lambda: reader.told == 2)
    _write_from_elsewhere(catalog)
    qtbot.waitUntil(lambda: news._later.isActive())
    tasks.run("Scanning", partial(_write, catalog))
    qtbot.waitUntil(lambda: reader.told == 3)
