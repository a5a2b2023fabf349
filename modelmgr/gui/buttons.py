"""In which order the buttons of a question stand: as the platform has them in its dialogs, and everywhere alike."""

from collections.abc import Sequence
from typing import TypeVar

from PySide6.QtWidgets import QDialogButtonBox, QStyle, QWidget

_Layout = QDialogButtonBox.ButtonLayout
_DEED_FIRST = (_Layout.WinLayout.value, _Layout.KdeLayout.value)

T = TypeVar("T")


def in_order(widget: QWidget, does: Sequence[T], leaves: Sequence[T]) -> list[T]:
    """Return what stands beside one another, from the side where one begins to read.

    Where a `QDialogButtonBox` can be, it says the same by itself: strips on a page and the wizard have none.

    Args:
        widget: what they stand on, for its style.
        does: the buttons that do something.
        leaves: those that leave everything as it is.
    """
    layout = widget.style().styleHint(QStyle.StyleHint.SH_DialogButtonLayout, None, widget)
    return [*does, *leaves] if layout in _DEED_FIRST else [*leaves, *does]
