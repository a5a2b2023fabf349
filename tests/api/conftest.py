"""What tests of the HTTP door share."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from modelmgr.api.token import TokenFile
from modelmgr.api.wire import Limits
from tests.api.doors import Door


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
