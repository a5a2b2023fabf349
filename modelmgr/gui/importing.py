"""Modules are loaded as Python loads them, not as PySide does.

PySide can be switched to other names of its methods, a module at a time (`from __feature__ import snake_case`). For
that it reads the source of every module that is loaded after it and looks for its own name: a fifth of what our own
modules cost a start. Nobody here uses these switches.
"""

import builtins


def load_plainly() -> None:
    """Let PySide, which is loaded already, look into no source from now on."""
    plain = getattr(builtins, "__orig_import__", None)
    if plain is not None:
        builtins.__import__ = plain
