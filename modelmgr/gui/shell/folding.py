"""Which panes stand beside the models: what the user chose, for windows with room for them and for small ones."""

from collections.abc import Mapping
from typing import Any


class Fold:
    """Whether a pane at the side is shown. In a small window it is folded away, unless it was asked for there.

    Who asks for it in a small window wants it in every window, who closes it in a large one in none; who closes it
    in a small one has the room back, and the pane again where there is enough.

    Args:
        name: under which it is remembered.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._is_on = {False: True, True: False}  # by whether the window is small

    def is_on(self, *, is_small: bool) -> bool:
        """Return whether the pane is shown."""
        return self._is_on[is_small]

    def choose(self, is_on: bool, *, is_small: bool) -> None:
        """Take in what the user chose in a window of now."""
        self._is_on[is_small] = is_on
        if is_on == is_small:
            self._is_on[not is_small] = is_on

    def restore(self, state: Mapping[str, Any]) -> None:
        """Bring back what was chosen; anything odd is as if it weren't there."""
        self._is_on[False] = state.get(f"{self._name}_shown") is not False
        self._is_on[True] = self._is_on[False] and state.get(f"{self._name}_shown_if_small") is True

    def state(self) -> dict[str, bool]:
        """Return what comes back at the next start."""
        return {f"{self._name}_shown": self._is_on[False], f"{self._name}_shown_if_small": self._is_on[True]}
