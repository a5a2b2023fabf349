"""Modules are loaded as Python loads them, not as PySide does, and `Qt` when something of it is wanted.

PySide can be switched to other names of its methods, a module at a time (`from __feature__ import snake_case`). For
that it reads the source of every module that is loaded after it and looks for its own name: a fifth of what our own
modules cost a start. Nobody here uses these switches.

With the name `Qt` all enumerations of that namespace are made, 1,500 names: an eighth of a bare window's time. So what
is loaded before the first paint has it from here.
"""

import builtins
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PySide6.QtCore import Qt
else:

    class _Namespace:
        def __getattr__(self, name: str) -> Any:
            from PySide6.QtCore import Qt

            # Python asks here for what is not kept yet.
            found = self.__dict__[name] = getattr(Qt, name)
            return found

    Qt = _Namespace()

__all__ = ["Qt", "load_plainly"]


def load_plainly() -> None:
    """Let PySide, which is loaded already, look into no source from now on."""
    plain = getattr(builtins, "__orig_import__", None)
    if plain is not None:
        builtins.__import__ = plain
