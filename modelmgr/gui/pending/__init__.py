"""The inbox: what other tools say of the user's models, grouped by what is to be done, and every deed that settles it.

`page` puts the parts together; `deeds` run beside the window; `reading` alone reads a payload, of the selected row.
"""

from modelmgr.gui.pending.page import PendingPage

__all__ = ["PendingPage"]
