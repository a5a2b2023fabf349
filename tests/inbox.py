"""What waits in a catalog, as the window asks for it."""

from modelmgr.catalog import Catalog
from modelmgr.values import PendingModel, PendingQuery

ALL = PendingQuery()


def pending_in(catalog: Catalog, wanted: PendingQuery = ALL) -> list[PendingModel]:
    """Return the pending models that match, in order."""
    return catalog.pending_rows(catalog.pending_order(wanted))
