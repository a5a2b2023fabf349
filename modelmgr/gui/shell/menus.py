"""The titles of the menus; the table of commands says what is in them."""

from collections.abc import Sequence

from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QMenu, QMenuBar


def _tr(text: str) -> str:
    return QCoreApplication.translate("Commands", text)


def menu_titles() -> tuple[str, ...]:
    """Return the titles of the menus, in the order of the table of commands."""
    return (_tr("&File"), _tr("&Edit"), _tr("&Model"), _tr("&View"), _tr("&Pending"), _tr("&Help"))


def add_menus(bar: QMenuBar) -> Sequence[QMenu]:
    """Give the menu bar its menus, without anything in them yet."""
    return [bar.addMenu(title) for title in menu_titles()]
