"""What the window looked like, in one small file beside the catalog."""

import base64
import binascii
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PySide6.QtWidgets import QMainWindow

from modelmgr.settings import read_json, write_json

log = logging.getLogger(__name__)


def load(path: Path) -> Mapping[str, Any]:
    """Read what was saved; nothing where nothing can be read."""
    return read_json(path)


def save(path: Path, state: Mapping[str, Any]) -> None:
    """Write it. A window that opens as if for the first time is no reason to trouble anyone."""
    try:
        write_json(path, state)
    except OSError as error:
        log.info("The window's state was not saved: %s", error)


def is_plain(state: Mapping[str, Any]) -> bool:
    """Tell whether the window shows the table of all models, so that its first rows can be seen before all else."""
    look, query = state.get("look"), state.get("query")
    if state.get("page") not in (None, "library") or (isinstance(look, dict) and look.get("grid")):
        return False
    order = ("sort", "descending", "then_by")
    return not isinstance(query, dict) or not any(value for key, value in query.items() if key not in order)


def place_of(window: QMainWindow) -> dict[str, Any]:
    """Return place and size of a window."""
    return {"geometry": base64.b64encode(window.saveGeometry().data()).decode("ascii")}


def docks_of(window: QMainWindow) -> dict[str, Any]:
    """Return the docks of a window."""
    return {"docks": base64.b64encode(window.saveState().data()).decode("ascii")}


def restore_place(window: QMainWindow, state: Mapping[str, Any]) -> None:
    """Bring back place and size; anything odd is as if it weren't there."""
    found = _bytes(state.get("geometry"))
    if found is not None:
        window.restoreGeometry(found)


def restore_docks(window: QMainWindow, state: Mapping[str, Any]) -> None:
    """Bring back the docks, once there are any; anything odd is as if it weren't there."""
    found = _bytes(state.get("docks"))
    if found is not None:
        window.restoreState(found)


def _bytes(found: object) -> bytes | None:
    if not isinstance(found, str):
        return None
    try:
        return base64.b64decode(found.encode("ascii"), validate=True)
    except (binascii.Error, ValueError):
        return None
