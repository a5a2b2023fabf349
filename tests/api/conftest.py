"""What tests of the HTTP door share."""

import contextlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from modelmgr.api.limits import Limits
from modelmgr.api.token import TokenFile
from tests.api.doors import Door
from tests.api.served import Served, served
from tests.api.stock import Stock, write_stock


@pytest.fixture
def token(tmp_path: Path) -> TokenFile:
    return TokenFile.open(tmp_path / "catalog.sqlite.token")


@pytest.fixture
def open_door(token: TokenFile) -> Iterator[Callable[..., Door]]:
    """Return what opens a door: an application and limits, if not the usual ones."""
    with contextlib.ExitStack() as stack:

        def opened(app: Any, limits: Limits | None = None) -> Door:
            door = Door(app, token, limits or Limits())
            stack.callback(door.close)
            return door

        yield opened


@pytest.fixture(scope="session")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Stock:
    """A library with everything in it; tests only read it."""
    return write_stock(tmp_path_factory.mktemp("stock"))


@pytest.fixture
def reading(stock: Stock) -> Iterator[Served]:
    """A server of that library, for questions alone."""
    with served(stock.catalog, stock.token) as serving:
        yield serving


@pytest.fixture
def writing(stock: Stock, tmp_path: Path) -> Iterator[Served]:
    """A server of a copy of that library's catalog, for deeds."""
    catalog = tmp_path / "catalog.sqlite"
    shutil.copyfile(stock.catalog, catalog)
    with served(catalog, tmp_path / "catalog.sqlite.token") as serving:
        yield serving


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Served]:
    """A server of a new catalog."""
    with served(tmp_path / "catalog.sqlite", tmp_path / "catalog.sqlite.token") as serving:
        yield serving
