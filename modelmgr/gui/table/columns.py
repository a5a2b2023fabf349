"""The columns of the library table: what each is called, how wide it begins, and its words for a row."""

import os
from collections.abc import Callable
from enum import Enum

from PySide6.QtCore import QCoreApplication

from modelmgr.gui.language import said
from modelmgr.gui.text import (
    age_text,
    count_text,
    date_text,
    exact_size_text,
    foreign_text,
    hash_text,
    notes_text,
    plain_tip,
    size_text,
    stars_text,
    type_label,
)
from modelmgr.lazily import dataclass
from modelmgr.values import FileState, HashState, ModelRow


class Look(Enum):
    """How a cell is painted."""

    TEXT = 0
    NAME = 1
    NUMBER = 2
    STATE = 3
    FAVORITE = 4
    MONO = 5
    TYPE = 6


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        name: what it is remembered by; the light column it shows, where it shows one alone.
        title: its header, to be translated in the context ``Columns``.
        width: in pixels at 100 %, before the user changes it; `GROWTH` says what it becomes where there is room.
        text: a row's cell as text; escaped, since most of it is foreign.
        tip: the tool tip, HTML-escaped; None for the text itself where it is cut.
        sort: the column that the catalog sorts by.
        copied: what Ctrl+C takes; None for the text.
        hidden: whether it is hidden until the user shows it.
    """

    name: str
    title: str
    width: int
    text: Callable[[ModelRow], str]
    look: Look = Look.TEXT
    tip: Callable[[ModelRow], str] | None = None
    sort: str = ""
    copied: Callable[[ModelRow], str] | None = None
    hidden: bool = False
    elide_middle: bool = False


def state_of(row: ModelRow) -> str:
    """Return the one state that a row shows: its file's trouble first, then how far its hash is."""
    if row.file_state != FileState.PRESENT:
        return row.file_state
    if row.hash_state in (HashState.NONE, HashState.HASHING):
        return "hashing"
    if row.hash_state == HashState.FAILED:
        return "unhashed"
    return "present"


_HASH_WORDS: dict[str, str] = {
    HashState.DONE: "done",
    HashState.NONE: "not yet",
    HashState.HASHING: "hashing…",
    HashState.FAILED: "failed",
}
_STATE_WORDS = {
    "present": "present",
    "missing": "missing",
    "offline": "offline",
    "unreadable": "unreadable",
    "hashing": "hashing…",
    "unhashed": "hash failed",
}


def state_text(row: ModelRow) -> str:
    """Return the word beside the state's dot."""
    state = state_of(row)
    return said(_STATE_WORDS.get(state, state))


_STATE_TIPS = {
    "present": "The file is where it was: {}",
    "missing": "The file is gone. It was last seen at {}",
    "offline": "The folder can't be reached now. The file was last seen at {}",
    "unreadable": "The file can't be read: {}",
    "hashing": "The hash of this file is not computed yet.",
    "unhashed": "The hash could not be computed: {}",
}


def _state_tip(row: ModelRow) -> str:
    path = foreign_text(row.path) or said("no file")
    return plain_tip(said(_STATE_TIPS.get(state_of(row), "{}")).format(path))


_DANGERS = {
    "dangerous": "Dangerous instructions found.",
    "unscanned": "Its instructions could not be scanned.",
}


def danger_text(danger: str | None) -> str:
    """Return what the light columns say of a file that runs code when other programs load it."""
    return said(_DANGERS.get(danger or "", ""))


def _danger_tip(row: ModelRow) -> str:
    return plain_tip(danger_text(row.danger))


def is_absent(row: ModelRow) -> bool:
    """Tell whether the row is greyed, because its file cannot be used now."""
    return row.file_state in (FileState.MISSING, FileState.OFFLINE)


def _joined(words: tuple[str, ...]) -> str:
    return foreign_text(", ".join(words))


def _yes_no(value: bool | None) -> str:
    return "" if value is None else said("yes") if value else said("no")


