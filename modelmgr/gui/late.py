"""Widgets some parts of which are made after the first paint, or when somebody looks for them before."""

from collections import deque
from collections.abc import Callable
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


class Growing(LateParts):
    """A widget that is seen when it has its first parts; steps make the others, at their time or all at once.

    What the steps make can be asked for at any time: who reads an attribute that isn't there yet has them done.
    """

    _steps: deque[Callable[[], object]]
    _is_growing = False

    @property
    def is_whole(self) -> bool:
        """Whether all parts are there."""
        return not self.__dict__.get("_steps", True)

    def grow(self) -> None:
        """Do the next step; one that fails is done again the next time."""
        if self.__dict__.get("_steps") and not self._is_growing:
            self._is_growing = True
            try:
                self._steps[0]()
            finally:
                self._is_growing = False
            self._steps.popleft()

    def grow_whole(self) -> None:
        """Do all steps that are left."""
        while self.__dict__.get("_steps") and not self._is_growing:
            self.grow()

    def stop_growing(self) -> None:
        """Make nothing more, whoever asks: what it would ask is closed."""
        self._is_growing = True

    def make_late(self) -> None:
        self.grow_whole()

    def __getattr__(self, name: str) -> Any:
        # Python asks here for what isn't there.
        if self.__dict__.get("_steps") and not self._is_growing and not name.startswith("__"):
            self.grow_whole()
        # Not a bare AttributeError: a property is here too, when it misses something, and says what.
        return self.__getattribute__(name)
