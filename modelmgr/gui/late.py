"""Widgets some parts of which are made after the first paint, or when somebody looks for them by name before."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget as _Widget
else:
    _Widget = object


class LateParts(_Widget):
    """Stands before the class of a widget; `make_late` is called more than once, and makes what isn't there yet."""

    def make_late(self) -> None:
        """Make all parts with promised names that aren't there yet."""
        raise NotImplementedError

    def findChild(self, *wanted: Any, **options: Any) -> Any:
        found = super().findChild(*wanted, **options)
        if found is None:
            self.make_late()
            found = super().findChild(*wanted, **options)
        return found

    def findChildren(self, *wanted: Any, **options: Any) -> Any:
        self.make_late()
        return super().findChildren(*wanted, **options)
