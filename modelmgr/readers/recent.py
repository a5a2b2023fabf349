"""A bounded memory of what was made last, for all threads."""

from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")


class Recent(Generic[T]):
    """Values by key; those that were asked for longest ago are forgotten when all together weigh too much.

    Attributes:
        weight: of all values together.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._values: OrderedDict[Hashable, tuple[T, int]] = OrderedDict()
        self._lock = Lock()
        self.weight = 0

    def get(self, key: Hashable) -> T | None:
        """Return the value, or None."""
        with self._lock:
            found = self._values.get(key)
            if found is None:
                return None
            self._values.move_to_end(key)
            return found[0]

    def keep(self, key: Hashable, value: T, weight: int) -> None:
        """Keep a value in place of what was kept under its key."""
        with self._lock:
            before = self._values.pop(key, None)
            self._values[key] = (value, weight)
            self.weight += weight - (before[1] if before is not None else 0)
            while self.weight > self._limit:
                self.weight -= self._values.popitem(last=False)[1][1]

    def forget(self) -> None:
        """Forget everything."""
        with self._lock:
            self._values.clear()
            self.weight = 0
