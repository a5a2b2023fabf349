"""What all of them need: a size, a time, a path, and what went wrong."""

import math
import os
from collections.abc import Sequence
from datetime import date, timedelta
from functools import lru_cache

from modelmgr.lazily import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Problem:
    """One item that failed, or that was taken with a doubt.

    Attributes:
        path: the file or container it is about.
        code: a word of the list in ``_codex/data_model.md``.
        message: one sentence for the user.
        record_key: the record within the container, if it has one.
        kept: True if the item was taken nevertheless (then it does not count as failed).
    """

    path: str
    code: str
    message: str
    record_key: str = ""
    kept: bool = False


def folded(text: str) -> str:
    """Return text as a search compares it: whatever the case, and however a disk spells an é (composed, NFC)."""
    if text.isascii():
        return text.lower()
    import unicodedata

    return unicodedata.normalize("NFC", text.casefold())


def iso_time(seconds: float | None) -> str | None:
    """Return UTC ISO 8601 for Unix seconds; None for None and for times no calendar holds."""
    if seconds is None:
        return None
    try:
        # Thousands are asked for at once, of few days.
        days, second = divmod(math.floor(seconds), 86_400)
        day = _iso_day(days)
    except (ValueError, OverflowError):
        return None
    minute, second = divmod(second, 60)
    return f"{day}T{minute // 60:02}:{minute % 60:02}:{second:02}Z"


@lru_cache(4096)
def _iso_day(days: int) -> str:
    return (_EPOCH + timedelta(days)).isoformat()


_EPOCH = date(1970, 1, 1)


def is_below(path: str, folder: str) -> bool:
    """Tell whether `path` is `folder` or lies below it; both absolute and normalised, compared as text."""
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def is_below_any(path: str, folders: Sequence[str]) -> bool:
    """Tell whether `path` is one of `folders` or lies below one."""
    return any(is_below(path, folder) for folder in folders)
