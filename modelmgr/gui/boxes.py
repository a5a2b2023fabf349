"""Rows and columns: widgets and layouts beside and below one another."""

from collections.abc import Callable
from typing import TypeAlias, TypeVar

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QBoxLayout, QHBoxLayout, QLayout, QVBoxLayout, QWidget

STRETCH = 1
"""As a part: what is left of the room."""

Item: TypeAlias = QWidget | QLayout
Part: TypeAlias = Item | tuple[Item, int] | tuple[Item, int, Qt.AlignmentFlag] | int
"""What stands in a box: a widget or a layout, if need be with its stretch and alignment; a number is empty room
that stretches so much."""

Box = TypeVar("Box", bound=QBoxLayout)


def row(
    *parts: Part,
    on: QWidget | None = None,
    margins: int | tuple[int, int, int, int] | None = None,
    spacing: int | None = None,
) -> QHBoxLayout:
    """Return a layout with these parts side by side.

    Args:
        parts: in the order in which they are read.
        on: whose layout it becomes; None for one that goes into another.
        margins: on all sides alike, or left, top, right and bottom; in pixels. None: as Qt has them.
        spacing: between the parts, in pixels. None: as Qt has it.
    """
    return _filled(QHBoxLayout() if on is None else QHBoxLayout(on), parts, margins, spacing)


def column(
    *parts: Part,
    on: QWidget | None = None,
    margins: int | tuple[int, int, int, int] | None = None,
    spacing: int | None = None,
) -> QVBoxLayout:
    """Return a layout with these parts one below the other; arguments as `row`."""
    return _filled(QVBoxLayout() if on is None else QVBoxLayout(on), parts, margins, spacing)


def _filled(
    box: Box, parts: tuple[Part, ...], margins: int | tuple[int, int, int, int] | None, spacing: int | None
) -> Box:
    if margins is not None:
        box.setContentsMargins(*((margins,) * 4 if isinstance(margins, int) else margins))
    if spacing is not None:
        box.setSpacing(spacing)
    for part in parts:
        if isinstance(part, int):
            box.addStretch(part)
            continue
        item, *how = part if isinstance(part, tuple) else (part,)
        add: Callable[..., None] = box.addWidget if isinstance(item, QWidget) else box.addLayout
        add(item, *how)
    return box
