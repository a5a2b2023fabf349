"""The deeds: scan, import, promote, verify, export. The only room that knows all the rooms below it.

Blocking, for any thread. `Progress` reports and cancels; a cancelled deed returns what it did, with `cancelled` set.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from modelmgr.discovery.small import ready_to_hash
    from modelmgr.library.library import Library
    from modelmgr.library.merging import claims_of
    from modelmgr.library.tracing import Key, trace

_WHERE = {
    "Key": "library.tracing",
    "Library": "library.library",
    "claims_of": "library.merging",
    "ready_to_hash": "discovery.small",
    "trace": "library.tracing",
}
__all__ = ["Key", "Library", "claims_of", "ready_to_hash", "trace"]


def __getattr__(name: str) -> Any:
    """Load what is wanted: processes that will hash start while the rest is loaded."""
    if name not in _WHERE:
        raise AttributeError(name)
    return getattr(importlib.import_module(f"modelmgr.{_WHERE[name]}"), name)