COLUMNS: tuple[Column, ...] = (
    Column(
        "name",
        "Name",
        320,
        lambda row: foreign_text(row.name),
        Look.NAME,
        tip=lambda row: plain_tip("\n".join(filter(None, (row.name, row.path, danger_text(row.danger))))),
        sort="name",
        copied=lambda row: row.name,
    ),
    Column("type", "Type", 108, lambda row: type_label(row.type), Look.TYPE, sort="type"),
    Column(
        "base_model",
        "Base model",
        92,
        lambda row: foreign_text(row.base_model),
        sort="base_model",
    ),
    Column(
        "size_bytes",
        "Size",
        62,
        lambda row: size_text(row.size_bytes),
        Look.NUMBER,
        tip=lambda row: exact_size_text(row.size_bytes),
        sort="size_bytes",
    ),
    Column(
        "tags",
        "Tags",
        58,
        lambda row: _joined(row.tags),
        sort="tags",
        copied=lambda row: ", ".join(row.tags),
    ),
    Column(
        "rating",
        "Rating",
        70,
        lambda row: stars_text(row.rating),
        sort="rating",
    ),
    Column(
        "added_at",
        "Added",
        68,
        lambda row: age_text(row.added_at),
        Look.NUMBER,
        tip=lambda row: date_text(row.added_at),
        sort="added_at",
        copied=lambda row: date_text(row.added_at),
    ),
    Column(
        "state",
        "State",
        54,
        state_text,
        Look.STATE,
        tip=_state_tip,
        sort="file_state",
    ),
    Column(
        "favorite",
        "Favourite",
        80,
        lambda row: "favourite" if row.favorite else "",
        Look.FAVORITE,
        sort="favorite",
        hidden=True,
    ),
    Column(
        "trigger_words",
        "Trigger words",
        160,
        lambda row: _joined(row.trigger_words),
        sort="trigger_words",
        copied=lambda row: ", ".join(row.trigger_words),
        hidden=True,
    ),
    Column(
        "file_name",
        "File name",
        200,
        lambda row: foreign_text(row.file_name),
        tip=lambda row: plain_tip(row.path),
        sort="file_name",
        copied=lambda row: row.file_name or "",
        hidden=True,
        elide_middle=True,
    ),
    Column(
        "folder",
        "Folder",
        220,
        lambda row: foreign_text(row.folder),
        sort="folder",
        copied=lambda row: row.folder or "",
        hidden=True,
        elide_middle=True,
    ),
    Column(
        "path",
        "Path",
        320,
        lambda row: foreign_text(row.path),
        sort="path",
        copied=lambda row: row.path or "",
        hidden=True,
        elide_middle=True,
    ),
    Column(
        "format",
        "Format",
        96,
        lambda row: foreign_text(row.format),
        sort="format",
        hidden=True,
    ),
    Column(
        "file_count",
        "Files",
        56,
        lambda row: count_text(row.file_count),
        Look.NUMBER,
        sort="file_count",
        hidden=True,
    ),
    Column(
        "modified_at",
        "Modified",
        80,
        lambda row: age_text(row.modified_at),
        Look.NUMBER,
        tip=lambda row: date_text(row.modified_at),
        sort="modified_at",
        copied=lambda row: date_text(row.modified_at),
        hidden=True,
    ),
    Column(
        "sha256",
        "SHA-256",
        104,
        lambda row: hash_text(row.sha256),
        Look.MONO,
        tip=lambda row: row.sha256 or "",
        sort="sha256",
        copied=lambda row: row.sha256 or "",
        hidden=True,
    ),
    Column(
        "hash_state",
        "Hash",
        96,
        lambda row: said(_HASH_WORDS.get(row.hash_state, row.hash_state)),
        sort="hash_state",
        hidden=True,
    ),
    Column("danger", "Danger", 96, lambda row: row.danger or "", tip=_danger_tip, sort="danger", hidden=True),
    Column(
        "preview",
        "Preview",
        200,
        lambda row: foreign_text(os.path.basename(row.preview or "")),
        tip=lambda row: plain_tip(row.preview),
        sort="preview",
        copied=lambda row: row.preview or "",
        hidden=True,
        elide_middle=True,
    ),
    Column(
        "license",
        "Licence",
        120,
        lambda row: foreign_text(row.license),
        sort="license",
        hidden=True,
    ),
    Column("nsfw", "NSFW", 64, lambda row: _yes_no(row.nsfw), sort="nsfw", hidden=True),
    Column(
        "source_url",
        "Source",
        200,
        lambda row: foreign_text(row.source_url),
        sort="source_url",
        hidden=True,
    ),
    Column(
        "notes",
        "Notes",
        220,
        lambda row: foreign_text(notes_text(row.notes or ""), 300),
        sort="notes",
        copied=lambda row: notes_text(row.notes or ""),
        hidden=True,
    ),
)


def column_title(column: Column) -> str:
    """Return a column's title in the user's language."""
    return QCoreApplication.translate("Columns", column.title)


GROWTH = (
    ("type", 140),
    ("state", 92),  # where one of them needs a word
    ("name", 190),
    ("tags", 90),
    ("base_model", 112),
    ("name", 260),
    ("tags", 260),
)
"""What grows where there is room, in turn: each up to so many pixels at 100 %. The names have the rest."""

COLUMN_OF_NAME = {column.name: number for number, column in enumerate(COLUMNS)}
NAME_COLUMN = COLUMN_OF_NAME["name"]
