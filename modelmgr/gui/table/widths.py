"""How wide the columns of the library table are: as the user made them, and the others by the room there is."""

from collections.abc import Container, Mapping, Sequence
from typing import Any

from PySide6.QtWidgets import QWidget

from modelmgr.gui import theme
from modelmgr.gui.measures import scaled
from modelmgr.gui.table.columns import COLUMN_OF_NAME, COLUMNS, GROWTH, NAME_COLUMN, column_title
from modelmgr.lazily import dataclass

MIN_NAME_WIDTH = 160
MIN_COLUMN_WIDTH = 40
MAX_COLUMN_WIDTH = 2000
STATE_COLUMN = COLUMN_OF_NAME["state"]
GROWING = frozenset(COLUMN_OF_NAME[name] for name, _width in GROWTH)


@dataclass(frozen=True, slots=True)
class Remembered:
    """A column as the last session left it.

    Attributes:
        section: its number.
        width: in pixels, as somebody made it; None if nobody did.
        is_hidden: whether it is not shown.
        has_words: whether it is the column of states and shows words.
    """

    section: int
    width: int | None
    is_hidden: bool
    has_words: bool


def remembered(state: Sequence[Mapping[str, Any]]) -> list[Remembered]:
    """Return the columns of what `LibraryView.column_state` has returned; what is odd is left out."""
    found = []
    for entry in state:
        section = COLUMN_OF_NAME.get(str(entry.get("name")))
        if section is None:
            continue
        # A width that nobody chose is that of today's letters. Where it isn't known who did: the column of states
        # was wide for everybody then.
        width = entry.get("width") if entry.get("chosen", section != STATE_COLUMN) else None
        if not isinstance(width, int) or not MIN_COLUMN_WIDTH <= width <= MAX_COLUMN_WIDTH:
            width = None
        is_hidden = bool(entry.get("hidden")) and section != NAME_COLUMN
        has_words = section == STATE_COLUMN and entry.get("words") is True
        found.append(Remembered(section, width, is_hidden, has_words))
    return found


def first_width(widget: QWidget, section: int) -> int:
    """Return the width of a column that nobody has changed: its title has its room in every language."""
    words = widget.fontMetrics().horizontalAdvance(column_title(COLUMNS[section])) + 2 * theme.S
    return max(scaled(widget, COLUMNS[section].width), words)


def fitted(
    widget: QWidget, widths: Mapping[int, int], chosen: Container[int], room: int, *, has_words: bool
) -> dict[int, int]:
    """Return the widths of the columns that may grow: they have the room that the others leave, as `GROWTH` says.

    Args:
        widget: has the letters of the table.
        widths: of all columns that are shown.
        chosen: whose widths somebody made.
        room: in pixels.
        has_words: whether the column of states needs room for words.
    """
    grown = {
        section: first_width(widget, section)
        for section in widths
        if section in GROWING and section not in chosen
    }
    grown[NAME_COLUMN] = scaled(widget, MIN_NAME_WIDTH)
    spare = max(0, room - sum({**widths, **grown}.values()))
    for name, width in GROWTH:
        section = COLUMN_OF_NAME[name]
        if section in grown and (name != "state" or has_words):
            more = min(spare, max(0, scaled(widget, width) - grown[section]))
            grown[section] += more
            spare -= more
    grown[NAME_COLUMN] += spare
    return grown
