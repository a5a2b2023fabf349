"""The deeds: scan, import, promote, verify, export. The only room that knows all the rooms below it.

Blocking, for any thread. `Progress` reports and cancels; a cancelled deed returns what it did, with `cancelled` set.
"""

from modelmgr.library.library import Library
from modelmgr.library.merging import claims_of
from modelmgr.library.tracing import Key, trace

__all__ = ["Key", "Library", "claims_of", "trace"]
