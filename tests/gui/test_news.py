"""What other processes write reaches the window; what opening it writes is no news to it."""

import subprocess
import sys
from pathlib import Path

from pytestqt.qtbot import QtBot

from modelmgr.catalog import Catalog
from modelmgr.errors import CatalogError
from modelmgr.gui.news import News
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
